/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builder: appends operations, folds what is constant, and forwards the values of slots inside a block (from a label or a
 * state-writing helper to the next). A region that overflows keeps accepting calls and is marked full.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "jit/eval.h"

struct ir_region *ir_region_new(unsigned max_ops)
{
	struct ir_region *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->max_ops = max_ops < 16 ? 16 : max_ops > 60000 ? 60000 : max_ops;
	r->max_temps = r->max_ops + r->max_ops / 2 + 64;
	if (r->max_temps > 65535)
		r->max_temps = 65535;
	/* One more of each takes what does not fit. */
	r->op = malloc(sizeof *r->op * (r->max_ops + 1));
	r->temp = malloc(sizeof *r->temp * (r->max_temps + 1));
	if (!r->op || !r->temp) {
		ir_region_free(r);
		return NULL;
	}
	return r;
}

void ir_region_free(struct ir_region *r)
{
	if (!r)
		return;
	free(r->op);
	free(r->temp);
	free(r->value);
	free(r);
}

static void constant_to_value(struct ir_region *r, ir_ref t)
{
	memset(&r->value[t], 0, sizeof r->value[t]);
	r->value[t].u64[0] = r->temp[t].value;
}

int ir_region_values(struct ir_region *r)
{
	if (r->value)
		return 0;
	size_t bytes = sizeof *r->value * (r->max_temps + 1 + IR_MAX_LOCALS);
	r->value = aligned_alloc(_Alignof(union ir_value), bytes);
	if (!r->value)
		return -ENOMEM;
	memset(r->value, 0, bytes);
	for (unsigned t = 1; t < r->temps; t++)
		if (r->temp[t].constant)
			constant_to_value(r, (ir_ref)t);
	return 0;
}

/* Values of slots that were known are not any longer: paths meet here, or a helper wrote them. */
static void new_block(struct ir_region *r)
{
	r->epoch++;
}

void ir_begin(struct ir_region *r, const struct ir_guest *guest, uint64_t pc)
{
	r->guest = guest;
	r->pc = pc;
	r->ops = 0;
	r->temps = 1;
	r->insns = 0;
	r->labels = r->locals = 0;
	r->full = false;
	new_block(r);
	r->flags_epoch = r->epoch - 1;
}

static ir_ref new_temp(struct ir_region *r, unsigned type)
{
	unsigned t = r->temps;

	if (t >= r->max_temps)
		r->full = true;
	else
		r->temps++;
	r->temp[t].type = (uint8_t)type;
	r->temp[t].constant = false;
	r->temp[t].def = (uint16_t)r->ops;
	return (ir_ref)t;
}

static struct ir_op *new_op(struct ir_region *r)
{
	if (r->ops >= r->max_ops) {
		r->full = true;
		return &r->op[r->max_ops];
	}
	return &r->op[r->ops++];
}

static unsigned slot_index(unsigned slot)
{
	unsigned i = slot & IR_LOCAL ? IR_MAX_SLOTS + (slot & ~IR_LOCAL) : slot;
	return i < IR_MAX_SLOTS + IR_MAX_LOCALS ? i : 0;
}

ir_ref ir_emit(struct ir_region *r, const struct ir_op *op)
{
	const struct ir_op_info *info = &ir_op_info[op->op];
	ir_ref dst = 0;

	if (info->dst == IR_K_T || (info->dst == IR_K_O && op->type != IR_VOID))
		dst = new_temp(r, op->type);
	struct ir_op *o = new_op(r);
	*o = *op;
	o->dst = dst;
	if (op->op == IR_LABEL && op->x < IR_MAX_LABELS)
		r->label_at[op->x] = (uint16_t)(r->ops - 1);
	if (op->op == IR_LABEL ||
	    (op->op == IR_CALL && ((const struct ir_helper *)(uintptr_t)op->imm)->flags & IR_HELPER_WRITES))
		new_block(r);
	else if (op->op == IR_SETFLAGS && r->guest->flags) {
		r->slot_epoch[slot_index(r->guest->flags->slot)] = r->epoch - 1;
		r->flags_epoch = r->epoch;
		r->flags_op = r->ops - 1;
	}
	return dst;
}

/* The short way for the builder's own use. */
#define EMIT(...) ir_emit(r, &(struct ir_op){__VA_ARGS__})

void ir_insn(struct ir_region *r, uint64_t pc, unsigned length, uint32_t extra)
{
	r->insns++;
	EMIT(.op = IR_INSN, .aux = (uint8_t)length, .x = extra, .imm = pc);
}

ir_ref ir_const(struct ir_region *r, enum ir_type type, uint64_t value)
{
	value &= ir_mask(type);
	unsigned h = (unsigned)((value ^ value >> 7 ^ value >> 32) * 5 + type) % IR_CONST_CACHE;
	unsigned t = r->const_cache[h];
	if (t && t < r->temps && r->temp[t].constant && r->temp[t].type == type && r->temp[t].value == value)
		return (ir_ref)t;
	t = new_temp(r, type);
	r->temp[t].constant = true;
	r->temp[t].value = value;
	r->const_cache[h] = (uint16_t)t;
	if (r->value)
		constant_to_value(r, (ir_ref)t);
	return (ir_ref)t;
}

static ir_ref const_value(struct ir_region *r, unsigned type, const union ir_value *v)
{
	return ir_const(r, type, v->u64[0]);
}

static bool known(const struct ir_region *r, ir_ref t)
{
	return t && r->temp[t].constant;
}

/* A constant's value; narrow operand types only. */
static uint64_t value_of(const struct ir_region *r, ir_ref t)
{
	return r->temp[t].value;
}

static const struct ir_op *definition(const struct ir_region *r, ir_ref t)
{
	return t && !r->temp[t].constant && r->temp[t].def < r->ops ? &r->op[r->temp[t].def] : NULL;
}

/* Folds an operation whose operands are all constants into one; 0: it is not that. */
static ir_ref fold(struct ir_region *r, const struct ir_op *op)
{
	union ir_value v[4], d;
	const ir_ref in[4] = {op->a, op->b, op->c, op->d};

	if (ir_type_bytes[op->type] > 8 || ir_op_info[op->op].flags & (IR_F_SIDE | IR_F_FPENV))
		return 0;
	for (unsigned i = 0; i < 4; i++) {
		if (in[i] && !known(r, in[i]))
			return 0;
		memset(&v[i], 0, sizeof v[i]);
		if (in[i])
			v[i].u64[0] = value_of(r, in[i]);
	}
	if (!ir_eval(r->guest, NULL, op, op->a ? r->temp[op->a].type : IR_VOID, v, &d))
		return 0;
	return const_value(r, op->type, &d);
}

static ir_ref fold_or_emit(struct ir_region *r, const struct ir_op *op)
{
	ir_ref t = fold(r, op);
	return t ? t : ir_emit(r, op);
}
#define FOLD(...) fold_or_emit(r, &(struct ir_op){__VA_ARGS__})

ir_ref ir_const_wide(struct ir_region *r, enum ir_type type, uint64_t lo, uint64_t hi)
{
	return ir_concat(r, type, ir_const(r, IR_I64, lo), ir_const(r, IR_I64, hi));
}

ir_ref ir_get(struct ir_region *r, unsigned slot)
{
	unsigned i = slot_index(slot);

	if (r->slot_epoch[i] == r->epoch)
		return r->slot_value[i];
	unsigned type = slot & IR_LOCAL ? r->local_type[slot & ~IR_LOCAL] : r->guest->slots[slot].type;
	ir_ref t = EMIT(.op = IR_GET, .type = (uint8_t)type, .x = slot);
	r->slot_epoch[i] = r->epoch;
	r->slot_value[i] = t;
	return t;
}

void ir_set(struct ir_region *r, unsigned slot, ir_ref value)
{
	unsigned i = slot_index(slot);

	if (r->slot_epoch[i] == r->epoch && r->slot_value[i] == value)
		return;
	if (r->guest->flags && slot == r->guest->flags->slot)
		r->flags_epoch = r->epoch - 1; /* no operation's flags any longer */
	EMIT(.op = IR_SET, .type = r->temp[value].type, .a = value, .x = slot);
	r->slot_epoch[i] = r->epoch;
	r->slot_value[i] = value;
}

unsigned ir_local(struct ir_region *r, enum ir_type type)
{
	if (r->locals >= IR_MAX_LOCALS) {
		r->full = true;
		return IR_LOCAL;
	}
	r->local_type[r->locals] = (uint8_t)type;
	r->slot_epoch[IR_MAX_SLOTS + r->locals] = r->epoch - 1;
	return IR_LOCAL | r->locals++;
}

ir_ref ir_lds(struct ir_region *r, enum ir_type type, uint32_t offset)
{
	return EMIT(.op = IR_LDS, .type = type, .imm = offset);
}

void ir_sts(struct ir_region *r, ir_ref value, uint32_t offset)
{
	EMIT(.op = IR_STS, .type = r->temp[value].type, .a = value, .imm = offset);
}

ir_ref ir_unary(struct ir_region *r, enum ir_opcode op, ir_ref a)
{
	const struct ir_op *d = definition(r, a);

	if (op == IR_MOV)
		return a;
	if (op == IR_CLZ && d && d->op == IR_BITREV && d->type == r->temp[a].type) {
		op = IR_CTZ;
		a = d->a;
	}
	return FOLD(.op = op, .type = r->temp[a].type, .a = a);
}

/* Identities with a constant right operand; 0: none. */
static ir_ref reduce(struct ir_region *r, enum ir_opcode op, ir_ref a, uint64_t b)
{
	unsigned type = r->temp[a].type;
	uint64_t ones = ir_mask(type);

	switch (op) {
	case IR_ADD: case IR_SUB: case IR_OR: case IR_XOR: case IR_ANDN:
		if (!b)
			return a;
		if (op == IR_OR && b == ones)
			return ir_const(r, type, b);
		if (op == IR_ANDN && b == ones)
			return ir_const(r, type, 0);
		break;
	case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROTL: case IR_ROTR:
		if (!(b & (ir_bits(type) - 1)))
			return a;
		break;
	case IR_AND:
		if (b == ones)
			return a;
		if (!b)
			return ir_const(r, type, 0);
		break;
	case IR_MUL:
		if (!b)
			return ir_const(r, type, 0);
		if (b == 1)
			return a;
		if (!(b & (b - 1)))
			return ir_binary_imm(r, IR_SHL, a, (uint64_t)__builtin_ctzll(b));
		break;
	case IR_DIVU:
		if (b && !(b & (b - 1)))
			return ir_binary_imm(r, IR_SHR, a, (uint64_t)__builtin_ctzll(b));
		break;
	default:
		break;
	}
	return 0;
}

ir_ref ir_binary(struct ir_region *r, enum ir_opcode op, ir_ref a, ir_ref b)
{
	unsigned type = r->temp[a].type;

	if (ir_op_info[op].flags & IR_F_COMM && known(r, a) && !known(r, b)) {
		ir_ref t = a;
		a = b;
		b = t;
	}
	if (known(r, b) && ir_type_bytes[type] <= 8 && r->temp[b].type == type) {
		ir_ref t = 0;
		if (known(r, a))
			t = fold(r, &(struct ir_op){.op = op, .type = (uint8_t)type, .a = a, .b = b});
		if (!t)
			t = reduce(r, op, a, value_of(r, b));
		if (t)
			return t;
		const struct ir_op *d = definition(r, a);
		/* (x + c1) + c2 */
		if (op == IR_SUB)
			return ir_binary(r, IR_ADD, a, ir_const(r, type, 0 - value_of(r, b)));
		if (op == IR_ADD && d && d->op == IR_ADD && known(r, d->b))
			return ir_binary(r, IR_ADD, d->a, ir_const(r, type, value_of(r, d->b) + value_of(r, b)));
	}
	if (a == b && ir_is_int(type)) {
		if (op == IR_AND || op == IR_OR)
			return a;
		if ((op == IR_SUB || op == IR_XOR || op == IR_ANDN) && type != IR_I128)
			return ir_const(r, type, 0);
	}
	return EMIT(.op = op, .type = (uint8_t)type, .a = a, .b = b);
}

ir_ref ir_binary_imm(struct ir_region *r, enum ir_opcode op, ir_ref a, uint64_t b)
{
	unsigned type = r->temp[a].type;

	if (type == IR_I128)
		return ir_binary(r, op, a, ir_zext(r, IR_I128, ir_const(r, IR_I64, b)));
	return ir_binary(r, op, a, ir_const(r, type, b));
}

static ir_ref extend(struct ir_region *r, enum ir_opcode op, enum ir_type type, ir_ref a)
{
	unsigned from = r->temp[a].type, have = ir_type_bytes[from], want = ir_type_bytes[type];

	if (have == want)
		return a;
	const struct ir_op *d = definition(r, a);
	if (want < have) {
		if (d && (d->op == IR_ZEXT || d->op == IR_SEXT || d->op == IR_TRUNC)) {
			unsigned inner = ir_type_bytes[r->temp[d->a].type];
			if (inner == want)
				return d->a;
			if (inner > want)
				return FOLD(.op = IR_TRUNC, .type = type, .a = d->a);
			return extend(r, d->op, type, d->a);
		}
		return FOLD(.op = IR_TRUNC, .type = type, .a = a);
	}
	if (d && (d->op == op || (d->op == IR_ZEXT && op == IR_SEXT)) && d->op != IR_TRUNC)
		return FOLD(.op = d->op, .type = type, .a = d->a);
	return FOLD(.op = op, .type = type, .a = a);
}

ir_ref ir_zext(struct ir_region *r, enum ir_type type, ir_ref a)
{
	return extend(r, IR_ZEXT, type, a);
}

ir_ref ir_sext(struct ir_region *r, enum ir_type type, ir_ref a)
{
	return extend(r, IR_SEXT, type, a);
}

ir_ref ir_bitcast(struct ir_region *r, enum ir_type type, ir_ref a)
{
	if (r->temp[a].type == type)
		return a;
	const struct ir_op *d = definition(r, a);
	if (d && d->op == IR_BITCAST)
		return ir_bitcast(r, type, d->a);
	return FOLD(.op = IR_BITCAST, .type = type, .a = a);
}

ir_ref ir_concat(struct ir_region *r, enum ir_type type, ir_ref lo, ir_ref hi)
{
	return EMIT(.op = IR_CONCAT, .type = type, .a = lo, .b = hi);
}

ir_ref ir_part(struct ir_region *r, ir_ref wide, unsigned n)
{
	const struct ir_op *d = definition(r, wide);
	if (d && d->op == IR_CONCAT && n < 2 && (d->type != IR_F80 || !n))
		return n ? d->b : d->a;
	return EMIT(.op = IR_PART, .type = IR_I64, .a = wide, .imm = n);
}

ir_ref ir_deposit(struct ir_region *r, ir_ref a, ir_ref b, unsigned pos, unsigned len)
{
	unsigned type = r->temp[a].type;
	if (pos == 0 && len == ir_bits(type))
		return b;
	return FOLD(.op = IR_DEPOSIT, .type = (uint8_t)type, .a = a, .b = b, .x = pos | len << 8);
}

ir_ref ir_extract(struct ir_region *r, ir_ref a, unsigned pos, unsigned len)
{
	unsigned type = r->temp[a].type;
	if (len == ir_bits(type))
		return a;
	if (pos + len == ir_bits(type) && type != IR_I128)
		return ir_binary_imm(r, IR_SHR, a, pos);
	return FOLD(.op = IR_EXTRACT, .type = (uint8_t)type, .a = a, .x = pos | len << 8);
}

ir_ref ir_sextract(struct ir_region *r, ir_ref a, unsigned pos, unsigned len)
{
	unsigned type = r->temp[a].type;
	if (len == ir_bits(type))
		return a;
	if (pos + len == ir_bits(type) && type != IR_I128)
		return ir_binary_imm(r, IR_SAR, a, pos);
	return FOLD(.op = IR_SEXTRACT, .type = (uint8_t)type, .a = a, .x = pos | len << 8);
}

ir_ref ir_shrd(struct ir_region *r, ir_ref hi, ir_ref lo, unsigned count)
{
	if (!count)
		return lo;
	return FOLD(.op = IR_SHRD, .type = r->temp[hi].type, .a = hi, .b = lo, .imm = count);
}

/* The condition with its operands exchanged. */
static enum ir_cond swapped(enum ir_cond cond)
{
	static const uint8_t to[IR_CONDS] = {IR_EQ, IR_NE, IR_GTU, IR_LEU, IR_GEU, IR_LTU,
					     IR_GTS, IR_LES, IR_GES, IR_LTS, IR_TSTZ, IR_TSTNZ};
	return to[cond];
}

static enum ir_cond constant_right(const struct ir_region *r, enum ir_cond cond, ir_ref *a, ir_ref *b)
{
	if (known(r, *a) && !known(r, *b)) {
		ir_ref t = *a;
		*a = *b;
		*b = t;
		return swapped(cond);
	}
	return cond;
}

static int known_condition(const struct ir_region *r, enum ir_cond cond, ir_ref a, ir_ref b)
{
	if (!known(r, a) || !known(r, b))
		return -1;
	union ir_value x = {.u64 = {value_of(r, a)}}, y = {.u64 = {value_of(r, b)}};
	return ir_holds(cond, r->temp[a].type, &x, &y);
}

/* A test of a setcond's result against 0 is that setcond's own. */
static enum ir_cond direct(const struct ir_region *r, enum ir_cond cond, ir_ref *a, ir_ref *b)
{
	const struct ir_op *d = definition(r, *a);

	if ((cond != IR_EQ && cond != IR_NE) || !d || d->op != IR_SETCOND || !known(r, *b) || value_of(r, *b))
		return cond;
	*a = d->a;
	*b = d->b;
	return cond == IR_NE ? d->aux : d->aux ^ 1u;
}

ir_ref ir_setcond(struct ir_region *r, enum ir_type type, enum ir_cond cond, ir_ref a, ir_ref b)
{
	cond = constant_right(r, cond, &a, &b);
	cond = direct(r, cond, &a, &b);
	return FOLD(.op = IR_SETCOND, .type = type, .aux = cond, .a = a, .b = b);
}

ir_ref ir_select(struct ir_region *r, enum ir_cond cond, ir_ref a, ir_ref b, ir_ref if_true, ir_ref if_false)
{
	cond = constant_right(r, cond, &a, &b);
	cond = direct(r, cond, &a, &b);
	int k = known_condition(r, cond, a, b);
	if (k >= 0 || if_true == if_false)
		return k ? if_true : if_false;
	return EMIT(.op = IR_SELECT, .type = r->temp[if_true].type, .aux = cond, .a = a, .b = b, .c = if_true,
		    .d = if_false);
}

unsigned ir_label(struct ir_region *r)
{
	if (r->labels >= IR_MAX_LABELS) {
		r->full = true;
		return 0;
	}
	return r->labels++;
}

void ir_place(struct ir_region *r, unsigned label)
{
	EMIT(.op = IR_LABEL, .x = label);
}

void ir_br(struct ir_region *r, unsigned label)
{
	EMIT(.op = IR_BR, .x = label);
}

void ir_brcond(struct ir_region *r, enum ir_cond cond, ir_ref a, ir_ref b, unsigned label)
{
	cond = constant_right(r, cond, &a, &b);
	cond = direct(r, cond, &a, &b);
	if (known_condition(r, cond, a, b) != 0)
		EMIT(.op = IR_BRCOND, .type = r->temp[a].type, .aux = cond, .a = a, .b = b, .x = label);
}

/* addr + c into the displacement, where the sum cannot wrap differently: addresses of 64 bits. */
static ir_ref address(struct ir_region *r, ir_ref addr, int64_t *disp)
{
	const struct ir_op *d = definition(r, addr);
	if (d && d->op == IR_ADD && d->type == IR_I64 && known(r, d->b)) {
		int64_t sum = (int64_t)((uint64_t)*disp + value_of(r, d->b));
		if (sum == (int32_t)sum) {
			*disp = sum;
			return d->a;
		}
	}
	return addr;
}

ir_ref ir_ld(struct ir_region *r, enum ir_type type, ir_ref addr, int64_t disp, unsigned memop)
{
	addr = address(r, addr, &disp);
	return EMIT(.op = IR_LD, .type = type, .a = addr, .x = memop, .imm = (uint64_t)disp);
}

void ir_st(struct ir_region *r, ir_ref addr, int64_t disp, ir_ref value, unsigned memop)
{
	addr = address(r, addr, &disp);
	EMIT(.op = IR_ST, .type = r->temp[value].type, .a = addr, .b = value, .x = memop, .imm = (uint64_t)disp);
}

ir_ref ir_cmpxchg(struct ir_region *r, ir_ref addr, int64_t disp, ir_ref expected, ir_ref new_value, unsigned memop)
{
	return EMIT(.op = IR_CMPXCHG, .type = r->temp[expected].type, .a = addr, .b = expected, .c = new_value,
		    .x = memop, .imm = (uint64_t)disp);
}

ir_ref ir_atomic(struct ir_region *r, enum ir_opcode op, ir_ref addr, int64_t disp, ir_ref value, unsigned memop)
{
	return EMIT(.op = op, .type = r->temp[value].type, .a = addr, .b = value, .x = memop, .imm = (uint64_t)disp);
}

void ir_fence(struct ir_region *r, unsigned fence)
{
	EMIT(.op = IR_FENCE, .aux = (uint8_t)fence);
}

void ir_setflags(struct ir_region *r, uint32_t flags_op, uint64_t mask, ir_ref a, ir_ref b, ir_ref result)
{
	EMIT(.op = IR_SETFLAGS, .type = r->temp[a].type, .a = a, .b = b, .c = result, .x = flags_op, .imm = mask);
}

ir_ref ir_getflags(struct ir_region *r, enum ir_type type, uint64_t mask)
{
	return EMIT(.op = IR_GETFLAGS, .type = type, .imm = mask);
}

/* The condition as a comparison of the operands of the setflags that made all its bits, earlier in this block. */
static bool fused(struct ir_region *r, unsigned condition, enum ir_cond *cond, ir_ref *a, ir_ref *b)
{
	const struct ir_flags *f = r->guest->flags;
	const struct ir_op *o = &r->op[r->flags_op];
	struct ir_fuse how;

	if (!f || !f->fuse || r->flags_epoch != r->epoch || r->flags_op >= r->ops || o->op != IR_SETFLAGS ||
	    f->needs(condition) & ~o->imm || !f->fuse(o->x, condition, &how))
		return false;
	const ir_ref from[] = {o->a, o->b, o->c};
	*cond = how.cond;
	enum ir_type type = o->type;
	*a = how.lhs == IR_FLAG_ZERO ? ir_const(r, type, 0) : from[how.lhs];
	*b = how.rhs == IR_FLAG_ZERO  ? ir_const(r, type, 0)
	     : how.rhs >= IR_FLAG_IMM ? ir_const(r, type, how.rhs - IR_FLAG_IMM)
				      : from[how.rhs];
	return *a && *b && r->temp[*a].type == r->temp[*b].type;
}

ir_ref ir_testflags(struct ir_region *r, enum ir_type type, unsigned condition)
{
	enum ir_cond cond;
	ir_ref a, b;

	if (fused(r, condition, &cond, &a, &b))
		return ir_setcond(r, type, cond, a, b);
	return EMIT(.op = IR_TESTFLAGS, .type = type, .aux = (uint8_t)condition);
}

void ir_brflags(struct ir_region *r, unsigned condition, unsigned label)
{
	enum ir_cond cond;
	ir_ref a, b;

	if (fused(r, condition, &cond, &a, &b)) {
		ir_brcond(r, cond, a, b, label);
		return;
	}
	EMIT(.op = IR_BRFLAGS, .aux = (uint8_t)condition, .x = label);
}

ir_ref ir_call(struct ir_region *r, const struct ir_helper *h, const ir_ref *args)
{
	struct ir_op op = {.op = IR_CALL, .type = h->ret, .imm = (uint64_t)(uintptr_t)h};
	ir_ref *to[5] = {&op.a, &op.b, &op.c, &op.d, &op.y};

	for (unsigned i = 0; i < h->args && i < 5; i++)
		*to[i] = args[i];
	return ir_emit(r, &op);
}

void ir_poll(struct ir_region *r, uint64_t pc)
{
	EMIT(.op = IR_POLL, .imm = pc);
}

void ir_exit_pc(struct ir_region *r, uint64_t pc)
{
	EMIT(.op = IR_EXIT_PC, .imm = pc);
}

void ir_exit_call(struct ir_region *r, uint64_t pc, uint64_t return_pc)
{
	ir_ref back = ir_const(r, r->guest->pc_type, return_pc);
	EMIT(.op = IR_EXIT_PC, .aux = IR_HINT_CALL, .a = back, .imm = pc);
}

void ir_exit_ind(struct ir_region *r, ir_ref pc, enum ir_hint hint, uint64_t return_pc)
{
	ir_ref back = hint == IR_HINT_CALL ? ir_const(r, r->guest->pc_type, return_pc) : 0;
	EMIT(.op = IR_EXIT_IND, .aux = hint, .a = pc, .b = back);
}

void ir_exit_trap(struct ir_region *r, unsigned kind, int n, uint64_t pc, ir_ref error, ir_ref address_)
{
	EMIT(.op = IR_EXIT_TRAP, .aux = (uint8_t)kind, .a = error, .b = address_, .x = (uint32_t)n, .imm = pc);
}

ir_ref ir_fp(struct ir_region *r, enum ir_opcode op, enum ir_round round, unsigned aux, ir_ref a, ir_ref b, ir_ref c)
{
	return EMIT(.op = op, .type = r->temp[a].type, .aux = (uint8_t)aux, .a = a, .b = b, .c = c, .x = round);
}

ir_ref ir_fcmp(struct ir_region *r, ir_ref a, ir_ref b, bool signalling)
{
	return EMIT(.op = IR_FCMP, .type = IR_I32, .aux = signalling, .a = a, .b = b);
}

ir_ref ir_fcvt(struct ir_region *r, enum ir_type type, ir_ref a, enum ir_round round)
{
	return EMIT(.op = IR_FCVT, .type = type, .a = a, .x = round);
}

ir_ref ir_ftoi(struct ir_region *r, enum ir_type type, ir_ref a, enum ir_round round, unsigned how)
{
	return EMIT(.op = IR_FTOI, .type = type, .aux = (uint8_t)how, .a = a, .x = round);
}

ir_ref ir_itof(struct ir_region *r, enum ir_type type, ir_ref a, bool is_signed, enum ir_round round)
{
	return EMIT(.op = IR_ITOF, .type = type, .aux = is_signed, .a = a, .x = round);
}

ir_ref ir_vec1(struct ir_region *r, enum ir_opcode op, enum ir_type lane, ir_ref a, uint64_t imm)
{
	return EMIT(.op = op, .type = r->temp[a].type, .aux = lane, .a = a, .imm = imm);
}

ir_ref ir_vec2(struct ir_region *r, enum ir_opcode op, enum ir_type lane, ir_ref a, ir_ref b, uint64_t imm)
{
	return EMIT(.op = op, .type = r->temp[a].type, .aux = lane, .a = a, .b = b, .imm = imm);
}

ir_ref ir_vec3(struct ir_region *r, enum ir_opcode op, enum ir_type lane, ir_ref a, ir_ref b, ir_ref c, uint64_t imm)
{
	return EMIT(.op = op, .type = r->temp[a].type, .aux = lane, .a = a, .b = b, .c = c, .imm = imm);
}

ir_ref ir_vdup(struct ir_region *r, enum ir_type type, enum ir_type lane, ir_ref scalar)
{
	return EMIT(.op = IR_VDUP, .type = type, .aux = lane, .a = scalar);
}

ir_ref ir_vgetlane(struct ir_region *r, enum ir_type lane, ir_ref v, unsigned n)
{
	const struct ir_op *d = definition(r, v);

	/* What was just put there. */
	if (d && d->op == IR_VSETLANE && d->aux == lane && d->imm == n)
		return d->b;
	return EMIT(.op = IR_VGETLANE, .type = lane, .a = v, .imm = n);
}

ir_ref ir_vreduce(struct ir_region *r, enum ir_opcode op, enum ir_type type, enum ir_type lane, ir_ref v)
{
	return EMIT(.op = op, .type = type, .aux = lane, .a = v);
}

ir_ref ir_vresize(struct ir_region *r, enum ir_type type, ir_ref v)
{
	return r->temp[v].type == type ? v : EMIT(.op = IR_VRESIZE, .type = type, .a = v);
}
