/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vcpu.h"

#include <errno.h>
#include <stdlib.h>
#include "core.h"

/* The processor whose thread this is. */
static _Thread_local struct vcpu *current;

/* ---- making ---- */

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

void vcpus_free(struct machine *m)
{
	for (unsigned i = 0; i < m->cpus; i++)
		free(m->vcpu[i]);
	free(m->vcpu);
	m->vcpu = NULL;
	m->cpus = 0;
}

/* ---- what an APIC does to its processor ---- */

void vcpu_interrupt(struct vcpu *v, bool pending)
{
	v->seen.interrupt = pending;
	if (v->ops && pending)
		v->ops->interrupt(v);
}

void vcpu_nmi(struct vcpu *v)
{
	v->seen.nmi++;
	if (v->ops)
		v->ops->nmi(v);
}

void vcpu_smi(struct vcpu *v)
{
	v->seen.smi++;
	if (v->ops)
		v->ops->smi(v);
}

void vcpu_init(struct vcpu *v)
{
	v->seen.init++;
	if (v->ops)
		v->ops->init(v);
}

void vcpu_sipi(struct vcpu *v, uint8_t vector)
{
	v->seen.sipi++;
	v->seen.vector = vector;
	if (v->ops)
		v->ops->sipi(v, vector);
}

struct apic *vcpu_apic(struct vcpu *v)
{
	return v->apic;
}

void vcpu_set_apic(struct vcpu *v, struct apic *a)
{
	v->apic = a;
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

/* ---- stop and go ---- */

void vcpus_park(struct machine *m)
{
	(void)m;
}

void vcpus_pause(struct machine *m)
{
	(void)m;
}

void vcpus_resume(struct machine *m)
{
	(void)m;
}
