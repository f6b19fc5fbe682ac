/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

FUZZ_FORMAT(.format = "dmg")
