/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --state: what has changed since the start, on the disk before it is acknowledged. */
#ifndef EMU_NBD_STATE_H
#define EMU_NBD_STATE_H
#include "daemon.h"

int state_open(struct daemon *d, struct err *e);          /* reads the file, where there is one */
bool state_has_graph(const struct daemon *d);             /* there was one: the command line's image is not opened */
int state_restore_graph(struct daemon *d, struct err *e); /* nodes, disks, limits, bitmaps, exports; d->own has its server */
int state_resume_jobs(struct daemon *d, struct err *e);   /* and the first commit */
void state_stop(struct daemon *d, bool orderly);          /* orderly: the file goes */

/* A file that outlives this process, for the bits of a bitmap; as it was left. -1: without --state, or none can be had. */
int state_bitmap(struct daemon *d, const char *name);
int state_bitmap_new(struct daemon *d, const char *name); /* the same, but empty */
void state_drop_bitmap(struct daemon *d, const char *name);
#endif
