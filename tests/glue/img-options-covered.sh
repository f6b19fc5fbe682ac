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
# The options of the manual, command by command: there must be such a row (and by the above a test of it).
manual = """
amend --object --image-opts -p -q -f -t -o
bench -c -d -f --flush-interval -n --no-drain -o --pattern -q -s -S -t -w -U
check -q --object --image-opts -f --output -r -T -U
commit -q --object --image-opts -f -t -b -d -p
compare -f -F -T -p -q -s -U --object --image-opts
convert --object --image-opts --target-image-opts -U -c -p -q -n -f -t -T -O -B -o -s -l -S -m -W
create -q --object -f -b -F -u -o
dd --image-opts -U -f -O
info --object --image-opts -f --output --backing-chain -U
map --object --image-opts -f --output -U
measure --output -O -o --size --object --image-opts -f -l
snapshot -l -a -c -d --object --image-opts -U -q
rebase --object --image-opts -U -q -f -t -T -p -u -b -F
resize --object --image-opts -q --preallocation --shrink
"""
have = {c: o.split() for c, o in commands}
for line in manual.split("\n"):
    words = line.split()
    for o in words[1:]:
        report(o in have.get(words[0], []), "%s has %s" % (words[0], o))
everything = "\n".join(lines)
for what, pattern in (("--version", r"\$Q (-V|--version)"), ("--help", r"\$Q (-h|--help)"), ("-T", r"\$Q (-T|--trace)"), ("-o help", r"-o (help|'\?')"),
                      ("progress by SIGUSR1", "USR1"), ("check's statuses", "check .*63"), ("compare's statuses", "compare .*4"),
                      ("a SIZE with a suffix", r"create .* \d+T"), ("json:", "json:"), ("dd bs= count= skip=", r"dd .*skip=.*|dd .*count="), ("dd skip=", "skip=")):
    report(re.search(pattern, everything), what + " is tested")
for fmt in "raw qcow2 qcow qed luks vdi vmdk vpc vhdx parallels".split():
    help_ = subprocess.run([img, "create", "-f", fmt, "-o", "help", "x"], stdout=subprocess.PIPE).stdout.decode()
    for o in re.findall(r"^  ([\w.-]+)=<", help_, re.M):
        used = o == "size" or any(re.search(r"(%s).*%s=" % (fmt, re.escape(o)), l) or (fmt in l and o + "=" in l) for l in lines)
        used = used or re.search(r"\b%s\b[^\n]*%s=" % (fmt, re.escape(o)), units)
        report(used or any(o + "=" in l for l in lines if fmt in l or "OPTIONS" in l or l.lstrip().startswith('"')), "create -f %s -o %s= is tested" % (fmt, o))
print("1..%d" % n)
sys.exit(failed > 0)
EOP
