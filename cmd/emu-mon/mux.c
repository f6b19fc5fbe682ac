/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emu-mon --mux: a serial port and the monitor on one terminal, for a machine that was started by hand. It listens where the machine
 * connects its port (emu-cpu -serial unix=PATH), and ends when the machine does or Ctrl-a x is typed, which asks the machine to quit.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "attach.h"
#include "base/sock.h"
#include "char/char.h"
#include "char/relay.h"
#include "char/terminal.h"
#include "monitor.h"
#include "settings.h"

struct mux_mode {
	struct loop *loop;
	struct chardevs *chars;
	struct monitors *monitors;
	struct relay *relay;
	int listen_fd;
	struct loop_fd *watch;
};

static void quit(void *opaque)
{
	struct mux_mode *m = opaque;

	/* The machine's end closes its port, which ends this. */
	monitors_quit(m->monitors);
}

static void commit(void *opaque)
{
	monitors_commit(((struct mux_mode *)opaque)->monitors);
}

static void on_break(void *opaque, const char *id)
{
	monitors_break(((struct mux_mode *)opaque)->monitors, id);
}

static void on_end(void *opaque, const char *id)
{
	struct mux_mode *m = opaque;

	(void)id;
	loop_stop(m->loop, 0);
}

/* The terminal is taken when the machine comes: until then Ctrl-C ends this. */
static int take_terminal(struct mux_mode *m, int fd, struct err *e)
{
	const struct relay_config config = {.id = "serial0", .on_break = on_break, .on_end = on_end, .opaque = m};
	struct char_spec spec;
	struct chardev *terminal;

	if (char_spec_parse("stdio,id=terminal,signal=off,mux=on", &spec, e) < 0) {
		close(fd);
		return -e->code;
	}
	terminal = chardevs_add(m->chars, &spec, e);
	char_spec_free(&spec);
	if (!terminal) {
		close(fd);
		return -e->code;
	}
	/* The first to come has the keyboard. */
	m->relay = relay_new(m->loop, terminal, fd, &config, e);
	if (!m->relay || monitors_add(m->monitors, terminal, "terminal", MONITOR_HMP, e) < 0)
		return -e->code;
	monitors_go(m->monitors);
	return 0;
}

static void on_machine(void *opaque, unsigned events)
{
	struct mux_mode *m = opaque;
	struct err e = ERR_INIT;
	int fd = sock_accept(m->listen_fd, &e);

	(void)events;
	if (fd < 0)
		return;
	/* One machine, one port. */
	loop_del_fd(m->watch);
	m->watch = NULL;
	if (take_terminal(m, fd, &e) < 0) {
		err_report(&e);
		loop_stop(m->loop, 1);
	}
}

static void on_signal(void *opaque, int sig)
{
	struct mux_mode *m = opaque;

	if (sig == SIGCONT && m->chars)
		char_terminal_continued(m->chars);
	else if (sig != SIGCONT)
		loop_stop(m->loop, 0);
}

static int set_up(struct mux_mode *m, const char *run_dir, const char *serial, struct err *e)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCONT};
	const struct chardevs_hooks hooks = {.quit = quit, .commit = commit, .opaque = m};
	const struct monitors_config config = {.run_dir = run_dir};

	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		if (loop_add_signal(m->loop, signals[i], on_signal, m, e) < 0)
			return -e->code;
	m->listen_fd = sock_listen_unix(serial, SOCK_STREAM, 0600, e);
	m->watch = m->listen_fd < 0 ? NULL : loop_add_fd(m->loop, m->listen_fd, LOOP_READ, on_machine, m, e);
	m->chars = m->watch ? chardevs_new(m->loop, NULL, &hooks, e) : NULL;
	m->monitors = m->chars ? monitors_new(m->loop, &config, e) : NULL;
	return m->monitors ? 0 : -e->code;
}

int mux_mode(const struct settings *s, const char *run_dir, struct err *e)
{
	struct mux_mode m = {.loop = loop_new(e), .listen_fd = -1};
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof path, "%s/cpu.serial0", run_dir);
	r = m.loop ? set_up(&m, run_dir, s->serial ? s->serial : path, e) : -e->code;
	if (r == 0) {
		r = loop_run(m.loop);
		chardevs_drain(m.chars, 1000);
	}
	monitors_free(m.monitors);
	relay_free(m.relay);
	chardevs_free(m.chars);
	if (m.listen_fd >= 0) {
		unlink(s->serial ? s->serial : path);
		close(m.listen_fd);
	}
	loop_free(m.loop);
	return r;
}
