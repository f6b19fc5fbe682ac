/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debugging and interrupts (SDM volume 3, chapter 17; 6.8): single step, breakpoints, RF, the shadows of STI and MOV SS, HLT, NMI, machine
 * check, external interrupts. The last five need the ports of the unit test's machine (unit/x86-sys.c) and are left out elsewhere.
 */
#include "common.S"

	/* Continues at the label after a trap: expects vector 1 with these bits of DR6, and the address of label 87. */
	.macro DEBUGS name, bits, insn:vararg
	xor %eax, %eax
	mov %eax, %dr6
	movl $-1, last_vector
	movl $88f, resume
	mov %esp, resume_sp
86:	\insn
87:	nop
	nop
	movl $0, resume
	movl $-1, last_vector
88:	mov %dr6, %eax
	and $0xe00f, %eax
	mov %eax, seen
	cmp $\bits, %eax
	mov $89f, %esi
	jne 85f
	cmpl $1, last_vector
	jne 85f
	call print_good
	jmp 84f
85:	call print_bad
84:
	.section .rodata
89:	.asciz "\name"
	.text
	.endm

main:
	call load_tss
	/* vector 1 must be reachable from ring 3 for INT1, 20.. are */
	DEBUGS "INT1 traps", 0, .byte 0xf1
	mov last_ip, %eax
	SAME "behind it", 87b
	/* single step */
	xor %eax, %eax
	mov %eax, %dr6
	movl $1f, resume
	mov %esp, resume_sp
	pushf
	orl $0x100, (%esp)
	popf
	nop
stepped: nop
1:	mov last_vector, %eax
	SAME "TF traps", 1
	mov last_ip, %eax
	SAME "after the instruction behind POPF", stepped
	mov %dr6, %eax
	and $0x4000, %eax
	SAME "BS", 0x4000
	mov last_flags, %eax
	and $0x100, %eax
	SAME "TF is in the image", 0x100
	/* not after MOV SS */
	movl $1f, resume
	mov %esp, resume_sp
	mov %ss, %ebx
	pushf
	orl $0x100, (%esp)
	popf
	mov %ebx, %ss
	nop
step_ss: nop
1:	mov last_ip, %eax
	SAME "MOV SS holds the trap up", step_ss
	/* TF and a software interrupt: the handler is not stepped, the trap is lost with the TF that it cleared */
	/* breakpoints */
	mov $break_here, %eax
	mov %eax, %dr0
	mov $0x402, %eax
	mov %eax, %dr7
	movl $-1, last_vector
	movl $1f, resume
	mov %esp, resume_sp
	jmp break_here
1:	mov last_vector, %eax
	SAME "a code breakpoint", 1
	mov last_ip, %eax
	SAME "is a fault", break_here
	mov %dr6, %eax
	and $0xf, %eax
	SAME "DR6 tells which", 1
	mov last_flags, %eax
	and $0x10000, %eax
	SAME "RF is clear in a breakpoint's image, which is a fault: software sets it", 0
	/* with RF it goes on */
	pushl $0x10002
	pushl $8
	pushl $break_here
	movl $-1, last_vector
	movl $1f, break_return
	iret
1:	mov last_vector, %eax
	SAME "RF suppresses it once", -1
	FAULTS "a fault pushes RF", 6, 0, ud2
	mov last_flags, %eax
	and $0x10000, %eax
	SAME "so it does", 0x10000
	/* data */
	mov $watched, %eax
	mov %eax, %dr1
	mov $(0x404|(0xd<<20)|0x08), %eax
	mov %eax, %dr7
	DEBUGS "a data breakpoint: a store", 2, movl $1, watched
	mov last_ip, %eax
	SAME "traps behind the store", 87b
	mov $(0x400|0x08|(0xd<<20)), %eax
	mov %eax, %dr7
	xor %eax, %eax
	mov %eax, %dr6
	mov watched, %ebx
	mov %dr6, %eax
	and $15, %eax
	SAME "a load does not meet a write breakpoint", 0
	mov $(0x400|0x08|(0xf<<20)), %eax
	mov %eax, %dr7
	DEBUGS "a read and write breakpoint: a load", 2, mov watched, %ebx
	DEBUGS "a load that overlaps", 2, mov watched-2, %ebx
	xor %eax, %eax
	mov %eax, %dr6
	mov watched - 4, %ebx
	mov watched + 4, %ebx
	mov %dr6, %eax
	and $15, %eax
	SAME "neighbours do not", 0
	DEBUGS "a push", 2, call push_there
	/* ports */
	mov %cr4, %eax
	or $8, %eax
	mov %eax, %cr4
	mov $0x80, %eax
	mov %eax, %dr2
	mov $(0x400|0x20|(2<<24)), %eax
	mov %eax, %dr7
	DEBUGS "a port", 4, outb %al, $0x80
	mov %cr4, %eax
	FAULTS "DR4 with DE", 6, 0, mov %dr4, %eax
	mov %cr4, %eax
	and $~8, %eax
	mov %eax, %cr4
	mov %dr4, %eax
	mov %dr6, %ebx
	cmp %eax, %ebx
	CHECK "DR4 without DE is DR6", e
	/* general detect */
	mov $0x2400, %eax
	mov %eax, %dr7
	xor %ebx, %ebx
	FAULTS "GD", 1, 0, mov %dr0, %eax
	mov %dr6, %eax
	and $0x2000, %eax
	SAME "BD", 0x2000
	mov %dr7, %eax
	SAME "GD is clear afterwards", 0x400
	FAULTS3 "DR in ring 3", 13, 0, 0x202, mov %eax, %dr0

	/* interrupts from outside: is this the test's machine? */
	mov $0x5a, %al
	mov $0x500, %dx
	outb %al, %dx
	xor %eax, %eax
	inb %dx, %al
	cmp $0x5a, %al
	jne finished
	cli
	mov $0x510, %dx
	mov $0x22, %al
	movl $0, faults
	outb %al, %dx
	nop
	mov faults, %eax
	SAME "with IF clear an interrupt waits", 0
	movl $0, sti_ip
	sti
	incl sti_ip
after_sti:
	nop
	cli
	mov faults, %eax
	SAME "STI lets it in", 1
	mov last_ip, %eax
	SAME "after the instruction behind it", after_sti
	mov $0x22, %al
	outb %al, %dx
	sti
	hlt
halted:	cli
	mov last_ip, %eax
	SAME "HLT wakes behind itself", halted
	mov last_vector, %eax
	SAME "by its vector", 0x22
	mov $0x22, %al
	outb %al, %dx
	sti
	cli
	mov faults, %eax
	SAME "STI and CLI at once let nothing in", 2
	sti
	nop
	cli
	mov faults, %eax
	SAME "the interrupt is still there", 3
	mov %ss, %ebx
	pushf
	orl $0x200, (%esp)
	mov $0x22, %al
	outb %al, %dx
	popf
after_popf:
	nop
	cli
	mov last_ip, %eax
	SAME "POPF has no shadow", after_popf
	/* MOV SS and POP SS: one instruction, also when nobody was waiting for that */
	sti
	nop
	mov %ebx, %ss
	mov $0x22, %al
	outb %al, %dx
after_ss:
	nop
	nop
	mov last_ip, %eax
	SAME "the shadow of MOV SS is over one instruction behind it", after_ss
	push %ebx
	pop %ss
	nop
	mov $0x22, %al
	outb %al, %dx
after_pop_ss:
	nop
	nop
	mov last_ip, %eax
	SAME "and that of POP SS", after_pop_ss
	mov $0x22, %al
	mov %ebx, %ss
	outb %al, %dx
in_shadow:
	nop
	nop
	cli
	mov last_ip, %eax
	SAME "an interrupt that the instruction in the shadow raises comes behind it", in_shadow
	/* NMI */
	mov $0x511, %dx
	outb %al, %dx
after_nmi:
	nop
	mov last_vector, %eax
	SAME "NMI with IF clear", 2
	mov last_ip, %eax
	SAME "at the next instruction", after_nmi
	/* machine check */
	mov %cr4, %eax
	or $0x40, %eax
	mov %eax, %cr4
	movl $1f, resume
	mov %esp, resume_sp
	mov $0x513, %dx
	outb %al, %dx
	nop
	nop
1:	mov last_vector, %eax
	SAME "a machine check", 18
	mov $0x17a, %ecx
	rdmsr
	SAME "MCG_STATUS", 5
	mov $0x409, %ecx
	rdmsr
	mov %edx, %eax
	SAME "the bank's status", 0xb0000000
	mov $0x40a, %ecx
	rdmsr
	SAME "the bank's address", 0x12345000
	/* a corrected error interrupts nobody (SDM volume 3, 15.3.2.2, 15.6); a second one finds the bank in use */
	movl $-1, last_vector
	mov $1, %al
	mov $0x513, %dx
	outb %al, %dx
	nop
	nop
	mov last_vector, %eax
	SAME "a corrected error interrupts nobody", -1
	mov $0x409, %ecx
	rdmsr
	mov %edx, %eax
	SAME "a bank in use keeps its error and says overflow", 0xf0000000
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	mov $0x17a, %ecx
	wrmsr
	mov $1, %al
	mov $0x513, %dx
	outb %al, %dx
	nop
	nop
	mov $0x409, %ecx
	rdmsr
	mov %edx, %eax
	SAME "a free one takes it", 0x90000000
	mov last_vector, %eax
	SAME "still nobody is interrupted", -1
	xor %eax, %eax
	mov $0x17a, %ecx
	rdmsr
	SAME "nor is one being handled", 0
finished:
	ret

break_here:
	nop
	jmp *break_return
push_there:
	mov %esp, %ebx
	mov $watched + 4, %esp
	push %eax
	mov %ebx, %esp
	ret

	.data
	.align 4096
	.long 0
watched: .long 0, 0
break_return: .long 0
sti_ip: .long 0
	.bss
	.align 4096
end_of_image:
