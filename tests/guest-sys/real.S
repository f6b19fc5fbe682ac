/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real-address mode (SDM volume 3, 20.1): limits, what is undefined there, segments that stay large from protected mode; x87, SSE and AVX
 * gates of CR0, CR4 and XCR0 (chapter 9, 13); MSRs; system management mode where the machine has a port for it (unit/x86-sys.c).
 */
#include "common.S"

	.set LOW, 0x8000       /* where the 16-bit part runs */
	.set RESULT, 0x6000    /* vector, ip, cs, flags: words */

	/* Runs label in real mode until a fault or int 40; then `RESULT` tells. */
	.macro REAL label
	mov $(\label-low), %ebx
	call real_mode
	.endm
	.macro REALLY name, vector, at
	mov RESULT, %eax
	mov $(\vector|((\at-low)<<16)), %edx
	mov %eax, seen
	cmp %edx, %eax
	CHECK "\name", e
	.endm

main:
	mov $low, %esi
	mov $LOW, %edi
	mov $(low_end - low), %ecx
	rep movsb
	/* the real table: vector n to LOW:r_stub + 4 n */
	xor %ecx, %ecx
1:	lea (r_stubs - low)(, %ecx, 8), %eax
	or $((LOW >> 4) << 16), %eax
	mov %eax, (, %ecx, 4)
	inc %ecx
	cmp $0x41, %ecx
	jb 1b

	REAL r_divide
	REALLY "divide error", 0, r_divide
	REAL r_ud
	REALLY "undefined opcode", 6, r_ud
	REAL r_limit
	REALLY "beyond the limit", 13, r_limit_at
	REAL r_across
	REALLY "across the limit", 13, r_across_at
	REAL r_stack
	REALLY "the stack across the limit", 12, r_stack_at
	REAL r_lldt
	REALLY "LLDT", 6, r_lldt
	REAL r_verr
	REALLY "VERR", 6, r_verr
	REAL r_arpl
	REALLY "ARPL", 6, r_arpl
	REAL r_bound
	REALLY "BOUND", 5, r_bound_at
	REAL r_int
	REALLY "INT pushes the address behind itself", 0x40, r_int_end
	REAL r_far
	REALLY "far call and return", 0x40, r_far_end
	REAL r_code_store
	REALLY "storing through CS", 0x40, r_code_store_end
	movzwl LOW + (r_word - low), %eax
	SAME "is allowed", 0x4711
	REAL r_wrap
	REALLY "running off the end of the segment", 13, r_wrap_end
	REAL r_iret
	REALLY "IRET", 0x40, r_iret_end
	movb $1, unreal
	REAL r_unreal
	REALLY "large segments stay from protected mode", 0x40, r_unreal_end
	movb $0, unreal
	mov 0x300000, %eax
	SAME "the store went beyond 1 MB", 0x600d

	/* the 1 MB edge and A20, if there is a port for the gate */
	mov $0x5a, %al
	mov $0x500, %dx
	outb %al, %dx
	xor %eax, %eax
	inb %dx, %al
	cmp $0x5a, %al
	jne 1f
	movb $0x11, 0x5000
	movb $0x22, 0x105000
	movl $0, 0x6200
	REAL r_a20
	movzbl 0x6200, %eax
	SAME "without A20 the second megabyte is the first", 0x11
	movzbl 0x6201, %eax
	SAME "with it it is not", 0x22
1:

	/* ---- x87, SSE, AVX ---- */
	mov %cr0, %eax
	and $~0xe, %eax
	or $0x20, %eax       /* NE */
	mov %eax, %cr0
	fninit
	FAULTS "SSE without OSFXSR", 6, 0, addps %xmm0, %xmm0
	mov %cr4, %eax
	or $0x600, %eax
	mov %eax, %cr4
	addps %xmm0, %xmm0
	mov %cr0, %eax
	or $8, %eax
	mov %eax, %cr0       /* TS */
	FAULTS "x87 with TS", 7, 0, fld1
	FAULTS "SSE with TS", 7, 0, addps %xmm0, %xmm0
	FAULTS "MMX with TS", 7, 0, paddb %mm0, %mm0
	FAULTS "FXSAVE with TS", 7, 0, fxsave scratch
	FAULTS "FNINIT with TS", 7, 0, fninit
	fwait
	mov %cr0, %eax
	or $2, %eax
	mov %eax, %cr0       /* MP */
	FAULTS "FWAIT with TS and MP", 7, 0, fwait
	clts
	fwait
	mov %cr0, %eax
	and $~2, %eax
	or $4, %eax
	mov %eax, %cr0       /* EM */
	FAULTS "x87 with EM", 7, 0, fld1
	FAULTS "SSE with EM", 6, 0, addps %xmm0, %xmm0
	FAULTS "MMX with EM", 6, 0, paddb %mm0, %mm0
	mov %cr0, %eax
	and $~4, %eax
	mov %eax, %cr0
	fninit
	fldcw control
	fld1
	fldz
	fdivrp
	FAULTS "an unmasked x87 exception", 16, 0, fwait
	fninit
	movl $0x1d80, scratch
	ldmxcsr scratch
	xorps %xmm1, %xmm1
	movss one, %xmm0
	FAULTS "an unmasked SSE exception", 19, 0, divss %xmm1, %xmm0
	mov %cr4, %eax
	and $~0x400, %eax
	mov %eax, %cr4
	FAULTS "without OSXMMEXCPT", 6, 0, divss %xmm1, %xmm0
	movl $0x1f80, scratch
	ldmxcsr scratch
	/* XSAVE */
	mov $1, %eax
	cpuid
	bt $26, %ecx
	jnc 1f
	bt $27, %ecx
	CHECK "OSXSAVE is clear at first", nc
	xor %ecx, %ecx
	FAULTS "XGETBV without OSXSAVE", 6, 0, xgetbv
	mov %cr4, %eax
	or $0x40000, %eax
	mov %eax, %cr4
	mov $1, %eax
	cpuid
	bt $27, %ecx
	CHECK "and set with CR4's", c
	xor %ecx, %ecx
	xor %edx, %edx
	mov $2, %eax
	call xsetbv_bad
	mov last_vector, %eax
	SAME "XCR0 without x87", 13
	xor %ecx, %ecx
	xor %edx, %edx
	mov $3, %eax
	xsetbv
	xor %eax, %eax
	xgetbv
	SAME "XCR0", 3
	FAULTS "AVX without its bit", 6, 0, vxorps %ymm0, %ymm0, %ymm0
	xor %ecx, %ecx
	xor %edx, %edx
	mov $7, %eax
	xsetbv
	vxorps %ymm0, %ymm0, %ymm0
1:
	/* FERR# and IGNNE#, where the machine tells of them */
	mov $0x5a, %al
	mov $0x500, %dx
	outb %al, %dx
	xor %eax, %eax
	inb %dx, %al
	cmp $0x5a, %al
	jne 1f
	mov %cr0, %eax
	and $~0x20, %eax
	mov %eax, %cr0
	fninit
	fldcw control
	fld1
	fldz
	fdivrp
	movl $0, faults
	sti
	fld1 /* waits for the interrupt that FERR# makes, whose handler lets it go on */
	cli
	mov faults, %eax
	SAME "FERR# makes one interrupt", 1
	mov last_vector, %eax
	SAME "of this vector", 0x25
	fninit
	mov %cr0, %eax
	or $0x20, %eax
	mov %eax, %cr0
1:
	/* alignment */
	call load_tss
	mov %cr0, %eax
	or $0x40000, %eax
	mov %eax, %cr0
	movl $0, scratch + 1
	FAULTS3 "alignment check", 17, 0, 0x40202, movl scratch+1, %eax
	USER "aligned", 0x40202, movl scratch, %eax
	USER "without AC", 0x202, movl scratch+1, %eax
	mov %cr0, %eax
	and $~0x40000, %eax
	mov %eax, %cr0

	/* ---- MSRs ---- */
	mov $0x12345678, %ecx
	FAULTS "RDMSR of an unknown register", 13, 0, rdmsr
	mov $0x10, %ecx
	rdmsr
	mov %eax, %ebx
	rdtsc
	sub %ebx, %eax
	CHECK "the time-stamp counter goes on", ns
	mov $0x277, %ecx
	rdmsr
	SAME "PAT after reset", 0x00070406
	mov %cr4, %eax
	or $4, %eax
	mov %eax, %cr4
	FAULTS3 "RDTSC in ring 3 with TSD", 13, 0, 0x202, rdtsc
	mov %cr4, %eax
	and $~4, %eax
	mov %eax, %cr4
	USER "and without", 0x202, rdtsc
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000004, %eax
	CHECK "CPUID's extended leaves", ae

	/* ---- SMM ---- */
	mov $0x5a, %al
	mov $0x500, %dx
	outb %al, %dx
	xor %eax, %eax
	inb %dx, %al
	cmp $0x5a, %al
	jne 1f
	mov $smi_handler, %esi
	mov $0x38000, %edi
	mov $(smi_end - smi_handler), %ecx
	rep movsb
	movl $0, 0x4000
	mov $0x11223344, %ebp
	mov $0x512, %dx
	outb %al, %dx
	nop
	mov 0x4000, %eax
	SAME "SMI runs its handler in real mode, at SMBASE + 8000", 0x3000
	mov %ebp, %eax
	SAME "RSM gives the registers back as the handler left them", 0x55667788
	mov %cs, %eax
	SAME "CS", 8
	mov %cr0, %eax
	and $1, %eax
	SAME "and protected mode", 1
	FAULTS "RSM outside SMM", 6, 0, rsm
1:	ret

xsetbv_bad:
	movl $-1, last_vector
	movl $1f, resume
	mov %esp, resume_sp
	xsetbv
	movl $0, resume
1:	ret

real_mode: /* ebx: offset in LOW */
	pusha
	mov %esp, saved_sp
	ljmp $0x18, $(LOW + in16 - low)
back32:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov saved_sp, %esp
	lidt idt_pointer
	popa
	ret

	.code16
smi_handler:
	mov $0, %ax
	mov %ax, %ds
	mov %cs, %ax
	movzwl %ax, %eax
	mov %eax, 0x4000
	/* the saved EBP or RBP: by the revision of the map */
	mov %cs:0xfefc, %eax
	movl $0x55667788, %cs:0xffd0
	cmp $0x64, %al
	je 1f
	movl $0x55667788, %cs:0xffe4
1:	rsm
smi_end:

low:
in16:
	mov $0x20, %ax
	addr32 cmpb $0, unreal
	je 1f
	mov $0x10, %ax
1:	mov %ax, %ds
	mov $0x20, %ax
	mov %ax, %es
	mov %ax, %ss
	mov %cr0, %eax
	and $0xfffffffe, %eax
	mov %eax, %cr0
	ljmp $(LOW >> 4), $(2f - low)
2:	xor %ax, %ax
	mov %ax, %ss
	mov $0x7000, %sp
	mov %ax, %ds
	mov %ax, %es
	lidtl %cs:(real_idt - low)
	movl $-1, RESULT
	sti
	cli
	jmp *%bx
	.byte 0

r_divide: divw %cs:(r_zero - low)
r_zero:	.word 0
r_ud:	ud2
r_limit: mov $0x10000, %ebx
r_limit_at:
	mov (%ebx), %al
r_across: mov $0xffff, %bx
r_across_at:
	mov (%bx), %ax
r_stack: mov $0xffff, %bp
r_stack_at:
	mov (%bp), %ax
r_lldt:	lldt %ax
r_verr:	verr %ax
r_arpl:	arpl %ax, %ax
r_bound: movl $0x00050003, 0x6100
	mov $6, %ax
r_bound_at:
	bound %ax, 0x6100
r_int:	int $0x40
r_int_end:
	.word 0
r_far:	lcall $(LOW >> 4), $(1f - low)
	int $0x40
r_far_end:
1:	lret
r_code_store:
	movw $0x4711, %cs:(r_word - low)
	int $0x40
r_code_store_end:
r_word:	.word 0
r_wrap:
	/* the last bytes of the segment: nops, then a mov that is cut */
	movl $0x90909090, %ds:0xfff8
	movl $0x00b89090, %ds:0xfffc
	ljmp $0, $0xfff8
	.set r_wrap_end, low + 0xfffe
r_iret:	pushf
	push %cs
	push $(1f - low)
	iret
1:	int $0x40
r_iret_end:
r_a20:	mov $0xffff, %ax
	mov %ax, %es
	xor %ax, %ax
	mov $0x514, %dx
	out %al, %dx
	mov %es:0x5010, %cl
	inc %ax
	out %al, %dx
	mov %es:0x5010, %ch
	mov %cx, 0x6200
	int $0x40
r_unreal:
	mov $0x300000, %ebx
	movl $0x600d, (%ebx)
	int $0x40
r_unreal_end:

	.align 8
r_stubs:
	.set vector, 0
	.rept 0x41
	.align 8
	push $vector
	jmp r_common
	.set vector, vector + 1
	.endr
r_common: /* vector, ip, cs, flags */
	xor %ax, %ax
	mov %ax, %ds
	pop %ax
	mov %ax, RESULT
	pop %ax
	mov %ax, RESULT + 2
	pop %ax
	mov %ax, RESULT + 4
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	data32 ljmp $0x08, $back32
	.align 4
real_idt:
	.word 0x41 * 4 - 1
	.long 0
	.code32
low_end:

	.data
	.align 64
scratch: .fill 576, 1, 0
control: .word 0x37b
one:	.float 1.0
saved_sp: .long 0
unreal:	.long 0
	.bss
	.align 4096
end_of_image:
