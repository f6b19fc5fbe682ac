#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# System calls of each family have the same results natively and under emu-user, for x86-64 and i386 programs.
top=$(mktemp -d "${TMPDIR:-/tmp}/user-sys-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
n=0
report() { n=$((n + 1)); echo "$1 $n - $2"; }
run() { # NAME COMMAND...: its output, in an empty folder
    rm -rf "$top/work"; mkdir "$top/work"
    (cd "$top/work" && shift && timeout 60 "$@" </dev/null 2>&1; echo "status $?")
}
for cc in gcc i686-linux-gnu-gcc; do
    arch=x86_64; [ $cc = gcc ] || arch=i386
    for f in file wait socket ipc system bad; do
        if ! command -v $cc >/dev/null; then
            report ok "$arch $f # SKIP no $cc"
            continue
        fi
        if ! $cc -w -O1 -static -pthread -o "$top/$f" "tests/guest/sys/$f.c" 2>"$top/errors"; then
            sed 's/^/# /' "$top/errors"; report "not ok" "$arch $f compiles"
            continue
        fi
        # The scheduler of a busy machine may hold up either side of what waits for time: a true difference is there each time.
        for _ in 1 2 3; do
            run native "$top/$f" >"$top/native"
            run emulated emu-user "$top/$f" >"$top/emulated"
            [ $f = wait ] && ! cmp -s "$top/native" "$top/emulated" || break
        done
        if ! grep -q '^status' "$top/native" || grep -q '^status 1[23]' "$top/native"; then
            report ok "$arch $f # SKIP does not run natively here"
        elif diff "$top/native" "$top/emulated" >"$top/diff"; then
            report ok "$arch $f: $(wc -l <"$top/native") lines are the same"
        else
            head -60 "$top/diff" | sed 's/^/# /'
            report "not ok" "$arch $f: results are the same"
        fi
    done
done
echo "1..$n"
