/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs random A64 instructions and prints what they did, for comparison of one emulator with another, or with what was recorded.
 * An AArch64 program: aarch64-linux-gnu-gcc -O1 -static.
 *
 * Standard input has one pattern a line: VALUE MASK MEMORY NAME (hexadecimal; MEMORY 1: it accesses memory through Xn). For each, as many cases as
 * the argument says are run: the free bits, all registers, NZCV, FPCR and the memory come from a generator that is seeded
 * by pattern and case alone. The output has a line a pattern: VALUE MASK and a hash of 16 bits for each case of all that can be seen
 * afterwards. With a second argument, a case's number, that case's state is printed in full instead.
 */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct state {
	uint64_t x[32]; /* the last is sp */
	uint64_t nzcv, fpcr, fpsr, back, tls, host_sp;
	uint8_t v[32][16] __attribute__((aligned(16)));
};

static struct state now, begun;
static uint8_t memory[1 << 18] __attribute__((aligned(4096)));
#define MIDDLE (1 << 17)
#define WINDOW 4096
static sigjmp_buf out;
static volatile int fault;

/* Loads everything from `now`, jumps to the code, which comes back to `returned`, and stores everything. */
void run(void *code);
extern char returned[];
__asm__(".text\n.global run\nrun:\n"
	"sub sp, sp, #176\n stp x19, x20, [sp]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n stp x25, x26, [sp, #48]\n"
	"stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n"
	"stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
	"adrp x1, now\n add x1, x1, :lo12:now\n"
	"str x0, [x1, #280]\n mrs x2, tpidr_el0\n str x2, [x1, #288]\n mov x2, sp\n str x2, [x1, #296]\n"
	"ldr x2, [x1, #256]\n msr nzcv, x2\n ldr x2, [x1, #264]\n msr fpcr, x2\n ldr x2, [x1, #272]\n msr fpsr, x2\n"
	"add x2, x1, #304\n"
	"ld1 {v0.16b-v3.16b}, [x2], #64\n ld1 {v4.16b-v7.16b}, [x2], #64\n ld1 {v8.16b-v11.16b}, [x2], #64\n ld1 {v12.16b-v15.16b}, [x2], #64\n"
	"ld1 {v16.16b-v19.16b}, [x2], #64\n ld1 {v20.16b-v23.16b}, [x2], #64\n ld1 {v24.16b-v27.16b}, [x2], #64\n ld1 {v28.16b-v31.16b}, [x2], #64\n"
	"ldr x2, [x1, #248]\n mov sp, x2\n"
	"ldp x2, x3, [x1, #16]\n ldp x4, x5, [x1, #32]\n ldp x6, x7, [x1, #48]\n ldp x8, x9, [x1, #64]\n ldp x10, x11, [x1, #80]\n"
	"ldp x12, x13, [x1, #96]\n ldp x14, x15, [x1, #112]\n ldp x16, x17, [x1, #128]\n ldp x18, x19, [x1, #144]\n ldp x20, x21, [x1, #160]\n"
	"ldp x22, x23, [x1, #176]\n ldp x24, x25, [x1, #192]\n ldp x26, x27, [x1, #208]\n ldp x28, x29, [x1, #224]\n ldr x30, [x1, #240]\n"
	/* The last two registers come in the code itself. */
	"ldr x0, [x1, #280]\n br x0\n"
	".global returned\nreturned:\n"
	"msr tpidr_el0, x0\n adrp x0, now\n add x0, x0, :lo12:now\n"
	"str x1, [x0, #8]\n stp x2, x3, [x0, #16]\n stp x4, x5, [x0, #32]\n stp x6, x7, [x0, #48]\n stp x8, x9, [x0, #64]\n stp x10, x11, [x0, #80]\n"
	"stp x12, x13, [x0, #96]\n stp x14, x15, [x0, #112]\n stp x16, x17, [x0, #128]\n stp x18, x19, [x0, #144]\n stp x20, x21, [x0, #160]\n"
	"stp x22, x23, [x0, #176]\n stp x24, x25, [x0, #192]\n stp x26, x27, [x0, #208]\n stp x28, x29, [x0, #224]\n str x30, [x0, #240]\n"
	"mrs x1, tpidr_el0\n str x1, [x0]\n mov x1, sp\n str x1, [x0, #248]\n"
	"mrs x1, nzcv\n str x1, [x0, #256]\n mrs x1, fpcr\n str x1, [x0, #264]\n mrs x1, fpsr\n str x1, [x0, #272]\n"
	"add x2, x0, #304\n"
	"st1 {v0.16b-v3.16b}, [x2], #64\n st1 {v4.16b-v7.16b}, [x2], #64\n st1 {v8.16b-v11.16b}, [x2], #64\n st1 {v12.16b-v15.16b}, [x2], #64\n"
	"st1 {v16.16b-v19.16b}, [x2], #64\n st1 {v20.16b-v23.16b}, [x2], #64\n st1 {v24.16b-v27.16b}, [x2], #64\n st1 {v28.16b-v31.16b}, [x2], #64\n"
	"msr fpcr, xzr\n ldr x1, [x0, #288]\n msr tpidr_el0, x1\n ldr x1, [x0, #296]\n mov sp, x1\n"
	"ldp x19, x20, [sp]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n ldp x25, x26, [sp, #48]\n ldp x27, x28, [sp, #64]\n"
	"ldp x29, x30, [sp, #80]\n ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
	"add sp, sp, #176\n ret\n");
_Static_assert(offsetof(struct state, nzcv) == 256 && offsetof(struct state, back) == 280 && offsetof(struct state, v) == 304, "as in run");

static uint64_t seed;

static uint64_t rnd(void) /* splitmix64 */
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t special(unsigned bits)
{
	static const uint64_t d[] = {0, 0x3ff0000000000000, 0x4000000000000000, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001,
				     0x7ff8000000000123, 0x7ff4000000000000, 0x0010000000000000, 0x000fffffffffffff, 1, 0x7fefffffffffffff,
				     0x3fe0000000000000, 0x41dfffffffc00000, 0x43e0000000000000, 0x4340000000000000, 0x3ca0000000000000,
				     0x0020000000000000, 0x3ff8000000000000, 0x41efffffffe00000};
	static const uint32_t s[] = {0, 0x3f800000, 0x40000000, 0x7f800000, 0x7fc00000, 0x7f800001, 0x7fc00123, 0x7fa00000, 0x00800000,
				     0x007fffff, 1, 0x7f7fffff, 0x3f000000, 0x4f000000, 0x5f000000, 0x33800000, 0x01000000, 0x3fc00000, 0x4effffff, 0x477ff000};
	static const uint16_t h[] = {0, 0x3c00, 0x4000, 0x7c00, 0x7e00, 0x7c01, 0x7e12, 0x7d00, 0x0400, 0x03ff, 1, 0x7bff, 0x3800, 0x7800, 0x1000, 0x3e00};
	uint64_t r = rnd(), sign = r >> 40 & 1;

	if (bits == 64)
		return d[r % 20] | sign << 63;
	if (bits == 32)
		return s[r % 20] | sign << 31;
	return h[r % 16] | sign << 15;
}

/* Integers small and large, floats of all sizes that are near each other or special, plain noise. */
static uint64_t word(void)
{
	uint64_t r = rnd();

	switch (r & 15) {
	case 0: return (uint64_t)(int64_t)(int8_t)(r >> 8);
	case 1: return ~0ull << (r >> 8 & 63);
	case 2: return 0x8000000080000000ull;
	case 3: case 4: return special(64);
	case 5: case 6: return special(32) | special(32) << 32;
	case 7: case 8: return special(16) | special(16) << 16 | special(16) << 32 | special(16) << 48;
	case 9: return 0x3ff0000000000000ull + ((r >> 8 & 0x7f) << 52) - (64ull << 52) + (r >> 12 & 0xfffff);
	case 10: return (0x3f800000ull + (r >> 8 & 0xffffff)) | (0x3f000000ull + (r >> 30 & 0xffffff)) << 32;
	default: return rnd();
	}
}

static void handler(int sig, siginfo_t *si, void *u)
{
	(void)si, (void)u;
	fault = sig;
	siglongjmp(out, 1);
}

/* Of an access: registers that meet where the manual leaves open what happens. */
static int unpredictable(uint32_t i)
{
	unsigned t = i & 31, n = i >> 5 & 31, t2 = i >> 10 & 31, s = i >> 16 & 31;
	return t == n || t2 == t || t2 == n || s == t || s == n || s == t2 || ((t + 1) & 31) == n || ((t + 1) & 31) == s;
}

static uint32_t pick(uint32_t value, uint32_t mask, int mem)
{
	uint32_t i = (uint32_t)rnd();
	uint64_t r = rnd();

	if (r % 3 == 0) /* registers often the same, not too many */
		i &= ~0x00180318u;
	i = value | (i & ~mask);
	if (mem && (i & 0x3b000000) == 0x39000000) /* offsets stay in the window */
		i &= ~0x003e0000u;
	return i;
}

static uint32_t instruction(uint32_t value, uint32_t mask, int mem)
{
	uint32_t i = pick(value, mask, mem);
	/* Constants with bit 11 set and no meaning lie in the middle of the shifts. */
	for (unsigned tries = 0; ((mem && unpredictable(i)) || (i & 0xbff80c00) == 0x2f000c00) && tries < 50; tries++)
		i = pick(value, mask, mem);
	return i;
}

int main(int argc, char **argv)
{
	unsigned cases = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
	long only = argc > 2 ? atol(argv[2]) : -1;
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	stack_t ss = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
	uint32_t *code = mmap((void *)0x4000000, cases * 32 + 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); /* within reach of a branch to `returned` */
	uint32_t *insn = malloc(cases * 4);
	unsigned value, mask, mem;
	char name[64];

	sigaltstack(&ss, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	while (scanf("%x %x %u %63s", &value, &mask, &mem, name) == 4) {
		mprotect(code, cases * 32 + 4096, PROT_READ | PROT_WRITE);
		for (unsigned k = 0; k < cases; k++) {
			uint32_t *p = code + k * 8;
			int64_t to = (int64_t)(returned - (char *)(p + 5));
			seed = (uint64_t)value << 32 ^ (uint64_t)k * 0x9e3779b9u;
			insn[k] = instruction(value, mask, (int)mem);
			p[0] = 0xf9400020; /* ldr x0, [x1]: then x1 itself */
			p[1] = 0xf9400421; /* ldr x1, [x1, #8] */
			p[2] = insn[k];
			p[3] = 0xd503201f;
			p[4] = 0xd503201f;
			p[5] = 0x14000000 | ((uint32_t)(to >> 2) & 0x3ffffff);
		}
		mprotect(code, cases * 32 + 4096, PROT_READ | PROT_EXEC);
		__builtin___clear_cache((char *)code, (char *)(code + cases * 8));
		if (only < 0)
			printf("%08x %08x ", value, mask);
		for (unsigned k = 0; k < cases; k++) {
			if (only >= 0 && k != (unsigned)only)
				continue;
			uint32_t i = insn[k];
			static const uint32_t controls[] = {0, 0, 0, 0, 1 << 22, 2 << 22, 3 << 22, 1 << 24, 1 << 25, 1 << 24 | 1 << 25, 1 << 19, 1 << 26};
			seed = ((uint64_t)value << 32 | mask) ^ (uint64_t)k * 0xd1342543de82ef95ull;
			memset(&now, 0, sizeof now);
			for (unsigned n = 0; n < 32; n++)
				now.x[n] = word();
			now.x[31] = word() & ~15ull;
			now.nzcv = (rnd() & 15) << 28;
			now.fpcr = controls[rnd() % 12];
			now.fpsr = rnd() % 4 ? 0 : rnd() & 0x0800009f;
			for (unsigned n = 0; n < 64; n++)
				memcpy(now.v[n / 2] + n % 2 * 8, &(uint64_t){word()}, 8);
			if (mem) {
				unsigned rn = i >> 5 & 31;
				for (unsigned n = 0; n < 31; n++)
					now.x[n] = (uint64_t)(int64_t)((int)(rnd() & 127) * 16 - 1024);
				uint64_t base = (uint64_t)(uintptr_t)(memory + MIDDLE + (rnd() & 31) * 16);
				if (rnd() % 4 == 0 && mem == 1 && rn != 31)
					base += rnd() & 15;
				now.x[rn] = base;
				for (unsigned n = 0; n < 2 * WINDOW; n += 8)
					memcpy(memory + MIDDLE - WINDOW + n, &(uint64_t){rnd()}, 8);
			}
			begun = now;
			fault = 0;
			if (!sigsetjmp(out, 1))
				run(code + k * 8);
			uint64_t h = 14695981039346656037ull ^ (unsigned)fault;
			if (!fault) {
				const uint64_t *w = (const void *)&now;
				for (unsigned n = 0; n < 35; n++)
					h = (h ^ w[n]) * 1099511628211ull, h ^= h >> 29;
				w = (const void *)now.v;
				for (unsigned n = 0; n < 64; n++)
					h = (h ^ w[n]) * 1099511628211ull, h ^= h >> 29;
				w = (const void *)(memory + MIDDLE - WINDOW);
				for (unsigned n = 0; mem && n < 2 * WINDOW / 8; n++)
					h = (h ^ w[n]) * 1099511628211ull, h ^= h >> 29;
			}
			if (only < 0) {
				printf("%04x", (unsigned)(h >> 20 & 0xffff));
				continue;
			}
			printf("insn %08x fault %d nzcv %llx fpcr %llx fpsr %llx -> nzcv %llx fpsr %llx\n", i, fault, (long long)begun.nzcv,
			       (long long)begun.fpcr, (long long)begun.fpsr, (long long)now.nzcv, (long long)now.fpsr);
			for (unsigned n = 0; n < 32; n++)
				printf("x%u %016llx -> %016llx\n", n, (long long)begun.x[n], (long long)now.x[n]);
			for (unsigned n = 0; n < 32; n++) {
				uint64_t a[2], b[2];
				memcpy(a, begun.v[n], 16);
				memcpy(b, now.v[n], 16);
				printf("v%u %016llx_%016llx -> %016llx_%016llx\n", n, (long long)a[1], (long long)a[0], (long long)b[1], (long long)b[0]);
			}
		}
		if (only < 0)
			printf("\n");
	}
	return 0;
}
