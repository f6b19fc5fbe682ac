#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same programs as i386 binaries, from the distribution's i386 packages, unpacked by an apt of the tests' own.
cd "$(dirname "$0")/../.." || exit 1
root=${I386_ROOT:-$PWD/build/i386-root}
unshare -m true 2>/dev/null || unshare -rm true 2>/dev/null || { echo "1..0 # SKIP no mount namespaces here"; exit 0; }
why=$(tests/programs/foreign-root i386 "$root" 2>&1) || { echo "1..0 # SKIP the i386 packages cannot be had here: $(tail -n 1 <<<"$why" | cut -c1-120)"; exit 0; }
export FOREIGN_ROOT=$root
exec tests/programs/run -a i386 -c tests/programs/coreutils.cases -c tests/programs/tools.cases \
    -X 'openssl-[kst]*' -X apt-get -X 'g++*' -X gcc-project -X perl-bigint
