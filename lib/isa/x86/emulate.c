/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that are not copied but occur in every program: software interrupts, CPUID, flags on the stack, the FSAVE and
 * XSAVE families, segment bases. What is not here goes to T0.
 */
#include <stddef.h>
#include <string.h>
#include "isa/x86/copy.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/decode.h"
#include "isa/x86/interp.h"
#include "isa/x86/ops.h"
#include "isa/x86/run.h"
#include "isa/x86/segment.h"

struct emu {
	struct x86_cpu *c;
	struct x86_insn in;
	uint64_t ea;
};

static enum trap_kind memory_fault(struct x86_cpu *c, uint64_t addr, bool write)
{
	struct trap *t = &c->cpu.trap;
	siginfo_t si = t->si; /* left there by x86_host_fault() */
	x86_exception(c, t->vector, t->vector == 14 ? write ? 6 : 4 : 0);
	t->host_fault = true;
	t->si = si;
	t->address = addr;
	return TRAP_EXCEPTION;
}

/* Guest memory. False: c->trap holds the fault. */
static bool rd(struct x86_cpu *c, uint64_t addr, void *to, size_t n)
{
	size_t k = jit_fetch(to, addr, n);
	if (k == n)
		return true;
	memory_fault(c, addr + k, false);
	return false;
}

static bool wr(struct x86_cpu *c, uint64_t addr, const void *from, size_t n)
{
	size_t k = jit_store(addr, from, n);
	if (k == n)
		return true;
	memory_fault(c, addr + k, true);
	return false;
}

static uint64_t effective_address(const struct emu *e)
{
	const struct x86_insn *in = &e->in;
	const struct x86_cpu *c = e->c;
	uint64_t a = (uint64_t)in->disp;
	if (in->base == X86_RIP_BASE)
		a += c->rip + in->length;
	else if (in->base != X86_NOREG)
		a += c->gpr[in->base];
	if (in->index != X86_NOREG)
		a += c->gpr[in->index] * in->scale;
	if (in->addrsize == 4)
		a = (uint32_t)a;
	unsigned seg = x86_mem_segment(in);
	if (in->mode != 64)
		return (uint32_t)(a + c->seg[seg].base);
	return seg == X86_FS || seg == X86_GS ? a + c->seg[seg].base : a;
}

static uint64_t pushf_image(const struct x86_cpu *c)
{
	return (c->rflags & ~(uint64_t)(X86_VM | X86_RF)) | X86_IF | 2;
}

static enum trap_kind pushf(struct emu *e)
{
	struct x86_cpu *c = e->c;
	uint64_t v = pushf_image(c), sp = c->gpr[X86_RSP] - e->in.opsize;
	if (e->in.mode != 64)
		sp = (uint32_t)sp;
	if (!wr(c, sp, &v, e->in.opsize))
		return TRAP_EXCEPTION;
	c->gpr[X86_RSP] = sp;
	return TRAP_NONE;
}

static enum trap_kind popf(struct emu *e)
{
	struct x86_cpu *c = e->c;
	uint64_t v = 0, sp = c->gpr[X86_RSP];
	uint32_t may = X86_STATUS | X86_DF | X86_TF | X86_NT | (e->in.opsize > 2 ? X86_AC | X86_ID : 0);
	if (!rd(c, sp, &v, e->in.opsize))
		return TRAP_EXCEPTION;
	c->rflags = (c->rflags & ~(uint64_t)may) | (v & may);
	sp += e->in.opsize;
	c->gpr[X86_RSP] = e->in.mode != 64 ? (uint32_t)sp : sp;
	return TRAP_NONE;
}

/* ---- FXSAVE and XSAVE (SDM volume 1, 10.5 and chapter 13): all components have fixed places here ---- */

enum { COMP_X87 = 1, COMP_SSE = 2, COMP_AVX = 4, AREA_HEADER = 512, AREA_AVX = 576, AREA_SIZE = 832 };

static void legacy_out(struct emu *e, uint8_t *area, uint64_t what, bool wide)
{
	struct x86_cpu *c = e->c;
	if (what & COMP_X87) {
		x86_fpu_sync(c);
		memcpy(area, &c->fx, 24);
		memcpy(area + 32, c->fx.st, sizeof c->fx.st);
		for (unsigned i = 0; i < 8; i++)
			memset(area + 32 + 16 * i + 10, 0, 6);
		area[5] = 0;
		if (!wide) { /* 32-bit offsets and zero selectors */
			memset(area + 12, 0, 4);
			memset(area + 20, 0, 4);
		}
	}
	if (what & COMP_SSE)
		for (unsigned i = 0; i < (e->in.mode == 64 ? 16u : 8u); i++)
			memcpy(area + 160 + 16 * i, &c->ymm[i], 16);
}

static void mxcsr_out(const struct x86_cpu *c, uint8_t *area)
{
	uint32_t v[2] = {c->mxcsr, 0xffff};
	memcpy(area + 24, v, 8);
}

static void legacy_in(struct emu *e, const uint8_t *area, uint64_t what, bool wide)
{
	struct x86_cpu *c = e->c;
	if (what & COMP_X87) {
		x86_fpu_sync(c);
		memcpy(&c->fx, area, 24);
		memcpy(c->fx.st, area + 32, sizeof c->fx.st);
		if (!wide) {
			c->fx.fip = (uint32_t)c->fx.fip;
			c->fx.fdp = (uint32_t)c->fx.fdp;
		}
	}
	if (what & COMP_SSE)
		for (unsigned i = 0; i < (e->in.mode == 64 ? 16u : 8u); i++)
			memcpy(&c->ymm[i], area + 160 + 16 * i, 16);
}

static void x87_init(struct x86_cpu *c)
{
	x86_fpu_sync(c);
	memset(&c->fx, 0, sizeof c->fx);
	c->fx.fcw = 0x37f;
}

static enum trap_kind fxsave(struct emu *e)
{
	bool wide = e->in.rex & 8;
	uint8_t area[512];
	if (e->ea & 15)
		return x86_exception(e->c, 13, 0);
	if (!rd(e->c, e->ea, area, 512)) /* what is not written stays */
		return TRAP_EXCEPTION;
	legacy_out(e, area, COMP_X87 | COMP_SSE, wide);
	mxcsr_out(e->c, area);
	return wr(e->c, e->ea, area, 512) ? TRAP_NONE : TRAP_EXCEPTION;
}

static bool mxcsr_in(struct x86_cpu *c, const uint8_t *area)
{
	uint32_t v;
	memcpy(&v, area + 24, 4);
	if (v & ~0xffffu)
		return false;
	c->mxcsr = v;
	return true;
}

static enum trap_kind fxrstor(struct emu *e)
{
	uint8_t area[512];
	if (e->ea & 15)
		return x86_exception(e->c, 13, 0);
	if (!rd(e->c, e->ea, area, 512))
		return TRAP_EXCEPTION;
	if (!mxcsr_in(e->c, area))
		return x86_exception(e->c, 13, 0);
	legacy_in(e, area, COMP_X87 | COMP_SSE, e->in.rex & 8);
	return TRAP_NONE;
}

/* Components that are not in their initial state. */
static uint64_t in_use(struct emu *e)
{
	struct x86_cpu *c = e->c;
	unsigned n = e->in.mode == 64 ? 16 : 8;
	uint64_t used = 0, low = 0, high = 0;
	x86_fpu_sync(c);
	if (c->fx.fcw != 0x37f || c->fx.fsw || c->fx.ftw || c->fx.fop || c->fx.fip || c->fx.fdp)
		used |= COMP_X87;
	for (unsigned i = 0; i < 8; i++)
		if (c->fx.st[i].mantissa | c->fx.st[i].exponent)
			used |= COMP_X87;
	for (unsigned i = 0; i < n; i++) {
		low |= c->ymm[i].u64[0] | c->ymm[i].u64[1];
		high |= c->ymm[i].u64[2] | c->ymm[i].u64[3];
	}
	return used | (low ? COMP_SSE : 0) | (high ? COMP_AVX : 0);
}

static enum trap_kind xsave(struct emu *e, unsigned op)
{
	struct x86_cpu *c = e->c;
	uint64_t asked = ((uint64_t)(uint32_t)c->gpr[X86_RDX] << 32 | (uint32_t)c->gpr[X86_RAX]) & c->xcr0;
	bool compact = op == X86_OP_xsavec;
	uint8_t area[AREA_SIZE];
	if (e->ea & 63)
		return x86_exception(c, 13, 0);
	size_t size = asked & COMP_AVX ? AREA_SIZE : AREA_AVX;
	if (!rd(c, e->ea, area, size))
		return TRAP_EXCEPTION;
	uint64_t used = in_use(e), bv;
	if (compact && c->mxcsr != 0x1f80)
		used |= COMP_SSE;
	uint64_t what = op == X86_OP_xsave ? asked : asked & used;
	legacy_out(e, area, what, e->in.rex & 8);
	if (compact ? what & COMP_SSE : asked & (COMP_SSE | COMP_AVX))
		mxcsr_out(c, area);
	if (what & COMP_AVX)
		for (unsigned i = 0; i < (e->in.mode == 64 ? 16u : 8u); i++)
			memcpy(area + AREA_AVX + 16 * i, &c->ymm[i].u8[16], 16);
	memcpy(&bv, area + AREA_HEADER, 8);
	bv = compact ? asked & used : (bv & ~asked) | (asked & used);
	memcpy(area + AREA_HEADER, &bv, 8);
	if (compact) {
		uint64_t comp = asked | 1ull << 63;
		memcpy(area + AREA_HEADER + 8, &comp, 8);
	}
	return wr(c, e->ea, area, size) ? TRAP_NONE : TRAP_EXCEPTION;
}

static enum trap_kind xrstor(struct emu *e)
{
	struct x86_cpu *c = e->c;
	uint64_t asked = ((uint64_t)(uint32_t)c->gpr[X86_RDX] << 32 | (uint32_t)c->gpr[X86_RAX]) & c->xcr0, h[8];
	uint8_t area[AREA_SIZE];
	if (e->ea & 63)
		return x86_exception(c, 13, 0);
	if (!rd(c, e->ea, area, AREA_AVX))
		return TRAP_EXCEPTION;
	memcpy(h, area + AREA_HEADER, sizeof h);
	bool compact = h[1] >> 63;
	uint64_t known = h[0];
	if (compact ? (h[1] & ~(1ull << 63) & ~c->xcr0) || known & ~h[1] : known & ~c->xcr0 || h[1])
		return x86_exception(c, 13, 0);
	for (unsigned i = compact ? 2 : 2; i < (compact ? 8u : 3u); i++)
		if (h[i])
			return x86_exception(c, 13, 0);
	if (asked & known & COMP_AVX && !rd(c, e->ea + AREA_AVX, area + AREA_AVX, AREA_SIZE - AREA_AVX))
		return TRAP_EXCEPTION;
	if (compact ? asked & known & COMP_SSE : asked & (COMP_SSE | COMP_AVX)) {
		if (!mxcsr_in(c, area))
			return x86_exception(c, 13, 0);
	} else if (compact && asked & COMP_SSE) {
		c->mxcsr = 0x1f80;
	}
	legacy_in(e, area, asked & known, e->in.rex & 8);
	if (asked & ~known & COMP_X87)
		x87_init(c);
	for (unsigned i = 0; i < (e->in.mode == 64 ? 16u : 8u); i++) {
		if (asked & ~known & COMP_SSE)
			memset(&c->ymm[i], 0, 16);
		if (asked & known & COMP_AVX)
			memcpy(&c->ymm[i].u8[16], area + AREA_AVX + 16 * i, 16);
		else if (asked & COMP_AVX)
			memset(&c->ymm[i].u8[16], 0, 16);
	}
	return TRAP_NONE;
}

/* ---- the rest ---- */

static void cpuid(struct x86_cpu *c)
{
	uint32_t out[4];
	x86_cpuid(c->feat, (uint32_t)c->gpr[X86_RAX], (uint32_t)c->gpr[X86_RCX], out);
	c->gpr[X86_RAX] = out[0];
	c->gpr[X86_RBX] = out[1];
	c->gpr[X86_RCX] = out[2];
	c->gpr[X86_RDX] = out[3];
}

static enum trap_kind segment_base(struct emu *e, unsigned seg, bool write)
{
	struct x86_cpu *c = e->c;
	bool wide = e->in.rex & 8;
	if (!write) {
		c->gpr[e->in.rm] = wide ? c->seg[seg].base : (uint32_t)c->seg[seg].base;
		return TRAP_NONE;
	}
	uint64_t v = wide ? c->gpr[e->in.rm] : (uint32_t)c->gpr[e->in.rm];
	if ((int64_t)v >> 47 != 0 && (int64_t)v >> 47 != -1)
		return x86_exception(c, 13, 0);
	c->seg[seg].base = v;
	return TRAP_NONE;
}

static enum trap_kind load_segment(struct emu *e, unsigned seg, uint16_t selector)
{
	uint64_t error = 0;
	int vector = x86_seg_load(e->c, seg, selector, &error);
	return vector ? x86_exception(e->c, vector, error) : TRAP_NONE;
}

static enum trap_kind mov_to_seg(struct emu *e)
{
	uint16_t v = (uint16_t)e->c->gpr[e->in.rm];
	if (e->in.has_mem && !rd(e->c, e->ea, &v, 2))
		return TRAP_EXCEPTION;
	return e->in.reg == X86_CS || e->in.reg > X86_GS ? x86_exception(e->c, 6, 0) : load_segment(e, e->in.reg, v);
}

static enum trap_kind mov_from_seg(struct emu *e)
{
	if (e->in.reg > X86_GS)
		return x86_exception(e->c, 6, 0);
	uint16_t v = e->c->seg[e->in.reg].selector;
	if (e->in.has_mem)
		return wr(e->c, e->ea, &v, 2) ? TRAP_NONE : TRAP_EXCEPTION;
	if (e->in.opsize == 2)
		memcpy(&e->c->gpr[e->in.rm], &v, 2);
	else
		e->c->gpr[e->in.rm] = v;
	return TRAP_NONE;
}

/* IA32_TSC_AUX as Linux sets it, node and processor, is also the limit of the segment 7b; that works on every host. */
static uint32_t processor_id(void)
{
	uint32_t v = 0;
	__asm__ volatile("lsl %1, %0" : "+r"(v) : "r"(0x7b) : "cc");
	return v;
}

static enum trap_kind rdtscp(struct x86_cpu *c)
{
	uint64_t t = __builtin_ia32_rdtsc();
	c->gpr[X86_RAX] = (uint32_t)t;
	c->gpr[X86_RDX] = t >> 32;
	c->gpr[X86_RCX] = processor_id();
	return TRAP_NONE;
}

static enum trap_kind xgetbv(struct x86_cpu *c)
{
	uint32_t n = (uint32_t)c->gpr[X86_RCX];
	if (n > 1)
		return x86_exception(c, 13, 0);
	c->gpr[X86_RAX] = (uint32_t)c->xcr0;
	c->gpr[X86_RDX] = c->xcr0 >> 32;
	return TRAP_NONE;
}

/* INT n: the gates that user programs may use are Linux's. */
static enum trap_kind software_interrupt(struct emu *e, unsigned n)
{
	struct x86_cpu *c = e->c;
	if (n == 0x80) {
		c->rip += e->in.length;
		c->cpu.trap.kind = TRAP_SYSCALL;
		c->cpu.trap.number = 0x80;
		c->cpu.trap.host_fault = false;
		return TRAP_SYSCALL;
	}
	if (n == 3 || n == 4) { /* traps: rip behind the instruction */
		c->rip += e->in.length;
		return x86_exception(c, (int)n, 0);
	}
	return x86_exception(c, 13, n << 3 | 2);
}

enum trap_kind x86_emulate(struct x86_cpu *c)
{
	struct emu e = {.c = c};
	uint8_t bytes[16];
	size_t have = jit_fetch(bytes, c->rip, 15);
	enum x86_decode_status s = x86_decode(&e.in, bytes, (unsigned)have, c->mode, c->feat);
	if (s == X86_DECODE_SHORT)
		return x86_fetch_fault(c, c->rip + have);
	if (s == X86_DECODE_UD)
		return x86_exception(c, 6, 0);
	if (s == X86_DECODE_LONG)
		return x86_exception(c, 13, 0);
	if (e.in.has_mem && !(e.in.row->flags & X86_ROW_VSIB))
		e.ea = effective_address(&e);
	/* User programs run at CPL 3 with IOPL 0 (SDM volume 3, 5.9; volume 1, 19.5.1). */
	unsigned op = e.in.row->op;
	if (op == X86_OP_rsm || op == X86_OP_clac || op == X86_OP_stac) /* #UD: not in SMM, CPL > 0 */
		return x86_exception(c, 6, 0);
	if (e.in.row->flags & (X86_ROW_PRIV | X86_ROW_IO))
		return x86_exception(c, 13, 0);
	enum trap_kind kind = TRAP_NONE;
	switch (e.in.row->op) {
	case X86_OP_int3: return software_interrupt(&e, 3);
	case X86_OP_int: return software_interrupt(&e, (uint8_t)e.in.imm);
	case X86_OP_int1:
		c->rip += e.in.length;
		return x86_exception(c, 1, 0);
	case X86_OP_mov_to_seg: kind = mov_to_seg(&e); break;
	case X86_OP_mov_from_seg: kind = mov_from_seg(&e); break;
	case X86_OP_cpuid: cpuid(c); break;
	case X86_OP_rdtscp: kind = rdtscp(c); break;
	case X86_OP_rdpid: c->gpr[e.in.rm] = processor_id(); break;
	case X86_OP_xgetbv: kind = xgetbv(c); break;
	case X86_OP_pushf: kind = pushf(&e); break;
	case X86_OP_popf: kind = popf(&e); break;
	case X86_OP_fxsave: kind = fxsave(&e); break;
	case X86_OP_fxrstor: kind = fxrstor(&e); break;
	case X86_OP_xsave:
	case X86_OP_xsaveopt:
	case X86_OP_xsavec: kind = xsave(&e, e.in.row->op); break;
	case X86_OP_xrstor: kind = xrstor(&e); break;
	case X86_OP_rdfsbase: kind = segment_base(&e, X86_FS, false); break;
	case X86_OP_rdgsbase: kind = segment_base(&e, X86_GS, false); break;
	case X86_OP_wrfsbase: kind = segment_base(&e, X86_FS, true); break;
	case X86_OP_wrgsbase: kind = segment_base(&e, X86_GS, true); break;
	default:
		x86_fpu_sync(c);
		c->cpu.jit->stats.interpreted++;
		return x86_interp_one(c);
	}
	if (kind == TRAP_NONE) {
		c->rip += e.in.length;
		if (c->mode != 64)
			c->rip = (uint32_t)c->rip;
	}
	return kind;
}
