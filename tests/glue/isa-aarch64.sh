#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Random instructions of every row of the AArch64 tables do what was recorded (tests/isa/aarch64.vectors.xz: 400 cases a row, 320,000
# in all, from qemu-aarch64 7.2; FCVTZS of half-precision scalars to fixed point is ours, since the peer saturates to 32 bits
# where the manual (C7.2, FCVTZS) has 16), translated and interpreted.
# CASES: how many of each row are run (default 30, 400 are there); CASES0: interpreted.
CASES=${CASES:-30} CASES0=${CASES0:-1}
here=$(cd "$(dirname "$0")/../isa" && pwd)
command -v aarch64-linux-gnu-gcc >/dev/null || { echo "1..0 # SKIP no aarch64-linux-gnu-gcc here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/isa-aarch64-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
aarch64-linux-gnu-gcc -O1 -static -o "$top/runner" "$here/aarch64-runner.c" || exit 1
xz -dc "$here/aarch64.vectors.xz" >"$top/all"
cut -d' ' -f1-4 "$top/all" >"$top/patterns"

# compare NUMBER CASES WORDS OPTION...
compare() {
    number=$1 cases=$2 words=$3; shift 3
    emu-user "$@" "$top/runner" "$cases" <"$top/patterns" >"$top/out"
    awk -v n="$((cases * 4))" '{ print $1, $2, substr($5, 1, n) }' "$top/all" >"$top/want"
    rows=$(wc -l <"$top/want")
    if cmp -s "$top/want" "$top/out"; then
        echo "ok $number - $rows rows, $cases cases of each, $words"
    else
        echo "not ok $number - $rows rows, $cases cases of each, $words"
        diff "$top/want" "$top/out" | sed -n '/^[<>]/s/^/# /p' | cut -c1-150 | head -10
    fi
}
compare 1 "$CASES" translated
compare 2 "$CASES0" interpreted -accel interp
echo 1..2
