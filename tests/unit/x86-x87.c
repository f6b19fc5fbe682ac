/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every x87 row in random encodings on random stacks, tags, control words and pending exceptions against the host's own
 * processor: registers, tags, status and control word, pointers, memory, EFLAGS, faults. Transcendental results may
 * differ by one unit in the last place.
 */
#ifndef __x86_64__
#include "tap.h"
int main(void)
{
	tap_skip_all("the reference is an x86-64 processor");
}
#else
#include "isa/x86/ops.h"
#include "x86-host.h"

#define BUFFER 1024
static uint8_t *buffer; /* a guard page behind it */
static uint8_t left[BUFFER]; /* what the helper left there */
static unsigned shown, one_off;

static bool transcendental(const struct x86_insn *in)
{
	switch (in->row->op) {
	case X86_OP_f2xm1:
	case X86_OP_fyl2x:
	case X86_OP_fyl2xp1:
	case X86_OP_fpatan:
	case X86_OP_fptan:
	case X86_OP_fsin:
	case X86_OP_fcos:
	case X86_OP_fsincos:
		return true;
	default:
		return false;
	}
}

/* The operands for which the SDM defines a result. */
static bool defined(const struct x86_insn *in, const struct x86_cpu *cpu)
{
	unsigned e = cpu->fx.st[0].exponent & 0x7FFF;

	if (in->row->op == X86_OP_f2xm1)
		return e < 0x3FFF || e == 0x7FFF;
	if (in->row->op == X86_OP_fyl2xp1)
		return e < 0x3FFD || e == 0x7FFF;
	return true;
}

static bool near(struct x86_cpu *got, const struct x86_cpu *want)
{
	bool off = false;
	unsigned free;

	for (unsigned i = 0; i < 8; i++) {
		__int128 a = (__int128)(got->fx.st[i].exponent & 0x7FFF) << 63 | (got->fx.st[i].mantissa & INT64_MAX);
		__int128 b = (__int128)(want->fx.st[i].exponent & 0x7FFF) << 63 | (want->fx.st[i].mantissa & INT64_MAX);

		if (a == b && got->fx.st[i].exponent == want->fx.st[i].exponent)
			continue;
		if (a - b > 1 || b - a > 1 || (got->fx.st[i].exponent ^ want->fx.st[i].exponent) >> 15)
			return false;
		got->fx.st[i] = want->fx.st[i];
		off = true;
	}
	one_off += off;
	/* the direction of rounding, and whether a result at the smallest normal number was tiny, hang on that unit */
	free = 0x200;
	for (unsigned i = 0; i < 2; i++)
		if ((want->fx.st[i].exponent & 0x7FFF) <= 1 && want->fx.st[i].mantissa << 1 == 0)
			free |= 0x10;
	got->fx.fsw = (uint16_t)((got->fx.fsw & ~free) | (want->fx.fsw & free));
	return true;
}

static bool compare(const struct x86_insn *in, const struct xh_code *c, const struct x86_cpu *before, struct x86_cpu *got,
		    const struct x86_cpu *want, int gs, int ws)
{
	char text[128];
	bool same = gs == ws;
	uint16_t flags = x86_flags_written(in) & X86_STATUS ? X86_STATUS : 0;

	if (transcendental(in))
		near(got, want);
	if (!xh_intel) { /* other makers' rules for the pointers differ */
		got->fx.fip = want->fx.fip;
		got->fx.fdp = want->fx.fdp;
		got->fx.fop = want->fx.fop;
	}
	for (unsigned i = 0; i < 16; i++)
		same &= i == X86_RSP || got->gpr[i] == want->gpr[i];
	/* of a state image that faults processors store some words, this project none */
	same &= !((got->rflags ^ want->rflags) & flags) && (ws == SIGSEGV || !memcmp(buffer, left, BUFFER));
	same &= got->fx.ftw == want->fx.ftw && got->fx.fsw == want->fx.fsw && got->fx.fcw == want->fx.fcw;
	same &= got->fx.fip == want->fx.fip && got->fx.fdp == want->fx.fdp && got->fx.fop == want->fx.fop;
	for (unsigned i = 0; i < 8; i++)
		same &= got->fx.st[i].mantissa == want->fx.st[i].mantissa && got->fx.st[i].exponent == want->fx.st[i].exponent;
	if (same || shown++ > 2)
		return same;
	printf("# %s: signal %d, host %d; flags %llx, host %llx\n", x86_disassemble(in, before->rip, text, sizeof text), gs,
	       ws, (unsigned long long)got->rflags & X86_STATUS, (unsigned long long)want->rflags & X86_STATUS);
	printf("#   code");
	for (unsigned i = 0; i < c->n; i++)
		printf(" %02x", c->bytes[i]);
	printf("; fcw %04x fsw %04x ftw %02x; got %04x %04x %02x host %04x %04x %02x\n", before->fx.fcw, before->fx.fsw,
	       before->fx.ftw, got->fx.fcw, got->fx.fsw, got->fx.ftw, want->fx.fcw, want->fx.fsw, want->fx.ftw);
	printf("#   fip %llx host %llx fdp %llx host %llx fop %x host %x\n", (unsigned long long)got->fx.fip,
	       (unsigned long long)want->fx.fip, (unsigned long long)got->fx.fdp, (unsigned long long)want->fx.fdp,
	       got->fx.fop, want->fx.fop);
	for (unsigned i = 0; i < 8; i++)
		printf("#   st%u was %04x.%016llx got %04x.%016llx host %04x.%016llx\n", i, before->fx.st[i].exponent,
		       (unsigned long long)before->fx.st[i].mantissa, got->fx.st[i].exponent,
		       (unsigned long long)got->fx.st[i].mantissa, want->fx.st[i].exponent,
		       (unsigned long long)want->fx.st[i].mantissa);
	for (unsigned i = 0; i < BUFFER; i++)
		if (buffer[i] != left[i]) {
			printf("#   memory at %u: got %02x host %02x\n", i, left[i], buffer[i]);
			break;
		}
	return false;
}

static f80 random_value(void)
{
	f80 v = rnd() & 1 ? special_f80((unsigned)rnd() % SPECIALS) : random_f80();
	struct fpu_status st = {0};

	if (rnd() % 4 == 0)
		v = f80_from_int(rnd() >> (rnd() & 63), true, &st);
	return v;
}

static void random_stack(struct x86_cpu *cpu)
{
	cpu->fx.fcw = (uint16_t)(0x37F | (rnd() & 0xC00));
	if (rnd() % 4 == 0)
		cpu->fx.fcw = (uint16_t)(cpu->fx.fcw & ~0x300) | (rnd() & 0x300);
	if (rnd() % 4 == 0)
		cpu->fx.fcw &= (uint16_t)~(rnd() & 0x3F);
	cpu->fx.fsw = (uint16_t)(rnd() & 0x7F00);
	if (rnd() % 4 == 0)
		cpu->fx.fsw |= rnd() & 0x7F & (rnd() % 4 ? 0x40 | cpu->fx.fcw : ~0u);
	if (cpu->fx.fsw & ~cpu->fx.fcw & 0x3F)
		cpu->fx.fsw |= 0x8080;
	cpu->fx.ftw = rnd() & 1 ? (uint8_t)rnd() : rnd() & 1 ? 0xFF : (uint8_t)~(1u << (((cpu->fx.fsw >> 11) - 1) & 7));
	for (unsigned i = 0; i < 8; i++) {
		f80 v = random_value();

		cpu->fx.st[i].mantissa = v.sig;
		cpu->fx.st[i].exponent = v.se;
	}
	if (rnd() % 4 == 0) /* equal operands */
		cpu->fx.st[1] = cpu->fx.st[0];
	cpu->fx.fip = rnd() >> 20;
	cpu->fx.fdp = rnd() >> 20;
	cpu->fx.fop = rnd() & 0x7FF;
}

/* A memory operand of some format at p, with interesting values. */
static void random_memory(uint8_t *p)
{
	uint64_t v;
	f80 x = random_value();

	for (unsigned i = 0; i < 128; i++)
		p[i] = (uint8_t)rnd();
	switch (rnd() % 6) {
	case 0: v = special_bits((unsigned)rnd() % 64, 8, 23); break;
	case 1: v = random_bits(8, 23); break;
	case 2: v = special_bits((unsigned)rnd() % 64, 11, 52); break;
	case 3: v = random_bits(11, 52); break;
	case 4: v = rnd() >> (rnd() & 63); break;
	default:
		memcpy(p, &x.sig, 8);
		memcpy(p + 8, &x.se, 2);
		return;
	}
	memcpy(p, &v, 8);
}

static unsigned row_test(const struct x86_row *row, unsigned tries, unsigned *ran)
{
	unsigned bad = 0;

	shown = 0;
	for (unsigned t = 0, attempts = 0; t < tries && attempts < tries * 60; attempts++) {
		struct x86_cpu before, got, want;
		struct xh_code c;
		struct x86_insn in;
		static uint8_t memory[BUFFER];
		unsigned at = rnd() % 16 ? 64 : BUFFER - (unsigned)rnd() % 16 * (rnd() & 1 ? 1 : 8);
		int gs, ws;

		if (!xh_encode(row, &c, &in))
			continue;
		xh_random_state(&before, false);
		random_stack(&before);
		if (!defined(&in, &before))
			continue;
		t++;
		random_memory(memory + 64);
		if (row->op == X86_OP_frstor || row->op == X86_OP_fldenv) { /* a plausible environment */
			bool narrow = in.opsize == 2;

			memcpy(memory + 64, &before.fx.fcw, 2);
			memcpy(memory + 64 + (narrow ? 2 : 4), &before.fx.fsw, 2);
		}
		got = want = before;
		got.gpr[X86_RDI] = want.gpr[X86_RDI] = (uint64_t)(uintptr_t)buffer + at;
		memcpy(buffer, memory, BUFFER);
		gs = xh_emulate(&got, &in);
		memcpy(left, buffer, BUFFER);
		memcpy(buffer, memory, BUFFER);
		ws = xh_run(&want, c.bytes, c.n);
		(*ran)++;
		bad += !compare(&in, &c, &before, &got, &want, gs, ws);
	}
	return bad;
}

int main(int argc, char **argv)
{
	const struct x86_row *row;
	unsigned total = 0, tries = argc > 2 ? (unsigned)atoi(argv[2]) : 400;

	xh_init();
	buffer = xh_guarded(BUFFER);
	for (unsigned i = 0; (row = x86_row_at(i)); i++) {
		unsigned ran = 0, bad;

		if (!(row->flags & X86_ROW_X87) || row->flags & X86_ROW_VEC || row->map ||
		    (argc > 1 && *argv[1] && strcmp(argv[1], row->name)))
			continue;
		if (!xh_feature((enum x86_feature)row->feature))
			continue;
		if (!x86_helpers[row->op]) {
			ok(0, "%s has a helper", row->name);
			continue;
		}
		if (row->op == X86_OP_fwait)
			continue; /* not a modrm row: every other row waits as well */
		bad = row_test(row, tries, &ran);
		total += ran;
		if (bad || !ran)
			ok(0, "%s (opcode %02x /%u): %u of %u cases differ", row->name, row->opcode, row->modreg & 7, bad, ran);
	}
	ok(total > 0, "%u cases agree with the host, %u of them one unit in the last place off", total, one_off);
	return tap_done();
}
#endif
