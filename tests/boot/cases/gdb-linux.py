# SPDX-License-Identifier: GPL-2.0-or-later
# gdb debugs Debian's cloud kernel from its first C function to user mode. The package with its debug information has 280 MB; unless GDB_DEBUG_PACKAGE
# names it, symbols come from the running kernel's /proc/kallsyms, in an ELF file that is made of them here (nokaslr: they are the same at each start).
import os, shutil, subprocess


def symbols(t, guest, names):
    """An ELF file with the symbols of the kernel that boots, made from what a first boot tells."""
    m = t.machine('-m', '256', '-no-reboot', '-kernel', guest + '/vmlinuz', '-initrd', guest + '/initrd.gz', '-append', 'console=ttyS0 quiet nokaslr no_timer_check panic=-1')
    m.expect('Shell after', 240)
    m.expect('# ', 30)
    m.send("mount -t proc proc /proc 2>/dev/null; grep -E ' (_stext|%s)$' /proc/kallsyms; echo that is all\n" % '|'.join(names))
    found = m.expect(r'(?s)((?:[0-9a-f]{16} . \w+\n)+).*that is all', 120).group(1)
    m.send('poweroff -f\n')
    m.wait(60)
    at = {l.split()[2]: int(l.split()[0], 16) for l in found.splitlines()}
    base = 0xffffffff81000000
    with open(t.dir + '/k.S', 'w') as f:
        f.write('.text\nbase:\n')
        for name, addr in at.items():
            f.write('.globl %s\n.type %s, @function\n.set %s, base + %#x\n' % (name, name, name, addr - base))
        f.write('.skip %#x\n' % (max(at.values()) - base + 0x1000))
    t.run('gcc', '-c', '-o', t.dir + '/k.o', t.dir + '/k.S')
    t.run('ld', '-n', '--no-warn-rwx-segments', '-Ttext', hex(base), '-e', '0', '-o', t.dir + '/vmlinux', t.dir + '/k.o')
    return t.dir + '/vmlinux', at


def run(t):
    t.tool('gdb-multiarch', 'gdb-multiarch')
    guest = t.demo_guest()
    names = ['start_kernel', 'rest_init', 'kernel_init', 'do_sys_openat2', 'vfs_read', '__x64_sys_getpid', 'jiffies', 'jiffies_64', 'secondary_startup_64',
             'start_secondary', 'schedule', 'panic']
    package = os.environ.get('GDB_DEBUG_PACKAGE')
    if package:
        root = t.package(package)
        vmlinux = subprocess.run(['find', root, '-name', 'vmlinux-*'], capture_output=True, text=True).stdout.split()[0]
        at = None
    else:
        vmlinux, at = symbols(t, guest, names)
        t.ok('start_kernel' in at and 'do_sys_openat2' in at, 'the kernel tells its symbols', at)
    sock = t.dir + '/gdb'
    place = ['-gdb', 'unix:%s,server=on,wait=off' % sock] if t.peer else ['-gdb', 'unix:' + sock]
    m = t.machine('-m', '256', '-smp', '2', '-no-reboot', '-S', '-kernel', guest + '/vmlinuz', '-initrd', guest + '/initrd.gz', '-append',
                  'console=ttyS0 quiet nokaslr no_timer_check panic=-1', *place)
    while not os.path.exists(sock):
        m.pump(0.1)
    script = '''set pagination off
set confirm off
set debuginfod enabled off
target remote %s
echo reset:\\n
p/x $pc
hbreak start_kernel
continue
info symbol $pc
p/x $cs
p/x $cr0 & 0x80000001
stepi 200
echo stepped:\\n
info threads
delete
tbreak start_secondary
continue
echo second:\\n
info threads
thread 1
delete
break do_sys_openat2 if *(char *)$rsi == '/'
continue
echo open:\\n
x/s $rsi
bt 1
p *(char *)$rsi = 'X'
p *(char *)$rsi = '/'
delete
watch *(long *)&jiffies_64
continue
continue
continue
echo ticks:\\n
delete
maintenance packet Qqemu.sstep=0x1
tbreak __x64_sys_getpid
stepi 5000
echo open steps\\n
maintenance packet Qqemu.sstep=0x7
stepi 5000
echo masked steps\\n
delete
detach
''' % sock
    open(t.dir + '/script', 'w').write(script)
    out = open(t.dir + '/out', 'w+')
    p = subprocess.Popen(['gdb-multiarch', '-q', '-nx', '-batch', '-x', t.dir + '/script', vmlinux], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    t.children.append(p)
    left = 9000
    while p.poll() is None and left:
        m.pump(0.1)
        left -= 1
    text = open(t.dir + '/out').read()
    def part(a, b):
        return text.split(a, 1)[-1].split(b, 1)[0] if a in text else ''
    t.ok('= 0xfff0' in part('reset:', 'start_kernel'), 'it begins at the reset vector', text[:800])
    t.ok('start_kernel' in part('reset:', 'stepped:') and '= 0x80000001' in text, 'the kernel begins, with paging', text[:1200])
    t.ok('CPU#1' in part('stepped:', 'second:'), 'both processors are threads', part('stepped:', 'second:'))
    t.ok('* 2' in part('second:', 'open:'), 'a breakpoint on the second processor', part('second:', 'open:'))
    t.ok('"/' in part('open:', 'ticks:'), 'a file that somebody opens', part('open:', 'ticks:'))
    t.ok(part('open:', 'ticks:').count('New value') == 3, 'a watchpoint on the clock', part('open:', 'ticks:')[-1500:])
    t.ok('masked steps' in text, 'ten thousand steps', text[-800:])
    m.expect('Shell after', 240)
    m.expect('# ', 30)
    m.send('poweroff -f\n')
    t.ok(m.wait(60) == 0, 'the kernel goes on undisturbed, and switches off')
