/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PowerPC ABIs' parts for each other. */
#ifndef ABI_PPC_H
#define ABI_PPC_H
#include "../linux/linux.h"
#include "order.h"
#include "isa/ppc/cpu.h"

extern const struct field ppc_termios_fields[];
extern const struct linux_flag_maps ppc_flag_maps[];
extern const struct sys_table sys_table_ppc, sys_table_ppc64, sys_table_ppc64le;

/* ppc-frame*.c */
int ppc64_signal_frame(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask);
int64_t ppc64_sigreturn(struct thread *t, bool rt);
int ppc32_signal_frame(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask);
int64_t ppc32_sigreturn(struct thread *t, bool rt);
/* struct pt_regs: 44 words. dar, trap: of the last fault. */
void ppc_gregs(struct thread *t, uint64_t r[48], const siginfo_t *si);
void ppc_gregs_of(struct ppc_cpu *p, uint64_t r[48]);
void ppc_set_gregs(struct ppc_cpu *p, const uint64_t r[48]);
/* vdso-ppc.c */
const void *ppc_vdso(struct process *p, size_t *size);
void ppc_vdso_mapped(struct process *p, uint64_t base);

/* A vector register as memory has it. */
static inline void ppc_put_vector(bool big, void *to, const union ppc_vsr *v)
{
	put64(big, to, v->u64[!big]);
	put64(big, (char *)to + 8, v->u64[big]);
}
static inline void ppc_take_vector(bool big, union ppc_vsr *v, const void *from)
{
	v->u64[!big] = take64(big, from);
	v->u64[big] = take64(big, (const char *)from + 8);
}
#endif
