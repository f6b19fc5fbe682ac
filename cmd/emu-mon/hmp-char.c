/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: character back ends, ring buffers, descriptors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hmp-rows.h"

static void info_chardev(struct task *t, const struct hmp_args *a)
{
	json_t *list, *o;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-chardev", NULL, &list))
		return;
	json_array_foreach(list, n, o)
		fprintf(t->out, "%s: filename=%s\n", text_of(o, "label"), text_of(o, "filename"));
	json_decref(list);
}

/* As -chardev has it; the part that has the back ends reads it. */
static void add(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_SUPER, NULL, "chardev-add", json_pack("{s:s}", "backend", arg_str(a, "args")), &e);

	if (!r)
		hmp_error(t, &e);
	json_decref(r);
}

static void change(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_SUPER, NULL, "chardev-change", json_pack("{s:s, s:s}", "id", arg_str(a, "id"), "backend", arg_str(a, "args")), &e);

	if (!r)
		hmp_error(t, &e);
	json_decref(r);
}

static void remove_one(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "chardev-remove", json_pack("{s:s}", "id", arg_str(a, "id")), NULL);
}

static void send_break(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "chardev-send-break", json_pack("{s:s}", "id", arg_str(a, "id")), NULL);
}

static void ring_write(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "ringbuf-write", json_pack("{s:s, s:s}", "device", arg_str(a, "device"), "data", arg_str(a, "data")), NULL);
}

static void ring_read(struct task *t, const struct hmp_args *a)
{
	json_t *r;

	if (!hmp_call(t, "ringbuf-read", json_pack("{s:s, s:I}", "device", arg_str(a, "device"), "size", (json_int_t)arg_int(a, "size", 0)), &r))
		return;
	for (const char *p = json_string_value(r); p && *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (c == '\\')
			fprintf(t->out, "\\\\");
		else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			fprintf(t->out, "\\u%04X", c);
		else
			fputc(c, t->out);
	}
	fputc('\n', t->out);
	json_decref(r);
}

static void getfd(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "getfd", json_pack("{s:s}", "fdname", arg_str(a, "fdname")), NULL);
}

static void closefd(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "closefd", json_pack("{s:s}", "fdname", arg_str(a, "fdname")), NULL);
}

const struct hmp_row hmp_char_rows[] = {
	{.name = "chardev-add", .args = "args:s", .params = "args", .help = "add a character back end, as -chardev does", .run = add},
	{.name = "chardev-change", .args = "id:s,args:s", .params = "id args", .help = "put another back end in its place", .run = change},
	{.name = "chardev-remove", .args = "id:s", .params = "id", .help = "remove a character back end", .run = remove_one},
	{.name = "chardev-send-break", .args = "id:s", .params = "id", .help = "send a break, as if it came from the other end", .run = send_break},
	{.name = "ringbuf_write", .args = "device:s,data:s", .params = "device data", .help = "put text into a ring buffer", .run = ring_write},
	{.name = "ringbuf_read", .args = "device:s,size:i", .params = "device size", .help = "take text out of a ring buffer", .run = ring_read},
	{.name = "getfd", .args = "fdname:s", .params = "getfd name", .help = "keep a descriptor that came with the line, under a name", .run = getfd},
	{.name = "closefd", .args = "fdname:s", .params = "closefd name", .help = "close a kept descriptor", .run = closefd},
	{0}};

const struct hmp_row hmp_char_info_rows[] = {
	{.name = "chardev", .help = "show the character back ends", .run = info_chardev},
	{0}};
