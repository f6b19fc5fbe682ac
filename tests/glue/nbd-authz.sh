#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Access lists: which client certificates an NBD server lets in. And several exports from one command line.
BUILD=${BUILD:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
nbd=$top/$BUILD/bin/emu-nbd
command -v openssl >/dev/null || { echo "1..0 # SKIP openssl is not installed"; exit 0; }
dir=$(mktemp -d /tmp/nbd-authz-XXXXXX)
cd "$dir" || exit 1
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # TEXT COMMAND...
    local text=$1; shift; n=$((n + 1))
    if out=$(timeout 60 "$@" 2>&1); then echo "ok $n - $text"; else echo "not ok $n - $text"; printf '%s\n' "$out" | head -n 8 | sed 's/^/# /'; failed=1; fi
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca-key.pem -out ca-cert.pem -days 30 -subj /CN=ca \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign 2>/dev/null
cert() { # FOLDER FILE SUBJECT EXTENSIONS
    mkdir -p "$1" && cp ca-cert.pem "$1/"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1/$2-key.pem" -subj "$3" -out x.csr 2>/dev/null
    openssl x509 -req -in x.csr -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 30 -out "$1/$2-cert.pem" -extfile <(printf '%s\n' "$4") 2>/dev/null
}
cert server server /CN=localhost $'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth'
cert good client /O=Here/CN=good 'extendedKeyUsage=clientAuth'
cert guest client /O=Here/CN=guest 'extendedKeyUsage=clientAuth'
cert bad client /O=There/CN=bad 'extendedKeyUsage=clientAuth'
truncate -s 1M a.raw b.raw c.raw d.raw e.raw
start() { # SOCKET ARGS...
    local s=$1; shift
    "$nbd" -k "$dir/$s" --object "tls-creds-x509,id=t,endpoint=server,dir=$dir/server" --tls-creds t -f raw -t -e 0 "$@" & pids+=($!)
    for _ in $(seq 600); do [ -S "$s" ] && return 0; sleep 0.05; done
    return 1
}
list() { "$nbd" -L -k "$dir/$1" --object "tls-creds-x509,id=t,endpoint=client,dir=$dir/$2" --tls-creds t --tls-hostname localhost; }
comes() { list "$1" "$2" | grep -q 'exports available: 1'; }
stays() { comes "$1" good && ! comes "$1" "$2"; } # (and not because the server is not there)
export -f list comes stays; export nbd dir

name=$(openssl x509 -in good/client-cert.pem -noout -subject -nameopt RFC2253,-dn_rev | sed 's/^subject=//')
start one --object "authz-simple,id=z,identity=${name//,/,,}" --tls-authz z a.raw
check "authz-simple lets its identity in ($name)" bash -c "comes one good"
check "and nobody else" bash -c "stays one bad"
start two --object 'authz-list,id=z,policy=deny,rules.0.match=*CN=guest,rules.0.policy=deny,rules.0.format=glob,rules.1.match=O=Here,,*,rules.1.policy=allow,rules.1.format=glob' \
    --tls-authz z b.raw
check "authz-list: the first rule that matches decides" bash -c "stays two guest"
check "the policy decides about the rest" bash -c "stays two bad"
printf '{"policy": "deny", "rules": [{"match": "%s", "policy": "allow"}]}' "$name" >list.json
start three --object "authz-list-file,id=z,filename=$dir/list.json" --tls-authz z c.raw
check "authz-list-file" bash -c "stays three guest"
if command -v nbdinfo >/dev/null && nbdinfo --version >/dev/null; then
    check "libnbd's client gets in" nbdinfo --size "nbds+unix:///?socket=$dir/one&tls-certificates=$dir/good"
    check "or does not" sh -c "! nbdinfo --size 'nbds+unix:///?socket=$dir/one&tls-certificates=$dir/bad'"
fi
refused() { # WORDS ARGS...
    local words=$1; shift
    ! "$nbd" -k "$dir/none" -f raw d.raw "$@" 2>err && grep -q -- "$words" err
}
export -f refused
check "a list needs TLS" bash -c "refused 'tls-creds is needed' --object authz-list,id=z --tls-authz z"
check "an unknown list is named" bash -c "refused \"No access list with id 'y'\" --object tls-creds-x509,id=t,endpoint=server,dir=server --tls-creds t --tls-authz y"
check "so is a wrong policy" bash -c "refused 'one of allow, deny' --object authz-list,id=z,policy=maybe"
check "and a rule without a name" bash -c "refused 'needs match= and policy=' --object authz-list,id=z,rules.0.policy=allow"

# Several exports.
printf one >1.raw; printf two >2.raw; truncate -s 1M 1.raw; truncate -s 2M 2.raw; truncate -s 3M 3.raw
/usr/bin/qemu-img create -q -f qcow2 4.qcow2 4M
"$nbd" -k "$dir/many" -t -e 0 -f raw -x first --export "name=second,file=$dir/2.raw,format=raw,description=a second,, really" \
    --export "name=ro,file=3.raw,format=raw,read-only=on" --export name=q,file=4.qcow2,format=qcow2 1.raw & pids+=($!)
for _ in $(seq 600); do "$nbd" -L -k "$dir/many" >listing 2>/dev/null && break; sleep 0.05; done
check "several exports are listed" sh -c "cat listing; grep -q 'exports available: 4' listing && grep -q 'a second, really' listing"
size() { nbdinfo --size "nbd+unix:///$1?socket=$dir/many"; }
export -f size
check "each is its own image" bash -c '[ "$(size first) $(size second) $(size ro) $(size q)" = "1048576 2097152 3145728 4194304" ]'
check "read-only holds for the one" sh -c "nbdinfo 'nbd+unix:///ro?socket=$dir/many' | grep -q 'is_read_only: true' && nbdinfo 'nbd+unix:///second?socket=$dir/many' | grep -q 'is_read_only: false'"
check "what is written lands in it" sh -c "qemu-io -f raw -c 'write -P 5 0 4k' 'nbd+unix:///second?socket=$dir/many' && [ \"\$(head -c 1 2.raw | od -An -tx1)\" = ' 05' ] && [ \"\$(head -c 3 1.raw)\" = one ]"
check "a name twice is refused" bash -c "refused 'already' --export name=a,file=e.raw,format=raw --export name=a,file=$dir/server/ca-cert.pem,format=raw"
check "a file that is missing is named" bash -c "refused 'nowhere' --export name=a,file=nowhere,format=raw"
echo "1..$n"
exit $failed
