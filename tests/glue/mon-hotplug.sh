#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Parts that come and go while a machine runs: drive_add and blockdev-add start disk servers, device_add plugs cards into PCI and units into SCSI,
# Linux sees them come and go through ACPI, a killed server comes back, and what has left leaves nothing behind.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
for p in emu-mon emu-cpu emu-nbd emu-net qemu-system-x86_64; do [ -x "$BUILD/bin/$p" ] || { echo "1..0 # SKIP $p is not built"; exit 0; }; done
bash share/demo-guest "$BUILD/guest" >/dev/null 2>&1 || { echo "1..0 # SKIP there is no kernel to boot"; exit 0; }
exec python3 - "$PWD/$BUILD" <<'PY'
import glob, json, os, re, select, shutil, signal, socket, subprocess, sys, tempfile, time

build = sys.argv[1]
tmp = tempfile.mkdtemp(prefix="mon-hotplug-")
os.mkdir(tmp + "/run", 0o700)
env = dict(os.environ, XDG_RUNTIME_DIR=tmp + "/run")
count = failed = 0

def ok(good, name, detail=""):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name), flush=True)
    if not good:
        failed += 1
        for line in str(detail)[-1500:].splitlines(): print("# " + line)

for name, size in ("a", 4), ("b", 5), ("c", 6), ("d", 7), ("s", 8):
    with open("%s/%s.raw" % (tmp, name), "wb") as f:
        f.write(("this is disk %s\n" % name).encode()); f.truncate(size << 20)
subprocess.run([build + "/bin/emu-img", "create", "-q", "-f", "qcow2", tmp + "/q.qcow2", "9M"], check=True)
g = build + "/guest/"
p = subprocess.Popen([build + "/bin/qemu-system-x86_64", "-name", "hot", "-m", "192", "-nodefaults", "-display", "none", "-serial", "stdio",
                      "-qmp", "unix:%s/qmp,server,nowait" % tmp, "-monitor", "unix:%s/hmp,server,nowait" % tmp, "-kernel", g + "vmlinuz", "-initrd", g + "initrd.gz", "-append",
                      "console=ttyS0 quiet", "-device", "virtio-scsi-pci,id=scsi0", "-drive", "if=none,id=first,format=raw,file=%s/a.raw" % tmp],
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(tmp + "/err", "wb"), env=env)
screen = b""

def read(seconds):
    global screen
    if select.select([p.stdout], [], [], seconds)[0]:
        d = os.read(p.stdout.fileno(), 65536)
        if not d: return False
        screen += d.replace(b"\r", b"")
    return True

def expect(what, seconds=120):
    global screen
    end = time.time() + seconds
    while time.time() < end:
        m = re.search(what.encode(), screen)
        if m:
            screen = screen[m.end():]
            return m
        if not read(0.2): return None
    return None

marks = 0
def guest(command, seconds=60):
    """A command's output in the guest."""
    global marks
    marks += 1
    p.stdin.write(("echo B''%d; %s; echo E''%d\n" % (marks, command, marks)).encode()); p.stdin.flush()
    m = expect(r"B%d\n((?:.|\n)*?)E%d\n" % (marks, marks), seconds)
    if not m: print("# the guest's screen: %r" % screen[-1500:])
    return m.group(1).decode(errors="replace") if m else ""

def guest_until(command, want, seconds=60):
    out, end = "", time.time() + seconds
    while time.time() < end:
        out = guest(command)
        if want(out): return True
        time.sleep(0.3)
    print("# the guest said: " + repr(out))
    return False

class Qmp:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX); self.s.settimeout(60); self.s.connect(tmp + "/qmp")
        self.f = self.s.makefile("rw"); self.f.readline(); self.events = []
        self("qmp_capabilities")
    def __call__(self, command, **args):
        self.f.write(json.dumps({"execute": command, "arguments": {k.replace("_", "-") if k != "id" else k: v for k, v in args.items()}}) + "\n"); self.f.flush()
        while True:
            a = json.loads(self.f.readline())
            if "event" in a: self.events.append(a); continue
            return a.get("return", a.get("error", {}).get("desc"))
    def event(self, name, seconds=60, **match):
        end = time.time() + seconds
        while time.time() < end:
            for e in self.events:
                if e["event"] == name and match.items() <= e["data"].items():
                    self.events.remove(e)
                    return e["data"]
            self("query-status")
            time.sleep(0.1)
        return None

def hmp(line):
    return q("human-monitor-command", command_line=line)

def parts():
    out = subprocess.run([build + "/bin/emu-mon", "--run", glob.glob(tmp + "/run/emu/hot*")[0], "--help"], capture_output=True)
    s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(glob.glob(tmp + "/run/emu/hot*")[0] + "/sup.ctl")
    f = s.makefile("rw"); f.readline()
    for c in "qmp_capabilities", "query-parts":
        f.write(json.dumps({"execute": c}) + "\n"); f.flush(); a = json.loads(f.readline())
    return {x["id"]: x for x in a["return"]}

try:
    ok(expect("Shell after", 300), "Linux comes to its shell", screen.decode(errors="replace") + open(tmp + "/err").read())
    q = Qmp()
    # ---- a disk of drive_add on PCI ----
    ok(hmp("drive_add 0 if=none,id=b,format=raw,file=%s/b.raw" % tmp) == "OK\r\n", "drive_add", hmp("info block"))
    ok("b" in parts() and parts()["b"]["state"] == "ready", "starts a server", parts())
    ok(q("device_add", driver="virtio-blk-pci", drive="b", id="vb", serial="late") == {}, "device_add virtio-blk-pci")
    ok(guest_until("cat /sys/block/vda/size", lambda o: o.strip() == "10240"), "Linux finds the disk through ACPI")
    ok("this is disk b" in guest("head -n 1 /dev/vda"), "and reads it")
    guest("echo written in the guest >/dev/vda; sync")
    pid = parts()["b"]["pid"]
    os.kill(pid, signal.SIGKILL)
    ok("5242880" in guest("echo 3 >/proc/sys/vm/drop_caches; cat /dev/vda | wc -c"), "killed, its server comes back and the disk with it")
    ok(parts()["b"]["pid"] != pid, "as another process", parts())
    ok(q("device_del", id="vb") == {}, "device_del")
    gone = q.event("DEVICE_DELETED", device="vb")
    ok(gone, "DEVICE_DELETED comes when Linux has let go", gone)
    ok(guest("ls /sys/block | grep -c vda").strip() == "0", "Linux has lost the disk")
    end = time.time() + 20
    while "b" in parts() and time.time() < end: time.sleep(0.1)
    ok("b" not in parts(), "the disk's server ends with its device", parts())
    ok(open(tmp + "/b.raw", "rb").read(20) == b"written in the guest", "what was written is in the image")
    ok(not [x for x in os.listdir(glob.glob(tmp + "/run/emu/hot*")[0]) if x.startswith("b.")], "nothing of it is left in the run directory")
    # ---- nodes ----
    ok(q("blockdev-add", driver="raw", node_name="c", file={"driver": "file", "filename": tmp + "/c.raw"}) == {}, "blockdev-add", q("query-named-block-nodes"))
    ok(q("device_add", driver="scsi-hd", drive="c", bus="scsi0.0", id="sc") == {}, "device_add scsi-hd")
    ok('dev: scsi-hd, id "sc"' in hmp("info qtree"), "the adapter has the unit")
    ok("busy" in str(q("blockdev-del", node_name="c")), "a node that a device uses stays", None)
    ok(q("device_del", id="sc") == {} and q.event("DEVICE_DELETED", device="sc"), "device_del of it")
    ok("c" in parts(), "the node outlives its device")
    ok(q("blockdev-del", node_name="c") == {} and "c" not in parts(), "blockdev-del ends its server", parts())
    ok("not found" in str(q("blockdev-del", node_name="c")) or "find" in str(q("blockdev-del", node_name="c")), "once")
    # ---- a node that becomes a job's target moves to the disk's server ----
    q("device_add", driver="virtio-blk-pci", drive="first", id="va")
    ok(guest_until("ls /sys/block", lambda o: "vda" in o), "the command line's unused disk is plugged in later")
    ok(q("blockdev-add", driver="qcow2", node_name="t", file={"driver": "file", "filename": tmp + "/q.qcow2"}) == {}, "a node for a mirror")
    r = q("blockdev-backup", device="first", target="t", sync="full", job_id="j")
    ok(r == {} or "size" in str(r), "a job between two servers' nodes", r)
    q.event("BLOCK_JOB_COMPLETED", 30)
    ok("t" not in parts(), "the target is served with the disk then", parts())
    # ---- drive_del below a device ----
    ok(hmp("drive_del first") == "", "drive_del", None)
    ok("first" not in parts(), "its server has ended", parts())
    ok("rror" in guest("dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>&1 || echo Error"), "the guest's reads fail")
    ok(hmp("drive_add 0 if=none,id=first,format=raw,file=%s/d.raw" % tmp) == "OK\r\n", "the name is free again")
    q("device_del", id="va"); q.event("DEVICE_DELETED", device="va")
    # ---- a network card ----
    ok(q("netdev_add", type="user", id="n1") == {} and q("device_add", driver="virtio-net-pci", netdev="n1", id="nic") == {}, "a network and its card")
    ok(guest_until("cat /sys/bus/pci/devices/*/device", lambda o: "0x1000" in o), "Linux finds the card")
    ok(q("device_del", id="nic") == {} and q.event("DEVICE_DELETED", device="nic") and q("netdev_del", id="n1") == {}, "and loses it")
    # ---- what is refused ----
    for line, want in (("drive_add 0 if=none,id=first,file=%s/d.raw" % tmp, "Duplicate ID 'first' for drive"),
                       ("drive_add 0 if=ide,id=x,file=%s/d.raw" % tmp, "Can't hot-add drive to type ide"),
                       ("drive_add 0 if=none,file=%s/d.raw" % tmp, "id= is needed"),
                       ("drive_add 0 if=none,id=x,file=%s/none.raw" % tmp, "Could not open"),
                       ("drive_add 0 if=none,id=x,format=wings,file=%s/d.raw" % tmp, "wings"),
                       ("drive_add 0 if=none,id=x", "Device needs media"),
                       ("drive_del x", "Device 'x' not found"),
                       ("device_add virtio-blk-pci,drive=x", "x"),
                       ("device_add VGA", "does not support hotplugging"),
                       ("device_add ide-hd,drive=first", "does not support hotplugging"),
                       ("device_del none", "Device 'none' not found")):
        ok(want in hmp(line), "refused: " + line.replace(tmp, "DIR"), hmp(line))
    # ---- a reset takes away what the guest was asked for ----
    hmp("drive_add 0 if=none,id=e,format=raw,file=%s/s.raw" % tmp)
    q("device_add", driver="virtio-blk-pci", drive="e", id="ve")
    guest_until("ls /sys/block", lambda o: "vda" in o)
    q("stop"); q("device_del", id="ve"); q("system_reset")
    ok(q.event("DEVICE_DELETED", device="ve"), "a reset takes away what was to go")
    hmp("quit")
    end = time.time() + 30
    while p.poll() is None and time.time() < end: read(0.1)
    ok(p.poll() == 0, "quit", open(tmp + "/err").read())
    ok(not os.listdir(tmp + "/run/emu"), "nothing is left", os.listdir(tmp + "/run/emu"))
finally:
    if p.poll() is None: p.kill()
    if failed or sys.exc_info()[0]: print("# " + "\n# ".join(open(tmp + "/err", errors="replace").read()[-3000:].splitlines()))
    shutil.rmtree(tmp, ignore_errors=True)
print("1..%d" % count)
sys.exit(failed > 0)
PY
