#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A helper is killed with -9 right after a medium was changed, a limit or a forward was set, a cable pulled out, a disk added: what was set still
# holds, the user is told, the machine goes on. KILLS: of each kind (eleven seconds a round).
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build} KILLS=${KILLS:-1}
for p in emu-mon emu-cpu emu-nbd emu-net emu-img qemu-system-x86_64; do [ -x "$BUILD/bin/$p" ] || { echo "1..0 # SKIP $p is not built"; exit 0; }; done
exec python3 - "$PWD/$BUILD/bin/" <<'PY'
import glob, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time

bin, kills = sys.argv[1], int(os.environ["KILLS"])
tmp = tempfile.mkdtemp(prefix="mon-kills-")
os.mkdir(tmp + "/run", 0o700)
env = dict(os.environ, XDG_RUNTIME_DIR=tmp + "/run")
count = failed = 0

def ok(good, name, detail=""):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name), flush=True)
    if not good:
        failed += 1
        for line in str(detail)[:1500].splitlines(): print("# " + line)

for n in ("cd0", "cd1"):
    with open("%s/%s" % (tmp, n), "wb") as f: f.write(n.encode() * 512); f.truncate(1 << 20)
subprocess.run([bin + "emu-img", "create", "-q", "-f", "qcow2", tmp + "/d.qcow2", "8M"], check=True)
p = subprocess.Popen([bin + "qemu-system-x86_64", "-name", "kills", "-m", "32", "-nodefaults", "-display", "none", "-drive", "file=%s/d.qcow2,if=virtio,id=hd" % tmp, "-drive",
                      "file=%s/cd0,format=raw,if=ide,media=cdrom,id=cd" % tmp, "-netdev", "user,id=n0", "-device", "e1000,netdev=n0,id=nic", "-boot", "reboot-timeout=500", "-qmp",
                      "unix:%s/qmp,server,nowait" % tmp], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(tmp + "/err", "wb"), env=env)

class Control:
    def __init__(self, path):
        self.path, self.events = path, []
        for _ in range(2400):
            try:
                self.s = socket.socket(socket.AF_UNIX); self.s.settimeout(60); self.s.connect(path); break
            except OSError: time.sleep(0.02)
        self.f = self.s.makefile("rw"); self.f.readline(); self("qmp_capabilities")
    def __call__(self, command, **args):
        self.f.write(json.dumps({"execute": command, "arguments": {k.replace("_", "-"): v for k, v in args.items()} if command != "qmp_capabilities" else {}}) + "\n"); self.f.flush()
        while True:
            v = json.loads(self.f.readline())
            if "event" not in v: return v.get("return", v.get("error", {}).get("desc"))
            self.events.append(v)

def run_dir(): return (glob.glob(tmp + "/run/emu/kills*") or ["/nowhere"])[0]

def hmp(line):
    for _ in range(200):
        out = q("human-monitor-command", **{"command_line": line})
        if "has gone" not in out and "refused" not in out: return out.replace("\r", "")
        time.sleep(0.05)
    return out

last = {}
def kill(name):
    """The part's process, and waits for the next one; deaths of one part keep five seconds apart, or the third would be its last."""
    wait = last.get(name, 0) + 5.2 - time.time()
    if wait > 0: time.sleep(wait)
    sup = Control(run_dir() + "/sup.ctl")
    pid = {x["id"]: x for x in sup("query-parts")}[name]["pid"]
    yield
    os.kill(pid, signal.SIGKILL)
    last[name] = time.time()
    for _ in range(1200):
        x = {x["id"]: x for x in sup("query-parts")}[name]
        if x["pid"] not in (0, pid) and x["state"] == "ready": break
        time.sleep(0.05)
    sup.s.close()
    yield

def killed(name, change, *args, **more):
    k = kill(name); next(k)
    change(*args, **more)
    next(k)

def until(fn):
    for _ in range(200):
        if fn(): return True
        time.sleep(0.05)
    return False

try:
    while not glob.glob(tmp + "/run/emu/kills*/sup.ctl"): time.sleep(0.05)
    q = Control(tmp + "/qmp")
    until(lambda: q("query-status")["running"] is True)
    bad = {}
    def check(kind, good, detail):
        if not good: bad.setdefault(kind, []).append(str(detail))
    for n in range(kills):
        medium = "%s/cd%d" % (tmp, (n + 1) % 2)
        killed("cd", hmp, "change cd " + medium)
        check("medium", until(lambda: medium in hmp("info block cd")), hmp("info block cd"))
        limit = 1000 + n
        killed("hd", hmp, "block_set_io_throttle hd 0 0 0 %d 0 0" % limit)
        check("limit", until(lambda: "iops=%d" % limit in hmp("info block hd")), hmp("info block hd"))
        s = socket.socket(); s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]; s.close()
        killed("n0", hmp, "hostfwd_add n0 tcp:127.0.0.1:%d-:22" % port)
        check("forward", until(lambda: str(port) in hmp("info usernet")), hmp("info usernet"))
        killed("n0", hmp, "hostfwd_remove n0 tcp:127.0.0.1:%d" % port)
        check("no forward", until(lambda: "HOST_FORWARD" not in hmp("info usernet") or str(port) not in hmp("info usernet")), hmp("info usernet"))
        snap = "%s/snap%d.qcow2" % (tmp, n)
        killed("hd", hmp, "snapshot_blkdev hd %s qcow2" % snap)
        check("snapshot", until(lambda: snap in hmp("info block hd")), hmp("info block hd"))
        killed("mon", lambda: None)
        q.f.close(); q.s.close()
        check("monitor", os.path.exists(tmp + "/qmp"), "no socket")
        q = Control(tmp + "/qmp")
        check("running", q("query-status")["running"] is True, q("query-status"))
        hmp("drive_add 0 if=none,id=late,format=raw,readonly=on,file=%s/cd0" % tmp)
        killed("late", lambda: None)
        check("added disk", until(lambda: "late" in hmp("info block") and "cd0" in hmp("info block late")), hmp("info block"))
        check("added disk goes", hmp("drive_del late") == "", "")
    for kind in ("medium", "limit", "forward", "no forward", "snapshot", "monitor", "running", "added disk", "added disk goes"):
        ok(kind not in bad, "%d times killed: %s" % (kills, kind), "\n".join(bad.get(kind, [])))
    told = len(re.findall("was started again", open(tmp + "/err").read()))
    ok(told == 7 * kills, "the user was told each time", (told, open(tmp + "/err").read()))
    hmp("quit")
    ok(p.wait(60) == 0 and not os.listdir(tmp + "/run/emu"), "quit; nothing is left")
finally:
    if p.poll() is None: p.kill()
    if failed or sys.exc_info()[0]: print("# " + "\n# ".join(open(tmp + "/err", errors="replace").read()[-2000:].splitlines()))
    shutil.rmtree(tmp, ignore_errors=True)
print("1..%d" % count)
sys.exit(failed > 0)
PY
