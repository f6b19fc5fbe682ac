#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Block jobs and snapshots of emu-nbd, with a client that writes meanwhile.
exec python3 "$(dirname "$0")/../nbd/jobs.py"
