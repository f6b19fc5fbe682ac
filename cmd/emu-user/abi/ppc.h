/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PowerPC ABIs' parts for each other. */
#ifndef ABI_PPC_H
#define ABI_PPC_H
#include <byteswap.h>
#include <string.h>
#include "../internal.h"
#include "../linux/linux.h"
#include "isa/ppc/cpu.h"

extern const struct field ppc_termios_fields[];
extern const struct linux_flag_maps ppc_flag_maps[];
extern const struct sys_table sys_table_ppc, sys_table_ppc64, sys_table_ppc64le;

/* ppc-frame*.c */
int ppc64_signal_frame(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask);
int64_t ppc64_sigreturn(struct thread *t, bool rt);
int ppc32_signal_frame(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask);
int64_t ppc32_sigreturn(struct thread *t, bool rt);
/* ppc-siginfo.c */
#define PPC_SIGINFO_SIZE 128
void ppc_siginfo_put(const struct abi *abi, uint8_t *to, const siginfo_t *si);
int ppc_write_siginfo(struct thread *t, uint64_t to, const siginfo_t *si);
int ppc_read_siginfo(struct thread *t, siginfo_t *si, uint64_t from);
/* struct pt_regs: 44 words. dar, trap: of the last fault. */
void ppc_gregs(struct thread *t, uint64_t r[48], const siginfo_t *si);
void ppc_gregs_of(struct ppc_cpu *p, uint64_t r[48]);
void ppc_set_gregs(struct ppc_cpu *p, const uint64_t r[48]);
/* vdso-ppc.c */
const void *ppc_vdso(struct process *p, size_t *size);
void ppc_vdso_mapped(struct process *p, uint64_t base);

/* Integers in the guest's byte order. */
static inline void ppc_put32(bool big, void *to, uint32_t v)
{
	if (big)
		v = bswap_32(v);
	memcpy(to, &v, 4);
}
static inline void ppc_put64(bool big, void *to, uint64_t v)
{
	if (big)
		v = bswap_64(v);
	memcpy(to, &v, 8);
}
static inline uint32_t ppc_take32(bool big, const void *from)
{
	uint32_t v;
	memcpy(&v, from, 4);
	return big ? bswap_32(v) : v;
}
static inline uint64_t ppc_take64(bool big, const void *from)
{
	uint64_t v;
	memcpy(&v, from, 8);
	return big ? bswap_64(v) : v;
}
/* A vector register as memory has it. */
static inline void ppc_put_vector(bool big, void *to, const union ppc_vsr *v)
{
	ppc_put64(big, to, v->u64[!big]);
	ppc_put64(big, (char *)to + 8, v->u64[big]);
}
static inline void ppc_take_vector(bool big, union ppc_vsr *v, const void *from)
{
	v->u64[!big] = ppc_take64(big, from);
	v->u64[big] = ppc_take64(big, (const char *)from + 8);
}
#endif
