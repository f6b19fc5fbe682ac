/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of the remote serial protocol (gdb manual, appendix E): framing, checksums, escapes, signal numbers. */
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gdb.h"

static int next_byte(struct gdb *g)
{
	if (g->pending_at == g->pending_len) {
		ssize_t n;

		do
			n = g->fd < 0 ? 0 : recv(g->fd, g->pending, sizeof(g->pending), 0);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return -1;
		g->pending_at = 0;
		g->pending_len = (size_t)n;
	}
	return g->pending[g->pending_at++];
}

static void raw(struct gdb *g, const void *data, size_t n)
{
	const char *c = data;

	while (n && g->fd >= 0) {
		ssize_t k = send(g->fd, c, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return; /* the next receive finds the end */
		c += k;
		n -= (size_t)k;
	}
}

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

int gdb_receive(struct gdb *g)
{
	for (;;) {
		unsigned sum = 0, want;
		size_t n = 0;
		int c = next_byte(g), hi, lo;

		if (c < 0)
			return -1;
		if (c == 3) {
			g->in[0] = 3;
			g->in[1] = 0;
			return 1;
		}
		if (c != '$')
			continue; /* acknowledgements, noise */
		while ((c = next_byte(g)) >= 0 && c != '#') {
			sum += (unsigned)c;
			if (c == '}') {
				c = next_byte(g);
				sum += (unsigned)c;
				c ^= 0x20;
			}
			if (n < GDB_PACKET)
				g->in[n++] = (char)c;
		}
		if (c < 0 || (hi = next_byte(g)) < 0 || (lo = next_byte(g)) < 0)
			return -1;
		want = (unsigned)(nibble(hi) << 4 | nibble(lo));
		if (!g->no_ack) {
			raw(g, (sum & 0xff) == want ? "+" : "-", 1);
			if ((sum & 0xff) != want)
				continue;
		}
		g->in[n] = 0;
		return (int)n;
	}
}

void gdb_begin(struct gdb *g)
{
	g->out[0] = '$';
	g->out_len = 1;
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
	char tail[4];
	size_t i;

	for (i = 1; i < g->out_len; i++)
		sum += (uint8_t)g->out[i];
	snprintf(tail, sizeof(tail), "#%02x", sum & 0xff);
	memcpy(g->out + g->out_len, tail, 3);
	for (;;) {
		int c;

		raw(g, g->out, g->out_len + 3);
		if (g->no_ack)
			return;
		do
			c = next_byte(g);
		while (c >= 0 && c != '+' && c != '-');
		if (c != '-')
			return;
	}
}

void gdb_reply(struct gdb *g, const char *text)
{
	gdb_begin(g);
	gdb_put(g, "%s", text);
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

/* gdb's own numbers (include/gdb/signals.def of its manual's appendix) for Linux x86's 1–31. */
static const uint8_t to_gdb[32] = {0, 1, 2, 3, 4, 5, 6, 10, 8, 9, 30, 11, 31, 13, 14, 15, 143 /* none: unknown */, 20, 19, 17,
				   18, 21, 22, 16, 24, 25, 26, 27, 28, 23, 32, 12};

int gdb_signal_to(int host)
{
	if (host >= 0 && host < 32)
		return to_gdb[host];
	if (host == 32)
		return 77;
	if (host >= 33 && host <= 63)
		return host + 12;
	return host == 64 ? 78 : 143;
}

int gdb_signal_from(int gdb)
{
	int i;

	for (i = 1; i <= 64; i++)
		if (gdb_signal_to(i) == gdb)
			return i;
	return 0;
}
