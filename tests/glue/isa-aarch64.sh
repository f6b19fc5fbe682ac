#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The program that records (tests/isa/aarch64-runner.c) has under emu-user the results that it had under the peer, in both byte orders: a slice
# of what unit/a64-vectors and unit/a64-vectors-be run whole, with system calls, faults and frames by the way of real programs.
# CASES: how many of each row are run (default 3, 400 are there).
CASES=${CASES:-3}
here=$(cd "$(dirname "$0")/../isa" && pwd)
command -v aarch64-linux-gnu-gcc >/dev/null || { echo "1..0 # SKIP no aarch64-linux-gnu-gcc here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/isa-aarch64-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
bare="-O2 -ffreestanding -nostdlib -static -fno-stack-protector -mno-outline-atomics"
aarch64-linux-gnu-gcc $bare -o "$top/runner" "$here/aarch64-runner.c" && aarch64-linux-gnu-gcc $bare -mbig-endian -o "$top/runner-be" "$here/aarch64-runner.c" || exit 1

# compare NUMBER SUFFIX WORDS OPTION...
compare() {
    number=$1 suffix=$2 words=$3; shift 3
    xz -dc "$here/aarch64$suffix.vectors.xz" >"$top/all"
    cut -d' ' -f1-2 "$top/all" >"$top/patterns"
    emu-user "$@" "$top/runner$suffix" "$CASES" <"$top/patterns" >"$top/out"
    awk -v n="$((CASES * 4))" '{ print $1, $2, substr($3, 1, n) }' "$top/all" >"$top/want"
    rows=$(wc -l <"$top/want")
    if [ "$rows" -gt 0 ] && cmp -s "$top/want" "$top/out"; then
        echo "ok $number - $rows rows, $CASES cases of each, $words"
    else
        echo "not ok $number - $rows rows, $CASES cases of each, $words"
        diff "$top/want" "$top/out" | sed -n '/^[<>]/s/^/# /p' | cut -c1-150 | head -10
    fi
}
compare 1 "" "little-endian"
compare 2 -be "big-endian"
echo 1..2
