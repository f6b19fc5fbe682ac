/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control command query-pci. */
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "pci.h"

/* Class codes as the PCI Code and ID Assignment Specification names them, in the words of listings for people. */
static const struct {
	uint16_t code;
	const char *words;
} classes[] = {
	{0x0001, "VGA controller"}, {0x0100, "SCSI controller"}, {0x0101, "IDE controller"}, {0x0102, "Floppy controller"}, {0x0103, "IPI controller"},
	{0x0104, "RAID controller"}, {0x0106, "SATA controller"}, {0x0107, "SAS controller"}, {0x0180, "Storage controller"},
	{0x0200, "Ethernet controller"}, {0x0201, "Token Ring controller"}, {0x0202, "FDDI controller"}, {0x0203, "ATM controller"},
	{0x0280, "Network controller"}, {0x0300, "VGA controller"}, {0x0301, "XGA controller"}, {0x0302, "3D controller"}, {0x0380, "Display controller"},
	{0x0400, "Video controller"}, {0x0401, "Audio controller"}, {0x0402, "Phone"}, {0x0403, "Audio controller"}, {0x0480, "Multimedia controller"},
	{0x0500, "RAM controller"}, {0x0501, "Flash controller"}, {0x0580, "Memory controller"}, {0x0600, "Host bridge"}, {0x0601, "ISA bridge"},
	{0x0602, "EISA bridge"}, {0x0603, "MC bridge"}, {0x0604, "PCI bridge"}, {0x0605, "PCMCIA bridge"}, {0x0606, "NUBUS bridge"},
	{0x0607, "CARDBUS bridge"}, {0x0608, "RACEWAY bridge"}, {0x0680, "Bridge"}, {0x0700, "Serial port"}, {0x0701, "Parallel port"},
	{0x0780, "Communication controller"}, {0x0800, "Interrupt controller"}, {0x0801, "DMA controller"}, {0x0802, "Timer"}, {0x0803, "RTC"},
	{0x0880, "System peripheral"}, {0x0900, "Keyboard"}, {0x0901, "Pen"}, {0x0902, "Mouse"}, {0x0A00, "Dock station"}, {0x0B00, "i386 cpu"},
	{0x0C00, "Firewire controller"}, {0x0C01, "Access bus controller"}, {0x0C02, "SSA controller"}, {0x0C03, "USB controller"},
	{0x0C04, "Fibre channel controller"}, {0x0C05, "SMBus"},
};

static json_t *one_region(const struct pci_device *d, unsigned n)
{
	const struct pci_bar *b = &d->bar[n];
	bool io = b->type & PCI_BAR_IO;
	json_t *o = json_pack("{s:i, s:s, s:I, s:I}", "bar", (int)n, "type", io ? "io" : "memory", "address", (json_int_t)b->mapped, "size", (json_int_t)b->size);

	if (!io) {
		json_object_set_new(o, "prefetch", json_boolean(b->type & PCI_BAR_PREFETCH));
		json_object_set_new(o, "mem_type_64", json_boolean(b->type & PCI_BAR_MEM64));
	}
	return o;
}

static json_t *one_range(uint64_t base, uint64_t limit)
{
	return json_pack("{s:I, s:I}", "base", (json_int_t)base, "limit", (json_int_t)limit);
}

static json_t *devices_of(const struct pci_bus *b, unsigned number);

/* PCI-to-PCI Bridge Architecture 1.2, 3.2.5: windows. */
static json_t *bridge_of(const struct pci_device *d)
{
	const uint8_t *c = d->config;
	unsigned secondary = c[PCI_SECONDARY];
	uint64_t io_base = (uint64_t)(c[28] & 0xf0) << 8, io_limit = ((uint64_t)(c[29] & 0xf0) << 8) | 0xfff;
	uint64_t pre_base = (uint64_t)(pci_get16(c + 36) & 0xfff0) << 16, pre_limit = ((uint64_t)(pci_get16(c + 38) & 0xfff0) << 16) | 0xfffff;

	if ((c[28] & 15) == 1) {
		io_base |= (uint64_t)pci_get16(c + 48) << 16;
		io_limit |= (uint64_t)pci_get16(c + 50) << 16;
	}
	if ((c[36] & 15) == 1) {
		pre_base |= (uint64_t)pci_get32(c + 40) << 32;
		pre_limit |= (uint64_t)pci_get32(c + 44) << 32;
	}
	json_t *bus = json_pack("{s:i, s:i, s:i, s:o, s:o, s:o}", "number", c[PCI_PRIMARY], "secondary", (int)secondary, "subordinate", c[PCI_SUBORDINATE],
				"io_range", one_range(io_base, io_limit), "memory_range",
				one_range((uint64_t)(pci_get16(c + 32) & 0xfff0) << 16, ((uint64_t)(pci_get16(c + 34) & 0xfff0) << 16) | 0xfffff),
				"prefetchable_range", one_range(pre_base, pre_limit));
	json_t *o = json_pack("{s:o}", "bus", bus);
	/* Before firmware has given numbers there is nothing to be told apart behind it. */
	if (secondary && d->secondary)
		json_object_set_new(o, "devices", devices_of(d->secondary, secondary));
	return o;
}

static json_t *one_device(const struct pci_device *d, unsigned number)
{
	const uint8_t *c = d->config;
	unsigned code = pci_get16(c + 10);
	json_t *class_info = json_pack("{s:i}", "class", (int)code), *regions = json_array(), *o;

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (classes[i].code == code)
			json_object_set_new(class_info, "desc", json_string(classes[i].words));
	for (unsigned n = 0; n < 7; n++)
		if (d->bar[n].region)
			json_array_append_new(regions, one_region(d, n));
	json_t *id = json_pack("{s:i, s:i}", "vendor", pci_get16(c), "device", pci_get16(c + 2));
	if (!(c[PCI_HEADER] & 0x7f)) {
		json_object_set_new(id, "subsystem-vendor", json_integer(pci_get16(c + PCI_SUBSYSTEM)));
		json_object_set_new(id, "subsystem", json_integer(pci_get16(c + PCI_SUBSYSTEM + 2)));
	}
	o = json_pack("{s:i, s:i, s:i, s:o, s:o, s:s, s:o, s:i}", "bus", (int)number, "slot", d->devfn >> 3, "function", d->devfn & 7, "class_info", class_info, "id", id,
		      "qdev_id", d->dev.id ? d->dev.id : "", "regions", regions, "irq_pin", c[PCI_IRQ_PIN]);
	if (c[PCI_IRQ_PIN])
		json_object_set_new(o, "irq", json_integer(c[PCI_IRQ_LINE]));
	if ((c[PCI_HEADER] & 0x7f) == 1)
		json_object_set_new(o, "pci_bridge", bridge_of(d));
	return o;
}

static json_t *devices_of(const struct pci_bus *b, unsigned number)
{
	json_t *list = json_array();

	for (unsigned n = 0; n < 256; n++)
		if (b->function[n])
			json_array_append_new(list, one_device(b->function[n], number));
	return list;
}

/* Boards have one host bridge, whose bus no device provides. */
static json_t *query_pci(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct bus *b = bus_find(opaque, "pci.0");
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	if (!b)
		b = bus_find(opaque, "pcie.0");
	if (b)
		json_array_append_new(list, json_pack("{s:i, s:o}", "bus", ((struct pci_bus *)b)->number, "devices",
						      devices_of((struct pci_bus *)b, ((struct pci_bus *)b)->number)));
	return list;
}
static const struct ctl_command pci_row = {.name = "query-pci", .run = query_pci};
CTL_COMMAND(pci_row);
