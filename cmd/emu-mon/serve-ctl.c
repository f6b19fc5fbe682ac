/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mon.ctl: QMP's commands about character back ends, as the part has them that owns those. */
#include "serve-own.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "crypto/object.h"

#define RING_READ (1 << 20)

/* There is one in a process: the commands' opaque. */
struct serve_ctl {
	struct chardevs *chars;
	void (*stop)(void *opaque);
	void (*go)(void *opaque);
	void (*load)(void *opaque, const char *tag, void (*done)(void *call, const char *words, bool failed), void *call);
	void *opaque;
};

static const char *text(const json_t *args, const char *name)
{
	return json_string_value(json_object_get(args, name));
}

static void list_one(void *opaque, const struct char_info *info)
{
	json_array_append_new(opaque, json_pack("{s:s, s:s, s:b}", "label", info->id, "filename", info->filename, "frontend-open", info->open));
}

static json_t *query_chardev(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	chardevs_each(s->chars, list_one, list);
	return list;
}
static const struct ctl_command query_row = {.name = "query-chardev", .run = query_chardev};

static json_t *query_backends(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_t *list = json_array();
	const char *name;

	(void)opaque, (void)call, (void)args, (void)e;
	for (unsigned i = 0; (name = char_class_name(i)); i++)
		json_array_append_new(list, json_pack("{s:s}", "name", name));
	return list;
}
static const struct ctl_command backends_row = {.name = "query-chardev-backends", .run = query_backends};

/* chardev-add and chardev-change: backend is QMP's object, or -chardev's text (HMP). */
static int take_spec(const json_t *args, struct char_spec *spec, struct err *e)
{
	const json_t *backend = json_object_get(args, "backend");

	if (json_is_string(backend))
		return char_spec_parse(json_string_value(backend), spec, e);
	return char_spec_from_qmp(text(args, "id") ? text(args, "id") : "", backend, spec, e);
}

static json_t *chardev_add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;
	struct char_spec spec;
	struct chardev *c;
	json_t *result = NULL;

	(void)call;
	if (take_spec(args, &spec, e) < 0)
		return NULL;
	c = chardevs_add(s->chars, &spec, e);
	if (c)
		serve_note(s->opaque, spec.id, &spec);
	if (c)
		result = chardev_pty(c) ? json_pack("{s:s}", "pty", chardev_pty(c)) : json_object();
	char_spec_free(&spec);
	return result;
}
static const struct ctl_arg add_args[] = {{.name = "id", .type = 's', .optional = true}, {.name = "backend", .type = '*'}, {0}};
static const struct ctl_command add_row = {.name = "chardev-add", .args = add_args, .run = chardev_add};

static json_t *chardev_change(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;
	struct char_spec spec;
	struct chardev *c;
	json_t *result = NULL;

	(void)call;
	if (take_spec(args, &spec, e) < 0)
		return NULL;
	if (chardevs_change(s->chars, text(args, "id") ? text(args, "id") : spec.id, &spec, e) == 0) {
		serve_note(s->opaque, text(args, "id") ? text(args, "id") : spec.id, &spec);
		c = chardevs_find(s->chars, text(args, "id") ? text(args, "id") : spec.id);
		result = chardev_pty(c) ? json_pack("{s:s}", "pty", chardev_pty(c)) : json_object();
	}
	char_spec_free(&spec);
	return result;
}
static const struct ctl_command change_row = {.name = "chardev-change", .args = add_args, .run = chardev_change};

static const struct ctl_arg id_args[] = {{.name = "id", .type = 's'}, {0}};

static json_t *chardev_remove(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;

	(void)call;
	if (chardevs_remove(s->chars, text(args, "id"), e) == 0)
		serve_note(s->opaque, text(args, "id"), NULL);
	return NULL;
}
static const struct ctl_command remove_row = {.name = "chardev-remove", .args = id_args, .run = chardev_remove};

static json_t *send_break(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;

	(void)call;
	chardevs_send_break(s->chars, text(args, "id"), e);
	return NULL;
}
static const struct ctl_command break_row = {.name = "chardev-send-break", .args = id_args, .run = send_break};

/* ---- ring buffers ---- */

static struct chardev *ring(struct serve_ctl *s, const json_t *args, struct err *e)
{
	struct chardev *c = chardevs_find(s->chars, text(args, "device"));

	if (!c)
		err_set(e, ENODEV, "Device '%.200s' not found", text(args, "device"));
	return c;
}

/* format: utf8 (default) or base64. */
static int is_base64(const json_t *args, struct err *e)
{
	const char *format = text(args, "format");

	if (!format || !strcmp(format, "utf8"))
		return 0;
	return !strcmp(format, "base64") ? 1 : err_set(e, EINVAL, "Invalid parameter '%.100s': utf8 or base64 expected", format);
}

static json_t *ring_write(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *data = text(args, "data");
	struct chardev *c = ring(opaque, args, e);
	int base64 = is_base64(args, e);
	size_t n = json_string_length(json_object_get(args, "data"));
	uint8_t *bytes = NULL;

	(void)call;
	if (!c || base64 < 0)
		return NULL;
	if (base64 && !(bytes = base64_get("data", data, n, &n, e)))
		return NULL;
	chardev_ring_write(c, bytes ? (const char *)bytes : data, n, e);
	free(bytes);
	return NULL;
}
static const struct ctl_arg write_args[] = {{.name = "device", .type = 's'}, {.name = "data", .type = 's'},
					    {.name = "format", .type = 's', .optional = true}, {0}};
static const struct ctl_command write_row = {.name = "ringbuf-write", .args = write_args, .run = ring_write};

static json_t *encode(const uint8_t *data, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = malloc((n + 2) / 3 * 4 + 1), *p = out;
	json_t *v;

	for (size_t i = 0; out && i < n; i += 3) {
		uint32_t w = (uint32_t)data[i] << 16 | (i + 1 < n ? (uint32_t)data[i + 1] << 8 : 0) | (i + 2 < n ? data[i + 2] : 0);
		*p++ = digits[w >> 18];
		*p++ = digits[w >> 12 & 63];
		*p++ = i + 1 < n ? digits[w >> 6 & 63] : '=';
		*p++ = i + 2 < n ? digits[w & 63] : '=';
	}
	v = out ? json_stringn(out, (size_t)(p - out)) : NULL;
	free(out);
	return v;
}

/* Bytes that are no UTF-8 become U+FFFD: a guest may print anything. */
static json_t *as_text(const uint8_t *data, size_t n)
{
	char *out = malloc(n * 3 + 1);
	size_t to = 0;
	json_t *v;

	for (size_t i = 0; out && i < n;) {
		size_t len = data[i] < 0x80 ? 1 : data[i] >= 0xf0 ? 4 : data[i] >= 0xe0 ? 3 : data[i] >= 0xc2 ? 2 : 0;
		json_t *one = len && i + len <= n ? json_stringn((const char *)data + i, len) : NULL;
		if (one) {
			memcpy(out + to, data + i, len);
			to += len;
			i += len;
			json_decref(one);
		} else {
			memcpy(out + to, "\xef\xbf\xbd", 3);
			to += 3;
			i++;
		}
	}
	v = out ? json_stringn(out, to) : NULL;
	free(out);
	return v;
}

static json_t *ring_read(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_int_t size = json_integer_value(json_object_get(args, "size"));
	struct chardev *c = ring(opaque, args, e);
	int base64 = is_base64(args, e);
	uint8_t *data;
	ssize_t n;
	json_t *v = NULL;

	(void)call;
	if (!c || base64 < 0)
		return NULL;
	if (size <= 0) {
		err_set(e, EINVAL, "size must be greater than zero");
		return NULL;
	}
	data = malloc(RING_READ);
	n = data ? chardev_ring_read(c, data, size > RING_READ ? RING_READ : (size_t)size, e) : err_set(e, ENOMEM, "out of memory");
	if (n >= 0)
		v = base64 ? encode(data, (size_t)n) : as_text(data, (size_t)n);
	free(data);
	if (!v && !e->code)
		err_set(e, ENOMEM, "out of memory");
	return v;
}
static const struct ctl_arg read_args[] = {{.name = "device", .type = 's'}, {.name = "size", .type = 'i'},
					   {.name = "format", .type = 's', .optional = true}, {0}};
static const struct ctl_command read_row = {.name = "ringbuf-read", .args = read_args, .run = ring_read};

/* From a monitor's device_add: emu-cpu's end of a stream for one more device at the back end. */
static json_t *port(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;
	struct chardev *c = chardevs_find(s->chars, text(args, "id"));
	json_t *r;
	int fd;

	if (!c) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENODEV, "Chardev '%.200s' not found", text(args, "id"));
		return NULL;
	}
	r = serve_port(s->opaque, c, json_object_get(args, "streams"), &fd, e);
	if (fd >= 0) {
		ctl_send_fd(call, fd);
		close(fd);
	}
	return r;
}
static const struct ctl_arg port_args[] = {{.name = "id", .type = 's'}, {.name = "streams", .type = '*'}, {0}};
static const struct ctl_command port_row = {.name = "x-chardev-port", .args = port_args, .run = port};

/* From nbd-server-start and its kin: the socket that waits for a disk, or who has it; with set: that. */
static json_t *nbd_server(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;
	json_t *set = json_object_get(args, "set");
	const json_t *now;
	int fd;

	(void)e;
	if (set) {
		serve_nbd_set(s->opaque, set, ctl_take_fd(call, 0));
		return NULL;
	}
	now = serve_nbd(s->opaque, &fd);
	if (fd >= 0)
		ctl_send_fd(call, fd);
	return now ? json_deep_copy(now) : NULL;
}
static const struct ctl_arg nbd_args[] = {{.name = "set", .type = 'o', .optional = true}, {0}};
static const struct ctl_command nbd_row = {.name = "x-nbd-server", .args = nbd_args, .run = nbd_server};

/* From the supervisor: commands have someone to go to now. */
static json_t *go(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;

	(void)call, (void)args, (void)e;
	s->go(s->opaque);
	return NULL;
}
static const struct ctl_command go_row = {.name = "x-go", .run = go};

static json_t *gdb_device(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;

	(void)call;
	serve_debugger(s->opaque, text(args, "device"), e);
	return NULL;
}
static const struct ctl_arg gdb_args[] = {{.name = "device", .type = 's'}, {0}};
static const struct ctl_command gdb_row = {.name = "x-gdb-device", .args = gdb_args, .run = gdb_device};

/* From the supervisor: -loadvm, before anything else may touch the machine. */
static void state_loaded(void *opaque, const char *words, bool failed)
{
	struct err e = ERR_INIT;
	size_t n = strcspn(words, "\n");

	if (failed) {
		bool prefixed = n > 7 && !memcmp(words, "Error: ", 7);
		err_set(&e, EIO, "%.*s", (int)(prefixed ? n - 7 : n), prefixed ? words + 7 : words);
	}
	ctl_reply(opaque, NULL, failed ? &e : NULL);
}

static json_t *loadvm(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct serve_ctl *s = opaque;

	(void)e;
	s->load(s->opaque, text(args, "name"), state_loaded, call);
	return CTL_LATER;
}
static const struct ctl_arg name_args[] = {{.name = "name", .type = 's'}, {0}};
static const struct ctl_command loadvm_row = {.name = "x-loadvm", .args = name_args, .run = loadvm};

static const struct ctl_command *const rows[] = {&go_row, &loadvm_row, &gdb_row, &port_row, &nbd_row, &query_row, &backends_row, &add_row, &change_row, &remove_row, &break_row, &write_row, &read_row};

static void closed(void *opaque)
{
	struct serve_ctl *s = opaque;
	s->stop(s->opaque);
}

struct ctl_server *serve_ctl_new(struct loop *l, struct chardevs *chars, const struct serve_hooks *hooks, void *opaque, struct err *e)
{
	static struct serve_ctl own;
	struct ctl_config config = {.package = "emu-mon 1.0", .commands = rows, .count = sizeof rows / sizeof *rows, .control_closed = closed, .opaque = &own};

	own = (struct serve_ctl){chars, hooks->stop, hooks->go, hooks->load, opaque};
	return ctl_new(l, &config, e);
}

int serve_ctl_listen(struct ctl_server *s, const char *run_dir, struct err *e)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/mon.ctl", run_dir);

	return n >= (int)sizeof path ? err_set(e, ENAMETOOLONG, "%s: too long a path", run_dir) : ctl_listen(s, path, e);
}
