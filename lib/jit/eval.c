/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each operation computes: integers, moves, conversions. The folder, the interpreter and back ends that
 * have no instruction for an operation all come here. Vectors and floating point: eval-vec.c, eval-fp.c.
 */
#include "fpu/fpu.h"
#include "jit/eval.h"

bool ir_holds(unsigned cond, unsigned type, const union ir_value *a, const union ir_value *b)
{
	bool r;

	if (type == IR_I128) {
		ir_u128 x = a->u128[0], y = b->u128[0];
		switch (cond & ~1u) {
		case IR_EQ: r = x == y; break;
		case IR_LTU: r = x < y; break;
		case IR_LEU: r = x <= y; break;
		case IR_LTS: r = (__int128)x < (__int128)y; break;
		case IR_LES: r = (__int128)x <= (__int128)y; break;
		default: r = !(x & y); break;
		}
	} else {
		uint64_t m = ir_mask(type), x = a->u64[0] & m, y = b->u64[0] & m;
		switch (cond & ~1u) {
		case IR_EQ: r = x == y; break;
		case IR_LTU: r = x < y; break;
		case IR_LEU: r = x <= y; break;
		case IR_LTS: r = (int64_t)ir_sext64(x, type) < (int64_t)ir_sext64(y, type); break;
		case IR_LES: r = (int64_t)ir_sext64(x, type) <= (int64_t)ir_sext64(y, type); break;
		default: r = !(x & y); break;
		}
	}
	return r ^ (cond & 1);
}

#define IR_INT1(NAME, text, flags, expr)                                                                              \
	static void eval_##NAME(unsigned type, const union ir_value *v, union ir_value *d)                            \
	{                                                                                                             \
		switch (type) {                                                                                       \
		case IR_I8: IR_ELEMENT1(8, v[0].u8[0], d->u8[0], expr); break;                                        \
		case IR_I16: IR_ELEMENT1(16, v[0].u16[0], d->u16[0], expr); break;                                    \
		case IR_I32: IR_ELEMENT1(32, v[0].u32[0], d->u32[0], expr); break;                                    \
		case IR_I64: IR_ELEMENT1(64, v[0].u64[0], d->u64[0], expr); break;                                    \
		case IR_I128: IR_ELEMENT1(128, v[0].u128[0], d->u128[0], expr); break;                                \
		}                                                                                                     \
	}
#define IR_INT2(NAME, text, flags, expr)                                                                              \
	static void eval_##NAME(unsigned type, const union ir_value *v, union ir_value *d)                            \
	{                                                                                                             \
		switch (type) {                                                                                       \
		case IR_I8: IR_ELEMENT2(8, v[0].u8[0], v[1].u8[0], d->u8[0], expr); break;                            \
		case IR_I16: IR_ELEMENT2(16, v[0].u16[0], v[1].u16[0], d->u16[0], expr); break;                       \
		case IR_I32: IR_ELEMENT2(32, v[0].u32[0], v[1].u32[0], d->u32[0], expr); break;                       \
		case IR_I64: IR_ELEMENT2(64, v[0].u64[0], v[1].u64[0], d->u64[0], expr); break;                       \
		case IR_I128: IR_ELEMENT2(128, v[0].u128[0], v[1].u128[0], d->u128[0], expr); break;                  \
		}                                                                                                     \
	}
#define IR_VEC1(...)
#define IR_VEC2(...)
#include "jit/ops.def"

static ir_u128 mask128(unsigned bits)
{
	return bits >= 128 ? ~(ir_u128)0 : ((ir_u128)1 << bits) - 1;
}

bool ir_eval(const struct ir_guest *guest, void *state, const struct ir_op *op, unsigned src, const union ir_value *v,
	     union ir_value *d)
{
	unsigned w = ir_bits(op->type), flags = ir_op_info[op->op].flags;

	memset(d, 0, sizeof *d);
	switch (op->op) {
#define IR_INT1(NAME, text, fl, expr)                                                                                 \
	case IR_##NAME:                                                                                               \
		eval_##NAME(op->type, v, d);                                                                          \
		return true;
#define IR_INT2(NAME, text, fl, expr) IR_INT1(NAME, text, fl, expr)
#define IR_VEC1(...)
#define IR_VEC2(...)
#include "jit/ops.def"
	case IR_MOV:
	case IR_BITCAST:
		memcpy(d, v, ir_type_bytes[op->type]);
		return true;
	case IR_ZEXT:
		memcpy(d, v, ir_type_bytes[src]);
		return true;
	case IR_TRUNC:
		memcpy(d, v, ir_type_bytes[op->type]);
		return true;
	case IR_SEXT: {
		ir_u128 x = v[0].u128[0] << (128 - ir_bits(src));
		d->u128[0] = (ir_u128)((__int128)x >> (128 - ir_bits(src))) & mask128(w);
		return true;
	}
	case IR_CONCAT:
		d->u64[0] = v[0].u64[0];
		d->u64[1] = op->type == IR_F80 ? v[1].u16[0] : v[1].u64[0];
		return true;
	case IR_PART:
		if (op->imm * 8 < ir_type_bytes[src]) {
			uint64_t n = ir_type_bytes[src] - op->imm * 8;
			memcpy(d, &v[0].u64[op->imm], n < 8 ? n : 8);
		}
		return true;
	case IR_DEPOSIT: {
		unsigned pos = op->x & 255, len = op->x >> 8 & 255;
		ir_u128 m = mask128(len) << pos;
		d->u128[0] = ((v[0].u128[0] & ~m) | (v[1].u128[0] << pos & m)) & mask128(w);
		return true;
	}
	case IR_EXTRACT:
		d->u128[0] = v[0].u128[0] >> (op->x & 255) & mask128(op->x >> 8 & 255);
		return true;
	case IR_SEXTRACT: {
		unsigned pos = op->x & 255, len = op->x >> 8 & 255;
		ir_u128 x = v[0].u128[0] << (128 - pos - len);
		d->u128[0] = (ir_u128)((__int128)x >> (128 - len)) & mask128(w);
		return true;
	}
	case IR_SHRD: {
		ir_u128 hi = v[0].u128[0] & mask128(w), lo = v[1].u128[0] & mask128(w);
		d->u128[0] = (op->imm ? lo >> op->imm | hi << (w - op->imm) : lo) & mask128(w);
		return true;
	}
	case IR_SETCOND:
	case IR_BRCOND: /* whether it is taken */
		d->u8[0] = ir_holds(op->aux, src, &v[0], &v[1]);
		return true;
	case IR_SELECT:
		memcpy(d, ir_holds(op->aux, src, &v[0], &v[1]) ? &v[2] : &v[3], ir_type_bytes[op->type]);
		return true;
	}
	if (flags & IR_F_FPENV || op->op == IR_FCLASS || op->op == IR_FNEG || op->op == IR_FABS || op->op == IR_FWIDEN ||
	    op->op == IR_FNARROW) {
		static struct fpu_status none;
		struct fpu_status *st = state && guest && guest->fpu_offset != IR_NO_OFFSET
						? (struct fpu_status *)(void *)((char *)state + guest->fpu_offset)
						: NULL;
		if (!st && flags & IR_F_FPENV)
			return false;
		return ir_eval_fp(st ? st : &none, op, src, v, d);
	}
	return ir_eval_vec(op, src, v, d);
}
