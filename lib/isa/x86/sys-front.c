/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions of machine code for lib/jit's run loop (jit/run.h): decoding, the code segment's limit, the shadow of STI.
 *
 * A region's key holds all that its code assumes: sizes, privilege, memory map, flat segments and the code segment's limit
 * (enum x86_key); its base is lib/jit's (fetch_base). Instructions that change one of these end their region.
 */
#include <stddef.h>
#include <stdlib.h>
#include "isa/x86/rows.h"
#include "isa/x86/sys.h"

/* ---- decoded instructions that helpers get ---- */

#define STORE_BITS 15
#define STORE_MOST (3u << (STORE_BITS - 2)) /* entries in use before it is emptied */

struct x86_insn_store {
	struct x86_insn *slot[1u << STORE_BITS];
	uint32_t used;
	uint32_t generation;    /* of the translations that use them */
	uint32_t ring_next;
	struct x86_insn ring[64]; /* of regions that are interpreted at once */
};

static uint32_t hash(const struct x86_insn *in)
{
	const uint8_t *p = (const uint8_t *)in;
	uint64_t h = 0x9e3779b97f4a7c15u, v;

	for (size_t i = 0; i + 8 <= sizeof *in; i += 8) {
		memcpy(&v, p + i, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

static void empty(struct x86_insn_store *s)
{
	for (uint32_t i = 0; i < 1u << STORE_BITS; i++) {
		free(s->slot[i]);
		s->slot[i] = NULL;
	}
	s->used = 0;
}

void x86_store_free(struct x86_cpu *c)
{
	if (c->sys.store)
		empty(c->sys.store);
	free(c->sys.store);
	c->sys.store = NULL;
}

bool x86_store_new(struct x86_cpu *c)
{
	c->sys.store = calloc(1, sizeof *c->sys.store);
	return c->sys.store;
}

/* Room for the instructions of one more region? A full store waits for the translations to go. */
static bool store_room(struct x86_cpu *c)
{
	struct x86_insn_store *s = c->sys.store;
	uint32_t now = atomic_load(&c->cpu.jit->generation);

	if (s->generation != now) {
		empty(s);
		s->generation = now;
	}
	return s->used < STORE_MOST;
}

const struct x86_insn *x86_insn_keep(struct x86_ir *t)
{
	if (!t->sys)
		return t->in;
	struct x86_insn_store *s = t->cpu->sys.store;
	if (t->once) {
		struct x86_insn *r = &s->ring[s->ring_next++ % 64];
		*r = *t->in;
		return r;
	}
	uint32_t i = hash(t->in) & ((1u << STORE_BITS) - 1);
	for (; s->slot[i]; i = (i + 1) & ((1u << STORE_BITS) - 1))
		if (!memcmp(s->slot[i], t->in, sizeof *t->in))
			return s->slot[i];
	s->slot[i] = malloc(sizeof *t->in);
	if (!s->slot[i]) {
		t->r->full = true; /* no region comes of this */
		return t->in;
	}
	*s->slot[i] = *t->in;
	s->used++;
	return s->slot[i];
}

/* ---- regions ---- */

static void fault(struct x86_ir *t, unsigned length, int vector)
{
	ir_insn(t->r, t->pc, length ? length : 1, 0);
	x86_trap(t, vector, 0);
}

static size_t translate(struct ir_region *r, struct cpu *cc, uint64_t pc, unsigned max_insns, const uint8_t *code, size_t n)
{
	struct x86_cpu *c = x86_cpu(cc);
	/* Interpreted at once and forgotten; a region of one instruction, over a page's end, may as well be kept. */
	bool once = r == ((const struct ir_cpu *)cc->engine)->one;
	struct x86_ir t = {.r = r, .pc = pc, .mode = c->mode, .stack = (uint8_t)x86_stack_bytes(c), .user = c->sys.cpl == 3, .sys = true,
			   .flat = c->sys.key & X86_KEY_FLAT, .key = (uint8_t)c->sys.key, .memop = (unsigned)c->sys.map << IR_MEM_INDEX_SHIFT,
			   .code_limit = c->seg[X86_CS].limit, .cpu = c, .once = once,
			   .native = !once && (c->mxcsr & 0x1f80) == 0x1f80 && !(c->sys.key & (X86_KEY_FPU | X86_KEY_ALIGN))};
	size_t at = 0;
	/* The instruction before was STI: by the interpreter it was a region of its own. */
	bool shadow = t.once && c->sys.shadow == X86_SHADOW_STI;

	c->sys.steps += t.once;
	if (!t.once && !store_room(c)) {
		r->full = true;
		return n ? 1 : 0;
	}
	for (unsigned done = 0; (done < max_insns || (shadow && !t.once)) && (!done || ir_room(r, IR_RUN_INSN_OPS)); done++) {
		struct x86_insn in;
		enum x86_decode_status s = x86_decode(&in, code + at, n - at > 15 ? 15 : (unsigned)(n - at), c->mode, c->feat);
		bool last = shadow;

		if (s == X86_DECODE_SHORT) {
			if (!done)
				return 0;
			break;
		}
		t.in = &in;
		if (s == X86_DECODE_UD || s == X86_DECODE_LONG) {
			fault(&t, in.length, s == X86_DECODE_UD ? X86_UD : X86_GP);
			x86_ir_sides(&t);
			return at + (in.length ? in.length : 1);
		}
		if (!t.flat && t.pc + in.length - 1 > t.code_limit) {
			fault(&t, in.length, X86_GP);
			x86_ir_sides(&t);
			return at + in.length;
		}
		if (shadow) /* the instruction behind STI: nothing comes in between, so its shadow is over */
			ir_sts(r, ir_const(r, IR_I8, 0), offsetof(struct x86_cpu, sys.shadow));
		x86_ir_insn(&t);
		at += in.length;
		if (t.ended) {
			x86_ir_sides(&t);
			return at;
		}
		t.pc = t.next;
		if (last)
			break;
		shadow = in.row->op == X86_OP_sti;
	}
	ir_exit_pc(r, t.pc);
	x86_ir_sides(&t);
	return at;
}

static uint32_t mode(const struct cpu *c)
{
	const struct x86_cpu *x = (const struct x86_cpu *)c;

	return x->sys.key | ((x->mxcsr & 0x1f80) == 0x1f80 ? 0 : X86_KEY_UNMASKED);
}

static unsigned fetch_map(const struct cpu *c)
{
	const struct x86_sys *s = &((const struct x86_cpu *)c)->sys;

	return s->bank + (s->cpl == 3 ? X86_MAP_USER : X86_MAP_KERNEL);
}

static uint64_t fetch_base(const struct cpu *c)
{
	const struct x86_cpu *x = (const struct x86_cpu *)c;

	return x->mode == 64 ? 0 : x->seg[X86_CS].base;
}

static void fault_vector(struct cpu *c)
{
	if (c->trap.vector == IR_VECTOR_ALIGN)
		c->trap.vector = x86_cpu(c)->sys.key & X86_KEY_ALIGN ? X86_AC_ : X86_GP; /* of SSE operands */
	else if (c->trap.vector == IR_VECTOR_FETCH)
		c->trap.vector = X86_GP;
	else
		c->trap.vector = X86_MC; /* the memory behind guest RAM failed */
	c->trap.error_code = 0;
}

static const struct mmu_front mmu = {.maps = X86_MAPS, .fill = x86_fill, .fetch_map = fetch_map, .fetch_base = fetch_base};

const struct ir_front x86_sys_front = {.guest = &x86_ir_guest, .translate = translate, .mode = mode, .fault = fault_vector, .max_insns = 64,
				       .longest = 15, .mmu = &mmu};
