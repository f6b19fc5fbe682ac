/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System instructions and registers that EL0 may use. */
#include "isa/aarch64/translate.h"

bool a64_nop(T *t, uint32_t i, unsigned arg)
{
	(void)t, (void)i, (void)arg;
	return true;
}

/* YIELD, WFE, WFI: the program waits for another thread. A way out of the region lets signals in. */
bool a64_yield(T *t, uint32_t i, unsigned arg)
{
	(void)i, (void)arg;
	ir_exit_pc(t->r, t->pc + 4);
	t->end = true;
	return true;
}

/* Landing pads are not guarded: Linux guards only pages that ask for it (PROT_BTI). */
bool a64_bti(T *t, uint32_t i, unsigned arg)
{
	(void)t, (void)i, (void)arg;
	return true;
}

bool a64_clrex(T *t, uint32_t i, unsigned arg)
{
	(void)i, (void)arg;
	ir_sts(t->r, a64_imm(t, IR_I64, ~0ull), offsetof(struct a64_cpu, exclusive));
	return true;
}

/* DMB, DSB: only the order of a store before a load is not the host's own. CRm: domain, type 1 loads, 2 stores, 3 all. */
bool a64_barrier(T *t, uint32_t i, unsigned arg)
{
	static const uint8_t fence[] = {IR_FENCE_ALL, IR_FENCE_LL | IR_FENCE_LS, IR_FENCE_SS, IR_FENCE_ALL};

	(void)arg;
	ir_fence(t->r, fence[a64_field(i, 8, 2)]);
	return true;
}

/* What was written into code is seen at its next execution, which begins with another region. */
bool a64_isb(T *t, uint32_t i, unsigned arg)
{
	return a64_yield(t, i, arg);
}

/* The host's caches are coherent; the address must be readable all the same. */
bool a64_cache(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ir_ld(t->r, IR_I8, a64_x(t, RT(i)), 0, IR_MEM(1));
	return true;
}

/* 64 bytes, as DCZID_EL0 says. */
bool a64_dc_zva(T *t, uint32_t i, unsigned arg)
{
	ir_ref at = ir_and_imm(t->r, a64_x(t, RT(i)), ~63ull), zero = ir_const_wide(t->r, IR_V128, 0, 0);

	(void)arg;
	for (unsigned k = 0; k < 64; k += 16)
		ir_st(t->r, at, k, zero, IR_MEM(16));
	return true;
}

bool a64_msr_dit(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ir_sts(t->r, a64_imm(t, IR_I8, i >> 8 & 1), offsetof(struct a64_cpu, dit));
	return true;
}

/* NZCV between its place in the state and bits 31..28. */
static ir_ref get_nzcv(T *t)
{
	ir_ref f = ir_getflags(t->r, IR_I32, A64_NZCV), v;

	v = ir_shl_imm(t->r, ir_and_imm(t->r, f, A64_N | A64_Z), 16);
	v = ir_or(t->r, v, ir_shl_imm(t->r, ir_and_imm(t->r, f, A64_C), 21));
	v = ir_or(t->r, v, ir_shl_imm(t->r, ir_and_imm(t->r, f, A64_V), 28));
	return ir_zext(t->r, IR_I64, v);
}

static void set_nzcv(T *t, ir_ref v)
{
	v = ir_zext(t->r, IR_I32, v);
	ir_ref f = ir_and_imm(t->r, ir_shr_imm(t->r, v, 16), A64_N | A64_Z);
	f = ir_or(t->r, f, ir_and_imm(t->r, ir_shr_imm(t->r, v, 21), A64_C));
	f = ir_or(t->r, f, ir_and_imm(t->r, ir_shr_imm(t->r, v, 28), A64_V));
	ir_set(t->r, A64_SLOT_NZCV, f);
}

/* The sticky flags as lib/fpu has them, for what reads or writes them in C. */
static ir_ref host_flags(T *t)
{
	struct ir_op op = {.op = IR_FPGET, .type = IR_I32, .aux = 0};
	return ir_emit(t->r, &op);
}

static void set_fp(T *t, unsigned what, ir_ref v)
{
	struct ir_op op = {.op = IR_FPSET, .type = IR_I32, .aux = (uint8_t)what, .a = v};
	ir_emit(t->r, &op);
}

bool a64_mrs(T *t, uint32_t i, unsigned which)
{
	ir_ref v;

	switch (which) {
	case A64_S_NZCV: v = get_nzcv(t); break;
	case A64_S_DIT:
		v = ir_shl_imm(t->r, ir_zext(t->r, IR_I64, ir_lds(t->r, IR_I8, offsetof(struct a64_cpu, dit))), 24);
		break;
	case A64_S_FPCR: v = ir_zext(t->r, IR_I64, ir_lds(t->r, IR_I32, offsetof(struct a64_cpu, fpcr))); break;
	case A64_S_FPSR: v = a64_call(t, A64_H_fpsr_from, host_flags(t), 0, 0, 0, 0); break;
	case A64_S_TPIDR: v = ir_get(t->r, A64_SLOT_TPIDR); break;
	case A64_S_TPIDRRO: v = a64_imm(t, IR_I64, 0); break;
	/* 64-byte lines, PIPT, no maintenance needed for the instruction side: IDC and DIC are not claimed, so that programs say what they change */
	case A64_S_CTR: v = a64_imm(t, IR_I64, 0x8444c004); break;
	case A64_S_DCZID: v = a64_imm(t, IR_I64, 4); break;
	case A64_S_CNTFRQ: v = a64_imm(t, IR_I64, 62500000); break;
	case A64_S_CNTVCT: v = a64_call(t, A64_H_counter, 0, 0, 0, 0, 0); break;
	case A64_S_RNDR:
		v = a64_call(t, A64_H_random, 0, 0, 0, 0, 0);
		break;
	default: /* CRm and op2 name it */
		v = a64_call(t, A64_H_id_register, a64_imm(t, IR_I32, a64_field(i, 5, 7)), 0, 0, 0, 0);
	}
	a64_set(t, RT(i), v);
	return true;
}

bool a64_msr(T *t, uint32_t i, unsigned which)
{
	ir_ref v = a64_x(t, RT(i));

	switch (which) {
	case A64_S_NZCV: set_nzcv(t, v); break;
	case A64_S_DIT:
		ir_sts(t->r, ir_zext(t->r, IR_I8, ir_extract(t->r, v, 24, 1)), offsetof(struct a64_cpu, dit));
		break;
	case A64_S_FPSR:
		a64_call(t, A64_H_set_fpsr_qc, v, 0, 0, 0, 0);
		/* and what the host has raised is forgotten */
		set_fp(t, 0, a64_call(t, A64_H_fpsr_to, v, 0, 0, 0, 0));
		break;
	case A64_S_FPCR:
		/* The mode of translation depends on it, and the host's rounding. */
		a64_call(t, A64_H_write_fpcr, v, 0, 0, 0, 0);
		ir_exit_trap(t->r, TRAP_NONE, 0, t->pc + 4, 0, 0);
		t->end = true;
		break;
	case A64_S_TPIDR: ir_set(t->r, A64_SLOT_TPIDR, v); break;
	}
	return true;
}
