/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI as a PC has it: configuration mechanism 1, BARs, message interrupts, pins and their steering, shadowing, PIIX3 and PIIX4 (PCI 3.0; 290549, 290562). */
#include "../../cmd/emu-cpu/dev/pci/i440fx.h"
#include "../../cmd/emu-cpu/dev/pci/piix4-pm.h"
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;
static struct i440fx *host;
static struct pci_bus *bus;
static struct acpi_regs *acpi;
static struct region *window;

static void address(unsigned devfn, unsigned at) { test_outl(m, 0xcf8, 0x80000000u | devfn << 8 | (at & 0xfc)); }
static uint32_t rd32(unsigned devfn, unsigned at) { address(devfn, at); return test_inl(m, 0xcfc); }
static unsigned rd8(unsigned devfn, unsigned at) { address(devfn, at); return test_inb(m, (uint16_t)(0xcfc + (at & 3))); }
static unsigned rd16(unsigned devfn, unsigned at) { address(devfn, at); return test_inw(m, (uint16_t)(0xcfc + (at & 2))); }
static void wr32(unsigned devfn, unsigned at, uint32_t v) { address(devfn, at); test_outl(m, 0xcfc, v); }
static void wr16(unsigned devfn, unsigned at, unsigned v) { address(devfn, at); test_outw(m, (uint16_t)(0xcfc + (at & 2)), (uint16_t)v); }
static void wr8(unsigned devfn, unsigned at, unsigned v) { address(devfn, at); test_outb(m, (uint16_t)(0xcfc + (at & 3)), (uint8_t)v); }

enum { PIIX3 = 1 << 3, PM = 1 << 3 | 3, EDU = 4 << 3, RNG = 5 << 3 };

static void begin(void)
{
	struct err e = ERR_INIT;
	const struct irq *gsi[16];
	struct region *system = space_root(m->memory), *ports = space_root(m->ports);

	for (unsigned i = 0; i < 16; i++)
		gsi[i] = test_irq(m, i);
	window = region_new_container(m, "pci", 0);
	region_add(system, 0, window, -1);
	host = i440fx_new(m, system, system, window, ports, m->ram, &e);
	bus = host ? i440fx_bus(host) : NULL;
	if (!bus || !piix3_new(bus, ports, system, gsi, &e) || !piix4_pm_new(bus, PM, test_irq(m, 9), false, &acpi, &e) ||
	    !pci_create(bus, EDU, "edu", &e) || !pci_create(bus, RNG, "virtio-rng-pci", &e)) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	for (struct device *d = bus->bus.children; d; d = d->next)
		if (d->type->reset)
			d->type->reset(d);
}

static uint64_t message_at;
static uint32_t message_data;
static unsigned messages;

static void config(void)
{
	ok_eq(rd32(0, 0), 0x12378086, "the host bridge at 00.0");
	ok_eq(rd32(PIIX3, 0), 0x70008086, "PIIX3 at 01.0");
	ok(rd8(PIIX3, 0x0e) & 0x80, "… has further functions");
	ok_eq(rd32(PM, 0), 0x71138086, "PIIX4's power management at 01.3");
	ok_eq(rd32(7 << 3, 0), 0xffffffff, "nobody: all ones");
	ok_eq(rd16(EDU, 2), 0x11e8, "words");
	ok_eq(rd8(EDU, 1), 0x12, "bytes");
	test_outb(m, 0xcf8, 1);
	ok_eq(rd8(EDU, 0), 0x34, "a byte at 0xcf8 is not the address");
	test_outl(m, 0xcf8, EDU << 8);
	ok_eq(test_inl(m, 0xcfc), 0xffffffff, "nor does anybody answer without the enable bit");
	wr32(EDU, 0, 0x55555555);
	ok_eq(rd32(EDU, 0), 0x11e81234, "identifiers are read-only");
	wr32(EDU, 0x10, 0xffffffff);
	ok_eq(rd32(EDU, 0x10), 0xfff00000, "a BAR's size: 1 MiB");
	wr32(EDU, 0x10, 0xc0000000);
	ok(space_le32(m->memory, 0xc0000000) == 0xffffffff, "not decoded while memory is off");
	wr16(EDU, 4, 2);
	ok_eq(space_le32(m->memory, 0xc0000000), 0x010000ed, "decoded");
	wr32(EDU, 0x10, 0xd0000000);
	ok(space_le32(m->memory, 0xd0000000) == 0x010000ed && space_le32(m->memory, 0xc0000000) == 0xffffffff, "moved");
	wr8(EDU, 0x3c, 11);
	ok(rd8(EDU, 0x3c) == 11 && rd8(EDU, 0x3d) == 1, "interrupt line and pin");
	/* capabilities: a list that ends, in bounds */
	unsigned n = 0, found = 0;
	for (unsigned at = rd8(RNG, 0x34); at && n < 48; at = rd8(RNG, at + 1), n++)
		found |= rd8(RNG, at) == 0x11 ? 1 : rd8(RNG, at) == 9 ? 2 : 4;
	ok(n > 4 && n < 48 && found == 3, "virtio's capabilities: MSI-X and five of its own (%u)", n);
	unsigned cap = rd8(EDU, 0x34);
	ok_eq(rd8(EDU, cap), 5, "edu has MSI");
}

static void shadow(void)
{
	space_st_le32(m->memory, 0xd0000, 0x11223344);
	ok_eq(space_le32(m->memory, 0xd0000), 0xffffffff, "PAM 0: neither read nor written");
	wr8(0, 0x5c, 3);
	space_st_le32(m->memory, 0xd0000, 0x11223344);
	ok_eq(space_le32(m->memory, 0xd0000), 0x11223344, "3: RAM");
	wr8(0, 0x5c, 1);
	space_st_le32(m->memory, 0xd0000, 0);
	ok_eq(space_le32(m->memory, 0xd0000), 0x11223344, "1: read-only");
	wr8(0, 0x5c, 0);
	ok_eq(space_le32(m->memory, 0xd0000), 0xffffffff, "and back to the bus");
	wr8(0, 0x72, 0x4a);
	space_st_le32(m->memory, 0xa0000, 0x5a5a5a5a);
	wr8(0, 0x72, 0x1a);
	ok_eq(rd8(0, 0x72), 0x1a, "SMRAM is locked");
	wr8(0, 0x72, 0x4a);
	ok(!(rd8(0, 0x72) & 0x40), "and does not open again");
}

static void interrupts(void)
{
	/* slot 4, pin A: PIRQ (0 + 4 + 3) & 3 = 3 */
	wr8(PIIX3, 0x63, 11);
	space_st_le32(m->memory, 0xd0000060, 1);
	ok(test_line(m, 11), "a pin reaches the ISA interrupt that it is steered to");
	wr8(PIIX3, 0x63, 5);
	ok(test_line(m, 5) && !test_line(m, 11), "steered elsewhere");
	ok(rd16(EDU, 6) & 8, "the status register says that it is up");
	wr16(EDU, 4, 0x402);
	ok(!test_line(m, 5), "switched off in the command register");
	wr16(EDU, 4, 2);
	ok(test_line(m, 5), "and on");
	wr8(PIIX3, 0x63, 0x85);
	ok(!test_line(m, 5), "a route that is off");
	wr8(PIIX3, 0x63, 5);
	space_st_le32(m->memory, 0xd0000064, 1);
	ok(!test_line(m, 5), "acknowledged");
	unsigned cap = rd8(EDU, 0x34);
	wr32(EDU, cap + 4, 0x5000);
	wr32(EDU, cap + 8, 0);
	wr16(EDU, cap + (rd16(EDU, cap + 2) & 0x80 ? 12 : 8), 0x1234);
	wr16(EDU, cap + 2, 1);
	wr16(EDU, 4, 6);
	space_st_le32(m->memory, 0x5000, 0);
	space_st_le32(m->memory, 0xd0000060, 1);
	ok(!test_line(m, 5), "with MSI the pin is still");
	ok(messages ? message_at == 0x5000 && message_data == 0x1234 : space_le32(m->memory, 0x5000) == 0x1234, "and a message is sent");
	test_outb(m, 0xcf9, 2);
	ok_eq(test_inb(m, 0xcf9), 2, "reset control: how");
}

static void power(void)
{
	wr32(PM, 0x40, 0xb000);
	wr8(PM, 0x80, 1);
	ok_eq(rd32(PM, 0x40), 0xb001, "the base of the power registers");
	uint32_t t = test_inl(m, 0xb008);
	clock_step(m, 1000000);
	ok_eq((test_inl(m, 0xb008) - t) & 0xffffff, 3579, "the timer: 3.579545 MHz");
	test_outw(m, 0xb004, 1);
	test_outw(m, 0xb002, 0x100);
	acpi_power_button(acpi);
	ok(test_inw(m, 0xb000) & 0x100 && test_line(m, 9), "the power button: status and SCI");
	test_outw(m, 0xb000, 0x100);
	ok(!(test_inw(m, 0xb000) & 0x100) && !test_line(m, 9), "cleared by writing it");
	test_outw(m, 0xb000, 1);
	test_outw(m, 0xb002, 1);
	clock_step(m, 2400000000);
	ok(test_inw(m, 0xb000) & 1 && test_line(m, 9), "the timer's top bit changes after 2.3 s");
	test_outw(m, 0xb002, 0);
	test_outb(m, 0xb2, 0xf1);
	ok_eq(test_inb(m, 0xb2), 0xf1, "the SMI command port keeps what was written");
	wr32(PM, 0x90, 0xb100);
	wr8(PM, 0xd2, 9);
	test_outb(m, 0xb100, 0x1e);
	test_outb(m, 0xb104, 0xa1);
	test_outb(m, 0xb103, 0);
	test_outb(m, 0xb102, 0x48);
	ok(test_inb(m, 0xb100) & 4, "SMBus: nobody at that address");
	test_outb(m, 0xb100, 0x1e);
	ok_eq(test_inb(m, 0xb100), 0, "its status is cleared by ones");
}

static uint32_t slots(unsigned at) { return test_inl(m, (uint16_t)(0xae00 + at)); }

static struct device *plug(const char *id, const char *addr, const char *multifunction)
{
	struct err e = ERR_INIT;
	struct device *d = device_new(m, "virtio-rng-pci", &bus->bus, &e);

	if (!d)
		return NULL;
	d->hotplugged = true;
	d->id = strdup(id);
	device_set(d, "addr", addr, &e);
	device_set(d, "multifunction", multifunction, &e);
	return device_finish(d, &e) ? NULL : d;
}

/* "QEMU<->ACPI BIOS PCI hotplug interface": ports 0xae00 to 0xae0f, event 1 of the block at 0xafe0. */
static void hotplug(void)
{
	enum { UP = 0, DOWN = 4, EJECT = 8, REMOVABLE = 12, GPE_STATUS = 0xafe0, GPE_ENABLE = 0xafe2 };
	struct err e = ERR_INIT;
	struct device *d;

	ok_eq(slots(REMOVABLE), 0xffffffffu & ~(1u << 0 | 1u << 1 | 1u << 4), "slots that functions can leave: not the host bridge's, PIIX's, edu's");
	ok_eq(slots(EJECT), 0, "no features beyond the basic ones");
	m->built = true;
	ok(!device_add(m, "edu,id=late", &e) && strstr(e.msg, "does not support hotplugging"), "a type that cannot be plugged in late is refused");
	e = (struct err)ERR_INIT;
	test_outb(m, GPE_STATUS, 0xff);
	test_outb(m, GPE_ENABLE, 2);
	acpi_sci_enable(acpi, true);
	test_edges(m, 9);
	d = plug("hot", "6", "off");
	ok(d != NULL, "a function comes while the machine runs");
	ok_eq(rd32(6 << 3, 0), 0x10051af4, "it is on the bus");
	ok(test_line(m, 9) && test_inb(m, GPE_STATUS) & 2, "event 1 interrupts");
	test_outb(m, GPE_STATUS, 2);
	ok(!test_line(m, 9), "… until it is cleared");
	ok_eq(slots(DOWN), 0, "nothing is to go");
	ok_eq(slots(UP), 1u << 6, "slot 6 is to be looked at");
	ok_eq(slots(UP), 0, "… once");
	ok(device_del(m, "hot", &e) == 0 && rd32(6 << 3, 0) != 0xffffffff && test_inb(m, GPE_STATUS) & 2, "device_del only asks");
	ok_eq(slots(DOWN), 1u << 6, "slot 6 is to go");
	test_outl(m, 0xae08, 1u << 7);
	ok(device_find(m, "hot") && slots(DOWN) == 1u << 6, "ejecting an empty slot does nothing");
	test_outl(m, 0xae08, 1u << 4);
	ok(rd16(EDU, 2) == 0x11e8, "nor does a slot of the board's");
	test_outl(m, 0xae08, 1u << 6);
	ok(!device_find(m, "hot") && rd32(6 << 3, 0) == 0xffffffff && slots(DOWN) == 0, "the eject register takes it away");
	d = plug("hot", "6.1", "on");
	ok(d && slots(UP) == 0, "a slot's later function alone announces nothing");
	ok(plug("hot0", "6", "on") && slots(UP) == 1u << 6, "… its first one does");
	device_del(m, "hot0", &e);
	for (struct device *p = bus->bus.children; p; p = p->next)
		if (!strcmp(p->type->name, "PIIX4_PM"))
			ok_str(test_round_trip(p, p), "", "what is to go is saved");
	ok_eq(slots(DOWN), 1u << 6, "… and there after a load");
	machine_reset(m);
	ok(!device_find(m, "hot0") && !device_find(m, "hot") && slots(DOWN) == 0, "a reset takes away what was to go, all functions of the slot");
	m->built = false;
}

int main(void)
{
	m = machine_new_test();
	begin();
	config();
	shadow();
	interrupts();
	power();
	hotplug();
	for (struct device *d = bus->bus.children; d; d = d->next)
		ok_str(test_round_trip(d, d), "", "%s: its state goes round", d->type->name);
	return tap_done();
}
