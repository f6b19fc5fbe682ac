/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/metacache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/block.h"
#include "block/blockmap.h"

struct page {
	uint64_t number; /* UINT64_MAX: empty */
	uint64_t used;	 /* the cache's clock at its last use */
	uint8_t *data;
};

struct metacache {
	struct blk *file;
	uint64_t clock;
	struct page *last; /* most look-ups hit the page of the one before */
	struct page page[META_PAGES];
};

struct metacache *metacache_new(struct blk *file, struct err *e)
{
	struct metacache *m = calloc(1, sizeof *m);

	if (!m) {
		err_errno(e, ENOMEM, "metadata cache");
		return NULL;
	}
	m->file = file;
	for (unsigned i = 0; i < META_PAGES; i++)
		m->page[i].number = UINT64_MAX;
	m->last = &m->page[0];
	return m;
}

void metacache_free(struct metacache *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < META_PAGES; i++)
		free(m->page[i].data);
	free(m);
}

static struct page *cached(struct metacache *m, uint64_t number)
{
	if (m->last->number == number)
		return m->last;
	for (unsigned i = 0; i < META_PAGES; i++)
		if (m->page[i].number == number)
			return &m->page[i];
	return NULL;
}

static int load(struct metacache *m, uint64_t number, struct page **out)
{
	struct page *p = cached(m, number);
	int r;

	if (!p) {
		p = &m->page[0];
		for (unsigned i = 0; i < META_PAGES; i++) {
			if (m->page[i].number == UINT64_MAX) {
				p = &m->page[i];
				break;
			}
			if (m->page[i].used < p->used)
				p = &m->page[i];
		}
		p->number = UINT64_MAX;
		if (!p->data && !(p->data = malloc(META_PAGE)))
			return -ENOMEM;
		r = blockmap_pread_clipped(m->file, number * META_PAGE, p->data, META_PAGE);
		if (r < 0)
			return r;
		p->number = number;
	}
	p->used = ++m->clock;
	m->last = p;
	*out = p;
	return 0;
}

int metacache_read(struct metacache *m, uint64_t off, void *buf, size_t n)
{
	uint8_t *to = buf;
	struct page *p;
	int r;

	while (n) {
		size_t at = off % META_PAGE, len = META_PAGE - at < n ? META_PAGE - at : n;
		r = load(m, off / META_PAGE, &p);
		if (r < 0)
			return r;
		memcpy(to, p->data + at, len);
		to += len;
		off += len;
		n -= len;
	}
	return 0;
}

int metacache_write(struct metacache *m, uint64_t off, const void *buf, size_t n)
{
	const uint8_t *from = buf;
	int r;

	while (n) {
		size_t at = off % META_PAGE, len = META_PAGE - at < n ? META_PAGE - at : n;
		size_t start = at & ~(size_t)511, end = (at + len + 511) & ~(size_t)511;
		uint8_t old[META_PAGE];
		struct page *p;
		uint64_t page, length;

		r = load(m, off / META_PAGE, &p);
		if (r < 0)
			return r;
		r = blk_size(m->file, &length);
		if (r < 0)
			return r;
		page = off - at;
		/* Whole sectors, but the file is not made longer than the entry needs. */
		if (page + end > length)
			end = page + at + len >= length ? at + len : (size_t)(length - page);
		memcpy(old + start, p->data + start, end - start);
		memcpy(p->data + at, from, len);
		r = blk_pwrite(m->file, page + start, end - start, p->data + start);
		if (r < 0) {
			memcpy(p->data + start, old + start, end - start);
			return r;
		}
		from += len;
		off += len;
		n -= len;
	}
	return 0;
}

void metacache_forget(struct metacache *m, uint64_t off, uint64_t n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < META_PAGES; i++)
		if (m->page[i].number != UINT64_MAX && m->page[i].number >= off / META_PAGE &&
		    m->page[i].number <= (off + n - 1) / META_PAGE)
			m->page[i].number = UINT64_MAX;
}
