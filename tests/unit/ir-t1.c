/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random regions give the same state and memory under T1 as under T0: every operation of ops.def with every type it allows,
 * edge operands, constants, branches, locals, helpers of all declarations, loads and stores of both byte orders.
 * A failing region is printed; its number as argument runs it alone.
 */
#include "tap.h"
#include "unit/ir-guest.h"
#include "jit/run.h"
#include <sys/mman.h>

#define CASES 8000

static uint8_t *code;        /* what the guest's pc points to: four bytes a case */
static uint8_t *memory;      /* 4096 bytes the loads and stores hit */
static unsigned used[IR_OPS][IR_TYPES];
static ir_ref pool[IR_TYPES][64];
static unsigned pooled[IR_TYPES];
static struct ir_region *R;

static unsigned rnd(unsigned n)
{
	return (unsigned)(toy_random() >> 33) % n;
}

static uint64_t h_sum(struct cpu *c, uint64_t a, uint64_t b)
{
	(void)c;
	return a * 3 + b;
}
static uint64_t h_state(struct cpu *c, uint64_t a)
{
	struct toy *t = (struct toy *)c;
	for (int i = 0; i < 14; i++)
		t->x[i] = t->x[i] * 5 + a + (uint64_t)i;
	t->w[0] ^= 0x55;
	t->w[2] += 3;
	return t->x[3] ^ t->pc;
}
static uint64_t h_read(struct cpu *c, uint64_t a, uint64_t b, uint64_t d, uint64_t e, uint64_t f)
{
	const struct toy *t = (const struct toy *)c;
	return t->x[0] + t->x[1] * 2 + t->x[7] * 3 + t->x[9] + t->w[0] + (uint8_t)a + (uint16_t)b + (uint32_t)d + e + f;
}
static uint64_t h_wide(struct cpu *c, union ir_value *r, const union ir_value *a, uint64_t b)
{
	(void)c;
	r->u64[0] = a->u64[1] + b;
	r->u64[1] = a->u64[0];
	return 0;
}
static const struct ir_helper helpers[] = {
	{"sum", (void *)h_sum, IR_I32, 2, {IR_I32, IR_I64}, 0},
	{"state", (void *)h_state, IR_I64, 1, {IR_I64}, IR_HELPER_READS | IR_HELPER_WRITES},
	{"read", (void *)h_read, IR_I64, 5, {IR_I8, IR_I16, IR_I32, IR_I64, IR_F64}, IR_HELPER_READS},
	{"wide", (void *)h_wide, IR_V128, 2, {IR_V128, IR_F32}, IR_HELPER_FAULTS},
};

static void keep(ir_ref t)
{
	unsigned type = t ? R->temp[t].type : 0;
	if (t && pooled[type] < 64)
		pool[type][pooled[type]++] = t;
}

static ir_ref value(unsigned type);

static uint64_t fp_edge(unsigned type)
{
	static const uint32_t f32s[] = {0, 0x80000000, 0x3f800000, 0xbfc00000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fa00001,
					0x00000001, 0x80700000, 0x00800000, 0x7f7fffff, 0x4b000001, 0x4f000000};
	static const uint64_t f64s[] = {0, 1ull << 63, 0x3ff0000000000000, 0xbff8000000000000, 0x7ff0000000000000,
					0xfff0000000000000, 0x7ff8000000000001, 0x7ff4000000000001, 1, 0x8007000000000000,
					0x0010000000000000, 0x7fefffffffffffff, 0x4330000000000001, 0x43e0000000000000};
	static const uint16_t f16s[] = {0, 0x8000, 0x3c00, 0xbe00, 0x7c00, 0xfc00, 0x7e00, 0x7d01, 1, 0x400, 0x7bff};
	if (!rnd(3))
		return toy_random();
	return type == IR_F32 ? f32s[rnd(14)] : type == IR_F64 ? f64s[rnd(14)] : f16s[rnd(11)];
}

static ir_ref fresh(unsigned type)
{
	switch (type) {
	case IR_I8: return rnd(3) ? ir_get(R, TOY_B) : ir_const(R, type, toy_edge());
	case IR_I16: return rnd(3) ? ir_get(R, TOY_H) : ir_const(R, type, toy_edge());
	case IR_I32: return rnd(3) ? ir_get(R, TOY_W + rnd(4)) : ir_const(R, type, toy_edge());
	case IR_I64: return rnd(3) ? ir_get(R, rnd(14)) : ir_const(R, type, toy_edge());
	case IR_F16: case IR_F32: case IR_F64:
		if (rnd(2))
			return ir_const(R, type, fp_edge(type));
		return ir_bitcast(R, type, value(type == IR_F16 ? IR_I16 : type == IR_F32 ? IR_I32 : IR_I64));
	case IR_F80:
		return ir_concat(R, type, ir_or(R, value(IR_I64), ir_const(R, IR_I64, 1ull << 63)), value(IR_I64));
	case IR_V64: return ir_bitcast(R, type, value(IR_I64));
	case IR_V128: return rnd(2) ? ir_get(R, TOY_V + rnd(2)) : ir_concat(R, type, value(IR_I64), value(IR_I64));
	case IR_V256: return ir_get(R, TOY_Q + rnd(2));
	default: return ir_concat(R, type, value(IR_I64), value(IR_I64));
	}
}

static ir_ref value(unsigned type)
{
	if (pooled[type] && rnd(4))
		return pool[type][rnd(pooled[type])];
	ir_ref t = fresh(type);
	keep(t);
	return t;
}

static unsigned pick_type(unsigned classes, bool wide)
{
	unsigned t;
	do
		t = 1 + rnd(IR_TYPES - 1);
	while (!(ir_type_class[t] & classes) || (wide && ir_type_bytes[t] <= 8));
	return t;
}

static unsigned any_int(void)
{
	return IR_I8 + rnd(4);
}

static void set_any(ir_ref v)
{
	unsigned type = R->temp[v].type;
	switch (type) {
	case IR_I8: ir_set(R, TOY_B, v); break;
	case IR_I16: ir_set(R, TOY_H, v); break;
	case IR_I32:
		if (rnd(2))
			ir_set(R, TOY_W + rnd(4), v);
		else
			ir_set(R, rnd(14), ir_zext(R, IR_I64, v));
		break;
	case IR_I64: ir_set(R, rnd(14), v); break;
	case IR_F16: ir_set(R, TOY_H, ir_bitcast(R, IR_I16, v)); break;
	case IR_F32: ir_set(R, TOY_W + rnd(4), ir_bitcast(R, IR_I32, v)); break;
	case IR_F64: case IR_V64: ir_set(R, rnd(14), ir_bitcast(R, IR_I64, v)); break;
	case IR_V128: ir_set(R, TOY_V + rnd(2), v); break;
	case IR_V256: ir_set(R, TOY_Q + rnd(2), v); break;
	default:
		ir_set(R, rnd(14), ir_part(R, v, 0));
		ir_set(R, rnd(14), ir_part(R, v, 1));
	}
}

static void memory_op(void)
{
	ir_ref base = ir_get(R, 15);
	bool narrow = !rnd(4);
	unsigned bytes = 1u << rnd(4);
	int64_t disp = (int64_t)rnd(512) * 8;
	unsigned memop = IR_MEM(bytes) | (rnd(3) ? 0 : IR_MEM_BE);
	unsigned type;

	if (narrow) /* the test's memory lies below 4 GB */
		base = ir_zext(R, IR_I32, base);
	switch (rnd(8)) {
	case 0: case 1:
		do
			type = any_int();
		while (ir_type_bytes[type] < bytes);
		if (rnd(2))
			memop |= IR_MEM_SIGNED;
		keep(ir_ld(R, type, base, disp, memop));
		break;
	case 2: case 3:
		do
			type = any_int();
		while (ir_type_bytes[type] < bytes);
		ir_st(R, base, disp, value(type), memop);
		break;
	case 4:
		type = rnd(2) ? IR_V128 : rnd(2) ? IR_F64 : rnd(2) ? IR_F32 : rnd(2) ? IR_V256 : IR_I128;
		memop = (memop & IR_MEM_BE) | IR_MEM(ir_type_bytes[type]);
		if (rnd(2))
			keep(ir_ld(R, type, base, disp & ~31, memop));
		else
			ir_st(R, base, disp & ~31, value(type), memop);
		break;
	case 5:
		type = rnd(6) ? any_int() : IR_I128;
		memop = (memop & IR_MEM_BE) | IR_MEM(ir_type_bytes[type]);
		keep(ir_cmpxchg(R, base, disp & ~15, rnd(2) ? value(type) : ir_ld(R, type, base, disp & ~15, memop), value(type), memop));
		break;
	default: {
		type = any_int();
		memop = (memop & IR_MEM_BE) | IR_MEM(ir_type_bytes[type]);
		ir_ref old = ir_atomic(R, IR_XCHG + rnd(IR_FETCH_MAXU - IR_XCHG + 1), base, disp, value(type), memop);
		if (rnd(2))
			keep(old);
	}
	}
}

static ir_ref operand(unsigned kind, struct ir_op *o)
{
	switch (kind) {
	case IR_K_T: return value(o->type);
	case IR_K_L: return value(o->aux);
	case IR_K_C: return value(any_int());
	case IR_K_I32: return value(IR_I32);
	case IR_K_I64: return value(IR_I64);
	case IR_K_F: return value(IR_F16 + rnd(5));
	case IR_K_X: return value(pick_type(IR_CLASS_VEC, false));
	default: return 0;
	}
}

/* One operation of ops.def by its row. */
static void row(unsigned code_)
{
	const struct ir_op_info *info = &ir_op_info[code_];
	struct ir_op o = {.op = (uint16_t)code_};

	o.type = (uint8_t)pick_type(info->classes, info->wide);
	if (info->flags & IR_F_LANE)
		o.aux = (uint8_t)any_int();
	if (info->flags & IR_F_FLANE)
		o.aux = (uint8_t)(IR_F16 + rnd(3));
	if (info->flags & IR_F_ANYLANE)
		o.aux = (uint8_t)(rnd(2) ? any_int() : IR_F16 + rnd(3));
	o.a = operand(info->a, &o);
	o.b = operand(info->b, &o);
	o.c = operand(info->c, &o);
	o.d = operand(info->d, &o);
	unsigned w = ir_bits(o.type), pos = rnd(w), size = ir_type_bytes[o.aux < IR_TYPES ? o.aux : 0];
	switch (code_) {
	case IR_BITCAST:
		o.a = 0;
		for (unsigned t = 1; t < IR_TYPES; t++) {
			unsigned u = 1 + (t + o.type) % (IR_TYPES - 1);
			if (ir_type_bytes[u] == ir_type_bytes[o.type] && (!o.a || rnd(2)))
				o.a = value(u);
		}
		break;
	case IR_CONCAT:
		if (o.type == IR_V256)
			o.type = IR_V128;
		break;
	case IR_PART:
		o.type = IR_I64;
		o.a = value(rnd(2) ? IR_V128 : rnd(2) ? IR_I128 : IR_F80);
		o.imm = rnd(2);
		break;
	case IR_ZEXT: case IR_SEXT: case IR_TRUNC: {
		unsigned from = IR_I8 + rnd(5), to = IR_I8 + rnd(5);
		if (from == to)
			return;
		o.op = from > to ? IR_TRUNC : rnd(2) ? IR_ZEXT : IR_SEXT;
		o.type = (uint8_t)to;
		o.a = value(from);
		break;
	}
	case IR_DEPOSIT: case IR_EXTRACT: case IR_SEXTRACT:
		o.x = pos | (1 + rnd(w - pos)) << 8;
		break;
	case IR_SHRD: o.imm = rnd(w); break;
	case IR_SETCOND: case IR_SELECT: {
		unsigned t = IR_I8 + rnd(5);
		o.aux = (uint8_t)rnd(IR_CONDS);
		o.a = value(t);
		o.b = rnd(3) ? value(t) : t == IR_I128 ? o.a : ir_const(R, t, rnd(2) ? 0 : toy_edge());
		break;
	}
	case IR_FCMP: o.type = IR_I32; o.b = value(R->temp[o.a].type); o.aux = (uint8_t)rnd(2); break;
	case IR_FCLASS: o.type = IR_I32; break;
	case IR_FCVT:
		if (R->temp[o.a].type == o.type)
			return;
		break;
	case IR_FWIDEN: o.type = IR_F64; o.a = value(IR_F32); break;
	case IR_FNARROW: o.type = IR_I32; o.a = value(IR_F64); break;
	case IR_FMA: o.aux = (uint8_t)rnd(8); break;
	case IR_FMINMAX: o.aux = (uint8_t)rnd(16); break;
	case IR_FRINT: o.aux = (uint8_t)rnd(2); break;
	case IR_FSCALE: o.b = ir_const(R, IR_I32, (uint32_t)((int)rnd(200) - 100)); break;
	case IR_FTOI: o.aux = (uint8_t)rnd(16); break;
	case IR_ITOF: o.aux = (uint8_t)rnd(2); break;
	case IR_FPGET: o.type = IR_I32; o.aux = (uint8_t)rnd(2); break;
	case IR_FPSET:
		o.type = IR_I32;
		o.aux = (uint8_t)rnd(2);
		o.a = ir_const(R, IR_I32, rnd(4));
		break;
	case IR_VSHLI: case IR_VSHRI: case IR_VSARI: o.imm = rnd(size * 8 + 2); break;
	case IR_VSETLANE:
		o.imm = rnd(ir_type_bytes[o.type] / size);
		break;
	case IR_VGETLANE:
		o.type = (uint8_t)(rnd(2) ? any_int() : IR_F16 + rnd(3));
		o.imm = rnd(ir_type_bytes[R->temp[o.a].type] / ir_type_bytes[o.type]);
		break;
	case IR_VCONCAT:
		o.type = (uint8_t)(IR_V128 + rnd(2));
		o.a = value(o.type - 1u);
		o.b = value(o.type - 1u);
		break;
	case IR_VEXT: o.imm = rnd(ir_type_bytes[o.type] + 1u); break;
	case IR_VPACK: case IR_VPACKSS: case IR_VPACKSU: case IR_VPACKUU: o.aux = (uint8_t)(IR_I16 + rnd(3)); break;
	case IR_VPADD: case IR_VZIPLO: case IR_VZIPHI: case IR_VUZPE: case IR_VUZPO:
		if (o.type == IR_V64 && o.aux == IR_I64)
			return;
		break;
	case IR_VWIDENLOU: case IR_VWIDENLOS: case IR_VWIDENHIU: case IR_VWIDENHIS: o.aux = (uint8_t)(IR_I8 + rnd(3)); break;
	case IR_VREDADD: case IR_VREDMAXU: case IR_VREDMINU: case IR_VREDMAXS: case IR_VREDMINS:
		o.type = (uint8_t)any_int();
		break;
	case IR_VMSB: o.type = (uint8_t)(IR_I32 + rnd(2)); break;
	case IR_VFMA: o.imm = rnd(8); break;
	case IR_VFMINMAX: o.imm = rnd(16); break;
	case IR_VFRINT: o.imm = rnd(2); break;
	case IR_VFCMP: o.imm = rnd(32); break;
	case IR_VFTOI: o.imm = rnd(16); break;
	case IR_VITOF: o.imm = rnd(2); break;
	}
	if (info->flags & IR_F_FPENV && code_ != IR_FPGET && code_ != IR_FPSET)
		o.x = rnd(3) ? IR_ROUND_GUEST : 1 + rnd(6);
	used[o.op][o.type]++;
	ir_ref t = ir_emit(R, &o);
	if (code_ == IR_FPGET && !o.aux) /* x86's denormal-operand flag is no other guest's, and roundsd does not raise it */
		t = ir_and(R, t, ir_const(R, IR_I32, FPU_IEEE));
	keep(t);
}

/* Through the builder: folding and identities come in. */
static void built(void)
{
	unsigned type = any_int();
	ir_ref a = value(type), b = value(type);
	static const uint16_t ops[] = {IR_ADD, IR_SUB, IR_AND, IR_OR, IR_XOR, IR_SHL, IR_SHR, IR_SAR, IR_MUL, IR_ROTR, IR_ANDN};
	ir_ref t = ir_binary(R, ops[rnd(11)], a, b);
	if (rnd(2))
		t = rnd(2) ? ir_zext(R, IR_I64, t) : ir_sext(R, IR_I64, t);
	if (rnd(2))
		t = ir_zext(R, any_int(), t);
	keep(t);
	set_any(t);
}

static const uint16_t pure[] = {
#define IR_OP(NAME, ...) IR_##NAME,
#include "jit/ops.def"
};

static bool testable(unsigned op)
{
	const struct ir_op_info *i = &ir_op_info[op];
	return i->dst == IR_K_T && !(i->flags & IR_F_FAULT) && op != IR_GET && op != IR_LDS && op != IR_GETFLAGS &&
	       op != IR_TESTFLAGS && op != IR_CALL && op != IR_NATIVE /* T1's alone: x86-t1 compares it with the helpers */;
}

static void generate(uint64_t number, uint64_t pc)
{
	toy_seed = number * 0x9e3779b97f4a7c15ull + 12345;
	for (int i = 0; i < 4; i++)
		toy_random();
	memset(pooled, 0, sizeof pooled);
	unsigned open[3], opens = 0, n = 5 + rnd(30), local = 0, insns = 0;
	unsigned saved[IR_TYPES];
	bool have_local = false;
	ir_insn(R, pc, 4, 0);
	for (unsigned i = 0; i < n; i++) {
		switch (rnd(16)) {
		case 0: case 1: memory_op(); break;
		case 2: {
			const struct ir_helper *h = &helpers[rnd(4)];
			ir_ref args[5];
			for (unsigned k = 0; k < h->args; k++)
				args[k] = value(h->arg[k]);
			keep(ir_call(R, h, args));
			break;
		}
		case 3: {
			unsigned type = rnd(2) ? IR_I32 : IR_I64;
			ir_ref a = value(type), b = value(type);
			unsigned kind = rnd(3);
			ir_ref c = kind == TOY_OP_SUB ? ir_sub(R, a, b) : kind == TOY_OP_ADD ? ir_add(R, a, b) : ir_and(R, a, b);
			ir_setflags(R, kind | ir_bits(type) << 8, rnd(3) ? 15 : 1 + rnd(15), a, b, c);
			if (rnd(2))
				keep(ir_testflags(R, IR_I32, rnd(9)));
			if (!rnd(3))
				keep(ir_getflags(R, IR_I64, rnd(16)));
			break;
		}
		case 4:
			/* a branch over what follows; values from the skipped part are not used behind it */
			if (opens < 3) {
				open[opens] = ir_label(R);
				unsigned type = IR_I8 + rnd(5);
				if (rnd(3))
					ir_brcond(R, rnd(IR_CONDS), value(type), value(type), open[opens]);
				else
					ir_brflags(R, rnd(9), open[opens]);
				if (!opens++)
					memcpy(saved, pooled, sizeof saved);
			}
			break;
		case 5:
			if (opens) {
				while (opens)
					ir_place(R, open[--opens]);
				memcpy(pooled, saved, sizeof saved);
				ir_insn(R, pc + 4 * ++insns, 4, rnd(100));
			}
			break;
		case 6:
			if (!have_local && !opens) {
				local = ir_local(R, IR_I64);
				ir_set(R, local, value(IR_I64));
				have_local = true;
			} else if (have_local) {
				if (rnd(2))
					ir_set(R, local, value(IR_I64));
				else
					keep(ir_get(R, local));
			}
			break;
		case 7: set_any(value(pick_type(IR_CLASS_INT | IR_CLASS_FP | IR_CLASS_VEC, false))); break;
		case 8:
			if (rnd(2))
				ir_sts(R, value(IR_I64), offsetof(struct toy, raw) + 8 * rnd(4));
			else
				ir_sts(R, value(1 + rnd(IR_TYPES - 1)), offsetof(struct toy, raw));
			break;
		case 9:
			keep(rnd(2) ? ir_lds(R, IR_I32, offsetof(struct toy, raw) + 4 * rnd(8))
				    : ir_lds(R, 1 + rnd(IR_TYPES - 1), offsetof(struct toy, raw)));
			break;
		case 10: ir_insn(R, pc + 4 * ++insns, 4, rnd(100)); break;
		case 11: case 12: built(); break;
		default: {
			unsigned op;
			do
				op = pure[rnd(sizeof pure / sizeof pure[0])];
			while (!testable(op));
			row(op);
		}
		}
	}
	if (opens) {
		while (opens)
			ir_place(R, open[--opens]);
		memcpy(pooled, saved, sizeof saved);
	}
	for (unsigned type = 1; type < IR_TYPES; type++)
		for (unsigned i = 0; i < pooled[type]; i++)
			set_any(pool[type][i]);
	ir_exit_trap(R, TRAP_SYSCALL, 3, pc + 4, pooled[IR_I64] ? pool[IR_I64][0] : 0, 0);
}

static size_t translate(struct ir_region *r, struct cpu *c, uint64_t pc, unsigned max, const uint8_t *bytes, size_t n)
{
	(void)c;
	(void)max;
	(void)bytes;
	(void)n;
	R = r;
	generate((pc - (uint64_t)(uintptr_t)code) / 4, pc);
	return 4;
}

static bool fp_host(const struct cpu *c)
{
	return ((const struct toy *)c)->fpu.round <= FPU_ZERO;
}

static const struct ir_front front = {.guest = &toy_guest, .translate = translate, .fp_host = fp_host, .longest = 4};
static const struct isa isa = {.name = "toy", .bits = 64, .cpu_size = sizeof(struct toy), .host_fault = ir_host_fault};

static void initial(struct toy *t, uint64_t number)
{
	toy_seed = number ^ 0x1234567;
	toy_random();
	struct cpu keep_cpu = t->cpu;
	memset(t, 0, sizeof *t);
	t->cpu = keep_cpu;
	for (int i = 0; i < 16; i++)
		t->x[i] = toy_edge();
	t->x[15] = (uint64_t)(uintptr_t)memory;
	for (int i = 0; i < 4; i++) {
		t->w[i] = (uint32_t)toy_edge();
		t->raw[i] = toy_random();
		for (int k = 0; k < 4; k++)
			t->v[i].u64[k] = rnd(2) ? toy_random() : toy_edge();
	}
	t->h = (uint16_t)toy_edge();
	t->b = (uint8_t)toy_edge();
	t->flags = rnd(16) | 0xf0;
	t->fpu.round = (uint8_t)rnd(4);
	t->fpu.nan_rule = FPU_NAN_SIGNALLING_FIRST;
	t->fpu.fma_order = FPU_FMA_CAB;
	t->fpu.fma_rule = FPU_FMA_DEFAULT;
	t->fpu.nan_default = FPU_DEFNAN_POSITIVE;
	t->fpu.tiny_before = true;
	t->pc = (uint64_t)(uintptr_t)code + number * 4;
	for (int i = 0; i < 4096; i += 8)
		memcpy(memory + i, &(uint64_t){toy_random()}, 8);
}

static bool run(struct jit *j, uint64_t number, struct toy *a, struct toy *b)
{
	static uint8_t after[4096];
	struct ir_region *r = ir_region_new(4096);
	struct err e = ERR_INIT;

	initial(a, number);
	ir_begin(r, &toy_guest, a->pc);
	translate(r, &a->cpu, a->pc, 1, NULL, 0);
	int error = ir_verify(r, &e);
	if (error)
		printf("# region %llu: %s\n", (unsigned long long)number, e.msg);
	ir_interp(r, &a->cpu, 0);
	memcpy(after, memory, sizeof after);
	initial(b, number);
	b->cpu.jit = j;
	ir_run(&b->cpu);
	/* Why an operation was invalid the host does not tell for flags that were raised before; pc's extra word only matters at faults. */
	a->extra = b->extra = 0;
	a->fpu.flags &= FPU_IEEE;
	b->fpu.flags &= FPU_IEEE;
	bool same = !error && !memcmp(after, memory, sizeof after) &&
		    !memcmp(&a->x, &b->x, sizeof *a - offsetof(struct toy, x)) && b->cpu.trap.kind == TRAP_SYSCALL &&
		    a->cpu.trap.error_code == b->cpu.trap.error_code;
	if (!same) {
		printf("# region %llu differs\n", (unsigned long long)number);
		for (int i = 0; i < 16; i++)
			if (a->x[i] != b->x[i])
				printf("#  x%d: T0 %llx T1 %llx\n", i, (unsigned long long)a->x[i], (unsigned long long)b->x[i]);
		for (int i = 0; i < 4; i++)
			if (a->w[i] != b->w[i])
				printf("#  w%d: T0 %x T1 %x\n", i, a->w[i], b->w[i]);
		for (int i = 0; i < 4; i++)
			for (int k = 0; k < 4; k++)
				if (a->v[i].u64[k] != b->v[i].u64[k])
					printf("#  v%d.%d: T0 %llx T1 %llx\n", i, k, (unsigned long long)a->v[i].u64[k],
					       (unsigned long long)b->v[i].u64[k]);
		printf("#  h %x %x b %x %x flags %x %x fpu %x %x round %d %d pc %llx %llx memory %d\n", a->h, b->h, a->b, b->b, a->flags,
		       b->flags, a->fpu.flags, b->fpu.flags, a->fpu.round, b->fpu.round, (unsigned long long)a->pc,
		       (unsigned long long)b->pc, memcmp(after, memory, sizeof after));
	}
	ir_region_free(r);
	return same;
}

static void handler(int sig, siginfo_t *si, void *u)
{
	static struct cpu *c;
	(void)c;
	if (!access_fault(sig, si, u))
		_exit(42);
}

int main(int argc, char **argv)
{
	struct jit_config config = {.isa = &isa, .cache_size = 64 << 20};
	struct err e = ERR_INIT;
	struct toy *a = aligned_alloc(64, (sizeof *a + 63) & ~63ull), *b = aligned_alloc(64, (sizeof *b + 63) & ~63ull);
	unsigned bad = 0;

	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	(void)sa;
	code = mmap(NULL, 4 * CASES + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	memset(a, 0, sizeof *a);
	memset(b, 0, sizeof *b);
	a->cpu.isa = b->cpu.isa = &isa;
	struct jit *j = jit_new(&config, &e);
	if (!j || ir_cpu_init(&b->cpu, j, &front, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		return 1;
	}
	if (argc > 1) {
		uint64_t n = strtoull(argv[1], NULL, 0);
		struct ir_region *r = ir_region_new(4096);
		ir_begin(r, &toy_guest, (uint64_t)(uintptr_t)code + n * 4);
		translate(r, &a->cpu, r->pc, 1, NULL, 0);
		ir_print(r, stdout);
		ir_optimise(r);
		ir_print(r, stdout);
		return !run(j, n, a, b);
	}
	for (uint64_t n = 0; n < CASES && bad < 10; n++)
		bad += !run(j, n, a, b);
	ok(!bad, "%d random regions give the same under T1 as under T0", CASES);
	unsigned missing = 0;
	for (unsigned i = 0; i < sizeof pure / sizeof pure[0]; i++) {
		unsigned sum = 0;
		for (unsigned t = 0; t < IR_TYPES; t++)
			sum += used[pure[i]][t];
		if (testable(pure[i]) && !sum) {
			missing++;
			printf("# %s was never used\n", ir_op_info[pure[i]].name);
		}
	}
	ok(!missing, "and every operation was among them");
	struct jit_stats s;
	jit_stats(j, &s);
	ok(s.interpreted < CASES / 50, "nearly all of them were translated (%llu were not)", (unsigned long long)s.interpreted);
	ir_cpu_free(&b->cpu);
	jit_free(j);
	free(a);
	free(b);
	return tap_done();
}
