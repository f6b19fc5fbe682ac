#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# emu-cpu as a process: options that are refused, the control socket, run states, the line protocol, saved state, what is left behind.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
exec python3 - <<'EOF'
import array, json, os, re, select, signal, socket, subprocess, sys, tempfile, time

cpu = os.environ['BUILD'] + '/bin/emu-cpu'
tmp = tempfile.mkdtemp(prefix='cpu-machine.')
count, failed = 0, 0

def ok(good, text, got=None):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if good else 'not ', count, text), flush=True)
    if not good:
        failed += 1
        if got is not None:
            print('# got', repr(got)[:600])

def run(*args):
    p = subprocess.run([cpu, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout, p.stderr

def refused(what, pattern, *args):
    rc, out, err = run(*args)
    ok(rc == 1 and re.search(pattern, err) is not None, what, (rc, err))

class Ctl:
    def __init__(self, sock):
        self.s, self.buf, self.events = sock, b'', []
        sock.settimeout(60)
        self.greeting = self.line()
        self('qmp_capabilities')
    def line(self):
        while b'\n' not in self.buf:
            got = self.s.recv(65536)
            if not got:
                return None
            self.buf += got
        line, self.buf = self.buf.split(b'\n', 1)
        return json.loads(line)
    def __call__(self, name, fd=None, **args):
        text = json.dumps({'execute': name, 'arguments': args}).encode()
        if fd is None:
            self.s.sendall(text)
        else:
            self.s.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))])
        while True:
            m = self.line()
            if m is None or 'event' not in m:
                return m
            self.events.append(m['event'])
    def drain(self):
        while True:
            m = self.line()
            if m is None:
                return self.events
            if 'event' in m:
                self.events.append((m['event'], m.get('data', {}).get('reason')))

def start(*args, **kw):
    path = '%s/%d.ctl' % (tmp, time.monotonic_ns())
    p = subprocess.Popen([cpu, '-machine', 'none', '-m', '4', '-ctl', path, *args], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **kw)
    for _ in range(600):
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            return p, Ctl(s), path
        except OSError:
            time.sleep(0.05)
    p.kill()
    sys.exit('emu-cpu does not listen')

# ---- options
rc, out, err = run('-machine', 'help')
ok(rc == 0 and 'none                 empty machine' in out, '-machine help lists boards', out)
rc, out, err = run('-device', 'help')
ok(rc == 0 and re.search(r'^name "[^"]+", bus ', out, re.M), '-device help lists devices', out[:200])
rc, out, err = run('-object', 'help')
ok(rc == 0 and 'memory-backend-ram' in out, '-object help lists types', (rc, out, err))
rc, out, err = run('-cpu', 'help')
ok(rc == 0 and 'qemu64' in out, '-cpu help lists models', out[:200])
refused('an unknown board', "unsupported machine type: 'abacus'", '-machine', 'abacus')
refused('an unknown device', "'teapot' is not a valid device model name", '-machine', 'none', '-device', 'teapot')
refused('KVM alone', r'-accel kvm: kvm is not supported.*\n.*tcg', '-machine', 'none', '-accel', 'kvm')
refused('-enable-kvm', 'kvm is not supported', '-machine', 'none', '-enable-kvm')
refused('an unknown accelerator', 'invalid accelerator warp', '-machine', 'none', '-accel', 'warp')
refused('more processors than the board takes', 'The max CPUs supported by machine', '-machine', 'none', '-smp', '3')
refused('a topology that does not fit', 'sockets \\(1\\) \\* cores \\(1\\) \\* threads \\(1\\) < smp_cpus', '-machine', 'none', '-smp', '4,sockets=1,cores=1,threads=1')
refused('an unknown property of -machine', "Property 'none-machine.wings' not found", '-machine', 'none,wings=2')
refused('a disk without a server', 'nbd=', '-machine', 'none', '-disk', 'id=a')
refused('a serial port that is emu-mon\'s', 'emu-mon', '-machine', 'none', '-serial', 'pty')
refused('a word that is no option', "'disk.img' is no option", '-machine', 'none', 'disk.img')
refused('-sandbox', "'maybe' is not accepted", '-machine', 'none', '-sandbox', 'maybe')
refused('-dfilter', r"'1' is no range of addresses.*\n.*0x8000\.\.0x8fff", '-machine', 'none', '-dfilter', '0..1,1')
refused('-usb', 'no USB controllers', '-machine', 'pc', '-usb')
refused('-dtb', 'no device tree', '-machine', 'pc', '-dtb', 'x')
refused('memory of nothing', 'needs memory', '-machine', 'none', '-m', '0')

# ---- the control socket and run states
p, c, path = start('-S', '-name', 'x', '-run', tmp + '/run', '-pidfile', tmp + '/pid')
ok(c.greeting['QMP']['version']['qemu']['major'] == 2, 'the greeting', c.greeting)
ok(c('query-status')['return'] == {'running': False, 'singlestep': False, 'status': 'prelaunch'}, '-S waits')
def event(name):  # events come when they come; answers to questions bring those that are there
    for _ in range(200):
        if c.events[-1:] == [name]:
            return True
        time.sleep(0.02)
        c('query-name')
    return False
c('cont')
ok(c('query-status')['return']['status'] == 'running' and event('RESUME') and c.events == ['RESUME'], 'cont runs it', c.events)
c('stop')
ok(c('query-status')['return']['status'] == 'paused' and event('STOP'), 'stop pauses it', c.events)
ok(c('query-name')['return'] == {'name': 'x'}, 'its name')
ok(c('device_del', id='nobody')['error']['class'] == 'DeviceNotFound', 'an error has its class')
ok('desc' in c('x-chardev-attach', id='nobody')['error'], 'a missing descriptor is an error')
ok(any(x['name'] == 'system_reset' for x in c('query-commands')['return']), 'query-commands')
ok('test' not in c('x-info', what='mtree')['return']['text'] and 'ram' in c('x-info', what='mtree')['return']['text'], 'info mtree')
ok(c('x-memory-write', addr=0x1000, data='cafebabe')['return'] == {}, 'memory is written')
ok(c('x-memory-read', addr=0xffe, size=8)['return']['data'] == '0000cafebabe0000', 'and read')
ok('Invalid addr' in c('x-memory-write', addr=0x40000000, data='00')['error']['desc'], 'where there is some')
with open(tmp + '/state', 'w+b') as f:
    ok(c('x-save', fd=f.fileno())['return'] == {}, 'the state is saved to a descriptor')
    c('x-memory-write', addr=0x1000, data='00000000')
    f.seek(0)
    ok(c('x-load', fd=f.fileno())['return'] == {} and c('x-memory-read', addr=0x1000, size=4)['return']['data'] == 'cafebabe', 'and loaded again')
    f.truncate(os.fstat(f.fileno()).st_size - 3)
    f.seek(0)
    ok('truncated' in c('x-load', fd=f.fileno())['error']['desc'] and c('x-memory-read', addr=0x1000, size=4)['return']['data'] == 'cafebabe',
       'a truncated one is refused, and nothing is lost')
status = open('/proc/%d/status' % p.pid).read()
ok('Seccomp:\t2' in status and 'NoNewPrivs:\t1' in status, 'it runs under a filter')
ok(open(tmp + '/pid').read().strip() == str(p.pid), 'the pid file')
c('system_reset')
c('quit')
events = c.drain()
ok(('SHUTDOWN', 'host-qmp-quit') in events, 'quit is told', events)
ok(p.wait(30) == 0, 'and the status is 0', p.returncode)
ok(not os.path.exists(path) and not os.path.exists(tmp + '/pid'), 'no name is left')

p, c, path = start()
second = subprocess.run([cpu, '-machine', 'none', '-ctl', path], capture_output=True, text=True, timeout=60)
ok(second.returncode == 1 and path in second.stderr, 'a second one on its socket is refused', second.stderr)
p.send_signal(signal.SIGTERM)
ok(('SHUTDOWN', 'host-signal') in c.drain() and p.wait(30) == 0, 'SIGTERM ends it as quit does')

a, b = socket.socketpair()
p = subprocess.Popen([cpu, '-machine', 'none', '-ctl-fd', str(b.fileno()), '-ready-fd', '1'], pass_fds=[b.fileno()], stdout=subprocess.PIPE)
b.close()
ok(p.stdout.readline() == b'READY\n', 'READY is said')
c = Ctl(a)
ok(c('query-status')['return']['running'], 'a control connection may be inherited')
a.close()
ok(p.wait(30) == 0, 'its end is the order to stop')

# ---- the line protocol
def lines(text, *args):
    p = subprocess.Popen([cpu, '-machine', 'none', '-m', '4', '-test-protocol', *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    out, _ = p.communicate(text, timeout=60)
    return p.returncode, out.split('\n')[:-1]
rc, out = lines('writel 0x1000 0x12345678\nreadb 0x1001\nread 0x0ffe 6\nwrite 0x2000 2 0xabcd\nreadw 0x2000\nmemset 0x3000 4 0x5a\nreadl 0x3000\n')
ok(rc == 0 and out == ['OK', 'OK 0x0000000000000056', 'OK 0x000078563412', 'OK', 'OK 0x000000000000cdab', 'OK', 'OK 0x000000005a5a5a5a'], 'memory', out)
rc, out = lines('inb 0x70\noutb 0x70 1\ninb 0x10000\nclock_step 100\nclock_set 50\nclock_set 150\nclock_step\nfly\n\nquit\n')
ok(out[:2] == ['OK 0x00ff', 'OK'] and out[2].startswith('FAIL') and out[3] == 'OK 100' and out[4].startswith('FAIL') and out[5] == 'OK 150' and
   out[6] == 'OK 150' and out[7] == "FAIL Unknown command 'fly'" and out[8] == 'OK', 'ports, clock, mistakes', out)
rc, out = lines('writeb 0x10 7\nsave %s/s\nwriteb 0x10 8\nload %s/s\nreadb 0x10\n' % (tmp, tmp), '-sandbox', 'off')
ok(out[-1] == 'OK 0x0000000000000007', 'save and load', out)

subprocess.run(['rm', '-rf', tmp])
print('1..%d' % count)
sys.exit(failed != 0)
EOF
