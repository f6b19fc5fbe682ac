#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The control socket of emu-nbd: queries, nodes, media, sizes, limits, exports.
exec python3 "$(dirname "$0")/../nbd/ctl.py"
