// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The task file of two ATA or ATAPI units on a channel; see ide.h. Section numbers are of ATA/ATAPI-6.
 *
 * Registers are written to both units (the specification's 9.2: a device that is not selected keeps them too); reads give the selected
 * one's. A unit that is absent next to one that is present is answered for by that one with zeros.
 */
#include "ide.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../machine.h"

enum { CONTROL_NO_IRQ = 2, CONTROL_RESET = 4, CONTROL_HOB = 0x80 };
enum { R_DATA = 0, R_ERROR = 1, R_COUNT = 2, R_SECTOR = 3, R_LOW = 4, R_HIGH = 5, R_SELECT = 6, R_STATUS = 7 };

static struct ide_unit *selected(struct ide_channel *c)
{
	return &c->unit[c->selected];
}

void ide_irq(struct ide_unit *u, bool level)
{
	struct ide_channel *c = u->channel;
	if (level && c->control & CONTROL_NO_IRQ)
		return;
	c->irq_level = level;
	irq_set(c->irq, level);
}

void ide_abort(struct ide_unit *u, uint8_t error)
{
	u->status = ATA_READY | ATA_ERR | (u->cd ? 0 : ATA_SEEK);
	u->error = error;
	u->at = u->end = 0;
	u->after = IDE_NOTHING;
	u->dma_wanted = false;
	ide_irq(u, true);
}

void ide_pio(struct ide_unit *u, uint32_t n, enum ide_after after)
{
	u->at = 0;
	u->end = n;
	u->after = (uint8_t)after;
	u->status = ATA_READY | ATA_DRQ | (u->cd ? 0 : ATA_SEEK);
}

/* The signature that a reset leaves in the task file (9.12). */
void ide_signature(struct ide_unit *u)
{
	u->count = u->sector = 1;
	u->low = u->cd ? 0x14 : 0;
	u->high = u->cd ? 0xeb : 0;
	u->select &= 0xf0;
	u->hob_count = u->hob_sector = u->hob_low = u->hob_high = u->hob_feature = 0;
}

/* What was under way is forgotten; its answer, when it comes, is dropped. */
static void unit_stop(struct ide_unit *u)
{
	if (u->in_flight && u->drive)
		drive_drain(u->drive);
	ide_disk_hurry(u, true);
	u->in_flight = false;
	u->dma_wanted = u->dma_active = false;
	u->at = u->end = 0;
	u->after = IDE_NOTHING;
}

static void unit_reset(struct ide_unit *u)
{
	if (!u->dev)
		return;
	unit_stop(u);
	u->error = 1; /* diagnostics passed */
	u->status = u->cd ? 0 : ATA_READY | ATA_SEEK;
	u->select = 0xa0;
	u->feature = 0;
	u->lba48 = false;
	ide_signature(u);
	u->packet_size = u->packet_at = 0;
}

void ide_channel_reset(struct ide_channel *c)
{
	c->selected = 0;
	c->control = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct ide_unit *u = &c->unit[i];
		if (!u->dev)
			continue;
		unit_reset(u);
		u->multiple = u->cd ? 0 : IDE_MULTIPLE_MAX;
		u->dma_mode = 0;
		u->write_cache = u->look_ahead = u->smart = true;
		u->heads = u->default_heads;
		u->sectors = u->default_sectors;
		u->cylinders = u->default_cylinders;
		mmc_sense(&u->mmc, SENSE_NONE, 0, 0);
		u->mmc.locked = false;
		if (u->cd && u->drive) {
			drive_lock(u->drive, false);
			u->mmc.tray_open = false;
		}
	}
	c->irq_level = false;
	irq_set(c->irq, false);
}

/* ---- data register ---- */

static void moved_all(struct ide_unit *u)
{
	if (u->after == IDE_PACKET) {
		memcpy(u->packet, u->buffer, sizeof u->packet);
		u->after = IDE_NOTHING;
		atapi_packet(u);
	} else if (u->after == IDE_ATAPI_MORE || u->after == IDE_ATAPI_WRITE) {
		atapi_after(u);
	} else if (u->after != IDE_IGNORE) {
		ide_disk_after(u);
	}
}

static uint32_t data_read(struct ide_unit *u, unsigned size)
{
	uint32_t v = 0;
	if (!(u->status & ATA_DRQ) || u->writing || u->at >= u->end)
		return 0;
	if (size > u->end - u->at) /* the last byte of an odd number, or more than is left */
		size = u->end - u->at;
	memcpy(&v, u->buffer + u->at, size);
	u->at += size;
	if (u->at == u->end) {
		u->status &= (uint8_t)~ATA_DRQ;
		moved_all(u);
	}
	return v;
}

static void data_write(struct ide_unit *u, uint32_t value, unsigned size)
{
	if (!(u->status & ATA_DRQ) || !u->writing || u->at + size > u->end)
		return;
	memcpy(u->buffer + u->at, &value, size);
	u->at += size;
	if (u->at == u->end) {
		u->status &= (uint8_t)~ATA_DRQ;
		u->writing = false;
		moved_all(u);
	}
}

/* ---- commands that disks and CD-ROMs share ---- */

static void command(struct ide_unit *u, uint8_t cmd)
{
	if (!u->dev)
		return;
	/* Busy units take DEVICE RESET alone. */
	if (u->status & (ATA_BUSY | ATA_DRQ) && !(cmd == 0x08 && u->cd))
		return;
	ide_irq(u, false);
	u->command = cmd;
	u->error = 0;
	u->status = ATA_READY | (u->cd ? 0 : ATA_SEEK);
	switch (cmd) {
	case 0x90: /* EXECUTE DEVICE DIAGNOSTIC: both, answered by the first */
		for (unsigned i = 0; i < 2; i++)
			if (u->channel->unit[i].dev) {
				ide_signature(&u->channel->unit[i]);
				u->channel->unit[i].error = 1;
				u->channel->unit[i].status = u->channel->unit[i].cd ? 0 : ATA_READY | ATA_SEEK;
			}
		u->channel->selected = 0;
		ide_irq(u, true);
		return;
	case 0x08: /* DEVICE RESET: packet devices only */
		if (!u->cd) {
			ide_abort(u, ATA_ABORTED);
			return;
		}
		unit_stop(u);
		ide_signature(u);
		u->status = 0;
		u->error = 1;
		return;
	default:
		if (u->cd)
			atapi_command(u);
		else
			ide_disk_command(u);
	}
}

/* ---- registers ---- */

uint32_t ide_read(struct ide_channel *c, unsigned reg, unsigned size)
{
	struct ide_unit *u = selected(c);
	bool hob = c->control & CONTROL_HOB;
	if (reg == R_DATA)
		return u->dev ? data_read(u, size) : 0xffffffff >> (32 - 8 * size);
	if (!c->unit[0].dev && !c->unit[1].dev)
		return 0; /* pulled down, so that nobody waits for "not busy" */
	if (!u->dev)
		return reg == R_SELECT ? 0xa0u | (unsigned)c->selected << 4 : 0;
	switch (reg) {
	case R_ERROR: return hob ? 0 : u->error;
	case R_COUNT: return hob ? u->hob_count : u->count;
	case R_SECTOR: return hob ? u->hob_sector : u->sector;
	case R_LOW: return hob ? u->hob_low : u->low;
	case R_HIGH: return hob ? u->hob_high : u->high;
	case R_SELECT: return u->select;
	default: /* status: reading it takes the interrupt back */
		ide_irq(u, false);
		return u->status;
	}
}

uint8_t ide_alternate_status(const struct ide_channel *c)
{
	const struct ide_unit *u = &c->unit[c->selected];
	return u->dev ? u->status : 0;
}

void ide_write(struct ide_channel *c, unsigned reg, uint32_t value, unsigned size)
{
	uint8_t v = (uint8_t)value;
	if (reg == R_DATA) {
		if (selected(c)->dev)
			data_write(selected(c), value, size);
		return;
	}
	if (reg == R_STATUS) {
		command(selected(c), v);
		return;
	}
	c->control &= (uint8_t)~CONTROL_HOB;
	if (reg == R_SELECT) {
		c->selected = v >> 4 & 1;
		c->unit[0].select = (v & (uint8_t)~0x10u) | 0xa0;
		c->unit[1].select = v | 0xb0;
		return;
	}
	if (selected(c)->status & (ATA_BUSY | ATA_DRQ) && selected(c)->dev)
		return; /* not while a command is under way (9.2) */
	for (unsigned i = 0; i < 2; i++) {
		struct ide_unit *u = &c->unit[i];
		switch (reg) {
		case R_ERROR: u->hob_feature = u->feature, u->feature = v; break;
		case R_COUNT: u->hob_count = u->count, u->count = v; break;
		case R_SECTOR: u->hob_sector = u->sector, u->sector = v; break;
		case R_LOW: u->hob_low = u->low, u->low = v; break;
		case R_HIGH: u->hob_high = u->high, u->high = v; break;
		}
	}
}

void ide_control(struct ide_channel *c, uint8_t value)
{
	bool was = c->control & CONTROL_RESET, is = value & CONTROL_RESET;
	if (!was && is) {
		for (unsigned i = 0; i < 2; i++)
			if (c->unit[i].dev) {
				unit_stop(&c->unit[i]);
				c->unit[i].status = ATA_BUSY;
			}
	} else if (was && !is) {
		for (unsigned i = 0; i < 2; i++)
			unit_reset(&c->unit[i]);
		c->selected = 0;
	}
	c->control = value & (CONTROL_NO_IRQ | CONTROL_RESET | CONTROL_HOB);
	if (value & CONTROL_NO_IRQ)
		irq_set(c->irq, false);
}

void ide_dma_go(struct ide_unit *u)
{
	if (!u->dma_wanted || u->dma_active)
		return;
	u->dma_active = true;
	if (u->cd)
		atapi_dma_go(u);
	else
		ide_disk_dma_go(u);
}

/* ---- the channel as a bus ---- */

static void place(const struct device *d, char *buf, size_t size)
{
	const struct ide_channel *c = (const struct ide_channel *)d->parent;
	snprintf(buf, size, "%x", c->unit[1].dev == d);
}

void ide_channel_init(struct ide_channel *c, const char *name, struct device *owner, struct machine *m, unsigned number, const struct irq *irq)
{
	bus_init(&c->bus, "IDE", name, owner, m);
	c->bus.place = place;
	c->irq = irq;
	c->number = number;
	for (unsigned i = 0; i < 2; i++) {
		c->unit[i].channel = c;
		c->unit[i].index = (uint8_t)i;
	}
}

int ide_channel_populate(struct ide_channel *c, struct err *e)
{
	for (unsigned i = 0; i < 2; i++) {
		struct drive *drive = drive_at(c->bus.machine, DRIVE_IDE, c->number, i);
		struct drive_info info;
		if (!drive)
			continue;
		drive_info(drive, &info);
		struct device *d = device_new(c->bus.machine, info.cdrom ? "ide-cd" : "ide-hd", &c->bus, e);
		if (!d)
			return -e->code;
		device_set_int(d, "unit", i);
		device_set_ptr(d, "drive", drive);
		if (device_finish(d, e))
			return -e->code;
	}
	return 0;
}

/* ---- saved state: requests are over before it is written ---- */

void ide_channel_saving(struct ide_channel *c)
{
	for (unsigned i = 0; i < 2; i++) {
		if (c->unit[i].in_flight)
			drive_drain(c->unit[i].drive);
		ide_disk_hurry(&c->unit[i], false);
	}
}

static const struct field unit_fields[] = {
	F_UINT(struct ide_unit, feature), F_UINT(struct ide_unit, error), F_UINT(struct ide_unit, count), F_UINT(struct ide_unit, sector),
	F_UINT(struct ide_unit, low), F_UINT(struct ide_unit, high), F_UINT(struct ide_unit, select), F_UINT(struct ide_unit, status),
	F_UINT(struct ide_unit, hob_feature), F_UINT(struct ide_unit, hob_count), F_UINT(struct ide_unit, hob_sector),
	F_UINT(struct ide_unit, hob_low), F_UINT(struct ide_unit, hob_high), F_UINT(struct ide_unit, command), F_BOOL(struct ide_unit, lba48),
	F_UINT(struct ide_unit, cylinders), F_UINT(struct ide_unit, heads), F_UINT(struct ide_unit, sectors), F_UINT(struct ide_unit, multiple),
	F_UINT(struct ide_unit, dma_mode), F_UINT(struct ide_unit, pio_mode), F_BOOL(struct ide_unit, write_cache),
	F_BOOL(struct ide_unit, look_ahead), F_BOOL(struct ide_unit, smart), F_BOOL(struct ide_unit, security_frozen),
	F_UINT(struct ide_unit, lba), F_UINT(struct ide_unit, left),
	{.name = "buffer", .offset = offsetof(struct ide_unit, buffer), .kind = FIELD_BUFFER, .aux = offsetof(struct ide_unit, buffer_size),
	 .max = IDE_BUFFER, .count = 1},
	F_UINT(struct ide_unit, at), F_UINT(struct ide_unit, end), F_UINT(struct ide_unit, after), F_BOOL(struct ide_unit, writing),
	F_BOOL(struct ide_unit, dma_wanted), F_BYTES(struct ide_unit, packet), F_STRUCT(struct ide_unit, mmc, mmc_fields),
	F_UINT(struct ide_unit, packet_size),
	F_UINT(struct ide_unit, packet_at), F_UINT(struct ide_unit, byte_limit), F_BOOL(struct ide_unit, packet_dma),
	F_UINT(struct ide_unit, cd_sector_size), F_END,
};

const struct field ide_channel_fields[] = {
	F_UINT(struct ide_channel, selected), F_UINT(struct ide_channel, control), F_BOOL(struct ide_channel, irq_level),
	F_STRUCTS(struct ide_channel, unit, unit_fields), F_END,
};

int ide_channel_loaded(struct ide_channel *c, struct err *e)
{
	if (c->selected > 1)
		return err_set(e, EINVAL, "IDE: unit %u of a channel is selected in the saved state; there are two", c->selected);
	for (unsigned i = 0; i < 2; i++) {
		struct ide_unit *u = &c->unit[i];
		if (u->end > IDE_BUFFER || u->at > u->end || u->after > IDE_IGNORE || u->multiple > IDE_MULTIPLE_MAX || u->packet_at > u->packet_size ||
		    u->left > 65536 || (u->end && !u->buffer))
			return err_set(e, EINVAL, "IDE: the saved transfer of unit %u is not possible (%u of %u bytes)", i, u->at, u->end);
		if (u->dev && !u->cd && u->lba + u->left > u->total)
			return err_set(e, EINVAL, "IDE: the saved transfer goes beyond the disk's %llu sectors", (unsigned long long)u->total);
		ide_disk_hurry(u, true);
		u->in_flight = u->dma_active = false;
	}
	return 0;
}
