/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE4.2's string comparisons (Intel SDM vol. 2, 4.1): PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. The immediate:
 * bits 1:0 element format, 3:2 aggregation, 5:4 polarity, 6 which index or what kind of mask.
 */
#include "isa/x86/vec.h"

struct strings {
	int64_t a[16], b[16]; /* elements, extended as the format says */
	unsigned n;           /* elements in a register: 16 bytes or 8 words */
	unsigned alen, blen;
};

static void unpack(int64_t *e, const union x86_vec *v, unsigned imm)
{
	for (unsigned i = 0; i < (imm & 1 ? 8u : 16u); i++)
		switch (imm & 3) {
		case 0: e[i] = v->u8[i]; break;
		case 1: e[i] = v->u16[i]; break;
		case 2: e[i] = v->i8[i]; break;
		default: e[i] = v->i16[i];
		}
}

static unsigned implicit_length(const int64_t *e, unsigned n)
{
	unsigned i = 0;

	while (i < n && e[i])
		i++;
	return i;
}

/* EAX or EDX (RAX, RDX with REX.W), its magnitude cut to n. */
static unsigned explicit_length(const struct x86_cpu *cpu, const struct x86_insn *in, unsigned reg, unsigned n)
{
	bool wide = in->rex & 8 && in->mode == 64;
	int64_t v = wide ? (int64_t)cpu->gpr[reg] : (int32_t)cpu->gpr[reg];

	return v > (int64_t)n || v < -(int64_t)n ? n : (unsigned)(v < 0 ? -v : v);
}

/* One comparison with the override for elements past an end (SDM vol. 2, table 4-7). */
static bool element(const struct strings *s, unsigned imm, unsigned i, unsigned j)
{
	unsigned kind = imm >> 2 & 3;
	bool va = i < s->alen, vb = j < s->blen;

	if (!va || !vb) {
		switch (kind) {
		case 0:
		case 1: return false;
		case 2: return !va && !vb;
		default: return !va; /* the end of the needle matches whatever is there */
		}
	}
	if (kind == 1) /* ranges: even elements are lower bounds */
		return i & 1 ? s->b[j] <= s->a[i] : s->b[j] >= s->a[i];
	return s->a[i] == s->b[j];
}

static unsigned aggregate(const struct strings *s, unsigned imm)
{
	unsigned r = 0;

	for (unsigned j = 0; j < s->n; j++) {
		bool bit = false;

		switch (imm >> 2 & 3) {
		case 0:
			for (unsigned i = 0; i < s->n; i++)
				bit |= element(s, imm, i, j);
			break;
		case 1:
			for (unsigned i = 0; i < s->n; i += 2)
				bit |= element(s, imm, i, j) && element(s, imm, i + 1, j);
			break;
		case 2: bit = element(s, imm, j, j); break;
		default:
			bit = true;
			for (unsigned i = 0; i < s->n - j; i++)
				bit &= element(s, imm, i, i + j);
		}
		r |= (unsigned)bit << j;
	}
	return r;
}

static void compare(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool explicit, bool index)
{
	unsigned imm = (unsigned)in->imm, r, all;
	union x86_vec a, b, mask = {{0}};
	struct strings s = {.n = imm & 1 ? 8 : 16};

	x86_operand_read(cpu, in, 0, ea, &a);
	x86_operand_read(cpu, in, 1, ea, &b);
	unpack(s.a, &a, imm);
	unpack(s.b, &b, imm);
	s.alen = explicit ? explicit_length(cpu, in, X86_RAX, s.n) : implicit_length(s.a, s.n);
	s.blen = explicit ? explicit_length(cpu, in, X86_RDX, s.n) : implicit_length(s.b, s.n);
	all = (1u << s.n) - 1;
	r = aggregate(&s, imm);
	if (imm & 0x10)
		r ^= imm & 0x20 ? (1u << s.blen) - 1 : all;
	cpu->rflags &= ~(uint64_t)X86_STATUS;
	cpu->rflags |= (r ? X86_CF : 0) | (s.blen < s.n ? X86_ZF : 0) | (s.alen < s.n ? X86_SF : 0) | (r & 1 ? X86_OF : 0);
	if (index) {
		unsigned at = s.n;

		if (r)
			at = imm & 0x40 ? 31u - (unsigned)__builtin_clz(r) : (unsigned)__builtin_ctz(r);
		cpu->gpr[X86_RCX] = at;
		return;
	}
	if (imm & 0x40) {
		for (unsigned i = 0; i < s.n; i++)
			if (r >> i & 1)
				memset(mask.u8 + i * (16 / s.n), 0xFF, 16 / s.n);
	} else {
		mask.u32[0] = r;
	}
	memcpy(&cpu->ymm[0], &mask, x86_is_vex(in) ? 32 : 16);
}

X86_VEC_HELPER(pcmpestri)
{
	compare(cpu, in, ea, true, true);
}
X86_VEC_HELPER(pcmpestrm)
{
	compare(cpu, in, ea, true, false);
}
X86_VEC_HELPER(pcmpistri)
{
	compare(cpu, in, ea, false, true);
}
X86_VEC_HELPER(pcmpistrm)
{
	compare(cpu, in, ea, false, false);
}
