/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conversions between packed or scalar floats and integers (Intel SDM vol. 2, CVT*), and half precision (F16C). What does not
 * fit gives the integer indefinite.
 */
#include "isa/x86/vecfp.h"

static uint64_t integer(enum fpu_int_fate fate, uint64_t v, unsigned bits)
{
	return fate == FPU_INT_OK ? v : 1ull << (bits - 1);
}

static uint64_t int_from_f32(f32 a, unsigned bits, bool truncate, struct fpu_status *st)
{
	uint64_t v;
	enum fpu_int_fate fate = f32_to_int(a, bits, true, truncate ? FPU_ZERO : (enum fpu_round)st->round, &v, st);

	return integer(fate, v, bits);
}

static uint64_t int_from_f64(f64 a, unsigned bits, bool truncate, struct fpu_status *st)
{
	uint64_t v;
	enum fpu_int_fate fate = f64_to_int(a, bits, true, truncate ? FPU_ZERO : (enum fpu_round)st->round, &v, st);

	return integer(fate, v, bits);
}

/*
 * Whole vectors: n elements of `expr` from a, to the lanes of d. Narrow results leave zeros up to 16 bytes. The memory
 * operand may be MMX-sized; an MMX operand makes the instruction an MMX one.
 */
#define PACKED(name, to, count, write, expr)                                                                   \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		unsigned bytes = x86_operand_size(in, 0);                                                      \
		struct fpu_status state = x86_mxcsr_status(cpu), *st = &state;                                 \
		union x86_vec a, d = {{0}};                                                                    \
		x86_vec_begin(cpu, in);                                                                        \
		x86_operand_read(cpu, in, 1, ea, &a);                                                          \
		for (unsigned i = 0; i < (count); i++)                                                         \
			d.to[i] = (typeof(d.to[0]))(expr);                                                     \
		if (in->row->flags & X86_ROW_X87) /* to MMX: #XM does not undo the transition */               \
			x86_mmx_enter(cpu);                                                                    \
		x86_mxcsr_commit(cpu, st);                                                                     \
		x86_operand_write_vec(cpu, in, 0, ea, &d, write);                                              \
	}
PACKED(cvtps2pd, u64, bytes / 8, bytes, f64_from_f32(a.u32[i], st))
PACKED(cvtpd2ps, u32, bytes / 4, 16, f32_from_f64(a.u64[i], st))
PACKED(cvtdq2ps, u32, bytes / 4, bytes, f32_from_int((uint64_t)(int64_t)a.i32[i], true, st))
PACKED(cvtdq2pd, u64, bytes / 8, bytes, f64_from_int((uint64_t)(int64_t)a.i32[i], true, st))
PACKED(cvtps2dq, u32, bytes / 4, bytes, int_from_f32(a.u32[i], 32, false, st))
PACKED(cvttps2dq, u32, bytes / 4, bytes, int_from_f32(a.u32[i], 32, true, st))
PACKED(cvtpd2dq, u32, bytes / 4, 16, int_from_f64(a.u64[i], 32, false, st))
PACKED(cvttpd2dq, u32, bytes / 4, 16, int_from_f64(a.u64[i], 32, true, st))
/* to MMX */
PACKED(cvtps2pi, u32, bytes / 4, 8, int_from_f32(a.u32[i], 32, false, st))
PACKED(cvttps2pi, u32, bytes / 4, 8, int_from_f32(a.u32[i], 32, true, st))
PACKED(cvtpd2pi, u32, bytes / 4, 8, int_from_f64(a.u64[i], 32, false, st))
PACKED(cvttpd2pi, u32, bytes / 4, 8, int_from_f64(a.u64[i], 32, true, st))

/* From MMX; with a memory operand the x87 state is left alone. */
static void from_mmx(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool wide)
{
	struct fpu_status st = x86_mxcsr_status(cpu);
	union x86_vec a, d = {{0}};

	if (!in->has_mem)
		x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, 1, ea, &a);
	for (unsigned i = 0; i < 2; i++) {
		if (wide)
			d.u64[i] = f64_from_int((uint64_t)(int64_t)a.i32[i], true, &st);
		else
			d.u32[i] = f32_from_int((uint64_t)(int64_t)a.i32[i], true, &st);
	}
	if (!in->has_mem)
		x86_mmx_enter(cpu); /* before #XM, which does not undo it */
	x86_mxcsr_commit(cpu, &st);
	x86_operand_write_vec(cpu, in, 0, ea, &d, wide ? 16 : 8);
}
X86_VEC_HELPER(cvtpi2pd)
{
	from_mmx(cpu, in, ea, true);
}
X86_VEC_HELPER(cvtpi2ps)
{
	from_mmx(cpu, in, ea, false);
}

/* Scalars: the rest of the 16 bytes comes from the first source. */
#define SCALAR(name, to, expr)                                                                                 \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		unsigned n = x86_src1(in);                                                                     \
		struct fpu_status state = x86_mxcsr_status(cpu), *st = &state;                                 \
		union x86_vec a, b;                                                                            \
		x86_operand_read(cpu, in, n, ea, &a);                                                          \
		x86_operand_read(cpu, in, n + 1, ea, &b);                                                      \
		a.to[0] = (expr);                                                                              \
		x86_mxcsr_commit(cpu, st);                                                                     \
		x86_operand_write_vec(cpu, in, 0, ea, &a, 16);                                                 \
	}
#define SOURCE_INT (x86_operand_size(in, n + 1) == 8 ? b.u64[0] : (uint64_t)(int64_t)b.i32[0])
SCALAR(cvtss2sd, u64, f64_from_f32(b.u32[0], st))
SCALAR(cvtsd2ss, u32, f32_from_f64(b.u64[0], st))
SCALAR(cvtsi2ss, u32, f32_from_int(SOURCE_INT, true, st))
SCALAR(cvtsi2sd, u64, f64_from_int(SOURCE_INT, true, st))

/* To a general register of 4 or 8 bytes. */
#define TO_GPR(name, from, fn, truncate)                                                                       \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		unsigned bytes = x86_operand_size(in, 0);                                                      \
		struct fpu_status st = x86_mxcsr_status(cpu);                                                  \
		union x86_vec a, d = {{0}};                                                                    \
		x86_operand_read(cpu, in, 1, ea, &a);                                                          \
		d.u64[0] = fn(a.from[0], bytes * 8, truncate, &st);                                            \
		x86_mxcsr_commit(cpu, &st);                                                                    \
		x86_operand_write_vec(cpu, in, 0, ea, &d, bytes);                                              \
	}
TO_GPR(cvtss2si, u32, int_from_f32, false)
TO_GPR(cvttss2si, u32, int_from_f32, true)
TO_GPR(cvtsd2si, u64, int_from_f64, false)
TO_GPR(cvttsd2si, u64, int_from_f64, true)

/* F16C: a half's denormals are neither flushed nor reported; FTZ does not reach a half. */
X86_VEC_HELPER(vcvtph2ps)
{
	unsigned bytes = x86_operand_size(in, 0);
	struct fpu_status st = {0};
	union x86_vec a, d = {{0}};

	x86_operand_read(cpu, in, 1, ea, &a);
	for (unsigned i = 0; i < bytes / 4; i++)
		d.u32[i] = f32_from_f16(a.u16[i], &st);
	st.flags &= ~FPU_DENORMAL;
	x86_mxcsr_commit(cpu, &st);
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes);
}

X86_VEC_HELPER(vcvtps2ph)
{
	unsigned bytes = x86_operand_size(in, 0);
	struct fpu_status st = x86_mxcsr_status(cpu);
	union x86_vec a, d = {{0}};

	st.flush = FPU_FLUSH_NONE;
	if (!(in->imm & 4))
		st.round = in->imm & 3;
	x86_operand_read(cpu, in, 1, ea, &a);
	for (unsigned i = 0; i < bytes / 2; i++)
		d.u16[i] = f16_from_f32(a.u32[i], &st);
	if (st.flags & FPU_DENORMAL && st.flags & st.enabled & FPU_UNDERFLOW)
		st.flags |= FPU_INEXACT; /* as processors do: a denormal source counts as lost */
	x86_mxcsr_commit(cpu, &st);
	x86_operand_write_vec(cpu, in, 0, ea, &d, in->has_mem || bytes > 16 ? bytes : 16);
}
