/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions on descriptor tables and selectors (Intel SDM volume 2): LGDT, LLDT, LTR, SGDT and so on, LAR, LSL, VERR,
 * VERW, ARPL; segment registers; FS and GS bases.
 */
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

static uint16_t word(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
{
	return in->has_mem ? x86_ld16(c, ea) : (uint16_t)c->gpr[in->rm];
}

static void store_word(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, uint64_t v)
{
	if (in->has_mem)
		x86_st16(c, ea, (uint16_t)v);
	else
		x86_set_gpr(c, in->rm, in->opsize, v);
}

static void zf(struct x86_cpu *c, bool on)
{
	c->rflags = on ? c->rflags | X86_ZF : c->rflags & ~(uint64_t)X86_ZF;
}

static void supervisor(struct x86_cpu *c)
{
	if (c->sys.cpl)
		x86_raise(c, X86_GP, 0);
}

/* Selectors mean something in protected mode only. */
static void need_protected(struct x86_cpu *c)
{
	if (x86_paragraphs(c))
		x86_raise(c, X86_UD, 0);
}

/* ---- tables ---- */

static void load_table(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, struct x86_table *t)
{
	struct x86_table n = {.limit = x86_ld16(c, ea)};

	supervisor(c);
	x86_mem_read(c, ea + 2, &n.base, in->mode == 64 ? 8 : 4);
	if (in->mode == 64 && !x86_canonical(n.base))
		x86_raise(c, X86_GP, 0);
	if (in->mode != 64 && in->opsize == 2)
		n.base &= 0xffffff;
	*t = n;
}

X86_SYS_HELPER(lgdt)
{
	load_table(c, in, ea, &c->sys.gdtr);
}

X86_SYS_HELPER(lidt)
{
	load_table(c, in, ea, &c->sys.idtr);
}

static void store_table(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, const struct x86_table *t)
{
	uint8_t image[10];
	uint16_t limit = (uint16_t)t->limit;

	if (c->sys.cr4 & X86_CR4_UMIP)
		supervisor(c);
	memcpy(image, &limit, 2);
	memcpy(image + 2, &t->base, 8);
	x86_mem_write(c, ea, image, in->mode == 64 ? 10 : 6);
}

X86_SYS_HELPER(sgdt)
{
	store_table(c, in, ea, &c->sys.gdtr);
}

X86_SYS_HELPER(sidt)
{
	store_table(c, in, ea, &c->sys.idtr);
}

X86_SYS_HELPER(sldt)
{
	need_protected(c);
	if (c->sys.cr4 & X86_CR4_UMIP)
		supervisor(c);
	store_word(c, in, ea, c->sys.ldtr.selector);
}

X86_SYS_HELPER(str)
{
	need_protected(c);
	if (c->sys.cr4 & X86_CR4_UMIP)
		supervisor(c);
	store_word(c, in, ea, c->sys.tr.selector);
}

X86_SYS_HELPER(lldt)
{
	struct x86_desc d;

	need_protected(c);
	supervisor(c);
	uint16_t selector = word(c, in, ea);
	if (!(selector & ~3u)) {
		c->sys.ldtr = (struct x86_seg){.selector = selector};
		return;
	}
	uint64_t code = selector & ~3u;
	if (selector & 4)
		x86_raise(c, X86_GP, code);
	x86_desc_get(c, selector, x86_long(c), &d, X86_GP, 0);
	if ((d.seg.attr & (X86_SEG_S | X86_SEG_TYPE)) != 2)
		x86_raise(c, X86_GP, code);
	if (!x86_desc_present(&d))
		x86_raise(c, X86_NP, code);
	if (x86_long(c) && !x86_canonical(d.seg.base))
		x86_raise(c, X86_GP, code);
	c->sys.ldtr = d.seg;
}

X86_SYS_HELPER(ltr)
{
	struct x86_desc d;

	need_protected(c);
	supervisor(c);
	uint16_t selector = word(c, in, ea);
	uint64_t code = selector & ~3u;
	if (!code || selector & 4)
		x86_raise(c, X86_GP, code);
	x86_desc_get(c, selector, x86_long(c), &d, X86_GP, 0);
	unsigned type = d.seg.attr & (X86_SEG_S | X86_SEG_TYPE);
	if (type != 9 && (type != 1 || x86_long(c)))
		x86_raise(c, X86_GP, code);
	if (!x86_desc_present(&d))
		x86_raise(c, X86_NP, code);
	if (x86_long(c) && !x86_canonical(d.seg.base))
		x86_raise(c, X86_GP, code);
	x86_sys_store(c, d.at + 5, (d.low >> 40 & 0xff) | 2, 1);
	c->sys.tr = d.seg;
	c->sys.tr.attr |= 2;
}

/* ---- looking at selectors ---- */

/* May this privilege level see it? types: system types that count, as bits. */
static bool visible(struct x86_cpu *c, uint16_t selector, unsigned types, struct x86_desc *d)
{
	if (!(selector & ~3u) || !x86_desc_find(c, selector, false, d))
		return false;
	unsigned attr = d->seg.attr, dpl = X86_SEG_DPL(attr);
	bool code = attr & X86_SEG_CODE;
	if (!(attr & X86_SEG_S)) {
		if (!(types >> (attr & X86_SEG_TYPE) & 1))
			return false;
		if (x86_long(c)) { /* 16 bytes; the second half must be a descriptor's */
			if (!x86_desc_find(c, selector, true, d) || d->high >> 40 & 0x1f)
				return false;
		}
	} else if (code && attr & X86_SEG_DOWN) {
		return true;
	}
	return dpl >= c->sys.cpl && dpl >= (selector & 3u);
}

X86_SYS_HELPER(lar)
{
	struct x86_desc d;

	need_protected(c);
	/* 1 2 3 9 11: task states, LDT; 4 5 12: gates (SDM vol. 2, table 3-53) */
	unsigned types = x86_long(c) ? 1u << 2 | 1u << 9 | 1u << 11 | 1u << 12 : 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 9 | 1u << 11 | 1u << 12;
	bool good = visible(c, word(c, in, ea), types, &d);
	zf(c, good);
	if (good)
		x86_set_gpr(c, in->reg, in->opsize, d.low >> 32 & (in->opsize == 2 ? 0xff00 : 0x00ffff00));
}

X86_SYS_HELPER(lsl)
{
	struct x86_desc d;

	need_protected(c);
	unsigned types = x86_long(c) ? 1u << 2 | 1u << 9 | 1u << 11 : 1u << 1 | 1u << 2 | 1u << 3 | 1u << 9 | 1u << 11;
	bool good = visible(c, word(c, in, ea), types, &d);
	zf(c, good);
	if (good)
		x86_set_gpr(c, in->reg, in->opsize, d.seg.limit);
}

X86_SYS_HELPER(verr)
{
	struct x86_desc d;

	need_protected(c);
	zf(c, visible(c, word(c, in, ea), 0, &d) && (!(d.seg.attr & X86_SEG_CODE) || d.seg.attr & X86_SEG_RW));
}

X86_SYS_HELPER(verw)
{
	struct x86_desc d;

	need_protected(c);
	zf(c, visible(c, word(c, in, ea), 0, &d) && !(d.seg.attr & X86_SEG_CODE) && d.seg.attr & X86_SEG_RW);
}

X86_SYS_HELPER(arpl)
{
	need_protected(c);
	x86_helper_arpl(c, in, ea);
}

/* ---- segment registers ---- */

X86_SYS_HELPER(mov_to_seg)
{
	unsigned seg = in->reg;

	if (seg == X86_CS || seg > X86_GS)
		x86_raise(c, X86_UD, 0);
	x86_sys_seg_load(c, seg, word(c, in, ea));
	if (seg == X86_SS)
		c->sys.shadow = X86_SHADOW_SS;
	x86_sys_update(c);
}

X86_SYS_HELPER(push_seg)
{
	(void)ea;
	unsigned size = in->opsize, bytes = x86_stack_bytes(c);
	struct x86_stack s;

	x86_stack_current(c, &s);
	/* with a 32-bit operand processors write the selector alone (SDM volume 2, PUSH) */
	if (size == 4) {
		uint64_t at = x86_segment_check(c, X86_SS, (s.sp - 4) & s.mask, 4, true);
		x86_mem_probe_write(c, at, 4);
		x86_st16(c, at, c->seg[x86_operand_fixed(in->row->operands[0])].selector);
		x86_set_gpr(c, X86_RSP, bytes, s.sp - 4);
		return;
	}
	x86_stack_push(&s, c->seg[x86_operand_fixed(in->row->operands[0])].selector, size);
	x86_set_gpr(c, X86_RSP, bytes, s.sp);
}

X86_SYS_HELPER(pop_seg)
{
	(void)ea;
	unsigned bytes = x86_stack_bytes(c), seg = x86_operand_fixed(in->row->operands[0]);
	struct x86_stack s;

	x86_stack_current(c, &s);
	x86_sys_seg_load(c, seg, (uint16_t)x86_stack_peek(&s, 0, in->opsize == 4 ? 2 : in->opsize));
	x86_set_gpr(c, X86_RSP, bytes, s.sp + in->opsize);
	if (seg == X86_SS)
		c->sys.shadow = X86_SHADOW_SS;
	x86_sys_update(c);
}

static void far_load(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea, unsigned seg)
{
	uint64_t offset = 0;

	x86_mem_read(c, ea, &offset, in->opsize);
	x86_sys_seg_load(c, seg, x86_ld16(c, ea + in->opsize));
	x86_set_gpr(c, in->reg, in->opsize, offset);
	x86_sys_update(c);
}

X86_SYS_HELPER(les)
{
	far_load(c, in, ea, X86_ES);
}

X86_SYS_HELPER(lds)
{
	far_load(c, in, ea, X86_DS);
}

X86_SYS_HELPER(lss)
{
	far_load(c, in, ea, X86_SS);
}

X86_SYS_HELPER(lfs)
{
	far_load(c, in, ea, X86_FS);
}

X86_SYS_HELPER(lgs)
{
	far_load(c, in, ea, X86_GS);
}

/* ---- bases ---- */

static void need_fsgsbase(struct x86_cpu *c)
{
	if (!(c->sys.cr4 & X86_CR4_FSGSBASE))
		x86_raise(c, X86_UD, 0);
}

static void write_base(struct x86_cpu *c, const struct x86_insn *in, unsigned seg)
{
	uint64_t v = in->rex & 8 ? c->gpr[in->rm] : (uint32_t)c->gpr[in->rm];

	need_fsgsbase(c);
	if (!x86_canonical(v))
		x86_raise(c, X86_GP, 0);
	c->seg[seg].base = v;
}

X86_SYS_HELPER(rdfsbase)
{
	(void)ea;
	need_fsgsbase(c);
	x86_set_gpr(c, in->rm, in->rex & 8 ? 8 : 4, c->seg[X86_FS].base);
}

X86_SYS_HELPER(rdgsbase)
{
	(void)ea;
	need_fsgsbase(c);
	x86_set_gpr(c, in->rm, in->rex & 8 ? 8 : 4, c->seg[X86_GS].base);
}

X86_SYS_HELPER(wrfsbase)
{
	(void)ea;
	write_base(c, in, X86_FS);
}

X86_SYS_HELPER(wrgsbase)
{
	(void)ea;
	write_base(c, in, X86_GS);
}

X86_SYS_HELPER(swapgs)
{
	(void)in, (void)ea;
	uint64_t base = c->seg[X86_GS].base;

	c->seg[X86_GS].base = c->sys.kernel_gs_base;
	c->sys.kernel_gs_base = base;
}
