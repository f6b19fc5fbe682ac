#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# gdb debugs a machine from the reset vector through real, protected and long mode to user mode: breakpoints, watchpoints, registers, steps with each mask, the guest's
# own debug registers, several processors; the packets themselves; and the session reads as with the classic emulator where that one is here.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
emu=$PWD/$BUILD/bin/emu-cpu peer=/usr/bin/qemu-system-x86_64
if [ ! -x "$emu" ] || ! command -v gdb-multiarch >/dev/null; then
    echo "1..0 # SKIP emu-cpu is not built, or no gdb-multiarch here"
    exit 0
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/cpu-gdb-XXXXXX")
pid=
trap '[ -n "$pid" ] && kill -9 $pid 2>/dev/null; rm -rf "$dir"' EXIT
gcc -c -o "$dir/gdb.o" tests/guest-sys/gdb.S && ld -n --no-warn-rwx-segments -Ttext 0x8000 -e reset -o "$dir/gdb.elf" "$dir/gdb.o" &&
    objcopy -O binary "$dir/gdb.elf" "$dir/gdb.bin" || { echo "1..0 # SKIP the kernel cannot be built"; exit 0; }
n=0 failed=0
ok() { # STATUS SENTENCE
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        failed=1
    fi
}
has() { # SENTENCE PATTERN...: the patterns follow each other in the transcript
    local sentence=$1 text pattern
    shift
    text=$(tr '\n' '~' <"$dir/out")
    pattern=$(printf '%s.*' "$@")
    grep -Eq -- "$pattern" <<<"$text"
    ok $? "$label: $sentence"
    [ $failed = 1 ] && [ -z "$shown" ] && { shown=1; sed 's/^/# /' "$dir/out" | head -120; sed 's/^/# emulator: /' "$dir/log" | head; }
}
label=
shown=

start() { # PROGRAM ARGUMENT...
    rm -f "$dir/sock"
    "$@" </dev/null >"$dir/log" 2>&1 &
    pid=$!
    for _ in $(seq 200); do [ -S "$dir/sock" ] && break; sleep 0.05; done
}
end() { # WANTED STATUS, SENTENCE
    local status
    for _ in $(seq 200); do kill -0 $pid 2>/dev/null || break; sleep 0.05; done
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    status=$?
    pid=
    [ $# -eq 0 ] || { [ $status = "$1" ]; ok $? "$label: $2"; }
}
debug() { # the script on standard input
    local line args=()
    # Not a script, which would end at its first error.
    while IFS= read -r line; do args+=(-ex "$line"); done
    timeout 120 gdb-multiarch -q -nx -batch -ex 'set pagination off' -ex 'set confirm off' -ex 'set debuginfod enabled off' -ex 'set width 0' \
        -ex "file $dir/gdb.elf" -ex "target remote $dir/sock" "${args[@]}" >"$dir/out" 2>&1 </dev/null
}
ours() { start "$emu" -M pc -bios "$dir/gdb.bin" -nographic -device isa-debug-exit,iobase=0xf4,iosize=4 -S -gdb "unix:$dir/sock" "$@"; }

# ---- the same session everywhere -------------------------------------------------------------------------------------------------------------
session() {
    debug <<'END'
info registers rip cs eflags cr0 rdx
stepi
info registers rip cs
break real_count
continue
p *(int*)&counter
delete
break protected_start
continue
info registers cs cr0
break watched_writes
continue
delete
p/x *(int*)&variable = 0x7777
watch *(int*)&variable
continue
continue
delete
awatch *(int*)&buffer
continue
delete
rwatch *(int*)&variable
continue
continue
delete
break own_end
continue
p $eax
delete
break floats_done
continue
printf "x87: %g %g\n", $st0, $st1
p $xmm1.v4_float[0]
p $mxcsr
set $xmm2.v4_int32[1] = 0x12345678
p/x $xmm2.v4_int32[1]
set $st2 = 2.5
printf "x87: %g %x\n", $st2, $fctrl
delete
hbreak *0x400000
continue
p $cr3
x/i $pc
continue
p $cr3
x/i $pc
delete
break long_start
continue
info registers cs efer cr0 cr4
stepi
p/x $rax
set $r14 = 0x123456789abcdef0
p/x $r14
delete
tbreak *(0xffff800000000000 + (long)&high_half)
continue
x/gx $rip
p/x *(long*)0xffffffff00000000
break user_count
continue
info registers cs ss rsp
p *(long*)&user_total
ignore 12 2
continue
p *(long*)&user_total
delete
tbreak user_back
continue
x/2i $pc
jump done
END
}
# What both are to say: without names of their own, and without the x87's registers, which the classic shows by their physical numbers.
plain() {
    sed 's/IOPL=0//' "$1" | grep -v -e '^warning:' -e '^rdx ' -e '^Remote connection closed' -e 'exited' -e '^x87:' | sed -E 's/ +/ /g; s/^(Cannot access memory).*/\1/'
}

if [ -x $peer ]; then
    start $peer -accel tcg -cpu max -M pc -bios "$dir/gdb.bin" -display none -net none -device isa-debug-exit,iobase=0xf4,iosize=4 -S -gdb "unix:$dir/sock,server=on,wait=off"
    session
    end
    plain "$dir/out" >"$dir/peer"
fi
for how in tcg interp; do
    label=$how shown=
    ours -cpu max -accel $how
    session
    has "it begins at the reset vector" 'rip +0xfff0 ' 'cs +0xf000 ' 'eflags +0x2 ' 'cr0 +0x60000010 '
    has "a step goes over the far jump" 'rip +0xff00 '
    has "a breakpoint in real mode" 'Breakpoint 1, 0x[0-9a-f]+ in real_count' '\$1 = 0'
    has "one in protected mode" 'in protected_start' 'cr0 +0x60000011 '
    has "a watchpoint has the old and the new value" 'Hardware watchpoint 4' 'Old value = 30583' 'New value = 1~' 'Old value = 1~' 'New value = 6~'
    has "access watchpoints, in the middle of a string instruction" 'Hardware access \(read/write\) watchpoint 5' 'New value = 97~'
    has "read watchpoints" 'Hardware read watchpoint 6' 'in watched_reads' 'in watched_reads'
    has "the guest's own breakpoint and watchpoint worked meanwhile" 'in own_end' '= 2~'
    has "x87 and SSE registers, written and read back" 'x87: 1 3\.14159' '= 1~' '= \[ IM DM ZM OM UM PM \]' '= 0x12345678' 'x87: 2\.5 37f'
    has "a breakpoint by address, whatever page is there" 'Breakpoint [0-9]+, 0x0*400000' 'mov +\$0x1,%eax' 'Breakpoint [0-9]+, 0x0*400000' 'mov +\$0x2,%eax'
    has "long mode" 'in long_start' 'efer +0x500 ' '= 0x1122334455667788' '= 0x123456789abcdef0'
    has "the upper half" '0xffff80000000[0-9a-f]+'
    has "memory that is not there" 'Cannot access memory at address 0xffffffff00000000'
    has "user mode" 'in user_count' 'cs +0x3b ' 'ss +0x43 '
    has "an ignored breakpoint counts" '= 0~' '= 3~'
    end 1 "the machine ends as the guest wants"
    if [ -s "$dir/peer" ]; then
        plain "$dir/out" >"$dir/mine"
        diff "$dir/peer" "$dir/mine" >"$dir/diff"
        ok $? "$label: the transcript is the classic emulator's"
        sed 's/^/# /' "$dir/diff" | head -40
    fi
done

# ---- what a step leaves out ------------------------------------------------------------------------------------------------------------------
label=masks shown=
ours
debug <<'END'
maintenance packet qqemu.sstepbits
maintenance packet qqemu.sstep
hbreak interrupt_waits
continue
delete
stepi 4
echo masked:\n
x/i $pc
p *(int*)&ticks
maintenance packet Qqemu.sstep=0x5
stepi
echo open:\n
info symbol $pc
tbreak interrupt_came
continue
p *(int*)&ticks
maintenance packet Qqemu.sstep=9
maintenance packet Qqemu.sstep=7
p $eflags
stepi
p $eflags
maintenance packet Qqemu.PhyMemMode:1
x/2xb 0xfffffff0
maintenance packet qqemu.PhyMemMode
maintenance packet Qqemu.PhyMemMode:0
tbreak user_count
continue
p *(int*)0x3000000
maintenance packet Qqemu.PhyMemMode:1
p *(int*)0x3000000 = 77
p *(int*)0x3000000
kill
END
has "the bits and the mask" 'received: "ENABLE=1,NOIRQ=2,NOTIMER=4"' 'received: "0x7"'
has "a step without interrupts goes on where one waits" 'masked:~=> 0x[0-9a-f]+ <interrupt_waits\+4>' '\$1 = 0'
has "with them it goes into the handler" 'open:~timer_handler in section' '\$2 = 1'
has "a mask that there is not" 'received: "E22"' 'received: "OK"'
has "flags change by a step over cli" '\[ .*IF.*\]' '= \[ [A-HJ-Z ]*\]'
has "physical memory mode" '0xfffffff0.*0xea' 'received: "1"' 'Cannot access memory at address 0x3000000' '= 77~' '= 77~'
end 0 "kill ends the machine"

label=timers shown=
ours
debug <<'END'
hbreak interrupts
continue
delete
stepi 220
info symbol $pc
maintenance packet Qqemu.sstep=0x3
stepi 400
p $pc >= (long)&interrupt_waits
kill
END
has "time stands still in steps without timers, and goes on in others" 'interrupt_poll( \+ [0-9]+)? in section' '\$1 = 1~'
end 0 "kill ends the machine"

# ---- processors as threads -------------------------------------------------------------------------------------------------------------------
label=processors shown=
ours -smp 2
debug <<'END'
info threads
break protected_start
continue
p *(int*)&want_second = 1
break second_loop
continue
info threads
p/x $ebx
p/x $cs * 16 + $rip
thread 1
info symbol $pc
delete
tbreak second_came
continue
info threads
set scheduler-locking on
thread 2
stepi
echo alone:\n
p/x $rip
thread 1
info symbol $pc
p *(int*)&second_count
set scheduler-locking off
tbreak done
continue
kill
END
has "both are threads, before one of them runs" 'Thread 1 .*CPU#0 \[running\]' '2 +Thread .*CPU#1 \[halted\]'
has "a breakpoint that the second one meets, in a segment of its own" 'Thread 2 .*received signal SIGTRAP' '\* 2 ' '= 0x5ec0d' '= 0x800a' 'start_second'
has "one steps alone" 'Temporary breakpoint 3,' 'alone:~' 'start_second|second_came' '= 1~'
has "the first one goes on to the end" 'Temporary breakpoint 4, .*done'
end 0 "kill ends the machine"

# ---- coming, going, beginning anew ----------------------------------------------------------------------------------------------------------
label=sessions shown=
ours
debug <<'END'
tbreak protected_start
continue
p *(int*)&want_loop = 1
detach
END
sleep 1
cat >"$dir/second" <<'END'
END
debug <<'END'
info symbol $pc
p *(long*)&forever_count > 10
END
has "a detached machine runs; who comes again stops it" 'forever|gate|done' '= 1~'
python3 - "$dir/sock" <<'END' >"$dir/tap"
import socket, sys, time
n = 0
def ok(good, text):
    print('%s - %s' % ('ok' if good else 'not ok', text))
class Gdb:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(sys.argv[1])
        self.data = b''
    def byte(self):
        while not self.data:
            self.data = self.s.recv(4096)
            if not self.data:
                raise EOFError
        b, self.data = self.data[:1], self.data[1:]
        return b
    def send(self, body, bad=False):
        self.s.sendall(b'$' + body + b'#%02x' % ((sum(body) + bad) & 255))
    def packet(self):
        while self.byte() != b'$':
            pass
        body = b''
        while True:
            c = self.byte()
            if c == b'#':
                break
            body += bytes([self.byte()[0] ^ 0x20]) if c == b'}' else c
        assert int(self.byte() + self.byte(), 16) is not None
        return body
    def ask(self, body):
        self.send(body)
        r = self.packet()
        try:
            self.s.sendall(b'+')
        except BrokenPipeError: # after a kill
            pass
        return r
def escape(data):
    out = b''
    for b in data:
        out += b'}' + bytes([b ^ 0x20]) if b in b'#$}*' else bytes([b])
    return out
early = Gdb()
early.s.sendall(b'+' + b'$qSupported#37' * 3 + b'$!#21')
early.s.settimeout(1)
heard = b''
try:
    while True:
        heard += early.s.recv(4096)
except socket.timeout:
    pass
ok(heard.count(b'PacketSize') == 1 and heard.count(b'+$') == 2, 'a first packet that was sent again while nobody listened has one answer')
early.s.close()
g = Gdb()
ok(g.ask(b'?').startswith(b'T05thread:'), 'why it stands')
ok(b'qXfer:features:read+' in g.ask(b'qSupported:xmlRegisters=i386'), 'what is supported')
xml, at = b'', 0
while True:
    part = g.ask(b'qXfer:features:read:target.xml:%x,400' % at)
    xml += part[1:]
    at += len(part) - 1
    if part[:1] == b'l':
        break
ok(all(f in xml for f in (b'org.gnu.gdb.i386.core', b'org.gnu.gdb.i386.sse', b'org.gnu.gdb.i386.avx', b'"fs_base"', b'"k_gs_base"', b'"cr8"', b'"efer"')), 'the description')
everything = bytes(range(256)) * 4
ok(g.ask(b'X6000,400:' + escape(everything)) == b'OK' and g.ask(b'm6000,400') == everything.hex().encode(), 'binary data of every byte')
ok(g.ask(b'M6000,4:deadbeef') == b'OK' and g.ask(b'm6000,4') == b'deadbeef', 'data in hexadecimal')
ok(g.ask(b'm10000000000,4') == b'E0e' and g.ask(b'M10000000000,1:00') == b'E0e', 'no memory there')
ok(g.ask(b'Mzz') == b'E16' and g.ask(b'p9999') == b'E01' and g.ask(b'Hg77') == b'E03', 'what makes no sense')
ok(g.ask(b'vMustReplyEmpty') == b'' and g.ask(b'Z9,0,1') == b'', 'what is not known')
regs = g.ask(b'g')
ok(g.ask(b'G' + regs) == b'OK' and g.ask(b'g') == regs, 'all registers, written and read back')
g.send(b'?', bad=True)
while (c := g.byte()) != b'-':
    pass
ok(True, 'a wrong checksum is told')
g.send(b'?')
first = g.packet()
g.s.sendall(b'-')
ok(g.packet() == first, 'an answer that was lost comes again')
ok(g.ask(b'QStartNoAckMode') == b'OK', 'without acknowledgements')
other = Gdb()
other.send(b'?')
g.send(b'vCont;c')
time.sleep(0.2)
g.s.sendall(b'\3')
ok(g.packet().startswith(b'T02'), 'Ctrl-C stops it')
other.s.settimeout(0.2)
try:
    ok(not other.s.recv(1), 'a second debugger waits')
except socket.timeout:
    ok(True, 'a second debugger waits')
g.send(b'vCont;s:1')
ok(g.packet().startswith(b'T05'), 'a step')
g.send(b'Z2,%x,8' % 0x6100)
ok(g.packet() == b'OK', 'a watchpoint that nobody meets')
g.send(b'R00')
g.send(b'p10')
ok(g.packet() == b'f0ff000000000000', 'from its beginning again')
g.s.close()
other.s.settimeout(20)
ok(other.packet().startswith(b'T05'), 'the next one is let in when the first has gone')
other.s.sendall(b'+')
ok(other.ask(b'vKill;1') == b'OK', 'kill')
END
while read -r line; do
    case $line in
    "ok - "*) ok 0 "packets: ${line#ok - }" ;;
    "not ok - "*) ok 1 "packets: ${line#not ok - }" ;;
    *) echo "# $line" ;;
    esac
done <"$dir/tap"
[ "$(grep -c ok "$dir/tap")" = 20 ]
ok $? "packets: all of them came"
end 0 "the machine has ended"

# ---- a 32-bit machine, and gdb that starts it ---------------------------------------------------------------------------------------------
label=i386 shown=
{ printf '%s\n' 'set pagination off' 'set confirm off' 'set architecture i386' \
    "target remote | exec $emu -isa i386 -M pc -bios $dir/gdb.bin -nographic -device isa-debug-exit,iobase=0xf4,iosize=4 -S -gdb stdio 2>$dir/log" \
    'info registers eip cs cr0' 'p $fs_base' 'hbreak *0x400000' continue 'p/x $eip' 'p $cr3' 'x/i $eip' 'set $fs = 0x10' 'p $fs' 'set $fs = 0x77'; } >"$dir/script"
timeout 60 gdb-multiarch -q -nx -batch -x "$dir/script" >"$dir/out" 2>&1 </dev/null
has "its registers" 'eip +0xfff0 ' 'cs +0xf000 ' 'cr0 +0x60000010 '
has "gdb starts it through a pipe" 'Breakpoint 1' '= 0x400000' 'PDBR=36' 'mov +\$0x1,%eax'
has "a segment is loaded from its descriptor, or refused" '= 16~' 'Could not write register .?fs'
echo "1..$n"
exit $failed
