/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * Virtual time is base_ns + ((executed - base) << shift). The processor gets a budget up to the earliest virtual timer, and fires that timer in its own thread
 * when the budget is used up, at exactly that instruction; so two runs see the same time at the same instructions as long as nothing comes from outside. A timer
 * that is armed earlier meanwhile shortens the budget: at once when a device does so for the processor, else after it was called out of its code.
 *
 * While the processor is halted time comes from the host (sleep=on) or jumps to the next timer (sleep=off). With align=on a processor that is ahead of the
 * host's time sleeps. With shift=auto the length of an instruction follows the speed at which they are executed, so that virtual time stays near the host's.
 */
#include "icount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/keyval.h"
#include "base/size.h"
#include "core.h"
#include "jit/isa.h"
#include "vcpu.h"

enum { SHIFT_MAX = 10, SHIFT_AUTO = 3, BUDGET_MAX = 1 << 30 };
#define SLICE_NS 10000000ull     /* between looks at the host's time, in virtual time */
#define ADAPT_NS 100000000ull    /* between changes of the shift, of the host's */
#define LATE_NS 500000000ll      /* align: behind by so much is said */
#define LATE_EVERY_NS (2 * NS_PER_S)

struct icount {
	bool automatic, align, sleep;
	unsigned shift;
	uint64_t granted;          /* in all; less what is left of the budget it is what was executed */
	uint64_t base, base_ns;
	/* The host's time, for align and shift=auto. */
	int64_t ahead_at_start;    /* virtual time less the host's running time */
	uint64_t adapted, said;    /* when */
	int64_t last_ahead;
	double late_most;
};

static struct cpu *processor(const struct machine *m)
{
	return m->cpus ? m->vcpu[0]->cpu : NULL;
}

uint64_t icount_executed(const struct machine *m)
{
	const struct cpu *c = processor(m);

	return m->icount->granted - (uint64_t)(int64_t)(c ? c->budget : 0);
}

static uint64_t now(void *opaque)
{
	struct machine *m = opaque;
	const struct icount *ic = m->icount;

	return ic->base_ns + ((icount_executed(m) - ic->base) << ic->shift);
}

static void rebase(struct machine *m, uint64_t ns)
{
	m->icount->base = icount_executed(m);
	m->icount->base_ns = ns;
}

static void set(void *opaque, uint64_t ns)
{
	struct machine *m = opaque;

	rebase(m, ns);
	m->icount->ahead_at_start = (int64_t)(ns - clock_run_ns(m));
}

static void give(struct machine *m)
{
	struct icount *ic = m->icount;
	struct cpu *c = processor(m);
	uint64_t at = clock_next(m, CLOCK_VIRT), t = now(m), n = BUDGET_MAX;

	if (!c)
		return;
	if (ic->align || ic->automatic)
		n = SLICE_NS >> ic->shift;
	if (at != UINT64_MAX) {
		/* The first boundary that is not before the timer; it was just given its turn, so that one that is always due does not stop the processor. */
		uint64_t left = at > t ? (at - t + (1ull << ic->shift) - 1) >> ic->shift : 1;
		n = left < n ? left : n;
	}
	ic->granted += n - (uint64_t)(int64_t)c->budget;
	c->budget = (int32_t)n;
}

/* A timer was armed that is the earliest. Locked. */
static void earlier(void *opaque)
{
	struct machine *m = opaque;

	if (!processor(m))
		return;
	if (vcpu_current() == m->vcpu[0])
		give(m);
	else
		vcpu_call_out(m->vcpu[0]);
}

void icount_give(struct machine *m)
{
	clock_fire_virtual(m);
	give(m);
}

uint64_t icount_idle(struct machine *m)
{
	uint64_t at, t;

	clock_fire_virtual(m);
	at = clock_next(m, CLOCK_VIRT);
	t = now(m);
	if (at == UINT64_MAX)
		return at;
	if (m->icount->sleep && at > t)
		return at - t;
	if (at > t)
		rebase(m, at);
	clock_fire_virtual(m);
	return 0;
}

void icount_waited(struct machine *m, uint64_t ns)
{
	rebase(m, now(m) + ns);
	clock_fire_virtual(m);
}

static void say_late(struct icount *ic, int64_t late, uint64_t host)
{
	double s = (double)late / 1e9;

	if (late < LATE_NS || s <= ic->late_most || host - ic->said < LATE_EVERY_NS)
		return;
	err_print("warning: -icount align=on: the guest is late by %.1f s; a smaller shift makes its clock slower", s);
	ic->late_most = s;
	ic->said = host;
}

/* Virtual time that gains on the host's gets shorter instructions; only where it is already ahead, and the other way round: no swinging. */
static void adapt(struct machine *m, int64_t ahead, uint64_t host)
{
	struct icount *ic = m->icount;
	unsigned shift = ic->shift;

	if (host - ic->adapted < ADAPT_NS)
		return;
	if (ahead > 0 && ahead > ic->last_ahead && shift > 0)
		shift--;
	else if (ahead < 0 && ahead < ic->last_ahead && shift < SHIFT_MAX)
		shift++;
	ic->adapted = host;
	ic->last_ahead = ahead;
	if (shift == ic->shift)
		return;
	rebase(m, now(m));
	ic->shift = shift;
	give(m);
}

void icount_pace(struct machine *m)
{
	struct icount *ic = m->icount;
	int64_t ahead;
	uint64_t host;

	if (!ic->align && !ic->automatic)
		return;
	machine_lock(m);
	host = clock_run_ns(m);
	ahead = (int64_t)(now(m) - host) - ic->ahead_at_start;
	if (ic->automatic)
		adapt(m, ahead, host);
	else if (ahead < 0)
		say_late(ic, -ahead, host);
	machine_unlock(m);
	if (ic->align && ahead > 0) {
		/* Not longer than a slice, so that a stop need not wait. */
		uint64_t ns = (uint64_t)ahead < SLICE_NS ? (uint64_t)ahead : SLICE_NS;
		nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
	}
}

/* ---- the option ---- */

static int on_off(const char *name, const char *text, bool *to, struct err *e)
{
	if (strcmp(text, "on") && strcmp(text, "off"))
		return err_set(e, EINVAL, "-icount: Parameter '%s' expects 'on' or 'off'", name);
	*to = !strcmp(text, "on");
	return 0;
}

static int parse(struct icount *ic, const char *text, struct err *e)
{
	struct keyval kv = {0};
	int r = keyval_parse(text, "shift", &kv, e);
	bool shift = false, slept = false;
	int64_t n;

	ic->sleep = true;
	for (unsigned i = 0; r == 0 && i < kv.count; i++) {
		const char *key = kv.key[i], *value = kv.value[i];
		if (!strcmp(key, "shift")) {
			shift = true;
			ic->automatic = !strcmp(value, "auto");
			if (ic->automatic)
				ic->shift = SHIFT_AUTO;
			else if (number_parse("shift", value, 0, SHIFT_MAX, &n, e) == 0)
				ic->shift = (unsigned)n;
			else
				r = err_set(e, EINVAL, "-icount: Invalid shift value '%s': 0 to %d (an instruction takes 2^shift ns), or auto", value, SHIFT_MAX);
		} else if (!strcmp(key, "align")) {
			r = on_off(key, value, &ic->align, e);
		} else if (!strcmp(key, "sleep")) {
			r = on_off(key, value, &ic->sleep, e);
			slept = true;
		} else if (!strcmp(key, "rr") || !strcmp(key, "rrfile") || !strcmp(key, "rrsnapshot")) {
			r = err_set(e, ENOTSUP, "-icount %s=%s: recording and replaying what comes from outside is not built in", key, value);
			err_hint(e, "without rr= a machine that nobody talks to runs the same every time");
		} else {
			r = err_set(e, EINVAL, "-icount: Invalid parameter '%s'", key);
			err_hint(e, "accepted are: shift, align, sleep");
		}
	}
	keyval_free(&kv);
	if (r == 0 && !shift)
		r = err_set(e, EINVAL, "-icount: Please specify shift option when using %s", ic->align ? "align" : slept ? "sleep" : "-icount");
	if (r == 0 && ic->align && !ic->sleep)
		r = err_set(e, EINVAL, "-icount: align=on and sleep=off are incompatible");
	if (r == 0 && ic->align && ic->automatic)
		r = err_set(e, EINVAL, "-icount: shift=auto and align=on are incompatible");
	if (r == 0 && ic->automatic && !ic->sleep)
		r = err_set(e, EINVAL, "-icount: shift=auto and sleep=off are incompatible");
	return r;
}

int icount_init(struct machine *m, struct err *e)
{
	static const struct clock_source source = {.now = now, .set = set, .earlier = earlier};
	struct icount *ic;
	int r;

	if (!m->config.icount)
		return 0;
	if (m->config.cpus > 1 || m->config.max_cpus > 1)
		return err_set(e, ENOTSUP, "-icount counts the instructions of one processor: -smp 1 works");
	ic = calloc(1, sizeof *ic);
	if (!ic)
		return err_set(e, ENOMEM, "out of memory");
	r = parse(ic, m->config.icount, e);
	if (r) {
		free(ic);
		return r;
	}
	m->icount = ic;
	clock_source(m, &source, m);
	return 0;
}

void icount_free(struct machine *m)
{
	free(m->icount);
	m->icount = NULL;
}
