/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket of vhost-user-blk: messages, memory, descriptors. A message that does not fit ends the connection, and nothing else. */
#include "vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sock.h"

#define PROTOCOL_FEATURES (VHU_P_MQ | VHU_P_REPLY_ACK | VHU_P_BACKEND_REQ | VHU_P_CONFIG | VHU_P_INFLIGHT | VHU_P_RESET_DEVICE | VHU_P_MEM_SLOTS)

struct vhost {
	struct daemon *daemon;
	struct disk *disk;
	int listen_fd;
	struct loop_fd *watch;
	unsigned queues;
	/* the connection */
	pthread_t thread;
	bool connected;
	int fd, backend_fd;
	pthread_mutex_t lock; /* of backend_fd */
	uint64_t features, protocol;
	struct vhost_memory memory;
	struct vhost_queue queue[VHOST_QUEUES];
	void *inflight;
	size_t inflight_size;
};

struct message {
	struct vhu_header h;
	union {
		uint64_t u64;
		struct vhu_state state;
		struct vhu_addr addr;
		struct vhu_memory memory;
		struct vhu_one_region one;
		struct vhu_config config;
		struct vhu_inflight inflight;
		uint8_t bytes[VHU_PAYLOAD_MAX];
	} p;
	int fd[SOCK_MAX_FDS];
	unsigned fds;
};

static uint64_t features_of(const struct vhost *v)
{
	uint64_t f = VIRTIO_F_VERSION_1 | VIRTIO_F_PROTOCOL_FEATURES | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | BLK_F_SEG_MAX | BLK_F_BLK_SIZE |
		     BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_MQ;

	return f | (v->queue[0].read_only ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES);
}

static void config_of(const struct vhost *v, struct virtio_blk_config *c)
{
	*c = (struct virtio_blk_config){
		.capacity = disk_size(v->disk) / 512, .seg_max = 126, .blk_size = 512, .physical_block_exp = 3, .min_io_size = 8, .opt_io_size = 0,
		.writeback = 1, .num_queues = (uint16_t)v->queues, .max_discard_sectors = 1u << 22, .max_discard_seg = 16,
		.discard_sector_alignment = 8, .max_write_zeroes_sectors = 1u << 22, .max_write_zeroes_seg = 16, .write_zeroes_may_unmap = 1,
	};
}

/* ---- memory ---- */

static void unmap(struct vhost_map *m)
{
	if (m->base) {
		vhost_guard_remove(m->base);
		munmap(m->base, m->mapped);
	}
	m->base = NULL;
}

static int map_region(struct vhost *v, const struct vhu_region *r, int fd, struct err *e)
{
	struct vhost_map *m = &v->memory.map[v->memory.count];
	struct stat st;

	if (v->memory.count == VHU_REGIONS)
		return err_set(e, ENOSPC, "more than %u memory regions", VHU_REGIONS);
	if (!r->size || r->offset % 4096 || r->size > UINT64_MAX / 4 || r->offset > UINT64_MAX / 4 || r->guest > UINT64_MAX - r->size ||
	    r->user > UINT64_MAX - r->size)
		return err_set(e, EINVAL, "a memory region with impossible numbers");
	/* A file that is shorter would end us with SIGBUS. */
	if (fd < 0 || fstat(fd, &st) < 0 || (S_ISREG(st.st_mode) && (uint64_t)st.st_size < r->offset + r->size))
		return err_set(e, EINVAL, "a memory region's descriptor is missing, or its file is shorter than the region");
	m->mapped = (size_t)r->size;
	m->base = mmap(NULL, m->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)r->offset);
	if (m->base == MAP_FAILED) {
		m->base = NULL;
		return err_errno(e, errno, "cannot map a memory region");
	}
	vhost_guard_add(m->base, m->mapped, v->fd);
	m->r = *r;
	m->start = m->base;
	v->memory.count++;
	return 0;
}

static void stop_queues(struct vhost *v)
{
	for (unsigned i = 0; i < v->queues; i++)
		vhost_queue_stop(&v->queue[i]);
}

static int start_queues(struct vhost *v, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < v->queues && !r; i++)
		if (v->memory.count)
			r = vhost_queue_start(&v->queue[i], e);
	return r;
}

static void unmap_all(struct vhost *v)
{
	while (v->memory.count)
		unmap(&v->memory.map[--v->memory.count]);
}

static int set_memory(struct vhost *v, struct message *m, struct err *e)
{
	const struct vhu_memory *t = &m->p.memory;
	int r = 0;

	if (m->h.size < 8 || t->count > VHU_REGIONS || m->h.size < 8 + t->count * sizeof *t->region || m->fds < t->count)
		return err_set(e, EINVAL, "a memory table that does not fit its message");
	stop_queues(v);
	unmap_all(v);
	for (unsigned i = 0; i < t->count && !r; i++)
		r = map_region(v, &t->region[i], m->fd[i], e);
	return r ? r : start_queues(v, e);
}

static int change_memory(struct vhost *v, struct message *m, bool add, struct err *e)
{
	const struct vhu_region *g = &m->p.one.region;
	int r = 0;

	if (m->h.size < sizeof m->p.one)
		return err_set(e, EINVAL, "a memory region that does not fit its message");
	stop_queues(v);
	if (add) {
		r = map_region(v, g, m->fds ? m->fd[0] : -1, e);
	} else {
		unsigned i = 0;
		while (i < v->memory.count && (v->memory.map[i].r.guest != g->guest || v->memory.map[i].r.size != g->size))
			i++;
		if (i == v->memory.count)
			return err_set(e, ENOENT, "a memory region that is not there is to be removed");
		unmap(&v->memory.map[i]);
		v->memory.map[i] = v->memory.map[--v->memory.count];
	}
	return r ? r : start_queues(v, e);
}

/* ---- requests in flight ---- */

static size_t queue_region(uint16_t size)
{
	return (sizeof(struct vhu_queue_state) + size * sizeof(struct vhu_desc_state) + 63) / 64 * 64;
}

static void use_inflight(struct vhost *v, unsigned queues, uint16_t size)
{
	for (unsigned i = 0; i < v->queues; i++)
		v->queue[i].inflight = i < queues ? (struct vhu_queue_state *)(void *)((char *)v->inflight + i * queue_region(size)) : NULL;
}

static void drop_inflight(struct vhost *v)
{
	if (v->inflight) {
		vhost_guard_remove(v->inflight);
		munmap(v->inflight, v->inflight_size);
	}
	v->inflight = NULL;
	for (unsigned i = 0; i < v->queues; i++)
		v->queue[i].inflight = NULL;
}

/* get: makes a file and gives it back in *fd; else takes the one that came. */
static int inflight(struct vhost *v, struct message *m, bool get, int *fd, struct err *e)
{
	struct vhu_inflight *f = &m->p.inflight;
	uint64_t size = f->queues * (uint64_t)queue_region(f->queue_size);
	struct stat st;
	int file;

	if (m->h.size < 20 || !f->queues || f->queues > v->queues || !f->queue_size || f->queue_size > VHOST_QUEUE_SIZE)
		return err_set(e, EINVAL, "a record of requests in flight for %u queues of %u", f->queues, f->queue_size);
	if (!get && (!m->fds || f->offset % 4096 || f->size < size || fstat(m->fd[0], &st) < 0 || (uint64_t)st.st_size < f->offset + size ||
		     f->offset > INT64_MAX / 2))
		return err_set(e, EINVAL, "the record of requests in flight is too short");
	stop_queues(v);
	drop_inflight(v);
	file = get ? memfd_create("vhost-inflight", MFD_CLOEXEC) : m->fd[0];
	if (file < 0 || (get && ftruncate(file, (off_t)size) < 0)) {
		int r = err_errno(e, errno, "cannot make the record of requests in flight");
		if (get && file >= 0)
			close(file);
		return r;
	}
	if (get)
		f->offset = 0;
	v->inflight_size = (size_t)size;
	v->inflight = mmap(NULL, v->inflight_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)f->offset);
	if (v->inflight == MAP_FAILED) {
		v->inflight = NULL;
		if (get)
			close(file);
		return err_errno(e, errno, "cannot map the record of requests in flight");
	}
	vhost_guard_add(v->inflight, v->inflight_size, v->fd);
	f->size = size;
	use_inflight(v, f->queues, f->queue_size);
	*fd = get ? file : -1;
	return get ? 0 : start_queues(v, e);
}

/* ---- messages ---- */

static struct vhost_queue *queue_of(struct vhost *v, uint64_t index, struct err *e)
{
	if (index < v->queues)
		return &v->queue[index];
	err_set(e, EINVAL, "queue %llu of %u", (unsigned long long)index, v->queues);
	return NULL;
}

static int set_fd(struct vhost *v, struct message *m, struct err *e)
{
	struct vhost_queue *q = queue_of(v, m->p.u64 & 0xff, e);
	int fd = m->p.u64 & VHU_NO_FD || !m->fds ? -1 : m->fd[0], *to;

	if (!q)
		return -e->code;
	if (m->h.request == VHU_SET_VRING_ERR)
		return 0; /* closed with the message */
	to = m->h.request == VHU_SET_VRING_KICK ? &q->kick : &q->call;
	if (m->h.request == VHU_SET_VRING_KICK && fd < 0)
		return err_set(e, ENOTSUP, "a queue without a kick descriptor, to be polled");
	if (q->running)
		vhost_queue_stop(q);
	if (*to >= 0)
		close(*to);
	*to = fd;
	if (fd >= 0)
		m->fd[0] = -1; /* ours */
	if (fd >= 0)
		fd_set_nonblock(fd, true);
	/* Without protocol features a queue begins with its kick ("Ring states"). */
	if (!(v->features & VIRTIO_F_PROTOCOL_FEATURES))
		q->enabled = true;
	return start_queues(v, e);
}

static void reset(struct vhost *v)
{
	stop_queues(v);
	for (unsigned i = 0; i < v->queues; i++) {
		struct vhost_queue *q = &v->queue[i];
		if (q->kick >= 0)
			close(q->kick);
		if (q->call >= 0)
			close(q->call);
		*q = (struct vhost_queue){.disk = v->disk, .memory = &v->memory, .kick = -1, .call = -1,
					  .read_only = v->daemon->set->read_only || !v->disk->root || !blk_writable(v->disk->root)};
	}
}

/* Returns 1 when m holds an answer (*fd: a descriptor for it), 0 when there is none, or an error that ends the connection. */
static int handle(struct vhost *v, struct message *m, int *fd, struct err *e)
{
	struct vhost_queue *q;
	struct virtio_blk_config c;

	switch (m->h.request) {
	case VHU_GET_FEATURES:
		m->p.u64 = features_of(v);
		m->h.size = 8;
		return 1;
	case VHU_SET_FEATURES:
		if (m->p.u64 & ~features_of(v))
			return err_set(e, EINVAL, "features 0x%llx were not offered", (unsigned long long)(m->p.u64 & ~features_of(v)));
		stop_queues(v);
		v->features = m->p.u64;
		for (unsigned i = 0; i < v->queues; i++)
			v->queue[i].event_idx = v->features & VIRTIO_F_EVENT_IDX;
		return start_queues(v, e);
	case VHU_GET_PROTOCOL_FEATURES:
		m->p.u64 = PROTOCOL_FEATURES;
		m->h.size = 8;
		return 1;
	case VHU_SET_PROTOCOL_FEATURES:
		v->protocol = m->p.u64;
		return m->p.u64 & ~(uint64_t)PROTOCOL_FEATURES ? err_set(e, EINVAL, "protocol features that were not offered") : 0;
	case VHU_GET_QUEUE_NUM:
		m->p.u64 = v->queues;
		m->h.size = 8;
		return 1;
	case VHU_GET_MAX_MEM_SLOTS:
		m->p.u64 = VHU_REGIONS;
		m->h.size = 8;
		return 1;
	case VHU_SET_OWNER:
		return 0;
	case VHU_RESET_OWNER:
	case VHU_RESET_DEVICE:
		reset(v);
		return 0;
	case VHU_SET_MEM_TABLE:
		return set_memory(v, m, e);
	case VHU_ADD_MEM_REG:
	case VHU_REM_MEM_REG:
		return change_memory(v, m, m->h.request == VHU_ADD_MEM_REG, e);
	case VHU_SET_VRING_NUM:
		q = queue_of(v, m->p.state.index, e);
		if (!q)
			return -e->code;
		if (!m->p.state.number || m->p.state.number > VHOST_QUEUE_SIZE || m->p.state.number & (m->p.state.number - 1))
			return err_set(e, EINVAL, "a queue of %u entries (a power of 2, at most %u)", m->p.state.number, VHOST_QUEUE_SIZE);
		vhost_queue_stop(q);
		q->size = m->p.state.number;
		return 0;
	case VHU_SET_VRING_ADDR:
		q = m->h.size >= sizeof m->p.addr ? queue_of(v, m->p.addr.index, e) : NULL;
		if (!q)
			return err_set(e, EINVAL, "addresses of a queue that is not there");
		vhost_queue_stop(q);
		q->addr = m->p.addr;
		return start_queues(v, e);
	case VHU_SET_VRING_BASE:
		q = queue_of(v, m->p.state.index, e);
		if (!q)
			return -e->code;
		vhost_queue_stop(q);
		q->last_avail = (uint16_t)m->p.state.number;
		return 0;
	case VHU_GET_VRING_BASE:
		q = queue_of(v, m->p.state.index, e);
		if (!q)
			return -e->code;
		vhost_queue_stop(q);
		m->p.state.number = q->last_avail;
		if (q->kick >= 0)
			close(q->kick);
		q->kick = -1; /* the ring is stopped until the next one */
		m->h.size = 8;
		return 1;
	case VHU_SET_VRING_KICK:
	case VHU_SET_VRING_CALL:
	case VHU_SET_VRING_ERR:
		return set_fd(v, m, e);
	case VHU_SET_VRING_ENABLE:
		q = queue_of(v, m->p.state.index, e);
		if (!q)
			return -e->code;
		q->enabled = m->p.state.number;
		if (!q->enabled)
			vhost_queue_stop(q);
		return start_queues(v, e);
	case VHU_SET_BACKEND_REQ_FD:
		pthread_mutex_lock(&v->lock);
		if (v->backend_fd >= 0)
			close(v->backend_fd);
		v->backend_fd = m->fds ? m->fd[0] : -1;
		if (m->fds)
			m->fd[0] = -1;
		pthread_mutex_unlock(&v->lock);
		return 0;
	case VHU_GET_CONFIG:
		config_of(v, &c);
		if (m->h.size < 12 || m->p.config.size > VHU_CONFIG_SIZE || m->p.config.offset > sizeof c || m->h.size < 12 + m->p.config.size)
			return err_set(e, EINVAL, "a part of the configuration that is not there");
		memset(m->p.config.data, 0, sizeof m->p.config.data);
		memcpy(m->p.config.data, (char *)&c + m->p.config.offset,
		       m->p.config.size < sizeof c - m->p.config.offset ? m->p.config.size : sizeof c - m->p.config.offset);
		m->h.size = 12 + m->p.config.size;
		return 1;
	case VHU_SET_CONFIG:
		return 0; /* only the write cache could be set, which is on */
	case VHU_GET_INFLIGHT_FD: {
		int r = inflight(v, m, true, fd, e);
		m->h.size = sizeof m->p.inflight;
		return r ? r : 1;
	}
	case VHU_SET_INFLIGHT_FD:
		return inflight(v, m, false, fd, e);
	default:
		return err_set(e, ENOTSUP, "request %u is not known", m->h.request);
	}
}

static int receive(struct vhost *v, struct message *m)
{
	ssize_t n;

	memset(m, 0, sizeof *m);
	m->fds = SOCK_MAX_FDS;
	do
		n = sock_recv_fds(v->fd, &m->h, sizeof m->h, m->fd, &m->fds);
	while (n == -EINTR);
	if (n <= 0) {
		m->fds = 0;
		return n == 0 ? -EPIPE : (int)n;
	}
	if ((size_t)n < sizeof m->h && fd_read_all(v->fd, (char *)&m->h + n, sizeof m->h - (size_t)n) < 0)
		return -ECONNRESET;
	if (m->h.size > sizeof m->p || (m->h.flags & VHU_VERSION_MASK) != VHU_VERSION)
		return -EPROTO;
	return m->h.size ? fd_read_all(v->fd, &m->p, m->h.size) : 0;
}

/* On the wire the payload follows the header at once. */
static int reply(struct vhost *v, const struct message *m, int fd)
{
	uint8_t wire[sizeof m->h + sizeof m->p];

	memcpy(wire, &m->h, sizeof m->h);
	memcpy(wire + sizeof m->h, &m->p, m->h.size);
	return sock_send_fds(v->fd, wire, sizeof m->h + m->h.size, &fd, fd >= 0);
}

static void *connection(void *opaque)
{
	struct vhost *v = opaque;
	struct message m;
	struct err e = ERR_INIT;
	int r;

	while ((r = receive(v, &m)) == 0) {
		int fd = -1;
		bool ack = m.h.flags & VHU_NEED_REPLY && v->protocol & VHU_P_REPLY_ACK;
		r = handle(v, &m, &fd, &e);
		m.h.flags = VHU_VERSION | VHU_REPLY;
		if (r == 0 && ack) {
			m.p.u64 = 0;
			m.h.size = 8;
			r = 1;
		}
		if (r == 1 && reply(v, &m, fd) < 0)
			r = -ECONNRESET;
		if (fd >= 0)
			close(fd);
		for (unsigned i = 0; i < m.fds; i++)
			if (m.fd[i] >= 0)
				close(m.fd[i]);
		m.fds = 0;
		if (r < 0)
			break;
	}
	for (unsigned i = 0; i < m.fds; i++)
		close(m.fd[i]);
	if (r < 0 && e.code && v->daemon->set->verbose)
		err_print("a vhost-user front end is sent away: %s", e.msg);
	reset(v);
	drop_inflight(v);
	unmap_all(v);
	pthread_mutex_lock(&v->lock);
	if (v->backend_fd >= 0)
		close(v->backend_fd);
	v->backend_fd = -1;
	close(v->fd);
	v->fd = -1;
	v->features = v->protocol = 0;
	v->connected = false;
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

/* ---- the socket ---- */

static void on_connection(void *opaque, unsigned events)
{
	struct vhost *v = opaque;
	struct err e = ERR_INIT;
	pthread_attr_t attr;
	int fd = sock_accept(v->listen_fd, &e);

	(void)events;
	if (fd < 0)
		return;
	pthread_mutex_lock(&v->lock);
	if (v->connected) { /* one at a time */
		close(fd);
	} else {
		if (v->thread)
			pthread_join(v->thread, NULL);
		v->thread = 0;
		v->fd = fd;
		v->connected = true;
		reset(v);
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 256 << 10);
		if (pthread_create(&v->thread, &attr, connection, v)) {
			v->connected = false;
			v->thread = 0;
			close(fd);
		}
		pthread_attr_destroy(&attr);
	}
	pthread_mutex_unlock(&v->lock);
}

int vhost_start(struct daemon *d, struct err *e)
{
	struct vhost *v;

	if (!d->set->vhost)
		return 0;
	v = calloc(1, sizeof *v);
	if (!v)
		return err_set(e, ENOMEM, "out of memory");
	v->daemon = d;
	v->queues = (unsigned)d->set->vhost_queues;
	v->fd = v->backend_fd = v->listen_fd = -1;
	for (v->disk = d->disks; v->disk->next; v->disk = v->disk->next)
		; /* the first that was made is the command line's */
	for (unsigned i = 0; i < VHOST_QUEUES; i++)
		v->queue[i].kick = v->queue[i].call = -1;
	pthread_mutex_init(&v->lock, NULL);
	d->vhost = v;
	vhost_guard_start();
	v->listen_fd = sock_listen_unix(d->set->vhost, SOCK_STREAM, 0700, e);
	if (v->listen_fd < 0)
		return v->listen_fd;
	v->watch = loop_add_fd(d->loop, v->listen_fd, LOOP_READ, on_connection, v, e);
	return v->watch ? 0 : -e->code;
}

bool vhost_connected(struct daemon *d)
{
	bool yes;

	pthread_mutex_lock(&d->vhost->lock);
	yes = d->vhost->connected;
	pthread_mutex_unlock(&d->vhost->lock);
	return yes;
}

void vhost_stop(struct daemon *d)
{
	struct vhost *v = d->vhost;

	if (!v)
		return;
	loop_del_fd(v->watch);
	pthread_mutex_lock(&v->lock);
	if (v->connected)
		shutdown(v->fd, SHUT_RDWR);
	pthread_mutex_unlock(&v->lock);
	if (v->thread)
		pthread_join(v->thread, NULL);
	if (v->listen_fd >= 0) {
		close(v->listen_fd);
		unlink(d->set->vhost);
	}
	pthread_mutex_destroy(&v->lock);
	free(v);
	d->vhost = NULL;
}

void vhost_changed(struct daemon *d, struct disk *k)
{
	struct vhost *v = d->vhost;
	struct vhu_header h = {.request = VHU_BACKEND_CONFIG_CHANGE, .flags = VHU_VERSION};

	if (!v || v->disk != k)
		return;
	pthread_mutex_lock(&v->lock);
	if (v->backend_fd >= 0)
		(void)!send(v->backend_fd, &h, sizeof h, MSG_DONTWAIT | MSG_NOSIGNAL);
	pthread_mutex_unlock(&v->lock);
}
