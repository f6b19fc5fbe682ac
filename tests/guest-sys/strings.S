/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * REP MOVS and REP STOS (SDM volume 2), which are done in pieces where that cannot be told: each case runs with a prefix in one area and element by element, without
 * one, in another that began the same; memory and registers must be equal after it. Both directions, every size, overlaps, page borders; then how far
 * one has come that faults.
 */
#include "common.S"

	.set AREA, 0x500000   /* of the prefix */
	.set OTHER, 0x540000  /* of single elements */
	.set FIRST, 0x580000  /* what both begin with */
	.set LENGTH, 0x8000
	.set PD, 0x400000
	.set PT, 0x401000     /* of linear 800000 */
	.set W, 0x800000

	/* CASE name, movs|stos, element size, from, to, count, std|cld (offsets in the area) */
	.macro CASE name, kind, size, from, to, count, direction
	.section .rodata
89:	.asciz "\name"
	.text
	call begin
	\direction
	mov $\from + AREA, %esi
	mov $\to + AREA, %edi
	mov $\count, %ecx
	mov $0x8badf00d, %eax
	.if \size == 1
	rep \kind\()b
	.elseif \size == 2
	rep \kind\()w
	.else
	rep \kind\()l
	.endif
	cld
	push %ecx
	push %esi
	push %edi
	\direction
	mov $\from + OTHER, %esi
	mov $\to + OTHER, %edi
	mov $\count, %ecx
	jecxz 86f
85:
	.if \size == 1
	\kind\()b
	.elseif \size == 2
	\kind\()w
	.else
	\kind\()l
	.endif
	dec %ecx
	jnz 85b
86:	cld
	pop %eax
	pop %edx
	pop %ebx
	mov $89b, %ebp
	call compare
	.endm
	.macro BOTH name, size, from, to, count
	CASE "\name, up", movs, \size, \from, \to, \count, cld
	CASE "\name, down", movs, \size, \from, \to, \count, std
	.endm

main:
	call load_tss
	/* 16 MB one to one in 4 MiB pages; W by a table of pages that are not there */
	mov %cr4, %eax
	or $0x10, %eax
	mov %eax, %cr4
	mov $PD, %edi
	xor %eax, %eax
	mov $2048, %ecx
	rep stosl
	movl $0x87, PD
	movl $0x400087, PD + 4
	movl $PT + 7, PD + 8
	mov $PD, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	jmp 1f
1:	mov $FIRST, %edi
	mov $0x12345678, %eax
	mov $LENGTH / 4, %ecx
1:	imul $1103515245, %eax, %eax
	add $12345, %eax
	mov %eax, (%edi)
	add $4, %edi
	loop 1b
	BOTH "no byte", 1, 0x3000, 0x5000, 0
	BOTH "one byte", 1, 0x3000, 0x5000, 1
	BOTH "two bytes", 1, 0x3000, 0x5000, 2
	BOTH "6000 bytes", 1, 0x2123, 0x5876, 6000
	BOTH "2500 words", 2, 0x2020, 0x5100, 2500
	BOTH "2500 words across pages", 2, 0x2fff, 0x5101, 2500
	BOTH "1500 doublewords", 4, 0x2ffc, 0x5000, 1500
	BOTH "1500 doublewords across pages", 4, 0x2ffd, 0x5002, 1500
	BOTH "bytes that overlap by all but one, above", 1, 0x4000, 0x4001, 4500
	BOTH "bytes that overlap by all but one, below", 1, 0x4001, 0x4000, 4500
	BOTH "doublewords that overlap, above", 4, 0x4000, 0x4ff4, 1300
	BOTH "doublewords that overlap, below", 4, 0x4ff4, 0x4000, 1300
	BOTH "doublewords that overlap in themselves, above", 4, 0x4000, 0x4003, 1300
	BOTH "doublewords that overlap in themselves, below", 4, 0x4003, 0x4000, 1300
	BOTH "onto themselves", 4, 0x4000, 0x4000, 1300
	BOTH "words that overlap by a page, above", 2, 0x3000, 0x4000, 3000
	BOTH "words that overlap by a page, below", 2, 0x4000, 0x3000, 3000
	CASE "bytes are stored, up", stos, 1, 0, 0x2567, 5000, cld
	CASE "bytes are stored, down", stos, 1, 0, 0x4567, 5000, std
	CASE "words are stored, up", stos, 2, 0, 0x2fff, 2500, cld
	CASE "words are stored, down", stos, 2, 0, 0x4fff, 2500, std
	CASE "doublewords are stored, up", stos, 4, 0, 0x2ffe, 1300, cld
	CASE "doublewords are stored, down", stos, 4, 0, 0x4ffe, 1300, std

	/* addresses of 16 bits wrap: 8 bytes at the window's beginning, the rest at its end */
	DESCRIPTOR 0x40, AREA, 0xffff, 0x0092
	mov $0x40, %eax
	mov %eax, %es
	mov $AREA, %edi
	xor %eax, %eax
	mov $0x4000, %ecx
	mov $0x10, %edx
	mov %edx, %es
	rep stosl
	mov $0x40, %eax
	mov %eax, %es
	std
	mov $0x77, %eax
	mov $7, %edi
	mov $16, %ecx
	addr16 rep stosb
	cld
	mov $0x10, %eax
	mov %eax, %es
	cmp $0xfff7, %di
	CHECK "16-bit addresses wrap downwards", e
	cmpb $0x77, AREA + 0xfff8
	CHECK "to the end of the segment", e
	cmpb $0, AREA + 0xfff7
	CHECK "and no further", e
	cmpb $0x77, AREA
	CHECK "from its beginning", e

	/* the fault of a page */
	movl $0x600003, PT + 4
	movl $0, PT
	invlpg W
	invlpg W + 4096
	movl $0, 0x600ffc
	movl $0, 0x600000
	std
	mov $W + 4096 + 4092, %edi
	mov $2000, %ecx
	mov $0x5a5a5a5a, %eax
	movl $0, last_cx
	FAULTS "rep stosl down into an absent page", 14, 2, rep stosl
	cld
	mov last_cr2, %eax
	cmp $W + 4092, %eax
	CHECK "CR2 is the element's", e
	cmpl $2000 - 1024, last_cx
	CHECK "what is left", e
	cmp $W + 4092, %edi
	CHECK "and where", e
	cmpl $0x5a5a5a5a, 0x600000
	CHECK "the last one before is there", e
	std
	mov $W + 4096 + 100, %esi
	mov $AREA + 0x8000, %edi
	mov $500, %ecx
	FAULTS "rep movsb down from an absent page", 14, 0, rep movsb
	cld
	cmpl $500 - 101, last_cx
	CHECK "what is left of it", e
	cmp $AREA + 0x8000 - 101, %edi
	CHECK "and where to", e
	/* the page may be read and not written, with WP */
	mov %cr0, %eax
	or $0x10000, %eax
	mov %eax, %cr0
	movl $0x601001, PT
	invlpg W
	mov W, %eax
	std
	mov $W + 4096 + 8, %edi
	mov $10, %ecx
	FAULTS "rep stosl down into a page that must not be written", 14, 3, rep stosl
	cld
	cmpl $7, last_cx
	CHECK "what is left there", e
	ret

	/* Both areas alike, and nothing of them in the TLB. */
begin:
	cld
	.irp to, AREA, OTHER
	mov $FIRST, %esi
	mov $\to, %edi
	mov $LENGTH / 4, %ecx
	rep movsl
	.endr
	mov %cr3, %eax
	mov %eax, %cr3
	ret

	/* edi, esi, ecx of single elements; eax, edx, ebx of the prefix; ebp: name */
compare:
	sub $OTHER - AREA, %edi
	cmp %eax, %edi
	jne 1f
	sub $OTHER - AREA, %esi
	cmp %edx, %esi
	jne 1f
	test %ebx, %ebx
	jnz 1f
	test %ecx, %ecx
	jnz 1f
	mov $AREA, %esi
	mov $OTHER, %edi
	mov $LENGTH / 4, %ecx
	repe cmpsl
	jne 1f
	mov %ebp, %esi
	jmp print_good
1:	mov %ebp, %esi
	jmp print_bad

	.data
	.bss
	.align 4096
end_of_image:
