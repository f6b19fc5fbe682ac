/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System management mode (SDM volume 3, chapter 34; the 64-bit state map: AMD APM volume 2, 10.2.3): what the handler finds, both maps of the saved
 * state, what RSM brings back, relocation, what is held off meanwhile; from protected mode, ring 3 with paging, VM86 and long mode. Runs on the
 * test's machine (SMI through port 512) and on a PC, whose SMRAM it opens (SMI through port b2).
 */
#include "common.S"

	.set A, 0x60000         /* what the handler leaves */
	.set OPERATION, A
	.set COUNT, A + 4
	.set INSIDE, A + 8
	.set NESTED, A + 12
	.set E_FLAGS, A + 16    /* found at entry */
	.set E_CS, A + 20
	.set E_DS, A + 24
	.set E_SS, A + 28
	.set E_CR0, A + 32
	.set E_CR4, A + 36
	.set E_DR7, A + 40
	.set S_REVISION, A + 48 /* found in the saved state */
	.set S_IP, A + 52
	.set S_FLAGS, A + 56
	.set S_AX, A + 60
	.set S_DI, A + 64
	.set S_CR0, A + 68
	.set S_CR3, A + 72
	.set S_CS, A + 76
	.set S_TR, A + 80
	.set S_DR7, A + 84
	.set S_BASE, A + 88
	.set S_CR4, A + 92
	.set S_EFER, A + 96
	.set E_EFER, A + 100
	.set MOVED, 0x8000
	.set PML4, 0x400000
	.set PDPT, 0x401000
	.set PD, 0x402000
	.set CODE64, 0x40

	.macro SMI              /* changes dx */
	mov trigger, %edx
	outb %al, %dx
	nop
	nop
	jmp 99f
99:
	.endm
	.macro WAS name, what, value
	mov \what, %eax
	SAME "\name", \value
	.endm

main:
	/* whose machine is it? */
	mov $0x5a, %al
	mov $0x500, %dx
	outb %al, %dx
	xor %eax, %eax
	inb %dx, %al
	cmp $0x5a, %al
	je 1f
	movl $0xb2, trigger
	movl $0xa0000, base
	mov $0x80000070, %eax   /* SMRAM control: open, at a0000 */
	mov $0xcf8, %dx
	outl %eax, %dx
	mov $0xcfe, %dx
	mov $0x4a, %al
	outb %al, %dx
1:	mov $A, %edi
	xor %eax, %eax
	mov $64, %ecx
	rep stosl
	mov base, %edi
	add $0x8000, %edi
	call put_handler
	mov base, %edi
	add $(0x8000 + MOVED), %edi
	call put_handler
	call load_tss
	mov $0x80000000, %eax
	cpuid
	xor %edx, %edx
	cmp $0x80000001, %eax
	jb 1f
	mov $0x80000001, %eax
	cpuid
	shr $29, %edx
	and $1, %edx
1:
	mov %edx, has_long

	/* ---- what the handler finds, and what is saved ---- */
	mov $0x10c00, %eax      /* a harmless DR7: LE, GE are bits 8, 9; 10 is fixed; a length for a disabled breakpoint */
	and $0x400, %eax
	or $0x300, %eax
	mov %eax, %dr7
	mov $0x0ddba11, %edi
	mov trigger, %edx
	mov $0x12345678, %eax
	stc
	std
	outb %al, %dx
after_first:
	nop
	jmp 1f
1:	nop
	pushf
	cld
	pop %ebx
	mov %eax, %ecx
	WAS "the handler ran once", COUNT, 1
	mov %ecx, %eax
	SAME "EAX comes back", 0x12345678
	mov %ebx, %eax
	and $0xc03, %eax
	SAME "and the flags", 0x403
	mov E_FLAGS, %eax
	SAME "the handler's flags", 2
	mov base, %eax
	shr $4, %eax
	cmp %eax, E_CS
	CHECK "its CS is SMBASE / 16", e
	WAS "its data segments are null", E_DS, 0
	WAS "and its stack segment", E_SS, 0
	mov %cr0, %eax
	and $~0x8000000d, %eax
	cmp %eax, E_CR0
	CHECK "CR0 without PE, EM, TS, PG", e
	WAS "CR4 is clear", E_CR4, 0
	WAS "DR7 is as after a reset", E_DR7, 0x400
	mov S_IP, %eax          /* a PC's chip may be an instruction or two late */
	sub $after_first, %eax
	cmp $4, %eax
	CHECK "saved EIP is behind the instruction", b
	mov S_FLAGS, %eax
	and $0xc03, %eax
	SAME "saved flags", 0x403
	WAS "saved EAX", S_AX, 0x12345678
	WAS "saved EDI", S_DI, 0x0ddba11
	mov %cr0, %eax
	cmp %eax, S_CR0
	CHECK "saved CR0", e
	mov S_CS, %eax
	and $0xffff, %eax
	SAME "saved CS", 8
	mov S_TR, %eax
	and $0xffff, %eax
	SAME "saved TR", 0x38
	WAS "saved DR7", S_DR7, 0x700
	mov %dr7, %eax
	SAME "DR7 comes back", 0x700
	mov $0x400, %eax
	mov %eax, %dr7
	mov base, %eax
	cmp %eax, S_BASE
	CHECK "saved SMBASE", e
	mov S_REVISION, %eax
	cmpl $0, has_long
	je 1f
	SAME "the revision of the 64-bit map", 0x20064
	jmp 2f
1:	SAME "the revision of the 32-bit map", 0x20000
2:	str %ax
	cmp $0x38, %ax
	CHECK "TR comes back", e
	mov %fs, %eax
	SAME "FS comes back", 0

	/* ---- what RSM takes from the map ---- */
	movl $1, OPERATION
	mov $1, %eax
	SMI
	SAME "RSM takes a changed EAX", 0x0badcafe
	movl $5, OPERATION
	movl $1f, S_IP
	SMI
	mov $0, %eax
	SAME "RSM takes a changed EIP: not here", 1
1:	mov $1, %eax
	SAME "RSM takes a changed EIP: here", 1

	/* ---- what is held off ---- */
	movl $3, OPERATION
	movl $0, COUNT
	SMI
	nop
	nop
	jmp 1f
1:	WAS "an SMI in SMM waits for RSM", NESTED, 0
	WAS "and comes then", COUNT, 2
	cmpl $0x512, trigger
	jne 1f
	movl $4, OPERATION
	movl $-1, last_vector
	movl $0, faults
	SMI
	nop
	WAS "an NMI in SMM waits for RSM", last_vector, 2
	WAS "and comes once", faults, 1
	/* NMIs that were blocked before are blocked after RSM: in an NMI's handler */
	mov $nmi_handler, %eax
	mov %ax, idt + 16
	shr $16, %eax
	mov %ax, idt + 22
	movl $0, faults
	mov $0x511, %dx
	outb %al, %dx
	nop
	WAS "RSM leaves NMIs blocked in an NMI's handler", changed, 1
	WAS "IRET lets them in", faults, 2
1:
	/* ---- ring 3, with paging ---- */
	call tables
	mov %cr4, %eax
	or $0x30, %eax          /* PAE, PSE */
	mov %eax, %cr4
	mov $PDPT, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	jmp 1f
1:	movl $0, OPERATION
	mov trigger, %ebx
	USER "ring 3 under PAE paging: there and back", 0x3002, call in_ring3
	mov %ebx, %eax
	SAME "still ring 3", 0x2b
	mov last_cx, %eax
	SAME "through the page tables", 0x5eed
	mov last_cs, %eax
	SAME "and an interrupt from there", 0x2b
	WAS "saved CR3", S_CR3, PDPT
	mov S_CR0, %eax
	shr $31, %eax
	SAME "saved CR0 with PG", 1
	mov S_CR4, %eax
	and $0x30, %eax
	SAME "saved CR4", 0x30
	mov S_CS, %eax
	and $0xffff, %eax
	SAME "saved CS of ring 3", 0x2b
	mov E_CR0, %eax
	shr $31, %eax
	SAME "no paging in the handler", 0
	mov %cr4, %eax
	and $0x30, %eax
	SAME "CR4 comes back", 0x30
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	jmp 1f
1:
	/* ---- virtual-8086 mode ---- */
	mov $vm_code, %esi
	mov $0x50000, %edi
	mov $(vm_end - vm_code), %ecx
	rep movsb
	movl $-1, last_vector
	movl $1f, resume
	mov %esp, resume_sp
	mov trigger, %ecx
	pushl $0                /* gs, fs, ds, es */
	pushl $0
	pushl $0
	pushl $0
	pushl $0x5000           /* ss */
	pushl $0x800
	pushl $0x23002          /* VM, IOPL 3 */
	pushl $0x5000
	pushl $0
	iret
1:	WAS "VM86: there and back", last_vector, 0x27
	mov S_FLAGS, %eax
	and $0x20000, %eax
	SAME "saved flags have VM", 0x20000
	mov last_flags, %eax
	and $0x20000, %eax
	SAME "VM comes back", 0x20000
	mov last_cs, %eax
	and $0xffff, %eax
	SAME "and its code segment", 0x5000

	/* ---- long mode ---- */
	cmpl $0, has_long
	je 3f
	DESCRIPTOR CODE64, 0, 0xfffff, 0xa09b
	movl $PDPT + 7, PML4
	orl $7, PDPT
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov $PML4, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	ljmp $CODE64, $1f
	.code64
1:	mov $0x123456789abcdef0, %r15
	movabs $0x8877665544332211, %rax
	mov trigger, %edx
	outb %al, %dx
after_long:
	nop
	jmp 2f
2:	movabs $0x8877665544332211, %rbx
	xor %rax, %rbx
	movabs $0x123456789abcdef0, %rax
	xor %rax, %r15
	or %r15, %rbx
	setnz %cl
	movzbl %cl, %ecx
	movl %ecx, changed
	pushq $8
	pushq $back32
	lretq
	.code32
back32:	mov $0x10, %eax
	mov %eax, %ss
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	mov $0xc0000080, %ecx
	rdmsr
	and $~0x100, %eax
	wrmsr
	WAS "long mode: 64-bit registers come back", changed, 0
	mov S_IP, %eax
	sub $after_long, %eax
	cmp $4, %eax
	CHECK "saved RIP", b
	mov S_EFER, %eax
	and $0x500, %eax
	SAME "saved EFER has LME and LMA", 0x500
	WAS "EFER is clear in the handler", E_EFER, 0
	mov S_CS, %eax
	and $0xffff, %eax
	SAME "saved CS of 64 bits", CODE64
3:
	/* ---- relocation ---- */
	movl $2, OPERATION
	SMI
	movl $0, OPERATION
	SMI
	mov base, %eax
	add $MOVED, %eax
	cmp %eax, S_BASE
	CHECK "SMBASE moves", e
	mov base, %eax
	add $MOVED, %eax
	shr $4, %eax
	cmp %eax, E_CS
	CHECK "and the handler with it", e
	FAULTS "RSM outside SMM", 6, 0, rsm
	ret

in_ring3:
	mov %ebx, %edx
	out %al, %dx
	nop
	nop
	mov %cs, %ebx
	mov 0x7ff000, %ecx
	ret

tables: /* PAE: 2 MB pages for ring 3, one to one but for 7ff000, which is 1ff000 (the fourth page is the first) */
	mov $PML4, %edi
	xor %eax, %eax
	mov $0x3000 / 4, %ecx
	rep stosl
	movl $PD + 1, PDPT
	movl $0x000087, PD
	movl $0x200087, PD + 8
	movl $0x400087, PD + 16
	movl $0x000087, PD + 24
	movl $0x5eed, 0x1ff000
	ret

nmi_handler:
	incl faults
	cmpl $1, faults
	ja 1f
	mov trigger, %edx
	out %al, %dx
	nop
	mov $0x511, %dx
	out %al, %dx
	nop
	nop
	mov faults, %edx
	mov %edx, changed
1:	iret

put_handler: /* edi: where */
	mov $handler, %esi
	mov $(handler_end - handler), %ecx
	rep movsb
	ret

	.code16
vm_code:
	mov %cx, %dx
	out %al, %dx
	nop
	jmp 1f
1:	nop
	int $0x27
vm_end:

handler:
	mov $0x7000, %esp
	pushfl
	pop %ebx
	cld
	addr32 mov %ebx, E_FLAGS
	mov %cs, %bx
	movzwl %bx, %ebx
	addr32 mov %ebx, E_CS
	mov %ds, %bx
	movzwl %bx, %ebx
	addr32 mov %ebx, E_DS
	mov %ss, %bx
	movzwl %bx, %ebx
	addr32 mov %ebx, E_SS
	mov %cr0, %ebx
	addr32 mov %ebx, E_CR0
	mov %cr4, %ebx
	addr32 mov %ebx, E_CR4
	mov %dr7, %ebx
	addr32 mov %ebx, E_DR7
	addr32 incl COUNT
	addr32 movl INSIDE, %ebx
	addr32 orl %ebx, NESTED
	addr32 movl $1, INSIDE
	mov %cs:0xfefc, %ebx
	addr32 mov %ebx, S_REVISION
	cmp $0x64, %bl
	je 1f
	.macro TAKE from, to
	mov %cs:\from, %ebx
	addr32 mov %ebx, \to
	.endm
	TAKE 0xfff4, S_FLAGS
	TAKE 0xffd0, S_AX
	TAKE 0xffec, S_DI
	TAKE 0xfffc, S_CR0
	TAKE 0xfff8, S_CR3
	TAKE 0xffac, S_CS
	TAKE 0xffc4, S_TR
	TAKE 0xffc8, S_DR7
	TAKE 0xff14, S_CR4
	TAKE 0xfef8, S_BASE
	addr32 cmpl $5, OPERATION
	je 5f
	TAKE 0xfff0, S_IP
	jmp 2f
5:	addr32 mov S_IP, %ebx
	mov %ebx, %cs:0xfff0
2:	addr32 cmpl $1, OPERATION
	jne 3f
	movl $0x0badcafe, %cs:0xffd0
3:	addr32 cmpl $2, OPERATION
	jne 4f
	addl $MOVED, %cs:0xfef8
	jmp 4f

1:	TAKE 0xff70, S_FLAGS
	TAKE 0xfff8, S_AX
	TAKE 0xffc0, S_DI
	TAKE 0xff58, S_CR0
	TAKE 0xff50, S_CR3
	TAKE 0xfe10, S_CS
	TAKE 0xfe90, S_TR
	TAKE 0xff60, S_DR7
	TAKE 0xff48, S_CR4
	TAKE 0xff00, S_BASE
	TAKE 0xfed0, S_EFER
	push %eax
	mov $0xc0000080, %ecx
	rdmsr
	addr32 mov %eax, E_EFER
	pop %eax
	addr32 cmpl $5, OPERATION
	je 5f
	TAKE 0xff78, S_IP
	jmp 2f
5:	addr32 mov S_IP, %ebx
	mov %ebx, %cs:0xff78
2:	addr32 cmpl $1, OPERATION
	jne 3f
	movl $0x0badcafe, %cs:0xfff8
3:	addr32 cmpl $2, OPERATION
	jne 4f
	addl $MOVED, %cs:0xff00

4:	addr32 mov OPERATION, %ebx
	addr32 movl $0, OPERATION
	cmp $3, %bl
	jne 6f
	addr32 mov trigger, %edx
	out %al, %dx
	nop
	nop
	jmp 6f
6:	cmp $4, %bl
	jne 7f
	mov $0x511, %dx
	out %al, %dx
	nop
	nop
7:	addr32 movl $0, INSIDE
	rsm
handler_end:
	.code32

	.data
trigger:	.long 0x512
base:		.long 0x30000
has_long:	.long 0
changed:	.long 0

	.bss
	.globl end_of_image
end_of_image:
