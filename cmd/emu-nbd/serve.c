/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start and end of the server, in the order: open, listen, background, threads, ready, filter, loop. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/part.h"
#include "base/sandbox.h"
#include "base/sock.h"
#include "crypto/object.h"
#include "ctl-job.h"
#include "daemon.h"
#include "nbd/kernel.h"
#include "state.h"
#include "vhost.h"

static void on_signal(void *opaque, int sig)
{
	struct daemon *d = opaque;

	(void)sig;
	loop_stop(d->loop, 0);
}

static int write_pid(const char *path, struct err *e)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid()), fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), r;

	if (fd < 0)
		return err_errno(e, errno, "cannot write the pid file %s", path);
	/* Held locked as long as we live, so that two servers never share one. */
	if (lockf(fd, F_TLOCK, 0) < 0) {
		close(fd);
		return err_set(e, EBUSY, "the pid file %s belongs to a server that runs", path);
	}
	r = ftruncate(fd, 0) < 0 || write(fd, text, (size_t)n) != n ? err_errno(e, errno, "cannot write the pid file %s", path) : 0;
	return r;
}

/* --fork: the parent waits for one byte, or for the child's end with its message. Returns the fd to say it on; -1: none. */
static int go_background(struct err *e)
{
	int fds[2], null;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, errno, "cannot fork");
	pid = fork();
	if (pid < 0)
		return err_errno(e, errno, "cannot fork");
	if (pid > 0) {
		char byte;
		int status;
		close(fds[1]);
		if (read(fds[0], &byte, 1) == 1)
			_exit(0);
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
	}
	close(fds[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC); /* now: ready() comes behind the filter */
	if (null < 0)
		return err_errno(e, errno, "cannot open /dev/null");
	dup2(null, 0);
	if (null > 2)
		close(null);
	return fds[1];
}

static void ready(int fd)
{
	if (fd < 0)
		return;
	dup2(0, 1);
	dup2(0, 2);
	if (write(fd, "r", 1) != 1)
		_exit(1);
	close(fd);
}


/* Everything that runs ends, in the order in which it depends on each other. */
static int shut_down(struct daemon *d, int r, struct err *e)
{
	struct err quiet = ERR_INIT;

	for (struct disk *k = d->disks; k; k = k->next)
		blk_limits_suspend(k->limits, true); /* nobody sleeps through the end */
	vhost_stop(d);
	if (d->kernel_nl >= 0) {
		nbd_kernel_disconnect(d->kernel_nl, (unsigned)d->kernel_index, &quiet);
		close(d->kernel_nl);
	}
	jobs_end(&d->jobs);
	listener_stop(&d->extra);
	listener_stop(&d->own);
	if (d->ctl)
		loop_once(d->loop, 0); /* the last events are still sent */
	ctl_free(d->ctl);
	d->ctl = NULL;
	state_stop(d, r == 0);
	while (d->exports) {
		struct export *x = d->exports;
		d->exports = x->next;
		image_export_done(&x->x);
		blk_unref(x->bitmap_node);
		free(x->bitmap);
		free(x);
	}
	while (d->disks) {
		struct disk *k = d->disks;
		struct blk *root = k->root;
		d->disks = k->next;
		k->root = NULL;
		disk_free(k);
		if (root && r == 0)
			r = blk_close(root, e);
		else if (root)
			blk_close(root, &quiet);
	}
	while (d->nodes) {
		struct owned_node *n = d->nodes;
		d->nodes = n->next;
		blk_close(n->blk, &quiet);
		free(n);
	}
	while (d->groups) {
		struct limit_group *g = d->groups;
		d->groups = g->next;
		blk_limits_unref(g->limits);
		free(g->name);
		free(g);
	}
	blk_graph_free(d->graph);
	loop_free(d->loop);
	pthread_mutex_destroy(&d->lock);
	return r;
}

static int open_disk(struct daemon *d, const char *file, struct image *image, struct err *e)
{
	const struct settings *set = d->set;
	struct blk *node = NULL;
	struct disk *k;
	int r = 0;

	if (state_has_graph(d))
		r = state_restore_graph(d, e);
	else if (file)
		r = image_open(set, d->graph, file, image, e);
	if (r < 0 || d->disks)
		return r;
	k = disk_new(set->id ? set->id : set->export_name && *set->export_name ? set->export_name : "drive0", image->blk, e);
	if (!k)
		return -e->code;
	k->removable = set->removable;
	d->disks = k;
	blk_unref(image->blk);
	image->blk = NULL;
	if (k->root && (set->ctl || set->ctl_fd >= 0) && (r = limits_take_over(d, k, e)) < 0)
		return r;
	if (set->throttle && (r = limits_parse(d, k, set->throttle, e)) < 0)
		return r;
	if (set->bitmap && k->root && !(node = daemon_bitmap_node(k->root, set->bitmap, e)))
		return -e->code;
	r = daemon_export(d, &d->own, k, set->export_name, set->description, image->offset, file ? image->size : UINT64_MAX, set->depth,
			  !set->read_only, node, node ? set->bitmap : NULL, e);
	if (r == 0)
		d->exports->x.nbd.multi_conn = set->shared != 1;
	return r;
}

/* --export: each is a disk of its own. */
static int open_more(struct daemon *d, struct image *main_image, struct err *e)
{
	int r = 0;

	for (unsigned n = 0; !r && n < d->set->exports.count; n++) {
		struct image image = {.size = UINT64_MAX};
		char *name = NULL, *description = NULL;
		bool writable = false;
		struct disk *k = NULL;
		r = image_open_named(d->set, d->graph, d->set->exports.item[n], &image, &name, &description, &writable, e);
		if (!r && daemon_disk(d, name))
			r = err_set(e, EEXIST, "--export: there is a disk '%s' already", name);
		if (!r && !(k = disk_new(name, image.blk, e)))
			r = -e->code;
		if (k) {
			k->next = d->disks; /* the command line's stays the last (vhost.c) */
			d->disks = k;
			r = daemon_export(d, &d->own, k, name, description, 0, UINT64_MAX, d->set->depth, writable, NULL, NULL, e);
		}
		if (!r)
			d->exports->x.nbd.multi_conn = d->set->shared != 1;
		main_image->remote |= image.remote;
		blk_unref(image.blk);
		free(name);
		free(description);
	}
	return r;
}

int serve(const struct settings *set, struct objects *objects, const char *file, struct err *e)
{
	struct daemon d = {.set = set, .objects = objects, .own = {.fd = -1}, .extra = {.fd = -1}, .kernel_nl = -1};
	struct image image = {.size = UINT64_MAX};
	bool remote, temporary;
	int say = -1, r;
	unsigned allow = SANDBOX_FILE | SANDBOX_SOCKET | SANDBOX_IOCTL;

	/*
	 * Large buffers go back to the system when they are freed. Left to itself malloc() moves this limit up with each one, and what was on top of a thread's
	 * arena then stays for ever (malloc_trim() in on_gone() does not reach it).
	 */
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	pthread_mutex_init(&d.lock, NULL);
	daemon_jobs_init(&d);
	d.graph = blk_graph_new(objects);
	if (!d.graph)
		return err_set(e, ENOMEM, "out of memory");
	if (set->ctl || set->ctl_fd >= 0)
		blk_graph_live(d.graph);
	if (set->id)
		blk_graph_name(d.graph, set->id);
	d.own.daemon = d.extra.daemon = &d;
	r = state_open(&d, e);
	if (r == 0)
		r = listener_server(&d, &d.own, set->tls_creds, set->tls_authz, (unsigned)set->shared, e);
	if (r == 0)
		r = open_disk(&d, file, &image, e);
	if (r == 0 && !state_has_graph(&d))
		r = open_more(&d, &image, e);
	remote = image.remote;
	temporary = image.temporary;
	if (r == 0)
		r = listen_command_line(&d, e);
	if (r < 0)
		goto out;
	if (set->fork) {
		r = say = go_background(e);
		if (r < 0)
			goto out;
	}
	r = set->pid_file ? write_pid(set->pid_file, e) : 0;
	/* Threads come after the fork. */
	if (r == 0) {
		d.loop = loop_new(e);
		r = d.loop ? listen_watch(&d, &d.own, e) : -e->code;
		if (r == 0)
			r = listen_watch(&d, &d.extra, e);
	}
	if (r == 0)
		r = daemon_ctl_start(&d, e);
	if (r == 0 && set->connect)
		r = listen_kernel(&d, e);
	if (r == 0)
		r = vhost_start(&d, e);
	if (r < 0 || (r = loop_add_signal(d.loop, SIGTERM, on_signal, &d, e)) < 0 || (r = loop_add_signal(d.loop, SIGINT, on_signal, &d, e)) < 0 ||
	    (r = loop_add_signal(d.loop, SIGHUP, on_signal, &d, e)) < 0)
		goto out;
	/* Only a network protocol below the image needs more than its open files. */
	if (remote)
		allow |= SANDBOX_CONNECT | SANDBOX_OPEN;
	if (temporary)
		allow |= SANDBOX_OPEN;
	r = part_give_up_rights(false, e);
	if (r == 0)
		r = sandbox_drop_capabilities(NULL, e);
	if (r == 0)
		r = sandbox_enter((enum sandbox_mode)set->sandbox, allow | SANDBOX_URING | SANDBOX_UNLINK, e);
	if (r == 0)
		r = state_resume_jobs(&d, e);
	if (r < 0)
		goto out;
	part_ready((int)set->ready_fd);
	ready(say);
	say = -1;
	r = loop_run(d.loop);
out:
	if (image.blk)
		image_close(&image, &(struct err)ERR_INIT);
	free(image.overlay);
	r = shut_down(&d, r, e);
	return r;
}
