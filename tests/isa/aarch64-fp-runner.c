/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records floating point: see a64-fp.h. An AArch64 program: aarch64-linux-gnu-gcc -O2 -static. Standard input has a group a line,
 * "INSN KIND KIND KIND ARITY HALF" (all hexadecimal); the output INSN and the digests of its slices for one mode after another, or "none"
 * where the instruction does not exist. With two arguments, a mode and a slice, its cases in full instead.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "a64-fp.h"

static uint32_t *code;
static sigjmp_buf none;

static void ill(int sig)
{
	(void)sig;
	siglongjmp(none, 1);
}

static void run(struct a64fp_io *io, void *opaque)
{
	(void)opaque;
	__asm__ volatile("ldp q0, q1, [%0]\n ldp q2, q3, [%0, #32]\n mov v17.16b, v1.16b\n ldr x0, [%0, #64]\n mov x3, #0\n"
			 "mov x4, #0x40000000\n msr nzcv, x4\n msr fpsr, xzr\n blr %1\n"
			 "str q3, [%0, #48]\n str x3, [%0, #64]\n mrs x4, nzcv\n mrs x3, fpsr\n stp x4, x3, [%0, #72]\n"
			 :: "r"(io), "r"(code) : "x0", "x3", "x4", "x30", "v0", "v1", "v2", "v3", "v17", "cc", "memory");
}

static void show(unsigned i, unsigned j, unsigned k, const struct a64fp_io *io)
{
	printf("%02u %02u %u: %016llx%016llx %016llx nzcv %08llx fpsr %02llx\n", i, j, k, (long long)io->v[3][1], (long long)io->v[3][0],
	       (long long)io->x, (long long)io->nzcv, (long long)io->fpsr);
}

int main(int argc, char **argv)
{
	struct a64fp_group g;

	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	signal(SIGILL, ill);
	while (scanf("%x %x %x %x %x %x", &g.insn, &g.kind[0], &g.kind[1], &g.kind[2], &g.arity, &g.half) == 6) {
		code[0] = g.insn;
		code[1] = 0xd65f03c0;
		__builtin___clear_cache((char *)code, (char *)(code + 2));
		if (argc < 3)
			printf("%08x ", g.insn);
		if (sigsetjmp(none, 1)) {
			puts("none");
			continue;
		}
		for (unsigned mode = 0; mode < a64fp_modes(&g); mode++)
			for (unsigned slice = 0; slice < A64FP_SLICES; slice++) {
				if (argc > 2 && (mode != (unsigned)atoi(argv[1]) || slice != (unsigned)atoi(argv[2])))
					continue;
				__asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)a64fp_fpcr(&g, mode)));
				unsigned d = a64fp_slice(&g, slice, run, NULL, argc > 2 ? show : NULL);
				__asm__ volatile("msr fpcr, xzr");
				if (argc < 3)
					printf("%04x", d);
			}
		if (argc < 3)
			puts("");
	}
	return 0;
}
