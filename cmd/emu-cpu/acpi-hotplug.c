/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. device_add realizes the function, sets its slot's bit in `up` and raises the event; the DSDT's handler reads the register, which
 * clears it, and notifies the operating system. device_del sets the bit in `down`; the operating system stops its driver and evaluates _EJ0, which
 * writes the slot's bit to the eject register. A function is never taken away from within a register: the processor is parked and the main
 * loop does it before the guest's next instruction, so that a scan of the bus right behind _EJ0 finds nothing.
 *
 * Other buses (behind bridges) take no functions while the machine runs.
 */
#include "acpi-hotplug.h"
#include <errno.h>
#include "core.h"
#include "machine.h"

enum { UP = 0, DOWN = 4, EJECT = 8, REMOVABLE = 12 };

static uint32_t bit(const struct pci_device *d)
{
	return 1u << (d->devfn >> 3);
}

uint32_t acpi_hotplug_slots(const struct pci_bus *bus)
{
	uint32_t slots = ~1u; /* the host bridge's is nobody's else */

	for (unsigned n = 0; n < 256; n++)
		if (bus->function[n] && !bus->function[n]->dev.type->hotplug)
			slots &= ~(1u << (n >> 3));
	return slots;
}

/* ---- the bus ---- */

static struct acpi_hotplug *of(struct bus *b)
{
	return ((struct pci_bus *)b)->hotplug;
}

static void added(struct bus *b, struct device *dev)
{
	const struct pci_device *d = pci_device(dev);
	struct acpi_hotplug *h = of(b);

	/* A slot of several functions is announced with its first, which comes last: nothing is found without it (PCI 3.0, 3.2.2.3.4). */
	if (!h->bus->function[d->devfn & ~7])
		return;
	h->up |= bit(d);
	acpi_gpe(h->acpi, ACPI_HOTPLUG_EVENT, true);
}

static int eject(struct bus *b, struct device *dev, struct err *e)
{
	const struct pci_device *d = pci_device(dev);
	struct acpi_hotplug *h = of(b);

	if (!(acpi_hotplug_slots(h->bus) & bit(d))) {
		dev->leaving = false;
		return err_set(e, EBUSY, "slot %u holds a function that cannot be unplugged", d->devfn >> 3u);
	}
	h->down |= bit(d);
	acpi_gpe(h->acpi, ACPI_HOTPLUG_EVENT, true);
	return 0;
}

static void take_away(struct acpi_hotplug *h, uint32_t slots)
{
	slots &= acpi_hotplug_slots(h->bus);
	h->up &= ~slots;
	h->down &= ~slots;
	for (unsigned n = 256; n-- > 0;)
		if (slots >> (n >> 3) & 1 && h->bus->function[n])
			device_gone(&h->bus->function[n]->dev);
}

static void take_away_ejected(void *opaque)
{
	struct acpi_hotplug *h = opaque;
	struct machine *m = h->bus->bus.machine;
	uint32_t slots;

	machine_lock(m);
	vcpus_pause(m);
	slots = h->ejected;
	h->ejected = 0;
	take_away(h, slots);
	if (m->state == RUN_RUNNING)
		vcpus_resume(m);
	machine_unlock(m);
}

/* ---- registers ---- */

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
	struct acpi_hotplug *h = opaque;
	uint32_t v = 0;

	(void)size;
	switch (offset) {
	case UP:
		v = h->up;
		h->up = 0;
		break;
	case DOWN: v = h->down; break;
	case EJECT: break; /* features beyond the basic ones: none */
	case REMOVABLE: v = acpi_hotplug_slots(h->bus); break;
	}
	return v;
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct acpi_hotplug *h = opaque;
	struct machine *m = h->bus->bus.machine;
	uint32_t slots = (uint32_t)value & acpi_hotplug_slots(h->bus);

	(void)size;
	if (offset != EJECT || slots != (uint32_t)value) {
		guest_error(h->acpi->owner, offset != EJECT ? "write to a register of hot-plugging that is read-only" : "ejecting a slot that is the board's");
		if (offset != EJECT)
			return;
	}
	if (!slots)
		return;
	if (loop_is_mine(m->loop)) {
		take_away(h, slots);
		return;
	}
	h->ejected |= slots;
	vcpus_park(m);
	loop_post(m->loop, take_away_ejected, h);
}

static const struct region_ops ops = {.read = ports_read, .write = ports_write, .min = 4, .max = 4, .impl_min = 4, .impl_max = 4};

/* ---- life ---- */

void acpi_hotplug_reset(struct acpi_hotplug *h)
{
	uint32_t slots = h->down;

	h->up = 0;
	take_away(h, slots);
}

static void system_reset(void *opaque)
{
	acpi_hotplug_reset(opaque);
}

int acpi_hotplug_init(struct acpi_hotplug *h, struct pci_bus *bus, struct acpi_regs *acpi, struct err *e)
{
	h->bus = bus;
	h->acpi = acpi;
	h->ports = region_new_io(bus->bus.machine, "acpi-pci-hotplug", ACPI_HOTPLUG_PORTS, &ops, h);
	if (!h->ports)
		return err_set(e, ENOMEM, "out of memory");
	region_add(bus->ports, ACPI_HOTPLUG_PORT, h->ports, 1);
	bus->hotplug = h;
	bus->bus.hotplug = true;
	bus->bus.added = added;
	bus->bus.eject = eject;
	/* Devices are gone through one by one in a reset, so none may leave from within its chip's own. */
	machine_on_reset(bus->bus.machine, system_reset, h);
	return 0;
}

void acpi_hotplug_free(struct acpi_hotplug *h)
{
	if (!h->ports)
		return;
	h->bus->bus.hotplug = false;
	h->bus->bus.eject = NULL;
	h->bus->bus.added = NULL;
	region_free(h->ports);
	h->ports = NULL;
}

const struct field acpi_hotplug_fields[] = {
	F_UINT(struct acpi_hotplug, up), F_UINT(struct acpi_hotplug, down), F_END,
};
