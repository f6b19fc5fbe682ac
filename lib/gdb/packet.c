/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets: framing, checksums, escapes, acknowledgements (gdb manual, "Overview" and "Packet Acknowledgment" of the remote protocol). */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "gdb/own.h"

static int nibble(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* ---- reading ---- */

static void add(struct gdb *g, uint8_t c)
{
	if (g->in_len < GDB_PACKET)
		g->in[g->in_len++] = (char)c;
	else
		g->too_long = true;
}

/*
 * A debugger that waits for a target that is still being started sends its first packet again and again, and expects one answer. Nothing else
 * comes before it has acknowledged that.
 */
static bool again_first(struct gdb *g)
{
	if (g->no_ack || g->heard)
		return false;
	if (g->first_len && g->in_len == g->first_len && (g->sum & 0xffff) == g->first_sum)
		return true;
	g->first_len = g->in_len;
	g->first_sum = g->sum & 0xffff;
	return false;
}

static void complete(struct gdb *g)
{
	bool good = g->want == (g->sum & 0xff);

	g->state = GDB_IDLE;
	if (!g->no_ack)
		g->t->write(g->opaque, good ? "+" : "-", 1);
	/* Without acknowledgements the line is taken for reliable, and the sum for decoration. */
	if (!good && !g->no_ack)
		return;
	g->in[g->in_len] = '\0';
	if (again_first(g))
		return;
	if (g->too_long)
		gdb_error(g, -EMSGSIZE);
	else
		gdb_packet(g);
}

static void again(struct gdb *g)
{
	if (g->sent)
		g->t->write(g->opaque, g->out, g->sent);
}

static void one(struct gdb *g, uint8_t c)
{
	/* A dollar sign is always the beginning of a packet: inside of one it would have been escaped. */
	if (c == '$' && g->state != GDB_ESCAPED) {
		g->state = GDB_DATA;
		g->in_len = 0;
		g->sum = 0;
		g->too_long = false;
		return;
	}
	switch (g->state) {
	case GDB_IDLE:
		if (c == 3)
			gdb_ctrl_c(g);
		else if (c == '-' && !g->no_ack)
			again(g);
		else if (c == '+' && g->sent)
			g->heard = true;
		break;
	case GDB_DATA:
		if (c == '#') {
			g->state = GDB_SUM_HIGH;
			break;
		}
		g->sum += c;
		if (c == '}')
			g->state = GDB_ESCAPED;
		else
			add(g, c);
		break;
	case GDB_ESCAPED:
		g->sum += c;
		add(g, c ^ 0x20);
		g->state = GDB_DATA;
		break;
	case GDB_SUM_HIGH:
		g->want = (unsigned)nibble(c) << 4;
		g->state = GDB_SUM_LOW;
		break;
	case GDB_SUM_LOW:
		g->want |= (unsigned)nibble(c);
		complete(g);
		break;
	}
}

void gdb_input(struct gdb *g, const void *data, size_t n)
{
	for (const uint8_t *b = data; n--; b++)
		one(g, *b);
}

/* ---- writing ---- */

void gdb_begin(struct gdb *g)
{
	g->out[0] = '$';
	g->out_len = 1;
	g->sent = 0;
}

void gdb_put(struct gdb *g, const char *fmt, ...)
{
	va_list ap;
	size_t room = GDB_PACKET - g->out_len;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(g->out + g->out_len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		g->out_len += (size_t)n < room ? (size_t)n : room - 1;
}

void gdb_put_hex(struct gdb *g, const void *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = data;

	while (n-- && g->out_len + 2 < GDB_PACKET) {
		g->out[g->out_len++] = digits[*b >> 4];
		g->out[g->out_len++] = digits[*b++ & 15];
	}
}

void gdb_put_binary(struct gdb *g, const void *data, size_t n)
{
	const uint8_t *b = data;

	for (; n-- && g->out_len + 2 < GDB_PACKET; b++) {
		if (*b == '#' || *b == '$' || *b == '}' || *b == '*') {
			g->out[g->out_len++] = '}';
			g->out[g->out_len++] = (char)(*b ^ 0x20);
		} else {
			g->out[g->out_len++] = (char)*b;
		}
	}
}

void gdb_send(struct gdb *g)
{
	unsigned sum = 0;

	for (size_t i = 1; i < g->out_len; i++)
		sum += (uint8_t)g->out[i];
	snprintf(g->out + g->out_len, 4, "#%02x", sum & 0xff);
	g->sent = g->out_len + 3;
	g->t->write(g->opaque, g->out, g->sent);
}

void gdb_reply(struct gdb *g, const char *text)
{
	gdb_begin(g);
	gdb_put(g, "%s", text);
	gdb_send(g);
}

void gdb_error(struct gdb *g, int error)
{
	gdb_begin(g);
	gdb_put(g, "E%02x", -error & 0xff);
	gdb_send(g);
}

size_t gdb_unhex(const char *s, uint8_t *out, size_t max)
{
	size_t n = 0;

	while (n < max && nibble(s[0]) >= 0 && nibble(s[1]) >= 0) {
		out[n++] = (uint8_t)(nibble(s[0]) << 4 | nibble(s[1]));
		s += 2;
	}
	return n;
}
