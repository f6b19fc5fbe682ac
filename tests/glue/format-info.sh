#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images of the smaller formats, made by the peer and by us, in all sizes: `info` (for people and as JSON) and `-o help` are
# the same from both programs, and each compares the other's image as equal.
cd "$(dirname "$0")/../.." || exit 1
OURS=$PWD/${BUILD:-build}/bin/qemu-img PEER=/usr/bin/qemu-img
if [ ! -x "$OURS" ]; then echo "1..0 # SKIP no emu-img"; exit 0; fi
if [ ! -x "$PEER" ]; then echo "1..0 # SKIP no $PEER (qemu-utils)"; exit 0; fi
T=$(mktemp -d /tmp/format-infoXXXXXX) || exit 1
trap 'rm -rf "$T"' EXIT
cd "$T" || exit 1
n=0
ok() { # STATUS SENTENCE
    n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
same() { # SENTENCE, of the files a and b
    if cmp -s a b; then ok 0 "$1"; else ok 1 "$1"; diff a b | head -n 12 | sed 's/^/# /'; fi
}
# Fields that only one of the versions has, and sizes on disk, are not compared.
human() { "$1" info $5 -f "$2" "$3" 2>&1 | grep -v -e '^disk size' -e '^Child node' -e "^ *filename: " -e '^ *protocol type' -e '^ *file length' -e '^ *disk size' > "$4"; }
json() { "$1" info $5 -f "$2" --output=json "$3" 2>&1 | grep -v -e actual-size >"$4"; }

for f in vdi vmdk vpc vhdx qcow qed parallels luks; do
    "$PEER" create -f $f -o help 2>/dev/null | grep '=' | grep -v size=.size | sort > a
    "$OURS" create -f $f -o help 2>/dev/null | grep '=' | grep -v size=.size | sort > b
    [ $f != vpc ] || sed -i 's/ *$//' a b
    same "$f: the create options are the peer's"
done

one() { # FORMAT OPTIONS SIZE
    local f=$1 o=$2 size=$3 opts=() obj=() head
    [ -z "$o" ] || opts=(-o "$o")
    case $f in luks) obj=(--object secret,id=s,data=x); opts=(-o "key-secret=s,iter-time=1${o:+,$o}") ;; esac
    head="$f${o:+ $o} of $size"
    rm -f p* o*
    "$PEER" create -q "${obj[@]}" -f $f "${opts[@]}" p.$f $size > perr 2>&1; ps=$?
    "$OURS" create -q "${obj[@]}" -f $f "${opts[@]}" o.$f $size > oerr 2>&1; os=$?
    if [ $ps != 0 ]; then
        [ $os != 0 ]; ok $? "$head: refused, as the peer refuses it"
        return
    fi
    ok $os "$head: made"
    [ $os = 0 ] || { sed 's/^/# /' oerr; return; }
    [ "$f$size" != vhdx0 ] || return # the peer wants a table of 64 MB for no blocks, the specification none
    # A peer that cannot open what it made itself shows nothing.
    if "$PEER" info -f $f p.$f > /dev/null 2>&1; then
        human "$PEER" $f p.$f a; human "$OURS" $f p.$f b; same "$head: info is the peer's"
        json "$PEER" $f p.$f a; json "$OURS" $f p.$f b; same "$head: info as JSON is the peer's"
        "$OURS" info -f $f --output=json o.$f | grep '^    "virtual-size' > b
        "$PEER" info -f $f --output=json o.$f | grep '^    "virtual-size' > a
        same "$head: the peer sees our size"
        "$PEER" info -f $f --output=json p.$f | grep '^    "virtual-size' > b
        same "$head: which is the size it makes"
    fi
}

for size in 0 512 1000 1G 2T; do
    one vdi "" $size
    one vpc force_size=on $size
    one vpc "" $size
    one vhdx "" $size
    one qcow "" $size
    one qed "" $size
    one parallels "" $size
done
one vmdk "" 512; one vmdk "" 1G; one vmdk compat6=on 1000
one luks "" 1000; one luks cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha1 1M
one vdi static=on 1G; one vpc subformat=fixed 1G; one vhdx subformat=fixed 100M; one vhdx block_size=4M,log_size=3M 10G
one qed cluster_size=4096,table_size=2 1G; one parallels cluster_size=65536 1G
for s in monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat streamOptimized; do one vmdk subformat=$s 5G; done
one vmdk subformat=nonsense 1M; one vpc subformat=nonsense 1M; one vhdx block_size=3M 1M; one vmdk hwversion=5,compat6=on 1M

# The same data through each format and both programs: written by one, compared by the other.
head -c 3000320 /dev/urandom > raw; truncate -s 5M raw; head -c 100000 /dev/urandom | dd of=raw bs=1 seek=4000000 conv=notrunc 2>/dev/null
for f in vdi vmdk:subformat=monolithicSparse vmdk:subformat=streamOptimized vmdk:subformat=twoGbMaxExtentFlat vpc:force_size=on vhdx qcow qed parallels; do
    o=${f#*:}; k=${f%%:*}; [ "$o" = "$f" ] && o=
    rm -f x* y*
    "$OURS" convert -q -f raw -O $k ${o:+-o $o} raw x.$k && "$PEER" compare -q -f raw -F $k raw x.$k; ok $? "$f: we convert, the peer compares"
    "$PEER" convert -q -f raw -O $k ${o:+-o $o} raw y.$k && "$OURS" compare -q -f raw -F $k raw y.$k; ok $? "$f: the peer converts, we compare"
    "$OURS" convert -q -f $k -O raw y.$k y.raw && cmp -s raw y.raw; ok $? "$f: and convert it back"
done
"$OURS" convert -q -c -f raw -O qcow raw x.qcow && "$PEER" compare -q -f raw -F qcow raw x.qcow; ok $? "qcow: compressed by us, compared by the peer"
"$PEER" convert -q -c -f raw -O qcow raw y.qcow # which it does, and says that it failed
"$OURS" compare -q -f raw -F qcow raw y.qcow; ok $? "qcow: compressed by the peer, compared by us"
if command -v vhdiinfo >/dev/null; then
    "$OURS" convert -q -f raw -O vpc -o force_size=on raw v.vhd && vhdiinfo v.vhd 2>&1 | grep -q '5242880 bytes\|5.0 MiB'; ok $? "libvhdi reads our vhd"
    "$OURS" convert -q -f raw -O vhdx raw v.vhdx && vhdiinfo v.vhdx 2>&1 | grep -q '5242880 bytes\|5.0 MiB'; ok $? "libvhdi reads our vhdx"
else ok 0 "libvhdi # SKIP not installed"; fi
if command -v vmdkinfo >/dev/null; then
    rm -f v.vmdk; "$OURS" convert -q -f raw -O vmdk raw v.vmdk && vmdkinfo v.vmdk 2>&1 | grep -q 'Sparse\|5242880'; ok $? "libvmdk reads our vmdk"
else ok 0 "libvmdk # SKIP not installed"; fi
if command -v qcowinfo >/dev/null; then
    qcowinfo x.qcow 2>&1 | grep -q '5242880'; ok $? "libqcow reads our qcow"
else ok 0 "libqcow # SKIP not installed"; fi
echo "1..$n"
