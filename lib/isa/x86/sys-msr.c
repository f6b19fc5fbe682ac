/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers (Intel SDM volume 4), the time-stamp counter, CPUID, and other instructions that tell about the
 * processor. What this model does not have is #GP.
 */
#include <sched.h>
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

uint64_t x86_tsc_now(struct x86_cpu *c)
{
	const struct x86_machine *m = c->sys.machine;

	x86_count_exactly(c);
	return (m->tsc ? m->tsc(m->opaque) : 0) + c->sys.tsc_offset;
}

static bool memory_type(uint64_t t)
{
	return t < 8 && t != 2 && t != 3;
}

static uint64_t *mtrr_fixed(struct x86_cpu *c, uint32_t msr)
{
	if (msr == 0x250)
		return &c->sys.mtrr_fixed[0];
	if (msr == 0x258 || msr == 0x259)
		return &c->sys.mtrr_fixed[1 + msr - 0x258];
	if (msr >= 0x268 && msr <= 0x26f)
		return &c->sys.mtrr_fixed[3 + msr - 0x268];
	return NULL;
}

static bool mtrr_read(struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
	uint64_t *fixed = mtrr_fixed(c, msr);

	if (!x86_has(c->feat, X86_FEAT_MTRR))
		return false;
	if (fixed)
		*v = *fixed;
	else if (msr == 0xfe)
		*v = 0x500 | X86_MTRR_COUNT; /* WC and fixed ranges */
	else if (msr == 0x2ff)
		*v = c->sys.mtrr_deftype;
	else if (msr >= 0x200 && msr < 0x200 + 2 * X86_MTRR_COUNT)
		*v = msr & 1 ? c->sys.mtrr_mask[(msr - 0x200) / 2] : c->sys.mtrr_base[(msr - 0x200) / 2];
	else
		return false;
	return true;
}

static bool mtrr_write(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
	uint64_t *fixed = mtrr_fixed(c, msr), width = (1ull << c->sys.physical_bits) - 1;

	if (!x86_has(c->feat, X86_FEAT_MTRR))
		return false;
	if (fixed) {
		for (unsigned i = 0; i < 8; i++)
			if (!memory_type(v >> 8 * i & 255))
				return false;
		*fixed = v;
	} else if (msr == 0x2ff) {
		if (v & ~0xcffull || !memory_type(v & 255))
			return false;
		c->sys.mtrr_deftype = v;
	} else if (msr >= 0x200 && msr < 0x200 + 2 * X86_MTRR_COUNT) {
		unsigned n = (msr - 0x200) / 2;
		if (v & ~width || v & (msr & 1 ? 0x7ff : 0xf00) || (!(msr & 1) && !memory_type(v & 255)))
			return false;
		(msr & 1 ? c->sys.mtrr_mask : c->sys.mtrr_base)[n] = v;
	} else {
		return false;
	}
	return true;
}

/* Machine-check banks (SDM vol. 3, 15.3.2): control, status, address, miscellaneous. */
static uint64_t *mc_bank(struct x86_cpu *c, uint32_t msr)
{
	if (!x86_has(c->feat, X86_FEAT_MCA) || msr < 0x400 || msr >= 0x400 + 4 * X86_MC_BANKS)
		return NULL;
	return &c->sys.mc[(msr - 0x400) / 4][msr & 3];
}

#define TSC_DEADLINE 0x6e0u

static bool machine_msr(uint32_t msr)
{
	return msr == 0x1b || msr == TSC_DEADLINE || (msr >= 0x800 && msr <= 0x8ff);
}

static bool machine_read(struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
	x86_count_exactly(c);
	const struct x86_machine *m = x86_leave_guest(c);
	bool good = m->msr_read && !m->msr_read(m->opaque, msr, v);
	x86_return_guest(c);
	if (good && msr == TSC_DEADLINE && *v)
		*v += c->sys.tsc_offset;
	return good;
}

static bool machine_write(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
	x86_count_exactly(c);
	/* The machine's counter has no offset. Never at 0, which disarms. */
	if (msr == TSC_DEADLINE && v)
		v = v > c->sys.tsc_offset || (int64_t)c->sys.tsc_offset < 0 ? v - c->sys.tsc_offset : 1;
	const struct x86_machine *m = x86_leave_guest(c);
	bool good = m->msr_write && !m->msr_write(m->opaque, msr, v);
	x86_return_guest(c);
	return good;
}

/* Registers that are kept as they are written; a mask of what may be set. */
static uint64_t *plain(struct x86_cpu *c, uint32_t msr, uint64_t *may)
{
	bool lm = x86_has(c->feat, X86_FEAT_LM), sep = x86_has(c->feat, X86_FEAT_SEP), syscall = x86_has(c->feat, X86_FEAT_SYSCALL);

	*may = UINT64_MAX;
	switch (msr) {
	case 0x8b: *may = 0; return &c->sys.microcode;
	case 0x174: return sep ? &c->sys.sysenter_cs : NULL;
	case 0x175: return sep ? &c->sys.sysenter_esp : NULL;
	case 0x176: return sep ? &c->sys.sysenter_eip : NULL;
	case 0x17a: *may = 7; return x86_has(c->feat, X86_FEAT_MCA) ? &c->sys.mcg_status : NULL;
	case 0x17b: return x86_has(c->feat, X86_FEAT_MCA) ? &c->sys.mcg_ctl : NULL;
	case 0x1a0: return &c->sys.misc_enable;
	case 0x1d9: return &c->sys.debugctl;
	case 0xc0000081: return syscall ? &c->sys.star : NULL;
	case 0xc0000082: return lm ? &c->sys.lstar : NULL;
	case 0xc0000083: return lm ? &c->sys.cstar : NULL;
	case 0xc0000084: *may = UINT32_MAX; return lm ? &c->sys.sfmask : NULL;
	case 0xc0000100: return lm ? &c->seg[X86_FS].base : NULL;
	case 0xc0000101: return lm ? &c->seg[X86_GS].base : NULL;
	case 0xc0000102: return lm ? &c->sys.kernel_gs_base : NULL;
	case 0xc0000103: *may = UINT32_MAX; return x86_has(c->feat, X86_FEAT_RDTSCP) || x86_has(c->feat, X86_FEAT_RDPID) ? &c->sys.tsc_aux : NULL;
	}
	if (msr >= 0xc1 && msr <= 0xc2)
		return &c->sys.perf_count[msr - 0xc1];
	if (msr >= 0x186 && msr <= 0x187)
		return &c->sys.perf_select[msr - 0x186];
	if (msr >= 0xc0010000 && msr <= 0xc0010003) /* AMD's performance counters */
		return &c->sys.perf_select[msr & 3];
	if (msr >= 0xc0010004 && msr <= 0xc0010007)
		return &c->sys.perf_count[msr & 3];
	return NULL;
}

static bool is_amd(const struct x86_cpu *c)
{
	return c->feat->vendor[0] == 'A' || c->feat->vendor[0] == 'H';
}

bool x86_msr_read(struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
	uint64_t may, *p = plain(c, msr, &may);

	if (p || (p = mc_bank(c, msr))) {
		*v = *p;
		return true;
	}
	if (machine_msr(msr))
		return machine_read(c, msr, v);
	switch (msr) {
	case 0x10: *v = x86_tsc_now(c); return true;
	case 0x17: *v = 0; return true;                      /* platform id */
	case 0x3a: *v = c->sys.feature_control; return !is_amd(c);
	case 0x3b: *v = c->sys.tsc_adjust; return x86_has(c->feat, X86_FEAT_TSC_ADJUST);
	case 0x34: *v = c->sys.smi_count; return true;
	case 0x9e: *v = c->sys.smbase; return c->sys.smm;
	case 0xcd: *v = 3; return true;                      /* bus clock */
	case 0xce: case 0x35: *v = 0; return false;
	case 0x179: *v = 0x1000100 | X86_MC_BANKS; return x86_has(c->feat, X86_FEAT_MCA); /* MCG_CTL_P, MCG_SER_P */
	case 0x198: *v = 1000ull | (uint64_t)40 << 40; return true; /* perf status */
	case 0x199: case 0x1d7: case 0x1db: case 0x1dc: case 0x1dd: case 0x1de: *v = 0; return true;
	case 0x277: *v = c->sys.pat; return x86_has(c->feat, X86_FEAT_PAT);
	case 0xc0000080: *v = c->sys.efer; return x86_has(c->feat, X86_FEAT_SYSCALL) || x86_has(c->feat, X86_FEAT_NX) || x86_has(c->feat, X86_FEAT_LM);
	case 0xc0010010: *v = 0; return is_amd(c);           /* SYSCFG */
	case 0xc0010015: *v = 0; return is_amd(c);           /* HWCR */
	case 0xc001001f: case 0xc0010055: case 0xc0010112: case 0xc0010113: case 0xc0010140: case 0xc0010141: case 0xc0010117: case 0xc0011023:
	case 0xc0011029: case 0xc001102a: case 0xc001001a: case 0xc001001d: case 0xc0010058:
		*v = 0;
		return is_amd(c);
	}
	return mtrr_read(c, msr, v);
}

static bool write_efer(struct x86_cpu *c, uint64_t v)
{
	uint64_t may = 0, old = c->sys.efer;

	if (x86_has(c->feat, X86_FEAT_SYSCALL))
		may |= X86_EFER_SCE;
	if (x86_has(c->feat, X86_FEAT_LM))
		may |= X86_EFER_LME | X86_EFER_LMA;
	if (x86_has(c->feat, X86_FEAT_NX))
		may |= X86_EFER_NXE;
	if (x86_has(c->feat, X86_FEAT_FXSR_OPT))
		may |= X86_EFER_FFXSR;
	if (!may || v & ~may || ((v ^ old) & X86_EFER_LME && c->sys.cr0 & X86_CR0_PG))
		return false;
	c->sys.efer = (v & ~(uint64_t)X86_EFER_LMA) | (old & X86_EFER_LMA);
	if ((v ^ old) & X86_EFER_NXE)
		x86_flush_all(c);
	return true;
}

bool x86_msr_write(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
	uint64_t may, *p = plain(c, msr, &may);
	bool address = msr == 0x175 || msr == 0x176 || msr == 0xc0000082 || msr == 0xc0000083 || (msr >= 0xc0000100 && msr <= 0xc0000102);

	if (address && x86_has(c->feat, X86_FEAT_LM) && !x86_canonical(v))
		return false;
	if (p) {
		if (msr == 0x8b)
			return true; /* the signature is asked for by writing 0 first */
		if (v & ~may)
			return false;
		*p = v;
		return true;
	}
	if ((p = mc_bank(c, msr))) {
		if ((msr & 3) && v && (msr & 3) == 1)
			return false; /* status: may only be cleared */
		*p = v;
		return true;
	}
	if (machine_msr(msr))
		return machine_write(c, msr, v);
	switch (msr) {
	case 0x10: {
		uint64_t now = x86_tsc_now(c);
		c->sys.tsc_adjust += v - now;
		c->sys.tsc_offset += v - now;
		return true;
	}
	case 0x3b:
		if (!x86_has(c->feat, X86_FEAT_TSC_ADJUST))
			return false;
		c->sys.tsc_offset += v - c->sys.tsc_adjust;
		c->sys.tsc_adjust = v;
		return true;
	case 0x3a:
		if (is_amd(c) || c->sys.feature_control & 1)
			return false;
		c->sys.feature_control = v;
		return true;
	case 0x79: /* microcode update: taken, and nothing comes of it */
	case 0x17: case 0x199: case 0x1db: case 0x1dc: case 0x1dd: case 0x1de:
		return true;
	case 0x277:
		if (!x86_has(c->feat, X86_FEAT_PAT))
			return false;
		for (unsigned i = 0; i < 8; i++)
			if (!memory_type(v >> 8 * i & 255) && (v >> 8 * i & 255) != 7)
				return false;
		c->sys.pat = v;
		return true;
	case 0xc0000080: return write_efer(c, v);
	case 0xc0010010: case 0xc0010015: case 0xc001001f: case 0xc0010020: case 0xc0010112: case 0xc0010113: case 0xc0010117:
	case 0xc0011023: case 0xc0011029: case 0xc001102a: case 0xc0010055:
		return is_amd(c);
	}
	return mtrr_write(c, msr, v);
}

static uint64_t edx_eax(const struct x86_cpu *c)
{
	return (uint64_t)(uint32_t)c->gpr[X86_RDX] << 32 | (uint32_t)c->gpr[X86_RAX];
}

static void set_edx_eax(struct x86_cpu *c, uint64_t v)
{
	c->gpr[X86_RAX] = (uint32_t)v;
	c->gpr[X86_RDX] = v >> 32;
}

X86_SYS_HELPER(rdmsr)
{
	(void)in, (void)ea;
	uint64_t v = 0;

	if (c->sys.cpl || !x86_msr_read(c, (uint32_t)c->gpr[X86_RCX], &v))
		x86_raise(c, X86_GP, 0);
	set_edx_eax(c, v);
}

X86_SYS_HELPER(wrmsr)
{
	(void)in, (void)ea;
	if (c->sys.cpl || !x86_msr_write(c, (uint32_t)c->gpr[X86_RCX], edx_eax(c)))
		x86_raise(c, X86_GP, 0);
	x86_sys_update(c);
}

static void need_time(struct x86_cpu *c)
{
	if (c->sys.cr4 & X86_CR4_TSD && c->sys.cpl && x86_protected(c))
		x86_raise(c, X86_GP, 0);
}

X86_SYS_HELPER(rdtsc)
{
	(void)in, (void)ea;
	need_time(c);
	set_edx_eax(c, x86_tsc_now(c));
}

X86_SYS_HELPER(rdtscp)
{
	x86_sys_rdtsc(c, in, ea);
	c->gpr[X86_RCX] = (uint32_t)c->sys.tsc_aux;
}

X86_SYS_HELPER(rdpid)
{
	(void)ea;
	c->gpr[in->rm] = (uint32_t)c->sys.tsc_aux;
}

X86_SYS_HELPER(rdpmc)
{
	(void)in, (void)ea;
	uint32_t n = (uint32_t)c->gpr[X86_RCX];

	if (x86_protected(c) && c->sys.cpl && !(c->sys.cr4 & X86_CR4_PCE))
		x86_raise(c, X86_GP, 0);
	if (n >= (is_amd(c) ? 4u : 2u))
		x86_raise(c, X86_GP, 0);
	set_edx_eax(c, c->sys.perf_count[n] & 0xffffffffff);
}

X86_SYS_HELPER(cpuid)
{
	(void)in, (void)ea;
	uint32_t out[4];

	x86_cpuid_leaf(c, (uint32_t)c->gpr[X86_RAX], (uint32_t)c->gpr[X86_RCX], out);
	c->gpr[X86_RAX] = out[0];
	c->gpr[X86_RBX] = out[1];
	c->gpr[X86_RCX] = out[2];
	c->gpr[X86_RDX] = out[3];
}

/* MONITOR: nothing is watched, so that MWAIT may end at once; hints other than 0 in ECX are #GP (SDM vol. 2). */
X86_SYS_HELPER(monitor)
{
	(void)ea;
	unsigned seg = in->seg != X86_NOREG ? in->seg : X86_DS;
	unsigned size = in->addrsize;

	if (c->sys.cpl)
		x86_raise(c, X86_UD, 0);
	if ((uint32_t)c->gpr[X86_RCX])
		x86_raise(c, X86_GP, 0);
	x86_ld8(c, x86_segment_check(c, seg, c->gpr[X86_RAX] & x86_mask_of(size), 1, false));
}

X86_SYS_HELPER(mwait)
{
	(void)in, (void)ea;
	if (c->sys.cpl)
		x86_raise(c, X86_UD, 0);
	if ((uint32_t)c->gpr[X86_RCX] > 1)
		x86_raise(c, X86_GP, 0);
	sched_yield();
}
