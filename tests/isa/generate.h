/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random cases for the instruction tests: a register state and one to four instructions whose memory operands, stack and
 * branch targets lie where they may (most of the time; faults are wanted too).
 */
#ifndef TESTS_ISA_GENERATE_H
#define TESTS_ISA_GENERATE_H
#include <stdlib.h>
#include "isa/native.h"
#include "isa/x86/cpu.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/decode.h"
#include "isa/x86/ops.h"
#include "isa/x86/rows.h"

/* Where things are; fixed, so that 32-bit code reaches them and cases can be repeated. */
#define CASE_CODE 0x20000000u
#define CASE_CODE_SIZE 0x100000u /* a slot of 256 bytes a case, in turn */
#define CASE_DATA 0x20200000u /* 2 pages read-write, 1 page read-only, guards around */
#define CASE_DATA_SIZE 0x2000u
#define CASE_RO (CASE_DATA + CASE_DATA_SIZE)
#define CASE_GS CASE_DATA

static uint64_t rnd_state = 1;

static uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state * 0x2545f4914f6cdd1dull;
}

static unsigned below(unsigned n)
{
	return (rnd() >> 33) % n;
}

static uint64_t rnd_value(void)
{
	static const uint64_t edge[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
					0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x5555555555555555};
	switch (below(6)) {
	case 0:
		return edge[below(sizeof edge / sizeof edge[0])];
	case 1:
		return edge[below(sizeof edge / sizeof edge[0])] + below(5) - 2;
	case 2:
		return below(256);
	case 3:
		return -(uint64_t)below(256);
	case 4:
		return rnd() >> below(64);
	default:
		return rnd();
	}
}

static uint64_t rnd_f64(void)
{
	static const uint64_t edge[] = {0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
					0xfff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0xfff8000000000000, 1,
					0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x41dfffffffc00000, 0xc1e0000000000000,
					0x43e0000000000000, 0xc3e0000000000000, 0x3fe0000000000000, 0x4000000000000000};
	switch (below(4)) {
	case 0:
		return edge[below(sizeof edge / sizeof edge[0])];
	case 1: /* near one: sums and products stay in range */
		return (rnd() & 0x800fffffffffffff) | (uint64_t)(0x3f0 + below(32)) << 52;
	case 2: { /* small integers */
		double d = (double)(int64_t)below(2000) - 1000;
		uint64_t v;
		memcpy(&v, &d, 8);
		return v;
	}
	default:
		return rnd();
	}
}

static uint32_t rnd_f32(void)
{
	static const uint32_t edge[] = {0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001,
					1, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x5f000000, 0x3f000000};
	switch (below(4)) {
	case 0:
		return edge[below(sizeof edge / sizeof edge[0])];
	case 1:
		return (rnd() & 0x807fffff) | (0x70 + below(32)) << 23;
	case 2: {
		float d = (float)below(2000) - 1000;
		uint32_t v;
		memcpy(&v, &d, 4);
		return v;
	}
	default:
		return (uint32_t)rnd();
	}
}

static void rnd_vector(uint8_t *p, unsigned n)
{
	unsigned kind = below(4);
	for (unsigned i = 0; i < n; i += 8) {
		uint64_t v;
		if (kind == 0)
			v = rnd_f64();
		else if (kind == 1)
			v = rnd_f32() | (uint64_t)rnd_f32() << 32;
		else
			v = kind == 2 ? rnd() : rnd_value();
		memcpy(p + i, &v, 8);
	}
}

static void rnd_x87(uint8_t *xsave)
{
	uint16_t fcw = 0x37f, fsw = below(8) << 11 | (below(4) ? 0 : below(0x40) | below(2) << 14);
	if (!below(3))
		fcw = 0x7f | below(4) << 8 | below(4) << 10;
	if (!below(20))
		fcw &= ~below(0x40);
	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080; /* ES and B follow the unmasked exceptions */
	uint8_t ftw = below(3) ? 0xff : rnd();
	memset(xsave, 0, 32);
	memcpy(xsave, &fcw, 2);
	memcpy(xsave + 2, &fsw, 2);
	xsave[4] = ftw;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t *p = xsave + 32 + 16 * i;
		uint64_t m = rnd();
		uint16_t e = rnd();
		memset(p, 0, 16);
		switch (below(6)) {
		case 0: { /* a double */
			uint64_t d = rnd_f64();
			double x;
			memcpy(&x, &d, 8);
			long double y = x;
			memcpy(p, &y, 10);
			continue;
		}
		case 1: { /* an integer */
			long double y = (int64_t)rnd_value();
			memcpy(p, &y, 10);
			continue;
		}
		case 2:
			m |= 1ull << 63;
			e = (e & 0x8000) | (0x3fff - 32 + below(64));
			break;
		case 3:
			m = below(2) ? m | 1ull << 63 : (uint64_t)below(3) << 62;
			e = (e & 0x8000) | (below(2) ? 0x7fff : 0);
			break;
		case 4:
			m |= 1ull << 63;
			break;
		}
		memcpy(p, &m, 8);
		memcpy(p + 8, &e, 2);
	}
}

static void rnd_state_fill(struct native_state *s, bool is32, bool avx)
{
	for (unsigned i = 0; i < 16; i++) {
		s->gpr[i] = rnd_value();
		if (is32)
			s->gpr[i] = i < 8 ? (uint32_t)s->gpr[i] : 0;
	}
	s->gpr[X86_RSP] = CASE_DATA + 0x1000 + below(64) * 8 + (below(8) ? 0 : below(8));
	s->rflags = 0x202 | (rnd() & X86_STATUS) | (below(6) ? 0 : X86_DF);
	memset(s->xsave, 0, sizeof s->xsave);
	rnd_x87(s->xsave);
	uint32_t mxcsr = 0x1f80;
	if (!below(3))
		mxcsr |= below(4) << 13 | (below(2) ? 0x8000 : 0) | (below(2) ? 0x40 : 0);
	if (!below(20))
		mxcsr &= ~(below(64) << 7);
	mxcsr |= below(4) ? 0 : below(64);
	memcpy(s->xsave + 24, &mxcsr, 4);
	unsigned n = is32 ? 8 : 16;
	for (unsigned i = 0; i < n; i++)
		rnd_vector(s->xsave + 160 + 16 * i, 16);
	for (unsigned i = 0; i < n && avx; i++)
		rnd_vector(s->xsave + 576 + 16 * i, 16);
}

/* Instructions that cannot be compared, each with the reason. */
static bool excluded(const struct x86_insn *in)
{
	switch (in->row->op) {
	/* would end or change the test's own process */
	case X86_OP_syscall: case X86_OP_sysenter: case X86_OP_int: case X86_OP_mov_to_seg: case X86_OP_pop_seg:
	case X86_OP_les: case X86_OP_lds: case X86_OP_lss: case X86_OP_lfs: case X86_OP_lgs: case X86_OP_callf: case X86_OP_jmpf:
	case X86_OP_retf: case X86_OP_iret: case X86_OP_popf: case X86_OP_wrfsbase: case X86_OP_wrgsbase: case X86_OP_rdfsbase:
	/* depend on the moment, or on what this processor or kernel is */
	case X86_OP_rdtsc: case X86_OP_rdtscp: case X86_OP_rdrand: case X86_OP_rdseed: case X86_OP_rdpid: case X86_OP_cpuid:
	case X86_OP_xgetbv: case X86_OP_sgdt: case X86_OP_sidt: case X86_OP_sldt: case X86_OP_str: case X86_OP_smsw:
	case X86_OP_lar: case X86_OP_lsl: case X86_OP_verr: case X86_OP_verw: case X86_OP_rdgsbase: case X86_OP_rdpmc:
	case X86_OP_mov_from_seg: case X86_OP_push_seg:
	/* approximations whose last bits are each processor's own */
	case X86_OP_rcpps: case X86_OP_rcpss: case X86_OP_rsqrtps: case X86_OP_rsqrtss:
	case X86_OP_fsin: case X86_OP_fcos: case X86_OP_fsincos: case X86_OP_fptan: case X86_OP_fpatan: case X86_OP_f2xm1:
	case X86_OP_fyl2x: case X86_OP_fyl2xp1:
	/* the state areas have a test of their own */
	case X86_OP_fxsave: case X86_OP_fxrstor: case X86_OP_xsave: case X86_OP_xrstor: case X86_OP_xsavec: case X86_OP_xsaveopt:
	case X86_OP_fnsave: case X86_OP_frstor: case X86_OP_fldenv: case X86_OP_fnstenv:
		return true;
	}
	if (in->seg == X86_FS)
		return true; /* the C library's thread area */
	if (in->mode != 64 && in->seg == X86_GS)
		return true;
	if (in->mode == 32 && in->opsize == 2 && in->row->flags & X86_ROW_END)
		return true; /* rip cut to 16 bits */
	if (in->row->copy == X86_COPY_STRING && in->addrsize == 2)
		return true;
	return false;
}

/* A random encoding; systematic in the opcode, so that rare ones occur as often as common ones. */
static unsigned rnd_bytes(uint8_t *p, bool is32)
{
	static const uint8_t pfx[] = {0x66, 0xF3, 0xF2, 0x66, 0x67, 0xF0, 0x2E, 0x65};
	unsigned n = 0, space = below(10);
	if (space >= 8) {
		unsigned w = rnd();
		if (below(4)) {
			p[n++] = 0xC4;
			p[n++] = (w & 0xE0) | (1 + below(3));
			p[n++] = (w >> 8 & 0x87) | (below(2) ? 0x78 : w >> 16 & 0x78);
			if (is32)
				p[1] |= 0xE0, p[2] |= 0x40;
		} else {
			p[n++] = 0xC5;
			p[n++] = (w >> 8 & 0x87) | (below(2) ? 0x78 : w >> 16 & 0x78);
			if (is32)
				p[1] |= 0xC0;
		}
	} else {
		if (!below(2))
			p[n++] = pfx[below(below(3) ? 3 : 8)];
		if (!below(12))
			p[n++] = pfx[below(8)];
		if (!is32 && below(2))
			p[n++] = 0x40 | below(16);
		if (space >= 3) {
			p[n++] = 0x0F;
			if (space == 6 || space == 7)
				p[n++] = space == 6 ? 0x38 : 0x3A;
		}
	}
	p[n++] = rnd() >> 20;
	for (unsigned i = n; i < 16; i++)
		p[i] = rnd() >> 20;
	return n;
}

/* Gives the memory operand an address: changes registers in s or the displacement's bytes. */
static void place_memory(struct native_state *s, const struct x86_insn *in, uint8_t *code, uint64_t pc)
{
	uint32_t at = CASE_DATA + below(CASE_DATA_SIZE - 64);
	switch (below(8)) {
	case 0: /* at the end: crosses into the read-only page, or is in it */
		at = CASE_RO - 32 + below(64);
		break;
	case 1: /* at the guard */
		if (!below(8))
			at = below(2) ? CASE_DATA - 32 + below(40) : CASE_RO + 0x1000 - 40 + below(40);
		break;
	default:
		if (below(4))
			at &= ~31u;
	}
	unsigned op = in->row->op;
	if (in->prefixes & X86_PFX_LOCK || op == X86_OP_xchg || op == X86_OP_cmpxchg8b || op == X86_OP_cmpxchg16b)
		at &= ~15u; /* Linux slows down programs whose locked accesses cross a cache line */
	if (in->seg == X86_GS)
		at -= (uint32_t)CASE_GS;
	if (in->base == X86_NOREG && (in->index == X86_NOREG || in->row->flags & X86_ROW_VSIB)) {
		uint64_t v = at;
		if (in->disp_len >= 4)
			memcpy(code + in->disp_off, &v, in->disp_len);
		return;
	}
	if (in->base == X86_RIP_BASE) {
		uint32_t rel = at - (uint32_t)(pc + in->length);
		memcpy(code + in->disp_off, &rel, 4);
		return;
	}
	uint64_t index = 0, scale = in->scale;
	if (in->index != X86_NOREG && !(in->row->flags & X86_ROW_VSIB)) {
		if (in->base == X86_NOREG) {
			s->gpr[in->index] = (at - (uint64_t)in->disp) / scale;
			return;
		}
		if (in->index != in->base && in->index != X86_RSP) {
			s->gpr[in->index] = op == X86_OP_xchg || in->prefixes & X86_PFX_LOCK ? 16 : below(64);
			index = s->gpr[in->index] * scale;
		} else {
			s->gpr[in->base] = (at - (uint64_t)in->disp) / (scale + 1);
			return;
		}
	}
	s->gpr[in->base] = at - (uint64_t)in->disp - index;
	if (in->mode != 64)
		s->gpr[in->base] = (uint32_t)s->gpr[in->base];
}

/* A branch goes to `landing` when it is taken. */
static void place_branch(struct native_state *s, const struct x86_insn *in, uint8_t *code, uint64_t pc, uint64_t landing)
{
	unsigned op = in->row->op, size = in->opsize;
	if (in->row->copy == X86_COPY_BRANCH) {
		int64_t rel = (int64_t)(landing - (pc + in->length));
		memcpy(code + in->imm_off, &rel, in->imm_len);
	} else if (op == X86_OP_ret) {
		if (s->gpr[X86_RSP] >= CASE_DATA && s->gpr[X86_RSP] < CASE_RO - 8)
			memcpy((void *)(uintptr_t)s->gpr[X86_RSP], &landing, size);
	} else if (op == X86_OP_jmp || op == X86_OP_call) {
		if (!in->has_mem) {
			s->gpr[in->rm] = landing;
			return;
		}
		uint64_t a = (uint64_t)in->disp + (in->base == X86_RIP_BASE ? pc + in->length : in->base < 16 ? s->gpr[in->base] : 0) +
			     (in->index < 16 ? s->gpr[in->index] * in->scale : 0) + (in->seg == X86_GS ? CASE_GS : 0);
		if (in->addrsize == 4)
			a = (uint32_t)a;
		if (a >= CASE_DATA && a <= CASE_RO - 8)
			memcpy((void *)(uintptr_t)a, &landing, size);
	}
}
#endif
