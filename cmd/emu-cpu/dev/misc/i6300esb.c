/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watchdog timer of the Intel 6300ESB I/O controller hub.
 *
 * Data sheet: Intel 6300ESB (300641-004), chapter 16. Two stages of 20 bits: the first interrupts (or not), the second pulls WDT_TOUT#, which does
 * what -watchdog-action says. The clock is PCI's 33 MHz, divided by 2^15 (about 1 kHz) or 2^5 (about 1 MHz).
 *
 * Registers in BAR 0; a preload or a reload takes effect only after 80 and then 86 were written to 0c.
 *   00 preload 1   04 preload 2   08 interrupt status (write 1 clears)   0c reload: 8 reload (W), 9 timed out (write 1 clears)
 * Configuration: 60 W16: 1:0 interrupt (0 IRQ, 2 SMI, 3 none), 2 prescaler, 5 output off; 68 W8: 0 lock, 1 enable, 2 free-running
 * SMI of the first stage goes nowhere: no board wires it; it is a line of -d unimp.
 */
#include <errno.h>

#include "../../machine.h"
#include "../../pci.h"

enum { R_PRELOAD1, R_PRELOAD2 = 4, R_STATUS = 8, R_RELOAD = 12 };
enum { RELOAD = 0x100, TIMED_OUT = 0x200 };
enum { CONFIG = 0x60, CONFIG_INT = 3, CONFIG_PRESCALE = 4, CONFIG_OUTPUT_OFF = 0x20, LOCK = 0x68, LOCK_LOCKED = 1, LOCK_ENABLE = 2,
       LOCK_FREE_RUN = 4 };
#define PRELOAD_MAX 0xfffffu
#define LEAST_NS 10000 /* stages come no closer, whatever the preload */

struct i6300esb {
	struct pci_device pci;
	uint32_t preload[2];
	uint8_t unlock;   /* how much of the sequence has been seen: 0, 1, 2 */
	uint8_t stage;    /* that runs: 1, 2; 0: stands still */
	bool interrupt, timed_out;
	struct timer *timer;
	struct region *region;
};

static void esb_start(struct i6300esb *s, unsigned stage)
{
	unsigned shift = s->pci.config[CONFIG] & CONFIG_PRESCALE ? 5 : 15;
	uint64_t ns = muldiv(((uint64_t)s->preload[stage - 1] + 1) << shift, NS_PER_S, 33333333);

	s->stage = (uint8_t)stage;
	timer_set(s->timer, clock_ns(s->pci.dev.machine, CLOCK_VIRT) + (ns < LEAST_NS ? LEAST_NS : ns));
}

static void esb_stop(struct i6300esb *s)
{
	s->stage = 0;
	timer_stop(s->timer);
}

static void esb_expired(void *opaque)
{
	struct i6300esb *s = opaque;
	uint8_t kind = s->pci.config[CONFIG] & CONFIG_INT;

	if (s->stage == 1) {
		if (kind == 0) {
			s->interrupt = true;
			pci_set_irq(&s->pci, true);
		} else if (kind == 2) {
			unimplemented(&s->pci.dev, "SMI of the first stage");
		}
		esb_start(s, 2);
		return;
	}
	s->timed_out = true;
	if (s->pci.config[LOCK] & LOCK_FREE_RUN) { /* begins again, without the output */
		esb_start(s, 1);
		return;
	}
	esb_stop(s);
	if (!(s->pci.config[CONFIG] & CONFIG_OUTPUT_OFF))
		machine_watchdog(s->pci.dev.machine);
}

static uint64_t esb_read(void *opaque, uint64_t offset, unsigned size)
{
	struct i6300esb *s = opaque;

	(void)size;
	switch (offset) {
	case R_PRELOAD1:
	case R_PRELOAD2:
		return s->preload[offset / 4];
	case R_STATUS:
		return s->interrupt;
	default:
		return s->timed_out ? TIMED_OUT : 0;
	}
}

static void esb_write_reload(struct i6300esb *s, uint32_t value)
{
	if (s->unlock != 2) {
		s->unlock = value == 0x80 ? 1 : value == 0x86 && s->unlock == 1 ? 2 : 0;
		return;
	}
	s->unlock = 0;
	if (value & TIMED_OUT)
		s->timed_out = false;
	if ((value & RELOAD) && (s->pci.config[LOCK] & LOCK_ENABLE))
		esb_start(s, 1);
}

static void esb_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct i6300esb *s = opaque;

	(void)size;
	switch (offset) {
	case R_PRELOAD1:
	case R_PRELOAD2:
		if (s->unlock == 2)
			s->preload[offset / 4] = value & PRELOAD_MAX;
		s->unlock = 0;
		break;
	case R_STATUS:
		if (value & 1) {
			s->interrupt = false;
			pci_set_irq(&s->pci, false);
		}
		break;
	case R_RELOAD:
		esb_write_reload(s, (uint32_t)value);
		break;
	}
}

static void esb_config_written(struct pci_device *d, unsigned at, unsigned size, uint32_t old)
{
	struct i6300esb *s = (struct i6300esb *)d;
	uint8_t before;

	if (at > LOCK || at + size <= LOCK)
		return;
	before = (uint8_t)(old >> 8 * (LOCK - at));
	if (before & LOCK_LOCKED) /* stays as it is until a reset */
		d->config[LOCK] = before;
	if ((d->config[LOCK] & LOCK_ENABLE) && !(before & LOCK_ENABLE))
		esb_start(s, 1);
	else if (!(d->config[LOCK] & LOCK_ENABLE))
		esb_stop(s);
}

static void esb_reset(struct pci_device *d)
{
	struct i6300esb *s = (struct i6300esb *)d;

	esb_stop(s);
	s->preload[0] = s->preload[1] = PRELOAD_MAX;
	s->unlock = 0;
	s->interrupt = s->timed_out = false;
	d->config[CONFIG] = d->config[CONFIG + 1] = d->config[LOCK] = 0;
}

static const struct region_ops esb_ops = {esb_read, esb_write, .min = 1, .max = 4, .impl_min = 4, .impl_max = 4};

static int esb_realize(struct pci_device *d, struct err *e)
{
	struct i6300esb *s = (struct i6300esb *)d;

	(void)e;
	s->timer = timer_new(d->dev.machine, CLOCK_VIRT, esb_expired, s);
	s->region = region_new_io(d->dev.machine, "i6300esb", 16, &esb_ops, s);
	d->write_mask[CONFIG] = CONFIG_INT | CONFIG_PRESCALE | CONFIG_OUTPUT_OFF;
	d->write_mask[LOCK] = LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE_RUN;
	d->config[PCI_IRQ_PIN] = 1;
	pci_bar(d, 0, PCI_BAR_MEM, s->region);
	return 0;
}

static void esb_unrealize(struct pci_device *d)
{
	struct i6300esb *s = (struct i6300esb *)d;

	timer_free(s->timer);
	region_remove(s->region);
	region_free(s->region);
}

static int esb_loaded(void *state, struct err *e)
{
	struct i6300esb *s = state;

	if (s->stage > 2 || s->unlock > 2 || s->preload[0] > PRELOAD_MAX || s->preload[1] > PRELOAD_MAX)
		return err_set(e, EINVAL, "i6300esb: stage %u, unlock step %u: impossible", s->stage, s->unlock);
	return 0;
}

static const struct pci_class esb_class = {
	.info = {.vendor = 0x8086, .device = 0x25ab, .class_code = 0x088000},
	.realize = esb_realize, .unrealize = esb_unrealize, .reset = esb_reset, .config_written = esb_config_written,
};
static const struct prop esb_props[] = {PCI_PROPS, {.name = NULL}};
static const struct field esb_fields[] = {
	F_UINTS(struct i6300esb, preload), F_UINT(struct i6300esb, unlock), F_UINT(struct i6300esb, stage),
	F_BOOL(struct i6300esb, interrupt), F_BOOL(struct i6300esb, timed_out), F_TIMER(struct i6300esb, timer), F_END,
};
static const struct state_table esb_state = {.name = "i6300esb", .version = 1, .oldest = 1, .fields = esb_fields, .loaded = esb_loaded};

static const struct device_type esb_type = {
	.name = "i6300esb", .bus = "PCI", .desc = "Intel 6300ESB watchdog", .category = "Misc", .size = sizeof(struct i6300esb),
	.props = esb_props, .state = &esb_state, .user = true,
	.realize = pci_realize, .unrealize = pci_unrealize, .reset = pci_reset, .extra = &esb_class,
};
DEVICE(esb_type);
