/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paging without long mode (SDM volume 3, 4.3, 4.4, 4.6 to 4.8): 32-bit with 4 KiB and 4 MiB pages, PSE-36, PAE; rights, A and D, reserved bits. */
#include "common.S"

	.set PD, 0x400000      /* page directory */
	.set PT, 0x401000      /* of linear 800000 */
	.set PDPT, 0x402000
	.set PD64, 0x403000    /* four of PAE */
	.set PT64, 0x407000    /* of linear 800000 */
	.set W, 0x800000       /* the window that the tests change */
	.set RW, 3
	.set USER_RW, 7

	/* A page fault at `insn` with this error code and CR2. */
	.macro PAGEFAULT name, error, address, insn:vararg
	FAULTS "\name", 14, \error, \insn
	mov last_cr2, %eax
	SAME "\name: CR2", \address
	.endm
	.macro PAGEFAULT3 name, error, address, insn:vararg
	FAULTS3 "\name", 14, \error, 0x202, \insn
	mov last_cr2, %eax
	SAME "\name: CR2", \address
	.endm
	.macro PTE n, value
	movl $\value, PT + 4 * \n
	invlpg W + 4096 * \n
	.endm
	.macro PTE64 n, high, low
	movl $\low, PT64 + 8 * \n
	movl $\high, PT64 + 8 * \n + 4
	invlpg W + 4096 * \n
	.endm

main:
	call load_tss
	/* 16 MB one to one in 4 MiB pages for everybody; W by a table */
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
	movl $0xc00087, PD + 12
	mov $PD, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	jmp 1f
1:	movl $0x12345678, 0x600000
	movl $0x9abcdef0, 0x601000

	PAGEFAULT "an absent page read", 0, W, mov W, %eax
	PAGEFAULT "an absent page written", 2, W+4, movl $1, W+4
	PAGEFAULT "absent, in a missing table", 0, 0x1000000, mov 0x1000000, %eax
	PTE 0, 0x600003
	mov W, %eax
	SAME "a page", 0x12345678
	mov PT, %eax
	and $0x60, %eax
	SAME "was accessed, is not dirty", 0x20
	movl $0x11111111, W
	mov PT, %eax
	and $0x60, %eax
	SAME "a store makes it dirty", 0x60
	mov 0x600000, %eax
	SAME "and is in memory", 0x11111111
	mov PD + 8, %eax
	and $0x60, %eax
	SAME "the directory entry is accessed alone", 0x20
	PTE 1, 0x601003
	movl $0xaabbccdd, W + 4094
	mov 0x600ffc, %eax
	shr $16, %eax
	SAME "a store across two pages: first", 0xccdd
	movzwl 0x601000, %eax
	SAME "second", 0xaabb
	PTE 1, 0
	movw $0x5555, 0x600ffe
	PAGEFAULT "a store across into an absent page", 2, W+4096, movl $0, W + 4094
	movzwl 0x600ffe, %eax
	SAME "stores nothing", 0x5555
	PAGEFAULT "a load across into an absent page", 0, W+4096, mov W + 4094, %eax

	/* rights */
	PTE 0, 0x600001
	movl $0x22222222, W
	mov 0x600000, %eax
	SAME "without WP the kernel writes to read-only pages", 0x22222222
	mov %cr0, %eax
	or $0x10000, %eax
	mov %eax, %cr0
	PAGEFAULT "with WP it does not", 3, W, movl $1, W
	PAGEFAULT "nor with lock", 3, W, lock incl W
	PAGEFAULT "nor by xadd", 3, W+8, xadd %eax, W+8
	PAGEFAULT3 "ring 3 does not read the kernel's", 5, W, mov W, %eax
	PAGEFAULT3 "nor write it", 7, W, movl $1, W
	PTE 0, 0x600005
	PAGEFAULT3 "ring 3 does not write a read-only page", 7, W, movl $1, W
	USER "but reads it", 0x202, mov W, %eax
	PTE 0, 0x600007
	USER "ring 3 writes its own", 0x202, movl $7, W
	movl $PT + 3, PD + 8
	mov %cr3, %eax
	mov %eax, %cr3
	PAGEFAULT3 "the directory's U counts", 5, W, mov W, %eax
	movl $PT + 5, PD + 8
	mov %cr3, %eax
	mov %eax, %cr3
	PAGEFAULT3 "the directory's W counts", 7, W, movl $1, W
	PAGEFAULT "for the kernel as well", 3, W, movl $1, W
	movl $PT + 7, PD + 8
	mov %cr3, %eax
	mov %eax, %cr3
	/* code */
	PTE 0, 0x600007
	movb $0xc3, W
	mov $W, %ebx
	call *%ebx
	PTE 0, 0x600006
	movl $-1, last_vector
	movl $1f, resume
	mov %esp, resume_sp
	mov $W, %ebx
	call *%ebx
1:	mov last_ip, %eax
	SAME "a jump to an absent page faults there", W
	mov last_error, %eax
	SAME "as a read", 0
	PTE 0, 0x600007
	/* a flush that is left out need not be seen; one that is done must */
	mov W + 16, %eax
	movl $0x601007, PT
	invlpg W
	movl $0x33333333, 0x601010
	mov W + 16, %eax
	SAME "INVLPG", 0x33333333
	movl $0x600007, PT
	movl $0x44444444, 0x600010
	mov %cr3, %eax
	mov %eax, %cr3
	mov W + 16, %eax
	SAME "MOV CR3 flushes", 0x44444444
	/* string instructions stop at the fault with registers that tell */
	PTE 1, 0
	mov $W + 4096 - 16, %edi
	mov $16, %ecx
	mov $0x77, %eax
	movl $0, last_cx
	FAULTS "rep stosl into an absent page", 14, 2, rep stosl
	mov last_cr2, %eax
	cmp $W + 4096, %eax
	CHECK "CR2 of it", e
	cmpl $12, last_cx
	CHECK "what is left to do", e
	cmp $W + 4096, %edi
	CHECK "and where", e
	mov $W + 4096 - 16, %esi
	mov $0x610000, %edi
	mov $100, %ecx
	PAGEFAULT "rep movsb from an absent page", 0, W+4096, rep movsb
	mov last_cx, %eax
	SAME "what is left", 84
	/* the processor's own accesses are the kernel's, whoever runs */
	USER "an interrupt in ring 3 with the IDT in a page of the kernel's", 0x202, nop

	/* PSE-36: a 4 MiB page above 4 GB is absent memory, but its reserved bit faults */
	movl $0x00200087 + 0xc00000, PD + 12
	mov %cr3, %eax
	mov %eax, %cr3
	PAGEFAULT "bit 21 of a 4 MiB page is reserved", 9, 0xc00000, mov 0xc00000, %eax
	movl $0xc00087, PD + 12
	mov %cr3, %eax
	mov %eax, %cr3
	/* without PSE the bit means nothing: the entry is a table */
	testb $0x20, PD + 4
	CHECK "large pages have A", nz
	testb $0x40, PD + 4
	CHECK "and D", nz
	/* global pages stay when CR3 is loaded, may they be changed */
	mov %cr4, %eax
	or $0x80, %eax
	mov %eax, %cr4
	PTE 2, 0x600107
	mov W + 8192 + 16, %eax
	invlpg W + 8192
	movl $0x601107, PT + 8
	invlpg W + 8192
	mov W + 8192 + 16, %eax
	SAME "INVLPG takes a global page", 0x33333333
	movl $0x600107, PT + 8
	mov %cr4, %eax
	xor $0x80, %eax
	mov %eax, %cr4
	mov W + 8192 + 16, %eax
	SAME "a change of CR4.PGE flushes global pages", 0x44444444

	/* ---- PAE ---- */
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	mov $PDPT, %edi
	xor %eax, %eax
	mov $(6 * 1024), %ecx
	rep stosl
	movl $PD64 + 1, PDPT
	movl $0x000087, PD64
	movl $0x200087, PD64 + 8
	movl $0x400087, PD64 + 16
	movl $0x600087, PD64 + 24
	movl $PT64 + 7, PD64 + 32
	movl $0xc00087, PD64 + 48
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $PDPT, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	jmp 1f
1:	PAGEFAULT "PAE: an absent page", 0, W, mov W, %eax
	PAGEFAULT "PAE: an absent pointer", 2, 0x40000000, movl $1, 0x40000000
	PTE64 0, 0, 0x600007
	movl $0x55555555, W
	mov 0x600000, %eax
	SAME "PAE: a page", 0x55555555
	mov PT64, %eax
	and $0x60, %eax
	SAME "PAE: A and D", 0x60
	PTE64 0, 0x100000, 0x600007
	PAGEFAULT "PAE: a reserved bit", 9, W, mov W, %eax
	PAGEFAULT "PAE: a reserved bit at a store", 11, W, movl $1, W
	PTE64 0, 0x80000000, 0x600007
	PAGEFAULT "PAE: NX is reserved without NXE", 9, W, mov W, %eax
	mov $0xc0000080, %ecx
	rdmsr
	or $0x800, %eax
	wrmsr
	mov W, %eax
	SAME "PAE: with NXE it is none", 0x55555555
	movb $0xc3, 0x600000
	movl $-1, last_vector
	movl $1f, resume
	mov %esp, resume_sp
	mov $W, %ebx
	call *%ebx
1:	mov last_vector, %eax
	SAME "PAE: execution of an NX page", 14
	mov last_error, %eax
	SAME "PAE: is told as a fetch", 0x11
	PTE64 0, 0, 0x600007
	call *%ebx
	movl $0x00002087, PD64 + 48
	mov %cr3, %eax
	mov %eax, %cr3
	PAGEFAULT "PAE: a large page's reserved bits", 9, 0xc00000, mov 0xc00000, %eax
	/* PDPTE registers: memory may change, until CR3 is loaded */
	movl $0, PDPT
	mov W, %al
	cmp $0xc3, %al
	CHECK "PAE: the pointers are kept in registers", e
	movl $PD64 + 3, PDPT
	mov $PDPT, %eax
	FAULTS "PAE: a reserved bit in a pointer", 13, 0, mov %eax, %cr3
	movl $PD64 + 1, PDPT
	mov $PDPT, %eax
	mov %eax, %cr3
	PTE64 0, 0, 0x600003
	PAGEFAULT3 "PAE: ring 3 does not read the kernel's", 5, W, mov W, %eax
	ret

	.data
	.bss
	.align 4096
end_of_image:
