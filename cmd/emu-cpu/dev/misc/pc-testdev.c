/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test device of the kvm-unit-tests project (x86/README, lib/x86): what its kernels use to provoke interrupts and register accesses.
 *
 *   e0-e3      a register of 32 bits, any access      e4  W: drops the mapping of the page at that address, for hypervisors; nothing here
 *   e8-eb      the same as e0 in bytes                2000-2017  W: level of ISA line (offset, 0..15)
 *   ff000000   64 KiB of registers that remember
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "../../machine.h"

#define MMIO_SIZE 0x10000u

struct testdev {
	struct device dev;
	uint32_t ioport;
	uint16_t lines;
	uint8_t memory[MMIO_SIZE];
	struct region *port, *byte_port, *flush, *irq, *region;
};

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
	struct testdev *s = opaque;

	return s->ioport >> 8 * offset & (size == 4 ? 0xffffffffu : (1u << 8 * size) - 1);
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct testdev *s = opaque;
	uint32_t mask = (size == 4 ? 0xffffffffu : (1u << 8 * size) - 1) << 8 * offset;

	s->ioport = (s->ioport & ~mask) | ((uint32_t)value << 8 * offset & mask);
}

static uint64_t nothing_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)opaque, (void)offset, (void)size;
	return 0;
}

static void nothing_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)opaque, (void)offset, (void)value, (void)size;
}

static void irq_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct testdev *s = opaque;

	(void)size;
	if (offset >= 16)
		return;
	s->lines = (uint16_t)(value ? s->lines | 1u << offset : s->lines & ~(1u << offset));
	irq_set(isa_irq(&s->dev, (unsigned)offset), value);
}

static uint64_t memory_read(void *opaque, uint64_t offset, unsigned size)
{
	struct testdev *s = opaque;
	uint64_t v = 0;

	for (unsigned i = 0; i < size && offset + i < MMIO_SIZE; i++)
		v |= (uint64_t)s->memory[offset + i] << 8 * i;
	return v;
}

static void memory_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct testdev *s = opaque;

	for (unsigned i = 0; i < size && offset + i < MMIO_SIZE; i++)
		s->memory[offset + i] = (uint8_t)(value >> 8 * i);
}

static const struct region_ops port_ops = {port_read, port_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 4};
static const struct region_ops byte_ops = {port_read, port_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops flush_ops = {nothing_read, nothing_write, .min = 4, .max = 4};
static const struct region_ops irq_ops = {nothing_read, irq_write, .min = 1, .max = 1};
static const struct region_ops memory_ops = {memory_read, memory_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = 8, .unaligned = true};

static void testdev_reset(struct device *d)
{
	struct testdev *s = (struct testdev *)d;

	s->ioport = 0;
	for (unsigned i = 0; i < 16; i++)
		if (s->lines >> i & 1)
			irq_lower(isa_irq(d, i));
	s->lines = 0;
}

static int testdev_realize(struct device *d, struct err *e)
{
	struct testdev *s = (struct testdev *)d;

	(void)e;
	s->port = isa_ports(d, "pc-testdev-ioport", 0xe0, 4, &port_ops, s);
	s->flush = isa_ports(d, "pc-testdev-flush-page", 0xe4, 4, &flush_ops, s);
	s->byte_port = isa_ports(d, "pc-testdev-ioport-byte", 0xe8, 4, &byte_ops, s);
	/* e9 belongs to isa-debugcon where there is one: it is added later and lies on top */
	s->irq = isa_ports(d, "pc-testdev-irq-line", 0x2000, 24, &irq_ops, s);
	s->region = region_new_io(d->machine, "pc-testdev-iomem", MMIO_SIZE, &memory_ops, s);
	region_add(space_root(d->machine->memory), 0xff000000, s->region, 0);
	return 0;
}

static void testdev_unrealize(struct device *d)
{
	struct testdev *s = (struct testdev *)d;

	isa_ports_free(s->port);
	isa_ports_free(s->flush);
	isa_ports_free(s->byte_port);
	isa_ports_free(s->irq);
	region_remove(s->region);
	region_free(s->region);
}

static const struct field testdev_fields[] = {
	F_UINT(struct testdev, ioport), F_UINT(struct testdev, lines), F_BYTES(struct testdev, memory), F_END,
};
static const struct state_table testdev_state = {.name = "pc-testdev", .version = 1, .oldest = 1, .fields = testdev_fields};

static const struct device_type testdev_type = {
	.name = "pc-testdev", .bus = "ISA", .desc = "test device of kvm-unit-tests", .category = "Misc", .size = sizeof(struct testdev),
	.state = &testdev_state, .user = true, .realize = testdev_realize, .unrealize = testdev_unrealize, .reset = testdev_reset,
};
DEVICE(testdev_type);
