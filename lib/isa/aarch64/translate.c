/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The front end: guest description, conditions, the loop over a region's instructions. */
#include <string.h>
#include "isa/aarch64/rows.h"
#include "isa/aarch64/translate.h"

/* ---- condition flags ---- */

/* x: enum a64_flag_op | width << 8 */
static uint64_t compute(uint32_t x, uint64_t a, uint64_t b, uint64_t r)
{
	uint64_t sign = x >> 8 == 64 ? 1ull << 63 : 1ull << 31, f;

	if ((x & 255) == A64_FLAGS_FCMP)
		return r;
	/* Where nobody else wants the result it was not made. */
	if ((x & 255) == A64_FLAGS_SUB)
		r = (a - b) & (sign | (sign - 1));
	else if ((x & 255) == A64_FLAGS_ADD)
		r = (a + b) & (sign | (sign - 1));
	f = (r & sign ? A64_N : 0) | (r ? 0 : A64_Z);
	switch (x & 255) {
	case A64_FLAGS_SUB:
		return f | (a >= b ? A64_C : 0) | ((a ^ b) & (a ^ r) & sign ? A64_V : 0);
	case A64_FLAGS_ADD:
	case A64_FLAGS_ADC:
		return f | (((a & b) | ((a | b) & ~r)) & sign ? A64_C : 0) | (~(a ^ b) & (a ^ r) & sign ? A64_V : 0);
	default:
		return f;
	}
}

/* The manual's ConditionHolds(). */
static bool test(unsigned cond, uint64_t f)
{
	bool n = f & A64_N, z = f & A64_Z, c = f & A64_C, v = f & A64_V, r;

	switch (cond >> 1) {
	case 0: r = z; break;
	case 1: r = c; break;
	case 2: r = n; break;
	case 3: r = v; break;
	case 4: r = c && !z; break;
	case 5: r = n == v; break;
	case 6: r = n == v && !z; break;
	default: return true;
	}
	return cond & 1 ? !r : r;
}

static uint64_t needs(unsigned cond)
{
	static const uint16_t bits[] = {A64_Z, A64_C, A64_N, A64_V, A64_C | A64_Z, A64_N | A64_V, A64_N | A64_V | A64_Z, 0};
	return bits[cond >> 1 & 7];
}

static bool fuse(uint32_t x, unsigned cond, struct ir_fuse *f)
{
	static const uint8_t sub[] = {IR_EQ, IR_NE, IR_GEU, IR_LTU, 0, 0, 0, 0, IR_GTU, IR_LEU, IR_GES, IR_LTS, IR_GTS, IR_LES};
	unsigned op = x & 255;

	if (cond >= 14)
		return false;
	if (op == A64_FLAGS_FCMP) {
		/* Which relations satisfy the condition: Arm ARM, FPCompare() and ConditionHolds(). */
		static const uint8_t relations[] = {
			IR_REL_EQ, IR_REL_EQ | IR_REL_GT | IR_REL_UN, IR_REL_LT, IR_REL_UN, IR_REL_GT | IR_REL_UN,
			IR_REL_EQ | IR_REL_GT, IR_REL_GT,
		};
		*f = (struct ir_fuse){cond & 1 ? IR_TSTZ : IR_TSTNZ, IR_FLAG_A, (uint8_t)(IR_FLAG_IMM + relations[cond >> 1])};
		return true;
	}
	if (op == A64_FLAGS_SUB && sub[cond] | (cond < 2)) {
		*f = (struct ir_fuse){sub[cond], IR_FLAG_A, IR_FLAG_B};
		return true;
	}
	if (cond < 2 || cond == 4 || cond == 5) {
		*f = (struct ir_fuse){cond < 2 ? (uint8_t)(cond ? IR_NE : IR_EQ) : (uint8_t)(cond == 4 ? IR_LTS : IR_GES),
				      IR_FLAG_R, IR_FLAG_ZERO};
		return true;
	}
	if (op == A64_FLAGS_LOGIC && cond >= 10) { /* V is 0 */
		static const uint8_t against_zero[] = {IR_GES, IR_LTS, IR_GTS, IR_LES};
		*f = (struct ir_fuse){against_zero[cond - 10], IR_FLAG_R, IR_FLAG_ZERO};
		return true;
	}
	return false;
}

static enum ir_host_flags host(uint32_t x)
{
	switch (x & 255) {
	case A64_FLAGS_SUB: return IR_HOST_FLAGS_SUB_NOT_C;
	case A64_FLAGS_ADD: return IR_HOST_FLAGS_ADD;
	case A64_FLAGS_LOGIC: return IR_HOST_FLAGS_LOGIC;
	case A64_FLAGS_FCMP: return IR_HOST_FLAGS_RESULT;
	default: return IR_HOST_FLAGS_NONE;
	}
}

static enum ir_nzcv nzcv(unsigned cond)
{
	static const uint8_t even[] = {IR_NZCV_Z, IR_NZCV_C, IR_NZCV_N, IR_NZCV_V, IR_NZCV_HI, IR_NZCV_GE, IR_NZCV_GT};
	return cond >= 14 ? IR_NZCV_NONE : even[cond >> 1] + (cond & 1);
}

void a64_flags(T *t, enum a64_flag_op op, ir_ref a, ir_ref b, ir_ref result)
{
	unsigned width = t->r->temp[a].type == IR_I64 ? 64 : 32;
	ir_setflags(t->r, op | width << 8, A64_NZCV, a, b, result);
}

ir_ref a64_condition(T *t, unsigned cond)
{
	return cond >= 14 ? a64_imm(t, IR_I32, 1) : ir_testflags(t->r, IR_I32, cond);
}

static struct ir_flags flags = {
	.slot = A64_SLOT_NZCV, .mask = A64_NZCV, .compute = compute, .test = test, .needs = needs, .fuse = fuse, .host = host,
	.nzcv = nzcv, .n = 15, .z = 14, .c = 8, .v = 0, .alone = true,
};

/* ---- the guest ---- */

static struct ir_slot slots[A64_SLOTS];
/* Those that compilers use most; rbx and r12 to r15 survive calls of helpers. */
static const struct ir_pin pins[] = {
	{A64_SLOT_SP, 3}, {0, 8}, {1, 9}, {2, 10}, {3, 11}, {19, 12}, {20, 13}, {21, 14}, {4, 15},
};

struct ir_guest a64_guest = {
	.name = "aarch64", .slots = slots, .slot_count = A64_SLOTS, .pc_offset = offsetof(struct a64_cpu, pc), .pc_type = IR_I64, .pc_zeros = 2,
	.extra_offset = IR_NO_OFFSET, .fpu_offset = offsetof(struct a64_cpu, fpu), .fpu_tiny_before = true, .flags = &flags,
	.pins = pins, .pin_count = sizeof pins / sizeof pins[0],
};

/* Filled when the first processor is made: a program of another guest pays nothing for them. */
void a64_guest_init(void)
{
	static char names[A64_SLOTS][6];

	for (unsigned i = 0; i < A64_SLOTS; i++) {
		uint32_t at = i < 32 ? (uint32_t)offsetof(struct a64_cpu, x) + 8 * i
				     : (uint32_t)offsetof(struct a64_cpu, v) + 16 * (i - A64_SLOT_V);
		snprintf(names[i], sizeof names[i], i < 32 ? "x%u" : "v%u", (i < 32 ? i : i - A64_SLOT_V) & 31);
		slots[i] = (struct ir_slot){names[i], at, i < 32 ? IR_I64 : IR_V128};
	}
	slots[A64_SLOT_SP].name = "sp";
	slots[A64_SLOT_NZCV] = (struct ir_slot){"nzcv", offsetof(struct a64_cpu, nzcv), IR_I32};
	slots[A64_SLOT_TPIDR] = (struct ir_slot){"tpidr", offsetof(struct a64_cpu, tpidr), IR_I64};
	a64_helpers_init();
}

/* ---- regions ---- */

void a64_undefined(T *t, uint32_t i)
{
	ir_exit_trap(t->r, TRAP_EXCEPTION, A64_V_UNDEFINED, t->pc, a64_imm(t, IR_I64, i), 0);
	t->end = true;
}

unsigned a64_exit_label(T *t, uint64_t pc)
{
	for (unsigned k = 0; k < t->exits; k++)
		if (t->exit[k].pc == pc)
			return t->exit[k].label;
	unsigned label = ir_label(t->r);
	if (t->exits < sizeof t->exit / sizeof t->exit[0])
		t->exit[t->exits++] = (struct a64_exit){(uint16_t)label, pc};
	else
		t->r->full = true;
	return label;
}

/* A switch and no table of pointers, which would have to be relocated at every start. */
static bool translate_row(T *t, unsigned row, uint32_t i)
{
	enum { FIRST = __COUNTER__ + 1 };
	switch (row) {
#define ROW(bits, name, operands, fn, arg, feature) case __COUNTER__ - FIRST: return fn(t, i, arg);
#include "isa/aarch64/rows.def"
#undef ROW
	}
	return false;
}

static size_t translate(struct ir_region *r, struct cpu *cc, uint64_t pc, unsigned max, const uint8_t *code, size_t n)
{
	struct a64_cpu *c = a64_cpu(cc);
	T t = {.r = r, .c = c, .pc = pc, .fz = c->fpcr & A64_FPCR_FZ, .be = cc->isa->big_endian};
	size_t at = 0;

	if (pc & 3) {
		ir_insn(r, pc, 4, 0);
		ir_exit_trap(r, TRAP_EXCEPTION, A64_V_PC_ALIGN, pc, 0, a64_imm(&t, IR_I64, pc));
		return 1;
	}
	if (n < 4)
		return 0;
	while (!t.end && at + 4 <= n && max-- && ir_room(r, IR_RUN_INSN_OPS + 2 * (t.exits + 1)) &&
	       t.exits < sizeof t.exit / sizeof t.exit[0]) {
		uint32_t insn;
		memcpy(&insn, code + at, 4);
		t.pc = pc + at;
		int row = a64_decode(insn);
		ir_insn(r, t.pc, 4, 0);
		if (row < 0 || !((c->features | 1) >> a64_row_feature((unsigned)row) & 1) || !translate_row(&t, (unsigned)row, insn))
			a64_undefined(&t, insn);
		at += 4;
	}
	if (!t.end)
		ir_exit_pc(r, pc + at);
	for (unsigned k = 0; k < t.exits; k++) {
		ir_place(r, t.exit[k].label);
		ir_exit_pc(r, t.exit[k].pc);
	}
	return at;
}

static uint32_t mode(const struct cpu *c)
{
	return ((const struct a64_cpu *)(const void *)c)->fpcr & A64_FPCR_FZ ? 1 : 0;
}

static bool fp_host(const struct cpu *c)
{
	return !mode(c);
}

static void fault(struct cpu *c)
{
	switch (c->trap.vector) {
	case IR_VECTOR_FETCH: c->trap.vector = A64_V_FETCH; break;
	case IR_VECTOR_ALIGN: c->trap.vector = A64_V_ALIGN; break;
	default: c->trap.vector = A64_V_DATA;
	}
}

const struct ir_front a64_front = {
	.guest = &a64_guest, .translate = translate, .mode = mode, .fp_host = fp_host, .fault = fault, .cold = a64_cold, .cold_runs = 16, .longest = 4, .max_insns = 64,
};
