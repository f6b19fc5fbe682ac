/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emu-mon NAME. Theory of operation: standard input feeds one session, whose output goes to standard output; a terminal is put into raw
 * mode and gets its settings back at the end, whatever ends it. Input is read while the session has nothing to do, so that a script of any length is
 * carried out line by line. The end of input ends the session after its last command; so does the machine's.
 */
#include "attach.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "base/sock.h"
#include "session.h"

struct attached {
	struct loop *loop;
	struct monitor *monitor;
	struct mon_session *session;
	struct loop_fd *in, *out;
	struct loop_timer *timer;
	bool raw, qmp, eof, ended;
	bool socket;           /* standard input is one: descriptors may come along */
	bool deaf;             /* nobody reads standard output any more */
	const char *const *command;
	int status;
	char *waiting;         /* output that standard output did not take */
	size_t waiting_size, waiting_at;
};

static struct termios before;
static volatile sig_atomic_t is_raw;

static void restore(void)
{
	if (is_raw) {
		is_raw = 0;
		tcsetattr(0, TCSADRAIN, &before);
	}
}

/* A death that cannot be handled otherwise still leaves the terminal as it was. */
static void on_death(int sig)
{
	restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static int make_raw(struct err *e)
{
	struct termios t;

	if (tcgetattr(0, &before) < 0)
		return err_errno(e, errno, "cannot read the terminal's settings");
	t = before;
	t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t.c_oflag &= ~(tcflag_t)OPOST;
	t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	atexit(restore);
	for (const int *s = (const int[]){SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, 0}; *s; s++)
		signal(*s, on_death);
	is_raw = 1;
	return tcsetattr(0, TCSADRAIN, &t) < 0 ? err_errno(e, errno, "cannot set the terminal") : 0;
}

/* ---- output ---- */

static void finish_if_done(struct attached *a);

static void flush_out(struct attached *a)
{
	while (a->waiting_at < a->waiting_size) {
		ssize_t n = write(1, a->waiting + a->waiting_at, a->waiting_size - a->waiting_at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			/* Nobody reads: nothing more can be said. */
			a->waiting_at = a->waiting_size;
			a->deaf = true;
			break;
		}
		a->waiting_at += (size_t)n;
	}
	if (a->waiting_at == a->waiting_size) {
		free(a->waiting);
		a->waiting = NULL;
		a->waiting_at = a->waiting_size = 0;
	}
	if (a->out)
		loop_set_fd(a->out, a->waiting ? LOOP_WRITE : 0);
}

static void put(void *opaque, const char *data, size_t n)
{
	struct attached *a = opaque;
	char *more = realloc(a->waiting, a->waiting_size + n);

	if (!more)
		return;
	memcpy(more + a->waiting_size, data, n);
	a->waiting = more;
	a->waiting_size += n;
	flush_out(a);
}

static void on_out(void *opaque, unsigned events)
{
	(void)events;
	flush_out(opaque);
	finish_if_done(opaque);
}

static void look_soon(void *opaque)
{
	struct attached *a = opaque;

	loop_set_timer(a->timer, loop_now());
}

static void ended(void *opaque)
{
	struct attached *a = opaque;

	a->ended = true;
	look_soon(a);
}

/* ---- input ---- */

static void finish_if_done(struct attached *a)
{
	bool busy = a->session && mon_session_busy(a->session);

	if (a->in)
		loop_set_fd(a->in, a->eof || busy || a->waiting_size > 1 << 20 ? 0 : LOOP_READ);
	if (a->waiting)
		return;
	/* What was begun is carried out: quit speaks to all parts, of which the machine is the first. */
	if (a->deaf || ((a->ended || a->eof) && !busy)) {
		if (a->session && !a->qmp && !a->raw)
			a->status = hmp_session_failed(a->session);
		loop_stop(a->loop, a->status);
	}
}

/* A regular file or /dev/null cannot be watched: it is always ready. */
static void read_some(struct attached *a)
{
	char data[4096];
	int fds[SOCK_MAX_FDS];
	unsigned count = a->socket ? SOCK_MAX_FDS : 0;
	ssize_t n;

	if (a->socket) {
		n = sock_recv_fds(0, data, sizeof data, fds, &count);
		errno = n < 0 ? (int)-n : 0;
	} else {
		n = read(0, data, sizeof data);
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		a->eof = true;
	} else {
		/* Ctrl-D on an empty line ends a session, as that of a shell. */
		if (a->raw && n == 1 && data[0] == 4 && !mon_session_busy(a->session)) { /* (a terminal brings no descriptors) */
			put(a, "\r\n", 2);
			a->ended = true;
		} else {
			mon_session_input(a->session, data, (size_t)n, fds, count);
		}
	}
	if (!a->in)
		look_soon(a);
	finish_if_done(a);
}

static void on_in(void *opaque, unsigned events)
{
	(void)events;
	read_some(opaque);
}

/* From the loop, when something has come to its end. */
static void on_timer(void *opaque)
{
	struct attached *a = opaque;

	if (!a->in && !a->eof && a->session && !mon_session_busy(a->session))
		read_some(a);
	finish_if_done(a);
}

static void on_winch(void *opaque, int sig)
{
	struct attached *a = opaque;
	struct winsize w;

	(void)sig;
	if (a->session && ioctl(0, TIOCGWINSZ, &w) == 0 && w.ws_col)
		mon_session_width(a->session, w.ws_col);
}

/* ---- one-shot ---- */

static void next_command(struct attached *a);

static void command_done(void *opaque, const char *text, bool failed)
{
	struct attached *a = opaque;

	put(a, text, strlen(text));
	a->status |= failed;
	next_command(a);
}

static void next_command(struct attached *a)
{
	if (!a->command || !*a->command) {
		a->ended = true;
		look_soon(a);
		return;
	}
	hmp_run(a->monitor, *a->command++, command_done, a);
}

/* ---- start ---- */

int attach_dir(const struct attach_settings *s, char *path, size_t size, struct err *e)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	struct stat st;
	int n;

	if (s->run_dir)
		n = snprintf(path, size, "%s", s->run_dir);
	else if (!*s->name || strchr(s->name, '/') || !strcmp(s->name, ".") || !strcmp(s->name, ".."))
		return err_set(e, EINVAL, "'%.100s' is no machine's name; --run DIR names a directory", s->name);
	else if (base && *base)
		n = snprintf(path, size, "%s/emu/%s", base, s->name);
	else
		n = snprintf(path, size, "/run/emu-%u/%s", (unsigned)geteuid(), s->name);
	if (n >= (int)size)
		return err_set(e, ENAMETOOLONG, "the run directory's name is too long");
	if (stat(path, &st) < 0) {
		err_errno(e, errno, "there is no machine at %s", path);
		return err_hint(e, "A machine has its run directory by its name (-name) or by -run DIR.");
	}
	return 0;
}

static int start_session(struct attached *a, const struct attach_settings *s, struct err *e)
{
	struct mon_stream stream = {.write = put, .ended = ended, .idle = look_soon, .opaque = a};
	bool terminal = isatty(0) && isatty(1);

	if (a->command) {
		next_command(a);
		return 0;
	}
	if (s->qmp) {
		a->session = qmp_open(a->monitor, &stream, s->pretty);
	} else {
		if (terminal && make_raw(e) < 0)
			return -e->code;
		a->raw = terminal;
		a->session = hmp_open(a->monitor, &stream, terminal ? HMP_EDITING : HMP_QUIET);
	}
	if (!a->session)
		return err_set(e, ENOMEM, "out of memory");
	if (terminal) {
		on_winch(a, 0);
		if (loop_add_signal(a->loop, SIGWINCH, on_winch, a, e) < 0)
			return -e->code;
	}
	struct stat st;
	a->socket = fstat(0, &st) == 0 && S_ISSOCK(st.st_mode);
	if (fstat(0, &st) == 0 && (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(0))))
		return 0;
	a->in = loop_add_fd(a->loop, 0, LOOP_READ, on_in, a, e);
	return a->in ? 0 : -e->code;
}

int attach(const struct attach_settings *s, struct err *e)
{
	struct attached a = {.command = s->command && *s->command ? s->command : NULL, .qmp = s->qmp};
	char dir[PATH_MAX];
	int r = attach_dir(s, dir, sizeof dir, e);

	if (r < 0)
		return r;
	a.loop = loop_new(e);
	if (!a.loop)
		return -e->code;
	a.timer = loop_add_timer(a.loop, on_timer, &a);
	a.monitor = monitor_new(a.loop, dir, e);
	r = a.monitor ? start_session(&a, s, e) : -e->code;
	if (r == 0) {
		if (!isatty(1) && fd_set_nonblock(1, true) == 0) {
			struct err ignored = ERR_INIT;
			a.out = loop_add_fd(a.loop, 1, 0, on_out, &a, &ignored); /* NULL: a file, which takes everything */
			if (!a.out)
				fd_set_nonblock(1, false);
		}
		if (!a.command)
			look_soon(&a);
		r = loop_run(a.loop);
	}
	restore();
	if (a.session && r >= 0)
		mon_session_close(a.session);
	monitor_free(a.monitor);
	loop_del_fd(a.in);
	loop_del_fd(a.out);
	loop_del_timer(a.timer);
	free(a.waiting);
	loop_free(a.loop);
	return r;
}
