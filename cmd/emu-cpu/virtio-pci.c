// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio over PCI (virtio 1.1, 4.1): the legacy registers in I/O BAR 0 (4.1.4.8), the modern ones in memory BAR 4 with their
 * vendor capabilities, MSI-X in BAR 1.
 *
 * BAR 4, each part a page: common configuration, ISR, the device's own, notifications (one doubleword a queue).
 */
#include "virtio.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "machine.h"

enum { COMMON_AT = 0x0000, ISR_AT = 0x1000, DEVICE_AT = 0x2000, NOTIFY_AT = 0x3000, BAR_SIZE = 0x4000, PAGE = 0x1000, NOTIFY_STRIDE = 4 };
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI = 5 };

/* Legacy registers */
enum { L_DEVICE_FEATURES = 0, L_DRIVER_FEATURES = 4, L_QUEUE_PFN = 8, L_QUEUE_SIZE = 12, L_QUEUE_SELECT = 14, L_NOTIFY = 16, L_STATUS = 18,
       L_ISR = 19, L_CONFIG_VECTOR = 20, L_QUEUE_VECTOR = 22, L_CONFIG_NO_MSIX = 20, L_CONFIG_MSIX = 24 };
enum { LEGACY_ALIGN = 4096 };

/* Common configuration (4.1.4.3) */
enum { C_DEVICE_SELECT = 0, C_DEVICE_FEATURE = 4, C_DRIVER_SELECT = 8, C_DRIVER_FEATURE = 12, C_CONFIG_VECTOR = 16, C_QUEUES = 18,
       C_STATUS = 20, C_GENERATION = 21, C_QUEUE_SELECT = 22, C_QUEUE_SIZE = 24, C_QUEUE_VECTOR = 26, C_QUEUE_ENABLE = 28,
       C_QUEUE_NOTIFY_OFF = 30, C_QUEUE_DESC = 32, C_QUEUE_DRIVER = 40, C_QUEUE_DEVICE = 48 };

const char *const virtio_on_off_auto[] = {"off", "on", "auto", NULL};

static struct virtio_pci *proxy(struct pci_device *d)
{
	return (struct virtio_pci *)d;
}

static struct virtio_pci *proxy_of(struct virtio *v)
{
	return (struct virtio_pci *)v->dev;
}

static struct virtq *selected(struct virtio_pci *p)
{
	struct virtio *v = &p->virtio;
	if (p->queue_select >= v->queues || (v->kind->queue_usable && !v->kind->queue_usable(v, p->queue_select)))
		return NULL;
	return &v->queue[p->queue_select];
}

static bool on_pci(const struct virtio_pci *p)
{
	return !strcmp(p->pci.dev.type->bus, "PCI");
}

/* ---- interrupts ---- */

static void interrupt(struct virtio *v, uint16_t vector)
{
	struct virtio_pci *p = proxy_of(v);
	if (pci_msix_enabled(&p->pci)) {
		if (vector != VIRTIO_NO_VECTOR)
			pci_msix_send(&p->pci, vector);
	} else {
		pci_set_irq(&p->pci, v->isr & 3);
	}
}

static uint8_t isr_take(struct virtio_pci *p)
{
	uint8_t isr = p->virtio.isr;
	p->virtio.isr = 0;
	if (on_pci(p))
		pci_set_irq(&p->pci, false);
	else
		virtio_mmio_child_lower(p);
	return isr;
}

static bool may_dma(struct virtio *v)
{
	return pci_is_master(&proxy_of(v)->pci);
}

/* A vector that the function does not have reads back as "none" (4.1.5.1.2). */
static uint16_t vector_checked(struct virtio_pci *p, uint64_t value)
{
	return value < p->pci.msix_vectors ? (uint16_t)value : VIRTIO_NO_VECTOR;
}

/* ---- legacy ---- */

static unsigned legacy_config_at(const struct virtio_pci *p)
{
	return pci_msix_enabled(&p->pci) ? L_CONFIG_MSIX : L_CONFIG_NO_MSIX;
}

/* Available ring behind the table, used ring on the next page (2.6.2). */
static void legacy_layout(struct virtq *q, uint64_t at)
{
	q->desc = at;
	q->avail = at + 16ull * q->size;
	q->used = (q->avail + 6 + 2ull * q->size + LEGACY_ALIGN - 1) & ~(uint64_t)(LEGACY_ALIGN - 1);
	q->ready = at != 0;
	q->last_avail = q->used_index = 0;
	q->signalled_valid = false;
}

static uint64_t legacy_read(void *opaque, uint64_t offset, unsigned size)
{
	struct virtio_pci *p = opaque;
	struct virtio *v = &p->virtio;
	struct virtq *q = selected(p);
	unsigned config = legacy_config_at(p);
	if (offset >= config)
		return virtio_config_read(v, offset - config, size);
	switch (offset) {
	case L_DEVICE_FEATURES:
		v->legacy = true;
		return virtio_offer(v) & UINT32_MAX;
	case L_DRIVER_FEATURES: return v->features & UINT32_MAX;
	case L_QUEUE_PFN: return q && q->ready ? q->desc / LEGACY_ALIGN : 0;
	case L_QUEUE_SIZE: return q ? q->size_max : 0;
	case L_QUEUE_SELECT: return p->queue_select;
	case L_STATUS: return v->status;
	case L_ISR: return isr_take(p);
	case L_CONFIG_VECTOR: return v->config_vector;
	case L_QUEUE_VECTOR: return q ? q->vector : VIRTIO_NO_VECTOR;
	default: return 0;
	}
}

static void legacy_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct virtio_pci *p = opaque;
	struct virtio *v = &p->virtio;
	struct virtq *q = selected(p);
	unsigned config = legacy_config_at(p);
	if (offset >= config) {
		virtio_config_write(v, offset - config, value, size);
		return;
	}
	v->legacy = true;
	switch (offset) {
	case L_DRIVER_FEATURES: virtio_accept(v, value & UINT32_MAX); break;
	case L_QUEUE_PFN:
		if (!value) {
			virtio_pci_reset(&p->pci); /* old drivers end a device this way */
			break;
		}
		if (q)
			legacy_layout(q, value * LEGACY_ALIGN);
		break;
	case L_QUEUE_SELECT: p->queue_select = (uint16_t)value; break;
	case L_NOTIFY:
		if (value < v->queues)
			virtq_kick(&v->queue[value]);
		break;
	case L_STATUS:
		virtio_set_status(v, (uint8_t)value);
		if (!value) {
			isr_take(p);
			p->queue_select = 0;
		} else {
			v->legacy = true;
		}
		/* Drivers from before the bus-master bit was enforced never set it (Linux 2.6): the status stands in for it. */
		if (value & VIRTIO_DRIVER_OK && !pci_is_master(&p->pci))
			pci_put16(p->pci.config + PCI_COMMAND, pci_get16(p->pci.config + PCI_COMMAND) | PCI_COMMAND_MASTER);
		break;
	case L_CONFIG_VECTOR: v->config_vector = vector_checked(p, value); break;
	case L_QUEUE_VECTOR:
		if (q)
			q->vector = vector_checked(p, value);
		break;
	default: guest_error(v->dev, "write to legacy register %u, which is read-only", (unsigned)offset);
	}
}

static const struct region_ops legacy_ops = {.read = legacy_read, .write = legacy_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 4,
					     .unaligned = true};

/* ---- modern ---- */

static uint64_t common_read(void *opaque, uint64_t offset, unsigned size)
{
	struct virtio_pci *p = opaque;
	struct virtio *v = &p->virtio;
	struct virtq *q = selected(p);
	(void)size;
	switch (offset) {
	case C_DEVICE_SELECT: return p->feature_select;
	case C_DEVICE_FEATURE: return p->feature_select > 1 ? 0 : virtio_offer(v) >> (32 * p->feature_select) & UINT32_MAX;
	case C_DRIVER_SELECT: return p->driver_feature_select;
	case C_DRIVER_FEATURE: return p->driver_feature_select > 1 ? 0 : p->driver_features[p->driver_feature_select];
	case C_CONFIG_VECTOR: return v->config_vector;
	case C_QUEUES: return v->queues;
	case C_STATUS: return v->status;
	case C_GENERATION: return v->generation;
	case C_QUEUE_SELECT: return p->queue_select;
	case C_QUEUE_SIZE: return q ? q->size : 0;
	case C_QUEUE_VECTOR: return q ? q->vector : VIRTIO_NO_VECTOR;
	case C_QUEUE_ENABLE: return q && q->ready;
	case C_QUEUE_NOTIFY_OFF: return p->queue_select;
	case C_QUEUE_DESC: return q ? q->desc & UINT32_MAX : 0;
	case C_QUEUE_DESC + 4: return q ? q->desc >> 32 : 0;
	case C_QUEUE_DRIVER: return q ? q->avail & UINT32_MAX : 0;
	case C_QUEUE_DRIVER + 4: return q ? q->avail >> 32 : 0;
	case C_QUEUE_DEVICE: return q ? q->used & UINT32_MAX : 0;
	case C_QUEUE_DEVICE + 4: return q ? q->used >> 32 : 0;
	default: return 0;
	}
}

static void half(uint64_t *reg, bool high, uint64_t value)
{
	*reg = high ? (*reg & UINT32_MAX) | value << 32 : (*reg & ~(uint64_t)UINT32_MAX) | (value & UINT32_MAX);
}

static void queue_enable(struct virtq *q)
{
	q->ready = true;
	q->last_avail = q->used_index = 0;
	q->signalled_valid = false;
}

static void common_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct virtio_pci *p = opaque;
	struct virtio *v = &p->virtio;
	struct virtq *q = selected(p);
	(void)size;
	switch (offset) {
	case C_DEVICE_SELECT: p->feature_select = (uint32_t)value; return;
	case C_DRIVER_SELECT: p->driver_feature_select = (uint32_t)value; return;
	case C_DRIVER_FEATURE:
		if (p->driver_feature_select > 1)
			return;
		p->driver_features[p->driver_feature_select] = (uint32_t)value;
		virtio_accept(v, (uint64_t)p->driver_features[1] << 32 | p->driver_features[0]);
		return;
	case C_CONFIG_VECTOR: v->config_vector = vector_checked(p, value); return;
	case C_STATUS:
		virtio_set_status(v, (uint8_t)value);
		if (!(uint8_t)value) {
			isr_take(p);
			p->queue_select = 0;
			p->driver_features[0] = p->driver_features[1] = 0;
		}
		return;
	case C_QUEUE_SELECT: p->queue_select = (uint16_t)value; return;
	default: break;
	}
	if (!q) {
		guest_error(v->dev, "register %u of queue %u, which does not exist", (unsigned)offset, p->queue_select);
		return;
	}
	if (q->ready && offset >= C_QUEUE_SIZE && offset != C_QUEUE_VECTOR) {
		guest_error(v->dev, "queue %u is enabled: its place cannot change", p->queue_select);
		return;
	}
	switch (offset) {
	case C_QUEUE_SIZE:
		if (!value || value > q->size_max || value & (value - 1))
			guest_error(v->dev, "queue %u: size %u is not a power of two to %u", p->queue_select, (unsigned)value, q->size_max);
		else
			q->size = (uint16_t)value;
		break;
	case C_QUEUE_VECTOR: q->vector = vector_checked(p, value); break;
	case C_QUEUE_ENABLE:
		if (value & 1)
			queue_enable(q);
		break;
	case C_QUEUE_DESC: half(&q->desc, false, value); break;
	case C_QUEUE_DESC + 4: half(&q->desc, true, value); break;
	case C_QUEUE_DRIVER: half(&q->avail, false, value); break;
	case C_QUEUE_DRIVER + 4: half(&q->avail, true, value); break;
	case C_QUEUE_DEVICE: half(&q->used, false, value); break;
	case C_QUEUE_DEVICE + 4: half(&q->used, true, value); break;
	default: guest_error(v->dev, "write to register %u of the common configuration", (unsigned)offset);
	}
}

static uint64_t isr_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return offset ? 0 : isr_take(opaque);
}

static void isr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct virtio_pci *p = opaque;
	(void)offset, (void)value, (void)size;
	guest_error(p->virtio.dev, "write to the interrupt status, which is read-only");
}

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
	return virtio_config_read(&((struct virtio_pci *)opaque)->virtio, offset, size);
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	virtio_config_write(&((struct virtio_pci *)opaque)->virtio, offset, value, size);
}

static uint64_t notify_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)opaque, (void)offset, (void)size;
	return 0;
}

static void notify_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct virtio *v = &((struct virtio_pci *)opaque)->virtio;
	unsigned n = (unsigned)(offset / NOTIFY_STRIDE);
	(void)value, (void)size;
	if (n < v->queues)
		virtq_kick(&v->queue[n]);
}

static const struct region_ops common_ops = {.read = common_read, .write = common_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = 4};
static const struct region_ops isr_ops = {.read = isr_read, .write = isr_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 4};
static const struct region_ops device_ops = {.read = device_read, .write = device_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = 4};
static const struct region_ops notify_ops = {.read = notify_read, .write = notify_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 4};

/* ---- capabilities; access through configuration space for firmware that has no memory BAR mapped (4.1.4.7) ---- */

static int capability(struct pci_device *d, unsigned type, uint32_t at, uint32_t length, unsigned extra)
{
	int cap = pci_capability(d, 9, 0, 16 + extra);
	if (cap < 0)
		return cap;
	uint8_t *c = d->config + cap;
	c[2] = (uint8_t)(16 + extra);
	c[3] = (uint8_t)type;
	c[4] = 4; /* BAR */
	pci_put32(c + 8, at);
	pci_put32(c + 12, length);
	return cap;
}

/* The window that the guest has set up there; false: it makes no sense. */
static bool window(const struct virtio_pci *p, uint64_t *offset, unsigned *length)
{
	const uint8_t *c = p->pci.config + p->config_cap;
	*offset = pci_get32(c + 8);
	*length = pci_get32(c + 12);
	return c[4] == 4 && (*length == 1 || *length == 2 || *length == 4) && *offset < BAR_SIZE && !(*offset & (*length - 1));
}

static const struct { uint32_t at; const struct region_ops *ops; } parts[4] = {
	{COMMON_AT, &common_ops}, {ISR_AT, &isr_ops}, {DEVICE_AT, &device_ops}, {NOTIFY_AT, &notify_ops},
};

uint32_t virtio_pci_config_read(struct pci_device *d, unsigned at, unsigned size, uint32_t value)
{
	struct virtio_pci *p = proxy(d);
	uint64_t offset;
	unsigned length;
	if (!p->config_cap || at != p->config_cap + 16u || !window(p, &offset, &length))
		return value;
	(void)size;
	return (uint32_t)parts[offset / PAGE].ops->read(p, offset % PAGE, length);
}

void virtio_pci_config_written(struct pci_device *d, unsigned at, unsigned size, uint32_t old)
{
	struct virtio_pci *p = proxy(d);
	uint64_t offset;
	unsigned length;
	(void)size, (void)old;
	if (p->config_cap && at == p->config_cap + 16u && window(p, &offset, &length))
		parts[offset / PAGE].ops->write(p, offset % PAGE, pci_get32(d->config + at) & (UINT32_MAX >> (32 - 8 * length)), length);
}

/* ---- life ---- */

int virtio_pci_init(struct pci_device *d, const struct virtio_kind *kind, struct err *e)
{
	struct virtio_pci *p = proxy(d);
	if (!on_pci(p))
		return virtio_mmio_child_init(p, kind);
	if (p->disable_legacy == 1 && p->disable_modern)
		return err_set(e, EINVAL, "%s: disable-legacy and disable-modern leave nothing", d->dev.type->name);
	virtio_init(&p->virtio, &d->dev, kind, d->dma);
	p->virtio.interrupt = interrupt;
	p->virtio.may_dma = may_dma;
	return 0;
}

static int modern_init(struct virtio_pci *p, struct err *e)
{
	struct pci_device *d = &p->pci;
	struct machine *m = d->dev.machine;
	p->memory = region_new_container(m, "virtio-pci", BAR_SIZE);
	p->common = region_new_io(m, "virtio-pci-common", PAGE, &common_ops, p);
	p->isr = region_new_io(m, "virtio-pci-isr", PAGE, &isr_ops, p);
	p->device = region_new_io(m, "virtio-pci-device", PAGE, &device_ops, p);
	p->notify = region_new_io(m, "virtio-pci-notify", PAGE, &notify_ops, p);
	if (!p->memory || !p->common || !p->isr || !p->device || !p->notify)
		return err_set(e, ENOMEM, "%s: out of memory", d->dev.type->name);
	region_add(p->memory, COMMON_AT, p->common, 0);
	region_add(p->memory, ISR_AT, p->isr, 0);
	region_add(p->memory, DEVICE_AT, p->device, 0);
	region_add(p->memory, NOTIFY_AT, p->notify, 0);
	pci_bar(d, 4, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, p->memory);
	int notify = capability(d, CAP_NOTIFY, NOTIFY_AT, PAGE, 4), config = capability(d, CAP_PCI, 0, 0, 4);
	if (notify < 0 || config < 0 || capability(d, CAP_COMMON, COMMON_AT, 56, 0) < 0 || capability(d, CAP_ISR, ISR_AT, 1, 0) < 0 ||
	    capability(d, CAP_DEVICE, DEVICE_AT, PAGE, 0) < 0)
		return err_set(e, ENOSPC, "%s: no room for capabilities in configuration space", d->dev.type->name);
	pci_put32(d->config + notify + 16, NOTIFY_STRIDE);
	p->config_cap = (uint8_t)config;
	d->write_mask[config + 4] = 0xff;
	memset(d->write_mask + config + 8, 0xff, 12);
	return 0;
}

int virtio_pci_finish(struct pci_device *d, unsigned wanted_vectors, struct err *e)
{
	struct virtio_pci *p = proxy(d);
	struct virtio *v = &p->virtio;
	struct machine *m = d->dev.machine;
	bool legacy = p->disable_legacy != 1;
	if (!on_pci(p)) {
		virtio_mmio_child_attach(p);
		return 0;
	}
	unsigned vectors = p->vectors < 0 ? wanted_vectors : (unsigned)p->vectors;
	int r;
	/* Transitional functions have identifiers of their own, which drivers of before 1.0 know (4.1.2.1). */
	static const struct { uint16_t id, device; } transitional[] = {{1, 0x1000}, {5, 0x1002}, {2, 0x1001}, {3, 0x1003}, {8, 0x1004},
								      {4, 0x1005}, {9, 0x1009}};
	uint16_t device = 0;
	for (unsigned i = 0; i < sizeof transitional / sizeof transitional[0]; i++)
		if (transitional[i].id == v->kind->id)
			device = transitional[i].device;
	if (!device)
		legacy = false;
	pci_put16(d->config, 0x1af4);
	pci_put16(d->config + 2, legacy ? device : (uint16_t)(0x1040 + v->kind->id));
	d->config[8] = legacy ? 0 : 1;
	pci_put16(d->config + PCI_SUBSYSTEM, 0x1af4);
	pci_put16(d->config + PCI_SUBSYSTEM + 2, legacy ? v->kind->id : 0x1100);
	d->config[PCI_IRQ_PIN] = 1;
	if (legacy) {
		unsigned size = 32;
		while (size < (unsigned)L_CONFIG_MSIX + v->kind->config_size)
			size *= 2;
		p->io = region_new_io(m, "virtio-pci", size, &legacy_ops, p);
		if (!p->io)
			return err_set(e, ENOMEM, "%s: out of memory", d->dev.type->name);
		pci_bar(d, 0, PCI_BAR_IO, p->io);
	}
	if (vectors) {
		unsigned table = (vectors * 16 + 2047) / 2048 * 2048, size = 4096;
		while (size < table + (vectors + 63) / 64 * 8)
			size *= 2;
		p->msix_bar = region_new_container(m, "virtio-msix", size);
		if (!p->msix_bar)
			return err_set(e, ENOMEM, "%s: out of memory", d->dev.type->name);
		r = pci_msix_init(d, vectors, 1, p->msix_bar, 0, size / 2 >= table ? size / 2 : table, e);
		if (r)
			return r;
		pci_bar(d, 1, PCI_BAR_MEM, p->msix_bar);
	}
	if (!p->disable_modern) {
		r = modern_init(p, e);
		if (r)
			return r;
	}
	return 0;
}

void virtio_pci_free(struct pci_device *d)
{
	struct virtio_pci *p = proxy(d);
	struct region *all[] = {p->common, p->isr, p->device, p->notify, p->memory, p->io};
	if (!on_pci(p)) {
		virtio_mmio_child_free(p);
		return;
	}
	/* The table that the PCI core has put into this container leaves it first. */
	if (d->msix_region) {
		region_remove(d->msix_region);
		region_remove(d->msix_pba);
	}
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i]) {
			region_remove(all[i]);
			region_free(all[i]);
		}
	if (p->msix_bar)
		region_free(p->msix_bar);
	p->common = p->isr = p->device = p->notify = p->memory = p->io = p->msix_bar = NULL;
}

void virtio_pci_reset(struct pci_device *d)
{
	struct virtio_pci *p = proxy(d);
	virtio_reset(&p->virtio);
	isr_take(p);
	p->feature_select = p->driver_feature_select = 0;
	p->driver_features[0] = p->driver_features[1] = 0;
	p->queue_select = 0;
}

const struct field virtio_pci_fields[] = {
	F_STRUCT(struct virtio_pci, virtio, virtio_fields),
	F_UINT(struct virtio_pci, feature_select), F_UINT(struct virtio_pci, driver_feature_select),
	F_UINTS(struct virtio_pci, driver_features), F_UINT(struct virtio_pci, queue_select), F_END,
};

int virtio_pci_loaded(void *state, struct err *e)
{
	struct virtio_pci *p = state;
	return virtio_loaded(&p->virtio, e);
}
