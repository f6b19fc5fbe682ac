/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of the PowerPC guests, the life of their processors, their registers for debuggers. */
#include <byteswap.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "isa/ppc/disas.h"
#include "isa/ppc/models.h"
#include "isa/ppc/translate.h"

static struct ppc_cpu *allocate(struct jit *j, const struct isa *isa, struct err *e)
{
	struct ppc_cpu *c = aligned_alloc(64, (sizeof *c + 63) & ~63ul);

	if (!c) {
		err_set(e, ENOMEM, "no memory for a processor");
		return NULL;
	}
	memset(c, 0, sizeof *c);
	c->cpu.self = &c->cpu;
	c->cpu.isa = isa;
	if (ir_cpu_init(&c->cpu, j, isa == &isa_ppc ? &ppc32_front : &ppc64_front, e) < 0) {
		free(c);
		return NULL;
	}
	return c;
}

enum { REG_PC = 32, REG_MSR, REG_CR, REG_LR, REG_CTR, REG_XER, REG_F, REG_FPSCR = REG_F + 32, REG_V, REG_VSCR = REG_V + 32, REG_VRSAVE, REG_VSH,
       REGS = REG_VSH + 32 };
static struct isa_reg registers[2][REGS];

static void describe(unsigned wide)
{
	static char names[REGS][6];
	static const char *const special[] = {"pc", "msr", "cr", "lr", "ctr", "xer"};
	struct isa_reg *r = registers[wide];
	uint16_t bits = wide ? 64 : 32;

	for (unsigned i = 0; i < 32; i++) {
		snprintf(names[i], sizeof names[i], "r%u", i & 31);
		snprintf(names[REG_F + i], sizeof names[i], "f%u", i & 31);
		snprintf(names[REG_V + i], sizeof names[i], "vr%u", i & 31);
		snprintf(names[REG_VSH + i], sizeof names[i], "vs%uh", i & 31);
		r[i] = (struct isa_reg){names[i], "org.gnu.gdb.power.core", wide ? "uint64" : "uint32", "general", bits};
		r[REG_F + i] = (struct isa_reg){names[REG_F + i], "org.gnu.gdb.power.fpu", "ieee_double", "float", 64};
		r[REG_V + i] = (struct isa_reg){names[REG_V + i], "org.gnu.gdb.power.altivec", "vec128", "vector", 128};
		r[REG_VSH + i] = (struct isa_reg){names[REG_VSH + i], "org.gnu.gdb.power.vsx", "uint64", "vector", 64};
	}
	for (unsigned i = 0; i < 6; i++) {
		bool narrow = REG_PC + i == REG_CR || REG_PC + i == REG_XER;
		r[REG_PC + i] = (struct isa_reg){special[i], "org.gnu.gdb.power.core",
						 i == 0 || REG_PC + i == REG_LR ? "code_ptr" : narrow || !wide ? "uint32" : "uint64", "general",
						 narrow ? 32 : bits};
	}
	r[REG_FPSCR] = (struct isa_reg){"fpscr", "org.gnu.gdb.power.fpu", "int", "float", 32};
	r[REG_VSCR] = (struct isa_reg){"vscr", "org.gnu.gdb.power.altivec", "int", "vector", 32};
	r[REG_VRSAVE] = (struct isa_reg){"vrsave", "org.gnu.gdb.power.altivec", "int", "vector", 32};
}

static struct cpu *cpu_new(struct jit *j, const char *model, struct err *e)
{
	const struct isa *isa = j->config.isa;
	bool wide = isa != &isa_ppc;

	ppc_guest_init();
	describe(wide);
	struct ppc_cpu *c = allocate(j, isa, e);
	if (!c)
		return NULL;
	if (ppc_model_parse(c, model, wide, e)) {
		ir_cpu_free(&c->cpu);
		free(c);
		return NULL;
	}
	c->reserve = ~0ull;
	c->big = isa->big_endian;
	c->wide = isa == &isa_ppc64 || isa == &isa_ppc64le;
	c->fpu.nan_rule = c->vector_fpu.nan_rule = FPU_NAN_FIRST;
	c->fpu.fma_rule = c->vector_fpu.fma_rule = FPU_FMA_INVALID;
	c->fpu.fma_order = c->vector_fpu.fma_order = FPU_FMA_ACB;
	c->fpu.nan_default = c->vector_fpu.nan_default = FPU_DEFNAN_POSITIVE;
	c->fpu.tiny_before = c->vector_fpu.tiny_before = true;
	ppc_set_fpscr(c, 0);
	ppc_set_vscr(c, VSCR_NJ); /* as Linux starts a program */
	return &c->cpu;
}

static struct cpu *cpu_clone(const struct cpu *from)
{
	struct err e = ERR_INIT;
	struct ppc_cpu *c = allocate(from->jit, from->isa, &e);

	if (!c)
		return NULL;
	memcpy(c->gpr, ((const struct ppc_cpu *)(const void *)from)->gpr, sizeof *c - offsetof(struct ppc_cpu, gpr));
	c->reserve = ~0ull;
	return &c->cpu;
}

static void cpu_free(struct cpu *c)
{
	ir_cpu_free(c);
	free(c);
}

static uint64_t get_pc(const struct cpu *c)
{
	return ((const struct ppc_cpu *)(const void *)c)->pc;
}

static void set_pc(struct cpu *c, uint64_t pc)
{
	ppc_cpu(c)->pc = pc;
}

static void models32(FILE *f) { ppc_models_print(f, false); }
static void models64(FILE *f) { ppc_models_print(f, true); }

/* ---- registers ---- */

/* MSR as a program in problem state has it: SF, EE, PR, FP, ME, IR, DR, RI, and LE. */
uint64_t ppc_get_msr(const struct ppc_cpu *c)
{
	return (c->wide ? 1ull << 63 : 0) | 0xf032 | (c->big ? 0 : 1) | (c->fp_trap ? 0x900 : 0) | (PPC_HAS(c, ALTIVEC) ? 1u << 25 : 0) |
	       (PPC_HAS(c, VSX) ? 1u << 23 : 0);
}

static uint64_t *word_of(struct ppc_cpu *c, unsigned n)
{
	if (n < 32)
		return &c->gpr[n];
	switch (n) {
	case REG_PC: return &c->pc;
	case REG_LR: return &c->lr;
	case REG_CTR: return &c->ctr;
	}
	if (n >= REG_F && n < REG_FPSCR)
		return &c->vsr[n - REG_F].u64[0];
	if (n >= REG_VSH)
		return &c->vsr[n - REG_VSH].u64[1];
	return NULL;
}

static void put(const struct ppc_cpu *c, void *to, uint64_t v, unsigned bytes)
{
	if (c->big)
		v = bswap_64(v << (64 - 8 * bytes));
	memcpy(to, &v, bytes);
}

static uint64_t take(const struct ppc_cpu *c, const void *from, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, from, bytes);
	return c->big ? bswap_64(v) >> (64 - 8 * bytes) : v;
}

static int get_reg(struct cpu *cc, unsigned n, void *bytes)
{
	struct ppc_cpu *c = ppc_cpu(cc);
	uint64_t *w;

	if (n >= REGS)
		return -EINVAL;
	w = word_of(c, n);
	if (w) {
		put(c, bytes, *w, cc->isa->regs[n].bits / 8);
	} else if (n >= REG_V && n < REG_VSCR) {
		const union ppc_vsr *v = &c->vsr[32 + n - REG_V];
		put(c, bytes, v->u64[c->big ? 0 : 1], 8);
		put(c, (char *)bytes + 8, v->u64[c->big ? 1 : 0], 8);
	} else {
		uint64_t v = n == REG_MSR ? ppc_get_msr(c) : n == REG_CR ? ppc_get_cr(c) : n == REG_XER ? ppc_get_xer(c)
			     : n == REG_FPSCR ? ppc_get_fpscr(c) : n == REG_VSCR ? c->vscr : c->vrsave;
		put(c, bytes, v, cc->isa->regs[n].bits / 8);
	}
	return 0;
}

static int set_reg(struct cpu *cc, unsigned n, const void *bytes)
{
	struct ppc_cpu *c = ppc_cpu(cc);
	uint64_t *w, v;

	if (n >= REGS)
		return -EINVAL;
	v = take(c, bytes, cc->isa->regs[n].bits / 8 > 8 ? 8 : cc->isa->regs[n].bits / 8);
	w = word_of(c, n);
	if (w)
		*w = v;
	else if (n >= REG_V && n < REG_VSCR) {
		c->vsr[32 + n - REG_V].u64[c->big ? 0 : 1] = v;
		c->vsr[32 + n - REG_V].u64[c->big ? 1 : 0] = take(c, (const char *)bytes + 8, 8);
	} else if (n == REG_CR)
		ppc_set_cr(c, (uint32_t)v);
	else if (n == REG_XER)
		ppc_set_xer(c, v);
	else if (n == REG_FPSCR)
		ppc_set_fpscr(c, (c->fpscr & ~0xffffffffull) | v);
	else if (n == REG_VSCR)
		ppc_set_vscr(c, (uint32_t)v);
	else if (n == REG_VRSAVE)
		c->vrsave = (uint32_t)v;
	return 0;
}

/* As gdb's own description of the vector registers has them. */
static const char *gdb_types(const char *feature)
{
	return strcmp(feature, "org.gnu.gdb.power.altivec")
		       ? ""
		       : "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
			 "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/><vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
			 "<union id=\"vec128\"><field name=\"uint128\" type=\"uint128\"/><field name=\"v4_float\" type=\"v4f\"/>"
			 "<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
			 "<field name=\"v16_int8\" type=\"v16i8\"/></union>";
}

static void dump(struct cpu *cc, FILE *f, unsigned items)
{
	struct ppc_cpu *c = ppc_cpu(cc);
	unsigned digits = c->cpu.isa->bits / 4;

	(void)items;
	fprintf(f, "NIP %0*llx LR %0*llx CTR %0*llx XER %08llx\nMSR %0*llx CR %08x RES %0*llx", digits, (unsigned long long)c->pc, digits,
		(unsigned long long)c->lr, digits, (unsigned long long)c->ctr, (unsigned long long)ppc_get_xer(c), digits,
		(unsigned long long)ppc_get_msr(c), ppc_get_cr(c), digits, (unsigned long long)c->reserve);
	for (unsigned i = 0; i < 32; i++)
		fprintf(f, "%sGPR%02u %0*llx", i % 4 ? " " : "\n", i, digits, (unsigned long long)c->gpr[i]);
	fprintf(f, "\nFPSCR %016llx\n", (unsigned long long)ppc_get_fpscr(c));
	for (unsigned i = 0; i < 64; i++)
		fprintf(f, "VSR%02u %016llx%016llx%s", i, (unsigned long long)c->vsr[i].u64[0], (unsigned long long)c->vsr[i].u64[1], i % 2 ? "\n" : " ");
}

static unsigned disassemble(struct cpu *c, uint64_t pc, const uint8_t *bytes, size_t n, char *buf, size_t size)
{
	uint32_t insn;

	if (n < 4) {
		snprintf(buf, size, "(cut short)");
		return n ? (unsigned)n : 1;
	}
	memcpy(&insn, bytes, 4);
	ppc_disassemble(ppc_cpu(c)->big ? bswap_32(insn) : insn, pc, buf, size);
	return 4;
}

#define RECORD(name_, big, bits_, wide_regs, models_, arch, ...)                                                      \
	{                                                                                                             \
		.name = name_, .big_endian = big, .bits = bits_, .cpu_size = sizeof(struct ppc_cpu), .cpu_new = cpu_new, \
		.cpu_clone = cpu_clone, .cpu_free = cpu_free, .cpu_models = models_, .run = ir_run, .host_fault = ir_host_fault, \
		.interrupt = ir_interrupt, .store_fault = ir_store_fault, .get_pc = get_pc, .set_pc = set_pc,         \
		.regs = registers[wide_regs], .reg_count = REGS, .get_reg = get_reg, .set_reg = set_reg,              \
		.breakpoint = __VA_ARGS__, .breakpoint_size = 4, .gdb_arch = arch, .gdb_types = gdb_types,            \
		.disassemble = disassemble, .dump = dump,                                                             \
	}
/* trap */
const struct isa isa_ppc = RECORD("ppc", true, 32, 0, models32, "powerpc:common", {0x7f, 0xe0, 0x00, 0x08});
const struct isa isa_ppc64 = RECORD("ppc64", true, 64, 1, models64, "powerpc:common64", {0x7f, 0xe0, 0x00, 0x08});
const struct isa isa_ppc64le = RECORD("ppc64le", false, 64, 1, models64, "powerpc:common64", {0x08, 0x00, 0xe0, 0x7f});
const struct isa isa_ppc64abi32 = RECORD("ppc64abi32", true, 32, 1, models64, "powerpc:common64", {0x7f, 0xe0, 0x00, 0x08});
