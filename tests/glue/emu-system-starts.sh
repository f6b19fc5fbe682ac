#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Command lines of the classic's manual start machines whose monitor tells what was asked for: emu-system/starts.rows, a row a case. ROWS: a pattern of those that are wanted.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
for p in emu-mon emu-cpu emu-nbd emu-net emu-img qemu-system-x86_64; do [ -x "$BUILD/bin/$p" ] || { echo "1..0 # SKIP $p is not built"; exit 0; }; done
tmp=$(mktemp -d /tmp/emu-starts-XXXXXX)
truncate -s 1M "$tmp/fd.raw"
exec 3<>"$tmp/fd.raw" 4<"$tmp/fd.raw" # for the row of -add-fd
exec python3 - "$PWD/$BUILD/bin/" "$tmp" <<'PY'
import base64, json, os, re, shlex, shutil, socket, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor

bin, tmp = sys.argv[1:3]
patience = float(os.environ.get("BOOT_PATIENCE", "1"))

def sh(*command, **more): return subprocess.run(command, check=True, capture_output=True, **more).stdout

os.mkdir(tmp + "/run", 0o700)
sh(bin + "emu-img", "create", "-q", "-f", "qcow2", tmp + "/q.qcow2", "1M")
for n in "a.raw", "tcp.raw", "unix.raw": open("%s/%s" % (tmp, n), "wb").truncate(1 << 20)
key, iv = os.urandom(32), os.urandom(16)

def files(dir):
    """What a row's command line may name."""
    os.mkdir(dir)
    for n in "a", "b", "c": open("%s/%s.raw" % (dir, n), "wb").truncate(1 << 20)
    for n in "fa", "fb": open("%s/%s.raw" % (dir, n), "wb").truncate(1474560)
    shutil.copy(tmp + "/q.qcow2", dir)
    os.mkdir(dir + "/files"); open(dir + "/files/text", "w").write("a file\n")
    open(dir + "/secret", "w").write("hunter2")
    open(dir + "/boot.bmp", "wb").write(b"BM" + bytes(60))
    open(dir + "/config", "w").write('[drive "cfg"]\n  file = "%s/a.raw"\n  format = "raw"\n' % dir)
    open(dir + "/key.b64", "w").write(base64.b64encode(key).decode())

secret = base64.b64encode(sh("openssl", "enc", "-aes-256-cbc", "-K", key.hex(), "-iv", iv.hex(), input=b"letmein")).decode()
used = []
def port():
    s = socket.socket(); s.bind(("127.0.0.1", 0)); used.append(s) # stays bound until its row starts
    return s.getsockname()[1]
def release(ports):
    for s in [s for s in used if s.getsockname()[1] in ports]: used.remove(s); s.close()

nbd = port(); release([nbd])
web = subprocess.Popen([sys.executable, "tests/servers/web", tmp, tmp + "/port"], stdin=subprocess.DEVNULL)
servers = [web, subprocess.Popen([bin + "emu-nbd", "-t", "-e", "16", "-f", "raw", "-b", "127.0.0.1", "-p", str(nbd), tmp + "/tcp.raw"], stdin=subprocess.DEVNULL),
           subprocess.Popen([bin + "emu-nbd", "-t", "-e", "16", "-f", "raw", "-k", tmp + "/nbd", tmp + "/unix.raw"], stdin=subprocess.DEVNULL)]
for _ in range(600):
    if os.path.exists(tmp + "/port") and open(tmp + "/port").read().strip() and os.path.exists(tmp + "/nbd"): break
    time.sleep(0.05)
web_port = open(tmp + "/port").read().strip()

class Qmp:
    def __init__(self, path, alive):
        self.s = socket.socket(socket.AF_UNIX); self.s.settimeout(60 * patience)
        for _ in range(int(1200 * patience)):
            try: self.s.connect(path); break
            except OSError:
                if not alive(): raise
                time.sleep(0.05)
        self.f = self.s.makefile("rw"); self.f.readline(); self("qmp_capabilities")
    def __call__(self, command, **args):
        self.f.write(json.dumps({"execute": command, "arguments": {k.replace("_", "-"): v for k, v in args.items()}}) + "\n"); self.f.flush()
        while True:
            v = json.loads(self.f.readline())
            if "event" not in v: return v.get("return", v.get("error", {}).get("desc"))

def case(n, line, wants):
    """Runs a row: what is wrong with it."""
    ports = [port() for _ in range(4)]
    dir = "%s/row%d" % (tmp, n)
    files(dir)
    values = {"%D": dir, "%S": tmp + "/nbd", "%W": web_port, "%N": str(nbd), "%SECRET": secret, "%IV": base64.b64encode(iv).decode(), **{"%%P%d" % (i + 1): str(p) for i, p in enumerate(ports)}}
    fill = lambda text: re.sub("%(SECRET|IV|P[1-4]|[DSWN])", lambda m: values[m.group(0)], text)
    refused = [w[2:] for w in wants if w.startswith("! ")]
    path = "%s/q%d" % (tmp, n)
    words = shlex.split(fill(line)) + (["-S", "-display", "none", "-qmp", "unix:%s,server,nowait" % path])
    if "-name" not in words: words += ["-name", "row%d" % n]
    release(ports)
    err = open("%s/err%d" % (tmp, n), "w+")
    p = subprocess.Popen([bin + "qemu-system-x86_64"] + words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, pass_fds=(3, 4),
                         env=dict(os.environ, XDG_RUNTIME_DIR=tmp + "/run"))
    bad = []
    said = lambda: open(err.name).read()
    try:
        if refused:
            try: status = p.wait(60 * patience)
            except subprocess.TimeoutExpired: return ["it was to be refused, and starts"]
            if status != 1 or not any(l == fill(r) or (r.endswith(": ") and l.startswith(fill(r))) for l in said().splitlines() for r in refused): bad.append("status %s: %s" % (status, said()))
            return bad
        q, answer = Qmp(path, lambda: p.poll() is None), ""
        for want in wants:
            if want.startswith("> "): answer = q("human-monitor-command", command_line=want[2:]).replace("\r", "")
            elif not re.search(fill(want), answer, re.M): bad.append("wanted: %s\ngot: %s" % (fill(want), answer))
        if q("quit") != {}: bad.append("quit is not answered")
        if p.wait(60 * patience): bad.append("status %d" % p.returncode)
    except (OSError, ValueError, subprocess.TimeoutExpired) as e:
        bad.append(repr(e))
    finally:
        if p.poll() is None: p.terminate(); p.wait()
        if bad: bad.append(said())
    return bad

try:
    rows = []
    for line in open("tests/glue/emu-system/starts.rows").read().splitlines():
        if line.startswith("= "): rows.append((line[2:], []))
        elif line and line[0] != "#": rows[-1][1].append(line)
    rows = [(n, *r) for n, r in enumerate(rows) if re.search(os.environ.get("ROWS", ""), r[0])]
    failed = count = 0
    with ThreadPoolExecutor(3) as pool:
        for (n, line, wants), bad in zip(rows, pool.map(lambda r: case(*r), rows)):
            count += 1
            failed += bool(bad)
            print("%sok %d - %s" % ("not " if bad else "", count, line.replace("#", "no.")), flush=True)
            for b in bad: print("# " + b.strip()[:1500].replace("\n", "\n# "))
    count += 1
    left = os.listdir(tmp + "/run/emu")
    failed += bool(left)
    print("%sok %d - nothing is left in the run directory %s" % ("not " if left else "", count, " ".join(left)))
finally:
    for s in servers: s.terminate()
    for s in servers: s.wait()
    shutil.rmtree(tmp, ignore_errors=True)
print("1..%d" % count)
sys.exit(failed > 0)
PY
