# SPDX-License-Identifier: GPL-2.0-or-later
# iPXE's CD-ROM comes to its prompt and answers commands.
quick = True


def run(t):
    d = t.package('ipxe') + '/usr/lib/ipxe/'
    m = t.machine('-m', '64', '-boot', 'd', disks=[t.disk(d + 'ipxe.iso', media='cdrom', readonly=True)])
    m.expect(r'iPXE initialising devices\.\.\..*ok', 60)
    m.expect(r'Press Ctrl-B for the iPXE command line', 60)
    m.send('\x02')
    m.expect(r'iPXE> ', 60)
    m.send('echo emu ${memsize} ${buildarch}\r', 0.03)
    t.ok(m.expect(r'^emu (\d*) (\w*)', 30), 'a prompt that answers echo')
