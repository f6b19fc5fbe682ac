/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected mode, faults, a trip to real mode and back, one into long mode: the ground that the other kernels stand on. */
#include "common.S"

main:
	mov $0x12345678, %eax
	SAME "arithmetic", 0x12345678
	FAULTS "divide error", 0, 0, divl zero
	FAULTS "undefined opcode", 6, 0, ud2
	TRAPS "breakpoint", 3, 0, int3
	FAULTS "null data segment", 13, 0, mov %fs:0, %eax
	FAULTS "selector beyond the table", 13, 0x1000, mov selector_beyond, %fs
	TRAPS "software interrupt", 0x21, 0, int $0x21
	call real_mode
	mov real_result, %eax
	SAME "real mode was there", 0xbeef
	/* Instructions over pages' ends: each stays itself when many others have been met. */
	mov $0x200fff, %edi
	mov $100, %ecx
1:	movl $0xc3e3200f, (%edi)        /* mov %cr4, %ebx; ret */
	add $0x1000, %edi
	loop 1b
	movl $0xc3c0200f, 0x200fff      /* mov %cr0, %eax; ret */
	mov $0x200fff, %edi
	call *%edi
	mov %eax, %esi
	mov $99, %ecx
1:	add $0x1000, %edi
	call *%edi
	loop 1b
	mov $0x200fff, %edi
	mov $1000, %eax
	call *%edi
	cmp %eax, %esi
	CHECK "an instruction over a page's end stays itself", e
	ret

real_mode:
	pusha
	mov %esp, saved_sp
	mov $real_code, %esi
	mov $0x8000, %edi
	mov $(real_end - real_code), %ecx
	rep movsb
	ljmp $0x18, $(0x8000 + in16 - real_code)
back32:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov saved_sp, %esp
	lidt idt_pointer
	popa
	ret

real_code:
	.code16
in16:
	mov $0x20, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov %cr0, %eax
	and $0xfffffffe, %eax
	mov %eax, %cr0
	ljmp $0x800, $(now_real - real_code)
now_real:
	xor %ax, %ax
	mov %ax, %ss
	mov $0x7000, %sp
	mov %ax, %ds
	lidtl %cs:(real_idt - real_code)
	/* vector 0x40 to 0800:handler */
	movw $(real_handler - real_code), 0x100
	movw $0x800, 0x102
	int $0x40
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	data32 ljmp $0x08, $back32
real_handler:
	push %ds
	push %eax
	mov $0x1000, %ax
	mov %ax, %ds
	movl $0xbeef, 0x0000
	pop %eax
	pop %ds
	iret
	.align 4
real_idt:
	.word 0x3ff
	.long 0
	.code32
real_end:

	.set real_result, 0x10000
	.data
zero:		.long 0
saved_sp:	.long 0
selector_beyond: .word 0x1000
end_of_data:
	.bss
	.align 4096
end_of_image:
