/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point state as the kernel lays it out (Intel SDM volume 1, 10.5.1 and 13.4; Linux's
 * struct _fpx_sw_bytes in the reserved end of the legacy area), and exceptions as signals.
 */
#include <string.h>
#include "x86.h"
#include "isa/x86/cpuid.h"

#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u
#define SW_OFFSET 464 /* of struct _fpx_sw_bytes in the image */
#define MXCSR_MASK 0xffffu

static bool has_xsave(struct x86_cpu *c)
{
	return c->xcr0 & 4;
}

void x86_fxsave_image(struct x86_cpu *c, uint8_t *image)
{
	unsigned i;

	x86_fpu_sync(c);
	memset(image, 0, X86_FXSAVE_SIZE);
	memcpy(image, &c->fx, 160);
	memcpy(image + 24, &c->mxcsr, 4);
	memcpy(image + 28, &(uint32_t){MXCSR_MASK}, 4);
	for (i = 0; i < 16; i++)
		memcpy(image + 160 + 16 * i, c->ymm[i].u8, 16);
}

void x86_xsave_image(struct x86_cpu *c, uint8_t *image)
{
	uint64_t xstate_bv = has_xsave(c) ? 7 : 3;
	unsigned i;

	memset(image, 0, X86_XSAVE_SIZE);
	x86_fxsave_image(c, image);
	memcpy(image + 512, &xstate_bv, 8);
	for (i = 0; i < 16; i++)
		memcpy(image + 576 + 16 * i, c->ymm[i].u8 + 16, 16);
}

void x86_fxrstor_image(struct x86_cpu *c, const uint8_t *image)
{
	unsigned i;

	x86_fpu_sync(c);
	memcpy(&c->fx, image, 160);
	memcpy(&c->mxcsr, image + 24, 4);
	c->mxcsr &= MXCSR_MASK;
	for (i = 0; i < 16; i++)
		memcpy(c->ymm[i].u8, image + 160 + 16 * i, 16);
}

static void initial_x87(struct x86_cpu *c)
{
	x86_fpu_sync(c);
	memset(&c->fx, 0, sizeof(c->fx));
	c->fx.fcw = 0x37f;
}

unsigned x86_frame_fp_size(struct x86_cpu *c)
{
	return has_xsave(c) ? X86_XSTATE_FRAME : X86_FXSAVE_SIZE;
}

int x86_frame_save_fp(struct thread *t, uint64_t at)
{
	struct x86_cpu *c = x86_cpu(t->cpu);
	uint8_t image[X86_XSTATE_FRAME] __attribute__((aligned(64)));
	struct {
		uint32_t magic1, extended_size;
		uint64_t features;
		uint32_t xstate_size, padding[7];
	} sw = {0};

	if (!has_xsave(c)) {
		x86_fxsave_image(c, image);
		return user_write(t, at, image, X86_FXSAVE_SIZE);
	}
	x86_xsave_image(c, image);
	sw.magic1 = MAGIC1;
	sw.extended_size = X86_XSTATE_FRAME;
	sw.features = 7;
	sw.xstate_size = X86_XSAVE_SIZE;
	memcpy(image + SW_OFFSET, &sw, sizeof(sw));
	memcpy(image + X86_XSAVE_SIZE, &(uint32_t){MAGIC2}, 4);
	return user_write(t, at, image, sizeof(image));
}

int x86_frame_restore_fp(struct thread *t, uint64_t at)
{
	struct x86_cpu *c = x86_cpu(t->cpu);
	uint8_t image[X86_XSTATE_FRAME] __attribute__((aligned(64)));
	uint32_t magic1, magic2 = 0, size;
	uint64_t bv = 3;
	unsigned i;

	if (!at) {
		initial_x87(c);
		memset(c->ymm, 0, sizeof(c->ymm));
		c->mxcsr = 0x1f80;
		return 0;
	}
	if (user_read(t, image, at, X86_FXSAVE_SIZE))
		return -EFAULT;
	memcpy(&magic1, image + SW_OFFSET, 4);
	memcpy(&size, image + SW_OFFSET + 16, 4);
	if (has_xsave(c) && magic1 == MAGIC1 && size == X86_XSAVE_SIZE &&
	    !user_read(t, image + X86_FXSAVE_SIZE, at + X86_FXSAVE_SIZE, X86_XSTATE_FRAME - X86_FXSAVE_SIZE))
		memcpy(&magic2, image + X86_XSAVE_SIZE, 4);
	if (magic2 == MAGIC2) {
		uint64_t features;

		memcpy(&features, image + SW_OFFSET + 8, 8);
		memcpy(&bv, image + 512, 8);
		bv &= features;
	}
	x86_fxrstor_image(c, image);
	if (!(bv & 1))
		initial_x87(c);
	if (!(bv & 2)) {
		for (i = 0; i < 16; i++)
			memset(c->ymm[i].u8, 0, 16);
		if (!(bv & 4))
			c->mxcsr = 0x1f80;
	}
	for (i = 0; i < 16; i++) {
		if (magic2 == MAGIC2 && (bv & 4))
			memcpy(c->ymm[i].u8 + 16, image + 576 + 16 * i, 16);
		else
			memset(c->ymm[i].u8 + 16, 0, 16);
	}
	return 0;
}

/* si_code of SIGFPE from the x87's status and control words (SDM vol. 1, 8.5), or from MXCSR. */
static int fpe_code(uint32_t status, uint32_t control)
{
	uint32_t e = status & ~control;

	if (e & 0x01)
		return FPE_FLTINV;
	if (e & 0x04)
		return FPE_FLTDIV;
	if (e & 0x08)
		return FPE_FLTOVF;
	if (e & 0x12)
		return FPE_FLTUND;
	if (e & 0x20)
		return FPE_FLTRES;
	return 0;
}

int x86_exception_signal(struct thread *t, const struct trap *trap, siginfo_t *si)
{
	struct x86_cpu *c = x86_cpu(t->cpu);
	void *pc = (void *)(uintptr_t)t->process->abi->isa->get_pc(t->cpu);
	int sig = SIGSEGV, code = SI_KERNEL;
	void *addr = NULL;

	if (trap->host_fault && trap->si.si_signo != SIGTRAP) {
		/* the host's own report is exactly the one, but for addresses that name translated code */
		*si = trap->si;
		if (trap->vector == 14 && (trap->error_code & 0x10) && mm_is_mapped(t->process, trap->address)) {
			si->si_code = SEGV_ACCERR; /* memory that is there and holds no code */
			t->cpu->trap.error_code |= 1;
		}
		if (si->si_signo == SIGFPE || si->si_signo == SIGILL)
			si->si_addr = pc;
		else if (si->si_code != SI_KERNEL)
			si->si_addr = (void *)((uintptr_t)si->si_addr - t->process->guest_base);
		return si->si_signo;
	}
	switch (trap->vector) {
	case 0:
		sig = SIGFPE, code = FPE_INTDIV, addr = pc;
		break;
	case 1:
		sig = SIGTRAP, code = TRAP_TRACE, addr = pc;
		break;
	case 3:
		sig = SIGTRAP, code = SI_KERNEL;
		break;
	case 4: /* INTO */
	case 5: /* BOUND */
	case 9:
	case 10:
		break;
	case 6:
		sig = SIGILL, code = ILL_ILLOPN, addr = pc;
		break;
	case 11:
	case 12:
		sig = SIGBUS;
		break;
	case 14:
		addr = (void *)(uintptr_t)trap->address;
		code = trap->error_code & 1 ? SEGV_ACCERR : SEGV_MAPERR;
		if (mm_is_mapped(t->process, trap->address))
			code = SEGV_ACCERR;
		break;
	case 16:
		x86_fpu_sync(c);
		sig = SIGFPE, code = fpe_code(c->fx.fsw, c->fx.fcw), addr = pc;
		break;
	case 17:
		sig = SIGBUS, code = BUS_ADRALN;
		break;
	case 19:
		sig = SIGFPE, code = fpe_code(c->mxcsr, c->mxcsr >> 7), addr = pc;
		break;
	}
	memset(si, 0, sizeof(*si));
	si->si_signo = sig;
	si->si_code = code;
	si->si_addr = addr;
	return sig;
}

struct x86_fault x86_last_fault(struct thread *t, const siginfo_t *si)
{
	const struct trap *trap = &t->cpu->trap;
	struct x86_fault f = {0};

	if (si->si_code <= 0)
		return f;
	f.trapno = (uint64_t)trap->vector;
	f.err = trap->error_code;
	switch (si->si_signo) {
	case SIGSEGV:
		if (si->si_code != SI_KERNEL)
			f.trapno = 14, f.cr2 = (uint64_t)(uintptr_t)si->si_addr;
		break;
	case SIGBUS:
		if (si->si_code == BUS_ADRERR)
			f.trapno = 14, f.cr2 = (uint64_t)(uintptr_t)si->si_addr;
		break;
	case SIGFPE: case SIGILL: case SIGTRAP:
		break;
	default:
		return (struct x86_fault){0};
	}
	return f;
}

void x86_hwcaps(struct cpu *c, uint64_t *hwcap, uint64_t *hwcap2)
{
	const struct x86_features *f = x86_cpu(c)->feat;

	*hwcap = f ? x86_hwcap(f) : 0;
	*hwcap2 = f ? x86_hwcap2(f) : 0;
}
