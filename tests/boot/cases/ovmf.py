# SPDX-License-Identifier: GPL-2.0-or-later
# OVMF, its code and its variables in two flash chips, comes to its shell, which knows its memory and keeps a variable over a reset; and it starts
# the kernel of -kernel as an EFI program.
import re

quick = False


def run(t):
    d = t.package('ovmf') + '/usr/share/OVMF/'
    m = t.machine('-m', '256', disks=[t.disk(d + 'OVMF_CODE_4M.fd', 'pflash', readonly=True), t.disk(t.copy(d + 'OVMF_VARS_4M.fd'), 'pflash')])
    m.expect('UEFI Interactive Shell', 120)
    m.expect('Press ESC in', 60)
    m.send('\x1b')
    m.expect('Shell> ', 60)
    m.send('set emu kept-value\r', 0.05)
    m.expect('Shell> ', 60)
    m.send('memmap\r', 0.05)
    total = m.expect(r'Total Memory:\s+(\d+ MB)', 60).group(1)
    t.ok(re.match(r'2[345]\d MB', total), 'the shell counts the memory', total)
    m.send('reset\r', 0.05)
    m.expect('UEFI Interactive Shell', 120)
    m.send('\x1b')
    m.expect('Shell> ', 60)
    m.send('echo %emu%\r', 0.05)
    t.ok(m.expect('^kept-value', 60), 'a variable outlives a reset')
    m.kill()
    guest = t.demo_guest()
    m = t.machine('-m', '512', '-no-reboot', '-kernel', guest + '/vmlinuz', '-initrd', guest + '/initrd.gz', '-append', 'console=ttyS0 panic=-1',
                  disks=[t.disk(d + 'OVMF_CODE_4M.fd', 'pflash', readonly=True), t.disk(t.copy(d + 'OVMF_VARS_4M.fd'), 'pflash')])
    m.expect('EFI stub: ', 120)
    m.expect('efi: EFI v2', 120)
    m.expect('Shell after', 120)
    m.expect('# ', 20)
    m.send('poweroff -f\n')
    t.ok(m.wait(60) == 0, 'a kernel as an EFI program comes to a shell and switches off')
