/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks: NBD clients behind asynchronous requests.
 *
 * Theory of operation. A drive has a queue and some threads, each of which takes one request at a time and carries it out with the blocking
 * client of lib/nbd (which keeps several requests in flight on its connections). What is done goes on a list of the drive, and one posted call
 * makes the main loop take the whole list, under the machine lock. drive_drain() takes it itself, so that a reset on a
 * processor's thread, which holds the machine lock, never waits for the main loop.
 *
 * Locks: the drive's lock is innermost. Completions run with the machine lock held and the drive's not.
 */
#include "drive.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/keyval.h"
#include "base/sock.h"
#include "core.h"
#include "drive-dial.h"
#include "drive-internal.h"
#include "drive-vhost.h"
#include "nbd/client.h"
#include "plugs.h"
#include "proto/nbd.h"

#define TRANSFER_MAX (4u << 20)    /* one request to the server */
#define REOPEN_TRIES 250           /* of 20 ms */

static struct drive_core *core(const struct machine *m)
{
	return m->parts->drives;
}

static void push(struct queue *q, struct drive_req *r)
{
	r->next = NULL;
	if (!q->first)
		q->last = &q->first;
	*q->last = r;
	q->last = &r->next;
}

static struct drive_req *pop(struct queue *q)
{
	struct drive_req *r = q->first;

	if (r)
		q->first = r->next;
	return r;
}

/* ---- look-up ---- */

struct drive *drive_find(struct machine *m, const char *id)
{
	for (struct drive *d = core(m)->list; d; d = d->next)
		if (!d->deleted && !strcmp(d->id, id))
			return d;
	return NULL;
}

struct drive *drive_at(struct machine *m, enum drive_if interface, unsigned bus, unsigned unit)
{
	for (struct drive *d = core(m)->list; d; d = d->next)
		if (d->info.interface == interface && d->info.bus == bus && d->info.unit == unit)
			return d;
	return NULL;
}

const char *drive_id(const struct drive *d)
{
	return d->id;
}

const char *drive_user(const struct drive *d)
{
	return !d->user ? NULL : d->user->id ? d->user->id : d->user->type->name;
}

void drive_info(const struct drive *d, struct drive_info *i)
{
	*i = d->info;
}

int drive_attach(struct drive *d, struct device *by, struct err *e)
{
	if (d->user)
		return err_set(e, EBUSY, "disk '%s' is in use by %s", d->id, d->user->id ? d->user->id : d->user->type->name);
	d->user = by;
	return 0;
}

void drive_detach(struct drive *d)
{
	d->user = NULL;
	d->events = NULL;
}

void drive_on_events(struct drive *d, const struct drive_events *ev, void *opaque)
{
	d->events = ev;
	d->events_opaque = opaque;
}

void drive_lock(struct drive *d, bool locked)
{
	d->info.locked = locked;
}

void drive_tray(struct drive *d, bool open)
{
	if (d->info.tray_open == open)
		return;
	d->info.tray_open = open;
	machine_event(d->machine, "DEVICE_TRAY_MOVED", json_pack("{s:s, s:s, s:b}", "device", d->id, "id", d->id, "tray-open", open));
}

/* ---- one request, on a thread of the drive ---- */

static int transfer(struct nbd_client *c, const struct drive_req *r)
{
	int e = 0;

	for (uint64_t done = 0; done < r->size && !e;) {
		uint32_t n = r->size - done < TRANSFER_MAX ? (uint32_t)(r->size - done) : TRANSFER_MAX;
		if (r->op == DRIVE_WRITE)
			e = nbd_client_writev(c, r->offset + done, n, r->iov, r->iovs, done, r->fua);
		else
			e = nbd_client_readv(c, r->offset + done, n, r->iov, r->iovs, done);
		done += n;
	}
	return e;
}

static int carry_out(struct nbd_client *c, const struct drive_req *r)
{
	int e = 0;

	if (r->drive && r->drive->deleted)
		return -EIO;
	if (!c)
		return -ENOMEDIUM;
	switch (r->op) {
	case DRIVE_READ:
	case DRIVE_WRITE:
		return transfer(c, r);
	case DRIVE_FLUSH:
		return nbd_client_flush(c);
	case DRIVE_DISCARD:
	case DRIVE_ZERO:
		for (uint64_t done = 0; done < r->size && !e;) {
			uint64_t n = r->size - done < (1u << 30) ? r->size - done : 1u << 30;
			e = r->op == DRIVE_DISCARD ? nbd_client_trim(c, r->offset + done, (uint32_t)n)
						   : nbd_client_zero(c, r->offset + done, (uint32_t)n, (r->unmap ? 0 : NBD_CMD_FLAG_NO_HOLE) |
													   (r->fua ? NBD_CMD_FLAG_FUA : 0));
			done += n;
		}
		return e;
	}
	return -EINVAL;
}

/* ---- completion ---- */

static bool reads(const struct drive_req *r)
{
	return r->op == DRIVE_READ;
}

/* The policy for a failed request: true: it is held until the machine goes on. */
static bool judge(struct drive *d, struct drive_req *r)
{
	enum drive_action a = reads(r) ? d->on_read : d->on_write;
	bool stop = a == DRIVE_STOP || (a == DRIVE_ENOSPC && r->error == -ENOSPC);

	machine_event(d->machine, "BLOCK_IO_ERROR",
		      json_pack("{s:s, s:s, s:s, s:s, s:b}", "device", d->id, "operation", reads(r) ? "read" : "write", "action",
				stop ? "stop" : a == DRIVE_IGNORE ? "ignore" : "report", "reason", strerror(-r->error), "nospace",
				r->error == -ENOSPC));
	if (stop) {
		r->next = d->held;
		d->held = r;
		machine_stop(d->machine, RUN_IO_ERROR);
		return true;
	}
	if (a == DRIVE_IGNORE)
		r->error = 0;
	return false;
}

/* Machine lock held. */
static void complete(struct drive *d)
{
	for (;;) {
		pthread_mutex_lock(&d->lock);
		struct drive_req *r = pop(&d->done);
		pthread_mutex_unlock(&d->lock);
		if (!r)
			return;
		bool held = r->error && judge(d, r);
		pthread_mutex_lock(&d->lock);
		d->in_flight--;
		pthread_mutex_unlock(&d->lock);
		if (!held)
			r->done(r->opaque, r->error);
	}
}

static void complete_posted(void *opaque)
{
	struct drive *d = opaque;

	machine_lock(d->machine);
	pthread_mutex_lock(&d->lock);
	d->posted = false;
	pthread_mutex_unlock(&d->lock);
	complete(d);
	machine_unlock(d->machine);
}

/* Its last user says good-bye to the server. */
static void client_put(struct drive *d, struct client *c)
{
	bool last;

	if (!c)
		return;
	pthread_mutex_lock(&d->lock);
	last = !--c->users;
	pthread_mutex_unlock(&d->lock);
	if (!last)
		return;
	nbd_client_close(c->nbd);
	free(c);
}

static void *worker(void *opaque)
{
	struct drive *d = opaque;

	pthread_setname_np(pthread_self(), "disk");
	pthread_mutex_lock(&d->lock);
	for (;;) {
		struct drive_req *r = pop(&d->todo);
		if (!r && d->quit)
			break;
		if (!r) {
			d->idle++;
			pthread_cond_wait(&d->work, &d->lock);
			d->idle--;
			continue;
		}
		struct client *c = d->client;
		if (c)
			c->users++;
		pthread_mutex_unlock(&d->lock);
		r->error = carry_out(c ? c->nbd : NULL, r);
		client_put(d, c);
		pthread_mutex_lock(&d->lock);
		push(&d->done, r);
		pthread_cond_broadcast(&d->finished);
		if (!d->posted) {
			d->posted = true;
			loop_post(d->machine->loop, complete_posted, d);
		}
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* ---- requests ---- */

/* From any thread: r is over. */
static void request_done(void *opaque, struct drive_req *r, int error)
{
	struct drive *d = opaque;

	pthread_mutex_lock(&d->lock);
	r->error = error;
	push(&d->done, r);
	pthread_cond_broadcast(&d->finished);
	if (!d->posted) {
		d->posted = true;
		loop_post(d->machine->loop, complete_posted, d);
	}
	pthread_mutex_unlock(&d->lock);
}

static void submit_vhost(struct drive *d, struct drive_req *r)
{
	pthread_mutex_lock(&d->lock);
	d->in_flight++;
	pthread_mutex_unlock(&d->lock);
	if (d->front && !d->deleted)
		vhost_front_submit(d->front, r);
	else
		request_done(d, r, d->front ? -EIO : -ENOMEDIUM);
}

void drive_submit(struct drive *d, struct drive_req *r)
{
	r->drive = d;
	r->error = 0;
	if (d->vhost) {
		submit_vhost(d, r);
		return;
	}
	pthread_mutex_lock(&d->lock);
	d->in_flight++;
	push(&d->todo, r);
	if (d->idle)
		pthread_cond_signal(&d->work);
	else if (d->threads < THREADS_MAX && !pthread_create(&d->thread[d->threads], NULL, worker, d))
		d->threads++;
	else if (!d->threads) { /* not even one: an error, as from the server */
		d->todo = (struct queue){0};
		r->error = -EAGAIN;
		push(&d->done, r);
		if (!d->posted) {
			d->posted = true;
			loop_post(d->machine->loop, complete_posted, d);
		}
	}
	pthread_mutex_unlock(&d->lock);
}

void drive_drain(struct drive *d)
{
	for (;;) {
		complete(d);
		pthread_mutex_lock(&d->lock);
		bool more = d->in_flight && !d->done.first;
		if (more)
			pthread_cond_wait(&d->finished, &d->lock);
		more = d->in_flight;
		pthread_mutex_unlock(&d->lock);
		if (!more)
			break;
	}
	/* What waits for "cont" would come back to a device that has forgotten it. */
	while (d->held) {
		struct drive_req *r = d->held;
		d->held = r->next;
		r->done(r->opaque, r->error);
	}
}

void drive_running(void *opaque, bool on)
{
	struct drive *d = opaque;
	struct drive_req *r = d->held;

	if (!on)
		return;
	d->held = NULL;
	while (r) {
		struct drive_req *next = r->next;
		drive_submit(d, r);
		r = next;
	}
}

struct wait { /* for a request that somebody sits out */
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
};

static void waited_for(void *opaque, struct drive_req *r, int error)
{
	struct wait *w = r->opaque;

	(void)opaque;
	pthread_mutex_lock(&w->lock);
	r->error = error;
	w->done = true;
	pthread_cond_signal(&w->over);
	pthread_mutex_unlock(&w->lock);
}

/* Whole sectors through a buffer, whatever is asked for. */
static int sit_out(struct drive *d, bool write, uint64_t offset, void *buf, uint64_t size)
{
	uint64_t skip = offset % 512, whole = (skip + size + 511) / 512 * 512;
	struct wait w = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
	uint8_t *sectors = d->front ? malloc(whole) : NULL;
	struct iovec iov = {sectors, whole};
	struct drive_req r = {.offset = offset - skip, .size = whole, .iov = &iov, .iovs = 1, .opaque = &w, .drive = d};
	int e = !d->front ? -ENOMEDIUM : sectors ? 0 : -ENOMEM;

	for (unsigned step = write && skip + size == whole && !skip ? 1 : 0; step <= write && !e; step++) {
		r.op = step ? DRIVE_WRITE : DRIVE_READ;
		if (step)
			memcpy(sectors + skip, buf, size);
		w.done = false;
		r.waiting = true;
		vhost_front_submit(d->front, &r);
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.over, &w.lock);
		pthread_mutex_unlock(&w.lock);
		e = r.error;
	}
	if (!e && !write)
		memcpy(buf, sectors + skip, size);
	free(sectors);
	return e;
}

int drive_pread(struct drive *d, uint64_t offset, void *buf, uint64_t size)
{
	struct iovec iov = {buf, size};
	struct drive_req r = {.op = DRIVE_READ, .offset = offset, .size = size, .iov = &iov, .iovs = 1};

	if (d->vhost)
		return sit_out(d, false, offset, buf, size);
	return carry_out(d->client ? d->client->nbd : NULL, &r);
}

int drive_pwrite(struct drive *d, uint64_t offset, const void *buf, uint64_t size)
{
	struct iovec iov = {(void *)(uintptr_t)buf, size};
	struct drive_req r = {.op = DRIVE_WRITE, .offset = offset, .size = size, .iov = &iov, .iovs = 1};

	if (d->vhost)
		return sit_out(d, true, offset, iov.iov_base, size);
	return carry_out(d->client ? d->client->nbd : NULL, &r);
}

/* ---- media ---- */

/* lib/nbd asks for a connection, at first and after each break. Any thread. */
static int dial(void *opaque, struct err *e)
{
	struct drive *d = opaque;
	struct drive_core *c = core(d->machine);
	int fd;

	pthread_mutex_lock(&d->lock);
	fd = d->passed_fd;
	d->passed_fd = -1;
	pthread_mutex_unlock(&d->lock);
	if (d->deleted) {
		if (fd >= 0)
			close(fd);
		return err_set(e, ECANCELED, "disk '%s' was taken away", d->id);
	}
	if (fd >= 0)
		return fd;
	if (d->dial_name && c->dialer)
		return dialer_connect_name(c->dialer, d->dial_name, e);
	if (d->path && c->dialer && d->dial_index != UINT_MAX)
		return dialer_connect(c->dialer, d->dial_index, e);
	if (d->path && !c->sealed) {
		fd = sock_wait_unix(d->path, SOCK_STREAM, d->client ? 1 : 10000, e);
		if (fd >= 0)
			*e = (struct err)ERR_INIT; /* of the tries before */
		return fd;
	}
	return err_set(e, ENOTCONN, "disk '%s' waits for a connection", d->id);
}

static void resized_posted(void *opaque)
{
	struct drive *d = opaque;
	uint64_t size;

	machine_lock(d->machine);
	pthread_mutex_lock(&d->lock);
	size = d->new_size;
	pthread_mutex_unlock(&d->lock);
	if (d->front && d->info.size != size)
		drive_resized(d, size);
	machine_unlock(d->machine);
}

static void front_resized(void *opaque, uint64_t size)
{
	struct drive *d = opaque;

	pthread_mutex_lock(&d->lock);
	d->new_size = size;
	pthread_mutex_unlock(&d->lock);
	loop_post(d->machine->loop, resized_posted, d);
}

static void front_done(void *opaque, struct drive_req *r, int error)
{
	(r->waiting ? waited_for : request_done)(opaque, r, error);
}

static int front_open(struct drive *d, struct err *e)
{
	struct vhost_target t = {.dial = dial, .done = front_done, .resized = front_resized, .opaque = d, .reconnect_ms = d->reconnect_s * 1000u};
	struct vhost_info info;
	int r = vhost_front_open(&t, &d->front, &info, e);

	if (r)
		return err_prefix(e, "disk '%s'", d->id);
	d->info.size = info.size;
	d->info.present = true;
	d->info.readonly |= info.readonly;
	d->info.discard = info.discard;
	d->info.zeroes = info.zeroes;
	return 0;
}

int drive_medium_open(struct drive *d, struct err *e)
{
	if (d->vhost)
		return front_open(d, e);
	struct nbd_target t = {
		.export_name = d->export_name, .connections = d->connections, .reconnect_ms = d->reconnect_s * 1000u, .dial = dial, .dial_opaque = d,
	};
	struct nbd_export_info info;
	struct client *c = calloc(1, sizeof *c), *old;
	int r = c ? nbd_client_open(&t, &c->nbd, e) : err_set(e, ENOMEM, "out of memory");

	if (r) {
		free(c);
		return err_prefix(e, "disk '%s'", d->id);
	}
	c->users = 1;
	pthread_mutex_lock(&d->lock);
	old = d->client;
	d->client = c;
	pthread_mutex_unlock(&d->lock);
	client_put(d, old);
	nbd_client_info(c->nbd, &info);
	d->info.size = info.size & ~511ull;
	d->info.present = true;
	d->shared = info.flags & NBD_FLAG_CAN_MULTI_CONN;
	if (info.flags & NBD_FLAG_READ_ONLY)
		d->info.readonly = true;
	d->info.discard = info.flags & NBD_FLAG_SEND_TRIM;
	d->info.zeroes = info.flags & NBD_FLAG_SEND_WRITE_ZEROES;
	return 0;
}

static void medium_close(struct drive *d)
{
	drive_drain(d);
	client_put(d, d->client);
	d->client = NULL;
	vhost_front_close(d->front);
	d->front = NULL;
	d->info.present = false;
	d->info.size = 0;
}

int drive_eject(struct drive *d, bool force, struct err *e)
{
	if (!d->info.removable)
		return err_set(e, EINVAL, "Device '%s' is not removable", d->id);
	if (d->info.locked && !d->info.tray_open) {
		if (d->events && d->events->eject_request)
			d->events->eject_request(d->events_opaque, force);
		if (!force)
			return err_set(e, EBUSY, "Device '%s' is locked and force was not specified, wait for tray to open and try again", d->id);
	}
	drive_tray(d, true);
	medium_close(d);
	if (d->events && d->events->changed)
		d->events->changed(d->events_opaque, false);
	return 0;
}

static int insert(struct drive *d, struct err *e)
{
	int r = drive_medium_open(d, e);

	drive_tray(d, false);
	if (!r && d->events && d->events->changed)
		d->events->changed(d->events_opaque, true);
	return r;
}

int drive_change(struct drive *d, const char *nbd, bool force, struct err *e)
{
	unsigned index = UINT_MAX;
	char *path;
	int r = d->info.present ? drive_eject(d, force, e) : 0;

	if (r)
		return r;
	path = strdup(nbd);
	if (!path)
		return err_set(e, ENOMEM, "out of memory");
	/* The process that connects knows only the command line's paths, this drive's own among them. */
	for (struct drive *o = core(d->machine)->list; o; o = o->next)
		if (o->path && !strcmp(o->path, path))
			index = o->dial_index;
	free(d->path);
	d->path = path;
	d->dial_name = NULL;
	d->dial_index = index;
	return insert(d, e);
}

int drive_change_fd(struct drive *d, int fd, const char *export_name, bool force, struct err *e)
{
	int r = d->info.present ? drive_eject(d, force, e) : 0;

	if (r) {
		close(fd);
		return r;
	}
	if (export_name) {
		free(d->export_name);
		d->export_name = strdup(export_name);
	}
	drive_reconnect(d, fd);
	return insert(d, e);
}

void drive_reconnect(struct drive *d, int fd)
{
	int old;

	pthread_mutex_lock(&d->lock);
	old = d->passed_fd;
	d->passed_fd = fd;
	pthread_mutex_unlock(&d->lock);
	if (old >= 0)
		close(old);
}

/*
 * The server says that its export has another size: a second connection asks for it and takes the first one's place, which ends with its last request. A
 * server that was killed at this moment comes back soon; until then the disk is what it was.
 */
int drive_reopen(struct drive *d, struct err *e)
{
	int r;

	if (d->front) {
		vhost_front_refresh(d->front);
		return 0;
	}
	/* Who serves one client at a time lets the second one wait for the first one's end. */
	if (!d->shared)
		medium_close(d);
	r = drive_medium_open(d, e);
	for (unsigned i = 0; r && i < REOPEN_TRIES; i++) {
		*e = (struct err)ERR_INIT;
		usleep(20000);
		r = drive_medium_open(d, e);
	}
	if (!r && d->events && d->events->resized)
		d->events->resized(d->events_opaque);
	return r;
}

void drive_resized(struct drive *d, uint64_t size)
{
	d->info.size = size & ~511ull;
	if (d->events && d->events->resized)
		d->events->resized(d->events_opaque);
}

void drive_free(struct drive *d)
{
	pthread_mutex_lock(&d->lock);
	d->quit = true;
	pthread_cond_broadcast(&d->work);
	pthread_mutex_unlock(&d->lock);
	for (unsigned i = 0; i < d->threads; i++)
		pthread_join(d->thread[i], NULL);
	client_put(d, d->client);
	vhost_front_close(d->front);
	if (d->passed_fd >= 0)
		close(d->passed_fd);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->work);
	pthread_cond_destroy(&d->finished);
	free(d->path);
	free(d->export_name);
	free(d->id);
	free(d);
}

/* ---- going ---- */

static void free_posted(void *opaque)
{
	drive_free(opaque);
}

void drive_del(struct drive *d)
{
	struct drive **p = &core(d->machine)->list;

	/* Whoever waits for its server waits for nothing now (dial()). */
	d->deleted = true;
	d->on_write = d->on_read = DRIVE_REPORT;
	d->with_device = true;
	if (d->user)
		return;
	while (*p != d)
		p = &(*p)->next;
	*p = d->next;
	machine_off_state(d->machine, d);
	/* Behind what was posted for its last requests. */
	if (loop_post_or(d->machine->loop, free_posted, d, free_posted) < 0)
		drive_free(d);
}

void drive_release(struct drive *d)
{
	d->released = d->with_device;
}

void drives_sweep(struct machine *m)
{
	struct drive *next;

	for (struct drive *d = core(m)->list; d; d = next) {
		next = d->next;
		if (!d->released || d->user)
			continue;
		if (!d->deleted)
			machine_event(m, "X_DRIVE_DELETED", json_pack("{s:s}", "id", d->id));
		drive_del(d);
	}
}

int drives_prepare(struct machine *m, const char *run_dir, const char *const *remove, struct err *e)
{
	struct drive_core *c = core(m);
	const char **paths = calloc(c->paths + 1, sizeof *paths);

	c->sealed = true;
	c->run_dir = run_dir ? strdup(run_dir) : NULL;
	if (!paths || (run_dir && !c->run_dir)) {
		free(paths);
		return err_set(e, ENOMEM, "out of memory");
	}
	if (!c->paths && !*remove && !run_dir) {
		free(paths);
		return 0;
	}
	for (struct drive *d = c->list; d; d = d->next)
		if (d->path && d->dial_index < c->paths)
			paths[d->dial_index] = d->path;
	c->dialer = dialer_start(paths, c->paths, c->run_dir, remove, e);
	free(paths);
	return c->dialer ? 0 : -e->code;
}

int drive_core_init(struct machine *m, struct err *e)
{
	m->parts->drives = calloc(1, sizeof *m->parts->drives);
	return m->parts->drives ? 0 : err_set(e, ENOMEM, "out of memory");
}

void drive_core_free(struct machine *m)
{
	if (!core(m))
		return;
	while (core(m)->list) {
		struct drive *d = core(m)->list;
		core(m)->list = d->next;
		drive_free(d);
	}
	dialer_stop(core(m)->dialer);
	free(core(m)->run_dir);
	free(core(m));
	m->parts->drives = NULL;
}
