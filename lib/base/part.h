/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every part of a machine does at the end of its start (emu-mon(7), "Environment of a part"): gives up the rights that the plan takes
 * from it, then says READY on the descriptor that its command line named.
 */
#ifndef BASE_PART_H
#define BASE_PART_H
#include <stdbool.h>
#include "base/err.h"

/*
 * When everything is open, before the system-call filter: changes the root to $EMU_CHROOT and the user to $EMU_RUNAS (UID:GID), for all
 * threads; nothing where they are not set. keep_root: leaves the root alone, for a process that has paths to reach. They are taken out of
 * the environment.
 */
int part_give_up_rights(bool keep_root, struct err *e);

/* A name that was made before that becomes the later user's: others of his must reach it. Nothing where nobody is to be changed to. */
int part_own_path(const char *path, struct err *e);

/* Writes READY to fd and closes it; negative: nothing. That nobody reads it is no error. */
void part_ready(int fd);
#endif
