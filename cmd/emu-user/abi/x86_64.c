/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86-64 Linux (System V psABI AMD64 supplement; the kernel's uapi headers asm/sigcontext.h, asm/ucontext.h). */
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include "x86.h"

#define RED_ZONE 128
#define UC_FP_XSTATE 1
#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4
/* Flags that sigreturn may change (kernel: FIX_EFLAGS). */
#define FIX_FLAGS (X86_AC | X86_OF | X86_DF | X86_TF | X86_SF | X86_ZF | X86_AF | X86_PF | X86_CF | X86_RF)

struct sigcontext64 {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};

struct ucontext64 {
	uint64_t flags, link;
	struct {
		uint64_t sp;
		uint32_t flags, pad;
		uint64_t size;
	} stack;
	struct sigcontext64 mc;
	uint64_t mask;
};

struct rt_frame64 {
	uint64_t pretcode;
	struct ucontext64 uc;
	siginfo_t info;
};

static void init(struct cpu *c, uint64_t entry, uint64_t sp)
{
	struct x86_cpu *x = x86_cpu(c);
	uint64_t e;

	memset(x->gpr, 0, sizeof(x->gpr));
	x->gpr[X86_RSP] = sp;
	x->rip = entry;
	x->rflags = X86_IF | 2;
	x86_seg_load(x, X86_CS, X86_USER_CS64, &e);
	x86_seg_load(x, X86_SS, X86_USER_DS, &e);
	x86_seg_load(x, X86_DS, 0, &e);
	x86_seg_load(x, X86_ES, 0, &e);
	x86_seg_load(x, X86_FS, 0, &e);
	x86_seg_load(x, X86_GS, 0, &e);
}

static uint32_t syscall_args(struct cpu *c, uint64_t arg[6])
{
	struct x86_cpu *x = x86_cpu(c);

	arg[0] = x->gpr[X86_RDI];
	arg[1] = x->gpr[X86_RSI];
	arg[2] = x->gpr[X86_RDX];
	arg[3] = x->gpr[X86_R10];
	arg[4] = x->gpr[X86_R8];
	arg[5] = x->gpr[X86_R9];
	return (uint32_t)x->gpr[X86_RAX];
}

static void syscall_result(struct cpu *c, int64_t value)
{
	x86_cpu(c)->gpr[X86_RAX] = (uint64_t)value;
}

static void syscall_restart(struct cpu *c, uint32_t number)
{
	x86_cpu(c)->rip -= 2; /* SYSCALL and INT n are two bytes */
	x86_cpu(c)->gpr[X86_RAX] = number;
}

static uint64_t get_sp(struct cpu *c)
{
	return x86_cpu(c)->gpr[X86_RSP];
}

static void clone_regs(struct cpu *child, uint64_t sp)
{
	struct x86_cpu *x = x86_cpu(child);

	x->gpr[X86_RAX] = 0;
	if (sp)
		x->gpr[X86_RSP] = sp;
}

static int set_tls(struct thread *t, struct cpu *child, uint64_t tls)
{
	if (tls >= t->process->task_size)
		return -EPERM;
	x86_cpu(child)->seg[X86_FS].base = tls;
	return 0;
}

static int signal_frame(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask)
{
	struct x86_cpu *x = x86_cpu(t->cpu);
	struct x86_fault fault = x86_last_fault(t, si);
	struct rt_frame64 f;
	uint64_t sp, fp, at, e;

	if (!(a->flags & 0x04000000)) /* SA_RESTORER: there is no other way back on this architecture */
		return -EFAULT;
	sp = signal_stack(t, a, x->gpr[X86_RSP]);
	if (sp == x->gpr[X86_RSP])
		sp -= RED_ZONE;
	fp = (sp - x86_frame_fp_size(x)) & ~63ull;
	at = ((fp - sizeof(f)) & ~15ull) - 8;
	/* On the alternate stack and past its end: the kernel refuses, too. */
	if (signal_on_altstack(t, x->gpr[X86_RSP]) && !signal_on_altstack(t, at))
		return -EFAULT;

	memset(&f, 0, sizeof(f));
	f.pretcode = a->restorer;
	f.uc.flags = (x->xcr0 & 4 ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	f.uc.stack.sp = t->altstack.sp;
	f.uc.stack.flags = t->altstack.flags | (signal_on_altstack(t, x->gpr[X86_RSP]) ? SS_ONSTACK : 0);
	f.uc.stack.size = t->altstack.size;
	f.uc.mask = mask;
	f.uc.mc = (struct sigcontext64){
		.r8 = x->gpr[8], .r9 = x->gpr[9], .r10 = x->gpr[10], .r11 = x->gpr[11], .r12 = x->gpr[12],
		.r13 = x->gpr[13], .r14 = x->gpr[14], .r15 = x->gpr[15], .di = x->gpr[X86_RDI],
		.si = x->gpr[X86_RSI], .bp = x->gpr[X86_RBP], .bx = x->gpr[X86_RBX], .dx = x->gpr[X86_RDX],
		.ax = x->gpr[X86_RAX], .cx = x->gpr[X86_RCX], .sp = x->gpr[X86_RSP], .ip = x->rip,
		.flags = x->rflags, .cs = x->seg[X86_CS].selector, .ss = x->seg[X86_SS].selector,
		.err = fault.err, .trapno = fault.trapno, .cr2 = fault.cr2, .oldmask = mask, .fpstate = fp,
	};
	f.info = *si;
	if (x86_frame_save_fp(t, fp) || user_write(t, at, &f, sizeof(f)))
		return -EFAULT;
	x->gpr[X86_RDI] = (uint64_t)si->si_signo;
	x->gpr[X86_RAX] = 0;
	x->gpr[X86_RSI] = at + offsetof(struct rt_frame64, info);
	x->gpr[X86_RDX] = at + offsetof(struct rt_frame64, uc);
	x->gpr[X86_RSP] = at;
	x->rip = a->handler;
	x->rflags &= ~(uint64_t)(X86_DF | X86_RF | X86_TF);
	x86_seg_load(x, X86_CS, X86_USER_CS64, &e);
	x86_seg_load(x, X86_SS, X86_USER_DS, &e);
	return 0;
}

static int64_t bad_frame(struct thread *t)
{
	siginfo_t si = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};

	signal_force(t, SIGSEGV, &si);
	return USER_NO_RESULT;
}

static int64_t return_from_signal(struct thread *t, bool rt)
{
	struct x86_cpu *x = x86_cpu(t->cpu);
	uint64_t at = x->gpr[X86_RSP] - 8, e;
	struct rt_frame64 f;
	const struct sigcontext64 *m = &f.uc.mc;

	(void)rt;
	if (user_read(t, &f, at, offsetof(struct rt_frame64, info)))
		return bad_frame(t);
	if (x86_frame_restore_fp(t, m->fpstate))
		return bad_frame(t);
	if (m->ip >= UINT64_C(1) << 47 || (m->cs & 3) != 3 || x86_seg_load(x, X86_CS, m->cs, &e) ||
	    ((f.uc.flags & UC_STRICT_RESTORE_SS) && x86_seg_load(x, X86_SS, m->ss, &e)))
		return bad_frame(t);
	x->gpr[8] = m->r8, x->gpr[9] = m->r9, x->gpr[10] = m->r10, x->gpr[11] = m->r11;
	x->gpr[12] = m->r12, x->gpr[13] = m->r13, x->gpr[14] = m->r14, x->gpr[15] = m->r15;
	x->gpr[X86_RDI] = m->di, x->gpr[X86_RSI] = m->si, x->gpr[X86_RBP] = m->bp, x->gpr[X86_RBX] = m->bx;
	x->gpr[X86_RDX] = m->dx, x->gpr[X86_RAX] = m->ax, x->gpr[X86_RCX] = m->cx, x->gpr[X86_RSP] = m->sp;
	x->rip = m->ip;
	x->rflags = (x->rflags & ~(uint64_t)FIX_FLAGS) | (m->flags & FIX_FLAGS) | X86_IF | 2;
	if (!signal_on_altstack(t, x->gpr[X86_RSP]))
		t->altstack = (struct user_altstack){f.uc.stack.sp, f.uc.stack.size, f.uc.stack.flags & ~(uint32_t)SS_ONSTACK};
	signal_set_mask(t, f.uc.mask);
	return USER_NO_RESULT;
}

static int write_siginfo(struct thread *t, uint64_t to, const siginfo_t *si)
{
	return user_write(t, to, si, sizeof(*si));
}

static int read_siginfo(struct thread *t, siginfo_t *si, uint64_t from)
{
	return user_read(t, si, from, sizeof(*si));
}

/* The host's vdso runs translated like any other code; its data page is readable where it is. */
static const void *vdso(struct process *p, size_t *size)
{
	const Elf64_Ehdr *h = (const void *)getauxval(AT_SYSINFO_EHDR);

	if (!h || p->guest_base)
		return NULL;
	*size = h->e_shoff + (size_t)h->e_shnum * h->e_shentsize;
	return h;
}

/* struct user_regs_struct of the kernel's asm/user_64.h */
static size_t core_gregs(struct cpu *c, void *buf, size_t size)
{
	struct x86_cpu *x = x86_cpu(c);
	uint64_t r[27] = {
		x->gpr[15], x->gpr[14], x->gpr[13], x->gpr[12], x->gpr[X86_RBP], x->gpr[X86_RBX], x->gpr[11],
		x->gpr[10], x->gpr[9], x->gpr[8], x->gpr[X86_RAX], x->gpr[X86_RCX], x->gpr[X86_RDX], x->gpr[X86_RSI],
		x->gpr[X86_RDI], (uint64_t)-1, x->rip, x->seg[X86_CS].selector, x->rflags, x->gpr[X86_RSP],
		x->seg[X86_SS].selector, x->seg[X86_FS].base, x->seg[X86_GS].base, x->seg[X86_DS].selector,
		x->seg[X86_ES].selector, x->seg[X86_FS].selector, x->seg[X86_GS].selector,
	};

	if (size < sizeof(r))
		return 0;
	memcpy(buf, r, sizeof(r));
	return sizeof(r);
}

static size_t core_fpregs(struct cpu *c, void *buf, size_t size)
{
	if (size < X86_FXSAVE_SIZE)
		return 0;
	x86_fxsave_image(x86_cpu(c), buf);
	return X86_FXSAVE_SIZE;
}

static size_t core_xstate(struct cpu *c, void *buf, size_t size)
{
	uint64_t xcr0 = x86_cpu(c)->xcr0;

	if (size < X86_XSAVE_SIZE || !(xcr0 & 4))
		return 0;
	x86_xsave_image(x86_cpu(c), buf);
	memcpy((char *)buf + 464, &xcr0, 8); /* where gdb finds which components there are */
	return X86_XSAVE_SIZE;
}

/* arch_prctl(2) */
#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004
#define ARCH_GET_CPUID 0x1011
#define ARCH_SET_CPUID 0x1012
#define ARCH_GET_XCOMP_SUPP 0x1021
#define ARCH_GET_XCOMP_PERM 0x1022

int64_t sys_arch_prctl(struct thread *t, const uint64_t *a)
{
	struct x86_cpu *x = x86_cpu(t->cpu);

	switch ((int)a[0]) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (a[1] >= UINT64_C(0x7ffffffff000))
			return -EPERM;
		x->seg[(int)a[0] == ARCH_SET_FS ? X86_FS : X86_GS].base = a[1];
		x->seg[(int)a[0] == ARCH_SET_FS ? X86_FS : X86_GS].selector = 0;
		return 0;
	case ARCH_GET_FS:
		return user_write_u64(t, a[1], x->seg[X86_FS].base);
	case ARCH_GET_GS:
		return user_write_u64(t, a[1], x->seg[X86_GS].base);
	case ARCH_GET_CPUID:
		return 1;
	case ARCH_SET_CPUID:
		return -ENODEV;
	case ARCH_GET_XCOMP_SUPP:
	case ARCH_GET_XCOMP_PERM:
		return user_write_u64(t, a[1], x->xcr0);
	default:
		return -EINVAL;
	}
}

const struct abi abi_x86_64 = {
	.name = "x86_64",
	.isa = &isa_x86_64,
	.machine = EM_X86_64,
	.elf_class = ELFCLASS64,
	.elf_data = ELFDATA2LSB,
	.calls = &sys_table_x86_64,
	.word = 8,
	.platform = "x86_64",
	.page_size = PAGE,
	/*
	 * Libraries below the code cache, position-independent programs and their heap above it: most code can be reached
	 * from the cache with a 32-bit displacement.
	 */
	.task_size = UINT64_C(0x7ffffffff000),
	.stack_top = UINT64_C(0x2bfffffff000),
	.mmap_top = UINT64_C(0x2aaaa0000000),
	.cache_hint = UINT64_C(0x2aaab0000000),
	.pie_base = UINT64_C(0x2aaac0000000),
	.init = init,
	.syscall_args = syscall_args,
	.syscall_result = syscall_result,
	.syscall_restart = syscall_restart,
	.get_sp = get_sp,
	.clone_regs = clone_regs,
	.set_tls = set_tls,
	.signal_frame = signal_frame,
	.sigreturn = return_from_signal,
	.exception = x86_exception_signal,
	.write_siginfo = write_siginfo,
	.read_siginfo = read_siginfo,
	.hwcap = x86_hwcaps,
	.vdso = vdso,
	.vdso_is_host = true,
	.core_gregs = core_gregs,
	.core_fpregs = core_fpregs,
	.core_xstate = core_xstate,
};
