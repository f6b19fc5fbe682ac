/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random instructions, one to four at a time, on the host's own processor, in the interpreter (T0: one by one, and as blocks)
 * and in translated code (T1): general registers, flags, x87, MMX, XMM/YMM, MXCSR, memory, faults.
 *
 *	x86-native [64|32] [cases N | seconds N] [seed N] [op NAME] [show N] [t0]
 *
 * Undefined results are listed in undefined_flags() and in tests/isa/generate.h: excluded(), each with its reason.
 */
#include <errno.h>
#include <time.h>
#include "tap.h"
#include "isa/generate.h"
#include "isa/x86/interp.h"
#include "isa/x86/translate.h"
#include "jit/engine.h"

static uint8_t *code_rw; /* the code that the cases see read-only at CASE_CODE */
static uint8_t *const data = (uint8_t *)(uintptr_t)CASE_DATA;
static uint8_t template[CASE_DATA_SIZE], before[CASE_DATA_SIZE], after[CASE_DATA_SIZE];
static struct x86_cpu *cpu;
static struct x86_features features;
static bool is32, avx, in_t1, no_t1;
static const char *only_op;

struct test_case {
	struct native_state state;
	uint8_t code[64];
	unsigned length, count;
	uint64_t start, end, landing;
	struct x86_insn insn[4];
	uint64_t undefined; /* flags at the end */
	bool bad_result;    /* a register result is undefined too */
};

static const struct test_case *running; /* for the report of a bug */

static void on_signal(int sig, siginfo_t *si, void *context)
{
	if (native_fault(sig, si, context) || (in_t1 ? cpu->cpu.isa->host_fault(&cpu->cpu, sig, si, context)
						     : x86_interp_fault(cpu, sig, si, context)))
		return;
	ucontext_t *u = context;
	uint64_t fetch = jit_fetch_fault((uint64_t)u->uc_mcontext.gregs[REG_RIP]);
	if (fetch) {
		u->uc_mcontext.gregs[REG_RIP] = (greg_t)fetch;
		return;
	}
	/* a bug of the test or of the interpreter: die of it */
	char text[120];
	int n = snprintf(text, sizeof text, "# signal %d at %llx, address %llx\n", sig,
			 (long long)u->uc_mcontext.gregs[REG_RIP], (long long)si->si_addr);
	(void)!write(1, text, n);
	for (unsigned i = 0; running && i < running->length; i++) {
		n = snprintf(text, sizeof text, "%s%02x%s", i ? " " : "# in ", running->code[i], i + 1 == running->length ? "\n" : "");
		(void)!write(1, text, n);
	}
	signal(sig, SIG_DFL);
}

/* Flags that the manual leaves undefined (SDM volume 1, appendix A; AMD APM volume 3, appendix E.3). */
static uint64_t undefined_flags(const struct x86_insn *in, const struct native_state *s)
{
	const uint64_t SZAP = X86_SF | X86_ZF | X86_AF | X86_PF;
	unsigned bits = x86_operand_size(in, 0) * 8, n = 1;
	switch (in->row->op) {
	case X86_OP_shl: case X86_OP_shr: case X86_OP_sar: case X86_OP_rol: case X86_OP_ror: case X86_OP_rcl: case X86_OP_rcr: {
		bool rotates = in->row->op == X86_OP_rol || in->row->op == X86_OP_ror || in->row->op == X86_OP_rcl || in->row->op == X86_OP_rcr;
		if (in->row->operands[1] == X86_O_Ib)
			n = in->imm;
		else if (in->row->operands[1] == X86_O_CL)
			n = s ? s->gpr[X86_RCX] & 255 : 99;
		n &= bits == 64 ? 63 : 31;
		if (!s && in->row->operands[1] == X86_O_CL)
			return rotates ? X86_OF : X86_OF | X86_AF | X86_CF;
		if (!n)
			return 0;
		return (n == 1 ? 0 : X86_OF) | (rotates ? 0 : X86_AF | (n >= bits ? X86_CF : 0));
	}
	case X86_OP_shld: case X86_OP_shrd:
		n = in->row->operands[2] == X86_O_CL ? (s ? s->gpr[X86_RCX] & 255 : 99) : in->imm & 255;
		n &= bits == 64 ? 63 : 31;
		if (s && !n)
			return 0;
		return n > bits ? X86_STATUS : (n == 1 ? 0 : X86_OF) | X86_AF | (n >= bits ? X86_CF : 0);
	case X86_OP_mul: case X86_OP_imul:
		return SZAP;
	case X86_OP_div: case X86_OP_idiv:
		return X86_STATUS;
	case X86_OP_bsf: case X86_OP_bsr:
		return X86_STATUS & ~X86_ZF;
	case X86_OP_bt: case X86_OP_bts: case X86_OP_btr: case X86_OP_btc:
		return X86_OF | X86_SF | X86_AF | X86_PF;
	case X86_OP_and: case X86_OP_or: case X86_OP_xor: case X86_OP_test:
		return X86_AF;
	case X86_OP_daa: case X86_OP_das:
		return X86_OF;
	case X86_OP_aaa: case X86_OP_aas:
		return X86_OF | X86_SF | X86_ZF | X86_PF;
	case X86_OP_aam: case X86_OP_aad:
		return X86_OF | X86_AF | X86_CF;
	case X86_OP_tzcnt: case X86_OP_lzcnt:
		return X86_OF | X86_SF | X86_PF | X86_AF;
	case X86_OP_bextr:
		return X86_AF | X86_SF | X86_PF;
	case X86_OP_bzhi: case X86_OP_blsi: case X86_OP_blsr: case X86_OP_blsmsk: case X86_OP_andn:
		return X86_AF | X86_PF;
	}
	return 0;
}

/* Result registers that are undefined: 16-bit double shifts beyond 16, BSWAP of 16 bits. */
static bool undefined_result(const struct x86_insn *in, const struct native_state *s)
{
	if ((in->row->op == X86_OP_shld || in->row->op == X86_OP_shrd) && in->opsize == 2) {
		unsigned n = in->row->operands[2] == X86_O_CL ? (s ? s->gpr[X86_RCX] & 31 : 31) : in->imm & 31;
		return n > 16;
	}
	return in->row->op == X86_OP_bswap && in->opsize == 2;
}

static void place_implicit(struct native_state *s, const struct x86_insn *in)
{
	unsigned op = in->row->op;
	if (in->row->copy == X86_COPY_STRING) {
		uint64_t base = CASE_DATA + 0x200;
		s->gpr[X86_RSI] = base + below(CASE_DATA_SIZE - 0x400) - (in->seg == X86_GS ? CASE_GS : 0);
		s->gpr[X86_RDI] = CASE_DATA + 0x200 + below(CASE_DATA_SIZE - 0x400);
		if (in->prefixes & (X86_PFX_REP | X86_PFX_REPNE))
			s->gpr[X86_RCX] = below(30);
		if (!below(40))
			s->gpr[X86_RDI] = CASE_RO - 8;
	} else if (op == X86_OP_xlat) {
		s->gpr[X86_RBX] = CASE_DATA + 0x100 - (in->seg == X86_GS ? CASE_GS : 0);
	} else if (op == X86_OP_maskmovdqu || op == X86_OP_maskmovq) {
		s->gpr[X86_RDI] = CASE_DATA + below(CASE_DATA_SIZE - 16) - (in->seg == X86_GS ? CASE_GS : 0);
	} else if ((op == X86_OP_div || op == X86_OP_idiv) && below(4) && x86_gprs_used(in) >> X86_RDX & 1) {
		s->gpr[X86_RDX] = op == X86_OP_idiv && s->gpr[X86_RAX] >> 63 ? UINT64_MAX : below(4);
		if (is32)
			s->gpr[X86_RDX] = (uint32_t)s->gpr[X86_RDX];
	} else if ((op == X86_OP_bt || op == X86_OP_bts || op == X86_OP_btr || op == X86_OP_btc) && in->has_mem &&
		   in->row->operands[1] == X86_O_Gv && below(8)) {
		s->gpr[in->reg] = below(2048);
	} else if ((op == X86_OP_pusha || op == X86_OP_enter) && !below(3)) { /* some of the stores fault */
		s->gpr[X86_RSP] = (below(3) ? CASE_DATA : CASE_RO) + below(48);
	} else if (op == X86_OP_leave) {
		s->gpr[X86_RBP] = CASE_DATA + 0x800 + below(64) * 8;
	} else if (op == X86_OP_enter) {
		s->gpr[X86_RBP] = CASE_DATA + 0x1800;
	}
}

/*
 * The address sanitizer has mapped 16 terabytes for its own records: a store to a random address, which faults anywhere else,
 * would hit them. So under it memory is only used at addresses that no instruction of the case has changed before.
 */
#ifdef __SANITIZE_ADDRESS__
static const bool tame = true;
#else
static const bool tame = false;
#endif

static bool wild(const struct x86_insn *in, uint64_t changed)
{
	unsigned op = in->row->op;
	bool memory = in->has_mem || in->row->copy == X86_COPY_STRING || x86_gprs_used(in) >> X86_RSP & 1 || op == X86_OP_xlat ||
		      op == X86_OP_maskmovq || op == X86_OP_maskmovdqu || op == X86_OP_leave || op == X86_OP_enter;
	bool bits = (op == X86_OP_bts || op == X86_OP_btr || op == X86_OP_btc) && in->row->operands[1] == X86_O_Gv;
	return memory && (changed || (in->has_mem && bits) || in->row->flags & X86_ROW_VSIB);
}

/* False: nothing came of it. */
static bool make_case(struct test_case *c)
{
	unsigned want = below(5) < 3 ? 1 : 2 + below(3);
	uint64_t claimed = 0, touched = 0;
	memcpy(data, template, sizeof template);
	rnd_state_fill(&c->state, is32, avx);
	static unsigned slot;
	slot = (slot + 1) % (CASE_CODE_SIZE / 256 - 2);
	if (!slot && !no_t1)
		jit_invalidate(cpu->cpu.jit, CASE_CODE, CASE_CODE_SIZE);
	c->start = CASE_CODE + 256 * slot + below(16);
	c->length = c->count = 0;
	c->undefined = 0;
	c->bad_result = false;
	memset(c->code, 0x90, sizeof c->code);
	for (unsigned tries = 0; c->count < want && tries < 200; tries++) {
		uint8_t *p = c->code + c->length;
		uint64_t pc = c->start + c->length;
		struct x86_insn *in = &c->insn[c->count];
		rnd_bytes(p, is32);
		if (x86_decode(in, p, 15, is32 ? 32 : 64, &features) != X86_DECODE_OK || excluded(in))
			continue;
		if (!x86_ir_known(in->row->op))
			continue;
		if (only_op && strcmp(only_op, in->row->name))
			continue;
		if (x86_flags_read(in) & c->undefined || c->bad_result)
			continue;
		bool locks = in->has_mem && (in->prefixes & X86_PFX_LOCK || in->row->op == X86_OP_xchg || in->row->op == X86_OP_cmpxchg8b);
		if (locks && (c->count || in->index != X86_NOREG))
			continue; /* see place_memory() */
		bool branch = in->row->copy == X86_COPY_BRANCH || in->row->copy == X86_COPY_INDIRECT;
		if (branch && want > 1 && c->count + 1 < want)
			continue;
		if (in->row->op == X86_OP_enter) { /* within the data page */
			p[in->imm_off + 1] &= 1;
		}
		uint16_t used = x86_gprs_used(in);
		if (branch && in->row->copy == X86_COPY_INDIRECT && used & claimed)
			continue; /* its target would be in a register that is already an address */
		if (tame && wild(in, used & touched))
			continue;
		touched |= used;
		if (!c->count || !(used & claimed)) {
			place_implicit(&c->state, in);
			if (in->has_mem)
				place_memory(&c->state, in, p, pc);
		}
		if (in->row->op == X86_OP_enter)
			p[in->imm_off + 2] &= 31;
		if (branch)
			place_branch(&c->state, in, p, pc, c->start + 0x50);
		if (x86_decode(in, p, 15, is32 ? 32 : 64, &features) != X86_DECODE_OK)
			continue;
		claimed |= used;
		const struct native_state *s = c->count ? NULL : &c->state;
		c->undefined = (c->undefined & ~(uint64_t)x86_flags_written(in)) | undefined_flags(in, s);
		c->bad_result |= undefined_result(in, s);
		c->length += in->length;
		c->count++;
		if (in->row->flags & X86_ROW_END || branch)
			break;
	}
	for (unsigned i = 0; i < 16 && is32; i++)
		c->state.gpr[i] = (uint32_t)c->state.gpr[i];
	c->end = c->start + c->length;
	c->landing = c->start + 0x50;
	return c->count > 0 && c->length <= 0x40;
}

/* The instructions, and INT3 everywhere else: the end and the landing are told by it. */
static void prepare_code(const struct test_case *c)
{
	uint8_t *p = code_rw + (c->start - CASE_CODE);
	memset(code_rw + ((c->start & ~255ull) - CASE_CODE), 0xCC, 256);
	memcpy(p, c->code, c->length);
}

static void cpu_load(const struct test_case *c)
{
	const struct native_state *s = &c->state;
	memcpy(cpu->gpr, s->gpr, sizeof cpu->gpr);
	cpu->rflags = s->rflags;
	cpu->rip = c->start;
	memcpy(&cpu->fx, s->xsave, 160);
	memcpy(&cpu->mxcsr, s->xsave + 24, 4);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(&cpu->ymm[i].u8[0], s->xsave + 160 + 16 * i, 16);
		memcpy(&cpu->ymm[i].u8[16], s->xsave + 576 + 16 * i, 16);
	}
	cpu->mode = is32 ? 32 : 64;
	cpu->seg[X86_GS].base = is32 ? 0 : CASE_GS;
	cpu->fault_return = NULL;
}

static unsigned differences, shown = 12;
static const char *who = "";

static void dump(const struct test_case *c, const char *what)
{
	char text[128];
	if (differences > shown)
		return;
	printf("# %s\n", what);
	uint64_t pc = c->start;
	for (unsigned i = 0; i < c->count; i++) {
		printf("#   %06x:", (unsigned)pc & 0xffffff);
		for (unsigned k = 0; k < c->insn[i].length; k++)
			printf(" %02x", c->code[pc - c->start + k]);
		printf("  %s\n", x86_disassemble(&c->insn[i], pc, text, sizeof text));
		pc += c->insn[i].length;
	}
}

static void diff(const struct test_case *c, bool *first, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void diff(const struct test_case *c, bool *first, const char *fmt, ...)
{
	va_list ap;
	if (*first) {
		differences++;
		char text[64];
		snprintf(text, sizeof text, "%s-bit case differs in %s", is32 ? "32" : "64", who);
		dump(c, text);
		*first = false;
	}
	if (differences > shown)
		return;
	va_start(ap, fmt);
	printf("#     ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

static const struct x86_insn *insn_at(const struct test_case *c, uint64_t rip)
{
	uint64_t pc = c->start;
	for (unsigned i = 0; i < c->count; pc += c->insn[i++].length)
		if (pc == rip)
			return &c->insn[i];
	return NULL;
}

/*
 * Faults whose side effects are the processor's own business: which of two reasons to fault wins, and what of the
 * instruction was done when its store faulted.
 */
enum tolerate { SAME_ALL, ANY_VECTOR = 1, ANY_X87 = 2, ANY_MXCSR = 4, LOW_32 = 8, ANYTHING = 16, ANY_MEMORY = 32 };

static unsigned tolerance(const struct x86_insn *in)
{
	if (!in)
		return 0;
	unsigned t = 0;
	if (in->row->op == X86_OP_maskmovq || in->row->op == X86_OP_maskmovdqu)
		return ANYTHING; /* a page that the mask does not touch may fault (SDM volume 2, MASKMOVQ) */
	if (in->row->flags & X86_ROW_X87 && in->row->flags & X86_ROW_VEC)
		t |= ANY_X87; /* MMX state has been entered */
	if (in->seg == X86_CS || in->row->op == X86_OP_clflush || in->row->op == X86_OP_clflushopt || in->row->op == X86_OP_clwb)
		t |= ANY_VECTOR; /* a store through CS; which check of the address comes first */
	if (in->row->operands[0] == X86_O_Mt)
		t |= ANY_MEMORY; /* ten bytes are two stores */
	if (in->row->op == X86_OP_vcvtps2ph)
		t |= ANY_MXCSR; /* converted, not stored */
	if (in->row->copy == X86_COPY_STRING && in->addrsize == 4)
		t |= LOW_32; /* REP has cut its registers to 32 bits */
	return t;
}

static bool compare(const struct test_case *c, enum trap_kind kind, const struct native_result *r)
{
	static const char *const names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	bool first = true;
	const struct native_state *o = &native_out;
	uint64_t rip = r->how == NATIVE_NEXT ? c->end : r->how == NATIVE_LANDED ? c->landing : o->rip;
	unsigned may = r->how == NATIVE_FAULT ? tolerance(insn_at(c, rip)) : kind == TRAP_EXCEPTION ? tolerance(insn_at(c, cpu->rip)) : 0;
	const struct x86_insn *at = insn_at(c, rip);
	if (!strcmp(who, "T1") && r->vector == 13 && at && at->row->copy == X86_COPY_INDIRECT && cpu->rip != rip)
		return true; /* a jump to a non-canonical address: T1 faults at the target */
	if (may & ANYTHING)
		return true;
	if ((kind == TRAP_EXCEPTION) != (r->how == NATIVE_FAULT)) {
		diff(c, &first, "host: %s vector %d at %llx, ours: %s vector %d at %llx", r->how == NATIVE_FAULT ? "fault" : "no fault", r->vector,
		     (long long)rip, kind == TRAP_EXCEPTION ? "fault" : kind == TRAP_NONE ? "no fault" : "other trap", cpu->cpu.trap.vector,
		     (long long)cpu->rip);
		return false;
	}
	if (r->how == NATIVE_FAULT) {
		int v = cpu->cpu.trap.vector;
		/* a non-canonical address is #SS or #GP by the base register, which T1 may have replaced */
		bool canonical = !(v >= 12 && v <= 14 && (r->vector == 12 || (r->vector == 13 && v == 12)));
		if (v != r->vector && canonical && !(may & ANY_VECTOR))
			diff(c, &first, "vector: host %d, ours %d", r->vector, v);
		if (v == 14 && r->vector == 14 && cpu->cpu.trap.address >> 12 != r->address >> 12 &&
		    cpu->cpu.trap.address + 32 - r->address > 64 && /* across pages: the parts in any order */
		    /* a read-modify-write across the read-only page's end has two reasons to fault */
		    !((r->address >> 12) + 1 == (CASE_RO + 4096) >> 12 && cpu->cpu.trap.address == CASE_RO + 4096))
			diff(c, &first, "fault address: host %llx, ours %llx", (long long)r->address, (long long)cpu->cpu.trap.address);
	}
	if (cpu->rip != rip)
		diff(c, &first, "rip: host %llx, ours %llx", (long long)rip, (long long)cpu->rip);
	if (!c->bad_result)
		for (unsigned i = 0; i < (is32 ? 8u : 16u); i++)
			if (cpu->gpr[i] != o->gpr[i] && !(may & LOW_32 && (uint32_t)cpu->gpr[i] == o->gpr[i]))
				diff(c, &first, "%s: host %016llx, ours %016llx, was %016llx", names[i], (long long)o->gpr[i],
				     (long long)cpu->gpr[i], (long long)c->state.gpr[i]);
	uint64_t mask = (X86_STATUS | X86_DF) & ~(r->how == NATIVE_FAULT && c->count == 1 ? 0 : c->undefined);
	if (r->how == NATIVE_FAULT && c->count > 1)
		mask = X86_DF;
	if ((cpu->rflags ^ o->rflags) & mask)
		diff(c, &first, "flags: host %03llx, ours %03llx, was %03llx (compared: %03llx)", (long long)(o->rflags & 0xcd5),
		     (long long)(cpu->rflags & 0xcd5), (long long)(c->state.rflags & 0xcd5), (long long)mask);
	uint32_t mxcsr;
	memcpy(&mxcsr, o->xsave + 24, 4);
	if (mxcsr != cpu->mxcsr && !(may & ANY_MXCSR))
		diff(c, &first, "mxcsr: host %04x, ours %04x", mxcsr, cpu->mxcsr);
	const uint8_t *fx = (const uint8_t *)&cpu->fx;
	if (may & ANY_X87)
		return first;
	if (memcmp(fx, o->xsave, 5))
		diff(c, &first, "fcw fsw ftw: host %02x%02x %02x%02x %02x, ours %02x%02x %02x%02x %02x, was %02x%02x %02x%02x %02x", o->xsave[1],
		     o->xsave[0], o->xsave[3], o->xsave[2], o->xsave[4], fx[1], fx[0], fx[3], fx[2], fx[4], c->state.xsave[1], c->state.xsave[0],
		     c->state.xsave[3], c->state.xsave[2], c->state.xsave[4]);
	for (unsigned i = 0; i < 8; i++)
		if (memcmp(fx + 32 + 16 * i, o->xsave + 32 + 16 * i, 10)) {
			uint64_t h, m;
			memcpy(&h, o->xsave + 32 + 16 * i, 8);
			memcpy(&m, fx + 32 + 16 * i, 8);
			diff(c, &first, "st%u: host %02x%02x %016llx, ours %02x%02x %016llx", i, o->xsave[41 + 16 * i], o->xsave[40 + 16 * i],
			     (long long)h, fx[41 + 16 * i], fx[40 + 16 * i], (long long)m);
		}
	for (unsigned i = 0; i < (is32 ? 8u : 16u); i++) {
		uint64_t h[4];
		memcpy(h, o->xsave + 160 + 16 * i, 16);
		memcpy(h + 2, o->xsave + 576 + 16 * i, 16);
		if (memcmp(h, cpu->ymm[i].u64, avx ? 32 : 16))
			diff(c, &first, "ymm%u: host %016llx %016llx %016llx %016llx\n#           ours %016llx %016llx %016llx %016llx", i,
			     (long long)h[3], (long long)h[2], (long long)h[1], (long long)h[0], (long long)cpu->ymm[i].u64[3],
			     (long long)cpu->ymm[i].u64[2], (long long)cpu->ymm[i].u64[1], (long long)cpu->ymm[i].u64[0]);
	}
	if (!c->bad_result && !(may & ANY_MEMORY) && memcmp(after, data, sizeof after)) {
		for (unsigned i = 0; i < sizeof after; i++)
			if (after[i] != data[i]) {
				diff(c, &first, "memory at %x: host %02x, ours %02x, was %02x", CASE_DATA + i, after[i], data[i], before[i]);
				break;
			}
	}
	return first;
}

/* The end and the landing are INT3: a block and T1 run into it. */
static enum trap_kind behind(const struct test_case *c, enum trap_kind kind)
{
	if (kind == TRAP_EXCEPTION && cpu->cpu.trap.vector == 3 && (cpu->rip == c->end + 1 || cpu->rip == c->landing + 1)) {
		cpu->rip--;
		return TRAP_NONE;
	}
	return kind;
}

/* Instructions whose vector or x87 helper is not there are #UD in the interpreter. */
static uint64_t done[X86_OP_COUNT], failed[X86_OP_COUNT];

/* A repeated string instruction with a large count may walk through all the code before it faults. */
#define MOST_STEPS (CASE_CODE_SIZE + 0x10000)

static enum trap_kind interpret(const struct test_case *c, bool blocks)
{
	enum trap_kind kind = TRAP_NONE;
	for (unsigned steps = 0; steps < MOST_STEPS; steps++) {
		if (cpu->rip == c->end || cpu->rip == c->landing)
			break;
		if (cpu->rip >= CASE_CODE + CASE_CODE_SIZE || cpu->rip < CASE_CODE) { /* nothing to execute there */
			cpu->cpu.trap.vector = 14;
			cpu->cpu.trap.address = cpu->rip;
			return TRAP_EXCEPTION;
		}
		if (cpu->rip < c->start || cpu->rip > c->end)
			return TRAP_HALT; /* astray in code that is no case */
		kind = blocks ? x86_interp_run(cpu, 1) : x86_interp_one(cpu);
		if (kind != TRAP_NONE)
			break;
	}
	return blocks ? behind(c, kind) : kind;
}

static enum trap_kind translate(const struct test_case *c)
{
	in_t1 = true;
	syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)cpu);
	enum trap_kind kind = cpu->cpu.isa->run(&cpu->cpu);
	x86_fpu_sync(cpu);
	__asm__ volatile("fninit"); /* the generator uses long double */
	syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)CASE_GS);
	in_t1 = false;
	return behind(c, kind);
}

static size_t fetch_extent(void *opaque, uint64_t addr, size_t want)
{
	(void)opaque;
	if (addr < CASE_CODE || addr >= CASE_CODE + CASE_CODE_SIZE)
		return 0;
	return CASE_CODE + CASE_CODE_SIZE - addr < want ? CASE_CODE + CASE_CODE_SIZE - addr : want;
}

static bool make_cpu(bool mode32, struct err *e)
{
	struct jit_config config = {.isa = mode32 ? &isa_i386 : &isa_x86_64, .host = {.fetch_extent = fetch_extent}};
	struct jit *j = jit_new(&config, e);
	struct cpu *made = j ? config.isa->cpu_new(j, NULL, e) : NULL;
	cpu = made ? x86_cpu(made) : NULL;
	return cpu != NULL;
}

static void run_case(struct test_case *c)
{
	running = c;
	prepare_code(c);
	memcpy(before, data, sizeof before);
	native_in = c->state;
	memset(&native_result, 0, sizeof native_result);
	native_run(c->start, is32);
	struct native_result r = native_result;
	if (r.how == NATIVE_FAULT && r.vector == 3 && (native_out.rip == c->end + 1 || native_out.rip == c->landing + 1))
		r.how = native_out.rip == c->end + 1 ? NATIVE_NEXT : NATIVE_LANDED;
	memcpy(after, data, sizeof after);
	memcpy(data, before, sizeof before);
	cpu_load(c);
	who = "T0";
	enum trap_kind kind = interpret(c, false);
	bool good = kind == TRAP_HALT || compare(c, kind, &r);
	if (kind != TRAP_HALT && c->count > 1) {
		memcpy(data, before, sizeof before);
		cpu_load(c);
		who = "T0's blocks";
		good &= compare(c, interpret(c, true), &r);
	}
	if (!no_t1 && kind != TRAP_HALT) {
		memcpy(data, before, sizeof before);
		cpu_load(c);
		who = "T1";
		good &= compare(c, translate(c), &r);
	}
	for (unsigned i = 0; i < c->count; i++) {
		done[c->insn[i].row->op]++;
		failed[c->insn[i].row->op] += !good && c->count == 1;
	}
}

static bool map_memory(void)
{
	int fd = memfd_create("cases", MFD_CLOEXEC), fixed = MAP_FIXED_NOREPLACE;
	uint8_t *code = (uint8_t *)(uintptr_t)CASE_CODE;
	if (fd < 0 || ftruncate(fd, CASE_CODE_SIZE) || mmap(code, CASE_CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | fixed, fd, 0) != code ||
	    mmap(data, CASE_DATA_SIZE + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0) != data)
		return false;
	code_rw = mmap(NULL, CASE_CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (code_rw == MAP_FAILED)
		return false;
	memset(code_rw, 0xCC, CASE_CODE_SIZE);
	close(fd);
	for (unsigned i = 0; i < sizeof template; i += 32)
		rnd_vector(template + i, 32);
	for (unsigned i = 0; i < 4096; i += 32)
		rnd_vector(data + CASE_DATA_SIZE + i, 32);
	return mprotect(data + CASE_DATA_SIZE, 4096, PROT_READ) == 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void run(bool mode32, uint64_t cases, double seconds)
{
	static struct test_case c;
	struct err e = ERR_INIT;
	is32 = mode32;
	differences = 0;
	if (x86_features_parse(&features, NULL, is32 ? 32 : 64, &e)) {
		ok(0, "%s", e.msg);
		return;
	}
	if (!make_cpu(is32, &e)) {
		ok(0, "%s", e.msg);
		return;
	}
	double end = now() + seconds;
	uint64_t n = 0;
	while (cases ? n < cases : (n & 1023) || now() < end) {
		if (make_case(&c))
			run_case(&c);
		n++;
	}
	ok(differences == 0, "%s code: %llu cases give the same%s as on the host's processor", is32 ? "32-bit" : "64-bit", (unsigned long long)n,
	   no_t1 ? " in T0" : " in T0 and T1");
	if (differences)
		printf("# %u differences\n", differences);
	struct jit *j = cpu->cpu.jit;
	cpu->cpu.isa->cpu_free(&cpu->cpu);
	jit_free(j);
}

int main(int argc, char **argv)
{
	uint64_t cases = 0, seed = 1;
	double seconds = 0; /* neither given: the slice of make check, the same cases on every machine */
	bool do64 = true, do32 = true;
#if !defined(__x86_64__)
	tap_skip_all("this host is no x86-64 processor");
#endif
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "64"))
			do32 = false;
		else if (!strcmp(argv[i], "32"))
			do64 = false;
		else if (i + 1 < argc && !strcmp(argv[i], "cases"))
			cases = strtoull(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "seconds"))
			seconds = atof(argv[++i]);
		else if (i + 1 < argc && !strcmp(argv[i], "seed"))
			seed = strtoull(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "op"))
			only_op = argv[++i];
		else if (!strcmp(argv[i], "t0"))
			no_t1 = true;
		else if (i + 1 < argc && !strcmp(argv[i], "show"))
			shown = atoi(argv[++i]);
	}
	if (!cases && seconds == 0)
		cases = 250000;
	rnd_state = seed * 0x9e3779b97f4a7c15ull | 1;
	__builtin_cpu_init();
	avx = __builtin_cpu_supports("avx");
	if (!avx)
		tap_skip_all("the native runner saves YMM registers: this host has no AVX");
	if (!map_memory())
		tap_skip_all("the addresses that the cases use are taken");
	stack_t ss = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
	sigaltstack(&ss, NULL);
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaction(signals[i], &sa, NULL);
	syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)CASE_GS);
	if (do64)
		run(false, cases, seconds);
	/* 64-bit code does not look at DS and ES, 32-bit code needs them */
	__asm__ volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(0x2b));
	if (do32)
		run(true, cases, seconds);
	struct { uint64_t f; unsigned op; } worst = {0, 0};
	for (unsigned i = 0; i < 30; i++) {
		worst.f = 0;
		for (unsigned o = 0; o < X86_OP_COUNT; o++)
			if (failed[o] > worst.f) {
				worst.f = failed[o];
				worst.op = o;
			}
		if (!worst.f)
			break;
		static const char *const names[] = {
			"none",
#define X86_OP(name) #name,
#include "isa/x86/ops.def"
#undef X86_OP
		};
		printf("# %s: %llu of %llu differ\n", names[worst.op], (unsigned long long)worst.f, (unsigned long long)done[worst.op]);
		failed[worst.op] = 0;
	}
	stack_t off = {.ss_flags = SS_DISABLE};
	sigaltstack(&off, NULL);
	free(ss.ss_sp);
	return tap_done();
}
