/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A drive in memory in place of drive.c's (linked with muldefs): requests wait until the test lets them go, and fail when it says so. */
#ifndef TESTS_DEV_DRIVE_H
#define TESTS_DEV_DRIVE_H
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../cmd/emu-cpu/drive.h"
#include "../../cmd/emu-cpu/plugs.h"

struct drive {
	struct drive_info info;
	uint8_t *data;
	struct drive_req *first;
	const struct drive_events *events;
	void *opaque;
	int fail;          /* errno of the requests to come */
	unsigned requests, flushes;
	bool attached, tray, locked;
};

void drive_info(const struct drive *d, struct drive_info *i) { *i = d->info; }
int drive_attach(struct drive *d, struct device *by, struct err *e)
{
	(void)by;
	if (d->attached)
		return err_set(e, EBUSY, "the drive has a device");
	d->attached = true;
	return 0;
}
void drive_detach(struct drive *d) { d->attached = false; }
void drive_release(struct drive *d) { (void)d; }
void drive_on_events(struct drive *d, const struct drive_events *ev, void *opaque) { d->events = ev; d->opaque = opaque; }
void drive_tray(struct drive *d, bool open) { d->tray = open; }
void drive_lock(struct drive *d, bool locked) { d->locked = locked; }
const char *drive_id(const struct drive *d) { (void)d; return "test"; }
void drive_submit(struct drive *d, struct drive_req *r)
{
	struct drive_req **p = &d->first;

	while (*p)
		p = &(*p)->next;
	*p = r;
	r->next = NULL;
	d->requests++;
}
int drive_pread(struct drive *d, uint64_t offset, void *buf, uint64_t size)
{
	if (d->fail || offset + size > d->info.size)
		return -EIO;
	memcpy(buf, d->data + offset, size);
	return 0;
}

static void drive_one(struct drive *d)
{
	struct drive_req *r = d->first;
	int error = d->fail ? -d->fail : r->offset + r->size > d->info.size ? -EIO : 0;
	uint64_t at = r->offset;

	d->first = r->next;
	for (unsigned i = 0; !error && i < r->iovs; at += r->iov[i++].iov_len)
		if (r->op == DRIVE_READ)
			memcpy(r->iov[i].iov_base, d->data + at, r->iov[i].iov_len);
		else if (r->op == DRIVE_WRITE)
			memcpy(d->data + at, r->iov[i].iov_base, r->iov[i].iov_len);
	if (!error && (r->op == DRIVE_ZERO || r->op == DRIVE_DISCARD))
		memset(d->data + r->offset, 0, r->size);
	if (r->op == DRIVE_FLUSH)
		d->flushes++;
	r->done(r->opaque, error);
}

void drive_drain(struct drive *d)
{
	while (d->first)
		drive_one(d);
}
int drive_pwrite(struct drive *d, uint64_t offset, const void *buf, uint64_t size)
{
	if (d->fail || offset + size > d->info.size)
		return -EIO;
	memcpy(d->data + offset, buf, size);
	return 0;
}

__attribute__((unused)) static void drive_run(struct drive *d)
{
	while (d->first)
		drive_one(d);
}

/* A medium whose sector n begins with n, little-endian, and is filled with its low byte. NULL data: taken out. */
__attribute__((unused)) static void drive_insert(struct drive *d, uint64_t size)
{
	free(d->data);
	d->data = size ? malloc(size) : NULL;
	d->info.size = size;
	d->info.present = size != 0;
	for (uint64_t n = 0; n * 512 < size; n++) {
		memset(d->data + n * 512, (int)(n & 0xff), 512);
		memcpy(d->data + n * 512, &n, 4);
	}
	if (d->events && d->events->changed)
		d->events->changed(d->opaque, size != 0);
}
#endif
