# SPDX-License-Identifier: GPL-2.0-or-later
"""The edges of a connection: plain text slipped in around STARTTLS, at both ends; clients and servers that close early, after any byte; sockets that are held
when the server is told to end."""
import ssl, struct, threading
from common import *

SIZE, OPT, REP, MAGIC = 4 << 20, b'IHAVEOPT', 0x3e889045565a9, 0x25609513
os.mkdir('pki')
for cmd in ('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout pki/ca-key.pem -out pki/ca-cert.pem -days 30 -subj /CN=ca -addext basicConstraints=critical,CA:TRUE',
            'req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout pki/server-key.pem -subj /CN=localhost -out x.csr',
            'x509 -req -in x.csr -CA pki/ca-cert.pem -CAkey pki/ca-key.pem -CAcreateserial -days 30 -out pki/server-cert.pem'):
    if run('openssl', *cmd.split())[0]:
        skip('the edges of a connection', 'openssl cannot make certificates here')
        finish()
TLS = ('--object', 'tls-creds-x509,id=t,endpoint=server,verify-peer=off,dir=' + DIR + '/pki', '--tls-creds', 't')
fill('disk', SIZE)
shutil.copy('disk', 'disk2')


def option(number, data=b''):
    return OPT + struct.pack('>II', number, len(data)) + data


STARTTLS, LIST, STRUCTURED = option(5), option(3), option(8)
GO = option(7, struct.pack('>IH', 0, 0))
META = option(10, struct.pack('>II', 0, 1) + struct.pack('>I', 15) + b'base:allocation')


def request(kind, offset, length, data=b''):
    return struct.pack('>IHHQQI', MAGIC, 0, kind, 7, offset, length) + data


class Client:
    def __init__(self, path, flags=3):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(path)
        if flags is not None:
            self.take(18)
            self.s.sendall(struct.pack('>I', flags))

    def take(self, n):
        out = b''
        while len(out) < n:
            got = self.s.recv(n - len(out))
            if not got:
                raise EOFError
            out += got
        return out

    def reply(self):
        """(option, type, data)"""
        magic, number, kind, n = struct.unpack('>QIII', self.take(20))
        assert magic == REP, hex(magic)
        return number, kind, self.take(n)

    def last(self):
        while True:
            r = self.reply()
            if r[1] == 1 or r[1] >> 31:
                return r[1]

    def rest(self):
        """Everything until the other end closes."""
        out = b''
        try:
            while True:
                got = self.s.recv(65536)
                if not got:
                    return out
                out += got
        except ConnectionResetError:
            return out

    def tls(self):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        self.s = c.wrap_socket(self.s)


def works(server, tls=False):
    """A good client is served."""
    c = Client(server.path)
    if tls:
        c.s.sendall(STARTTLS)
        assert c.last() == 1
        c.tls()
    c.s.sendall(GO)
    assert c.last() == 1
    c.s.sendall(request(0, 0, 512))
    return c.take(16 + 512)[:8] == struct.pack('>II', 0x67446698, 0)


# ---- STARTTLS: the server's end ----
s = Server('--id', 'd', *TLS, '-f', 'raw', 'disk', name='secure')
c = Client(s.path)
c.s.sendall(STARTTLS + LIST)
out = c.rest()
ok(out[:20] in (b'', struct.pack('>QIII', REP, 5, 1, 0)) and len(out) <= 20, 'an option that came with STARTTLS in plain text is not answered, and ends the connection', out)
c = Client(s.path)
c.s.sendall(STARTTLS)
assert c.last() == 1
c.s.sendall(LIST + GO + request(0, 0, 512))
out = c.rest()
ok(b'\x00\x03\xe8\x89\x04' not in out and b'gDf' not in out, 'nor is what comes in plain text instead of the handshake', out)
# TLS right behind the option: the same TLS records in the same message are no plain text, but nobody may send them before the answer.
c = Client(s.path)
inbound, outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
try:
    context.wrap_bio(inbound, outbound).do_handshake()
except ssl.SSLWantReadError:
    pass
c.s.sendall(STARTTLS + outbound.read())
out = c.rest()
ok(len(out) <= 20, 'a handshake that does not wait for the answer is not begun', out[:60])
c = Client(s.path)
c.s.sendall(LIST + GO + META)
kinds = [c.reply()[1] for _ in range(3)]
equal([hex(k) for k in kinds], ['0x80000005'] * 3, 'before STARTTLS every other option is refused: TLS is required')
c.s.sendall(STRUCTURED + STARTTLS)
kinds = [c.reply()[1], c.reply()[1]]
equal(kinds[1], 1, 'STARTTLS is taken afterwards')
c.tls()
c.s.sendall(META)
ok(c.last() >> 31 == 1, 'what was said in plain text does not count behind TLS')
c.s.sendall(STARTTLS)
ok(c.last() >> 31 == 1, 'TLS within TLS is refused')
ok(works(s, True), 'and a good client is served')
p = Server('--id', 'd', '-f', 'raw', 'disk2', name='plain')
c = Client(p.path)
c.s.sendall(STARTTLS + LIST)
equal([c.reply()[1] >> 31, c.last()], [1, 1], 'a server without TLS refuses STARTTLS, and goes on in plain text')


# ---- STARTTLS: the client's end ----
def fake(answer, name):
    """A server that says `answer` at once when it is asked for STARTTLS, and keeps what comes then."""
    listener, got = socket.socket(socket.AF_UNIX), []
    listener.bind(DIR + '/' + name)
    listener.listen()

    def serve():
        try:
            a, _ = listener.accept()
            a.settimeout(20)
            a.sendall(b'NBDMAGIC' + OPT + struct.pack('>H', 3))
            assert a.recv(4 + 16, socket.MSG_WAITALL)[4:] == STARTTLS
            a.sendall(answer)
            while True:
                more = a.recv(65536)
                if not more:
                    break
                got.append(more)
        except OSError:
            pass
        listener.close()
    t = threading.Thread(target=serve)
    t.start()
    return t, got


def listed(name, *more):
    # (--list: what the client takes for true, it prints)
    return run(NBD, '-L', '-k', DIR + '/' + name, '--object', 'tls-creds-x509,id=t,endpoint=client,verify-peer=off,dir=' + DIR + '/pki', '--tls-creds', 't', *more)


t, got = fake(struct.pack('>QIII', REP, 5, 1, 0) + struct.pack('>QIII', REP, 3, 2, 9) + struct.pack('>I', 5) + b'wrong' + struct.pack('>QIII', REP, 3, 1, 0), 'f1')
status, out = listed('f1')
t.join()
ok(status and 'wrong' not in out and 'plain text' in out, 'our client does not believe what came with the answer to STARTTLS in plain text', out)
equal(b''.join(got), b'', 'and says nothing more')
t, got = fake(struct.pack('>QIII', REP, 5, 0x80000001, 0), 'f2')
status, out = listed('f2')
t.join()
ok(status and out.strip(), 'it does without TLS for nobody who refuses it', out)
ok(b'IHAVEOPT' + struct.pack('>I', 3) not in b''.join(got) and GO not in b''.join(got), 'and asks nothing in plain text', got)

# ---- early close ----
SESSION = struct.pack('>I', 3) + STRUCTURED + META + GO + request(0, 0, 4096) + request(1, 65536, 512, b'x' * 512) + request(7, 0, 65536) + request(3, 0, 0)


def resources(server):
    d = '/proc/%d/' % server.proc.pid
    return len(os.listdir(d + 'fd'))


def steady(server):
    """What it has when the last client's connection is gone, too."""
    n, since = resources(server), time.time()
    while time.time() - since < .5:
        time.sleep(.02)
        if resources(server) != n:
            n, since = resources(server), time.time()
    return n


def settle(server, base):
    for _ in range(200):
        if resources(server) <= base:
            break
        time.sleep(.05)
    return resources(server)


base = steady(p)
for n in range(len(SESSION)):
    c = Client(p.path, None)
    c.s.sendall(SESSION[:n])
    if n % 3 == 1:
        c.s.shutdown(socket.SHUT_WR)
        c.rest()
    c.s.close()
ok(works(p), 'clients that close after each of %d bytes' % len(SESSION))
ok(settle(p, base) <= base, 'leave no descriptor behind', resources(p))
base = steady(s)
for n in list(range(0, 40)) + list(range(40, 220, 12)):
    c = Client(s.path)
    c.s.sendall(STARTTLS)
    c.last()
    c.s.sendall((bytes.fromhex('16030100c8010000c40303') + bytes(range(200)))[:n])
    c.s.close()
ok(works(s, True), 'so do those in a TLS handshake')
ok(settle(s, base) <= base, 'who leave none either', resources(s))


# What was asked before the end is answered: held answers go out with the good-bye, and with an error.
with open('disk2', 'rb') as f:
    whole = f.read(64 * 4096)
for what, last in ('a good-bye', request(2, 0, 0)), ('nonsense', b'?' * 28), ('half a request', request(0, 0, 4096)[:9]):
    c = Client(p.path)
    c.s.sendall(GO)
    c.last()
    c.s.sendall(b''.join(request(0, i * 4096, 4096) for i in range(64)) + last)
    c.s.shutdown(socket.SHUT_WR)
    out = c.rest()
    got = b''.join(out[i + 16:i + 4112] for i in range(0, len(out), 4112) if out[i:i + 8] == struct.pack('>II', 0x67446698, 0))
    ok(len(out) == 64 * 4112 and got == whole, '64 requests and %s in one message: each request is answered' % what, len(out))


class Recorder(threading.Thread):
    """Between a client and the plain server: what the server said; then a server that says only the first of it."""

    def __init__(self, name, answers=None):
        threading.Thread.__init__(self, daemon=True)
        self.name_, self.answers, self.said = name, answers, b''
        self.listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(name):
            os.remove(name)
        self.listener.bind(name)
        self.listener.listen()
        self.start()

    def run(self):
        a, _ = self.listener.accept()
        if self.answers is not None:
            a.sendall(self.answers)
            a.shutdown(socket.SHUT_WR)
            try:
                while a.recv(65536):
                    pass
            except OSError:
                pass
            return
        b = socket.socket(socket.AF_UNIX)
        b.connect(p.path)

        def back():
            while True:
                more = b.recv(65536)
                if not more:
                    break
                self.said += more
                a.sendall(more)
            a.shutdown(socket.SHUT_WR)
        t = threading.Thread(target=back, daemon=True)
        t.start()
        while True:
            more = a.recv(65536)
            if not more:
                break
            b.sendall(more)
        b.shutdown(socket.SHUT_WR)
        t.join()


def client(name):
    return run(IMG, 'info', '--image-opts', 'driver=raw,file.driver=nbd,file.connections=1,file.path=%s/%s' % (DIR, name))


r = Recorder('tap')
status, out = client('tap')
r.join()
ok(status == 0 and '4 MiB' in out, 'our client through a recorder', out)
bad = []
places = sorted(set(list(range(0, len(r.said), max(1, len(r.said) // 40)))))
for n in places:
    cut = Recorder('cut', r.said[:n])
    begun = time.time()
    status, out = client('cut')
    cut.listener.close()
    if (status == 0 and n < 60) or status < 0 or (status and not out.strip()) or time.time() - begun > 30:
        bad.append('after %d bytes: %d %r' % (n, status, out))
ok(not bad, 'a server that closes after any of its bytes is an error with a sentence, at once (%d places)' % len(places), '\n'.join(bad))

# ---- held sockets ----
create('q.qcow2', 'qcow2', '64M')


def held(path, tls):
    """Clients at every stage, that stay."""
    out = [Client(path, None) for _ in range(3)]
    for n in 2, 4, 10, 19, 25:
        c = Client(path, None)
        c.s.sendall((struct.pack('>I', 3) + option(6, b'\0' * 20))[:n])
        out.append(c)
    for n in 0, 3, 100:
        if tls:
            c = Client(path)
            c.s.sendall(STARTTLS)
            c.last()
            c.s.sendall((bytes.fromhex('16030100c8010000c40303') + bytes(189))[:n])
            out.append(c)
    for kind in range(4):
        c = Client(path)
        if tls:
            c.s.sendall(STARTTLS)
            c.last()
            c.tls()
        c.s.sendall(GO)
        c.last()
        if kind == 1: # half a request
            c.s.sendall(request(0, 0, 512)[:20])
        if kind == 2: # half of a write's data
            c.s.sendall(request(1, 0, 65536, b'y' * 1000))
        if kind == 3: # answers that nobody takes
            for _ in range(16):
                c.s.sendall(request(0, 0, 1 << 20))
        out.append(c)
    time.sleep(.2)
    return out


for how in 'SIGTERM', 'SIGINT', 'quit', 'stop':
    for tls in False, True:
        x = Server('--id', 'd', *(TLS if tls else ()), '-f', 'qcow2', 'q.qcow2', name='held')
        clients = held(x.path, tls)
        begun = time.time()
        if how == 'stop':
            door = socket.socket(socket.AF_UNIX)
            if os.path.exists('door'):
                os.remove('door')
            door.bind(DIR + '/door')
            door.listen()
            x.ctl('nbd-server-start', fds=[door.fileno()], addr={'type': 'unix', 'data': {'path': DIR + '/door'}}, **({'tls-creds': 't'} if tls else {}))
            x.ctl('nbd-server-add', device='d')
            door.close()
            clients += held(DIR + '/door', tls)
            begun = time.time()
            x.ctl('nbd-server-stop')
            ok(time.time() - begun < 20 and x.proc.poll() is None, 'nbd-server-stop returns while sockets are held' + (', TLS' if tls else ''))
            begun, status = time.time(), x.quit()
        elif how == 'quit':
            status = x.quit()
        else:
            x.proc.send_signal(getattr(signal, how))
            status = x.proc.wait(timeout=60)
        ok(status == 0 and time.time() - begun < 20 and not os.path.exists(x.path), '%s ends a server whose sockets are held at %d stages%s' % (how, len(clients), ', TLS' if tls else ''),
           '%s after %.1f s: %s' % (status, time.time() - begun, x.errors()))
        ended = 0
        for c in clients:
            try:
                c.rest()
                ended += 1
            except (OSError, ValueError):
                pass
        equal(ended, len(clients), 'and each of them hears of the end')
        servers.remove(x)
good('the image is clean and free', '/usr/bin/qemu-img', 'check', 'q.qcow2')
equal((p.quit(), s.quit()), (0, 0), 'the other servers end')
finish()
