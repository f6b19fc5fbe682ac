// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ports of the virtio console device (virtio 1.1, 5.3): virtconsole, which the guest takes for a terminal, and virtserialport, a byte stream with a
 * name. Output that the stream does not take waits in its buffer; input is taken from the stream only while the guest has the port open and a
 * buffer for it, so neither is ever lost or piled up.
 */
#include <errno.h>
#include <string.h>
#include "../../machine.h"
#include "virtio-serial.h"

/* ---- output ---- */

void vserial_port_output(struct vserial_port *p)
{
	struct virtq *q = vserial_queue(p, false);
	bool done = false;
	while (q && (p->out || (p->out = virtq_pop(q)))) {
		uint8_t data[4096];
		size_t n = virtq_read(p->out, p->out_at, data, sizeof data), taken = n ? serial_write(p->chr, data, n) : 0;
		p->out_at += (uint32_t)taken;
		if (taken < n)
			break; /* writable() goes on */
		if (p->out_at < p->out->out_size && n)
			continue;
		virtq_push(p->out, 0);
		p->out = NULL;
		p->out_at = 0;
		done = true;
	}
	if (done)
		virtq_notify(q);
}

static void writable(void *opaque)
{
	vserial_port_output(opaque);
}

/* ---- input ---- */

static size_t can_receive(void *opaque)
{
	struct vserial_port *p = opaque;
	struct virtq *q = vserial_queue(p, true);
	if (!q || !(p->guest_open || (p->console && !vserial_multiport(p->owner))))
		return 0;
	while (!p->in) {
		p->in = virtq_pop(q);
		if (!p->in)
			return 0;
		if (!p->in->in_size) { /* nothing fits in */
			virtq_push(p->in, 0);
			p->in = NULL;
		}
	}
	return p->in->in_size > 65536 ? 65536 : (size_t)p->in->in_size;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	struct vserial_port *p = opaque;
	if (!p->in && !can_receive(p))
		return;
	struct virtq_element *el = p->in;
	struct virtq *q = el->q;
	p->in = NULL;
	virtq_push(el, (uint32_t)virtq_write(el, 0, data, n));
	virtq_notify(q);
}

void vserial_port_room(struct vserial_port *p)
{
	serial_accept(p->chr);
}

/* ---- open and closed ---- */

void vserial_port_guest(struct vserial_port *p, bool open)
{
	if (p->guest_open == open)
		return;
	p->guest_open = open;
	if (p->dev.id && !p->console)
		machine_event(p->dev.machine, "VSERPORT_CHANGE", json_pack("{s:s, s:b}", "id", p->dev.id, "open", (int)open));
	if (open)
		serial_accept(p->chr);
}

static void event(void *opaque, int what)
{
	struct vserial_port *p = opaque;
	bool open = what != SERIAL_CLOSED;
	if (p->console || what == SERIAL_BREAK || open == p->host_open)
		return; /* a console is there whether somebody looks or not */
	p->host_open = open;
	vserial_tell(p->owner, (unsigned)p->nr, VSERIAL_PORT_OPEN);
}

static const struct serial_ops serial_ops = {.can_receive = can_receive, .receive = receive, .writable = writable, .event = event};

void vserial_port_return(struct vserial_port *p)
{
	if (p->in)
		virtq_unpop(p->in);
	if (p->out)
		virtq_unpop(p->out);
	p->in = p->out = NULL;
}

/* ---- life ---- */

static int realize(struct device *d, struct err *e)
{
	struct vserial_port *p = (struct vserial_port *)d;
	(void)e;
	p->host_open = p->console;
	serial_attach(p->chr, &serial_ops, p);
	vserial_tell(p->owner, (unsigned)p->nr, VSERIAL_PORT_ADD);
	return 0;
}

static void unrealize(struct device *d)
{
	struct vserial_port *p = (struct vserial_port *)d;
	serial_attach(p->chr, NULL, NULL);
	vserial_port_return(p);
}

static void port_saving(void *state)
{
	vserial_port_return(state);
}

static int port_loaded(void *state, struct err *e)
{
	struct vserial_port *p = state;
	(void)e;
	p->in = p->out = NULL; /* they are in their rings; the owner goes on with them when the machine runs */
	return 0;
}

static const struct field port_fields[] = {F_BOOL(struct vserial_port, guest_open), F_UINT(struct vserial_port, out_at), F_END};
static const struct state_table port_state = {.name = "virtio-serial-port", .version = 1, .oldest = 1, .fields = port_fields, .loaded = port_loaded,
					      .saving = port_saving};

static const struct prop props[] = {
	{.name = "nr", P_(struct vserial_port, nr, PROP_I32), .def = -1, .help = "number of the port"},
	{.name = "chardev", P_(struct vserial_port, chr, PROP_CHARDEV), .help = "id of the byte stream"},
	{.name = "name", P_(struct vserial_port, name, PROP_STRING), .help = "what the guest knows it by: /dev/virtio-ports/NAME"},
	{.name = NULL},
};

static const struct device_type virtconsole = {
	.name = "virtconsole", .bus = "virtio-serial-bus", .desc = "virtio console", .category = "Input", .size = sizeof(struct vserial_port),
	.props = props, .state = &port_state, .user = true, .hotplug = true, .realize = realize, .unrealize = unrealize,
	.extra = "console",
};
DEVICE(virtconsole);

static const struct device_type virtserialport = {
	.name = "virtserialport", .bus = "virtio-serial-bus", .desc = "virtio serial port", .category = "Input",
	.size = sizeof(struct vserial_port), .props = props, .state = &port_state, .user = true, .hotplug = true, .realize = realize,
	.unrealize = unrealize,
};
DEVICE(virtserialport);
