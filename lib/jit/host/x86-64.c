/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the runtime needs of an x86-64 host in assembly: calls of ordinary C from where the guest's vector registers
 * are live, and reads of guest memory that may fault.
 */
#include "jit/engine.h"

/* The caller-saved vector state of the System V ABI is all of xmm/ymm 0-15, and MXCSR's control bits are the callee's
 * to rely on: C runs with the default. The x87 is not touched by C code here. */
struct call_args {
	struct jit *j;
	jit_safe_call_fn *fn;
	uint64_t a, b;
};

__attribute__((used)) static size_t call_plain(struct call_args *c)
{
	return c->fn(c->j, c->a, c->b);
}

#define SAVE16(op, r, step)                                                                                           \
	op(0, r, step) op(1, r, step) op(2, r, step) op(3, r, step) op(4, r, step) op(5, r, step) op(6, r, step)      \
	op(7, r, step) op(8, r, step) op(9, r, step) op(10, r, step) op(11, r, step) op(12, r, step)                  \
	op(13, r, step) op(14, r, step) op(15, r, step)
#define YMM_ST(n, r, step) "vmovdqu %ymm" #n ", 32*" #n "(%rsp)\n"
#define YMM_LD(n, r, step) "vmovdqu 32*" #n "(%rsp), %ymm" #n "\n"
#define XMM_ST(n, r, step) "movdqu %xmm" #n ", 16*" #n "(%rsp)\n"
#define XMM_LD(n, r, step) "movdqu 16*" #n "(%rsp), %xmm" #n "\n"

size_t jit_call_ymm(struct call_args *c);
size_t jit_call_xmm(struct call_args *c);

__asm__(".text\n"
	".globl jit_call_ymm\n.hidden jit_call_ymm\n.type jit_call_ymm,@function\n"
	"jit_call_ymm:\n"
	"push %rbp\n mov %rsp, %rbp\n sub $544, %rsp\n and $-32, %rsp\n"
	"stmxcsr 512(%rsp)\n movl $0x1f80, 516(%rsp)\n ldmxcsr 516(%rsp)\n" SAVE16(YMM_ST, , )
	"vzeroupper\n call call_plain\n" SAVE16(YMM_LD, , ) "ldmxcsr 512(%rsp)\n leave\n ret\n"
	".size jit_call_ymm, .-jit_call_ymm\n"
	".globl jit_call_xmm\n.hidden jit_call_xmm\n.type jit_call_xmm,@function\n"
	"jit_call_xmm:\n"
	"push %rbp\n mov %rsp, %rbp\n sub $288, %rsp\n and $-32, %rsp\n"
	"stmxcsr 256(%rsp)\n movl $0x1f80, 260(%rsp)\n ldmxcsr 260(%rsp)\n" SAVE16(XMM_ST, , )
	"call call_plain\n" SAVE16(XMM_LD, , ) "ldmxcsr 256(%rsp)\n leave\n ret\n"
	".size jit_call_xmm, .-jit_call_xmm\n");

__attribute__((no_sanitize("address"), no_sanitize("undefined"), target("general-regs-only"))) size_t
jit_call_saving_vectors(struct jit *j, jit_safe_call_fn *fn, uint64_t a, uint64_t b)
{
	struct call_args c = {j, fn, a, b};
	return __builtin_cpu_supports("avx") ? jit_call_ymm(&c) : jit_call_xmm(&c);
}

/*
 * size_t jit_fetch(void *to, uint64_t from, size_t n): byte by byte at the ends, words between. A fault inside ends it with
 * what was read so far: rax.
 */
__asm__(".text\n"
	".globl jit_fetch\n.type jit_fetch,@function\n"
	"jit_fetch:\n"
	"xor %eax, %eax\n"
	"1: lea 8(%rax), %rcx\n cmp %rdx, %rcx\n ja 2f\n"
	"mov (%rsi,%rax), %r8\n mov %r8, (%rdi,%rax)\n mov %rcx, %rax\n jmp 1b\n"
	"2: cmp %rdx, %rax\n jae jit_fetch_end\n"
	"movzbl (%rsi,%rax), %ecx\n mov %cl, (%rdi,%rax)\n inc %rax\n jmp 2b\n"
	".globl jit_fetch_end\n.hidden jit_fetch_end\n"
	"jit_fetch_end: ret\n"
	".size jit_fetch, .-jit_fetch\n");

/* size_t jit_store(uint64_t to, const void *from, size_t n): the same in the other direction. */
__asm__(".text\n"
	".globl jit_store\n.type jit_store,@function\n"
	"jit_store:\n"
	"xor %eax, %eax\n"
	"1: lea 8(%rax), %rcx\n cmp %rdx, %rcx\n ja 2f\n"
	"mov (%rsi,%rax), %r8\n mov %r8, (%rdi,%rax)\n mov %rcx, %rax\n jmp 1b\n"
	"2: cmp %rdx, %rax\n jae jit_store_end\n"
	"movzbl (%rsi,%rax), %ecx\n mov %cl, (%rdi,%rax)\n inc %rax\n jmp 2b\n"
	".globl jit_store_end\n.hidden jit_store_end\n"
	"jit_store_end: ret\n"
	".size jit_store, .-jit_store\n");

extern const char jit_fetch_end[], jit_store_end[];

uint64_t jit_fetch_fault(uint64_t host_pc)
{
	uint64_t start = (uint64_t)(uintptr_t)jit_fetch, end = (uint64_t)(uintptr_t)jit_fetch_end;
	if (host_pc >= start && host_pc < end)
		return end;
	start = (uint64_t)(uintptr_t)jit_store;
	end = (uint64_t)(uintptr_t)jit_store_end;
	return host_pc >= start && host_pc < end ? end : 0;
}
