# SPDX-License-Identifier: GPL-2.0-or-later
# The boot protocols of Linux from the first to 2.06: a setup part that says where it is, its command line, its RAM disk and what lies at the kernel's place.
quick = True

SETUP = r'''
.code16
.org 0x1f1
    .byte 1             # one sector of setup
.org 0x1fe
    .word 0xaa55
    jmp begin
.if VERSION
    .ascii "HdrS"
    .word VERSION
    .long 0
    .word 0, 0
loader: .byte 0
flags: .byte HIGH
    .word 0x8000
    .long HIGH * 0xf0000 + 0x10000
image: .long 0
size: .long 0
    .long 0
heap: .word 0, 0
line: .long 0
    .long 0x37ffffff
    .long 0
    .byte 0, 0
    .word 0
longest: .long 255
.endif
.org 0x280
begin:
    mov %cs, %ax
    sub $0x20, %ax      # the boot sector's segment
    mov %ax, %ds
    call hex
    mov $0x4000, %bx    # a descriptor table for INT 15, AH=87
    mov %ax, %ss
    mov $0xf000, %sp
    mov %ax, %es
    xor %ax, %ax
    mov %bx, %di
    mov $24, %cx
    cld
    rep stosw
    movw $0xffff, 0x10(%bx)
    movl $KERNEL + 0x93000000, 0x12(%bx)
    movw $0xffff, 0x18(%bx)
    mov %ds, %ax
    movzwl %ax, %eax
    shl $4, %eax
    add $0x5000 + 0x93000000, %eax
    mov %eax, 0x1a(%bx)
    mov %bx, %si
    mov $0x87, %ah
    mov $8, %cx
    int $0x15
    mov $0x5000, %si
    call text
.if VERSION >= 0x202
    mov line, %eax
    shr $4, %eax
    mov %ax, %es
    mov line, %si
    and $15, %si
.else
    cmpw $0xa33f, 0x20
    jne fin
    mov 0x22, %si
.endif
1:  mov %es:(%si), %al
    inc %si
    test %al, %al
    jz 2f
    out %al, $0xe9
    jmp 1b
2:  mov $'|', %al
    out %al, $0xe9
.if VERSION
    movb loader, %al
    call hex
    movw size, %ax
    call hex
    movw image, %ax
    and $0xfff, %ax
    call hex
.endif
.if VERSION >= 0x201
    movzbw flags, %ax
    call hex
    mov heap, %ax
    call hex
.endif
    mov $0, %al
    out %al, $0xf4
fin: mov $1, %al
    out %al, $0xf4
text: lodsb
    test %al, %al
    jz 3f
    out %al, $0xe9
    jmp text
3:  mov $'|', %al
    out %al, $0xe9
    ret
hex: push %cx
    push %ax
    mov %ax, %dx
    mov $4, %cx
4:  rol $4, %dx
    mov %dl, %al
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    out %al, $0xe9
    loop 4b
    mov $'|', %al
    out %al, $0xe9
    pop %ax
    pop %cx
    ret
.org 0x400
    .asciz "the kernel"
.org 0x800
'''


def run(t):
    ram = t.dir + '/ram'
    open(ram, 'w').write('x' * 777)
    source = t.dir + '/setup.s'
    open(source, 'w').write(SETUP)
    for version, high in (0, 0), (0x200, 0), (0x200, 1), (0x201, 1), (0x202, 1), (0x206, 1):
        obj, image = t.dir + '/o', t.dir + '/image'
        t.run('as', '--32', '--defsym', 'VERSION=%d' % version, '--defsym', 'HIGH=%d' % high, '--defsym', 'KERNEL=%d' % (0x100000 if high else 0x10000), '-o', obj, source)
        t.run('objcopy', '-O', 'binary', '-j', '.text', obj, image)
        out = '%s/say%d' % (t.dir, t.numbered())
        m = t.machine('-m', '64', '-no-reboot', '-chardev', 'file,path=%s,id=out' % out, '-device', 'isa-debugcon,chardev=out', '-device',
                      'isa-debug-exit,iobase=0xf4,iosize=1', '-kernel', image, '-append', 'the line', *(['-initrd', ram] if version else []))
        status = m.wait(30)
        said = open(out, 'rb').read().decode('latin-1').split('|')
        want = ['1000' if high and version >= 0x202 else '9000', 'the kernel', 'the line']
        if version:
            want += [None, '%04X' % 777, '0000']
        if version >= 0x201:
            want += ['%04X' % (high | 0x80), None]
        want += ['']
        t.ok(status == 1 and len(said) == len(want) and all(w is None or w == g for w, g in zip(want, said)), 'protocol %x.%02x, %s' % (version >> 8, version & 255, 'bzImage' if high else 'zImage'), (said, want, status))
        if version >= 0x201 and len(said) == len(want):
            heap = int(said[7], 16)
            t.ok(0x8000 < heap <= 0xfe00, 'protocol %x.%02x: a heap' % (version >> 8, version & 255), heap)
