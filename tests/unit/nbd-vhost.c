/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost-user-blk of emu-nbd, with a front end of our own: requests of every type, several queues, chains that are wrong, and a server
 * that is killed with requests in flight. BENCH=SECONDS: random reads of 4 KiB at depth 32 instead, all over the raw image BENCH_IMAGE, and their number a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/sock.h"
#include "proto/vhost-user.h"
#include "tap.h"

static _Noreturn void bail(const char *why)
{
	printf("Bail out! %s: %s\n", why, strerror(errno));
	exit(1);
}

#define QUEUES 2
#define SIZE 128u             /* entries of a ring */
#define DEPTH (SIZE / 4)
#define GUEST 0x40000000ull   /* where the guest sees the memory */
#define MEMORY (8u << 20)
#define RING(q) ((size_t)(q) * 65536)
#define DATA (1u << 20)

static char dir[64] = "/tmp/nbd-vhost-XXXXXX", sock_path[128], image[128];
static uint8_t *mem;
static int mem_fd, sock = -1, inflight_fd = -1;
static struct vhu_inflight inflight;
static pid_t server;

struct queue {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t seen;
	int kick, call;
};
static struct queue queues[QUEUES];

static void start(const char *const *args)
{
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build", *argv[24] = {NULL};
	char program[4096], limit[32];
	unsigned n = 0;

	snprintf(program, sizeof program, "%s/bin/emu-nbd", build);
	snprintf(limit, sizeof limit, "%d", QUEUES);
	argv[n++] = program;
	argv[n++] = "--vhost-user";
	argv[n++] = sock_path;
	argv[n++] = "--vhost-queues";
	argv[n++] = limit;
	argv[n++] = "-t";
	argv[n++] = "-v";
	while (*args)
		argv[n++] = *args++;
	server = fork();
	if (server == 0) {
		execv(program, (char **)(uintptr_t)argv);
		_exit(127);
	}
	for (int i = 0; i < 500; i++) {
		struct err e = ERR_INIT;
		sock = sock_connect_unix(sock_path, SOCK_STREAM, &e);
		if (sock >= 0)
			break;
		poll(NULL, 0, 20);
	}
}

static void stop(int sig)
{
	kill(server, sig);
	waitpid(server, NULL, 0);
	if (sock >= 0)
		close(sock);
	sock = -1;
}

/* Sends a message; with answer its payload is read into *p. */
static int say(uint32_t request, void *p, uint32_t size, int fd, bool answer, int *got_fd)
{
	struct {
		struct vhu_header h;
		uint8_t p[VHU_PAYLOAD_MAX];
	} m = {.h = {request, VHU_VERSION | (answer ? 0 : VHU_NEED_REPLY), size}};
	unsigned count = 1;
	int fds[1] = {-1};
	ssize_t n;

	memcpy(m.p, p, size);
	if (sock_send_fds(sock, &m, sizeof m.h + size, &fd, fd >= 0) < 0)
		return -1;
	n = sock_recv_fds(sock, &m.h, sizeof m.h, fds, &count);
	if (n != sizeof m.h || m.h.request != request || !(m.h.flags & VHU_REPLY) || m.h.size > sizeof m.p ||
	    fd_read_all(sock, m.p, m.h.size) < 0)
		return -1;
	if (got_fd)
		*got_fd = count ? fds[0] : -1;
	else if (count)
		close(fds[0]);
	if (!answer)
		return m.p[0] || m.h.size != 8 ? -1 : 0;
	memcpy(p, m.p, m.h.size < size ? m.h.size : size);
	return 0;
}

static uint64_t ask64(uint32_t request)
{
	struct vhu_header h = {request, VHU_VERSION, 0};
	uint64_t v = 0;

	if (fd_write_all(sock, &h, sizeof h) < 0 || fd_read_all(sock, &h, sizeof h) < 0 || h.size != 8 || fd_read_all(sock, &v, 8) < 0)
		return UINT64_MAX;
	return v;
}

static bool negotiate(bool fresh)
{
	uint64_t features = ask64(VHU_GET_FEATURES), protocol;
	struct vhu_memory t = {.count = 1, .region = {{GUEST, MEMORY, (uint64_t)(uintptr_t)mem, 0}}};
	uint64_t want = VIRTIO_F_VERSION_1 | VIRTIO_F_PROTOCOL_FEATURES | VIRTIO_F_INDIRECT | BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES | BLK_F_MQ;
	bool good;

	if (features == UINT64_MAX || (features & want) != want)
		return false;
	protocol = ask64(VHU_GET_PROTOCOL_FEATURES);
	uint64_t chosen = VHU_P_MQ | VHU_P_REPLY_ACK | VHU_P_CONFIG | VHU_P_INFLIGHT;
	if ((protocol & chosen) != chosen)
		return false;
	struct vhu_header h = {VHU_SET_PROTOCOL_FEATURES, VHU_VERSION, 8};
	if (fd_write_all(sock, &h, sizeof h) < 0 || fd_write_all(sock, &chosen, 8) < 0)
		return false;
	good = say(VHU_SET_FEATURES, &want, 8, -1, false, NULL) == 0;
	good &= say(VHU_SET_OWNER, &want, 0, -1, false, NULL) == 0;
	good &= ask64(VHU_GET_QUEUE_NUM) == QUEUES;
	if (fresh) {
		inflight = (struct vhu_inflight){.queues = QUEUES, .queue_size = SIZE};
		good &= say(VHU_GET_INFLIGHT_FD, &inflight, sizeof inflight, -1, true, &inflight_fd) == 0 && inflight_fd >= 0;
	} else {
		good &= say(VHU_SET_INFLIGHT_FD, &inflight, sizeof inflight, inflight_fd, false, NULL) == 0;
	}
	good &= say(VHU_SET_MEM_TABLE, &t, 8 + 32, mem_fd, false, NULL) == 0;
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct queue *q = &queues[i];
		struct vhu_state s = {i, SIZE};
		struct vhu_addr a = {.index = i};
		uint64_t index = i;
		uint8_t *r = mem + RING(i);
		q->desc = (void *)r;
		q->avail = (void *)(r + 16384);
		q->used = (void *)(r + 32768);
		if (fresh) {
			memset(r, 0, 65536);
			q->seen = 0;
			q->kick = eventfd(0, EFD_CLOEXEC);
			q->call = eventfd(0, EFD_CLOEXEC);
		}
		a.desc = (uint64_t)(uintptr_t)q->desc;
		a.avail = (uint64_t)(uintptr_t)q->avail;
		a.used = (uint64_t)(uintptr_t)q->used;
		good &= say(VHU_SET_VRING_NUM, &s, sizeof s, -1, false, NULL) == 0;
		s.number = q->used->idx;
		good &= say(VHU_SET_VRING_BASE, &s, sizeof s, -1, false, NULL) == 0;
		good &= say(VHU_SET_VRING_ADDR, &a, sizeof a, -1, false, NULL) == 0;
		good &= say(VHU_SET_VRING_CALL, &index, 8, q->call, false, NULL) == 0;
		good &= say(VHU_SET_VRING_KICK, &index, 8, q->kick, false, NULL) == 0;
		s.number = 1;
		good &= say(VHU_SET_VRING_ENABLE, &s, sizeof s, -1, false, NULL) == 0;
	}
	return good;
}

/* ---- requests: slot n (of SIZE / 4) uses descriptors 4n..4n+2, a header and a status of its own ---- */

static uint8_t *header(unsigned q, unsigned n) { return mem + RING(q) + 49152 + n * 32; }
static uint8_t *status_of(unsigned q, unsigned n) { return header(q, n) + 31; }
static uint64_t guest(const void *p) { return GUEST + (uint64_t)((const uint8_t *)p - mem); }

static void put(unsigned qn, unsigned n, uint32_t type, uint64_t sector, void *data, uint32_t size)
{
	struct queue *q = &queues[qn];
	struct virtio_blk_request h = {.type = type, .sector = sector};
	struct vring_desc *d = &q->desc[n * 4];
	bool in = type == BLK_T_IN || type == BLK_T_GET_ID;

	memcpy(header(qn, n), &h, sizeof h);
	*status_of(qn, n) = 0xff;
	d[0] = (struct vring_desc){guest(header(qn, n)), sizeof h, VRING_NEXT, (uint16_t)(n * 4 + (size ? 1 : 2))};
	d[1] = (struct vring_desc){size ? guest(data) : 0, size, (uint16_t)(VRING_NEXT | (in ? VRING_WRITE : 0)), (uint16_t)(n * 4 + 2)};
	d[2] = (struct vring_desc){guest(status_of(qn, n)), 1, VRING_WRITE, 0};
	q->avail->ring[q->avail->idx % SIZE] = (uint16_t)(n * 4);
	__atomic_store_n(&q->avail->idx, (uint16_t)(q->avail->idx + 1), __ATOMIC_SEQ_CST);
}

static void kick(unsigned qn)
{
	uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&queues[qn].used->flags, __ATOMIC_RELAXED) & VRING_NO_NOTIFY) && write(queues[qn].kick, &one, 8) != 8)
		bail("kick");
}

/* Waits until `n` more are done; false: ten seconds were not enough. */
static bool wait_done(unsigned qn, unsigned n, int ms)
{
	struct queue *q = &queues[qn];
	uint64_t v;

	while ((uint16_t)(__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) - q->seen) < n) {
		struct pollfd f = {.fd = q->call, .events = POLLIN};
		if (poll(&f, 1, ms) <= 0)
			return false;
		if (read(q->call, &v, 8) != 8)
			return false;
	}
	q->seen = (uint16_t)(q->seen + n);
	return true;
}

static int one(unsigned qn, uint32_t type, uint64_t sector, void *data, uint32_t size)
{
	put(qn, 0, type, sector, data, size);
	kick(qn);
	return wait_done(qn, 1, 10000) ? *status_of(qn, 0) : -1;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the tests ---- */

static void requests(void)
{
	uint8_t *data = mem + DATA, *other = mem + DATA + 65536;
	struct vhu_config config = {.size = sizeof(struct virtio_blk_config)};
	struct virtio_blk_config c = {0};
	struct virtio_blk_range range = {.sector = 2048, .count = 8};

	bool told = say(VHU_GET_CONFIG, &config, 12 + sizeof c, -1, true, NULL) == 0;
	memcpy(&c, config.data, sizeof c);
	ok(told && c.capacity == (32 << 20) / 512 && c.num_queues == QUEUES && c.blk_size == 512, "the configuration has the disk's size");
	for (unsigned i = 0; i < 65536; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	ok(one(0, BLK_T_OUT, 2048, data, 65536) == BLK_S_OK, "a write");
	ok(one(1, BLK_T_IN, 2048, other, 65536) == BLK_S_OK && !memcmp(data, other, 65536), "a read by another queue");
	ok(one(0, BLK_T_FLUSH, 0, NULL, 0) == BLK_S_OK, "a flush");
	memset(other, 0, 32);
	ok(one(0, BLK_T_GET_ID, 0, other, 20) == BLK_S_OK && !strcmp((char *)other, "emu-nbd"), "an identification");
	memcpy(other, &range, sizeof range);
	ok(one(0, BLK_T_WRITE_ZEROES, 0, other, sizeof range) == BLK_S_OK, "write zeroes");
	memset(other, 1, 8192);
	ok(one(0, BLK_T_IN, 2048, other, 8192) == BLK_S_OK && !other[0] && !other[4095] && !memcmp(other + 4096, data + 4096, 4096), "which makes zeros");
	memcpy(other, &range, sizeof range);
	ok(one(0, BLK_T_DISCARD, 0, other, sizeof range) == BLK_S_OK, "a discard");
	ok(one(0, BLK_T_IN, (32 << 20) / 512 - 1, other, 1024) == BLK_S_IOERR, "beyond the end is an error");
	ok(one(0, BLK_T_IN, UINT64_MAX / 256, other, 512) == BLK_S_IOERR, "far beyond, too");
	ok(one(0, BLK_T_OUT, 0, data, 100) == BLK_S_IOERR, "half a sector is an error");
	ok(one(0, 99, 0, data, 512) == BLK_S_UNSUPP, "an unknown request is not supported");
	range.sector = UINT64_MAX;
	memcpy(other, &range, sizeof range);
	ok(one(0, BLK_T_DISCARD, 0, other, sizeof range) == BLK_S_IOERR, "a discard of nowhere is an error");
	/* Many at once, on both queues. */
	bool good = true;
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned q = 0; q < QUEUES; q++) {
			for (unsigned n = 0; n < SIZE / 4; n++)
				put(q, n, round % 2 ? BLK_T_IN : BLK_T_OUT, (q * 16 + n) * 8, data + (q * 16 + n) * 2048 % 61440, 4096);
			kick(q);
		}
		for (unsigned q = 0; q < QUEUES; q++) {
			good &= wait_done(q, SIZE / 4, 10000);
			for (unsigned n = 0; n < SIZE / 4; n++)
				good &= *status_of(q, n) == BLK_S_OK;
		}
	}
	ok(good, "two full queues, fifty times");
}

static void wrong_chains(void)
{
	struct queue *q = &queues[0];
	uint8_t *other = mem + DATA;

	put(0, 0, BLK_T_IN, 0, other, 512);
	q->desc[1].addr = GUEST + MEMORY - 100; /* reaches out of the memory */
	kick(0);
	ok(wait_done(0, 1, 10000) && *status_of(0, 0) == 0xff, "an address outside the memory is not touched");
	put(0, 0, BLK_T_IN, 0, other, 512);
	q->desc[1].next = 0; /* a loop */
	kick(0);
	ok(wait_done(0, 1, 10000), "a loop of descriptors ends");
	put(0, 0, BLK_T_IN, 0, other, 512);
	q->desc[0].next = 60000;
	kick(0);
	ok(wait_done(0, 1, 10000), "a descriptor beyond the table ends the chain");
	put(0, 0, BLK_T_IN, 0, other, 512);
	q->desc[0].flags = VRING_INDIRECT;
	q->desc[0].len = 17;
	kick(0);
	ok(wait_done(0, 1, 10000), "a crooked indirect table is refused");
	/* An indirect chain that is right. */
	put(0, 1, BLK_T_IN, 0, other, 512);
	struct vring_desc *t = (void *)(mem + DATA + 65536);
	memcpy(t, &q->desc[4], 3 * sizeof *t);
	t[0].next = 1;
	t[1].next = 2;
	q->desc[4] = (struct vring_desc){guest(t), 3 * sizeof *t, VRING_INDIRECT, 0};
	kick(0);
	ok(wait_done(0, 1, 10000) && *status_of(0, 1) == BLK_S_OK, "an indirect table is walked");
	ok(one(0, BLK_T_IN, 0, other, 512) == BLK_S_OK, "and the queue lives on");
	uint64_t bad = 77;
	ok(say(VHU_SET_VRING_KICK, &bad, 8, q->kick, false, NULL) < 0, "a queue that is not there ends the connection");
}

/* Messages that nobody would send: the connection may end, the server may not. */
static void nonsense(void)
{
	uint64_t x = 0x9e3779b97f4a7c15ull;
	struct err e = ERR_INIT;
	unsigned alive = 0;

	for (unsigned round = 0; round < 60; round++) {
		poll(NULL, 0, 5);
		sock = sock_connect_unix(sock_path, SOCK_STREAM, &e);
		if (sock < 0)
			break;
		alive++;
		for (unsigned i = 0; i < 30; i++) {
			uint32_t words[3 + 32];
			for (unsigned k = 0; k < 35; k++) {
				x ^= x << 13, x ^= x >> 7, x ^= x << 17;
				words[k] = x % 3 ? (uint32_t)(x >> 40) % 9 : (uint32_t)x;
			}
			words[0] = (uint32_t)(x >> 20) % 42;
			words[1] = i % 10 == 9 ? words[1] : VHU_VERSION | (x & 64 ? VHU_NEED_REPLY : 0);
			words[2] = i % 15 == 14 ? words[2] : (uint32_t)(x >> 8) % 129;
			int fd = x & 1 ? mem_fd : x & 2 ? queues[0].kick : -1;
			if (sock_send_fds(sock, words, 12 + (words[2] <= 128 ? words[2] : 128), &fd, fd >= 0) < 0)
				break;
		}
		close(sock);
	}
	sock = -1;
	ok(alive == 60 && waitpid(server, NULL, WNOHANG) == 0, "nonsense ends connections, never the server");
}

/* Its memory file becomes shorter while requests use it: the connection ends, not the server. */
static void cut(void)
{
	struct err e = ERR_INIT;
	uint8_t *before = mem;
	int whole = mem_fd, alive;

	for (unsigned what = 0; what < 2; what++) { /* the rings go, or only the data */
		mem_fd = memfd_create("cut", MFD_CLOEXEC);
		if (mem_fd < 0 || ftruncate(mem_fd, MEMORY) < 0 || (mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0)) == MAP_FAILED)
			bail("memory");
		for (unsigned i = 0; i < 200; i++) {
			sock = sock_connect_unix(sock_path, SOCK_STREAM, &e);
			if (sock >= 0 && negotiate(true))
				break;
			close(sock);
			poll(NULL, 0, 20);
		}
		if (what == 0) {
			kick(0);
			if (ftruncate(mem_fd, 0) < 0)
				bail("ftruncate");
			(void)!write(queues[0].kick, &(uint64_t){1}, 8);
		} else {
			put(0, 0, BLK_T_IN, 0, mem + MEMORY - 65536, 65536);
			put(0, 1, BLK_T_OUT, 0, mem + MEMORY - 65536, 65536);
			put(0, 2, BLK_T_GET_ID, 0, mem + MEMORY - 4096, 20);
			if (ftruncate(mem_fd, MEMORY - 65536) < 0)
				bail("ftruncate");
			kick(0);
		}
		poll(NULL, 0, 200);
		alive = waitpid(server, NULL, WNOHANG) == 0;
		ok(alive, "%s vanish from the shared file, and the server lives", what ? "data" : "rings");
		close(sock);
		munmap(mem, MEMORY);
		close(mem_fd);
	}
	sock = -1;
	mem = before;
	mem_fd = whole;
}

static void killed(void)
{
	static const char *const slow[] = {"--image-opts", NULL, NULL};
	const char *args[3];
	char options[256];
	uint8_t *data = mem + DATA;
	bool good = true;

	snprintf(options, sizeof options, "driver=throttle,limits.iops-total=30,file.driver=raw,file.file.driver=file,file.file.filename=%s", image);
	memcpy(args, slow, sizeof args);
	args[1] = options;
	start(args);
	ok(sock >= 0 && negotiate(true), "a slow server");
	for (unsigned n = 0; n < 16; n++) {
		memset(data + n * 4096, (int)n + 100, 4096);
		put(0, n, BLK_T_OUT, n * 8, data + n * 4096, 4096);
	}
	kick(0);
	good = wait_done(0, 4, 10000);
	stop(SIGKILL);
	unsigned done = (uint16_t)(queues[0].used->idx);
	ok(good && done < 16, "is killed with requests in flight");
	start(args);
	ok(sock >= 0 && negotiate(false), "another one is given the record of them");
	kick(0);
	ok(wait_done(0, 12, 10000) && queues[0].used->idx == 16, "every request is answered, and once");
	for (unsigned n = 0; n < 16; n++) {
		uint8_t *b = mem + (4 << 20);
		good &= *status_of(0, n) == BLK_S_OK && one(1, BLK_T_IN, n * 8, b, 4096) == BLK_S_OK && b[0] == n + 100 && b[4095] == n + 100;
	}
	ok(good, "and done");
	stop(SIGTERM);
}

static void bench(double seconds, uint64_t blocks)
{
	uint64_t begun = now(), end = begun + (uint64_t)(seconds * 1e9), count = 0, x = 88172645463325252ull;
	struct queue *q = &queues[0];

	for (unsigned n = 0; n < DEPTH; n++)
		put(0, n, BLK_T_IN, n * 8, mem + DATA + n * 4096, 4096);
	kick(0);
	while (now() < end) {
		if (!wait_done(0, 1, 10000))
			bail("no answer");
		uint16_t at = (uint16_t)(q->seen - 1);
		do {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			put(0, q->used->ring[at++ % SIZE].id / 4, BLK_T_IN, x % blocks * 8, mem + DATA + x % DEPTH * 4096, 4096);
			count++;
		} while (at != __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE));
		q->seen = at;
		kick(0);
	}
	printf("# %.0f reads a second at depth %u\n", (double)count / ((double)(now() - begun) / 1e9), DEPTH);
}

int main(void)
{
	const char *plain[] = {"-f", "raw", NULL, NULL}, *bench_image = getenv("BENCH") ? getenv("BENCH_IMAGE") : NULL;
	char path[160];
	struct stat st;
	int fd;

	if (!mkdtemp(dir))
		bail("mkdtemp");
	signal(SIGPIPE, SIG_IGN);
	snprintf(sock_path, sizeof sock_path, "%s/vhost", dir);
	snprintf(image, sizeof image, "%s/image", dir);
	fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 32 << 20) < 0)
		bail("image");
	close(fd);
	mem_fd = memfd_create("guest", MFD_CLOEXEC);
	if (mem_fd < 0 || ftruncate(mem_fd, MEMORY) < 0 || (mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0)) == MAP_FAILED)
		bail("memory");
	plain[2] = bench_image ? bench_image : image;
	if (stat(plain[2], &st) < 0 || st.st_size < 4096)
		bail(plain[2]);
	start(plain);
	ok(sock >= 0 && negotiate(true), "negotiation");
	if (getenv("BENCH")) {
		bench(atof(getenv("BENCH")), (uint64_t)st.st_size / 4096);
	} else {
		requests();
		wrong_chains();
		close(sock);
		nonsense();
		cut();
		struct err e = ERR_INIT;
		for (int i = 0; sock < 0 || !negotiate(true); i++) {
			if (i == 500)
				bail("no other front end may come");
			if (sock >= 0)
				close(sock);
			poll(NULL, 0, 20);
			sock = sock_connect_unix(sock_path, SOCK_STREAM, &e);
		}
		ok(one(0, BLK_T_IN, 0, mem + DATA, 512) == BLK_S_OK, "after which another front end may come");
	}
	stop(SIGTERM);
	if (!getenv("BENCH"))
		killed();
	unlink(image);
	snprintf(path, sizeof path, "%s/vhost", dir);
	unlink(path);
	rmdir(dir);
	return tap_done();
}
