/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports (Intel SDM volume 1, chapter 19): IN, OUT, INS, OUTS; who may use which is IOPL's and the I/O permission bitmap's to say.
 */
#include "isa/x86/sys.h"

static void check_port(struct x86_cpu *c, uint16_t port, unsigned size)
{
	const struct x86_seg *tr = &c->sys.tr;

	if (!x86_protected(c) || (c->sys.cpl <= x86_iopl(c) && !x86_vm86(c)))
		return;
	/* the bitmap is in 32-bit and 64-bit task states (SDM vol. 1, 19.5.2) */
	if (!(tr->attr & X86_SEG_P) || !(tr->attr & 8) || tr->limit < 103)
		x86_raise(c, X86_GP, 0);
	uint64_t map = x86_sys_load(c, tr->base + 102, 2) + port / 8;
	if (map + 1 > tr->limit)
		x86_raise(c, X86_GP, 0);
	if (x86_sys_load(c, tr->base + map, 2) >> (port & 7) & ((1u << size) - 1))
		x86_raise(c, X86_GP, 0);
}

static uint64_t input(struct x86_cpu *c, uint16_t port, unsigned size)
{
	x86_count_exactly(c);
	x86_debug_io(c, port, size);
	const struct x86_machine *m = x86_leave_guest(c);
	uint64_t v = m->in(m->opaque, port, size) & x86_mask_of(size);
	x86_return_guest(c);
	return v;
}

static void output(struct x86_cpu *c, uint16_t port, uint64_t v, unsigned size)
{
	x86_count_exactly(c);
	x86_debug_io(c, port, size);
	const struct x86_machine *m = x86_leave_guest(c);
	m->out(m->opaque, port, v & x86_mask_of(size), size);
	x86_return_guest(c);
}

static uint16_t port_of(const struct x86_cpu *c, const struct x86_insn *in, unsigned operand)
{
	return in->row->operands[operand] == X86_O_DX ? (uint16_t)c->gpr[X86_RDX] : in->imm & 255;
}

X86_SYS_HELPER(in)
{
	(void)ea;
	unsigned size = x86_operand_size(in, 0);
	uint16_t port = port_of(c, in, 1);

	check_port(c, port, size);
	x86_set_gpr(c, X86_RAX, size, input(c, port, size));
}

X86_SYS_HELPER(out)
{
	(void)ea;
	unsigned size = x86_operand_size(in, 1);
	uint16_t port = port_of(c, in, 0);

	check_port(c, port, size);
	output(c, port, c->gpr[X86_RAX], size);
}

/* One element; gives false when there is none left. */
static bool element(struct x86_cpu *c, const struct x86_insn *in, bool write)
{
	unsigned size = in->row->operands[!write] == X86_O_Yb || in->row->operands[!write] == X86_O_Xb ? 1 : in->opsize > 4 ? 4 : in->opsize;
	unsigned reg = write ? X86_RDI : X86_RSI, seg = write ? X86_ES : in->seg != X86_NOREG ? in->seg : X86_DS;
	uint64_t mask = x86_mask_of(in->addrsize), offset = c->gpr[reg] & mask;
	bool repeat = in->prefixes & (X86_PFX_REP | X86_PFX_REPNE);
	uint16_t port = (uint16_t)c->gpr[X86_RDX];
	uint64_t v = 0;

	if (repeat && !(c->gpr[X86_RCX] & mask))
		return false;
	check_port(c, port, size);
	uint64_t linear = x86_segment_check(c, seg, offset, size, write);
	if (write) {
		x86_mem_probe_write(c, linear, size);
		v = input(c, port, size);
		x86_mem_write(c, linear, &v, size);
	} else {
		x86_mem_read(c, linear, &v, size);
		output(c, port, v, size);
	}
	x86_set_gpr(c, reg, in->addrsize, c->rflags & X86_DF ? offset - size : offset + size);
	if (!repeat)
		return false;
	x86_set_gpr(c, X86_RCX, in->addrsize, c->gpr[X86_RCX] - 1);
	return c->gpr[X86_RCX] & mask;
}

static void string(struct x86_cpu *c, const struct x86_insn *in, bool write)
{
	uint64_t next = x86_next_ip(c, in);

	while (element(c, in, write))
		if (c->cpu.pending) {
			x86_count_later(c);
			return; /* goes on at itself, after what waits */
		}
	x86_set_ip(c, next);
}

X86_SYS_HELPER(ins)
{
	(void)ea;
	string(c, in, true);
}

X86_SYS_HELPER(outs)
{
	(void)ea;
	string(c, in, false);
}
