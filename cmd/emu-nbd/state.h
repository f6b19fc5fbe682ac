/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --state: what has changed since the start, on the disk before it is acknowledged. */
#ifndef EMU_NBD_STATE_H
#define EMU_NBD_STATE_H
#include "daemon.h"

/* A file that outlives this process, for the bits of a bitmap; as it was left. -1: without --state, or none can be had. */
int state_bitmap(struct daemon *d, const char *name);
int state_bitmap_new(struct daemon *d, const char *name); /* the same, but empty */
void state_drop_bitmap(struct daemon *d, const char *name);
#endif
