#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A supervised machine of emu-cpu, emu-nbd and the monitor, on a terminal: keys, a killed part at any stage, the terminal afterwards.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build} KILLS=${KILLS:-24}
for p in emu-mon emu-cpu emu-nbd; do [ -x "$BUILD/bin/$p" ] || { echo "1..0 # SKIP $p is not built"; exit 0; }; done
KILLS=$KILLS exec python3 - "$PWD/$BUILD/bin/emu-mon" <<'PY'
import fcntl, glob, json, os, pty, random, re, select, shutil, signal, socket, struct, subprocess, sys, tempfile, termios, time

mon = sys.argv[1]
top = tempfile.mkdtemp(prefix="mon-machine-")
env = dict(os.environ, XDG_RUNTIME_DIR=top + "/run", TEST_TAG=top)
os.mkdir(top + "/run")
with open(top + "/disk.raw", "wb") as f: f.truncate(4 << 20)
run = top + "/run/emu/m"
count = failed = 0

def ok(good, name, detail=""):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name), flush=True)
    if not good:
        failed += 1
        for line in str(detail)[-1500:].splitlines(): print("# " + line)

def plan(**more):
    p = {"version": 1, "name": "m", "program": "vm",
         "parts": [
             {"id": "hd0", "program": "emu-nbd", "listen": [{"name": "hd0.nbd"}],
              "args": ["-t", "-e", "0", "-f", "raw", ["--listen-fd=", {"fd": "hd0.nbd"}], ["--ctl-fd=", {"fd": "ctl"}], ["--ready-fd=", {"fd": "ready"}],
                       top + "/disk.raw"]},
             {"id": "mon", "monitor": True},
             {"id": "cpu", "program": "emu-cpu", "machine": True,
              "args": ["-S", "-m", "32", "-nographic", "-run", {"run": ""}, "-ctl-fd", {"fd": "ctl"}, "-ready-fd", {"fd": "ready"},
                       "-disk", ["id=hd0,if=virtio,nbd=unix:", {"run": "hd0.nbd"}], "-serial", ["id=serial0,fd=", {"fd": "serial0"}]]}],
         "links": [{"id": "serial0", "ends": ["cpu", "mon"], "keep": True}],
         "fronts": [{"link": "serial0", "device": "mon:stdio"}]}
    p.update(more)
    return json.dumps(p)

def tagged():
    out = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            if ("TEST_TAG=" + top).encode() in open(path, "rb").read() and int(path.split("/")[2]) != os.getpid(): out.append(int(path.split("/")[2]))
        except OSError: pass
    return out

def left():
    end = time.time() + 40
    while time.time() < end:
        bad = tagged() + (os.listdir(top + "/run/emu") if os.path.exists(top + "/run/emu") else [])
        if not bad: return ""
        time.sleep(0.05)
    return " ".join("%s(%s)" % (b, open("/proc/%d/cmdline" % b).read().replace("\0", " ")[:80] if isinstance(b, int) else "") for b in bad)

def ask(name, *commands):
    s = socket.socket(socket.AF_UNIX); s.settimeout(40)
    s.connect(run + "/" + name)
    f = s.makefile("rw")
    f.readline()
    for c in ("qmp_capabilities",) + commands:
        f.write(json.dumps({"execute": c}) + "\n"); f.flush()
        while True:
            a = json.loads(f.readline())
            if "event" not in a: break
    return a.get("return")

def parts(): return {p["id"]: p for p in ask("sup.ctl", "query-parts")}

class Machine:
    def __init__(self, text, args=()):
        self.out = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(mon, [mon] + (["--supervise", text] if text else []) + list(args), env)
        self.status = None
    def read(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if not select.select([self.fd], [], [], max(0, end - time.time()))[0]: break
            try: d = os.read(self.fd, 65536)
            except OSError: break
            if not d: break
            self.out += d
    def expect(self, what, seconds=60):
        end = time.time() + seconds
        while time.time() < end:
            if re.search(what, self.out):
                self.out = self.out[re.search(what, self.out).end():]
                return True
            self.read(0.05)
        return False
    def send(self, text): os.write(self.fd, text)
    def raw(self): return not termios.tcgetattr(self.fd)[3] & termios.ICANON
    def wait(self, seconds=60):
        end = time.time() + seconds
        while time.time() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid: return os.waitstatus_to_exitcode(status)
            self.read(0.02)
        return None
    def ready(self, seconds=60):
        end = time.time() + seconds
        while time.time() < end:
            try:
                if all(p["state"] == "ready" for p in parts().values()): return True
            except (OSError, ValueError, TypeError): pass
            self.read(0.02)
        return False

try:
    # ---- keys and prompts ----
    m = Machine(plan())
    ok(m.expect(rb"Booting from"), "the firmware speaks on the terminal", m.out)
    ok(m.raw(), "which is raw")
    m.send(b"\x01h")
    ok(m.expect(rb"C-a C-a  sends C-a"), "Ctrl-a h is help", m.out)
    m.send(b"\x01c")
    ok(m.expect(rb"\(qemu\) "), "Ctrl-a c brings the monitor", m.out)
    m.send(b"info status\r")
    ok(m.expect(rb"VM status: running"), "which knows the machine", m.out)
    m.send(b"\x01c"); m.send(b"\x01c")
    ok(m.expect(rb"\(qemu\) "), "there and back again", m.out)
    m.send(b"\x01x")
    ok(m.wait() == 0, "Ctrl-a x leaves with status 0")
    ok(b"vm: Terminated" in m.out, "and says so", m.out)
    ok(not m.raw(), "the terminal is as it was")
    ok(left() == "", "nothing is left", left())

    m = Machine(plan())
    m.expect(rb"Booting from")
    m.send(b"\x01c"); m.expect(rb"\(qemu\) "); m.send(b"quit\r")
    ok(m.wait() == 0 and not m.raw(), "quit at the prompt, status 0")
    ok(left() == "", "nothing is left", left())

    # Ctrl-C: stdio with signals ends the machine; mon:stdio gives it to the guest.
    m = Machine(plan(fronts=[{"link": "serial0", "device": "stdio"}]))
    m.expect(rb"Booting from")
    m.send(b"\x03")
    ok(m.wait() == 0 and b"terminating on signal 2" in m.out, "Ctrl-C ends a machine on plain stdio", m.out)
    ok(left() == "", "nothing is left", left())

    # ---- helpers that are killed while it runs ----
    m = Machine(plan())
    m.expect(rb"No bootable device")
    p = parts()
    for name in ("hd0", "mon"):
        os.kill(p[name]["pid"], signal.SIGKILL)
        end = time.time() + 40
        while time.time() < end:
            try:
                q = parts()[name]
                if q["restarts"] == 1 and q["state"] == "ready": break
            except (OSError, TypeError): pass
            m.read(0.05)
        ok(q["restarts"] == 1 and q["state"] == "ready", name + " is started again", q)
    ok(m.expect(rb"emu-mon \(mon\) was started again"), "the user is told", m.out)
    ok(m.raw(), "the new monitor has the terminal again")
    m.send(b"\x01c")
    ok(m.expect(rb"\(qemu\) "), "its prompt works", m.out)
    m.send(b"info status\r")
    ok(m.expect(rb"VM status: running"), "the machine never stopped", m.out)
    os.kill(p["cpu"]["pid"], signal.SIGKILL)
    ok(m.wait() == 137, "the machine's own death is the end, status 137")
    ok(b"emu-cpu (cpu) was killed by signal 9" in m.out and not m.raw(), "with a word, and the terminal as it was", m.out)
    ok(left() == "", "nothing is left", left())

    m = Machine(plan())
    m.expect(rb"Booting from")
    os.kill(m.pid, signal.SIGKILL)
    m.wait()
    ok(left() == "", "a supervisor that is killed leaves nothing", left())
    ok(not m.raw(), "no raw terminal either")

    # ---- networks that come and go ----
    def command(name, what, **arguments):
        c = socket.socket(socket.AF_UNIX); c.settimeout(40); c.connect(run + "/" + name)
        f = c.makefile("rw"); f.readline()
        for x in ({"execute": "qmp_capabilities"}, {"execute": what, "arguments": arguments}):
            f.write(json.dumps(x) + "\n"); f.flush()
            a = json.loads(f.readline())
            while "event" in a: a = json.loads(f.readline())
        return a
    if os.path.exists(os.path.dirname(mon) + "/emu-net"):
        m = Machine(plan())
        m.expect(rb"Booting from")
        a = command("sup.ctl", "netdev_add", type="user", id="n1", hostname="a,b")
        ok("return" in a and parts()["n1"]["state"] == "ready", "netdev_add starts a network for the machine", a)
        ok("Duplicate ID" in command("sup.ctl", "netdev_add", type="user", id="n1").get("error", {}).get("desc", ""), "an id that is taken is refused")
        a = command("sup.ctl", "netdev_add", type="bogus", id="n2")
        ok("bogus" in a.get("error", {}).get("desc", "") and "n2" not in parts(), "a network that cannot be is refused in emu-net's own words", a)
        a = command("cpu.ctl", "device_add", driver="e1000", netdev="n1", id="card")
        ok("return" in a, "a card takes its cable", a)
        a = command("cpu.ctl", "device_add", driver="e1000", id="rom", romfile="efi-e1000.rom")
        ok("no file can be opened" in a.get("error", {}).get("desc", ""), "a ROM that is asked for later is refused by name", a)
        os.kill(parts()["n1"]["pid"], signal.SIGKILL)
        ok(m.expect(rb"emu-net \(n1\) was started again"), "it is started again when it dies", m.out)
        a = command("sup.ctl", "netdev_del", id="n1")
        ok("return" in a, "netdev_del", a)
        end = time.time() + 40
        while "n1" in parts() and time.time() < end: m.read(0.05)
        ok("n1" not in parts() and not os.path.exists(run + "/n1.state"), "ends it")
        a = command("sup.ctl", "netdev_add", type="user", id="n1")
        ok("return" in a, "the name is free again", a)
        m.send(b"\x01x")
        ok(m.wait() == 0 and left() == "", "nothing is left", m.out)

    # ---- a character back end that waits, and the daemon ----
    sock = top + "/tty"
    text = plan(daemonize=True, pidfile=top + "/pid", fronts=[{"link": "serial0", "device": "unix:%s,server" % sock},
                                                              {"monitor": "qmp", "id": "q", "device": "unix:%s/qmp,server,nowait" % top}])
    d = subprocess.Popen([mon, "--supervise", text], env=env, stderr=subprocess.PIPE)
    end = time.time() + 40
    while not os.path.exists(sock) and time.time() < end: time.sleep(0.02)
    time.sleep(0.3)
    ok(d.poll() is None, "the caller waits as long as a server waits for its client")
    s = socket.socket(socket.AF_UNIX); s.connect(sock); s.settimeout(40)
    ok(d.wait(40) == 0, "then goes on")
    got = b""
    while b"Booting" not in got: got += s.recv(4096)
    ok(True, "nothing of the firmware's output was lost: " + got[:40].decode("latin1").encode("ascii", "ignore").decode().replace("\x1b", "")[:10].strip())
    q = socket.socket(socket.AF_UNIX); q.connect(top + "/qmp"); q.settimeout(40); f = q.makefile("rw")
    ok("QMP" in json.loads(f.readline()), "QMP greets")
    f.write('{"execute":"qmp_capabilities"}{"execute":"query-status","id":7}'); f.flush()
    f.readline(); a = json.loads(f.readline())
    while "event" in a: a = json.loads(f.readline())
    ok(a.get("id") == 7 and a["return"]["running"] is True, "and answers", a)
    for n in ("ring", "gone"):
        q.settimeout(40)
        f.write(json.dumps({"execute": "chardev-add", "arguments": {"id": n, "backend": {"type": "ringbuf", "data": {"size": 4096}}}})); f.flush()
        a = json.loads(f.readline())
        while "event" in a: a = json.loads(f.readline())
    f.write('{"execute":"chardev-remove","arguments":{"id":"gone"}}'); f.flush()
    a = json.loads(f.readline())
    while "event" in a: a = json.loads(f.readline())
    ok(a == {"return": {}}, "back ends are added and removed", a)
    # The monitor dies: its sockets stay, and what was connected too.
    os.kill(parts()["mon"]["pid"], signal.SIGKILL)
    end = time.time() + 40
    while time.time() < end:
        try:
            if parts()["mon"]["restarts"] == 1 and parts()["mon"]["state"] == "ready": break
        except (OSError, TypeError): pass
        time.sleep(0.05)
    labels = [c["label"] for c in ask("mon.ctl", "query-chardev")]
    ok("ring" in labels and "gone" not in labels, "the next monitor has the back ends of the last one", labels)
    ask("cpu.ctl", "system_reset")
    got = b""
    try:
        while b"Booting" not in got: got += s.recv(4096)
    except OSError: pass
    ok(b"Booting" in got, "a client's connection outlives the monitor", got)
    pid = int(open(top + "/pid").read())
    os.kill(pid, signal.SIGTERM)
    ok(left() == "" and not os.path.exists(top + "/pid") and not os.path.exists(sock), "the daemon ends, with its pid file and sockets", left())

    # ---- by hand: emu-cpu and emu-mon --mux ----
    hand = top + "/hand"
    os.mkdir(hand)
    cpu = subprocess.Popen([os.path.dirname(mon) + "/emu-cpu", "-m", "32", "-run", hand, "-nographic", "-serial", "unix=" + hand + "/cpu.serial0"], env=env)
    m = Machine(None, ["--mux", "--run", hand])
    ok(m.expect(rb"Booting from") and m.raw(), "emu-mon --mux shows a machine that was started by hand", m.out)
    m.send(b"\x01c")
    ok(m.expect(rb"\(qemu\) "), "Ctrl-a c brings its monitor", m.out)
    m.send(b"info status\r")
    ok(m.expect(rb"VM status: running"), "which works", m.out)
    m.send(b"\x01x")
    ok(m.wait() == 0 and cpu.wait(40) == 0 and not m.raw(), "Ctrl-a x ends both")
    ok(left() == "", "nothing is left", left())

    # ---- kill -9 of anything at any stage ----
    random.seed(7)
    bad = []
    kills = int(os.environ["KILLS"])
    for i in range(kills):
        m = Machine(plan())
        m.read(random.random() * 0.4)
        victims = [p for p in tagged()]
        if victims:
            victim = random.choice(victims)
            try: os.kill(victim, signal.SIGKILL)
            except OSError: pass
        m.read(0.1)
        try: os.kill(m.pid, signal.SIGTERM)
        except OSError: pass
        if m.wait() is None: bad.append("%d: it does not end" % i)
        rest = left()
        if rest or m.raw(): bad.append("%d: left %s raw %s\n%s" % (i, rest, m.raw(), m.out[-300:]))
        os.close(m.fd)
    ok(not bad, "%d machines with any process killed at any time leave nothing" % kills, "\n".join(bad))
finally:
    for p in tagged():
        try: os.kill(p, signal.SIGKILL)
        except OSError: pass
    shutil.rmtree(top, ignore_errors=True)
print("1..%d" % count)
sys.exit(failed != 0)
PY
