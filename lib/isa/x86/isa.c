/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records of the x86 guests and the life of their processors.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "isa/x86/blocks.h"
#include "isa/x86/copy.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/decode.h"
#include "isa/x86/run.h"

/* State and, behind it, a view of the indirect table: translated code reaches both through gs. */
#define CPU_SPAN (X86_TABLE + JIT_TABLE_BYTES)

static struct x86_cpu *allocate(struct jit *j, struct err *e)
{
	bool copies = j->config.accel == JIT_TRANSLATE;
	struct x86_cpu *c = mmap(NULL, CPU_SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c == MAP_FAILED) {
		err_set(e, ENOMEM, "no memory for a processor");
		return NULL;
	}
	int error = 0;
	jit_lock(j);
	if (copies)
		error = x86_thunks_make(j, e);
	if (!error && copies) {
		c->h.jc.table = (uint8_t *)c + X86_TABLE;
		error = jit_table_map(j, c->h.jc.table);
		if (error)
			err_errno(e, -error, "cannot map the table of indirect jumps");
	}
	if (!error) {
		c->cpu.self = &c->cpu;
		c->cpu.jit = j;
		c->cpu.engine = &c->h.jc;
		jit_cpu_add(j, &c->h.jc, &c->cpu);
	}
	jit_unlock(j);
	if (error) {
		munmap(c, CPU_SPAN);
		return NULL;
	}
	return c;
}

static void flat(struct x86_seg *s, uint16_t selector, uint16_t attr)
{
	*s = (struct x86_seg){.selector = selector, .attr = attr, .limit = 0xffffffff};
}

/* Linux's user segments (arch/x86 ABI): 64-bit CS 33, 32-bit CS 23, data 2b. */
static void user_segments(struct x86_cpu *c, bool wide)
{
	flat(&c->seg[X86_CS], wide ? 0x33 : 0x23, wide ? 0xa0fb : 0xc0fb);
	flat(&c->seg[X86_SS], 0x2b, 0xc0f3);
	flat(&c->seg[X86_DS], wide ? 0 : 0x2b, 0xc0f3);
	flat(&c->seg[X86_ES], wide ? 0 : 0x2b, 0xc0f3);
	flat(&c->seg[X86_FS], 0, 0);
	flat(&c->seg[X86_GS], 0, 0);
}

static struct cpu *cpu_new(struct jit *j, const char *model, struct err *e)
{
	const struct isa *isa = j->config.isa;
	struct x86_features *f = calloc(1, sizeof *f);
	if (!f) {
		err_set(e, ENOMEM, "no memory for a processor");
		return NULL;
	}
	if (x86_features_parse(f, model, isa->bits, e)) {
		free(f);
		return NULL;
	}
	struct x86_cpu *c = allocate(j, e);
	if (!c) {
		free(f);
		return NULL;
	}
	if (!j->owned)
		j->owned = f;
	c->cpu.isa = isa;
	c->feat = f;
	c->mode = (uint8_t)isa->bits;
	c->rflags = X86_IF | 2;
	c->mxcsr = 0x1f80;
	c->fx.fcw = 0x37f;
	c->xcr0 = f->xcr0;
	user_segments(c, isa->bits == 64);
	return &c->cpu;
}

static void cpu_free(struct cpu *cc)
{
	struct x86_cpu *c = x86_cpu(cc);
	jit_lock(cc->jit);
	jit_cpu_remove(cc->jit, &c->h.jc);
	jit_unlock(cc->jit);
	x86_blocks_free(c);
	/* Features of the first processor are shared by its clones; they live as long as the address space. */
	munmap(c, CPU_SPAN);
}

static struct cpu *cpu_clone(const struct cpu *from)
{
	struct x86_cpu *old = x86_cpu((struct cpu *)(uintptr_t)from);
	struct err e = ERR_INIT;
	struct x86_cpu *c = allocate(from->jit, &e);
	if (!c)
		return NULL;
	x86_fpu_sync(old);
	/* Everything but the header and the engine's part, which other threads may be looking at. */
	memcpy(c->gpr, old->gpr, offsetof(struct x86_cpu, h) - offsetof(struct x86_cpu, gpr));
	c->ldt = old->ldt;
	c->gdt = old->gdt; /* the program gives the thread TLS descriptors of its own */
	c->cpu.isa = from->isa;
	c->fault_return = NULL;
	return &c->cpu;
}

static void models64(FILE *f)
{
	x86_models_print(f, 64);
}

static void models32(FILE *f)
{
	x86_models_print(f, 32);
}

static uint64_t get_pc(const struct cpu *c)
{
	return ((const struct x86_cpu *)c)->rip;
}

static void set_pc(struct cpu *c, uint64_t pc)
{
	x86_cpu(c)->rip = pc;
}

static unsigned disassemble(struct cpu *c, uint64_t pc, const uint8_t *bytes, size_t n, char *buf, size_t size)
{
	struct x86_insn in;
	if (x86_decode(&in, bytes, n > 15 ? 15 : (unsigned)n, x86_cpu(c)->mode, x86_cpu(c)->feat) != X86_DECODE_OK) {
		snprintf(buf, size, "(bad)");
		return 1;
	}
	x86_disassemble(&in, pc, buf, size);
	return in.length;
}

#define COMMON                                                                                                        \
	.cpu_size = sizeof(struct x86_cpu), .cpu_new = cpu_new, .cpu_clone = cpu_clone, .cpu_free = cpu_free,         \
	.run = x86_run, .host_fault = x86_host_fault, .interrupt = x86_interrupt, .store_fault = x86_store_fault,     \
	.get_pc = get_pc, .set_pc = set_pc, .disassemble = disassemble, .dump = x86_dump

const struct isa isa_x86_64 = {
	.name = "x86_64",
	.bits = 64,
	COMMON,
	.cpu_models = models64,
	.regs = x86_64_regs,
	.reg_count = X86_64_REGS,
	.get_reg = x86_64_get_reg,
	.set_reg = x86_64_set_reg,
	.gdb_arch = "i386:x86-64",
	.gdb_types = x86_gdb_types,
};

const struct isa isa_i386 = {
	.name = "i386",
	.bits = 32,
	COMMON,
	.cpu_models = models32,
	.regs = i386_regs,
	.reg_count = I386_REGS,
	.get_reg = i386_get_reg,
	.set_reg = i386_set_reg,
	.gdb_arch = "i386",
	.gdb_types = x86_gdb_types,
};
