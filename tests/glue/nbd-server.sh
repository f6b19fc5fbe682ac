#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The NBD server with clients that others wrote, and our client with servers that others wrote.
BUILD=${BUILD:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
nbd=$top/$BUILD/bin/emu-nbd
dir=$(mktemp -d /tmp/nbd-server-XXXXXX)
cd "$dir" || exit 1
pids=()
# Not in order: a server in front of one that is gone would wait for it.
trap 'kill -9 "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # TEXT COMMAND...
    local text=$1; shift; n=$((n + 1))
    if out=$(timeout 60 "$@" 2>&1); then echo "ok $n - $text"; else echo "not ok $n - $text"; printf '%s\n' "$out" | head -n 8 | sed 's/^/# /'; failed=1; fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
has() { command -v "$1" >/dev/null; }
start() { # SOCKET ARGS...: starts a server, waits for its socket
    local s=$1; shift
    "$nbd" -k "$dir/$s" "$@" & pids+=($!)
    for _ in $(seq 600); do [ -S "$s" ] && return 0; sleep 0.05; done
    return 1
}
uri() { echo "nbd+unix:///${2-}?socket=$dir/$1"; }
same() { cmp "$1" "$2"; }
head -c 3000000 /dev/urandom >a.raw; truncate -s 16M a.raw; printf 'tail' >>a.raw; truncate -s 16777728 a.raw
cp a.raw orig.raw

start s -f raw -x exp -D 'a disk' -t -e 0 a.raw
timeout 60 "$nbd" -L -k "$dir/s" >listing
check "lists its own export" grep -qx " export: 'exp'" listing
check "with its description" grep -qx '  description: a disk' listing
check "with its contexts" grep -qx '   base:allocation' listing
cp orig.raw bg.raw
check "--fork returns when the server is there, which then goes on" sh -c "'$nbd' --fork -t -r -f raw -k '$dir/bg' --pid-file='$dir/bg.pid' bg.raw && kill -0 \$(cat bg.pid)"
[ -s bg.pid ] && pids+=("$(cat bg.pid)")
for aio in io_uring native; do
    if ! has qemu-io; then skip "--fork with --aio=$aio reads" "qemu-utils is not installed"; continue; fi
    cp orig.raw direct-$aio.raw
    check "--fork with --aio=$aio reads" sh -c "'$nbd' --fork -t -f raw --cache=none --aio=$aio -k '$dir/$aio' --pid-file='$dir/$aio.pid' direct-$aio.raw &&
        '$nbd' -L -k '$dir/$aio' && qemu-io -f raw -c 'write -P 7 4k 1M' -c 'read -P 7 4k 1M' '$(uri $aio)' | grep -c '1 MiB' | grep -qx 2"
    [ -s $aio.pid ] && pids+=("$(cat $aio.pid)")
done
if has nbdinfo; then
    check "nbdinfo reads the size" test "$(nbdinfo --size "$(uri s exp)")" = 16777728
    check "nbdinfo maps the hole" sh -c "nbdinfo --map '$(uri s exp)' | grep -q 'hole,zero'"
    check "nbdcopy reads it all" sh -c "nbdcopy '$(uri s exp)' b.raw && cmp a.raw b.raw"
    check "nbdcopy writes it all" sh -c "head -c 16777728 /dev/urandom >c.raw && nbdcopy c.raw '$(uri s exp)' && cmp a.raw c.raw"
    check "and back" sh -c "nbdcopy orig.raw '$(uri s exp)' && cmp a.raw orig.raw"
    check "an unknown export is refused by name" sh -c "! nbdinfo '$(uri s other)' 2>err && grep -q other err"
else skip "libnbd's clients" "no nbdinfo here"; fi
# The protocol itself: requests that a client's library would not send.
cat >past.py <<'P'
import socket, struct, sys
def client(path, name):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(path)
    f = s.makefile('rb')
    assert f.read(16) == b'NBDMAGICIHAVEOPT' and struct.unpack('>H', f.read(2))[0] & 3 == 3
    s.sendall(struct.pack('>I', 3) + b'IHAVEOPT' + struct.pack('>II', 7, 6 + len(name)) + struct.pack('>I', len(name)) + name + b'\0\0')
    while True:
        magic, option, kind, n = struct.unpack('>QIII', f.read(20))
        data = f.read(n)
        assert kind < 1 << 31, data
        if kind == 1:
            return s, f, size
        if data[:2] == b'\0\0':
            size = struct.unpack('>Q', data[2:10])[0]
def ask(s, f, kind, offset, length, data=b''):
    s.sendall(struct.pack('>IHHQQI', 0x25609513, 0, kind, 77, offset, length) + data)
    magic, error, cookie = struct.unpack('>IIQ', f.read(16))
    assert magic == 0x67446698 and cookie == 77
    if not error and kind == 0:
        f.read(length)
    return error
s, f, size = client(sys.argv[1], sys.argv[2].encode())
assert ask(s, f, 0, size - 1, 1) == 0
for kind, offset, length, data, errors in (
        (0, size - 1, 2, b'', [22]), (0, size, 1, b'', [22]), (0, 2**63, 512, b'', [22]), (0, 2**64 - 1, 2, b'', [22]), (0, 0, 2**32 - 1, b'', [22, 75]),
        (1, size - 1, 2, b'xx', [28]), (1, 2**64 - 1, 2, b'xx', [28]), (4, size - 1, 2, b'', [28]), (6, 0, 2**32 - 1, b'', [28]), (99, 0, 0, b'', [22, 0])):
    got = ask(s, f, kind, offset, length, data)
    assert got in errors, (kind, offset, length, got)
assert ask(s, f, 0, 0, 512) == 0
P
check "requests beyond the end and of 4 GiB are errors, and the connection lives on" python3 past.py "$dir/s" exp
if has qemu-io; then
    check "qemu-io writes, trims, zeroes, flushes" qemu-io -f raw -c 'write -P 7 1M 1M' -c 'read -P 7 1M 1M' -c 'discard 4M 1M' \
        -c 'write -z 8M 1M' -c 'read -P 0 8M 1M' -c flush "$(uri s exp)"
    check "qemu-img compares" /usr/bin/qemu-img compare -f raw -F raw a.raw "$(uri s exp)"
    check "the peer reads the last byte, and no further" sh -c "qemu-io -f raw -c 'read 16777727 1' -c 'read 16777727 2' '$(uri s exp)' >end 2>&1; \
        cat end; grep -q 'read 1/1' end && grep -qi 'read failed' end && ! grep -q 'read 2/2' end"
else skip "the peer's clients" "no qemu-io here"; fi

# Our client: a server of ours in front of another's.
cp orig.raw d.raw
if has nbdkit; then
    nbdkit -U "$dir/k" -f file d.raw & pids+=($!)
    for _ in $(seq 600); do [ -S k ] && break; sleep 0.05; done
    start p -f raw -t "$(uri k)"
    check "our client reads nbdkit's file" sh -c "nbdcopy '$(uri p)' e.raw && cmp d.raw e.raw"
    check "our client writes to it" sh -c "nbdcopy c.raw '$(uri p)' && cmp d.raw c.raw"
    nbdkit -U "$dir/q" -f memory 64M --filter=error error-pwrite=EIO error-pwrite-rate=100% & pids+=($!)
    for _ in $(seq 600); do [ -S q ] && break; sleep 0.05; done
    start r -f raw -t "$(uri q)"
    check "an error of the server comes through" sh -c "! qemu-io -f raw -c 'write 0 4k' '$(uri r)' 2>&1 | grep -q '^wrote'"
    check "and the connection lives on" qemu-io -f raw -c 'read -P 0 0 4k' "$(uri r)"
else skip "our client on nbdkit" "no nbdkit here"; fi
if has /usr/bin/qemu-nbd; then
    /usr/bin/qemu-nbd -f raw -t -k "$dir/t" -x q d.raw & pids+=($!)
    for _ in $(seq 600); do [ -S t ] && break; sleep 0.05; done
    start u -f raw -t "$(uri t q)"
    check "our client reads the peer's server" sh -c "nbdcopy '$(uri u)' e.raw && cmp d.raw e.raw"
    kill "${pids[-2]}"
    # With a fresh server at the same place requests go on where a delay is allowed.
    start v --image-opts -t "driver=raw,file.driver=nbd,file.path=$dir/s,file.export=exp,file.reconnect-delay=20"
    kill -9 "${pids[0]}"; wait "${pids[0]}" 2>/dev/null
    (sleep 0.5; exec "$nbd" -k "$dir/s" -f raw -x exp -t -e 0 a.raw) & pids+=($!)
    check "a restarted server is used again, nothing lost" qemu-io -f raw -c 'write -P 9 2M 1M' -c 'read -P 9 2M 1M' -c flush "$(uri v)"
else skip "our client on the peer's server" "no qemu-nbd here"; fi

# TLS with a pre-shared key, both ends.
printf 'user:%s\n' 0123456789abcdef0123456789abcdef >keys.psk
start x --object "tls-creds-psk,id=t,endpoint=server,dir=$dir" --tls-creds t -f raw -t -e 0 orig.raw
start y --object "tls-creds-psk,id=t,endpoint=client,dir=$dir,username=user" --image-opts -t \
    "driver=raw,file.driver=nbd,file.path=$dir/x,file.tls-creds=t,file.tls-hostname=x"
check "TLS with a pre-shared key, our client on our server" sh -c "nbdcopy '$(uri y)' e.raw && cmp orig.raw e.raw"
check "plain text is refused where TLS is required" sh -c "! nbdinfo --size '$(uri x)'"
if has qemu-io; then
    check "TLS: the peer's client" qemu-io --object "tls-creds-psk,id=t,endpoint=client,dir=$dir,username=user" -r --image-opts \
        -c 'read 0 64k' "driver=raw,file.driver=nbd,file.path=$dir/x,file.tls-creds=t"
fi

# Partitions.
truncate -s 8M parts.raw
sfdisk -q parts.raw <<'P' 2>/dev/null
label: dos
start=2048, size=2048, type=83
start=4096, size=8192, type=5
start=6144, size=1024, type=83
P
if [ "$(dd if=parts.raw bs=1 skip=510 count=2 2>/dev/null | od -An -tx1)" = ' 55 aa' ]; then
    start z -f raw -t -P 5 parts.raw
    check "a logical partition" test "$(nbdinfo --size "$(uri z)")" = 524288
    check "a partition that is not there is named" sh -c "! $nbd -k $dir/none -f raw -P 3 parts.raw 2>err; grep -q 'partition 3' err"
fi
# The last client ends a server without -t, and its socket goes with it.
cp orig.raw w.raw # x holds orig.raw locked
start w -f raw w.raw
check "a client" nbdinfo --size "$(uri w)"
for _ in $(seq 600); do [ -e w ] || break; sleep 0.05; done
check "the server ended with it and took its socket along" test ! -e w
check "half a handshake does not disturb others" sh -c "printf 'garbage' | timeout 1 nc -U $dir/s >/dev/null 2>&1; nbdinfo --size '$(uri s exp)'"
check "options that exclude each other are refused" sh -c "! $nbd -n --cache=none a.raw 2>err; grep -q 'only be specified once' err"
echo "1..$n"
exit $failed
