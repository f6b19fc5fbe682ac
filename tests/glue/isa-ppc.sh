#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Random instructions of the PowerPC tables do what was recorded (tests/isa/*.vectors.xz, by tests/isa/record-ppc from the distribution's
# qemu 7.2; where that is not as the manual says the cases are ours and the row is in tests/isa/ppc.settled), translated and interpreted:
# little-endian and big-endian as a POWER9, 32 bits as a 7400. One case in eight has floating-point exceptions enabled.
# CASES: how many of each row are run (default 20; all are 1000000); CASES0: interpreted.
CASES=${CASES:-20} CASES0=${CASES0:-1}
here=$(cd "$(dirname "$0")/../isa" && pwd)
command -v powerpc64le-linux-gnu-gcc >/dev/null || { echo "1..0 # SKIP no powerpc64le-linux-gnu-gcc here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/isa-ppc-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
number=0

# compare CASES WORDS OPTION...
compare() {
    number=$((number + 1)) cases=$1 words=$2; shift 2
    have=$(awk '{ print length($5) / 4; exit }' "$top/all")
    [ "$cases" -gt "$have" ] && cases=$have
    emu-user -cpu $model "$@" "$top/runner" "$cases" <"$top/patterns" >"$top/out"
    awk -v n="$((cases * 4))" '{ print $1, $2, substr($5, 1, n) }' "$top/all" >"$top/want"
    rows=$(wc -l <"$top/want")
    if cmp -s "$top/want" "$top/out"; then
        echo "ok $number - $guest: $rows rows, $cases cases of each, $words"
    else
        echo "not ok $number - $guest: $rows rows, $cases cases of each, $words"
        diff "$top/want" "$top/out" | sed -n '/^[<>]/s/^/# /p' | cut -c1-150 | head -10
    fi
}
for guest in ppc64le ppc64 ppc; do
    . "$here/ppc-guests"
    command -v ${compile%% *} >/dev/null || continue
    $compile -o "$top/runner" "$here/ppc-runner.c" || exit 1
    xz -dc "$here/$guest.vectors.xz" >"$top/all"
    cut -d' ' -f1-4 "$top/all" >"$top/patterns"
    compare "$CASES" translated
    compare "$CASES0" interpreted -accel interp
done
echo 1..$number
