// SPDX-License-Identifier: GPL-2.0-or-later
/* The boot order; see boot-order.h. Paths are as Open Firmware names devices, which SeaBIOS and OVMF look for. */
#include "boot-order.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "machine.h"
#include "pci.h"
#include "x86-parts.h"

struct boot_entry {
	struct boot_entry *next; /* by rising index */
	int32_t index;
	char path[];
};

int boot_order_add(struct machine *m, int32_t index, const char *path, struct err *e)
{
	if (index < 0)
		return 0;
	struct boot_entry **at = &m->boot_order;
	while (*at && (*at)->index < index)
		at = &(*at)->next;
	if (*at && (*at)->index == index)
		return err_set(e, EEXIST, "bootindex %d is taken by %s", index, (*at)->path);
	struct boot_entry *b = malloc(sizeof *b + strlen(path) + 1);
	if (!b)
		return err_set(e, ENOMEM, "bootindex %d: out of memory", index);
	b->index = index;
	strcpy(b->path, path);
	b->next = *at;
	*at = b;
	return 0;
}

/* The word for a function's class (PCI Bus Binding to Open Firmware, table 1). */
static const char *class_word(const struct pci_device *d)
{
	static const struct { uint16_t class; const char *word; } words[] = {
		{0x0100, "scsi"}, {0x0101, "ide"}, {0x0102, "fdc"}, {0x0106, "sata"}, {0x0200, "ethernet"}, {0x0300, "display"},
		{0x0403, "sound"}, {0x0600, "host"}, {0x0601, "isa"}, {0x0604, "pci"}, {0x0700, "serial"}, {0x0c03, "usb"}, {0x0c05, "smb"},
	};
	uint16_t class = pci_get16(d->config + PCI_CLASS + 1);
	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
		if (words[i].class == class)
			return words[i].word;
	return NULL;
}

static void function_path(const struct pci_device *d, char *buf, size_t size)
{
	const struct pci_bus *b = pci_bus_of((struct pci_device *)d);
	char part[48];
	const char *word = class_word(d);
	if (b->bus.owner)
		function_path((const struct pci_device *)b->bus.owner, buf, size);
	else
		snprintf(buf, size, "/pci@i0cf8");
	if (word)
		snprintf(part, sizeof part, "/%s@%x", word, d->devfn >> 3);
	else
		snprintf(part, sizeof part, "/pci%x,%x@%x", pci_get16(d->config), pci_get16(d->config + 2), d->devfn >> 3);
	size_t n = strlen(buf);
	if (d->devfn & 7)
		snprintf(buf + n, size - n, "%s,%x", part, d->devfn & 7);
	else
		snprintf(buf + n, size - n, "%s", part);
}

int boot_order_add_pci(struct pci_device *d, int32_t index, const char *suffix, struct err *e)
{
	if (index < 0 || strcmp(d->dev.type->bus, "PCI")) /* the same device on another transport: firmware has no name for it */
		return 0;
	char path[256];
	function_path(d, path, sizeof path);
	size_t n = strlen(path);
	snprintf(path + n, sizeof path - n, "%s", suffix);
	int r = boot_order_add(d->dev.machine, index, path, e);
	return r ? err_prefix(e, "%s", d->dev.type->name) : 0;
}

int boot_order_publish(struct machine *m, bool strict, struct err *e)
{
	size_t size = 1;
	for (struct boot_entry *b = m->boot_order; b; b = b->next)
		size += strlen(b->path) + 1;
	char *text = malloc(size + 8), *p = text;
	if (!text)
		return err_set(e, ENOMEM, "boot order: out of memory");
	while (m->boot_order) {
		struct boot_entry *b = m->boot_order;
		p += sprintf(p, "%s\n", b->path);
		m->boot_order = b->next;
		free(b);
	}
	/* Strict is about bootindex: without any the old order holds, and whatever can be booted is. */
	if (strict && p != text)
		p += sprintf(p, "HALT\n");
	int r = 0;
	if (p != text) {
		p[-1] = 0; /* the last line ends with the file's end */
		r = fw_cfg_add_file(m, "bootorder", text, (size_t)(p - text), e);
	}
	free(text);
	return r;
}
