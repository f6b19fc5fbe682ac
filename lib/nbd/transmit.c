/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transmission phase of a server's connection.
 *
 * Theory of operation. Threads of one connection take turns at reading: the one that holds the office reads a request (and
 * the data of a write), does the work, answers and reads on. As long as the work is quick, one thread does everything: a client
 * with one request at a time costs no switch, and what a client with many sent at once is answered at once, for the answers
 * are held back until the last request that was received is done (or HOLD bytes are there).
 * If the work was slow and more requests wait, the next ones are worked on side by side: before the work the office goes
 * to another thread (a new one, up to config.threads). After `parallel` such requests one is tried in the old way again;
 * each time it turns out slow, doubles the distance to the next such try.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "base/loop.h"
#include "crypto/tls.h"
#include "nbd/server-internal.h"
#include "proto/nbd.h"

#define KEEP_BUFFER (2u << 20) /* a thread keeps a buffer of this size between requests */
#define EAGER 64u     /* requests that are worked on side by side once the disk turned out slow, at first */
#define EAGER_MOST 4096u
#define SLOW 50000u   /* nanoseconds of work from which on a switch of threads is worth it */
#define HOLD (64u << 10) /* bytes of answers that wait for each other */
#define HOLE_READ (64u << 10)  /* reads from this size on are answered with holes where there are */
#define MAX_EXTENTS 4096u

struct request {
	uint16_t flags, type;
	uint64_t cookie, offset;
	uint32_t length;
};

struct worker {
	struct nbd_peer *peer;
	char *buf;
	size_t room;
	char *out;   /* HOLD bytes: answers that are held back */
	size_t held;
	bool corked; /* answers may be held back */
};

static uint32_t wire_error(int error)
{
	switch (error) {
	case 0: return 0;
	case EPERM: case EACCES: case EROFS: return NBD_EPERM;
	case ENOMEM: return NBD_ENOMEM;
	case EINVAL: return NBD_EINVAL;
	case ENOSPC: case EFBIG: case EDQUOT: return NBD_ENOSPC;
	case EOVERFLOW: return NBD_EOVERFLOW;
	case ENOTSUP: return NBD_ENOTSUP;
	case ESHUTDOWN: return NBD_ESHUTDOWN;
	default: return NBD_EIO;
	}
}

/* ---- answers ---- */

static int send_now(struct nbd_peer *p, struct iovec *iov, int count)
{
	int r;

	pthread_mutex_lock(&p->send);
	r = nbd_conn_write(&p->conn, iov, count);
	pthread_mutex_unlock(&p->send);
	return r;
}

static int send_held(struct worker *w)
{
	struct iovec iov = {w->out, w->held};

	w->held = 0;
	return iov.iov_len ? send_now(w->peer, &iov, 1) : 0;
}

static int send_all(struct worker *w, struct iovec *iov, int count)
{
	size_t n = 0;
	int r;

	for (int i = 0; i < count; i++)
		n += iov[i].iov_len;
	if (w->corked && n <= HOLD - w->held) {
		for (int i = 0; i < count; w->held += iov[i++].iov_len)
			memcpy(w->out + w->held, iov[i].iov_base, iov[i].iov_len);
		return 0;
	}
	r = send_held(w);
	return r < 0 ? r : send_now(w->peer, iov, count);
}

static void chunk_head(char *head, uint16_t flags, uint16_t type, uint64_t cookie, uint32_t length)
{
	head = nbd_put32(head, NBD_CHUNK_MAGIC);
	head = nbd_put16(head, flags);
	head = nbd_put16(head, type);
	head = nbd_put64(head, cookie);
	nbd_put32(head, length);
}

/* Success without data, or an error. */
static int answer(struct worker *w, const struct request *q, int error)
{
	struct nbd_peer *p = w->peer;
	char head[NBD_CHUNK_SIZE + 6];
	struct iovec iov = {head, NBD_SIMPLE_SIZE};

	/* With structured replies a read's error must be a chunk; others may be too, and one form is enough. */
	if (p->structured) {
		chunk_head(head, NBD_CHUNK_DONE, error ? NBD_CHUNK_ERROR : NBD_CHUNK_NONE, q->cookie, error ? 6 : 0);
		nbd_put16(nbd_put32(head + NBD_CHUNK_SIZE, wire_error(error)), 0);
		iov.iov_len = NBD_CHUNK_SIZE + (error ? 6 : 0);
	} else {
		nbd_put64(nbd_put32(nbd_put32(head, NBD_SIMPLE_MAGIC), wire_error(error)), q->cookie);
	}
	return send_all(w, &iov, 1);
}

/* What goes before the data of a read; its size. */
static size_t data_head(const struct nbd_peer *p, const struct request *q, char *head)
{
	if (!p->structured) {
		nbd_put64(nbd_put32(nbd_put32(head, NBD_SIMPLE_MAGIC), 0), q->cookie);
		return NBD_SIMPLE_SIZE;
	}
	chunk_head(head, NBD_CHUNK_DONE, NBD_CHUNK_OFFSET_DATA, q->cookie, q->length + 8);
	nbd_put64(head + NBD_CHUNK_SIZE, q->offset);
	return NBD_CHUNK_SIZE + 8;
}

/* ---- requests ---- */

static bool reserve(struct worker *w, size_t size)
{
	char *buf;

	if (size <= w->room)
		return true;
	buf = malloc(size);
	if (!buf)
		return false;
	free(w->buf);
	w->buf = buf;
	w->room = size;
	return true;
}

/*
 * A large read with structured replies: runs of zeros go as holes. Returns 1 when this way is not worth it (the plain
 * one must be taken), 0 or the connection's -errno.
 */
static int read_with_holes(struct worker *w, const struct request *q)
{
	struct nbd_peer *p = w->peer;
	struct nbd_export *x = p->export;
	struct nbd_extent ext[16];
	char head[NBD_CHUNK_SIZE + 12];
	uint64_t at = q->offset;
	unsigned n = 0;
	bool hole = false;
	uint32_t covered = 0;

	if (!p->structured || !x->ops->status || (q->flags & NBD_CMD_FLAG_DF) || q->length < HOLE_READ)
		return 1;
	if (x->ops->status(x->opaque, 0, q->offset, q->length, ext, 16, &n) < 0)
		return 1;
	for (unsigned i = 0; i < n; i++) {
		hole |= (ext[i].state & NBD_STATE_ZERO) != 0;
		covered += ext[i].length;
	}
	if (!hole || covered != q->length)
		return 1;
	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = i + 1 == n ? NBD_CHUNK_DONE : 0;
		struct iovec iov[2] = {{head, NBD_CHUNK_SIZE + 8}, {w->buf, ext[i].length}};
		int r;
		if (ext[i].state & NBD_STATE_ZERO) {
			chunk_head(head, flags, NBD_CHUNK_OFFSET_HOLE, q->cookie, 12);
			nbd_put32(nbd_put64(head + NBD_CHUNK_SIZE, at), ext[i].length);
			iov[0].iov_len = NBD_CHUNK_SIZE + 12;
			r = send_all(w, iov, 1);
		} else {
			r = x->ops->read(x->opaque, at, ext[i].length, w->buf);
			if (r < 0)
				return answer(w, q, -r);
			chunk_head(head, flags, NBD_CHUNK_OFFSET_DATA, q->cookie, ext[i].length + 8);
			nbd_put64(head + NBD_CHUNK_SIZE, at);
			r = send_all(w, iov, 2);
		}
		if (r < 0)
			return r;
		at += ext[i].length;
	}
	return 0;
}

static int read_data(struct worker *w, const struct request *q)
{
	struct nbd_peer *p = w->peer;
	const struct nbd_export *x = p->export;
	char head[NBD_CHUNK_SIZE + 8];
	struct iovec iov[2] = {{head, data_head(p, q, head)}, {NULL, q->length}};
	int r;

	if (w->corked && q->length < HOLE_READ && iov[0].iov_len + q->length <= HOLD - w->held) { /* straight to its place */
		r = x->ops->read(x->opaque, q->offset, q->length, w->out + w->held + iov[0].iov_len);
		if (r < 0)
			return answer(w, q, -r);
		memcpy(w->out + w->held, head, iov[0].iov_len);
		w->held += iov[0].iov_len + q->length;
		return 0;
	}
	if (!reserve(w, q->length))
		return answer(w, q, ENOMEM);
	r = read_with_holes(w, q);
	if (r <= 0)
		return r;
	r = x->ops->read(x->opaque, q->offset, q->length, w->buf);
	iov[1].iov_base = w->buf;
	return r < 0 ? answer(w, q, -r) : send_all(w, iov, 2);
}

static int block_status(struct worker *w, const struct request *q)
{
	struct nbd_peer *p = w->peer;
	struct nbd_export *x = p->export;
	unsigned last = 0, contexts = nbd_export_contexts(x), max = q->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : MAX_EXTENTS;
	struct nbd_extent *ext;
	bool any = false;

	for (unsigned k = 0; k < contexts; k++)
		if (p->context[k]) {
			last = k;
			any = true;
		}
	if (!any || !q->length)
		return answer(w, q, EINVAL);
	if (!reserve(w, max * (sizeof *ext + 8) + 4))
		return answer(w, q, ENOMEM);
	ext = (struct nbd_extent *)(void *)w->buf;
	for (unsigned k = 0; k <= last; k++) {
		char head[NBD_CHUNK_SIZE], *data = w->buf + max * sizeof *ext, *d = data;
		struct iovec iov[2] = {{head, sizeof head}, {data, 0}};
		unsigned n = 0;
		int r;
		if (!p->context[k])
			continue;
		r = x->ops->status(x->opaque, k, q->offset, q->length, ext, max, &n);
		if (r < 0 || n == 0)
			return answer(w, q, r < 0 ? -r : EIO);
		d = nbd_put32(d, k);
		for (unsigned i = 0; i < n; i++)
			d = nbd_put32(nbd_put32(d, ext[i].length), ext[i].state);
		iov[1].iov_len = (size_t)(d - data);
		chunk_head(head, k == last ? NBD_CHUNK_DONE : 0, NBD_CHUNK_BLOCK_STATUS, q->cookie, (uint32_t)iov[1].iov_len);
		r = send_all(w, iov, 2);
		if (r < 0)
			return r;
	}
	return 0;
}

/* 0 or the errno (positive) a request is refused with before anything is done. */
static int refuse(const struct nbd_peer *p, const struct request *q)
{
	const struct nbd_export *x = p->export;
	uint64_t size = x->ops->size(x->opaque);
	uint32_t min = x->min_block ? x->min_block : 1;
	unsigned known = q->type == NBD_CMD_WRITE || q->type == NBD_CMD_TRIM ? NBD_CMD_FLAG_FUA
			 : q->type == NBD_CMD_WRITE_ZEROES
				 ? NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE | (x->fast_zero ? NBD_CMD_FLAG_FAST_ZERO : 0u)
			 : q->type == NBD_CMD_READ ? (p->structured ? NBD_CMD_FLAG_DF : 0u)
			 : q->type == NBD_CMD_BLOCK_STATUS ? NBD_CMD_FLAG_REQ_ONE : 0u;
	bool writes = q->type == NBD_CMD_WRITE || q->type == NBD_CMD_TRIM || q->type == NBD_CMD_WRITE_ZEROES;

	/* FUA is tolerated everywhere, as the protocol asks of servers that offer it. */
	if (q->flags & ~(known | NBD_CMD_FLAG_FUA))
		return EINVAL;
	if (q->type == NBD_CMD_FLUSH)
		return q->offset || q->length ? EINVAL : 0;
	if (writes && x->read_only)
		return EPERM;
	if (q->offset > size || q->length > size - q->offset)
		return writes ? ENOSPC : EINVAL;
	if (q->offset % min || q->length % min)
		return EINVAL;
	if (q->type == NBD_CMD_READ && q->length > (x->max_block ? x->max_block : NBD_MAX_PAYLOAD))
		return EOVERFLOW;
	return 0;
}

/* Does the work and answers. Returns 0 or the connection's -errno. */
static int perform(struct worker *w, const struct request *q)
{
	struct nbd_peer *p = w->peer;
	const struct nbd_export_ops *ops = p->export->ops;
	void *o = p->export->opaque;
	bool fua = q->flags & NBD_CMD_FLAG_FUA;
	int r = refuse(p, q);

	if (r)
		return answer(w, q, r);
	if (q->length == 0 && q->type != NBD_CMD_FLUSH && q->type != NBD_CMD_BLOCK_STATUS)
		return answer(w, q, 0);
	switch (q->type) {
	case NBD_CMD_READ:
		return read_data(w, q);
	case NBD_CMD_WRITE:
		r = ops->write(o, q->offset, q->length, w->buf, fua);
		break;
	case NBD_CMD_FLUSH:
		r = ops->flush ? ops->flush(o) : -EINVAL;
		break;
	case NBD_CMD_TRIM:
		r = ops->trim ? ops->trim(o, q->offset, q->length, fua) : -EINVAL;
		break;
	case NBD_CMD_WRITE_ZEROES:
		r = ops->zero ? ops->zero(o, q->offset, q->length, fua, !(q->flags & NBD_CMD_FLAG_NO_HOLE),
					  q->flags & NBD_CMD_FLAG_FAST_ZERO)
			      : -EINVAL;
		break;
	case NBD_CMD_CACHE:
		r = ops->cache ? ops->cache(o, q->offset, q->length) : -EINVAL;
		break;
	case NBD_CMD_BLOCK_STATUS:
		return block_status(w, q);
	default:
		r = -EINVAL;
	}
	return answer(w, q, -r);
}

/* By the holder of the office: the next request, with the data of a write in w->buf. */
static int next_request(struct worker *w, struct request *q)
{
	struct nbd_conn *c = &w->peer->conn;
	char head[NBD_REQUEST_SIZE];
	int r = nbd_conn_read(c, head, sizeof head);

	if (r < 0)
		return r;
	if (nbd_get32(head) != NBD_REQUEST_MAGIC) {
		nbd_server_log(w->peer->server, "a client's request has the wrong magic number 0x%x", nbd_get32(head));
		return -EPROTO;
	}
	q->flags = nbd_get16(head + 4);
	q->type = nbd_get16(head + 6);
	q->cookie = nbd_get64(head + 8);
	q->offset = nbd_get64(head + 16);
	q->length = nbd_get32(head + 24);
	if (q->type == NBD_CMD_DISC)
		return -ECONNRESET;
	if (q->type != NBD_CMD_WRITE)
		return 0;
	if (q->length > NBD_MAX_PAYLOAD) {
		nbd_server_log(w->peer->server, "a client writes %u bytes at once (at most %u)", q->length, NBD_MAX_PAYLOAD);
		return -EMSGSIZE;
	}
	if (!reserve(w, q->length ? q->length : 1))
		return -ENOMEM;
	/* Nobody waits for an answer while we wait for data. */
	if (q->length > nbd_conn_buffered(c) && (r = send_held(w)) < 0)
		return r;
	return nbd_conn_read(c, w->buf, q->length);
}

static bool more_waiting(struct nbd_peer *p)
{
	struct pollfd fd = {.fd = p->conn.fd, .events = POLLIN};

	if (nbd_conn_buffered(&p->conn) || (p->conn.tls && tls_session_pending(p->conn.tls)))
		return true;
	return poll(&fd, 1, 0) > 0;
}

/* The head of one, at least. */
static bool another_buffered(const struct nbd_peer *p)
{
	return nbd_conn_buffered(&p->conn) >= NBD_REQUEST_SIZE;
}

static void worker_thread(void *opaque);

/* p->lock is held and the office is given up: somebody else takes it. */
static void promote(struct nbd_peer *p)
{
	p->reading = false;
	if (p->waiting) {
		pthread_cond_signal(&p->turn);
	} else if (p->threads < p->server->config.threads && !nbd_threads_run(&p->server->threads, worker_thread, p)) {
		p->threads++;
	}
}

static void work(struct nbd_peer *p)
{
	struct worker w = {.peer = p};
	struct request q;
	bool office = false, ending = false;

	while (!ending) {
		int r;

		if (!office) {
			pthread_mutex_lock(&p->lock);
			p->waiting++;
			while (p->reading && !p->ending)
				pthread_cond_wait(&p->turn, &p->lock);
			p->waiting--;
			ending = p->ending;
			if (!ending)
				p->reading = office = true;
			pthread_mutex_unlock(&p->lock);
			if (ending)
				break;
		}
		r = next_request(&w, &q);
		if (r == 0 && p->parallel) {
			r = send_held(&w);
			pthread_mutex_lock(&p->lock);
			p->parallel--;
			office = false;
			promote(p);
			pthread_mutex_unlock(&p->lock);
		}
		if (r == 0) {
			uint64_t begun = office ? loop_now() : 0;
			w.corked = office && (w.held || another_buffered(p)) && (w.out || (w.out = malloc(HOLD)));
			r = perform(&w, &q);
			w.corked = false;
			if (office) {
				bool slow = loop_now() - begun > SLOW;
				if (slow && more_waiting(p)) {
					p->parallel = p->eager;
					p->eager = p->eager < EAGER_MOST ? p->eager * 2 : EAGER_MOST;
				} else if (!slow) {
					p->eager = EAGER;
				}
				if (r == 0 && (slow || !another_buffered(p)))
					r = send_held(&w);
			}
		}
		if (w.room > KEEP_BUFFER) {
			free(w.buf);
			w.buf = NULL;
			w.room = 0;
		}
		if (r < 0) {
			send_held(&w);
			pthread_mutex_lock(&p->lock);
			p->ending = ending = true;
			if (office)
				p->reading = false;
			pthread_cond_broadcast(&p->turn);
			pthread_mutex_unlock(&p->lock);
			nbd_conn_shutdown(&p->conn);
		}
	}
	free(w.buf);
	free(w.out);
}

static void worker_thread(void *opaque)
{
	struct nbd_peer *p = opaque;

	work(p);
	pthread_mutex_lock(&p->lock);
	p->threads--;
	pthread_cond_signal(&p->all_done);
	pthread_mutex_unlock(&p->lock);
}

void nbd_transmit(struct nbd_peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->threads = 1;
	p->eager = EAGER;
	pthread_mutex_unlock(&p->lock);
	work(p);
	pthread_mutex_lock(&p->lock);
	p->threads--;
	while (p->threads)
		pthread_cond_wait(&p->all_done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}
