#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Barriers, acquiring and releasing accesses and exclusives of AArch64 and PowerPC programs keep their order on this machine (a million
# runs each are in `make soak`); eight threads with exclusive accesses, signals and mappings stay right.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
[ -x "$BUILD/bin/emu-user" ] || { echo "1..0 # SKIP emu-user is not built"; exit 0; }
export BUILD
status=0
{ tests/litmus-user 8192 aarch64 ppc64le || status=1; tests/stress-user 2 aarch64 ppc64le | grep -v "under fire" || status=1; } >"${TMPDIR:-/tmp}/user-litmus-$$"
grep -v '^1\.\.' "${TMPDIR:-/tmp}/user-litmus-$$" | sed -E 's/^((not )?ok) [0-9]+ /\1 /'
echo "1..$(grep -cE '^(not )?ok' "${TMPDIR:-/tmp}/user-litmus-$$")"
grep -q '^not ok' "${TMPDIR:-/tmp}/user-litmus-$$" && status=1
rm -f "${TMPDIR:-/tmp}/user-litmus-$$"
exit $status
