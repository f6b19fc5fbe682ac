/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vhost-user-blk front end: the input is a list of messages with their descriptors, and of what is done to the shared memory between them – descriptor
 * chains, ring indices, the record of requests in flight, kicks, a shorter file. The server's own threads work on it; the connection ends with the input.
 * Half of the inputs begin with a negotiation that leaves one queue running.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../../cmd/emu-nbd/daemon.h"
#include "../../cmd/emu-nbd/vhost.h"
#include "base/sock.h"
#include "block/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 18, GUEST = 0x10000, SIZE = 16 };
static struct daemon d;
static struct settings set = SETTINGS_INIT;
static char path[64];

struct input { const uint8_t *p, *end; };
static uint8_t u8(struct input *i) { return i->p < i->end ? *i->p++ : 0; }
static uint32_t u32(struct input *i) { uint32_t v = u8(i); v |= (uint32_t)u8(i) << 8; v |= (uint32_t)u8(i) << 16; return v | (uint32_t)u8(i) << 24; }

static void tidy(void)
{
	unlink(path);
}

static void start(void)
{
	struct err e = ERR_INIT;
	json_t *o = json_pack("{s:s, s:i, s:b}", "driver", "null-co", "size", 1 << 20, "read-zeroes", 1);
	struct blk *b;

	snprintf(path, sizeof path, "/tmp/fuzz-vhost.%d", (int)getpid());
	atexit(tidy);
	signal(SIGPIPE, SIG_IGN);
	pthread_mutex_init(&d.lock, NULL);
	set.vhost = path;
	set.vhost_queues = 2;
	d.set = &set;
	d.graph = blk_graph_new(NULL);
	d.loop = loop_new(&e);
	if (!d.graph || !d.loop || blk_open(d.graph, NULL, NULL, o, BLK_RDWR, &b, &e) < 0 || !(d.disks = disk_new("d", b, &e)) || vhost_start(&d, &e) < 0)
		abort();
	json_decref(o);
}

struct front {
	int sock, memory, kick, call, inflight;
	uint8_t *mem;
};

static bool say(struct front *f, uint32_t request, uint32_t flags, const void *p, uint32_t size, int fd)
{
	struct {
		struct vhu_header h;
		uint8_t p[VHU_PAYLOAD_MAX];
	} m = {.h = {request, flags, size}};

	if (size)
		memcpy(m.p, p, size);
	return sock_send_fds(f->sock, &m, sizeof m.h + (size < sizeof m.p ? size : sizeof m.p), &fd, fd >= 0) == 0;
}

static void good_start(struct front *f)
{
	uint64_t v = VIRTIO_F_VERSION_1 | VIRTIO_F_PROTOCOL_FEATURES | VIRTIO_F_INDIRECT, zero = 0;
	struct vhu_memory t = {.count = 1, .region = {{GUEST, MEMORY, GUEST, 0}}};
	struct vhu_state s = {0, SIZE};
	struct vhu_addr a = {.desc = GUEST, .avail = GUEST + 1024, .used = GUEST + 2048};

	say(f, VHU_SET_FEATURES, VHU_VERSION, &v, 8, -1);
	say(f, VHU_SET_MEM_TABLE, VHU_VERSION, &t, 40, f->memory);
	say(f, VHU_SET_VRING_NUM, VHU_VERSION, &s, 8, -1);
	s.number = 0;
	say(f, VHU_SET_VRING_BASE, VHU_VERSION, &s, 8, -1);
	say(f, VHU_SET_VRING_ADDR, VHU_VERSION, &a, sizeof a, -1);
	say(f, VHU_SET_VRING_CALL, VHU_VERSION, &zero, 8, f->call);
	say(f, VHU_SET_VRING_KICK, VHU_VERSION, &zero, 8, f->kick);
	s.number = 1;
	say(f, VHU_SET_VRING_ENABLE, VHU_VERSION, &s, 8, -1);
}

/* A chain in the descriptor table, as the input has it, and its place in the ring. */
static void chain(struct front *f, struct input *in)
{
	struct vring_desc *desc = (void *)f->mem;
	uint16_t *avail = (void *)(f->mem + 1024);
	unsigned n = u8(in) % 6, at = u8(in) % SIZE;

	for (unsigned i = 0; i < n; i++) {
		uint8_t kind = u8(in);
		desc[(at + i) % SIZE] = (struct vring_desc){GUEST + (kind & 0x40 ? u32(in) : 8192 + u8(in) * 512u), kind & 0x20 ? u32(in) : i ? u8(in) * 64u : 16,
							     (uint16_t)(kind & 7), (uint16_t)(kind & 0x80 ? u8(in) : (at + i + 1) % SIZE)};
	}
	f->mem[8192 + u8(in)] = u8(in); /* a byte of the first header */
	avail[2 + avail[1] % SIZE] = (uint16_t)at;
	__atomic_store_n(&avail[1], (uint16_t)(avail[1] + 1), __ATOMIC_SEQ_CST);
}

static void step(struct front *f, struct input *in)
{
	uint8_t payload[VHU_PAYLOAD_MAX], kind = u8(in), flags;
	uint64_t one = 1;
	uint32_t n;

	switch (kind % 8) {
	case 0:
		chain(f, in);
		(void)!write(f->kick, &one, 8);
		break;
	case 1: /* any byte of the rings */
		n = u32(in);
		f->mem[n % 4096] = (uint8_t)(n >> 16);
		break;
	case 2:
		(void)!write(f->kick, &one, 8);
		break;
	case 3:
		if (kind == 0xfb) { /* (rarely, for nothing works afterwards) */
			(void)!ftruncate(f->memory, MEMORY / 2);
			munmap(f->mem + MEMORY / 2, MEMORY / 2);
			if (mmap(f->mem + MEMORY / 2, MEMORY / 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
				abort();
		}
		break;
	default:
		flags = u8(in);
		n = u8(in);
		n = flags & 0x80 ? n * 2 : n % 48;
		for (uint32_t i = 0; i < n; i++)
			payload[i] = u8(in);
		say(f, kind / 8 + 1 + (kind % 8 - 4) * 32u % 40, (flags & 0x40 ? flags : VHU_VERSION | (flags & VHU_NEED_REPLY)), payload, n,
		    flags & 1 ? f->memory : flags & 2 ? f->kick : flags & 4 ? f->inflight : -1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct input in = {data, data + size};
	struct front f = {.sock = -1};
	char waste[4096];

	if (!d.loop)
		start();
	f.memory = memfd_create("guest", MFD_CLOEXEC);
	f.inflight = memfd_create("inflight", MFD_CLOEXEC);
	f.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f.call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f.memory < 0 || f.inflight < 0 || ftruncate(f.memory, MEMORY) < 0 || ftruncate(f.inflight, 65536) < 0)
		abort();
	f.mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, f.memory, 0);
	if (f.mem == MAP_FAILED)
		abort();
	/* The last one's connection may still be ending. */
	for (unsigned tries = 0; vhost_connected(&d); tries++) {
		if (tries > 20000)
			abort();
		usleep(tries < 50 ? 1 : 500);
	}
	f.sock = sock_connect_unix(path, SOCK_STREAM, &e);
	if (f.sock < 0)
		abort();
	loop_once(d.loop, 1000);
	if (u8(&in) & 1)
		good_start(&f);
	while (in.p < in.end)
		step(&f, &in);
	shutdown(f.sock, SHUT_WR);
	while (recv(f.sock, waste, sizeof waste, 0) > 0)
		;
	close(f.sock);
	munmap(f.mem, MEMORY);
	close(f.memory);
	close(f.inflight);
	close(f.kick);
	close(f.call);
	return 0;
}
