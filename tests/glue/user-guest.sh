#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Small programs (tests/guest) give the same output and status under emu-user as natively, as x86-64 and as i386,
# translated and interpreted; as AArch64 programs what the x86-64 ones give natively.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
emu=$PWD/$BUILD/bin/emu-user
if [ ! -x "$emu" ]; then
    echo "1..0 # SKIP emu-user is not built"
    exit 0
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/user-guest-XXXXXX")
trap 'rm -rf "$dir"' EXIT
n=0 failed=0
ok() { # RESULT SENTENCE
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}
compare() { # SENTENCE: the two sides' outputs
    if cmp -s "$dir/want" "$dir/got"; then
        ok 0 "$1: $(wc -l <"$dir/want") lines as natively"
    else
        ok 1 "$1"
        diff "$dir/want" "$dir/got" | head -20 | sed 's/^/# /'
        head -5 "$dir/errors" | sed 's/^/# /'
    fi
}
for compiler in gcc i686-linux-gnu-gcc aarch64-linux-gnu-gcc; do
    case $compiler in gcc) kind=x86_64 ;; i686*) kind=i386 ;; *) kind=${compiler%%-*} ;; esac
    for source in tests/guest/*.c; do
        name=$(basename "$source" .c)
        mkdir -p "$dir/$kind"
        program=$dir/$kind/$name
        [ $kind-$name = aarch64-code ] && continue # x86 instructions; tests/glue/user-aarch64.sh has this processor's
        static=
        [ $kind = x86_64 ] || static=-static
        if ! command -v $compiler >/dev/null || ! $compiler -O1 -w -pthread $static -o "$program" "$source" -lm 2>"$dir/cc"; then
            n=$((n + 1))
            echo "ok $n - $kind $name # SKIP $compiler cannot build it"
            continue
        fi
        native=$program
        [ $kind != aarch64 ] || native=$dir/x86_64/$name
        (cd "$dir" && timeout 60 "$native" >want 2>/dev/null; echo "status $?" >>want)
        # Faults that only x86 instructions have.
        [ $kind != aarch64 ] || sed -i -E '/^(divide|ud2|int3|hlt|in|sse divide): /d' "$dir/want"
        if grep -q 'status 126' "$dir/want"; then
            n=$((n + 1))
            echo "ok $n - $kind $name # SKIP this kernel runs no $kind programs"
            continue
        fi
        (cd "$dir" && timeout 120 "$emu" "$program" >got 2>errors; echo "status $?" >>got)
        compare "$kind $name"
        [ $kind != aarch64 ] || continue
        case $kind-$name in i386-signals | i386-threads) continue ;; esac # long, and the same for T0 as x86_64's
        (cd "$dir" && timeout 120 "$emu" -accel interp "$program" >got 2>errors; echo "status $?" >>got)
        compare "$kind $name in T0"
    done
done
echo "1..$n"
exit $failed
