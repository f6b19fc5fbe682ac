/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control and model-specific registers and instructions around them (SDM volume 3, 2.5, 4.10, 9.11, 11.11; volume 2, MOV CR, LMSW, WRMSR, RDPMC,
 * MONITOR, INTO, BOUND, INVPCID): what must fault, what stays; process contexts and pages of 1 GB.
 */
#include "common.S"

	.set PML4, 0x400000
	.set PDPT, 0x401000
	.set PD, 0x402000
	.set PML4_B, 0x404000   /* another address space */
	.set PDPT_B, 0x405000
	.set PD_B, 0x406000
	.set CODE64, 0x40
	.set W, 0x40000000      /* 1 GB up */

	.macro WRITES name, reg, low, high, vec
	mov $\reg, %ecx
	mov $\low, %eax
	mov $\high, %edx
	.if \vec
	FAULTS "\name", \vec, 0, wrmsr
	.else
	wrmsr
	xor %eax, %eax
	rdmsr
	SAME "\name", \low
	.endif
	.endm
	/* a control register without some bits, with others */
	.macro WITH reg, bits
	mov %\reg, %eax
	or $\bits, %eax
	.endm
	.macro WITHOUT reg, bits
	mov %\reg, %eax
	and $~(\bits), %eax
	.endm

main:
	call load_tss
	/* ---- CR0, CR4 ---- */
#ifndef PEER /* which checks none of these, and dies of it */
	mov $0x80000010, %eax
	FAULTS "CR0: PG without PE", 13, 0, mov %eax, %cr0
	WITH cr0, 0x20000000
	and $~0x40000000, %eax
	FAULTS "CR0: NW without CD", 13, 0, mov %eax, %cr0
	WITH cr4, 0x80000000
	FAULTS "CR4: a reserved bit", 13, 0, mov %eax, %cr4
	WITH cr4, 0x20000
	FAULTS "CR4: PCIDE outside of long mode", 13, 0, mov %eax, %cr4
#endif
	smsw %eax
	and $~1, %eax
	lmsw %ax
	smsw %eax
	and $1, %eax
	SAME "LMSW does not clear PE", 1
	mov %cr0, %eax
	or $8, %eax
	mov %eax, %cr0
	clts
	mov %cr0, %eax
	and $8, %eax
	SAME "CLTS", 0
	mov %cr0, %eax
	and $0x10, %eax
	SAME "ET is always set", 0x10
	mov $0x12345678, %eax
	mov %eax, %cr2
	xor %eax, %eax
	mov %cr2, %eax
	SAME "CR2 is a register", 0x12345678

	/* ---- INTO, BOUND, INT n ---- */
	mov $0x7fffffff, %eax
	inc %eax
	TRAPS "INTO with OF", 4, 0, into
	xor %eax, %eax
	movl $-1, last_vector
	into
	mov last_vector, %eax
	SAME "INTO without OF", -1
	mov $6, %eax
	FAULTS "BOUND above", 5, 0, bound %eax, limits
	mov $2, %eax
	FAULTS "BOUND below", 5, 0, bound %eax, limits
	mov $5, %eax
	bound %eax, limits
	mov $3, %eax
	bound %eax, limits
	SAME "BOUND within", 3
	FAULTS "INT beyond the table", 13, 40*8+2, int $40

	/* ---- model-specific registers ---- */
	WRITES "PAT", 0x277, 0x01040506, 0x00010406, 0
	WRITES "PAT: a reserved type", 0x277, 0x02040506, 0, 13
	WRITES "SYSENTER_EIP", 0x176, 0x87654321, 0, 0
	WRITES "MTRR: the default type", 0x2ff, 0xc06, 0, 0
	WRITES "MTRR: a reserved type", 0x2ff, 0xc02, 0, 13
	WRITES "MTRR: a base", 0x200, 0x12340006, 0, 0
	WRITES "MTRR: a mask", 0x201, 0xfff00800, 0, 0
	WRITES "MTRR: a base's reserved bit", 0x200, 0x12340106, 0, 13
	WRITES "MTRR: fixed", 0x250, 0x06060606, 0x06060606, 0
	WRITES "MTRR: fixed, a reserved type", 0x250, 0x02060606, 0, 13
	mov $0xfe, %ecx
	rdmsr
	and $0xff, %eax
	cmp $8, %eax
	CHECK "MTRRcap: eight or more", ae
	WRITES "MTRRcap is read-only", 0xfe, 0, 0, 13
	WRITES "EFER: a reserved bit", 0xc0000080, 0x2, 0, 13
	WRITES "MISC_ENABLE", 0x1a0, 1, 0, 0
	mov $0x10, %ecx         /* TSC */
	mov $0x1000, %eax
	mov $0x77, %edx
	wrmsr
	rdtsc
	mov %edx, %eax
	SAME "the TSC is what was written", 0x77
	mov $0x40000000, %ecx
	FAULTS "WRMSR to nothing", 13, 0, wrmsr
	mov $0x10, %ecx
	FAULTS3 "RDMSR in ring 3", 13, 0, 0x202, rdmsr
	mov $0xff, %ecx
	FAULTS "RDPMC of no counter", 13, 0, rdpmc
	xor %ecx, %ecx
	FAULTS3 "RDPMC in ring 3", 13, 0, 0x202, rdpmc
	mov %cr4, %eax
	or $0x100, %eax
	mov %eax, %cr4
	xor %ecx, %ecx
	USER "RDPMC in ring 3 with PCE", 0x202, rdpmc
	mov %cr4, %eax
	and $~0x100, %eax
	mov %eax, %cr4
	/* MONITOR and MWAIT */
	mov $1, %eax
	cpuid
	test $8, %ecx
	jz 1f
	mov $limits, %eax
	mov $1, %ecx
	xor %edx, %edx
	FAULTS "MONITOR with an unknown hint", 13, 0, monitor
	mov $limits, %eax
	xor %ecx, %ecx
	monitor
	incl limits             /* the store ends the wait */
	xor %eax, %eax
#ifndef PEER /* which waits for an interrupt */
	mwait
#endif
	mov limits, %eax
	SAME "MWAIT ends", 4
	xor %ecx, %ecx
	FAULTS3 "MONITOR in ring 3", 6, 0, 0x202, monitor
	FAULTS3 "MWAIT in ring 3", 6, 0, 0x202, mwait
1:
	/* ---- long mode: pages of 1 GB, process contexts ---- */
	mov $PML4, %edi
	xor %eax, %eax
	mov $0x7000 / 4, %ecx
	rep stosl
	movl $PDPT + 7, PML4
	movl $PD + 7, PDPT
	movl $PDPT_B + 7, PML4_B
	movl $PD + 7, PDPT_B
	movl $0x000083, PD
	movl $0x200083, PD + 8
	movl $0x400083, PD + 16
	movl $0x000083, PDPT + 8        /* W: the first GB again, in one page */
	movl $PD_B + 7, PDPT_B + 8      /* W: the second 2 MB first */
	movl $0x200083, PD_B
	movl $0x11111111, 0x10000
	movl $0x22222222, 0x210000
	mov $0x80000001, %eax
	cpuid
	test $(1 << 26), %edx
	jnz 1f
	movl $PD + 7, PDPT + 8
1:	DESCRIPTOR CODE64, 0, 0xfffff, 0xa09b
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $PML4, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	mov W + 0x10000, %eax
	SAME "a page of 1 GB", 0x11111111
	mov W + 0x210000, %eax
	SAME "all of it", 0x22222222
	movb $0x77, W + 0x10001
	mov 0x10000, %eax
	SAME "a store there", 0x11117711
	testb $0x40, PDPT + 8
	CHECK "makes the entry dirty", nz
	movl $0x11111111, 0x10000
	ljmp $CODE64, $1f
	.code64
1:	movl $0, results
	mov $1, %eax
	cpuid
	bt $17, %ecx
	jnc 9f
	mov %cr4, %rax
	bts $17, %rax
	mov %rax, %cr4
	mov $PML4 + 1, %eax
	mov %rax, %cr3
	mov W + 0x10000, %ebx           /* context 1: the first space */
	mov $PML4_B + 2, %eax
	mov %rax, %cr3
	mov W + 0x10000, %ecx           /* context 2: the second one */
	mov $PML4 + 1, %eax
	bts $63, %rax
	mov %rax, %cr3
	mov W + 0x10000, %edx           /* back, without a flush */
	mov $PML4_B + 2, %eax
	bts $63, %rax
	mov %rax, %cr3
	mov W + 0x10000, %esi
	mov %ebx, results + 4
	mov %ecx, results + 8
	mov %edx, results + 12
	mov %esi, results + 16
	/* the other context's page changes; INVPCID of one address there, then of a context */
	movl $0x000083, PD_B
	movq $2, descriptor
	movq $W, descriptor + 8
	mov $7, %eax

	xor %ecx, %ecx
	cpuid
	bt $10, %ebx
	jnc 8f
	xor %eax, %eax
	invpcid descriptor, %rax
	mov W + 0x10000, %ebx
	mov %ebx, results + 20
	movl $0x200083, PD_B
	mov $1, %eax
	invpcid descriptor, %rax
	mov W + 0x10000, %ebx
	mov %ebx, results + 24
	movl $0x000083, PD_B
	mov $2, %eax
	invpcid descriptor, %rax
	mov W + 0x10000, %ebx
	mov %ebx, results + 28

	/* identifiers that differ in bit 11, which page-table isolation turns over at each entry of the kernel */
	.macro SPACE root, flush
	mov $\root, %eax
	.ifb \flush
	bts $63, %rax
	.endif
	mov %rax, %cr3
	.endm
	.macro SEEN at
	mov W + 0x10000, %ebx
	mov %ebx, results + \at
	.endm
	movl $0x200083, PD_B
	SPACE PML4 + 2, flush
	SEEN 32
	SPACE PML4_B + 0x802, flush
	SEEN 36
	SPACE PML4 + 2
	SEEN 40
	SPACE PML4_B + 0x802
	SEEN 44
	/* its page changes while the other one is there: INVPCID of it, of an address in it, of all but global pages; a load of CR3 */
	SPACE PML4 + 2
	movl $0x000083, PD_B
	movq $0x802, descriptor
	mov $1, %eax
	invpcid descriptor, %rax
	SPACE PML4_B + 0x802
	SEEN 48
	SPACE PML4 + 2
	movl $0x200083, PD_B
	xor %eax, %eax
	invpcid descriptor, %rax
	SPACE PML4_B + 0x802
	SEEN 52
	SPACE PML4 + 2
	movl $0x000083, PD_B
	mov $3, %eax
	invpcid descriptor, %rax
	SPACE PML4_B + 0x802
	SEEN 56
	SPACE PML4 + 2
	movl $0x200083, PD_B
	SPACE PML4_B + 0x802, flush
	SEEN 60
	/* a third one, which was never there, and back */
	SPACE PML4 + 0x803
	SEEN 64
	SPACE PML4_B + 0x802
	SEEN 68
	/* a global page of the other one: INVLPG reaches it */
	mov %cr4, %rax
	bts $7, %rax
	mov %rax, %cr4
	movl $0x200183, PD_B
	SPACE PML4_B + 0x802, flush
	SEEN 72
	SPACE PML4 + 2
	movl $0x000083, PD_B
	invlpg W + 0x10000
	SPACE PML4_B + 0x802
	SEEN 76
	/* and INVPCID of all */
	movl $0x000183, PD_B
	SPACE PML4_B + 0x802, flush
	mov W + 0x10000, %ebx
	SPACE PML4 + 2
	movl $0x200083, PD_B
	mov $2, %eax
	invpcid descriptor, %rax
	SPACE PML4_B + 0x802
	SEEN 80
	movl $2, results
	jmp 7f
8:	movl $1, results
7:	mov $PML4, %eax
	mov %rax, %cr3
	mov %cr4, %rax
	btr $17, %rax
	mov %rax, %cr4
9:	pushq $8
	pushq $back32
	lretq
	.code32
back32:	mov $0x10, %eax
	mov %eax, %ss
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	cmpl $0, results
	je 1f
	.macro RESULT name, at, value
	mov results + \at, %eax
	SAME "\name", \value
	.endm
	RESULT "PCID: the first context", 4, 0x11111111
	RESULT "PCID: the second one", 8, 0x22222222
	RESULT "PCID: the first again, unflushed", 12, 0x11111111
	RESULT "PCID: the second again", 16, 0x22222222
	cmpl $2, results
	jne 1f
	RESULT "INVPCID of an address", 20, 0x11111111
	RESULT "INVPCID of a context", 24, 0x22222222
	RESULT "INVPCID of all", 28, 0x11111111
	RESULT "bit 11 of the PCID: the first context", 32, 0x11111111
	RESULT "the second one", 36, 0x22222222
	RESULT "the first again, unflushed", 40, 0x11111111
	RESULT "the second again", 44, 0x22222222
	RESULT "INVPCID of the context that is not there", 48, 0x11111111
	RESULT "of an address in it", 52, 0x22222222
	RESULT "of all but global pages", 56, 0x11111111
	RESULT "a load of CR3 with bit 63 clear", 60, 0x22222222
	RESULT "a context that is new", 64, 0x11111111
	RESULT "and the one before it", 68, 0x22222222
	RESULT "a global page", 72, 0x22222222
	RESULT "INVLPG reaches the other context's global page", 76, 0x11111111
	RESULT "INVPCID of all, global pages included", 80, 0x22222222
1:	ret

	.data
limits:	.long 3, 5
results:	.fill 24, 4, 0
descriptor:	.quad 0, 0
	.bss
	.globl end_of_image
end_of_image:
