/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: stack, moves, arithmetic, comparison (Intel SDM vol. 1 chapter 8, vol. 2 instruction pages).
 *
 * Theory of operation. Every non-control instruction waits (#MF when an unmasked exception is pending), reads memory, and only then
 * changes state. A stack fault, and an invalid, denormal or divide exception that is unmasked, leave the operands and the
 * stack alone; overflow and underflow that are unmasked deliver a scaled result to a register and nothing to memory; the
 * exception itself strikes at the next waiting instruction.
 *
 * fip follows every non-control instruction; fop and fdp only those with an unmasked exception, as on processors with
 * FDP_EXCPTN_ONLY and without fopcode compatibility (SDM vol. 1, 8.1.8 and 8.1.9).
 */
#include "isa/x86/x87.h"
#include "fpu/trans.h"

#define PRECOMPUTATION (FPU_INVALID | FPU_DENORMAL | FPU_DIVZERO)

void x87_summary(struct x86_cpu *cpu)
{
	if (cpu->fx.fsw & ~cpu->fx.fcw & X87_EXCEPTIONS)
		cpu->fx.fsw |= X87_ES | X87_B;
	else
		cpu->fx.fsw &= (uint16_t)~(X87_ES | X87_B);
}

void x87_wait(struct x86_cpu *cpu)
{
	if (!(cpu->fx.fsw & X87_ES))
		cpu->sys.ignne = false;
	else if (!cpu->sys.ignne || cpu->sys.cr0 & X86_CR0_NE)
		x86_raise(cpu, 16, 0);
}

void x87_rotate(struct x86_cpu *cpu, unsigned top)
{
	unsigned by = (top - x87_top(cpu)) & 7;
	typeof(cpu->fx.st[0]) old[8];

	if (by) {
		memcpy(old, cpu->fx.st, sizeof old);
		for (unsigned i = 0; i < 8; i++)
			cpu->fx.st[i] = old[(i + by) & 7];
	}
	x87_set_top(cpu, top);
}

void x87_pop(struct x86_cpu *cpu)
{
	unsigned top = x87_top(cpu);

	cpu->fx.ftw &= (uint8_t)~(1u << top);
	x87_rotate(cpu, top + 1);
}

/* An unmasked exception: now the opcode and the operand's address are recorded as well. */
static void unmasked(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	if (!(cpu->fx.fsw & X87_ES))
		return;
	cpu->fx.fop = (uint16_t)((in->opcode & 7) << 8 | in->modrm);
	if (in->has_mem)
		cpu->fx.fdp = ea;
}

struct fpu_status x87_status(const struct x86_cpu *cpu)
{
	static const uint8_t precision[4] = {24, 0, 53, 0}; /* 1 is reserved and works as full */
	struct fpu_status st = {.round = cpu->fx.fcw >> 10 & 3, .precision = precision[cpu->fx.fcw >> 8 & 3],
				.nan_rule = FPU_NAN_X87, .enabled = ~cpu->fx.fcw & (FPU_OVERFLOW | FPU_UNDERFLOW)};
	return st;
}

bool x87_commit(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, const struct fpu_status *st)
{
	unsigned flags = st->flags & X87_EXCEPTIONS;
	bool stop = flags & ~cpu->fx.fcw & PRECOMPUTATION;

	if (stop)
		flags &= PRECOMPUTATION;
	cpu->fx.fsw &= (uint16_t)~X87_C1;
	cpu->fx.fsw |= (uint16_t)(flags | (!stop && st->flags & FPU_ROUNDED_UP ? X87_C1 : 0));
	x87_summary(cpu);
	unmasked(cpu, in, ea);
	return !stop;
}

bool x87_stack_fault(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool overflow)
{
	cpu->fx.fsw &= (uint16_t)~X87_C1;
	cpu->fx.fsw |= FPU_INVALID | X87_SF | (overflow ? X87_C1 : 0);
	x87_summary(cpu);
	unmasked(cpu, in, ea);
	return cpu->fx.fcw & FPU_INVALID;
}

/* The new top must be known to be free, or the fault to be masked. */
void x87_push(struct x86_cpu *cpu, f80 v)
{
	x87_rotate(cpu, x87_top(cpu) - 1);
	x87_put(cpu, 0, v);
}

void x87_begin(struct x86_cpu *cpu)
{
	cpu->fx.fip = cpu->rip;
	cpu->fx.fsw &= (uint16_t)~X87_C1;
}

static void push_checked(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, f80 v, const struct fpu_status *st)
{
	if (!x87_empty(cpu, 7)) {
		if (x87_stack_fault(cpu, in, ea, true))
			x87_push(cpu, X87_INDEFINITE);
		return;
	}
	if (x87_commit(cpu, in, ea, st))
		x87_push(cpu, v);
}

/* ---- operands ------------------------------------------------------------------------------------------ */

static f80 load80(struct x86_cpu *cpu, uint64_t ea)
{
	uint8_t b[10];
	f80 v;

	x86_mem_read(cpu, ea, b, sizeof b);
	memcpy(&v.sig, b, 8);
	memcpy(&v.se, b + 8, 2);
	return v;
}

/* A store through CS is #GP only when it comes to the store: an unmasked exception is noticed first. */
static void store(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, const void *bytes, unsigned size)
{
	if (in->seg == X86_CS)
		x86_raise(cpu, 13, 0);
	x86_store(cpu, ea, bytes, size);
}

static void store80(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, f80 v)
{
	uint8_t b[10];

	memcpy(b, &v.sig, 8);
	memcpy(b + 8, &v.se, 2);
	store(cpu, in, ea, b, sizeof b);
}

enum source { SRC_F32, SRC_F64, SRC_I16, SRC_I32, SRC_I64, SRC_F80, SRC_REG };

/* The format of the memory operand, from the opcode (SDM vol. 2, tables ). */
static enum source source(const struct x86_insn *in)
{
	unsigned ext = in->modrm >> 3 & 7;

	if (!in->has_mem)
		return SRC_REG;
	switch (in->opcode) {
	case 0xD8:
	case 0xD9: return SRC_F32;
	case 0xDA: return SRC_I32;
	case 0xDB: return ext >= 5 ? SRC_F80 : SRC_I32;
	case 0xDC: return SRC_F64;
	case 0xDD: return ext == 1 ? SRC_I64 : SRC_F64;
	case 0xDE: return SRC_I16;
	default: return ext == 5 || ext == 7 ? SRC_I64 : SRC_I16;
	}
}

/* Reads the raw memory operand: the only part that can fault. */
static f80 fetch(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	switch (source(in)) {
	case SRC_F32:
	case SRC_I32: return (f80){x86_ld32(cpu, ea), 0};
	case SRC_F64:
	case SRC_I64: return (f80){x86_ld64(cpu, ea), 0};
	case SRC_I16: return (f80){x86_ld16(cpu, ea), 0};
	case SRC_F80: return load80(cpu, ea);
	default: return x87_get(cpu, in->modrm & 7);
	}
}

/* Widens what fetch() gave; raises denormal and signalling NaN of the narrow formats. */
static f80 widen(const struct x86_insn *in, f80 raw, struct fpu_status *st)
{
	switch (source(in)) {
	case SRC_F32: return f80_from_f32((f32)raw.sig, st);
	case SRC_F64: return f80_from_f64(raw.sig, st);
	case SRC_I16: return f80_from_int((uint64_t)(int16_t)raw.sig, true, st);
	case SRC_I32: return f80_from_int((uint64_t)(int32_t)raw.sig, true, st);
	case SRC_I64: return f80_from_int(raw.sig, true, st);
	default: return raw;
	}
}

/* ---- arithmetic ---------------------------------------------------------------------------------------- */

typedef f80 binary_fn(f80 a, f80 b, struct fpu_status *st);

static f80 reversed_sub(f80 a, f80 b, struct fpu_status *st)
{
	return f80_sub(b, a, st);
}

static f80 reversed_div(f80 a, f80 b, struct fpu_status *st)
{
	return f80_div(b, a, st);
}

/*
 * destination = destination op source, both from the encoding: D8 and memory forms work on ST(0), DC and DE register
 * forms on ST(i) with ST(0) as the source; DE pops.
 */
static void arith(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, binary_fn *fn)
{
	bool reverse = !in->has_mem && in->opcode != 0xD8, pop = !in->has_mem && in->opcode == 0xDE;
	unsigned to = reverse ? in->modrm & 7 : 0, from = reverse ? 0 : in->modrm & 7;
	struct fpu_status st = x87_status(cpu);
	f80 raw, r;

	x87_wait(cpu);
	raw = fetch(cpu, in, ea);
	x87_begin(cpu);
	if (x87_empty(cpu, to) || (!in->has_mem && x87_empty(cpu, from))) {
		if (!x87_stack_fault(cpu, in, ea, false))
			return;
		x87_put(cpu, to, X87_INDEFINITE);
	} else {
		struct fpu_status load = {.nan_rule = FPU_NAN_X87};
		f80 a = x87_get(cpu, to), b;

		if (in->has_mem && (source(in) == SRC_F32 || source(in) == SRC_F64)) {
			/* A NaN is chosen before it is quieted: keep a signalling one signalling through the widening. */
			b = widen(in, raw, &load);
			if (load.flags & FPU_INVALID)
				b.sig &= ~(1ull << 62);
			/* The pair's exceptions are the operation's; a denormal operand counts only if there is no NaN. */
			if (load.flags & FPU_DENORMAL && f80_class(a) != FPU_CLASS_UNSUPPORTED && !f80_is_nan(a))
				st.flags |= FPU_DENORMAL;
		} else {
			b = in->has_mem ? widen(in, raw, &load) : x87_get(cpu, from);
		}
		r = fn(a, b, &st);
		if (st.flags & (FPU_INVALID | FPU_DIVZERO) && load.flags & FPU_DENORMAL)
			st.flags &= ~FPU_DENORMAL;
		if (!x87_commit(cpu, in, ea, &st))
			return;
		x87_put(cpu, to, r);
	}
	if (pop)
		x87_pop(cpu);
}

#define ARITH(name, fn)                                                                                        \
	void x86_helper_f##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                   \
	{                                                                                                      \
		arith(cpu, in, ea, fn);                                                                        \
	}                                                                                                      \
	void x86_helper_fi##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                  \
	{                                                                                                      \
		arith(cpu, in, ea, fn);                                                                        \
	}                                                                                                      \
	void x86_helper_f##name##p(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                \
	{                                                                                                      \
		arith(cpu, in, ea, fn);                                                                        \
	}
ARITH(add, f80_add)
ARITH(mul, f80_mul)
ARITH(sub, f80_sub)
ARITH(subr, reversed_sub)
ARITH(div, f80_div)
ARITH(divr, reversed_div)

/* ---- comparison ---------------------------------------------------------------------------------------- */

static void set_codes(struct x86_cpu *cpu, enum fpu_relation r)
{
	cpu->fx.fsw &= (uint16_t)~(X87_C0 | X87_C2 | X87_C3);
	cpu->fx.fsw |= r == FPU_UNORDERED ? X87_C0 | X87_C2 | X87_C3 : r == FPU_LESS ? X87_C0 : r == FPU_EQUAL ? X87_C3 : 0;
}

static void set_eflags(struct x86_cpu *cpu, enum fpu_relation r)
{
	cpu->rflags &= ~(uint64_t)X86_STATUS;
	cpu->rflags |= r == FPU_UNORDERED ? X86_ZF | X86_PF | X86_CF : r == FPU_LESS ? X86_CF : r == FPU_EQUAL ? X86_ZF : 0;
}

static void compare(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool signalling, unsigned pops,
		    bool eflags)
{
	struct fpu_status st = x87_status(cpu);
	unsigned i = in->modrm & 7;
	bool reg = !in->has_mem, c1 = cpu->fx.fsw & X87_C1;
	enum fpu_relation r = FPU_UNORDERED;
	f80 raw;

	x87_wait(cpu);
	raw = fetch(cpu, in, ea);
	x87_begin(cpu);
	/* The codes tell the relation even where an unmasked exception forbids the pops. */
	if (x87_empty(cpu, 0) || (reg && x87_empty(cpu, i))) {
		if (!x87_stack_fault(cpu, in, ea, false))
			pops = 0;
	} else {
		f80 b = widen(in, raw, &st), a = x87_get(cpu, 0);

		if (f80_is_nan(a) || f80_class(a) == FPU_CLASS_UNSUPPORTED)
			st.flags &= ~FPU_DENORMAL;
		r = f80_compare(a, b, signalling, &st);
		if (st.flags & FPU_INVALID)
			st.flags &= ~FPU_DENORMAL;
		if (!x87_commit(cpu, in, ea, &st))
			pops = 0;
		if (eflags && c1) /* FCOMI and kin clear C1 only in a stack fault */
			cpu->fx.fsw |= X87_C1;
	}
	if (eflags)
		set_eflags(cpu, r);
	else
		set_codes(cpu, r);
	while (pops--)
		x87_pop(cpu);
}

#define COMPARE(name, signalling, pops, eflags)                                                                \
	void x86_helper_##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                    \
	{                                                                                                      \
		compare(cpu, in, ea, signalling, pops, eflags);                                                \
	}
COMPARE(fcom, true, 0, false)
COMPARE(fcomp, true, 1, false)
COMPARE(ficom, true, 0, false)
COMPARE(ficomp, true, 1, false)
COMPARE(fcompp, true, 2, false)
COMPARE(fucom, false, 0, false)
COMPARE(fucomp, false, 1, false)
COMPARE(fucompp, false, 2, false)
COMPARE(fcomi, true, 0, true)
COMPARE(fcomip, true, 1, true)
COMPARE(fucomi, false, 0, true)
COMPARE(fucomip, false, 1, true)

void x86_helper_ftst(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct fpu_status st = x87_status(cpu);
	enum fpu_relation r = FPU_UNORDERED;

	x87_wait(cpu);
	x87_begin(cpu);
	if (x87_empty(cpu, 0)) {
		x87_stack_fault(cpu, in, ea, false);
	} else {
		r = f80_compare(x87_get(cpu, 0), (f80){0, 0}, true, &st);
		x87_commit(cpu, in, ea, &st);
	}
	set_codes(cpu, r);
}

void x86_helper_fxam(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	static const uint16_t codes[] = {[FPU_CLASS_ZERO] = X87_C3, [FPU_CLASS_DENORMAL] = X87_C3 | X87_C2,
					 [FPU_CLASS_NORMAL] = X87_C2, [FPU_CLASS_INFINITE] = X87_C2 | X87_C0,
					 [FPU_CLASS_QNAN] = X87_C0, [FPU_CLASS_SNAN] = X87_C0, [FPU_CLASS_UNSUPPORTED] = 0};

	(void)in, (void)ea;
	x87_wait(cpu);
	x87_begin(cpu);
	cpu->fx.fsw &= (uint16_t)~(X87_C0 | X87_C2 | X87_C3);
	cpu->fx.fsw |= x87_empty(cpu, 0) ? X87_C3 | X87_C0 : codes[f80_class(x87_get(cpu, 0))];
	if (x87_get(cpu, 0).se >> 15)
		cpu->fx.fsw |= X87_C1;
}

/* ---- moves --------------------------------------------------------------------------------------------- */

static void load(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct fpu_status st = x87_status(cpu);
	bool reg = !in->has_mem;
	f80 raw;

	x87_wait(cpu);
	raw = fetch(cpu, in, ea);
	x87_begin(cpu);
	if (reg && x87_empty(cpu, in->modrm & 7)) {
		/* underflow of the source; its masked result is pushed even where the push would overflow */
		if (x87_stack_fault(cpu, in, ea, false))
			x87_push(cpu, X87_INDEFINITE);
		return;
	}
	raw = widen(in, raw, &st);
	if (st.flags & FPU_DENORMAL && x87_empty(cpu, 7)) { /* does not keep the value from being pushed, even unmasked */
		x87_commit(cpu, in, ea, &st);
		x87_push(cpu, raw);
		return;
	}
	push_checked(cpu, in, ea, raw, &st);
}

void x86_helper_fld(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { load(cpu, in, ea); }
void x86_helper_fild(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { load(cpu, in, ea); }

void x86_helper_fbld(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct fpu_status st = x87_status(cpu);
	uint8_t bcd[10];

	x87_wait(cpu);
	x86_mem_read(cpu, ea, bcd, sizeof bcd);
	x87_begin(cpu);
	push_checked(cpu, in, ea, f80_from_bcd(bcd), &st);
}

/* May the result of `st` be stored to memory? All but an unmasked inexact forbid it. */
static bool may_store(const struct x86_cpu *cpu, const struct fpu_status *st)
{
	return !(st->flags & ~cpu->fx.fcw & X87_EXCEPTIONS & ~(unsigned)FPU_INEXACT);
}

/* The memory store comes before any change, since it may fault. */
static void store_done(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, const void *bytes, unsigned size,
		       struct fpu_status *st, bool pop)
{
	bool good = may_store(cpu, st);

	if (!good)
		st->flags &= ~FPU_INEXACT; /* nothing was rounded */
	if (good)
		store(cpu, in, ea, bytes, size);
	x87_begin(cpu);
	x87_commit(cpu, in, ea, st);
	if (!good)
		cpu->fx.fsw &= (uint16_t)~X87_C1;
	if (good && pop)
		x87_pop(cpu);
}

/* An empty ST(0): the indefinite of the format is stored when masked. */
static void store_empty(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, const void *bytes, unsigned size,
			bool pop)
{
	if (cpu->fx.fcw & FPU_INVALID)
		store(cpu, in, ea, bytes, size);
	x87_begin(cpu);
	if (x87_stack_fault(cpu, in, ea, false) && pop)
		x87_pop(cpu);
}

static void store_float(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool pop)
{
	static const uint8_t indefinite80[10] = {0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF};
	static const uint32_t indefinite32 = 0xFFC00000;
	static const uint64_t indefinite64 = 0xFFF8000000000000;
	struct fpu_status st = x87_status(cpu);
	enum source form = source(in);
	uint64_t v;

	x87_wait(cpu);
	if (form == SRC_REG) {
		unsigned i = in->modrm & 7;

		x87_begin(cpu);
		if (!x87_empty(cpu, 0)) {
			x87_put(cpu, i, x87_get(cpu, 0));
		} else if (in->opcode != 0xD9) { /* the alias D9 D8 only pops an empty register */
			if (!x87_stack_fault(cpu, in, ea, false))
				return;
			x87_put(cpu, i, X87_INDEFINITE);
		}
		if (pop)
			x87_pop(cpu);
		return;
	}
	if (x87_empty(cpu, 0)) {
		if (form == SRC_F80)
			store_empty(cpu, in, ea, indefinite80, 10, pop);
		else if (form == SRC_F64)
			store_empty(cpu, in, ea, &indefinite64, 8, pop);
		else
			store_empty(cpu, in, ea, &indefinite32, 4, pop);
		return;
	}
	if (form == SRC_F80) { /* no conversion, no exception */
		store80(cpu, in, ea, x87_get(cpu, 0));
		x87_begin(cpu);
		if (pop)
			x87_pop(cpu);
		return;
	}
	v = form == SRC_F64 ? f64_from_f80(x87_get(cpu, 0), &st) : f32_from_f80(x87_get(cpu, 0), &st);
	st.flags &= ~FPU_DENORMAL;
	store_done(cpu, in, ea, &v, form == SRC_F64 ? 8 : 4, &st, pop);
}

void x86_helper_fst(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { store_float(cpu, in, ea, false); }
void x86_helper_fstp(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { store_float(cpu, in, ea, true); }

static void store_int(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool truncate, bool pop)
{
	struct fpu_status st = x87_status(cpu);
	enum source form = source(in);
	unsigned bits = form == SRC_I16 ? 16 : form == SRC_I32 ? 32 : 64;
	uint64_t v = 1ull << (bits - 1);

	if (in->opcode == 0xDB) /* m32 whatever the row */
		bits = 32, v = 1ull << 31;
	x87_wait(cpu);
	if (x87_empty(cpu, 0)) {
		store_empty(cpu, in, ea, &v, bits / 8, pop);
		return;
	}
	if (f80_to_int(x87_get(cpu, 0), bits, true, truncate ? FPU_ZERO : (enum fpu_round)st.round, &v, &st) !=
	    FPU_INT_OK)
		v = 1ull << (bits - 1);
	store_done(cpu, in, ea, &v, bits / 8, &st, pop);
}

void x86_helper_fist(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	store_int(cpu, in, ea, false, false);
}

void x86_helper_fistp(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	store_int(cpu, in, ea, false, true);
}

void x86_helper_fisttp(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	store_int(cpu, in, ea, true, true);
}

void x86_helper_fbstp(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	static const uint8_t indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF};
	struct fpu_status st = x87_status(cpu);
	uint8_t bcd[10];

	x87_wait(cpu);
	if (x87_empty(cpu, 0)) {
		store_empty(cpu, in, ea, indefinite, sizeof indefinite, true);
		return;
	}
	if (!f80_to_bcd(x87_get(cpu, 0), bcd, &st))
		memcpy(bcd, indefinite, sizeof bcd);
	store_done(cpu, in, ea, bcd, sizeof bcd, &st, true);
}

void x86_helper_fxch(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	unsigned i = in->modrm & 7;
	f80 a, b;

	x87_wait(cpu);
	x87_begin(cpu);
	a = x87_get(cpu, 0);
	b = x87_get(cpu, i);
	if (x87_empty(cpu, 0) || x87_empty(cpu, i)) {
		bool e0 = x87_empty(cpu, 0), ei = x87_empty(cpu, i);

		if (!x87_stack_fault(cpu, in, ea, false))
			return;
		if (e0)
			a = X87_INDEFINITE;
		if (ei)
			b = X87_INDEFINITE;
	}
	x87_put(cpu, 0, b);
	x87_put(cpu, i, a);
}

static void cmov(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool condition)
{
	unsigned i = in->modrm & 7;

	x87_wait(cpu);
	cpu->fx.fip = cpu->rip; /* C1 stays unless there is a stack fault */
	if (x87_empty(cpu, 0) || x87_empty(cpu, i)) {
		if (x87_stack_fault(cpu, in, ea, false)) /* whatever the condition */
			x87_put(cpu, 0, X87_INDEFINITE);
		return;
	}
	if (condition)
		x87_put(cpu, 0, x87_get(cpu, i));
}

#define FCMOV(cc, condition)                                                                                   \
	void x86_helper_fcmov##cc(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                 \
	{                                                                                                      \
		cmov(cpu, in, ea, condition);                                                                  \
	}
FCMOV(b, cpu->rflags & X86_CF)
FCMOV(e, cpu->rflags & X86_ZF)
FCMOV(be, cpu->rflags & (X86_CF | X86_ZF))
FCMOV(u, cpu->rflags & X86_PF)
FCMOV(nb, !(cpu->rflags & X86_CF))
FCMOV(ne, !(cpu->rflags & X86_ZF))
FCMOV(nbe, !(cpu->rflags & (X86_CF | X86_ZF)))
FCMOV(nu, !(cpu->rflags & X86_PF))

/* ---- one operand in ST(0) ------------------------------------------------------------------------------ */

static void sign(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool change)
{
	f80 v;

	x87_wait(cpu);
	x87_begin(cpu);
	if (x87_empty(cpu, 0)) {
		if (x87_stack_fault(cpu, in, ea, false))
			x87_put(cpu, 0, X87_INDEFINITE);
		return;
	}
	v = x87_get(cpu, 0);
	v.se = change ? v.se ^ 0x8000 : v.se & 0x7FFF;
	x87_put(cpu, 0, v);
}

void x86_helper_fchs(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { sign(cpu, in, ea, true); }
void x86_helper_fabs(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { sign(cpu, in, ea, false); }

static f80 rint_exact(f80 a, struct fpu_status *st)
{
	return f80_rint(a, (enum fpu_round)st->round, true, st);
}

static void unary(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, f80 (*fn)(f80, struct fpu_status *))
{
	struct fpu_status st = x87_status(cpu);
	f80 r = X87_INDEFINITE;

	x87_wait(cpu);
	x87_begin(cpu);
	if (x87_empty(cpu, 0)) {
		if (!x87_stack_fault(cpu, in, ea, false))
			return;
	} else {
		r = fn(x87_get(cpu, 0), &st);
		if (!x87_commit(cpu, in, ea, &st))
			return;
	}
	x87_put(cpu, 0, r);
}

#define UNARY(name, fn)                                                                                        \
	void x86_helper_##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                    \
	{                                                                                                      \
		unary(cpu, in, ea, fn);                                                                        \
	}
UNARY(fsqrt, f80_sqrt)
UNARY(frndint, rint_exact)
UNARY(f2xm1, f80_f2xm1)

static f80 one(struct fpu_status *st)
{
	(void)st;
	return (f80){1ull << 63, 0x3FFF};
}

static f80 nought(struct fpu_status *st)
{
	(void)st;
	return (f80){0, 0};
}

#define CONSTANT(name, value)                                                                                  \
	void x86_helper_##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                    \
	{                                                                                                      \
		struct fpu_status st = x87_status(cpu);                                                        \
		x87_wait(cpu);                                                                                 \
		x87_begin(cpu);                                                                        \
		push_checked(cpu, in, ea, value, &st);                                                                 \
	}
CONSTANT(fld1, one(&st))
CONSTANT(fldz, nought(&st))
CONSTANT(fldpi, f80_constant(F80_PI, &st))
CONSTANT(fldl2e, f80_constant(F80_LOG2E, &st))
CONSTANT(fldl2t, f80_constant(F80_LOG2_10, &st))
CONSTANT(fldlg2, f80_constant(F80_LOG10_2, &st))
CONSTANT(fldln2, f80_constant(F80_LN2, &st))

/* ---- ST(0) and ST(1) ----------------------------------------------------------------------------------- */

/* ST(to) = fn(ST(1), ST(0)); pops when to is 1. */
static void pair(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, binary_fn *fn)
{
	struct fpu_status st = x87_status(cpu);
	f80 r = X87_INDEFINITE;

	x87_wait(cpu);
	x87_begin(cpu);
	if (x87_empty(cpu, 0) || x87_empty(cpu, 1)) {
		if (!x87_stack_fault(cpu, in, ea, false))
			return;
	} else {
		r = fn(x87_get(cpu, 1), x87_get(cpu, 0), &st);
		if (!x87_commit(cpu, in, ea, &st))
			return;
	}
	x87_put(cpu, 1, r);
	x87_pop(cpu);
}

#define PAIR(name, fn)                                                                                         \
	void x86_helper_##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                    \
	{                                                                                                      \
		pair(cpu, in, ea, fn);                                                                         \
	}
PAIR(fyl2x, f80_yl2x)
PAIR(fyl2xp1, f80_yl2xp1)
PAIR(fpatan, f80_patan)

void x86_helper_fscale(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct fpu_status st = x87_status(cpu);
	f80 r = X87_INDEFINITE;

	x87_wait(cpu);
	x87_begin(cpu);
	if (x87_empty(cpu, 0) || x87_empty(cpu, 1)) {
		if (!x87_stack_fault(cpu, in, ea, false))
			return;
	} else {
		r = f80_scale_by(x87_get(cpu, 0), x87_get(cpu, 1), &st);
		if (!x87_commit(cpu, in, ea, &st))
			return;
	}
	x87_put(cpu, 0, r);
}

static void remainder_of(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool nearest)
{
	struct fpu_status st = x87_status(cpu);
	f80 r = X87_INDEFINITE;
	unsigned q = 0;
	bool partial = false;

	x87_wait(cpu);
	x87_begin(cpu);
	if (x87_empty(cpu, 0) || x87_empty(cpu, 1)) {
		if (x87_stack_fault(cpu, in, ea, false))
			x87_put(cpu, 0, r);
		cpu->fx.fsw &= (uint16_t)~X87_C2;
		return;
	}
	r = f80_prem(x87_get(cpu, 0), x87_get(cpu, 1), nearest, &q, &partial, &st);
	cpu->fx.fsw &= (uint16_t)~X87_C2;
	if (!x87_commit(cpu, in, ea, &st))
		return;
	x87_put(cpu, 0, r);
	if (st.flags & FPU_INVALID || f80_is_nan(r)) /* no quotient */
		return;
	cpu->fx.fsw &= (uint16_t)~(X87_C0 | X87_C1 | X87_C2 | X87_C3);
	cpu->fx.fsw |= (q & 4 ? X87_C0 : 0) | (q & 2 ? X87_C3 : 0) | (q & 1 ? X87_C1 : 0) | (partial ? X87_C2 : 0);
}

void x86_helper_fprem(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	remainder_of(cpu, in, ea, false);
}

void x86_helper_fprem1(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	remainder_of(cpu, in, ea, true);
}

/* ---- one operand, two results -------------------------------------------------------------------------- */

/* Checks for fxtract, fptan, fsincos. Returns true when the operation may go on. */
static bool room_for_two(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	bool under = x87_empty(cpu, 0), over = !x87_empty(cpu, 7);

	if (!under && !over)
		return true;
	if (x87_stack_fault(cpu, in, ea, !under)) {
		x87_put(cpu, 0, X87_INDEFINITE);
		x87_push(cpu, X87_INDEFINITE);
	}
	return false;
}

void x86_helper_fxtract(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct fpu_status st = x87_status(cpu);
	f80 significand, exponent;

	x87_wait(cpu);
	x87_begin(cpu);
	if (!room_for_two(cpu, in, ea))
		return;
	significand = f80_extract(x87_get(cpu, 0), &exponent, &st);
	if (!x87_commit(cpu, in, ea, &st))
		return;
	x87_put(cpu, 0, exponent);
	x87_push(cpu, significand);
}

static void trig(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool sine)
{
	struct fpu_status st = x87_status(cpu);
	f80 r = X87_INDEFINITE;

	x87_wait(cpu);
	x87_begin(cpu);
	if (x87_empty(cpu, 0)) {
		if (x87_stack_fault(cpu, in, ea, false))
			x87_put(cpu, 0, r);
		cpu->fx.fsw &= (uint16_t)~X87_C2;
		return;
	}
	if (!f80_sincos(x87_get(cpu, 0), sine ? &r : NULL, sine ? NULL : &r, &st)) {
		cpu->fx.fsw |= X87_C2;
		return;
	}
	cpu->fx.fsw &= (uint16_t)~X87_C2;
	if (x87_commit(cpu, in, ea, &st))
		x87_put(cpu, 0, r);
}

void x86_helper_fsin(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { trig(cpu, in, ea, true); }
void x86_helper_fcos(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { trig(cpu, in, ea, false); }

static void trig_two(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool tangent)
{
	struct fpu_status st = x87_status(cpu);
	f80 low = X87_INDEFINITE, high = {1ull << 63, 0x3FFF};
	bool in_range;

	x87_wait(cpu);
	x87_begin(cpu);
	if (!room_for_two(cpu, in, ea)) {
		cpu->fx.fsw &= (uint16_t)~X87_C2;
		return;
	}
	in_range = tangent ? f80_tan(x87_get(cpu, 0), &low, &st) : f80_sincos(x87_get(cpu, 0), &low, &high, &st);
	if (!in_range) {
		cpu->fx.fsw |= X87_C2;
		return;
	}
	cpu->fx.fsw &= (uint16_t)~X87_C2;
	if (tangent && f80_is_nan(low)) /* a NaN is pushed twice */
		high = low;
	if (!x87_commit(cpu, in, ea, &st))
		return;
	x87_put(cpu, 0, low);
	x87_push(cpu, high);
}

void x86_helper_fptan(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { trig_two(cpu, in, ea, true); }
void x86_helper_fsincos(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { trig_two(cpu, in, ea, false); }
