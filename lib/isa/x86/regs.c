/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers by name, as gdb's target descriptions for i386 and amd64 Linux have them (features org.gnu.gdb.i386.core,
 * .sse, .linux, .segments, .avx), for the debugger, core dumps and -d cpu.
 */
#include <errno.h>
#include <string.h>
#include "base/log.h"
#include "isa/x86/cpu.h"
#include "isa/x86/run.h"

enum reg_class { C_GPR, C_RIP, C_FLAGS, C_SEG, C_ST, C_FCTRL, C_XMM, C_MXCSR, C_ORIG, C_BASE, C_YMMH };

#define CORE "org.gnu.gdb.i386.core"
#define SSE "org.gnu.gdb.i386.sse"
#define LINUX "org.gnu.gdb.i386.linux"
#define SEGS "org.gnu.gdb.i386.segments"
#define AVX "org.gnu.gdb.i386.avx"

#define G(name, n, bits, type) {name, CORE, type, NULL, bits}
#define ST_(n) {"st" #n, CORE, "i387_ext", NULL, 80}
#define FC(name) {name, CORE, "int", "float", 32}
#define SEG_(name) {name, CORE, "int32", NULL, 32}
#define XMM_(n) {"xmm" #n, SSE, "vec128", NULL, 128}
#define YMMH_(n) {"ymm" #n "h", AVX, "uint128", NULL, 128}

#define FLOATS                                                                                                        \
	ST_(0), ST_(1), ST_(2), ST_(3), ST_(4), ST_(5), ST_(6), ST_(7), FC("fctrl"), FC("fstat"), FC("ftag"),         \
		FC("fiseg"), FC("fioff"), FC("foseg"), FC("fooff"), FC("fop")
#define SEGMENTS SEG_("cs"), SEG_("ss"), SEG_("ds"), SEG_("es"), SEG_("fs"), SEG_("gs")
#define EIGHT(M) M(0), M(1), M(2), M(3), M(4), M(5), M(6), M(7)
#define EIGHT_MORE(M) M(8), M(9), M(10), M(11), M(12), M(13), M(14), M(15)

const struct isa_reg x86_64_regs[X86_64_REGS] = {
	G("rax", 0, 64, "int64"), G("rbx", 3, 64, "int64"), G("rcx", 1, 64, "int64"), G("rdx", 2, 64, "int64"),
	G("rsi", 6, 64, "int64"), G("rdi", 7, 64, "int64"), G("rbp", 5, 64, "data_ptr"), G("rsp", 4, 64, "data_ptr"),
	G("r8", 8, 64, "int64"), G("r9", 9, 64, "int64"), G("r10", 10, 64, "int64"), G("r11", 11, 64, "int64"),
	G("r12", 12, 64, "int64"), G("r13", 13, 64, "int64"), G("r14", 14, 64, "int64"), G("r15", 15, 64, "int64"),
	G("rip", 0, 64, "code_ptr"), {"eflags", CORE, "i386_eflags", NULL, 32}, SEGMENTS, FLOATS,
	EIGHT(XMM_), EIGHT_MORE(XMM_), {"mxcsr", SSE, "i386_mxcsr", "vector", 32},
	{"orig_rax", LINUX, "int", "system", 64},
	{"fs_base", SEGS, "int", NULL, 64}, {"gs_base", SEGS, "int", NULL, 64},
	EIGHT(YMMH_), EIGHT_MORE(YMMH_),
};

const struct isa_reg i386_regs[I386_REGS] = {
	G("eax", 0, 32, "int32"), G("ecx", 1, 32, "int32"), G("edx", 2, 32, "int32"), G("ebx", 3, 32, "int32"),
	G("esp", 4, 32, "data_ptr"), G("ebp", 5, 32, "data_ptr"), G("esi", 6, 32, "int32"), G("edi", 7, 32, "int32"),
	G("eip", 0, 32, "code_ptr"), {"eflags", CORE, "i386_eflags", NULL, 32}, SEGMENTS, FLOATS,
	EIGHT(XMM_), {"mxcsr", SSE, "i386_mxcsr", "vector", 32},
	{"orig_eax", LINUX, "int", "system", 32},
	EIGHT(YMMH_),
};

/* Numbers of the segment registers in the order above: cs, ss, ds, es, fs, gs. */
static const uint8_t seg_order[] = {X86_CS, X86_SS, X86_DS, X86_ES, X86_FS, X86_GS};
static const uint8_t gpr64_order[] = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};

struct place {
	enum reg_class class;
	unsigned n;
};

static struct place place64(unsigned n)
{
	static const struct { unsigned count; enum reg_class class; } parts[] = {
		{16, C_GPR}, {1, C_RIP}, {1, C_FLAGS}, {6, C_SEG}, {8, C_ST}, {8, C_FCTRL}, {16, C_XMM}, {1, C_MXCSR},
		{1, C_ORIG}, {2, C_BASE}, {16, C_YMMH},
	};
	unsigned i = 0;
	while (n >= parts[i].count)
		n -= parts[i++].count;
	return (struct place){parts[i].class, parts[i].class == C_GPR ? gpr64_order[n] : n};
}

static struct place place32(unsigned n)
{
	static const struct { unsigned count; enum reg_class class; } parts[] = {
		{8, C_GPR}, {1, C_RIP}, {1, C_FLAGS}, {6, C_SEG}, {8, C_ST}, {8, C_FCTRL}, {8, C_XMM}, {1, C_MXCSR},
		{1, C_ORIG}, {8, C_YMMH},
	};
	unsigned i = 0;
	while (n >= parts[i].count)
		n -= parts[i++].count;
	return (struct place){parts[i].class, n};
}

/* The full tag word of the abridged one (SDM volume 1, 10.5.1.1): two bits a physical register. */
static uint16_t full_tags(const struct x86_fxsave *f)
{
	unsigned top = f->fsw >> 11 & 7, tags = 0;
	for (unsigned i = 0; i < 8; i++) {
		unsigned tag = 3, k = (i - top) & 7;
		if (f->ftw >> i & 1) {
			unsigned e = f->st[k].exponent & 0x7fff;
			uint64_t m = f->st[k].mantissa;
			tag = e == 0x7fff ? 2 : e == 0 ? (m ? 2 : 1) : m >> 63 ? 0 : 2;
		}
		tags |= tag << 2 * i;
	}
	return (uint16_t)tags;
}

static void set_tags(struct x86_fxsave *f, uint16_t full)
{
	f->ftw = 0;
	for (unsigned i = 0; i < 8; i++)
		if ((full >> 2 * i & 3) != 3)
			f->ftw |= (uint8_t)(1u << i);
}

static uint32_t get_fctrl(const struct x86_fxsave *f, unsigned n)
{
	switch (n) {
	case 0: return f->fcw;
	case 1: return f->fsw;
	case 2: return full_tags(f);
	case 3: return (uint16_t)(f->fip >> 32);
	case 4: return (uint32_t)f->fip;
	case 5: return (uint16_t)(f->fdp >> 32);
	case 6: return (uint32_t)f->fdp;
	default: return f->fop;
	}
}

static void set_fctrl(struct x86_fxsave *f, unsigned n, uint32_t v)
{
	switch (n) {
	case 0: f->fcw = (uint16_t)v; break;
	case 1: f->fsw = (uint16_t)v; break;
	case 2: set_tags(f, (uint16_t)v); break;
	case 3: f->fip = (uint32_t)f->fip | (uint64_t)(uint16_t)v << 32; break;
	case 4: f->fip = (f->fip & ~0xffffffffull) | v; break;
	case 5: f->fdp = (uint32_t)f->fdp | (uint64_t)(uint16_t)v << 32; break;
	case 6: f->fdp = (f->fdp & ~0xffffffffull) | v; break;
	default: f->fop = (uint16_t)v & 0x7ff; break;
	}
}

static int get(struct x86_cpu *c, struct place p, void *bytes, unsigned size)
{
	uint64_t v = 0;
	switch (p.class) {
	case C_GPR: v = c->gpr[p.n]; break;
	case C_RIP: v = c->rip; break;
	case C_FLAGS: v = c->rflags; break;
	case C_SEG: v = c->seg[seg_order[p.n]].selector; break;
	case C_MXCSR: v = c->mxcsr; break;
	case C_ORIG: v = UINT64_MAX; break;
	case C_BASE: v = c->seg[p.n ? X86_GS : X86_FS].base; break;
	case C_FCTRL:
		x86_fpu_sync(c);
		v = get_fctrl(&c->fx, p.n);
		break;
	case C_ST:
		x86_fpu_sync(c);
		memcpy(bytes, &c->fx.st[p.n], 10);
		return 0;
	case C_XMM: memcpy(bytes, &c->ymm[p.n], 16); return 0;
	case C_YMMH: memcpy(bytes, &c->ymm[p.n].u8[16], 16); return 0;
	}
	memcpy(bytes, &v, size);
	return 0;
}

static int set(struct x86_cpu *c, struct place p, const void *bytes, unsigned size)
{
	uint64_t v = 0;
	if (size <= 8)
		memcpy(&v, bytes, size);
	switch (p.class) {
	case C_GPR: c->gpr[p.n] = v; break;
	case C_RIP: c->rip = v; break;
	case C_FLAGS: c->rflags = (v & (X86_STATUS | X86_DF | X86_TF | X86_AC | X86_ID | X86_NT)) | X86_IF | 2; break;
	case C_SEG:
		if (c->seg[seg_order[p.n]].selector != (uint16_t)v)
			return -EPERM; /* the base and limit would not follow */
		break;
	case C_MXCSR: c->mxcsr = (uint32_t)v & 0xffff; break;
	case C_ORIG: break;
	case C_BASE: c->seg[p.n ? X86_GS : X86_FS].base = v; break;
	case C_FCTRL:
		x86_fpu_sync(c);
		set_fctrl(&c->fx, p.n, (uint32_t)v);
		break;
	case C_ST:
		x86_fpu_sync(c);
		memcpy(&c->fx.st[p.n], bytes, 10);
		break;
	case C_XMM: memcpy(&c->ymm[p.n], bytes, 16); break;
	case C_YMMH: memcpy(&c->ymm[p.n].u8[16], bytes, 16); break;
	}
	return 0;
}

int x86_64_get_reg(struct cpu *c, unsigned n, void *bytes)
{
	return n < X86_64_REGS ? get(x86_cpu(c), place64(n), bytes, x86_64_regs[n].bits / 8) : -EINVAL;
}

int x86_64_set_reg(struct cpu *c, unsigned n, const void *bytes)
{
	return n < X86_64_REGS ? set(x86_cpu(c), place64(n), bytes, x86_64_regs[n].bits / 8) : -EINVAL;
}

int i386_get_reg(struct cpu *c, unsigned n, void *bytes)
{
	return n < I386_REGS ? get(x86_cpu(c), place32(n), bytes, i386_regs[n].bits / 8) : -EINVAL;
}

int i386_set_reg(struct cpu *c, unsigned n, const void *bytes)
{
	return n < I386_REGS ? set(x86_cpu(c), place32(n), bytes, i386_regs[n].bits / 8) : -EINVAL;
}

static void flag_letters(uint64_t f, char out[8])
{
	static const struct { uint32_t bit; char c; } flags[7] = {
		{X86_DF, 'D'}, {X86_OF, 'O'}, {X86_SF, 'S'}, {X86_ZF, 'Z'}, {X86_AF, 'A'}, {X86_PF, 'P'}, {X86_CF, 'C'}};
	for (unsigned i = 0; i < 7; i++)
		out[i] = f & flags[i].bit ? flags[i].c : '-';
	out[7] = 0;
}

void x86_dump(struct cpu *cc, FILE *f, unsigned log_items)
{
	static const char *const seg_name[] = {"ES", "CS", "SS", "DS", "FS", "GS"};
	static const char *const name64[] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
					     "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15"};
	static const char *const name32[] = {"EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"};
	static const uint8_t order[] = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};
	struct x86_cpu *c = x86_cpu(cc);
	char letters[8];
	bool wide = cc->isa->bits == 64;
	for (unsigned i = 0; i < (wide ? 16u : 8u); i++) {
		unsigned n = order[i];
		if (wide)
			fprintf(f, "%s=%016llx%c", name64[n], (unsigned long long)c->gpr[n], i % 4 == 3 ? '\n' : ' ');
		else
			fprintf(f, "%s=%08x%c", name32[n], (uint32_t)c->gpr[n], i % 4 == 3 ? '\n' : ' ');
	}
	flag_letters(c->rflags, letters);
	fprintf(f, wide ? "RIP=%016llx RFL=%08x [%s]\n" : "EIP=%08llx EFL=%08x [%s]\n", (unsigned long long)c->rip,
		(uint32_t)c->rflags, letters);
	for (unsigned i = 0; i < 6; i++)
		fprintf(f, "%s =%04x %016llx %08x %04x\n", seg_name[i], c->seg[i].selector,
			(unsigned long long)c->seg[i].base, c->seg[i].limit, c->seg[i].attr);
	if (!(log_items & LOG_FPU))
		return;
	x86_fpu_sync(c);
	fprintf(f, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", c->fx.fcw, c->fx.fsw, c->fx.fsw >> 11 & 7,
		c->fx.ftw, c->mxcsr);
	for (unsigned i = 0; i < 8; i++)
		fprintf(f, "ST%u=%016llx %04x%c", i, (unsigned long long)c->fx.st[i].mantissa, c->fx.st[i].exponent,
			i & 1 ? '\n' : ' ');
	for (unsigned i = 0; i < (wide ? 16u : 8u); i++)
		fprintf(f, "YMM%02u=%016llx %016llx %016llx %016llx\n", i, (unsigned long long)c->ymm[i].u64[3],
			(unsigned long long)c->ymm[i].u64[2], (unsigned long long)c->ymm[i].u64[1],
			(unsigned long long)c->ymm[i].u64[0]);
}
