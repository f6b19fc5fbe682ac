// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio over memory-mapped registers (virtio 1.1, 4.2): a transport that a board puts somewhere, with one device on its bus ("virtio-blk-device" and its like).
 * Version 2, or the legacy version 1 with force-legacy=on.
 *
 * The devices are those of virtio-pci.c: their state begins with the same struct, of which the PCI part is not used here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "irq.h"
#include "machine.h"
#include "virtio.h"

enum { MAGIC = 0x00, VERSION = 0x04, DEVICE_ID = 0x08, VENDOR_ID = 0x0c, DEVICE_FEATURES = 0x10, DEVICE_FEATURES_SEL = 0x14, DRIVER_FEATURES = 0x20,
       DRIVER_FEATURES_SEL = 0x24, GUEST_PAGE_SIZE = 0x28, QUEUE_SEL = 0x30, QUEUE_NUM_MAX = 0x34, QUEUE_NUM = 0x38, QUEUE_ALIGN = 0x3c, QUEUE_PFN = 0x40,
       QUEUE_READY = 0x44, QUEUE_NOTIFY = 0x50, INTERRUPT_STATUS = 0x60, INTERRUPT_ACK = 0x64, STATUS = 0x70, QUEUE_DESC = 0x80, QUEUE_DRIVER = 0x90,
       QUEUE_DEVICE = 0xa0, CONFIG_GENERATION = 0xfc, CONFIG = 0x100, SIZE = 0x200 };
enum { MAGIC_VALUE = 0x74726976 /* "virt" */, VENDOR = 0x554d4551 };

struct virtio_mmio {
	struct device dev; /* first */
	struct bus bus;    /* "virtio-bus": one device */
	struct region *region;
	const struct irq *irq;
	struct virtio_pci *child;
	bool legacy;
	uint32_t features_sel, driver_sel, queue_sel, page_shift, align;
	uint32_t driver_features[2];
};

static struct virtio_mmio *transport_of(const struct device *child)
{
	return (struct virtio_mmio *)child->parent->owner;
}

static void update_irq(struct virtio_mmio *t)
{
	if (t->irq)
		irq_set(t->irq, t->child && t->child->virtio.isr & 3);
}

static struct virtq *selected(struct virtio_mmio *t)
{
	struct virtio *v = &t->child->virtio;
	if (t->queue_sel >= v->queues || (v->kind->queue_usable && !v->kind->queue_usable(v, t->queue_sel)))
		return NULL;
	return &v->queue[t->queue_sel];
}

/* ---- registers ---- */

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
	struct virtio_mmio *t = opaque;
	if (offset == MAGIC)
		return MAGIC_VALUE;
	if (offset == VERSION)
		return t->legacy ? 1 : 2;
	if (offset == VENDOR_ID)
		return VENDOR;
	if (!t->child)
		return 0; /* DeviceID 0: nothing is plugged in (4.2.2) */
	struct virtio *v = &t->child->virtio;
	if (offset >= CONFIG)
		return virtio_config_read(v, offset - CONFIG, size);
	if (size != 4) {
		guest_error(&t->dev, "registers are read as 32 bits");
		return 0;
	}
	struct virtq *q = selected(t);
	v->legacy = t->legacy;
	switch (offset) {
	case DEVICE_ID: return v->kind->id;
	case DEVICE_FEATURES: return t->features_sel > 1 ? 0 : virtio_offer(v) >> (32 * t->features_sel) & UINT32_MAX;
	case QUEUE_NUM_MAX: return q ? q->size_max : 0;
	case QUEUE_PFN: return q && q->ready && t->legacy ? q->desc >> t->page_shift : 0;
	case QUEUE_READY: return q && q->ready;
	case INTERRUPT_STATUS: return v->isr & 3;
	case STATUS: return v->status;
	case CONFIG_GENERATION: return v->generation;
	default: return 0; /* write-only, or nothing */
	}
}

static void forget_selection(struct virtio_mmio *t)
{
	t->features_sel = t->driver_sel = t->queue_sel = t->page_shift = 0;
	t->align = 4096;
	t->driver_features[0] = t->driver_features[1] = 0;
}

/* The three parts one behind the other (4.2.4): used ring at the next multiple of the alignment. */
static void legacy_place(struct virtio_mmio *t, struct virtq *q, uint64_t at)
{
	q->desc = at;
	q->avail = at + 16ull * q->size;
	q->used = (q->avail + 6 + 2ull * q->size + t->align - 1) & ~(uint64_t)(t->align - 1);
	q->ready = at != 0;
	q->last_avail = q->used_index = 0;
	q->signalled_valid = false;
}

static void half(uint64_t *reg, bool high, uint64_t value)
{
	*reg = high ? (*reg & UINT32_MAX) | value << 32 : (*reg & ~(uint64_t)UINT32_MAX) | (value & UINT32_MAX);
}

static void queue_write(struct virtio_mmio *t, struct virtq *q, uint64_t offset, uint64_t value)
{
	if (!q) {
		guest_error(&t->dev, "register 0x%x of queue %u, which does not exist", (unsigned)offset, t->queue_sel);
		return;
	}
	if (q->ready && offset != QUEUE_READY && offset != QUEUE_PFN) {
		guest_error(&t->dev, "queue %u is in use: its place cannot change", t->queue_sel);
		return;
	}
	switch (offset) {
	case QUEUE_NUM:
		if (!value || value > q->size_max || value & (value - 1))
			guest_error(&t->dev, "queue %u: size %u is not a power of two to %u", t->queue_sel, (unsigned)value, q->size_max);
		else
			q->size = (uint16_t)value;
		break;
	case QUEUE_READY:
		q->ready = value & 1;
		q->last_avail = q->used_index = 0;
		q->signalled_valid = false;
		break;
	case QUEUE_DESC:
	case QUEUE_DESC + 4: half(&q->desc, offset & 4, value); break;
	case QUEUE_DRIVER:
	case QUEUE_DRIVER + 4: half(&q->avail, offset & 4, value); break;
	case QUEUE_DEVICE:
	case QUEUE_DEVICE + 4: half(&q->used, offset & 4, value); break;
	}
}

static void status_write(struct virtio_mmio *t, uint8_t value)
{
	struct virtio *v = &t->child->virtio;
	virtio_set_status(v, value);
	if (!value)
		forget_selection(t);
	v->legacy = t->legacy;
	update_irq(t);
}

static void legacy_write(struct virtio_mmio *t, uint64_t offset, uint64_t value)
{
	struct virtq *q = selected(t);
	switch (offset) {
	case GUEST_PAGE_SIZE:
		if (value && !(value & (value - 1)))
			t->page_shift = (uint32_t)__builtin_ctzll(value);
		break;
	case QUEUE_ALIGN:
		if (value && !(value & (value - 1)) && value <= 65536)
			t->align = (uint32_t)value;
		break;
	case QUEUE_PFN:
		if (!value)
			status_write(t, 0);
		else if (q)
			legacy_place(t, q, value << t->page_shift);
		break;
	}
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct virtio_mmio *t = opaque;
	if (!t->child)
		return;
	struct virtio *v = &t->child->virtio;
	if (offset >= CONFIG) {
		virtio_config_write(v, offset - CONFIG, value, size);
		return;
	}
	if (size != 4) {
		guest_error(&t->dev, "registers are written as 32 bits");
		return;
	}
	v->legacy = t->legacy;
	switch (offset) {
	case DEVICE_FEATURES_SEL: t->features_sel = (uint32_t)value; break;
	case DRIVER_FEATURES_SEL: t->driver_sel = (uint32_t)value; break;
	case DRIVER_FEATURES:
		if (t->driver_sel > (t->legacy ? 0u : 1u))
			break;
		t->driver_features[t->driver_sel] = (uint32_t)value;
		virtio_accept(v, (uint64_t)t->driver_features[1] << 32 | t->driver_features[0]);
		break;
	case QUEUE_SEL: t->queue_sel = (uint32_t)value; break;
	case GUEST_PAGE_SIZE:
	case QUEUE_ALIGN:
	case QUEUE_PFN:
		if (t->legacy)
			legacy_write(t, offset, value);
		break;
	case QUEUE_READY:
	case QUEUE_DESC: case QUEUE_DESC + 4: case QUEUE_DRIVER: case QUEUE_DRIVER + 4: case QUEUE_DEVICE: case QUEUE_DEVICE + 4:
		if (!t->legacy)
			queue_write(t, selected(t), offset, value);
		break;
	case QUEUE_NUM: queue_write(t, selected(t), offset, value); break;
	case QUEUE_NOTIFY:
		if (value < v->queues)
			virtq_kick(&v->queue[value]);
		break;
	case INTERRUPT_ACK:
		v->isr &= (uint8_t)~value;
		update_irq(t);
		break;
	case STATUS: status_write(t, (uint8_t)value); break;
	default: guest_error(&t->dev, "write to register 0x%x, which is read-only", (unsigned)offset);
	}
}

static const struct region_ops mmio_ops = {.read = mmio_read, .write = mmio_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = 4};

/* ---- the bus ---- */

static int plug(struct bus *b, struct device *d, struct err *e)
{
	const struct virtio_mmio *t = (const struct virtio_mmio *)b->owner;
	if (t->child && &t->child->pci.dev != d)
		return err_set(e, EBUSY, "%s: %s has a device already", d->type->name, b->name);
	return 0;
}

/* ---- of the devices: what virtio_pci_init() and its kin do where the bus is ours ---- */

static void interrupt(struct virtio *v, uint16_t vector)
{
	(void)vector;
	update_irq(transport_of(v->dev));
}

int virtio_mmio_child_init(struct virtio_pci *p, const struct virtio_kind *kind)
{
	struct device *d = &p->pci.dev;
	virtio_init(&p->virtio, d, kind, d->machine->memory);
	p->virtio.interrupt = interrupt;
	return 0;
}

void virtio_mmio_child_attach(struct virtio_pci *p)
{
	transport_of(&p->pci.dev)->child = p;
}

void virtio_mmio_child_free(struct virtio_pci *p)
{
	struct virtio_mmio *t = transport_of(&p->pci.dev);
	if (t->child == p)
		t->child = NULL;
	update_irq(t);
}

void virtio_mmio_child_lower(struct virtio_pci *p)
{
	update_irq(transport_of(&p->pci.dev));
}

/* Device types of "virtio-bus" have the functions of the PCI type in `extra`. */
int virtio_child_realize(struct device *d, struct err *e)
{
	return ((const struct pci_class *)d->type->extra)->realize((struct pci_device *)d, e);
}

void virtio_child_unrealize(struct device *d)
{
	const struct pci_class *c = d->type->extra;
	if (c->unrealize)
		c->unrealize((struct pci_device *)d);
}

void virtio_child_reset(struct device *d)
{
	((const struct pci_class *)d->type->extra)->reset((struct pci_device *)d);
}

/* ---- life ---- */

static int realize(struct device *d, struct err *e)
{
	struct virtio_mmio *t = (struct virtio_mmio *)d;
	t->region = region_new_io(d->machine, "virtio-mmio", SIZE, &mmio_ops, t);
	if (!t->region)
		return err_set(e, ENOMEM, "virtio-mmio: out of memory");
	bus_init(&t->bus, "virtio-bus", "virtio-mmio-bus", d, d->machine);
	t->bus.plug = plug;
	return 0;
}

static void unrealize(struct device *d)
{
	struct virtio_mmio *t = (struct virtio_mmio *)d;
	region_remove(t->region);
	region_free(t->region);
}

static void reset(struct device *d)
{
	forget_selection((struct virtio_mmio *)d);
}

static int loaded(void *state, struct err *e)
{
	struct virtio_mmio *t = state;
	if (!t->align || t->align & (t->align - 1) || t->align > 65536 || t->page_shift > 63)
		return err_set(e, EINVAL, "virtio-mmio: the saved alignment (%u) or page size (2^%u) is not possible", t->align, t->page_shift);
	update_irq(t);
	return 0;
}

struct device *virtio_mmio_new(struct machine *m, struct region *container, uint64_t base, const struct irq *irq, bool legacy, struct err *e)
{
	struct device *d = device_new(m, "virtio-mmio", m->system_bus, e);
	if (!d)
		return NULL;
	struct virtio_mmio *t = (struct virtio_mmio *)d;
	t->irq = irq;
	t->legacy = legacy;
	if (device_finish(d, e))
		return NULL;
	region_add(container, base, t->region, 0);
	reset(d);
	return d;
}

static const struct prop props[] = {{.name = "force-legacy", P_(struct virtio_mmio, legacy, PROP_BOOL), .help = "version 1 of the registers"}, {.name = NULL}};
static const struct field fields[] = {
	F_UINT(struct virtio_mmio, features_sel), F_UINT(struct virtio_mmio, driver_sel), F_UINT(struct virtio_mmio, queue_sel),
	F_UINT(struct virtio_mmio, page_shift), F_UINT(struct virtio_mmio, align), F_UINTS(struct virtio_mmio, driver_features), F_END,
};
static const struct state_table state = {.name = "virtio-mmio", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded};

static const struct device_type virtio_mmio = {
	.name = "virtio-mmio", .bus = "System", .desc = "virtio over memory-mapped registers", .category = "Misc", .size = sizeof(struct virtio_mmio),
	.props = props, .state = &state, .realize = realize, .reset = reset, .unrealize = unrealize,
};
DEVICE(virtio_mmio);
