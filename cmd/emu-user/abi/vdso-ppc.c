/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page with the returns from signal handlers, as unwinders look for them (li r0, number; sc, on 64 bits behind addi r1, r1, 128). It is
 * no ELF image, so programs are not told of it: their C library makes the time calls itself.
 */
#include "ppc.h"

#define IMAGE_SIZE 4096u
enum { RT = 16, OLD = 64 };

const void *ppc_vdso(struct process *p, size_t *size)
{
	static uint8_t image[IMAGE_SIZE];
	bool big = p->abi->elf_data == ELFDATA2MSB;
	unsigned at = RT;

	/* a nop in front: unwinders look one instruction back */
	put32(big, image + at - 4, 0x60000000);
	if (p->abi->word == 8)
		put32(big, image + at, 0x38210080), at += 4; /* addi r1, r1, 128 */
	put32(big, image + at, 0x380000ac); /* li r0, 172 */
	put32(big, image + at + 4, 0x44000002);
	put32(big, image + OLD - 4, 0x60000000);
	put32(big, image + OLD, 0x38000077); /* li r0, 119 */
	put32(big, image + OLD + 4, 0x44000002);
	*size = IMAGE_SIZE;
	return image;
}

void ppc_vdso_mapped(struct process *p, uint64_t base)
{
	p->rt_signal_return = base + RT;
	p->signal_return = base + OLD;
	p->vdso = 0;
}
