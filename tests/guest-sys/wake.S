/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nothing that should wake or interrupt a processor of a PC is lost. Each processor (all that answer to a STARTUP) takes thousands of turns, each of which
 * waits for one event, in HLT or in a loop without exceptions: its own timer (one-shot, TSC deadline, also in the past), the answer to an interrupt that it
 * sends to the next processor, a timer that runs out among exceptions; in between come locked operations over a page's end, which stop all
 * others, and code that changes. One lost event and the kernel never comes to its end.
 *
 *	gcc -DTURNS=n: turns of each processor
 */
#include "common.S"
#ifndef TURNS
#define TURNS 300
#endif

	.set APIC, 0xfee00000
	.set EOI, APIC + 0xb0
	.set ICR, APIC + 0x300
	.set TIMER, APIC + 0x320
	.set COUNT, APIC + 0x380
	.set CPUS, 16
	/* of each processor, at ebp */
	.set TICKS, 0
	.set PONGS, 4
	.set DONE, 8
	.set RANDOM, 12
	.set ID, 16
	.set STUB, 32                   /* code of its own: mov $n, %eax; ret */

main:
	mov $trampoline, %esi
	mov $0x8000, %edi
	mov $(trampoline_end - trampoline), %ecx
	rep movsb
	movw $(timer - multiboot_header), idt + 0x50 * 8
	movw $(ping - multiboot_header), idt + 0x51 * 8
	movw $(pong - multiboot_header), idt + 0x52 * 8
	movw $(skip - multiboot_header), idt + 6 * 8
	.irp v, 0x50, 0x51, 0x52
	movw $8, idt + \v * 8 + 2
	movl $0x00108e00, idt + \v * 8 + 4
	.endr
	movw $(256 * 8 - 1), idt_pointer
	mov $1, %eax
	cpuid
	shr $24, %ecx
	and $1, %ecx
	mov %ecx, deadline
	movl $0xc4500, ICR              /* INIT, then STARTUP at 8000, to all others */
	call soon
	movl $0xc4608, ICR
	call soon
	call soon
	xor %ebx, %ebx
	call processor
1:	pause                           /* the others answer pings to the last */
	mov finished, %eax
	cmp started, %eax
	jne 1b
	mov $name, %esi
	jmp print_good

soon:	mov $20000, %ecx
1:	pause
	inb $0x80, %al
	loop 1b
	ret

	/* ---- one processor ---- */
processor:
	lidt idt_pointer
	movl $0x1ff, APIC + 0xf0
	movl $0xb, APIC + 0x3e0         /* a count is a nanosecond */
	movl $0, APIC + 0x80
	mov APIC + 0x20, %ebx
	shr $24, %ebx
	mov %ebx, %ebp
	shl $12, %ebp                   /* a page each: code among it */
	add $cells, %ebp
	mov %ebx, ID(%ebp)
	lea 12345(%ebx), %eax
	mov %eax, RANDOM(%ebp)
	movb $0xb8, STUB(%ebp)
	movb $0xc3, STUB + 5(%ebp)
	lock incl started
	/* all begin together, more or less */
	mov $100000, %ecx
1:	pause
	loop 1b
	sti
turn:
	imul $1103515245, RANDOM(%ebp), %eax
	add $12345, %eax
	mov %eax, RANDOM(%ebp)
	mov %eax, %edi
	shr $16, %edi                   /* of the timer, not 0 */
	or $4, %edi
	shr $8, %eax
	and $7, %eax
	call *jobs(, %eax, 4)
	incl DONE(%ebp)
	cmpl $TURNS, DONE(%ebp)
	jb turn
	lock incl finished
	cmpl $0, ID(%ebp)
	jne 2f
	ret
2:	sti
	hlt
	jmp 2b

	.macro HALT_UNTIL cell          /* is not esi any more */
95:	cli
	cmp %esi, \cell(%ebp)
	jne 96f
	sti
	hlt
	jmp 95b
96:	sti
	.endm
	.macro SPIN_UNTIL cell
95:	cmp %esi, \cell(%ebp)
	je 95b
	.endm

timer_halt:
	mov TICKS(%ebp), %esi
	movl $0x50, TIMER
	mov %edi, COUNT
	HALT_UNTIL TICKS
	ret
timer_spin:
	mov TICKS(%ebp), %esi
	movl $0x50, TIMER
	mov %edi, COUNT
	SPIN_UNTIL TICKS
	ret
timer_among_exceptions:
	mov TICKS(%ebp), %esi
	movl $0x50, TIMER
	shr $2, %edi
	mov %edi, COUNT
	mov $20, %ecx
1:	ud2
	loop 1b
	SPIN_UNTIL TICKS
	ret
timer_deadline:
	cmpl $0, deadline
	je timer_halt
	mov TICKS(%ebp), %esi
	movl $0x40050, TIMER
	rdtsc
	sub $2000, %edi                 /* now and then it is over already */
	mov %edi, %ecx
	sar $31, %ecx
	add %edi, %eax
	adc %ecx, %edx
	mov $0x6e0, %ecx
	wrmsr
	HALT_UNTIL TICKS
	ret
	/* eax: the next processor's id, in the ICR */
	.macro PING
	mov ID(%ebp), %eax
	inc %eax
	cmp started, %eax
	jb 94f
	xor %eax, %eax
94:	shl $24, %eax
	cli                             /* a handler uses the ICR too */
	mov %eax, ICR + 16
	movl $0x4051, ICR
	sti
	.endm
ping_halt:
	mov PONGS(%ebp), %esi
	PING
	HALT_UNTIL PONGS
	ret
ping_spin:
	mov PONGS(%ebp), %esi
	PING
	SPIN_UNTIL PONGS
	ret
alone:
	lock incl split
	ret
change:
	mov DONE(%ebp), %eax
	mov %eax, STUB + 1(%ebp)
	lea STUB(%ebp), %ecx
	call *%ecx
	cmp DONE(%ebp), %eax
	je 1f
	mov $changed, %esi
	call print_bad
	mov $1, %al
	outb %al, $0xf4
1:	ret

	/* ---- handlers ---- */
	.macro CELLS
	push %eax
	push %ebp
	mov APIC + 0x20, %ebp
	shr $24, %ebp
	shl $12, %ebp
	add $cells, %ebp
	.endm
	.macro LEAVE
	movl $0, EOI
	pop %ebp
	pop %eax
	iret
	.endm
timer:	CELLS
	incl TICKS(%ebp)
	LEAVE
pong:	CELLS
	incl PONGS(%ebp)
	LEAVE
ping:	CELLS                           /* from the one before this */
	mov ID(%ebp), %eax
	test %eax, %eax
	jnz 1f
	mov started, %eax
1:	dec %eax
	shl $24, %eax
	mov %eax, ICR + 16
	movl $0x4052, ICR
	LEAVE
skip:	addl $2, (%esp)
	iret

	/* ---- the others' start, at 8000 ---- */
	.code16
trampoline:
	cli
	xor %ax, %ax
	mov %ax, %ds
	lgdtl 0x8000 + ap_gdt - trampoline
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $8, $ap_start
	.align 4
ap_gdt:	.word gdt_end - gdt - 1
	.long gdt
trampoline_end:
	.code32
ap_start:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov APIC + 0x20, %eax
	shr $24, %eax
	shl $10, %eax
	lea stacks + 1024(%eax), %esp
	jmp processor

	.section .rodata
name:	.asciz "every processor came through its turns"
changed:.asciz "changed code is the new code"
	.data
	.align 4
jobs:	.long timer_halt, timer_spin, timer_among_exceptions, timer_deadline, ping_halt, ping_spin, alone, change
deadline: .long 0
started: .long 0
finished: .long 0
	.bss
	.align 4096
	.fill 4094, 1, 0
split:	.fill 4098, 1, 0
cells:	.fill 4096 * CPUS, 1, 0
stacks:	.fill 1024 * CPUS, 1, 0
end_of_image:
