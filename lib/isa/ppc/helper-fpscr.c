/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FPSCR (book I, 4.2.2). The state's word has all that was there when somebody looked last; since then sticky bits may have been
 * raised (in struct fpu_status and the host's flags), and FPRF, FR, FI follow from the last operation.
 */
#include <string.h>
#include "isa/ppc/helpers.h"
#include "isa/ppc/ops.h"
#include "jit/run.h"

uint64_t ppc_fpscr_flags(uint32_t f)
{
	static const struct { uint32_t flag, bit; } map[] = {
		{FPU_INV_SNAN, FPSCR_VXSNAN}, {FPU_INV_ISI, FPSCR_VXISI}, {FPU_INV_IDI, FPSCR_VXIDI}, {FPU_INV_ZDZ, FPSCR_VXZDZ},
		{FPU_INV_IMZ, FPSCR_VXIMZ}, {FPU_INV_SQRT, FPSCR_VXSQRT}, {FPU_INV_CVT, FPSCR_VXCVI}, {FPU_INV_CMP, FPSCR_VXVC},
		{FPU_DIVZERO, FPSCR_ZX}, {FPU_OVERFLOW, FPSCR_OX}, {FPU_UNDERFLOW, FPSCR_UX}, {FPU_INEXACT, FPSCR_XX},
	};
	uint64_t v = 0;

	for (unsigned i = 0; i < sizeof map / sizeof map[0]; i++)
		if (f & map[i].flag)
			v |= map[i].bit;
	return v;
}

uint64_t ppc_fpscr_summary(uint64_t v, uint64_t before)
{
	/* An enable bit is 22 places below its exception. */
	uint64_t any = (v & FPSCR_OX ? FPSCR_OE : 0) | (v & FPSCR_UX ? FPSCR_UE : 0) | (v & FPSCR_ZX ? FPSCR_ZE : 0) |
		       (v & FPSCR_XX ? FPSCR_XE : 0) | (v & FPSCR_VX_ALL ? FPSCR_VE : 0);

	if (v & ~before & FPSCR_STICKY)
		v |= FPSCR_FX;
	v &= ~(uint64_t)(FPSCR_VX | FPSCR_FEX);
	if (v & FPSCR_VX_ALL)
		v |= FPSCR_VX;
	if (any & v)
		v |= FPSCR_FEX;
	return v;
}

uint64_t ppc_fprf(unsigned op, uint64_t v)
{
	/* class: zero, denormal, normal, infinite, quiet NaN, signalling NaN; positive, negative */
	static const uint8_t codes[6][2] = {{0x02, 0x12}, {0x14, 0x18}, {0x04, 0x08}, {0x05, 0x09}, {0x11, 0x11}, {0x11, 0x11}};
	bool negative = v >> 63;
	enum fpu_class k = f64_class(v);

	/* A single is denormal below its own range. */
	if (k == FPU_CLASS_NORMAL && (op & PPC_FP_SINGLE || op == PPC_FP_RSP) && (v >> 52 & 2047) < 1023 - 126)
		k = FPU_CLASS_DENORMAL;
	return (uint64_t)codes[k <= FPU_CLASS_SNAN ? k : 4][negative] << 12;
}

static bool to_integer(unsigned op)
{
	return op >= PPC_FP_CTIW && op <= PPC_FP_CTIDUZ;
}

/* FPRF, FR, FI after the operation with result v and these flags. */
static uint64_t status_of(unsigned op, uint64_t v, uint32_t flags, uint64_t fpscr)
{
	unsigned base = op & 63;

	fpscr &= ~(uint64_t)(FPSCR_FR | FPSCR_FI);
	if (flags & FPU_INEXACT)
		fpscr |= FPSCR_FI;
	if (flags & FPU_ROUNDED_UP && flags & FPU_INEXACT)
		fpscr |= FPSCR_FR;
	if (!to_integer(base)) /* else undefined: it stays */
		fpscr = (fpscr & ~(uint64_t)FPSCR_FPRF) | ppc_fprf(op, v);
	return fpscr;
}

#if defined __x86_64__
static double host_op(unsigned op, double a, double b, double c)
{
	switch (op) {
	case PPC_FP_ADD: __asm__ volatile("addsd %1, %0" : "+x"(a) : "x"(b)); return a;
	case PPC_FP_SUB: __asm__ volatile("subsd %1, %0" : "+x"(a) : "x"(b)); return a;
	case PPC_FP_MUL: __asm__ volatile("mulsd %1, %0" : "+x"(a) : "x"(b)); return a;
	case PPC_FP_DIV: __asm__ volatile("divsd %1, %0" : "+x"(a) : "x"(b)); return a;
	case PPC_FP_SQRT: __asm__ volatile("sqrtsd %0, %0" : "+x"(a)); return a;
	case PPC_FP_MADD: case PPC_FP_NMADD: __asm__ volatile("vfmadd231sd %2, %1, %0" : "+x"(c) : "x"(a), "x"(b)); return c;
	default: __asm__ volatile("vfmsub231sd %2, %1, %0" : "+x"(c) : "x"(a), "x"(b)); return c;
	}
}

/*
 * The operation again by the host: its result, and whether it was inexact and rounded up in magnitude, which is to differ from what is cut
 * off. False: it is one of the rare ones, or the host cannot.
 */
static bool by_host(const struct ppc_cpu *p, uint64_t *result, uint32_t *flags)
{
	unsigned op = p->fpop, own = __builtin_ia32_stmxcsr(), raised;
	double a, b, c, r, z;
	uint64_t bits[2], size;

	if (op > PPC_FP_NMSUB || op == PPC_FP_RE || op == PPC_FP_RSQRTE || (op >= PPC_FP_MADD && !__builtin_cpu_supports("fma")) ||
	    p->fpu.round > FPU_ZERO)
		return false;
	memcpy(&a, &p->fpa, 8);
	memcpy(&b, &p->fpb, 8);
	memcpy(&c, &p->fpc, 8);
	__builtin_ia32_ldmxcsr(0x1f80 | (unsigned)p->fpu.round << 13);
	r = host_op(op, a, b, c);
	raised = __builtin_ia32_stmxcsr();
	__builtin_ia32_ldmxcsr(0x1f80 | FPU_ZERO << 13);
	z = host_op(op, a, b, c);
	__builtin_ia32_ldmxcsr(own);
	memcpy(&bits[0], &r, 8);
	memcpy(&bits[1], &z, 8);
	size = bits[0] << 1;
	/* neither zero with a flag, nor denormal nor the least normal, nor infinite nor NaN */
	if (size ? size <= 1ull << 53 || size >= 0x7ffull << 53 : raised & 0x3f)
		return false;
	*flags = (raised & 0x20 ? FPU_INEXACT : 0) | (bits[0] << 1 != bits[1] << 1 ? FPU_ROUNDED_UP : 0);
	*result = op >= PPC_FP_NMADD ? bits[0] ^ 1ull << 63 : bits[0];
	return true;
}
#else
static bool by_host(const struct ppc_cpu *p, uint64_t *result, uint32_t *flags)
{
	(void)p, (void)result, (void)flags;
	return false;
}
#endif

static void bring_up(struct ppc_cpu *c, uint32_t flags)
{
	uint64_t before = c->fpscr, v = before | ppc_fpscr_flags(flags | c->fpu.flags);

	c->fpu.flags = 0;
	if (c->fpop) {
		struct fpu_status st = c->fpu;
		uint64_t r;
		if (!by_host(c, &r, &st.flags)) {
			st.flags = 0;
			r = ppc_fp_eval(c->fpop, c->fpa, c->fpb, c->fpc, &st);
		}
		v = status_of(c->fpop, r, st.flags, v);
		c->fpop = 0;
	}
	if (c->fpcc & 0x80) {
		v = (v & ~(uint64_t)FPSCR_FPCC) | (uint64_t)((c->fpcc ^ 2) & 15) << 12;
		c->fpcc = 0;
	}
	c->fpscr = ppc_fpscr_summary(v, before);
}

static void controls(struct ppc_cpu *c)
{
	static const uint8_t rounds[] = {FPU_NEAREST, FPU_ZERO, FPU_UP, FPU_DOWN};

	c->fpu.round = rounds[c->fpscr & FPSCR_RN];
}

uint64_t ppc_get_fpscr(struct ppc_cpu *c)
{
	bring_up(c, 0);
	return c->fpscr;
}

void ppc_set_fpscr(struct ppc_cpu *c, uint64_t v)
{
	c->fpop = 0;
	c->fpcc = 0;
	c->fpu.flags = 0;
	if (!PPC_HAS(c, DFP))
		v = (uint32_t)v;
	c->fpscr = v & (FPSCR_DRN | 0xffffffff) & ~(uint64_t)(1 << 11);
	c->fpscr = ppc_fpscr_summary(c->fpscr, c->fpscr);
	controls(c);
}

PPC_FN(fpscr_sync, uint32_t flags)
{
	bring_up(ppc_cpu(c), flags);
	return 0;
}

PPC_FN(fpscr_cr1)
{
	return ppc_cpu(c)->fpscr >> 28 & 15;
}

/*
 * FEX and VX are not written. flags: the host's since FPSCR was brought up. Gives whether code that was made before is not for what it is
 * now: another rounding, another set of enabled exceptions, or one that is raised.
 */
PPC_FN(fpscr_write, uint32_t flags, uint64_t v, uint64_t mask)
{
	struct ppc_cpu *p = ppc_cpu(c);
	uint64_t before;

	if (!(~mask & (FPSCR_FPRF | FPSCR_FR | FPSCR_FI)))
		p->fpop = 0; /* nobody will see it */
	bring_up(p, flags);
	before = p->fpscr;
	mask &= ~(uint64_t)(FPSCR_FEX | FPSCR_VX);
	ppc_set_fpscr(p, (before & ~mask) | (v & mask));
	return ((before ^ p->fpscr) & (FPSCR_RN | FPSCR_ENABLES)) || p->fpscr & FPSCR_FEX;
}

/* mtfsb1 of an exception bit sets FX where it was 0. */
PPC_FN(fpscr_bit, uint64_t bit, uint32_t one)
{
	struct ppc_cpu *p = ppc_cpu(c);
	uint64_t before = p->fpscr, v = one ? before | bit : before & ~bit;

	if (one)
		v = ppc_fpscr_summary(v, before);
	ppc_set_fpscr(p, v);
	return 0;
}

/* The field's exception bits are cleared (book I, mcrfs). */
PPC_FN(mcrfs, uint32_t field)
{
	struct ppc_cpu *p = ppc_cpu(c);
	uint64_t mask = 15ull << (28 - 4 * field);
	uint32_t v = (uint32_t)(p->fpscr >> (28 - 4 * field) & 15);

	ppc_set_fpscr(p, p->fpscr & ~(mask & (FPSCR_STICKY | FPSCR_FX)));
	return v;
}

/* ---- enabled exceptions (book I, 4.4) ---- */

bool ppc_fpscr_commit(struct ppc_cpu *p, uint32_t flags, uint64_t fprf)
{
	uint64_t before = p->fpscr, bits = ppc_fpscr_flags(flags), v = (before | bits) & ~(uint64_t)(FPSCR_FR | FPSCR_FI);
	bool stays = (bits & FPSCR_VX_ALL && before & FPSCR_VE) || (bits & FPSCR_ZX && before & FPSCR_ZE);

	if (!stays) {
		if (flags & FPU_INEXACT)
			v |= FPSCR_FI | (flags & FPU_ROUNDED_UP ? FPSCR_FR : 0);
		if (fprf != PPC_FPRF_STAYS)
			v = (v & ~(uint64_t)FPSCR_FPRF) | fprf;
	}
	p->fpscr = ppc_fpscr_summary(v, before);
	return stays;
}

/*
 * With invalid operation or division by zero enabled the target stays; overflow and underflow enabled give the result with its
 * exponent adjusted, which lib/fpu does.
 */
PPC_FN(fp_careful, uint64_t a, uint64_t b, uint64_t addend, uint32_t op, uint64_t old)
{
	struct ppc_cpu *p = ppc_cpu(c);
	struct fpu_status st;

	bring_up(p, 0);
	st = p->fpu;
	st.flags = 0;
	st.enabled = (p->fpscr & FPSCR_OE ? FPU_OVERFLOW : 0) | (p->fpscr & FPSCR_UE ? FPU_UNDERFLOW : 0);
	uint64_t r = ppc_fp_eval(op, a, b, addend, &st), bits = ppc_fpscr_flags(st.flags), before = p->fpscr;
	bool suppressed = (bits & FPSCR_VX_ALL && before & FPSCR_VE) || (bits & FPSCR_ZX && before & FPSCR_ZE);
	uint64_t v = before | bits;

	if (suppressed)
		v &= ~(uint64_t)(FPSCR_FR | FPSCR_FI);
	else
		v = status_of(op, r, st.flags, v);
	p->fpscr = ppc_fpscr_summary(v, before);
	if (op & PPC_FP_WORDS) {
		r = (op & 63) == PPC_FP_DPSP ? ppc_narrow(r) : (uint32_t)r;
		r |= r << 32;
	}
	return suppressed ? old : r;
}

PPC_FN(fp_compare_careful, uint64_t a, uint64_t b, uint32_t ordered)
{
	struct ppc_cpu *p = ppc_cpu(c);
	struct fpu_status st = p->fpu;

	bring_up(p, 0);
	st.flags = 0;
	enum fpu_relation rel = f64_compare(a, b, ordered, &st);
	unsigned bits = rel == FPU_LESS ? 8 : rel == FPU_GREATER ? 4 : rel == FPU_EQUAL ? 2 : 1;
	uint64_t before = p->fpscr, flags = ppc_fpscr_flags(st.flags);
	/* VXVC comes with a signalling NaN only where VE is 0. */
	if (flags & FPSCR_VXSNAN && before & FPSCR_VE)
		flags &= ~(uint64_t)FPSCR_VXVC;
	p->fpscr = ppc_fpscr_summary(((before | flags) & ~(uint64_t)FPSCR_FPCC) | (uint64_t)bits << 12, before);
	return bits;
}

PPC_FN(fp_check)
{
	struct ppc_cpu *p = ppc_cpu(c);

	if (p->fpscr & FPSCR_FEX && p->fp_trap)
		ir_raise(c, PPC_V_FP, 0, p->pc);
	return 0;
}
