/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices: types registered by DEVICE() records in a linker section, with properties, reset and saved state.
 *
 * A device's life: create (memory zeroed, property defaults), properties set from -device, -global and -set, realize (checks, regions, lines,
 * timers), reset (machine start and every system reset), …, unplug, free. A board makes its on-board devices through the same calls.
 */
#ifndef EMU_CPU_DEVICE_H
#define EMU_CPU_DEVICE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"
#include "clock.h"
#include "irq.h"
#include "memory.h"
#include "save.h"

struct machine;
struct device;
struct bus;

enum prop_kind {
	PROP_BOOL,   /* bool: on, off (true, yes …) */
	PROP_U8, PROP_U16, PROP_U32, PROP_U64, PROP_I32,
	PROP_SIZE,   /* uint64_t with suffixes */
	PROP_STRING, /* char *, owned by the device */
	PROP_CHOICE, /* int: index in `choices` */
	PROP_MAC,    /* uint8_t[6] */
	PROP_DRIVE,  /* struct drive *: the id of a disk (drive.h) */
	PROP_CHARDEV,/* struct serial *: the id of a byte stream (serial.h) */
	PROP_NETDEV, /* struct netdev *: the id of a network (net.h) */
	PROP_MEMDEV, /* struct region *: the id of a memory back end */
	PROP_ADDR,   /* int32_t: PCI slot[.function], -1: any */
};

struct prop {
	const char *name;
	uint8_t kind;
	uint32_t offset;
	int64_t def;
	const char *def_string;
	int64_t min, max;           /* both 0: what the type holds */
	const char *const *choices; /* NULL-terminated */
	const char *help;
};
#define P_(T, m, k) .kind = (k), .offset = offsetof(T, m)

struct device_type {
	const char *name;      /* "isa-serial", as -device takes it */
	const char *alias;     /* older name, or NULL */
	const char *bus;       /* kind of bus that it plugs into: "ISA", "PCI", "System" (on board), "virtio-bus", "IDE", "SCSI", "i2c-bus" … */
	const char *desc;      /* one line for -device help */
	const char *category;  /* "Storage", "Network", "Input", "Display", "Misc" … as -device help groups */
	size_t size;           /* of the state, which begins with struct device (or struct pci_device, …) */
	const struct prop *props;  /* ended by a NULL name */
	const struct state_table *state; /* NULL: it has none to save (and a comment says why) */
	bool user;             /* -device may make it */
	bool hotplug;
	int (*realize)(struct device *d, struct err *e);
	void (*reset)(struct device *d);
	void (*unrealize)(struct device *d); /* undoes realize; the core frees the state itself */
	void (*print)(struct device *d, FILE *f); /* info pic, info irq …: human lines; may be NULL */
	const void *extra;     /* the bus's own: struct pci_info, … */
};

/* Each device file ends with one of these per type. */
#define DEVICE(ident) \
	static const struct device_type *const ident##_record __attribute__((used, section("device_types"))) = &(ident)

struct device {
	const struct device_type *type;
	struct machine *machine;
	struct bus *parent;   /* where it is plugged */
	char *id;             /* from -device id=, or NULL */
	char path[96];        /* unique in the machine: "/pci0/01.1/…"; its section in saved state */
	bool realized, hotplugged;
	struct device *next;  /* siblings on the bus */
	struct bus *buses;    /* that it provides */
	struct device *later; /* all devices in order of creation */
	bool any_bus;         /* the bus was chosen, not given: another one of its kind will do */
	bool leaving;         /* the guest was asked to let go of it */
};

/* A bus that a device or the board provides. Kinds have their own structs (pci.h, …) that begin with this. */
struct bus {
	const char *kind;
	char name[32];        /* "pci.0" */
	struct device *owner; /* NULL: the board */
	struct machine *machine;
	struct device *children;
	struct bus *next;
	/* Checks that the device may be here and gives it its place (address); called before realize. May be NULL. */
	int (*plug)(struct bus *b, struct device *d, struct err *e);
	void (*unplug)(struct bus *b, struct device *d);
	void (*place)(const struct device *d, char *buf, size_t size); /* "04.0" in paths and info qtree */
	/* A device came while the machine runs: it is realized and reset. May be NULL. */
	void (*added)(struct bus *b, struct device *d);
	/* device_del: asks the guest to let go; who hears that it has calls device_gone(). NULL: it is gone at once. */
	int (*eject)(struct bus *b, struct device *d, struct err *e);
	bool hotplug;         /* takes devices while the machine runs */
	bool allocated;       /* a piece of memory of its own that begins here, without an owner: freed with the machine */
};
void bus_init(struct bus *b, const char *kind, const char *name, struct device *owner, struct machine *m);

const struct device_type *device_type_find(const char *name);
/* Creates without realizing. bus NULL: the machine's default of the type's kind. NULL with e filled: unknown type (with near names), no such bus. */
struct device *device_new(struct machine *m, const char *type, struct bus *bus, struct err *e);
/* Value as text, as in -device type,name=value. */
int device_set(struct device *d, const char *name, const char *value, struct err *e);
void device_set_int(struct device *d, const char *name, int64_t value);  /* for boards: the name exists */
void device_set_ptr(struct device *d, const char *name, void *value);    /* PROP_DRIVE and its like */
int device_realize(struct device *d, struct err *e);
/* The same; a device that cannot be realized is freed. For who has just made it. */
int device_finish(struct device *d, struct err *e);
void device_free(struct device *d);
/* "type,prop=value,…" of -device; id, bus and addr understood. */
struct device *device_add(struct machine *m, const char *spec, struct err *e);
/* The guest has let go of it (or it is pulled out): DEVICE_DELETED, device_free(). */
void device_gone(struct device *d);
/* device_del of the monitor. */
int device_del(struct machine *m, const char *id, struct err *e);
/* Text of a property's value, as info qtree and qom-get show it. */
void device_get(const struct device *d, const struct prop *p, char *buf, size_t size);
struct bus *bus_find(struct machine *m, const char *name);
void device_print_tree(struct machine *m, FILE *f); /* info qtree */
/* Calls fn for every device, in order of creation, until it returns false. */
void device_each(struct machine *m, bool (*fn)(void *opaque, struct device *d), void *opaque);
/* All types in order of their names: NULL ends. */
const struct device_type *device_type_at(unsigned n);
/* -global DRIVER.PROPERTY=VALUE or driver=…,property=…,value=…; -set GROUP.ID.ARG=VALUE. Before devices are made. */
int device_global(struct machine *m, const char *text, struct err *e);
int device_set_option(struct machine *m, const char *text, struct err *e);
/* The value that -set gave for an option of the group's id, NULL: none; for those who parse -disk and its like. n-th: 0, 1, … */
const char *device_set_option_get(struct machine *m, const char *group, const char *id, unsigned n, const char **arg);
/* Warns on standard error of -global lines that met no device. */
void device_globals_check(struct machine *m);
/* Properties of the boards' own areas (struct board) use the same tables. */
int prop_set(void *state, const char *owner, const struct prop *p, const char *value, struct machine *m, struct err *e);
void prop_default(void *state, const struct prop *p);
void prop_free(void *state, const struct prop *p);
const char *prop_type_name(const struct prop *p);
void prop_get(const void *state, const struct prop *p, char *buf, size_t size);

void device_help(const char *type, FILE *f); /* -device help, -device type,help */
struct device *device_find(struct machine *m, const char *id_or_path);
/* "/machine/peripheral/ID", "/machine/unattached/device[N]" (ctl-qom.c) */
void device_qom_path(struct device *d, char *buf, size_t size);
/* A system reset calls reset of every device, in order of creation; this hooks what is none. */
void machine_on_reset(struct machine *m, void (*fn)(void *opaque), void *opaque);

/* Log line of -d guest_errors: "i8259: …". And of -d unimp. */
void guest_error(const struct device *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void unimplemented(const struct device *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
