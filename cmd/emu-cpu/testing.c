/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "core.h"
#include "save-internal.h"

/* Lies in the area of the board's options: there is no board. */
struct test_state {
	struct irq line[TEST_LINES];
	bool level[TEST_LINES];
	unsigned edges[TEST_LINES];
	struct isa_bus isa;
	struct pci_bus pci;
	struct region *memory, *ports;
};

static struct test_state *state(struct machine *m)
{
	return m->options;
}

static void set_line(void *opaque, int n, bool level)
{
	struct test_state *t = opaque;

	if (level && !t->level[n])
		t->edges[n]++;
	t->level[n] = level;
}

static int pci_map(struct pci_bus *b, unsigned devfn, unsigned pin)
{
	(void)b;
	return (int)((devfn >> 3) + pin) & 3;
}

static void pci_set(void *opaque, int input, bool level)
{
	set_line(opaque, 16 + input, level);
}

struct machine *machine_new_test(void)
{
	struct machine_config config = {.isa = "x86_64", .board = "test", .cpus = 0, .ram_size = TEST_RAM, .max_ram = TEST_RAM,
					.acpi = true, .hpet = true, .fd_bootchk = true, .no_shutdown = true};
	struct err e = ERR_INIT;
	struct loop *loop = loop_new(&e);
	struct machine *m = loop ? machine_new(loop, &config, &e) : NULL;
	struct test_state *t = calloc(1, sizeof *t);

	if (!m || !t)
		die(1, "%s", e.msg);
	m->options = t;
	clock_own(m);
	machine_lock(m);
	t->memory = region_new_container(m, "system", 0);
	t->ports = region_new_container(m, "io", 65536);
	m->ram = region_new_ram(m, "test.ram", TEST_RAM, &e);
	if (!m->ram)
		die(1, "%s", e.msg);
	region_add(t->memory, 0, m->ram, 0);
	m->memory = space_new(m, "memory", t->memory);
	m->ports = space_new(m, "I/O", t->ports);
	irq_init(t->line, TEST_LINES, set_line, t);
	bus_init(&t->isa.bus, "ISA", "isa.0", NULL, m);
	t->isa.ports = t->ports;
	t->isa.memory = t->memory;
	for (unsigned i = 0; i < 16; i++)
		t->isa.irq[i] = &t->line[i];
	pci_bus_init(&t->pci, "pci.0", NULL, m, t->memory, t->ports, m->memory);
	t->pci.map_irq = pci_map;
	t->pci.set_irq = pci_set;
	t->pci.irq_opaque = t;
	t->pci.inputs = 4;
	m->state = RUN_RUNNING;
	return m;
}

void machine_free_test(struct machine *m)
{
	struct test_state *t = state(m);
	struct region *ram = m->ram, *memory = t->memory, *ports = t->ports;
	struct loop *loop = m->loop;

	/* Devices go while the regions that they are in still exist. */
	device_core_free(m);
	space_free(m->memory);
	space_free(m->ports);
	m->memory = m->ports = NULL;
	region_free(ram);
	region_free(memory);
	region_free(ports);
	machine_unlock(m);
	machine_free(m);
	loop_free(loop);
}

const struct irq *test_irq(struct machine *m, unsigned n)
{
	return n < TEST_LINES ? &state(m)->line[n] : NULL;
}

bool test_line(struct machine *m, unsigned n)
{
	return state(m)->level[n];
}

unsigned test_edges(struct machine *m, unsigned n)
{
	unsigned edges = state(m)->edges[n];

	state(m)->edges[n] = 0;
	return edges;
}

struct isa_bus *test_isa(struct machine *m)
{
	return &state(m)->isa;
}

struct pci_bus *test_pci(struct machine *m)
{
	return &state(m)->pci;
}

struct device *test_device(struct machine *m, const char *type, const char *options)
{
	struct err e = ERR_INIT;
	struct device *d = device_new(m, type, NULL, &e);
	struct keyval kv = {0};

	if (!d || (options && keyval_parse(options, NULL, &kv, &e) < 0))
		die(1, "%s: %s", type, e.msg);
	for (unsigned i = 0; i < kv.count; i++)
		if (device_set(d, kv.key[i], kv.value[i], &e) < 0)
			die(1, "%s: %s", type, e.msg);
	keyval_free(&kv);
	if (device_realize(d, &e) < 0)
		die(1, "%s: %s", type, e.msg);
	if (d->type->reset)
		d->type->reset(d);
	return d;
}

uint8_t test_inb(struct machine *m, uint16_t port)
{
	return (uint8_t)space_load(m->ports, port, 1, NULL);
}

uint16_t test_inw(struct machine *m, uint16_t port)
{
	return (uint16_t)space_load(m->ports, port, 2, NULL);
}

uint32_t test_inl(struct machine *m, uint16_t port)
{
	return (uint32_t)space_load(m->ports, port, 4, NULL);
}

void test_outb(struct machine *m, uint16_t port, uint8_t v)
{
	space_store(m->ports, port, v, 1, NULL);
}

void test_outw(struct machine *m, uint16_t port, uint16_t v)
{
	space_store(m->ports, port, v, 2, NULL);
}

void test_outl(struct machine *m, uint16_t port, uint32_t v)
{
	space_store(m->ports, port, v, 4, NULL);
}

void test_turn(struct machine *m)
{
	machine_unlock(m);
	while (loop_once(m->loop, 0) > 0)
		;
	machine_lock(m);
}

const char *test_round_trip(struct device *d, struct device *other)
{
	static char text[1200];
	const struct state_table *t = d->type->state;
	struct save_buf first = {0}, second = {0};
	struct err e = ERR_INIT;

	*text = '\0';
	if (!t)
		return text;
	save_state(&first, t, d);
	if (!other) {
		other = d;
		if (d->type->reset)
			d->type->reset(d);
	}
	if (load_state((struct load_buf){first.data, first.size}, t, other, t->version, &e) < 0) {
		snprintf(text, sizeof text, "%s", e.msg);
	} else {
		size_t at = 0;
		save_state(&second, t, other);
		while (at < first.size && at < second.size && first.data[at] == second.data[at])
			at++;
		if (first.size != second.size || at < first.size)
			snprintf(text, sizeof text, "%s: saved again, it differs from byte %zu on", t->name, at);
	}
	free(first.data);
	free(second.data);
	return text;
}
