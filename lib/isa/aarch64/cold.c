/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cold code: the instructions that programs consist of mostly, executed as they are read. A program's start runs most of its code once
 * or twice; to translate that costs thirty times as much as to do it. What is not here (arithmetic on vectors, floating point,
 * exclusive and ordered accesses, system instructions) is left to T0, one instruction at a time; what runs again and again is
 * translated (lib/jit/cold.c).
 *
 * As everywhere, registers are written after the last access that may fault.
 */
#include <string.h>
#include "isa/aarch64/translate.h"
#include "jit/access.h"

typedef struct a64_cpu C;

static inline uint64_t x(const C *c, unsigned n) { return n == 31 ? 0 : c->x[n]; }
static inline uint64_t *slot(C *c, unsigned n) { return n == 31 ? &c->sp : &c->x[n]; }
static inline uint64_t cut(unsigned sf, uint64_t v) { return sf ? v : (uint32_t)v; }

static inline void put(C *c, unsigned n, unsigned sf, uint64_t v)
{
	if (n != 31)
		c->x[n] = cut(sf, v);
}

static inline uint32_t nz(unsigned sf, uint64_t r)
{
	return (r >> (sf ? 63 : 31) & 1 ? A64_N : 0) | (cut(sf, r) ? 0 : A64_Z);
}

/* AddWithCarry(): the sum, and the flags where they are wanted. */
static inline uint64_t sum(C *c, unsigned sf, uint64_t a, uint64_t b, unsigned carry, bool flags)
{
	a = cut(sf, a), b = cut(sf, b);
	uint64_t r = cut(sf, a + b + carry);

	if (flags) {
		unsigned top = sf ? 63 : 31;
		bool out = sf ? r < a || (carry && r == a) : (a + b + carry) >> 32;
		c->nzcv = nz(sf, r) | (out ? A64_C : 0) | ((~(a ^ b) & (a ^ r)) >> top & 1 ? A64_V : 0);
	}
	return r;
}

static bool holds(const C *c, unsigned cond)
{
	bool n = c->nzcv & A64_N, z = c->nzcv & A64_Z, cf = c->nzcv & A64_C, v = c->nzcv & A64_V, r;

	switch (cond >> 1) {
	case 0: r = z; break;
	case 1: r = cf; break;
	case 2: r = n; break;
	case 3: r = v; break;
	case 4: r = cf && !z; break;
	case 5: r = n == v; break;
	case 6: r = n == v && !z; break;
	default: return true;
	}
	return cond & 1 ? !r : r;
}

static inline uint64_t shift(unsigned sf, unsigned type, uint64_t v, unsigned n)
{
	v = cut(sf, v);
	if (!n)
		return v;
	switch (type) {
	case 0: return cut(sf, v << n);
	case 1: return v >> n;
	case 2: return sf ? (uint64_t)((int64_t)v >> n) : (uint32_t)((int32_t)v >> n);
	default: return sf ? v >> n | v << (64 - n) : (uint32_t)(v >> n | v << (32 - n));
	}
}

/* ExtendReg() */
static inline uint64_t extended(uint64_t v, unsigned option, unsigned n)
{
	switch (option) {
	case 0: v = (uint8_t)v; break;
	case 1: v = (uint16_t)v; break;
	case 2: v = (uint32_t)v; break;
	case 4: v = (uint64_t)(int8_t)v; break;
	case 5: v = (uint64_t)(int16_t)v; break;
	case 6: v = (uint64_t)(int32_t)v; break;
	}
	return v << n;
}

/* ---- memory: 1 << log2 bytes, at most 16 ---- */

static inline void *host(const C *c, uint64_t at) { return (void *)(uintptr_t)(at + c->cpu.jit->config.guest_base); }

static inline uint64_t swapped(uint64_t v, unsigned log2)
{
	return log2 ? __builtin_bswap64(v) >> (64 - (8u << log2)) : v;
}

static inline uint64_t load(const C *c, uint64_t at, unsigned log2)
{
	uint64_t v = 0;

	switch (log2) {
	case 0: access_read(&v, host(c, at), 1); break;
	case 1: access_read(&v, host(c, at), 2); break;
	case 2: access_read(&v, host(c, at), 4); break;
	default: access_read(&v, host(c, at), 8);
	}
	return c->cpu.isa->big_endian ? swapped(v, log2) : v;
}

static inline void store(const C *c, uint64_t at, unsigned log2, uint64_t v)
{
	if (c->cpu.isa->big_endian)
		v = swapped(v, log2);
	switch (log2) {
	case 0: access_write(host(c, at), &v, 1); break;
	case 1: access_write(host(c, at), &v, 2); break;
	case 2: access_write(host(c, at), &v, 4); break;
	default: access_write(host(c, at), &v, 8);
	}
}

static inline void load_v(const C *c, uint64_t at, unsigned log2, uint64_t v[2])
{
	if (log2 < 4) {
		v[0] = load(c, at, log2);
		v[1] = 0;
		return;
	}
	access_read(v, host(c, at), 16);
	if (c->cpu.isa->big_endian) {
		uint64_t lo = v[0];
		v[0] = __builtin_bswap64(v[1]);
		v[1] = __builtin_bswap64(lo);
	}
}

static inline void store_v(const C *c, uint64_t at, unsigned log2, const uint64_t v[2])
{
	if (log2 < 4) {
		store(c, at, log2, v[0]);
		return;
	}
	uint64_t out[2] = {v[0], v[1]};
	if (c->cpu.isa->big_endian) {
		out[0] = __builtin_bswap64(v[1]);
		out[1] = __builtin_bswap64(v[0]);
	}
	access_write(host(c, at), out, 16);
}

static inline uint64_t sign_extended(uint64_t v, unsigned log2)
{
	return (uint64_t)((int64_t)(v << (64 - (8u << log2))) >> (64 - (8u << log2)));
}

/* One register: forms of its address by bits 24, 21 and 11..10. */
static bool one_register(C *c, uint32_t i)
{
	unsigned log2 = i >> 30, opc = i >> 22 & 3, rt = i & 31;
	bool vector = i >> 26 & 1;
	uint64_t *base = slot(c, i >> 5 & 31), at = *base, after = at;
	uint64_t imm = (uint64_t)a64_sfield(i, 12, 9);

	if (vector) {
		if (opc & 2) {
			if (log2)
				return false;
			log2 = 4;
		}
	} else if ((log2 == 3 && opc > 1) || (log2 == 2 && opc == 3)) {
		return false; /* prefetch, reserved */
	}
	if (i >> 24 & 1) {
		at += (uint64_t)(i >> 10 & 0xfff) << log2;
	} else if (i >> 21 & 1) {
		unsigned option = i >> 13 & 7;
		if ((i >> 10 & 3) != 2 || !(option & 2))
			return false;
		at += extended(x(c, i >> 16 & 31), option, i >> 12 & 1 ? log2 : 0);
	} else {
		switch (i >> 10 & 3) {
		case 1: after += imm; break;
		case 3: at += imm, after = at; break;
		case 2:
			if (vector)
				return false;
			/* fall through */
		default: at += imm;
		}
	}
	if (vector) {
		if (opc & 1) {
			uint64_t v[2];
			load_v(c, at, log2, v);
			memcpy(&c->v[rt], v, 16);
		} else {
			store_v(c, at, log2, c->v[rt].u64);
		}
		*base = after;
	} else if (!opc) {
		store(c, at, log2, x(c, rt));
		*base = after;
	} else {
		uint64_t v = load(c, at, log2);
		if (opc & 2)
			v = sign_extended(v, log2);
		*base = after;
		put(c, rt, opc != 3, v);
	}
	return true;
}

static bool pair(C *c, uint32_t i)
{
	unsigned form = i >> 23 & 3, opc = i >> 30, rt = i & 31, rt2 = i >> 10 & 31, log2;
	bool is_load = i >> 22 & 1, vector = i >> 26 & 1, sign = !vector && opc == 1;

	if (opc == 3 || (sign && (!is_load || !form)))
		return false;
	log2 = vector ? opc + 2 : opc == 2 ? 3 : 2;
	uint64_t *base = slot(c, i >> 5 & 31), imm = (uint64_t)a64_sfield(i, 15, 7) << log2;
	uint64_t at = *base + (form == 1 ? 0 : imm), after = form & 1 ? *base + imm : *base, next = at + (1u << log2);
	if (vector && is_load) {
		uint64_t a[2], b[2];
		load_v(c, at, log2, a);
		load_v(c, next, log2, b);
		*base = after;
		memcpy(&c->v[rt], a, 16);
		memcpy(&c->v[rt2], b, 16);
	} else if (vector) {
		store_v(c, at, log2, c->v[rt].u64);
		store_v(c, next, log2, c->v[rt2].u64);
		*base = after;
	} else if (is_load) {
		uint64_t a = load(c, at, log2), b = load(c, next, log2);
		*base = after;
		put(c, rt, 1, sign ? sign_extended(a, 2) : a);
		put(c, rt2, 1, sign ? sign_extended(b, 2) : b);
	} else {
		store(c, at, log2, x(c, rt));
		store(c, next, log2, x(c, rt2));
		*base = after;
	}
	return true;
}

static bool literal(C *c, uint32_t i, uint64_t pc)
{
	uint64_t at = pc + (uint64_t)a64_sfield(i, 5, 19) * 4, v;

	switch (i >> 30) {
	case 0: case 1: v = load(c, at, 2 + (i >> 30)); break;
	case 2: v = sign_extended(load(c, at, 2), 2); break;
	default: return false;
	}
	put(c, i & 31, 1, v);
	return true;
}

/* ---- data processing ---- */

static bool immediate(C *c, uint32_t i, uint64_t pc)
{
	unsigned sf = i >> 31, rd = i & 31, rn = i >> 5 & 31, opc = i >> 29 & 3;
	uint64_t v, mask, a;

	switch (i >> 23 & 7) {
	case 0: case 1:
		v = ((uint64_t)a64_sfield(i, 5, 19) << 2) | opc;
		put(c, rd, 1, sf ? (pc & ~4095ull) + (v << 12) : pc + v);
		return true;
	case 2:
		v = (uint64_t)(i >> 10 & 0xfff) << (i >> 22 & 1 ? 12 : 0);
		a = *slot(c, rn);
		v = opc & 2 ? sum(c, sf, a, ~v, 1, opc & 1) : sum(c, sf, a, v, 0, opc & 1);
		if (opc & 1)
			put(c, rd, sf, v);
		else
			*slot(c, rd) = v;
		return true;
	case 4:
		if (!a64_bit_mask(i >> 22 & 1, i >> 10 & 63, i >> 16 & 63, sf, &mask))
			return false;
		a = x(c, rn);
		v = cut(sf, opc == 1 ? a | mask : opc == 2 ? a ^ mask : a & mask);
		if (opc == 3) {
			c->nzcv = nz(sf, v);
			put(c, rd, sf, v);
		} else {
			*slot(c, rd) = v;
		}
		return true;
	case 5: {
		unsigned at = (i >> 21 & 3) * 16;
		if (opc == 1 || (!sf && at > 16))
			return false;
		v = (uint64_t)(i >> 5 & 0xffff) << at;
		put(c, rd, sf, opc == 0 ? ~v : opc == 2 ? v : (x(c, rd) & ~(0xffffull << at)) | v);
		return true;
	}
	case 6: {
		unsigned r = i >> 16 & 63, s = i >> 10 & 63, bits = sf ? 64 : 32;
		if (opc == 3 || (i >> 22 & 1) != sf || r >= bits || s >= bits)
			return false;
		a = cut(sf, x(c, rn));
		unsigned len = s >= r ? s - r + 1 : s + 1, to = s >= r ? 0 : bits - r;
		uint64_t ones = len == 64 ? ~0ull : (1ull << len) - 1;
		v = (s >= r ? a >> r : a) & ones;
		if (opc == 0)
			v = len == 64 ? v : (uint64_t)((int64_t)(v << (64 - len)) >> (64 - len));
		v <<= to;
		if (opc == 1)
			v |= x(c, rd) & ~(ones << to);
		put(c, rd, sf, v);
		return true;
	}
	case 7: {
		unsigned n = i >> 10 & 63;
		if (opc || (i >> 22 & 1) != sf || i >> 21 & 1 || (!sf && n > 31))
			return false;
		uint64_t hi = cut(sf, x(c, rn)), lo = cut(sf, x(c, i >> 16 & 31));
		put(c, rd, sf, n ? lo >> n | hi << ((sf ? 64 : 32) - n) : lo);
		return true;
	}
	default: return false;
	}
}

static bool two_registers(C *c, uint32_t i)
{
	unsigned sf = i >> 31, rd = i & 31, opc = i >> 29 & 3, n = i >> 10 & 63, type = i >> 22 & 3;
	uint64_t a, b = x(c, i >> 16 & 31), v;

	if (i >> 24 & 1 && i >> 21 & 1) { /* extended: with sp */
		if (type || (n & 7) > 4)
			return false;
		b = extended(b, n >> 3, n & 7);
		a = *slot(c, i >> 5 & 31);
		v = opc & 2 ? sum(c, sf, a, ~b, 1, opc & 1) : sum(c, sf, a, b, 0, opc & 1);
		if (opc & 1)
			put(c, rd, sf, v);
		else
			*slot(c, rd) = v;
		return true;
	}
	if (!sf && n > 31)
		return false;
	b = shift(sf, type, b, n);
	a = x(c, i >> 5 & 31);
	if (i >> 24 & 1) {
		if (type == 3)
			return false;
		v = opc & 2 ? sum(c, sf, a, ~b, 1, opc & 1) : sum(c, sf, a, b, 0, opc & 1);
	} else {
		if (i >> 21 & 1)
			b = ~b;
		v = opc == 1 ? a | b : opc == 2 ? a ^ b : a & b;
		if (opc == 3)
			c->nzcv = nz(sf, v);
	}
	put(c, rd, sf, v);
	return true;
}

static bool others(C *c, uint32_t i)
{
	unsigned sf = i >> 31, rd = i & 31, rn = i >> 5 & 31, cond = i >> 12 & 15, opc = i >> 29 & 3;
	uint64_t a = cut(sf, x(c, rn)), b = cut(sf, x(c, i >> 16 & 31)), v;

	switch (i >> 21 & 7) {
	case 2: /* ccmp, ccmn */
		if (!(opc & 1) || i & 0x410)
			return false;
		if (i >> 11 & 1)
			b = i >> 16 & 31;
		if (!holds(c, cond))
			a64_set_nzcv(c, (i & 15) << 28);
		else if (opc & 2)
			sum(c, sf, a, ~b, 1, true);
		else
			sum(c, sf, a, b, 0, true);
		return true;
	case 4: /* csel and kin */
		if (opc & 1 || i >> 11 & 1)
			return false;
		if (holds(c, cond))
			v = a;
		else
			v = (opc & 2 ? ~b : b) + (i >> 10 & 1);
		put(c, rd, sf, v);
		return true;
	case 6:
		if (opc)
			return false; /* of one source */
		switch (i >> 10 & 63) {
		case 2: v = b ? a / b : 0; break;
		case 8: case 9: case 10: case 11: v = shift(sf, i >> 10 & 3, a, (unsigned)b & (sf ? 63 : 31)); break;
		default: return false;
		}
		put(c, rd, sf, v);
		return true;
	default: return false;
	}
}

static bool three_registers(C *c, uint32_t i)
{
	unsigned sf = i >> 31, kind = i >> 21 & 7;
	uint64_t a = x(c, i >> 5 & 31), b = x(c, i >> 16 & 31), d = x(c, i >> 10 & 31), p;

	switch (kind) {
	case 0: p = a * b; break;
	case 1: p = (uint64_t)((int64_t)(int32_t)a * (int32_t)b); break;
	case 5: p = (uint64_t)(uint32_t)a * (uint32_t)b; break;
	case 6: p = (uint64_t)((unsigned __int128)a * b >> 64); break;
	default: return false;
	}
	if (i >> 29 & 3 || (kind && !sf) || (kind == 6 && i >> 15 & 1))
		return false;
	put(c, i & 31, sf, kind == 6 ? p : i >> 15 & 1 ? d - p : d + p);
	return true;
}

/* Leaves c->pc behind what was done; false: the instruction there is not done here. */
bool a64_cold(struct cpu *cc, const uint8_t *code, size_t n)
{
	C *c = a64_cpu(cc);
	uint64_t pc = c->pc, to;

	if (pc & 3)
		return false;
	for (; n >= 4; code += 4, n -= 4) {
		uint32_t i;
		bool done;
		memcpy(&i, code, 4);
		switch (i >> 24 & 31) {
		case 0x10: case 0x11: case 0x12: case 0x13: done = immediate(c, i, pc); break;
		case 0x0a: case 0x0b: done = two_registers(c, i); break;
		case 0x1a: done = others(c, i); break;
		case 0x1b: done = three_registers(c, i); break;
		case 0x08: case 0x09: case 0x0c: case 0x0d:
			done = i >> 29 & 1 && pair(c, i);
			break;
		case 0x18: case 0x19: case 0x1c: case 0x1d:
			if ((i & 0x3f000000) == 0x18000000)
				done = literal(c, i, pc);
			else
				done = i >> 29 & 1 && i >> 28 & 1 && one_register(c, i);
			break;
		case 0x14: case 0x15: case 0x16: case 0x17:
			switch (i >> 24) {
			case 0x14: case 0x15: case 0x16: case 0x17:
				c->pc = pc + (uint64_t)a64_sfield(i, 0, 26) * 4;
				return true;
			case 0x94: case 0x95: case 0x96: case 0x97:
				c->x[30] = pc + 4;
				c->pc = pc + (uint64_t)a64_sfield(i, 0, 26) * 4;
				return true;
			case 0x34: case 0x35: case 0xb4: case 0xb5:
				if ((cut(i >> 31, x(c, i & 31)) == 0) == (i >> 24 & 1))
					goto next;
				c->pc = pc + (uint64_t)a64_sfield(i, 5, 19) * 4;
				return true;
			case 0x36: case 0x37: case 0xb6: case 0xb7:
				if ((x(c, i & 31) >> (i >> 31 << 5 | (i >> 19 & 31)) & 1) != (i >> 24 & 1))
					goto next;
				c->pc = pc + (uint64_t)a64_sfield(i, 5, 14) * 4;
				return true;
			case 0x54:
				if (i & 16)
					break;
				if (!holds(c, i & 15))
					goto next;
				c->pc = pc + (uint64_t)a64_sfield(i, 5, 19) * 4;
				return true;
			case 0xd5:
				if ((i & 0xfffff01f) == 0xd503201f && (!(i >> 5 & 127) || (i >> 5 & 127) >= 32)) /* nop, bti, hints without a name */
					goto next;
				break;
			case 0xd6:
				if ((i & 0xff9ffc1f) != 0xd61f0000 || (i >> 21 & 3) == 3)
					break;
				to = x(c, i >> 5 & 31);
				if ((i >> 21 & 3) == 1)
					c->x[30] = pc + 4;
				c->pc = to;
				return true;
			}
			c->pc = pc;
			return false;
		default: done = false;
		}
		if (!done)
			return false;
	next:
		pc += 4;
		c->pc = pc;
	}
	return true;
}
