/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -d in_asm, out_asm and exec for guests that are translated through the intermediate form. op and op_opt are ir_print()'s. */
#include "base/log.h"
#include "jit/run.h"
#include "jit/tlb.h"

void ir_log_source(struct cpu *c, const struct ir_region *r, const uint8_t *code, size_t n)
{
	if (!(log_mask & LOG_IN_ASM) || !log_wants(r->pc))
		return;
	log_printf(LOG_IN_ASM, "----------------\nIN: %zu bytes\n", n);
	for (uint32_t i = 0; i < r->ops; i++) {
		const struct ir_op *o = &r->op[i];
		uint64_t at = o->imm - r->pc;
		char text[160] = "";
		if (o->op != IR_INSN || at >= n)
			continue;
		if (c->isa->disassemble)
			c->isa->disassemble(c, o->imm, code + at, n - at, text, sizeof text);
		log_printf(LOG_IN_ASM, "0x%016llx: ", (unsigned long long)o->imm);
		for (unsigned k = 0; k < o->aux && at + k < n; k++)
			log_printf(LOG_IN_ASM, " %02x", code[at + k]);
		log_printf(LOG_IN_ASM, "  %s\n", text);
	}
	log_printf(LOG_IN_ASM, "\n");
}

/* Host code as bytes: lib/jit has no disassembler; `objdump -D -b binary -m i386:x86-64` reads them. */
void ir_log_code(const struct jit *j, uint32_t region)
{
	const struct jit_region *g = &j->region[region];
	uint32_t start = g->guard ? g->guard : g->code;

	if (!(log_mask & LOG_OUT_ASM) || !log_wants(g->pc))
		return;
	log_printf(LOG_OUT_ASM, "OUT: [size=%u]", j->hot - start);
	for (uint32_t at = start; at < j->hot; at++) {
		if ((at - start) % 16 == 0)
			log_printf(LOG_OUT_ASM, "\n%p: ", (void *)(j->rx + at));
		log_printf(LOG_OUT_ASM, " %02x", j->rw[at]);
	}
	log_printf(LOG_OUT_ASM, "\n\n");
}

/* Entries from C; with nochain that is every region. */
void ir_log_entry(const struct cpu *c, uint64_t pc)
{
	if (log_mask & LOG_EXEC && log_wants(pc))
		log_printf(LOG_EXEC, "Trace %u: 0x%016llx\n", c->index, (unsigned long long)pc);
	/* As memory has it: what jumps out of translated code keeps its status flags elsewhere. */
	if (log_mask & LOG_CPU && c->mmu && c->isa->dump && log_wants(pc)) {
		log_lock();
		c->isa->dump((struct cpu *)(uintptr_t)c, log_stream(), log_mask);
		log_unlock();
	}
}
