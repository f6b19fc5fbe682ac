/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SYSENTER, SYSEXIT, SYSCALL, SYSRET (Intel SDM volume 3, 5.8.7 and 5.8.8; AMD APM volume 3 for the legacy forms of the latter two). */
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

static void flat_segment(struct x86_cpu *c, unsigned seg, uint16_t selector, uint16_t attr)
{
	c->seg[seg] = (struct x86_seg){.selector = selector, .attr = attr, .limit = UINT32_MAX};
}

X86_SYS_HELPER(sysenter)
{
	(void)in, (void)ea;
	uint64_t old = c->rflags;
	bool wide = x86_long(c);

	if (!x86_protected(c) || !(c->sys.sysenter_cs & 0xfffc))
		x86_raise(c, X86_GP, 0);
	c->rflags &= ~(uint64_t)(X86_VM | X86_IF | X86_RF);
	c->sys.cpl = 0;
	flat_segment(c, X86_CS, (uint16_t)(c->sys.sysenter_cs & 0xfffc), wide ? 0xa09b : 0xc09b);
	flat_segment(c, X86_SS, (uint16_t)((c->sys.sysenter_cs & 0xfffc) + 8), 0xc093);
	c->gpr[X86_RSP] = wide ? c->sys.sysenter_esp : (uint32_t)c->sys.sysenter_esp;
	x86_sys_update(c);
	x86_set_ip(c, wide ? c->sys.sysenter_eip : (uint32_t)c->sys.sysenter_eip);
	x86_flags_changed(c, old);
}

X86_SYS_HELPER(sysexit)
{
	(void)ea;
	bool wide = in->rex & 8;
	uint16_t cs = (uint16_t)(c->sys.sysenter_cs & 0xfffc);

	if (!cs || !x86_protected(c))
		x86_raise(c, X86_GP, 0);
	if (wide && (!x86_canonical(c->gpr[X86_RCX]) || !x86_canonical(c->gpr[X86_RDX])))
		x86_raise(c, X86_GP, 0);
	uint64_t ip = c->gpr[X86_RDX], sp = c->gpr[X86_RCX];
	c->sys.cpl = 3;
	flat_segment(c, X86_CS, (uint16_t)((cs + (wide ? 32 : 16)) | 3), wide ? 0xa0fb : 0xc0fb);
	flat_segment(c, X86_SS, (uint16_t)((cs + (wide ? 40 : 24)) | 3), 0xc0f3);
	c->gpr[X86_RSP] = wide ? sp : (uint32_t)sp;
	x86_sys_update(c);
	x86_set_ip(c, wide ? ip : (uint32_t)ip);
}

/* Intel's processors have both in 64-bit mode only. */
static bool legacy_allowed(const struct x86_cpu *c)
{
	return c->mode == 64 || c->feat->vendor[0] != 'G';
}

X86_SYS_HELPER(syscall)
{
	(void)ea;
	uint64_t old = c->rflags, next = x86_next_ip(c, in);
	uint16_t cs = (uint16_t)(c->sys.star >> 32 & 0xfffc);

	if (!(c->sys.efer & X86_EFER_SCE) || !legacy_allowed(c))
		x86_raise(c, X86_UD, 0);
	c->gpr[X86_RCX] = next;
	if (x86_long(c)) {
		bool from64 = c->mode == 64;
		c->gpr[X86_R11] = c->rflags & ~(uint64_t)X86_RF;
		c->rflags &= ~(c->sys.sfmask & UINT32_MAX) & ~(uint64_t)X86_RF;
		c->rflags |= 2;
		c->sys.cpl = 0;
		flat_segment(c, X86_CS, cs, 0xa09b);
		flat_segment(c, X86_SS, (uint16_t)(cs + 8), 0xc093);
		x86_sys_update(c);
		x86_set_ip(c, from64 ? c->sys.lstar : c->sys.cstar);
	} else { /* AMD APM volume 3, SYSCALL, legacy mode */
		c->rflags &= ~(uint64_t)(X86_VM | X86_IF | X86_RF);
		c->sys.cpl = 0;
		flat_segment(c, X86_CS, cs, 0xc09b);
		flat_segment(c, X86_SS, (uint16_t)(cs + 8), 0xc093);
		x86_sys_update(c);
		x86_set_ip(c, (uint32_t)c->sys.star);
	}
	x86_flags_changed(c, old);
}

X86_SYS_HELPER(sysret)
{
	(void)ea;
	uint64_t old = c->rflags, ip = c->gpr[X86_RCX];
	uint16_t cs = (uint16_t)(c->sys.star >> 48);
	bool wide = in->rex & 8;

	if (!(c->sys.efer & X86_EFER_SCE) || !legacy_allowed(c))
		x86_raise(c, X86_UD, 0);
	if (!x86_protected(c) || c->sys.cpl)
		x86_raise(c, X86_GP, 0);
	if (wide && !x86_canonical(ip))
		x86_raise(c, X86_GP, 0);
	c->sys.cpl = 3;
	if (x86_long(c)) {
		flat_segment(c, X86_CS, (uint16_t)((cs + (wide ? 16 : 0)) | 3), wide ? 0xa0fb : 0xc0fb);
		c->rflags = (c->gpr[X86_R11] & (X86_STATUS | X86_TF | X86_IF | X86_DF | X86_IOPL | X86_NT | X86_AC | X86_ID | X86_VIF | X86_VIP)) | 2;
	} else {
		flat_segment(c, X86_CS, (uint16_t)(cs | 3), 0xc0fb);
		c->rflags |= X86_IF;
	}
	flat_segment(c, X86_SS, (uint16_t)((cs + 8) | 3), 0xc0f3);
	x86_sys_update(c);
	x86_set_ip(c, wide ? ip : (uint32_t)ip);
	x86_flags_changed(c, old);
}
