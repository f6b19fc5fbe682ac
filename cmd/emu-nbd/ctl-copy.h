/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EMU_NBD_CTL_COPY_H
#define EMU_NBD_CTL_COPY_H
#include "daemon.h"

/* Creates an image file (or what a passed descriptor leads to) whose header names base (NULL: none). */
int make_image(struct daemon *d, const char *file, const char *format, uint64_t size, struct blk *base, struct err *e);
/* drive-backup (file) or blockdev-backup, without the commit of the state. */
int start_backup(struct daemon *d, struct ctl_call *call, const json_t *args, bool file, struct err *e);
extern const struct ctl_arg drive_backup_args[], blockdev_backup_args[];
#endif
