/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * REP MOVS and REP STOS of machines: page by page where memory is memory and nothing overlaps, else element by element. Registers
 * are exact after each piece, so that a fault or an interrupt finds them as the manual says (SDM volume 2, REP).
 */
#include "isa/x86/sys.h"

/* Is the page of a linear address RAM? Only a question of speed and of how often a register is accessed. */
static bool is_ram(struct x86_cpu *c, uint64_t linear)
{
	uint64_t physical;

	return !x86_translate_debug(&c->cpu, linear, &physical) && tlb_phys(c->cpu.mmu, physical & ~4095ull)->host;
}

struct run {
	struct x86_cpu *c;
	const struct x86_insn *in;
	unsigned size, seg;
	bool copies;
};

static uint64_t bytes_left(uint64_t linear)
{
	return 4096 - (linear & 4095);
}

/* Elements that one piece may have, all in one page and in bounds; at most n. */
static uint64_t piece(const struct run *r, unsigned seg, uint64_t offset, uint64_t linear, uint64_t n, bool write)
{
	const struct x86_cpu *c = r->c;
	uint64_t m = bytes_left(linear) / r->size;

	if (c->mode != 64) {
		const struct x86_bounds *b = &c->sys.bounds[seg];
		uint64_t in_segment = (b->span[write] - (offset - b->low[write]) + 1) / r->size;
		m = m < in_segment ? m : in_segment;
	}
	if (r->in->addrsize == 2 || r->in->addrsize == 4) {
		uint64_t before_wrap = (x86_mask_of(r->in->addrsize) - offset + 1) / r->size;
		m = m < before_wrap ? m : before_wrap;
	}
	return m < n ? m : n;
}

/* The same, downwards from the element at `linear`. One that crosses into the next page is none. */
static uint64_t piece_down(const struct run *r, unsigned seg, uint64_t offset, uint64_t linear, uint64_t n, bool write)
{
	const struct x86_cpu *c = r->c;
	uint64_t m = bytes_left(linear) < r->size ? 0 : (linear & 4095) / r->size + 1;

	if (c->mode != 64) {
		uint64_t in_segment = (offset - c->sys.bounds[seg].low[write]) / r->size + 1;
		m = m < in_segment ? m : in_segment;
	}
	if (r->in->addrsize == 2 || r->in->addrsize == 4) {
		uint64_t before_wrap = offset / r->size + 1;
		m = m < before_wrap ? m : before_wrap;
	}
	return m < n ? m : n;
}

static void fill(uint8_t *p, uint64_t v, unsigned size, uint64_t bytes)
{
	switch (size) {
	case 1:
		memset(p, (int)(v & 255), bytes);
		return;
	case 2: v = (v & 0xffff) * 0x0001000100010001ull; break;
	case 4: v = (v & UINT32_MAX) * 0x0000000100000001ull; break;
	}
	for (; bytes >= 8; bytes -= 8, p += 8)
		memcpy(p, &v, 8);
	memcpy(p, &v, bytes);
}

/* Where the soft TLB says at once that both sides are plain memory. */
static bool at_once(const struct run *r, uint64_t from, uint64_t to, uint64_t bytes)
{
	struct x86_cpu *c = r->c;
	struct mmu *m = c->cpu.mmu;
	uint8_t *d = tlb_hit(m, to, (unsigned)bytes, c->sys.map, MMU_WRITE);
	const uint8_t *s = r->copies ? tlb_hit(m, from, (unsigned)bytes, c->sys.map, MMU_READ) : d;

	if (!d || !s)
		return false;
	if (r->copies)
		memmove(d, s, bytes);
	else
		fill(d, c->gpr[X86_RAX], r->size, bytes);
	return true;
}

/*
 * Downwards (kernels move themselves so): only where both pages are in the TLB, since the first element, which is the last in memory, would have to
 * be the one that faults. 0: nothing could be done so.
 */
static uint64_t bulk_down(const struct run *r, uint64_t from, uint64_t to, uint64_t n)
{
	struct x86_cpu *c = r->c;
	uint64_t bytes = n * r->size, back = bytes - r->size;

	if (n < 2 || c->rflags & X86_TF || x86_debug_armed(c) || (r->copies && from - to < bytes))
		return 0;
	return at_once(r, from - back, to - back, bytes) ? n : 0;
}

/* Bulk: 0, nothing could be done so. */
static uint64_t bulk(const struct run *r, uint64_t from, uint64_t to, uint64_t n)
{
	struct x86_cpu *c = r->c;
	uint64_t bytes = n * r->size;
	uint8_t buffer[4096];

	if (c->rflags & X86_TF || x86_debug_armed(c))
		return 0;
	if (r->copies && to - from < bytes)
		return 0; /* a forward copy onto itself repeats a pattern */
	if (at_once(r, from, to, bytes))
		return n;
	if (n < 16)
		return 0;
	if (r->copies) {
		if (!is_ram(c, from))
			return 0;
		mmu_read(&c->cpu, from, buffer, (unsigned)bytes, c->sys.map);
	}
	if (!is_ram(c, to))
		return 0;
	uint8_t *p = mmu_host(&c->cpu, to, (unsigned)bytes, c->sys.map);
	if (!p)
		return 0;
	if (r->copies) {
		memcpy(p, buffer, bytes);
		return n;
	}
	fill(p, c->gpr[X86_RAX], r->size, bytes);
	return n;
}

static void advance(const struct run *r, unsigned reg, uint64_t n)
{
	uint64_t step = n * r->size;

	x86_set_gpr(r->c, reg, r->in->addrsize, r->c->rflags & X86_DF ? r->c->gpr[reg] - step : r->c->gpr[reg] + step);
}

static void repeat(const struct run *r)
{
	struct x86_cpu *c = r->c;
	uint64_t mask = x86_mask_of(r->in->addrsize), n;
	bool down = c->rflags & X86_DF;

	while ((n = c->gpr[X86_RCX] & mask)) {
		uint64_t si = c->gpr[X86_RSI] & mask, di = c->gpr[X86_RDI] & mask, from = 0, v = c->gpr[X86_RAX], done = n;
		if (r->copies) {
			from = x86_segment_check(c, r->seg, si, r->size, false);
			done = down ? piece_down(r, r->seg, si, from, done, false) : piece(r, r->seg, si, from, done, false);
		}
		uint64_t to = x86_segment_check(c, X86_ES, di, r->size, true);
		done = down ? bulk_down(r, from, to, piece_down(r, X86_ES, di, to, done, true)) : bulk(r, from, to, piece(r, X86_ES, di, to, done, true));
		if (!done) {
			if (r->copies)
				mmu_read(&c->cpu, from, &v, r->size, c->sys.map);
			mmu_write(&c->cpu, to, &v, r->size, c->sys.map);
			done = 1;
		}
		if (r->copies)
			advance(r, X86_RSI, done);
		advance(r, X86_RDI, done);
		x86_set_gpr(c, X86_RCX, r->in->addrsize, n - done);
		if (c->cpu.pending || c->rflags & X86_TF) {
			if (n != done && c->cpu.pending)
				x86_count_later(c);
			return; /* the instruction goes on at itself */
		}
	}
	x86_set_gpr(c, X86_RCX, r->in->addrsize, 0);
}

static unsigned element(const struct x86_insn *in)
{
	unsigned kind = in->row->operands[0];
	return kind == X86_O_Yb ? 1 : in->opsize;
}

X86_SYS_HELPER(rep_movs)
{
	(void)ea;
	struct run r = {.c = c, .in = in, .size = element(in), .seg = in->seg != X86_NOREG ? in->seg : X86_DS, .copies = true};
	repeat(&r);
}

X86_SYS_HELPER(rep_stos)
{
	(void)ea;
	struct run r = {.c = c, .in = in, .size = element(in)};
	repeat(&r);
}
