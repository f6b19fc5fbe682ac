/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * T0 for x86: fetch, decode, IR, interpretation, one instruction at a time, inside one scope of access.h that catches what
 * guest accesses raise. Also what helper functions call: guest memory, exceptions.
 */
#include <string.h>
#include "isa/x86/blocks.h"
#include "isa/x86/copy.h"
#include "isa/x86/helpers.h"
#include "isa/x86/interp.h"
#include "isa/x86/sys.h"
#include "isa/x86/translate.h"
#include "jit/engine.h"
#include "jit/interp.h"

static inline void *host_address(const struct x86_cpu *cpu, uint64_t addr)
{
	return (void *)(uintptr_t)(addr + (cpu->cpu.jit ? cpu->cpu.jit->config.guest_base : 0));
}

/* A machine's processor: #AC where it is asked for (SDM vol. 3, 6.15, interrupt 17). */
static void check_alignment(struct x86_cpu *cpu, uint64_t addr, unsigned size)
{
	if (__builtin_expect(cpu->sys.key & X86_KEY_ALIGN, 0) && addr & (size - 1) && !(size & (size - 1)) && size <= 8)
		x86_raise(cpu, X86_AC_, 0);
}

void x86_mem_read(struct x86_cpu *cpu, uint64_t addr, void *to, unsigned size)
{
	if (cpu->sys.on) {
		check_alignment(cpu, addr, size);
		mmu_read(&cpu->cpu, addr, to, size, cpu->sys.map);
		return;
	}
	access_read(to, host_address(cpu, addr), size);
}

void x86_mem_write(struct x86_cpu *cpu, uint64_t addr, const void *from, unsigned size)
{
	if (cpu->sys.on) {
		check_alignment(cpu, addr, size);
		mmu_write(&cpu->cpu, addr, from, size, cpu->sys.map);
		return;
	}
	access_write(host_address(cpu, addr), from, size);
	struct ir_code *running = cpu->running;
	if (running && addr < running->guard + running->guard_len && addr + size > running->guard)
		running->stored = true;
}

void x86_mem_probe_write(struct x86_cpu *cpu, uint64_t addr, unsigned size)
{
	if (cpu->sys.on) {
		mmu_probe_write(&cpu->cpu, addr, size, cpu->sys.map);
		return;
	}
	access_probe_write(host_address(cpu, addr), size);
}

void *x86_mem_host(struct x86_cpu *cpu, uint64_t addr, unsigned size)
{
	if (cpu->sys.on)
		return mmu_host(&cpu->cpu, addr, size, cpu->sys.map);
	return host_address(cpu, addr);
}

_Noreturn void x86_raise(struct x86_cpu *cpu, int vector, uint64_t error_code)
{
	cpu->cpu.trap.error_code = error_code;
	access_raise(vector);
}

static enum trap_kind exception(struct x86_cpu *cpu, int vector, uint64_t error_code)
{
	struct trap *t = &cpu->cpu.trap;
	memset(t, 0, sizeof *t);
	t->kind = TRAP_EXCEPTION;
	t->vector = vector;
	t->error_code = error_code;
	return t->kind;
}

/* The page table of lib/jit is there when it translates. */
size_t x86_fetch_extent(const struct x86_cpu *cpu, uint64_t pc)
{
	struct jit *j = cpu->cpu.jit;
	size_t page = 4096 - (pc & 4095);
	if (!j || !j->config.host.fetch_extent)
		return page;
	if (j->page) {
		jit_lock(j);
		size_t found = jit_peekable(j, pc);
		jit_unlock(j);
		return found;
	}
	size_t n = j->config.host.fetch_extent(j->config.host.opaque, pc, page);
	return n < page ? n : page;
}

uint64_t x86_code_address(const struct x86_cpu *cpu, uint64_t offset)
{
	return cpu->mode == 64 ? offset : (uint32_t)(offset + cpu->seg[X86_CS].base);
}

/* The instruction's bytes; at most 15, not beyond what may be executed. Returns how many. */
static unsigned fetch(struct x86_cpu *cpu, uint8_t *bytes)
{
	uint64_t pc = x86_code_address(cpu, cpu->rip);
	size_t have = x86_fetch_extent(cpu, pc), page = 4096 - (pc & 4095);
	if (have < 15 && have == page) {
		/* the rest is on the next page, if the decoder asks for it */
		struct x86_insn in;
		unsigned n = jit_fetch(bytes, (uintptr_t)host_address(cpu, pc), have);
		if (n < have || x86_decode(&in, bytes, n, cpu->mode, cpu->feat) != X86_DECODE_SHORT)
			return n;
		size_t more = x86_fetch_extent(cpu, pc + have);
		if (more > 15 - have)
			more = 15 - have;
		return n + jit_fetch(bytes + n, (uintptr_t)host_address(cpu, pc + have), more);
	}
	return jit_fetch(bytes, (uintptr_t)host_address(cpu, pc), have < 15 ? have : 15);
}

/* One region for each host thread, made when it is first needed. */
static __thread struct ir_region *region __attribute__((tls_model("initial-exec")));

unsigned x86_stack_size(const struct x86_cpu *cpu)
{
	return cpu->mode == 64 ? 8 : cpu->seg[X86_SS].attr & 0x4000 || !cpu->seg[X86_SS].attr ? 4 : 2;
}

enum trap_kind x86_interp_caught(struct x86_cpu *cpu, const struct access_scope *s)
{
	uint64_t error = cpu->cpu.trap.error_code;
	if (!s->sig)
		return exception(cpu, s->code, error);
	uint64_t base = cpu->cpu.jit ? cpu->cpu.jit->config.guest_base : 0;
	memset(&cpu->cpu.trap, 0, sizeof cpu->cpu.trap);
	ir_fault_trap(&cpu->cpu, s, base);
	cpu->cpu.trap.kind = TRAP_EXCEPTION;
	cpu->cpu.trap.vector = s->si.si_code == SI_KERNEL ? 13 : 14;
	cpu->cpu.trap.error_code = s->si.si_code == SI_KERNEL ? 0 : 4; /* user; whether a write is the kernel's to tell */
	return TRAP_EXCEPTION;
}

enum trap_kind x86_interp_one(struct x86_cpu *cpu)
{
	uint8_t bytes[16];
	struct x86_insn in;
	struct access_scope scope;
	uint64_t start = cpu->rip;
	bool trap_flag = cpu->rflags & X86_TF;

	if (!region && !(region = ir_region_new(512)))
		return exception(cpu, 13, 0);
	unsigned have = fetch(cpu, bytes);
	switch (x86_decode(&in, bytes, have, cpu->mode, cpu->feat)) {
	case X86_DECODE_OK:
		break;
	case X86_DECODE_SHORT:
		return x86_fetch_fault(cpu, x86_code_address(cpu, start + have));
	case X86_DECODE_UD:
		return exception(cpu, 6, 0);
	case X86_DECODE_LONG:
		return exception(cpu, 13, 0);
	}
	struct x86_ir t = {.r = region, .in = &in, .pc = start, .mode = cpu->mode, .stack = (uint8_t)x86_stack_size(cpu), .user = true};
	ir_begin(region, &x86_ir_guest, start);
	x86_ir_insn(&t);
	if (!t.ended)
		ir_exit_pc(region, t.next);
	if (access_enter(&scope)) {
		cpu->fault_return = NULL;
		cpu->rip = start;
		return x86_interp_caught(cpu, &scope);
	}
	cpu->fault_return = &scope;
	enum ir_leave leave = ir_interp_in_scope(region, &cpu->cpu, cpu->cpu.jit ? cpu->cpu.jit->config.guest_base : 0);
	cpu->fault_return = NULL;
	access_leave(&scope);
	if (cpu->mode != 64)
		cpu->rip = (uint32_t)cpu->rip;
	if (leave == IR_LEAVE_TRAP)
		return cpu->cpu.trap.kind;
	if (trap_flag)
		return exception(cpu, 1, 0); /* single-step trap, behind the instruction (SDM volume 3, 17.3.1.4) */
	return TRAP_NONE;
}

bool x86_interp_fault(struct x86_cpu *cpu, int sig, siginfo_t *si, void *ucontext)
{
	return cpu->fault_return && access_fault(sig, si, ucontext);
}
