/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the local APIC: apic.c (registers, priorities), apic-message.c (who gets a message), apic-timer.c. */
#ifndef EMU_CPU_APIC_H
#define EMU_CPU_APIC_H
#include <pthread.h>

#include "../../device.h"
#include "../../machine.h"
#include "../../x86-parts.h"

#define APIC_MAX 255

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVTS };
enum { LVT_MASKED = 0x10000, LVT_LEVEL = 0x8000, LVT_REMOTE_IRR = 0x4000, LVT_TIMER_MODE = 0x60000,
       LVT_ONE_SHOT = 0, LVT_PERIODIC = 0x20000, LVT_DEADLINE = 0x40000 };
enum apic_mode { APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_RESERVED, APIC_NMI, APIC_INIT, APIC_STARTUP, APIC_EXTINT };
enum { ESR_REDIRECTABLE = 0x10, ESR_SEND_VECTOR = 0x20, ESR_RECEIVED_VECTOR = 0x40, ESR_REGISTER = 0x80 };
enum { SVR_ENABLE = 0x100, SVR_FOCUS = 0x200, SVR_NO_BROADCAST = 0x1000 };
#define BASE_BSP 0x100ull
#define BASE_EXTD 0x400ull
#define BASE_EN 0x800ull
#define APIC_BASE 0xfee00000ull

/* The processor that an APIC sits in: vcpu.c, or a test. */
struct apic_processor {
	void (*interrupt)(struct vcpu *v, bool pending);
	void (*nmi)(struct vcpu *v);
	void (*smi)(struct vcpu *v);
	void (*init)(struct vcpu *v);
	void (*sipi)(struct vcpu *v, uint8_t vector);
	uint64_t (*tsc)(struct vcpu *v);
	uint64_t (*tsc_hz)(struct vcpu *v);
	struct vcpu *(*current)(void);
};

/* All local APICs of a machine, and the 1 MiB at 0xfee00000. */
struct apic_set {
	struct apic *apic[APIC_MAX];
	unsigned count, turn; /* turn: where the search for the lowest priority begins */
	struct region *region;
};

/*
 * `lock` (taken last, nothing is called under it) covers tpr, svr, base, irr, isr, tmr, esr and extint, which processor threads touch
 * without the machine lock; everything else is under the machine lock.
 */
struct apic {
	struct device dev;
	struct vcpu *vcpu;
	const struct apic_processor *processor;
	struct apic_set *set;
	pthread_mutex_t lock;
	uint32_t initial_id;
	uint64_t base;          /* IA32_APIC_BASE */
	uint32_t id, ldr, dfr;  /* id: 8 bits (xAPIC) or 32 */
	uint32_t tpr, svr, esr, esr_pending;
	uint32_t icr_low, icr_high;
	uint32_t lvt[LVTS];
	uint32_t isr[8], irr[8], tmr[8];
	bool lint0;             /* level of the 8259's output */
	bool extint;            /* an ExtINT message that was not taken yet */
	bool deliverable;       /* atomic: what apic_pending() says */
	uint32_t initial_count, divide;
	uint64_t timer_start;   /* ns of the virtual clock */
	uint64_t deadline;      /* TSC value, 0: not armed */
	struct timer *timer;
	struct region *moved;   /* the page elsewhere, when IA32_APIC_BASE says so */
};

static inline bool apic_x2(const struct apic *a) { return (a->base & (BASE_EN | BASE_EXTD)) == (BASE_EN | BASE_EXTD); }

/* Machine lock for as long as a processor thread needs it; gives back whether it must be dropped again. */
bool apic_machine_lock(struct apic *a);
void apic_machine_unlock(struct apic *a, bool taken);
/* Recomputes what is deliverable, drops a->lock and tells the processor. */
void apic_unlock_update(struct apic *a);
void apic_error(struct apic *a, uint32_t bit);
/* An interrupt from the local vector table. Machine lock. */
void apic_local(struct apic *a, unsigned lvt);
/* A message reaches this APIC. */
void apic_accept(struct apic *a, enum apic_mode mode, uint8_t vector, bool level);
/* To all that dest means; lowest priority chooses one. Machine lock, but for APIC_FIXED and APIC_LOWEST. */
void apic_send(struct apic_set *set, uint32_t dest, bool logical, bool x2, enum apic_mode mode, uint8_t vector, bool level);
void apic_send_icr(struct apic *a);
struct apic_set *apic_set_of(struct machine *m);
void apic_priority_class(const struct apic *a, unsigned *ppr); /* a->lock */

void apic_timer_init(struct apic *a);
void apic_timer_stop(struct apic *a);
uint32_t apic_timer_count(struct apic *a);
void apic_timer_start(struct apic *a, uint32_t initial);
void apic_timer_divide(struct apic *a, uint32_t value);
void apic_timer_lvt(struct apic *a, uint32_t value);
void apic_timer_deadline(struct apic *a, uint64_t tsc);
#endif
