/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "irq.h"

#include <stddef.h>

void irq_init(struct irq *i, int count, void (*set)(void *opaque, int n, bool level), void *opaque)
{
	for (int n = 0; n < count; n++)
		i[n] = (struct irq){set, opaque, n};
}

static void split_set(void *opaque, int n, bool level)
{
	struct irq_split *s = opaque;

	(void)n;
	irq_set(s->to[0], level);
	irq_set(s->to[1], level);
}

const struct irq *irq_split_init(struct irq_split *s, const struct irq *a, const struct irq *b)
{
	s->to[0] = a;
	s->to[1] = b;
	irq_init(&s->in, 1, split_set, s);
	return &s->in;
}
