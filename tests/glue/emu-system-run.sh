#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The classic command line makes whole machines: a kernel with a qcow2 disk, firmware with monitors, in the background and from a printed
# script; exit statuses are the machine's, messages bear the name that was called, and nothing is left behind.
BUILD=${BUILD:-build}
qemu=$BUILD/bin/qemu-system-x86_64 guest=$BUILD/guest
dir=$(mktemp -d "${TMPDIR:-/tmp}/emutools-system-XXXXXX")
export XDG_RUNTIME_DIR=$dir/run
mkdir -m 700 "$dir/run"
trap 'for p in $(jobs -p); do kill "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # STATUS SENTENCE [FILE...]: the files are shown when it is wrong
    n=$((n + 1))
    local status=$1 sentence=$2
    if [ "$status" = 0 ]; then echo "ok $n - $sentence"; return; fi
    echo "not ok $n - $sentence"; failed=1
    shift 2
    for f in "$@"; do sed "s/^/# ${f##*/}: /" "$f" 2>/dev/null | tail -n 20; done
}
has() { grep -qaE "$1" "$2"; }
until_has() { # SECONDS PATTERN FILE PID
    for _ in $(seq $(($1 * 10))); do has "$2" "$3" 2>/dev/null && return 0; kill -0 "$4" 2>/dev/null || break; sleep 0.1; done
    has "$2" "$3" 2>/dev/null
}
# What parts still run for this test: they have its run directory in their arguments, or are children that name it.
left() { pgrep -f "$dir/run/" || find "$dir/run" -mindepth 2 | grep .; }
gone() { for _ in $(seq 50); do left >/dev/null || return 0; sleep 0.1; done; return 1; }

# ---- a boot sector that ends the machine with a status of its own: out 0x501, 3 ----
{ printf '\xba\x01\x05\xb0\x03\xee\xf4'; head -c 503 /dev/zero; printf '\x55\xaa'; head -c $((1474560 - 512)) /dev/zero; } >"$dir/exit.img"
timeout 60 "$qemu" -display none -nic none -device isa-debug-exit,iobase=0x501 -boot a -drive "file=$dir/exit.img,format=raw,if=floppy" \
    </dev/null >"$dir/out" 2>"$dir/err"
[ $? = 7 ]; check $? "the guest's exit status is the wrapper's" "$dir/err"
gone; check $? "nothing is left behind"
timeout 60 "$qemu" -display none -nic none -device isa-debug-exit,iobase=0x501 -boot a -print \
    -drive "file=$dir/exit.img,format=raw,if=floppy" >"$dir/script" && timeout 60 sh "$dir/script" </dev/null >"$dir/out" 2>"$dir/err"
[ $? = 7 ]; check $? "-print gives a script that runs as it stands" "$dir/err" "$dir/script"
exec 5<>"$dir/exit.img"
timeout 60 "$qemu" -display none -nic none -device isa-debug-exit,iobase=0x501 -boot a -add-fd fd=5,set=2 \
    -drive file=/dev/fdset/2,format=raw,if=floppy </dev/null >"$dir/out" 2>"$dir/err"
[ $? = 7 ]; check $? "-add-fd: a disk comes as a descriptor" "$dir/err"
exec 5>&-

# ---- messages ----
says() { # SENTENCE LINE OPTIONS...: status 1 and this line
    local sentence=$1 line=$2
    shift 2
    timeout 60 "$qemu" -display none -nic none "$@" </dev/null >"$dir/out" 2>"$dir/err"
    [ $? = 1 ] && grep -qxF -- "qemu-system-x86_64: $line" "$dir/err"
    check $? "$sentence" "$dir/err"
}
says "an unknown machine is emu-cpu's to refuse" "unsupported machine type: 'foo'" -M foo
head -c 65536 /dev/urandom >"$dir/random"
says "an image that is none is emu-nbd's to refuse" "Failed to open '$dir/random': Image is not in qcow2 format" -drive "file=$dir/random,format=qcow2"
says "a serial device that is none is emu-mon's to refuse" "-serial foo: 'foo' is not a valid char driver" -serial foo
gone; check $? "failed starts leave nothing behind"

# ---- networks ----
network() { # SENTENCE OPTIONS...: the machine starts with them and ends by itself
    local sentence=$1
    shift
    timeout 60 "$qemu" -display none -device isa-debug-exit,iobase=0x501 -boot a -drive "file=$dir/exit.img,format=raw,if=floppy" "$@" \
        </dev/null >"$dir/out" 2>"$dir/err"
    [ $? = 7 ]; check $? "$sentence" "$dir/err"
}
network "the default network: an e1000 card on user networking"
network "-nic user,model=virtio with a forwarded port" -nic user,model=virtio,hostfwd=tcp:127.0.0.1:0-:22
network "-net nic -net user, a socket and a capture" -net nic,model=virtio -net user -netdev socket,id=s,listen=127.0.0.1:0 -device e1000,netdev=s \
    -object "filter-dump,id=d,netdev=s,file=$dir/pcap"
[ -s "$dir/pcap" ]; check $? "the capture has its header"
network "a hub with two cards and a back end" -netdev user,id=u -netdev hubport,id=h0,hubid=3,netdev=u -netdev hubport,id=h1,hubid=3 \
    -netdev hubport,id=h2,hubid=3 -device e1000,netdev=h1 -device virtio-net,netdev=h2
gone; check $? "networks leave nothing behind"
if [ "$(id -u)" = 0 ]; then
    mkdir "$dir/jail"
    network "-runas and -chroot: what was opened before stays usable" -runas nobody -chroot "$dir/jail" -nic user
else
    n=$((n + 1)); echo "ok $n - -runas and -chroot # SKIP they need root"
fi

# ---- monitors ----
printf 'info status\nquit\n' | timeout 60 "$qemu" -display none -nic none -monitor stdio -S >"$dir/out" 2>"$dir/err"
[ $? = 0 ] && has 'VM status: paused' "$dir/out"; check $? "-monitor stdio: info status, quit" "$dir/out" "$dir/err"
printf '%s' '{"execute":"qmp_capabilities"}{"execute":"query-status"}{"execute":"quit"}' |
    timeout 60 "$qemu" -display none -nic none -qmp stdio -S >"$dir/out" 2>"$dir/err"
[ $? = 0 ] && has '"status": *"prelaunch"|"running": *false' "$dir/out"; check $? "-qmp stdio: query-status, quit" "$dir/out" "$dir/err"
{ sleep 1; printf 'change ide1-cd0 %s\ninfo block\neject ide1-cd0\n' "$dir/exit.img"; sleep 1; printf 'info block\nquit\n'; } |
    timeout 60 "$qemu" -display none -nic none -monitor stdio -S >"$dir/out" 2>"$dir/err"
[ $? = 0 ] && has 'ide1-cd0 .*exit.img' "$dir/out" && [ "$(grep -a '^ide1-cd0' "$dir/out" | tail -n 1 | tr -d '\r')" = "ide1-cd0: [not inserted]" ]
check $? "the monitor puts a medium into the default CD-ROM drive and takes it out" "$dir/out" "$dir/err"
{ sleep 2; printf '\001c'; sleep 0.5; printf 'info status\nquit\n'; sleep 5; } | timeout 60 "$qemu" -nic none -nographic -S >"$dir/out" 2>"$dir/err"
[ $? = 0 ] && has 'VM status: paused' "$dir/out"; check $? "-nographic: Ctrl-a c goes to the monitor" "$dir/out" "$dir/err"

timeout -k 5 60 "$qemu" -display none -nic none -serial "file:$dir/serial" </dev/null >"$dir/out" 2>"$dir/err" &
pid=$!
for _ in $(seq 100); do ls "$dir"/run/emu/*/cpu.ctl >/dev/null 2>&1 && break; sleep 0.1; done
sleep 0.5; kill $pid; wait $pid
check $? "SIGTERM ends a machine with status 0" "$dir/err"
gone; check $? "nothing is left behind"

for delay in 0.05 0.15 0.3 0.6 1.2; do # kill -9 of the whole process group, while the wrapper maps, the parts start, and when they run
    timeout -s KILL $delay "$qemu" -display none -S -serial null </dev/null >"$dir/out" 2>"$dir/err"
done 2>/dev/null
gone; check $? "kill -9 of the process group leaves nothing behind, at any stage" <(left)

# ---- in the background ----
timeout 60 "$qemu" -name back -display none -nic none -daemonize -pidfile "$dir/pid" -serial "file:$dir/serial" -S >"$dir/out" 2>"$dir/err"
check $? "-daemonize returns" "$dir/err"
kill -0 "$(cat "$dir/pid")" 2>/dev/null; check $? "-pidfile: the machine runs"
timeout 20 "$BUILD/bin/emu-mon" back 'info status' >"$dir/out" 2>"$dir/err"
has 'VM status: paused' "$dir/out"; check $? "emu-mon attaches to it" "$dir/out" "$dir/err"
timeout 60 "$qemu" -name back -display none -nic none -daemonize -pidfile "$dir/pid2" -S >"$dir/out" 2>"$dir/err"
check $? "a second machine of the name gets the pid added to its own" "$dir/err"
[ -d "$dir/run/emu/back-$(cat "$dir/pid2")" ]; check $? "and a run directory beside the first"
kill "$(cat "$dir/pid2")"
timeout 20 "$BUILD/bin/emu-mon" back quit >"$dir/out" 2>"$dir/err"
gone; check $? "both end without a trace" <(left)
[ ! -e "$dir/pid" ]; check $? "the pid file is gone too"

# ---- a whole machine ----
if ! bash share/demo-guest "$guest" >"$dir/fetch" 2>&1; then
    echo "ok $((n + 1)) - the distribution's kernel boots # SKIP $(tail -n 1 "$dir/fetch")"
    echo "1..$((n + 1))"; exit $failed
fi
"$BUILD/bin/emu-img" create -q -f qcow2 "$dir/disk.qcow2" 16M
mkfifo "$dir/in"
timeout 240 "$qemu" -nographic -no-reboot -m 192 -nic none -kernel "$guest/vmlinuz" -initrd "$guest/initrd.gz" -append "console=ttyS0 panic=-1" \
    -drive "file=$dir/disk.qcow2,if=virtio" <"$dir/in" >"$dir/console" 2>"$dir/err" &
pid=$!
exec 3>"$dir/in"
until_has 200 'Shell after' "$dir/console" $pid; check $? "a kernel with a qcow2 disk comes to its shell" "$dir/console" "$dir/err"
sleep 1
printf '%s\n' 'echo written by the guest >/dev/vda; sync; echo on $(grep -c vda /proc/partitions) disk' >&3
until_has 30 '^on 1 disk' "$dir/console" $pid; check $? "it sees the disk" "$dir/console" "$dir/err"
printf '\001c' >&3; sleep 0.5; printf 'info status\n' >&3
until_has 20 'VM status: running' "$dir/console" $pid; check $? "Ctrl-a c: the monitor answers" "$dir/console" "$dir/err"
printf '\001c' >&3; sleep 0.5; printf '\npoweroff -f\n' >&3
wait $pid
check $? "power-off ends the machine with status 0" "$dir/err"
exec 3>&-
"$BUILD/bin/emu-img" dd -f qcow2 -O raw bs=512 count=1 if="$dir/disk.qcow2" of="$dir/sector" >/dev/null 2>&1
has '^written by the guest' "$dir/sector"; check $? "the image holds what the guest wrote"
gone; check $? "nothing is left behind"
echo "1..$n"
exit $failed
