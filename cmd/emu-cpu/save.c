/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fields to bytes and back. A table's body is a sequence of fields, each {u8 length of name, name, u32 size, bytes}; integers are
 * big-endian in their own width, a struct's bytes are a body again (one after the other when there are several, each with its u32 size).
 */
#include "save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "save-internal.h"

/* ---- bytes out ---- */

void *save_room(struct save_buf *b, size_t n)
{
	if (b->size + n > b->room) {
		size_t room = 2 * (b->size + n) + 256;
		uint8_t *data = realloc(b->data, room);
		if (!data) {
			b->failed = true;
			return NULL;
		}
		b->data = data;
		b->room = room;
	}
	b->size += n;
	return b->data + b->size - n;
}

void save_bytes(struct save_buf *b, const void *data, size_t n)
{
	void *to = save_room(b, n);

	if (to && n)
		memcpy(to, data, n);
}

void save_uint(struct save_buf *b, uint64_t v, unsigned width)
{
	uint8_t *to = save_room(b, width);

	for (unsigned i = 0; to && i < width; i++)
		to[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
}

void save_name(struct save_buf *b, const char *name, unsigned width)
{
	save_uint(b, strlen(name), width);
	save_bytes(b, name, strlen(name));
}

/* A length that is known only afterwards. */
static size_t begin_sized(struct save_buf *b)
{
	save_uint(b, 0, 4);
	return b->size;
}

static void end_sized(struct save_buf *b, size_t from)
{
	uint32_t n = (uint32_t)(b->size - from);

	for (unsigned i = 0; !b->failed && i < 4; i++)
		b->data[from - 4 + i] = (uint8_t)(n >> (8 * (3 - i)));
}

static uint64_t get_member(const uint8_t *p, unsigned width)
{
	switch (width) {
	case 1: return *p;
	case 2: return *(const uint16_t *)p;
	case 4: return *(const uint32_t *)p;
	default: return *(const uint64_t *)p;
	}
}

static void set_member(uint8_t *p, unsigned width, uint64_t v)
{
	switch (width) {
	case 1: *p = (uint8_t)v; break;
	case 2: *(uint16_t *)p = (uint16_t)v; break;
	case 4: *(uint32_t *)p = (uint32_t)v; break;
	default: *(uint64_t *)p = v;
	}
}

static void save_fields(struct save_buf *b, const struct field *f, const uint8_t *state)
{
	for (; f->name; f++) {
		const uint8_t *p = state + f->offset;
		size_t body;

		save_name(b, f->name, 1);
		body = begin_sized(b);
		switch ((enum field_kind)f->kind) {
		case FIELD_UINT:
			for (uint32_t i = 0; i < f->count; i++)
				save_uint(b, get_member(p + (size_t)i * f->width, f->width), f->width);
			break;
		case FIELD_BOOL:
			for (uint32_t i = 0; i < f->count; i++)
				save_uint(b, p[i] != 0, 1);
			break;
		case FIELD_BYTES:
			save_bytes(b, p, f->width);
			break;
		case FIELD_STRUCT:
			for (uint32_t i = 0; i < f->count; i++) {
				size_t one = begin_sized(b);
				save_fields(b, f->sub, p + (size_t)i * f->width);
				end_sized(b, one);
			}
			break;
		case FIELD_TIMER: {
			const struct timer *t = *(struct timer *const *)p;
			save_uint(b, t ? timer_at(t) : UINT64_MAX, 8);
			break;
		}
		case FIELD_BUFFER: {
			uint32_t n = *(const uint32_t *)(state + f->aux);
			const uint8_t *data = *(uint8_t *const *)p;
			save_bytes(b, data, data ? n : 0);
			break;
		}
		}
		end_sized(b, body);
	}
}

void save_state(struct save_buf *b, const struct state_table *t, void *state)
{
	if (t->saving)
		t->saving(state);
	save_fields(b, t->fields, state);
}

/* ---- bytes in ---- */

bool load_uint(struct load_buf *b, unsigned width, uint64_t *v)
{
	*v = 0;
	if (b->left < width)
		return false;
	for (unsigned i = 0; i < width; i++)
		*v = *v << 8 | b->at[i];
	b->at += width;
	b->left -= width;
	return true;
}

bool load_part(struct load_buf *b, size_t n, struct load_buf *part)
{
	if (b->left < n)
		return false;
	*part = (struct load_buf){b->at, n};
	b->at += n;
	b->left -= n;
	return true;
}

bool load_name(struct load_buf *b, unsigned width, char *name, size_t size)
{
	struct load_buf part;
	uint64_t n;

	if (!load_uint(b, width, &n) || n >= size || !load_part(b, n, &part))
		return false;
	memcpy(name, part.at, n);
	name[n] = '\0';
	return true;
}

static int malformed(struct err *e, const char *what)
{
	return err_set(e, EINVAL, "'%s' is malformed", what);
}

/* One pass checks alone (apply false), a second one stores: nothing is touched by what is refused. */
static int load_fields(struct load_buf *b, const struct field *table, uint8_t *state, unsigned version, bool apply, struct err *e);

static int load_field(struct load_buf *b, const struct field *f, uint8_t *state, unsigned version, bool apply, struct err *e)
{
	uint8_t *p = state + f->offset;
	uint64_t v;

	switch ((enum field_kind)f->kind) {
	case FIELD_UINT:
		if (b->left != (size_t)f->width * f->count)
			return err_set(e, EINVAL, "'%s' has %zu bytes, %zu expected", f->name, b->left, (size_t)f->width * f->count);
		for (uint32_t i = 0; i < f->count; i++) {
			load_uint(b, f->width, &v);
			if (apply)
				set_member(p + (size_t)i * f->width, f->width, v);
		}
		return 0;
	case FIELD_BOOL:
		if (b->left != f->count)
			return malformed(e, f->name);
		for (uint32_t i = 0; i < f->count; i++) {
			load_uint(b, 1, &v);
			if (v > 1)
				return err_set(e, EINVAL, "'%s' is neither 0 nor 1", f->name);
			if (apply)
				p[i] = (uint8_t)v;
		}
		return 0;
	case FIELD_BYTES:
		if (b->left != f->width)
			return err_set(e, EINVAL, "'%s' has %zu bytes, %u expected", f->name, b->left, f->width);
		if (apply)
			memcpy(p, b->at, f->width);
		return 0;
	case FIELD_STRUCT:
		for (uint32_t i = 0; i < f->count; i++) {
			struct load_buf one;
			if (!load_uint(b, 4, &v) || !load_part(b, v, &one))
				return malformed(e, f->name);
			if (load_fields(&one, f->sub, p + (size_t)i * f->width, version, apply, e) < 0)
				return err_prefix(e, "%s", f->name);
		}
		return b->left ? malformed(e, f->name) : 0;
	case FIELD_TIMER: {
		struct timer *t = *(struct timer **)p;
		if (b->left != 8)
			return malformed(e, f->name);
		load_uint(b, 8, &v);
		if (apply && t && v == UINT64_MAX)
			timer_stop(t);
		else if (apply && t)
			timer_set(t, v);
		return 0;
	}
	case FIELD_BUFFER:
		if (b->left > f->max)
			return err_set(e, EINVAL, "'%s' has %zu bytes, at most %u fit", f->name, b->left, f->max);
		if (apply) {
			uint8_t *data = b->left ? malloc(b->left) : NULL;
			if (b->left && !data)
				return err_set(e, ENOMEM, "out of memory");
			if (data)
				memcpy(data, b->at, b->left);
			free(*(uint8_t **)p);
			*(uint8_t **)p = data;
			*(uint32_t *)(state + f->aux) = (uint32_t)b->left;
		}
		return 0;
	}
	return malformed(e, f->name);
}

static int load_fields(struct load_buf *b, const struct field *table, uint8_t *state, unsigned version, bool apply, struct err *e)
{
	struct load_buf all = *b;
	char name[256];
	uint64_t size;

	/* Each that is there must be known, once. */
	for (struct load_buf at = all; at.left;) {
		const struct field *f = table;
		struct load_buf body, rest;

		if (!load_name(&at, 1, name, sizeof name) || !load_uint(&at, 4, &size) || !load_part(&at, size, &body))
			return err_set(e, EINVAL, "truncated after '%s'", name);
		while (f->name && strcmp(f->name, name))
			f++;
		if (!f->name)
			return err_set(e, EINVAL, "unknown field '%s'", name);
		for (rest = at; rest.left;) {
			char other[256];
			struct load_buf skip;
			if (!load_name(&rest, 1, other, sizeof other) || !load_uint(&rest, 4, &size) || !load_part(&rest, size, &skip))
				break;
			if (!strcmp(other, name))
				return err_set(e, EINVAL, "field '%s' is there twice", name);
		}
		if (load_field(&body, f, state, version, apply, e) < 0)
			return -e->code;
	}
	/* Each that the version had must be there. */
	for (const struct field *f = table; f->name; f++) {
		bool found = f->since > version;
		for (struct load_buf at = all; !found && at.left;) {
			struct load_buf body;
			if (!load_name(&at, 1, name, sizeof name) || !load_uint(&at, 4, &size) || !load_part(&at, size, &body))
				break;
			found = !strcmp(name, f->name);
		}
		if (!found)
			return err_set(e, EINVAL, "field '%s' is missing", f->name);
	}
	return 0;
}

int load_check(struct load_buf b, const struct state_table *t, void *state, unsigned version, struct err *e)
{
	if (version > t->version)
		return err_set(e, EINVAL, "%s: version %u is newer than %u, the newest that is known", t->name, version, t->version);
	if (version < t->oldest)
		return err_set(e, EINVAL, "%s: version %u is older than %u, the oldest that is understood", t->name, version, t->oldest);
	if (load_fields(&b, t->fields, state, version, false, e) < 0)
		return err_prefix(e, "%s", t->name);
	return 0;
}

int load_state(struct load_buf b, const struct state_table *t, void *state, unsigned version, struct err *e)
{
	if (load_check(b, t, state, version, e) < 0 || load_fields(&b, t->fields, state, version, true, e) < 0)
		return -e->code;
	if (t->loaded && t->loaded(state, e) < 0)
		return err_prefix(e, "%s", t->name);
	return 0;
}
