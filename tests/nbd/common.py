# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the storage server share: TAP, a server, its control socket, clients that others wrote."""
import array, atexit, json, os, random, shutil, signal, socket, subprocess, sys, tempfile, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
NBD, IMG = BUILD + '/bin/emu-nbd', BUILD + '/bin/emu-img'
DIR = tempfile.mkdtemp(prefix='nbd-test-')
os.chdir(DIR)
count = failed = 0
servers = []


def ok(good, text, detail=''):
    global count, failed
    count += 1
    print(('ok' if good else 'not ok') + ' %d - %s' % (count, text), flush=True)
    if not good:
        failed += 1
        for line in str(detail).splitlines()[:12]:
            print('# ' + line)
    return good


def equal(got, want, text):
    return ok(got == want, text, 'got %r\nwant %r' % (got, want))


def skip(text, why):
    global count
    count += 1
    print('ok %d - %s # SKIP %s' % (count, text, why))


@atexit.register
def clean():
    """Also after an exception: a server that stays would keep the runner's pipe open."""
    while servers:
        servers.pop().kill()
    os.chdir('/')
    shutil.rmtree(DIR, ignore_errors=True)


def finish():
    clean()
    print('1..%d' % count)
    sys.exit(1 if failed else 0)


class Refused(Exception):
    pass


class Ctl:
    """A connection to a control socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.file = self.sock.makefile('r')
        self.events = []
        json.loads(self.file.readline())
        self('qmp_capabilities')

    def _line(self):
        line = self.file.readline()
        if not line:
            raise EOFError('the server is gone')
        return json.loads(line)

    def __call__(self, command, fds=(), **args):
        text = {'execute': command}
        if args:
            text['arguments'] = {k.replace('_', '-') if command != 'block_set_io_throttle' else k: v for k, v in args.items()}
        data = json.dumps(text).encode()
        if fds:
            self.sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))])
        else:
            self.sock.sendall(data)
        while True:
            v = self._line()
            if 'event' in v:
                self.events.append(v)
            elif 'error' in v:
                raise Refused(v['error']['class'] + ': ' + v['error']['desc'])
            else:
                return v['return']

    def refused(self, command, **args):
        try:
            self(command, **args)
        except Refused as e:
            return str(e)
        return ''

    def wait(self, name, timeout=60, **match):
        """The event, with data that match; earlier ones count once."""
        end = time.time() + timeout
        while True:
            for i, v in enumerate(self.events):
                if v['event'] in name.split('|') and all(v.get('data', {}).get(k) == w for k, w in match.items()):
                    del self.events[i]
                    return v
            self.sock.settimeout(max(0.01, end - time.time()))
            try:
                self.events.append(self._line())
            finally:
                self.sock.settimeout(60)

    def close(self):
        self.file.close()
        self.sock.close()


class Server:
    def __init__(self, *args, name='s', wait=True):
        self.name, self.args, self.proc, self.ctl = name, args, None, None
        self.path, self.ctl_path = DIR + '/' + name, DIR + '/' + name + '.ctl'
        servers.append(self)
        self.start(wait)

    def start(self, wait=True):
        r, w = os.pipe()
        self.proc = subprocess.Popen(os.environ.get('WRAP', '').split() + [NBD, '-k', self.path, '--ctl', 'unix:' + self.ctl_path, '-e', '0', '--ready-fd', str(w)] + os.environ.get('NBD_ARGS', '').split() + list(self.args),
                                     pass_fds=[w], stderr=open(self.name + '.err', 'a'))
        os.close(w)
        self.ctl = None
        if wait and os.read(r, 6) == b'READY\n':
            self.ctl = Ctl(self.ctl_path)
        os.close(r)

    def errors(self):
        return open(self.name + '.err').read()

    def uri(self, export=''):
        return 'nbd+unix:///%s?socket=%s' % (export, self.path)

    def kill(self):
        if self.proc:
            self.proc.kill()
            self.proc.wait()
        if self.ctl:
            self.ctl.close()
            self.ctl = None

    def restart(self):
        self.kill()
        self.start()

    def quit(self):
        """In order; returns the exit status."""
        if self.ctl:
            self.ctl('quit')
        else:
            self.proc.terminate()
        status = self.proc.wait(timeout=60)
        self.ctl = None
        return status


def run(*command, **kw):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', timeout=120, **kw)
    return p.returncode, p.stdout


def good(text, *command):
    status, out = run(*command)
    return ok(status == 0, text, out)


def io(server, *commands, export='', fmt='raw'):
    """qemu-io as the client; its status is the sum of what failed."""
    args = []
    for c in commands:
        args += ['-c', c]
    status, out = run('qemu-io', '-f', fmt, *args, server.uri(export))
    return status == 0 and 'failed' not in out and 'Pattern verification' not in out, out


def create(name, fmt, size=None, *options):
    status, out = run('/usr/bin/qemu-img', 'create', '-q', '-f', fmt, *options, name, *([size] if size else []))
    if status:
        raise RuntimeError(out)


def has(program):
    return shutil.which(program) is not None


def fill(name, size, seed=1):
    """A raw file: a third random, a third zeros that are holes, a third text."""
    r = random.Random(seed)
    with open(name, 'wb') as f:
        f.truncate(size)
        for at in range(0, size, 65536):
            kind = r.randrange(3)
            n = min(65536, size - at)
            f.seek(at)
            if kind == 0:
                f.write(r.randbytes(n))
            elif kind == 1:
                f.write((b'%d words and more words ' % at * 4000)[:n])


class Model:
    """A disk's contents, and writes that a client makes while something else happens."""

    def __init__(self, name, seed=7):
        self.name, self.random, self.size = name, random.Random(seed), os.path.getsize(name)

    def writes(self, n, most=200):
        out = []
        for _ in range(n):
            length = self.random.randrange(1, most) * 512
            at = self.random.randrange(0, (self.size - length) // 512) * 512
            out.append((self.random.choice(['write', 'write', 'write', 'zero', 'discard']), self.random.randrange(1, 256), at, length))
        return out

    def apply(self, writes):
        with open(self.name, 'r+b') as f:
            for kind, pattern, at, length in writes:
                if kind == 'discard':
                    continue
                f.seek(at)
                f.write(bytes([pattern if kind == 'write' else 0]) * length)

    def start(self, server, n, most=200, delay=0):
        """Begins the writes with a client of its own; finish() waits for it and brings the model up to date."""
        self.pending = [w for w in self.writes(n, most) if w[0] != 'discard']
        text = ''
        for i, (kind, pattern, at, length) in enumerate(self.pending):
            text += '%s %d %d\n' % ('write -P %d' % pattern if kind == 'write' else 'write -z', at, length)
            if delay and i % 20 == 19:
                text += 'sleep %d\n' % delay
        self.proc = subprocess.Popen(['qemu-io', '-f', 'raw', server.uri()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True)
        self.proc.stdin.write(text)
        self.proc.stdin.close()

    def finish(self):
        out = self.proc.stdout.read()
        self.proc.wait()
        self.apply(self.pending)
        ok(out.count('wrote ') == len(self.pending), 'every write of the client is answered', out[-400:])

    def same(self, image, fmt='raw'):
        status, out = run('/usr/bin/qemu-img', 'compare', '-U', '-f', 'raw', '-F', fmt, self.name, image)
        return status == 0, out
