// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What every PCI-to-PCI bridge does (PCI-to-PCI Bridge Architecture Specification 1.2, chapter 3): a type 1 header whose base and limit
 * registers open windows from the primary bus onto the secondary bus's memory and ports.
 *
 * Each window is an alias of the secondary bus's space, remade when its registers change.
 */
#include "pci-internal.h"
#include <errno.h>
#include <stdio.h>

enum { IO_BASE = 28, IO_LIMIT = 29, MEMORY_BASE = 32, MEMORY_LIMIT = 34, PREFETCH_BASE = 36, PREFETCH_LIMIT = 38,
       PREFETCH_BASE_HIGH = 40, PREFETCH_LIMIT_HIGH = 44, IO_BASE_HIGH = 48, IO_LIMIT_HIGH = 50 };

struct window {
	bool on;
	uint64_t base, size;
};

static struct window io_window(const uint8_t *c)
{
	uint64_t base = (uint64_t)(c[IO_BASE] & 0xf0) << 8, limit = ((uint64_t)(c[IO_LIMIT] & 0xf0) << 8) | 0xfff;
	return (struct window){c[PCI_COMMAND] & PCI_COMMAND_IO && base <= limit, base, limit - base + 1};
}

static struct window memory_window(const uint8_t *c)
{
	uint64_t base = (uint64_t)(pci_get16(c + MEMORY_BASE) & 0xfff0) << 16;
	uint64_t limit = ((uint64_t)(pci_get16(c + MEMORY_LIMIT) & 0xfff0) << 16) | 0xfffff;
	return (struct window){c[PCI_COMMAND] & PCI_COMMAND_MEMORY && base <= limit, base, limit - base + 1};
}

static struct window prefetch_window(const uint8_t *c)
{
	uint64_t base = (uint64_t)(pci_get16(c + PREFETCH_BASE) & 0xfff0) << 16 | (uint64_t)pci_get32(c + PREFETCH_BASE_HIGH) << 32;
	uint64_t limit = (uint64_t)(pci_get16(c + PREFETCH_LIMIT) & 0xfff0) << 16 | 0xfffff |
			 (uint64_t)pci_get32(c + PREFETCH_LIMIT_HIGH) << 32;
	return (struct window){c[PCI_COMMAND] & PCI_COMMAND_MEMORY && base <= limit, base, limit - base + 1};
}

/* Replaces window n of the bridge: an alias of the secondary side's space, or nothing. */
static void window_set(struct pci_bridge *b, unsigned n, struct window w, struct region *of, struct region *in, const char *name)
{
	if (b->window[n]) {
		region_remove(b->window[n]);
		region_free(b->window[n]);
		b->window[n] = NULL;
	}
	if (!w.on || !w.size) /* size 0 would be all 2^64 bytes */
		return;
	b->window[n] = region_new_alias(b->pci.dev.machine, name, of, w.base, w.size);
	if (b->window[n])
		region_add(in, w.base, b->window[n], 1);
}

static struct pci_bridge *bridge_of(struct pci_device *d)
{
	return (struct pci_bridge *)d;
}

static void windows_update(struct pci_bridge *b)
{
	struct pci_bus *primary = pci_bus_of(&b->pci);
	const uint8_t *c = b->pci.config;
	memory_begin(b->pci.dev.machine);
	window_set(b, 0, io_window(c), b->ports, primary->ports, "bridge-io");
	window_set(b, 1, memory_window(c), b->memory, primary->memory, "bridge-memory");
	window_set(b, 2, prefetch_window(c), b->memory, primary->memory, "bridge-prefetch");
	memory_commit(b->pci.dev.machine);
}

void pci_bridge_config_written(struct pci_device *d, unsigned at, unsigned size)
{
	struct pci_bridge *b = bridge_of(d);
	if (at <= PCI_SECONDARY && at + size > PCI_SECONDARY)
		b->bus.number = d->config[PCI_SECONDARY];
	if ((at < PCI_COMMAND + 2 && at + size > PCI_COMMAND) || (at < IO_LIMIT_HIGH + 2 && at + size > IO_BASE))
		windows_update(b);
	/* Secondary bus reset (3.2.5.18): functions behind are reset when the bit goes from 0 to 1. */
	bool asserted = d->config[PCI_BRIDGE_CONTROL] & 0x40;
	if (asserted && !b->reset_asserted)
		for (unsigned i = 0; i < 256; i++)
			if (b->bus.function[i])
				pci_reset(&b->bus.function[i]->dev);
	b->reset_asserted = asserted;
}

void pci_bridge_reset(struct pci_device *d)
{
	struct pci_bridge *b = bridge_of(d);
	for (unsigned i = PCI_PRIMARY; i <= PCI_BRIDGE_CONTROL + 1; i++)
		if (i != PCI_CAPABILITIES && i != PCI_IRQ_PIN)
			d->config[i] &= (uint8_t)~d->write_mask[i];
	b->bus.number = 0;
	b->reset_asserted = false;
	windows_update(b);
}

int pci_bridge_init(struct pci_bridge *b, const char *bus_name, struct err *e)
{
	struct pci_device *d = &b->pci;
	struct machine *m = d->dev.machine;
	b->memory = region_new_container(m, "bridge-memory-space", 0);
	b->ports = region_new_container(m, "bridge-port-space", 0x10000);
	if (!b->memory || !b->ports) {
		pci_bridge_free(b);
		return err_set(e, ENOMEM, "%s: out of memory", d->dev.type->name);
	}
	pci_bus_init(&b->bus, bus_name, &d->dev, m, b->memory, b->ports, d->dma);
	d->secondary = &b->bus;
	uint8_t *w = d->write_mask;
	w[PCI_PRIMARY] = w[PCI_SECONDARY] = w[PCI_SUBORDINATE] = w[27] = 0xff;
	w[IO_BASE] = w[IO_LIMIT] = 0xf0;
	pci_put16(w + MEMORY_BASE, 0xfff0);
	pci_put16(w + MEMORY_LIMIT, 0xfff0);
	pci_put16(w + PREFETCH_BASE, 0xfff0);
	pci_put16(w + PREFETCH_LIMIT, 0xfff0);
	d->config[PREFETCH_BASE] = d->config[PREFETCH_LIMIT] = 1; /* the upper halves exist */
	pci_put32(w + PREFETCH_BASE_HIGH, 0xffffffff);
	pci_put32(w + PREFETCH_LIMIT_HIGH, 0xffffffff);
	pci_put16(w + PCI_BRIDGE_CONTROL, 0x7f);
	pci_put16(d->clear_mask + 30, 0xf900); /* secondary status */
	return 0;
}

void pci_bridge_free(struct pci_bridge *b)
{
	for (unsigned n = 0; n < 3; n++)
		if (b->window[n]) {
			region_remove(b->window[n]);
			region_free(b->window[n]);
			b->window[n] = NULL;
		}
	if (b->memory)
		region_free(b->memory);
	if (b->ports)
		region_free(b->ports);
	b->memory = b->ports = NULL;
	b->pci.secondary = NULL;
}

/* ---- pci-bridge: a plain bridge with a chassis number, as -device pci-bridge makes it ---- */

struct plain_bridge {
	struct pci_bridge bridge;
	uint8_t chassis;
	bool msi;
};

static int plain_realize(struct pci_device *d, struct err *e)
{
	struct plain_bridge *p = (struct plain_bridge *)d;
	char name[sizeof d->dev.buses->name];
	snprintf(name, sizeof name, "%s", d->dev.id ? d->dev.id : "pci.1");
	if (!p->chassis)
		return err_set(e, EINVAL, "pci-bridge: chassis_nr must be 1 to 255; guests tell slots of bridges apart by it");
	int r = pci_bridge_init(&p->bridge, name, e);
	if (r)
		return r;
	/* Slot numbering (bridge specification, 13.4): slots behind it, first in chassis; chassis number. */
	int cap = pci_capability(d, 4, 0, 4);
	if (cap >= 0) {
		d->config[cap + 2] = 0x20;
		d->config[cap + 3] = p->chassis;
	}
	d->config[PCI_IRQ_PIN] = 1;
	if (p->msi)
		pci_msi_init(d, 0, 1, true, true);
	return 0;
}

static void plain_unrealize(struct pci_device *d)
{
	pci_bridge_free(bridge_of(d));
}

static const struct prop plain_props[] = {
	PCI_PROPS,
	{.name = "chassis_nr", P_(struct plain_bridge, chassis, PROP_U8), .help = "number of the chassis, 1 to 255"},
	{.name = "msi", P_(struct plain_bridge, msi, PROP_BOOL), .def = 1, .help = "offer message interrupts"},
	{.name = NULL},
};

static const struct pci_class plain_class = {
	.info = {.vendor = 0x1b36, .device = 0x0001, .class_code = 0x060400, .bridge = true},
	.realize = plain_realize,
	.unrealize = plain_unrealize,
};

static const struct device_type plain_bridge = {
	.name = "pci-bridge",
	.bus = "PCI",
	.desc = "Standard PCI Bridge",
	.category = "Controller/Bridge/Hub",
	.size = sizeof(struct plain_bridge),
	.props = plain_props,
	.state = NULL, /* configuration space is all there is, and the PCI core saves it */
	.user = true,
	.realize = pci_realize,
	.reset = pci_reset,
	.unrealize = pci_unrealize,
	.extra = &plain_class,
};
DEVICE(plain_bridge);
