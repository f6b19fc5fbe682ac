/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * General-purpose instructions that are too long for IR: division, rotation through carry, double shifts, decimal
 * adjustment, PUSHA and its kin, BMI2's bit deposits, CRC32, wide compare-and-exchange, random numbers.
 */
#include "isa/x86/helpers.h"
#include "jit/access.h"

static uint64_t mask_of(unsigned size)
{
	return size == 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

/* General register, memory or immediate operand n, zero-extended from its size. */
static uint64_t get(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, uint64_t ea)
{
	unsigned size = x86_operand_size(in, n), reg;
	bool high;
	uint64_t v = 0;
	if (x86_operand_is_mem(in, n)) {
		x86_mem_read(cpu, ea, &v, size);
		return v;
	}
	if (x86_operand_reg(in, n, &reg, &high) != X86_FILE_GPR)
		return in->imm;
	return (high ? cpu->gpr[reg] >> 8 : cpu->gpr[reg]) & mask_of(size);
}

static void set_gpr(struct x86_cpu *cpu, unsigned reg, bool high, unsigned size, uint64_t v)
{
	uint64_t mask = mask_of(size) << (high ? 8 : 0);
	if (size >= 4)
		cpu->gpr[reg] = v & mask;
	else
		cpu->gpr[reg] = (cpu->gpr[reg] & ~mask) | ((v << (high ? 8 : 0)) & mask);
}

static void set(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, uint64_t ea, uint64_t v)
{
	unsigned size = x86_operand_size(in, n), reg;
	bool high;
	if (x86_operand_is_mem(in, n)) {
		x86_mem_write(cpu, ea, &v, size);
		return;
	}
	x86_operand_reg(in, n, &reg, &high);
	set_gpr(cpu, reg, high, size, v);
}

static void flags(struct x86_cpu *cpu, uint64_t mask, uint64_t bits)
{
	cpu->rflags = (cpu->rflags & ~mask) | (bits & mask);
}

static uint64_t szp(uint64_t r, unsigned size)
{
	r &= mask_of(size);
	return (r >> (size * 8 - 1) ? X86_SF : 0) | (r ? 0 : X86_ZF) | (__builtin_parity(r & 255) ? 0 : X86_PF);
}

/* ---- division (SDM volume 2, DIV, IDIV): #DE when the divisor is 0 or the quotient does not fit ---- */

void x86_helper_div(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	unsigned size = x86_operand_size(in, 0);
	uint64_t d = get(cpu, in, 0, ea), m = mask_of(size);
	if (!d)
		x86_raise(cpu, 0, 0);
	if (size == 1) {
		unsigned n = cpu->gpr[X86_RAX] & 0xffff;
		if (n / d > 255)
			x86_raise(cpu, 0, 0);
		set_gpr(cpu, X86_RAX, false, 2, n / d | n % d << 8);
		return;
	}
	unsigned __int128 n = (unsigned __int128)(cpu->gpr[X86_RDX] & m) << size * 8 | (cpu->gpr[X86_RAX] & m), q = n / d;
	if (q > m)
		x86_raise(cpu, 0, 0);
	set_gpr(cpu, X86_RAX, false, size, (uint64_t)q);
	set_gpr(cpu, X86_RDX, false, size, (uint64_t)(n % d));
}

static __int128 sign_extend(unsigned __int128 v, unsigned bits)
{
	return (__int128)(v << (128 - bits)) >> (128 - bits);
}

void x86_helper_idiv(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	unsigned size = x86_operand_size(in, 0), bits = size * 8;
	uint64_t m = mask_of(size);
	__int128 d = sign_extend(get(cpu, in, 0, ea), bits), n, q;
	if (!d)
		x86_raise(cpu, 0, 0);
	if (size == 1)
		n = (int16_t)cpu->gpr[X86_RAX];
	else
		n = sign_extend((unsigned __int128)(cpu->gpr[X86_RDX] & m) << bits | (cpu->gpr[X86_RAX] & m), bits * 2);
	if (d == -1) { /* the one division of 128 bits that C leaves open */
		if (n == (__int128)((unsigned __int128)1 << 127))
			x86_raise(cpu, 0, 0);
		q = -n;
	} else {
		q = n / d;
	}
	if (q != sign_extend((unsigned __int128)q, bits))
		x86_raise(cpu, 0, 0);
	uint64_t rem = (uint64_t)(n - q * d);
	if (size == 1) {
		set_gpr(cpu, X86_RAX, false, 2, ((uint64_t)q & 255) | (rem & 255) << 8);
		return;
	}
	set_gpr(cpu, X86_RAX, false, size, (uint64_t)q);
	set_gpr(cpu, X86_RDX, false, size, rem);
}

/* ---- rotation through carry, double shifts ---- */

static void rotate_carry(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool left)
{
	unsigned size = x86_operand_size(in, 0), bits = size * 8;
	unsigned count = in->row->operands[1] == X86_O_One ? 1 : in->row->operands[1] == X86_O_CL ? cpu->gpr[X86_RCX] & 255 : in->imm & 255;
	count &= size == 8 ? 63 : 31;
	uint64_t v = get(cpu, in, 0, ea), cf = cpu->rflags & X86_CF, msb = 1ull << (bits - 1);
	unsigned n = count % (bits + 1);
	for (unsigned i = 0; i < n; i++) {
		uint64_t out;
		if (left) {
			out = (v & msb) != 0;
			v = v << 1 | cf;
		} else {
			out = v & 1;
			v = v >> 1 | (cf ? msb : 0);
		}
		v &= mask_of(size);
		cf = out;
	}
	set(cpu, in, 0, ea, v);
	if (!count)
		return;
	bool top = v & msb, of = left ? top != (cf != 0) : top != ((v & msb >> 1) != 0);
	flags(cpu, X86_CF | X86_OF, (cf ? X86_CF : 0) | (of ? X86_OF : 0));
}

void x86_helper_rcl(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	rotate_carry(cpu, in, ea, true);
}

void x86_helper_rcr(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	rotate_carry(cpu, in, ea, false);
}

/* 16-bit forms with a count above 16: undefined; processors shift dst:src:dst. */
static void double_shift(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool left)
{
	unsigned size = x86_operand_size(in, 0), bits = size * 8;
	unsigned count = (in->row->operands[2] == X86_O_CL ? cpu->gpr[X86_RCX] : in->imm) & (size == 8 ? 63 : 31);
	uint64_t a = get(cpu, in, 0, ea), b = get(cpu, in, 1, ea), m = mask_of(size), v = a, cf = 0;
	if (count) {
		unsigned __int128 w = left ? ((unsigned __int128)a << bits | b) << bits | a : ((unsigned __int128)a << bits | b) << bits | a;
		if (size == 8) {
			v = left ? a << count | b >> (64 - count) : a >> count | b << (64 - count);
			cf = left ? a >> (64 - count) & 1 : a >> (count - 1) & 1;
		} else if (left) { /* a:b:a shifted left, the top part is the result */
			v = (uint64_t)(w << count >> 2 * bits) & m;
			cf = (uint64_t)(w >> (3 * bits - count)) & 1;
		} else { /* a:b:a shifted right, the low part is the result */
			v = (uint64_t)(w >> count) & m;
			cf = (uint64_t)(w >> (count - 1)) & 1;
		}
	}
	set(cpu, in, 0, ea, v);
	if (count)
		flags(cpu, X86_STATUS, szp(v, size) | (cf ? X86_CF : 0) | ((a ^ v) >> (bits - 1) & 1 ? X86_OF : 0));
}

void x86_helper_shld(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	double_shift(cpu, in, ea, true);
}

void x86_helper_shrd(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	double_shift(cpu, in, ea, false);
}

/* ---- decimal adjustment (SDM volume 2, each instruction's operation section) ---- */

static void decimal(struct x86_cpu *cpu, bool subtract)
{
	uint8_t al = cpu->gpr[X86_RAX], old = al;
	bool cf = cpu->rflags & X86_CF, af = cpu->rflags & X86_AF, carry = false;
	if ((al & 15) > 9 || af) {
		carry = cf || (subtract ? al < 6 : al > 0xf9);
		al += subtract ? -6 : 6;
		af = true;
	}
	if (old > 0x99 || cf) {
		al += subtract ? -0x60 : 0x60;
		carry = true;
	}
	set_gpr(cpu, X86_RAX, false, 1, al);
	flags(cpu, X86_STATUS, szp(al, 1) | (carry ? X86_CF : 0) | (af ? X86_AF : 0));
}

void x86_helper_daa(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	decimal(cpu, false);
}

void x86_helper_das(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	decimal(cpu, true);
}

static void ascii(struct x86_cpu *cpu, int step)
{
	uint16_t ax = cpu->gpr[X86_RAX];
	bool adjust = (ax & 15) > 9 || cpu->rflags & X86_AF;
	if (adjust)
		ax += step > 0 ? 0x106 : -0x106;
	ax &= 0xff0f;
	set_gpr(cpu, X86_RAX, false, 2, ax);
	flags(cpu, X86_STATUS, szp(ax, 1) | (adjust ? X86_CF | X86_AF : 0));
}

void x86_helper_aaa(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	ascii(cpu, 1);
}

void x86_helper_aas(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	ascii(cpu, -1);
}

void x86_helper_aam(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	unsigned base = in->imm & 255, al = cpu->gpr[X86_RAX] & 255;
	if (!base)
		x86_raise(cpu, 0, 0);
	set_gpr(cpu, X86_RAX, false, 2, al / base << 8 | al % base);
	flags(cpu, X86_STATUS, szp(al % base, 1));
}

void x86_helper_aad(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	unsigned ax = cpu->gpr[X86_RAX] & 0xffff, al = ((ax & 255) + (ax >> 8) * (in->imm & 255)) & 255;
	set_gpr(cpu, X86_RAX, false, 2, al);
	flags(cpu, X86_STATUS, szp(al, 1));
}

void x86_helper_salc(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	set_gpr(cpu, X86_RAX, false, 1, cpu->rflags & X86_CF ? 255 : 0);
}

/* ---- stack ---- */

static unsigned stack_size(const struct x86_cpu *cpu)
{
	return cpu->mode == 64 ? 8 : cpu->seg[X86_SS].attr & 0x4000 || !cpu->seg[X86_SS].attr ? 4 : 2;
}

static uint64_t stack_linear(const struct x86_cpu *cpu, uint64_t offset)
{
	if (cpu->mode == 64)
		return offset;
	return (uint32_t)((offset & mask_of(stack_size(cpu))) + cpu->seg[X86_SS].base);
}

void x86_helper_pusha(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	unsigned size = in->opsize, ss = stack_size(cpu);
	uint64_t sp = cpu->gpr[X86_RSP];
	for (unsigned n = 0; n < 8; n++) /* one after the other: those before one that faults have been made */
		x86_mem_write(cpu, stack_linear(cpu, sp - (n + 1) * size), &cpu->gpr[n], size);
	set_gpr(cpu, X86_RSP, false, ss, sp - 8 * size);
}

void x86_helper_popa(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	unsigned size = in->opsize, ss = stack_size(cpu);
	uint64_t sp = cpu->gpr[X86_RSP], v[8] = {0};
	for (unsigned n = 0; n < 8; n++)
		x86_mem_read(cpu, stack_linear(cpu, sp + n * size), &v[7 - n], size);
	for (unsigned n = 0; n < 8; n++)
		if (n != X86_RSP)
			set_gpr(cpu, n, false, size, v[n]);
	set_gpr(cpu, X86_RSP, false, ss, sp + 8 * size);
}

void x86_helper_enter(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	unsigned size = in->opsize, ss = stack_size(cpu), level = in->imm2 & 31;
	uint64_t sp = cpu->gpr[X86_RSP] - size, frame = sp, bp = cpu->gpr[X86_RBP];
	x86_mem_write(cpu, stack_linear(cpu, sp), &bp, size);
	for (unsigned n = 1; n < level; n++) {
		uint64_t v = 0;
		bp -= size;
		sp -= size;
		x86_mem_read(cpu, stack_linear(cpu, bp), &v, size);
		x86_mem_write(cpu, stack_linear(cpu, sp), &v, size);
	}
	if (level) {
		sp -= size;
		x86_mem_write(cpu, stack_linear(cpu, sp), &frame, size);
	}
	sp -= in->imm & 0xffff;
	x86_mem_probe_write(cpu, stack_linear(cpu, sp), size); /* the final stack must be writable (SDM volume 2, ENTER) */
	set_gpr(cpu, X86_RBP, false, size == 8 ? 8 : size, frame);
	set_gpr(cpu, X86_RSP, false, ss, sp);
}

void x86_helper_pushf(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	uint64_t v = (cpu->rflags & ~(uint64_t)(X86_VM | X86_RF)) | X86_IF | 2, sp = cpu->gpr[X86_RSP] - in->opsize;
	x86_mem_write(cpu, stack_linear(cpu, sp), &v, in->opsize);
	set_gpr(cpu, X86_RSP, false, stack_size(cpu), sp);
}

void x86_helper_popf(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	uint64_t v = 0, sp = cpu->gpr[X86_RSP];
	x86_mem_read(cpu, stack_linear(cpu, sp), &v, in->opsize);
	set_gpr(cpu, X86_RSP, false, stack_size(cpu), sp + in->opsize);
	flags(cpu, X86_STATUS | X86_DF | X86_TF | X86_NT | (in->opsize > 2 ? X86_AC | X86_ID : 0), v);
	cpu->rip = cpu->rip + in->length; /* ends a region: see x86_ir_insn() */
}

/* ---- bits ---- */

void x86_helper_pdep(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint64_t v = get(cpu, in, 1, ea), m = get(cpu, in, 2, ea), r = 0;
	for (; m; m &= m - 1, v >>= 1)
		if (v & 1)
			r |= m & -m;
	set(cpu, in, 0, ea, r);
}

void x86_helper_pext(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint64_t v = get(cpu, in, 1, ea), m = get(cpu, in, 2, ea), r = 0;
	for (unsigned n = 0; m; m &= m - 1, n++)
		if (v & m & -m)
			r |= 1ull << n;
	set(cpu, in, 0, ea, r);
}

/* CRC-32C, bits reflected (SDM volume 2, CRC32; RFC 3720, B.4). */
void x86_helper_crc32(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	unsigned size = x86_operand_size(in, 1);
	uint64_t v = get(cpu, in, 1, ea);
	uint32_t crc = (uint32_t)get(cpu, in, 0, 0);
	for (unsigned i = 0; i < size; i++) {
		crc ^= v >> 8 * i & 255;
		for (unsigned k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	set_gpr(cpu, in->reg, false, 8, crc);
}

/* ---- atomic and random ---- */

void x86_helper_cmpxchg8b(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in;
	uint64_t old = (uint32_t)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32, seen = old;
	uint64_t new = (uint32_t)cpu->gpr[X86_RBX] | cpu->gpr[X86_RCX] << 32;
	uint64_t *p = x86_mem_host(cpu, ea, 8);
	if (p) {
		access_mark(p, 8);
#if defined(__x86_64__)
		__asm__ volatile("lock cmpxchgq %2, %1" : "+a"(seen), "+m"(*p) : "r"(new) : "memory", "cc");
#else
		__atomic_compare_exchange_n(p, &seen, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
#endif
		access_done();
	} else {
		seen = x86_ld64(cpu, ea);
		x86_st64(cpu, ea, seen == old ? new : seen);
	}
	flags(cpu, X86_ZF, seen == old ? X86_ZF : 0);
	if (seen != old) {
		set_gpr(cpu, X86_RAX, false, 4, seen);
		set_gpr(cpu, X86_RDX, false, 4, seen >> 32);
	}
}

void x86_helper_cmpxchg16b(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in;
	if (ea & 15)
		x86_raise(cpu, 13, 0);
	uint64_t lo = cpu->gpr[X86_RAX], hi = cpu->gpr[X86_RDX];
	uint64_t *p = x86_mem_host(cpu, ea, 16), seen[2], new[2] = {cpu->gpr[X86_RBX], cpu->gpr[X86_RCX]};
	bool same;
	if (!p) {
		x86_mem_read(cpu, ea, seen, 16);
		same = seen[0] == lo && seen[1] == hi;
		x86_mem_write(cpu, ea, same ? new : seen, 16);
		lo = seen[0];
		hi = seen[1];
		goto flags;
	}
	access_mark(p, 16);
#if defined(__x86_64__)
	__asm__ volatile("lock cmpxchg16b %3" : "+a"(lo), "+d"(hi), "=@ccz"(same), "+m"(*(uint64_t(*)[2])p)
			 : "b"(cpu->gpr[X86_RBX]), "c"(cpu->gpr[X86_RCX]) : "memory");
#else
	unsigned __int128 old = (unsigned __int128)hi << 64 | lo;
	same = __atomic_compare_exchange_n((unsigned __int128 *)p, &old, (unsigned __int128)cpu->gpr[X86_RCX] << 64 | cpu->gpr[X86_RBX],
					   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	lo = (uint64_t)old;
	hi = (uint64_t)(old >> 64);
#endif
	access_done();
flags:
	flags(cpu, X86_ZF, same ? X86_ZF : 0);
	if (!same) {
		cpu->gpr[X86_RAX] = lo;
		cpu->gpr[X86_RDX] = hi;
	}
}
