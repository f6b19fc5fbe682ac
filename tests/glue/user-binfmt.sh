#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# emu-binfmt registers emu-user with the kernel: programs of another processor start by their own names, with each of the flags, in a
# root directory that holds nothing but them; and it refuses in one line where it cannot. The kernel's part runs in namespaces of its own.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
bin=$PWD/$BUILD/bin
top=$(mktemp -d "${TMPDIR:-/tmp}/user-binfmt-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
n=0 failed=0
ok() { # STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; sed 's/^/# /' "$top/out" | head -5; fi
}
says() { # PATTERN NAME COMMAND...: one line that begins so, and a status of failure
    local pattern=$1 name=$2 got
    shift 2
    "$@" >"$top/out" 2>&1
    got=$?
    [ $got != 0 ] && head -1 "$top/out" | grep -qE "^emu-binfmt: $pattern"; ok $? "$name"
}
b=$bin/emu-binfmt

# ---- what the kernel is told, with a folder in its place ----
mkdir "$top/fs" "$top/boot" && touch "$top/fs/register" && echo enabled >"$top/fs/status"
"$b" --proc "$top/fs" --dry-run install aarch64 >"$top/out" 2>&1
want=':emu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\x00\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'
grep -qF -- "$want" "$top/out" && grep -qE '/emu-user:PF$' "$top/out"; ok $? "the line for aarch64: magic, mask, emulator, flags"
"$b" --proc "$top/fs" --dry-run --flags=OC install ppc64le ppc >"$top/out" 2>&1
grep -qF '\x02\x00\x15\x00:' "$top/out" && grep -qF '\x00\x02\x00\x14:' "$top/out" && [ "$(grep -c ':OC$' "$top/out")" = 2 ]; ok $? "byte orders and flags"
[ ! -s "$top/fs/register" ]; ok $? "--dry-run writes nothing"
"$b" --boot --boot-dir "$top/boot" install aarch64 >"$top/out" 2>&1 && grep -qF -- "$want" "$top/boot/emu-aarch64.conf"; ok $? "--boot writes a file for binfmt.d"
"$b" --proc "$top/fs" --boot-dir "$top/boot" list >"$top/out" 2>&1 && grep -qE "^aarch64 +- +- +$top/boot/emu-aarch64.conf" "$top/out"; ok $? "list shows it"
"$b" --boot --boot-dir "$top/boot" remove aarch64 >"$top/out" 2>&1 && [ ! -e "$top/boot/emu-aarch64.conf" ]; ok $? "--boot remove takes it away"
printf 'enabled\ninterpreter /usr/bin/other\nflags: \noffset 0\nmagic 7f454c4602010100000000000000000002000b700\n' | sed 's/000b700/00b700/' >"$top/fs/other-arm"
says 'aarch64: other-arm runs these programs already \(/usr/bin/other\)' "what another package registered stays" "$b" --proc "$top/fs" install aarch64
says "'arm65' is not an architecture" "an unknown architecture is named, with those that there are" "$b" install arm65
says "x86_64: this machine runs these programs itself" "this machine's own programs are left alone" "$b" install "$(uname -m)"
says "'enable' is not accepted; it is list, install or remove" "an unknown word" "$b" enable
says "--flags: 'PX' is not accepted" "an unknown flag" "$b" --flags PX install
says "there is no option --fast" "an unknown option" "$b" --fast list
says "$top/none: binfmt_misc is not mounted there" "no binfmt_misc: what to type" "$b" --proc "$top/none" install aarch64
grep -q '^    mount -t binfmt_misc' "$top/out"; ok $? "the command is in the second line"
says "$top/no-emulator: is no program" "an emulator that is not there" "$b" --emulator "$top/no-emulator" --proc "$top/fs" install
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$top" "$top/fs"; chmod 600 "$top/fs/register"
    says "$top/fs/register may not be written: only root" "without root" setpriv --reuid 65534 --clear-groups "$b" --proc "$top/fs" install aarch64
fi
says 'aarch64: emu-binfmt installed nothing for it' "remove of what is not there" "$b" --proc "$top/fs" remove aarch64

# ---- with the kernel ----
cross=aarch64-linux-gnu-gcc
inside() { unshare -r -m -p --fork bash -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && exec "$@"' bash "$@"; }
if ! command -v $cross >/dev/null || ! inside true 2>/dev/null; then
    echo "# no $cross, or no binfmt_misc in user namespaces (Linux 6.7): the rest is skipped"
    echo "1..$n"
    exit $failed
fi
cat >"$top/p.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char exe[200] = "";
	int status = 0;
	if (argc > 1 && !strcmp(argv[1], "child"))
		return printf("child %s\n", argv[0]) < 0;
	printf("%s %d %s %s\n", argv[0], argc, argc > 1 ? argv[1] : "-", (char *)getauxval(AT_EXECFN));
	if (readlink("/proc/self/exe", exe, sizeof exe - 1) > 0)
		printf("exe %s\n", strrchr(exe, '/'));
	fflush(stdout);
	if (!vfork()) {
		execl(argc > 2 ? argv[2] : argv[0], "its-own-name", "child", NULL);
		_exit(9);
	}
	wait(&status);
	printf("status %d\n", status);
	return 5;
}
C
mkdir -p "$top/root/bin" && $cross -O1 -static -o "$top/root/bin/prog" "$top/p.c" || exit 1
printf '#!/bin/prog\n' >"$top/root/script" && chmod +x "$top/root/script"
cat >"$top/kernel" <<'K'
b=$1 top=$2 flags=$3
"$b" --flags="$flags" install >/dev/null || exit 1
"$b" list | grep -E '^(aarch64|ppc64le) '
"$top/root/bin/prog" one "$top/root/bin/prog"; echo "= $?"
(exec -a renamed "$top/root/bin/prog" two "$top/root/bin/prog"); echo "= $?"
case $flags in *F*) chroot "$top/root" /bin/prog three; echo "= $?"; chroot "$top/root" /script; echo "= $?" ;; esac
"$b" remove >/dev/null && "$b" list | grep -E '^aarch64 '
"$top/root/bin/prog" 2>/dev/null; echo "= $?"
K
run() { inside bash "$top/kernel" "$b" "$top" "$1" 2>&1 | sed "s#$top#TOP#g; s#$bin#BIN#g" >"$top/out"; }
run PF
cat >"$top/want" <<'W'
aarch64      BIN/emu-user PF -
ppc64le      BIN/emu-user PF -
TOP/root/bin/prog 3 one TOP/root/bin/prog
exe /prog
child its-own-name
status 0
= 5
renamed 3 two TOP/root/bin/prog
exe /prog
child its-own-name
status 0
= 5
/bin/prog 2 three /bin/prog
exe /prog
child its-own-name
status 0
= 5
/bin/prog 2 /script /script
exe /prog
child its-own-name
status 0
= 5
aarch64      - - -
= 126
W
squeeze() { sed -E 's/ +/ /g'; }
diff <(squeeze <"$top/want") <(squeeze <"$top/out") >"$top/diff"; ok $? "flags PF: programs start by name, with their own argv[0], in a bare root directory, and their children too"
sed 's/^/# /' "$top/diff"
for flags in P O OC '' POCF; do
    run "$flags"
    shown=${flags:-}
    grep -qE '^TOP/root/bin/prog .* TOP/root/bin/prog$' "$top/out" && [ "$(grep -c '^child its-own-name' "$top/out")" -ge 2 ] && grep -q '^= 5' "$top/out"
    ok $? "flags '$shown': programs and their children run"
done
echo "1..$n"
exit $failed
