/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers of translated code, see ir.h; the table is filled when the first processor is made. */
#ifndef ISA_AARCH64_HELPERS_H
#define ISA_AARCH64_HELPERS_H
#include "isa/aarch64/cpu.h"

enum a64_helper_id {
#define HELPER(name, ...) A64_H_##name,
#include "isa/aarch64/helpers.def"
#undef HELPER
	A64_HELPERS
};
extern struct ir_helper a64_helpers[A64_HELPERS];
void a64_helpers_init(void);
void a64_guest_init(void);

/* A helper's definition. One with a wide result gets a pointer to it in front of its arguments. */
#define A64_FN(name, ...)                                                                                              \
	uint64_t a64h_##name(struct cpu *c, ##__VA_ARGS__);                                                            \
	uint64_t a64h_##name(struct cpu *c, ##__VA_ARGS__)

#endif
