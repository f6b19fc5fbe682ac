#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Random instructions of the PowerPC tables do what was recorded (tests/isa/ppc.vectors.xz, from qemu-ppc64le 7.2 as a power9; where it is not as
# the manual says the cases are ours: a vector operation of which one element overflows and another one underflows sets both OX and UX,
# FX is set only by a bit that was 0), translated and interpreted. Left out are rows that share/ppc-index.c names, and stores of singles,
# whose result is undefined for many operands.
# CASES: how many of each row are run (default 20); CASES0: interpreted.
CASES=${CASES:-20} CASES0=${CASES0:-1}
here=$(cd "$(dirname "$0")/../isa" && pwd)
command -v powerpc64le-linux-gnu-gcc >/dev/null || { echo "1..0 # SKIP no powerpc64le-linux-gnu-gcc here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/isa-ppc-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
powerpc64le-linux-gnu-gcc -O1 -static -mcpu=power8 -o "$top/runner" "$here/ppc-runner.c" || exit 1
xz -dc "$here/ppc.vectors.xz" >"$top/all"
cut -d' ' -f1-4 "$top/all" >"$top/patterns"

# compare NUMBER CASES WORDS OPTION...
compare() {
    number=$1 cases=$2 words=$3; shift 3
    emu-user -cpu power9 "$@" "$top/runner" "$cases" <"$top/patterns" >"$top/out"
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
