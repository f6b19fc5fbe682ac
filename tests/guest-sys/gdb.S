/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel to be debugged (tests/glue/cpu-gdb.sh), as firmware: it begins at the reset vector, copies itself to 0x8000, where its symbols are, and
 * goes through real, protected and long mode to a program in user mode. Nothing happens in it that depends on time, but at the labels that say so.
 *
 *	gcc -c -o gdb.o gdb.S && ld -n -Ttext 0x8000 -e reset -o gdb.elf gdb.o && objcopy -O binary gdb.elf gdb.bin
 *	qemu-system-x86_64 -bios gdb.bin -debugcon stdio -device isa-debug-exit,iobase=0xf4,iosize=4
 *
 * Memory: 0x7000 the stack, 0x20000 to 0x27fff page tables, 0x30000 and 0x31000 two pages of code that change places at virtual 0x400000.
 */
	.macro FUNCTION name
	.type \name, @function
	.globl \name
\name:
	.endm
	.macro OBJECT name
	.type \name, @object
	.globl \name
\name:
	.endm
	.set TABLES, 0x20000
	.set VIRTUAL, 0x400000
	.text
	/* ---- the second processor begins here (STARTUP with vector 8) ---- */
	.code16
FUNCTION second_start
	xor %ax, %ax
	mov %ax, %ds
	movl $0x5ec0d, %ebx
FUNCTION second_loop
	incl second_count
	hlt
	jmp second_loop

	/* ---- real mode ---- */
FUNCTION real_start
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7000, %sp
	mov $3, %cx
1:	call real_count
	loop 1b
	/* the same code by another segment: 0800:x is 0000:8000 + x */
	lcall $0x800, $(real_far - 0x8000)
	lgdt gdt_pointer
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmp $0x08, $protected_start

FUNCTION real_count
	incl counter
	ret

FUNCTION real_far
	mov $0x1234, %ax
	lret

	/* ---- protected mode ---- */
	.code32
FUNCTION protected_start
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0x7000, %esp
	lidt idt32_pointer
	call watched_writes
	call watched_reads
	call own_breakpoint
	call floats
	call interrupts
	call start_second
	call make_tables
	/* 32-bit paging first: the address behind the segment stays, the page changes */
	call paging_changes
	jmp long_enter

FUNCTION watched_writes
	movl $1, variable
	nop
	movl $1, variable
	addl $5, variable
	mov $text, %esi
	mov $buffer, %edi
	mov $12, %ecx
	rep movsb
	nop
	ret

FUNCTION watched_reads
	mov variable, %eax
	nop
	mov variable + 4, %ebx
	nop
	xchg %eax, variable
	nop
	ret

	/* The guest's own debug registers: a breakpoint of its own at own_here, and a watchpoint on `owned`; the handler counts. */
FUNCTION own_breakpoint
	mov $own_here, %eax
	mov %eax, %dr0
	mov $owned, %eax
	mov %eax, %dr1
	mov $0x00d00405, %eax
	mov %eax, %dr7
	nop
FUNCTION own_here
	nop
	movl $7, owned
FUNCTION own_done
	nop
	xor %eax, %eax
	mov %eax, %dr7
	mov debug_count, %eax
FUNCTION own_end
	ret

FUNCTION debug_handler
	incl debug_count
	orl $0x10000, 8(%esp) /* RF */
	iret

FUNCTION floats
	mov %cr4, %eax
	or $0x600, %eax
	mov %eax, %cr4
	fninit
	fldpi
	fld1
	mov $0x3f800000, %eax
	movd %eax, %xmm1
FUNCTION floats_done
	nop
	ret

	/* An interrupt waits with IF clear; then it may come. What a step does depends on its mask. */
FUNCTION interrupts
	mov $0x11, %al
	outb %al, $0x20
	mov $0x20, %al
	outb %al, $0x21
	mov $0x04, %al
	outb %al, $0x21
	mov $0x01, %al
	outb %al, $0x21
	mov $0xfe, %al
	outb %al, $0x21
	mov $0x30, %al /* counter 0 once, in mode 0 */
	outb %al, $0x43
	mov $0x80, %al
	outb %al, $0x40
	xor %al, %al
	outb %al, $0x40
FUNCTION interrupt_poll
1:	mov $0x0a, %al /* IRR */
	outb %al, $0x20
	inb $0x20, %al
	test $1, %al
	jz 1b
FUNCTION interrupt_waits
	nop
	sti
	nop
	nop
	nop
FUNCTION interrupt_came
	cli
	mov $0xff, %al
	outb %al, $0x21
	ret

FUNCTION timer_handler
	push %eax
	incl ticks
	mov $0x20, %al
	outb %al, $0x20
	pop %eax
	iret

	/* INIT, STARTUP by the local APIC; waits until the other one has come (or there is none). */
FUNCTION start_second
	cmpl $0, want_second
	je 2f
	movl $0xc4500, 0xfee00300
	mov $100000, %ecx
1:	pause
	loop 1b
	movl $0xc4608, 0xfee00300
1:	pause
	cmpl $0, second_count
	je 1b
FUNCTION second_came
	nop
2:	ret

	/* Two sets: 4-level ones with 2 MiB at 0, user too, and a page at VIRTUAL; 32-bit ones of the same. */
FUNCTION make_tables
	mov $TABLES, %edi
	xor %eax, %eax
	mov $0x2000, %ecx
	rep stosl
	movl $(TABLES + 0x1007), TABLES              /* PML4 */
	movl $(TABLES + 0x1007), TABLES + 0x800      /* entry 256: the upper half */
	movl $(TABLES + 0x2007), TABLES + 0x1000     /* PDPT */
	movl $0x87, TABLES + 0x2000                  /* PD: 2 MiB at 0 */
	movl $(TABLES + 0x3007), TABLES + 0x2010     /* PD entry 2: 4 MiB up */
	movl $0x30007, TABLES + 0x3000               /* PT */
	movl $(TABLES + 0x5007), TABLES + 0x4000     /* 32-bit PD: 4 MiB at 0 by a table */
	movl $(TABLES + 0x6007), TABLES + 0x4004
	movl $0x30007, TABLES + 0x6000
	mov $(TABLES + 0x5000), %edi
	mov $7, %eax
	mov $1024, %ecx
1:	stosl
	add $4096, %eax
	loop 1b
	/* mov $imm, %eax; ret, as everywhere */
	movl $0x000001b8, 0x30000
	movl $0x0000c300, 0x30004
	movl $0x000002b8, 0x31000
	movl $0x0000c300, 0x31004
	ret

FUNCTION paging_changes
	mov $(TABLES + 0x4000), %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	mov $VIRTUAL, %edx
	call *%edx
	movl $0x31007, TABLES + 0x6000
	invlpg VIRTUAL
	call *%edx
FUNCTION paging_changed
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	ret

	/* ---- long mode ---- */
FUNCTION long_enter
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $TABLES, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	ljmp $0x18, $long_start

	.code64
FUNCTION long_start
	mov $0x1122334455667788, %rax
	mov $0x7000, %rsp
	mov %rax, %r15
	lidt idt64_pointer(%rip)
	/* the upper half */
	mov $0xffff800000000000, %rbx
	lea high_half(%rip), %rax
	add %rbx, %rax
	jmp *%rax
FUNCTION high_half
	mov $VIRTUAL, %edx
	call *%rdx
	mov $0x28, %eax
	ltr %ax
	mov $user_count, %eax
	/* to user mode */
	pushq $0x43
	pushq $0x6000
	pushq $0x2
	pushq $0x3b
	pushq $user_start
	iretq

FUNCTION user_start
	mov $5, %ecx
1:	call user_count
	loop 1b
	int $0x30
FUNCTION user_back
	nop
	mov $1, %edi
	int $0x30

FUNCTION user_count
	incq user_total
	ret

FUNCTION gate
	cmp $1, %edi
	je done
	iretq

	/* The end, and for who wants to find it running: a loop without one. */
FUNCTION done
	cmpl $0, want_loop
	jne forever
	xor %eax, %eax
	outb %al, $0xf4
FUNCTION forever
	incq forever_count
	pause
	jmp forever

	/* ---- data ---- */
	.align 16
OBJECT counter
	.long 0
OBJECT variable
	.long 0, 0x99
OBJECT owned
	.long 0
OBJECT debug_count
	.long 0
OBJECT ticks
	.long 0
OBJECT second_count
	.long 0
OBJECT want_second
	.long 0
OBJECT want_loop
	.long 0
	.align 8
OBJECT user_total
	.quad 0
OBJECT forever_count
	.quad 0
OBJECT text
	.ascii "abcdefghijkl"
OBJECT buffer
	.skip 16

	.align 16
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* 08 code, 32 bits */
	.quad 0x00cf93000000ffff /* 10 data */
	.quad 0x00af9b000000ffff /* 18 code, 64 bits */
	.quad 0x00cf93000000ffff /* 20 */
	.quad 0x0000890000000067 + ((tss - text_start + 0x8000) << 16), 0 /* 28 TSS */
	.quad 0x00affb000000ffff /* 38 user's code */
	.quad 0x00cff3000000ffff /* 40 user's data */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
	.align 16
tss:
	.long 0
	.quad 0x6800
	.skip 104 - 12
	.align 16
	.macro GATE32 target
	.word \target - text_start + 0x8000, 0x08, 0x8e00, 0
	.endm
idt32:
	.skip 8
	GATE32 debug_handler
	.skip 8 * 30
	GATE32 timer_handler
idt32_end:
idt32_pointer:
	.word idt32_end - idt32 - 1
	.long idt32
	.align 16
idt64:
	.skip 16 * 0x30
	.word gate - text_start + 0x8000, 0x18, 0xee00, 0
	.quad 0
idt64_end:
idt64_pointer:
	.word idt64_end - idt64 - 1
	.quad idt64
	.set text_start, second_start

	/* ---- the reset vector ---- */
	.code16
	.org 0xff00
FUNCTION copy
	cld
	mov %cs, %ax
	mov %ax, %ds
	xor %si, %si
	mov $0x800, %ax
	mov %ax, %es
	xor %di, %di
	mov $0x4000, %cx
	rep movsw
	ljmp $0, $real_start
	.org 0xfff0
FUNCTION reset
	.byte 0xea /* ljmp $0xf000, $0xff00 */
	.word 0xff00, 0xf000
	.org 0xffff
	.byte 0
