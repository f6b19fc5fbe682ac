/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * Each processor has a thread that runs guest code until something wants it out: an interrupt, a stop, its own HLT. Two different things
 * are asked of it from outside:
 *
 * *Parked*: it stands at an instruction boundary and stays there. Resets, saving, stopping ask for that (vcpus_pause), and let go of the
 * machine lock while they wait, since the processor may need that lock to get to the boundary.
 *
 * *Not inside*: it cannot touch guest memory for the moment, though it may be in the middle of an instruction that waits for the machine
 * lock. An instruction that must have memory for itself asks for that (exclusive). The flag `inside` of each processor and the counter
 * `held` are a pair as in Dekker's algorithm: a processor sets its flag and looks at the counter, who holds raises the counter and looks
 * at the flags.
 */
#include "vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core.h"
#include "gdb.h"
#include "icount.h"
#include "jit/mmu.h"
#include "memory-internal.h"

struct vcpu_core {
	pthread_mutex_t lock;       /* of stop, quit, parked, and what INIT and STARTUP want */
	pthread_cond_t changed;     /* somebody parked, or left */
	_Atomic uint32_t stop;      /* all shall park */
	bool quit;
	pthread_mutex_t exclusive;  /* one at a time */
	_Atomic uint32_t held;
	struct vcpu *holder;        /* written by itself alone */
	struct jit *jit;
	struct sigaction old[_NSIG];
	bool signals;
};

/* The processor whose thread this is. */
static _Thread_local struct vcpu *current;

static struct vcpu_core *core(const struct machine *m)
{
	return m->parts->processors;
}

int vcpu_core_init(struct machine *m, struct err *e)
{
	struct vcpu_core *c = calloc(1, sizeof *c);

	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->exclusive, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->stop = 1;
	m->parts->processors = c;
	return 0;
}

/* ---- making ---- */

static void intr_set(void *opaque, int n, bool level)
{
	struct vcpu *v = opaque;

	(void)n;
	v->intr_level = level;
	vcpu_interrupt(v, level);
}

struct vcpu *vcpu_new(struct machine *m, struct err *e)
{
	struct vcpu *v = calloc(1, sizeof *v), **more = realloc(m->vcpu, (m->cpus + 1) * sizeof *more);

	if (more)
		m->vcpu = more;
	if (!v || !more) {
		free(v);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	v->machine = m;
	v->index = m->cpus;
	pthread_cond_init(&v->wake, NULL);
	irq_init(&v->intr, 1, intr_set, v);
	m->vcpu[m->cpus++] = v;
	return v;
}

struct vcpu *vcpu_new_test(struct machine *m)
{
	struct err e = ERR_INIT;
	struct vcpu *v = vcpu_new(m, &e);

	if (!v)
		die(1, "%s", e.msg);
	return v;
}

struct jit *vcpus_jit(struct machine *m)
{
	return core(m)->jit;
}

void vcpus_set_jit(struct machine *m, struct jit *j)
{
	core(m)->jit = j;
}

/* ---- inside and outside ---- */

static void tell(struct machine *m)
{
	pthread_mutex_lock(&core(m)->lock);
	pthread_cond_broadcast(&core(m)->changed);
	pthread_mutex_unlock(&core(m)->lock);
}

void vcpu_leave(struct vcpu *v)
{
	atomic_store(&v->inside, 0);
	if (atomic_load(&core(v->machine)->held))
		tell(v->machine);
}

void vcpu_enter(struct vcpu *v)
{
	struct vcpu_core *c = core(v->machine);

	for (;;) {
		atomic_store(&v->inside, 1);
		if (!atomic_load(&c->held) || c->holder == v)
			return;
		atomic_store(&v->inside, 0);
		pthread_mutex_lock(&c->lock);
		pthread_cond_broadcast(&c->changed);
		while (atomic_load(&c->held))
			pthread_cond_wait(&c->changed, &c->lock);
		pthread_mutex_unlock(&c->lock);
	}
}

static void kick_out(struct vcpu *v)
{
	if (v->cpu)
		v->cpu->isa->interrupt(v->cpu, NULL);
}

void vcpu_exclusive_begin(struct vcpu *v)
{
	struct machine *m = v->machine;
	struct vcpu_core *c = core(m);

	vcpu_leave(v);
	pthread_mutex_lock(&c->exclusive);
	c->holder = v;
	atomic_store(&c->held, 1);
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < m->cpus; i++) {
		struct vcpu *o = m->vcpu[i];
		if (o == v)
			continue;
		if (atomic_load(&o->inside))
			kick_out(o);
		while (atomic_load(&o->inside))
			pthread_cond_wait(&c->changed, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	atomic_store(&v->inside, 1);
}

void vcpu_exclusive_end(struct vcpu *v)
{
	struct vcpu_core *c = core(v->machine);

	c->holder = NULL;
	atomic_store(&c->held, 0);
	tell(v->machine);
	pthread_mutex_unlock(&c->exclusive);
}

/* ---- the thread ---- */

static void kick(struct vcpu *v)
{
	atomic_store(&v->kicked, 1);
	if (!atomic_load(&v->sleeping))
		return;
	pthread_mutex_lock(&core(v->machine)->lock);
	pthread_cond_signal(&v->wake);
	pthread_mutex_unlock(&core(v->machine)->lock);
}

void vcpu_call_out(struct vcpu *v)
{
	kick_out(v);
	kick(v);
}

static bool held_back(struct vcpu *v)
{
	return atomic_load(&core(v->machine)->stop) || atomic_load(&v->debug.held);
}

/* Halted, and instructions are virtual time: it goes on by itself, at the host's pace or at once. True: timers may have woken it. */
static bool wait_for_timer(struct vcpu *v)
{
	struct machine *m = v->machine;
	struct vcpu_core *c = core(m);
	uint64_t ns, from, passed;

	machine_lock(m);
	ns = icount_idle(m);
	machine_unlock(m);
	if (!ns || ns == UINT64_MAX)
		return !ns;
	from = loop_now();
	struct timespec until = {.tv_sec = (time_t)((from + ns) / NS_PER_S), .tv_nsec = (long)((from + ns) % NS_PER_S)};
	pthread_mutex_lock(&c->lock);
	atomic_store(&v->sleeping, 1);
	v->parked = true;
	pthread_cond_broadcast(&c->changed);
	while (!c->quit && !held_back(v) && !atomic_load(&v->kicked))
		if (pthread_cond_clockwait(&v->wake, &c->lock, CLOCK_MONOTONIC, &until) == ETIMEDOUT)
			break;
	v->parked = false;
	atomic_store(&v->sleeping, 0);
	pthread_mutex_unlock(&c->lock);
	passed = loop_now() - from;
	machine_lock(m);
	icount_waited(m, passed < ns ? passed : ns);
	machine_unlock(m);
	return true;
}

/* Waits until there is something to run. false: the end. */
static bool wait_for_work(struct vcpu *v)
{
	struct vcpu_core *c = core(v->machine);
	bool go;

	if (!v->halted && !atomic_load(&c->stop) && !atomic_load(&v->debug.held))
		return true;
	if (v->machine->icount && v->halted && !held_back(v) && !atomic_load(&v->kicked) && wait_for_timer(v) && !held_back(v))
		return true;
	pthread_mutex_lock(&c->lock);
	atomic_store(&v->sleeping, 1);
	while (!c->quit && (atomic_load(&c->stop) || atomic_load(&v->debug.held) || (v->halted && !atomic_load(&v->kicked)))) {
		if (!v->parked) {
			v->parked = true;
			pthread_cond_broadcast(&c->changed);
		}
		pthread_cond_wait(&v->wake, &c->lock);
	}
	v->parked = false;
	atomic_store(&v->sleeping, 0);
	go = !c->quit;
	pthread_mutex_unlock(&c->lock);
	return go;
}

/* INIT and STARTUP in the order in which they came: one STARTUP behind each INIT. What is held stays wanted, and a STARTUP behind it. */
static void take_orders(struct vcpu *v)
{
	pthread_mutex_t *lock = &core(v->machine)->lock;

	while (atomic_load(&v->init_wanted) || atomic_load(&v->sipi_wanted)) {
		uint32_t sipi = 0;

		pthread_mutex_lock(lock);
		bool init = atomic_exchange(&v->init_wanted, 0);
		if (!init)
			sipi = atomic_exchange(&v->sipi_wanted, 0);
		pthread_mutex_unlock(lock);
		if (sipi)
			v->ops->sipi(v, (uint8_t)sipi);
		if (init && !v->ops->init(v)) {
			atomic_store(&v->init_wanted, 1);
			return;
		}
	}
}

static void *run(void *opaque)
{
	struct vcpu *v = opaque;

	current = v;
	v->tid = gettid();
	while (wait_for_work(v)) {
		atomic_store(&v->kicked, 0);
		take_orders(v);
		if (v->machine->icount) {
			machine_lock(v->machine);
			icount_give(v->machine);
			machine_unlock(v->machine);
		}
		vcpu_enter(v);
		v->halted = v->ops->run(v);
		vcpu_leave(v);
	}
	return NULL;
}

/* Faults that translated code raises on purpose, and those in the middle of helpers. */
static void on_fault(int sig, siginfo_t *si, void *ucontext)
{
	if (current && current->cpu && current->cpu->isa->host_fault && current->cpu->isa->host_fault(current->cpu, sig, si, ucontext))
		return;
	signal(sig, SIG_DFL);
}

static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGTRAP};

int vcpus_start(struct machine *m, struct err *e)
{
	struct vcpu_core *c = core(m);
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigset_t all, old;
	int r = 0;

	if (!m->cpus)
		return 0;
	for (unsigned i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
		sigaction(fault_signals[i], &sa, &c->old[fault_signals[i]]);
	c->signals = true;
	/* Signals of the process are the main thread's. */
	sigfillset(&all);
	for (unsigned i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
		sigdelset(&all, fault_signals[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; i < m->cpus && r == 0; i++) {
		char name[16];
		if (!m->vcpu[i]->cpu)
			continue;
		r = pthread_create(&m->vcpu[i]->thread, NULL, run, m->vcpu[i]);
		if (r) {
			err_errno(e, r, "cannot make the thread of processor %u", i);
			break;
		}
		m->vcpu[i]->started = true;
		snprintf(name, sizeof name, "CPU %u", i);
		pthread_setname_np(m->vcpu[i]->thread, name);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

void vcpus_free(struct machine *m)
{
	struct vcpu_core *c = core(m);

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->quit = true;
	atomic_store(&c->stop, 1);
	for (unsigned i = 0; i < m->cpus; i++)
		pthread_cond_signal(&m->vcpu[i]->wake);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < m->cpus; i++)
		if (m->vcpu[i]->started) {
			kick_out(m->vcpu[i]);
			pthread_join(m->vcpu[i]->thread, NULL);
		}
	/* From here on nobody translates or looks into memory without the lock. */
	memory_on_processors(m, NULL);
}

void vcpu_core_free(struct machine *m)
{
	struct vcpu_core *c = core(m);

	for (unsigned i = 0; i < m->cpus; i++) {
		if (m->vcpu[i]->ops && m->vcpu[i]->ops->free)
			m->vcpu[i]->ops->free(m->vcpu[i]);
		pthread_cond_destroy(&m->vcpu[i]->wake);
		free(m->vcpu[i]);
	}
	free(m->vcpu);
	m->vcpu = NULL;
	m->cpus = 0;
	if (!c)
		return;
	if (c->signals)
		for (unsigned i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
			sigaction(fault_signals[i], &c->old[fault_signals[i]], NULL);
	if (c->jit)
		jit_free(c->jit);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->exclusive);
	pthread_mutex_destroy(&c->lock);
	free(c);
	m->parts->processors = NULL;
}

/* ---- stop and go ---- */

void vcpus_park(struct machine *m)
{
	atomic_store(&core(m)->stop, 1);
	for (unsigned i = 0; i < m->cpus; i++)
		kick_out(m->vcpu[i]);
}

void vcpus_pause(struct machine *m)
{
	struct vcpu_core *c = core(m);

	vcpus_park(m);
	machine_unlock(m);
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < m->cpus; i++)
		while (m->vcpu[i]->started && !m->vcpu[i]->parked) {
			/* It may be asleep in HLT: then it is told to look, and parks. */
			pthread_cond_signal(&m->vcpu[i]->wake);
			pthread_cond_wait(&c->changed, &c->lock);
		}
	pthread_mutex_unlock(&c->lock);
	machine_lock(m);
}

void vcpus_resume(struct machine *m)
{
	struct vcpu_core *c = core(m);

	pthread_mutex_lock(&c->lock);
	atomic_store(&c->stop, 0);
	for (unsigned i = 0; i < m->cpus; i++)
		pthread_cond_signal(&m->vcpu[i]->wake);
	pthread_mutex_unlock(&c->lock);
}

void vcpus_reset(struct machine *m)
{
	for (unsigned i = 0; i < m->cpus; i++) {
		struct vcpu *v = m->vcpu[i];
		if (!v->ops)
			continue;
		v->init_wanted = v->sipi_wanted = 0;
		v->ops->reset(v);
		v->halted = false;
		kick(v);
	}
}

/* ---- a debugger ---- */

static void stop_for_debugger(void *opaque)
{
	struct machine *m = opaque;
	bool met = false;

	machine_lock(m);
	/* Several may have come to something at once; the first one's call has stopped them all. */
	for (unsigned i = 0; i < m->cpus; i++)
		met |= atomic_load(&m->vcpu[i]->debug.met);
	if (met && m->state == RUN_RUNNING)
		machine_stop(m, RUN_DEBUG);
	machine_unlock(m);
}

void vcpu_debugged(struct vcpu *v)
{
	stub_trapped(v);
	vcpus_park(v->machine);
	loop_post(v->machine->loop, stop_for_debugger, v->machine);
}

void vcpu_look(struct vcpu *v)
{
	kick(v);
}

/* ---- what an APIC does to its processor ---- */

void vcpu_interrupt(struct vcpu *v, bool pending)
{
	v->seen.interrupt = pending;
	if (!v->ops || !pending)
		return;
	v->ops->interrupt(v);
	kick(v);
}

void vcpu_nmi(struct vcpu *v)
{
	v->seen.nmi++;
	if (!v->ops)
		return;
	v->ops->nmi(v);
	kick(v);
}

void vcpu_smi(struct vcpu *v)
{
	v->seen.smi++;
	if (!v->ops)
		return;
	v->ops->smi(v);
	kick(v);
}

void vcpu_init(struct vcpu *v)
{
	v->seen.init++;
	if (!v->ops)
		return;
	pthread_mutex_lock(&core(v->machine)->lock);
	atomic_store(&v->sipi_wanted, 0);
	atomic_store(&v->init_wanted, 1);
	pthread_mutex_unlock(&core(v->machine)->lock);
	kick_out(v);
	kick(v);
}

void vcpu_sipi(struct vcpu *v, uint8_t vector)
{
	v->seen.sipi++;
	v->seen.vector = vector;
	if (!v->ops)
		return;
	pthread_mutex_lock(&core(v->machine)->lock);
	atomic_store(&v->sipi_wanted, 0x100u | vector);
	pthread_mutex_unlock(&core(v->machine)->lock);
	kick_out(v);
	kick(v);
}

struct apic *vcpu_apic(struct vcpu *v)
{
	return v->apic;
}

void vcpu_set_apic(struct vcpu *v, struct apic *a)
{
	v->apic = a;
}

const struct irq *vcpu_intr(struct vcpu *v)
{
	return &v->intr;
}

struct vcpu *vcpu_current(void)
{
	return current;
}

struct device *machine_i8259(struct machine *m)
{
	return m->i8259;
}

uint64_t vcpu_tsc_hz(struct vcpu *v)
{
	(void)v;
	return NS_PER_S;
}

uint64_t vcpu_tsc(struct vcpu *v)
{
	return clock_ns(v->machine, CLOCK_VIRT);
}

void vcpus_nmi(struct machine *m)
{
	for (unsigned i = 0; i < m->cpus; i++)
		vcpu_nmi(m->vcpu[i]);
}
