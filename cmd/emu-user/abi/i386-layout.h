/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Structures of the i386 kernel interface that signal handlers see (asm/sigcontext.h, asm/siginfo.h). */
#ifndef ABI_I386_LAYOUT_H
#define ABI_I386_LAYOUT_H
#include "../internal.h"
#include "isa/x86/cpu.h"

#define I386_FSAVE_SIZE 112u /* struct _fpstate_32 up to the FXSAVE image that follows it */

struct sigcontext32 {
	uint16_t gs, gsh, fs, fsh, es, esh, ds, dsh;
	uint32_t di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip;
	uint16_t cs, csh;
	uint32_t flags, sp_at_signal;
	uint16_t ss, ssh;
	uint32_t fpstate, oldmask, cr2;
};

struct siginfo32 {
	int32_t signo, error, code;
	uint32_t word[29];
};

struct ucontext32 {
	uint32_t flags, link, stack_sp, stack_flags, stack_size;
	struct sigcontext32 mc;
	uint32_t mask[2];
};

struct frame32 {
	uint32_t pretcode, sig;
	struct sigcontext32 mc;
	uint8_t unused[624]; /* where the floating-point state was once */
	uint32_t extramask;
	uint8_t retcode[8];
};

struct rt_frame32 {
	uint32_t pretcode, sig, pinfo, puc;
	struct siginfo32 info;
	struct ucontext32 uc;
	uint8_t retcode[8];
};

void i386_siginfo(struct siginfo32 *to, const siginfo_t *si);
/* The FSAVE image in front (I386_FSAVE_SIZE bytes). */
void i386_fsave_image(struct x86_cpu *c, uint8_t *image);
int i386_save_fp(struct thread *t, uint64_t at);
int i386_restore_fp(struct thread *t, uint64_t at);
void vdso_i386_mapped(struct process *p, uint64_t base);
#endif
