/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens the image that the command line describes. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/keyval.h"
#include "base/sock.h"
#include "export.h"
#include "settings.h"

static int cache_flags(const struct settings *s, unsigned *flags, struct err *e)
{
	static const struct {
		const char *name;
		unsigned flags;
	} modes[] = {
		{"writeback", 0}, {"none", BLK_DIRECT}, {"off", BLK_DIRECT}, {"writethrough", BLK_WRITETHROUGH},
		{"directsync", BLK_DIRECT | BLK_WRITETHROUGH}, {"unsafe", BLK_NO_FLUSH},
	};
	const char *mode = s->nocache ? "none" : s->cache ? s->cache : "writeback";

	for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++)
		if (!strcmp(modes[i].name, mode)) {
			*flags |= modes[i].flags;
			return 0;
		}
	return err_set(e, EINVAL, "Invalid cache mode `%s'; it is one of: none, writeback, writethrough, directsync, unsafe", mode);
}

/* Any node below that is not a local file: the protocol then needs sockets while it runs. */
static bool is_remote(const struct blk *b)
{
	if (!b)
		return false;
	if (!b->file && !b->backing)
		return strcmp(b->fmt->name, "file") && strcmp(b->fmt->name, "host_device") && strcmp(b->fmt->name, "host_cdrom") &&
		       strncmp(b->fmt->name, "null-", 5);
	return is_remote(b->file) || is_remote(b->backing);
}

static int load_snapshot(struct blk *b, const char *text, struct err *e)
{
	struct keyval kv = {0};
	const char *id = text;
	int r = 0;

	if (!b->fmt->snapshot_load)
		return err_set(e, ENOTSUP, "format '%s' has no internal snapshots", b->fmt->name);
	if (!strncmp(text, "snapshot.", 9)) {
		r = keyval_parse(text, NULL, &kv, e);
		if (r < 0)
			return r;
		id = keyval_get(&kv, "snapshot.id");
		if (!id)
			id = keyval_get(&kv, "snapshot.name");
	}
	r = id ? b->fmt->snapshot_load(b, id, e) : err_set(e, EINVAL, "-l: neither snapshot.id nor snapshot.name is given");
	keyval_free(&kv);
	return r < 0 ? err_prefix(e, "Failed to load snapshot") : 0;
}

static int fill_overlay(struct blk_graph *g, const struct blk_format *qcow2, const struct image *i, struct err *e)
{
	struct blk_opts *o = blk_opts_new(qcow2->create_options);
	int r = o ? blk_create_image(g, qcow2, i->overlay, i->blk->size, o, NULL, 0, e) : err_set(e, ENOMEM, "out of memory");

	blk_opts_free(o);
	return r;
}

static int use_overlay(struct blk_graph *g, struct image *i, unsigned flags, struct err *e)
{
	json_t *options = json_pack("{s:n}", "backing");
	struct blk *top = NULL;
	int r = blk_open(g, i->overlay, "qcow2", options, flags | BLK_RDWR | BLK_NO_FLUSH, &top, e);

	json_decref(options);
	if (r < 0)
		return r;
	blk_set_backing(top, i->blk);
	i->blk = top;
	i->temporary = true;
	return 0;
}

/* The file is the supervisor's: a server before this one has written to it, or nobody has. What it lost is what was under way: see DESIGN.md, 5. */
static int kept_overlay(struct blk_graph *g, const struct blk_format *qcow2, struct image *i, int fd, unsigned flags, struct err *e)
{
	struct stat st;
	int r = 0;

	if (asprintf(&i->overlay, "/dev/fd/%d", fd) < 0)
		return err_set(e, ENOMEM, "out of memory");
	if (fstat(fd, &st) < 0)
		return err_errno(e, errno, "--overlay-fd %d", fd);
	if (st.st_size == 0)
		r = fill_overlay(g, qcow2, i, e);
	return r < 0 ? r : use_overlay(g, i, flags, e);
}

/* -s: an overlay whose file loses its name at once, so that nothing is left in any case. */
static int make_overlay(const struct settings *s, struct blk_graph *g, struct image *i, unsigned flags, struct err *e)
{
	const struct blk_format *qcow2 = blk_format_find("qcow2");
	const char *tmp = getenv("TMPDIR");
	int fd, r;

	if (!qcow2 || !qcow2->create)
		return err_set(e, ENOTSUP, "-s needs the qcow2 format");
	if (s->overlay_fd >= 0)
		return kept_overlay(g, qcow2, i, (int)s->overlay_fd, flags, e);
	if (asprintf(&i->overlay, "%s/emu-nbd.XXXXXX", tmp ? tmp : "/var/tmp") < 0)
		return err_set(e, ENOMEM, "out of memory");
	fd = mkstemp(i->overlay);
	if (fd < 0)
		return err_errno(e, errno, "cannot make a temporary file %s", i->overlay);
	close(fd);
	r = fill_overlay(g, qcow2, i, e);
	if (r == 0)
		r = use_overlay(g, i, flags, e);
	unlink(i->overlay);
	return r;
}

/* A supervisor that starts this server for the first time: nothing of an earlier one can be under way. */
static bool first_start(void)
{
	const char *restarts = getenv("EMU_RESTARTS");

	return restarts && !strcmp(restarts, "0");
}

/* A server that was killed may still have I/O under way, and holds its locks until that is done. */
int open_locked(const struct settings *s, struct blk_graph *g, const char *file, const char *format, json_t *options, unsigned flags,
		struct blk **b, struct err *e)
{
	int64_t wait = (s->lock_wait >= 0 ? s->lock_wait : s->state && !first_start() ? 10 : 0) * 1000;
	int r;

	for (;; wait -= 20) {
		*e = (struct err)ERR_INIT;
		r = blk_open(g, file, format, options, flags, b, e);
		if (r != -EAGAIN || wait <= 0)
			return r;
		poll(NULL, 0, 20);
	}
}

int image_open(const struct settings *s, struct blk_graph *g, const char *file, struct image *i, struct err *e)
{
	unsigned flags = s->read_only || s->snapshot || s->load_snapshot ? 0 : BLK_RDWR;
	json_t *options = NULL;
	int r = cache_flags(s, &flags, e);

	if (r < 0)
		return r;
	flags |= s->discard >= 2 ? BLK_UNMAP : 0;
	flags |= s->detect_zeroes ? BLK_DETECT_ZEROES : 0;
	flags |= s->aio == 1 ? BLK_NATIVE_AIO : s->aio == 2 ? BLK_IO_URING : 0;
	flags |= s->bitmap ? BLK_BITMAPS : 0;
	flags |= s->format || s->image_opts ? 0 : BLK_PROBED;
	if (s->format && !blk_format_find(s->format))
		return err_set(e, EINVAL, "Unknown block driver '%s'", s->format);
	if (s->image_opts) {
		options = keyval_parse_object(file, NULL, e);
		if (!options)
			return e ? -e->code : -EINVAL;
	}
	r = open_locked(s, g, options ? NULL : file, s->format, options, flags, &i->blk, e);
	json_decref(options);
	if (r < 0)
		return err_prefix(e, "Failed to open '%s'", file);
	i->remote = is_remote(i->blk);
	blk_warn_probed(i->blk, s->image_opts ? blk_filename(i->blk) : file);
	if (s->load_snapshot)
		r = load_snapshot(i->blk, s->load_snapshot, e);
	if (r == 0 && s->snapshot)
		r = make_overlay(s, g, i, flags, e);
	i->offset = s->offset;
	i->size = UINT64_MAX;
	if (r == 0 && s->partition) {
		r = partition_find(i->blk, (unsigned)s->partition, &i->offset, &i->size, e);
		if (r < 0)
			err_prefix(e, "Could not find partition %d", (int)s->partition);
	}
	return r;
}

int image_open_named(const struct settings *s, struct blk_graph *g, const char *text, struct image *i, char **name, char **description, bool *writable, struct err *e)
{
	static const char *const known[] = {"name", "file", "format", "description", "read-only"};
	struct settings own = *s;
	struct keyval kv = {0};
	const char *file, *called, *about, *ro;
	int r = keyval_parse(text, NULL, &kv, e);

	for (unsigned n = 0; !r && n < kv.count; n++) {
		unsigned k = 0;
		while (k < 5 && strcmp(kv.key[n], known[k]))
			k++;
		if (k == 5)
			r = err_set(e, EINVAL, "--export: there is no '%s'; there are name, file, format, description, read-only", kv.key[n]);
	}
	file = keyval_get(&kv, "file");
	called = keyval_get(&kv, "name");
	about = keyval_get(&kv, "description");
	ro = keyval_get(&kv, "read-only");
	if (!r && (!file || !called || !*called))
		r = err_set(e, EINVAL, "--export needs name=NAME and file=FILE");
	if (!r && ro && strcmp(ro, "on") && strcmp(ro, "off"))
		r = err_set(e, EINVAL, "--export: read-only=%s: on or off", ro);
	if (!r) {
		own.format = keyval_get(&kv, "format");
		own.read_only |= ro && !strcmp(ro, "on");
		own.image_opts = own.snapshot = false;
		own.load_snapshot = NULL;
		own.offset = 0;
		own.partition = 0;
		*writable = !own.read_only;
		*name = strdup(called);
		*description = about ? strdup(about) : NULL;
		r = *name && (!about || *description) ? image_open(&own, g, file, i, e) : err_set(e, ENOMEM, "out of memory");
	}
	keyval_free(&kv);
	return r;
}

int image_close(struct image *i, struct err *e)
{
	int r = i->blk ? blk_close(i->blk, e) : 0;

	i->blk = NULL;
	free(i->overlay);
	i->overlay = NULL;
	return r;
}
