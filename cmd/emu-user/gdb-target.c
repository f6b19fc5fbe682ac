/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program as the debugger's server (lib/gdb) sees it: threads, registers, memory, break- and watchpoints. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "gdb.h"

static void write_out(void *opaque, const void *data, size_t n)
{
	struct debug *d = opaque;
	const char *c = data;

	while (n && d->fd >= 0) {
		ssize_t k = send(d->fd, c, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return; /* the next receive finds the end */
		c += k;
		n -= (size_t)k;
	}
}

/* ---- threads ---- */

struct thread *debug_thread(struct debug *d, long tid)
{
	struct thread *t;

	pthread_mutex_lock(&d->p->thread_lock);
	for (t = d->p->threads; t && t->tid != tid; t = t->next)
		;
	pthread_mutex_unlock(&d->p->thread_lock);
	return t;
}

static long thread_at(void *opaque, unsigned n)
{
	struct debug *d = opaque;
	struct thread *t;
	long tid;

	pthread_mutex_lock(&d->p->thread_lock);
	for (t = d->p->threads; t && n; t = t->next)
		n--;
	tid = t ? t->tid : 0;
	pthread_mutex_unlock(&d->p->thread_lock);
	return tid;
}

static bool thread_alive(void *opaque, long tid)
{
	return debug_thread(opaque, tid);
}

static void thread_name(void *opaque, long tid, char *text, size_t size)
{
	(void)opaque;
	snprintf(text, size, "thread %ld", tid);
}

/* ---- registers ---- */

static bool reg(void *opaque, unsigned n, struct gdb_reg *r)
{
	const struct isa *isa = ((struct debug *)opaque)->p->abi->isa;
	const struct isa_reg *is = &isa->regs[n];

	if (n >= isa->reg_count)
		return false;
	*r = (struct gdb_reg){.name = is->name, .feature = is->feature, .type = is->type, .group = is->group, .bits = is->bits};
	return true;
}

static const char *types(void *opaque, const char *feature)
{
	return ((struct debug *)opaque)->p->abi->isa->gdb_types(feature);
}

static int get_reg(void *opaque, long tid, unsigned n, void *bytes)
{
	struct debug *d = opaque;
	struct thread *t = debug_thread(d, tid);

	return t ? d->p->abi->isa->get_reg(t->cpu, n, bytes) : -ESRCH;
}

static int set_reg(void *opaque, long tid, unsigned n, const void *bytes)
{
	struct debug *d = opaque;
	struct thread *t = debug_thread(d, tid);

	return t ? d->p->abi->isa->set_reg(t->cpu, n, bytes) : -ESRCH;
}

static int set_pc(void *opaque, long tid, uint64_t pc)
{
	struct debug *d = opaque;
	struct thread *t = debug_thread(d, tid);

	if (!t)
		return -ESRCH;
	d->p->abi->isa->set_pc(t->cpu, pc);
	return 0;
}

/* ---- memory ---- */

static ssize_t read_memory(void *opaque, long tid, uint64_t addr, void *to, size_t n)
{
	struct debug *d = opaque;

	(void)tid;
	while (n && user_read(d->talker, to, addr, n)) /* what can be read: to the end of the page, at last */
		n = n > PAGE - (addr & (PAGE - 1)) ? PAGE - (addr & (PAGE - 1)) : 0;
	return n ? (ssize_t)n : -EFAULT;
}

/* Stores whatever the protection: the debugger may change code. */
static int poke(void *opaque, long tid, uint64_t addr, const void *data, size_t n)
{
	struct process *p = ((struct debug *)opaque)->p;
	uint64_t first = PAGE_DOWN(addr), end = PAGE_UP(addr + n);
	struct vma *v;

	(void)tid;
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

/* ---- breakpoints and watchpoints --------------------------------------------------------------------------------- */

static size_t breakpoint_size(const struct debug *d)
{
	const struct isa *isa = d->p->abi->isa;
	return isa->breakpoint_size ? isa->breakpoint_size : 1;
}

static void clear_points(void *opaque)
{
	struct debug *d = opaque;
	unsigned i;

	for (i = 0; i < DEBUG_BREAKPOINTS; i++)
		if (d->breakpoint[i].set) {
			poke(d, 0, d->breakpoint[i].addr, d->breakpoint[i].saved, breakpoint_size(d));
			d->breakpoint[i].set = false;
		}
	memset(d->watch, 0, sizeof(d->watch));
	d->watches = 0;
	d->ranges = NULL;
}

bool debug_at_breakpoint(const struct debug *d, uint64_t pc)
{
	unsigned i;

	for (i = 0; i < DEBUG_BREAKPOINTS; i++)
		if (d->breakpoint[i].set && d->breakpoint[i].addr == pc)
			return true;
	return false;
}

static bool breakpoint(struct debug *d, uint64_t addr, bool insert)
{
	static const uint8_t int3[] = {0xcc};
	const uint8_t *code = d->p->abi->isa->breakpoint_size ? d->p->abi->isa->breakpoint : int3;
	struct debug_breakpoint *b, *room = NULL;

	for (b = d->breakpoint; b < d->breakpoint + DEBUG_BREAKPOINTS; b++) {
		if (b->set && b->addr == addr) {
			if (!insert) {
				poke(d, 0, addr, b->saved, breakpoint_size(d));
				b->set = false;
			}
			return true;
		}
		if (!b->set && !room)
			room = b;
	}
	if (!insert)
		return true;
	if (!room || user_read(d->talker, room->saved, addr, breakpoint_size(d)) || poke(d, 0, addr, code, breakpoint_size(d)))
		return false;
	room->addr = addr;
	room->set = true;
	return true;
}

static void list_ranges(struct debug *d)
{
	struct debug_watch *w;

	d->ranges = NULL;
	for (w = d->watch; w < d->watch + DEBUG_WATCHES; w++)
		if (w->set && w->kind != GDB_WATCH_WRITE) {
			w->range.next = d->ranges;
			d->ranges = &w->range;
		}
}

static bool watch(struct debug *d, enum gdb_point kind, uint64_t addr, uint64_t len, bool insert)
{
	uintptr_t host = (uintptr_t)(addr + d->p->guest_base);
	struct debug_watch *w, *room = NULL;

	for (w = d->watch; w < d->watch + DEBUG_WATCHES; w++) {
		if (w->set && w->kind == kind && w->addr == addr && w->len == len) {
			if (!insert) {
				w->set = false;
				d->watches--;
				list_ranges(d);
			}
			return true;
		}
		if (!w->set && !room)
			room = w;
	}
	if (!insert)
		return true;
	if (!room || len > sizeof(room->old) || user_read(d->talker, room->old, addr, len))
		return false;
	*room = (struct debug_watch){.addr = addr, .len = len, .set = true, .kind = kind, .range = {.start = host, .end = host + len}};
	user_read(d->talker, room->old, addr, len);
	d->watches++;
	list_ranges(d);
	return true;
}

bool debug_watch_hit(struct debug *d, struct thread *t)
{
	struct debug_watch *w;
	uint8_t now[64];
	bool hit = false;

	for (w = d->watch; w < d->watch + DEBUG_WATCHES; w++)
		if (w->set && !user_read(t, now, w->addr, w->len) && memcmp(now, w->old, w->len)) {
			memcpy(w->old, now, w->len);
			if (w->kind == GDB_WATCH_READ)
				continue; /* loads alone; the debugger would not have it */
			d->hit = w->addr;
			d->hit_kind = w->kind;
			hit = true;
		}
	for (w = d->watch; access_hit && w < d->watch + DEBUG_WATCHES; w++)
		if (w->set && access_hit == &w->range) {
			d->hit = w->addr;
			d->hit_kind = w->kind;
			hit = true;
		}
	access_hit = NULL;
	return hit;
}

/* Watched stores are found by stepping and comparing, loads by interpreting. */
static int point(void *opaque, long tid, enum gdb_point kind, uint64_t addr, uint64_t len, bool insert)
{
	struct debug *d = opaque;
	bool done = kind <= GDB_HWBREAK ? breakpoint(d, addr, insert) : watch(d, kind, addr, len, insert);

	(void)tid;
	return done ? 0 : -EFAULT;
}

/* ---- going on ----------------------------------------------------------------------------------------------------- */

/* The last step action names the thread that steps; all others go on. */
static void resume(void *opaque, const struct gdb_resume *r)
{
	struct debug *d = opaque;
	const struct gdb_action *mine = gdb_action_for(r, d->talker->tid);
	struct thread *t;

	d->go = mine ? gdb_signal_from(mine->signal) : 0;
	d->stepper = NULL;
	for (unsigned i = 0; i < r->count; i++)
		if (r->action[i].what == 's')
			d->stepper = r->action[i].thread == GDB_ALL ? d->talker : debug_thread(d, r->action[i].thread);
	pthread_mutex_lock(&d->p->thread_lock);
	for (t = d->p->threads; t; t = t->next) {
		t->cpu->watched = d->ranges;
		t->cpu->single_step = d->watches || t == d->stepper;
	}
	pthread_mutex_unlock(&d->p->thread_lock);
}

static void interrupt(void *opaque)
{
	struct debug *d = opaque;

	d->interrupted = true;
	d->p->stop_request = true;
	debug_kick(d, NULL);
}

static void detached(void *opaque)
{
	struct debug *d = opaque;

	debug_detach(d);
	d->go = d->sig == SIGTRAP ? 0 : d->sig;
}

static void killed(void *opaque)
{
	struct debug *d = opaque;

	close(d->fd);
	d->fd = -1;
	d->go = 0;
	syscall(SYS_kill, getpid(), SIGKILL);
}

static bool object(void *opaque, const char *name, FILE *f)
{
	struct debug *d = opaque;

	if (!strcmp(name, "auxv"))
		fwrite(d->p->auxv, 1, d->p->auxv_size, f);
	else if (!strcmp(name, "exec-file"))
		fputs(d->p->exe_path, f);
	else if (!strcmp(name, "siginfo"))
		fwrite(&d->si, 1, sizeof(d->si), f);
	else
		return false;
	return true;
}

const struct gdb_target debug_target = {
	.write = write_out, .thread = thread_at, .thread_alive = thread_alive, .thread_name = thread_name,
	.osabi = "GNU/Linux", .reg = reg, .types = types, .get_reg = get_reg, .set_reg = set_reg, .set_pc = set_pc,
	.read = read_memory, .store = poke, .point = point, .clear_points = clear_points,
	.resume = resume, .interrupt = interrupt, .detach = detached, .kill = killed,
	.object = object, .objects = "qXfer:auxv:read+;qXfer:exec-file:read+;qXfer:siginfo:read+;",
};
