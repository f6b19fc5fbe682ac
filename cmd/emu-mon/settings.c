/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"

#include <stddef.h>
#include <stdlib.h>
#include "char/char.h"

static int help(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	opt_help(&settings_table, stdout);
	exit(0);
}

static int version(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	printf("%s 1.0 (emutools)\n", err_program());
	exit(0);
}

#define F(f) .offset = offsetof(struct settings, f)
static const struct opt options[] = {
	{'h', "help", OPT_CALL, NULL, "shows this help", .handler = help},
	{'V', "version", OPT_CALL, NULL, "shows the version", .handler = version},
	{0, "run", OPT_STRING, "DIR", "the machine's run directory", F(run_dir), .def = "$XDG_RUNTIME_DIR/emu/NAME"},
	{0, "qmp", OPT_FLAG, NULL, "QMP for programs instead of HMP for people", F(qmp)},
	{0, "pretty", OPT_FLAG, NULL, "with --qmp: values over several lines", F(pretty)},
	{0, "mux", OPT_FLAG, NULL, "a serial port and the monitor of a machine on this terminal; Ctrl-a h lists the keys", F(mux),
	 .man = "For a machine that was started by hand with -serial unix=DIR/cpu.serial0, where this listens. Ctrl-a c goes from one to the other."},
	{0, "serial", OPT_STRING, "PATH", "with --mux: where the machine connects its serial port", F(serial), .def = "cpu.serial0 in the run directory"},
	{0, "supervise", OPT_STRING, "PLAN", "makes a machine of a plan's parts, looks after them, ends with its exit status", F(supervise),
	 .man = "PLAN is a file, fd:N, - for standard input, or the JSON itself; emu-mon(7) describes it."},
	{0, "check", OPT_FLAG, NULL, "with --supervise: checks the plan and ends", F(check)},
	{0, "delete-plan", OPT_FLAG, NULL, "with --supervise: removes the plan's file once it is read", F(delete_plan)},
	{0, "print-chardev", OPT_STRING, "BACKEND,id=ID,...", "checks a character back end's description and prints it in full as JSON; 'help' lists them",
	 F(print_chardev)},
	{0, "print-device", OPT_STRING, "DEVICE", "the same for an old device string, such as tcp:localhost:4444,server or mon:stdio", F(print_device)},
	/* The supervisor's own. */
	{0, "serve", OPT_INT, "FD", "is a plan's monitor", F(serve), .max = 1 << 20, .hidden = true},
	{0, "ctl-fd", OPT_INT, "FD", "its control connection", F(ctl_fd), .max = 1 << 20, .hidden = true},
	{0, "ready-fd", OPT_INT, "FD", "where it says READY", F(ready_fd), .max = 1 << 20, .hidden = true},
	{0, "store-fd", OPT_INT, "FD", "where it keeps descriptors", F(store_fd), .max = 1 << 20, .hidden = true},
	{0, "link", OPT_LIST, "FD:NAME", "a link's descriptor", F(links), .hidden = true},
	{0, "kept", OPT_LIST, "FD:NAME", "a descriptor of an earlier monitor", F(kept), .hidden = true},
};

const struct opt_table settings_table = {
	.program = "emu-mon", .usage = "[OPTION]... NAME [COMMAND]...\n  or:  emu-mon --supervise PLAN [OPTION]...",
	.summary = "The monitor of a machine; its terminals and character back ends; the parent of its parts.",
	.opts = options, .count = sizeof options / sizeof *options,
};
