/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt messages between APICs (SDM vol. 3, 10.6, 10.11, 10.12.9): MSIs, I/O APIC, interprocessor interrupts. */
#include "apic.h"

enum { ICR_LOGICAL = 0x800, ICR_STATUS = 0x1000, ICR_ASSERT = 0x4000, ICR_LEVEL = 0x8000, ICR_SHORTHAND = 0xc0000,
       ICR_SELF = 0x40000, ICR_ALL = 0x80000, ICR_OTHERS = 0xc0000 };

/* Does dest (8 bits, or 32 when an x2APIC sends it) mean this APIC? */
static bool apic_matches(const struct apic *a, uint32_t dest, bool logical, bool x2)
{
	if (!(a->base & BASE_EN))
		return false;
	if (dest == (x2 ? 0xffffffffu : 0xffu))
		return true;
	if (!logical)
		return a->id == dest;
	if (apic_x2(a)) /* cluster: 16 bits, one bit a processor */
		return dest >> 16 == a->ldr >> 16 && (dest & a->ldr & 0xffff);
	if (x2 && dest > 0xff)
		return false;
	if (a->dfr >> 28 == 0xf) /* flat */
		return dest & a->ldr >> 24;
	return dest >> 4 == a->ldr >> 28 && (dest & a->ldr >> 24 & 0xf);
}

static bool apic_takes(struct apic *a, uint32_t dest, bool logical, bool x2, bool fixed, unsigned *ppr)
{
	bool match;

	pthread_mutex_lock(&a->lock);
	match = apic_matches(a, dest, logical, x2) && (!fixed || (a->svr & SVR_ENABLE));
	apic_priority_class(a, ppr);
	pthread_mutex_unlock(&a->lock);
	return match;
}

void apic_send(struct apic_set *set, uint32_t dest, bool logical, bool x2, enum apic_mode mode, uint8_t vector, bool level)
{
	bool fixed = mode == APIC_FIXED || mode == APIC_LOWEST;
	unsigned ppr, best_ppr = 256, best_at = 0;
	struct apic *best = NULL;

	if (mode != APIC_LOWEST) {
		for (unsigned i = 0; i < set->count; i++)
			if (apic_takes(set->apic[i], dest, logical, x2, fixed, &ppr))
				apic_accept(set->apic[i], mode, vector, level);
		return;
	}
	for (unsigned i = 0; i < set->count; i++) { /* among equals in turn */
		unsigned n = (set->turn + i) % set->count;

		if (apic_takes(set->apic[n], dest, logical, x2, true, &ppr) && ppr < best_ppr) {
			best = set->apic[n];
			best_ppr = ppr;
			best_at = n;
		}
	}
	if (!best)
		return;
	set->turn = (best_at + 1) % set->count;
	apic_accept(best, APIC_FIXED, vector, level);
}

void apic_send_icr(struct apic *a)
{
	enum apic_mode mode = a->icr_low >> 8 & 7;
	uint8_t vector = (uint8_t)a->icr_low;
	bool level = false, x2 = apic_x2(a);

	if (mode == APIC_RESERVED || mode == APIC_EXTINT) {
		guest_error(&a->dev, "ICR: delivery mode %d is reserved", mode);
		return;
	}
	if (mode == APIC_INIT && (a->icr_low & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL)
		return; /* INIT level de-assert: not supported since the Pentium 4 */
	if ((mode == APIC_FIXED || mode == APIC_LOWEST) && vector < 16) {
		apic_error(a, ESR_SEND_VECTOR);
		return;
	}
	switch (a->icr_low & ICR_SHORTHAND) {
	case ICR_SELF:
		apic_accept(a, mode == APIC_LOWEST ? APIC_FIXED : mode, vector, level);
		break;
	case ICR_ALL:
	case ICR_OTHERS:
		for (unsigned i = 0; i < a->set->count; i++) {
			struct apic *to = a->set->apic[i];

			if (to == a && (a->icr_low & ICR_SHORTHAND) == ICR_OTHERS)
				continue;
			if (to->base & BASE_EN)
				apic_accept(to, mode == APIC_LOWEST ? APIC_FIXED : mode, vector, level);
		}
		break;
	default:
		apic_send(a->set, x2 ? a->icr_high : a->icr_high >> 24, a->icr_low & ICR_LOGICAL, x2, mode, vector, level);
	}
}

void apic_message(struct machine *m, uint64_t address, uint32_t data)
{
	struct apic_set *set = apic_set_of(m);
	enum apic_mode mode = data >> 8 & 7;
	bool logical = address >> 2 & 1, hint = address >> 3 & 1;

	if (!set || mode == APIC_RESERVED)
		return;
	if (mode == APIC_FIXED && logical && hint)
		mode = APIC_LOWEST; /* 10.11.1: to the one with the lowest priority among those named */
	apic_send(set, address >> 12 & 0xff, logical, false, mode, (uint8_t)data, data >> 15 & 1);
}
