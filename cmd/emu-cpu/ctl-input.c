/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control commands: keys and pointers, by the names that QMP has for them (send-key, input-send-event) and by Linux codes (x-input). */
#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "display.h"

/* ---- names ---- */

static const struct key_name {
	const char *name;
	uint16_t code;
} keys[] = {
	{"shift", KEY_LEFTSHIFT}, {"shift_r", KEY_RIGHTSHIFT}, {"alt", KEY_LEFTALT}, {"alt_r", KEY_RIGHTALT}, {"altgr", KEY_RIGHTALT},
	{"altgr_r", KEY_RIGHTALT}, {"ctrl", KEY_LEFTCTRL}, {"ctrl_r", KEY_RIGHTCTRL}, {"menu", KEY_MENU}, {"esc", KEY_ESC}, {"1", KEY_1}, {"2", KEY_2},
	{"3", KEY_3}, {"4", KEY_4}, {"5", KEY_5}, {"6", KEY_6}, {"7", KEY_7}, {"8", KEY_8}, {"9", KEY_9}, {"0", KEY_0}, {"minus", KEY_MINUS},
	{"equal", KEY_EQUAL}, {"backspace", KEY_BACKSPACE}, {"tab", KEY_TAB}, {"q", KEY_Q}, {"w", KEY_W}, {"e", KEY_E}, {"r", KEY_R}, {"t", KEY_T},
	{"y", KEY_Y}, {"u", KEY_U}, {"i", KEY_I}, {"o", KEY_O}, {"p", KEY_P}, {"bracket_left", KEY_LEFTBRACE}, {"bracket_right", KEY_RIGHTBRACE},
	{"ret", KEY_ENTER}, {"a", KEY_A}, {"s", KEY_S}, {"d", KEY_D}, {"f", KEY_F}, {"g", KEY_G}, {"h", KEY_H}, {"j", KEY_J}, {"k", KEY_K},
	{"l", KEY_L}, {"semicolon", KEY_SEMICOLON}, {"apostrophe", KEY_APOSTROPHE}, {"grave_accent", KEY_GRAVE}, {"backslash", KEY_BACKSLASH},
	{"z", KEY_Z}, {"x", KEY_X}, {"c", KEY_C}, {"v", KEY_V}, {"b", KEY_B}, {"n", KEY_N}, {"m", KEY_M}, {"comma", KEY_COMMA}, {"dot", KEY_DOT},
	{"slash", KEY_SLASH}, {"asterisk", KEY_KPASTERISK}, {"spc", KEY_SPACE}, {"caps_lock", KEY_CAPSLOCK}, {"f1", KEY_F1}, {"f2", KEY_F2},
	{"f3", KEY_F3}, {"f4", KEY_F4}, {"f5", KEY_F5}, {"f6", KEY_F6}, {"f7", KEY_F7}, {"f8", KEY_F8}, {"f9", KEY_F9}, {"f10", KEY_F10},
	{"f11", KEY_F11}, {"f12", KEY_F12}, {"num_lock", KEY_NUMLOCK}, {"scroll_lock", KEY_SCROLLLOCK}, {"kp_divide", KEY_KPSLASH},
	{"kp_multiply", KEY_KPASTERISK}, {"kp_subtract", KEY_KPMINUS}, {"kp_add", KEY_KPPLUS}, {"kp_enter", KEY_KPENTER}, {"kp_decimal", KEY_KPDOT},
	{"sysrq", KEY_SYSRQ}, {"kp_0", KEY_KP0}, {"kp_1", KEY_KP1}, {"kp_2", KEY_KP2}, {"kp_3", KEY_KP3}, {"kp_4", KEY_KP4}, {"kp_5", KEY_KP5},
	{"kp_6", KEY_KP6}, {"kp_7", KEY_KP7}, {"kp_8", KEY_KP8}, {"kp_9", KEY_KP9}, {"less", KEY_102ND}, {"print", KEY_SYSRQ}, {"home", KEY_HOME},
	{"pgup", KEY_PAGEUP}, {"pgdn", KEY_PAGEDOWN}, {"end", KEY_END}, {"left", KEY_LEFT}, {"up", KEY_UP}, {"down", KEY_DOWN},
	{"right", KEY_RIGHT}, {"insert", KEY_INSERT}, {"delete", KEY_DELETE}, {"stop", KEY_STOP}, {"again", KEY_AGAIN}, {"props", KEY_PROPS},
	{"undo", KEY_UNDO}, {"front", KEY_FRONT}, {"copy", KEY_COPY}, {"open", KEY_OPEN}, {"paste", KEY_PASTE}, {"find", KEY_FIND},
	{"cut", KEY_CUT}, {"lf", KEY_LINEFEED}, {"help", KEY_HELP}, {"meta_l", KEY_LEFTMETA}, {"meta_r", KEY_RIGHTMETA}, {"compose", KEY_COMPOSE},
	{"pause", KEY_PAUSE}, {"ro", KEY_RO}, {"hiragana", KEY_HIRAGANA}, {"henkan", KEY_HENKAN}, {"yen", KEY_YEN}, {"muhenkan", KEY_MUHENKAN},
	{"katakanahiragana", KEY_KATAKANAHIRAGANA}, {"kp_comma", KEY_KPCOMMA}, {"kp_equals", KEY_KPEQUAL}, {"power", KEY_POWER},
	{"sleep", KEY_SLEEP}, {"wake", KEY_WAKEUP}, {"audionext", KEY_NEXTSONG}, {"audioprev", KEY_PREVIOUSSONG}, {"audiostop", KEY_STOPCD},
	{"audioplay", KEY_PLAYPAUSE}, {"audiomute", KEY_MUTE}, {"volumeup", KEY_VOLUMEUP}, {"volumedown", KEY_VOLUMEDOWN},
	{"mediaselect", KEY_MEDIA}, {"mail", KEY_MAIL}, {"calculator", KEY_CALC}, {"computer", KEY_COMPUTER}, {"ac_home", KEY_HOMEPAGE},
	{"ac_back", KEY_BACK}, {"ac_forward", KEY_FORWARD}, {"ac_refresh", KEY_REFRESH}, {"ac_bookmarks", KEY_BOOKMARKS}, {"unmapped", 0},
};

/* Numbers are scan codes of set 1; bit 7 stands for the prefix e0. Below 59h they are the Linux codes. */
static const struct {
	uint8_t number, code;
} extended[] = {
	{0x10, KEY_PREVIOUSSONG}, {0x19, KEY_NEXTSONG}, {0x1c, KEY_KPENTER}, {0x1d, KEY_RIGHTCTRL}, {0x20, KEY_MUTE}, {0x21, KEY_CALC},
	{0x22, KEY_PLAYPAUSE}, {0x24, KEY_STOPCD}, {0x2e, KEY_VOLUMEDOWN}, {0x30, KEY_VOLUMEUP}, {0x32, KEY_HOMEPAGE}, {0x35, KEY_KPSLASH},
	{0x37, KEY_SYSRQ}, {0x38, KEY_RIGHTALT}, {0x46, KEY_PAUSE}, {0x47, KEY_HOME}, {0x48, KEY_UP}, {0x49, KEY_PAGEUP}, {0x4b, KEY_LEFT},
	{0x4d, KEY_RIGHT}, {0x4f, KEY_END}, {0x50, KEY_DOWN}, {0x51, KEY_PAGEDOWN}, {0x52, KEY_INSERT}, {0x53, KEY_DELETE},
	{0x5b, KEY_LEFTMETA}, {0x5c, KEY_RIGHTMETA}, {0x5d, KEY_COMPOSE}, {0x5e, KEY_POWER}, {0x5f, KEY_SLEEP}, {0x63, KEY_WAKEUP},
	{0x65, KEY_SEARCH}, {0x66, KEY_BOOKMARKS}, {0x67, KEY_REFRESH}, {0x68, KEY_STOP}, {0x69, KEY_FORWARD}, {0x6a, KEY_BACK},
	{0x6b, KEY_COMPUTER}, {0x6c, KEY_MAIL}, {0x6d, KEY_MEDIA},
};
static const struct {
	uint8_t number, code;
} high[] = {
	{0x59, KEY_KPEQUAL}, {0x5c, KEY_KPJPCOMMA}, {0x70, KEY_KATAKANAHIRAGANA}, {0x71, KEY_HANJA}, {0x72, KEY_HANGEUL}, {0x73, KEY_RO},
	{0x77, KEY_HIRAGANA}, {0x79, KEY_HENKAN}, {0x7b, KEY_MUHENKAN}, {0x7d, KEY_YEN}, {0x7e, KEY_KPCOMMA},
};

static unsigned key_of_number(json_int_t n)
{
	if (n >= 1 && n <= KEY_F12 && n != 84)
		return (unsigned)n;
	for (unsigned i = 0; i < sizeof high / sizeof *high; i++)
		if (high[i].number == n)
			return high[i].code;
	for (unsigned i = 0; i < sizeof extended / sizeof *extended; i++)
		if ((extended[i].number | 0x80) == n)
			return extended[i].code;
	return 0;
}

/* {"type": "qcode", "data": "a"} or {"type": "number", "data": 30} as a Linux code; -1 with e filled. 0: a key that nothing has. */
static int key_of_value(const json_t *v, struct err *e)
{
	const char *type = json_string_value(json_object_get(v, "type")), *name = json_string_value(json_object_get(v, "data"));
	const json_t *number = json_object_get(v, "data");

	if (type && !strcmp(type, "number") && json_is_integer(number)) {
		unsigned code = key_of_number(json_integer_value(number));
		if (code)
			return (int)code;
		err_set(e, EINVAL, "Invalid parameter '%lld': no key has that number", (long long)json_integer_value(number));
	} else if (type && !strcmp(type, "qcode") && name) {
		for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
			if (!strcmp(keys[i].name, name))
				return keys[i].code;
		err_set(e, EINVAL, "Invalid parameter '%.40s': no key has that name", name);
	} else {
		err_set(e, EINVAL, "a key is {'type': 'qcode', 'data': NAME} or {'type': 'number', 'data': SCANCODE}");
	}
	return -1;
}

/* ---- send-key: down in order, up in the opposite order after the time; what comes meanwhile waits its turn ---- */

enum { KEYS_MAX = 16, HOLD_MS = 100, HOLD_MAX_MS = 60000, WAITING_MAX = 1024 };

struct held {
	struct machine *machine;
	struct timer *timer;
	struct held *next;
	uint64_t hold_ns;
	unsigned count;
	uint16_t code[KEYS_MAX];
};

static void held_free(struct held *h)
{
	timer_free(h->timer);
	free(h);
}

static void press(struct held *h)
{
	for (unsigned i = 0; i < h->count; i++)
		input_key(h->machine, h->code[i], true);
	input_sync(h->machine);
	timer_set(h->timer, clock_ns(h->machine, CLOCK_REAL) + h->hold_ns);
}

static void let_go(void *opaque)
{
	struct held *h = opaque, **first = &h->machine->parts->held;

	while (h->count)
		input_key(h->machine, h->code[--h->count], false);
	input_sync(h->machine);
	*first = h->next;
	if (*first)
		press(*first);
	held_free(h);
}

void input_held_free(struct machine *m)
{
	while (m->parts->held) {
		struct held *h = m->parts->held;
		m->parts->held = h->next;
		held_free(h);
	}
}

static json_t *send_key(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const json_t *list = json_object_get(args, "keys"), *hold = json_object_get(args, "hold-time"), *v;
	json_int_t ms = hold ? json_integer_value(hold) : HOLD_MS;
	struct machine *m = opaque;
	struct held *h, **last = &m->parts->held;
	unsigned waiting = 0;
	size_t n;

	(void)call;
	if (json_array_size(list) > KEYS_MAX || ms < 1 || ms > HOLD_MAX_MS) {
		err_set(e, EINVAL, "keys: at most %d; hold-time: 1 to %d ms", KEYS_MAX, HOLD_MAX_MS);
		return NULL;
	}
	for (; *last; last = &(*last)->next)
		waiting++;
	h = waiting < WAITING_MAX ? calloc(1, sizeof *h) : NULL;
	if (!h || !(h->timer = timer_new(m, CLOCK_REAL, let_go, h))) {
		free(h);
		err_set(e, ENOMEM, "too many keys wait to be pressed");
		return NULL;
	}
	h->machine = m;
	h->hold_ns = (uint64_t)ms * 1000000;
	json_array_foreach(list, n, v) {
		int code = key_of_value(v, e);
		if (code < 0) {
			held_free(h);
			return NULL;
		}
		if (code)
			h->code[h->count++] = (uint16_t)code;
	}
	if (!input_takes_keys(m)) {
		held_free(h);
		err_set(e, ENODEV, "the machine has no keyboard");
		return NULL;
	}
	*last = h;
	if (!waiting)
		press(h);
	return NULL;
}
static const struct ctl_arg send_key_args[] = {{"keys", 'a', false}, {"hold-time", 'i', true}, {0}};
static const struct ctl_command send_key_row = {.name = "send-key", .args = send_key_args, .run = send_key};
CTL_COMMAND(send_key_row);

/* ---- input-send-event ---- */

struct event {
	enum { EVENT_KEY, EVENT_BUTTON, EVENT_WHEEL, EVENT_RELATIVE, EVENT_ABSOLUTE } kind;
	int code, value;
	bool down;
};

static bool parse_button(const json_t *data, struct event *ev, struct err *e)
{
	static const struct { const char *name; int code; } buttons[] = {{"left", BTN_LEFT}, {"middle", BTN_MIDDLE}, {"right", BTN_RIGHT}, {"side", BTN_SIDE},
									{"extra", BTN_EXTRA}};
	const char *name = json_string_value(json_object_get(data, "button"));

	ev->down = json_is_true(json_object_get(data, "down"));
	ev->kind = EVENT_BUTTON;
	for (unsigned i = 0; name && i < sizeof buttons / sizeof *buttons; i++)
		if (!strcmp(name, buttons[i].name)) {
			ev->code = buttons[i].code;
			return true;
		}
	if (name && (!strcmp(name, "wheel-up") || !strcmp(name, "wheel-down"))) {
		ev->kind = EVENT_WHEEL;
		ev->value = name[6] == 'u' ? 1 : -1;
		return true;
	}
	err_set(e, EINVAL, "Invalid parameter 'button': it is one of left, middle, right, wheel-up, wheel-down, side, extra");
	return false;
}

static bool parse_axis(const json_t *data, bool absolute, struct event *ev, struct err *e)
{
	const char *axis = json_string_value(json_object_get(data, "axis"));
	json_int_t value = json_integer_value(json_object_get(data, "value"));

	if (!axis || (strcmp(axis, "x") && strcmp(axis, "y"))) {
		err_set(e, EINVAL, "Invalid parameter 'axis': it is one of x, y");
		return false;
	}
	if (value < (absolute ? 0 : -32768) || value > 32767) {
		err_set(e, EINVAL, "Invalid parameter 'value': %s", absolute ? "0 to 32767" : "-32768 to 32767");
		return false;
	}
	*ev = (struct event){.kind = absolute ? EVENT_ABSOLUTE : EVENT_RELATIVE, .code = *axis, .value = (int)value};
	return true;
}

static bool parse_event(const json_t *v, struct event *ev, struct err *e)
{
	const char *type = json_string_value(json_object_get(v, "type"));
	const json_t *data = json_object_get(v, "data");

	*ev = (struct event){.kind = EVENT_KEY};
	if (type && !strcmp(type, "key")) {
		ev->code = key_of_value(json_object_get(data, "key"), e);
		ev->down = json_is_true(json_object_get(data, "down"));
		return ev->code >= 0;
	}
	if (type && !strcmp(type, "btn"))
		return parse_button(data, ev, e);
	if (type && (!strcmp(type, "rel") || !strcmp(type, "abs")))
		return parse_axis(data, *type == 'a', ev, e);
	err_set(e, EINVAL, "Invalid parameter 'type': an event is one of key, btn, rel, abs");
	return false;
}

/* Where the pointer is, between two messages of which each has one axis. */
static bool pass_on(struct machine *m, const struct event *ev)
{
	unsigned *at = m->parts->pointer;

	switch (ev->kind) {
	case EVENT_KEY: return !ev->code || input_key(m, (unsigned)ev->code, ev->down);
	case EVENT_BUTTON: return input_button(m, (unsigned)ev->code, ev->down);
	case EVENT_WHEEL: return !ev->down || input_wheel(m, ev->value);
	case EVENT_RELATIVE: return input_motion(m, ev->code == 'x' ? ev->value : 0, ev->code == 'y' ? ev->value : 0);
	default:
		at[ev->code == 'y'] = (unsigned)ev->value;
		return input_position(m, at[0], at[1]);
	}
}

static json_t *send_event(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const json_t *list = json_object_get(args, "events"), *v;
	struct machine *m = opaque;
	struct event ev;
	bool taken = true;
	size_t n;

	(void)call;
	/* All of them are looked at before one is passed on. */
	json_array_foreach(list, n, v)
		if (!parse_event(v, &ev, e))
			return NULL;
	json_array_foreach(list, n, v) {
		parse_event(v, &ev, e);
		taken &= pass_on(m, &ev);
	}
	input_sync(m);
	if (!taken)
		err_set(e, ENODEV, "Input handler not found for event type");
	return NULL;
}
static const struct ctl_arg event_args[] = {{"device", 's', true}, {"head", 'i', true}, {"events", 'a', false}, {0}};
static const struct ctl_command event_row = {.name = "input-send-event", .args = event_args, .run = send_event};
CTL_COMMAND(event_row);

/* ---- x-input: by Linux codes ---- */

static json_t *input_event(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const json_t *list = json_object_get(args, "events"), *ev;
	struct machine *m = opaque;
	size_t n;
	bool taken = true;

	(void)call;
	json_array_foreach(list, n, ev) {
		const char *type = json_string_value(json_object_get(ev, "type"));
		json_int_t code = json_integer_value(json_object_get(ev, "code")), x = json_integer_value(json_object_get(ev, "x")),
			   y = json_integer_value(json_object_get(ev, "y"));
		bool down = json_is_true(json_object_get(ev, "down"));
		if (!type || code < 0 || code > 0x2ff || x < -32768 || x > 32767 || y < -32768 || y > 32767) {
			err_set(e, EINVAL, "an event has a type, and a code up to 767 or coordinates up to 32767");
			return NULL;
		}
		if (!strcmp(type, "key"))
			taken &= input_key(m, (unsigned)code, down);
		else if (!strcmp(type, "button"))
			taken &= input_button(m, (unsigned)code, down);
		else if (!strcmp(type, "rel"))
			taken &= input_motion(m, (int)x, (int)y);
		else if (!strcmp(type, "abs"))
			taken &= input_position(m, (unsigned)(x < 0 ? 0 : x), (unsigned)(y < 0 ? 0 : y));
		else if (!strcmp(type, "wheel"))
			taken &= input_wheel(m, (int)y);
		else
			err_set(e, EINVAL, "the type of an event is one of: key, button, rel, abs, wheel");
	}
	input_sync(m);
	if (!taken && !e->code)
		err_set(e, ENODEV, "the machine has no device that takes such events");
	return NULL;
}
static const struct ctl_arg events_args[] = {{"events", 'a', false}, {0}};
static const struct ctl_command input_row = {.name = "x-input", .args = events_args, .run = input_event};
CTL_COMMAND(input_row);

/* ---- which pointer ---- */

static json_t *query_mice(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_t *list = json_array();
	unsigned index;
	bool absolute;
	const char *name;

	(void)call, (void)args, (void)e;
	for (unsigned n = 0; (name = input_pointer(opaque, n, &index, &absolute)); n++)
		json_array_append_new(list, json_pack("{s:s, s:i, s:b, s:b}", "name", name, "index", (int)index, "current", n == 0, "absolute", absolute));
	return list;
}
static const struct ctl_command mice_row = {.name = "query-mice", .run = query_mice};
CTL_COMMAND(mice_row);

static json_t *mouse_set(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_int_t index = json_integer_value(json_object_get(args, "index"));

	(void)call;
	if (index < 0 || index > 1000 || input_choose(opaque, (unsigned)index) < 0)
		err_set(e, ENOENT, "Mouse at index '%lld' not found", (long long)index);
	return NULL;
}
static const struct ctl_arg mouse_args[] = {{"index", 'i', false}, {0}};
static const struct ctl_command mouse_row = {.name = "x-mouse-set", .args = mouse_args, .run = mouse_set};
CTL_COMMAND(mouse_row);
