#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# User networking, by a client that speaks on the plug: DHCP, ping, name server, TFTP, TCP both ways with and without offloads, forwarded ports, commands
# behind addresses, restrict, the control socket, and that a killed emu-net comes back as it was.
export BUILD=${BUILD:-build}
# The leak detector would stop threads with calls that the filter does not let through.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
exec timeout -k 5 120 python3 -u - <<'END'
import os, signal, socket, struct, subprocess, sys, tempfile, threading, time
sys.path.insert(0, "tests/servers")
from netpeer import *

net, dir = os.environ["BUILD"] + "/bin/emu-net", tempfile.mkdtemp(prefix="emutools-net-")
tap, running = Tap(), []
ip = lambda text: socket.inet_aton(text)

def start(*args):
    r, w = os.pipe()
    p = subprocess.Popen([net, "--ready-fd", str(w)] + list(args), pass_fds=[w], stderr=subprocess.PIPE, text=True)
    os.close(w)
    p.ready = os.read(r, 16)
    os.close(r)
    running.append(p)
    return p

def fails(*args):
    r = subprocess.run([net] + list(args), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, timeout=20)
    return r.stderr if r.returncode == 1 else "it did not fail"

def serve(data, received=None):
    """A TCP server on the loopback: sends data, keeps what it gets. Returns its port."""
    s = socket.create_server(("127.0.0.1", 0))
    def run():
        while True:
            try:
                c, _ = s.accept()
            except OSError:
                return
            if data:
                c.sendall(data)
                c.shutdown(socket.SHUT_WR)
            got = b""
            while True:
                d = c.recv(65536)
                if not d:
                    break
                got += d
            if received is not None:
                received.append(got)
            c.close()
    threading.Thread(target=run, daemon=True).start()
    return s.getsockname()[1]

def processes():
    """Those whose command line has our directory in it."""
    found = []
    for n in os.listdir("/proc"):
        try:
            found += [n] if n.isdigit() and dir.encode() in open("/proc/%s/cmdline" % n, "rb").read() else []
        except OSError:
            pass
    return found

def until(what, seconds=10):
    end = time.time() + seconds
    while not what() and time.time() < end:
        time.sleep(0.02)
    return what()

try:
    os.mkdir(dir + "/tftp")
    blob = os.urandom(70001)
    open(dir + "/tftp/boot.bin", "wb").write(blob)
    plug, ctl, state = dir + "/plug", dir + "/ctl", dir + "/state"
    args = ["--plug", "unix:" + plug, "--ctl", ctl, "--state", state, "--dump", "file=" + dir + "/all.pcap",
            "user,id=u0,hostname=guest7,dnssearch=one.example,dnssearch=two.example,domainname=example,tftp=%s/tftp,bootfile=/boot.bin,tftp-server-name=tftp.example,"
            "hostfwd=tcp:127.0.0.1:0-:22,guestfwd=tcp:10.0.2.100:7-cmd:exec cat,guestfwd=:10.0.2.101:80-cmd:echo hello; id -u" % dir]
    p = start(*args)
    tap.ok(p.ready == b"READY\n", "READY once everything is held")
    g = Peer(plug)
    address, o = g.configure()
    tap.ok(address == ip("10.0.2.15"), "DHCP gives the first lease")
    tap.ok(o[1] == ip("255.255.255.0") and o[3] == ip("10.0.2.2") and o[6] == ip("10.0.2.3"), "with mask, gateway and name server")
    tap.ok(o[12] == b"guest7" and o[15] == b"example" and b"two" in o[119] and o[66] == b"tftp.example" and o["file"] == b"/boot.bin",
           "with the names that were given, and the boot file")
    tap.ok(g.resolve(ip("10.0.2.2"))[:2] == b"RU", "ARP finds the gateway")
    tap.ok(g.ping(ip("10.0.2.2")), "the gateway answers a ping")
    tap.ok(g.tftp(ip("10.0.2.2"), b"boot.bin") == blob, "TFTP reads a file of 70001 bytes")
    os.symlink("boot.bin", dir + "/tftp/same.bin")
    tap.ok(g.tftp(ip("10.0.2.2"), b"same.bin") == blob, "a symbolic link in it is followed")
    os.symlink(os.path.abspath("README.md"), dir + "/tftp/outside")
    tap.ok(g.tftp(ip("10.0.2.2"), b"outside") is None, "but not one that leads out of it")
    tap.ok(g.tftp(ip("10.0.2.2"), b"../state") is None, "TFTP does not leave its directory")
    received, big = [], os.urandom(3 << 20)
    port = serve(big)
    c = g.connect(ip("10.0.2.2"), port)
    tap.ok(c and g.read_all(c) == big, "3 MB from a server of the host's arrive whole")
    port = serve(None, received)
    c = g.connect(ip("10.0.2.2"), port, 40001)
    sent = big[:200000]
    tap.ok(g.write(c, sent), "200000 bytes to it are acknowledged")
    g.tcp_segment(c, 17)
    tap.ok(until(lambda: received and received[0] == sent), "and arrive whole")
    c = g.connect(ip("10.0.2.100"), 7, 40002)
    g.write(c, b"what goes in comes out\n")
    g.tcp_segment(c, 17)
    tap.ok(g.read_all(c) == b"what goes in comes out\n", "a command behind an address gets what the guest says, and its end")
    c = g.connect(ip("10.0.2.101"), 80, 40003)
    tap.ok(g.read_all(c) == b"hello\n%d\n" % os.getuid(), "a command's output reaches the guest, outside of the filter")

    # forwarded ports
    k = Ctl(ctl)
    tap.ok(k.greeting["QMP"]["version"]["package"].startswith("emu-net"), "the control socket greets")
    text = k("x-info", what="usernet")["return"]
    line = [l for l in text.splitlines() if "HOST_FORWARD" in l][0].split()
    chosen = int(line[3])
    tap.ok(chosen > 0 and "127.0.0.1" in line, "info usernet tells the port that was chosen")
    def forward_works(to, guest_port, peer):
        result = {}
        def client():
            s = socket.create_connection(("127.0.0.1", to), 10)
            s.sendall(b"from outside")
            s.shutdown(socket.SHUT_WR)
            result["got"] = s.recv(100)
        t = threading.Thread(target=client, daemon=True)
        t.start()
        c = peer.answer(guest_port)
        data = peer.wait(lambda f: (lambda s: s and s["data"])(peer.parse_tcp(f, c))) if c else None
        if not data:
            return False
        c["ack"] += len(data)
        peer.write(c, b"from the guest")
        t.join(10)
        return data == b"from outside" and result.get("got") == b"from the guest"
    tap.ok(forward_works(chosen, 22, g), "a connection to it reaches the guest and comes back")
    free = socket.create_server(("127.0.0.1", 0)); other = free.getsockname()[1]; free.close()
    r = k("hostfwd_add", rule="tcp:127.0.0.1:%d-10.0.2.15:80" % other)
    tap.ok(r == {"return": {}} and forward_works(other, 80, g), "hostfwd_add forwards another")
    r = k("hostfwd_add", rule="tcp:127.0.0.1:%d-:80" % other)
    tap.ok("forwarded already" in r["error"]["desc"], "twice the same port is refused")
    r = k("hostfwd_add", rule="tcp:127.0.0.1:x-:80")
    tap.ok("Invalid host forwarding rule" in r["error"]["desc"], "a rule that is none is refused")

    # kill -9, and another in its place
    p.send_signal(signal.SIGKILL); p.wait()
    try:
        g.receive(2); gone = False
    except (EOFError, ConnectionError):
        gone = True
    tap.ok(gone, "a killed one's connections end")
    tap.ok(until(lambda: not processes()), "and nothing of it stays")
    p = start(*args)
    g = Peer(plug); g.configure()
    tap.ok(forward_works(chosen, 22, g) and forward_works(other, 80, g), "its successor forwards the same ports, the chosen and the added one")
    k = Ctl(ctl)
    r = k("hostfwd_remove", rule="tcp:127.0.0.1:%d" % chosen)
    tap.ok(r == {"return": {}}, "hostfwd_remove")
    p.send_signal(signal.SIGKILL); p.wait()
    p = start(*args)
    k = Ctl(ctl)
    try:
        socket.create_connection(("127.0.0.1", chosen), 2); refused = False
    except OSError:
        refused = True
    tap.ok(refused and str(other) in k("x-info", what="usernet")["return"], "what was removed stays removed after the next kill")
    r = k("hostfwd_remove", rule="tcp:127.0.0.1:%d" % chosen)
    tap.ok("not found" in r["error"]["desc"], "removing it again is refused")
    q = start("--plug", "unix:" + dir + "/q", "--ctl", dir + "/q.ctl", "--state", dir + "/q.state", "user,id=a", "user,id=b")
    Ctl(dir + "/q.ctl")("netdev_del", id="a"); Ctl(dir + "/q.ctl")("set_link", name="b", up=False)
    q.kill(); q.wait()
    q = start("--plug", "unix:" + dir + "/q", "--ctl", dir + "/q.ctl", "--state", dir + "/q.state", "user,id=a", "user,id=b")
    ports = {o["id"]: o["link"] for o in Ctl(dir + "/q.ctl")("x-query-network")["return"] if o["type"] == "user"}
    tap.ok(ports == {"b": False}, "a network that was removed stays away, a link that was cut stays cut")
    q.terminate(); q.wait()

    # offloads
    g = Peer(plug, header=True); g.configure()
    tap.ok(g.header_in, "a hello is answered")
    port = serve(big)
    c = g.connect(ip("10.0.2.2"), port, 41000)
    data, large, bad = b"", 0, 0
    while c and len(data) < len(big):
        s = g.wait(lambda f: g.parse_tcp(f, c))
        if not s:
            break
        if len(s["data"]) > 1460:
            large += 1
            bad += g.last_header[0] != 1 or g.last_header[1] != 1 or g.last_header[3] != 1460 or g.last_header[4:6] != (34, 16)
            bad += struct.unpack("!H", s["raw"][16:18])[0] != (~checksum(s["src"] + s["dst"] + struct.pack("!BBH", 0, 6, len(s["raw"]))) & 0xFFFF)
        if s["seq"] == c["ack"]:
            data += s["data"]; c["ack"] += len(s["data"])
        g.tcp_segment(c, 16)
    tap.ok(data == big, "3 MB arrive whole in large segments")
    tap.ok(large > 50 and not bad, "which say how they are to be cut, and have the pseudo header's sum")
    del received[:]
    port = serve(None, received)
    c = g.connect(ip("10.0.2.2"), port, 41001)
    tap.ok(g.write(c, big[:400000], 50000, offload=True), "segments of 50000 bytes without checksums are taken")
    g.tcp_segment(c, 17)
    tap.ok(until(lambda: received and received[0] == big[:400000]), "and arrive whole")
    port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); port.bind(("127.0.0.1", 0))
    g.udp(ip("10.0.2.2"), 3000, port.getsockname()[1], b"ask")
    port.settimeout(5)
    question, source = port.recvfrom(100)
    answer = os.urandom(4000)
    port.sendto(answer, source)
    parts = {}
    def gather(f):
        if f[12:14] == b"\x08\0" and f[23] == 17:
            place = struct.unpack("!H", f[20:22])[0]
            parts[(place & 0x1FFF) * 8] = f[34:14 + struct.unpack("!H", f[16:18])[0]]
        return sum(len(x) for x in parts.values()) == 4008
    g.wait(gather)
    tap.ok(question == b"ask" and b"".join(parts[i] for i in sorted(parts))[8:] == answer and len(parts) == 3, "a datagram of 4000 bytes comes in fragments of the guest's MTU")
    second = Peer(plug, mac=bytes.fromhex("525400123499"))
    address, o = second.configure()
    tap.ok(address == ip("10.0.2.16"), "a second machine on the same plug gets the next lease")
    second.ip = address
    second.send(g.mac + second.mac + b"\x88\xb5" + b"to the other machine" * 4)
    tap.ok(g.wait(lambda f: f[12:14] == b"\x88\xb5"), "and both are on one hub")
    k("set_link", name="machine/2", up=False)
    second.send(g.mac + second.mac + b"\x88\xb6" + b"lost" * 20)
    tap.ok(not g.wait(lambda f: f[12:14] == b"\x88\xb6", 0.3), "set_link cuts one off")
    for junk in (b"\0\0\0\0", b"\xff\xff\xff\xff" * 4, struct.pack("!I", 60) + os.urandom(60), struct.pack("!I", 20) + b"\xff" * 12 + b"\x08\0" + b"E" * 6):
        j = Peer(plug); j.sock.sendall(junk); j.sock.close()
    for n in (1, 8, 11, 12, 13, 26):
        g.send(os.urandom(n), b"")
    for n in range(300):
        g.send(b"\xff" * 12 + b"\x08\0" + os.urandom(60), struct.pack("<BBHHHHH", n & 1, (n % 5) | (n & 0x80), 54, n * 7 & 0xFFFF, n * 3 & 0xFFFF, n & 31, 0))
    tap.ok(g.ping(ip("10.0.2.2")), "nonsense in frames, headers and lengths harms nobody")
    k("quit")
    tap.ok(p.wait(10) == 0 and not os.path.exists(plug) and not os.path.exists(ctl), "quit: it ends with status 0 and takes its sockets along")
    tap.ok(open(dir + "/all.pcap", "rb").read(4) == b"\xd4\xc3\xb2\xa1" and os.path.getsize(dir + "/all.pcap") > 10000, "the capture is a pcap file")

    # restrict, networks of one's own
    p = start("--plug", "id=lan,unix:%s,packet=on" % plug, "user,restrict=on,net=192.168.7.0/24,host=192.168.7.9,dns=192.168.7.8,dhcpstart=192.168.7.50,ipv6=off")
    g = Peer(plug, packet=True)
    address, o = g.configure()
    tap.ok(address == ip("192.168.7.50") and 3 not in o, "a network of one's own, on a packet socket")
    g.gateway = ip("192.168.7.9")
    tap.ok(not g.connect(ip("192.168.7.9"), serve(b"x")), "restrict keeps the guest from the host")
    p.terminate(); tap.ok(p.wait(10) == 0, "SIGTERM: status 0")
    p = start("--plug", "unix:" + plug, "--run", "test -S $EMU_NET && exit 7", "user")
    tap.ok(p.wait(10) == 7, "--run: the command sees the plug, and its status is ours")

    for text, args in [("expects 'on' or 'off'", ["user,restrict=maybe"]), ("does not lie in the guest's network", ["user,host=10.0.3.2"]),
                       ("must differ from host", ["user,dns=10.0.2.2"]), ("Invalid parameter 'nonsense'", ["user,nonsense=1"]),
                       ("is no directory", ["user,tftp=/nonexistent"]), ("Invalid host forwarding rule", ["user,hostfwd=tcp:1-2"]),
                       ("Invalid guest forwarding rule", ["user,guestfwd=10.0.2.9"]), ("cannot be behind", ["user,guestfwd=tcp:10.0.2.9:80-file:/x"]),
                       ("is no type of network", ["token-ring"]), ("no network is given", []), ("mask", ["user,net=10.0.0.0/31"]),
                       ("lease", ["user,dhcpstart=10.0.2.1"]), ("IPv4 and IPv6 disabled", ["user,ipv4=off,ipv6=off"]), ("netmap", ["netmap,ifname=x"]), ("unix:PATH or fd:N is expected", ["--plug", "id=x", "user"]), ("no-such", ["--plug", "unix:/tmp/x,no-such=1", "user"])]:
        got = fails(*args)
        if not tap.ok(text in got, "refused: %s" % (args or ["nothing"])[0]):
            print("# " + got)
finally:
    for p in running:
        if p.poll() is None:
            p.kill()
    subprocess.run(["rm", "-rf", dir])
tap.done()
END
