/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the x86 ISA records that live in several files. */
#ifndef ISA_X86_RUN_H
#define ISA_X86_RUN_H
#include "isa/x86/cpu.h"

enum trap_kind x86_run(struct cpu *c);

/* regs.c */
#define X86_64_REGS 76
#define I386_REGS 50
extern const struct isa_reg x86_64_regs[X86_64_REGS], i386_regs[I386_REGS];
int x86_64_get_reg(struct cpu *c, unsigned n, void *bytes);
int x86_64_set_reg(struct cpu *c, unsigned n, const void *bytes);
int i386_get_reg(struct cpu *c, unsigned n, void *bytes);
int i386_set_reg(struct cpu *c, unsigned n, const void *bytes);
void x86_dump(struct cpu *c, FILE *f, unsigned log_items);

/* gdb.c */
const char *x86_gdb_types(const char *feature), *x86_gdb_types32(const char *feature);

/* fault.c: FIP of an x87 image names translated code; makes it the guest's instruction. */
void x86_fix_fip(struct x86_cpu *c, struct x86_fxsave *fx);
#endif
