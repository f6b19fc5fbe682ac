/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks that come and go while the machine runs, for a task's thread. */
#ifndef EMU_MON_DISKS_H
#define EMU_MON_DISKS_H
#include "mon.h"

/* kind: "drive", text as after -drive; "blockdev", JSON of a node that names no other. A new reference, or NULL with the sentence. */
json_t *disk_add(struct task *t, const char *kind, const char *text, struct err *e);
/* unused: only when no device of the guest has it. */
json_t *disk_del(struct task *t, const char *id, bool unused, struct err *e);

/* ---- servers (qmp-block.c) ---- */
/* To each until one knows the thing that the arguments name; part (128 bytes, may be NULL): which it was. */
json_t *to_disk(struct task *t, const char *command, const json_t *args, const int *fds, unsigned count, char *part, struct err *e);
/* Which server has the disk or node; "": none. */
void disk_owner(struct task *t, const char *device, char part[128]);
/* False: it has ended for good, and has removed its socket. */
bool disk_part_there(struct task *t, const char *name);
#endif
