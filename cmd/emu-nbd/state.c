/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *   The state is one JSON object: every node that a disk, a user or a job holds, as blockdev-add would make it; disks, limits, exports, dirty
 *   bitmaps, jobs. A change is applied, then the whole object is written (keeper.h), then it is acknowledged; if it cannot be written the
 *   change is taken back. The bits of bitmaps are in files of their own that are mapped, so that they need no writing: they are as good as the
 *   kernel. If that was restarted in between (another boot id), bitmaps count everything as dirty, and backups, whose old data nobody has any
 *   more, end.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/json.h"
#include "block/core.h"
#include "block/dirty.h"
#include "keeper.h"

#define VERSION 1
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

struct state {
	struct keeper *keeper;
	json_t *old;    /* what was read at the start; NULL: there was nothing */
	json_t *bits;   /* name: number of the file */
	char boot[64];
	bool same_boot;
};

/* ---- bitmaps' files ---- */

static int bits_file(struct daemon *d, const char *name, bool anew)
{
	struct state *s = d->state;
	const char *key;
	json_t *v;
	unsigned number = 0;
	int fd;

	if (!s || !s->keeper)
		return -1;
	if ((v = json_object_get(s->bits, name))) {
		number = (unsigned)json_integer_value(v);
	} else {
		json_object_foreach (s->bits, key, v)
			if ((unsigned)json_integer_value(v) >= number)
				number = (unsigned)json_integer_value(v) + 1;
		json_object_set_new(s->bits, name, json_integer(number));
		anew = true;
	}
	fd = keeper_bits(s->keeper, number);
	if (fd >= 0 && anew && ftruncate(fd, 0) < 0) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -1 : fd;
}

int state_bitmap(struct daemon *d, const char *name)
{
	return bits_file(d, name, false);
}

int state_bitmap_new(struct daemon *d, const char *name)
{
	return bits_file(d, name, true);
}

void state_drop_bitmap(struct daemon *d, const char *name)
{
	struct state *s = d->state;
	json_t *v = s ? json_object_get(s->bits, name) : NULL;

	if (!v)
		return;
	keeper_drop(s->keeper, (unsigned)json_integer_value(v));
	json_object_del(s->bits, name);
}

/* ---- writing ---- */

/* Nodes that were described already are named only. */
static void describe(json_t *nodes, json_t *seen, struct blk *b)
{
	if (!json_object_get(seen, b->node_name))
		json_array_append_new(nodes, describe_options(b, seen));
}

static bool has_fdset(const json_t *o)
{
	const char *key, *text;
	const json_t *v;

	json_object_foreach((json_t *)o, key, v) {
		text = json_string_value(v);
		if (json_is_object(v) ? has_fdset(v) : text && !strcmp(key, "filename") && !strncmp(text, "/dev/fdset/", 11))
			return true;
	}
	return false;
}

static bool names_fdset(const json_t *nodes)
{
	for (size_t i = 0; i < json_array_size(nodes); i++)
		if (has_fdset(json_array_get(nodes, i)))
			return true;
	return false;
}

static json_t *job_state(struct blk_job *j)
{
	json_t *o = json_deep_copy(j->args), *a = json_object_get(o, "arguments");

	pthread_mutex_lock(&j->lock);
	json_object_set_new(a, "speed", json_integer((json_int_t)j->speed));
	json_object_set_new(a, "job-id", json_string(j->id));
	json_object_set_new(a, "x-paused", json_boolean(j->user_paused || j->error_paused));
	json_object_set_new(a, "x-ready", json_boolean(j->ready));
	json_object_set_new(a, "x-complete", json_boolean(j->complete));
	json_object_set_new(a, "x-cancel", json_boolean(j->cancel));
	pthread_mutex_unlock(&j->lock);
	return o;
}

static json_t *build(struct daemon *d)
{
	struct state *s = d->state;
	json_t *nodes = json_array(), *seen = json_object(), *owned = json_array(), *disks = json_array(), *groups = json_array(),
	       *exports = json_array(), *jobs = json_array(), *dirty = json_array(), *probed = json_array();

	for (struct disk *k = d->disks; k; k = k->next) {
		if (k->root)
			describe(nodes, seen, k->root);
		json_array_append_new(disks, json_pack("{s:s, s:s?, s:b, s:b, s:b, s:b, s:s}", "name", k->name, "root", k->root ? k->root->node_name : NULL,
						       "removable", k->removable, "tray-open", k->tray_open, "locked", k->locked, "hidden", k->hidden,
						       "group", k->group));
	}
	for (struct owned_node *n = d->nodes; n; n = n->next) {
		describe(nodes, seen, n->blk);
		json_array_append_new(owned, json_string(n->blk->node_name));
	}
	for (struct disk *k = d->disks; k; k = k->next) {
		struct blk_limit_values v;
		json_t *o = json_pack("{s:s}", "name", k->group), *list;
		blk_limits_get(k->limits, &v);
		list = json_array();
		for (unsigned i = 0; i < LIMIT_COUNT; i++)
			json_array_append_new(list, json_pack("[I, I, I]", (json_int_t)v.rate[i], (json_int_t)v.most[i], (json_int_t)v.length[i]));
		json_object_set_new(o, "limits", list);
		json_object_set_new(o, "op-size", json_integer((json_int_t)v.op_size));
		json_array_append_new(groups, o);
	}
	for (struct blk_job *j = d->jobs.jobs; j; j = j->next) {
		struct blk *target = NULL;
		if (!j->args || !j->disk)
			continue;
		if (ctl_string(json_object_get(j->args, "arguments"), "target"))
			target = blk_find(d->graph, ctl_string(json_object_get(j->args, "arguments"), "target"));
		if (target)
			describe(nodes, seen, target);
		json_array_append_new(jobs, job_state(j));
	}
	for (struct export *x = d->exports; x; x = x->next)
		json_array_append_new(exports, json_pack("{s:s, s:b, s:s?, s:s, s:b, s:b, s:b, s:s?, s:s?}", "name", x->x.nbd.name, "extra",
							 x->where == &d->extra, "description", x->x.nbd.description, "disk", x->disk->name, "writable",
							 x->writable, "depth", x->x.depth, "multi-conn", x->x.nbd.multi_conn, "bitmap", x->bitmap,
							 "bitmap-node", x->bitmap_node ? x->bitmap_node->node_name : NULL));
	for (struct blk *b = d->graph->nodes; b; b = b->core->next)
		for (struct blk_dirty *m = blk_dirty_list(b); m; m = m->next)
			json_array_append_new(dirty, json_pack("{s:s, s:s, s:I, s:b, s:b, s:b}", "node", b->node_name, "name", m->name, "granularity",
							       (json_int_t)m->map.granularity, "disabled", m->disabled, "persistent", m->persistent,
							       "inconsistent", m->inconsistent));
	for (struct blk *b = d->graph->nodes; b; b = b->core->next)
		if (b->flags & BLK_PROBED)
			json_array_append_new(probed, json_string(b->node_name));
	json_decref(seen);
	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:O, s:O?}", "emu-nbd", VERSION, "boot", s->boot, "nodes", nodes, "owned", owned,
			 "disks", disks, "groups", groups, "exports", exports, "jobs", jobs, "dirty", dirty, "probed", probed, "bits", s->bits, "server",
			 d->extra.again);
}

int daemon_commit(struct daemon *d, struct err *e)
{
	struct state *s = d->state;
	json_t *o;
	char *text;
	int r;

	if (!s || !s->keeper)
		return 0;
	o = build(d);
	if (o && names_fdset(json_object_get(o, "nodes"))) {
		json_decref(o);
		return err_set(e, ENOTSUP, "a node that was opened by /dev/fdset cannot be made again after a crash"),
		       err_hint(e, "Pass its descriptor by add-fd with \"path\" instead.");
	}
	text = o ? json_dumps(o, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
	r = text ? keeper_write(s->keeper, text, strlen(text), e) : err_set(e, ENOMEM, "out of memory");
	free(text);
	json_decref(o);
	return r;
}

/* ---- reading ---- */

static void read_boot_id(char *buf, size_t size)
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, size - 1) : -1;

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

int state_open(struct daemon *d, struct err *e)
{
	const char *path = d->set->state;
	struct state *s;
	int fd;

	if (!path)
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	d->state = s;
	read_boot_id(s->boot, sizeof s->boot);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return err_errno(e, errno, "cannot read the state file %s", path);
	if (fd >= 0) {
		off_t size = lseek(fd, 0, SEEK_END);
		char *text = size >= 0 && size <= JSON_STREAM_SIZE ? malloc((size_t)size + 1) : NULL;
		if (text && pread(fd, text, (size_t)size, 0) == size)
			s->old = json_parse(text, (size_t)size, e);
		free(text);
		close(fd);
		if (!json_is_object(s->old) || json_integer_value(json_object_get(s->old, "emu-nbd")) != VERSION) {
			err_set(e, EINVAL, "%s is no state file of this version of emu-nbd%s%s", path, e->code ? ": " : "", e->code ? e->msg : "");
			return err_hint(e, "Remove it to start from the command line's image.");
		}
		s->same_boot = *s->boot && ctl_string(s->old, "boot") && !strcmp(s->boot, ctl_string(s->old, "boot"));
	}
	s->bits = json_deep_copy(json_object_get(s->old, "bits"));
	if (!json_is_object(s->bits)) {
		json_decref(s->bits);
		s->bits = json_object();
	}
	s->keeper = keeper_start(path, e);
	return s->keeper ? 0 : -e->code;
}

bool state_has_graph(const struct daemon *d)
{
	return d->state && d->state->old;
}

static int wrong(const struct daemon *d, const char *what, struct err *e)
{
	return err_set(e, EINVAL, "%s: '%s' is malformed or missing", d->set->state, what);
}

static int restore_nodes(struct daemon *d, json_t **held, struct err *e)
{
	const json_t *list = json_object_get(d->state->old, "nodes"), *o;
	size_t i;

	json_array_foreach (list, i, o) {
		struct blk *b;
		int r = json_is_object(o) ? open_locked(d->set, d->graph, NULL, NULL, (json_t *)o, BLK_RDWR, &b, e) : wrong(d, "nodes", e);
		if (r < 0)
			return err_prefix(e, "%s", d->set->state);
		/* Held until everybody who needs it has it; pointers travel as integers. */
		json_array_append_new(*held, json_integer((json_int_t)(intptr_t)b));
	}
	return 0;
}

static int restore_disks(struct daemon *d, struct err *e)
{
	const json_t *disks = json_object_get(d->state->old, "disks"), *groups = json_object_get(d->state->old, "groups"), *o;
	struct disk **end = &d->disks;
	size_t i;

	if (!json_array_size(disks) || json_array_size(groups) != json_array_size(disks))
		return wrong(d, "disks", e);
	json_array_foreach (disks, i, o) {
		const json_t *g = json_array_get(groups, i), *list = json_object_get(g, "limits");
		const char *root = ctl_string(o, "root"), *name = ctl_string(o, "name"), *group = ctl_string(g, "name");
		struct blk *b = root ? blk_find(d->graph, root) : NULL;
		struct blk_limit_values v = {.op_size = (uint64_t)json_integer_value(json_object_get(g, "op-size"))};
		struct limit_group *lg;
		struct disk *k;
		if (!name || !group || (root && !b) || json_array_size(list) != LIMIT_COUNT)
			return wrong(d, "disks", e);
		k = disk_new(name, b, e);
		if (!k)
			return -e->code;
		*end = k;
		end = &k->next;
		k->removable = json_is_true(json_object_get(o, "removable"));
		k->tray_open = json_is_true(json_object_get(o, "tray-open"));
		k->locked = json_is_true(json_object_get(o, "locked"));
		k->hidden = json_is_true(json_object_get(o, "hidden"));
		for (unsigned n = 0; n < LIMIT_COUNT; n++) {
			v.rate[n] = (uint64_t)json_integer_value(json_array_get(json_array_get(list, n), 0));
			v.most[n] = (uint64_t)json_integer_value(json_array_get(json_array_get(list, n), 1));
			v.length[n] = (uint64_t)json_integer_value(json_array_get(json_array_get(list, n), 2));
		}
		lg = limit_group(d, group, k->limits);
		if (!lg)
			return err_set(e, ENOMEM, "out of memory");
		blk_limits_unref(k->limits);
		k->limits = blk_limits_ref(lg->limits);
		blk_limits_set(k->limits, &v);
		free(k->group);
		k->group = strdup(group);
	}
	return 0;
}

static int restore_dirty(struct daemon *d, struct err *e)
{
	const json_t *list = json_object_get(d->state->old, "dirty"), *o;
	size_t i;

	json_array_foreach (list, i, o) {
		const char *node = ctl_string(o, "node"), *name = ctl_string(o, "name");
		struct blk *b = node ? blk_find(d->graph, node) : NULL;
		struct blk_dirty *m;
		char *file;
		int fd;
		if (!b || !name)
			return wrong(d, "dirty", e);
		if (asprintf(&file, "bitmap.%s.%s", node, name) < 0)
			return err_set(e, ENOMEM, "out of memory");
		m = blk_dirty_find(b, name, NULL);
		if (m) /* an older copy, from the image itself */
			blk_dirty_remove(b, m);
		fd = state_bitmap(d, file);
		free(file);
		m = blk_dirty_add(b, name, (uint32_t)json_integer_value(json_object_get(o, "granularity")),
				  json_is_true(json_object_get(o, "persistent")), fd, e);
		if (!m)
			return -e->code;
		m->disabled = json_is_true(json_object_get(o, "disabled"));
		m->inconsistent = json_is_true(json_object_get(o, "inconsistent"));
		m->changed = true; /* the image's copy is from before the kill */
		if (fd < 0 || !d->state->same_boot)
			bitmap_set(&m->map, 0, m->map.size);
	}
	return 0;
}

static int restore_exports(struct daemon *d, struct err *e)
{
	const json_t *list = json_object_get(d->state->old, "exports"), *again = json_object_get(d->state->old, "server"), *o;
	struct err bad = ERR_INIT;
	size_t i;

	/* A machine's disk does not depend on whether others may still look at it. */
	if (json_is_object(again) && daemon_extra_server(d, again, -1, &bad) < 0) {
		err_prefix(&bad, "nbd-server-start cannot be done again");
		err_report(&bad);
	}
	/* The newest is first, there and here. */
	for (i = json_array_size(list); i-- > 0;) {
		o = json_array_get(list, i);
		const char *disk = ctl_string(o, "disk"), *bitmap_node = ctl_string(o, "bitmap-node");
		struct disk *k = disk ? daemon_disk(d, disk) : NULL;
		bool extra = json_is_true(json_object_get(o, "extra"));
		int r;
		if (extra && !d->extra.server)
			continue;
		r = !k || !ctl_string(o, "name") ? wrong(d, "exports", e)
						     : daemon_export(d, extra ? &d->extra : &d->own, k, ctl_string(o, "name"), ctl_string(o, "description"), 0, UINT64_MAX,
								     json_is_true(json_object_get(o, "depth")), json_is_true(json_object_get(o, "writable")),
								     bitmap_node ? blk_find(d->graph, bitmap_node) : NULL, ctl_string(o, "bitmap"), e);
		if (r < 0)
			return r;
		d->exports->x.nbd.multi_conn = json_is_true(json_object_get(o, "multi-conn"));
	}
	return 0;
}

static int restore_owned(struct daemon *d, struct err *e)
{
	const json_t *list = json_object_get(d->state->old, "owned");

	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *name = json_string_value(json_array_get(list, i));
		struct blk *b = name ? blk_find(d->graph, name) : NULL;
		int r = b ? daemon_own_node(d, blk_ref(b), e) : wrong(d, "owned", e);
		if (r < 0)
			return r;
	}
	return 0;
}

int state_restore_graph(struct daemon *d, struct err *e)
{
	int r;

	d->restored = json_array();
	blk_graph_restoring(d->graph, true);
	r = restore_nodes(d, &d->restored, e);
	blk_graph_restoring(d->graph, false);
	for (size_t i = 0; r == 0 && i < json_array_size(json_object_get(d->state->old, "probed")); i++) {
		const char *name = json_string_value(json_array_get(json_object_get(d->state->old, "probed"), i));
		struct blk *b = name ? blk_find(d->graph, name) : NULL;
		if (b)
			b->flags |= BLK_PROBED; /* nobody said that it is raw */
	}
	if (r == 0)
		r = restore_owned(d, e);
	if (r == 0)
		r = restore_disks(d, e);
	if (r == 0)
		r = restore_dirty(d, e);
	return r == 0 ? restore_exports(d, e) : r;
}

static void release_restored(struct daemon *d)
{
	for (size_t i = 0; i < json_array_size(d->restored); i++)
		blk_unref((struct blk *)(intptr_t)json_integer_value(json_array_get(d->restored, i)));
	json_decref(d->restored);
	d->restored = NULL;
}

extern const struct ctl_command *const __start_ctl_commands[];
extern const struct ctl_command *const __stop_ctl_commands[];

int state_resume_jobs(struct daemon *d, struct err *e)
{
	const json_t *list = d->state ? json_object_get(d->state->old, "jobs") : NULL;
	int r;

	if (!d->state)
		return 0;
	pthread_mutex_lock(&d->lock);
	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *name = ctl_string(json_array_get(list, i), "execute");
		json_t *args = json_object_get(json_array_get(list, i), "arguments");
		struct err bad = ERR_INIT;
		json_object_set_new(args, "x-resumed", json_boolean(d->state->same_boot));
		if (!d->state->same_boot && name && strstr(name, "backup")) {
			err_print("the backup of '%s' cannot go on: the host was restarted", ctl_string(args, "device"));
			continue;
		}
		for (const struct ctl_command *const *c = __start_ctl_commands; name && c < __stop_ctl_commands; c++)
			if (!strcmp((*c)->name, name))
				(*c)->run(d, NULL, args, &bad);
		if (bad.code) {
			err_prefix(&bad, "the job '%s' cannot go on", ctl_string(args, "job-id"));
			err_report(&bad);
		}
	}
	release_restored(d);
	r = daemon_commit(d, e);
	pthread_mutex_unlock(&d->lock);
	json_decref(d->state->old);
	d->state->old = NULL;
	return r;
}

void state_stop(struct daemon *d, bool orderly)
{
	struct state *s = d->state;
	const char *key;
	json_t *v;

	release_restored(d);
	if (!s)
		return;
	if (orderly && s->keeper) {
		keeper_remove(s->keeper);
		json_object_foreach (s->bits, key, v)
			keeper_drop(s->keeper, (unsigned)json_integer_value(v));
	}
	keeper_stop(s->keeper);
	json_decref(s->old);
	json_decref(s->bits);
	free(s);
	d->state = NULL;
}
