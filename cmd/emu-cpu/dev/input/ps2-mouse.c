/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 mouse: two or three buttons; IntelliMouse (wheel) and IntelliMouse Explorer (five buttons) after their knocks.
 *
 * IBM Personal System/2 Hardware Interface Technical Reference (1988, mouse); Microsoft IntelliMouse: rates 200, 100, 80 and 200, 200, 80.
 * Motion that is not read is added up, so the sample rate, which is kept and shown, need not be waited for.
 *
 *   e6 e7 scaling 1:1, 2:1  e8 resolution  e9 status  ea stream  eb read  ec leave wrap  ee wrap  f0 remote  f2 identify  f3 rate
 *   f4 enable  f5 disable  f6 defaults  fe resend  ff reset
 */
#include "ps2.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>

enum { ACK = 0xfa, RESEND = 0xfe, BAT_OK = 0xaa };
enum { CMD_SCALE11 = 0xe6, CMD_SCALE21, CMD_RESOLUTION, CMD_STATUS, CMD_STREAM, CMD_READ, CMD_UNWRAP, CMD_WRAP = 0xee, CMD_REMOTE = 0xf0,
       CMD_ID = 0xf2, CMD_RATE, CMD_ENABLE, CMD_DISABLE, CMD_DEFAULTS, CMD_RESEND = 0xfe, CMD_RESET = 0xff };
enum { ID_WHEEL = 3, ID_EXPLORER = 4 };
#define FAR 1000000 /* motion that nobody reads stops adding up here */

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

/* 2:1 scaling of the stream mode, as the reference's table has it. */
static int scale(int v)
{
	static const int8_t small[6] = {0, 1, 1, 3, 6, 9};
	int a = abs(v), r = a < 6 ? small[a] : 2 * a;

	return v < 0 ? -r : r;
}

/* A report of what has gathered: 3 or 4 bytes. */
static unsigned mouse_report(struct ps2_mouse *p, uint8_t bytes[4], bool scaled)
{
	int x = scaled ? scale(p->dx) : p->dx, y = scaled ? scale(p->dy) : p->dy, z;
	int cx = clamp(x, -255, 255), cy = clamp(y, -255, 255);

	bytes[0] = (uint8_t)(8 | (p->buttons & 7) | (cx < 0 ? 0x10 : 0) | (cy < 0 ? 0x20 : 0));
	bytes[1] = (uint8_t)cx;
	bytes[2] = (uint8_t)cy;
	p->dx = scaled ? 0 : p->dx - cx;
	p->dy = scaled ? 0 : p->dy - cy;
	p->sent_buttons = p->buttons;
	if (p->id == ID_WHEEL) {
		z = clamp(p->dz, -127, 127);
		bytes[3] = (uint8_t)z;
	} else if (p->id == ID_EXPLORER) {
		z = clamp(p->dz, -7, 7);
		bytes[3] = (uint8_t)((z & 15) | (p->buttons & 0x18) << 1);
	} else {
		p->dz = 0;
		return 3;
	}
	p->dz -= z;
	return 4;
}

static bool mouse_something(const struct ps2_mouse *p)
{
	return p->dx || p->dy || (p->dz && p->id) || p->buttons != p->sent_buttons;
}

/* Stream mode. Motion waits for the report before it to be read; buttons do not. */
static void mouse_stream(struct ps2_mouse *p)
{
	uint8_t bytes[4];

	while (p->enabled && !p->remote && !p->wrap && mouse_something(p) &&
	       (!p->queue.count || (p->buttons != p->sent_buttons && p->queue.count <= PS2_QUEUE - 4))) {
		unsigned n = mouse_report(p, bytes, p->scale21);

		ps2_put(&p->queue, bytes, n);
	}
}

void ps2_mouse_drained(struct ps2_mouse *p)
{
	if (!p->queue.count)
		mouse_stream(p);
}

void ps2_mouse_wake(struct ps2_mouse *p)
{
	uint8_t bytes[4];

	if (p->enabled && !p->remote && !p->wrap && !p->queue.count)
		ps2_put(&p->queue, bytes, mouse_report(p, bytes, false));
}

/* ---- commands ----------------------------------------------------------------------------------------------------- */
static void mouse_defaults(struct ps2_mouse *p)
{
	p->rate = 100;
	p->resolution = 2;
	p->scale21 = p->remote = p->wrap = p->enabled = false;
	p->command = 0;
	p->dx = p->dy = p->dz = 0;
	p->queue.head = p->queue.count = 0;
}

static void mouse_status(struct ps2_mouse *p)
{
	uint8_t b = p->buttons;

	ps2_answer(&p->queue, (uint8_t)((p->remote ? 0x40 : 0) | (p->enabled ? 0x20 : 0) | (p->scale21 ? 0x10 : 0) | (b & 1 ? 4 : 0) |
					(b & 4 ? 2 : 0) | (b & 2 ? 1 : 0)));
	ps2_answer(&p->queue, p->resolution);
	ps2_answer(&p->queue, p->rate);
}

static void mouse_parameter(struct ps2_mouse *p, uint8_t value)
{
	uint8_t command = p->command;

	p->command = 0;
	if (command == CMD_RESOLUTION) {
		if (value > 3) {
			ps2_answer(&p->queue, RESEND);
			return;
		}
		p->resolution = value;
	} else {
		if (value == 0) {
			ps2_answer(&p->queue, RESEND);
			return;
		}
		if (value == 80 && p->knock[0] == 200 && p->knock[1] == 100 && p->id == 0)
			p->id = ID_WHEEL;
		else if (value == 80 && p->knock[0] == 200 && p->knock[1] == 200)
			p->id = ID_EXPLORER;
		p->knock[0] = p->knock[1];
		p->knock[1] = value;
		p->rate = value;
	}
	ps2_answer(&p->queue, ACK);
}

void ps2_mouse_write(struct ps2_mouse *p, uint8_t value)
{
	uint8_t bytes[4];
	unsigned n;

	if (p->wrap && value != CMD_UNWRAP && value != CMD_RESET) {
		ps2_answer(&p->queue, value);
		return;
	}
	if (p->command) {
		mouse_parameter(p, value);
		return;
	}
	switch (value) {
	case CMD_SCALE11:
	case CMD_SCALE21:
		p->scale21 = value == CMD_SCALE21;
		break;
	case CMD_RESOLUTION:
	case CMD_RATE:
		p->command = value;
		break;
	case CMD_STATUS:
		ps2_answer(&p->queue, ACK);
		mouse_status(p);
		return;
	case CMD_STREAM:
		p->remote = false;
		break;
	case CMD_REMOTE:
		p->remote = true;
		p->queue.head = p->queue.count = 0;
		break;
	case CMD_READ:
		ps2_answer(&p->queue, ACK);
		n = mouse_report(p, bytes, false);
		for (unsigned i = 0; i < n; i++)
			ps2_answer(&p->queue, bytes[i]);
		return;
	case CMD_WRAP:
		p->wrap = true;
		break;
	case CMD_UNWRAP:
		p->wrap = false;
		break;
	case CMD_ID:
		ps2_answer(&p->queue, ACK);
		ps2_answer(&p->queue, p->id);
		return;
	case CMD_ENABLE:
		p->enabled = true;
		break;
	case CMD_DISABLE:
		p->enabled = false;
		p->queue.head = p->queue.count = 0;
		break;
	case CMD_DEFAULTS:
		mouse_defaults(p);
		break;
	case CMD_RESEND:
		ps2_answer(&p->queue, p->queue.last);
		return;
	case CMD_RESET:
		mouse_defaults(p);
		ps2_clear(&p->queue);
		p->id = 0;
		ps2_answer(&p->queue, ACK);
		ps2_answer(&p->queue, BAT_OK);
		ps2_answer(&p->queue, p->id);
		return;
	default:
		ps2_answer(&p->queue, RESEND);
		return;
	}
	ps2_answer(&p->queue, ACK);
}

/* ---- events of the user ------------------------------------------------------------------------------------------- */
static void mouse_motion(void *opaque, int dx, int dy)
{
	struct ps2_mouse *p = opaque;

	if (p->enabled) {
		p->dx = clamp(p->dx + clamp(dx, -FAR, FAR), -FAR, FAR);
		p->dy = clamp(p->dy - clamp(dy, -FAR, FAR), -FAR, FAR);
	}
}

static void mouse_button(void *opaque, unsigned code, bool down)
{
	static const struct { uint16_t code; uint8_t bit; } map[] = {
		{BTN_LEFT, 1}, {BTN_RIGHT, 2}, {BTN_MIDDLE, 4}, {BTN_SIDE, 8}, {BTN_EXTRA, 16},
	};
	struct ps2_mouse *p = opaque;

	for (unsigned i = 0; i < sizeof map / sizeof map[0]; i++)
		if (map[i].code == code)
			p->buttons = down ? p->buttons | map[i].bit : p->buttons & ~map[i].bit;
}

/* dz: positive away from the user, as Linux has it; the mouse reports the opposite. */
static void mouse_wheel(void *opaque, int dz)
{
	struct ps2_mouse *p = opaque;

	if (p->enabled)
		p->dz = clamp(p->dz - clamp(dz, -FAR, FAR), -FAR, FAR);
}

static void mouse_sync(void *opaque)
{
	mouse_stream(opaque);
}

static const struct input_ops mouse_input = {
	.motion = mouse_motion, .button = mouse_button, .wheel = mouse_wheel, .sync = mouse_sync,
};

void ps2_mouse_reset(struct ps2_mouse *p)
{
	mouse_defaults(p);
	ps2_clear(&p->queue);
	p->queue.last = 0;
	p->id = p->buttons = p->sent_buttons = 0;
	p->knock[0] = p->knock[1] = 0;
}

void ps2_mouse_init(struct ps2_mouse *p, struct machine *m, void (*changed)(void *opaque), void *opaque)
{
	p->machine = m;
	p->queue.changed = changed;
	p->queue.opaque = opaque;
	p->input = input_attach(m, "PS/2 mouse", &mouse_input, p);
}

void ps2_mouse_free(struct ps2_mouse *p)
{
	input_detach(p->input);
}

int ps2_mouse_loaded(struct ps2_mouse *p, struct err *e)
{
	if (!ps2_queue_valid(&p->queue) || abs(p->dx) > FAR || abs(p->dy) > FAR || abs(p->dz) > FAR)
		return err_set(e, EINVAL, "PS/2 mouse: motion or queue is impossible");
	return 0;
}

const struct field ps2_mouse_fields[] = {
	F_STRUCT(struct ps2_mouse, queue, ps2_queue_fields), F_UINT(struct ps2_mouse, id), F_UINT(struct ps2_mouse, command),
	F_UINT(struct ps2_mouse, resolution), F_UINT(struct ps2_mouse, rate), F_BYTES(struct ps2_mouse, knock),
	F_BOOL(struct ps2_mouse, enabled), F_BOOL(struct ps2_mouse, remote), F_BOOL(struct ps2_mouse, wrap),
	F_BOOL(struct ps2_mouse, scale21), F_UINT(struct ps2_mouse, buttons), F_UINT(struct ps2_mouse, sent_buttons),
	F_UINT(struct ps2_mouse, dx), F_UINT(struct ps2_mouse, dy), F_UINT(struct ps2_mouse, dz), F_END,
};
