/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: keys, pointers and pictures of the screen. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hmp-rows.h"

static const char *const keys[] = {
	"shift", "shift_r", "alt", "alt_r", "ctrl", "ctrl_r", "menu", "esc", "minus", "equal", "backspace", "tab", "ret", "spc", "f1", "f2", "f3", "f4",
	"f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "caps_lock", "num_lock", "scroll_lock", "bracket_left", "bracket_right", "semicolon",
	"apostrophe", "grave_accent", "backslash", "comma", "dot", "slash", "less", "asterisk", "kp_0", "kp_1", "kp_2", "kp_3", "kp_4", "kp_5", "kp_6",
	"kp_7", "kp_8", "kp_9", "kp_divide", "kp_multiply", "kp_subtract", "kp_add", "kp_enter", "kp_decimal", "kp_comma", "kp_equals", "sysrq", "print",
	"home", "pgup", "pgdn", "end", "left", "up", "down", "right", "insert", "delete", "stop", "again", "props", "undo", "front", "copy", "open",
	"paste", "find", "cut", "lf", "help", "meta_l", "meta_r", "compose", "pause", "ro", "hiragana", "henkan", "yen", "muhenkan",
	"katakanahiragana", "power", "sleep", "wake", "audionext", "audioprev", "audiostop", "audioplay", "audiomute", "volumeup", "volumedown",
	"mediaselect", "mail", "calculator", "computer", "ac_home", "ac_back", "ac_forward", "ac_refresh", "ac_bookmarks"};

void hmp_key_names(FILE *out, const char *typed)
{
	size_t n = strlen(typed);

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!strncmp(keys[i], typed, n))
			fprintf(out, "%s\n", keys[i]);
	for (char c = '0'; c <= 'z'; c += c == '9' ? 'a' - '9' : 1)
		if (!n || (n == 1 && *typed == c))
			fprintf(out, "%c\n", c);
}

static bool is_key(const char *name)
{
	if (name[0] && !name[1] && (isdigit((unsigned char)*name) || islower((unsigned char)*name)))
		return true;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!strcmp(keys[i], name))
			return true;
	return false;
}

static void sendkey(struct task *t, const struct hmp_args *a)
{
	const char *p = arg_str(a, "keys");
	json_t *list = json_array(), *args;
	char name[40];

	for (;;) {
		size_t n = strcspn(p, "-");
		char *end;
		snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), p);
		/* The classic takes < for the key that has it. */
		if (!strcmp(name, "<"))
			snprintf(name, sizeof name, "less");
		unsigned long number = strtoul(name, &end, 16);
		if (is_key(name)) {
			json_array_append_new(list, json_pack("{s:s, s:s}", "type", "qcode", "data", name));
		} else if (!strncmp(name, "0x", 2) && end != name + 2 && !*end && number <= 0xff) {
			json_array_append_new(list, json_pack("{s:s, s:I}", "type", "number", "data", (json_int_t)number));
		} else {
			fprintf(t->out, "invalid parameter: %.*s\n", (int)n, p);
			t->failed = true;
			json_decref(list);
			return;
		}
		if (!p[n])
			break;
		p += n + 1;
	}
	args = json_pack("{s:o}", "keys", list);
	if (arg_has(a, "hold-time"))
		json_object_set_new(args, "hold-time", json_integer(arg_int(a, "hold-time", 100)));
	hmp_call(t, "send-key", args, NULL);
}

/* ---- pointers ---- */

static json_t *motion(const char *axis, long value)
{
	return json_pack("{s:s, s:{s:s, s:I}}", "type", "rel", "data", "axis", axis, "value", (json_int_t)value);
}

static json_t *press(const char *button, bool down)
{
	return json_pack("{s:s, s:{s:s, s:b}}", "type", "btn", "data", "button", button, "down", (int)down);
}

static void mouse_move(struct task *t, const struct hmp_args *a)
{
	long dx = strtol(arg_str(a, "dx"), NULL, 0), dy = strtol(arg_str(a, "dy"), NULL, 0);
	long dz = arg_str(a, "dz") ? strtol(arg_str(a, "dz"), NULL, 0) : 0;
	json_t *list = json_array();

	json_array_append_new(list, motion("x", dx));
	json_array_append_new(list, motion("y", dy));
	if (dz) {
		const char *wheel = dz > 0 ? "wheel-up" : "wheel-down";
		json_array_append_new(list, press(wheel, true));
		json_array_append_new(list, press(wheel, false));
	}
	hmp_call(t, "input-send-event", json_pack("{s:o}", "events", list), NULL);
}

static void mouse_button(struct task *t, const struct hmp_args *a)
{
	static const char *const names[] = {"left", "right", "middle"};
	long long mask = arg_int(a, "state", 0);
	json_t *list = json_array();

	for (unsigned i = 0; i < 3; i++)
		json_array_append_new(list, press(names[i], mask >> (i == 0 ? 0 : i == 1 ? 2 : 1) & 1));
	hmp_call(t, "input-send-event", json_pack("{s:o}", "events", list), NULL);
}

static void mouse_set(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_CPU, NULL, "x-mouse-set", json_pack("{s:I}", "index", (json_int_t)arg_int(a, "index", 0)), &e);

	if (!r)
		complain(t, &e);
	json_decref(r);
}

static void info_mice(struct task *t, const struct hmp_args *a)
{
	json_t *list, *o;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-mice", NULL, &list))
		return;
	if (!json_array_size(list))
		fprintf(t->out, "No mouse devices connected\n");
	json_array_foreach(list, n, o)
		fprintf(t->out, "%c Mouse #%lld: %s%s\n", true_of(o, "current") ? '*' : ' ', int_of(o, "index"), text_of(o, "name"),
			true_of(o, "absolute") ? " (absolute)" : "");
	json_decref(list);
}

/* ---- the screen ---- */

static void screendump(struct task *t, const struct hmp_args *a)
{
	json_t *args = json_pack("{s:s}", "filename", arg_str(a, "filename"));

	if (arg_str(a, "device"))
		json_object_set_new(args, "device", json_string(arg_str(a, "device")));
	if (arg_has(a, "head"))
		json_object_set_new(args, "head", json_integer(arg_int(a, "head", 0)));
	hmp_call(t, "screendump", args, NULL);
}

const struct hmp_row hmp_input_rows[] = {
	{.name = "sendkey", .args = "keys:s,hold-time:i?", .params = "keys [hold_ms]",
	 .help = "press keys together ('sendkey ctrl-alt-f1'), for 100 ms or as long as is said", .run = sendkey},
	{.name = "mouse_move", .args = "dx:s,dy:s,dz:s?", .params = "dx dy [dz]", .help = "move the pointer, and turn its wheel", .run = mouse_move},
	{.name = "mouse_button", .args = "state:i", .params = "state", .help = "set the pointer's buttons (1=L, 2=M, 4=R)", .run = mouse_button},
	{.name = "mouse_set", .args = "index:i", .params = "index", .help = "choose the pointer that gets the events", .run = mouse_set},
	{.name = "screendump", .args = "filename:F,device:s?,head:i?", .params = "filename [device [head]]",
	 .help = "save the screen as a PPM image, that of a display device and one of its heads", .run = screendump},
	{0}};

const struct hmp_row hmp_input_info_rows[] = {
	{.name = "mice", .help = "show which pointer gets the events", .run = info_mice},
	{0}};
