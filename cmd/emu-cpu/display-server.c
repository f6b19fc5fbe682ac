/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Viewers of the screens: the machine's side of emu-display(7).
 *
 * Theory of operation: nothing is ever queued for a viewer. What it has to be told are bits (`owed`); a message is made from the present state when
 * its socket takes one, so a viewer that does not read costs nothing and, when it does, learns how things are now. Screens are drawn only while a
 * viewer waits for the doorbell (ARM): one timer draws them all, every 16 ms while something changes, and less and less often, down to every 100 ms,
 * while nothing does.
 */
#include "display-server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
#include "core.h"
#include "display-internal.h"
#include "proto/display.h"

enum { VIEWERS = 16, SCREENS = 8, BURST = 64, FAST_MS = 16, SLOW_MS = 100 };
#define NS_PER_MS 1000000ull

/* Per screen */
enum { OWE_SURFACE = 1, OWE_CURSOR = 2, OWE_TEXT = 4 };

struct viewer {
	struct display_server *server;
	struct viewer *next;
	int fd;
	struct loop_fd *watch;
	bool dead, owe_hello, owe_input;
	struct {
		struct display_page *page;
		int page_fd;
		unsigned owed;
		bool armed, dirty; /* waits for the doorbell; there are bits it has not been told of */
	} screen[SCREENS];
};

struct display_server {
	struct machine *machine;
	int fd;
	struct loop_fd *watch;
	struct viewer *viewers;
	unsigned count;
	struct timer *timer;
	unsigned interval_ms;
	unsigned leds;
	bool absolute;
};

static struct display_server *server(const struct machine *m)
{
	return m->parts->viewers;
}

static struct display *screen_at(const struct machine *m, unsigned n)
{
	struct display *d = m->displays;
	while (d && n--)
		d = d->next;
	return d;
}

static unsigned screen_number(const struct display *d)
{
	unsigned n = 0;
	for (const struct display *i = d->machine->displays; i && i != d; i = i->next)
		n++;
	return n;
}

static unsigned screens(const struct machine *m)
{
	unsigned n = 0;
	for (const struct display *d = m->displays; d && n < SCREENS; d = d->next)
		n++;
	return n;
}

/* ---- to viewers ---- */

/* One message. False: not now (the socket is full), or never (the viewer has gone). */
static bool send_message(struct viewer *v, const struct iovec *iov, unsigned iovs, const int *fds, unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = iovs};
	ssize_t n;

	if (count) {
		memset(&control, 0, sizeof control);
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do
		n = sendmsg(v->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != ENOBUFS)
		v->dead = true;
	return n >= 0;
}

static bool send_plain(struct viewer *v, const void *data, size_t size)
{
	struct iovec iov = {(void *)(uintptr_t)data, size};
	return send_message(v, &iov, 1, NULL, 0);
}

/* Tiles that the rectangle touches; the geometry is the machine's own, never what the page says. */
static void mark(struct display_page *p, const struct display *d, unsigned x, unsigned y, unsigned width, unsigned height)
{
	unsigned across = (d->width + DISPLAY_TILE - 1) / DISPLAY_TILE;
	for (unsigned row = y / DISPLAY_TILE; row <= (y + height - 1) / DISPLAY_TILE; row++)
		for (unsigned column = x / DISPLAY_TILE; column <= (x + width - 1) / DISPLAY_TILE; column++) {
			unsigned n = row * across + column;
			__atomic_fetch_or(&p->dirty[n / 32], 1u << n % 32, __ATOMIC_RELEASE);
		}
}

static int page_new(struct viewer *v, unsigned n)
{
	int fd = memfd_create("emu-display-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, DISPLAY_PAGE) && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		p = mmap(NULL, DISPLAY_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	v->screen[n].page = p;
	v->screen[n].page_fd = fd;
	return 0;
}

static void page_fill(struct display_page *p, const struct display *d)
{
	p->magic = DISPLAY_MAGIC;
	p->version = DISPLAY_VERSION;
	p->width = d->width;
	p->height = d->height;
	p->stride = d->stride;
	p->fourcc = DISPLAY_XRGB8888;
	p->across = (d->width + DISPLAY_TILE - 1) / DISPLAY_TILE;
	p->down = (d->height + DISPLAY_TILE - 1) / DISPLAY_TILE;
	p->words = (p->across * p->down + 31) / 32;
	__atomic_store_n(&p->generation, d->generation, __ATOMIC_RELEASE);
}

static bool send_surface(struct viewer *v, unsigned n, const struct display *d)
{
	if (d->fd < 0)
		return true; /* it comes when there is one */
	if (!v->screen[n].page && page_new(v, n) < 0) {
		v->dead = true;
		return false;
	}
	page_fill(v->screen[n].page, d);
	mark(v->screen[n].page, d, 0, 0, d->width, d->height);
	struct display_surface s = {.type = DISPLAY_SURFACE, .screen = n, .generation = d->generation, .width = d->width, .height = d->height,
				    .stride = d->stride, .fourcc = DISPLAY_XRGB8888};
	struct iovec iov = {&s, sizeof s};
	int fds[2] = {d->fd, v->screen[n].page_fd};
	return send_message(v, &iov, 1, fds, 2);
}

static bool send_cursor(struct viewer *v, unsigned n, const struct display *d)
{
	struct display_cursor c = {.type = DISPLAY_CURSOR, .screen = n, .x = d->cursor_x, .y = d->cursor_y, .visible = d->cursor_visible,
				   .width = d->cursor_width, .height = d->cursor_height, .hot_x = d->cursor_hot_x, .hot_y = d->cursor_hot_y};
	struct iovec iov[2] = {{&c, sizeof c}, {(void *)(uintptr_t)d->cursor_image, (size_t)d->cursor_width * d->cursor_height * 4}};
	return send_message(v, iov, 2, NULL, 0);
}

static bool send_text(struct viewer *v, unsigned n, const struct display *d)
{
	uint16_t *cells = malloc(DISPLAY_CELLS_MAX * sizeof *cells);
	struct display_text t = {.type = DISPLAY_TEXT, .screen = n};
	struct display_text_info info;
	bool sent;

	if (!cells)
		return true;
	if (d->ops->text && d->ops->text(d->opaque, cells, DISPLAY_CELLS_MAX, &info)) {
		t.columns = info.columns;
		t.rows = info.rows;
		t.cursor_x = info.cursor_x;
		t.cursor_y = info.cursor_y;
	}
	struct iovec iov[2] = {{&t, sizeof t}, {cells, (size_t)t.columns * t.rows * sizeof *cells}};
	sent = send_message(v, iov, 2, NULL, 0);
	free(cells);
	return sent;
}

static void update_watch(struct viewer *v)
{
	unsigned owed = v->owe_hello || v->owe_input;
	for (unsigned n = 0; n < SCREENS; n++)
		owed |= v->screen[n].owed || (v->screen[n].armed && v->screen[n].dirty);
	loop_set_fd(v->watch, LOOP_READ | (owed ? LOOP_WRITE : 0u));
}

/* Sends what is owed, as far as the socket takes it. */
static void pay(struct viewer *v)
{
	struct display_server *s = v->server;
	struct machine *m = s->machine;

	if (v->owe_hello) {
		struct display_hello h = {DISPLAY_HELLO, DISPLAY_MAGIC, DISPLAY_VERSION, screens(m)};
		v->owe_hello = !send_plain(v, &h, sizeof h);
	}
	if (!v->owe_hello && v->owe_input) {
		struct display_input i = {DISPLAY_INPUT, s->absolute, s->leds, 0};
		v->owe_input = !send_plain(v, &i, sizeof i);
	}
	for (unsigned n = 0; n < SCREENS && !v->owe_hello && !v->dead; n++) {
		const struct display *d = screen_at(m, n);
		unsigned *owed = &v->screen[n].owed;
		if (!d)
			break;
		if (*owed & OWE_SURFACE && send_surface(v, n, d)) {
			*owed &= ~(unsigned)OWE_SURFACE;
			v->screen[n].dirty |= d->fd >= 0;
		}
		if (*owed & OWE_CURSOR && send_cursor(v, n, d))
			*owed &= ~(unsigned)OWE_CURSOR;
		if (*owed & OWE_TEXT && send_text(v, n, d))
			*owed &= ~(unsigned)OWE_TEXT;
		if (v->screen[n].armed && v->screen[n].dirty && !(*owed & OWE_SURFACE)) {
			struct display_head h = {DISPLAY_DIRTY, n};
			if (send_plain(v, &h, sizeof h))
				v->screen[n].armed = v->screen[n].dirty = false;
		}
	}
	update_watch(v);
}

static void viewer_free(struct viewer *v)
{
	struct viewer **at = &v->server->viewers;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	v->server->count--;
	for (unsigned n = 0; n < SCREENS; n++)
		if (v->screen[n].page) {
			munmap(v->screen[n].page, DISPLAY_PAGE);
			close(v->screen[n].page_fd);
		}
	loop_del_fd(v->watch);
	close(v->fd);
	free(v);
}

/* Those that died while others were being served: callers still go along the list then. */
static void bury(struct display_server *s)
{
	for (struct viewer *v = s->viewers, *next; v; v = next) {
		next = v->next;
		if (v->dead)
			viewer_free(v);
	}
}

/* ---- drawing ---- */

static bool anybody_waits(const struct display_server *s, unsigned n)
{
	for (const struct viewer *v = s->viewers; v; v = v->next)
		if (v->screen[n].armed)
			return true;
	return false;
}

static void draw(void *opaque)
{
	struct display_server *s = opaque;
	struct machine *m = s->machine;
	bool waits = false, changed = false;

	for (unsigned n = 0; n < screens(m); n++) {
		struct display *d = screen_at(m, n);
		uint64_t before = d->changes;
		if (!anybody_waits(s, n))
			continue;
		waits = true;
		d->ops->refresh(d->opaque);
		changed |= d->changes != before;
	}
	unsigned leds = input_leds_now(m);
	bool absolute = input_takes_position(m);
	if (leds != s->leds || absolute != s->absolute) {
		s->leds = leds;
		s->absolute = absolute;
		for (struct viewer *v = s->viewers; v; v = v->next)
			v->owe_input = true;
	}
	for (struct viewer *v = s->viewers; v; v = v->next)
		pay(v);
	bury(s);
	s->interval_ms = changed ? FAST_MS : s->interval_ms + FAST_MS / 4 > SLOW_MS ? SLOW_MS : s->interval_ms + FAST_MS / 4;
	if (waits && s->viewers)
		timer_set(s->timer, clock_ns(m, CLOCK_REAL) + s->interval_ms * NS_PER_MS);
}

static void draw_soon(struct display_server *s)
{
	uint64_t at = clock_ns(s->machine, CLOCK_REAL) + FAST_MS * NS_PER_MS;

	if (!timer_armed(s->timer) || timer_at(s->timer) > at)
		timer_set(s->timer, at);
}

/* ---- from viewers ---- */

static bool screen_ok(const struct viewer *v, unsigned n)
{
	return n < screens(v->server->machine);
}

static bool event_ok(const struct display_event *e)
{
	switch (e->type) {
	case DISPLAY_KEY:
	case DISPLAY_BUTTON: return e->code < KEY_CNT && e->down <= 1;
	case DISPLAY_RELATIVE:
	case DISPLAY_WHEEL: return e->x >= -32768 && e->x <= 32767 && e->y >= -32768 && e->y <= 32767;
	case DISPLAY_ABSOLUTE: return (uint32_t)e->x <= DISPLAY_ABSOLUTE_MAX && (uint32_t)e->y <= DISPLAY_ABSOLUTE_MAX;
	default: return true;
	}
}

static void input_event(struct machine *m, const struct display_event *e)
{
	switch (e->type) {
	case DISPLAY_KEY: input_key(m, e->code, e->down); break;
	case DISPLAY_BUTTON: input_button(m, e->code, e->down); break;
	case DISPLAY_RELATIVE: input_motion(m, e->x, e->y); break;
	case DISPLAY_ABSOLUTE: input_position(m, (unsigned)e->x, (unsigned)e->y); break;
	case DISPLAY_WHEEL: input_wheel(m, e->y); break;
	default: input_sync(m); break;
	}
}

/* False: no message of this protocol. */
static bool take_message(struct viewer *v, const void *data, size_t size)
{
	struct display_event e;
	struct display_head h;

	if (size < sizeof h)
		return false;
	memcpy(&h, data, sizeof h);
	switch (h.type) {
	case DISPLAY_ARM:
		if (size != sizeof h || !screen_ok(v, h.screen))
			return false;
		v->screen[h.screen].armed = true;
		draw_soon(v->server);
		return true;
	case DISPLAY_GET_TEXT:
		if (size != sizeof h || !screen_ok(v, h.screen))
			return false;
		v->screen[h.screen].owed |= OWE_TEXT;
		return true;
	case DISPLAY_KEY: case DISPLAY_RELATIVE: case DISPLAY_ABSOLUTE: case DISPLAY_BUTTON: case DISPLAY_WHEEL: case DISPLAY_SYNC:
		if (size != sizeof e)
			return false;
		memcpy(&e, data, sizeof e);
		if (!event_ok(&e))
			return false;
		input_event(v->server->machine, &e);
		return true;
	default: return false;
	}
}

static void viewer_ready(void *opaque, unsigned events)
{
	struct viewer *v = opaque;
	struct machine *m = v->server->machine;
	char data[64]; /* larger messages are cut short, and are no message of ours */

	machine_lock(m);
	for (unsigned i = 0; i < BURST && !v->dead && events & (LOOP_READ | LOOP_HANGUP); i++) {
		ssize_t n = recv(v->fd, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			v->dead = true;
		} else if (!take_message(v, data, (size_t)n)) {
			err_print("a viewer sent what is no display message (%zd bytes); it is disconnected", n);
			v->dead = true;
		}
	}
	if (!v->dead)
		pay(v);
	bury(v->server);
	machine_unlock(m);
}

int display_server_add(struct machine *m, int fd, struct err *e)
{
	struct display_server *s = server(m);
	struct viewer *v;
	int type = 0, r;
	socklen_t size = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
		close(fd);
		return err_set(e, EINVAL, "a viewer's connection is a SOCK_SEQPACKET socket");
	}
	if (s->count == VIEWERS) {
		close(fd);
		return err_set(e, EMFILE, "there are %u viewers already", VIEWERS);
	}
	v = calloc(1, sizeof *v);
	r = v ? fd_set_nonblock(fd, true) : -ENOMEM;
	if (r == 0 && !(v->watch = loop_add_fd(m->loop, fd, LOOP_READ, viewer_ready, v, e)))
		r = -e->code;
	if (r < 0) {
		free(v);
		close(fd);
		return e->code ? -e->code : err_errno(e, -r, "cannot take a viewer");
	}
	v->server = s;
	v->fd = fd;
	v->owe_hello = v->owe_input = true;
	for (unsigned n = 0; n < SCREENS; n++)
		v->screen[n].owed = OWE_SURFACE | OWE_CURSOR;
	v->next = s->viewers;
	s->viewers = v;
	s->count++;
	s->leds = input_leds_now(m);
	s->absolute = input_takes_position(m);
	/* A first picture for who comes before anything was drawn. */
	for (struct display *d = m->displays; d; d = d->next)
		d->ops->refresh(d->opaque);
	pay(v);
	bury(s);
	return 0;
}

static void knocked(void *opaque, unsigned events)
{
	struct display_server *s = opaque;
	struct err e = ERR_INIT;
	int fd = sock_accept(s->fd, &e);

	(void)events;
	if (fd < 0)
		return;
	machine_lock(s->machine);
	if (display_server_add(s->machine, fd, &e) < 0)
		err_report(&e);
	machine_unlock(s->machine);
}

/* ---- from display.c ---- */

void display_server_surface(struct display *d)
{
	struct display_server *s = server(d->machine);
	unsigned n = screen_number(d);

	for (struct viewer *v = s ? s->viewers : NULL; v && n < SCREENS; v = v->next)
		v->screen[n].owed |= OWE_SURFACE;
}

void display_server_dirty(struct display *d, unsigned x, unsigned y, unsigned width, unsigned height)
{
	struct display_server *s = server(d->machine);
	unsigned n = screen_number(d);

	for (struct viewer *v = s ? s->viewers : NULL; v && n < SCREENS; v = v->next) {
		v->screen[n].dirty = true;
		if (v->screen[n].page && !(v->screen[n].owed & OWE_SURFACE))
			mark(v->screen[n].page, d, x, y, width, height);
	}
}

void display_server_cursor(struct display *d)
{
	struct display_server *s = server(d->machine);
	unsigned n = screen_number(d);

	for (struct viewer *v = s ? s->viewers : NULL; v && n < SCREENS; v = v->next) {
		v->screen[n].owed |= OWE_CURSOR;
		update_watch(v);
	}
}

/* The screens behind it move up: viewers begin anew. */
void display_server_gone(struct display *d)
{
	struct display_server *s = server(d->machine);

	for (struct viewer *v = s ? s->viewers : NULL; v; v = v->next)
		v->dead = true;
	if (s)
		bury(s);
}

/* ---- life ---- */

int display_server_listen(struct machine *m, const char *path, struct err *e)
{
	struct display_server *s = server(m);

	s->fd = sock_listen_unix(path, SOCK_SEQPACKET, 0600, e);
	if (s->fd < 0)
		return s->fd;
	s->watch = loop_add_fd(m->loop, s->fd, LOOP_READ, knocked, s, e);
	return s->watch ? 0 : -e->code;
}

int display_core_init(struct machine *m, struct err *e)
{
	struct display_server *s = calloc(1, sizeof *s);

	m->parts->viewers = s;
	if (!s || !(s->timer = timer_new(m, CLOCK_REAL, draw, s)))
		return err_set(e, ENOMEM, "out of memory");
	s->machine = m;
	s->fd = -1;
	s->interval_ms = FAST_MS;
	return 0;
}

void display_core_free(struct machine *m)
{
	struct display_server *s = server(m);

	if (!s)
		return;
	while (s->viewers)
		viewer_free(s->viewers);
	loop_del_fd(s->watch);
	if (s->fd >= 0)
		close(s->fd);
	timer_free(s->timer);
	free(s);
	m->parts->viewers = NULL;
}
