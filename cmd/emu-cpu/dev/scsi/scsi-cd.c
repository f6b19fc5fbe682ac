// SPDX-License-Identifier: GPL-2.0-or-later
/* A SCSI CD/DVD-ROM, scsi-cd: the packet commands of mmc.c, whose data goes straight to the initiator's memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../machine.h"
#include "../../scsi.h"

enum { RAW_AT_ONCE = 64 }; /* raw sectors are made a buffer's worth at a time */

struct scsi_cd {
	struct scsi_unit unit; /* first */
	struct mmc mmc;
	char *serial, *vendor, *product, *ver;
	uint64_t wwn;
	int32_t bootindex;
};

struct read {
	struct drive_req req;
	struct iovec one;
	uint32_t lba, left;    /* raw sectors: not read yet */
	uint8_t *data;         /* … RAW_AT_ONCE sectors of user data */
	struct iovec iov[];
};

static struct scsi_cd *cd_of(struct scsi_request *r)
{
	return (struct scsi_cd *)r->unit;
}

static void check(struct scsi_request *r)
{
	const struct mmc *m = &cd_of(r)->mmc;
	scsi_check(r, m->sense_key, m->sense_asc, m->sense_ascq);
}

static void read_failed(struct scsi_request *r, int error)
{
	struct mmc *m = &cd_of(r)->mmc;
	if (error == -ENOMEDIUM)
		mmc_sense(m, SENSE_NOT_READY, ASC_NO_MEDIUM, 0);
	else
		mmc_sense(m, SENSE_MEDIUM_ERROR, ASC_READ_ERROR, 0);
	check(r);
}

static void read_done(void *opaque, int error)
{
	struct scsi_request *r = opaque;
	if (error)
		read_failed(r, error);
	else
		scsi_end(r, SCSI_GOOD);
}

/* Puts n bytes behind what was moved already. */
static void put(struct scsi_request *r, const uint8_t *data, size_t n)
{
	uint64_t skip = r->moved;
	for (unsigned i = 0; i < r->ins && n; i++) {
		if (skip >= r->in[i].iov_len) {
			skip -= r->in[i].iov_len;
			continue;
		}
		size_t k = r->in[i].iov_len - skip < n ? r->in[i].iov_len - skip : n;
		memcpy((uint8_t *)r->in[i].iov_base + skip, data, k);
		data += k;
		n -= k;
		r->moved += k;
		skip = 0;
	}
}

static void raw_next(struct scsi_request *r);

static void raw_done(void *opaque, int error)
{
	struct scsi_request *r = opaque;
	struct read *w = r->work;
	uint8_t sector[MMC_RAW_SECTOR];
	if (error) {
		read_failed(r, error);
		return;
	}
	for (uint32_t i = 0; i < w->req.size / MMC_SECTOR; i++) {
		mmc_raw_sector(sector, w->lba++, w->data + i * MMC_SECTOR);
		put(r, sector, sizeof sector);
	}
	raw_next(r);
}

static void raw_next(struct scsi_request *r)
{
	struct read *w = r->work;
	uint32_t n = w->left < RAW_AT_ONCE ? w->left : RAW_AT_ONCE;
	if (!n) {
		scsi_end(r, SCSI_GOOD);
		return;
	}
	w->left -= n;
	w->one = (struct iovec){w->data, n * MMC_SECTOR};
	w->req = (struct drive_req){.op = DRIVE_READ, .offset = (uint64_t)w->lba * MMC_SECTOR, .size = n * MMC_SECTOR, .iov = &w->one, .iovs = 1,
				    .done = raw_done, .opaque = r};
	drive_submit(r->unit->drive, &w->req);
}

static void read_sectors(struct scsi_request *r, const struct mmc_answer *a)
{
	bool raw = a->sector_size == MMC_RAW_SECTOR;
	uint64_t bytes = (uint64_t)a->sectors * a->sector_size, left = bytes;
	if (bytes > r->in_size) {
		r->overrun = true;
		scsi_end(r, SCSI_GOOD);
		return;
	}
	struct read *w = r->work = calloc(1, sizeof *w + r->ins * sizeof w->iov[0] + (raw ? RAW_AT_ONCE * MMC_SECTOR : 0));
	if (!w) {
		scsi_check(r, SENSE_ABORTED, 0x55, 3); /* insufficient resources */
		return;
	}
	if (raw) {
		w->lba = a->lba;
		w->left = a->sectors;
		w->data = (uint8_t *)&w->iov[r->ins];
		raw_next(r);
		return;
	}
	unsigned n = 0;
	for (; n < r->ins && left; n++) {
		w->iov[n] = r->in[n];
		if (w->iov[n].iov_len > left)
			w->iov[n].iov_len = left;
		left -= w->iov[n].iov_len;
	}
	w->req = (struct drive_req){.op = DRIVE_READ, .offset = (uint64_t)a->lba * MMC_SECTOR, .size = bytes, .iov = w->iov, .iovs = n, .done = read_done,
				    .opaque = r};
	r->moved = bytes;
	drive_submit(r->unit->drive, &w->req);
}

static void command(struct scsi_request *r)
{
	uint8_t buffer[MMC_BUFFER];
	struct mmc_answer a = mmc_packet(&cd_of(r)->mmc, r->cdb, buffer);
	switch (a.what) {
	case MMC_GOOD: scsi_end(r, SCSI_GOOD); break;
	case MMC_CHECK: check(r); break;
	case MMC_DATA: scsi_answer(r, buffer, a.size, a.size); break;
	case MMC_READ: read_sectors(r, &a); break;
	case MMC_TAKE:
		scsi_take(r, buffer, a.size < sizeof buffer ? a.size : sizeof buffer);
		scsi_end(r, SCSI_GOOD);
		break;
	}
}

static void unit_reset(struct scsi_unit *u)
{
	struct scsi_cd *s = (struct scsi_cd *)u;
	mmc_sense(&s->mmc, SENSE_NONE, 0, 0);
	s->mmc.locked = false;
	drive_lock(u->drive, false);
}

/* ---- the medium ---- */

static void changed(void *opaque, bool present)
{
	struct scsi_cd *s = opaque;
	mmc_medium(&s->mmc, present);
	if (s->unit.bus->attention)
		s->unit.bus->attention(s->unit.bus, &s->unit, present ? ASC_MEDIUM_CHANGED : ASC_NO_MEDIUM, 0);
}

static void eject_request(void *opaque, bool force)
{
	struct scsi_cd *s = opaque;
	(void)force;
	s->mmc.event_new = true;
	if (s->unit.bus->attention)
		s->unit.bus->attention(s->unit.bus, &s->unit, 0x5a, 1); /* operator medium removal request */
}

static void resized(void *opaque)
{
	struct scsi_cd *s = opaque;
	struct drive_info i;
	drive_info(s->unit.drive, &i);
	s->mmc.total = i.size / MMC_SECTOR;
}

static const struct drive_events events = {.changed = changed, .eject_request = eject_request, .resized = resized};

/* ---- life ---- */

static int realize(struct device *d, struct err *e)
{
	struct scsi_cd *s = (struct scsi_cd *)d;
	struct drive_info i;
	if (!s->unit.drive)
		return err_set(e, EINVAL, "scsi-cd: drive= is needed (the id of a -disk; nbd=none makes an empty one)");
	int r = drive_attach(s->unit.drive, d, e);
	if (r)
		return r;
	r = scsi_boot_order(&s->unit, s->bootindex, e);
	if (r) {
		drive_detach(s->unit.drive);
		return r;
	}
	drive_info(s->unit.drive, &i);
	if (!s->serial)
		s->serial = strdup(i.serial);
	s->mmc = (struct mmc){.drive = s->unit.drive, .total = i.size / MMC_SECTOR, .scsi = true, .vendor = s->vendor ? s->vendor : "QEMU",
			      .product = s->product ? s->product : "QEMU CD-ROM", .version = s->ver ? s->ver : "2.5+", .serial = s->serial ? s->serial : "",
			      .wwn = s->wwn, .tray_open = i.tray_open};
	drive_on_events(s->unit.drive, &events, s);
	scsi_unit_plugged(&s->unit);
	return 0;
}

static const struct prop props[] = {
	SCSI_UNIT_PROPS,
	{.name = "serial", P_(struct scsi_cd, serial, PROP_STRING), .help = "serial number, 36 characters"},
	{.name = "vendor", P_(struct scsi_cd, vendor, PROP_STRING), .help = "8 characters"},
	{.name = "product", P_(struct scsi_cd, product, PROP_STRING), .help = "16 characters"},
	{.name = "ver", P_(struct scsi_cd, ver, PROP_STRING), .help = "revision, 4 characters"},
	{.name = "wwn", P_(struct scsi_cd, wwn, PROP_U64)},
	{.name = "bootindex", P_(struct scsi_cd, bootindex, PROP_I32), .def = -1},
	{.name = NULL},
};

static const struct field fields[] = {
	F_STRUCT(struct scsi_cd, unit, scsi_unit_fields), F_STRUCT(struct scsi_cd, mmc, mmc_fields), F_END,
};
static const struct state_table state = {.name = "scsi-cd", .version = 1, .oldest = 1, .fields = fields, .saving = scsi_unit_saving};
static const struct scsi_class class = {.command = command, .reset = unit_reset};

static const struct device_type scsi_cd = {
	.name = "scsi-cd", .bus = "SCSI", .desc = "virtual SCSI CD-ROM", .category = "Storage", .size = sizeof(struct scsi_cd), .props = props,
	.state = &state, .user = true, .hotplug = true, .realize = realize, .unrealize = scsi_unit_unrealize, .extra = &class,
};
DEVICE(scsi_cd);
