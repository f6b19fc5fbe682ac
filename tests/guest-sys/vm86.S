/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual-8086 mode (SDM volume 3, chapter 20) with and without VME, protected-mode virtual interrupts, and ports: IOPL, the permission
 * bitmap, INS and OUTS (SDM volume 1, chapter 19).
 */
#include "common.S"

	/* where the 8086 program lies */
	.set V86, 0x8000

	/* Starts the 8086 program at `label` with these flags; it comes back by a fault. */
	.macro RUN86 label, flags
	movl $-1, last_vector
	movl $88f, resume
	mov %esp, resume_sp
	pushl $0x1111      /* gs fs ds es ss */
	pushl $0x2222
	pushl $0x0900
	pushl $0x0a00
	pushl $0x0700
	pushl $0x0ff0
	pushl $(0x20000|\flags)
	pushl $(V86>>4)
	pushl $(\label-program)
	iret
88:
	.endm
	.macro CAME name, vec, error, at
	mov $89f, %esi
	mov $\vec, %eax
	mov $\error, %edx
	mov $(\at-program), %ecx
	call check_fault
	.section .rodata
89:	.asciz "\name"
	.text
	.endm

main:
	call load_tss
	mov $program, %esi
	mov $V86, %edi
	mov $(program_end - program), %ecx
	rep movsb
	/* vector 0x60 of the 8086's own table: 0800:handler86 */
	movw $(handler86 - program), 0x60 * 4
	movw $(V86 >> 4), 0x60 * 4 + 2

	RUN86 v_ud, 0x3202
	CAME "a fault in an 8086 program", 6, 0, v_ud
	mov last_cs, %eax
	SAME "its paragraph", V86>>4
	mov last_flags, %eax
	and $0x23200, %eax
	SAME "VM, IOPL and IF are in the image", 0x23200
	mov last_frame, %ebx
	mov 40(%ebx), %eax
	SAME "ES", 0x0a00
	mov 44(%ebx), %eax
	SAME "DS", 0x0900
	mov 48(%ebx), %eax
	SAME "FS", 0x2222
	mov 52(%ebx), %eax
	SAME "GS", 0x1111
	mov %fs, %eax
	SAME "which are null in the handler", 0
	RUN86 v_work, 0x3202
	CAME "an 8086 program that runs", 6, 0, v_work_end
	mov 0x9010, %eax
	and $0xffff, %eax
	SAME "wrote through DS", 0x8086
	mov 0xa020, %eax
	SAME "and through ES", 0x12348086
	RUN86 v_limit, 0x3202
	CAME "an offset beyond 64K", 13, 0, v_limit_at
	RUN86 v_stack, 0x3202
	CAME "a stack access over the edge", 12, 0, v_stack_at
	RUN86 v_lldt, 0x3202
	CAME "LLDT is undefined", 6, 0, v_lldt
	RUN86 v_lar, 0x3202
	CAME "LAR is undefined", 6, 0, v_lar
	RUN86 v_hlt, 0x3202
	CAME "HLT is privileged", 13, 0, v_hlt
	RUN86 v_cr0, 0x3202
	CAME "MOV CR0 is privileged", 13, 0, v_cr0
	/* IOPL 3: everything, through the IDT */
	RUN86 v_int, 0x3202
	mov last_vector, %eax
	SAME "INT with IOPL 3 goes through the IDT", 0x27
	RUN86 v_cli, 0x3202
	CAME "CLI, STI, PUSHF, POPF, IRET with IOPL 3", 6, 0, v_cli_end
	/* IOPL 0 */
	RUN86 v_cli, 0x202
	CAME "CLI with IOPL 0", 13, 0, v_cli
	RUN86 v_int, 0x202
	CAME "INT with IOPL 0", 13, 0, v_int
	RUN86 v_pushf, 0x202
	CAME "PUSHF with IOPL 0", 13, 0, v_pushf
	RUN86 v_popf, 0x202
	CAME "POPF with IOPL 0", 13, 0, v_popf
	RUN86 v_iret, 0x202
	CAME "IRET with IOPL 0", 13, 0, v_iret
	RUN86 v_int3, 0x202
	mov last_vector, %eax
	SAME "INT3 is not IOPL's", 3
	/* VME */
	mov %cr4, %eax
	or $1, %eax
	mov %eax, %cr4
	movw $104 + 32, tss + 102
	RUN86 v_int60, 0x202
	CAME "VME: INT through the 8086's table", 6, 0, v_int60_end
	mov 0x9030, %eax
	and $0xffff, %eax
	SAME "VME: its image has IF from VIF, IOPL 3", 0x3002
	movb $1, tss + 104 + 12      /* vector 60: through the IDT */
	RUN86 v_int60, 0x202
	CAME "VME: a bit of the bitmap gives it to the kernel", 13, 0, v_int60
	movb $0, tss + 104 + 12
	RUN86 v_cli, 0x80202
	CAME "VME: CLI, STI and 16-bit PUSHF, POPF, IRET work on VIF", 6, 0, v_cli_end
	mov last_flags, %eax
	and $0x80200, %eax
	SAME "VME: VIF is as the program left it, IF untouched", 0x80200
	RUN86 v_sti, 0x100202
	CAME "VME: STI with an interrupt pending", 13, 0, v_sti
	RUN86 v_popfd, 0x202
	CAME "VME: POPFD is the kernel's", 13, 0, v_popfd
	mov %cr4, %eax
	and $~1, %eax
	or $2, %eax
	mov %eax, %cr4
	/* PVI */
	movw $104, tss + 102
	USER "PVI: CLI and STI in ring 3", 0x202, call user_vif
	mov last_flags, %eax
	and $0x80200, %eax
	SAME "PVI: work on VIF", 0x80200
	mov %cr4, %eax
	and $~2, %eax
	mov %eax, %cr4

	/* ports */
	movw $104, tss + 102
	movb $0xff, tss + 104 + 8192
	mov $0x500, %edx
	USER "a port that the bitmap allows", 0x202, outb %al, %dx
	movb $1, tss + 104 + 0x500 / 8
	mov $0x500, %edx
	FAULTS3 "one that it does not", 13, 0, 0x202, outb %al, %dx
	mov $0x501, %edx
	USER "its neighbour", 0x202, inb %dx, %al
	mov $0x4ff, %edx
	FAULTS3 "a word that reaches it", 13, 0, 0x202, inw %dx, %ax
	mov $0x500, %edx
	USER "IOPL 3 needs no bitmap", 0x3202, inl %dx, %eax
	RUN86 v_in, 0x3202
	CAME "virtual-8086 mode always looks", 13, 0, v_in_at
	movw $0xffff, tss + 102
	mov $0x501, %edx
	FAULTS3 "no bitmap, no port", 13, 0, 0x202, inb %dx, %al
	FAULTS3 "and no OUTS", 13, 0, 0x202, outsb
	/* strings of the ports: e9 is everywhere */
	mov $text, %esi
	mov $0xe9, %edx
	mov $3, %ecx
	rep outsb
	cmp $text + 3, %esi
	CHECK "rep outsb", e
	mov $scratch, %edi
	mov $2, %ecx
	mov $0xe9, %edx
	rep insb
	mov scratch, %eax
	SAME "rep insb", 0xe9e9
	mov $7, %ecx
	mov $scratch + 8, %edi
	std
	rep insb
	cld
	mov scratch, %eax
	SAME "downwards", 0xe9e9e9e9
	ret

user_vif:
	cli
	sti
	ret

	.align 16
program:
	.code16
v_ud:	ud2
v_work:	movw $0x8086, 0x10
	mov $0x8086, %ax
	mov %ax, %es:0x20
	movw $0x1234, %es:0x22
	push %ax
	pop %bx
	call 1f
v_work_end:
	ud2
1:	ret
v_limit:
	mov $0x10000, %ebx
v_limit_at:
	mov (%ebx), %al
v_stack:
	mov $1, %sp
v_stack_at:
	push %ax
v_lldt:	lldt %ax
v_lar:	lar %ax, %ax
v_hlt:	hlt
v_cr0:	mov %cr0, %eax
v_int:	int $0x27
v_int3:	int3
v_cli:	cli
	sti
	pushf
	popf
	pushf
	push %cs
	push $(1f - program)
	iret
1:
v_cli_end:
	ud2
v_sti:	sti
v_pushf: pushf
	ud2
v_popf:	popf
v_iret:	iret
v_popfd: popfl
v_int60: int $0x60
v_int60_end:
	ud2
v_in:	mov $0x500, %dx
v_in_at: in %dx, %al
handler86:
	mov %sp, %bp
	mov 4(%bp), %ax
	and $0x3202, %ax
	mov %ax, 0x30
	iret
	.code32
program_end:

	.data
text:	.ascii "ok "
	.ascii "no"
scratch: .quad 0, 0
	.bss
	.align 4096
end_of_image:
