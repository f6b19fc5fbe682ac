/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far jumps, calls and returns (Intel SDM volume 2, JMP, CALL, RET; volume 3, 5.8): segments, call gates of 16, 32 and 64 bits, task
 * gates and task states.
 */
#include "base/log.h"
#include "isa/x86/sys.h"

struct target {
	uint16_t selector;
	uint64_t offset;
};

static struct target far_pointer(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
	struct target t = {.selector = (uint16_t)in->imm2, .offset = in->imm & x86_mask_of(in->opsize)};

	if (in->has_mem) {
		t.offset = 0;
		x86_mem_read(c, ea, &t.offset, in->opsize);
		t.selector = x86_ld16(c, ea + in->opsize);
	}
	return t;
}

static void to_paragraph(struct x86_cpu *c, const struct x86_insn *in, struct target t)
{
	uint64_t limit = c->seg[X86_CS].limit;

	if ((t.offset & x86_mask_of(in->opsize)) > limit)
		x86_raise(c, X86_GP, 0);
	x86_seg_paragraph(c, X86_CS, t.selector);
	x86_sys_update(c);
	x86_set_ip(c, t.offset);
}

static unsigned system_type(const struct x86_desc *d)
{
	return d->seg.attr & X86_SEG_S ? 0 : d->seg.attr & X86_SEG_TYPE;
}

/* DPL >= CPL and RPL, present: what gates and task states ask for. */
static void check_gate(struct x86_cpu *c, uint16_t selector, const struct x86_desc *d)
{
	unsigned dpl = x86_desc_dpl(d);

	if (dpl < c->sys.cpl || dpl < (selector & 3u))
		x86_raise(c, X86_GP, selector & ~3u);
	if (!x86_desc_present(d))
		x86_raise(c, X86_NP, selector & ~3u);
}

/* A task state or a task gate; true: done. */
static bool to_task(struct x86_cpu *c, uint16_t selector, struct x86_desc *d, enum x86_switch how, uint64_t next_ip)
{
	switch (system_type(d)) {
	case 1:
	case 9:
		if (x86_long(c))
			return false;
		check_gate(c, selector, d);
		if (selector & 4)
			x86_raise(c, X86_GP, selector & ~3u);
		x86_task_switch(c, selector, d, how, next_ip, NULL);
		return true;
	case 5:
		if (x86_long(c))
			return false;
		check_gate(c, selector, d);
		x86_task_gate(c, d, selector, how, next_ip, NULL, 0);
		return true;
	default:
		return false;
	}
}

struct call_gate {
	struct target to;
	unsigned size, parameters;
	struct x86_desc cs;
};

/* A call gate and the code segment behind it; false: it is none. */
static bool call_gate(struct x86_cpu *c, uint16_t selector, struct x86_desc *d, struct call_gate *g, bool jump)
{
	unsigned type = system_type(d);

	if (type != 12 && (type != 4 || x86_long(c)))
		return false;
	if (x86_long(c)) {
		x86_desc_get(c, selector, true, d, X86_GP, 0);
		if (d->high >> 40 & 0x1f)
			x86_raise(c, X86_GP, selector & ~3u);
	}
	check_gate(c, selector, d);
	g->size = x86_long(c) ? 8 : type == 12 ? 4 : 2;
	g->parameters = x86_long(c) ? 0 : d->low >> 32 & 31;
	g->to.selector = (uint16_t)(d->low >> 16);
	g->to.offset = (d->low & 0xffff) | (type == 12 ? d->low >> 32 & 0xffff0000 : 0) | d->high << 32;
	uint64_t code = g->to.selector & ~3u;
	if (!code)
		x86_raise(c, X86_GP, 0);
	x86_desc_get(c, g->to.selector, false, &g->cs, X86_GP, 0);
	unsigned attr = g->cs.seg.attr, dpl = X86_SEG_DPL(attr);
	if (!(attr & X86_SEG_S) || !(attr & X86_SEG_CODE) || dpl > c->sys.cpl)
		x86_raise(c, X86_GP, code);
	if (jump && !(attr & X86_SEG_DOWN) && dpl != c->sys.cpl)
		x86_raise(c, X86_GP, code);
	if (x86_long(c) && (!(attr & X86_SEG_L) || attr & X86_SEG_DB))
		x86_raise(c, X86_GP, code);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_NP, code);
	return true;
}

static void jump(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
	struct target t = far_pointer(c, in, ea);
	uint64_t next = x86_next_ip(c, in), old = c->rflags;
	struct call_gate g;
	struct x86_desc d;

	if (x86_paragraphs(c)) {
		to_paragraph(c, in, t);
		return;
	}
	if (!(t.selector & ~3u))
		x86_raise(c, X86_GP, 0);
	x86_desc_get(c, t.selector, false, &d, X86_GP, 0);
	if (to_task(c, t.selector, &d, X86_SWITCH_JUMP, next))
		return;
	if (call_gate(c, t.selector, &d, &g, true)) {
		x86_check_ip(c, &g.cs, g.to.offset);
		x86_desc_accessed(c, &g.cs);
		x86_cs_set(c, g.to.selector, &g.cs, c->sys.cpl);
		t.offset = g.to.offset;
	} else {
		x86_check_code(c, t.selector, &d);
		x86_check_ip(c, &d, t.offset);
		x86_desc_accessed(c, &d);
		x86_cs_set(c, t.selector, &d, c->sys.cpl);
	}
	x86_sys_update(c);
	x86_set_ip(c, t.offset);
	x86_flags_changed(c, old);
}

/* A call gate to an inner level: a new stack, the parameters, the old stack pointer (SDM vol. 3, 5.8.5). */
static void call_inner(struct x86_cpu *c, struct call_gate *g, uint64_t next)
{
	unsigned dpl = x86_desc_dpl(&g->cs), size = g->size;
	bool wide = x86_long(c);
	struct x86_stack old, s;
	struct x86_desc ss;
	uint16_t new_ss;
	uint64_t new_sp, parameter[32];

	x86_stack_current(c, &old);
	x86_tss_stack(c, dpl, &new_ss, &new_sp, 0);
	if (wide) {
		if (!x86_canonical(new_sp))
			x86_raise(c, X86_SS_, 0);
		s = (struct x86_stack){.c = c, .sp = new_sp, .mask = UINT64_MAX, .flat = true, .map = x86_map_of(c, dpl, false)};
	} else {
		x86_inner_ss(c, new_ss, dpl, &ss, 0);
		s = (struct x86_stack){.c = c, .ss = ss.seg, .sp = new_sp, .mask = ss.seg.attr & X86_SEG_DB ? UINT32_MAX : UINT16_MAX,
				       .map = x86_map_of(c, dpl, false), .error = new_ss & ~3u};
	}
	for (unsigned i = 0; i < g->parameters; i++)
		parameter[i] = x86_stack_peek(&old, i * size, size);
	x86_stack_push(&s, c->seg[X86_SS].selector, size);
	x86_stack_push(&s, c->gpr[X86_RSP], size);
	for (unsigned i = g->parameters; i--;)
		x86_stack_push(&s, parameter[i], size);
	x86_stack_push(&s, c->seg[X86_CS].selector, size);
	x86_stack_push(&s, next, size);
	x86_check_ip(c, &g->cs, g->to.offset);
	x86_desc_accessed(c, &g->cs);
	if (wide) {
		x86_seg_null(c, X86_SS, (uint16_t)dpl);
		c->seg[X86_SS].attr = (uint16_t)(dpl << 5);
	} else {
		x86_seg_set(c, X86_SS, new_ss, &ss);
	}
	x86_cs_set(c, g->to.selector, &g->cs, dpl);
	x86_set_gpr(c, X86_RSP, wide ? 8 : s.mask == UINT32_MAX ? 4 : 2, s.sp);
	x86_sys_update(c);
	x86_set_ip(c, g->to.offset);
}

static void call(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
	struct target t = far_pointer(c, in, ea);
	uint64_t next = x86_next_ip(c, in);
	unsigned size = in->opsize, bytes = x86_stack_bytes(c);
	struct x86_stack s;
	struct call_gate g;
	struct x86_desc d;

	x86_stack_current(c, &s);
	if (x86_paragraphs(c)) {
		x86_stack_push(&s, c->seg[X86_CS].selector, size);
		x86_stack_push(&s, next, size);
		to_paragraph(c, in, t);
		x86_set_gpr(c, X86_RSP, bytes, s.sp);
		return;
	}
	if (!(t.selector & ~3u))
		x86_raise(c, X86_GP, 0);
	x86_desc_get(c, t.selector, false, &d, X86_GP, 0);
	if (to_task(c, t.selector, &d, X86_SWITCH_CALL, next))
		return;
	if (call_gate(c, t.selector, &d, &g, false)) {
		if (!(g.cs.seg.attr & X86_SEG_DOWN) && x86_desc_dpl(&g.cs) < c->sys.cpl) {
			call_inner(c, &g, next);
			return;
		}
		size = g.size;
		t = g.to;
		d = g.cs;
	} else {
		x86_check_code(c, t.selector, &d);
	}
	x86_stack_push(&s, c->seg[X86_CS].selector, size);
	x86_stack_push(&s, next, size);
	x86_check_ip(c, &d, t.offset);
	x86_desc_accessed(c, &d);
	x86_cs_set(c, t.selector, &d, c->sys.cpl);
	x86_set_gpr(c, X86_RSP, bytes, s.sp);
	x86_sys_update(c);
	x86_set_ip(c, t.offset);
}

/* The code segment that a return goes to: its checks and its new privilege level. */
static unsigned return_code(struct x86_cpu *c, uint16_t selector, struct x86_desc *d)
{
	uint64_t code = selector & ~3u;
	unsigned rpl = selector & 3;

	if (!code)
		x86_raise(c, X86_GP, 0);
	x86_desc_get(c, selector, false, d, X86_GP, 0);
	unsigned attr = d->seg.attr, dpl = X86_SEG_DPL(attr);
	bool bad = !(attr & X86_SEG_S) || !(attr & X86_SEG_CODE) || rpl < c->sys.cpl;
	bad |= attr & X86_SEG_DOWN ? dpl > rpl : dpl != rpl;
	bad |= x86_long(c) && attr & X86_SEG_L && attr & X86_SEG_DB;
	if (bad)
		x86_raise(c, X86_GP, code);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_NP, code);
	return rpl;
}

/* SS for a return to an outer level (or any, with IRETQ); *null: it is null, which 64-bit code inside the kernel may have. */
static void return_stack(struct x86_cpu *c, uint16_t selector, unsigned rpl, const struct x86_desc *cs, struct x86_desc *d, bool *null)
{
	uint64_t code = selector & ~3u;

	*null = !code;
	if (*null) {
		if (!x86_long(c) || !(cs->seg.attr & X86_SEG_L) || rpl == 3 || (selector & 3u) != rpl)
			x86_raise(c, X86_GP, 0);
		memset(d, 0, sizeof *d);
		d->seg.attr = (uint16_t)(rpl << 5);
		return;
	}
	x86_desc_get(c, selector, false, d, X86_GP, 0);
	unsigned attr = d->seg.attr;
	if ((selector & 3u) != rpl || X86_SEG_DPL(attr) != rpl || !(attr & X86_SEG_S) || attr & X86_SEG_CODE || !(attr & X86_SEG_RW))
		x86_raise(c, X86_GP, code);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_SS_, code);
}

static unsigned stack_bytes_of(const struct x86_cpu *c, const struct x86_desc *cs, const struct x86_desc *ss)
{
	return x86_long(c) && cs->seg.attr & X86_SEG_L ? 8 : ss->seg.attr & X86_SEG_DB ? 4 : 2;
}

static void far_return(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	unsigned size = in->opsize, bytes = x86_stack_bytes(c), cpl = c->sys.cpl, extra = in->row->operands[0] ? (unsigned)in->imm : 0;
	struct x86_desc cs, ss;
	struct x86_stack s;
	bool null;

	x86_stack_current(c, &s);
	uint64_t ip = x86_stack_peek(&s, 0, size);
	uint16_t selector = (uint16_t)x86_stack_peek(&s, size, size);
	if (x86_paragraphs(c)) {
		to_paragraph(c, in, (struct target){selector, ip});
		x86_set_gpr(c, X86_RSP, bytes, s.sp + 2 * size + extra);
		return;
	}
	unsigned rpl = return_code(c, selector, &cs);
	if (rpl == cpl) {
		x86_check_ip(c, &cs, ip);
		x86_desc_accessed(c, &cs);
		x86_cs_set(c, selector, &cs, rpl);
		x86_set_gpr(c, X86_RSP, bytes, s.sp + 2 * size + extra);
		x86_sys_update(c);
		x86_set_ip(c, ip);
		return;
	}
	uint64_t sp = x86_stack_peek(&s, 2 * size + extra, size);
	uint16_t new_ss = (uint16_t)x86_stack_peek(&s, 3 * size + extra, size);
	return_stack(c, new_ss, rpl, &cs, &ss, &null);
	x86_check_ip(c, &cs, ip);
	x86_desc_accessed(c, &cs);
	if (!null)
		x86_desc_accessed(c, &ss);
	x86_cs_set(c, selector, &cs, rpl);
	x86_seg_set(c, X86_SS, new_ss, &ss);
	x86_set_gpr(c, X86_RSP, stack_bytes_of(c, &cs, &ss), sp + extra);
	x86_outer_segments(c);
	x86_sys_update(c);
	x86_set_ip(c, ip);
}

/* ---- IRET (SDM vol. 2) ---- */

/* Flags that a return may change at this privilege. */
static void return_flags(struct x86_cpu *c, uint64_t flags, unsigned size, unsigned cpl, unsigned iopl)
{
	uint64_t may = X86_STATUS | X86_TF | X86_DF | X86_NT | (size > 2 ? X86_RF | X86_AC | X86_ID : 0);

	if (cpl <= iopl)
		may |= X86_IF;
	if (!cpl)
		may |= X86_IOPL | (size > 2 ? X86_VIF | X86_VIP : 0);
	c->rflags = (c->rflags & ~may) | (flags & may) | 2;
}

static void to_vm86(struct x86_cpu *c, struct x86_stack *s, uint64_t ip, uint16_t cs, uint64_t flags)
{
	uint64_t sp = x86_stack_peek(s, 12, 4);
	uint16_t seg[6];

	seg[X86_CS] = cs;
	seg[X86_SS] = (uint16_t)x86_stack_peek(s, 16, 4);
	seg[X86_ES] = (uint16_t)x86_stack_peek(s, 20, 4);
	seg[X86_DS] = (uint16_t)x86_stack_peek(s, 24, 4);
	seg[X86_FS] = (uint16_t)x86_stack_peek(s, 28, 4);
	seg[X86_GS] = (uint16_t)x86_stack_peek(s, 32, 4);
	c->rflags = (flags & (X86_STATUS | X86_TF | X86_IF | X86_DF | X86_IOPL | X86_NT | X86_RF | X86_VM | X86_AC | X86_VIF | X86_VIP | X86_ID)) | 2;
	for (unsigned i = 0; i < 6; i++)
		x86_seg_paragraph(c, i, seg[i]);
	c->gpr[X86_RSP] = (uint32_t)sp;
	x86_sys_update(c);
	x86_set_ip(c, ip & 0xffff);
}

static void iret_vm86(struct x86_cpu *c, const struct x86_insn *in, struct x86_stack *s)
{
	unsigned size = in->opsize, bytes = x86_stack_bytes(c);
	uint64_t ip, flags;
	uint16_t cs;

	if (x86_iopl(c) < 3 && !(c->sys.cr4 & X86_CR4_VME && size == 2))
		x86_raise(c, X86_GP, 0);
	ip = x86_stack_peek(s, 0, size);
	cs = (uint16_t)x86_stack_peek(s, size, size);
	flags = x86_stack_peek(s, 2 * size, size);
	if (x86_iopl(c) == 3) {
		to_paragraph(c, in, (struct target){cs, ip});
		c->rflags = (c->rflags & (X86_VM | X86_IOPL | X86_VIP | X86_VIF | (size == 2 ? X86_AC | X86_ID | X86_RF : 0))) | 2 |
			    (flags & (X86_STATUS | X86_TF | X86_IF | X86_DF | X86_NT | (size > 2 ? X86_AC | X86_ID | X86_RF : 0)));
	} else { /* VME: IF becomes VIF (SDM vol. 3, 20.3.3.4) */
		if ((flags & X86_IF && c->rflags & X86_VIP) || flags & X86_TF)
			x86_raise(c, X86_GP, 0);
		to_paragraph(c, in, (struct target){cs, ip});
		uint64_t may = X86_STATUS | X86_TF | X86_DF | X86_NT;
		c->rflags = (c->rflags & ~(may | X86_VIF)) | (flags & may) | (flags & X86_IF ? X86_VIF : 0);
	}
	x86_set_gpr(c, X86_RSP, bytes, s->sp + 3 * size);
}

static void iret_task(struct x86_cpu *c, const struct x86_insn *in)
{
	uint16_t selector = (uint16_t)x86_sys_load(c, c->sys.tr.base, 2);
	struct x86_desc d;

	if (selector & 4 || !(selector & ~3u))
		x86_raise(c, X86_TS, selector & ~3u);
	x86_desc_get(c, selector, false, &d, X86_TS, 0);
	if ((d.seg.attr & (X86_SEG_S | (X86_SEG_TYPE & ~8u))) != 3)
		x86_raise(c, X86_TS, selector & ~3u);
	if (!x86_desc_present(&d))
		x86_raise(c, X86_NP, selector & ~3u);
	x86_task_switch(c, selector, &d, X86_SWITCH_RETURN, x86_next_ip(c, in), NULL);
}

static void iret_protected(struct x86_cpu *c, const struct x86_insn *in, struct x86_stack *s)
{
	unsigned size = in->opsize, bytes = x86_stack_bytes(c), cpl = c->sys.cpl, iopl = x86_iopl(c);
	struct x86_desc cs, ss;
	bool null = false;

	if (c->rflags & X86_NT) {
		if (x86_long(c))
			x86_raise(c, X86_GP, 0);
		iret_task(c, in);
		return;
	}
	uint64_t ip = x86_stack_peek(s, 0, size);
	uint16_t selector = (uint16_t)x86_stack_peek(s, size, size);
	uint64_t flags = x86_stack_peek(s, 2 * size, size);
	if (flags & X86_VM && size == 4 && !cpl && !x86_long(c)) {
		to_vm86(c, s, ip, selector, flags);
		return;
	}
	unsigned rpl = return_code(c, selector, &cs);
	bool outer = rpl > cpl, pops = outer || c->mode == 64;
	uint64_t sp = s->sp + 3 * size;
	uint16_t new_ss = c->seg[X86_SS].selector;
	if (pops) {
		sp = x86_stack_peek(s, 3 * size, size);
		new_ss = (uint16_t)x86_stack_peek(s, 4 * size, size);
		return_stack(c, new_ss, rpl, &cs, &ss, &null);
	}
	x86_check_ip(c, &cs, ip);
	x86_desc_accessed(c, &cs);
	if (pops && !null)
		x86_desc_accessed(c, &ss);
	return_flags(c, flags, size, cpl, iopl);
	x86_cs_set(c, selector, &cs, rpl);
	if (pops) {
		x86_seg_set(c, X86_SS, new_ss, &ss);
		x86_set_gpr(c, X86_RSP, stack_bytes_of(c, &cs, &ss), sp);
	} else {
		x86_set_gpr(c, X86_RSP, bytes, sp);
	}
	if (outer)
		x86_outer_segments(c);
	x86_sys_update(c);
	x86_set_ip(c, ip);
}

static void interrupt_return(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	uint64_t old = c->rflags;
	struct x86_stack s;

	x86_stack_current(c, &s);
	if (!x86_protected(c)) {
		unsigned size = in->opsize, bytes = x86_stack_bytes(c);
		uint64_t ip = x86_stack_peek(&s, 0, size), flags = x86_stack_peek(&s, 2 * size, size);
		uint16_t cs = (uint16_t)x86_stack_peek(&s, size, size);
		uint64_t may = X86_STATUS | X86_TF | X86_IF | X86_DF | X86_IOPL | X86_NT | (size > 2 ? X86_RF | X86_AC | X86_ID : 0);
		to_paragraph(c, in, (struct target){cs, ip});
		x86_set_gpr(c, X86_RSP, bytes, s.sp + 3 * size);
		c->rflags = (c->rflags & ~may) | (flags & may) | 2;
	} else if (x86_vm86(c)) {
		iret_vm86(c, in, &s);
	} else {
		iret_protected(c, in, &s);
	}
	c->sys.nmi_blocked = false;
	x86_flags_changed(c, old);
	if (c->sys.lines & X86_LINE_NMI)
		x86_look(c);
}

/* ---- -d pcall ---- */

static void logged(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, const char *what, x86_helper_fn *go)
{
	unsigned cs = c->seg[X86_CS].selector, cpl = c->sys.cpl;
	unsigned long long ip = c->rip;
	bool protected = x86_protected(c);

	go(c, in, ea);
	if (__builtin_expect(log_mask & LOG_PCALL, 0) && protected)
		log_printf(LOG_PCALL, "CPU %u: %s at %04x:%016llx CPL=%u to %04x:%016llx CPL=%u\n", c->cpu.index, what, cs, ip, cpl,
			   c->seg[X86_CS].selector, (unsigned long long)c->rip, c->sys.cpl);
}

X86_SYS_HELPER(jmpf)
{
	logged(c, in, ea, "ljmp", jump);
}

X86_SYS_HELPER(callf)
{
	logged(c, in, ea, "lcall", call);
}

X86_SYS_HELPER(retf)
{
	logged(c, in, ea, "lret", far_return);
}

X86_SYS_HELPER(iret)
{
	logged(c, in, ea, "iret", interrupt_return);
}
