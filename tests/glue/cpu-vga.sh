#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a VGA shows, mode by mode: an option ROM (tests/guest-sys/vga-modes.S) sets each, draws, and waits for the space bar; the picture must be the one that
# is recorded here as its size and CRC. Those marked = are to the dot what the classic emulator shows (VGA_PEER=1 compares again where it is installed);
# the others differ from it, for the reason given.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
exec python3 - <<'PY'
import array, atexit, json, os, socket, subprocess, sys, tempfile, time, zlib

NAMES = '''
t_80x25        ! the ninth dot continues characters C0h to DFh alone (IBM's reference), not B0h to BFh
t_40x25        ! nine dots a character, each twice
t_80x50        ! ninth dot
t_80x28        ! ninth dot
t_mono         ! ninth dot
t_8dots        =
t_start        ! ninth dot
t_stride       ! ninth dot
t_split        ! ninth dot
t_fonts        ! ninth dot
t_colours      ! the DAC's mask counts
t_cursor       =
g_320x200x4    =
g_640x200x2    =
g_320x200x16   =
g_640x200x16   =
g_640x350x2    =
g_640x350x16   =
g_640x480x2    =
g_640x480x16   =
g_320x200x256  =
g_start        ! pixel panning counts
g_split        =
g_plane_mask   =
g_mode_x       =
g_write_modes  =
v_8            =
v_15           ! white is ff, not f8
v_16           =
v_24           =
v_32           =
v_window       ! to the dot, not to four bytes
v_8bit_dac     =
v_4            ! planar
v_bios         =
'''
RECORDED = '''
t_80x25 720x400 bb4ca172
t_40x25 720x400 fd996783
t_80x50 720x400 8279d34f
t_80x28 720x392 77ce90ff
t_mono 720x392 5f23085d
t_8dots 640x392 12cedaca
t_start 720x400 6ed6deb8
t_stride 720x400 0604991e
t_split 720x400 0a2edaf1
t_fonts 720x400 ee2f5072
t_colours 720x400 eaa198f3
t_cursor 720x400 7da01b3a
g_320x200x4 640x400 6eac9c29
g_640x200x2 640x400 12dd0697
g_320x200x16 640x400 6e0be6c3
g_640x200x16 640x400 27ace0be
g_640x350x2 640x350 4dac758c
g_640x350x16 640x350 485cce43
g_640x480x2 640x480 250ae784
g_640x480x16 640x480 d3846220
g_320x200x256 640x400 e533901d
g_start 640x480 83199afa
g_split 640x480 8d4cc5af
g_plane_mask 640x480 4e27848c
g_mode_x 640x480 31a2a085
g_write_modes 640x480 903af2ca
v_8 320x200 39ba85fb
v_15 320x200 1698aaec
v_16 320x200 28e1e7f4
v_24 320x200 233f54c2
v_32 320x200 824b4279
v_window 320x200 2667b24e
v_8bit_dac 320x200 38822577
v_4 640x480 d3846220
v_bios 800x600 06f47ba7
'''
recorded = {l.split()[0]: tuple(l.split()[1:]) for l in RECORDED.split('\n') if l.strip()}
steps = [(l.split()[0], l.split()[1]) for l in NAMES.split('\n') if l.strip()]
tmp = tempfile.mkdtemp(prefix='cpu-vga.')
build = os.environ['BUILD']
failed = 0

subprocess.check_call(['gcc', '-m32', '-c', '-o', tmp + '/rom.o', 'tests/guest-sys/vga-modes.S'])
subprocess.check_call(['ld', '-m', 'elf_i386', '-Ttext', '0', '--oformat', 'binary', '-o', tmp + '/rom', tmp + '/rom.o'])
rom = bytearray(open(tmp + '/rom', 'rb').read())
rom[-1] = -sum(rom) & 255
open(tmp + '/rom', 'wb').write(rom)

class Machine:
    def __init__(self, peer):
        mine, its = socket.socketpair()
        path = tmp + ('/peer' if peer else '/ctl')
        if peer:
            command = ['/usr/bin/qemu-system-x86_64', '-accel', 'tcg', '-display', 'none', '-qmp', 'unix:%s,server=on,wait=off' % path,
                       '-chardev', 'socket,id=log,fd=%d' % its.fileno()]
        else:
            command = [build + '/bin/emu-cpu', '-ctl', path, '-chardev', 'id=log,fd=%d' % its.fileno()]
        self.peer = peer
        self.p = subprocess.Popen(command + ['-M', 'pc', '-m', '32', '-nodefaults', '-vga', 'std', '-device', 'isa-debugcon,iobase=0xe9,chardev=log',
                                             '-option-rom', tmp + '/rom'], pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self.p.kill)
        its.close()
        self.log = mine
        mine.settimeout(60)
        for _ in range(600):
            try:
                self.s = socket.socket(socket.AF_UNIX)
                self.s.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.s.settimeout(60)
        self.buf = b''
        self.line()
        self('qmp_capabilities')
    def line(self):
        while b'\n' not in self.buf:
            got = self.s.recv(65536)
            if not got:
                raise EOFError
            self.buf += got
        line, self.buf = self.buf.split(b'\n', 1)
        return json.loads(line)
    def __call__(self, name, args={}, fd=None):
        text = json.dumps({'execute': name, 'arguments': args}).encode()
        self.s.sendmsg([text], [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))])
        while True:
            m = self.line()
            if 'event' not in m:
                return m
    def picture(self):
        with tempfile.NamedTemporaryFile(dir=tmp) as f:
            if self.peer:
                self('screendump', {'filename': f.name})
            else:
                self('screendump', fd=f.fileno())
            data = open(f.name, 'rb').read()
        return '%sx%s' % tuple(x.decode() for x in data.split(None, 3)[1:3]), '%08x' % zlib.crc32(data)
    def ready(self, n):
        return self.log.recv(1) == bytes([ord('a') + n])
    def space(self):
        self('send-key', {'keys': [{'type': 'qcode', 'data': 'spc'}], 'hold-time': 10})

m = Machine(False)
other = Machine(True) if os.environ.get('VGA_PEER') else None
for n, (name, same) in enumerate(steps):
    if not m.ready(n) or (other and not other.ready(n)):
        print('Bail out! the ROM does not come to ' + name)
        break
    got = m.picture()
    for _ in range(40):  # a cursor that blinks
        if got == recorded.get(name):
            break
        time.sleep(0.05)
        got = m.picture()
    good = got == recorded.get(name)
    print('%sok %d - %s' % ('' if good else 'not ', n + 1, name))
    failed += not good
    if not good or os.environ.get('VGA_RECORD'):
        print('# %s %s %s' % ((name,) + got))
    if other:
        seen = other.picture()
        for _ in range(40):
            if seen == got:
                break
            time.sleep(0.05)
            seen = other.picture()
        print('# the other shows %s' % ('the same' if seen == got else 'another picture') + ('' if (seen == got) == (same == '=') else ': UNEXPECTED'))
        other.space()
    m.space()
m.p.kill()
m.p.wait()
if other:
    other.p.kill()
    other.p.wait()
print('1..%d' % len(steps))
subprocess.run(['rm', '-rf', tmp])
sys.exit(failed != 0)
PY
