/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of opcode tables. */
#include "isa/x86/rows.h"

const struct x86_row *const x86_row_tables[] = {
	x86_rows_base,
	x86_rows_bmi,
	x86_rows_system,
	x86_rows_0f,
	x86_rows_x87,
	x86_rows_mmx,
	x86_rows_sse,
	x86_rows_sse2,
	x86_rows_sse4,
	x86_rows_3dnow,
	x86_rows_crypto,
	x86_rows_avx,
	x86_rows_avx2,
	x86_rows_fma,
};

static const unsigned *const counts[] = {
	&x86_rows_base_count,
	&x86_rows_bmi_count,
	&x86_rows_system_count,
	&x86_rows_0f_count,
	&x86_rows_x87_count,
	&x86_rows_mmx_count,
	&x86_rows_sse_count,
	&x86_rows_sse2_count,
	&x86_rows_sse4_count,
	&x86_rows_3dnow_count,
	&x86_rows_crypto_count,
	&x86_rows_avx_count,
	&x86_rows_avx2_count,
	&x86_rows_fma_count,
};
#define TABLES (sizeof counts / sizeof counts[0])
_Static_assert(TABLES == sizeof x86_row_tables / sizeof x86_row_tables[0], "each table has a length");

const struct x86_row *x86_row_at(unsigned i)
{
	for (unsigned t = 0; t < TABLES; t++) {
		if (i < *counts[t])
			return x86_row_tables[t] + i;
		i -= *counts[t];
	}
	return NULL;
}

const struct x86_row *x86_row_table(unsigned t, unsigned *count)
{
	if (t >= TABLES)
		return NULL;
	*count = *counts[t];
	return x86_row_tables[t];
}
