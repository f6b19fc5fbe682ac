/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest sees of counted time: the time-stamp counter around pieces of code whose instructions are known, the 8254's interrupts in a loop that
 * counts, HLT. Each line is a name and a number in hexadecimal; tests/glue/cpu-icount.sh knows what they must be, and that they are the same each time.
 */
#include "common.S"

	.set TICKS, 20

	.macro SHOW name
	.pushsection .data
77:	.asciz "\name "
	.popsection
	push %eax
	mov $77b, %esi
	call print
	pop %eax
	call print_hex
	mov $text_newline, %esi
	call print
	.endm

	/* The low half of the counter into ESI, and what it has become into EAX. */
	.macro BEGIN
	rdtsc
	mov %eax, %esi
	.endm
	.macro END name
	rdtsc
	sub %esi, %eax
	SHOW "\name"
	.endm

main:
	BEGIN
	.rept 100
	nop
	.endr
	END "nops"

	BEGIN
	mov $1000000, %ecx
1:	dec %ecx
	jnz 1b
	END "loop"

	BEGIN
	mov $10000, %ecx
1:	call subroutine
	testb $3, %cl
	jnz 2f
	incl counter
2:	loop 1b
	END "calls"

	BEGIN
	push %esi
	mov $4096, %ecx
	mov $0x200000, %esi
	mov $0x300000, %edi
	rep movsb
	mov $1024, %ecx
	mov $0x200000, %esi
	mov $0x300000, %edi
	repe cmpsl
	pop %esi
	END "strings"

	/* faults: each counts what led to it and its handler, not itself */
	BEGIN
	push %esi
	mov $50, %ebx
1:	movl $2f, resume
	mov %esp, resume_sp
	ud2
2:	dec %ebx
	jnz 1b
	pop %esi
	END "faults"

	/* IRQ 0 to vector 20 */
	mov $0x11, %al
	outb %al, $0x20
	mov $0x20, %al
	outb %al, $0x21
	mov $4, %al
	outb %al, $0x21
	mov $1, %al
	outb %al, $0x21
	mov $0xfe, %al
	outb %al, $0x21
	mov $tick, %eax
	mov %ax, idt + 8 * 0x20
	shr $16, %eax
	mov %ax, idt + 8 * 0x20 + 6
	mov $0x34, %al /* counter 0, mode 2: 11932 clocks, 10 ms */
	outb %al, $0x43
	mov $0x9c, %al
	outb %al, $0x40
	mov $0x2e, %al
	outb %al, $0x40
	xor %ecx, %ecx
	xor %edx, %edx
	sti
1:	inc %ecx
	cmpl $TICKS, ticks
	jb 1b
	mov %ecx, %eax
	SHOW "busy"
	mov sum, %eax
	SHOW "moments"

	movl $0, ticks
	movl $0, sum
1:	sti
	hlt
	cmpl $TICKS, ticks
	jb 1b
	cli
	mov sum, %eax
	SHOW "halted"

	/* The counter as it is read out, while instructions of all kinds pass. */
	mov $500, %ebx
	xor %edi, %edi
1:	xor %eax, %eax
	outb %al, $0x43
	inb $0x40, %al
	mov %al, %ah
	inb $0x40, %al
	rol $1, %edi
	add %eax, %edi
	mov %ebx, %ecx
2:	loop 2b
	dec %ebx
	jnz 1b
	mov %edi, %eax
	SHOW "read out"
	ret

subroutine:
	push %ebx
	imul $3, %ecx, %ebx
	mov %ebx, counter + 4
	pop %ebx
	ret

	/* Mixes in where the busy loop was, and when. */
tick:
	push %eax
	push %edx
	rdtsc
	roll $1, sum
	add %eax, sum
	add %ecx, sum
	incl ticks
	mov $0x20, %al
	outb %al, $0x20
	pop %edx
	pop %eax
	iret

	.data
	.align 8
counter:
	.long 0, 0
ticks:
	.long 0
sum:
	.long 0
	.bss
	.globl end_of_image
end_of_image:
