#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A part of the matrix of formats, options and sizes, both ways with the peer (all of it: make soak SOAK=matrix).
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3 here"; exit 0; }
exec python3 tests/matrix --fast
