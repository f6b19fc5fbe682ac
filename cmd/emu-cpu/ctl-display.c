/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control commands: pictures and text of the screens, viewers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core.h"
#include "display-internal.h"
#include "display-server.h"
#include "screendump.h"

enum { CELLS_MAX = 32768 };

/* The screen of the card `device` (id or path), or the first; head: all cards here have one. */
static struct display *find(struct machine *m, const json_t *args, struct err *e)
{
	const char *device = json_string_value(json_object_get(args, "device"));
	struct display *d = m->displays;

	if (json_integer_value(json_object_get(args, "head")) != 0) {
		err_set(e, EINVAL, "there is no head %lld: cards have one, 0", (long long)json_integer_value(json_object_get(args, "head")));
		return NULL;
	}
	if (device) {
		struct device *dev = device_find(m, device);
		while (d && d->device != dev)
			d = d->next;
		if (!dev || !d) {
			err_set(e, ENODEV, "There is no console for device '%.100s'", device);
			return NULL;
		}
	}
	if (!d)
		err_set(e, ENODEV, "no screen: the machine has no graphics card");
	return d;
}

static json_t *screendump(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *format = json_string_value(json_object_get(args, "format"));
	int fd = ctl_take_fd(call, 0);
	struct display *d = fd < 0 ? NULL : find(opaque, args, e);
	bool png = format && !strcmp(format, "png");
	FILE *f;

	if (fd < 0)
		err_set(e, EBADF, "a file descriptor must come with the command");
	else if (format && !png && strcmp(format, "ppm"))
		err_set(e, EINVAL, "Invalid parameter '%.40s': format is one of ppm, png", format);
	if (d && !e->code) {
		d->ops->refresh(d->opaque);
		if (!d->pixels)
			err_set(e, ENODEV, "no surface: nothing was shown yet");
		else if (!(f = fdopen(fd, "wb")))
			err_errno(e, errno, "cannot write to the descriptor");
		else {
			if (png)
				screendump_png(d, f, e);
			else
				screendump_ppm(d, f, e);
			fclose(f);
			return NULL;
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}
static const struct ctl_arg dump_args[] = {{"filename", 's', true}, {"device", 's', true}, {"head", 'i', true}, {"format", 's', true}, {0}};
static const struct ctl_command dump_row = {.name = "screendump", .args = dump_args, .run = screendump};
CTL_COMMAND(dump_row);

/* ---- text ---- */

/* Code page 437 in Unicode, as its characters are shown (0 is blank). */
static const uint16_t low[32] = {
	0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9, 0x2642, 0x2640, 0x266a, 0x266b, 0x263c,
	0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7, 0x25ac, 0x21a8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};
static const uint16_t high[129] = {
	0x2302, /* 7fh */
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5,
	0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192,
	0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
	0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510,
	0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567,
	0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
	0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229,
	0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 63));
	} else {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	}
	return to;
}

/* Lines without the blanks at their ends. */
static json_t *lines(const uint16_t *cells, const struct display_text_info *t)
{
	json_t *list = json_array();
	char line[3 * 256 + 1];

	for (unsigned y = 0; y < t->rows; y++) {
		char *to = line, *end = line;
		for (unsigned x = 0; x < t->columns && x < 256; x++) {
			unsigned c = cells[y * t->columns + x] & 0xff;
			to = put_utf8(to, c < 0x20 ? low[c] : c < 0x7f ? c : high[c - 0x7f]);
			if (c != 0 && c != ' ' && c != 0xff)
				end = to;
		}
		json_array_append_new(list, json_stringn(line, (size_t)(end - line)));
	}
	return list;
}

static json_t *screen_text(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct display *d = find(opaque, args, e);
	struct display_text_info t;
	uint16_t *cells;
	json_t *result = NULL;

	(void)call;
	if (!d)
		return NULL;
	cells = malloc(CELLS_MAX * sizeof *cells);
	if (!cells)
		err_set(e, ENOMEM, "out of memory");
	else if (!d->ops->text || !d->ops->text(d->opaque, cells, CELLS_MAX, &t))
		err_set(e, ENODATA, "the screen is in a graphics mode; screendump takes a picture");
	else {
		result = json_pack("{s:i, s:i, s:o}", "columns", (int)t.columns, "rows", (int)t.rows, "lines", lines(cells, &t));
		if (t.cursor_x < t.columns)
			json_object_set_new(result, "cursor", json_pack("{s:i, s:i}", "x", (int)t.cursor_x, "y", (int)t.cursor_y));
	}
	free(cells);
	return result;
}
static const struct ctl_arg text_args[] = {{"device", 's', true}, {"head", 'i', true}, {0}};
static const struct ctl_command text_row = {.name = "x-screen-text", .args = text_args, .run = screen_text};
CTL_COMMAND(text_row);

/* ---- viewers ---- */

static json_t *viewer(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	int fd = ctl_take_fd(call, 0);

	(void)args;
	if (fd < 0)
		err_set(e, EBADF, "a connected socket must come with the command");
	else
		display_server_add(opaque, fd, e);
	return NULL;
}
static const struct ctl_command viewer_row = {.name = "x-display-attach", .run = viewer};
CTL_COMMAND(viewer_row);
