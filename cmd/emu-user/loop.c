/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a guest thread: run, serve what stopped it, deliver signals, run again. */
#include <string.h>
#include "internal.h"

static void system_call(struct thread *t)
{
	const struct abi *abi = t->process->abi;
	uint64_t arg[6];
	int64_t r;

	t->syscall_number = abi->syscall_args(t->cpu, arg);
	if (t->cpu->trap.number && abi->word == 8) {
		/* INT 0x80 of a 64-bit program: the 32-bit table with 32-bit structures, which belongs to i386 programs */
		log_printf(LOG_UNIMP, "32-bit system call %u from 64-bit code: the program gets ENOSYS\n", t->syscall_number);
		abi->syscall_result(t->cpu, -ENOSYS);
		return;
	}
	r = sys_dispatch(t, abi->calls, t->syscall_number, arg);
	if (r == -ERESTARTSYS || r == -ERESTARTNOINTR)
		t->restart = (int)-r;
	else if (r != USER_NO_RESULT)
		abi->syscall_result(t->cpu, r);
}

static void exception(struct thread *t)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	t->process->abi->exception(t, &t->cpu->trap, &si);
	signal_force(t, si.si_signo, &si);
}

_Noreturn void thread_loop(struct thread *t)
{
	const struct isa *isa = t->process->abi->isa;

	for (;;) {
		switch (isa->run(t->cpu)) {
		case TRAP_SYSCALL:
			system_call(t);
			break;
		case TRAP_EXCEPTION:
			exception(t);
			break;
		case TRAP_DEBUG:
			gdb_stop(t, 0, NULL);
			break;
		case TRAP_NONE:
		case TRAP_HALT:
			break;
		}
		if (t->signal_ready || t->restart || t->saved_mask_set)
			signal_deliver(t);
		if (__builtin_expect(t->process->stop_request, 0))
			t->process->dying ? threads_park(t) : (void)gdb_stop(t, -1, NULL);
	}
}
