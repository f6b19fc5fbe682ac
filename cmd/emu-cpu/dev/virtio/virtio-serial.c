// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio console device with its ports (virtio 1.1, 5.3): queues 0 and 1 are input and output of port 0, 2 and 3 those of control messages, then
 * two for each further port. What a port has to be told is a bit until the driver has a buffer for it; the message is made from what is true then.
 */
#include "virtio-serial.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "../../machine.h"

enum { F_SIZE, F_MULTIPORT, F_EMERG_WRITE };
enum { CONTROL_IN = 2, CONTROL_OUT = 3, QUEUE_SIZE = 128, CONTROL_QUEUE_SIZE = 32, CONTROL_BYTES = 8, NAME_MAX_ = 256 };

struct config {
	uint8_t cols[2], rows[2], max_ports[4], emerg_wr[4];
};

static struct vserial *vserial_of(struct virtio *v)
{
	return (struct vserial *)v->dev;
}

bool vserial_multiport(const struct vserial *s)
{
	return virtio_has(&s->proxy.virtio, F_MULTIPORT);
}

static unsigned input_of(unsigned nr)
{
	return nr ? 2 + 2 * nr : 0;
}

struct virtq *vserial_queue(const struct vserial_port *p, bool to_guest)
{
	if (p->nr && !vserial_multiport(p->owner))
		return NULL;
	return &p->owner->proxy.virtio.queue[input_of((unsigned)p->nr) + !to_guest];
}

static struct vserial_port *port_of_queue(struct vserial *s, unsigned n)
{
	return s->port[n < 2 ? 0 : n / 2 - 1];
}

/* ---- control messages ---- */

/* The value of an event about the port; false: there is nothing to be said any more. */
static bool value_of(const struct vserial_port *p, enum vserial_event what, uint16_t *value)
{
	*value = 1;
	switch (what) {
	case VSERIAL_PORT_REMOVE: return !p;
	case VSERIAL_CONSOLE_PORT: return p && p->console;
	case VSERIAL_PORT_OPEN:
		*value = p && p->host_open;
		return p;
	case VSERIAL_PORT_NAME: return p && p->name;
	default: return p;
	}
}

/* The order in which a driver expects to hear (5.3.6.2). */
static const uint8_t order[] = {VSERIAL_PORT_REMOVE, VSERIAL_PORT_ADD, VSERIAL_CONSOLE_PORT, VSERIAL_PORT_NAME, VSERIAL_PORT_OPEN};

static void control_flush(struct vserial *s)
{
	struct virtq *q = &s->proxy.virtio.queue[CONTROL_IN];
	bool told = false;
	for (unsigned nr = 0; nr < s->max_ports; nr++)
		for (unsigned i = 0; i < sizeof order && s->owed[nr]; i++) {
			uint8_t message[CONTROL_BYTES + NAME_MAX_];
			struct vserial_port *p = s->port[nr];
			size_t size = CONTROL_BYTES;
			uint16_t value;
			if (!(s->owed[nr] >> order[i] & 1))
				continue;
			if (!value_of(p, order[i], &value)) {
				s->owed[nr] &= (uint8_t)~(1u << order[i]);
				continue;
			}
			virtio_put32(message, nr);
			virtio_put16(message + 4, order[i]);
			virtio_put16(message + 6, value);
			if (order[i] == VSERIAL_PORT_NAME) {
				size_t n = strnlen(p->name, NAME_MAX_ - 1);
				memcpy(message + size, p->name, n);
				size += n;
				message[size++] = 0;
			}
			struct virtq_element *el = virtq_pop(q);
			if (!el) {
				if (told)
					virtq_notify(q);
				return;
			}
			s->owed[nr] &= (uint8_t)~(1u << order[i]);
			virtq_push(el, (uint32_t)virtq_write(el, 0, message, size));
			told = true;
		}
	if (told)
		virtq_notify(q);
}

void vserial_tell(struct vserial *s, unsigned nr, enum vserial_event what)
{
	if (!vserial_multiport(s) || !s->ready)
		return;
	s->owed[nr] |= (uint8_t)(1u << what);
	control_flush(s);
}

static void control_take(struct vserial *s, const uint8_t *message)
{
	struct virtio *v = &s->proxy.virtio;
	uint32_t nr = virtio_get32(message);
	uint16_t event = virtio_get16(message + 4), value = virtio_get16(message + 6);
	if (event == VSERIAL_DEVICE_READY) {
		if (!value) {
			guest_error(v->dev, "the driver says that it failed");
			return;
		}
		s->ready = true;
		for (unsigned n = 0; n < s->max_ports; n++)
			if (s->port[n])
				s->owed[n] |= 1u << VSERIAL_PORT_ADD;
		control_flush(s);
		return;
	}
	struct vserial_port *p = nr < s->max_ports ? s->port[nr] : NULL;
	if (!p) {
		guest_error(v->dev, "control message %u about port %u, which does not exist", event, nr);
		return;
	}
	switch (event) {
	case VSERIAL_PORT_READY:
		if (!value) {
			guest_error(v->dev, "the driver could not add port %u", nr);
			break;
		}
		s->owed[nr] |= (uint8_t)(1u << VSERIAL_CONSOLE_PORT | 1u << VSERIAL_PORT_NAME);
		if (p->host_open)
			s->owed[nr] |= 1u << VSERIAL_PORT_OPEN;
		control_flush(s);
		break;
	case VSERIAL_PORT_OPEN: vserial_port_guest(p, value); break;
	default: guest_error(v->dev, "control message %u, which no driver sends", event);
	}
}

static void control_out(struct vserial *s, struct virtq *q)
{
	struct virtq_element *el;
	while ((el = virtq_pop(q))) {
		uint8_t message[CONTROL_BYTES];
		bool whole = virtq_read(el, 0, message, sizeof message) == sizeof message;
		virtq_push(el, 0);
		if (whole)
			control_take(s, message);
		else
			guest_error(s->proxy.virtio.dev, "a control message of less than %u bytes", CONTROL_BYTES);
	}
	virtq_notify(q);
}

/* ---- virtio ---- */

static void kicked(struct virtio *v, struct virtq *q)
{
	struct vserial *s = vserial_of(v);
	struct vserial_port *p;
	if (q->index == CONTROL_IN) {
		control_flush(s);
	} else if (q->index == CONTROL_OUT) {
		control_out(s, q);
	} else if (!(p = port_of_queue(s, q->index))) {
		struct virtq_element *el; /* output of a port that is gone vanishes */
		while (q->index & 1 && (el = virtq_pop(q)))
			virtq_push(el, 0);
		virtq_notify(q);
	} else if (q->index & 1) {
		vserial_port_output(p);
	} else {
		vserial_port_room(p);
	}
}

static uint64_t features(struct virtio *v)
{
	struct vserial *s = vserial_of(v);
	return (s->max_ports > 1 ? 1ull << F_MULTIPORT : 0) | (s->emergency_write ? 1ull << F_EMERG_WRITE : 0);
}

static void config_get(struct virtio *v, uint8_t *out)
{
	virtio_put32(((struct config *)out)->max_ports, vserial_of(v)->max_ports);
}

/* One character without any queue, for a driver in distress (5.3.4). */
static void config_set(struct virtio *v, const uint8_t *in)
{
	struct vserial *s = vserial_of(v);
	uint8_t c = ((const struct config *)in)->emerg_wr[0];
	if (s->emergency_write && c)
		for (unsigned n = 0; n < s->max_ports; n++)
			if (s->port[n] && s->port[n]->console) {
				serial_write(s->port[n]->chr, &c, 1);
				return;
			}
}

static void reset_requests(struct virtio *v)
{
	struct vserial *s = vserial_of(v);
	s->ready = false;
	memset(s->owed, 0, sizeof s->owed);
	for (unsigned n = 0; n < s->max_ports; n++)
		if (s->port[n]) {
			vserial_port_return(s->port[n]);
			s->port[n]->out_at = 0;
			vserial_port_guest(s->port[n], false);
		}
}

static bool queue_usable(struct virtio *v, unsigned n)
{
	return n < 2 || vserial_of(v)->max_ports > 1;
}

static const struct virtio_kind kind = {
	.id = 3, .name = "virtio-serial", .config_size = sizeof(struct config), .features = features, .config_get = config_get,
	.config_set = config_set, .kicked = kicked, .reset = reset_requests, .queue_usable = queue_usable,
};

/* ---- the bus ---- */

static int plug(struct bus *b, struct device *d, struct err *e)
{
	struct vserial *s = (struct vserial *)b->owner;
	struct vserial_port *p = (struct vserial_port *)d;
	p->console = d->type->extra != NULL;
	/* Port 0 exists before there was more than a console: no driver takes it for anything else. */
	unsigned nr;
	if (p->nr < 0) {
		nr = p->console ? 0 : 1;
		while (nr < s->max_ports && s->port[nr])
			nr++;
		if (nr == s->max_ports)
			return err_set(e, ENOSPC, "virtio-serial-bus: Maximum port limit for this device reached (max_ports=%u)", s->max_ports);
		p->nr = (int32_t)nr;
	}
	if ((uint32_t)p->nr >= s->max_ports)
		return err_set(e, ERANGE, "virtio-serial-bus: Out-of-range port id specified, max. allowed: %u", s->max_ports - 1);
	if (!p->nr && !p->console)
		return err_set(e, EINVAL, "Port number 0 on virtio-serial devices reserved for virtconsole devices for backward compatibility");
	if (s->port[p->nr])
		return err_set(e, EEXIST, "virtio-serial-bus: A port already exists at id %d", p->nr);
	p->owner = s;
	s->port[p->nr] = p;
	return 0;
}

static void unplug(struct bus *b, struct device *d)
{
	struct vserial *s = (struct vserial *)b->owner;
	struct vserial_port *p = (struct vserial_port *)d;
	if (s->port[p->nr] != p)
		return;
	s->port[p->nr] = NULL;
	s->owed[p->nr] = 0;
	vserial_tell(s, (unsigned)p->nr, VSERIAL_PORT_REMOVE);
}

static void place(const struct device *d, char *buf, size_t size)
{
	snprintf(buf, size, "%d", ((const struct vserial_port *)d)->nr);
}

/* ---- life ---- */

/* After a load: what was in the middle goes on, once the machine runs. */
static void resume(void *opaque)
{
	struct vserial *s = opaque;
	for (unsigned n = 0; n < s->max_ports; n++)
		if (s->port[n]) {
			vserial_port_output(s->port[n]);
			vserial_port_room(s->port[n]);
		}
}

static int realize(struct pci_device *d, struct err *e)
{
	struct vserial *s = (struct vserial *)d;
	char name[32];
	if (!s->max_ports || s->max_ports > VSERIAL_PORTS)
		return err_set(e, EINVAL, "virtio-serial-pci: max_ports is 1 to %u", VSERIAL_PORTS);
	s->resume = timer_new(d->dev.machine, CLOCK_VIRT, resume, s);
	int r = s->resume ? virtio_pci_init(d, &kind, e) : err_set(e, ENOMEM, "virtio-serial-pci: out of memory");
	unsigned queues = s->max_ports > 1 ? 2 + 2 * s->max_ports : 2;
	for (unsigned n = 0; !r && n < queues; n++)
		virtio_add_queue(&s->proxy.virtio, n == CONTROL_IN || n == CONTROL_OUT ? CONTROL_QUEUE_SIZE : QUEUE_SIZE);
	if (!r)
		r = virtio_pci_finish(d, s->max_ports + 1 < 32 ? s->max_ports + 1 : 32, e);
	if (r) {
		virtio_pci_free(d);
		timer_free(s->resume);
		return r;
	}
	if (d->dev.id)
		snprintf(name, sizeof name, "%.28s.0", d->dev.id);
	else
		snprintf(name, sizeof name, "virtio-serial-bus.0");
	bus_init(&s->bus, "virtio-serial-bus", name, &d->dev, d->dev.machine);
	s->bus.plug = plug;
	s->bus.unplug = unplug;
	s->bus.place = place;
	s->bus.hotplug = true;
	return 0;
}

static void unrealize(struct pci_device *d)
{
	virtio_pci_free(d);
	timer_free(((struct vserial *)d)->resume);
}

static void saving(void *state)
{
	struct vserial *s = state;
	for (unsigned n = 0; n < s->max_ports; n++)
		if (s->port[n])
			vserial_port_return(s->port[n]);
}

static int loaded(void *state, struct err *e)
{
	struct vserial *s = state;
	timer_set(s->resume, 0); /* it is past: as soon as time goes on */
	return virtio_pci_loaded(state, e);
}

static const struct prop props[] = {
	VIRTIO_PCI_PROPS,
	{.name = "max_ports", P_(struct vserial, max_ports, PROP_U32), .def = 31, .help = "ports, the console's included: 1 to 32"},
	{.name = "emergency-write", P_(struct vserial, emergency_write, PROP_BOOL), .def = 1},
	{.name = NULL},
};

static const struct field fields[] = {
	F_STRUCT(struct vserial, proxy, virtio_pci_fields), F_BOOL(struct vserial, ready), F_UINTS(struct vserial, owed), F_END,
};
static const struct state_table state = {.name = "virtio-serial", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded, .saving = saving};

static const struct pci_class class = {
	.info = {.vendor = 0x1af4, .device = 0x1003, .class_code = 0x078000},
	.realize = realize,
	.unrealize = unrealize,
	.reset = virtio_pci_reset,
	.config_written = virtio_pci_config_written,
	.config_read = virtio_pci_config_read,
};

static const struct device_type virtio_serial_pci = {
	.name = "virtio-serial-pci", .alias = "virtio-serial", .bus = "PCI", .desc = "virtio serial ports and consoles", .category = "Input",
	.size = sizeof(struct vserial), .props = props, .state = &state, .user = true, .hotplug = true, .realize = pci_realize,
	.reset = pci_reset, .unrealize = pci_unrealize, .extra = &class,
};
DEVICE(virtio_serial_pci);
VIRTIO_CHILD(virtio_serial_device, "virtio-serial-device", "virtio serial ports and consoles", "Input", struct vserial, props, state, class);
