#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The monitor as people and programs see it: a terminal with its keys, one-shot commands, scripts, QMP's wire rules, many clients; and each
# line of HMP that is not a part's own wording is the classic's, which is asked where it is installed.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
command -v python3 >/dev/null || { echo "1..0 # SKIP python3 is not installed"; exit 0; }
exec python3 - <<'EOF'
import json, os, pty, re, select, shutil, socket, struct, subprocess, sys, tempfile, termios, time, fcntl

B = os.environ['BUILD'] + '/bin/'
mon, cpu, nbd = B + 'emu-mon', B + 'emu-cpu', B + 'emu-nbd'
peer = '/usr/bin/qemu-system-x86_64'
tmp = tempfile.mkdtemp(prefix='mon-session.')
run = tmp + '/run'
os.mkdir(run, 0o700)
count = failed = 0
children = []

def ok(good, text, got=None):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if good else 'not ', count, text), flush=True)
    if not good:
        failed += 1
        if got is not None:
            for line in repr(got)[:1500].split('\\n'):
                print('#', line)

def start(*args):
    p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(tmp + '/log', 'a'))
    children.append(p)
    return p

def wait_for(path):
    for _ in range(1000):
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit('Bail out! nobody listens at ' + path)

def once(*commands):
    p = subprocess.run([mon, '--run', run, *commands], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout

class Terminal:
    """A program on a pseudo-terminal, read until its prompt."""
    def __init__(self, args, prompt='(qemu) '):
        self.m, s = pty.openpty()
        fcntl.ioctl(s, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
        self.settings = termios.tcgetattr(s)
        self.slave = os.dup(s)
        self.p = subprocess.Popen(args, stdin=s, stdout=s, stderr=s, start_new_session=True)
        os.close(s)
        self.prompt = prompt
        self.first = self.read()
    def read(self, end=None, timeout=30):
        out, end = '', end or self.prompt
        limit = time.time() + timeout
        while not out.endswith(end) and time.time() < limit:
            r, _, _ = select.select([self.m], [], [], 0.5)
            if r:
                try:
                    d = os.read(self.m, 65536)
                except OSError:
                    break
                if not d:
                    break
                out += d.decode(errors='replace')
            elif self.p.poll() is not None:
                break
        return out
    def send(self, text):
        os.write(self.m, text.encode())
    def line(self, text):
        """The answer to a line, without its echo and the prompt."""
        self.send(text + '\r')
        out = self.read('\n' + self.prompt)
        out = out[out.find('\n') + 1:]
        return out[:-len(self.prompt)].replace('\r', '') if out.endswith(self.prompt) else out
    def end(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        os.close(self.m)
        os.close(self.slave)

open(tmp + '/disk', 'wb').truncate(1 << 20)
open(tmp + '/cd', 'wb').truncate(1 << 20)
def disk():
    return start(nbd, '-t', '-e', '0', '-f', 'raw', '-k', run + '/dd.nbd', '--id=dd', '--ctl=' + run + '/dd.ctl', tmp + '/disk')
server = disk()
start(nbd, '-t', '-e', '0', '-f', 'raw', '-r', '-k', run + '/cd.nbd', '--id=cd', '--removable', '--ctl=' + run + '/cd.ctl', tmp + '/cd')
wait_for(run + '/dd.ctl')
wait_for(run + '/cd.ctl')
machine = start(cpu, '-M', 'pc', '-m', '64', '-S', '-nodefaults', '-name', 'test', '-run', run, '-disk', 'id=dd,nbd=unix:%s/dd.nbd,if=none' % run,
                '-device', 'virtio-blk-pci,drive=dd,id=vda', '-disk', 'id=cd,nbd=unix:%s/cd.nbd,if=ide,media=cdrom' % run)
wait_for(run + '/cpu.ctl')

# ---- one-shot ----
ok(once('info status') == (0, 'VM status: paused (prelaunch)\n'), 'a command from the command line', once('info status'))
ok(once('info name', 'p 6*7') == (0, 'test\n0x2a\n'), 'two of them', once('info name', 'p 6*7'))
rc, out = once('foo')
ok(rc == 1 and out == "unknown command: 'foo'\n", 'an unknown one: status 1', (rc, out))
p = subprocess.run([mon, '--run', run], input='info name\n\np 1\n', capture_output=True, text=True, timeout=60)
ok(p.stdout == 'test\n0x1\n' and p.returncode == 0, 'a script through a pipe: answers alone', p.stdout)
open(tmp + '/script', 'w').write(''.join('p /d %d\n' % i for i in range(2000)))
p = subprocess.run([mon, '--run', run], stdin=open(tmp + '/script'), capture_output=True, text=True, timeout=120)
ok(p.stdout == ''.join('%d\n' % i for i in range(2000)), 'a script of 2,000 lines from a file, in order', p.stdout[-200:])
p = subprocess.run([mon, 'no-such-machine'], env=dict(os.environ, XDG_RUNTIME_DIR=tmp), capture_output=True, text=True, timeout=60)
ok(p.returncode == 1 and 'there is no machine at %s/emu/no-such-machine' % tmp in p.stderr, 'no such machine: named', p.stderr)

# ---- a terminal ----
t = Terminal([mon, '--run', run])
ok(t.first.endswith("monitor - type 'help' for more information\r\n(qemu) "), 'greeting and prompt', t.first)
ok(t.line('info status') == 'VM status: paused (prelaunch)\n', 'a line', None)
t.send('info statux\x7fs')
out = t.line('')
ok('VM status: paused' in out, 'backspace mends a line', out)
t.send('\x1b[A')
out = t.line('')
ok('VM status: paused' in out, 'arrow up brings the last line back', out)
t.send('us\x01info stat\x05\r')
out = t.read('\n(qemu) ')
ok('VM status: paused' in out, 'Ctrl-A and Ctrl-E go to the ends', out)
t.send('info name trash\x17\x0b\r')
out = t.read('\n(qemu) ')
ok('\ntest\r\n' in out, 'Ctrl-W takes a word', out)
t.send('info ver\t')
ok('info version ' in t.read('version ', 5), 'Tab completes')
t.send('\x15info b\t')
t.send('lock\t')
out = t.read('(qemu) info block\x1b[K', 5)
ok(re.search(r'block +block-jobs +blockstats', out), 'Tab lists what is possible', out)
t.send('\x15eject \t')
out = t.read('(qemu) eject \x1b[K', 5)
ok(re.search(r'cd +dd', out), 'Tab knows the disks', out)
t.send('\x15')
t.read('\x1b[K', 2)
out = t.line('info history')
ok("0: 'info status'\n" in out and out.rstrip().endswith("'info history'"), 'info history', out)
ok(t.line('x' * 5000).startswith('') and t.line('p 1') == '0x1\n', 'a line of 5,000 bytes is refused and forgotten')
t.send('\xff\xfe\x1b[999;999~\x1b[Z\x1bO\x1b[1;5D\t\x15')
ok(t.line('p 2') == '0x2\n', 'stray bytes and unknown keys do nothing')
t.send('\x04')
t.p.wait(10)
ok(t.p.returncode == 0 and termios.tcgetattr(t.slave) == t.settings, 'Ctrl-D leaves; the terminal has its settings back')
t.end()
t = Terminal([mon, '--run', run])
t.p.terminate()
t.p.wait(10)
ok(termios.tcgetattr(t.slave) == t.settings, 'and so it has after SIGTERM')
t.end()

# ---- the classic's own words ----
same = '''p 1+2
p/x -1
p /o 8
p /d -1
p /u -1
p/c 65
p/c 10
p/c 39
p/c 300
p/x 0
p 5&3|8
p 1+3&2
p 100/7*3
p 2*-3
p ~0
p 'a'
p 0xffffffffffffffffff
p 1/0
p 1 2
p $foo
p 0x
p (1
p 1+
p 'ab
p $eip
p $pc
p $cs
p/q 1
x/4xw 0xffff0
x/2xg 0xffff0
x/3oh 0xffff0
x/3ob 0xffff0
x/3db 0xffff0
x/3ud 0xffff0
x/17cb 0xffff0
x/33xb 0xffff0
x/9xh 0xffff0
x/3i 0xffff0
xp/2xw 0xb0000000
xp/2i 0xb0000000
xp/4c 0xffff0
x
x/
x/q 0
sum 0xf0000 65536
sum 0 1024
gva2gpa 0x1000
i/l 0x60
o /b 0x80 1
info mem
info tlb
info uuid
   info    uuid   
info numa
info foo
stop
cont 1
eject
eject foo
eject -x foo
eject "foo bar"
screendump
screendump "abc
screendump "a\\x"
cpu 1
cpu x
cpu 0x100000000
cpu 0
device_del x
device_add
object_del x
set_link foo maybe
set_link foo on
netdev_del foo
boot_set x
boot_set aa
boot_set cd
sendkey
sendkey a-foo
watchdog_action
closefd foo
getfd foo
block_resize a x
block_resize a -1
balloon -1
balloon 100
mce 0 0 0 0 0 0
trace-event foo on
system_wakeup
help foo
commit foo
info block-jobs
qom-list /foo
qom-get /foo bar
log
migrate
memsave 0 10
pmemsave 0 10 /tmp/xx
pmemsave 0 10 "/nonexistent/foo"
info registers -x
info registers 5
info lapic 7
singlestep foo
info status -a
nbd_server_stop now'''.split('\n')
# What the classic answered is recorded (mon-session.golden; RECORD=1 asks it again, if it is installed).
golden = 'tests/glue/mon-session.golden'
if os.environ.get('RECORD') and os.path.exists(peer):
    theirs = Terminal([peer, '-M', 'pc', '-cpu', 'qemu64', '-m', '64', '-S', '-nodefaults', '-display', 'none', '-monitor', 'stdio'])
    json.dump([[line, theirs.line(line)] for line in same], open(golden, 'w'), indent=0)
    theirs.end()
recorded = json.load(open(golden))
ours = Terminal([mon, '--run', run])
differ = [(line, want, got) for line, want in recorded for got in [ours.line(line)] if got != want]
ok(not differ, '%d lines get the classic\'s answers, byte for byte' % len(recorded), differ[:6])
ok([line for line, _ in recorded] == same, 'none is left out')
ours.end()

# ---- disks ----
rc, out = once('info block')
ok('dd (' in out and 'Attached to:      /machine/peripheral/vda' in out and 'Removable device: not locked, tray closed' in out, 'info block joins the server\'s and the guest\'s side', out)
ok(once('eject cd', 'info block cd')[1] == 'cd: [not inserted]\n    Attached to:      /machine/unattached/device[25]\n    Removable device: not locked, tray open\n'
   or re.match(r'cd: \[not inserted\]\n    Attached to: .*\n    Removable device: not locked, tray open\n$', once('info block cd')[1]), 'eject', once('info block cd'))
rc, out = once('change cd %s/cd raw' % tmp, 'info block cd')
ok(re.match(r'cd \(.*\): %s/cd \(raw, read-only\)\n' % tmp, out), 'change', out)
ok(once('change cd %s/missing' % tmp)[1] == "Error: Could not open '%s/missing': No such file or directory\n" % tmp, 'change to nothing', once('change cd %s/missing' % tmp))
rc, out = once('block_resize dd 2M', 'info block -v dd')
ok('virtual size: 2 MiB (2097152 bytes)' in out, 'block_resize', out)
rc, out = once('block_set_io_throttle dd 1000000 0 0 0 0 0', 'info block dd', 'block_set_io_throttle dd 0 0 0 0 0 0', 'info block dd')
ok(out.count('I/O throttling:   bps=1000000 ') == 1, 'block_set_io_throttle', out)
rc, out = once('snapshot_blkdev dd %s/over.qcow2' % tmp, 'info block dd')
ok('%s/over.qcow2 (qcow2)' % tmp in out and 'Backing file:     %s/disk (chain depth: 1)' % tmp in out, 'snapshot_blkdev', out)
rc, out = once('savevm s1', 'info snapshots', 'loadvm s1', 'info status')
ok(rc == 0 and re.search(r'^--        s1 +[1-9]\d* ', out, re.M) and out.endswith('VM status: paused (prelaunch)\n') or out.endswith('VM status: paused\n'), 'savevm, info snapshots, loadvm', out)
rc, out = once('loadvm none', 'delvm s1', 'info snapshots')
ok(out == "Error: Device 'dd' does not have the requested snapshot 'none'\nThere is no snapshot available.\n", 'delvm', out)
rc, out = once('commit dd', 'info block-jobs')
ok(out.endswith('No active jobs\n'), 'commit', out)
rc, out = once('pmemsave 0xf0000 65536 "%s/rom"' % tmp)
ok(rc == 0 and os.path.getsize(tmp + '/rom') == 65536 and open(tmp + '/rom', 'rb').read()[0xfff0:0xfff5] == b'\xea\x5b\xe0\x00\xf0', 'pmemsave writes a file', out)

# ---- QMP ----
class Qmp:
    def __init__(self):
        self.a, b = socket.socketpair()
        self.p = subprocess.Popen([mon, '--run', run, '--qmp'], stdin=b, stdout=b)
        b.close()
        self.buf = b''
        self.a.settimeout(60)
        self.hello = self.value()
    def value(self):
        while b'\n' not in self.buf:
            d = self.a.recv(1 << 16)
            if not d:
                return None
            self.buf += d
        line, self.buf = self.buf.split(b'\n', 1)
        return json.loads(line)
    def send(self, data):
        self.a.sendall(data if isinstance(data, bytes) else data.encode())
    def __call__(self, name, **args):
        self.send(json.dumps({'execute': name, 'arguments': args}))
        while True:
            v = self.value()
            if v is None or 'event' not in v:
                return v
    def end(self):
        self.a.close()
        self.p.wait(20)

q = Qmp()
ok(q.hello['QMP']['version']['qemu']['major'] == 2 and q.hello['QMP']['capabilities'] == [], 'the greeting', q.hello)
ok(q('query-status')['error']['class'] == 'CommandNotFound', 'nothing before the negotiation')
ok(q('qmp_capabilities') == {'return': {}}, 'qmp_capabilities')
ok(q('qmp_capabilities')['error']['class'] == 'CommandNotFound', 'and only once')
q.send("{'execute':'query-status', 'id': {'a': [1, 'x']}}")
ok(q.value()['id'] == {'a': [1, 'x']}, 'single quotes; the id comes back as it was')
q.send('{"execute":"query-name"}{"execute":"query-uuid"} \n\n {"execute":"query-kvm","id":7}')
got = [q.value() for _ in range(3)]
ok(got[0]['return'] == {'name': 'test'} and 'UUID' in got[1]['return'] and got[2] == {'return': {'enabled': False, 'present': False}, 'id': 7},
   'values without anything between them, answered in order', got)
q.send('{"execute":"que')
time.sleep(0.05)
q.send('ry-name"}')
ok(q.value()['return'] == {'name': 'test'}, 'a value in two pieces')
for bad, why in (('{"execute":}', 'malformed'), ('[1]', 'no object'), ('{"execute": 1}', 'no command'), ('{"execute":"stop","foo":1}', 'an unknown member'),
                 ('{"execute":"stop","arguments":[]}', 'arguments that are a list'), ('{"execute":"query-name","arguments":{"x":1}}', 'an unexpected argument'),
                 ('{"execute":"qom-list"}', 'a missing argument'), ('{"execute":"qom-list","arguments":{"path":1}}', 'an argument of the wrong type'),
                 ('{"execute":"watchdog-set-action","arguments":{"action":"dance"}}', 'an unknown word of a choice')):
    q.send(bad + '\n')
    v = q.value()
    ok(v.get('error', {}).get('class') == 'GenericError', 'refused: ' + why, v)
ok(q('no-such-command') == {'error': {'class': 'CommandNotFound', 'desc': 'The command no-such-command has not been found'}}, 'an unknown command')
ok(q('eject', device='zz')['error']['class'] == 'DeviceNotFound', 'an unknown device has its class')
ok(q('query-name')['return'] == {'name': 'test'}, 'the session goes on after all that')
names = {c['name'] for c in q('query-commands')['return']}
ok({'query-status', 'query-block', 'device_add', 'human-monitor-command', 'qmp_capabilities'} <= names and 'migrate' not in names and 'x-cpu-info' not in names,
   'query-commands lists what is there', sorted(names))
schema = q('query-qmp-schema')['return']
by_name = {e['name']: e for e in schema}
ok(names - {'qmp_capabilities'} == {e['name'] for e in schema if e['meta-type'] == 'command'}, 'the schema has the same commands')
refs = set()
for e in schema:
    refs |= {e[k] for k in ('arg-type', 'ret-type', 'element-type') if k in e} | {m['type'] for m in e.get('members', [])} | {v['type'] for v in e.get('variants', [])}
ok(refs <= set(by_name) and len(by_name) == len(schema), 'and every type that it names, once', sorted(refs - set(by_name)))
ok(q('human-monitor-command', **{'command-line': 'info status'})['return'] == 'VM status: paused (prelaunch)\r\n', 'human-monitor-command')
got = {o['option']: {p['name']: p['type'] for p in o['parameters']} for o in q('query-command-line-options')['return']}
ok(got['memory'] == {'size': 'size', 'slots': 'number', 'maxmem': 'size'} and 'netdev' in got and 'error' in q('query-command-line-options', option='zz'), 'query-command-line-options')
ok({m['name'] for m in q('query-machines')['return']} >= {'pc-i440fx-2.12', 'isapc'}, 'query-machines')
ok('qemu64' in {m['name'] for m in q('query-cpu-definitions')['return']}, 'query-cpu-definitions')
ok('virtio-blk-pci' in {m['name'] for m in q('qom-list-types')['return']}, 'qom-list-types')
ok('serial' in {m['name'] for m in q('device-list-properties', typename='virtio-blk-pci')['return']}, 'device-list-properties')
ok(q('qom-get', path='/machine/peripheral/vda', property='type')['return'] == 'virtio-blk-pci', 'qom-get')
pci = q('query-pci')['return'][0]['devices']
ok([d['qdev_id'] for d in pci if d['id']['vendor'] == 0x1af4 and d['qdev_id']] == ['vda'], 'query-pci', pci)
r, w = os.pipe()
socket.send_fds(q.a, [b'{"execute":"getfd","arguments":{"fdname":"f"}}'], [w])
v = q.value()
ok(v == {'return': {}} and q('closefd', fdname='f') == {'return': {}} and 'error' in q('closefd', fdname='f'), 'getfd, closefd', v)
q('cont')
q('stop')
q.send('{"execute":"query-status","id":"last"}')
seen = []
while True:
    v = q.value()
    if v.get('id') == 'last':
        break
    seen.append(v)
q2 = Qmp()
q2('qmp_capabilities')
q2('query-name')
q.send('{"execute":"cont"}{"execute":"stop"}')
events = []
while len(events) < 2:
    v = q2.value()
    if 'event' in v:
        events.append(v)
ok([e['event'] for e in events] == ['RESUME', 'STOP'] and all(set(e['timestamp']) == {'seconds', 'microseconds'} for e in events), 'another client hears the events', events)
q2.end()
q.send(b'{"execute":"query-name","arguments":{"x":"')
chunk = b'y' * (1 << 20)
for n in range(1024):
    q.send(chunk)
q.send(b'"},"id":1}{"execute":"query-name","id":2}')
while True:
    v = q.value()
    if 'error' in v:
        break
ok('48 MB' in v['error']['desc'], 'a line of 1 GB is refused', v)
ok(q.value().get('id') == 2, 'and the next one is not')
peak = int(re.search(r'VmHWM:\s+(\d+)', open('/proc/%d/status' % q.p.pid).read()).group(1))
ok(peak < 64 << 10, 'within 64 MB of memory', peak)
q.send(b'[' * 10000 + b']' * 10000 + b'{"execute":"query-name","id":3}')
while True:
    v = q.value()
    if 'error' in v:
        break
ok('1024 levels' in v['error']['desc'] and q.value().get('id') == 3, '10,000 levels of nesting', v)
q.end()

# ---- 64 programs at once, each in the middle of an object while the others speak ----
many = [Qmp() for _ in range(64)]
for n, m in enumerate(many):
    m.send("{'execute':'qmp_capabilities'}{'execute':'query-name','id':%d}{'execute':'query-" % n)
got = [(m.value(), m.value()) for m in many]
ok(all(a == {'return': {}} and b == {'return': {'name': 'test'}, 'id': n} for n, (a, b) in enumerate(got)), '64 clients at once', got[:3])
for m in reversed(many):
    m.send("status'}")
got = [m.value() for m in many]
ok(all('status' in v.get('return', {}) for v in got), 'each finishes the object that it had begun', got[:3])
for m in many:
    m.end()

# ---- a machine without a disk, as programs ask it ----
bare = tmp + '/bare'
os.mkdir(bare, 0o700)
none = start(cpu, '-M', 'none', '-run', bare)
wait_for(bare + '/cpu.ctl')
p = subprocess.run([mon, '--run', bare, '--qmp'], input='{"execute":"qmp_capabilities"}{"execute":"query-commands"}{"execute":"query-block"}{"execute":"quit"}', capture_output=True, text=True,
                   timeout=60)
got = [json.loads(line) for line in p.stdout.splitlines()]
ok(names <= {c['name'] for c in got[2]['return']} and got[3]['return'] == [], 'knows the commands for disks too', p.stdout[:300])
none.wait(20)

# ---- a part dies, and comes back ----
q = Qmp()
q('qmp_capabilities')
ok({b['device'] for b in q('query-block')['return']} == {'dd', 'cd'}, 'both disks are there')
server.kill()
server.wait()
for _ in range(500):
    left = {b['device'] for b in q('query-block').get('return', [{'device': 'dd'}])}
    if left == {'cd'}:
        break
    time.sleep(0.02)
ok(left == {'cd'}, 'a dead server is left out, in the same session', left)
ok('return' in q('query-status'), 'and the machine still answers')
disk()
wait_for(run + '/dd.ctl')
for _ in range(500):
    left = {b['device'] for b in q('query-block').get('return', [])}
    if left == {'dd', 'cd'}:
        break
    time.sleep(0.02)
ok(left == {'dd', 'cd'}, 'a new one is found', left)
for n in range(20):
    q.send(('{"execute":"human-monitor-command","arguments":{"command-line":"info qtree"}}' * 10))
q.a.close()
q.p.wait(30)
ok(q.p.returncode == 0, 'a client that leaves in the middle of its answers', q.p.returncode)

# ---- many at once ----
def script(n):
    return [subprocess.Popen([mon, '--run', run, 'p /d %d' % i, 'info name', 'info registers', 'info block'], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True) for i in range(n)]
many = script(64)
bad = [i for i, p in enumerate(many) if not p.communicate(timeout=120)[0].startswith('%d\ntest\n' % i) or p.returncode]
ok(not bad, '64 monitors at once', bad)

# ---- the end ----
t = Terminal([mon, '--run', run])
t.send('quit\r')
t.p.wait(30)
machine.wait(30)
ok(machine.returncode == 0 and t.p.returncode == 0, 'quit ends the machine, and with it the monitor', (machine.returncode, t.p.returncode))
t.end()
for p in children:
    try:
        p.wait(10)
    except subprocess.TimeoutExpired:
        p.kill()
left = [f for f in os.listdir(run) if f.endswith('.ctl')]
ok(not left, 'no control socket is left', left)
shutil.rmtree(tmp)
print('1..%d' % count)
sys.exit(1 if failed else 0)
EOF
