/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks over vhost-user-blk with shadow rings: requests of all kinds against emu-nbd, a server that is killed with requests in flight, another size, and
 * a server that writes nonsense into what it shares.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../cmd/emu-cpu/core.h"
#include "../../cmd/emu-cpu/drive.h"
#include "../../cmd/emu-cpu/plugs.h"
#include "../../cmd/emu-cpu/testing.h"
#include "base/sandbox.h"
#include "base/sock.h"
#include "proto/vhost-user.h"
#include "tap.h"

static struct machine *m;
static char dir[60], sock[100], ctl[100], image[100], fake[100];

static pid_t emu_nbd(const char *throttle)
{
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
	char program[4096];
	const char *argv[] = {program, "-t", "-f", "raw", "--discard", "unmap", "--vhost-user", sock, "--ctl", ctl, "--listen-fd", "0", image,
			      throttle ? "--throttle" : NULL, throttle, NULL};
	struct err e = ERR_INIT;
	pid_t pid;

	snprintf(program, sizeof program, "%s/bin/emu-nbd", build);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR), fd = sock_listen_tcp("127.0.0.1", "0", true, false, &e);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, 0);
		dup2(null, 1);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

struct one {
	struct drive_req r;
	int error;
	bool done;
};

static void done(void *opaque, int error)
{
	struct one *o = opaque;

	o->done = true;
	o->error = error;
}

static void submit(struct drive *d, struct one *o, enum drive_op op, uint64_t offset, const struct iovec *iov, unsigned iovs)
{
	o->done = false;
	o->r = (struct drive_req){.op = op, .offset = offset, .iov = iov, .iovs = iovs, .done = done, .opaque = o};
	for (unsigned i = 0; i < iovs; i++)
		o->r.size += iov[i].iov_len;
	drive_submit(d, &o->r);
}

static bool wait_for(struct one *o)
{
	for (unsigned i = 0; i < 1200 && !o->done; i++) {
		machine_unlock(m);
		loop_once(m->loop, 50);
		machine_lock(m);
	}
	return o->done;
}

static void requests(struct drive *d)
{
	static uint8_t a[4096], b[1 << 20], back[(1 << 20) + 4096];
	struct iovec out[2] = {{a, sizeof a}, {b, sizeof b}}, in = {back, sizeof back};
	struct drive_info i;
	struct one o;

	drive_info(d, &i);
	ok(i.present && i.size == 16 << 20 && !i.readonly && i.discard && i.zeroes, "the disk is what its server says");
	memset(a, 1, sizeof a);
	for (size_t k = 0; k < sizeof b; k++)
		b[k] = (uint8_t)(k / 4096 + 2);
	submit(d, &o, DRIVE_WRITE, 4096, out, 2);
	ok(!o.done && wait_for(&o) && o.error == 0, "a write in two pieces that is larger than a slot");
	submit(d, &o, DRIVE_READ, 4096, &in, 1);
	ok(wait_for(&o) && o.error == 0 && !memcmp(back, a, sizeof a) && !memcmp(back + sizeof a, b, sizeof b), "is read back in one");
	submit(d, &o, DRIVE_FLUSH, 0, NULL, 0);
	ok(wait_for(&o) && o.error == 0, "a flush");
	o.done = false;
	o.r = (struct drive_req){.op = DRIVE_WRITE, .offset = 8192, .size = 4096, .iov = out, .iovs = 1, .fua = true, .done = done, .opaque = &o};
	drive_submit(d, &o.r);
	ok(wait_for(&o) && o.error == 0, "a write with a flush behind it");
	o.done = false;
	o.r = (struct drive_req){.op = DRIVE_ZERO, .offset = 4096, .size = 4096, .unmap = true, .done = done, .opaque = &o};
	drive_submit(d, &o.r);
	ok(wait_for(&o) && o.error == 0 && drive_pread(d, 4096, back, 4096) == 0 && back[0] == 0 && back[4095] == 0, "zeroes");
	o.done = false;
	o.r = (struct drive_req){.op = DRIVE_DISCARD, .offset = 1 << 20, .size = 1 << 20, .done = done, .opaque = &o};
	drive_submit(d, &o.r);
	ok(wait_for(&o) && o.error == 0, "a discard");
	submit(d, &o, DRIVE_READ, (16 << 20) - 4096, &in, 1);
	ok(wait_for(&o) && o.error == -EIO, "beyond the end is an error");
	submit(d, &o, DRIVE_READ, 100, &in, 1);
	ok(wait_for(&o) && o.error == -EINVAL, "half a sector is, too");
	ok(drive_pwrite(d, 5000, "hello", 5) == 0 && drive_pread(d, 4999, back, 7) == 0 && !memcmp(back, "\0hello\0", 7), "whoever waits may write any bytes");
	struct one many[200];
	static uint8_t block[200][512];
	struct iovec v[200];
	unsigned good = 0;
	for (unsigned n = 0; n < 200; n++) {
		memset(block[n], (int)n, 512);
		v[n] = (struct iovec){block[n], 512};
		submit(d, &many[n], DRIVE_WRITE, 65536 + n * 512, &v[n], 1);
	}
	drive_drain(d);
	for (unsigned n = 0; n < 200; n++)
		good += many[n].done && many[n].error == 0;
	ok_eq(good, 200, "more requests than there are slots");
	ok(drive_pread(d, 65536 + 199 * 512, back, 512) == 0 && back[0] == 199, "all of them");
}

/* A process outside of the filter restarts the server when it is told to; after each time it is slow. */
static int restarter(pid_t first)
{
	int pair[2];
	struct err e = ERR_INIT;

	if (sock_pair(SOCK_STREAM, pair, &e) < 0)
		exit(2);
	if (fork() == 0) {
		char c;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		while (read(pair[1], &c, 1) == 1) {
			kill(first, SIGKILL);
			while (kill(first, 0) == 0 && waitpid(first, NULL, WNOHANG) == 0)
				usleep(10000);
			if (c == 'r' && truncate(image, 20 << 20) < 0)
				_exit(1);
			first = emu_nbd(c == 's' ? "iops-total=100" : NULL);
		}
		kill(first, SIGKILL);
		_exit(0);
	}
	close(pair[1]);
	return pair[0];
}

static void restart(struct drive *d, int control)
{
	static uint8_t block[100][4096];
	static struct one many[100];
	struct iovec v[100];
	unsigned good = 0;
	uint8_t back[512];
	struct drive_info i;

	for (unsigned round = 0; round < 3; round++) {
		if (write(control, "s", 1) != 1)
			exit(2);
		for (unsigned n = 0; n < 100; n++) {
			memset(block[n], (int)(n + round), sizeof block[n]);
			v[n] = (struct iovec){block[n], sizeof block[n]};
			submit(d, &many[n], DRIVE_WRITE, (1 << 20) + n * sizeof block[n], &v[n], 1);
		}
		for (unsigned n = 0; n < 20; n++)
			good += wait_for(&many[n]) && many[n].error == 0;
		if (write(control, "k", 1) != 1) /* in the middle of it */
			exit(2);
		for (unsigned n = 20; n < 100; n++)
			good += wait_for(&many[n]) && many[n].error == 0;
	}
	ok_eq(good, 300, "a server that is killed with requests in flight costs nothing but time, under the filter");
	good = 0;
	for (unsigned n = 0; n < 100; n++)
		good += drive_pread(d, (1 << 20) + n * 4096, back, sizeof back) == 0 && back[0] == n + 2 && back[511] == n + 2;
	ok_eq(good, 100, "and what was written is there");
	if (write(control, "r", 1) != 1)
		exit(2);
	for (unsigned n = 0; n < 200; n++) {
		drive_info(d, &i);
		if (i.size == 20 << 20)
			break;
		machine_unlock(m);
		loop_once(m->loop, 50);
		machine_lock(m);
	}
	ok_eq(i.size, 20 << 20, "the next server's disk is larger");
}

/* ---- a server that means harm ---- */

static void lie(int listening)
{
	struct {
		struct vhu_header h;
		uint8_t p[VHU_PAYLOAD_MAX];
	} msg;
	int fd = accept(listening, NULL, NULL), kick = -1, call = -1, memory = -1;

	for (;;) {
		int fds[4];
		unsigned count = 4;
		uint64_t v = 0;
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = kick, .events = POLLIN}};
		poll(p, 2, -1);
		if (p[1].revents && memory >= 0) {
			uint8_t *base = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
			if (ftruncate(memory, 0) == 0)
				_exit(1); /* the front end would get SIGBUS */
			/* Where the used ring is does not matter: everything becomes nonsense. */
			for (unsigned i = 0; base != MAP_FAILED && i < 65536; i++)
				base[i] = (uint8_t)(0x91 + i * 37);
			v = 1;
			(void)!write(call, &v, 8);
			poll(NULL, 0, 100);
		}
		if (!p[0].revents)
			continue;
		if (sock_recv_fds(fd, &msg.h, sizeof msg.h, fds, &count) != sizeof msg.h || (msg.h.size && fd_read_all(fd, msg.p, msg.h.size) < 0))
			_exit(0); /* sent away */
		if (count && msg.h.request == VHU_SET_VRING_KICK)
			kick = fds[0];
		if (count && msg.h.request == VHU_SET_MEM_TABLE)
			memory = fds[0];
		if (count && msg.h.request == VHU_SET_VRING_CALL)
			call = fds[0];
		switch (msg.h.request) {
		case VHU_GET_FEATURES: v = VIRTIO_F_VERSION_1 | VIRTIO_F_PROTOCOL_FEATURES | BLK_F_FLUSH; break;
		case VHU_GET_PROTOCOL_FEATURES: v = VHU_P_CONFIG | VHU_P_REPLY_ACK; break;
		case VHU_GET_CONFIG: {
			struct virtio_blk_config c = {.capacity = 1000};
			memcpy(msg.p + 12, &c, sizeof c);
			break;
		}
		default:
			if (!(msg.h.flags & VHU_NEED_REPLY))
				continue;
		}
		msg.h.flags = VHU_VERSION | VHU_REPLY;
		if (msg.h.request != VHU_GET_CONFIG) {
			msg.h.size = 8;
			memcpy(msg.p, &v, 8);
		}
		if (fd_write_all(fd, &msg, sizeof msg.h + msg.h.size) < 0)
			_exit(0);
	}
}

static void liar(struct drive *d)
{
	static uint8_t buf[4096];
	struct iovec iov = {buf, sizeof buf};
	struct one o;

	submit(d, &o, DRIVE_READ, 0, &iov, 1);
	ok(wait_for(&o) && o.error == -EIO, "a server that writes nonsense over the rings is sent away");
}

int main(void)
{
	struct err e = ERR_INIT;
	char text[300];
	const char *remove[] = {NULL};
	struct drive *d, *bad;
	pid_t pid;
	int control, listening;

	snprintf(dir, sizeof dir, "/tmp/cpu-vhost.%d", (int)getpid());
	mkdir(dir, 0700);
	snprintf(sock, sizeof sock, "%s/sock", dir);
	snprintf(ctl, sizeof ctl, "%s/ctl", dir);
	snprintf(fake, sizeof fake, "%s/fake", dir);
	snprintf(image, sizeof image, "%s/image", dir);
	int fd = open(image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 16 << 20) < 0)
		return 2;
	close(fd);
	listening = sock_listen_unix(fake, SOCK_STREAM, 0700, &e);
	if (listening < 0)
		return 2;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(120);
		lie(listening);
	}
	close(listening);
	pid = emu_nbd(NULL);
	m = machine_new_test();
	snprintf(text, sizeof text, "id=hd,vhost=unix:%s,if=virtio", sock);
	ok(drive_add(m, text, &e) == 0, "a disk is there as soon as its server is: %s", e.msg);
	d = drive_at(m, DRIVE_VIRTIO, 0, 0);
	if (!d)
		return tap_done();
	snprintf(text, sizeof text, "id=bad,vhost=unix:%s,if=none,reconnect=1,rerror=report", fake);
	ok(drive_add(m, text, &e) == 0, "another kind of server: %s", e.msg);
	bad = drive_find(m, "bad");
	requests(d);
	control = restarter(pid);
	ok(drives_prepare(m, NULL, remove, &e) == 0, "the process that connects is made");
	ok(sandbox_enter(SANDBOX_ON, SANDBOX_FILE | SANDBOX_SOCKET | SANDBOX_UNLINK, &e) == 0, "and this one may not any more");
	restart(d, control);
	if (bad)
		liar(bad);
	close(control);
	machine_free_test(m);
	unlink(image);
	unlink(sock);
	unlink(ctl);
	unlink(fake);
	/* What a sanitizer does at an ordinary exit the filter forbids. */
	int status = tap_done();
	fflush(stdout);
	_exit(status);
}
