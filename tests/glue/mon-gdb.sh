#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine of the classic command line and a debugger: -gdb through the monitor's character back ends, gdb's "monitor" command, gdbserver while it runs.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
bin=$PWD/$BUILD/bin
if [ ! -x "$bin/emu-mon" ] || ! command -v gdb-multiarch >/dev/null || ! command -v tclsh >/dev/null; then
    echo "1..0 # SKIP emu-mon is not built, or no gdb-multiarch or Tcl here"
    exit 0
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/mon-gdb-XXXXXX")
pid=
trap '[ -n "$pid" ] && { kill $pid; wait $pid; } 2>/dev/null; rm -rf "$dir"' EXIT
gcc -c -o "$dir/gdb.o" tests/guest-sys/gdb.S && ld -n --no-warn-rwx-segments -Ttext 0x8000 -e reset -o "$dir/gdb.elf" "$dir/gdb.o" &&
    objcopy -O binary "$dir/gdb.elf" "$dir/gdb.bin" || { echo "1..0 # SKIP the kernel cannot be built"; exit 0; }
export XDG_RUNTIME_DIR=$dir
n=0 failed=0
ok() { # STATUS SENTENCE
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        sed 's/^/# /' "$dir/out" "$dir/log" | head -60
        failed=1
    fi
}
has() { tr '\n' '~' <"$dir/out" | grep -Eq -- "$2"; ok $? "$1"; }
debug() { # PLACE COMMAND...
    local args=() place=$1
    shift
    for c in "$@"; do args+=(-ex "$c"); done
    timeout 60 gdb-multiarch -q -nx -batch -ex 'set pagination off' -ex 'set confirm off' -ex 'set debuginfod enabled off' -ex 'set tcp connect-timeout 20' \
        -ex "file $dir/gdb.elf" -ex "target remote $place" "${args[@]}" >"$dir/out" 2>&1 </dev/null
}
mon() { timeout 60 "$bin/emu-mon" guest "$1" >"$dir/out" 2>&1 </dev/null; }
"$bin/qemu-system-x86_64" -name guest -M pc -bios "$dir/gdb.bin" -net none -display none -monitor none -serial none -parallel none -S \
    -gdb "unix:$dir/sock,server,nowait" </dev/null >"$dir/log" 2>&1 &
pid=$!
for _ in $(seq 400); do [ -S "$dir/sock" ] && [ -n "$(ls "$dir"/emu/*/cpu.ctl 2>/dev/null)" ] && break; sleep 0.05; done
debug "$dir/sock" 'break protected_start' continue 'p/x $cr0' 'monitor info status' 'monitor xp /1wx 0x8000' 'monitor nonsense' 'p *(int*)&want_loop = 1' detach
has "a breakpoint through the supervisor's socket" 'Breakpoint 1, 0x[0-9a-f]+ in protected_start'
has "the debugger's monitor command is the machine's" 'VM status: paused \(debug\)~'
has "with arguments" '0*8000: 0x[0-9a-f]{8}~'
has "and its complaints" "unknown command: 'nonsense'"
name=$(basename "$(ls -d "$dir"/emu/guest*)")
mon() { timeout 60 "$bin/emu-mon" "$name" "$1" >"$dir/out" 2>&1 </dev/null; }
mon 'info status'
has "a detached machine runs" 'VM status: running'
debug "$dir/sock" 'info symbol $pc' 'p *(long*)&forever_count > 0'
has "the next debugger stops it, and lets it run when it goes" 'forever|done|gate'
mon 'gdbserver none'
has "gdbserver none" 'Disabled gdbserver'
port=$((20000 + $$ % 20000))
mon "gdbserver tcp:127.0.0.1:$port"
has "gdbserver DEVICE says where" "Waiting for gdb connection on device 'tcp:127.0.0.1:$port'"
debug "127.0.0.1:$port" 'p *(long*)&forever_count > 0' 'monitor info version' 'break forever' continue 'p $pc == &forever' kill
has "TCP, at run time" '= 1~.*Breakpoint 1, '
for _ in $(seq 200); do kill -0 $pid 2>/dev/null || break; sleep 0.05; done
kill -0 $pid 2>/dev/null
[ $? = 1 ]
ok $? "kill ends the machine"
wait $pid
pid=
[ -z "$(ls "$dir/emu" 2>/dev/null)" ]
ok $? "nothing is left behind"
debug "| exec $bin/qemu-system-x86_64 -M pc -bios $dir/gdb.bin -net none -display none -monitor none -serial none -parallel none -S -gdb stdio 2>$dir/log" \
    'break real_count' continue 'monitor info status' kill
has "gdb starts the machine through a pipe" 'Breakpoint 1, 0x[0-9a-f]+ in real_count.*VM status: paused \(debug\)'
echo "1..$n"
exit $failed
