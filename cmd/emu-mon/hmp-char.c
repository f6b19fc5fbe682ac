/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: character back ends, ring buffers, descriptors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
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
	char *text = NULL;
	json_t *r;

	/* A description has an id; here it is the one that is given before it. */
	if (asprintf(&text, "%s,id=%s", arg_str(a, "args"), arg_str(a, "id")) < 0)
		return;
	r = part_call(t, PART_SUPER, NULL, "chardev-change", json_pack("{s:s, s:s}", "id", arg_str(a, "id"), "backend", text), &e);
	free(text);
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

/* emu-cpu by itself, without a supervisor: this process makes the socket and gives it away. */
static json_t *gdb_by_hand(struct task *t, const char *device, struct err *e)
{
	char *text = strdup(device), *port, *end;
	json_t *r;
	int fd;

	if (!text) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	end = text + strcspn(text, ",");
	*end = '\0';
	if (!strcmp(text, "none")) {
		free(text);
		return part_call(t, PART_CPU, NULL, "x-gdbserver", json_pack("{s:s}", "device", "none"), e);
	}
	port = strrchr(text, ':');
	if (!strncmp(text, "unix:", 5)) {
		fd = sock_listen_unix(text + 5, SOCK_STREAM, 0600, e);
	} else if (!strncmp(text, "tcp:", 4) && port > text + 3) {
		*port = '\0';
		fd = sock_listen_tcp(text + 4, port + 1, false, false, e);
	} else {
		fd = err_set(e, ENOTSUP, "a machine without a supervisor takes debuggers at tcp:[HOST]:PORT and unix:PATH");
	}
	free(text);
	if (fd < 0)
		return NULL;
	r = part_call_fds(t, PART_CPU, NULL, "x-gdbserver", NULL, &fd, 1, NULL, e);
	close(fd);
	return r;
}

static void gdbserver(struct task *t, const struct hmp_args *a)
{
	const char *device = arg_str(a, "device") ? arg_str(a, "device") : "tcp::1234";
	struct err e = ERR_INIT;
	json_t *r = task_offered(t, PART_SUPER, "x-gdb-device")
			    ? part_call(t, PART_SUPER, NULL, "x-gdb-device", json_pack("{s:s}", "device", device), &e)
			    : gdb_by_hand(t, device, &e);

	if (!r) {
		fprintf(t->out, "Could not open gdbserver on device '%s'\n", device);
		complain(t, &e);
		return;
	}
	json_decref(r);
	if (!strcmp(device, "none"))
		fputs("Disabled gdbserver\n", t->out);
	else
		fprintf(t->out, "Waiting for gdb connection on device '%s'\n", device);
}

const struct hmp_row hmp_char_rows[] = {
	{.name = "chardev-add", .args = "args:s", .params = "args", .help = "add a character back end, as -chardev does", .run = add},
	{.name = "chardev-change", .args = "id:s,args:s", .params = "id args", .help = "put another back end in its place", .run = change},
	{.name = "chardev-remove", .args = "id:s", .params = "id", .help = "remove a character back end", .run = remove_one},
	{.name = "chardev-send-break", .args = "id:s", .params = "id", .help = "send a break, as if it came from the other end", .run = send_break},
	{.name = "ringbuf_write", .args = "device:s,data:s", .params = "device data", .help = "put text into a ring buffer", .run = ring_write},
	{.name = "ringbuf_read", .args = "device:s,size:i", .params = "device size", .help = "take text out of a ring buffer", .run = ring_read},
	{.name = "getfd", .args = "fdname:s", .params = "getfd name", .help = "keep a descriptor that came with the line, under a name", .run = getfd},
	{.name = "gdbserver", .args = "device:s?", .params = "[device]",
	 .help = "let a debugger in at tcp::1234 or another device; 'none' ends that", .run = gdbserver},
	{.name = "closefd", .args = "fdname:s", .params = "closefd name", .help = "close a kept descriptor", .run = closefd},
	{0}};

const struct hmp_row hmp_char_info_rows[] = {
	{.name = "chardev", .help = "show the character back ends", .run = info_chardev},
	{0}};
