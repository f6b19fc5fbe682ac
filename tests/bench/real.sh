# SPDX-License-Identifier: GPL-2.0-or-later
# Real programs of this machine; sourced by part-user. None of them forks: a child would leave the peer.
d=$CACHE/real
mkdir -p "$d"
if [ ! -s "$d/bytes" ]; then
    awk 'BEGIN { s = 9; while (n < 12000000) { line = ""; for (j = 0; j < 12; j++) { s = (s * 16807) % 2147483647; line = line sprintf("%c%d ", 97 + s % 10, s % 4000) } print line; n += length(line) + 1 } }' >"$d/text"
    head -c 2000000 "$d/text" >"$d/text.mid"
    xz -kf "$d/text"; zstd -qf "$d/text"; gzip -kf "$d/text"
    openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c 268435456 >"$d/bytes"
fi
cat >"$d/pi.py" <<'X'
def digits(n):
    q, r, t, k, m, x, out = 1, 0, 1, 1, 3, 3, []
    while len(out) < n:
        if 4 * q + r - t < m * t:
            out.append(m); q, r, m = 10 * q, 10 * (r - m * t), (10 * (3 * q + r)) // t - 10 * m
        else:
            q, r, t, k, m, x = q * k, (2 * q + r) * x, t * x, k + 1, (q * (7 * k + 2) + r * x) // (t * x), x + 2
    return out
print(sum(d * i for i, d in enumerate(digits(1300))))
X
cat >"$d/obj.py" <<'X'
class Point:
    def __init__(self, a): self.a = a
    def step(self, d): self.a = (self.a * 31 + d) & 0xffffffff
points = [Point(i) for i in range(200)]; table = {}
for i in range(1500):
    for p in points: p.step(i)
    s = "P(%d)" % points[i % 200].a; table[s] = table.get(s, 0) + 1
print(len(table), sum(p.a for p in points))
X
echo 'my (%h, $s); $s = 1; for my $i (1 .. 500000) { $s = ($s * 1103515245 + 12345) % 2147483648; my $k = "k" . ($s % 5000); $h{$k} .= substr($k, 1, 2) if length($h{$k} // "") < 40; } print scalar(keys %h), "\n";' >"$d/loop.pl"
echo 's=0; declare -A h; for ((i = 0; i < 20000; i++)); do s=$(((s * 31 + i) % 1000003)); h[k$((s % 500))]=$i; x=${h[k1]:-none}; case $x in 1*) s=$((s + 1)) ;; esac; done; echo $s ${#h[@]}' >"$d/loop.sh"
cat >"$d/q.sql" <<'X'
create table t(a integer primary key, b integer, c text);
with recursive n(x) as (select 1 union all select x+1 from n where x<200000) insert into t select x, (x*7919)%100003, 'row '||x from n;
create index tb on t(b); select count(*), sum(length(c)) from t where b between 1000 and 60000;
select sum(t.b) from t join t u on u.b = t.a where u.a % 3 = 0; select c from t order by c desc limit 1 offset 1000;
X
# one file for cc1: four of the micro programs
(cd tests/bench/src && for f in int mix interp strfmt; do sed "s/\\bmain\\b/main_$f/" $f.c; done | gcc -E -I. -xc - -o "$d/unit.i")
real() { row real "$1" x86_64 "$2"; }
real gzip-c "/usr/bin/gzip -c $d/text.mid"
real gzip-d "/usr/bin/gzip -dc $d/text.gz"
real xz-c "/usr/bin/xz -T1 -2 -c $d/text.mid"
real xz-d "/usr/bin/xz -T1 -dc $d/text.xz"
real zstd-c "/usr/bin/zstd -q --single-thread -5 -c $d/text"
real zstd-d "/usr/bin/zstd -q -dc $d/text.zst"
real py-pass "/usr/bin/python3 -S -c pass"
real py-pi "/usr/bin/python3 -S $d/pi.py"
real py-obj "/usr/bin/python3 -S $d/obj.py"
real perl "/usr/bin/perl $d/loop.pl"
real bash "/bin/bash --norc $d/loop.sh"
real sqlite "/usr/bin/sqlite3 -batch -init $d/q.sql :memory: .quit"
real openssl "/usr/bin/openssl dgst -sha256 $d/bytes"
real aes "/usr/bin/openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 00 -in $d/bytes"
real sort "/usr/bin/sort --parallel=1 -S 200M $d/text.mid"
real cc1 "$(gcc -print-prog-name=cc1) -quiet -fpreprocessed -O2 $d/unit.i -o $d/unit.s"
