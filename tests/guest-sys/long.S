/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long mode (SDM volume 3, 4.5, 5.8.5, 6.14, 9.8.5): entry and exit, canonical addresses, NX, SMEP, SMAP, PCID, interrupt stacks,
 * SYSCALL, SYSENTER, compatibility mode, descriptors of 16 bytes.
 */
#include "common.S"

	.set PML4, 0x400000
	.set PDPT, 0x401000
	.set PD, 0x402000
	.set PT, 0x403000       /* of linear 800000 */
	.set W, 0x800000
	.set CODE64, 0x40
	.set UCODE32, 0x48      /* SYSRET's order: 32-bit code, data, 64-bit code */
	.set UDATA, 0x50
	.set UCODE64, 0x58
	.set TSS64, 0x60
	.set GATE64, 0x70
	.set BADCODE, 0x80

main:
	DESCRIPTOR CODE64, 0, 0xfffff, 0xa09b
	DESCRIPTOR UCODE32, 0, 0xfffff, 0xc0fb
	DESCRIPTOR UDATA, 0, 0xfffff, 0xc0f3
	DESCRIPTOR UCODE64, 0, 0xfffff, 0xa0fb
	DESCRIPTOR TSS64, tss64, 103, 0x0089
	DESCRIPTOR BADCODE, 0, 0xfffff, 0xe09b
	mov $PML4, %edi
	xor %eax, %eax
	mov $4096, %ecx
	rep stosl
	movl $PDPT + 7, PML4
	movl $PDPT + 7, PML4 + 8 * 511
	movl $PD + 7, PDPT
	movl $0x000087, PD
	movl $0x200087, PD + 8
	movl $0x400087, PD + 16
	movl $0x600087, PD + 24
	movl $PT + 7, PD + 32
	movl $0xa00087, PD + 40

	/* the order of SDM vol. 3, 9.8.5, and what is out of order */
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	FAULTS "paging with LME and without PAE", 13, 0, mov %eax, %cr0
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $PML4, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	jmp 1f
1:	mov $0xc0000080, %ecx
	rdmsr
	SAME "LMA is set", 0xd00
	ljmp $CODE64, $in64
back32: /* compatibility mode again */
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov saved_sp, %esp
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	mov $0xc0000080, %ecx
	rdmsr
	and $0x400, %eax
	SAME "LMA is gone", 0
	ret

	.code64
	/* 64-bit halves of the common frame; print_good and print_bad work in both modes but for their pushes */
	.macro FAULTS64 name, vec, error, insn:vararg
	movl $-1, last_vector
	movq $88f, resume64
	mov %rsp, resume_sp64
87:	\insn
	movl $-1, last_vector
88:	mov $\vec, %eax
	mov $\error, %edx
	mov $87b, %ecx
	mov $89f, %esi
	call check64
	.section .rodata
89:	.asciz "\name"
	.text
	.endm
	.macro SAME64 name, value
	mov $\value, %rdx
	mov $89f, %esi
	call same64
	.section .rodata
89:	.asciz "\name"
	.text
	.endm
	/* runs in ring 3, 64-bit */
	.macro RING3 flags, cs, target
	movl $-1, last_vector
	movq $88f, resume64
	mov %rsp, resume_sp64
	pushq $UDATA + 3
	pushq $user_stack_top
	pushq $\flags
	pushq $\cs + 3
	pushq $\target
	iretq
88:
	.endm

in64:
	mov %esp, saved_sp
	call make_idt64
	lidt idt64_pointer
	lgdt gdt_pointer
	mov $TSS64, %eax
	ltr %ax
	movl $0x12345678, 0x600000
	movq $0x600003, PT
	mov $0x1122334455667788, %rax
	SAME64 "a 64-bit register", 0x1122334455667788
	FAULTS64 "CR4.PAE cannot be cleared", 13, 0, call clear_pae
	FAULTS64 "paging cannot be left from 64-bit code", 13, 0, call clear_pg
	FAULTS64 "ud2", 6, 0, ud2
	mov $0x800000000000, %rbx
	FAULTS64 "a non-canonical load", 13, 0, mov (%rbx), %rax
	FAULTS64 "a non-canonical store", 13, 0, mov %rax, (%rbx)
	mov %rbx, %rbp
	FAULTS64 "through rBP it is a stack fault", 12, 0, mov (%rbp), %rax
	mov $0x800000000000, %rbx
	FAULTS64 "a jump to a non-canonical address", 13, 0, jmp *%rbx
	FAULTS64 "a non-canonical FS base", 13, 0, call set_fs_base
	mov $W + 0xffffff8000000000, %rbx
	mov (%rbx), %eax
	SAME64 "the upper half", 0x12345678
	FAULTS64 "an absent page", 14, 0, mov W+4096, %rax
	mov last_cr2_64, %rax
	SAME64 "CR2", W+4096
	mov $W + 0xffffff8000001000, %rbx
	FAULTS64 "an absent page up there", 14, 2, mov %rax, (%rbx)
	mov last_cr2_64, %rax
	SAME64 "CR2 in full", W+0xffffff8000001000
	movl $0x80000000, PT + 4
	invlpg W
	movb $0xc3, 0x600000
	mov $W, %ebx
	FAULTS64 "execution of an NX page", 14, 0x11, call call_rbx
	movl $0, PT + 4
	movl $0x80000, PT + 4
	invlpg W
	FAULTS64 "a reserved address bit", 14, 9, mov W, %rax
	movl $0, PT + 4
	invlpg W

	movl $0x2083, PDPT + 16
	mov $0x80000000, %r9d
	FAULTS64 "a reserved bit of a 1 GB page", 14, 9, mov (%r9), %rax
	movl $0, PDPT + 16

	/* SMEP: the kernel's own page is none of the users' meanwhile */
	andb $~4, PD
	mov %cr3, %rax
	mov %rax, %cr3
	movl $0x600007, PT
	invlpg W
	mov %cr4, %rax
	or $0x100000, %rax
	mov %rax, %cr4
	FAULTS64 "SMEP", 14, 0x11, call call_rbx
	mov %cr4, %rax
	btc $20, %rax
	/* SMAP */
	bts $21, %rax
	mov %rax, %cr4
	clac
	FAULTS64 "SMAP: a load", 14, 1, mov W, %rax
	FAULTS64 "SMAP: a store", 14, 3, mov %rax, W
	stac
	mov W, %al
	clac
	and $0xff, %eax
	SAME64 "STAC allows it", 0xc3
	FAULTS64 "and CLAC forbids it", 14, 1, mov W, %rax
	pushf
	orl $0x40000, (%rsp)
	popf
	mov W, %al
	pushf
	andl $~0x40000, (%rsp)
	popf
	and $0xff, %eax
	SAME64 "POPF does as STAC", 0xc3
	FAULTS64 "and as CLAC", 14, 1, mov W, %rax
	mov %cr4, %rax
	btc $21, %rax
	mov %rax, %cr4
	orb $4, PD
	mov %cr3, %rax
	mov %rax, %cr3
	/* PCID */
	mov %cr4, %rax
	bts $17, %rax
	mov %rax, %cr4
	mov $PML4 + 5, %rax
	mov %rax, %cr3
	mov $PML4 + 6, %rax
	bts $63, %rax
	mov %rax, %cr3
	mov %cr3, %rax
	SAME64 "bit 63 of CR3 does not stay", PML4+6
	movq $0, scratch64
	movq $W, scratch64 + 8
	xor %eax, %eax
	invpcid scratch64, %rax
	mov $7, %eax
	FAULTS64 "INVPCID of an unknown type", 13, 0, invpcid scratch64, %rax
	mov $PML4, %rax
	mov %rax, %cr3
	mov %cr4, %rax
	btc $17, %rax
	mov %rax, %cr4

	/* interrupts: the stack is aligned, SS:RSP always pushed; IST */
	mov %rsp, %r8
	sub $4, %rsp
	int $0x20
	mov %r8, %rsp
	mov last_frame64, %rax
	and $15, %eax
	SAME64 "the frame is aligned", 8
	movb $2, idt64 + 0x21 * 16 + 4
	int $0x21
	mov last_frame64, %rax
	SAME64 "the second interrupt stack", ist2_top-56
	movb $0, idt64 + 0x21 * 16 + 4
	RING3 0x202, UCODE64, user64
	mov last_frame64, %rax
	SAME64 "from ring 3: RSP0", stack_inner-56
	mov last_ss64, %rax
	SAME64 "the old SS", UDATA+3
	mov last_cs64, %rax
	SAME64 "the old CS", UCODE64+3
	mov %ss, %eax
	SAME64 "SS in the kernel is null", 0
	RING3 0x202, UCODE32, user32
	mov last_cs64, %rax
	SAME64 "from compatibility mode", UCODE32+3
	mov seen_eax, %eax
	SAME64 "a 32-bit program's stack", user_stack_top-4
	movl $0x600003, PT
	invlpg W
	RING3 0x202, UCODE64, user_wide
	mov last_vector, %eax
	SAME64 "ring 3 may not read the kernel's page", 14
	mov last_error, %eax
	SAME64 "the error code tells", 5

	/* SYSCALL and SYSRET */
	mov $0xc0000081, %ecx
	xor %eax, %eax
	mov $((UCODE32 << 16) | CODE64), %edx
	wrmsr
	mov $0xc0000082, %ecx
	mov $syscall_entry, %eax
	xor %edx, %edx
	wrmsr
	mov $0xc0000083, %ecx
	mov $syscall_entry32, %eax
	wrmsr
	mov $0xc0000084, %ecx
	mov $0x200, %eax
	wrmsr
	RING3 0x202, UCODE64, user_nosce
	mov last_vector, %eax
	SAME64 "SYSCALL without SCE", 6
	mov $0xc0000080, %ecx
	rdmsr
	or $1, %eax
	wrmsr
	RING3 0x202, UCODE64, user_syscall
	mov seen_flags64, %rax
	and $0x200, %eax
	SAME64 "SYSCALL masks IF", 0
	mov seen_r11, %rax
	and $0x200, %eax
	SAME64 "R11 has it", 0x200
	mov seen_rcx, %rax
	SAME64 "RCX has the return", after_syscall
	mov seen_cs, %rax
	SAME64 "CS", CODE64
	mov seen_ss, %rax
	SAME64 "SS", CODE64+8
	mov back_cs, %rax
	SAME64 "SYSRETQ's CS", UCODE64+3
	mov back_ss, %rax
	SAME64 "SYSRETQ's SS", UDATA+3
	RING3 0x202, UCODE32, user_syscall32
	mov back_cs, %rax
	SAME64 "SYSCALL and SYSRETL of a 32-bit program", UCODE32+3
	/* SYSENTER */
	mov $0x174, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	RING3 0x202, UCODE64, user_sysenter
	mov last_vector, %eax
	SAME64 "SYSENTER without its MSR", 13
	mov $0x174, %ecx
	mov $8, %eax
	xor %edx, %edx
	wrmsr
	mov $0x175, %ecx
	mov $stack_inner, %eax
	xor %edx, %edx
	wrmsr
	mov $0x176, %ecx
	mov $sysenter_entry, %eax
	xor %edx, %edx
	wrmsr
	RING3 0x202, UCODE64, user_sysenter
	mov seen_cs, %rax
	SAME64 "SYSENTER", 8
	mov seen_r11, %rax
	SAME64 "its stack", stack_inner

	/* far transfers */
	movq $(CODE64 << 16), gdt + GATE64
	movw $gate64_target - multiboot_header, gdt + GATE64
	movl $0xec00 + 0x100000, gdt + GATE64 + 4
	movq $0, gdt + GATE64 + 8
	lcall *gate64_pointer
	mov %rbx, %rax
	SAME64 "a 64-bit call gate", 0x6464
	RING3 0x202, UCODE64, user_gate
	mov last_vector, %eax
	SAME64 "from ring 3", 0x27
	mov %r9, %rax
	SAME64 "it came to ring 0", CODE64
	lea 1f, %rax
	pushq $BADCODE
	push %rax
1:	FAULTS64 "code both 64-bit and 32-bit", 13, BADCODE, lretq
	add $16, %rsp
	pushq $0x38
	pushq $0
	FAULTS64 "far return to a task state", 13, 0x38, lretq
	add $16, %rsp
	pushf
	orl $0x4000, (%rsp)
	popf
	FAULTS64 "IRET with NT", 13, 0, iretq
	pushf
	andl $~0x4000, (%rsp)
	popf
	mov $8, %eax
	FAULTS64 "LTR of code", 13, 8, ltr %ax
	swapgs
	mov $0xc0000101, %ecx
	mov $0x55, %eax
	xor %edx, %edx
	wrmsr
	mov $0xc0000102, %ecx
	mov $0x66, %eax
	xor %edx, %edx
	wrmsr
	swapgs
	mov $0xc0000101, %ecx
	rdmsr
	SAME64 "SWAPGS", 0x66
	mov $0xc0000102, %ecx
	rdmsr
	SAME64 "and back", 0x55
	mov $3, %eax
	mov %rax, %cr8
	xor %eax, %eax
	mov %cr8, %rax
	SAME64 "CR8", 3
	mov $16, %eax
	FAULTS64 "a reserved bit of CR8", 13, 0, mov %rax, %cr8
	mov $1, %eax
	shl $32, %rax
	FAULTS64 "the upper half of CR0", 13, 0, mov %rax, %cr0
	ljmp *back_pointer

clear_pae:
	mov %cr4, %rax
	and $~0x20, %rax
	movq $1f, expected_at
1:	mov %rax, %cr4
	ret
clear_pg:
	mov %cr0, %rax
	btc $31, %rax
	movq $1f, expected_at
1:	mov %rax, %cr0
	ret
set_fs_base:
	mov $0xc0000100, %ecx
	xor %eax, %eax
	mov $0x8000, %edx
	movq $1f, expected_at
1:	wrmsr
	ret
call_rbx:
	movq $W, expected_at
	call *%rbx
	ret
gate64_target:
	mov $0x6464, %ebx
	mov %cs, %r9d
	lretq

user64:
	int $0x27
user_wide:
	mov $W, %ebx
	mov (%rbx), %rax
	int $0x27
user_nosce:
	syscall
user_syscall:
	syscall
after_syscall:
	mov %cs, %eax
	mov %rax, back_cs
	mov %ss, %eax
	mov %rax, back_ss
	int $0x27
user_sysenter:
	sysenter
	int $0x27
user_gate:
	lcall *gate64_pointer
	int $0x27
	.code32
user32:
	push %eax
	mov $UDATA + 3, %eax
	mov %eax, %ds
	mov %esp, seen_eax
	int $0x27
user_syscall32:
	mov $UDATA + 3, %eax
	mov %eax, %ds
	syscall
	mov %cs, back_cs
	int $0x27
	.code64
syscall_entry:
	mov %r11, seen_r11
	mov %rcx, seen_rcx
	mov %cs, %eax
	mov %rax, seen_cs
	mov %ss, %eax
	mov %rax, seen_ss
	mov %rsp, %r10
	mov $stack_inner, %esp
	pushf
	popq seen_flags64
	mov %r10, %rsp
	sysretq
syscall_entry32:
	sysretl
sysenter_entry:
	mov %cs, %eax
	mov %rax, seen_cs
	mov %rsp, seen_r11
	movl $0, last_vector
	mov resume_sp64, %rsp
	xor %eax, %eax
	mov %eax, %ss
	jmp *resume64

make_idt64:
	mov $idt64, %edi
	mov $stubs64, %edx
	xor %ecx, %ecx
1:	mov %edx, %eax
	and $0xffff, %eax
	or $CODE64 << 16, %eax
	stosl
	mov %edx, %eax
	and $0xffff0000, %eax
	or $0x8e00, %eax
	cmp $32, %ecx
	jb 2f
	or $0x6000, %eax
2:	stosl
	xor %eax, %eax
	stosl
	stosl
	add $16, %edx
	inc %ecx
	cmp $40, %ecx
	jb 1b
	ret

	.align 16
stubs64:
	.set vector, 0
	.rept 40
	.align 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
	.else
	pushq $0
	.endif
	pushq $vector
	jmp common64
	.set vector, vector + 1
	.endr

common64: /* vector, error, rip, cs, rflags, rsp, ss */
	push %rax
	mov 8(%rsp), %eax
	mov %eax, last_vector
	mov 16(%rsp), %eax
	mov %eax, last_error
	mov 24(%rsp), %rax
	mov %eax, last_ip
	mov 32(%rsp), %rax
	mov %rax, last_cs64
	mov 56(%rsp), %rax
	mov %rax, last_ss64
	lea 8(%rsp), %rax
	mov %rax, last_frame64
	mov %cr2, %rax
	mov %rax, last_cr2_64
	mov 8(%rsp), %rax
	cmp $32, %rax
	jb 1f
	cmp $0x27, %rax
	jne 2f
1:	mov resume_sp64, %rsp
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	jmp *resume64
2:	pop %rax
	add $16, %rsp
	iretq

print64:
1:	lodsb
	test %al, %al
	jz 2f
	outb %al, $0xe9
	jmp 1b
2:	ret
hex64: /* rdx */
	mov $16, %ecx
1:	rol $4, %rdx
	mov %dl, %al
	and $15, %al
	add $'0', %al
	cmp $'9', %al
	jbe 2f
	add $('a' - '9' - 1), %al
2:	outb %al, $0xe9
	loop 1b
	ret
good64:
	mov %esi, %edi
	mov $text_ok, %esi
	call print64
	mov %edi, %esi
	call print64
	mov $text_newline, %esi
	jmp print64
bad64: /* rdx: a value */
	mov %esi, %edi
	mov $text_fail, %esi
	call print64
	mov %edi, %esi
	call print64
	mov $text_value, %esi
	call print64
	call hex64
	mov $text_vector, %esi
	call print64
	mov last_vector, %edx
	call hex64
	mov $text_error, %esi
	call print64
	mov last_error, %edx
	call hex64
	mov $text_at, %esi
	call print64
	mov last_ip, %edx
	call hex64
	mov $text_newline, %esi
	jmp print64
same64:
	cmp %rax, %rdx
	je good64
	mov %rax, %rdx
	jmp bad64
check64: /* eax vector, edx error, ecx address or the one in expected_at */
	cmpq $0, expected_at
	je 1f
	mov expected_at, %rcx
	movq $0, expected_at
1:	cmp last_vector, %eax
	jne bad64
	cmp last_error, %edx
	jne bad64
	cmp last_ip, %ecx
	jne bad64
	jmp good64

	.data
	.align 16
idt64_pointer:
	.word 40 * 16 - 1
	.quad idt64
back_pointer:
	.long back32
	.word 8
gate64_pointer:
	.long 0
	.word GATE64
resume64: .quad 0
resume_sp64: .quad 0
expected_at: .quad 0
last_cs64: .quad 0
last_ss64: .quad 0
last_frame64: .quad 0
last_cr2_64: .quad 0
seen_eax: .quad 0
seen_flags64: .quad 0
seen_r11: .quad 0
seen_rcx: .quad 0
seen_cs: .quad 0
seen_ss: .quad 0
back_cs: .quad 0
back_ss: .quad 0
saved_sp: .quad 0
scratch64: .quad 0, 0
	.align 8
tss64:	.long 0
	.quad stack_inner, 0, 0, 0
	.quad ist1_top, ist2_top, 0, 0, 0, 0, 0, 0
	.quad 0
	.word 0, 104
	.bss
	.align 4096
idt64:	.fill 4096, 1, 0
	.fill 1024, 1, 0
ist1_top:
	.fill 1024, 1, 0
ist2_top:
	.align 4096
end_of_image:
