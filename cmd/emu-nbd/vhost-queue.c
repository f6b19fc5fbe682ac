/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtqueue of a block device (virtio 1.2, 2.7 and 5.2).
 *
 * Theory of operation
 *   A queue has workers that share it under a lock: one takes the next descriptor chain, carries it out without the lock, and puts it into the
 *   used ring. As long as requests are answered from the host's cache one worker does it all, without a system call for each but the read itself;
 *   when they take long, more workers take part. One of them waits for the kick, and the others for it.
 *   Every descriptor is copied before it is looked at, and every address is looked up in the memory table.
 *   With inflight tracking a chain is marked before it is worked on and unmarked after it is in the used ring ("Inflight I/O tracking"); a
 *   server that comes after a killed one does the marked ones first, in their order.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "vhost.h"

#define SEGMENTS 256u
#define SLOW_US 30u          /* from there on requests are worth a thread of their own */
#define DATA_MAX (64u << 20) /* bytes of one request */

struct segment {
	uint8_t *data;
	uint32_t size;
};

struct chain {
	uint16_t head;
	struct segment out[SEGMENTS], in[SEGMENTS]; /* from the guest, to the guest */
	unsigned outs, ins;
	uint32_t written;
};

/* n bytes at a guest address, or the front end's own for rings; NULL: not in one region. */
static uint8_t *at_guest(const struct vhost_memory *m, uint64_t addr, uint64_t n)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct vhost_map *k = &m->map[i];
		if (addr >= k->r.guest && addr - k->r.guest < k->r.size && n <= k->r.size - (addr - k->r.guest))
			return k->start + (addr - k->r.guest);
	}
	return NULL;
}

static void *at_user(const struct vhost_memory *m, uint64_t addr, uint64_t n)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct vhost_map *k = &m->map[i];
		if (addr >= k->r.user && addr - k->r.user < k->r.size && n <= k->r.size - (addr - k->r.user))
			return k->start + (addr - k->r.user);
	}
	return NULL;
}

/* ---- taking a chain apart ---- */

static bool add_segment(const struct vhost_queue *q, struct chain *c, const struct vring_desc *d)
{
	struct segment *s;
	uint8_t *p;

	if (!d->len)
		return true;
	p = at_guest(q->memory, d->addr, d->len);
	if (!p || (d->flags & VRING_WRITE ? c->ins : c->outs) == SEGMENTS || (!(d->flags & VRING_WRITE) && c->ins))
		return false;
	s = d->flags & VRING_WRITE ? &c->in[c->ins++] : &c->out[c->outs++];
	*s = (struct segment){p, d->len};
	return true;
}

static bool walk(const struct vhost_queue *q, struct chain *c, const struct vring_desc *table, uint32_t size, uint16_t index, bool nested)
{
	for (uint32_t steps = 0; steps < size; steps++) {
		struct vring_desc d;
		if (index >= size)
			return false;
		memcpy(&d, (const void *)&table[index], sizeof d);
		if (d.flags & VRING_INDIRECT) {
			const struct vring_desc *inner = (const void *)at_guest(q->memory, d.addr, d.len);
			if (nested || !inner || d.len % sizeof d || d.len / sizeof d > SEGMENTS * 2 || !d.len)
				return false;
			return walk(q, c, inner, d.len / (uint32_t)sizeof d, 0, true);
		}
		if (!add_segment(q, c, &d))
			return false;
		if (!(d.flags & VRING_NEXT))
			return true;
		index = d.next;
	}
	return false; /* a loop */
}

/* ---- the request ---- */

static uint64_t total(const struct segment *s, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += s[i].size;
	return sum;
}

static void take_front(struct segment *s, unsigned *n, void *to, size_t size)
{
	unsigned used = 0;

	while (size && used < *n) {
		size_t k = s[used].size < size ? s[used].size : size;
		memcpy(to, s[used].data, k);
		to = (char *)to + k;
		size -= k;
		s[used].data += k;
		s[used].size -= (uint32_t)k;
		used += !s[used].size;
	}
	memmove(s, s + used, (*n - used) * sizeof *s);
	*n -= used;
}

static int read_or_write(struct vhost_queue *q, struct segment *s, unsigned n, uint64_t sector, bool write)
{
	uint64_t size = total(s, n), at;
	uint8_t *buf, *p;
	int r;

	if (size % 512 || size > DATA_MAX || sector > UINT64_MAX / 512)
		return -EINVAL;
	at = sector * 512;
	if (!size)
		return 0;
	if (n == 1)
		return write ? disk_write(q->disk, at, size, s->data, 0) : disk_read(q->disk, at, size, s->data);
	p = buf = malloc(size);
	if (!buf)
		return -ENOMEM;
	for (unsigned i = 0; write && i < n; p += s[i++].size)
		memcpy(p, s[i].data, s[i].size);
	r = write ? disk_write(q->disk, at, size, buf, 0) : disk_read(q->disk, at, size, buf);
	for (unsigned i = 0; !write && !r && i < n; p += s[i++].size)
		memcpy(s[i].data, p, s[i].size);
	free(buf);
	return r;
}

static int ranges(struct vhost_queue *q, struct chain *c, bool zero)
{
	uint64_t n = total(c->out, c->outs) / sizeof(struct virtio_blk_range);
	int r = n && total(c->out, c->outs) % sizeof(struct virtio_blk_range) == 0 ? 0 : -EINVAL;

	while (!r && n--) {
		struct virtio_blk_range g;
		uint64_t size;
		take_front(c->out, &c->outs, &g, sizeof g);
		size = disk_size(q->disk);
		if (g.flags & ~1u || (!zero && g.flags))
			return -ENOTSUP;
		if (g.sector > size / 512 || g.count > size / 512 - g.sector)
			return -EIO;
		r = zero ? disk_zero(q->disk, g.sector * 512, (uint64_t)g.count * 512, g.flags & 1 ? BLK_ZERO_MAY_UNMAP : 0)
			 : disk_discard(q->disk, g.sector * 512, (uint64_t)g.count * 512);
	}
	return r;
}

static void carry_out(struct vhost_queue *q, struct chain *c)
{
	static const char id[20] = "emu-nbd";
	struct virtio_blk_request h;
	uint8_t *status;
	int r;

	/* The last byte of what may be written is the status. */
	if (!c->ins || total(c->out, c->outs) < sizeof h)
		return;
	status = c->in[c->ins - 1].data + c->in[c->ins - 1].size - 1;
	if (!--c->in[c->ins - 1].size)
		c->ins--;
	take_front(c->out, &c->outs, &h, sizeof h);
	c->written = 1;
	switch (h.type) {
	case BLK_T_IN:
		r = read_or_write(q, c->in, c->ins, h.sector, false);
		if (!r)
			c->written += (uint32_t)total(c->in, c->ins);
		break;
	case BLK_T_OUT:
		r = q->read_only ? -EROFS : read_or_write(q, c->out, c->outs, h.sector, true);
		break;
	case BLK_T_FLUSH:
		r = disk_flush(q->disk);
		break;
	case BLK_T_GET_ID:
		r = c->ins ? 0 : -EINVAL;
		if (!r) {
			size_t n = c->in[0].size < sizeof id ? c->in[0].size : sizeof id;
			memcpy(c->in[0].data, id, n);
			c->written += (uint32_t)n;
		}
		break;
	case BLK_T_DISCARD:
	case BLK_T_WRITE_ZEROES:
		r = q->read_only ? -EROFS : ranges(q, c, h.type == BLK_T_WRITE_ZEROES);
		break;
	default:
		r = -ENOTSUP;
	}
	*status = r == 0 ? BLK_S_OK : r == -ENOTSUP ? BLK_S_UNSUPP : BLK_S_IOERR;
}

/* ---- the rings; q->lock is held ---- */

static uint16_t *avail_event(struct vhost_queue *q)
{
	return (uint16_t *)(void *)&q->used->ring[q->size];
}

static bool take(struct vhost_queue *q, uint16_t *head)
{
	uint16_t idx;

	if (q->resubmits) {
		*head = *q->resubmit;
		memmove(q->resubmit, q->resubmit + 1, --q->resubmits * sizeof *q->resubmit);
		return true;
	}
	idx = __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE);
	if (idx == q->last_avail)
		return false;
	if ((uint16_t)(idx - q->last_avail) > q->size) {
		q->broken = true;
		return false;
	}
	*head = __atomic_load_n(&q->avail->ring[q->last_avail++ % q->size], __ATOMIC_RELAXED);
	if (*head >= q->size) {
		q->broken = true;
		return false;
	}
	if (q->inflight) {
		q->inflight->desc[*head].counter = q->counter++;
		__atomic_store_n(&q->inflight->desc[*head].inflight, 1, __ATOMIC_SEQ_CST);
	}
	return true;
}

/* Asks for a kick when something new comes; true: something is there already. */
static bool want_kick(struct vhost_queue *q, bool on)
{
	if (q->event_idx) {
		if (on)
			__atomic_store_n(avail_event(q), q->last_avail, __ATOMIC_RELAXED);
	} else {
		__atomic_store_n(&q->used->flags, on ? 0 : VRING_NO_NOTIFY, __ATOMIC_RELAXED);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return on && __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE) != q->last_avail;
}

static void give_back(struct vhost_queue *q, uint16_t head, uint32_t written)
{
	struct vring_used_elem *u = &q->used->ring[q->used_idx % q->size];

	u->id = head;
	u->len = written;
	if (q->inflight)
		__atomic_store_n(&q->inflight->last_batch_head, head, __ATOMIC_SEQ_CST);
	__atomic_store_n(&q->used->idx, ++q->used_idx, __ATOMIC_SEQ_CST);
	if (q->inflight) {
		__atomic_store_n(&q->inflight->desc[head].inflight, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&q->inflight->used_idx, q->used_idx, __ATOMIC_SEQ_CST);
	}
}

static void signal_front(struct vhost_queue *q)
{
	uint64_t one = 1;
	bool needed;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx) {
		uint16_t event = __atomic_load_n(&q->avail->ring[q->size], __ATOMIC_RELAXED), now = q->used_idx, old = q->signalled;
		/* virtio 1.2, 2.7.10: has the index passed the event? */
		needed = !q->signalled_valid || (uint16_t)(now - event - 1) < (uint16_t)(now - old);
		q->signalled = now;
		q->signalled_valid = true;
	} else {
		needed = !(__atomic_load_n(&q->avail->flags, __ATOMIC_RELAXED) & VRING_NO_INTERRUPT);
	}
	if (needed && q->call >= 0 && write(q->call, &one, sizeof one) < 0)
		q->broken |= errno != EAGAIN;
}

/* ---- workers ---- */

static void *worker(void *opaque);

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

static void call_another(struct vhost_queue *q)
{
	pthread_attr_t attr;

	if (q->idle) {
		pthread_cond_signal(&q->work);
	} else if (q->workers < VHOST_WORKERS && !q->stopping) {
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 256 << 10);
		if (pthread_create(&q->worker[q->workers], &attr, worker, q) == 0)
			q->workers++;
		pthread_attr_destroy(&attr);
	}
}

/* Without the lock: until the front end kicks or the queue is stopped. */
static void wait_for_kick(struct vhost_queue *q)
{
	struct pollfd fds[2] = {{.fd = q->kick, .events = POLLIN}, {.fd = q->stop, .events = POLLIN}};
	uint64_t n;

	if (poll(fds, 2, -1) > 0 && fds[0].revents & POLLIN)
		(void)!read(q->kick, &n, sizeof n);
}

static void *worker(void *opaque)
{
	struct vhost_queue *q = opaque;
	struct chain *c = malloc(sizeof *c);

	pthread_mutex_lock(&q->lock);
	while (c && !q->stopping) {
		bool more;
		if (q->broken || !take(q, &c->head)) {
			if (q->kicked) { /* another one waits for the kick */
				q->idle++;
				pthread_cond_wait(&q->work, &q->lock);
				q->idle--;
			} else if (q->broken || !want_kick(q, true)) {
				q->kicked = true;
				pthread_mutex_unlock(&q->lock);
				wait_for_kick(q);
				pthread_mutex_lock(&q->lock);
				q->kicked = false;
				want_kick(q, false);
			}
			continue;
		}
		more = __atomic_load_n(&q->avail->idx, __ATOMIC_RELAXED) != q->last_avail;
		if (q->cost_us > SLOW_US && more)
			call_another(q);
		pthread_mutex_unlock(&q->lock);
		c->outs = c->ins = c->written = 0;
		bool sample = __atomic_fetch_add(&q->sampled, 1, __ATOMIC_RELAXED) % 8 == 0; /* the clock is dear */
		uint64_t begun = sample ? now_us() : 0;
		if (walk(q, c, q->desc, q->size, c->head, false))
			carry_out(q, c);
		uint64_t took = sample ? now_us() - begun : 0;
		pthread_mutex_lock(&q->lock);
		if (sample)
			q->cost_us = (unsigned)((q->cost_us * 7 + (took > 100000 ? 100000 : took)) / 8);
		give_back(q, c->head, c->written);
		signal_front(q);
	}
	pthread_cond_broadcast(&q->work);
	pthread_mutex_unlock(&q->lock);
	free(c);
	return NULL;
}

/* ---- start and stop ---- */

static int by_counter(const void *a, const void *b, void *state)
{
	const struct vhu_queue_state *s = state;
	uint64_t x = s->desc[*(const uint16_t *)a].counter, y = s->desc[*(const uint16_t *)b].counter;

	return x < y ? -1 : x > y;
}

/* What was under way when another server was killed. */
static int find_unfinished(struct vhost_queue *q)
{
	struct vhu_queue_state *s = q->inflight;

	free(q->resubmit);
	q->resubmit = NULL;
	q->resubmits = 0;
	if (!s)
		return 0;
	if (s->version == 0) { /* a new one */
		s->version = 1;
		s->desc_num = (uint16_t)q->size;
		s->used_idx = q->used->idx;
		return 0;
	}
	if (s->desc_num < q->size)
		return -EINVAL;
	if (s->used_idx != q->used->idx) { /* it was in the ring, and still marked */
		if (s->last_batch_head < q->size)
			s->desc[s->last_batch_head].inflight = 0;
		s->used_idx = q->used->idx;
	}
	q->resubmit = calloc(q->size, sizeof *q->resubmit);
	if (!q->resubmit)
		return -ENOMEM;
	for (uint16_t i = 0; i < q->size; i++) {
		if (!s->desc[i].inflight)
			continue;
		q->resubmit[q->resubmits++] = i;
		if (s->desc[i].counter >= q->counter)
			q->counter = s->desc[i].counter + 1;
	}
	qsort_r(q->resubmit, q->resubmits, sizeof *q->resubmit, by_counter, s);
	q->last_avail = (uint16_t)(q->used->idx + q->resubmits);
	return 0;
}

int vhost_queue_start(struct vhost_queue *q, struct err *e)
{
	pthread_attr_t attr;
	int r;

	if (q->running || !q->enabled || q->kick < 0 || !q->size || !q->addr.desc)
		return 0;
	q->desc = at_user(q->memory, q->addr.desc, (uint64_t)q->size * sizeof *q->desc);
	q->avail = at_user(q->memory, q->addr.avail, 6 + (uint64_t)q->size * 2);
	q->used = at_user(q->memory, q->addr.used, 6 + (uint64_t)q->size * sizeof(struct vring_used_elem));
	if (!q->desc || !q->avail || !q->used || q->addr.desc % 16 || q->addr.avail % 2 || q->addr.used % 4)
		return err_set(e, EFAULT, "a queue's rings lie outside the memory that was shared");
	q->used_idx = q->used->idx;
	q->signalled_valid = q->stopping = q->broken = q->kicked = false;
	r = find_unfinished(q);
	if (r < 0)
		return err_errno(e, -r, "the record of requests in flight does not fit the queue");
	q->stop = eventfd(0, EFD_CLOEXEC);
	if (q->stop < 0)
		return err_errno(e, errno, "eventfd");
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->work, NULL);
	want_kick(q, false);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	q->idle = 0;
	r = pthread_create(&q->worker[0], &attr, worker, q);
	pthread_attr_destroy(&attr);
	if (r) {
		close(q->stop);
		return err_errno(e, r, "cannot start a queue");
	}
	q->workers = 1;
	q->running = true;
	return 0;
}

void vhost_queue_stop(struct vhost_queue *q)
{
	uint64_t one = 1;

	if (!q->running)
		return;
	pthread_mutex_lock(&q->lock);
	q->stopping = true;
	pthread_cond_broadcast(&q->work);
	(void)!write(q->stop, &one, sizeof one);
	pthread_mutex_unlock(&q->lock);
	/* No worker starts another one any more. */
	for (unsigned i = 0; i < q->workers; i++)
		pthread_join(q->worker[i], NULL);
	close(q->stop);
	pthread_cond_destroy(&q->work);
	pthread_mutex_destroy(&q->lock);
	free(q->resubmit);
	q->resubmit = NULL;
	q->resubmits = 0;
	q->workers = 0;
	q->running = false;
}
