/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debugger's connection. One debugger at a time; the next one waits in the listening socket's queue. One that comes stops the machine, one that goes
 * without a word leaves it as it is, without breakpoints. All on the main thread, under the machine lock.
 *
 * emu-cpu connects to nothing: sockets are made before its filter is there (-gdb), or come over the control connection (x-gdbserver), which takes
 * a listening one or one that a debugger is at already. Other ways to a debugger are emu-mon's character back ends.
 */
#include "gdb.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/size.h"
#include "base/sock.h"
#include "core.h"

#define CHUNK 4096
#define ENOUGH 65536 /* bytes of answers that wait and keep questions from being read */

static void update(struct stub *s)
{
	unsigned in = s->waiting_size < ENOUGH ? LOOP_READ : 0, out = s->waiting_size ? LOOP_WRITE : 0;

	if (s->watch_in && s->watch_in == s->watch_out) {
		loop_set_fd(s->watch_in, in | out);
		return;
	}
	if (s->watch_in)
		loop_set_fd(s->watch_in, in);
	if (s->watch_out)
		loop_set_fd(s->watch_out, out);
}

/* ---- output ---- */

static void flush(struct stub *s)
{
	size_t sent = 0;

	while (sent < s->waiting_size) {
		ssize_t n = write(s->out, s->waiting + sent, s->waiting_size - sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) /* the next read finds the end */
			sent = s->waiting_size;
		else
			sent += (size_t)n;
	}
	s->waiting_size -= sent;
	memmove(s->waiting, s->waiting + sent, s->waiting_size);
}

void stub_write(void *opaque, const void *data, size_t n)
{
	struct stub *s = opaque;

	if (s->out < 0)
		return;
	if (s->waiting_size + n > s->waiting_room) {
		size_t room = s->waiting_size + n + CHUNK;
		char *more = realloc(s->waiting, room);
		if (!more)
			return;
		s->waiting = more;
		s->waiting_room = room;
	}
	memcpy(s->waiting + s->waiting_size, data, n);
	s->waiting_size += n;
	flush(s);
	update(s);
}

/* ---- coming and going ---- */

static void drop(struct stub *s)
{
	loop_del_fd(s->watch_in);
	if (s->watch_out != s->watch_in)
		loop_del_fd(s->watch_out);
	s->watch_in = s->watch_out = NULL;
	if (s->borrowed) {
		fcntl(s->in, F_SETFL, s->flags);
	} else {
		if (s->in >= 0)
			close(s->in);
		if (s->out >= 0 && s->out != s->in)
			close(s->out);
	}
	s->in = s->out = -1;
	s->waiting_size = 0;
	s->monitor = false;
}

static void gone(struct stub *s)
{
	struct machine *m = s->machine;

	drop(s);
	gdb_connected(s->server, false);
	if (m->state == RUN_RUNNING)
		vcpus_pause(m);
	stub_forget(s);
	if (m->state == RUN_RUNNING)
		vcpus_resume(m);
	if (s->watch_listener)
		loop_set_fd(s->watch_listener, LOOP_READ);
}

static void ready(void *opaque, unsigned events)
{
	struct stub *s = opaque;
	char data[CHUNK];
	ssize_t n;

	machine_lock(s->machine);
	if (events & LOOP_WRITE && s->out >= 0)
		flush(s);
	if (events & (LOOP_READ | LOOP_HANGUP) && s->in >= 0) {
		n = read(s->in, data, sizeof data);
		if (n > 0)
			gdb_input(s->server, data, (size_t)n);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			gone(s);
	}
	if (s->in >= 0)
		update(s);
	machine_unlock(s->machine);
}

static int come(struct stub *s, int in, int out, bool borrowed, struct err *e)
{
	struct machine *m = s->machine;
	int one = 1;

	setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* where it is one */
	s->in = in;
	s->out = out;
	s->borrowed = borrowed;
	s->flags = fcntl(in, F_GETFL);
	if (fcntl(in, F_SETFL, s->flags | O_NONBLOCK) < 0 || fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK) < 0) {
		err_errno(e, errno, "cannot use fd %d", in);
		drop(s);
		return -e->code;
	}
	s->watch_in = loop_add_fd(m->loop, in, LOOP_READ, ready, s, e);
	s->watch_out = out == in ? s->watch_in : loop_add_fd(m->loop, out, 0, ready, s, e);
	if (!s->watch_in || !s->watch_out) {
		drop(s);
		return -e->code;
	}
	if (s->watch_listener)
		loop_set_fd(s->watch_listener, 0);
	gdb_connected(s->server, false);
	if (m->state == RUN_RUNNING)
		machine_stop(m, RUN_PAUSED);
	return 0;
}

static void knock(void *opaque, unsigned events)
{
	struct stub *s = opaque;
	struct err e = ERR_INIT;
	int fd;

	(void)events;
	machine_lock(s->machine);
	fd = s->in < 0 ? sock_accept(s->listener, &e) : -1;
	if (fd >= 0 && come(s, fd, fd, false, &e) < 0)
		err_report(&e);
	machine_unlock(s->machine);
}

static void stop_listening(struct stub *s)
{
	loop_del_fd(s->watch_listener);
	s->watch_listener = NULL;
	if (s->listener >= 0)
		close(s->listener);
	s->listener = -1;
}

static int listen_to(struct stub *s, int fd, struct err *e)
{
	if (fd != s->listener)
		stop_listening(s);
	s->listener = -1;
	s->watch_listener = loop_add_fd(s->machine->loop, fd, s->in < 0 ? LOOP_READ : 0, knock, s, e);
	if (!s->watch_listener) {
		close(fd);
		return -e->code;
	}
	s->listener = fd;
	return 0;
}

/* ---- set-up ---- */

static struct stub *stub_of(struct machine *m, struct err *e)
{
	struct stub *s = m->parts->stub;

	if (s)
		return s;
	s = calloc(1, sizeof *s);
	if (!s) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	s->machine = m;
	s->listener = s->in = s->out = -1;
	m->parts->stub = s;
	return s;
}

/* Everything but a connection. */
static int stub_begin(struct stub *s, struct err *e)
{
	const struct machine *m = s->machine;

	if (s->server)
		return 0;
	if (!m->cpus || !m->vcpu[0]->cpu)
		return err_set(e, ENOTSUP, "this machine has no processors to debug");
	if (stub_target(s) < 0)
		return err_set(e, ENOMEM, "out of memory");
	machine_on_state(s->machine, stub_state, s);
	return 0;
}

static bool is_listener(int fd)
{
	int is = 0;
	socklen_t size = sizeof is;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &size) == 0 && is;
}

static int listen_tcp(const char *text, struct err *e)
{
	char *host = strdup(text), *port = host ? strrchr(host, ':') : NULL;
	int fd;

	if (!port) {
		free(host);
		return err_set(e, EINVAL, "tcp:[HOST]:PORT expected");
	}
	*port++ = '\0';
	if (*host == '[' && port - host > 2 && port[-2] == ']') {
		port[-2] = '\0';
		fd = sock_listen_tcp(host + 1, port, false, false, e);
	} else {
		fd = sock_listen_tcp(host, port, false, false, e);
	}
	free(host);
	return fd;
}

/* A descriptor of the command line's. */
static int passed(const char *text, struct err *e)
{
	int64_t fd;

	if (number_parse("fd", text, 0, INT32_MAX, &fd, e) < 0)
		return -e->code;
	return fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0 ? err_errno(e, errno, "fd %d", (int)fd) : (int)fd;
}

int gdb_add(struct machine *m, const char *text, struct err *e)
{
	struct stub *s = stub_of(m, e);
	int fd;

	if (!s)
		return -e->code;
	/* The last one counts. */
	if (s->listener >= 0)
		close(s->listener);
	if (s->in > 1)
		close(s->in);
	s->listener = s->in = s->out = -1;
	if (!strcmp(text, "none"))
		return 0;
	if (!strcmp(text, "stdio")) {
		s->in = 0;
		s->out = 1;
		return 0;
	}
	if (!strncmp(text, "fd=", 3)) {
		fd = passed(text + 3, e);
	} else if (!strncmp(text, "unix:", 5)) {
		free(s->path);
		s->path = strdup(text + 5);
		fd = s->path ? sock_listen_unix(s->path, SOCK_STREAM, 0600, e) : err_set(e, ENOMEM, "out of memory");
	} else if (!strncmp(text, "tcp:", 4)) {
		fd = listen_tcp(text + 4, e);
	} else {
		err_set(e, EINVAL, "'%.100s' is no place for a debugger: tcp:[HOST]:PORT, unix:PATH, fd=N, stdio or none expected", text);
		return err_hint(e, "other ways are emu-mon's, which passes their fds");
	}
	if (fd < 0)
		return fd;
	if (is_listener(fd))
		s->listener = fd;
	else
		s->in = s->out = fd;
	return 0;
}

int gdb_start(struct machine *m, struct err *e)
{
	struct stub *s = m->parts->stub;
	int r, in;

	if (!s || (s->listener < 0 && s->in < 0))
		return 0;
	r = stub_begin(s, e);
	if (r == 0 && s->listener >= 0)
		return listen_to(s, s->listener, e);
	in = s->in;
	return r < 0 ? r : come(s, in, s->out, in == 0, e);
}

const char *gdb_socket_name(const struct machine *m)
{
	return m->parts->stub ? m->parts->stub->path : NULL;
}

void gdb_core_free(struct machine *m)
{
	struct stub *s = m->parts->stub;

	if (!s)
		return;
	if (s->in >= 0 && s->server)
		gdb_exited(s->server, 0, false);
	drop(s);
	stop_listening(s);
	gdb_free(s->server);
	free(s->waiting);
	free(s->path);
	free(s);
	m->parts->stub = NULL;
}

/* ---- control commands ---- */

/*
 * With a descriptor: a debugger is there, or comes there. device "none": the debugger's place is closed, and whoever is there has to go. monitor: who sends
 * this answers x-gdb-command events, while this connection lasts.
 */
static json_t *gdbserver(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	const char *device = json_string_value(json_object_get(args, "device"));
	int fd = ctl_take_fd(call, 0);
	struct stub *s = stub_of(m, e);

	if (!s || stub_begin(s, e) < 0) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (fd >= 0 && is_listener(fd)) {
		listen_to(s, fd, e);
	} else if (fd >= 0 && s->in >= 0) {
		close(fd);
		err_set(e, EBUSY, "a debugger is there already");
	} else if (fd >= 0) {
		if (come(s, fd, fd, false, e) == 0)
			s->monitor = json_is_true(json_object_get(args, "monitor"));
	} else if (device && !strcmp(device, "none")) {
		stop_listening(s);
		if (s->in >= 0)
			gone(s);
	} else {
		err_set(e, EINVAL, "a descriptor must come with the command, or device is \"none\"");
	}
	return NULL;
}
static const struct ctl_arg gdbserver_args[] = {{"device", 's', true}, {"monitor", 'b', true}, {0}};
static const struct ctl_command gdbserver_row = {.name = "x-gdbserver", .args = gdbserver_args, .run = gdbserver};
CTL_COMMAND(gdbserver_row);

static json_t *answer(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct stub *s = ((struct machine *)opaque)->parts->stub;

	(void)call;
	if (!s || s->in < 0 || json_integer_value(json_object_get(args, "id")) != s->command)
		err_set(e, ENOENT, "nobody waits for that any more");
	else
		gdb_command_done(s->server, json_string_value(json_object_get(args, "text")), json_is_true(json_object_get(args, "failed")));
	return NULL;
}
static const struct ctl_arg answer_args[] = {{"id", 'i', false}, {"text", 's', false}, {"failed", 'b', true}, {0}};
static const struct ctl_command answer_row = {.name = "x-gdb-answer", .args = answer_args, .run = answer};
CTL_COMMAND(answer_row);
