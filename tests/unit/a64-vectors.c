/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every row of the A64 tables does what was recorded, interpreted (T0), translated (T1) and as cold code. The record (tests/isa/aarch64.vectors.xz)
 * has a line a row: pattern, and a digest of 16 bits for each of 400 cases that tests/isa/a64-case.h makes; tests/isa/record-aarch64
 * writes it from the peer. Rows where the peer and the manual differ have the manual's, named in settled[]; rows whose result is
 * nobody's to record (random numbers, keys, clocks, identification) are named in unrecorded[] and have tests of their own here.
 *
 *   a64-vectors             all cases; STEP=n in the environment: every n-th
 *   a64-vectors --list      the rows as aarch64-runner.c reads them
 *   a64-vectors --digests   the record's text as T0 has it; --settled: of the rows in settled[] alone
 *   a64-vectors --show VALUE MASK CASE   a case in full, as aarch64-runner.c shows it
 */
#include "unit/a64-bench.h"

#ifdef A64_BIG_ENDIAN /* unit/a64-vectors-be.c: big-endian data, so only rows that access them */
#define ISA isa_aarch64_be
#define RECORD "tests/isa/aarch64-be.vectors.xz"
enum { BIG = 1, LEAST_ROWS = 130 };
#else
#define ISA isa_aarch64
#define RECORD "tests/isa/aarch64.vectors.xz"
enum { BIG, LEAST_ROWS = 850 };
#endif

static const struct {
	const char *name;
	uint32_t value, mask; /* all rows within */
	const char *why;
} unrecorded[] = {
	{"pac*, aut*, xpac*", 0xdac10000, 0xffff0000, "keys"},
	{"pacga", 0x9ac03000, 0xffe0fc00, "keys"},
	{"ldraa, ldrab", 0xf8200400, 0xff200400, "keys"},
	{"braa and kin", 0xd61f0800, 0xff9ff800, "keys"},
	{"braa and kin", 0xd71f0800, 0xff9ff800, "keys"},
	{"xpaclri", 0xd50320ff, 0xffffffff, "keys"},
	{"pacia1716 and kin", 0xd503211f, 0xffffff3f, "keys"},
	{"paciasp and kin", 0xd503231f, 0xffffff1f, "keys"},
	{"dc zva", 0xd50b7420, 0xffffffe0, "the block's size is the model's"},
	{"ctr_el0", 0xd53b0020, 0xffffffe0, "the model's"},
	{"dczid_el0", 0xd53b00e0, 0xffffffe0, "the model's"},
	{"cntfrq_el0", 0xd53be000, 0xffffffe0, "the clock's"},
	{"cntvct_el0", 0xd53be040, 0xffffffe0, "the clock's"},
	{"rndr, rndrrs", 0xd53b2400, 0xffffffc0, "random"},
	{"id registers", 0xd5380000, 0xffff0000, "the model's"},
};
#define UNRECORDED (sizeof unrecorded / sizeof unrecorded[0])

/* Rows of which the record has what T0 does, since the peer (7.2) does not what the manual says. */
static const struct {
	uint32_t value, mask;
	const char *why;
} settled[] = {
	{0x5f00fc00, 0xff80fc00, "FCVTZS of a half to fixed point saturates to 16 bits (C7.2); the peer's to 32"},
	{0xd50b7c20, 0xffffffe0, "DC CVAP is there when HWCAP_DCPOP is; the peer's programs have it undefined"},
	{0xd51b4400, 0xffffffe0, "FPCR.Len and Stride are zero where no exception level has AArch32 (ID_AA64PFR0_EL1)"},
	{0xd51b4420, 0xffffffe0, "FPSR.N, Z, C, V are zero where no exception level has AArch32"},
};

static bool is_settled(unsigned row)
{
	struct a64_pattern p;

	a64_row_pattern(row, &p);
	for (unsigned k = 0; k < sizeof settled / sizeof settled[0]; k++)
		if (p.value == settled[k].value && p.mask == settled[k].mask)
			return true;
	return false;
}

static bool recordable(unsigned row)
{
	struct a64_pattern p;

	a64_row_pattern(row, &p);
	if (BIG && a64c_kind(p.value, p.mask) != A64C_MEM && a64c_kind(p.value, p.mask) != A64C_ALIGNED && (p.value & 0x3b000000) != 0x18000000)
		return false;
	for (unsigned k = 0; k < UNRECORDED; k++)
		if ((p.mask & unrecorded[k].mask) == unrecorded[k].mask && (p.value & unrecorded[k].mask) == unrecorded[k].value)
			return false;
	return true;
}

static const char *row_name(unsigned row)
{
	const char *name, *operands;
	a64_row_text(row, &name, &operands);
	return name;
}

static struct a64_bench t0, t1, cold; /* interpreted, translated, and executed by lib/isa/aarch64/cold.c where that knows the instruction */

static uint32_t fill(struct a64_pattern p, unsigned k)
{
	return a64c_fill(a64b_code + k * A64C_WORDS, p.value, p.mask, k, 0xd4000001 | 0x1234 << 5);
}

/* One case: the states before and after it. */
static void one(struct a64_bench *b, struct a64_pattern p, unsigned k, uint32_t insn, struct a64c_state *begun, struct a64c_state *after, int *sig,
		uint64_t *address)
{
	uint64_t at = a64c_slot(k);

	a64c_begin(begun, p.value, p.mask, k, insn);
	a64b_load(b, begun);
	*sig = a64b_run(b, at + 5 * 4, at + (A64C_END + 1) * 4, address);
	a64b_store(b, after);
}

static unsigned digest(struct a64_bench *b, struct a64_pattern p, unsigned k, uint32_t insn)
{
	struct a64c_state begun, after;
	uint64_t address;
	int sig;

	one(b, p, k, insn, &begun, &after, &sig, &address);
	return a64c_digest(&after, (unsigned)sig, address, a64c_accesses(p.value, p.mask) ? a64b_memory : NULL, a64b_plain);
}

static int show(struct a64_pattern p, unsigned k)
{
	struct a64c_state begun, after;
	uint64_t address;
	uint32_t insn = fill(p, k);
	int sig;

	one(&t0, p, k, insn, &begun, &after, &sig, &address);
	printf("insn %08x signal %02x at %016llx\n", insn, (unsigned)sig, (unsigned long long)address);
	for (unsigned n = 0; n < 35; n++)
		printf("w%02x %016llx -> %016llx\n", n, (long long)(n < 32 ? begun.x[n] : (&begun.nzcv)[n - 32]),
		       (long long)(n < 32 ? after.x[n] : (&after.nzcv)[n - 32]));
	for (unsigned n = 0; n < 32; n++)
		printf("v%02x %016llx%016llx -> %016llx%016llx\n", n, (long long)a64c_get(begun.v[n] + 8), (long long)a64c_get(begun.v[n]),
		       (long long)a64c_get(after.v[n] + 8), (long long)a64c_get(after.v[n]));
	for (unsigned n = 0; n < A64C_WINDOW; n += 8)
		if (memcmp(a64b_memory + n, a64b_plain + n, 8))
			printf("m%04x %016llx -> %016llx\n", n, (long long)a64c_get(a64b_plain + n), (long long)a64c_get(a64b_memory + n));
	return 0;
}

static unsigned parse4(const char *s)
{
	char d[5] = {s[0], s[1], s[2], s[3], 0};
	return (unsigned)strtoul(d, NULL, 16);
}

/* One row's cases against the record; where[]: the first case that differs under T0, T1 and cold, -1 none. */
static void compare(struct a64_pattern p, const char *want, unsigned cases, unsigned step, int where[3], unsigned *ran)
{
	static uint32_t insn[A64C_MOST];

	for (unsigned k = 0; k < cases; k++)
		insn[k] = fill(p, k);
	a64b_changed(&t0);
	a64b_changed(&t1);
	a64b_changed(&cold);
	a64b_forget(&cold, 0);
	where[0] = where[1] = where[2] = -1;
	for (unsigned k = 0; k < cases; k += step) {
		unsigned w = parse4(want + 4 * k);
		if (digest(&t0, p, k, insn[k]) != w && where[0] < 0)
			where[0] = (int)k;
		if (digest(&t1, p, k, insn[k]) != w && where[1] < 0)
			where[1] = (int)k;
		if (digest(&cold, p, k, insn[k]) != w && where[2] < 0)
			where[2] = (int)k;
		++*ran;
	}
}

static void recorded(const char *path, unsigned step)
{
	char command[200], *line = NULL;
	unsigned rows = 0, bad[3] = {0, 0, 0}, ran = 0, missing = 0, unknown = 0, least = ~0u;
	size_t room = 0;
	uint8_t *seen = calloc(1, a64_row_count());

	snprintf(command, sizeof command, "xz -dc %s", path);
	FILE *f = popen(command, "r");
	while (f && getline(&line, &room, f) > 0) {
		struct a64_pattern p, q;
		int at = 0, where[3], row = -1;
		if (sscanf(line, "%x %x %n", &p.value, &p.mask, &at) < 2)
			break;
		for (unsigned r = 0; r < a64_row_count() && row < 0; r++) {
			a64_row_pattern(r, &q);
			if (q.value == p.value && q.mask == p.mask)
				row = (int)r;
		}
		if (row < 0) {
			printf("# the record has %08x %08x, which is no row\n", p.value, p.mask);
			unknown++;
			continue;
		}
		unsigned cases = (unsigned)strspn(line + at, "0123456789abcdef") / 4;
		if (cases > A64C_MOST)
			cases = A64C_MOST;
		seen[row] = cases > 0;
		least = cases < least ? cases : least;
		compare(p, line + at, cases, step, where, &ran);
		rows++;
		static const char *const name[] = {"T0", "T1", "cold code"};
		for (unsigned t = 0; t < 3; t++)
			if (where[t] >= 0) {
				bad[t]++;
				printf("# %s differs: %s, --show %08x %08x %d\n", name[t], row_name((unsigned)row), p.value, p.mask, where[t]);
			}
	}
	if (f)
		pclose(f);
	free(line);
	for (unsigned r = 0; r < a64_row_count(); r++)
		if (!seen[r] && recordable(r)) {
			struct a64_pattern p;
			a64_row_pattern(r, &p);
			printf("# no recorded case: %s %08x %08x\n", row_name(r), p.value, p.mask);
			missing++;
		}
	free(seen);
	ok(!missing && !unknown, BIG ? "every row of the tables (%u) that accesses memory has recorded cases"
				     : "every row of the tables (%u) has recorded cases or is named as one that cannot", a64_row_count());
	ok(rows > LEAST_ROWS && least >= 400, "%u rows are recorded, at least 400 cases of each", rows);
	ok(!bad[0], "T0 does what was recorded: %u cases", ran);
	ok(!bad[1], "T1 does what was recorded: %u cases", ran);
	ok(!bad[2], "so does code that is executed cold: %u cases", ran);
}

/* Rows without a record: T1 as T0, where keys are the same. */
static void unrecorded_alike(void)
{
	unsigned rows = 0, bad = 0, ran = 0;

	for (unsigned r = 0; r < a64_row_count(); r++) {
		static uint32_t insn[400];
		struct a64_pattern p;
		a64_row_pattern(r, &p);
		if (recordable(r) || (p.value & 0xffffffc0) == 0xd53b2400 || (p.value & 0xffffffe0) == 0xd53be040)
			continue;
		for (unsigned k = 0; k < 400; k++) {
			insn[k] = fill(p, k);
		}
		a64b_changed(&t0);
		a64b_changed(&t1);
		rows++;
		for (unsigned k = 0; k < 400; k++, ran++)
			if (digest(&t0, p, k, insn[k]) != digest(&t1, p, k, insn[k])) {
				printf("# T1 differs from T0: %s, --show %08x %08x %u\n", row_name(r), p.value, p.mask, k);
				bad++;
				break;
			}
	}
	ok(!bad, "the %u rows that are not recorded do the same under T1 as under T0: %u cases", rows, ran);
}

/* ---- what the manual says of the rows without a record ---- */

/* Runs one instruction on T0 and T1 from s; both must agree. */
static int run1(uint32_t insn, struct a64c_state *s)
{
	struct a64c_state a = *s, b;
	uint64_t address;

	a64b_code[0] = insn;
	a64b_code[1] = 0xd4000001 | 0x1234 << 5;
	a64b_changed(&t0);
	a64b_changed(&t1);
	a64b_load(&t0, &a);
	int sig = a64b_run(&t0, A64C_CODE, A64C_CODE + 8, &address);
	a64b_store(&t0, &a);
	a64b_load(&t1, s);
	int sig1 = a64b_run(&t1, A64C_CODE, A64C_CODE + 8, &address);
	a64b_store(&t1, &b);
	if (sig != sig1 || memcmp(&a, &b, sizeof a))
		return -2;
	*s = a;
	return sig;
}

static uint64_t strip(uint64_t p) { return p >> 55 & 1 ? p | 0x7full << 48 : p & ~(0x7full << 48); }

/* PACIA and kin (C6.2): what was signed authenticates to itself; with another modifier, key or bit it gets an error code in bits 54..53. */
static void pointers(void)
{
	unsigned wrong = 0, passes = 0, distinct = 0, tries = 0;

	for (unsigned key = 0; key < 4; key++)
		for (unsigned n = 0; n < 200; n++, tries++) {
			struct a64c_state s = {.x = {0}}, u;
			uint64_t p = strip(a64c_rnd()), m = a64c_rnd();
			s.x[3] = p, s.x[4] = m;
			wrong += run1(0xdac10083 | key << 10, &s) != 0;
			distinct += s.x[3] != p;
			u = s;
			wrong += run1(0xdac11083 | key << 10, &u) || u.x[3] != p;
			u = s;
			wrong += run1(key < 2 ? 0xdac143e3 : 0xdac147e3, &u) || u.x[3] != p; /* xpaci, xpacd */
			u = s;
			u.x[4] ^= 1ull << n % 64;
			wrong += run1(0xdac11083 | key << 10, &u) != 0;
			if (u.x[3] == p)
				passes++;
			else
				wrong += (u.x[3] ^ p) & ~(3ull << 53) || (u.x[3] >> 53 & 3) != (key & 1 ? 2 : 1);
			/* zero as modifier; the hints with x17, x16 and lr, sp */
			u = (struct a64c_state){.x = {0}};
			u.x[3] = p;
			wrong += run1(0xdac123e3 | key << 10, &u) || run1(0xdac133e3 | key << 10, &u) || u.x[3] != p;
			if (key < 2) {
				u.x[17] = p, u.x[16] = m;
				wrong += run1(0xd503211f | key << 6, &u) || run1(0xd503219f | key << 6, &u) || u.x[17] != p;
				u.x[30] = p, u.x[31] = m & ~15ull;
				wrong += run1(0xd503233f | key << 6, &u) || run1(0xd50323bf | key << 6, &u) || u.x[30] != p;
				wrong += run1(0xd503231f | key << 6, &u) || run1(0xd503239f | key << 6, &u) || u.x[30] != p;
				wrong += run1(0xd503233f | key << 6, &u) || run1(0xd50320ff, &u) || u.x[30] != p; /* xpaclri */
			}
		}
	ok(!wrong, "a signed pointer authenticates to itself, and strips to itself; another modifier leaves the error code");
	ok(passes < tries / 20, "of %u wrong modifiers %u pass (seven bits of code)", tries, passes);
	ok(distinct > tries * 9 / 10, "%u of %u pointers were changed by signing", distinct, tries);

	unsigned low = 0, same = 0;
	for (unsigned n = 0; n < 200; n++) {
		struct a64c_state s = {.x = {0}}, u;
		s.x[4] = a64c_rnd(), s.x[5] = a64c_rnd();
		u = s;
		wrong += run1(0x9ac53083, &s) != 0;
		u.x[5] ^= 1;
		wrong += run1(0x9ac53083, &u) != 0;
		low |= s.x[3] & 0xffffffff ? 1 : 0;
		same += s.x[3] == u.x[3];
	}
	ok(!wrong && !low && same < 3, "PACGA: the low half is zero, the modifier counts");

	/* ldraa x3, [x4, #16] and with write-back, braa x4, x5, retaa */
	struct a64c_state s = {.x = {0}}, u;
	s.x[4] = A64C_MEMORY + 0x100;
	wrong = run1(0xdac12be4, &s) != 0; /* pacdza x4 */
	u = s;
	wrong += run1(0xf8202483, &u) || u.x[3] != a64c_get(a64b_plain + 0x110) || u.x[4] != s.x[4];
	u = s;
	wrong += run1(0xf8202c83, &u) || u.x[3] != a64c_get(a64b_plain + 0x110) || u.x[4] != A64C_MEMORY + 0x110;
	u = s;
	u.x[4] ^= 1ull << 50;
	wrong += run1(0xf8202483, &u) != SIGSEGV;
	ok(!wrong, "LDRAA loads through an authenticated pointer, writes the address back, and faults through another");
	s = (struct a64c_state){.x = {0}};
	s.x[4] = A64C_CODE + 4, s.x[5] = 77;
	wrong = run1(0xdac100a4, &s) || run1(0xd71f0885, &s); /* pacia x4, x5; braa x4, x5: to the end */
	s.x[30] = A64C_CODE + 4, s.x[31] = 0x1230;
	wrong += run1(0xd503233f, &s) || run1(0xd65f0bff, &s); /* paciasp; retaa */
	s.x[4] = A64C_CODE + 4;
	wrong += run1(0xdac10ca4, &s) != 0; /* pacdb: not braa's key */
	wrong += run1(0xd71f0885, &s) != SIGSEGV;
	ok(!wrong, "BRAA and RETAA go where an authenticated pointer leads, and fault with one of another key");
}

static void identification(void)
{
	struct a64c_state s = {.x = {0}};
	unsigned wrong = 0;

	wrong += run1(0xd53b0023, &s) || (s.x[3] & 0x8000000f) != 0x80000004 || (s.x[3] >> 16 & 15) != 4; /* 64-byte lines, bit 31 is one */
	wrong += run1(0xd53b00e3, &s) || s.x[3] != 4; /* 64 bytes are zeroed */
	wrong += run1(0xd53be003, &s) || s.x[3] != 62500000;
	ok(!wrong, "CTR_EL0, DCZID_EL0, CNTFRQ_EL0 tell 64-byte lines and blocks and the clock's rate");
	/* ID_AA64ISAR0_EL1 tells what works; a reserved one of the space is zero */
	wrong = run1(0xd5380603, &s) || (s.x[3] >> 4 & 15) != 2 || (s.x[3] >> 16 & 15) != 1 || (s.x[3] >> 20 & 15) != 2;
	wrong += run1(0xd53807a3, &s) || s.x[3] != 0;
	ok(!wrong, "ID_AA64ISAR0_EL1 tells AES with PMULL, CRC32, LSE; a reserved identification register is zero");

	wrong = 0;
	for (unsigned n = 0; n < 8; n++) {
		struct a64c_state a = {.x = {0}};
		a.x[4] = A64C_MEMORY + 0x1000 + n * 23;
		wrong += run1(0xd50b7424, &a) != 0;
		for (unsigned k = 0; k < 0x400; k++) {
			bool in = (0x1000 + k) / 64 == (0x1000 + n * 23) / 64;
			wrong += a64b_memory[0x1000 + k] != (in ? 0 : a64b_plain[0x1000 + k]);
		}
		memcpy(a64b_memory, a64b_plain, A64C_WINDOW);
	}
	ok(!wrong, "DC ZVA zeroes the 64 bytes around its address and no more");

	uint64_t before = 0, address;
	unsigned zeros = 0, repeats = 0, failed = 0, backward = 0;
	for (unsigned n = 0; n < 64; n++) {
		struct a64_bench *b = n & 1 ? &t1 : &t0;
		struct a64c_state a = {.nzcv = 0xf0000000};
		a64b_code[0] = 0xd53b2403 | (n >> 1 & 1) << 5; /* rndr, rndrrs */
		a64b_code[1] = 0xd53be044;                     /* cntvct_el0 */
		a64b_code[2] = 0xd4000001 | 0x1234 << 5;
		a64b_changed(b);
		a64b_load(b, &a);
		failed += a64b_run(b, A64C_CODE, A64C_CODE + 12, &address) != 0 || a64_get_nzcv(b->c) != 0;
		zeros += !b->c->x[3];
		repeats += b->c->x[3] == before;
		static uint64_t count;
		backward += b->c->x[4] < count;
		count = b->c->x[4];
		before = b->c->x[3];
	}
	ok(!failed && !zeros && !repeats, "RNDR and RNDRRS give numbers and clear NZCV");
	ok(!backward, "CNTVCT_EL0 never goes backward");
}

int main(int argc, char **argv)
{
	unsigned step = getenv("STEP") ? (unsigned)atoi(getenv("STEP")) : 1;

	a64b_maps();
	t0 = a64b_new(&ISA, JIT_INTERPRET, false, false, NULL);
	t1 = a64b_new(&ISA, JIT_TRANSLATE, false, false, NULL);
	cold = a64b_new(&ISA, JIT_TRANSLATE, false, true, NULL);
	for (unsigned r = 0; argc == 2 && r < a64_row_count(); r++) {
		struct a64_pattern p;
		a64_row_pattern(r, &p);
		if (!recordable(r) || (!strcmp(argv[1], "--settled") && !is_settled(r)))
			continue;
		printf("%08x %08x ", p.value, p.mask);
		if (!strcmp(argv[1], "--list")) {
			printf("%s\n", row_name(r));
			continue;
		}
		uint32_t insn[400];
		for (unsigned k = 0; k < 400; k++)
			insn[k] = fill(p, k);
		for (unsigned k = 0; k < 400; k++)
			printf("%04x", digest(&t0, p, k, insn[k]));
		printf("\n");
	}
	if (argc == 2)
		return 0;
	if (argc == 5)
		return show((struct a64_pattern){(uint32_t)strtoul(argv[2], NULL, 16), (uint32_t)strtoul(argv[3], NULL, 16)}, (unsigned)atoi(argv[4]));
	recorded(RECORD, step ? step : 1);
	if (BIG)
		return tap_done();
	unrecorded_alike();
	pointers();
	identification();
	return tap_done();
}
