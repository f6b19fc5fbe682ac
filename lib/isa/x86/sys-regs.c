/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine's registers for the debugger: those of user programs but for what Linux adds to them (regs.c), and the system's behind them.
 * What is written is what the processor itself would accept; segment registers are loaded as by an instruction without its privilege checks.
 */
#include <errno.h>
#include "isa/x86/run.h"
#include "isa/x86/segment.h"
#include "isa/x86/sys.h"

#define LINUX "org.gnu.gdb.i386.linux"
#define SYSTEM "org.gnu.gdb.i386.system"

enum system { FS_BASE, GS_BASE, K_GS_BASE, CR0, CR2, CR3, CR4, CR8, EFER };
struct row {
	const char *name, *type;
	enum system what;
};
static const struct row more64[] = {{"k_gs_base", "int64", K_GS_BASE}, {"cr0", "i386_cr0", CR0}, {"cr2", "data_ptr", CR2}, {"cr3", "i386_cr3", CR3},
				    {"cr4", "i386_cr4", CR4}, {"cr8", "int64", CR8}, {"efer", "i386_efer", EFER}};
static const struct row more32[] = {{"fs_base", "int32", FS_BASE}, {"gs_base", "int32", GS_BASE}, {"k_gs_base", "int32", K_GS_BASE},
				    {"cr0", "i386_cr0", CR0}, {"cr2", "data_ptr", CR2}, {"cr3", "i386_cr3", CR3}, {"cr4", "i386_cr4", CR4},
				    {"efer", "i386_efer", EFER}};
#define COUNT(a) (sizeof(a) / sizeof *(a))
_Static_assert(X86_64_SYSTEM_REGS == X86_64_REGS - 1 + COUNT(more64), "one goes, these come");
_Static_assert(I386_SYSTEM_REGS == I386_REGS - 1 + COUNT(more32), "one goes, these come");

struct isa_reg x86_64_system_regs[X86_64_SYSTEM_REGS], i386_system_regs[I386_SYSTEM_REGS];
static uint8_t user64[X86_64_SYSTEM_REGS], user32[I386_SYSTEM_REGS]; /* numbers in regs.c */

static void make(struct isa_reg *to, uint8_t *from, const struct isa_reg *user, unsigned count, const struct row *more, unsigned more_count,
		 uint16_t bits)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		if (strcmp(user[i].feature, LINUX)) {
			from[n] = (uint8_t)i;
			to[n++] = user[i];
		}
	for (unsigned i = 0; i < more_count; i++)
		to[n++] = (struct isa_reg){more[i].name, SYSTEM, more[i].type, "system", bits};
}

__attribute__((constructor)) static void make_registers(void)
{
	make(x86_64_system_regs, user64, x86_64_regs, X86_64_REGS, more64, COUNT(more64), 64);
	make(i386_system_regs, user32, i386_regs, I386_REGS, more32, COUNT(more32), 32);
}

/* ---- the system's ---- */

static uint64_t get_system(struct x86_cpu *c, enum system what)
{
	const struct x86_machine *m = c->sys.machine;

	switch (what) {
	case FS_BASE: return c->seg[X86_FS].base;
	case GS_BASE: return c->seg[X86_GS].base;
	case K_GS_BASE: return c->sys.kernel_gs_base;
	case CR0: return c->sys.cr0;
	case CR2: return c->sys.cr2;
	case CR3: return c->sys.cr3;
	case CR4: return c->sys.cr4;
	case CR8: return m && m->get_tpr ? m->get_tpr(m->opaque) : 0;
	case EFER: break;
	}
	return c->sys.efer;
}

static bool set_base(struct x86_cpu *c, uint64_t *to, uint64_t v)
{
	if (!x86_canonical(v))
		return false;
	*to = v;
	x86_sys_update(c);
	return true;
}

static int set_system(struct x86_cpu *c, enum system what, uint64_t v)
{
	const struct x86_machine *m = c->sys.machine;
	bool done = false;

	if (v == get_system(c, what))
		return 0;
	switch (what) {
	case FS_BASE: done = set_base(c, &c->seg[X86_FS].base, v); break;
	case GS_BASE: done = set_base(c, &c->seg[X86_GS].base, v); break;
	case K_GS_BASE: done = set_base(c, &c->sys.kernel_gs_base, v); break;
	case CR0: done = x86_control_set(c, 0, v); break;
	case CR2: done = x86_control_set(c, 2, v); break;
	case CR3: done = x86_control_set(c, 3, v); break;
	case CR4: done = x86_control_set(c, 4, v); break;
	case CR8:
		done = v < 16 && m && m->set_tpr;
		if (done)
			m->set_tpr(m->opaque, (uint8_t)v);
		break;
	case EFER:
		done = x86_msr_write(c, 0xc0000080, v);
		break;
	}
	x86_look(c);
	return done ? 0 : -EINVAL;
}

/* ---- segments ---- */

static bool load(struct x86_cpu *c, uint64_t linear, uint64_t *v)
{
	uint64_t physical;

	*v = 0;
	for (unsigned i = 0; i < 8; i++) {
		if (x86_translate_debug(&c->cpu, linear + i, &physical))
			return false;
		*v |= mmu_phys_load(&c->cpu, physical, 1) << 8 * i;
	}
	return true;
}

static int set_segment(struct x86_cpu *c, unsigned seg, uint16_t selector)
{
	const struct x86_sys *s = &c->sys;
	uint64_t base = selector & 4 ? s->ldtr.base : s->gdtr.base, low;
	uint32_t limit = selector & 4 ? s->ldtr.limit : s->gdtr.limit;
	struct x86_desc d = {0};

	if (selector == c->seg[seg].selector)
		return 0;
	if (x86_paragraphs(c)) {
		x86_seg_paragraph(c, seg, selector);
	} else if (!(selector & ~3u)) {
		if (seg == X86_CS || (seg == X86_SS && c->mode != 64))
			return -EINVAL;
		x86_seg_null(c, seg, selector);
	} else {
		if ((selector & 4 && !(s->ldtr.attr & X86_SEG_P)) || (selector | 7u) > limit || !load(c, base + (selector & ~7u), &low))
			return -EINVAL;
		x86_descriptor_split(low, &d.seg);
		if (!(d.seg.attr & X86_SEG_S) || !(d.seg.attr & X86_SEG_P) || (seg == X86_CS && !(d.seg.attr & X86_SEG_CODE)))
			return -EINVAL;
		x86_seg_set(c, seg, selector, &d);
	}
	x86_sys_update(c);
	x86_look(c);
	return 0;
}

/* ---- one register ---- */

/* What a 64-bit register is in other modes: the upper halves are not there. */
static bool cut(const struct x86_cpu *c, const struct isa_reg *r)
{
	return c->mode != 64 && r->bits == 64 && !r->group;
}

static int get(struct x86_cpu *c, const struct isa_reg *r, unsigned n, unsigned user, const struct row *more, void *bytes)
{
	uint64_t v;
	int e;

	if (n >= user) {
		v = get_system(c, more[n - user].what);
		memcpy(bytes, &v, r->bits / 8);
		return 0;
	}
	e = c->cpu.isa->bits == 32 ? i386_get_reg(&c->cpu, user32[n], bytes) : x86_64_get_reg(&c->cpu, user64[n], bytes);
	if (e == 0 && cut(c, r))
		memset((uint8_t *)bytes + 4, 0, 4);
	return e;
}

static int set(struct x86_cpu *c, const struct isa_reg *r, unsigned n, unsigned user, const struct row *more, const void *bytes)
{
	static const struct { char name[3]; uint8_t seg; } segs[] = {{"cs", X86_CS}, {"ss", X86_SS}, {"ds", X86_DS}, {"es", X86_ES}, {"fs", X86_FS},
								     {"gs", X86_GS}};
	uint64_t v = 0;
	int e;

	if (r->bits <= 64)
		memcpy(&v, bytes, r->bits / 8);
	if (n >= user)
		return set_system(c, more[n - user].what, v);
	for (unsigned i = 0; i < COUNT(segs); i++)
		if (!strcmp(r->name, segs[i].name))
			return v >> 16 ? -EINVAL : set_segment(c, segs[i].seg, (uint16_t)v);
	if (!strcmp(r->name, "eflags")) {
		/* IF and IOPL are the system's; VM changes with a task or an IRET only */
		uint64_t old = c->rflags;
		c->rflags = (c->rflags & X86_VM) | (v & 0x3d7fd7) | 2;
		x86_flags_changed(c, old);
		x86_sys_update(c);
		x86_look(c);
		return 0;
	}
	if (!strcmp(r->name, "fs_base"))
		return set_system(c, FS_BASE, v);
	if (!strcmp(r->name, "gs_base"))
		return set_system(c, GS_BASE, v);
	if (!strcmp(r->name, "rip") || !strcmp(r->name, "eip")) {
		x86_set_ip(c, v);
		return 0;
	}
	if (cut(c, r)) {
		v = (uint32_t)v;
		bytes = &v;
	}
	e = c->cpu.isa->bits == 32 ? i386_set_reg(&c->cpu, user32[n], bytes) : x86_64_set_reg(&c->cpu, user64[n], bytes);
	x86_sys_update(c);
	return e;
}

int x86_64_system_get_reg(struct cpu *c, unsigned n, void *bytes)
{
	return n < X86_64_SYSTEM_REGS ? get(x86_cpu(c), &x86_64_system_regs[n], n, X86_64_REGS - 1, more64, bytes) : -EINVAL;
}

int x86_64_system_set_reg(struct cpu *c, unsigned n, const void *bytes)
{
	return n < X86_64_SYSTEM_REGS ? set(x86_cpu(c), &x86_64_system_regs[n], n, X86_64_REGS - 1, more64, bytes) : -EINVAL;
}

int i386_system_get_reg(struct cpu *c, unsigned n, void *bytes)
{
	return n < I386_SYSTEM_REGS ? get(x86_cpu(c), &i386_system_regs[n], n, I386_REGS - 1, more32, bytes) : -EINVAL;
}

int i386_system_set_reg(struct cpu *c, unsigned n, const void *bytes)
{
	return n < I386_SYSTEM_REGS ? set(x86_cpu(c), &i386_system_regs[n], n, I386_REGS - 1, more32, bytes) : -EINVAL;
}
