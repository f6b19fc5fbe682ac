/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front end's part that only machines have: system instructions as helper calls, segment checks, what must be looked at before
 * an x87 or vector instruction.
 */
#include <sched.h>
#include <stddef.h>
#include "isa/x86/cpuid.h"
#include "isa/x86/rows.h"
#include "isa/x86/sys.h"

const struct x86_sys_op x86_sys_ops[X86_OP_COUNT] = {
#define PLAIN(op) [X86_OP_##op] = {x86_sys_##op, X86_SYS_PLAIN, false}
#define ENDS(op) [X86_OP_##op] = {x86_sys_##op, X86_SYS_ENDS, false}
#define JUMPS(op) [X86_OP_##op] = {x86_sys_##op, X86_SYS_JUMPS, false}
	PLAIN(sldt), PLAIN(str), PLAIN(lldt), PLAIN(ltr), PLAIN(verr), PLAIN(verw), PLAIN(sgdt), PLAIN(sidt), PLAIN(lgdt), PLAIN(lidt),
	PLAIN(smsw), ENDS(lmsw), ENDS(invlpg), ENDS(invpcid), PLAIN(monitor), ENDS(mwait), ENDS(clac), ENDS(stac), PLAIN(xgetbv), ENDS(xsetbv),
	PLAIN(swapgs), PLAIN(rdtscp), PLAIN(rdtsc), PLAIN(lar), PLAIN(lsl), ENDS(clts), JUMPS(sysret), PLAIN(wbinvd),
	[X86_OP_invd] = {x86_sys_wbinvd, X86_SYS_PLAIN, false},
	PLAIN(mov_from_cr), PLAIN(mov_from_dr), ENDS(mov_to_cr), ENDS(mov_to_dr), ENDS(wrmsr), PLAIN(rdmsr), PLAIN(rdpmc), JUMPS(sysexit),
	JUMPS(rsm), ENDS(mov_to_seg), PLAIN(push_seg), ENDS(pop_seg), ENDS(les), ENDS(lds), ENDS(lss), ENDS(lfs), ENDS(lgs),
	JUMPS(jmpf), JUMPS(callf), JUMPS(retf), JUMPS(iret), JUMPS(syscall), JUMPS(sysenter), [X86_OP_syscall32] = {x86_sys_syscall, X86_SYS_JUMPS, false},
	[X86_OP_sysret32] = {x86_sys_sysret, X86_SYS_JUMPS, false}, PLAIN(cpuid), PLAIN(in), ENDS(out),
	JUMPS(ins), JUMPS(outs), PLAIN(cli), PLAIN(sti), PLAIN(pushf), PLAIN(popf), JUMPS(int), JUMPS(int3), JUMPS(into), JUMPS(int1),
	PLAIN(pusha), PLAIN(popa), PLAIN(enter), PLAIN(arpl), PLAIN(rdfsbase), PLAIN(rdgsbase), PLAIN(wrfsbase), PLAIN(wrgsbase), PLAIN(rdpid),
};

/* ---- calls ---- */

void x86_sys_call(struct x86_ir *t, x86_helper_fn *fn, ir_ref ea)
{
	static struct ir_helper records[2 * X86_OP_COUNT];
	/* a record for each function, by hash; they stay */
	unsigned i = (unsigned)((uintptr_t)fn >> 4) % (2 * X86_OP_COUNT);
	for (;; i = (i + 1) % (2 * X86_OP_COUNT)) {
		void *is = __atomic_load_n(&records[i].fn, __ATOMIC_ACQUIRE);
		if (is == (void *)fn)
			break;
		if (!is) {
			static volatile uint32_t busy;
			while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
				sched_yield();
			if (!records[i].fn) {
				records[i] = (struct ir_helper){.name = "x86-system", .ret = IR_VOID, .args = 2, .arg = {IR_I64, IR_I64},
								.flags = IR_HELPER_STATE | IR_HELPER_FAULTS};
				__atomic_store_n(&records[i].fn, (void *)fn, __ATOMIC_RELEASE);
			}
			__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
			if (records[i].fn == (void *)fn)
				break;
		}
	}
	ir_ref args[5] = {ir_const(t->r, IR_I64, (uintptr_t)x86_insn_keep(t)), ea ? ea : ir_const(t->r, IR_I64, 0)};
	ir_call(t->r, &records[i], args);
}

/* To a pc that is looked up anew, with the mode that holds then. */
static void leave_to_rip(struct x86_ir *t)
{
	ir_exit_ind(t->r, ir_lds(t->r, IR_I64, offsetof(struct x86_cpu, rip)), IR_HINT_FAR, 0);
	t->ended = true;
}

static void leave_to_next(struct x86_ir *t)
{
	ir_sts(t->r, ir_const(t->r, IR_I64, t->next), offsetof(struct x86_cpu, rip));
	leave_to_rip(t);
}

/* ---- segments ---- */

X86_SYS_HELPER(segment_fault)
{
	(void)in;
	x86_raise(c, ea == X86_SS ? X86_SS_ : X86_GP, 0);
}

X86_SYS_HELPER(code_limit)
{
	(void)in, (void)ea;
	x86_raise(c, X86_GP, 0);
}

ir_ref x86_access(struct x86_ir *t, unsigned seg, ir_ref offset, unsigned size, bool write)
{
	struct ir_region *r = t->r;

	if (!t->sys || t->mode == 64 || !size || (t->flat && seg != X86_FS && seg != X86_GS))
		return x86_linear(t, seg, offset);
	uint32_t at = offsetof(struct x86_cpu, sys.bounds) + seg * sizeof(struct x86_bounds) + 8 * write;
	ir_ref low = ir_lds(r, IR_I64, at + offsetof(struct x86_bounds, low)), span = ir_lds(r, IR_I64, at + offsetof(struct x86_bounds, span));
	unsigned bad = ir_label(r), good = ir_label(r);
	ir_ref from = ir_sub(r, offset, low);
	ir_brcond(r, IR_GTU, from, span, bad);
	ir_brcond(r, IR_LEU, ir_add_imm(r, from, size - 1), span, good);
	ir_place(r, bad);
	x86_sys_call(t, x86_sys_segment_fault, ir_const(r, IR_I64, seg));
	ir_place(r, good);
	return x86_linear(t, seg, offset);
}

ir_ref x86_code_target(struct x86_ir *t, ir_ref offset)
{
	struct ir_region *r = t->r;

	if (!t->sys || t->mode == 64 || t->flat)
		return offset;
	unsigned good = ir_label(r);
	ir_brcond(r, IR_LEU, offset, ir_const(r, IR_I64, t->code_limit), good);
	x86_sys_call(t, x86_sys_code_limit, 0);
	ir_place(r, good);
	return offset;
}

/* ---- x87 and vectors: who is there at all (SDM vol. 3, 2.5 and tables 9-1, 9-3; vol. 2, table 2-21 for VEX) ---- */

X86_SYS_HELPER(fpu_gate)
{
	(void)ea;
	uint64_t cr0 = c->sys.cr0, cr4 = c->sys.cr4;
	unsigned op = in->row->op, feature = in->row->feature;
	bool mmx = feature == X86_FEAT_MMX || feature == X86_FEAT_3DNOW || feature == X86_FEAT_3DNOWEXT;

	if (op == X86_OP_fwait) {
		if (cr0 & X86_CR0_MP && cr0 & X86_CR0_TS)
			x86_raise(c, X86_NM, 0);
		return;
	}
	if (op == X86_OP_xsave || op == X86_OP_xsaveopt || op == X86_OP_xsavec || op == X86_OP_xrstor) {
		if (!(cr4 & X86_CR4_OSXSAVE))
			x86_raise(c, X86_UD, 0);
	} else if (op == X86_OP_fxsave || op == X86_OP_fxrstor) {
		if (cr0 & X86_CR0_EM)
			x86_raise(c, X86_NM, 0);
	} else if (in->prefixes & X86_PFX_VEX) {
		if (x86_paragraphs(c) || !(cr4 & X86_CR4_OSXSAVE) || (in->row->flags & X86_ROW_VEC && (c->xcr0 & 6) != 6))
			x86_raise(c, X86_UD, 0);
		if (!(in->row->flags & X86_ROW_VEC))
			return; /* BMI */
	} else if (in->row->flags & X86_ROW_VEC && !mmx) {
		if (cr0 & X86_CR0_EM || !(cr4 & X86_CR4_OSFXSR))
			x86_raise(c, X86_UD, 0);
	} else if (mmx) {
		if (cr0 & X86_CR0_EM)
			x86_raise(c, X86_UD, 0);
	} else if (cr0 & X86_CR0_EM) {
		x86_raise(c, X86_NM, 0);
	}
	if (cr0 & X86_CR0_TS)
		x86_raise(c, X86_NM, 0);
}

/* A processor that spins lets others run now and then: there may be more of them than the host has. */
static void pause_helper(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	if (!(++c->sys.pauses & 31) && c->cpu.jit->cpus > 1)
		sched_yield();
}

/* ---- one instruction ---- */

static bool emit_string(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	const struct x86_insn *in = t->in;

	if (!(in->prefixes & (X86_PFX_REP | X86_PFX_REPNE)))
		return false;
	x86_sys_call(t, in->row->op == X86_OP_movs ? x86_sys_rep_movs : x86_sys_rep_stos, 0);
	enum ir_type type = x86_type(in->addrsize);
	unsigned done = ir_label(r);
	ir_brcond(r, IR_EQ, x86_gpr_get(t, X86_RCX, in->addrsize, false), ir_const(r, type, 0), done);
	ir_exit_pc(r, t->pc);
	ir_place(r, done);
	return true;
}

/* POPF is everywhere in kernels; only what x86_flags_changed() wants looked at ends the region. */
static void emit_popf(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned go_on = ir_label(r);

	x86_sys_call(t, x86_sys_popf, 0);
	ir_brcond(r, IR_EQ, ir_lds(r, IR_I32, offsetof(struct x86_cpu, cpu.pending)), ir_const(r, IR_I32, 0), go_on);
	leave_to_next(t);
	t->ended = false;
	ir_place(r, go_on);
}

bool x86_sys_emit(struct x86_ir *t)
{
	const struct x86_insn *in = t->in;
	unsigned op = in->row->op;
	const struct x86_sys_op *s = &x86_sys_ops[op];

	if (t->key & X86_KEY_FPU && (in->row->flags & (X86_ROW_X87 | X86_ROW_VEC) || in->prefixes & X86_PFX_VEX || op == X86_OP_fwait))
		x86_sys_call(t, x86_sys_fpu_gate, 0);
	switch (op) {
	case X86_OP_hlt:
		if (t->user)
			x86_trap(t, X86_GP, 0);
		else
			ir_exit_trap(t->r, TRAP_HALT, 0, t->next, 0, 0);
		t->ended = true;
		return true;
	case X86_OP_pause:
		x86_sys_call(t, pause_helper, 0);
		return true;
	case X86_OP_movs:
	case X86_OP_stos:
		return emit_string(t);
	case X86_OP_popf:
		emit_popf(t);
		return true;
	}
	if (!s->fn)
		return false;
	if ((op == X86_OP_mov_to_seg && in->reg == X86_SS) || (op == X86_OP_pop_seg && x86_operand_fixed(in->row->operands[0]) == X86_SS))
		ir_sts(t->r, ir_const(t->r, IR_I64, t->next), offsetof(struct x86_cpu, sys.shadow_at));
	x86_sys_call(t, s->fn, in->has_mem && !(in->row->flags & X86_ROW_VSIB) ? x86_address(t) : 0);
	if (s->kind == X86_SYS_ENDS)
		leave_to_next(t);
	else if (s->kind == X86_SYS_JUMPS)
		leave_to_rip(t);
	return true;
}
