/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the virtio serial device (virtio-serial.c) and its ports (virtio-serial-port.c). */
#ifndef EMU_CPU_VIRTIO_SERIAL_H
#define EMU_CPU_VIRTIO_SERIAL_H
#include "../../serial.h"
#include "../../virtio.h"

#define VSERIAL_PORTS 32 /* of one device, at most */

enum vserial_event { VSERIAL_DEVICE_READY, VSERIAL_PORT_ADD, VSERIAL_PORT_REMOVE, VSERIAL_PORT_READY, VSERIAL_CONSOLE_PORT, VSERIAL_RESIZE,
		     VSERIAL_PORT_OPEN, VSERIAL_PORT_NAME };

struct vserial;

struct vserial_port {
	struct device dev; /* first */
	struct vserial *owner;
	struct serial *chr;
	char *name;
	int32_t nr;        /* property: number, -1: the next free one */
	bool console;
	bool guest_open, host_open;
	struct virtq_element *out; /* of which out_at bytes are with the stream */
	uint32_t out_at;
	struct virtq_element *in;  /* taken, for what comes next */
};

struct vserial {
	struct virtio_pci proxy; /* first */
	struct bus bus;          /* "virtio-serial-bus" */
	uint32_t max_ports;
	bool emergency_write;
	bool ready;              /* the driver has said so */
	struct timer *resume;
	struct vserial_port *port[VSERIAL_PORTS];
	uint8_t owed[VSERIAL_PORTS]; /* control messages that wait for a buffer: bits of enum vserial_event */
};

/* ---- virtio-serial.c ---- */
struct virtq *vserial_queue(const struct vserial_port *p, bool to_guest); /* NULL: the driver does not have it */
bool vserial_multiport(const struct vserial *s);
void vserial_tell(struct vserial *s, unsigned nr, enum vserial_event what);

/* ---- virtio-serial-port.c ---- */
void vserial_port_output(struct vserial_port *p);   /* the driver has made output available */
void vserial_port_room(struct vserial_port *p);     /* … buffers for input */
void vserial_port_guest(struct vserial_port *p, bool open);
/* Elements go back into their rings: before a reset (they are gone then) and before the state is written. */
void vserial_port_return(struct vserial_port *p);
#endif
