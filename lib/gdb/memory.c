/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers, memory, break- and watchpoints. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gdb/own.h"

/* ---- g, G, p, P: numbers and order are the target description's ---- */

static void all(struct gdb *g)
{
	uint8_t bytes[GDB_REGISTER];
	struct gdb_reg r;

	gdb_begin(g);
	for (unsigned n = 0; g->t->reg(g->opaque, n, &r); n++) {
		if (g->t->get_reg(g->opaque, gdb_general(g), n, bytes) < 0) {
			for (unsigned i = 0; i < r.bits / 8; i++)
				gdb_put(g, "xx");
			continue;
		}
		gdb_put_hex(g, bytes, r.bits / 8);
	}
	gdb_send(g);
}

/* What cannot be written stays; "xx" asks for that. */
static void set_all(struct gdb *g)
{
	const char *s = g->in + 1, *end = g->in + g->in_len;
	uint8_t bytes[GDB_REGISTER];
	struct gdb_reg r;

	for (unsigned n = 0; s < end && g->t->reg(g->opaque, n, &r); n++) {
		size_t size = r.bits / 8;
		if (gdb_unhex(s, bytes, size) == size)
			g->t->set_reg(g->opaque, gdb_general(g), n, bytes);
		if ((size_t)(end - s) < 2 * size)
			break;
		s += 2 * size;
	}
	gdb_reply(g, "OK");
}

void gdb_registers(struct gdb *g)
{
	uint8_t bytes[GDB_REGISTER];
	struct gdb_reg r;
	char *s;
	unsigned long n;

	if (g->in[0] == 'g') {
		all(g);
		return;
	}
	if (g->in[0] == 'G') {
		set_all(g);
		return;
	}
	n = strtoul(g->in + 1, &s, 16);
	if (s == g->in + 1 || n > 10000 || !g->t->reg(g->opaque, (unsigned)n, &r)) {
		gdb_error(g, -EPERM);
	} else if (g->in[0] == 'p') {
		if (g->t->get_reg(g->opaque, gdb_general(g), (unsigned)n, bytes) < 0) {
			gdb_error(g, -EPERM);
			return;
		}
		gdb_begin(g);
		gdb_put_hex(g, bytes, r.bits / 8);
		gdb_send(g);
	} else if (*s != '=' || gdb_unhex(s + 1, bytes, sizeof bytes) != r.bits / 8 ||
		   g->t->set_reg(g->opaque, gdb_general(g), (unsigned)n, bytes) < 0) {
		gdb_error(g, -EPERM);
	} else {
		gdb_reply(g, "OK");
	}
}

/* ---- m, M, X ---- */

void gdb_memory(struct gdb *g)
{
	uint8_t data[GDB_PACKET / 2];
	char *end;
	uint64_t addr = strtoull(g->in + 1, &end, 16), n = 0;
	size_t have;
	int r;

	if (end == g->in + 1 || *end != ',') {
		gdb_error(g, -EINVAL);
		return;
	}
	n = strtoull(end + 1, &end, 16);
	if (g->in[0] == 'm') {
		ssize_t k;
		if (n > sizeof data - 8)
			n = sizeof data - 8;
		k = n ? g->t->read(g->opaque, gdb_general(g), addr, data, n) : 0;
		if (k < 0 || (n && !k)) {
			gdb_error(g, -EFAULT);
			return;
		}
		gdb_begin(g);
		gdb_put_hex(g, data, (size_t)k);
		gdb_send(g);
		return;
	}
	if (*end != ':' || n > sizeof data) {
		gdb_error(g, -EINVAL);
		return;
	}
	end++;
	if (g->in[0] == 'M') {
		have = gdb_unhex(end, data, n);
	} else {
		have = g->in_len - (size_t)(end - g->in);
		have = have > n ? n : have;
		memcpy(data, end, have);
	}
	r = have != n ? -EINVAL : n ? g->t->store(g->opaque, gdb_general(g), addr, data, n) : 0;
	if (r < 0)
		gdb_error(g, r);
	else
		gdb_reply(g, "OK");
}

/* ---- Z, z ---- */

void gdb_points(struct gdb *g)
{
	uint64_t addr, len = 0;
	char *end;
	int r;

	if (g->in[1] < '0' || g->in[1] > '4' || g->in[2] != ',') {
		gdb_reply(g, "");
		return;
	}
	addr = strtoull(g->in + 3, &end, 16);
	if (end == g->in + 3 || *end != ',') {
		gdb_error(g, -EINVAL);
		return;
	}
	len = strtoull(end + 1, NULL, 16);
	r = g->t->point(g->opaque, gdb_general(g), (enum gdb_point)(g->in[1] - '0'), addr, len, g->in[0] == 'Z');
	if (r == -ENOTSUP)
		gdb_reply(g, "");
	else if (r < 0)
		gdb_error(g, r);
	else
		gdb_reply(g, "OK");
}
