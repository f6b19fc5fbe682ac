/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records of machines' processors and the table of their saved state.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include "isa/x86/cpuid.h"
#include "isa/x86/run.h"
#include "isa/x86/sys.h"

static void cpu_free(struct cpu *cc)
{
	struct x86_cpu *c = x86_cpu(cc);

	ir_cpu_free(cc);
	x86_store_free(c);
	free((void *)(uintptr_t)c->feat);
	free(c);
}

static struct cpu *cpu_new(struct jit *j, const char *model, struct err *e)
{
	struct x86_cpu *c = aligned_alloc(64, (sizeof *c + 63) & ~63ul);
	struct x86_features *f = calloc(1, sizeof *f);

	if (!c || !f) {
		free(c);
		free(f);
		err_set(e, ENOMEM, "no memory for a processor");
		return NULL;
	}
	memset(c, 0, sizeof *c);
	c->cpu.self = &c->cpu;
	c->cpu.isa = j->config.isa;
	c->cpu.jit = j;
	c->feat = f;
	c->sys.on = true;
	c->sys.a20 = true;
	if (x86_features_parse_machine(f, model, j->config.isa->bits, e) || ir_cpu_init(&c->cpu, j, &x86_sys_front, e)) {
		free(f);
		free(c);
		return NULL;
	}
	if (!x86_store_new(c)) {
		cpu_free(&c->cpu);
		err_set(e, ENOMEM, "no memory for a processor");
		return NULL;
	}
	return &c->cpu;
}

static struct cpu *cpu_clone(const struct cpu *from)
{
	(void)from;
	return NULL; /* processors of a machine are made one by one */
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
	x86_set_ip(x86_cpu(c), pc);
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

static void dump(struct cpu *c, FILE *f, unsigned log_items)
{
	(void)log_items;
	x86_print_registers(c, f);
}

#define COMMON                                                                                                        \
	.cpu_size = sizeof(struct x86_cpu), .cpu_new = cpu_new, .cpu_clone = cpu_clone, .cpu_free = cpu_free,         \
	.run = x86_system_run, .host_fault = ir_host_fault, .interrupt = x86_system_interrupt, .store_fault = ir_store_fault, \
	.get_pc = get_pc, .set_pc = set_pc, .disassemble = disassemble, .dump = dump

const struct isa isa_x86_64_system = {
	.name = "x86_64", .bits = 64, COMMON, .cpu_models = models64, .regs = x86_64_system_regs, .reg_count = X86_64_SYSTEM_REGS,
	.get_reg = x86_64_system_get_reg, .set_reg = x86_64_system_set_reg, .gdb_arch = "i386:x86-64", .gdb_types = x86_gdb_types,
};

const struct isa isa_i386_system = {
	.name = "i386", .bits = 32, COMMON, .cpu_models = models32, .regs = i386_system_regs, .reg_count = I386_SYSTEM_REGS,
	.get_reg = i386_system_get_reg, .set_reg = i386_system_set_reg, .gdb_arch = "i386", .gdb_types = x86_gdb_types32,
};

/* ---- saved state ---- */

#define AT(member) offsetof(struct x86_cpu, member)
#define SIZE(member) sizeof(((struct x86_cpu *)0)->member)
#define ONE(text, member) {text, AT(member), SIZE(member), 1}
#define MANY(text, member) {text, AT(member), SIZE(member[0]), SIZE(member) / SIZE(member[0])}
#define SEGMENT(text, member)                                                                              \
	ONE(text ".selector", member.selector), ONE(text ".attr", member.attr), ONE(text ".limit", member.limit), ONE(text ".base", member.base)

const struct x86_state_field x86_state_fields[] = {
	MANY("gpr", gpr), ONE("rip", rip), ONE("rflags", rflags),
	SEGMENT("es", seg[0]), SEGMENT("cs", seg[1]), SEGMENT("ss", seg[2]), SEGMENT("ds", seg[3]), SEGMENT("fs", seg[4]), SEGMENT("gs", seg[5]),
	SEGMENT("ldtr", sys.ldtr), SEGMENT("tr", sys.tr),
	ONE("gdtr.base", sys.gdtr.base), ONE("gdtr.limit", sys.gdtr.limit), ONE("idtr.base", sys.idtr.base), ONE("idtr.limit", sys.idtr.limit),
	ONE("cr0", sys.cr0), ONE("cr2", sys.cr2), ONE("cr3", sys.cr3), ONE("cr4", sys.cr4), ONE("efer", sys.efer), MANY("dr", sys.dr),
	MANY("pdpte", sys.pdpte), ONE("xcr0", xcr0),
	ONE("cpl", sys.cpl), ONE("shadow", sys.shadow), ONE("halted", sys.halted), ONE("wait-sipi", sys.wait_sipi), ONE("smm", sys.smm),
	ONE("nmi-blocked", sys.nmi_blocked), ONE("smm-nmi-blocked", sys.smm_nmi_blocked), ONE("shut-down", sys.shut_down), ONE("a20", sys.a20), ONE("ferr", sys.x87_ferr), ONE("ignne", sys.ignne),
	ONE("lines", sys.lines),
	ONE("fcw", fx.fcw), ONE("fsw", fx.fsw), ONE("ftw", fx.ftw), ONE("fop", fx.fop), ONE("fip", fx.fip), ONE("fdp", fx.fdp),
	{"st", AT(fx.st), 8, SIZE(fx.st) / 8}, ONE("mxcsr", mxcsr), {"ymm", AT(ymm), 8, SIZE(ymm) / 8},
	ONE("star", sys.star), ONE("lstar", sys.lstar), ONE("cstar", sys.cstar), ONE("sfmask", sys.sfmask), ONE("kernel-gs-base", sys.kernel_gs_base),
	ONE("tsc-aux", sys.tsc_aux), ONE("sysenter-cs", sys.sysenter_cs), ONE("sysenter-esp", sys.sysenter_esp), ONE("sysenter-eip", sys.sysenter_eip),
	ONE("pat", sys.pat), ONE("misc-enable", sys.misc_enable), ONE("feature-control", sys.feature_control), ONE("tsc-offset", sys.tsc_offset),
	ONE("tsc-adjust", sys.tsc_adjust), MANY("mtrr-base", sys.mtrr_base), MANY("mtrr-mask", sys.mtrr_mask), MANY("mtrr-fixed", sys.mtrr_fixed),
	ONE("mtrr-deftype", sys.mtrr_deftype), ONE("mcg-status", sys.mcg_status), ONE("mcg-ctl", sys.mcg_ctl), {"mc", AT(sys.mc), 8, SIZE(sys.mc) / 8},
	ONE("microcode", sys.microcode), MANY("perf-select", sys.perf_select), MANY("perf-count", sys.perf_count), ONE("debugctl", sys.debugctl),
	ONE("smbase", sys.smbase), ONE("smi-count", sys.smi_count),
	{NULL, 0, 0, 0},
};

void x86_state_saving(struct cpu *cc)
{
	x86_shadow(x86_cpu(cc)); /* everything else is in its place while the processor stands */
}

int x86_state_loaded(struct cpu *cc, struct err *e)
{
	struct x86_cpu *c = x86_cpu(cc);
	struct x86_sys *s = &c->sys;

	if (s->cpl > 3 || (s->cr0 & X86_CR0_PG && !(s->cr0 & X86_CR0_PE)))
		return err_set(e, EINVAL, "the saved processor's control registers contradict each other");
	if (s->efer & X86_EFER_LMA && (!x86_has(c->feat, X86_FEAT_LM) || !(s->cr4 & X86_CR4_PAE)))
		return err_set(e, EINVAL, "the saved processor is in long mode, which this model does not have");
	if (c->xcr0 & ~(c->feat->xcr0 | 1))
		return err_set(e, EINVAL, "the saved processor has vector state that this model does not have");
	c->rflags = (c->rflags & 0x3f7fd7) | 2;
	c->mxcsr &= 0xffff;
	s->dr[6] = (s->dr[6] & 0xe00f) | 0xffff0ff0;
	s->dr[7] = (s->dr[7] & 0xffff23ff) | 0x400;
	s->shadow_at = c->rip;
	s->a20_next = s->a20;
	s->physical_mask = ((1ull << s->physical_bits) - 1) & (s->a20 ? UINT64_MAX : ~(1ull << 20));
	x86_sys_update(c);
	x86_flush_all(c);
	x86_look(c);
	return 0;
}
