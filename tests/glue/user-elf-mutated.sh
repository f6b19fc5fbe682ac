#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Damaged ELF files never crash or hang emu-user itself: it refuses them in one line, or the guest program dies as it would.
# MUTATIONS=10000 for a long run, ARCHS for other guests than x86_64 and aarch64; the seed is printed and can be given in SEED.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
emu=$PWD/$BUILD/bin/emu-user
if [ ! -x "$emu" ]; then
    echo "1..0 # SKIP emu-user is not built"
    exit 0
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/user-elf-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cat >"$dir/mutate.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
static unsigned long long x;
static unsigned rnd(unsigned n)
{
	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return (unsigned)(x >> 11) % n;
}
int main(int argc, char **argv)
{
	/* emulator, program, count, seed, directory */
	static unsigned char good[1 << 16], bad[1 << 16];
	int fd = open(argv[2], O_RDONLY), count = atoi(argv[3]), i, failures = 0;
	size_t n = (size_t)read(fd, good, sizeof good), k, size;
	char path[300], err[300], text[4096];
	(void)argc;
	x = strtoull(argv[4], NULL, 0) | 1;
	snprintf(path, sizeof path, "%s/bad", argv[5]);
	snprintf(err, sizeof err, "%s/err", argv[5]);
	for (i = 0; i < count; i++) {
		unsigned edits = 1 + rnd(6);
		int status, e;
		ssize_t len;
		pid_t pid;

		memcpy(bad, good, n);
		size = rnd(10) ? n : rnd((unsigned)n);
		while (edits--) {
			unsigned at = rnd(3) ? rnd(64 + 56 * 12) : rnd((unsigned)n);
			switch (rnd(4)) {
			case 0: bad[at] ^= (unsigned char)(1u << rnd(8)); break;
			case 1: bad[at] = (unsigned char)rnd(256); break;
			case 2: bad[at] = 0xff; break;
			default: for (k = 0; k < 8 && at + k < n; k++) bad[at + k] = (unsigned char)(rnd(2) ? 0xff : rnd(256));
			}
		}
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
		if (write(fd, bad, size) != (ssize_t)size)
			return 2;
		close(fd);
		pid = fork();
		if (!pid) {
			e = open(err, O_RDWR | O_CREAT | O_TRUNC, 0644);
			dup2(e, 2), dup2(open("/dev/null", O_RDWR), 1), dup2(1, 0);
			alarm(10);
			execl(argv[1], "emu-user", path, "arg", (char *)NULL);
			_exit(99);
		}
		waitpid(pid, &status, 0);
		e = open(err, O_RDONLY);
		len = read(e, text, sizeof text - 1);
		close(e);
		text[len > 0 ? len : 0] = 0;
		if (strstr(text, "internal error") ||
		    (WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || !*text))) {
			printf("# mutation %d: status %#x: %.200s\n", i, status, text);
			snprintf(text, sizeof text, "cp %s /tmp/user-elf-failed-%d", path, i);
			if (system(text))
				return 2;
			failures++;
		}
	}
	return failures != 0;
}
C
cat >"$dir/guest.c" <<'C'
static long call(long n, long a, long b, long c)
{
#if defined(__x86_64__)
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"(n ? 1 : 60), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
#elif defined(__i386__)
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "0"(n ? 4 : 1), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = n ? 64 : 93, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
#elif defined(__powerpc__)
	register long r0 __asm__("r0") = n ? 4 : 1, r3 __asm__("r3") = a, r4 __asm__("r4") = b, r5 __asm__("r5") = c;
	__asm__ volatile("sc" : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5) : : "memory", "cr0", "ctr", "r6", "r7", "r8", "r9", "r10", "r11", "r12");
	return r3;
#endif
}
char zeros[5000], data[] = "data";
void _start(void)
{
	call(1, 1, (long)data, 4);
	zeros[4999] = 1;
	call(0, 0, 0, 0);
}
C
compiler_of() {
    case $1 in x86_64) echo gcc ;; i386) echo i686-linux-gnu-gcc ;; ppc) echo powerpc-linux-gnu-gcc ;; ppc64*) echo "powerpc${1#ppc}-linux-gnu-gcc" ;; *) echo "$1-linux-gnu-gcc" ;; esac
}
gcc -O1 -w -o "$dir/mutate" "$dir/mutate.c" || { echo "1..0 # SKIP no compiler"; exit 0; }
dynamic='#include <stdio.h>
int main(void) { puts("x"); return 0; }'
gcc -O1 -w -o "$dir/dynamic" -x c - <<<"$dynamic" || exit 1
seed=${SEED:-$$$RANDOM}
echo "# seed $seed"
status=0
# Zeros that no machine has room for, in a segment that is not writable: refused, as the kernel would.
python3 - "$dir/dynamic" "$dir/huge" <<'P'
import struct, sys
b = bytearray(open(sys.argv[1], 'rb').read())
for i in range(b[56]):
    at = 64 + 56 * i
    kind, flags = struct.unpack_from('<II', b, at)
    if kind == 1 and flags == 5:
        struct.pack_into('<Q', b, at + 40, struct.unpack_from('<Q', b, at + 40)[0] + (1 << 44))
open(sys.argv[2], 'wb').write(b)
P
chmod +x "$dir/huge"
timeout 60 "$emu" "$dir/huge" >"$dir/out" 2>&1
got=$?
n=1
if [ "$got" = 126 ] && grep -q 'cannot map .* bytes of zeros' "$dir/out"; then
    echo "ok $n - a segment with 16 TB of zeros is refused in one line"
else
    echo "not ok $n - a segment with 16 TB of zeros: status $got, $(head -1 "$dir/out")"
    status=1
fi
for arch in ${ARCHS:-x86_64 aarch64}; do
    cc=$(compiler_of "$arch") prefix=
    [ "$arch" = x86_64 ] || prefix=/usr/${cc%-gcc}
    for p in guest dynamic; do
        n=$((n + 1))
        what=(-nostdlib -static -fno-stack-protector "$dir/guest.c")
        [ $p = guest ] || what=(-x c - )
        if ! command -v "$cc" >/dev/null || ! $cc -O1 -w -o "$dir/$arch-$p" "${what[@]}" <<<"$dynamic" 2>"$dir/cc"; then
            echo "ok $n - $arch $p # SKIP no $cc"
        elif QEMU_LD_PREFIX=$prefix "$dir/mutate" "$emu" "$dir/$arch-$p" "${MUTATIONS:-200}" "$seed" "$dir"; then
            echo "ok $n - $arch: ${MUTATIONS:-200} damaged copies of a program ($p) leave emu-user in order"
        else
            echo "not ok $n - $arch: damaged copies of $p"
            status=1
        fi
    done
done
echo "1..$n"
exit $status
