/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i386 Linux as a 64-bit kernel runs it (psABI i386 supplement; asm/sigcontext.h, asm/ldt.h). */
#include <stdlib.h>
#include <string.h>
#include "i386-layout.h"
#include "x86.h"

#define FIX_FLAGS (X86_AC | X86_OF | X86_DF | X86_TF | X86_SF | X86_ZF | X86_AF | X86_PF | X86_CF | X86_RF)
#define UC_FP_XSTATE 1

static void flat_segments(struct x86_cpu *x)
{
	uint64_t e;

	x86_seg_load(x, X86_CS, X86_USER_CS32, &e);
	x86_seg_load(x, X86_SS, X86_USER_DS, &e);
	x86_seg_load(x, X86_DS, X86_USER_DS, &e);
	x86_seg_load(x, X86_ES, X86_USER_DS, &e);
}

static void init(struct cpu *c, uint64_t entry, uint64_t sp)
{
	struct x86_cpu *x = x86_cpu(c);
	uint64_t e;

	memset(x->gpr, 0, sizeof(x->gpr));
	x->gpr[X86_RSP] = (uint32_t)sp;
	x->rip = (uint32_t)entry;
	x->rflags = X86_IF | 2;
	if (!x->gdt)
		x->gdt = x86_seg_table_new(X86_GDT_TLS_COUNT);
	flat_segments(x);
	x86_seg_load(x, X86_FS, 0, &e);
	x86_seg_load(x, X86_GS, 0, &e);
}

static uint32_t syscall_args(struct cpu *c, uint64_t arg[6])
{
	struct x86_cpu *x = x86_cpu(c);

	arg[0] = (uint32_t)x->gpr[X86_RBX];
	arg[1] = (uint32_t)x->gpr[X86_RCX];
	arg[2] = (uint32_t)x->gpr[X86_RDX];
	arg[3] = (uint32_t)x->gpr[X86_RSI];
	arg[4] = (uint32_t)x->gpr[X86_RDI];
	arg[5] = (uint32_t)x->gpr[X86_RBP];
	return (uint32_t)x->gpr[X86_RAX];
}

static void syscall_result(struct cpu *c, int64_t value)
{
	x86_cpu(c)->gpr[X86_RAX] = (uint32_t)value;
}

static void syscall_restart(struct cpu *c, uint32_t number)
{
	x86_cpu(c)->rip = (uint32_t)(x86_cpu(c)->rip - 2);
	x86_cpu(c)->gpr[X86_RAX] = number;
}

static uint64_t get_sp(struct cpu *c)
{
	return (uint32_t)x86_cpu(c)->gpr[X86_RSP];
}

static void clone_regs(struct cpu *child, uint64_t sp)
{
	struct x86_cpu *x = x86_cpu(child);
	struct x86_seg_table *gdt = x86_seg_table_new(X86_GDT_TLS_COUNT);

	if (gdt && x->gdt) /* each thread has TLS descriptors of its own */
		memcpy(gdt->entry, x->gdt->entry, sizeof(gdt->entry[0]) * X86_GDT_TLS_COUNT);
	x->gdt = gdt;
	x->gpr[X86_RAX] = 0;
	if (sp)
		x->gpr[X86_RSP] = (uint32_t)sp;
}

/* ---- descriptors: set_thread_area(2), modify_ldt(2) -------------------------------------------------------- */

struct user_desc32 {
	uint32_t entry, base, limit, flags;
};
enum { D_32BIT = 1, D_CONTENTS = 6, D_READ_ONLY = 8, D_PAGES = 16, D_NOT_PRESENT = 32, D_USEABLE = 64 };

static uint64_t to_descriptor(const struct user_desc32 *u)
{
	uint32_t contents = (u->flags & D_CONTENTS) >> 1;
	uint16_t attr = 0x10 | 0x60 | 1; /* a segment, DPL 3, accessed */

	attr |= (uint16_t)(((u->flags & D_READ_ONLY) ? 0 : 2) | contents << 2);
	if (!(u->flags & D_NOT_PRESENT))
		attr |= 0x80;
	if (u->flags & D_32BIT)
		attr |= 0x4000;
	if (u->flags & D_PAGES)
		attr |= 0x8000;
	if (u->flags & D_USEABLE)
		attr |= 0x1000;
	return x86_descriptor(u->base, u->limit & 0xfffff, attr);
}

static void from_descriptor(uint64_t d, struct user_desc32 *u)
{
	struct x86_seg s;

	x86_descriptor_split(d, &s);
	u->base = (uint32_t)s.base;
	u->limit = s.attr & 0x8000 ? s.limit >> 12 : s.limit;
	u->flags = (s.attr & 0x4000 ? D_32BIT : 0) | (uint32_t)(s.attr >> 2 & 3) << 1 |
		   (s.attr & 2 ? 0 : D_READ_ONLY) | (s.attr & 0x8000 ? D_PAGES : 0) |
		   (s.attr & 0x80 ? 0 : D_NOT_PRESENT) | (s.attr & 0x1000 ? D_USEABLE : 0);
}

/* The "empty" forms that clear an entry (asm/desc.h: LDT_empty, LDT_zero). */
static bool empty(const struct user_desc32 *u)
{
	return !u->base && !u->limit && ((u->flags & 0x7f) == (D_READ_ONLY | D_NOT_PRESENT) || !u->flags);
}

/* Segment registers that hold a selector of a changed entry see the change (the kernel reloads them). */
static void reload(struct x86_cpu *x, uint16_t selector)
{
	uint64_t e;
	unsigned s;

	for (s = 0; s < 6; s++)
		if ((x->seg[s].selector | 3) == (selector | 3) && x86_seg_load(x, s, x->seg[s].selector, &e))
			x86_seg_load(x, s, 0, &e);
}

static int set_tls_entry(struct thread *t, struct x86_cpu *x, uint64_t at, bool may_allocate)
{
	struct user_desc32 u;
	unsigned n;

	if (user_read(t, &u, at, sizeof(u)))
		return -EFAULT;
	if (!x->gdt && !(x->gdt = x86_seg_table_new(X86_GDT_TLS_COUNT)))
		return -ENOMEM;
	if (u.entry == UINT32_MAX && may_allocate) {
		for (n = 0; n < X86_GDT_TLS_COUNT && x->gdt->entry[n]; n++)
			;
		if (n == X86_GDT_TLS_COUNT)
			return -ESRCH;
		u.entry = X86_GDT_TLS_FIRST + n;
		if (user_write(t, at, &u.entry, 4))
			return -EFAULT;
	}
	if (u.entry < X86_GDT_TLS_FIRST || u.entry >= X86_GDT_TLS_FIRST + X86_GDT_TLS_COUNT)
		return -EINVAL;
	x->gdt->entry[u.entry - X86_GDT_TLS_FIRST] = empty(&u) ? 0 : to_descriptor(&u);
	reload(x, (uint16_t)(u.entry << 3));
	return 0;
}

static int set_tls(struct thread *t, struct cpu *child, uint64_t tls)
{
	return set_tls_entry(t, x86_cpu(child), tls, false);
}

int64_t sys_set_thread_area(struct thread *t, const uint64_t *a)
{
	return set_tls_entry(t, x86_cpu(t->cpu), a[0], true);
}

int64_t sys_get_thread_area(struct thread *t, const uint64_t *a)
{
	struct x86_cpu *x = x86_cpu(t->cpu);
	struct user_desc32 u;

	if (user_read(t, &u.entry, a[0], 4))
		return -EFAULT;
	if (u.entry < X86_GDT_TLS_FIRST || u.entry >= X86_GDT_TLS_FIRST + X86_GDT_TLS_COUNT || !x->gdt)
		return -EINVAL;
	from_descriptor(x->gdt->entry[u.entry - X86_GDT_TLS_FIRST], &u);
	return user_write(t, a[0], &u, sizeof(u));
}

static struct x86_seg_table *ldt_of(struct thread *t)
{
	struct process *p = t->process;
	struct thread *o;

	pthread_mutex_lock(&p->thread_lock);
	if (!p->ldt)
		p->ldt = x86_seg_table_new(X86_LDT_ENTRIES);
	for (o = p->threads; o; o = o->next)
		x86_cpu(o->cpu)->ldt = p->ldt;
	pthread_mutex_unlock(&p->thread_lock);
	x86_cpu(t->cpu)->ldt = p->ldt;
	return p->ldt;
}

int64_t sys_modify_ldt(struct thread *t, const uint64_t *a)
{
	struct x86_seg_table *ldt = t->process->ldt;
	struct user_desc32 u;
	uint64_t size = a[2];

	switch ((int)a[0]) {
	case 0: /* read */
		if (!ldt)
			return 0;
		if (size > X86_LDT_ENTRIES * 8)
			size = X86_LDT_ENTRIES * 8;
		return user_write(t, a[1], ldt->entry, size) ? -EFAULT : (int64_t)size;
	case 2: /* the default LDT: empty */
		if (size > 128)
			size = 128;
		return user_zero(t, a[1], size) ? -EFAULT : (int64_t)size;
	case 1:
	case 0x11:
		if (size != sizeof(u))
			return -EINVAL;
		if (user_read(t, &u, a[1], sizeof(u)))
			return -EFAULT;
		if (u.entry >= X86_LDT_ENTRIES)
			return -EINVAL;
		if ((u.flags & D_CONTENTS) == D_CONTENTS && ((int)a[0] == 1 || !(u.flags & D_NOT_PRESENT)))
			return -EINVAL;
		ldt = ldt_of(t);
		if (!ldt)
			return -ENOMEM;
		if ((int)a[0] == 1)
			u.flags &= ~(uint32_t)D_USEABLE;
		ldt->entry[u.entry] = empty(&u) || ((int)a[0] == 1 && !u.base && !u.limit) ? 0 : to_descriptor(&u);
		reload(x86_cpu(t->cpu), (uint16_t)(u.entry << 3 | 4));
		return 0;
	default:
		return -ENOSYS;
	}
}

/* ---- signal frames ------------------------------------------------------------------------------------------ */

static void save_context(struct thread *t, struct sigcontext32 *m, const siginfo_t *si, uint64_t fp, uint64_t mask)
{
	struct x86_cpu *x = x86_cpu(t->cpu);
	struct x86_fault fault = x86_last_fault(t, si);

	*m = (struct sigcontext32){
		.gs = x->seg[X86_GS].selector, .fs = x->seg[X86_FS].selector, .es = x->seg[X86_ES].selector,
		.ds = x->seg[X86_DS].selector, .di = (uint32_t)x->gpr[X86_RDI], .si = (uint32_t)x->gpr[X86_RSI],
		.bp = (uint32_t)x->gpr[X86_RBP], .sp = (uint32_t)x->gpr[X86_RSP], .bx = (uint32_t)x->gpr[X86_RBX],
		.dx = (uint32_t)x->gpr[X86_RDX], .cx = (uint32_t)x->gpr[X86_RCX], .ax = (uint32_t)x->gpr[X86_RAX],
		.trapno = (uint32_t)fault.trapno, .err = (uint32_t)fault.err, .ip = (uint32_t)x->rip,
		.cs = x->seg[X86_CS].selector, .flags = (uint32_t)x->rflags, .sp_at_signal = (uint32_t)x->gpr[X86_RSP],
		.ss = x->seg[X86_SS].selector, .fpstate = (uint32_t)fp, .oldmask = (uint32_t)mask,
		.cr2 = (uint32_t)fault.cr2,
	};
}

static int restore_context(struct thread *t, const struct sigcontext32 *m)
{
	struct x86_cpu *x = x86_cpu(t->cpu);
	uint64_t e;
	unsigned i;
	const struct {
		unsigned seg;
		uint16_t selector;
	} data[] = {{X86_DS, m->ds}, {X86_ES, m->es}, {X86_FS, m->fs}, {X86_GS, m->gs}};

	if (i386_restore_fp(t, m->fpstate))
		return -EFAULT;
	if (x86_seg_load(x, X86_CS, m->cs | 3, &e) || x86_seg_load(x, X86_SS, m->ss | 3, &e))
		return -EFAULT;
	for (i = 0; i < 4; i++)
		if (x86_seg_load(x, data[i].seg, data[i].selector, &e))
			x86_seg_load(x, data[i].seg, 0, &e);
	x->gpr[X86_RDI] = m->di, x->gpr[X86_RSI] = m->si, x->gpr[X86_RBP] = m->bp, x->gpr[X86_RSP] = m->sp;
	x->gpr[X86_RBX] = m->bx, x->gpr[X86_RDX] = m->dx, x->gpr[X86_RCX] = m->cx, x->gpr[X86_RAX] = m->ax;
	x->rip = m->ip;
	x->rflags = (x->rflags & ~(uint64_t)FIX_FLAGS) | (m->flags & FIX_FLAGS) | X86_IF | 2;
	return 0;
}

/* popl %eax; movl $119,%eax; int $0x80 – and movl $173,%eax; int $0x80: debuggers look for these bytes. */
static const uint8_t retcode[8] = {0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80};
static const uint8_t rt_retcode[8] = {0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0};

static uint64_t return_address(struct thread *t, const struct user_action *a, uint64_t retcode_at, bool rt)
{
	if (a->flags & 0x04000000) /* SA_RESTORER */
		return a->restorer;
	if (t->process->vdso)
		return rt ? t->process->rt_signal_return : t->process->signal_return;
	return retcode_at;
}

static int signal_frame(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask)
{
	struct x86_cpu *x = x86_cpu(t->cpu);
	uint64_t old_sp = (uint32_t)x->gpr[X86_RSP], sp = signal_stack(t, a, old_sp), fp, at;
	bool rt = a->flags & SA_SIGINFO;
	int r;

	fp = ((sp - x86_frame_fp_size(x)) & ~63ull) - I386_FSAVE_SIZE;
	at = fp - (rt ? sizeof(struct rt_frame32) : sizeof(struct frame32));
	at = (uint32_t)(((at + 4) & ~15ull) - 4);
	if (at >= sp || (signal_on_altstack(t, old_sp) && !signal_on_altstack(t, at)))
		return -EFAULT;
	if (i386_save_fp(t, fp))
		return -EFAULT;
	if (rt) {
		struct rt_frame32 f;

		memset(&f, 0, sizeof(f));
		f.pretcode = (uint32_t)return_address(t, a, at + offsetof(struct rt_frame32, retcode), true);
		f.sig = (uint32_t)si->si_signo;
		f.pinfo = (uint32_t)(at + offsetof(struct rt_frame32, info));
		f.puc = (uint32_t)(at + offsetof(struct rt_frame32, uc));
		i386_siginfo(&f.info, si);
		f.uc.flags = x->xcr0 & 4 ? UC_FP_XSTATE : 0;
		f.uc.stack_sp = (uint32_t)t->altstack.sp;
		f.uc.stack_flags = t->altstack.flags | (signal_on_altstack(t, old_sp) ? SS_ONSTACK : 0);
		f.uc.stack_size = (uint32_t)t->altstack.size;
		f.uc.mask[0] = (uint32_t)mask;
		f.uc.mask[1] = (uint32_t)(mask >> 32);
		save_context(t, &f.uc.mc, si, fp, mask);
		memcpy(f.retcode, rt_retcode, sizeof(rt_retcode));
		r = user_write(t, at, &f, sizeof(f));
		x->gpr[X86_RDX] = f.pinfo;
		x->gpr[X86_RCX] = f.puc;
	} else {
		struct frame32 f;

		memset(&f, 0, sizeof(f));
		f.pretcode = (uint32_t)return_address(t, a, at + offsetof(struct frame32, retcode), false);
		f.sig = (uint32_t)si->si_signo;
		f.extramask = (uint32_t)(mask >> 32);
		save_context(t, &f.mc, si, fp, mask);
		memcpy(f.retcode, retcode, sizeof(retcode));
		r = user_write(t, at, &f, sizeof(f));
		x->gpr[X86_RDX] = x->gpr[X86_RCX] = 0;
	}
	if (r)
		return r;
	x->gpr[X86_RSP] = at;
	x->gpr[X86_RAX] = (uint32_t)si->si_signo;
	x->rip = (uint32_t)a->handler;
	x->rflags &= ~(uint64_t)(X86_DF | X86_RF | X86_TF);
	flat_segments(x);
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
	uint64_t sp = (uint32_t)x->gpr[X86_RSP];

	if (rt) {
		struct rt_frame32 f; /* its first word was popped by the handler's return */
		uint64_t at = (uint32_t)(sp - 4);

		if (user_read(t, &f, at, sizeof(f)) || restore_context(t, &f.uc.mc))
			return bad_frame(t);
		if (!signal_on_altstack(t, (uint32_t)x->gpr[X86_RSP]))
			t->altstack = (struct user_altstack){f.uc.stack_sp, f.uc.stack_size,
							     f.uc.stack_flags & ~(uint32_t)SS_ONSTACK};
		signal_set_mask(t, f.uc.mask[0] | (uint64_t)f.uc.mask[1] << 32);
	} else {
		struct frame32 f; /* the handler's return and the popl took two words */
		uint64_t at = (uint32_t)(sp - 8);

		if (user_read(t, &f, at, sizeof(f)) || restore_context(t, &f.mc))
			return bad_frame(t);
		signal_set_mask(t, f.mc.oldmask | (uint64_t)f.extramask << 32);
	}
	return USER_NO_RESULT;
}

static int write_siginfo(struct thread *t, uint64_t to, const siginfo_t *si)
{
	struct siginfo32 s;

	i386_siginfo(&s, si);
	return user_write(t, to, &s, sizeof(s));
}

static int read_siginfo(struct thread *t, siginfo_t *si, uint64_t from)
{
	struct siginfo32 s;

	if (user_read(t, &s, from, sizeof(s)))
		return -EFAULT;
	memset(si, 0, sizeof(*si));
	si->si_signo = s.signo;
	si->si_errno = s.error;
	si->si_code = s.code;
	si->si_pid = (pid_t)s.word[0];
	si->si_uid = s.word[1];
	si->si_value.sival_ptr = (void *)(uintptr_t)s.word[2];
	return 0;
}

static const void *vdso(struct process *p, size_t *size)
{
	(void)p;
	return vdso_i386(size);
}

/* struct user_regs_struct32: bx cx dx si di bp ax ds es fs gs orig_ax ip cs flags sp ss */
static size_t core_gregs(struct cpu *c, void *buf, size_t size)
{
	struct x86_cpu *x = x86_cpu(c);
	uint32_t r[17] = {
		(uint32_t)x->gpr[X86_RBX], (uint32_t)x->gpr[X86_RCX], (uint32_t)x->gpr[X86_RDX],
		(uint32_t)x->gpr[X86_RSI], (uint32_t)x->gpr[X86_RDI], (uint32_t)x->gpr[X86_RBP],
		(uint32_t)x->gpr[X86_RAX], x->seg[X86_DS].selector, x->seg[X86_ES].selector,
		x->seg[X86_FS].selector, x->seg[X86_GS].selector, UINT32_MAX, (uint32_t)x->rip,
		x->seg[X86_CS].selector, (uint32_t)x->rflags, (uint32_t)x->gpr[X86_RSP], x->seg[X86_SS].selector,
	};

	if (size < sizeof(r))
		return 0;
	memcpy(buf, r, sizeof(r));
	return sizeof(r);
}

static size_t core_fpregs(struct cpu *c, void *buf, size_t size)
{
	if (size < I386_FSAVE_SIZE)
		return 0;
	i386_fsave_image(x86_cpu(c), buf);
	return 108; /* struct user_i387_struct: without the frame's status and magic */
}

static size_t core_xstate(struct cpu *c, void *buf, size_t size)
{
	uint64_t xcr0 = x86_cpu(c)->xcr0;

	if (size < X86_XSAVE_SIZE || !(xcr0 & 4))
		return 0;
	x86_xsave_image(x86_cpu(c), buf);
	memcpy((char *)buf + 464, &xcr0, 8);
	return X86_XSAVE_SIZE;
}

const struct abi abi_i386 = {
	.name = "i386",
	.isa = &isa_i386,
	.machine = EM_386,
	.elf_class = ELFCLASS32,
	.elf_data = ELFDATA2LSB,
	.calls = &sys_table_i386,
	.word = 4,
	.platform = "i686",
	.page_size = PAGE,
	.task_size = UINT64_C(0xffffe000),
	.stack_top = UINT64_C(0xffffe000),
	.mmap_top = UINT64_C(0xf7fff000),
	.pie_base = UINT64_C(0x56555000),
	.clone_tls_fourth = true,
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
	.vdso_mapped = vdso_i386_mapped,
	.core_gregs = core_gregs,
	.core_fpregs = core_fpregs,
	.core_xstate = core_xstate,
};
