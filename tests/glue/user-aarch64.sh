#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# AArch64 programs, static and dynamic: signals with exact frames, threads, exclusive and atomic accesses, code that changes itself,
# system calls whose structures differ, -strace, the debugger's view, core dumps, models.
cross=aarch64-linux-gnu-gcc
command -v $cross >/dev/null || { echo "1..0 # SKIP no $cross here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/user-aarch64-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
n=0
ok() { # CONDITION-STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
cat >"$top/p.c" <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
static volatile sig_atomic_t seen;
static uint64_t vector[2];
/* The frame has the registers at the faulting instruction; the handler changes them and goes on behind it. */
static void fault(int sig, siginfo_t *si, void *context)
{
	ucontext_t *u = context;
	struct fpsimd_context *fp = (void *)u->uc_mcontext.__reserved;
	seen = sig == SIGSEGV && si->si_addr == (void *)(uintptr_t)u->uc_mcontext.regs[9] && u->uc_mcontext.regs[10] == 0x1234 &&
	       u->uc_mcontext.fault_address == 0x40 && fp->head.magic == FPSIMD_MAGIC && fp->head.size == sizeof *fp;
	memcpy(vector, &fp->vregs[7], 16);
	fp->vregs[7] = 99;
	u->uc_mcontext.regs[11] = 77;
	u->uc_mcontext.pstate = 1u << 30;
	u->uc_mcontext.pc += 4;
}
static int frames(void)
{
	struct sigaction sa = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
	uint64_t x11, nzcv, v7;
	sigaction(SIGSEGV, &sa, NULL);
	__asm__ volatile("mov x9, #0x40\n mov x10, #0x1234\n mov x11, #1\n movi v7.16b, #5\n cmp x9, x10\n str x10, [x9]\n"
			 "mov %0, x11\n mrs %1, nzcv\n mov %2, v7.d[0]\n" : "=&r"(x11), "=&r"(nzcv), "=&r"(v7) : : "x9", "x10", "x11", "v7", "cc");
	return seen && x11 == 77 && nzcv == 1u << 30 && v7 == 99 && vector[1] == 0x0505050505050505;
}
static void trap(int sig, siginfo_t *si, void *context)
{
	ucontext_t *u = context;
	seen = sig == SIGILL ? si->si_code == ILL_ILLOPC : si->si_code == TRAP_BRKPT;
	seen &= si->si_addr == (void *)u->uc_mcontext.pc;
	u->uc_mcontext.pc += 4;
}
static int traps(void)
{
	struct sigaction sa = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
	int good;
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	seen = 0;
	__asm__ volatile("udf #0");
	good = seen;
	seen = 0;
	__asm__ volatile("brk #5");
	return good && seen;
}
static long counter;
static atomic_long shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *add(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
		shared++;
	}
	return NULL;
}
static int threads(void)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, add, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return counter == 80000 && shared == 80000;
}
static int changing_code(void)
{
	uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sum = 0;
	for (uint32_t i = 0; i < 50; i++) {
		p[0] = 0x52800000 | i << 5; /* mov w0, #i */
		p[1] = 0xd65f03c0;
		__builtin___clear_cache((char *)p, (char *)(p + 2));
		sum += ((int (*)(void))p)();
	}
	return sum == 50 * 49 / 2;
}
static int structures(const char *self)
{
	struct stat st;
	struct utsname u;
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef}, got;
	int fd[2], ep = epoll_create1(0), dir = open("/", O_RDONLY | O_DIRECTORY), not = open(self, O_RDONLY | O_DIRECTORY);
	return !stat(self, &st) && S_ISREG(st.st_mode) && st.st_size > 1000 && st.st_nlink == 1 && !uname(&u) && !strcmp(u.machine, "aarch64") &&
	       !pipe2(fd, O_CLOEXEC) && !epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &e) && write(fd[1], "x", 1) == 1 &&
	       epoll_wait(ep, &got, 1, 0) == 1 && got.data.u64 == 0x123456789abcdef && dir >= 0 && not < 0 && getauxval(AT_HWCAP) & HWCAP_ASIMD;
}
/* /proc shows this processor, not the host's. */
static int processor(void)
{
	char line[600], features[600] = "";
	unsigned implementer = 0, count = 0;
	FILE *f = fopen("/proc/cpuinfo", "r");
	while (f && fgets(line, sizeof line, f)) {
		count += !strncmp(line, "processor\t: ", 12);
		sscanf(line, "CPU implementer\t: %x", &implementer);
		sscanf(line, "Features\t: %599[^\n]", features);
		if (strstr(line, "vendor_id"))
			return 0;
	}
	return (long)count == sysconf(_SC_NPROCESSORS_ONLN) && !strncmp(features, "fp asimd ", 9) &&
	       (getauxval(AT_HWCAP) & HWCAP_ATOMICS ? implementer == 0 && strstr(features, " atomics ") : implementer == 0x41 && !strstr(features, "atomics"));
}
static sigjmp_buf back;
static void *where;
static void leap(int sig, siginfo_t *si, void *context)
{
	(void)context;
	seen = sig << 8 | si->si_code;
	where = si->si_addr;
	siglongjmp(back, 1);
}
/* What the kernel makes of each kind of fault: signal, code, address. */
static int kinds(void)
{
	struct sigaction sa = {.sa_sigaction = leap, .sa_flags = SA_SIGINFO};
	char *none = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int good = 0, bad = 0;
	for (int s = 0; s < 4; s++)
		sigaction((int[]){SIGILL, SIGTRAP, SIGBUS, SIGSEGV}[s], &sa, NULL);
#define FAULTS(code, sig, sicode, address) do { seen = 0; if (!sigsetjmp(back, 1)) { code; } if (seen == ((sig) << 8 | (sicode)) && where == (void *)(address)) good++; else bad++, printf("%s: %x %p\n", #code, seen, where); } while (0)
	FAULTS(*(volatile char *)none = 1, SIGSEGV, SEGV_ACCERR, none);
	FAULTS(*(volatile char *)0x1230, SIGSEGV, SEGV_MAPERR, 0x1230);
	FAULTS(((void (*)(void))none)(), SIGSEGV, SEGV_ACCERR, none);
	FAULTS(((void (*)(void))0x4560)(), SIGSEGV, SEGV_MAPERR, 0x4560);
	FAULTS(((void (*)(void))(none + 2))(), SIGBUS, BUS_ADRALN, none + 2);
	FAULTS(__asm__ volatile("ldxr x9, [%0]" : : "r"(none + 1) : "x9"), SIGBUS, BUS_ADRALN, none + 1);
	FAULTS(__asm__ volatile("mrs x9, sctlr_el1" : : : "x9"), SIGILL, ILL_ILLOPC, where);
	FAULTS(__asm__ volatile("hvc #0"), SIGILL, ILL_ILLOPC, where);
	FAULTS(__asm__ volatile("hlt #1"), SIGILL, ILL_ILLOPC, where);
	FAULTS(__asm__ volatile("brk #7"), SIGTRAP, TRAP_BRKPT, where);
	return !bad && good == 10;
}
int main(int argc, char **argv)
{
	int status;
	if (argc > 2)
		return argv[1][0] == 'c' ? (*(volatile int *)8 = 1) : puts("child") < 0;
	printf("frames %d\n", frames());
	printf("traps %d\n", traps());
	printf("threads %d\n", threads());
	printf("code %d\n", changing_code());
	printf("structures %d\n", structures(argv[0]));
	printf("processor %d\n", processor());
	printf("kinds %d\n", kinds());
	printf("sine %.15f\n", sin(1.0));
	fflush(stdout);
	if (!fork())
		execl(argv[0], argv[0], "again", "x", NULL);
	wait(&status);
	printf("exec %d\n", status);
	return 7;
}
END
$cross -O2 -pthread -static -o "$top/static" "$top/p.c" -lm && $cross -O2 -g -pthread -o "$top/dynamic" "$top/p.c" -lm || exit 1
printf 'frames 1\ntraps 1\nthreads 1\ncode 1\nstructures 1\nprocessor 1\nkinds 1\nsine 0.841470984807897\nchild\nexec 0\n' >"$top/want"
L=/usr/aarch64-linux-gnu
for how in "static" "dynamic -L $L" "static -accel interp" "static -cpu cortex-a53"; do
    set -- $how; prog=$1; shift
    emu-user "$@" "$top/$prog" >"$top/out" 2>"$top/err"; status=$?
    cmp -s "$top/want" "$top/out" && [ $status = 7 ]; ok $? "$how: signals, threads, changed code, structures, exec"
    diff "$top/want" "$top/out" | sed 's/^/# /'; sed 's/^/# /' "$top/err" | head -5
done
qemu-aarch64 "$top/static" a b 2>&1 | grep -q child; ok $? "the name qemu-aarch64 runs it"
emu-user -cpu help "$top/static" >/dev/null; qemu-aarch64 -cpu help | grep -q cortex-a72; ok $? "-cpu help lists its models"
emu-user -cpu cortex-a99 "$top/static" 2>&1 | grep -q "'cortex-a99' is not a model"; ok $? "a model that is not there is named"
emu-user -strace "$top/static" a b 2>&1 | grep -q 'write(1,0x[0-9a-f]*,6) = 6' ; ok $? "-strace names the calls"
(cd "$top" && ulimit -c unlimited && emu-user "$top/static" c b >/dev/null 2>err; ls static.core.* >/dev/null 2>&1); ok $? "a crash leaves a core dump"
grep -q "SIGSEGV at address 0x8" "$top/err" && grep -q "str w" "$top/err"; ok $? "and says where, with the instruction"
aarch64-linux-gnu-readelf -n "$top"/static.core.* 2>&1 | grep -c 'NT_PRSTATUS\|NT_PRPSINFO\|NT_SIGINFO\|NT_AUXV\|NT_FILE\|NT_FPREGSET\|NT_ARM_TLS\|NT_ARM_SYSTEM_CALL' | grep -qx 8; ok $? "with the notes that the kernel writes"
if command -v gdb-multiarch >/dev/null; then
    gdb-multiarch -batch -nx -ex "set confirm off" -ex "bt" -ex "p \$x0" -ex "info registers pc v0" "$top/static" "$top"/static.core.* >"$top/gdb" 2>&1
    grep -q "in main" "$top/gdb"; ok $? "gdb reads the core dump"
    emu-user -L $L -g "$top/sock" "$top/dynamic" >/dev/null 2>&1 &
    pid=$!
    timeout 60 gdb-multiarch -batch -nx -ex "set sysroot $L" -ex "target remote $top/sock" -ex "handle SIGSEGV SIGILL SIGTRAP nostop noprint pass" -ex "break threads" -ex "continue" -ex "delete" -ex "stepi" -ex "stepi" -ex "info registers pc" \
        -ex "print \$v0.d.u" -ex "bt" -ex "kill" "$top/dynamic" >"$top/gdb" 2>&1
    grep -q "Breakpoint 1, .*threads" "$top/gdb" && grep -q "main (" "$top/gdb" && grep -q "^.1 = {" "$top/gdb"; ok $? "gdb stops at a breakpoint, steps and sees registers"
    sed 's/^/# /' "$top/gdb" | tail -6
    kill $pid 2>/dev/null; wait $pid 2>/dev/null
fi
echo "1..$n"
