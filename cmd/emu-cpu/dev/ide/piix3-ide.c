// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IDE host adapters: PIIX3 (82371SB function 1) and PIIX4 (82371AB function 1) with their bus masters (data sheets 290550, 290562; "Programming
 * Interface for Bus Master IDE Controller", rev. 1.0), and isa-ide.
 *
 * Ports: 1f0 and 3f6 with IRQ 14, 170 and 376 with IRQ 15; the bus master in BAR 4, 8 bytes a channel: command, status, table address.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "../../isa-bus.h"
#include "../../machine.h"
#include "../../pci.h"
#include "piix3-ide.h"

enum { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4, BM_SIZE = 16 };
enum { COMMAND_START = 1, COMMAND_TO_MEMORY = 8 };
enum { STATUS_ACTIVE = 1, STATUS_ERROR = 2, STATUS_IRQ = 4 };
enum { IDE_TIMING = 0x40, DECODE = 0x80 };
#define TABLE_END 0x80000000u

struct master {
	struct pci_ide *owner;
	uint8_t command, status;
	uint32_t table;
	uint32_t next;             /* address of the entry that comes next */
	uint32_t at, left;         /* in the present entry */
	bool last;
	struct ide_unit *waiting;
	struct irq in;             /* the channel's line passes here: it sets the interrupt bit */
	const struct irq *out;
};

struct pci_ide {
	struct pci_device pci; /* first */
	struct ide_channel channel[2];
	struct master master[2];
	struct region *command[2], *control[2], *bmdma;
	const struct irq *irq[2];
};

/* ---- the descriptor table ---- */

static bool entry_next(struct master *m)
{
	uint8_t e[8];
	if (m->last || pci_dma_read(&m->owner->pci, m->next, e, sizeof e) != MEM_OK)
		return false;
	m->at = pci_get32(e) & ~1u;
	uint32_t n = pci_get32(e + 4);
	m->left = n & 0xfffe ? n & 0xfffe : 0x10000;
	m->last = n & TABLE_END;
	m->next += 8;
	/* A table does not cross 64 KiB. */
	if (!(m->next & 0xffff))
		m->last = true;
	return true;
}

static uint64_t map(void *opaque, uint64_t size, bool to_memory, struct iovec *iov, unsigned max, unsigned *count)
{
	struct master *m = opaque;
	uint64_t got = 0;
	*count = 0;
	while (got < size && *count < max) {
		if (!m->left && !entry_next(m))
			break;
		uint64_t n = m->left < size - got ? m->left : size - got;
		void *host = pci_dma_map(&m->owner->pci, m->at, &n, to_memory);
		if (!host || !n)
			break;
		iov[(*count)++] = (struct iovec){host, n};
		m->at += (uint32_t)n;
		m->left -= (uint32_t)n;
		got += n;
	}
	return got;
}

static void unmap(void *opaque, struct iovec *iov, unsigned count, bool written)
{
	struct master *m = opaque;
	for (unsigned i = 0; i < count; i++)
		pci_dma_unmap(&m->owner->pci, iov[i].iov_base, iov[i].iov_len, written);
}

static void request(void *opaque, struct ide_unit *u)
{
	struct master *m = opaque;
	m->waiting = u;
	if (m->command & COMMAND_START)
		ide_dma_go(u);
}

static void finished(void *opaque, bool error)
{
	struct master *m = opaque;
	m->waiting = NULL;
	if (error)
		m->status |= STATUS_ERROR;
	if (error || (m->last && !m->left))
		m->status &= (uint8_t)~STATUS_ACTIVE; /* a table with room left keeps it set (1.2, "Interrupt/Active Bits") */
}

static void line(void *opaque, int n, bool level)
{
	struct master *m = opaque;
	(void)n;
	if (level)
		m->status |= STATUS_IRQ;
	irq_set(m->out, level);
}

/* ---- bus master registers ---- */

static uint64_t bm_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pci_ide *p = opaque;
	const struct master *m = &p->master[offset >> 3 & 1];
	unsigned reg = offset & 7;
	(void)size;
	if (reg == BM_COMMAND)
		return m->command;
	if (reg == BM_STATUS)
		return m->status;
	return reg >= BM_TABLE ? m->table >> (8 * (reg - BM_TABLE)) & 0xff : 0xff;
}

static void bm_start(struct master *m, struct ide_channel *c)
{
	m->next = m->table;
	m->left = 0;
	m->last = false;
	m->status |= STATUS_ACTIVE;
	if (m->waiting)
		ide_dma_go(m->waiting);
	(void)c;
}

static void bm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct pci_ide *p = opaque;
	unsigned n = offset >> 3 & 1, reg = offset & 7;
	struct master *m = &p->master[n];
	(void)size;
	switch (reg) {
	case BM_COMMAND: {
		bool was = m->command & COMMAND_START, is = value & COMMAND_START;
		m->command = (uint8_t)value & (COMMAND_START | COMMAND_TO_MEMORY);
		if (!was && is) {
			bm_start(m, &p->channel[n]);
		} else if (was && !is) {
			/* Stopping in the middle: what was sent to the disk is waited for, so that no store comes later. */
			if (m->waiting && m->waiting->in_flight)
				drive_drain(m->waiting->drive);
			m->status &= (uint8_t)~STATUS_ACTIVE;
		}
		break;
	}
	case BM_STATUS:
		m->status = (uint8_t)((value & 0x60) | (m->status & STATUS_ACTIVE) | (m->status & ~value & (STATUS_ERROR | STATUS_IRQ)));
		break;
	case BM_TABLE: case BM_TABLE + 1: case BM_TABLE + 2: case BM_TABLE + 3: {
		unsigned shift = 8 * (reg - BM_TABLE);
		m->table = (m->table & ~(0xffu << shift)) | (uint32_t)(value & 0xff) << shift;
		m->table &= ~3u;
		break;
	}
	default: break;
	}
}

static const struct region_ops bm_ops = {.read = bm_read, .write = bm_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

/* ---- the channels' ports ---- */

static uint64_t command_read(void *opaque, uint64_t offset, unsigned size)
{
	struct ide_channel *c = opaque;
	if (offset == 0)
		return ide_read(c, 0, size);
	uint64_t v = 0;
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)(uint8_t)ide_read(c, (unsigned)offset + i, 1) << (8 * i);
	return v;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct ide_channel *c = opaque;
	if (offset == 0) {
		ide_write(c, 0, (uint32_t)value, size);
		return;
	}
	for (unsigned i = 0; i < size && offset + i < 8; i++)
		ide_write(c, (unsigned)offset + i, (uint32_t)(value >> (8 * i)) & 0xff, 1);
}

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)offset, (void)size;
	return ide_alternate_status(opaque);
}

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)offset, (void)size;
	ide_control(opaque, (uint8_t)value);
}

const struct region_ops ide_command_ops = {.read = command_read, .write = command_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 4};
const struct region_ops ide_control_ops = {.read = control_read, .write = control_write, .min = 1, .max = 1, .impl_min = 1, .impl_max = 1};

/* ---- the PCI functions ---- */

static const uint16_t command_ports[2] = {0x1f0, 0x170}, control_ports[2] = {0x3f6, 0x376};

static void forget(struct region **r)
{
	if (!*r)
		return;
	region_remove(*r);
	region_free(*r);
	*r = NULL;
}

static void unrealize(struct pci_device *d)
{
	struct pci_ide *p = (struct pci_ide *)d;
	for (unsigned i = 0; i < 2; i++) {
		forget(&p->command[i]);
		forget(&p->control[i]);
	}
	forget(&p->bmdma);
}

static int realize(struct pci_device *d, struct err *e)
{
	struct pci_ide *p = (struct pci_ide *)d;
	struct machine *m = d->dev.machine;
	p->bmdma = region_new_io(m, "piix-bmdma", BM_SIZE, &bm_ops, p);
	for (unsigned i = 0; i < 2; i++) {
		char name[16];
		snprintf(name, sizeof name, "ide.%u", i);
		struct master *b = &p->master[i];
		b->owner = p;
		b->out = p->irq[i];
		irq_init(&b->in, 1, line, b);
		ide_channel_init(&p->channel[i], name, &d->dev, m, i, &b->in);
		p->channel[i].dma = (struct ide_dma){.request = request, .map = map, .unmap = unmap, .finished = finished, .opaque = b};
		p->command[i] = region_new_io(m, "ide", 8, &ide_command_ops, &p->channel[i]);
		p->control[i] = region_new_io(m, "ide-control", 1, &ide_control_ops, &p->channel[i]);
		if (!p->command[i] || !p->control[i] || !p->bmdma) {
			unrealize(d);
			return err_set(e, ENOMEM, "%s: out of memory", d->dev.type->name);
		}
		region_add(pci_bus_of(d)->ports, command_ports[i], p->command[i], 0);
		region_add(pci_bus_of(d)->ports, control_ports[i], p->control[i], 0);
	}
	pci_bar(d, 4, PCI_BAR_IO, p->bmdma);
	pci_put16(d->write_mask + IDE_TIMING, 0xf3ff); /* decode stays enabled for both channels */
	pci_put16(d->write_mask + IDE_TIMING + 2, 0xf3ff);
	d->write_mask[IDE_TIMING + 4] = 0xff;
	d->write_mask[0x48] = 0x0f;
	pci_put16(d->write_mask + 0x4a, 0x3333);
	return 0;
}

static void reset(struct pci_device *d)
{
	struct pci_ide *p = (struct pci_ide *)d;
	for (unsigned i = 0; i < 2; i++) {
		ide_channel_reset(&p->channel[i]);
		struct master *b = &p->master[i];
		b->command = b->status = 0;
		b->table = b->next = b->at = b->left = 0;
		b->last = false;
		b->waiting = NULL;
	}
	pci_put16(d->config + PCI_STATUS, 0x0280);
	pci_put16(d->config + IDE_TIMING, DECODE << 8);
	pci_put16(d->config + IDE_TIMING + 2, DECODE << 8);
}

int piix_ide_new(struct pci_bus *b, int devfn, const char *type, const struct irq *irq14, const struct irq *irq15, struct err *e)
{
	struct device *d = device_new(b->bus.machine, type, &b->bus, e);
	if (!d)
		return -e->code;
	struct pci_ide *p = (struct pci_ide *)d;
	p->pci.addr = devfn;
	p->irq[0] = irq14;
	p->irq[1] = irq15;
	if (device_finish(d, e))
		return -e->code;
	for (unsigned i = 0; i < 2; i++)
		if (ide_channel_populate(&p->channel[i], e))
			return -e->code;
	return 0;
}

static const struct field master_fields[] = {
	F_UINT(struct master, command), F_UINT(struct master, status), F_UINT(struct master, table), F_UINT(struct master, next),
	F_UINT(struct master, at), F_UINT(struct master, left), F_BOOL(struct master, last), F_END,
};
static const struct field fields[] = {
	F_STRUCTS(struct pci_ide, channel, ide_channel_fields), F_STRUCTS(struct pci_ide, master, master_fields), F_END,
};

static int loaded(void *state, struct err *e)
{
	struct pci_ide *p = state;
	for (unsigned i = 0; i < 2; i++) {
		int r = ide_channel_loaded(&p->channel[i], e);
		if (r)
			return r;
		p->master[i].waiting = NULL;
		for (unsigned u = 0; u < 2; u++)
			if (p->channel[i].unit[u].dma_wanted)
				p->master[i].waiting = &p->channel[i].unit[u];
	}
	return 0;
}

static void saving(void *state)
{
	struct pci_ide *p = state;
	ide_channel_saving(&p->channel[0]);
	ide_channel_saving(&p->channel[1]);
}

static const struct state_table state = {.name = "piix-ide", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded, .saving = saving};
static const struct prop props[] = {PCI_PROPS, {.name = NULL}};

#define TYPE(ident, text, id, words) \
	static const struct pci_class ident##_class = { \
		.info = {.vendor = 0x8086, .device = (id), .class_code = 0x010180}, \
		.realize = realize, .unrealize = unrealize, .reset = reset, \
	}; \
	static const struct device_type ident = { \
		.name = text, .bus = "PCI", .desc = words, .category = "Storage", .size = sizeof(struct pci_ide), .props = props, .state = &state, \
		.realize = pci_realize, .reset = pci_reset, .unrealize = pci_unrealize, .extra = &ident##_class, \
	}; \
	DEVICE(ident)

TYPE(piix3_ide, "piix3-ide", 0x7010, "PIIX3 IDE controller");
TYPE(piix4_ide, "piix4-ide", 0x7111, "PIIX4 IDE controller");

/* ---- isa-ide: one channel without a bus master ---- */

struct isa_ide {
	struct device dev; /* first */
	struct ide_channel channel;
	struct region *command, *control;
	uint32_t iobase, iobase2, irq;
};

static int isa_realize(struct device *d, struct err *e)
{
	struct isa_ide *p = (struct isa_ide *)d;
	unsigned number = p->iobase == command_ports[1];
	char name[16];
	if (p->iobase > 0xfff8 || p->iobase2 > 0xffff || p->irq > 15)
		return err_set(e, EINVAL, "isa-ide: iobase to 0xfff8, iobase2 to 0xffff, irq to 15");
	snprintf(name, sizeof name, "ide.%u", number);
	ide_channel_init(&p->channel, name, d, d->machine, number, isa_irq(d, p->irq));
	p->command = isa_ports(d, "ide", (uint16_t)p->iobase, 8, &ide_command_ops, &p->channel);
	p->control = isa_ports(d, "ide-control", (uint16_t)p->iobase2, 1, &ide_control_ops, &p->channel);
	return ide_channel_populate(&p->channel, e);
}

static void isa_unrealize(struct device *d)
{
	struct isa_ide *p = (struct isa_ide *)d;
	isa_ports_free(p->command);
	isa_ports_free(p->control);
}

static void isa_reset(struct device *d)
{
	ide_channel_reset(&((struct isa_ide *)d)->channel);
}

static int isa_loaded(void *s, struct err *e)
{
	return ide_channel_loaded(&((struct isa_ide *)s)->channel, e);
}

static void isa_saving(void *s)
{
	ide_channel_saving(&((struct isa_ide *)s)->channel);
}

static const struct prop isa_props[] = {
	{.name = "iobase", P_(struct isa_ide, iobase, PROP_U32), .def = 0x1f0}, {.name = "iobase2", P_(struct isa_ide, iobase2, PROP_U32), .def = 0x3f6},
	{.name = "irq", P_(struct isa_ide, irq, PROP_U32), .def = 14}, {.name = NULL},
};
static const struct field isa_fields[] = {F_STRUCT(struct isa_ide, channel, ide_channel_fields), F_END};
static const struct state_table isa_state = {.name = "isa-ide", .version = 1, .oldest = 1, .fields = isa_fields, .loaded = isa_loaded,
					     .saving = isa_saving};
static const struct device_type isa_ide = {
	.name = "isa-ide", .bus = "ISA", .desc = "IDE channel", .category = "Storage", .size = sizeof(struct isa_ide), .props = isa_props,
	.state = &isa_state, .user = true, .realize = isa_realize, .reset = isa_reset, .unrealize = isa_unrealize,
};
DEVICE(isa_ide);
