/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8042 keyboard controller with its PS/2 keyboard and mouse ports, and the reset and A20 register at port 92.
 *
 * IBM Personal System/2 Hardware Interface Technical Reference (1988, keyboard and auxiliary device controller); Intel UPI-41/42 data sheet;
 * port 92: Intel 82371SB PIIX3, 2.5.5. The keyboard and the mouse are ps2-keyboard.c and ps2-mouse.c.
 *
 * Wiring: ISA IRQ 1 (keyboard) and IRQ 12 (mouse). A20 and reset go to the machine.
 * A byte that the guest has read is followed by the next one of a device after 100 µs, as the serial lines need time: old software reads a byte twice.
 * An answer of the controller itself takes the output buffer at once; a device's byte that it displaces comes back after it.
 *
 *   60 R  output buffer                  60 W  parameter of a command, or byte for the keyboard
 *   64 R  status                         64 W  command
 *   92    bit 0 reset (a rise), bit 1 A20
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "../../machine.h"
#include "../../pc-chips.h"
#include "../../x86-parts.h"
#include "ps2.h"

enum { ST_OBF = 1, ST_SYS = 4, ST_COMMAND = 8, ST_UNLOCKED = 0x10, ST_AUX = 0x20 };
enum { CB_KBD_INT = 1, CB_AUX_INT = 2, CB_SYS = 4, CB_KBD_OFF = 0x10, CB_AUX_OFF = 0x20, CB_TRANSLATE = 0x40 };
enum { OUT_RESET = 1, OUT_A20 = 2, OUT_KBD_OBF = 0x10, OUT_AUX_OBF = 0x20 };
enum { CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_PASSWORD = 0xa4, CMD_AUX_OFF = 0xa7, CMD_AUX_ON = 0xa8, CMD_AUX_TEST = 0xa9,
       CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab, CMD_KBD_OFF = 0xad, CMD_KBD_ON = 0xae, CMD_READ_INPUT = 0xc0, CMD_READ_OUTPUT = 0xd0,
       CMD_WRITE_OUTPUT = 0xd1, CMD_WRITE_KBD_OBUF = 0xd2, CMD_WRITE_AUX_OBUF = 0xd3, CMD_WRITE_AUX = 0xd4, CMD_A20_OFF = 0xdd,
       CMD_A20_ON = 0xdf, CMD_READ_TEST = 0xe0, CMD_PULSE = 0xf0 };
#define GAP_NS 100000

enum source { FROM_NOBODY, FROM_CONTROLLER, FROM_KEYBOARD, FROM_MOUSE };

struct i8042 {
	struct device dev;
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
	uint8_t ram[32];    /* ram[0]: command byte */
	uint8_t output;     /* output buffer */
	uint8_t source;     /* enum source: of what is in it; FROM_NOBODY: it is empty */
	uint8_t held, held_source; /* a device's byte that an answer of the controller displaced */
	uint8_t command;    /* whose parameter is awaited; 0: none */
	bool last_command;  /* status bit 3 */
	bool sys;
	bool broken;        /* translation: an f0 has passed */
	bool aux_output;    /* status bit 5 stays after the byte was read */
	bool reset_bit;     /* port 92 bit 0 */
	uint64_t ready;     /* when a device's next byte may come */
	struct timer *timer;
	bool kbd_level, aux_level;
	struct region *ports[3];
};

static void i8042_update_irq(struct i8042 *s)
{
	bool kbd = (s->source == FROM_KEYBOARD || s->source == FROM_CONTROLLER) && (s->ram[0] & CB_KBD_INT);
	bool aux = s->source == FROM_MOUSE && (s->ram[0] & CB_AUX_INT);

	if (kbd != s->kbd_level) {
		s->kbd_level = kbd;
		irq_set(isa_irq(&s->dev, 1), kbd);
	}
	if (aux != s->aux_level) {
		s->aux_level = aux;
		irq_set(isa_irq(&s->dev, 12), aux);
	}
}

static void i8042_fill(struct i8042 *s, enum source from, uint8_t byte)
{
	s->output = byte;
	s->source = (uint8_t)from;
	s->aux_output = from == FROM_MOUSE;
	i8042_update_irq(s);
}

/* Takes the next byte of a device, when the buffer is empty and the device's clock is on. */
static void i8042_poll(struct i8042 *s)
{
	bool kbd, aux;
	uint64_t now;

	for (;;) {
		uint8_t byte;

		kbd = ps2_waiting(&s->keyboard.queue) && !(s->ram[0] & CB_KBD_OFF);
		aux = ps2_waiting(&s->mouse.queue) && !(s->ram[0] & CB_AUX_OFF);
		if (s->source != FROM_NOBODY || (!kbd && !aux))
			return;
		now = clock_ns(s->dev.machine, CLOCK_VIRT);
		if (now < s->ready) {
			timer_set(s->timer, s->ready);
			return;
		}
		if (!kbd) {
			byte = ps2_take(&s->mouse.queue);
			i8042_fill(s, FROM_MOUSE, byte);
			ps2_mouse_drained(&s->mouse);
			return;
		}
		byte = ps2_take(&s->keyboard.queue);
		if (s->ram[0] & CB_TRANSLATE) {
			if (byte == 0xf0) { /* becomes bit 7 of the byte that follows */
				s->broken = true;
				continue;
			}
			byte = ps2_translate(byte) | (s->broken ? 0x80 : 0);
			s->broken = false;
		}
		i8042_fill(s, FROM_KEYBOARD, byte);
		return;
	}
}

static void i8042_changed(void *opaque)
{
	i8042_poll(opaque);
}

static void i8042_answer(struct i8042 *s, uint8_t byte)
{
	if (s->source == FROM_KEYBOARD || s->source == FROM_MOUSE) {
		s->held = s->output;
		s->held_source = s->source;
		s->source = FROM_NOBODY;
		i8042_update_irq(s);
	}
	i8042_fill(s, FROM_CONTROLLER, byte);
}

static void i8042_write_output_port(struct i8042 *s, uint8_t value)
{
	machine_a20(s->dev.machine, value & OUT_A20);
	if (!(value & OUT_RESET))
		machine_request(s->dev.machine, REQUEST_RESET, "guest-reset");
}

static uint8_t i8042_output_port(const struct i8042 *s)
{
	return OUT_RESET | (machine_a20_get(s->dev.machine) ? OUT_A20 : 0) | (s->source == FROM_KEYBOARD ? OUT_KBD_OBF : 0) |
	       (s->source == FROM_MOUSE ? OUT_AUX_OBF : 0) | 0xc0;
}

static void i8042_reset(struct device *d)
{
	struct i8042 *s = (struct i8042 *)d;

	for (unsigned i = 0; i < sizeof s->ram; i++)
		s->ram[i] = 0;
	s->ram[0] = CB_KBD_INT | CB_AUX_INT | CB_AUX_OFF | CB_TRANSLATE;
	s->sys = s->broken = s->aux_output = s->last_command = s->reset_bit = false;
	s->command = s->output = s->held = 0;
	s->source = s->held_source = FROM_NOBODY;
	s->ready = 0;
	timer_stop(s->timer);
	ps2_keyboard_reset(&s->keyboard);
	ps2_mouse_reset(&s->mouse);
	/* The power-on self-test has long been over, and its result was read by the controller. */
	ps2_clear(&s->keyboard.queue);
	s->source = FROM_NOBODY;
	i8042_update_irq(s);
}

static uint64_t i8042_read_data(void *opaque, uint64_t offset, unsigned size)
{
	struct i8042 *s = opaque;
	uint8_t value = s->output;

	(void)offset, (void)size;
	if (s->source == FROM_NOBODY)
		return value; /* the buffer keeps its last byte */
	if (s->source != FROM_CONTROLLER)
		s->ready = clock_ns(s->dev.machine, CLOCK_VIRT) + GAP_NS;
	s->source = FROM_NOBODY;
	i8042_update_irq(s);
	if (s->held_source != FROM_NOBODY) {
		i8042_fill(s, s->held_source, s->held);
		s->held_source = FROM_NOBODY;
	} else {
		i8042_poll(s);
	}
	return value;
}

static void i8042_write_data(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct i8042 *s = opaque;
	uint8_t command = s->command, v = (uint8_t)value;

	(void)offset, (void)size;
	s->command = 0;
	s->last_command = false;
	switch (command) {
	case 0:
		s->ram[0] &= ~CB_KBD_OFF; /* a byte for the keyboard turns its clock on */
		ps2_keyboard_write(&s->keyboard, v);
		break;
	case CMD_WRITE_OUTPUT:
		i8042_write_output_port(s, v);
		return;
	case CMD_WRITE_KBD_OBUF: /* as if the keyboard had sent it */
		s->source = FROM_NOBODY;
		i8042_update_irq(s);
		i8042_fill(s, FROM_KEYBOARD, v);
		return;
	case CMD_WRITE_AUX_OBUF:
		s->source = FROM_NOBODY;
		i8042_update_irq(s);
		i8042_fill(s, FROM_MOUSE, v);
		return;
	case CMD_WRITE_AUX:
		s->ram[0] &= ~CB_AUX_OFF;
		ps2_mouse_write(&s->mouse, v);
		break;
	case CMD_PASSWORD + 1: /* "load password" ends with a zero; none is kept, since none can be asked for */
		if (v)
			s->command = command;
		return;
	default: /* CMD_WRITE_RAM + n */
		s->ram[command & 31] = v;
		if (command == CMD_WRITE_RAM)
			s->sys = v & CB_SYS;
		i8042_update_irq(s);
	}
	i8042_poll(s);
}

static uint64_t i8042_read_status(void *opaque, uint64_t offset, unsigned size)
{
	struct i8042 *s = opaque;

	(void)offset, (void)size;
	return (s->source != FROM_NOBODY ? ST_OBF : 0) | (s->sys ? ST_SYS : 0) | (s->last_command ? ST_COMMAND : 0) | ST_UNLOCKED |
	       (s->aux_output ? ST_AUX : 0);
}

static void i8042_command(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct i8042 *s = opaque;
	uint8_t v = (uint8_t)value;

	(void)offset, (void)size;
	s->last_command = true;
	s->command = 0;
	switch (v) {
	case CMD_READ_RAM ... CMD_READ_RAM + 31:
		i8042_answer(s, v == CMD_READ_RAM ? (s->ram[0] & ~CB_SYS) | (s->sys ? CB_SYS : 0) : s->ram[v & 31]);
		break;
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + 31:
	case CMD_PASSWORD + 1:
	case CMD_WRITE_OUTPUT: case CMD_WRITE_KBD_OBUF: case CMD_WRITE_AUX_OBUF: case CMD_WRITE_AUX:
		s->command = v;
		break;
	case CMD_PASSWORD:
		i8042_answer(s, 0xf1); /* no password is loaded */
		break;
	case CMD_PASSWORD + 2: /* enable password: there is none */
		break;
	case CMD_AUX_OFF:
		s->ram[0] |= CB_AUX_OFF;
		break;
	case CMD_AUX_ON:
		s->ram[0] &= ~CB_AUX_OFF;
		i8042_poll(s);
		break;
	case CMD_AUX_TEST:
	case CMD_KBD_TEST:
		i8042_answer(s, 0); /* clock and data lines are good */
		break;
	case CMD_SELF_TEST:
		s->sys = true;
		i8042_answer(s, 0x55);
		break;
	case CMD_KBD_OFF:
		s->ram[0] |= CB_KBD_OFF;
		break;
	case CMD_KBD_ON:
		s->ram[0] &= ~CB_KBD_OFF;
		i8042_poll(s);
		break;
	case CMD_READ_INPUT:
		i8042_answer(s, 0xa0); /* not locked; no manufacturing jumper */
		break;
	case CMD_READ_OUTPUT:
		i8042_answer(s, i8042_output_port(s));
		break;
	case CMD_A20_OFF:
	case CMD_A20_ON:
		machine_a20(s->dev.machine, v == CMD_A20_ON);
		break;
	case CMD_READ_TEST:
		i8042_answer(s, 0);
		break;
	case CMD_PULSE ... CMD_PULSE + 15: /* a zero bit pulls its output low for 6 µs; only reset is wired */
		if (!(v & OUT_RESET))
			machine_request(s->dev.machine, REQUEST_RESET, "guest-reset");
		break;
	default:
		guest_error(&s->dev, "unknown command %02x", v);
	}
}

static uint64_t port92_read(void *opaque, uint64_t offset, unsigned size)
{
	struct i8042 *s = opaque;

	(void)offset, (void)size;
	return (machine_a20_get(s->dev.machine) ? 2 : 0) | (s->reset_bit ? 1 : 0);
}

static void port92_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct i8042 *s = opaque;
	bool rose = (value & 1) && !s->reset_bit;

	(void)offset, (void)size;
	machine_a20(s->dev.machine, value & 2);
	s->reset_bit = value & 1;
	if (rose)
		machine_request(s->dev.machine, REQUEST_RESET, "guest-reset");
}

static void i8042_timer(void *opaque)
{
	i8042_poll(opaque);
}

void i8042_mouse_wake(struct device *d)
{
	ps2_mouse_wake(&((struct i8042 *)d)->mouse);
}

static const struct region_ops data_ops = {i8042_read_data, i8042_write_data, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops command_ops = {i8042_read_status, i8042_command, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops port92_ops = {port92_read, port92_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

static int i8042_realize(struct device *d, struct err *e)
{
	struct i8042 *s = (struct i8042 *)d;

	(void)e;
	s->timer = timer_new(d->machine, CLOCK_VIRT, i8042_timer, s);
	ps2_keyboard_init(&s->keyboard, d->machine, i8042_changed, s);
	ps2_mouse_init(&s->mouse, d->machine, i8042_changed, s);
	s->ports[0] = isa_ports(d, "i8042-data", 0x60, 1, &data_ops, s);
	s->ports[1] = isa_ports(d, "i8042-command", 0x64, 1, &command_ops, s);
	s->ports[2] = isa_ports(d, "port92", 0x92, 1, &port92_ops, s);
	return 0;
}

static void i8042_unrealize(struct device *d)
{
	struct i8042 *s = (struct i8042 *)d;

	for (int i = 0; i < 3; i++)
		isa_ports_free(s->ports[i]);
	ps2_keyboard_free(&s->keyboard);
	ps2_mouse_free(&s->mouse);
	timer_free(s->timer);
}

static int i8042_loaded(void *state, struct err *e)
{
	struct i8042 *s = state;

	if (s->source > FROM_MOUSE || s->held_source > FROM_MOUSE || s->held_source == FROM_CONTROLLER)
		return err_set(e, EINVAL, "i8042: output buffer from %u, %u: impossible", s->source, s->held_source);
	if (ps2_keyboard_loaded(&s->keyboard, e) < 0)
		return -EINVAL;
	return ps2_mouse_loaded(&s->mouse, e);
}

static const struct field i8042_fields[] = {
	F_STRUCT(struct i8042, keyboard, ps2_keyboard_fields), F_STRUCT(struct i8042, mouse, ps2_mouse_fields),
	F_BYTES(struct i8042, ram), F_UINT(struct i8042, output), F_UINT(struct i8042, source), F_UINT(struct i8042, held),
	F_UINT(struct i8042, held_source), F_UINT(struct i8042, command), F_BOOL(struct i8042, last_command), F_BOOL(struct i8042, sys),
	F_BOOL(struct i8042, broken), F_BOOL(struct i8042, aux_output), F_BOOL(struct i8042, reset_bit), F_UINT(struct i8042, ready),
	F_TIMER(struct i8042, timer), F_BOOL(struct i8042, kbd_level), F_BOOL(struct i8042, aux_level), F_END,
};
static const struct state_table i8042_state = {.name = "i8042", .version = 1, .oldest = 1, .fields = i8042_fields,
					       .loaded = i8042_loaded};

static const struct device_type i8042_type = {
	.name = "i8042", .bus = "ISA", .desc = "keyboard controller with PS/2 keyboard and mouse", .category = "Input",
	.size = sizeof(struct i8042), .state = &i8042_state,
	.realize = i8042_realize, .unrealize = i8042_unrealize, .reset = i8042_reset,
};
DEVICE(i8042_type);
