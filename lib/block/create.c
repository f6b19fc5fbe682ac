/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creating images: option tables of format and protocol together, and the file under a new image. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "block/core.h"

const char *const blk_prealloc_names[] = {"off", "metadata", "falloc", "full", NULL};

int blk_prealloc_parse(const char *text, enum blk_prealloc *p, struct err *e)
{
	for (unsigned i = 0; blk_prealloc_names[i]; i++)
		if (!strcmp(text, blk_prealloc_names[i])) {
			*p = (enum blk_prealloc)i;
			return 0;
		}
	return err_set(e, EINVAL, "Invalid preallocation mode '%s'; accepted are: off, metadata, falloc, full", text);
}

static void append(struct blk_option *out, unsigned *n, const struct blk_option *t)
{
	for (; t && t->name; t++) {
		unsigned i;
		for (i = 0; i < *n && strcmp(out[i].name, t->name); i++)
			;
		if (i == *n)
			out[(*n)++] = *t;
	}
}

struct blk_option *blk_create_options(const struct blk_format *f, const char *filename, struct err *e)
{
	static const struct blk_option size[] = {{.name = "size", .type = BLK_OPT_SIZE, .help = "Virtual disk size"}, {.name = NULL}};
	const struct blk_format *p = NULL;
	struct blk_option *out = calloc(64, sizeof *out);
	unsigned n = 0;
	bool placed = false;

	if (!out) {
		err_errno(e, ENOMEM, "options");
		return NULL;
	}
	if (filename && strncmp(filename, "json:", 5) && !(f->flags & BLK_F_PROTOCOL)) {
		p = blk_protocol_of(filename, e);
		if (!p) {
			free(out);
			return NULL;
		}
	}
	for (const struct blk_option *t = f->create_options; t && t->name; t++)
		placed |= !strcmp(t->name, "size");
	if (!placed) /* where the classic tool has it in its "Formatting" line */
		append(out, &n, size);
	append(out, &n, f->create_options);
	if (p)
		append(out, &n, p->create_options);
	return out;
}

int blk_create_file(const struct blk_create *c, const char *filename, uint64_t size, struct blk **b, struct err *e)
{
	const struct blk_format *p = blk_protocol_of(filename, e);
	struct blk_create inner = {.graph = c->graph, .filename = filename, .size = size, .flags = c->flags};
	struct blk_option *table;
	int r;

	if (!p)
		return -ENOENT;
	if (!p->create) {
		/* a place that exists and cannot be made (a device, an export): used as it is */
		r = blk_open(c->graph, filename, p->name, NULL, (c->flags | BLK_RDWR | BLK_RESIZE) & ~(unsigned)BLK_WRITETHROUGH, b, e);
		if (r)
			err_prefix(e, "Protocol driver '%s' does not support image creation", p->name);
		return r;
	}
	table = blk_create_options(p, NULL, e);
	if (!table)
		return -ENOMEM;
	inner.opts = blk_opts_new(table);
	for (unsigned i = 0; table[i].name; i++) { /* what the user said about the file (nocow ...) */
		const char *v = blk_opts_has(c->opts, table[i].name) ? blk_opts_string(c->opts, table[i].name) : NULL;
		if (v && strcmp(table[i].name, "preallocation") && strcmp(table[i].name, "size"))
			blk_opts_set(inner.opts, table[i].name, v, NULL);
	}
	r = p->create(&inner, e);
	blk_opts_free(inner.opts);
	free(table);
	if (r)
		return r;
	r = blk_open(c->graph, filename, p->name, NULL,
		     (c->flags | BLK_RDWR | BLK_RESIZE) & ~(unsigned)(BLK_WRITETHROUGH | BLK_DIRECT), b, e);
	if (!r)
		(*b)->core->made = sandbox_allows(SANDBOX_OPEN);
	return r;
}

void blk_create_abort(struct blk *b)
{
	char *path = NULL;

	if (!b)
		return;
	if (b->core->made && !strcmp(b->fmt->name, "file"))
		path = strdup(!strncmp(b->filename, "file:", 5) ? b->filename + 5 : b->filename);
	blk_unref(b);
	if (path)
		unlink(path);
	free(path);
}

int blk_create_end(struct blk *b, int r, const char *what, const char *filename, struct err *e)
{
	if (!r)
		return blk_close(b, e);
	if (e && !e->code)
		err_errno(e, -r, "cannot write %s of %s", what, filename);
	blk_create_abort(b);
	return r;
}

int blk_create_image(struct blk_graph *g, const struct blk_format *f, const char *filename, uint64_t size,
		     struct blk_opts *opts, struct blk *backing, unsigned flags, struct err *e)
{
	struct blk_create c = {.graph = g, .filename = filename, .size = size, .opts = opts, .backing = backing, .flags = flags};

	if (size <= INT64_MAX) /* disks consist of sectors */
		c.size = round_up64(size, BLK_SECTOR);
	if (!f->create)
		return err_set(e, ENOTSUP, "Format driver '%s' does not support image creation", f->name);
	return f->create(&c, e);
}
