/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy drives and their media: the geometry follows from the size of the image (ECMA-66, -70, -100, -125, -147 and the usual larger formats).
 * A medium is read at its own data rates only; software finds out by this what is in the drive.
 */
#include "fdc.h"

enum { RATE_500 = 1, RATE_300 = 2, RATE_250 = 4, RATE_1000 = 8 };
enum { TYPE_NONE, TYPE_360, TYPE_1200, TYPE_720, TYPE_1440, TYPE_2880 };
const char *const floppy_types[] = {"auto", "144", "288", "120", "none", NULL};
static const uint8_t type_of_choice[] = {0, TYPE_1440, TYPE_2880, TYPE_1200, TYPE_NONE};

static const struct floppy_geometry geometries[] = {
	{80, 2, 18, RATE_500, TYPE_1440}, {80, 2, 20, RATE_500, TYPE_1440}, {80, 2, 21, RATE_500, TYPE_1440}, {82, 2, 21, RATE_500, TYPE_1440},
	{83, 2, 21, RATE_500, TYPE_1440}, {80, 2, 22, RATE_500, TYPE_1440}, {80, 2, 23, RATE_500, TYPE_1440}, {80, 2, 24, RATE_500, TYPE_1440},
	{80, 2, 36, RATE_1000, TYPE_2880}, {80, 2, 39, RATE_1000, TYPE_2880}, {80, 2, 40, RATE_1000, TYPE_2880},
	{80, 2, 44, RATE_1000, TYPE_2880}, {80, 2, 48, RATE_1000, TYPE_2880},
	{80, 2, 15, RATE_500, TYPE_1200}, {82, 2, 18, RATE_500, TYPE_1440}, {83, 2, 18, RATE_500, TYPE_1440},
	{80, 2, 9, RATE_250 | RATE_300, TYPE_1440}, {80, 2, 10, RATE_250 | RATE_300, TYPE_1440}, {82, 2, 10, RATE_250 | RATE_300, TYPE_1440},
	{83, 2, 10, RATE_250 | RATE_300, TYPE_1440}, {80, 2, 8, RATE_250 | RATE_300, TYPE_1440},
	{40, 2, 9, RATE_250 | RATE_300, TYPE_1200}, {40, 1, 9, RATE_250 | RATE_300, TYPE_1200}, {40, 2, 8, RATE_250 | RATE_300, TYPE_1200},
	{40, 1, 8, RATE_250 | RATE_300, TYPE_1200},
};

static struct floppy_geometry geometry_of(uint64_t sectors)
{
	struct floppy_geometry g = {80, 2, 18, RATE_500, TYPE_1440};
	uint64_t per_track;

	for (unsigned i = 0; i < sizeof geometries / sizeof geometries[0]; i++) {
		const struct floppy_geometry *k = &geometries[i];

		if ((uint64_t)k->tracks * k->heads * k->sectors == sectors)
			return *k;
	}
	/* Of no known size: 80 tracks of two sides with as many sectors as it takes; what lies beyond its end cannot be read. */
	per_track = (sectors + 159) / 160;
	if (per_track > 18)
		g.sectors = per_track > 63 ? 63 : (uint8_t)per_track;
	if (g.sectors > 24) {
		g.rates = RATE_1000;
		g.type = TYPE_2880;
	}
	return g;
}

void floppy_look(struct floppy *f)
{
	struct drive_info i;

	f->sectors = 0;
	f->geometry.sectors = 0;
	if (!f->drive)
		return;
	drive_info(f->drive, &i);
	if (!i.present || !i.size)
		return;
	f->sectors = (i.size + FDC_SECTOR - 1) / FDC_SECTOR;
	f->geometry = geometry_of(f->sectors);
	f->readonly = i.readonly;
}

static void media_changed(void *opaque, bool present)
{
	struct floppy *f = opaque;

	(void)present;
	floppy_look(f);
	f->changed = true;
}

static void media_resized(void *opaque)
{
	media_changed(opaque, true);
}

/* Nothing holds a diskette: it comes out when it is asked for. */
static void media_eject(void *opaque, bool force)
{
	struct floppy *f = opaque;

	(void)force;
	drive_tray(f->drive, true);
}

static const struct drive_events media_events = {.changed = media_changed, .eject_request = media_eject, .resized = media_resized};

void floppy_init(struct floppy *f, struct fdc *s, struct drive *d, int type)
{
	f->fdc = s;
	f->drive = d;
	f->type = TYPE_NONE;
	if (!d)
		return;
	drive_on_events(d, &media_events, f);
	floppy_look(f);
	f->changed = true;
	if (type)
		f->type = type_of_choice[type];
	else
		f->type = f->geometry.sectors ? f->geometry.type : TYPE_2880; /* an empty drive that takes every 3.5-inch medium */
}

bool floppy_rate_fits(const struct floppy *f, unsigned rate)
{
	return f->geometry.rates >> (rate & 3) & 1;
}

uint64_t floppy_offset(const struct floppy *f, unsigned track, unsigned head, unsigned sector)
{
	return (((uint64_t)track * f->geometry.heads + head) * f->geometry.sectors + sector - 1) * FDC_SECTOR;
}
