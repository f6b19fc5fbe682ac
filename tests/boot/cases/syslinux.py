# SPDX-License-Identifier: GPL-2.0-or-later
# SYSLINUX on a floppy (its prompt), and on a partition of a disk behind its own master boot record, from where it loads a Linux kernel.
import os

quick = True


def install(t, image, offset):
    env = dict(os.environ, MTOOLS_SKIP_CHECK='1')
    t.run(t.package('syslinux') + '/usr/bin/syslinux', '--install', '-t', str(offset), image, env=env)


def run(t):
    guest = t.demo_guest()
    for tool, package in (('mcopy', 'mtools'), ('mkfs.vfat', 'dosfstools')):
        t.tool(tool, package)
    mbr = open(t.package('syslinux') + '/usr/lib/SYSLINUX/mbr.bin', 'rb').read()
    fd, hd, part = t.dir + '/fd.img', t.dir + '/hd.img', t.dir + '/part.img'
    with open(fd, 'wb') as f:
        f.truncate(1474560)
    t.run('mkfs.vfat', fd)
    open(t.dir + '/syslinux.cfg', 'w').write('DEFAULT none\nPROMPT 1\nSAY what the floppy says\nLABEL none\nLOCALBOOT -1\n')
    t.run('mcopy', '-i', fd, t.dir + '/syslinux.cfg', '::')
    install(t, fd, 0)
    m = t.machine('-m', '64', '-boot', 'a', disks=[t.disk(fd, 'floppy')])
    m.expect('SYSLINUX 6', 30)
    m.expect('what the floppy says', 30)
    m.expect('boot: ', 30)
    t.ok(True, 'a prompt from floppy')
    m.kill()

    size, start = 48 << 20, 1 << 20
    with open(part, 'wb') as f:
        f.truncate(size)
    t.run('mkfs.vfat', '-F', '16', '-h', str(start // 512), part)
    open(t.dir + '/syslinux.cfg', 'w').write('DEFAULT linux\nPROMPT 0\nSAY what the disk says\nLABEL linux\nKERNEL vmlinuz\n'
                                             'APPEND initrd=initrd.gz console=ttyS0 quiet panic=-1\n')
    t.run('mcopy', '-i', part, t.dir + '/syslinux.cfg', guest + '/vmlinuz', guest + '/initrd.gz', '::')
    with open(hd, 'wb') as f:
        f.truncate(start)
        f.seek(start)
        with open(part, 'rb') as g:
            f.write(g.read())
    install(t, hd, start)
    table = bytes([0x80, 32, 33, 0, 0x0e, 254, 255, 255]) + (start // 512).to_bytes(4, 'little') + (size // 512).to_bytes(4, 'little')
    with open(hd, 'r+b') as f:
        f.write(mbr[:440].ljust(446, b'\0') + table + bytes(48) + b'\x55\xaa')
    m = t.machine('-m', '192', '-boot', 'c', '-no-reboot', disks=[t.disk(hd)])
    m.expect('what the disk says', 30)
    m.expect('Shell after', 120)
    m.expect('# ', 20)
    m.send('poweroff -f\n')
    t.ok(m.wait(60) == 0, 'the kernel that it loads from a disk\'s partition comes to a shell and switches off')
