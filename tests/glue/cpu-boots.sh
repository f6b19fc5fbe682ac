#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Firmware, boot loaders and kernels of the distribution, the quick ones; all of them: SOAK=boot make soak.
exec "$(dirname "$0")/../boot/run" -q
