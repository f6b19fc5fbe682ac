/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs instructions on the host's own processor: all registers are loaded from a record, the code is jumped to, and what
 * it leaves behind when it faults is stored in another (code that is to end normally ends with INT3). 64-bit code, and 32-bit code through selector 0x23.
 * Code and data lie below 2 GiB. One at a time: state is static, because code that owns all registers can only find it so.
 */
#ifndef TESTS_ISA_NATIVE_H
#define TESTS_ISA_NATIVE_H
#include <asm/prctl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

struct native_state {
	uint64_t gpr[16];
	uint64_t rflags, rip;
	uint8_t xsave[1024] __attribute__((aligned(64))); /* standard format, 832 bytes in use */
};

enum { NATIVE_NEXT = 1, NATIVE_LANDED = 2, NATIVE_FAULT = 3 }; /* native_run() gives FAULT: code ends with INT3 */

struct native_result {
	uint32_t how;    /* NATIVE_* */
	int vector, sig; /* NATIVE_FAULT */
	uint64_t error_code, address;
	siginfo_t si;
};

struct native_state native_in __attribute__((used)), native_out __attribute__((used));
struct native_result native_result __attribute__((used));
uint64_t native_host_rsp __attribute__((used)), native_target __attribute__((used));
struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) native_far __attribute__((used));
uint32_t native_mxcsr __attribute__((used)) = 0x1f80;
static volatile bool native_running;

void native_enter64(void);
void native_enter32(void);
void native_after_fault(void);

#define GPRS(X) X(0, "rax") X(1, "rcx") X(2, "rdx") X(3, "rbx") X(5, "rbp") X(6, "rsi") X(7, "rdi") X(8, "r8") X(9, "r9") \
	X(10, "r10") X(11, "r11") X(12, "r12") X(13, "r13") X(14, "r14") X(15, "r15") X(4, "rsp")
#define LOAD(n, r) "mov native_in+8*" #n "(%rip), %" r "\n"
#define ENTRY                                                                                                    \
	"push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"                                \
	"mov %rsp, native_host_rsp(%rip)\n"                                                                      \
	"mov $7, %eax\n xor %edx, %edx\n lea native_in+192(%rip), %rcx\n xrstor64 (%rcx)\n"                      \
	"pushq native_in+128(%rip)\n popfq\n" GPRS(LOAD)
#define LEAVE                                                                                                    \
	"fninit\n ldmxcsr native_mxcsr(%rip)\n vzeroupper\n"                                                     \
	"pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"

_Static_assert(__builtin_offsetof(struct native_state, xsave) == 192, "the offset in the assembly code");
__asm__(".text\n"
	".globl native_enter64\nnative_enter64:\n" ENTRY "jmp *native_target(%rip)\n"
	".globl native_enter32\nnative_enter32:\n" ENTRY "ljmpl *native_far(%rip)\n"
	".globl native_after_fault\nnative_after_fault:\n" LEAVE);

/* In a signal handler: takes the state out of the context and leads it back. False: it was not for us. */
static bool native_fault(int sig, siginfo_t *si, void *context)
{
	static const uint8_t reg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
					REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
	ucontext_t *u = context;
	greg_t *g = u->uc_mcontext.gregs;
	if (!native_running)
		return false;
	for (unsigned i = 0; i < 16; i++)
		native_out.gpr[i] = (uint64_t)g[reg[i]];
	native_out.rflags = (uint64_t)g[REG_EFL];
	native_out.rip = (uint64_t)g[REG_RIP];
	const uint8_t *fp = (const uint8_t *)u->uc_mcontext.fpregs;
	uint64_t bv;
	memcpy(native_out.xsave, fp, 832);
	memcpy(&bv, fp + 512, 8);
	if (!(bv & 1)) {
		memset(native_out.xsave, 0, 24);
		native_out.xsave[0] = 0x7f;
		native_out.xsave[1] = 3;
		memset(native_out.xsave + 32, 0, 128);
	}
	if (!(bv & 2))
		memset(native_out.xsave + 160, 0, 256);
	if (!(bv & 4))
		memset(native_out.xsave + 576, 0, 256);
	native_result.how = NATIVE_FAULT;
	native_result.sig = sig;
	native_result.vector = (int)g[REG_TRAPNO];
	native_result.error_code = (uint64_t)g[REG_ERR];
	native_result.address = (uint64_t)g[REG_CR2];
	native_result.si = *si;
	g[REG_RIP] = (greg_t)(uintptr_t)native_after_fault;
	g[REG_RSP] = (greg_t)native_host_rsp;
	g[REG_EFL] = 0x202;
	g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffll) | 0x33;
	return true;
}

/* Runs the code at `code` with native_in; the result is in native_out and native_result. */
static void native_run(uint64_t code, bool is32)
{
	uint64_t bv = 7, zero[7] = {0};
	memcpy(native_in.xsave + 512, &bv, 8);
	memcpy(native_in.xsave + 520, zero, sizeof zero);
	native_target = code;
	native_far.offset = (uint32_t)code;
	native_far.selector = 0x23;
	native_running = true;
	if (is32)
		native_enter32();
	else
		native_enter64();
	native_running = false;
}
#endif
