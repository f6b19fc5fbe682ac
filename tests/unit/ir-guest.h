/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest for tests of the intermediate form: sixteen registers, four vectors, a few odd slots, flags N Z C V. */
#ifndef TESTS_IR_GUEST_H
#define TESTS_IR_GUEST_H
#include <stddef.h>
#include "fpu/fpu.h"
#include "jit/interp.h"
#include "jit/ir.h"
#include "jit/isa.h"

struct toy {
	struct cpu cpu;
	uint64_t x[16];
	uint64_t pc;
	uint32_t flags;
	uint32_t w[4];
	uint32_t extra;
	uint16_t h;
	uint8_t b;
	union ir_value v[4];
	struct fpu_status fpu;
	uint64_t raw[4];
};

enum { TOY_X, TOY_W = 16, TOY_H = 20, TOY_B, TOY_V, TOY_Q = TOY_V + 2, TOY_FLAGS = TOY_Q + 2, TOY_SLOTS };
#ifndef TOY_BIT_N /* one test takes the host's layout instead */
enum { TOY_BIT_N = 3, TOY_BIT_Z = 2, TOY_BIT_C = 1, TOY_BIT_V = 0 };
#endif
enum { TOY_N = 1 << TOY_BIT_N, TOY_Z = 1 << TOY_BIT_Z, TOY_C = 1 << TOY_BIT_C, TOY_VF = 1 << TOY_BIT_V };
enum { TOY_OP_SUB, TOY_OP_ADD, TOY_OP_LOGIC };
enum { TOY_EQ, TOY_NE, TOY_LO, TOY_HS, TOY_LT, TOY_GE, TOY_LE, TOY_GT, TOY_MI };

#define TX(n) {"x" #n, offsetof(struct toy, x) + 8 * n, IR_I64}
static const struct ir_slot toy_slots[TOY_SLOTS] = {
	TX(0), TX(1), TX(2), TX(3), TX(4), TX(5), TX(6), TX(7), TX(8), TX(9), TX(10), TX(11), TX(12), TX(13), TX(14), TX(15),
	{"w0", offsetof(struct toy, w), IR_I32}, {"w1", offsetof(struct toy, w) + 4, IR_I32},
	{"w2", offsetof(struct toy, w) + 8, IR_I32}, {"w3", offsetof(struct toy, w) + 12, IR_I32},
	{"h", offsetof(struct toy, h), IR_I16}, {"b", offsetof(struct toy, b), IR_I8},
	{"v0", offsetof(struct toy, v), IR_V128}, {"v1", offsetof(struct toy, v) + 32, IR_V128},
	{"q0", offsetof(struct toy, v) + 64, IR_V256}, {"q1", offsetof(struct toy, v) + 96, IR_V256},
	{"flags", offsetof(struct toy, flags), IR_I32},
};

/* As ARM computes NZCV; the flags operation carries the type's width in bits 8...: 32 or 64. */
static uint64_t toy_compute(uint32_t x, uint64_t a, uint64_t b, uint64_t r)
{
	unsigned w = x >> 8;
	uint64_t m = w == 64 ? ~0ull : (1ull << w) - 1, sign = 1ull << (w - 1), f;

	r &= m;
	f = (r & sign ? TOY_N : 0) | (r ? 0 : TOY_Z);
	switch (x & 255) {
	case TOY_OP_SUB:
		return f | (a >= b ? TOY_C : 0) | ((a ^ b) & (a ^ r) & sign ? TOY_VF : 0);
	case TOY_OP_ADD:
		return f | (r < a ? TOY_C : 0) | (~(a ^ b) & (a ^ r) & sign ? TOY_VF : 0);
	default:
		return f;
	}
}

static bool toy_test(unsigned c, uint64_t f)
{
	bool n = f & TOY_N, z = f & TOY_Z, cf = f & TOY_C, v = f & TOY_VF;
	switch (c) {
	case TOY_EQ: return z;
	case TOY_NE: return !z;
	case TOY_LO: return !cf;
	case TOY_HS: return cf;
	case TOY_LT: return n != v;
	case TOY_GE: return n == v;
	case TOY_LE: return z || n != v;
	case TOY_GT: return !z && n == v;
	default: return n;
	}
}

static uint64_t toy_needs(unsigned c)
{
	static const uint16_t needs[] = {TOY_Z, TOY_Z, TOY_C, TOY_C, TOY_N | TOY_VF, TOY_N | TOY_VF,
					TOY_Z | TOY_N | TOY_VF, TOY_Z | TOY_N | TOY_VF, TOY_N};
	return needs[c];
}

static bool toy_fuse(uint32_t x, unsigned c, struct ir_fuse *f)
{
	static const uint8_t after_sub[] = {IR_EQ, IR_NE, IR_LTU, IR_GEU, IR_LTS, IR_GES, IR_LES, IR_GTS};

	if ((x & 255) == TOY_OP_SUB && c <= TOY_GT) {
		*f = (struct ir_fuse){after_sub[c], IR_FLAG_A, IR_FLAG_B};
		return true;
	}
	if (c <= TOY_NE || c == TOY_MI) {
		*f = (struct ir_fuse){c == TOY_EQ ? IR_EQ : c == TOY_NE ? IR_NE : IR_LTS, IR_FLAG_R, IR_FLAG_ZERO};
		return true;
	}
	return false;
}

static enum ir_host_flags toy_host(uint32_t x)
{
	static const uint8_t kind[] = {IR_HOST_FLAGS_SUB_NOT_C, IR_HOST_FLAGS_ADD, IR_HOST_FLAGS_LOGIC};
	return (enum ir_host_flags)kind[x & 255];
}

static const struct ir_flags toy_flags = {TOY_FLAGS, TOY_N | TOY_Z | TOY_C | TOY_VF, toy_compute, toy_test, toy_needs, toy_fuse,
					  toy_host, TOY_BIT_N, TOY_BIT_Z, TOY_BIT_C, TOY_BIT_V, TOY_BIT_N == 15, false, NULL};
/* rbx and r12..r15 survive C calls, r8..r11 do not; x2, x3, x14, x15 stay in memory. */
static const struct ir_pin toy_pins[] = {{0, 3}, {1, 12}, {4, 13}, {5, 14}, {6, 15}, {7, 8}, {8, 9}, {9, 10}, {TOY_W, 11}};
static const struct ir_guest toy_guest = {
	.name = "toy", .slots = toy_slots, .slot_count = TOY_SLOTS, .pc_offset = offsetof(struct toy, pc),
	.pc_type = IR_I64, .extra_offset = offsetof(struct toy, extra), .fpu_offset = offsetof(struct toy, fpu), .fpu_tiny_before = true,
	.flags = &toy_flags, .pins = toy_pins, .pin_count = 9,
};

/* Numbers that find errors: around powers of two, and noise. */
static uint64_t toy_seed = 88172645463325252ull;
__attribute__((unused)) static uint64_t toy_random(void)
{
	toy_seed ^= toy_seed << 13;
	toy_seed ^= toy_seed >> 7;
	toy_seed ^= toy_seed << 17;
	return toy_seed * 0x9e3779b97f4a7c15ull;
}

__attribute__((unused)) static uint64_t toy_edge(void)
{
	uint64_t r = toy_random() >> 8, v = 1ull << (r >> 8 & 63);
	switch (r & 7) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return v;
	case 3: return v - 1;
	case 4: return 0 - v;
	case 5: return r >> 8 & 15;
	case 6: return (r >> 16 & 0xff) * 0x0101010101010101ull;
	default: return toy_random();
	}
}
#endif
