/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copying translator's short way (quick.c) does to an instruction what the decoder's way does: millions of random
 * instructions, those that it takes on, in both modes: the same length, the same host code, the same entry in the instruction table.
 */
#include <stdlib.h>
#include <string.h>
#include "isa/x86/copyint.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/ops.h"
#include "tap.h"

#define AT 0x400100u /* where the instruction is, in the lowest 2 GB: rip-relative operands can always be reached */
static uint8_t host[2][256], delta[2][64];
static struct jit jit;
static struct jit_region region;
static struct x86_features features;
static uint64_t seed = 1;

static uint32_t random32(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 32);
}

static void start(struct x86_tr *t, unsigned mode, unsigned which, const uint8_t *bytes)
{
	memset(t, 0, sizeof *t);
	memset(host[which], 0x90, sizeof host[which]);
	memset(delta[which], 0, sizeof delta[which]);
	jit.rw = host[which];
	t->j = &jit;
	t->g = &region;
	t->mode = (uint8_t)mode;
	t->pc = t->buf_pc = AT;
	t->have = 64;
	t->p = host[which];
	t->d = delta[which];
	memcpy(t->buf, bytes, 16);
	t->bytes = t->buf;
}

/* Prefixes and opcodes that the short way may know, with anything behind them. */
static void make(uint8_t *b, unsigned mode)
{
	unsigned n = 0;
	for (unsigned i = 0; i < 16; i++)
		b[i] = (uint8_t)random32();
	if (random32() % 4 == 0) {
		static const uint8_t prefix[] = {0x66, 0xf2, 0xf3, 0x2e, 0x64, 0xf0};
		b[n++] = prefix[random32() % sizeof prefix];
	}
	if (mode == 64 && random32() % 2)
		b[n++] = 0x40 | (random32() & 15);
	if (random32() % 3 == 0)
		b[n++] = 0x0f;
	n++;
	if (random32() % 4 == 0) /* the special forms of modrm and SIB */
		b[n] = (b[n] & 0x38) | (random32() % 2 ? 5 : 4);
	if (random32() % 2)
		b[n + 1] = (b[n + 1] & 0xc0) | (random32() % 2 ? 0x24 : 0x25);
}

/* The decoder's way; false: it would be left to C or ends the region otherwise. */
static bool reference(struct x86_tr *t)
{
	struct x86_insn *in = &t->in;
	uint8_t *from = t->p;
	if (in->row->copy == X86_COPY_STACK) {
		if (t->mode == 32)
			return x86_stack32(t);
		if (!(in->row->flags & X86_ROW_PLAIN64))
			return false;
	} else if (in->row->copy != X86_COPY_PLAIN && in->row->copy != X86_COPY_X87 && in->row->copy != X86_COPY_STRING) {
		return false;
	}
	if (t->mode == 32)
		return x86_plain32(t);
	if (in->has_mem && in->base == X86_RIP_BASE) {
		unsigned fix = X86_FIX_NONE;
		if (!x86_rewrite_mem(t, &fix))
			return false;
		x86_tr_note(t, from, fix);
		return true;
	}
	t->p = x86_copy_bytes(from, t->bytes, in->length);
	*t->d++ = in->length;
	return true;
}

/* The same instruction, if it is spelled in another way: order of prefixes, a scale without index, lea's address size. */
static bool same_host(const uint8_t *x, unsigned nx, const uint8_t *y, unsigned ny)
{
	struct x86_insn a, b;
	if (nx == ny && !memcmp(x, y, nx))
		return true;
	if (nx > 15 || ny > 15 || x86_decode(&a, x, nx, 64, NULL) != X86_DECODE_OK || a.length != nx ||
	    x86_decode(&b, y, ny, 64, NULL) != X86_DECODE_OK || b.length != ny || a.row != b.row)
		return false;
	bool lea = a.map == 0 && a.opcode == 0x8d;
	return a.has_mem == b.has_mem && a.reg == b.reg && (a.has_mem || a.rm == b.rm) && a.base == b.base && a.index == b.index &&
	       a.scale == b.scale && a.disp == b.disp && a.imm == b.imm && a.imm2 == b.imm2 && a.opsize == b.opsize &&
	       (lea || a.addrsize == b.addrsize) && (a.prefixes & ~X86_PFX_ADDR) == (b.prefixes & ~X86_PFX_ADDR) && a.seg == b.seg;
}

/* Is this entry of the instruction table right? */
static bool right_delta(const uint8_t *d, const uint8_t *end, unsigned guest, unsigned host_length)
{
	if (end - d == 1)
		return d[0] == guest && guest == host_length;
	return end - d == 3 && d[0] == (X86_DELTA_LONG | guest) && d[1] == host_length && d[2] == X86_FIX_NONE;
}

static void show(const char *what, const uint8_t *b, unsigned n)
{
	printf("# %s:", what);
	for (unsigned i = 0; i < n; i++)
		printf(" %02x", b[i]);
	printf("\n");
}

static bool one(unsigned mode, unsigned *copied, unsigned *branches)
{
	static struct x86_tr a, b;
	uint8_t bytes[32] = {0};
	make(bytes, mode);
	start(&a, mode, 0, bytes);
	enum x86_quick_end end = mode == 64 ? x86_quick64(&a, 1) : x86_quick32(&a, 1);
	if (end == X86_QUICK_OTHER && a.pc == AT)
		return true;
	start(&b, mode, 1, bytes);
	enum x86_decode_status s = x86_decode(&b.in, b.bytes, 16, mode, &features);
	bool same;
	if (s != X86_DECODE_OK) {
		same = false;
	} else if (end != X86_QUICK_OTHER) {
		++*branches;
		same = a.pc == AT && b.in.length == a.in.length && b.in.opcode == a.in.opcode && b.in.map == a.in.map &&
		       !(b.in.prefixes & ~X86_PFX_REX) && b.in.row->copy == (end == X86_QUICK_RET ? X86_COPY_INDIRECT : X86_COPY_BRANCH) &&
		       (end == X86_QUICK_RET || b.in.imm == a.in.imm);
	} else {
		++*copied;
		same = a.pc == AT + b.in.length && reference(&b);
		unsigned n = (unsigned)(a.p - host[0]);
		same = same && same_host(host[0], n, host[1], (unsigned)(b.p - host[1])) && right_delta(delta[0], a.d, b.in.length, n);
	}
	if (same)
		return true;
	char text[128];
	printf("# %u bits, %s, ends %d\n", mode, s == X86_DECODE_OK ? x86_disassemble(&b.in, AT, text, sizeof text) : "(bad)", end);
	show("instruction", bytes, 16);
	show("short way", host[0], (unsigned)(a.p - host[0]));
	show("decoder's", host[1], (unsigned)(b.p - host[1]));
	return false;
}

int main(void)
{
	struct err e = ERR_INIT;
	if (x86_features_parse(&features, "max", 64, &e)) {
		printf("1..0 # SKIP %s\n", e.msg);
		return 0;
	}
	/* The cache is near the instructions, so that a displacement can be made to fit. */
	jit.rx = (uint8_t *)(uintptr_t)0x10000000;
	jit.size = sizeof host[0];
	for (unsigned mode = 64; mode >= 32; mode -= 32) {
		unsigned copied = 0, branches = 0, wrong = 0;
		for (unsigned i = 0; i < 2000000 && wrong < 5; i++)
			wrong += !one(mode, &copied, &branches);
		ok(!wrong && copied > 400000 && branches > 10000, "%u-bit code: %u copied and %u branches as the decoder has them", mode,
		   copied, branches);
	}
	/* Far from them: what is in the lowest 2 GB becomes absolute. */
	jit.rx = (uint8_t *)(uintptr_t)0x2aaab0000000;
	unsigned copied = 0, branches = 0, wrong = 0;
	for (unsigned i = 0; i < 1000000 && wrong < 5; i++)
		wrong += !one(64, &copied, &branches);
	ok(!wrong && copied > 200000, "64-bit code with the cache far away: %u copied as the decoder has them", copied);

	struct x86_features old = features;
	old.has[X86_FEAT_SSE2 / 64] &= ~(UINT64_C(1) << X86_FEAT_SSE2 % 64);
	ok(x86_quick_possible(&features) && !x86_quick_possible(&old),
	   "a model without SSE2 goes the decoder's way");
	return tap_done();
}
