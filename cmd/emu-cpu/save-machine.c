/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole machine as a stream:
 *
 *   "EMUSTATE" u32 format version
 *   manifest: u32 count of sections, each {u16 name, u16 table name, u32 version}; u32 count of RAM blocks, each {u16 name, u64 size}
 *   pages: {u8 'P', u32 block, u64 offset, u32 length, bytes}…, all that are not zero
 *   sections, in the manifest's order: {u8 'S', u32 length, body (save.c)}
 *   u8 'E', u32 CRC-32 of all before
 *
 * The manifest comes first so that a machine of another shape, or a newer one's state, is refused before a byte of RAM is touched. From
 * a file everything is read and checked once before anything is stored; from a pipe RAM goes to its place as it comes, which is a
 * machine that has never run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core.h"
#include "memory-internal.h"
#include "save-internal.h"

#define MAGIC "EMUSTATE"
#define FORMAT 1
#define RUN_MAX (1u << 20)
#define SECTION_MAX (256u << 20)
#define COUNT_MAX 100000

struct extra {
	char *name;
	const struct state_table *table;
	void *state;
	struct extra *next;
};

struct save_core {
	struct extra *list;
};

/* ---- what there is to save ---- */

struct part {
	char name[128];
	const struct state_table *table;
	void *state;
};

struct parts_list {
	struct part *part;
	unsigned count;
	bool failed;
};

static void add_part(struct parts_list *l, const char *name, const struct state_table *t, void *state)
{
	struct part *more = realloc(l->part, (l->count + 1) * sizeof *more);

	if (!more) {
		l->failed = true;
		return;
	}
	l->part = more;
	snprintf(more[l->count].name, sizeof more->name, "%s", name);
	more[l->count].table = t;
	more[l->count++].state = state;
}

static bool add_device(void *opaque, struct device *d)
{
	if (d->realized && d->type->state)
		add_part(opaque, d->path, d->type->state, d);
	return true;
}

struct clock_state {
	uint64_t virt;
};

static const struct field clock_fields[] = {F_UINT(struct clock_state, virt), F_END};
static const struct state_table clock_table = {.name = "clock", .version = 1, .oldest = 1, .fields = clock_fields};

/* The clock first: timers are set against it. */
static int list_parts(struct machine *m, struct parts_list *l, struct clock_state *clock, struct err *e)
{
	*l = (struct parts_list){0};
	add_part(l, "clock", &clock_table, clock);
	for (struct extra *x = m->parts->save->list; x; x = x->next)
		add_part(l, x->name, x->table, x->state);
	device_each(m, add_device, l);
	if (l->failed) {
		free(l->part);
		return err_set(e, ENOMEM, "out of memory");
	}
	return 0;
}

/* ---- the stream ---- */

struct stream {
	int fd;
	uint32_t crc, table[8][256];
	uint8_t buf[65536];
	size_t have, used; /* reading */
	int error;
};

/* IEEE 802.3, reflected; eight bytes at a time by as many tables. */
static void crc_init(struct stream *s)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;
		for (unsigned bit = 0; bit < 8; bit++)
			v = v >> 1 ^ (v & 1 ? 0xedb88320 : 0);
		s->table[0][i] = v;
	}
	for (unsigned t = 1; t < 8; t++)
		for (unsigned i = 0; i < 256; i++)
			s->table[t][i] = s->table[t - 1][i] >> 8 ^ s->table[0][s->table[t - 1][i] & 255];
}

static void crc_add(struct stream *s, const uint8_t *p, size_t n)
{
	const uint32_t(*t)[256] = (const uint32_t(*)[256])s->table;
	uint32_t crc = ~s->crc;

	for (; n >= 8; n -= 8, p += 8) {
		uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
		crc = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^ t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^
		      t[0][p[7]];
	}
	while (n--)
		crc = crc >> 8 ^ t[0][(crc ^ *p++) & 255];
	s->crc = ~crc;
}

static void flush_out(struct stream *s)
{
	size_t done = 0;

	while (!s->error && done < s->have) {
		ssize_t n = write(s->fd, s->buf + done, s->have - done);
		if (n < 0 && errno != EINTR)
			s->error = errno;
		if (n > 0)
			done += (size_t)n;
	}
	s->have = 0;
}

static void put(struct stream *s, const void *data, size_t n)
{
	const uint8_t *p = data;

	crc_add(s, p, n);
	while (n) {
		size_t k = sizeof s->buf - s->have < n ? sizeof s->buf - s->have : n;
		memcpy(s->buf + s->have, p, k);
		s->have += k;
		p += k;
		n -= k;
		if (s->have == sizeof s->buf)
			flush_out(s);
	}
}

static void put_uint(struct stream *s, uint64_t v, unsigned width)
{
	uint8_t b[8];

	for (unsigned i = 0; i < width; i++)
		b[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
	put(s, b, width);
}

static void put_name(struct stream *s, const char *name)
{
	put_uint(s, strlen(name), 2);
	put(s, name, strlen(name));
}

static bool get(struct stream *s, void *data, size_t n)
{
	uint8_t *to = data;

	while (n) {
		size_t k;
		if (s->used == s->have) {
			ssize_t got = read(s->fd, s->buf, sizeof s->buf);
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0) {
				s->error = got < 0 ? errno : EPIPE;
				return false;
			}
			s->have = (size_t)got;
			s->used = 0;
		}
		k = s->have - s->used < n ? s->have - s->used : n;
		memcpy(to, s->buf + s->used, k);
		crc_add(s, to, k);
		s->used += k;
		to += k;
		n -= k;
	}
	return true;
}

static bool get_uint(struct stream *s, unsigned width, uint64_t *v)
{
	uint8_t b[8];

	if (!get(s, b, width))
		return false;
	*v = 0;
	for (unsigned i = 0; i < width; i++)
		*v = *v << 8 | b[i];
	return true;
}

static bool get_name(struct stream *s, char *name, size_t size)
{
	uint64_t n;

	if (!get_uint(s, 2, &n) || n >= size || !get(s, name, n))
		return false;
	name[n] = '\0';
	return true;
}

/* ---- saving ---- */

static bool page_is_zero(const uint8_t *p)
{
	const uint64_t *w = (const uint64_t *)p;

	for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
		if (w[i])
			return false;
	return true;
}

static void put_block(struct stream *s, unsigned n, const struct ram_block *b)
{
	for (uint64_t at = 0; at < b->mapped && !s->error;) {
		uint64_t run = 0;
		while (at + run < b->mapped && run < RUN_MAX && !page_is_zero(b->host + at + run))
			run += PAGE_BYTES;
		if (!run) {
			at += PAGE_BYTES;
			continue;
		}
		put_uint(s, 'P', 1);
		put_uint(s, n, 4);
		put_uint(s, at, 8);
		put_uint(s, run, 4);
		put(s, b->host + at, run);
		at += run;
	}
}

int machine_save(struct machine *m, int fd, struct err *e)
{
	struct clock_state clock = {clock_ns(m, CLOCK_VIRT)};
	struct stream *s = calloc(1, sizeof *s);
	struct parts_list l;
	unsigned n = 0;
	int r = 0;

	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	s->fd = fd;
	crc_init(s);
	if (list_parts(m, &l, &clock, e) < 0) {
		free(s);
		return -e->code;
	}
	put(s, MAGIC, 8);
	put_uint(s, FORMAT, 4);
	put_uint(s, l.count, 4);
	for (unsigned i = 0; i < l.count; i++) {
		put_name(s, l.part[i].name);
		put_name(s, l.part[i].table->name);
		put_uint(s, l.part[i].table->version, 4);
	}
	for (struct ram_block *b = memory_of(m)->blocks; b; b = b->next)
		n++;
	put_uint(s, n, 4);
	for (struct ram_block *b = memory_of(m)->blocks; b; b = b->next) {
		put_name(s, b->name);
		put_uint(s, b->size, 8);
	}
	n = 0;
	for (struct ram_block *b = memory_of(m)->blocks; b; b = b->next)
		put_block(s, n++, b);
	for (unsigned i = 0; i < l.count && r == 0; i++) {
		struct save_buf body = {0};
		save_state(&body, l.part[i].table, l.part[i].state);
		if (body.failed)
			r = err_set(e, ENOMEM, "out of memory");
		put_uint(s, 'S', 1);
		put_uint(s, body.size, 4);
		put(s, body.data, body.failed ? 0 : body.size);
		free(body.data);
	}
	put_uint(s, 'E', 1);
	put_uint(s, s->crc, 4);
	flush_out(s);
	if (r == 0 && s->error)
		r = err_errno(e, s->error, "cannot write the machine's state");
	free(l.part);
	free(s);
	return r;
}

/* ---- loading ---- */

struct loading {
	struct machine *m;
	struct stream *s;
	struct parts_list parts;
	struct clock_state clock;
	unsigned count, blocks;
	struct section {
		struct part *part;
		unsigned version;
		uint8_t *data;
		uint32_t size;
	} *section;
	struct ram_block **block;
};

static int truncated(struct loading *l, struct err *e)
{
	if (l->s->error && l->s->error != EPIPE)
		return err_errno(e, l->s->error, "cannot read the machine's state");
	return err_set(e, EINVAL, "the machine's state is truncated");
}

static int read_manifest(struct loading *l, struct err *e)
{
	char magic[8], name[200], table[200];
	uint64_t v;

	if (!get(l->s, magic, 8) || !get_uint(l->s, 4, &v))
		return truncated(l, e);
	if (memcmp(magic, MAGIC, 8))
		return err_set(e, EINVAL, "this is no machine's state");
	if (v != FORMAT)
		return err_set(e, EINVAL, "the state is in format %u; only %u is understood", (unsigned)v, FORMAT);
	if (!get_uint(l->s, 4, &v))
		return truncated(l, e);
	if (v > COUNT_MAX)
		return err_set(e, EINVAL, "the state has %u sections", (unsigned)v);
	l->section = calloc(v + 1, sizeof *l->section);
	if (!l->section)
		return err_set(e, ENOMEM, "out of memory");
	for (; l->count < v; l->count++) {
		struct section *x = &l->section[l->count];
		uint64_t version;
		if (!get_name(l->s, name, sizeof name) || !get_name(l->s, table, sizeof table) || !get_uint(l->s, 4, &version))
			return truncated(l, e);
		for (unsigned i = 0; i < l->parts.count && !x->part; i++)
			if (!strcmp(l->parts.part[i].name, name))
				x->part = &l->parts.part[i];
		if (!x->part || strcmp(x->part->table->name, table))
			return err_set(e, EINVAL, "unknown section '%s' (%s): this machine has no such device", name, table);
		if (version > x->part->table->version)
			return err_set(e, EINVAL, "section '%s' has version %u, newer than %u, the newest that is known", name, (unsigned)version,
				       x->part->table->version);
		if (version < x->part->table->oldest)
			return err_set(e, EINVAL, "section '%s' has version %u, older than %u, the oldest that is understood", name,
				       (unsigned)version, x->part->table->oldest);
		for (unsigned i = 0; i < l->count; i++)
			if (l->section[i].part == x->part)
				return err_set(e, EINVAL, "section '%s' is there twice", name);
		x->version = (unsigned)version;
	}
	if (l->count != l->parts.count) {
		for (unsigned i = 0; i < l->parts.count; i++) {
			bool found = false;
			for (unsigned k = 0; k < l->count; k++)
				found |= l->section[k].part == &l->parts.part[i];
			if (!found)
				return err_set(e, EINVAL, "the state has no section '%s' (%s)", l->parts.part[i].name,
					       l->parts.part[i].table->name);
		}
	}
	return 0;
}

static int read_blocks(struct loading *l, struct err *e)
{
	char name[300];
	uint64_t v, size;
	unsigned own = 0;

	if (!get_uint(l->s, 4, &v))
		return truncated(l, e);
	for (struct ram_block *b = memory_of(l->m)->blocks; b; b = b->next)
		own++;
	if (v != own)
		return err_set(e, EINVAL, "the state has %u memories, this machine has %u", (unsigned)v, own);
	l->block = calloc(own + 1, sizeof *l->block);
	if (!l->block)
		return err_set(e, ENOMEM, "out of memory");
	for (; l->blocks < v; l->blocks++) {
		struct ram_block *b;
		if (!get_name(l->s, name, sizeof name) || !get_uint(l->s, 8, &size))
			return truncated(l, e);
		for (b = memory_of(l->m)->blocks; b; b = b->next) {
			bool taken = false;
			for (unsigned i = 0; i < l->blocks; i++)
				taken |= l->block[i] == b;
			if (!taken && !strcmp(b->name, name))
				break;
		}
		if (!b)
			return err_set(e, EINVAL, "this machine has no memory '%s'", name);
		if (b->size != size)
			return err_set(e, EINVAL, "memory '%s' has %llu bytes, the state's has %llu", name, (unsigned long long)b->size,
				       (unsigned long long)size);
		l->block[l->blocks] = b;
	}
	return 0;
}

/* Pages and sections. store: pages go to RAM. Sections are only kept. */
static int read_body(struct loading *l, bool store, struct err *e)
{
	unsigned at = 0;
	uint64_t what, block, offset, size;
	uint8_t *scratch = malloc(RUN_MAX);

	if (!scratch)
		return err_set(e, ENOMEM, "out of memory");
	for (;;) {
		uint32_t crc;
		if (!get_uint(l->s, 1, &what))
			goto short_read;
		if (what == 'P') {
			if (!get_uint(l->s, 4, &block) || !get_uint(l->s, 8, &offset) || !get_uint(l->s, 4, &size))
				goto short_read;
			if (block >= l->blocks || size > RUN_MAX || offset > l->block[block]->mapped ||
			    size > l->block[block]->mapped - offset) {
				err_set(e, EINVAL, "the state has pages outside of memory");
				goto fail;
			}
			if (!get(l->s, store ? l->block[block]->host + offset : scratch, size))
				goto short_read;
		} else if (what == 'S') {
			struct section *x = &l->section[at];
			if (at == l->count || !get_uint(l->s, 4, &size) || size > SECTION_MAX) {
				if (l->s->error)
					goto short_read;
				err_set(e, EINVAL, "the state's sections are malformed");
				goto fail;
			}
			free(x->data);
			x->size = (uint32_t)size;
			x->data = malloc(size + 1);
			if (!x->data) {
				err_set(e, ENOMEM, "out of memory");
				goto fail;
			}
			if (!get(l->s, x->data, size))
				goto short_read;
			if (load_check((struct load_buf){x->data, size}, x->part->table, x->part->state, x->version, e) < 0) {
				err_prefix(e, "section '%s'", x->part->name);
				goto fail;
			}
			at++;
		} else if (what == 'E') {
			crc = l->s->crc;
			if (!get_uint(l->s, 4, &size))
				goto short_read;
			if (size != crc || at != l->count) {
				err_set(e, EINVAL, at != l->count ? "the state lacks sections" : "the state is damaged: its checksum is wrong");
				goto fail;
			}
			free(scratch);
			return 0;
		} else {
			err_set(e, EINVAL, "the state is malformed");
			goto fail;
		}
	}
short_read:
	truncated(l, e);
fail:
	free(scratch);
	return -e->code;
}

static void clear_blocks(struct loading *l)
{
	for (unsigned i = 0; i < l->blocks; i++)
		if (madvise(l->block[i]->host, l->block[i]->mapped, MADV_REMOVE) < 0)
			memset(l->block[i]->host, 0, l->block[i]->mapped);
}

static int store_sections(struct loading *l, struct err *e)
{
	for (unsigned i = 0; i < l->count; i++) {
		struct section *x = &l->section[i];
		int r = load_state((struct load_buf){x->data, x->size}, x->part->table, x->part->state, x->version, e);
		if (r < 0)
			return err_prefix(e, "section '%s'", x->part->name);
		if (x->part->state == &l->clock)
			clock_set(l->m, l->clock.virt);
	}
	return 0;
}

/* What the devices hold now, to go back to when a device refuses the values it was given. */
static bool snapshot(struct parts_list *l, struct save_buf **bufs)
{
	*bufs = calloc(l->count + 1, sizeof **bufs);
	for (unsigned i = 0; *bufs && i < l->count; i++) {
		save_state(&(*bufs)[i], l->part[i].table, l->part[i].state);
		if ((*bufs)[i].failed)
			return false;
	}
	return *bufs != NULL;
}

static void go_back(struct loading *l, struct save_buf *bufs)
{
	struct err ignored = ERR_INIT;

	for (unsigned i = 0; i < l->parts.count; i++) {
		const struct part *p = &l->parts.part[i];
		load_state((struct load_buf){bufs[i].data, bufs[i].size}, p->table, p->state, p->table->version, &ignored);
		if (p->state == &l->clock)
			clock_set(l->m, l->clock.virt);
	}
}

int machine_load(struct machine *m, int fd, struct err *e)
{
	off_t start = lseek(fd, 0, SEEK_CUR);
	struct loading l = {.m = m, .s = calloc(1, sizeof *l.s), .clock = {clock_ns(m, CLOCK_VIRT)}};
	struct save_buf *before = NULL;
	int r;

	if (!l.s)
		return err_set(e, ENOMEM, "out of memory");
	l.s->fd = fd;
	crc_init(l.s);
	r = list_parts(m, &l.parts, &l.clock, e);
	if (r < 0)
		goto out;
	r = read_manifest(&l, e);
	if (r == 0)
		r = read_blocks(&l, e);
	if (r == 0 && start >= 0) {
		off_t body = lseek(fd, 0, SEEK_CUR) - (off_t)(l.s->have - l.s->used);
		uint32_t crc = l.s->crc;
		r = read_body(&l, false, e);
		if (r == 0 && lseek(fd, body, SEEK_SET) < 0)
			r = err_errno(e, errno, "cannot read the machine's state again");
		l.s->have = l.s->used = 0;
		l.s->crc = crc;
	}
	if (r == 0 && !snapshot(&l.parts, &before))
		r = err_set(e, ENOMEM, "out of memory");
	if (r < 0)
		goto out;
	/* From a file, devices are asked first and RAM follows; from a pipe there is only one order. */
	memory_begin(m);
	if (start >= 0) {
		r = store_sections(&l, e);
		if (r < 0)
			go_back(&l, before);
	}
	if (r == 0) {
		clear_blocks(&l);
		r = read_body(&l, true, e);
	}
	if (r == 0 && start < 0)
		r = store_sections(&l, e);
	memory_commit(m);
	for (unsigned i = 0; i < l.blocks; i++)
		ram_written(l.block[i], 0, l.block[i]->mapped);
out:
	for (unsigned i = 0; before && i < l.parts.count; i++)
		free(before[i].data);
	free(before);
	for (unsigned i = 0; l.section && i < l.count + 1; i++)
		free(l.section[i].data);
	free(l.section);
	free(l.block);
	free(l.parts.part);
	free(l.s);
	return r;
}

/* ---- sections that are no device's ---- */

void machine_state_add(struct machine *m, const char *name, const struct state_table *t, void *state)
{
	struct extra *x = calloc(1, sizeof *x), **p;

	if (!x || !(x->name = strdup(name)))
		die(1, "out of memory");
	x->table = t;
	x->state = state;
	for (p = &m->parts->save->list; *p; p = &(*p)->next)
		;
	*p = x;
}

void machine_state_remove(struct machine *m, void *state)
{
	struct extra **p = &m->parts->save->list;

	while (*p) {
		struct extra *x = *p;
		if (x->state != state) {
			p = &x->next;
			continue;
		}
		*p = x->next;
		free(x->name);
		free(x);
	}
}

int save_core_init(struct machine *m, struct err *e)
{
	m->parts->save = calloc(1, sizeof *m->parts->save);
	return m->parts->save ? 0 : err_set(e, ENOMEM, "out of memory");
}

void save_core_free(struct machine *m)
{
	struct save_core *c = m->parts->save;

	while (c && c->list) {
		struct extra *x = c->list;
		c->list = x->next;
		free(x->name);
		free(x);
	}
	free(c);
	m->parts->save = NULL;
}
