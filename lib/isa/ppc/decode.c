/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an instruction to its row; see rows.h. */
#include "isa/ppc/cpu.h"
#include "isa/ppc/rows.h"
#include "ppc-index.h"

/* Two arrays without pointers: nothing is relocated when a program of another guest starts. */
static const struct {
	char name[13];
	char operands[22];
	uint8_t feature;
} texts[] = {
#define ROW(...) ROW_(__VA_ARGS__)
#define ROW_(value, mask, name, operands, fn, arg, feature) {name, operands, PPC_F_##feature},
#include "isa/ppc/rows.def"
#undef ROW_
#undef ROW
};

int ppc_decode(uint32_t insn)
{
	unsigned key = PPC_INDEX(insn);

	for (unsigned i = starts[key]; i < starts[key + 1]; i++) {
		const struct ppc_pattern *p = &patterns[candidates[i]];
		if ((insn & p->mask) == p->value)
			return candidates[i];
	}
	return -1;
}

unsigned ppc_row_count(void)
{
	return sizeof texts / sizeof texts[0];
}

void ppc_row_pattern(unsigned row, struct ppc_pattern *p)
{
	*p = patterns[row];
}

void ppc_row_text(unsigned row, const char **name, const char **operands)
{
	*name = texts[row].name;
	*operands = texts[row].operands;
}

unsigned ppc_row_feature(unsigned row)
{
	return texts[row].feature;
}
