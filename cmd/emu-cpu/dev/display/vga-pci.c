// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The standard VGA cards: "VGA" on PCI (1234:1111, video memory in BAR 0, registers of VGA and VBE in BAR 2 as well), "secondary-vga" without
 * the old addresses, and "isa-vga".
 *
 * BAR 2, 4 KiB: 0x400 the ports 0x3c0 to 0x3df, 0x500 the VBE registers as words, 0x600 extended registers: size, byte order of the
 * frame buffer.
 */
#include <errno.h>
#include "../../isa-bus.h"
#include "../../machine.h"
#include "../../pci.h"
#include "vga.h"

enum { PORTS_AT = 0x3b0, PORTS = 0x30, VBE_PORTS_AT = 0x1ce, VBE_PORTS = 3 };
enum { MMIO_SIZE = 0x1000, MMIO_PORTS = 0x400, MMIO_VBE = 0x500, MMIO_EXTENDED = 0x600, EXTENDED_SIZE = 8 };
enum { LITTLE = 0x1e1e1e1e };

struct vga_pci {
	struct pci_device pci; /* first */
	struct vga vga;
	struct region *ports, *vbe_ports, *mmio;
	uint32_t vgamem_mb;
	bool mmio_on;
};

struct vga_isa {
	struct device dev; /* first */
	struct vga vga;
	struct region *ports, *vbe_ports;
	uint32_t vgamem_mb;
};

/* ---- BAR 2 ---- */

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
	struct vga_pci *p = opaque;
	if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20 && size <= 2) {
		unsigned port = (unsigned)offset - MMIO_PORTS + 0x10;
		unsigned value = vga_port_read(&p->vga, port);
		return size == 2 ? value | (unsigned)vga_port_read(&p->vga, port + 1) << 8 : value;
	}
	if (offset >= MMIO_VBE && offset < MMIO_VBE + 2 * VBE_REGS && size == 2 && !(offset & 1)) {
		uint16_t index = p->vga.vbe_index;
		p->vga.vbe_index = (uint16_t)((offset - MMIO_VBE) / 2);
		uint16_t value = vga_vbe_read(&p->vga);
		p->vga.vbe_index = index;
		return value;
	}
	if (offset == MMIO_EXTENDED)
		return EXTENDED_SIZE;
	if (offset == MMIO_EXTENDED + 4)
		return LITTLE;
	return 0;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct vga_pci *p = opaque;
	if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20 && size <= 2) {
		unsigned port = (unsigned)offset - MMIO_PORTS + 0x10;
		vga_port_write(&p->vga, port, (uint8_t)value);
		if (size == 2)
			vga_port_write(&p->vga, port + 1, (uint8_t)(value >> 8));
	} else if (offset >= MMIO_VBE && offset < MMIO_VBE + 2 * VBE_REGS && size == 2 && !(offset & 1)) {
		uint16_t index = p->vga.vbe_index;
		p->vga.vbe_index = (uint16_t)((offset - MMIO_VBE) / 2);
		vga_vbe_write(&p->vga, (uint16_t)value);
		p->vga.vbe_index = index;
	} else if (offset == MMIO_EXTENDED + 4 && value != LITTLE) {
		unimplemented(&p->pci.dev, "a big-endian frame buffer");
	}
}

static const struct region_ops mmio_ops = {.read = mmio_read, .write = mmio_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 4};

/* ---- the PCI cards ---- */

static void forget(struct region **r)
{
	if (!*r)
		return;
	region_remove(*r);
	region_free(*r);
	*r = NULL;
}

static int card_realize(struct pci_device *d, bool legacy, struct err *e)
{
	struct vga_pci *p = (struct vga_pci *)d;
	struct machine *m = d->dev.machine;
	int r;
	if (!p->vgamem_mb || p->vgamem_mb > 256)
		return err_set(e, EINVAL, "%s: vgamem_mb is 1 to 256", d->dev.type->name);
	r = vga_init(&p->vga, &d->dev, p->vgamem_mb, legacy ? pci_bus_of(d)->memory : NULL, e);
	if (r)
		return r;
	if (legacy) {
		p->ports = region_new_io(m, "vga", PORTS, &vga_port_ops, &p->vga);
		p->vbe_ports = region_new_io(m, "vbe", VBE_PORTS, &vga_vbe_ops, &p->vga);
	}
	p->mmio = region_new_io(m, "vga-mmio", MMIO_SIZE, &mmio_ops, p);
	if ((legacy && (!p->ports || !p->vbe_ports)) || !p->mmio) {
		forget(&p->ports);
		forget(&p->vbe_ports);
		forget(&p->mmio);
		vga_free(&p->vga);
		return err_set(e, ENOMEM, "%s: out of memory", d->dev.type->name);
	}
	if (legacy) {
		region_add(pci_bus_of(d)->ports, PORTS_AT, p->ports, 1);
		region_add(pci_bus_of(d)->ports, VBE_PORTS_AT, p->vbe_ports, 1);
	}
	pci_bar(d, 0, PCI_BAR_MEM | PCI_BAR_PREFETCH, p->vga.vram);
	if (p->mmio_on || !legacy)
		pci_bar(d, 2, PCI_BAR_MEM, p->mmio);
	return 0;
}

static int realize(struct pci_device *d, struct err *e)
{
	return card_realize(d, true, e);
}

static int realize_secondary(struct pci_device *d, struct err *e)
{
	return card_realize(d, false, e);
}

static void unrealize(struct pci_device *d)
{
	struct vga_pci *p = (struct vga_pci *)d;
	forget(&p->ports);
	forget(&p->vbe_ports);
	forget(&p->mmio);
	vga_free(&p->vga);
}

static void reset(struct pci_device *d)
{
	vga_reset(&((struct vga_pci *)d)->vga);
}

static int loaded(void *state, struct err *e)
{
	return vga_loaded(&((struct vga_pci *)state)->vga, e);
}

static const struct prop props[] = {
	PCI_PROPS,
	{.name = "vgamem_mb", P_(struct vga_pci, vgamem_mb, PROP_U32), .def = 16, .help = "video memory in MiB, a power of two"},
	{.name = "mmio", P_(struct vga_pci, mmio_on, PROP_BOOL), .def = 1, .help = "registers in a memory BAR as well"},
	{.name = NULL},
};

static const struct field fields[] = {F_STRUCT(struct vga_pci, vga, vga_fields), F_END};
static const struct state_table state = {.name = "vga", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded};

static const struct pci_class class = {
	.info = {.vendor = 0x1234, .device = 0x1111, .revision = 2, .class_code = 0x030000, .rom = "vgabios-stdvga.bin"},
	.realize = realize,
	.unrealize = unrealize,
	.reset = reset,
};

static const struct device_type vga = {
	.name = "VGA", .bus = "PCI", .desc = "Standard VGA", .category = "Display", .size = sizeof(struct vga_pci), .props = props,
	.state = &state, .user = true, .realize = pci_realize, .reset = pci_reset, .unrealize = pci_unrealize, .extra = &class,
};
DEVICE(vga);

static const struct pci_class class_secondary = {
	.info = {.vendor = 0x1234, .device = 0x1111, .revision = 2, .class_code = 0x038000},
	.realize = realize_secondary,
	.unrealize = unrealize,
	.reset = reset,
};

static const struct device_type secondary = {
	.name = "secondary-vga", .bus = "PCI", .desc = "Standard VGA without legacy addresses", .category = "Display",
	.size = sizeof(struct vga_pci), .props = props, .state = &state, .user = true, .realize = pci_realize, .reset = pci_reset,
	.unrealize = pci_unrealize, .extra = &class_secondary,
};
DEVICE(secondary);

/* ---- isa-vga ---- */

static int isa_realize(struct device *d, struct err *e)
{
	struct vga_isa *p = (struct vga_isa *)d;
	int r = vga_init(&p->vga, d, p->vgamem_mb ? p->vgamem_mb : 8, isa_bus_of(d)->memory, e);
	if (r)
		return r;
	p->ports = isa_ports(d, "vga", PORTS_AT, PORTS, &vga_port_ops, &p->vga);
	p->vbe_ports = isa_ports(d, "vbe", VBE_PORTS_AT, VBE_PORTS, &vga_vbe_ops, &p->vga);
	return 0;
}

static void isa_unrealize(struct device *d)
{
	struct vga_isa *p = (struct vga_isa *)d;
	isa_ports_free(p->ports);
	isa_ports_free(p->vbe_ports);
	vga_free(&p->vga);
}

static void isa_reset(struct device *d)
{
	vga_reset(&((struct vga_isa *)d)->vga);
}

static int isa_loaded(void *s, struct err *e)
{
	return vga_loaded(&((struct vga_isa *)s)->vga, e);
}

static const struct prop isa_props[] = {
	{.name = "vgamem_mb", P_(struct vga_isa, vgamem_mb, PROP_U32), .def = 8, .max = 64, .help = "video memory in MiB"},
	{.name = NULL},
};
static const struct field isa_fields[] = {F_STRUCT(struct vga_isa, vga, vga_fields), F_END};
static const struct state_table isa_state = {.name = "isa-vga", .version = 1, .oldest = 1, .fields = isa_fields, .loaded = isa_loaded};

static const struct device_type isa_vga = {
	.name = "isa-vga", .bus = "ISA", .desc = "Standard VGA", .category = "Display", .size = sizeof(struct vga_isa), .props = isa_props,
	.state = &isa_state, .user = true, .realize = isa_realize, .reset = isa_reset, .unrealize = isa_unrealize,
};
DEVICE(isa_vga);
