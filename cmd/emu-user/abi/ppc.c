/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PowerPC Linux: 32 bits (System V ABI, PowerPC supplement), 64 bits big-endian (ELFv1, with function descriptors, or ELFv2) and
 * little-endian (ELFv2). The system call: number in r0, arguments in r3 to r8; an error is told by CR0[SO] and a positive number in r3.
 */
#include <sys/prctl.h>
#include "../linux/structs.h"
#include "ppc.h"

#define PR_FP_ALL_EXCEPT (PR_FP_EXC_DIV | PR_FP_EXC_OVF | PR_FP_EXC_UND | PR_FP_EXC_RES | PR_FP_EXC_INV)

/* ---- values in which the kernel's headers differ from the host's ---- */

/* asm/fcntl.h; the host's O_LARGEFILE is 0100000 whatever its C library says. */
static const struct value_map open_flags[] = {
	{040000, 0400000}, {0100000, 0200000}, {0200000, 040000}, {0400000, 0100000}, {0, 0},
};
/* asm/mman.h */
static const struct value_map map_flags[] = {
	{0x4000 /* NORESERVE */, 0x40}, {0x2000 /* LOCKED */, 0x80}, {0, 0},
};
static const struct value_map mlockall_flags[] = {
	{1, 0x2000}, {2, 0x4000}, {4, 0x8000}, {0, 0},
};
/* asm/ioctls.h: the terminal's; those of other structures have their numbers by the general rule (ioctl_dir3). */
#define R(nr, size) (2u << 29 | (size) << 16 | (nr))
#define W(nr, size) (4u << 29 | (size) << 16 | (nr))
#define N(nr) (1u << 29 | (nr))
static const struct value_map ioctl_numbers[] = {
	{0x5401, R(0x7413, 44)}, {0x5402, W(0x7414, 44)}, {0x5403, W(0x7415, 44)}, {0x5404, W(0x7416, 44)}, /* TCGETS .. TCSETSF */
	{0x5405, R(0x7417, 20)}, {0x5406, W(0x7418, 20)}, {0x5407, W(0x7419, 20)}, {0x5408, W(0x741c, 20)}, /* TCGETA .. TCSETAF */
	{0x5409, N(0x741d)}, {0x540a, N(0x741e)}, {0x540b, N(0x741f)},                                     /* TCSBRK, TCXONC, TCFLSH */
	{0x5414, W(0x7467, 8)}, {0x5413, R(0x7468, 8)}, {0x5411, R(0x7473, 4)},                            /* window size, TIOCOUTQ */
	{0x5410, W(0x7476, 4)}, {0x540f, R(0x7477, 4)},                                                    /* process group */
	{0x5451, N(0x6601)}, {0x5450, N(0x6602)}, {0x5452, W(0x667d, 4)}, {0x5421, W(0x667e, 4)}, {0x541b, R(0x667f, 4)}, /* FIO* */
	{0, 0},
};
#undef R
#undef W
#undef N
const struct linux_flag_maps ppc_flag_maps[] = {
	{NAMES_open, open_flags}, {NAMES_map, map_flags}, {NAMES_mlockall, mlockall_flags}, {NAMES_ioctl, ioctl_numbers}, {NAMES_NONE, NULL},
};
#define H struct kernel_termios
const struct field ppc_termios_fields[] = {
	FIELD(iflag, U32), FIELD(oflag, U32), FIELD(cflag, U32), FIELD(lflag, U32), FIELDB(cc), FIELD(line, U8), PAD(8), FIELDS_END
};
#undef H

/* ---- registers ---- */

static bool wide(const struct thread *t) { return t->process->abi->word == 8; }

static void init(struct cpu *c, uint64_t entry, uint64_t sp)
{
	struct ppc_cpu *p = ppc_cpu(c);
	struct thread *t = c->owner;

	memset(p->gpr, 0, sizeof(p->gpr));
	p->gpr[1] = sp;
	p->pc = entry;
	p->lr = p->ctr = 0;
	if (wide(t) && p->big && !t->process->elf_v2) {
		/* ELFv1: the entry point is a descriptor, not relocated yet. */
		uint64_t to = 0, toc = 0;
		user_read_u64(t, &to, entry);
		user_read_u64(t, &toc, entry + 8);
		p->pc = to + t->process->entry_base;
		p->gpr[2] = toc + t->process->entry_base;
	} else if (wide(t)) {
		p->gpr[12] = entry;
	}
}

static uint32_t syscall_args(struct cpu *c, uint64_t arg[6])
{
	struct ppc_cpu *p = ppc_cpu(c);

	memcpy(arg, p->gpr + 3, 6 * sizeof(arg[0]));
	p->reserve = ~0ull; /* the way into the kernel may lose it */
	return (uint32_t)p->gpr[0];
}

static void syscall_result(struct cpu *c, int64_t value)
{
	struct ppc_cpu *p = ppc_cpu(c);
	bool failed = value < 0 && value >= -4095;

	p->gpr[3] = failed ? (uint64_t)-value : (uint64_t)value;
	if (c->isa->bits == 32)
		p->gpr[3] = (uint32_t)p->gpr[3];
	ppc_set_cr_field(p, 0, (ppc_get_cr_field(p, 0) & 14) | failed);
}

/* r3 still has the first argument: no result was stored. */
static void syscall_restart(struct cpu *c, uint32_t number)
{
	ppc_cpu(c)->pc -= 4;
	ppc_cpu(c)->gpr[0] = number;
}

static uint64_t get_sp(struct cpu *c)
{
	return ppc_cpu(c)->gpr[1];
}

static void clone_regs(struct cpu *child, uint64_t sp)
{
	struct ppc_cpu *p = ppc_cpu(child);

	p->gpr[3] = 0;
	ppc_set_cr_field(p, 0, ppc_get_cr_field(p, 0) & 14);
	if (sp)
		p->gpr[1] = sp;
}

static int set_tls(struct thread *t, struct cpu *child, uint64_t tls)
{
	ppc_cpu(child)->gpr[wide(t) ? 13 : 2] = tls;
	return 0;
}

/* struct pt_regs */
void ppc_gregs_of(struct ppc_cpu *p, uint64_t r[48])
{
	memset(r, 0, 48 * sizeof(r[0]));
	memcpy(r, p->gpr, 32 * 8);
	r[32] = p->pc;
	r[33] = ppc_get_msr(p);
	r[34] = p->gpr[3];
	r[35] = p->ctr;
	r[36] = p->lr;
	r[37] = ppc_get_xer(p);
	r[38] = ppc_get_cr(p);
	r[39] = 1; /* softe */
}

/* trap, dar, dsisr as the kernel shows a fault: 0x300 data, 0x400 instruction storage, 0x600 alignment, 0x700 program, 0xc00 system call */
void ppc_gregs(struct thread *t, uint64_t r[48], const siginfo_t *si)
{
	const struct trap *trap = &t->cpu->trap;
	bool fault = si && si->si_code > 0 && trap->kind == TRAP_EXCEPTION &&
		     (si->si_signo == SIGSEGV || si->si_signo == SIGBUS || si->si_signo == SIGILL || si->si_signo == SIGTRAP || si->si_signo == SIGFPE);

	ppc_gregs_of(ppc_cpu(t->cpu), r);
	r[40] = 0xc01;
	if (!fault)
		return;
	switch (trap->vector) {
	case PPC_V_DATA:
		r[40] = 0x300;
		r[41] = trap->address;
		r[42] = si->si_code == SEGV_ACCERR ? 0x08000000 : 0x40000000;
		if (trap->error_code & 2)
			r[42] |= 0x02000000;
		break;
	case PPC_V_FETCH: r[40] = 0x400; break;
	case PPC_V_ALIGN:
		r[40] = 0x600;
		r[41] = trap->address;
		break;
	default: r[40] = 0x700;
	}
}

void ppc_set_gregs(struct ppc_cpu *p, const uint64_t r[48])
{
	memcpy(p->gpr, r, 32 * 8);
	p->pc = r[32];
	p->ctr = r[35];
	p->lr = r[36];
	ppc_set_xer(p, r[37]);
	ppc_set_cr(p, (uint32_t)r[38]);
}

/* arch/powerpc/kernel/traps.c, mm/fault.c */
static int exception(struct thread *t, const struct trap *trap, siginfo_t *si)
{
	struct ppc_cpu *p = ppc_cpu(t->cpu);
	uint64_t addr = p->pc, fpscr, enabled;
	int sig = SIGILL, code = ILL_ILLOPC;

	p->reserve = ~0ull;
	switch (trap->vector) {
	case PPC_V_PRIVILEGED: code = ILL_PRVOPC; break;
	case PPC_V_TRAP: sig = SIGTRAP, code = TRAP_BRKPT; break;
	case PPC_V_FP:
		sig = SIGFPE;
		fpscr = ppc_get_fpscr(p);
		enabled = fpscr << 22;
		code = fpscr & FPSCR_VX && fpscr & FPSCR_VE ? FPE_FLTINV
		       : enabled & fpscr & FPSCR_OX	    ? FPE_FLTOVF
		       : enabled & fpscr & FPSCR_UX	    ? FPE_FLTUND
		       : enabled & fpscr & FPSCR_ZX	    ? FPE_FLTDIV
		       : enabled & fpscr & FPSCR_XX	    ? FPE_FLTRES
							    : 14 /* FPE_FLTUNK */;
		break;
	case PPC_V_ALIGN: sig = SIGBUS, code = BUS_ADRALN, addr = trap->address; break;
	case PPC_V_FETCH:
		sig = SIGSEGV, addr = trap->address;
		code = mm_is_mapped(t->process, addr) ? SEGV_ACCERR : SEGV_MAPERR;
		break;
	case PPC_V_DATA:
		*si = trap->si;
		si->si_addr = (void *)(uintptr_t)trap->address;
		if (si->si_code == SI_KERNEL) { /* an address that the host's processor refuses by its form */
			si->si_code = SEGV_MAPERR;
		}
		return si->si_signo;
	}
	memset(si, 0, sizeof(*si));
	si->si_signo = sig;
	si->si_code = code;
	si->si_addr = (void *)(uintptr_t)addr;
	return sig;
}

static void hwcap(struct cpu *c, uint64_t *h, uint64_t *h2)
{
	ppc_hwcaps(ppc_cpu(c), h, h2);
}

static const char *platform(struct cpu *c)
{
	return ppc_platform(ppc_cpu(c));
}

/* asm/elf.h, ARCH_DLINFO: sizes of cache blocks, which memset clears by dcbz */
static unsigned more_aux(struct cpu *c, uint64_t *aux)
{
	unsigned line = ppc_cache_line(ppc_cpu(c));
	const uint64_t v[] = {22, 22, 22, 22, 19, line, 20, line, 21, 0};

	memcpy(aux, v, sizeof(v));
	return sizeof(v) / sizeof(v[0]);
}

/* arch/powerpc/kernel/process.c: whether enabled floating-point exceptions are delivered. Imprecise ones are precise here. */
static int64_t ppc_prctl(struct thread *t, const uint64_t *a)
{
	struct ppc_cpu *p = ppc_cpu(t->cpu);

	switch ((int)a[0]) {
	case PR_SET_FPEXC:
		if (a[1] & ~(uint64_t)(PR_FP_EXC_SW_ENABLE | PR_FP_ALL_EXCEPT | PR_FP_EXC_PRECISE))
			return -EINVAL;
		if (a[1] & PR_FP_EXC_SW_ENABLE) { /* SPE's */
			if (!PPC_HAS(p, SPE))
				return -EINVAL;
			p->fp_trap = (uint32_t)a[1];
			return 0;
		}
		p->fp_trap = (uint32_t)a[1] & PR_FP_EXC_PRECISE;
		return 0;
	case PR_GET_FPEXC: return user_write_u32(t, a[1], p->fp_trap);
	default: return -ENOTSUP;
	}
}

/* ---- core dumps ---- */

static size_t core_gregs(struct cpu *c, void *buf, size_t size)
{
	struct ppc_cpu *p = ppc_cpu(c);
	bool narrow = c->isa->bits == 32;
	uint64_t r[48];

	if (size < sizeof(r))
		return 0;
	ppc_gregs_of(p, r);
	for (unsigned i = 0; i < 48; i++)
		if (narrow)
			put32(p->big, (char *)buf + 4 * i, (uint32_t)r[i]);
		else
			put64(p->big, (char *)buf + 8 * i, r[i]);
	return narrow ? 48 * 4 : 48 * 8;
}

static size_t core_fpregs(struct cpu *c, void *buf, size_t size)
{
	struct ppc_cpu *p = ppc_cpu(c);

	if (size < 33 * 8)
		return 0;
	for (unsigned i = 0; i < 32; i++)
		put64(p->big, (char *)buf + 8 * i, p->vsr[i].u64[0]);
	put64(p->big, (char *)buf + 8 * 32, ppc_get_fpscr(p));
	return 33 * 8;
}

static size_t core_xstate(struct cpu *c, void *buf, size_t size)
{
	(void)c, (void)buf, (void)size;
	return 0;
}

/* NT_PPC_VMX: the vector registers, VSCR, VRSAVE, each in a quadword; NT_PPC_VSX: the right halves of registers 0 to 31. */
static size_t core_more(struct cpu *c, unsigned which, uint32_t *type, void *buf, size_t size)
{
	struct ppc_cpu *p = ppc_cpu(c);
	uint8_t *b = buf;

	if (size < 34 * 16)
		return 0;
	if (which == 0 && PPC_HAS(p, ALTIVEC)) {
		*type = NT_PPC_VMX;
		memset(b, 0, 34 * 16);
		for (unsigned i = 0; i < 32; i++)
			ppc_put_vector(p->big, b + 16 * i, &p->vsr[32 + i]);
		put32(p->big, b + 16 * 32 + 12, p->vscr);
		put32(p->big, b + 16 * 33, p->vrsave);
		return 34 * 16;
	}
	if (which == 1 && PPC_HAS(p, VSX)) {
		*type = NT_PPC_VSX;
		for (unsigned i = 0; i < 32; i++)
			put64(p->big, b + 8 * i, p->vsr[i].u64[1]);
		return 32 * 8;
	}
	return 0;
}

#define COMMON                                                                                                        \
	.page_size = PAGE, .init = init, .syscall_args = syscall_args, .syscall_result = syscall_result,              \
	.syscall_restart = syscall_restart, .get_sp = get_sp, .clone_tls_fourth = true, .clone_regs = clone_regs,     \
	.set_tls = set_tls, .exception = exception, .write_siginfo = siginfo_write, .read_siginfo = siginfo_read, \
	.hwcap = hwcap, .cpu_platform = platform, .aux = more_aux, .vdso = ppc_vdso, .vdso_mapped = ppc_vdso_mapped,   \
	.core_gregs = core_gregs, .core_fpregs = core_fpregs, .core_xstate = core_xstate, \
	.core_more = core_more, .prctl = ppc_prctl

#define WIDE(name_, isa_, data, calls_)                                                                               \
	{                                                                                                             \
		.name = name_, .isa = &isa_, .machine = EM_PPC64, .elf_class = ELFCLASS64, .elf_data = data, .calls = &calls_, \
		.word = 8, .platform = name_, .task_size = UINT64_C(0x7ffffffff000), .stack_top = UINT64_C(0x2bfffffff000), \
		.mmap_top = UINT64_C(0x2aaaa0000000), .pie_base = UINT64_C(0x2aaac0000000),                           \
		.signal_frame = ppc64_signal_frame, .sigreturn = ppc64_sigreturn, COMMON                              \
	}
#define NARROW(name_, isa_)                                                                                           \
	{                                                                                                             \
		.name = name_, .isa = &isa_, .machine = EM_PPC, .elf_class = ELFCLASS32, .elf_data = ELFDATA2MSB,      \
		.calls = &sys_table_ppc, .word = 4, .platform = "ppc", .task_size = UINT64_C(0xffffe000),             \
		.stack_top = UINT64_C(0xbffff000), .mmap_top = UINT64_C(0xaffff000), .pie_base = UINT64_C(0x20000000), \
		.signal_frame = ppc32_signal_frame, .sigreturn = ppc32_sigreturn, COMMON                              \
	}

const struct abi abi_ppc = NARROW("ppc", isa_ppc);
const struct abi abi_ppc64abi32 = NARROW("ppc64abi32", isa_ppc64abi32);
const struct abi abi_ppc64 = WIDE("ppc64", isa_ppc64, ELFDATA2MSB, sys_table_ppc64);
const struct abi abi_ppc64le = WIDE("ppc64le", isa_ppc64le, ELFDATA2LSB, sys_table_ppc64le);
