/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include "base/log.h"
#include "net.h"
#ifdef HAVE_SLIRP
#include <slirp/libslirp.h>
#endif

static int help(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	opt_help(&settings_table, stdout);
	printf("\nNETWORK is TYPE[,id=ID][,PROP=VALUE]...:\n");
	for (unsigned i = 0; backend_at(i); i++)
		printf("  %-8s %s\n", backend_at(i)->type, backend_at(i)->help);
	exit(0);
}

static int version(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	printf("%s (emutools)\n", err_program());
#ifdef HAVE_SLIRP
	printf("user networking: libslirp %s\n", slirp_version_string());
#else
	printf("user networking: not built in (libslirp-dev)\n");
#endif
	exit(0);
}

static int trace(const struct opt *o, const char *value, void *settings, struct err *e)
{
	int r = trace_set(value, e);

	(void)o, (void)settings;
	if (r == -ECANCELED)
		exit(0);
	return r;
}

static const char *const sandbox_modes[] = {"off", "on", "log", NULL};

#define F(f) .offset = offsetof(struct settings, f)
static const struct opt options[] = {
	{'h', "help", OPT_CALL, NULL, "shows this help", .handler = help},
	{'V', "version", OPT_CALL, NULL, "shows the version", .handler = version},
	{'p', "plug", OPT_LIST, "[id=ID,]unix:PATH[,packet=on]", "a socket to which machines connect; fd:N takes one that is open", F(plugs),
	 .man = "A socket to which machines connect (emu-cpu -net-fd id=ID,unix=PATH,vnet_hdr=on), any number at the same time: each connection is a port of "
		"the network. fd:N is an open socket, one that listens or a connection. emu-net(7) says what is spoken there."},
	{0, "dump", OPT_LIST, "file=PATH[,maxlen=BYTES][,id=ID]", "writes every frame to a pcap file", F(dumps),
	 .man = "Writes every frame that is on the network to a pcap file, at most maxlen bytes of each (65536)."},
	{0, "ctl", OPT_STRING, "PATH|fd:N", "the control socket; fd:N is one that listens", F(ctl)},
	{0, "ctl-fd", OPT_INT, "N", "a control connection that exists; its end is the order to stop", F(ctl_fd), .min = 0, .max = INT_MAX},
	{0, "ready-fd", OPT_INT, "N", "writes READY there when everything is set up", F(ready_fd), .min = 0, .max = INT_MAX},
	{0, "state", OPT_STRING, "FILE", "keeps there what is changed, and begins with it", F(state),
	 .man = "What is changed over the control socket, and which ports were chosen for forwards from port 0, is kept in this file, as soon as there is something. "
		"If it exists at the start it is what the options would have been: a process that takes the place of a killed one is where that was."},
	{0, "run", OPT_STRING, "COMMAND", "runs a command with the plug in $EMU_NET, and ends with it", F(run)},
	{0, "exit-with-parent", OPT_FLAG, NULL, "ends when the parent process does", F(exit_with_parent)},
	{0, "pid-file", OPT_STRING, "PATH", "writes the process id there", F(pid_file)},
	{'d', "log", OPT_STRING, "ITEM,...", "logs these items; 'help' lists them", F(log_items)},
	{'D', "log-file", OPT_STRING, "FILE", "writes the log to FILE", F(log_path), .def = "standard error"},
	{'T', "trace", OPT_CALL, "SPEC", "trace points: [enable=]PATTERN[,events=FILE][,file=FILE]", .handler = trace},
	{0, "sandbox", OPT_CHOICE, "MODE", "the system-call filter", F(sandbox), .choices = sandbox_modes, .def = "on",
	 .man = "The filter that the program puts itself under once everything is open. log lets everything through and has the kernel log what the filter "
		"would have stopped."},
};

const struct opt_table settings_table = {
	.program = "emu-net", .usage = "[OPTION]... NETWORK...",
	.summary = "The other end of a guest's network cable; several NETWORKs and plugs are a hub.", .opts = options,
	.count = sizeof options / sizeof *options,
};
