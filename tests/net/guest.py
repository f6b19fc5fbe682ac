# SPDX-License-Identifier: GPL-2.0-or-later
"""Network cards in whole machines, with user networking behind them. iPXE boots a program of one sector over virtio-net and e1000. A Linux guest with each card
gets its address by DHCP, asks the tests' own name server, pings, reads a file by TFTP, moves NET_MB (20) each way with right digests, has NET_PARALLEL (50)
connections of 1 MB open at once and NET_SEQUENTIAL (500) one after the other, while emu-net keeps its descriptors and its memory; it goes on when emu-net is killed
with -9, and follows set_link.

Run by tests/glue/cpu-net.sh, which sets BUILD, FULL (the package of the full kernel) and NAMESPACE (we are in network and mount namespaces of our own).
NET_CASES=all: more settings of the cards. NET_PXE=linux: iPXE also loads Linux with its RAM disk over TFTP. NET_CARDS: which (virtio-net-pci e1000). BOOT_PATIENCE
multiplies all times that are waited; no_timer_check, since a kernel whose machine got no time of the host's for a while thinks that its timer is broken."""
import glob, hashlib, os, re, shutil, socket, struct, subprocess, sys, tempfile, threading, time
sys.path.insert(0, "tests/servers")
from netpeer import Ctl, Tap

build, dir, tap, running = os.environ["BUILD"], tempfile.mkdtemp(prefix="emutools-cpunet-"), Tap(), []
MB, PARALLEL, SEQUENTIAL = (int(os.environ.get(n, d)) for n, d in (("NET_MB", 20), ("NET_PARALLEL", 50), ("NET_SEQUENTIAL", 500)))
PATIENCE = float(os.environ.get("BOOT_PATIENCE", "1")) # times all times that are waited
CARDS = os.environ.get("NET_CARDS", "virtio-net-pci e1000").split()
MODULES = "virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net e1000".split()

def net(*args):
    p = subprocess.Popen([build + "/bin/emu-net", "--plug", "unix:" + dir + "/plug", "--state", dir + "/state", "--ctl", dir + "/net.ctl"] + list(args))
    running.append(p)
    return p

def end(p):
    if p.poll() is None:
        p.terminate()
    return p.wait(20)

def note(text):
    print("# " + text.replace("\n", "\n# "), flush=True)

def family(p):
    """A process and those it started."""
    pids, found = [str(p.pid)], []
    while pids:
        pid = pids.pop()
        found.append(pid)
        for t in os.listdir("/proc/%s/task" % pid):
            pids += open("/proc/%s/task/%s/children" % (pid, t)).read().split()
    return found

def usage(p):
    """(KiB resident, descriptors)"""
    return (sum(int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%s/status" % n).read()).group(1)) for n in family(p)),
            sum(len(os.listdir("/proc/%s/fd" % n)) for n in family(p)))

def cpu(*processes):
    """Seconds."""
    times = [open("/proc/%s/stat" % n).read().rsplit(")", 1)[1].split()[11:13] for p in processes for n in family(p)]
    return sum(int(u) + int(s) for u, s in times) / os.sysconf("SC_CLK_TCK")

# ---- the name server: a name is NUMBER.test, and its addresses are made of the number ----
def name_server(family, address):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, 53))
    def serve():
        while True:
            q, source = s.recvfrom(2000)
            at, labels = 12, []
            while q[at]:
                labels.append(q[at + 1:at + 1 + q[at]].decode())
                at += 1 + q[at]
            kind, rr = struct.unpack("!H", q[at + 1:at + 3])[0], b""
            known = len(labels) == 2 and labels[1] == "test" and labels[0].isdigit()
            n = int(labels[0]) if known else 0
            if known and kind == 1:
                rr = struct.pack("!HHHIHI", 0xC00C, 1, 1, 60, 4, n)
            elif known and kind == 28:
                rr = struct.pack("!HHHIH12xI", 0xC00C, 28, 1, 60, 16, n)
            s.sendto(q[:2] + struct.pack("!HHHHH", 0x8580 | (0 if known else 3), 1, 1 if rr else 0, 0, 0) + q[12:at + 5] + rr, source)
    threading.Thread(target=serve, daemon=True).start()

def set_up_namespace():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    open(dir + "/resolv.conf", "w").write("nameserver 127.0.0.1\nnameserver ::1\n")
    subprocess.run(["mount", "--bind", dir + "/resolv.conf", os.path.realpath("/etc/resolv.conf")], check=True)
    name_server(socket.AF_INET, "127.0.0.1")
    name_server(socket.AF_INET6, "::1")

# ---- the guests ----
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev 2>/dev/null
for m in MODULES; do
    [ -f /modules/$m.ko ] && insmod /modules/$m.ko
done
ip link set lo up; ip link set eth0 up
exec </dev/console >/dev/console 2>&1
stty -echo
echo "GUEST UP"
while read -r line; do eval "$line"; echo "DONE $?"; done
""".replace("MODULES", " ".join(MODULES))
SCRIPT = """#!/bin/sh
[ "$1" = bound ] && {
    ip -4 addr flush dev eth0; ip addr add $ip/24 dev eth0; ip route add default via $router
    echo "nameserver $dns" >/etc/resolv.conf; echo "BOUND $ip $router $dns $hostname"
}
"""

def initrd(package, name):
    root = dir + "/root-" + name
    for d in ("bin", "modules", "dev", "proc", "sys", "etc"):
        os.makedirs(root + "/" + d)
    shutil.copy(shutil.which("busybox"), root + "/bin/busybox")
    shutil.copy(dir + "/load", root + "/bin/load")
    for m in MODULES:
        for f in subprocess.run(["find", package, "-name", m + ".ko"], stdout=subprocess.PIPE, text=True).stdout.split():
            shutil.copy(f, root + "/modules/")
    for path, text in (("/init", INIT), ("/bin/bound", SCRIPT)):
        open(root + path, "w").write(text)
        os.chmod(root + path, 0o755)
    subprocess.run("cd %s && find . | cpio -o -H newc --quiet | gzip -1n >%s/%s.gz" % (root, dir, name), shell=True, check=True)
    return "%s/%s.gz" % (dir, name)

class Guest:
    def __init__(self, *args):
        self.text = ""
        self.p = subprocess.Popen([build + "/bin/emu-cpu", "-M", "pc", "-nographic", "-no-reboot", "-serial", "stdio", "-ctl", dir + "/cpu.ctl",
                                   "-d", "guest_errors", "-D", dir + "/guest-errors"] + list(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        running.append(self.p)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            d = os.read(self.p.stdout.fileno(), 65536)
            if not d:
                return
            self.text += d.decode(errors="replace").replace("\r", "")

    def until(self, pattern, seconds, start=0):
        end = time.time() + seconds * PATIENCE
        while time.time() < end:
            m = re.search(pattern, self.text[start:], re.M)
            if m:
                return m
            if self.p.poll() is not None:
                return None
            time.sleep(0.02)
        return None

    def run(self, line, seconds=60):
        """The output of a command; None: it did not come to its end."""
        start = len(self.text)
        self.p.stdin.write(line.encode() + b"\n"); self.p.stdin.flush()
        m = self.until(r"^DONE (\d+)$", seconds, start)
        return self.text[start:start + m.start()] if m else None

    def up(self, name):
        good = tap.ok(self.until("GUEST UP$", 180), name)
        if not good:
            note(self.text[-2000:])
            self.p.kill()
        return good

    def power_off(self):
        """The machine's status; None: it went on."""
        self.p.stdin.write(b"poweroff -f\n"); self.p.stdin.flush()
        try:
            return self.p.wait(30 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.p.kill()

# ---- what is at the other end ----
DATA = os.urandom(MB << 20)
digest = hashlib.md5(DATA).hexdigest()
PERIOD, ANSWER = 65521, 1024 # as in load.c

def make_pattern():
    x, out = 2463534242, bytearray()
    for _ in range(PERIOD):
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        out.append(x >> 24)
    return bytes(out) * 18 # 1 MiB from any place of the first period

PATTERN = make_pattern()

def pattern(n, size):
    return PATTERN[n * 7919 % PERIOD:][:size]

def once(send):
    """One connection: sends DATA, or takes what comes; returns the port and a function that waits for the digest."""
    s, result = socket.create_server(("127.0.0.1", 0)), []
    def serve():
        c, _ = s.accept()
        s.close()
        if send:
            c.sendall(DATA)
            c.close()
            result.append(digest)
            return
        h = hashlib.md5()
        while True:
            d = c.recv(1 << 20)
            if not d:
                break
            h.update(d)
        c.close()
        result.append(h.hexdigest())
    t = threading.Thread(target=serve, daemon=True); t.start()
    return s.getsockname()[1], lambda: (t.join(60 * PATIENCE), result and result[0])[1]

def exactly(c, size):
    out = b""
    while len(out) < size:
        d = c.recv(min(size - len(out), 1 << 18))
        if not d:
            break
        out += d
    return out

def many(count, size):
    """For `load parallel`: nobody is given anything before all are there. Returns the port and a list of what was wrong, or right."""
    s, result, all_there = socket.create_server(("127.0.0.1", 0), backlog=count), [], threading.Barrier(count)
    def talk(c):
        try:
            n = struct.unpack("!I", exactly(c, 4))[0]
            all_there.wait(120 * PATIENCE)
            c.sendall(pattern(n, size))
            good = exactly(c, size) == pattern(n + 1, size)
            if good:
                c.close()
            result.append("right" if good else "connection %d: wrong bytes" % n)
        except (OSError, struct.error, threading.BrokenBarrierError) as e:
            result.append(repr(e))
        c.close()
    def serve():
        for _ in range(count):
            threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()
        s.close()
    threading.Thread(target=serve, daemon=True).start()
    return s.getsockname()[1], result

def one_by_one(count):
    s = socket.create_server(("127.0.0.1", 0))
    def serve():
        for _ in range(count):
            c, _ = s.accept()
            n = exactly(c, 4)
            if len(n) == 4:
                n = struct.unpack("!I", n)[0]
                c.sendall(pattern(n, ANSWER))
                if n % 2 == 0:
                    c.recv(1) # the guest ends it first
            c.close()
        s.close()
    threading.Thread(target=serve, daemon=True).start()
    return s.getsockname()[1]

def right(out, count):
    return out is not None and out.startswith("all %d right" % count)

# ---- cases ----
def ipxe(card):
    """A boot program of one sector says a word on port 0x402 and ends the machine."""
    word = b"booted from the network\n"
    code = bytes.fromhex("fc0e1fbe207cba0204ac84c07403eeebf8ba0105b01aeef4")
    os.makedirs(dir + "/tftp", exist_ok=True)
    open(dir + "/tftp/nbp.0", "wb").write(code.ljust(0x20, b"\0") + word + b"\0")
    n = net("user,tftp=%s/tftp,bootfile=nbp.0" % dir)
    out = dir + "/" + card
    p = subprocess.Popen([build + "/bin/emu-cpu", "-M", "pc", "-m", "64", "-nographic", "-no-reboot", "-serial", "file,path=" + out + ".serial", "-chardev",
                          "file,path=" + out + ",id=log", "-device", "isa-debugcon,iobase=0x402,chardev=log", "-device", "isa-debug-exit,iobase=0x501",
                          "-net-fd", "id=n0,unix=%s/plug,vnet_hdr=on" % dir, "-device", card + ",netdev=n0,bootindex=0"], stdin=subprocess.DEVNULL)
    running.append(p)
    try:
        status = p.wait(90 * PATIENCE)
    except subprocess.TimeoutExpired:
        status = None
    text = open(out, "rb").read()
    if not tap.ok(status == 53 and word in text, "%s: iPXE boots a program by DHCP and TFTP" % card):
        note("status %s\n" % status + open(out + ".serial", errors="replace").read()[-1500:])
    if p.poll() is None:
        p.kill()
    tap.ok(end(n) == 0, "%s: emu-net ends well" % card)

def ipxe_linux(card, kernel, rd):
    """iPXE is given a script: kernel and RAM disk come over TFTP, and the kernel has its address from the same DHCP."""
    tftp = dir + "/tftp-linux"
    os.makedirs(tftp, exist_ok=True)
    shutil.copy(kernel, tftp + "/vmlinuz"); shutil.copy(rd, tftp + "/initrd.gz")
    open(tftp + "/boot.ipxe", "w").write("#!ipxe\nkernel vmlinuz initrd=initrd.gz console=ttyS0 quiet panic=-1 no_timer_check word=over-the-cable\ninitrd initrd.gz\nboot\n")
    n = net("user,tftp=%s,bootfile=boot.ipxe" % tftp)
    start = time.time()
    g = Guest("-m", "256", "-net-fd", "id=n0,unix=%s/plug,vnet_hdr=on" % dir, "-device", card + ",netdev=n0,bootindex=0")
    if g.up("%s: iPXE loads Linux and its RAM disk, %d KiB, over TFTP, and boots it" % (card, (os.path.getsize(kernel) + os.path.getsize(rd)) >> 10)):
        note("%.1f s" % (time.time() - start))
        out = g.run("cat /proc/cmdline; udhcpc -i eth0 -f -n -q -t 20 -T 1 -s /bin/bound 2>&1; ping -c 1 10.0.2.2")
        tap.ok(out and "word=over-the-cable" in out and "BOUND 10.0.2.15" in out and "1 packets received" in out, "%s: and its network works" % card)
        tap.ok(g.power_off() == 0, "%s: it powers off" % card)
    end(n)

def tcp(k):
    """How many TCP connections emu-net has, those in TIME_WAIT included."""
    return len(re.findall(r"^ *TCP\[(?!HOST_FORWARD)", k("x-info", what="usernet")["return"], re.M))

def connections(g, n, name):
    """What emu-net uses before the ones that come after each other."""
    (port, result), out, most, start = many(PARALLEL, 1 << 20), [], [0, 0], cpu(g.p, n)
    t = threading.Thread(target=lambda: out.append(g.run("load parallel 10.0.2.2 %d %d %d" % (port, PARALLEL, 1 << 20), 600))); t.start()
    while t.is_alive():
        most = [max(a, b) for a, b in zip(most, usage(n))]
        t.join(0.05)
    if not tap.ok(right(out[0], PARALLEL) and result == ["right"] * PARALLEL, "%s: %d connections at once, 1 MB each way on each" % (name, PARALLEL)):
        note("%r\n%r" % (out, [r for r in result if r != "right"][:5]))
    note("%s, %.1f CPU seconds; emu-net had at most %d KiB and %d descriptors" % ((out[0] or "").strip(), cpu(g.p, n) - start, *most))
    tap.ok(most[1] > PARALLEL, "%s: and as many sockets of the host's were open" % name)
    before, start = usage(n), cpu(g.p, n)
    out = g.run("load sequential 10.0.2.2 %d %d" % (one_by_one(SEQUENTIAL), SEQUENTIAL), 3600)
    if not tap.ok(right(out, SEQUENTIAL), "%s: %d connections one after the other" % (name, SEQUENTIAL)):
        note(repr(out))
    note("%s, %.1f CPU seconds" % ((out or "").strip(), cpu(g.p, n) - start))
    return before

def nothing_left(n, k, name, before):
    """Half of the connections were ended by the host, and stay for a while in TIME_WAIT."""
    end = time.time() + 60 * PATIENCE
    then = tcp(k)
    while tcp(k) and time.time() < end:
        time.sleep(0.1)
    after = usage(n)
    note("emu-net: %d KiB and %d descriptors before, %d KiB and %d after (%d were in TIME_WAIT)" % (*before, *after, then))
    tap.ok(after[1] <= before[1], "%s: no descriptor is left of them" % name)
    tap.ok(after[0] <= before[0] + 1024, "%s: nor memory" % name)

def names(g, name):
    if not os.environ.get("NAMESPACE"):
        tap.skip(name + ": names", "network namespaces are not allowed here")
        return
    n = int.from_bytes(os.urandom(3), "big") | 0x0B000000
    a = socket.inet_ntoa(struct.pack("!I", n))
    out = g.run("cat /etc/resolv.conf; nslookup %d.test; nslookup absent.example" % n)
    if not tap.ok(out and "nameserver 10.0.2.3" in out and a in out and "NXDOMAIN" in out, "%s: the host's name server answers" % name):
        note(repr(out))
    out = g.run("nslookup %d.test fec0::3" % n)
    if not tap.ok(out and a in out, "%s: and over IPv6" % name):
        note(repr(out))

def linux(card, kernel, rd, plug="vnet_hdr=on"):
    name = "%s%s" % (card.split(",")[0], "" if plug == "vnet_hdr=on" else ", no header")
    name += "" if "," not in card else " (" + card.split(",", 1)[1] + ")"
    usual = plug == "vnet_hdr=on" and "," not in card
    os.makedirs(dir + "/tftp", exist_ok=True)
    open(dir + "/tftp/blob", "wb").write(DATA[:1 << 20])
    behind = "user,hostname=seven,hostfwd=tcp:127.0.0.1:0-:2323,tftp=%s/tftp" % dir
    n = net(behind)
    g = Guest("-m", str(256 + 2 * MB), "-kernel", kernel, "-initrd", rd, "-append", "console=ttyS0 quiet panic=-1 no_timer_check",
              "-net-fd", "id=n0,unix=%s/plug,%s" % (dir, plug), "-device", card + ",netdev=n0,id=card0")
    if not g.up("%s: Linux comes up" % name):
        end(n)
        return
    out = g.run("udhcpc -i eth0 -f -n -q -t 20 -T 1 -s /bin/bound 2>&1")
    tap.ok(out and "BOUND 10.0.2.15 10.0.2.2 10.0.2.3 seven" in out, "%s: DHCP" % name)
    out = g.run("ping -c 3 -i 0.2 10.0.2.2")
    tap.ok(out and "3 packets received" in out, "%s: ping 10.0.2.2" % name)
    out = g.run("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ip addr show dev eth0 | grep fec0 | grep -qv tentative && break; sleep 1; done; ip addr show dev eth0; ping6 -c 2 fec0::2")
    tap.ok(out and "fec0::" in out and "2 packets received" in out, "%s: an IPv6 address, and ping fec0::2" % name)
    names(g, name)
    out = g.run("cd /dev; tftp -g -b 1400 -r blob 10.0.2.2 && md5sum blob", 120)
    tap.ok(out and hashlib.md5(DATA[:1 << 20]).hexdigest() in out, "%s: 1 MB by TFTP" % name)
    if usual:
        k = Ctl(dir + "/net.ctl")
        before = connections(g, n, name)
    start = cpu(g.p, n)
    port, _ = once(True)
    out = g.run("load get 10.0.2.2 %d >/dev/blob; md5sum </dev/blob" % port, 60 + MB)
    tap.ok(out and digest in out, "%s: %d MB to the guest arrive whole" % (name, MB))
    port, got = once(False)
    g.run("load put 10.0.2.2 %d </dev/blob" % port, 60 + MB)
    tap.ok(got() == digest, "%s: %d MB from the guest arrive whole" % (name, MB))
    note("%.1f CPU seconds" % (cpu(g.p, n) - start))
    g.run("rm /dev/blob")
    if usual:
        nothing_left(n, k, name, before)
        n.kill(); n.wait()
        n = net(behind)
        out = g.run("ping -c 20 -i 0.3 -W 1 10.0.2.2; ping -c 2 10.0.2.2", 60)
        tap.ok(out and out.count("2 packets received") == 1, "%s: emu-net killed with -9: the guest goes on with the next one" % name)
        tap.ok("eth0: NIC Link is Down" not in g.text and g.run("cat /sys/class/net/eth0/carrier").strip() == "1", "%s: and has not noticed" % name)
        k = Ctl(dir + "/cpu.ctl")
        k("set_link", name="n0", up=False)
        out = g.run("sleep 3; cat /sys/class/net/eth0/carrier")
        k("set_link", name="card0", up=True)
        out2 = g.run("sleep 4; cat /sys/class/net/eth0/carrier; ping -c 2 10.0.2.2")
        if not tap.ok(out and out.strip() == "0" and out2 and out2.startswith("1") and "2 packets received" in out2, "%s: set_link off and on" % name):
            note("%r\n%r" % (out, out2))
    out = g.run("grep -h . /sys/class/net/eth0/statistics/*_errors /sys/class/net/eth0/statistics/*dropped | sort -u")
    tap.ok(out and out.split() == ["0"], "%s: no errors counted" % name)
    status = g.power_off()
    errors = open(dir + "/guest-errors").read() if os.path.exists(dir + "/guest-errors") else ""
    if not tap.ok(status == 0 and not errors, "%s: it powers off, and did nothing that a driver should not" % name):
        note("status %s\n%s" % (status, errors[:500]))
    end(n)

def main():
    if os.environ.get("NAMESPACE"):
        set_up_namespace()
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-static", "-o", dir + "/load", "tests/net/load.c"], check=True)
    for card in CARDS:
        ipxe(card)
    extra = os.environ.get("NET_CASES") == "all"
    cloud, full = build + "/guest", glob.glob(os.environ["FULL"] + "/boot/vmlinuz-*") if os.environ["FULL"] else []
    kernels = {"virtio-net-pci": (cloud + "/vmlinuz", initrd(cloud + "/package", "cloud"))}
    if full:
        kernels["e1000"] = full[0], initrd(os.path.dirname(os.path.dirname(full[0])), "full")
    for card in CARDS:
        if card in kernels:
            linux(card, *kernels[card])
            if os.environ.get("NET_PXE") == "linux":
                ipxe_linux(card, *kernels[card])
        elif os.environ.get("OFFLINE"):
            tap.skip("%s: Linux" % card, "OFFLINE is set, and the kernel that has its driver is not there")
        else:
            tap.ok(False, "%s: linux-image-amd64, which has its driver, is fetched (OFFLINE=1 leaves this out)" % card)
            note(os.environ.get("WHY", "no kernel in the package"))
    if extra:
        for more in ("disable-modern=on", "mrg_rxbuf=off,guest_tso4=off", "mrg_rxbuf=off,event_idx=off,indirect_desc=off", "mq=on",
                     "csum=off,guest_csum=off,ctrl_vq=off,vectors=0"):
            linux("virtio-net-pci," + more, *kernels["virtio-net-pci"])
        linux("virtio-net-pci", *kernels["virtio-net-pci"], "vnet_hdr=off")
        if full:
            linux("e1000", *kernels["e1000"], "vnet_hdr=off")
            linux("e1000-82545em", *kernels["e1000"])

try:
    main()
finally:
    for p in running:
        if p.poll() is None:
            p.kill()
    subprocess.run(["umount", "-q", os.path.realpath("/etc/resolv.conf")]) if os.environ.get("NAMESPACE") else None
    subprocess.run(["rm", "-rf", dir])
tap.done()
