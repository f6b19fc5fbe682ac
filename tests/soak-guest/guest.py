# SPDX-License-Identifier: GPL-2.0-or-later
# The guest soak (SOAK=guest tests/soak): a Debian with stress-ng on a qcow2 disk over NBD, driven over its serial console. SECONDS_EACH (default 600) is how
# long each part takes. With 2 processors: stress-ng --verify of processor, memory and virtual memory methods; programs whose output must be that of the
# host's own processor; the guest's clock against the host's. With 4: futexes, context switches and forks. The kernel must complain of nothing.
import os
import re
import time

PACKAGES = 'stress-ng openssl python3 perl gcc libc6-dev bzip2 xz-utils'.split()
LATE = 60 # times SECONDS_EACH: a busy host


def ask(m, command, seconds=120):
    """What the command says, and its status."""
    m.send(command + '; echo =E""ND=$?=\n')
    got = m.expect(r'([\s\S]*?)=END=(\d+)=\n', seconds)
    return got.group(1), int(got.group(2))


def clock(m):
    """(host's seconds, guest's seconds, half of how unsure that is): the quickest of some answers."""
    best = None
    for _ in range(10):
        before = time.monotonic()
        m.send('date +=T""IME=%s.%N=\n')
        guest = float(m.expect(r'=TIME=([\d.]+)=\n', 300).group(1))
        after = time.monotonic()
        if best is None or after - before < 2 * best[2]:
            best = (before + after) / 2, guest, (after - before) / 2
    return best


def stress(t, m, what, arguments, each):
    started = time.monotonic()
    out, status = ask(m, 'stress-ng %s --timeout %d --metrics-brief --temp-path /tmp 2>&1' % (arguments, each), each * LATE + 600)
    rates = re.findall(r'metrc: \[\d+\] +(\S+) +(\d+) +([\d.]+) +[\d.]+ +[\d.]+ +([\d.]+)', out)
    bad = [l for l in out.splitlines() if re.search(r'fail|error|skipp', l, re.I) and not re.search(r'failed: 0|skipped: 0', l)]
    t.ok(status == 0 and 'successful run completed' in out and not bad, '%s, %d s: no failure' % (what, each), out[-1500:])
    print('# %s: %.0f s of the host; %s' % (what, time.monotonic() - started, ', '.join('%s %s operations, %s/s' % (n, ops, rate) for n, ops, _, rate in rates)), flush=True)


def boot(t, cpus, cache, each):
    disk = '%s/soak-%d.qcow2' % (t.dir, cpus)
    t.run(t.build + '/bin/emu-img', 'create', '-q', '-f', 'qcow2', '-b', cache + '/soak.qcow2', '-F', 'qcow2', disk)
    d = t.disk(disk, 'virtio', 'qcow2')
    m = t.machine('-m', '1024', '-smp', str(cpus), '-no-reboot', '-kernel', cache + '/soak.vmlinuz', '-initrd', cache + '/soak.initrd', '-append',
                  'root=/dev/vda1 rw console=ttyS0 panic=-1 init=/root/init', disks=[d])
    m.expect('SOAK SHELL', 1800)
    ask(m, 'true', 300)
    return m, d


def end(t, m, d, what):
    complaints, _ = ask(m, "dmesg | grep -E 'BUG:|WARNING:|Oops|Call Trace|soft lockup|rcu: INFO|rcu_sched|rcu_preempt detected|hung_task|blocked for more|clocksource.*unstable|EXT4-fs error|I/O error'", 300)
    t.ok(not complaints.strip(), what + ': the kernel complains of nothing', complaints[-1500:])
    m.send('sync; mount -o remount,ro /; echo o >/proc/sysrq-trigger\n')
    t.ok(m.wait(300) == 0, what + ': power-off ends the machine')
    d.close()


def run(t):
    t.tool('mmdebstrap', 'mmdebstrap')
    each = int(os.environ.get('SECONDS_EACH', '600'))
    try:
        t.run(t.top + '/tests/boot/debian-image', t.cache, t.build + '/bin/emu-img', 'soak', '2400', t.top + '/tests/soak-guest', *PACKAGES)
    except Exception as e:
        t.skip(str(e))
    m, d = boot(t, 2, t.cache, each)
    print('# %s; %s' % (ask(m, 'uname -r')[0].strip(), ask(m, 'stress-ng --version')[0].strip()), flush=True)
    first = clock(m)
    stress(t, m, 'stress-ng --verify, all processor methods', '--verify --cpu 2 --cpu-method all', each)
    stress(t, m, 'stress-ng --verify, memory', '--verify --memcpy 1 --malloc 1 --memrate 1 --memrate-bytes 32M --bsearch 1 --qsort 1 --matrix 1', each)
    stress(t, m, 'stress-ng --verify, all methods of virtual memory', '--verify --vm 2 --vm-bytes 64M --vm-method all --mmap 1 --mmap-bytes 64M', each)
    native, rounds, started = open(t.cache + '/soak.native').read(), 0, time.monotonic()
    while True: # at least once
        out, status = ask(m, 'sh /root/work 2>&1', 7200)
        rounds += 1
        if status or out != native or time.monotonic() - started > each:
            break
    different = [a + ' / ' + b for a, b in zip(out.splitlines(), native.splitlines()) if a != b]
    t.ok(status == 0 and out == native, 'digests, ciphers, compressors, python, perl and gcc say what they say on the host, %d time%s' % (rounds, 's' if rounds > 1 else ''),
         different[:5] or out[-300:])
    while time.monotonic() - first[0] < each:
        time.sleep(1)
    last = clock(m)
    passed, drift, unsure = last[0] - first[0], (last[1] - first[1]) - (last[0] - first[0]), first[2] + last[2]
    t.ok(abs(drift) <= passed / 100 + unsure, 'the clock of the guest drifts by less than 1 %', (passed, drift, unsure))
    print('# the clock: %+.4f s in %.1f s, known to %.4f s: %+.4f %%' % (drift, passed, unsure, drift / passed * 100), flush=True)
    end(t, m, d, '2 processors')
    m, d = boot(t, 4, t.cache, each)
    stress(t, m, '4 processors on %d: futexes, switches, forks' % os.cpu_count(), '--futex 4 --switch 4 --fork 4', each)
    end(t, m, d, '4 processors')
