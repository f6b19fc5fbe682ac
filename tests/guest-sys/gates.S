/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control transfers between privileges in protected mode (SDM volume 3, 5.8, 6.12, 6.14): call gates, returns, interrupt gates,
 * IRET's checks, double faults through a task gate, task switches of both sizes.
 */
#include "common.S"

	.set GATE32, 0x40      /* to ring 0, two parameters, DPL 3 */
	.set GATE16, 0x48
	.set GATE_DPL0, 0x50
	.set GATE_ABSENT, 0x58
	.set TSS2, 0x60
	.set TSS16, 0x68
	.set TASK_GATE, 0x70
	.set TSS_DF, 0x78
	.set GATE_SAME, 0x88
	.set TSS_SHORT, 0x90
	.set ABSENT, 0x98
	.set TSS_ABSENT, 0xb0
	.set TASK_GATE_ABSENT, 0xb8
	.set TASK_GATE_BAD, 0xc0

	.macro GATE selector, target, offset, params, attr
	movl $((\target << 16)), gdt + \selector
	movw $(\offset - multiboot_header), gdt + \selector
	movw $((\attr << 8) | \params), gdt + \selector + 4
	movw $((0x100000 >> 16)), gdt + \selector + 6
	.endm

main:
	call load_tss
	mov $inner, %eax
	GATE GATE32, 8, inner, 2, 0xec
	GATE GATE16, 8, inner16, 1, 0xe4
	movw $0, gdt + GATE16 + 6
	GATE GATE_DPL0, 8, inner, 0, 0x8c
	GATE GATE_ABSENT, 8, inner, 0, 0x6c
	GATE GATE_SAME, 8, same_level, 0, 0x8c
	DESCRIPTOR TSS2, tss2, 103, 0x0089
	DESCRIPTOR TSS16, tss16, 43, 0x0081
	DESCRIPTOR TSS_DF, tss_df, 103, 0x0089
	DESCRIPTOR TSS_SHORT, tss2, 0x40, 0x0089
	DESCRIPTOR TSS_ABSENT, tss2, 103, 0x0009
	movl $(TSS2 << 16), gdt + TASK_GATE_ABSENT
	movl $0x6500, gdt + TASK_GATE_ABSENT + 4
	movl $(8 << 16), gdt + TASK_GATE_BAD
	movl $0xe500, gdt + TASK_GATE_BAD + 4
	DESCRIPTOR ABSENT, 0, 0xfffff, 0xc013
	DESCRIPTOR CODE16K, 0x100000, 0xffff, 0x009b
	movl $(TSS2 << 16), gdt + TASK_GATE
	movl $0xe500, gdt + TASK_GATE + 4
	/* vector 8 is a task */
	movl $(TSS_DF << 16), idt + 64
	movl $0x8500, idt + 68

	/* interrupts from ring 3 change the stack */
	USER "an interrupt from ring 3", 0x202, nop
	mov last_ss, %eax
	SAME "pushes the old stack segment", 0x33
	mov last_sp, %eax
	SAME "and the old stack pointer", user_stack_top
	mov last_cs, %eax
	SAME "and the code segment", 0x2b
	mov last_frame, %eax
	SAME "on ring 0's stack", stack_inner-40
	FAULTS3 "a fault in ring 3", 6, 0, 0x202, ud2

	/* gates of the IDT */
	andb $0x7f, idt + 0x22 * 8 + 5
	FAULTS "an absent gate", 11, 0x112, int $0x22
	FAULTS "a gate beyond the table", 13, 0x402, int $0x80
	movw $0x10, idt + 0x23 * 8 + 2
	FAULTS "a gate to data", 13, 0x10, int $0x23
	movw $0, idt + 0x24 * 8 + 2
	FAULTS "a gate to null", 13, 0, int $0x24
	movw $0x28, idt + 0x25 * 8 + 2
	FAULTS "a gate to an outer level", 13, 0x28, int $0x25
	movw $ABSENT, idt + 0x25 * 8 + 2
	FAULTS "a gate to a segment that is no code", 13, ABSENT, int $0x25

	/* interrupt gates clear IF, trap gates do not */
	sti
	int $0x20
	cli
	mov last_flags, %eax
	and $0x200, %eax
	SAME "IF in the image", 0x200
	movl $probe_flags, %eax
	mov %ax, idt + 0x26 * 8
	shr $16, %eax
	mov %ax, idt + 0x26 * 8 + 6
	sti
	int $0x26
	pushf
	pop %edx
	cli
	mov seen_flags, %eax
	and $0x200, %eax
	SAME "IF in an interrupt gate", 0
	mov %edx, %eax
	and $0x200, %eax
	SAME "IF after IRET", 0x200
	orb $1, idt + 0x26 * 8 + 5
	sti
	int $0x26
	cli
	mov seen_flags, %eax
	and $0x200, %eax
	SAME "IF in a trap gate", 0x200

	/* call gates */
	lcall $GATE_SAME, $0x12345678
	SAME "a call gate of the same level", 0x5a5e
	USER "a call gate to ring 0", 0x202, call through_gate
	mov inner_cs, %eax
	SAME "runs in ring 0", 8
	mov inner_a, %eax
	SAME "its first parameter", 0x1111
	mov inner_b, %eax
	SAME "its second parameter", 0x2222
	mov inner_esp, %eax
	SAME "the caller's stack pointer", user_stack_top-12
	mov inner_ss, %eax
	SAME "the caller's stack segment", 0x33
	mov after_esp, %eax
	SAME "lret n takes the parameters away", user_stack_top-4
	FAULTS3 "a gate of ring 0", 13, GATE_DPL0, 0x202, lcall $GATE_DPL0, $0
	FAULTS3 "an absent gate for ring 3", 11, GATE_ABSENT, 0x202, lcall $GATE_ABSENT, $0
	FAULTS3 "a jump through a gate to an inner level", 13, 8, 0x202, ljmp $GATE32, $0

	/* returns */
	pushl $0x10
	pushl $0
	FAULTS "far return to data", 13, 0x10, lret
	add $8, %esp
	pushl $0
	pushl $0
	FAULTS "far return to null", 13, 0, lret
	movl $0x2b - 3, 4(%esp)
	FAULTS "far return to code of an outer level with RPL 0", 13, 0x28, lret
	add $8, %esp
	pushl $0x10
	pushl $0
	pushl $0x202
	pushl $0x2b
	pushl $0
	FAULTS "iret to ring 3 with ring 0's stack", 13, 0x10, iret
	add $20, %esp
	pushl $0x13
	pushl $0
	pushl $0x2b
	pushl $0
	FAULTS "far return to ring 3 with ring 0's stack", 13, 0x10, lret
	movl $0, 12(%esp)
	FAULTS "far return to ring 3 with a null stack segment", 13, 0, lret
	add $16, %esp
	pushl $2
	pushl $ABSENT
	pushl $0
	FAULTS "iret to an absent segment", 13, ABSENT, iret
	add $12, %esp

	/* outer levels lose what they may not have */
	mov $0x10, %eax
	mov %eax, %fs
	mov $0x33, %eax
	mov %eax, %gs
	USER "iret to ring 3", 0x202, call show_fs_gs
	mov seen_fs, %eax
	SAME "clears a kernel segment", 0
	mov seen_gs, %eax
	SAME "and keeps a user segment", 0x33

	/* double fault: the handler of #NP is absent */
	movl $8f, tss_df + 0x20
	mov tss_esp_df, %eax
	mov %esp, saved_sp
	andb $0x7f, idt + 11 * 8 + 5
	andb $0x7f, idt + 13 * 8 + 5
	mov $ABSENT, %eax
7:	mov %eax, %fs
8:	/* in the double fault's task */
	mov saved_sp, %esp
	orb $0x80, idt + 11 * 8 + 5
	orb $0x80, idt + 13 * 8 + 5
	str %eax
	SAME "a double fault arrives by its task", TSS_DF
	mov tss + 0x20, %eax
	SAME "the first fault's address is in the old task", 7b
	movzwl tss_df, %eax
	SAME "the link leads back", 0x38
	pushf
	pop %eax
	and $0x4000, %eax
	SAME "NT is set", 0x4000
	mov %cr0, %eax
	and $8, %eax
	SAME "TS is set", 8
	testb $2, gdt + 0x38 + 5
	CHECK "the old task stays busy", nz
	movl $9f, tss + 0x20
	mov %esp, tss + 0x38
	iret
9:	str %eax
	SAME "IRET returns to the task", 0x38
	testb $2, gdt + TSS_DF + 5
	CHECK "the inner task is available again", z
	clts

	/* task switches */
	mov %esp, saved_sp
	movl $1f, task2_return
	movl $task2, tss2 + 0x20
	ljmp $TSS2, $0
1:	mov saved_sp, %esp
	mov task_seen, %eax
	SAME "a jump to a task state", TSS2
	testb $2, gdt + TSS2 + 5
	CHECK "a jump leaves the old task available", z
	movl $task2, tss2 + 0x20
	lcall $TASK_GATE, $0
	SAME "a call through a task gate, and IRET", 0x38
	movzwl tss2, %eax
	SAME "with a link", 0x38
	testb $2, gdt + TSS2 + 5
	CHECK "which IRET undoes", z
	FAULTS "a task state that is too short", 10, TSS_SHORT, ljmp $TSS_SHORT, $0
	FAULTS "a jump to the busy task", 13, 0x38, ljmp $0x38, $0
	FAULTS "an absent task state", 11, TSS_ABSENT, ljmp $TSS_ABSENT, $0
	FAULTS "a call of one", 11, TSS_ABSENT, lcall $TSS_ABSENT, $0
	FAULTS "an absent task gate", 11, TASK_GATE_ABSENT, lcall $TASK_GATE_ABSENT, $0
	FAULTS "a task gate that leads to code", 13, 8, lcall $TASK_GATE_BAD, $0
	FAULTS3 "a task state of ring 0 from ring 3", 13, TSS2, 0x202, ljmp $TSS2, $0
	movl $0, tss2 + 0x60
	movl $ABSENT, tss2 + 0x54
	movl $-1, last_vector
	movl $1f, resume
	mov %esp, resume_sp
	movl $task2, tss2 + 0x20
	ljmp $TSS2, $0
1:	mov last_vector, %eax
	SAME "an absent data segment faults in the new task", 11
	mov last_error, %eax
	SAME "with that selector", ABSENT
	call back_to_tss1
	movl $0x10, tss2 + 0x54
	movw $1, tss2 + 0x64
	movl $-1, last_vector
	movl $1f, resume
	mov %esp, resume_sp
	movl $task2, tss2 + 0x20
	ljmp $TSS2, $0
1:	mov last_vector, %eax
	SAME "the T bit traps in the new task", 1
	mov %dr6, %eax
	and $0x8000, %eax
	SAME "which DR6 tells", 0x8000
	movw $0, tss2 + 0x64
	call back_to_tss1

	/* 16-bit task */
	movw $(task16 - multiboot_header), tss16 + 0x0e
	lcall $TSS16, $0
	mov %eax, %ebx
	str %eax
	SAME "a 16-bit task and back", 0x38
	mov task16_seen, %eax
	SAME "it was there", TSS16
	clts
	/* CR3 comes with the task, its page tables are the new ones at once (SDM volume 3, 7.2.1): an identity map, and a page that is not */
	mov $task_tables, %edi
	movl $0x00000083, (%edi)
	movl $0x00400083, 4(%edi)
	movl $0x00000083, 0x400(%edi)
	movl $0x00000083, 0x1000(%edi)
	movl $0x00400083, 0x1004(%edi)
	movl $0x00400083, 0x1400(%edi)
	movl $0x11110000, 0x200000
	movl $0x22220000, 0x600000
	mov %cr4, %eax
	or $0x10, %eax
	mov %eax, %cr4
	mov %edi, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	movl $task_tables + 0x1000, tss2 + 0x1c
	mov %edi, tss + 0x1c
	mov 0x40200000, %eax
	SAME "the first task's page", 0x11110000
	movl $paging_task, tss2 + 0x20
	lcall $TSS2, $0
	mov task_seen, %eax
	SAME "a task's own page tables", 0x22220000
	mov 0x40200000, %eax
	SAME "and the first task's again", 0x11110000
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	ret

	/* TR names the second task: start the first again */
back_to_tss1:
	pop %ecx
	clts
	mov %ecx, tss + 0x20
	mov %esp, tss + 0x38
	movl $2, tss + 0x24
	movl $8, tss + 0x4c
	movl $0x10, tss + 0x48
	movl $0x10, tss + 0x50
	movl $0x10, tss + 0x54
	ljmp $0x38, $0

task2:	str task_seen
	clts
	pushf
	pop %eax
	test $0x4000, %eax
	jnz 1f
	pushl task2_return
	pop %eax
	mov %eax, tss + 0x20
	ljmp $0x38, $0
1:	mov $0x38, %eax
	mov %eax, tss + 0x28
	iret

paging_task:
	mov 0x40200000, %eax
	mov %eax, task_seen
	clts
	iret

task16:
	.code16
	str %ax
	addr32 movzwl %ax, %eax
	addr32 movl %eax, task16_seen
	clts
	iret
	.code32

same_level:
	mov $0x5a5e, %eax
	lret

inner: /* eip, cs, b, a, esp, ss */
	mov $0x10, %eax
	mov %eax, %ds
	mov %cs, %eax
	mov %eax, inner_cs
	mov 12(%esp), %eax
	mov %eax, inner_a
	mov 8(%esp), %eax
	mov %eax, inner_b
	mov 16(%esp), %eax
	mov %eax, inner_esp
	mov 20(%esp), %eax
	mov %eax, inner_ss
	lret $8
inner16:
	lret

through_gate:
	pushl $0x1111
	pushl $0x2222
	lcall $GATE32, $0
	mov $0x33, %eax
	mov %eax, %ds
	mov %esp, after_esp
	ret
probe_flags:
	pushf
	popl seen_flags
	iret
show_fs_gs:
	mov %fs, %eax
	mov %eax, seen_fs
	mov %gs, %eax
	mov %eax, seen_gs
	ret

	.data
	.align 16
tss2:	.long 0, stack2, 0x10, 0, 0, 0, 0, 0 /* link, esp0, ss0 ... cr3 */
	.long task2, 2, 0, 0, 0, 0, stack2, 0, 0, 0
	.long 0x10, 8, 0x10, 0x10, 0, 0, 0
	.word 0, 104
tss_df:	.long 0, stack3, 0x10, 0, 0, 0, 0, 0
	.long 0, 2, 0, 0, 0, 0, stack3, 0, 0, 0
	.long 0x10, 8, 0x10, 0x10, 0, 0, 0
	.word 0, 104
tss_esp_df: .long stack3
tss16:	.word 0, 0, 0, 0, 0, 0, 0
	.word 0, 2, 0, 0, 0, 0, 0x7000, 0, 0, 0
	.word 0x10, CODE16K, 0x10, 0x10, 0
inner_cs: .long 0
inner_a: .long 0
inner_b: .long 0
inner_esp: .long 0
inner_ss: .long 0
after_esp: .long 0
seen_flags: .long 0
seen_fs: .long 0
seen_gs: .long 0
saved_sp: .long 0
task_seen: .long 0
task2_return: .long 0
task16_seen: .long 0
	.set CODE16K, 0xa0
	.bss
	.fill 2048, 1, 0
stack2:
	.fill 2048, 1, 0
stack3:
	.align 4096
task_tables:
	.fill 8192, 1, 0
end_of_image:
