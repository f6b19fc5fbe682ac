#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# emu-img, called qemu-img, prints what the peer's qemu-img prints and ends with the same status, command by command.
PEER=/usr/bin/qemu-img
OURS=$PWD/${BUILD:-build}/bin/qemu-img
[ -x $PEER ] && [ -x /usr/bin/qemu-io ] || { echo "1..0 # SKIP qemu-utils is not installed"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
TZ=UTC; export TZ

commands() { # r COMMAND: run one and show what came of it; s: the same without a look at it
cat <<'END'
s truncate -s 1M base.raw
s qemu-io -f raw -c 'write -P 1 0 64k' -c 'write -P 2 512k 64k' base.raw
r $Q create -f qcow2 -b base.raw -F raw ov.qcow2 2M
s qemu-io -c 'write -P 3 64k 64k' -c 'write -z 192k 64k' -c 'discard 256k 64k' ov.qcow2
r $Q map ov.qcow2
r $Q map --output=json ov.qcow2
r $Q map base.raw
r $Q map -f raw --output=json base.raw
r $Q map --output=json -s 100000 -l 300000 ov.qcow2
r $Q info ov.qcow2
r $Q info --output=json ov.qcow2
r $Q info --backing-chain ov.qcow2
r $Q info --output=json --backing-chain ov.qcow2
r $Q info -U ov.qcow2
r $Q check ov.qcow2
r $Q check --output=json ov.qcow2
r $Q check -q ov.qcow2
r $Q check base.raw
r $Q snapshot -c s1 ov.qcow2
r $Q check ov.qcow2
r $Q snapshot -l ov.qcow2
r $Q snapshot -a nope ov.qcow2
r $Q snapshot -d nope ov.qcow2
r $Q snapshot -c s1 base.raw
r $Q snapshot -l base.raw
r $Q snapshot -l -c x ov.qcow2
s qemu-io -c 'write -P 9 0 128k' ov.qcow2
r $Q convert -l s1 -O raw ov.qcow2 snap.raw
r $Q compare -f raw -F qcow2 snap.raw ov.qcow2
r $Q snapshot -a s1 ov.qcow2
r $Q compare -f raw -F qcow2 snap.raw ov.qcow2
r $Q snapshot -d s1 ov.qcow2
r $Q check ov.qcow2
r $Q compare ov.qcow2 base.raw
r $Q compare base.raw base.raw
r $Q compare -s ov.qcow2 base.raw
r $Q compare -q ov.qcow2 base.raw
r $Q compare base.raw nope
r $Q measure --size 1G -O qcow2
r $Q measure --size 1G -O qcow2 --output=json
r $Q measure --size 10G -O qcow2 -o cluster_size=512
r $Q measure --size 1T -O qcow2 -o cluster_size=512
r $Q measure --size 3T -O qcow2 -o extended_l2=on,refcount_bits=1
r $Q measure -O raw ov.qcow2
r $Q measure -O qcow2 ov.qcow2
r $Q measure -O qcow2 -f raw base.raw
r $Q measure -O raw
r $Q resize ov.qcow2 4M
r $Q resize ov.qcow2 1M
r $Q resize --shrink ov.qcow2 1M
r $Q check ov.qcow2
r $Q resize -f raw base.raw +1M
r $Q resize base.raw 5x
r $Q resize base.raw 1M
r $Q resize --shrink -f raw base.raw -1M
r $Q convert -O qcow2 base.raw c.qcow2
r $Q convert -c -O qcow2 base.raw cc.qcow2
r $Q check cc.qcow2
r $Q compare base.raw cc.qcow2
r $Q map cc.qcow2
r $Q convert -O foo base.raw c.qcow2
r $Q convert base.raw
r $Q convert -f raw nope c.qcow2
r $Q convert -O raw -o foo=1 base.raw c.raw
r $Q convert -n -O raw base.raw nope.raw
r $Q convert -m 99 base.raw x
r $Q convert -W -c -O qcow2 base.raw x
r $Q commit ov.qcow2
r $Q check ov.qcow2
r $Q commit base.raw
r $Q commit -b nope ov.qcow2
r $Q rebase -b '' ov.qcow2
r $Q rebase -u -b foo -F raw ov.qcow2
r $Q info ov.qcow2
r $Q rebase -b base.raw -F raw ov.qcow2
r $Q amend -o compat=0.10 ov.qcow2
r $Q rebase -u -b '' ov.qcow2
r $Q amend -o compat=0.10 ov.qcow2
r $Q info ov.qcow2
r $Q amend -o compat=1.1 ov.qcow2
r $Q amend -o refcount_bits=64 ov.qcow2
r $Q info ov.qcow2
r $Q check ov.qcow2
r $Q amend -o refcount_bits=1 ov.qcow2
r $Q check ov.qcow2
r $Q amend -f raw -o size=1 base.raw
r $Q amend ov.qcow2
r $Q amend -f qcow2 -o help
r $Q bench -c 100 -f raw base.raw
r $Q bench -w -c 100 -s 8192 --flush-interval=64 --pattern=7 -f raw base.raw
r $Q dd if=base.raw of=d.raw bs=64k count=2
r $Q dd if=base.raw of=d.raw bs=64k skip=3
r $Q dd if=base.raw of=d.qcow2 -O qcow2
r $Q compare base.raw d.qcow2
r $Q dd if=base.raw
r $Q dd foo=1
r $Q foo
r $Q
r $Q create
r $Q create --foo
r $Q info
r $Q info a b
r $Q info --output=foo ov.qcow2
r $Q info "json:{'driver':'qcow2','file.filename':'ov.qcow2', 'backing':null}"
r $Q info --image-opts driver=qcow2,file.filename=ov.qcow2
r $Q info --image-opts driver=qcow2,file.filename=ov.qcow2,foo=bar
r $Q create -f qcow2 x.qcow2 1Y
r $Q create -f qcow2 -o foo=1 c.qcow2 1M
r $Q create -f qcow2 c2.qcow2
r $Q create -f foo c.qcow2 1M
r $Q create -f qcow2 -o cluster_size=100 c.qcow2 1M
r $Q create -f qcow2 -o refcount_bits=3 c.qcow2 1M
r $Q create -f qcow2 -o compat=0.10,lazy_refcounts=on c.qcow2 1M
r $Q create -f qcow2 -o extended_l2=on,cluster_size=4k c.qcow2 1M
r $Q create -f qcow2 -o extended_l2=on,cluster_size=16k c.qcow2 1M
r $Q create -f qcow2 -o data_file=ext,data_file_raw=on c.qcow2 1M
r $Q info c.qcow2
r $Q create -f qcow2 -b /nonex -F raw c.qcow2
r $Q create -u -f qcow2 -b /nonex -F raw c.qcow2
r $Q create -u -f qcow2 -b /nonex -F raw c.qcow2 1M
r $Q create -f raw /nonex/c 1M
r $Q info /nonex
r $Q info -f qcow2 base.raw
r $Q info -f foo base.raw
r $Q create -f raw -o help
r $Q create -f qcow2 -o help
r $Q create -o help -f qcow2 y
END
}
commands | grep -v '^$' >"$dir/commands"

play() { # PROGRAM: one result file a command
    Q=$1; mkdir -p "$dir/$2" "$dir/$2.out"; cd "$dir/$2" || exit 1
    n=0
    while IFS= read -r line; do
        n=$((n + 1))
        case $line in
        s\ *) eval "${line#s }" >/dev/null 2>&1 ;;
        r\ *) { eval "timeout 30 ${line#r }" 2>&1 </dev/null; echo "status $?"; } |
            sed -e '/^disk size/d; /^Image end offset/d; /actual-size/d; /image-end-offset/d; s/2[0-9-]* [0-9:]* *00:00:00.000/DATE/' \
                -e 's/"date-n*sec": [0-9]*/DATE/; s/in [0-9.]* seconds/in T seconds/' -e 's/[0-9.]*% fragmented/F% fragmented/' >"$dir/$2.out/$n" ;;
        esac
    done <"$dir/commands"
    cd "$dir" || exit 1
}
play $PEER peer
play "$OURS" ours
total=0 n=0
while IFS= read -r line; do
    n=$((n + 1))
    case $line in r\ *) ;; *) continue ;; esac
    total=$((total + 1))
    if cmp -s "$dir/peer.out/$n" "$dir/ours.out/$n"; then
        echo "ok $total - ${line#r }"
    else
        echo "not ok $total - ${line#r }"
        diff "$dir/peer.out/$n" "$dir/ours.out/$n" | sed 's/^/# /'
    fi
done <"$dir/commands"
echo "1..$total"
