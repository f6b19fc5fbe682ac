/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cold code: the instructions that programs consist of mostly, executed as they are read (lib/jit/cold.c says why). What is not here
 * (overflow forms, reservations, floating point, vectors, system instructions) is left to T0, one instruction at a time.
 *
 * As everywhere, registers are written after the last access that may fault. Registers of a 32-bit processor have zeros above.
 */
#include <string.h>
#include "isa/ppc/translate.h"
#include "jit/access.h"

typedef struct ppc_cpu C;

/* Registers of 64 bits; wide is the mode. */
static inline bool long_registers(const C *c) { return c->cpu.isa != &isa_ppc; }
static inline uint64_t cut(const C *c, uint64_t v) { return long_registers(c) ? v : (uint32_t)v; }
static inline uint64_t address(const C *c, uint64_t v) { return c->wide ? v : (uint32_t)v; }
static inline uint64_t gpr0(const C *c, unsigned n) { return n ? c->gpr[n] : 0; }
static inline bool bit(const C *c, unsigned n) { return ppc_get_cr_field(c, n >> 2) >> (3 - (n & 3)) & 1; }

static inline void compare(C *c, unsigned f, bool above, bool below)
{
	c->crv[f] = above - below;
	c->crx[f] = c->so;
}

static inline void record(C *c, uint64_t v)
{
	c->crv[0] = c->wide ? (int64_t)v : (int32_t)v;
	c->crx[0] = c->so;
}

static inline bool put(C *c, unsigned n, uint64_t v, bool rc)
{
	c->gpr[n] = v = cut(c, v);
	if (rc)
		record(c, v);
	return true;
}

static inline void set_ca(C *c, unsigned ca, unsigned ca32)
{
	c->ca = ca;
	if (PPC_HAS(c, V300))
		c->ca32 = ca32;
}

static uint64_t add_carry(C *c, uint64_t a, uint64_t b, unsigned carry)
{
	unsigned __int128 sum = (unsigned __int128)a + b + carry;
	unsigned ca32 = ((uint64_t)(uint32_t)a + (uint32_t)b + carry) >> 32 & 1;

	set_ca(c, c->wide ? (unsigned)(sum >> 64) : ca32, ca32);
	return (uint64_t)sum;
}

/* MASK(mb, me) of 64 bits, the manual's numbers */
static uint64_t mask(unsigned mb, unsigned me)
{
	uint64_t from = ~0ull >> mb, to = ~0ull << (63 - me);
	return mb <= me ? from & to : from | to;
}

static inline uint64_t rotl(uint64_t v, unsigned n) { return v << (n & 63) | v >> (-n & 63); }
/* ROTL32: the word in both halves */
static inline uint64_t rotl32(uint64_t v, unsigned n) { return rotl((uint32_t)v | v << 32, n); }

/* ---- memory ---- */

static uint64_t load(const C *c, uint64_t at, unsigned log2, bool sign)
{
	const void *p = (const void *)(uintptr_t)(address(c, at) + c->cpu.jit->config.guest_base);
	unsigned above = 64 - (8u << log2);
	uint64_t v = 0;

	switch (log2) {
	case 0: access_read(&v, p, 1); break;
	case 1: access_read(&v, p, 2); break;
	case 2: access_read(&v, p, 4); break;
	default: access_read(&v, p, 8);
	}
	if (c->big)
		v = __builtin_bswap64(v) >> above;
	return sign ? (uint64_t)((int64_t)(v << above) >> above) : v;
}

static void store(const C *c, uint64_t at, unsigned log2, uint64_t v)
{
	void *p = (void *)(uintptr_t)(address(c, at) + c->cpu.jit->config.guest_base);

	if (c->big)
		v = __builtin_bswap64(v << (64 - (8u << log2)));
	switch (log2) {
	case 0: access_write(p, &v, 1); break;
	case 1: access_write(p, &v, 2); break;
	case 2: access_write(p, &v, 4); break;
	default: access_write(p, &v, 8);
	}
}

/* flags: PPC_M_S, PPC_M_U, and STORE */
enum { STORE = 256 };
static bool memory(C *c, uint32_t i, unsigned log2, unsigned flags, uint64_t offset)
{
	unsigned rt = RT(i), ra = RA(i);
	uint64_t at = gpr0(c, ra) + offset, v;

	if (flags & PPC_M_U && (!ra || (ra == rt && !(flags & STORE))))
		return false;
	if (flags & STORE) {
		store(c, at, log2, c->gpr[rt]);
		if (flags & PPC_M_U)
			c->gpr[ra] = cut(c, at);
	} else {
		v = load(c, at, log2, flags & PPC_M_S);
		if (flags & PPC_M_U)
			c->gpr[ra] = cut(c, at);
		c->gpr[rt] = cut(c, v);
	}
	return true;
}

/* Primary opcodes 32 to 45, 50, 54, 58, 62. */
static bool displacement(C *c, uint32_t i)
{
	static const uint8_t size[7] = {2, 0, 2, 0, 1, 1, 1}; /* lwz lbz stw stb lhz lha sth */
	unsigned op = i >> 26;
	uint64_t d = (uint64_t)SI(i), ds = (uint64_t)(int64_t)(int16_t)(i & 0xfffc);

	switch (op) {
	case 50:
		if (!PPC_HAS(c, FPU))
			return false;
		c->vsr[RT(i)].u64[0] = load(c, gpr0(c, RA(i)) + d, 3, false);
		c->vsr[RT(i)].u64[1] = 0;
		return true;
	case 54:
		if (!PPC_HAS(c, FPU))
			return false;
		store(c, gpr0(c, RA(i)) + d, 3, c->vsr[RT(i)].u64[0]);
		return true;
	case 58:
		if (!long_registers(c) || (i & 3) == 3)
			return false;
		return i & 2 ? memory(c, i, 2, PPC_M_S, ds) : memory(c, i, 3, i & 1 ? PPC_M_U : 0, ds);
	case 62:
		return long_registers(c) && !(i & 2) && memory(c, i, 3, STORE | (i & 1 ? PPC_M_U : 0), ds);
	default: {
		unsigned k = (op - 32) >> 1;
		return memory(c, i, size[k], (op & 1 ? PPC_M_U : 0) | (k == 5 ? PPC_M_S : 0) | (k == 2 || k == 3 || k == 6 ? STORE : 0), d);
	}
	}
}

/* ---- arithmetic with an immediate, rotates ---- */

static bool immediate(C *c, uint32_t i)
{
	unsigned rt = RT(i), ra = RA(i), f = rt >> 2;
	uint64_t a = c->gpr[ra], s = c->gpr[rt], si = (uint64_t)SI(i), ui = UI(i);

	switch (i >> 26) {
	case 7: return put(c, rt, a * si, false);
	case 8: return put(c, rt, add_carry(c, ~a, si, 1), false);
	case 10: case 11:
		if (rt & 1 && !long_registers(c))
			return false;
		if (i >> 26 == 10) {
			if (!(rt & 1))
				a = (uint32_t)a;
			compare(c, f, a > ui, a < ui);
		} else {
			int64_t v = rt & 1 ? (int64_t)a : (int32_t)a;
			compare(c, f, v > SI(i), v < SI(i));
		}
		return true;
	case 12: case 13: return put(c, rt, add_carry(c, a, si, 0), i >> 26 == 13);
	case 14: return put(c, rt, (ra ? a : 0) + si, false);
	case 15: return put(c, rt, (ra ? a : 0) + (si << 16), false);
	case 24: return put(c, ra, s | ui, false);
	case 25: return put(c, ra, s | ui << 16, false);
	case 26: return put(c, ra, s ^ ui, false);
	case 27: return put(c, ra, s ^ ui << 16, false);
	case 28: return put(c, ra, s & ui, true);
	default: return put(c, ra, s & ui << 16, true);
	}
}

static bool rotate_word(C *c, uint32_t i)
{
	unsigned op = i >> 26, n = op == 23 ? c->gpr[RB(i)] & 31 : RB(i);
	uint64_t m = mask(RC(i) + 32, ppc_field(i, 26, 5) + 32), v = rotl32(c->gpr[RT(i)], n) & m;

	return put(c, RA(i), op == 20 ? v | (c->gpr[RA(i)] & ~m) : v, i & 1);
}

static bool rotate_double(C *c, uint32_t i)
{
	unsigned sh = RB(i) | (i >> 1 & 1) << 5, mb = RC(i) | (i >> 5 & 1) << 5;
	uint64_t s = c->gpr[RT(i)], m;

	if (!long_registers(c))
		return false;
	switch (i >> 2 & 7) {
	case 0: m = mask(mb, 63); break;
	case 1: m = mask(0, mb); break;
	case 2: m = mask(mb, 63 - sh); break;
	case 3:
		m = mask(mb, 63 - sh);
		return put(c, RA(i), (rotl(s, sh) & m) | (c->gpr[RA(i)] & ~m), i & 1);
	default:
		if ((i >> 1 & 15) > 9)
			return false;
		return put(c, RA(i), rotl(s, c->gpr[RB(i)] & 63) & (i >> 1 & 1 ? mask(0, mb) : mask(mb, 63)), i & 1);
	}
	return put(c, RA(i), rotl(s, sh) & m, i & 1);
}

/* ---- primary opcode 31 ---- */

static void shifted_out(C *c, int64_t x, uint64_t back)
{
	bool ca = x < 0 && back != (uint64_t)x;

	set_ca(c, ca, ca);
}

/* Those whose target is RA. False: not one of them. */
static bool logical(C *c, uint32_t i)
{
	unsigned op = i >> 1 & 1023, ra = RA(i), n;
	uint64_t s = c->gpr[RT(i)], b = c->gpr[RB(i)], v;
	bool sf = long_registers(c);
	int64_t x;

	switch (op) {
	case 28: v = s & b; break;
	case 60: v = s & ~b; break;
	case 124: v = ~(s | b); break;
	case 284: v = ~(s ^ b); break;
	case 316: v = s ^ b; break;
	case 412: v = s | ~b; break;
	case 444: v = s | b; break;
	case 476: v = ~(s & b); break;
	case 24: v = b & 32 ? 0 : (uint32_t)(s << (b & 31)); break;
	case 536: v = b & 32 ? 0 : (uint32_t)s >> (b & 31); break;
	case 792: case 824: /* sraw, srawi */
		n = op == 824 ? RB(i) : b & 63;
		x = (int32_t)s;
		v = (uint64_t)(x >> n);
		shifted_out(c, x, v << n);
		break;
	case 26:
		if (RB(i))
			return false;
		v = (uint32_t)s ? (unsigned)__builtin_clz((uint32_t)s) : 32;
		break;
	case 954: case 922: case 986: case 58:
		if (RB(i) || (!sf && (op == 986 || op == 58)))
			return false;
		v = op == 954 ? (uint64_t)(int64_t)(int8_t)s : op == 922 ? (uint64_t)(int64_t)(int16_t)s : op == 986 ? (uint64_t)(int64_t)(int32_t)s
		    : s ? (unsigned)__builtin_clzll(s) : 64;
		break;
	case 27: case 539:
		if (!sf)
			return false;
		v = b & 64 ? 0 : op == 27 ? s << (b & 63) : s >> (b & 63);
		break;
	case 794: case 826: case 827: /* srad, sradi */
		if (!sf)
			return false;
		n = op == 794 ? b & 127 : RB(i) | (op & 1) << 5;
		x = (int64_t)s;
		if (n > 63) {
			v = (uint64_t)(x >> 63);
			shifted_out(c, x, 0);
		} else {
			v = (uint64_t)(x >> n);
			shifted_out(c, x, v << n);
		}
		break;
	default: return false;
	}
	return put(c, ra, v, i & 1);
}

/* XO-form, without OE. */
static bool arithmetic(C *c, uint32_t i)
{
	uint64_t a = c->gpr[RA(i)], b = c->gpr[RB(i)], v;
	unsigned rt = RT(i);

	switch (i >> 1 & 1023) {
	case 266: v = a + b; break;
	case 40: v = b - a; break;
	case 104: v = 0 - a; break;
	case 10: v = add_carry(c, a, b, 0); break;
	case 8: v = add_carry(c, ~a, b, 1); break;
	case 138: v = add_carry(c, a, b, (unsigned)c->ca); break;
	case 136: v = add_carry(c, ~a, b, (unsigned)c->ca); break;
	case 202: v = add_carry(c, a, 0, (unsigned)c->ca); break;
	case 200: v = add_carry(c, ~a, 0, (unsigned)c->ca); break;
	case 234: v = add_carry(c, a, ~0ull, (unsigned)c->ca); break;
	case 232: v = add_carry(c, ~a, ~0ull, (unsigned)c->ca); break;
	case 235: v = (uint64_t)((int64_t)(int32_t)a * (int32_t)b); break;
	case 233: v = a * b; break;
	case 75: v = (uint32_t)((uint64_t)((int64_t)(int32_t)a * (int32_t)b) >> 32); break;
	case 11: v = (uint64_t)(uint32_t)a * (uint32_t)b >> 32; break;
	case 73: v = (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64); break;
	case 9: v = (uint64_t)((unsigned __int128)a * b >> 64); break;
	case 459: case 491: /* what is undefined divides by one */
		if (!(uint32_t)b)
			return false;
		v = i >> 1 & 32 ? (uint32_t)((int64_t)(int32_t)a / (int32_t)b) : (uint32_t)a / (uint32_t)b;
		break;
	case 457:
		if (!b)
			return false;
		v = a / b;
		break;
	default: return false;
	}
	return put(c, rt, v, i & 1);
}

/* Whether the row is one of 64-bit processors. */
static bool needs_long(unsigned op)
{
	return op == 233 || op == 73 || op == 9 || op == 457;
}

static bool special(C *c, uint32_t i)
{
	unsigned op = i >> 1 & 1023, rt = RT(i), spr = RA(i) | RB(i) << 5;
	uint64_t *r = spr == 8 ? &c->lr : spr == 9 ? &c->ctr : NULL;

	if (op == 339 && r)
		return put(c, rt, *r, false);
	if (op == 467 && r) {
		*r = c->gpr[rt];
		return true;
	}
	return false;
}

static bool indexed(C *c, uint32_t i)
{
	uint64_t b = c->gpr[RB(i)];

	if (i & 1)
		return false;
	switch (i >> 1 & 1023) {
	case 87: return memory(c, i, 0, 0, b);
	case 119: return memory(c, i, 0, PPC_M_U, b);
	case 279: return memory(c, i, 1, 0, b);
	case 343: return memory(c, i, 1, PPC_M_S, b);
	case 23: return memory(c, i, 2, 0, b);
	case 55: return memory(c, i, 2, PPC_M_U, b);
	case 341: return long_registers(c) && memory(c, i, 2, PPC_M_S, b);
	case 21: return long_registers(c) && memory(c, i, 3, 0, b);
	case 53: return long_registers(c) && memory(c, i, 3, PPC_M_U, b);
	case 215: return memory(c, i, 0, STORE, b);
	case 247: return memory(c, i, 0, STORE | PPC_M_U, b);
	case 407: return memory(c, i, 1, STORE, b);
	case 151: return memory(c, i, 2, STORE, b);
	case 183: return memory(c, i, 2, STORE | PPC_M_U, b);
	case 149: return long_registers(c) && memory(c, i, 3, STORE, b);
	case 181: return long_registers(c) && memory(c, i, 3, STORE | PPC_M_U, b);
	}
	return false;
}

static bool opcode31(C *c, uint32_t i)
{
	unsigned op = i >> 1 & 1023, rt = RT(i), f = rt >> 2;
	uint64_t a = c->gpr[RA(i)], b = c->gpr[RB(i)];

	switch (op) {
	case 0: case 32: /* cmp, cmpl */
		if (rt & 2 || i & 1 || (rt & 1 && !long_registers(c)))
			return false;
		if (op) {
			if (!(rt & 1))
				a = (uint32_t)a, b = (uint32_t)b;
			compare(c, f, a > b, a < b);
		} else {
			int64_t x = rt & 1 ? (int64_t)a : (int32_t)a, y = rt & 1 ? (int64_t)b : (int32_t)b;
			compare(c, f, x > y, x < y);
		}
		return true;
	case 339: case 467: return !(i & 1) && special(c, i);
	case 278: case 246: return !(i & 1); /* dcbt, dcbtst */
	}
	if ((op & 31) == 15) { /* isel */
		if (!PPC_HAS(c, ISEL) || i & 1)
			return false;
		return put(c, rt, bit(c, RC(i)) ? gpr0(c, RA(i)) : b, false);
	}
	switch (op & 31) {
	case 21: case 23: return indexed(c, i);
	case 8: case 9: case 10: case 11:
		if (!long_registers(c) && needs_long(op))
			return false;
		/* those with a reserved RB */
		if ((op == 104 || op == 202 || op == 200 || op == 234 || op == 232) && RB(i))
			return false;
		return arithmetic(c, i);
	}
	return logical(c, i);
}

/* ---- branches ---- */

/* Counts CTR down and looks at CR as BO says. */
static bool taken(C *c, unsigned bo, unsigned bi)
{
	bool cond = bo & 16 || bit(c, bi) == (bo >> 3 & 1);

	if (bo & 4)
		return cond;
	c->ctr = cut(c, c->ctr - 1);
	return (address(c, c->ctr) != 0) != (bo >> 1 & 1) && cond;
}

static bool cr_logic(C *c, uint32_t i)
{
	unsigned a = bit(c, RA(i)), b = bit(c, RB(i)), bt = RT(i), at = 3 - (bt & 3), v;

	switch (i >> 1 & 1023) {
	case 257: v = a & b; break;
	case 225: v = !(a & b); break;
	case 449: v = a | b; break;
	case 33: v = !(a | b); break;
	case 193: v = a ^ b; break;
	case 289: v = !(a ^ b); break;
	case 129: v = a & !b; break;
	case 417: v = a | !b; break;
	default: return false;
	}
	if (i & 1)
		return false;
	ppc_set_cr_field(c, bt >> 2, (ppc_get_cr_field(c, bt >> 2) & ~(1u << at)) | v << at);
	return true;
}

/* Leaves c->pc behind what was done; false: the instruction there is not done here. */
bool ppc_cold(struct cpu *cc, const uint8_t *code, size_t n)
{
	C *c = ppc_cpu(cc);

	if (c->pc & 3)
		return false;
	for (; n >= 4; code += 4, n -= 4) {
		uint64_t pc = c->pc, next = address(c, pc + 4), to;
		uint32_t i;
		bool done, jump;
		memcpy(&i, code, 4);
		if (c->big)
			i = __builtin_bswap32(i);
		switch (i >> 26) {
		case 7: case 8: case 10: case 11: case 12: case 13: case 14: case 15: case 24: case 25: case 26: case 27: case 28: case 29:
			/* a compare's bit 9 is reserved */
			done = ((i >> 26) - 10 > 1 || !(RT(i) & 2)) && immediate(c, i);
			break;
		case 20: case 21: case 23: done = rotate_word(c, i); break;
		case 30: done = rotate_double(c, i); break;
		case 31: done = opcode31(c, i); break;
		case 32: case 33: case 34: case 35: case 36: case 37: case 38: case 39: case 40: case 41: case 42: case 43: case 44: case 45:
		case 50: case 54: case 58: case 62: done = displacement(c, i); break;
		case 18:
			to = (i & 2 ? 0 : pc) + (uint64_t)((int64_t)((uint64_t)(i & 0x3fffffc) << 38) >> 38);
			if (i & 1)
				c->lr = next;
			c->pc = address(c, to);
			return true;
		case 16:
			to = (i & 2 ? 0 : pc) + (uint64_t)(int64_t)(int16_t)(i & 0xfffc);
			jump = taken(c, RT(i), RA(i));
			if (i & 1)
				c->lr = next;
			if (jump) {
				c->pc = address(c, to);
				return true;
			}
			done = true;
			break;
		case 19:
			if ((i >> 1 & 1023) == 16 || ((i >> 1 & 1023) == 528 && RT(i) & 4)) {
				to = (i >> 1 & 1023) == 16 ? c->lr : c->ctr;
				jump = taken(c, RT(i), RA(i));
				if (i & 1)
					c->lr = next;
				if (jump) {
					c->pc = address(c, to) & ~3ull;
					return true;
				}
				done = true;
			} else {
				done = cr_logic(c, i);
			}
			break;
		default: done = false;
		}
		if (!done)
			return false;
		c->pc = next;
	}
	return true;
}
