/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An interrupt that another thread raises while the processor is between exceptions is not lost. Each turn asks for one (port 515), raises some
 * exceptions and then waits for it in a loop with neither an exception nor a change of IF, where nothing but the interrupt
 * itself can make the processor look. That the line was raised is seen by port 515; so many turns of the loop later
 * the interrupt must have come.
 */
#include "common.S"

main:
	movw $(handler - multiboot_header), idt + 0x26 * 8
	movw $(skip - multiboot_header), idt + 6 * 8
	sti
	xor %ebx, %ebx
turn:
	movl $0, came
	mov $0x515, %edx
	mov $1, %al
	outb %al, %dx
	mov %ebx, %ecx
	and $15, %ecx
	inc %ecx
1:	ud2
	loop 1b
wait:
	mov $10000, %ecx
2:	cmpl $0, came
	jne next
	loop 2b
	inb %dx, %al
	test %al, %al
	jz wait
	mov $10000, %ecx /* it was raised; nothing else has to happen */
3:	cmpl $0, came
	jne next
	loop 3b
	mov $name, %esi
	mov %ebx, seen
	call print_bad
	ret
next:
	inc %ebx
	inb %dx, %al /* 2: that is enough */
	cmp $2, %al
	jb turn
	mov $name, %esi
	call print_good
	ret

handler:
	movl $1, came
	iret
skip:
	addl $2, (%esp)
	iret

	.section .rodata
name:	.asciz "no interrupt is lost between two exceptions"
	.data
came:	.long 0
end_of_image:
