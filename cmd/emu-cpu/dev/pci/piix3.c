// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Intel 82371SB (PIIX3) function 0: PCI-to-ISA bridge (data sheet 290550-002, April 1997).
 *
 * Modelled: the ISA bus, steering of PCI interrupts (PIRQRC[A:D]), the reset control register at port 0xcf9. The ELCR, the interrupt and
 * DMA controllers and the timer of the chip are devices of their own on the bus. ISA clock and recovery registers keep what is written.
 */
#include <errno.h>
#include <string.h>
#include "i440fx.h"
#include "../../isa-bus.h"
#include "../../machine.h"

enum { PIRQ_ROUTE = 0x60, PIRQ_OFF = 0x80 };
enum { RESET_CPU = 4, RESET_HARD = 2 };

struct piix3 {
	struct pci_device pci; /* first */
	struct isa_bus isa;
	struct region *reset_port;
	uint8_t reset_control;
	uint8_t pirq_level; /* bit n: PIRQ n is asserted */
	uint16_t held;      /* ISA inputs that steering holds up: derived */
};

/* An ISA input is up while any PIRQ that is steered to it is. */
static void steer(struct piix3 *p)
{
	uint16_t now = 0;
	for (unsigned n = 0; n < 4; n++) {
		uint8_t route = p->pci.config[PIRQ_ROUTE + n];
		if (p->pirq_level >> n & 1 && !(route & PIRQ_OFF))
			now |= (uint16_t)(1u << (route & 15));
	}
	uint16_t change = now ^ p->held;
	p->held = now;
	for (unsigned i = 0; i < 16; i++)
		if (change >> i & 1)
			irq_set(p->isa.irq[i], now >> i & 1);
}

static void pirq_set(void *opaque, int n, bool level)
{
	struct piix3 *p = opaque;
	p->pirq_level = (uint8_t)((p->pirq_level & ~(1u << n)) | (unsigned)level << n);
	steer(p);
}

/* The wiring of the board: slot 1's pin A is PIRQ A, and each further slot begins one later. */
static int slot_map(struct pci_bus *b, unsigned devfn, unsigned pin)
{
	(void)b;
	return (int)((pin + (devfn >> 3) + 3) & 3);
}

static uint64_t reset_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct piix3 *p = opaque;
	(void)offset, (void)size;
	return p->reset_control;
}

static void reset_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct piix3 *p = opaque;
	(void)offset, (void)size;
	/* RCR (2.5.4.1): a 0-to-1 transition of bit 2 resets; bit 1 says how much, and both ways the machine starts over. */
	if (value & RESET_CPU && !(p->reset_control & RESET_CPU))
		machine_request(p->pci.dev.machine, REQUEST_RESET, "guest-reset");
	p->reset_control = (uint8_t)value & RESET_HARD;
}

static const struct region_ops reset_ops = {.read = reset_read, .write = reset_write, .min = 1, .max = 1, .impl_min = 1, .impl_max = 1};

static void config_written(struct pci_device *d, unsigned at, unsigned size, uint32_t old)
{
	(void)old;
	if (at < PIRQ_ROUTE + 4 && at + size > PIRQ_ROUTE)
		steer((struct piix3 *)d);
}

static int realize(struct pci_device *d, struct err *e)
{
	struct piix3 *p = (struct piix3 *)d;
	p->reset_port = region_new_io(d->dev.machine, "piix3-reset-control", 1, &reset_ops, p);
	if (!p->reset_port)
		return err_set(e, ENOMEM, "PIIX3: out of memory");
	region_add(pci_bus_of(d)->ports, 0xcf9, p->reset_port, 1);
	d->config[PCI_HEADER] |= 0x80; /* IDE, USB and power management are its further functions */
	d->multifunction = true;
	d->write_mask[0x4c] = 0xff; /* ISA I/O recovery */
	pci_put16(d->write_mask + 0x4e, 0xffff); /* X-bus chip select */
	memset(d->write_mask + PIRQ_ROUTE, 0x8f, 4);
	d->write_mask[0x69] = 0xff; /* top of memory */
	pci_put16(d->write_mask + 0x6a, 0x8013);
	d->write_mask[0x70] = 0xff; /* motherboard IRQ route */
	d->write_mask[0x71] = 0xff;
	memset(d->write_mask + 0x76, 0xff, 2);
	pci_put16(d->write_mask + 0x78, 0xffff); /* programmable chip select */
	memset(d->write_mask + 0x80, 0xff, 1);
	d->write_mask[0x82] = 0xff;
	memset(d->write_mask + 0xa0, 0xff, 16); /* SMI control, timers and counters */
	return 0;
}

static void reset(struct pci_device *d)
{
	struct piix3 *p = (struct piix3 *)d;
	uint8_t *c = d->config;
	for (unsigned at = 0x40; at < 0x100; at++)
		c[at] &= (uint8_t)~d->write_mask[at];
	pci_put16(c + PCI_COMMAND, 7); /* always on */
	pci_put16(c + PCI_STATUS, 0x0200);
	c[0x4c] = 0x4d;
	c[0x4e] = 0x03;
	memset(c + PIRQ_ROUTE, PIRQ_OFF, 4);
	c[0x69] = 0x02;
	c[0x70] = c[0x71] = 0x80;
	c[0x76] = c[0x77] = 0x0c;
	c[0x78] = 0x02;
	c[0xa0] = 0x08;
	c[0xa8] = 0x0f;
	p->reset_control = 0;
	steer(p);
}

static void unrealize(struct pci_device *d)
{
	struct piix3 *p = (struct piix3 *)d;
	region_remove(p->reset_port);
	region_free(p->reset_port);
}

static int loaded(void *state, struct err *e)
{
	struct piix3 *p = state;
	if (p->pirq_level > 15)
		return err_set(e, EINVAL, "PIIX3: the saved state has %u as PCI interrupt levels, of which there are four", p->pirq_level);
	p->held = 0; /* controllers load their own inputs; what is asserted is said again */
	steer(p);
	return 0;
}

struct isa_bus *piix3_new(struct pci_bus *b, struct region *ports, struct region *memory, const struct irq *const gsi[16], struct err *e)
{
	struct pci_device *d = pci_create(b, 1 << 3, "PIIX3", e);
	if (!d)
		return NULL;
	struct piix3 *p = (struct piix3 *)d;
	bus_init(&p->isa.bus, "ISA", "isa.0", &d->dev, d->dev.machine);
	p->isa.ports = ports;
	p->isa.memory = memory;
	memcpy(p->isa.irq, gsi, sizeof p->isa.irq);
	b->map_irq = slot_map;
	b->set_irq = pirq_set;
	b->irq_opaque = p;
	b->inputs = 4;
	return &p->isa;
}

static const struct prop props[] = {PCI_PROPS, {.name = NULL}};

static const struct field fields[] = {F_UINT(struct piix3, reset_control), F_UINT(struct piix3, pirq_level), F_END};

static const struct state_table state = {.name = "PIIX3", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded};

static const struct pci_class class = {
	.info = {.vendor = 0x8086, .device = 0x7000, .class_code = 0x060100},
	.realize = realize,
	.unrealize = unrealize,
	.reset = reset,
	.config_written = config_written,
};

static const struct device_type piix3 = {
	.name = "PIIX3",
	.bus = "PCI",
	.desc = "ISA bridge",
	.category = "Controller/Bridge/Hub",
	.size = sizeof(struct piix3),
	.props = props,
	.state = &state,
	.realize = pci_realize,
	.reset = pci_reset,
	.unrealize = pci_unrealize,
	.extra = &class,
};
DEVICE(piix3);
