#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Screens: pictures and text over the control socket, keys by name, and viewers on the display socket (emu-display(7)), well-behaved and not.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
exec python3 - <<'PY'
import array, atexit, json, mmap, os, re, socket, struct, subprocess, sys, tempfile, time, zlib

cpu = os.environ['BUILD'] + '/bin/emu-cpu'
tmp = tempfile.mkdtemp(prefix='cpu-display.')
count, failed = 0, 0

def ok(good, text, got=None):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if good else 'not ', count, text), flush=True)
    if not good:
        failed += 1
        if got is not None:
            print('# got', repr(got)[:600])

class Ctl:
    def __init__(self, path):
        self.buf = b''
        for _ in range(600):
            try:
                self.s = socket.socket(socket.AF_UNIX)
                self.s.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.s.settimeout(60)
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
    def dump(self, **args):
        with tempfile.TemporaryFile(dir=tmp) as f:
            answer = self('screendump', args, fd=f.fileno())
            f.seek(0)
            return answer, f.read()
    def text(self):
        r = self('x-screen-text')
        return '\n'.join(r['return']['lines']) if 'return' in r else ''
    def until(self, pattern):
        for _ in range(600):
            if re.search(pattern, self.text()):
                return True
            time.sleep(0.1)
        return False

    def gone(self, pattern):
        for _ in range(600):
            if not re.search(pattern, self.text()):
                return True
            time.sleep(0.02)
        return False

def start(*args):
    run = tempfile.mkdtemp(dir=tmp)
    p = subprocess.Popen([cpu, '-run', run, *args], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    atexit.register(p.kill)
    return p, Ctl(run + '/cpu.ctl'), run

class Viewer:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.connect(path)
        self.s.settimeout(30)
    def get(self):
        data, control, _, _ = self.s.recvmsg(1 << 17, socket.CMSG_SPACE(8))
        fds = []
        for c in control:
            fds += list(array.array('i', c[2]))
        return (struct.unpack('I', data[:4])[0] if data else None), data, fds
    def until(self, kind):
        while True:
            t, data, fds = self.get()
            if t == kind or t is None:
                return data, fds
            for f in fds:
                os.close(f)
    def send(self, *words):
        self.s.sendall(struct.pack('%dI' % len(words), *[w & 0xffffffff for w in words]))
    def gone(self):
        try:
            while self.get()[0] is not None:
                pass
            return True
        except ConnectionError:
            return True
        except socket.timeout:
            return False

HELLO, SURFACE, DIRTY, CURSOR, TEXT, INPUT, ARM, GET_TEXT, KEY, REL = 1, 2, 3, 4, 5, 6, 64, 65, 66, 67

p, c, run = start('-M', 'pc', '-m', '32', '-nodefaults', '-vga', 'std', '-boot', 'menu=on,splash-time=65000', '-device', 'isa-debug-exit')
ok(c.until(r'SeaBIOS[\s\S]*Press ESC for boot menu'), 'the text of the screen: the firmware greets', c.text())
r = c('x-screen-text')['return']
ok((r['columns'], r['rows'], len(r['lines'])) == (80, 25, 25), 'columns and rows', r)
answer, ppm = c.dump()
ok(ppm.startswith(b'P6\n720 400\n255\n') and len(ppm) == 15 + 720 * 400 * 3, 'a picture as PPM', (answer, ppm[:20]))
answer, png = c.dump(format='png')
chunks, at, raw = [], 8, b''
while at < len(png):
    n, kind = struct.unpack('>I4s', png[at:at + 8])
    chunks.append(kind)
    if kind == b'IDAT':
        raw += png[at + 8:at + 8 + n]
    at += 12 + n
raw = zlib.decompress(raw) if raw else b''
def unfilter(raw, width, height):  # PNG (second edition), 9.2
    out, prev = [], bytearray(width * 3)
    for y in range(height):
        kind, row = raw[y * (width * 3 + 1)], bytearray(raw[y * (width * 3 + 1) + 1:(y + 1) * (width * 3 + 1)])
        for x in range(width * 3):
            a, b, d = (row[x - 3] if x > 2 else 0), prev[x], (prev[x - 3] if x > 2 else 0)
            q = a + b - d
            paeth = min((abs(q - a), 0, a), (abs(q - b), 1, b), (abs(q - d), 2, d))[2]
            row[x] = row[x] + (0, a, b, (a + b) // 2, paeth)[kind] & 255
        out.append(bytes(row))
        prev = row
    return b''.join(out)
ok(png[:8] == b'\x89PNG\r\n\x1a\n' and chunks[0] == b'IHDR' and chunks[-1] == b'IEND' and unfilter(raw, 720, 400).count(b'\xaa') == ppm[15:].count(b'\xaa'),
   'the same picture as PNG', (answer, chunks))
ok('error' in c('screendump'), 'a picture wants a descriptor')
ok('format is one of ppm, png' in c.dump(format='bmp')[0]['error']['desc'], 'a format that is none')
ok('no head 1' in c.dump(head=1)[0]['error']['desc'], 'a head that there is not')
ok('no console for device' in c.dump(device='teapot')[0]['error']['desc'].lower(), 'a card that there is not')

# ---- a viewer
v = Viewer(run + '/cpu.display')
t, data, _ = v.get()
ok(t == HELLO and struct.unpack('4I', data) == (1, 0x59504c45, 1, 1), 'HELLO comes first', data)
data, _ = v.until(INPUT)
ok(struct.unpack('4I', data)[1] == 0, 'the guest has a mouse, no tablet', data)
data, fds = v.until(SURFACE)
_, screen, generation, width, height, stride, fourcc, _ = struct.unpack('8I', data)
ok((screen, width, height, fourcc, len(fds)) == (0, 720, 400, 0x34325258, 2), 'SURFACE with two descriptors', data)
try:
    mmap.mmap(fds[0], stride * height)
    ok(False, 'a viewer cannot map the surface for writing')
except (PermissionError, OSError):
    ok(True, 'a viewer cannot map the surface for writing')
try:
    os.ftruncate(fds[0], 4096)
    ok(False, 'nor cut it')
except OSError:
    ok(True, 'nor cut it')
surface = mmap.mmap(fds[0], stride * height, prot=mmap.PROT_READ)
page = mmap.mmap(fds[1], 4096)
words = struct.unpack('10I', page[:40])
ok(words == (0x59504c45, 1, generation, 720, 400, 2880, 0x34325258, 23, 13, 10), 'the shared page has the geometry', words)
rgb = bytearray()
for y in range(400):
    row = surface[y * stride:y * stride + 2880]
    line = bytearray(2160)
    line[0::3], line[1::3], line[2::3] = row[2::4], row[1::4], row[0::4]
    rgb += line
blink = [i for i in range(720 * 400) if rgb[3 * i:3 * i + 3] != ppm[15 + 3 * i:18 + 3 * i]]
ok(len(blink) <= 9 * 16, 'the surface shows what the picture shows, but for a cursor that blinks', len(blink))
def bits():
    b = page[64:64 + 40]
    page[64:64 + 40] = bytes(40)
    return b
v.send(ARM, 0)
v.until(DIRTY)
ok(any(bits()), 'all of a new surface counts as changed')
v.s.settimeout(0.05)
try:
    v.until(DIRTY)
    ok(False, 'the doorbell rings once for each ARM')
except socket.timeout:
    ok(True, 'the doorbell rings once for each ARM')
v.s.settimeout(30)
v.send(GET_TEXT, 0)
data, _ = v.until(TEXT)
_, _, columns, rows, cx, cy = struct.unpack('6I', data[:24])
ok((columns, rows) == (80, 25) and b'SeaBIOS' in data[24:24 + 160:2] and len(data) == 24 + 4000, 'TEXT', data[:60])
v.send(KEY, 1, 1, 0, 0); v.send(KEY, 1, 0, 0, 0); v.send(71, 0, 0, 0, 0)
ok(c.until('Select boot device'), 'a KEY opens the boot menu', c.text())
v.send(ARM, 0)
v.until(DIRTY)
ok(any(bits()), 'what changed is in the bitmap')
two = Viewer(run + '/cpu.display')
two.until(SURFACE)
for words, what in (((99, 0), 'an unknown message'), ((ARM, 7), 'a screen that there is not'), ((KEY, 5000, 1, 0, 0), 'a key code out of range'),
                    ((ARM,), 'a short one'), ((REL, 0, 0, 1 << 20, 0), 'a movement out of range'), ((KEY, 1, 1, 0, 0) + (0,) * 500, 'a long one')):
    bad = Viewer(run + '/cpu.display')
    bad.send(*words)
    ok(bad.gone(), 'disconnected: ' + what)
v.send(GET_TEXT, 0)
ok(len(v.until(TEXT)[0]) == 4024, 'and the others stay')
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ok(c('x-display-attach', fd=a.fileno()) == {'return': {}}, 'a viewer that is brought over the control socket')
ok(struct.unpack('I', b.recv(16)[:4])[0] == HELLO, 'is greeted too')
a2, b2 = socket.socketpair()
ok('SOCK_SEQPACKET' in c('x-display-attach', fd=a2.fileno())['error']['desc'], 'another kind of socket is refused')
many = [Viewer(run + '/cpu.display') for _ in range(20)]
ok(sum(1 for m in many if m.s.recv(1 << 16)) < 20, 'no more than 16')
for m in many:
    m.s.close()

# ---- keys by name
q = lambda name: {'type': 'qcode', 'data': name}
ok('no key has that name' in c('send-key', {'keys': [q('teapot')]})['error']['desc'], 'a key that there is not')
ok('no key has that number' in c('send-key', {'keys': [{'type': 'number', 'data': 255}]})['error']['desc'], 'a number that there is not')
ok('hold-time' in c('send-key', {'keys': [q('a')], 'hold-time': -1})['error']['desc'], 'a negative time')
ok(c('send-key', {'keys': [q('ctrl'), q('alt'), q('delete')], 'hold-time': 50}) == {'return': {}}, 'send-key')
# what was on the screen before has both texts, too
ok(c.gone('Select boot device') and c.until('Press ESC for boot menu'), 'ctrl-alt-delete: the firmware begins anew', c.text())
ok('one of left' in c('input-send-event', {'events': [{'type': 'btn', 'data': {'button': 'nose', 'down': True}}]})['error']['desc'], 'a button that there is not')
ok('0 to 32767' in c('input-send-event', {'events': [{'type': 'abs', 'data': {'axis': 'x', 'value': 40000}}]})['error']['desc'], 'a place beyond the screen')
ok('not found' in c('input-send-event', {'events': [{'type': 'abs', 'data': {'axis': 'x', 'value': 4}}]})['error']['desc'], 'a mouse takes no places')
ok(c('input-send-event', {'events': [{'type': 'rel', 'data': {'axis': 'x', 'value': 4}}, {'type': 'btn', 'data': {'button': 'left', 'down': True}},
                                     {'type': 'btn', 'data': {'button': 'wheel-up', 'down': True}}]}) == {'return': {}}, 'it takes movements, buttons and its wheel')
for down in (True, False):
    c('input-send-event', {'events': [{'type': 'key', 'data': {'down': down, 'key': {'type': 'number', 'data': 1}}}]})
ok(c.until('Select boot device'), 'input-send-event: a key by its number', c.text())
v.s.close()
time.sleep(0.1)
ok(c('query-status')['return']['running'], 'viewers that leave change nothing')
c('quit')
p.wait(60)
ok(not os.path.exists(run + '/cpu.display') and p.returncode == 0, 'the socket\'s name goes with the machine', p.returncode)

p, c, run = start('-M', 'pc', '-m', '8', '-nodefaults', '-vga', 'none', '-S')
ok('no graphics card' in c.dump()[0]['error']['desc'] and 'no graphics card' in c('x-screen-text')['error']['desc'], 'a machine without a screen says so')
c('quit')
p.wait(60)
print('1..%d' % count)
subprocess.run(['rm', '-rf', tmp])
sys.exit(failed != 0)
PY
