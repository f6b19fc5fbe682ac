# SPDX-License-Identifier: GPL-2.0-or-later
# The distribution's cloud kernel as the ELF file that its bzImage holds, started by the PVH protocol.


def run(t):
    guest = t.demo_guest()
    t.tool('lz4', 'lz4')
    image = open(guest + '/vmlinuz', 'rb').read()
    setup = ((image[0x1f1] or 4) + 1) * 512
    start, size = (int.from_bytes(image[at:at + 4], 'little') for at in (0x248, 0x24c))
    packed = image[setup + start:setup + start + size - 4]  # behind it stands its unpacked size
    if packed[:4] != b'\x02\x21\x4c\x18':
        t.ok(False, 'the kernel is packed by lz4', packed[:8])
        return
    open(t.dir + '/packed', 'wb').write(packed)
    t.run('lz4', '-dq', t.dir + '/packed', t.dir + '/vmlinux')
    m = t.machine('-m', '256', '-no-reboot', '-kernel', t.dir + '/vmlinux', '-initrd', guest + '/initrd.gz', '-append', 'console=ttyS0 quiet panic=-1')
    m.expect('Shell after', 120)
    m.expect('# ', 20)
    m.send('poweroff -f\n')
    t.ok(m.wait(60) == 0, 'it comes to a shell and switches off')
