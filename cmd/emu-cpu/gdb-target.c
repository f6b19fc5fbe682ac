/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine as a debugger sees it: processors are threads 1, 2, …; addresses are those behind segments, through the page tables of the thread's
 * processor; breakpoints and watchpoints are lib/jit's, so that nothing in the guest changes.
 *
 * The debugger stands still with the machine: every stop of the machine ends what it was told to do, whoever asked for the stop, and what it
 * resumes is the machine. Processors that it did not name in doing so are held (vcpu.debug.held) as if they were halted.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "gdb.h"
#include "jit/debug.h"

static struct vcpu *vcpu_of(const struct stub *s, long thread)
{
	const struct machine *m = s->machine;

	return thread > 0 && thread <= (long)m->cpus && m->vcpu[thread - 1]->cpu ? m->vcpu[thread - 1] : NULL;
}

/* ---- threads ---- */

static long thread_at(void *opaque, unsigned n)
{
	return vcpu_of(opaque, (long)n + 1) ? (long)n + 1 : 0;
}

static bool thread_alive(void *opaque, long thread)
{
	return vcpu_of(opaque, thread);
}

static void thread_name(void *opaque, long thread, char *text, size_t size)
{
	struct vcpu *v = vcpu_of(opaque, thread);

	snprintf(text, size, "CPU#%ld [%s]", thread - 1, v && v->ops->halted(v) ? "halted" : "running");
}

/* ---- registers ---- */

static bool reg(void *opaque, unsigned n, struct gdb_reg *r)
{
	const struct vcpu *v = vcpu_of(opaque, 1);
	const struct isa *isa = v ? v->cpu->isa : NULL;

	if (!isa || n >= isa->reg_count)
		return false;
	*r = (struct gdb_reg){.name = isa->regs[n].name, .feature = isa->regs[n].feature, .type = isa->regs[n].type, .group = isa->regs[n].group,
			      .bits = isa->regs[n].bits};
	return true;
}

static const char *types(void *opaque, const char *feature)
{
	return vcpu_of(opaque, 1)->cpu->isa->gdb_types(feature);
}

static int get_reg(void *opaque, long thread, unsigned n, void *bytes)
{
	const struct vcpu *v = vcpu_of(opaque, thread);

	return v ? v->cpu->isa->get_reg(v->cpu, n, bytes) : -ESRCH;
}

static int set_reg(void *opaque, long thread, unsigned n, const void *bytes)
{
	struct vcpu *v = vcpu_of(opaque, thread);
	int r = v ? v->cpu->isa->set_reg(v->cpu, n, bytes) : -ESRCH;

	/* What it asks the machine for ends with the processor back in guest code, where it is not. */
	if (v)
		vcpu_leave(v);
	return r;
}

static int set_pc(void *opaque, long thread, uint64_t pc)
{
	struct vcpu *v = vcpu_of(opaque, thread);

	if (!v)
		return -ESRCH;
	v->cpu->isa->set_pc(v->cpu, pc);
	return 0;
}

/* ---- memory ---- */

/* The next piece within a page: its physical address and size. */
static int piece(struct stub *s, struct vcpu *v, uint64_t addr, size_t n, uint64_t *physical, size_t *size)
{
	*size = 4096 - (addr & 4095) < n ? 4096 - (addr & 4095) : n;
	*physical = addr;
	return s->physical ? 0 : v->ops->translate(v, addr, physical);
}

static ssize_t read_memory(void *opaque, long thread, uint64_t addr, void *to, size_t n)
{
	struct stub *s = opaque;
	struct vcpu *v = vcpu_of(s, thread);
	uint64_t physical;
	size_t done = 0, k;

	while (v && done < n && piece(s, v, addr + done, n - done, &physical, &k) == 0 &&
	       space_read(v->space, physical, (uint8_t *)to + done, k) == MEM_OK)
		done += k;
	return done ? (ssize_t)done : -EFAULT;
}

/* ROM can be changed too: it is only the guest that cannot. */
static int store_piece(struct vcpu *v, uint64_t physical, const uint8_t *from, size_t n)
{
	struct space_page p;

	space_page(v->space, physical, &p);
	if (!p.host)
		return space_write(v->space, physical, from, n) == MEM_OK ? 0 : -EFAULT;
	memcpy(p.host + (physical & 4095), from, n);
	region_dirty_set(p.region, p.offset + (physical & 4095), n);
	return 0;
}

static int store(void *opaque, long thread, uint64_t addr, const void *from, size_t n)
{
	struct stub *s = opaque;
	struct vcpu *v = vcpu_of(s, thread);
	uint64_t physical;
	size_t k;

	/* All or nothing, as far as translation goes. */
	for (size_t done = 0; done < n; done += k)
		if (!v || piece(s, v, addr + done, n - done, &physical, &k) < 0)
			return -EFAULT;
	for (size_t done = 0; done < n; done += k)
		if (piece(s, v, addr + done, n - done, &physical, &k) < 0 || store_piece(v, physical, (const uint8_t *)from + done, k) < 0)
			return -EFAULT;
	return 0;
}

/* ---- breakpoints and watchpoints ---- */

static int point(void *opaque, long thread, enum gdb_point kind, uint64_t addr, uint64_t len, bool insert)
{
	struct stub *s = opaque;
	struct jit *j = vcpus_jit(s->machine);

	(void)thread;
	/* The numbers of kinds are the same. */
	if (kind <= GDB_HWBREAK)
		return jit_break_set(j, addr, (enum jit_debug_kind)kind, insert);
	return jit_watch_set(j, addr, len, (enum jit_debug_kind)kind, insert);
}

static void clear_points(void *opaque)
{
	jit_debug_clear(vcpus_jit(((struct stub *)opaque)->machine));
}

void stub_forget(struct stub *s)
{
	struct machine *m = s->machine;

	clear_points(s);
	for (unsigned i = 0; i < m->cpus; i++) {
		if (m->vcpu[i]->cpu)
			m->vcpu[i]->cpu->single_step = false;
		m->vcpu[i]->debug.held = m->vcpu[i]->debug.met = false;
	}
	m->clock_held = false;
}

/* ---- going on ---- */

static bool can_run(const struct machine *m)
{
	return m->state != RUN_SHUTDOWN && m->state != RUN_INTERNAL_ERROR && m->state != RUN_GUEST_PANICKED && m->state != RUN_SUSPENDED;
}

static void resume(void *opaque, const struct gdb_resume *r)
{
	struct stub *s = opaque;
	struct machine *m = s->machine;
	const struct gdb_stop stop = {.signal = GDB_SIGQUIT, .point = -1, .thread = 1};

	if (!can_run(m)) {
		/* Only a reset helps. */
		gdb_stopped(s->server, &stop);
		return;
	}
	m->clock_held = false;
	for (unsigned i = 0; i < m->cpus; i++) {
		struct vcpu *v = m->vcpu[i];
		const struct gdb_action *a = gdb_action_for(r, (long)i + 1);
		bool step = a && a->what == 's' && s->step & STEP_ENABLE;
		if (!v->cpu)
			continue;
		v->debug.held = !a && r->partial;
		v->debug.met = false;
		v->cpu->single_step = step;
		v->cpu->step_masked = s->step & STEP_NOIRQ;
		m->clock_held |= step && s->step & STEP_NOTIMER;
		/* A halted one that is to step must find out for itself that nothing can be done. */
		if (step)
			vcpu_look(v);
	}
	machine_continue(m);
}

static void interrupt(void *opaque)
{
	struct stub *s = opaque;

	if (s->machine->state == RUN_RUNNING)
		machine_stop(s->machine, RUN_PAUSED);
}

static void detach(void *opaque)
{
	struct stub *s = opaque;

	stub_forget(s);
	if (can_run(s->machine))
		machine_continue(s->machine);
}

static void quit(void *opaque)
{
	struct stub *s = opaque;

	err_print("terminated by the debugger");
	machine_request(s->machine, REQUEST_QUIT, "host-signal");
}

static int restart(void *opaque)
{
	struct machine *m = ((struct stub *)opaque)->machine;

	machine_reset(m);
	machine_event(m, "RESET", json_pack("{s:b, s:s}", "guest", 0, "reason", "host-qmp-system-reset"));
	return 0;
}

/* ---- stops ---- */

void stub_trapped(struct vcpu *v)
{
	const struct trap *t = &v->cpu->trap;

	/*
	 * Behind a segment the debugger, which knows pc alone, would find no breakpoint there, take the stop for one of a breakpoint that is gone,
	 * and go on without a word. Without a reason it is a trap.
	 */
	bool elsewhere = t->number == JIT_DEBUG_BREAK && v->cpu->isa->get_pc(v->cpu) != t->address;

	v->debug.point = t->number == JIT_DEBUG_STEP || elsewhere ? -1 : (int)t->error_code;
	v->debug.address = t->address;
	v->debug.met = true;
}

static int signal_of(enum run_state s)
{
	switch (s) {
	case RUN_DEBUG: return GDB_SIGTRAP;
	case RUN_PAUSED: return GDB_SIGINT;
	case RUN_SHUTDOWN: return GDB_SIGQUIT;
	case RUN_IO_ERROR: return GDB_SIGIO;
	case RUN_WATCHDOG: return GDB_SIGALRM;
	case RUN_INTERNAL_ERROR: return GDB_SIGABRT;
	default: return GDB_SIGUNKNOWN;
	}
}

void stub_state(void *opaque, bool running)
{
	struct stub *s = opaque;
	struct machine *m = s->machine;
	struct gdb_stop stop = {.signal = signal_of(m->state), .point = -1, .thread = 0};

	if (running)
		return;
	m->clock_held = false;
	for (unsigned i = m->cpus; i-- > 0;) {
		struct vcpu *v = m->vcpu[i];
		if (v->cpu)
			v->cpu->single_step = false;
		v->debug.held = false;
		if (!v->debug.met)
			continue;
		v->debug.met = false;
		stop = (struct gdb_stop){.signal = GDB_SIGTRAP, .thread = (long)i + 1, .point = v->debug.point, .address = v->debug.address};
	}
	/* A state is being saved: it goes on by itself. */
	if (s->in < 0 || !gdb_running(s->server) || m->state == RUN_SAVING)
		return;
	gdb_stopped(s->server, &stop);
}

/* ---- what this kind of machine is asked besides (DESIGN.md has the list of packets) ---- */

static bool query(void *opaque, const char *packet, FILE *f)
{
	struct stub *s = opaque;
	char *end;
	unsigned long v;

	if (!strcmp(packet, "qqemu.sstepbits")) {
		fprintf(f, "ENABLE=%x,NOIRQ=%x,NOTIMER=%x", STEP_ENABLE, STEP_NOIRQ, STEP_NOTIMER);
	} else if (!strcmp(packet, "qqemu.sstep")) {
		fprintf(f, "0x%x", s->step);
	} else if (!strncmp(packet, "Qqemu.sstep", 11) && (packet[11] == '=' || packet[11] == ':')) {
		v = strtoul(packet + 12, &end, 16);
		if (end == packet + 12 || *end || v > (STEP_ENABLE | STEP_NOIRQ | STEP_NOTIMER)) {
			fprintf(f, "E22");
		} else {
			s->step = (unsigned)v;
			fprintf(f, "OK");
		}
	} else if (!strcmp(packet, "qqemu.PhyMemMode")) {
		fprintf(f, "%d", s->physical);
	} else if (!strcmp(packet, "Qqemu.PhyMemMode:0") || !strcmp(packet, "Qqemu.PhyMemMode:1")) {
		s->physical = packet[17] == '1';
		fprintf(f, "OK");
	} else if (!strcmp(packet, "qqemu.Supported")) {
		fprintf(f, "sstepbits;sstep;PhyMemMode");
	} else {
		return false;
	}
	return true;
}

/* Whoever said that it is the monitor gets the line as an event, and answers by x-gdb-answer. */
static int command(void *opaque, const char *line, FILE *f)
{
	struct stub *s = opaque;

	if (!s->monitor) {
		fprintf(f, "no monitor serves this machine; emu-mon does when it is given one to supervise\n");
		return 0;
	}
	machine_event(s->machine, "x-gdb-command", json_pack("{s:I, s:s}", "id", ++s->command, "line", line));
	return 1;
}

int stub_target(struct stub *s)
{
	const struct vcpu *v = vcpu_of(s, 1);

	s->step = STEP_ENABLE | STEP_NOIRQ | STEP_NOTIMER;
	s->target = (struct gdb_target){
		.write = stub_write, .thread = thread_at, .thread_alive = thread_alive, .thread_name = thread_name,
		.arch = v ? v->cpu->isa->gdb_arch : "", .reg = reg, .types = types, .get_reg = get_reg, .set_reg = set_reg, .set_pc = set_pc,
		.read = read_memory, .store = store, .point = point, .clear_points = clear_points, .resume = resume, .interrupt = interrupt,
		.detach = detach, .kill = quit, .restart = restart, .command = command, .query = query};
	s->server = gdb_new(&s->target, s);
	return s->server ? 0 : -ENOMEM;
}
