# SPDX-License-Identifier: GPL-2.0-or-later
# The distribution's full kernels, 64-bit and 32-bit with PAE, with one, two and four processors: a busybox shell counts the processors,
# computes on all of them, writes a disk and switches off.
import glob
import hashlib
import os
import re
import shutil

INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for m in $(cat /modules/list); do insmod /modules/$m || echo "cannot load $m"; done
echo "Shell after $(cut -d' ' -f1 /proc/uptime) seconds of the guest's time"
exec setsid cttyhack sh
'''
MODULES = 'virtio_pci virtio_blk sd_mod ata_piix'.split()


def ramdisk(t, package, busybox, name):
    """An initial RAM disk for the kernel of a package."""
    root = t.dir + '/root-' + name
    for d in 'bin dev proc sys modules mnt'.split():
        os.makedirs(root + '/' + d)
    shutil.copy(busybox, root + '/bin/busybox')
    base = glob.glob(package + '/lib/modules/*')[0]
    have = {}
    for path in glob.glob(base + '/kernel/**/*.ko', recursive=True):
        have[os.path.basename(path)[:-3]] = path
    order = []

    def add(module):  # what it needs first
        needs = re.search(rb'[\0]depends=([^\0]*)\0', b'\0' + open(have[module], 'rb').read()).group(1).decode()
        for other in filter(None, needs.split(',')):
            add(other if other in have else other.replace('_', '-'))
        if module not in order:
            order.append(module)

    for m in MODULES:
        add(m)
    for m in order:
        shutil.copy(have[m], root + '/modules/')
    open(root + '/modules/list', 'w').write(' '.join(m + '.ko' for m in order))
    open(root + '/init', 'w').write(INIT)
    os.chmod(root + '/init', 0o755)
    out = t.dir + '/initrd-' + name
    t.run('sh', '-c', 'find . | cpio -o -H newc --quiet | gzip -1n >"$1"', 'sh', out, cwd=root)
    return out


def run(t):
    for name, package, busybox in (('amd64', 'linux-image-amd64@', shutil.which('busybox')), ('686-pae', 'linux-image-686-pae@:i386', None)):
        d = t.package(package)
        if not busybox:
            busybox = glob.glob(t.package('busybox-static:i386') + '/bin/busybox')[0]
        kernel, initrd = glob.glob(d + '/boot/vmlinuz-*')[0], ramdisk(t, d, busybox, name)
        image = t.dir + '/disk-' + name
        with open(image, 'wb') as f:
            f.truncate(16 << 20)
        for cpus in 1, 2, 4:
            what = '%s, %d processor%s: ' % (name, cpus, '' if cpus == 1 else 's')
            disk = t.disk(image, 'virtio' if cpus > 1 else 'ide')
            m = t.machine('-m', '256', '-smp', str(cpus), '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 panic=-1', disks=[disk])
            m.expect('Shell after', 240)
            m.expect('# ', 20)
            m.send('echo cpus $(grep -c ^processor /proc/cpuinfo) $(uname -m)\n')
            got = m.expect(r'^cpus (\d+) (\w+)\n', 30)
            t.ok(got.group(1) == str(cpus) and got.group(2) == ('x86_64' if name == 'amd64' else 'i686'), what + 'the kernel counts them', got.group(0))
            m.send('i=0; while [ $i -lt 6 ]; do (head -c 1500000 /dev/zero | md5sum) & i=$((i+1)); done; wait; echo "all are done" | tr a-z A-Z\n')
            m.expect('ALL ARE DONE', 60)
            t.ok(m.text.count(hashlib.md5(bytes(1500000)).hexdigest()) == 6, what + 'six digests at once are right')
            dev = '/dev/' + ('vda' if cpus > 1 else 'sda')
            m.send('yes "%d written" | head -c 3000000 >%s; sync; poweroff -f\n' % (cpus, dev))
            t.ok(m.wait(120) == 0, what + 'power-off ends the machine')
            disk.close()
            want = (b'%d written\n' % cpus * 400000)[:3000000]
            t.ok(open(image, 'rb').read(3000000) == want, what + 'its disk holds what it wrote')
            bad = [l for l in m.text.splitlines() if any(w in l for w in ('BUG:', 'WARNING:', 'Oops', 'Call Trace', 'soft lockup', 'rcu_sched', 'cannot load'))]
            t.ok(not bad, what + 'the kernel complains of nothing', bad[:5])
