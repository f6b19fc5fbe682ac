#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine boots from a disk that was asked for in every way the classic command line has: its boot sector ends it with status 7.
BUILD=${BUILD:-build}
qemu=$BUILD/bin/qemu-system-x86_64 img=$BUILD/bin/emu-img
dir=$(mktemp -d "${TMPDIR:-/tmp}/emutools-disks-XXXXXX")
export XDG_RUNTIME_DIR=$dir/run
mkdir -m 700 "$dir/run"
trap 'rm -rf "$dir"' EXIT
n=0 failed=0
# out 0x501, 3: the device isa-debug-exit ends the machine with 3 << 1 | 1.
{ printf '\xba\x01\x05\xb0\x03\xee\xf4'; head -c 503 /dev/zero; printf '\x55\xaa'; head -c $((1474560 - 512)) /dev/zero; } >"$dir/exit.img"
printf hunter2 >"$dir/secret"
"$img" convert -f raw -O qcow2 "$dir/exit.img" "$dir/exit.qcow2"
"$img" create -q -f qcow2 -b "$dir/exit.img" -F raw "$dir/over.qcow2"
"$img" convert --object "secret,id=s,file=$dir/secret" -O luks -o key-secret=s,iter-time=10 -f raw "$dir/exit.img" "$dir/exit.luks"
boots() { # OPTIONS...
    timeout 60 "$qemu" -display none -nic none -device isa-debug-exit,iobase=0x501 -boot c "$@" </dev/null >"$dir/out" 2>"$dir/err"
    local status=$?
    n=$((n + 1))
    if [ $status = 7 ]; then echo "ok $n - ${*//$dir/DIR}"; return; fi
    echo "not ok $n - ${*//$dir/DIR}"; failed=1
    echo "# status $status"; sed 's/^/# /' "$dir/err"
}
q=$dir/exit.qcow2
boots "$q"
boots -hda "$dir/exit.img"
boots -snapshot "$dir/exit.img"
boots -drive "file=$q,if=virtio"
boots -drive "file=$q,if=ide,index=0,media=disk"
for mode in none writeback writethrough directsync unsafe; do boots -drive "file=$q,cache=$mode"; done
boots -drive "file=$q,cache=none,aio=native"
boots -drive "file=$q,discard=unmap,detect-zeroes=unmap"
boots -drive "file=$dir/over.qcow2,copy-on-read=on"
boots -drive "file=$q,bps=1000000,iops=100,bps_max=2000000"
boots -drive "file=$q,snapshot=on"
boots -drive "file=$q,readonly=on,if=virtio"
boots -drive "file=$q,werror=stop,rerror=stop,serial=abc"
boots -drive "file=$q,lazy-refcounts=on,format=qcow2"
boots -drive "driver=qcow2,file.driver=file,file.filename=$q"
boots -drive "file=json:{\"driver\":\"qcow2\",,\"file\":{\"driver\":\"file\",,\"filename\":\"$q\"}}"
boots -blockdev "driver=file,node-name=f,filename=$q" -blockdev driver=qcow2,node-name=n,file=f -device virtio-blk,drive=n
boots -blockdev "driver=qcow2,node-name=n,file.driver=file,file.filename=$q" -device ide-hd,drive=n,serial=x
boots -blockdev "{'driver':'qcow2','node-name':'n','read-only':true,'file':{'driver':'file','filename':'$q'}}" -device virtio-blk,drive=n
boots -blockdev "driver=throttle,node-name=t,limits.iops-total=100,file.driver=qcow2,file.file.driver=file,file.file.filename=$q" -device virtio-blk,drive=t
boots -drive "if=none,id=d,file=$q" -device virtio-scsi-pci -device scsi-hd,drive=d
boots -object "secret,id=s,file=$dir/secret" -drive "file=$dir/exit.luks,format=luks,key-secret=s"
boots -object "secret,id=s,file=$dir/secret" -blockdev "driver=luks,node-name=n,key-secret=s,file.driver=file,file.filename=$dir/exit.luks" -device ide-hd,drive=n
boots -boot a -fda "$dir/exit.img"
exec 6<>"$dir/exit.img"
boots -add-fd fd=6,set=1 -drive file=/dev/fdset/1,format=raw
exec 6>&-
printf '[drive "d"]\n  file = "%s"\n  if = "virtio"\n' "$q" >"$dir/config"
boots -readconfig "$dir/config"
boots -drive "file=$dir/over.qcow2,id=d" -set "drive.d.file=$q"
"$BUILD/bin/emu-nbd" -t -e 4 -k "$dir/nbd" "$q" &
server=$!
for _ in $(seq 100); do [ -S "$dir/nbd" ] && break; sleep 0.1; done
boots -drive "file=nbd:unix:$dir/nbd"
boots -hda "nbd+unix:///?socket=$dir/nbd"
kill $server; wait $server 2>/dev/null
find "$dir/run" -mindepth 2 | grep . >"$dir/left"
n=$((n + 1))
if [ -s "$dir/left" ]; then echo "not ok $n - nothing is left in the run directory"; failed=1; sed 's/^/# /' "$dir/left"; else echo "ok $n - nothing is left in the run directory"; fi
echo "1..$n"
exit $failed
