/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IF and its kin (Intel SDM volume 2, CLI, STI, PUSHF, POPF; volume 3, 20.3 and 20.4 for virtual interrupts), software interrupts,
 * the stack instructions of many words.
 */
#include "isa/x86/sys.h"

X86_SYS_HELPER(cli)
{
	(void)in, (void)ea;
	if (!x86_protected(c) || c->sys.cpl <= x86_iopl(c))
		c->rflags &= ~(uint64_t)X86_IF;
	else if (c->sys.cpl == 3 && c->sys.cr4 & (x86_vm86(c) ? X86_CR4_VME : X86_CR4_PVI))
		c->rflags &= ~(uint64_t)X86_VIF;
	else
		x86_raise(c, X86_GP, 0);
}

X86_SYS_HELPER(sti)
{
	(void)in, (void)ea;
	uint64_t old = c->rflags;

	if (!x86_protected(c) || c->sys.cpl <= x86_iopl(c)) {
		c->rflags |= X86_IF;
		if (!(old & X86_IF))
			c->sys.shadow = X86_SHADOW_STI;
		x86_flags_changed(c, old);
	} else if (c->sys.cpl == 3 && c->sys.cr4 & (x86_vm86(c) ? X86_CR4_VME : X86_CR4_PVI) && !(c->rflags & X86_VIP)) {
		c->rflags |= X86_VIF;
	} else {
		x86_raise(c, X86_GP, 0);
	}
}

X86_SYS_HELPER(pushf)
{
	(void)ea;
	unsigned bytes = x86_stack_bytes(c);
	uint64_t v = c->rflags & ~(uint64_t)(X86_VM | X86_RF);
	struct x86_stack s;

	if (x86_vm86(c) && x86_iopl(c) < 3) {
		if (!(c->sys.cr4 & X86_CR4_VME) || in->opsize != 2)
			x86_raise(c, X86_GP, 0);
		v = (v & ~(uint64_t)X86_IF) | X86_IOPL | (c->rflags & X86_VIF ? X86_IF : 0);
	}
	x86_stack_current(c, &s);
	x86_stack_push(&s, v, in->opsize);
	x86_set_gpr(c, X86_RSP, bytes, s.sp);
}

X86_SYS_HELPER(popf)
{
	(void)ea;
	unsigned bytes = x86_stack_bytes(c), size = in->opsize;
	uint64_t may = X86_STATUS | X86_TF | X86_DF | X86_NT | (size > 2 ? X86_AC | X86_ID : 0), old = c->rflags, v;
	struct x86_stack s;

	x86_stack_current(c, &s);
	v = x86_stack_peek(&s, 0, size);
	if (x86_vm86(c) && x86_iopl(c) < 3) {
		if (!(c->sys.cr4 & X86_CR4_VME) || size != 2 || v & X86_TF || (v & X86_IF && c->rflags & X86_VIP))
			x86_raise(c, X86_GP, 0);
		c->rflags = (c->rflags & ~(uint64_t)X86_VIF) | (v & X86_IF ? X86_VIF : 0);
	} else {
		if (!x86_protected(c) || c->sys.cpl <= x86_iopl(c))
			may |= X86_IF;
		if (!c->sys.cpl)
			may |= X86_IOPL;
	}
	c->rflags = (c->rflags & ~(may | X86_RF)) | (v & may) | 2;
	x86_set_gpr(c, X86_RSP, bytes, s.sp + size);
	x86_flags_changed(c, old);
}

/* ---- software interrupts ---- */

X86_SYS_HELPER(int)
{
	(void)ea;
	unsigned vector = in->imm & 255;
	uint64_t next = x86_next_ip(c, in);

	if (x86_protected(c) && x86_vm86(c)) {
		if (x86_deliver_vme(c, vector, next))
			return;
		if (x86_iopl(c) < 3)
			x86_raise(c, X86_GP, 0);
	}
	x86_deliver(c, vector, X86_EVENT_SOFTWARE, 0, next);
}

X86_SYS_HELPER(int3)
{
	(void)ea;
	x86_deliver(c, X86_BP, X86_EVENT_SOFTWARE, 0, x86_next_ip(c, in));
}

X86_SYS_HELPER(int1)
{
	(void)ea;
	x86_deliver(c, X86_DB, X86_EVENT_ICEBP, 0, x86_next_ip(c, in));
}

X86_SYS_HELPER(into)
{
	(void)ea;
	uint64_t next = x86_next_ip(c, in);

	if (c->rflags & X86_OF)
		x86_deliver(c, X86_OF_, X86_EVENT_SOFTWARE, 0, next);
	else
		x86_set_ip(c, next);
}

/* ---- PUSHA, POPA, ENTER ---- */

X86_SYS_HELPER(pusha)
{
	(void)ea;
	unsigned size = in->opsize, bytes = x86_stack_bytes(c);
	uint64_t sp = c->gpr[X86_RSP];
	struct x86_stack s;

	x86_stack_current(c, &s);
	for (unsigned n = 1; n <= 8; n++) {
		uint64_t at = x86_segment_check(c, X86_SS, (sp - n * size) & s.mask, size, true);
		x86_mem_probe_write(c, at, size);
	}
	for (unsigned n = 0; n < 8; n++)
		x86_stack_push(&s, n == X86_RSP ? sp : c->gpr[n], size);
	x86_set_gpr(c, X86_RSP, bytes, s.sp);
}

X86_SYS_HELPER(popa)
{
	(void)ea;
	unsigned size = in->opsize, bytes = x86_stack_bytes(c);
	struct x86_stack s;
	uint64_t v[8];

	x86_stack_current(c, &s);
	for (unsigned n = 0; n < 8; n++)
		v[7 - n] = x86_stack_peek(&s, n * size, size);
	for (unsigned n = 0; n < 8; n++)
		if (n != X86_RSP)
			x86_set_gpr(c, n, size, v[n]);
	x86_set_gpr(c, X86_RSP, bytes, s.sp + 8 * size);
}

X86_SYS_HELPER(enter)
{
	(void)ea;
	unsigned size = in->opsize, bytes = x86_stack_bytes(c), level = in->imm2 & 31;
	uint64_t bp = c->gpr[X86_RBP], frame;
	struct x86_stack s, old;

	x86_stack_current(c, &s);
	x86_stack_push(&s, bp, size);
	frame = s.sp;
	for (unsigned n = 1; n < level; n++) {
		x86_stack_current(c, &old);
		old.sp = bp - n * size;
		x86_stack_push(&s, x86_stack_peek(&old, 0, size), size);
	}
	if (level)
		x86_stack_push(&s, frame, size);
	uint64_t sp = s.sp - (in->imm & 0xffff);
	/* the final stack must be writable (SDM volume 2, ENTER) */
	x86_mem_probe_write(c, x86_segment_check(c, X86_SS, sp & s.mask, size, true), size);
	x86_set_gpr(c, X86_RBP, size, frame);
	x86_set_gpr(c, X86_RSP, bytes, sp);
}
