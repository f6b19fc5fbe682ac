/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watchdog of the iBASE IB700 single-board computer.
 *
 * IB700 user's manual, "Watchdog timer configuration": a write of 0..15 to port 443 starts it with 30, 28 … 2, 0 seconds; one to 441 stops it.
 * Expiry does what -watchdog-action says.
 */
#include "../../isa-bus.h"
#include "../../machine.h"

enum { DISABLE, ENABLE = 2 }; /* ports from 441 */

struct ib700 {
	struct device dev;
	struct timer *timer;
	struct region *ports;
};

static void ib700_expired(void *opaque)
{
	machine_watchdog(((struct ib700 *)opaque)->dev.machine);
}

static void ib700_reset(struct device *d)
{
	timer_stop(((struct ib700 *)d)->timer);
}

static uint64_t ib700_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)opaque, (void)offset, (void)size;
	return 0xff; /* write-only ports */
}

static void ib700_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct ib700 *s = opaque;

	(void)size;
	if (offset == DISABLE)
		timer_stop(s->timer);
	else if (offset == ENABLE)
		timer_set(s->timer, clock_ns(s->dev.machine, CLOCK_VIRT) + (15 - (value & 15)) * 2 * NS_PER_S);
}

static const struct region_ops ib700_ops = {ib700_read, ib700_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

static int ib700_realize(struct device *d, struct err *e)
{
	struct ib700 *s = (struct ib700 *)d;

	(void)e;
	s->timer = timer_new(d->machine, CLOCK_VIRT, ib700_expired, s);
	s->ports = isa_ports(d, "ib700", 0x441, 3, &ib700_ops, s);
	return 0;
}

static void ib700_unrealize(struct device *d)
{
	struct ib700 *s = (struct ib700 *)d;

	isa_ports_free(s->ports);
	timer_free(s->timer);
}

static const struct field ib700_fields[] = {F_TIMER(struct ib700, timer), F_END};
static const struct state_table ib700_state = {.name = "ib700", .version = 1, .oldest = 1, .fields = ib700_fields};

static const struct device_type ib700_type = {
	.name = "ib700", .bus = "ISA", .desc = "iBASE 700 watchdog", .category = "Misc", .size = sizeof(struct ib700),
	.state = &ib700_state, .user = true, .realize = ib700_realize, .unrealize = ib700_unrealize, .reset = ib700_reset,
};
DEVICE(ib700_type);
