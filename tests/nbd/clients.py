# SPDX-License-Identifier: GPL-2.0-or-later
"""256 clients at once, most of which behave badly: random disconnects, half handshakes, cut TLS handshakes, requests beyond the end, lengths of 4 GB, wrong magic numbers, answers
that nobody takes, sockets that are held. Two good clients, one plain and one under TLS, read and write all the time and must not wait for them; nothing may crash, and the server's memory
must be the same at the end.

SECONDS_EACH: how long (20). RECORD=FILE: gets a line for each slice of at most 60 s, and a run that finds lines there does what is left of SECONDS_EACH. SEED."""
import ssl, struct, threading
from common import *

SECONDS, SEED, RECORD = float(os.environ.get('SECONDS_EACH', 20)), int(os.environ.get('SEED', time.time())), os.environ.get('RECORD')
CLIENTS, SIZE, SLICE = int(os.environ.get('CLIENTS', 256)), 16 << 20, 60
OPT, MAGIC = b'IHAVEOPT', 0x25609513
print('# SEED=%d' % SEED)
os.mkdir('pki')
for cmd in ('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout pki/ca-key.pem -out pki/ca-cert.pem -days 30 -subj /CN=ca -addext basicConstraints=critical,CA:TRUE',
            'req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout pki/server-key.pem -subj /CN=localhost -out x.csr',
            'x509 -req -in x.csr -CA pki/ca-cert.pem -CAkey pki/ca-key.pem -CAcreateserial -days 30 -out pki/server-cert.pem'):
    if run('openssl', *cmd.split())[0]:
        skip('many clients', 'openssl cannot make certificates here')
        finish()
fill('disk', SIZE)
plain = Server('--id', 'd', '-f', 'raw', 'disk', name='plain')
fill('disk2', SIZE)
secure = Server('--id', 'd', '--object', 'tls-creds-x509,id=t,endpoint=server,verify-peer=off,dir=' + DIR + '/pki', '--tls-creds', 't', '-f', 'raw', 'disk2', name='secure')
count_lock, did, stop = threading.Lock(), {}, threading.Event()


def rss(server):
    return int(re_status.search(open('/proc/%d/status' % server.proc.pid).read()).group(1))


import re
re_status = re.compile(r'VmRSS:\s+(\d+)')


class Client:
    def __init__(self, server, timeout=30):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(server.path)  # (waits while the backlog is full)
        self.s.settimeout(timeout)

    def take(self, n):
        out = b''
        while len(out) < n:
            got = self.s.recv(n - len(out))
            if not got:
                raise EOFError
            out += got
        return out

    def hello(self):
        self.take(18)
        self.s.sendall(struct.pack('>I', 3))

    def option(self, number, data=b''):
        self.s.sendall(OPT + struct.pack('>II', number, len(data)) + data)

    def replies(self):
        """Until one that ends the option; its type."""
        while True:
            magic, option, kind, n = struct.unpack('>QIII', self.take(20))
            self.take(n)
            if kind == 1 or kind >> 31:
                return kind

    def tls(self):
        self.option(5)
        assert self.replies() == 1
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        self.s = c.wrap_socket(self.s)

    def enter(self):
        self.option(7, struct.pack('>IH', 0, 0))
        assert self.replies() == 1

    def request(self, kind, offset, length, data=b'', cookie=7, magic=MAGIC, flags=0):
        self.s.sendall(struct.pack('>IHHQQI', magic, flags, kind, cookie, offset, length) + data)

    def answer(self, cookie, length):
        magic, error, got = struct.unpack('>IIQ', self.take(16))
        assert magic == 0x67446698 and got == cookie
        return error, b'' if error else self.take(length)


def half(r):
    c = Client(r.choice([plain, secure]))
    c.take(r.randrange(19))
    c.s.sendall((struct.pack('>I', 3) + OPT + struct.pack('>II', r.choice([1, 3, 6, 7, 8, 10]), r.choice([0, 10, 4096])))[:r.randrange(21)])
    time.sleep(r.random() * .05)


def cut_tls(r):
    c = Client(secure)
    c.hello()
    c.option(5)
    assert c.replies() == 1
    hello = bytes.fromhex('16030100c8010000c40303') + r.randbytes(189)
    c.s.sendall(hello[:r.randrange(len(hello))] if r.random() < .8 else r.randbytes(300))
    time.sleep(r.random() * .02)


def tls_then_gone(r):
    c = Client(secure)
    c.hello()
    c.tls()
    if r.random() < .7:
        c.enter()
        for _ in range(r.randrange(5)):
            c.request(0, 0, 65536)


def options(r):
    c = Client(plain)
    c.hello()
    for _ in range(r.randrange(1, 20)):
        n = r.choice([0, 1, 4, 100, 5000])
        c.option(r.choice([3, 6, 8, 9, 10, 77, 2**32 - 1]), r.randbytes(n))
        if r.random() < .8:
            c.replies()


def beyond(r):
    c = Client(plain)
    c.hello()
    c.enter()
    for _ in range(r.randrange(1, 30)):
        kind = r.choice([0, 3, 4, 5, 6, 7, 99])
        offset, length = r.choice([(SIZE - 1, 2), (SIZE, 1), (2**64 - 512, 1024), (0, 2**32 - 1), (2**63, 512), (r.randrange(SIZE), 2**32 - 1), (0, 0)])
        c.request(kind, offset, length)
        error, _ = c.answer(7, 0 if kind else length)
        if kind in (4, 6) and offset >= SIZE:
            assert error == 28, (kind, offset, length, error)


def huge_write(r):
    c = Client(plain)
    c.hello()
    c.enter()
    c.request(1, 0, r.choice([2**32 - 1, 33 << 20]), b'x' * 1000)
    time.sleep(r.random() * .05)


def wrong_magic(r):
    c = Client(plain)
    c.hello()
    c.enter()
    c.request(0, 0, 512, magic=r.getrandbits(32))
    try:
        c.take(1)
        assert False, 'an answer to nothing'
    except (EOFError, ConnectionResetError):
        pass


def deaf(r):
    """Takes no answer, then goes."""
    c = Client(plain)
    c.hello()
    c.enter()
    for i in range(r.randrange(1, 40)):
        c.request(0, r.randrange(16) << 20, 1 << 20, cookie=i)
    time.sleep(r.random() * .2)


def hold(r):
    Client(r.choice([plain, secure]))
    time.sleep(r.random() * 3)


def midway(r):
    c = Client(plain)
    c.hello()
    c.enter()
    for _ in range(r.randrange(10)):
        c.request(1, (8 << 20) + r.randrange(1 << 20), 65536, r.randbytes(r.choice([65536, 65536, 1000])))
        time.sleep(r.random() * .005)


BAD = [half, cut_tls, tls_then_gone, options, beyond, huge_write, wrong_magic, deaf, hold, midway]
problems = []


def bad_client(seed):
    r = random.Random(seed)
    while not stop.is_set():
        f = r.choice(BAD)
        try:
            f(r)
        except (EOFError, BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass
        except (AssertionError, OSError, struct.error) as e:
            problems.append('%s: %r' % (f.__name__, e))
        with count_lock:
            did[f.__name__] = did.get(f.__name__, 0) + 1


def good_client(server, tls, out):
    """Writes and reads back in a part of its own; the longest that one pair took."""
    try:
        c = Client(server, 60)
        c.hello()
        if tls:
            c.tls()
        c.enter()
        r, longest, n = random.Random(SEED), 0, 0
        while not stop.is_set():
            at, data = r.randrange(2 << 20), r.randbytes(4096)
            t = time.time()
            c.request(1, at, 4096, data, 1)
            if c.answer(1, 0)[0]:
                raise AssertionError('a write fails')
            c.request(0, at, 4096, b'', 2)
            if c.answer(2, 4096)[1] != data:
                raise AssertionError('other data come back')
            longest, n = max(longest, time.time() - t), n + 1
            time.sleep(.005)
        out.append((n, longest))
    except (AssertionError, OSError, EOFError) as e:
        problems.append('a good client: %r' % e)


def slice_of(seconds, seed):
    stop.clear()
    goods = []
    threads = [threading.Thread(target=bad_client, args=(seed * 1000 + i,)) for i in range(CLIENTS - 2)]
    threads += [threading.Thread(target=good_client, args=(plain, False, goods)), threading.Thread(target=good_client, args=(secure, True, goods))]
    for t in threads:
        t.start()
    time.sleep(seconds)
    stop.set()
    for t in threads:
        t.join()
    return goods


def settled(server):
    """Its memory, once all clients have gone and what they needed is given back: the same for three seconds."""
    seen = []
    for _ in range(60):
        seen.append(rss(server))
        if len(seen) > 6 and len(set(seen[-6:])) == 1:
            break
        time.sleep(.5)
    return seen[-1]


def everyone(server, tls):
    """As many as there ever are at once, so that the server has its threads before it is weighed."""
    held = []
    for _ in range(CLIENTS):
        c = Client(server, 120)
        c.hello()
        if tls:
            c.tls()
        c.enter()
        held.append(c)


left = SECONDS
if RECORD and os.path.exists(RECORD):
    left -= sum(float(l.split()[0]) for l in open(RECORD) if l[0].isdigit())
if left <= 0:
    ok(True, 'the clients of %.0f s are recorded' % SECONDS)
    finish()
everyone(plain, False)
everyone(secure, True)
slice_of(min(20, left), SEED - 1)  # what is allocated once
before = {s.name: settled(s) for s in (plain, secure)}
slice_number = 0
while left > 0 and not problems:
    seconds = min(SLICE, left)
    goods = slice_of(seconds, SEED + slice_number)
    slice_number, left = slice_number + 1, left - seconds
    alive = plain.proc.poll() is None and secure.proc.poll() is None
    if not alive or len(goods) != 2:
        problems.append('a server has gone: %s %s' % (plain.errors(), secure.errors()) if not alive else 'a good client did not last')
        break
    after = {s.name: settled(s) for s in (plain, secure)}
    if RECORD and not problems:
        with open(RECORD, 'a') as f:
            f.write('%.0f seconds, %d clients, %s, SEED=%d: good clients made %s pairs, the slowest %.0f ms; RSS %s KiB, was %s; %d acts\n' %
                    (seconds, CLIENTS, time.strftime('%F'), SEED, '+'.join(str(g[0]) for g in goods), max(g[1] for g in goods) * 1000, after, before, sum(did.values())))
ok(not problems, '%d clients for %.0f s, %d acts: %s' % (CLIENTS, SECONDS, sum(did.values()), did), '\n'.join(problems[:10]))
if not problems:
    ok(all(after[n] <= before[n] * 1.02 + 128 for n in after), 'their servers keep their size: %s KiB, were %s' % (after, before))
    ok(all(g[0] > 0 for g in goods), 'good clients are served meanwhile: %s, the slowest pair %.0f ms' % ([g[0] for g in goods], max(g[1] for g in goods) * 1000))
    equal((plain.quit(), secure.quit()), (0, 0), 'both end in order')
finish()
