/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What leaves translated code: helpers, operations done by the interpreter's functions, exits.
 */
#include "fpu/fpu.h"
#include "jit/host/x86-64-t1.h"
#include "jit/interp.h"

/* ---- C functions that translated code calls ---- */

/*
 * src is kept in the copy's z. frame: operands 0..3, result 4. What looks at the floating-point status sees the flags that
 * the host's instructions have raised, and the host gets the rounding that it sets.
 */
void t1_eval_in_frame(struct cpu *cpu, const struct ir_op *o, union ir_value *frame, const struct ir_guest *guest)
{
	bool status = (o->op == IR_FPGET || o->op == IR_FPSET) && guest->fpu_offset != IR_NO_OFFSET;
	struct fpu_status *st = (void *)((char *)cpu + guest->fpu_offset);
	union ir_value d;

	if (status)
		st->flags |= __builtin_ia32_stmxcsr() & 0x3f;
	if (ir_eval(guest, cpu, o, o->z, frame, &d))
		frame[4] = d;
	if (status)
		__builtin_ia32_ldmxcsr(0x1f80 | (st->round <= FPU_ZERO ? (uint32_t)st->round << 13 : 0));
}

/* frame[0].u64[0] is the guest's address, displacement included; frame[1], [2] operands. */
static void memory_in_frame(struct cpu *cpu, const struct ir_op *o, union ir_value *frame, uint64_t guest_base)
{
	uint64_t address = frame[0].u64[0];
	void *at = (void *)(uintptr_t)(guest_base + address);

	if (cpu->mmu)
		ir_mem_machine(cpu, &frame[4], o, address, &frame[1], &frame[2]);
	else if (o->op == IR_LD)
		ir_mem_load(&frame[4], o, at);
	else if (o->op == IR_ST)
		ir_mem_store(&frame[1], o, at);
	else
		ir_mem_atomic(&frame[4], o, at, &frame[1], &frame[2]);
}

static void call(struct t1_gen *g, uint64_t fn)
{
	t1_imm(g, RAX, fn);
	g->p = e_u16(g->p, 0xd0ff);
}

/* rdi = the state */
static void cpu_argument(struct t1_gen *g)
{
	INS(0x8d | O_W, RDI, rm_mem(RBP, -g->bias));
}

void t1_literal(struct t1_gen *g, unsigned reg, uint32_t op)
{
	/* lea reg, [rip + x] */
	g->p = e_u8(g->p, 0x48 | (reg > 7 ? 4 : 0));
	g->p = e_u16(g->p, 0x8d | (5 | (reg & 7) << 3) << 8);
	g->p = e_u32(g->p, 0);
	if (g->literals >= sizeof g->literal / sizeof g->literal[0]) {
		g->failed = true;
		return;
	}
	g->literal[g->literals].at = g->p;
	g->literal[g->literals++].op = op;
}

/* An operand into the frame's n-th value. */
static void to_frame(struct t1_gen *g, unsigned n, ir_ref t)
{
	if (!t)
		return;
	unsigned type = t1_type(g, t);
	struct rm m = rm_mem(RSP, T1_ARGS + 32 * (int32_t)n);
	if (t1_is_int(type)) {
		t1_move(g, t1_reg(g, t), m, IR_I64, true);
	} else if (t1_is_xmm(type)) {
		t1_move(g, t1_xmm(g, t), m, type, true);
	} else {
		for (int32_t i = 0; i < 32; i += 16) {
			struct rm part = m;
			part.disp += i;
			if (t1_constant(g, t)) { /* f16 */
				unsigned k = t1_alloc(g);
				t1_imm(g, k, g->r->temp[t].value);
				t1_move(g, k, m, IR_I64, true);
				break;
			}
			INS(O_0F | 0x10, 31, rm_mem(RSP, g->loc[t].home + i));
			INS(O_0F | 0x11, 31, part);
		}
	}
	g->locked = 0; /* nothing is kept in registers for later */
}

static void from_frame(struct t1_gen *g, ir_ref t)
{
	if (!t || !g->r->temp[t].last)
		return;
	unsigned type = t1_type(g, t);
	struct rm m = rm_mem(RSP, T1_RESULT);
	if (t1_is_int(type)) {
		t1_move(g, t1_dest(g, t, 0), m, type, false);
	} else if (t1_is_xmm(type)) {
		t1_move(g, t1_dest_xmm(g, t, 0), m, type, false);
	} else {
		struct t1_loc *l = &g->loc[t];
		l->home = t1_new_home(g, type);
		l->in_home = true;
		for (int32_t i = 0; i < 32; i += 16) {
			INS(O_0F | 0x10, 31, rm_mem(RSP, T1_RESULT + i));
			INS(O_0F | 0x11, 31, rm_mem(RSP, l->home + i));
		}
	}
}

void t1_fallback(struct t1_gen *g, const struct ir_op *o)
{
	const ir_ref in[4] = {o->a, o->b, o->c, o->d};

	for (unsigned i = 0; i < 4; i++)
		to_frame(g, i, in[i]);
	for (unsigned i = 0; i < 4; i++)
		if (in[i] && t1_dies(g, in[i]))
			t1_forget(g, in[i]); /* the frame has it */
	t1_call_begin(g, 0);
	cpu_argument(g);
	t1_literal(g, RSI, g->at);
	INS(0x8b | O_W, RDX, rm_reg(RSP));
	t1_imm(g, RCX, (uint64_t)(uintptr_t)g->guest);
	call(g, (uint64_t)(uintptr_t)t1_eval_in_frame);
	t1_call_end(g, 0);
	from_frame(g, o->dst);
}

void t1_store_pc(struct t1_gen *g, uint64_t pc, bool extra)
{
	struct rm m = t1_state(g, g->guest->pc_offset);

	if (g->guest->pc_type == IR_I32 || pc == (uint64_t)(int64_t)(int32_t)pc) {
		INS(0xc7 | t1_w(g->guest->pc_type), 0, m);
		g->p = e_u32(g->p, (uint32_t)pc);
	} else {
		t1_imm(g, RAX, pc);
		INS(0x89 | O_W, RAX, m);
	}
	if (extra && g->guest->extra_offset != IR_NO_OFFSET) {
		INS(0xc7, 0, t1_state(g, g->guest->extra_offset));
		g->p = e_u32(g->p, g->insn_extra);
	}
	if (extra && g->j->config.counts) {
		INS(0xc7, 0, t1_state(g, offsetof(struct cpu, unspent)));
		g->p = e_u32(g->p, g->uncounted);
	}
}

/* Faults inside are the scope's that the run loop entered; so all of the state is in memory. */
void t1_fallback_memory(struct t1_gen *g, const struct ir_op *o)
{
	unsigned type = t1_type(g, o->a), align = o->x >> IR_MEM_ALIGN_SHIFT & 7;

	t1_lazy_now(g);
	to_frame(g, 1, o->b);
	to_frame(g, 2, o->c);
	unsigned a = t1_reg(g, o->a), t = t1_alloc(g);
	t1_imm(g, t, type == IR_I32 ? (uint32_t)o->imm : o->imm);
	INS(0x03 | t1_w(type), t, rm_reg(a));
	t1_move(g, t, rm_mem(RSP, T1_ARGS), IR_I64, true);
	if (align) {
		INS(0xf6 | O_BYTERM, 0, rm_reg(t));
		g->p = e_u8(g->p, (1u << align) - 1);
		g->p = e_jcc(g->p, CC_NE, g->p);
		if (g->colds < sizeof g->cold / sizeof g->cold[0])
			g->cold[g->colds++] = (struct t1_cold){.kind = T1_COLD_ALIGN, .reg = (uint8_t)t, .from = g->p,
							       .back = g->p, .op = g->at, .pc = g->insn_pc, .uncounted = g->uncounted};
		else
			g->failed = true;
	}
	g->locked = 0;
	t1_call_begin(g, IR_HELPER_FAULTS);
	t1_store_pc(g, g->insn_pc, true);
	cpu_argument(g);
	t1_literal(g, RSI, g->at);
	INS(0x8b | O_W, RDX, rm_reg(RSP));
	t1_imm(g, RCX, g->j->config.guest_base);
	call(g, (uint64_t)(uintptr_t)memory_in_frame);
	t1_call_end(g, IR_HELPER_FAULTS);
	from_frame(g, o->dst);
}

/* An argument of the C call whose operands are all in memory or in registers that calls preserve. */
void t1_argument(struct t1_gen *g, unsigned reg, ir_ref t)
{
	const struct t1_loc *l = &g->loc[t];
	unsigned type = t1_type(g, t);

	if (t1_constant(g, t) && ir_type_bytes[type] <= 8) {
		t1_imm(g, reg, g->r->temp[t].value);
	} else if (ir_type_bytes[type] > 8) {
		INS(0x8d | O_W, reg, rm_mem(RSP, l->home));
	} else {
		unsigned as = t1_is_int(type) ? type : type == IR_F32 ? IR_I32 : type == IR_F16 ? IR_I16 : IR_I64;
		if (l->in_home)
			t1_move(g, reg, rm_mem(RSP, l->home), as, false);
		else if (l->in_slot)
			t1_move(g, reg, t1_slot(g, l->slot), as, false);
		else if (l->reg >= 0 && g->pinned >> l->reg & 1 && l->reg >= R8 && l->reg <= R11)
			t1_move(g, reg, t1_slot(g, g->pin_slot[l->reg]), as, false);
		else if (as == IR_I8 || as == IR_I16)
			INS(O_0F | (as == IR_I8 ? 0xb6 | O_BYTERM : 0xb7), reg, rm_reg((unsigned)l->reg));
		else
			INS(0x8b | t1_w(as), reg, rm_reg((unsigned)l->reg));
	}
}

void t1_helper(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t regs[] = {RSI, RDX, RCX, R8, R9};
	const struct ir_helper *h = (const struct ir_helper *)(uintptr_t)o->imm;
	const ir_ref in[5] = {o->a, o->b, o->c, o->d, o->y};
	unsigned n = 0;

	/* Floats and wide values come from their homes. */
	for (unsigned i = 0; i < h->args; i++)
		if (!t1_is_int(t1_type(g, in[i])) && !(t1_constant(g, in[i]) && ir_type_bytes[t1_type(g, in[i])] <= 8))
			t1_home(g, in[i]);
	g->locked = 0;
	if (t1_x86_flags(g) && h->flags & IR_HELPER_STATE) {
		t1_flags_change(g);
		g->locked = 0;
	}
	t1_call_begin(g, h->flags);
	if (t1_x86_flags(g) && h->flags & IR_HELPER_READS)
		t1_status_out(g, RCX, RDX);
	if (g->guest->mxcsr_offset && h->flags & IR_HELPER_FPENV) {
		/* The sticky flags so far. */
		INS(O_0F | 0xae, 3, rm_mem(RSP, T1_RESULT));
		INS(0x8b, RAX, rm_mem(RSP, T1_RESULT));
		INS(0x83, 4, rm_reg(RAX));
		g->p = e_u8(g->p, 0x3f);
		INS(0x09, RAX, t1_state(g, g->guest->mxcsr_offset));
	}
	if (h->flags & (IR_HELPER_FAULTS | IR_HELPER_STATE | IR_HELPER_ENDS))
		t1_store_pc(g, g->insn_pc, true);
	if (ir_type_bytes[h->ret] > 8)
		INS(0x8d | O_W, regs[n++], rm_mem(RSP, T1_RESULT));
	for (unsigned i = 0; i < h->args; i++)
		t1_argument(g, regs[n++], in[i]);
	cpu_argument(g);
	call(g, (uint64_t)(uintptr_t)h->fn);
	if (h->ret != IR_VOID && ir_type_bytes[h->ret] <= 8)
		t1_move(g, RAX, rm_mem(RSP, T1_RESULT), IR_I64, true);
	t1_call_end(g, h->flags);
	if (t1_x86_flags(g) && h->flags & IR_HELPER_WRITES)
		t1_status_in(g, RCX, RDX);
	if (g->guest->mxcsr_offset && h->flags & IR_HELPER_FPENV) {
		INS(0x8b, RCX, t1_state(g, g->guest->mxcsr_offset));
		INS(0x81, 1, rm_reg(RCX));
		g->p = e_u32(g->p, 0x1f80);
		INS(0x89, RCX, rm_mem(RSP, T1_ARGS));
		INS(O_0F | 0xae, 2, rm_mem(RSP, T1_ARGS));
	}
	if (h->ret != IR_VOID && ir_type_bytes[h->ret] <= 8 && t1_is_int(h->ret) && g->r->temp[o->dst].last) {
		/* Still in rax: only pinned registers were loaded since. */
		if (h->ret == IR_I32)
			INS(0x8b, RAX, rm_reg(RAX));
		t1_dest_is(g, o->dst, RAX);
	} else {
		from_frame(g, o->dst);
	}
}

/* ---- flags ---- */

static unsigned flags_bits(struct t1_gen *g, unsigned reg)
{
	unsigned slot = g->guest->flags->slot;
	if (g->slot_reg[slot] >= 0)
		t1_mov(g, reg, (unsigned)g->slot_reg[slot], g->guest->slots[slot].type);
	else
		t1_move(g, reg, t1_slot(g, slot), g->guest->slots[slot].type, false);
	return reg;
}

static void and_imm(struct t1_gen *g, unsigned reg, uint64_t mask, unsigned scratch)
{
	if (mask == (uint64_t)(int64_t)(int32_t)mask) {
		INS(0x81 | O_W, 4, rm_reg(reg));
		g->p = e_u32(g->p, (uint32_t)mask);
	} else {
		t1_imm(g, scratch, mask);
		INS(0x23 | O_W, reg, rm_reg(scratch));
	}
}

void t1_flags_change(struct t1_gen *g)
{
	unsigned slot = g->guest->flags->slot;
	int pin = g->slot_reg[slot];
	ir_ref x = pin >= 0 ? g->owner[pin] : g->slot_alias[slot];

	if (x && g->r->temp[x].last > g->at)
		t1_home(g, x);
	if (x && pin >= 0)
		t1_forget(g, x);
	if (x && pin < 0) {
		g->loc[x].in_slot = false;
		g->slot_alias[slot] = 0;
	}
}

/* The new bits, which are `from`'s live ones, replace those of `mask` in the slot. Clobbers both registers. */
static void merge_flags(struct t1_gen *g, unsigned bits, unsigned other, uint64_t mask)
{
	const struct ir_flags *f = g->guest->flags;
	unsigned type = g->guest->slots[f->slot].type;
	int pin = g->slot_reg[f->slot];

	if (mask != f->mask || !f->alone) {
		flags_bits(g, other);
		if (mask != (uint32_t)mask || type == IR_I64) {
			unsigned k = t1_alloc(g);
			t1_imm(g, k, ~mask);
			INS(0x23 | O_W, other, rm_reg(k));
		} else {
			INS(0x81, 4, rm_reg(other));
			g->p = e_u32(g->p, (uint32_t)~mask);
		}
		INS(0x0b | O_W, bits, rm_reg(other));
	}
	if (pin >= 0)
		t1_mov(g, (unsigned)pin, bits, type);
	else
		t1_move(g, bits, t1_slot(g, f->slot), type, true);
}

/* From the host's own flags, without a call. */
static bool host_flags(struct t1_gen *g, const struct ir_op *o)
{
	const struct ir_flags *f = g->guest->flags;
	enum ir_host_flags kind = f->host && (o->type == IR_I32 || o->type == IR_I64) ? f->host(o->x) : IR_HOST_FLAGS_NONE;
	const struct { uint8_t bit, cc; } bits[] = {
		{f->n, CC_S}, {f->z, CC_E}, {f->c, kind == IR_HOST_FLAGS_SUB_NOT_C ? CC_AE : CC_B}, {f->v, CC_O}};
	unsigned w = t1_w(o->type), at = 0;

	if (kind == IR_HOST_FLAGS_RESULT) {
		if (!o->c || !f->alone || (o->imm != f->mask && !(o->aux & 1)))
			return false;
		unsigned r = t1_reg(g, o->c);
		t1_flags_change(g);
		if (g->slot_reg[f->slot] >= 0)
			t1_mov(g, (unsigned)g->slot_reg[f->slot], r, IR_I32);
		else
			t1_move(g, r, t1_slot(g, f->slot), g->guest->slots[f->slot].type, true);
		return true;
	}
	if (kind == IR_HOST_FLAGS_NONE || (kind == IR_HOST_FLAGS_LOGIC ? !o->c : !o->b))
		return false;
	t1_flags_change(g);
	t1_vacate(g, RAX);
	unsigned scratch = t1_alloc(g);
	if (kind == IR_HOST_FLAGS_LOGIC) {
		unsigned r = t1_reg(g, o->c);
		INS(0x85 | w, r, rm_reg(r));
	} else if (kind == IR_HOST_FLAGS_ADD) {
		unsigned a = t1_reg(g, o->a);
		struct rm b = o->a == o->b ? rm_reg(a) : t1_operand(g, o->b);
		t1_mov(g, RAX, a, o->type);
		INS(0x03 | w, RAX, b);
	} else {
		t1_compare(g, IR_LTU, o->type, o->a, o->b);
	}
	if (f->n == 15 && f->z == 14 && f->c == 8 && f->v == 0) {
		if (kind == IR_HOST_FLAGS_SUB_NOT_C)
			g->p = e_u8(g->p, 0xf5); /* cmc */
		g->p = e_u32(g->p, 0xc0900f9f);  /* lahf; seto al */
		INS(0x81, 4, rm_reg(RAX));
		g->p = e_u32(g->p, (uint32_t)o->imm & 0xc101);
		merge_flags(g, RAX, scratch, o->aux & 1 ? f->mask : o->imm);
		return true;
	}
	/* setcc leaves the flags; lea adds the bits up without touching them. */
	bool first = true;
	for (unsigned i = 0; i < 4; i++) {
		if (bits[i].bit == IR_NO_BIT || !(o->imm >> bits[i].bit & 1))
			continue;
		INS(O_0F | 0x90 | bits[i].cc | O_BYTERM, 0, rm_reg(scratch));
		INS(O_0F | 0xb6 | O_BYTERM, scratch, rm_reg(scratch));
		if (first) {
			t1_mov(g, RAX, scratch, IR_I64);
		} else {
			/* rax <<= distance by lea: bits come from the highest to the lowest */
			for (unsigned d = at - bits[i].bit; d;) {
				unsigned s = d > 3 ? 3 : d;
				struct rm m = {.reg = -1, .base = -1, .index = RAX, .scale = (uint8_t)s};
				INS(0x8d | O_W, RAX, m);
				d -= s;
			}
			INS(0x8d | O_W, RAX, rm_sib(RAX, scratch, 0, 0));
		}
		at = bits[i].bit;
		first = false;
	}
	if (first)
		t1_imm(g, RAX, 0);
	if (at) {
		INS(0xc1 | O_W, 4, rm_reg(RAX));
		g->p = e_u8(g->p, at);
	}
	merge_flags(g, RAX, scratch, o->aux & 1 ? f->mask : o->imm);
	return true;
}

static void set_flags(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t regs[] = {RSI, RDX, RCX};
	const ir_ref in[3] = {o->a, o->b, o->c};
	unsigned slot = g->guest->flags->slot, type = g->guest->slots[slot].type;

	t1_flags_change(g);
	g->locked = 0;
	t1_call_begin(g, 0);
	for (unsigned i = 0; i < 3; i++)
		if (in[i])
			t1_argument(g, regs[i], in[i]);
		else
			INS(0x31, regs[i], rm_reg(regs[i]));
	t1_imm(g, RDI, o->x);
	call(g, (uint64_t)(uintptr_t)g->guest->flags->compute);
	t1_call_end(g, 0);
	t1_vacate(g, RAX);
	t1_vacate(g, RCX);
	t1_vacate(g, RDX);
	flags_bits(g, RCX);
	and_imm(g, RAX, o->imm, RDX);
	and_imm(g, RCX, ~o->imm, RDX);
	INS(0x0b | O_W, RAX, rm_reg(RCX));
	if (g->slot_reg[slot] >= 0)
		t1_mov(g, (unsigned)g->slot_reg[slot], RAX, type);
	else
		t1_move(g, RAX, t1_slot(g, slot), type, true);
}

/* A condition on the bits without a call: the host's condition code, -1: none. The bits are where LAHF and SETO put them. */
static int condition(struct t1_gen *g, unsigned cond)
{
	const struct ir_flags *f = g->guest->flags;
	enum ir_nzcv k = f->nzcv ? f->nzcv(cond) : IR_NZCV_NONE;
	unsigned odd = k & 1;

	if (k == IR_NZCV_NONE || f->n != 15 || f->z != 14 || f->c != 8 || f->v || !f->alone)
		return -1;
	int pin = g->slot_reg[f->slot];
	struct rm m = pin >= 0 ? rm_reg((unsigned)pin) : t1_slot(g, f->slot);
	if (k < IR_NZCV_HI) {
		static const uint16_t bit[] = {0x4000, 0x100, 0x8000, 1};
		INS(0xf7, 0, m);
		g->p = e_u32(g->p, bit[k >> 1]);
		return (int)(CC_NE ^ odd);
	}
	t1_vacate(g, RAX);
	INS(0x8b, RAX, m);
	if (k < IR_NZCV_GE) {
		INS(0x81, 4, rm_reg(RAX));
		g->p = e_u32(g->p, 0x4100);
		INS(0x81, 7, rm_reg(RAX));
		g->p = e_u32(g->p, 0x100);
		return (int)(CC_E ^ odd);
	}
	g->p = e_bytes(g->p, 0x9e7f04, 3); /* add al, 127: overflow as it was; sahf */
	return (int)((k < IR_NZCV_GT ? 0xdu : 0xfu) ^ odd);
}

void t1_flags(struct t1_gen *g, const struct ir_op *o)
{
	if (t1_x86_flags(g)) {
		t1_flags_x86(g, o);
		return;
	}
	if (o->op == IR_SETFLAGS) {
		const struct ir_flags *f = g->guest->flags;
		bool descending = (f->n == IR_NO_BIT || f->z == IR_NO_BIT || f->n > f->z) &&
				  (f->z == IR_NO_BIT || f->c == IR_NO_BIT || f->z > f->c) &&
				  (f->c == IR_NO_BIT || f->v == IR_NO_BIT || f->c > f->v);
		if (!descending || !host_flags(g, o))
			set_flags(g, o);
		return;
	}
	if (o->op == IR_GETFLAGS) {
		unsigned d = t1_dest(g, o->dst, 0), t = t1_alloc(g);
		flags_bits(g, d);
		and_imm(g, d, o->imm & ir_mask(o->type), t);
		return;
	}
	int cc = condition(g, o->aux);
	if (cc >= 0) {
		if (o->op == IR_TESTFLAGS) {
			unsigned d = t1_dest(g, o->dst, 0);
			INS(O_0F | 0x90 | (unsigned)cc | O_BYTERM, 0, rm_reg(d));
			INS(O_0F | 0xb6 | O_BYTERM, d, rm_reg(d));
		} else {
			t1_branch(g, (unsigned)cc, o->x, false);
		}
		return;
	}
	t1_call_begin(g, 0);
	flags_bits(g, RSI);
	t1_imm(g, RDI, o->aux);
	call(g, (uint64_t)(uintptr_t)g->guest->flags->test);
	t1_call_end(g, 0);
	INS(O_0F | 0xb6 | O_BYTERM, RAX, rm_reg(RAX));
	if (o->op == IR_TESTFLAGS) {
		t1_dest_is(g, o->dst, RAX);
	} else {
		INS(0x85, RAX, rm_reg(RAX));
		t1_branch(g, CC_NE, o->x, false);
	}
}

/* ---- exits ---- */

void t1_leave(struct t1_gen *g, unsigned reason)
{
	t1_imm(g, RAX, reason);
	g->p = e_jmp(g->p, g->j->rw + g->j->thunk[T1_LEAVE]);
}

/* A jump that the engine links, always or if cc: its rel32 must not cross a cache line. */
#define ALWAYS 16
static void linked_exit(struct t1_gen *g, unsigned cc, uint64_t target)
{
	struct jit *j = g->j;
	uint32_t x = jit_exit_new(j, g->region, target, 0), to = jit_cold_stub(j, x), before = cc == ALWAYS ? 1 : 2;

	if (!to) {
		g->failed = true;
		return;
	}
	while ((((uintptr_t)g->p + before) & 63) > 60)
		g->p = e_u8(g->p, 0x90);
	j->exit[x].how = JIT_PATCH_REL32;
	j->exit[x].patch = jit_offset(j, g->p) + before;
	g->p = cc == ALWAYS ? e_jmp(g->p, j->rw + to) : e_jcc(g->p, cc, j->rw + to);
}

void t1_linked_jump(struct t1_gen *g, uint64_t target)
{
	linked_exit(g, ALWAYS, target);
}

bool t1_leads_out(const struct t1_gen *g, uint32_t label, uint64_t *target)
{
	const struct ir_region *r = g->r;
	uint32_t at = r->label_at[label] + 1u;

	/* An instruction that only jumps is not gone through, unless it counts. */
	while (at < r->ops && (r->op[at].op == IR_NOP || (r->op[at].op == IR_INSN && !g->j->config.counts)))
		at++;
	if (at >= r->ops || r->op[at].op != IR_EXIT_PC)
		return false;
	*target = r->op[at].imm;
	return (int64_t)(*target - r->pc) == (int32_t)(*target - r->pc);
}

void t1_branch(struct t1_gen *g, unsigned cc, uint32_t label, bool host_flags)
{
	uint64_t target;

	if (t1_leads_out(g, label, &target)) {
		if (!g->pending) {
			linked_exit(g, cc, target);
			return;
		}
		t1_cold(g, cc, T1_COLD_EXIT, 0);
		if (g->failed)
			return;
		g->cold[g->colds - 1].pc = target;
		g->cold[g->colds - 1].lazy.host = host_flags;
		return;
	}
	g->p = e_jcc(g->p, cc, g->p);
	g->label_used[label / 8] |= (uint8_t)(1u << label % 8);
	t1_label_ref(g, label);
}

/* rax = guest pc: through the table of verifying entries, which begins the cache. */
static void indirect(struct t1_gen *g)
{
	struct jit *j = g->j;

	if (j->config.machine) { /* jit_table_index() */
		INS(0x8b, RCX, rm_reg(RAX));
		INS(0xc1, 5, rm_reg(RCX));
		g->p = e_u8(g->p, 16);
		INS(0x33, RCX, rm_reg(RAX));
		INS(O_0F | 0xb7, RCX, rm_reg(RCX));
	} else if (j->table_shift) { /* a pc that is not aligned must find an entry as well */
		INS(0x8b, RCX, rm_reg(RAX));
		INS(0x81, 4, rm_reg(RCX));
		g->p = e_u32(g->p, 0xffff & ~((1u << j->table_shift) - 1));
	} else {
		INS(O_0F | 0xb7, RCX, rm_reg(RAX)); /* movzx ecx, ax: JIT_TABLE_BITS */
	}
	g->p = e_bytes(g->p, 0x158d48, 3);  /* lea rdx, [rip + table] */
	g->p = e_u32(g->p, (uint32_t)(j->rw - (g->p + 4)));
	INS(0xff, 4, rm_sib(RDX, RCX, 3 - j->table_shift, 0));
}

static void trap(struct t1_gen *g, const struct ir_op *o)
{
	static const struct { uint32_t offset; bool wide; } zero[] = {{offsetof(struct cpu, trap.host_fault), false}};
	uint32_t at = offsetof(struct cpu, trap);
	const struct { uint32_t offset; uint32_t value; } words[] = {
		{at + offsetof(struct trap, kind), o->aux}, {at + offsetof(struct trap, vector), o->x},
		{at + offsetof(struct trap, number), o->x},
	};
	const struct { uint32_t offset; ir_ref value; } fields[] = {
		{at + offsetof(struct trap, error_code), o->a}, {at + offsetof(struct trap, address), o->b},
	};

	for (unsigned i = 0; i < 2; i++) {
		struct rm m = t1_state(g, fields[i].offset);
		if (fields[i].value) {
			unsigned t = t1_reg(g, fields[i].value), type = t1_type(g, fields[i].value);
			if (type < IR_I32) {
				unsigned k = t1_alloc(g);
				INS(O_0F | (type == IR_I8 ? 0xb6 | O_BYTERM : 0xb7), k, rm_reg(t));
				t = k;
			}
			t1_move(g, t, m, IR_I64, true);
		} else {
			INS(0xc7 | O_W, 0, m);
			g->p = e_u32(g->p, 0);
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		INS(0xc7, 0, t1_state(g, words[i].offset));
		g->p = e_u32(g->p, words[i].value);
	}
	INS(0xc6, 0, t1_state(g, zero[0].offset));
	g->p = e_u8(g->p, 0);
	t1_store_pc(g, o->imm, false);
	t1_leave(g, T1_LEFT_TRAP);
}

void t1_exit(struct t1_gen *g, const struct ir_op *o)
{
	int64_t distance = (int64_t)(o->imm - g->r->pc);

	switch (o->op) {
	case IR_EXIT_PC:
		if (distance == (int32_t)distance) {
			linked_exit(g, ALWAYS, o->imm);
		} else {
			t1_imm(g, RAX, o->imm);
			indirect(g);
		}
		break;
	case IR_EXIT_IND: {
		unsigned a = t1_reg(g, o->a);
		t1_mov(g, RAX, a, t1_type(g, o->a));
		if (o->aux == IR_HINT_FAR && g->j->config.machine)
			g->p = e_jmp(g->p, g->j->rw + g->j->thunk[T1_FAR]);
		else
			indirect(g);
		break;
	}
	default:
		trap(g, o);
	}
}

void t1_label_ref(struct t1_gen *g, uint32_t label)
{
	if (g->label[label]) {
		e_u32(g->p - 4, (uint32_t)(g->label[label] - g->p));
	} else if (g->fixes < sizeof g->fix / sizeof g->fix[0]) {
		g->fix[g->fixes++] = (struct t1_fix){g->p, label};
	} else {
		g->failed = true;
	}
}
