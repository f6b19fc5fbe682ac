# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian that was installed by mmdebstrap on a qcow2 disk, which emu-nbd serves: GRUB, systemd, a login prompt, apt-get install of a local package,
# reboot, a clean file system.
import os


def login(m):
    m.expect('emutest login: ', 400)
    m.send('root\n')
    m.expect(r'root@emutest:~# ', 120)
    ask(m, 'stty -echo; export TERM=dumb')


def ask(m, command, seconds=120):
    m.send(command + '; echo =E""ND=\n')
    return m.expect(r'([\s\S]*?)=END=\n', seconds).group(1)


def run(t):
    t.tool('e2fsck', 'e2fsprogs')
    try:
        image = t.run(t.top + '/tests/boot/debian-image', t.cache, t.build + '/bin/emu-img').strip()
    except Exception as e:
        t.skip(str(e))
    disk = t.dir + '/disk.qcow2'
    t.run(t.build + '/bin/emu-img', 'create', '-q', '-f', 'qcow2', '-b', image, '-F', 'qcow2', disk)
    for cpus, first in ((1, True), (2, False)):
        d = t.disk(disk, 'virtio', 'qcow2')
        m = t.machine('-m', '512', '-smp', str(cpus), disks=[d])
        what = '%d processor%s: ' % (cpus, 's' if cpus > 1 else '')
        login(m)
        t.ok(True, what + 'a login prompt and a shell')
        got = ask(m, 'systemctl is-system-running --wait', 300)
        t.ok('running' in got, what + 'systemd is content', got + ask(m, 'systemctl --failed --no-legend'))
        if first:
            got = ask(m, 'apt-get install -y ./emu-hello.deb; echo status=$?', 300)
            t.ok('status=0' in got and 'Setting up emu-hello' in got, what + 'apt-get installs a local package', got)
            m.send('systemctl reboot\n')
            login(m)
            t.ok(True, what + 'reboot')
        got = ask(m, 'dpkg -s emu-hello | grep Status; cat /var/lib/emu-hello; sha256sum </usr/share/emu-hello/data | cmp - sum && echo the same')
        t.ok('install ok installed' in got and 'configured: configure' in got and 'the same' in got, what + 'the package is there', got)
        got = ask(m, 'journalctl -b -u systemd-fsck-root --no-pager -o cat; cat /run/initramfs/fsck.log')
        t.ok(': clean,' in got, what + 'the file system was clean', got)
        m.send('systemctl poweroff\n')
        t.ok(m.wait(200) == 0, what + 'poweroff ends the machine')
        bad = [l for l in m.text.splitlines() if any(w in l for w in ('BUG:', 'WARNING:', 'Oops', 'Call Trace', 'soft lockup', 'rcu_sched', 'I/O error', 'EXT4-fs error', 'Failed to start'))]
        t.ok(not bad, what + 'nobody complains', bad[:5])
        d.close()
        check = t.run(t.build + '/bin/emu-img', 'check', '-f', 'qcow2', disk)
        t.ok('No errors' in check, what + 'the image is consistent', check)
        raw = t.dir + '/raw'
        t.run(t.build + '/bin/emu-img', 'convert', '-f', 'qcow2', '-O', 'raw', disk, raw)
        with open(raw, 'rb') as f, open(t.dir + '/part', 'wb') as p:
            os.copy_file_range(f.fileno(), p.fileno(), 1400 << 20, 1 << 20)
        p = os.popen('e2fsck -fn %s 2>&1; echo status=$?' % (t.dir + '/part')).read()
        t.ok('status=0' in p, what + 'e2fsck finds nothing', p)
        os.remove(raw)
        os.remove(t.dir + '/part')
