#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real programs give the same output and status under emu-user as natively (the slow ones are in `make soak`).
cd "$(dirname "$0")/../.." || exit 1
exec tests/programs/run -a x86_64 -c tests/programs/coreutils.cases -c tests/programs/tools.cases \
    -X 'openssl-[kst]*' -X apt-get -X 'g++*' -X gcc-project -X perl-bigint
