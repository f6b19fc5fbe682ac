/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segments in protected mode (SDM volume 3, chapters 3 and 5): loads with all their checks, limits and types of accesses, LAR and its kin. */
#include "common.S"

	/* selectors of gdt_more */
	.set ABSENT, 0x40
	.set READONLY, 0x48
	.set DOWN, 0x50
	.set SMALL, 0x58
	.set EXECONLY, 0x60
	.set CONFORMING, 0x68
	.set DPL1, 0x70
	.set ABSENT_CODE, 0x78
	.set SMALL_CODE, 0x80
	.set LDT, 0x88
	.set GATE, 0x90
	.set DOWN32, 0x98
	.set SYSTEM, 0xa0
	.set BASED, 0xa8
	.set CODE16, 0xb0
	.set BASED_CODE, 0xb8
	.set SMALL_STACK, 0xc0

main:
	call load_tss
	DESCRIPTOR ABSENT, 0, 0xfffff, 0xc013
	DESCRIPTOR READONLY, 0, 0xfffff, 0xc091
	DESCRIPTOR DOWN, 0, 0x0fff, 0x0097
	DESCRIPTOR SMALL, data_small, 15, 0x4093
	DESCRIPTOR EXECONLY, 0, 0xfffff, 0xc099
	DESCRIPTOR CONFORMING, 0, 0xfffff, 0xc09f
	DESCRIPTOR DPL1, 0, 0xfffff, 0xc0b3
	DESCRIPTOR ABSENT_CODE, 0, 0xfffff, 0xc01b
	DESCRIPTOR SMALL_CODE, small_code, small_code_end-small_code-1, 0x409b
	DESCRIPTOR LDT, ldt, 31, 0x0082
	DESCRIPTOR GATE, 0, 0, 0x008c
	DESCRIPTOR DOWN32, 0, 0x100, 0xc097
	DESCRIPTOR SYSTEM, tss, 103, 0x0089
	DESCRIPTOR BASED, data_small, 0xfffff, 0xc093
	DESCRIPTOR CODE16, 0, 0xffff, 0x009b
	DESCRIPTOR SMALL_STACK, 0, 0x1ff, 0xc093
	DESCRIPTOR BASED_CODE, 0x100000, 0xfffff, 0xc09b

	mov $data_small, %eax
	mov $15, %ecx
	mov $0x4093, %edx
	mov $(ldt + 8), %edi
	call make_descriptor

	/* loads of data segments */
	mov $ABSENT, %eax
	FAULTS "load of an absent segment", 11, ABSENT, mov %eax, %ds
	push $ABSENT
	FAULTS "pop of an absent segment", 11, ABSENT, pop %es
	pop %eax
	mov $ABSENT, %eax
	FAULTS "load of an absent stack segment", 12, ABSENT, mov %eax, %ss
	mov $READONLY, %eax
	FAULTS "a read-only stack segment", 13, READONLY, mov %eax, %ss
	mov $EXECONLY, %eax
	FAULTS "an execute-only segment as data", 13, EXECONLY, mov %eax, %fs
	mov $0x38, %eax
	FAULTS "a task state as data", 13, 0x38, mov %eax, %gs
	mov $DPL1, %eax
	FAULTS "a stack segment of another privilege", 13, DPL1, mov %eax, %ss
	mov $(0x10 + 1), %eax
	FAULTS "a stack selector whose RPL is not CPL", 13, 0x10, mov %eax, %ss
	xor %eax, %eax
	FAULTS "a null stack segment", 13, 0, mov %eax, %ss
	mov $0x1ff8, %eax
	FAULTS "a selector beyond the table", 13, 0x1ff8, mov %eax, %fs
	mov $(DPL1|2), %eax
	FAULTS "RPL above DPL", 13, DPL1, mov %eax, %fs
	mov $0x0c, %eax
	FAULTS "LDT selector without an LDT", 13, 0x0c, mov %eax, %fs
	mov $(CONFORMING|3), %eax
	mov %eax, %fs
	mov %fs, %eax
	SAME "conforming code is data for everybody", CONFORMING|3
	mov $SMALL, %eax
	mov %eax, %fs
	testb $1, gdt + SMALL + 5
	CHECK "the accessed bit is set", nz
	FAULTS "les takes a bad selector", 13, 0x1ff8, les bad_pointer, %eax

	/* limits */
	mov %fs:12, %eax
	SAME "the last double word of a segment", 0x44444444
	FAULTS "one byte beyond the limit", 13, 0, mov %fs:13, %eax
	FAULTS "far beyond the limit", 13, 0, movb %fs:0x1000, %al
	FAULTS "a store beyond the limit", 13, 0, movl $0, %fs:14
	mov $16, %ebx
	FAULTS "indexed, beyond the limit", 13, 0, addl $1, %fs:(%ebx)
	mov $-1, %ebx
	FAULTS "below zero is beyond the limit", 13, 0, mov %fs:(%ebx), %al
	mov $READONLY, %eax
	mov %eax, %fs
	mov %fs:zero, %eax
	SAME "reading a read-only segment", 0
	FAULTS "storing to a read-only segment", 13, 0, movl $1, %fs:zero
	FAULTS "storing to the code segment", 13, 0, movl $1, %cs:zero
	mov $DOWN, %eax
	mov %eax, %fs
	mov %fs:0x1000, %al
	CHECK "an expand-down segment above its limit", z
	FAULTS "an expand-down segment at its limit", 13, 0, mov %fs:0xfff, %al
	FAULTS "an expand-down segment across its limit", 13, 0, mov %fs:0xfff, %ax
	FAULTS "a 16-bit expand-down segment ends at 64K", 13, 0, mov %fs:0x10000, %al
	FAULTS "and across 64K", 13, 0, mov %fs:0xffff, %ax
	mov $DOWN32, %eax
	mov %eax, %fs
	FAULTS "a 32-bit expand-down segment below its limit", 13, 0, mov %fs:0x100fff, %al
	mov %fs:0x101000, %al
	xor %eax, %eax
	mov %eax, %fs
	FAULTS "access through a null selector", 13, 0, mov %fs:0, %al
	mov $BASED, %eax
	mov %eax, %fs
	mov %fs:4, %eax
	SAME "a base is added", 0x22222222

	/* the stack */
	mov $SMALL, %eax
	mov %esp, saved_sp
	mov %eax, %ss
	mov $8, %esp
	pushl $0x55555555
	mov %esp, %eax
	mov %ss:(%esp), %ebx
	mov $0x10, %ecx
	mov %ecx, %ss
	mov saved_sp, %esp
	SAME "a push in a small stack segment", 4
	cmp $0x55555555, %ebx
	CHECK "is where it should be", e
	mov $SMALL_STACK, %eax
	mov %esp, saved_sp
	mov %eax, %ss
	FAULTS "a stack access beyond the limit", 12, 0, movl %ss:0x200000, %eax
	mov $SMALL_STACK, %eax
	mov %eax, %ss
	mov $0x200000, %ebp
	FAULTS "through rBP", 12, 0, movl (%ebp), %eax
	mov $0x10, %ecx
	mov %ecx, %ss
	mov saved_sp, %esp

	/* code */
	ljmp $CONFORMING, $1f
1:	mov %cs, %eax
	ljmp $8, $1f
1:	SAME "a jump to conforming code", CONFORMING
	FAULTS "a jump to a null selector", 13, 0, ljmp $0, $0
	FAULTS "a jump to data", 13, 0x10, ljmp $0x10, $0
	FAULTS "a jump to absent code", 11, ABSENT_CODE, ljmp $ABSENT_CODE, $0
	FAULTS "a jump to code of another privilege", 13, 0x28, ljmp $0x28, $0
	FAULTS "a jump beyond the limit", 13, 0, ljmp $SMALL_CODE, $0x1000
	FAULTS "a call of data", 13, 0x10, lcall $0x10, $0
	FAULTS "a jump to an LDT", 13, LDT, ljmp $LDT, $0
	ljmp $SMALL_CODE, $0
small_code_done:
	SAME "a code segment with a base", 0x1234
	movl $-1, last_vector
	movl $3f, resume
	mov %esp, resume_sp
	ljmp $SMALL_CODE, $(small_overrun-small_code)
3:	mov last_vector, %eax
	SAME "running over the end of the code segment", 13
	mov last_ip, %eax
	SAME "faults at the instruction that is not inside", small_last-small_code
	mov last_cs, %eax
	SAME "with its selector", SMALL_CODE
	movl $-1, last_vector
	movl $3f, resume
	mov %esp, resume_sp
	ljmp $SMALL_CODE, $(small_far-small_code)
3:	mov last_vector, %eax
	SAME "a near jump beyond the limit", 13
	mov last_ip, %eax
	SAME "faults at the jump", small_far-small_code

	/* inspection */
	mov $0x10, %eax
	lar %eax, %ebx
	CHECK "LAR of data", z
	mov %ebx, %eax
	and $0x00f0ff00, %eax
	SAME "gives the attributes", 0x00c09300
	mov $GATE, %eax
	lar %eax, %ebx
	CHECK "LAR of a call gate", z
	lsl %eax, %ebx
	CHECK "LSL of a call gate", nz
	mov $SMALL, %eax
	lsl %eax, %eax
	SAME "LSL in bytes", 15
	mov $0x10, %eax
	lsl %eax, %eax
	SAME "LSL with granularity", 0xffffffff
	mov $0x1ff8, %eax
	lar %eax, %ebx
	CHECK "LAR beyond the table", nz
	mov $(DPL1|3), %eax
	lar %eax, %ebx
	CHECK "LAR with RPL above DPL", nz
	xor %eax, %eax
	lar %eax, %ebx
	CHECK "LAR of null", nz
	mov $EXECONLY, %eax
	verr %ax
	CHECK "VERR of execute-only code", nz
	mov $READONLY, %eax
	verr %ax
	CHECK "VERR of read-only data", z
	verw %ax
	CHECK "VERW of read-only data", nz
	mov $0x10, %eax
	verw %ax
	CHECK "VERW of data", z
	mov $0x38, %eax
	verr %ax
	CHECK "VERR of a task state", nz
	mov $0x10, %eax
	mov $3, %ebx
	arpl %bx, %ax
	CHECK "ARPL raises", z
	SAME "the RPL", 0x13
	arpl %bx, %ax
	CHECK "ARPL leaves an equal one", nz

	/* the LDT */
	mov $LDT, %eax
	lldt %ax
	sldt %eax
	SAME "SLDT", LDT
	mov $0x0c, %eax
	mov %eax, %fs
	mov %fs:0, %eax
	SAME "a segment of the LDT", 0x11111111
	mov $0x24, %eax
	FAULTS "beyond the LDT", 13, 0x24, mov %eax, %fs
	mov $0x10, %eax
	FAULTS "LLDT of data", 13, 0x10, lldt %ax
	mov $0x0c, %eax
	FAULTS "LLDT from the LDT", 13, 0x0c, lldt %ax
	xor %eax, %eax
	lldt %ax
	mov $0x0c, %eax
	FAULTS "after a null LLDT there is none", 13, 0x0c, mov %eax, %fs
	mov $0x38, %eax
	FAULTS "LTR of a busy task state", 13, 0x38, ltr %ax
	xor %eax, %eax
	FAULTS "LTR of null", 13, 0, ltr %ax
	str %eax
	SAME "STR", 0x38

	/* ring 3 */
	FAULTS3 "privileged: HLT", 13, 0, 0x202, hlt
	FAULTS3 "privileged: CLTS", 13, 0, 0x202, clts
	FAULTS3 "privileged: LGDT", 13, 0, 0x202, lgdt gdt_pointer
	FAULTS3 "privileged: MOV CR0", 13, 0, 0x202, mov %cr0, %eax
	FAULTS3 "privileged: MOV DR", 13, 0, 0x202, mov %dr7, %eax
	FAULTS3 "privileged: RDMSR", 13, 0, 0x202, rdmsr
	FAULTS3 "privileged: INVLPG", 13, 0, 0x202, invlpg 0
	FAULTS3 "privileged: LLDT", 13, 0, 0x202, lldt %ax
	FAULTS3 "privileged: LMSW", 13, 0, 0x202, lmsw %ax
	FAULTS3 "privileged: WBINVD", 13, 0, 0x202, wbinvd
	FAULTS3 "CLI without IOPL", 13, 0, 0x202, cli
	FAULTS3 "STI without IOPL", 13, 0, 0x202, sti
	USER "CLI with IOPL 3", 0x3202, cli
	mov $0x10, %ecx
	FAULTS3 "kernel data in ring 3", 13, 0x10, 0x202, mov %ecx, %ds
	FAULTS3 "a gate of the kernel's", 13, 0x6a, 0x202, int $0x0d
	FAULTS3 "a far call of the kernel", 13, 8, 0x202, lcall $8, $0
	USER "conforming code from ring 3", 0x202, lcall $CONFORMING, $lret_here
	USER "SGDT, SIDT, SLDT, STR, SMSW are for all", 0x202, call user_looks
	USER "POPF leaves IF and IOPL alone", 0x202, call user_flags
	and $0x3200, %ebx
	mov %ebx, %eax
	SAME "as it should", 0x200
	ret

lret_here:
	lret
user_looks:
	sgdt scratch
	sidt scratch
	sldt %eax
	str %eax
	smsw %eax
	ret
user_flags:
	push $0
	popf
	pushf
	pop %ebx
	ret

	.align 16
small_code:
	mov $0x1234, %eax
	ljmp $8, $small_code_done
small_far:
	jmp small_code + 0x10000
small_overrun:
	nop
	nop
small_last:
	.byte 0xb8, 0, 0 /* a mov whose immediate is outside */
small_code_end:
	.byte 0, 0
	.align 16

	.data
	.align 16
zero:	.long 0
data_small:
	.long 0x11111111, 0x22222222, 0x33333333, 0x44444444
ldt:	.quad 0
	.quad 0, 0, 0
bad_pointer:
	.long 0
	.word 0x1ff8
saved_sp: .long 0
scratch: .quad 0, 0
	.bss
	.align 4096
end_of_image:
