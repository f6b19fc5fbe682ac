// SPDX-License-Identifier: GPL-2.0-or-later
/* What a PC's firmware reads in CMOS: memory, disks, floppies, and the order of booting with -boot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "../drive.h"
#include "pc-internal.h"

/* CMOS registers that firmware reads about the board */
enum { CMOS_FLOPPY = 0x10, CMOS_DISKS = 0x12, CMOS_EQUIPMENT = 0x14, CMOS_BASE = 0x15, CMOS_EXTENDED = 0x17, CMOS_EXTENDED2 = 0x30,
       CMOS_ABOVE_16M = 0x34, CMOS_BOOT3 = 0x38, CMOS_BOOT = 0x3d, CMOS_ABOVE_4G = 0x5b, CMOS_CPUS = 0x5f, CMOS_DISK0 = 0x19, CMOS_DISK1 = 0x1a, CMOS_GEOMETRY0 = 0x1b,
       CMOS_GEOMETRY1 = 0x24, CMOS_TRANSLATION = 0x39 };

/* ---- CMOS: what firmware is told about memory, disks and the boot order in the old way ---- */

static void cmos(struct pc *p, unsigned index, unsigned value)
{
	mc146818_cmos_set(p->rtc, index, (uint8_t)value);
}

static void cmos16(struct pc *p, unsigned index, uint64_t value, uint64_t most)
{
	if (value > most)
		value = most;
	cmos(p, index, (unsigned)value & 0xff);
	cmos(p, index + 1, (unsigned)(value >> 8) & 0xff);
}

static unsigned boot_digit(char c)
{
	switch (c) {
	case 'a': case 'b': return 1;
	case 'c': return 2;
	case 'd': return 3;
	case 'n': return 4;
	default: return 0;
	}
}

static void cmos_boot(struct machine *m, const char *order)
{
	struct pc *p = pc_of(m);
	unsigned d[3] = {0};
	for (unsigned i = 0; i < 3 && order[i]; i++)
		d[i] = boot_digit(order[i]);
	cmos(p, CMOS_BOOT, d[1] << 4 | d[0]);
	cmos(p, CMOS_BOOT3, d[2] << 4 | !m->config.fd_bootchk);
}

/* Hard disks: type 47 means that the geometry stands in further registers; each disk's translation in two bits of 0x39. */
static void cmos_disks(struct machine *m, struct pc *p)
{
	unsigned types = 0, translation = 0;
	for (unsigned n = 0; n < 4; n++) {
		struct drive *d = drive_at(m, DRIVE_IDE, n / 2, n % 2);
		struct drive_info i;
		if (!d)
			continue;
		drive_info(d, &i);
		if (i.cdrom || !i.present)
			continue;
		uint64_t sectors = i.size / 512;
		uint32_t c = i.cylinders, h = i.heads, s = i.sectors;
		if (!c) {
			h = 16, s = 63;
			c = sectors / (16 * 63) > 16383 ? 16383 : (uint32_t)(sectors / (16 * 63));
		}
		/* none 0, LBA 1: BIOSes of the time could name 1,024 cylinders. */
		unsigned how = i.translation == 2 || (!i.translation && c > 1024) ? 1 : i.translation > 2 ? i.translation - 1 : 0;
		translation |= how << (2 * n);
		if (n > 1)
			continue;
		unsigned at = n ? CMOS_GEOMETRY1 : CMOS_GEOMETRY0;
		types |= 0xf0u >> (4 * n);
		cmos(p, n ? CMOS_DISK1 : CMOS_DISK0, 47);
		cmos16(p, at, c, 65535);
		cmos(p, at + 2, h);
		cmos(p, at + 3, 0xff);
		cmos(p, at + 4, 0xff);
		cmos(p, at + 5, 0xc0 | (h > 8 ? 8 : 0));
		cmos16(p, at + 6, c, 65535);
		cmos(p, at + 8, s);
	}
	cmos(p, CMOS_DISKS, types);
	cmos(p, CMOS_TRANSLATION, translation);
}

void pc_cmos_fill(struct machine *m)
{
	struct pc *p = pc_of(m);
	uint64_t kib = p->below_4g >> 10;
	cmos16(p, CMOS_BASE, kib < 640 ? kib : 640, 640);
	cmos16(p, CMOS_EXTENDED, kib > 1024 ? kib - 1024 : 0, 65535);
	cmos16(p, CMOS_EXTENDED2, kib > 1024 ? kib - 1024 : 0, 65535);
	cmos16(p, CMOS_ABOVE_16M, kib > 16384 ? (kib - 16384) / 64 : 0, 65535);
	uint64_t high = p->above_4g >> 16;
	for (unsigned i = 0; i < 3; i++)
		cmos(p, CMOS_ABOVE_4G + i, (unsigned)(high >> (8 * i)) & 0xff);
	cmos(p, CMOS_CPUS, m->cpus - 1);
	unsigned a = fdc_drive_type(p->fdc, 0), b = fdc_drive_type(p->fdc, 1), floppies_there = (a ? 1u : 0) + (b ? 1u : 0);
	cmos(p, CMOS_FLOPPY, a << 4 | b);
	unsigned equipment = 2 /* x87 */ | 4 /* PS/2 mouse */;
	if (floppies_there)
		equipment |= 1 | (floppies_there - 1) << 6;
	cmos(p, CMOS_EQUIPMENT, equipment);
	cmos_disks(m, p);
}

/* ---- -boot ---- */

static bool order_valid(const char *s)
{
	unsigned seen = 0;
	for (; *s; s++) {
		if (*s < 'a' || *s > 'p' || seen >> (*s - 'a') & 1)
			return false;
		seen |= 1u << (*s - 'a');
	}
	return true;
}

int pc_boot_options(struct machine *m, struct err *e)
{
	struct pc *p = pc_of(m);
	struct keyval kv = {0};
	int r = 0;
	strcpy(p->boot_order, "cad");
	if (m->config.boot && (r = keyval_parse(m->config.boot, "order", &kv, e)))
		return err_prefix(e, "-boot");
	for (unsigned i = 0; !r && i < kv.count; i++) {
		const char *k = kv.key[i], *v = kv.value[i];
		uint64_t n;
		if (!strcmp(k, "order") || !strcmp(k, "once")) {
			char *to = k[1] == 'r' ? p->boot_order : p->boot_once;
			if (!order_valid(v) || strlen(v) >= sizeof p->boot_order)
				r = err_set(e, EINVAL, "-boot %s=%s: letters a (floppy), c (disk), d (CD-ROM), n (network), each once", k, v);
			else
				strcpy(to, v);
		} else if (!strcmp(k, "menu") || !strcmp(k, "strict")) {
			bool on = !strcmp(v, "on");
			if (!on && strcmp(v, "off"))
				r = err_set(e, EINVAL, "-boot %s=%s: on or off", k, v);
			else if (*k == 'm')
				fw_cfg_add_u16(m, KEY_BOOT_MENU, on);
			else
				p->boot_strict = on;
		} else if (!strcmp(k, "splash-time") || !strcmp(k, "reboot-timeout")) {
			bool splash = *k == 's';
			uint64_t most = 0xffff;
			char *end;
			n = strtoull(v, &end, 10);
			uint8_t le[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
			if (!splash && !strcmp(v, "-1")) {
				memset(le, 0xff, 4);
				end = (char *)"", n = 0;
			}
			if (end == v || *end || n > most)
				r = err_set(e, EINVAL, "-boot %s=%s: milliseconds, 0 to %u%s", k, v, (unsigned)most, splash ? "" : ", or -1: never");
			else
				r = fw_cfg_add_file(m, splash ? "etc/boot-menu-wait" : "etc/boot-fail-wait", le, splash ? 2 : 4, e);
		} else if (!strcmp(k, "splash")) {
			size_t size;
			uint8_t *data = firmware_load(m, v, &size, e);
			if (!data) {
				r = err_prefix(e, "-boot splash=%s", v);
			} else if (size >= 2 && data[0] == 0xff && data[1] == 0xd8) {
				r = fw_cfg_add_file(m, "bootsplash.jpg", data, size, e);
			} else if (size >= 2 && data[0] == 'B' && data[1] == 'M') {
				r = fw_cfg_add_file(m, "bootsplash.bmp", data, size, e);
			} else {
				r = err_set(e, EINVAL, "-boot splash=%s: neither a JPEG nor a BMP file", v);
			}
			free(data);
		} else {
			r = err_set(e, EINVAL, "-boot has no '%s' (order, once, menu, splash, splash-time, reboot-timeout, strict)", k);
		}
	}
	keyval_free(&kv);
	return r;
}

/* The first start takes "once"; those after it the usual order. */
void pc_boot_choose(void *opaque)
{
	struct machine *m = opaque;
	struct pc *p = pc_of(m);
	if (!m->built)
		return;
	cmos_boot(m, !p->booted && *p->boot_once ? p->boot_once : p->boot_order);
	p->booted = true;
}

/* From now on, "once" included. */
int pc_boot_set(struct machine *m, const char *order, struct err *e)
{
	struct pc *p = pc_of(m);

	for (const char *s = order; *s; s++)
		if (!boot_digit(*s))
			return err_set(e, EINVAL, "Invalid boot device for PC: '%c' is none of a (floppy), c (disk), d (CD-ROM), n (network)", *s);
	snprintf(p->boot_order, sizeof p->boot_order, "%s", order);
	*p->boot_once = '\0';
	cmos_boot(m, p->boot_order);
	return 0;
}
