/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the test kernels share: a multiboot header for a flat image at 1 MB, text through port e9, the end through port f4, and a frame for
 * expecting faults in 32-bit protected mode. Included first; the kernel defines `main`.
 *
 *	FAULTS name, vector, error, instruction...   the instruction must fault so
 *	CHECK name, condition                        after a comparison: jump condition that means good
 */
	.set SIZE_OF_STACK, 16384
	/* Fills a descriptor: selector, base, limit, attributes as in bits 40..55 of it. */
	.macro DESCRIPTOR selector, base, limit, attr
	mov $(\base), %eax
	mov $(\limit), %ecx
	mov $(\attr), %edx
	mov $(gdt + \selector), %edi
	call make_descriptor
	.endm

	.text
	.code32
multiboot_header:
	.long 0x1badb002, 0x00010003, -(0x1badb002 + 0x00010003)
	.long multiboot_header, 0x100000, 0, end_of_image, start

	.globl start
start:
	cli
	cld
	mov $0xff, %al /* no interrupts of a PC's controllers */
	outb %al, $0x21
	outb %al, $0xa1
	mov $stack_top, %esp
	lgdt gdt_pointer
	ljmp $0x08, $1f
1:	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	call make_idt
	lidt idt_pointer
	call main
	mov $good_bye, %esi
	call print
leave:
	xor %eax, %eax
	outb %al, $0xf4
1:	hlt
	jmp 1b

print: /* esi: text, ends with 0 */
	push %eax
1:	lodsb
	test %al, %al
	jz 2f
	outb %al, $0xe9
	jmp 1b
2:	pop %eax
	ret

print_hex: /* eax */
	push %ecx
	push %eax
	push %edx
	mov %eax, %edx
	mov $8, %ecx
1:	rol $4, %edx
	mov %dl, %al
	and $15, %al
	add $'0', %al
	cmp $'9', %al
	jbe 2f
	add $('a' - '9' - 1), %al
2:	outb %al, $0xe9
	loop 1b
	pop %edx
	pop %eax
	pop %ecx
	ret

print_good: /* esi: name */
	push %esi
	mov $text_ok, %esi
	call print
	pop %esi
	call print
	mov $text_newline, %esi
	jmp print

print_bad: /* esi: name; what was seen last */
	push %esi
	mov $text_fail, %esi
	call print
	pop %esi
	call print
	mov $text_vector, %esi
	call print
	mov last_vector, %eax
	call print_hex
	mov $text_error, %esi
	call print
	mov last_error, %eax
	call print_hex
	mov $text_at, %esi
	call print
	mov last_ip, %eax
	call print_hex
	mov $text_value, %esi
	call print
	mov seen, %eax
	call print_hex
	mov $text_newline, %esi
	jmp print

make_descriptor: /* edi: where, eax base, ecx limit, edx attributes */
	mov %cx, (%edi)
	mov %ax, 2(%edi)
	rol $16, %eax
	mov %al, 4(%edi)
	mov %ah, 7(%edi)
	shr $16, %ecx
	and $15, %cl
	mov %dl, 5(%edi)
	and $0xf0, %dh
	or %cl, %dh
	mov %dh, 6(%edi)
	ret

/* The task register, with ring 0's stack for calls from outside. */
load_tss:
	movl $stack_inner, tss + 4
	movl $0x10, tss + 8
	movw $104, tss + 102
	DESCRIPTOR 0x38, tss, 103+8192, 0x0089
	mov $0x38, %eax
	ltr %ax
	ret

/* Gates of all 32 exceptions and of 8 interrupts more: DPL 0, but 3 for vectors 3, 4 and 32 up. */
make_idt:
	mov $idt, %edi
	mov $stubs, %edx
	xor %ecx, %ecx
1:	mov %edx, %eax
	and $0xffff, %eax
	or $0x80000, %eax
	stosl
	mov %edx, %eax
	and $0xffff0000, %eax
	or $0x8e00, %eax
	cmp $3, %ecx
	je 2f
	cmp $4, %ecx
	je 2f
	cmp $32, %ecx
	jb 3f
2:	or $0x6000, %eax
3:	stosl
	add $16, %edx
	inc %ecx
	cmp $40, %ecx
	jb 1b
	ret

	.align 16
stubs:
	.set vector, 0
	.rept 40
	.align 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
	.else
	push $0
	.endif
	push $vector
	jmp common_stub
	.set vector, vector + 1
	.endr
	.align 16

common_stub: /* vector, error, eip, cs, eflags, (esp, ss) */
	push %eax
	push %ds
	push %es
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov 12(%esp), %eax
	mov %eax, last_vector
	mov 16(%esp), %eax
	mov %eax, last_error
	mov 20(%esp), %eax
	mov %eax, last_ip
	mov 24(%esp), %eax
	mov %eax, last_cs
	mov 28(%esp), %eax
	mov %eax, last_flags
	mov 32(%esp), %eax
	mov %eax, last_sp
	mov 36(%esp), %eax
	mov %eax, last_ss
	mov %cr2, %eax
	mov %eax, last_cr2
	mov %ecx, last_cx
	mov %esp, last_frame
	incl faults
	cmpl $0, resume
	je 1f
	/* back to the test, in ring 0, wherever it came from */
	mov resume_sp, %esp
	mov resume, %eax
	movl $0, resume
	push %eax
	mov $0x10, %eax
	mov %eax, %ss
	mov %eax, %ds
	mov %eax, %es
	ret
1:	pop %es
	pop %ds
	pop %eax
	cmpl $32, (%esp)
	jae 2f
	cmpl $3, (%esp)
	jbe 2f
	cmpl $4, (%esp)
	je 2f
	mov $text_unexpected, %esi
	call print_bad
	mov $1, %eax
	outb %al, $0xf4
2:	add $8, %esp
	iret

	/* The instruction is expected to fault with this vector and error code, at itself. */
	.macro FAULTS name, vec, error, insn:vararg
	movl $-1, last_vector
	movl $88f, resume
	mov %esp, resume_sp
87:	\insn
	movl $0, resume
	movl $-1, last_vector
88:	mov $89f, %esi
	mov $\vec, %eax
	mov $\error, %edx
	mov $87b, %ecx
	call check_fault
	.section .rodata
89:	.asciz "\name"
	.text
	.endm

	/* The instruction faults so in ring 3, on a stack of its own. \flags: what RFLAGS are there. */
	.macro FAULTS3 name, vec, error, flags, insn:vararg
	movl $-1, last_vector
	movl $88f, resume
	mov %esp, resume_sp
	pushl $0x33
	pushl $user_stack_top
	pushl $\flags
	pushl $0x2b
	pushl $86f
	iret
86:	mov $0x33, %eax
	mov %eax, %ds
	mov %eax, %es
87:	\insn
	int $0x27
88:	mov $89f, %esi
	mov $\vec, %eax
	mov $\error, %edx
	mov $87b, %ecx
	call check_fault
	.section .rodata
89:	.asciz "\name"
	.text
	.endm

	/* Runs in ring 3 without a fault. eax comes back. */
	.macro USER name, flags, insn:vararg
	movl $-1, last_vector
	movl $88f, resume
	mov %esp, resume_sp
	pushl $0x33
	pushl $user_stack_top
	pushl $\flags
	pushl $0x2b
	pushl $86f
	iret
86:	mov $0x33, %eax
	mov %eax, %ds
	mov %eax, %es
	\insn
87:	int $0x27
88:	mov $89f, %esi
	cmpl $0x27, last_vector
	je 85f
	call print_bad
	jmp 84f
85:	call print_good
84:
	.section .rodata
89:	.asciz "\name"
	.text
	.endm

	/* Traps: the same, with the address behind the instruction. */
	.macro TRAPS name, vec, error, insn:vararg
	movl $-1, last_vector
	movl $88f, resume
	mov %esp, resume_sp
	\insn
87:	movl $0, resume
	movl $-1, last_vector
88:	mov $89f, %esi
	mov $\vec, %eax
	mov $\error, %edx
	mov $87b, %ecx
	call check_fault
	.section .rodata
89:	.asciz "\name"
	.text
	.endm

check_fault:
	cld
	cmp last_vector, %eax
	jne print_bad
	cmp last_error, %edx
	jne print_bad
	cmp last_ip, %ecx
	jne print_bad
	jmp print_good

	.macro CHECK name, cond
	mov $89f, %esi
	j\cond 88f
	call print_bad
	jmp 87f
88:	call print_good
87:
	.section .rodata
89:	.asciz "\name"
	.text
	.endm

	/* A value in eax is what it should be. */
	.macro SAME name, value
	mov %eax, seen
	cmp $\value, %eax
	CHECK "\name", e
	.endm

	.section .rodata
text_ok:	.asciz "ok "
text_fail:	.asciz "FAIL "
text_vector:	.asciz ": vector "
text_error:	.asciz " error "
text_at:	.asciz " at "
text_value:	.asciz " value "
text_newline:	.asciz "\n"
text_unexpected:.asciz "unexpected exception"
good_bye:	.asciz "done\n"

	.data
	.align 8
	/* 08 code, 10 data, 18 code 16, 20 data 16, 28 user code (2b), 30 user data (33), 38 TSS, 40.. the kernel's own */
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
	.quad 0x00009b000000ffff
	.quad 0x000093000000ffff
	.quad 0x00cffb000000ffff
	.quad 0x00cff3000000ffff
gdt_tss:
	.quad 0
gdt_more:
	.fill 24, 8, 0
gdt_end:
	.word 0
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt, 0
	.word 0
idt_pointer:
	.word 40 * 8 - 1
	.long idt, 0
resume:		.long 0
resume_sp:	.long 0
last_vector:	.long 0
last_error:	.long 0
last_ip:	.long 0
last_cs:	.long 0
last_flags:	.long 0
last_sp:	.long 0
last_ss:	.long 0
last_cr2:	.long 0
last_cx:	.long 0
last_frame:	.long 0
faults:		.long 0
seen:		.long 0

	.bss
	.align 4096
idt:	.fill 256, 8, 0
	.align 16
	.fill 4096, 1, 0
stack_inner:
	.fill 4096, 1, 0
user_stack_top:
	.align 4096
	.globl tss
tss:	.fill 104 + 8192 + 8, 1, 0
	.align 16
	.fill SIZE_OF_STACK, 1, 0
stack_top:
	.text
