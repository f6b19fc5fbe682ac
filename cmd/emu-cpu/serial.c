/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte streams. The fd is non-blocking; what it does not take stays with the device, which hears when there is room again. Input is
 * read only while the device has room, so that a slow guest slows the writer at the other end and nothing is lost.
 *
 * A port gives its output byte by byte, each between instructions of the guest. It is gathered for a millisecond, which nobody sees, and goes out in one write.
 */
#include "serial.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/keyval.h"
#include "base/size.h"
#include "base/sock.h"
#include "core.h"
#include "ctl-server.h"
#include "plugs.h"

#define CHUNK 4096
#define GATHER 2048         /* bytes of output that wait, at most */
#define GATHER_NS 1000000   /* … and how long */
#define LAST_WORDS_MS 500   /* for who reads slowly, at the end */
#define PATIENCE_MS 10000 /* for a peer that is being started */

struct serial {
	struct machine *machine;
	char *id, *class_name;
	int in, out;          /* the same fd for sockets; -1: nobody is there */
	int in_flags, out_flags; /* to be put back at the end: the fds may be a terminal's */
	bool borrowed;        /* standard input and output: not closed */
	struct loop_fd *watch_in, *watch_out;
	bool file;            /* epoll takes no regular files: input is read when there is room */
	bool blocked;         /* a write was short */
	uint8_t out_data[GATHER];
	size_t out_size;
	struct timer *timer;  /* armed while there is some */
	bool pumping;         /* a posted call is on its way */
	bool later;           /* it came while the machine ran, for one device, with which it goes */
	bool gone;
	const struct serial_ops *ops;
	void *opaque;
	struct serial_line line; /* baud 0: the guest has not said */
	struct serial *next;
};

struct serial_core {
	struct serial *list;
	unsigned made;
};

static struct serial_core *core(const struct machine *m)
{
	return m->parts->serials;
}

static void update_watches(struct serial *s);
static void later(struct serial *s);

/* What was gathered goes out. False: not all of it. */
static bool flush_out(struct serial *s)
{
	size_t sent = 0;

	while (sent < s->out_size) {
		ssize_t n = write(s->out, s->out_data + sent, s->out_size - sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) /* the reader has gone; the loop hears of it too, where it can */
			n = (ssize_t)(s->out_size - sent);
		if (n < 0)
			break;
		sent += (size_t)n;
	}
	s->out_size -= sent;
	memmove(s->out_data, s->out_data + sent, s->out_size);
	if (s->out_size && s->watch_out) {
		s->blocked = true;
		if (loop_is_mine(s->machine->loop))
			update_watches(s);
		else
			later(s);
	} else if (s->out_size) {
		s->out_size = 0; /* nothing tells when there is room */
	}
	return !s->out_size;
}

static void flush_now(void *opaque)
{
	struct serial *s = opaque;

	if (s->out >= 0 && !s->blocked)
		flush_out(s);
}

static void drop(struct serial *s)
{
	struct pollfd p = {s->out, POLLOUT, 0};

	while (s->out >= 0 && s->out_size && !flush_out(s) && poll(&p, 1, LAST_WORDS_MS) > 0 && !(p.revents & (POLLERR | POLLHUP)))
		;
	s->out_size = 0;
	if (s->timer)
		timer_stop(s->timer);
	loop_del_fd(s->watch_in);
	if (s->watch_out != s->watch_in)
		loop_del_fd(s->watch_out);
	s->watch_in = s->watch_out = NULL;
	if (s->borrowed) {
		if (s->in >= 0)
			fcntl(s->in, F_SETFL, s->in_flags);
		if (s->out >= 0)
			fcntl(s->out, F_SETFL, s->out_flags);
	} else {
		if (s->in >= 0)
			close(s->in);
		if (s->out >= 0 && s->out != s->in)
			close(s->out);
	}
	s->in = s->out = -1;
	s->blocked = false;
}

static void free_serial(struct serial *s)
{
	drop(s);
	timer_free(s->timer);
	free(s->id);
	free(s->class_name);
	free(s);
}

static void event(struct serial *s, int what)
{
	if (s->ops && s->ops->event)
		s->ops->event(s->opaque, what);
}

static void closed(struct serial *s)
{
	bool waiting = s->blocked;

	drop(s);
	event(s, SERIAL_CLOSED);
	/* Writes vanish from now on, so whoever waits for room has it. */
	if (waiting && s->ops && s->ops->writable)
		s->ops->writable(s->opaque);
}

static size_t room(struct serial *s)
{
	return s->ops && s->ops->receive ? (s->ops->can_receive ? s->ops->can_receive(s->opaque) : CHUNK) : 0;
}

/* Main thread: what the loop looks at follows from the state. */
static void update_watches(struct serial *s)
{
	unsigned in = s->in >= 0 && room(s) ? LOOP_READ : 0, out = s->out >= 0 && s->blocked ? LOOP_WRITE : 0;

	if (s->watch_in && s->watch_in == s->watch_out) {
		loop_set_fd(s->watch_in, in | out);
		return;
	}
	if (s->watch_in)
		loop_set_fd(s->watch_in, in);
	if (s->watch_out)
		loop_set_fd(s->watch_out, out);
}

static void receive(struct serial *s)
{
	uint8_t data[CHUNK];
	size_t most = room(s);
	ssize_t n;

	if (s->in < 0 || !most)
		return;
	n = read(s->in, data, most < sizeof data ? most : sizeof data);
	if (n > 0)
		s->ops->receive(s->opaque, data, (size_t)n);
	else if (n == 0 && s->in != s->out) {
		/* The end of standard input is not the end of output. */
		loop_del_fd(s->watch_in);
		s->watch_in = NULL;
		if (!s->borrowed)
			close(s->in);
		else
			fcntl(s->in, F_SETFL, s->in_flags);
		s->in = -1;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		closed(s);
}

static void pump(void *opaque);

static void later(struct serial *s)
{
	if (!s->pumping)
		s->pumping = loop_post(s->machine->loop, pump, s) == 0;
}

static void pump(void *opaque)
{
	struct serial *s = opaque;

	machine_lock(s->machine);
	s->pumping = false;
	if (s->file && s->in >= 0 && room(s)) {
		receive(s);
		if (s->in >= 0 && room(s))
			later(s);
	}
	update_watches(s);
	machine_unlock(s->machine);
}

static void ready(void *opaque, unsigned events)
{
	struct serial *s = opaque;

	machine_lock(s->machine);
	if (events & LOOP_WRITE && s->blocked) {
		s->blocked = false;
		if (flush_out(s) && s->ops && s->ops->writable)
			s->ops->writable(s->opaque);
	}
	if (events & (LOOP_READ | LOOP_HANGUP)) {
		/* A hang-up with the guest not reading: what is left in the socket waits for it. */
		if (room(s))
			receive(s);
		else if (events & LOOP_HANGUP)
			closed(s);
	}
	if (s->in >= 0 || s->out >= 0)
		update_watches(s);
	machine_unlock(s->machine);
}

/* Under the lock, main thread. */
static int connect_fds(struct serial *s, int in, int out, bool borrowed, struct err *e)
{
	struct loop *l = s->machine->loop;

	s->in = in;
	s->out = out;
	s->borrowed = borrowed;
	s->file = false;
	s->in_flags = in >= 0 ? fcntl(in, F_GETFL) : 0;
	s->out_flags = out >= 0 ? fcntl(out, F_GETFL) : 0;
	if ((in >= 0 && fcntl(in, F_SETFL, s->in_flags | O_NONBLOCK) < 0) || (out >= 0 && fcntl(out, F_SETFL, s->out_flags | O_NONBLOCK) < 0))
		return err_errno(e, errno, "cannot use fd %d", in);
	if (in >= 0) {
		s->watch_in = loop_add_fd(l, in, LOOP_READ, ready, s, e);
		if (!s->watch_in && e->code != EPERM)
			return -e->code;
		s->file = !s->watch_in;
	}
	if (out == in) {
		s->watch_out = s->watch_in;
	} else if (out >= 0) {
		s->watch_out = loop_add_fd(l, out, LOOP_WRITE, ready, s, e);
		if (!s->watch_out && e->code != EPERM)
			return -e->code;
	}
	e->code = 0;
	update_watches(s);
	if (s->file)
		later(s);
	event(s, SERIAL_OPENED);
	return 0;
}

static json_t *line_json(const struct serial *s)
{
	const char parity[2] = {s->line.parity, 0};

	return json_pack("{s:s, s:I, s:i, s:s, s:i}", "id", s->id, "baud", (json_int_t)s->line.baud, "data-bits", (int)s->line.data_bits, "parity", parity,
			 "stop-bits", (int)s->line.stop_bits);
}

void serial_set_line(struct serial *s, const struct serial_line *l)
{
	if (!s || (s->line.baud == l->baud && s->line.data_bits == l->data_bits && s->line.parity == l->parity && s->line.stop_bits == l->stop_bits))
		return;
	s->line = *l;
	machine_event(s->machine, "X_SERIAL_LINE", line_json(s));
}

/* For a monitor that was started again. */
static json_t *query_lines(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (const struct serial *s = core(opaque)->list; s; s = s->next)
		if (s->line.baud)
			json_array_append_new(list, line_json(s));
	return list;
}
static const struct ctl_command lines_row = {.name = "x-query-serial-lines", .run = query_lines};
CTL_COMMAND(lines_row);

int serial_reconnect(struct machine *m, const char *id, int fd, struct err *e)
{
	struct serial *s = serial_find(m, id);

	if (!s)
		return err_set(e, ENODEV, "there is no byte stream '%s'", id);
	if (s->in >= 0 || s->out >= 0)
		closed(s);
	return connect_fds(s, fd, fd, false, e);
}

int serial_break(struct machine *m, const char *id, struct err *e)
{
	struct serial *s = serial_find(m, id);

	if (!s)
		return err_set(e, ENODEV, "there is no byte stream '%s'", id);
	event(s, SERIAL_BREAK);
	return 0;
}

int serial_add(struct machine *m, const char *class_name, const char *text, struct err *e)
{
	struct serial_core *c = core(m);
	struct serial *s = calloc(1, sizeof *s), **p;
	struct keyval kv;
	const char *id, *backend, *fd_text, *path;
	char made[64];
	int r = 0;
	int64_t fd;

	if (!s || keyval_parse(text, "backend", &kv, e) < 0) {
		free(s);
		return e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
	}
	backend = keyval_get(&kv, "backend");
	id = keyval_get(&kv, "id");
	fd_text = keyval_get(&kv, "fd");
	path = keyval_get(&kv, "unix");
	if (!path)
		path = keyval_get(&kv, "path");
	snprintf(made, sizeof made, "%s%u", class_name, c->made);
	s->machine = m;
	s->in = s->out = -1;
	s->id = strdup(id ? id : made);
	s->class_name = strdup(class_name);
	s->timer = timer_new(m, CLOCK_REAL, flush_now, s);
	if (!s->timer || !s->id || !s->class_name) {
		r = err_set(e, ENOMEM, "out of memory");
		goto out;
	}
	if (serial_find(m, s->id)) {
		r = err_set(e, EEXIST, "Duplicate ID '%s' for chardev", s->id);
		goto out;
	}
	if (fd_text) {
		r = number_parse("fd", fd_text, 0, INT32_MAX, &fd, e);
		if (r == 0 && fcntl((int)fd, F_GETFD) < 0)
			r = err_errno(e, errno, "fd %d", (int)fd);
		if (r == 0) {
			fcntl((int)fd, F_SETFD, FD_CLOEXEC);
			r = connect_fds(s, (int)fd, (int)fd, false, e);
		}
	} else if (backend && !strcmp(backend, "file")) {
		int out = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
		r = !path ? err_set(e, EINVAL, "file: path=PATH is missing") : out < 0 ? err_errno(e, errno, "cannot open %s", path)
		    : connect_fds(s, -1, out, false, e);
	} else if (path) {
		int sock = sock_wait_unix(path, SOCK_STREAM, PATIENCE_MS, e);
		r = sock < 0 ? sock : connect_fds(s, sock, sock, false, e);
	} else if (backend && !strcmp(backend, "stdio")) {
		r = connect_fds(s, 0, 1, true, e);
	} else if (!backend || (strcmp(backend, "null") && strcmp(backend, "none"))) {
		err_set(e, EINVAL, "'%s' is no byte stream of emu-cpu: fd=N, unix=PATH, file,path=PATH, stdio, null or none expected", text);
		r = err_hint(e, "other character back ends are emu-mon's, which passes their fds");
	}
	if (r == 0) {
		c->made++;
		for (p = &c->list; *p; p = &(*p)->next)
			;
		*p = s;
		s = NULL;
	}
out:
	if (s)
		free_serial(s);
	keyval_free(&kv);
	return r;
}

/* ---- streams that come and go while the machine runs ---- */

/* The loop's: what it looks at is its thread's alone. */
static void forget(void *opaque)
{
	struct serial *s = opaque;
	struct machine *m = s->machine;

	machine_lock(m);
	if (s->pumping) {
		loop_post(m->loop, forget, s);
	} else {
		for (struct serial **p = &core(m)->list; *p; p = &(*p)->next)
			if (*p == s) {
				*p = s->next;
				break;
			}
		free_serial(s);
	}
	machine_unlock(m);
}

static void leave(struct serial *s)
{
	s->gone = true;
	loop_post(s->machine->loop, forget, s);
}

static json_t *query_streams(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (const struct serial *s = core(opaque)->list; s; s = s->next)
		if (!s->gone)
			json_array_append_new(list, json_pack("{s:s, s:b}", "id", s->id, "used", (int)serial_used(s)));
	return list;
}
static const struct ctl_command streams_row = {.name = "x-query-chardev-streams", .run = query_streams};
CTL_COMMAND(streams_row);

/* A stream for device_add, which takes it next. */
static json_t *stream_add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	int fd = ctl_take_fd(call, 0);
	char *quoted = keyval_quote(json_string_value(json_object_get(args, "id"))), *text = NULL;

	if (fd < 0)
		err_set(e, EBADF, "a file descriptor must come with the command");
	else if (!quoted || asprintf(&text, "id=%s,fd=%d", quoted, fd) < 0)
		err_set(e, ENOMEM, "out of memory");
	else if (serial_add(opaque, "chardev", text, e) == 0)
		serial_find(opaque, json_string_value(json_object_get(args, "id")))->later = true;
	else if (e->code == EEXIST)
		close(fd);
	free(text);
	free(quoted);
	return NULL;
}
static const struct ctl_arg stream_args[] = {{"id", 's', false}, {0}};
static const struct ctl_command stream_add_row = {.name = "x-chardev-stream-add", .args = stream_args, .run = stream_add};
CTL_COMMAND(stream_add_row);

/* device_add failed. */
static json_t *stream_del(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *id = json_string_value(json_object_get(args, "id"));
	struct serial *s = serial_find(opaque, id);

	(void)call;
	if (!s || !s->later)
		err_set(e, ENODEV, "there is no byte stream '%s' that came while the machine ran", id);
	else if (serial_used(s))
		err_set(e, EBUSY, "the byte stream '%s' is in use", id);
	else
		leave(s);
	return NULL;
}
static const struct ctl_command stream_del_row = {.name = "x-chardev-stream-del", .args = stream_args, .run = stream_del};
CTL_COMMAND(stream_del_row);

/* ---- devices ---- */

const char *serial_id(const struct serial *s)
{
	return s->id;
}

bool serial_used(const struct serial *s)
{
	return s->ops != NULL;
}

void serial_attach(struct serial *s, const struct serial_ops *ops, void *opaque)
{
	if (!s)
		return;
	s->ops = ops;
	s->opaque = opaque;
	if (!ops && s->later && !s->gone) {
		leave(s);
		return;
	}
	if (ops && (s->in >= 0 || s->out >= 0))
		event(s, SERIAL_OPENED);
	serial_accept(s);
}

size_t serial_write(struct serial *s, const uint8_t *data, size_t n)
{
	size_t done = 0;

	if (!s || s->out < 0)
		return n;
	while (done < n && !s->blocked) {
		size_t k = n - done < GATHER - s->out_size ? n - done : GATHER - s->out_size;
		memcpy(s->out_data + s->out_size, data + done, k);
		s->out_size += k;
		done += k;
		if (s->out_size == GATHER || clock_owned(s->machine))
			flush_out(s);
	}
	if (s->out_size && !s->blocked && !timer_armed(s->timer))
		timer_set(s->timer, clock_ns(s->machine, CLOCK_REAL) + GATHER_NS);
	return done;
}

void serial_accept(struct serial *s)
{
	if (!s || s->in < 0)
		return;
	if (loop_is_mine(s->machine->loop) && !s->file)
		update_watches(s);
	else
		later(s);
}

struct serial *serial_find(struct machine *m, const char *id)
{
	for (struct serial *s = core(m)->list; s; s = s->next)
		if (!s->gone && !strcmp(s->id, id))
			return s;
	return NULL;
}

struct serial *serial_at(struct machine *m, const char *class_name, unsigned n)
{
	for (struct serial *s = core(m)->list; s; s = s->next)
		if (!strcmp(s->class_name, class_name) && n-- == 0)
			return s;
	return NULL;
}

int serial_core_init(struct machine *m, struct err *e)
{
	m->parts->serials = calloc(1, sizeof *m->parts->serials);
	return m->parts->serials ? 0 : err_set(e, ENOMEM, "out of memory");
}

void serial_core_free(struct machine *m)
{
	struct serial_core *c = core(m);

	while (c && c->list) {
		struct serial *s = c->list;
		c->list = s->next;
		s->ops = NULL;
		free_serial(s);
	}
	free(c);
	m->parts->serials = NULL;
}
