/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Viewers of a machine's screens (lib/proto/display.h). Main thread, under the machine lock. */
#ifndef EMU_CPU_DISPLAY_SERVER_H
#define EMU_CPU_DISPLAY_SERVER_H
#include "base/err.h"

struct machine;
struct display;

/* Listens there, mode 0600. Before the processors start. Whose name it is to remove: the caller's. */
int display_server_listen(struct machine *m, const char *path, struct err *e);
/* A viewer that is connected already; the fd (SOCK_SEQPACKET) is the server's in any case. */
int display_server_add(struct machine *m, int fd, struct err *e);

/* From display.c: what viewers have to hear of. */
void display_server_surface(struct display *d);
void display_server_dirty(struct display *d, unsigned x, unsigned y, unsigned width, unsigned height);
void display_server_cursor(struct display *d);
void display_server_gone(struct display *d);
#endif
