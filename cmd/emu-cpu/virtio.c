// SPDX-License-Identifier: GPL-2.0-or-later
/* The device side of virtio that all devices share; see virtio.h. Section numbers are of virtio 1.1. */
#include "virtio.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "machine.h"

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

void virtio_init(struct virtio *v, struct device *dev, const struct virtio_kind *kind, struct space *dma)
{
	v->dev = dev;
	v->kind = kind;
	v->dma = dma;
	v->queues = 0;
	v->config_vector = VIRTIO_NO_VECTOR;
}

struct virtq *virtio_add_queue(struct virtio *v, unsigned size)
{
	if (v->queues == VIRTIO_QUEUES)
		return NULL;
	struct virtq *q = &v->queue[v->queues];
	*q = (struct virtq){.virtio = v, .index = (uint16_t)v->queues++, .size_max = (uint16_t)size, .size = (uint16_t)size,
			    .vector = VIRTIO_NO_VECTOR};
	return q;
}

void virtio_reset(struct virtio *v)
{
	v->status = 0;
	if (v->kind->reset)
		v->kind->reset(v);
	v->features = 0;
	v->isr = 0;
	v->broken = false;
	v->legacy = false;
	v->config_vector = VIRTIO_NO_VECTOR;
	for (unsigned i = 0; i < v->queues; i++) {
		struct virtq *q = &v->queue[i];
		*q = (struct virtq){.virtio = v, .index = (uint16_t)i, .size_max = q->size_max, .size = q->size_max, .vector = VIRTIO_NO_VECTOR};
	}
}

void virtio_error(struct virtio *v, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	guest_error(v->dev, "%s; the device waits for a reset", text);
	v->broken = true;
	if (virtio_has(v, VIRTIO_F_VERSION_1)) {
		v->status |= VIRTIO_NEEDS_RESET;
		virtio_config_changed(v);
	}
}

bool virtio_running(const struct virtio *v)
{
	return v->status & VIRTIO_DRIVER_OK && !v->broken;
}

uint64_t virtio_offer(struct virtio *v)
{
	uint64_t f = v->kind->features(v) | 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ANY_LAYOUT | 1ull << VIRTIO_F_NOTIFY_ON_EMPTY;
	if (v->event_idx)
		f |= 1ull << VIRTIO_F_EVENT_IDX;
	if (v->indirect)
		f |= 1ull << VIRTIO_F_INDIRECT;
	/* NOTIFY_ON_EMPTY and ANY_LAYOUT are of the legacy interface alone (6.3). */
	return v->legacy ? f & ~(1ull << VIRTIO_F_VERSION_1)
			 : f & ~(1ull << VIRTIO_F_NOTIFY_ON_EMPTY | 1ull << VIRTIO_F_ANY_LAYOUT);
}

void virtio_accept(struct virtio *v, uint64_t features)
{
	v->features = features & virtio_offer(v);
	if (v->kind->accepted)
		v->kind->accepted(v, v->features);
}

void virtio_set_status(struct virtio *v, uint8_t status)
{
	if (!status) {
		virtio_reset(v);
		return;
	}
	/* A modern driver must take VERSION_1, else its features are not acknowledged (2.2.2, 6.1). */
	if (!v->legacy && status & VIRTIO_FEATURES_OK && !(v->status & VIRTIO_FEATURES_OK) && !virtio_has(v, VIRTIO_F_VERSION_1))
		status &= (uint8_t)~VIRTIO_FEATURES_OK;
	v->status = status | (v->status & VIRTIO_NEEDS_RESET);
	if (v->kind->status)
		v->kind->status(v, v->status);
	/* What was made available before DRIVER_OK is looked at now. */
	if (virtio_running(v))
		for (unsigned i = 0; i < v->queues; i++)
			if (v->queue[i].ready && !virtq_empty(&v->queue[i]))
				virtq_kick(&v->queue[i]);
}

void virtio_config_changed(struct virtio *v)
{
	if (!(v->status & VIRTIO_DRIVER_OK))
		return;
	v->generation++;
	v->isr |= ISR_CONFIG;
	v->interrupt(v, v->config_vector);
}

/* ---- configuration space ---- */

enum { CONFIG_MAX = 256 };

uint64_t virtio_config_read(struct virtio *v, uint64_t offset, unsigned n)
{
	uint8_t c[CONFIG_MAX] = {0};
	if (offset + n > v->kind->config_size || offset + n > CONFIG_MAX)
		return UINT64_MAX >> (64 - 8 * n);
	v->kind->config_get(v, c);
	uint64_t r = 0;
	for (unsigned i = 0; i < n; i++)
		r |= (uint64_t)c[offset + i] << (8 * i);
	return r;
}

void virtio_config_write(struct virtio *v, uint64_t offset, uint64_t value, unsigned n)
{
	uint8_t c[CONFIG_MAX] = {0};
	if (offset + n > v->kind->config_size || offset + n > CONFIG_MAX || !v->kind->config_set) {
		guest_error(v->dev, "configuration byte 0x%x cannot be written", (unsigned)offset);
		return;
	}
	v->kind->config_get(v, c);
	for (unsigned i = 0; i < n; i++)
		c[offset + i] = (uint8_t)(value >> (8 * i));
	v->kind->config_set(v, c);
}

/* ---- interrupts ---- */

/* To be called by virtq_notify() when the driver wants to hear. */
static void queue_interrupt(struct virtq *q)
{
	q->virtio->isr |= ISR_QUEUE;
	q->virtio->interrupt(q->virtio, q->vector);
}

/* Avail flags and event fields are at the ends of the other's ring (2.6.6 to 2.6.8). */
enum { AVAIL_NO_INTERRUPT = 1 };

void virtq_notify(struct virtq *q)
{
	struct virtio *v = q->virtio;
	if (!q->ready || v->broken)
		return;
	/* The used index must be visible before the driver's wish is read: it writes its wish and then looks at the index. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	bool wanted;
	if (virtio_has(v, VIRTIO_F_EVENT_IDX)) {
		uint16_t event = space_le16(v->dma, q->avail + 4 + 2ull * q->size), now = q->used_index, before = q->signalled_used;
		wanted = !q->signalled_valid || (uint16_t)(now - event - 1) < (uint16_t)(now - before);
		q->signalled_used = now;
		q->signalled_valid = true;
	} else {
		wanted = !(space_le16(v->dma, q->avail) & AVAIL_NO_INTERRUPT);
	}
	if (wanted || (virtio_has(v, VIRTIO_F_NOTIFY_ON_EMPTY) && !q->in_flight && virtq_empty(q)))
		queue_interrupt(q);
}

void virtq_kick(struct virtq *q)
{
	struct virtio *v = q->virtio;
	if (!q->ready || !virtio_running(v) || (v->may_dma && !v->may_dma(v)))
		return;
	v->kind->kicked(v, q);
}

/* ---- saved state ---- */

static const struct field queue_fields[] = {
	F_UINT(struct virtq, size), F_UINT(struct virtq, desc), F_UINT(struct virtq, avail), F_UINT(struct virtq, used),
	F_UINT(struct virtq, last_avail), F_UINT(struct virtq, used_index), F_UINT(struct virtq, signalled_used),
	F_BOOL(struct virtq, signalled_valid), F_BOOL(struct virtq, ready), F_UINT(struct virtq, vector), F_END,
};

const struct field virtio_fields[] = {
	F_UINT(struct virtio, features), F_UINT(struct virtio, status), F_UINT(struct virtio, isr), F_UINT(struct virtio, config_vector),
	F_UINT(struct virtio, generation), F_BOOL(struct virtio, legacy), F_BOOL(struct virtio, broken),
	F_STRUCTS(struct virtio, queue, queue_fields), F_END,
};

int virtio_loaded(struct virtio *v, struct err *e)
{
	const char *name = v->dev->type->name;
	/* A driver that used both interfaces has what either offers. */
	bool legacy = v->legacy;
	v->legacy = false;
	uint64_t offered = virtio_offer(v);
	v->legacy = true;
	offered |= virtio_offer(v);
	v->legacy = legacy;
	if (v->features & ~offered)
		return err_set(e, EINVAL, "%s: the saved driver uses features that this device does not offer (0x%llx)", name,
			       (unsigned long long)(v->features & ~offered));
	for (unsigned i = 0; i < v->queues; i++) {
		struct virtq *q = &v->queue[i];
		if (!q->size || q->size > q->size_max || q->size & (q->size - 1))
			return err_set(e, EINVAL, "%s: queue %u of the saved state has %u descriptors (a power of two to %u)", name, i, q->size,
				       q->size_max);
		q->in_flight = 0;
	}
	return 0;
}
