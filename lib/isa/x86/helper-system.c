/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions as a program at privilege level 3 under Linux sees them: identification, segments, far transfers,
 * descriptor inspection, time-stamp counter, random numbers. SGDT, SIDT, SMSW, SLDT and STR give what the kernel's
 * own emulation gives where UMIP is on (Linux arch/x86/kernel/umip.c documents the values).
 */
#include <time.h>
#include <unistd.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include "isa/x86/cpuid.h"
#include "isa/x86/helpers.h"
#include "isa/x86/segment.h"

static uint64_t mask_of(unsigned size)
{
	return size == 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

static void set_gpr(struct x86_cpu *cpu, unsigned reg, unsigned size, uint64_t v)
{
	uint64_t mask = mask_of(size);
	cpu->gpr[reg] = size >= 4 ? v & mask : (cpu->gpr[reg] & ~mask) | (v & mask);
}

static void set_flag(struct x86_cpu *cpu, uint64_t flag, bool on)
{
	cpu->rflags = on ? cpu->rflags | flag : cpu->rflags & ~flag;
}

static uint64_t next(const struct x86_cpu *cpu, const struct x86_insn *in)
{
	uint64_t pc = cpu->rip + in->length;
	return in->mode == 64 ? pc : (uint32_t)pc;
}

/* ---- identification, time, random numbers ---- */

void x86_helper_cpuid(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	uint32_t out[4];
	x86_cpuid(cpu->feat, (uint32_t)cpu->gpr[X86_RAX], (uint32_t)cpu->gpr[X86_RCX], out);
	cpu->gpr[X86_RAX] = out[0];
	cpu->gpr[X86_RBX] = out[1];
	cpu->gpr[X86_RCX] = out[2];
	cpu->gpr[X86_RDX] = out[3];
}

void x86_helper_xgetbv(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	uint32_t n = (uint32_t)cpu->gpr[X86_RCX];
	if (n > 1 || (n == 1 && !x86_has(cpu->feat, X86_FEAT_XGETBV1)))
		x86_raise(cpu, 13, 0);
	uint64_t v = cpu->xcr0;
	cpu->gpr[X86_RAX] = (uint32_t)v;
	cpu->gpr[X86_RDX] = v >> 32;
}

static uint64_t timestamp(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
#endif
}

void x86_helper_rdtsc(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)in, (void)ea;
	uint64_t t = timestamp();
	cpu->gpr[X86_RAX] = (uint32_t)t;
	cpu->gpr[X86_RDX] = t >> 32;
}

/* IA32_TSC_AUX as Linux sets it: node << 12 | processor. */
static uint32_t tsc_aux(void)
{
	unsigned cpu = 0, node = 0;
	syscall(SYS_getcpu, &cpu, &node, NULL);
	return node << 12 | cpu;
}

void x86_helper_rdtscp(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	x86_helper_rdtsc(cpu, in, ea);
	cpu->gpr[X86_RCX] = tsc_aux();
}

void x86_helper_rdpid(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	cpu->gpr[in->rm] = tsc_aux();
}

static void random_number(struct x86_cpu *cpu, const struct x86_insn *in)
{
	uint64_t v = 0;
	bool good = getrandom(&v, in->opsize, GRND_NONBLOCK) == in->opsize;
	set_gpr(cpu, in->rm, in->opsize, good ? v : 0);
	cpu->rflags = (cpu->rflags & ~(uint64_t)X86_STATUS) | (good ? X86_CF : 0);
}

void x86_helper_rdrand(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	random_number(cpu, in);
}

void x86_helper_rdseed(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	random_number(cpu, in);
}

/* ---- segment bases and selectors ---- */

static void read_base(struct x86_cpu *cpu, const struct x86_insn *in, unsigned seg)
{
	cpu->gpr[in->rm] = in->rex & 8 ? cpu->seg[seg].base : (uint32_t)cpu->seg[seg].base;
}

static void write_base(struct x86_cpu *cpu, const struct x86_insn *in, unsigned seg)
{
	uint64_t v = in->rex & 8 ? cpu->gpr[in->rm] : (uint32_t)cpu->gpr[in->rm];
	if ((int64_t)v >> 47 != 0 && (int64_t)v >> 47 != -1)
		x86_raise(cpu, 13, 0);
	cpu->seg[seg].base = v;
}

void x86_helper_rdfsbase(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	read_base(cpu, in, X86_FS);
}

void x86_helper_rdgsbase(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	read_base(cpu, in, X86_GS);
}

void x86_helper_wrfsbase(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	write_base(cpu, in, X86_FS);
}

void x86_helper_wrgsbase(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	write_base(cpu, in, X86_GS);
}

/* A register destination takes the operand's size, zero-extended; memory 16 bits. */
static void store_word(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, uint64_t v)
{
	if (in->has_mem)
		x86_mem_write(cpu, ea, &v, 2);
	else
		set_gpr(cpu, in->rm, in->opsize, v);
}

static uint16_t load_word(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	return in->has_mem ? x86_ld16(cpu, ea) : (uint16_t)cpu->gpr[in->rm];
}

void x86_helper_mov_from_seg(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	store_word(cpu, in, ea, cpu->seg[in->reg].selector);
}

static void load_segment(struct x86_cpu *cpu, unsigned seg, uint16_t selector)
{
	uint64_t error;
	int vector = x86_seg_load(cpu, seg, selector, &error);
	if (vector)
		x86_raise(cpu, vector, error);
}

void x86_helper_mov_to_seg(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	load_segment(cpu, in->reg, load_word(cpu, in, ea));
	cpu->rip = next(cpu, in);
}

static unsigned stack_size(const struct x86_cpu *cpu)
{
	return cpu->mode == 64 ? 8 : cpu->seg[X86_SS].attr & 0x4000 || !cpu->seg[X86_SS].attr ? 4 : 2;
}

static uint64_t stack_linear(const struct x86_cpu *cpu, uint64_t sp)
{
	if (cpu->mode == 64)
		return sp;
	return (uint32_t)((sp & mask_of(stack_size(cpu))) + cpu->seg[X86_SS].base);
}

static uint64_t peek(struct x86_cpu *cpu, uint64_t sp, unsigned size)
{
	uint64_t v = 0;
	x86_mem_read(cpu, stack_linear(cpu, sp), &v, size);
	return v;
}

void x86_helper_push_seg(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	/* with a 32-bit operand processors write the selector alone (SDM volume 2, PUSH) */
	unsigned size = in->opsize;
	uint64_t v = cpu->seg[x86_operand_fixed(in->row->operands[0])].selector, sp = cpu->gpr[X86_RSP] - size;
	x86_mem_probe_write(cpu, stack_linear(cpu, sp), size);
	x86_mem_write(cpu, stack_linear(cpu, sp), &v, size == 4 ? 2 : size);
	set_gpr(cpu, X86_RSP, stack_size(cpu), sp);
}

void x86_helper_pop_seg(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	uint64_t sp = cpu->gpr[X86_RSP];
	unsigned ss = stack_size(cpu);
	load_segment(cpu, x86_operand_fixed(in->row->operands[0]), (uint16_t)peek(cpu, sp, 2));
	set_gpr(cpu, X86_RSP, ss, sp + in->opsize);
	cpu->rip = next(cpu, in);
}

static void load_far_pointer(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned seg)
{
	uint64_t offset = 0;
	x86_mem_read(cpu, ea, &offset, in->opsize);
	uint16_t selector = x86_ld16(cpu, ea + in->opsize);
	load_segment(cpu, seg, selector);
	set_gpr(cpu, in->reg, in->opsize, offset);
}

#define FAR_LOAD(name, seg)                                                                          \
	void x86_helper_##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)         \
	{                                                                                            \
		load_far_pointer(cpu, in, ea, seg);                                                  \
	}
FAR_LOAD(les, X86_ES)
FAR_LOAD(lds, X86_DS)
FAR_LOAD(lss, X86_SS)
FAR_LOAD(lfs, X86_FS)
FAR_LOAD(lgs, X86_GS)

/* ---- far transfers between user code segments (SDM volume 2, CALL, RET, JMP, IRET; same privilege) ---- */

/* Loads CS and sets rip; registers that must stay when it fails were not touched yet. */
static void far_jump(struct x86_cpu *cpu, uint16_t selector, uint64_t offset)
{
	load_segment(cpu, X86_CS, selector);
	cpu->rip = cpu->mode == 64 ? offset : cpu->mode == 32 ? (uint32_t)offset : (uint16_t)offset;
}

static uint64_t far_target(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, uint16_t *selector)
{
	uint64_t offset = 0;
	if (!in->has_mem) {
		*selector = in->imm2;
		return in->imm;
	}
	x86_mem_read(cpu, ea, &offset, in->opsize);
	*selector = x86_ld16(cpu, ea + in->opsize);
	return offset;
}

void x86_helper_jmpf(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint16_t selector;
	uint64_t offset = far_target(cpu, in, ea, &selector);
	far_jump(cpu, selector, offset);
}

void x86_helper_callf(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint16_t selector;
	unsigned size = in->opsize, ss = stack_size(cpu);
	uint64_t offset = far_target(cpu, in, ea, &selector), back = next(cpu, in), sp = cpu->gpr[X86_RSP] - 2 * size;
	uint64_t cs = cpu->seg[X86_CS].selector, hi = stack_linear(cpu, sp + size), lo = stack_linear(cpu, sp);
	x86_mem_probe_write(cpu, hi, size);
	x86_mem_probe_write(cpu, lo, size);
	far_jump(cpu, selector, offset);
	x86_mem_write(cpu, hi, &cs, size);
	x86_mem_write(cpu, lo, &back, size);
	set_gpr(cpu, X86_RSP, ss, sp);
}

void x86_helper_retf(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	unsigned size = in->opsize, ss = stack_size(cpu);
	uint64_t sp = cpu->gpr[X86_RSP], offset = peek(cpu, sp, size), selector = peek(cpu, sp + size, size);
	if ((selector & 3) != 3)
		x86_raise(cpu, 13, selector & 0xfffc);
	far_jump(cpu, (uint16_t)selector, offset);
	set_gpr(cpu, X86_RSP, ss, sp + 2 * size + (in->row->operands[0] ? in->imm : 0));
}

/* In 64-bit mode rsp and SS are always popped. */
void x86_helper_iret(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	(void)ea;
	unsigned size = in->opsize, ss = stack_size(cpu);
	uint64_t sp = cpu->gpr[X86_RSP], offset = peek(cpu, sp, size), selector = peek(cpu, sp + size, size);
	uint64_t flags = peek(cpu, sp + 2 * size, size), new_sp = sp + 3 * size, new_ss = 0;
	bool stack = in->mode == 64;
	if (cpu->rflags & X86_NT)
		x86_raise(cpu, 13, 0);
	if ((selector & 3) != 3)
		x86_raise(cpu, 13, selector & 0xfffc);
	if (stack) {
		new_sp = peek(cpu, sp + 3 * size, size);
		new_ss = peek(cpu, sp + 4 * size, size);
		struct x86_seg saved = cpu->seg[X86_SS];
		load_segment(cpu, X86_SS, (uint16_t)new_ss);
		uint64_t error;
		int vector = x86_seg_load(cpu, X86_CS, (uint16_t)selector, &error);
		if (vector) {
			cpu->seg[X86_SS] = saved;
			x86_raise(cpu, vector, error);
		}
		cpu->rip = cpu->mode == 64 ? offset : (uint32_t)offset;
		cpu->gpr[X86_RSP] = new_sp;
	} else {
		far_jump(cpu, (uint16_t)selector, offset);
		set_gpr(cpu, X86_RSP, ss, new_sp);
	}
	uint64_t may = X86_STATUS | X86_DF | X86_TF | X86_NT | (size > 2 ? X86_AC | X86_ID | X86_RF : 0);
	cpu->rflags = (cpu->rflags & ~may) | (flags & may & ~(uint64_t)X86_RF);
}

/* ---- inspection ---- */

void x86_helper_sldt(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	store_word(cpu, in, ea, 0);
}

void x86_helper_str(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	store_word(cpu, in, ea, 0x40);
}

void x86_helper_smsw(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	store_word(cpu, in, ea, 0x80050033); /* CR0: PE MP ET NE WP AM PG */
}

static void table_register(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, uint64_t base)
{
	uint8_t image[10] = {0};
	memcpy(image + 2, &base, in->mode == 64 ? 8 : 4);
	x86_mem_write(cpu, ea, image, in->mode == 64 ? 10 : 6);
}

void x86_helper_sgdt(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	table_register(cpu, in, ea, 0xfffffffffffe0000);
}

void x86_helper_sidt(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	table_register(cpu, in, ea, 0xffffffffffff0000);
}

/* The descriptor a selector names, if privilege level 3 may see it. Conforming code segments are seen from anywhere. */
static bool visible(const struct x86_cpu *cpu, uint16_t selector, struct x86_seg *s)
{
	uint64_t d;
	if (!(selector & ~3) || !x86_seg_find(cpu, selector, &d))
		return false;
	x86_descriptor_split(d, s);
	bool code = s->attr & 8, conforming = code && s->attr & 4;
	return s->attr & 0x10 && (conforming || (s->attr >> 5 & 3) == 3);
}

void x86_helper_lar(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct x86_seg s;
	bool good = visible(cpu, load_word(cpu, in, ea), &s);
	set_flag(cpu, X86_ZF, good);
	if (good) {
		uint64_t v = (uint64_t)(s.attr & 0xf0ff) << 8 | (s.limit >> (s.attr & 0x8000 ? 28 : 16) & 15) << 16;
		set_gpr(cpu, in->reg, in->opsize, in->opsize == 2 ? v & 0xff00 : v & 0x00ffff00);
	}
}

void x86_helper_lsl(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct x86_seg s;
	bool good = visible(cpu, load_word(cpu, in, ea), &s);
	set_flag(cpu, X86_ZF, good);
	if (good)
		set_gpr(cpu, in->reg, in->opsize, s.limit);
}

void x86_helper_verr(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct x86_seg s;
	set_flag(cpu, X86_ZF, visible(cpu, load_word(cpu, in, ea), &s) && (!(s.attr & 8) || s.attr & 2));
}

void x86_helper_verw(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	struct x86_seg s;
	set_flag(cpu, X86_ZF, visible(cpu, load_word(cpu, in, ea), &s) && !(s.attr & 8) && s.attr & 2);
}

void x86_helper_arpl(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	uint16_t a = load_word(cpu, in, ea), rpl = cpu->gpr[in->reg] & 3;
	bool lower = (a & 3) < rpl;
	if (lower) {
		uint64_t v = (a & ~3u) | rpl;
		if (in->has_mem && in->seg == X86_CS)
			x86_raise(cpu, 13, 0);
		if (in->has_mem)
			x86_mem_write(cpu, ea, &v, 2);
		else
			set_gpr(cpu, in->rm, 2, v);
	}
	set_flag(cpu, X86_ZF, lower);
}

void x86_helper_bound(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	/* the lower bound is compared before the upper one is read */
	bool small = in->opsize == 2;
	int64_t v = small ? (int16_t)cpu->gpr[in->reg] : (int32_t)cpu->gpr[in->reg];
	if (v < (small ? (int16_t)x86_ld16(cpu, ea) : (int32_t)x86_ld32(cpu, ea)))
		x86_raise(cpu, 5, 0);
	if (v > (small ? (int16_t)x86_ld16(cpu, ea + 2) : (int32_t)x86_ld32(cpu, ea + 4)))
		x86_raise(cpu, 5, 0);
}
