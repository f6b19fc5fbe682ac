/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing x86-64 instructions into memory: each function takes a cursor and returns it behind the instruction. Memory
 * operands are either [register] or gs:[offset], the state of the running processor.
 */
#ifndef JIT_HOST_X86_64_EMIT_H
#define JIT_HOST_X86_64_EMIT_H
#include <stdbool.h>
#include <stdint.h>

/* Stores of any alignment; the compiler makes one instruction of each. */
static inline uint8_t *e_u8(uint8_t *p, unsigned v)
{
	*p = (uint8_t)v;
	return p + 1;
}

static inline uint8_t *e_u16(uint8_t *p, unsigned v)
{
	__builtin_memcpy(p, &(uint16_t){(uint16_t)v}, 2);
	return p + 2;
}

static inline uint8_t *e_u32(uint8_t *p, uint32_t v)
{
	__builtin_memcpy(p, &v, 4);
	return p + 4;
}

static inline uint8_t *e_u64(uint8_t *p, uint64_t v)
{
	__builtin_memcpy(p, &v, 8);
	return p + 8;
}

/* n bytes of v, lowest first; writes eight. */
static inline uint8_t *e_bytes(uint8_t *p, uint64_t v, unsigned n)
{
	__builtin_memcpy(p, &v, 8);
	return p + n;
}

/* op reg, gs:[off] or op gs:[off], reg; wide: REX.W. Nine bytes, eight without REX. */
static inline uint8_t *e_gs(uint8_t *p, unsigned op, unsigned reg, uint32_t off, bool wide)
{
	p = e_u8(p, 0x65);
	if (wide || reg > 7)
		p = e_u8(p, 0x40 | (wide ? 8 : 0) | (reg > 7 ? 4 : 0));
	p = e_u8(p, op);
	p = e_u16(p, 0x2504 | (reg & 7) << 3);
	return e_u32(p, off);
}

static inline uint8_t *e_gs_load(uint8_t *p, unsigned reg, uint32_t off)
{
	return e_gs(p, 0x8b, reg, off, true);
}

static inline uint8_t *e_gs_store(uint8_t *p, unsigned reg, uint32_t off)
{
	return e_gs(p, 0x89, reg, off, true);
}

static inline uint8_t *e_gs_load32(uint8_t *p, unsigned reg, uint32_t off)
{
	return e_gs(p, 0x8b, reg, off, false);
}

static inline uint8_t *e_gs_store32(uint8_t *p, unsigned reg, uint32_t off)
{
	return e_gs(p, 0x89, reg, off, false);
}

/* mov dword gs:[off], imm: twelve bytes. */
static inline uint8_t *e_gs_imm32(uint8_t *p, uint32_t off, uint32_t imm)
{
	p = e_u32(p, 0x2504c765);
	p = e_u32(p, off);
	return e_u32(p, imm);
}

/* cmp dword gs:[off], 0: eight bytes... */
static inline uint8_t *e_gs_cmp0(uint8_t *p, uint32_t off)
{
	p = e_u32(p, 0x253c8365);
	p = e_u32(p, off);
	return e_u8(p, 0);
}

/* jmp gs:[off] */
static inline uint8_t *e_gs_jmp(uint8_t *p, uint32_t off)
{
	p = e_u32(p, 0x2524ff65);
	return e_u32(p, off);
}

static inline uint8_t *e_mov_imm64(uint8_t *p, unsigned reg, uint64_t v)
{
	if (v == (uint32_t)v) { /* mov r32, imm32 clears the upper half */
		if (reg > 7)
			p = e_u8(p, 0x41);
		p = e_u8(p, 0xb8 | (reg & 7));
		return e_u32(p, (uint32_t)v);
	}
	if ((int64_t)v == (int32_t)v) {
		p = e_u8(p, reg > 7 ? 0x49 : 0x48);
		p = e_u16(p, 0xc0c7 | (reg & 7) << 8);
		return e_u32(p, (uint32_t)v);
	}
	p = e_u8(p, reg > 7 ? 0x49 : 0x48);
	p = e_u8(p, 0xb8 | (reg & 7));
	return e_u64(p, v);
}

/* mov to, from (64 bits) */
static inline uint8_t *e_mov(uint8_t *p, unsigned to, unsigned from)
{
	p = e_u8(p, 0x48 | (from > 7 ? 4 : 0) | (to > 7 ? 1 : 0));
	p = e_u8(p, 0x89);
	return e_u8(p, 0xc0 | (from & 7) << 3 | (to & 7));
}

/* jmp rel32 / jcc rel32 / call rel32 to an address in the same view */
static inline uint8_t *e_jmp(uint8_t *p, const uint8_t *to)
{
	p = e_u8(p, 0xe9);
	return e_u32(p, (uint32_t)(to - (p + 4)));
}

static inline uint8_t *e_jcc(uint8_t *p, unsigned cc, const uint8_t *to)
{
	p = e_u16(p, 0x800f | cc << 8);
	return e_u32(p, (uint32_t)(to - (p + 4)));
}

/* n bytes of no operation, 0..15 */
static inline uint8_t *e_nop(uint8_t *p, unsigned n)
{
	static const uint64_t nops[9] = {0, 0x90, 0x9066, 0x1f0f + 0x000000, 0x00401f0f, 0x0000441f0fULL,
					 0x0000441f0f66ULL, 0x00000000801f0fULL, 0x0000000000841f0fULL};
	while (n) {
		unsigned k = n > 8 ? 8 : n;
		p = e_bytes(p, nops[k], k);
		n -= k;
	}
	return p;
}
#endif
