/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-nbd (and the name qemu-nbd): opens an image and serves it over NBD. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/loop.h"
#include "base/opt.h"
#include "base/sandbox.h"
#include "base/sock.h"
#include "crypto/object.h"
#include "crypto/tls.h"
#include "export.h"
#include "nbd/client.h"
#include "proto/nbd.h"
#include "settings.h"

struct daemon {
	const struct settings *set;
	struct loop *loop;
	struct nbd_server *server;
	struct loop_fd *watch;
	int listen_fd;
	bool seen_client;
	const char *unlink_path;
};

/* ---- clients ---- */

static void on_gone(void *opaque)
{
	struct daemon *d = opaque;

	/* Without -t the last client's end is the server's. */
	if (!d->set->persistent && d->seen_client && nbd_server_clients(d->server) == 0)
		loop_stop(d->loop, 0);
	else if (d->watch)
		loop_set_fd(d->watch, LOOP_READ);
}

static void client_gone(void *opaque, unsigned left)
{
	struct daemon *d = opaque;

	(void)left;
	/* The count falls right after this call returns: look at it from the loop, a moment later. */
	loop_post(d->loop, on_gone, d);
}

static void log_client(void *opaque, const char *message)
{
	struct daemon *d = opaque;

	if (d->set->verbose)
		err_print("%s", message);
}

static void on_connection(void *opaque, unsigned events)
{
	struct daemon *d = opaque;
	struct err e = ERR_INIT;
	int fd;

	(void)events;
	/* At the limit a client waits in the backlog, as classic clients expect, until another leaves. */
	if (d->set->shared && nbd_server_clients(d->server) >= (unsigned)d->set->shared) {
		loop_set_fd(d->watch, 0);
		return;
	}
	fd = sock_accept(d->listen_fd, &e);
	if (fd < 0)
		return;
	d->seen_client = true;
	if (nbd_server_client(d->server, fd, &e) < 0 && d->set->verbose)
		err_report(&e);
}

static void on_signal(void *opaque, int sig)
{
	struct daemon *d = opaque;

	(void)sig;
	loop_stop(d->loop, 0);
}

/* ---- listing ---- */

static const struct {
	unsigned bit;
	const char *name;
} flag_names[] = {
	{NBD_FLAG_READ_ONLY, "readonly"}, {NBD_FLAG_SEND_FLUSH, "flush"}, {NBD_FLAG_SEND_FUA, "fua"},
	{NBD_FLAG_ROTATIONAL, "rotational"}, {NBD_FLAG_SEND_TRIM, "trim"}, {NBD_FLAG_SEND_WRITE_ZEROES, "zeroes"},
	{NBD_FLAG_SEND_DF, "df"}, {NBD_FLAG_CAN_MULTI_CONN, "multi"}, {NBD_FLAG_SEND_RESIZE, "resize"},
	{NBD_FLAG_SEND_CACHE, "cache"}, {NBD_FLAG_SEND_FAST_ZERO, "fast-zero"},
};

struct listing {
	char *text;
	size_t size;
	FILE *out;
	unsigned count;
	const struct nbd_target *target;
};

static void list_one(void *opaque, const char *name, const char *description, const struct nbd_export_info *info)
{
	struct listing *l = opaque;

	l->count++;
	fprintf(l->out, " export: '%s'\n", name);
	if (*description)
		fprintf(l->out, "  description: %s\n", description);
	if (!info)
		return;
	fprintf(l->out, "  size:  %llu\n", (unsigned long long)info->size);
	if (info->flags & NBD_FLAG_HAS_FLAGS) {
		fprintf(l->out, "  flags: 0x%x (", info->flags);
		for (unsigned i = 0; i < sizeof flag_names / sizeof *flag_names; i++)
			if (info->flags & flag_names[i].bit)
				fprintf(l->out, " %s", flag_names[i].name);
		fprintf(l->out, " )\n");
	}
	fprintf(l->out, "  min block: %u\n  opt block: %u\n  max block: %u\n", info->min_block, info->preferred_block,
		info->max_block);
	for (unsigned i = 0; i < info->context_count; i++) {
		if (i == 0)
			fprintf(l->out, "  available meta contexts: %u\n", info->context_count);
		fprintf(l->out, "   %s\n", info->contexts[i]);
	}
}

static int list_exports(const struct settings *set, struct tls_creds *tls, struct err *e)
{
	struct nbd_target t = {.path = set->socket, .host = set->bind ? set->bind : "127.0.0.1", .port = set->port, .tls = tls,
			       .tls_hostname = set->tls_hostname};
	struct listing l = {0};
	int r;

	l.out = open_memstream(&l.text, &l.size);
	if (!l.out)
		return err_set(e, ENOMEM, "out of memory");
	r = nbd_client_list(&t, list_one, &l, e);
	fclose(l.out);
	if (r == 0)
		printf("exports available: %u\n%s", l.count, l.text);
	free(l.text);
	return r;
}

/* ---- the socket ---- */

/* Socket activation (sd_listen_fds(3)): one inherited listening socket, fd 3. -1: none. */
static int activated(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid() || strcmp(count, "1"))
		return -1;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	fcntl(3, F_SETFD, FD_CLOEXEC);
	return 3;
}

static int make_socket(struct daemon *d, struct err *e)
{
	const struct settings *set = d->set;
	int fd = activated();

	if (fd >= 0) {
		if (set->socket || set->port || set->bind)
			return err_set(e, EINVAL, "the socket is inherited, so --socket, --port and --bind make no sense");
		return fd;
	}
	if (set->socket) {
		if (set->socket[0] != '/')
			return err_set(e, EINVAL, "the socket path '%s' must be absolute", set->socket);
		d->unlink_path = set->socket;
		return sock_listen_unix(set->socket, SOCK_STREAM, 0700, e);
	}
	return sock_listen_tcp(set->bind ? set->bind : "0.0.0.0", set->port ? set->port : NBD_PORT, false, false, e);
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
	int fds[2];
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
	return fds[1];
}

static void ready(int fd)
{
	int null;

	if (fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	if (null > 2)
		close(null);
	if (write(fd, "r", 1) != 1)
		_exit(1);
	close(fd);
}

static int serve(const struct settings *set, struct objects *objects, const char *file, struct err *e)
{
	struct daemon d = {.set = set, .listen_fd = -1};
	struct nbd_server_config config = {.client_gone = client_gone, .log = log_client, .opaque = &d,
					   .max_clients = (unsigned)set->shared, .oldstyle = false};
	struct blk_graph *graph = blk_graph_new(objects);
	struct image_export x = {0};
	struct image image = {0};
	int say = -1, r;
	unsigned allow = SANDBOX_FILE | SANDBOX_SOCKET | SANDBOX_IOCTL;

	if (!graph)
		return err_set(e, ENOMEM, "out of memory");
	if (set->tls_creds) {
		config.tls = objects_tls_creds(objects, set->tls_creds, e);
		r = config.tls ? tls_creds_check_endpoint(config.tls, true, e) : -EINVAL;
		if (r < 0)
			goto out;
	}
	r = image_open(set, graph, file, &image, e);
	if (r == 0)
		r = image_export_init(&x, image.blk, set->export_name, set->description, image.offset, image.size, set->depth, e);
	if (r < 0)
		goto out;
	x.nbd.multi_conn = set->shared != 1;
	r = d.listen_fd = make_socket(&d, e);
	if (r < 0)
		goto out;
	if (set->fork) {
		r = say = go_background(e);
		if (r < 0)
			goto out;
	}
	r = set->pid_file ? write_pid(set->pid_file, e) : 0;
	if (r < 0)
		goto out;
	/* Threads come after the fork. */
	d.loop = loop_new(e);
	d.server = d.loop ? nbd_server_new(&config, e) : NULL;
	if (!d.server || nbd_server_add(d.server, &x.nbd, e) < 0) {
		r = -e->code;
		goto out;
	}
	d.watch = loop_add_fd(d.loop, d.listen_fd, LOOP_READ, on_connection, &d, e);
	if (!d.watch || (r = loop_add_signal(d.loop, SIGTERM, on_signal, &d, e)) < 0 ||
	    (r = loop_add_signal(d.loop, SIGINT, on_signal, &d, e)) < 0 || (r = loop_add_signal(d.loop, SIGHUP, on_signal, &d, e)) < 0) {
		r = -e->code;
		goto out;
	}
	ready(say);
	say = -1;
	/* Only a network protocol below the image needs more than its open files. */
	if (image.remote)
		allow |= SANDBOX_CONNECT | SANDBOX_OPEN;
	if (image.temporary)
		allow |= SANDBOX_OPEN;
	r = sandbox_drop_capabilities(NULL, e);
	if (r == 0)
		r = sandbox_enter((enum sandbox_mode)set->sandbox, allow | SANDBOX_URING | SANDBOX_UNLINK, e);
	if (r == 0)
		r = loop_run(d.loop);
out:
	if (d.server)
		nbd_server_free(d.server);
	image_export_done(&x);
	if (r == 0)
		r = image_close(&image, e);
	else
		image_close(&image, &(struct err)ERR_INIT);
	blk_graph_free(graph);
	tls_creds_unref(config.tls);
	loop_free(d.loop);
	if (d.listen_fd >= 0 && d.unlink_path)
		unlink(d.unlink_path);
	return r;
}

int main(int argc, char **argv)
{
	struct settings set = SETTINGS_INIT;
	struct objects *objects;
	struct tls_creds *tls = NULL;
	struct err e = ERR_INIT;
	int first, r;

	err_set_program(argc > 0 ? argv[0] : "emu-nbd");
	signal(SIGPIPE, SIG_IGN);
	objects = objects_new();
	r = objects ? opt_parse(&settings_table, argc, argv, &set, &first, &e) : err_set(&e, ENOMEM, "out of memory");
	for (unsigned i = 0; r == 0 && i < set.objects.count; i++)
		r = objects_add_text(objects, set.objects.item[i], &e);
	if (r == 0)
		r = settings_check(&set, argc - first, &e);
	if (r == 0 && set.list) {
		if (set.tls_creds) {
			tls = objects_tls_creds(objects, set.tls_creds, &e);
			r = tls ? tls_creds_check_endpoint(tls, false, &e) : -EINVAL;
		}
		if (r == 0)
			r = list_exports(&set, tls, &e);
	} else if (r == 0) {
		r = serve(&set, objects, argv[first], &e);
	}
	if (r < 0 && e.code)
		err_report(&e);
	tls_creds_unref(tls);
	opt_list_free(&set.objects);
	objects_free(objects);
	return r < 0 ? 1 : 0;
}
