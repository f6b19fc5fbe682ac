#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What comes while a machine runs: ports for character devices that were added, disks from descriptor sets, the socket of nbd-server-start before a disk has it; each
# outlives the monitor's death. Descriptors that nobody takes are closed, a disk server that hangs when it is to go is killed, and quit is answered before the end.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
for p in emu-mon emu-cpu emu-nbd emu-net qemu-system-x86_64; do [ -x "$BUILD/bin/$p" ] || { echo "1..0 # SKIP $p is not built"; exit 0; }; done
exec python3 - "$PWD/$BUILD/bin/" <<'PY'
import glob, json, os, shutil, signal, socket, subprocess, sys, tempfile, time

bin = sys.argv[1]
tmp = tempfile.mkdtemp(prefix="mon-later-")
os.mkdir(tmp + "/run", 0o700)
env = dict(os.environ, XDG_RUNTIME_DIR=tmp + "/run")
patience = float(os.environ.get("BOOT_PATIENCE", "1"))
count = failed = 0

def ok(good, name, detail=""):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name), flush=True)
    if not good:
        failed += 1
        for line in str(detail)[-1500:].splitlines(): print("# " + line)

# Programs of which a disk server named "hang" does not end when it is told to.
own = tmp + "/bin/"
os.mkdir(own)
shutil.copy(bin + "emu-mon", own)
for n in "emu-cpu", "emu-net": os.symlink(bin + n, own + n)
for n in "emu-system", "qemu-system-x86_64": os.symlink(os.path.realpath(bin + n), own + n)
with open(own + "emu-nbd", "w") as f:
    f.write('#!/bin/sh\ncase " $* " in *" --id hang "*) trap "" TERM; %semu-nbd "$@" & wait; exec sleep 1000 ;; esac\nexec %semu-nbd "$@"\n' % (bin, bin))
os.chmod(own + "emu-nbd", 0o755)
for n in "a", "b": open("%s/%s.raw" % (tmp, n), "wb").truncate(1 << 20)

def start(*args, name="later"):
    return subprocess.Popen([own + "qemu-system-x86_64", "-name", name, "-m", "32", "-S", "-nodefaults", "-display", "none", *args], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=open(tmp + "/err", "ab"), env=env)

def run_dir(): return (glob.glob(tmp + "/run/emu/later*") or ["/nowhere"])[0]

class Control:
    def __init__(self, path, negotiate=True):
        for _ in range(1200):
            self.s = socket.socket(socket.AF_UNIX)
            try:
                self.s.settimeout(60 * patience); self.s.connect(path); break
            except OSError: self.s.close(); time.sleep(0.05 * patience)
        self.f = self.s.makefile("rw")
        self.f.readline()
        if negotiate: self("qmp_capabilities")
    def value(self):
        while True:
            line = self.f.readline()
            if not line: return None
            v = json.loads(line)
            if "event" not in v: return v
    def send(self, text, fds=()):
        if fds: socket.send_fds(self.s, [text.encode()], list(fds))
        else: self.s.sendall(text.encode())
    def __call__(self, command, fds=(), **args):
        self.send(json.dumps({"execute": command, "arguments": {k.replace("_", "-") if k not in ("node_name",) else k: v for k, v in args.items()}}), fds)
        v = self.value()
        return v.get("return", v.get("error", {}).get("desc")) if v else None
    def close(self):
        self.f.close(); self.s.close()

def hmp(line): return q("human-monitor-command", command_line=line).replace("\r", "")

def until(fn, seconds=30):
    end = time.time() + seconds * patience
    while time.time() < end:
        if fn(): return True
        time.sleep(0.05)
    return False

def parts():
    sup = Control(run_dir() + "/sup.ctl")
    r = {x["id"]: x for x in sup("query-parts")}
    sup.close()
    return r

last = {}
def kill(name):
    """Deaths of one part keep five seconds apart: the third in ten would be its last."""
    time.sleep(max(0, last.get(name, 0) + 5.2 - time.time()))
    pid = parts()[name]["pid"]
    os.kill(pid, signal.SIGKILL)
    last[name] = time.time()
    return until(lambda: parts()[name]["pid"] not in (0, pid) and parts()[name]["state"] == "ready")

def again():
    """The monitor's next process."""
    global q
    q.close()
    good = kill("mon")
    q = Control(tmp + "/qmp")
    return good

p = start("-device", "virtio-serial-pci,id=vs", "-chardev", "ringbuf,id=early", "-device", "virtserialport,chardev=early,id=pe", "-drive", "file=%s/a.raw,format=raw,if=virtio,id=d0" % tmp,
          "-qmp", "unix:%s/qmp,server,nowait" % tmp)
try:
    q = Control(tmp + "/qmp")
    ok(until(lambda: all(x["state"] == "ready" for x in parts().values())), "a machine of parts")
    # ---- ports ----
    ok(q("chardev-add", id="c1", backend={"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": tmp + "/c1"}}, "server": True, "wait": False}}) == {}, "chardev-add")
    ok(q("device_add", driver="virtserialport", chardev="c1", id="p1", name="one") == {}, "a device at it", hmp("info chardev"))
    ok('chardev = "c1"' in hmp("info qtree"), "has a stream of that name", hmp("info qtree"))
    ok({c["label"]: c["frontend-open"] for c in q("query-chardev")}["c1"], "the back end has a front end")
    r = q("device_add", driver="virtserialport", chardev="c1", id="p2")
    ok(r.startswith("chardev 'c1' is already in use"), "which is all that it may have", r)
    ok("busy" in str(q("chardev-remove", id="c1")), "and stays while it has it")
    ok(q("device_add", driver="virtserialport", chardev="c0", id="p2") == "Property 'virtserialport.chardev' can't find value 'c0'", "a back end that is not there is named")
    hmp("chardev-add null,id=m,mux=on")
    ok(hmp("device_add virtserialport,chardev=m,id=m1") == "" and hmp("device_add virtserialport,chardev=m,id=m2") == "", "two at a multiplexer")
    ok('chardev = "m"' in hmp("info qtree") and 'chardev = "m.2"' in hmp("info qtree"), "have a stream each", hmp("info qtree"))
    hmp("chardev-add ringbuf,id=r1")
    ok("bogus" in str(q("device_add", driver="virtserialport", chardev="r1", id="px", bogus="1")), "a device that cannot be")
    ok(until(lambda: q("chardev-remove", id="r1") == {}), "leaves the back end free")
    ok(q("device_del", id="pe") == {} and q("device_add", driver="virtserialport", chardev="early", id="pe") == {}, "a device of the command line goes and comes again")
    ok(again(), "the monitor is killed")
    ok({c["label"] for c in q("query-chardev") if c["frontend-open"]} >= {"c1", "m", "early"}, "the next one has the ports", q("query-chardev"))
    s = socket.socket(socket.AF_UNIX); s.connect(tmp + "/c1"); s.close()
    ok("busy" in str(q("chardev-remove", id="c1")), "with their devices")
    ok(q("device_del", id="p1") == {} and until(lambda: q("chardev-remove", id="c1") == {}), "a device that goes frees its back end")
    ok(hmp("device_del m1") == "" and hmp("device_del m2") == "" and until(lambda: hmp("chardev-remove m") == ""), "so do those at the multiplexer", hmp("info chardev"))
    # ---- sets of descriptors ----
    f = open(tmp + "/b.raw", "r+b")
    f.write(b"of the descriptor"); f.flush()
    os.unlink(tmp + "/b.raw")
    ok(q("add-fd", fds=[f.fileno()], fdset_id=3)["fdset-id"] == 3, "add-fd")
    r = hmp("drive_add 0 if=none,id=f,format=raw,file=/dev/fdset/3")
    ok(r == "OK\n", "drive_add of a set", r)
    def begins():
        r = subprocess.run([bin + "emu-img", "dd", "-f", "raw", "-O", "raw", "bs=17", "count=1", "if=nbd+unix:///?socket=%s/f.nbd" % run_dir(), "of=" + tmp + "/out"], capture_output=True, text=True)
        return open(tmp + "/out", "rb").read(17) if r.returncode == 0 else r.stderr
    ok(begins() == b"of the descriptor", "its server has the file that has no name any more", begins())
    ok(kill("f") and begins() == b"of the descriptor", "also when it was killed", begins())
    q("getfd", fds=[f.fileno()], fdname="mine")
    sets = q("query-fdsets")
    ok(again() and q("query-fdsets") == sets and len(sets) == 1, "sets outlive the monitor", (sets, q("query-fdsets")))
    ok(q("closefd", fdname="mine") == {} and "not found" in str(q("closefd", fdname="mine")), "so do descriptors that it was given")
    ok("no descriptor of that set" in hmp("drive_add 0 if=none,id=g,format=raw,file=/dev/fdset/4"), "a set that is not there", hmp("drive_add 0 if=none,id=g,format=raw,file=/dev/fdset/4"))
    ok(q("blockdev-add", driver="raw", node_name="n", file={"driver": "file", "filename": "/dev/fdset/3"}) is not None, "blockdev-add of the same image is the lock's to judge")
    ok(hmp("drive_del f") == "" and "f" not in parts(), "drive_del")
    ok(q("remove-fd", fdset_id=3, fd=sets[0]["fds"][0]["fd"]) == {} and q("query-fdsets") == [], "remove-fd knows its number still", q("query-fdsets"))
    # ---- the socket of nbd-server-start ----
    addr = {"type": "unix", "data": {"path": tmp + "/nbd"}}
    ok(q("nbd-server-start", addr=addr) == {}, "nbd-server-start")
    ok("already running" in str(q("nbd-server-start", addr=addr)), "once")
    ok(again(), "the monitor is killed")
    ok("already running" in str(q("nbd-server-start", addr=addr)), "the next one has the socket")
    def greeted():
        s = socket.socket(socket.AF_UNIX); s.settimeout(20 * patience)
        try:
            s.connect(tmp + "/nbd")
            return s.recv(8) == b"NBDMAGIC"
        except OSError: return False
        finally: s.close()
    once = lambda *c: subprocess.run([own + "emu-mon", "--run", run_dir(), *c], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env)
    ok(once("nbd_server_add d0").returncode == 0 and greeted(), "a disk that another monitor exports gets it")
    ok(once("nbd_server_stop").returncode == 0 and not greeted(), "and another one stops it")
    os.path.exists(tmp + "/nbd") and os.unlink(tmp + "/nbd")
    ok("not running" in str(q("nbd-server-stop")), "nothing runs then")
    # ---- descriptors that nobody takes ----
    spare = [os.open("/dev/null", os.O_RDONLY) for _ in range(16)]
    def open_fds(pid): return len(os.listdir("/proc/%d/fd" % pid))
    q.close()
    time.sleep(0.2)
    pids = {n: x["pid"] for n, x in parts().items()}
    pids["sup"] = int(open(run_dir() + "/sup.pid").read())
    until(lambda: False, 0.3)
    before = {n: open_fds(pid) for n, pid in pids.items()}
    for n in range(64): # one after the other: a back end has one connection
        q = Control(tmp + "/qmp")
        q.send('{"execute":"query-name"}', spare[:3]); q.value()
        q.send('{"execute":"query-na', spare)
        q.send('me', spare)
        if n % 2:
            q.send('"}'); q.value()
            q.send('{"execute":"query-name"} {"execute":"query-uuid"}', spare[:1]); q.value(); q.value()
            q.send('[1, 2', spare[:2])
        q.close()
    good = until(lambda: open_fds(pids["mon"]) <= before["mon"])
    ok(good, "64 clients of QMP that send descriptors, with half objects too, leave none", (before, open_fds(pids["mon"])))
    q = Control(tmp + "/qmp")
    for _ in range(40): q.send('{"execute":"query-name"}', spare); q.value()
    ok(open_fds(pids["mon"]) <= before["mon"] + 1, "a session that goes on has none of them either", (before, open_fds(pids["mon"])))
    q.send('{"execute":"getfd","arguments":{"fdname":"kept"}}', spare[:2])
    ok(q.value() == {"return": {}} and open_fds(pids["mon"]) <= before["mon"] + 2, "getfd takes one of two", open_fds(pids["mon"]))
    ok(q("closefd", fdname="kept") == {} and open_fds(pids["mon"]) <= before["mon"] + 1, "closefd closes it", open_fds(pids["mon"]))
    for name, part in (("cpu.ctl", "cpu"), ("d0.ctl", "d0"), ("mon.ctl", "mon"), ("sup.ctl", "sup")):
        many = [Control(run_dir() + "/" + name) for _ in range(64)]
        for c in many:
            c.send('{"execute":"query-commands"}', spare[:4])
            c.send('{"execute":"query-', spare)
            c.send('com', spare)
        answered = [c.value() is not None for c in many]
        held = open_fds(pids[part])
        for c in many: c.close()
        good = until(lambda: open_fds(pids[part]) <= before[part] + 2)
        ok(all(answered) and held <= before[part] + 64 * 17 + 4 and good, "64 at once at %s: at most 16 are held for each, none in the end" % name, (before[part], held, open_fds(pids[part])))
    # ---- a disk server that hangs ----
    open(tmp + "/h.raw", "wb").truncate(1 << 20)
    ok(hmp("drive_add 0 if=none,id=hang,format=raw,file=%s/h.raw" % tmp) == "OK\n", "a disk server that will not end", open(tmp + "/err").read())
    began = time.time()
    ok(hmp("drive_del hang") == "" and "hang" not in parts(), "is killed after a while", parts())
    ok(time.time() - began > 5 and "emu-nbd (hang) does not end and is killed" in open(tmp + "/err").read(), "of which the user is told", (time.time() - began, open(tmp + "/err").read()))
    ok(hmp("drive_add 0 if=none,id=hang2,format=raw,file=%s/h.raw" % tmp) == "OK\n" and hmp("drive_del hang2") == "", "its image is free again")
    ok(all(t["thread-id"] == parts()["cpu"]["pid"] for t in q("query-iothreads")) and q("object-add", qom_type="iothread", id="io") == {} and
       q("query-iothreads")[0]["thread-id"] == parts()["cpu"]["pid"], "an iothread's work is the event loop's, whose thread is told", q("query-iothreads"))
    # ---- the end ----
    ok(q("quit") == {}, "quit is answered")
    ok(p.wait(60 * patience) == 0 and not os.listdir(tmp + "/run/emu"), "before everything ends", os.listdir(tmp + "/run/emu"))
    lost = 0
    for n in range(4):
        p = start("-qmp", "unix:%s/qmp%d,server,nowait" % (tmp, n))
        q = Control("%s/qmp%d" % (tmp, n))
        until(lambda: os.path.exists(run_dir() + "/mon.ctl"))
        if n % 2: # by a monitor that was attached
            out = subprocess.run([own + "emu-mon", "--run", run_dir(), "--qmp"], input='{"execute":"qmp_capabilities"}{"execute":"quit","id":9}', capture_output=True, text=True, timeout=60 * patience).stdout
            lost += '"id": 9' not in out and '"id":9' not in out
        else:
            lost += q("quit") != {}
        p.wait(60 * patience)
    ok(lost == 0, "nor is it lost when the machine has just begun", lost)
finally:
    if p.poll() is None: p.kill()
    if failed or sys.exc_info()[0]: print("# " + "\n# ".join(open(tmp + "/err", errors="replace").read()[-3000:].splitlines()))
    shutil.rmtree(tmp, ignore_errors=True)
print("1..%d" % count)
sys.exit(failed > 0)
PY
