#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# gdb debugs a program under emu-user -g: breakpoints, threads, registers of every set, watchpoints, steps, signals, the end.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
emu=$PWD/$BUILD/bin/emu-user
if [ ! -x "$emu" ] || ! command -v gdb >/dev/null; then
    echo "1..0 # SKIP emu-user is not built, or no gdb here"
    exit 0
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/user-gdb-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cat >"$dir/p.c" <<'C'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
volatile int watched;
volatile double d = 1.5;
volatile long double ld = 2.25L;
static void *sleeper(void *a)
{
	pause();
	return a;
}
int stride(int x)
{
	watched = x;
	d += x;
	ld += x;
	return x * 2;
}
int main(void)
{
	pthread_t t;
	int i, sum = 0;
	pthread_create(&t, NULL, sleeper, NULL);
	for (i = 0; i < 5; i++)
		sum += stride(i);
	raise(SIGUSR1);
	printf("sum %d\n", sum);
	return 3;
}
C
n=0 failed=0
has() { # SENTENCE PATTERN
    n=$((n + 1))
    if grep -Eq -- "$2" "$dir/gdb"; then
        echo "ok $n - $3$1"
    else
        echo "not ok $n - $3$1"
        head -25 "$dir/gdb" | sed "s|^|# |"
        failed=1
    fi
}
session() { # PROGRAM LABEL
    timeout 60 "$emu" -g "$dir/socket" "$1" >"$dir/out" 2>&1 &
    local pid=$!
    for _ in $(seq 100); do [ -S "$dir/socket" ] && break; sleep 0.05; done
    timeout 60 gdb -q -nx -batch -ex 'set sysroot /' -ex 'set debuginfod enabled off' -ex "target remote $dir/socket" -ex 'break stride if x == 2' -ex continue \
        -ex bt -ex 'info threads' -ex 'p $xmm0' -ex 'p $st0' -ex 'p $mxcsr' -ex 'info auxv' -ex 'watch watched' -ex continue \
        -ex 'stepi' -ex 'p watched' -ex 'set var watched = 77' -ex 'p watched' -ex 'delete' -ex 'rwatch d' -ex continue -ex 'delete' \
        -ex 'awatch ld' -ex continue -ex 'delete' -ex finish -ex 'handle SIGUSR1 stop nopass' \
        -ex continue -ex 'p $_siginfo.si_signo' -ex continue "$1" >"$dir/gdb" 2>&1
    wait $pid
    echo "status $?" >>"$dir/out"
    has "the breakpoint's condition holds at x = 2" 'hit Breakpoint 1, (0x[0-9a-f]+ in )?stride \(x=2\)' "$2"
    has "the stack is seen" '#1 .* main \(\)' "$2"
    has "both threads are seen" ' 2 +Thread .*thread' "$2"
    has "vector registers" 'v4_float = ' "$2"
    has "the control register of SSE" '= \[ (IM|PE|DM|[A-Z ]+).*\]|= \[ \]' "$2"
    has "the auxiliary vector" 'AT_RANDOM' "$2"
    has "the watchpoint reports the change" 'Old value = 1' "$2"
    has "a read watchpoint reports the load" 'Hardware read watchpoint [0-9]+: d' "$2"
    has "with the value that was read" 'Value = [0-9.]+' "$2"
    has "an access watchpoint reports" 'Hardware access \(read/write\) watchpoint [0-9]+: ld' "$2"
    has "a variable is written" '\$[0-9]+ = 77' "$2"
    has "finish shows the value" 'Value returned is .* = 4' "$2"
    has "a signal stops the program" 'received signal SIGUSR1' "$2"
    has "the end is reported" 'exited with code 03' "$2"
    cp "$dir/out" "$dir/gdb"
    has "the program was not disturbed" 'sum 20' "$2"
    has "its status is its own" 'status 3' "$2"
}
if gcc -g -O0 -w -pthread -o "$dir/p64" "$dir/p.c"; then session "$dir/p64" "x86_64: "; fi
if command -v i686-linux-gnu-gcc >/dev/null && i686-linux-gnu-gcc -g -O0 -w -pthread -static -o "$dir/p32" "$dir/p.c"; then session "$dir/p32" "i386: "; fi
echo "1..$n"
exit $failed
