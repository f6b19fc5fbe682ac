#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# No part includes a part above it, an instruction set includes no other, and every file has its licence line (DESIGN.md, section 2).
cd "$(dirname "$0")/../.." || exit 1
n=0 failed=0
result() { # 0|1 TEXT DETAILS
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"; failed=1
        printf '%s\n' "$3" | sed 's/^/# /'
    fi
}
empty() { result "$([ -z "$2" ]; echo $?)" "$1" "$2"; }
# The folders of lib/ that a folder may include, itself among them.
declare -A may=(
    [lib/proto]="proto"
    [lib/base]="base proto"
    [lib/crypto]="crypto base proto"
    [lib/nbd]="nbd crypto base proto"
    [lib/block]="block nbd crypto base proto"
    [lib/char]="char crypto base proto"
    [lib/fpu]="fpu base proto"
    [lib/jit]="jit fpu base proto"
    [lib/isa]="isa jit fpu base proto"
    [lib/gdb]="gdb base proto"
    [cmd/emu-user]="isa jit fpu gdb base proto"
    [cmd/emu-cpu]="isa jit fpu nbd crypto gdb base proto"
    [cmd/emu-img]="block nbd crypto base proto"
    [cmd/emu-nbd]="block nbd crypto base proto"
    [cmd/emu-net]="crypto base proto"
    [cmd/emu-vnc]="crypto base proto"
    [cmd/emu-mon]="char crypto base proto"
    [cmd/emu-ga]="base proto"
)
for dir in $(printf '%s\n' "${!may[@]}" | sort); do
    [ -d "$dir" ] || continue
    bad=$(grep -rHoP '^\s*#\s*include\s*"\K[^"]+' --include='*.[chS]' "$dir" | while IFS=: read -r file inc; do
        top=${inc%%/*}
        case " base proto crypto nbd block char fpu jit isa gdb " in *" $top "*) ;; *) continue ;; esac
        case " ${may[$dir]} " in *" $top "*) ;; *) echo "$file includes $inc" ;; esac
    done)
    empty "$dir includes only what stands below it" "$bad"
done
bad=$(for isa in lib/isa/*/; do
    [ -d "$isa" ] || continue
    isa=${isa%/}
    grep -rHoP '^\s*#\s*include\s*"isa/(?!'"${isa##*/}"'/)[^"/]+/[^"]+' --include='*.[ch]' "$isa"
done)
empty "no instruction set includes another" "$bad"
bad=$(grep -rHnP '^\s*#\s*include\s*"isa/' --include='*.[ch]' lib/jit 2>/dev/null)
empty "lib/jit includes no guest" "$bad"
# Identifiers; a comment may say of which machine something is true. lib/jit/host/ has the host's names; ir_flags.x86 is flags as that host has them.
bad=$(git ls-files 'lib/jit/*.[ch]' 'lib/jit/*.def' | grep -v '^lib/jit/host/x86-64' | while read -r f; do
    gcc -fpreprocessed -dD -E -P -xc "$f" 2>/dev/null | grep -v '#include "jit/host/' |
        grep -oiE '\b(isa_|abi_)?(a64|aarch64|arm|arm64|ppc|powerpc|i386|x86|mips|sparc|riscv|s390|m68k)(_[a-z0-9_]*)?\b' | grep -vx x86 | sort -u | sed "s|^|$f: |"
done)
empty "lib/jit names no guest" "$bad"
bad=$(git ls-files 'lib/jit/*' 'lib/isa/*' | xargs wc -l | awk '$2 != "total" && $1 > 1000 { print $2 ": " $1 " lines" }')
empty "no file of lib/jit and lib/isa is above 1,000 lines" "$bad"
bad=$(git ls-files '*.c' '*.h' '*.S' '*.sh' '*.tcl' | while read -r f; do
    head -n 4 "$f" | grep -q SPDX-License-Identifier || echo "$f"
done)
empty "every source file has an SPDX line" "$bad"
echo "1..$n"
exit $failed
