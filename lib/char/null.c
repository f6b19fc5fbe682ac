/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null swallows everything; ringbuf keeps the last output for the monitor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "char/core.h"

static int null_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	(void)s, (void)e;
	c->opened = true;
	return 0;
}

static void null_close(struct chardev *c)
{
	(void)c;
}

static size_t null_write(struct chardev *c, const uint8_t *data, size_t n)
{
	(void)c, (void)data;
	return n;
}

const struct char_class char_null = {.name = "null", .help = "swallows everything", .open = null_open, .close = null_close, .write = null_write};

/* ---- ring buffer ---- */

#define RING_DEFAULT 65536
#define RING_MOST (1u << 30)

struct ring {
	size_t size, first, used;
	uint8_t data[];
};

static int ring_check(const struct char_spec *s, struct err *e)
{
	const char *text = char_spec_get(s, "size");
	uint64_t size = RING_DEFAULT;

	if (text && size_parse(text, 'B', &size, e) < 0)
		return -e->code;
	if (!size || size & (size - 1) || size > RING_MOST)
		return err_set(e, EINVAL, size > RING_MOST ? "size of ringbuf chardev is at most 1 GiB" : "size of ringbuf chardev must be power of two");
	return 0;
}

static int ring_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	const char *text = char_spec_get(s, "size");
	uint64_t size = RING_DEFAULT;
	struct ring *r;

	if (text)
		size_parse(text, 'B', &size, NULL);
	r = malloc(sizeof *r + size);
	if (!r)
		return err_set(e, ENOMEM, "out of memory");
	r->size = size;
	r->first = r->used = 0;
	c->state = r;
	c->opened = true;
	return 0;
}

static void ring_close(struct chardev *c)
{
	char_core_free(c->registry, c->state);
}

static size_t ring_write(struct chardev *c, const uint8_t *data, size_t n)
{
	struct ring *r = c->state;

	for (size_t i = 0; i < n; i++) {
		r->data[(r->first + r->used) & (r->size - 1)] = data[i];
		if (r->used < r->size)
			r->used++;
		else
			r->first = (r->first + 1) & (r->size - 1);
	}
	return n;
}

static const struct char_prop ring_props[] = {{.name = "size", .type = PROP_SIZE}, {0}};
static const char *const ring_aliases[] = {"memory", NULL};
const struct char_class char_ringbuf = {.name = "ringbuf", .aliases = ring_aliases, .help = "keeps the last output for the monitor", .props = ring_props,
					.no_mux = true, .check = ring_check, .open = ring_open, .close = ring_close, .write = ring_write};

static int not_a_ring(const struct chardev *c, struct err *e)
{
	return c->class == &char_ringbuf ? 0 : err_set(e, EINVAL, "%s is not a ringbuf device", c->id);
}

int chardev_ring_write(struct chardev *c, const void *data, size_t n, struct err *e)
{
	if (not_a_ring(c, e) < 0)
		return -e->code;
	ring_write(c, data, n);
	return 0;
}

ssize_t chardev_ring_read(struct chardev *c, void *data, size_t max, struct err *e)
{
	struct ring *r = c->state;
	size_t n;

	if (not_a_ring(c, e) < 0)
		return -e->code;
	n = r->used < max ? r->used : max;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)data)[i] = r->data[(r->first + i) & (r->size - 1)];
	r->first = (r->first + n) & (r->size - 1);
	r->used -= n;
	return (ssize_t)n;
}
