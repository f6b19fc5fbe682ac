#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Network cards in whole machines (tests/net/guest.py): iPXE boots over virtio-net and e1000; a Linux guest with each gets its address and names, pings, moves data
# in one, many and one after the other connections, goes on when emu-net is killed with -9, and follows set_link. e1000 needs the distribution's full kernel, which
# is fetched. OFFLINE=1 leaves out what cannot be fetched. In a network namespace of the test's own, for the sake of its name server.
export BUILD=${BUILD:-build}
# The leak detector would stop threads with calls that the filter does not let through.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
if ! why=$(bash share/demo-guest "$BUILD/guest" 2>&1); then
    [ -n "${OFFLINE-}" ] && { echo "1..0 # SKIP OFFLINE is set, and the distribution's kernel is not there"; exit 0; }
    echo "not ok 1 - the distribution's kernel is fetched (OFFLINE=1 leaves out what needs it)"
    printf '%s\n' "$why" | sed 's/^/# /'
    echo "1..1"; exit 1
fi
FULL=$(bash tests/boot/fetch "$BUILD/boot" linux-image-amd64@ 2>&1) || { WHY=$FULL; FULL=; }
export FULL WHY NAMESPACE=
inside=()
for options in -nm -rnm; do
    unshare $options true 2>/dev/null && { inside=(unshare $options); NAMESPACE=1; break; }
done
exec timeout -k 5 "${NET_TIMEOUT:-600}" "${inside[@]}" python3 -u tests/net/guest.py
