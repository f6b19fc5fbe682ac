/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debugger's questions about registers, memory, threads and tables, and its break- and watchpoints. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gdb.h"

struct thread *gdb_thread(struct gdb *g, pid_t tid)
{
	struct thread *t;

	pthread_mutex_lock(&g->p->thread_lock);
	for (t = g->p->threads; t && t->tid != tid; t = t->next)
		;
	pthread_mutex_unlock(&g->p->thread_lock);
	return t;
}

/* g, G, p, P. The numbers are those of the target description: the record's order. */
void gdb_registers(struct gdb *g, struct thread *t, const char *packet)
{
	const struct isa *isa = g->p->abi->isa;
	uint8_t bytes[64];
	const char *s = packet + 1;
	unsigned n;

	switch (packet[0]) {
	case 'g':
		gdb_begin(g);
		for (n = 0; n < isa->reg_count; n++) {
			if (isa->get_reg(t->cpu, n, bytes))
				memset(bytes, 0, sizeof(bytes));
			gdb_put_hex(g, bytes, isa->regs[n].bits / 8);
		}
		gdb_send(g);
		return;
	case 'G':
		for (n = 0; n < isa->reg_count && *s; n++) {
			size_t size = isa->regs[n].bits / 8;

			if (gdb_unhex(s, bytes, size) == size)
				isa->set_reg(t->cpu, n, bytes);
			s += 2 * size;
		}
		gdb_reply(g, "OK");
		return;
	case 'p':
		n = (unsigned)strtoul(s, NULL, 16);
		if (n >= isa->reg_count || isa->get_reg(t->cpu, n, bytes)) {
			gdb_reply(g, "E01");
			return;
		}
		gdb_begin(g);
		gdb_put_hex(g, bytes, isa->regs[n].bits / 8);
		gdb_send(g);
		return;
	default:
		n = (unsigned)strtoul(s, NULL, 16);
		s = strchr(s, '=');
		if (n >= isa->reg_count || !s || gdb_unhex(s + 1, bytes, sizeof(bytes)) != isa->regs[n].bits / 8u ||
		    isa->set_reg(t->cpu, n, bytes))
			gdb_reply(g, "E01");
		else
			gdb_reply(g, "OK");
	}
}

/* Stores whatever the protection: the debugger may change code. */
static int poke(struct gdb *g, struct thread *t, uint64_t addr, const void *data, size_t n)
{
	struct process *p = g->p;
	uint64_t first = PAGE_DOWN(addr), end = PAGE_UP(addr + n);
	struct vma *v;

	(void)t;
	if (!n)
		return 0;
	pthread_mutex_lock(&p->mm_lock);
	v = vma_find(p, addr);
	if (!vma_covers(p, addr, addr + n) || (v && (v->flags & VMA_FIXTURE)) ||
	    mprotect((void *)(uintptr_t)(first + p->guest_base), end - first, PROT_READ | PROT_WRITE)) {
		pthread_mutex_unlock(&p->mm_lock);
		return -EFAULT;
	}
	memcpy((void *)(uintptr_t)(addr + p->guest_base), data, n);
	while (first < end) { /* as it was */
		v = vma_find(p, first);
		mm_restore_prot(p, v, first, v->end < end ? v->end : end);
		first = v->end < end ? v->end : end;
	}
	pthread_mutex_unlock(&p->mm_lock);
	jit_invalidate(p->jit, addr, n);
	return 0;
}

void gdb_memory(struct gdb *g, struct thread *t, const char *packet, size_t len)
{
	uint8_t data[GDB_PACKET / 2];
	char *end;
	uint64_t addr = strtoull(packet + 1, &end, 16), n = 0;
	size_t have;

	if (*end == ',')
		n = strtoull(end + 1, &end, 16);
	if (packet[0] == 'm') {
		if (n > sizeof(data) - 8)
			n = sizeof(data) - 8;
		while (n && user_read(t, data, addr, n)) /* what can be read: to the end of the page, at last */
			n = n > PAGE - (addr & (PAGE - 1)) ? PAGE - (addr & (PAGE - 1)) : 0;
		if (!n) {
			gdb_reply(g, "E14");
			return;
		}
		gdb_begin(g);
		gdb_put_hex(g, data, n);
		gdb_send(g);
		return;
	}
	if (*end != ':' || n > sizeof(data)) {
		gdb_reply(g, "E22");
		return;
	}
	end++;
	if (packet[0] == 'M') {
		have = gdb_unhex(end, data, n);
	} else {
		have = len - (size_t)(end - packet);
		if (have > n)
			have = n;
		memcpy(data, end, have);
	}
	gdb_reply(g, have == n && !poke(g, t, addr, data, n) ? "OK" : "E14");
}

/* ---- breakpoints and watchpoints --------------------------------------------------------------------------------- */

static size_t breakpoint_size(const struct gdb *g)
{
	const struct isa *isa = g->p->abi->isa;
	return isa->breakpoint_size ? isa->breakpoint_size : 1;
}

void gdb_remove_all(struct gdb *g)
{
	unsigned i;

	for (i = 0; i < GDB_BREAKPOINTS; i++)
		if (g->breakpoint[i].set) {
			poke(g, NULL, g->breakpoint[i].addr, g->breakpoint[i].saved, breakpoint_size(g));
			g->breakpoint[i].set = false;
		}
	memset(g->watch, 0, sizeof(g->watch));
	g->watches = 0;
	g->ranges = NULL;
}

static bool breakpoint(struct gdb *g, struct thread *t, uint64_t addr, bool insert)
{
	struct gdb_breakpoint *b, *room = NULL;

	for (b = g->breakpoint; b < g->breakpoint + GDB_BREAKPOINTS; b++) {
		if (b->set && b->addr == addr) {
			if (!insert) {
				poke(g, t, addr, b->saved, breakpoint_size(g));
				b->set = false;
			}
			return true;
		}
		if (!b->set && !room)
			room = b;
	}
	if (!insert)
		return true;
	static const uint8_t int3[] = {0xcc};
	const uint8_t *code = g->p->abi->isa->breakpoint_size ? g->p->abi->isa->breakpoint : int3;
	if (!room || user_read(t, room->saved, addr, breakpoint_size(g)) || poke(g, t, addr, code, breakpoint_size(g)))
		return false;
	room->addr = addr;
	room->set = true;
	return true;
}

static void list_ranges(struct gdb *g)
{
	struct gdb_watch *w;

	g->ranges = NULL;
	for (w = g->watch; w < g->watch + GDB_WATCHES; w++)
		if (w->set && w->kind != '2') {
			w->range.next = g->ranges;
			g->ranges = &w->range;
		}
}

static bool watch(struct gdb *g, struct thread *t, char kind, uint64_t addr, uint64_t len, bool insert)
{
	uintptr_t host = (uintptr_t)(addr + g->p->guest_base);
	struct gdb_watch *w, *room = NULL;

	for (w = g->watch; w < g->watch + GDB_WATCHES; w++) {
		if (w->set && w->kind == kind && w->addr == addr && w->len == len) {
			if (!insert) {
				w->set = false;
				g->watches--;
				list_ranges(g);
			}
			return true;
		}
		if (!w->set && !room)
			room = w;
	}
	if (!insert)
		return true;
	if (!room || len > sizeof(room->old) || user_read(t, room->old, addr, len))
		return false;
	*room = (struct gdb_watch){.addr = addr, .len = len, .set = true, .kind = kind, .range = {.start = host, .end = host + len}};
	user_read(t, room->old, addr, len);
	g->watches++;
	list_ranges(g);
	return true;
}

bool gdb_watch_changed(struct gdb *g, struct thread *t)
{
	struct gdb_watch *w;
	uint8_t now[64];
	bool hit = false;

	for (w = g->watch; w < g->watch + GDB_WATCHES; w++)
		if (w->set && !user_read(t, now, w->addr, w->len) && memcmp(now, w->old, w->len)) {
			memcpy(w->old, now, w->len);
			if (w->kind == '3')
				continue; /* loads alone; the debugger would not have it */
			g->hit = w->addr;
			g->hit_kind = w->kind;
			hit = true;
		}
	for (w = g->watch; access_hit && w < g->watch + GDB_WATCHES; w++)
		if (w->set && access_hit == &w->range) {
			g->hit = w->addr;
			g->hit_kind = w->kind;
			hit = true;
		}
	access_hit = NULL;
	return hit;
}

void gdb_point(struct gdb *g, struct thread *t, const char *packet)
{
	bool insert = packet[0] == 'Z', done;
	char *end;
	uint64_t addr = 0, len = 0;

	if (packet[1] && packet[2] == ',') {
		addr = strtoull(packet + 3, &end, 16);
		if (*end == ',')
			len = strtoull(end + 1, NULL, 16);
	}
	switch (packet[1]) {
	case '0':
	case '1':
		done = breakpoint(g, t, addr, insert);
		break;
	case '2': /* stores, found by stepping and comparing */
	case '3':
	case '4': /* loads too, found by interpreting */
		done = watch(g, t, packet[1], addr, len, insert);
		break;
	default:
		gdb_reply(g, "");
		return;
	}
	gdb_reply(g, done ? "OK" : "E0E");
}

/* ---- q packets ------------------------------------------------------------------------------------------------------ */

static void target_description(struct gdb *g, FILE *f)
{
	const struct isa *isa = g->p->abi->isa;
	const char *feature = NULL;
	unsigned n;

	fprintf(f, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\">"
		   "<architecture>%s</architecture><osabi>GNU/Linux</osabi>", isa->gdb_arch);
	for (n = 0; n < isa->reg_count; n++) {
		const struct isa_reg *r = &isa->regs[n];

		if (!feature || strcmp(feature, r->feature)) {
			if (feature)
				fputs("</feature>", f);
			fprintf(f, "<feature name=\"%s\">", r->feature);
			if (isa->gdb_types)
				fputs(isa->gdb_types(r->feature), f);
			else if (!feature)
				fputs("<flags id=\"i386_eflags\" size=\"4\"><field name=\"\" start=\"22\" end=\"31\"/>"
				      "<field name=\"ID\" start=\"21\" end=\"21\"/><field name=\"AC\" start=\"18\" end=\"18\"/>"
				      "<field name=\"RF\" start=\"16\" end=\"16\"/><field name=\"NT\" start=\"14\" end=\"14\"/>"
				      "<field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"DF\" start=\"10\" end=\"10\"/>"
				      "<field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"TF\" start=\"8\" end=\"8\"/>"
				      "<field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"ZF\" start=\"6\" end=\"6\"/>"
				      "<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"PF\" start=\"2\" end=\"2\"/>"
				      "<field name=\"CF\" start=\"0\" end=\"0\"/></flags>", f);
			if (strstr(r->feature, ".sse"))
				fputs("<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
				      "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
				      "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
				      "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
				      "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
				      "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
				      "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
				      "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>"
				      "<flags id=\"i386_mxcsr\" size=\"4\"><field name=\"IE\" start=\"0\" end=\"0\"/>"
				      "<field name=\"DE\" start=\"1\" end=\"1\"/><field name=\"ZE\" start=\"2\" end=\"2\"/>"
				      "<field name=\"OE\" start=\"3\" end=\"3\"/><field name=\"UE\" start=\"4\" end=\"4\"/>"
				      "<field name=\"PE\" start=\"5\" end=\"5\"/><field name=\"DAZ\" start=\"6\" end=\"6\"/>"
				      "<field name=\"FZ\" start=\"15\" end=\"15\"/></flags>", f);
			feature = r->feature;
		}
		fprintf(f, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"", r->name, r->bits, r->type, n);
		if (r->group)
			fprintf(f, " group=\"%s\"", r->group);
		fputs("/>", f);
	}
	fputs("</feature></target>", f);
}

/* Answers qXfer:…:OFFSET,LENGTH from a whole object. */
static void transfer(struct gdb *g, const char *range, const void *data, size_t size)
{
	char *end;
	size_t at = strtoul(range, &end, 16), n = *end == ',' ? strtoul(end + 1, NULL, 16) : 0;

	if (at > size)
		at = size;
	if (n > GDB_PACKET / 2 - 16)
		n = GDB_PACKET / 2 - 16;
	gdb_begin(g);
	if (n >= size - at) {
		gdb_put(g, "l");
		n = size - at;
	} else {
		gdb_put(g, "m");
	}
	gdb_put_binary(g, (const char *)data + at, n);
	gdb_send(g);
}

static void xfer(struct gdb *g, const char *what)
{
	char *text = NULL;
	size_t size = 0;
	const char *range = strrchr(what, ':');
	struct thread *t;
	FILE *f;

	if (!range) {
		gdb_reply(g, "");
		return;
	}
	range++;
	if (!strncmp(what, "auxv:read:", 10)) {
		transfer(g, range, g->p->auxv, g->p->auxv_size);
		return;
	}
	if (!strncmp(what, "exec-file:read:", 15)) {
		transfer(g, range, g->p->exe_path, strlen(g->p->exe_path));
		return;
	}
	if (!strncmp(what, "siginfo:read:", 13)) {
		transfer(g, range, &g->si, sizeof(g->si));
		return;
	}
	f = open_memstream(&text, &size);
	if (!f) {
		gdb_reply(g, "E0C");
		return;
	}
	if (!strncmp(what, "features:read:target.xml:", 25)) {
		target_description(g, f);
	} else if (!strncmp(what, "threads:read:", 13)) {
		fputs("<?xml version=\"1.0\"?><threads>", f);
		pthread_mutex_lock(&g->p->thread_lock);
		for (t = g->p->threads; t; t = t->next)
			fprintf(f, "<thread id=\"%x\" name=\"thread %d\"/>", t->tid, t->tid);
		pthread_mutex_unlock(&g->p->thread_lock);
		fputs("</threads>", f);
	} else {
		fclose(f);
		free(text);
		gdb_reply(g, "");
		return;
	}
	fclose(f);
	transfer(g, range, text, size);
	free(text);
}

void gdb_query(struct gdb *g, struct thread *t, const char *packet)
{
	const char *q = packet + 1;
	struct thread *o;

	if (!strncmp(q, "Supported", 9)) {
		gdb_begin(g);
		gdb_put(g, "PacketSize=%x;qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;"
			   "qXfer:threads:read+;qXfer:siginfo:read+;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+",
			GDB_PACKET - 16);
		gdb_send(g);
	} else if (!strncmp(q, "Xfer:", 5)) {
		xfer(g, q + 5);
	} else if (!strcmp(q, "C")) {
		gdb_begin(g);
		gdb_put(g, "QC%x", t->tid);
		gdb_send(g);
	} else if (!strcmp(q, "fThreadInfo")) {
		gdb_begin(g);
		pthread_mutex_lock(&g->p->thread_lock);
		for (o = g->p->threads; o; o = o->next)
			gdb_put(g, "%s%x", o == g->p->threads ? "m" : ",", o->tid);
		pthread_mutex_unlock(&g->p->thread_lock);
		gdb_send(g);
	} else if (!strcmp(q, "sThreadInfo")) {
		gdb_reply(g, "l");
	} else if (!strncmp(q, "Attached", 8)) {
		gdb_reply(g, "1");
	} else if (!strcmp(q, "Symbol::")) {
		gdb_reply(g, "OK");
	} else {
		gdb_reply(g, "");
	}
}
