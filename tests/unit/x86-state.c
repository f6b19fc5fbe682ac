/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FXSAVE, FXRSTOR and the XSAVE family on random states, masks and images, good and bad, against the host's own processor:
 * memory byte by byte, registers, faults.
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
static uint8_t *buffer, left[BUFFER];
static unsigned shown;

static bool is_state_row(const struct x86_row *row)
{
	switch (row->op) {
	case X86_OP_fxsave:
	case X86_OP_fxrstor:
	case X86_OP_xsave:
	case X86_OP_xsaveopt:
	case X86_OP_xsavec:
	case X86_OP_xrstor:
		return true;
	default:
		return false;
	}
}

static void random_x87(struct x86_cpu *cpu)
{
	cpu->fx.fcw = (uint16_t)(0x40 | (rnd() & 0xF3F));
	cpu->fx.fsw = (uint16_t)(rnd() & 0x7F7F);
	if (cpu->fx.fsw & ~cpu->fx.fcw & 0x3F)
		cpu->fx.fsw |= 0x8080;
	cpu->fx.ftw = (uint8_t)rnd();
	for (unsigned i = 0; i < 8; i++) {
		cpu->fx.st[i].mantissa = rnd();
		cpu->fx.st[i].exponent = (uint16_t)rnd();
	}
	cpu->fx.fip = rnd() >> 17;
	cpu->fx.fdp = rnd() >> 17;
	cpu->fx.fop = rnd() & 0x7FF;
}

/* A plausible image of another state at p, with what can be wrong with one. */
static void random_image(uint8_t *p)
{
	struct x86_cpu other;
	uint64_t bv = rnd() & 7, comp = 0;

	for (unsigned i = 0; i < BUFFER - 64; i++)
		p[i] = (uint8_t)rnd();
	xh_random_state(&other, true);
	random_x87(&other);
	other.fx.mxcsr = other.mxcsr | (rnd() % 16 == 0 ? 0x10000 : 0);
	memcpy(p, &other.fx, 160);
	memset(p + 512, 0, 64);
	if (rnd() & 1)
		comp = 1ull << 63 | (rnd() % 4 ? bv | (rnd() & 7) : rnd() & 7);
	if (rnd() % 16 == 0)
		comp ^= 1ull << (20 + rnd() % 44);
	if (rnd() % 16 == 0)
		p[528 + rnd() % 48] = 1;
	memcpy(p + 512, &bv, 8);
	memcpy(p + 520, &comp, 8);
}

static bool same_state(const struct x86_insn *in, const struct x86_cpu *before, const struct x86_cpu *got,
		       const struct x86_cpu *want, int gs, int ws)
{
	char text[64];
	bool same = gs == ws && got->mxcsr == want->mxcsr && !memcmp(got->ymm, want->ymm, sizeof got->ymm);
	unsigned at = 0;

	if (gs == SIGSEGV && ws == SIGSEGV) /* processors may have loaded a part of an image that faults */
		return true;
	same &= got->fx.fcw == want->fx.fcw && got->fx.fsw == want->fx.fsw && got->fx.ftw == want->fx.ftw;
	same &= got->fx.fip == want->fx.fip && got->fx.fdp == want->fx.fdp && got->fx.fop == want->fx.fop;
	for (unsigned i = 0; i < 8; i++)
		same &= got->fx.st[i].mantissa == want->fx.st[i].mantissa && got->fx.st[i].exponent == want->fx.st[i].exponent;
	while (at < BUFFER && buffer[at] == left[at])
		at++;
	same &= at == BUFFER || ws;
	if (same || shown++ > 3)
		return same;
	printf("# %s eax %llx edx %llx: signal %d host %d, mxcsr %x host %x, fcw %x %x fsw %x %x ftw %x %x fip %llx %llx fdp %llx "
	       "%llx fop %x %x\n", x86_disassemble(in, 0, text, sizeof text), (unsigned long long)before->gpr[0],
	       (unsigned long long)before->gpr[2], gs, ws, got->mxcsr, want->mxcsr, got->fx.fcw, want->fx.fcw, got->fx.fsw,
	       want->fx.fsw, got->fx.ftw, want->fx.ftw, (unsigned long long)got->fx.fip, (unsigned long long)want->fx.fip,
	       (unsigned long long)got->fx.fdp, (unsigned long long)want->fx.fdp, got->fx.fop, want->fx.fop);
	if (at < BUFFER)
		printf("#   memory at %u: got %02x host %02x\n", at, left[at], buffer[at]);
	for (unsigned i = 0; i < 16; i++)
		if (memcmp(&got->ymm[i], &want->ymm[i], 32))
			printf("#   ymm%u differs\n", i);
	return false;
}

/* Virtual-8086 (and real) mode: SDM volume 1, figures 8-10 and 8-12. Linear pointers, the opcode beside them. */
static void linear_layouts(void)
{
	static const uint8_t store[2][3] = {{0xD9, 0x37}, {0x66, 0xD9, 0x37}}, load[2][3] = {{0xD9, 0x27}, {0x66, 0xD9, 0x27}};

	for (unsigned narrow = 0; narrow < 2; narrow++) {
		struct x86_cpu cpu, back;
		struct x86_insn in;
		uint32_t w[7];
		uint16_t h[7];

		xh_random_state(&cpu, false);
		random_x87(&cpu);
		cpu.fx.fcw |= 0x3F;
		cpu.fx.fsw &= 0x7F7F;
		cpu.rflags |= X86_VM;
		cpu.fx.fip = narrow ? 0xABCDE : 0x89ABCDEF;
		cpu.fx.fdp = narrow ? 0x12345 : 0x12345678;
		cpu.fx.fop = 0x5A5;
		cpu.gpr[X86_RDI] = (uint64_t)(uintptr_t)buffer;
		back = cpu;
		x86_decode(&in, store[narrow], 3, 64, NULL);
		xh_emulate(&cpu, &in);
		memcpy(w, buffer, sizeof w);
		memcpy(h, buffer, sizeof h);
		if (narrow)
			ok(h[0] == back.fx.fcw && h[1] == back.fx.fsw && h[3] == 0xBCDE && h[4] == 0xA5A5 && h[5] == 0x2345 && h[6] == 0x1000,
			   "the 14-byte environment of virtual-8086 mode");
		else
			ok((uint16_t)w[0] == back.fx.fcw && (uint16_t)w[1] == back.fx.fsw && (uint16_t)w[3] == 0xCDEF &&
			   w[4] == 0x089AB5A5 && (uint16_t)w[5] == 0x5678 && w[6] == 0x01234000,
			   "the 28-byte environment of virtual-8086 mode");
		cpu.fx.fip = cpu.fx.fdp = cpu.fx.fop = cpu.fx.fcw = 0;
		x86_decode(&in, load[narrow], 3, 64, NULL);
		xh_emulate(&cpu, &in);
		ok(!memcmp(&cpu.fx, &back.fx, 24), "and it loads back");
	}
}

int main(void)
{
	const struct x86_row *row;

	xh_init();
	buffer = xh_guarded(BUFFER);
	linear_layouts();
	if (!xh_intel) {
		ok(1, "state images # SKIP the rules for the x87 pointers and for what is in use are those of Intel's processors");
		return tap_done();
	}
	for (unsigned r = 0; (row = x86_row_at(r)); r++) {
		unsigned bad = 0, ran = 0, faults = 0;

		if (!is_state_row(row))
			continue;
		shown = 0;
		if (!xh_feature((enum x86_feature)row->feature)) {
			ok(1, "%s # SKIP the host has not got it", row->name);
			continue;
		}
		for (unsigned t = 0; t < 4000; t++) {
			struct x86_cpu before, got, want;
			struct xh_code c;
			struct x86_insn in;
			static uint8_t memory[BUFFER];
			unsigned at = rnd() % 8 ? 64 : rnd() % 4 ? (unsigned)rnd() % 16 * 16 : BUFFER - (unsigned)rnd() % 12 * 64;
			int gs, ws;

			if (!xh_encode(row, &c, &in))
				continue;
			xh_random_state(&before, true);
			random_x87(&before);
			before.gpr[X86_RAX] = rnd() & 7;
			before.gpr[X86_RDX] = 0;
			random_image(memory + 64);
			got = want = before;
			got.gpr[X86_RDI] = want.gpr[X86_RDI] = (uint64_t)(uintptr_t)buffer + at;
			memcpy(buffer, memory, BUFFER);
			gs = xh_emulate(&got, &in);
			memcpy(left, buffer, BUFFER);
			memcpy(buffer, memory, BUFFER);
			ws = xh_run(&want, c.bytes, c.n);
			ran++;
			faults += ws != 0;
			bad += !same_state(&in, &before, &got, &want, gs, ws);
		}
		ok(!bad && ran > 100, "%s: %u cases, %u of them faults, agree with the host (%u differ)", row->name, ran, faults, bad);
	}
	return tap_done();
}
#endif
