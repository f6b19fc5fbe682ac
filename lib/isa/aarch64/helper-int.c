/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers of integer and system instructions. */
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "isa/aarch64/models.h"
#include "isa/aarch64/translate.h"

/* CRC32X and CRC32CX and the narrower ones (Arm ARM, C6.2 CRC32B; polynomials 0x04c11db7 and 0x1edc6f41, bits reversed). */
static uint32_t crc(uint32_t acc, uint64_t v, unsigned bytes, uint32_t polynomial)
{
	for (unsigned k = 0; k < bytes; k++) {
		acc ^= (uint32_t)(v >> (8 * k)) & 255;
		for (unsigned b = 0; b < 8; b++)
			acc = acc >> 1 ^ (polynomial & (0 - (acc & 1)));
	}
	return acc;
}

static uint32_t crc_table[2][256];

static uint32_t crc_by_table(uint32_t acc, uint64_t v, uint32_t bytes, const uint32_t *table)
{
	for (unsigned k = 0; k < bytes; k++)
		acc = acc >> 8 ^ table[(acc ^ v >> (8 * k)) & 255];
	return acc;
}

void a64_crc_init(void)
{
	if (crc_table[0][1])
		return;
	for (unsigned k = 0; k < 256; k++) {
		crc_table[0][k] = crc(0, k, 1, 0xedb88320);
		crc_table[1][k] = crc(0, k, 1, 0x82f63b78);
	}
}

A64_FN(crc32, uint32_t acc, uint64_t v, uint32_t bytes)
{
	(void)c;
	return crc_by_table(acc, v, bytes, crc_table[0]);
}

A64_FN(crc32c, uint32_t acc, uint64_t v, uint32_t bytes)
{
	(void)c;
	return crc_by_table(acc, v, bytes, crc_table[1]);
}

/* AXFLAG, XAFLAG: between Arm's result of a floating-point comparison and the other common form. */
A64_FN(axflag, uint32_t f)
{
	bool z = f & A64_Z, cf = f & A64_C, v = f & A64_V;

	(void)c;
	return (z || v ? A64_Z : 0) | (cf && !v ? A64_C : 0);
}

A64_FN(xaflag, uint32_t f)
{
	bool z = f & A64_Z, cf = f & A64_C;

	(void)c;
	return (!cf && !z ? A64_N : 0) | (z && cf ? A64_Z : 0) | (cf || z ? A64_C : 0) | (!cf && z ? A64_V : 0);
}

/* ---- pointer authentication: addresses of 48 bits, the top byte ignored, so the code is bits 54..48 ---- */

#define PAC_FIELD (0x7full << 48)

/* Implementation defined: two rounds of multiplication and folding. */
static uint64_t pac_hash(const struct a64_cpu *c, uint64_t pointer, uint64_t modifier, unsigned key)
{
	unsigned __int128 m = (unsigned __int128)(pointer ^ c->pac_key[key][0]) * (c->pac_key[key][1] | 1);
	uint64_t x = (uint64_t)m ^ (uint64_t)(m >> 64) ^ modifier;

	m = (unsigned __int128)x * 0x9e3779b97f4a7c15ull;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t pac_strip(uint64_t p)
{
	return p >> 55 & 1 ? p | PAC_FIELD : p & ~PAC_FIELD;
}

A64_FN(pac_sign, uint64_t p, uint64_t modifier, uint32_t key)
{
	uint64_t pac = pac_hash(a64_cpu(c), pac_strip(p), modifier, key) & PAC_FIELD;

	if (p != pac_strip(p))
		pac ^= 1ull << 54; /* what was signed before will not pass */
	return (p & ~PAC_FIELD) | pac;
}

A64_FN(pac_check, uint64_t p, uint64_t modifier, uint32_t key)
{
	uint64_t plain = pac_strip(p);

	if ((pac_hash(a64_cpu(c), plain, modifier, key) & PAC_FIELD) == (p & PAC_FIELD))
		return plain;
	return (plain & ~(3ull << 53)) | (key & 1 ? 2ull : 1ull) << 53;
}

A64_FN(pac_generic, uint64_t v, uint64_t modifier)
{
	return pac_hash(a64_cpu(c), v, modifier, 4) & 0xffffffff00000000ull;
}

A64_FN(pac_strip, uint64_t p)
{
	(void)c;
	return pac_strip(p);
}

/* ---- system registers ---- */

/* CNTVCT_EL0 at 62.5 MHz, the frequency of CNTFRQ_EL0. */
A64_FN(counter)
{
	struct timespec ts;

	(void)c;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 62500000u + (uint64_t)ts.tv_nsec / 16;
}

/* RNDR: Z tells failure. */
A64_FN(random)
{
	uint64_t v = 0;
	bool good = getrandom(&v, sizeof v, GRND_NONBLOCK) == sizeof v;

	a64_cpu(c)->nzcv = good ? 0 : (uint32_t)A64_Z;
	return good ? v : 0;
}

A64_FN(id_register, uint32_t which)
{
	return a64_model_id(a64_cpu(c), which >> 3, which & 7);
}

static uint32_t to_fpsr(uint32_t f)
{
	return (f & FPU_INVALID ? 1u : 0) | (f & FPU_DIVZERO ? 2u : 0) | (f & FPU_OVERFLOW ? 4u : 0) |
	       (f & FPU_UNDERFLOW ? 8u : 0) | (f & FPU_INEXACT ? 16u : 0) | (f & FPU_FLUSHED_IN ? 128u : 0);
}

static uint32_t from_fpsr(uint32_t v)
{
	return (v & 1 ? FPU_INVALID : 0) | (v & 2 ? FPU_DIVZERO : 0) | (v & 4 ? FPU_OVERFLOW : 0) | (v & 8 ? FPU_UNDERFLOW : 0) |
	       (v & 16 ? FPU_INEXACT : 0) | (v & 128 ? FPU_FLUSHED_IN : 0);
}

A64_FN(fpsr_from, uint32_t flags)
{
	return to_fpsr(flags) | (a64_cpu(c)->qc ? (uint32_t)A64_FPSR_QC : 0);
}

A64_FN(fpsr_to, uint64_t v)
{
	(void)c;
	return from_fpsr((uint32_t)v);
}

uint32_t a64_get_fpsr(const struct a64_cpu *c)
{
	return to_fpsr(c->fpu.flags) | (c->qc ? (uint32_t)A64_FPSR_QC : 0);
}

void a64_set_fpsr(struct a64_cpu *c, uint32_t v)
{
	c->fpu.flags = from_fpsr(v);
	c->qc = v & A64_FPSR_QC;
}

void a64_set_fpcr(struct a64_cpu *c, uint32_t v)
{
	static const uint8_t round[] = {FPU_NEAREST, FPU_UP, FPU_DOWN, FPU_ZERO};

	v &= A64_HAS(c, FP16) ? (uint32_t)A64_FPCR_BITS : (uint32_t)A64_FPCR_BITS & ~(uint32_t)A64_FPCR_FZ16;
	c->fpcr = v;
	c->fpu.round = round[v >> 22 & 3];
	c->fpu.flush = v & A64_FPCR_FZ ? FPU_FLUSH_ARM : FPU_FLUSH_NONE;
	c->fpu.flush_inputs = v & A64_FPCR_FZ;
	c->fpu.default_nan = v & A64_FPCR_DN;
	c->fpu.nan_rule = FPU_NAN_SIGNALLING_FIRST;
	c->fpu.fma_rule = FPU_FMA_DEFAULT;
	c->fpu.fma_order = FPU_FMA_CAB;
	c->fpu.nan_default = FPU_DEFNAN_POSITIVE;
	c->fpu.tiny_before = true;
}

A64_FN(set_fpsr_qc, uint64_t v)
{
	a64_cpu(c)->qc = (uint32_t)v & A64_FPSR_QC;
	return 0;
}

A64_FN(write_fpcr, uint64_t v)
{
	a64_set_fpcr(a64_cpu(c), (uint32_t)v);
	return 0;
}

uint32_t a64_get_nzcv(const struct a64_cpu *c)
{
	uint32_t f = c->nzcv;
	return (f & (A64_N | A64_Z)) << 16 | (f & A64_C) << 21 | (f & A64_V) << 28;
}

void a64_set_nzcv(struct a64_cpu *c, uint32_t v)
{
	c->nzcv = (v >> 16 & (A64_N | A64_Z)) | (v >> 21 & A64_C) | (v >> 28 & A64_V);
}
