/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt and other single-bit lines between devices. All under the machine lock. */
#ifndef EMU_CPU_IRQ_H
#define EMU_CPU_IRQ_H
#include <stdbool.h>

/* An input of some device. The sink owns it (embeds it); sources hold pointers. A source without a sink has NULL: lowering and raising do nothing. */
struct irq {
	void (*set)(void *opaque, int n, bool level);
	void *opaque;
	int n;
};

static inline void irq_set(const struct irq *i, bool level)
{
	if (i && i->set)
		i->set(i->opaque, i->n, level);
}
static inline void irq_raise(const struct irq *i) { irq_set(i, true); }
static inline void irq_lower(const struct irq *i) { irq_set(i, false); }
static inline void irq_pulse(const struct irq *i) { irq_set(i, true); irq_set(i, false); }

/* Fills count inputs with numbers from 0. */
void irq_init(struct irq *i, int count, void (*set)(void *opaque, int n, bool level), void *opaque);
/* One source to two sinks. */
struct irq_split { const struct irq *to[2]; struct irq in; };
const struct irq *irq_split_init(struct irq_split *s, const struct irq *a, const struct irq *b);
#endif
