/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A byte stream that the machine's user sees: in emu-cpu nothing more than an fd (DESIGN.md, "serial"). */
#ifndef EMU_CPU_SERIAL_H
#define EMU_CPU_SERIAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct machine;
struct serial;
struct serial_ops {
	size_t (*can_receive)(void *opaque);                       /* how many bytes fit now; 0: wait for serial_accept() */
	void (*receive)(void *opaque, const uint8_t *data, size_t n); /* n <= can_receive() */
	void (*writable)(void *opaque);                            /* after a short serial_write() */
	void (*event)(void *opaque, int event);                    /* SERIAL_ */
};
enum { SERIAL_OPENED, SERIAL_CLOSED, SERIAL_BREAK };

struct serial_line {
	uint32_t baud;
	uint8_t data_bits, stop_bits;
	char parity; /* 'N', 'E', 'O' */
};

/* All under the machine lock; callbacks too. NULL for s: nobody is connected; writes vanish. */
void serial_attach(struct serial *s, const struct serial_ops *ops, void *opaque); /* ops NULL: detach */
/* Takes what the fd takes now, 0..n. */
size_t serial_write(struct serial *s, const uint8_t *data, size_t n);
void serial_accept(struct serial *s); /* there is room again */
/* How the guest set the line: an event, for a back end that is a port of the host's. */
void serial_set_line(struct serial *s, const struct serial_line *l);
struct serial *serial_find(struct machine *m, const char *id);
const char *serial_id(const struct serial *s);
bool serial_used(const struct serial *s); /* by a device */
/* The machine's n-th -serial, -parallel and so on: class "serial", "parallel", "virtcon", "debugcon"; NULL: none. */
struct serial *serial_at(struct machine *m, const char *class_name, unsigned n);
#endif
