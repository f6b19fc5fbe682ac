/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code at the start of the cache that leads from C into translated code and back. See copy.h.
 */
#include <errno.h>
#include "isa/x86/copy.h"
#include "jit/host/x86-64-emit.h"

static uint8_t *op_modrm_gs(uint8_t *p, unsigned op, unsigned digit, uint32_t off) /* 0F op /digit gs:[off] */
{
	p = e_u8(p, 0x65);
	p = e_u16(p, 0x0f | op << 8);
	p = e_u16(p, 0x2504 | digit << 3);
	return e_u32(p, off);
}

static uint8_t *ldmxcsr(uint8_t *p, uint32_t off)
{
	return op_modrm_gs(p, 0xae, 2, off);
}

static uint8_t *stmxcsr(uint8_t *p, uint32_t off)
{
	return op_modrm_gs(p, 0xae, 3, off);
}

/* All sixteen vector registers; in translated code only what the host has exists. */
static uint8_t *vectors(uint8_t *p, bool store)
{
	bool avx = __builtin_cpu_supports("avx");
	for (unsigned i = 0; i < 16; i++) {
		uint32_t off = OFF(ymm) + i * (uint32_t)sizeof(union x86_vec);
		p = e_u8(p, 0x65);
		if (avx) { /* vmovdqu: VEX.256.F3.0F 6F /r, 7F /r */
			p = e_u8(p, 0xc5);
			p = e_u8(p, i > 7 ? 0x7e : 0xfe);
		} else { /* movdqu */
			p = e_u8(p, 0xf3);
			if (i > 7)
				p = e_u8(p, 0x44);
			p = e_u8(p, 0x0f);
			/* F3 is before the REX, gs before both */
		}
		p = e_u8(p, store ? 0x7f : 0x6f);
		p = e_u16(p, 0x2504 | (i & 7) << 3);
		p = e_u32(p, off);
	}
	if (avx && store)
		p = e_bytes(p, 0x77f8c5, 3); /* vzeroupper: C code mixes in SSE */
	return p;
}

static const uint8_t callee_saved[] = {X86_RBX, X86_RBP, X86_R12, X86_R13, X86_R14, X86_R15};
static const uint8_t caller_saved[] = {X86_RAX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_R8, X86_R9, X86_R10, X86_R11};

static uint32_t gpr(unsigned n)
{
	return OFF(gpr) + 8 * n;
}

static uint8_t *push(uint8_t *p, unsigned r)
{
	if (r > 7)
		p = e_u8(p, 0x41);
	return e_u8(p, 0x50 | (r & 7));
}

static uint8_t *pop(uint8_t *p, unsigned r)
{
	if (r > 7)
		p = e_u8(p, 0x41);
	return e_u8(p, 0x58 | (r & 7));
}

/* Back to x86_enter()'s caller: eax = reason. rsp is the host's. */
static uint8_t *epilogue(uint8_t *p)
{
	p = e_gs_load32(p, X86_RAX, OFF(h.reason));
	p = e_u32(p, 0x08c48348); /* add rsp, 8 */
	for (unsigned i = sizeof callee_saved; i-- > 0;)
		p = pop(p, callee_saved[i]);
	return e_u8(p, 0xc3);
}

/* The general registers that C may change, and the status flags without the cost of popf; then the host's stack. */
static uint8_t *light_out(uint8_t *p)
{
	for (unsigned i = 0; i < sizeof caller_saved; i++)
		p = e_gs_store(p, caller_saved[i], gpr(caller_saved[i]));
	p = e_gs_store(p, X86_RSP, gpr(X86_RSP));
	p = e_u32(p, 0xc0900f9f); /* lahf; seto al */
	p = e_gs_store32(p, X86_RAX, OFF(h.ahf));
	p = e_gs_load(p, X86_RSP, OFF(h.rsp));
	p = e_u8(p, 0x9c); /* pushf; pop: DF */
	p = pop(p, X86_RAX);
	p = e_gs_store32(p, X86_RAX, OFF(h.rflags));
	p = e_u8(p, 0xfc); /* cld */
	p = e_gs_load(p, X86_RDI, OFF(cpu.self));
	return p;
}

#ifdef __SANITIZE_ADDRESS__
/* Instrumented code calls functions of the sanitizer's, and those use vector registers. */
#define SAVING(f)                                                                                                     \
	static size_t f##_plain(struct jit *j, uint64_t a, uint64_t b)                                                \
	{                                                                                                             \
		(void)j, (void)b;                                                                                     \
		return f((struct x86_cpu *)(uintptr_t)a);                                                             \
	}                                                                                                             \
	__attribute__((no_sanitize("address"), no_sanitize("undefined"), target("general-regs-only"))) static uint64_t    \
	f##_saving(struct x86_cpu *c)                                                                                 \
	{                                                                                                             \
		return jit_call_saving_vectors(NULL, f##_plain, (uint64_t)(uintptr_t)c, 0);                           \
	}
SAVING(x86_engine_miss)
SAVING(x86_engine_check)
SAVING(x86_engine_link)
#define CALLED(f) f##_saving
#else
#define CALLED(f) f
#endif

static uint8_t *call_c(uint8_t *p, uint64_t fn)
{
	p = e_mov_imm64(p, X86_RAX, fn);
	return e_u16(p, 0xd0ff); /* call rax */
}

int x86_thunks_make(struct jit *j, struct err *e)
{
	int error = jit_cache_map(j, e);
	if (error || j->ready)
		return error;
	uint8_t *p = j->rw + JIT_TABLE_BYTES, *to_resume[2], *to_slow, *slow, *common;
#define AT(t) (j->thunk[t] = jit_offset(j, p))

	/* ---- enter ---- */
	AT(T_ENTER);
	for (unsigned i = 0; i < sizeof callee_saved; i++)
		p = push(p, callee_saved[i]);
	p = e_u32(p, 0x08ec8348); /* sub rsp, 8 */
	p = e_gs_store(p, X86_RSP, OFF(h.rsp));
	p = stmxcsr(p, OFF(h.mxcsr));
	p = e_gs_load32(p, X86_RAX, OFF(h.mxcsr)); /* loading it is slow, and mostly it is as it was left */
	p = e_gs(p, 0x3b, X86_RAX, OFF(mxcsr), false);
	p = e_u16(p, 0x0974); /* je over */
	p = ldmxcsr(p, OFF(mxcsr));
	p = vectors(p, false);
	p = e_gs_cmp0(p, OFF(cpu.pending));
	AT(T_IN1_START);
	to_slow = p;
	p = e_jcc(p, 5, p);
	p = e_gs_load32(p, X86_RAX, OFF(h.rflags)); /* popf would take longer than all the rest */
	p = e_u8(p, 0xa9);                          /* test eax, DF */
	p = e_u32(p, X86_DF);
	p = e_u16(p, 0x0174);                       /* jz +1 */
	p = e_u8(p, 0xfd);                          /* std */
	p = e_u16(p, 0xc189);                       /* mov ecx, eax */
	p = e_bytes(p, 0x0be9c1, 3);                /* shr ecx, 11 */
	p = e_bytes(p, 0x01e183, 3);                /* and ecx, 1: OF */
	p = e_u16(p, 0xc488);                       /* mov ah, al */
	p = e_u16(p, 0xc888);                       /* mov al, cl */
	p = e_u16(p, 0x7f04);                       /* add al, 0x7f: OF */
	p = e_u8(p, 0x9e);                          /* sahf: the rest */
	for (unsigned i = 0; i < 16; i++)
		p = e_gs_load(p, i, gpr(i));
	p = e_gs_jmp(p, OFF(h.jump));
	AT(T_IN1_END);
	/* Something is pending: nothing was changed but the vectors and MXCSR, which memory still has. */
	e_jcc(to_slow, 5, p);
	p = ldmxcsr(p, OFF(h.mxcsr));
	if (__builtin_cpu_supports("avx"))
		p = e_bytes(p, 0x77f8c5, 3);
	p = e_gs_imm32(p, OFF(h.reason), X86_LEFT_PENDING);
	p = epilogue(p);

	/* ---- light exits ---- */
	if (j->config.isa->bits == 32) { /* r8 = target, r10 = ecx behind a verifying entry (copy32.c) */
		AT(T_MISS_VERIFY);
		p = e_bytes(p, 0xd1894c, 3); /* mov rcx, r10 */
		AT(T_MISS);
		p = e_gs_store(p, X86_R8, OFF(h.target));
		p = light_out(p);
		p = call_c(p, (uint64_t)(uintptr_t)CALLED(x86_engine_miss));
		to_resume[0] = p;
		p = e_jmp(p, p);
	} else {
		AT(T_MISS_VERIFY);
		p = e_bytes(p, 0xd3f749, 3);     /* not r11 */
		p = e_u32(p, 0x194c8d4a);        /* lea rcx, [rcx+r11+1] */
		p = e_u8(p, 0x01);
		AT(T_MISS);
		p = e_gs_store(p, X86_RCX, OFF(h.target));
		p = e_gs_load(p, X86_RCX, OFF(spill[0]));
		p = e_gs_load(p, X86_R11, OFF(spill[1]));
		p = light_out(p);
		p = call_c(p, (uint64_t)(uintptr_t)CALLED(x86_engine_miss));
		to_resume[0] = p;
		p = e_jmp(p, p);
	}
	AT(T_CHECK);
	p = light_out(p);
	p = call_c(p, (uint64_t)(uintptr_t)CALLED(x86_engine_check));
	to_resume[1] = p;
	p = e_jmp(p, p);
	AT(T_LINK);
	p = light_out(p);
	p = call_c(p, (uint64_t)(uintptr_t)CALLED(x86_engine_link));
	e_jmp(to_resume[0], p);
	e_jmp(to_resume[1], p);
	/* resume: rax = host address */
	p = e_gs_store(p, X86_RAX, OFF(h.jump));
	p = e_gs_cmp0(p, OFF(cpu.pending));
	AT(T_IN2_START);
	to_slow = p;
	p = e_jcc(p, 5, p);
	slow = p; /* comes back here */
	p = e_gs_load32(p, X86_RCX, OFF(h.rflags));
	p = e_u16(p, 0xc1f7); /* test ecx, DF */
	p = e_u32(p, X86_DF);
	p = e_u16(p, 0x0174); /* jz +1 */
	p = e_u8(p, 0xfd);    /* std */
	p = e_gs_load32(p, X86_RAX, OFF(h.ahf));
	p = e_u16(p, 0x7f04); /* add al, 0x7f: OF again */
	p = e_u8(p, 0x9e);    /* sahf */
	for (unsigned i = 0; i < sizeof caller_saved; i++)
		p = e_gs_load(p, caller_saved[i], gpr(caller_saved[i]));
	p = e_gs_load(p, X86_RSP, gpr(X86_RSP));
	p = e_gs_jmp(p, OFF(h.jump));
	AT(T_IN2_END);
	/* The C code has set rip: leave for good instead. */
	e_jcc(to_slow, 5, p);
	uint8_t *want_pending = p;
	p = e_mov_imm64(p, X86_RAX, (uint64_t)(uintptr_t)j->rx); /* filled in below */
	if (p - want_pending != 10) { /* a cache in the lowest 4 GB: the long form all the same, for the patch below */
		p = e_u16(want_pending, 0xb848);
		p = e_u64(p, 0);
	}
	p = e_gs_store(p, X86_RAX, OFF(h.jump));
	p = e_jmp(p, slow);

	/* ---- full exits ---- */
	AT(T_PENDING);
	e_u64(want_pending + 2, (uint64_t)(uintptr_t)(j->rx + j->thunk[T_PENDING]));
	p = e_gs_imm32(p, OFF(h.reason), X86_LEFT_PENDING);
	uint8_t *to_common[2];
	to_common[0] = p;
	p = e_jmp(p, p);
	AT(T_RETRY);
	p = e_gs_imm32(p, OFF(h.reason), X86_LEFT_RETRY);
	to_common[1] = p;
	p = e_jmp(p, p);
	AT(T_EXIT);
	p = e_gs_imm32(p, OFF(h.reason), X86_LEFT_EXIT);
	common = p;
	e_jmp(to_common[0], common);
	e_jmp(to_common[1], common);
	for (unsigned i = 0; i < 16; i++)
		p = e_gs_store(p, i, gpr(i));
	p = e_gs_load(p, X86_RSP, OFF(h.rsp));
	p = e_u8(p, 0x9c);                          /* pushf */
	p = e_gs(p, 0x8f, 0, OFF(h.rflags), false); /* pop gs:[rflags] */
	p = e_u8(p, 0xfc);                          /* cld */
	AT(T_LEAVE);
	p = stmxcsr(p, OFF(mxcsr));
	p = e_gs_load32(p, X86_RAX, OFF(mxcsr));
	p = e_u8(p, 0x25); /* and eax: the control bits; sticky flags do not disturb C */
	p = e_u32(p, 0xffc0);
	p = e_u8(p, 0x3d);
	p = e_u32(p, 0x1f80);
	p = e_u16(p, 0x0974);
	p = ldmxcsr(p, OFF(h.mxcsr));
	p = vectors(p, true);
	p = epilogue(p);
#undef AT
	j->floor = (jit_offset(j, p) + 63) & ~63u;
	j->hot = j->floor;
	/* PEXT takes the low bits without touching flags; before Zen 3 AMD's is microcode, but right. */
	jit_table_init(j, (uint64_t)(uintptr_t)(j->rx + j->thunk[T_MISS]), __builtin_cpu_supports("bmi2"), 0);
	j->stub = x86_stub;
	j->verify_jump = j->config.isa->bits == 32 ? 21 : 40;
	j->ready = true;
	return 0;
}
