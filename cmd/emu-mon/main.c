/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-mon: the monitor. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include "attach.h"
#include "base/opt.h"

struct settings {
	const char *run_dir;
	bool qmp, pretty;
};

extern const struct opt_table settings_table;

static int help(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	opt_help(&settings_table, stdout);
	exit(0);
}

static int print_man(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	opt_man(&settings_table, stdout);
	exit(0);
}

static int print_completion(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	opt_completion(&settings_table, stdout);
	exit(0);
}

#define F(f) .offset = offsetof(struct settings, f)
static const struct opt options[] = {
	{'h', "help", OPT_CALL, NULL, "shows this help", .handler = help},
	{0, "run", OPT_STRING, "DIR", "the machine's run directory", F(run_dir), .def = "$XDG_RUNTIME_DIR/emu/NAME"},
	{0, "qmp", OPT_FLAG, NULL, "QMP for programs instead of HMP for people", F(qmp)},
	{0, "pretty", OPT_FLAG, NULL, "with --qmp: values over several lines", F(pretty)},
	{0, "print-man", OPT_CALL, NULL, NULL, .handler = print_man, .hidden = true},
	{0, "print-completion", OPT_CALL, NULL, NULL, .handler = print_completion, .hidden = true},
};

const struct opt_table settings_table = {
	.program = "emu-mon", .usage = "[OPTION]... NAME [COMMAND]...", .summary = "The monitor of a machine.",
	.opts = options, .count = sizeof options / sizeof *options,
};

int main(int argc, char **argv)
{
	struct settings s = {0};
	struct err e = ERR_INIT;
	int first, r;

	err_set_program(argc > 0 ? argv[0] : "emu-mon");
	signal(SIGPIPE, SIG_IGN);
	r = opt_parse(&settings_table, argc, argv, &s, &first, &e);
	if (r == 0) {
		struct attach_settings a = {.run_dir = s.run_dir, .qmp = s.qmp, .pretty = s.pretty};
		if (!s.run_dir && first < argc)
			a.name = argv[first++];
		a.command = (const char *const *)argv + first;
		if (!s.run_dir && !a.name)
			r = err_set(&e, EINVAL, "which machine? NAME or --run DIR expected");
		else
			r = attach(&a, &e);
	}
	if (r < 0)
		err_report(&e);
	return r < 0 ? 1 : r;
}
