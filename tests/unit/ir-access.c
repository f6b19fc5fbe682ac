/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fault of a guest access in C comes back to its scope, with the address; anything else stays a crash. */
#include "tap.h"
#include "unit/ir-guest.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void handler(int sig, siginfo_t *si, void *u)
{
	if (!access_fault(sig, si, u))
		_exit(42);
}

static int deep(char *p, int n)
{
	char c[100];
	memset(c, n, sizeof c);
	if (n)
		return deep(p, n - 1) + c[5];
	access_read(c, p, 100);
	return c[0];
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	struct access_scope s;
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int times = 0;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	mprotect(p + 4096, 4096, PROT_NONE);
	for (volatile int i = 0; i < 1000; i++) {
		if (access_enter(&s)) {
			/* In the page, that is: in what order a copy of 100 bytes touches them is the compiler's choice. */
			times += s.sig == SIGSEGV && ((uintptr_t)s.si.si_addr & ~4095ul) == (uintptr_t)p + 4096;
			continue;
		}
		deep(p + 4096 - 50, 10);
		access_leave(&s);
	}
	ok_eq(times, 1000, "a fault ten calls deep comes back, a thousand times, with an address in the page");
	ok(access_current == NULL, "and leaves its scope");

	int r = access_enter(&s);
	if (!r) {
		access_probe_write(p, 4096);
		access_probe_write(p + 100, 4000);
	}
	ok(r != 0 && s.si.si_addr == p + 4096, "a probe finds the page that cannot be written");
	r = access_enter(&s);
	if (!r)
		access_read((char[4]){0}, (char *)0x8000000000000000ull, 4);
	ok(r != 0 && s.sig == SIGSEGV, "an address that is not canonical comes back");
	r = access_enter(&s);
	if (!r)
		access_raise(17);
	ok(r != 0 && s.sig == 0 && s.code == 17, "access_raise() brings its code");

	pid_t child = fork();
	if (!child) {
		if (access_enter(&s))
			_exit(1);
		access_read(&r, p, 4);
		*(volatile char *)(p + 4096) = 1;
		_exit(2);
	}
	waitpid(child, &r, 0);
	ok(WIFEXITED(r) && WEXITSTATUS(r) == 42, "a fault outside of a marked access is not the guest's");

	/* The interpreter: state before the fault is exact, pc is at the instruction. */
	struct ir_region *g = ir_region_new(64);
	struct toy t;
	memset(&t, 0, sizeof t);
	t.x[2] = (uint64_t)(uintptr_t)p + 4090;
	ir_begin(g, &toy_guest, 0x100);
	ir_insn(g, 0x100, 4, 7);
	ir_set(g, 3, ir_ld(g, IR_I64, ir_get(g, 2), -8, IR_MEM(8)));
	ir_insn(g, 0x104, 4, 9);
	ir_ref v = ir_ld(g, IR_I32, ir_get(g, 2), 2, IR_MEM(4) | IR_MEM_BE);
	ir_set(g, TOY_W, v);
	ir_insn(g, 0x108, 4, 11);
	ir_set(g, 4, ir_const(g, IR_I64, 1));
	ir_st(g, ir_get(g, 2), 6, ir_get(g, 4), IR_MEM(8));
	ir_set(g, 5, ir_get(g, 4));
	ir_exit_pc(g, 0x10c);
	memcpy(p + 4082, "\1\2\3\4\5\6\7\10", 8);
	memcpy(p + 4092, "\xff\2\3\4", 4);
	ok_eq(ir_interp(g, &t.cpu, 0), IR_LEAVE_TRAP, "a faulting store leaves the region");
	ok(t.cpu.trap.host_fault && t.cpu.trap.address == (uint64_t)(uintptr_t)p + 4096 &&
	   t.cpu.trap.vector == IR_VECTOR_MEMORY, "with the guest's address");
	ok(t.pc == 0x108 && t.extra == 11, "pc and extra word are those of its instruction");
	ok(t.x[3] == 0x0807060504030201ull && t.w[0] == 0xff020304 && t.x[4] == 1 && t.x[5] == 0,
	   "what was set before is in effect, what comes later is not");
	ir_region_free(g);
	return tap_done();
}
