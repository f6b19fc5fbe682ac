/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fault whose handler cannot be reached, nor that of the double fault: the processor shuts down (SDM volume 3, 6.15, interrupt 8), and a PC is reset. */
#include "common.S"

main:
	mov $0xc0de, %eax
	SAME "before the triple fault", 0xc0de
	lidt nothing
	ud2
	mov $0, %eax
	SAME "behind the triple fault", 1
	ret

	.data
nothing: .word 0
	.long 0
	.bss
	.globl end_of_image
end_of_image:
