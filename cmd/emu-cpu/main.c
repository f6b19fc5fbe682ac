/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emu-cpu: runs a machine. Start-up has one order: options, plugs (everything that is opened or connected), board and devices, control
 * socket, processors; then what is no longer needed is given up, READY is said, and the loop runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/part.h"
#include "base/sandbox.h"
#include "core.h"
#include "ctl-server.h"
#include "gdb.h"
#include "plugs.h"
#include "settings.h"
#include "test-protocol.h"

static int set_up_logs(const struct settings *s, struct err *e)
{
	int r = s->log_path ? log_file(s->log_path, e) : 0;

	if (r == 0 && s->log_items)
		r = log_set(s->log_items, e);
	if (r == 0 && s->log_filter)
		r = log_filter(s->log_filter, e);
	if (r == 0 && s->trace)
		r = trace_set(s->trace, e);
	/* A list was asked for, and printed. */
	if (r == -ECANCELED)
		exit(0);
	return r;
}

static int for_each(struct machine *m, const struct opt_list *l, int (*fn)(struct machine *m, const char *text, struct err *e), const char *option,
		    struct err *e)
{
	for (unsigned i = 0; i < l->count; i++)
		if (fn(m, l->item[i], e) < 0)
			return err_prefix(e, "-%s %s", option, l->item[i]);
	return 0;
}

static int add_streams(struct machine *m, const struct opt_list *l, const char *class_name, const char *option, struct err *e)
{
	for (unsigned i = 0; i < l->count; i++)
		if (serial_add(m, class_name, l->item[i], e) < 0)
			return err_prefix(e, "-%s %s", option, l->item[i]);
	return 0;
}

static int plug_in(struct machine *m, const struct settings *s, struct err *e)
{
	int r = for_each(m, &s->set, device_set_option, "set", e);

	if (r == 0)
		r = for_each(m, &s->global, device_global, "global", e);
	if (r == 0)
		r = for_each(m, &s->object, object_add_text, "object", e);
	if (r == 0)
		r = add_streams(m, &s->chardev, "chardev", "chardev", e);
	if (r == 0)
		r = add_streams(m, &s->serial, "serial", "serial", e);
	if (r == 0)
		r = add_streams(m, &s->parallel, "parallel", "parallel", e);
	if (r == 0)
		r = add_streams(m, &s->virtcon, "virtcon", "virtioconsole", e);
	if (r == 0)
		r = add_streams(m, &s->debugcon, "debugcon", "debugcon", e);
	if (r == 0)
		r = for_each(m, &s->net, net_add, "net-fd", e);
	if (r == 0)
		r = for_each(m, &s->disk, drive_add, "disk", e);
	if (r == 0)
		r = for_each(m, &s->gdb, gdb_add, "gdb", e);
	return r;
}

static void on_signal(void *opaque, int sig)
{
	(void)sig;
	machine_request(opaque, REQUEST_QUIT, "host-signal");
}

static int take_signals(struct machine *m, struct err *e)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		if (loop_add_signal(m->loop, signals[i], on_signal, m, e) < 0)
			return -e->code;
	return 0;
}

static int incoming(struct machine *m, const char *from, struct err *e)
{
	int fd = -1, r;
	bool passed = !strncmp(from, "fd:", 3);

	if (passed)
		fd = (int)strtol(from + 3, NULL, 10);
	else
		fd = open(from, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "cannot open %s", from);
	machine_lock(m);
	r = machine_load(m, fd, e);
	machine_unlock(m);
	close(fd);
	return r;
}

static int write_pid(const char *path, struct err *e)
{
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f) != 0)
		return err_errno(e, errno, "cannot write the pid file %s", path);
	return 0;
}

static int give_up(const struct settings *s, struct err *e)
{
	enum sandbox_mode mode;

	if (sandbox_parse(s->sandbox, &mode, e) < 0 || part_give_up_rights(false, e) < 0)
		return -e->code;
	if (mode != SANDBOX_OFF && sandbox_drop_capabilities(NULL, e) < 0)
		return -e->code;
	/* No open, no connect, no exec: descriptors come over the control socket, connections from the dialer (drive-dial.c). */
	return sandbox_enter(mode, SANDBOX_FILE | SANDBOX_SOCKET | SANDBOX_CODE, e);
}

static int run(struct settings *s, struct loop *loop, struct err *e)
{
	struct machine *m = machine_new(loop, &s->config, e);
	const char *remove[5] = {NULL};
	unsigned names;
	bool prepared = false;
	int r;

	if (!m)
		return -e->code;
	if (s->test_protocol)
		clock_own(m);
	r = take_signals(m, e);
	if (r == 0)
		r = machine_ctl_start(m, s, remove, e);
	if (r == 0)
		r = plug_in(m, s, e);
	if (r == 0 && s->pid_file)
		r = write_pid(s->pid_file, e);
	if (r == 0) {
		for (names = 0; remove[names]; names++)
			;
		if (gdb_socket_name(m))
			remove[names++] = gdb_socket_name(m);
		remove[names] = s->pid_file;
		r = drives_prepare(m, s->run_dir, remove, e);
		prepared = r == 0;
	}
	if (r == 0)
		r = nets_prepare(m, e);
	if (r == 0)
		r = machine_build(m, e);
	if (r == 0 && s->incoming)
		r = incoming(m, s->incoming, e);
	if (r == 0 && s->test_protocol)
		r = test_protocol_start(m, e);
	if (r == 0)
		r = gdb_start(m, e);
	if (r == 0 && !s->test_protocol)
		r = vcpus_start(m, e);
	if (r == 0)
		r = give_up(s, e);
	if (r == 0) {
		part_ready((int)s->ready_fd);
		if (!s->config.start_stopped && !s->test_protocol) {
			machine_lock(m);
			machine_continue(m);
			machine_unlock(m);
		}
		r = loop_run(loop);
	}
	test_protocol_stop(m);
	for (const char **name = remove; !prepared && *name; name++)
		unlink(*name);
	machine_ctl_stop(m);
	machine_free(m);
	return r;
}

int main(int argc, char **argv)
{
	struct settings s;
	struct err e = ERR_INIT;
	struct loop *loop = NULL;
	int first, r;

	err_set_program(argc > 0 ? argv[0] : "emu-cpu");
	settings_init(&s, argc > 0 ? argv[0] : "emu-cpu");
	/* Timers of guests are exact to the microsecond where the host can. */
	prctl(PR_SET_TIMERSLACK, 1000);
	r = opt_parse(&settings_table, argc, argv, &s, &first, &e);
	if (r == 0 && first < argc)
		r = err_set(&e, EINVAL, "'%s' is no option; disks are given with -disk", argv[first]);
	if (r == 0)
		r = settings_finish(&s, &e);
	if (r == 0)
		r = set_up_logs(&s, &e);
	if (r == 0 && s.exit_with_parent)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (r == 0) {
		loop = loop_new(&e);
		r = loop ? run(&s, loop, &e) : -e.code;
	}
	if (r < 0 && e.code && e.code != ECANCELED)
		err_report(&e);
	loop_free(loop);
	settings_free(&s);
	return r < 0 ? e.code == ECANCELED ? 0 : 1 : r;
}
