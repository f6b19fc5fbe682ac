#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images on a Gluster volume of this machine: created, written, read, resized, over tcp and a UNIX socket, several servers; refusals.
BUILD=${BUILD:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
img=$top/$BUILD/bin/qemu-img
PATH=$PATH:/usr/sbin
"$img" info gluster://127.0.0.1:1/v/x 2>&1 | grep -q 'not built in' && { echo "1..0 # SKIP libgfapi is not built in"; exit 0; }
dir=$(mktemp -d /tmp/img-gluster-XXXXXX)
cd "$dir" || exit 1
pids=()
trap 'kill -CONT "${pids[@]}" 2>/dev/null; kill -KILL "${pids[@]}" $(cat "$dir"/run/vols/*/*.pid 2>/dev/null) 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # TEXT COMMAND...
    local text=$1; shift; n=$((n + 1))
    if out=$(timeout 60 "$@" 2>&1); then echo "ok $n - $text"; else echo "not ok $n - $text"; printf '%s\n' "$out" | tail -n 8 | sed 's/^/# /'; failed=1; fi
}
fails() { # TEXT PATTERN COMMAND...: ends with an error that names the thing, within 30 s
    local text=$1 pattern=$2 status; shift 2; n=$((n + 1))
    out=$(timeout 30 "$@" 2>&1 </dev/null); status=$?
    if [ $status -gt 0 ] && [ $status -lt 124 ] && grep -qE -- "$pattern" <<<"$out"; then echo "ok $n - $text"
    else echo "not ok $n - $text"; echo "# status $status"; printf '%s\n' "$out" | tail -n 8 | sed 's/^/# /'; failed=1; fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
finish() { echo "1..$n"; exit $failed; }

# What needs no server
fails "a port where nobody listens" "description of volume 'v'" "$img" info gluster://127.0.0.1:1/v/x
fails "a socket that is not there" "description of volume 'v'" "$img" info "gluster+unix:///v/x?socket=$dir/none"
fails "every one of several servers is asked" "description of volume 'v'" "$img" info 'json:{"driver":"raw","file":{"driver":"gluster","volume":"v","path":"x","logfile":"'$dir'/log","debug":7,"server":[{"type":"tcp","host":"127.0.0.1","port":"1"},{"type":"unix","socket":"'$dir'/none"}]}}'
check "(in the log)" grep -q "$dir/none" log
fails "a server that never answers" "timed out" sh -c "python3 -c 'import socket,sys,time;s=socket.create_server((\"127.0.0.1\",0));open(\"mute\",\"w\").write(str(s.getsockname()[1]));time.sleep(20)' & p=\$!; while [ ! -s mute ]; do sleep 0.05; done; sleep 0.2
    '$img' info --image-opts driver=gluster,volume=v,path=x,server.0.type=tcp,server.0.host=127.0.0.1,server.0.port=\$(cat mute),timeout=2; r=\$?; kill \$p; exit \$r"
fails "a URL without a path" 'not complete' "$img" info gluster://127.0.0.1/v
fails "a user in the URL" 'has none' "$img" info gluster://u@127.0.0.1/v/x
fails "parameters over TCP" 'no parameters' "$img" info 'gluster://127.0.0.1/v/x?socket=/x'
fails "a host over a UNIX socket" 'UNIX socket' "$img" info 'gluster+unix://h/v/x?socket=/x'
fails "no server" 'requires a server' "$img" info --image-opts driver=gluster,volume=v,path=x
fails "no volume" 'requires a volume' "$img" info --image-opts driver=gluster,path=x
fails "no path" 'requires a path' "$img" info --image-opts driver=gluster,volume=v
fails "a server without host" 'server.1: a TCP server needs a host' "$img" info --image-opts driver=gluster,volume=v,path=x,server.0.type=tcp,server.0.host=h,server.1.type=tcp
fails "a server of another type" "Invalid parameter 'dns'" "$img" info --image-opts driver=gluster,volume=v,path=x,server.0.type=dns
fails "debug=10" 'debug=10' "$img" info --image-opts driver=gluster,volume=v,path=x,server.0.host=h,debug=10
fails "rdma is tcp, with a warning" 'rdma is not built in' "$img" info gluster+rdma://127.0.0.1:1/v/x

# A volume
ip=$(hostname -I 2>/dev/null | awk '{ print $1 }')
why=
command -v glusterd >/dev/null || why="no glusterd here"
[ "$(id -u)" = 0 ] || why="glusterd wants root"
[ -n "$ip" ] || why="a volume wants an address that is not the loopback's"
(: </dev/tcp/127.0.0.1/24007) 2>/dev/null && why="something listens on port 24007 already"
if [ -z "$why" ]; then
    mkdir -p work run brick
    cat >d.vol <<X
volume management
    type mgmt/glusterd
    option working-directory $dir/work
    option run-directory $dir/run
    option transport-type socket
    option glusterd-sockfile $dir/d.sock
    option transport.address-family inet
    option ping-timeout 0
end-volume
X
    glusterd -N -f "$dir/d.vol" --log-file "$dir/d.log" -p "$dir/d.pid" >d.out 2>&1 & pids+=($!)
    for _ in $(seq 200); do [ -S d.sock ] && break; sleep 0.05; done
    adm() { timeout 30 gluster --glusterd-sock="$dir/d.sock" --log-file="$dir/cli.log" --mode=script "$@" >adm.out 2>&1; }
    adm volume create vol "$ip:$dir/brick" force && adm volume set vol network.ping-timeout 5 && adm volume start vol || why="no volume can be made: $(tail -n 1 adm.out)"
fi
if [ -n "$why" ]; then skip "a volume" "$why"; finish; fi
url=gluster://$ip/vol
head -c 5000000 /dev/urandom >a.raw; truncate -s 16M a.raw; printf 'tail' >>a.raw; truncate -s 16777728 a.raw
check "an image is created" "$img" create -q -f qcow2 "$url/new.qcow2" 64M
check "and is one" /usr/bin/qemu-img check -q brick/new.qcow2
check "converted into" sh -c "'$img' convert -O qcow2 a.raw $url/copy.qcow2 && /usr/bin/qemu-img compare brick/copy.qcow2 a.raw"
check "and out of it" sh -c "'$img' convert -O raw $url/copy.qcow2 out && cmp out a.raw"
check "over the UNIX socket" "$img" compare "gluster+unix:///vol/copy.qcow2?socket=$dir/d.sock" a.raw
check "the second of two servers" "$img" info "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"gluster\",\"volume\":\"vol\",\"path\":\"copy.qcow2\",\"server\":[{\"type\":\"tcp\",\"host\":\"127.0.0.1\",\"port\":\"1\"},{\"type\":\"tcp\",\"host\":\"$ip\",\"port\":\"24007\"}]}}"
check "a raw file is sparse" sh -c "'$img' convert -f raw -O raw a.raw $url/a.raw && cmp a.raw brick/a.raw && test \$(stat -c %b brick/a.raw) -lt 12000"
check "its holes are seen" sh -c "'$img' map --output=json -f raw $url/a.raw | grep -q '\"data\": false' || '$img' map --output=json -f raw $url/a.raw | grep -q '\"zero\": true'"
check "resized" sh -c "'$img' resize -q -f raw $url/a.raw 20M && test \$(stat -c %s brick/a.raw) = 20971520 && '$img' resize -q -f raw --shrink $url/a.raw 1M && test \$(stat -c %s brick/a.raw) = 1048576"
check "preallocated" sh -c "'$img' create -q -f raw -o preallocation=falloc $url/p.raw 8M && test \$(stat -c %b brick/p.raw) -ge 16384"
check "written with flushes, and checked" sh -c "'$img' bench -q -w -c 100 -s 4096 -S 100000 -t writethrough -f qcow2 $url/new.qcow2 && '$img' check -q $url/new.qcow2"
fails "a file that is not there" 'No such file' "$img" info "$url/missing"
fails "a volume that is not there" "description of volume 'other'" "$img" info "gluster://$ip/other/x"
brick=$(cat run/vols/*/*.pid)
truncate -s 1G brick/large.raw
interrupted() { # TEXT SIGNAL
    timeout 60 "$img" bench -q -c 2000000 -d 1 -s 4096 -f raw "$url/large.raw" >out.txt 2>&1 & local client=$! status
    sleep 2; kill -$2 $brick; local began=$SECONDS
    wait $client; status=$?; n=$((n + 1))
    if [ $status -gt 0 ] && [ $status -lt 124 ] && [ $((SECONDS - began)) -lt 30 ] && grep -q Failed out.txt; then echo "ok $n - $1"
    else echo "not ok $n - $1"; echo "# status $status after $((SECONDS - began)) s"; tail -n 5 out.txt | sed 's/^/# /'; failed=1; fi
}
interrupted "a server that stops answering (the volume's ping-timeout, 5 s)" STOP
kill -CONT $brick; sleep 1
interrupted "a server that goes away" KILL
finish
