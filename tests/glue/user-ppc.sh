#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# PowerPC programs of all three ABIs, static and dynamic: signals with exact frames, floating-point status and exceptions, threads,
# reservations, code that changes itself, system calls whose structures differ, -strace, the debugger's view, core dumps, models.
command -v powerpc64le-linux-gnu-gcc >/dev/null || { echo "1..0 # SKIP no powerpc64le-linux-gnu-gcc here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/user-ppc-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
n=0
ok() { # CONDITION-STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
cat >"$top/p.c" <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#ifdef __powerpc64__
#define REG(u, n) (u)->uc_mcontext.gp_regs[n]
#define FPR(u, n) (u)->uc_mcontext.fp_regs[n]
#else
#define REG(u, n) (u)->uc_mcontext.uc_regs->gregs[n]
#define FPR(u, n) (u)->uc_mcontext.uc_regs->fpregs.fpregs[n]
#endif
static volatile sig_atomic_t seen;
/* The frame has the registers at the faulting instruction; the handler changes them and goes on behind it. */
static void fault(int sig, siginfo_t *si, void *context)
{
	ucontext_t *u = context;
	seen = sig == SIGSEGV && si->si_addr == (void *)0x40 && REG(u, 9) == 0x40 && REG(u, 10) == 0x1234 && FPR(u, 7) == 2.5 &&
	       (REG(u, 38) >> 28 & 15) == 8;
	FPR(u, 7) = 99;
	REG(u, 11) = 77;
	REG(u, 38) = 0x20000000;
	REG(u, 32) += 4;
#ifdef __VSX__
	seen &= u->uc_mcontext.v_regs->vrregs[5][0] == 0x05050505;
	u->uc_mcontext.v_regs->vrregs[5][0] = 6;
#endif
}
static int frames(void)
{
	struct sigaction sa = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
	unsigned long x11, cr, vector = 6, red = 0x5a5a;
	double f, in = 2.5;
	sigaction(SIGSEGV, &sa, NULL);
	seen = 0;
	__asm__ volatile("li 9, 0x40\n li 10, 0x1234\n li 11, 1\n fmr 7, %[in]\n cmpw 9, 10\n"
#ifdef __VSX__
			 "vspltisb 5, 5\n"
#endif
#ifdef __powerpc64__ /* what a leaf function keeps below its stack pointer */
			 "std %[red], -280(1)\n li %[red], 0\n stw 10, 0(9)\n ld %[red], -280(1)\n"
#else
			 "stw 10, 0(9)\n"
#endif
			 "mr %[x11], 11\n mfcr %[cr]\n fmr %[f], 7\n"
#ifdef __VSX__
			 "xxswapd 37, 37\n mfvsrwz %[vector], 37\n"
#endif
			 : [x11] "=&r"(x11), [cr] "=&r"(cr), [f] "=&f"(f), [vector] "+&r"(vector), [red] "+&r"(red) : [in] "f"(in) : "9", "10", "11", "fr7", "v5", "cr0", "memory");
	return seen && x11 == 77 && cr >> 28 == 2 && f == 99 && vector == 6 && red == 0x5a5a;
}
static sigjmp_buf back;
static void trap(int sig, siginfo_t *si, void *context)
{
	ucontext_t *u = context;
	seen = sig == SIGILL ? si->si_code == ILL_ILLOPC : si->si_code == TRAP_BRKPT;
	seen &= si->si_addr == (void *)(uintptr_t)REG(u, 32);
	REG(u, 32) += 4;
}
static void jump(int sig)
{
	siglongjmp(back, sig);
}
static int traps(void)
{
	struct sigaction sa = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
	int good;
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	seen = 0;
	__asm__ volatile(".long 0");
	good = seen;
	seen = 0;
	__asm__ volatile("trap");
	good &= seen;
	signal(SIGUSR1, jump); /* a frame without siginfo */
	if (!sigsetjmp(back, 1))
		raise(SIGUSR1), good = 0;
	return good;
}
static volatile double zero, one = 1, three = 3, huge = 1e308;
static unsigned long fpscr(double q)
{
	union { double d; uint64_t u; } v;
	__asm__ volatile("mffs %0" : "=f"(v.d) : "f"(q));
	return (unsigned long)(v.u & 0xffffffff);
}
/* FPSCR: 4.2.2 of book I. FI, FR and FPRF are those of the last operation. */
static int status(void)
{
	double q;
	feclearexcept(FE_ALL_EXCEPT);
	q = one / three; /* rounded down */
	unsigned long a = fpscr(q);
	__asm__ volatile("" : : "f"(q));
	q = huge * huge;
	__asm__ volatile("" : : "f"(q));
	unsigned long b = fpscr(q);
	feclearexcept(FE_ALL_EXCEPT);
	q = zero / zero;
	__asm__ volatile("" : : "f"(q));
	unsigned long c = fpscr(q);
	feclearexcept(FE_ALL_EXCEPT);
	fesetround(FE_UPWARD);
	q = one / three;
	__asm__ volatile("" : : "f"(q));
	unsigned long d = fpscr(q);
	fesetround(FE_TONEAREST);
	return (a & 0x9a07f000) == 0x82024000 && (b & 0x9a01f000) == 0x92005000 && (c & 0xa021f000) == 0xa0211000 && (d & 0x0207f003) == 0x02064002;
}
static int threads_lock;
static long counter;
static atomic_long shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int mine;
static void *add(void *arg)
{
	mine = (int)(long)arg;
	for (int i = 0; i < 4000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
		shared++;
	}
	return (void *)(long)mine;
}
static void *brief(void *opaque) { return opaque; }
static int threads(void)
{
	pthread_t t[4];
	void *r;
	long sum = threads_lock;
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, add, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], &r), sum += (long)r;
	/* Threads that have ended before the one that made them looks (emu-user read what was freed). */
	for (int k = 0; k < 50; k++) {
		for (long i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, brief, (void *)i);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], &r), sum += (long)r;
	}
	return counter == 16000 && shared == 16000 && sum == 6 * 51;
}
static int changing_code(void)
{
	uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int sum = 0;
	for (uint32_t i = 0; i < 50; i++) {
		p[0] = 0x38600000 | i; /* li r3, i */
		p[1] = 0x4e800020;
		__builtin___clear_cache((char *)p, (char *)(p + 2));
#if defined __powerpc64__ && _CALL_ELF != 2
		static struct { void *entry, *toc, *env; } descriptor;
		descriptor.entry = p;
		__asm__ volatile("" : : "r"(&descriptor) : "memory");
		sum += ((int (*)(void))(void *)&descriptor)();
#else
		sum += ((int (*)(void))p)();
#endif
	}
	return sum == 50 * 49 / 2;
}
static int structures(const char *self)
{
	struct stat st;
	struct utsname u;
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef}, got;
	int fd[2], ep = epoll_create1(0), dir = open("/", O_RDONLY | O_DIRECTORY), not = open(self, O_RDONLY | O_DIRECTORY), waiting = 0;
	return !stat(self, &st) && S_ISREG(st.st_mode) && st.st_size > 1000 && st.st_nlink == 1 && !uname(&u) && !strncmp(u.machine, "ppc", 3) &&
	       !pipe2(fd, O_CLOEXEC) && !epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &e) && write(fd[1], "x", 1) == 1 &&
	       epoll_wait(ep, &got, 1, 0) == 1 && got.data.u64 == 0x123456789abcdef && dir >= 0 && not < 0 && getauxval(AT_HWCAP) & 0x08000000 &&
	       !ioctl(fd[0], FIONREAD, &waiting) && waiting == 1 && isatty(fd[0]) == 0 && lseek(dir, 0, SEEK_SET) == 0 && pread(not, &st, 1, 0) < 0;
}
int main(int argc, char **argv)
{
	int how;
#ifdef __VSX__
	if (argc > 2 && argv[1][0] == 'c')
		__asm__ volatile("vspltisb 5, 5\n li 9, 0x1234\n mtvsrd 7, 9\n xxspltd 7, 7, 0" : : : "9", "v5", "fr7");
#endif
	if (argc > 2)
		return argv[1][0] == 'c' ? (*(volatile int *)8 = 1) : puts("child") < 0;
	printf("frames %d\n", frames());
	printf("traps %d\n", traps());
	printf("status %d\n", status());
	printf("threads %d\n", threads());
	printf("code %d\n", changing_code());
	printf("structures %d\n", structures(argv[0]));
	printf("sine %.15f %.7Lf\n", sin(1.0), sqrtl(2.0L));
	fflush(stdout);
	if (!fork())
		execl(argv[0], argv[0], "again", "x", NULL);
	wait(&how);
	printf("exec %d\n", how);
	return 7;
}
END
printf 'frames 1\ntraps 1\nstatus 1\nthreads 1\ncode 1\nstructures 1\nsine 0.841470984807897 1.4142136\nchild\nexec 0\n' >"$top/want"
# compared NAME PROGRAM OPTION...
compared() {
    name=$1 prog=$2; shift 2
    timeout 120 emu-user "$@" "$top/$prog" >"$top/out" 2>"$top/err"; status=$?
    cmp -s "$top/want" "$top/out" && [ $status = 7 ]; ok $? "$name: signals, status, threads, changed code, structures, exec"
    diff "$top/want" "$top/out" | sed 's/^/# /'; sed 's/^/# /' "$top/err" | head -5
}
for abi in powerpc64le:ppc64le:power8 powerpc64:ppc64:970 powerpc:ppc:750; do
    cross=${abi%%:*}-linux-gnu guest=${abi#*:} model=${abi##*:}; guest=${guest%%:*}
    command -v $cross-gcc >/dev/null || continue
    $cross-gcc -O2 -pthread -static -o "$top/static-$guest" "$top/p.c" -lm && $cross-gcc -O2 -g -pthread -o "$top/dynamic-$guest" "$top/p.c" -lm || exit 1
    L=/usr/$cross
    compared "$guest, static" static-$guest
    compared "$guest, interpreted" static-$guest -accel interp
    if [ $guest != ppc64le ]; then
        compared "$guest, dynamic, a $model" dynamic-$guest -L $L -cpu $model
    else
        compared "$guest, dynamic" dynamic-$guest -L $L
    fi
    qemu-$guest "$top/static-$guest" a b 2>&1 | grep -q child; ok $? "the name qemu-$guest runs it"
done
if [ -x "$top/static-ppc" ]; then
    # 64-bit registers and instructions in 32-bit mode: addresses, Rc and carries are those of 32 bits
    cat >"$top/w.c" <<'END'
#include <stdio.h>
int main(void)
{
	unsigned long long in[2] = {0x123456789abcdef0ull, 0x1000000000ull}, out[4] = {0};
	unsigned cr;
	__asm__ volatile(".machine push\n.machine \"power4\"\n ld 9, 0(%1)\n ld 10, 8(%1)\n mulld 11, 9, 10\n std 11, 0(%2)\n sradi 11, 9, 4\n std 11, 8(%2)\n"
		"cmpd 1, 9, 10\n cmpw 2, 9, 10\n or. 11, 10, 10\n addc 12, 9, 9\n adde 11, 10, 10\n std 11, 16(%2)\n"
		"add 12, %1, 10\n ld 12, 8(12)\n std 12, 24(%2)\n mfcr %0\n .machine pop"
		: "=r"(cr) : "b"(in), "b"(out) : "r9", "r10", "r11", "r12", "cr0", "cr1", "cr2", "memory", "xer");
	printf("%llx %llx %llx %llx %x\n", out[0], out[1], out[2], out[3], cr >> 20);
	return 0;
}
END
    powerpc-linux-gnu-gcc -O2 -static -o "$top/w" "$top/w.c" || exit 1
    [ "$(qemu-ppc64abi32 "$top/w")" = "abcdef0000000000 123456789abcdef 2000000001 1000000000 248" ] && [ "$(qemu-ppc64abi32 -accel interp "$top/w")" = "abcdef0000000000 123456789abcdef 2000000001 1000000000 248" ]
    ok $? "ppc64abi32 has 64-bit registers in 32-bit mode"
    qemu-ppc64abi32 "$top/static-ppc" >"$top/out"; [ $? = 7 ] && cmp -s "$top/want" "$top/out"; ok $? "and runs programs of 32 bits"
    ! qemu-ppc "$top/w" >/dev/null 2>&1; ok $? "ppc has no 64-bit instructions"
fi
emu-user -cpu help "$top/static-ppc64le" >/dev/null; qemu-ppc -cpu help | grep -q '750' && ! qemu-ppc64 -cpu help | grep -q ' 750'; ok $? "-cpu help lists the models of each width"
emu-user -cpu power99 "$top/static-ppc64le" 2>&1 | grep -q "'power99' is not a model"; ok $? "a model that is not there is named"
emu-user -strace "$top/static-ppc64le" a b 2>&1 | grep -q 'write(1,0x[0-9a-f]*,6) = 6'; ok $? "-strace names the calls"
(cd "$top" && ulimit -c unlimited && emu-user "$top/static-ppc64le" c b >/dev/null 2>err; ls static-ppc64le.core.* >/dev/null 2>&1); ok $? "a crash leaves a core dump"
grep -q "SIGSEGV at address 0x8" "$top/err" && grep -q "stw r" "$top/err"; ok $? "and says where, with the instruction"
if command -v gdb-multiarch >/dev/null; then
    gdb-multiarch -batch -nx -ex "set confirm off" -ex "bt" -ex "p \$r3" -ex "info registers pc f0" -ex "p/x \$vr5.v4_int32" -ex "p/x \$vs7.uint128" "$top/static-ppc64le" "$top"/static-ppc64le.core.* >"$top/gdb" 2>&1
    grep -q "in main" "$top/gdb"; ok $? "gdb reads the core dump"
    grep -q '{0x5050505, 0x5050505, 0x5050505, 0x5050505}' "$top/gdb" && grep -q 0x12340000000000001234 "$top/gdb"; ok $? "its AltiVec and VSX registers too"
    for guest in ppc64le:powerpc64le ppc:powerpc; do
        L=/usr/${guest#*:}-linux-gnu guest=${guest%:*}
        [ -x "$top/dynamic-$guest" ] || continue
        rm -f "$top/sock"
        emu-user -L $L -g "$top/sock" "$top/dynamic-$guest" >/dev/null 2>&1 &
        pid=$!
        timeout 60 gdb-multiarch -batch -nx -ex "set sysroot $L" -ex "target remote $top/sock" -ex "handle SIGSEGV SIGILL SIGTRAP SIGUSR1 nostop noprint pass" -ex "break threads" -ex "continue" -ex "delete" -ex "stepi" -ex "stepi" -ex "info registers pc" \
            -ex "print \$vr0.uint128" -ex "bt" -ex "kill" "$top/dynamic-$guest" >"$top/gdb" 2>&1
        grep -q "Breakpoint 1, .*threads" "$top/gdb" && grep -q "main (" "$top/gdb" && grep -q "^.1 = " "$top/gdb"; ok $? "gdb stops a $guest program at a breakpoint, steps and sees registers"
        grep -q "^.1 = " "$top/gdb" || sed 's/^/# /' "$top/gdb" | tail -6
        kill $pid 2>/dev/null; wait $pid 2>/dev/null
    done
fi
echo "1..$n"
