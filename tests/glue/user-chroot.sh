#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs under emu-user run others behind chroot(2), where there is neither /proc nor the emulator's file, whatever they close; and
# emu-user starts in such a directory, too.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
emu=$PWD/$BUILD/bin/emu-user
cross=aarch64-linux-gnu-gcc
command -v $cross >/dev/null || { echo "1..0 # SKIP no $cross here"; exit 0; }
unshare -r -m true 2>/dev/null || { echo "1..0 # SKIP no user namespaces here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/user-chroot-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
n=0 failed=0
ok() {
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; sed 's/^/# /' "$top/out" | head -8; fi
}
cat >"$top/p.c" <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* Each generation closes everything it can, runs the next by a path, a script or a descriptor, and says how that ended. */
int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 0, status = 0, fd;
	char next[12];

	if (argc > 2 && !strcmp(argv[2], "root") && (chroot(argv[3]) || chdir("/")))
		return perror("chroot"), 1;
	if (argc > 2 && !strcmp(argv[2], "deeper") && (mkdir("/deeper", 0755), chroot("/deeper") || chdir("/")))
		return perror("chroot"), 1;
	for (fd = 3; fd < 1100; fd++)
		close(fd);
	close_range(3, ~0u, 0);
	if ((fd = open("/", O_RDONLY)) != 3)
		printf("the first free descriptor is %d\n", fd);
	close(fd);
	printf("%d left, /proc %s\n", left, access("/proc/self", F_OK) ? "is not here" : "is here");
	fflush(stdout);
	if (!left)
		return 6;
	snprintf(next, sizeof next, "%d", left - 1);
	if (!fork()) {
		if (left == 3)
			execl("/script", "/script", next, NULL);
		else if (left == 2 && (fd = open("/prog", O_RDONLY | O_CLOEXEC)) >= 0)
			fexecve(fd, (char *[]){"prog", next, NULL}, (char *[]){NULL});
		else
			execl("/prog", "prog", next, NULL);
		printf("exec: %s\n", strerror(errno));
		exit(9);
	}
	wait(&status);
	printf("%d ended with %d\n", left - 1, WEXITSTATUS(status));
	return left == 3 ? execl("/nothing", "x", NULL), errno : 7;
}
C
mkdir -p "$top/root/deeper" && $cross -O1 -w -static -o "$top/root/prog" "$top/p.c" && cp "$top/root/prog" "$top/root/deeper/" || exit 1
printf '#!/prog\n' >"$top/root/script" && chmod +x "$top/root/script" && cp "$top/root/script" "$top/root/deeper"
cat >"$top/want" <<'W'
4 left, /proc is not here
3 left, /proc is not here
0 left, /proc is not here
2 ended with 6
3 ended with 2
W
# (A script's program sees "/script" where the number would be, so none is left.)
unshare -r "$emu" "$top/root/prog" 4 root "$top/root" >"$top/out" 2>&1
[ $? = 7 ] && cmp -s "$top/out" "$top/want"; ok $? "behind chroot: programs, scripts and an execve that fails, all descriptors closed"
unshare -r "$emu" /usr/sbin/chroot "$top/root" /prog 2 >"$top/out" 2>&1
[ $? = 7 ] && [ "$(grep -c 'not here' "$top/out")" = 3 ] && grep -q '^1 ended with 7' "$top/out"; ok $? "this machine's chroot command under emu-user; fexecve"
unshare -r "$emu" /usr/sbin/chroot "$top/root" /prog 2 deeper >"$top/out" 2>&1
[ $? = 7 ] && [ "$(grep -c 'not here' "$top/out")" = 3 ]; ok $? "a root directory within a root directory"
cp "$emu" "$top/root/emu"
unshare -r chroot "$top/root" /emu /prog 2 >"$top/out" 2>&1
[ $? = 7 ] && [ "$(grep -c 'not here' "$top/out")" = 3 ]; ok $? "emu-user started where no /proc is"
chmod 644 "$top/root/deeper/prog"
unshare -r chroot "$top/root" /emu /deeper/prog 0 >"$top/out" 2>&1
[ $? = 126 ] && grep -q 'may not be executed' "$top/out"; ok $? "a file without the permission is refused there, too"
echo "1..$n"
exit $failed
