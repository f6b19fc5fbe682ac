/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vector and floating-point operations that are one or a few host instructions. */
#include "jit/host/x86-64-t1.h"

bool t1_vector(struct t1_gen *g, const struct ir_op *o)
{
	(void)g;
	(void)o;
	return false;
}

bool t1_fp(struct t1_gen *g, const struct ir_op *o)
{
	(void)g;
	(void)o;
	return false;
}

void t1_fp_cold(struct t1_gen *g, struct t1_cold *c)
{
	(void)g;
	(void)c;
}
