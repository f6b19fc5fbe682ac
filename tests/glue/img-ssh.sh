#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images on an SSH server: created, written, read, resized; the server's key is checked; what hangs or goes away is an error in bounded time.
BUILD=${BUILD:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
img=$top/$BUILD/bin/qemu-img
PATH=$PATH:/usr/sbin
for t in sshd ssh-agent ssh-keygen sftp; do command -v $t >/dev/null || { echo "1..0 # SKIP no $t here"; exit 0; }; done
"$img" info ssh://127.0.0.1:1/x 2>&1 | grep -q 'not built in' && { echo "1..0 # SKIP libssh is not built in"; exit 0; }
dir=$(mktemp -d /tmp/img-ssh-XXXXXX)
cd "$dir" || exit 1
pids=()
trap 'kill -CONT "${pids[@]}" 2>/dev/null; kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # TEXT COMMAND...
    local text=$1; shift; n=$((n + 1))
    if out=$(timeout 60 "$@" 2>&1); then echo "ok $n - $text"; else echo "not ok $n - $text"; printf '%s\n' "$out" | head -n 8 | sed 's/^/# /'; failed=1; fi
}
fails() { # TEXT PATTERN COMMAND...: ends with an error that names the thing, within 30 s
    local text=$1 pattern=$2 status; shift 2; n=$((n + 1))
    out=$(timeout 30 "$@" 2>&1 </dev/null); status=$?
    if [ $status -gt 0 ] && [ $status -lt 124 ] && grep -qE -- "$pattern" <<<"$out"; then echo "ok $n - $text"
    else echo "not ok $n - $text"; echo "# status $status"; printf '%s\n' "$out" | head -n 8 | sed 's/^/# /'; failed=1; fi
}
finish() { echo "1..$n"; exit $failed; }

ssh-keygen -q -t ed25519 -N '' -f hostkey && ssh-keygen -q -t ed25519 -N '' -f otherkey && ssh-keygen -q -t ed25519 -N '' -f userkey
cp userkey.pub authorized
[ "$(id -u)" = 0 ] && mkdir -p /run/sshd # where the distribution's sshd, started by root, locks itself in
start() { # NAME [OPTION...]: a server; sets port and pid
    local name=$1; shift
    for _ in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 20000))
        "$(command -v sshd)" -D -e -f /dev/null -p $port -h "$dir/hostkey" -o ListenAddress=127.0.0.1 -o AuthorizedKeysFile="$dir/authorized" \
            -o StrictModes=no -o UsePAM=no -o PidFile=none -o PermitRootLogin=yes -o PasswordAuthentication=no \
            -o KbdInteractiveAuthentication=no "$@" >"$name.log" 2>&1 &
        pid=$!; pids+=($pid)
        for _ in $(seq 100); do
            (: </dev/tcp/127.0.0.1/$port) 2>/dev/null && return 0
            kill -0 $pid 2>/dev/null || break
            sleep 0.05
        done
    done
    echo "1..0 # SKIP sshd does not start: $(tail -n 1 "$name.log")"; exit 0
}
start sshd -o Subsystem="sftp internal-sftp"
eval "$(ssh-agent -s)" >/dev/null; pids+=($SSH_AGENT_PID)
ssh-add -q userkey 2>/dev/null || { echo "1..0 # SKIP ssh-agent takes no key"; exit 0; }
echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 hostkey.pub)" >known
echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 otherkey.pub)" >changed
: >none
url=ssh://127.0.0.1:$port$dir
ssh() { # FILE MORE: the option string of a file there
    echo "driver=raw,file.driver=ssh,file.host=127.0.0.1,file.port=$port,file.path=$dir/$1${2:+,$2}"
}
head -c 5000000 /dev/urandom >a.raw; truncate -s 16M a.raw; printf 'tail' >>a.raw; truncate -s 16777728 a.raw
md5=$(ssh-keygen -l -E md5 -f hostkey.pub | cut -d' ' -f2 | cut -d: -f2-)
sha256=$(cut -d' ' -f2 hostkey.pub | base64 -d | sha256sum | cut -d' ' -f1)
sha1=$(cut -d' ' -f2 hostkey.pub | base64 -d | sha1sum | cut -d' ' -f1)

check "the known-hosts file names the server" sh -c "'$img' convert -O raw --image-opts $(ssh a.raw file.known-hosts="$dir/known") out && cmp out a.raw"
check "host_key_check=no in the URL" sh -c "'$img' convert -f raw -O raw '$url/a.raw?host_key_check=no' out && cmp out a.raw"
check "a md5 fingerprint, with colons" "$img" info -f raw "$url/a.raw?host_key_check=md5:$md5"
check "a sha1 fingerprint" "$img" info -f raw "$url/a.raw?host_key_check=sha1:$sha1"
check "a sha256 fingerprint" "$img" info -f raw "$url/a.raw?host_key_check=sha256:$sha256"
check "the fingerprint as options of a node" "$img" info --image-opts "$(ssh a.raw "file.host-key-check.mode=hash,file.host-key-check.type=sha256,file.host-key-check.hash=$sha256")"
check "json:{} with a user and server.host" "$img" info "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"ssh\",\"user\":\"$(id -un)\",\"path\":\"$dir/a.raw\",\"server\":{\"host\":\"127.0.0.1\",\"port\":\"$port\"},\"host-key-check\":{\"mode\":\"none\"}}}"
fails "a fingerprint of another key" 'does not match' "$img" info "$url/a.raw?host_key_check=sha256:${sha256//[0-4]/5}"
fails "a fingerprint that is none" 'does not match' "$img" info "$url/a.raw?host_key_check=md5:zz"
fails "a check of an unknown kind" 'accepted are: yes, no, md5:HEX' "$img" info "$url/a.raw?host_key_check=crc:12"
fails "a server that is not in the known-hosts file" 'no key of 127.0.0.1 is in' "$img" info --image-opts "$(ssh a.raw file.known-hosts="$dir/none")"
fails "a server whose key changed" 'another one than' "$img" info --image-opts "$(ssh a.raw file.known-hosts="$dir/changed")"

k='?host_key_check=no'
check "an image is created there" "$img" create -q -f qcow2 "$url/new.qcow2$k" 64M
check "and is one" /usr/bin/qemu-img check -q new.qcow2
check "converted into it" sh -c "'$img' convert -O qcow2 a.raw '$url/copy.qcow2$k' && /usr/bin/qemu-img compare copy.qcow2 a.raw && /usr/bin/qemu-img check -q copy.qcow2"
check "compared there" "$img" compare "$url/copy.qcow2$k" a.raw
check "a raw file is created and sparse" sh -c "'$img' create -q -f raw '$url/new.raw$k' 1G && test \$(stat -c %s new.raw) = 1073741824 && test \$(stat -c %b new.raw) -lt 1000"
check "and grown" sh -c "'$img' resize -q -f raw '$url/new.raw$k' 2G && test \$(stat -c %s new.raw) = 2147483648"
check "and made shorter" sh -c "'$img' resize -q -f raw --shrink '$url/new.raw$k' 1M && test \$(stat -c %s new.raw) = 1048576"
check "every request is flushed with -t writethrough" "$img" bench -q -w -c 20 -s 4096 -t writethrough -f raw "$url/new.raw$k"
check "snapshots there" sh -c "'$img' snapshot -c one '$url/copy.qcow2$k' && /usr/bin/qemu-img snapshot -l copy.qcow2 | grep -q one"
check "an overlay with its base there" sh -c "'$img' create -q -f qcow2 -b '$url/copy.qcow2$k' -F qcow2 over.qcow2 && '$img' compare over.qcow2 a.raw"
chmod 400 a.raw
if [ "$(id -u)" != 0 ]; then fails "a file that may not be written" 'Permission denied' "$img" resize -f raw "$url/a.raw$k" 32M; fi
fails "a file that is not there" 'No such file' "$img" info "$url/missing$k"
fails "a folder that is not there" 'No such file' "$img" create -f raw "$url/no/dir$k" 1M
fails "a password in the URL" 'password is not accepted' "$img" info "ssh://u:p@127.0.0.1:$port/x"
fails "no path" 'path is missing' "$img" info "ssh://127.0.0.1:$port"
fails "no host" 'host is missing' "$img" info "ssh:///x"
fails "a parameter of another name" "'other' is unknown" "$img" info "ssh://127.0.0.1/x?other=1"
fails "a port where nobody listens" 'refused' "$img" info "ssh://127.0.0.1:1/x$k"
fails "no key that is accepted" 'log-in failed' env -u SSH_AUTH_SOCK HOME=/nonexistent "$img" info --image-opts "$(ssh a.raw "file.host_key_check=no,file.user=nobody")"
fails "a timeout of 0" 'timeout=0' "$img" info --image-opts "$(ssh a.raw "file.host_key_check=no,file.timeout=0")"

start nosftp -o MaxAuthTries=20
fails "a server without SFTP" 'no SFTP' "$img" info "ssh://127.0.0.1:$port$dir/a.raw$k"

# A server that stops in the middle, and one that goes away
start hung -o Subsystem="sftp internal-sftp"
children() { pgrep -P "$1"; for c in $(pgrep -P "$1"); do children "$c"; done; }
truncate -s 4G large.raw
truncate -s 4G target.raw
timeout 40 "$img" convert -O raw --image-opts "$(ssh large.raw "file.host_key_check=no,file.timeout=2")" target.raw >hung.out 2>&1 & client=$!
sleep 1.5; stopped=$(children $pid); kill -STOP $stopped 2>/dev/null
start_time=$SECONDS; wait $client; status=$?
n=$((n + 1))
if [ $status -gt 0 ] && [ $status -lt 124 ] && [ $((SECONDS - start_time)) -lt 15 ] && grep -q 'timed out\|reset\|error' hung.out; then echo "ok $n - a server that stops answering"
else echo "not ok $n - a server that stops answering"; echo "# status $status after $((SECONDS - start_time)) s"; sed 's/^/# /' hung.out; failed=1; fi
kill -CONT $stopped 2>/dev/null
timeout 40 "$img" convert -O raw --image-opts "$(ssh large.raw "file.host_key_check=no,file.timeout=20")" target.raw >gone.out 2>&1 & client=$!
sleep 1.5; kill -KILL $(children $pid) 2>/dev/null
start_time=$SECONDS; wait $client; status=$?
n=$((n + 1))
if [ $status -gt 0 ] && [ $status -lt 124 ] && [ $((SECONDS - start_time)) -lt 15 ] && [ -s gone.out ]; then echo "ok $n - a server that goes away"
else echo "not ok $n - a server that goes away"; echo "# status $status after $((SECONDS - start_time)) s"; sed 's/^/# /' gone.out; failed=1; fi
finish
