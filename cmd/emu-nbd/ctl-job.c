/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block jobs over the control socket: their start, and what is done to those that run. */
#include "ctl-job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/core.h"

/* ---- the host that jobs see ---- */

static void lock(void *opaque)
{
	pthread_mutex_lock(&((struct daemon *)opaque)->lock);
}

static void unlock(void *opaque)
{
	pthread_mutex_unlock(&((struct daemon *)opaque)->lock);
}

static void drain(void *opaque)
{
	daemon_drain(opaque);
}

static void undrain(void *opaque)
{
	daemon_undrain(opaque);
}

static int commit(void *opaque, struct err *e)
{
	return daemon_commit(opaque, e);
}

static void event(void *opaque, const char *name, json_t *data)
{
	struct daemon *d = opaque;

	if (d->ctl)
		ctl_event(d->ctl, name, data);
	else
		json_decref(data);
}

static void changed(void *opaque, struct disk *k)
{
	daemon_exports_changed(opaque, k);
}

static int bitmap_file(void *opaque, const char *name)
{
	return state_bitmap(opaque, name);
}

static void drop_file(void *opaque, const char *name)
{
	state_drop_bitmap(opaque, name);
}

void daemon_jobs_init(struct daemon *d)
{
	d->jobs = (struct job_host){.lock = lock, .unlock = unlock, .drain = drain, .undrain = undrain, .commit = commit, .event = event, .changed = changed,
				    .bitmap_file = bitmap_file, .drop_file = drop_file, .opaque = d, .mutex = &d->lock};
	jobs_init(&d->jobs);
}

/* ---- options that jobs share ---- */

static int on_error(const json_t *args, const char *key, enum job_on_error *to, struct err *e)
{
	const char *v = ctl_string(args, key);

	*to = JOB_REPORT;
	for (unsigned i = 0; v && job_on_error_names[i]; i++)
		if (!strcmp(v, job_on_error_names[i])) {
			*to = (enum job_on_error)i;
			return 0;
		}
	return v ? err_set(e, EINVAL, "Invalid parameter '%s' for %s; accepted are: report, ignore, enospc, stop", v, key) : 0;
}

int job_options(const json_t *args, struct job_options *o, struct err *e)
{
	json_int_t speed = json_integer_value(json_object_get(args, "speed"));

	*o = (struct job_options){.id = ctl_string(args, "job-id"), .speed = (uint64_t)speed,
				  .manual_finalize = json_is_false(json_object_get(args, "auto-finalize")),
				  .manual_dismiss = json_is_false(json_object_get(args, "auto-dismiss")),
				  .paused = json_is_true(json_object_get(args, "x-paused")),
				  .resumed = json_is_true(json_object_get(args, "x-resumed"))};
	if (o->resumed) {
		o->ready = json_is_true(json_object_get(args, "x-ready"));
		o->complete = json_is_true(json_object_get(args, "x-complete"));
		o->cancel = json_is_true(json_object_get(args, "x-cancel"));
	}
	if (speed < 0)
		return err_set(e, EINVAL, "Invalid parameter 'speed': it is a number of bytes a second, 0 for no limit");
	if (o->id && (!*o->id || strlen(o->id) > 127 || strchr(o->id, '/')))
		return err_set(e, EINVAL, "Invalid job ID '%s'", o->id);
	if (on_error(args, json_object_get(args, "on-error") ? "on-error" : "on-source-error", &o->on_source, e) ||
	    on_error(args, json_object_get(args, "on-error") ? "on-error" : "on-target-error", &o->on_target, e))
		return -EINVAL;
	return 0;
}

json_t *job_again(const char *command, const json_t *args, struct disk *k)
{
	json_t *again = json_deep_copy(args);

	json_object_set_new(again, "device", json_string(k->name));
	return json_pack("{s:s, s:o}", "execute", command, "arguments", again);
}

/* An image of the disk's chain by node name, or by file name as the headers or the user have it. */
struct blk *chain_node(struct disk *k, const char *node, const char *file, struct err *e)
{
	struct blk *top = blk_skip_filters(k->root);

	for (struct blk *p = top, *above = NULL; p; above = p, p = blk_skip_filters(p->backing)) {
		char *full;
		bool same;
		if (node ? !strcmp(p->node_name, node) : !strcmp(p->filename, file))
			return p;
		full = node ? NULL : blk_lasting_name(p);
		same = full && !strcmp(full, file);
		free(full);
		if (same)
			return p;
		if (node || !above || !above->backing_name)
			continue;
		full = blk_resolve(above, above->backing_name);
		same = !strcmp(above->backing_name, file) || (full && !strcmp(full, file));
		free(full);
		if (same)
			return p;
	}
	if (node)
		err_set(e, ENOENT, "Cannot find device='' nor node-name='%s' in the backing chain of '%s'", node, k->name);
	else
		err_set(e, ENOENT, "Can't find '%s' in the backing chain", file);
	return NULL;
}

struct disk *job_disk(struct daemon *d, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct disk *k = ctl_disk(d, call, args, e);

	if (k && !k->root) {
		err_set(e, ENOMEDIUM, "Device '%s' has no medium", k->name);
		return NULL;
	}
	return k && disk_not_busy(k, e) == 0 ? k : NULL;
}

/* ---- stream, commit ---- */

static json_t *stream(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct disk *k = job_disk(d, call, args, e);
	const char *base = ctl_string(args, "base"), *node = ctl_string(args, "base-node");
	struct job_options o;
	struct blk *b = NULL;

	if (!k || job_options(args, &o, e) < 0 || ((base || node) && !(b = chain_node(k, node, base, e))))
		return NULL;
	o.args = job_again("block-stream", args, k);
	if (b) {
		json_object_del(json_object_get(o.args, "arguments"), "base");
		json_object_set_new(json_object_get(o.args, "arguments"), "base-node", json_string(b->node_name));
	}
	if (job_stream(&d->jobs, k, b, ctl_string(args, "backing-file"), &o, e) == 0)
		daemon_commit(d, e);
	json_decref(o.args);
	return NULL;
}
static const struct ctl_arg stream_args[] = {{"device", 's', false}, {"job-id", 's', true}, {"base", 's', true}, {"base-node", 's', true},
					     {"backing-file", 's', true}, {"speed", 'i', true}, {"on-error", 's', true},
					     {"auto-finalize", 'b', true}, {"auto-dismiss", 'b', true}, {NULL, 0, false}};
static const struct ctl_command stream_row = {.name = "block-stream", .args = stream_args, .run = stream};
NBD_COMMAND(stream_row);

static json_t *block_commit(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct disk *k = job_disk(d, call, args, e);
	const char *base = ctl_string(args, "base"), *base_node = ctl_string(args, "base-node");
	const char *top = ctl_string(args, "top"), *top_node = ctl_string(args, "top-node");
	struct job_options o;
	struct blk *t, *b;
	json_t *again;

	if (!k || job_options(args, &o, e) < 0)
		return NULL;
	t = top || top_node ? chain_node(k, top_node, top, e) : blk_skip_filters(k->root);
	if (!t)
		return NULL;
	if (base || base_node) {
		b = chain_node(k, base_node, base, e);
	} else {
		for (b = t; b && blk_skip_filters(b)->backing; b = blk_skip_filters(b)->backing)
			;
		if (b == t)
			err_set(e, EINVAL, "Node '%s' has no backing image", t->node_name);
	}
	if (e->code || !b)
		return NULL;
	if (t == blk_skip_filters(k->root) && ctl_string(args, "backing-file")) {
		err_set(e, EINVAL, "'backing-file' specified, but 'top' is the active layer");
		return NULL;
	}
	o.empty = json_is_true(json_object_get(args, "x-empty"));
	if (o.empty && t == blk_skip_filters(k->root))
		b = t->backing;
	o.args = job_again("block-commit", args, k);
	again = json_object_get(o.args, "arguments");
	json_object_del(again, "base");
	json_object_del(again, "top");
	json_object_set_new(again, "base-node", json_string(b->node_name));
	json_object_set_new(again, "top-node", json_string(t->node_name));
	if (job_commit(&d->jobs, k, t, b, ctl_string(args, "backing-file"), &o, e) == 0)
		daemon_commit(d, e);
	json_decref(o.args);
	return NULL;
}
static const struct ctl_arg commit_args[] = {{"device", 's', false}, {"job-id", 's', true}, {"base", 's', true}, {"base-node", 's', true}, {"top", 's', true},
					     {"top-node", 's', true}, {"backing-file", 's', true}, {"speed", 'i', true}, {"on-error", 's', true},
					     {"filter-node-name", 's', true}, {"auto-finalize", 'b', true}, {"auto-dismiss", 'b', true},
					     {"x-empty", 'b', true}, {NULL, 0, false}};
static const struct ctl_command commit_row = {.name = "block-commit", .args = commit_args, .run = block_commit};
NBD_COMMAND(commit_row);

/* ---- what is done to jobs ---- */

static struct blk_job *find_job(struct daemon *d, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *id = ctl_string(args, "device") ? ctl_string(args, "device") : ctl_string(args, "id");
	struct blk_job *j = id ? job_find(&d->jobs, id) : NULL;

	if (!j) {
		ctl_error_class(call, "DeviceNotActive");
		err_set(e, ENODEV, "Block job '%s' not found", id ? id : "");
	}
	return j;
}

#define JOB_COMMAND(ident, command, key, ...)                                                                   \
	static json_t *ident(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)            \
	{                                                                                                       \
		struct daemon *d = opaque;                                                                      \
		struct blk_job *j = find_job(d, call, args, e);                                                 \
		if (j && __VA_ARGS__ == 0)                                                                      \
			daemon_commit(d, e);                                                                    \
		return NULL;                                                                                    \
	}                                                                                                       \
	static const struct ctl_arg ident##_args[] = {{key, 's', false}, {"force", 'b', true}, {"speed", 'i', true}, {NULL, 0, false}}; \
	static const struct ctl_command ident##_row = {.name = command, .args = ident##_args, .run = ident};    \
	NBD_COMMAND(ident##_row)

JOB_COMMAND(cancel_job, "block-job-cancel", "device", job_cancel(j, json_is_true(json_object_get(args, "force")), e));
JOB_COMMAND(pause_job, "block-job-pause", "device", job_pause(j, true, e));
JOB_COMMAND(resume_job, "block-job-resume", "device", job_pause(j, false, e));
JOB_COMMAND(complete_job, "block-job-complete", "device", job_complete(j, e));
JOB_COMMAND(speed_job, "block-job-set-speed", "device", job_set_speed(j, json_integer_value(json_object_get(args, "speed")), e));
JOB_COMMAND(finalize_job, "block-job-finalize", "id", job_finalize(j, e));
JOB_COMMAND(dismiss_job, "block-job-dismiss", "id", job_dismiss(j, e));

static json_t *query_jobs(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (struct blk_job *j = d->jobs.jobs; j; j = j->next)
		json_array_append_new(list, job_describe(j));
	return list;
}
static const struct ctl_command query_row = {.name = "query-block-jobs", .run = query_jobs};
NBD_COMMAND(query_row);
