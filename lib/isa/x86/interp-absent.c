/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In the place of the interpreter until it is built in: an instruction that the copying translator leaves to it is
 * undefined for the guest.
 */
#include "isa/x86/copy.h"
#include "isa/x86/interp.h"

enum trap_kind x86_interp_one(struct x86_cpu *c)
{
	return x86_exception(c, 6, 0);
}

bool x86_interp_fault(struct x86_cpu *c, int sig, siginfo_t *si, void *ucontext)
{
	(void)c, (void)sig, (void)si, (void)ucontext;
	return false;
}
