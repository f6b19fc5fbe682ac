#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Clients of the NBD server that no one here wrote, in plain text and under TLS; and our client on servers that no one here wrote.
BUILD=${BUILD:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
nbd=$top/$BUILD/bin/emu-nbd img=$top/$BUILD/bin/emu-img
dir=$(mktemp -d /tmp/nbd-clients-XXXXXX)
cd "$dir" || exit 1
PATH=$PATH:/usr/sbin
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; umount mnt 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # TEXT COMMAND...
    local text=$1; shift; n=$((n + 1))
    if out=$(timeout 120 "$@" 2>&1); then echo "ok $n - $text"; else echo "not ok $n - $text"; printf '%s\n' "$out" | tail -n 8 | sed 's/^/# /'; failed=1; fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
has() { command -v "$1" >/dev/null; }
there() { for _ in $(seq 600); do [ -S "$1" ] && return 0; sleep 0.05; done; return 1; }
start() { # SOCKET ARGS...
    local s=$1; shift
    "$nbd" -k "$dir/$s" -t -e 0 "$@" & pids+=($!)
    there "$s"
}
uri() { echo "nbd+unix:///${2-}?socket=$dir/$1"; }
SIZE=16777216
head -c 5000000 /dev/urandom >orig.raw; truncate -s $SIZE orig.raw
cp orig.raw a.raw
/usr/bin/qemu-img convert -f raw -O qcow2 orig.raw a.qcow2
start raw -f raw -x exp -D 'a disk' a.raw
start qcow2 -f qcow2 -A a.qcow2

# ---- nbdsh ----
cat >script.py <<'P'
import nbd, sys
size = 16777216
h.set_request_structured_replies(True)
h.add_meta_context("base:allocation")
if sys.argv[-1] == "depth":
    h.add_meta_context("qemu:allocation-depth")
h.set_uri_allow_local_file(True)
h.connect_uri(uri)
assert h.get_size() == size and h.can_flush() and h.can_trim() and h.can_zero() and h.can_fua() and h.can_cache() and h.can_df() and h.can_multi_conn() and h.can_fast_zero()
h.pwrite(b"\x55" * 65536, 1 << 20, nbd.CMD_FLAG_FUA)
whole = []
h.pread_structured(65536, 1 << 20, lambda data, offset, status, error: whole.append((bytes(data), offset, status)), nbd.CMD_FLAG_DF)
assert whole == [(b"\x55" * 65536, 1 << 20, nbd.READ_DATA)]
h.zero(65536, 1 << 20, nbd.CMD_FLAG_NO_HOLE)
assert h.pread(65536, 1 << 20) == bytes(65536)
h.trim(65536, 2 << 20)
h.cache(65536, 0)
h.flush()
seen = {}
h.block_status(size, 0, lambda context, offset, entries, error: seen.setdefault(context, []).extend(entries) or 0)
assert sum(seen["base:allocation"][::2]) > 0 and 3 in seen["base:allocation"][1::2], seen
# several under way, which complete in any order
done = []
bufs = [nbd.Buffer(4096) for _ in range(100)]
for i, b in enumerate(bufs):
    h.aio_pread(b, i * 4096, completion=lambda error, i=i: done.append((i, error.value)) or 1)
while len(done) < 100:
    h.poll(1000)
assert sorted(done) == [(i, 0) for i in range(100)]
data = open("orig.raw", "rb").read(409600)
assert b"".join(b.to_bytearray() for b in bufs) == data
for bad in (lambda: h.pread(512, size), lambda: h.pwrite(b"x" * 512, size - 256)):
    try:
        h.set_strict_mode(0)
        bad()
        raise SystemExit("beyond the end")
    except nbd.Error:
        pass
assert h.pread(512, 0) == data[:512]
h.shutdown()
P
sh_run() { PATH=/usr/bin:$PATH nbdsh -c "uri = '$1'" -c "exec(open('script.py').read())"; }
export -f sh_run
if has nbdsh; then
    check "nbdsh: a script on raw" bash -c "sh_run '$(uri raw exp)'"
    check "and on qcow2" bash -c "sh_run '$(uri qcow2)'"
else skip "nbdsh" "python3-libnbd is not installed"; fi

# ---- nbdfuse ----
if has nbdfuse && [ -w /dev/fuse ]; then
    mkdir mnt
    nbdfuse mnt/disk "$(uri raw exp)" & fuse=$!; pids+=($fuse)
    for _ in $(seq 200); do [ -e mnt/disk ] && break; sleep 0.05; done
    check "nbdfuse: a file of the disk's size" test "$(stat -c %s mnt/disk)" = $SIZE
    check "which is written and read" sh -c "head -c 100000 /dev/urandom >x && dd if=x of=mnt/disk bs=1000 seek=700 conv=notrunc,fsync 2>/dev/null && dd if=mnt/disk bs=1000 skip=700 count=100 2>/dev/null | cmp - x"
    umount mnt; wait $fuse
    check "and lands in the image" sh -c "dd if=a.raw bs=1000 skip=700 count=100 2>/dev/null | cmp - x"
else skip "nbdfuse" "no nbdfuse or no /dev/fuse here"; fi

# ---- fio ----
if has fio && fio --enghelp 2>/dev/null | grep -qw nbd; then
    for s in raw qcow2; do
        check "fio's nbd engine verifies what it wrote ($s)" fio --name=v --ioengine=nbd --uri="$(uri $s "$([ $s = raw ] && echo exp)")" --rw=randwrite --bs=4k --iodepth=16 --size=8M --verify=crc32c \
            --verify_fatal=1 --do_verify=1 --output=fio.out
    done
else skip "fio's nbd engine" "fio has none here"; fi

# ---- nbd-client ----
if has nbd-client; then
    # There is no module here: it negotiates to the end, and then misses the kernel's side.
    check "nbd-client negotiates" sh -c "nbd-client -unix $dir/raw -N exp /dev/nbd0 >out 2>&1; cat out; grep -q 'size = 16MB' out"
    check "and is refused a name that is not there" sh -c "nbd-client -unix $dir/raw -N none /dev/nbd0 >out 2>&1; cat out; ! grep -q 'size =' out && grep -qi 'none\|unknown\|not present\|refused\|denied' out"
    check "and lists" sh -c "nbd-client -l -unix $dir/raw >out 2>&1; cat out; grep -qx exp out || grep -q '^exp' out"
else skip "nbd-client" "it is not installed"; fi

# ---- the peer, and libnbd's tools under TLS ----
if has openssl; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca-key.pem -out ca-cert.pem -days 30 -subj /CN=ca \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign 2>/dev/null
    cert() { # FOLDER FILE SUBJECT EXTENSIONS
        mkdir -p "$1" && cp ca-cert.pem "$1/"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1/$2-key.pem" -subj "$3" -out x.csr 2>/dev/null
        openssl x509 -req -in x.csr -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 30 -out "$1/$2-cert.pem" -extfile <(printf '%s\n' "$4") 2>/dev/null
    }
    cert server server /CN=localhost $'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth'
    cert client client /CN=someone 'extendedKeyUsage=clientAuth'
    cp orig.raw t.raw; cp orig.raw u.raw
    port=0
    for try in 10871 20873 30877 41879; do
        "$nbd" -t -e 0 -b 127.0.0.1 -p $try --object "tls-creds-x509,id=t,endpoint=server,dir=$dir/server" --tls-creds t -f raw -x exp t.raw 2>err & pids+=($!)
        for _ in $(seq 100); do grep -q . err && break; (exec 3<>/dev/tcp/127.0.0.1/$try) 2>/dev/null && { port=$try; break; }; sleep 0.05; done
        [ $port = 0 ] || break
    done
    tls="nbds://localhost:$port/exp?tls-certificates=$dir/client"
    check "nbdinfo over nbds://" sh -c "nbdinfo '$tls' >out && cat out && grep -q 'export-size: $SIZE' out && grep -qi 'protocol:.*TLS' out"
    check "nbdcopy over nbds://, out" sh -c "nbdcopy '$tls' out.raw && cmp out.raw orig.raw"
    head -c $SIZE /dev/urandom >new.raw
    check "and in" sh -c "nbdcopy new.raw '$tls' && cmp new.raw t.raw"
    if has nbdsh; then cp orig.raw t2.raw; check "nbdsh over nbds://" bash -c "nbdcopy orig.raw '$tls' && sh_run '$tls'"; fi
    if has qemu-io; then
        creds="tls-creds-x509,id=c,endpoint=client,dir=$dir/client"
        opts="driver=nbd,host=localhost,port=$port,export=exp,tls-creds=c"
        check "the peer's image tool reads under TLS" sh -c "nbdcopy new.raw '$tls' && /usr/bin/qemu-img compare --object $creds --image-opts '$opts' driver=raw,file.driver=file,file.filename=new.raw"
        check "its I/O tool writes, trims and zeroes under TLS" sh -c "qemu-io --object $creds --image-opts '$opts' -c 'write -P 9 1M 1M' -c 'read -P 9 1M 1M' -c 'write -z 4M 64k' -c 'read -P 0 4M 64k' \
            -c 'discard 8M 1M' -c flush >out 2>&1 && cat out && ! grep -qi fail out"
        check "and nobody does without a certificate" sh -c "! qemu-io -r -f raw -c 'read 0 512' nbd://localhost:$port/exp >out 2>&1 && ! grep -q 'read 512' out"
    fi
else skip "clients under TLS" "openssl is not installed"; fi
if has qemu-io; then
    check "the peer's tools on nbd+unix" sh -c "/usr/bin/qemu-img convert -f raw -O qcow2 '$(uri qcow2)' copy.qcow2 && /usr/bin/qemu-img compare -f raw -F qcow2 '$(uri qcow2)' copy.qcow2"
    check "their map is the one of the image" sh -c "/usr/bin/qemu-img map -f raw --output=json '$(uri qcow2)' | grep -q '\"zero\": true'"
fi

# ---- our client on others' servers ----
serve() { # SOCKET COMMAND...: some server that others wrote
    local s=$1; shift
    "$@" & pids+=($!)
    there "$s"
}
if has nbdkit; then
    serve km nbdkit -f -U "$dir/km" memory 16M
    check "our client writes to nbdkit's memory" "$img" convert -n -f raw -O raw orig.raw "$(uri km)"
    check "and reads it" "$img" compare -f raw -F raw orig.raw "$(uri km)"
    cp orig.raw k.raw
    serve kf nbdkit -f -U "$dir/kf" file k.raw
    check "nbdkit's file" "$img" compare -f raw -F raw orig.raw "$(uri kf)"
    check "whose holes it sees" sh -c "'$img' map -f raw --output=json '$(uri kf)' | grep -q '\"zero\": true, \"data\": false'"
    serve kd nbdkit -f -U "$dir/kd" --filter=delay memory 4M rdelay=20ms wdelay=20ms
    check "nbdkit with delays: many requests under way at once" sh -c "head -c 4194304 /dev/urandom >d.raw && '$img' convert -n -f raw -O raw d.raw '$(uri kd)' && '$img' compare -f raw -F raw d.raw '$(uri kd)'"
    serve ke nbdkit -f -U "$dir/ke" --filter=error memory 16M error-pread=EIO error-pread-rate=100%
    check "nbdkit with errors: which come through with a sentence" sh -c "'$img' convert -n -f raw -O raw orig.raw '$(uri ke)' && ! '$img' convert -f raw -O raw '$(uri ke)' e.raw 2>err && cat err && grep -qi 'input/output error' err"
    if [ -d server ]; then
        serve kt nbdkit -f -U "$dir/kt" --tls=require --tls-certificates="$dir/server" --tls-verify-peer memory 16M
        check "nbdkit under TLS" "$img" convert -n --object "tls-creds-x509,id=c,endpoint=client,dir=$dir/client" --image-opts --target-image-opts driver=raw,file.driver=file,file.filename=orig.raw \
            "driver=raw,file.driver=nbd,file.path=$dir/kt,file.tls-creds=c,file.tls-hostname=localhost"
    fi
else skip "our client on nbdkit" "it is not installed"; fi
if has /usr/bin/qemu-nbd; then
    cp a.qcow2 p.qcow2
    serve pq /usr/bin/qemu-nbd -t -e 0 -f qcow2 -k "$dir/pq" p.qcow2
    check "the peer's server" sh -c "'$img' convert -n -f raw -O raw orig.raw '$(uri pq)' && '$img' compare -f raw -F raw orig.raw '$(uri pq)'"
fi
if has nbd-server; then
    cp orig.raw n.raw
    printf '[generic]\n\tunixsock = %s/ns\n\tallowlist = true\n[exp]\n\texportname = %s/n.raw\n\tflush = true\n\tfua = true\n\ttrim = true\n' "$dir" "$dir" >conf
    nbd-server -C "$dir/conf" -p "$dir/ns.pid" && there ns # (it goes to the background; with -d it would serve one client)
    for _ in $(seq 100); do [ -s ns.pid ] && break; sleep 0.05; done
    pids+=("$(cat ns.pid)")
    check "nbd-server's list" sh -c "'$nbd' -L -k $dir/ns >out 2>&1; cat out; grep -q \"export: 'exp'\" out"
    check "nbd-server: read" "$img" compare -f raw -F raw orig.raw "$(uri ns exp)"
    check "and written" sh -c "'$img' convert -n -f raw -O raw new.raw '$(uri ns exp)' && cmp new.raw n.raw"
else skip "our client on nbd-server" "it is not installed"; fi
check "our servers are still there" sh -c "nbdinfo --size '$(uri raw exp)' && nbdinfo --size '$(uri qcow2)'"
echo "1..$n"
exit $failed
