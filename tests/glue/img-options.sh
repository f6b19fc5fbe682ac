#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Options of emu-img, one by one: what comes of them is what comes of them with the peer's qemu-img (output, status, contents).
PEER=/usr/bin/qemu-img
OURS=$PWD/${BUILD:-build}/bin/qemu-img
[ -x $PEER ] && [ -x /usr/bin/qemu-io ] || { echo "1..0 # SKIP qemu-utils is not installed"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export TZ=UTC S="--object secret,id=s,data=key"

commands() { # r COMMAND: what both programs print and return; s: set-up without a look; o COMMAND: ours alone succeeds; f COMMAND: ours alone refuses (options of which the peer has none, or more)
cat <<'END'
s truncate -s 1M base.raw
s qemu-io -f raw -c 'write -P 1 0 64k' -c 'write -P 2 512k 64k' base.raw
s cp base.raw w.raw
s $Q create -q -f qcow2 -b base.raw -F raw ov.qcow2
s qemu-io -c 'write -P 3 64k 64k' ov.qcow2
s $Q create -q $S -f luks -o key-secret=s,iter-time=10 l.luks 1M
s $Q create -q $S -f qcow2 -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 e.qcow2 1M
s qemu-io $S -c 'write -P 5 0 64k' --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s
r $Q amend $S -f qcow2 -o lazy_refcounts=on --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s
r $Q amend $S -o lazy_refcounts=on --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s
r $Q amend -p -q -o compat=1.1 ov.qcow2
r $Q amend -t none -o compat=1.1 ov.qcow2
r $Q amend -t nonsense -o compat=1.1 ov.qcow2
r $Q amend --force -o refcount_bits=32 ov.qcow2
r $Q check ov.qcow2
r $Q amend --object secret,id=s,data=key -o compat=1.1 --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s
o $Q amend --help
o $Q bench --count 10 --depth 4 -f raw base.raw
r $Q bench -c 10 -d 1 -U -f raw base.raw
r $Q bench -c 10 -i threads -f raw base.raw
r $Q bench -c 10 -n -f raw base.raw
r $Q bench -c 10 -n -t none -f raw base.raw
r $Q bench -c 10 -n -t directsync -w -f raw w.raw
o $Q bench -c 10 --native -t none -f raw base.raw
r $Q bench -c 100 --flush-interval 10 --no-drain -w -f raw w.raw
r $Q bench -c 100 -d 8 --flush-interval 10 --no-drain -w -f raw w.raw
r $Q bench --no-drain -c 1 -f raw base.raw
r $Q bench --flush-interval=8 -c 10 -f raw base.raw
o $Q bench --object secret,id=s,data=key -c 1 --image-opts driver=luks,file.filename=l.luks,key-secret=s
o $Q bench --help
r $Q check -T none ov.qcow2
r $Q check -U -f qcow2 ov.qcow2
r $Q check -T nonsense ov.qcow2
o $Q check -h
s cp ov.qcow2 c1.qcow2
s cp base.raw keep.raw
r $Q commit -d -t writeback -f qcow2 c1.qcow2
r $Q map --output=json c1.qcow2
r $Q commit -d -p -q c1.qcow2
r $Q commit -q -r 1000000 c1.qcow2
r $Q map --output=json c1.qcow2
r $Q commit $S --object secret,id=t,data=x --image-opts driver=qcow2,file.filename=c1.qcow2
r $Q commit -t nonsense c1.qcow2
o $Q commit --help
s cp keep.raw base.raw
r $Q compare -T none -f raw -F raw base.raw keep.raw
r $Q compare -U -p -f raw -F raw base.raw keep.raw
r $Q compare --object secret,id=s,data=key --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s driver=raw,file.filename=base.raw
o $Q compare --help
r $Q convert --object secret,id=s,data=key -O raw --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s dec.raw
s qemu-io -f raw -c 'read -P 5 0 64k' dec.raw
r $Q map -f raw --output=json dec.raw
r $Q convert -p -O qcow2 -f raw base.raw p.qcow2
r $Q convert -T none -U -f raw -O raw base.raw u.raw
r $Q compare -f raw -F raw base.raw u.raw
r $Q convert -S 0 -f raw -O raw base.raw full.raw
r $Q map -f raw --output=json full.raw
r $Q convert -S 64k -f raw -O qcow2 base.raw s.qcow2
r $Q map --output=json s.qcow2
r $Q convert -S 16M -f raw -O raw base.raw s3.raw
r $Q compare -f raw -F raw base.raw s3.raw
r $Q convert -S 100000000 -f raw -O qcow2 base.raw s.qcow2
r $Q convert -S 4k -C -f raw -O raw base.raw s2.raw
r $Q convert -C -f raw -O raw base.raw s2.raw
r $Q compare -f raw -F raw base.raw s2.raw
r $Q convert -O qcow2 -B base.raw -F raw ov.qcow2 b.qcow2
r $Q info b.qcow2
r $Q map --output=json b.qcow2
r $Q convert -O qcow2 -B base.raw ov.qcow2 b.qcow2
r $Q convert --target-is-zero -n -f raw -O raw base.raw s2.raw
r $Q convert --target-is-zero -f raw -O raw base.raw s2.raw
r $Q convert --salvage -f raw -O raw base.raw s2.raw
r $Q compare -f raw -F raw base.raw s2.raw
s $Q create -q -f qcow2 tz.qcow2 1M
r $Q convert -n --target-is-zero -f raw -O qcow2 base.raw tz.qcow2
r $Q compare -f raw -F qcow2 base.raw tz.qcow2
r $Q convert -r 100M -f raw -O raw base.raw s2.raw
f $Q convert -r none -f raw -O raw base.raw s2.raw
o bash -c 'cp base.raw sl.raw; t=$(date +%s); timeout 60 $0 convert -S 0 -r 300k -f raw -O raw base.raw sl.raw; test $(($(date +%s) - t)) -ge 2' $Q
s $Q create -q -f qcow2 bm.qcow2 1M
r $Q bitmap bm.qcow2 b0
r $Q bitmap --add bm.qcow2
r $Q bitmap --add -g 100 bm.qcow2 b0
r $Q bitmap --add -g 64k -f qcow2 bm.qcow2 b0
r $Q bitmap --add bm.qcow2 b0
r $Q bitmap --add --disable --object secret,id=s,data=key --image-opts driver=qcow2,file.filename=bm.qcow2 b1
r $Q bitmap --enable bm.qcow2 b9
r $Q bitmap --enable bm.qcow2 b1
r $Q bitmap --disable bm.qcow2 b1
r $Q bitmap --clear -g 4k bm.qcow2 b0
r $Q bitmap --clear -b base.raw bm.qcow2 b0
r $Q bitmap --merge b7 bm.qcow2 b1
r $Q bitmap --merge b0 -F qcow2 bm.qcow2 b1
r $Q bitmap --merge b0 -b nope bm.qcow2 b1
s qemu-io -c 'write 64k 1k' -c 'write 512k 64k' bm.qcow2
r $Q info --output=json bm.qcow2
r $Q info bm.qcow2
r $Q measure -O qcow2 bm.qcow2
r $Q measure -O qcow2 --output=json -o cluster_size=512 bm.qcow2
r $Q measure -O qcow2 -o compat=0.10 bm.qcow2
r $Q convert --bitmaps -f raw -O qcow2 base.raw bm2.qcow2
r $Q convert --bitmaps -O raw bm.qcow2 bm.raw
r $Q convert --bitmaps -O qcow2 -o compat=0.10 bm.qcow2 bm2.qcow2
r $Q convert --skip-broken-bitmaps -O qcow2 bm.qcow2 bm2.qcow2
r $Q convert --bitmaps -O qcow2 bm.qcow2 ov.qcow2 bm2.qcow2
r $Q convert --bitmaps -O qcow2 bm.qcow2 bm2.qcow2
r qemu-img info bm2.qcow2
r qemu-img check bm2.qcow2
r $Q bitmap --merge b0 -b bm2.qcow2 -F qcow2 bm.qcow2 b1
s $Q create -q -f qcow2 bm3.qcow2 2M
s $Q bitmap --add bm3.qcow2 z
r $Q bitmap --merge z -b bm3.qcow2 bm.qcow2 b1
o bash -c 'qemu-nbd -r -t -k $PWD/bm.sock -B b1 -f qcow2 bm.qcow2 & p=$!; for i in 1 2 3 4 5 6 7 8 9; do test -S bm.sock && break; sleep 0.2; done; qemu-img map --output=json --image-opts driver=nbd,server.type=unix,server.path=$PWD/bm.sock,x-dirty-bitmap=qemu:dirty-bitmap:b1 | grep -c -e "\"start\": 65536, \"length\": 65536.*\"data\": false" -e "\"start\": 524288, \"length\": 65536.*\"data\": false" | grep -x 2; r=$?; kill $p; wait $p; exit $r'
r $Q resize bm.qcow2 2M
r $Q resize --shrink bm.qcow2 1536k
r qemu-img info --output=json bm.qcow2
r qemu-img check bm.qcow2
r $Q bitmap --remove bm.qcow2 b0
r $Q bitmap --add --merge b1 --disable bm.qcow2 new
r qemu-img info --output=json bm.qcow2
s python3 -c "f=open('bm.qcow2','r+b');d=f.read();i=d.rfind(b'new')-24;f.seek(i+15);f.write(bytes([d[i+15]|1]))"
r $Q info bm.qcow2
r $Q convert --bitmaps -O qcow2 bm.qcow2 bm4.qcow2
r $Q convert --bitmaps --skip-broken-bitmaps -O qcow2 bm.qcow2 bm4.qcow2
r qemu-img info bm4.qcow2
r $Q bitmap --clear bm.qcow2 new
r $Q bitmap --remove bm.qcow2 new
r qemu-img check bm.qcow2
s $Q create -q -f qcow2 oc.qcow2 1M
r $Q info --image-opts driver=qcow2,file.filename=oc.qcow2,l2-cache-entry-size=100
r $Q info --image-opts driver=qcow2,file.filename=oc.qcow2,l2-cache-entry-size=4k
r $Q info --image-opts driver=qcow2,file.filename=oc.qcow2,cache-size=1M,l2-cache-size=2M
r $Q info --image-opts driver=qcow2,file.filename=oc.qcow2,cache-size=1M,refcount-cache-size=2M
r $Q info --image-opts driver=qcow2,file.filename=oc.qcow2,cache-size=1M,refcount-cache-size=1M,l2-cache-size=1M
r $Q info --image-opts driver=qcow2,file.filename=oc.qcow2,cache-clean-interval=99999999999
s qemu-io -c 'write 0 64k' -c 'write 128k 64k' oc.qcow2
s $Q snapshot -c one oc.qcow2
s python3 -c "import struct;f=open('oc.qcow2','r+b');d=f.read();l1,=struct.unpack('>Q',d[40:48]);l2=struct.unpack('>Q',d[l1:l1+8])[0]&((1<<56)-512);e=l2+8*2;f.seek(e);f.write(struct.pack('>Q',(1<<63)|l1))"
f $Q bench -w -c 1 -s 512 -o 128k -f qcow2 oc.qcow2
s python3 -c "f=open('oc.qcow2','r+b');f.seek(79);f.write(bytes([0]))"
f $Q bench -w -c 1 -s 512 -o 128k --image-opts driver=qcow2,file.filename=oc.qcow2,overlap-check.template=none,overlap-check.active-l1=on
s python3 -c "f=open('oc.qcow2','r+b');f.seek(79);f.write(bytes([0]))"
o $Q bench -w -c 1 -s 512 -o 128k --image-opts driver=qcow2,file.filename=oc.qcow2,overlap-check.template=all,overlap-check.active-l1=off
s $Q create -q -f vhdx z.vhdx 0
r qemu-img info z.vhdx
s $Q create -q -f vhdx -o subformat=fixed,block_size=1M z.vhdx 0
r qemu-img info z.vhdx
o $Q convert -O qcow2 --backing base.raw -F raw ov.qcow2 b2.qcow2
o $Q convert --help
r $Q create --object secret,id=s,data=key -f luks -o key-secret=s,iter-time=10 l2.luks 1M
o $Q create --help
r $Q dd -U -f raw -O raw if=base.raw of=dd.raw bs=64k
r $Q dd --object secret,id=s,data=key --image-opts -O raw if=driver=luks,file.filename=l.luks,key-secret=s of=dd.raw bs=4k count=1
o $Q dd --help
o $Q info --help
r $Q info --object secret,id=s,data=key --image-opts driver=luks,file.filename=l.luks,key-secret=s --output=json
r $Q map --object secret,id=s,data=key -U --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s
r $Q map -U --output=json ov.qcow2
o $Q map --help
s $Q snapshot -c snap ov.qcow2
r $Q measure -O qcow2 -l snap -f qcow2 ov.qcow2
r $Q measure --object secret,id=s,data=key -O qcow2 -U --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s
o $Q measure --help
o $Q --version
o $Q -V
o $Q --help
o $Q -T help info base.raw
o $Q -T 'nothing*' info base.raw
f $Q --trace=events=/nonex info base.raw
r $Q create -f qcow2 -o '?' x
r $Q create -f raw sz.raw 1T
r $Q info --output=json 'json:{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}'
r $Q dd -f raw -O raw if=base.raw of=dd.raw bs=4k count=20 skip=3
r $Q compare -f raw -F raw dd.raw base.raw
o bash -c 'truncate -s 64M usr.raw; $0 convert -S 0 -r 30M -f raw -O raw usr.raw usr2.raw >usr.out 2>&1 & p=$!; for i in 1 2 3 4 5 6 7 8; do sleep 0.2; kill -USR1 $p; done; wait $p && tr "\r" "\n" <usr.out | grep -q "([0-9. ]*/100%)"' $Q
o $Q bitmap --help
s $Q create -q -f qcow2 st.qcow2 1M
r $Q check -q st.qcow2; test $? = 0
r $Q check -q nope; test $? = 1
r $Q check -q -f raw base.raw; test $? = 63
s qemu-io -c 'write 0 64k' st.qcow2
s printf '\0\1' | dd of=st.qcow2 bs=1 seek=$((0x20000+12)) conv=notrunc status=none
r $Q check st.qcow2; test $? = 3
r $Q check --output=json st.qcow2
s cp st.qcow2 st2.qcow2
r $Q check -r leaks st.qcow2; test $? = 0
s printf '\0\0' | dd of=st2.qcow2 bs=1 seek=$((0x20000+8)) conv=notrunc status=none
r $Q check st2.qcow2; test $? = 2
o bash -c '$0 check -r leaks st2.qcow2; test $? = 2 && $0 check -r all st2.qcow2 && qemu-img check -q st2.qcow2' $Q
r $Q compare -q base.raw base.raw; test $? = 0
r $Q compare -q -f raw -F raw base.raw w.raw; test $? = 1
r $Q compare -q base.raw nope; test $? = 2
r $Q compare --image-opts driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=base.raw,file.inject-error.0.event=none,file.inject-error.0.iotype=block-status,file.inject-error.0.errno=5 driver=raw,file.filename=base.raw; test $? = 3
r $Q compare --image-opts driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=base.raw,file.inject-error.0.event=read_aio,file.inject-error.0.errno=5 driver=raw,file.filename=base.raw; test $? = 4
s truncate -s 1M base2.raw
r $Q rebase -q -p -t writeback -T none -f qcow2 -F raw -b base2.raw ov.qcow2
r $Q map --output=json ov.qcow2
r $Q rebase -U -u -b base2.raw -F raw ov.qcow2
r $Q rebase --object secret,id=s,data=key -u -b base2.raw -F raw --image-opts driver=qcow2,file.filename=ov.qcow2
r $Q rebase -t nonsense -b base2.raw -F raw ov.qcow2
r $Q rebase -T nonsense -b base2.raw -F raw ov.qcow2
o $Q rebase --help
r $Q resize --object secret,id=s,data=key --image-opts driver=luks,file.filename=l.luks,key-secret=s 2M
r $Q resize --preallocation=falloc -f raw base2.raw 2M
r $Q resize --preallocation=full -f qcow2 p.qcow2 2M
r $Q map --output=json p.qcow2
r $Q resize --preallocation=nonsense -f raw base2.raw 3M
r $Q resize --preallocation=metadata -f qcow2 p.qcow2 3M
o $Q resize --help
r $Q snapshot -U -l ov.qcow2
r $Q snapshot --object secret,id=s,data=key -l --image-opts driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s
o $Q snapshot -f qcow2 -l ov.qcow2
o $Q snapshot --help
r $Q create -f raw -o extent_size_hint=1M h.raw 1M
r $Q create -f qcow2 -o extent_size_hint=1M h.qcow2 1M
r $Q create -f qcow -o extent_size_hint=1M h.qcow 1M
r $Q create -f qed -o extent_size_hint=1M h.qed 1M
r $Q create -f vdi -o extent_size_hint=1M h.vdi 1M
r $Q create -f vmdk -o extent_size_hint=1M h.vmdk 1M
r $Q create -f vpc -o extent_size_hint=1M h.vpc 1M
r $Q create -f vhdx -o extent_size_hint=1M h.vhdx 1M
r $Q create -f parallels -o extent_size_hint=1M h.parallels 1M
o $Q create $S -f luks -o extent_size_hint=1M,key-secret=s,iter-time=10 h.luks 1M
r $Q create -f qcow2 -o backing_file=base.raw,backing_fmt=raw o.qcow2
r $Q create -f qcow -o backing_file=base.raw,backing_fmt=raw o.qcow
r $Q create -f qed -o backing_file=base.raw,backing_fmt=raw o.qed
s $Q create -q -f vmdk base.vmdk 1M
r $Q create -f vmdk -o backing_file=base.vmdk,backing_fmt=vmdk,toolsversion=2147483647 o.vmdk
r $Q info --output=json o.qed
r $Q info --output=json o.qcow
r $Q create $S -f qcow2 -o encryption=on,encrypt.key-secret=s enc.qcow2 1M
r $Q create $S -f qcow -o encryption=on,encrypt.key-secret=s enc.qcow 1M
r $Q info --output=json enc.qcow
END
}
commands | grep -v '^$' >"$dir/commands"
play() { # PROGRAM NAME: one result file a command
    Q=$1; mkdir -p "$dir/$2" "$dir/$2.out"; cd "$dir/$2" || exit 1
    local n=0
    while IFS= read -r line; do
        n=$((n + 1))
        case $line in
        s\ *) eval "${line#s }" >/dev/null 2>&1 ;;
        [of]\ *) { eval "timeout 30 ${line#? }" 2>&1 </dev/null; echo "status $?"; } >"$dir/$2.out/$n" ;;
        r\ *) # the peer may give up measuring a key derivation on a busy machine
            for _ in 1 2 3 4 5 6; do
                { eval "timeout 30 ${line#r }" 2>&1 </dev/null; echo "status $?"; } >"$dir/raw.out"
                grep -q -e 'accurate CPU usage' -e '^status 124$' "$dir/raw.out" || break
            done
            tr '\r' '\n' <"$dir/raw.out" | sed -e '/^disk size/d; /^Image end offset/d; /actual-size/d; /image-end-offset/d; s/2[0-9-]* [0-9:]* *00:00:00.000/DATE/' \
                -e 's/"date-n*sec": [0-9]*/DATE/; s/in [0-9.]* seconds/in T seconds/' -e 's/[0-9.]*% fragmented/F% fragmented/' \
                -e 's/\("data": true\), "offset": [0-9]*/\1/' -e '/^ *([0-9.]*\/100%)$/d; s/"uuid": "[^"]*"/UUID/; s/"iters": [0-9]*/ITERS/; s/"cid": [0-9]*/CID/; s/-iters": [0-9]*/ITERS/' >"$dir/$2.out/$n" ;;
        esac
    done <"$dir/commands"
    cd "$dir" || exit 1
}
play $PEER peer
play "$OURS" ours
total=0 n=0
while IFS= read -r line; do
    n=$((n + 1))
    case $line in
    o\ *)
        total=$((total + 1))
        if tail -n 1 "$dir/ours.out/$n" | grep -qx 'status 0'; then echo "ok $total - ${line#o }"
        else echo "not ok $total - ${line#o }"; sed 's/^/# /' "$dir/ours.out/$n" | head -5; fi ;;
    f\ *)
        total=$((total + 1))
        if tail -n 1 "$dir/ours.out/$n" | grep -qx 'status 1' && grep -q '^qemu-img: ' "$dir/ours.out/$n"; then echo "ok $total - refused: ${line#f }"
        else echo "not ok $total - refused: ${line#f }"; sed 's/^/# /' "$dir/ours.out/$n" | head -5; fi ;;
    r\ *)
        total=$((total + 1))
        if cmp -s "$dir/peer.out/$n" "$dir/ours.out/$n"; then echo "ok $total - ${line#r }"
        else echo "not ok $total - ${line#r }"; diff "$dir/peer.out/$n" "$dir/ours.out/$n" | sed 's/^/# /' | head -12; fi ;;
    esac
done <"$dir/commands"
echo "1..$total"
