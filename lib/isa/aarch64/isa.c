/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of the AArch64 guest, the life of its processors, its registers for debuggers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "isa/aarch64/disas.h"
#include "isa/aarch64/models.h"
#include "isa/aarch64/translate.h"

static struct a64_cpu *allocate(struct jit *j, struct err *e) /* of the jit's own record: either byte order */
{
	struct a64_cpu *c = aligned_alloc(64, (sizeof *c + 63) & ~63ul);

	if (!c) {
		err_set(e, ENOMEM, "no memory for a processor");
		return NULL;
	}
	memset(c, 0, sizeof *c);
	c->cpu.self = &c->cpu;
	c->cpu.isa = j->config.isa;
	c->exclusive = ~0ull;
	if (ir_cpu_init(&c->cpu, j, &a64_front, e) < 0) {
		free(c);
		return NULL;
	}
	return c;
}

enum { REG_CPSR = 33, REG_V, REG_FPSR = REG_V + 32, REG_FPCR, REGS };
static struct isa_reg registers[REGS];

static void describe_registers(void)
{
	static char names[65][4];

	for (unsigned i = 0; i < 31; i++) {
		snprintf(names[i], sizeof names[i], "x%u", i & 31);
		registers[i] = (struct isa_reg){names[i], "org.gnu.gdb.aarch64.core", "int64", "general", 64};
	}
	registers[31] = (struct isa_reg){"sp", "org.gnu.gdb.aarch64.core", "data_ptr", "general", 64};
	registers[32] = (struct isa_reg){"pc", "org.gnu.gdb.aarch64.core", "code_ptr", "general", 64};
	registers[33] = (struct isa_reg){"cpsr", "org.gnu.gdb.aarch64.core", "int32", "general", 32};
	for (unsigned i = 0; i < 32; i++) {
		snprintf(names[31 + i], sizeof names[31 + i], "v%u", i & 31);
		registers[34 + i] = (struct isa_reg){names[31 + i], "org.gnu.gdb.aarch64.fpu", "aarch64v", "vector", 128};
	}
	registers[66] = (struct isa_reg){"fpsr", "org.gnu.gdb.aarch64.fpu", "int32", "float", 32};
	registers[67] = (struct isa_reg){"fpcr", "org.gnu.gdb.aarch64.fpu", "int32", "float", 32};
}

static struct cpu *cpu_new(struct jit *j, const char *model, struct err *e)
{
	a64_guest_init();
	describe_registers();
	struct a64_cpu *c = allocate(j, e);
	if (!c)
		return NULL;
	if (a64_model_parse(c, model, e)) {
		ir_cpu_free(&c->cpu);
		free(c);
		return NULL;
	}
	a64_set_fpcr(c, 0);
	if (getrandom(c->pac_key, sizeof c->pac_key, GRND_NONBLOCK) != sizeof c->pac_key)
		memset(c->pac_key, 0x5a, sizeof c->pac_key);
	return &c->cpu;
}

static struct cpu *cpu_clone(const struct cpu *from)
{
	struct err e = ERR_INIT;
	struct a64_cpu *c = allocate(from->jit, &e);

	if (!c)
		return NULL;
	memcpy(c->x, ((const struct a64_cpu *)(const void *)from)->x, sizeof *c - offsetof(struct a64_cpu, x));
	c->exclusive = ~0ull;
	return &c->cpu;
}

static void cpu_free(struct cpu *c)
{
	ir_cpu_free(c);
	free(c);
}

static uint64_t get_pc(const struct cpu *c)
{
	return ((const struct a64_cpu *)(const void *)c)->pc;
}

static void set_pc(struct cpu *c, uint64_t pc)
{
	a64_cpu(c)->pc = pc;
}

/* ---- registers ---- */


/* From the host's byte order to the guest's, or back. */
static void ordered(const struct cpu *c, void *to, const void *from, unsigned size)
{
	const uint8_t *f = from;

	for (unsigned b = 0; b < size; b++)
		((uint8_t *)to)[b] = f[c->isa->big_endian ? size - 1 - b : b];
}

static int get_reg(struct cpu *cc, unsigned n, void *bytes)
{
	struct a64_cpu *c = a64_cpu(cc);
	uint32_t v;

	if (n >= REGS)
		return -EINVAL;
	if (n < 33) {
		ordered(cc, bytes, n < 32 ? &c->x[0] + n : &c->pc, 8);
	} else if (n >= REG_V && n < REG_FPSR) {
		ordered(cc, bytes, &c->v[n - REG_V], 16);
	} else {
		v = n == REG_CPSR ? a64_get_nzcv(c) : n == REG_FPSR ? a64_get_fpsr(c) : c->fpcr;
		ordered(cc, bytes, &v, 4);
	}
	return 0;
}

static int set_reg(struct cpu *cc, unsigned n, const void *given)
{
	struct a64_cpu *c = a64_cpu(cc);
	uint8_t bytes[16];
	uint32_t v;

	if (n >= REGS)
		return -EINVAL;
	ordered(cc, bytes, given, registers[n].bits / 8);
	memcpy(&v, bytes, 4);
	if (n < 33)
		memcpy(n < 32 ? &c->x[0] + n : &c->pc, bytes, 8);
	else if (n >= REG_V && n < REG_FPSR)
		memcpy(&c->v[n - REG_V], bytes, 16);
	else if (n == REG_CPSR)
		a64_set_nzcv(c, v);
	else if (n == REG_FPSR)
		a64_set_fpsr(c, v);
	else
		a64_set_fpcr(c, v);
	return 0;
}

/* As gdb's own description of the vector registers has them. */
static const char *gdb_types(const char *feature)
{
	return strcmp(feature, "org.gnu.gdb.aarch64.fpu")
		       ? ""
		       : "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/><vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
			 "<vector id=\"v2i\" type=\"int64\" count=\"2\"/><vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
			 "<vector id=\"v4u\" type=\"uint32\" count=\"4\"/><vector id=\"v4i\" type=\"int32\" count=\"4\"/>"
			 "<vector id=\"v8u\" type=\"uint16\" count=\"8\"/><vector id=\"v8i\" type=\"int16\" count=\"8\"/>"
			 "<vector id=\"v16u\" type=\"uint8\" count=\"16\"/><vector id=\"v16i\" type=\"int8\" count=\"16\"/>"
			 "<vector id=\"v1u\" type=\"uint128\" count=\"1\"/><vector id=\"v1i\" type=\"int128\" count=\"1\"/>"
			 "<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/><field name=\"u\" type=\"v2u\"/><field name=\"s\" type=\"v2i\"/></union>"
			 "<union id=\"vns\"><field name=\"f\" type=\"v4f\"/><field name=\"u\" type=\"v4u\"/><field name=\"s\" type=\"v4i\"/></union>"
			 "<union id=\"vnh\"><field name=\"u\" type=\"v8u\"/><field name=\"s\" type=\"v8i\"/></union>"
			 "<union id=\"vnb\"><field name=\"u\" type=\"v16u\"/><field name=\"s\" type=\"v16i\"/></union>"
			 "<union id=\"vnq\"><field name=\"u\" type=\"v1u\"/><field name=\"s\" type=\"v1i\"/></union>"
			 "<union id=\"aarch64v\"><field name=\"d\" type=\"vnd\"/><field name=\"s\" type=\"vns\"/>"
			 "<field name=\"h\" type=\"vnh\"/><field name=\"b\" type=\"vnb\"/><field name=\"q\" type=\"vnq\"/></union>";
}

static void dump(struct cpu *cc, FILE *f, unsigned items)
{
	struct a64_cpu *c = a64_cpu(cc);
	uint32_t p = a64_get_nzcv(c);

	(void)items;
	fprintf(f, " PC=%016llx", (unsigned long long)c->pc);
	for (unsigned i = 0; i < 31; i++)
		fprintf(f, "%sX%02u=%016llx", i % 4 == 0 ? i ? "\n" : "\n" : " ", i, (unsigned long long)c->x[i]);
	fprintf(f, "  SP=%016llx\nPSTATE=%08x %c%c%c%c\n", (unsigned long long)c->sp, p, p >> 31 ? 'N' : '-', p >> 30 & 1 ? 'Z' : '-',
		p >> 29 & 1 ? 'C' : '-', p >> 28 & 1 ? 'V' : '-');
	fprintf(f, "FPCR=%08x FPSR=%08x\n", c->fpcr, a64_get_fpsr(c));
	for (unsigned i = 0; i < 32; i++)
		fprintf(f, "Q%02u=%016llx:%016llx%s", i, (unsigned long long)c->v[i].u64[1], (unsigned long long)c->v[i].u64[0],
			i % 2 ? "\n" : " ");
}

static unsigned disassemble(struct cpu *c, uint64_t pc, const uint8_t *bytes, size_t n, char *buf, size_t size)
{
	uint32_t insn;

	(void)c;
	if (n < 4) {
		snprintf(buf, size, "(cut short)");
		return n ? (unsigned)n : 1;
	}
	memcpy(&insn, bytes, 4);
	a64_disassemble(insn, pc, buf, size);
	return 4;
}

#define ISA(name_, big)                                                                                               \
	{                                                                                                             \
		.name = name_, .big_endian = big, .bits = 64, .cpu_size = sizeof(struct a64_cpu), .cpu_new = cpu_new, \
		.cpu_clone = cpu_clone, .cpu_free = cpu_free, .cpu_models = a64_models_print, .run = ir_run,          \
		.host_fault = ir_host_fault, .interrupt = ir_interrupt, .store_fault = ir_store_fault, .get_pc = get_pc, \
		.set_pc = set_pc, .regs = registers, .reg_count = REGS, .get_reg = get_reg, .set_reg = set_reg,       \
		.breakpoint = {0x00, 0x00, 0x20, 0xd4} /* brk #0; code is little-endian in both */, .breakpoint_size = 4, \
		.gdb_arch = "aarch64", .gdb_types = gdb_types, .disassemble = disassemble, .dump = dump,              \
	}
const struct isa isa_aarch64 = ISA("aarch64", false);
const struct isa isa_aarch64_be = ISA("aarch64_be", true);
