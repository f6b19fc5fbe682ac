/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard, 101 to 105 keys and the usual multimedia keys; scan code sets 1, 2 and 3.
 *
 * IBM Personal System/2 Hardware Interface Technical Reference (1988, keyboards); Microsoft Keyboard Scan Code Specification 1.3a.
 * Not modelled: the shift codes that sets 1 and 2 put around the grey keys while Shift or NumLock is on.
 *
 * Keys come as Linux key codes. Codes 1..88 of Linux are those of set 1; set 2 follows through the controller's translation table. The
 * keyboard repeats a held key itself, so a second "down" of the same key is dropped.
 *
 *   ed leds  ee echo  f0 scan code set  f2 identify  f3 rate  f4 enable  f5 disable  f6 defaults  f7-fa all keys' type (set 3)
 *   fb-fd one key's type (set 3)  fe resend  ff reset
 */
#include "ps2.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <string.h>

enum { ACK = 0xfa, RESEND = 0xfe, BAT_OK = 0xaa, ECHO = 0xee };
enum { CMD_LEDS = 0xed, CMD_ECHO = 0xee, CMD_SET = 0xf0, CMD_ID = 0xf2, CMD_RATE = 0xf3, CMD_ENABLE = 0xf4, CMD_DISABLE = 0xf5,
       CMD_DEFAULTS = 0xf6, CMD_ALL_TYPEMATIC = 0xf7, CMD_ALL_MAKE_BREAK = 0xf8, CMD_ALL_MAKE = 0xf9, CMD_ALL_BOTH = 0xfa,
       CMD_KEY_TYPEMATIC = 0xfb, CMD_KEY_MAKE_BREAK = 0xfc, CMD_KEY_MAKE = 0xfd, CMD_RESEND = 0xfe, CMD_RESET = 0xff };
enum { TYPE_BREAK = 1, TYPE_REPEAT = 2 };
#define EXT 0x100 /* behind an e0 */

/* ---- queue of both PS/2 devices ------------------------------------------------------------------------------ */
void ps2_answer(struct ps2_queue *q, uint8_t byte)
{
	if (q->answer_count < PS2_ANSWERS)
		q->answer[(q->answer_head + q->answer_count++) % PS2_ANSWERS] = byte;
	q->changed(q->opaque);
}

bool ps2_put(struct ps2_queue *q, const uint8_t *bytes, unsigned n)
{
	if (q->count + n > PS2_QUEUE)
		return false;
	for (unsigned i = 0; i < n; i++)
		q->data[(q->head + q->count++) % PS2_QUEUE] = bytes[i];
	q->changed(q->opaque);
	return true;
}

uint8_t ps2_take(struct ps2_queue *q)
{
	if (q->answer_count) {
		q->last = q->answer[q->answer_head];
		q->answer_head = (q->answer_head + 1) % PS2_ANSWERS;
		q->answer_count--;
	} else if (q->count) {
		q->last = q->data[q->head];
		q->head = (q->head + 1) % PS2_QUEUE;
		q->count--;
	}
	return q->last;
}

void ps2_clear(struct ps2_queue *q)
{
	q->head = q->count = 0;
	q->answer_head = q->answer_count = 0;
}

bool ps2_queue_valid(const struct ps2_queue *q)
{
	return q->head < PS2_QUEUE && q->count <= PS2_QUEUE && q->answer_head < PS2_ANSWERS && q->answer_count <= PS2_ANSWERS;
}

/* ---- codes ---------------------------------------------------------------------------------------------------- */
static const uint8_t translation[0x90] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
	0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
	0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
	0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
	0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
	0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
	0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
	0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
	0x80, 0x81, 0x82, 0x41, 0x54, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f,
};

uint8_t ps2_translate(uint8_t set2)
{
	return set2 < sizeof translation ? translation[set2] : set2;
}

static uint8_t set2_of_set1(uint8_t set1)
{
	/* F7 and SysRq have a second code, 83 and 84; F7 uses its own, SysRq is made apart */
	if (set1 == 0x41)
		return 0x83;
	for (unsigned i = 0; i < 0x80; i++)
		if (translation[i] == set1)
			return (uint8_t)i;
	return 0;
}

/* Linux codes above 88: set 1, and EXT. */
static const struct { uint16_t key, set1; } extended[] = {
	{KEY_RO, 0x73}, {KEY_HENKAN, 0x79}, {KEY_KATAKANAHIRAGANA, 0x70}, {KEY_MUHENKAN, 0x7b}, {KEY_KPJPCOMMA, 0x5c},
	{KEY_KPENTER, EXT | 0x1c}, {KEY_RIGHTCTRL, EXT | 0x1d}, {KEY_KPSLASH, EXT | 0x35}, {KEY_SYSRQ, EXT | 0x37},
	{KEY_RIGHTALT, EXT | 0x38}, {KEY_HOME, EXT | 0x47}, {KEY_UP, EXT | 0x48}, {KEY_PAGEUP, EXT | 0x49}, {KEY_LEFT, EXT | 0x4b},
	{KEY_RIGHT, EXT | 0x4d}, {KEY_END, EXT | 0x4f}, {KEY_DOWN, EXT | 0x50}, {KEY_PAGEDOWN, EXT | 0x51}, {KEY_INSERT, EXT | 0x52},
	{KEY_DELETE, EXT | 0x53}, {KEY_MUTE, EXT | 0x20}, {KEY_VOLUMEDOWN, EXT | 0x2e}, {KEY_VOLUMEUP, EXT | 0x30},
	{KEY_POWER, EXT | 0x5e}, {KEY_KPEQUAL, 0x59}, {KEY_KPCOMMA, 0x7e}, {KEY_HANGEUL, 0x72}, {KEY_HANJA, 0x71}, {KEY_YEN, 0x7d},
	{KEY_LEFTMETA, EXT | 0x5b}, {KEY_RIGHTMETA, EXT | 0x5c}, {KEY_COMPOSE, EXT | 0x5d}, {KEY_STOP, EXT | 0x68},
	{KEY_CALC, EXT | 0x21}, {KEY_SLEEP, EXT | 0x5f}, {KEY_WAKEUP, EXT | 0x63}, {KEY_MAIL, EXT | 0x6c}, {KEY_BOOKMARKS, EXT | 0x66},
	{KEY_COMPUTER, EXT | 0x6b}, {KEY_BACK, EXT | 0x6a}, {KEY_FORWARD, EXT | 0x69}, {KEY_NEXTSONG, EXT | 0x19},
	{KEY_PLAYPAUSE, EXT | 0x22}, {KEY_PREVIOUSSONG, EXT | 0x10}, {KEY_STOPCD, EXT | 0x24}, {KEY_HOMEPAGE, EXT | 0x32},
	{KEY_REFRESH, EXT | 0x67}, {KEY_SEARCH, EXT | 0x65}, {KEY_MEDIA, EXT | 0x6d},
};

static const struct { uint8_t key, set3; } set3_codes[] = {
	{KEY_GRAVE, 0x0e}, {KEY_1, 0x16}, {KEY_2, 0x1e}, {KEY_3, 0x26}, {KEY_4, 0x25}, {KEY_5, 0x2e}, {KEY_6, 0x36}, {KEY_7, 0x3d},
	{KEY_8, 0x3e}, {KEY_9, 0x46}, {KEY_0, 0x45}, {KEY_MINUS, 0x4e}, {KEY_EQUAL, 0x55}, {KEY_BACKSPACE, 0x66}, {KEY_TAB, 0x0d},
	{KEY_Q, 0x15}, {KEY_W, 0x1d}, {KEY_E, 0x24}, {KEY_R, 0x2d}, {KEY_T, 0x2c}, {KEY_Y, 0x35}, {KEY_U, 0x3c}, {KEY_I, 0x43},
	{KEY_O, 0x44}, {KEY_P, 0x4d}, {KEY_LEFTBRACE, 0x54}, {KEY_RIGHTBRACE, 0x5b}, {KEY_BACKSLASH, 0x5c}, {KEY_CAPSLOCK, 0x14},
	{KEY_A, 0x1c}, {KEY_S, 0x1b}, {KEY_D, 0x23}, {KEY_F, 0x2b}, {KEY_G, 0x34}, {KEY_H, 0x33}, {KEY_J, 0x3b}, {KEY_K, 0x42},
	{KEY_L, 0x4b}, {KEY_SEMICOLON, 0x4c}, {KEY_APOSTROPHE, 0x52}, {KEY_ENTER, 0x5a}, {KEY_LEFTSHIFT, 0x12}, {KEY_102ND, 0x13},
	{KEY_Z, 0x1a}, {KEY_X, 0x22}, {KEY_C, 0x21}, {KEY_V, 0x2a}, {KEY_B, 0x32}, {KEY_N, 0x31}, {KEY_M, 0x3a}, {KEY_COMMA, 0x41},
	{KEY_DOT, 0x49}, {KEY_SLASH, 0x4a}, {KEY_RIGHTSHIFT, 0x59}, {KEY_LEFTCTRL, 0x11}, {KEY_LEFTALT, 0x19}, {KEY_SPACE, 0x29},
	{KEY_RIGHTALT, 0x39}, {KEY_RIGHTCTRL, 0x58}, {KEY_INSERT, 0x67}, {KEY_DELETE, 0x64}, {KEY_LEFT, 0x61}, {KEY_HOME, 0x6e},
	{KEY_END, 0x65}, {KEY_UP, 0x63}, {KEY_DOWN, 0x60}, {KEY_PAGEUP, 0x6f}, {KEY_PAGEDOWN, 0x6d}, {KEY_RIGHT, 0x6a},
	{KEY_NUMLOCK, 0x76}, {KEY_KP7, 0x6c}, {KEY_KP4, 0x6b}, {KEY_KP1, 0x69}, {KEY_KPSLASH, 0x77}, {KEY_KP8, 0x75}, {KEY_KP5, 0x73},
	{KEY_KP2, 0x72}, {KEY_KP0, 0x70}, {KEY_KPASTERISK, 0x7e}, {KEY_KP9, 0x7d}, {KEY_KP6, 0x74}, {KEY_KP3, 0x7a}, {KEY_KPDOT, 0x71},
	{KEY_KPMINUS, 0x84}, {KEY_KPPLUS, 0x7c}, {KEY_KPENTER, 0x79}, {KEY_ESC, 0x08}, {KEY_F1, 0x07}, {KEY_F2, 0x0f}, {KEY_F3, 0x17},
	{KEY_F4, 0x1f}, {KEY_F5, 0x27}, {KEY_F6, 0x2f}, {KEY_F7, 0x37}, {KEY_F8, 0x3f}, {KEY_F9, 0x47}, {KEY_F10, 0x4f}, {KEY_F11, 0x56},
	{KEY_F12, 0x5e}, {KEY_SYSRQ, 0x57}, {KEY_SCROLLLOCK, 0x5f}, {KEY_PAUSE, 0x62}, {KEY_LEFTMETA, 0x8b}, {KEY_RIGHTMETA, 0x8c},
	{KEY_COMPOSE, 0x8d},
};

/* What keys send in set 3 until they are told otherwise: the rest makes and repeats. */
static const uint8_t set3_make_break[] = {0x11, 0x12, 0x14, 0x19, 0x59};
static const uint8_t set3_make_only[] = {0x07, 0x08, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x39, 0x3f, 0x47, 0x4f, 0x56, 0x57, 0x58, 0x5e,
					  0x5f, 0x62, 0x65, 0x67, 0x69, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75,
					  0x76, 0x77, 0x79, 0x7a, 0x7d, 0x7e, 0x84, 0x8b, 0x8c, 0x8d};

static uint16_t set1_of_key(unsigned key)
{
	if (key >= 1 && key <= KEY_F12 && key != 84)
		return (uint16_t)key;
	for (unsigned i = 0; i < sizeof extended / sizeof extended[0]; i++)
		if (extended[i].key == key)
			return extended[i].set1;
	return 0;
}

static uint8_t set3_of_key(unsigned key)
{
	for (unsigned i = 0; i < sizeof set3_codes / sizeof set3_codes[0]; i++)
		if (set3_codes[i].key == key)
			return set3_codes[i].set3;
	return 0;
}

static bool key_down(const struct ps2_keyboard *k, unsigned key)
{
	return k->down[key >> 3] >> (key & 7) & 1;
}

static void put_sequence(struct ps2_keyboard *k, const uint8_t *bytes, unsigned n)
{
	uint8_t overrun = k->set == 1 ? 0xff : 0;

	if (k->queue.count + n >= PS2_QUEUE && k->queue.count < PS2_QUEUE) /* the last place tells that keys were lost */
		ps2_put(&k->queue, &overrun, 1);
	else
		ps2_put(&k->queue, bytes, n);
}

/* Appends the code of one key in set 1 or 2. */
static unsigned add_code(const struct ps2_keyboard *k, uint8_t *to, uint16_t set1, bool down)
{
	unsigned n = 0;

	if (set1 & EXT)
		to[n++] = 0xe0;
	if (k->set == 1) {
		to[n++] = (uint8_t)set1 | (down ? 0 : 0x80);
	} else {
		if (!down)
			to[n++] = 0xf0;
		to[n++] = set2_of_set1((uint8_t)set1);
	}
	return n;
}

static void send_set3(struct ps2_keyboard *k, unsigned key, bool down)
{
	uint8_t code = set3_of_key(key), bytes[2] = {0xf0, code};

	if (!code)
		return;
	if (down)
		put_sequence(k, &code, 1);
	else if (k->type[code] & TYPE_BREAK)
		put_sequence(k, bytes, 2);
}

static void send_key(struct ps2_keyboard *k, unsigned key, bool down)
{
	bool ctrl = key_down(k, KEY_LEFTCTRL) || key_down(k, KEY_RIGHTCTRL);
	bool shift = key_down(k, KEY_LEFTSHIFT) || key_down(k, KEY_RIGHTSHIFT);
	bool alt = key_down(k, KEY_LEFTALT) || key_down(k, KEY_RIGHTALT);
	uint8_t bytes[12];
	unsigned n = 0;

	if (k->set == 3) {
		send_set3(k, key, down);
		return;
	}
	if (key == KEY_PAUSE) { /* sends all at once when it is pressed, nothing when it is let go */
		if (!down)
			return;
		if (ctrl) { /* Break */
			n += add_code(k, bytes + n, EXT | 0x46, true);
			n += add_code(k, bytes + n, EXT | 0x46, false);
		} else {
			for (int i = 0; i < 2; i++) {
				bytes[n++] = 0xe1;
				n += add_code(k, bytes + n, 0x1d, i == 0);
				n += add_code(k, bytes + n, 0x45, i == 0);
			}
		}
	} else if (key == KEY_SYSRQ && alt) {
		n = add_code(k, bytes, 0x54, down);
		if (k->set == 2)
			bytes[n - 1] = 0x84;
	} else if (key == KEY_SYSRQ && !ctrl && !shift) { /* a shift of its own goes with it */
		n += add_code(k, bytes + n, down ? EXT | 0x2a : EXT | 0x37, down);
		n += add_code(k, bytes + n, down ? EXT | 0x37 : EXT | 0x2a, down);
	} else {
		uint16_t set1 = set1_of_key(key);

		if (!set1)
			return;
		n = add_code(k, bytes, set1, down);
	}
	put_sequence(k, bytes, n);
}

static uint64_t repeat_delay(const struct ps2_keyboard *k)
{
	return (250 + 250ull * (k->rate >> 5 & 3)) * 1000000;
}

static uint64_t repeat_period(const struct ps2_keyboard *k)
{
	return (8 + (k->rate & 7)) * (1ull << (k->rate >> 3 & 3)) * 4166667; /* (8 + A) * 2^B / 240 s */
}

static void keyboard_repeat(void *opaque)
{
	struct ps2_keyboard *k = opaque;

	if (!k->repeat || !k->enabled)
		return;
	if (!k->queue.count) /* one that is not read is enough */
		send_key(k, k->repeat, true);
	timer_set(k->timer, clock_ns(k->machine, CLOCK_VIRT) + repeat_period(k));
}

static void keyboard_key(void *opaque, unsigned key, bool down)
{
	struct ps2_keyboard *k = opaque;
	uint8_t bit;
	bool repeats;

	if (key == 0 || key >= sizeof k->down * 8 || key_down(k, key) == down)
		return;
	bit = (uint8_t)(1 << (key & 7));
	k->down[key >> 3] = (uint8_t)(down ? k->down[key >> 3] | bit : k->down[key >> 3] & ~bit);
	if (!k->enabled)
		return;
	send_key(k, key, down);
	repeats = k->set == 3 ? k->type[set3_of_key(key)] & TYPE_REPEAT : key != KEY_PAUSE;
	if (down && repeats) {
		k->repeat = (uint16_t)key;
		timer_set(k->timer, clock_ns(k->machine, CLOCK_VIRT) + repeat_delay(k));
	} else if (k->repeat == key || down) {
		k->repeat = 0;
		timer_stop(k->timer);
	}
}

/* ---- commands -------------------------------------------------------------------------------------------------- */
static void keyboard_set_leds(struct ps2_keyboard *k, uint8_t leds)
{
	k->leds = leds & 7;
	input_leds(k->machine, k->leds);
}

static void keyboard_defaults(struct ps2_keyboard *k)
{
	k->set = 2;
	k->rate = 0x2b; /* 500 ms, 10.9 a second */
	k->command = 0;
	k->repeat = 0;
	timer_stop(k->timer);
	for (unsigned i = 0; i < sizeof k->type; i++)
		k->type[i] = TYPE_REPEAT;
	for (unsigned i = 0; i < sizeof set3_make_break; i++)
		k->type[set3_make_break[i]] = TYPE_BREAK;
	for (unsigned i = 0; i < sizeof set3_make_only; i++)
		k->type[set3_make_only[i]] = 0;
	ps2_clear(&k->queue);
}

static void keyboard_all(struct ps2_keyboard *k, uint8_t type)
{
	memset(k->type, type, sizeof k->type);
	ps2_clear(&k->queue);
}

static void keyboard_parameter(struct ps2_keyboard *k, uint8_t value)
{
	uint8_t command = k->command;

	if (value >= 0xed) { /* a command instead of the parameter ends the first one */
		k->command = 0;
		ps2_keyboard_write(k, value);
		return;
	}
	k->command = 0;
	switch (command) {
	case CMD_LEDS:
		keyboard_set_leds(k, value);
		break;
	case CMD_RATE:
		k->rate = value & 0x7f;
		break;
	case CMD_SET:
		if (value > 3) {
			ps2_answer(&k->queue, RESEND);
			return;
		}
		ps2_answer(&k->queue, ACK);
		if (value == 0)
			ps2_answer(&k->queue, k->set);
		else
			k->set = value;
		return;
	default: /* CMD_KEY_…: keys follow until another command comes */
		k->type[value] = command == CMD_KEY_TYPEMATIC ? TYPE_REPEAT : command == CMD_KEY_MAKE_BREAK ? TYPE_BREAK : 0;
		k->command = command;
	}
	ps2_answer(&k->queue, ACK);
}

void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t value)
{
	if (k->command) {
		keyboard_parameter(k, value);
		return;
	}
	switch (value) {
	case CMD_ECHO:
		ps2_answer(&k->queue, ECHO);
		return;
	case CMD_LEDS: case CMD_SET: case CMD_RATE: case CMD_KEY_TYPEMATIC: case CMD_KEY_MAKE_BREAK: case CMD_KEY_MAKE:
		k->command = value;
		break;
	case CMD_ID:
		ps2_answer(&k->queue, ACK);
		ps2_answer(&k->queue, 0xab);
		ps2_answer(&k->queue, 0x83);
		return;
	case CMD_ENABLE:
		ps2_clear(&k->queue);
		k->enabled = true;
		break;
	case CMD_DISABLE:
		keyboard_defaults(k);
		k->enabled = false;
		break;
	case CMD_DEFAULTS:
		keyboard_defaults(k);
		break;
	case CMD_ALL_TYPEMATIC:
		keyboard_all(k, TYPE_REPEAT);
		break;
	case CMD_ALL_MAKE_BREAK:
		keyboard_all(k, TYPE_BREAK);
		break;
	case CMD_ALL_MAKE:
		keyboard_all(k, 0);
		break;
	case CMD_ALL_BOTH:
		keyboard_all(k, TYPE_BREAK | TYPE_REPEAT);
		break;
	case CMD_RESEND:
		ps2_answer(&k->queue, k->queue.last);
		return;
	case CMD_RESET:
		keyboard_defaults(k);
		k->enabled = true;
		ps2_answer(&k->queue, ACK);
		ps2_answer(&k->queue, BAT_OK);
		return;
	default:
		ps2_answer(&k->queue, RESEND);
		return;
	}
	ps2_answer(&k->queue, ACK);
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
	keyboard_defaults(k);
	k->queue.last = 0;
	k->enabled = true;
	memset(k->down, 0, sizeof k->down);
	keyboard_set_leds(k, 0);
	ps2_answer(&k->queue, BAT_OK);
}

static const struct input_ops keyboard_input = {.key = keyboard_key};

void ps2_keyboard_init(struct ps2_keyboard *k, struct machine *m, void (*changed)(void *opaque), void *opaque)
{
	k->machine = m;
	k->queue.changed = changed;
	k->queue.opaque = opaque;
	k->timer = timer_new(m, CLOCK_VIRT, keyboard_repeat, k);
	k->input = input_attach(m, "PS/2 keyboard", &keyboard_input, k);
}

void ps2_keyboard_free(struct ps2_keyboard *k)
{
	input_detach(k->input);
	timer_free(k->timer);
}

int ps2_keyboard_loaded(struct ps2_keyboard *k, struct err *e)
{
	if (!ps2_queue_valid(&k->queue) || k->set < 1 || k->set > 3 || k->repeat >= sizeof k->down * 8)
		return err_set(e, EINVAL, "PS/2 keyboard: scan code set %u or its queue is impossible", k->set);
	input_leds(k->machine, k->leds);
	return 0;
}

const struct field ps2_queue_fields[] = {
	F_BYTES(struct ps2_queue, data), F_BYTES(struct ps2_queue, answer), F_UINT(struct ps2_queue, head), F_UINT(struct ps2_queue, count),
	F_UINT(struct ps2_queue, answer_head), F_UINT(struct ps2_queue, answer_count), F_UINT(struct ps2_queue, last), F_END,
};
const struct field ps2_keyboard_fields[] = {
	F_STRUCT(struct ps2_keyboard, queue, ps2_queue_fields), F_UINT(struct ps2_keyboard, set), F_UINT(struct ps2_keyboard, command),
	F_UINT(struct ps2_keyboard, leds), F_UINT(struct ps2_keyboard, rate), F_BOOL(struct ps2_keyboard, enabled),
	F_BYTES(struct ps2_keyboard, down), F_BYTES(struct ps2_keyboard, type), F_UINT(struct ps2_keyboard, repeat),
	F_TIMER(struct ps2_keyboard, timer), F_END,
};
