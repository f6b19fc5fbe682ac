#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Big-endian AArch64 programs (aarch64_be): data in memory and in the structures of system calls, signal frames, SIMD loads by
# element and by register, exclusive pairs, the debugger's view. No C library exists for them here, so the program makes its own calls. (The
# peer, 7.2, agrees with all of it but the vector that a handler changes: the kernel's frame has each as one big-endian integer.)
cross=aarch64-linux-gnu-gcc
command -v $cross >/dev/null || { echo "1..0 # SKIP no $cross here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/user-aarch64-be-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
n=0
ok() { # CONDITION-STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
cat >"$top/p.c" <<'END'
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/auxvec.h>
#include <linux/eventpoll.h>
#include <linux/time_types.h>
#include <linux/uio.h>
#include <linux/utsname.h>
#include <linux/types.h>
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;
void *memset(void *to, int c, u64 n)
{
	for (u64 i = 0; i < n; i++)
		((volatile u8 *)to)[i] = (u8)c;
	return to;
}
void *memcpy(void *to, const void *from, u64 n)
{
	for (u64 i = 0; i < n; i++)
		((volatile u8 *)to)[i] = ((const u8 *)from)[i];
	return to;
}
static int same(const void *a, const void *b, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if (((const volatile u8 *)a)[i] != ((const volatile u8 *)b)[i])
			return 0;
	return 1;
}
static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d,
		      x4 __asm__("x4") = e, x5 __asm__("x5") = f;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
static void say(const char *what, int good)
{
	char line[64];
	u64 k = 0;
	for (; what[k]; k++)
		line[k] = what[k];
	line[k++] = ' ', line[k++] = good ? '1' : '0', line[k++] = '\n';
	struct iovec v[2] = {{line, 3}, {line + 3, k - 3}};
	call(__NR_writev, 1, (long)v, 2, 0, 0, 0);
}
static const u8 bytes[64] __attribute__((aligned(16))) = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47};
static int integers(void)
{
	const volatile void *p = bytes;
	u64 hi, lo, literal;
	__asm__("ldp %0, %1, [%2]" : "=r"(hi), "=r"(lo) : "r"(bytes));
	__asm__("ldr %0, 1f\n b 2f\n .balign 8\n 1: .quad 0x1122334455667788\n 2:" : "=r"(literal));
	return *(const volatile u64 *)p == 0x0001020304050607 && *(const volatile u32 *)(bytes + 4) == 0x04050607 &&
	       *(const volatile unsigned short *)(bytes + 1) == 0x0102 && hi == 0x0001020304050607 && lo == 0x08090a0b0c0d0e0f &&
	       literal == 0x1122334455667788;
}
/* A register is one integer, elements are one each. */
static int vectors(void)
{
	u64 a, b, c, d, e, f;
	u8 out[48];
	__asm__("ldr q0, [%6]\n mov %0, v0.d[0]\n mov %1, v0.d[1]\n ld1 {v1.4s}, [%6]\n mov %2, v1.d[0]\n mov %3, v1.d[1]\n"
		"ld3 {v2.8h, v3.8h, v4.8h}, [%6]\n mov %4, v3.d[0]\n st3 {v2.8h, v3.8h, v4.8h}, [%7]\n ld1r {v5.2d}, [%6]\n mov %5, v5.d[1]\n"
		: "=r"(a), "=r"(b), "=r"(c), "=r"(d), "=r"(e), "=r"(f) : "r"(bytes), "r"(out) : "v0", "v1", "v2", "v3", "v4", "v5", "memory");
	return a == 0x08090a0b0c0d0e0f && b == 0x0001020304050607 && c == 0x0405060700010203 && d == 0x0c0d0e0f08090a0b &&
	       e == 0x14150e0f08090203 && same(out, bytes, 48) && f == 0x0001020304050607;
}
static int exclusives(void)
{
	static u64 two[2] __attribute__((aligned(16))) = {0x0102030405060708, 0x1112131415161718};
	u64 a, b, status;
	static u32 count = 0x01020304;
	u32 was;
	__asm__ volatile("1: ldaxp %0, %1, [%3]\n stlxp %w2, %1, %0, [%3]\n cbnz %w2, 1b" : "=&r"(a), "=&r"(b), "=&r"(status) : "r"(two) : "memory");
	__asm__ volatile(".arch_extension lse\n ldaddal %w2, %w0, [%1]" : "=&r"(was) : "r"(&count), "r"(0x10) : "memory");
	return a == 0x0102030405060708 && b == 0x1112131415161718 && two[0] == b && two[1] == a && was == 0x01020304 && count == 0x01020314;
}
struct action { void (*handler)(int, siginfo_t *, void *); unsigned long flags; void *restorer; unsigned long mask; };
static volatile int seen;
static volatile u64 vector[2];
static void fault(int sig, siginfo_t *si, void *context)
{
	struct sigcontext *m = (void *)((char *)context + 176);
	struct fpsimd_context *fp = (void *)m->__reserved;
	seen = sig == 11 && si->si_signo == 11 && si->si_addr == (void *)0x40 && m->fault_address == 0x40 && m->regs[10] == 0x1234 &&
	       fp->head.magic == FPSIMD_MAGIC && fp->head.size == sizeof *fp;
	memcpy((void *)vector, &fp->vregs[7], 16);
	fp->vregs[7] = 99;
	m->regs[11] = 77;
	m->pstate = 1u << 30;
	m->pc += 4;
}
static int frames(void)
{
	struct action sa = {fault, 4, 0, 0}, was = {0};
	u64 x11, nzcv, v7;
	call(__NR_rt_sigaction, 11, (long)&sa, (long)&was, 8, 0, 0);
	__asm__ volatile("mov x9, #0x40\n mov x10, #0x1234\n mov x11, #1\n movi v7.4s, #5\n cmp x9, x10\n str x10, [x9]\n"
			 "mov %0, x11\n mrs %1, nzcv\n mov %2, v7.d[0]\n" : "=&r"(x11), "=&r"(nzcv), "=&r"(v7) : : "x9", "x10", "x11", "v7", "cc", "memory");
	call(__NR_rt_sigaction, 11, 0, (long)&was, 8, 0, 0);
	return seen && x11 == 77 && nzcv == 1u << 30 && v7 == 99 && vector[0] == 0x0000000500000005 && was.handler == fault && was.flags == 4;
}
static void child(int sig, siginfo_t *si, void *context)
{
	(void)context;
	seen = sig == 17 && si->si_code == 1 && si->si_status == 3 && si->si_pid > 0;
}
static int structures(const char *self, const u64 *aux)
{
	struct stat st;
	struct new_utsname u;
	struct epoll_event e = {.events = EPOLLIN, .data = 0x123456789abcdef}, got = {0};
	struct __kernel_timespec ts = {0, 1000000}, now = {0}, later = {0};
	int fd[2], status = 0, ep = (int)call(__NR_epoll_create1, 0, 0, 0, 0, 0, 0);
	struct action sa = {child, 4, 0, 0};
	u64 page = 0;
	for (; aux[0]; aux += 2)
		if (aux[0] == AT_PAGESZ)
			page = aux[1];
	if (call(__NR_newfstatat, -100, (long)self, (long)&st, 0, 0, 0) || (st.st_mode & 0170000) != 0100000 || st.st_size < 1000 || st.st_nlink != 1)
		return 0;
	if (call(__NR_uname, (long)&u, 0, 0, 0, 0, 0) || !same(u.machine, "aarch64_be", 11) || page != 4096)
		return 0;
	if (call(__NR_pipe2, (long)fd, 0, 0, 0, 0, 0) || call(__NR_epoll_ctl, ep, EPOLL_CTL_ADD, fd[0], (long)&e, 0, 0) ||
	    call(__NR_write, fd[1], (long)"x", 1, 0, 0, 0) != 1 || call(__NR_epoll_pwait, ep, (long)&got, 1, 0, 0, 8) != 1 ||
	    got.data != 0x123456789abcdef || got.events != EPOLLIN)
		return 0;
	call(__NR_clock_gettime, 1, (long)&now, 0, 0, 0, 0);
	call(__NR_nanosleep, (long)&ts, 0, 0, 0, 0, 0);
	call(__NR_clock_gettime, 1, (long)&later, 0, 0, 0, 0);
	if ((later.tv_sec - now.tv_sec) * 1000000000 + later.tv_nsec - now.tv_nsec < 1000000)
		return 0;
	seen = 0;
	call(__NR_rt_sigaction, 17, (long)&sa, 0, 8, 0, 0);
	long pid = call(__NR_clone, 17, 0, 0, 0, 0, 0);
	if (!pid)
		call(__NR_exit, 3, 0, 0, 0, 0, 0);
	while (call(__NR_wait4, pid, (long)&status, 0, 0, 0, 0) == -4)
		;
	return status == 3 << 8 && seen;
}
__asm__(".global _start\n_start: mov x0, sp\n mov x29, #0\n bl begin\n");
__attribute__((noreturn, used)) void begin(u64 *stack)
{
	char **argv = (char **)(stack + 1);
	u64 argc = stack[0], *p = stack + argc + 2;
	while (*p++)
		;
	if (argc > 1)
		*(volatile int *)8 = 1;
	say("integers", integers());
	say("vectors", vectors());
	say("exclusives", exclusives());
	say("frames", frames());
	say("structures", structures(argv[0], p));
	call(__NR_exit_group, 7, 0, 0, 0, 0, 0);
	for (;;)
		;
}
END
$cross -O2 -g -mbig-endian -ffreestanding -nostdlib -static -fno-stack-protector -mno-outline-atomics -o "$top/big" "$top/p.c" || exit 1
printf 'integers 1\nvectors 1\nexclusives 1\nframes 1\nstructures 1\n' >"$top/want"
for how in "" "-accel interp" "-singlestep" "-cpu cortex-a72,+lse"; do
    emu-user $how "$top/big" >"$top/out" 2>"$top/err"; status=$?
    cmp -s "$top/want" "$top/out" && [ $status = 7 ]; ok $? "emu-user $how: memory, vectors, exclusive pairs, frames, structures"
    diff "$top/want" "$top/out" | sed 's/^/# /'; sed 's/^/# /' "$top/err" | head -5
done
qemu-aarch64_be "$top/big" 2>&1 | cmp -s "$top/want" -; ok $? "the name qemu-aarch64_be runs it"
qemu-aarch64_be -cpu help | grep -q cortex-a72; ok $? "its -cpu help lists the models"
emu-user -strace "$top/big" 2>&1 >/dev/null | grep -q 'epoll_ctl(.*EPOLLIN\|epoll_ctl('; ok $? "-strace names its calls"
(cd "$top" && ulimit -c unlimited && emu-user "$top/big" crash >/dev/null 2>err; ls big.core.* >/dev/null 2>&1); ok $? "a crash leaves a core dump"
grep -q "SIGSEGV at address 0x8" "$top/err"; ok $? "and says where"
if command -v gdb-multiarch >/dev/null; then
    gdb-multiarch -batch -nx -ex "bt" -ex "info registers pc" "$top/big" "$top"/big.core.* >"$top/gdb" 2>&1
    grep -q "in begin\|begin (" "$top/gdb"; ok $? "gdb reads the core dump"
    sed 's/^/# /' "$top/gdb" | tail -3
    emu-user -g "$top/sock" "$top/big" >/dev/null 2>&1 &
    pid=$!
    timeout 60 gdb-multiarch -batch -nx -ex "target remote $top/sock" -ex "handle SIGSEGV SIGCHLD nostop noprint pass" -ex "break vectors" -ex "continue" \
        -ex "info registers pc" -ex "p/x bytes[3]" -ex "p/x *(long *)bytes" -ex "stepi" -ex "bt" -ex "kill" "$top/big" >"$top/gdb" 2>&1
    grep -q "Breakpoint 1, .*vectors" "$top/gdb" && grep -q "= 0x1020304050607" "$top/gdb"; ok $? "gdb stops at a breakpoint and reads big-endian memory"
    sed 's/^/# /' "$top/gdb" | tail -6
    kill $pid 2>/dev/null; wait $pid 2>/dev/null
fi
echo "1..$n"
