/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process of two hundred lines that writes the state file, since the server itself may open nothing. It knows one file name and those
 * that begin with it, and ends with the server.
 */
#ifndef EMU_NBD_KEEPER_H
#define EMU_NBD_KEEPER_H
#include <stddef.h>
#include "base/err.h"

struct keeper;

struct keeper *keeper_start(const char *path, struct err *e); /* forks; no thread may run yet */
void keeper_stop(struct keeper *k);                           /* NULL is allowed */
/* The whole text, written beside, on the disk, and renamed, before it returns. */
int keeper_write(struct keeper *k, const char *text, size_t size, struct err *e);
int keeper_bits(struct keeper *k, unsigned number); /* opens or makes the file PATH.bits.NUMBER: fd or -errno */
int keeper_drop(struct keeper *k, unsigned number); /* removes it */
int keeper_remove(struct keeper *k);                /* removes the state file */
#endif
