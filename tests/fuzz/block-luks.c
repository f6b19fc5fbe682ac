/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header alone: passphrases would make the fuzzer count iterations. */
#include "fuzz/block-image.h"

FUZZ_FORMAT(.format = "luks", .no_io = true)
