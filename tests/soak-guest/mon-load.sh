#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest works with its disk and its network while each helper (the disk's server, the CD-ROM's, the network, the monitor) is killed with -9, also right
# after a limit, a medium or a forward was set: fio reads back what it wrote, what was downloaded whole is right, what was set holds, the guest meets no
# error, the user is told. KILLS: of each kind (eleven seconds a round).
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build} KILLS=${KILLS:-1}
for p in emu-mon emu-cpu emu-nbd emu-net emu-img qemu-system-x86_64; do [ -x "$BUILD/bin/$p" ] || { echo "1..0 # SKIP $p is not built"; exit 0; }; done
why=$(bash tests/nbd/storage-guest "$BUILD/guest-storage" 2>&1) || { echo "1..0 # SKIP $(tail -n 1 <<<"$why")"; exit 0; }
exec python3 - "$PWD/$BUILD" <<'PY'
import glob, hashlib, http.server, json, os, random, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request

build, kills = sys.argv[1], int(os.environ["KILLS"])
tmp = tempfile.mkdtemp(prefix="mon-load-")
os.mkdir(tmp + "/run", 0o700)
patience = float(os.environ.get("BOOT_PATIENCE", "1"))
count = failed = 0

def ok(good, name, detail=""):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name), flush=True)
    if not good:
        failed += 1
        for line in str(detail)[-2500:].splitlines(): print("# " + line)
    return good

# ---- what the guest downloads ----
data = random.Random(7).randbytes(3 << 20)
digest = hashlib.md5(data).hexdigest()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", str(len(data))); self.end_headers()
        self.wfile.write(data)
    def log_message(self, *args): pass

class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True
    def handle_error(self, *args): pass # a connection that was reset

web = Web(("127.0.0.1", 0), Handler)
threading.Thread(target=web.serve_forever, daemon=True).start()

# ---- the machine ----
for n in ("cd0", "cd1"):
    with open("%s/%s" % (tmp, n), "wb") as f: f.write(n.encode() * 512); f.truncate(1 << 20)
subprocess.run([build + "/bin/emu-img", "create", "-q", "-f", "qcow2", tmp + "/d.qcow2", "32M"], check=True)
p = subprocess.Popen([build + "/bin/qemu-system-x86_64", "-name", "load", "-m", "192", "-nodefaults", "-display", "none", "-no-reboot", "-kernel", build + "/guest-storage/vmlinuz",
                      "-initrd", build + "/guest-storage/initrd.gz", "-append", "console=ttyS0 quiet panic=-1 no_timer_check", "-drive", "file=%s/d.qcow2,if=virtio,id=hd" % tmp,
                      "-drive", "file=%s/cd0,format=raw,if=none,media=cdrom,id=cd" % tmp, "-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=cd",
                      "-nic", "user,id=n0,model=virtio", "-serial", "unix:%s/serial,server" % tmp, "-qmp", "unix:%s/qmp,server,nowait" % tmp],
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(tmp + "/err", "wb"), env=dict(os.environ, XDG_RUNTIME_DIR=tmp + "/run"))

def dial(path):
    for _ in range(2400):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.settimeout(60 * patience); s.connect(path)
            return s
        except OSError:
            s.close(); time.sleep(0.05)
    raise SystemExit("Bail out! nobody listens at " + path)

class Console:
    """The serial port; a thread reads it all the time, so that the guest never waits for us."""
    def __init__(self):
        self.s, self.text, self.changed, self.number = dial(tmp + "/serial"), "", threading.Condition(), 0
        self.s.settimeout(None)
        threading.Thread(target=self.read, daemon=True).start()
    def read(self):
        while True:
            try: got = self.s.recv(65536)
            except OSError: got = b""
            with self.changed:
                self.text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", got.decode("utf-8", "replace").replace("\r", "")) if got else "\n<the end>\n"
                self.changed.notify_all()
            if not got: return
    def expect(self, pattern, seconds):
        end = time.monotonic() + seconds * patience
        with self.changed:
            while True:
                m = re.search(pattern, self.text, re.M)
                if m:
                    self.text = self.text[m.end():]
                    return m
                if "<the end>" in self.text or time.monotonic() > end: raise RuntimeError("no %r; the guest said last: %r" % (pattern, self.text[-1500:]))
                self.changed.wait(1)
    def sh(self, command, seconds=120):
        self.number += 1
        self.s.sendall(('%s; echo "@end"%d:$?@\n' % (command, self.number)).encode())
        return re.sub(r"(?m)^.*# ", "", self.expect(r"([\s\S]*?)@end%d:\d+@\n" % self.number, seconds).group(1)).strip()

class Control:
    def __init__(self, path):
        self.s = dial(path); self.f = self.s.makefile("rw"); self.f.readline(); self("qmp_capabilities")
    def __call__(self, command, **args):
        self.f.write(json.dumps({"execute": command, "arguments": args}) + "\n"); self.f.flush()
        while True:
            v = json.loads(self.f.readline())
            if "event" not in v: return v.get("return", v.get("error", {}).get("desc"))
    def close(self):
        self.f.close(); self.s.close()

def run_dir(): return glob.glob(tmp + "/run/emu/load*")[0]

def hmp(line):
    for _ in range(200):
        out = q("human-monitor-command", **{"command-line": line})
        if "has gone" not in out and "refused" not in out: return out.replace("\r", "")
        time.sleep(0.05)
    return out

def until(fn, seconds=60):
    end = time.monotonic() + seconds * patience
    while time.monotonic() < end:
        if fn(): return True
        time.sleep(0.1)
    return False

last, told = {}, 0
def kill(name, change=lambda: None):
    """Deaths of one part keep five seconds apart: the third in ten would be its last."""
    global told
    time.sleep(max(0, last.get(name, 0) + 5.2 - time.time()))
    sup = Control(run_dir() + "/sup.ctl")
    part = lambda: {x["id"]: x for x in sup("query-parts")}[name]
    pid = part()["pid"]
    change()
    os.kill(pid, signal.SIGKILL)
    last[name] = time.time()
    told += 1
    good = until(lambda: part()["pid"] not in (0, pid) and part()["state"] == "ready")
    sup.close()
    return good

FIO = ("i=0; while [ ! -e /stop ]; do i=$((i+1)); fio --filename=/dev/vda --direct=1 --thread --ioengine=libaio --iodepth=4 --rw=randwrite --verify=crc32c --verify_backlog=64 "
       "--verify_fatal=1 --do_verify=1 --random_generator=tausworthe --randseed=$i --output=/fio.out --name=a --bs=4k --size=6m --name=b --bs=32k --offset=6m --size=18m 2>/fio.err || "
       "{ cat /fio.err /fio.out >/bad; break; }; echo $i >/fio.rounds; done")
# A connection whose network has died and come back is not reset as long as the guest only listens: that is what a time-out is for.
NET = ("while [ ! -e /stop ]; do if wget -T 10 -q -O /x http://10.0.2.2:%d/ 2>/dev/null; then md5sum </x >>/whole; else echo >>/reset; sleep 1; fi; done" % web.server_port)

try:
    c = Console()
    c.expect(r"Shell after", 300); c.expect(r"/ # ", 60)
    q = Control(tmp + "/qmp")
    c.sh("stty -echo; for m in scsi_common scsi_mod virtio_scsi cdrom sr_mod failover net_failover virtio_net; do insmod /modules/$m.ko; done 2>/dev/null; mkdir -p /www; : >/whole; : >/reset; echo 0 >/fio.rounds; echo the guest >/www/index.html")
    c.sh("ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2; httpd -h /www -p 80")
    c.sh("{ %s; } >/dev/null 2>&1 & { %s; } >/dev/null 2>&1 & true" % (FIO, NET))
    ok(until(lambda: int(c.sh("wc -l </whole")) > 0, 120), "a guest with load on its disk and its network", c.text)
    bad = {}
    def check(kind, good, detail=""):
        if not good: bad.setdefault(kind, []).append("%s %s" % (time.strftime("%T"), detail))
    for n in range(kills):
        limit = 2000 + n
        check("restart", kill("hd", lambda: hmp("block_set_io_throttle hd 0 0 0 %d 0 0" % limit)), "hd")
        check("limit", until(lambda: "iops=%d" % limit in hmp("info block hd")), hmp("info block hd"))
        medium = "cd%d" % ((n + 1) % 2)
        check("restart", kill("cd", lambda: hmp("change cd %s/%s" % (tmp, medium))), "cd")
        check("medium", until(lambda: medium in hmp("info block cd")), hmp("info block cd"))
        check("medium in the guest", until(lambda: c.sh("head -c 3 /dev/sr0 2>/dev/null") == medium), c.sh("head -c 3 /dev/sr0"))
        s = socket.socket(); s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]; s.close()
        check("restart", kill("n0", lambda: hmp("hostfwd_add n0 tcp:127.0.0.1:%d-:80" % port)), "n0")
        def get():
            try: return urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=10 * patience).read() == b"the guest\n"
            except OSError: return False
        check("forward", until(get), hmp("info usernet"))
        whole = int(c.sh("wc -l </whole"))
        check("restart", kill("mon"), "mon")
        q.close(); q = Control(tmp + "/qmp")
        check("monitor", q("query-status")["running"] is True and c.sh("echo here") == "here", q("query-status"))
        check("restart", kill("n0", lambda: hmp("hostfwd_remove n0 tcp:127.0.0.1:%d" % port)), "n0")
        check("no forward", not get(), hmp("info usernet"))
        check("network", until(lambda: int(c.sh("wc -l </whole")) > whole), c.sh("wc -l /whole /reset"))
        check("disk", c.sh("cat /bad 2>/dev/null") == "", c.sh("tail -n 5 /bad"))
        if kills > 1 and n % 10 == 9: print("# %d rounds: %s downloads, %s reset, %s rounds of fio" % (n + 1, *c.sh("wc -l </whole; wc -l </reset; cat /fio.rounds").split()), flush=True)
    for kind, what in (("restart", "its part is there again"), ("limit", "a limit that was just set holds"), ("medium", "a medium that was just put in is there"),
                       ("medium in the guest", "which the guest reads"), ("forward", "a forward that was just set leads into the guest"), ("no forward", "one that was just removed does not"),
                       ("monitor", "another monitor has the console and the socket"), ("network", "downloads go on"), ("disk", "fio has no complaint")):
        ok(kind not in bad, "%d times killed: %s" % (kills, what), "\n".join(bad.get(kind, [])))
    c.sh("touch /stop; wait >/dev/null 2>&1; sleep 1", 300)
    c.sh("true"); sums = set(re.findall(r"(?m)^[0-9a-f]{32}$", c.sh("cut -d' ' -f1 /whole | sort -u")))
    ok(sums == {digest}, "every download that ended is right", sums)
    ok(c.sh("cat /bad 2>/dev/null") == "" and int(c.sh("cat /fio.rounds")) > 0, "fio has read back what it wrote", c.sh("tail -n 20 /bad"))
    out = c.sh("dmesg | grep -E 'I/O error|error, dev|Buffer I/O|EXT4|BUG:|WARNING:|Oops|timed out|timing out|blocked for|NETDEV WATCHDOG' | tail -n 5")
    ok(out == "", "the guest's kernel met no error", out)
    print("# %s downloads, %s reset, %s rounds of fio, %d kills" % (*c.sh("wc -l </whole; wc -l </reset; cat /fio.rounds").split(), told))
    err = open(tmp + "/err").read()
    ok(len(re.findall("was started again", err)) == told, "the user was told of each of the %d" % told, err)
    c.s.sendall(b"poweroff -f\n")
    ok(p.wait(120 * patience) == 0 and not os.listdir(tmp + "/run/emu"), "power-off ends the machine with status 0; nothing is left")
finally:
    if p.poll() is None: p.kill()
    if failed or sys.exc_info()[0]: print("# " + "\n# ".join(open(tmp + "/err", errors="replace").read()[-3000:].splitlines()))
    shutil.rmtree(tmp, ignore_errors=True)
print("1..%d" % count)
sys.exit(failed > 0)
PY
