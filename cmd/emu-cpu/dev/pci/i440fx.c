// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Intel 440FX PCIset: 82441FX PCI and memory controller (data sheet 290549-001, May 1996).
 *
 * Modelled: configuration mechanism 1, the programmable attribute map (PAM0..6) that shadows ROM in RAM, SMRAM. DRAM rows, timing and error
 * registers keep what is written to them.
 *
 * Where memory shows. System memory has RAM at 0 and below it, at a lower priority, the PCI bus's space. Each of the thirteen PAM
 * segments between 0xc0000 and 0xfffff has two windows above both: one onto the bus ("read from ROM") and one onto RAM without stores. A
 * segment that may be read and written has neither. "Write only" (reads from the bus, stores to RAM) is shown as the bus: nobody can
 * execute a copy loop over it that needs more than RAM and ROM at different addresses, and no known firmware does.
 */
#include "i440fx.h"
#include <errno.h>
#include <stdlib.h>
#include "../../machine.h"

enum { PAM0 = 0x59, PAM_REGISTERS = 7, SMRAM = 0x72 };
enum { PAM_READ = 1, PAM_WRITE = 2, SMRAM_OPEN = 0x40, SMRAM_CLOSED = 0x20, SMRAM_LOCKED = 0x10, SMRAM_ENABLE = 8 };
enum { SEGMENTS = 13 };

struct segment {
	uint32_t start, size;
	uint8_t reg, shift;
	struct region *bus, *shadow;
};

struct i440fx {
	struct pci_device pci; /* first */
	struct pci_bus *bus;   /* that it is a function of and provides */
	struct region *address_port, *data_port;
	uint32_t address;      /* CONFADD, port 0xcf8 */
	struct segment segment[SEGMENTS];
	struct region *video_hole;  /* the bus at 0xa0000, seen by all */
	struct region *smm_hole;    /* RAM at 0xa0000, seen in system management mode */
	struct region *nobody;      /* on the bus from 0xa0000 to 0xfffff, below all others: an alias of nothing would let RAM show through */
};

struct wiring { /* i440fx_new()'s arguments */
	struct region *system, *smm, *memory, *ports, *ram;
};

/* ---- attribute map ---- */

static void map_update(struct i440fx *h)
{
	const uint8_t *c = h->pci.config;
	memory_begin(h->pci.dev.machine);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		struct segment *s = &h->segment[i];
		unsigned how = c[s->reg] >> s->shift & 3;
		region_enable(s->bus, !(how & PAM_READ));
		region_enable(s->shadow, how == PAM_READ);
	}
	bool open = c[SMRAM] & SMRAM_OPEN && !(c[SMRAM] & SMRAM_CLOSED);
	region_enable(h->video_hole, !open);
	region_enable(h->smm_hole, c[SMRAM] & SMRAM_ENABLE && !(c[SMRAM] & SMRAM_CLOSED));
	memory_commit(h->pci.dev.machine);
}

static void config_written(struct pci_device *d, unsigned at, unsigned size, uint32_t old)
{
	struct i440fx *h = (struct i440fx *)d;
	(void)old;
	if (at <= SMRAM && at + size > SMRAM && d->config[SMRAM] & SMRAM_LOCKED) {
		/* Once locked only the open bit falls, and nothing can be written (data sheet 3.2.19). */
		d->config[SMRAM] &= (uint8_t)~SMRAM_OPEN;
		d->write_mask[SMRAM] = SMRAM_CLOSED;
	}
	if ((at < PAM0 + PAM_REGISTERS && at + size > PAM0) || (at <= SMRAM && at + size > SMRAM))
		map_update(h);
}

static uint64_t nobody_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)opaque, (void)offset, (void)size;
	return UINT64_MAX;
}

static void nobody_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)opaque, (void)offset, (void)value, (void)size;
}

static const struct region_ops nobody_ops = {.read = nobody_read, .write = nobody_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = 8,
					     .unaligned = true};

/* ---- configuration mechanism 1 (PCI 3.0, 3.2.2.3.2) ---- */

static uint64_t address_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct i440fx *h = opaque;
	(void)offset, (void)size;
	return h->address;
}

static void address_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct i440fx *h = opaque;
	/* Only a doubleword sets it: bytes at 0xcf9 are the reset control of the PIIX3, others are nobody's. */
	if (size == 4 && offset == 0)
		h->address = (uint32_t)value & 0x80fffffc;
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
	struct i440fx *h = opaque;
	if (!(h->address & 0x80000000u))
		return UINT32_MAX >> (32 - 8 * size);
	return pci_config_read(h->bus, (uint8_t)(h->address >> 16), (uint8_t)(h->address >> 8), (h->address & 0xfc) | (unsigned)offset,
			       size);
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct i440fx *h = opaque;
	if (h->address & 0x80000000u)
		pci_config_write(h->bus, (uint8_t)(h->address >> 16), (uint8_t)(h->address >> 8),
				 (h->address & 0xfc) | (unsigned)offset, (uint32_t)value, size);
}

static const struct region_ops address_ops = {.read = address_read, .write = address_write, .min = 1, .max = 4, .impl_min = 1,
					      .impl_max = 4};
static const struct region_ops data_ops = {.read = data_read, .write = data_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 4};

/* ---- life ---- */

static int realize(struct pci_device *d, struct err *e)
{
	(void)e;
	d->write_mask[0x50] = 0xff; /* PCI and memory controller configuration */
	d->write_mask[0x51] = 0xff;
	d->write_mask[0x52] = 0x01;
	d->write_mask[0x53] = 0xff;
	for (unsigned at = 0x54; at < 0x59; at++)
		d->write_mask[at] = 0xff; /* DRAM control and timing */
	d->write_mask[PAM0] = 0x30;
	for (unsigned at = PAM0 + 1; at < PAM0 + PAM_REGISTERS; at++)
		d->write_mask[at] = 0x33;
	for (unsigned at = 0x60; at < 0x68; at++)
		d->write_mask[at] = 0xff; /* DRAM row boundaries */
	d->write_mask[SMRAM] = 0x78;
	return 0;
}

static void reset(struct pci_device *d)
{
	struct i440fx *h = (struct i440fx *)d;
	for (unsigned at = 0x50; at < 0x78; at++)
		d->config[at] &= (uint8_t)~d->write_mask[at];
	pci_put16(d->config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_put16(d->config + PCI_STATUS, 0x0280);
	d->write_mask[SMRAM] = 0x78;
	d->config[SMRAM] = 2; /* the base, fixed */
	h->address = 0;
	map_update(h);
}

static int loaded(void *state, struct err *e)
{
	struct i440fx *h = state;
	if (h->address & ~0x80fffffcu)
		return err_set(e, EINVAL, "i440FX: the saved configuration address 0x%x has reserved bits", h->address);
	map_update(h);
	return 0;
}

struct pci_bus *i440fx_bus(struct i440fx *h)
{
	return h->bus;
}

static void unwire(struct i440fx *h)
{
	struct region *all[] = {h->address_port, h->data_port, h->video_hole, h->smm_hole, h->nobody};
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i]) {
			region_remove(all[i]);
			region_free(all[i]);
		}
	for (unsigned i = 0; i < SEGMENTS; i++) {
		if (h->segment[i].bus)
			region_remove(h->segment[i].bus), region_free(h->segment[i].bus);
		if (h->segment[i].shadow)
			region_remove(h->segment[i].shadow), region_free(h->segment[i].shadow);
	}
}

static int wire(struct i440fx *h, const struct wiring *w, struct err *e)
{
	struct machine *m = h->pci.dev.machine;
	for (unsigned i = 0; i < SEGMENTS; i++) {
		struct segment *s = &h->segment[i];
		if (i == 0) /* PAM0's upper half: the system BIOS */
			*s = (struct segment){.start = 0xf0000, .size = 0x10000, .reg = PAM0, .shift = 4};
		else
			*s = (struct segment){.start = 0xc0000 + (i - 1) * 0x4000, .size = 0x4000, .reg = (uint8_t)(PAM0 + 1 + (i - 1) / 2),
					      .shift = (uint8_t)((i - 1) % 2 * 4)};
		s->bus = region_new_alias(m, "pam-pci", w->memory, s->start, s->size);
		s->shadow = region_new_alias(m, "pam-ram", w->ram, s->start, s->size);
		if (!s->bus || !s->shadow)
			return err_set(e, ENOMEM, "i440FX: out of memory");
		region_readonly(s->shadow, true);
		region_enable(s->shadow, false);
		region_add(w->system, s->start, s->bus, 1);
		region_add(w->system, s->start, s->shadow, 1);
	}
	h->video_hole = region_new_alias(m, "smram-region", w->memory, 0xa0000, 0x20000);
	h->smm_hole = region_new_alias(m, "smram-low", w->ram, 0xa0000, 0x20000);
	h->nobody = region_new_io(m, "pci-nobody", 0x60000, &nobody_ops, h);
	h->address_port = region_new_io(m, "pci-conf-idx", 4, &address_ops, h);
	h->data_port = region_new_io(m, "pci-conf-data", 4, &data_ops, h);
	if (!h->video_hole || !h->smm_hole || !h->nobody || !h->address_port || !h->data_port)
		return err_set(e, ENOMEM, "i440FX: out of memory");
	region_add(w->memory, 0xa0000, h->nobody, -1000);
	region_add(w->system, 0xa0000, h->video_hole, 1);
	region_enable(h->smm_hole, false);
	region_add(w->smm, 0xa0000, h->smm_hole, 1);
	region_add(w->ports, 0xcf8, h->address_port, 0);
	region_add(w->ports, 0xcfc, h->data_port, 0);
	return 0;
}

struct i440fx *i440fx_new(struct machine *m, struct region *system, struct region *smm, struct region *memory, struct region *ports,
			  struct region *ram, struct err *e)
{
	struct pci_bus *bus = calloc(1, sizeof *bus);
	if (!bus) {
		err_set(e, ENOMEM, "i440FX: out of memory");
		return NULL;
	}
	pci_bus_init(bus, "pci.0", NULL, m, memory, ports, m->memory);
	bus->bus.allocated = true;
	struct device *d = device_new(m, "i440FX", &bus->bus, e);
	if (!d)
		return NULL;
	struct i440fx *h = (struct i440fx *)d;
	h->bus = bus;
	h->pci.addr = 0;
	struct wiring w = {system, smm, memory, ports, ram};
	if (wire(h, &w, e) || device_realize(d, e)) {
		unwire(h);
		device_free(d);
		return NULL;
	}
	return h;
}

static void unrealize(struct pci_device *d)
{
	unwire((struct i440fx *)d);
}

static const struct prop props[] = {PCI_PROPS, {.name = NULL}};

static const struct field fields[] = {F_UINT(struct i440fx, address), F_END};

static const struct state_table state = {.name = "i440FX", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded};

static const struct pci_class class = {
	.info = {.vendor = 0x8086, .device = 0x1237, .revision = 2, .class_code = 0x060000},
	.realize = realize,
	.unrealize = unrealize,
	.reset = reset,
	.config_written = config_written,
};

static const struct device_type i440fx = {
	.name = "i440FX",
	.bus = "PCI",
	.desc = "Host bridge",
	.category = "Controller/Bridge/Hub",
	.size = sizeof(struct i440fx),
	.props = props,
	.state = &state,
	.realize = pci_realize,
	.reset = pci_reset,
	.unrealize = pci_unrealize,
	.extra = &class,
};
DEVICE(i440fx);
