/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks over NBD with real servers: requests, error policies, media, and a server that is killed while requests are in flight, with this
 * process under the filter that forbids it to connect.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
#include "tap.h"

static struct machine *m;
static char late[160];
static char dir[60], sock[100], image[100], trigger[100];

static pid_t server(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

static pid_t qemu_nbd(void)
{
	const char *argv[] = {"qemu-nbd", "-t", "-e", "0", "-f", "raw", "-k", sock, image, NULL};

	unlink(sock);
	return server(argv);
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

static void turn(unsigned ms)
{
	machine_unlock(m);
	loop_once(m->loop, (int)ms);
	machine_lock(m);
}

static bool wait_for(struct one *o)
{
	for (unsigned i = 0; i < 600 && !o->done; i++)
		turn(50);
	return o->done;
}

static void requests(struct drive *d)
{
	static uint8_t a[4096], b[8192], back[12288];
	struct iovec out[2] = {{a, sizeof a}, {b, sizeof b}}, in = {back, sizeof back};
	struct drive_info i;
	struct one o;

	drive_info(d, &i);
	ok(i.present && i.size == 16 << 20 && !i.readonly && i.interface == DRIVE_VIRTIO && !strcmp(i.serial, "abc"), "the drive is what it was said to be");
	memset(a, 1, sizeof a);
	memset(b, 2, sizeof b);
	submit(d, &o, DRIVE_WRITE, 4096, out, 2);
	ok(!o.done, "no request is done before its submission returns");
	ok(wait_for(&o) && o.error == 0, "a write of several pieces");
	submit(d, &o, DRIVE_READ, 4096, &in, 1);
	ok(wait_for(&o) && o.error == 0 && back[0] == 1 && back[4095] == 1 && back[4096] == 2 && back[12287] == 2, "is read back in one");
	submit(d, &o, DRIVE_FLUSH, 0, NULL, 0);
	ok(wait_for(&o) && o.error == 0, "a flush");
	o.done = false;
	o.r = (struct drive_req){.op = DRIVE_ZERO, .offset = 4096, .size = 4096, .unmap = true, .done = done, .opaque = &o};
	drive_submit(d, &o.r);
	ok(wait_for(&o) && o.error == 0 && drive_pread(d, 4096, back, 4096) == 0 && back[0] == 0 && back[4095] == 0, "zeroes");
	submit(d, &o, DRIVE_READ, (16 << 20) - 4096, &in, 1);
	ok(wait_for(&o) && o.error < 0, "beyond the end is an error");
	struct one many[64];
	static uint8_t block[64][512];
	struct iovec v[64];
	unsigned good = 0;
	for (unsigned n = 0; n < 64; n++) {
		memset(block[n], (int)n, 512);
		v[n] = (struct iovec){block[n], 512};
		submit(d, &many[n], DRIVE_WRITE, 65536 + n * 512, &v[n], 1);
	}
	drive_drain(d);
	for (unsigned n = 0; n < 64; n++)
		good += many[n].done && many[n].error == 0;
	ok_eq(good, 64, "draining waits for all that is in flight");
}

static void policies(void)
{
	char nbd[120], text[300], error_file[140];
	const char *argv[] = {"nbdkit", "-f", "-U", nbd, "--filter=error", "memory", "1M", "error-pwrite=ENOSPC", "error-pwrite-rate=100%", error_file, NULL};
	struct err e = ERR_INIT;
	struct one o;
	uint8_t data[512] = {0};
	struct iovec iov = {data, sizeof data};
	struct drive *d;
	pid_t pid;

	snprintf(nbd, sizeof nbd, "%s/kit", dir);
	snprintf(error_file, sizeof error_file, "error-file=%s", trigger);
	pid = server(argv);
	snprintf(text, sizeof text, "id=kit,nbd=unix:%s,werror=stop", nbd);
	ok(drive_add(m, text, &e) == 0, "a second server");
	d = drive_find(m, "kit");
	if (!d)
		return;
	close(open(trigger, O_CREAT | O_WRONLY, 0600));
	submit(d, &o, DRIVE_WRITE, 0, &iov, 1);
	for (unsigned i = 0; i < 200 && m->state == RUN_RUNNING; i++)
		turn(20);
	ok(m->state == RUN_IO_ERROR && !o.done, "werror=stop stops the machine and keeps the request");
	unlink(trigger);
	machine_continue(m);
	ok(wait_for(&o) && o.error == 0, "which is done when the machine goes on and the disk works again");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A process outside of the filter restarts the server when it is told to. */
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
			usleep(300000);
			first = qemu_nbd();
		}
		kill(first, SIGKILL);
		_exit(0);
	}
	close(pair[1]);
	return pair[0];
}

static void restart(struct drive *d, int control)
{
	static uint8_t block[32][65536];
	static struct one many[32];
	struct iovec v[32];
	unsigned good = 0;
	uint8_t back[512];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 0; n < 32; n++) {
			memset(block[n], (int)(n + round), sizeof block[n]);
			v[n] = (struct iovec){block[n], sizeof block[n]};
			submit(d, &many[n], DRIVE_WRITE, (1 << 20) + n * sizeof block[n], &v[n], 1);
			if (n == 8 && write(control, "k", 1) != 1)
				exit(2);
			if (n >= 8)
				turn(20);
		}
		for (unsigned n = 0; n < 32; n++)
			good += wait_for(&many[n]) && many[n].error == 0;
	}
	ok_eq(good, 96, "a server that is killed and comes back costs nothing but time, three times, under the filter");
	ok(drive_pread(d, (1 << 20) + 31 * 65536, back, sizeof back) == 0 && back[0] == 33 && back[511] == 33, "and what was written is there");
	struct err e = ERR_INIT;
	struct iovec one = {block[0], sizeof block[0]};
	if (write(control, "k", 1) != 1)
		exit(2);
	usleep(150000);
	submit(d, &many[0], DRIVE_READ, 1 << 20, &one, 1);
	ok(drive_reopen(d, &e) == 0, "a size that is asked for while the server is down is waited for: %s", e.msg);
	ok(wait_for(&many[0]) && many[0].error == 0 && block[0][0] == 2, "so is a request of that time, which had the connection before");
}

/* Disks of a machine that runs: only over sockets of its own directory. */
static void come_and_go(struct drive *first)
{
	struct err e = ERR_INIT;
	struct one o;
	uint8_t data[512];
	struct iovec iov = {data, sizeof data};
	struct device user = {.id = (char *)(uintptr_t)"card"};
	struct drive *d;
	char text[300];

	ok(drive_add(m, "id=l,nbd=unix:/run/other/late.nbd", &e) == -EACCES && strstr(e.msg, "run directory"), "a socket elsewhere is refused");
	e = (struct err)ERR_INIT;
	snprintf(text, sizeof text, "id=l,nbd=unix:%s/late.sock", dir);
	ok(drive_add(m, text, &e) < 0, "so is one that is no disk's");
	e = (struct err)ERR_INIT;
	snprintf(text, sizeof text, "id=l,nbd=unix:%s,if=virtio", late);
	ok(drive_add(m, text, &e) < 0 && strstr(e.msg, "if=none"), "and an interface of the board's");
	e = (struct err)ERR_INIT;
	snprintf(text, sizeof text, "id=l,nbd=unix:%s,with-device=on,connections=1", late);
	ok(drive_add(m, text, &e) == 0, "a disk comes while the machine runs (%s)", e.msg);
	d = drive_find(m, "l");
	if (!d)
		return;
	ok(drive_pread(d, 0, data, sizeof data) == 0, "it is read");
	ok(drive_attach(d, &user, &e) == 0 && !strcmp(drive_user(d), "card"), "a device takes it");
	drive_del(d);
	ok(!drive_find(m, "l"), "deleted below its device: its name is free");
	submit(d, &o, DRIVE_READ, 0, &iov, 1);
	ok(wait_for(&o) && o.error == -EIO, "… and its requests fail");
	drive_release(d);
	drives_sweep(m);
	drive_drain(d);
	ok(drive_add(m, text, &e) == 0, "… so another one can have it");
	drive_detach(d);
	drives_sweep(m);
	d = drive_find(m, "l");
	if (!d)
		return;
	drive_attach(d, &user, &e);
	drive_release(d);
	drive_detach(d);
	drives_sweep(m);
	ok(!drive_find(m, "l"), "one with with-device=on goes when its device has gone");
	drive_release(first);
	drives_sweep(m);
	ok(drive_find(m, "hd") == first, "others stay");
}

int main(void)
{
	struct err e = ERR_INIT;
	char text[300];
	const char *remove[] = {NULL};
	struct drive *d;
	pid_t pid;
	int control;

	if (system("which qemu-nbd nbdkit >/dev/null 2>&1") != 0)
		tap_skip_all("qemu-nbd and nbdkit are not installed");
	snprintf(dir, sizeof dir, "/tmp/cpu-drive.%d", (int)getpid());
	mkdir(dir, 0700);
	snprintf(sock, sizeof sock, "%s/sock", dir);
	snprintf(image, sizeof image, "%s/image", dir);
	snprintf(trigger, sizeof trigger, "%s/trigger", dir);
	int fd = open(image, O_CREAT | O_RDWR, 0600);
	if (fd < 0 || ftruncate(fd, 16 << 20) < 0)
		return 2;
	close(fd);
	pid = qemu_nbd();
	m = machine_new_test();
	ok(drive_add(m, "id=x", &e) < 0 && strstr(e.msg, "nbd="), "a disk needs a server");
	ok(drive_add(m, "id=x,nbd=tcp:1", &e) < 0, "at a UNIX socket or on a descriptor");
	ok(drive_add(m, "id=x,nbd=unix:/nowhere,wings=2", &e) < 0 && strstr(e.msg, "wings"), "an unknown option is refused");
	snprintf(text, sizeof text, "id=hd,nbd=unix:%s,if=virtio,serial=abc,connections=2", sock);
	e = (struct err)ERR_INIT;
	ok(drive_add(m, text, &e) == 0, "a disk is there as soon as its server is");
	ok(drive_add(m, text, &e) == -EEXIST, "once");
	d = drive_at(m, DRIVE_VIRTIO, 0, 0);
	ok(d && d == drive_find(m, "hd"), "it is found by its id and its place");
	if (!d)
		return tap_done();
	requests(d);
	policies();
	control = restarter(pid);
	snprintf(late, sizeof late, "%s/late.nbd", dir);
	if (symlink(sock, late) < 0)
		perror(late);
	ok(drives_prepare(m, dir, remove, &e) == 0, "the process that connects is made");
	ok(sandbox_enter(SANDBOX_ON, SANDBOX_FILE | SANDBOX_SOCKET | SANDBOX_UNLINK, &e) == 0, "and this one may not any more");
	restart(d, control);
	come_and_go(d);
	close(control);
	unlink(late);
	machine_free_test(m);
	unlink(image);
	unlink(sock);
	/* What a sanitizer does at an ordinary exit the filter forbids. */
	int status = tap_done();
	fflush(stdout);
	_exit(status);
}
