#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every option of a program is in its man page, and the page names no option that the program does not have.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
n=0 failed=0
result() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; printf '%s\n' "$3" | sed 's/^/# /'; fi; }
for prog in "$BUILD"/bin/emu-*; do
    [ -x "$prog" ] || continue
    name=${prog##*/}
    page=$BUILD/man/$name.1
    if [ ! -e "$page" ]; then result 1 "$name has a man page" "man/$name.1.in is missing"; continue; fi
    "$prog" --print-man | grep -A1 '^\.TP' | grep '^\\fB' | sed 's/\\fB//; s/\\fR//; s/\\-/-/g' | grep -oE '(^|[ ,])--?[A-Za-z0-9][A-Za-z0-9_-]*' | tr -d ' ,' | sort -u >"$BUILD/opts.table"
    sed 's/\\-/-/g; s/\\f[BRI]//g' "$page" >"$BUILD/opts.page"
    missing=$(while read -r o; do grep -qF -- "$o" "$BUILD/opts.page" || echo "$o"; done <"$BUILD/opts.table")
    result "$([ -z "$missing" ]; echo $?)" "$name: every option of the table is in the page" "$missing"
    # Options named in the description and the examples on lines that begin with this program's name.
    unknown=$(grep -E "^	$name " "$BUILD/opts.page" | grep -oE ' --?[A-Za-z][A-Za-z0-9_-]*' | tr -d ' ' | sort -u | grep -vxFf "$BUILD/opts.table" |
        while read -r o; do grep -qE -- "(^|[ ,|[(])$o([] ,|=)]|\$)" <("$prog" --help 2>&1; "$prog" -h 2>&1) || echo "$o"; done)
    result "$([ -z "$unknown" ]; echo $?)" "$name: the examples use options that exist" "$unknown"
    warnings=$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null | head -3)
    result "$([ -z "$warnings" ]; echo $?)" "$name: the page is well-formed" "$warnings"
done
rm -f "$BUILD"/opts.*
[ $n -gt 0 ] || { echo "1..0 # SKIP no program is built yet"; exit 0; }
echo "1..$n"
exit $failed
