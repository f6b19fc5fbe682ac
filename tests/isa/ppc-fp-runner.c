/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every floating-point instruction of PowerPC with special operands in every rounding mode. A PowerPC program: powerpc64le-linux-gnu-gcc -O1
 * -static -mcpu=power8, or powerpc64-linux-gnu-gcc.
 *
 * Standard input has a row a line, as ppc-runner.c reads it; those that are none of floating point are passed over. A row's instruction has
 * registers 1, 2 and 4 (decimal pairs 2, 4, 8) as operands, 3 (6) as its target and third operand of VSX. First operand: 64 special values of
 * its format (half of them negative), second: each of 64, third: another for each pair. There is a digest of 16 bits for each rounding mode
 * (4 of FPSCR[RN], 8 of FPSCR[DRN]) and each eighth of the first operand's values; of one operand there is one eighth alone. Result, FPSCR
 * and CR are in it.
 *   ppc-fp-runner [SLICES]           how many eighths of each are run, default 8
 *   ppc-fp-runner SLICES MODE SLICE  that slice in full
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct io {
	uint64_t v[9][2]; /* by register, as memory has doublewords 0 and 1 */
	uint64_t vr[9][2];
	uint64_t fpscr, cr;
};
static struct io io __attribute__((aligned(16)));

static const uint64_t doubles[32] = {
	0, 1, 3, 0x0007fffffffffffe, 0x000fffffffffffff, 0x0010000000000000, 0x001fffffffffffff, 0x3690000000000000,
	0x36a0000000000001, 0x37ffffffe0000000, 0x380fffffc0000000, 0x380fffffffffffff, 0x3810000000000000, 0x3ca0000000000000, 0x3fdfffffffffffff, 0x3fe0000000000000,
	0x3fefffffe0000000, 0x3ff0000000000000, 0x3ff0000010000000, 0x3ff8000000000000, 0x4000000000000000, 0x4008000000000000, 0x41dfffffffc00000, 0x41f0000000000000,
	0x4330000000000001, 0x43e0000000000000, 0x47efffffe0000000, 0x47efffffffffffff, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000abcdef, 0x7ff8000012345678,
};
static const uint32_t singles[32] = {
	0, 1, 3, 0x003ffffe, 0x007fffff, 0x00800000, 0x00ffffff, 0x01000001, 0x0b7fffff, 0x1fffffff, 0x20000000, 0x33800000, 0x33ffffff, 0x3effffff, 0x3f000000, 0x3f7fffff,
	0x3f800000, 0x3f800001, 0x3fc00000, 0x40000000, 0x40400000, 0x477fe000, 0x477ff000, 0x4b000001, 0x4effffff, 0x4f000000, 0x4f800000, 0x5f000000, 0x7f7fffff, 0x7f800000,
	0x7f8abcde, 0x7fc12345,
};
static const uint64_t quads[32][2] = {
	{0, 0}, {0, 1}, {0, 3}, {0x00007fffffffffff, ~1ull}, {0x0000ffffffffffff, ~0ull}, {0x0001000000000000, 0}, {0x0001ffffffffffff, ~0ull}, {0x3bcc000000000000, 0},
	{0x3bcd000000000000, 1}, {0x3c00ffffffffffff, 0xf000000000000000}, {0x3c01000000000000, 0}, {0x3f8e000000000000, 0}, {0x3f8effffffffffff, ~0ull},
	{0x3ffdffffffffffff, ~0ull}, {0x3ffe000000000000, 0}, {0x3ffeffffffffffff, ~0ull}, {0x3fff000000000000, 0}, {0x3fff000000000000, 1},
	{0x3fff000000000000, 0x0002000000000000}, {0x3fff800000000000, 0}, {0x4000000000000000, 0}, {0x4000800000000000, 0}, {0x401dffffffc00000, 0}, {0x401e000000000000, 0},
	{0x403e000000000000, 0}, {0x403dffffffffffff, 0xfffe000000000000}, {0x406f000000000000, 1}, {0x43feffffffffffff, 0xf800000000000000}, {0x7ffeffffffffffff, ~0ull},
	{0x7fff000000000000, 0}, {0x7fff000000000000, 0xabc}, {0x7fff800000000000, 0x123},
};
static const int64_t integers[32] = {
	0, 1, 2, 3, 5, 9, 10, 99, 127, 128, 255, 65535, 65536, 0xffffff, 0x1000000, 0x1000001, 0x1000003, 0x7fffffff, 0x80000000, 0xffffffff, 0x1fffffffffffff,
	0x20000000000001, 0x20000000000003, 9999999999999999, 10000000000000000, 10000000000000005, 10000000000000015, 0x3fffffffffffffff, 0x4000000000000001,
	0x7ffffffffffffc00, 0x7ffffffffffffe00, 0x7fffffffffffffff,
};
/* coefficient and exponent; 1000: infinity, 1001: signalling NaN, 1002: quiet NaN; 2000 and more: from the greatest exponent down, -2000: from the least up */
static const struct { uint64_t c; int e; } decimals[32] = {
	{0, 0}, {0, -2000}, {0, 2000}, {1, -2000}, {123, -1999}, {999999999999999, -2000}, {1000000000000000, -2000}, {1, 0}, {1, -1}, {5, -1}, {15, -1}, {25, -1}, {5, -2}, {10, 0},
	{9, 0}, {99, -1}, {100, -2}, {1234567, 0}, {9999999, 0}, {9999995, -3}, {9999999999999999, 0}, {9999999999999999, -15}, {9223372036854775, 3}, {9223372036854776, 3},
	{5000000000000000, -16}, {1000000000000001, -8}, {1, 2000}, {9999999999999999, 2000}, {7, 2001}, {0, 1000}, {77, 1001}, {123456789, 1002},
};

enum kind { NONE, DOUBLE, SINGLE, QUAD, INTEGER, DECIMAL, DECIMALS };

static uint64_t declet(unsigned v)
{
	unsigned a = v / 100, b = v / 10 % 10, c = v % 10;
	unsigned A = a >> 3, B = b >> 3, C = c >> 3, l = a & 1, m = b & 1, n = c & 1;

	switch (A << 2 | B << 1 | C) {
	case 0: return a << 7 | b << 4 | c;
	case 1: return a << 7 | b << 4 | 8 | n;
	case 2: return a << 7 | (c & 6) << 4 | m << 4 | 10 | n;
	case 3: return a << 7 | 0x40 | m << 4 | 14 | n;
	case 4: return (c & 6) << 7 | l << 7 | b << 4 | 12 | n;
	case 5: return (b & 6) << 7 | l << 7 | 0x20 | m << 4 | 14 | n;
	case 6: return (c & 6) << 7 | l << 7 | m << 4 | 14 | n;
	default: return l << 7 | 0x60 | m << 4 | 14 | n;
	}
}

static void decimal(uint64_t out[2], unsigned n, bool pair)
{
	uint64_t c = decimals[n & 31].c, sign = (uint64_t)(n >> 5 & 1) << 63;
	int e = decimals[n & 31].e, bias = pair ? 6176 : 398, most = pair ? 12287 : 767;
	unsigned more = pair ? 12 : 8, lead = 0;
	unsigned __int128 t = 0;

	for (unsigned k = 0; k < 5; k++, c /= 1000)
		t |= (unsigned __int128)declet((unsigned)(c % 1000)) << 10 * k;
	if (pair)
		t |= (unsigned __int128)declet((unsigned)c) << 50;
	else
		lead = (unsigned)c;
	if (e >= 1000 && e <= 1002) {
		uint64_t comb = e == 1000 ? 30 : 31;
		out[0] = sign | comb << 58 | (e == 1001 ? 1ull << 57 : 0) | (e == 1000 ? 0 : (uint64_t)(pair ? t >> 64 : t));
		out[1] = e == 1000 ? 0 : (uint64_t)t;
		return;
	}
	e = e >= 2000 ? most - (e - 2000) : e <= -1999 ? e + 2000 : e + bias;
	uint64_t top = (uint64_t)e >> more, comb = lead < 8 ? top << 3 | lead : 24 | top << 1 | (lead & 1);
	out[0] = sign | comb << 58 | ((uint64_t)e & ((1u << more) - 1)) << (58 - more) | (uint64_t)(pair ? t >> 64 : t);
	out[1] = (uint64_t)t;
}

static void value(enum kind k, unsigned n, uint64_t out[2])
{
	uint64_t sign = (uint64_t)(n >> 5 & 1) << 63;

	switch (k) {
	case SINGLE:
		out[0] = ((uint64_t)singles[n & 31] << 32 | sign) | singles[(n + 5) & 31] | sign >> 32;
		out[1] = ((uint64_t)singles[(n + 11) & 31] << 32) | singles[(n + 17) & 31] | sign >> 32;
		break;
	case QUAD:
		out[0] = quads[n & 31][0] | sign;
		out[1] = quads[n & 31][1];
		break;
	case INTEGER: out[0] = sign ? -(uint64_t)integers[n & 31] : (uint64_t)integers[n & 31]; out[1] = ~out[0]; break;
	case DECIMAL: case DECIMALS: decimal(out, n, k == DECIMALS); break;
	default:
		out[0] = doubles[n & 31] | sign;
		out[1] = doubles[(n + 7) & 31] | sign;
	}
}

static bool starts(const char *a, const char *b) { return !strncmp(a, b, strlen(b)); }

/* The format of the operands; NONE: it is no operation on numbers. */
static enum kind kind_of(uint32_t value, const char *name)
{
	unsigned op = value >> 26;
	size_t n = strcspn(name, ".`");

	if (op == 59 || op == 63) {
		if (*name == 'f')
			return starts(name, "fmr") || starts(name, "ftd") || starts(name, "fts") ? NONE : starts(name, "fcfi") ? INTEGER : DOUBLE;
		if (*name == 'd')
			return starts(name, "dxex") || starts(name, "diex") || starts(name, "dsc") || starts(name, "ded") || starts(name, "denb") ? NONE
			       : starts(name, "dcffix") ? INTEGER : starts(name, "dctqpq") || starts(name, "dctdp") ? DECIMAL
			       : name[n - 1] == 'q' ? DECIMALS : DECIMAL;
		return starts(name, "xscvsd") || starts(name, "xscvud") ? INTEGER : starts(name, "xscvdp") ? DOUBLE : starts(name, "xs") ? QUAD : NONE;
	}
	if (op != 60 || (!starts(name, "xs") && !starts(name, "xv")) || strstr(name, "tdc") || strstr(name, "exp") || strstr(name, "sig"))
		return NONE;
	if (starts(name, "xscvsx") || starts(name, "xscvux") || starts(name, "xvcvsx") || starts(name, "xvcvux"))
		return INTEGER;
	if (starts(name, "xvcvsp") || starts(name, "xscvsp") || strstr(name, "hp") || (name[1] == 'v' && strstr(name, "sp") && !starts(name, "xvcvdp")))
		return SINGLE;
	return DOUBLE;
}

/* Not the same, or undefined, as in ppc-runner.c. */
static uint64_t defined(const char *name, uint64_t fpscr)
{
	static const char *const undefined[] = {"fcti", "xscvdp", "frsp", "fcfidu", "fcfids", "xscvuxd", "dctfix", "xscvqpsd", "xscvqpud", "xscvqpsw", "xscvqpuw"};

	fpscr &= ~(uint64_t)0x40000;
	for (unsigned n = 0; n < sizeof undefined / sizeof undefined[0]; n++)
		if (starts(name, undefined[n]) && !starts(name, "xscvdpqp"))
			fpscr &= ~(uint64_t)0x1f000;
	if (*name == 'd')
		fpscr &= ~(uint64_t)0x40000000;
	if (starts(name, "fcmp") || starts(name, "xscmp"))
		fpscr &= ~(uint64_t)0x10000;
	if (starts(name, "xv") && fpscr & 0x10000000)
		fpscr &= ~(uint64_t)0x08000000;
	if ((fpscr & 0x1f000) == 0x14000 || (fpscr & 0x1f000) == 0x18000)
		fpscr &= ~(uint64_t)0x10000;
	return fpscr;
}

static void run(void *code)
{
	__asm__ volatile("lfd 0, %1\n mtfsf 255, 0, 1, 0\n"
			 ".irp n, 1,2,3,4,5,6,7,8,9\n addi 5, %0, 16 * (\\n - 1)\n lxvd2x \\n, 0, 5\n"
			 "addi 5, %0, 144 + 16 * (\\n - 1)\n lxvd2x 32 + \\n, 0, 5\n .endr\n"
			 "li 6, 0\n mtcr 6\n mtctr %2\n bctrl\n mfcr 6\n mffs 0\n stfd 0, %1\n"
			 ".irp n, 3,6,7\n addi 5, %0, 16 * (\\n - 1)\n stxvd2x \\n, 0, 5\n .endr\n"
			 "addi 5, %0, 144 + 16 * 2\n stxvd2x 35, 0, 5\n std 6, 296(%0)\n"
			 : : "b"(&io), "m"(io.fpscr), "r"(code)
			 : "r0", "r5", "r6", "lr", "ctr", "cr0", "cr1", "cr2", "cr3", "cr4", "cr5", "cr6", "cr7", "memory", "fr0", "fr1", "fr2", "fr3", "fr4",
			   "fr5", "fr6", "fr7", "fr8", "fr9", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9");
}

static unsigned digest(void *code, const char *name, enum kind kind, unsigned mode, unsigned slice, bool one, bool full)
{
	uint64_t h = 14695981039346656037ull, a[2], b[2], c[2];
	bool pair = kind == DECIMALS || starts(name, "dctqpq") || starts(name, "drdpq") || !strncmp(name, "dcffixq", 7);
	bool reround = starts(name, "drrnd") || starts(name, "dtstsf");

	for (unsigned i = 8 * slice; i < (one ? 64u : 8 * slice + 8); i++)
		for (unsigned j = 0; j < (one ? 1u : 64u); j++) {
			value(kind, i, one ? b : a);
			value(kind, one ? i + 1 : j, one ? a : b);
			value(kind, i * 7 + j * 5 + 3, c);
			memset(&io, 0, sizeof io);
			for (unsigned n = 0; n < 9; n++)
				io.v[n][0] = io.vr[n][0] = c[0], io.v[n][1] = io.vr[n][1] = c[1];
			if (reround && !one)
				a[0] = i;
			if (kind == DECIMALS) {
				io.v[1][0] = a[0], io.v[2][0] = a[1]; /* 2, 3 */
				io.v[3][0] = b[0], io.v[4][0] = b[1];
				if (reround)
					io.v[1][0] = i;
				io.v[5][0] = c[0], io.v[6][0] = c[1];
			} else {
				memcpy(io.v[0], a, 16), memcpy(io.vr[0], a, 16);
				memcpy(io.v[1], b, 16), memcpy(io.vr[1], b, 16);
			}
			io.fpscr = *name == 'd' ? (uint64_t)mode << 32 : mode;
			run(code);
			io.fpscr = defined(name, io.fpscr);
			if (*name == 'd')
				io.cr &= ~0x04000000ull;
			unsigned t = pair ? 5 : 2;
			uint64_t w[] = {io.v[t][0], pair ? io.v[6][0] : *name == 'd' ? 0 : io.v[t][1], io.vr[2][0], io.vr[2][1], io.fpscr, io.cr & 0xffffffff};
			for (unsigned n = 0; n < 6; n++)
				h = (h ^ w[n]) * 1099511628211ull, h ^= h >> 29;
			if (full)
				printf("%02u %02u: %016llx %016llx, %016llx %016llx, %016llx %016llx: %016llx %016llx %016llx %016llx fpscr %llx cr %llx\n", i, j,
				       (long long)a[0], (long long)a[1], (long long)b[0], (long long)b[1], (long long)c[0], (long long)c[1], (long long)w[0],
				       (long long)w[1], (long long)w[2], (long long)w[3], (long long)w[4], (long long)w[5]);
		}
	return (unsigned)(h >> 20 & 0xffff);
}

int main(int argc, char **argv)
{
	unsigned slices = argc > 1 ? (unsigned)atoi(argv[1]) : 8, value, mask, mem;
	uint32_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[64];

	while (scanf("%x %x %u %63s", &value, &mask, &mem, name) == 4) {
		enum kind kind = kind_of(value, name);
		if (kind == NONE || mem)
			continue;
		bool pair = kind == DECIMALS || !strncmp(name, "dctqpq", 6) || !strncmp(name, "drdpq", 5) || !strncmp(name, "dcffixq", 7);
		uint32_t i = pair ? 6u << 21 | 2u << 16 | 4u << 11 | 8u << 6 : 3u << 21 | 1u << 16 | 2u << 11 | 4u << 6;
		if (starts(name, "fmul.") || starts(name, "fmuls."))
			i = 3u << 21 | 1u << 16 | 2u << 6;
		if (strstr(name, "cmp") && !(mask & 0x01800000))
			i = (i & ~0x03e00000u) | (strncmp(name, "xv", 2) ? 7u << 23 : 3u << 21);
		if (starts(name, "dtst") || starts(name, "dcmp"))
			i = (i & ~0x03e00000u) | 7u << 23;
		if (!strcmp(name, "fmadd.") || (strstr(name, "fnm") && *name == 'f') || starts(name, "fmadds") || starts(name, "fmsub") || starts(name, "fsel"))
			i = 3u << 21 | 1u << 16 | 4u << 11 | 2u << 6; /* A * C + B: the third is 4 */
		i = value | (i & ~mask);
		if (starts(name, "xsrqp"))
			i |= 0x10000; /* R 1, RMC 0 */
		bool one = (mask & 0x001f0000) == 0x001f0000 || (mask >> 16 & 31) == 30;
		unsigned modes = *name == 'd' ? 8 : strstr(name, "nm") ? 1 : 4;
		mprotect(code, 4096, PROT_READ | PROT_WRITE);
		code[0] = i;
		code[1] = 0x4e800020;
		mprotect(code, 4096, PROT_READ | PROT_EXEC);
		__builtin___clear_cache((char *)code, (char *)(code + 2));
		if (argc < 4)
			printf("%s ", name);
		for (unsigned mode = 0; mode < modes; mode++)
			for (unsigned slice = 0; slice < (one ? 1 : slices); slice++) {
				if (argc > 3 && (mode != (unsigned)atoi(argv[2]) || slice != (unsigned)atoi(argv[3])))
					continue;
				unsigned d = digest(code, name, kind, mode, slice, one, argc > 3);
				if (argc < 4)
					printf("%04x", d);
			}
		if (argc < 4)
			printf("\n");
	}
	return 0;
}
