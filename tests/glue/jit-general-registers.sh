#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The translator runs with the guest's vector registers live: its objects use none and call no string function.
build=${BUILD:-build}
case ${SAN:-} in *address*|*undefined*) echo '1..0 # SKIP sanitizers call what they like'; exit 0;; esac
n=0 bad=0
for f in jit/region jit/link isa/x86/copy isa/x86/copy32 isa/x86/copymem isa/x86/copyexit isa/x86/link isa/x86/decode isa/x86/operand isa/x86/quick; do
	o=$build/obj/lib/$f.o
	n=$((n + 1))
	if [ ! -e "$o" ]; then
		echo "not ok $n - $f.o exists"; bad=1; continue
	fi
	used=$(objdump -d --no-show-raw-insn "$o" | grep -c '%[xyz]mm')
	called=$(nm -u "$o" | awk '{ print $2 }' | grep -E '^(mem|str|printf|snprintf)' | grep -v '^memfd' | tr '\n' ' ')
	if [ "$used" = 0 ] && [ -z "$called" ]; then
		echo "ok $n - $f uses general registers only"
	else
		echo "not ok $n - $f uses general registers only"; echo "# $used vector instructions, calls: $called"; bad=1
	fi
done
echo "1..$n"
exit $bad
