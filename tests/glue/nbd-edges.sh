#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The edges of an NBD connection: STARTTLS and plain text, early ends, sockets that are held.
exec python3 "$(dirname "$0")/../nbd/edges.py"
