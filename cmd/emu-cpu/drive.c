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
#include "nbd/client.h"
#include "plugs.h"
#include "proto/nbd.h"

#define THREADS_MAX 16
#define TRANSFER_MAX (4u << 20)    /* one request to the server */
#define RECONNECT_S 86400          /* a server that is restarted keeps the guest waiting, not failing */

struct queue {
	struct drive_req *first, **last;
};

struct drive {
	struct machine *machine;
	struct drive *next;
	char *id;
	struct device *user;
	const struct drive_events *events;
	void *events_opaque;
	/* how it was asked for */
	char *path, *export_name;
	unsigned connections, reconnect_s;
	unsigned dial_index;               /* of path, for the process that connects */
	const char *dial_name;             /* in path, where it came later: a name in the run directory */
	bool with_device, released;        /* it goes with its device; that is gone */
	_Atomic bool deleted;              /* its server has ended */
	enum drive_action on_write, on_read;
	struct drive_info info;            /* under the machine lock */
	struct nbd_client *client;         /* NULL: no medium */
	/* the rest under `lock` */
	pthread_mutex_t lock;
	pthread_cond_t work, finished;
	struct queue todo, done;
	struct drive_req *held;            /* failed with action stop: again at cont */
	unsigned threads, idle, in_flight; /* in flight: on todo, with a thread, or on done */
	pthread_t thread[THREADS_MAX];
	bool quit, posted;
	int passed_fd;                     /* a connection that was made for us: the next; -1: none */
};

struct drive_core {
	struct drive *list;
	struct dialer *dialer;
	bool sealed;           /* this process may not connect any more */
	unsigned paths;
	char *run_dir;
};

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

/* A piece of at most TRANSFER_MAX bytes at `done` bytes into the request, as one buffer: the guest's own memory where it is in one piece. */
static uint8_t *piece(const struct drive_req *r, uint64_t done, size_t n, bool gather, uint8_t **bounce)
{
	uint64_t at = done;
	unsigned i = 0;

	while (i < r->iovs && at >= r->iov[i].iov_len)
		at -= r->iov[i++].iov_len;
	if (i < r->iovs && r->iov[i].iov_len - at >= n)
		return (uint8_t *)r->iov[i].iov_base + at;
	if (!*bounce && !(*bounce = malloc(TRANSFER_MAX)))
		return NULL;
	for (size_t got = 0; gather && got < n && i < r->iovs; i++, at = 0) {
		size_t k = r->iov[i].iov_len - at;
		if (k > n - got)
			k = n - got;
		memcpy(*bounce + got, (uint8_t *)r->iov[i].iov_base + at, k);
		got += k;
	}
	return *bounce;
}

static void scatter(const struct drive_req *r, uint64_t done, const uint8_t *from, size_t n)
{
	uint64_t at = done;
	unsigned i = 0;

	while (i < r->iovs && at >= r->iov[i].iov_len)
		at -= r->iov[i++].iov_len;
	for (size_t put = 0; put < n && i < r->iovs; i++, at = 0) {
		size_t k = r->iov[i].iov_len - at;
		if (k > n - put)
			k = n - put;
		memcpy((uint8_t *)r->iov[i].iov_base + at, from + put, k);
		put += k;
	}
}

static int transfer(struct nbd_client *c, const struct drive_req *r)
{
	bool write = r->op == DRIVE_WRITE;
	uint8_t *bounce = NULL;
	int e = 0;

	for (uint64_t done = 0; done < r->size && !e;) {
		size_t n = r->size - done < TRANSFER_MAX ? (size_t)(r->size - done) : TRANSFER_MAX;
		uint8_t *p = piece(r, done, n, write, &bounce);
		if (!p) {
			e = -ENOMEM;
			break;
		}
		if (write)
			e = nbd_client_write(c, r->offset + done, (uint32_t)n, p, r->fua);
		else
			e = nbd_client_read(c, r->offset + done, (uint32_t)n, p);
		if (!e && !write && p == bounce)
			scatter(r, done, p, n);
		done += n;
	}
	free(bounce);
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
		struct nbd_client *c = d->client;
		pthread_mutex_unlock(&d->lock);
		r->error = carry_out(c, r);
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

void drive_submit(struct drive *d, struct drive_req *r)
{
	r->drive = d;
	r->error = 0;
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

static void running(void *opaque, bool on)
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

int drive_pread(struct drive *d, uint64_t offset, void *buf, uint64_t size)
{
	struct iovec iov = {buf, size};
	struct drive_req r = {.op = DRIVE_READ, .offset = offset, .size = size, .iov = &iov, .iovs = 1};

	return carry_out(d->client, &r);
}

int drive_pwrite(struct drive *d, uint64_t offset, const void *buf, uint64_t size)
{
	struct iovec iov = {(void *)(uintptr_t)buf, size};
	struct drive_req r = {.op = DRIVE_WRITE, .offset = offset, .size = size, .iov = &iov, .iovs = 1};

	return carry_out(d->client, &r);
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

static int medium_open(struct drive *d, struct err *e)
{
	struct nbd_target t = {
		.export_name = d->export_name, .connections = d->connections, .reconnect_ms = d->reconnect_s * 1000u, .dial = dial, .dial_opaque = d,
	};
	struct nbd_export_info info;
	int r = nbd_client_open(&t, &d->client, e);

	if (r)
		return err_prefix(e, "disk '%s'", d->id);
	nbd_client_info(d->client, &info);
	d->info.size = info.size & ~511ull;
	d->info.present = true;
	if (info.flags & NBD_FLAG_READ_ONLY)
		d->info.readonly = true;
	d->info.discard = info.flags & NBD_FLAG_SEND_TRIM;
	d->info.zeroes = info.flags & NBD_FLAG_SEND_WRITE_ZEROES;
	return 0;
}

static void medium_close(struct drive *d)
{
	drive_drain(d);
	if (d->client)
		nbd_client_close(d->client);
	d->client = NULL;
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
	int r = medium_open(d, e);

	drive_tray(d, false);
	if (!r && d->events && d->events->changed)
		d->events->changed(d->events_opaque, true);
	return r;
}

int drive_change(struct drive *d, const char *nbd, bool force, struct err *e)
{
	char *path;
	int r = d->info.present ? drive_eject(d, force, e) : 0;

	if (r)
		return r;
	path = strdup(nbd);
	if (!path)
		return err_set(e, ENOMEM, "out of memory");
	free(d->path);
	d->path = path;
	d->dial_name = NULL;
	/* The process that connects knows only the command line's paths. */
	d->dial_index = UINT_MAX;
	for (struct drive *o = core(d->machine)->list; o; o = o->next)
		if (o != d && o->path && !strcmp(o->path, path))
			d->dial_index = o->dial_index;
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

int drive_reopen(struct drive *d, struct err *e)
{
	int r;

	medium_close(d);
	r = medium_open(d, e);
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

/* ---- -disk ---- */

static const char *const interfaces[] = {"none", "ide", "scsi", "floppy", "pflash", "virtio", "sd", "mtd", NULL};
static const char *const actions[] = {"report", "ignore", "stop", "enospc", NULL};
static const char *const translations[] = {"auto", "none", "lba", "large", "rechs", NULL};

static int choose(const char *const *list, const char *what, const char *value, struct err *e)
{
	char known[128] = "";

	for (int i = 0; list[i]; i++) {
		if (!strcmp(list[i], value))
			return i;
		size_t n = strlen(known);
		snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", list[i]);
	}
	return err_set(e, EINVAL, "%s=%s: one of %s", what, value, known);
}

static int number(const char *what, const char *value, unsigned long most, uint32_t *to, struct err *e)
{
	char *end;
	errno = 0;
	unsigned long n = strtoul(value, &end, 0);

	if (errno || end == value || *end || *value == '-' || n > most)
		return err_set(e, EINVAL, "%s=%s: a number from 0 to %lu", what, value, most);
	*to = (uint32_t)n;
	return 0;
}

static int on_off(const char *what, const char *value, bool *to, struct err *e)
{
	*to = !strcmp(value, "on");
	return *to || !strcmp(value, "off") ? 0 : err_set(e, EINVAL, "%s=%s: on or off", what, value);
}

/* The next free place of an interface: IDE has two disks a bus, the others any number. */
static void place(struct machine *m, struct drive *d, int bus, int unit, int index)
{
	unsigned per_bus = d->info.interface == DRIVE_IDE ? 2 : d->info.interface == DRIVE_SCSI ? 7 : UINT32_MAX;

	if (index >= 0) {
		d->info.bus = per_bus == UINT32_MAX ? 0 : (unsigned)index / per_bus;
		d->info.unit = (unsigned)index % per_bus;
		return;
	}
	d->info.bus = bus >= 0 ? (unsigned)bus : 0;
	d->info.unit = unit >= 0 ? (unsigned)unit : 0;
	if (unit >= 0 || d->info.interface == DRIVE_NONE)
		return;
	while (drive_at(m, d->info.interface, d->info.bus, d->info.unit))
		if (++d->info.unit == per_bus) {
			d->info.unit = 0;
			d->info.bus++;
		}
}

static int option(struct drive *d, const char *key, const char *v, int place_of[3], bool *cdrom, bool *empty, struct err *e)
{
	static const char *const names[] = {"bus", "unit", "index"};
	uint32_t n;
	bool b;
	int r;

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(key, names[i])) {
			r = number(key, v, 255, &n, e);
			place_of[i] = (int)n;
			return r;
		}
	if (!strcmp(key, "id") || !strcmp(key, "if"))
		return 0;
	if (!strcmp(key, "nbd")) {
		if (!strcmp(v, "none"))
			return 0;
		if (!strncmp(v, "fd:", 3)) {
			r = number(key, v + 3, INT_MAX, &n, e);
			if (!r && fcntl((int)n, F_GETFD) < 0)
				return err_errno(e, errno, "nbd=fd:%u", n);
			if (!r) {
				fcntl((int)n, F_SETFD, FD_CLOEXEC);
				d->passed_fd = (int)n;
			}
			return r;
		}
		if (strncmp(v, "unix:", 5) || !v[5])
			return err_set(e, EINVAL, "nbd=%s: unix:PATH of a server's socket, fd:N of a connection, or none", v);
		free(d->path);
		d->path = strdup(v + 5);
		return d->path ? 0 : err_set(e, ENOMEM, "out of memory");
	}
	if (!strcmp(key, "export")) {
		d->export_name = strdup(v);
		return d->export_name ? 0 : err_set(e, ENOMEM, "out of memory");
	}
	if (!strcmp(key, "media")) {
		*cdrom = !strcmp(v, "cdrom");
		return *cdrom || !strcmp(v, "disk") ? 0 : err_set(e, EINVAL, "media=%s: disk or cdrom", v);
	}
	if (!strcmp(key, "empty"))
		return on_off(key, v, empty, e);
	if (!strcmp(key, "with-device"))
		return on_off(key, v, &d->with_device, e);
	if (!strcmp(key, "readonly") || !strcmp(key, "read-only")) {
		r = on_off(key, v, &b, e);
		d->info.readonly = b;
		return r;
	}
	if (!strcmp(key, "werror") || !strcmp(key, "rerror")) {
		r = choose(actions, key, v, e);
		if (r == DRIVE_ENOSPC && *key == 'r')
			return err_set(e, EINVAL, "rerror=enospc: one of report, ignore, stop");
		if (r < 0)
			return r;
		*(*key == 'w' ? &d->on_write : &d->on_read) = (enum drive_action)r;
		return 0;
	}
	if (!strcmp(key, "serial")) {
		if (strlen(v) >= sizeof d->info.serial)
			return err_set(e, EINVAL, "serial=%s: at most %zu characters", v, sizeof d->info.serial - 1);
		strcpy(d->info.serial, v);
		return 0;
	}
	if (!strcmp(key, "cyls"))
		return number(key, v, 65535, &d->info.cylinders, e);
	if (!strcmp(key, "heads"))
		return number(key, v, 255, &d->info.heads, e);
	if (!strcmp(key, "secs"))
		return number(key, v, 255, &d->info.sectors, e);
	if (!strcmp(key, "trans")) {
		r = choose(translations, key, v, e);
		d->info.translation = r < 0 ? 0 : (uint32_t)r;
		return r < 0 ? r : 0;
	}
	if (!strcmp(key, "connections")) {
		r = number(key, v, 16, &n, e);
		d->connections = n;
		return r;
	}
	if (!strcmp(key, "reconnect")) {
		r = number(key, v, 1000000, &n, e);
		d->reconnect_s = n;
		return r;
	}
	return err_set(e, EINVAL, "there is no '%s' (id, nbd, export, empty, with-device, if, bus, unit, index, media, readonly, werror, rerror, serial, "
		       "cyls, heads, secs, trans, connections, reconnect)", key);
}

static void drive_free(struct drive *d)
{
	pthread_mutex_lock(&d->lock);
	d->quit = true;
	pthread_cond_broadcast(&d->work);
	pthread_mutex_unlock(&d->lock);
	for (unsigned i = 0; i < d->threads; i++)
		pthread_join(d->thread[i], NULL);
	if (d->client)
		nbd_client_close(d->client);
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

/* A drive of a machine that runs: for a device that follows, over a socket in the run directory. */
static int comes_late(struct drive *d, struct err *e)
{
	const char *dir = core(d->machine)->run_dir;
	size_t n = dir ? strlen(dir) : 0;

	if (d->info.interface != DRIVE_NONE)
		return err_set(e, EINVAL, "disk '%s': when the machine runs only if=none can be added; device_add plugs it in", d->id);
	if (!d->path)
		return 0;
	if (!n || strncmp(d->path, dir, n) || d->path[n] != '/' || strchr(d->path + n + 1, '/'))
		return err_set(e, EACCES, "disk '%s': %s is no socket of the machine's run directory", d->id, d->path);
	d->dial_name = d->path + n + 1;
	return 0;
}

int drive_add(struct machine *m, const char *text, struct err *e)
{
	struct keyval kv = {0};
	int place_of[3] = {-1, -1, -1}, r = keyval_parse(text, NULL, &kv, e), interface = DRIVE_NONE;
	bool cdrom = false, empty = false;
	struct drive *d = NULL;

	if (r)
		return r;
	const char *id = keyval_get(&kv, "id"), *type = keyval_get(&kv, "if");
	if (!id || !*id) {
		r = err_set(e, EINVAL, "id= is needed");
		goto out;
	}
	if (drive_find(m, id)) {
		r = err_set(e, EEXIST, "there is a disk '%s' already", id);
		goto out;
	}
	if (type && (interface = choose(interfaces, "if", type, e)) < 0) {
		r = interface;
		goto out;
	}
	d = calloc(1, sizeof *d);
	if (!d || !(d->id = strdup(id))) {
		free(d);
		d = NULL;
		r = err_set(e, ENOMEM, "out of memory");
		goto out;
	}
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->work, NULL);
	pthread_cond_init(&d->finished, NULL);
	d->machine = m;
	d->on_write = DRIVE_ENOSPC;
	d->reconnect_s = RECONNECT_S;
	d->connections = 4;
	d->passed_fd = -1;
	d->dial_index = UINT_MAX;
	d->info.interface = (enum drive_if)interface;
	for (unsigned i = 0; !r && i < kv.count; i++)
		r = option(d, kv.key[i], kv.value[i], place_of, &cdrom, &empty, e);
	const char *value, *arg;
	for (unsigned n = 0; !r && (value = device_set_option_get(m, "drive", id, n, &arg)); n++)
		r = option(d, arg, value, place_of, &cdrom, &empty, e);
	if (!r && place_of[2] >= 0 && (place_of[0] >= 0 || place_of[1] >= 0))
		r = err_set(e, EINVAL, "index= stands for bus= and unit=: give one or the other");
	if (!r && !d->info.cylinders != !d->info.heads)
		r = err_set(e, EINVAL, "a geometry is cyls=, heads= and secs=, all three");
	if (r)
		goto out;
	d->info.cdrom = cdrom;
	d->info.removable = cdrom || interface == DRIVE_FLOPPY;
	if (cdrom)
		d->info.readonly = true;
	if (cdrom && place_of[0] < 0 && place_of[1] < 0 && place_of[2] < 0 && interface == DRIVE_IDE)
		place_of[2] = 2; /* where the classic machine has its CD-ROM */
	place(m, d, place_of[0], place_of[1], place_of[2]);
	if (interface != DRIVE_NONE && drive_at(m, d->info.interface, d->info.bus, d->info.unit)) {
		r = err_set(e, EBUSY, "if=%s, bus %u, unit %u is taken by disk '%s'", interfaces[interface], d->info.bus, d->info.unit,
			    drive_at(m, d->info.interface, d->info.bus, d->info.unit)->id);
		goto out;
	}
	if (core(m)->sealed)
		r = comes_late(d, e);
	else if (d->path)
		d->dial_index = core(m)->paths++;
	if (r)
		goto out;
	if (empty && !d->info.removable)
		r = err_set(e, EINVAL, "empty=on: only a CD-ROM or floppy drive can be empty");
	else if (empty)
		; /* its server has no medium yet */
	else if (d->path || d->passed_fd >= 0)
		r = medium_open(d, e);
	else if (!d->info.removable)
		r = err_set(e, EINVAL, "nbd=unix:PATH is needed: only a CD-ROM or floppy drive can be empty");
out:
	keyval_free(&kv);
	if (r && d) {
		drive_free(d);
	} else if (!r) {
		struct drive **at = &core(m)->list;
		while (*at)
			at = &(*at)->next;
		*at = d;
		machine_on_state(m, running, d);
	}
	return r;
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
