/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * T0's cache for x86: straight runs of code as finished IR, kept for each processor, so that -accel interp decodes and
 * builds once.
 *
 * Theory of operation. A block is what lies between an entry and the next instruction that ends a region, at most
 * MOST_INSNS, within one page. It is found by its address and by what its IR depends on. Each time it is entered its source
 * is read and compared, which sees every change, through whatever alias, by whichever thread; that the source may still be
 * executed is asked again when mappings have changed (jit->mappings). A store of the block's own into its source ends its
 * run before the next instruction (struct ir_code.guard). What does not fit in here goes one instruction at a time through
 * x86_interp_one(): page ends, undefined opcodes, the trap flag.
 */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "isa/x86/blocks.h"
#include "isa/x86/interp.h"
#include "isa/x86/translate.h"
#include "jit/engine.h"
#include "jit/interp.h"

enum { MOST_INSNS = 32, MOST_BYTES = 160, SLOTS = 4096, REGION_OPS = 1500, INSN_OPS = 200 };

struct block {
	uint64_t rip, linear;
	uint32_t mappings;
	uint16_t length;
	uint8_t mode, stack;
	struct ir_code *code;
	uint8_t source[MOST_BYTES];
	struct x86_insn insn[]; /* helpers' calls in `code` point here */
};

struct x86_blocks {
	struct ir_region *region; /* where blocks are built */
	struct x86_insn insn[MOST_INSNS];
	struct block *slot[SLOTS];
};

static void block_free(struct block *b)
{
	if (b)
		free(b->code);
	free(b);
}

void x86_blocks_free(struct x86_cpu *cpu)
{
	struct x86_blocks *s = cpu->blocks;

	if (!s)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		block_free(s->slot[i]);
	ir_region_free(s->region);
	free(s);
	cpu->blocks = NULL;
}

static uint8_t *source_address(const struct x86_cpu *cpu, uint64_t linear)
{
	return (uint8_t *)(uintptr_t)(linear + cpu->cpu.jit->config.guest_base);
}

/* Does the instruction's IR, or the decoding of the next, depend on what it changes? */
static bool ends_block(const struct x86_insn *in)
{
	return in->row->flags & X86_ROW_END || in->row->copy == X86_COPY_EMULATE || in->row->op == X86_OP_cmpxchg8b ||
	       in->row->op == X86_OP_cmpxchg16b; /* these store without x86_mem_write() */
}

/* IR of at most `most` instructions from the n bytes of source at rip; how many there are, 0 when the first is not for here. */
static unsigned build(struct x86_cpu *cpu, const uint8_t *source, size_t n, unsigned most, unsigned stack, unsigned *length,
		      struct block *b)
{
	struct x86_blocks *s = cpu->blocks;
	struct x86_ir t = {.r = s->region, .pc = cpu->rip, .mode = cpu->mode, .stack = (uint8_t)stack, .user = true};
	unsigned insns = 0, at = 0;

	t.next = t.pc;
	ir_begin(s->region, &x86_ir_guest, cpu->rip);
	while (insns < most && at < n && !t.ended && ir_room(s->region, INSN_OPS)) {
		/* The second time the instructions are where they stay. */
		struct x86_insn *in = b ? &b->insn[insns] : &s->insn[insns];
		unsigned have = n - at < 15 ? (unsigned)(n - at) : 15;
		if (x86_decode(in, source + at, have, cpu->mode, cpu->feat) != X86_DECODE_OK)
			break;
		t.in = in;
		t.pc = t.next;
		x86_ir_insn(&t);
		insns++;
		at += in->length;
		if (ends_block(in))
			break;
	}
	*length = at;
	if (insns && !t.ended)
		ir_exit_pc(s->region, t.next);
	return s->region->full ? 0 : insns;
}

static void check(const struct ir_region *r)
{
#ifdef __SANITIZE_ADDRESS__
	struct err e = ERR_INIT;
	if (ir_verify(r, &e) < 0) {
		fprintf(stderr, "malformed block: %s\n", e.msg);
		ir_print(r, stderr);
		abort();
	}
#else
	(void)r;
#endif
}

static struct block *make(struct x86_cpu *cpu, uint64_t linear, unsigned stack)
{
	struct jit *j = cpu->cpu.jit;
	struct x86_blocks *s = cpu->blocks;
	uint8_t source[MOST_BYTES];
	uint32_t mappings = atomic_load(&j->mappings);
	size_t n = x86_fetch_extent(cpu, linear);
	unsigned length;

	n = jit_fetch(source, (uintptr_t)source_address(cpu, linear), n < sizeof source ? n : sizeof source);
	unsigned insns = n ? build(cpu, source, n, j->config.one_insn ? 1 : MOST_INSNS, stack, &length, NULL) : 0;
	if (!insns)
		return NULL;
	struct block *b = malloc(sizeof *b + insns * sizeof b->insn[0]);
	if (!b)
		return NULL;
	*b = (struct block){.rip = cpu->rip, .linear = linear, .mappings = mappings, .mode = cpu->mode, .stack = (uint8_t)stack};
	if (build(cpu, source, length, insns, stack, &length, b) != insns) {
		free(b);
		return NULL;
	}
	memcpy(b->source, source, length);
	b->length = (uint16_t)length;
	check(s->region);
	if (log_mask & LOG_OP)
		ir_print(s->region, log_stream());
	ir_optimise(s->region);
	if (log_mask & LOG_OP_OPT)
		ir_print(s->region, log_stream());
	b->code = ir_code_new(s->region);
	if (!b->code) {
		free(b);
		return NULL;
	}
	b->code->guard = linear;
	b->code->guard_len = length;
	return b;
}

static struct block *find(struct x86_cpu *cpu)
{
	struct jit *j = cpu->cpu.jit;
	unsigned stack = x86_stack_size(cpu);
	uint64_t linear = x86_code_address(cpu, cpu->rip);
	struct block **slot = &cpu->blocks->slot[(linear ^ linear >> 12) & (SLOTS - 1)], *b = *slot;
	uint8_t now[MOST_BYTES];

	if (b && b->linear == linear && b->rip == cpu->rip && b->mode == cpu->mode && b->stack == stack) {
		uint32_t mappings = atomic_load(&j->mappings);
		if (b->mappings != mappings && x86_fetch_extent(cpu, linear) < b->length)
			return NULL;
		b->mappings = mappings;
		if (jit_fetch(now, (uintptr_t)source_address(cpu, linear), b->length) == b->length && !memcmp(now, b->source, b->length))
			return b;
	}
	struct block *made = make(cpu, linear, stack);
	if (made) {
		block_free(b);
		*slot = made;
	}
	return made;
}

static bool ready(struct x86_cpu *cpu)
{
	struct x86_blocks *s;

	if (cpu->blocks)
		return true;
	s = calloc(1, sizeof *s);
	if (s && (s->region = ir_region_new(REGION_OPS))) {
		cpu->blocks = s;
		return true;
	}
	free(s);
	return false;
}

enum trap_kind x86_interp_run(struct x86_cpu *cpu, unsigned blocks)
{
	struct access_scope scope;
	struct block *volatile b = NULL;
	volatile unsigned left = blocks;

	if (!ready(cpu))
		return x86_interp_one(cpu);
	if (access_enter(&scope)) {
		cpu->fault_return = NULL;
		cpu->rip = b->code->op[b->code->at].imm;
		return x86_interp_caught(cpu, &scope);
	}
	while (left-- && !cpu->cpu.pending) {
		b = cpu->rflags & X86_TF ? NULL : find(cpu);
		if (!b) {
			enum trap_kind kind = x86_interp_one(cpu);
			if (kind == TRAP_NONE)
				continue;
			access_leave(&scope);
			return kind;
		}
		cpu->running = b->code;
		cpu->fault_return = &scope;
		enum ir_leave leave = ir_code_run(b->code, &cpu->cpu, cpu->cpu.jit->config.guest_base);
		cpu->fault_return = NULL;
		cpu->running = NULL;
		cpu->cpu.jit->stats.interpreted++;
		if (cpu->mode != 64)
			cpu->rip = (uint32_t)cpu->rip;
		if (leave == IR_LEAVE_TRAP) {
			access_leave(&scope);
			return cpu->cpu.trap.kind;
		}
	}
	access_leave(&scope);
	return TRAP_NONE;
}
