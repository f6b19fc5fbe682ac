/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *   Callers block, as everywhere in this library. What a queue adds: a long request is cut into pieces that are under way at the same
 *   time, so that a device has several of them to work on for a single caller, without a thread for each. A queue serves one request at
 *   a time and is then kept for the next one; there are as many as there were requests at a time.
 *
 * Queues belong to the process that made them: a server that goes to the background after it opened its files makes new ones.
 *
 * Linux AIO: io_submit(2) with <linux/aio_abi.h>; it truly queues only with O_DIRECT, which is why the caller insists on that.
 */
#include "block/file-ring.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_URING
#include <liburing.h>
#endif

enum { DEPTH = 16, PIECE = 128 << 10 };

struct piece {
	uint64_t offset;
	uint8_t *buf;
	size_t length;
	bool cut; /* it went on within a sector: the file ends there, and O_DIRECT does not take the rest */
};

struct queue {
	struct queue *next;
	struct piece piece[DEPTH];
	aio_context_t native;
	struct iocb iocb[DEPTH];
#ifdef HAVE_URING
	struct io_uring uring;
#endif
};

struct file_ring {
	enum file_ring_kind kind;
	pid_t pid; /* whose the idle ones are */
	pthread_mutex_t lock;
	struct queue *idle;
};

bool file_ring_built_in(enum file_ring_kind kind)
{
#ifdef HAVE_URING
	return kind == FILE_RING_NATIVE || kind == FILE_RING_IO_URING;
#else
	return kind == FILE_RING_NATIVE;
#endif
}

static int queue_new(enum file_ring_kind kind, struct queue **out)
{
	struct queue *q = calloc(1, sizeof *q);
	int r = q ? -ENOSYS : -ENOMEM;

	if (q && kind == FILE_RING_NATIVE)
		r = syscall(SYS_io_setup, DEPTH, &q->native) ? -errno : 0;
#ifdef HAVE_URING
	if (q && kind == FILE_RING_IO_URING)
		r = io_uring_queue_init(DEPTH, &q->uring, 0);
#endif
	if (r) {
		free(q);
		return r;
	}
	*out = q;
	return 0;
}

static void queue_free(enum file_ring_kind kind, struct queue *q)
{
	if (kind == FILE_RING_NATIVE)
		syscall(SYS_io_destroy, q->native);
#ifdef HAVE_URING
	else
		io_uring_queue_exit(&q->uring);
#endif
	free(q);
}

int file_ring_new(enum file_ring_kind kind, struct file_ring **out, struct err *e)
{
	struct file_ring *r = calloc(1, sizeof *r);
	int ret = r ? queue_new(kind, &r->idle) : -ENOMEM;

	if (ret) {
		free(r);
		return err_errno(e, -ret, kind == FILE_RING_NATIVE ? "failed to create linux AIO context" : "failed to init linux io_uring ring");
	}
	r->kind = kind;
	r->pid = getpid();
	pthread_mutex_init(&r->lock, NULL);
	*out = r;
	return 0;
}

static void free_idle(struct file_ring *r)
{
	while (r->idle) {
		struct queue *q = r->idle;
		r->idle = q->next;
		queue_free(r->kind, q);
	}
}

void file_ring_free(struct file_ring *r)
{
	if (!r)
		return;
	free_idle(r);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* Hands piece i to the kernel. */
static int start(struct file_ring *r, struct queue *q, int fd, bool write, unsigned i)
{
	const struct piece *p = &q->piece[i];

	if (r->kind == FILE_RING_NATIVE) {
		struct iocb *c = &q->iocb[i], *list[1] = {c};
		memset(c, 0, sizeof *c);
		c->aio_data = i;
		c->aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		c->aio_fildes = (uint32_t)fd;
		c->aio_buf = (uint64_t)(uintptr_t)p->buf;
		c->aio_nbytes = p->length;
		c->aio_offset = (int64_t)p->offset;
		while (syscall(SYS_io_submit, q->native, 1, list) != 1)
			if (errno != EINTR && errno != EAGAIN)
				return -errno;
		return 0;
	}
#ifdef HAVE_URING
	struct io_uring_sqe *s = io_uring_get_sqe(&q->uring);
	if (!s)
		return -EBUSY; /* cannot be: there are as many entries as pieces */
	if (write)
		io_uring_prep_write(s, fd, p->buf, (unsigned)p->length, p->offset);
	else
		io_uring_prep_read(s, fd, p->buf, (unsigned)p->length, p->offset);
	io_uring_sqe_set_data64(s, i);
#endif
	return 0;
}

/* Waits for one piece: its number, with what came of it in *result. */
static int await(struct file_ring *r, struct queue *q, unsigned *i, int64_t *result)
{
	if (r->kind == FILE_RING_NATIVE) {
		struct io_event ev;
		while (syscall(SYS_io_getevents, q->native, 1, 1, &ev, NULL) != 1)
			if (errno != EINTR)
				return -errno;
		*i = (unsigned)ev.data;
		*result = (int64_t)ev.res;
		return 0;
	}
#ifdef HAVE_URING
	struct io_uring_cqe *c;
	int n;
	do
		n = io_uring_submit_and_wait(&q->uring, 1);
	while (n == -EINTR || n == -EAGAIN || n == -EBUSY);
	if (n < 0 || (n = io_uring_peek_cqe(&q->uring, &c)) < 0)
		return n;
	*i = (unsigned)io_uring_cqe_get_data64(c);
	*result = c->res;
	io_uring_cqe_seen(&q->uring, c);
#endif
	return 0;
}

/* *broken: the kernel does not tell what became of pieces; the queue can only be given up. */
static int run(struct file_ring *r, struct queue *q, int fd, bool write, uint64_t offset, size_t length, uint8_t *buf, bool *broken)
{
	unsigned free_pieces[DEPTH], idle = DEPTH, i;
	int error = 0, n;
	int64_t got = 0;

	for (i = 0; i < DEPTH; i++)
		free_pieces[i] = i;
	while ((length && !error) || idle < DEPTH) {
		while (idle && length && !error) {
			i = free_pieces[--idle];
			q->piece[i] = (struct piece){offset, buf, length < PIECE ? length : PIECE, false};
			if ((n = start(r, q, fd, write, i))) {
				error = n;
				free_pieces[idle++] = i;
				break;
			}
			offset += q->piece[i].length;
			buf += q->piece[i].length;
			length -= q->piece[i].length;
		}
		if (idle == DEPTH)
			break;
		if ((n = await(r, q, &i, &got))) {
			*broken = true;
			return n;
		}
		struct piece *p = &q->piece[i];
		if (got > 0 && (uint64_t)got <= p->length) {
			p->offset += (uint64_t)got;
			p->buf += got;
			p->length -= (size_t)got;
			p->cut = got % 512;
		} else if (!write && (got == 0 || (got == -EINVAL && p->cut))) { /* behind the end */
			memset(p->buf, 0, p->length);
			p->length = 0;
		} else if (got != -EINTR && got != -EAGAIN && !error) {
			error = got == 0 ? -ENOSPC : (int)got;
		}
		if (p->length && !error && !(n = start(r, q, fd, write, i)))
			continue;
		if (p->length && !error)
			error = n;
		free_pieces[idle++] = i;
	}
	return error;
}

int file_ring_io(struct file_ring *r, int fd, bool write, uint64_t offset, size_t length, void *buf)
{
	struct queue *q;
	bool broken = false;
	int ret;

	pthread_mutex_lock(&r->lock);
	if (r->pid != getpid()) {
		free_idle(r);
		r->pid = getpid();
	}
	if ((q = r->idle))
		r->idle = q->next;
	pthread_mutex_unlock(&r->lock);
	if (!q && queue_new(r->kind, &q))
		return -ENOTSUP;
	ret = run(r, q, fd, write, offset, length, buf, &broken);
	if (broken) { /* closing it waits for what is under way */
		queue_free(r->kind, q);
		return ret;
	}
	pthread_mutex_lock(&r->lock);
	q->next = r->idle;
	r->idle = q;
	pthread_mutex_unlock(&r->lock);
	return ret;
}
