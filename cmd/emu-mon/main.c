/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-mon: the monitor, the character back ends, and the parent of a machine's parts. The modes are files of their own. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "attach.h"
#include "char/char.h"
#include "settings.h"

/* --print-chardev, --print-device: what a description means, for the wrapper and for people. */
static int print_spec(const char *text, bool old, struct err *e)
{
	struct char_spec spec = {0};
	char *line;
	int r;

	if (!strcmp(text, "help") || !strcmp(text, "?")) {
		char_help(stdout);
		return 0;
	}
	r = old ? char_spec_parse_old(text, &spec, e) : char_spec_parse(text, &spec, e);
	if (r < 0)
		return r;
	if (spec.nothing) {
		puts("{\"none\":true}");
	} else if (spec.reference) {
		json_t *v = json_pack("{s:s, s:b}", "chardev", spec.reference, "monitor", spec.monitor);
		json_dumpf(v, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(v);
	} else {
		json_t *v = json_object();
		line = char_spec_print(&spec);
		json_object_set_new(v, "backend", json_string(line));
		json_object_set_new(v, "monitor", json_boolean(spec.monitor));
		json_object_set_new(v, "mux", json_boolean(spec.mux));
		json_dumpf(v, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(v);
		free(line);
	}
	char_spec_free(&spec);
	return 0;
}

/* emu-mon NAME [COMMAND]... */
static int talk(const struct settings *s, char **words, struct err *e)
{
	struct attach_settings a = {.run_dir = s->run_dir, .qmp = s->qmp, .pretty = s->pretty};
	char dir[PATH_MAX];
	int r;

	if (!s->run_dir && *words)
		a.name = *words++;
	a.command = (const char *const *)words;
	if (s->mux && *words)
		return err_set(e, EINVAL, "'%s': --mux takes no commands", *words);
	if (!s->run_dir && !a.name) {
		err_set(e, EINVAL, "which machine? NAME or --run DIR expected");
		return err_hint(e, "Try '%s --help' for the options.", err_program());
	}
	if (!s->mux)
		return attach(&a, e);
	/* Its directory comes with the machine, which waits as long for us. */
	for (int ms = 0; (r = attach_dir(&a, dir, sizeof dir, e)) == -ENOENT && ms < 10000; ms += 50)
		nanosleep(&(struct timespec){0, 50000000}, NULL);
	return r < 0 ? r : mux_mode(s, dir, e);
}

int main(int argc, char **argv)
{
	struct settings s = SETTINGS_INIT;
	struct err e = ERR_INIT;
	int first, r;

	err_set_program(argc > 0 ? argv[0] : "emu-mon");
	signal(SIGPIPE, SIG_IGN);
	r = opt_parse(&settings_table, argc, argv, &s, &first, &e);
	if (r == 0 && first < argc && (s.supervise || s.serve >= 0))
		r = err_set(&e, EINVAL, "'%s' is no option", argv[first]);
	if (r == 0) {
		if (s.print_chardev || s.print_device)
			r = print_spec(s.print_chardev ? s.print_chardev : s.print_device, !s.print_chardev, &e);
		else if (s.serve >= 0)
			r = serve(&s, &e);
		else
			r = s.supervise ? supervise(&s, &e) : talk(&s, argv + first, &e);
	}
	if (r < 0 && e.code)
		err_report(&e);
	opt_list_free(&s.links);
	opt_list_free(&s.kept);
	return r < 0 ? 1 : r;
}
