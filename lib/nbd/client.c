/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A request takes a slot of a connection; the slot's number and a generation are the cookie. The caller
 * sends it (under the send lock) and then waits for its answer. There is no receiver thread: of the callers that wait,
 * one is the reader; it takes replies off the socket, wakes their owners, and hands the office on when its own answer has
 * come. At depth one a request thus costs no thread switch.
 *
 * When a connection breaks, whoever notices marks it broken and wakes everyone. One of the waiting callers becomes the
 * one that reconnects, with the same negotiation (the export must not have become smaller or lost a feature),
 * and sends every request again that has no answer yet: NBD requests are idempotent, and the callers' buffers are
 * still theirs. After reconnect_ms without success all of them fail with EIO.
 */
#include "nbd/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/loop.h"
#include "crypto/tls.h"
#include "nbd/handshake.h"
#include "proto/nbd.h"

#define SLOTS 64u

struct request {
	bool busy, done;
	bool waits;     /* for `wake`: not while it is being sent */
	unsigned epoch; /* the connection it was sent on; under link.send */
	uint16_t flags, type;
	uint32_t length;
	uint64_t offset, cookie;
	const struct iovec *iov; /* data of a read or write, from `skip` bytes into it */
	unsigned iovs;
	uint64_t skip;
	int error;
	/* block status */
	uint32_t *state, *run, context_id;
	bool got_status;
	pthread_cond_t wake;
};

struct link {
	struct nbd_client *client;
	struct nbd_conn conn;
	struct nbd_negotiated terms;
	pthread_mutex_t lock;  /* slots and roles; taken inside `send`, never around it */
	pthread_mutex_t send;  /* one message at a time on the socket; held while the connection is restored */
	unsigned epoch;        /* counts connections; under `send` */
	pthread_cond_t room;   /* a slot became free */
	struct request slot[SLOTS];
	unsigned in_flight;
	uint32_t generation;
	bool reading, dead;    /* a reader is at work; the connection is gone for good */
	bool replaying;        /* the reader's: replayer is to be joined */
	pthread_t replayer;
};

struct nbd_client {
	struct nbd_target target; /* own copies of the strings */
	struct nbd_export_info info;
	struct link *links[16];
	unsigned count;
	unsigned next;
};

static int wire_error(uint32_t v)
{
	switch (v) {
	case NBD_EPERM: return EPERM;
	case NBD_ENOMEM: return ENOMEM;
	case NBD_EINVAL: return EINVAL;
	case NBD_ENOSPC: return ENOSPC;
	case NBD_EOVERFLOW: return EOVERFLOW;
	case NBD_ENOTSUP: return ENOTSUP;
	case NBD_ESHUTDOWN: return ESHUTDOWN;
	default: return EIO;
	}
}

/* ---- sending ---- */

/* l->send is held. */
static int write_request(struct link *l, struct request *q)
{
	char head[NBD_REQUEST_SIZE], *p = head;

	p = nbd_put32(p, NBD_REQUEST_MAGIC);
	p = nbd_put16(p, q->flags);
	p = nbd_put16(p, q->type);
	p = nbd_put64(p, q->cookie);
	p = nbd_put64(p, q->offset);
	nbd_put32(p, q->length);
	q->epoch = l->epoch;
	return nbd_conn_writev(&l->conn, head, sizeof head, q->iov, q->iovs, q->skip, q->type == NBD_CMD_WRITE ? q->length : 0);
}

/* Sends a request, unless restore() did so already. A failure breaks the connection, which the reader then notices. */
static void send_request(struct link *l, struct request *q)
{
	pthread_mutex_lock(&l->send);
	if (l->conn.fd >= 0 && q->epoch != l->epoch && write_request(l, q) < 0)
		nbd_conn_shutdown(&l->conn);
	pthread_mutex_unlock(&l->send);
}

/* ---- receiving: only the reader is here; l->lock is not held ---- */

/* The request a cookie belongs to, or NULL: a server that invents cookies has lost the thread. */
static struct request *by_cookie(struct link *l, uint64_t cookie)
{
	unsigned i = (unsigned)(cookie & (SLOTS - 1));
	struct request *q = &l->slot[i];

	return q->busy && !q->done && q->cookie == cookie ? q : NULL;
}

static void finish(struct link *l, struct request *q, int error)
{
	pthread_mutex_lock(&l->lock);
	if (!q->error)
		q->error = error;
	q->done = true;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&l->lock);
}

static bool inside(const struct request *q, uint64_t offset, uint64_t length)
{
	return length && offset >= q->offset && length <= q->length && offset - q->offset <= q->length - length;
}

static int take_status(struct link *l, struct request *q, uint32_t length)
{
	char data[12];
	uint32_t id;
	int r;

	if (q->type != NBD_CMD_BLOCK_STATUS || length < 12 || (length - 4) % 8)
		return -EPROTO;
	r = nbd_conn_read(&l->conn, data, 12);
	if (r == 0)
		r = nbd_conn_skip(&l->conn, length - 12);
	if (r < 0)
		return r;
	id = nbd_get32(data);
	if (id != q->context_id)
		return 0; /* of the other context */
	if (!nbd_get32(data + 4))
		return -EPROTO;
	*q->run = nbd_get32(data + 4) < q->length ? nbd_get32(data + 4) : q->length;
	*q->state = nbd_get32(data + 8);
	q->got_status = true;
	return 0;
}

static int take_error(struct link *l, struct request *q, uint32_t length)
{
	char data[6];
	int r;

	if (length < 6)
		return -EPROTO;
	r = nbd_conn_read(&l->conn, data, 6);
	if (r == 0)
		r = nbd_conn_skip(&l->conn, length - 6);
	if (r < 0)
		return r;
	if (!q->error)
		q->error = nbd_get32(data) ? wire_error(nbd_get32(data)) : EIO;
	return 0;
}

/* Zeros for `size` bytes of a read's buffers. */
static void clear(const struct request *q, uint64_t at, uint64_t size)
{
	at += q->skip;
	for (unsigned i = 0; i < q->iovs && size; i++) {
		uint64_t n = q->iov[i].iov_len;
		if (at >= n) {
			at -= n;
			continue;
		}
		n = n - at < size ? n - at : size;
		memset((char *)q->iov[i].iov_base + at, 0, n);
		size -= n;
		at = 0;
	}
}

static int take_chunk(struct link *l)
{
	char head[NBD_CHUNK_SIZE - 4], data[12];
	uint16_t flags, type;
	uint32_t length;
	struct request *q;
	int r = nbd_conn_read(&l->conn, head, sizeof head);

	if (r < 0)
		return r;
	flags = nbd_get16(head);
	type = nbd_get16(head + 2);
	q = by_cookie(l, nbd_get64(head + 4));
	length = nbd_get32(head + 12);
	if (!q || length > NBD_MAX_PAYLOAD + 64)
		return -EPROTO;
	switch (type) {
	case NBD_CHUNK_NONE:
		if (length || !(flags & NBD_CHUNK_DONE))
			return -EPROTO;
		break;
	case NBD_CHUNK_OFFSET_DATA:
		if (length <= 8 || q->type != NBD_CMD_READ)
			return -EPROTO;
		r = nbd_conn_read(&l->conn, data, 8);
		if (r < 0)
			return r;
		if (!inside(q, nbd_get64(data), length - 8))
			return -EPROTO;
		r = nbd_conn_readv(&l->conn, q->iov, q->iovs, q->skip + (nbd_get64(data) - q->offset), length - 8);
		break;
	case NBD_CHUNK_OFFSET_HOLE:
		if (length != 12 || q->type != NBD_CMD_READ)
			return -EPROTO;
		r = nbd_conn_read(&l->conn, data, 12);
		if (r < 0)
			return r;
		if (!inside(q, nbd_get64(data), nbd_get32(data + 8)))
			return -EPROTO;
		clear(q, nbd_get64(data) - q->offset, nbd_get32(data + 8));
		break;
	case NBD_CHUNK_BLOCK_STATUS:
		r = take_status(l, q, length);
		break;
	default:
		/* Bit 15: an error, also of kinds that are not known yet. */
		if (!(type & 0x8000))
			return -EPROTO;
		r = take_error(l, q, length);
	}
	if (r == 0 && (flags & NBD_CHUNK_DONE))
		finish(l, q, 0);
	return r;
}

static int take_reply(struct link *l)
{
	char head[12];
	uint32_t magic, error;
	struct request *q;
	int r = nbd_conn_read(&l->conn, head, 4);

	if (r < 0)
		return r;
	magic = nbd_get32(head);
	if (magic == NBD_CHUNK_MAGIC && l->terms.info.structured)
		return take_chunk(l);
	if (magic != NBD_SIMPLE_MAGIC)
		return -EPROTO;
	r = nbd_conn_read(&l->conn, head, 12);
	if (r < 0)
		return r;
	error = nbd_get32(head);
	q = by_cookie(l, nbd_get64(head + 4));
	if (!q || (l->terms.info.structured && q->type == NBD_CMD_READ && !error))
		return -EPROTO;
	if (!error && q->type == NBD_CMD_READ)
		r = nbd_conn_readv(&l->conn, q->iov, q->iovs, q->skip, q->length);
	if (r == 0)
		finish(l, q, error ? wire_error(error) : 0);
	return r;
}

/* ---- connections ---- */

static int link_connect(struct link *l, struct err *e)
{
	const struct nbd_target *t = &l->client->target;
	int fd = nbd_connect(t, e), r;

	if (fd < 0)
		return fd;
	if (nbd_conn_init(&l->conn, fd) < 0)
		return err_set(e, ENOMEM, "out of memory");
	r = nbd_hello(&l->conn, t, &l->terms, e);
	if (r == 0)
		r = nbd_enter(&l->conn, t, &l->terms, e);
	free(l->terms.canonical);
	free(l->terms.description);
	l->terms.canonical = l->terms.description = NULL;
	if (r < 0)
		nbd_conn_close(&l->conn);
	return r;
}

static void wake_all(struct link *l)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (l->slot[i].busy)
			pthread_cond_signal(&l->slot[i].wake);
	pthread_cond_broadcast(&l->room);
}

/*
 * Everything that has no answer yet goes out on the new connection. A thread of its own, for the answers have to be read meanwhile: a server whose
 * answers nobody takes reads no further requests. A request that was not sent on this connection stays as it is while `send` is held.
 */
static void *replay(void *opaque)
{
	struct link *l = opaque;
	bool broken = false;

	for (unsigned i = 0; i < SLOTS && !broken; i++) {
		struct request *q = &l->slot[i];
		bool again;
		pthread_mutex_lock(&l->send);
		pthread_mutex_lock(&l->lock);
		again = q->busy && !q->done && q->epoch != l->epoch && l->conn.fd >= 0;
		pthread_mutex_unlock(&l->lock);
		broken = again && write_request(l, q) < 0;
		if (broken)
			nbd_conn_shutdown(&l->conn);
		pthread_mutex_unlock(&l->send);
	}
	return NULL;
}

static void end_replay(struct link *l)
{
	if (l->replaying)
		pthread_join(l->replayer, NULL);
	l->replaying = false;
}

static void start_replay(struct link *l)
{
	pthread_attr_t attr;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = 0; i < SLOTS; i++)
		if (l->slot[i].busy && !l->slot[i].done)
			l->slot[i].error = 0;
	pthread_mutex_unlock(&l->lock);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	l->replaying = pthread_create(&l->replayer, &attr, replay, l) == 0;
	pthread_attr_destroy(&attr);
	if (!l->replaying)
		replay(l);
}

/* The export that answers after a reconnection must be what the callers know. */
static bool same_export(const struct nbd_export_info *now, const struct nbd_export_info *known)
{
	return now->size >= known->size && now->structured >= known->structured && now->allocation >= known->allocation &&
	       now->context >= known->context && (now->flags & known->flags) == known->flags &&
	       !(now->flags & ~known->flags & NBD_FLAG_READ_ONLY);
}

/* By the reader, with no lock held: brings the connection back and repeats what was in flight, or gives up. */
static void restore(struct link *l)
{
	uint64_t until = loop_now() / 1000000 + l->client->target.reconnect_ms;
	struct timespec pause = {.tv_nsec = 20000000};
	struct err e = ERR_INIT;

	nbd_conn_shutdown(&l->conn); /* a sender that is blocked there lets go */
	end_replay(l);
	pthread_mutex_lock(&l->send);
	nbd_conn_close(&l->conn);
	while (l->client->target.reconnect_ms && loop_now() / 1000000 < until) {
		int r = link_connect(l, &e);
		if (r == -ECANCELED)
			break;
		if (r == 0) {
			if (!same_export(&l->terms.info, &l->client->info))
				nbd_conn_close(&l->conn);
			break;
		}
		nanosleep(&pause, NULL);
	}
	if (l->conn.fd >= 0) {
		l->epoch++;
		pthread_mutex_unlock(&l->send);
		start_replay(l);
	} else {
		pthread_mutex_unlock(&l->send);
		pthread_mutex_lock(&l->lock);
		l->dead = true;
		wake_all(l);
		pthread_mutex_unlock(&l->lock);
	}
}

static struct link *choose(struct nbd_client *c)
{
	struct link *best;

	if (c->count == 1)
		return c->links[0];
	best = c->links[__atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED) % c->count];
	if (__atomic_load_n(&best->dead, __ATOMIC_RELAXED))
		for (unsigned i = 0; i < c->count; i++)
			if (!__atomic_load_n(&c->links[i]->dead, __ATOMIC_RELAXED))
				return c->links[i];
	return best;
}

/* Makes one request; in: type, flags, offset, length, buffers. */
static int transact(struct nbd_client *c, const struct request *in)
{
	struct link *l = choose(c);
	struct request *q = NULL;
	unsigned i;
	int error;

	pthread_mutex_lock(&l->lock);
	while (l->in_flight == SLOTS && !l->dead)
		pthread_cond_wait(&l->room, &l->lock);
	if (l->dead) {
		pthread_mutex_unlock(&l->lock);
		return -EIO;
	}
	for (i = 0; l->slot[i].busy; i++)
		;
	q = &l->slot[i];
	l->in_flight++;
	l->generation++;
	q->busy = true;
	q->done = q->got_status = false;
	q->error = 0;
	q->epoch = 0;
	q->flags = in->flags;
	q->type = in->type;
	q->length = in->length;
	q->offset = in->offset;
	q->iov = in->iov;
	q->iovs = in->iovs;
	q->skip = in->skip;
	q->state = in->state;
	q->run = in->run;
	q->context_id = in->context_id;
	q->cookie = (uint64_t)l->generation * SLOTS + i;
	pthread_mutex_unlock(&l->lock);
	send_request(l, q);
	pthread_mutex_lock(&l->lock);
	while (!q->done && !l->dead) {
		if (l->reading) {
			q->waits = true;
			pthread_cond_wait(&q->wake, &l->lock);
			q->waits = false;
			continue;
		}
		l->reading = true;
		pthread_mutex_unlock(&l->lock);
		while (!q->done && take_reply(l) == 0)
			;
		if (!q->done)
			restore(l);
		pthread_mutex_lock(&l->lock);
		l->reading = false;
	}
	error = q->done ? q->error : EIO;
	if (!error && q->type == NBD_CMD_BLOCK_STATUS && !q->got_status)
		error = EPROTO;
	q->busy = false;
	l->in_flight--;
	pthread_cond_signal(&l->room);
	/*
	 * The office of the reader passes to somebody who still waits. One who is sending may have to wait for the server, which may have to wait until its
	 * answers are read; when he has sent he sees for himself that nobody reads.
	 */
	if (!l->reading)
		for (i = 0; i < SLOTS; i++)
			if (l->slot[i].waits && !l->slot[i].done) {
				pthread_cond_signal(&l->slot[i].wake);
				break;
			}
	pthread_mutex_unlock(&l->lock);
	return -error;
}

static void link_free(struct link *l)
{
	if (!l)
		return;
	end_replay(l);
	if (l->conn.fd >= 0) {
		struct request bye = {.type = NBD_CMD_DISC};
		send_request(l, &bye);
	}
	nbd_conn_close(&l->conn);
	for (unsigned i = 0; i < SLOTS; i++)
		pthread_cond_destroy(&l->slot[i].wake);
	pthread_cond_destroy(&l->room);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->send);
	free(l);
}

static struct link *link_new(struct nbd_client *c, struct err *e)
{
	struct link *l = calloc(1, sizeof *l);

	if (!l) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	l->client = c;
	l->conn.fd = -1;
	l->epoch = 1;
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->send, NULL);
	pthread_cond_init(&l->room, NULL);
	for (unsigned i = 0; i < SLOTS; i++)
		pthread_cond_init(&l->slot[i].wake, NULL);
	if (link_connect(l, e) < 0) {
		link_free(l);
		return NULL;
	}
	return l;
}

static int copy_string(const char **s, struct err *e)
{
	if (*s) {
		*s = strdup(*s);
		if (!*s)
			return err_set(e, ENOMEM, "out of memory");
	}
	return 0;
}

int nbd_client_open(const struct nbd_target *t, struct nbd_client **out, struct err *e)
{
	struct nbd_client *c = calloc(1, sizeof *c);
	unsigned want = t->connections ? t->connections : 1;

	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	c->target = (struct nbd_target){.connections = want, .reconnect_ms = t->reconnect_ms, .connect_ms = t->connect_ms,
					.path = t->path, .host = t->host, .port = t->port, .export_name = t->export_name,
					.tls_hostname = t->tls_hostname, .meta_context = t->meta_context, .dial = t->dial,
					.dial_opaque = t->dial_opaque};
	if (copy_string(&c->target.path, e) || copy_string(&c->target.host, e) || copy_string(&c->target.port, e) ||
	    copy_string(&c->target.export_name, e) || copy_string(&c->target.tls_hostname, e) ||
	    copy_string(&c->target.meta_context, e))
		goto fail;
	c->target.tls = t->tls ? tls_creds_ref(t->tls) : NULL;
	c->links[0] = link_new(c, e);
	if (!c->links[0])
		goto fail;
	c->count = 1;
	c->info = c->links[0]->terms.info;
	c->target.connect_ms = 0;
	if (want > 16)
		want = 16;
	/* Further connections only speed things up: fewer are no failure. */
	while (c->count < want && (c->info.flags & NBD_FLAG_CAN_MULTI_CONN)) {
		struct err ignored = ERR_INIT;
		c->links[c->count] = link_new(c, &ignored);
		if (!c->links[c->count])
			break;
		c->count++;
	}
	*out = c;
	return 0;
fail:
	nbd_client_close(c);
	return e ? -e->code : -EIO;
}

void nbd_client_close(struct nbd_client *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->count; i++)
		link_free(c->links[i]);
	tls_creds_unref(c->target.tls);
	free((char *)(uintptr_t)c->target.path);
	free((char *)(uintptr_t)c->target.host);
	free((char *)(uintptr_t)c->target.port);
	free((char *)(uintptr_t)c->target.export_name);
	free((char *)(uintptr_t)c->target.tls_hostname);
	free((char *)(uintptr_t)c->target.meta_context);
	free(c);
}

void nbd_client_info(struct nbd_client *c, struct nbd_export_info *info)
{
	*info = c->info;
}

/* ---- requests ---- */

int nbd_client_readv(struct nbd_client *c, uint64_t offset, uint32_t length, const struct iovec *iov, unsigned iovs, uint64_t skip)
{
	struct request q = {.type = NBD_CMD_READ, .offset = offset, .length = length, .iov = iov, .iovs = iovs, .skip = skip};

	return length ? transact(c, &q) : 0;
}

int nbd_client_writev(struct nbd_client *c, uint64_t offset, uint32_t length, const struct iovec *iov, unsigned iovs, uint64_t skip, bool fua)
{
	bool can = c->info.flags & NBD_FLAG_SEND_FUA;
	struct request q = {.type = NBD_CMD_WRITE, .offset = offset, .length = length, .iov = iov, .iovs = iovs, .skip = skip,
			    .flags = fua && can ? NBD_CMD_FLAG_FUA : 0};
	int r;

	if (c->info.flags & NBD_FLAG_READ_ONLY)
		return -EROFS;
	r = length ? transact(c, &q) : 0;
	return r == 0 && fua && !can ? nbd_client_flush(c) : r;
}

int nbd_client_read(struct nbd_client *c, uint64_t offset, uint32_t length, void *buf)
{
	struct iovec iov = {buf, length};

	return nbd_client_readv(c, offset, length, &iov, 1, 0);
}

int nbd_client_write(struct nbd_client *c, uint64_t offset, uint32_t length, const void *buf, bool fua)
{
	struct iovec iov = {(void *)(uintptr_t)buf, length};

	return nbd_client_writev(c, offset, length, &iov, 1, 0, fua);
}

int nbd_client_flush(struct nbd_client *c)
{
	struct request q = {.type = NBD_CMD_FLUSH};

	/* With CAN_MULTI_CONN a flush on one connection covers what was answered on all. */
	return c->info.flags & NBD_FLAG_SEND_FLUSH ? transact(c, &q) : 0;
}

int nbd_client_trim(struct nbd_client *c, uint64_t offset, uint32_t length)
{
	struct request q = {.type = NBD_CMD_TRIM, .offset = offset, .length = length};

	return length && (c->info.flags & NBD_FLAG_SEND_TRIM) ? transact(c, &q) : 0;
}

int nbd_client_zero(struct nbd_client *c, uint64_t offset, uint32_t length, unsigned flags)
{
	struct request q = {.type = NBD_CMD_WRITE_ZEROES, .offset = offset, .length = length};

	if (c->info.flags & NBD_FLAG_READ_ONLY)
		return -EROFS;
	if (!(c->info.flags & NBD_FLAG_SEND_WRITE_ZEROES) ||
	    ((flags & NBD_CMD_FLAG_FAST_ZERO) && !(c->info.flags & NBD_FLAG_SEND_FAST_ZERO)))
		return -ENOTSUP;
	if (!(c->info.flags & NBD_FLAG_SEND_FUA))
		flags &= ~(unsigned)NBD_CMD_FLAG_FUA;
	q.flags = (uint16_t)(flags & (NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO));
	return length ? transact(c, &q) : 0;
}

int nbd_client_cache(struct nbd_client *c, uint64_t offset, uint32_t length)
{
	struct request q = {.type = NBD_CMD_CACHE, .offset = offset, .length = length};

	return length && (c->info.flags & NBD_FLAG_SEND_CACHE) ? transact(c, &q) : 0;
}

int nbd_client_status(struct nbd_client *c, bool context, uint64_t offset, uint32_t length, uint32_t *state, uint32_t *run)
{
	struct request q = {.type = NBD_CMD_BLOCK_STATUS, .offset = offset, .length = length, .state = state, .run = run,
			    .flags = NBD_CMD_FLAG_REQ_ONE, .context_id = c->links[0]->terms.context_id[context]};

	if (!(context ? c->info.context : c->info.allocation))
		return -ENOTSUP;
	return length ? transact(c, &q) : -EINVAL;
}
