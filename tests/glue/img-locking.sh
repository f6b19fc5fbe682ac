#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An image that the peer writes cannot be opened here, nor the other way round; force-share reads it all the same.
[ -x /usr/bin/qemu-io ] || { echo "1..0 # SKIP qemu-utils is not installed"; exit 0; }
IMG=$PWD/${BUILD:-build}/bin/emu-img
dir=$(mktemp -d) || exit 1
cd "$dir" || exit 1
n=0
result() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; printf '%s\n' "$3" | sed 's/^/# /'; fi; }
"$IMG" create -q -f qcow2 a 16M
mkfifo go
/usr/bin/qemu-io -f qcow2 a <go >/dev/null 2>&1 &
holder=$!
exec 9>go
trap 'exec 9>&-; rm -rf "$dir"' EXIT
echo "write 0 64k" >&9
for _ in $(seq 100); do /usr/bin/qemu-img info a >/dev/null 2>&1 || break; sleep 0.05; done
out=$("$IMG" info a 2>&1); st=$?
result $((st != 1)) "reading is refused while the peer writes" "$out"
printf '%s' "$out" | grep -q 'Failed to get shared "write" lock'; result $? "with the words of the classic tool" "$out"
printf '%s' "$out" | grep -q "held by process $holder "; result $? "and the holder's pid" "$out"
out=$("$IMG" resize a 32M 2>&1); st=$?
printf '%s' "$out" | grep -q 'Failed to get "write" lock'; result $? "so is writing" "$out"
out=$("$IMG" info -U a 2>&1); result $? "force-share reads it" "$out"
exec 9>&-
wait $holder
out=$("$IMG" info a 2>&1); result $? "afterwards it is free" "$out"
# the other way round: ours holds it
"$IMG" bench -w -c 2000000 -d 1 -f qcow2 a >/dev/null 2>&1 &
ours=$!
for _ in $(seq 100); do grep -q lock: /proc/$ours/fdinfo/* 2>/dev/null && break; sleep 0.05; done
out=$(/usr/bin/qemu-img info a 2>&1); st=$?
kill $ours 2>/dev/null; wait $ours 2>/dev/null
result $((st != 1)) "the peer is refused while this program writes" "$out"
"$IMG" check -r all a >/dev/null 2>&1
out=$(/usr/bin/qemu-img check a 2>&1); result $? "and what was left by the kill is mended" "$out"
echo "1..$n"
