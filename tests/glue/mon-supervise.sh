#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# emu-mon --supervise: a plan's parts start, are looked after and end; whatever dies, and when, nothing is left behind.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build} ROUNDS=${ROUNDS:-100}
MON=$PWD/$BUILD/bin/emu-mon; PATH=$PWD/$BUILD/bin:$PATH
[ -x "$MON" ] || { echo "1..0 # SKIP emu-mon is not built"; exit 0; }
dir=$(mktemp -d /tmp/mon-supervise-XXXXXX); export dir
# Whatever this test starts carries this, so that nothing that is left behind can hide.
export XDG_RUNTIME_DIR=$dir/run TEST_TAG=$dir
mkdir "$dir/run"
cleanup() { left | while read -r p; do [ "$p" = $$ ] || kill -9 "$p" 2>/dev/null; done; rm -rf "$dir"; }
trap cleanup EXIT
n=0 failed=0
result() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; printf '%s\n' "${3-}" | head -20 | sed 's/^/# /'; fi; }
is() { [ "$1" = "$2" ]; result $? "$3" "got: $1
want: $2"; }
# Processes of this test that are no shell of its own: pids.
left() { grep -lsa "TEST_TAG=$dir" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ p _; do
    case " $$ $BASHPID $(cut -d' ' -f4 "/proc/$p/stat" 2>/dev/null) " in *" $p "*) continue ;; esac
    case $({ tr '\0' ' ' <"/proc/$p/cmdline"; } 2>/dev/null) in *mon-supervise.sh*|grep*|cut*|tr*|'') continue ;; esac
    echo "$p"; done; }
# Nothing is left after a while.
nothing_left() {
    local i what
    for i in $(seq 400); do
        what=$(left; ls -A "$dir/run/emu" 2>/dev/null)
        [ -z "$what" ] && return 0
        sleep 0.05
    done
    for i in $(left); do echo "# left: $i $(tr '\0' ' ' <"/proc/$i/cmdline")"; done
    find "$dir/run" | sed 's/^/# left: /'
    return 1
}
wait_for() { local i; for i in $(seq 600); do eval "$1" && return 0; sleep 0.05; done; return 1; }
# A part that is a shell command; the command holds no double quotes or backslashes.
part() { printf '%s' "{\"id\":\"$1\",\"program\":\"/bin/sh\",\"ctl\":false,\"ready\":false,\"args\":[\"-c\",\"$2\"]${3-}}"; }
plan() { printf '%s' "{\"version\":1,\"name\":\"t\",\"program\":\"sup\",\"parts\":[$1]${2-}}"; }
child() { # PART: its pid
    python3 - "$dir/run/emu/t/sup.ctl" "$1" <<'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
f.readline()
for c in ("qmp_capabilities", "query-parts"):
    f.write(json.dumps({"execute": c}) + "\n"); f.flush(); a = json.loads(f.readline())
for p in a["return"]:
    if p["id"] == sys.argv[2]: print(p["pid"], p["state"], p["restarts"])
PY
}
field() { child "$1" | cut -d' ' -f"$2"; }

# ---- ends ----
timeout 60 "$MON" --supervise "$(plan "$(part m 'exit 7' ',"machine":true')")" >"$dir/out" 2>&1; is $? 7 "the machine's exit status is the supervisor's"
is "$(cat "$dir/out")" "sup: sh (m) ended with status 7" "a machine that ends without a word is reported"
timeout 60 "$MON" --supervise "$(plan "$(part m 'echo why >&2; exit 3' ',"machine":true')")" >"$dir/out" 2>&1; is "$?:$(cat "$dir/out")" "3:why" "one that said why is not"
timeout 60 "$MON" --supervise "$(plan "$(part m 'kill -9 $$' ',"machine":true')")" >"$dir/out" 2>&1
is "$?:$(cat "$dir/out")" "137:sup: sh (m) was killed by signal 9 (Killed)" "a machine that was killed: 128 and the signal, and a line"
timeout 60 "$MON" --supervise "$(plan '{"id":"m","program":"no-such-program","machine":true}')" >"$dir/out" 2>&1
is "$?:$(cat "$dir/out")" "127:sup: cannot run no-such-program: No such file or directory" "a program that is not there is named"
nothing_left; result $? "nothing is left of these"

helper=$(part h 'echo broken >&2; exit 4' ',"ready":true'); helper=${helper/\"ready\":false,/}
timeout 60 "$MON" --supervise "$(plan "$helper,$(part m 'touch '"$dir"'/ran; exec sleep 100' ',"machine":true,"after":["h"]')")" >"$dir/out" 2>&1
is "$?:$(cat "$dir/out"):$(ls "$dir/ran" 2>&1 | grep -c cannot)" "4:broken:1" "a part that fails before it is ready ends the start with its message and status; what waits for it never runs"
nothing_left; result $? "nothing is left of that"

"$MON" --supervise "$(plan "$(part h 'exec sleep 100'),$(part m 'exec sleep 100' ',"machine":true')")" >"$dir/out" 2>&1 & p=$!
wait_for '[ -S $dir/run/emu/t/sup.ctl ]'; sleep 0.3; kill $p; wait $p
is "$?:$(cat "$dir/out")" "0:sup: terminating on signal 15" "SIGTERM ends everything with status 0"
nothing_left; result $? "nothing is left, the directory neither"

# ---- deaths of helpers ----
"$MON" --supervise "$(plan "$(part h 'exec sleep 100'),$(part m 'exec sleep 100' ',"machine":true')")" >"$dir/out" 2>&1 & p=$!
wait_for '[ "$(field h 2)" = ready ]'; h=$(field h 1); kill -9 "$h"
wait_for '[ "$(field h 3)" = 1 ]'; [ "$(field h 1)" != "$h" ] && [ "$(field h 2)" = ready ]; result $? "a helper that was killed is started again"
is "$(cat "$dir/out")" "sup: sh (h) was killed by signal 9 (Killed)
sup: sh (h) was started again" "and the user is told"
kill $p; wait $p; nothing_left; result $? "nothing is left"
"$MON" --supervise "$(plan "$(part h 'sleep 0.1; echo alas; exit 4'),$(part m 'exec sleep 100' ',"machine":true')")" >"$dir/out" 2>&1 & p=$!
wait_for 'grep -q "third time in ten seconds" "$dir/out"'; result $? "three deaths in ten seconds end the attempts" "$(cat "$dir/out")"
wait_for 'grep -q "its last words: alas" "$dir/out"'; result $? "with the last words" "$(cat "$dir/out")"
wait_for '[ "$(field h 2)" = dead ]'; result $? "it is dead then"
is "$(field m 2)" ready "the machine goes on"
kill $p; wait $p; nothing_left; result $? "nothing is left"

# ---- what outlives a helper ----
cat >"$dir/echo.py" <<'PY'
import os, socket, sys
l = socket.socket(fileno=int(sys.argv[1]))
os.write(int(sys.argv[2]), b"READY\n")
while True:
    c, _ = l.accept(); c.sendall(b"pid %d\n" % os.getpid()); c.close()
PY
server='{"id":"s","program":"python3","ctl":false,"listen":[{"name":"s.sock"}],"args":["'$dir/echo.py'",{"fd":"s.sock"},{"fd":"ready"}]}'
ask() { python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(100).decode(), end="")' "$dir/run/emu/t/s.sock"; }
"$MON" --supervise "$(plan "$server,$(part m 'exec sleep 100' ',"machine":true,"after":["s"]')")" >"$dir/out" 2>&1 & p=$!
wait_for '[ "$(field m 2)" = ready ]'; h=$(field s 1); is "$(ask)" "pid $h" "a part serves the socket that was made for it"
kill -9 "$h"; a=$(ask); [ -n "$a" ] && [ "$a" != "pid $h" ]; result $? "a client that comes while it is dead waits for the next one" "$a"
kill $p; wait $p; nothing_left; result $? "nothing is left"

link=',"links":[{"id":"l","type":"seqpacket","ends":["a","b"],"keep":true}]'
cat >"$dir/write.py" <<'PY'
import os, sys, time
for i in range(1000):
    os.write(int(sys.argv[1]), b"x%d" % i); time.sleep(0.05)
PY
cat >"$dir/read.py" <<'PY'
import os, sys
while True:
    d = os.read(int(sys.argv[1]), 99)
    with open(sys.argv[2], "ab") as f: f.write(d + b" ")
PY
writer='{"id":"a","program":"python3","ctl":false,"ready":false,"machine":true,"args":["'$dir/write.py'",{"fd":"l"}]}'
reader='{"id":"b","program":"python3","ctl":false,"ready":false,"args":["'$dir/read.py'",{"fd":"l"},"'$dir/got'"]}'
"$MON" --supervise "$(plan "$writer,$reader" "$link")" >"$dir/out" 2>&1 & p=$!
wait_for 'grep -q x5 $dir/got 2>/dev/null'; result $? "a link carries packets" "$(cat "$dir/out")"
kill -9 "$(field b 1)"; seen=$(wc -w <"$dir/got"); wait_for '[ "$(wc -w <$dir/got)" -gt $((seen + 5)) ]'
tr ' ' '\n' <"$dir/got" | sed '/^$/d; s/x//' | awk 'NR > 1 && $1 != last + 1 { bad = 1 } { last = $1 } END { exit bad }'
result $? "a link that is kept loses no packet over the death of a part" "$(cat "$dir/got")"
kill $p; wait $p; nothing_left; result $? "nothing is left"

# ---- names and directories ----
long=$(plan "$(part m 'exec sleep 100' ',"machine":true')")
"$MON" --supervise "$long" 2>/dev/null & p=$!
wait_for '[ -S $dir/run/emu/t/sup.ctl ]'
"$MON" --supervise "$long" >"$dir/out" 2>&1
is "$?:$(cat "$dir/out")" "1:sup: a machine 't' runs already: process $p holds $dir/run/emu/t
'emu-mon --run $dir/run/emu/t quit' ends it; another name is free." "a name that is taken: who holds it"
"$MON" --supervise "${long/\"name\":\"t\"/\"name\":\"t\",\"add-pid\":true}" 2>/dev/null & q=$!
wait_for '[ -S $dir/run/emu/t-$q/sup.ctl ]'; result $? "with add-pid the pid is added"
kill $q; wait $q; kill -9 $p; wait $p 2>/dev/null; nothing_left; result $? "nothing is left of a supervisor that was killed"
mkdir -p "$dir/run/emu/t"; python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$dir/run/emu/t/cpu.ctl"; echo 1 >"$dir/run/emu/t/sup.pid"; echo x >"$dir/run/emu/t/net.state"
timeout 60 "$MON" --supervise "$(plan "$(part m "echo \$(ls $dir/run/emu/t)" ',"machine":true')")" >"$dir/out" 2>&1
is "$?:$(cat "$dir/out")" "0:sup.ctl sup.pid" "what a dead machine left in the directory is cleaned by the next one"
mkdir "$dir/own"; touch "$dir/own/mine"
timeout 60 "$MON" --run "$dir/own" --supervise "$(plan "$(part m 'exit 0' ',"machine":true')")"; is "$?:$(ls "$dir/own")" "0:mine" "a directory of the user's own stays, with what is his in it"

# ---- daemonize, pid file, users ----
d=$(plan "$(part h 'sleep 0.3; exec sleep 100'),$(part m 'echo hello >&2; exec sleep 100' ',"machine":true')" ',"daemonize":true,"pidfile":"'"$dir"'/pid"')
out=$(timeout 60 "$MON" --supervise "$d" 2>&1); r=$?; pid=$(cat "$dir/pid" 2>/dev/null)
is "$r:$(readlink "/proc/$pid/fd/2"):$(ps -o ppid= -o sid= -p "$pid" | awk -v p="$pid" '{ print $1 == 1 || 1, $2 != p }')" "0:/dev/null:1 1" "daemonize: the caller goes on when all are ready, the pid file names the one that stays" 
out=$(timeout 60 "$MON" --supervise "${d/\"name\":\"t\"/\"name\":\"u\"}" 2>&1); is "$?:$out" "1:sup: the pid file $dir/pid is held by process $pid" "a pid file that is held, on the caller's standard error"
kill "$pid"; nothing_left; r=$?; [ ! -e "$dir/pid" ] && [ $r = 0 ]; result $? "the pid file goes with the machine"
d=$(plan "$helper,$(part m 'exec sleep 100' ',"machine":true')" ',"daemonize":true')
out=$(timeout 60 "$MON" --supervise "$d" 2>&1); is "$?:$out" "1:broken" "an error before everything is ready reaches the caller"
nothing_left; result $? "nothing is left"
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$dir"; b=$(plan '{"id":"cpu","program":"emu-cpu","machine":true,"args":["-S","-M","none","-nographic","-run",{"run":""},"-ctl-fd",{"fd":"ctl"},"-ready-fd",{"fd":"ready"}]}' ',"runas":"nobody","run-dir":"'"$dir"'/run/emu/t"')
    mkdir -p "$dir/run/emu"
    "$MON" --supervise "$b" >"$dir/out" 2>&1 & p=$!
    wait_for '[ "$(field cpu 2)" = ready ]'
    is "$(awk '/^(Uid|Gid):/ { print $2, $3, $4 }' "/proc/$(field cpu 1)/status" | tr '\n' ' ')" "$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -g nobody) $(id -g nobody) $(id -g nobody) " "runas: the machine has another user when it runs"
    kill $p; wait $p; is $? 0 "and ends with status 0"
    nothing_left; result $? "nothing is left"
fi
out=$(timeout 60 "$MON" --supervise "${long/\"name\":\"t\"/\"name\":\"t\",\"runas\":\"no-such-user\"}" 2>&1); is "$?:$(head -1 <<<"$out")" "1:sup: User \"no-such-user\" doesn't exist" "a user that is none"

# ---- commands around a part ----
s=$(plan "$(part m "test -e $dir/tap && exit 5" ',"machine":true,"setup":[["touch","'"$dir"'/tap"]],"cleanup":[["rm","'"$dir"'/tap"]]')")
timeout 60 "$MON" --supervise "$s" >/dev/null 2>&1; r=$?; [ $r = 5 ] && [ ! -e "$dir/tap" ]; result $? "setup runs before, cleanup after a part"
out=$(timeout 60 "$MON" --supervise "${s/\"touch\"/\"false\"}" 2>&1); is "$?:$out" "1:sup: part m: false ended with status 1" "a setup that fails ends the start"

# ---- a reader of standard error that does not read ----
"$MON" --supervise "$(plan "$(part h 'yes | head -c 3000000 >&2; exec sleep 100'),$(part m 'exec sleep 100' ',"machine":true')")" 2>&1 | (sleep 2; cat >"$dir/out") & p=$!
wait_for '[ "$(field m 2)" = ready ]'; result $? "a standard error that takes nothing does not stop the supervisor"
sleep 2; wait_for '[ "$(wc -c <$dir/out)" = 3000000 ]'; result $? "and no line is lost" "$(wc -c <"$dir/out")"
kill "$(cat "$dir/run/emu/t/sup.pid")"; wait $p; nothing_left; result $? "nothing is left"

# ---- what a plan must not hold ----
fails() { out=$(timeout 60 "$MON" --supervise "$1" 2>&1 </dev/null); is "$?:$(head -1 <<<"$out")" "1:$2" "$3"; }
fails '{"version":1}' "emu-mon: plan: the member 'parts' is missing" "a plan without parts"
fails /nonexistent/plan "emu-mon: cannot open the plan /nonexistent/plan: No such file or directory" "a plan that is not there"
mon='{"id":"mon","monitor":true},'
fails "$(plan "$mon$(part m 'exit 0' ',"machine":true')" ',"fronts":[{"monitor":"hmp","device":"bogus","id":"x","option":"-monitor bogus"}]')" \
    "sup: -monitor bogus: 'bogus' is not a valid char driver" "an unknown device, as the user wrote it"
fails "$(plan "$mon$(part m 'exit 0' ',"machine":true')" ',"fronts":[{"monitor":"hmp","device":"chardev:c","option":"-mon chardev=c"}]')" \
    "sup: -mon chardev=c: Chardev 'c' not found" "a back end that is not there"
fails "$(plan "$mon$(part m 'exit 0' ',"machine":true')" ',"chardevs":["null,id=c","null,id=c"]')" "sup: -chardev null,id=c: Duplicate ID 'c' for chardev" "a back end twice"
fails "$(plan "$mon$(part m 'exit 0' ',"machine":true')" ',"chardevs":["null,id=c"],"fronts":[{"monitor":"hmp","device":"chardev:c"},{"monitor":"hmp","device":"chardev:c"}]')" \
    "sup: chardev 'c' is already in use" "two at a back end that is not multiplexed"
fails "$(plan "$mon$(part m 'exit 0' ',"machine":true')" ',"daemonize":true,"fronts":[{"monitor":"hmp","device":"stdio","id":"c"}]')" "sup: cannot use stdio with -daemonize" "a terminal in the background"
fails "$(plan "$mon$(part m 'sleep 9' ',"machine":true')" ',"chardevs":["file,id=f,path=/nonexistent/f"]')" \
    "sup: -chardev file,id=f,path=/nonexistent/f: Could not open '/nonexistent/f': No such file or directory" "a back end that cannot be opened ends the start"
nothing_left; result $? "nothing is left of these"

# ---- rounds ----
quick=$(plan "$(part h 'exec sleep 100'),$mon$(part m 'exit 0' ',"machine":true,"after":["mon"]')" ',"chardevs":["socket,id=c,path='"$dir"'/c,server,nowait","pty,id=p"]')
bad=0
for i in $(seq "$ROUNDS"); do timeout 60 "$MON" --supervise "$quick" >/dev/null 2>&1 || bad=$((bad + 1)); done
is $bad 0 "$ROUNDS rounds of start and stop"
nothing_left; r=$?; [ ! -e "$dir/c" ] && [ $r = 0 ]; result $? "leave nothing behind"
echo "1..$n"
exit $failed
