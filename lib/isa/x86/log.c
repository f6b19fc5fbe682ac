/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -d in_asm and -d out_asm for the copying translator: a region's source and what became of it. Host code is x86 too, so
 * that one disassembler serves both.
 */
#include "base/log.h"
#include "isa/x86/copy.h"
#include "isa/x86/decode.h"

static unsigned line(unsigned item, uint64_t pc, const uint8_t *bytes, unsigned n, unsigned mode)
{
	struct x86_insn in;
	char text[128];
	if (x86_decode(&in, bytes, n > 15 ? 15 : n, mode, NULL) != X86_DECODE_OK) {
		log_printf(item, "0x%016llx:  .byte 0x%02x\n", (unsigned long long)pc, bytes[0]);
		return 1;
	}
	log_printf(item, "0x%016llx:  %s\n", (unsigned long long)pc, x86_disassemble(&in, pc, text, sizeof text));
	return in.length;
}

size_t x86_log_region(struct jit *j, uint64_t region, uint64_t mode)
{
	const struct jit_region *g = &j->region[region];
	if (log_mask & LOG_IN_ASM) {
		uint8_t bytes[16];
		log_printf(LOG_IN_ASM, "----------------\nIN: %u bytes\n", g->guest_len);
		for (uint64_t pc = g->pc, end = pc + g->guest_len; pc < end;) {
			size_t n = jit_fetch(bytes, pc, end - pc < 15 ? end - pc : 15);
			if (!n)
				break;
			pc += line(LOG_IN_ASM, pc, bytes, (unsigned)n, (unsigned)mode);
		}
		log_printf(LOG_IN_ASM, "\n");
	}
	if (log_mask & LOG_OUT_ASM) {
		log_printf(LOG_OUT_ASM, "OUT: [size=%u]\n", j->hot - g->code);
		for (uint32_t off = g->code; off < j->hot;)
			off += line(LOG_OUT_ASM, (uint64_t)(uintptr_t)(j->rx + off), j->rw + off, j->hot - off, 64);
		log_printf(LOG_OUT_ASM, "\n");
	}
	return 0;
}
