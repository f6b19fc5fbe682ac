#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# -icount: a guest's time is the number of its instructions, the same in every run and however they are executed; timers fire at exact instructions; halted
# time passes at the host's pace or at once; what cannot be is refused.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
exec python3 - <<'PY'
import os, re, subprocess, sys, tempfile, time
build, tmp = os.environ['BUILD'], tempfile.mkdtemp(prefix='cpu-icount.')
count = failed = 0

def ok(good, text, got=None):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if good else 'not ', count, text), flush=True)
    if not good:
        failed += 1
        print('# got', repr(got)[:1500])

def kernel(name):
    o, elf, out = (tmp + '/' + name + x for x in ('.o', '.elf', '.bin'))
    subprocess.check_call(['gcc', '-c', '-o', o, '-I', 'tests/guest-sys', 'tests/guest-sys/%s.S' % name])
    subprocess.check_call(['ld', '-n', '--no-warn-rwx-segments', '-Ttext', '0x100000', '-e', 'start', '-o', elf, o])
    subprocess.check_call(['objcopy', '-O', 'binary', elf, out])
    return out

image = kernel('icount')

def run(*options):
    out = tmp + '/said'
    t = time.monotonic()
    p = subprocess.run([build + '/bin/emu-cpu', '-M', 'pc', '-m', '32', '-nographic', '-vga', 'none', '-serial', 'null', '-no-reboot', '-rtc', 'base=2020-02-02,clock=vm', '-kernel', image,
                        '-debugcon', 'file,path=' + out, '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', *options],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    lines = [l.rsplit(' ', 1) for l in open(out).read().splitlines()] if os.path.exists(out) else []
    return p, {l[0]: int(l[1], 16) for l in lines if len(l) == 2}, time.monotonic() - t

def refused(pattern, *options):
    p = subprocess.run([build + '/bin/emu-cpu', '-M', 'none', *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    ok(p.returncode == 1 and re.search(pattern, p.stderr), ' '.join(options) + ' is refused', p.stderr)

for shift in 3, 7:
    p, first, _ = run('-icount', 'shift=%d,sleep=off' % shift)
    ok(p.returncode == 1 and len(first) == 9, 'shift=%d: the kernel ends' % shift, (p.returncode, p.stderr, first))
    for name, n in (('nops', 102), ('loop', 2000003), ('calls', None), ('strings', None), ('faults', None)):
        if n:
            ok(first.get(name) == n << shift, 'shift=%d: %d instructions (%s) take %d ns each' % (shift, n, name, 1 << shift), first.get(name))
        else:
            ok(first.get(name, 1) % (1 << shift) == 0 and first.get(name, 0) > 100 << shift, 'shift=%d: %s takes whole instructions' % (shift, name), first.get(name))
    for what in ((), ('-singlestep',)):
        p, again, _ = run('-icount', 'shift=%d,sleep=off' % shift, *what)
        ok(again == first and first, 'shift=%d: all is the same %s' % (shift, ' '.join(what) or 'in a second run'), (first, again))
        if shift == 3:
            break
p, slow, t = run('-icount', '7')
ok(slow == first, 'shift=7, sleep=on: the same', (first, slow))
ok(t > 0.19, 'sleep=on: 20 ticks of 10 ms while halted take their time', t)
p, aligned, t = run('-icount', '10,align=on')
ok(aligned.get('loop') == 2000003 << 10 and t > 2.0, 'align=on: two million instructions of 1 us each take their time', (aligned, t))
p, auto, t = run('-icount', 'auto')
ok(p.returncode == 1 and len(auto) == 9 and auto['nops'] in [102 << s for s in range(11)], 'shift=auto', (p.returncode, p.stderr, auto))

refused('one processor: -smp 1', '-icount', '1', '-smp', '2')
refused("Invalid shift value '11'", '-icount', '11')
refused("Invalid shift value 'x'", '-icount', 'shift=x')
refused('specify shift option when using align', '-icount', 'align=on')
refused('specify shift option when using sleep', '-icount', 'sleep=off')
refused('align=on and sleep=off are incompatible', '-icount', '3,align=on,sleep=off')
refused('shift=auto and align=on are incompatible', '-icount', 'auto,align=on')
refused('shift=auto and sleep=off are incompatible', '-icount', 'auto,sleep=off')
refused("'align' expects 'on' or 'off'", '-icount', '3,align=maybe')
refused("Invalid parameter 'speed'", '-icount', '3,speed=2')
refused('rr=record: recording and replaying .* is not built in', '-icount', '7,rr=record,rrfile=x')
subprocess.run(['rm', '-rf', tmp])
print('1..%d' % count)
sys.exit(failed != 0)
PY
