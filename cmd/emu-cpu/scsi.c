/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all SCSI units and adapters share; see scsi.h. */
#include "scsi.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot-order.h"
#include "drive.h"
#include "machine.h"
#include "pci.h"

enum { INQUIRY = 0x12, REQUEST_SENSE = 0x03, REPORT_LUNS = 0xa0, LUNS_MAX = 512 };
enum { ASC_LUN_NOT_SUPPORTED = 0x25, ASC_RESET = 0x29 };

/* ---- data ---- */

static uint64_t copy(const struct iovec *iov, unsigned count, void *data, uint64_t n, bool to_guest)
{
	uint64_t done = 0;
	for (unsigned i = 0; i < count && done < n; i++) {
		uint64_t k = n - done < iov[i].iov_len ? n - done : iov[i].iov_len;
		if (to_guest)
			memcpy(iov[i].iov_base, (uint8_t *)data + done, k);
		else
			memcpy((uint8_t *)data + done, iov[i].iov_base, k);
		done += k;
	}
	return done;
}

uint64_t scsi_take(struct scsi_request *r, void *data, uint64_t n)
{
	return r->moved = copy(r->out, r->outs, data, n < r->out_size ? n : r->out_size, false);
}

void scsi_answer(struct scsi_request *r, const void *data, uint64_t n, uint64_t allocation)
{
	if (n > allocation)
		n = allocation;
	r->moved = copy(r->in, r->ins, (void *)(uintptr_t)data, n < r->in_size ? n : r->in_size, true);
	scsi_end(r, SCSI_GOOD);
}

void scsi_sense(uint8_t sense[SCSI_SENSE], unsigned key, unsigned asc, unsigned ascq)
{
	memset(sense, 0, SCSI_SENSE);
	sense[0] = 0x70;
	sense[2] = (uint8_t)key;
	sense[7] = SCSI_SENSE - 8;
	sense[12] = (uint8_t)asc;
	sense[13] = (uint8_t)ascq;
}

/* ---- a request's end ---- */

void scsi_end(struct scsi_request *r, unsigned status)
{
	free(r->work);
	r->work = NULL;
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	r->status = (uint8_t)status;
	r->done(r);
}

void scsi_check(struct scsi_request *r, unsigned key, unsigned asc, unsigned ascq)
{
	scsi_sense(r->sense, key, asc, ascq);
	r->moved = 0;
	scsi_end(r, SCSI_CHECK_CONDITION);
}

void scsi_attention(struct scsi_unit *u, unsigned asc, unsigned ascq)
{
	u->attention_asc = (uint8_t)asc;
	u->attention_ascq = (uint8_t)ascq;
	if (u->bus->attention)
		u->bus->attention(u->bus, u, asc, ascq);
}

/* ---- commands that are the target's ---- */

static void report_luns(struct scsi_request *r)
{
	static const unsigned header = 8;
	uint8_t list[8 + 8 * LUNS_MAX] = {0};
	unsigned n = 0, select = r->cdb[2];
	uint32_t allocation = be32_get(r->cdb + 6);
	const struct scsi_unit *u = r->unit;
	if (allocation < 16 || select > 2) {
		scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
		return;
	}
	/* LUN 0 is always told, whether there is a unit or not (SPC-3, 6.21); there are no well-known ones. */
	bool zero = false;
	for (unsigned pass = 0; pass < 2 && select != 1; pass++) {
		for (const struct device *d = u->bus->bus.children; d; d = d->next) {
			const struct scsi_unit *o = (const struct scsi_unit *)d;
			if (!d->realized || o->channel != u->channel || o->id != u->id || n == LUNS_MAX || (o->lun == 0) != (pass == 0))
				continue;
			uint8_t *p = list + header + 8 * n++;
			if (o->lun < 256)
				p[1] = (uint8_t)o->lun;
			else
				be16_put(p, 0x4000 | o->lun);
			zero |= !o->lun;
		}
		if (!pass && !zero)
			n++;
	}
	be32_put(list, 8 * n);
	scsi_answer(r, list, header + 8 * n, allocation);
}

/* A logical unit that is not there, of a target that is. */
static void no_unit(struct scsi_request *r)
{
	uint8_t data[36] = {0x7f, 0, 5, 2, 31}; /* no peripheral device can be at this unit */
	switch (r->cdb[0]) {
	case INQUIRY:
		if (r->cdb[1] & 1 || r->cdb[2])
			scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
		else
			scsi_answer(r, data, sizeof data, be16_get(r->cdb + 3));
		break;
	case REPORT_LUNS: report_luns(r); break;
	case REQUEST_SENSE:
		scsi_sense(data, SENSE_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED, 0);
		scsi_answer(r, data, SCSI_SENSE, r->cdb[4]);
		break;
	default: scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED, 0);
	}
}

static const struct scsi_class *class_of(const struct scsi_unit *u)
{
	return u->dev.type->extra;
}

void scsi_submit(struct scsi_request *r, unsigned lun)
{
	struct scsi_unit *u = r->unit;
	r->status = SCSI_GOOD;
	r->moved = 0;
	r->overrun = false;
	r->work = NULL;
	r->error = 0;
	r->at = &u->first;
	r->next = u->first;
	if (r->next)
		r->next->at = &r->next;
	u->first = r;
	if (lun != u->lun) {
		no_unit(r);
	} else if (r->cdb[0] == REPORT_LUNS) {
		report_luns(r);
	} else if (u->attention_asc && r->cdb[0] != INQUIRY && r->cdb[0] != REQUEST_SENSE) {
		unsigned asc = u->attention_asc, ascq = u->attention_ascq;
		u->attention_asc = u->attention_ascq = 0;
		scsi_check(r, SENSE_UNIT_ATTENTION, asc, ascq);
	} else if (u->attention_asc && r->cdb[0] == REQUEST_SENSE) {
		uint8_t data[SCSI_SENSE];
		scsi_sense(data, SENSE_UNIT_ATTENTION, u->attention_asc, u->attention_ascq);
		u->attention_asc = u->attention_ascq = 0;
		scsi_answer(r, data, sizeof data, r->cdb[4]);
	} else {
		class_of(u)->command(r);
	}
}

void scsi_unit_drain(struct scsi_unit *u)
{
	if (u->first && u->drive)
		drive_drain(u->drive);
}

void scsi_unit_reset(struct scsi_unit *u)
{
	scsi_unit_drain(u);
	if (class_of(u)->reset)
		class_of(u)->reset(u);
	u->attention_asc = ASC_RESET;
	u->attention_ascq = 0;
}

/* ---- the bus ---- */

struct scsi_unit *scsi_find(struct scsi_bus *b, unsigned channel, unsigned id, unsigned lun, bool exact)
{
	struct scsi_unit *any = NULL;
	for (struct device *d = b->bus.children; d; d = d->next) {
		struct scsi_unit *u = (struct scsi_unit *)d;
		if (!d->realized || u->channel != channel || u->id != (int32_t)id)
			continue;
		if (u->lun == lun)
			return u;
		if (!any)
			any = u;
	}
	return exact ? NULL : any;
}

static bool taken(const struct scsi_bus *b, const struct device *but, unsigned channel, int id, unsigned lun)
{
	for (const struct device *d = b->bus.children; d; d = d->next) {
		const struct scsi_unit *u = (const struct scsi_unit *)d;
		if (d != but && d->realized && u->channel == channel && u->id == id && u->lun == lun)
			return true;
	}
	return false;
}

static int plug(struct bus *bus, struct device *d, struct err *e)
{
	struct scsi_bus *b = (struct scsi_bus *)bus;
	struct scsi_unit *u = (struct scsi_unit *)d;
	int id = u->id;
	if (u->channel > b->max_channel)
		return err_set(e, EINVAL, "%s: bad scsi channel id: %u", d->type->name, u->channel);
	if (id > (int)b->max_id)
		return err_set(e, EINVAL, "%s: bad scsi device id: %d", d->type->name, id);
	if (u->lun > b->max_lun)
		return err_set(e, EINVAL, "%s: bad scsi device lun: %u", d->type->name, u->lun);
	if (id < 0) {
		for (id = 0; id <= (int)b->max_id && taken(b, d, u->channel, id, u->lun); id++)
			;
		if (id > (int)b->max_id)
			return err_set(e, ENOSPC, "%s: no free target", d->type->name);
	} else if (taken(b, d, u->channel, id, u->lun)) {
		return err_set(e, EEXIST, "%s: lun already used by another device of target %d", d->type->name, id);
	}
	u->id = id;
	u->bus = b;
	return 0;
}

static void unplug(struct bus *bus, struct device *d)
{
	struct scsi_bus *b = (struct scsi_bus *)bus;
	bool was = d->realized;
	d->realized = false; /* adapters that look find it gone */
	if (was && b->changed && b->bus.machine->built)
		b->changed(b, (struct scsi_unit *)d, false);
}

static void place(const struct device *d, char *buf, size_t size)
{
	const struct scsi_unit *u = (const struct scsi_unit *)d;
	snprintf(buf, size, "%u:%d:%u", u->channel, u->id, u->lun);
}

void scsi_bus_init(struct scsi_bus *b, const char *name, struct device *owner)
{
	bus_init(&b->bus, "SCSI", name, owner, owner->machine);
	b->bus.plug = plug;
	b->bus.unplug = unplug;
	b->bus.place = place;
	b->bus.hotplug = true;
}

/* The name that firmware knows the unit by. */
int scsi_boot_order(struct scsi_unit *u, int32_t index, struct err *e)
{
	char suffix[64];
	struct device *owner = u->bus->bus.owner;
	if (index < 0 || strcmp(owner->type->bus, "PCI"))
		return 0;
	snprintf(suffix, sizeof suffix, "/channel@%x/disk@%x,%x", u->channel, (unsigned)u->id, u->lun);
	return boot_order_add_pci((struct pci_device *)owner, index, suffix, e);
}

void scsi_unit_plugged(struct scsi_unit *u)
{
	if (u->dev.machine->built && u->bus->changed)
		u->bus->changed(u->bus, u, true);
}

void scsi_unit_unrealize(struct device *d)
{
	struct scsi_unit *u = (struct scsi_unit *)d;
	scsi_unit_drain(u);
	drive_detach(u->drive);
}

void scsi_unit_saving(void *state)
{
	scsi_unit_drain(state);
}

const struct field scsi_unit_fields[] = {
	F_UINT(struct scsi_unit, attention_asc), F_UINT(struct scsi_unit, attention_ascq), F_END,
};
