# SPDX-License-Identifier: GPL-2.0-or-later
# SeaBIOS's boot menu lists the drives, and a key chooses one.
quick = True


def run(t):
    d = t.package('grub-rescue-pc') + '/usr/lib/grub-rescue/'
    hd = t.dir + '/hd.img'
    with open(hd, 'wb') as f:
        f.truncate(1 << 20)
    m = t.machine('-m', '64', '-boot', 'menu=on,splash-time=20000',
                  disks=[t.disk(hd), t.disk(d + 'grub-rescue-cdrom.iso', media='cdrom', readonly=True), t.disk(t.copy(d + 'grub-rescue-floppy.img'), 'floppy')])
    m.expect('Press ESC for boot menu', 30)
    m.send('\x1b')
    m.expect('Select boot device:', 30)
    menu = {}
    for _ in range(3):
        g = m.expect(r'(\d)\. (.+)\n', 20)
        menu[g.group(1)] = g.group(2)
    t.ok(any('HARDDISK' in v for v in menu.values()) and any('DVD' in v for v in menu.values()) and any('Floppy' in v for v in menu.values()),
         'the menu lists disk, CD-ROM and floppy', menu)
    m.send([k for k, v in menu.items() if 'DVD' in v][0])
    m.expect(r'Booting from DVD/CD', 30)
    m.expect(r'GNU GRUB', 30)
    t.ok(True, 'a key boots the CD-ROM')
