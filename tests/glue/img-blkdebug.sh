#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# blkdebug's events: each moment in the work of an image at which a rule can strike is reached, the error is told, and the image is at worst left with
# clusters that nobody uses. The order of states, and a configuration file, as with the distribution's tool where it is there.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0
ok() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; [ ! -s err ] || sed 's/^/# /' err; fi; }

emu-img create -q -f raw base.raw 4M
printf 'what the base has' | dd of=base.raw conv=notrunc status=none
fresh() { # an image with a backing file, a snapshot that shares its tables, and data in two clusters
    rm -f a.qcow2
    emu-img create -q -f qcow2 -b base.raw -F raw a.qcow2 4M
    emu-img bench -q -w -c 2 -d 1 -s 65536 -S 65536 -f qcow2 a.qcow2 >/dev/null
    [ -z "$1" ] || emu-img snapshot -c "$1" a.qcow2
}
image() { # EVENT KIND [MORE]: the options of a.qcow2 over blkdebug
    echo "driver=qcow2,file.driver=blkdebug,file.image.driver=file,file.image.filename=$dir/a.qcow2,file.inject-error.0.event=$1,file.inject-error.0.iotype=$2,file.inject-error.0.errno=5$3"
}
# EVENT KIND PREPARATION COMMAND...: `@` among the words becomes the image's options
strike() {
    local event=$1 kind=$2 before=$3 status args=() plain=()
    shift 3
    $before
    for a in "$@"; do
        if [ "$a" = @ ]; then args+=("$(image "$event" "$kind")"); plain+=("$(image "$event" "$kind" ,file.inject-error.0.state=9)"); else args+=("$a"); plain+=("$a"); fi
    done
    emu-img "${plain[@]}" >/dev/null 2>err
    ok $? "$event: in another state nothing strikes"
    $before
    emu-img "${args[@]}" >/dev/null 2>err
    status=$?
    [ $status = 1 ] && grep -qi 'input/output error' err
    ok $? "$event: a $kind fails, and it is told"
    emu-img check -q a.qcow2 >out 2>&1
    case $? in 0 | 3) ok 0 "$event: the image is as it was, or with leaks" ;; *) cat out >err; ok 1 "$event: the image is as it was, or with leaks" ;; esac
}
shared() { fresh s; }
packed() { rm -f a.qcow2; emu-img convert -q -c -f raw -O qcow2 base.raw a.qcow2; }
write=(bench -q -w -c 1 -d 1 -s 4096 --image-opts @)
strike write_aio write fresh "${write[@]}" -o 65536
strike cow_write write fresh "${write[@]}" -o 1048576
strike refblock_load read fresh "${write[@]}" -o 1048576
strike refblock_update_part write fresh "${write[@]}" -o 1048576
strike l2_load read fresh "${write[@]}" -o 0
strike l2_update write fresh "${write[@]}" -o 1048576
strike l1_update write shared "${write[@]}" -o 0
strike l2_alloc_write write shared "${write[@]}" -o 0
strike cluster_alloc write fresh "${write[@]}" -o 1048576
strike read_aio read fresh bench -q -c 1 -d 1 -s 4096 -o 65536 --image-opts @
strike read_compressed read packed bench -q -c 1 -d 1 -s 4096 --image-opts @
strike write_compressed write packed convert -n -c -f raw --target-image-opts base.raw @
strike reftable_load read fresh info --image-opts @
strike flush_to_disk flush fresh "${write[@]}" -o 65536 --flush-interval=1

# The first write moves to state 2, in which the second one fails; once, so that a third would pass.
two="driver=qcow2,file.driver=blkdebug,file.image.driver=file,file.image.filename=$dir/a.qcow2,file.set-state.0.event=write_aio,file.set-state.0.state=1,file.set-state.0.new_state=2,file.inject-error.0.event=write_aio,file.inject-error.0.state=2,file.inject-error.0.errno=28,file.inject-error.0.iotype=write"
fresh
emu-img bench -q -w -c 1 -d 1 -s 4096 -o 65536 --image-opts "$two" >/dev/null 2>err
ok $? 'the first write of state 1 passes'
emu-img bench -q -w -c 2 -d 1 -s 4096 -o 65536 --image-opts "$two" >/dev/null 2>err
[ $? = 1 ] && grep -q 'No space left' err
ok $? 'the second one, in state 2, fails'

cat >rules <<'END'
# as a test of the classic tool has it
[inject-error]
event = "write_aio"
state = "2"
errno = "28"
once = "on"

[set-state]
event = "write_aio"
state = "1"
new_state = "2"
END
for tool in emu-img /usr/bin/qemu-img; do
    if ! command -v $tool >/dev/null; then ok 0 "a configuration file: $tool # SKIP not installed"; continue; fi
    fresh
    $tool bench -q -w -c 1 -d 1 -s 4096 -o 65536 -f qcow2 "blkdebug:$dir/rules:$dir/a.qcow2" >/dev/null 2>err && ! $tool bench -q -w -c 2 -d 1 -s 4096 -o 65536 -f qcow2 "blkdebug:$dir/rules:$dir/a.qcow2" >/dev/null 2>err &&
        grep -q 'No space left' err
    ok $? "a configuration file: $tool"
done
bad() { # TEXT WHAT
    printf '%s\n' "$1" >rules
    emu-img info "blkdebug:$dir/rules:$dir/a.qcow2" >/dev/null 2>err
    [ $? = 1 ] && grep -q "$2" err
    ok $? "refused: $2"
}
bad '[inject-errors]' 'neither \[inject-error\] nor'
bad 'event = "read_aio"' 'rules:1: expected key = "value" in a section'
bad '[inject-error]
event = read_aio' 'rules:2: expected key'
bad '[inject-error]
event = "nonsense"' "no image format has an event 'nonsense'"
bad '[set-state]
event = "read_aio"' 'set-state needs a new_state'
bad '[set-state]
event = "read_aio"
when = "now"' "set-state has no 'when'"
rm rules
bad_file() { emu-img info "blkdebug:$dir/none:$dir/a.qcow2" >/dev/null 2>err; [ $? = 1 ] && grep -q "cannot open the configuration file" err; ok $? 'a configuration file that is not there'; }
bad_file
echo "1..$n"
