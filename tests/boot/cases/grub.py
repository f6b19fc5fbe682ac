# SPDX-License-Identifier: GPL-2.0-or-later
# GRUB's rescue images come to their menu and to a prompt that answers ls: from CD-ROM (El Torito without emulation) and from floppy.
import re

quick = True


def run(t):
    d = t.package('grub-rescue-pc') + '/usr/lib/grub-rescue/'
    for name, image, interface, media, listed in (('CD-ROM', 'grub-rescue-cdrom.iso', 'ide', 'cdrom', r'\(cd'), ('floppy', 'grub-rescue-floppy.img', 'floppy', 'disk', r'\(fd0')):
        cd = media == 'cdrom'
        m = t.machine('-m', '64', '-boot', 'd' if cd else 'a', disks=[t.disk(d + image if cd else t.copy(d + image), interface, media=media, readonly=cd)])
        m.expect(r'or\s+.c.\s+for a command', 60)
        m.send('c')
        m.expect(r'grub> ', 60)
        m.send('ls\r', 0.05)
        got = m.expect(r'ls\s+(\(.*\))', 60).group(1)
        t.ok(re.search(listed, got), name + ': a prompt that answers ls', got)
        m.kill()
