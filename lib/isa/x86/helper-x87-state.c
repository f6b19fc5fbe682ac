/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 control and its state in memory: FSTENV, FSAVE, FXSAVE, XSAVE and their counterparts (Intel SDM vol. 1, 8.1.10, 10.5,
 * 13.4 to 13.12).
 *
 * The selectors of FIP and FDP are deprecated (CPUID.7:EBX[13]): they are stored as 0 and not kept.
 */
#include "isa/x86/x87.h"

/* ---- control ------------------------------------------------------------------------------------------- */

static void initialise(struct x86_cpu *cpu)
{
	x87_rotate(cpu, 0);
	cpu->fx.fcw = 0x37F;
	cpu->fx.fsw = 0;
	cpu->fx.ftw = 0;
	cpu->fx.fop = 0;
	cpu->fx.fip = cpu->fx.fdp = 0;
}

void x86_helper_fninit(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	initialise(cpu);
}

void x86_helper_fnclex(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	cpu->fx.fsw &= (uint16_t)~(X87_EXCEPTIONS | X87_SF | X87_ES | X87_B);
}

void x86_helper_fldcw(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint16_t v;

	(void)in;
	x87_wait(cpu);
	v = x86_ld16(cpu, ea);
	cpu->fx.fcw = (v & 0x1F3F) | 0x40; /* bit 6 reads as one; bit 12, the 80287's infinity control, is kept */
	x87_summary(cpu);
}

void x86_helper_fnstcw(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in;
	x86_st16(cpu, ea, cpu->fx.fcw);
}

void x86_helper_fnstsw(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	if (in->has_mem)
		x86_st16(cpu, ea, cpu->fx.fsw);
	else
		cpu->gpr[X86_RAX] = (cpu->gpr[X86_RAX] & ~0xFFFFull) | cpu->fx.fsw;
}

void x86_helper_fwait(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	x87_wait(cpu);
}

void x86_helper_fnop(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	x87_wait(cpu);
	cpu->fx.fip = cpu->rip;
}

/* FENI, FDISI (8087) and FSETPM (80287) do nothing any more. */
#define NOTHING(name)                                                                                          \
	void x86_helper_##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)                    \
	{                                                                                                      \
		(void)cpu, (void)in, (void)ea;                                                                 \
	}
NOTHING(fneni)
NOTHING(fndisi)
NOTHING(fnsetpm)

static void free_register(struct x86_cpu *cpu, const struct x86_insn *in)
{
	cpu->fx.ftw &= (uint8_t)~(1u << ((x87_top(cpu) + (in->modrm & 7)) & 7));
}

void x86_helper_ffree(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	x87_wait(cpu);
	x87_begin(cpu);
	free_register(cpu, in);
}

void x86_helper_ffreep(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	x87_wait(cpu);
	x87_begin(cpu);
	free_register(cpu, in);
	x87_pop(cpu);
}

static void step(struct x86_cpu *cpu, unsigned by)
{
	x87_wait(cpu);
	x87_begin(cpu);
	x87_rotate(cpu, x87_top(cpu) + by);
}

void x86_helper_fincstp(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	step(cpu, 1);
}

void x86_helper_fdecstp(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	step(cpu, 7);
}


/* ---- environment: FSTENV, FLDENV, FSAVE, FRSTOR -------------------------------------------------------- */

/* The two-bit tags, computed from the contents (SDM vol. 1, 8.1.7). */
static uint16_t full_tags(const struct x86_cpu *cpu)
{
	uint16_t tags = 0;

	for (unsigned phys = 0; phys < 8; phys++) {
		f80 v = x87_get(cpu, phys - x87_top(cpu));
		unsigned tag;

		if (!(cpu->fx.ftw >> phys & 1))
			tag = 3;
		else if (!(v.se & 0x7FFF) && !v.sig)
			tag = 1;
		else if (!(v.se & 0x7FFF) || (v.se & 0x7FFF) == 0x7FFF || !(v.sig >> 63))
			tag = 2;
		else
			tag = 0;
		tags |= (uint16_t)(tag << (2 * phys));
	}
	return tags;
}

static unsigned env_size(const struct x86_insn *in)
{
	return in->opsize == 2 ? 14 : 28;
}

/* In virtual-8086 mode (and real mode, which sets no VM) addresses are linear and the opcode is stored beside them. */
static bool linear_layout(const struct x86_cpu *cpu)
{
	return cpu->rflags & X86_VM;
}

static void put16(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *b, uint32_t v)
{
	put16(b, v);
	put16(b + 2, v >> 16);
}

static uint32_t get16(const uint8_t *b)
{
	return b[0] | (uint32_t)b[1] << 8;
}

static uint32_t get32(const uint8_t *b)
{
	return get16(b) | get16(b + 2) << 16;
}

/* SDM vol. 1, figures 8-9 to 8-12. */
static void write_env(const struct x86_cpu *cpu, const struct x86_insn *in, uint8_t *b)
{
	uint32_t fip = (uint32_t)cpu->fx.fip, fdp = (uint32_t)cpu->fx.fdp;

	if (in->opsize == 2) {
		put16(b, cpu->fx.fcw);
		put16(b + 2, cpu->fx.fsw);
		put16(b + 4, full_tags(cpu));
		put16(b + 6, fip);
		put16(b + 8, linear_layout(cpu) ? (fip >> 16 & 0xF) << 12 | (cpu->fx.fop & 0x7FF) : 0);
		put16(b + 10, fdp);
		put16(b + 12, linear_layout(cpu) ? (fdp >> 16 & 0xF) << 12 : 0);
		return;
	}
	put32(b, 0xFFFF0000u | cpu->fx.fcw); /* reserved halves are written as ones */
	put32(b + 4, 0xFFFF0000u | cpu->fx.fsw);
	put32(b + 8, 0xFFFF0000u | full_tags(cpu));
	if (linear_layout(cpu)) {
		put32(b + 12, 0xFFFF0000u | (fip & 0xFFFF));
		put32(b + 16, (fip >> 16) << 12 | (cpu->fx.fop & 0x7FF));
		put32(b + 20, 0xFFFF0000u | (fdp & 0xFFFF));
		put32(b + 24, (fdp >> 16) << 12);
	} else {
		put32(b + 12, fip);
		put32(b + 16, (uint32_t)(cpu->fx.fop & 0x7FF) << 16);
		put32(b + 20, fdp);
		put32(b + 24, 0xFFFF0000u);
	}
}

static void read_env(struct x86_cpu *cpu, const struct x86_insn *in, const uint8_t *b)
{
	unsigned step16 = in->opsize == 2 ? 2 : 4;
	uint32_t tags = get16(b + 2 * step16);

	cpu->fx.fcw = (uint16_t)((get16(b) & 0x1F3F) | 0x40);
	x87_rotate(cpu, get16(b + step16) >> 11 & 7);
	cpu->fx.fsw = (uint16_t)get16(b + step16);
	cpu->fx.ftw = 0;
	for (unsigned i = 0; i < 8; i++)
		if ((tags >> (2 * i) & 3) != 3)
			cpu->fx.ftw |= (uint8_t)(1u << i);
	if (in->opsize == 2) {
		cpu->fx.fip = get16(b + 6);
		cpu->fx.fdp = get16(b + 10);
		cpu->fx.fop = 0;
		if (linear_layout(cpu)) {
			cpu->fx.fip |= (get16(b + 8) & 0xF000) << 4;
			cpu->fx.fdp |= (get16(b + 12) & 0xF000) << 4;
			cpu->fx.fop = get16(b + 8) & 0x7FF;
		}
	} else if (linear_layout(cpu)) {
		cpu->fx.fip = get16(b + 12) | (get32(b + 16) >> 12) << 16;
		cpu->fx.fdp = get16(b + 20) | (get32(b + 24) >> 12) << 16;
		cpu->fx.fop = get16(b + 16) & 0x7FF;
	} else {
		cpu->fx.fip = get32(b + 12);
		cpu->fx.fop = get16(b + 18) & 0x7FF;
		cpu->fx.fdp = get32(b + 20);
	}
	x87_summary(cpu);
}

void x86_helper_fnstenv(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint8_t b[28];

	write_env(cpu, in, b);
	x86_store(cpu, ea, b, env_size(in));
	cpu->fx.fcw |= X87_EXCEPTIONS;
	x87_summary(cpu);
}

void x86_helper_fldenv(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint8_t b[28];

	x87_wait(cpu);
	x86_mem_read(cpu, ea, b, env_size(in));
	read_env(cpu, in, b);
}

void x86_helper_fnsave(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint8_t b[108];
	unsigned at = env_size(in);

	write_env(cpu, in, b);
	for (unsigned i = 0; i < 8; i++, at += 10) {
		memcpy(b + at, &cpu->fx.st[i].mantissa, 8);
		memcpy(b + at + 8, &cpu->fx.st[i].exponent, 2);
	}
	x86_store(cpu, ea, b, at);
	initialise(cpu);
}

void x86_helper_frstor(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint8_t b[108];
	unsigned at = env_size(in);

	x87_wait(cpu);
	x86_mem_read(cpu, ea, b, at + 80);
	read_env(cpu, in, b);
	for (unsigned i = 0; i < 8; i++, at += 10) {
		memcpy(&cpu->fx.st[i].mantissa, b + at, 8);
		memcpy(&cpu->fx.st[i].exponent, b + at + 8, 2);
	}
}

/* ---- FXSAVE, FXRSTOR and the legacy region of XSAVE ---------------------------------------------------- */

#define MXCSR_MASK 0xFFFFu
enum { XSTATE_X87 = 1, XSTATE_SSE = 2, XSTATE_AVX = 4 };
enum { LEGACY_X87 = 160, XSAVE_HEADER = 512, XSAVE_AVX = 576 };

static unsigned xmm_count(const struct x86_cpu *cpu)
{
	return cpu->mode == 64 ? 16 : 8;
}

/* The first 160 bytes. REX.W keeps 64-bit pointers; else they are 32 bits with a selector of 0. */
static void legacy_x87(const struct x86_cpu *cpu, const struct x86_insn *in, uint8_t *b)
{
	bool wide = in->rex & 8 && cpu->mode == 64;
	uint64_t fip = wide ? cpu->fx.fip : (uint32_t)cpu->fx.fip, fdp = wide ? cpu->fx.fdp : (uint32_t)cpu->fx.fdp;

	memset(b, 0, LEGACY_X87);
	put16(b, cpu->fx.fcw);
	put16(b + 2, cpu->fx.fsw);
	b[4] = cpu->fx.ftw;
	put16(b + 6, cpu->fx.fop & 0x7FF);
	memcpy(b + 8, &fip, 8);
	memcpy(b + 16, &fdp, 8);
	put32(b + 24, cpu->mxcsr);
	put32(b + 28, MXCSR_MASK);
	for (unsigned i = 0; i < 8; i++) {
		memcpy(b + 32 + 16 * i, &cpu->fx.st[i].mantissa, 8);
		memcpy(b + 40 + 16 * i, &cpu->fx.st[i].exponent, 2);
	}
}

static void restore_x87(struct x86_cpu *cpu, const struct x86_insn *in, const uint8_t *b)
{
	bool wide = in->rex & 8 && cpu->mode == 64;

	cpu->fx.fcw = (uint16_t)((get16(b) & 0x1F3F) | 0x40);
	cpu->fx.fsw = (uint16_t)get16(b + 2);
	cpu->fx.ftw = b[4];
	cpu->fx.fop = get16(b + 6) & 0x7FF;
	memcpy(&cpu->fx.fip, b + 8, 8);
	memcpy(&cpu->fx.fdp, b + 16, 8);
	if (!wide) {
		cpu->fx.fip = (uint32_t)cpu->fx.fip;
		cpu->fx.fdp = (uint32_t)cpu->fx.fdp;
	}
	for (unsigned i = 0; i < 8; i++) {
		memcpy(&cpu->fx.st[i].mantissa, b + 32 + 16 * i, 8);
		memcpy(&cpu->fx.st[i].exponent, b + 40 + 16 * i, 2);
	}
	x87_summary(cpu);
}

static void need_aligned(struct x86_cpu *cpu, uint64_t ea, unsigned align)
{
	if (ea & (align - 1))
		x86_raise(cpu, 13, 0);
}

void x86_helper_fxsave(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint8_t b[LEGACY_X87 + 256];
	unsigned n = xmm_count(cpu);

	need_aligned(cpu, ea, 16);
	legacy_x87(cpu, in, b);
	for (unsigned i = 0; i < n; i++)
		memcpy(b + LEGACY_X87 + 16 * i, &cpu->ymm[i], 16);
	x86_mem_probe_write(cpu, ea, 512);
	x86_store(cpu, ea, b, LEGACY_X87 + 16 * n);
}

void x86_helper_fxrstor(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint8_t b[512];
	unsigned n = xmm_count(cpu);

	need_aligned(cpu, ea, 16);
	x86_mem_read(cpu, ea, b, sizeof b);
	if (get32(b + 24) & ~MXCSR_MASK)
		x86_raise(cpu, 13, 0);
	restore_x87(cpu, in, b);
	cpu->mxcsr = get32(b + 24);
	for (unsigned i = 0; i < n; i++)
		memcpy(&cpu->ymm[i], b + LEGACY_X87 + 16 * i, 16);
}

/* ---- XSAVE --------------------------------------------------------------------------------------------- */

static uint64_t requested(const struct x86_cpu *cpu)
{
	return ((uint32_t)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32) & cpu->xcr0;
}

/* Which components differ from their initial state (SDM vol. 1, 13.6). */
static uint64_t in_use(const struct x86_cpu *cpu)
{
	unsigned n = xmm_count(cpu);
	uint64_t used = 0, low = 0, high = 0;

	for (unsigned i = 0; i < n; i++) {
		low |= cpu->ymm[i].u64[0] | cpu->ymm[i].u64[1];
		high |= cpu->ymm[i].u64[2] | cpu->ymm[i].u64[3];
	}
	for (unsigned i = 0; i < 8; i++)
		if (cpu->fx.st[i].mantissa || cpu->fx.st[i].exponent)
			used |= XSTATE_X87;
	if (cpu->fx.fcw != 0x37F || cpu->fx.fsw || cpu->fx.ftw || cpu->fx.fop || cpu->fx.fip || cpu->fx.fdp)
		used |= XSTATE_X87;
	return used | (low ? XSTATE_SSE : 0) | (high ? XSTATE_AVX : 0);
}

/* `save`: components to write; `avx`: where in the area the upper halves go. MXCSR goes with SSE or AVX. */
static void write_components(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, uint64_t save, bool mxcsr)
{
	uint8_t b[256];
	unsigned n = xmm_count(cpu);

	if (save & XSTATE_X87) {
		legacy_x87(cpu, in, b);
		x86_store(cpu, ea, b, 24);
		x86_store(cpu, ea + 32, b + 32, 128);
	}
	if (mxcsr) {
		x86_st32(cpu, ea + 24, cpu->mxcsr);
		x86_st32(cpu, ea + 28, MXCSR_MASK);
	}
	if (save & XSTATE_SSE) {
		for (unsigned i = 0; i < n; i++)
			memcpy(b + 16 * i, &cpu->ymm[i], 16);
		x86_store(cpu, ea + LEGACY_X87, b, 16 * n);
	}
	if (save & XSTATE_AVX) {
		for (unsigned i = 0; i < n; i++)
			memcpy(b + 16 * i, &cpu->ymm[i].u64[2], 16);
		x86_store(cpu, ea + XSAVE_AVX, b, 16 * n);
	}
}

static void need_enabled(struct x86_cpu *cpu)
{
	if (!cpu->xcr0) /* CR4.OSXSAVE is off */
		x86_raise(cpu, 6, 0);
}

static void xsave(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool optimise)
{
	uint64_t rfbm = requested(cpu), used = in_use(cpu), bv;

	need_enabled(cpu);
	need_aligned(cpu, ea, 64);
	bv = x86_ld64(cpu, ea + XSAVE_HEADER);
	x86_mem_probe_write(cpu, ea, rfbm & XSTATE_AVX ? XSAVE_AVX + 16 * xmm_count(cpu) : XSAVE_AVX);
	write_components(cpu, in, ea, optimise ? rfbm & used : rfbm, rfbm & (XSTATE_SSE | XSTATE_AVX));
	x86_st64(cpu, ea + XSAVE_HEADER, (bv & ~rfbm) | (rfbm & used));
}

void x86_helper_xsave(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { xsave(cpu, in, ea, false); }
void x86_helper_xsaveopt(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea) { xsave(cpu, in, ea, true); }

/* With only AVX beyond the legacy region, the compacted format puts it where the standard one does. */
void x86_helper_xsavec(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint64_t rfbm = requested(cpu), used = in_use(cpu), header[2];

	need_enabled(cpu);
	need_aligned(cpu, ea, 64);
	if (cpu->mxcsr != 0x1F80)
		used |= XSTATE_SSE;
	x86_mem_probe_write(cpu, ea, rfbm & XSTATE_AVX ? XSAVE_AVX + 16 * xmm_count(cpu) : XSAVE_AVX);
	write_components(cpu, in, ea, rfbm & used, rfbm & used & XSTATE_SSE);
	header[0] = rfbm & used;
	header[1] = rfbm | 1ull << 63;
	x86_store(cpu, ea + XSAVE_HEADER, header, sizeof header);
}

void x86_helper_xrstor(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint8_t b[XSAVE_AVX + 256];
	uint64_t rfbm = requested(cpu), bv, comp, reserved = 0;
	unsigned n = xmm_count(cpu);
	bool compact, load_mxcsr;
	uint32_t mxcsr;

	need_enabled(cpu);
	need_aligned(cpu, ea, 64);
	x86_mem_read(cpu, ea, b, XSAVE_AVX);
	memcpy(&bv, b + XSAVE_HEADER, 8);
	memcpy(&comp, b + XSAVE_HEADER + 8, 8);
	compact = comp >> 63;
	for (unsigned i = XSAVE_HEADER + 16; i < (compact ? XSAVE_AVX : XSAVE_HEADER + 24u); i++)
		reserved |= b[i];
	/* SDM vol. 1, 13.8.1 and 13.8.2: a header that names what is not there is refused. */
	if (bv & ~cpu->xcr0 || (compact ? bv & ~comp || comp & ~(1ull << 63) & ~cpu->xcr0 : comp != 0) || reserved)
		x86_raise(cpu, 13, 0);
	mxcsr = get32(b + 24);
	load_mxcsr = compact ? rfbm & bv & XSTATE_SSE : (rfbm & (XSTATE_SSE | XSTATE_AVX)) != 0;
	if (load_mxcsr && mxcsr & ~MXCSR_MASK)
		x86_raise(cpu, 13, 0);
	if (rfbm & bv & XSTATE_AVX)
		x86_mem_read(cpu, ea + XSAVE_AVX, b + XSAVE_AVX, 16 * n);
	if (rfbm & XSTATE_X87) {
		if (bv & XSTATE_X87) {
			restore_x87(cpu, in, b);
		} else {
			initialise(cpu);
			memset(cpu->fx.st, 0, sizeof cpu->fx.st);
		}
	}
	if (load_mxcsr)
		cpu->mxcsr = mxcsr;
	else if (compact && rfbm & XSTATE_SSE)
		cpu->mxcsr = 0x1F80;
	for (unsigned i = 0; i < n; i++) {
		if (rfbm & XSTATE_SSE) {
			cpu->ymm[i].u64[0] = cpu->ymm[i].u64[1] = 0;
			if (bv & XSTATE_SSE)
				memcpy(&cpu->ymm[i], b + LEGACY_X87 + 16 * i, 16);
		}
		if (rfbm & XSTATE_AVX) {
			cpu->ymm[i].u64[2] = cpu->ymm[i].u64[3] = 0;
			if (bv & XSTATE_AVX)
				memcpy(&cpu->ymm[i].u64[2], b + XSAVE_AVX + 16 * i, 16);
		}
	}
}

/* ---- MMX state, MXCSR ---------------------------------------------------------------------------------- */

void x86_mmx_enter(struct x86_cpu *cpu)
{
	x87_rotate(cpu, 0);
	cpu->fx.ftw = 0xFF;
}

/* SDM vol. 2, EMMS: only the tags change; TOP is set to 0 as by every MMX instruction. */
void x86_helper_emms(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	x87_wait(cpu);
	x87_rotate(cpu, 0);
	cpu->fx.ftw = 0;
}

void x86_helper_femms(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	x86_helper_emms(cpu, in, ea);
}

void x86_helper_ldmxcsr(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint32_t v = x86_ld32(cpu, ea);

	(void)in;
	if (v & ~MXCSR_MASK)
		x86_raise(cpu, 13, 0);
	cpu->mxcsr = v;
}

void x86_helper_stmxcsr(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in;
	x86_st32(cpu, ea, cpu->mxcsr);
}
