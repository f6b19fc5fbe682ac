/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of opcode tables. */
#include "isa/x86/rows.h"

static const struct {
	const struct x86_row *rows;
	const unsigned *count;
} tables[] = {
	{x86_rows_base, &x86_rows_base_count},     {x86_rows_bmi, &x86_rows_bmi_count},
	{x86_rows_system, &x86_rows_system_count}, {x86_rows_0f, &x86_rows_0f_count},
	{x86_rows_x87, &x86_rows_x87_count},       {x86_rows_mmx, &x86_rows_mmx_count},
	{x86_rows_sse, &x86_rows_sse_count},       {x86_rows_sse2, &x86_rows_sse2_count},
	{x86_rows_sse4, &x86_rows_sse4_count},     {x86_rows_3dnow, &x86_rows_3dnow_count},
	{x86_rows_crypto, &x86_rows_crypto_count}, {x86_rows_avx, &x86_rows_avx_count},
	{x86_rows_avx2, &x86_rows_avx2_count},     {x86_rows_fma, &x86_rows_fma_count},
};

const struct x86_row *x86_row_at(unsigned i)
{
	for (unsigned t = 0; t < sizeof tables / sizeof tables[0]; t++) {
		if (i < *tables[t].count)
			return tables[t].rows + i;
		i -= *tables[t].count;
	}
	return NULL;
}

const struct x86_row *x86_row_table(unsigned t, unsigned *count)
{
	if (t >= sizeof tables / sizeof tables[0])
		return NULL;
	*count = *tables[t].count;
	return tables[t].rows;
}
