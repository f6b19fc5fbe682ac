#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# -strace prints one line a call, as the classic emulator does: "PID name(arguments) = result", errors by number and text.
n=0
check() { # NAME PATTERN
    n=$((n + 1))
    if grep -Eq "$2" "$top/log"; then echo "ok $n - $1"; else
        echo "not ok $n - $1"; echo "# no line like: $2"; grep -F "$(echo "$2" | sed 's/.*+ \([a-z0-9_]*\).*/\1/')" "$top/log" | head -5 | sed 's/^/# /'
    fi
}
top=$(mktemp -d "${TMPDIR:-/tmp}/user-strace-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
cat >"$top/p.c" <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
	open("/no \"such\"\n", O_RDWR | O_CLOEXEC);
	open("/dev/null", O_WRONLY | O_CREAT, 0644);
	mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap((void *)1, 1);
	socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	lseek(99, -5, SEEK_END);
	fcntl(0, F_GETFD);
	int x;
	ioctl(77, FIONREAD, &x);
	access("/", R_OK | X_OK);
	syscall(9999, 1, 2, 3, 4, 5, 6);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){0, 5}, NULL);
	kill(getpid(), 0);
	return 3;
}
END
if ! gcc -w -O1 -static -o "$top/p" "$top/p.c" 2>/dev/null; then echo "1..0 # SKIP no static x86-64 compiler"; exit 0; fi
emu-user -strace "$top/p" 2>"$top/log"
status=$?
n=$((n + 1)); [ $status = 3 ] && echo "ok $n - the program's status stays" || echo "not ok $n - status $status"
check "a path is quoted, an error has number and text" '^[0-9]+ openat\(AT_FDCWD,"/no \\"such\\"\\012",O_RDWR\|O_CLOEXEC\) = -1 errno=2 \(No such file or directory\)$'
check "a mode is there with O_CREAT" '^[0-9]+ openat\(AT_FDCWD,"/dev/null",O_WRONLY\|O_CREAT,0644\) = [0-9]+$'
check "an address is 16 digits" '^[0-9]+ mmap\(NULL,4096,PROT_READ\|PROT_WRITE,MAP_PRIVATE\|MAP_ANONYMOUS,-1,0(x0)?\) = 0x[0-9a-f]{16}$'
check "an address as argument" '^[0-9]+ munmap\(0x0000000000000001,1\) = -1 errno=22 \(Invalid argument\)$'
check "families and types by name" '^[0-9]+ socket\(PF_UNIX,SOCK_STREAM\|SOCK_CLOEXEC,(0|IPPROTO_IP)\) = [0-9]+$'
check "negative numbers" '^[0-9]+ lseek\(99,-5,SEEK_END\) = -1 errno=9 \(Bad file descriptor\)$'
check "fcntl commands by name" '^[0-9]+ fcntl\(0,F_GETFD'
check "ioctl requests by name" '^[0-9]+ ioctl\(77,FIONREAD,0x[0-9a-f]{16}\) = -1 errno=9'
check "access modes" '^[0-9]+ access\("/",R_OK\|X_OK\) = 0$'
check "an unknown call has its six numbers" '^[0-9]+ Unknown syscall 9999\(1,2,3,4,5,6\)'
check "clocks by name" '^[0-9]+ clock_nanosleep\(CLOCK_MONOTONIC,TIMER_ABSTIME,'
check "the last line is the exit" '^[0-9]+ exit_group\(3\)$'
QEMU_STRACE=1 emu-user "$top/p" 2>"$top/log"
check "QEMU_STRACE does the same" '^[0-9]+ exit_group\(3\)$'
emu-user -d unimp -D "$top/log" "$top/p" 2>/dev/null
check "a call that there is not is logged by its number" '^unknown system call 9999: the program gets ENOSYS$'
cat >"$top/q.c" <<'END'
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>
int main(void)
{
	int i;
	for (i = 0; i < 5; i++) {
		syscall(SYS_userfaultfd, 0);
		syscall(9998);
	}
	return 0;
}
END
gcc -w -O1 -static -o "$top/q" "$top/q.c" && emu-user -d unimp -D "$top/log" "$top/q"
check "a call that is not provided is logged by name" '^system call userfaultfd is not provided: the program gets ENOSYS$'
n=$((n + 1))
if [ "$(grep -c userfaultfd "$top/log")$(grep -c 9998 "$top/log")" = 11 ]; then echo "ok $n - and each once"; else echo "not ok $n - and each once"; fi
echo "1..$n"
