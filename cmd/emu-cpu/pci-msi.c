// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Message-signalled interrupts: the MSI capability (PCI 3.0, 6.8.1) in configuration space, and MSI-X (6.8.2) with its table and
 * pending bits in a BAR. A masked vector is remembered as pending and sent when the mask goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "pci-internal.h"

/* MSI: control at +2, address at +4, then (64 bits) the upper half, data, mask and pending. */
enum { MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_ENABLE = 1, MSI_64 = 0x80, MSI_MASKABLE = 0x100 };
/* MSI-X: control at +2, table offset and BAR at +4, pending bits at +8. */
enum { MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_PENDING = 8, MSIX_ENABLE = 0x8000, MSIX_MASK_ALL = 0x4000 };
enum { ENTRY_SIZE = 16, ENTRY_DATA = 8, ENTRY_CONTROL = 12, ENTRY_MASKED = 1 };

static void message(struct pci_device *d, uint64_t address, uint32_t data)
{
	struct pci_bus *b = pci_bus_of(d);
	if (!pci_is_master(d))
		return; /* a message is a memory write of the function's */
	while (b->bus.owner && !b->msi)
		b = pci_bus_of(pci_device(b->bus.owner));
	if (b->msi)
		b->msi(b->msi_opaque, address, data);
	else
		space_st_le32(d->dma, address, data);
}

/* ---- MSI ---- */

int pci_msi_init(struct pci_device *d, unsigned at, unsigned vectors, bool bits64, bool maskable)
{
	unsigned log = 0;
	while (1u << log < vectors)
		log++;
	if (log > 5)
		return -EINVAL;
	unsigned size = (bits64 ? 14 : 10) + (maskable ? 10 : 0);
	int cap = pci_capability(d, 5, at, size);
	if (cap < 0)
		return cap;
	uint8_t *c = d->config + cap, *w = d->write_mask + cap;
	d->msi_cap = (uint8_t)cap;
	pci_put16(c + MSI_CONTROL, (uint16_t)(log << 1 | (bits64 ? MSI_64 : 0) | (maskable ? MSI_MASKABLE : 0)));
	pci_put16(w + MSI_CONTROL, MSI_ENABLE | 0x70);
	pci_put32(w + MSI_ADDRESS, 0xfffffffc);
	unsigned data = bits64 ? 12 : 8;
	if (bits64)
		pci_put32(w + 8, 0xffffffff);
	pci_put16(w + data, 0xffff);
	if (maskable)
		pci_put32(w + data + 4, (uint32_t)((1ull << (1u << log)) - 1));
	return 0;
}

bool pci_msi_enabled(const struct pci_device *d)
{
	return d->msi_cap && d->config[d->msi_cap + MSI_CONTROL] & MSI_ENABLE;
}

static unsigned msi_data_at(const struct pci_device *d)
{
	return d->msi_cap + (d->config[d->msi_cap + MSI_CONTROL] & MSI_64 ? 12u : 8u);
}

void pci_msi_send(struct pci_device *d, unsigned vector)
{
	if (!pci_msi_enabled(d))
		return;
	const uint8_t *c = d->config + d->msi_cap;
	uint16_t control = pci_get16(c + MSI_CONTROL);
	unsigned allowed = 1u << (control >> 4 & 7), at = msi_data_at(d);
	if (allowed > 32)
		allowed = 32;
	vector &= allowed - 1;
	if (control & MSI_MASKABLE && pci_get32(d->config + at + 4) >> vector & 1) {
		pci_put32(d->config + at + 8, pci_get32(d->config + at + 8) | 1u << vector);
		return;
	}
	uint64_t address = pci_get32(c + MSI_ADDRESS);
	if (control & MSI_64)
		address |= (uint64_t)pci_get32(c + 8) << 32;
	message(d, address, (pci_get16(d->config + at) & ~(allowed - 1)) | vector);
}

static void msi_written(struct pci_device *d)
{
	uint16_t control = pci_get16(d->config + d->msi_cap + MSI_CONTROL);
	if (!(control & MSI_ENABLE) || !(control & MSI_MASKABLE))
		return;
	unsigned at = msi_data_at(d);
	uint32_t ready = pci_get32(d->config + at + 8) & ~pci_get32(d->config + at + 4);
	if (!ready)
		return;
	pci_put32(d->config + at + 8, pci_get32(d->config + at + 8) & ~ready);
	for (unsigned v = 0; v < 32; v++)
		if (ready >> v & 1)
			pci_msi_send(d, v);
}

/* ---- MSI-X ---- */

bool pci_msix_enabled(const struct pci_device *d)
{
	return d->msix_cap && d->config[d->msix_cap + MSIX_CONTROL + 1] & (MSIX_ENABLE >> 8);
}

static bool msix_masked(const struct pci_device *d, unsigned vector)
{
	return d->config[d->msix_cap + MSIX_CONTROL + 1] & (MSIX_MASK_ALL >> 8) ||
	       d->msix_table[vector * ENTRY_SIZE + ENTRY_CONTROL] & ENTRY_MASKED;
}

void pci_msix_send(struct pci_device *d, unsigned vector)
{
	if (!pci_msix_enabled(d) || vector >= d->msix_vectors)
		return;
	if (msix_masked(d, vector)) {
		d->msix_pending[vector / 8] |= (uint8_t)(1 << vector % 8);
		return;
	}
	const uint8_t *t = d->msix_table + vector * ENTRY_SIZE;
	message(d, pci_get32(t) | (uint64_t)pci_get32(t + 4) << 32, pci_get32(t + ENTRY_DATA));
}

static void msix_unmasked(struct pci_device *d, unsigned vector)
{
	uint8_t bit = (uint8_t)(1 << vector % 8);
	if (!pci_msix_enabled(d) || msix_masked(d, vector) || !(d->msix_pending[vector / 8] & bit))
		return;
	d->msix_pending[vector / 8] &= (uint8_t)~bit;
	pci_msix_send(d, vector);
}

static uint64_t table_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct pci_device *d = opaque;
	(void)size;
	return pci_get32(d->msix_table + offset);
}

static void table_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct pci_device *d = opaque;
	(void)size;
	pci_put32(d->msix_table + offset, (uint32_t)value);
	msix_unmasked(d, (unsigned)(offset / ENTRY_SIZE));
}

static uint64_t pending_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct pci_device *d = opaque;
	(void)size;
	return pci_get32(d->msix_pending + offset);
}

static void pending_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct pci_device *d = opaque;
	(void)value, (void)size;
	guest_error(&d->dev, "write to the MSI-X pending bits at 0x%x: they are read-only", (unsigned)offset);
}

static const struct region_ops table_ops = {.read = table_read, .write = table_write, .min = 4, .max = 8, .impl_min = 4, .impl_max = 4};
static const struct region_ops pending_ops = {.read = pending_read, .write = pending_write, .min = 4, .max = 8, .impl_min = 4,
					      .impl_max = 4};

int pci_msix_init(struct pci_device *d, unsigned vectors, unsigned bar, struct region *bar_region, uint64_t table, uint64_t pending,
		  struct err *e)
{
	const char *name = d->dev.type->name;
	if (!vectors || vectors > 2048)
		return err_set(e, EINVAL, "%s: MSI-X has 1 to 2048 vectors, not %u", name, vectors);
	int cap = pci_capability(d, 0x11, 0, 12);
	if (cap < 0)
		return err_set(e, -cap, "%s: no room in configuration space for MSI-X", name);
	d->msix_vectors = (uint16_t)vectors;
	d->msix_table_size = vectors * ENTRY_SIZE;
	d->msix_pending_size = (vectors + 63) / 64 * 8;
	d->msix_table = calloc(1, d->msix_table_size);
	d->msix_pending = calloc(1, d->msix_pending_size);
	d->msix_region = region_new_io(d->dev.machine, "msix-table", d->msix_table_size, &table_ops, d);
	d->msix_pba = region_new_io(d->dev.machine, "msix-pba", d->msix_pending_size, &pending_ops, d);
	if (!d->msix_table || !d->msix_pending || !d->msix_region || !d->msix_pba)
		return err_set(e, ENOMEM, "%s: out of memory", name); /* pci_msi_free() takes back what is there */
	d->msix_cap = (uint8_t)cap;
	uint8_t *c = d->config + cap;
	pci_put16(c + MSIX_CONTROL, (uint16_t)(vectors - 1));
	pci_put16(d->write_mask + cap + MSIX_CONTROL, MSIX_ENABLE | MSIX_MASK_ALL);
	pci_put32(c + MSIX_TABLE, (uint32_t)table | bar);
	pci_put32(c + MSIX_PENDING, (uint32_t)pending | bar);
	region_add(bar_region, table, d->msix_region, 1);
	region_add(bar_region, pending, d->msix_pba, 1);
	pci_msi_reset(d);
	return 0;
}

/* ---- for pci.c ---- */

static bool touches(unsigned at, unsigned size, unsigned cap, unsigned len)
{
	return cap && at < cap + len && at + size > cap;
}

void pci_msi_config_written(struct pci_device *d, unsigned at, unsigned size)
{
	if (touches(at, size, d->msi_cap, 24))
		msi_written(d);
	if (touches(at, size, d->msix_cap, 4))
		for (unsigned v = 0; v < d->msix_vectors; v++)
			msix_unmasked(d, v);
}

void pci_msi_reset(struct pci_device *d)
{
	if (d->msi_cap)
		for (unsigned i = MSI_CONTROL; i < 24 && d->msi_cap + i < d->config_size; i++) {
			/* Only what belongs to the capability is writable there. */
			unsigned n = d->msi_cap + i;
			if (i >= (pci_get16(d->config + d->msi_cap + MSI_CONTROL) & MSI_64 ? 14u : 10u) &&
			    !(pci_get16(d->config + d->msi_cap + MSI_CONTROL) & MSI_MASKABLE))
				break;
			d->config[n] &= (uint8_t)~d->write_mask[n];
		}
	if (!d->msix_cap)
		return;
	d->config[d->msix_cap + MSIX_CONTROL + 1] &= (uint8_t)~((MSIX_ENABLE | MSIX_MASK_ALL) >> 8);
	memset(d->msix_table, 0, d->msix_table_size);
	memset(d->msix_pending, 0, d->msix_pending_size);
	for (unsigned v = 0; v < d->msix_vectors; v++)
		d->msix_table[v * ENTRY_SIZE + ENTRY_CONTROL] = ENTRY_MASKED;
}

void pci_msi_free(struct pci_device *d)
{
	if (d->msix_region)
		region_remove(d->msix_region), region_free(d->msix_region);
	if (d->msix_pba)
		region_remove(d->msix_pba), region_free(d->msix_pba);
	free(d->msix_table);
	free(d->msix_pending);
	d->msix_region = d->msix_pba = NULL;
	d->msix_table = d->msix_pending = NULL;
	d->msix_cap = 0;
}
