#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a machine of parts keeps: -loadvm's state, -snapshot's writes over kill -9 of their server, the status that a guest chose, the last bytes of
# its ports, the line that it set, names of nodes that differ.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
for p in emu-mon emu-cpu emu-nbd emu-img qemu-system-x86_64; do [ -x "$BUILD/bin/$p" ] || { echo "1..0 # SKIP $p is not built"; exit 0; }; done
exec python3 - "$PWD/$BUILD/bin/" <<'PY'
import glob, json, os, pty, shutil, signal, socket, struct, subprocess, sys, tempfile, termios, time

bin = sys.argv[1]
tmp = tempfile.mkdtemp(prefix="mon-kept-")
os.mkdir(tmp + "/run", 0o700); os.mkdir(tmp + "/tmp")
env = dict(os.environ, XDG_RUNTIME_DIR=tmp + "/run", TMPDIR=tmp + "/tmp")
count = failed = 0

def ok(good, name, detail=""):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name), flush=True)
    if not good:
        failed += 1
        for line in str(detail)[-1500:].splitlines(): print("# " + line)

def start(*args):
    return subprocess.Popen([bin + "qemu-system-x86_64", "-name", "kept", "-m", "32", "-nodefaults", "-display", "none", *args], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True)

def run_dir(): return (glob.glob(tmp + "/run/emu/kept*") or [""])[0]

def hmp(*lines):
    for _ in range(600):
        if os.path.exists(run_dir() + "/mon.ctl"): break
        time.sleep(0.05)
    return subprocess.run([bin + "emu-mon", "--run", run_dir(), *lines], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, timeout=60).stdout

def ctl(name, command, **args):
    s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(run_dir() + "/" + name)
    f = s.makefile("rw"); f.readline()
    for c, a in ("qmp_capabilities", {}), (command, args):
        f.write(json.dumps({"execute": c, "arguments": a}) + "\n"); f.flush()
        while True:
            v = json.loads(f.readline())
            if "event" not in v: break
    return v.get("return")

def running():
    for _ in range(1200):
        try:
            if all(p["state"] == "ready" for p in ctl("sup.ctl", "query-parts")): return True
        except (OSError, ValueError, TypeError): pass
        time.sleep(0.05)
    return False

def end(p, seconds=60):
    try: p.wait(seconds)
    except subprocess.TimeoutExpired: p.kill()
    return p.returncode, p.stderr.read()

def sector(code):
    data = code + b"\xeb\xfe"
    open(tmp + "/boot", "wb").write(data + bytes(510 - len(data)) + b"\x55\xaa" + bytes(1 << 20))

def out(port, *values):
    code = b"\xba" + struct.pack("<H", port)
    for v in values: code += b"\xb0" + bytes([v]) + b"\xee"
    return code

class Nbd:
    """A client of a disk's socket, from the protocol's description."""
    def __init__(self, name):
        self.s = socket.socket(socket.AF_UNIX); self.s.settimeout(30); self.s.connect(run_dir() + "/" + name)
        self.take(18); self.s.sendall(struct.pack(">I", 3))
        self.s.sendall(struct.pack(">QII", 0x49484156454f5054, 1, 0)); self.take(10)
    def take(self, n):
        d = b""
        while len(d) < n:
            x = self.s.recv(n - len(d))
            if not x: raise OSError("the server has gone")
            d += x
        return d
    def write(self, at, data):
        self.s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 1, 7, at, len(data)) + data)
        return struct.unpack(">IIQ", self.take(16))[1]
    def read(self, at, n):
        self.s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 7, at, n)); self.take(16)
        return self.take(n)

try:
    # ---- -loadvm ----
    subprocess.run([bin + "emu-img", "create", "-q", "-f", "qcow2", tmp + "/q.qcow2", "8M"], check=True)
    disk = ("-drive", "file=%s/q.qcow2,if=virtio" % tmp)
    p = start("-S", *disk); running()
    hmp("savevm first"); hmp("cont"); time.sleep(1); hmp("stop"); hmp("savevm second")
    later = hmp("info registers"); hmp("quit")
    ok(end(p)[0] == 0, "a machine whose state is saved twice")
    p = start("-S", "-loadvm", "second", *disk); running()
    for _ in range(100):
        if hmp("info registers") == later: break
        time.sleep(0.05)
    ok(hmp("info registers") == later and "paused" in hmp("info status"), "-loadvm -S: the processor is where it was, and stands", hmp("info registers")[:400] + later[:400])
    hmp("quit"); end(p)
    p = start("-loadvm", "first", *disk); running()
    for _ in range(200):
        if "running" in hmp("info status"): break
        time.sleep(0.05)
    ok("running" in hmp("info status"), "-loadvm: the machine goes on")
    hmp("quit"); end(p)
    p = start("-loadvm", "none", *disk)
    status, words = end(p)
    ok(status == 1 and "-loadvm none: " in words and "none" in words, "a snapshot that is not there: a line, and status 1", (status, words))
    ok(not os.listdir(tmp + "/run/emu"), "nothing is left", os.listdir(tmp + "/run/emu"))
    # ---- -snapshot ----
    for n in "ab":
        with open("%s/%s.raw" % (tmp, n), "wb") as f: f.write(b"base" * 1024); f.truncate(4 << 20)
    p = start("-S", "-snapshot", "-drive", "file=%s/a.raw,format=raw,if=virtio,id=da" % tmp, "-drive", "file=%s/b.raw,format=raw,if=virtio,id=db" % tmp); running()
    c = Nbd("da.nbd")
    ok(c.read(0, 4) == b"base", "a disk of -snapshot has the image's data")
    ok(all(c.write(i * 65536, bytes([i]) * 65536) == 0 for i in range(1, 20)), "is written")
    hmp("block_set_io_throttle da 0 0 0 1000 0 0")
    for n in range(2): # three deaths within ten seconds would end it
        pid = {x["id"]: x["pid"] for x in ctl("sup.ctl", "query-parts")}["da"]
        os.kill(pid, signal.SIGKILL)
        for _ in range(400):
            x = {x["id"]: x for x in ctl("sup.ctl", "query-parts")}["da"]
            if x["pid"] not in (0, pid) and x["state"] == "ready": break
            time.sleep(0.05)
        c = Nbd("da.nbd")
        good = all(c.read(i * 65536, 65536) == bytes([i]) * 65536 for i in range(1, 20)) and c.read(0, 4) == b"base"
        ok(good, "killed %d times: its server has all that was written" % (n + 1))
        c.write((20 + n) * 65536, b"x" * 4096)
    ok("iops=1000" in hmp("info block da"), "and the limit that was set", hmp("info block da"))
    nodes = [n["node-name"] for n in json.loads(json.dumps(ctl("da.ctl", "query-named-block-nodes") + ctl("db.ctl", "query-named-block-nodes")))]
    ok(len(nodes) == len(set(nodes)) and len(nodes) >= 4, "generated names of nodes differ between disks", nodes)
    hmp("quit"); status, words = end(p)
    ok(status == 0, "quit", words)
    ok(open(tmp + "/a.raw", "rb").read(65536 * 2) == b"base" * 1024 + bytes(65536 * 2 - 4096), "the image is as it was")
    ok(not os.listdir(tmp + "/tmp"), "no temporary file is left", os.listdir(tmp + "/tmp"))
    # ---- the guest's status and its last bytes ----
    sector(b"\xb9\x30\x75" + out(0xe9, 120) + b"\x49\x75\xfa" + out(0xe9, 46) + out(0x3fb, 3) + out(0x3f8, 97, 98, 99) + out(0x501, 3))
    for n in range(3):
        for f in "con", "ser":
            if os.path.exists(tmp + "/" + f): os.unlink(tmp + "/" + f)
        p = start("-drive", "file=%s/boot,format=raw" % tmp, "-debugcon", "file:%s/con" % tmp, "-serial", "file:%s/ser" % tmp, "-device", "isa-debug-exit,iobase=0x501,iosize=2")
        status, words = end(p, 120)
        ok(status == 7, "the guest's status is the machine's", (status, words))
        ok("status" not in words, "about which nothing is said", words)
        data = open(tmp + "/con", "rb").read()
        ok(data.endswith(b"x" * 30000 + b"."), "the last bytes of -debugcon file: are there", (len(data), data[-20:]))
        ok(open(tmp + "/ser", "rb").read().endswith(b"abc"), "and those of -serial file:", open(tmp + "/ser", "rb").read()[-20:])
    # ---- a line's settings ----
    m, s = pty.openpty()
    sector(out(0x3fb, 0x80) + out(0x3f8, 12) + out(0x3f9, 0) + out(0x3fb, 0x1e))
    p = start("-drive", "file=%s/boot,format=raw" % tmp, "-serial", os.ttyname(s)); running()
    def line(): # a pseudo-terminal has eight bits without parity whatever it is told
        t = termios.tcgetattr(s)
        return t[4] == termios.B9600 and bool(t[2] & termios.CSTOPB)
    for _ in range(600):
        if line(): break
        time.sleep(0.05)
    ok(line(), "the host's port is set as the guest sets its own: 9600 7E2", termios.tcgetattr(s)[:6])
    pid = {x["id"]: x["pid"] for x in ctl("sup.ctl", "query-parts")}["mon"]
    os.kill(pid, signal.SIGKILL)
    for _ in range(400):
        x = {x["id"]: x for x in ctl("sup.ctl", "query-parts")}["mon"]
        if x["pid"] not in (0, pid) and x["state"] == "ready" and line(): break
        time.sleep(0.05)
    ok(line(), "also by a monitor that was started again", termios.tcgetattr(s)[:6])
    hmp("quit"); end(p)
finally:
    if p.poll() is None: p.kill()
    shutil.rmtree(tmp, ignore_errors=True)
print("1..%d" % count)
sys.exit(failed > 0)
PY
