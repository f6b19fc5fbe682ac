# SPDX-License-Identifier: GPL-2.0-or-later
# The PC without PCI: SeaBIOS, and GRUB from floppy and from an ISA IDE disk.
quick = True


def run(t):
    d = t.package('grub-rescue-pc') + '/usr/lib/grub-rescue/'
    for name, interface, letter in ('floppy', 'floppy', 'a'), ('disk', 'ide', 'c'):
        m = t.machine('-M', 'isapc', '-m', '32', '-boot', letter, disks=[t.disk(t.copy(d + 'grub-rescue-floppy.img'), interface)])
        m.expect(r'or\s+.c.\s+for a command', 60)
        m.send('c')
        m.expect(r'grub> ', 60)
        m.send('ls\r', 0.05)
        got = m.expect(r'ls\s+(\(.*\))', 60).group(1)
        t.ok('(fd0)' in got if letter == 'a' else '(hd0)' in got, name + ': a prompt that answers ls', got)
        m.kill()
