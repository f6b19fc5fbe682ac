/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening and closing nodes: options in, a tree of nodes out.
 *
 * Theory of operation
 *   The options of a node are a JSON object as -blockdev has it; a file name is a short form of such an object, and
 *   "json:{...}" a long one. open_node() takes the generic options out, finds the driver (or probes for it), opens
 *   "file", hands the rest to the driver's table, and at last opens the backing file the image names. What is left
 *   over afterwards was not understood by anyone and is refused by name.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/json.h"
#include "base/keyval.h"
#include "base/sandbox.h"
#include "block/dirty.h"
#include "block/graph-internal.h"

struct blk_graph *blk_graph_new(struct objects *objects)
{
	struct blk_graph *g = calloc(1, sizeof *g);

	if (g) {
		g->objects = objects;
		g->cwd = getcwd(NULL, 0);
		pthread_mutex_init(&g->lock, NULL);
	}
	return g;
}

void blk_graph_free(struct blk_graph *g)
{
	if (!g)
		return;
	for (unsigned i = 0; i < g->fdset_count; i++)
		close(g->fdset[i].fd);
	for (unsigned i = 0; i < g->passed_count; i++) {
		close(g->passed[i].fd);
		free(g->passed[i].path);
	}
	free(g->passed);
	free(g->cwd);
	json_decref(g->iscsi);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

struct objects *blk_graph_objects(struct blk_graph *g)
{
	return g->objects;
}

void blk_graph_live(struct blk_graph *g)
{
	g->live = true;
}

void blk_graph_name(struct blk_graph *g, const char *name)
{
	snprintf(g->name, sizeof g->name, "%s", name);
}

void blk_graph_restoring(struct blk_graph *g, bool on)
{
	g->restoring = on;
}

void blk_warn(struct blk_graph *g, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	(void)g;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "%s: warning: %s\n", err_program(), text);
}

struct blk *blk_ref(struct blk *b)
{
	__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

struct blk *blk_find(struct blk_graph *g, const char *node_name)
{
	struct blk *b;

	pthread_mutex_lock(&g->lock);
	for (b = g->nodes; b && strcmp(b->node_name, node_name); b = b->core->next)
		;
	pthread_mutex_unlock(&g->lock);
	return b;
}

void blk_share(struct blk *b)
{
	b->core->shared = BLK_PERM_ALL;
	b->core->lenient = true;
}

bool blk_writable(const struct blk *b)
{
	return b->flags & BLK_RDWR;
}

const char *blk_filename(const struct blk *b)
{
	return b->filename;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */
static struct blk *node_new(struct blk_graph *g, const struct blk_format *f, const char *name, struct err *e)
{
	struct blk *b = calloc(1, sizeof *b);

	if (b) {
		b->core = calloc(1, sizeof *b->core);
		b->state = calloc(1, f->state_size + 1);
		b->opts = blk_opts_new(f->options);
	}
	if (!b || !b->core || !b->state || !b->opts) {
		err_errno(e, ENOMEM, "%s", f->name);
		if (b) {
			free(b->core);
			free(b->state);
			blk_opts_free(b->opts);
		}
		free(b);
		return NULL;
	}
	b->graph = g;
	b->fmt = f;
	b->refs = 1;
	b->align = b->zero_align = 1;
	pthread_mutex_init(&b->lock, NULL);
	pthread_rwlock_init(&b->core->unaligned, NULL);
	pthread_mutex_lock(&g->lock);
	if (name) {
		b->node_name = strdup(name);
	} else {
		const struct blk *other;
		do { /* a restored graph has names of that kind already */
			free(b->node_name);
			if (asprintf(&b->node_name, *g->name ? "#block%03u.%s" : "#block%03u", g->serial++, g->name) < 0)
				b->node_name = NULL;
			for (other = g->nodes; other && b->node_name && strcmp(other->node_name, b->node_name); other = other->core->next)
				;
		} while (other && b->node_name);
	}
	b->core->auto_named = !name;
	if (b->node_name) {
		b->core->next = g->nodes;
		g->nodes = b;
	}
	pthread_mutex_unlock(&g->lock);
	return b;
}

static int node_close(struct blk *b)
{
	struct blk_graph *g = b->graph;
	int r = 0;

	if (!b->core->bad && blk_writable(b))
		r = blk_flush(b);
	if (b->fmt->close)
		b->fmt->close(b);
	pthread_mutex_lock(&g->lock);
	for (struct blk **p = &g->nodes; *p; p = &(*p)->core->next)
		if (*p == b) {
			*p = b->core->next;
			break;
		}
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; i < b->core->child_count; i++)
		blk_unref(b->core->child[i]);
	if (b->backing)
		blk_unref(b->backing);
	if (b->file)
		blk_unref(b->file);
	blk_dirty_free_all(b);
	free(b->core->child);
	json_decref(b->core->options);
	pthread_rwlock_destroy(&b->core->unaligned);
	pthread_mutex_destroy(&b->lock);
	free(b->core);
	free(b->state);
	blk_opts_free(b->opts);
	free(b->filename);
	free(b->node_name);
	free(b->backing_name);
	free(b->backing_fmt);
	free(b);
	return r;
}

void blk_unref(struct blk *b)
{
	if (b && __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0)
		node_close(b);
}

int blk_close(struct blk *b, struct err *e)
{
	char name[256];
	int r = 0;

	if (!b)
		return 0;
	snprintf(name, sizeof name, "%s", b->filename);
	if (__atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0)
		r = node_close(b);
	return r ? err_errno(e, -r, "%s: cannot flush the image as it is closed", name) : 0;
}

struct open_args {
	struct blk_graph *graph;
	const char *filename, *format;
	json_t *options;     /* owned by the callee, which may change it */
	unsigned flags, perm, shared, depth;
	bool protocol;       /* a "file" child: a bare name means a protocol driver, no probing */
	const char *base;    /* for messages */
};

static int open_node(struct open_args *a, struct blk **out, struct err *e);

static unsigned file_perm(unsigned flags)
{
	return (flags & BLK_NO_IO ? 0 : BLK_PERM_READ) | (flags & BLK_RDWR ? BLK_PERM_WRITE | BLK_PERM_RESIZE : 0);
}

static unsigned file_shared(unsigned flags)
{
	if (flags & BLK_FORCE_SHARE)
		return BLK_PERM_ALL;
	return BLK_PERM_READ | BLK_PERM_WRITE_UNCHANGED | (flags & BLK_SHARE_WRITE ? BLK_PERM_WRITE | BLK_PERM_RESIZE : 0);
}

/* An existing node gets one more parent: what that wants must be tolerated by the others, and the other way round. */
static int attach(struct blk *b, unsigned perm, unsigned shared, struct err *e)
{
	unsigned bad = perm & ~b->core->shared;

	if (!b->core->lenient && (bad || (b->core->perm & ~shared)))
		return err_set(e, EPERM, "Node '%s' is already used in a way that excludes this one (%s)", b->node_name,
			       (bad | (b->core->perm & ~shared)) & BLK_PERM_RESIZE ? "resize" : "write");
	if ((perm & BLK_PERM_WRITE) && !blk_writable(b))
		return err_set(e, EACCES, "Block node '%s' is read-only", b->node_name);
	b->core->perm |= perm;
	if (!b->core->lenient)
		b->core->shared &= shared;
	blk_ref(b);
	return 0;
}

/* A child given by the user as `value` (string: node name, object: options) or by file name and format. */
static int open_child(struct open_args *parent, json_t *value, const char *filename, const char *format, unsigned flags,
		      bool protocol, struct blk **out, struct err *e)
{
	struct open_args a = {.graph = parent->graph, .filename = filename, .format = format, .flags = flags,
			      .perm = file_perm(flags), .shared = file_shared(flags), .depth = parent->depth,
			      .protocol = protocol, .base = parent->base};
	int r;

	if (json_is_string(value)) {
		struct blk *b = blk_find(parent->graph, json_string_value(value));
		if (!b)
			return err_set(e, ENOENT, "Cannot find device='' nor node-name='%s'", json_string_value(value));
		if ((r = attach(b, a.perm, a.shared, e)))
			return r;
		*out = b;
		return 0;
	}
	a.options = value ? json_deep_copy(value) : json_object();
	if (!a.options)
		return err_errno(e, ENOMEM, "options");
	r = open_node(&a, out, e);
	json_decref(a.options);
	return r;
}

struct probe_state {
	const uint8_t *buf;
	size_t size;
	const char *filename;
	int best;
	const struct blk_format *found;
};

static void probe_one(const struct blk_format *f, void *opaque)
{
	struct probe_state *p = opaque;
	int score;

	if ((f->flags & BLK_F_PROTOCOL) || !f->probe)
		return;
	score = f->probe(p->buf, p->size, p->filename);
	if (score > p->best) {
		p->best = score;
		p->found = f;
	}
}

static int probe(struct blk *file, const char *filename, const struct blk_format **f, struct err *e)
{
	uint8_t buf[2048] = {0};
	struct probe_state p = {.buf = buf, .filename = filename};
	uint64_t size;
	int r = blk_size(file, &size);

	if (r)
		return err_errno(e, -r, "Could not determine the size of '%s'", file->filename);
	p.size = size < sizeof buf ? size : sizeof buf;
	if (p.size && (r = blk_pread(file, 0, p.size, buf)))
		return err_errno(e, -r, "Could not read image for determining its format");
	blk_format_each(probe_one, &p);
	*f = p.found ? p.found : blk_format_find("raw");
	return 0;
}

/* Puts json:{...} or PROTOCOL:... into the options; *name becomes what remains a plain path, or NULL. */
static int expand_filename(struct open_args *a, const char **name, const struct blk_format **protocol, struct err *e)
{
	const struct blk_format *f;

	*protocol = NULL;
	*name = a->filename;
	if (!a->filename)
		return 0;
	if (!strncmp(a->filename, "json:", 5)) {
		json_t *o = json_parse(a->filename + 5, strlen(a->filename + 5), e);
		json_t *flat;
		if (!o)
			return err_prefix(e, "Could not parse the JSON options"), -EINVAL;
		if (!json_is_object(o)) {
			json_decref(o);
			return err_set(e, EINVAL, "Invalid JSON object given");
		}
		flat = blk_nest_dotted(o, e);
		json_decref(o);
		if (!flat)
			return -EINVAL;
		json_object_update_missing(a->options, flat);
		json_decref(flat);
		*name = NULL;
		return 0;
	}
	f = blk_protocol_of(a->filename, e);
	if (!f)
		return -ENOENT;
	*protocol = f;
	return 0;
}

static int open_backing(struct open_args *a, struct blk *b, json_t *given, struct err *e)
{
	const struct blk_format *fmt = b->fmt;
	unsigned flags = a->flags & (BLK_NO_FLUSH | BLK_DIRECT | BLK_FORCE_SHARE | BLK_NATIVE_AIO | BLK_IO_URING | BLK_NO_IO | BLK_NO_LOCK);
	char *name = NULL;
	struct open_args up = *a;
	int r;

	if (!given && (!b->backing_name || (a->flags & BLK_NO_BACKING)))
		return 0;
	if (!(fmt->flags & BLK_F_BACKING))
		return given ? err_set(e, EINVAL, "Driver '%s' does not support backing files", fmt->name) : 0;
	if (a->depth + 1 >= BLK_MAX_CHAIN)
		return err_set(e, ELOOP, "The backing chain of '%s' is longer than %u images; it may point back at itself",
			       b->filename, BLK_MAX_CHAIN);
	if (b->backing_name && !(json_is_object(given) && (json_object_get(given, "file") || json_object_get(given, "filename"))) &&
	    !json_is_string(given) && !(name = blk_resolve(b, b->backing_name)))
		return err_errno(e, ENOMEM, "%s", b->filename);
	up.depth++;
	up.base = b->filename;
	r = open_child(&up, given, name, json_is_object(given) && json_object_get(given, "driver") ? NULL : name ? b->backing_fmt : NULL,
		       flags, false, &b->backing, e);
	free(name);
	if (r && r != -ELOOP) /* that one is said once, not two hundred times */
		err_prefix(e, "Could not open backing file");
	return r;
}

/* Names what is left over in the options, as "a.b" */
static int leftover(const json_t *o, const char *prefix, const char *what, struct err *e)
{
	const char *key = json_object_iter_key(json_object_iter((json_t *)o));
	const json_t *v = json_object_get(o, key);
	char name[256];

	snprintf(name, sizeof name, "%s%s", prefix, key);
	if (json_is_object(v) && json_object_size(v) && strlen(name) < 200) {
		strcat(name, ".");
		return leftover(v, name, what, e);
	}
	return err_set(e, EINVAL, "Block format '%s' does not support the option '%s'", what, name);
}

static int open_node(struct open_args *a, struct blk **out, struct err *e)
{
	const struct blk_format *f = NULL, *protocol = NULL;
	struct blk *file = NULL, *b = NULL;
	const char *name, *driver = a->format, *node_name = NULL, *given = NULL;
	char *driver_copy = NULL, *node_copy = NULL, *below = NULL;
	json_t *value, *backing = NULL, *left, *original = NULL;
	unsigned flags = a->flags, child_flags;
	bool probed = false, given_backing = false;
	int r;

	if ((r = expand_filename(a, &name, &protocol, e)))
		return r;
	given = a->filename && strncmp(a->filename, "json:", 5) ? a->filename : NULL;
	original = json_deep_copy(a->options);
	if ((value = json_object_get(a->options, "driver"))) {
		if (driver) {
			r = err_set(e, EINVAL, "Driver specified twice");
			goto out;
		}
		driver = driver_copy = strdup(json_string_value(value) ? json_string_value(value) : "");
		json_object_del(a->options, "driver");
	}
	if ((value = json_object_get(a->options, "node-name"))) {
		node_name = node_copy = strdup(json_string_value(value) ? json_string_value(value) : "");
		json_object_del(a->options, "node-name");
		if (blk_find(a->graph, node_name)) {
			r = err_set(e, EEXIST, "Duplicate node name '%s'", node_name);
			goto out;
		}
		if (!*node_name || strlen(node_name) > (a->graph->restoring ? 63 : 31) || (*node_name == '#' && !a->graph->restoring)) {
			r = err_set(e, EINVAL, "Invalid node-name: '%s'", node_name);
			goto out;
		}
	}
	if ((r = blk_take_generic(a->options, &flags, e)))
		goto out;
	if (a->perm & BLK_PERM_WRITE && !(flags & BLK_RDWR))
		a->perm &= ~(BLK_PERM_WRITE | BLK_PERM_RESIZE);
	if ((flags & BLK_RDWR) && !(a->perm & BLK_PERM_WRITE))
		a->perm |= BLK_PERM_WRITE | BLK_PERM_RESIZE; /* read-only=off in the options of a backing file */
	a->flags = flags;
	if (driver && !(f = blk_format_find(driver))) {
		r = blk_is_absent(driver, strlen(driver)) ? err_set(e, ENOTSUP, "The driver '%s' is not built in", driver)
						      : err_set(e, ENOENT, "Unknown driver '%s'", driver);
		goto out;
	}
	if (!f && a->protocol)
		f = protocol ? protocol : blk_format_find("file");
	if (f && f == protocol && f->flags & BLK_F_FILTER) { /* "blkdebug:RULES:IMAGE": what is behind it goes on as the name */
		if ((r = f->parse_filename(name, a->options, e)))
			goto out;
		below = strdup(json_string_value(json_object_get(a->options, "x-image")));
		json_object_del(a->options, "x-image");
		name = below;
		if (!name) {
			r = err_errno(e, ENOMEM, "%s", a->filename);
			goto out;
		}
	}
	child_flags = flags & ~(unsigned)(BLK_WRITETHROUGH | BLK_DETECT_ZEROES | BLK_COPY_ON_READ | BLK_NO_BACKING | BLK_CHECK);
	if (f && (f->flags & BLK_F_TEST) && !json_object_get(a->options, "file") && json_is_object(json_object_get(a->options, "image"))) {
		json_object_set(a->options, "file", json_object_get(a->options, "image")); /* the classic name of what such a filter is on */
		json_object_del(a->options, "image");
	}
	if (!f || !(f->flags & (BLK_F_PROTOCOL | BLK_F_NO_FILE))) {
		value = json_object_get(a->options, "file");
		if (!value && !name) {
			if (f)
				r = err_set(e, EINVAL, "A block device must be specified for \"file\"");
			else
				r = err_set(e, EINVAL, "Must specify either driver or file");
			goto out;
		}
		r = open_child(a, value, value ? NULL : name, NULL, child_flags, below || !(f && f->flags & BLK_F_FILTER), &file, e);
		if (r)
			goto out;
		json_object_del(a->options, "file");
		if (!f) {
			if ((r = probe(file, given, &f, e)))
				goto out;
			probed = true;
		}
	}
	if ((flags & BLK_RDWR) && (f->flags & BLK_F_READ_ONLY)) {
		if (!(flags & BLK_AUTO_READ_ONLY)) {
			r = err_set(e, EINVAL, "Block format '%s' does not support read-write access", f->name);
			goto out;
		}
		flags &= ~(unsigned)BLK_RDWR;
	}
	b = node_new(a->graph, f, node_name, e);
	if (!b) {
		r = -ENOMEM;
		goto out;
	}
	b->core->bad = true;
	b->file = file;
	file = NULL;
	b->flags = flags | (probed ? BLK_PROBED : 0);
	b->core->perm = a->perm;
	b->core->shared = a->shared;
	b->core->depth = a->depth;
	b->core->complex_name = !a->graph->restoring && !blk_plain_options(original);
	if (a->format && !json_object_get(original, "driver") && b->core->complex_name)
		json_object_set_new(original, "driver", json_string(f->name));
	if (f->flags & BLK_F_PROTOCOL && name) {
		if (f->parse_filename) {
			if ((r = f->parse_filename(name, a->options, e)))
				goto out;
		} else {
			json_object_set_new(a->options, "filename", json_string(name));
		}
	}
	if ((value = json_object_get(a->options, "backing"))) {
		given_backing = true;
		backing = json_incref(value);
		json_object_del(a->options, "backing");
	}
	if ((r = blk_take_table(a->options, "", f->options, b->opts, e)))
		goto out;
	if (f->flags & BLK_F_FILTER || f->flags & BLK_F_PROTOCOL || !given)
		b->core->options = json_incref(original);
	blk_set_filename(b, given ? given : name);
	json_decref(b->core->options);
	b->core->options = json_incref(a->options);
	if (b->file && f->flags & BLK_F_FILTER) {
		b->size = b->file->size;
		b->align = b->file->align;
	}
	if ((r = f->open(b, e)))
		goto out;
	if (f->describe && !given) {
		json_decref(b->core->options);
		b->core->options = json_incref(original);
		blk_set_filename(b, NULL);
		json_decref(b->core->options);
		b->core->options = json_incref(a->options);
	}
	left = b->core->options; /* the children that the driver took are gone from it */
	if (json_object_size(left)) {
		r = leftover(left, "", f->name, e);
		goto out;
	}
	b->core->backing_given = given_backing;
	b->backing_override = given_backing;
	if (!given_backing || !(json_is_null(backing) || (json_is_string(backing) && !*json_string_value(backing))))
		if ((r = open_backing(a, b, backing, e)))
			goto out;
	b->core->bad = false;
	*out = b;
	b = NULL;
out:
	if (b)
		blk_unref(b);
	blk_unref(file);
	json_decref(backing);
	json_decref(original);
	free(driver_copy);
	free(below);
	free(node_copy);
	return r;
}

int blk_open(struct blk_graph *g, const char *filename, const char *format, json_t *options, unsigned flags,
	     struct blk **b, struct err *e)
{
	struct open_args a = {.graph = g, .filename = filename, .format = format, .flags = flags,
			      .perm = file_perm(flags), .shared = file_shared(flags)};
	int r;

	if (options && json_is_string(options)) {
		struct blk *node = blk_find(g, json_string_value(options));
		if (!node)
			return err_set(e, ENOENT, "Cannot find device='' nor node-name='%s'", json_string_value(options));
		if ((r = attach(node, a.perm, a.shared, e)))
			return r;
		*b = node;
		return 0;
	}
	a.options = options ? json_deep_copy(options) : json_object();
	if (!a.options)
		return err_errno(e, ENOMEM, "options");
	r = open_node(&a, b, e);
	json_decref(a.options);
	return r;
}

/* ---- children of drivers --------------------------------------------------------------------------------------- */
bool blk_child_given(struct blk *b, const char *name)
{
	return b->core->options && json_object_get(b->core->options, name);
}

int blk_open_child(struct blk *b, const char *name, const char *filename, const char *format, unsigned flags,
		   struct blk **child, struct err *e)
{
	struct open_args a = {.graph = b->graph, .depth = b->core->depth + 1, .base = b->filename};
	json_t *given = b->core->options ? json_object_get(b->core->options, name) : NULL;
	struct blk **list, *c;
	char *path = NULL;
	const struct blk_format *f = format ? blk_format_find(format) : NULL;
	int r;

	if (!given && !filename)
		return err_set(e, EINVAL, "A block device must be specified for \"%s\"", name);
	if (b->core->depth + 1 >= BLK_MAX_CHAIN)
		return err_set(e, ELOOP, "%s: images are nested more than %u deep", b->filename, BLK_MAX_CHAIN);
	if (!given && !(path = blk_resolve(b, filename)))
		return err_errno(e, ENOMEM, "%s", filename);
	r = open_child(&a, given, path, given ? NULL : format, flags, !given && f && (f->flags & BLK_F_PROTOCOL), &c, e);
	free(path);
	if (r)
		return r;
	if (given)
		json_object_del(b->core->options, name);
	list = realloc(b->core->child, (b->core->child_count + 1) * sizeof *list);
	if (!list) {
		blk_unref(c);
		return err_errno(e, ENOMEM, "%s", name);
	}
	b->core->child = list;
	list[b->core->child_count++] = c;
	*child = c;
	return 0;
}

void blk_drop_child(struct blk *b, struct blk *child)
{
	struct blk_core *k = b->core;

	for (unsigned i = 0; i < k->child_count; i++)
		if (k->child[i] == child) {
			memmove(&k->child[i], &k->child[i + 1], (--k->child_count - i) * sizeof *k->child);
			blk_unref(child);
			return;
		}
}

void blk_set_backing(struct blk *b, struct blk *backing)
{
	struct blk *old = b->backing;

	b->backing = backing;
	b->backing_override = true;
	blk_unref(old);
}

struct blk *blk_skip_filters(struct blk *b)
{
	while (b && (b->fmt->flags & BLK_F_FILTER) && b->file)
		b = b->file;
	return b;
}
