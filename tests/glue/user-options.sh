#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every option and environment variable of emu-user does what its help says; what is wrong is refused in one line.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
bin=$PWD/$BUILD/bin
emu=$bin/emu-user
if [ ! -x "$emu" ]; then
    echo "1..0 # SKIP emu-user is not built"
    exit 0
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/user-options-XXXXXX")
trap 'rm -rf "$dir"' EXIT
n=0 failed=0
same() { # SENTENCE WANT GOT
    n=$((n + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        printf '%s\n' "$2" | sed 's/^/# want /'
        printf '%s\n' "$3" | sed 's/^/# got  /'
        failed=1
    fi
}
run() { # status and both outputs of a command, the folder's name taken out
    local out status
    out=$(timeout 60 "$@" 2>&1 </dev/null)
    status=$?
    printf '%s\nstatus %d' "${out//$dir/DIR}" $status
}
cat >"$dir/show.c" <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv)
{
	struct utsname u;
	const char *what = argc > 1 ? argv[1] : "args";
	int i;
	if (!strcmp(what, "args")) {
		for (i = 0; i < argc; i++)
			printf("[%s]", argv[i]);
		puts("");
	} else if (!strcmp(what, "env")) {
		printf("%s\n", getenv(argv[2]) ? getenv(argv[2]) : "unset");
	} else if (!strcmp(what, "release")) {
		uname(&u);
		puts(u.release);
	} else if (!strcmp(what, "page")) {
		printf("%ld\n", sysconf(_SC_PAGESIZE));
	} else if (!strcmp(what, "random")) {
		unsigned char *r = (unsigned char *)getauxval(AT_RANDOM);
		for (i = 0; i < 16; i++)
			printf("%02x", r[i]);
		puts("");
	} else if (!strcmp(what, "stack")) {
		volatile char big[3 << 20];
		for (i = 0; i < (int)sizeof big; i += 4096)
			big[i] = 1;
		puts("three megabytes");
	} else if (!strcmp(what, "exec")) {
		execl(argv[0], argv[0], argv[2], argv[3], (char *)NULL);
	} else if (!strcmp(what, "segv")) {
		*(volatile int *)8 = 1;
	} else if (!strcmp(what, "abort")) {
		abort();
	}
	return 0;
}
C
gcc -O1 -w -static -o "$dir/static" "$dir/show.c" && gcc -O1 -w -o "$dir/show" "$dir/show.c" || { echo "1..0 # SKIP no compiler"; exit 0; }
show=$dir/show
unset ${!QEMU_*}

same "arguments" "[DIR/show][args][a b][]
status 0" "$(run "$emu" "$show" args 'a b' '')"
same "-0 sets argv[0]" "[zero][args]
status 0" "$(run "$emu" -0 zero "$show" args)"
same "QEMU_ARGV0 sets argv[0]" "[zero][args]
status 0" "$(QEMU_ARGV0=zero run "$emu" "$show" args)"
same "-E sets a variable" "one two
status 0" "$(run "$emu" -E 'FOO=one two' "$show" env FOO)"
same "-U removes a variable" "unset
status 0" "$(FOO=1 run "$emu" -U FOO "$show" env FOO)"
same "QEMU_SET_ENV is a list" "2
status 0" "$(QEMU_SET_ENV=A=1,B=2 run "$emu" "$show" env B)"
same "QEMU_UNSET_ENV is a list" "unset
status 0" "$(B=9 QEMU_UNSET_ENV=A,B run "$emu" "$show" env B)"
same "-r sets the kernel release" "9.8.7-test
status 0" "$(run "$emu" -r 9.8.7-test "$show" release)"
same "QEMU_UNAME does, and children keep it" "9.8.7
status 0" "$(QEMU_UNAME=9.8.7 run "$emu" "$show" exec release)"
same "options reach the programs that the program runs" "5.6.7
status 0" "$(run "$emu" -r 5.6.7 "$show" exec release)"
same "-p shows larger pages" "16384
status 0" "$(run "$emu" -p 16384 "$dir/static" page)"
same "-s makes the stack large enough" "three megabytes
status 0" "$(ulimit -s 1024; run "$emu" -s 8M "$show" stack)"
same "-seed makes the random bytes repeat" "$(run "$emu" -seed 42 "$show" random)" "$(QEMU_RAND_SEED=42 run "$emu" "$show" random)"
same "-seed with another number gives others" yes \
    "$([ "$(run "$emu" -seed 1 "$show" random)" != "$(run "$emu" -seed 2 "$show" random)" ] && echo yes)"
same "-singlestep" "[DIR/show][args]
status 0" "$(run "$emu" -singlestep "$show" args)"
same "-R limits the address space" "[DIR/show][args]
status 0" "$(run "$emu" -R 0x7f0000000000 "$show" args)"
same "the classic name runs it as well" "[DIR/show][args]
status 0" "$(run "$bin/qemu-x86_64" "$show" args)"
same "the emulator runs itself" "[DIR/show][args]
status 0" "$(run "$emu" "$emu" "$show" args)"
same "LD_PRELOAD for the program does not reach the emulator" "[DIR/show][args]
status 0" "$(run "$emu" -E LD_PRELOAD= "$show" args)"
mkdir -p "$dir/root/lib64" && cp /lib64/ld-linux-x86-64.so.2 "$dir/root/lib64/"
echo "from the prefix" >"$dir/root/probe-file"
same "-L finds files below the prefix first" "from the prefix
status 0" "$(run "$emu" -L "$dir/root" /bin/cat /probe-file)"
n=$((n + 1))
if timeout 20 "$emu" -strace "$show" args 2>&1 | grep -q '^[0-9]* write(1,'; then echo "ok $n - -strace prints calls"; else echo "not ok $n - -strace prints calls"; failed=1; fi
n=$((n + 1))
if timeout 20 "$emu" -d page -D "$dir/log" "$show" args >/dev/null 2>&1 && grep -q "r-xp.*$show" "$dir/log"; then echo "ok $n - -d writes to the file of -D"; else echo "not ok $n - -d writes to the file of -D"; failed=1; fi

printf '\1\2\3\4' >"$dir/garbage"; : >"$dir/empty"; printf '#!/no/interp\n' >"$dir/script"
printf '#!\n' >"$dir/noname"; cp "$show" "$dir/closed"
chmod 755 "$dir"/{garbage,empty,script,noname}; chmod 644 "$dir/closed"
same "a program that is not there: 127" "emu-user: $dir/nothing: No such file or directory
status 127" "$(run "$emu" "$dir/nothing" | sed "s#DIR#$dir#")"
same "no program at all: 126" "emu-user: DIR/garbage: is neither an ELF program nor a script that begins with #!
status 126" "$(run "$emu" "$dir/garbage")"
same "an empty file: 126" "emu-user: DIR/empty: the file is empty
status 126" "$(run "$emu" "$dir/empty")"
same "a missing #! interpreter: 127" "emu-user: DIR/script: its interpreter /no/interp cannot be opened: No such file or directory
status 127" "$(run "$emu" "$dir/script")"
same "an empty #! line: 126" "emu-user: DIR/noname: the line after #! names no interpreter
status 126" "$(run "$emu" "$dir/noname")"
same "a file that may not be executed: 126" "emu-user: DIR/closed: may not be executed: Permission denied
chmod +x DIR/closed
status 126" "$(run "$emu" "$dir/closed")"
same "a directory: 126" "emu-user: DIR: is a directory, not a program
status 126" "$(run "$emu" "$dir")"
printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\363\0\1\0\0\0%044d' 0 >"$dir/riscv"; chmod 755 "$dir/riscv"
same "a program of another machine: 126" "emu-user: DIR/riscv: is a program for RISC-V (64 bit, little endian), which this emulator does not run" \
    "$(run "$emu" "$dir/riscv" | head -1)"
for bad in "-p 5000" "-seed x" "-B 4096" "-accel warp" "-s huge" "-E novalue" "-U a=b" "-R 1k" "-g 0" "-nosuch" "-cpu nosuch"; do
    out=$(run "$emu" $bad "$show" args)
    n=$((n + 1))
    if [ "$(printf '%s' "$out" | tail -1)" = "status 1" ] && [ "$(printf '%s\n' "$out" | grep -c '^emu-user: ')" = 1 ] ||
        { [ "$bad" = "-g 0" ] && printf '%s' "$out" | grep -q "'0' is not accepted"; }; then
        echo "ok $n - refused in one line: $bad: $(printf '%s' "$out" | head -1 | cut -c1-100)"
    else
        echo "not ok $n - refused in one line: $bad"
        printf '%s\n' "$out" | sed 's/^/# /'
        failed=1
    fi
done
same "no program given: 1" "status 1" "$(run "$emu" | tail -1)"
n=$((n + 1))
if timeout 20 "$emu" -h | grep -q -- '-strace'; then echo "ok $n - -h lists the options"; else echo "not ok $n - -h lists the options"; failed=1; fi
n=$((n + 1))
if timeout 20 "$emu" -version | grep -q '^emu-user version'; then echo "ok $n - -version"; else echo "not ok $n - -version"; failed=1; fi
n=$((n + 1))
if timeout 20 "$emu" -cpu help | grep -q max; then echo "ok $n - -cpu help"; else echo "not ok $n - -cpu help"; failed=1; fi

# a crash
out=$(cd "$dir" && ulimit -c unlimited && run "$emu" "$show" segv)
n=$((n + 1))
if printf '%s' "$out" | grep -q "SIGSEGV at address 0x8 (not mapped)" && printf '%s' "$out" | grep -q "pc 0x[0-9a-f]* in DIR/show at offset" &&
    printf '%s' "$out" | grep -q 'status 139'; then
    echo "ok $n - a crash names address, pc, file and dies of the signal"
else
    echo "not ok $n - a crash is reported"
    printf '%s\n' "$out" | sed 's/^/# /'
    failed=1
fi
n=$((n + 1))
if ! command -v gdb >/dev/null; then
    echo "ok $n - core dump # SKIP no gdb here"
elif gdb -q -batch -ex bt -ex 'info auxv' "$show" "$dir"/show.core.* >"$dir/gdb" 2>&1 </dev/null; grep -q 'main' "$dir/gdb" && grep -q 'SIGSEGV' "$dir/gdb" && grep -q AT_RANDOM "$dir/gdb"; then
    echo "ok $n - gdb reads the core dump: signal, frame, auxiliary vector"
else
    echo "not ok $n - gdb reads the core dump"
    sed 's/^/# /' "$dir/gdb" | head -20
    failed=1
fi
# The other threads stop first: what the dump says of them is where they were.
cat >"$dir/spin.c" <<'X'
#include <pthread.h>
#include <unistd.h>
volatile int started;
static void *spin(void *mark)
{
	__asm__ volatile("mov %0, %%r12\n mov %0, %%rax\n cvtsi2sd %%rax, %%xmm7\n movq %%rax, %%mm3\n fninit\n push %%rax\n fildq (%%rsp)\n"
			 "lea 1(%%r12), %%r13\n lock incl started(%%rip)\n 1: lea 1(%%r12), %%r13\n jmp 1b" : : "r"(mark) : "r12", "r13", "rax");
	return 0;
}
int main(void)
{
	pthread_t t;
	for (long i = 1; i <= 4; i++)
		pthread_create(&t, 0, spin, (void *)(i * 1000));
	while (started < 4)
		usleep(1000);
	*(volatile int *)8 = 0;
}
X
if ! command -v gdb >/dev/null || ! gcc -O1 -pthread -o "$dir/spin" "$dir/spin.c" 2>"$dir/cc"; then
    n=$((n + 1))
    echo "ok $n - core dump of threads # SKIP no gdb or gcc here"
else
    { (cd "$dir" && ulimit -c unlimited && timeout 30 "$emu" "$dir/spin" >out 2>&1); } 2>/dev/null
    gdb -q -batch -ex 'thread apply all printf "%d %d %g %g\n", $r12, $r13 / 1000, $xmm7.v2_double[0], $st0' "$dir/spin" "$dir"/spin.core.* >"$dir/gdb" 2>&1 </dev/null
    got=$(grep -E '^[0-9]+000 [0-9] '  "$dir/gdb" | sort | tr '\n' ';')
    same "a core dump has every thread's registers" "1000 1 1000 1000;2000 2 2000 2000;3000 3 3000 3000;4000 4 4000 4000;" "$got"
fi
same "abort dies of SIGABRT" "status 134" "$(run "$emu" "$show" abort | tail -1)"
echo "1..$n"
exit $failed
