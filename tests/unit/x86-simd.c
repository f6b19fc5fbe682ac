/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every row of the tables that works on MMX, XMM or YMM registers, in random encodings on random and special operands,
 * against the host's own processor: registers, memory, flags, MXCSR, faults.
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

#define BUFFER 256
static uint8_t *buffer; /* a guard page behind it */
static uint8_t left[BUFFER]; /* what the helper left there */
static unsigned shown;

static void hex(const char *what, const void *p, unsigned n)
{
	printf("#   %s", what);
	for (unsigned i = n; i-- > 0;)
		printf("%02x%s", ((const uint8_t *)p)[i], i && i % 8 == 0 ? "." : "");
	printf("\n");
}

/* The approximations: the rule here is Intel's table; another maker's is within 1.5 * 2^-12 of the truth as well. */
static bool approximates(const struct x86_insn *in)
{
	if (xh_intel)
		return false;
	switch (in->row->op) {
	case X86_OP_rcpps:
	case X86_OP_rcpss:
	case X86_OP_rsqrtps:
	case X86_OP_rsqrtss:
		return true;
	default:
		return false;
	}
}

static bool close_enough(union x86_vec *got, const union x86_vec *want)
{
	for (unsigned i = 0; i < 8; i++) {
		float g = got->f32[i], w = want->f32[i], d = g > w ? g - w : w - g, m = w < 0 ? -w : w;

		if (got->u32[i] != want->u32[i] && !(d <= m * (3.0f / 4096)))
			return false;
	}
	*got = *want;
	return true;
}

static bool compare(const struct x86_insn *in, const struct xh_code *c, const struct x86_cpu *before, struct x86_cpu *got,
		    const struct x86_cpu *want, int gs, int ws)
{
	char text[128];
	bool same = gs == ws;
	uint16_t flags = x86_flags_written(in) & X86_STATUS ? X86_STATUS : 0;

	for (unsigned i = 0; i < 16; i++) {
		if (approximates(in) && memcmp(&got->ymm[i], &want->ymm[i], 32))
			close_enough(&got->ymm[i], &want->ymm[i]);
		same &= !memcmp(&got->ymm[i], &want->ymm[i], 32) && (i == X86_RSP || got->gpr[i] == want->gpr[i]);
	}
	same &= got->mxcsr == want->mxcsr && !((got->rflags ^ want->rflags) & flags);
	same &= !memcmp(buffer, left, BUFFER);
	if (ws == SIGSEGV && in->row->flags & X86_ROW_X87) /* whether a faulting store has entered MMX is the processor's own */
		got->fx = want->fx;
	same &= got->fx.ftw == want->fx.ftw && got->fx.fsw == want->fx.fsw;
	for (unsigned i = 0; i < 8; i++)
		same &= got->fx.st[i].mantissa == want->fx.st[i].mantissa && got->fx.st[i].exponent == want->fx.st[i].exponent;
	if (same || shown++ > 3)
		return same;
	printf("# %s: signal %d, host %d; mxcsr %04x -> %04x, host %04x; flags %llx, host %llx\n",
	       x86_disassemble(in, before->rip, text, sizeof text), gs, ws, before->mxcsr, got->mxcsr, want->mxcsr,
	       (unsigned long long)got->rflags & X86_STATUS, (unsigned long long)want->rflags & X86_STATUS);
	hex("code ", c->bytes, c->n);
	for (unsigned i = 0; i < 16; i++) {
		bool used = i == in->reg || i == in->rm || (in->prefixes & X86_PFX_VEX && i == in->vex_vvvv) || i == 0;

		if (!used && !memcmp(&got->ymm[i], &want->ymm[i], 32))
			continue;
		printf("#   ymm%u\n", i);
		hex("was  ", &before->ymm[i], 32);
		hex("got  ", &got->ymm[i], 32);
		hex("host ", &want->ymm[i], 32);
	}
	for (unsigned i = 0; i < 16; i++)
		if (i != X86_RSP && got->gpr[i] != want->gpr[i])
			printf("#   gpr%u was %llx got %llx host %llx\n", i, (unsigned long long)before->gpr[i],
			       (unsigned long long)got->gpr[i], (unsigned long long)want->gpr[i]);
	if (got->fx.ftw != want->fx.ftw || got->fx.fsw != want->fx.fsw)
		printf("#   ftw %02x host %02x, fsw %04x host %04x\n", got->fx.ftw, want->fx.ftw, got->fx.fsw, want->fx.fsw);
	for (unsigned i = 0; i < 8; i++)
		if (in->row->flags & X86_ROW_X87)
			printf("#   st%u was %04x.%016llx got %04x.%016llx host %04x.%016llx\n", i, before->fx.st[i].exponent,
			       (unsigned long long)before->fx.st[i].mantissa, got->fx.st[i].exponent,
			       (unsigned long long)got->fx.st[i].mantissa, want->fx.st[i].exponent,
			       (unsigned long long)want->fx.st[i].mantissa);
	hex("mem got  ", left + 64, 48);
	hex("mem host ", buffer + 64, 48);
	return false;
}

static void random_mmx(struct x86_cpu *cpu)
{
	unsigned top = (unsigned)rnd() & 7;

	cpu->fx.fsw = (uint16_t)(top << 11);
	cpu->fx.ftw = (uint8_t)rnd();
	for (unsigned i = 0; i < 8; i++) {
		uint64_t q[2];

		xh_random_lane(q);
		cpu->fx.st[i].mantissa = q[0];
		cpu->fx.st[i].exponent = rnd() & 1 ? 0xFFFF : (uint16_t)rnd();
	}
}

/* Tries of one row; returns the number of differences, *ran the number of comparisons. */
static unsigned row_test(const struct x86_row *row, unsigned tries, unsigned *ran)
{
	unsigned bad = 0;

	shown = 0;
	for (unsigned t = 0, attempts = 0; t < tries && attempts < tries * 60; attempts++) {
		struct x86_cpu before, got, want;
		struct xh_code c;
		struct x86_insn in;
		uint8_t memory[BUFFER];
		uint64_t at;
		int gs, ws;

		if (!xh_encode(row, &c, &in) || x86_gprs_written(&in) >> X86_RSP & 1 ||
		    (x86_gprs_used(&in) >> X86_RSP & 1))
			continue;
		t++;
		xh_random_state(&before, t % 4 == 0);
		if (row->flags & X86_ROW_X87)
			random_mmx(&before);
		for (unsigned i = 0; i < BUFFER; i += 16)
			xh_random_lane(memory + i);
		at = rnd() % 8 ? 64 : rnd() & 1 ? 64 + rnd() % 32 : BUFFER - rnd() % 40; /* misaligned; at the guard */
		if (row->flags & X86_ROW_VSIB) {
			union x86_vec *x = &before.ymm[in.index & 15];

			for (unsigned i = 0; i < 8; i++)
				x->i32[i] = (int32_t)(rnd() % 14) - 6;
			if (in.opcode & 1)
				for (unsigned i = 0; i < 4; i++)
					x->i64[i] = x->i32[i];
		}
		if (row->op == X86_OP_ldmxcsr && at + 4 <= BUFFER)
			memset(memory + at + 2, 0, 2);
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
	unsigned total = 0, tries = argc > 2 ? (unsigned)atoi(argv[2]) : 60, skipped = 0, missing = 0;

	xh_init();
	buffer = xh_guarded(BUFFER);
	for (unsigned i = 0; (row = x86_row_at(i)); i++) {
		unsigned ran = 0, bad;

		if (!(row->flags & X86_ROW_VEC) || (argc > 1 && *argv[1] && strcmp(argv[1], row->name)))
			continue;
		if (!x86_helpers[row->op]) {
			missing++;
			if (argc > 1)
				printf("# no helper for %s\n", row->name);
			continue;
		}
		/* which NaN a dot product gives, and what a gather has done when it faults, differ between makers */
		if (!xh_intel && (row->op == X86_OP_dpps || row->op == X86_OP_dppd || row->flags & X86_ROW_VSIB)) {
			skipped++;
			continue;
		}
		if (!xh_feature((enum x86_feature)row->feature)) {
			skipped++;
			continue;
		}
		bad = row_test(row, tries, &ran);
		total += ran;
		if (bad || !ran)
			ok(0, "%s (opcode %02x, map %x): %u of %u cases differ", row->name, row->opcode, row->map, bad, ran);
	}
	ok(total > 0, "%u cases agree with the host; %u rows skipped for want of the feature", total, skipped);
	ok_eq(missing, 0, "every vector row has a helper");
	return tap_done();
}
#endif
