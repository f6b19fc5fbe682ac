/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector moves, masked moves and gathers (Intel SDM vol. 2). Masked elements are never accessed and never fault; a masked
 * store that faults has stored nothing (probed first), a gather keeps the elements that it has.
 */
#include "isa/x86/vec.h"

/* A whole operand to another: size is the destination's, or the source's when the destination is wider memory. */
static void move(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	union x86_vec v;

	x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, 1, ea, &v);
	x86_operand_write_vec(cpu, in, 0, ea, &v, x86_operand_size(in, 0));
	if (in->row->flags & X86_ROW_X87)
		x86_mmx_enter(cpu);
}

#define MOVE(name)                                                                                             \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		move(cpu, in, ea);                                                                             \
	}
MOVE(movups)
MOVE(movupd)
MOVE(movaps)
MOVE(movapd)
MOVE(movdqa)
MOVE(movdqu)
MOVE(lddqu)
MOVE(movntps)
MOVE(movntpd)
MOVE(movntdq)
MOVE(movntdqa)
MOVE(movntq)

/* Clears a vector destination to 16 bytes (legacy) or entirely (VEX) above `size` bytes. */
static void move_clearing(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned size)
{
	union x86_vec v, d = {{0}};
	unsigned reg;
	bool high;

	x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, 1, ea, &v);
	memcpy(&d, &v, size);
	x86_operand_write_vec(cpu, in, 0, ea, &d,
			      x86_operand_reg(in, 0, &reg, &high) == X86_FILE_VEC ? 16 : size);
	if (in->row->flags & X86_ROW_X87)
		x86_mmx_enter(cpu);
}

X86_VEC_HELPER(movd)
{
	move_clearing(cpu, in, ea, in->rex & 8 && in->mode == 64 ? 8 : 4);
}

X86_VEC_HELPER(movq)
{
	move_clearing(cpu, in, ea, 8);
}

X86_VEC_HELPER(movq2dq)
{
	move_clearing(cpu, in, ea, 8);
}

X86_VEC_HELPER(movdq2q)
{
	move_clearing(cpu, in, ea, 8);
}

/* movss, movsd: a load clears the rest; register to register keeps it, or with VEX takes it from the second operand. */
static void move_scalar(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned size)
{
	union x86_vec a, b;

	if (in->has_mem) {
		move_clearing(cpu, in, ea, size);
		return;
	}
	x86_operand_read(cpu, in, x86_is_vex(in) ? 1 : 0, ea, &a);
	x86_operand_read(cpu, in, x86_is_vex(in) ? 2 : 1, ea, &b);
	memcpy(&a, &b, size);
	x86_operand_write_vec(cpu, in, 0, ea, &a, 16);
}
X86_VEC_HELPER(movss)
{
	move_scalar(cpu, in, ea, 4);
}
X86_VEC_HELPER(movsd)
{
	move_scalar(cpu, in, ea, 8);
}

/* One half of a register from a half of the source, the other half kept (VEX: from operand 1). */
static void move_half(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned to, unsigned from)
{
	union x86_vec a, b;

	if (x86_operand_is_mem(in, 0)) { /* the store forms */
		x86_operand_read(cpu, in, 1, ea, &b);
		x86_operand_write_vec(cpu, in, 0, ea, (const union x86_vec *)&(union x86_vec){.u64 = {b.u64[to]}}, 8);
		return;
	}
	x86_operand_read(cpu, in, x86_is_vex(in) ? 1 : 0, ea, &a);
	x86_operand_read(cpu, in, x86_is_vex(in) ? 2 : 1, ea, &b);
	a.u64[to] = b.u64[from];
	x86_operand_write_vec(cpu, in, 0, ea, &a, 16);
}
X86_VEC_HELPER(movlps)
{
	move_half(cpu, in, ea, 0, 0);
}
X86_VEC_HELPER(movlpd)
{
	move_half(cpu, in, ea, 0, 0);
}
X86_VEC_HELPER(movhps)
{
	move_half(cpu, in, ea, 1, 0);
}
X86_VEC_HELPER(movhpd)
{
	move_half(cpu, in, ea, 1, 0);
}
X86_VEC_HELPER(movhlps)
{
	move_half(cpu, in, ea, 0, 1);
}
X86_VEC_HELPER(movlhps)
{
	move_half(cpu, in, ea, 1, 0);
}

/* ---- masked moves -------------------------------------------------------------------------------------- */

static uint64_t wrap(const struct x86_insn *in, uint64_t addr)
{
	return in->mode == 64 ? addr : (uint32_t)addr;
}

/* Reads or writes the lanes of v whose mask lane has its top bit set. Writes are probed before the first store. */
static void masked_access(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, union x86_vec *v,
			  const union x86_vec *mask, unsigned bytes, unsigned lane, bool write)
{
	for (int pass = write ? 0 : 1; pass < 2; pass++)
		for (unsigned i = 0; i < bytes; i += lane) {
			uint64_t at = wrap(in, ea + i);

			if (!(mask->u8[i + lane - 1] & 0x80))
				continue;
			if (!write)
				x86_mem_read(cpu, at, v->u8 + i, lane);
			else if (pass == 0)
				x86_mem_probe_write(cpu, at, lane);
			else
				x86_mem_write(cpu, at, v->u8 + i, lane);
		}
}

static void masked_move(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned lane)
{
	bool store = x86_operand_is_mem(in, 0);
	unsigned bytes = x86_operand_size(in, 0);
	union x86_vec v = {{0}}, mask;

	x86_operand_read(cpu, in, 1, ea, &mask);
	if (store) {
		x86_operand_read(cpu, in, 2, ea, &v);
		masked_access(cpu, in, ea, &v, &mask, bytes, lane, true);
	} else {
		masked_access(cpu, in, ea, &v, &mask, bytes, lane, false);
		x86_operand_write_vec(cpu, in, 0, ea, &v, bytes);
	}
}
X86_VEC_HELPER(vmaskmovps)
{
	masked_move(cpu, in, ea, 4);
}
X86_VEC_HELPER(vmaskmovpd)
{
	masked_move(cpu, in, ea, 8);
}
X86_VEC_HELPER(vpmaskmovd)
{
	masked_move(cpu, in, ea, 4);
}
X86_VEC_HELPER(vpmaskmovq)
{
	masked_move(cpu, in, ea, 8);
}

/* MASKMOVQ, MASKMOVDQU store operand 0 to [seg:rDI] by bytes of operand 1. */
static void masked_store_di(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned bytes)
{
	unsigned seg = in->seg != X86_NOREG ? in->seg : X86_DS;
	uint64_t at = cpu->gpr[X86_RDI];
	union x86_vec v, mask;

	x86_vec_begin(cpu, in);
	if (in->addrsize == 4)
		at = (uint32_t)at;
	else if (in->addrsize == 2)
		at = (uint16_t)at;
	if (in->mode != 64 || seg == X86_FS || seg == X86_GS)
		at += cpu->seg[seg].base;
	x86_operand_read(cpu, in, 0, ea, &v);
	x86_operand_read(cpu, in, 1, ea, &mask);
	/* SDM: whether bytes that are not stored can fault is the implementation's choice; processors check them all. */
	x86_mem_probe_write(cpu, wrap(in, at), bytes);
	masked_access(cpu, in, wrap(in, at), &v, &mask, bytes, 1, true);
	if (in->row->flags & X86_ROW_X87)
		x86_mmx_enter(cpu);
}
X86_VEC_HELPER(maskmovq)
{
	masked_store_di(cpu, in, ea, 8);
}
X86_VEC_HELPER(maskmovdqu)
{
	masked_store_di(cpu, in, ea, 16);
}

/* ---- gathers ------------------------------------------------------------------------------------------- */

/*
 * SDM vol. 2, VGATHERDPS and kin. Elements are taken from the lowest up; after each its mask element is cleared, so that a
 * fault leaves what was done done. #UD when destination, index and mask are not three different registers.
 */
static void gather(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned index_lane, unsigned lane)
{
	unsigned length = 16u << in->vex_l, n = length / (index_lane > lane ? index_lane : lane);
	union x86_vec *dst = &cpu->ymm[in->reg & 15], *mask = &cpu->ymm[in->vex_vvvv & 15];
	union x86_vec index = cpu->ymm[in->index & 15];
	unsigned whole = length; /* what a fault leaves touched, even where half of it is used */

	if (in->reg == in->index || in->reg == in->vex_vvvv || in->index == in->vex_vvvv)
		x86_raise(cpu, 6, 0);
	for (unsigned i = 0; i < whole; i++) /* each mask element becomes all zeros or all ones */
		mask->u8[i] = mask->i8[(i / lane) * lane + lane - 1] < 0 ? 0xFF : 0;
	memset(mask->u8 + whole, 0, sizeof *mask - whole);
	for (unsigned i = 0; i < n; i++) {
		int64_t offset = index_lane == 8 ? index.i64[i] : index.i32[i];
		uint64_t at;

		if (!mask->u8[i * lane])
			continue;
		at = ea + (uint64_t)offset * in->scale;
		x86_mem_read(cpu, in->addrsize == 8 ? at : (uint32_t)at, dst->u8 + i * lane, lane);
		memset(mask->u8 + i * lane, 0, lane);
		memset(dst->u8 + whole, 0, sizeof *dst - whole);
	}
	memset(dst->u8 + n * lane, 0, sizeof *dst - n * lane);
	memset(mask->u8 + n * lane, 0, sizeof *mask - n * lane);
}

#define GATHER(name, index_lane, lane)                                                                         \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		gather(cpu, in, ea, index_lane, lane);                                                         \
	}
GATHER(vpgatherdd, 4, 4)
GATHER(vpgatherdq, 4, 8)
GATHER(vpgatherqd, 8, 4)
GATHER(vpgatherqq, 8, 8)
GATHER(vgatherdps, 4, 4)
GATHER(vgatherdpd, 4, 8)
GATHER(vgatherqps, 8, 4)
GATHER(vgatherqpd, 8, 8)

/* ---- whole register file ------------------------------------------------------------------------------- */

static void zero(struct x86_cpu *cpu, const struct x86_insn *in, unsigned from)
{
	for (unsigned i = 0; i < (in->mode == 64 ? 16u : 8u); i++)
		memset(cpu->ymm[i].u8 + from, 0, sizeof cpu->ymm[i] - from);
}

X86_VEC_HELPER(zeroupper)
{
	(void)ea;
	zero(cpu, in, 16);
}
X86_VEC_HELPER(zeroall)
{
	(void)ea;
	zero(cpu, in, 0);
}
