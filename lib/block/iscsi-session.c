/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *   libiscsi is used without its synchronous calls, which wait for ever. A thread that waits for a command polls the
 *   socket for all, if nobody does so yet; the lock is let go only around poll(). A command whose time has passed is
 *   cancelled, and the session is given up. A lost connection is made again by the library, within that time.
 */
#include "block/iscsi-session.h"
#ifdef HAVE_ISCSI
#include <errno.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/library.h"

#define CALLS(X)                                                                                               \
	X(iscsi_create_context) X(iscsi_destroy_context) X(iscsi_set_targetname) X(iscsi_set_session_type)     \
	X(iscsi_set_header_digest) X(iscsi_set_initiator_username_pwd) X(iscsi_connect_async) X(iscsi_login_async) \
	X(iscsi_logout_async) X(iscsi_service) X(iscsi_which_events) X(iscsi_get_fd) X(iscsi_get_error)        \
	X(iscsi_scsi_command_async) X(iscsi_set_tcp_keepalive)                  \
	X(iscsi_set_reconnect_max_retries) X(iscsi_set_noautoreconnect) X(scsi_create_task) X(scsi_free_scsi_task) \
	X(scsi_task_add_data_in_buffer) X(scsi_task_add_data_out_buffer)
static struct iscsi_calls {
	CALLS(LIBRARY_POINTER)
} lib;
#define SYMBOL(f) {#f, offsetof(struct iscsi_calls, f)},

static struct blk_library library = {
	.name = "libiscsi", .files = (const char *const[]){"libiscsi.so.7", "libiscsi.so.9", "libiscsi.so.8", NULL}, .package = "libiscsi7",
	.symbols = (const struct blk_symbol[]){CALLS(SYMBOL) {NULL, 0}}, .table = &lib, .lock = PTHREAD_MUTEX_INITIALIZER,
};

#define POLL_MS 200

struct wait {
	bool done;
	int status;
};

struct iscsi_session {
	struct iscsi_context *context;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool polling, broken;
	unsigned lun, timeout;
	struct wait connected; /* the library calls back again when the connection ends */
	struct wait logged_in; /* and for what is under way when the session is given up */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void done(struct iscsi_context *c, int status, void *data, void *opaque)
{
	struct wait *w = opaque;

	(void)c;
	(void)data;
	w->done = true;
	w->status = status;
}

/*
 * The end of the session: the library calls back whatever is under way, so that nothing refers to buffers of calls that
 * return. (It cannot cancel single tasks while it makes a new connection.) Lock held.
 */
static void give_up(struct iscsi_session *s)
{
	struct iscsi_context *c = s->context;

	s->broken = true;
	s->context = NULL;
	if (c)
		lib.iscsi_destroy_context(c);
	pthread_cond_broadcast(&s->changed);
}

static void sleep_until_changed(struct iscsi_session *s)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += POLL_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&s->changed, &s->lock, &t);
}

/* Until w is done or time is up. Lock held. 0, -ETIMEDOUT or -ECONNRESET. */
static int wait_for(struct iscsi_session *s, struct wait *w, uint64_t limit)
{
	while (!w->done) {
		uint64_t now = now_ms();
		if (s->broken)
			return -ECONNRESET;
		if (limit && now >= limit)
			return -ETIMEDOUT;
		if (s->polling) {
			sleep_until_changed(s);
			continue;
		}
		struct pollfd p = {.fd = lib.iscsi_get_fd(s->context), .events = (short)lib.iscsi_which_events(s->context)};
		int ms = limit && limit - now < POLL_MS ? (int)(limit - now) : POLL_MS;
		s->polling = true;
		pthread_mutex_unlock(&s->lock);
		int n = poll(&p, p.fd >= 0 && p.events ? 1 : 0, ms);
		pthread_mutex_lock(&s->lock);
		s->polling = false;
		pthread_cond_broadcast(&s->changed);
		if (!s->context)
			continue;
		if (n <= 0 || p.fd != lib.iscsi_get_fd(s->context)) /* a new connection was made meanwhile */
			p.revents = 0;
		if (lib.iscsi_service(s->context, p.revents) < 0)
			s->broken = true;
	}
	return 0;
}

static uint64_t limit_of(const struct iscsi_session *s)
{
	return s->timeout ? now_ms() + (uint64_t)s->timeout * 1000 : 0;
}

static int login(struct iscsi_session *s, const struct iscsi_target *t, struct err *e)
{
	bool six = strchr(t->host, ':');
	char portal[300];
	int r;

	if (snprintf(portal, sizeof portal, six ? "[%s]:%s" : "%s:%s", t->host, t->port) >= (int)sizeof portal)
		return err_set(e, EINVAL, "the host's name is too long");
	if (lib.iscsi_connect_async(s->context, portal, done, &s->connected) < 0)
		return err_set(e, EIO, "cannot connect to %s: %s", portal, lib.iscsi_get_error(s->context));
	r = wait_for(s, &s->connected, limit_of(s));
	if (r || s->connected.status != SCSI_STATUS_GOOD)
		return err_set(e, r == -ETIMEDOUT ? ETIMEDOUT : ECONNREFUSED, "cannot connect to %s: %s", portal,
			       r == -ETIMEDOUT ? "no answer within the timeout" : "refused or not reachable");
	if (lib.iscsi_login_async(s->context, done, &s->logged_in) < 0)
		return err_set(e, EIO, "cannot log in to %s: %s", t->name, lib.iscsi_get_error(s->context));
	r = wait_for(s, &s->logged_in, limit_of(s));
	if (r || s->logged_in.status != SCSI_STATUS_GOOD) {
		s->broken = true;
		return err_set(e, r == -ETIMEDOUT ? ETIMEDOUT : EACCES, "cannot log in to %s: %s", t->name,
			       r == -ETIMEDOUT ? "no answer within the timeout" : lib.iscsi_get_error(s->context));
	}
	return 0;
}

int iscsi_session_open(const struct iscsi_target *t, struct iscsi_session **out, struct err *e)
{
	static const struct { const char *name; enum iscsi_header_digest value; } digests[] = {
		{"NONE", ISCSI_HEADER_DIGEST_NONE}, {"CRC32C", ISCSI_HEADER_DIGEST_CRC32C},
		{"NONE-CRC32C", ISCSI_HEADER_DIGEST_NONE_CRC32C}, {"CRC32C-NONE", ISCSI_HEADER_DIGEST_CRC32C_NONE},
	};
	enum iscsi_header_digest digest = ISCSI_HEADER_DIGEST_NONE_CRC32C;
	struct iscsi_session *s;
	bool known = !t->digest;
	int r;

	for (unsigned i = 0; t->digest && i < 4; i++)
		if (!strcasecmp(t->digest, digests[i].name)) {
			digest = digests[i].value;
			known = true;
		}
	if (!known)
		return err_set(e, EINVAL, "header-digest=%s is not accepted; accepted are: CRC32C, CRC32C-NONE, NONE-CRC32C, NONE", t->digest);
	if (t->user && !t->password)
		return err_set(e, EINVAL, "CHAP needs a password for user '%s'", t->user);
	if ((r = blk_library_load(&library, e)))
		return r;
	s = calloc(1, sizeof *s);
	if (!s)
		return err_errno(e, ENOMEM, "%s", t->name);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->lun = t->lun;
	s->timeout = t->timeout;
	if (!(s->context = lib.iscsi_create_context(t->initiator))) {
		r = err_set(e, EINVAL, "initiator-name=%s is not accepted", t->initiator);
		goto fail;
	}
	if (lib.iscsi_set_targetname(s->context, t->name) || lib.iscsi_set_session_type(s->context, ISCSI_SESSION_NORMAL) ||
	    lib.iscsi_set_header_digest(s->context, digest) ||
	    (t->user && lib.iscsi_set_initiator_username_pwd(s->context, t->user, t->password))) {
		r = err_set(e, EINVAL, "%s: %s", t->name, lib.iscsi_get_error(s->context));
		goto fail;
	}
	pthread_mutex_lock(&s->lock);
	lib.iscsi_set_noautoreconnect(s->context, 1);
	if (!(r = login(s, t, e))) {
		lib.iscsi_set_noautoreconnect(s->context, 0);
		lib.iscsi_set_reconnect_max_retries(s->context, t->timeout ? 3 : -1);
		lib.iscsi_set_tcp_keepalive(s->context, 10, 3, 5);
	}
	pthread_mutex_unlock(&s->lock);
	if (!r) {
		*out = s;
		return 0;
	}
fail:
	iscsi_session_close(s);
	return r;
}

void iscsi_session_close(struct iscsi_session *s)
{
	struct wait out = {.done = false};

	if (!s)
		return;
	if (s->context && !s->broken && s->connected.done && s->connected.status == SCSI_STATUS_GOOD) {
		pthread_mutex_lock(&s->lock);
		lib.iscsi_set_noautoreconnect(s->context, 1);
		if (!lib.iscsi_logout_async(s->context, done, &out))
			wait_for(s, &out, now_ms() + 2000);
		pthread_mutex_unlock(&s->lock);
	}
	if (s->context)
		lib.iscsi_destroy_context(s->context); /* calls back what is still under way: `out` is alive */
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* SPC-4 table 43 (sense keys) and annex D (additional sense codes). */
static int sense_errno(const struct scsi_sense *sense)
{
	switch (sense->ascq) {
	case 0x2000: /* invalid command operation code */
	case 0x2400: /* invalid field in CDB */
	case 0x2600: /* invalid field in parameter list */
		return -ENOTSUP;
	case 0x2500: /* logical unit not supported */
		return -ENODEV;
	case 0x2707: /* space allocation failed write protect */
		return -ENOSPC;
	case 0x2700: /* write protected */
		return -EACCES;
	case 0x3a00: /* medium not present */
	case 0x3a01:
	case 0x3a02:
		return -ENOMEDIUM;
	default:
		return sense->key == SCSI_SENSE_DATA_PROTECTION ? -EACCES : -EIO;
	}
}

static int attempt(struct iscsi_session *s, unsigned lun, struct iscsi_command *c, uint64_t limit, bool *again)
{
	int dir = c->in ? SCSI_XFER_READ : c->out ? SCSI_XFER_WRITE : SCSI_XFER_NONE, r;
	struct scsi_task *task = lib.scsi_create_task((int)c->cdb_size, c->cdb, dir, (int)c->length);
	struct wait w = {.done = false};

	*again = false;
	if (!task)
		return -ENOMEM;
	if ((c->in && lib.scsi_task_add_data_in_buffer(task, (int)c->length, c->in)) ||
	    (c->out && lib.scsi_task_add_data_out_buffer(task, (int)c->length, (unsigned char *)c->out))) {
		lib.scsi_free_scsi_task(task);
		return -ENOMEM;
	}
	if (s->broken || lib.iscsi_scsi_command_async(s->context, (int)lun, task, done, NULL, &w)) {
		lib.scsi_free_scsi_task(task);
		return s->broken ? -ECONNRESET : -EIO;
	}
	if (lib.iscsi_service(s->context, POLLOUT) < 0) /* who polls now does not know of it */
		s->broken = true;
	r = wait_for(s, &w, limit);
	if (r) {
		give_up(s);
	} else if (w.status == SCSI_STATUS_GOOD) {
		c->got = c->length;
		if (task->residual_status == SCSI_RESIDUAL_UNDERFLOW)
			c->got -= task->residual < c->length ? task->residual : c->length;
	} else if (w.status == SCSI_STATUS_CHECK_CONDITION) {
		*again = task->sense.key == SCSI_SENSE_UNIT_ATTENTION;
		r = sense_errno(&task->sense);
	} else if (w.status == SCSI_STATUS_BUSY || w.status == SCSI_STATUS_TASK_SET_FULL) {
		*again = true;
		r = -EBUSY;
	} else {
		r = w.status == SCSI_STATUS_RESERVATION_CONFLICT ? -EBUSY : -EIO;
	}
	lib.scsi_free_scsi_task(task);
	return r;
}

int iscsi_session_run_lun(struct iscsi_session *s, unsigned lun, struct iscsi_command *c)
{
	uint64_t limit = limit_of(s);
	bool again = true;
	int r = -EIO;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; again && i < 20; i++) {
		r = attempt(s, lun, c, limit, &again);
		if (again && r == -EBUSY) {
			pthread_mutex_unlock(&s->lock);
			nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
			pthread_mutex_lock(&s->lock);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

int iscsi_session_run(struct iscsi_session *s, struct iscsi_command *c)
{
	return iscsi_session_run_lun(s, s->lun, c);
}
#endif
