# SPDX-License-Identifier: GPL-2.0-or-later
# Multiboot kernels, flat and as ELF files, and PVH ones, with modules and command lines: each says through port e9 what it was told.
import os

quick = True

PRINT = r'''
.code32
text: lodsb             # esi: a text that ends with 0
    test %al, %al
    jz 1f
    out %al, $0xe9
    jmp text
1:  mov $'|', %al
    out %al, $0xe9
    ret
bytes:                  # ecx bytes at esi
    jecxz 1b
    lodsb
    out %al, $0xe9
    loop bytes
    jmp 1b
hex: mov $8, %ecx       # eax
1:  rol $4, %eax
    push %eax
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    out %al, $0xe9
    pop %eax
    loop 1b
    mov $'|', %al
    out %al, $0xe9
    ret
fin: xor %eax, %eax
    out %al, $0xf4
    hlt
    jmp fin
'''

MULTIBOOT = r'''
.text
.globl start
.code32
header: .long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
    .long header, BASE, edata, ebss, start
start: mov $stack, %esp
    push %ebx
    call hex            # eax: the loader's magic number
    pop %ebx
    mov (%ebx), %eax
    call hex            # flags
    mov 4(%ebx), %eax   # lower memory
    call hex
    mov 8(%ebx), %eax   # upper memory
    call hex
    mov 16(%ebx), %esi
    call text           # command line
    mov 64(%ebx), %esi
    call text           # loader's name
    mov 20(%ebx), %edi  # modules
    mov 24(%ebx), %ebp
2:  test %edi, %edi
    jz 3f
    mov 8(%ebp), %esi
    call text
    mov (%ebp), %esi
    test $0xfff, %esi   # whole pages
    jnz fin
    mov 4(%ebp), %ecx
    sub %esi, %ecx
    call bytes
    add $16, %ebp
    dec %edi
    jmp 2b
3:  mov bss, %eax       # cleared
    call hex
    mov initialised, %eax
    call hex
    mov 44(%ebx), %ecx  # the memory map: sum of what is usable from 1 MiB on
    mov 48(%ebx), %esi
    xor %edi, %edi
4:  cmpl $0x100000, 4(%esi)
    jb 5f
    cmpl $1, 20(%esi)
    jne 5f
    add 12(%esi), %edi
5:  mov (%esi), %eax
    add $4, %eax
    add %eax, %esi
    sub %eax, %ecx
    ja 4b
    mov %edi, %eax
    call hex
    mov $1, %eax
    out %al, $0xe9
    jmp fin
''' + PRINT + r'''
.data
initialised: .long 0x600df00d
edata:
.bss
.align 4096
bss: .skip 70000
stack: .long 0
ebss:
'''

PVH = r'''
.section .note, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long start
.text
.globl start
.code32
start: mov $stack, %esp
    mov (%ebx), %eax
    call hex            # magic number
    mov 4(%ebx), %eax
    call hex            # version
    mov 24(%ebx), %esi
    call text           # command line
    mov 12(%ebx), %eax
    call hex            # modules
    mov 16(%ebx), %ebp
    mov (%ebp), %esi
    mov 8(%ebp), %ecx
    call bytes          # the first one
    mov 32(%ebx), %esi  # the ACPI root pointer
    mov $8, %ecx
    call bytes
    mov written, %eax   # a reset starts it anew from the same bytes
    call hex
    incl written
    mov written, %eax
    call hex
    jmp again
''' + PRINT + r'''
again: cmpl $0x5a5a5a5a, 0x600000
    je fin
    movl $0x5a5a5a5a, 0x600000
    mov $6, %al
    mov $0xcf9, %dx
    out %al, %dx
1:  hlt
    jmp 1b
.data
written: .long 0x1000
.bss
    .skip 4096
stack: .long 0
'''


def build(t, name, source, base, defines=()):
    s, o, out = (t.dir + '/' + name + x for x in ('.s', '.o', '.elf'))
    open(s, 'w').write(source)
    t.run('as', '--32', *[a for d in defines for a in ('--defsym', d)], '-o', o, s)
    t.run('ld', '-m', 'elf_i386', '-n', '-Ttext', hex(base), '--section-start', '.note=' + hex(base - 0x1000), '-e', 'start', '-o', out, o)
    return out


def say(t, *args, reboots=False):
    """What a kernel says through port e9; it ends the machine through port f4."""
    out = '%s/say%d' % (t.dir, t.numbered())
    m = t.machine('-m', '64', *([] if reboots else ['-no-reboot']), '-chardev', 'file,path=%s,id=out' % out, '-device', 'isa-debugcon,chardev=out', '-device',
                  'isa-debug-exit,iobase=0xf4,iosize=1', *args)
    status = m.wait(30)
    return open(out, 'rb').read(), status


def run(t):
    one, two = t.dir + '/one', t.dir + '/two'
    open(one, 'w').write('module 1')
    open(two, 'w').write('second' * 2000)
    for name, base, flags in (('flat', 0x100000, 0x10003), ('low', 0x20000, 0x10003), ('elf', 0x400000, 3)):
        kernel = build(t, name, MULTIBOOT, base, ('FLAGS=%d' % flags, 'BASE=%d' % base))
        if flags & 0x10000:
            t.run('objcopy', '-O', 'binary', kernel, t.dir + '/' + name + '.bin')
            kernel = t.dir + '/' + name + '.bin'
        said, status = say(t, '-kernel', kernel, '-append', 'a=1 b', '-initrd', one + ' x=y z,' + two)
        parts = said.split(b'|')
        loader = b'qemu' if t.peer else b'emu-cpu'
        want = [b'2BADB002', b'0000024F', None, None, (kernel + ' a=1 b').encode(), loader, (one + ' x=y z').encode(), b'module 1', two.encode(),
                b'second' * 2000, b'00000000', b'600DF00D', None, b'\1']
        t.ok(len(parts) == len(want) and all(w is None or w == g for w, g in zip(want, parts)) and status == 1, 'multiboot, %s: registers, command line, modules, bss' % name, (said[:600], status))
        if len(parts) == len(want):
            lower, upper, usable = int(parts[2], 16), int(parts[3], 16), int(parts[12], 16)
            t.ok(600 <= lower <= 640 and 62000 < upper <= 64512 and abs(usable - (upper << 10)) < 1 << 20, 'multiboot, %s: memory' % name, (lower, upper, usable))
    kernel = build(t, 'pvh', PVH, 0x200000)
    said, status = say(t, '-kernel', kernel, '-append', 'c=2', '-initrd', two, reboots=True)
    root = b'RSD PTR '
    want = [b'336EC578', b'00000001', b'c=2', b'00000001', b'second' * 2000, root, b'00001000', b'00001001', b'']
    t.ok(said.split(b'|') == want[:-1] + want and status == 1, 'PVH, twice: start information, command line, module, ACPI', (said[-300:], status))

    def refused(what, pattern, *args):
        import re
        import subprocess
        p = subprocess.run([t.build + '/bin/emu-cpu', '-M', 'pc', *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        t.ok(p.returncode == 1 and re.search(pattern, p.stderr), 'refused: ' + what, (p.returncode, p.stderr))
    if t.peer:
        return
    text = t.dir + '/text'
    open(text, 'w').write('nothing\n' * 200)
    refused('a text as kernel', 'no kernel that can be started here', '-kernel', text)
    refused('a module that is not there', 'cannot open', '-kernel', t.dir + '/flat.bin', '-initrd', t.dir + '/none')
    refused('more than memory takes', '-m gives the machine more', '-m', '3', '-kernel', t.dir + '/elf.elf')
    plain = build(t, 'plain', '.text\n.globl start\nstart: hlt\n', 0x100000)
    refused('an ELF file without a note', 'neither a multiboot header nor a PVH note', '-kernel', plain)
    cut = t.dir + '/cut'
    open(cut, 'wb').write(open(t.dir + '/elf.elf', 'rb').read()[:0x1100])
    refused('a cut ELF file', 'lies beyond', '-kernel', cut)
    low = build(t, 'verylow', MULTIBOOT, 0x8000, ('FLAGS=3', 'BASE=0'))
    refused('a kernel on the BIOS\'s memory', 'the BIOS has', '-kernel', low)
    os.remove(cut)
