/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. One piece of shared memory, a memfd that cannot shrink, holds a split virtqueue (virtio 1.2, 2.7) and a slot for each request in
 * flight: header, status byte, data. A request's data is copied into its slot before it is offered and out of it after it is used; one that is larger
 * than a slot goes in pieces, one after the other. A thread waits for the server's call, for its notice of a changed configuration and for its end.
 *
 * A server that has gone loses nothing: what is in flight is known here, not only in memory that it could write. The rings are made anew for the next
 * connection and every request in flight is offered again, in its old order; requests of a disk can be repeated. Of what the server writes only the
 * used ring and the status bytes are read, each value once, and what does not fit ends the connection.
 *
 * Locks: `lock` guards rings and slots. done() and resized() are called without it.
 */
#include "drive-vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/loop.h"
#include "base/sock.h"
#include "proto/vhost-user.h"

enum { SLOTS = 64, RING = 256, DATA = 256 << 10 };
#define ADDRESS 0x100000000000ull /* where the shared memory is said to lie */
#define ANSWER_MS 10000           /* a server that says nothing for so long during the negotiation has gone */

struct head { /* of a slot: what is not data */
	struct virtio_blk_request request;
	struct virtio_blk_range range;
	uint8_t status, padding[31];
};

struct shared {
	struct vring_desc desc[RING];
	_Alignas(64) uint16_t avail[4 + RING];                  /* flags, idx, ring, used_event */
	_Alignas(64) uint16_t used_head[2];                     /* flags, idx */
	struct vring_used_elem used[RING + 1];                  /* the last one's place is avail_event's */
	_Alignas(64) struct head head[SLOTS];
	_Alignas(4096) uint8_t data[SLOTS][DATA];
};

struct slot {
	struct drive_req *r;   /* NULL: free */
	uint64_t done, piece;  /* bytes of the request that are finished; that are under way */
	uint64_t order;        /* of being offered */
	bool flushing;         /* the write is done, its FUA is not */
};

struct vhost_front {
	struct vhost_target target;
	pthread_t thread;
	int sock, backend;     /* the connection; where the server gives notice; -1 */
	int memory, kick, call, wake;
	uint64_t features, protocol;
	struct virtio_blk_config config;
	struct shared *shared;
	pthread_mutex_t lock;
	struct slot slot[SLOTS];
	struct drive_req *first, **last; /* waiting for a slot */
	uint64_t orders;
	uint16_t avail_idx, used_idx;
	unsigned busy;
	bool connected, quit, refresh, dead;
};

/* ---- messages ---- */

static int hear(struct vhost_front *f, uint32_t request, void *p, uint32_t size, struct err *e)
{
	struct pollfd fd = {.fd = f->sock, .events = POLLIN};
	struct vhu_header h;
	uint8_t waste[VHU_PAYLOAD_MAX];

	if (poll(&fd, 1, ANSWER_MS) <= 0 || fd_read_all(f->sock, &h, sizeof h) < 0)
		return err_set(e, ECONNRESET, "the vhost-user server does not answer");
	if (h.request != request || !(h.flags & VHU_REPLY) || h.size > sizeof waste)
		return err_set(e, EPROTO, "the vhost-user server answers request %u when %u was asked", h.request, request);
	if (fd_read_all(f->sock, waste, h.size) < 0)
		return err_set(e, ECONNRESET, "the vhost-user server closed the connection");
	if (h.size < size)
		return err_set(e, EPROTO, "the vhost-user server's answer to request %u has %u bytes, not %u", request, h.size, size);
	memcpy(p, waste, size);
	return 0;
}

/* With `answer` bytes expected they replace what was sent; else the server acknowledges where it can. */
static int say(struct vhost_front *f, uint32_t request, void *p, uint32_t size, int fd, uint32_t answer, struct err *e)
{
	struct {
		struct vhu_header h;
		uint8_t p[VHU_PAYLOAD_MAX];
	} m = {.h = {request, VHU_VERSION, size}};
	bool ack = !answer && f->protocol & VHU_P_REPLY_ACK;
	uint64_t refused = 0;
	int r;

	m.h.flags |= ack ? VHU_NEED_REPLY : 0;
	memcpy(m.p, p, size);
	if (sock_send_fds(f->sock, &m, sizeof m.h + size, &fd, fd >= 0) < 0)
		return err_set(e, ECONNRESET, "the vhost-user server closed the connection");
	r = answer ? hear(f, request, p, answer, e) : ack ? hear(f, request, &refused, sizeof refused, e) : 0;
	return r == 0 && refused ? err_set(e, EPROTO, "the vhost-user server refuses request %u", request) : r;
}

static int ask_config(struct vhost_front *f, struct err *e)
{
	struct vhu_config c = {.size = sizeof f->config};
	int r = say(f, VHU_GET_CONFIG, &c, 12 + sizeof f->config, -1, 12 + sizeof f->config, e);

	if (r == 0)
		memcpy(&f->config, c.data, sizeof f->config);
	if (r == 0 && f->config.capacity > INT64_MAX / 512)
		return err_set(e, EPROTO, "the vhost-user server's disk has an impossible size");
	return r;
}

static uint64_t address(const struct vhost_front *f, const void *p)
{
	return ADDRESS + (uint64_t)((const uint8_t *)p - (const uint8_t *)f->shared);
}

static int negotiate(struct vhost_front *f, struct err *e)
{
	const uint64_t need = VIRTIO_F_VERSION_1 | VIRTIO_F_PROTOCOL_FEATURES;
	uint64_t offered = 0, number = 0;
	struct vhu_state state = {0, RING};
	struct vhu_memory memory = {.count = 1, .region = {{ADDRESS, sizeof *f->shared, ADDRESS, 0}}};
	struct vhu_addr rings = {.desc = address(f, f->shared->desc), .avail = address(f, f->shared->avail), .used = address(f, f->shared->used_head)};
	int pair[2], r;

	f->protocol = 0;
	r = say(f, VHU_GET_FEATURES, &offered, 0, -1, 8, e);
	if (r == 0 && (offered & need) != need)
		return err_set(e, EPROTO, "the vhost-user server does not offer VIRTIO_F_VERSION_1 and protocol features");
	f->features = offered & (need | BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES | BLK_F_RO | BLK_F_BLK_SIZE);
	if (r == 0)
		r = say(f, VHU_GET_PROTOCOL_FEATURES, &offered, 0, -1, 8, e);
	offered &= VHU_P_REPLY_ACK | VHU_P_CONFIG | VHU_P_BACKEND_REQ;
	if (r == 0 && !(offered & VHU_P_CONFIG))
		return err_set(e, EPROTO, "the vhost-user server does not tell its disk's configuration (VHOST_USER_PROTOCOL_F_CONFIG)");
	if (r == 0)
		r = say(f, VHU_SET_PROTOCOL_FEATURES, &offered, 8, -1, 0, e);
	f->protocol = offered;
	if (r == 0)
		r = say(f, VHU_SET_OWNER, &number, 0, -1, 0, e);
	if (r == 0)
		r = say(f, VHU_SET_FEATURES, &f->features, 8, -1, 0, e);
	if (r == 0)
		r = ask_config(f, e);
	if (r == 0 && offered & VHU_P_BACKEND_REQ && (r = sock_pair(SOCK_STREAM, pair, e)) == 0) {
		f->backend = pair[0];
		r = say(f, VHU_SET_BACKEND_REQ_FD, &number, 0, pair[1], 0, e);
		close(pair[1]);
	}
	if (r == 0)
		r = say(f, VHU_SET_MEM_TABLE, &memory, 8 + sizeof *memory.region, f->memory, 0, e);
	if (r == 0)
		r = say(f, VHU_SET_VRING_NUM, &state, sizeof state, -1, 0, e);
	state.number = 0;
	if (r == 0)
		r = say(f, VHU_SET_VRING_BASE, &state, sizeof state, -1, 0, e);
	if (r == 0)
		r = say(f, VHU_SET_VRING_ADDR, &rings, sizeof rings, -1, 0, e);
	if (r == 0)
		r = say(f, VHU_SET_VRING_CALL, &number, 8, f->call, 0, e);
	if (r == 0)
		r = say(f, VHU_SET_VRING_KICK, &number, 8, f->kick, 0, e);
	state.number = 1;
	return r ? r : say(f, VHU_SET_VRING_ENABLE, &state, sizeof state, -1, 0, e);
}

static void hang_up(struct vhost_front *f)
{
	if (f->sock >= 0)
		close(f->sock);
	if (f->backend >= 0)
		close(f->backend);
	f->sock = f->backend = -1;
}

static int connect_once(struct vhost_front *f, struct err *e)
{
	int r = f->target.dial(f->target.opaque, e);

	if (r < 0)
		return r;
	f->sock = r;
	/* No server has the rings now. */
	memset(f->shared, 0, offsetof(struct shared, head));
	f->avail_idx = f->used_idx = 0;
	r = negotiate(f, e);
	if (r < 0)
		hang_up(f);
	return r;
}

/* ---- requests; the lock is held ---- */

static void copy(const struct drive_req *r, uint64_t at, uint8_t *data, uint64_t n, bool out)
{
	for (unsigned i = 0; i < r->iovs && n; i++) {
		uint64_t k = r->iov[i].iov_len;
		if (at >= k) {
			at -= k;
			continue;
		}
		k = k - at < n ? k - at : n;
		if (out)
			memcpy(data, (uint8_t *)r->iov[i].iov_base + at, k);
		else
			memcpy((uint8_t *)r->iov[i].iov_base + at, data, k);
		data += k;
		n -= k;
		at = 0;
	}
}

/* The next piece of the slot's request goes into the ring. */
static void offer(struct vhost_front *f, unsigned n)
{
	struct slot *s = &f->slot[n];
	const struct drive_req *r = s->r;
	struct head *h = &f->shared->head[n];
	struct vring_desc *d = &f->shared->desc[n * 3];
	uint64_t left = r->size - s->done, most = DATA, at = r->offset + s->done;
	bool data = (r->op == DRIVE_READ || r->op == DRIVE_WRITE) && !s->flushing, range = (r->op == DRIVE_DISCARD || r->op == DRIVE_ZERO) && !s->flushing;

	if (range)
		most = 512 * (uint64_t)(r->op == DRIVE_ZERO ? f->config.max_write_zeroes_sectors : f->config.max_discard_sectors);
	s->piece = data || range ? (left < most ? left : most) : 0;
	s->order = ++f->orders;
	h->request = (struct virtio_blk_request){.type = s->flushing || r->op == DRIVE_FLUSH ? BLK_T_FLUSH : r->op == DRIVE_READ ? BLK_T_IN : r->op == DRIVE_WRITE
							 ? BLK_T_OUT : r->op == DRIVE_ZERO ? BLK_T_WRITE_ZEROES : BLK_T_DISCARD,
						 .sector = data ? at / 512 : 0};
	h->range = (struct virtio_blk_range){.sector = at / 512, .count = (uint32_t)(s->piece / 512), .flags = r->op == DRIVE_ZERO && r->unmap};
	h->status = 0xff;
	d[0] = (struct vring_desc){address(f, &h->request), sizeof h->request, VRING_NEXT, (uint16_t)(n * 3 + (data || range ? 1 : 2))};
	if (range)
		d[1] = (struct vring_desc){address(f, &h->range), sizeof h->range, VRING_NEXT, (uint16_t)(n * 3 + 2)};
	else
		d[1] = (struct vring_desc){address(f, f->shared->data[n]), (uint32_t)s->piece, (uint16_t)(VRING_NEXT | (r->op == DRIVE_READ ? VRING_WRITE : 0)),
					   (uint16_t)(n * 3 + 2)};
	d[2] = (struct vring_desc){address(f, &h->status), 1, VRING_WRITE, 0};
	if (data && r->op == DRIVE_WRITE)
		copy(r, s->done, f->shared->data[n], s->piece, true);
	f->shared->avail[2 + f->avail_idx % RING] = (uint16_t)(n * 3);
	__atomic_store_n(&f->shared->avail[1], ++f->avail_idx, __ATOMIC_SEQ_CST);
}

static void kick(struct vhost_front *f)
{
	uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (f->connected && !(__atomic_load_n(&f->shared->used_head[0], __ATOMIC_RELAXED) & VRING_NO_NOTIFY))
		(void)!write(f->kick, &one, sizeof one);
}

/* What cannot be sent at all. 0: it can. */
static int refuse(const struct vhost_front *f, const struct drive_req *r)
{
	if (f->dead)
		return -EIO;
	if (r->op == DRIVE_FLUSH)
		return 0;
	if (r->offset % 512 || r->size % 512)
		return -EINVAL;
	if (r->op != DRIVE_READ && f->features & BLK_F_RO)
		return -EROFS;
	if (r->op == DRIVE_DISCARD && (!(f->features & BLK_F_DISCARD) || !f->config.max_discard_sectors))
		return -ENOTSUP;
	if (r->op == DRIVE_ZERO && (!(f->features & BLK_F_WRITE_ZEROES) || !f->config.max_write_zeroes_sectors))
		return -ENOTSUP;
	return 0;
}

/* A free slot takes the next request that waits. */
static void fill(struct vhost_front *f)
{
	for (unsigned n = 0; n < SLOTS && f->first && f->busy < SLOTS && f->connected; n++) {
		if (f->slot[n].r)
			continue;
		f->slot[n] = (struct slot){.r = f->first};
		f->first = f->first->next;
		f->busy++;
		offer(f, n);
	}
	kick(f);
}

void vhost_front_submit(struct vhost_front *f, struct drive_req *r)
{
	int error;

	pthread_mutex_lock(&f->lock);
	error = refuse(f, r);
	if (!error && (r->size || r->op == DRIVE_FLUSH)) {
		bool flush_is_free = r->op == DRIVE_FLUSH && !(f->features & BLK_F_FLUSH);
		if (!flush_is_free) {
			r->next = NULL;
			if (!f->first)
				f->last = &f->first;
			*f->last = r;
			f->last = &r->next;
			fill(f);
			pthread_mutex_unlock(&f->lock);
			return;
		}
	}
	pthread_mutex_unlock(&f->lock);
	f->target.done(f->target.opaque, r, error);
}

/* ---- the thread ---- */

/* One used element. Returns the request that is over, or NULL; *bad: the server has lost the thread. */
static struct drive_req *take(struct vhost_front *f, int *error, bool *bad)
{
	uint32_t id = __atomic_load_n(&f->shared->used[f->used_idx % RING].id, __ATOMIC_RELAXED);
	struct slot *s = &f->slot[id / 3 % SLOTS];
	struct drive_req *r = s->r;
	uint8_t status;

	*bad = id % 3 || id / 3 >= SLOTS || !r;
	if (*bad)
		return NULL;
	f->used_idx++;
	status = __atomic_load_n(&f->shared->head[id / 3].status, __ATOMIC_RELAXED);
	*error = status == BLK_S_OK ? 0 : status == BLK_S_UNSUPP ? -ENOTSUP : -EIO;
	if (!*error && r->op == DRIVE_READ)
		copy(r, s->done, f->shared->data[id / 3], s->piece, false);
	s->done += s->piece;
	if (!*error && !s->flushing && s->done < r->size) {
		offer(f, id / 3);
		return NULL;
	}
	if (!*error && !s->flushing && r->fua && r->op != DRIVE_READ && f->features & BLK_F_FLUSH) {
		s->flushing = true;
		offer(f, id / 3);
		return NULL;
	}
	s->r = NULL;
	f->busy--;
	return r;
}

/* Everything that is in the used ring. false: the server has to go. */
static bool collect(struct vhost_front *f)
{
	bool bad = false, again = true;

	while (again && !bad) {
		struct drive_req *r = NULL;
		uint16_t idx;
		int error = 0;
		pthread_mutex_lock(&f->lock);
		idx = __atomic_load_n(&f->shared->used_head[1], __ATOMIC_ACQUIRE);
		again = idx != f->used_idx;
		if (again && (uint16_t)(idx - f->used_idx) > SLOTS)
			bad = true;
		else if (again)
			r = take(f, &error, &bad);
		fill(f);
		pthread_mutex_unlock(&f->lock);
		if (r)
			f->target.done(f->target.opaque, r, error);
	}
	return !bad;
}

/* All that is in flight or waits ends with this. */
static void fail_all(struct vhost_front *f, int error)
{
	for (;;) {
		struct drive_req *r = NULL;
		pthread_mutex_lock(&f->lock);
		f->dead = true;
		for (unsigned n = 0; n < SLOTS && !r; n++) {
			r = f->slot[n].r;
			f->slot[n].r = NULL;
		}
		if (!r && f->first) {
			r = f->first;
			f->first = r->next;
		}
		pthread_mutex_unlock(&f->lock);
		if (!r)
			return;
		f->target.done(f->target.opaque, r, error);
	}
}

/* The connection has gone: another one, in which everything that is in flight is offered again. false: nobody came. */
static bool reconnect(struct vhost_front *f)
{
	uint64_t until = loop_now() / 1000000 + f->target.reconnect_ms;
	uint64_t before = f->config.capacity, limit;

	pthread_mutex_lock(&f->lock);
	f->connected = false;
	pthread_mutex_unlock(&f->lock);
	hang_up(f);
	for (;;) {
		struct err e = ERR_INIT;
		struct pollfd wake = {.fd = f->wake, .events = POLLIN};
		if (__atomic_load_n(&f->quit, __ATOMIC_ACQUIRE))
			return false;
		int r = connect_once(f, &e);
		if (r == 0)
			break;
		if (r == -ECANCELED || loop_now() / 1000000 >= until)
			return false;
		poll(&wake, 1, 20);
	}
	pthread_mutex_lock(&f->lock);
	for (limit = f->orders;;) { /* in the order in which they were offered before */
		unsigned best = SLOTS;
		for (unsigned n = 0; n < SLOTS; n++)
			if (f->slot[n].r && f->slot[n].order <= limit && (best == SLOTS || f->slot[n].order < f->slot[best].order))
				best = n;
		if (best == SLOTS)
			break;
		offer(f, best); /* whose order lies above the limit from here on */
	}
	f->connected = true;
	fill(f);
	pthread_mutex_unlock(&f->lock);
	if (before != f->config.capacity)
		f->target.resized(f->target.opaque, f->config.capacity * 512);
	return true;
}

/* The server's notice, or what was asked for here. */
static bool look_again(struct vhost_front *f)
{
	struct err e = ERR_INIT;

	if (ask_config(f, &e) < 0)
		return false;
	f->target.resized(f->target.opaque, f->config.capacity * 512);
	return true;
}

static bool notice(struct vhost_front *f)
{
	struct vhu_header h;
	uint8_t waste[VHU_PAYLOAD_MAX];

	if (fd_read_all(f->backend, &h, sizeof h) < 0 || h.size > sizeof waste || fd_read_all(f->backend, waste, h.size) < 0)
		return false;
	if (h.flags & VHU_NEED_REPLY) {
		uint64_t done = h.request == VHU_BACKEND_CONFIG_CHANGE ? 0 : 1;
		struct { struct vhu_header h; uint64_t v; } m = {{h.request, VHU_VERSION | VHU_REPLY, 8}, done};
		if (send(f->backend, &m, 20, MSG_NOSIGNAL | MSG_DONTWAIT) != 20)
			return false;
	}
	return h.request != VHU_BACKEND_CONFIG_CHANGE || look_again(f);
}

static void *run(void *opaque)
{
	struct vhost_front *f = opaque;

	pthread_setname_np(pthread_self(), "disk");
	while (!__atomic_load_n(&f->quit, __ATOMIC_ACQUIRE)) {
		struct pollfd fds[] = {{.fd = f->call, .events = POLLIN}, {.fd = f->wake, .events = POLLIN}, {.fd = f->sock, .events = POLLIN},
				       {.fd = f->backend, .events = POLLIN}};
		uint64_t n;
		bool good = true;
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents & POLLIN)
			(void)!read(f->call, &n, sizeof n);
		if (fds[1].revents & POLLIN)
			(void)!read(f->wake, &n, sizeof n);
		good = collect(f);
		if (good && fds[3].revents)
			good = notice(f);
		if (good && __atomic_exchange_n(&f->refresh, false, __ATOMIC_ACQ_REL))
			good = look_again(f);
		/* The server says nothing that it was not asked for: this is its end. */
		if (fds[2].revents || !good)
			if (!reconnect(f))
				break;
	}
	fail_all(f, __atomic_load_n(&f->quit, __ATOMIC_ACQUIRE) ? -ECANCELED : -EIO);
	return NULL;
}

/* ---- life ---- */

static void wake(struct vhost_front *f)
{
	uint64_t one = 1;

	(void)!write(f->wake, &one, sizeof one);
}

void vhost_front_refresh(struct vhost_front *f)
{
	__atomic_store_n(&f->refresh, true, __ATOMIC_RELEASE);
	wake(f);
}

static void release(struct vhost_front *f)
{
	hang_up(f);
	if (f->shared)
		munmap(f->shared, sizeof *f->shared);
	if (f->memory >= 0)
		close(f->memory);
	if (f->kick >= 0)
		close(f->kick);
	if (f->call >= 0)
		close(f->call);
	if (f->wake >= 0)
		close(f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

int vhost_front_open(const struct vhost_target *t, struct vhost_front **out, struct vhost_info *info, struct err *e)
{
	struct vhost_front *f = calloc(1, sizeof *f);
	int r;

	if (!f)
		return err_set(e, ENOMEM, "out of memory");
	f->target = *t;
	f->sock = f->backend = -1;
	pthread_mutex_init(&f->lock, NULL);
	f->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->memory = memfd_create("vhost", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* The server has the descriptor too: it must not be able to take the memory away. */
	if (f->memory < 0 || f->kick < 0 || f->call < 0 || f->wake < 0 || ftruncate(f->memory, sizeof *f->shared) < 0 ||
	    fcntl(f->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		r = err_errno(e, errno, "cannot make memory to share with a disk's server");
		release(f);
		return r;
	}
	f->shared = mmap(NULL, sizeof *f->shared, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory, 0);
	if (f->shared == MAP_FAILED) {
		f->shared = NULL;
		r = err_errno(e, errno, "cannot map memory to share with a disk's server");
	} else {
		r = connect_once(f, e);
	}
	if (r == 0) {
		f->connected = true;
		r = pthread_create(&f->thread, NULL, run, f);
		if (r)
			r = err_errno(e, r, "cannot start a disk's thread");
	}
	if (r < 0) {
		release(f);
		return r;
	}
	*info = (struct vhost_info){.size = f->config.capacity * 512, .readonly = f->features & BLK_F_RO, .discard = f->features & BLK_F_DISCARD,
				    .zeroes = f->features & BLK_F_WRITE_ZEROES};
	*out = f;
	return 0;
}

void vhost_front_close(struct vhost_front *f)
{
	if (!f)
		return;
	__atomic_store_n(&f->quit, true, __ATOMIC_RELEASE);
	wake(f);
	pthread_join(f->thread, NULL);
	release(f);
}
