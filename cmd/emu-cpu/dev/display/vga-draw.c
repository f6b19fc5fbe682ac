// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a VGA shows: text, planar and packed graphics, and the linear modes of VBE, drawn into the display's surface.
 *
 * Only lines whose memory was written since the last time are drawn, and in text only cells that changed; a change of mode, palette
 * or font draws everything. The surface is what a monitor would be sent: a mode of 320 × 200 gives 640 × 400, each dot twice and each line twice, as
 * the card does it. VBE modes are as large as they say.
 */
#include <stdlib.h>
#include <string.h>
#include "vga.h"

enum { MAX_COLUMNS = 256, MAX_ROWS = 128, BLINK_NS = 266666666 };

/* ---- colours ---- */

static uint32_t dac_colour(const struct vga *v, uint8_t index)
{
	const uint8_t *c = &v->palette[(index & v->dac_mask) * 3];
	if (v->vbe[VBE_ENABLE] & VBE_8BIT_DAC)
		return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
	uint32_t rgb = 0;
	for (unsigned i = 0; i < 3; i++) {
		/* Six bits to eight as the pictures have it that people keep of these screens: the lowest bit fills up. */
		uint32_t six = c[i] & 63;
		rgb = rgb << 8 | six << 2 | (six & 1) * 3;
	}
	return rgb;
}

/* The sixteen colours that the attribute controller's palette makes (10h bit 7: its lower bits from 14h). */
static void attribute_colours(const struct vga *v, uint32_t colours[16])
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned n = v->attribute[i] & 0x3f;
		if (v->attribute[0x10] & 0x80)
			n = (n & 15) | (v->attribute[0x14] & 3u) << 4;
		n |= (v->attribute[0x14] & 0x0cu) << 4;
		colours[i] = dac_colour(v, (uint8_t)n);
	}
}

/* ---- geometry ---- */

static unsigned display_lines(const struct vga *v)
{
	return (v->crtc[0x12] | (v->crtc[7] & 2u) << 7 | (v->crtc[7] & 0x40u) << 3) + 1;
}

static unsigned line_compare(const struct vga *v)
{
	return v->crtc[0x18] | (v->crtc[7] & 0x10u) << 4 | (v->crtc[9] & 0x40u) << 3;
}

static uint32_t start_address(const struct vga *v)
{
	return (uint32_t)v->crtc[0x0c] << 8 | v->crtc[0x0d];
}

static bool blanked(const struct vga *v)
{
	/* Palette access by the processor (index bit 5 clear) or "screen off". */
	return !(v->attribute_index & 0x20) || v->sequencer[1] & 0x20;
}

/* False: there is no such surface (too large a mode). What was there counts no more, so that the next mode begins anew. */
static bool resize(struct vga *v, unsigned width, unsigned height)
{
	bool good = !display_resize(v->display, width, height);
	v->width = good ? width : 0;
	v->height = good ? height : 0;
	return good;
}

/* ---- text ---- */

struct text_mode {
	unsigned columns, rows, char_width, char_height;
	unsigned x_scale, y_scale;  /* 2: each dot, each line twice */
	uint32_t start, stride; /* in cells */
	unsigned split;         /* rows from this one on show memory from address 0 */
};

static bool text_mode(const struct vga *v, struct text_mode *t)
{
	t->columns = v->crtc[1] + 1u;
	t->char_height = (v->crtc[9] & 31u) + 1;
	t->char_width = v->sequencer[1] & 1 ? 8 : 9;
	t->x_scale = v->sequencer[1] & 8 ? 2 : 1;
	t->y_scale = v->crtc[9] & 0x80 ? 2 : 1;
	t->rows = display_lines(v) / (t->char_height * t->y_scale);
	t->split = line_compare(v) / (t->char_height * t->y_scale) + 1;
	t->start = start_address(v);
	t->stride = v->crtc[0x13] * 2u;
	return t->columns && t->rows && t->columns <= MAX_COLUMNS && t->rows <= MAX_ROWS && t->char_height >= 2;
}

/* Number of the cell in memory. */
static uint32_t cell_number(const struct text_mode *t, unsigned x, unsigned y)
{
	return ((y < t->split ? t->start + y * t->stride : (y - t->split) * t->stride) + x) & 0xffff;
}

/* Character and attribute of a cell: planes 0 and 1 of its doubleword. */
static uint16_t cell_at(const struct vga *v, uint32_t n)
{
	const uint8_t *ram = region_ram(v->vram) + 4ull * (n & 0xffff);
	return (uint16_t)(ram[0] | ram[1] << 8);
}

/* A font's place in plane 2 (sequencer register 3): 16 KiB steps, the odd half in between. */
static uint32_t font_at(unsigned select)
{
	return (select & 3) * 0x4000 + (select >> 2 & 1) * 0x2000;
}

static void draw_cell(struct vga *v, const struct text_mode *t, unsigned x, unsigned y, uint16_t cell, const uint32_t *colours,
		      const uint32_t font[2], unsigned cursor_from, unsigned cursor_to)
{
	unsigned stride;
	uint32_t *pixels = display_pixels(v->display, &stride);
	const uint8_t *ram = region_ram(v->vram);
	unsigned attribute = cell >> 8, code = cell & 0xff;
	unsigned fore = attribute & 15, back = attribute >> 4;
	if (v->attribute[0x10] & 8) { /* bit 7 blinks instead of making the background bright */
		back &= 7;
		if (attribute & 0x80 && !v->blink_on)
			fore = back;
	}
	const uint8_t *glyph = ram + 4ull * (font[attribute >> 3 & 1] + code * 32) + 2;
	bool ninth = t->char_width == 9 && v->attribute[0x10] & 4 && code >= 0xc0 && code <= 0xdf; /* line drawing goes on */
	for (unsigned row = 0; row < t->char_height; row++) {
		uint8_t bits = row < 32 ? glyph[4 * row] : 0;
		unsigned width = t->char_width * t->x_scale;
		uint32_t *p = (uint32_t *)((uint8_t *)pixels + (size_t)(y * t->char_height + row) * t->y_scale * stride) + x * width, *q = p;
		bool cursor = row >= cursor_from && row <= cursor_to;
		for (unsigned i = 0; i < t->char_width; i++) {
			bool on = cursor || (i < 8 ? bits >> (7 - i) & 1 : ninth && bits & 1);
			for (unsigned k = 0; k < t->x_scale; k++)
				*q++ = colours[on ? fore : back];
		}
		if (t->y_scale == 2)
			memcpy((uint8_t *)p + stride, p, width * 4);
	}
}

static void draw_text(struct vga *v, bool all)
{
	struct text_mode t;
	uint32_t colours[16], font[2];
	if (!text_mode(v, &t))
		return;
	unsigned cell_width = t.char_width * t.x_scale, cell_height = t.char_height * t.y_scale;
	unsigned width = t.columns * cell_width, height = t.rows * cell_height;
	if (width != v->width || height != v->height) {
		if (!resize(v, width, height))
			return;
		all = true;
	}
	bool blink = clock_ns(v->dev->machine, CLOCK_REAL) / BLINK_NS & 1, blinked = blink != v->blink_on;
	v->blink_on = blink;
	attribute_colours(v, colours);
	/* Bit 3 of the attribute chooses between two fonts: A when set. */
	unsigned s = v->sequencer[3];
	font[1] = font_at((s >> 2 & 3) | (s >> 3 & 4));
	font[0] = font_at((s & 3) | (s >> 2 & 4));
	uint32_t cursor = (uint32_t)v->crtc[0x0e] << 8 | v->crtc[0x0f];
	bool cursor_shown = !(v->crtc[0x0a] & 0x20) && blink;
	for (unsigned y = 0; y < t.rows; y++)
		for (unsigned x = 0; x < t.columns; x++) {
			uint32_t n = cell_number(&t, x, y);
			uint16_t cell = cell_at(v, n), *old = &v->cells[y * t.columns + x];
			bool under = n == cursor;
			bool blinking = v->attribute[0x10] & 8 && cell & 0x8000;
			if (!all && cell == *old && !(blinked && (under || blinking)) && v->last_start == cursor && !under)
				continue;
			*old = cell;
			unsigned from = 255, to = 0;
			if (under && cursor_shown) {
				from = v->crtc[0x0a] & 31;
				to = v->crtc[0x0b] & 31;
			}
			draw_cell(v, &t, x, y, cell, colours, font, from, to);
			display_dirty(v->display, x * cell_width, y * cell_height, cell_width, cell_height);
		}
	v->last_start = cursor;
}

/* ---- graphics: one function a pixel format, from a line's start in video memory ---- */

struct graphics_mode {
	unsigned width, height;  /* of the picture: dots, each drawn x_scale times; scan lines */
	unsigned x_scale;
	uint32_t start, pitch;   /* bytes in video memory */
	void (*line)(const struct vga *v, const struct graphics_mode *g, uint32_t at, unsigned panning, uint32_t *to);
	uint32_t colours[256];
	unsigned panning;
	unsigned split;          /* behind this scan line the address begins at 0 */
	bool split_panning;      /* … and so does panning */
	unsigned double_scan;    /* 1, 2: scan lines a line */
	unsigned row_lines;      /* lines a row of the address counter */
	bool interleaved;        /* lines of a row are in banks */
};

static const uint8_t *byte_at(const struct vga *v, uint32_t at)
{
	return region_ram(v->vram) + (at & (v->vram_size - 1));
}

static void line_planar(const struct vga *v, const struct graphics_mode *g, uint32_t at, unsigned panning, uint32_t *to)
{
	unsigned enabled = v->attribute[0x12] & 15;
	for (unsigned x = 0; x < g->width; x++) {
		unsigned n = x + panning;
		const uint8_t *p = byte_at(v, at + n / 8 * 4);
		unsigned bit = 7 - n % 8, c = 0;
		for (unsigned plane = 0; plane < 4; plane++)
			c |= (p[plane] >> bit & 1u) << plane;
		to[x] = g->colours[c & enabled];
	}
}

/* Four colours, two bits a pixel from planes 0 and 1 in turn (CGA modes). */
static void line_interleaved(const struct vga *v, const struct graphics_mode *g, uint32_t at, unsigned panning, uint32_t *to)
{
	(void)panning;
	for (unsigned x = 0; x < g->width; x++) {
		const uint8_t *p = byte_at(v, at + x / 8 * 4);
		uint8_t byte = p[x % 8 / 4];
		to[x] = g->colours[byte >> (6 - 2 * (x % 4)) & 3];
	}
}

static void line_8(const struct vga *v, const struct graphics_mode *g, uint32_t at, unsigned panning, uint32_t *to)
{
	for (unsigned x = 0; x < g->width; x++)
		to[x] = g->colours[*byte_at(v, at + panning + x)];
}

static void line_15(const struct vga *v, const struct graphics_mode *g, uint32_t at, unsigned panning, uint32_t *to)
{
	(void)panning;
	for (unsigned x = 0; x < g->width; x++) {
		unsigned c = *byte_at(v, at + 2 * x) | (unsigned)*byte_at(v, at + 2 * x + 1) << 8;
		unsigned r = c >> 10 & 31, n = c >> 5 & 31, b = c & 31;
		to[x] = (r << 3 | r >> 2) << 16 | (n << 3 | n >> 2) << 8 | (b << 3 | b >> 2);
	}
}

static void line_16(const struct vga *v, const struct graphics_mode *g, uint32_t at, unsigned panning, uint32_t *to)
{
	(void)panning;
	for (unsigned x = 0; x < g->width; x++) {
		unsigned c = *byte_at(v, at + 2 * x) | (unsigned)*byte_at(v, at + 2 * x + 1) << 8;
		unsigned r = c >> 11 & 31, n = c >> 5 & 63, b = c & 31;
		to[x] = (r << 3 | r >> 2) << 16 | (n << 2 | n >> 4) << 8 | (b << 3 | b >> 2);
	}
}

static void line_24(const struct vga *v, const struct graphics_mode *g, uint32_t at, unsigned panning, uint32_t *to)
{
	(void)panning;
	for (unsigned x = 0; x < g->width; x++)
		to[x] = *byte_at(v, at + 3 * x) | (uint32_t)*byte_at(v, at + 3 * x + 1) << 8 | (uint32_t)*byte_at(v, at + 3 * x + 2) << 16;
}

static void line_32(const struct vga *v, const struct graphics_mode *g, uint32_t at, unsigned panning, uint32_t *to)
{
	(void)panning;
	uint32_t mask = v->vram_size - 1, n = g->width * 4;
	if ((at & mask) + n <= v->vram_size) {
		memcpy(to, byte_at(v, at), n);
		return;
	}
	for (unsigned x = 0; x < g->width; x++)
		memcpy(to + x, byte_at(v, at + 4 * x), 4);
}

static void vbe_mode(const struct vga *v, struct graphics_mode *g)
{
	const uint16_t *r = v->vbe;
	g->width = r[VBE_XRES];
	g->height = r[VBE_YRES];
	unsigned bpp = r[VBE_BPP];
	g->row_lines = g->x_scale = g->double_scan = 1;
	g->split = UINT32_MAX;
	if (bpp == 4) {
		g->pitch = r[VBE_VIRT_WIDTH] / 8 * 4u;
		g->start = r[VBE_Y_OFFSET] * g->pitch + r[VBE_X_OFFSET] / 8 * 4u;
		g->panning = r[VBE_X_OFFSET] % 8;
		g->line = line_planar;
		attribute_colours(v, g->colours);
		return;
	}
	unsigned bytes = (bpp + 7) / 8;
	g->pitch = r[VBE_VIRT_WIDTH] * bytes;
	g->start = r[VBE_Y_OFFSET] * g->pitch + r[VBE_X_OFFSET] * bytes;
	g->line = bpp == 8 ? line_8 : bpp == 15 ? line_15 : bpp == 16 ? line_16 : bpp == 24 ? line_24 : line_32;
	if (bpp == 8)
		for (unsigned i = 0; i < 256; i++)
			g->colours[i] = dac_colour(v, (uint8_t)i);
}

static void vga_mode(const struct vga *v, struct graphics_mode *g)
{
	unsigned shift = v->graphics[5] >> 5 & 3;
	g->height = display_lines(v);
	g->double_scan = v->crtc[9] & 0x80 ? 2 : 1;
	g->row_lines = (v->crtc[9] & 31u) + 1;
	g->interleaved = !(v->crtc[0x17] & 1); /* the row counter drives an address bit: banks */
	g->start = start_address(v) * 4;
	g->pitch = v->crtc[0x13] * 2u * 4;
	g->split = line_compare(v);
	g->split_panning = v->attribute[0x10] & 0x20;
	g->width = (v->crtc[1] + 1u) * 8;
	if (shift >= 2) { /* 256 colours: a dot takes two clocks */
		g->width /= 2;
		g->x_scale = 2;
		g->line = line_8;
		for (unsigned i = 0; i < 256; i++)
			g->colours[i] = dac_colour(v, (uint8_t)i);
		g->panning = v->attribute[0x13] >> 1 & 3;
		return;
	}
	g->x_scale = v->sequencer[1] & 8 ? 2 : 1;
	attribute_colours(v, g->colours);
	g->line = shift ? line_interleaved : line_planar;
	g->panning = shift ? 0 : v->attribute[0x13] & 7;
}

/* Where scan line y begins. */
static uint32_t line_at(const struct vga *v, const struct graphics_mode *g, unsigned y)
{
	uint32_t base = g->start;
	if (y > g->split) {
		y -= g->split + 1;
		base = 0;
	}
	y /= g->double_scan;
	uint32_t at = base + y / g->row_lines * g->pitch;
	if (g->interleaved && y % g->row_lines & 1)
		at += (v->crtc[0x17] & 0x40 ? 0x2000 : 0x1000) * 4; /* byte mode: bit 13 of the plane's address, else of half that */
	return at;
}

static void draw_line(const struct vga *v, const struct graphics_mode *g, unsigned y, uint32_t *to)
{
	g->line(v, g, line_at(v, g, y), y > g->split && g->split_panning ? 0 : g->panning, to);
	for (unsigned x = g->width; g->x_scale == 2 && x-- > 0;)
		to[2 * x] = to[2 * x + 1] = to[x];
}

struct dirty {
	const struct vga *v;
	const struct graphics_mode *g;
	uint8_t *rows;
};

static void mark_rows(void *opaque, uint64_t offset, uint64_t size)
{
	struct dirty *d = opaque;
	const struct graphics_mode *g = d->g;
	/* Which lines overlap the run: those that begin less than a pitch before it. */
	for (unsigned y = 0; y < g->height; y++) {
		uint32_t at = line_at(d->v, g, y) & (d->v->vram_size - 1);
		if (at < offset + size && at + (g->pitch ? g->pitch : 4) > offset)
			d->rows[y] = 1;
	}
}

static void draw_graphics(struct vga *v, bool all)
{
	struct graphics_mode g = {0};
	if (v->vbe[VBE_ENABLE] & VBE_ENABLED)
		vbe_mode(v, &g);
	else
		vga_mode(v, &g);
	if (!g.width || !g.height || !g.line)
		return;
	unsigned width = g.width * g.x_scale;
	if (width != v->width || g.height != v->height || !v->dirty_rows) {
		uint8_t *rows = realloc(v->dirty_rows, g.height);
		if (!rows)
			return;
		v->dirty_rows = rows;
		if (!resize(v, width, g.height))
			return;
		all = true;
	}
	if (g.start != v->last_start) {
		v->last_start = g.start;
		all = true;
	}
	memset(v->dirty_rows, all, g.height);
	struct dirty d = {v, &g, v->dirty_rows};
	region_dirty_take(v->vram, DIRTY_DISPLAY, 0, v->vram_size, mark_rows, &d);
	unsigned stride, from = 0;
	uint8_t *pixels = (uint8_t *)display_pixels(v->display, &stride);
	for (unsigned y = 0; y <= g.height; y++) {
		bool dirty = y < g.height && v->dirty_rows[y];
		uint32_t *to = (uint32_t *)(pixels + (size_t)y * stride);
		if (dirty && y > from && line_at(v, &g, y) == line_at(v, &g, y - 1) && y - 1 != g.split)
			memcpy(to, (uint8_t *)to - stride, width * 4); /* the same line again */
		else if (dirty)
			draw_line(v, &g, y, to);
		else {
			if (y > from)
				display_dirty(v->display, 0, from, g.width * g.x_scale, y - from);
			from = y + 1;
		}
	}
}

static void draw_blank(struct vga *v, bool all)
{
	if (!all)
		return;
	if (!v->width) {
		if (!resize(v, 720, 400))
			return;
	}
	unsigned stride;
	uint8_t *pixels = (uint8_t *)display_pixels(v->display, &stride);
	for (unsigned y = 0; y < v->height; y++)
		memset(pixels + (size_t)y * stride, 0, v->width * 4);
	display_dirty(v->display, 0, 0, v->width, v->height);
}

static void refresh(void *opaque)
{
	struct vga *v = opaque;
	bool vbe = v->vbe[VBE_ENABLE] & VBE_ENABLED, off = !vbe && blanked(v);
	bool all = v->redraw || off != v->was_blank;
	v->was_blank = off;
	v->redraw = false;
	if (off)
		draw_blank(v, all);
	else if (vbe || v->graphics[6] & 1)
		draw_graphics(v, all);
	else
		draw_text(v, all);
}

static void invalidate(void *opaque)
{
	((struct vga *)opaque)->redraw = true;
}

static bool text(void *opaque, uint16_t *cells, unsigned max, struct display_text_info *info)
{
	struct vga *v = opaque;
	struct text_mode t;
	if (v->vbe[VBE_ENABLE] & VBE_ENABLED || v->graphics[6] & 1 || !text_mode(v, &t) || t.columns * t.rows > max)
		return false;
	unsigned cursor = (((unsigned)v->crtc[0x0e] << 8 | v->crtc[0x0f]) - t.start) & 0xffff;
	*info = (struct display_text_info){t.columns, t.rows, UINT32_MAX, UINT32_MAX};
	if (!(v->crtc[0x0a] & 0x20) && t.stride && cursor / t.stride < t.rows && cursor % t.stride < t.columns) {
		info->cursor_x = cursor % t.stride;
		info->cursor_y = cursor / t.stride;
	}
	for (unsigned y = 0; y < t.rows; y++)
		for (unsigned x = 0; x < t.columns; x++)
			cells[y * t.columns + x] = cell_at(v, cell_number(&t, x, y));
	return true;
}

const struct display_ops vga_display_ops = {.refresh = refresh, .invalidate = invalidate, .text = text};
