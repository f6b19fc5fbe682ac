/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks. emu-cpu knows no image format: a drive is an export that an NBD server offers on a UNIX socket (`id=hd0,nbd=unix:PATH`),
 * or what a vhost-user-blk server has (`vhost=unix:PATH`). Requests are asynchronous: they run on the drive's threads, the completion is called in the main loop
 * under the machine lock.
 */
#ifndef EMU_CPU_DRIVE_H
#define EMU_CPU_DRIVE_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "base/err.h"
#include "device.h"

struct drive;
struct machine;

enum drive_if { DRIVE_NONE, DRIVE_IDE, DRIVE_SCSI, DRIVE_FLOPPY, DRIVE_PFLASH, DRIVE_VIRTIO, DRIVE_SD, DRIVE_MTD, DRIVE_IFS };
enum drive_translation { DRIVE_TRANS_AUTO, DRIVE_TRANS_NONE, DRIVE_TRANS_LBA, DRIVE_TRANS_LARGE, DRIVE_TRANS_RECHS };
enum drive_action { DRIVE_REPORT, DRIVE_IGNORE, DRIVE_STOP, DRIVE_ENOSPC }; /* werror, rerror */

struct drive_info {
	uint64_t size;      /* bytes; 0: no medium */
	bool present, readonly, removable, cdrom, locked, tray_open;
	bool discard, zeroes; /* the server takes them */
	char serial[40];
	enum drive_if interface;
	unsigned bus, unit;
	uint32_t cylinders, heads, sectors, translation; /* geometry forced by the user, 0: guess; enum drive_translation */
};
void drive_info(const struct drive *d, struct drive_info *i);
struct drive *drive_find(struct machine *m, const char *id);
struct drive *drive_at(struct machine *m, enum drive_if interface, unsigned bus, unsigned unit); /* NULL: none */
const char *drive_id(const struct drive *d);
const char *drive_user(const struct drive *d); /* the id or type of the device that it serves; NULL: none */
/* A drive serves one device; -EBUSY with a sentence that names the other. */
int drive_attach(struct drive *d, struct device *by, struct err *e);
void drive_detach(struct drive *d);

enum drive_op { DRIVE_READ, DRIVE_WRITE, DRIVE_FLUSH, DRIVE_DISCARD, DRIVE_ZERO };
/* Owned by the caller (usually inside its own request); not touched again after done() was called. */
struct drive_req {
	enum drive_op op;
	uint64_t offset, size;    /* bytes; size is the sum of iov for READ and WRITE */
	const struct iovec *iov;  /* host memory, from space_map() or the device's own; stays until done */
	unsigned iovs;
	bool fua, unmap;          /* WRITE, ZERO; ZERO may deallocate */
	void (*done)(void *opaque, int error); /* 0 or -errno, after the werror/rerror policy: see below */
	void *opaque;
	/* the drive's own */
	struct drive_req *next;
	struct drive *drive;
	int error;
	bool cancelled, waiting;  /* waiting: somebody blocks on it */
};
/*
 * Never blocks, never calls done() before it returns. With an action of `stop`, a failed request is kept, the machine stops, and it
 * is sent again at cont; with `ignore` it succeeds; with `report` done() gets the error.
 */
void drive_submit(struct drive *d, struct drive_req *r);
/* Waits until nothing is in flight (done() calls included); for resets and saved state. */
void drive_drain(struct drive *d);
/* For firmware-like uses on the main thread: blocks. 0 or -errno. */
int drive_pread(struct drive *d, uint64_t offset, void *buf, uint64_t size);
int drive_pwrite(struct drive *d, uint64_t offset, const void *buf, uint64_t size);

/* The device hears of media changes, tray requests and resizes. All under the machine lock. */
struct drive_events {
	void (*changed)(void *opaque, bool present);
	void (*eject_request)(void *opaque, bool force);
	void (*resized)(void *opaque);
};
void drive_on_events(struct drive *d, const struct drive_events *ev, void *opaque);
void drive_lock(struct drive *d, bool locked);    /* PREVENT ALLOW MEDIUM REMOVAL */
void drive_tray(struct drive *d, bool open);      /* the guest moved the tray */
#endif
