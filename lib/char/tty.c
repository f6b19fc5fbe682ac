/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminals: the one the process was started from (stdio), new ones (pty), and serial ports of the host.
 *
 * A pty's terminal side is opened and closed once at the start: from then on the kernel tells by POLLHUP whether somebody has it open,
 * which nothing but asking now and then shows while nobody has.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "char/core.h"
#include "char/stream.h"
#include "char/terminal.h"

#define PTY_POLL_NS 100000000u /* how soon a user of the pty is seen */

struct tty {
	struct char_stream s;
	int in, out;
	bool raw, restore_in, restore_out, signals;
	struct termios saved;
	struct loop_timer *poll; /* pty */
};

static void stop(struct chardev *c, struct tty *t)
{
	char_stream_stop(&t->s);
	loop_del_timer(t->poll);
	if (t->in >= 0)
		close(t->in);
	if (t->out >= 0 && t->out != t->in)
		close(t->out);
	char_core_free(c->registry, t);
}

static size_t tty_write(struct chardev *c, const uint8_t *data, size_t n)
{
	return char_stream_write(c->state, data, n);
}

static void tty_want(struct chardev *c)
{
	char_stream_want(c->state);
}

/* ---- stdio ---- */

static void set_raw(const struct termios *from, bool signals)
{
	struct termios tio = *from;

	tio.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	tio.c_oflag |= OPOST;
	tio.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
	if (!signals)
		tio.c_lflag &= ~(tcflag_t)ISIG;
	tio.c_cflag = (tio.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	tio.c_cc[VMIN] = 1;
	tio.c_cc[VTIME] = 0;
	tcsetattr(0, TCSANOW, &tio);
}

static int stdio_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	struct tty *t;

	if (c->registry->stdio_used)
		return err_set(e, EBUSY, "cannot use stdio by multiple character devices");
	t = calloc(1, sizeof *t);
	if (!t)
		return err_set(e, ENOMEM, "out of memory");
	t->signals = char_spec_bool(s, "signal", true);
	t->in = char_reopen(0, O_RDONLY, &t->restore_in);
	t->out = char_reopen(1, O_WRONLY, &t->restore_out);
	if (t->in < 0 || t->out < 0) {
		int code = t->in < 0 ? -t->in : -t->out;
		stop(c, t);
		return err_errno(e, code, "cannot use standard input and output");
	}
	if (char_stream_start(&t->s, c, t->in, t->out, e) < 0) {
		stop(c, t);
		return -e->code;
	}
	if (tcgetattr(0, &t->saved) == 0) {
		t->raw = true;
		set_raw(&t->saved, t->signals);
	}
	c->registry->stdio_used = true;
	c->state = t;
	c->opened = true;
	return 0;
}

static void stdio_close(struct chardev *c)
{
	struct tty *t = c->state;

	if (t->raw)
		tcsetattr(0, TCSANOW, &t->saved);
	if (t->restore_in)
		fcntl(0, F_SETFL, fcntl(0, F_GETFL) & ~O_NONBLOCK);
	if (t->restore_out)
		fcntl(1, F_SETFL, fcntl(1, F_GETFL) & ~O_NONBLOCK);
	c->registry->stdio_used = false;
	stop(c, t);
}

void char_terminal_continued(struct chardevs *cs)
{
	for (struct chardev *c = cs->list; c; c = c->next) {
		struct tty *t = c->state;
		if (c->class == &char_stdio && t->raw)
			set_raw(&t->saved, t->signals);
	}
}

static const struct char_prop stdio_props[] = {{.name = "signal", .type = PROP_BOOL}, {0}};
const struct char_class char_stdio = {.name = "stdio", .help = "standard input and output", .props = stdio_props, .open = stdio_open, .close = stdio_close,
				      .write = tty_write, .want = tty_want};

/* ---- pty ---- */

static void pty_gone(struct char_stream *s)
{
	struct tty *t = (struct tty *)s;
	struct chardev *c = s->c;

	if (t->s.dead)
		return;
	char_stream_stop(&t->s);
	loop_set_timer(t->poll, loop_now() + PTY_POLL_NS);
	char_core_closed(c);
}

static bool pty_used(const struct tty *t)
{
	struct pollfd p = {.fd = t->in, .events = POLLIN};

	poll(&p, 1, 0);
	/* What somebody left behind who is gone already is still to be read. */
	return !(p.revents & POLLHUP) || p.revents & POLLIN;
}

static void pty_poll(void *opaque)
{
	struct tty *t = opaque;
	struct chardev *c = t->s.c;
	struct err e = ERR_INIT;

	if (pty_used(t) && char_stream_start(&t->s, c, t->in, t->out, &e) == 0) {
		char_core_opened(c);
		if (!t->s.dead)
			char_stream_want(&t->s);
		return;
	}
	loop_set_timer(t->poll, loop_now() + PTY_POLL_NS);
}

static int make_pty(struct tty *t, char *name, size_t size, struct err *e)
{
	struct termios tio;
	int slave;

	t->in = t->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (t->in < 0 || grantpt(t->in) < 0 || unlockpt(t->in) < 0 || ptsname_r(t->in, name, size) != 0)
		return err_errno(e, errno, "Failed to create PTY");
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_errno(e, errno, "Failed to create PTY");
	if (tcgetattr(slave, &tio) == 0) {
		cfmakeraw(&tio);
		tcsetattr(slave, TCSAFLUSH, &tio);
	}
	close(slave);
	return 0;
}

static int pty_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	struct tty *t = calloc(1, sizeof *t);
	char name[128];
	bool old;

	(void)s;
	if (!t)
		return err_set(e, ENOMEM, "out of memory");
	t->in = t->out = char_core_take(c, "pty");
	old = t->in >= 0 && ptsname_r(t->in, name, sizeof name) == 0;
	t->poll = loop_add_timer(char_core_loop(c), pty_poll, t);
	t->s.c = c;
	t->s.ended = pty_gone;
	t->s.dead = true;
	c->pty = NULL;
	if (!t->poll || (!old && make_pty(t, name, sizeof name, e) < 0) || !(c->pty = strdup(name))) {
		stop(c, t);
		return e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
	}
	if (!old)
		char_core_tell(c, "char device redirected to %s (label %s)", name, c->id);
	c->state = t;
	char_core_keep(c, "pty", t->in);
	t->s.in = t->s.out = -1;
	loop_set_timer(t->poll, 0);
	return 0;
}

static void pty_close(struct chardev *c)
{
	char_core_keep(c, "pty", -1);
	stop(c, c->state);
}

static char *pty_filename(struct chardev *c)
{
	char *text = NULL;
	/* Programs find the terminal by this, whether or not somebody has opened it. */
	return asprintf(&text, "pty:%s", c->pty) < 0 ? NULL : text;
}

static void pty_keep(struct chardev *c)
{
	char_core_keep(c, "pty", ((struct tty *)c->state)->in);
}

const struct char_class char_pty = {.name = "pty", .help = "a new pseudo-terminal", .open = pty_open, .close = pty_close, .write = tty_write,
				    .want = tty_want, .filename = pty_filename, .keep = pty_keep};

/* ---- serial ports of the host ---- */

static speed_t speed(unsigned baud)
{
	static const struct {
		unsigned baud;
		speed_t speed;
	} speeds[] = {{50, B50}, {75, B75}, {110, B110}, {134, B134}, {150, B150}, {200, B200}, {300, B300}, {600, B600}, {1200, B1200}, {1800, B1800},
		      {2400, B2400}, {4800, B4800}, {9600, B9600}, {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200},
		      {230400, B230400}, {460800, B460800}, {500000, B500000}, {576000, B576000}, {921600, B921600}, {1000000, B1000000},
		      {1500000, B1500000}, {2000000, B2000000}, {3000000, B3000000}, {4000000, B4000000}};
	speed_t best = B115200;

	/* The next lower one: a divisor need not give one of these exactly. */
	for (unsigned i = 0; i < sizeof speeds / sizeof *speeds; i++)
		if (speeds[i].baud <= baud + baud / 50)
			best = speeds[i].speed;
	return best;
}

static void set_line(struct chardev *c, const struct char_line *line)
{
	static const tcflag_t bits[] = {CS5, CS6, CS7, CS8};
	struct tty *t = c->state;
	struct termios tio;

	if (tcgetattr(t->in, &tio) < 0)
		return;
	cfmakeraw(&tio);
	cfsetispeed(&tio, speed(line->baud));
	cfsetospeed(&tio, speed(line->baud));
	tio.c_cflag &= ~(tcflag_t)(CSIZE | PARENB | PARODD | CRTSCTS | CSTOPB);
	tio.c_cflag |= CLOCAL | CREAD | bits[line->data_bits >= 5 && line->data_bits <= 8 ? line->data_bits - 5 : 3];
	tio.c_cflag |= line->parity == 'E' ? PARENB : line->parity == 'O' ? PARENB | PARODD : 0;
	tio.c_cflag |= line->stop_bits == 2 ? CSTOPB : 0;
	tio.c_cc[VMIN] = 1;
	tio.c_cc[VTIME] = 0;
	tcsetattr(t->in, TCSANOW, &tio);
}

static int serial_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	const char *path = char_spec_get(s, "path");
	struct tty *t = calloc(1, sizeof *t);

	if (!t)
		return err_set(e, ENOMEM, "out of memory");
	t->in = t->out = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (t->in < 0)
		err_errno(e, errno, "Could not open '%s'", path);
	else if (tcgetattr(t->in, &t->saved) < 0)
		err_errno(e, errno, "'%s' is no serial port", path);
	else if (char_stream_start(&t->s, c, t->in, t->out, e) == 0)
		t->raw = true;
	if (!t->raw) {
		stop(c, t);
		return -e->code;
	}
	c->state = t;
	c->opened = true;
	set_line(c, &(struct char_line){115200, 8, 1, 'N'});
	return 0;
}

static void serial_close(struct chardev *c)
{
	struct tty *t = c->state;

	tcsetattr(t->in, TCSANOW, &t->saved);
	stop(c, t);
}

static const struct char_prop serial_props[] = {{.name = "path", .type = PROP_TEXT, .required = true}, {0}};
static const char *const serial_aliases[] = {"tty", NULL};
const struct char_class char_serial = {.name = "serial", .aliases = serial_aliases, .help = "a serial port of the host", .props = serial_props,
				       .open = serial_open, .close = serial_close, .write = tty_write, .want = tty_want, .set_line = set_line};
