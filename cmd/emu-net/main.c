/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emu-net: the other end of a guest's network cable. Start-up has one order: options, state, back ends, plugs, control socket, the process that
 * starts services; then what is no longer needed is given up, READY is said, and the loop runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/sandbox.h"
#include "base/size.h"
#include "launcher.h"
#include "net.h"
#include "settings.h"

static void on_signal(void *opaque, int sig)
{
	(void)sig;
	((struct net *)opaque)->stop = true;
}

static int take_signals(struct net *n, struct err *e)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		if (loop_add_signal(n->loop, signals[i], on_signal, n, e) < 0)
			return -e->code;
	return 0;
}

static int write_pid(const char *path, struct err *e)
{
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f) != 0)
		return err_errno(e, errno, "cannot write the pid file %s", path);
	return 0;
}

static int open_all(struct net *n, const struct settings *s, int argc, char **argv, int first, struct err *e)
{
	int64_t ctl = -1;
	int r = state_load(n, e);

	for (int i = first; r == 0 && i < argc; i++) {
		r = backend_add(n, argv[i], e);
		if (r < 0)
			err_prefix(e, "%s", argv[i]);
	}
	for (unsigned i = 0; r == 0 && i < s->dumps.count; i++)
		r = dump_add(n, s->dumps.item[i], e);
	for (unsigned i = 0; r == 0 && i < s->plugs.count; i++)
		r = plug_add(n, s->plugs.item[i], e);
	/* Ports that were chosen for us are kept at once. */
	if (r == 0 && n->changed)
		r = state_commit(n, e);
	if (r == 0 && s->ctl && !strncmp(s->ctl, "fd:", 3))
		r = number_parse("--ctl fd", s->ctl + 3, 0, INT32_MAX, &ctl, e);
	if (r == 0)
		r = control_start(n, s->ctl && ctl < 0 ? s->ctl : NULL, (int)ctl, (int)s->ctl_fd, e);
	if (r == 0 && s->pid_file)
		r = write_pid(s->pid_file, e);
	return r == 0 ? launcher_start(n, e) : r;
}

static int give_up(struct net *n, const struct settings *s, struct err *e)
{
	/* Forwards from low ports may come later. */
	static const char *const keep[] = {"cap_net_bind_service", NULL};
	unsigned allow = n->allow | SANDBOX_SOCKET | SANDBOX_UNLINK | SANDBOX_FILE;
	int r;

	if (s->sandbox == SANDBOX_OFF)
		return 0;
	if (n->state_path) {
		allow |= SANDBOX_OPEN;
		net_needs_path(n, n->state_path, true, true);
	}
	if (s->pid_file)
		net_needs_path(n, s->pid_file, true, true);
	if (s->ctl && strncmp(s->ctl, "fd:", 3))
		net_needs_path(n, s->ctl, true, true);
	r = sandbox_drop_capabilities(geteuid() == 0 ? keep : NULL, e);
	/* Commands of --run are not ours to restrict. */
	if (r == 0 && !s->run) {
		struct sandbox_path paths[NET_PATHS];
		for (unsigned i = 0; i < n->path_count; i++)
			paths[i] = (struct sandbox_path){n->paths[i].path, n->paths[i].change};
		r = sandbox_paths((enum sandbox_mode)s->sandbox, paths, n->path_count, e);
	}
	return r < 0 ? r : sandbox_enter((enum sandbox_mode)s->sandbox, allow, e);
}

/* --run: a child of this process, whose end is ours. */
static pid_t start_command(const struct settings *s, int *end, struct err *e)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return (pid_t)err_errno(e, errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0)
		return (pid_t)err_errno(e, errno, "cannot fork");
	if (pid == 0) {
		const char *plug = s->plugs.count ? strstr(s->plugs.item[0], "unix:") : NULL;
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		if (plug) {
			char *path = strdup(plug + 5);
			path[strcspn(path, ",")] = 0;
			setenv("EMU_NET", path, 1);
		}
		fcntl(fds[1], F_SETFD, 0); /* open as long as it lives */
		execl("/bin/sh", "sh", "-c", s->run, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	*end = fds[0];
	return pid;
}

static void command_ended(void *opaque, unsigned events)
{
	(void)events;
	((struct net *)opaque)->stop = true;
}

/* Each connection of a guest's is a descriptor. */
static void many_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max < 65536 ? l.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int serve(const struct settings *s, int argc, char **argv, int first, struct err *e)
{
	struct net n = {0};
	pid_t child = 0;
	int r = 0, end = -1;

	if (first == argc)
		err_set(e, EINVAL, "no network is given"), r = err_hint(e, "For example: emu-net --plug unix:/tmp/n0.net user,hostfwd=tcp::5555-:22");
	many_descriptors();
	n.state_path = s->state ? strdup(s->state) : NULL;
	n.scratch = malloc(2 * NET_FRAME_MAX);
	if (r == 0 && (!n.scratch || (s->state && !n.state_path)))
		r = err_set(e, ENOMEM, "out of memory");
	if (r == 0 && !(n.loop = loop_new(e)))
		r = -e->code;
	if (r == 0)
		r = take_signals(&n, e);
	if (r == 0)
		r = open_all(&n, s, argc, argv, first, e);
	if (r == 0 && s->run) {
		child = start_command(s, &end, e);
		r = child < 0 || !loop_add_fd(n.loop, end, LOOP_READ, command_ended, &n, e) ? -e->code : 0;
		n.allow |= SANDBOX_SPAWN;
	}
	if (r == 0)
		r = give_up(&n, s, e);
	if (r == 0) {
		if (s->ready_fd >= 0) {
			if (write((int)s->ready_fd, "READY\n", 6) != 6)
				err_print("nobody reads READY");
			close((int)s->ready_fd);
		}
		r = net_run(&n);
	}
	net_free_ports(&n);
	ctl_free(n.ctl);
	dump_free(&n);
	launcher_stop(&n);
	if (child > 0) {
		int status;
		if (waitpid(child, &status, 0) == child && r == 0)
			r = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	if (end >= 0)
		close(end);
	if (s->pid_file && s->pid_file[0])
		unlink(s->pid_file);
	for (unsigned i = 0; i < n.path_count; i++)
		free(n.paths[i].path);
	json_decref(n.saved);
	json_decref(n.removed);
	loop_free(n.loop);
	free(n.scratch);
	free(n.state_path);
	return r;
}

int main(int argc, char **argv)
{
	struct settings s = SETTINGS_INIT;
	struct err e = ERR_INIT;
	int first, r;

	err_set_program(argc > 0 ? argv[0] : "emu-net");
	r = opt_parse(&settings_table, argc, argv, &s, &first, &e);
	if (r == 0 && s.log_path)
		r = log_file(s.log_path, &e);
	if (r == 0 && s.log_items)
		r = log_set(s.log_items, &e);
	if (r == 0 && s.exit_with_parent)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (r == 0)
		r = serve(&s, argc, argv, first, &e);
	if (r < 0 && e.code && e.code != ECANCELED)
		err_report(&e);
	opt_list_free(&s.plugs);
	opt_list_free(&s.dumps);
	return r < 0 ? e.code == ECANCELED ? 0 : 1 : r;
}
