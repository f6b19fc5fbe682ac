#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Damaged ELF files never crash or hang emu-user itself: it refuses them in one line, or the guest program dies as it would.
# MUTATIONS=10000 for a long run; the seed is printed and can be given in SEED.
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
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}
char zeros[5000], data[] = "data";
void _start(void)
{
	call(1, 1, (long)data, 4);
	zeros[4999] = 1;
	call(60, 0, 0, 0);
}
C
gcc -O1 -w -o "$dir/mutate" "$dir/mutate.c" && gcc -O1 -w -nostdlib -static -fno-stack-protector -o "$dir/guest" "$dir/guest.c" &&
    gcc -O1 -w -o "$dir/dynamic" -x c - <<<'#include <stdio.h>
int main(void) { puts("x"); return 0; }' || { echo "1..0 # SKIP no compiler"; exit 0; }
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
for p in guest dynamic; do
    n=$((n + 1))
    if "$dir/mutate" "$emu" "$dir/$p" "${MUTATIONS:-200}" "$seed" "$dir"; then
        echo "ok $n - ${MUTATIONS:-200} damaged copies of a program ($p) leave emu-user in order"
    else
        echo "not ok $n - damaged copies of $p"
        status=1
    fi
done
echo "1..$n"
exit $status
