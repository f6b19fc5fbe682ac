/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 code that the front end makes IR of gives the same under T1 and T0: random sequences on a machine whose every page is one of
 * sixteen pages of RAM. Helpers are the same C on both sides; here they only have to find and leave the state right.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "tap.h"
#include "isa/x86/rows.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/helpers.h"
#include "isa/x86/translate.h"
#include "jit/engine.h"
#include "jit/host/t1.h"
#include "jit/mmu.h"
#include "jit/run.h"

#define PAGES 16
#define CODE 0x8000ull

struct bench {
	uint8_t *ram;
	struct mmu_machine hooks;
	struct jit *j;
	struct x86_cpu *c;
};
static struct bench bench[2];
static uint64_t seed = 0x1234567;

static bool sse;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x9e3779b97f4a7c15ull >> 8;
}

static void page(void *opaque, struct cpu *c, uint64_t physical, struct mmu_page *p)
{
	struct bench *b = opaque;
	(void)c;
	p->ram = physical >> 12 & (PAGES - 1);
	p->host = b->ram + p->ram * 4096;
	p->writable = p->dirty = true;
}

static void alone(void *opaque, struct cpu *c)
{
	(void)opaque;
	(void)c;
}

static bool fill(struct cpu *c, uint64_t addr, enum mmu_access how, unsigned map, bool probe)
{
	/* No address leads to the page of code but its own. */
	uint64_t ram = addr >> 12 & (PAGES - 1);
	if (ram == CODE >> 12 && how != MMU_FETCH)
		ram = 3;
	if (addr >> 12 & 1 && (addr >> 12) * 0x9e3779b97f4a7c15ull >> 60 < 3 && how != MMU_FETCH) { /* some are not there */
		if (probe)
			return false;
		ir_raise(c, 14, 0, addr);
	}
	mmu_enter(c, map, addr, ram << 12, 4096, how == MMU_FETCH ? 1u << MMU_FETCH : 3);
	return true;
}

static const struct mmu_front mmu_front = {.maps = 2, .fill = fill};
static struct x86_insn pool[65536];
static unsigned pooled;

static size_t translate(struct ir_region *r, struct cpu *cpu, uint64_t pc, unsigned max, const uint8_t *code, size_t n)
{
	struct x86_ir t = {.r = r, .pc = pc, .mode = x86_cpu(cpu)->mode, .stack = 8, .user = true, .native = max != 1};
	size_t at = 0;

	for (unsigned i = 0; i < max && ir_room(r, IR_RUN_INSN_OPS); i++) {
		struct x86_insn *in = &pool[pooled++ % 65536];
		if (x86_decode(in, code + at, (unsigned)(n - at < 15 ? n - at : 15), t.mode, x86_cpu(cpu)->feat) != X86_DECODE_OK)
			break;
		t.in = in;
		t.sys = in->row->op == X86_OP_jcc; /* the region goes on behind it, as it does in machines */
		x86_ir_insn(&t);
		at += in->length;
		if (t.ended) {
			x86_ir_sides(&t);
			return at;
		}
		t.pc = t.next;
	}
	if (!at) {
		ir_insn(r, pc, 1, 0);
		ir_exit_trap(r, TRAP_EXCEPTION, 6, pc, 0, 0);
		return 1;
	}
	ir_exit_pc(r, t.pc);
	x86_ir_sides(&t);
	return at;
}

static void fault(struct cpu *c)
{
	c->trap.vector = c->trap.vector == IR_VECTOR_ALIGN ? 13 : 99;
}

static const struct ir_front front = {.fault = fault, .guest = &x86_ir_guest, .translate = translate, .longest = 15, .max_insns = 64, .mmu = &mmu_front};
static const struct isa isa = {.name = "x86", .bits = 64, .cpu_size = sizeof(struct x86_cpu), .run = ir_run, .interrupt = ir_interrupt};

static void bench_new(struct bench *b, enum jit_accel accel)
{
	struct err e = ERR_INIT;
	b->ram = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b->hooks = (struct mmu_machine){.page = page, .ram_pages = PAGES, .opaque = b, .exclusive_begin = alone, .exclusive_end = alone};
	struct jit_config config = {.isa = &isa, .accel = accel, .cache_size = 8 << 20, .machine = &b->hooks};
	b->j = jit_new(&config, &e);
	b->c = aligned_alloc(64, (sizeof *b->c + 63) & ~63ull);
	memset(b->c, 0, sizeof *b->c);
	b->c->cpu.isa = &isa;
	b->c->cpu.self = &b->c->cpu;
	b->c->mode = 64;
	b->c->sys.on = true;
	if (ir_cpu_init(&b->c->cpu, b->j, &front, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
}

/* Opcodes with a ModRM byte that the front end turns into IR, and a few without. */
static size_t insn(uint8_t *p)
{
	static const uint8_t alu[] = {0x00, 0x01, 0x02, 0x03, 0x08, 0x0b, 0x10, 0x11, 0x13, 0x19, 0x1b, 0x21, 0x23, 0x28, 0x29, 0x2b, 0x31, 0x33,
				      0x38, 0x39, 0x3b, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0x63};
	static const uint8_t group[] = {0x80, 0x81, 0x83, 0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3, 0xf6, 0xf7, 0xfe, 0xff, 0x69, 0x6b};
	static const uint8_t two[] = {0xb6, 0xb7, 0xbe, 0xbf, 0xaf, 0xa3, 0xab, 0xb3, 0xbb, 0xa4, 0xa5, 0xac, 0xad, 0xbc, 0xbd, 0xc0, 0xc1, 0xb0, 0xb1};
	uint8_t *q = p;
	unsigned kind = rnd() % 12;

	if (sse) { /* any of the 0F map's vector rows, with any prefix */
		static const uint8_t prefix[] = {0x66, 0xf3, 0xf2};
		if (rnd() % 4)
			*q++ = prefix[rnd() % 8 < 5 ? 0 : rnd() % 3];
		if (rnd() % 3 == 0)
			*q++ = 0x40 | (rnd() & 15);
		*q++ = 0x0f;
		*q++ = (uint8_t)rnd();
		*q = (uint8_t)rnd();
		if (rnd() & 1)
			*q |= 0xc0;
		else if (rnd() & 3) /* [base]: it is aligned */
			*q = (*q & 0x38) | (rnd() & 3);
		q++;
		for (int i = 0; i < 12; i++)
			*q++ = (uint8_t)rnd();
		return (size_t)(q - p);
	}

	if (rnd() % 8 == 0)
		*q++ = 0x66;
	if (rnd() % 8 == 0)
		*q++ = 0xf0; /* LOCK; where it is not allowed the decoder says so */
	if (kind < 11 && rnd() % 3)
		*q++ = 0x40 | (rnd() & 15);
	switch (kind) {
	case 0: case 1: case 2: case 3: *q++ = alu[rnd() % sizeof alu]; break;
	case 4: case 5: *q++ = group[rnd() % sizeof group]; break;
	case 6: *q++ = 0x0f; *q++ = two[rnd() % sizeof two]; break;
	case 7: *q++ = 0x0f; *q++ = (rnd() & 1 ? 0x40 : 0x90) + (rnd() & 15); break; /* cmovcc, setcc */
	case 8: *q++ = 0x50 + (rnd() & 15); break; /* push, pop */
	case 9: *q++ = 0xb8 + (rnd() & 7); break;
	case 10: *q++ = 0x70 + (rnd() & 15); *q++ = 0; return (size_t)(q - p); /* jcc to the next */
	default: *q++ = "\x9c\x98\x99\xf8\xf9\xf5\x9e\x9f\x9b\x90\x9c\x90"[rnd() % 12]; break;
	}
	for (int i = 0; i < 12; i++)
		*q++ = (uint8_t)rnd();
	return (size_t)(q - p);
}

/* Can it be compared: not one that leaves the sequence, and flags that the manual defines. */
static bool usable(const struct x86_insn *in, uint64_t *undefined)
{
	const struct x86_row *row = in->row;
	*undefined = 0;
	if (sse)
		return row->flags & X86_ROW_VEC && !(row->flags & (X86_ROW_X87 | X86_ROW_PRIV | X86_ROW_END)) && row->copy == X86_COPY_PLAIN &&
		       row->op != X86_OP_ldmxcsr && row->op != X86_OP_stmxcsr;
	if (row->flags & (X86_ROW_PRIV | X86_ROW_IO) || !(x86_emit_alu[row->op] || x86_emit_bits[row->op] || x86_emit_move[row->op] ||
							  x86_emit_control[row->op]))
		return false;
	switch (row->op) {
	case X86_OP_shl: case X86_OP_shr: case X86_OP_sar: case X86_OP_shld: case X86_OP_shrd: case X86_OP_rol: case X86_OP_ror:
	case X86_OP_rcl: case X86_OP_rcr:
		*undefined = X86_AF | X86_OF | X86_CF;
		return true;
	case X86_OP_imul: case X86_OP_mul:
		*undefined = X86_AF | X86_ZF | X86_SF | X86_PF;
		return true;
	case X86_OP_and: case X86_OP_or: case X86_OP_xor: case X86_OP_test:
		*undefined = X86_AF;
		return true;
	case X86_OP_bt: case X86_OP_bts: case X86_OP_btr: case X86_OP_btc: case X86_OP_bsf: case X86_OP_bsr:
		*undefined = X86_STATUS & ~X86_CF & ~X86_ZF;
		return true;
	case X86_OP_jmp: case X86_OP_call: case X86_OP_div: case X86_OP_idiv: case X86_OP_callf: case X86_OP_jmpf:
		return false;
	default:
		return x86_ir_known(row->op) && !(row->flags & X86_ROW_END && row->op != X86_OP_jcc);
	}
}

static void show(const uint8_t *code, size_t n)
{
	for (size_t at = 0; at < n;) {
		struct x86_insn in;
		if (x86_decode(&in, code + at, (unsigned)(n - at < 15 ? n - at : 15), 64, bench[0].c->feat) != X86_DECODE_OK)
			break;
		printf("#  %s", in.row->name);
		for (unsigned i = 0; i < in.length; i++)
			printf(" %02x", code[at + i]);
		printf("\n");
		at += in.length;
	}
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* What translation costs, stage by stage: this program's own code. */
static int cost(void)
{
	struct bench *b = &bench[1];
	struct jit *j = b->j;
	struct ir_region *r = ir_region_new(4096);
	const uint8_t *text = (const uint8_t *)(uintptr_t)x86_decode;
	size_t length = 24000;
	double build = 0, optimise = 0, generate = 0;
	unsigned long insns = 0, ops = 0, bytes = 0, regions = 0, left = 0;

	jit_lock(j);
	for (int turn = 0; turn < 20; turn++)
		for (size_t at = 0; at + 200 < length; regions++) {
			double t0 = now();
			ir_begin(r, &x86_ir_guest, (uint64_t)(uintptr_t)text + at);
			at += translate(r, &b->c->cpu, r->pc, 64, text + at, 200);
			double t1 = now();
			ops += r->ops;
			if (turn == 0 && regions == 20 && getenv("SHOW"))
				ir_print(r, stdout);
			ir_optimise(r);
			for (uint32_t i = 0; i < r->ops; i++)
				left += r->op[i].op != IR_NOP;
			double t2 = now();
			jit_reserve(j, NULL);
			uint32_t n = jit_region_new(j, r->pc, 0);
			j->region[n].mapping[0] = 1;
			uint64_t before = j->stats.host_bytes;
			t1_generate(j, n, r, false, false);
			bytes += j->stats.host_bytes - before;
			jit_region_commit(j, n);
			double t3 = now();
			build += t1 - t0;
			optimise += t2 - t1;
			generate += t3 - t2;
			insns += r->insns;
		}
	jit_unlock(j);
	double n = (double)insns;
	printf("ns a guest instruction: build %.0f, optimise %.0f, generate %.0f; %.1f operations, %.1f left, %.1f bytes; %.1f a region\n", build / n,
	       optimise / n, generate / n, (double)ops / n, (double)left / n, (double)bytes / n, n / (double)regions);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long turns = argc > 1 ? strtoul(argv[1], NULL, 0) : 6000;
	unsigned bad = 0, insns = 0;
	uint64_t interpreted = 0;

	bench_new(&bench[0], JIT_INTERPRET);
	bench_new(&bench[1], JIT_TRANSLATE);
	if (argc > 1 && !strcmp(argv[1], "cost"))
		return cost();
	for (unsigned long turn = 0; turn < turns && bad < 5; turn++) {
		uint8_t code[256];
		sse = turn & 1;
		size_t n = 0;
		unsigned count = 1 + rnd() % 8;
		uint64_t undefined = 0;
		for (unsigned i = 0; i < count;) {
			struct x86_insn in;
			uint64_t u;
			size_t have = insn(code + n);
			if (x86_decode(&in, code + n, have > 15 ? 15 : (unsigned)have, 64, NULL) != X86_DECODE_OK || !usable(&in, &u))
				continue;
			/* Undefined flags stay so; what reads them would spread them. */
			if (undefined && (in.row->op == X86_OP_jcc || in.row->op == X86_OP_setcc || in.row->op == X86_OP_cmovcc ||
					  in.row->op == X86_OP_adc || in.row->op == X86_OP_sbb || in.row->op == X86_OP_rcl || in.row->op == X86_OP_rcr ||
					  in.row->op == X86_OP_pushf || in.row->op == X86_OP_lahf))
				continue;
			undefined |= u;
			n += in.length;
			i++;
		}
		code[n] = 0x0f;
		code[n + 1] = 0x0b; /* UD2 */
		uint64_t regs[16], flags = 2 | (rnd() & X86_STATUS);
		for (int i = 0; i < 16; i++)
			regs[i] = rnd() % 3 ? rnd() << (rnd() % 50) : rnd() % 3 - 1;
		for (int i = 0; sse && i < 16; i++)
			regs[i] &= ~15ull;
		for (int i = 0; i < 2; i++) {
			struct bench *b = &bench[i];
			for (unsigned k = 0; k < PAGES * 512; k += 7)
				((uint64_t *)(void *)b->ram)[k] = k * 0x9e3779b97f4a7c15ull;
			memcpy(b->ram + CODE + turn % 32 * 64, code, n + 2);
			mmu_ram_written(b->j, CODE >> 12, 0, 4096);
			memcpy(b->c->gpr, regs, sizeof regs);
			b->c->rflags = flags;
			b->c->mxcsr = 0x1f80 | (turn & 3) << 13 | (turn & 64 ? 0x8040 : 0);
			for (int v = 0; v < 64; v++) {
				/* Small doubles and floats now and then, so that something comes of arithmetic. */
				uint64_t x = v * 0x9e3779b97f4a7c15ull * (turn | 1);
				double f = (double)(int64_t)(x % 1000) / 7;
				if (x >> 60 < 5)
					memcpy(&x, &f, 8);
				b->c->ymm[v / 4].u64[v % 4] = x;
			}
			b->c->rip = CODE + turn % 32 * 64;
			for (unsigned guard = 0; isa.run(&b->c->cpu) == TRAP_NONE && guard < 10; guard++)
				;
		}
		struct jit_stats st;
		jit_stats(bench[1].j, &st);
		if (st.interpreted != interpreted && getenv("SHOW")) {
			printf("# interpreted %llu\n", (unsigned long long)(st.interpreted - interpreted));
			show(code, n);
		}
		interpreted = st.interpreted;
		insns += count;
		struct x86_cpu *x = bench[0].c, *y = bench[1].c;
		if (memcmp(x->ymm, y->ymm, sizeof x->ymm) || x->mxcsr != y->mxcsr || memcmp(x->gpr, y->gpr, sizeof x->gpr) || ((x->rflags ^ y->rflags) & ~undefined) || x->rip != y->rip ||
		    memcmp(bench[0].ram, bench[1].ram, PAGES * 4096) || x->cpu.trap.vector != y->cpu.trap.vector) {
			bad++;
			printf("# turn %lu: rip %llx %llx flags %llx %llx of %llx undefined %llx trap %d %d\n", turn, (long long)x->rip, (long long)y->rip,
			       (long long)x->rflags, (long long)y->rflags, (long long)flags, (long long)undefined, x->cpu.trap.vector, y->cpu.trap.vector);
			for (int i = 0; i < 16; i++)
				if (x->gpr[i] != y->gpr[i])
					printf("#  r%d %llx: %llx %llx\n", i, (long long)regs[i], (long long)x->gpr[i], (long long)y->gpr[i]);
			if (x->mxcsr != y->mxcsr)
				printf("#  mxcsr %x %x\n", x->mxcsr, y->mxcsr);
			for (int i = 0; i < 64; i++)
				if (x->ymm[i / 4].u64[i % 4] != y->ymm[i / 4].u64[i % 4])
					printf("#  ymm%d[%d]: %llx %llx\n", i / 4, i % 4, (long long)x->ymm[i / 4].u64[i % 4], (long long)y->ymm[i / 4].u64[i % 4]);
			show(code, n);
			memcpy(bench[1].ram, bench[0].ram, PAGES * 4096);
		}
	}
	ok(!bad, "%u random instructions give the same under T1 and T0", insns);
	return tap_done();
}
