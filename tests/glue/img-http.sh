#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images on web and file servers: read by http, https, ftp and ftps; a server that hangs, lies or goes away is an error in bounded time.
BUILD=${BUILD:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
img=$top/$BUILD/bin/qemu-img
dir=$(mktemp -d /tmp/img-http-XXXXXX)
cd "$dir" || exit 1
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
export no_proxy=localhost,127.0.0.1
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
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
has() { command -v "$1" >/dev/null; }
finish() { echo "1..$n"; exit $failed; }
wait_for() { for _ in $(seq 200); do [ -s "$1" ] && return 0; sleep 0.05; done; echo "# $1 did not come"; return 1; }
"$img" info http://127.0.0.1:1/x 2>&1 | grep -q 'not built in' && { echo "1..0 # SKIP libcurl is not built in"; exit 0; }
has python3 || { echo "1..0 # SKIP no python3 here"; exit 0; }

mkdir files
head -c 3000000 /dev/urandom >files/a.raw; truncate -s 8M files/a.raw; printf 'tail' >>files/a.raw; truncate -s 8389120 files/a.raw
: >files/empty.raw
"$img" convert -O qcow2 files/a.raw files/a.qcow2
"$img" create -q -f qcow2 -b a.raw -F raw files/over.qcow2 # a relative backing file, beside it on the server
python3 "$top/tests/servers/web" "$dir/files" "$dir/port" & pids+=($!)
wait_for port || finish
url=http://127.0.0.1:$(cat port)

check "a raw image is converted" sh -c "'$img' convert -f raw -O raw $url/a.raw out && cmp out files/a.raw"
check "a qcow2 image is found by probing and compared" "$img" compare "$url/a.qcow2" files/a.raw
check "info tells the size" sh -c "'$img' info --output=json $url/a.raw | grep -q '\"virtual-size\": 8389120'"
check "an empty file is an empty image" sh -c "'$img' info -f raw --output=json $url/empty.raw | grep -q '\"virtual-size\": 0'"
check "the backing file of an overlay is looked for beside it" "$img" compare -f qcow2 -F raw "$url/over.qcow2" files/a.raw
check "an overlay here of an image there" sh -c "'$img' create -q -f qcow2 -F qcow2 -b $url/a.qcow2 here.qcow2 && '$img' compare here.qcow2 files/a.raw"
check "a redirection is followed" sh -c "'$img' convert -f raw -O raw $url/moved/a.raw out && cmp out files/a.raw"
check "json:{} with every option" sh -c "'$img' convert -O raw 'json:{\"driver\":\"raw\",\"file\":{\"driver\":\"http\",\"url\":\"$url/cookie/a.raw\",\"readahead\":\"64k\",\"timeout\":9,\"cookie\":\"key=5\"}}' out && cmp out files/a.raw"
check "the cookie from a secret" "$img" info --object secret,id=c,data=key=5 --image-opts "driver=raw,file.driver=http,file.url=$url/cookie/a.raw,file.cookie-secret=c"
check "user and password in the URL" "$img" info -f raw "${url/\/\///\/u:p%20w@}/auth/a.raw"
check "user and the password from a secret" "$img" info --object 'secret,id=p,data=p w' --image-opts "driver=raw,file.driver=http,file.url=$url/auth/a.raw,file.username=u,file.password-secret=p"
check "a proxy, with its user and password" sh -c "no_proxy= '$img' info --object secret,id=p,data=pw --image-opts driver=raw,file.driver=http,file.url=http://nowhere.invalid/a.raw,file.proxy=$url,file.proxy-username=u,file.proxy-password-secret=p"
fails "a proxy that wants a password" 'refused access' env no_proxy= "$img" info --image-opts "driver=raw,file.driver=http,file.url=http://nowhere.invalid/a.raw,file.proxy=$url"
check "the server is asked again when a connection broke" sh -c "'$img' convert -m 1 -f raw -O raw $url/drop/a.raw out && cmp out files/a.raw"
before=$(python3 -c "import urllib.request;print(int(urllib.request.urlopen('$url/count').read()))")
check "small reads come from what was read ahead" sh -c "'$img' dd -f raw -O raw bs=4k if=$url/a.raw of=out && cmp out files/a.raw"
after=$(python3 -c "import urllib.request;print(int(urllib.request.urlopen('$url/count').read()))")
check "(fewer than 150 of 2,500)" test $((after - before)) -lt 150

fails "writing is refused" 'read-write|write' "$img" resize -f raw "$url/a.raw" 10M
fails "a file that is not there" 'no such file' "$img" info "$url/none.raw"
fails "a port where nobody listens" 'refused|connect' "$img" info http://127.0.0.1:1/x
fails "a name that does not resolve" 'resolve|host' "$img" info http://nowhere.invalid/x
fails "a server without ranges" "range" "$img" info "$url/norange/a.raw"
fails "a server that hides the size" 'size' "$img" info "$url/nosize/a.raw"
fails "a wrong password" 'refused access' "$img" info "$url/auth/a.raw"
fails "a missing cookie" 'refused access' "$img" info "$url/cookie/a.raw"
fails "a redirection in a circle" 'redirect' "$img" info "$url/loop/a.raw"
fails "a redirection to a local file" 'not supported|disabled' "$img" info "$url/file/a.raw"
fails "a server that hangs" 'timed out|Could not read|error' "$img" convert -O raw --image-opts "driver=raw,file.driver=http,file.url=$url/hang/a.raw,file.timeout=1" out
fails "a server that cuts answers" 'Input/output error' "$img" convert -f raw -O raw "$url/cut/a.raw" out
fails "a server that sends more than was asked for" 'Input/output error' "$img" convert -f raw -O raw "$url/lie/a.raw" out
fails "a server that trickles" 'timed out' "$img" convert -O raw --image-opts "driver=raw,file.driver=http,file.url=$url/slow/a.raw,file.timeout=2" out
fails "a readahead that is no multiple of 512" 'readahead=1000' "$img" info --image-opts "driver=raw,file.driver=http,file.url=$url/a.raw,file.readahead=1000"
fails "a timeout of 0" 'timeout=0' "$img" info --image-opts "driver=raw,file.driver=http,file.url=$url/a.raw,file.timeout=0"
fails "a URL of another protocol" 'https://' "$img" info --image-opts "driver=https,url=$url/a.raw"
fails "both cookie options" 'same time' "$img" info --image-opts "driver=http,url=$url/a.raw,cookie=a=b,cookie-secret=c"
fails "a secret that is not there" "No secret with id 'none'" "$img" info --image-opts "driver=http,url=$url/a.raw,password-secret=none"
fails "no URL" 'requires a URL' "$img" info --image-opts driver=http
fails "http has no sslverify" 'sslverify' "$img" info --image-opts "driver=http,url=$url/a.raw,sslverify=off"

# https: a certificate of our own
if has openssl; then
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout key.pem -out cert.pem 2>/dev/null
    python3 "$top/tests/servers/web" "$dir/files" "$dir/tls" "$dir/cert.pem" "$dir/key.pem" & pids+=($!)
    if wait_for tls; then
        s=https://localhost:$(cat tls)
        fails "https: an unknown certificate is refused" 'certificate' "$img" info "$s/a.raw"
        check "https: sslverify=off reads" sh -c "'$img' convert -O raw --image-opts driver=raw,file.driver=https,file.url=$s/a.raw,file.sslverify=off,file.timeout=30 out && cmp out files/a.raw"
    fi
else skip "https" "no openssl here"; fi

# ftp and ftps: vsftpd as the user that runs this
ftpd() { # NAME EXTRA-LINES: sets port (no subshell: pids must stay)
    port=$((20000 + RANDOM % 20000))
    cat >"$1.conf" <<X
listen=YES
listen_address=127.0.0.1
listen_port=$port
background=NO
run_as_launching_user=YES
anonymous_enable=YES
anon_root=$dir/files
no_anon_password=YES
local_enable=NO
write_enable=NO
xferlog_enable=NO
seccomp_sandbox=NO
pasv_enable=YES
one_process_model=${3:-NO}
secure_chroot_dir=$dir/empty
$2
X
    mkdir -p empty
    "$vsftpd" "$dir/$1.conf" >"$1.log" 2>&1 & pids+=($!)
    for _ in $(seq 100); do (: </dev/tcp/127.0.0.1/$port) 2>/dev/null && return 0; sleep 0.05; done
    return 1
}
vsftpd=$(command -v vsftpd || ls /usr/sbin/vsftpd 2>/dev/null)
if [ -n "$vsftpd" ]; then
    if ftpd plain ""; then
        f=ftp://127.0.0.1:$port
        check "ftp: a raw image" sh -c "'$img' convert -f raw -O raw $f/a.raw out && cmp out files/a.raw"
        check "ftp: a qcow2 image" "$img" compare -F raw "$f/a.qcow2" files/a.raw
        fails "ftp: a file that is not there" 'ftp://' "$img" info "$f/none.raw"
    else skip "ftp" "vsftpd does not start: $(tail -n 1 plain.log)"; fi
    if [ -e cert.pem ] && ftpd tls "ssl_enable=YES
implicit_ssl=YES
allow_anon_ssl=YES
require_ssl_reuse=NO
rsa_cert_file=$dir/cert.pem
rsa_private_key_file=$dir/key.pem"; then
        f=ftps://localhost:$port
        fails "ftps: an unknown certificate is refused" 'certificate' "$img" info "$f/a.raw"
        check "ftps: sslverify=off reads" sh -c "'$img' convert -O raw --image-opts driver=raw,file.driver=ftps,file.url=$f/a.raw,file.sslverify=off,file.timeout=30 out && cmp out files/a.raw"
    else skip "ftps" "vsftpd does not start: $(tail -n 1 tls.log 2>/dev/null)"; fi
else skip "ftp" "no vsftpd here"; fi
finish
