// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI buses and the part of a function that all functions share: the header of configuration space, decoding of BARs and the
 * expansion ROM, interrupt pins, bus-master accesses (PCI Local Bus Specification 3.0, chapters 3 and 6). Message interrupts are in
 * pci-msi.c.
 */
#include "pci.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "machine.h"
#include "pci-internal.h"
#include "x86-parts.h"

#define UNMAPPED UINT64_MAX

static const struct pci_class *class_of(const struct pci_device *d)
{
	return d->dev.type->extra;
}

/* ---- BARs ---- */

static unsigned bar_register(const struct pci_device *d, unsigned n)
{
	if (n < PCI_ROM_SLOT)
		return PCI_BAR0 + 4 * n;
	return class_of(d)->info.bridge ? 56 : PCI_ROM;
}

/* Where configuration space puts the BAR now; UNMAPPED: nowhere. */
static uint64_t bar_address(const struct pci_device *d, unsigned n)
{
	const struct pci_bar *b = &d->bar[n];
	const uint8_t *at = d->config + bar_register(d, n);
	uint16_t command = pci_get16(d->config + PCI_COMMAND);
	if (b->type & PCI_BAR_IO) {
		uint32_t a = pci_get32(at) & ~3u & ~(uint32_t)(b->size - 1);
		/* A port range must lie in the 64 KiB that the bus has; address 0 is what "not set up" looks like. */
		return command & PCI_COMMAND_IO && a && (uint64_t)a + b->size <= 0x10000 ? a : UNMAPPED;
	}
	if (!(command & PCI_COMMAND_MEMORY) || (n == PCI_ROM_SLOT && !(at[0] & 1)))
		return UNMAPPED;
	uint64_t a = pci_get32(at) & ~(n == PCI_ROM_SLOT ? 0x7ffu : 0xfu);
	if (b->type & PCI_BAR_MEM64 && n != PCI_ROM_SLOT)
		a |= (uint64_t)pci_get32(at + 4) << 32;
	a &= ~(b->size - 1);
	/* While firmware finds the size all address bits are ones: decoding there would hide the top of the address space. */
	if (!a || a + b->size < a || (!(b->type & PCI_BAR_MEM64) && a + b->size > 0xffffffffull))
		return UNMAPPED;
	return a;
}

static void bars_update(struct pci_device *d)
{
	struct pci_bus *bus = pci_bus_of(d);
	for (unsigned n = 0; n < 7; n++) {
		struct pci_bar *b = &d->bar[n];
		if (!b->region)
			continue;
		uint64_t to = bar_address(d, n);
		if (to == b->mapped)
			continue;
		memory_begin(d->dev.machine);
		if (b->mapped != UNMAPPED)
			region_remove(b->region);
		b->mapped = to;
		if (to != UNMAPPED)
			region_add(b->type & PCI_BAR_IO ? bus->ports : bus->memory, to, b->region, 1);
		memory_commit(d->dev.machine);
	}
}

void pci_bar(struct pci_device *d, unsigned n, unsigned type, struct region *region)
{
	struct pci_bar *b = &d->bar[n];
	unsigned at = bar_register(d, n);
	*b = (struct pci_bar){.region = region, .type = (uint8_t)type, .size = region_size(region), .mapped = UNMAPPED};
	uint64_t mask = ~(b->size - 1);
	if (n == PCI_ROM_SLOT) {
		pci_put32(d->write_mask + at, ((uint32_t)mask & ~0x7ffu) | 1);
		return;
	}
	pci_put32(d->config + at, type & (PCI_BAR_IO | PCI_BAR_MEM64 | PCI_BAR_PREFETCH));
	pci_put32(d->write_mask + at, (uint32_t)mask & ~(type & PCI_BAR_IO ? 3u : 0xfu));
	if (type & PCI_BAR_MEM64)
		pci_put32(d->write_mask + at + 4, (uint32_t)(mask >> 32));
}

/* ---- configuration space ---- */

static uint32_t config_get(const struct pci_device *d, unsigned at, unsigned size)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < size; i++)
		v |= (uint32_t)d->config[at + i] << (8 * i);
	return v;
}

static uint32_t function_read(struct pci_device *d, unsigned at, unsigned size)
{
	if (at + size > d->config_size)
		return UINT32_MAX;
	uint32_t v = config_get(d, at, size);
	const struct pci_class *c = class_of(d);
	return c->config_read ? c->config_read(d, at, size, v) : v;
}

static void function_write(struct pci_device *d, unsigned at, uint32_t value, unsigned size)
{
	if (at + size > d->config_size) {
		guest_error(&d->dev, "write beyond configuration space, register 0x%x", at);
		return;
	}
	uint32_t old = config_get(d, at, size);
	for (unsigned i = 0; i < size; i++) {
		uint8_t v = (uint8_t)(value >> (8 * i)), w = d->write_mask[at + i];
		uint8_t now = (uint8_t)((d->config[at + i] & ~w) | (v & w));
		d->config[at + i] = (uint8_t)(now & ~(v & d->clear_mask[at + i]));
	}
	bool header = at < 64;
	if (header && d->secondary)
		pci_bridge_config_written(d, at, size);
	if (header) {
		bars_update(d);
		if (at <= PCI_COMMAND + 1 && at + size > PCI_COMMAND)
			pci_pin_update(d);
	}
	pci_msi_config_written(d, at, size);
	const struct pci_class *c = class_of(d);
	if (c->config_written)
		c->config_written(d, at, size, old);
}

struct pci_bus *pci_bus_find(struct pci_bus *root, uint8_t number)
{
	struct pci_bus *b = root;
	if (number == root->number)
		return b;
	/* Downwards: on each bus at most one bridge forwards a number; a guest may have set up nonsense, so depth is bounded. */
	for (unsigned depth = 0; depth < 32; depth++) {
		struct pci_bus *next = NULL;
		for (unsigned i = 0; i < 256 && !next; i++) {
			struct pci_device *d = b->function[i];
			if (d && d->secondary && d->config[PCI_SECONDARY] && d->config[PCI_SECONDARY] <= number &&
			    number <= d->config[PCI_SUBORDINATE])
				next = d->secondary;
		}
		if (!next || next->number == number)
			return next;
		b = next;
	}
	return NULL;
}

static struct pci_device *function_find(struct pci_bus *root, uint8_t bus, uint8_t devfn)
{
	struct pci_bus *b = pci_bus_find(root, bus);
	return b ? b->function[devfn] : NULL;
}

uint32_t pci_config_read(struct pci_bus *root, uint8_t bus, uint8_t devfn, unsigned at, unsigned size)
{
	struct pci_device *d = function_find(root, bus, devfn);
	return d ? function_read(d, at, size) : UINT32_MAX;
}

void pci_config_write(struct pci_bus *root, uint8_t bus, uint8_t devfn, unsigned at, uint32_t value, unsigned size)
{
	struct pci_device *d = function_find(root, bus, devfn);
	if (d)
		function_write(d, at, value, size);
}

int pci_capability(struct pci_device *d, uint8_t id, unsigned at, unsigned size)
{
	unsigned units = (size + 7) / 8;
	if (at) {
		at /= 8;
	} else {
		for (at = 0x40 / 8; at + units <= 32; at++) {
			unsigned i = 0;
			while (i < units && !d->used[at + i])
				i++;
			if (i == units)
				break;
		}
	}
	if (at + units > 32)
		return -ENOSPC;
	memset(d->used + at, 1, units);
	at *= 8;
	memset(d->config + at, 0, size);
	d->config[at] = id;
	d->config[at + 1] = d->config[PCI_CAPABILITIES];
	d->config[PCI_CAPABILITIES] = (uint8_t)at;
	d->config[PCI_STATUS] |= 0x10; /* there is a list */
	return (int)at;
}

/* ---- interrupt pins ---- */

/* A pin of the function changed its level: upwards through bridges to the root's inputs. */
static void pin_propagate(struct pci_device *d, unsigned pin, bool level)
{
	struct pci_bus *b = pci_bus_of(d);
	int input = b->map_irq(b, d->devfn, pin);
	while (!b->set_irq && b->bus.owner) {
		/* A bridge hands pins on (PCI-to-PCI Bridge 1.2, 9.1): its own pins take part like a function's. */
		d = pci_device(b->bus.owner);
		b = pci_bus_of(d);
		input = b->map_irq(b, d->devfn, (unsigned)input);
	}
	if (!b->set_irq || input < 0 || (unsigned)input >= b->inputs)
		return;
	b->level[input] += level ? 1 : -1;
	b->set_irq(b->irq_opaque, input, b->level[input] > 0);
}

void pci_pin_update(struct pci_device *d)
{
	unsigned pin = d->config[PCI_IRQ_PIN];
	if (!pin || pin > 4)
		return;
	bool off = pci_get16(d->config + PCI_COMMAND) & PCI_COMMAND_NO_INTX;
	bool level = d->irq_state && !off;
	if (level == d->pin_high)
		return;
	d->pin_high = level;
	pin_propagate(d, pin - 1, level);
}

void pci_set_irq(struct pci_device *d, bool level)
{
	d->irq_state = level;
	if (level)
		d->config[PCI_STATUS] |= 8; /* interrupt status follows the function, whatever the command register hides */
	else
		d->config[PCI_STATUS] &= (uint8_t)~8;
	pci_pin_update(d);
}

/* ---- bus mastering ---- */

bool pci_is_master(const struct pci_device *d)
{
	return d->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

enum mem_result pci_dma_read(struct pci_device *d, uint64_t addr, void *buf, uint64_t size)
{
	if (!pci_is_master(d)) {
		memset(buf, 0xff, size);
		return MEM_REFUSED;
	}
	return space_read(d->dma, addr, buf, size);
}

enum mem_result pci_dma_write(struct pci_device *d, uint64_t addr, const void *buf, uint64_t size)
{
	if (!pci_is_master(d))
		return MEM_REFUSED;
	return space_write(d->dma, addr, buf, size);
}

void *pci_dma_map(struct pci_device *d, uint64_t addr, uint64_t *size, bool write)
{
	return pci_is_master(d) ? space_map(d->dma, addr, size, write) : NULL;
}

void pci_dma_unmap(struct pci_device *d, void *host, uint64_t size, bool written)
{
	space_unmap(d->dma, host, size, written);
}

/* ---- saved state ---- */

static const struct field pci_state_fields[] = {
	{.name = "config", .offset = offsetof(struct pci_device, config), .kind = FIELD_BUFFER,
	 .aux = offsetof(struct pci_device, config_size), .max = 4096, .count = 1},
	{.name = "msix_table", .offset = offsetof(struct pci_device, msix_table), .kind = FIELD_BUFFER,
	 .aux = offsetof(struct pci_device, msix_table_size), .max = 2048 * 16, .count = 1},
	{.name = "msix_pending", .offset = offsetof(struct pci_device, msix_pending), .kind = FIELD_BUFFER,
	 .aux = offsetof(struct pci_device, msix_pending_size), .max = 2048 / 8, .count = 1},
	F_UINT(struct pci_device, irq_state),
	F_END,
};

static int pci_loaded(void *state, struct err *e)
{
	struct pci_device *d = state;
	const struct pci_info *i = &class_of(d)->info;
	if (pci_get16(d->config) != i->vendor || pci_get16(d->config + 2) != i->device)
		return err_set(e, EINVAL, "%s: the saved state is of another function (%04x:%04x)", d->dev.path,
			       pci_get16(d->config), pci_get16(d->config + 2));
	bars_update(d);
	if (d->secondary)
		pci_bridge_config_written(d, 0, 64);
	pci_pin_update(d);
	return 0;
}

static const struct state_table pci_state = {
	.name = "pci", .version = 1, .oldest = 1, .fields = pci_state_fields, .loaded = pci_loaded,
};

/* ---- life of a function ---- */

static void header_fill(struct pci_device *d)
{
	const struct pci_info *i = &class_of(d)->info;
	uint8_t *c = d->config, *w = d->write_mask;
	pci_put16(c, i->vendor);
	pci_put16(c + 2, i->device);
	c[8] = i->revision;
	c[PCI_CLASS] = (uint8_t)i->class_code;
	pci_put16(c + PCI_CLASS + 1, (uint16_t)(i->class_code >> 8));
	c[PCI_HEADER] = (uint8_t)((i->bridge ? 1 : 0) | (d->multifunction ? 0x80 : 0));
	if (!i->bridge) {
		/* What the classic machine shows where a chip has no identifiers of its own. */
		pci_put16(c + PCI_SUBSYSTEM, i->sub_vendor ? i->sub_vendor : 0x1af4);
		pci_put16(c + PCI_SUBSYSTEM + 2, i->sub_vendor ? i->sub_device : 0x1100);
	}
	pci_put16(w + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | 0x140 | PCI_COMMAND_NO_INTX);
	pci_put16(d->clear_mask + PCI_STATUS, 0xf900); /* error bits: written ones clear */
	w[12] = 0xff; /* cache line size */
	if (!i->bridge)
		w[13] = 0xff;
	w[PCI_IRQ_LINE] = 0xff;
	memset(d->used, 1, 8); /* the header */
	if (i->express)
		memset(w + 0x100, 0, d->config_size - 0x100);
}

/*
 * Firmware starts a ROM only where its PCI data structure names the function (Firmware Specification 3.0, 5.1.2); boot ROMs are made for one
 * identifier of the many that they know. So it is given this one's, and the first image's checksum stays what it was.
 */
static void rom_name(const struct pci_device *d, uint8_t *rom, size_t size)
{
	if (size < 0x1a || rom[0] != 0x55 || rom[1] != 0xaa)
		return;
	size_t at = pci_get16(rom + 0x18);
	if (at + 0x18 > size || memcmp(rom + at, "PCIR", 4))
		return;
	uint8_t sum = 0, *ids = rom + at + 4;
	for (unsigned i = 0; i < 4; i++) {
		sum = (uint8_t)(sum + ids[i] - d->config[i]);
		ids[i] = d->config[i];
	}
	rom[6] = (uint8_t)(rom[6] + sum);
}

static int rom_load(struct pci_device *d, struct err *e)
{
	const struct pci_class *c = class_of(d);
	const char *file = d->romfile ? d->romfile : c->info.rom;
	if (!file || !*file)
		return 0;
	/* No file is opened once the machine runs. A card that comes later has no ROM of its own accord: nothing starts from it before a reset. */
	if (d->dev.machine->built) {
		if (!d->romfile)
			return 0;
		err_set(e, EACCES, "romfile=%s: no file can be opened any more when the machine runs", file);
		return err_hint(e, "romfile= (nothing) leaves the ROM out; a -device of the command line has it.");
	}
	size_t size;
	uint8_t *data = firmware_load(d->dev.machine, file, &size, e);
	if (!data && e->code == ENOENT && !d->romfile) {
		err_print("%s: %s: no boot from it (Debian's package is ipxe-qemu)", d->dev.type->name, e->msg);
		*e = (struct err)ERR_INIT;
		return 0;
	}
	if (!data)
		return -e->code;
	int r = 0;
	if (!size || size > 16u << 20) {
		r = err_set(e, EINVAL, "%s: an expansion ROM has 1 byte to 16 MiB, this file has %zu bytes", file, size);
		goto out;
	}
	if (!d->rombar) { /* handed to the firmware by another way */
		char name[80];
		const char *base = strrchr(file, '/');
		snprintf(name, sizeof name, "genroms/%s", base ? base + 1 : file);
		r = fw_cfg_add_file(d->dev.machine, name, data, size, e);
		goto out;
	}
	uint64_t room = 2048;
	while (room < size)
		room *= 2;
	d->rom = region_new_rom(d->dev.machine, d->dev.type->name, room, NULL, NULL, e);
	if (!d->rom) {
		r = -e->code;
		goto out;
	}
	memcpy(region_ram(d->rom), data, size);
	if (!d->romfile)
		rom_name(d, region_ram(d->rom), size);
	pci_bar(d, PCI_ROM_SLOT, PCI_BAR_MEM, d->rom);
out:
	free(data);
	return r;
}

static void function_forget(struct pci_device *d)
{
	memory_begin(d->dev.machine);
	for (unsigned n = 0; n < 7; n++)
		if (d->bar[n].region && d->bar[n].mapped != UNMAPPED)
			region_remove(d->bar[n].region);
	memory_commit(d->dev.machine);
	if (d->pin_high)
		pin_propagate(d, d->config[PCI_IRQ_PIN] - 1u, false);
	if (d->rom)
		region_free(d->rom);
	pci_msi_free(d);
	free(d->config);
	d->config = NULL;
}

int pci_realize(struct device *dev, struct err *e)
{
	struct pci_device *d = pci_device(dev);
	const struct pci_class *c = class_of(d);
	d->config_size = c->info.express ? 4096 : 256;
	d->config = calloc(3, d->config_size);
	if (!d->config)
		return err_set(e, ENOMEM, "%s: out of memory", dev->type->name);
	d->write_mask = d->config + d->config_size;
	d->clear_mask = d->write_mask + d->config_size;
	d->dma = pci_bus_of(d)->dma;
	for (unsigned n = 0; n < 7; n++)
		d->bar[n].mapped = UNMAPPED;
	header_fill(d);
	int r = c->realize ? c->realize(d, e) : 0;
	if (!r) {
		r = rom_load(d, e);
		if (r && c->unrealize)
			c->unrealize(d);
	}
	if (r) {
		function_forget(d);
		return r;
	}
	snprintf(d->section, sizeof d->section, "%s/pci", dev->path);
	machine_state_add(dev->machine, d->section, &pci_state, d);
	return 0;
}

void pci_unrealize(struct device *dev)
{
	struct pci_device *d = pci_device(dev);
	const struct pci_class *c = class_of(d);
	machine_state_remove(dev->machine, d);
	/* BARs leave the bus before the chip frees their regions. */
	memory_begin(dev->machine);
	for (unsigned n = 0; n < 7; n++)
		if (d->bar[n].region && d->bar[n].mapped != UNMAPPED) {
			region_remove(d->bar[n].region);
			d->bar[n].mapped = UNMAPPED;
		}
	memory_commit(dev->machine);
	if (c->unrealize)
		c->unrealize(d);
	function_forget(d);
}

void pci_reset(struct device *dev)
{
	struct pci_device *d = pci_device(dev);
	const struct pci_class *c = class_of(d);
	pci_set_irq(d, false);
	pci_put16(d->config + PCI_COMMAND, 0);
	pci_put16(d->config + PCI_STATUS, (uint16_t)(pci_get16(d->config + PCI_STATUS) & ~0xf900u));
	d->config[12] = 0;
	d->config[PCI_IRQ_LINE] = 0;
	for (unsigned n = 0; n < 7; n++) {
		struct pci_bar *b = &d->bar[n];
		if (!b->region)
			continue;
		unsigned at = bar_register(d, n);
		pci_put32(d->config + at, n == PCI_ROM_SLOT ? 0 : b->type & (PCI_BAR_IO | PCI_BAR_MEM64 | PCI_BAR_PREFETCH));
		if (b->type & PCI_BAR_MEM64)
			pci_put32(d->config + at + 4, 0);
	}
	if (d->secondary)
		pci_bridge_reset(d);
	bars_update(d);
	pci_msi_reset(d);
	if (c->reset)
		c->reset(d);
}

/* ---- the bus ---- */

static int pci_plug(struct bus *bus, struct device *dev, struct err *e)
{
	struct pci_bus *b = (struct pci_bus *)bus;
	struct pci_device *d = pci_device(dev);
	if (d->addr < 0) {
		unsigned slot = 0;
		while (slot < 32 && b->function[slot << 3])
			slot++;
		if (slot == 32)
			return err_set(e, ENOSPC, "%s: no free slot on bus %s (it has 32)", dev->type->name, bus->name);
		d->addr = (int32_t)(slot << 3);
	}
	if (d->addr > 255)
		return err_set(e, EINVAL, "%s: addr is slot 0..1f and function 0..7", dev->type->name);
	struct pci_device *there = b->function[d->addr];
	if (there)
		return err_set(e, EBUSY, "%s: slot %u function %u of bus %s is taken by %s", dev->type->name, (unsigned)d->addr >> 3,
			       (unsigned)d->addr & 7, bus->name, there->dev.id ? there->dev.id : there->dev.type->name);
	if (d->addr & 7) {
		struct pci_device *first = b->function[d->addr & ~7];
		if (first && !first->multifunction)
			return err_set(e, EINVAL, "%s: function 0 of slot %u (%s) is not multifunction=on", dev->type->name,
				       (unsigned)d->addr >> 3, first->dev.type->name);
	} else if (!d->multifunction) {
		for (int f = 1; f < 8; f++)
			if (b->function[d->addr | f])
				return err_set(e, EINVAL, "%s: slot %u has other functions: multifunction=on is needed", dev->type->name,
					       (unsigned)d->addr >> 3);
	}
	d->devfn = (uint8_t)d->addr;
	b->function[d->devfn] = d;
	return 0;
}

static void pci_unplug(struct bus *bus, struct device *dev)
{
	((struct pci_bus *)bus)->function[pci_device(dev)->devfn] = NULL;
}

static void pci_place(const struct device *dev, char *buf, size_t size)
{
	const struct pci_device *d = (const struct pci_device *)dev;
	snprintf(buf, size, "%02x.%x", d->devfn >> 3, d->devfn & 7);
}

/* Pins of the functions on a bus take turns (PCI 3.0, 2.2.6, and the bridge specification's table 9-1). */
static int swizzle(struct pci_bus *b, unsigned devfn, unsigned pin)
{
	(void)b;
	return (int)((pin + (devfn >> 3)) & 3);
}

void pci_bus_init(struct pci_bus *b, const char *name, struct device *owner, struct machine *m, struct region *memory,
		  struct region *ports, struct space *dma)
{
	bus_init(&b->bus, "PCI", name, owner, m);
	b->bus.plug = pci_plug;
	b->bus.unplug = pci_unplug;
	b->bus.place = pci_place;
	b->memory = memory;
	b->ports = ports;
	b->dma = dma;
	b->map_irq = swizzle;
	b->inputs = 4;
}

struct pci_device *pci_create(struct pci_bus *b, int devfn, const char *type, struct err *e)
{
	struct device *d = device_new(b->bus.machine, type, &b->bus, e);
	if (!d)
		return NULL;
	pci_device(d)->addr = devfn;
	if (device_finish(d, e))
		return NULL;
	return pci_device(d);
}
