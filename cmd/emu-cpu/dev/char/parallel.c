/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallel port of a PC: the SPP registers, and the EPP registers in front of the same byte stream.
 *
 * IEEE 1284-1994; IBM PC/AT Technical Reference (parallel adapter); National Semiconductor PC87332 (EPP registers).
 * What is connected is a printer that takes bytes (STROBE, or an EPP write) and, through EPP, gives back what the stream sends.
 * Not modelled: ECP, PS/2 bidirectional data other than EPP, and negotiation.
 *
 * Properties: index (0..2), iobase (378, 278, 3bc), irq (7), chardev.
 *
 *   0  data     1  status (RO): 7 not busy, 6 not ACK, 5 paper out, 4 selected, 3 not error, 0 EPP time-out (write 1 clears)
 *   2  control: 5 direction, 4 IRQ enable, 3 SLCTIN, 2 not INIT, 1 AUTOFD, 0 STROBE      3  EPP address      4-7  EPP data
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "../../serial.h"

enum { ST_TIMEOUT = 1, ST_NERROR = 8, ST_SELECT = 0x10, ST_NACK = 0x40, ST_NBUSY = 0x80 };
enum { CT_STROBE = 1, CT_NINIT = 4, CT_SELECTIN = 8, CT_IRQ = 0x10, CT_DIRECTION = 0x20 };
#define PORTS 3
#define BUFFER 16

struct parallel {
	struct device dev;
	uint8_t data, control;
	bool timeout;
	uint8_t waiting[BUFFER]; /* what the stream has not taken: busy while there is something */
	uint8_t waiting_count;
	uint8_t input[BUFFER];   /* from the stream, for EPP reads */
	uint8_t input_head, input_count;
	struct serial *chardev;
	uint32_t index, iobase, irq;
	struct region *ports;
};
static const struct device_type parallel_type;

static void parallel_ack(struct parallel *s)
{
	if (s->control & CT_IRQ) { /* the rise of ACK; the line then rests high, as the connector's ACK does */
		irq_lower(isa_irq(&s->dev, s->irq));
		irq_raise(isa_irq(&s->dev, s->irq));
	}
}

static void parallel_flush(struct parallel *s)
{
	size_t n = s->chardev && s->waiting_count ? serial_write(s->chardev, s->waiting, s->waiting_count) : s->waiting_count;

	if (n > s->waiting_count)
		n = s->waiting_count;
	for (unsigned i = 0; i + n < s->waiting_count; i++)
		s->waiting[i] = s->waiting[i + n];
	s->waiting_count -= n;
}

static bool parallel_put(struct parallel *s, uint8_t byte)
{
	if (s->waiting_count == BUFFER)
		return false; /* the printer is busy */
	s->waiting[s->waiting_count++] = byte;
	parallel_flush(s);
	return true;
}

static uint8_t parallel_epp_read(struct parallel *s)
{
	uint8_t v;

	if (!s->input_count) {
		s->timeout = true;
		return 0xff;
	}
	v = s->input[s->input_head];
	s->input_head = (s->input_head + 1) % BUFFER;
	s->input_count--;
	if (s->chardev)
		serial_accept(s->chardev);
	return v;
}

static uint64_t parallel_read(void *opaque, uint64_t offset, unsigned size)
{
	struct parallel *s = opaque;

	(void)size;
	switch (offset) {
	case 0:
		return s->control & CT_DIRECTION ? 0xff : s->data; /* nobody drives the lines */
	case 1:
		return ST_NERROR | ST_SELECT | ST_NACK | (s->waiting_count < BUFFER ? ST_NBUSY : 0) | (s->timeout ? ST_TIMEOUT : 0);
	case 2:
		return s->control | 0xc0;
	default:
		return parallel_epp_read(s);
	}
}

static void parallel_write_control(struct parallel *s, uint8_t value)
{
	uint8_t old = s->control;

	s->control = value & 0x3f;
	if (!(value & CT_IRQ))
		irq_lower(isa_irq(&s->dev, s->irq));
	/* The printer takes the byte at the end of the strobe, which is when the register bit goes back to 0. */
	if ((old & CT_STROBE) && !(value & CT_STROBE) && (value & CT_NINIT) && parallel_put(s, s->data))
		parallel_ack(s);
}

static void parallel_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct parallel *s = opaque;

	(void)size;
	switch (offset) {
	case 0:
		s->data = (uint8_t)value;
		break;
	case 1:
		if (value & ST_TIMEOUT)
			s->timeout = false;
		break;
	case 2:
		parallel_write_control(s, (uint8_t)value);
		break;
	default:
		if ((s->control & CT_DIRECTION) || !parallel_put(s, (uint8_t)value))
			s->timeout = true;
	}
}

static size_t parallel_can_receive(void *opaque)
{
	return BUFFER - ((struct parallel *)opaque)->input_count;
}

static void parallel_receive(void *opaque, const uint8_t *data, size_t n)
{
	struct parallel *s = opaque;

	for (size_t i = 0; i < n && s->input_count < BUFFER; i++)
		s->input[(s->input_head + s->input_count++) % BUFFER] = data[i];
}

static void parallel_writable(void *opaque)
{
	parallel_flush(opaque);
}

static const struct serial_ops parallel_serial_ops = {
	.can_receive = parallel_can_receive, .receive = parallel_receive, .writable = parallel_writable,
};
static const struct region_ops parallel_ops = {parallel_read, parallel_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

static void parallel_reset(struct device *d)
{
	struct parallel *s = (struct parallel *)d;

	s->data = 0xff;
	s->control = CT_NINIT | CT_SELECTIN;
	s->timeout = false;
	s->waiting_count = s->input_count = s->input_head = 0;
	irq_lower(isa_irq(d, s->irq));
}

static bool index_taken(struct device *d, uint32_t index)
{
	for (struct device *o = d->parent->children; o; o = o->next)
		if (o != d && o->type == &parallel_type && o->realized && ((struct parallel *)o)->index == index)
			return true;
	return false;
}

static int parallel_realize(struct device *d, struct err *e)
{
	static const uint16_t bases[PORTS] = {0x378, 0x278, 0x3bc};
	struct parallel *s = (struct parallel *)d;

	if (s->index == UINT32_MAX)
		for (s->index = 0; s->index < PORTS && index_taken(d, s->index);)
			s->index++;
	if (s->index >= PORTS)
		return err_set(e, EINVAL, "isa-parallel: a machine has at most %d", PORTS);
	if (s->iobase == UINT32_MAX)
		s->iobase = bases[s->index];
	if (s->iobase > 0xfff8 || s->irq > 15)
		return err_set(e, EINVAL, "isa-parallel: iobase 0x%x, irq %u: ports go to 0xfff8, lines to 15", s->iobase, s->irq);
	if (s->chardev)
		serial_attach(s->chardev, &parallel_serial_ops, s);
	/* at 3bc there is room for the SPP registers only: 3c0 is the VGA's */
	s->ports = isa_ports(d, "parallel", (uint16_t)s->iobase, s->iobase & 4 ? 3 : 8, &parallel_ops, s);
	return 0;
}

static void parallel_unrealize(struct device *d)
{
	struct parallel *s = (struct parallel *)d;

	isa_ports_free(s->ports);
	if (s->chardev)
		serial_attach(s->chardev, NULL, NULL);
}

static int parallel_loaded(void *state, struct err *e)
{
	struct parallel *s = state;

	if (s->waiting_count > BUFFER || s->input_count > BUFFER || s->input_head >= BUFFER)
		return err_set(e, EINVAL, "parallel port: its buffers are longer than %d bytes", BUFFER);
	return 0;
}

static const struct prop parallel_props[] = {
	{.name = "chardev", P_(struct parallel, chardev, PROP_CHARDEV), .help = "byte stream that is connected"},
	{.name = "index", P_(struct parallel, index, PROP_U32), .def = UINT32_MAX, .help = "LPT port, from 0"},
	{.name = "iobase", P_(struct parallel, iobase, PROP_U32), .def = UINT32_MAX, .help = "first port"},
	{.name = "irq", P_(struct parallel, irq, PROP_U32), .def = 7, .help = "interrupt line"},
	{.name = NULL},
};
static const struct field parallel_fields[] = {
	F_UINT(struct parallel, data), F_UINT(struct parallel, control), F_BOOL(struct parallel, timeout), F_BYTES(struct parallel, waiting),
	F_UINT(struct parallel, waiting_count), F_BYTES(struct parallel, input), F_UINT(struct parallel, input_head),
	F_UINT(struct parallel, input_count), F_END,
};
static const struct state_table parallel_state = {.name = "parallel", .version = 1, .oldest = 1, .fields = parallel_fields,
						  .loaded = parallel_loaded};

static const struct device_type parallel_type = {
	.name = "isa-parallel", .bus = "ISA", .desc = "parallel port", .category = "Input", .size = sizeof(struct parallel),
	.props = parallel_props, .state = &parallel_state, .user = true,
	.realize = parallel_realize, .unrealize = parallel_unrealize, .reset = parallel_reset,
};
DEVICE(parallel_type);
