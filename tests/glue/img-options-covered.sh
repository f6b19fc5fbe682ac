#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every command of emu-img, every option of it, and every option of a format that can be created or amended, is used by some test.
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3 here"; exit 0; }
img=$PWD/${BUILD:-build}/bin/qemu-img
exec python3 - "$img" <<'EOP'
import glob, re, subprocess, sys
img = sys.argv[1]
lines = []
for name in glob.glob("tests/glue/img-*.sh") + glob.glob("tests/glue/format-*.sh") + glob.glob("tests/glue/nbd-*.sh") + ["tests/matrix"]:
    if "options-covered" not in name:
        lines += open(name).read().replace("\\\n", " ").split("\n")
units = "".join(open(n).read() for n in glob.glob("tests/unit/block-*"))
n = failed = 0

def report(good, text):
    global n, failed
    n += 1
    failed += not good
    print("%s %d - %s" % ("ok" if good else "not ok", n, text))

# `case` lines of the completion name a command and its options.
text = subprocess.run([img, "--print-completion"], stdout=subprocess.PIPE, check=True).stdout.decode()
commands = re.findall(r"^\t(\w+):-\*\) COMPREPLY=\(\$\(compgen -W '([^']*)'", text, re.M)
report(len(commands) >= 14, "the table of commands is found")
# The source's rows pair short and long spellings: one of both is enough.
pairs = {}
for source in glob.glob("cmd/emu-img/*.[ch]"):
    for letter, name in re.findall(r"ROW\('(.)', \"([\w-]+)\"", open(source).read()):
        pairs["--" + name] = "-" + letter
for command, options in commands:
    mine = [l for l in lines if re.search(r"(\s|\"|')%s(\s|\"|')" % command, l)]
    report(bool(mine), "%s is tested" % command)
    for o in options.split():
        if o in pairs.values() and any(pairs[l] == o for l in options.split() if l in pairs):
            continue # counted by its long spelling
        spellings = [o] + ([pairs[o]] if o in pairs and pairs[o] in options.split() else [])
        used = any(re.search(r"\b%s\b.*[\s\"'](%s)([\s=\"',]|$)" % (command, "|".join(re.escape(s) for s in spellings)), l) for l in mine)
        report(used, "%s %s is tested" % (command, " or ".join(spellings)))
for fmt in "raw qcow2 qcow qed luks vdi vmdk vpc vhdx parallels".split():
    help_ = subprocess.run([img, "create", "-f", fmt, "-o", "help", "x"], stdout=subprocess.PIPE).stdout.decode()
    for o in re.findall(r"^  ([\w.-]+)=<", help_, re.M):
        used = o == "size" or any(re.search(r"(%s).*%s=" % (fmt, re.escape(o)), l) or (fmt in l and o + "=" in l) for l in lines)
        used = used or re.search(r"\b%s\b[^\n]*%s=" % (fmt, re.escape(o)), units)
        report(used or any(o + "=" in l for l in lines if fmt in l or "OPTIONS" in l or l.lstrip().startswith('"')), "create -f %s -o %s= is tested" % (fmt, o))
print("1..%d" % n)
sys.exit(failed > 0)
EOP
