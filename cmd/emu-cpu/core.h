/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's own: what machine.h hides behind struct parts. Devices and boards do not include this. */
#ifndef EMU_CPU_CORE_H
#define EMU_CPU_CORE_H
#include <stdatomic.h>
#include "machine.h"

struct memory_core;
struct clock_core;
struct device_core;
struct save_core;
struct run_core;
struct drive_core;
struct serial_core;
struct net_core;
struct vcpu_core;
struct object_core;
struct input_core;
struct display_server;
struct held;
struct tester;
struct stub;

struct parts {
	struct memory_core *memory;
	struct clock_core *clock;
	struct device_core *devices;
	struct save_core *save;
	struct run_core *run;
	struct drive_core *drives;
	struct serial_core *serials;
	struct net_core *nets;
	struct vcpu_core *processors;
	struct object_core *objects;
	struct input_core *inputs;
	struct display_server *viewers;
	struct held *held;     /* keys that send-key holds down (ctl-input.c) */
	unsigned pointer[2];   /* x, y: the last that input-send-event said */
	struct tester *tester; /* test-protocol.c; NULL: none */
	struct stub *stub;     /* gdb.c; NULL: no debugger yet */
};

/* Each part's set-up and end; the order is in machine_new() and machine_free(). */
int memory_core_init(struct machine *m, struct err *e);
void memory_core_free(struct machine *m);
int clock_core_init(struct machine *m, struct err *e);
void clock_core_free(struct machine *m);
int device_core_init(struct machine *m, struct err *e);
void device_core_free(struct machine *m);
int save_core_init(struct machine *m, struct err *e);
void save_core_free(struct machine *m);
int run_core_init(struct machine *m, struct err *e);
void run_core_free(struct machine *m);
int serial_core_init(struct machine *m, struct err *e);
void serial_core_free(struct machine *m);
int drive_core_init(struct machine *m, struct err *e);
void drive_core_free(struct machine *m);
int net_core_init(struct machine *m, struct err *e);
void net_core_free(struct machine *m);
int input_core_init(struct machine *m, struct err *e);
void input_core_free(struct machine *m);
void input_held_free(struct machine *m);
int display_core_init(struct machine *m, struct err *e);
void display_core_free(struct machine *m);
int object_core_init(struct machine *m, struct err *e);
void object_core_free(struct machine *m);

/*
 * Processors (vcpu.c). Park: every one leaves guest code soon and stays out; any thread. Pause: the same, and waits for it, the
 * machine lock being let go of meanwhile; main thread, locked. Resume: they may run again.
 */
void vcpus_park(struct machine *m);
void vcpus_pause(struct machine *m);
void vcpus_resume(struct machine *m);
/* The end of their threads; vcpu_core_free() frees them, after the devices. */
void vcpus_free(struct machine *m);
int vcpu_core_init(struct machine *m, struct err *e);
void vcpu_core_free(struct machine *m);
int vcpus_start(struct machine *m, struct err *e); /* parked until vcpus_resume() */
void vcpus_reset(struct machine *m);               /* parked */
void vcpus_nmi(struct machine *m);

/* -object TYPE,id=ID,…: what emu-cpu makes itself (memory back ends, random number sources, …), the rest goes to lib/crypto. */
int object_add_text(struct machine *m, const char *text, struct err *e);
#endif
