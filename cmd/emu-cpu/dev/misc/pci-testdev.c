/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI test device: each of its BARs tells the guest what to write where, and counts the writes that arrive.
 *
 * Specification: "QEMU PCI test device", docs/specs/pci-testdev. BAR 0 is memory, BAR 1 ports; three tests each: a byte whose value matters not,
 * twice (a hypervisor would treat the two apart), and one that must have the right value.
 *
 *   0 W8 test   1 R8 width (1, 2, 4; ff: there is no such test)   4 R32 offset   8 R32 data   c R32 count   10 R name
 */
#include <errno.h>
#include <string.h>

#include "../../pci.h"

#define BAR_SIZE 4096u
#define IO_SIZE 256u
#define TESTS 3
#define NAME_AT 16u
#define TARGET 0x80u /* where the writes go */
#define DATA 0xfa

struct testdev_bar {
	uint8_t test;
	uint32_t count;
};

struct pci_testdev {
	struct pci_device pci;
	struct testdev_bar bar[2];
	struct region *region[2];
};

static const struct { const char *name; uint8_t width; bool match; } tests[2][TESTS] = {
	{{"mmio-no-eventfd", 1, false}, {"mmio-wildcard-eventfd", 1, false}, {"mmio-datamatch-eventfd", 1, true}},
	{{"portio-no-eventfd", 1, false}, {"portio-wildcard-eventfd", 1, false}, {"portio-datamatch-eventfd", 1, true}},
};

static uint8_t header_byte(const struct pci_testdev *s, unsigned n, uint64_t at)
{
	const struct testdev_bar *b = &s->bar[n];
	bool there = b->test < TESTS;

	if (at == 0)
		return b->test;
	if (at == 1)
		return there ? tests[n][b->test].width : 0xff;
	if (at >= 4 && at < 8)
		return there ? (uint8_t)(TARGET >> 8 * (at - 4)) : 0;
	if (at >= 8 && at < 12)
		return there ? (uint8_t)((uint32_t)DATA >> 8 * (at - 8)) : 0;
	if (at >= 12 && at < 16)
		return (uint8_t)(b->count >> 8 * (at - 12));
	if (there && at >= NAME_AT && at - NAME_AT < strlen(tests[n][b->test].name))
		return (uint8_t)tests[n][b->test].name[at - NAME_AT];
	return 0;
}

static uint64_t bar_read(const struct pci_testdev *s, unsigned n, uint64_t offset, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)header_byte(s, n, offset + i) << 8 * i;
	return v;
}

static void bar_write(struct pci_testdev *s, unsigned n, uint64_t offset, uint64_t value, unsigned size)
{
	struct testdev_bar *b = &s->bar[n];

	if (offset == 0) {
		b->test = (uint8_t)value;
		b->count = 0;
	} else if (offset == TARGET && b->test < TESTS && size == tests[n][b->test].width &&
		   (!tests[n][b->test].match || value == DATA)) {
		b->count++;
	}
}

static uint64_t memory_read(void *opaque, uint64_t offset, unsigned size) { return bar_read(opaque, 0, offset, size); }
static void memory_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { bar_write(opaque, 0, offset, value, size); }
static uint64_t port_read(void *opaque, uint64_t offset, unsigned size) { return bar_read(opaque, 1, offset, size); }
static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { bar_write(opaque, 1, offset, value, size); }

static const struct region_ops memory_ops = {memory_read, memory_write, .min = 1, .max = 4};
static const struct region_ops port_ops = {port_read, port_write, .min = 1, .max = 4};

static void testdev_reset(struct pci_device *d)
{
	struct pci_testdev *s = (struct pci_testdev *)d;

	for (unsigned i = 0; i < 2; i++)
		s->bar[i] = (struct testdev_bar){.test = 0xff};
}

static int testdev_realize(struct pci_device *d, struct err *e)
{
	struct pci_testdev *s = (struct pci_testdev *)d;

	(void)e;
	s->region[0] = region_new_io(d->dev.machine, "pci-testdev-mmio", BAR_SIZE, &memory_ops, s);
	s->region[1] = region_new_io(d->dev.machine, "pci-testdev-portio", IO_SIZE, &port_ops, s);
	pci_bar(d, 0, PCI_BAR_MEM, s->region[0]);
	pci_bar(d, 1, PCI_BAR_IO, s->region[1]);
	return 0;
}

static void testdev_unrealize(struct pci_device *d)
{
	struct pci_testdev *s = (struct pci_testdev *)d;

	for (unsigned i = 0; i < 2; i++) {
		region_remove(s->region[i]);
		region_free(s->region[i]);
	}
}

static const struct pci_class testdev_class = {
	.info = {.vendor = 0x1b36, .device = 0x0005, .class_code = 0x00ff00},
	.realize = testdev_realize, .unrealize = testdev_unrealize, .reset = testdev_reset,
};
static const struct prop testdev_props[] = {PCI_PROPS, {.name = NULL}};
static const struct field bar_fields[] = {F_UINT(struct testdev_bar, test), F_UINT(struct testdev_bar, count), F_END};
static const struct field testdev_fields[] = {F_STRUCTS(struct pci_testdev, bar, bar_fields), F_END};
static const struct state_table testdev_state = {.name = "pci-testdev", .version = 1, .oldest = 1, .fields = testdev_fields};

static const struct device_type testdev_type = {
	.name = "pci-testdev", .bus = "PCI", .desc = "PCI test device", .category = "Misc", .size = sizeof(struct pci_testdev),
	.props = testdev_props, .state = &testdev_state, .user = true,
	.realize = pci_realize, .unrealize = pci_unrealize, .reset = pci_reset, .extra = &testdev_class,
};
DEVICE(testdev_type);
