/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger sends, against a small target of two threads and a page of memory. Half of the inputs are bytes as they are on the wire; the
 * others are bodies of packets, one a line, that get their frames here, so that the parser behind the checksum is reached.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gdb/gdb.h"

#define PAGE 4096

struct fake {
	struct gdb *server;
	uint8_t memory[PAGE], reg[2][8][16];
	unsigned points;
	size_t written;
	bool ended;
};

static void write_out(void *opaque, const void *data, size_t n)
{
	struct fake *f = opaque;
	const char *c = data;

	/* Acknowledgements, or a whole packet whose body has no frame in it. */
	if (n > 1 && (c[0] != '$' || c[n - 3] != '#' || memchr(c + 1, '$', n - 4) || memchr(c + 1, '#', n - 4) || n > GDB_PACKET + 8))
		abort();
	f->written += n;
}

static long thread(void *opaque, unsigned n)
{
	(void)opaque;
	return n < 2 ? (long)n + 1 : 0;
}

static bool thread_alive(void *opaque, long t)
{
	(void)opaque;
	return t == 1 || t == 2;
}

static void thread_name(void *opaque, long t, char *text, size_t size)
{
	(void)opaque;
	snprintf(text, size, "thread %ld", t);
}

static bool reg(void *opaque, unsigned n, struct gdb_reg *r)
{
	static const struct gdb_reg regs[8] = {
		{"a", "org.gnu.one", "int", NULL, 64}, {"b", "org.gnu.one", "int", "general", 64}, {"c", "org.gnu.one", "int", NULL, 32},
		{"d", "org.gnu.two", "int", NULL, 8}, {"e", "org.gnu.two", "int", NULL, 80}, {"f", "org.gnu.two", "int", NULL, 128},
		{"g", "org.gnu.two", "int", NULL, 16}, {"h", "org.gnu.two", "int", NULL, 64}};

	(void)opaque;
	if (n >= 8)
		return false;
	*r = regs[n];
	return true;
}

static int get_reg(void *opaque, long t, unsigned n, void *bytes)
{
	struct fake *f = opaque;
	struct gdb_reg r;

	if (!thread_alive(f, t) || !reg(f, n, &r))
		abort();
	memcpy(bytes, f->reg[t - 1][n], r.bits / 8);
	return n == 7 ? -EPERM : 0;
}

static int set_reg(void *opaque, long t, unsigned n, const void *bytes)
{
	struct fake *f = opaque;
	struct gdb_reg r;

	if (!thread_alive(f, t) || !reg(f, n, &r))
		abort();
	memcpy(f->reg[t - 1][n], bytes, r.bits / 8);
	return 0;
}

static int set_pc(void *opaque, long t, uint64_t pc)
{
	memcpy(((struct fake *)opaque)->reg[t - 1][0], &pc, 8);
	return 0;
}

static ssize_t read_memory(void *opaque, long t, uint64_t addr, void *to, size_t n)
{
	struct fake *f = opaque;

	(void)t;
	if (addr >= PAGE)
		return -EFAULT;
	n = n < PAGE - addr ? n : PAGE - addr;
	memcpy(to, f->memory + addr, n);
	return (ssize_t)n;
}

static int store(void *opaque, long t, uint64_t addr, const void *from, size_t n)
{
	struct fake *f = opaque;

	(void)t;
	if (addr >= PAGE || n > PAGE - addr)
		return -EFAULT;
	memcpy(f->memory + addr, from, n);
	return 0;
}

static int point(void *opaque, long t, enum gdb_point kind, uint64_t addr, uint64_t len, bool insert)
{
	struct fake *f = opaque;

	(void)t, (void)addr, (void)len;
	f->points += insert;
	return kind == GDB_WATCH_READ ? -ENOTSUP : f->points > 100 ? -ENOSPC : 0;
}

static void clear_points(void *opaque)
{
	((struct fake *)opaque)->points = 0;
}

static void resume(void *opaque, const struct gdb_resume *r)
{
	struct fake *f = opaque;
	const struct gdb_action *a = gdb_action_for(r, 2);
	const struct gdb_stop s = {.signal = GDB_SIGTRAP, .thread = a && a->what == 's' ? 2 : 1, .point = (int)r->count % 6 - 1, .address = 0x1234};

	if (r->count > GDB_ACTIONS)
		abort();
	/* Some stop at once, some at the next Ctrl-C. */
	if (r->count != 1)
		gdb_stopped(f->server, &s);
}

static void interrupt(void *opaque)
{
	struct fake *f = opaque;
	const struct gdb_stop s = {.signal = GDB_SIGINT, .thread = 1, .point = -1};

	gdb_stopped(f->server, &s);
}

static void detach(void *opaque)
{
	((struct fake *)opaque)->ended = true;
}

static int restart(void *opaque)
{
	return ((struct fake *)opaque)->points & 1 ? -EIO : 0;
}

static bool object(void *opaque, const char *name, FILE *to)
{
	struct fake *f = opaque;

	if (strcmp(name, "auxv"))
		return false;
	fwrite(f->memory, 1, sizeof f->memory, to);
	return true;
}

static int command(void *opaque, const char *line, FILE *to)
{
	(void)opaque;
	if (*line == 'l')
		return 1; /* later: Ctrl-C ends it */
	fputs(line, to);
	return *line == 'e' ? -EIO : 0;
}

static bool query(void *opaque, const char *packet, FILE *to)
{
	(void)opaque;
	fputs("OK", to);
	return strstr(packet, "emu");
}

static const struct gdb_target target = {
	.write = write_out, .thread = thread, .thread_alive = thread_alive, .thread_name = thread_name, .arch = "i386", .reg = reg, .get_reg = get_reg,
	.set_reg = set_reg, .set_pc = set_pc, .read = read_memory, .store = store, .point = point, .clear_points = clear_points, .resume = resume,
	.interrupt = interrupt, .detach = detach, .kill = detach, .restart = restart, .object = object, .objects = "qXfer:auxv:read+;",
	.command = command, .query = query};

static void framed(struct fake *f, const uint8_t *data, size_t size)
{
	while (size && !f->ended) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) : size;
		unsigned sum = 0;
		char tail[4];

		if (n == 1 && *data == 3) {
			gdb_input(f->server, data, 1);
		} else {
			for (size_t i = 0; i < n; i++)
				sum += data[i];
			snprintf(tail, sizeof tail, "#%02x", sum & 0xff);
			gdb_input(f->server, "$", 1);
			gdb_input(f->server, data, n);
			gdb_input(f->server, tail, 3);
		}
		data += n;
		size -= n;
		if (size) {
			data++;
			size--;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake f;

	f = (struct fake){.memory = {'#', '$', '}', '*', 3, 0xff}};
	f.server = gdb_new(&target, &f);
	if (!f.server || !size) {
		gdb_free(f.server);
		return 0;
	}
	if (data[0] & 1)
		gdb_input(f.server, data + 1, size - 1);
	else
		framed(&f, data + 1, size - 1);
	gdb_exited(f.server, 0, data[0] & 2);
	gdb_connected(f.server, true);
	gdb_input(f.server, "\3$?#3f", 6);
	gdb_free(f.server);
	return 0;
}
