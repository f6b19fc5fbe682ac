/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few instructions whose addresses the host signal handler must know, for an x86-64 host: copies that survive a
 * fault, and the system call that no signal can slip past.
 *
 * user_blocking_stub: between the test of *ready and the syscall instruction a signal handler moves the pc to the
 * way out, so a signal either is seen by the test, or sends us out, or interrupts the call itself. The kernel
 * restarts a call (SA_RESTART) by setting the pc back onto the syscall instruction *before* it enters the handler:
 * the handler then finds the pc in the same range, and the result is ERESTARTSYS as well.
 */
#include "internal.h"

__asm__(".text\n"
	".p2align 4\n"
	".globl user_copy\n.type user_copy, @function\n"
	"user_copy:\n"
	"	mov %rdx, %rcx\n"
	"	cmp $8, %rdx\n"
	"	je 1f\n"
	"	cmp $4, %rdx\n"
	"	je 2f\n"
	"user_copy_begin:\n"
	"	rep movsb\n"
	"	jmp 3f\n"
	"1:	mov (%rsi), %rax\n"
	"	mov %rax, (%rdi)\n"
	"	jmp 3f\n"
	"2:	mov (%rsi), %eax\n"
	"	mov %eax, (%rdi)\n"
	"3:	xor %eax, %eax\n"
	"	ret\n"
	".globl user_copy_string\n.type user_copy_string, @function\n"
	"user_copy_string:\n"
	"	xor %ecx, %ecx\n"
	"4:	cmp %rdx, %rcx\n"
	"	jae 5f\n"
	"	movzbl (%rsi,%rcx), %eax\n"
	"	mov %al, (%rdi,%rcx)\n"
	"	inc %rcx\n"
	"	test %al, %al\n"
	"	jne 4b\n"
	"	lea -1(%rcx), %rax\n"
	"	ret\n"
	"5:	mov $-36, %rax\n" /* ENAMETOOLONG */
	"	ret\n"
	".globl user_cas32\n.type user_cas32, @function\n"
	"user_cas32:\n"
	"	mov (%rsi), %eax\n"
	"	lock cmpxchg %edx, (%rdi)\n"
	"	mov %eax, (%rsi)\n"
	"	sete %al\n"
	"	movzbl %al, %eax\n"
	"	ret\n"
	"user_copy_end:\n"
	"user_copy_fault:\n"
	"	mov $-14, %rax\n" /* EFAULT */
	"	cld\n"
	"	ret\n"
	".p2align 4\n"
	".globl user_blocking_stub\n.type user_blocking_stub, @function\n"
	"user_blocking_stub:\n"
	"	push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	mov %rsi, %rax\n"
	"	mov %rdx, %rdi\n"
	"	mov %rcx, %rsi\n"
	"	mov %r8, %rdx\n"
	"	mov %r9, %r10\n"
	"	mov 16(%rsp), %r8\n"
	"	mov 24(%rsp), %r9\n"
	"user_blocking_begin:\n"
	"	cmpl $0, (%rbx)\n"
	"	jne user_blocking_out\n"
	"user_blocking_call_insn:\n"
	"	syscall\n"
	"user_blocking_after:\n"
	"	pop %rbx\n"
	"	ret\n"
	"user_blocking_out:\n"
	"	mov $-512, %rax\n" /* ERESTARTSYS */
	"	pop %rbx\n"
	"	ret\n"
	".globl user_signal_restorer\n.type user_signal_restorer, @function\n"
	"	nop\n"
	"user_signal_restorer:\n"
	"	mov $15, %eax\n" /* rt_sigreturn */
	"	syscall\n");

extern const char user_copy_end[], user_copy_fault[], user_blocking_begin[], user_blocking_call_insn[],
	user_blocking_out[];

uintptr_t user_copy_fixup(uintptr_t pc)
{
	return pc >= (uintptr_t)user_copy && pc < (uintptr_t)user_copy_end ? (uintptr_t)user_copy_fault : 0;
}

uintptr_t user_blocking_fixup(uintptr_t pc)
{
	return pc >= (uintptr_t)user_blocking_begin && pc <= (uintptr_t)user_blocking_call_insn
		       ? (uintptr_t)user_blocking_out : 0;
}
