/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug registers (Intel SDM volume 3, chapter 17): breakpoints on code, data and ports. While one is armed the run loop goes
 * instruction by instruction; pages with data breakpoints are looked up again for each of them, so that accesses come to x86_fill().
 */
#include "isa/x86/sys.h"

static unsigned kind(const struct x86_cpu *c, unsigned n)
{
	return c->sys.dr[7] >> (16 + 4 * n) & 3; /* 0 code, 1 write, 2 port, 3 read and write */
}

static uint64_t length(const struct x86_cpu *c, unsigned n)
{
	static const uint8_t bytes[] = {1, 2, 8, 4};
	return bytes[c->sys.dr[7] >> (18 + 4 * n) & 3];
}

static bool enabled(const struct x86_cpu *c, unsigned n)
{
	return c->sys.dr[7] >> (2 * n) & 3;
}

bool x86_debug_armed(const struct x86_cpu *c)
{
	return c->sys.dr[7] & 0xff;
}

bool x86_debug_page(const struct x86_cpu *c, uint64_t addr)
{
	if (!x86_debug_armed(c))
		return false;
	for (unsigned n = 0; n < 4; n++)
		if (enabled(c, n) && kind(c, n) & 1 && (c->sys.dr[n] ^ addr) >> 12 == 0)
			return true;
	return false;
}

bool x86_debug_code(struct x86_cpu *c)
{
	uint64_t at = c->mode == 64 ? c->rip : (uint32_t)(c->rip + c->seg[X86_CS].base);
	bool hit = false;

	if (c->rflags & X86_RF)
		return false;
	for (unsigned n = 0; n < 4; n++)
		if (enabled(c, n) && !kind(c, n) && c->sys.dr[n] == at) {
			c->sys.dr[6] |= 1u << n;
			hit = true;
		}
	return hit;
}

static void hits(struct x86_cpu *c, uint64_t addr, unsigned size, unsigned kinds)
{
	for (unsigned n = 0; n < 4; n++) {
		uint64_t len = length(c, n), at = c->sys.dr[n] & ~(len - 1);
		if (enabled(c, n) && kinds >> kind(c, n) & 1 && addr < at + len && at < addr + size)
			c->sys.dr6_hits |= 1u << n;
	}
}

void x86_debug_data(struct x86_cpu *c, uint64_t addr, bool write)
{
	hits(c, addr, c->sys.debug_size, write ? 1u << 1 | 1u << 3 : 1u << 3);
}

void x86_debug_io(struct x86_cpu *c, uint16_t port, unsigned size)
{
	if (x86_debug_armed(c) && c->sys.cr4 & X86_CR4_DE)
		hits(c, port, size, 1u << 2);
}

/* The register's number with DR4 and DR5 as they count here; checks what comes before the access. */
static unsigned number(struct x86_cpu *c, const struct x86_insn *in)
{
	unsigned n = in->reg;

	if (c->sys.cpl)
		x86_raise(c, X86_GP, 0);
	if (n > 7 || ((n == 4 || n == 5) && c->sys.cr4 & X86_CR4_DE))
		x86_raise(c, X86_UD, 0);
	if (c->sys.dr[7] & 0x2000) { /* GD */
		c->sys.dr[6] |= 1u << 13;
		c->sys.dr[7] &= ~0x2000ull;
		x86_raise(c, X86_DB, 0);
	}
	return n == 4 || n == 5 ? n + 2 : n;
}

X86_SYS_HELPER(mov_from_dr)
{
	(void)ea;
	x86_set_gpr(c, in->rm, in->mode == 64 ? 8 : 4, c->sys.dr[number(c, in)]);
}

X86_SYS_HELPER(mov_to_dr)
{
	(void)ea;
	uint64_t v = in->mode == 64 ? c->gpr[in->rm] : (uint32_t)c->gpr[in->rm];
	unsigned n = number(c, in);

	if (n >= 6 && v >> 32)
		x86_raise(c, X86_GP, 0);
	if (n == 6)
		v = (v & 0xe00f) | 0xffff0ff0;
	else if (n == 7)
		v = (v & 0xffff23ff) | 0x400;
	c->sys.dr[n] = v;
	x86_flush_all(c);
	x86_look(c);
}
