/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a region well-formed? Every operation against its row, labels placed once, no path off the end, and every value and
 * local defined on all paths before its use. Run in tests and between passes in test builds, not in production.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "jit/ir.h"

struct verify {
	const struct ir_region *r;
	struct err *e;
	uint32_t at;
	uint32_t words;       /* of a set of values and locals */
	uint64_t *now;
	uint64_t *label_set;  /* what is defined at each label */
	uint32_t label_at[IR_MAX_LABELS];
};

#define BAD(v, ...) bad(v, __VA_ARGS__)
static int bad(struct verify *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct verify *v, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	unsigned op = v->at < v->r->ops ? v->r->op[v->at].op : IR_NOP;
	return err_set(v->e, EINVAL, "operation %u (%s): %s", v->at, op < IR_OPS ? ir_op_info[op].name : "?", text);
}

static int operand(struct verify *v, const struct ir_op *o, unsigned kind, ir_ref t, char name)
{
	const struct ir_region *r = v->r;
	unsigned want = 0;

	if (kind == IR_K_N)
		return t ? BAD(v, "operand %c is not used", name) : 0;
	if (!t)
		return kind == IR_K_O || kind == IR_K_R ? 0 : BAD(v, "operand %c is missing", name);
	if (t >= r->temps)
		return BAD(v, "operand %c is no value of this region", name);
	unsigned type = r->temp[t].type;
	switch (kind) {
	case IR_K_T: want = o->type; break;
	case IR_K_L: want = o->aux; break;
	case IR_K_I32: want = IR_I32; break;
	case IR_K_I64: want = IR_I64; break;
	case IR_K_C:
		return ir_is_int(type) ? 0 : BAD(v, "operand %c must be an integer", name);
	case IR_K_A:
		return type == IR_I32 || type == IR_I64 ? 0 : BAD(v, "operand %c must be an address", name);
	case IR_K_R:
		return ir_is_int(type) ? 0 : BAD(v, "operand %c must be an integer", name);
	case IR_K_F:
		return ir_type_class[type] == IR_CLASS_FP ? 0 : BAD(v, "operand %c must be floating-point", name);
	default:
		return 0;
	}
	return type == want ? 0 : BAD(v, "operand %c is %s, must be %s", name, ir_type_name[type], ir_type_name[want]);
}

static int slot(struct verify *v, const struct ir_op *o)
{
	const struct ir_region *r = v->r;
	unsigned type;

	if (o->x & IR_LOCAL) {
		if ((o->x & ~IR_LOCAL) >= r->locals)
			return BAD(v, "no such local");
		type = r->local_type[o->x & ~IR_LOCAL];
	} else {
		if (o->x >= r->guest->slot_count)
			return BAD(v, "no such slot");
		type = r->guest->slots[o->x].type;
	}
	return type == o->type ? 0 : BAD(v, "slot is %s, not %s", ir_type_name[type], ir_type_name[o->type]);
}

static int memory(struct verify *v, const struct ir_op *o)
{
	unsigned n = 1u << (o->x & IR_MEM_LOG2), have = ir_type_bytes[o->type];

	if (n > 32 || n > have)
		return BAD(v, "%u bytes of memory do not fit %s", n, ir_type_name[o->type]);
	if (!ir_is_int(o->type) && n != have)
		return BAD(v, "%u bytes of memory are no %s", n, ir_type_name[o->type]);
	if (o->op != IR_LD && o->op != IR_ST && n != have)
		return BAD(v, "an atomic operation's memory is as long as its type");
	if (o->x & IR_MEM_SIGNED && o->op != IR_LD)
		return BAD(v, "only a load extends a sign");
	return 0;
}

static int call(struct verify *v, const struct ir_op *o)
{
	const struct ir_helper *h = (const struct ir_helper *)(uintptr_t)o->imm;
	const ir_ref in[5] = {o->a, o->b, o->c, o->d, o->y};

	if (!h || !h->fn)
		return BAD(v, "no helper");
	if (h->args > 5 || h->ret >= IR_TYPES || o->type != h->ret || (ir_type_bytes[h->ret] > 8) + h->args > 5)
		return BAD(v, "helper %s: result or number of arguments", h->name);
	for (unsigned i = 0; i < 5; i++) {
		if ((i < h->args) != (in[i] != 0))
			return BAD(v, "helper %s: %u arguments wanted", h->name, h->args);
		if (in[i] && (in[i] >= v->r->temps || v->r->temp[in[i]].type != h->arg[i]))
			return BAD(v, "helper %s: argument %u must be %s", h->name, i + 1, ir_type_name[h->arg[i]]);
	}
	return 0;
}

/* What the row cannot say. */
static int special(struct verify *v, const struct ir_op *o)
{
	const struct ir_region *r = v->r;
	unsigned src = o->a ? r->temp[o->a].type : IR_VOID, bytes = ir_type_bytes[o->type];
	unsigned pos = o->x & 255, len = o->x >> 8 & 255;

	switch (o->op) {
	case IR_GET: case IR_SET:
		return slot(v, o);
	case IR_ZEXT: case IR_SEXT:
		return ir_type_bytes[src] < bytes ? 0 : BAD(v, "source is not narrower");
	case IR_TRUNC:
		return ir_type_bytes[src] > bytes ? 0 : BAD(v, "source is not wider");
	case IR_BITCAST:
		return ir_type_bytes[src] == bytes ? 0 : BAD(v, "sizes differ");
	case IR_CONCAT:
		return bytes == 16 || bytes == 10 ? 0 : BAD(v, "%s is not two parts", ir_type_name[o->type]);
	case IR_PART:
		if (o->type != IR_I64 || ir_type_bytes[src] <= 8)
			return BAD(v, "takes an i64 from a wide value");
		return o->imm * 8 < ir_type_bytes[src] ? 0 : BAD(v, "no such part");
	case IR_DEPOSIT: case IR_EXTRACT: case IR_SEXTRACT:
		return len && pos + len <= bytes * 8 ? 0 : BAD(v, "bits %u +%u are not in %s", pos, len, ir_type_name[o->type]);
	case IR_SHRD:
		return o->imm < bytes * 8 ? 0 : BAD(v, "count is too large");
	case IR_SETCOND: case IR_SELECT: case IR_BRCOND:
		if (o->aux >= IR_CONDS)
			return BAD(v, "no such condition");
		return r->temp[o->b].type == src ? 0 : BAD(v, "compared values differ in type");
	case IR_FCMP:
		if (o->type != IR_I32)
			return BAD(v, "gives an i32");
		return r->temp[o->b].type == src ? 0 : BAD(v, "compared values differ in type");
	case IR_FCLASS: case IR_FPGET: case IR_FPSET:
		return o->type == IR_I32 ? 0 : BAD(v, "type must be i32");
	case IR_FCVT:
		return src != o->type ? 0 : BAD(v, "converts a type to itself");
	case IR_FWIDEN:
		return src == IR_F32 && o->type == IR_F64 ? 0 : BAD(v, "takes an f32, gives an f64");
	case IR_FNARROW:
		return src == IR_F64 && o->type == IR_I32 ? 0 : BAD(v, "takes an f64, gives an i32");
	case IR_CALL:
		return call(v, o);
	case IR_SETFLAGS: case IR_GETFLAGS: case IR_TESTFLAGS: case IR_BRFLAGS:
		if (!r->guest->flags)
			return BAD(v, "guest %s has no flags", r->guest->name);
		if (o->op == IR_SETFLAGS && (bytes > 8 || o->imm & ~r->guest->flags->mask))
			return BAD(v, "mask or type");
		return 0;
	case IR_EXIT_PC:
		return o->aux != IR_HINT_CALL || o->a ? 0 : BAD(v, "a call needs its return address");
	case IR_EXIT_IND:
		if (src != r->guest->pc_type)
			return BAD(v, "target is not of the pc's type");
		return o->aux != IR_HINT_CALL || o->b ? 0 : BAD(v, "a call needs its return address");
	case IR_VGETLANE:
		return (o->imm + 1) * bytes <= ir_type_bytes[src] && ir_type_class[src] == IR_CLASS_VEC
			       ? 0 : BAD(v, "no such lane");
	case IR_VSETLANE:
		return (o->imm + 1) * ir_type_bytes[o->aux] <= bytes ? 0 : BAD(v, "no such lane");
	case IR_VREDADD: case IR_VREDMAXU: case IR_VREDMINU: case IR_VREDMAXS: case IR_VREDMINS:
		return ir_type_class[src] == IR_CLASS_VEC && bytes <= 8 ? 0 : BAD(v, "takes a vector, gives a lane");
	case IR_VMSB:
		if (ir_type_class[src] != IR_CLASS_VEC || (o->type != IR_I32 && o->type != IR_I64))
			return BAD(v, "takes a vector, gives i32 or i64");
		return 0;
	case IR_VRESIZE:
		return ir_type_class[src] == IR_CLASS_VEC ? 0 : BAD(v, "takes a vector");
	case IR_VCONCAT:
		return src == r->temp[o->b].type && ir_type_bytes[src] * 2 == bytes ? 0 : BAD(v, "takes two halves");
	case IR_VPACK: case IR_VPACKSS: case IR_VPACKSU: case IR_VPACKUU:
		return o->aux != IR_I8 ? 0 : BAD(v, "a byte has no half");
	case IR_VPADD: case IR_VZIPLO: case IR_VZIPHI: case IR_VUZPE: case IR_VUZPO:
		return 2 * ir_type_bytes[o->aux] <= bytes ? 0 : BAD(v, "one lane has no neighbour");
	case IR_VWIDENLOU: case IR_VWIDENLOS: case IR_VWIDENHIU: case IR_VWIDENHIS:
		return o->aux != IR_I64 ? 0 : BAD(v, "no lane of 128 bits");
	default:
		return 0;
	}
}

static int one(struct verify *v, const struct ir_op *o)
{
	if (o->op >= IR_OPS)
		return BAD(v, "no such operation");
	if (o->op == IR_NOP)
		return 0;
	const struct ir_op_info *info = &ir_op_info[o->op];
	if (o->type >= IR_TYPES)
		return BAD(v, "no such type");
	if (!(ir_type_class[o->type] & info->classes) || (info->wide && ir_type_bytes[o->type] <= 8))
		return BAD(v, "type %s is not allowed", ir_type_name[o->type]);
	if (o->type == IR_VOID && info->classes != IR_CLASS_VOID && o->op != IR_CALL)
		return BAD(v, "a type is missing");
	unsigned lane = o->aux < IR_TYPES ? o->aux : IR_VOID;
	bool integer_lane = ir_is_int(lane) && lane != IR_I128;
	bool fp_lane = lane == IR_F16 || lane == IR_F32 || lane == IR_F64;
	if ((info->flags & IR_F_LANE && !integer_lane) || (info->flags & IR_F_FLANE && !fp_lane) ||
	    (info->flags & IR_F_ANYLANE && !integer_lane && !fp_lane))
		return BAD(v, "no such lane type");
	bool gives = info->dst == IR_K_T || (info->dst == IR_K_O && o->type != IR_VOID);
	if (gives != (o->dst != 0))
		return BAD(v, gives ? "result is missing" : "has no result");
	if (o->dst && (o->dst >= v->r->temps || v->r->temp[o->dst].constant || v->r->temp[o->dst].type != o->type))
		return BAD(v, "result is no value of type %s", ir_type_name[o->type]);
	int error = 0;
	if (o->op != IR_CALL) {
		if ((error = operand(v, o, info->a, o->a, 'a')) || (error = operand(v, o, info->b, o->b, 'b')) ||
		    (error = operand(v, o, info->c, o->c, 'c')) || (error = operand(v, o, info->d, o->d, 'd')))
			return error;
		if (o->y)
			return BAD(v, "operand y is not used");
	}
	if (info->flags & IR_F_FAULT && (error = memory(v, o)))
		return error;
	if ((info->flags & IR_F_BR || o->op == IR_LABEL) && o->x >= v->r->labels)
		return BAD(v, "no such label");
	return special(v, o);
}

static bool has(const uint64_t *set, unsigned n)
{
	return set[n / 64] >> (n % 64) & 1;
}

/* The set at a label shrinks to what is defined here. Value 0 is in no real set. */
static bool narrow(struct verify *v, uint32_t label)
{
	uint64_t *s = v->label_set + (size_t)label * v->words;
	bool changed = false;
	for (uint32_t i = 0; i < v->words; i++) {
		changed |= (s[i] & v->now[i]) != s[i];
		s[i] &= v->now[i];
	}
	return changed;
}

/* One walk over the region; `check` reports uses of what is not defined. Sets *changed when a label's set shrank. */
static int walk(struct verify *v, bool check, bool *changed)
{
	const struct ir_region *r = v->r;
	bool reachable = true;

	memset(v->now, 0, v->words * 8);
	for (v->at = 0; v->at < r->ops; v->at++) {
		const struct ir_op *o = &r->op[v->at];
		const struct ir_op_info *info = &ir_op_info[o->op];
		if (o->op == IR_LABEL) {
			if (reachable)
				*changed |= narrow(v, o->x);
			memcpy(v->now, v->label_set + (size_t)o->x * v->words, v->words * 8);
			reachable = !has(v->now, 0); /* nobody narrowed it: nobody comes here */
			continue;
		}
		if (!reachable)
			continue;
		const ir_ref in[5] = {o->a, o->b, o->c, o->d, o->y};
		for (unsigned i = 0; check && i < 5; i++)
			if (in[i] && !r->temp[in[i]].constant && !has(v->now, in[i]))
				return BAD(v, "value %%%u is not defined on every path to here", in[i]);
		if (o->op == IR_GET && o->x & IR_LOCAL && check && !has(v->now, r->temps + (o->x & ~IR_LOCAL)))
			return BAD(v, "local%u is not set on every path to here", o->x & ~IR_LOCAL);
		unsigned def = o->dst ? o->dst : o->op == IR_SET && o->x & IR_LOCAL ? r->temps + (o->x & ~IR_LOCAL) : 0;
		if (def) {
			if (check && o->dst && has(v->now, def))
				return BAD(v, "value %%%u is defined twice", def);
			v->now[def / 64] |= 1ull << (def % 64);
		}
		if (info->flags & IR_F_BR)
			*changed |= narrow(v, o->x);
		if (info->flags & IR_F_END ||
		    (o->op == IR_CALL && ((const struct ir_helper *)(uintptr_t)o->imm)->flags & IR_HELPER_ENDS))
			reachable = false;
	}
	return reachable ? BAD(v, "the region does not end with an exit") : 0;
}

int ir_verify(const struct ir_region *r, struct err *e)
{
	struct verify v = {.r = r, .e = e};
	int error = 0;

	if (r->full)
		return err_set(e, EINVAL, "the region is full");
	if (!r->ops)
		return err_set(e, EINVAL, "the region is empty");
	for (unsigned i = 0; i < r->labels; i++)
		v.label_at[i] = UINT32_MAX;
	for (v.at = 0; v.at < r->ops && !error; v.at++) {
		const struct ir_op *o = &r->op[v.at];
		error = one(&v, o);
		if (!error && o->op == IR_LABEL) {
			if (v.label_at[o->x] != UINT32_MAX)
				error = BAD(&v, "label is placed twice");
			v.label_at[o->x] = v.at;
		}
	}
	if (error)
		return error;
	for (v.at = 0; v.at < r->ops; v.at++)
		if (ir_op_info[r->op[v.at].op].flags & IR_F_BR && v.label_at[r->op[v.at].x] == UINT32_MAX)
			return BAD(&v, "its label is not placed");
	v.words = (r->temps + IR_MAX_LOCALS + 63) / 64;
	v.now = calloc(v.words, 8);
	v.label_set = malloc((size_t)v.words * 8 * (r->labels + 1u));
	if (!v.now || !v.label_set) {
		error = err_set(e, ENOMEM, "no memory to verify a region");
	} else {
		bool changed = true;
		memset(v.label_set, 0xff, (size_t)v.words * 8 * (r->labels + 1u));
		while (changed && !error) {
			changed = false;
			error = walk(&v, false, &changed);
		}
		if (!error)
			error = walk(&v, true, &changed);
	}
	free(v.now);
	free(v.label_set);
	return error;
}
