/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every row that accesses memory does what was recorded of big-endian programs (qemu-aarch64_be): unit/a64-vectors.c with other data. */
#define A64_BIG_ENDIAN 1
#include "unit/a64-vectors.c"
