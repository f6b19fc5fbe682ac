/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks that come and go while the machine runs, for a task's thread. */
#ifndef EMU_MON_DISKS_H
#define EMU_MON_DISKS_H
#include "mon.h"

/* kind: "drive", text as after -drive; "blockdev", JSON of a node that names no other. A new reference, or NULL with the sentence. */
json_t *disk_add(struct task *t, const char *kind, const char *text, struct err *e);
/* unused: only when no device of the guest has it. */
json_t *disk_del(struct task *t, const char *id, bool unused, struct err *e);
#endif
