/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One instruction on the host's own processor with a chosen state of general, x87/MMX and vector registers, and the same
 * instruction through the decoder and its helper. Guest memory is host memory.
 */
#ifndef TESTS_X86_HOST_H
#define TESTS_X86_HOST_H
#include "fpu-operands.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/helpers.h"
#include "isa/x86/rows.h"
#include "jit/access.h"
#include "tap.h"
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

/* What the assembly below loads and stores. */
struct x86_fxsave xh_fx, xh_fx_own;
union x86_vec xh_ymm[16];
uint64_t xh_gpr[16], xh_flags, xh_rsp;
void *xh_code;
void xh_enter_avx(void), xh_enter_sse(void);
extern char xh_resume_avx[], xh_resume_sse[];

#define XH_EACH(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
#define XH_LOAD_Y(n) "vmovdqu xh_ymm+32*" #n "(%rip), %ymm" #n "\n"
#define XH_SAVE_Y(n) "vmovdqu %ymm" #n ", xh_ymm+32*" #n "(%rip)\n"
#define XH_LOAD_X(n) "movdqu xh_ymm+32*" #n "(%rip), %xmm" #n "\n"
#define XH_SAVE_X(n) "movdqu %xmm" #n ", xh_ymm+32*" #n "(%rip)\n"
#define XH_ENTER(kind, load, save, clean)                                                                      \
	__asm__(".text\n.globl xh_enter_" kind ", xh_resume_" kind "\nxh_enter_" kind ":\n"                    \
		"push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"                           \
		"mov %rsp, xh_rsp(%rip)\nfxsave64 xh_fx_own(%rip)\nfxrstor64 xh_fx(%rip)\n" load               \
		"push xh_flags(%rip)\npopfq\n"                                                                 \
		"mov xh_gpr(%rip), %rax\nmov xh_gpr+8(%rip), %rcx\nmov xh_gpr+16(%rip), %rdx\n"                \
		"mov xh_gpr+24(%rip), %rbx\nmov xh_gpr+40(%rip), %rbp\nmov xh_gpr+48(%rip), %rsi\n"            \
		"mov xh_gpr+56(%rip), %rdi\nmov xh_gpr+64(%rip), %r8\nmov xh_gpr+72(%rip), %r9\n"              \
		"mov xh_gpr+80(%rip), %r10\nmov xh_gpr+88(%rip), %r11\nmov xh_gpr+96(%rip), %r12\n"            \
		"mov xh_gpr+104(%rip), %r13\nmov xh_gpr+112(%rip), %r14\nmov xh_gpr+120(%rip), %r15\n"         \
		"call *xh_code(%rip)\nxh_resume_" kind ":\n"                                                   \
		"mov %rax, xh_gpr(%rip)\nmov %rcx, xh_gpr+8(%rip)\nmov %rdx, xh_gpr+16(%rip)\n"                \
		"mov %rbx, xh_gpr+24(%rip)\nmov %rbp, xh_gpr+40(%rip)\nmov %rsi, xh_gpr+48(%rip)\n"            \
		"mov %rdi, xh_gpr+56(%rip)\nmov %r8, xh_gpr+64(%rip)\nmov %r9, xh_gpr+72(%rip)\n"              \
		"mov %r10, xh_gpr+80(%rip)\nmov %r11, xh_gpr+88(%rip)\nmov %r12, xh_gpr+96(%rip)\n"            \
		"mov %r13, xh_gpr+104(%rip)\nmov %r14, xh_gpr+112(%rip)\nmov %r15, xh_gpr+120(%rip)\n"         \
		"mov xh_rsp(%rip), %rsp\npushfq\npop xh_flags(%rip)\ncld\n"                                    \
		"fxsave64 xh_fx(%rip)\n" save clean "fxrstor64 xh_fx_own(%rip)\n"                              \
		"pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n")
XH_ENTER("avx", XH_EACH(XH_LOAD_Y), XH_EACH(XH_SAVE_Y), "vzeroupper\n");
XH_ENTER("sse", XH_EACH(XH_LOAD_X), XH_EACH(XH_SAVE_X), "");

static bool xh_avx, xh_intel;
static uint8_t *xh_page;
static volatile int xh_signal;

__attribute__((unused)) static void xh_on_signal(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	uint64_t pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP], page = (uint64_t)xh_page;

	if (access_fault(sig, si, context)) /* the helper's */
		return;
	if (pc - page >= 4096) { /* not the instruction under test: die of it */
		signal(sig, SIG_DFL);
		return;
	}
	xh_signal = sig;
	uc->uc_mcontext.gregs[REG_RIP] = (long long)(xh_avx ? xh_resume_avx : xh_resume_sse);
}

__attribute__((unused)) static bool xh_feature(enum x86_feature f)
{
	static const struct {
		unsigned leaf, subleaf, reg, bit;
	} t[] = {
		{0, 0, 0, 0},
#define EAX 0
#define EBX 1
#define ECX 2
#define EDX 3
#define FEATURE(id, name, leaf, subleaf, reg, bit) {leaf, subleaf, reg, bit},
#include "isa/x86/features.def"
#undef FEATURE
#undef EAX
#undef EBX
#undef ECX
#undef EDX
	};
	unsigned r[4];

	if (f == X86_FEAT_NONE)
		return true;
	if (!__get_cpuid_count(t[f].leaf, t[f].subleaf, &r[0], &r[1], &r[2], &r[3]))
		return false;
	return r[t[f].reg] >> t[f].bit & 1;
}

__attribute__((unused)) static void xh_init(void)
{
	struct sigaction sa = {.sa_sigaction = xh_on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
	static char stack[65536] __attribute__((aligned(64)));
	stack_t ss = {.ss_size = sizeof stack, .ss_sp = stack};

	sigaltstack(&ss, NULL);
	xh_avx = __builtin_cpu_supports("avx");
	xh_intel = __builtin_cpu_is("intel");
	xh_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (xh_page == MAP_FAILED)
		tap_skip_all("no writable and executable page to be had");
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
}

/* Runs code[0..n) with the state of cpu; the result in *cpu. Returns the signal it died of, 0: none. */
__attribute__((unused)) static int xh_run(struct x86_cpu *cpu, const uint8_t *code, unsigned n)
{
	memcpy(xh_page, code, n);
	xh_page[n] = 0xC3;
	xh_code = xh_page;
	xh_fx = cpu->fx;
	xh_fx.mxcsr = cpu->mxcsr;
	memcpy(xh_ymm, cpu->ymm, sizeof xh_ymm);
	memcpy(xh_gpr, cpu->gpr, sizeof xh_gpr);
	xh_flags = cpu->rflags;
	xh_signal = 0;
	if (xh_avx)
		xh_enter_avx();
	else
		xh_enter_sse();
	cpu->fx = xh_fx;
	cpu->mxcsr = xh_fx.mxcsr;
	memcpy(cpu->ymm, xh_ymm, sizeof xh_ymm);
	for (unsigned i = 0; i < 16; i++)
		if (i != X86_RSP)
			cpu->gpr[i] = xh_gpr[i];
	cpu->rflags = xh_flags;
	return xh_signal;
}

/* ---- the other side ------------------------------------------------------------------------------------ */

/* Guest memory at host addresses; weak, for where the library's interpreter does not bring them. */
__attribute__((weak)) _Noreturn void x86_raise(struct x86_cpu *cpu, int vector, uint64_t error_code)
{
	cpu->cpu.trap.error_code = error_code;
	access_raise(vector);
}

__attribute__((weak)) void x86_mem_read(struct x86_cpu *cpu, uint64_t addr, void *to, unsigned size)
{
	(void)cpu;
	access_read(to, (const void *)(uintptr_t)addr, size);
}

__attribute__((weak)) void x86_mem_write(struct x86_cpu *cpu, uint64_t addr, const void *from, unsigned size)
{
	(void)cpu;
	access_write((void *)(uintptr_t)addr, from, size);
}

__attribute__((weak)) void x86_mem_probe_write(struct x86_cpu *cpu, uint64_t addr, unsigned size)
{
	(void)cpu;
	access_probe_write((void *)(uintptr_t)addr, size);
}

/* Runs the helper; returns the signal that Linux would send for its fault, 0: none. */
__attribute__((unused)) static int xh_emulate(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct access_scope scope;

	if (access_enter(&scope)) {
		if (scope.sig)
			return scope.sig;
		return scope.code == 6 ? SIGILL : scope.code == 16 || scope.code == 19 ? SIGFPE : SIGSEGV;
	}
	x86_helpers[in->row->op](cpu, in, in->has_mem && in->base < 16 ? cpu->gpr[in->base] + (uint64_t)in->disp : 0);
	access_leave(&scope);
	return 0;
}

/* `size` bytes, a multiple of 64, at the end of which no page is accessible. */
__attribute__((unused)) static uint8_t *xh_guarded(size_t size)
{
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + 4096, 4096, PROT_NONE))
		tap_skip_all("no guarded memory to be had");
	return p + 4096 - size;
}

/* ---- random encodings of a row ------------------------------------------------------------------------- */

struct xh_code {
	uint8_t bytes[16];
	unsigned n;
};

/*
 * A random encoding that decodes to the row: memory operands are [rdi], or [rdi + vector * scale] for gathers. Returns
 * false when this try did not hit the row.
 */
__attribute__((unused)) static bool xh_encode(const struct x86_row *row, struct xh_code *c, struct x86_insn *in)
{
	static const uint8_t pfx[] = {0, 0, 0x66, 0xF3, 0xF2, 0};
	unsigned map = row->map & 0x7F, reg = (unsigned)rnd() & 15, rm = (unsigned)rnd() & 15, modrm;
	unsigned w = (unsigned)rnd() & 1, vvvv = (unsigned)rnd() & 15, l = (unsigned)rnd() & 1;
	bool mem = row->mod == X86_MOD_MEM || (row->mod == X86_MOD_ANY && rnd() & 1), vsib = row->flags & X86_ROW_VSIB;
	bool vex = row->map & X86_MAP_VEX, legacy_rex = rnd() & 1;
	bool imm = false;
	uint8_t *p = c->bytes;

	if (!vex && (!legacy_rex || row->flags & X86_ROW_X87))
		reg &= 7, rm &= 7, w = legacy_rex && rnd() & 1;
	if (row->modreg & 8)
		reg = (reg & 8) | (row->modreg & 7);
	if (row->modrm_rm & 8)
		rm = (rm & 8) | (row->modrm_rm & 7);
	if (mem)
		rm = 7;
	for (unsigned i = 0; i < 4; i++)
		imm |= row->operands[i] == X86_O_Ib || row->operands[i] == X86_O_Lx;
	modrm = (mem ? 0u : 0xC0u) | (reg & 7) << 3 | (vsib ? 4 : rm & 7);
	if (vex) {
		unsigned index = (unsigned)rnd() & 15;

		if (!(row->flags & X86_ROW_W0 && row->operands[2]) && row->operands[0] != X86_O_Hx)
			vvvv = rnd() & 1 ? 0 : vvvv;
		*p++ = 0xC4;
		*p++ = (uint8_t)((reg & 8 ? 0 : 0x80) | (vsib && index & 8 ? 0 : 0x40) | (rm & 8 ? 0 : 0x20) | map);
		*p++ = (uint8_t)(w << 7 | (~vvvv & 15) << 3 | l << 2 |
				 (row->prefix == X86_ROWPFX_66 ? 1 : row->prefix == X86_ROWPFX_F3 ? 2 : row->prefix == X86_ROWPFX_F2 ? 3 : 0));
		*p++ = row->opcode;
		*p++ = (uint8_t)modrm;
		if (vsib)
			*p++ = (uint8_t)((rnd() & 3) << 6 | (index & 7) << 3 | 7);
	} else {
		if (pfx[row->prefix])
			*p++ = pfx[row->prefix];
		else if (row->flags & X86_ROW_X87 && !map && rnd() % 8 == 0)
			*p++ = 0x66; /* the short environments */
		if (reg & 8 || rm & 8 || w)
			*p++ = (uint8_t)(0x40 | w << 3 | (reg & 8 ? 4 : 0) | (rm & 8 ? 1 : 0));
		if (map)
			*p++ = 0x0F;
		if (map == 2)
			*p++ = 0x38;
		if (map == 3)
			*p++ = 0x3A;
		if (map == 4)
			*p++ = 0x0F;
		else
			*p++ = row->opcode;
		*p++ = (uint8_t)modrm;
		if (map == 4)
			*p++ = row->opcode;
	}
	if (imm)
		*p++ = (uint8_t)rnd();
	c->n = (unsigned)(p - c->bytes);
	if (x86_decode(in, c->bytes, sizeof c->bytes, 64, NULL) != X86_DECODE_OK || in->row != row)
		return false;
	c->n = in->length;
	return true;
}

/* ---- random state -------------------------------------------------------------------------------------- */

/* Sixteen bytes of one flavour: noise, small integers, special or ordinary floats of either size, few bits. */
__attribute__((unused)) static void xh_random_lane(void *to)
{
	uint32_t w[4];
	uint64_t q[2];

	switch (rnd() % 9) {
	case 0:
	case 1:
		for (unsigned i = 0; i < 4; i++)
			w[i] = (uint32_t)special_bits((unsigned)rnd() % 64, 8, 23);
		memcpy(to, w, 16);
		return;
	case 2:
		for (unsigned i = 0; i < 4; i++)
			w[i] = (uint32_t)random_bits(8, 23);
		memcpy(to, w, 16);
		return;
	case 3: q[0] = special_bits((unsigned)rnd() % 64, 11, 52), q[1] = special_bits((unsigned)rnd() % 64, 11, 52); break;
	case 4: q[0] = random_bits(11, 52), q[1] = random_bits(11, 52); break;
	case 5:
		for (unsigned i = 0; i < 4; i++)
			w[i] = (uint32_t)(rnd() % 65) - 32;
		memcpy(to, w, 16);
		return;
	case 8: /* text of a few letters */
		for (unsigned i = 0; i < 16; i++)
			((uint8_t *)to)[i] = (uint8_t)"abcb\0az\xff"[rnd() & 7];
		return;
	case 6:
		q[0] = rnd() & 1 ? 0 : ~0ull, q[1] = rnd() & 1 ? rnd() % 40 : 0x8080FF7F80017FFF;
		break;
	default: q[0] = rnd(), q[1] = rnd();
	}
	memcpy(to, q, 16);
}

__attribute__((unused)) static void xh_random_state(struct x86_cpu *cpu, bool unmasked)
{
	memset(cpu, 0, sizeof *cpu);
	cpu->mode = 64;
	cpu->xcr0 = xh_avx ? 7 : 3;
	cpu->rflags = 0x202 | (rnd() & X86_STATUS);
	for (unsigned i = 0; i < 16; i++) {
		cpu->gpr[i] = rnd() & 1 ? rnd() >> (rnd() & 63) : (uint64_t)(rnd() % 41) - 20;
		xh_random_lane(&cpu->ymm[i].u8[0]);
		xh_random_lane(&cpu->ymm[i].u8[16]);
		if (i && rnd() % 4 == 0)
			cpu->ymm[i] = cpu->ymm[i - 1];
		if (!xh_avx)
			memset(&cpu->ymm[i].u8[16], 0, 16);
	}
	cpu->mxcsr = 0x1F80 | (uint32_t)(rnd() & 3) << 13;
	if (rnd() % 4 == 0)
		cpu->mxcsr |= rnd() & 0x8040;
	cpu->mxcsr |= rnd() & rnd() & 0x3F;
	if (unmasked) {
		cpu->mxcsr &= ~(uint32_t)(rnd() & 0x1F80);
		cpu->mxcsr &= ~0x3Fu; /* nothing pending */
	}
	cpu->fx.fcw = 0x37F;
	cpu->fx.mxcsr_mask = 0xFFFF;
	cpu->rip = (uint64_t)(uintptr_t)xh_page;
}
#endif
