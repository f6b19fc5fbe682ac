#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A character back end with tls-creds speaks TLS with OpenSSL's client and server, both ways verified, and refuses who does not.
cd "$(dirname "$0")/../.." || exit 1
MON=$PWD/${BUILD:-build}/bin/emu-mon
[ -x "$MON" ] || { echo "1..0 # SKIP emu-mon is not built"; exit 0; }
command -v openssl >/dev/null || { echo "1..0 # SKIP openssl is not installed"; exit 0; }
dir=$(mktemp -d /tmp/mon-chardev-tls-XXXXXX); p=
trap '[ -z "$p" ] || kill $p; wait; rm -rf "$dir"' EXIT
export XDG_RUNTIME_DIR=$dir
n=0 failed=0
result() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; printf '%s\n' "${3-}" | head -20 | sed 's/^/# /'; fi; }
wait_for() { local i; for i in $(seq 600); do eval "$1" && return 0; sleep 0.05; done; return 1; }
cert() { # NAME EXTENSIONS
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/$1-key.pem" -subj "/CN=$1" -out "$dir/$1.csr" 2>/dev/null
    openssl x509 -req -in "$dir/$1.csr" -CA "$dir/ca-cert.pem" -CAkey "$dir/ca-key.pem" -CAcreateserial -days 30 -out "$dir/$1-cert.pem" -extfile <(printf '%s\n' "$2") 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/ca-key.pem" -out "$dir/ca-cert.pem" -days 30 -subj /CN=ca \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign 2>/dev/null
cert server "subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth
keyUsage=digitalSignature"
cert client "extendedKeyUsage=clientAuth
keyUsage=digitalSignature"
# The machine: it says what it hears in capitals.
cat >"$dir/machine.py" <<'PY'
import os, sys
while True:
    d = os.read(int(sys.argv[1]), 4096)
    if not d: break
    os.write(int(sys.argv[1]), d.upper())
PY
plan() { printf '%s' '{"version":1,"name":"t","program":"sup","parts":[{"id":"mon","monitor":true},{"id":"m","program":"python3","ctl":false,"ready":false,"machine":true,"args":["'"$dir"'/machine.py",{"fd":"l"}]}],
"links":[{"id":"l","ends":["m","mon"],"keep":true}],"objects":["tls-creds-x509,id=tls0,dir='"$dir"',endpoint='"$1"'"],"fronts":[{"link":"l","device":"'"$2"'"}]}'; }
start() { "$MON" --supervise "$1" >"$dir/out" 2>&1 & p=$!; }
stop() { kill $p; wait $p; p=; }

port=$((20000 + $$ % 10000))
start "$(plan server "tcp:127.0.0.1:$port,server,nowait,tls-creds=tls0")"
wait_for 'grep -q . "$dir/emu/t/mon.ctl" 2>/dev/null || [ -S "$dir/emu/t/mon.ctl" ]'
talk() { (printf 'hello over tls\n'; sleep 1) | timeout 10 openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:$port -CAfile "$dir/ca-cert.pem" -verify_return_error "$@" 2>&1; }
out=$(talk -cert "$dir/client-cert.pem" -key "$dir/client-key.pem"); grep -q "HELLO OVER TLS" <<<"$out"; result $? "a server with OpenSSL's client" "$out $(cat "$dir/out")"
out=$(talk); ! grep -q "HELLO OVER TLS" <<<"$out"; result $? "a client without a certificate is refused" "$out"
out=$(printf 'plain\n' | timeout 5 python3 -c 'import socket,sys; s=socket.create_connection(("127.0.0.1",int(sys.argv[1]))); s.sendall(b"hello\n"); print(s.recv(100))' $port 2>&1)
! grep -q HELLO <<<"$out"; result $? "one that speaks no TLS too" "$out"
out=$(talk -cert "$dir/client-cert.pem" -key "$dir/client-key.pem"); grep -q "HELLO OVER TLS" <<<"$out"; result $? "after them the next one is served" "$out $(cat "$dir/out")"
big=$(head -c 300000 /dev/zero | tr '\0' a)
out=$( (printf '%s' "$big"; sleep 2) | timeout 10 openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:$port -CAfile "$dir/ca-cert.pem" -cert "$dir/client-cert.pem" -key "$dir/client-key.pem" 2>/dev/null | tr -dc A | wc -c)
[ "$out" = 300000 ]; result $? "300,000 bytes go and come back" "$out"
stop

(sleep 1.5; printf 'from openssl\n'; sleep 2) | timeout 15 openssl s_server -quiet -naccept 1 -accept $port -cert "$dir/server-cert.pem" -key "$dir/server-key.pem" -CAfile "$dir/ca-cert.pem" -Verify 1 >"$dir/got" 2>&1 &
sleep 0.5
start "$(plan client "tcp:localhost:$port,reconnect=1,tls-creds=tls0")"
wait_for 'grep -q "FROM OPENSSL" "$dir/got"'; result $? "a client with OpenSSL's server, which asks for its certificate" "$(cat "$dir/got" "$dir/out")"
stop
echo "1..$n"
exit $failed
