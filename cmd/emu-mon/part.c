/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One part: its process, its arguments, what it says, its control connection. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
#include "child.h"
#include "supervise-own.h"

#define SETUP_MS 60000

const char *part_label(const struct sup_part *p, char *buf, size_t size)
{
	const char *program = p->plan->monitor ? "emu-mon" : p->plan->program, *slash = strrchr(program, '/');

	program = slash ? slash + 1 : program;
	if (!strcmp(program, p->plan->id))
		snprintf(buf, size, "%s", program);
	else
		snprintf(buf, size, "%s (%s)", program, p->plan->id);
	return buf;
}

/* Without names, so that nothing is left behind however it ends. */
static int open_temporaries(struct sup_part *p, struct err *e)
{
	const char *dir = getenv("TMPDIR");

	dir = dir && *dir ? dir : "/var/tmp";
	p->temporary = malloc((p->plan->temporaries + 1) * sizeof *p->temporary);
	if (!p->temporary)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < p->plan->temporaries; i++)
		p->temporary[i] = -1;
	for (unsigned i = 0; i < p->plan->temporaries; i++) {
		p->temporary[i] = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (p->temporary[i] < 0) {
			err_errno(e, errno, "part %s: cannot make a temporary file in %s", p->plan->id, dir);
			return err_hint(e, "TMPDIR names another directory.");
		}
	}
	return 0;
}

int part_init(struct sup *s, unsigned n, struct err *e)
{
	struct sup_part *p = &s->part[n];

	p->sup = s;
	p->plan = &s->plan->part[n];
	p->ctl_end = p->ready_end = p->ready_fd = p->out_fd = -1;
	p->listen = malloc((p->plan->listens + 1) * sizeof *p->listen);
	if (!p->listen)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i <= p->plan->listens; i++)
		p->listen[i] = -1;
	if (open_temporaries(p, e) < 0)
		return -e->code;
	for (unsigned i = 0; i < p->plan->listens; i++) {
		const struct plan_socket *k = &p->plan->listen[i];
		char path[PATH_MAX];
		if (k->name[0] == '/')
			snprintf(path, sizeof path, "%s", k->name);
		else
			snprintf(path, sizeof path, "%s/%s", s->dir.path, k->name);
		p->listen[i] = sock_listen_unix(path, k->type, 0700, e);
		if (p->listen[i] < 0)
			return err_prefix(e, "part %s", p->plan->id);
		if (s->uid != geteuid() && chown(path, s->uid, s->gid) < 0)
			return err_errno(e, errno, "part %s: cannot give %s to user %u", p->plan->id, path, (unsigned)s->uid);
	}
	return 0;
}

/* ---- what it says ---- */

static void say_line(struct sup_part *p)
{
	p->line[p->line_size] = '\0';
	words_line(p->line);
	if (p->line_size) {
		if (p->last_count == LAST_WORDS) {
			memmove(p->last, p->last + 1, sizeof p->last - sizeof p->last[0]);
			p->last_count--;
		}
		memcpy(p->last[p->last_count++], p->line, p->line_size + 1);
	}
	p->line_size = 0;
}

/* False: the end. */
static bool read_out(struct sup_part *p)
{
	char data[4096];
	ssize_t n = read(p->out_fd, data, sizeof data);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0)
		return false;
	for (ssize_t i = 0; i < n; i++) {
		if (data[i] != '\n')
			p->line[p->line_size++] = data[i];
		if (data[i] == '\n' || p->line_size == sizeof p->line - 1)
			say_line(p);
	}
	return true;
}

void part_listen_to(struct sup_part *p, bool on)
{
	if (p->out_watch)
		loop_set_fd(p->out_watch, on ? LOOP_READ : 0);
}

static void on_out(void *opaque, unsigned events)
{
	struct sup_part *p = opaque;

	if (!read_out(p) && events & LOOP_HANGUP) {
		/* Its descendants may still hold it, so the end comes with the process, not here. */
		part_listen_to(p, false);
		return;
	}
	if (words_full())
		for (unsigned i = 0; i < p->sup->plan->parts; i++)
			part_listen_to(&p->sup->part[i], false);
}

void part_drain(struct sup_part *p)
{
	if (p->out_fd < 0)
		return;
	while (read_out(p))
		;
	if (p->line_size)
		say_line(p);
}

/* ---- READY ---- */

static void no_more_ready(struct sup_part *p)
{
	loop_del_fd(p->ready_watch);
	p->ready_watch = NULL;
	if (p->ready_fd >= 0)
		close(p->ready_fd);
	p->ready_fd = -1;
}

static void on_ready(void *opaque, unsigned events)
{
	struct sup_part *p = opaque;
	ssize_t n = read(p->ready_fd, p->ready + p->ready_size, sizeof p->ready - p->ready_size);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		p->ready_size += (size_t)n;
	if (p->ready_size >= 6 && !memcmp(p->ready, "READY\n", 6)) {
		no_more_ready(p);
		sup_part_ready(p);
	} else if (n <= 0 || p->ready_size == sizeof p->ready) {
		/* It will never be ready; its end tells the rest. */
		no_more_ready(p);
	}
}

/* ---- its start ---- */

static int use(struct sup_part *p, int fd)
{
	if (fd < 0)
		return fd;
	for (unsigned i = 0; i < p->used_count; i++)
		if (p->used[i] == fd)
			return fd;
	if (p->used_count == sizeof p->used / sizeof *p->used)
		return -1;
	p->used[p->used_count++] = fd;
	return fd;
}

static int fd_of(void *opaque, const char *name)
{
	struct sup_part *p = opaque;
	const struct plan *plan = p->sup->plan;
	int fd;

	if (!strcmp(name, "ctl"))
		return use(p, p->ctl_end);
	if (!strcmp(name, "ready"))
		return use(p, p->ready_end);
	fd = link_fd(p->sup, p, name);
	for (unsigned i = 0; fd < 0 && i < p->plan->listens; i++)
		if (!strcmp(p->plan->listen[i].name, name))
			fd = p->listen[i];
	for (unsigned i = 0; fd < 0 && i < p->plan->temporaries; i++)
		if (!strcmp(p->plan->temporary[i], name))
			fd = p->temporary[i];
	for (unsigned i = 0; fd < 0 && i < p->plan->fds; i++)
		if (!strcmp(p->plan->fd[i].name, name))
			fd = p->plan->fd[i].fd;
	for (unsigned i = 0; fd < 0 && i < plan->fds; i++)
		if (!strcmp(plan->fd[i].name, name))
			fd = plan->fd[i].fd;
	return use(p, fd);
}

struct args {
	char **list;
	unsigned count, room;
};

static int add_arg(struct args *a, char *text, struct err *e)
{
	if (a->count + 1 >= a->room) {
		unsigned room = a->room ? a->room * 2 : 32;
		char **list = realloc(a->list, room * sizeof *list);
		if (!list)
			free(text);
		if (!list)
			return err_set(e, ENOMEM, "out of memory");
		a->list = list;
		a->room = room;
	}
	if (!text)
		return e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
	a->list[a->count++] = text;
	a->list[a->count] = NULL;
	return 0;
}

__attribute__((format(printf, 3, 4))) static int add_text(struct args *a, struct err *e, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return add_arg(a, n < 0 ? NULL : text, e);
}

static void free_args(struct args *a)
{
	for (unsigned i = 0; i < a->count; i++)
		free(a->list[i]);
	free(a->list);
}

static int add_words(struct sup_part *p, struct args *a, const struct plan_command *c, struct err *e)
{
	for (unsigned i = 0; i < c->count; i++)
		if (add_arg(a, plan_word_make(&c->word[i], p->sup->dir.name, p->sup->dir.path, fd_of, p, e), e) < 0)
			return err_prefix(e, "part %s", p->plan->id);
	return 0;
}

/* The monitor's command line is ours (settings.c). */
static int monitor_args(struct sup_part *p, struct args *a, struct err *e)
{
	const struct sup *s = p->sup;
	int r = add_text(a, e, "--serve=%d", use(p, s->plan_fd));

	if (r == 0)
		r = add_text(a, e, "--run=%s", s->dir.path);
	if (r == 0)
		r = add_text(a, e, "--store-fd=%d", use(p, s->store[1]));
	if (r == 0)
		r = add_text(a, e, "--ctl-fd=%d", use(p, p->ctl_end));
	if (r == 0)
		r = add_text(a, e, "--ready-fd=%d", use(p, p->ready_end));
	for (unsigned i = 0; r == 0 && i < s->plan->links; i++) {
		int fd = link_fd(s, p, s->plan->link[i].id);
		if (fd >= 0)
			r = add_text(a, e, "--link=%d:%s", use(p, fd), s->plan->link[i].id);
	}
	for (const struct stored *x = s->stored; r == 0 && x; x = x->next)
		if (use(p, x->fd) >= 0)
			r = add_text(a, e, "--kept=%d:%s", x->fd, x->name);
	return r;
}

static int environment(const struct sup_part *p, struct args *a, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < p->plan->envs; i++)
		r = add_text(a, e, "%s", p->plan->env[i]);
	if (r == 0 && *p->sup->run_as)
		r = add_text(a, e, "EMU_RUNAS=%s", p->sup->run_as);
	if (r == 0 && p->sup->plan->chroot)
		r = add_text(a, e, "EMU_CHROOT=%s", p->sup->plan->chroot);
	if (r == 0)
		r = add_text(a, e, "EMU_RESTARTS=%u", p->restarts);
	return r;
}

static void on_machine_event(void *opaque, const json_t *event)
{
	struct sup_part *p = opaque;
	const char *name = json_string_value(json_object_get(event, "event"));

	if (name && !strcmp(name, "X_EXIT"))
		p->chose = true;
	else if (name && !strcmp(name, "X_DRIVE_DELETED"))
		hot_disk_event(p->sup, event);
}

/* The pairs and pipes between it and us. */
static int make_ends(struct sup_part *p, int out[2], struct err *e)
{
	struct ctl_client_config config = {.fd = -1, .opaque = p};
	int pair[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		return err_errno(e, errno, "cannot make a pipe");
	p->out_fd = out[0];
	fd_set_nonblock(p->out_fd, true);
	p->out_watch = loop_add_fd(p->sup->loop, p->out_fd, LOOP_READ, on_out, p, e);
	if (!p->out_watch)
		return -e->code;
	if (p->plan->ctl) {
		if (sock_pair(SOCK_STREAM, pair, e) < 0)
			return -e->code;
		p->ctl_end = pair[1];
		config.fd = pair[0];
		config.event = p->plan->machine ? on_machine_event : NULL;
		p->ctl = ctl_client_new(p->sup->loop, &config, e);
		if (!p->ctl)
			return -e->code;
	}
	if (p->plan->ready) {
		if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
			return err_errno(e, errno, "cannot make a pipe");
		p->ready_fd = pair[0];
		p->ready_end = pair[1];
		p->ready_size = 0;
		p->ready_watch = loop_add_fd(p->sup->loop, p->ready_fd, LOOP_READ, on_ready, p, e);
		if (!p->ready_watch)
			return -e->code;
	}
	return 0;
}

static void close_ends(struct sup_part *p, int out)
{
	if (out >= 0)
		close(out);
	if (p->ctl_end >= 0)
		close(p->ctl_end);
	if (p->ready_end >= 0)
		close(p->ready_end);
	p->ctl_end = p->ready_end = -1;
}

static void close_all(struct sup_part *p)
{
	no_more_ready(p);
	loop_del_fd(p->out_watch);
	p->out_watch = NULL;
	if (p->out_fd >= 0)
		close(p->out_fd);
	p->out_fd = -1;
	ctl_client_free(p->ctl);
	p->ctl = NULL;
}

int part_launch(struct sup_part *p, struct err *e)
{
	struct sup *s = p->sup;
	const char *program = p->plan->monitor ? "emu-mon" : p->plan->program;
	struct args args = {0}, env = {0};
	int out[2] = {-1, -1}, r;

	p->used_count = 0;
	p->last_count = 0;
	p->line_size = 0;
	p->chose = false;
	r = links_prepare(s, p, e);
	if (r == 0)
		r = make_ends(p, out, e);
	if (r == 0)
		r = add_text(&args, e, "%s", p->plan->argv0 ? p->plan->argv0 : p->plan->monitor && s->plan->program ? s->plan->program : program);
	if (r == 0)
		r = p->plan->monitor ? monitor_args(p, &args, e) : add_words(p, &args, &p->plan->args, e);
	if (r == 0)
		r = environment(p, &env, e);
	if (r == 0) {
		struct child c = {.program = program, .argv = args.list, .env = env.list, .fds = p->used, .fd_count = p->used_count, .out = out[1],
				  .terminal = p->plan->terminal && s->tell < 0};
		r = child_start(&c, e);
	}
	free_args(&args);
	free_args(&env);
	close_ends(p, out[1]);
	if (r < 0) {
		close_all(p);
		return r;
	}
	p->pid = r;
	guard_watch(s->guard, (unsigned)(p - s->part), p->pid);
	links_given(s, p);
	p->state = SUP_STARTING;
	return 0;
}

void part_reaped(struct sup_part *p, int status)
{
	bool terminal = p->plan->terminal && p->sup->tell < 0;

	(void)status;
	part_drain(p);
	ctl_client_drain(p->ctl);
	/* What it had started, too. */
	if (!terminal)
		kill(-p->pid, SIGKILL);
	guard_watch(p->sup->guard, (unsigned)(p - p->sup->part), 0);
	p->pid = 0;
	close_all(p);
	if (terminal && p->sup->has_terminal)
		tcsetattr(0, TCSANOW, &p->sup->terminal);
}

void part_free(struct sup_part *p)
{
	if (!p->sup)
		return;
	close_all(p);
	for (unsigned i = 0; p->listen && i < p->plan->listens; i++) {
		if (p->listen[i] >= 0)
			close(p->listen[i]);
		if (p->listen[i] >= 0 && p->plan->listen[i].name[0] == '/')
			unlink(p->plan->listen[i].name);
	}
	free(p->listen);
	p->listen = NULL;
	for (unsigned i = 0; p->temporary && i < p->plan->temporaries; i++)
		if (p->temporary[i] >= 0)
			close(p->temporary[i]);
	free(p->temporary);
	p->temporary = NULL;
}

/* ---- setup and cleanup ---- */

int part_commands(struct sup_part *p, const struct plan_command *list, unsigned count, struct err *e)
{
	char text[100];

	for (unsigned i = 0; i < count; i++) {
		struct args args = {0};
		int r;
		p->used_count = 0;
		r = add_words(p, &args, &list[i], e);
		if (r == 0) {
			struct child c = {.program = args.list[0], .argv = args.list, .fds = p->used, .fd_count = p->used_count, .out = 2};
			r = child_run(&c, SETUP_MS, e);
			if (r > 0)
				r = err_set(e, ECHILD, "part %s: %s %s", p->plan->id, args.list[0], child_end_text(r, text, sizeof text));
		}
		free_args(&args);
		if (r < 0)
			return r;
	}
	return 0;
}
