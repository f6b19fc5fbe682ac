/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of helper functions by operation, from helpers.def. */
#include "isa/x86/helpers.h"

x86_helper_fn *const x86_helpers[X86_OP_COUNT] = {
#define X86_HELPER(name) [X86_OP_##name] = x86_helper_##name,
#include "isa/x86/helpers.def"
#undef X86_HELPER
};
