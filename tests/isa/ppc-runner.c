/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs random PowerPC instructions and prints what they did, for comparison of one emulator with another, or with what was recorded.
 * A PowerPC program: powerpc64le-linux-gnu-gcc -O1 -static -mcpu=power8, powerpc64-linux-gnu-gcc the same, powerpc-linux-gnu-gcc -O1 -static.
 *
 * Standard input has one pattern a line: VALUE MASK MEMORY NAME (hexadecimal; MEMORY: 0 none, 1 RA + displacement, 2 RA + RB, 3 the same and
 * aligned, 4 RA alone; share/ppc-index.c lists them). For each, as many cases as the argument says are run: the free bits, all registers, CR,
 * XER, FPSCR and the memory come from a generator that is seeded by pattern and case alone; every eighth case has exceptions enabled. The output has a line a pattern: VALUE MASK and
 * a hash of 16 bits for each case of all that can be seen afterwards. With a second argument, a case's number, that case's state
 * is printed in full instead.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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
 * run(code, &now): saves what the C side needs, loads everything from the state, jumps. The thread's register (r13, r2 of 32 bits) stays, and
 * is not looked at. The case comes back by a branch to `returned`; LR holds the state's address meanwhile.
 */
void run(void *code, struct state *s);
extern char returned[];
#define ALL32(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15) M(16) M(17) M(18) M(19) M(20) M(21) M(22) \
	M(23) M(24) M(25) M(26) M(27) M(28) M(29) M(30) M(31)
#define ALL(M) ALL32(M) M(32) M(33) M(34) M(35) M(36) M(37) M(38) M(39) M(40) M(41) M(42) M(43) M(44) M(45) M(46) M(47) M(48) M(49) M(50) M(51) \
	M(52) M(53) M(54) M(55) M(56) M(57) M(58) M(59) M(60) M(61) M(62) M(63)
#ifdef __powerpc64__
#define THREAD_REGISTER 13
#define VLOAD(n) "addi 5, 4, 320 + 16 * " #n "\n lxvd2x " #n ", 0, 5\n"
#define VSTORE(n) "addi 5, 4, 320 + 16 * " #n "\n stxvd2x " #n ", 0, 5\n"
#if _CALL_ELF == 2
#define ENTRY "run:\n"
#else
#define ENTRY ".section .opd, \"aw\"\n.p2align 3\nrun:\n.quad .Lrun, .TOC.@tocbase, 0\n.text\n.Lrun:\n"
#endif
__asm__(".text\n.globl run\n.type run, @function\n.p2align 2\n" ENTRY
	"mflr 0\n std 0, 16(1)\n mfcr 0\n std 0, 8(1)\n stdu 1, -640(1)\n"
	".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n std \\n, 32 + 8 * \\n(1)\n stfd \\n, 288 + 8 * \\n(1)\n .endr\n"
	"std 1, 1352(4)\n std 2, 1360(4)\n std 13, 1368(4)\n"
	"mtlr 4\n std 3, 1344(4)\n addi 5, 4, 304\n lvx 0, 0, 5\n mtvscr 0\n"
	ALL(VLOAD)
	/* FPSCR through f0, which then gets its own value */
	"lfd 0, 288(4)\n mtfsf 255, 0, 1, 0\n"
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
#else
#define THREAD_REGISTER 2
#define VLOAD(n) "li 5, 832 + 16 * " #n "\n lvx " #n ", 4, 5\n lfd " #n ", 320 + 16 * " #n "(4)\n"
#define VSTORE(n) "li 5, 832 + 16 * " #n "\n stvx " #n ", 4, 5\n stfd " #n ", 320 + 16 * " #n "(4)\n"
__asm__(".text\n.globl run\n.type run, @function\n.machine push\n.machine \"7400\"\n.p2align 2\nrun:\n"
	"mflr 0\n stw 0, 4(1)\n stwu 1, -320(1)\n mfcr 0\n stw 0, 12(1)\n stmw 14, 16(1)\n"
	".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n stfd \\n, 8 * \\n(1)\n .endr\n"
	"stw 1, 1352(4)\n stw 2, 1368(4)\n mtlr 4\n mtctr 3\n li 5, 304\n lvx 0, 4, 5\n mtvscr 0\n"
	ALL32(VLOAD)
	"lfd 0, 288(4)\n mtfsf 255, 0\n lfd 0, 320(4)\n"
	"lwz 5, 260(4)\n mtcr 5\n lwz 5, 268(4)\n mtxer 5\n"
	"lwz 0, 4(4)\n lwz 1, 12(4)\n lwz 3, 28(4)\n"
	".irp n, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n lwz \\n, 4 + 8 * \\n(4)\n .endr\n"
	"lwz 4, 36(4)\n bctr\n"
	".globl returned\nreturned:\n"
	"mtctr 4\n mflr 4\n stw 0, 4(4)\n stw 1, 12(4)\n stw 2, 20(4)\n stw 3, 28(4)\n mfctr 3\n stw 3, 36(4)\n"
	".irp n, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n stw \\n, 4 + 8 * \\n(4)\n .endr\n"
	"mfcr 5\n stw 5, 260(4)\n mfxer 5\n stw 5, 268(4)\n"
	ALL32(VSTORE)
	"mffs 0\n stfd 0, 288(4)\n li 5, 304\n mfvscr 0\n stvx 0, 4, 5\n li 5, 0\n stw 5, 288(4)\n stw 5, 296(4)\n stw 5, 300(4)\n"
	"lfd 0, 296(4)\n mtfsf 255, 0\n"
	"lwz 1, 1352(4)\n lwz 2, 1368(4)\n"
	".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n lfd \\n, 8 * \\n(1)\n .endr\n"
	"lmw 14, 16(1)\n lwz 0, 12(1)\n mtcr 0\n addi 1, 1, 320\n lwz 0, 4(1)\n mtlr 0\n blr\n.machine pop\n");
#endif
_Static_assert(offsetof(struct state, fpscr) == 288 && offsetof(struct state, vsr) == 320 && offsetof(struct state, back) == 1344, "as in run");

/* So that the same row is run with other operands. */
#ifndef __powerpc64__
#define SALT 0x3232323232323232ull
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SALT 0x6464646464646464ull
#else
#define SALT 0ull
#endif
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

static uint64_t some_digits(unsigned bits)
{
	uint64_t r = rnd(), keep = rnd() % (bits + 1), v = r;

	if (r % 8 == 0)
		v = 0x3fcff3fcff3fcffull; /* 999 999 ... */
	if (r % 8 == 1)
		v = 1ull << (r >> 8) % bits;
	return v & (keep == 64 ? ~0ull : (1ull << keep) - 1) & (bits == 64 ? ~0ull : (1ull << bits) - 1);
}

/* The high doubleword of a decimal number: `more` bits of exponent behind the combination field. */
static uint64_t decimal_high(unsigned more, int bias, int max)
{
	uint64_t r = rnd(), t = some_digits(58 - more), lead = (r >> 8) % 10;
	int e;

	switch (r >> 16 & 15) {
	case 0: return (r & 1ull << 63) | 30ull << 58;
	case 1: return (r & 1ull << 63) | 31ull << 58 | t;
	case 2: return (r & 1ull << 63) | 31ull << 58 | 1ull << 57 | t;
	case 3: e = (int)(r >> 24 & 31); break;
	case 4: e = max - (int)(r >> 24 & 31); break;
	case 5: e = (int)((r >> 24 & 0xffffff) % ((unsigned)max + 1)); break;
	case 6: e = bias / 2 + (int)(r >> 24 & 31); break;
	case 7: e = bias + bias / 2 + (int)(r >> 24 & 31); break;
	case 8: case 9: e = bias - 40 + (int)(r >> 24) % 80; break;
	default: e = bias - 8 + (int)(r >> 24 & 15); break;
	}
	if (e < 0)
		e = 0;
	if (e > max)
		e = max;
	if (r >> 21 & 1)
		lead = 0;
	uint64_t top = (uint64_t)e >> more, comb = lead < 8 ? top << 3 | lead : 24 | top << 1 | (lead & 1);
	return (r & 1ull << 63) | comb << 58 | ((uint64_t)e & ((1ull << more) - 1)) << (58 - more) | t;
}

static uint64_t packed_digits(void)
{
	static const uint8_t signs[] = {10, 11, 12, 13, 14, 15, 12, 13};
	uint64_t v = 0, r = rnd();

	for (unsigned n = 0; n < 16; n++)
		v = v << 4 | rnd() % 10;
	v >>= (r & 15) * 4;
	if (r >> 8 & 1)
		v = (v & ~15ull) | signs[r >> 9 & 7];
	return r >> 16 & 15 ? v : v | 0xa0ull << (r >> 20 & 31);
}

static uint64_t quad_high(void)
{
	static const uint16_t near[] = {0, 1, 2, 112, 113, 0x3fff - 16382 / 2, 0x3fff + 0x1fff, 0x7ffe, 0x7ffd, 0x7fff, 0x7fff, 0x3fff + 63, 0x3fff + 31,
					0x3fff - 1022, 0x3fff + 1023, 0x3fff - 1074};
	uint64_t r = rnd(), e = r >> 16 & 1 ? near[r >> 20 & 15] : 0x3fff - 64 + (r >> 20 & 127), f = rnd() & 0xffffffffffffull;

	switch (r >> 40 & 7) {
	case 0: f = 0; break;
	case 1: f = 1ull << (r >> 43 & 63) % 48; break;
	case 2: f = 0xffffffffffffull; break;
	case 3: f = f & ~0xffffffull; break;
	}
	return (r & 1ull << 63) | e << 48 | f;
}

static uint64_t low_half(void)
{
	uint64_t r = rnd();

	switch (r & 7) {
	case 0: case 1: case 2: return 0;
	case 3: return 1ull << (r >> 8 & 63);
	case 4: return ~0ull << (r >> 8 & 63);
	default: return rnd();
	}
}

/* What the registers of an instruction hold most: */
enum kind { ANY, DECIMAL, DECIMALS, QUAD, DIGITS };

static enum kind kind_of(const char *name)
{
	size_t n = strcspn(name, ".");

	if (!strncmp(name, "bcd", 3) || !strncmp(name, "vmul10", 6))
		return DIGITS;
	if (!strncmp(name, "xs", 2) && strstr(name, "qp"))
		return QUAD;
	if (name[0] != 'd' || !strncmp(name, "dc", 2) + !strncmp(name, "div", 3) > (name[2] == 'm' || name[2] == 't' || name[2] == 'f') ||
	    !strncmp(name, "dst", 3) || !strncmp(name, "dss", 3) || !strncmp(name, "darn", 4))
		return ANY;
	return name[n - 1] == 'q' ? DECIMALS : DECIMAL;
}

static uint64_t element(enum kind k, unsigned doubleword)
{
	uint64_t r = rnd();
	bool second = doubleword & 1;

	switch (k) {
	case DECIMAL:
	case DECIMALS:
		if (second || (r & 63) == 0)
			return word();
		if ((r & 15) == 1)
			return r >> 8 & 63;
		if ((r & 7) == 3)
			return packed_digits();
		if (k == DECIMALS && (r & 15) != 12)
			return doubleword & 2 ? some_digits(64) : decimal_high(12, 6176, 12287);
		return decimal_high(8, 398, 767);
	case QUAD:
		if ((r & 15) == 0)
			return word();
		return second ? low_half() : quad_high();
	case DIGITS:
		return (r & 15) == 0 ? word() : second ? packed_digits() : (r >> 8 & 1 ? packed_digits() >> 4 : 0);
	default: return word();
	}
}

/* Of a fault by an enabled exception: FPSCR and the registers. */
static uint64_t at_fault[33];

static void handler(int sig, siginfo_t *si, void *context)
{
	const ucontext_t *u = context;

	(void)si;
	fault = sig;
#ifdef __powerpc64__
	memcpy(at_fault, u->uc_mcontext.fp_regs, sizeof at_fault);
#else
	memcpy(at_fault, &u->uc_mcontext.uc_regs->fpregs, sizeof at_fault);
#endif
	siglongjmp(out, 1);
}

/* Of an operation that has a piece of a vector: the last byte at which it may begin; else 15. */
static unsigned last_byte(const char *name)
{
	size_t n;

	if (strncmp(name, "vext", 4) && strncmp(name, "vins", 4) && strncmp(name, "xxext", 5) && strncmp(name, "xxins", 5))
		return 15;
	n = strlen(name) - (strstr(name, "lx") || strstr(name, "rx") ? 3 : 1);
	return name[n] == 'd' ? 8 : name[n] == 'w' ? 12 : name[n] == 'h' ? 14 : 15;
}

/* Fields whose other values are undefined, or invalid forms. */
static uint32_t valid(uint32_t i, const char *name)
{
	unsigned last = last_byte(name);

	if (sizeof(long) == 4 && !strncmp(name, "cmp", 3))
		i &= ~0x200000u; /* L */
	if (sizeof(long) == 4 && !strncmp(name, "mtfsf", 5))
		i &= ~0x2010000u; /* L and W, which came later */
	if (!strcmp(name, "mtocrf") || !strcmp(name, "mfocrf"))
		i = (i & ~0xff000u) | 0x1000u << (i >> 12 & 7);
	if (!strncmp(name, "lfdp", 4) || !strncmp(name, "stfdp", 5))
		i &= ~0x200000u;
	if (!strcmp(name, "vextractd"))
		i &= ~0x100000u;
	if (!strncmp(name, "xsrqp", 5) && !(i & 0x10000) && (i >> 9 & 3) % 3)
		i |= 0x600; /* RMC 1 and 2 are reserved without R */
	if (last < 15 && (i >> 16 & 15) > last && !strstr(name, "lx") && !strstr(name, "rx"))
		i = (i & ~0xf0000u) | last << 16;
	return i;
}

/* Fields: RT at 21, RA at 16, RB at 11. */
static uint32_t instruction(uint32_t value, uint32_t mask, int mem, const char *name)
{
	enum kind kind = kind_of(name);
	uint32_t i = value;

	for (unsigned tries = 0; tries < 200; tries++) {
		uint64_t r = rnd();
		i = (uint32_t)rnd();
		if (r % 3 == 0) /* registers often the same */
			i &= ~0x01ce7000u;
		if (kind == DECIMALS) /* pairs */
			i &= ~0x00210800u;
		i = value | (i & ~mask);
		unsigned t = i >> 21 & 31, a = i >> 16 & 31, b = i >> 11 & 31;
		if (t == THREAD_REGISTER || a == THREAD_REGISTER || b == THREAD_REGISTER || (i >> 6 & 31) == THREAD_REGISTER)
			continue;
		if (mem && (!a || a == b || t == a || t == b || ((t + 1) & 31) == a))
			continue;
		if (value >> 26 == 46 && t < 20) /* lmw over its base */
			continue;
		if (mem == 1)
			i &= ~(0xf000u & ~mask);
		break;
	}
	return valid(i, name);
}

/* What is undefined, and FR, which the peer does not have. */
static uint64_t defined(const char *name, uint64_t fpscr)
{
	static const char *const undefined[] = {"fcti", "xscvdp", "frsp", "fcfidu", "fcfids", "xscvuxd", "dctfix", "xscvqpsd", "xscvqpud", "xscvqpsw", "xscvqpuw"};

	fpscr &= ~(uint64_t)0x40000;
	for (unsigned n = 0; n < sizeof undefined / sizeof undefined[0]; n++)
		if (!strncmp(name, undefined[n], strlen(undefined[n])) && strncmp(name, "xscvdpqp", 8))
			fpscr &= ~(uint64_t)0x1f000;
	/* of decimal operations the peer sets FEX whatever is enabled, and no FPRF in denbcd */
	if (*name == 'd')
		fpscr &= ~(uint64_t)(0x40000000 | (strncmp(name, "denbcd", 6) ? 0 : 0x1f000));
	/* behind comparisons C is as it was; the peer sets it with an invalid one */
	if (!strncmp(name, "fcmp", 4) || !strncmp(name, "xscmp", 5))
		fpscr &= ~(uint64_t)0x10000;
	/* of an overflow and an underflow in different elements the peer tells the first alone */
	if (!strncmp(name, "xv", 2) && fpscr & 0x10000000)
		fpscr &= ~(uint64_t)0x08000000;
	/* a denormal single is a normal double to the peer */
	if ((fpscr & 0x1f000) == 0x14000 || (fpscr & 0x1f000) == 0x18000)
		fpscr &= ~(uint64_t)0x10000;
	return fpscr;
}

static void mix(uint64_t *h, uint64_t v)
{
	*h = (*h ^ v) * 1099511628211ull;
	*h ^= *h >> 29;
}

static uint64_t result(const char *name, unsigned mem)
{
	uint64_t h = 14695981039346656037ull ^ (unsigned)fault, w;

	if (fault == SIGFPE) {
		for (unsigned n = 0; n < 32; n++)
			mix(&h, at_fault[n]);
		mix(&h, defined(name, at_fault[32]));
	}
	if (fault)
		return h;
	now.r[THREAD_REGISTER] = 0;
	/* doubleword 1 is undefined behind these */
	for (unsigned n = 0; n < 64 && (!strncmp(name, "lxs", 3) || !strncmp(name, "mtvsrd", 7) || !strncmp(name, "mtvsrw", 6) || *name == 'd'); n++)
		memset(now.vsr[n] + 8, 0, 8);
	for (unsigned n = 0; n < 32; n++)
		mix(&h, now.r[n]);
	mix(&h, now.cr & ~(*name == 'd' ? 0x04000000ull : 0)); /* a copy of FEX */
	mix(&h, now.xer);
	mix(&h, now.fpscr = defined(name, now.fpscr));
	mix(&h, (now.vscr[1] | now.vscr[2] | now.vscr[1] >> 32 | now.vscr[2] >> 32) & 0x10001);
	for (unsigned n = 0; n < 128; n++) {
		memcpy(&w, now.vsr[n / 2] + n % 2 * 8, 8);
		mix(&h, w);
	}
	for (unsigned n = 0; mem && n < 2 * WINDOW; n += 8) {
		memcpy(&w, memory + MIDDLE - WINDOW + n, 8);
		mix(&h, w);
	}
	return h;
}

/*
 * Exceptions that are enabled in some cases: those of scalar arithmetic. The peer has no enabled exception in decimal operations, stops at the
 * first element of a vector, adjusts the result of any operation that is tiny or huge, and leaves the target of an inexact xsrsp or conversion from integers.
 */
static uint64_t enables_of(const char *name)
{
	static const char *const arithmetic[] = {"add", "sub", "mul", "div", "madd", "msub", "nmadd", "nmsub", "sqrt"};
	size_t n = strcspn(name, "."), skip = *name == 'f' ? 1 : 2;
	bool single = name[n - 1] == 's' || !strncmp(name + n - 2, "sp", 2);

	if ((*name != 'f' && strncmp(name, "xs", 2)) || !strncmp(name, "xscmp", 5) || !strncmp(name, "xscvux", 6))
		return 0;
	for (unsigned k = 0; k < sizeof arithmetic / sizeof arithmetic[0]; k++)
		if (!strncmp(name + skip, arithmetic[k], strlen(arithmetic[k])))
			return single || strstr(name, "qp") ? 0x98 : 0xf8;
	return !strncmp(name, "fcfid", 5) || !strncmp(name, "xscvsxd", 7) || !strcmp(name, "xsrsp") ? 0 : 0x98;
}

/*
 * Of a conversion to integers the peer lets an invalid element spoil the others: either all are the same, or all are numbers of middle size.
 */
static void same_elements(unsigned k)
{
	for (unsigned n = 0; n < 64; n++) {
		uint64_t w[2];
		memcpy(w, now.vsr[n], 16);
		if (k & 1) {
			w[1] = w[0] = (w[0] >> 32) << 32 | w[0] >> 32;
		} else {
			w[0] = (w[0] & 0x83ffffff83ffffffull) | 0x4000000040000000ull;
			w[1] = (w[1] & 0x83ffffff83ffffffull) | 0x4000000040000000ull;
		}
		memcpy(now.vsr[n], w, 16);
	}
}

static void prepare(uint32_t i, unsigned mem, const char *name, unsigned k)
{
	enum kind kind = kind_of(name);

	memset(&now, 0, sizeof now);
	for (unsigned n = 0; n < 32; n++)
		now.r[n] = sizeof(long) == 8 ? word() : (uint32_t)word();
	now.cr = rnd() & 0xffffffff;
	now.xer = rnd() & 0xe0000000;
	now.fpscr = rnd() & 3;
	if (strstr(name, "nm")) /* the peer rounds behind the change of sign */
		now.fpscr = 0;
	if (sizeof(long) == 8)
		now.fpscr |= (rnd() & 7) << 32;
	if (k % 8 == 7)
		now.fpscr |= rnd() & enables_of(name);
	now.vscr[1] = now.vscr[2] = rnd() & 0x0001000000010000ull;
	if (sizeof(long) == 4 || now.vscr[1] != 0x0001000000010000ull)
		now.vscr[1] = now.vscr[2] = 0;
	for (unsigned n = 0; n < 128; n++)
		memcpy(now.vsr[n / 2] + n % 2 * 8, &(uint64_t){element(kind, n)}, 8);
	if (!strncmp(name, "xvcvdps", 7) + !strncmp(name, "xvcvdpu", 7) + !strncmp(name, "xvcvspsx", 8) + !strncmp(name, "xvcvspux", 8) &&
	    strcmp(name, "xvcvdpsp"))
		same_elements(k);
	for (unsigned n = 0; n < 64; n++) {
		uint64_t w[2], next;
		memcpy(w, now.vsr[n], 16);
		memcpy(&next, now.vsr[n ^ 1], 8);
		/* to the peer a double below a single's range may be of any class */
		if (!strcmp(name, "xststdcsp") && w[0] << 1 && (w[0] >> 52 & 0x7ff) < 0x381)
			w[0] |= 0x3c0ull << 52;
		/* what no single holds is stored as one that is undefined (4.6.3) */
		if ((!strncmp(name, "stfs", 4) || !strncmp(name, "stxss", 5)) && w[0] << 1 && (w[0] >> 52 & 0x7ff) < 874)
			w[0] = (w[0] & ~(0x7ffull << 52)) | (874 + (w[0] >> 52 & 63)) << 52;
		/* canonical infinities only */
		if (kind == DECIMALS && n & 1 && (next >> 58 & 31) == 30)
			w[0] = 0;
		memcpy(now.vsr[n], w, 16);
	}
	if (last_byte(name) < 15 && (now.r[i >> 16 & 31] & 15) > last_byte(name))
		now.r[i >> 16 & 31] &= ~7ull;
	if (!mem)
		return;
	unsigned ra = i >> 16 & 31, rb = i >> 11 & 31;
	uint64_t base = (uint64_t)(uintptr_t)(memory + MIDDLE + (rnd() & 31) * 16);
	if (mem != 3 && rnd() % 4 == 0)
		base += rnd() & 15;
	now.r[ra] = base;
	if (mem == 2 || mem == 3)
		now.r[rb] = (unsigned long)((rnd() & 63) * 16 - 512);
	for (unsigned n = 0; n < 2 * WINDOW; n += 8)
		memcpy(memory + MIDDLE - WINDOW + n, &(uint64_t){rnd()}, 8);
	memset(memory + MIDDLE + WINDOW, 0x5a, WINDOW); /* a displacement reaches beyond */
}

static void show(uint32_t i, const char *name)
{
	printf("insn %08x %s fault %d cr %llx xer %llx fpscr %llx vscr %llx -> cr %llx xer %llx fpscr %llx vscr %llx\n", i, name, fault,
	       (long long)begun.cr, (long long)begun.xer, (long long)begun.fpscr, (long long)begun.vscr[1], (long long)now.cr, (long long)now.xer,
	       (long long)(fault ? at_fault[32] : now.fpscr), (long long)(now.vscr[1] | now.vscr[2]));
	for (unsigned n = 0; n < 32; n++)
		printf("r%u %016llx -> %016llx\n", n, (long long)begun.r[n], (long long)now.r[n]);
	for (unsigned n = 0; n < 64; n++) {
		uint64_t a[2], b[2];
		memcpy(a, begun.vsr[n], 16);
		memcpy(b, now.vsr[n], 16);
		if (fault && n < 32)
			b[0] = at_fault[n];
		printf("vs%u %016llx_%016llx -> %016llx_%016llx\n", n, (long long)a[0], (long long)a[1], (long long)b[0], (long long)b[1]);
	}
}

static void one(uint32_t *code, uint32_t i, uint32_t value, uint32_t mask, unsigned mem, const char *name, unsigned k, bool full)
{
	seed = ((uint64_t)value << 32 | mask) ^ (uint64_t)k * 0xd1342543de82ef95ull ^ SALT;
	prepare(i, mem, name, k);
	begun = now;
	fault = 0;
	if (!sigsetjmp(out, 1))
		run(code, &now);
	else
		__asm__ volatile("mtfsf 255, %0\n fadd %0, %0, %0" : : "f"(0.0));
	uint64_t h = result(name, mem);
	if (full)
		show(i, name);
	else
		printf("%04x", (unsigned)(h >> 20 & 0xffff));
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
	prctl(PR_SET_FPEXC, PR_FP_EXC_PRECISE, 0, 0, 0); /* the peer delivers them always */
	while (scanf("%x %x %u %63s", &value, &mask, &mem, name) == 4) {
		mprotect(code, cases * 32 + 4096, PROT_READ | PROT_WRITE);
		for (unsigned k = 0; k < cases; k++) {
			uint32_t *p = code + k * 8;
			int64_t to = (int64_t)(returned - (char *)(p + 1));
			seed = (uint64_t)value << 32 ^ (uint64_t)k * 0x9e3779b9u ^ SALT;
			insn[k] = instruction(value, mask, (int)mem, name);
			p[0] = insn[k];
			p[1] = 0x48000000 | ((uint32_t)to & 0x3fffffc);
		}
		mprotect(code, cases * 32 + 4096, PROT_READ | PROT_EXEC);
		__builtin___clear_cache((char *)code, (char *)(code + cases * 8));
		if (only < 0)
			printf("%08x %08x ", value, mask);
		for (unsigned k = 0; k < cases; k++)
			if (only < 0 || k == (unsigned)only)
				one(code + k * 8, insn[k], value, mask, mem, name, k, only >= 0);
		if (only < 0)
			printf("\n");
	}
	return 0;
}
