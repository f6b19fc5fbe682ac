# SPDX-License-Identifier: GPL-2.0-or-later
# memtest86+, 64-bit and 32-bit, through its first full pass at 64 MB without an error.


def run(t):
    d = t.package('memtest86+') + '/boot/memtest86+'
    for bits in 'x64', 'ia32':
        m = t.machine('-m', '64', '-no-reboot', '-kernel', d + bits + '.bin', '-append', 'console=ttyS0,115200')
        m.expect_screen(r'Memtest86\+ v6', 60)
        m.expect_screen(r'Pass:\s+[1-9]', 3600)
        screen = m.screen()
        t.ok('Errors: 0' in screen and 'FAIL' not in screen, bits + ': a full pass without an error', screen)
        m.kill()
