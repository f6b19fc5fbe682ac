/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emu-mon --supervise PLAN: the parent of a machine's parts.
 *
 * Theory of operation. One thread, one loop. Before any part runs, everything that parts share is made: the run directory, listening
 * sockets, links. Parts start together but for those that wait for others; when all are ready the machine is told to go. From then on the
 * machine's end is everybody's, and any other part's death is followed by a new start (three within ten seconds end that). The end, however it
 * comes: the machine is asked to quit, then all others lose their control connections and get SIGTERM, then what is left gets SIGKILL; the
 * terminal, the directory and the pid file are tidied up. A kill -9 of this process leaves that to the guard (guard.c) and to the kernel, which
 * sends the parts SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "background.h"
#include "child.h"
#include "plan-check.h"
#include "supervise-own.h"

#define SECOND 1000000000ull
#define QUIT_PATIENCE (10 * SECOND) /* for a machine that was asked to quit */
#define END_PATIENCE (20 * SECOND)  /* for the others: a disk server writes what it has */
#define START_PATIENCE (2 * SECOND) /* for parts that were not ready yet: nothing is to be saved */
#define DEATHS_WITHIN (10 * SECOND)

static void look_at_all(struct sup *s);

/* ---- ends ---- */

static unsigned alive(const struct sup *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->plan->parts; i++)
		n += s->part[i].pid != 0;
	return n;
}

struct sup_part *sup_machine(struct sup *s)
{
	for (unsigned i = 0; i < s->plan->parts; i++)
		if (s->part[i].plan && s->part[i].plan->machine)
			return &s->part[i];
	return NULL;
}

/* All but the machine; it too where it does not run yet. */
static void end_others(struct sup *s)
{
	s->machine_gone = true;
	for (unsigned i = s->plan->parts; i-- > 0;) {
		struct sup_part *p = &s->part[i];
		if (!p->pid)
			continue;
		ctl_client_free(p->ctl);
		p->ctl = NULL;
		kill(p->pid, SIGTERM);
		/* It may be a stopped one. */
		kill(p->pid, SIGCONT);
	}
	loop_set_timer(s->patience, loop_now() + (s->running ? END_PATIENCE : START_PATIENCE));
	if (!alive(s))
		loop_stop(s->loop, s->status);
}

static void end_all(struct sup *s, int status)
{
	struct sup_part *m = sup_machine(s);

	if (s->ending)
		return;
	s->ending = true;
	s->status = status;
	if (m && m->pid && s->running && m->ctl) {
		ctl_client_call(m->ctl, "quit", NULL, NULL, 0, NULL, NULL);
		kill(m->pid, SIGCONT);
		loop_set_timer(s->patience, loop_now() + QUIT_PATIENCE);
	} else {
		end_others(s);
	}
}

static void out_of_patience(void *opaque)
{
	struct sup *s = opaque;
	char label[300];

	for (unsigned i = 0; i < s->plan->parts; i++) {
		struct sup_part *p = &s->part[i];
		if (!p->pid || (!s->machine_gone && !p->plan->machine))
			continue;
		if (s->running)
			sup_say("%s does not end and is killed", part_label(p, label, sizeof label));
		kill(p->pid, SIGKILL);
	}
	if (s->machine_gone)
		loop_set_timer(s->patience, loop_now() + SECOND);
}

void sup_quit(struct sup *s)
{
	end_all(s, s->running ? 0 : 1);
}

/* ---- starts ---- */

static bool all_ready(const struct sup *s)
{
	for (unsigned i = 0; i < s->plan->parts; i++)
		if (s->part[i].state != SUP_READY)
			return false;
	return true;
}

static void cannot_go(void *opaque, const struct ctl_answer *a)
{
	struct sup *s = opaque;

	if (!a->result && !s->ending && a->e)
		sup_say("the machine does not start: %s", a->e->msg);
}

static void open_monitors(struct sup_part *p)
{
	if (p->plan->monitor && p->ctl)
		ctl_client_call(p->ctl, "x-go", NULL, NULL, 0, NULL, NULL);
}

static void machine_goes(struct sup *s)
{
	struct sup_part *m = sup_machine(s);

	for (unsigned i = 0; i < s->plan->parts; i++)
		open_monitors(&s->part[i]);
	if (s->plan->go && m && m->ctl)
		ctl_client_call(m->ctl, "cont", NULL, NULL, 0, cannot_go, s);
	if (s->tell >= 0) {
		words_free(1000);
		background_done(s->tell);
		s->tell = -2; /* done: there is no terminal any more */
	}
}

static void loaded(void *opaque, const struct ctl_answer *a)
{
	struct sup *s = opaque;

	if (s->ending)
		return;
	if (a->result) {
		machine_goes(s);
		return;
	}
	sup_say("-loadvm %s: %s", s->plan->loadvm, a->e->msg);
	if (*a->e->hint)
		words_line(a->e->hint);
	end_all(s, 1);
}

/* Every part is ready. */
static void go(struct sup *s)
{
	struct sup_part *mon = NULL;

	s->running = true;
	for (unsigned i = 0; i < s->plan->parts; i++)
		if (s->part[i].plan->monitor)
			mon = &s->part[i];
	if (s->plan->loadvm && mon && mon->ctl)
		ctl_client_call(mon->ctl, "x-loadvm", json_pack("{s:s}", "name", s->plan->loadvm), NULL, 0, loaded, s);
	else
		machine_goes(s);
}

static bool may_start(const struct sup *s, const struct sup_part *p)
{
	for (unsigned i = 0; i < p->plan->afters; i++)
		if (s->part[plan_find_part(s->plan, p->plan->after[i]) - s->plan->part].state != SUP_READY)
			return false;
	return true;
}

static void start_failed(struct sup *s, const struct err *e)
{
	sup_say("%s", e->msg);
	if (*e->hint)
		words_line(e->hint);
	end_all(s, 1);
}

static void launch(struct sup_part *p)
{
	struct err e = ERR_INIT;

	if (part_launch(p, &e) < 0)
		start_failed(p->sup, &e);
	else if (!p->plan->ready)
		sup_part_ready(p);
}

static void look_at_all(struct sup *s)
{
	for (unsigned i = 0; i < s->plan->parts && !s->ending; i++)
		if (s->part[i].state == SUP_WAITING && may_start(s, &s->part[i]))
			launch(&s->part[i]);
	if (!s->running && !s->ending && all_ready(s))
		go(s);
}

void sup_part_ready(struct sup_part *p)
{
	struct sup *s = p->sup;
	char label[300];

	p->state = SUP_READY;
	if (p->hot && !p->was_ready) {
		p->was_ready = true;
		hot_ready(p);
		return;
	}
	if (!p->was_ready) {
		p->was_ready = true;
		links_attach(s, p);
		look_at_all(s);
		return;
	}
	links_attach(s, p);
	if (s->running)
		open_monitors(p);
	sup_say("%s was started again", part_label(p, label, sizeof label));
	ctl_event(s->ctl, "PART_RESTARTED", json_pack("{s:s, s:i}", "id", p->plan->id, "restarts", (int)p->restarts));
}

/* ---- deaths ---- */

/* The last words come with the message where they were not the last lines anyway. */
static void say_end(const struct sup_part *p, int status, const char *then)
{
	char label[300], how[100];

	sup_say("%s %s%s%s", part_label(p, label, sizeof label), child_end_text(status, how, sizeof how), *then ? "; " : "", then);
}

static bool too_often(struct sup_part *p)
{
	uint64_t now = loop_now();

	memmove(p->died + 1, p->died, 2 * sizeof *p->died);
	p->died[0] = now;
	if (p->deaths < 3)
		p->deaths++;
	return p->deaths == 3 && now - p->died[2] < DEATHS_WITHIN;
}

static void give_up_on(struct sup_part *p, int status)
{
	struct sup *s = p->sup;
	char reason[LAST_WORDS * 1024 + 200], how[100];
	size_t n = (size_t)snprintf(reason, sizeof reason, "it %s", child_end_text(status, how, sizeof how));

	for (unsigned i = 0; i < p->last_count; i++)
		n += (size_t)snprintf(reason + n, sizeof reason - n, "%s%s", i ? "\n" : ": ", p->last[i]);
	p->state = SUP_DEAD;
	links_abandon(s, p);
	ctl_event(s->ctl, "PART_FAILED", json_pack("{s:s, s:s}", "id", p->plan->id, "reason", reason));
}

static void helper_died(struct sup_part *p, int status)
{
	struct err e = ERR_INIT;

	if (!p->plan->restart) {
		say_end(p, status, "the machine goes on without it");
		give_up_on(p, status);
		return;
	}
	if (too_often(p)) {
		say_end(p, status, "for the third time in ten seconds, and is not started again");
		for (unsigned i = 0; i < p->last_count; i++) {
			char line[1100];
			snprintf(line, sizeof line, "  its last words: %s", p->last[i]);
			words_line(line);
		}
		give_up_on(p, status);
		return;
	}
	say_end(p, status, "");
	p->restarts++;
	if (part_launch(p, &e) < 0) {
		sup_say("%s", e.msg);
		give_up_on(p, status);
	} else if (!p->plan->ready) {
		sup_part_ready(p);
	}
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void died(struct sup_part *p, int status)
{
	struct sup *s = p->sup;
	bool said;

	part_reaped(p, status);
	said = p->last_count > 0;
	if (s->ending) {
		p->state = SUP_DEAD;
		/* A machine that was asked to quit ends with its own status. */
		if (p->plan->machine && s->running && !s->machine_gone) {
			if (!s->status)
				s->status = exit_status(status);
			links_abandon(s, p);
			end_others(s);
		} else if (!alive(s)) {
			loop_stop(s->loop, s->status);
		}
		return;
	}
	if (p->plan->machine) {
		if (WIFSIGNALED(status) || (status && !said && !p->chose))
			say_end(p, status, "");
		p->state = SUP_DEAD;
		links_abandon(s, p);
		s->ending = true;
		s->status = exit_status(status);
		end_others(s);
	} else if (!s->running) {
		if (WIFSIGNALED(status) || !said)
			say_end(p, status, "before it was ready");
		p->state = SUP_DEAD;
		end_all(s, WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
	} else if (p->leaving || (p->hot && !p->was_ready)) {
		hot_died(p, status);
	} else {
		helper_died(p, status);
	}
}

static void on_child(void *opaque, int sig)
{
	struct sup *s = opaque;
	int status;

	(void)sig;
	for (unsigned i = 0; i < s->plan->parts; i++)
		if (s->part[i].pid && waitpid(s->part[i].pid, &status, WNOHANG) == s->part[i].pid)
			died(&s->part[i], status);
}

static void on_signal(void *opaque, int sig)
{
	struct sup *s = opaque;

	if (!s->ending)
		sup_say("terminating on signal %d", sig);
	else if (sig == SIGINT)
		/* Asked twice: what does not end at once is not waited for. */
		loop_set_timer(s->patience, 0);
	sup_quit(s);
}

static void resume(void *opaque)
{
	struct sup *s = opaque;

	for (unsigned i = 0; i < s->plan->parts; i++)
		part_listen_to(&s->part[i], true);
}

/* ---- sup.ctl ---- */

static const char *const state_names[] = {"waiting", "starting", "ready", "dead"};

static json_t *query_parts(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct sup *s = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (unsigned i = 0; i < s->plan->parts; i++) {
		const struct sup_part *p = &s->part[i];
		if (!hot_present(p))
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s, s:i}", "id", p->plan->id, "program",
						      p->plan->monitor ? "emu-mon" : p->plan->program, "pid", (int)p->pid, "state",
						      state_names[p->state], "restarts", (int)p->restarts));
	}
	return list;
}
static const struct ctl_command parts_row = {.name = "query-parts", .run = query_parts};

static json_t *quit(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)call, (void)args, (void)e;
	sup_quit(opaque);
	return NULL;
}
static const struct ctl_command quit_row = {.name = "quit", .run = quit};
static const struct ctl_command *const commands[] = {&parts_row, &quit_row, &hot_add_row, &hot_del_row, &disk_add_row, &disk_del_row, &objects_row};

static int start_ctl(struct sup *s, struct err *e)
{
	const struct ctl_config config = {.package = "emu-mon 1.0", .commands = commands, .count = sizeof commands / sizeof *commands, .opaque = s};
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/sup.ctl", s->dir.path);
	s->ctl = ctl_new(s->loop, &config, e);
	return s->ctl ? ctl_listen(s->ctl, path, e) : -e->code;
}

/* ---- the whole ---- */

static int find_user(struct sup *s, const char *text, struct err *e)
{
	unsigned uid, gid;
	int n = 0;
	struct passwd *pw;

	s->uid = geteuid();
	s->gid = getegid();
	if (!text)
		return 0;
	if (sscanf(text, "%u:%u%n", &uid, &gid, &n) == 2 && !text[n]) {
		s->uid = uid;
		s->gid = gid;
	} else {
		errno = 0;
		pw = getpwnam(text);
		if (!pw) {
			err_set(e, EINVAL, "User \"%s\" doesn't exist", text);
			return err_hint(e, "-runas takes a user's name or UID:GID.");
		}
		s->uid = pw->pw_uid;
		s->gid = pw->pw_gid;
	}
	if (geteuid() != 0 && (s->uid != geteuid() || s->gid != getegid()))
		return err_set(e, EPERM, "-runas %s: only root may change to another user", text);
	snprintf(s->run_as, sizeof s->run_as, "%u:%u", (unsigned)s->uid, (unsigned)s->gid);
	return 0;
}

static int check_fds(const struct plan *p, struct err *e)
{
	for (unsigned i = 0; i < p->fds; i++)
		if (fcntl(p->fd[i].fd, F_SETFD, FD_CLOEXEC) < 0)
			return err_errno(e, errno, "fd %d (%s) was not passed", p->fd[i].fd, p->fd[i].name);
	return 0;
}

/* The monitor reads the plan from memory: the file may be gone, or beyond its root, when it is started again. */
static int plan_to_memory(struct sup *s, struct err *e)
{
	char *text = json_dumps(s->plan->json, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;
	int r = 0;

	s->plan_fd = memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (!text || s->plan_fd < 0 || write(s->plan_fd, text, n) != (ssize_t)n)
		r = err_errno(e, errno ? errno : ENOMEM, "cannot keep the plan");
	else
		fcntl(s->plan_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
	free(text);
	return r;
}

static int take_signals(struct sup *s, struct err *e)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP};

	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
		if (loop_add_signal(s->loop, ends[i], on_signal, s, e) < 0)
			return -e->code;
	/* Settings of the terminal are changed while another group may be in front. */
	signal(SIGTTOU, SIG_IGN);
	return loop_add_signal(s->loop, SIGCHLD, on_child, s, e);
}

static void making(void *opaque, const char *path, bool remove)
{
	guard_dir(((struct sup *)opaque)->guard, path, remove);
}

static int set_up(struct sup *s, const struct settings *set, struct err *e)
{
	const struct run_dir_request q = {.dir = set->run_dir ? set->run_dir : s->plan->run_dir, .name = s->plan->name, .add_pid = s->plan->add_pid,
					  .uid = s->uid, .gid = s->gid, .making = making, .opaque = s};

	s->has_terminal = !s->plan->daemonize && tcgetattr(0, &s->terminal) == 0;
	s->guard = guard_start(s->has_terminal ? &s->terminal : NULL, e);
	if (!s->guard || run_dir_take(&s->dir, &q, e) < 0)
		return -e->code;
	if (s->plan->pid_file && (s->pid_file = pid_file_take(s->plan->pid_file, e)) < 0)
		return s->pid_file;
	if (s->plan->pid_file)
		guard_pid_file(s->guard, s->plan->pid_file);
	s->loop = loop_new(e);
	s->patience = s->loop ? loop_add_timer(s->loop, out_of_patience, s) : NULL;
	s->leaving = s->loop ? loop_add_timer(s->loop, hot_out_of_patience, s) : NULL;
	if (!s->patience || !s->leaving)
		return e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
	if (take_signals(s, e) < 0 || words_init(s->loop, resume, s, e) < 0 || plan_to_memory(s, e) < 0 || store_init(s, e) < 0 || start_ctl(s, e) < 0)
		return -e->code;
	s->part = calloc(PLAN_PARTS, sizeof *s->part);
	if (!s->part)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < s->plan->parts; i++)
		if (part_init(s, i, e) < 0)
			return -e->code;
	if (links_init(s, e) < 0)
		return -e->code;
	for (unsigned i = 0; i < s->plan->parts; i++)
		if (part_commands(&s->part[i], s->plan->part[i].setup, s->plan->part[i].setups, e) < 0)
			return -e->code;
	return 0;
}

static void tidy_up(struct sup *s, bool set)
{
	struct err e = ERR_INIT;

	for (unsigned i = s->part && set ? s->plan->parts : 0; i-- > 0;)
		if (hot_present(&s->part[i]) && part_commands(&s->part[i], s->plan->part[i].cleanup, s->plan->part[i].cleanups, &e) < 0)
			sup_say("%s", e.msg);
	if (s->has_terminal)
		tcsetattr(0, TCSANOW, &s->terminal);
	links_free(s);
	for (unsigned i = 0; s->part && i < s->plan->parts; i++)
		part_free(&s->part[i]);
	free(s->part);
	if (s->loop) {
		ctl_free(s->ctl);
		store_free(s);
		words_free(1000);
	}
	loop_free(s->loop);
	if (s->plan_fd >= 0)
		close(s->plan_fd);
	run_dir_leave(&s->dir);
	if (s->pid_file >= 0) {
		unlink(s->plan->pid_file);
		close(s->pid_file);
	}
	guard_stop(s->guard);
}

static int run(struct sup *s, const struct settings *set, struct err *e)
{
	int r = set_up(s, set, e);

	if (r == 0) {
		look_at_all(s);
		r = loop_run(s->loop);
		tidy_up(s, true);
		return r;
	}
	tidy_up(s, false);
	return r;
}

int supervise(const struct settings *set, struct err *e)
{
	static char program[256];
	struct plan *p = plan_read(set->supervise, e);
	struct sup s = {.plan = p, .plan_fd = -1, .store = {-1, -1}, .tell = -1, .pid_file = -1, .dir.lock = -1};
	int r;

	if (!p)
		return -e->code;
	if (set->delete_plan)
		unlink(set->supervise);
	if (p->program) {
		/* It outlives the plan. */
		snprintf(program, sizeof program, "%s", p->program);
		err_set_program(program);
	}
	prctl(PR_SET_NAME, "emu-mon");
	r = plan_check_fronts(p, e);
	if (r == 0)
		r = plan_reserve(p, e);
	if (r == 0)
		r = find_user(&s, p->run_as, e);
	if (r == 0)
		r = check_fds(p, e);
	if (r == 0 && !set->check) {
		if (p->daemonize)
			r = background_start(&s.tell, e);
		if (r == 0)
			r = run(&s, set, e);
	}
	plan_free(p);
	return r;
}
