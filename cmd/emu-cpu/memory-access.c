/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses: what is stored where, in which pieces. A device's functions may change the memory map while they run, so each piece is
 * looked up anew and nothing of the view is held across a call.
 */
#include <string.h>
#include "base/log.h"
#include "memory-internal.h"

#define NEST_MAX 16 /* register accesses that cause register accesses that … */

static uint64_t ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : ((uint64_t)1 << (8 * size)) - 1;
}

static uint64_t swap(uint64_t v, unsigned size)
{
	return __builtin_bswap64(v) >> (64 - 8 * size);
}

/* May the region be entered now? */
static bool enter(struct region *r, uint64_t offset, const char *what)
{
	struct memory_core *mc = memory_of(r->machine);

	if ((r->busy && !r->ops->reentrant) || mc->depth >= NEST_MAX) {
		log_printf(LOG_GUEST_ERROR, "%s: %s at 0x%llx from within its own access\n", r->name, what, (unsigned long long)offset);
		return false;
	}
	r->busy++;
	mc->depth++;
	return true;
}

static void leave(struct region *r)
{
	r->busy--;
	memory_of(r->machine)->depth--;
}

/* The largest access that the device takes at once of `left` bytes at offset. */
static unsigned piece(const struct region *r, uint64_t offset, uint64_t left, unsigned max)
{
	unsigned n = max;

	if (!r->ops->unaligned && (offset & (n - 1)))
		n = (unsigned)(offset & -offset);
	while (n > left)
		n >>= 1;
	return n;
}

static bool allowed(struct region *r, uint64_t offset, unsigned size, const char *what)
{
	if (size >= r->min)
		return true;
	log_printf(LOG_GUEST_ERROR, "%s: %s of %u bytes at 0x%llx, least is %u\n", r->name, what, size, (unsigned long long)offset, r->min);
	return false;
}

static uint64_t call_read(struct region *r, uint64_t offset, unsigned size)
{
	uint64_t v = r->ops->read ? r->ops->read(r->opaque, offset, size) & ones(size) : ones(size);

	return r->ops->big_endian ? swap(v, size) : v;
}

static void call_write(struct region *r, uint64_t offset, uint64_t v, unsigned size)
{
	if (r->ops->write)
		r->ops->write(r->opaque, offset, r->ops->big_endian ? swap(v, size) : v & ones(size), size);
}

/* One access of at most impl_max bytes. */
static uint64_t narrow_read(struct region *r, uint64_t offset, unsigned size)
{
	uint64_t base = offset & ~(uint64_t)(r->impl_min - 1);

	if (size >= r->impl_min)
		return call_read(r, offset, size);
	return call_read(r, base, r->impl_min) >> (8 * (offset - base)) & ones(size);
}

static void narrow_write(struct region *r, uint64_t offset, uint64_t v, unsigned size)
{
	uint64_t base = offset & ~(uint64_t)(r->impl_min - 1);
	unsigned shift = (unsigned)(8 * (offset - base));

	if (size < r->impl_min)
		v = (call_read(r, base, r->impl_min) & ~(ones(size) << shift)) | (v & ones(size)) << shift;
	call_write(r, size < r->impl_min ? base : offset, v, size < r->impl_min ? r->impl_min : size);
}

/* Of at most 8 bytes within the region. */
uint64_t region_load(struct region *r, uint64_t offset, unsigned size, enum mem_result *result)
{
	unsigned max = r->max < r->impl_max ? r->max : r->impl_max;
	uint64_t v = 0;

	if (!allowed(r, offset, size, "read") || !enter(r, offset, "read")) {
		*result = MEM_REFUSED;
		return ones(size);
	}
	for (unsigned at = 0; at < size;) {
		unsigned n = piece(r, offset + at, size - at, max);
		v |= narrow_read(r, offset + at, n) << (8 * at);
		at += n;
	}
	leave(r);
	return v;
}

void region_store(struct region *r, uint64_t offset, uint64_t value, unsigned size, enum mem_result *result)
{
	unsigned max = r->max < r->impl_max ? r->max : r->impl_max;

	if (!allowed(r, offset, size, "write") || !enter(r, offset, "write")) {
		*result = MEM_REFUSED;
		return;
	}
	for (unsigned at = 0; at < size;) {
		unsigned n = piece(r, offset + at, size - at, max);
		narrow_write(r, offset + at, value >> (8 * at), n);
		at += n;
	}
	leave(r);
}

/* ---- spaces ---- */

static bool is_memory(const struct range *g, bool write)
{
	const struct region *r = g->region;

	if (r->kind == REGION_RAM)
		return !(write && g->readonly);
	return r->kind == REGION_ROM && !write && (r->reads_ram || !r->ops);
}

/*
 * To or from guest memory, which processors access meanwhile. What a doubleword or less is to them is one access here too: memcpy() of a length that it
 * does not know moves bytes twice, so that an index of a ring could be read half before and half behind a carry.
 */
static void move(void *to, const void *from, uint64_t n)
{
	switch (n) {
	case 1: memcpy(to, from, 1); break;
	case 2: memcpy(to, from, 2); break;
	case 4: memcpy(to, from, 4); break;
	case 8: memcpy(to, from, 8); break;
	default: memcpy(to, from, n);
	}
}

static void note(enum mem_result *to, enum mem_result r)
{
	if (r > *to)
		*to = r;
}

/* Finds what is at addr, and how many of size bytes belong to it (or to the hole, then region is NULL). */
static void find(struct space *s, uint64_t addr, uint64_t size, struct range *g, uint64_t *n)
{
	const struct view *v = s->view;
	const struct range *found = view_find(v, addr);

	if (found) {
		*g = *found;
		*n = found->last - addr < size - 1 ? found->last - addr + 1 : size;
		return;
	}
	*g = (struct range){0};
	*n = size;
	/* The hole ends where the next range begins. */
	unsigned low = 0, high = v->count;
	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		if (v->range[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < v->count && v->range[low].start - addr < size)
		*n = v->range[low].start - addr;
}

enum mem_result space_read(struct space *s, uint64_t addr, void *buf, uint64_t size)
{
	enum mem_result result = MEM_OK;
	uint8_t *to = buf;

	while (size) {
		struct range g;
		uint64_t n, offset;

		find(s, addr, size, &g, &n);
		offset = g.offset + (addr - g.start);
		if (!g.region) {
			memset(to, 0xff, n);
			note(&result, MEM_UNASSIGNED);
		} else if (is_memory(&g, false)) {
			move(to, g.region->ram->host + offset, n);
		} else if (!g.region->ops) {
			memset(to, 0xff, n);
		} else {
			/* Naturally aligned pieces of what the device may be asked for. */
			unsigned max = g.region->max;
			enum mem_result one = MEM_OK;
			uint64_t v;

			while (max > 1 && ((offset & (max - 1)) || max > n))
				max >>= 1;
			n = max;
			v = region_load(g.region, offset, max, &one);
			note(&result, one);
			for (unsigned i = 0; i < max; i++)
				to[i] = (uint8_t)(v >> (8 * i));
		}
		to += n;
		addr += n;
		size -= n;
	}
	return result;
}

enum mem_result space_write(struct space *s, uint64_t addr, const void *buf, uint64_t size)
{
	enum mem_result result = MEM_OK;
	const uint8_t *from = buf;

	while (size) {
		struct range g;
		uint64_t n, offset;

		find(s, addr, size, &g, &n);
		offset = g.offset + (addr - g.start);
		if (!g.region) {
			note(&result, MEM_UNASSIGNED);
		} else if (is_memory(&g, true)) {
			move(g.region->ram->host + offset, from, n);
			ram_written(g.region->ram, offset, n);
		} else if (g.region->ops && !g.readonly) {
			unsigned max = g.region->max;
			enum mem_result one = MEM_OK;
			uint64_t v = 0;

			while (max > 1 && ((offset & (max - 1)) || max > n))
				max >>= 1;
			n = max;
			for (unsigned i = 0; i < max; i++)
				v |= (uint64_t)from[i] << (8 * i);
			region_store(g.region, offset, v, max, &one);
			note(&result, one);
		}
		from += n;
		addr += n;
		size -= n;
	}
	return result;
}

static uint64_t ram_get(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	switch (size) {
	case 1: return *p;
	case 2: { uint16_t x; memcpy(&x, p, 2); return x; }
	case 4: { uint32_t x; memcpy(&x, p, 4); return x; }
	default: memcpy(&v, p, size); return v;
	}
}

/*
 * Registers take an access whole that begins in them, as on a bus, where who claims the address takes the data: a byte-wide port of another
 * chip in the middle (0xcf9 in 0xcf8) does not cut a doubleword.
 */
static uint64_t whole(const struct range *g, uint64_t offset, uint64_t n, unsigned left)
{
	uint64_t most = g->region->last - offset;

	return n >= left || most >= left - 1 ? left : most + 1;
}

uint64_t space_load(struct space *s, uint64_t addr, unsigned size, enum mem_result *r)
{
	enum mem_result result = MEM_OK;
	uint64_t v = 0;

	for (unsigned at = 0; at < size;) {
		struct range g;
		uint64_t n, offset;

		find(s, addr + at, size - at, &g, &n);
		offset = g.offset + (addr + at - g.start);
		if (!g.region) {
			v |= ones((unsigned)n) << (8 * at);
			note(&result, MEM_UNASSIGNED);
		} else if (is_memory(&g, false)) {
			v |= ram_get(g.region->ram->host + offset, (unsigned)n) << (8 * at);
		} else if (!g.region->ops) {
			v |= ones((unsigned)n) << (8 * at);
		} else {
			enum mem_result one = MEM_OK;
			n = whole(&g, offset, n, size - at);
			v |= region_load(g.region, offset, (unsigned)n, &one) << (8 * at);
			note(&result, one);
		}
		at += (unsigned)n;
	}
	if (r)
		*r = result;
	return v;
}

void space_store(struct space *s, uint64_t addr, uint64_t value, unsigned size, enum mem_result *r)
{
	enum mem_result result = MEM_OK;

	for (unsigned at = 0; at < size;) {
		struct range g;
		uint64_t n, offset, v = value >> (8 * at);

		find(s, addr + at, size - at, &g, &n);
		offset = g.offset + (addr + at - g.start);
		if (!g.region) {
			note(&result, MEM_UNASSIGNED);
		} else if (is_memory(&g, true)) {
			move(g.region->ram->host + offset, &v, n);
			ram_written(g.region->ram, offset, n);
		} else if (g.region->ops && !g.readonly) {
			enum mem_result one = MEM_OK;
			n = whole(&g, offset, n, size - at);
			region_store(g.region, offset, v, (unsigned)n, &one);
			note(&result, one);
		}
		at += (unsigned)n;
	}
	if (r)
		*r = result;
}

uint16_t space_le16(struct space *s, uint64_t addr)
{
	uint8_t b[2];

	space_read(s, addr, b, sizeof b);
	return (uint16_t)(b[0] | b[1] << 8);
}

uint32_t space_le32(struct space *s, uint64_t addr)
{
	uint8_t b[4];

	space_read(s, addr, b, sizeof b);
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t space_le64(struct space *s, uint64_t addr)
{
	uint8_t b[8];
	uint64_t v = 0;

	space_read(s, addr, b, sizeof b);
	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | b[i];
	return v;
}

static void store_le(struct space *s, uint64_t addr, uint64_t v, unsigned size)
{
	uint8_t b[8];

	for (unsigned i = 0; i < size; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	space_write(s, addr, b, size);
}

void space_st_le16(struct space *s, uint64_t addr, uint16_t v)
{
	store_le(s, addr, v, 2);
}

void space_st_le32(struct space *s, uint64_t addr, uint32_t v)
{
	store_le(s, addr, v, 4);
}

void space_st_le64(struct space *s, uint64_t addr, uint64_t v)
{
	store_le(s, addr, v, 8);
}

/* ---- direct access ---- */

void *space_map(struct space *s, uint64_t addr, uint64_t *size, bool write)
{
	struct range g;
	uint64_t n;

	if (*size == 0)
		return NULL;
	find(s, addr, *size, &g, &n);
	if (!g.region || !is_memory(&g, write))
		return NULL;
	*size = n;
	return g.region->ram->host + g.offset + (addr - g.start);
}

void space_unmap(struct space *s, void *host, uint64_t size, bool written)
{
	struct ram_block *b;

	if (!host || !written || !size)
		return;
	b = ram_block_at(s->machine, host);
	if (b)
		ram_written(b, (uint64_t)((uint8_t *)host - b->host), size);
}

void space_page(struct space *s, uint64_t addr, struct space_page *p)
{
	struct reader_slot *held = memory_read_begin(s->machine);
	const struct range *g;
	uint64_t page = addr & ~(uint64_t)(PAGE_BYTES - 1);

	*p = (struct space_page){0};
	g = view_find(s->view, addr);
	if (g) {
		p->region = g->region;
		p->offset = g->offset + (page - g->start);
		if (g->start <= page && g->last >= page + PAGE_BYTES - 1 && is_memory(g, false) && !(p->offset & (PAGE_BYTES - 1))) {
			struct ram_block *b = g->region->ram;
			uint64_t n = p->offset >> PAGE_BITS;
			uint8_t logged = atomic_load_explicit(&b->logged, memory_order_relaxed);

			p->host = b->host + p->offset;
			p->ram = b->first + n;
			p->writable = is_memory(g, true);
			p->dirty = (atomic_load_explicit(&b->dirty[n], memory_order_acquire) & logged) == logged;
		}
	}
	memory_read_end(held);
}
