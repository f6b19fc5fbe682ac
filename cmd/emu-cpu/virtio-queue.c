// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Split virtqueues (virtio 1.1, 2.6): descriptor table, available ring, used ring, in guest memory that the driver changes at any time. So
 * each value is read once and then checked; a chain has at most as many descriptors as its table, which ends loops.
 */
#include "virtio.h"
#include <stdlib.h>
#include <string.h>
#include "machine.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_SIZE = 16 };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static bool desc_read(struct virtio *v, uint64_t table, unsigned n, struct desc *d)
{
	uint8_t raw[DESC_SIZE];
	if (space_read(v->dma, table + (uint64_t)n * DESC_SIZE, raw, sizeof raw) != MEM_OK)
		return false;
	d->addr = virtio_get64(raw);
	d->len = virtio_get32(raw + 8);
	d->flags = virtio_get16(raw + 12);
	d->next = virtio_get16(raw + 14);
	return true;
}

bool virtq_empty(struct virtq *q)
{
	return !q->ready || space_le16(q->virtio->dma, q->avail + 2) == q->last_avail;
}

/* Where the driver is to kick again; behind it the ring is looked at once more by the caller (virtq_pop is called until it says NULL). */
static void want_kick(struct virtq *q)
{
	struct virtio *v = q->virtio;
	if (virtio_has(v, VIRTIO_F_EVENT_IDX))
		space_st_le16(v->dma, q->used + 4 + 8ull * q->size, q->last_avail);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

struct chain {
	struct iovec *piece;
	unsigned outs, ins;
	uint64_t out_size, in_size;
};

/* Guest memory of one descriptor as pieces of host memory. false: the device is broken (said already). */
static bool chain_add(struct virtq *q, struct chain *c, const struct desc *d)
{
	struct virtio *v = q->virtio;
	bool write = d->flags & DESC_WRITE;
	uint64_t addr = d->addr, left = d->len;
	if (!write && c->ins) {
		virtio_error(v, "queue %u: a readable descriptor follows writable ones", q->index);
		return false;
	}
	if (!left) {
		virtio_error(v, "queue %u: a descriptor of no bytes", q->index);
		return false;
	}
	while (left) {
		uint64_t n = left;
		if (c->outs + c->ins == VIRTQ_SEGMENTS) {
			virtio_error(v, "queue %u: a chain has more than %u pieces of memory", q->index, VIRTQ_SEGMENTS);
			return false;
		}
		void *host = space_map(v->dma, addr, &n, write);
		if (!host || !n) {
			virtio_error(v, "queue %u: descriptor at 0x%llx is no memory", q->index, (unsigned long long)addr);
			return false;
		}
		c->piece[c->outs + c->ins] = (struct iovec){host, n};
		if (write) {
			c->ins++;
			c->in_size += n;
		} else {
			c->outs++;
			c->out_size += n;
		}
		addr += n;
		left -= n;
	}
	return true;
}

static void pieces_unmap(struct virtio *v, const struct iovec *piece, unsigned outs, unsigned ins, uint64_t written)
{
	for (unsigned i = 0; i < outs; i++)
		space_unmap(v->dma, piece[i].iov_base, 0, false);
	for (unsigned i = outs; i < outs + ins; i++) {
		uint64_t n = written < piece[i].iov_len ? written : piece[i].iov_len;
		space_unmap(v->dma, piece[i].iov_base, n, n != 0);
		written -= n;
	}
}

/* Follows the chain from `head`. false: broken. */
static bool chain_walk(struct virtq *q, unsigned head, struct chain *c)
{
	struct virtio *v = q->virtio;
	uint64_t table = q->desc;
	unsigned limit = q->size, seen = 0, n = head;
	bool indirect = false;
	for (;;) {
		struct desc d;
		if (n >= limit || ++seen > limit) {
			virtio_error(v, n >= limit ? "queue %u: descriptor number %u is beyond the table" : "queue %u: descriptor chain loops at %u",
				     q->index, n);
			return false;
		}
		if (!desc_read(v, table, n, &d)) {
			virtio_error(v, "queue %u: the descriptor table is not in memory", q->index);
			return false;
		}
		if (d.flags & DESC_INDIRECT) {
			/* One table, of whole descriptors, instead of the rest of the chain (2.6.5.3.1). */
			if (indirect || !virtio_has(v, VIRTIO_F_INDIRECT) || !d.len || d.len % DESC_SIZE || d.flags & DESC_NEXT ||
			    d.len / DESC_SIZE > 0x8000) {
				virtio_error(v, "queue %u: an indirect table that is not allowed here (%u bytes)", q->index, d.len);
				return false;
			}
			indirect = true;
			table = d.addr;
			limit = d.len / DESC_SIZE;
			seen = 0;
			n = 0;
			continue;
		}
		if (!chain_add(q, c, &d))
			return false;
		if (!(d.flags & DESC_NEXT))
			return true;
		n = d.next;
	}
}

struct virtq_element *virtq_pop(struct virtq *q)
{
	struct virtio *v = q->virtio;
	struct iovec piece[VIRTQ_SEGMENTS];
	if (!q->ready || !virtio_running(v) || (v->may_dma && !v->may_dma(v)))
		return NULL;
	uint16_t avail = space_le16(v->dma, q->avail + 2);
	if (avail == q->last_avail) {
		want_kick(q);
		avail = space_le16(v->dma, q->avail + 2);
		if (avail == q->last_avail)
			return NULL;
	}
	if ((uint16_t)(avail - q->last_avail) > q->size) {
		virtio_error(v, "queue %u: available index %u is more than its size (%u) beyond %u", q->index, avail, q->size, q->last_avail);
		return NULL;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* the ring's entry was written before the index */
	uint16_t head = space_le16(v->dma, q->avail + 4 + 2ull * (q->last_avail & (q->size - 1)));
	struct chain c = {.piece = piece};
	struct virtq_element *el = NULL;
	if (!chain_walk(q, head, &c) || !(el = malloc(sizeof *el + (c.outs + c.ins) * sizeof el->piece[0]))) {
		pieces_unmap(v, piece, c.outs, c.ins, 0);
		return NULL;
	}
	*el = (struct virtq_element){.q = q, .head = head, .outs = c.outs, .ins = c.ins, .out_size = c.out_size, .in_size = c.in_size};
	memcpy(el->piece, piece, (c.outs + c.ins) * sizeof piece[0]);
	el->out = el->piece;
	el->in = el->piece + c.outs;
	q->last_avail++;
	q->in_flight++;
	want_kick(q);
	return el;
}

void virtq_push(struct virtq_element *el, uint32_t written)
{
	struct virtq *q = el->q;
	struct virtio *v = q->virtio;
	pieces_unmap(v, el->piece, el->outs, el->ins, written);
	if (q->in_flight)
		q->in_flight--;
	/* After a reset the element belongs to a ring that is gone. */
	if (q->ready && !v->broken) {
		uint8_t entry[8];
		virtio_put32(entry, el->head);
		virtio_put32(entry + 4, written);
		space_write(v->dma, q->used + 4 + 8ull * (q->used_index & (q->size - 1)), entry, sizeof entry);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		q->used_index++;
		space_st_le16(v->dma, q->used + 2, q->used_index);
	}
	free(el);
}

void virtq_unpop(struct virtq_element *el)
{
	struct virtq *q = el->q;
	pieces_unmap(q->virtio, el->piece, el->outs, el->ins, 0);
	q->last_avail--;
	q->in_flight--;
	free(el);
}

static size_t copy(const struct iovec *iov, unsigned count, size_t offset, void *buf, size_t n, bool to_guest)
{
	size_t done = 0;
	for (unsigned i = 0; i < count && done < n; i++) {
		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		size_t k = iov[i].iov_len - offset;
		if (k > n - done)
			k = n - done;
		uint8_t *host = (uint8_t *)iov[i].iov_base + offset;
		if (to_guest)
			memcpy(host, (uint8_t *)buf + done, k);
		else
			memcpy((uint8_t *)buf + done, host, k);
		done += k;
		offset = 0;
	}
	return done;
}

size_t virtq_read(const struct virtq_element *el, size_t offset, void *to, size_t n)
{
	return copy(el->out, el->outs, offset, to, n, false);
}

size_t virtq_write(const struct virtq_element *el, size_t offset, const void *from, size_t n)
{
	return copy(el->in, el->ins, offset, (void *)(uintptr_t)from, n, true);
}
