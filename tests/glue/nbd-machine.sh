#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine's disk is changed by the monitor, and its server killed after each change.
exec python3 "$(dirname "$0")/../nbd/machine.py"
