#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks on the host: TAP interfaces, bridges by the helper, TCP, UDP and multicast sockets, pseudowires, a VDE switch, a hub. In a network namespace of the
# test's own.
export BUILD=${BUILD:-build}
# The leak detector would stop threads with calls that the filter does not let through.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
if [ "${1:-}" != inside ]; then
    [ -c /dev/net/tun ] || { echo "1..0 # SKIP there is no /dev/net/tun"; exit 0; }
    unshare -rn true 2>/dev/null || { echo "1..0 # SKIP network namespaces are not allowed here"; exit 0; }
    if [ "$(id -u)" = 0 ]; then exec timeout -k 5 120 unshare -nm bash "$0" inside; else exec timeout -k 5 120 unshare -rnm bash "$0" inside; fi
fi
exec python3 -u - <<'END'
import os, signal, socket, struct, subprocess, sys, tempfile, threading, time
sys.path.insert(0, "tests/servers")
from netpeer import *

net, dir = os.environ["BUILD"] + "/bin/emu-net", tempfile.mkdtemp(prefix="emutools-nethost-")
tap, running, numbers = Tap(), [], iter(range(1000))
ip = socket.inet_aton

def sh(text):
    return subprocess.run(text, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

def start(*args, fds=(), wait=True):
    plug = dir + "/p%d" % next(numbers)
    r, w = os.pipe()
    p = subprocess.Popen([net, "--plug", "unix:" + plug, "--ready-fd", str(w), "--ctl", plug + ".ctl"] + list(args), pass_fds=[w] + list(fds), stderr=subprocess.PIPE, text=True)
    os.close(w)
    if wait:
        os.read(r, 16)
    os.close(r)
    running.append(p)
    p.plug = plug
    return p

def end(p):
    p.terminate()
    return p.wait(20)

def peer(p, address, mac, header=False):
    g = Peer(p.plug, header, mac=bytes.fromhex(mac))
    g.ip, g.gateway = ip(address), ip(address)
    return g

def talk(a, b, size=80):
    """A frame from one peer to the other, and back."""
    for one, other, kind in ((a, b, b"\x88\xb5"), (b, a, b"\x88\xb6")):
        body = os.urandom(size)
        for _ in range(20):
            one.send(other.mac + one.mac + kind + body)
            if other.wait(lambda f: f[12:14] == kind and f[14:14 + size] == body and f, 0.5):
                break
        else:
            return False
    return True

def answers(g):
    """The other side of g's cable, once more alive: answers ARP and pings in a thread until told to stop."""
    stop = threading.Event()
    def run():
        while not stop.is_set():
            f = g.receive(0.2)
            if f and f[12:14] == b"\x08\0" and f[23] == 1 and f[34] == 8 and f[30:34] == g.ip:
                icmp = b"\0\0\0\0" + f[38:14 + struct.unpack("!H", f[16:18])[0]]
                icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
                g.send(g.ip4(f[26:30], 1, icmp, mac=f[6:12]))
    t = threading.Thread(target=run, daemon=True); t.start()
    return lambda: (stop.set(), t.join())

try:
    os.environ["XDG_RUNTIME_DIR"] = dir
    sh("ip link set lo up; ip route add 224.0.0.0/4 dev lo; ip link set lo multicast on")
    # TAP
    for name, text in (("up", 'ip link set "$1" up; ip addr add 10.8.0.1/24 dev "$1"'), ("down", "echo down $1 >%s/was-down" % dir)):
        open(dir + "/" + name, "w").write("#!/bin/sh\n%s\n" % text); os.chmod(dir + "/" + name, 0o755)
    p = start("tap,id=t0,ifname=emutest0,script=%s/up,downscript=%s/down" % (dir, dir))
    g = peer(p, "10.8.0.2", "525400000001", header=True)
    tap.ok("10.8.0.1" in sh("ip addr show dev emutest0").stdout, "a TAP interface is made, its script has run")
    tap.ok(g.resolve(ip("10.8.0.1")) and g.ping(ip("10.8.0.1")), "the host's side answers ARP and ping")
    stop = answers(g)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw.settimeout(5)
    echo = struct.pack("!BBHHH", 8, 0, 0, 99, 1) + b"over there" * 4
    raw.sendto(echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:], ("10.8.0.2", 0))
    back = b""
    while not back.endswith(echo[8:]) or back[20] != 0:
        try:
            back = raw.recv(2000)
        except socket.timeout:
            break
    tap.ok(back[20:21] == b"\0" and back.endswith(echo[8:]), "the guest's side is reached, too")
    stop()
    # TCP with the host's own stack: large segments and checksums pass unfinished
    s = socket.create_server(("10.8.0.1", 0)); data = os.urandom(1 << 20)
    def serve():
        c, _ = s.accept(); c.sendall(data); c.close()
    threading.Thread(target=serve, daemon=True).start()
    c = g.connect(ip("10.8.0.1"), s.getsockname()[1])
    got, large = b"", 0
    while c and len(got) < len(data):
        seg = g.wait(lambda f: g.parse_tcp(f, c))
        if not seg:
            break
        large += len(seg["data"]) > 1460
        if seg["seq"] == c["ack"]:
            got += seg["data"]; c["ack"] += len(seg["data"])
        g.tcp_segment(c, 16)
    tap.ok(got == data, "1 MB from the host's TCP arrives whole")
    tap.ok(large > 0, "in large segments")
    received = []
    def take():
        c, _ = s.accept(); all = b""
        while len(all) < 100000:
            d = c.recv(65536)
            if not d: break
            all += d
        received.append(all)
    t = threading.Thread(target=take, daemon=True); t.start()
    c = g.connect(ip("10.8.0.1"), s.getsockname()[1], 40100)
    tap.ok(g.write(c, data[:100000], 20000, offload=True) and (t.join(10), received and received[0])[1] == data[:100000], "100000 bytes to it, in unfinished segments")
    tap.ok(end(p) == 0, "SIGTERM: status 0")
    tap.ok(open(dir + "/was-down").read() == "down emutest0\n" if [time.sleep(0.5)] else 0, "and the other script has run")
    p = start("tap,ifname=emutest0,script=%s/up,downscript=no,vnet_hdr=off,queues=2" % dir)
    g = peer(p, "10.8.0.2", "525400000001", header=True)
    tap.ok(g.ping(ip("10.8.0.1")), "two queues, no headers")
    end(p)
    # a TAP that somebody else made
    import fcntl
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"emutest1", 0x0002 | 0x1000 | 0x4000))
    sh("ip link set emutest1 up; ip addr add 10.7.0.1/24 dev emutest1")
    p = start("tap,fd=%d" % tun, fds=[tun])
    g = peer(p, "10.7.0.2", "525400000002")
    tap.ok(g.ping(ip("10.7.0.1")), "a TAP interface that came as a descriptor")
    p.kill(); p.wait()
    p = start("tap,fds=%d" % tun, fds=[tun])
    g = peer(p, "10.7.0.2", "525400000002")
    tap.ok(g.ping(ip("10.7.0.1")), "serves the next one after kill -9")
    end(p); os.close(tun)
    # bridge
    sh("ip link add br7 type bridge; ip addr add 10.6.0.1/24 dev br7; ip link set br7 mtu 1400 up")
    p, q = start("bridge,br=br7"), start("tap,br=br7,helper=" + os.path.abspath(os.environ["BUILD"] + "/bin/emu-bridge-helper"))
    a, b = peer(p, "10.6.0.2", "525400000003"), peer(q, "10.6.0.3", "525400000004")
    tap.ok(a.ping(ip("10.6.0.1")) and b.ping(ip("10.6.0.1")), "two machines on a bridge reach the host")
    tap.ok(talk(a, b), "and each other")
    tap.ok("mtu 1400" in sh("ip link show master br7").stdout and "mtu 1500" not in sh("ip link show master br7").stdout, "with the bridge's MTU")
    end(p); end(q)
    r = subprocess.run([net, "bridge,br=nobridge"], stderr=subprocess.PIPE, text=True)
    tap.ok(r.returncode == 1 and "there is no bridge nobridge" in r.stderr, "a bridge that does not exist")
    # the name server of user networking is the host's: here one of our own
    open(dir + "/resolv.conf", "w").write("# ours\nnameserver 127.0.0.7\n")
    mounted = sh("mount --bind %s/resolv.conf /etc/resolv.conf" % dir).returncode == 0
    if mounted:
        d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); d.bind(("127.0.0.7", 53))
        def names():
            while True:
                query, source = d.recvfrom(512)
                d.sendto(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x21", source)
        threading.Thread(target=names, daemon=True).start()
        for sandbox in ("on", "off"):
            p = start("--sandbox", sandbox, "user"); g = Peer(p.plug); g.configure()
            g.udp(ip("10.0.2.3"), 3333, 53, b"\x12\x34\1\0\0\1\0\0\0\0\0\0\4test\7example\0\0\1\0\1")
            reply = g.wait(lambda f: g.parse_udp(f, 3333))
            tap.ok(reply and reply[2].startswith(b"\x12\x34") and reply[2].endswith(b"\xc0\0\2\x21"), "a name is resolved, sandbox " + sandbox)
            end(p)
        sh("umount /etc/resolv.conf")
    else:
        tap.skip("a name is resolved", "/etc/resolv.conf cannot be replaced here")
    # services of user networking, for a host that is on its network by a TAP interface
    os.mkdir(dir + "/share"); open(dir + "/share/hello.txt", "w").write("hello\n")
    s = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: [c.sendall(b"over TCP" + c.recv(10)) or c.close() for c in [s.accept()[0]]], daemon=True).start()
    smb = ",smb=%s/share" % dir if sh("PATH=$PATH:/usr/sbin; command -v smbd && command -v smbclient").returncode == 0 else ""
    p = start("user,guestfwd=tcp:10.0.2.100:7-tcp:127.0.0.1:%d%s" % (s.getsockname()[1], smb), "tap,ifname=emutest2,script=no,downscript=no")
    sh("ip link set emutest2 up; ip addr add 10.0.2.50/24 dev emutest2")
    c = socket.create_connection(("10.0.2.100", 7), 10); c.sendall(b" and back")
    tap.ok(c.recv(100) == b"over TCP and back", "a TCP connection behind an address of the guest's network")
    c.close()
    if smb:
        out = sh("timeout 30 smbclient -N //10.0.2.4/qemu -c 'get hello.txt %s/got; put %s/up put.txt'" % (dir, dir)).stdout
        if not tap.ok(open(dir + "/got").read() == "hello\n" and os.path.exists(dir + "/share/put.txt"), "smb=: files are read and written"):
            print("# " + out)
    else:
        tap.skip("smb=: files are read and written", "samba and smbclient are not installed")
    private = [w for w in os.listdir(dir) if w.startswith("emu-net-")]
    end(p)
    tap.ok(len(private) == 1 and not os.path.exists(dir + "/" + private[0]), "nothing of it stays in the end")
    # sockets
    s = socket.socket(); s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]; s.close()
    p = start("socket,id=s0,listen=127.0.0.1:%d" % port)
    q = start("socket,connect=127.0.0.1:%d" % port)
    a, b = peer(p, "10.5.0.1", "525400000005"), peer(q, "10.5.0.2", "525400000006", header=True)
    tap.ok(talk(a, b, 1400), "socket,listen= and connect=")
    p.kill(); p.wait()
    p = start("socket,id=s0,listen=127.0.0.1:%d" % port)
    a = peer(p, "10.5.0.1", "525400000005")
    time.sleep(1.2)
    tap.ok(talk(a, b), "the one that connects does so again")
    end(p); end(q)
    x, y = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    x.bind(("127.0.0.1", 0)); y.bind(("127.0.0.1", 0)); px, py = x.getsockname()[1], y.getsockname()[1]; x.close(); y.close()
    p, q = start("socket,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d" % (px, py)), start("socket,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d" % (py, px))
    a, b = peer(p, "10.5.0.1", "525400000005"), peer(q, "10.5.0.2", "525400000006")
    tap.ok(talk(a, b, 1400), "socket,udp=")
    end(p); end(q)
    many = [start("socket,mcast=230.0.0.1:1234,localaddr=127.0.0.1") for _ in range(3)]
    peers = [peer(m, "10.4.0.%d" % i, "52540000001%d" % i) for i, m in enumerate(many)]
    tap.ok(talk(peers[0], peers[1]) and talk(peers[1], peers[2]) and talk(peers[0], peers[2]), "socket,mcast= between three")
    peers[0].send(b"\xff" * 6 + peers[0].mac + b"\x88\xb7" + b"once" * 20)
    tap.ok(not peers[0].wait(lambda f: f[12:14] == b"\x88\xb7", 0.5), "nobody hears himself")
    for m in many: end(m)
    # pseudowires
    for name, one, two in (("UDP", "udp=on,srcport=5001,dstport=5002,rxsession=7,txsession=9", "udp=on,srcport=5002,dstport=5001,rxsession=9,txsession=7"),
                           ("UDP, 64-bit cookies, no counter, offset", "udp=on,srcport=5003,dstport=5004,txsession=1,cookie64=on,txcookie=0x1122334455667788,rxcookie=5,counter=off,offset=4",
                            "udp=on,srcport=5004,dstport=5003,txsession=1,cookie64=on,txcookie=5,rxcookie=0x1122334455667788,counter=off,offset=4"),
                           ("IP, cookies", "txsession=0xffffffff,txcookie=1,rxcookie=2", "txsession=0xffffffff,txcookie=2,rxcookie=1")):
        p, q = start("l2tpv3,src=127.0.0.1,dst=127.0.0.2," + one), start("l2tpv3,src=127.0.0.2,dst=127.0.0.1," + two)
        a, b = peer(p, "10.5.0.1", "525400000005"), peer(q, "10.5.0.2", "525400000006")
        tap.ok(talk(a, b, 1400), "l2tpv3 over " + name)
        end(p); end(q)
    p, q = start("l2tpv3,src=127.0.0.1,dst=127.0.0.2,udp=on,srcport=5001,dstport=5002,txsession=9,txcookie=1,rxcookie=2"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    q.bind(("127.0.0.2", 5002)); q.settimeout(5)
    a = peer(p, "10.5.0.1", "525400000005"); a.send(b"\xff" * 12 + b"\x88\xb5" + b"x" * 50)
    tap.ok(q.recv(2000)[:16] == struct.pack("!IIII", 0x30000, 9, 1, 1), "its header is that of RFC 3931")
    q.sendto(struct.pack("!IIII", 0x30000, 9, 3, 1) + b"\xff" * 12 + b"\x88\xb5" + b"y" * 50, ("127.0.0.1", 5001))
    q.sendto(struct.pack("!IIII", 0x30000, 9, 2, 1) + b"\xff" * 12 + b"\x88\xb6" + b"z" * 50, ("127.0.0.1", 5001))
    f = a.receive()
    tap.ok(f and f[12:14] == b"\x88\xb6", "a wrong cookie is dropped")
    q.close(); end(p)
    # VDE
    if sh("command -v vde_switch").returncode == 0:
        v = subprocess.Popen(["vde_switch", "-sock", dir + "/vde", "-hub"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); running.append(v)
        for _ in range(100):
            if os.path.exists(dir + "/vde/ctl"): break
            time.sleep(0.05)
        p, q = start("vde,sock=%s/vde" % dir), start("vde,sock=%s/vde,port=9" % dir)
        a, b = peer(p, "10.5.0.1", "525400000005"), peer(q, "10.5.0.2", "525400000006")
        tap.ok(talk(a, b, 1400), "two ports of a VDE switch")
        end(p); end(q); v.terminate(); v.wait()
    else:
        tap.skip("two ports of a VDE switch", "vde2 is not installed")
    x, y = socket.socketpair()
    p, q = start("socket,fd=%d" % x.fileno(), fds=[x.fileno()]), start("socket,fd=%d" % y.fileno(), fds=[y.fileno()])
    x.close(); y.close()
    a, b = peer(p, "10.5.0.1", "525400000005"), peer(q, "10.5.0.2", "525400000006")
    tap.ok(talk(a, b), "socket,fd= of a connection")
    # a hub: user networking, a socket and two machines; another network through its plug
    p2 = start("plug,unix=" + p.plug, "user,restrict=on")
    c = Peer(p2.plug, mac=bytes.fromhex("525400000007"))
    c.configure()
    tap.ok(talk(a, c) and talk(b, c), "a network in another's plug")
    k = Ctl(p2.plug + ".ctl")
    ports = k("x-query-network")["return"]
    tap.ok({o["type"] for o in ports} == {"user", "plug", "listen"} and any(o["rx-frames"] > 0 and "vnet_hdr=on" in o["info"] for o in ports), "its ports and what went through them")
    for m in (p, q, p2): end(m)
    for text, args in [("exactly one of", "socket"), ("exactly one of", "socket,listen=:1,connect=:2"), ("localaddr= is mandatory", "socket,udp=127.0.0.1:1"),
                       ("no multicast address", "socket,mcast=10.0.0.1:5"), ("HOST:PORT is expected", "socket,listen=5"), ("invalid with fd=", "tap,fd=0,ifname=x"),
                       ("is no TAP interface", "tap,fd=0"), ("at most 15 characters", "tap,ifname=abcdefghijklmnopq"), ("vhostforce", "tap,vhostforce=on"),
                       ("src= and dst=", "l2tpv3,txsession=1"), ("txsession= is required", "l2tpv3,src=127.0.0.1,dst=127.0.0.1"),
                       ("need txcookie= and rxcookie=", "l2tpv3,src=::1,dst=::1,ipv6=on,txsession=1,txcookie=5"), ("no switch at", "vde,sock=/nonexistent"),
                       ("failed with status 3", "tap,script=%s/bad" % dir)]:
        if "bad" in args:
            open(dir + "/bad", "w").write("#!/bin/sh\nexit 3\n"); os.chmod(dir + "/bad", 0o755)
        r = subprocess.run([net, args], stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, timeout=20)
        if not tap.ok(r.returncode == 1 and text in r.stderr, "refused: " + args.replace(dir, "DIR")):
            print("# " + r.stderr)
finally:
    for p in running:
        if p.poll() is None:
            p.kill()
    subprocess.run(["rm", "-rf", dir])
tap.done()
END
