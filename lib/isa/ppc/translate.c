/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The front end: guest descriptions, the loop over a region's instructions. */
#include <byteswap.h>
#include <string.h>
#include "base/log.h"
#include "isa/ppc/rows.h"
#include "isa/ppc/translate.h"

static struct ir_slot slots[2][PPC_SLOTS];
/* Those that compilers use most; rbx and r12 to r15 survive calls of helpers. */
static const struct ir_pin pins[] = {
	{1, 3}, {3, 8}, {4, 9}, {9, 10}, {10, 11}, {31, 12}, {30, 13}, {29, 14}, {5, 15},
};

#define GUEST(name_, which, type)                                                                                     \
	{                                                                                                             \
		.name = name_, .slots = slots[which], .slot_count = PPC_SLOTS, .pc_offset = offsetof(struct ppc_cpu, pc), \
		.pc_type = type, .extra_offset = IR_NO_OFFSET, .fpu_offset = offsetof(struct ppc_cpu, fpu), .fpu_tiny_before = true, \
		.pins = pins, .pin_count = sizeof pins / sizeof pins[0],                                              \
	}
struct ir_guest ppc32_guest = GUEST("ppc", 0, IR_I32), ppc64_guest = GUEST("ppc64", 1, IR_I64);

static void slot(unsigned n, const char *name, size_t offset, enum ir_type type32, enum ir_type type64)
{
	slots[0][n] = (struct ir_slot){name, (uint32_t)offset, type32};
	slots[1][n] = (struct ir_slot){name, (uint32_t)offset, type64};
}

/* Filled when the first processor is made: a program of another guest pays nothing for them. */
void ppc_guest_init(void)
{
	static char names[32 + 16 + 64][6];
	char (*name)[6] = names;

	for (unsigned i = 0; i < 32; i++, name++) {
		snprintf(*name, sizeof *name, "r%u", i);
		slot(i, *name, offsetof(struct ppc_cpu, gpr) + 8 * i, IR_I32, IR_I64);
	}
	for (unsigned i = 0; i < 8; i++, name += 2) {
		snprintf(name[0], sizeof *name, "cr%u", i);
		snprintf(name[1], sizeof *name, "cr%ux", i);
		slot(PPC_SLOT_CRV + i, name[0], offsetof(struct ppc_cpu, crv) + 8 * i, IR_I64, IR_I64);
		slot(PPC_SLOT_CRX + i, name[1], offsetof(struct ppc_cpu, crx) + i, IR_I8, IR_I8);
	}
	for (unsigned i = 0; i < 64; i++, name++) {
		snprintf(*name, sizeof *name, "vs%u", i);
		slot(PPC_SLOT_VSR + i, *name, offsetof(struct ppc_cpu, vsr) + 16 * i, IR_V128, IR_V128);
	}
	slot(PPC_SLOT_LR, "lr", offsetof(struct ppc_cpu, lr), IR_I32, IR_I64);
	slot(PPC_SLOT_CTR, "ctr", offsetof(struct ppc_cpu, ctr), IR_I32, IR_I64);
	slot(PPC_SLOT_CA, "ca", offsetof(struct ppc_cpu, ca), IR_I32, IR_I64);
	slot(PPC_SLOT_CA32, "ca32", offsetof(struct ppc_cpu, ca32), IR_I32, IR_I64);
	slot(PPC_SLOT_SO, "so", offsetof(struct ppc_cpu, so), IR_I8, IR_I8);
	slot(PPC_SLOT_OV, "ov", offsetof(struct ppc_cpu, ov), IR_I8, IR_I8);
	slot(PPC_SLOT_OV32, "ov32", offsetof(struct ppc_cpu, ov32), IR_I8, IR_I8);
	slot(PPC_SLOT_FPCC, "fpcc", offsetof(struct ppc_cpu, fpcc), IR_I8, IR_I8);
	slot(PPC_SLOT_FPOP, "fpop", offsetof(struct ppc_cpu, fpop), IR_I32, IR_I32);
	slot(PPC_SLOT_FPA, "fpa", offsetof(struct ppc_cpu, fpa), IR_F64, IR_F64);
	slot(PPC_SLOT_FPB, "fpb", offsetof(struct ppc_cpu, fpb), IR_F64, IR_F64);
	slot(PPC_SLOT_FPC, "fpc", offsetof(struct ppc_cpu, fpc), IR_F64, IR_F64);
	ppc_helpers_init();
}

/* ---- regions ---- */

void ppc_illegal(T *t, uint32_t i, enum ppc_vector vector)
{
	ir_exit_trap(t->r, TRAP_EXCEPTION, (int)vector, t->pc, ppc_imm(t, IR_I64, i), 0);
	t->end = true;
}

unsigned ppc_exit_label(T *t, uint64_t pc)
{
	for (unsigned k = 0; k < t->exits; k++)
		if (t->exit[k].pc == pc)
			return t->exit[k].label;
	unsigned label = ir_label(t->r);
	if (t->exits < sizeof t->exit / sizeof t->exit[0])
		t->exit[t->exits++] = (struct ppc_exit){(uint16_t)label, pc};
	else
		t->r->full = true;
	return label;
}

/* A switch and no table of pointers, which would have to be relocated at every start. */
static bool translate_row(T *t, unsigned row, uint32_t i)
{
	enum { FIRST = __COUNTER__ + 1 };
	switch (row) {
#define ROW(...) ROW_(__VA_ARGS__)
#define ROW_(value, mask, name, operands, fn, arg, feature) case __COUNTER__ - FIRST: return fn(t, i, arg);
#include "isa/ppc/rows.def"
#undef ROW_
#undef ROW
	}
	return false;
}

/* Said once for each primary opcode: what is not provided looks like an illegal instruction to the program. */
static void refused(uint32_t i, uint64_t pc)
{
	static uint64_t said;
	uint64_t bit = 1ull << (i >> 26);

	if (__atomic_fetch_or(&said, bit, __ATOMIC_RELAXED) & bit)
		return;
	log_printf(LOG_UNIMP, "instruction %08x at %llx is not one of this processor's: the program gets SIGILL\n", i, (unsigned long long)pc);
}

static size_t translate(struct ir_region *r, struct cpu *cc, uint64_t pc, unsigned max, const uint8_t *code, size_t n)
{
	struct ppc_cpu *c = ppc_cpu(cc);
	T t = {.r = r, .c = c, .pc = pc, .be = c->big, .type = r->guest == &ppc64_guest ? IR_I64 : IR_I32,
	       .careful = c->fpscr & FPSCR_ENABLES};
	size_t at = 0;

	t.narrow = t.type == IR_I64 && !c->wide;
	if (n < 4)
		return 0;
	while (!t.end && at + 4 <= n && max-- && ir_room(r, IR_RUN_INSN_OPS + 2 * (t.exits + 1)) &&
	       t.exits + 1 < sizeof t.exit / sizeof t.exit[0]) {
		uint32_t insn;
		memcpy(&insn, code + at, 4);
		if (t.be)
			insn = bswap_32(insn);
		t.pc = pc + at;
		int row = ppc_decode(insn);
		ir_insn(r, t.pc, 4, 0);
		if (row < 0 || !((c->features | 1) >> ppc_row_feature((unsigned)row) & 1) || !translate_row(&t, (unsigned)row, insn)) {
			refused(insn, t.pc);
			ppc_illegal(&t, insn, PPC_V_ILLEGAL);
		}
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

/* Enabled exceptions are looked for behind every operation. */
static uint32_t mode(const struct cpu *c)
{
	return ((const struct ppc_cpu *)(const void *)c)->fpscr & FPSCR_ENABLES ? 1 : 0;
}

static bool fp_host(const struct cpu *c)
{
	return !mode(c);
}

static void fault(struct cpu *c)
{
	switch (c->trap.vector) {
	case IR_VECTOR_FETCH: c->trap.vector = PPC_V_FETCH; break;
	case IR_VECTOR_ALIGN: c->trap.vector = PPC_V_ALIGN; break;
	default: c->trap.vector = PPC_V_DATA;
	}
}

const struct ir_front ppc32_front = {
	.guest = &ppc32_guest, .translate = translate, .mode = mode, .fp_host = fp_host, .fault = fault, .longest = 4, .max_insns = 64, .cold = ppc_cold,
};
const struct ir_front ppc64_front = {
	.guest = &ppc64_guest, .translate = translate, .mode = mode, .fp_host = fp_host, .fault = fault, .longest = 4, .max_insns = 64, .cold = ppc_cold,
};
