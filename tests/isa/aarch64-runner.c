/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the cases of a64-case.h and prints digests of what they did: this is how an emulator is recorded. An AArch64 program
 * without a C library, of either byte order:
 *   aarch64-linux-gnu-gcc -O1 -ffreestanding -nostdlib -static [-mbig-endian] -fno-stack-protector -mno-outline-atomics
 *
 * Standard input has one row a line: VALUE MASK ... (hexadecimal; the rest does not matter). The argument is the number of cases of
 * each. The output has a line a row: VALUE MASK and a digest of four digits for each case. With a second argument, a
 * case's number, that case's state before and after is printed in full instead.
 */
#include "a64-case.h"

void *memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}
void *memset(void *to, int c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = (char)c;
	return to;
}
int memcmp(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *x = a, *y = b;
	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d,
		      x4 __asm__("x4") = e, x5 __asm__("x5") = f;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
enum { READ = 63, WRITE = 64, EXIT = 93, SIGALTSTACK = 132, SIGACTION = 134, MMAP = 222, MPROTECT = 226 };

struct frame {
	struct a64c_state s;
	uint64_t entry, host_sp;
};
struct frame now;
static struct a64c_state begun;
static volatile int fault;
static volatile uint64_t fault_address;
static uint8_t plain[A64C_WINDOW];
static uint8_t *memory;

/* Loads everything from `now`, jumps to the slot, which comes back to `returned`, and stores everything. */
void run(void *code);
extern char returned[], landing[], landing_end[], faulted[];
_Static_assert(offsetof(struct a64c_state, nzcv) == 256 && offsetof(struct a64c_state, v) == 288 && offsetof(struct frame, entry) == 800, "as in run");
__asm__(".text\n.global run\nrun:\n"
	"sub sp, sp, #176\n stp x19, x20, [sp]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n stp x25, x26, [sp, #48]\n"
	"stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n"
	"stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
	"adrp x1, now\n add x1, x1, :lo12:now\n"
	"str x0, [x1, #800]\n mov x2, sp\n str x2, [x1, #808]\n"
	"ldr x2, [x1, #256]\n msr nzcv, x2\n ldr x2, [x1, #264]\n msr fpcr, x2\n ldr x2, [x1, #272]\n msr fpsr, x2\n"
	"ldr x2, [x1, #280]\n msr tpidr_el0, x2\n"
	"add x2, x1, #288\n"
	"ld1 {v0.16b-v3.16b}, [x2], #64\n ld1 {v4.16b-v7.16b}, [x2], #64\n ld1 {v8.16b-v11.16b}, [x2], #64\n ld1 {v12.16b-v15.16b}, [x2], #64\n"
	"ld1 {v16.16b-v19.16b}, [x2], #64\n ld1 {v20.16b-v23.16b}, [x2], #64\n ld1 {v24.16b-v27.16b}, [x2], #64\n ld1 {v28.16b-v31.16b}, [x2], #64\n"
	"ldr x2, [x1, #248]\n mov sp, x2\n"
	"ldp x2, x3, [x1, #16]\n ldp x4, x5, [x1, #32]\n ldp x6, x7, [x1, #48]\n ldp x8, x9, [x1, #64]\n ldp x10, x11, [x1, #80]\n"
	"ldp x12, x13, [x1, #96]\n ldp x14, x15, [x1, #112]\n ldp x16, x17, [x1, #128]\n ldp x18, x19, [x1, #144]\n ldp x20, x21, [x1, #160]\n"
	"ldp x22, x23, [x1, #176]\n ldp x24, x25, [x1, #192]\n ldp x26, x27, [x1, #208]\n ldp x28, x29, [x1, #224]\n ldr x30, [x1, #240]\n"
	/* The last two registers come in the slot itself. */
	"ldr x0, [x1, #800]\n br x0\n"
	/* Copied near the slots, whose ends lead to it. */
	".global landing\nlanding:\n"
	"msr tpidr_el0, x0\n ldr x0, 1f\n br x0\n nop\n 1: .quad returned\n"
	".global landing_end\nlanding_end:\n"
	".global returned\nreturned:\n"
	"adrp x0, now\n add x0, x0, :lo12:now\n"
	"str x1, [x0, #8]\n stp x2, x3, [x0, #16]\n stp x4, x5, [x0, #32]\n stp x6, x7, [x0, #48]\n stp x8, x9, [x0, #64]\n stp x10, x11, [x0, #80]\n"
	"stp x12, x13, [x0, #96]\n stp x14, x15, [x0, #112]\n stp x16, x17, [x0, #128]\n stp x18, x19, [x0, #144]\n stp x20, x21, [x0, #160]\n"
	"stp x22, x23, [x0, #176]\n stp x24, x25, [x0, #192]\n stp x26, x27, [x0, #208]\n stp x28, x29, [x0, #224]\n str x30, [x0, #240]\n"
	"mrs x1, tpidr_el0\n str x1, [x0]\n mov x1, sp\n str x1, [x0, #248]\n"
	"mrs x1, nzcv\n str x1, [x0, #256]\n mrs x1, fpcr\n str x1, [x0, #264]\n mrs x1, fpsr\n str x1, [x0, #272]\n"
	"add x2, x0, #288\n"
	"st1 {v0.16b-v3.16b}, [x2], #64\n st1 {v4.16b-v7.16b}, [x2], #64\n st1 {v8.16b-v11.16b}, [x2], #64\n st1 {v12.16b-v15.16b}, [x2], #64\n"
	"st1 {v16.16b-v19.16b}, [x2], #64\n st1 {v20.16b-v23.16b}, [x2], #64\n st1 {v24.16b-v27.16b}, [x2], #64\n st1 {v28.16b-v31.16b}, [x2], #64\n"
	".global faulted\nfaulted:\n"
	"adrp x0, now\n add x0, x0, :lo12:now\n"
	"msr fpcr, xzr\n ldr x1, [x0, #808]\n mov sp, x1\n"
	"ldp x19, x20, [sp]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n ldp x25, x26, [sp, #48]\n ldp x27, x28, [sp, #64]\n"
	"ldp x29, x30, [sp, #80]\n ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
	"add sp, sp, #176\n ret\n"
	".global _start\n_start:\n mov x0, sp\n and sp, x0, #-16\n bl begin\n");

/* info: signal number first, address at 16; context: pc at 176 + 8 + 31 * 8 + 8 (asm/sigcontext.h). */
static void handler(int sig, void *info, void *context)
{
	fault = sig;
	memcpy((void *)&fault_address, (char *)info + 16, 8);
	uint64_t to = (uint64_t)(uintptr_t)faulted;
	memcpy((char *)context + 440, &to, 8);
}

static char out[65536];
static size_t used;

static void flush(void)
{
	for (size_t at = 0; at < used;) {
		long n = call(WRITE, 1, (long)(out + at), (long)(used - at), 0, 0, 0);
		if (n <= 0)
			call(EXIT, 2, 0, 0, 0, 0, 0);
		at += (size_t)n;
	}
	used = 0;
}

static void text(const char *s)
{
	for (; *s; s++) {
		if (used == sizeof out)
			flush();
		out[used++] = *s;
	}
}

static void hex(uint64_t v, unsigned digits)
{
	char s[17];
	for (unsigned n = 0; n < digits; n++)
		s[n] = "0123456789abcdef"[v >> 4 * (digits - 1 - n) & 15];
	s[digits] = 0;
	text(s);
}

static int character(void)
{
	static unsigned char in[4096];
	static long at, have;
	if (at == have) {
		have = call(READ, 0, (long)in, sizeof in, 0, 0, 0);
		at = 0;
		if (have <= 0)
			return have = 0, -1;
	}
	return in[at++];
}

/* -1: the line or the input is at its end. */
static int64_t number(int *last)
{
	int64_t v = 0;
	int c = character(), any = 0;
	for (; (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); c = character(), any = 1)
		v = v << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	*last = c;
	return any ? v : -1;
}

static unsigned decimal(const char *s)
{
	unsigned v = 0;
	while (*s)
		v = v * 10 + (unsigned)(*s++ - '0');
	return v;
}

static void show(uint32_t i)
{
	const struct a64c_state *a = &begun, *b = &now.s;
	text("insn "), hex(i, 8), text(" signal "), hex((unsigned)fault, 2), text(" at "), hex(fault_address, 16), text("\n");
	for (unsigned n = 0; n < 35; n++)
		text("w"), hex(n, 2), text(" "), hex(n < 32 ? a->x[n] : (&a->nzcv)[n - 32], 16), text(" -> "),
			hex(n < 32 ? b->x[n] : (&b->nzcv)[n - 32], 16), text("\n");
	for (unsigned n = 0; n < 32; n++)
		text("v"), hex(n, 2), text(" "), hex(a64c_get(a->v[n] + 8), 16), hex(a64c_get(a->v[n]), 16), text(" -> "),
			hex(a64c_get(b->v[n] + 8), 16), hex(a64c_get(b->v[n]), 16), text("\n");
	for (unsigned n = 0; n < A64C_WINDOW; n += 8)
		if (memcmp(memory + n, plain + n, 8))
			text("m"), hex(n, 4), text(" "), hex(a64c_get(plain + n), 16), text(" -> "), hex(a64c_get(memory + n), 16), text("\n");
}

static void *map(uint64_t at, uint64_t bytes)
{
	long r = call(MMAP, (long)at, (long)bytes, 3, 0x32, -1, 0); /* private, anonymous, fixed */
	if ((uint64_t)r != at)
		call(EXIT, 3, 0, 0, 0, 0, 0);
	return (void *)(uintptr_t)r;
}

/* Copies the first words of the stack: argc, argv. */
__attribute__((noreturn, used)) void begin(char **stack)
{
	long argc = (long)stack[0];
	unsigned cases = argc > 1 ? decimal(stack[2]) : 1;
	long only = argc > 2 ? (long)decimal(stack[3]) : -1;
	static uint8_t signal_stack[32768] __attribute__((aligned(16)));
	struct { void *sp; int flags; size_t size; } ss = {signal_stack, 0, sizeof signal_stack};
	struct { void (*handler)(int, void *, void *); unsigned long flags; void *restorer; unsigned long mask; } sa = {handler, 0x48000004, 0, 0};
	uint8_t *noise = map(A64C_CODE - A64C_AROUND, 2 * A64C_AROUND + A64C_SLOTS);
	uint32_t *code = (uint32_t *)(noise + A64C_AROUND);
	uint32_t *land = (uint32_t *)((char *)code + A64C_SLOTS - 64);
	static uint32_t insn[A64C_MOST];
	int last;

	if (cases > A64C_MOST)
		cases = A64C_MOST;
	a64c_noise(noise, A64C_AROUND, 1);
	a64c_noise(noise + A64C_AROUND + A64C_SLOTS, A64C_AROUND, 2);
	memory = map(A64C_MEMORY, A64C_WINDOW);
	a64c_noise(plain, sizeof plain, 3);
	memcpy(memory, plain, sizeof plain);
	memcpy(land, landing, (size_t)(landing_end - landing));
	call(SIGALTSTACK, (long)&ss, 0, 0, 0, 0, 0);
	for (unsigned n = 0; n < 4; n++)
		call(SIGACTION, ((const unsigned char[]){4, 5, 7, 11})[n], (long)&sa, 0, 8, 0, 0);
	for (;;) {
		int64_t value = number(&last), mask = last == ' ' ? number(&last) : -1;
		while (last >= 0 && last != '\n')
			last = character();
		if (value < 0 || mask < 0)
			break;
		bool accesses = a64c_accesses((uint32_t)value, (uint32_t)mask);
		call(MPROTECT, (long)code, A64C_SLOTS, 3, 0, 0, 0);
		for (unsigned k = 0; k < cases; k++) {
			uint32_t *p = code + k * A64C_WORDS;
			insn[k] = a64c_fill(p, (uint32_t)value, (uint32_t)mask, k, 0x14000000 | ((uint32_t)(land - (p + A64C_END)) & 0x3ffffff));
		}
		call(MPROTECT, (long)code, A64C_SLOTS, 5, 0, 0, 0);
		for (char *at = (char *)code; at < (char *)code + A64C_SLOTS; at += 64)
			__asm__ volatile("dc cvau, %0\n dsb ish\n ic ivau, %0" ::"r"(at) : "memory");
		__asm__ volatile("dsb ish\n isb");
		if (only < 0)
			hex((uint64_t)value, 8), text(" "), hex((uint64_t)mask, 8), text(" ");
		for (unsigned k = 0; k < cases; k++) {
			if (only >= 0 && k != (unsigned)only)
				continue;
			a64c_begin(&now.s, (uint32_t)value, (uint32_t)mask, k, insn[k]);
			begun = now.s;
			fault = 0;
			fault_address = 0;
			run(code + k * A64C_WORDS);
			if (only >= 0)
				show(insn[k]);
			unsigned d = a64c_digest(&now.s, (unsigned)fault, fault_address, accesses ? memory : NULL, plain);
			if (only < 0)
				hex(d, 4);
		}
		if (only < 0)
			text("\n");
	}
	flush();
	call(EXIT, 0, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}
