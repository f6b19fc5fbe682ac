/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all jobs have: a thread, a state that users may change, an end. */
#include "block/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE (1u << 20)

const char *const job_on_error_names[] = {"report", "ignore", "enospc", "stop", NULL};

void jobs_init(struct job_host *h)
{
	pthread_cond_init(&h->gone, NULL);
}

struct blk_job *job_find(struct job_host *h, const char *id)
{
	struct blk_job *j = h->jobs;

	while (j && strcmp(j->id, id))
		j = j->next;
	return j;
}

static void set_limit(struct blk_job *j)
{
	struct blk_limit_values v = {.rate = {[LIMIT_BPS] = j->speed > LIMIT_HIGHEST ? LIMIT_HIGHEST : j->speed}};
	blk_limits_set(j->limits, &v);
}

static void leave_list(struct blk_job *j)
{
	for (struct blk_job **p = &j->host->jobs; *p; p = &(*p)->next)
		if (*p == j) {
			*p = j->next;
			break;
		}
	pthread_cond_broadcast(&j->host->gone);
}

struct blk_job *job_new(struct job_host *h, const struct job_type *type, struct disk *k, const struct job_options *o, struct err *e)
{
	struct blk_job *j;
	const char *id = o->id ? o->id : k->name;

	if (job_find(h, id)) {
		err_set(e, EEXIST, "Job ID '%s' already in use", id);
		return NULL;
	}
	if (k->jobs) {
		err_set(e, EBUSY, "Node '%s' is busy: block device is in use by a block job", k->name);
		return NULL;
	}
	j = calloc(1, sizeof *j);
	if (j) {
		j->id = strdup(id);
		j->state = calloc(1, type->state_size + 1);
		j->limits = blk_limits_new();
	}
	if (!j || !j->id || !j->state || !j->limits) {
		if (j) {
			free(j->id);
			free(j->state);
			blk_limits_unref(j->limits);
		}
		free(j);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	j->host = h;
	j->type = type;
	j->disk = k;
	j->speed = o->speed;
	j->on_source = o->on_source;
	j->on_target = o->on_target;
	j->auto_finalize = !o->manual_finalize;
	j->auto_dismiss = !o->manual_dismiss;
	j->user_paused = o->paused;
	j->resumed = o->resumed;
	j->ready = o->ready;
	j->complete = o->complete;
	j->cancel = o->cancel;
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->wake, &attr);
	pthread_condattr_destroy(&attr);
	set_limit(j);
	k->jobs++;
	j->args = json_incref(o->args);
	j->next = h->jobs;
	h->jobs = j;
	return j;
}

void job_abandon(struct blk_job *j)
{
	leave_list(j);
	j->type->free(j);
	if (j->disk)
		j->disk->jobs--;
	blk_limits_unref(j->limits);
	pthread_cond_destroy(&j->wake);
	pthread_mutex_destroy(&j->lock);
	json_decref(j->args);
	free(j->error);
	free(j->state);
	free(j->id);
	free(j);
}

/* ---- between pieces ---- */

static void deadline(struct timespec *t, unsigned ms)
{
	clock_gettime(CLOCK_MONOTONIC, t);
	t->tv_sec += ms / 1000;
	t->tv_nsec += (long)(ms % 1000) * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000;
	}
}

/* j->lock is held. */
static void wait_while_paused(struct blk_job *j)
{
	enum job_status before = j->status;

	while ((j->user_paused || j->error_paused) && !j->force && !(j->cancel && !j->ready)) {
		j->status = j->ready ? JOB_STANDBY : JOB_PAUSED;
		j->busy = false;
		pthread_cond_wait(&j->wake, &j->lock);
	}
	j->status = before;
	j->busy = true;
}

static bool cancelled(const struct blk_job *j)
{
	return j->force || (j->cancel && !j->ready);
}

bool job_wanted(struct blk_job *j)
{
	bool yes;

	pthread_mutex_lock(&j->lock);
	yes = !cancelled(j);
	pthread_mutex_unlock(&j->lock);
	return yes;
}

bool job_go_on(struct blk_job *j, uint64_t done)
{
	bool yes;

	if (done)
		blk_limits_pay(j->limits, done, true);
	pthread_mutex_lock(&j->lock);
	wait_while_paused(j);
	yes = !cancelled(j);
	pthread_mutex_unlock(&j->lock);
	return yes;
}

size_t job_piece(struct blk_job *j)
{
	uint64_t speed = __atomic_load_n(&j->speed, __ATOMIC_RELAXED);

	/* A slow job stops soon when it is told to. */
	return speed && speed / 4 < PIECE ? (speed / 4 > 65536 ? (size_t)(speed / 4 / 65536 * 65536) : 65536) : PIECE;
}

void job_progress(struct blk_job *j, uint64_t offset, uint64_t len)
{
	pthread_mutex_lock(&j->lock);
	j->offset = offset;
	j->len = len;
	pthread_mutex_unlock(&j->lock);
}

void job_sleep(struct blk_job *j, unsigned ms)
{
	struct timespec t;

	deadline(&t, ms);
	pthread_mutex_lock(&j->lock);
	j->busy = false;
	if (!j->cancel && !j->complete)
		pthread_cond_timedwait(&j->wake, &j->lock, &t);
	j->busy = true;
	pthread_mutex_unlock(&j->lock);
}

static json_t *event_data(const struct blk_job *j)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I}", "type", j->type->name, "device", j->id, "len", (json_int_t)j->len, "offset",
			 (json_int_t)j->offset, "speed", (json_int_t)j->speed);
}

void job_set_ready(struct blk_job *j)
{
	json_t *data;

	pthread_mutex_lock(&j->lock);
	data = j->ready ? NULL : event_data(j);
	j->ready = true;
	j->status = JOB_READY;
	pthread_mutex_unlock(&j->lock);
	if (data)
		j->host->event(j->host->opaque, "BLOCK_JOB_READY", data);
}

bool job_retry(struct blk_job *j, bool source, int *r)
{
	enum job_on_error a = source ? j->on_source : j->on_target;
	bool stop = a == JOB_STOP || (a == JOB_ENOSPC && *r == -ENOSPC), yes = false;

	j->host->event(j->host->opaque, "BLOCK_JOB_ERROR",
		       json_pack("{s:s, s:s, s:s}", "device", j->id, "operation", source ? "read" : "write", "action",
				 stop ? "stop" : a == JOB_IGNORE ? "ignore" : "report"));
	if (a == JOB_IGNORE)
		*r = 0;
	if (!stop)
		return false;
	pthread_mutex_lock(&j->lock);
	j->error_paused = j->io_failed = true;
	j->io_nospace = *r == -ENOSPC;
	wait_while_paused(j);
	yes = !cancelled(j);
	pthread_mutex_unlock(&j->lock);
	if (!yes)
		*r = -ECANCELED;
	return yes;
}

int job_copy(struct blk_job *j, uint64_t size, job_piece_fn *piece, const char *what, struct err *e)
{
	uint64_t at = 0, copied;
	void *buf = NULL;
	int r = posix_memalign(&buf, 4096, 1 << 20) ? -ENOMEM : 0;

	while (!r && at < size) {
		uint64_t n = 0;
		bool source;
		r = piece(j, at, &n, &copied, buf, &source);
		if (r && job_retry(j, source, &r)) {
			r = 0;
			continue;
		}
		if (r)
			break;
		if (!n) /* it failed before it knew how much, and that is ignored */
			n = size - at < job_piece(j) ? size - at : job_piece(j);
		at += n;
		job_progress(j, at, size);
		if (!job_go_on(j, copied))
			r = -ECANCELED;
	}
	free(buf);
	if (r && r != -ECANCELED)
		err_errno(e, -r, "%s of '%s'", what, j->disk->name);
	return r;
}

/* ---- life ---- */

/* Before an event tells of it: whoever hears that may ask, or act, at once. */
static void stand(struct blk_job *j, enum job_status status)
{
	pthread_mutex_lock(&j->lock);
	j->status = status;
	j->busy = false;
	pthread_mutex_unlock(&j->lock);
}

static void wait_for(struct blk_job *j, const bool *what)
{
	pthread_mutex_lock(&j->lock);
	while (!*what && !j->force)
		pthread_cond_wait(&j->wake, &j->lock);
	pthread_mutex_unlock(&j->lock);
}

static void *job_thread(void *opaque)
{
	struct blk_job *j = opaque;
	struct job_host *h = j->host;
	struct err e = ERR_INIT, late = ERR_INIT;
	json_t *data;
	bool soft;
	int r = j->type->run(j, &e);

	if (!j->auto_finalize && !r) {
		stand(j, JOB_PENDING);
		h->event(h->opaque, "BLOCK_JOB_PENDING", json_pack("{s:s, s:s}", "type", j->type->name, "id", j->id));
		wait_for(j, &j->finalize);
		if (!job_wanted(j))
			r = -ECANCELED;
	}
	h->lock(h->opaque);
	h->drain(h->opaque);
	pthread_mutex_lock(&j->lock);
	if (!r && j->force)
		r = -ECANCELED;
	j->status = r ? JOB_ABORTING : JOB_PENDING;
	soft = j->cancel && j->ready;
	pthread_mutex_unlock(&j->lock);
	r = j->type->finish(j, r, &e);
	leave_list(j);
	if (h->commit(h->opaque, &late) < 0 && !r) {
		e = late;
		r = -late.code;
	}
	h->undrain(h->opaque);
	if (r < 0 && r != -ECANCELED)
		j->error = strdup(e.code ? e.msg : strerror(-r));
	data = event_data(j);
	if (r == -ECANCELED && !soft) {
		h->event(h->opaque, "BLOCK_JOB_CANCELLED", data);
	} else {
		if (j->error)
			json_object_set_new(data, "error", json_string(j->error));
		h->event(h->opaque, "BLOCK_JOB_COMPLETED", data);
	}
	if (!j->auto_dismiss) {
		j->next = h->jobs;
		h->jobs = j;
		if (j->disk)
			j->disk->jobs--;
		j->disk = NULL;
		stand(j, JOB_CONCLUDED);
		h->unlock(h->opaque);
		wait_for(j, &j->dismiss);
		h->lock(h->opaque);
	}
	job_abandon(j);
	pthread_cond_broadcast(&h->gone);
	h->unlock(h->opaque);
	return NULL;
}

int job_start(struct blk_job *j, struct err *e)
{
	pthread_attr_t attr;
	int r;

	j->status = JOB_RUNNING;
	j->busy = true;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 << 10);
	r = pthread_create(&j->thread, &attr, job_thread, j);
	pthread_attr_destroy(&attr);
	if (r) {
		job_abandon(j);
		return err_errno(e, r, "cannot start a job");
	}
	return 0;
}

static int changeable(struct blk_job *j, const char *what, struct err *e)
{
	return j->status >= JOB_PENDING ? err_set(e, EINVAL, "Job '%s' in state '%s' cannot accept command verb '%s'", j->id,
						 j->status == JOB_PENDING ? "pending" : j->status == JOB_ABORTING ? "aborting" : "concluded", what)
					: 0;
}

int job_cancel(struct blk_job *j, bool force, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&j->lock);
	if (j->status == JOB_CONCLUDED)
		r = changeable(j, "cancel", e);
	else if (j->user_paused && !force)
		r = err_set(e, EBUSY, "The block job for device '%s' is currently paused", j->id);
	else
		j->cancel = true;
	/* A job whose end waits for its user has nothing to complete any more. */
	if (!r && (force || j->status == JOB_PENDING))
		j->force = true;
	blk_limits_suspend(j->limits, true);
	pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
	return r;
}

int job_pause(struct blk_job *j, bool on, struct err *e)
{
	int r;

	pthread_mutex_lock(&j->lock);
	r = changeable(j, on ? "pause" : "resume", e);
	if (!r && on && j->user_paused)
		r = err_set(e, EINVAL, "Job is already paused");
	else if (!r && !on && !j->user_paused && !j->error_paused)
		r = err_set(e, EINVAL, "Can't resume a job that was not paused");
	if (!r) {
		j->user_paused = on;
		if (!on)
			j->error_paused = j->io_failed = j->io_nospace = false;
		pthread_cond_broadcast(&j->wake);
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}

int job_complete(struct blk_job *j, struct err *e)
{
	int r;

	pthread_mutex_lock(&j->lock);
	r = changeable(j, "complete", e);
	if (!r && (!j->type->completes || !j->ready || j->cancel || j->user_paused))
		r = err_set(e, EBUSY, "The active block job '%s' cannot be completed", j->id);
	if (!r) {
		j->complete = true;
		pthread_cond_broadcast(&j->wake);
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}

int job_set_speed(struct blk_job *j, int64_t speed, struct err *e)
{
	int r;

	pthread_mutex_lock(&j->lock);
	r = changeable(j, "set-speed", e);
	if (!r && speed < 0)
		r = err_set(e, EINVAL, "Invalid parameter 'speed': it is a number of bytes a second, 0 for no limit");
	if (!r) {
		__atomic_store_n(&j->speed, (uint64_t)speed, __ATOMIC_RELAXED);
		set_limit(j);
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}

int job_finalize(struct blk_job *j, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&j->lock);
	if (j->status != JOB_PENDING)
		r = err_set(e, EINVAL, "Job '%s' is not pending, so it cannot be finalized", j->id);
	j->finalize = !r;
	pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
	return r;
}

int job_dismiss(struct blk_job *j, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&j->lock);
	if (j->status != JOB_CONCLUDED)
		r = err_set(e, EINVAL, "Job '%s' is not concluded, so it cannot be dismissed", j->id);
	j->dismiss = !r;
	pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
	return r;
}

json_t *job_describe(struct blk_job *j)
{
	static const char *const names[] = {"created", "running", "paused", "ready", "standby", "pending", "aborting", "concluded"};
	json_t *o;

	pthread_mutex_lock(&j->lock);
	o = event_data(j);
	json_object_update_new(o, json_pack("{s:b, s:b, s:b, s:s, s:s, s:b, s:b}", "busy", j->busy, "paused", j->user_paused || j->error_paused,
					    "ready", j->ready, "io-status", j->io_nospace ? "nospace" : j->io_failed ? "failed" : "ok", "status",
					    names[j->status], "auto-finalize", j->auto_finalize, "auto-dismiss", j->auto_dismiss));
	if (j->error)
		json_object_set_new(o, "error", json_string(j->error));
	pthread_mutex_unlock(&j->lock);
	return o;
}

void jobs_end(struct job_host *h)
{
	h->lock(h->opaque);
	for (struct blk_job *j = h->jobs; j; j = j->next) {
		pthread_mutex_lock(&j->lock);
		j->cancel = j->force = true;
		blk_limits_suspend(j->limits, true);
		pthread_cond_broadcast(&j->wake);
		pthread_mutex_unlock(&j->lock);
	}
	while (h->jobs)
		pthread_cond_wait(&h->gone, h->mutex);
	h->unlock(h->opaque);
}
