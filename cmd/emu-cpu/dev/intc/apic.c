/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APIC, in xAPIC and x2APIC mode.
 *
 * Intel SDM volume 3 (325384-083), chapter 10. Version 0x14, six local vectors, EOI broadcast suppression.
 * Not modelled: arbitration ids and the delivery-status bits, which are always idle; CMCI; thermal and performance interrupts never happen by themselves.
 *
 * Wiring: one a processor, made by apic_new(). LINT0 is the 8259's output (apic_extint). 0xfee00000..0xfeefffff of the system space is a window for
 * all of them: a processor's access at offset 0x20..0xfff reaches its own registers; a store elsewhere, or to 0x00..0x0f, is a message.
 * After reset LINT0 of the boot processor is open for ExtINT, the virtual wire of the MultiProcessor Specification (3.6.2.2), which
 * firmware of a uniprocessor machine need not set up.
 *
 *   020 ID          0b0 EOI (W)      100-170 ISR (R)   300, 310 ICR           3e0 divide
 *   030 version (R) 0d0 LDR          180-1f0 TMR (R)   320-370 LVT
 *   080 TPR         0e0 DFR          200-270 IRR (R)   380 initial count      3f0 self IPI (x2APIC, W)
 *   0a0 PPR (R)     0f0 SVR          280 ESR           390 current count (R)
 */
#include "apic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum reg { R_ID = 2, R_VERSION, R_TPR = 8, R_APR, R_PPR, R_EOI, R_RRD, R_LDR, R_DFR, R_SVR, R_ISR = 0x10, R_TMR = 0x18, R_IRR = 0x20,
	   R_ESR = 0x28, R_ICR = 0x30, R_ICR2, R_LVT = 0x32, R_INITIAL = 0x38, R_CURRENT, R_DIVIDE = 0x3e, R_SELF = 0x3f };
#define VERSION (0x14u | (LVTS - 1) << 16 | 1u << 24)
#define MSR_X2APIC 0x800u
#define MSR_DEADLINE 0x6e0u

static const uint32_t lvt_writable[LVTS] = {
	[LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff, [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,
	[LVT_ERROR] = 0x100ff,
};
static const struct apic_processor vcpu_processor = {
	vcpu_interrupt, vcpu_nmi, vcpu_smi, vcpu_init, vcpu_sipi, vcpu_tsc, vcpu_tsc_hz, vcpu_current,
};
static const struct device_type apic_type;

/* ---- locks ------------------------------------------------------------------------------------------------ */
bool apic_machine_lock(struct apic *a)
{
	if (machine_locked_by_me(a->dev.machine))
		return false;
	machine_lock(a->dev.machine);
	return true;
}

void apic_machine_unlock(struct apic *a, bool taken)
{
	if (taken)
		machine_unlock(a->dev.machine);
}

/* ---- priorities --------------------------------------------------------------------------------------------- */
/* Highest vector whose bit is set; -1: none. */
static int vector_highest(const uint32_t bits[8])
{
	for (int i = 7; i >= 0; i--)
		if (bits[i])
			return i * 32 + 31 - __builtin_clz(bits[i]);
	return -1;
}

static void vector_set(uint32_t bits[8], uint8_t vector) { bits[vector >> 5] |= 1u << (vector & 31); }
static void vector_clear(uint32_t bits[8], uint8_t vector) { bits[vector >> 5] &= ~(1u << (vector & 31)); }
static bool vector_test(const uint32_t bits[8], uint8_t vector) { return bits[vector >> 5] >> (vector & 31) & 1; }

void apic_priority_class(const struct apic *a, unsigned *ppr)
{
	int service = vector_highest(a->isr);
	unsigned class_in_service = service < 0 ? 0 : (unsigned)service & 0xf0;

	*ppr = (a->tpr & 0xf0) >= class_in_service ? a->tpr : class_in_service;
}

/* The vector that may interrupt now; -1: none. */
static int apic_deliverable(const struct apic *a)
{
	int v = vector_highest(a->irr);
	unsigned ppr;

	if (v < 0 || !(a->base & BASE_EN) || !(a->svr & SVR_ENABLE))
		return -1;
	apic_priority_class(a, &ppr);
	return ((unsigned)v & 0xf0) > (ppr & 0xf0) ? v : -1;
}

/* Does the processor see the 8259's output, and is it high? */
static bool apic_extint_waits(const struct apic *a)
{
	if (!(a->base & BASE_EN)) /* LINT0 is then INTR */
		return a->lint0;
	if (a->extint)
		return true;
	return a->lint0 && (a->lvt[LVT_LINT0] >> 8 & 7) == APIC_EXTINT && !(a->lvt[LVT_LINT0] & LVT_MASKED);
}

void apic_unlock_update(struct apic *a)
{
	bool now = apic_extint_waits(a) || apic_deliverable(a) >= 0;

	__atomic_store_n(&a->deliverable, now, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&a->lock);
	/* That it is gone needs no message: the processor asks apic_acknowledge(). */
	if (now && a->vcpu)
		a->processor->interrupt(a->vcpu, true);
}

/* ---- acceptance --------------------------------------------------------------------------------------------- */
static void apic_accept_fixed(struct apic *a, uint8_t vector, bool level)
{
	if (vector < 16) {
		apic_error(a, ESR_RECEIVED_VECTOR);
		return;
	}
	pthread_mutex_lock(&a->lock);
	if ((a->base & BASE_EN) && (a->svr & SVR_ENABLE)) {
		vector_set(a->irr, vector);
		if (level)
			vector_set(a->tmr, vector);
		else
			vector_clear(a->tmr, vector);
	}
	apic_unlock_update(a);
}

void apic_accept(struct apic *a, enum apic_mode mode, uint8_t vector, bool level)
{
	switch (mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		apic_accept_fixed(a, vector, level);
		return;
	case APIC_EXTINT:
		pthread_mutex_lock(&a->lock);
		a->extint = true;
		apic_unlock_update(a);
		return;
	case APIC_INIT:
		apic_reset(a, true);
		break;
	default:
		break;
	}
	if (!a->vcpu)
		return;
	if (mode == APIC_SMI)
		a->processor->smi(a->vcpu);
	else if (mode == APIC_NMI)
		a->processor->nmi(a->vcpu);
	else if (mode == APIC_INIT)
		a->processor->init(a->vcpu);
	else if (mode == APIC_STARTUP)
		a->processor->sipi(a->vcpu, vector);
}

void apic_local(struct apic *a, unsigned lvt)
{
	uint32_t v = a->lvt[lvt];
	enum apic_mode mode = v >> 8 & 7;

	if (v & LVT_MASKED)
		return;
	if (lvt == LVT_TIMER || lvt == LVT_ERROR)
		mode = APIC_FIXED;
	if (mode == APIC_FIXED && (v & LVT_LEVEL) && lvt == LVT_LINT0) {
		if (v & LVT_REMOTE_IRR)
			return;
		a->lvt[lvt] |= LVT_REMOTE_IRR;
	}
	if (mode == APIC_FIXED || mode == APIC_SMI || mode == APIC_NMI || mode == APIC_INIT)
		apic_accept(a, mode, (uint8_t)v, mode == APIC_FIXED && (v & LVT_LEVEL) && lvt == LVT_LINT0);
}

void apic_error(struct apic *a, uint32_t bit)
{
	uint32_t lvt = a->lvt[LVT_ERROR];
	bool fresh;

	pthread_mutex_lock(&a->lock);
	fresh = !(a->esr_pending & bit);
	a->esr_pending |= bit;
	pthread_mutex_unlock(&a->lock);
	/* an error vector below 16 would be an error again, once */
	if (fresh && !(lvt & LVT_MASKED))
		apic_accept(a, APIC_FIXED, (uint8_t)lvt, false);
}

void apic_extint(struct apic *a, bool level)
{
	bool rose;

	pthread_mutex_lock(&a->lock);
	rose = level && !a->lint0;
	a->lint0 = level;
	apic_unlock_update(a);
	if (rose && (a->base & BASE_EN))
		apic_local(a, LVT_LINT0);
}

void apic_nmi(struct machine *m)
{
	struct apic_set *set = apic_set_of(m);

	for (unsigned i = 0; set && i < set->count; i++)
		if (set->apic[i]->base & BASE_EN)
			apic_local(set->apic[i], LVT_LINT1);
		else if (set->apic[i]->vcpu) /* LINT1 is then NMI */
			set->apic[i]->processor->nmi(set->apic[i]->vcpu);
}

int apic_acknowledge(struct apic *a)
{
	bool ext, taken;
	struct device *pic;
	int v;

	pthread_mutex_lock(&a->lock);
	v = apic_deliverable(a);
	if (v >= 0) {
		vector_clear(a->irr, (uint8_t)v);
		vector_set(a->isr, (uint8_t)v);
	}
	ext = v < 0 && apic_extint_waits(a);
	if (ext)
		a->extint = false;
	apic_unlock_update(a);
	if (!ext)
		return v;
	taken = apic_machine_lock(a);
	pic = machine_i8259(a->dev.machine);
	v = pic ? i8259_acknowledge(pic) : -1;
	apic_machine_unlock(a, taken);
	return v;
}

bool apic_pending(struct apic *a)
{
	return __atomic_load_n(&a->deliverable, __ATOMIC_SEQ_CST);
}

static void apic_eoi(struct apic *a)
{
	bool level = false, taken;
	int v;

	pthread_mutex_lock(&a->lock);
	v = vector_highest(a->isr);
	if (v >= 0) {
		vector_clear(a->isr, (uint8_t)v);
		level = vector_test(a->tmr, (uint8_t)v);
	}
	apic_unlock_update(a);
	if (!level)
		return;
	taken = apic_machine_lock(a);
	if ((a->lvt[LVT_LINT0] & LVT_REMOTE_IRR) && (a->lvt[LVT_LINT0] & 0xff) == (unsigned)v) {
		a->lvt[LVT_LINT0] &= ~LVT_REMOTE_IRR;
		if (a->lint0)
			apic_local(a, LVT_LINT0);
	} else if (!(a->svr & SVR_NO_BROADCAST)) {
		ioapic_eoi(a->dev.machine, (uint8_t)v);
	}
	apic_machine_unlock(a, taken);
}

static void apic_set_task_priority(struct apic *a, uint32_t tpr)
{
	pthread_mutex_lock(&a->lock);
	a->tpr = tpr & 0xff;
	apic_unlock_update(a);
}

uint8_t apic_get_tpr(struct apic *a)
{
	return (uint8_t)(a->tpr >> 4);
}

void apic_set_tpr(struct apic *a, uint8_t cr8)
{
	apic_set_task_priority(a, (uint32_t)(cr8 & 15) << 4);
}

/* ---- reset ---------------------------------------------------------------------------------------------------- */
static void apic_place(struct apic *a)
{
	uint64_t base = a->base & ~0xfffull;

	region_remove(a->moved);
	if ((a->base & BASE_EN) && !apic_x2(a) && base != APIC_BASE)
		region_add(space_root(a->dev.machine->memory), base, a->moved, 4096);
}

/* 10.4.7.1 (power-up), 10.4.7.3 (INIT: the id and the base stay) */
void apic_reset(struct apic *a, bool init_only)
{
	bool boot = a->set->apic[0] == a;

	apic_timer_stop(a);
	pthread_mutex_lock(&a->lock);
	if (!init_only) {
		a->base = APIC_BASE | BASE_EN | (boot ? BASE_BSP : 0);
		a->id = a->initial_id & 0xff;
		a->lint0 = false;
	}
	a->ldr = apic_x2(a) ? a->id >> 4 << 16 | 1u << (a->id & 15) : 0;
	a->dfr = 0xffffffff;
	a->svr = 0xff;
	a->tpr = a->esr = a->esr_pending = a->icr_low = a->icr_high = 0;
	a->divide = 0;
	for (unsigned i = 0; i < LVTS; i++)
		a->lvt[i] = LVT_MASKED;
	if (boot)
		a->lvt[LVT_LINT0] = APIC_EXTINT << 8;
	memset(a->irr, 0, sizeof a->irr);
	memset(a->isr, 0, sizeof a->isr);
	memset(a->tmr, 0, sizeof a->tmr);
	a->extint = false;
	apic_unlock_update(a);
	if (!init_only)
		apic_place(a);
}

static void apic_device_reset(struct device *d)
{
	apic_reset((struct apic *)d, false);
}

/* ---- registers -------------------------------------------------------------------------------------------------- */
/* 0, or -EINVAL: there is no such register to read (xAPIC: ESR; x2APIC: #GP). */
static int apic_read(struct apic *a, unsigned reg, uint32_t *value)
{
	bool x2 = apic_x2(a);
	unsigned ppr;

	*value = 0;
	switch (reg) {
	case R_ID:
		*value = x2 ? a->id : a->id << 24;
		return 0;
	case R_VERSION:
		*value = VERSION;
		return 0;
	case R_TPR:
		*value = a->tpr;
		return 0;
	case R_APR: /* not in processors since the Pentium 4; reads as zero there */
	case R_RRD:
		return x2 ? -EINVAL : 0;
	case R_PPR:
		pthread_mutex_lock(&a->lock);
		apic_priority_class(a, &ppr);
		pthread_mutex_unlock(&a->lock);
		*value = ppr;
		return 0;
	case R_LDR:
		*value = a->ldr;
		return 0;
	case R_DFR:
		*value = a->dfr;
		return x2 ? -EINVAL : 0;
	case R_SVR:
		*value = a->svr;
		return 0;
	case R_ISR ... R_ISR + 7:
		*value = __atomic_load_n(&a->isr[reg - R_ISR], __ATOMIC_RELAXED);
		return 0;
	case R_TMR ... R_TMR + 7:
		*value = __atomic_load_n(&a->tmr[reg - R_TMR], __ATOMIC_RELAXED);
		return 0;
	case R_IRR ... R_IRR + 7:
		*value = __atomic_load_n(&a->irr[reg - R_IRR], __ATOMIC_RELAXED);
		return 0;
	case R_ESR:
		*value = a->esr;
		return 0;
	case R_ICR:
		*value = a->icr_low;
		return 0;
	case R_ICR2:
		*value = a->icr_high;
		return x2 ? -EINVAL : 0;
	case R_LVT ... R_LVT + LVTS - 1:
		*value = a->lvt[reg - R_LVT];
		return 0;
	case R_INITIAL:
		*value = a->initial_count;
		return 0;
	case R_CURRENT:
		*value = apic_timer_count(a);
		return 0;
	case R_DIVIDE:
		*value = a->divide;
		return 0;
	case R_EOI: /* write-only */
		return x2 ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

static void apic_write_svr(struct apic *a, uint32_t value)
{
	bool off = !(value & SVR_ENABLE);

	pthread_mutex_lock(&a->lock);
	a->svr = value & (0xff | SVR_ENABLE | SVR_FOCUS | SVR_NO_BROADCAST);
	if (off) /* 10.4.7.2: the mask bits are set and stay so */
		for (unsigned i = 0; i < LVTS; i++)
			a->lvt[i] |= LVT_MASKED;
	apic_unlock_update(a);
	if (off)
		apic_timer_lvt(a, a->lvt[LVT_TIMER]);
}

static void apic_write_lvt(struct apic *a, unsigned n, uint32_t value)
{
	value &= lvt_writable[n];
	if (!(a->svr & SVR_ENABLE))
		value |= LVT_MASKED;
	if (n == LVT_TIMER) {
		if ((value & LVT_TIMER_MODE) == LVT_TIMER_MODE) {
			guest_error(&a->dev, "LVT timer: mode 3 is reserved; one-shot is taken");
			value &= ~LVT_TIMER_MODE;
		}
		apic_timer_lvt(a, value);
		return;
	}
	pthread_mutex_lock(&a->lock);
	a->lvt[n] = value | (a->lvt[n] & (value & LVT_LEVEL ? LVT_REMOTE_IRR : 0));
	apic_unlock_update(a);
	if (n == LVT_LINT0 && a->lint0 && (value & LVT_LEVEL) && (value >> 8 & 7) == APIC_FIXED)
		apic_local(a, LVT_LINT0);
}

/* As apic_read(); machine lock. In x2APIC mode reserved bits are checked by the caller. */
static int apic_write(struct apic *a, unsigned reg, uint32_t value)
{
	bool x2 = apic_x2(a);

	switch (reg) {
	case R_ID:
		if (x2)
			return -EINVAL;
		a->id = value >> 24;
		return 0;
	case R_TPR:
		apic_set_task_priority(a, value);
		return 0;
	case R_EOI:
		if (x2 && value)
			return -EINVAL;
		apic_eoi(a);
		return 0;
	case R_LDR:
		if (x2)
			return -EINVAL;
		a->ldr = value & 0xff000000;
		return 0;
	case R_DFR:
		if (x2)
			return -EINVAL;
		a->dfr = value | 0x0fffffff;
		return 0;
	case R_SVR:
		apic_write_svr(a, value);
		return 0;
	case R_ESR: /* 10.5.3: the write brings up what has happened since the last one */
		if (x2 && value)
			return -EINVAL;
		pthread_mutex_lock(&a->lock);
		a->esr = a->esr_pending;
		a->esr_pending = 0;
		pthread_mutex_unlock(&a->lock);
		return 0;
	case R_ICR:
		a->icr_low = value & 0xccfff;
		apic_send_icr(a);
		return 0;
	case R_ICR2:
		if (x2)
			return -EINVAL;
		a->icr_high = value & 0xff000000;
		return 0;
	case R_LVT ... R_LVT + LVTS - 1:
		apic_write_lvt(a, reg - R_LVT, value);
		return 0;
	case R_INITIAL:
		apic_timer_start(a, value);
		return 0;
	case R_DIVIDE:
		apic_timer_divide(a, value);
		return 0;
	case R_SELF:
		if (!x2)
			return -EINVAL;
		if ((value & 0xff) < 16)
			apic_error(a, ESR_SEND_VECTOR);
		else
			apic_accept(a, APIC_FIXED, (uint8_t)value, false);
		return 0;
	case R_VERSION: case R_APR: case R_PPR: case R_RRD: case R_CURRENT: /* read-only: dropped */
	case R_ISR ... R_IRR + 7:
		return x2 ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/* ---- memory window ------------------------------------------------------------------------------------------------ */
/* The APIC of the processor that makes this access, when its registers are at `page`. */
static struct apic *apic_here(struct apic_set *set, uint64_t page)
{
	struct vcpu *v = set->count ? set->apic[0]->processor->current() : NULL;

	for (unsigned i = 0; v && i < set->count; i++) {
		struct apic *a = set->apic[i];

		if (a->vcpu == v)
			return (a->base & BASE_EN) && !apic_x2(a) && (a->base & ~0xfffull) == page ? a : NULL;
	}
	return NULL;
}

static uint64_t page_read(struct apic *a, uint64_t offset)
{
	uint32_t v;

	if (offset & 0xc) /* registers are 16 bytes apart; between them is nothing */
		return 0;
	if (apic_read(a, offset >> 4 & 0xff, &v) < 0)
		apic_error(a, ESR_REGISTER);
	return v;
}

static void page_write(struct apic *a, uint64_t offset, uint32_t value)
{
	if (!(offset & 0xc) && apic_write(a, offset >> 4 & 0xff, value) < 0)
		apic_error(a, ESR_REGISTER);
}

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
	struct apic *a = offset < 0x1000 ? apic_here(opaque, APIC_BASE) : NULL;

	(void)size;
	return a ? page_read(a, offset) : UINT64_MAX;
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct apic_set *set = opaque;
	struct apic *a;

	if (size < 4) /* a register takes its 32 bits at once; so does a message */
		return;
	if (offset >= 0x1000 || offset < 0x10) {
		apic_message(set->apic[0]->dev.machine, APIC_BASE + offset, (uint32_t)value);
		return;
	}
	a = apic_here(set, APIC_BASE);
	if (a)
		page_write(a, offset, (uint32_t)value);
}

static uint64_t moved_read(void *opaque, uint64_t offset, unsigned size)
{
	struct apic *a = opaque;

	(void)size;
	return apic_here(a->set, a->base & ~0xfffull) == a ? page_read(a, offset) : UINT64_MAX;
}

static void moved_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct apic *a = opaque;

	if (size == 4 && apic_here(a->set, a->base & ~0xfffull) == a)
		page_write(a, offset, (uint32_t)value);
}

static const struct region_ops window_ops = {window_read, window_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = 4, .reentrant = true};
static const struct region_ops moved_ops = {moved_read, moved_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = 4};

/* ---- MSRs ------------------------------------------------------------------------------------------------------------ */
uint64_t apic_get_base(struct apic *a)
{
	return a->base;
}

int apic_set_base(struct apic *a, uint64_t v)
{
	uint64_t old = a->base, mode = v & (BASE_EN | BASE_EXTD);
	bool taken;

	/* 10.12.5: x2APIC only out of xAPIC, back only through disabled */
	if ((v & 0x2ff) || v >> 52 || mode == BASE_EXTD || (mode == BASE_EN && (old & BASE_EXTD)) ||
	    (mode == (BASE_EN | BASE_EXTD) && !(old & BASE_EN)))
		return -EINVAL;
	taken = apic_machine_lock(a);
	if ((old & BASE_EN) && !(v & BASE_EN))
		apic_reset(a, true); /* "reset to the power-up state" */
	pthread_mutex_lock(&a->lock);
	a->base = v;
	if ((mode & BASE_EXTD) && !(old & BASE_EXTD)) {
		a->id = a->initial_id;
		a->ldr = a->id >> 4 << 16 | 1u << (a->id & 15);
		a->icr_high = 0;
	} else if (!(mode & BASE_EXTD) && (old & BASE_EXTD)) {
		a->id = a->initial_id & 0xff;
		a->ldr = 0;
	}
	apic_unlock_update(a);
	if ((old ^ v) & ~BASE_BSP)
		apic_place(a);
	apic_machine_unlock(a, taken);
	return 0;
}

int apic_msr_read(struct apic *a, uint32_t msr, uint64_t *v)
{
	uint32_t low;
	bool taken;
	int r;

	if (msr == MSR_DEADLINE) {
		*v = a->deadline;
		return 0;
	}
	if (!apic_x2(a) || msr < MSR_X2APIC || msr > MSR_X2APIC + 0x3f)
		return -EINVAL;
	taken = apic_machine_lock(a);
	r = apic_read(a, msr - MSR_X2APIC, &low);
	*v = low;
	if (msr == MSR_X2APIC + R_ICR)
		*v |= (uint64_t)a->icr_high << 32;
	apic_machine_unlock(a, taken);
	return r;
}

/* Bits that a WRMSR in x2APIC mode may set (10.12.1.2: others are #GP). */
static bool x2_reserved(unsigned reg, uint64_t v)
{
	switch (reg) {
	case R_TPR: case R_SELF:
		return v > 0xff;
	case R_SVR:
		return v & ~(0xffull | SVR_ENABLE | SVR_FOCUS | SVR_NO_BROADCAST);
	case R_ICR:
		return (uint32_t)v & ~0xccfffu;
	case R_LVT ... R_LVT + LVTS - 1:
		return v & ~(uint64_t)(lvt_writable[reg - R_LVT] | 0x5000);
	case R_DIVIDE:
		return v & ~0xbull;
	default:
		return v >> 32;
	}
}

int apic_msr_write(struct apic *a, uint32_t msr, uint64_t v)
{
	unsigned reg = msr - MSR_X2APIC, mode = v >> 8 & 7;
	bool taken;
	int r = 0;

	if (msr == MSR_DEADLINE) {
		taken = apic_machine_lock(a);
		apic_timer_deadline(a, v);
		apic_machine_unlock(a, taken);
		return 0;
	}
	if (!apic_x2(a) || msr < MSR_X2APIC || reg > 0x3f || x2_reserved(reg, v))
		return -EINVAL;
	if (reg == R_EOI) { /* the two that are frequent do without the machine lock */
		if (v)
			return -EINVAL;
		apic_eoi(a);
		return 0;
	}
	if (reg == R_ICR)
		a->icr_high = (uint32_t)(v >> 32);
	if (reg == R_ICR && (mode == APIC_FIXED || mode == APIC_LOWEST))
		return apic_write(a, reg, (uint32_t)v);
	taken = apic_machine_lock(a);
	r = apic_write(a, reg, (uint32_t)v);
	apic_machine_unlock(a, taken);
	return r;
}

/* ---- creation ----------------------------------------------------------------------------------------------------------- */
struct apic_set *apic_set_of(struct machine *m)
{
	for (struct device *d = m->system_bus->children; d; d = d->next)
		if (d->type == &apic_type && d->realized)
			return ((struct apic *)d)->set;
	return NULL;
}

static int apic_realize(struct device *d, struct err *e)
{
	struct apic *a = (struct apic *)d;
	struct apic_set *set = apic_set_of(d->machine);

	if (set && set->count == APIC_MAX)
		return err_set(e, ENOSPC, "a machine has at most %d local APICs", APIC_MAX);
	if (!set) {
		set = calloc(1, sizeof *set);
		if (!set)
			return err_errno(e, ENOMEM, "local APICs");
		set->region = region_new_io(d->machine, "apic-msi", 0x100000, &window_ops, set);
		region_add(space_root(d->machine->memory), APIC_BASE, set->region, 4096);
	}
	a->set = set;
	set->apic[set->count++] = a;
	if (!a->processor)
		a->processor = &vcpu_processor;
	pthread_mutex_init(&a->lock, NULL);
	a->moved = region_new_io(d->machine, "apic", 0x1000, &moved_ops, a);
	apic_timer_init(a);
	apic_reset(a, false);
	return 0;
}

static void apic_unrealize(struct device *d)
{
	struct apic *a = (struct apic *)d;
	struct apic_set *set = a->set;

	for (unsigned i = 0; i < set->count; i++)
		if (set->apic[i] == a) {
			memmove(&set->apic[i], &set->apic[i + 1], (set->count - i - 1) * sizeof set->apic[0]);
			set->count--;
			break;
		}
	timer_free(a->timer);
	region_remove(a->moved);
	region_free(a->moved);
	pthread_mutex_destroy(&a->lock);
	if (set->count)
		return;
	region_remove(set->region);
	region_free(set->region);
	free(set);
}

struct apic *apic_new(struct machine *m, struct vcpu *v, unsigned id, struct err *e)
{
	struct device *d = device_new(m, "apic", m->system_bus, e);
	struct apic *a = (struct apic *)d;

	if (!d)
		return NULL;
	a->vcpu = v;
	a->initial_id = id;
	if (device_realize(d, e) < 0) {
		device_free(d);
		return NULL;
	}
	return a;
}

/* ---- for people: the lines of the classic monitor ---- */

static void print_lvt(FILE *f, const char *name, uint32_t lvt, bool timer)
{
	static const char *const modes[] = {"Fixed", "...", "SMI", "...", "NMI", "INIT", "...", "ExtINT"}, *const timers[] = {"one-shot", "periodic", "tsc-deadline", "..."};
	unsigned mode = lvt >> 8 & 7;

	fprintf(f, "%s\t 0x%08x active-%s %-5s %-6s %-7s %-12s %-6s", name, lvt, lvt & 0x2000 ? "lo" : "hi", lvt & LVT_LEVEL ? "level" : "edge",
		lvt & LVT_MASKED ? "masked" : "", lvt & 0x1000 ? "pending" : "", timer ? timers[lvt >> 17 & 3] : "", modes[mode]);
	if (mode != APIC_NMI)
		fprintf(f, " (vec %u)", lvt & 0xff);
	fputc('\n', f);
}

static void print_vectors(FILE *f, const char *name, const uint32_t bits[8], const uint32_t *level)
{
	bool any = false;

	fprintf(f, "%s\t ", name);
	for (unsigned i = 0; i < 256; i++)
		if (vector_test(bits, (uint8_t)i)) {
			fprintf(f, "%u%s ", i, level && vector_test(level, (uint8_t)i) ? "(level)" : "");
			any = true;
		}
	fprintf(f, any ? "\n" : "(none)\n");
}

static void print_icr(const struct apic *a, FILE *f)
{
	static const char *const shorthands[] = {"no-shorthand", "self", "all-self", "all"};
	unsigned shorthand = a->icr_low >> 18 & 3;
	bool logical = a->icr_low & 0x800;

	fprintf(f, "ICR\t 0x%08x %s %s %s %s\n", a->icr_low, logical ? "logical" : "physical", a->icr_low & LVT_LEVEL ? "level" : "edge",
		a->icr_low & 0x4000 ? "assert" : "de-assert", shorthands[shorthand]);
	fprintf(f, "ICR2\t 0x%08x", a->icr_high);
	if (!shorthand && !logical)
		fprintf(f, " cpu %u (APIC ID)", apic_x2(a) ? a->icr_high : a->icr_high >> 24);
	else if (!shorthand)
		fprintf(f, " mask %02x", apic_x2(a) ? a->icr_high : a->icr_high >> 24);
	fputc('\n', f);
}

void apic_print_state(struct apic *a, FILE *f)
{
	unsigned ppr, divide = (a->divide & 3) | (a->divide & 8) >> 1;

	pthread_mutex_lock(&a->lock);
	apic_priority_class(a, &ppr);
	print_lvt(f, "LVT0", a->lvt[LVT_LINT0], false);
	print_lvt(f, "LVT1", a->lvt[LVT_LINT1], false);
	print_lvt(f, "LVTPC", a->lvt[LVT_PERF], false);
	print_lvt(f, "LVTERR", a->lvt[LVT_ERROR], false);
	print_lvt(f, "LVTTHMR", a->lvt[LVT_THERMAL], false);
	print_lvt(f, "LVTT", a->lvt[LVT_TIMER], true);
	pthread_mutex_unlock(&a->lock);
	fprintf(f, "Timer\t DCR=0x%x (divide by %u) initial_count = %u current_count = %u\n", a->divide, divide == 7 ? 1 : 2u << divide, a->initial_count,
		apic_timer_count(a));
	pthread_mutex_lock(&a->lock);
	fprintf(f, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n", a->svr, a->svr & SVR_ENABLE ? "enabled" : "disabled",
		a->svr & SVR_FOCUS ? "on" : "off", a->svr & 0xff);
	print_icr(a, f);
	fprintf(f, "ESR\t 0x%08x\n", a->esr);
	print_vectors(f, "ISR", a->isr, NULL);
	print_vectors(f, "IRR", a->irr, a->tmr);
	fprintf(f, "\nAPR 0x00 TPR 0x%02x DFR 0x%02x LDR 0x%02x PPR 0x%02x\n", a->tpr, a->dfr >> 28, apic_x2(a) ? a->ldr : a->ldr >> 24, ppr);
	pthread_mutex_unlock(&a->lock);
}

static void apic_print(struct device *d, FILE *f)
{
	apic_print_state((struct apic *)d, f);
}

uint32_t apic_get_id(const struct apic *a)
{
	return a->id;
}

struct apic *apic_with_id(struct machine *m, uint32_t id)
{
	struct apic_set *set = apic_set_of(m);

	for (unsigned i = 0; set && i < set->count; i++)
		if (set->apic[i] && set->apic[i]->id == id)
			return set->apic[i];
	return NULL;
}

static int apic_loaded(void *state, struct err *e)
{
	struct apic *a = state;

	if ((a->base & (BASE_EN | BASE_EXTD)) == BASE_EXTD || a->divide & ~0xbu || a->timer_start >> 62)
		return err_set(e, EINVAL, "local APIC: base 0x%llx, divide 0x%x: impossible", (unsigned long long)a->base, a->divide);
	apic_place(a);
	pthread_mutex_lock(&a->lock);
	apic_unlock_update(a);
	return 0;
}

static const struct field apic_fields[] = {
	F_UINT(struct apic, base), F_UINT(struct apic, id), F_UINT(struct apic, ldr), F_UINT(struct apic, dfr), F_UINT(struct apic, tpr),
	F_UINT(struct apic, svr), F_UINT(struct apic, esr), F_UINT(struct apic, esr_pending), F_UINT(struct apic, icr_low),
	F_UINT(struct apic, icr_high), F_UINTS(struct apic, lvt), F_UINTS(struct apic, isr), F_UINTS(struct apic, irr),
	F_UINTS(struct apic, tmr), F_BOOL(struct apic, lint0), F_BOOL(struct apic, extint), F_UINT(struct apic, initial_count),
	F_UINT(struct apic, divide), F_UINT(struct apic, timer_start), F_UINT(struct apic, deadline), F_TIMER(struct apic, timer), F_END,
};
static const struct state_table apic_state = {"apic", 1, 1, apic_fields, .loaded = apic_loaded};

static const struct device_type apic_type = {
	.name = "apic", .bus = "System", .desc = "local APIC", .category = "CPU", .size = sizeof(struct apic), .state = &apic_state,
	.realize = apic_realize, .unrealize = apic_unrealize, .reset = apic_device_reset, .print = apic_print,
};
DEVICE(apic_type);
