/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of emu-net. */
#ifndef EMU_NET_SETTINGS_H
#define EMU_NET_SETTINGS_H
#include "base/opt.h"

struct settings {
	struct opt_list plugs, dumps;
	const char *ctl, *state, *pid_file, *log_items, *log_path, *run;
	int64_t ctl_fd, ready_fd;
	int sandbox;
	bool exit_with_parent;
};
#define SETTINGS_INIT {.ctl_fd = -1, .ready_fd = -1, .sandbox = 1}
extern const struct opt_table settings_table;
#endif
