# SPDX-License-Identifier: GPL-2.0-or-later
# The flat kernels of tests/guest-sys that need a PC's chips: two processors (INIT, STARTUP, NMI, SMI between them), system management mode on the board
# with its own memory, with the 64-bit map of the saved state and the 32-bit one; thousands of timers, interrupts between processors and stops of all of them, none
# of which may be lost.
import re

quick = True


def kernel(t, name):
    o, elf, out = (t.dir + '/' + name + x for x in ('.o', '.elf', '.bin'))
    t.run('gcc', '-c', '-o', o, '-I', t.top + '/tests/guest-sys', t.top + '/tests/guest-sys/' + name + '.S')
    t.run('ld', '-n', '--no-warn-rwx-segments', '-Ttext', '0x100000', '-e', 'start', '-o', elf, o)
    t.run('objcopy', '-O', 'binary', elf, out)
    return out


def run(t):
    ipi, smm, wake = kernel(t, 'ipi'), kernel(t, 'smm'), kernel(t, 'wake')
    for image, cpus, model in ((ipi, 2, 'max'), (smm, 1, 'max'), (ipi, 2, 'pentium3'), (smm, 1, 'pentium3'), (wake, 1, 'max'), (wake, 2, 'max'),
                               (wake, 4, 'max')):
        if t.peer and model != 'max':
            continue  # it has the 64-bit map for all models
        out = '%s/say%d' % (t.dir, t.numbered())
        m = t.machine('-cpu', model, '-m', '64', '-smp', str(cpus), '-no-reboot', '-kernel', image, '-debugcon', 'file:' + out if t.peer else 'file,path=' + out, '-device', 'isa-debug-exit,iobase=0xf4,iosize=4')
        status = m.wait(300)
        lines = open(out).read().splitlines()
        bad = [l for l in lines if not l.startswith('ok ')]
        t.ok(status == 1 and bad == ['done'] and len(lines) > (1 if image == wake else 30), '%s, %s, -smp %d: %d cases' % (image.split('/')[-1][:-4], model, cpus, len(lines) - 1), (status, bad[:5]))
    if not t.peer:
        log = t.dir + '/log'
        m = t.machine('-m', '64', '-no-reboot', '-kernel', kernel(t, 'paging'), '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-d', 'pcall,mmu', '-D', log)
        status, said = m.wait(300), open(log).read()
        missing = [p for p in (r'CPU 0: ljmp at 0008:', r'CPU 0: iret at 0008:\S+ CPL=0 to', r'CPU 0: v=0e .*CR2=', r'CPU 0: page fault at \S+, error code', r'CPU 0: CR3 becomes',
                               r'CPU 0: INVLPG', r'CPU 0: store of \S+ is \S+, page of 4 KiB', r'page of 4096 KiB') if not re.search(p, said)]
        t.ok(status == 1 and not missing, '-d pcall,mmu: far transfers, exceptions, page walks and faults', (status, missing))
