#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every command of HMP and QMP once, on a machine that has something of everything: mon-commands.cases says what each answers. A command of the
# tables that is in no case is a failure. SHOW=1 prints what the commands answer now, as a case file.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}
for p in emu-mon emu-cpu emu-nbd emu-net emu-img qemu-system-x86_64; do [ -x "$BUILD/bin/$p" ] || { echo "1..0 # SKIP $p is not built"; exit 0; }; done
exec python3 - "$PWD/$BUILD/bin/" "${SHOW:-}" <<'PY'
import glob, json, os, re, shutil, socket, subprocess, sys, tempfile, time

bin, show = sys.argv[1], sys.argv[2]
tmp = tempfile.mkdtemp(prefix="mon-commands-")
os.mkdir(tmp + "/run", 0o700)
env = dict(os.environ, XDG_RUNTIME_DIR=tmp + "/run")
count = failed = 0

def ok(good, name, detail=""):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name.replace("#", "no.")), flush=True)
    if not good:
        failed += 1
        for line in str(detail)[:1500].splitlines(): print("# " + line)

def image(name, size, format="qcow2"):
    subprocess.run([bin + "emu-img", "create", "-q", "-f", format, "%s/%s" % (tmp, name), size], check=True)

for n in ("a.qcow2", "b.qcow2", "t.qcow2", "u.qcow2"): image(n, "4M")
for n in ("cd.raw", "cd2.raw", "n.raw"): image(n, "1M", "raw")
p = subprocess.Popen([bin + "qemu-system-x86_64", "-name", "cases", "-uuid", "12345678-1234-5678-1234-567812345678", "-m", "64", "-S", "-nodefaults", "-display", "none",
                      "-smp", "2", "-drive", "file=%s/a.qcow2,if=virtio,id=d0" % tmp, "-drive", "file=%s/b.qcow2,if=virtio,id=d1" % tmp, "-drive",
                      "file=%s/cd.raw,format=raw,if=ide,media=cdrom,id=cd" % tmp, "-netdev", "user,id=n0", "-device", "e1000,netdev=n0,id=nic", "-chardev", "ringbuf,id=ring,size=4096",
                      "-chardev", "null,id=nul", "-device", "virtio-balloon-pci,id=bal", "-object", "iothread,id=io0", "-object", "memory-backend-ram,id=ram0,size=1M", "-vga", "std",
                      "-serial", "null", "-qmp", "unix:%s/qmp,server,nowait" % tmp], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(tmp + "/err", "wb"), env=env)

class Qmp:
    def __init__(self):
        for _ in range(2400):
            try:
                self.s = socket.socket(socket.AF_UNIX); self.s.settimeout(60); self.s.connect(tmp + "/qmp"); break
            except OSError: time.sleep(0.05)
        self.f = self.s.makefile("rw"); self.f.readline()
        self.line('{"execute":"qmp_capabilities"}')
    def line(self, text):
        self.f.write(text + "\n"); self.f.flush()
        while True:
            v = json.loads(self.f.readline())
            if "event" not in v: return v

def settle(q):
    """Jobs of the case before have ended."""
    for _ in range(400):
        if not q.line('{"execute":"query-block-jobs"}').get("return"): break
        time.sleep(0.05)

try:
    q = Qmp()
    for _ in range(1200):
        if "prelaunch" in str(q.line('{"execute":"query-status"}')): break
        time.sleep(0.05)
    seen = set()
    # A case is "> COMMAND" and the lines below it: a pattern that the answer has, none: it says nothing.
    cases = []
    for line in open("tests/glue/mon-commands.cases").read().splitlines():
        if line.startswith("> "): cases.append([line[2:], []])
        elif line.startswith("#"): cases.append([line, None])
        elif line: cases[-1][1].append(line)
    for command, wants in cases:
        if wants is None:
            if show: print(command)
            continue
        text = command.replace("DIR", tmp)
        if text.startswith("{"):
            v = q.line(text)
            answer = json.dumps(v["return"] if "return" in v else v.get("error"), sort_keys=True)
            seen.add("qmp " + json.loads(text)["execute"])
        else:
            answer = q.line(json.dumps({"execute": "human-monitor-command", "arguments": {"command-line": text}}))
            answer = answer.get("return", str(answer)).replace("\r", "")
            words = text.split()
            seen.add("info " + words[1] if words[0] == "info" and len(words) > 1 else "hmp " + words[0].split("/")[0])
        answer = answer.replace(tmp, "DIR")
        want = "\n".join(wants)
        if show: print("\n".join(["> " + command] + [a[:400] for a in answer.splitlines()[:8]]))
        else: ok(re.search(want, answer) if want else answer in ("", "{}"), command, "wanted: %s\ngot: %s" % (want, answer))
        if re.search("stream|mirror|backup|commit", command): settle(q)
    # ---- is there a case for each? ----
    tables = {}
    for what in "help", "help info":
        out = q.line(json.dumps({"execute": "human-monitor-command", "arguments": {"command-line": what}}))["return"].replace("\r", "")
        tables[what] = [l.split(" ")[1 if what == "help info" else 0] for l in out.splitlines() if " -- " in l]
    unit = open("tests/unit/mon-tables.c").read()
    tables["qmp"] = re.findall(r'"([^"]+)"', re.search(r"qmp_commands\[\] = \{(.*?)NULL", unit, re.S).group(1))
    missing = [n for n in tables["help"] if not any("hmp " + x in seen for x in n.split("|")) and n not in ("info", "quit|q")]
    ok(not missing and len(tables["help"]) > 90, "every command of people is in a case", missing)
    missing = [n for n in tables["help info"] if not any("info " + x in seen for x in n.split("|"))]
    ok(not missing and len(tables["help info"]) > 50, "every subcommand of info is in a case", missing)
    missing = [n for n in tables["qmp"] if "qmp " + n not in seen and n not in ("qmp_capabilities", "human-monitor-command", "quit")]
    ok(not missing and len(tables["qmp"]) > 150, "every command of programs is in a case", missing)
    ok(q.line('{"execute":"quit"}') == {"return": {}} and p.wait(60) == 0, "quit")
finally:
    if p.poll() is None: p.kill()
    if failed or sys.exc_info()[0]: print("# " + "\n# ".join(open(tmp + "/err", errors="replace").read()[-2000:].splitlines()))
    shutil.rmtree(tmp, ignore_errors=True)
print("1..%d" % count)
sys.exit(failed > 0)
PY
