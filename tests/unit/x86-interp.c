/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter of x86 instructions, where the host's processor cannot be asked (x86-native.c excludes these): traps and
 * system calls, segments and far transfers, 16-bit code, flags on the stack, identification, and faults in the middle.
 */
#include "tap.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/helpers.h"
#include "isa/x86/interp.h"
#include "isa/x86/rows.h"
#include "isa/x86/segment.h"
#include "isa/x86/translate.h"
#include "jit/engine.h"
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#define CODE 0x30000000u
#define DATA 0x30001000u /* one page, nothing behind it */
static struct x86_cpu *cpu;
static struct x86_features features;

static void on_signal(int sig, siginfo_t *si, void *context)
{
	ucontext_t *u = context;
	uint64_t fetch = jit_fetch_fault((uint64_t)u->uc_mcontext.gregs[REG_RIP]);
	if (fetch)
		u->uc_mcontext.gregs[REG_RIP] = (greg_t)fetch;
	else if (!x86_interp_fault(cpu, sig, si, context))
		signal(sig, SIG_DFL);
}

static void begin(unsigned mode)
{
	const struct x86_features *f = cpu->feat;
	struct x86_seg_table *gdt = cpu->gdt, *ldt = cpu->ldt;
	memset(cpu, 0, sizeof *cpu);
	cpu->feat = f;
	cpu->gdt = gdt;
	cpu->ldt = ldt;
	cpu->mode = mode;
	cpu->rflags = 0x202;
	cpu->mxcsr = 0x1f80;
	cpu->fx.fcw = 0x37f;
	cpu->xcr0 = 7;
	cpu->rip = CODE;
	cpu->gpr[X86_RSP] = DATA + 0x800;
	for (unsigned s = 0; s < 6; s++)
		cpu->seg[s] = (struct x86_seg){.selector = s == X86_CS ? (mode == 64 ? 0x33 : 0x23) : 0x2b, .attr = 0xc0f3, .limit = ~0u};
	if (mode == 16) { /* rip is an offset in a segment of 64 KiB */
		cpu->seg[X86_CS].base = CODE;
		cpu->rip = 0;
	}
	memset((void *)(uintptr_t)DATA, 0, 4096);
}

/* Runs `n` instructions of the given bytes. */
static enum trap_kind run(unsigned n, const char *bytes, size_t len)
{
	enum trap_kind kind = TRAP_NONE;
	memset((void *)(uintptr_t)CODE, 0xCC, 64);
	memcpy((void *)(uintptr_t)CODE, bytes, len);
	while (n-- && kind == TRAP_NONE)
		kind = x86_interp_one(cpu);
	return kind;
}
#define RUN(n, bytes) run(n, bytes, sizeof bytes - 1)

static void want_trap(enum trap_kind kind, int vector, unsigned at, const char *what)
{
	if (!ok(kind == TRAP_EXCEPTION && cpu->cpu.trap.vector == vector && cpu->rip == CODE + at, "%s", what))
		printf("# kind %d vector %d rip %llx\n", kind, cpu->cpu.trap.vector, (long long)cpu->rip);
}

static void traps(void)
{
	enum trap_kind k;
	begin(64);
	k = RUN(1, "\x0f\x05");
	ok(k == TRAP_SYSCALL && cpu->cpu.trap.number == 0 && cpu->rip == CODE + 2 && cpu->gpr[X86_RCX] == CODE + 2 &&
	   cpu->gpr[X86_R11] == 0x202, "SYSCALL leaves with rcx and r11 set");
	begin(32);
	k = RUN(1, "\xcd\x80");
	ok(k == TRAP_SYSCALL && cpu->cpu.trap.number == 0x80 && cpu->rip == CODE + 2, "INT 80h is the other gate");
	begin(64);
	k = RUN(1, "\xcd\x21");
	want_trap(k, 13, 0, "any other INT is #GP");
	ok_eq(cpu->cpu.trap.error_code, 0x21 * 8 + 2, "with the gate's selector as the error code");
	begin(64);
	k = RUN(1, "\xcc");
	want_trap(k, 3, 1, "INT3 is a trap, behind the instruction");
	begin(64);
	k = RUN(1, "\xf1");
	want_trap(k, 1, 1, "INT1 too");
	begin(64);
	k = RUN(1, "\x0f\x0b");
	want_trap(k, 6, 0, "UD2 is #UD");
	begin(64);
	k = RUN(1, "\xf4");
	want_trap(k, 13, 0, "HLT is #GP");
	begin(64);
	k = RUN(1, "\xec");
	want_trap(k, 13, 0, "IN is #GP");
	begin(64);
	k = RUN(1, "\x0f\x01\xc8");
	ok(k == TRAP_EXCEPTION && (cpu->cpu.trap.vector == 6), "MONITOR is #UD");
	begin(32);
	cpu->rflags |= X86_OF;
	k = RUN(1, "\xce");
	want_trap(k, 4, 1, "INTO traps on overflow");
	begin(32);
	k = RUN(1, "\xce");
	ok(k == TRAP_NONE && cpu->rip == CODE + 1, "and else does nothing");
	begin(64);
	k = RUN(1, "\xf7\xf1");
	want_trap(k, 0, 0, "DIV by zero is #DE");
	begin(64);
	cpu->gpr[X86_RAX] = 7;
	k = RUN(1, "\x48\xa3\x00\x20\x00\x30\x00\x00\x00\x00");
	ok(k == TRAP_EXCEPTION && cpu->cpu.trap.vector == 14 && cpu->cpu.trap.address == DATA + 0x1000 && cpu->rip == CODE &&
	   cpu->cpu.trap.host_fault && cpu->cpu.trap.si.si_signo == SIGSEGV, "a store to nothing is #PF with its address");
	begin(64);
	cpu->gpr[X86_RSI] = DATA;
	cpu->gpr[X86_RDI] = DATA + 0xffe;
	cpu->gpr[X86_RCX] = 8;
	k = RUN(8, "\xf3\xa4");
	ok(k == TRAP_EXCEPTION && cpu->gpr[X86_RCX] == 6 && cpu->gpr[X86_RDI] == DATA + 0x1000 && cpu->rip == CODE,
	   "REP MOVS that faults has done what came before");
	begin(64);
	cpu->rflags |= X86_TF;
	k = RUN(1, "\x90");
	want_trap(k, 1, 1, "with TF set every instruction traps behind itself");
	begin(64);
	k = RUN(1, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90");
	want_trap(k, 13, 0, "more than 15 bytes are #GP");
	begin(64);
	cpu->rip = DATA + 0xfff;
	*(uint8_t *)(uintptr_t)(DATA + 0xfff) = 0x0f;
	k = x86_interp_one(cpu);
	ok(k == TRAP_EXCEPTION && cpu->cpu.trap.vector == 14 && cpu->cpu.trap.address == DATA + 0x1000 && cpu->rip == DATA + 0xfff,
	   "an instruction that runs into a missing page is #PF there");
}

static void flags_and_identity(void)
{
	begin(64);
	cpu->rflags |= X86_CF | X86_DF;
	RUN(1, "\x9c");
	ok_eq(*(uint64_t *)(uintptr_t)(DATA + 0x7f8), 0x202 | X86_CF | X86_DF, "PUSHFQ stores the flags");
	*(uint64_t *)(uintptr_t)(DATA + 0x7f8) = 0x3fffff;
	RUN(1, "\x9c"); /* moves rsp only; the image is at 7f0 now */
	cpu->rip = CODE;
	cpu->gpr[X86_RSP] = DATA + 0x7f8;
	RUN(1, "\x9d");
	ok((cpu->rflags & (X86_STATUS | X86_DF | X86_AC | X86_ID)) == (X86_STATUS | X86_DF | X86_AC | X86_ID) &&
	   !(cpu->rflags & (X86_VM | X86_RF | X86_IOPL)) && cpu->rflags & X86_IF, "POPFQ changes what a program may change");
	ok_eq(cpu->rip, CODE + 1, "and goes on behind itself");
	begin(64);
	RUN(1, "\x0f\xa2");
	ok(cpu->gpr[X86_RAX] == features.max_leaf && !memcmp(&cpu->gpr[X86_RBX], features.vendor, 4), "CPUID gives the model's leaves");
	begin(64);
	RUN(1, "\x0f\x01\xd0");
	ok_eq(cpu->gpr[X86_RAX], 7, "XGETBV gives XCR0");
	begin(64);
	cpu->gpr[X86_RCX] = 5;
	want_trap(RUN(1, "\x0f\x01\xd0"), 13, 0, "and #GP for a register that is not there");
	begin(64);
	RUN(2, "\x0f\x31\x0f\x31");
	ok(cpu->gpr[X86_RAX] >> 32 == 0 && cpu->rip == CODE + 4, "RDTSC runs");
	begin(64);
	RUN(1, "\x48\x0f\xc7\xf0");
	ok(cpu->rflags & X86_CF && cpu->gpr[X86_RAX], "RDRAND gives a number and CF");
	begin(64);
	cpu->gpr[X86_RAX] = 0x7fff12345678;
	RUN(2, "\xf3\x48\x0f\xae\xd0\xf3\x48\x0f\xae\xc1");
	ok(cpu->seg[X86_FS].base == 0x7fff12345678 && cpu->gpr[X86_RCX] == 0x7fff12345678, "WRFSBASE and RDFSBASE");
	begin(64);
	cpu->gpr[X86_RAX] = 1ull << 63;
	want_trap(RUN(1, "\xf3\x48\x0f\xae\xd0"), 13, 0, "a non-canonical base is #GP");
	begin(64);
	cpu->seg[X86_FS].base = DATA;
	*(uint32_t *)(uintptr_t)(DATA + 0x28) = 0xabcd;
	RUN(1, "\x64\x8b\x04\x25\x28\x00\x00\x00");
	ok_eq(cpu->gpr[X86_RAX], 0xabcd, "a load through FS adds its base");
}

static void segments(void)
{
	begin(32);
	cpu->gpr[X86_RAX] = 0x6b; /* GDT entry 13, empty */
	want_trap(RUN(1, "\x8e\xe8"), 13, 0, "loading an empty descriptor is #GP");
	cpu->gdt->entry[0] = x86_descriptor(DATA, 0xfff, 0x40f2);
	begin(32);
	*(uint32_t *)(uintptr_t)(DATA + 4) = 0x1234;
	cpu->gpr[X86_RAX] = 0x63;
	RUN(2, "\x8e\xe8\x65\x8b\x0d\x04\x00\x00\x00");
	ok(cpu->seg[X86_GS].base == DATA && cpu->gpr[X86_RCX] == 0x1234, "GS loaded from set_thread_area's entry, and used");
	begin(32);
	RUN(2, "\x0e\x1e");
	ok(cpu->gpr[X86_RSP] == DATA + 0x7f8 && *(uint16_t *)(uintptr_t)(DATA + 0x7fc) == 0x23, "PUSH CS");
	begin(32);
	cpu->gpr[X86_RAX] = 0x2b;
	RUN(2, "\x50\x07");
	ok(cpu->seg[X86_ES].selector == 0x2b && cpu->gpr[X86_RSP] == DATA + 0x800 && cpu->rip == CODE + 2, "POP ES");
	begin(64);
	RUN(1, "\x8c\xd8");
	ok_eq(cpu->gpr[X86_RAX], 0x2b, "MOV from DS");
	begin(32);
	uint8_t les[] = {0x78, 0x56, 0x34, 0x12, 0x2b, 0};
	memcpy((void *)(uintptr_t)DATA, les, 6);
	cpu->gpr[X86_RBX] = DATA;
	RUN(1, "\xc4\x0b");
	ok(cpu->gpr[X86_RCX] == 0x12345678 && cpu->seg[X86_ES].selector == 0x2b, "LES loads both");

	/* far transfers between 64-bit, 32-bit and 16-bit code */
	begin(64);
	uint8_t far32[] = {0x10, 0, 0, 0x30, 0x23, 0};
	memcpy((void *)(uintptr_t)DATA, far32, 6);
	cpu->gpr[X86_RBX] = DATA;
	RUN(1, "\xff\x2b");
	ok(cpu->mode == 32 && cpu->rip == CODE + 0x10 && cpu->seg[X86_CS].selector == 0x23, "JMP FAR into 32-bit code");
	begin(32);
	RUN(1, "\x9a\x20\x00\x00\x30\x33\x00");
	ok(cpu->mode == 64 && cpu->rip == CODE + 0x20 && *(uint32_t *)(uintptr_t)(DATA + 0x7fc) == 0x23 &&
	   *(uint32_t *)(uintptr_t)(DATA + 0x7f8) == CODE + 7 && cpu->gpr[X86_RSP] == DATA + 0x7f8, "CALL FAR into 64-bit code");
	cpu->rip = CODE;
	RUN(1, "\xcb");
	ok(cpu->mode == 32 && cpu->rip == CODE + 7 && cpu->gpr[X86_RSP] == DATA + 0x800, "RETF comes back");
	begin(32);
	want_trap(RUN(1, "\x9a\x20\x00\x00\x30\x7b\x00"), 13, 0, "CALL FAR to nowhere is #GP");
	ok_eq(cpu->gpr[X86_RSP], DATA + 0x800, "and pushes nothing");
	begin(64);
	uint64_t frame[5] = {CODE + 0x30, 0x33, 0x202 | X86_ZF, DATA + 0x700, 0x2b};
	memcpy((void *)(uintptr_t)(DATA + 0x7c0), frame, sizeof frame);
	cpu->gpr[X86_RSP] = DATA + 0x7c0;
	RUN(1, "\x48\xcf");
	ok(cpu->rip == CODE + 0x30 && cpu->gpr[X86_RSP] == DATA + 0x700 && cpu->rflags & X86_ZF, "IRETQ pops rip, flags, rsp");

	/* a 16-bit code segment with a base (modify_ldt) */
	cpu->ldt->entry[0] = x86_descriptor(CODE, 0xffff, 0x00fa);
	begin(32);
	uint8_t far16[] = {0, 0, 0, 0, 7, 0};
	memcpy((void *)(uintptr_t)DATA, far16, 6);
	cpu->gpr[X86_RBX] = DATA;
	RUN(1, "\xff\x2b");
	ok(cpu->mode == 16 && cpu->rip == 0 && cpu->seg[X86_CS].base == CODE, "JMP FAR into 16-bit code");
}

static void sixteen(void)
{
	begin(16);
	cpu->gpr[X86_RAX] = 0xffffffff;
	RUN(1, "\xb8\x34\x12");
	ok_eq(cpu->gpr[X86_RAX], 0xffff1234, "16-bit code: MOV AX, imm16");
	begin(16);
	RUN(1, "\x66\xb8\x78\x56\x34\x12");
	ok_eq(cpu->gpr[X86_RAX], 0x12345678, "66 makes it 32 bits");
	begin(16);
	cpu->seg[X86_DS].base = DATA;
	cpu->gpr[X86_RBX] = 0x10;
	cpu->gpr[X86_RSI] = 0xfff4;
	*(uint16_t *)(uintptr_t)(DATA + 8) = 0xbeef;
	RUN(1, "\x8b\x40\x04");
	ok_eq(cpu->gpr[X86_RAX], 0xbeef, "[bx+si+4] wraps at 64 KiB");
	begin(16);
	cpu->seg[X86_SS].attr = 0x00f3;
	cpu->seg[X86_SS].base = DATA;
	cpu->gpr[X86_RSP] = 0xabcd0100;
	cpu->gpr[X86_RAX] = 0x5a5a;
	RUN(1, "\x50");
	ok(cpu->gpr[X86_RSP] == 0xabcd00fe && *(uint16_t *)(uintptr_t)(DATA + 0xfe) == 0x5a5a, "a 16-bit stack moves SP alone");
	begin(16);
	cpu->gpr[X86_RCX] = 0x10001;
	RUN(1, "\xe2\x10");
	ok(cpu->rip == 2 && cpu->gpr[X86_RCX] == 0x10000, "LOOP counts CX");
	begin(16);
	cpu->rip = 0xfffe;
	cpu->seg[X86_CS].base = CODE - 0xfffe;
	RUN(1, "\x90\x90");
	RUN(1, "\x90\x90");
	ok(cpu->rip == 0, "rip wraps at 64 KiB");
}

int main(void)
{
	struct err e = ERR_INIT;
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	if (mmap((void *)(uintptr_t)CODE, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
	    (void *)(uintptr_t)CODE)
		tap_skip_all("the addresses that the cases use are taken");
	cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~63ul);
	memset(cpu, 0, sizeof *cpu);
	if (x86_features_parse(&features, "max", 64, &e)) {
		ok(0, "%s", e.msg);
		return tap_done();
	}
	cpu->feat = &features;
	cpu->gdt = x86_seg_table_new(X86_GDT_TLS_COUNT);
	cpu->ldt = x86_seg_table_new(16);
	traps();
	flags_and_identity();
	segments();
	sixteen();
	unsigned unknown = 0;
	const struct x86_row *r;
	for (unsigned i = 0; (r = x86_row_at(i)); i++)
		if (!x86_ir_known(r->op) && !(r->flags & (X86_ROW_PRIV | X86_ROW_IO)))
			unknown += !!printf("# %s has no semantics\n", r->name);
	ok_eq(unknown, 0, "every row that a program may run is IR or a helper");
	return tap_done();
}
