# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's installer comes to its first dialogue, 64-bit and 32-bit.


def run(t):
    for arch in 'amd64', 'i386':
        d = t.package('debian-installer-12-netboot-' + arch) + '/usr/lib/debian-installer/images/12/%s/text/debian-installer/%s/' % (arch, arch)
        m = t.machine('-m', '1024', '-no-reboot', '-kernel', d + 'linux', '-initrd', d + 'initrd.gz', '-append', 'console=ttyS0')
        m.expect(r'Linux version', 60)
        m.expect(r'Select a language', 300)
        m.expect(r'Choose the language to be used for the installation', 60)
        t.ok(m.expect(r'English', 60), arch + ': the first dialogue asks for the language')
        m.kill()
