/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an instruction to its row; see rows.h. */
#include "isa/aarch64/cpu.h"
#include "isa/aarch64/rows.h"
#include "a64-index.h"

/* Two arrays without pointers: nothing is relocated when a program of another guest starts. */
static const struct {
	char name[12];
	char operands[36];
	uint8_t feature;
} texts[] = {
#define ROW(bits, name, operands, fn, arg, feature) {name, operands, A64_F_##feature},
#include "isa/aarch64/rows.def"
#undef ROW
};

int a64_decode(uint32_t insn)
{
	unsigned top = insn >> (32 - A64_INDEX_BITS);

	for (unsigned i = starts[top]; i < starts[top + 1]; i++) {
		const struct a64_pattern *p = &patterns[candidates[i]];
		if ((insn & p->mask) == p->value)
			return candidates[i];
	}
	return -1;
}

unsigned a64_row_count(void)
{
	return sizeof texts / sizeof texts[0];
}

void a64_row_pattern(unsigned row, struct a64_pattern *p)
{
	*p = patterns[row];
}

void a64_row_text(unsigned row, const char **name, const char **operands)
{
	*name = texts[row].name;
	*operands = texts[row].operands;
}

unsigned a64_row_feature(unsigned row)
{
	return texts[row].feature;
}
