/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs random PowerPC instructions and prints what they did, for comparison of one emulator with another, or with what was recorded.
 * A PowerPC program: powerpc64le-linux-gnu-gcc -O1 -static (or big-endian, or 32 bits).
 *
 * Standard input has one pattern a line: VALUE MASK MEMORY NAME (hexadecimal; MEMORY: 0 none, 1 RA + displacement, 2 RA + RB, 3 the same and
 * aligned, 4 RA alone; share/ppc-index.c lists them). For each, as many cases as the argument says are run: the free bits, all registers, CR,
 * XER, FPSCR and the memory come from a generator that is seeded by pattern and case alone. The output has a line a pattern: VALUE MASK and
 * a hash of 16 bits for each case of all that can be seen afterwards. With a second argument, a case's number, that case's state
 * is printed in full instead.
 */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Everything as the code below loads and stores it; offsets are its own. */
struct state {
	uint64_t r[32];      /* 0 */
	uint64_t cr, xer, ctr, unused; /* 256 .. */
	uint64_t fpscr, vscr[3]; /* 288 .. */
	uint8_t vsr[64][16] __attribute__((aligned(16))); /* 320 */
	uint64_t back, sp, toc, tls; /* 1344 ... */
};

static struct state now __attribute__((aligned(16), used)), begun;
static uint8_t memory[1 << 18] __attribute__((aligned(4096)));
#define MIDDLE (1 << 17)
#define WINDOW 4096
static sigjmp_buf out;
static volatile int fault;

/*
 * run(code, &now): saves what the C side needs, loads everything from the state, jumps. r13 stays the thread's, and is not looked at.
 * The case comes back by a branch to `returned`; LR holds the state's address meanwhile.
 */
void run(void *code, struct state *s);
extern char returned[];
#define VLOAD(n) "addi 5, 4, 320 + 16 * " #n "\n lxvd2x " #n ", 0, 5\n"
#define VSTORE(n) "addi 5, 4, 320 + 16 * " #n "\n stxvd2x " #n ", 0, 5\n"

#define ALL(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15) M(16) M(17) M(18) M(19) M(20) M(21) M(22) \
	M(23) M(24) M(25) M(26) M(27) M(28) M(29) M(30) M(31) M(32) M(33) M(34) M(35) M(36) M(37) M(38) M(39) M(40) M(41) M(42) M(43) M(44)  \
	M(45) M(46) M(47) M(48) M(49) M(50) M(51) M(52) M(53) M(54) M(55) M(56) M(57) M(58) M(59) M(60) M(61) M(62) M(63)
__asm__(".text\n.globl run\n.type run, @function\n.p2align 2\nrun:\n"
	"mflr 0\n std 0, 16(1)\n mfcr 0\n std 0, 8(1)\n stdu 1, -640(1)\n"
	".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n std \\n, 32 + 8 * \\n(1)\n stfd \\n, 288 + 8 * \\n(1)\n .endr\n"
	"std 1, 1352(4)\n std 2, 1360(4)\n std 13, 1368(4)\n"
	"mtlr 4\n std 3, 1344(4)\n"
	ALL(VLOAD)
	/* VSCR through v0, FPSCR through f0, which then get their own values */
	"addi 5, 4, 288 + 0\n lfd 0, 288(4)\n mtfsf 255, 0, 1, 0\n addi 5, 4, 320 + 16 * 32\n"
	"addi 5, 4, 320\n lxvd2x 0, 0, 5\n"
	"ld 5, 256(4)\n mtcr 5\n ld 5, 264(4)\n mtxer 5\n"
	"ld 5, 1344(4)\n mtctr 5\n"
	"ld 0, 0(4)\n ld 1, 8(4)\n ld 2, 16(4)\n ld 3, 24(4)\n"
	".irp n, 5,6,7,8,9,10,11,12,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n ld \\n, 8 * \\n(4)\n .endr\n"
	"ld 4, 32(4)\n bctr\n"
	".globl returned\nreturned:\n"
	"mtctr 4\n mflr 4\n std 0, 0(4)\n std 1, 8(4)\n std 2, 16(4)\n std 3, 24(4)\n mfctr 3\n std 3, 32(4)\n"
	".irp n, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n std \\n, 8 * \\n(4)\n .endr\n"
	"mfcr 5\n std 5, 256(4)\n mfxer 5\n std 5, 264(4)\n"
	ALL(VSTORE)
	"mffs 0\n stfd 0, 288(4)\n mfvscr 0\n addi 5, 4, 304\n stvx 0, 0, 5\n"
	"li 5, 0\n std 5, 296(4)\n"
	"mtvsrd 0, 5\n mtfsf 255, 0, 1, 0\n"
	"ld 1, 1352(4)\n ld 2, 1360(4)\n ld 13, 1368(4)\n"
	".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n ld \\n, 32 + 8 * \\n(1)\n lfd \\n, 288 + 8 * \\n(1)\n .endr\n"
	"addi 1, 1, 640\n ld 0, 8(1)\n mtcr 0\n ld 0, 16(1)\n mtlr 0\n blr\n");
_Static_assert(offsetof(struct state, fpscr) == 288 && offsetof(struct state, vsr) == 320 && offsetof(struct state, back) == 1344, "as in run");

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
	uint64_t r = rnd(), sign = r >> 40 & 1;

	return bits == 64 ? d[r % 20] | sign << 63 : s[r % 20] | sign << 31;
}

/* Integers small and large, floats of all sizes that are near each other or special, doubles that are singles, decimal digits, noise. */
static uint64_t word(void)
{
	uint64_t r = rnd();

	switch (r & 15) {
	case 0: return (uint64_t)(int64_t)(int8_t)(r >> 8);
	case 1: return ~0ull << (r >> 8 & 63);
	case 2: return 0x8000000080000000ull;
	case 3: case 4: return special(64);
	case 5: case 6: return special(32) | special(32) << 32;
	case 7: return (rnd() & 0x3333333333333333ull) << 1 & 0x7777777777777777ull;
	case 8: return (r & 0x8ffffffull << 36) | 0x3800000000000000ull;
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

/* Fields: RT at 21, RA at 16, RB at 11. */
static uint32_t instruction(uint32_t value, uint32_t mask, int mem)
{
	uint32_t i;

	for (unsigned tries = 0; tries < 200; tries++) {
		uint64_t r = rnd();
		i = (uint32_t)rnd();
		if (r % 3 == 0) /* registers often the same */
			i &= ~0x01ce7000u;
		i = value | (i & ~mask);
		unsigned t = i >> 21 & 31, a = i >> 16 & 31, b = i >> 11 & 31;
		if (t == 13 || a == 13 || b == 13 || (i >> 6 & 31) == 13) /* the handler of signals needs it */
			continue;
		if (mem && (!a || a == b || t == a || t == b || ((t + 1) & 31) == a))
			continue;
		if (value >> 26 == 46 && t < 20) /* lmw over its base */
			continue;
		if (mem == 1)
			i &= ~(0xf000u & ~mask);
		break;
	}
	return i;
}

int main(int argc, char **argv)
{
	unsigned cases = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
	long only = argc > 2 ? atol(argv[2]) : -1;
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	stack_t ss = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
	uint32_t *code = mmap((void *)0x11800000, cases * 32 + 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); /* within reach of a branch to `returned` */
	uint32_t *insn = malloc(cases * 4);
	unsigned value, mask, mem;
	char name[64];

	sigaltstack(&ss, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
	while (scanf("%x %x %u %63s", &value, &mask, &mem, name) == 4) {
		mprotect(code, cases * 32 + 4096, PROT_READ | PROT_WRITE);
		for (unsigned k = 0; k < cases; k++) {
			uint32_t *p = code + k * 8;
			int64_t to = (int64_t)(returned - (char *)(p + 1));
			seed = (uint64_t)value << 32 ^ (uint64_t)k * 0x9e3779b9u;
			insn[k] = instruction(value, mask, (int)mem);
			p[0] = insn[k];
			p[1] = 0x48000000 | ((uint32_t)to & 0x3fffffc);
		}
		mprotect(code, cases * 32 + 4096, PROT_READ | PROT_EXEC);
		__builtin___clear_cache((char *)code, (char *)(code + cases * 8));
		if (only < 0)
			printf("%08x %08x ", value, mask);
		for (unsigned k = 0; k < cases; k++) {
			if (only >= 0 && k != (unsigned)only)
				continue;
			uint32_t i = insn[k];
			seed = ((uint64_t)value << 32 | mask) ^ (uint64_t)k * 0xd1342543de82ef95ull;
			memset(&now, 0, sizeof now);
			for (unsigned n = 0; n < 32; n++)
				now.r[n] = word();
			now.cr = rnd() & 0xffffffff;
			now.xer = rnd() & 0xe0000000;
			now.fpscr = rnd() & 3;
			if (strstr(name, "nm")) /* the peer rounds behind the change of sign */
				now.fpscr = 0;
			for (unsigned n = 0; n < 128; n++)
				memcpy(now.vsr[n / 2] + n % 2 * 8, &(uint64_t){word()}, 8);
			if (mem) {
				unsigned ra = i >> 16 & 31, rb = i >> 11 & 31;
				uint64_t base = (uint64_t)(uintptr_t)(memory + MIDDLE + (rnd() & 31) * 16);
				if (mem != 3 && rnd() % 4 == 0)
					base += rnd() & 15;
				now.r[ra] = base;
				if (mem == 2 || mem == 3)
					now.r[rb] = (rnd() & 63) * 16 - 512;
				for (unsigned n = 0; n < 2 * WINDOW; n += 8)
					memcpy(memory + MIDDLE - WINDOW + n, &(uint64_t){rnd()}, 8);
				memset(memory + MIDDLE + WINDOW, 0x5a, WINDOW); /* a displacement reaches beyond */
			}
			begun = now;
			fault = 0;
			if (!sigsetjmp(out, 1))
				run(code + k * 8, &now);
			uint64_t h = 14695981039346656037ull ^ (unsigned)fault;
			if (!fault) {
				const uint64_t *w = (const void *)&now;
				/* FR, which the peer does not have; FPRF where it is undefined, or the peer's is a double's for frsp */
				now.fpscr &= ~(uint64_t)(0x40000 | (!strncmp(name, "fcti", 4) || !strncmp(name, "xscvdp", 6) || !strncmp(name, "frsp", 4) ? 0x1f000 : 0));
				if (!strncmp(name, "fcfidu", 6) || !strncmp(name, "xscvuxd", 7))
					now.fpscr &= ~(uint64_t)0x1f000;
				/* a denormal single is a normal double to the peer */
				if ((now.fpscr & 0x1f000) == 0x14000 || (now.fpscr & 0x1f000) == 0x18000)
					now.fpscr &= ~(uint64_t)0x10000;
				now.r[13] = 0;
				/* doubleword 1 is undefined behind these */
				for (unsigned n = 0; n < 64 && (!strncmp(name, "lxs", 3) || !strncmp(name, "mtvsrd", 7) || !strncmp(name, "mtvsrw", 6)); n++)
					memset(now.vsr[n] + 8, 0, 8);
				for (unsigned n = 0; n < 34; n++)
					h = (h ^ w[n]) * 1099511628211ull, h ^= h >> 29;
				h = (h ^ now.fpscr) * 1099511628211ull, h ^= h >> 29;
				w = (const void *)now.vsr;
				for (unsigned n = 0; n < 128; n++)
					h = (h ^ w[n]) * 1099511628211ull, h ^= h >> 29;
				w = (const void *)(memory + MIDDLE - WINDOW);
				for (unsigned n = 0; mem && n < 2 * WINDOW / 8; n++)
					h = (h ^ w[n]) * 1099511628211ull, h ^= h >> 29;
			}
			if (only < 0) {
				printf("%04x", (unsigned)(h >> 20 & 0xffff));
				continue;
			}
			printf("insn %08x %s fault %d cr %llx xer %llx fpscr %llx -> cr %llx xer %llx fpscr %llx\n", i, name, fault, (long long)begun.cr,
			       (long long)begun.xer, (long long)begun.fpscr, (long long)now.cr, (long long)now.xer, (long long)now.fpscr);
			for (unsigned n = 0; n < 32; n++)
				printf("r%u %016llx -> %016llx\n", n, (long long)begun.r[n], (long long)now.r[n]);
			for (unsigned n = 0; n < 64; n++) {
				uint64_t a[2], b[2];
				memcpy(a, begun.vsr[n], 16);
				memcpy(b, now.vsr[n], 16);
				printf("vs%u %016llx_%016llx -> %016llx_%016llx\n", n, (long long)a[0], (long long)a[1], (long long)b[0], (long long)b[1]);
			}
		}
		if (only < 0)
			printf("\n");
	}
	return 0;
}
