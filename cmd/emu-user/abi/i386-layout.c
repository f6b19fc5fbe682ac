/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siginfo and the two-fold floating-point state (FSAVE image, then FXSAVE or XSAVE image) of i386 signal frames. */
#include <string.h>
#include "i386-layout.h"
#include "x86.h"

/* Which member of the union a signal and code choose (kernel/signal.c, siginfo_layout). */
void i386_siginfo(struct siginfo32 *to, const siginfo_t *si)
{
	memset(to, 0, sizeof(*to));
	to->signo = si->si_signo;
	to->error = si->si_errno;
	to->code = si->si_code;
	if (si->si_code == SI_TIMER) {
		to->word[0] = (uint32_t)si->si_timerid;
		to->word[1] = (uint32_t)si->si_overrun;
		to->word[2] = (uint32_t)(uintptr_t)si->si_value.sival_ptr;
	} else if (si->si_code <= 0 && si->si_code != SI_SIGIO) {
		to->word[0] = (uint32_t)si->si_pid;
		to->word[1] = si->si_uid;
		to->word[2] = (uint32_t)(uintptr_t)si->si_value.sival_ptr;
	} else {
		switch (si->si_signo) {
		case SIGILL: case SIGFPE: case SIGSEGV: case SIGBUS: case SIGTRAP:
			if (si->si_code == SI_KERNEL)
				break;
			to->word[0] = (uint32_t)(uintptr_t)si->si_addr;
			to->word[1] = (uint32_t)(uint16_t)si->si_addr_lsb;
			break;
		case SIGCHLD:
			to->word[0] = (uint32_t)si->si_pid;
			to->word[1] = si->si_uid;
			to->word[2] = (uint32_t)si->si_status;
			to->word[3] = (uint32_t)si->si_utime;
			to->word[4] = (uint32_t)si->si_stime;
			break;
		case SIGIO:
			to->word[0] = (uint32_t)si->si_band;
			to->word[1] = (uint32_t)si->si_fd;
			break;
		case SIGSYS:
			to->word[0] = (uint32_t)(uintptr_t)si->si_call_addr;
			to->word[1] = (uint32_t)si->si_syscall;
			to->word[2] = si->si_arch;
			break;
		default:
			to->word[0] = (uint32_t)si->si_pid;
			to->word[1] = si->si_uid;
			to->word[2] = (uint32_t)(uintptr_t)si->si_value.sival_ptr;
		}
	}
}

/* The two-bit tag of a register (SDM vol. 1, 8.1.7): 0 valid, 1 zero, 2 special, 3 empty. */
static unsigned full_tag(uint64_t mantissa, uint16_t exponent)
{
	unsigned e = exponent & 0x7fff;

	if (e == 0x7fff || (!e && mantissa) || (e && !(mantissa >> 63)))
		return 2;
	return e || mantissa ? 0 : 1;
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

void i386_fsave_image(struct x86_cpu *c, uint8_t *image)
{
	unsigned i, top;
	uint32_t tags = 0;

	x86_fpu_sync(c);
	memset(image, 0, I386_FSAVE_SIZE);
	top = c->fx.fsw >> 11 & 7;
	for (i = 0; i < 8; i++) { /* i: physical register */
		unsigned st = (i - top) & 7;
		unsigned tag = c->fx.ftw >> i & 1 ? full_tag(c->fx.st[st].mantissa, c->fx.st[st].exponent) : 3;

		tags |= tag << (2 * i);
		memcpy(image + 28 + 10 * i, &c->fx.st[i].mantissa, 8);
		memcpy(image + 28 + 10 * i + 8, &c->fx.st[i].exponent, 2);
	}
	put32(image, 0xffff0000u | c->fx.fcw);
	put32(image + 4, 0xffff0000u | c->fx.fsw);
	put32(image + 8, 0xffff0000u | tags);
	put32(image + 12, (uint32_t)c->fx.fip);
	put32(image + 16, X86_USER_CS32 | (uint32_t)c->fx.fop << 16);
	put32(image + 20, (uint32_t)c->fx.fdp);
	put32(image + 24, 0xffff0000u | X86_USER_DS);
	memcpy(image + 108, &c->fx.fsw, 2); /* status; the magic behind it: 0, an FXSAVE image follows */
}

int i386_save_fp(struct thread *t, uint64_t at)
{
	uint8_t image[I386_FSAVE_SIZE];

	i386_fsave_image(x86_cpu(t->cpu), image);
	if (user_write(t, at, image, sizeof(image)))
		return -EFAULT;
	return x86_frame_save_fp(t, at + I386_FSAVE_SIZE);
}

/* The FSAVE image wins for x87, the image behind it gives the vector registers (fpu__restore_sig of the kernel). */
int i386_restore_fp(struct thread *t, uint64_t at)
{
	struct x86_cpu *c = x86_cpu(t->cpu);
	uint8_t b[I386_FSAVE_SIZE];
	uint16_t tags;
	unsigned i;

	if (!at)
		return x86_frame_restore_fp(t, 0);
	if (user_read(t, b, at, sizeof(b)) || x86_frame_restore_fp(t, at + I386_FSAVE_SIZE))
		return -EFAULT;
	memcpy(&c->fx.fcw, b, 2);
	memcpy(&c->fx.fsw, b + 4, 2);
	memcpy(&tags, b + 8, 2);
	c->fx.ftw = 0;
	for (i = 0; i < 8; i++) {
		if ((tags >> (2 * i) & 3) != 3)
			c->fx.ftw |= (uint8_t)(1u << i);
		memcpy(&c->fx.st[i].mantissa, b + 28 + 10 * i, 8);
		memcpy(&c->fx.st[i].exponent, b + 28 + 10 * i + 8, 2);
	}
	return 0;
}
