/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bench for every device in the registry: each row says how a device is made in a test's machine, what a driver of it would do in memory and registers,
 * and what can come from its back end. Operations are taken from a string of bytes, and when that has ended from a generator that its end has seeded; so
 * whatever happens can be done again. Back ends are in memory: a disk that answers when it is told to, a byte stream, a cable (linked with muldefs).
 *
 *	struct bench b;
 *	bench_begin(&b, row);
 *	while (…)
 *		bench_step(&b, &input);
 *	bench_end(&b);
 */
#ifndef TESTS_DEV_BENCH_H
#define TESTS_DEV_BENCH_H
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../cmd/emu-cpu/dev/ide/piix3-ide.h"
#include "../../cmd/emu-cpu/dev/intc/apic.h"
#include "../../cmd/emu-cpu/dev/pci/i440fx.h"
#include "../../cmd/emu-cpu/dev/pci/piix4-pm.h"
#include "../../cmd/emu-cpu/display-internal.h"
#include "../../cmd/emu-cpu/memory-internal.h"
#include "../../cmd/emu-cpu/net.h"
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/save-internal.h"
#include "../../cmd/emu-cpu/serial.h"
#include "../../cmd/emu-cpu/testing.h"
#include "base/keyval.h"
#include "dev-drive.h"
#include "dev-virtio.h"
#include "proto/net.h"

/* ---- what operations are made of ---- */

struct input {
	const uint8_t *p, *end;
	uint64_t seed;
};

static inline unsigned u8(struct input *i)
{
	if (i->p < i->end)
		return *i->p++;
	i->seed ^= i->seed << 13;
	i->seed ^= i->seed >> 7;
	i->seed ^= i->seed << 17;
	return (uint8_t)(i->seed >> 24);
}

static inline unsigned u16(struct input *i) { unsigned v = u8(i); return v | u8(i) << 8; }
static inline uint32_t u32(struct input *i) { uint32_t v = u16(i); return v | (uint32_t)u16(i) << 16; }

static inline struct input input_of(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size, 0x9e3779b97f4a7c15ull};
	for (size_t k = size > 8 ? size - 8 : 0; k < size; k++)
		in.seed = (in.seed ^ data[k]) * 0x100000001b3ull;
	if (!in.seed)
		in.seed = 1;
	return in;
}

/* ---- back ends ---- */

struct serial {
	const struct serial_ops *ops;
	void *opaque;
	bool blocked;
};

void serial_attach(struct serial *s, const struct serial_ops *ops, void *opaque)
{
	if (!s)
		return;
	s->ops = ops;
	s->opaque = opaque;
	if (ops && ops->event)
		ops->event(opaque, SERIAL_OPENED);
}

size_t serial_write(struct serial *s, const uint8_t *data, size_t n)
{
	volatile uint8_t last = n ? data[n - 1] : 0;
	(void)last;
	return s && s->blocked ? n / 2 : n;
}

void serial_accept(struct serial *s) { (void)s; }
void serial_set_line(struct serial *s, const struct serial_line *l) { (void)s; (void)l; }

struct netdev {
	const struct net_ops *ops;
	void *opaque;
	unsigned offloads;
	bool busy, down;
};

const char *netdev_id(const struct netdev *n) { (void)n; return "cable"; }
int net_attach(struct netdev *n, struct device *d, const struct net_ops *ops, void *opaque, struct err *e)
{
	(void)d, (void)e;
	n->ops = ops;
	n->opaque = opaque;
	return 0;
}
void net_detach(struct netdev *n)
{
	if (n)
		n->ops = NULL;
}
void net_offloads(struct netdev *n, unsigned bits)
{
	if (n)
		n->offloads = bits;
}
/* Reads every byte, as who sends it would. */
void net_send(struct netdev *n, const struct frame_header *h, const struct iovec *iov, unsigned iovs)
{
	volatile uint64_t sum = 0;
	(void)n, (void)h;
	for (unsigned i = 0; i < iovs; i++)
		sum = frame_sum(iov[i].iov_base, iov[i].iov_len, sum);
}
void net_flush(struct netdev *n) { (void)n; }
bool net_busy(const struct netdev *n) { return n && n->busy; }
void net_accept(struct netdev *n) { (void)n; }
bool net_link(const struct netdev *n) { return !n || !n->down; }

/* In place of the processors' A20 gate. */
static bool a20;
void machine_a20(struct machine *m, bool on) { (void)m; a20 = on; }
bool machine_a20_get(struct machine *m) { (void)m; return a20; }

/* ---- the bench ---- */

enum { RINGS_AT = 0x10000, SCRATCH = 0x100000, TARGETS = 48, MADE = 24, FUNCTIONS = 8, QUEUES = 4, RING_STEP = 0x4000 };
enum { DISK_SIZE = 256 << 10, CD_SIZE = 32 * 2048, FLOPPY_SIZE = 360 << 10, FLASH_SIZE = 0x10000 };

struct bench;
struct row {
	const char *type;    /* as the registry names it */
	const char *options; /* as after -device TYPE, */
	void (*make)(struct bench *b, const struct row *r); /* NULL: the device alone, on the bus of its kind */
	void (*drive)(struct bench *b, struct input *in);   /* what a driver does: rings, tables, commands; NULL: nothing but registers */
	void (*event)(struct bench *b, struct input *in);   /* of its back end; NULL: it has none */
	unsigned (*header)(struct input *in, uint8_t *p);   /* virtio: how a request begins; up to 96 bytes */
};

struct target {
	struct space *space;
	uint64_t start, size;
};

struct bench {
	const struct row *row;
	struct machine *m;
	struct device *dev;            /* that the row is about */
	struct device *made[MADE];     /* with those that it needs; in order */
	unsigned count;
	struct pci_device *function[FUNCTIONS];
	unsigned functions;
	struct drive disk[2];
	struct serial stream;
	struct netdev cable;
	struct region *window;         /* that a board would have made */
	struct apic *apic[2];
	uint8_t box[16];
	struct target target[TARGETS];
	unsigned targets;
	bool stale;                    /* the maps have changed since they were looked at */
	unsigned turns;                /* of timers, that the input has let have */
	struct i440fx *host;
	unsigned variant;
	/* virtio */
	enum { VIRTIO_NOT, VIRTIO_PCI_MODERN, VIRTIO_MMIO, VIRTIO_MMIO_LEGACY } transport;
	uint64_t virtio_at;
	unsigned ring_size;
};

/* A failure of the bench itself, or of what a device must keep to. */
static void __attribute__((noreturn, format(printf, 2, 3))) bench_die(const struct bench *b, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", b->row->type);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	va_start(ap, fmt);
	printf("Bail out! %s: ", b->row->type); /* where standard error is not looked at */
	vprintf(fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	putchar('\n');
	fflush(stdout);
	abort();
}

/* Realized and reset; prop: a property that refers to `to`. */
static struct device *bench_add(struct bench *b, const char *type, const char *options, const char *prop, void *to, struct bus *bus)
{
	struct err e = ERR_INIT;
	struct keyval kv = {0};
	struct device *d = device_new(b->m, type, bus, &e);

	if (!d || b->count == MADE || (options && keyval_parse(options, NULL, &kv, &e) < 0))
		bench_die(b, "%s: %s", type, e.msg);
	for (unsigned i = 0; i < kv.count; i++)
		if (device_set(d, kv.key[i], kv.value[i], &e) < 0)
			bench_die(b, "%s", e.msg);
	keyval_free(&kv);
	if (prop)
		device_set_ptr(d, prop, to);
	if (device_realize(d, &e) < 0)
		bench_die(b, "%s", e.msg);
	if (d->type->reset)
		d->type->reset(d);
	b->made[b->count++] = d;
	if (!strcmp(d->type->bus, "PCI") && b->functions < FUNCTIONS)
		b->function[b->functions++] = pci_device(d);
	return b->dev = d;
}

static uint32_t cfg_read(struct pci_device *d, unsigned at, unsigned size)
{
	return pci_config_read(pci_bus_of(d), pci_bus_of(d)->number, d->devfn, at, size);
}

static void cfg_write(struct pci_device *d, unsigned at, uint32_t v, unsigned size)
{
	pci_config_write(pci_bus_of(d), pci_bus_of(d)->number, d->devfn, at, v, size);
}

/* Where BAR `n` of function `f` goes, by number: 16 MiB a BAR, 256 ports a BAR. */
static uint64_t bar_at(unsigned f, unsigned n) { return 0x80000000ull + (f * 8 + n) * 0x1000000ull; }
static uint16_t port_at(unsigned f, unsigned n) { return (uint16_t)(0x6000 + (f * 8 + n) * 0x100); }

static void set_bars(struct bench *b, unsigned f)
{
	struct pci_device *d = b->function[f];

	if (d->secondary) { /* the windows of a bridge, wide enough for what is behind it */
		cfg_write(d, PCI_PRIMARY, 0x00010100, 4);
		cfg_write(d, 0x1c, 0xf050, 2);
		cfg_write(d, 0x20, 0xbff08000u, 4);
	} else {
		for (unsigned n = 0; n < PCI_BARS; n++) {
			uint32_t old = cfg_read(d, PCI_BAR0 + 4 * n, 4);
			cfg_write(d, PCI_BAR0 + 4 * n, old & 1 ? port_at(f, n) : (uint32_t)bar_at(f, n), 4);
			if ((old & 7) == 4)
				cfg_write(d, PCI_BAR0 + 4 * ++n, 0, 4);
		}
	}
	cfg_write(d, PCI_COMMAND, 7, 2);
}

static void map_changed(void *opaque)
{
	((struct bench *)opaque)->stale = true;
}

/* Everything that the bench's devices show, but for main memory. */
static void find_targets(struct bench *b)
{
	struct space *space[2] = {b->m->ports, b->m->memory};

	b->targets = 0;
	b->stale = false;
	for (unsigned s = 0; s < 2; s++) {
		const struct view *v = space[s]->view;
		for (unsigned i = 0; i < v->count && b->targets < TARGETS; i++) {
			const struct range *r = &v->range[i];
			if (!r->region->ram || r->region->ram != b->m->ram->ram)
				b->target[b->targets++] = (struct target){space[s], r->start, r->last - r->start + 1};
		}
	}
}

/* Two processors that are not there, and who of them asks. */
static struct vcpu *self;
static struct machine *self_machine;
static void cpu_line(struct vcpu *v, bool on) { (void)v; (void)on; }
static void cpu_pulse(struct vcpu *v) { (void)v; }
static void cpu_sipi(struct vcpu *v, uint8_t vector) { (void)v; (void)vector; }
static uint64_t cpu_tsc(struct vcpu *v) { (void)v; return clock_ns(self_machine, CLOCK_VIRT) * 2; }
static uint64_t cpu_hz(struct vcpu *v) { (void)v; return 2000000000; }
static struct vcpu *cpu_current(void) { return self; }
static const struct apic_processor processor = {cpu_line, cpu_pulse, cpu_pulse, cpu_pulse, cpu_sipi, cpu_tsc, cpu_hz, cpu_current};

#include "dev-rows.h"

/* ---- a run ---- */

/* variant: for devices that can be made in two ways. */
static void bench_begin(struct bench *b, const struct row *row, unsigned variant)
{
	memset(b, 0, sizeof *b);
	b->row = row;
	b->m = machine_new_test();
	b->variant = variant;
	if (row->make)
		row->make(b, row);
	else
		bench_add(b, row->type, row->options, NULL, NULL, NULL);
	for (unsigned f = 0; f < b->functions; f++)
		set_bars(b, f);
	space_on_change(b->m->memory, map_changed, b);
	space_on_change(b->m->ports, map_changed, b);
	find_targets(b);
}

static void bench_settle(struct bench *b)
{
	for (unsigned i = 0; i < 2; i++)
		drive_run(&b->disk[i]);
	if (b->m->state != RUN_RUNNING)
		machine_continue(b->m);
	if (!clock_running(b->m))
		clock_start(b->m);
}

static void bench_end(struct bench *b)
{
	bench_settle(b);
	machine_free_test(b->m);
	for (unsigned i = 0; i < 2; i++) {
		drive_run(&b->disk[i]);
		free(b->disk[i].data);
	}
}

static uint64_t any_value(struct input *in)
{
	uint8_t k = u8(in);

	switch (k & 7) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	case 2: return 1ull << (k >> 3);
	case 3: return u8(in);
	case 4: return u16(in);
	case 5: return u32(in);
	case 6: return (k & 8 ? (uint64_t)SCRATCH : RINGS_AT) + u16(in);
	default: return (uint64_t)u32(in) << 32 | u32(in);
	}
}

static void touch(struct bench *b, struct input *in)
{
	uint8_t k = u8(in), how = u8(in);
	enum mem_result r;

	if (b->stale)
		find_targets(b);
	if (!b->targets)
		return;
	const struct target *t = &b->target[k % b->targets];
	bool port = t->space == b->m->ports;
	unsigned size = 1u << ((how & 3) == 3 && port ? 2 : how & 3);
	uint64_t offset = (how & 0xc0) == 0xc0 ? u32(in) : how & 0x80 ? u16(in) : u8(in);
	offset %= t->size;
	if (!(how & 4))
		offset &= ~(uint64_t)(size - 1);
	if (how & 8)
		space_load(t->space, t->start + offset, size, &r);
	else
		space_store(t->space, t->start + offset, any_value(in), size, &r);
}

/* Memory that devices look at, their own registers as a target of DMA, or anywhere. */
static void poke(struct bench *b, struct input *in)
{
	uint8_t how = u8(in);
	uint64_t at = how & 0x80 ? SCRATCH + u16(in) : how & 0x40 ? RINGS_AT + u16(in) : how & 0x20 ? u32(in) : RINGS_AT + (how & 0x18) * 0x800u + u8(in);

	put_value(b, at, any_value(in), 1u << (how & 3));
}

/* test_round_trip(); a network card that was loaded has an announcement to make, which it had not when it was saved. */
static const char *bench_round_trip(struct device *d, struct device *other)
{
	if (!strncmp(d->type->name, "virtio-net", 10))
		test_round_trip(d, NULL);
	return test_round_trip(d, other);
}

/* Saved, reset, loaded, saved again: the same. And a damaged one is refused, or is a state that the device can be in. */
static void bench_save(struct bench *b, struct input *in)
{
	struct device *d = b->made[u8(in) % b->count];
	const struct state_table *t = d->type->state;
	struct save_buf copy = {0};
	struct err e = ERR_INIT;
	uint8_t how = u8(in);
	const char *why;

	bench_settle(b);
	why = bench_round_trip(d, NULL);
	if (*why)
		bench_die(b, "%s: %s", d->type->name, why);
	if (!t || !(how & 3))
		return;
	save_state(&copy, t, d);
	uint8_t *bad = malloc(copy.size ? copy.size : 1);
	memcpy(bad, copy.data, copy.size);
	for (unsigned i = 0; i < (how & 3u) && copy.size; i++)
		bad[u16(in) % copy.size] = u8(in);
	if (load_state((struct load_buf){bad, copy.size}, t, d, t->version, &e) < 0) {
		if (d->type->reset)
			d->type->reset(d);
		if (load_state((struct load_buf){copy.data, copy.size}, t, d, t->version, &e) < 0)
			bench_die(b, "%s: its own state is refused: %s", d->type->name, e.msg);
	}
	free(bad);
	free(copy.data);
}

/* Time with all timers at their fastest is dear: so many turns of theirs in all, then it crawls. */
static void pass(struct bench *b, uint64_t ns)
{
	uint64_t now = clock_ns(b->m, CLOCK_VIRT), end = now + (b->turns < 2000 ? ns : ns & 0xfff);

	for (; now < end && b->turns < 2000; b->turns++) {
		uint64_t a = clock_next(b->m, CLOCK_VIRT), r = clock_next(b->m, CLOCK_REAL), next = a < r ? a : r;
		if (next >= end)
			break;
		clock_step(b->m, next > now ? next - now : 1);
		now = clock_ns(b->m, CLOCK_VIRT);
		if (!clock_running(b->m))
			return;
	}
	if (now < end)
		clock_step(b->m, end - now);
}

__attribute__((unused)) static void bench_step(struct bench *b, struct input *in)
{
	uint8_t op = u8(in);
	uint64_t ns;

	if (op < 112) {
		touch(b, in);
	} else if (op < 160) {
		if (b->row->drive)
			b->row->drive(b, in);
		else
			touch(b, in);
	} else if (op < 184) {
		if (b->row->event)
			b->row->event(b, in);
		else
			touch(b, in);
	} else if (op < 204) {
		poke(b, in);
	} else if (op < 218) {
		struct pci_device *d = b->functions ? b->function[u8(in) % b->functions] : NULL;
		uint8_t at = u8(in);
		if (!d)
			touch(b, in);
		else if (op & 1)
			cfg_read(d, at & ~3u, 4);
		else
			cfg_write(d, op & 2 ? at : at & ~3u, (uint32_t)any_value(in), op & 2 ? 1 : 4);
	} else if (op < 222) {
		if (b->functions)
			set_bars(b, u8(in) % b->functions);
	} else if (op < 244) {
		ns = u8(in) * (1ull << (op - 222) * 5 / 4);
		pass(b, ns);
	} else if (op < 250) {
		pokes(b, in, SCRATCH + u8(in) * 4u, u8(in) & 15);
	} else if (op < 252) {
		test_turn(b->m);
		bench_settle(b);
	} else if (op < 254) {
		bench_save(b, in);
	} else if (op < 255) {
		struct device *d = b->made[u8(in) % b->count];
		if (d->type->reset)
			d->type->reset(d);
	} else {
		machine_reset(b->m);
	}
}
#endif
