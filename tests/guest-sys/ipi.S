/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two processors of a PC: INIT and STARTUP, what they leave alone and what they reset (SDM volume 3, 8.4, 9.1.1, table 9-1), NMI, SMI and
 * auto-HALT restart on another processor (34.10), INIT that waits for RSM (34.3). Needs local APICs: for emu-cpu or the peer with -smp 2.
 */
#include "common.S"

	.set ICR, 0xfee00300
	.set A, 0x60000         /* what the other processor leaves */
	.set ALIVE, A           /* starts */
	.set COMMAND, A + 4     /* it waits for one, and clears it */
	.set TICKS, A + 8       /* of its loop */
	.set R_EAX, A + 16
	.set R_EBX, A + 20
	.set R_EDX, A + 24
	.set R_ESP, A + 28
	.set R_FLAGS, A + 32
	.set R_CS, A + 36
	.set R_IP, A + 40
	.set R_DS, A + 44
	.set R_CR0, A + 48
	.set R_CR3, A + 52
	.set R_CR4, A + 56
	.set R_DR6, A + 60
	.set R_DR7, A + 64
	.set R_IDT, A + 68      /* six bytes */
	.set R_XMM, A + 76
	.set R_FCW, A + 80
	.set R_DR0, A + 84
	.set R_CR2, A + 88
	.set R_PAT, A + 92
	.set R_SVR, A + 96
	.set R_EFER, A + 100
	.set NMIS, A + 104
	.set WOKEN, A + 108
	.set SMIS, A + 112
	.set HALTED, A + 116
	.set RELEASE, A + 120
	.set IN_SMM, A + 124
	.set CLEAR, A + 128
	.set MESSED, A + 132
	.set PASSED, A + 136
	.set HAS_LONG, A + 140
	.set C_SPIN, 1          /* commands */
	.set C_MESS, 2          /* change all that INIT should reset, then spin in protected mode */
	.set C_HALT, 3

	.macro WAS name, what, value
	mov \what, %eax
	SAME "\name", \value
	.endm
	/* waits until the cell is not 0 any more, or for long */
	.macro AWAIT cell
	mov $8000000, %ecx
98:	pause
	inb $0x80, %al
	cmpl $0, \cell
	loopz 98b
	.endm
	.macro SOON             /* some 30 ms, for what should not happen and tells nobody */
	call soon
	.endm
	.macro SEND low
	movl $(1 << 24), ICR + 16
	movl $\low, ICR
	call sent
	.endm
	.macro ORDER what
	movl $\what, COMMAND
	mov $8000000, %ecx
98:	pause
	inb $0x80, %al
	cmpl $0, COMMAND
	loopnz 98b
	.endm

main:
	mov $A, %edi
	xor %eax, %eax
	mov $64, %ecx
	rep stosl
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
	mov %edx, HAS_LONG
	mov $other, %esi
	mov $0x8000, %edi
	mov $(other_end - other), %ecx
	rep movsb
	mov $other, %esi
	mov $0x9000, %edi
	mov $(other_end - other), %ecx
	rep movsb
	mov $smi_code, %esi
	mov $0x38000, %edi
	mov $(smi_end - smi_code), %ecx
	rep movsb
	movl 0xfee000f0, %eax
	or $0x100, %eax
	mov %eax, 0xfee000f0

	/* ---- the first start ---- */
	SEND 0x4500             /* INIT */
	SEND 0x4608             /* STARTUP at 8000 */
	AWAIT ALIVE
	WAS "STARTUP starts the other processor", ALIVE, 1
	WAS "at its vector", R_CS, 0x800
	WAS "offset 0", R_IP, 0
	WAS "flags", R_FLAGS, 2
	WAS "EAX is 0", R_EAX, 0
	WAS "ESP is 0", R_ESP, 0
	WAS "DS is 0", R_DS, 0
	mov $1, %eax
	cpuid
	cmp %eax, R_EDX
	CHECK "EDX is the processor's signature", e
	mov R_CR0, %eax
	and $~0x60000000, %eax
	SAME "CR0", 0x10
	WAS "CR3", R_CR3, 0
	WAS "CR4", R_CR4, 0
	WAS "DR6", R_DR6, 0xffff0ff0
	WAS "DR7", R_DR7, 0x400
	SEND 0x4608
	SOON
	WAS "STARTUP to one that runs does nothing", ALIVE, 1

	/* ---- INIT in the middle of something ---- */
	ORDER C_MESS
	AWAIT MESSED
	SEND 0x4500
	/* on a busy host it may take a while until its thread runs: not before it has stood still ten times as long */
	mov $1000, %esi
5:	mov $10, %edi
6:	mov TICKS, %ebx
	push %esi
	push %edi
	SOON
	pop %edi
	pop %esi
	dec %esi
	jz 6f
	cmp %ebx, TICKS
	jne 5b
	dec %edi
	jnz 6b
6:	mov TICKS, %ebx
	SOON
	mov TICKS, %eax
	sub %ebx, %eax
	SAME "INIT stops it", 0
	WAS "and waits for STARTUP", ALIVE, 1
	SEND 0x4609
	AWAIT WOKEN
	WAS "another STARTUP starts it again", ALIVE, 2
	WAS "at the other vector", R_CS, 0x900
	WAS "in real mode, with the flags of a reset", R_FLAGS, 2
	mov R_CR0, %eax
	and $~0x60000000, %eax
	SAME "CR0 after INIT", 0x10
	WAS "CR2 after INIT", R_CR2, 0
	WAS "CR3 after INIT", R_CR3, 0
	WAS "CR4 after INIT", R_CR4, 0
	WAS "EFER after INIT", R_EFER, 0
	WAS "EBX after INIT", R_EBX, 0
	WAS "DR0 after INIT", R_DR0, 0
	WAS "DR7 after INIT", R_DR7, 0x400
	WAS "the IDT's base after INIT", R_IDT + 2, 0
	mov R_IDT, %eax
	and $0xffff, %eax
	SAME "and its limit", 0xffff
	WAS "INIT leaves XMM0", R_XMM, 0x13572468
	mov R_FCW, %eax
	and $0xffff, %eax
	SAME "INIT leaves the x87 control word", 0x27f
	WAS "INIT leaves the PAT", R_PAT, 0x00010406
	mov R_SVR, %eax
	and $0x1ff, %eax
	SAME "INIT resets the local APIC", 0xff

	/* ---- NMI and SMI to one that is halted with interrupts off ---- */
	movl $0, WOKEN
	movl $((0x900 << 16) + nmi_code - other), 2 * 4
	ORDER C_HALT
	SOON
	WAS "it is halted", WOKEN, 0
	SEND 0x4200             /* SMI */
	AWAIT SMIS
	WAS "SMI reaches one that is halted", SMIS, 1
	mov HALTED, %eax
	and $1, %eax
	SAME "the saved state says that it was", 1
	SOON
	WAS "RSM goes back to the HLT", WOKEN, 0
	movl $1, CLEAR
	SEND 0x4200
	AWAIT WOKEN
	WAS "without auto-HALT restart it goes on behind it", WOKEN, 1
	movl $0, WOKEN
	movl $0, CLEAR
	ORDER C_HALT
	SOON
	SEND 0x4400             /* NMI */
	AWAIT WOKEN
	WAS "NMI reaches one that is halted", NMIS, 1
	WAS "and it goes on", WOKEN, 1

	/* ---- INIT waits for RSM ---- */
	movl $0, WOKEN
	movl $0, RELEASE
	movl $1, IN_SMM         /* the handler shall wait */
	movl $0, SMIS
	SEND 0x4200
	AWAIT SMIS
	SEND 0x4500
	SOON
	movl $1, RELEASE
	AWAIT PASSED
	WAS "INIT in SMM waits: the handler goes on", PASSED, 1
	SOON
	mov TICKS, %ebx
	SOON
	mov TICKS, %eax
	sub %ebx, %eax
	SAME "and stops the processor after RSM", 0
	movl $0, IN_SMM
	SEND 0x4608
	AWAIT WOKEN
	WAS "STARTUP starts it again", ALIVE, 3
	WAS "in real mode", R_CS, 0x800

	/* ---- all but oneself ---- */
	movl $0, WOKEN
	movl $0xc4500, ICR
	call sent
	movl $0xc4609, ICR
	call sent
	AWAIT WOKEN
	WAS "INIT and STARTUP to all but oneself", ALIVE, 4
	WAS "with that vector", R_CS, 0x900
	ret

sent:	mov $100000, %ecx       /* delivery status */
1:	testl $0x1000, ICR
	loopnz 1b
	ret

soon:	push %ebx
	rdtsc
	mov %eax, %ebx
1:	pause
	rdtsc
	sub %ebx, %eax
	cmp $30000000, %eax
	jb 1b
	pop %ebx
	ret

	/* ---- the other processor, in real mode at 8000 and 9000 ---- */
	.code16
	.macro KEEP reg, to
	mov \reg, %eax
	addr32 mov %eax, %cs:(\to - other_base)
	.endm
	.set other_base, 0
other:
	cli
	mov %eax, %ecx          /* DS is 0: the first 64 KiB, and what is left beyond that is reached through ES */
	mov %ds, %ax
	mov %ax, %si
	mov $0x6000, %ax
	mov %ax, %es
	mov %ecx, %es:R_EAX - A
	mov %ebx, %es:R_EBX - A
	mov %edx, %es:R_EDX - A
	mov %esp, %es:R_ESP - A
	movzwl %si, %eax
	mov %eax, %es:R_DS - A
	sidt %es:R_IDT - A
	mov $0x7000, %sp        /* SS is 0 */
	pushfl
	pop %eax
	and $~0x44, %eax        /* ZF and PF may be anybody's: nothing above changed them, but a debugger might */
	mov %eax, %es:R_FLAGS - A
	mov %cs, %ax
	movzwl %ax, %eax
	mov %eax, %es:R_CS - A
	call 1f
1:	pop %ax
	sub $(1b - other), %ax
	movzwl %ax, %eax
	mov %eax, %es:R_IP - A
	mov %cr0, %eax
	mov %eax, %es:R_CR0 - A
	mov %cr2, %eax
	mov %eax, %es:R_CR2 - A
	mov %cr3, %eax
	mov %eax, %es:R_CR3 - A
	mov %cr4, %eax
	mov %eax, %es:R_CR4 - A
	mov %dr0, %eax
	mov %eax, %es:R_DR0 - A
	mov %dr6, %eax
	mov %eax, %es:R_DR6 - A
	mov %dr7, %eax
	mov %eax, %es:R_DR7 - A
	cmpl $0, %es:HAS_LONG - A
	je 1f
	mov $0xc0000080, %ecx
	rdmsr
	mov %eax, %es:R_EFER - A
1:
	mov $0x277, %ecx
	rdmsr
	mov %eax, %es:R_PAT - A
	fnstcw %es:R_FCW - A
	mov %cr4, %eax
	or $0x200, %ax          /* OSFXSR, to look at XMM0 */
	mov %eax, %cr4
	movss %xmm0, %es:R_XMM - A
	/* a selector with a limit of 4 GB for the APIC, by a trip to protected mode */
	lgdtl %cs:small_pointer - other
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	mov $8, %cx
	mov %cx, %fs
	and $0xfe, %al
	mov %eax, %cr0
	mov $0xfee000f0, %ebx
	addr32 mov %fs:(%ebx), %eax
	mov %eax, %es:R_SVR - A
	or $0x100, %ax          /* enabled */
	addr32 mov %eax, %fs:(%ebx)
	lock incl %es:ALIVE - A
	lock incl %es:WOKEN - A
wait_here:
	lock incl %es:TICKS - A
	pause
	mov %es:COMMAND - A, %eax
	test %eax, %eax
	jz wait_here
	movl $0, %es:COMMAND - A
	cmp $C_MESS, %al
	je mess
	cmp $C_HALT, %al
	jne wait_here
	hlt
	lock incl %es:WOKEN - A
	jmp wait_here

mess:
	movl $0, %es:TICKS - A
	movl $0, %es:WOKEN - A
	movl $0x13572468, %es:R_XMM - A
	movss %es:R_XMM - A, %xmm0
	movl $0, %es:R_XMM - A
	movw $0x27f, %es:R_FCW - A
	fldcw %es:R_FCW - A
	mov $0x277, %ecx
	rdmsr
	mov $0x00010406, %eax
	wrmsr
	cmpl $0, %es:HAS_LONG - A
	je 1f
	mov $0xc0000080, %ecx
	rdmsr
	or $1, %eax
	wrmsr
1:	mov $0x1234, %eax
	mov %eax, %dr0
	mov %eax, %cr2
	mov $0x455, %eax
	mov %eax, %dr7
	mov $0x3000, %eax
	mov %eax, %cr3
	lidtl %cs:small_pointer - other
	mov %cr0, %eax
	or $0x2b, %al           /* PE, MP, TS, NE */
	mov %eax, %cr0
	mov $0xdeadbeef, %ebx
	stc
	std
	lock incl %es:MESSED - A
1:	lock incl %es:TICKS - A
	jmp 1b

nmi_code:
	lock incl %es:NMIS - A
	iret

	.align 8
small_gdt:
	.quad 0
	.quad 0x00cf93000000ffff
small_pointer:
	.word 15
	.long small_gdt - other + 0x8000
other_end:

smi_code:
	mov $0x6000, %ax
	mov %ax, %es
	mov %cs:0xfefc, %ebx
	mov $0xfec9, %si        /* auto-HALT restart: its place by the map */
	cmp $0x64, %bl
	je 1f
	mov $0xff02, %si
1:	movzbl %cs:(%si), %eax
	mov %eax, %es:HALTED - A
	cmpl $0, %es:CLEAR - A
	je 2f
	movb $0, %cs:(%si)
2:	lock incl %es:SMIS - A
	cmpl $0, %es:IN_SMM - A
	je 4f
3:	pause
	cmpl $0, %es:RELEASE - A
	je 3b
	movl $1, %es:PASSED - A
4:	rsm
smi_end:
	.code32

	.bss
	.globl end_of_image
end_of_image:
