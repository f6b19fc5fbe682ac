/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio driver for tests, over PCI's modern or legacy interface (virtio 1.1, 4.1): rings in the test machine's memory. */
#ifndef TESTS_DEV_VIRTIO_H
#define TESTS_DEV_VIRTIO_H
#include <sys/uio.h>
#include "../../cmd/emu-cpu/testing.h"
#include "../../cmd/emu-cpu/virtio.h"

struct vdriver {
	struct machine *m;
	struct pci_device *d;
	uint64_t bar;     /* modern: of BAR 4 */
	uint16_t io;      /* legacy: of BAR 0; 0: modern */
	uint64_t offered;
};

struct vring {
	struct vdriver *v;
	unsigned n, size;
	uint64_t desc, avail, used;
	uint16_t next_desc, next_avail, seen;
};

static uint64_t v_get(struct vdriver *v, unsigned at, unsigned size) { return space_load(v->m->memory, v->bar + at, size, NULL); }
static void v_set(struct vdriver *v, unsigned at, uint64_t value, unsigned size) { space_store(v->m->memory, v->bar + at, value, size, NULL); }
static void v_config(struct vdriver *v, unsigned at, uint32_t value, unsigned size) { pci_config_write(pci_bus_of(v->d), 0, v->d->devfn, at, value, size); }

/* Reset, features (those of `wanted` that are offered; VERSION_1 in any case), up to FEATURES_OK. */
__attribute__((unused)) static void v_begin(struct vdriver *v, struct machine *m, struct device *d, uint64_t bar, uint64_t wanted)
{
	*v = (struct vdriver){.m = m, .d = (struct pci_device *)d, .bar = bar};
	v_config(v, 0x20, (uint32_t)bar, 4);
	v_config(v, 0x24, (uint32_t)(bar >> 32), 4);
	v_config(v, 4, 6, 2);
	v_set(v, 20, 0, 1);
	v_set(v, 20, 1, 1);
	v_set(v, 20, 3, 1);
	for (unsigned i = 0; i < 2; i++) {
		v_set(v, 0, i, 4);
		v->offered |= v_get(v, 4, 4) << (32 * i);
	}
	wanted = (wanted | 1ull << VIRTIO_F_VERSION_1) & v->offered;
	for (unsigned i = 0; i < 2; i++) {
		v_set(v, 8, i, 4);
		v_set(v, 12, wanted >> (32 * i), 4);
	}
	v_set(v, 20, 11, 1);
}

__attribute__((unused)) static void v_begin_legacy(struct vdriver *v, struct machine *m, struct device *d, uint16_t io, uint32_t wanted)
{
	*v = (struct vdriver){.m = m, .d = (struct pci_device *)d, .io = io};
	v_config(v, 0x10, io, 4);
	v_config(v, 4, 5, 2);
	test_outb(m, (uint16_t)(io + 18), 0);
	test_outb(m, (uint16_t)(io + 18), 3);
	v->offered = test_inl(m, io);
	test_outl(m, (uint16_t)(io + 4), wanted & (uint32_t)v->offered);
}

/* The ring n of size descriptors at `at`, a page boundary; it takes three pages (size up to 128). */
__attribute__((unused)) static void v_ring(struct vring *r, struct vdriver *v, unsigned n, unsigned size, uint64_t at)
{
	uint8_t zero[0x3000] = {0};
	*r = (struct vring){.v = v, .n = n, .size = size, .desc = at, .avail = at + 16 * size, .used = (at + 18 * size + 6 + 4095) & ~4095ull};
	space_write(v->m->memory, at, zero, sizeof zero);
	if (v->io) {
		test_outw(v->m, (uint16_t)(v->io + 14), (uint16_t)n);
		r->size = test_inw(v->m, (uint16_t)(v->io + 12));
		r->avail = at + 16 * r->size;
		r->used = (r->avail + 6 + 2 * r->size + 4095) & ~4095ull;
		test_outl(v->m, (uint16_t)(v->io + 8), (uint32_t)(at / 4096));
		return;
	}
	v_set(v, 22, n, 2);
	v_set(v, 24, size, 2);
	v_set(v, 32, r->desc, 8);
	v_set(v, 40, r->avail, 8);
	v_set(v, 48, r->used, 8);
	v_set(v, 28, 1, 2);
}

__attribute__((unused)) static void v_go(struct vdriver *v)
{
	if (v->io)
		test_outb(v->m, (uint16_t)(v->io + 18), 7);
	else
		v_set(v, 20, 15, 1);
}

__attribute__((unused)) static void v_kick(struct vring *r)
{
	if (r->v->io)
		test_outw(r->v->m, (uint16_t)(r->v->io + 16), (uint16_t)r->n);
	else
		v_set(r->v, 0x3000 + 4 * r->n, r->n, 2);
}

struct vpiece {
	uint64_t at;
	uint32_t size;
	bool in; /* the device writes it */
};

/* Makes the chain available; returns its head. Descriptors are used round and round. */
__attribute__((unused)) static unsigned v_add(struct vring *r, const struct vpiece *p, unsigned count)
{
	struct space *s = r->v->m->memory;
	unsigned head = r->next_desc % r->size;
	for (unsigned i = 0; i < count; i++) {
		unsigned n = r->next_desc++ % r->size;
		space_st_le64(s, r->desc + 16 * n, p[i].at);
		space_st_le32(s, r->desc + 16 * n + 8, p[i].size);
		space_st_le16(s, r->desc + 16 * n + 12, (uint16_t)((i + 1 < count ? 1 : 0) | (p[i].in ? 2 : 0)));
		space_st_le16(s, r->desc + 16 * n + 14, (uint16_t)(r->next_desc % r->size));
	}
	space_st_le16(s, r->avail + 4 + 2 * (r->next_avail % r->size), (uint16_t)head);
	space_st_le16(s, r->avail + 2, ++r->next_avail);
	return head;
}

/* The next element that the device has given back: bytes written, -1: none. */
__attribute__((unused)) static int64_t v_done(struct vring *r, unsigned *head)
{
	struct space *s = r->v->m->memory;
	if (space_le16(s, r->used + 2) == r->seen)
		return -1;
	uint64_t at = r->used + 4 + 8 * (r->seen++ % r->size);
	if (head)
		*head = space_le32(s, at);
	return space_le32(s, at + 4);
}

__attribute__((unused)) static unsigned v_status(struct vdriver *v) { return v->io ? test_inb(v->m, (uint16_t)(v->io + 18)) : (unsigned)v_get(v, 20, 1); }
__attribute__((unused)) static unsigned v_isr(struct vdriver *v) { return v->io ? test_inb(v->m, (uint16_t)(v->io + 19)) : (unsigned)v_get(v, 0x1000, 1); }
#endif
