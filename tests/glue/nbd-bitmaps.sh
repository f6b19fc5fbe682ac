#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Persistent dirty bitmaps of emu-nbd: kept in qcow2, both ways with the peer's tools, kept through kills.
exec python3 "$(dirname "$0")/../nbd/bitmaps.py"
