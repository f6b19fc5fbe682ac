#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# emu-nbd is killed at any moment and continues from its state file.
exec python3 "$(dirname "$0")/../nbd/state.py"
