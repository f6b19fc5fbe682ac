#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Disks of an iSCSI target (tgtd on the loopback): read, written, zeroed, discarded, flushed; CHAP, digests, names; what hangs or goes away.
BUILD=${BUILD:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
img=$top/$BUILD/bin/qemu-img
PATH=$PATH:/usr/sbin
command -v tgtd >/dev/null || { echo "1..0 # SKIP no tgtd here"; exit 0; }
"$img" info iscsi://127.0.0.1:1/x/1 2>&1 | grep -q 'not built in' && { echo "1..0 # SKIP libiscsi is not built in"; exit 0; }
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP tgtd wants root"; exit 0; }
dir=$(mktemp -d /tmp/img-iscsi-XXXXXX)
cd "$dir" || exit 1
pids=()
trap 'kill -CONT "${pids[@]}" 2>/dev/null; kill -KILL "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # TEXT COMMAND...
    local text=$1; shift; n=$((n + 1))
    if out=$(timeout 60 "$@" 2>&1); then echo "ok $n - $text"; else echo "not ok $n - $text"; printf '%s\n' "$out" | head -n 8 | sed 's/^/# /'; failed=1; fi
}
fails() { # TEXT PATTERN COMMAND...: ends with an error that names the thing, within 30 s
    local text=$1 pattern=$2 status; shift 2; n=$((n + 1))
    out=$(timeout 30 "$@" 2>&1 </dev/null); status=$?
    if [ $status -gt 0 ] && [ $status -lt 124 ] && grep -qE -- "$pattern" <<<"$out"; then echo "ok $n - $text"
    else echo "not ok $n - $text"; echo "# status $status"; printf '%s\n' "$out" | head -n 8 | sed 's/^/# /'; failed=1; fi
}
finish() { echo "1..$n"; exit $failed; }
mkdir -p /var/run/tgtd
adm() { tgtadm -C $control --lld iscsi "$@"; }
daemon() { # starts a target daemon with the disk as LUN 1; sets port, control and pid
    for _ in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 20000)) control=$((1000 + RANDOM % 30000))
        tgtd -f -C $control --iscsi portal=127.0.0.1:$port >tgtd.log 2>&1 & pid=$!; pids+=($pid)
        for _ in $(seq 100); do adm --op show --mode sys >/dev/null 2>&1 && break 2; kill -0 $pid 2>/dev/null || break; sleep 0.05; done
    done
    adm --op new --mode target --tid 1 -T $iqn && adm --op new --mode logicalunit --tid 1 --lun 1 -b "$dir/disk.img" &&
        adm --op update --mode logicalunit --tid 1 --lun 1 --params thin_provisioning=1 && adm --op bind --mode target --tid 1 -I ALL
}
iqn=iqn.2026-11.net.example:disk
truncate -s 64M disk.img; truncate -s 16M other.img
daemon || { echo "1..0 # SKIP tgtd does not start: $(tail -n 1 tgtd.log)"; exit 0; }
adm --op new --mode target --tid 2 -T $iqn.chap && adm --op new --mode logicalunit --tid 2 --lun 1 -b "$dir/other.img" &&
    adm --op new --mode account --user joe --password 'long secret 12' && adm --op bind --mode account --tid 2 --user joe && adm --op bind --mode target --tid 2 -I ALL
adm --op new --mode target --tid 3 -T $iqn.digest && adm --op new --mode logicalunit --tid 3 --lun 1 -b "$dir/other.img" && adm --op bind --mode target --tid 3 -I ALL
adm --op update --mode target --tid 3 --name HeaderDigest --value CRC32C
adm --op new --mode target --tid 4 -T $iqn.named && adm --op new --mode logicalunit --tid 4 --lun 3 -b "$dir/other.img" &&
    adm --op bind --mode target --tid 4 -Q iqn.2026-11.net.example:me
url=iscsi://127.0.0.1:$port/$iqn
node() { echo "driver=raw,file.driver=iscsi,file.portal=127.0.0.1:$port,file.target=$1,file.lun=${2:-1}${3:+,$3}"; }

check "info tells the size" sh -c "'$img' info --output=json $url/1 | grep -q '\"virtual-size\": 67108864'"
head -c 5000000 /dev/urandom >a.raw; truncate -s 33M a.raw; printf 'tail' >>a.raw; truncate -s 64M a.raw
check "converted onto it" sh -c "'$img' convert -n -f raw -O raw a.raw $url/1 && cmp a.raw disk.img"
check "and back" sh -c "'$img' convert -f raw -O raw $url/1 out && cmp out a.raw"
check "compared with the peer's reader" sh -c "/usr/bin/qemu-img compare -f raw -F raw $url/1 a.raw || ! ls /usr/lib/*/qemu/block-iscsi.so"
check "a format on it" sh -c "'$img' create -q -f qcow2 $url/1 100M && '$img' check -q -f qcow2 $url/1 && '$img' bench -q -w -c 200 -s 12345 -S 54321 -f qcow2 $url/1 && '$img' check -q -f qcow2 $url/1 && /usr/bin/qemu-img check -q -f qcow2 disk.img"
check "two clusters of it are as the peer sees them" "$img" compare -f qcow2 -F qcow2 "$url/1" disk.img
head -c 64M /dev/urandom >full.raw
check "filled" sh -c "'$img' convert -n -f raw -O raw full.raw $url/1 && cmp full.raw disk.img"
check "zeros are written by WRITE SAME and give space back" sh -c "truncate -s 64M zero.raw && '$img' convert -n -f raw -O raw -t none zero.raw $url/1 && cmp zero.raw disk.img"
check "(of the target's file)" test "$(stat -c %b disk.img)" -lt 20000
check "json:{} with every option" "$img" info --object 'secret,id=p,data=long secret 12' "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"iscsi\",\"transport\":\"tcp\",\"portal\":\"127.0.0.1:$port\",\"target\":\"$iqn.chap\",\"lun\":1,\"user\":\"joe\",\"password-secret\":\"p\",\"initiator-name\":\"iqn.2026-11.net.example:me\",\"header-digest\":\"none-crc32c\",\"timeout\":5}}"
check "CHAP by the URL" "$img" info "iscsi://joe%long%20secret%2012@127.0.0.1:$port/$iqn.chap/1"
check "CHAP by the environment" env LIBISCSI_CHAP_USERNAME=joe LIBISCSI_CHAP_PASSWORD='long secret 12' "$img" info "$url.chap/1"
check "CHAP by --object iscsi for all targets" "$img" info --object 'iscsi,user=joe,password=long secret 12' "$url.chap/1"
check "CHAP by --object iscsi for one target" "$img" info --object "iscsi,id=$iqn.other,user=no,password=no" --object "iscsi,id=$iqn.chap,user=joe,password=long secret 12" "$url.chap/1"
fails "CHAP with a wrong password" 'cannot log in.*uthentic' "$img" info "iscsi://joe%wrong@127.0.0.1:$port/$iqn.chap/1"
fails "CHAP without a password" "needs a password for user 'joe'" "$img" info "iscsi://joe@127.0.0.1:$port/$iqn.chap/1"
fails "no CHAP where it is asked for" 'cannot log in' "$img" info "$url.chap/1"
check "a target that wants header digests" sh -c "'$img' convert -f raw -O raw --image-opts '$(node $iqn.digest 1 file.header-digest=CRC32C)' out 2>/dev/null || '$img' convert -O raw --image-opts '$(node $iqn.digest 1 file.header-digest=CRC32C)' out && cmp out other.img"
fails "a digest of an unknown kind" 'accepted are: CRC32C' "$img" info --image-opts "$(node $iqn 1 file.header-digest=md5)"
check "an initiator that the target knows by name" "$img" info --image-opts "$(node $iqn.named 3 file.initiator-name=iqn.2026-11.net.example:me)"
check "the initiator's name by --object iscsi" "$img" info --object iscsi,initiator-name=iqn.2026-11.net.example:me "$url.named/3"
fails "an initiator that it does not know" 'cannot log in' "$img" info "$url.named/3"
fails "a LUN that is not there, with those that are" 'has the LUNs 0, 1' "$img" info "$url/7"
fails "the target's controller is no disk" 'no disk and no CD-ROM' "$img" info "$url/0"
fails "a target that is not there" 'cannot log in.*not found' "$img" info "$url.none/1"
fails "a port where nobody listens" 'cannot connect' "$img" info "iscsi://127.0.0.1:1/$iqn/1"
fails "a LUN that is no number" 'is no number' "$img" info "$url/x"
fails "a URL without a LUN" 'not complete' "$img" info "$url"
fails "no portal" 'requires a portal' "$img" info --image-opts driver=iscsi,target=x
fails "no target" 'requires a target' "$img" info --image-opts driver=iscsi,portal=x
fails "another transport" "Invalid parameter 'iser'" "$img" info --image-opts "driver=iscsi,transport=iser,portal=x,target=y"
fails "a timeout that is no number" 'timeout=x' "$img" info --object iscsi,timeout=x "$url/1"
fails "a parameter that --object iscsi does not have" "'colour' is not accepted" "$img" info --object iscsi,colour=red "$url/1"
fails "a larger size" 'larger' "$img" resize -f raw "$url/1" 1G
fails "a file larger than the disk" 'smaller' sh -c "truncate -s 65M big.raw; '$img' convert -n -f raw -O raw big.raw $url/1"

# A target that stops in the middle, and one that goes away
truncate -s 2G disk.img
kill -KILL $pid; wait $pid 2>/dev/null
daemon
url=iscsi://127.0.0.1:$port/$iqn
interrupted() { # TEXT SIGNAL
    timeout 40 "$img" bench -q -c 2000000 -d 1 -s 4096 --image-opts "$(node $iqn 1 file.timeout=2)" >out.txt 2>&1 & local client=$! status
    sleep 1; kill -$2 $pid; local began=$SECONDS
    wait $client; status=$?; n=$((n + 1))
    if [ $status -gt 0 ] && [ $status -lt 124 ] && [ $((SECONDS - began)) -lt 20 ] && [ -s out.txt ]; then echo "ok $n - $1"
    else echo "not ok $n - $1"; echo "# status $status after $((SECONDS - began)) s"; sed 's/^/# /' out.txt; failed=1; fi
}
interrupted "a target that stops answering" STOP
fails "and one that never began" 'timeout|cannot' "$img" info --image-opts "$(node $iqn 1 file.timeout=2)"
kill -CONT $pid
interrupted "a target that goes away" KILL
finish
