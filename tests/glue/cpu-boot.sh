#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A PC boots: the distribution's SeaBIOS finds its devices; the distribution's kernel comes to a shell with one and two processors, reads and
# writes a virtio disk, and switches the machine off with status 0; also when its time counts instructions.
BUILD=${BUILD:-build}
cpu=$BUILD/bin/emu-cpu guest=$BUILD/guest
dir=$(mktemp -d "${TMPDIR:-/tmp}/emutools-boot-XXXXXX")
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # STATUS SENTENCE
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}
has() { grep -qE "$1" "$2"; }

# ---- the firmware ----
truncate -s 1M "$dir/empty.img"
"$BUILD/bin/emu-nbd" -f raw -e 16 -t -k "$dir/hd.sock" "$dir/empty.img" &
server=$!
for _ in $(seq 100); do [ -S "$dir/hd.sock" ] && break; sleep 0.1; done
timeout 120 "$cpu" -M pc -m 64 -nographic -no-reboot -serial null -chardev "file,path=$dir/bios,id=log" \
    -device isa-debugcon,iobase=0x402,chardev=log -disk "id=hd0,nbd=unix:$dir/hd.sock,if=ide" -boot reboot-timeout=-1 >"$dir/out" 2>&1 &
pid=$!
for _ in $(seq 1000); do has 'Boot failed|not a bootable disk' "$dir/bios" 2>/dev/null && break; kill -0 $pid 2>/dev/null || break; sleep 0.1; done
kill $pid 2>/dev/null; wait $pid 2>/dev/null
has '^Running on QEMU \(i440fx\)' "$dir/bios"; check $? "SeaBIOS knows the board"
has 'PCI: init bdf=00:01\.3 id=8086:7113' "$dir/bios"; check $? "SeaBIOS finds the power management function"
has 'ACPI: parse DSDT' "$dir/bios"; check $? "SeaBIOS takes the ACPI tables"
has 'ata0-0: .*ATA' "$dir/bios"; check $? "SeaBIOS finds the IDE disk"
has 'Boot failed: not a bootable disk' "$dir/bios"; check $? "SeaBIOS reads the disk's first sector and says that it cannot be booted"
kill "$server"; wait "$server" 2>/dev/null; server=

# ---- the kernel ----
if ! bash share/demo-guest "$guest" >"$dir/fetch" 2>&1; then
    if [ -n "${OFFLINE-}" ]; then
        n=$((n + 1))
        echo "ok $n - the distribution's kernel boots # SKIP OFFLINE is set: $(tail -n 1 "$dir/fetch")"
    else
        check 1 "the distribution's kernel is fetched (OFFLINE=1 leaves out what needs it)"
        sed 's/^/# /' "$dir/fetch"
    fi
    echo "1..$n"; exit $failed
fi
boot() { # NAME SENTINEL-COMMANDS OPTIONS...: runs the commands in the guest's shell; its console goes to $dir/NAME
    local name=$1 commands=$2 pid
    shift 2
    mkfifo "$dir/$name.in"
    timeout 240 "$cpu" -M pc -m 192 -nographic -no-reboot -serial stdio -kernel "$guest/vmlinuz" -initrd "$guest/initrd.gz" \
        -append "console=ttyS0 panic=-1" "$@" <"$dir/$name.in" >"$dir/$name" 2>"$dir/$name.err" &
    pid=$!
    exec 3>"$dir/$name.in"
    for _ in $(seq 2400); do has 'Shell after' "$dir/$name" && break; kill -0 $pid 2>/dev/null || break; sleep 0.1; done
    sleep 1
    printf '%s\n' "$commands" 'poweroff -f' >&3
    wait $pid
    status=$?
    exec 3>&-
    tr -d '\r' <"$dir/$name" >"$dir/$name.txt"
}
"$BUILD/bin/emu-img" create -q -f qcow2 "$dir/disk.qcow2" 16M
"$BUILD/bin/emu-nbd" -f qcow2 -e 16 -t -k "$dir/disk.sock" "$dir/disk.qcow2" &
server=$!
for _ in $(seq 100); do [ -S "$dir/disk.sock" ] && break; sleep 0.1; done
boot one 'echo cpus $(grep -c ^processor /proc/cpuinfo); tr "\0" e </dev/zero | head -c 6553600 >/dev/vda; sync; echo 3 >/proc/sys/vm/drop_caches; md5sum /dev/vda' \
    -disk "id=hd0,nbd=unix:$dir/disk.sock,if=virtio"
check "$status" "one processor: power-off ends the machine with status 0"
has '^cpus 1$' "$dir/one.txt"; check $? "one processor: the kernel counts one"
want=$({ tr '\0' e </dev/zero | head -c 6553600; head -c $((16777216 - 6553600)) /dev/zero; } | md5sum | cut -d' ' -f1)
has "^$want  /dev/vda" "$dir/one.txt"; check $? "one processor: the disk reads back what was written"
kill "$server"; wait "$server" 2>/dev/null; server=
[ "$("$BUILD/bin/emu-img" convert -f qcow2 -O raw "$dir/disk.qcow2" "$dir/disk.raw" && md5sum <"$dir/disk.raw" | cut -d' ' -f1)" = "$want" ]
check $? "one processor: the image holds it after the power-off"
boot two 'echo cpus $(grep -c ^processor /proc/cpuinfo); for i in 1 2 3 4; do (dd if=/dev/zero bs=64k count=50 2>/dev/null | md5sum) & done; wait' -smp 2
check "$status" "two processors: power-off ends the machine with status 0"
has '^cpus 2$' "$dir/two.txt"; check $? "two processors: the kernel counts two"
[ "$(grep -c "^$(head -c 3276800 /dev/zero | md5sum | cut -d' ' -f1)" "$dir/two.txt")" = 4 ]; check $? "two processors: four digests at once are right"
boot counted 'sleep 2; echo up $(cut -d. -f1 /proc/uptime); head -c 3276800 /dev/zero | md5sum' -icount shift=auto
check "$status" "-icount shift=auto: power-off ends the machine with status 0"
has '^up [0-9]+$' "$dir/counted.txt" && has "^$(head -c 3276800 /dev/zero | md5sum | cut -d' ' -f1)" "$dir/counted.txt"
check $? "-icount shift=auto: the kernel's time goes on, and a digest is right"
echo "1..$n"
[ $failed = 0 ] || for f in one two counted; do sed "s/^/# $f: /" "$dir/$f.err"; tail -n 5 "$dir/$f.txt" | sed "s/^/# $f: /"; done
exit $failed
