#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Network cards in whole machines: iPXE boots a tiny program over virtio-net and e1000; a Linux guest gets its address by DHCP, pings the gateway and moves
# 20 MB each way with right digests, goes on when emu-net is killed with -9, and follows set_link. e1000 needs the distribution's full kernel,
# which is fetched. OFFLINE=1 leaves out what cannot be fetched.
export BUILD=${BUILD:-build}
# The leak detector would stop threads with calls that the filter does not let through.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
if ! why=$(bash share/demo-guest "$BUILD/guest" 2>&1); then
    [ -n "${OFFLINE-}" ] && { echo "1..0 # SKIP OFFLINE is set, and the distribution's kernel is not there"; exit 0; }
    echo "not ok 1 - the distribution's kernel is fetched (OFFLINE=1 leaves out what needs it)"
    printf '%s\n' "$why" | sed 's/^/# /'
    echo "1..1"; exit 1
fi
FULL=$(bash tests/boot/fetch "$BUILD/boot" linux-image-amd64@ 2>&1) || { WHY=$FULL; FULL=; }
export FULL WHY
exec timeout -k 5 "${NET_TIMEOUT:-600}" python3 -u - <<'END'
import glob, hashlib, os, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time
sys.path.insert(0, "tests/servers")
from netpeer import Ctl, Tap

build, dir, tap, running = os.environ["BUILD"], tempfile.mkdtemp(prefix="emutools-cpunet-"), Tap(), []

def net(*args):
    p = subprocess.Popen([build + "/bin/emu-net", "--plug", "unix:" + dir + "/plug", "--state", dir + "/state"] + list(args))
    running.append(p)
    return p

def end(p):
    if p.poll() is None:
        p.terminate()
    return p.wait(20)

# ---- iPXE: a boot program of one sector says a word on port 0x402 and ends the machine ----
word = b"booted from the network\n"
code = bytes.fromhex("fc0e1fbe207cba0204ac84c07403eeebf8ba01 05b01aee f4".replace(" ", ""))
os.mkdir(dir + "/tftp")
open(dir + "/tftp/nbp.0", "wb").write(code.ljust(0x20, b"\0") + word + b"\0")
for card in ("virtio-net-pci", "e1000"):
    n = net("user,tftp=%s/tftp,bootfile=nbp.0" % dir)
    out = dir + "/" + card
    p = subprocess.Popen([build + "/bin/emu-cpu", "-M", "pc", "-m", "64", "-nographic", "-no-reboot", "-serial", "file,path=" + out + ".serial", "-chardev",
                          "file,path=" + out + ",id=log", "-device", "isa-debugcon,iobase=0x402,chardev=log", "-device", "isa-debug-exit,iobase=0x501",
                          "-net-fd", "id=n0,unix=%s/plug,vnet_hdr=on" % dir, "-device", card + ",netdev=n0,bootindex=0"], stdin=subprocess.DEVNULL)
    running.append(p)
    try:
        status = p.wait(90)
    except subprocess.TimeoutExpired:
        status = None
    text = open(out, "rb").read()
    if not tap.ok(status == 53 and word in text, "%s: iPXE boots a program by DHCP and TFTP" % card):
        print("# status %s\n" % status + "\n".join("# " + l for l in open(out + ".serial", errors="replace").read()[-1500:].splitlines()))
    if p.poll() is None:
        p.kill()
    tap.ok(end(n) == 0, "%s: emu-net ends well" % card)

# ---- Linux ----
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev 2>/dev/null
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net e1000; do
    [ -f /modules/$m.ko ] && insmod /modules/$m.ko
done
ip link set lo up; ip link set eth0 up
exec </dev/console >/dev/console 2>&1
stty -echo
echo "GUEST UP"
while read -r line; do eval "$line"; echo "DONE $?"; done
"""
SCRIPT = """#!/bin/sh
[ "$1" = bound ] && { ip -4 addr flush dev eth0; ip addr add $ip/24 dev eth0; ip route add default via $router; echo "BOUND $ip $router $dns $hostname"; }
"""

def initrd(package, name):
    root = dir + "/root-" + name
    os.makedirs(root + "/bin"); os.makedirs(root + "/modules")
    for d in ("dev", "proc", "sys"):
        os.mkdir(root + "/" + d)
    shutil.copy(shutil.which("busybox"), root + "/bin/busybox")
    for m in "virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net e1000".split():
        for f in subprocess.run(["find", package, "-name", m + ".ko"], stdout=subprocess.PIPE, text=True).stdout.split():
            shutil.copy(f, root + "/modules/")
    for path, text in (("/init", INIT), ("/bin/bound", SCRIPT)):
        open(root + path, "w").write(text)
        os.chmod(root + path, 0o755)
    subprocess.run("cd %s && find . | cpio -o -H newc --quiet | gzip -1n >%s/%s.gz" % (root, dir, name), shell=True, check=True)
    return "%s/%s.gz" % (dir, name)

class Guest:
    def __init__(self, kernel, rd, *args):
        self.text = ""
        self.p = subprocess.Popen([build + "/bin/emu-cpu", "-M", "pc", "-m", "256", "-nographic", "-no-reboot", "-serial", "stdio", "-kernel", kernel, "-initrd", rd,
                                   "-append", "console=ttyS0 quiet panic=-1", "-ctl", dir + "/cpu.ctl", "-d", "guest_errors", "-D", dir + "/guest-errors"]
                                  + list(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        running.append(self.p)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            d = os.read(self.p.stdout.fileno(), 65536)
            if not d:
                return
            self.text += d.decode(errors="replace").replace("\r", "")

    def until(self, pattern, seconds, start=0):
        end = time.time() + seconds
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

MB20 = os.urandom(20 << 20)
digest = hashlib.md5(MB20).hexdigest()

def once(send):
    """One connection: sends 20 MB, or takes what comes; returns the port and a function that waits for the digest."""
    s, result = socket.create_server(("127.0.0.1", 0)), []
    def serve():
        c, _ = s.accept()
        if send:
            c.sendall(MB20)
            c.close()
            result.append(digest)
            return
        h = hashlib.md5()
        while True:
            d = c.recv(1 << 20)
            if not d:
                break
            h.update(d)
        result.append(h.hexdigest())
    t = threading.Thread(target=serve, daemon=True); t.start()
    return s.getsockname()[1], lambda: (t.join(60), result and result[0])[1]

def linux(card, kernel, rd, plug="vnet_hdr=on"):
    name = "%s%s" % (card.split(",")[0], "" if plug == "vnet_hdr=on" else ", no header")
    more = "" if "," not in card else " (" + card.split(",", 1)[1] + ")"
    name += more
    n = net("user,hostname=seven,hostfwd=tcp:127.0.0.1:0-:2323")
    g = Guest(kernel, rd, "-net-fd", "id=n0,unix=%s/plug,%s" % (dir, plug), "-device", card + ",netdev=n0,id=card0")
    if not tap.ok(g.until("GUEST UP$", 180), "%s: Linux comes up" % name):
        print("\n".join("# " + l for l in g.text[-2000:].splitlines()))
        g.p.kill(); end(n)
        return
    out = g.run("udhcpc -i eth0 -f -n -q -t 20 -T 1 -s /bin/bound 2>&1")
    tap.ok(out and "BOUND 10.0.2.15 10.0.2.2 10.0.2.3 seven" in out, "%s: DHCP" % name)
    out = g.run("ping -c 3 -i 0.2 10.0.2.2")
    tap.ok(out and "3 packets received" in out, "%s: ping 10.0.2.2" % name)
    out = g.run("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ip addr show dev eth0 | grep fec0 | grep -qv tentative && break; sleep 1; done; ip addr show dev eth0; ping6 -c 2 fec0::2")
    tap.ok(out and "fec0::" in out and "2 packets received" in out, "%s: an IPv6 address, and ping fec0::2" % name)
    port, _ = once(True)
    out = g.run("nc 10.0.2.2 %d </dev/null | md5sum" % port, 120)
    tap.ok(out and digest in out, "%s: 20 MB to the guest arrive whole" % name)
    # 20 MB that both sides can make: the one that came, kept in memory
    port, _ = once(True)
    g.run("nc 10.0.2.2 %d </dev/null >/dev/blob" % port, 120)
    port, got = once(False)
    g.run("nc 10.0.2.2 %d </dev/blob" % port, 120)
    tap.ok(got() == digest, "%s: 20 MB from the guest arrive whole" % name)
    if plug == "vnet_hdr=on":
        n.kill(); n.wait()
        n = net("user,hostname=seven,hostfwd=tcp:127.0.0.1:0-:2323")
        out = g.run("ping -c 20 -i 0.3 -W 1 10.0.2.2; ping -c 2 10.0.2.2", 60)
        tap.ok(out and out.count("2 packets received") == 1, "%s: emu-net killed with -9: the guest goes on with the next one" % name)
        tap.ok("eth0: NIC Link is Down" not in g.text and g.run("cat /sys/class/net/eth0/carrier").strip() == "1", "%s: and has not noticed" % name)
        k = Ctl(dir + "/cpu.ctl")
        k("set_link", name="n0", up=False)
        out = g.run("sleep 3; cat /sys/class/net/eth0/carrier")
        k("set_link", name="card0", up=True)
        out2 = g.run("sleep 4; cat /sys/class/net/eth0/carrier; ping -c 2 10.0.2.2")
        if not tap.ok(out and out.strip() == "0" and out2 and out2.startswith("1") and "2 packets received" in out2, "%s: set_link off and on" % name):
            print("# %r\n# %r" % (out, out2))
    out = g.run("grep -h . /sys/class/net/eth0/statistics/*_errors /sys/class/net/eth0/statistics/*dropped | sort -u")
    tap.ok(out and out.split() == ["0"], "%s: no errors counted" % name)
    g.p.stdin.write(b"poweroff -f\n"); g.p.stdin.flush()
    try:
        status = g.p.wait(30)
    except subprocess.TimeoutExpired:
        status = None
    errors = open(dir + "/guest-errors").read() if os.path.exists(dir + "/guest-errors") else ""
    if not tap.ok(status == 0 and not errors, "%s: it powers off, and did nothing that a driver should not" % name):
        print("# status %s\n# %s" % (status, errors[:500].replace("\n", "\n# ")))
    end(n)

try:
    cloud = build + "/guest"
    rd = initrd(cloud + "/package", "cloud")
    linux("virtio-net-pci", cloud + "/vmlinuz", rd)
    if os.environ.get("NET_CASES") == "all":
        linux("virtio-net-pci,disable-modern=on", cloud + "/vmlinuz", rd)
        linux("virtio-net-pci,mrg_rxbuf=off,guest_tso4=off", cloud + "/vmlinuz", rd)
        linux("virtio-net-pci,mrg_rxbuf=off,event_idx=off,indirect_desc=off", cloud + "/vmlinuz", rd)
        linux("virtio-net-pci,mq=on", cloud + "/vmlinuz", rd)
        linux("virtio-net-pci", cloud + "/vmlinuz", rd, "vnet_hdr=off")
        linux("virtio-net-pci,csum=off,guest_csum=off,ctrl_vq=off,vectors=0", cloud + "/vmlinuz", rd)
    full = glob.glob(os.environ["FULL"] + "/boot/vmlinuz-*") if os.environ["FULL"] else []
    if full:
        linux("e1000", full[0], initrd(os.path.dirname(os.path.dirname(full[0])), "full"))
        if os.environ.get("NET_CASES") == "all":
            linux("e1000", full[0], dir + "/full.gz", "vnet_hdr=off")
            linux("e1000-82545em", full[0], dir + "/full.gz")
    elif os.environ.get("OFFLINE"):
        tap.skip("e1000: Linux", "OFFLINE is set, and the kernel that has its driver is not there")
    else:
        tap.ok(False, "e1000: linux-image-amd64, which has its driver, is fetched (OFFLINE=1 leaves this out)")
        print("# " + os.environ.get("WHY", "no kernel in the package").replace("\n", "\n# "))
finally:
    for p in running:
        if p.poll() is None:
            p.kill()
    subprocess.run(["rm", "-rf", dir])
tap.done()
END
