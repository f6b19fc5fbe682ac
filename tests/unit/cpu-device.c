/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: types, properties, -device, -global, -set, buses, reset, and for every type that is registered: does its state survive? */
#include <errno.h>
#include "../../cmd/emu-cpu/core.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

struct lamp {
	struct device dev;
	bool lit;
	uint8_t small;
	uint32_t number;
	uint64_t size;
	char *text;
	int colour;
	uint8_t mac[6];
	int32_t addr;
	unsigned resets, realized;
	struct bus sockets;
};

static const char *const colours[] = {"red", "green", NULL};
static const struct prop lamp_props[] = {
	{.name = "lit", P_(struct lamp, lit, PROP_BOOL)},
	{.name = "small", P_(struct lamp, small, PROP_U8), .def = 7},
	{.name = "number", P_(struct lamp, number, PROP_U32), .def = 5, .min = 1, .max = 100, .help = "how many"},
	{.name = "size", P_(struct lamp, size, PROP_SIZE)},
	{.name = "long-text", P_(struct lamp, text, PROP_STRING), .def_string = "plain"},
	{.name = "colour", P_(struct lamp, colour, PROP_CHOICE), .choices = colours, .def = 1},
	{.name = "mac", P_(struct lamp, mac, PROP_MAC)},
	{.name = "addr", P_(struct lamp, addr, PROP_ADDR), .def = -1},
	{.name = NULL},
};

static int lamp_realize(struct device *d, struct err *e)
{
	struct lamp *l = (struct lamp *)d;

	if (l->number == 13)
		return err_set(e, EINVAL, "thirteen is no number for a lamp");
	l->realized++;
	bus_init(&l->sockets, "lamp-bus", d->id ? d->id : "sockets", d, d->machine);
	return 0;
}

static void lamp_reset(struct device *d)
{
	((struct lamp *)d)->resets++;
}

static const struct device_type lamp = {.name = "test-lamp", .alias = "old-lamp", .bus = "lamp-bus", .desc = "A lamp", .category = "Misc",
					.size = sizeof(struct lamp), .props = lamp_props, .user = true, .realize = lamp_realize,
					.reset = lamp_reset};
DEVICE(lamp);
static const struct device_type fixed = {.name = "test-fixed", .bus = "lamp-bus", .size = sizeof(struct lamp)};
DEVICE(fixed);

static unsigned plugged;
static int plug(struct bus *b, struct device *d, struct err *e)
{
	unsigned n = 0;

	(void)d;
	for (struct device *c = b->children; c; c = c->next)
		n++;
	if (n > 2)
		return err_set(e, ENOSPC, "bus '%s' is full", b->name);
	plugged++;
	return 0;
}

static void lamps(void)
{
	struct machine *m = machine_new_test();
	struct bus board = {0};
	struct err e = ERR_INIT;
	struct device *d;
	struct lamp *l;

	ok(!device_add(m, "test-lamp", &e) && strstr(e.msg, "No 'lamp-bus' bus found"), "without its bus a device cannot be");
	bus_init(&board, "lamp-bus", "lamps", NULL, m);
	board.plug = plug;
	ok(device_global(m, "test-lamp.small=9", &e) == 0 && device_global(m, "driver=old-lamp,property=long-text,value=a,,b", &e) == 0, "-global in both forms");
	ok(device_global(m, "nonsense", &e) == -EINVAL, "and not in a third");
	ok(device_set_option(m, "device.one.number=77", &e) == 0 && device_set_option(m, "device.number=7", &e) == -EINVAL, "-set wants four parts");
	d = device_add(m, "test-lamp,id=one,lit=on,size=1.5K,colour=red,mac=52:54:00:12:34:56,addr=1f.7", &e);
	l = (struct lamp *)d;
	ok(d != NULL, "a device from its text");
	if (!d)
		return;
	ok(l->lit && l->size == 1536 && l->colour == 0 && l->mac[5] == 0x56 && l->addr == 0xff, "has the values that were given");
	ok(l->small == 9 && !strcmp(l->text, "a,b"), "and the global ones");
	ok_eq(l->number, 77, "and what -set says");
	ok(l->realized == 1 && plugged == 1, "is realized on its bus");
	ok_str(d->path, "/lamps/test-lamp", "under its path");
	ok(device_find(m, "one") == d && device_find(m, "/lamps/test-lamp") == d, "where it is found");
	ok(!device_add(m, "test-lamp,id=one", &e) && strstr(e.msg, "Duplicate ID 'one'"), "an id is there once");
	ok(!device_add(m, "test-lamp,number=0", &e) && strstr(e.msg, "from 1 to 100"), "a number out of range is refused with the range");
	ok(!device_add(m, "test-lamp,colour=blue", &e) && strstr(e.msg, "red, green"), "a wrong choice is refused with the choices");
	ok(!device_add(m, "test-lamp,heat=1", &e) && strstr(e.msg, "Property 'test-lamp.heat' not found"), "an unknown property is refused");
	ok(!device_add(m, "test-lamp,number=13", &e) && strstr(e.msg, "thirteen"), "a device may refuse itself");
	ok(!device_add(m, "test-lamq", &e) && strstr(e.msg, "'test-lamq' is not a valid device model name") && strstr(e.hint, "test-lamp"),
	   "an unknown type is refused with those that are near");
	ok(!device_add(m, "test-fixed", &e) && strstr(e.msg, "pluggable"), "what belongs to boards is refused");
	ok(!device_add(m, "test-lamp,bus=nowhere", &e) && strstr(e.msg, "Bus 'nowhere' not found"), "an unknown bus is refused");
	ok(!device_add(m, "id=x", &e) && strstr(e.msg, "'driver' is missing"), "a type is needed");
	d = device_add(m, "{\"driver\":\"test-lamp\",\"id\":\"two\",\"lit\":true,\"number\":3,\"bus\":\"one\"}", &e);
	ok(d && ((struct lamp *)d)->number == 3 && d->parent == &l->sockets, "JSON does too, and a device's id names its bus");
	d = device_add(m, "test-lamp,long_text=x", &e);
	ok(d && !strcmp(((struct lamp *)d)->text, "x") && !strcmp(d->path, "/lamps/test-lamp[1]"), "underscores are dashes; paths are distinct");
	d = device_add(m, "test-lamp", &e);
	ok(d && d->parent == &l->sockets, "when a bus is full the next of its kind is taken");
	machine_reset(m);
	ok_eq(l->resets, 1, "a system reset reaches it");
	m->built = true;
	ok(!device_add(m, "test-lamp", &e) && strstr(e.msg, "does not support hotplugging"), "it cannot be plugged into a machine that runs");
	ok(device_del(m, "one", &e) == -EINVAL, "nor pulled out");

	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	device_help(NULL, f);
	device_help("test-lamp", f);
	device_print_tree(m, f);
	fclose(f);
	ok(strstr(text, "Misc devices:\n") && strstr(text, "name \"test-lamp\", bus lamp-bus, alias \"old-lamp\", desc \"A lamp\"\n"), "-device help lists it");
	ok(!strstr(text, "name \"test-fixed\""), "but not what the user cannot make");
	ok(strstr(text, "  number=<uint32>        - how many (default: 5)\n"), "its own help its properties");
	ok(strstr(text, "dev: test-lamp, id \"one\"\n"), "info qtree shows it");
	free(text);
	machine_free_test(m);
}

/* Every type that stands alone on the system or ISA bus: created, reset, saved, loaded into a second machine's, saved, compared. */
static void round_trips(void)
{
	const struct device_type *t;

	for (unsigned n = 0; (t = device_type_at(n)); n++) {
		struct machine *m, *other;
		struct device *a, *b;
		struct err e = ERR_INIT;
		const char *text;

		if (!strncmp(t->name, "test-", 5))
			continue;
		/* Its memory is wired by i440fx_init(). */
		if (!strcmp(t->name, "i440FX"))
			continue;
		m = machine_new_test();
		other = machine_new_test();
		a = device_new(m, t->name, NULL, &e);
		b = device_new(other, t->name, NULL, &(struct err)ERR_INIT);
		if (a && b && device_realize(a, &e) == 0 && device_realize(b, &e) == 0) {
			machine_reset(m);
			machine_reset(other);
			clock_step(m, 12345);
			text = test_round_trip(a, b);
			ok(!*text, "%s: its state survives%s%s", t->name, *text ? ": " : "", text);
		} else {
			ok(1, "%s # SKIP stands not alone: %s", t->name, e.msg);
		}
		machine_free_test(m);
		machine_free_test(other);
	}
}

int main(void)
{
	lamps();
	round_trips();
	return tap_done();
}
