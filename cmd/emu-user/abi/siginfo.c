/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siginfo: the generic layout in the guest's word size and byte order (asm-generic/siginfo.h). */
#include "order.h"

struct writer {
	bool big;
	unsigned word;
	uint8_t *p; /* the union */
};

static void put_int(struct writer *w, unsigned at, int64_t v)
{
	put32(w->big, w->p + at, (uint32_t)v);
}

static void put_word(struct writer *w, unsigned at, uint64_t v)
{
	if (w->word == 8)
		put64(w->big, w->p + at, v);
	else
		put32(w->big, w->p + at, (uint32_t)v);
}

enum kind { KILL, TIMER, QUEUE, CHILD, FAULT, POLL, SYSTEM };

/* Which member of the union a signal and code choose (kernel/signal.c, siginfo_layout). */
static enum kind kind_of(int signo, int code)
{
	if (code == SI_TIMER)
		return TIMER;
	if (code == SI_SIGIO)
		return POLL;
	if (code <= 0)
		return code == SI_USER || code == SI_TKILL ? KILL : QUEUE;
	switch (signo) {
	case SIGILL: case SIGFPE: case SIGSEGV: case SIGBUS: case SIGTRAP: return code == SI_KERNEL ? KILL : FAULT;
	case SIGCHLD: return CHILD;
	case SIGIO: return POLL;
	case SIGSYS: return SYSTEM;
	default: return QUEUE;
	}
}

void siginfo_put(const struct abi *abi, uint8_t *to, const siginfo_t *si)
{
	struct writer w = {abi->elf_data == ELFDATA2MSB, abi->word, to + (abi->word == 8 ? 16 : 12)};
	unsigned after = w.word == 8 ? 8 : 4; /* where a word lies behind the first one */

	memset(to, 0, SIGINFO_SIZE);
	put32(w.big, to, (uint32_t)si->si_signo);
	put32(w.big, to + 4, (uint32_t)si->si_errno);
	put32(w.big, to + 8, (uint32_t)si->si_code);
	switch (kind_of(si->si_signo, si->si_code)) {
	case KILL:
		put_int(&w, 0, si->si_pid);
		put_int(&w, 4, si->si_uid);
		break;
	case QUEUE:
		put_int(&w, 0, si->si_pid);
		put_int(&w, 4, si->si_uid);
		put_word(&w, 8, (uint64_t)(uintptr_t)si->si_value.sival_ptr);
		break;
	case TIMER:
		put_int(&w, 0, si->si_timerid);
		put_int(&w, 4, si->si_overrun);
		put_word(&w, 8, (uint64_t)(uintptr_t)si->si_value.sival_ptr);
		break;
	case CHILD:
		put_int(&w, 0, si->si_pid);
		put_int(&w, 4, si->si_uid);
		put_int(&w, 8, si->si_status);
		put_word(&w, w.word == 8 ? 16 : 12, (uint64_t)si->si_utime);
		put_word(&w, w.word == 8 ? 24 : 16, (uint64_t)si->si_stime);
		break;
	case FAULT:
		put_word(&w, 0, (uint64_t)(uintptr_t)si->si_addr);
		break;
	case POLL:
		put_word(&w, 0, (uint64_t)si->si_band);
		put_int(&w, after, si->si_fd);
		break;
	case SYSTEM:
		put_word(&w, 0, (uint64_t)(uintptr_t)si->si_call_addr);
		put_int(&w, after, si->si_syscall);
		put_int(&w, after + 4, si->si_arch);
		break;
	}
}

int siginfo_write(struct thread *t, uint64_t to, const siginfo_t *si)
{
	uint8_t b[SIGINFO_SIZE];

	siginfo_put(t->process->abi, b, si);
	return user_write(t, to, b, sizeof(b));
}

/* What a program queues: signo, errno, code, then pid, uid, value. */
int siginfo_read(struct thread *t, siginfo_t *si, uint64_t from)
{
	const struct abi *abi = t->process->abi;
	bool big = abi->elf_data == ELFDATA2MSB;
	uint8_t b[SIGINFO_SIZE];
	const uint8_t *u = b + (abi->word == 8 ? 16 : 12);

	if (user_read(t, b, from, sizeof(b)))
		return -EFAULT;
	memset(si, 0, sizeof(*si));
	si->si_signo = (int)take32(big, b);
	si->si_errno = (int)take32(big, b + 4);
	si->si_code = (int)take32(big, b + 8);
	si->si_pid = (pid_t)take32(big, u);
	si->si_uid = take32(big, u + 4);
	si->si_value.sival_ptr = (void *)(uintptr_t)(abi->word == 8 ? take64(big, u + 8) : take32(big, u + 8));
	return 0;
}
