# SPDX-License-Identifier: GPL-2.0-or-later
# -boot: order, once, strict and bootindex choose among a floppy, two disks and a CD-ROM, whose boot sectors say which they are and reset the
# machine; a splash picture; no boot signature on a floppy.
import re
import struct
import subprocess

quick = True

SECTOR = r'''
.code16
.org 0
    mov $NAME, %al
    out %al, $0xe9
    mov $0x2f, %al      # a register of the CMOS that nobody uses counts the starts; the last one ends the machine
    out %al, $0x70
    in $0x71, %al
    inc %al
    mov %al, %ah
    mov $0x2f, %al
    out %al, $0x70
    mov %ah, %al
    out %al, $0x71
    cmp $STARTS, %al
    je fin
    mov $0xfe, %al
    out %al, $0x64
1:  hlt
    jmp 1b
fin: xor %al, %al
    out %al, $0xf4
    hlt
.org 510
    .word SIGNATURE
'''


def sector(t, name, starts, signature=0xaa55):
    s, o, out = t.dir + '/s.s', t.dir + '/s.o', t.dir + '/s.bin'
    open(s, 'w').write(SECTOR)
    t.run('as', '--32', '--defsym', 'NAME=%d' % ord(name), '--defsym', 'STARTS=%d' % starts, '--defsym', 'SIGNATURE=%d' % signature, '-o', o, s)
    t.run('objcopy', '-O', 'binary', '-j', '.text', o, out)
    return open(out, 'rb').read()


def cd(t, name, starts):
    """The least CD that boots (El Torito): a boot record, a catalogue, one sector of code."""
    block = [bytearray(2048) for _ in range(20)]
    block[16][:7] = b'\x01CD001\x01'
    block[17][:7] = b'\x00CD001\x01'
    block[17][7:7 + 23] = b'EL TORITO SPECIFICATION'
    struct.pack_into('<I', block[17], 0x47, 18)
    block[18][0:4] = b'\x01\0\0\0'
    block[18][30:32] = b'\x55\xaa'
    total = sum(struct.unpack('<16H', block[18][:32])) & 0xffff
    struct.pack_into('<H', block[18], 28, -total & 0xffff)
    struct.pack_into('<BBHBBHI', block[18], 32, 0x88, 0, 0, 0, 0, 4, 19)
    block[19][:512] = sector(t, name, starts)
    return b''.join(block)


def run(t):
    def boots(starts, *args, signature=0xaa55, blank='', disks='fhdvc'):
        paths = {}
        for kind, data in (('f', sector(t, 'f', starts, signature).ljust(1474560, b'\0')), ('h', sector(t, 'h', starts)), ('d', sector(t, 'd', starts)),
                           ('v', sector(t, 'v', starts)), ('c', cd(t, 'c', starts))):
            paths[kind] = '%s/%s%d' % (t.dir, kind, t.numbered())
            open(paths[kind], 'wb').write((b'' if kind in blank else data).ljust(1 << 20, b'\0'))
        made = []
        if 'f' in disks:
            made.append(t.disk(paths['f'], 'floppy'))
        if 'h' in disks:
            made.append(t.disk(paths['h'], 'ide'))
        if 'd' in disks:
            made.append(t.disk(paths['d'], 'ide'))
        if 'c' in disks:
            made.append(t.disk(paths['c'], 'ide', media='cdrom', readonly=True))
        if 'v' in disks:
            made.append(t.disk(paths['v'], 'none'))
        args = [a.replace('VIRTIO', made[-1].id) for a in args]
        out = '%s/say%d' % (t.dir, t.numbered())
        m = t.machine('-m', '64', '-chardev', 'file,path=%s,id=out' % out, '-device', 'isa-debugcon,chardev=out', '-device', 'isa-debug-exit,iobase=0xf4,iosize=1', *args, disks=made)
        return m, out

    def said(starts, *args, **kw):
        m, out = boots(starts, *args, **kw)
        m.wait(30)
        for d in list(t.children):
            if d.poll() is None:
                d.terminate()
        return open(out).read()
    for text, want in (('a', 'f'), ('c', 'h'), ('d', 'c'), ('order=dc', 'c'), ('order=cad', 'h')):
        got = said(1, '-boot', text, disks='fhc')
        t.ok(got == want, '-boot %s boots %s' % (text, want), got)
    got = said(3, '-boot', 'order=c,once=d', disks='fhc')
    t.ok(got == 'chh', 'once=d is for the first start', got)
    got = said(1, '-boot', 'order=dc', '-device', 'virtio-blk-pci,drive=VIRTIO,bootindex=0', disks='fhcv')
    t.ok(got == 'v', 'bootindex=0 comes before order', got)
    got = said(1, '-boot', 'order=ca', blank='h', disks='fh')
    t.ok(got == 'f', 'what cannot be booted is passed over', got)
    got = said(1, '-boot', 'a', signature=0, disks='fh')
    t.ok(got == 'h', 'a floppy without a signature is passed over', got)
    got = said(1, '-boot', 'a', '-no-fd-bootchk', signature=0, disks='fh')
    t.ok(got == 'f', 'and booted with -no-fd-bootchk', got)
    got = said(1, '-boot', 'strict=on,order=c', disks='fh')
    t.ok(got == 'h', 'strict=on without a bootindex changes nothing', got)
    m, out = boots(1, '-boot', 'strict=on', '-device', 'virtio-blk-pci,drive=VIRTIO,bootindex=1', blank='v', disks='fhv')
    m.expect('No bootable device', 30)
    t.ok(open(out).read() == '', 'strict=on boots nothing that has no bootindex')
    m.kill()
    # A picture: 640 x 480, 24 bits, all of one colour. It is shown in a graphics mode, while the menu's time runs.
    width, height = 640, 480
    picture = b'BM' + struct.pack('<IHHI', 54 + width * height * 3, 0, 0, 54) + struct.pack('<IiiHHIIiiII', 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + b'\x10\x80\xf0' * width * height
    open(t.dir + '/splash.bmp', 'wb').write(picture)
    m, out = boots(1, '-boot', 'menu=on,splash=%s/splash.bmp,splash-time=600' % t.dir, '-machine', 'graphics=on', disks='h')
    m.wait(30)
    t.ok(open(out).read() == 'h', 'a splash picture does not keep the disk from booting')
    if t.peer:
        return

    def refused(what, pattern, *args):
        p = subprocess.run([t.build + '/bin/emu-cpu', '-M', 'pc', '-boot', *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        t.ok(p.returncode == 1 and re.search(pattern, p.stderr), 'refused: ' + what, (p.returncode, p.stderr))
    refused('an unknown drive', 'letters a', 'order=z')
    refused('menu=maybe', 'on or off', 'menu=maybe')
    refused('a picture that is none', 'neither a JPEG nor a BMP', 'splash=' + t.dir + '/s.bin')
    refused('an endless time', 'milliseconds', 'splash-time=99999')
    refused('an unknown word', "has no 'fast'", 'fast=on')
