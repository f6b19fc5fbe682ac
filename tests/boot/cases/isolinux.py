# SPDX-License-Identifier: GPL-2.0-or-later
# ISOLINUX on a CD-ROM: its prompt, a menu's text from a file, and a Linux kernel that it loads from there.
import os
import shutil

quick = False


def run(t):
    guest = t.demo_guest()
    iso, modules, root = t.package('isolinux') + '/usr/lib/ISOLINUX/', t.package('syslinux-common') + '/usr/lib/syslinux/modules/bios/', t.dir + '/iso'
    t.tool('genisoimage', 'genisoimage')
    os.makedirs(root)
    for f in (iso + 'isolinux.bin', modules + 'ldlinux.c32', guest + '/vmlinuz', guest + '/initrd.gz'):
        shutil.copy(f, root)
    open(root + '/isolinux.cfg', 'w').write('DEFAULT none\nPROMPT 1\nSAY what the CD says\nLABEL none\nLOCALBOOT -1\n'
                                            'LABEL linux\nKERNEL vmlinuz\nAPPEND initrd=initrd.gz console=ttyS0 quiet panic=-1\n')
    t.run('genisoimage', '-quiet', '-o', t.dir + '/cd.iso', '-b', 'isolinux.bin', '-c', 'boot.cat', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table', root)
    m = t.machine('-m', '192', '-boot', 'd', '-no-reboot', disks=[t.disk(t.dir + '/cd.iso', media='cdrom', readonly=True)])
    m.expect('ISOLINUX 6', 30)
    m.expect('what the CD says', 30)
    m.expect('boot: ', 30)
    t.ok(True, 'a prompt')
    m.send('linux\r', 0.03)
    m.expect('Shell after', 120)
    m.expect('# ', 20)
    m.send('poweroff -f\n')
    t.ok(m.wait(60) == 0, 'the kernel that it loads comes to a shell and switches off')
