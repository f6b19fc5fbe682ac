/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AArch64 Linux (AAPCS64; the kernel's uapi headers asm/sigcontext.h, asm/ucontext.h, asm/ptrace.h), in both byte orders. The structures
 * below are the kernel's; their integers are written and read in the guest's order.
 */
#include <stdio.h>
#include <string.h>
#include "aarch64.h"
#include "isa/aarch64/cpu.h"

#define FPSIMD_MAGIC 0x46508001u
#define ESR_MAGIC 0x45535201u

struct context_head {
	uint32_t magic, size;
};

struct fpsimd_context {
	struct context_head head;
	uint32_t fpsr, fpcr;
	uint8_t v[32][16];
};

struct esr_context {
	struct context_head head;
	uint64_t esr;
};

struct sigcontext_a64 {
	uint64_t fault_address, x[31], sp, pc, pstate;
	uint8_t reserved[4096] __attribute__((aligned(16)));
};

struct ucontext_a64 {
	uint64_t flags, link;
	struct {
		uint64_t sp;
		uint32_t flags, pad;
		uint64_t size;
	} stack;
	uint64_t mask;
	uint8_t unused[120];
	struct sigcontext_a64 mc __attribute__((aligned(16)));
};

struct rt_frame_a64 {
	siginfo_t info;
	struct ucontext_a64 uc;
};

struct frame_record {
	uint64_t fp, lr;
};

_Static_assert(sizeof(struct rt_frame_a64) == 4688 && offsetof(struct ucontext_a64, mc) == 176, "as the kernel's");

static bool is_big(const struct cpu *c) { return c->isa->big_endian; }

/* A vector register as memory has it. */
static void put_vector(bool big, uint8_t *to, const union ir_value_128 *v)
{
	put64(big, to, v->u64[big]);
	put64(big, to + 8, v->u64[!big]);
}

static void take_vector(bool big, union ir_value_128 *v, const uint8_t *from)
{
	v->u64[big] = take64(big, from);
	v->u64[!big] = take64(big, from + 8);
}

static void init(struct cpu *c, uint64_t entry, uint64_t sp)
{
	struct a64_cpu *a = a64_cpu(c);

	memset(a->x, 0, sizeof(a->x));
	a->sp = sp;
	a->pc = entry;
	a->nzcv = 0;
}

static uint32_t syscall_args(struct cpu *c, uint64_t arg[6])
{
	struct a64_cpu *a = a64_cpu(c);

	memcpy(arg, a->x, 6 * sizeof(arg[0]));
	a->exclusive = ~0ull; /* the way into the kernel opens the monitor */
	return (uint32_t)a->x[8];
}

static void syscall_result(struct cpu *c, int64_t value)
{
	a64_cpu(c)->x[0] = (uint64_t)value;
}

/* x0 still has the first argument: no result was stored. */
static void syscall_restart(struct cpu *c, uint32_t number)
{
	a64_cpu(c)->pc -= 4;
	a64_cpu(c)->x[8] = number;
}

static uint64_t get_sp(struct cpu *c)
{
	return a64_cpu(c)->sp;
}

static void clone_regs(struct cpu *child, uint64_t sp)
{
	a64_cpu(child)->x[0] = 0;
	if (sp)
		a64_cpu(child)->sp = sp;
}

static int set_tls(struct thread *t, struct cpu *child, uint64_t tls)
{
	(void)t;
	a64_cpu(child)->tpidr = tls;
	return 0;
}

/* Is si what a fault of this thread's own was turned into? Then the syndrome register goes into the frame, too. */
static bool is_fault(const siginfo_t *si)
{
	return si->si_code > 0 && si->si_code != SI_KERNEL && (si->si_signo == SIGSEGV || si->si_signo == SIGBUS);
}

/* ESR_EL1 as the kernel shows it: a data or instruction abort from EL0, translation or permission fault at level 3. */
static uint64_t syndrome(struct thread *t, const siginfo_t *si)
{
	bool fetch = t->cpu->trap.vector == A64_V_FETCH;
	uint64_t status = si->si_signo == SIGBUS ? si->si_code == BUS_ADRALN ? 0x21 : 0x10 : si->si_code == SEGV_ACCERR ? 0x0f : 0x07;

	return (fetch ? 0x20ull : 0x24ull) << 26 | 1u << 25 | (t->cpu->trap.error_code & 2 ? 1u << 6 : 0) | status;
}

static void fill_context(struct thread *t, struct sigcontext_a64 *m, const siginfo_t *si)
{
	struct a64_cpu *a = a64_cpu(t->cpu);
	bool big = is_big(t->cpu);
	struct fpsimd_context *fp = (void *)m->reserved;

	put64(big, &m->fault_address, is_fault(si) ? (uint64_t)(uintptr_t)si->si_addr : 0);
	for (unsigned i = 0; i < 31; i++)
		put64(big, &m->x[i], a->x[i]);
	put64(big, &m->sp, a->sp);
	put64(big, &m->pc, a->pc);
	put64(big, &m->pstate, a64_get_nzcv(a) | (uint64_t)a->dit << 24);
	put32(big, &fp->head.magic, FPSIMD_MAGIC);
	put32(big, &fp->head.size, sizeof(*fp));
	put32(big, &fp->fpsr, a64_get_fpsr(a));
	put32(big, &fp->fpcr, a->fpcr);
	for (unsigned i = 0; i < 32; i++)
		put_vector(big, fp->v[i], &a->v[i]);
	if (is_fault(si)) {
		struct esr_context *esr = (void *)(m->reserved + sizeof(*fp));

		put32(big, &esr->head.magic, ESR_MAGIC);
		put32(big, &esr->head.size, sizeof(*esr));
		put64(big, &esr->esr, syndrome(t, si));
	}
}

static int signal_frame(struct thread *t, const struct user_action *act, const siginfo_t *si, uint64_t mask)
{
	struct a64_cpu *a = a64_cpu(t->cpu);
	struct rt_frame_a64 f;
	bool big = is_big(t->cpu);
	struct frame_record record;
	uint64_t sp = signal_stack(t, act, a->sp), next, at;

	next = (sp - sizeof(record)) & ~15ull;
	at = next - sizeof(f);
	/* On the alternate stack and past its end: the kernel refuses, too. */
	if (signal_on_altstack(t, a->sp) && !signal_on_altstack(t, at))
		return -EFAULT;
	memset(&f, 0, sizeof(f));
	put64(big, &record.fp, a->x[29]);
	put64(big, &record.lr, a->x[30]);
	if (big)
		siginfo_put(t->process->abi, (uint8_t *)&f.info, si);
	else
		f.info = *si;
	put64(big, &f.uc.stack.sp, t->altstack.sp);
	put32(big, &f.uc.stack.flags, t->altstack.flags | (signal_on_altstack(t, a->sp) ? SS_ONSTACK : 0));
	put64(big, &f.uc.stack.size, t->altstack.size);
	put64(big, &f.uc.mask, mask);
	fill_context(t, &f.uc.mc, si);
	if (user_write(t, at, &f, sizeof(f)) || user_write(t, next, &record, sizeof(record)))
		return -EFAULT;
	a->x[0] = (uint64_t)si->si_signo;
	if (act->flags & SA_SIGINFO) {
		a->x[1] = at + offsetof(struct rt_frame_a64, info);
		a->x[2] = at + offsetof(struct rt_frame_a64, uc);
	}
	a->x[29] = next;
	a->x[30] = act->flags & 0x04000000 /* SA_RESTORER */ ? act->restorer : t->process->rt_signal_return;
	a->sp = at;
	a->pc = act->handler;
	a->exclusive = ~0ull;
	return 0;
}

static int64_t bad_frame(struct thread *t)
{
	siginfo_t si = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};

	signal_force(t, SIGSEGV, &si);
	return USER_NO_RESULT;
}

/* The records in the reserved space: floating point must be there, others are passed over. */
static bool restore_fp(struct a64_cpu *a, const uint8_t *reserved, size_t size)
{
	bool found = false, big = is_big(&a->cpu);
	uint32_t bytes;

	for (size_t at = 0; at + sizeof(struct context_head) <= size; at += bytes) {
		const struct fpsimd_context *fp = (const void *)(reserved + at);
		uint32_t magic = take32(big, &fp->head.magic);
		bytes = take32(big, &fp->head.size);
		if (!magic)
			return found && !bytes;
		if (bytes < sizeof(fp->head) || bytes & 15 || bytes > size - at)
			return false;
		if (magic != FPSIMD_MAGIC)
			continue;
		if (found || bytes != sizeof(*fp))
			return false;
		a64_set_fpsr(a, take32(big, &fp->fpsr));
		a64_set_fpcr(a, take32(big, &fp->fpcr));
		for (unsigned i = 0; i < 32; i++)
			take_vector(big, &a->v[i], fp->v[i]);
		found = true;
	}
	return false;
}

static int64_t return_from_signal(struct thread *t, bool rt)
{
	struct a64_cpu *a = a64_cpu(t->cpu);
	struct rt_frame_a64 f;
	const struct sigcontext_a64 *m = &f.uc.mc;
	bool big = is_big(t->cpu);

	(void)rt;
	if (a->sp & 15 || user_read(t, &f, a->sp, sizeof(f)) || !restore_fp(a, m->reserved, sizeof(m->reserved)))
		return bad_frame(t);
	for (unsigned i = 0; i < 31; i++)
		a->x[i] = take64(big, &m->x[i]);
	a->sp = take64(big, &m->sp);
	a->pc = take64(big, &m->pc);
	uint64_t pstate = take64(big, &m->pstate);
	a64_set_nzcv(a, (uint32_t)pstate);
	a->dit = pstate >> 24 & 1;
	if (!signal_on_altstack(t, a->sp))
		t->altstack = (struct user_altstack){take64(big, &f.uc.stack.sp), take64(big, &f.uc.stack.size),
						     take32(big, &f.uc.stack.flags) & ~(uint32_t)SS_ONSTACK};
	signal_set_mask(t, take64(big, &f.uc.mask));
	return USER_NO_RESULT;
}

static int write_siginfo(struct thread *t, uint64_t to, const siginfo_t *si)
{
	return is_big(t->cpu) ? siginfo_write(t, to, si) : user_write(t, to, si, sizeof(*si));
}

static int read_siginfo(struct thread *t, siginfo_t *si, uint64_t from)
{
	return is_big(t->cpu) ? siginfo_read(t, si, from) : user_read(t, si, from, sizeof(*si));
}

/* arch/arm64/kernel/traps.c, mm/fault.c */
static int exception(struct thread *t, const struct trap *trap, siginfo_t *si)
{
	uint64_t pc = a64_cpu(t->cpu)->pc, addr = pc;
	int sig = SIGILL, code = ILL_ILLOPC;

	a64_cpu(t->cpu)->exclusive = ~0ull;
	switch (trap->vector) {
	case A64_V_BREAK: sig = SIGTRAP, code = TRAP_BRKPT; break;
	case A64_V_ALIGN: sig = SIGBUS, code = BUS_ADRALN, addr = trap->address; break;
	case A64_V_PC_ALIGN: sig = SIGBUS, code = BUS_ADRALN; break;
	case A64_V_BTI: code = ILL_ILLOPC; break;
	case A64_V_FETCH:
		if (pc & 3) { /* is looked at before the page (DDI 0487 D1.3.2, priorities) */
			sig = SIGBUS, code = BUS_ADRALN;
			break;
		}
		sig = SIGSEGV, addr = trap->address;
		code = mm_is_mapped(t->process, addr) ? SEGV_ACCERR : SEGV_MAPERR;
		break;
	case A64_V_DATA:
		*si = trap->si;
		si->si_addr = (void *)(uintptr_t)trap->address;
		if (si->si_code == SI_KERNEL) { /* an address that the host's processor refuses by its form */
			si->si_code = SEGV_MAPERR;
			si->si_addr = NULL;
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
	a64_hwcaps(a64_cpu(c), h, h2);
}

/* arch/arm64/kernel/cpuinfo.c; the names are those of the bits of AT_HWCAP and AT_HWCAP2 (uapi asm/hwcap.h). */
static void cpuinfo(struct cpu *c, unsigned processors, FILE *out)
{
	static const char names[2][64][12] = {
		{"fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "cpuid", "asimdrdm", "jscvt",
		 "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs",
		 "sb", "paca", "pacg"},
		{"dcpodp", "sve2", "sveaes", "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2", "frint", "svei8mm", "svef32mm", "svef64mm",
		 "svebf16", "i8mm", "bf16", "dgh", "rng", "bti", "mte"},
	};
	uint64_t cap[2];
	uint32_t midr = a64_midr(a64_cpu(c));

	a64_hwcaps(a64_cpu(c), &cap[0], &cap[1]);
	for (unsigned n = 0; n < processors; n++) {
		fprintf(out, "processor\t: %u\nBogoMIPS\t: 100.00\nFeatures\t:", n);
		for (unsigned i = 0; i < 128; i++)
			if (cap[i / 64] >> i % 64 & 1 && names[i / 64][i % 64][0])
				fprintf(out, " %s", names[i / 64][i % 64]);
		fprintf(out, "\nCPU implementer\t: 0x%02x\nCPU architecture: 8\nCPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU revision\t: %u\n\n",
			midr >> 24, midr >> 20 & 15, midr >> 4 & 0xfff, midr & 15);
	}
}

/* struct user_pt_regs */
static size_t core_gregs(struct cpu *c, void *buf, size_t size)
{
	struct a64_cpu *a = a64_cpu(c);
	uint64_t *r = buf;
	bool big = is_big(c);

	if (size < 34 * 8)
		return 0;
	for (unsigned i = 0; i < 31; i++)
		put64(big, r + i, a->x[i]);
	put64(big, r + 31, a->sp);
	put64(big, r + 32, a->pc);
	put64(big, r + 33, a64_get_nzcv(a));
	return 34 * 8;
}

/* struct user_fpsimd_state */
static size_t core_fpregs(struct cpu *c, void *buf, size_t size)
{
	struct a64_cpu *a = a64_cpu(c);
	uint8_t *to = buf;
	bool big = is_big(c);

	if (size < 528)
		return 0;
	memset(to, 0, 528);
	for (unsigned i = 0; i < 32; i++)
		put_vector(big, to + 16 * i, &a->v[i]);
	put32(big, to + 512, a64_get_fpsr(a));
	put32(big, to + 516, a->fpcr);
	return 528;
}

/* arch/arm64/kernel/ptrace.c: the thread register, and the system call, of which a program that crashed is in none. */
static size_t core_more(struct cpu *c, unsigned which, uint32_t *type, void *buf, size_t size)
{
	const int32_t none = -1;

	if (which > 1 || size < 8)
		return 0;
	*type = which ? 0x404 /* NT_ARM_SYSTEM_CALL */ : 0x401 /* NT_ARM_TLS */;
	if (which) {
		memcpy(buf, &none, 4); /* the same in both byte orders */
		return 4;
	}
	put64(is_big(c), (uint64_t *)buf, a64_cpu(c)->tpidr);
	return 8;
}

static size_t core_xstate(struct cpu *c, void *buf, size_t size)
{
	(void)c, (void)buf, (void)size;
	return 0;
}

#define ABI(name_, isa_, data, calls_) \
	{ \
		.name = name_, .isa = &isa_, .machine = EM_AARCH64, .elf_class = ELFCLASS64, .elf_data = data, \
		.calls = &calls_, .word = 8, .platform = name_, .page_size = PAGE, \
		.task_size = UINT64_C(0x7ffffffff000), .stack_top = UINT64_C(0x2bfffffff000), \
		.mmap_top = UINT64_C(0x2aaaa0000000), .pie_base = UINT64_C(0x2aaac0000000), .init = init, \
		.syscall_args = syscall_args, .syscall_result = syscall_result, .syscall_restart = syscall_restart, \
		.get_sp = get_sp, .clone_tls_fourth = true, .clone_regs = clone_regs, .set_tls = set_tls, \
		.signal_frame = signal_frame, .sigreturn = return_from_signal, .exception = exception, \
		.write_siginfo = write_siginfo, .read_siginfo = read_siginfo, .hwcap = hwcap, .vdso = vdso_aarch64, \
		.vdso_mapped = vdso_aarch64_mapped, .core_gregs = core_gregs, .core_fpregs = core_fpregs, \
		.core_xstate = core_xstate, .core_more = core_more, .cpuinfo = cpuinfo, \
	}
const struct abi abi_aarch64 = ABI("aarch64", isa_aarch64, ELFDATA2LSB, sys_table_aarch64);
const struct abi abi_aarch64_be = ABI("aarch64_be", isa_aarch64_be, ELFDATA2MSB, sys_table_aarch64_be);
