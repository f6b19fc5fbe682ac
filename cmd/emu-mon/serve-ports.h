/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports between back ends and devices that come while the machine runs. All functions belong to the loop's thread. */
#ifndef EMU_MON_SERVE_PORTS_H
#define EMU_MON_SERVE_PORTS_H
#include <jansson.h>
#include "char/char.h"
#include "char/relay.h"

struct ports;

struct ports_config {
	void (*keep)(void *opaque, const char *name, int fd); /* as chardevs_hooks' */
	void (*on_break)(void *opaque, const char *id);
	void *opaque;
};

struct ports *ports_new(struct loop *l, const struct ports_config *config); /* NULL: out of memory */
void ports_free(struct ports *ps); /* NULL is allowed; what is kept stays kept */
/* One that an earlier monitor had: the name that it is kept by (others are passed over), and its descriptor, which is the port's then. */
void ports_take(struct ports *ps, struct chardevs *chars, const char *kept, int fd);
/*
 * A stream for one more device at the back end. relay: those of the command line; streams: what emu-cpu has, [{"id","used"}]. {"stream": NAME}, and
 * in *fd emu-cpu's end (the caller's) or -1 where emu-cpu has a free one of that name; NULL with the sentence: the back end is in use.
 */
json_t *ports_open(struct ports *ps, struct chardev *c, struct relay *const *relay, unsigned relays, const json_t *streams, int *fd, struct err *e);
void ports_set_line(struct ports *ps, const char *id, const struct char_line *line);
bool ports_busy(const struct ports *ps);
#endif
