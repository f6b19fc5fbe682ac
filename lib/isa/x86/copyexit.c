/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copying translator: how a region ends. See copy.h.
 */
#include "isa/x86/copyint.h"

uint8_t *x86_stub(struct jit *j, uint8_t *p, uint32_t exit)
{
	unsigned kind = j->exit[exit].kind;
	unsigned thunk = kind == X86_EXIT_BRANCH ? T_LINK : kind == X86_EXIT_CHECK ? T_CHECK : T_EXIT;
	p = e_gs_imm32(p, OFF(h.exit), exit);
	return e_jmp(p, j->rw + j->thunk[thunk]);
}

/* Pads so that n bytes at p + before are in one cache line: they may be patched while they run. */
static uint8_t *in_line(uint8_t *p, unsigned before, unsigned n)
{
	unsigned at = (unsigned)((uintptr_t)(p + before) & 63);
	return at + n > 64 ? e_nop(p, 64 - at) : p;
}

static unsigned branch_kind(const struct x86_tr *t)
{
	return t->g->flags & JIT_REGION_STEP ? X86_EXIT_STEP : X86_EXIT_BRANCH;
}

/* A direct exit farther than a rel32 from the region's start cannot be kept; C goes the way. */
static bool in_reach(const struct x86_tr *t, uint64_t target)
{
	int64_t d = (int64_t)(target - t->g->pc);
	return d == (int32_t)d;
}

static uint32_t known(const struct x86_tr *t, uint64_t target)
{
	if (t->g->flags & JIT_REGION_STEP)
		return JIT_NONE;
	return jit_region_find(t->j, target, t->mode);
}

/* The exit at the end of the hot area: a jump where the target is known, else a stub. Returns the exit. */
static uint32_t fall(struct x86_tr *t, uint64_t target)
{
	struct jit *j = t->j;
	uint32_t x = jit_exit_new(j, t->region, target, branch_kind(t)), r = known(t, target);
	struct jit_exit *e = &j->exit[x];
	t->p = in_line(t->p, 0, 5);
	if (r) {
		e->how = JIT_PATCH_REL32;
		e->patch = jit_offset(j, t->p) + 1;
		t->p = e_jmp(t->p, t->p);
		jit_link(j, x, r);
	} else {
		e->how = JIT_PATCH_STUB;
		e->patch = jit_offset(j, t->p);
		t->p = x86_stub(j, t->p, x);
	}
	return x;
}

void x86_end_jump(struct x86_tr *t, uint64_t target)
{
	struct jit *j = t->j;
	/* An entry can be overwritten by a jump when the region dies. */
	unsigned body = (unsigned)(jit_offset(j, t->p) - t->g->code);
	if (body < 5)
		t->p = e_nop(t->p, 5 - body);
	j->last.tail = jit_offset(j, t->p);
	uint32_t x = fall(t, target);
	if (!j->exit[x].linked) {
		j->last.x_fall = x;
		t->chain = true;
		t->chain_target = target;
	}
}

static void push_return(struct x86_tr *t)
{
	uint64_t next = t->pc + t->in.length;
	if (t->mode == 32) {
		x86_push_return32(t, (uint32_t)next);
		return;
	}
	if ((int64_t)next == (int32_t)next) {
		t->p = e_u8(t->p, 0x68);
		t->p = e_u32(t->p, (uint32_t)next);
		return;
	}
	struct jit *j = t->j;
	j->cold = (j->cold - 8) & ~7u;
	__builtin_memcpy(j->rw + j->cold, &next, 8);
	t->p = e_u16(t->p, 0x35ff); /* push [rip + literal] */
	t->p = e_u32(t->p, j->cold - (jit_offset(j, t->p) + 4));
}

/*
 * What follows a conditional branch is nearly always executed sooner or later (seen: 87 % of the time in python, 75 % in
 * cc1), so it is translated in the same go, in the place where it follows, while that is cheap: in the same page, one thread.
 */
static bool goes_on(const struct x86_tr *t, uint64_t next)
{
	return t->ahead && !t->g->flags && !((next ^ t->g->pc) >> 12) && jit_single(t->j) && x86_easy_page(t, next);
}

/* Where a call comes back to is executed soon, too, and by an indirect jump. */
void x86_returns_to(struct x86_tr *t, uint64_t next)
{
	if (t->returns < X86_RETURNS && goes_on(t, next))
		t->return_to[t->returns++] = next;
}

/* Conditional: cc 0..15. */
static void end_jcc(struct x86_tr *t, unsigned cc, uint64_t target, uint64_t next)
{
	struct jit *j = t->j;
	uint8_t *start = t->p;
	t->p = in_line(t->p, 2, 4);
	uint32_t rt = known(t, target), xt = jit_exit_new(j, t->region, target, branch_kind(t));
	uint32_t jcc = jit_offset(j, t->p);
	t->p = e_jcc(t->p, cc, t->p);
	x86_tr_note(t, start, X86_FIX_NONE);
	j->exit[xt].how = JIT_PATCH_REL32;
	j->exit[xt].patch = jcc + 2;
	bool self = target == t->g->pc && !(t->g->flags & JIT_REGION_STEP);
	if (rt)
		jit_link(j, xt, rt);
	else if (self)
		jit_link(j, xt, t->region);
	j->last.tail = jit_offset(j, t->p);
	j->last.jcc = jcc;
	if (goes_on(t, next) && !known(t, next)) {
		uint32_t stub = rt || self ? JIT_NONE : jit_cold_stub(j, xt);
		if (stub)
			e_u32(j->rw + jcc + 2, stub - (jcc + 6));
		if (stub || rt || self) {
			t->ahead--;
			t->chain = true;
			t->chain_target = next;
			j->last.x_fall = jit_exit_new(j, t->region, next, branch_kind(t));
			return;
		}
	}
	uint32_t xf = fall(t, next);
	if (!rt && !self) {
		uint8_t *s = t->p;
		t->p = x86_stub(j, s, xt);
		e_u32(j->rw + jcc + 2, jit_offset(j, s) - (jcc + 6));
		j->last.x_taken = xt;
	}
	j->last.x_fall = xf;
}

/* loop, loope, loopne, jrcxz: only rel8 forms exist. */
static void end_loop(struct x86_tr *t, uint64_t target, uint64_t next)
{
	struct jit *j = t->j;
	uint8_t *start = t->p;
	if (t->in.addrsize == 4) /* ecx counts */
		t->p = e_u8(t->p, 0x67);
	t->p = e_u8(t->p, t->in.opcode);
	t->p = e_u8(t->p, 2);
	t->p = e_u8(t->p, 0xeb); /* over the far jump, with its padding */
	uint8_t *over = t->p++;
	uint8_t *to = over + 1;
	t->p = in_line(t->p, 1, 4); /* padding is on the taken way too: harmless */
	uint32_t x = jit_exit_new(j, t->region, target, branch_kind(t)), jmp = jit_offset(j, t->p);
	t->p = e_jmp(t->p, t->p);
	*over = (uint8_t)(t->p - to);
	x86_tr_note(t, start, X86_FIX_NONE);
	j->exit[x].how = JIT_PATCH_REL32;
	j->exit[x].patch = jmp + 1;
	uint32_t r = known(t, target);
	j->last.tail = jit_offset(j, t->p);
	j->last.x_fall = fall(t, next);
	if (r) {
		jit_link(j, x, r);
	} else {
		uint8_t *s = t->p;
		t->p = x86_stub(j, s, x);
		e_u32(j->rw + jmp + 1, jit_offset(j, s) - (jmp + 5));
		/* Nothing follows in the place of the stubs. */
		j->last.region = JIT_NONE;
	}
}

void x86_end_branch(struct x86_tr *t)
{
	const struct x86_insn *in = &t->in;
	uint64_t next = t->pc + in->length, target = next + in->imm;
	if (t->mode == 32) {
		next = (uint32_t)next;
		target = (uint32_t)target;
	}
	if (!in_reach(t, target) || (t->mode == 32 && (in->prefixes & X86_PFX_OPSIZE || in->addrsize == 2))) {
		x86_end_emulate(t);
		return;
	}
	if (in->map == 1) { /* 0F 80..8F */
		end_jcc(t, in->opcode & 15, target, next);
	} else if ((in->opcode & 0xf0) == 0x70) {
		end_jcc(t, in->opcode & 15, target, next);
	} else if (in->opcode >= 0xe0 && in->opcode <= 0xe3) {
		end_loop(t, target, next);
	} else {
		uint8_t *start = t->p;
		if (in->opcode == 0xe8) {
			push_return(t);
			x86_returns_to(t, next);
		}
		x86_tr_note(t, start, X86_FIX_NONE);
		x86_end_jump(t, target);
	}
	t->pc = next;
}

/* rcx = target, spills done: on through the table. */
static void go_indirect(struct x86_tr *t)
{
	struct jit *j = t->j;
	if (t->g->flags & JIT_REGION_STEP) {
		t->p = e_gs_store(t->p, X86_RCX, OFF(h.target));
		t->p = e_gs_load(t->p, X86_RCX, OFF(spill[0]));
		uint32_t x = jit_exit_new(j, t->region, t->g->pc, X86_EXIT_STEP_IND);
		t->p = x86_stub(j, t->p, x);
		return;
	}
	if (j->table_grows) { /* pext r11, rcx, gs:[mask] */
		t->p = e_bytes(t->p, 0x251cf5f262c465, 7);
		t->p = e_u32(t->p, OFF(h.jc.table_mask));
	} else {
		t->p = e_u32(t->p, 0xd9b70f44); /* movzx r11d, cx */
	}
	t->p = e_bytes(t->p, 0xdd24ff4265, 5); /* jmp gs:[r11 * 8 + table] */
	t->p = e_u32(t->p, X86_TABLE);
}

bool x86_end_indirect(struct x86_tr *t)
{
	const struct x86_insn *in = &t->in;
	uint8_t *start = t->p;
	uint64_t next = t->pc + in->length;
	t->p = e_gs_store(t->p, X86_RCX, OFF(spill[0]));
	if (!(t->g->flags & JIT_REGION_STEP))
		t->p = e_gs_store(t->p, X86_R11, OFF(spill[1]));
	unsigned fix = t->g->flags & JIT_REGION_STEP ? 0x40 | X86_RCX : X86_R11 << 4 | X86_RCX;
	if (in->map == 0 && (in->opcode == 0xc3 || in->opcode == 0xc2)) {
		t->p = e_u8(t->p, 0x59); /* pop rcx */
		if (in->opcode == 0xc2) {
			t->p = e_u32(t->p, 0x24a48d48); /* lea rsp, [rsp + imm] */
			t->p = e_u32(t->p, (uint16_t)in->imm);
		}
	} else if (in->map == 0 && in->opcode == 0xff && (in->modrm >> 3 & 7) >= 2 && (in->modrm >> 3 & 7) <= 4 &&
		   (in->modrm >> 3 & 7) != 3) {
		if (in->has_mem) {
			if (!x86_load_target(t, X86_RCX, X86_R11)) {
				t->p = start;
				return false;
			}
		} else if (in->rm != X86_RCX) {
			t->p = e_mov(t->p, X86_RCX, in->rm);
		}
		if ((in->modrm >> 3 & 7) == 2) {
			push_return(t);
			x86_returns_to(t, next);
		}
	} else {
		t->p = start;
		return false;
	}
	go_indirect(t);
	x86_tr_note(t, start, fix);
	t->pc = next;
	return true;
}

static void end_special(struct x86_tr *t, uint64_t target, unsigned kind)
{
	uint32_t x = jit_exit_new(t->j, t->region, target, kind);
	t->p = x86_stub(t->j, t->p, x);
	t->j->last.region = JIT_NONE;
}

void x86_end_emulate(struct x86_tr *t)
{
	end_special(t, t->pc, X86_EXIT_EMULATE);
}

void x86_end_syscall(struct x86_tr *t)
{
	uint8_t *start = t->p;
	uint64_t next = t->pc + t->in.length;
	end_special(t, next, X86_EXIT_SYSCALL);
	x86_tr_note(t, start, X86_FIX_NONE);
	t->pc = next;
}

/* Compares and takes the spilled registers back; the body comes next. */
static uint8_t *verify64(struct jit *j, uint8_t *p, uint64_t pc)
{
	uint64_t minus = -pc;
	if ((int64_t)minus == (int32_t)minus) { /* mov r11, -pc */
		p = e_bytes(p, 0xc3c749, 3);
		p = e_u32(p, (uint32_t)minus);
	} else {
		p = e_u16(p, 0xbb49);
		p = e_u64(p, minus);
	}
	p = e_u32(p, 0x190c8d4a); /* lea rcx, [rcx + r11] */
	p = e_u16(p, 0x05e3);     /* jrcxz over the jump */
	p = e_jmp(p, j->rw + j->thunk[T_MISS_VERIFY]);
	p = e_gs_load(p, X86_RCX, OFF(spill[0]));
	return e_gs_load(p, X86_R11, OFF(spill[1]));
}

uint8_t *x86_verify_here(struct jit *j, uint8_t *p, const struct jit_region *g)
{
	return g->mode == 32 ? x86_verify32(j, p, g) : verify64(j, p, g->pc);
}

uint32_t x86_verify_entry(struct jit *j, uint32_t region)
{
	struct jit_region *g = &j->region[region];
	if (g->verify)
		return g->verify;
	j->cold = (j->cold - 48) & ~15u;
	uint8_t *start = j->rw + j->cold, *p = x86_verify_here(j, start, g);
	/* The jump is always at the same place: lib/jit may patch its rel32, which is in one cache line. */
	p = e_nop(p, j->verify_jump - 1 - (unsigned)(p - start));
	e_jmp(p, j->rw + g->code);
	g->verify = j->cold;
	return g->verify;
}
