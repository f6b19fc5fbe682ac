#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Random instructions of the PowerPC tables do what was recorded (tests/isa/*.vectors.xz, by tests/isa/record-ppc from the distribution's
# qemu 7.2; where that is not as the manual says the cases are ours and the row is in tests/isa/ppc.settled), translated and interpreted:
# little-endian and big-endian as a POWER9, 32 bits as a 7400; 309,060 cases. One case in eight has floating-point exceptions enabled.
# Then every floating-point operation with 64 x 64 special operands in every rounding mode (tests/isa/ppc-fp-runner.c).
# SLICES: how many eighths of those are run (default 1); CASES: how many of each row are run (default 20; 1000000: all); CASES0: interpreted.
CASES=${CASES:-20} CASES0=${CASES0:-1}
here=$(cd "$(dirname "$0")/../isa" && pwd)
command -v powerpc64le-linux-gnu-gcc >/dev/null || { echo "1..0 # SKIP no powerpc64le-linux-gnu-gcc here"; exit 0; }
top=$(mktemp -d "${TMPDIR:-/tmp}/isa-ppc-XXXXXX") || exit 1
trap 'rm -rf "$top"' EXIT
number=0

# compare CASES WORDS OPTION...
compare() {
    number=$((number + 1)) cases=$1 words=$2; shift 2
    have=$(awk 'length($5) / 4 > n { n = length($5) / 4 } END { print n }' "$top/all")
    [ "$cases" -gt "$have" ] && cases=$have
    # not all rows have as many
    emu-user -cpu $model "$@" "$top/runner" "$cases" <"$top/patterns" | awk '
        NR == FNR { have[FNR] = length($5); next } { print $1, $2, substr($3, 1, have[FNR]) }' "$top/all" - >"$top/out"
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

# special WORDS OPTION...
special() {
    number=$((number + 1)) words=$1; shift
    emu-user -cpu $model "$@" "$top/runner" "$SLICES" <"$top/patterns" >"$top/out"
    # a row has eight slices for each mode, one where there is one operand; negated multiply-add has one mode
    xz -dc "$here/ppc-fp.vectors.xz" | awk -v s="$SLICES" '{
        n = length($2) / 4; per = n > 8 || $1 ~ /nm/ ? 8 : 1; out = ""
        for (k = 0; k < n; k++) if (k % per < s) out = out substr($2, 4 * k + 1, 4)
        print $1, out
    }' >"$top/want"
    cmp -s "$top/want" "$top/out" && [ -s "$top/out" ] || printf 'not '
    echo "ok $number - special operands in every rounding mode: $(wc -l <"$top/want") rows, $SLICES eighths, $words"
    diff "$top/want" "$top/out" | sed -n '/^[<>]/s/^/# /p' | cut -c1-150 | head -10
}
SLICES=${SLICES:-1}
guest=ppc64le; . "$here/ppc-guests"
$compile -o "$top/runner" "$here/ppc-fp-runner.c" || exit 1
xz -dc "$here/$guest.vectors.xz" | cut -d' ' -f1-4 >"$top/patterns"
special translated
echo 1..$number
