// SPDX-License-Identifier: GPL-2.0-or-later
/* What units say of themselves: IDENTIFY DEVICE (ATA/ATAPI-6, 8.15) and IDENTIFY PACKET DEVICE (8.16); and the devices ide-hd and ide-cd. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../boot-order.h"
#include "../../machine.h"
#include "../../pci.h"
#include "ide.h"

static void put(uint8_t *p, unsigned word, unsigned v)
{
	p[2 * word] = (uint8_t)v;
	p[2 * word + 1] = (uint8_t)(v >> 8);
}

/* Strings have their characters swapped in each word, padded with spaces. */
static void put_text(uint8_t *p, unsigned word, unsigned length, const char *text)
{
	size_t n = strlen(text);
	for (unsigned i = 0; i < length; i++)
		p[2 * word + (i ^ 1)] = (uint8_t)(i < n ? text[i] : ' ');
}

/* Modes of one kind with the selected one marked in the high byte. kind: 4 multiword, 8 ultra: the upper five bits that SET FEATURES 03h was given. */
static unsigned modes(const struct ide_unit *u, unsigned kind, unsigned supported)
{
	return supported | (u->dma_mode >> 3 == kind ? 0x100u << (u->dma_mode & 7) : 0);
}

static void common(const struct ide_unit *u, uint8_t *p)
{
	put_text(p, 10, 20, u->serial);
	put_text(p, 23, 8, u->firmware);
	put_text(p, 27, 40, u->model);
	put(p, 53, 7); /* words 54 to 58, 64 to 70 and 88 are valid */
	put(p, 63, modes(u, 4, 7));
	put(p, 64, 3); /* PIO 3 and 4 */
	put(p, 65, 120);
	put(p, 66, 120);
	put(p, 67, 120);
	put(p, 68, 120);
	put(p, 80, 0x7e); /* ATA-1 to ATA/ATAPI-6 */
	put(p, 88, modes(u, 8, 0x3f));
	put(p, 93, 0x6001 | (u->index ? 0 : 0x0a)); /* an 80-conductor cable */
}

static void packet_device(struct ide_unit *u, uint8_t *p)
{
	common(u, p);
	put(p, 0, 0x8580); /* packet, CD-ROM, removable, DRQ within 50 µs, 12-byte packets */
	put(p, 20, 3);
	put(p, 21, 512);
	put(p, 48, 1);
	put(p, 49, u->channel->dma.request ? 0x0f00 : 0x0e00); /* DMA, LBA, IORDY */
	put(p, 71, 30);
	put(p, 72, 30);
	put(p, 82, 0x0214); /* packet, device reset */
	put(p, 83, 0x4000);
	put(p, 84, 0x4000);
	put(p, 85, 0x0214);
	put(p, 87, 0x4000);
}

void ide_identify(struct ide_unit *u, uint8_t out[512])
{
	uint8_t *p = out;
	memset(p, 0, 512);
	if (u->cd) {
		packet_device(u, p);
		return;
	}
	uint64_t chs = (uint64_t)u->cylinders * u->heads * u->sectors, lba28 = u->total > 0x0fffffff ? 0x0fffffff : u->total;
	common(u, p);
	put(p, 0, 0x0040); /* fixed disk */
	put(p, 1, u->default_cylinders);
	put(p, 3, u->default_heads);
	put(p, 4, 512u * u->default_sectors);
	put(p, 5, 512);
	put(p, 6, u->default_sectors);
	put(p, 20, 3);
	put(p, 21, 512);
	put(p, 22, 4);
	put(p, 47, 0x8000 | IDE_MULTIPLE_MAX);
	put(p, 48, 1);
	put(p, 49, 0x0e00 | (u->channel->dma.request ? 0x0100u : 0));
	put(p, 51, 0x0200);
	put(p, 52, 0x0200);
	put(p, 54, u->cylinders);
	put(p, 55, u->heads);
	put(p, 56, u->sectors);
	put(p, 57, (unsigned)chs & 0xffff);
	put(p, 58, (unsigned)(chs >> 16));
	put(p, 59, u->multiple ? 0x100u | u->multiple : 0);
	put(p, 60, (unsigned)lba28 & 0xffff);
	put(p, 61, (unsigned)(lba28 >> 16));
	put(p, 82, 0x4061); /* NOP, write cache, look-ahead, SMART */
	put(p, 83, 0x7400); /* 48-bit addresses, flushes */
	put(p, 84, 0x4000 | (u->wwn ? 0x100u : 0));
	put(p, 85, 0x4000u | (u->write_cache ? 0x20u : 0) | (u->look_ahead ? 0x40u : 0) | (u->smart ? 1u : 0));
	put(p, 86, 0x3400);
	put(p, 87, 0x4000 | (u->wwn ? 0x100u : 0));
	for (unsigned i = 0; i < 4; i++)
		put(p, 100 + i, (unsigned)(u->total >> (16 * i)) & 0xffff);
	if (u->physical > u->logical)
		put(p, 106, 0x6000u | (unsigned)__builtin_ctz(u->physical / u->logical));
	for (unsigned i = 0; u->wwn && i < 4; i++)
		put(p, 108 + i, (unsigned)(u->wwn >> (48 - 16 * i)) & 0xffff);
	put(p, 128, u->security_frozen ? 9u : 1u);
	put(p, 217, u->rotation);
	/* Integrity word: the bytes of all 256 words add up to 0. */
	p[510] = 0xa5;
	uint8_t sum = 0;
	for (unsigned i = 0; i < 511; i++)
		sum = (uint8_t)(sum + p[i]);
	p[511] = (uint8_t)-sum;
}

/* ---- ide-hd, ide-cd: what is plugged into a channel ---- */

struct ide_device {
	struct device dev; /* first */
	struct drive *drive;
	char *serial, *model, *ver;
	uint32_t unit, logical, physical;
	uint64_t wwn;
	uint16_t rotation;
	int32_t bootindex;
	struct ide_unit *place;
};

static void changed(void *opaque, bool present)
{
	struct ide_unit *u = opaque;
	if (u->cd)
		atapi_medium(u, present);
}

static void eject_request(void *opaque, bool force)
{
	struct ide_unit *u = opaque;
	(void)force;
	u->mmc.event_new = true; /* the guest's polling for events sees it */
}

static void resized(void *opaque)
{
	struct ide_unit *u = opaque;
	struct drive_info i;
	drive_info(u->drive, &i);
	u->total = i.size / IDE_SECTOR;
	u->mmc.total = i.size / CD_SECTOR;
}

static const struct drive_events events = {.changed = changed, .eject_request = eject_request, .resized = resized};

static int unit_fill(struct ide_device *d, struct ide_unit *u, bool cd, struct err *e)
{
	struct drive_info i;
	drive_info(d->drive, &i);
	u->buffer = calloc(1, IDE_BUFFER);
	if (!u->buffer)
		return err_set(e, ENOMEM, "%s: out of memory", d->dev.type->name);
	u->buffer_size = IDE_BUFFER;
	u->cd = cd;
	u->drive = d->drive;
	u->logical = d->logical;
	u->physical = d->physical;
	u->wwn = d->wwn;
	u->rotation = d->rotation;
	snprintf(u->model, sizeof u->model, "%s", d->model ? d->model : cd ? "QEMU DVD-ROM" : "QEMU HARDDISK");
	snprintf(u->firmware, sizeof u->firmware, "%s", d->ver ? d->ver : "2.5+");
	if (d->serial)
		snprintf(u->serial, sizeof u->serial, "%s", d->serial);
	else if (i.serial[0])
		snprintf(u->serial, sizeof u->serial, "%.20s", i.serial);
	else
		snprintf(u->serial, sizeof u->serial, "QM%05u", u->channel->number * 2 + u->index + 1);
	if (cd)
		u->mmc = (struct mmc){.drive = d->drive, .total = i.size / CD_SECTOR, .vendor = "QEMU", .product = "QEMU DVD-ROM", .version = u->firmware,
				      .serial = u->serial, .wwn = d->wwn};
	else
		ide_disk_geometry(u);
	if (!cd && d->dev.machine->config.win2k_hack)
		ide_disk_slow(u);
	return 0;
}

static int realize(struct device *dev, struct err *e)
{
	struct ide_device *d = (struct ide_device *)dev;
	struct ide_channel *c = (struct ide_channel *)dev->parent;
	bool cd = !strcmp(dev->type->name, "ide-cd");
	if (!d->drive)
		return err_set(e, EINVAL, "%s: drive= is needed (the id of a -disk)", dev->type->name);
	if (d->unit == UINT32_MAX)
		d->unit = c->unit[0].dev ? 1 : 0;
	if (d->unit > 1)
		return err_set(e, EINVAL, "%s: unit %u; a channel has 0 (master) and 1 (slave)", dev->type->name, d->unit);
	struct ide_unit *u = &c->unit[d->unit];
	if (u->dev)
		return err_set(e, EBUSY, "%s: unit %u of %s is taken", dev->type->name, d->unit, c->bus.name);
	if (d->logical != 512)
		return err_set(e, EINVAL, "%s: logical_block_size must be 512 for IDE", dev->type->name);
	if (d->physical < 512 || d->physical > 32768 || d->physical & (d->physical - 1))
		return err_set(e, EINVAL, "%s: physical_block_size is a power of two from 512 to 32768", dev->type->name);
	struct drive_info i;
	drive_info(d->drive, &i);
	if (!cd && !i.present)
		return err_set(e, ENOMEDIUM, "ide-hd: disk '%s' has no medium", drive_id(d->drive));
	int r = drive_attach(d->drive, dev, e);
	if (r)
		return r;
	r = unit_fill(d, u, cd, e);
	if (r) {
		drive_detach(d->drive);
		return r;
	}
	u->dev = dev;
	d->place = u;
	drive_on_events(d->drive, &events, u);
	ide_channel_reset(c);
	if (c->bus.owner && d->bootindex >= 0) {
		char path[128];
		snprintf(path, sizeof path, "/drive@%x/disk@%x", c->number & 1, d->unit);
		if (!strcmp(c->bus.owner->parent->kind, "PCI"))
			return boot_order_add_pci((struct pci_device *)c->bus.owner, d->bootindex, path, e);
	}
	return 0;
}

static void unrealize(struct device *dev)
{
	struct ide_device *d = (struct ide_device *)dev;
	struct ide_unit *u = d->place;
	drive_drain(d->drive);
	drive_detach(d->drive);
	timer_free(u->slow);
	u->slow = NULL;
	free(u->buffer);
	u->buffer = NULL;
	u->buffer_size = 0;
	u->dev = NULL;
	u->drive = NULL;
}

#define IDE_PROPS \
	{.name = "drive", P_(struct ide_device, drive, PROP_DRIVE), .help = "id of the disk"}, \
	{.name = "unit", P_(struct ide_device, unit, PROP_U32), .def = UINT32_MAX, .help = "0 master, 1 slave"}, \
	{.name = "serial", P_(struct ide_device, serial, PROP_STRING), .help = "serial number, 20 characters"}, \
	{.name = "model", P_(struct ide_device, model, PROP_STRING), .help = "model, 40 characters"}, \
	{.name = "ver", P_(struct ide_device, ver, PROP_STRING), .help = "firmware revision, 8 characters"}, \
	{.name = "wwn", P_(struct ide_device, wwn, PROP_U64)}, \
	{.name = "bootindex", P_(struct ide_device, bootindex, PROP_I32), .def = -1}, \
	{.name = "logical_block_size", P_(struct ide_device, logical, PROP_U32), .def = 512}, \
	{.name = "physical_block_size", P_(struct ide_device, physical, PROP_U32), .def = 512}
static const struct prop hd_props[] = {
	IDE_PROPS,
	{.name = "rotation_rate", P_(struct ide_device, rotation, PROP_U16), .help = "rpm; 1: not rotating"},
	{.name = NULL},
};
static const struct prop cd_props[] = {IDE_PROPS, {.name = NULL}};

/* The channel, part of the host adapter, saves what there is. */
static const struct device_type ide_hd = {
	.name = "ide-hd", .alias = "ide-drive", .bus = "IDE", .desc = "virtual IDE disk", .category = "Storage", .size = sizeof(struct ide_device),
	.props = hd_props, .user = true, .realize = realize, .unrealize = unrealize,
};
DEVICE(ide_hd);
static const struct device_type ide_cd = {
	.name = "ide-cd", .bus = "IDE", .desc = "virtual IDE CD-ROM", .category = "Storage", .size = sizeof(struct ide_device), .props = cd_props,
	.user = true, .realize = realize, .unrealize = unrealize,
};
DEVICE(ide_cd);
