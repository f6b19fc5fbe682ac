/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of emu-mon. */
#ifndef EMU_MON_SETTINGS_H
#define EMU_MON_SETTINGS_H
#include "base/opt.h"

struct settings {
	const char *run_dir;
	bool qmp, pretty;                        /* emu-mon NAME */
	bool mux;                                /* --mux */
	const char *serial;
	const char *supervise;                   /* --supervise */
	bool check, delete_plan;
	const char *print_chardev, *print_device;
	int64_t serve, ctl_fd, ready_fd, store_fd; /* the monitor as a part: the plan's descriptor … */
	struct opt_list links, kept;
};
#define SETTINGS_INIT {.serve = -1, .ctl_fd = -1, .ready_fd = -1, .store_fd = -1}

extern const struct opt_table settings_table;

/* The modes; each returns the exit status, or -errno with the sentence. */
int supervise(const struct settings *s, struct err *e); /* supervise.c */
int mux_mode(const struct settings *s, const char *run_dir, struct err *e); /* mux.c */
int serve(const struct settings *s, struct err *e);     /* serve.c */

#endif
