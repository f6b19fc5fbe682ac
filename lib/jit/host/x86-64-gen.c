/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A region from operations to code, and the thunks that lead in and out. See x86-64-t1.h. */
#include <cpuid.h>
#include <string.h>
#include <ucontext.h>
#include "jit/host/x86-64-t1.h"
#include "jit/run.h"
#include "jit/tlb.h"

struct t1_host t1_host;

int32_t t1_bias(const struct ir_guest *guest)
{
	/* The first slots within reach of a one-byte displacement. */
	return (int32_t)(guest->slot_count ? guest->slots[0].offset : 0) + 128;
}

static uint8_t *leb(uint8_t *d, uint64_t v)
{
	while (v > 127) {
		*d++ = (uint8_t)(v | 128);
		v >>= 7;
	}
	*d++ = (uint8_t)v;
	return d;
}

/* Instructions from the present one to where ways part or meet. */
static uint32_t straight(const struct t1_gen *g)
{
	uint32_t n = 0;

	for (uint32_t i = g->at; i < g->r->ops; i++) {
		unsigned op = g->r->op[i].op;
		if (op == IR_LABEL || op == IR_POLL || ir_op_info[op].flags & (IR_F_BR | IR_F_END))
			break;
		n += op == IR_INSN;
	}
	return n;
}

/*
 * Counting: the first instruction of a straight piece takes all of the piece off the budget. Who leaves in the middle knows from the delta table
 * or cpu->unspent how many to give back.
 */
static void count_insn(struct t1_gen *g)
{
	if (g->uncounted > 1) {
		g->uncounted--;
		return;
	}
	g->uncounted = straight(g);
	INS(0x81, 5, t1_state(g, offsetof(struct cpu, budget)));
	g->p = e_u32(g->p, g->uncounted);
}

/* One entry of the delta table: an instruction begins here. */
static void note_insn(struct t1_gen *g, const struct ir_op *o)
{
	if (g->j->config.counts)
		count_insn(g);
	g->insn_pc = o->imm;
	g->insn_extra = o->x;
	if (g->delta_limit - g->delta < 32) {
		g->failed = true;
		return;
	}
	int64_t step = (int64_t)(o->imm - g->delta_pc);
	g->delta = leb(g->delta, (uint64_t)(g->p - g->delta_host));
	g->delta = leb(g->delta, (uint64_t)step << 1 ^ (uint64_t)(step >> 63));
	if (g->guest->extra_offset != IR_NO_OFFSET)
		g->delta = leb(g->delta, o->x);
	if (g->j->config.counts)
		g->delta = leb(g->delta, g->uncounted);
	g->delta_host = g->p;
	g->delta_pc = o->imm;
}

bool t1_locate(const struct jit *j, const struct ir_guest *guest, uint64_t host_pc, struct t1_place *place)
{
	uint32_t r = jit_region_at(j, host_pc), length, count;
	unsigned values = guest->extra_offset != IR_NO_OFFSET ? 3 : 2, all = values + j->config.counts;

	if (!r)
		return false;
	const struct jit_region *g = &j->region[r];
	const uint8_t *d = j->delta + g->delta;
	uint64_t off = host_pc - (uint64_t)(uintptr_t)j->rx - g->code, at = 0, pc = g->pc;
	memcpy(&length, d, 4);
	memcpy(&count, d + 4, 4);
	d += 8;
	if (off >= length)
		return false;
	*place = (struct t1_place){.region = r, .pc = pc};
	while (count--) {
		uint64_t v[4] = {0, 0, 0, 0};
		for (unsigned i = 0; i < all; i++) {
			unsigned s = 0;
			do
				v[i] |= (uint64_t)(*d & 127) << s;
			while (s += 7, *d++ & 128);
		}
		at += v[0];
		if (at > off)
			break;
		pc += v[1] >> 1 ^ (0 - (v[1] & 1));
		place->pc = pc;
		place->extra = values > 2 ? (uint32_t)v[2] : 0;
		place->unspent = j->config.counts ? (uint32_t)v[values] : 0;
	}
	return true;
}

static void one(struct t1_gen *g, const struct ir_op *o)
{
	bool host_flags;

	if (g->pending && t1_lazy_inline(g, o))
		t1_lazy_now(g);
	switch (o->op) {
	case IR_NOP:
		return;
	case IR_INSN:
		note_insn(g, o);
		return;
	case IR_GET: t1_get(g, o); break;
	case IR_SET: t1_set(g, o); break;
	case IR_LDS:
		if (t1_is_int(o->type))
			t1_move(g, t1_dest(g, o->dst, 0), t1_state(g, (uint32_t)o->imm), o->type, false);
		else if (t1_is_xmm(o->type))
			t1_move(g, t1_dest_xmm(g, o->dst, 0), t1_state(g, (uint32_t)o->imm), o->type, false);
		else
			t1_wide_load(g, o->dst, t1_state(g, (uint32_t)o->imm));
		break;
	case IR_STS:
		if (t1_is_int(o->type))
			t1_move(g, t1_reg(g, o->a), t1_state(g, (uint32_t)o->imm), o->type, true);
		else if (t1_is_xmm(o->type))
			t1_move(g, t1_xmm(g, o->a), t1_state(g, (uint32_t)o->imm), o->type, true);
		else
			t1_wide_store(g, o->a, t1_state(g, (uint32_t)o->imm));
		break;
	case IR_LABEL:
		t1_block_end(g);
		g->label[o->x] = g->p;
		return;
	case IR_BR:
		g->p = e_jmp(g->p, g->p);
		g->label_used[o->x / 8] |= (uint8_t)(1u << o->x % 8);
		t1_label_ref(g, o->x);
		break;
	case IR_BRCOND:
		if (o->type == IR_I128) {
			t1_fallback(g, o);
			INS(0x80, 7, rm_mem(RSP, T1_RESULT));
			g->p = e_u8(g->p, 0);
			t1_branch(g, CC_NE, o->x, false);
			break;
		}
		host_flags = t1_lazy_same(g, o);
		t1_branch(g, t1_compare(g, o->aux, o->type, o->a, o->b), o->x, host_flags);
		break;
	case IR_SETFLAGS: case IR_GETFLAGS: case IR_TESTFLAGS: case IR_BRFLAGS:
		t1_flags(g, o);
		break;
	case IR_LD: case IR_ST: case IR_CMPXCHG: case IR_XCHG: case IR_FETCH_ADD: case IR_FETCH_AND: case IR_FETCH_OR:
	case IR_FETCH_XOR: case IR_FETCH_MINS: case IR_FETCH_MAXS: case IR_FETCH_MINU: case IR_FETCH_MAXU:
		if (!t1_memory(g, o))
			t1_fallback_memory(g, o);
		break;
	case IR_FENCE:
		if (o->aux & IR_FENCE_SL) /* lock or dword [rsp], 0: the only order x86 does not give */
			g->p = e_bytes(g->p, 0x00240c83f0, 5);
		break;
	case IR_CALL: t1_helper(g, o); break;
	case IR_POLL: t1_poll(g, o->imm); break;
	case IR_EXIT_PC: case IR_EXIT_IND: case IR_EXIT_TRAP: t1_exit(g, o); break;
	case IR_NATIVE: t1_native(g, o); break;
	default:
		if (!t1_int(g, o) && !t1_vector(g, o) && !t1_fp(g, o))
			t1_fallback(g, o);
	}
	t1_end_op(g, o);
}

static void cold_code(struct t1_gen *g)
{
	for (unsigned i = 0; i < g->colds; i++) {
		struct t1_cold *c = &g->cold[i];
		e_u32(c->from - 4, (uint32_t)(g->p - c->from));
		switch (c->kind) {
		case T1_COLD_POLL:
			t1_store_pc(g, c->pc, false);
			t1_leave(g, T1_LEFT_PENDING);
			break;
		case T1_COLD_EXIT:
			t1_lazy_cold(g, &c->lazy, false);
			t1_linked_jump(g, c->pc);
			break;
		case T1_COLD_ALIGN:
			t1_lazy_cold(g, &c->lazy, true);
			t1_move(g, c->reg, t1_state(g, offsetof(struct cpu, trap.address)), IR_I64, true);
			t1_store_pc(g, c->pc, false);
			if (g->j->config.counts) {
				INS(0x81, 0, t1_state(g, offsetof(struct cpu, budget)));
				g->p = e_u32(g->p, c->uncounted - 1); /* this one was done, as the interpreter sees it */
			}
			t1_leave(g, T1_LEFT_ALIGN);
			break;
		case T1_COLD_TLB:
			t1_lazy_cold(g, &c->lazy, true);
			t1_tlb_cold(g, c);
			break;
		case T1_COLD_MISS:
			t1_imm(g, RAX, c->pc);
			g->p = e_jmp(g->p, g->j->rw + g->j->thunk[T1_MISS]);
			break;
		default:
			t1_fp_cold(g, c);
		}
		if (g->p > g->limit)
			return;
	}
}

/*
 * Slow paths and literals go to the cold end of the cache, so that bodies lie close together: what a program runs once is bound by how
 * much code must be fetched. False: no room.
 */
static bool slow_paths(struct t1_gen *g)
{
	uint32_t most = (g->colds + g->literals) * 128u + 64;

	if (!g->colds && !g->literals)
		return true;
	g->p = jit_side(g->j, most);
	if (!g->p)
		return false;
	g->limit = g->p + most;
	cold_code(g);
	g->p += -(uintptr_t)g->p & 7;
	for (unsigned i = 0; i < g->literals && g->p + sizeof(struct ir_op) <= g->limit; i++) {
		const struct ir_op *o = &g->r->op[g->literal[i].op];
		struct ir_op copy = *o;
		e_u32(g->literal[i].at - 4, (uint32_t)(g->p - g->literal[i].at));
		copy.z = o->a ? g->r->temp[o->a].type : IR_VOID;
		memcpy(g->p, &copy, sizeof copy);
		g->p += sizeof copy;
	}
	if (g->failed || g->p + 64 > g->limit)
		return false;
	g->j->stats.host_bytes += (uint64_t)(g->p - (g->j->rw + g->j->side));
	g->j->side = jit_offset(g->j, g->p);
	return true;
}

/* Does a later operation jump to the label at this one? */
static bool back_edge(const struct ir_region *r, uint32_t at)
{
	for (uint32_t i = at + 1; i < r->ops; i++)
		if (ir_op_info[r->op[i].op].flags & IR_F_BR && r->op[i].x == r->op[at].x)
			return true;
	return false;
}

/* Is the guest's pc, in rax, the region's, and the context the one that it was translated in? */
static uint8_t *verify(const struct jit *j, const struct jit_region *r, uint8_t *p)
{
	if ((int64_t)r->pc == (int32_t)r->pc) {
		p = e_u16(p, 0x3d48); /* cmp rax, imm32 */
		p = e_u32(p, (uint32_t)r->pc);
	} else {
		p = e_mov_imm64(p, RCX, r->pc);
		p = asm_ins(p, 0x3b | O_W, RAX, rm_reg(RCX));
	}
	p = e_jcc(p, CC_NE, j->rw + j->thunk[T1_MISS]);
	if (j->config.machine) {
		p = asm_ins(p, 0x81, 7, rm_mem(R15, offsetof(struct mmu, context)));
		p = e_u32(p, r->mode);
		p = e_jcc(p, CC_NE, j->rw + j->thunk[T1_MISS]);
	}
	return p;
}

bool t1_generate(struct jit *j, uint32_t region, struct ir_region *r, bool fp_host, bool indirect)
{
	struct t1_loc loc[r->temps];
	struct t1_gen gen, *g = &gen;
	uint8_t *start = j->rw + j->hot, *delta = j->delta + j->delta_used;
	uint32_t count = 0, length;
	bool unreachable = false;

	g->p = start;
	g->limit = start + JIT_RESERVE / 2;
	g->r = r;
	g->guest = r->guest;
	g->j = j;
	g->region = region;
	g->failed = false;
	g->fp_host = fp_host;
	g->bias = t1_bias(r->guest);
	g->loc = loc;
	g->at = 0;
	g->insn_pc = r->pc;
	g->insn_extra = 0;
	g->pending = 0;
	g->delta = delta + 8;
	g->delta_limit = delta + 32768;
	g->delta_host = start;
	g->delta_pc = r->pc;
	g->uncounted = 0;
	t1_begin(g);
	if (indirect) {
		j->region[region].verify = j->hot;
		g->p = verify(j, &j->region[region], g->p);
	}
	if (j->config.machine) {
		j->region[region].guard = jit_offset(j, g->p);
		t1_guard(g);
	}
	start = g->delta_host = g->p;
	j->region[region].code = jit_offset(j, start);
	t1_poll(g, r->pc);
	for (g->at = 0; g->at < r->ops && !g->failed; g->at++) {
		const struct ir_op *o = &r->op[g->at];
		if (o->op == IR_LABEL) {
			/* Dead when it is behind an exit and every jump to it became an exit of its own. */
			unreachable = unreachable && !(g->label_used[o->x / 8] >> (o->x % 8) & 1) && !back_edge(r, g->at);
		}
		if (unreachable)
			continue;
		count += o->op == IR_INSN;
		one(g, o);
		unreachable = ir_op_info[o->op].flags & IR_F_END;
		if (g->p > g->limit)
			g->failed = true;
	}
	uint8_t *end = g->p;
	if (g->failed || !slow_paths(g))
		return false;
	for (unsigned i = 0; i < g->fixes; i++)
		e_u32(g->fix[i].at - 4, (uint32_t)(g->label[g->fix[i].label] - g->fix[i].at));
	length = (uint32_t)(end - start);
	memcpy(delta, &length, 4);
	memcpy(delta + 4, &count, 4);
	j->delta_used = (uint32_t)(g->delta - j->delta);
	j->hot = (jit_offset(j, end) + 15) & ~15u;
	j->stats.host_bytes += length;
	return true;
}

/* ---- thunks ---- */

static const uint8_t callee_saved[] = {RBX, R12, R13, R14, R15};

static uint8_t *push_pop(uint8_t *p, unsigned r, bool pop)
{
	if (r > 7)
		p = e_u8(p, 0x41);
	return e_u8(p, (pop ? 0x58 : 0x50) | (r & 7));
}

static void call_engine(struct t1_gen *g, uint64_t fn)
{
	/* In system mode the engine may not come back: the next instruction's fetch faults. */
	t1_pins(g, true, g->j->config.machine ? ~0u : 0xf00);
	INS(0x8d | O_W, RDI, rm_mem(RBP, -g->bias));
	t1_imm(g, RAX, fn);
	g->p = e_u16(g->p, 0xd0ff);
	t1_pins(g, false, 0xf00);
	t1_clean_upper(g);
	g->p = e_u16(g->p, 0xe0ff); /* jmp rax */
}

static uint8_t *stub(struct jit *j, uint8_t *p, uint32_t exit)
{
	p = e_u8(p, 0xb8); /* mov eax, exit */
	p = e_u32(p, exit);
	return e_jmp(p, j->rw + j->thunk[T1_LINK]);
}

int t1_thunks(struct jit *j, const struct ir_guest *guest, struct err *e)
{
	int error = jit_cache_map(j, e);
	struct t1_gen gen, *g = &gen;
	struct ir_region none = {.guest = guest, .temps = 0};

	if (error || j->ready)
		return error;
	t1_host = (struct t1_host){
		.bmi2 = __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("bmi"),
		.popcnt = __builtin_cpu_supports("popcnt"),
		.sse41 = __builtin_cpu_supports("sse4.1"), .ssse3 = __builtin_cpu_supports("ssse3"),
		.avx = __builtin_cpu_supports("avx"), .avx2 = __builtin_cpu_supports("avx2"),
		.fma = __builtin_cpu_supports("fma"),
	};
	uint32_t a, b, c, d;
	t1_host.movbe = __get_cpuid(1, &a, &b, &c, &d) && c & bit_MOVBE;
	t1_host.lzcnt = __get_cpuid(0x80000001, &a, &b, &c, &d) && c & bit_LZCNT;
	memset(g, 0, sizeof gen);
	g->j = j;
	g->guest = guest;
	g->r = &none;
	g->loc = (struct t1_loc[1]){0};
	g->bias = t1_bias(guest);
	t1_begin(g);
	g->p = j->rw + JIT_TABLE_BYTES;

	t1_constants(g);
	j->thunk[T1_ENTER] = jit_offset(j, g->p); /* unsigned enter(struct cpu *, code) */
	g->p = push_pop(g->p, RBP, false);
	for (unsigned i = 0; i < sizeof callee_saved; i++)
		g->p = push_pop(g->p, callee_saved[i], false);
	INS(0x8b | O_W, RAX, rm_reg(RSP));
	INS(0x81 | O_W, 5, rm_reg(RSP));
	g->p = e_u32(g->p, T1_FRAME);
	INS(0x83 | O_W, 4, rm_reg(RSP));
	g->p = e_u8(g->p, 0xe0); /* and rsp, -32 */
	INS(0x89 | O_W, RAX, rm_mem(RSP, T1_FRAME - 8));
	INS(0x8d | O_W, RBP, rm_mem(RDI, g->bias));
	if (j->config.machine)
		INS(0x8b | O_W, R15, rm_mem(RDI, offsetof(struct cpu, mmu)));
	else if (j->config.guest_base)
		t1_imm(g, R15, j->config.guest_base);
	t1_pins(g, false, ~0u);
	t1_clean_upper(g);
	g->p = e_u16(g->p, 0xe6ff); /* jmp rsi */

	j->thunk[T1_LEAVE] = jit_offset(j, g->p); /* eax: reason */
	t1_pins(g, true, ~0u);
	INS(0x8b | O_W, RSP, rm_mem(RSP, T1_FRAME - 8));
	for (unsigned i = sizeof callee_saved; i-- > 0;)
		g->p = push_pop(g->p, callee_saved[i], true);
	g->p = push_pop(g->p, RBP, true);
	g->p = e_u8(g->p, 0xc3);

	j->thunk[T1_LINK] = jit_offset(j, g->p); /* eax: exit */
	INS(0x8b, RSI, rm_reg(RAX));
	call_engine(g, (uint64_t)(uintptr_t)ir_engine_link);
	j->thunk[T1_MISS] = jit_offset(j, g->p); /* rax: guest pc */
	INS(0x8b | O_W, RSI, rm_reg(RAX));
	call_engine(g, (uint64_t)(uintptr_t)ir_engine_miss);
	if (j->config.machine) {
		j->thunk[T1_FAR] = jit_offset(j, g->p); /* rax: guest pc */
		INS(0x8b | O_W, RSI, rm_reg(RAX));
		call_engine(g, (uint64_t)(uintptr_t)ir_machine_far);
		j->thunk[T1_SLOW] = t1_slow_thunk(g, false);
		j->thunk[T1_SLOW_XMM] = t1_slow_thunk(g, true);
	}
	j->thunk[T1_RETRY] = jit_offset(j, g->p);
	t1_leave(g, T1_LEFT_PC);

	/* Preserves every register but the frame's result: rax is the operation, its own value was put into the frame. */
	static const uint8_t saved[] = {RCX, RDX, RSI, RDI, R8, R9, R10, R11};
	j->thunk[T1_EVAL] = jit_offset(j, g->p);
	INS(0x81 | O_W, 5, rm_reg(RSP));
	g->p = e_u32(g->p, 328);
	for (unsigned i = 0; i < 8; i++)
		INS(0x89 | O_W, saved[i], rm_mem(RSP, 8 * (int32_t)i));
	for (unsigned i = 0; i < 16; i++)
		INS(O_0F | 0x11, i, rm_mem(RSP, 64 + 16 * (int32_t)i));
	INS(0x8d | O_W, RDI, rm_mem(RBP, -g->bias));
	INS(0x8b | O_W, RSI, rm_reg(RAX));
	INS(0x8d | O_W, RDX, rm_mem(RSP, 336));
	t1_imm(g, RCX, (uint64_t)(uintptr_t)guest);
	t1_imm(g, RAX, (uint64_t)(uintptr_t)t1_eval_in_frame);
	g->p = e_u16(g->p, 0xd0ff);
	t1_clean_upper(g);
	for (unsigned i = 0; i < 16; i++)
		INS(O_0F | 0x10, i, rm_mem(RSP, 64 + 16 * (int32_t)i));
	for (unsigned i = 0; i < 8; i++)
		INS(0x8b | O_W, saved[i], rm_mem(RSP, 8 * (int32_t)i));
	INS(0x81 | O_W, 0, rm_reg(RSP));
	g->p = e_u32(g->p, 328);
	INS(0x8b | O_W, RAX, rm_mem(RSP, T1_SAVED_RAX + 8));
	g->p = e_u8(g->p, 0xc3);
	j->floor = (jit_offset(j, g->p) + 63) & ~63u;
	j->hot = j->floor;
	jit_table_init(j, (uint64_t)(uintptr_t)(j->rx + j->thunk[T1_MISS]), false, j->config.machine ? 0 : guest->pc_zeros);
	j->stub = stub;
	j->ready = true;
	return 0;
}

uint32_t t1_verify_entry(struct jit *j, uint32_t region)
{
	struct jit_region *r = &j->region[region];
	uint8_t *p;

	if (r->verify)
		return r->verify;
	j->cold -= j->config.machine ? 48 : 32;
	r->verify = j->cold;
	p = verify(j, r, j->rw + j->cold);
	e_jmp(p, j->rw + (j->config.machine ? r->guard : r->code));
	return r->verify;
}

/* ---- contexts of translated code ---- */

uint64_t t1_host_pc(const void *ucontext)
{
	return (uint64_t)((const ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RIP];
}

void t1_set_host_pc(void *ucontext, uint64_t pc)
{
	((ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

/* Pinned registers are in the context; the thunk stores them. */
void t1_leave_from(const struct jit *j, void *ucontext, unsigned reason)
{
	ucontext_t *u = ucontext;
	u->uc_mcontext.gregs[REG_RAX] = reason;
	u->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)(j->rx + j->thunk[T1_LEAVE]);
}
