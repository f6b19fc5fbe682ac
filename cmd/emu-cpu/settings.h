/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of emu-cpu. */
#ifndef EMU_CPU_SETTINGS_H
#define EMU_CPU_SETTINGS_H
#include "base/opt.h"
#include "machine.h"

struct settings {
	struct machine_config config;
	/* texts that settings_finish() turns into the config */
	struct opt_list machine, smp, memory, boot, rtc, accel, firmware_dirs, name;
	const char *watchdog_action, *isa;
	bool no_acpi, no_hpet, no_fd_bootchk, enable_kvm, no_graphic;
	/* what goes into the machine from outside */
	struct opt_list object, global, set, disk, serial, parallel, virtcon, debugcon, chardev, net, gdb;
	/* the process */
	const char *run_dir, *ctl, *sandbox, *log_items, *log_path, *log_filter, *trace, *display_socket, *incoming, *pid_file, *watchdog;
	int64_t ctl_fd, ready_fd;
	bool exit_with_parent, test_protocol;
	/* made by settings_finish(), owned here */
	char *owned[16];
	unsigned owned_count;
};

extern const struct opt_table settings_table;
void settings_init(struct settings *s, const char *argv0);
/* After opt_parse(): puts the texts together and checks them. */
int settings_finish(struct settings *s, struct err *e);
void settings_free(struct settings *s);
#endif
