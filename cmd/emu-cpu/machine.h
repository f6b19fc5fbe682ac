/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One machine: board, processors, memory, clocks, devices. Nothing of it is global: two machines in one process work.
 *
 * Threads: the main thread runs the event loop; each virtual processor has a thread; drives have theirs. The machine lock covers all
 * device state, the region tree, timers and the device tree. Processors take it for register accesses only.
 */
#ifndef EMU_CPU_MACHINE_H
#define EMU_CPU_MACHINE_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/ctl.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/opt.h"
#include "clock.h"
#include "device.h"
#include "irq.h"
#include "memory.h"

struct ctl_server;
struct vcpu;
struct save;
struct boot_entry;
struct icount;
struct display;

enum run_state { RUN_PRELAUNCH, RUN_RUNNING, RUN_PAUSED, RUN_SUSPENDED, RUN_SHUTDOWN, RUN_INTERNAL_ERROR, RUN_IO_ERROR,
		 RUN_WATCHDOG, RUN_GUEST_PANICKED, RUN_INMIGRATE, RUN_SAVING, RUN_DEBUG };
enum request { REQUEST_NONE, REQUEST_RESET, REQUEST_SHUTDOWN, REQUEST_POWERDOWN, REQUEST_SUSPEND, REQUEST_WAKEUP, REQUEST_QUIT };

/* A board: one file in board/, registered by BOARD(). */
struct board {
	const char *name, *alias; /* "pc-i440fx-2.12", "pc" */
	const char *desc;
	const char *const *versions; /* further names that are accepted, NULL-terminated */
	unsigned max_cpus;
	uint64_t default_ram;        /* bytes */
	const char *default_cpu, *default_net, *default_vga;
	const char *const *isas;     /* qemu-system names that have it: "x86_64", "i386" */
	const struct prop *props;    /* of -machine, in struct machine's `options` area of `size` bytes */
	size_t size;
	int (*init)(struct machine *m, struct err *e); /* builds everything on board */
	/* boot_set of the monitor: letters a to p, each once; NULL: the board has no such order. */
	int (*boot_set)(struct machine *m, const char *order, struct err *e);
	int (*ready)(struct machine *m, struct err *e); /* -device ones are there too: what firmware is told. May be NULL */
};
#define BOARD(ident) static const struct board *const ident##_record __attribute__((used, section("board_types"))) = &(ident)

struct machine_config { /* from the command line; owned by the machine */
	const char *isa, *board, *cpu, *name, *uuid;
	unsigned cpus, max_cpus, sockets, cores, threads;
	uint64_t ram_size, max_ram;
	unsigned ram_slots;
	const char *kernel, *initrd, *append, *dtb, *bios;
	const char *const *firmware_dirs; /* -L, NULL-terminated, then the distribution's */
	bool graphics, usb, no_reboot, no_shutdown, start_stopped, no_defaults, single_step;
	bool acpi, hpet, fd_bootchk, win2k_hack;
	/* Texts as they were given, for the board and its chips to parse with base/keyval.h; NULL: not given. */
	const char *boot, *rtc, *icount, *vga;
	/* Each time the option was given, in order. */
	struct opt_list fw_cfg, option_rom, acpitable, smbios, numa, device, drive_options;
	int watchdog_action; /* enum watchdog_action */
	const char *board_options; /* of -machine, behind the type: key=value,… for the board's props; NULL: none */
	const char *memory_backend; /* id of the object that is main memory; NULL: the core makes it */
	bool mem_prealloc, merge, dump_guest_core;
	bool interpret;            /* -accel interp */
};

struct machine {
	pthread_mutex_t lock, turn; /* turn: held by who is next; so a processor that comes back at once starves nobody */
	_Atomic(pthread_t) owner;
	struct loop *loop;
	struct machine_config config;
	const struct board *board;
	void *options;            /* board->size bytes */
	struct space *memory, *ports; /* the system's; ports NULL where there are none */
	struct space *smm_memory;     /* memory as a processor in system management mode sees it; NULL: the same */
	struct region *ram;       /* all of main memory */
	struct bus *system_bus;   /* on-board devices */
	struct device *i8259;     /* the board's; NULL: none */
	const struct irq *ferr;   /* IRQ 13 of PCs: x87 errors; NULL: nowhere */
	struct vcpu **vcpu;
	unsigned cpus;
	enum run_state state;
	bool built;               /* set-up is over: what comes now is hot-plugged */
	bool clock_held;          /* a debugger's step: the machine runs, its time does not */
	struct ctl_server *ctl;
	char *ctl_name, *display_name; /* of the sockets */
	struct boot_entry *boot_order; /* boot-order.h */
	struct numa *numa;        /* numa.h; NULL: all is one node */
	struct icount *icount;    /* icount.h; NULL: virtual time is the host's */
	struct display *displays;      /* screens, the machine's own first */
	struct parts *parts;      /* the core's own lists (core.h) */
};

/* An empty machine (no board, no processors). The loop belongs to the calling thread, the main thread. config is copied. */
struct machine *machine_new(struct loop *loop, const struct machine_config *config, struct err *e);
void machine_free(struct machine *m);
/* Finds config.board, builds it, makes the -device ones. The machine has been reset and stands in RUN_PRELAUNCH. */
int machine_build(struct machine *m, struct err *e);
const struct board *board_find(const char *name);
const struct board *board_at(unsigned n); /* in order of names, NULL ends */
void machine_reset(struct machine *m);    /* all devices and hooks, at once; processors stand still. machine_request() is the usual way */
const char *run_state_name(enum run_state s);

void machine_lock(struct machine *m);
void machine_unlock(struct machine *m);
bool machine_locked_by_me(const struct machine *m);

/* From any thread; carried out by the main loop with all processors stopped. cause: "guest-reset", "host-qmp-quit", … of the events. */
void machine_request(struct machine *m, enum request what, const char *cause);
void machine_stop(struct machine *m, enum run_state why); /* RUN_PAUSED …; processors are out of guest code when it returns (main thread) */
void machine_continue(struct machine *m);
void machine_on_state(struct machine *m, void (*fn)(void *opaque, bool running), void *opaque);
void machine_off_state(struct machine *m, void *opaque); /* not from within such a call */
void machine_on_powerdown(struct machine *m, void (*fn)(void *opaque), void *opaque);
void machine_on_suspend(struct machine *m, void (*fn)(void *opaque), void *opaque);
void machine_on_wakeup(struct machine *m, void (*fn)(void *opaque), void *opaque);
void machine_exit(struct machine *m, int status); /* isa-debug-exit */
enum watchdog_action { WATCHDOG_RESET, WATCHDOG_SHUTDOWN, WATCHDOG_POWEROFF, WATCHDOG_INJECT_NMI, WATCHDOG_PAUSE, WATCHDOG_DEBUG, WATCHDOG_NONE };
void machine_watchdog(struct machine *m);         /* the action that -watchdog-action chose, with its event */
void machine_nmi(struct machine *m);
void machine_panicked(struct machine *m, unsigned how);
/* How an NMI reaches the processors here (the board's: LINT1 of every APIC); NULL: straight to all processors. */
void machine_on_nmi(struct machine *m, void (*fn)(void *opaque), void *opaque);

/* An event to all control connections, any thread. data (json_t of jansson) is consumed; NULL: none. */
void machine_event(struct machine *m, const char *name, void *json_data);

/* Main memory, config.ram_size bytes named "pc.ram" or so: from memory-backend=, else made here. The machine's own afterwards (m->ram). */
struct region *machine_ram(struct machine *m, const char *name, struct err *e);

/* A file of firmware: searched in -L and the distribution's directories. Malloc'ed contents, NULL with e filled (it names the package). */
uint8_t *firmware_load(struct machine *m, const char *file, size_t *size, struct err *e);

/* Saved state, whole machine (stopped, main thread). */
int machine_save(struct machine *m, int fd, struct err *e);
int machine_load(struct machine *m, int fd, struct err *e);
/* One more section that is no device's (processors, RAM, clocks). */
void machine_state_add(struct machine *m, const char *name, const struct state_table *t, void *state);
void machine_state_remove(struct machine *m, void *state);

/* A control command of emu-cpu (base/ctl.h): one row each, in a linker section; `opaque` is the machine, which is locked. */
#define CTL_COMMAND(ident) \
	static const struct ctl_command *const ident##_record __attribute__((used, section("ctl_commands"))) = &(ident)
#endif
