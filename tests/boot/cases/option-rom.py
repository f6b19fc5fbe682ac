# SPDX-License-Identifier: GPL-2.0-or-later
# -option-rom and -fw_cfg: SeaBIOS runs a ROM of the user's, which reads a file of the user's through fw_cfg and says it; -bios with a BIOS of four lines.
quick = True

ROM = r'''
.code16
.org 0
    .byte 0x55, 0xaa, 2         # 1 KiB
    jmp 1f
    .org 6
1:  pusha
    push %ds
    mov %cs, %ax
    mov %ax, %ds
    mov $0x510, %dx             # the directory: entries of 64 bytes, number big-endian
    mov $0x19, %ax
    out %ax, %dx
    inc %dx
    xor %bx, %bx
    in (%dx), %al
    in (%dx), %al
    in (%dx), %al
    mov %al, %bh
    in (%dx), %al
    mov %al, %bl
2:  mov $8, %cx                 # size, key, reserved
3:  in (%dx), %al
    shl $8, %esi                # the last four bytes: key and reserved
    mov %al, %dl
    movzbl %dl, %eax
    or %eax, %esi
    mov $0x511, %dx
    loop 3b
    mov $name, %di
    mov $56, %cx
    mov $1, %ah
4:  in (%dx), %al
    cmp %al, (%di)
    je 5f
    mov $0, %ah
5:  cmpb $0, (%di)
    je 6f
    inc %di
6:  loop 4b
    test %ah, %ah
    jnz found
    dec %bx
    jnz 2b
    mov $'-', %al
    out %al, $0xe9
    jmp done
found: shr $16, %esi
    mov %si, %ax
    mov $0x510, %dx
    out %ax, %dx
    inc %dx
7:  in (%dx), %al
    test %al, %al
    jz done
    out %al, $0xe9
    jmp 7b
done: xor %al, %al
    out %al, $0xf4
    pop %ds
    popa
    lret
name: .asciz "opt/emu/text"
.org 1024
'''

BIOS = r'''
.code16
.org 0
start: mov $'B', %al
    out %al, $0xe9
    xor %al, %al
    out %al, $0xf4
    hlt
.org 0xfff0
    ljmp $0xf000, $start
.org 0x10000
'''


def assemble(t, name, source):
    s, o, out = (t.dir + '/' + name + x for x in ('.s', '.o', '.bin'))
    open(s, 'w').write(source)
    t.run('as', '--32', '-o', o, s)
    t.run('objcopy', '-O', 'binary', '-j', '.text', o, out)
    return out


def run(t):
    def said(*args):
        out = '%s/say%d' % (t.dir, t.numbered())
        m = t.machine('-m', '32', '-no-reboot', '-debugcon', 'file:' + out if t.peer else 'file,path=' + out, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1', *args)
        return m.wait(30), open(out).read()
    rom = assemble(t, 'rom', ROM)
    data = bytearray(open(rom, 'rb').read())
    data[-1] = -sum(data) & 255
    open(rom, 'wb').write(data)
    text = t.dir + '/text'
    open(text, 'w').write('out of a file')
    got = said('-option-rom', rom, '-fw_cfg', 'name=opt/emu/text,string=from the command line', '-fw_cfg', 'name=opt/emu/more,string=x')
    t.ok(got == (1, 'from the command line'), 'an option ROM reads a text of -fw_cfg', got)
    got = said('-option-rom', rom, '-fw_cfg', 'opt/emu/text,file=' + text)
    t.ok(got == (1, 'out of a file'), 'and a file', got)
    got = said('-option-rom', rom)
    t.ok(got == (1, '-'), 'and nothing where there is none', got)
    got = said('-bios', assemble(t, 'bios', BIOS))
    t.ok(got == (1, 'B'), 'another BIOS of 64 KiB', got)
