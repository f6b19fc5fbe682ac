/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's absolute pointer: packets of four words behind the backdoor port (vmport), announced by a packet of the PS/2 mouse.
 *
 * The protocol is that of the Linux driver (drivers/input/mouse/vmmouse.c) and of xf86-input-vmmouse.
 * Wiring: it looks for "vmport" and "i8042" on its own ISA bus; the board makes both first.
 *
 *   27 data: EBX words (at most 4) to EAX, EBX, ECX, EDX   28 status: words that wait, ffff0000 while it is off
 *   29 command: EBX "READ" on, f5 off, "RREL" relative, "RABS" absolute   56 restrict: accepted
 *   a packet: buttons (20 left, 10 right, 08 middle) and 10000 when it is relative; x; y (0..ffff); wheel
 */
#include <errno.h>
#include <linux/input-event-codes.h>
#include <string.h>

#include "../../display.h"
#include "../../isa-bus.h"
#include "../../pc-chips.h"

enum { DATA = 0x27, STATUS, COMMAND, RESTRICT = 0x56 };
enum { ENABLE = 0x45414552, DISABLE = 0xf5, RELATIVE = 0x4c455252, ABSOLUTE = 0x53424152 };
#define VERSION_ID 0x3442554au
#define STATUS_ERROR 0xffff0000u
#define RELATIVE_PACKET 0x10000u
enum { LEFT = 0x20, RIGHT = 0x10, MIDDLE = 8 };
enum { EAX, EBX, ECX, EDX };
#define WORDS 1024

struct vmmouse {
	struct device dev;
	struct device *i8042;
	struct device *vmport;
	struct input *input;     /* attached while it is on and absolute */
	uint32_t word[WORDS];
	uint32_t head, count;
	bool enabled, absolute;
	uint32_t buttons, x, y;
	int32_t wheel;
	bool moved;
};

static void put(struct vmmouse *s, uint32_t v)
{
	if (s->count < WORDS)
		s->word[(s->head + s->count++) % WORDS] = v;
}

static uint32_t take(struct vmmouse *s)
{
	uint32_t v = s->word[s->head];

	s->head = (s->head + 1) % WORDS;
	s->count--;
	return v;
}

static void mouse_position(void *opaque, unsigned x, unsigned y)
{
	struct vmmouse *s = opaque;

	s->x = x > 32767 ? 65535 : x * 2;
	s->y = y > 32767 ? 65535 : y * 2;
	s->moved = true;
}

static void mouse_button(void *opaque, unsigned code, bool down)
{
	struct vmmouse *s = opaque;
	uint32_t bit = code == BTN_LEFT ? LEFT : code == BTN_RIGHT ? RIGHT : code == BTN_MIDDLE ? MIDDLE : 0;

	s->buttons = down ? s->buttons | bit : s->buttons & ~bit;
	s->moved = true;
}

static void mouse_wheel(void *opaque, int dz)
{
	struct vmmouse *s = opaque;

	s->wheel -= dz > 127 ? 127 : dz < -127 ? -127 : dz; /* towards the user is positive here */
	s->moved = true;
}

static void mouse_sync(void *opaque)
{
	struct vmmouse *s = opaque;

	if (!s->moved || s->count + 4 > WORDS)
		return;
	put(s, s->buttons);
	put(s, s->x);
	put(s, s->y);
	put(s, (uint32_t)s->wheel);
	s->wheel = 0;
	s->moved = false;
	i8042_mouse_wake(s->i8042);
}

static const struct input_ops mouse_ops = {.position = mouse_position, .button = mouse_button, .wheel = mouse_wheel, .sync = mouse_sync};

static void attach(struct vmmouse *s)
{
	bool want = s->enabled && s->absolute;

	if (want && !s->input) {
		s->input = input_attach(s->dev.machine, "VMware mouse", &mouse_ops, s);
	} else if (!want && s->input) {
		input_detach(s->input);
		s->input = NULL;
	}
}

static void cmd_data(void *opaque, uint32_t r[4])
{
	struct vmmouse *s = opaque;
	uint32_t n = r[EBX], v[4] = {0};

	if (!s->enabled || n < 1 || n > 4 || n > s->count) {
		guest_error(&s->dev, "%u words are asked for, %u wait", n, s->count);
		s->count = 0;
		s->enabled = false; /* as the protocol's driver expects: it starts again */
		attach(s);
		r[EAX] = STATUS_ERROR;
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		v[i] = take(s);
	memcpy(r, v, sizeof v);
}

static void cmd_status(void *opaque, uint32_t r[4])
{
	struct vmmouse *s = opaque;

	r[EAX] = s->enabled ? s->count : STATUS_ERROR | s->count;
}

static void cmd_command(void *opaque, uint32_t r[4])
{
	struct vmmouse *s = opaque;

	switch (r[EBX]) {
	case ENABLE:
		s->enabled = true;
		s->head = s->count = 0;
		put(s, VERSION_ID);
		break;
	case DISABLE:
		s->enabled = false;
		s->count = 0;
		break;
	case RELATIVE:
	case ABSOLUTE:
		s->absolute = r[EBX] == ABSOLUTE;
		break;
	default:
		guest_error(&s->dev, "unknown pointer command %08x", r[EBX]);
	}
	attach(s);
}

static void cmd_restrict(void *opaque, uint32_t r[4])
{
	(void)opaque, (void)r; /* whose program may ask is the guest kernel's business here */
}

static void vmmouse_reset(struct device *d)
{
	struct vmmouse *s = (struct vmmouse *)d;

	s->enabled = s->absolute = s->moved = false;
	s->head = s->count = s->buttons = s->x = s->y = 0;
	s->wheel = 0;
	attach(s);
}

static struct device *sibling(struct device *d, const char *type)
{
	for (struct device *o = d->parent->children; o; o = o->next)
		if (!strcmp(o->type->name, type) && o->realized)
			return o;
	return NULL;
}

static int vmmouse_realize(struct device *d, struct err *e)
{
	struct vmmouse *s = (struct vmmouse *)d;

	s->vmport = sibling(d, "vmport");
	s->i8042 = sibling(d, "i8042");
	if (!s->vmport || !s->i8042)
		return err_set(e, ENODEV, "vmmouse: this machine has no %s%s", s->vmport ? "PS/2 controller" : "backdoor port",
			       s->vmport ? "" : "; -machine vmport=on");
	vmport_register(s->vmport, DATA, cmd_data, s);
	vmport_register(s->vmport, STATUS, cmd_status, s);
	vmport_register(s->vmport, COMMAND, cmd_command, s);
	vmport_register(s->vmport, RESTRICT, cmd_restrict, s);
	return 0;
}

static void vmmouse_unrealize(struct device *d)
{
	struct vmmouse *s = (struct vmmouse *)d;
	static const uint8_t commands[] = {DATA, STATUS, COMMAND, RESTRICT};

	if (s->input)
		input_detach(s->input);
	if (sibling(d, "vmport") == s->vmport)
		for (unsigned i = 0; i < sizeof commands; i++)
			vmport_register(s->vmport, commands[i], NULL, NULL);
}

static int vmmouse_loaded(void *state, struct err *e)
{
	struct vmmouse *s = state;

	if (s->head >= WORDS || s->count > WORDS)
		return err_set(e, EINVAL, "vmmouse: a queue of %u words from %u: impossible", s->count, s->head);
	attach(s);
	return 0;
}

static const struct field vmmouse_fields[] = {
	F_UINTS(struct vmmouse, word), F_UINT(struct vmmouse, head), F_UINT(struct vmmouse, count), F_BOOL(struct vmmouse, enabled),
	F_BOOL(struct vmmouse, absolute), F_UINT(struct vmmouse, buttons), F_UINT(struct vmmouse, x), F_UINT(struct vmmouse, y),
	F_UINT(struct vmmouse, wheel), F_BOOL(struct vmmouse, moved), F_END,
};
static const struct state_table vmmouse_state = {.name = "vmmouse", .version = 1, .oldest = 1, .fields = vmmouse_fields,
						 .loaded = vmmouse_loaded};

static const struct device_type vmmouse_type = {
	.name = "vmmouse", .bus = "ISA", .desc = "VMware's absolute pointer", .category = "Input", .size = sizeof(struct vmmouse),
	.state = &vmmouse_state, .realize = vmmouse_realize, .unrealize = vmmouse_unrealize, .reset = vmmouse_reset,
};
DEVICE(vmmouse_type);
