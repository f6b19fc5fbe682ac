/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copying translator runs functions of this very program, the C library's among them, and gets what a native call
 * gets; faults, signals, self-modifying code, eviction, threads and fork on the way.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "isa/x86/cpu.h"
#include "jit/engine.h"
#include "tap.h"

typedef uint64_t fn(uint64_t a, uint64_t b, void *mem);

/* What a called function returns to: a system call ends the run. */
void guest_halt(void);
__asm__("guest_halt: syscall\n ud2\n");

static struct jit *jit;
static __thread struct cpu *current;
static volatile unsigned interrupts, in_code;
static uint8_t *smc_page;

static void on_signal(int sig, siginfo_t *si, void *ucontext)
{
	ucontext_t *u = ucontext;
	if (!current)
		_exit(99);
	if (sig == SIGALRM || sig == SIGUSR1) {
		interrupts++;
		if (jit->rx && jit_contains(jit, (uint64_t)u->uc_mcontext.gregs[REG_RIP]))
			in_code++;
		current->isa->interrupt(current, ucontext);
		return;
	}
	if (sig == SIGSEGV && smc_page && (uintptr_t)si->si_addr - (uintptr_t)smc_page < 4096) {
		jit_host_store_fault(jit, current, (uint64_t)(uintptr_t)si->si_addr, ucontext);
		mprotect(smc_page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
		return;
	}
	if (current->isa->host_fault(current, sig, si, ucontext))
		return;
	char text[120];
	int n = snprintf(text, sizeof text, "# signal %d code %d outside translated code, rip %llx, cache %llx\n", sig,
			 si->si_code, (unsigned long long)u->uc_mcontext.gregs[REG_RIP],
			 (unsigned long long)(uintptr_t)jit->rx);
	if (write(1, text, (size_t)n) < 0)
		_exit(98);
	_exit(97);
}

static void code_pages(void *opaque, uint64_t start, uint64_t len)
{
	(void)opaque;
	if (smc_page && start == (uint64_t)(uintptr_t)smc_page)
		mprotect(smc_page, len, PROT_READ | PROT_EXEC);
}

static void kick(void *opaque, struct cpu *c)
{
	(void)opaque;
	pid_t tid = (pid_t)(uintptr_t)c->owner;
	if (tid)
		syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
}

static struct jit *new_jit(size_t cache)
{
	struct jit_config config = {.isa = &isa_x86_64, .cache_size = cache, .host = {.code_pages = code_pages, .kick = kick}};
	struct err e = ERR_INIT;
	struct jit *j = jit_new(&config, &e);
	if (!j)
		printf("# %s\n", e.msg);
	return j;
}

static struct cpu *new_cpu(struct jit *j)
{
	struct err e = ERR_INIT;
	struct cpu *c = isa_x86_64.cpu_new(j, NULL, &e);
	if (!c) {
		printf("# %s\n", e.msg);
		exit(1);
	}
	c->owner = (void *)(uintptr_t)syscall(SYS_gettid);
	return c;
}

static uint64_t fs_base(void)
{
	uint64_t v;
	__asm__("mov %%fs:0, %0" : "=r"(v)); /* the thread control block begins with its own address */
	return v;
}

static uint8_t *stack_for(struct cpu *c)
{
	uint8_t *s = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct x86_cpu *x = x86_cpu(c);
	x->gpr[X86_RSP] = (uint64_t)(uintptr_t)s + (1 << 20) - 4096;
	x->seg[X86_FS].base = fs_base();
	return s;
}

static void set_call(struct cpu *c, fn *f, uint64_t a, uint64_t b, void *mem)
{
	struct x86_cpu *x = x86_cpu(c);
	uint64_t *sp = (uint64_t *)(uintptr_t)(x->gpr[X86_RSP] & ~63ull) - 1;
	*sp = (uint64_t)(uintptr_t)guest_halt;
	x->gpr[X86_RSP] = (uint64_t)(uintptr_t)sp;
	x->gpr[X86_RDI] = a;
	x->gpr[X86_RSI] = b;
	x->gpr[X86_RDX] = (uint64_t)(uintptr_t)mem;
	x->rip = (uint64_t)(uintptr_t)f;
}

/* Runs f to its end; signals on the way are counted. Other traps end it too. */
static unsigned stops;
static enum trap_kind finish(struct cpu *c)
{
	uint64_t *r = x86_cpu(c)->gpr;
	for (;;) {
		enum trap_kind k = c->isa->run(c);
		if (k == TRAP_NONE) {
			stops++;
		} else if (k == TRAP_SYSCALL && x86_cpu(c)->rip != (uint64_t)(uintptr_t)guest_halt + 2) {
			/* the C library's own, a futex most likely */
			long result = syscall((long)r[X86_RAX], r[X86_RDI], r[X86_RSI], r[X86_RDX], r[X86_R10], r[X86_R8],
					      r[X86_R9]);
			r[X86_RAX] = result < 0 ? (uint64_t)-errno : (uint64_t)result;
		} else {
			return k;
		}
	}
}

static uint64_t call(struct cpu *c, fn *f, uint64_t a, uint64_t b, void *mem)
{
	uint64_t sp = x86_cpu(c)->gpr[X86_RSP];
	set_call(c, f, a, b, mem);
	enum trap_kind k = finish(c);
	x86_cpu(c)->gpr[X86_RSP] = sp;
	if (k != TRAP_SYSCALL) {
		printf("# trap %d vector %d at %#llx\n", k, c->trap.vector, (unsigned long long)x86_cpu(c)->rip);
		return 0xdeadbeefdeadbeef;
	}
	return x86_cpu(c)->gpr[X86_RAX];
}

/* ---- functions that are run ---- */

/* They run on a stack and with memory that a sanitizer knows nothing of: it leaves them alone. */
#define GUEST __attribute__((noinline, no_sanitize("address"), no_sanitize("undefined")))

GUEST static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

GUEST static uint64_t sorts(uint64_t a, uint64_t b, void *mem)
{
	uint32_t *v = mem, s = (uint32_t)b;
	for (uint64_t i = 0; i < a; i++)
		v[i] = s = s * 1664525 + 1013904223;
	qsort(v, a, sizeof *v, by_value);
	uint64_t h = 0;
	for (uint64_t i = 0; i < a; i++)
		h = h * 31 + v[i];
	return h;
}

GUEST static uint64_t formats(uint64_t a, uint64_t b, void *mem)
{
	char *s = mem;
	uint64_t h = 5381;
	for (uint64_t i = 0; i < a; i++) {
		double d = sqrt((double)(i * b + 1)) * 1e3;
		int n = snprintf(s, 200, "%llu %.17g %s %Lf", (unsigned long long)i, d, "text", (long double)d / 3);
		for (int k = 0; k < n; k++)
			h = h * 33 ^ (uint8_t)s[k];
		h += (uint64_t)strtod(strchr(s, ' ') + 1, NULL);
	}
	return h;
}

GUEST static uint64_t fibonacci(uint64_t n, uint64_t b, void *mem)
{
	return n < 2 ? n : fibonacci(n - 1, b, mem) + fibonacci(n - 2, b, mem);
}

GUEST static uint64_t floats(uint64_t n, uint64_t b, void *mem)
{
	double x = 0.5, y = (double)b;
	long double z = 1;
	(void)mem;
	for (uint64_t i = 0; i < n; i++) {
		x = sin(x) + y * 1e-3;
		z = z * 1.0000001L + x;
	}
	union { double d; uint64_t u; } r = {.d = x + (double)z};
	return r.u;
}

GUEST static uint64_t switches(uint64_t n, uint64_t b, void *mem)
{
	uint64_t h = b;
	(void)mem;
	for (uint64_t i = 0; i < n; i++)
		switch (h % 11) {
		case 0: h = h * 3 + 1; break;
		case 1: h ^= i; break;
		case 2: h += h >> 7; break;
		case 3: h = h << 5 | h >> 59; break;
		case 4: h -= i * i; break;
		case 5: h *= 0x9e3779b97f4a7c15; break;
		case 6: h = ~h; break;
		case 7: h += 12345; break;
		case 8: h ^= h << 13; break;
		case 9: h = __builtin_bswap64(h); break;
		default: h++; break;
		}
	return h;
}

/* Segment, rip-relative and string forms with flags alive around them, in assembly. */
fn asm_forms;
__asm__(".text\nasm_forms:\n"
	"push %rbx\n push %rbp\n"
	"mov %rdx, %rbx\n xor %eax, %eax\n"
	"cmp %rsi, %rdi\n"                       /* flags live across the following */
	"mov %fs:0, %rcx\n"
	"adc %fs:0, %rax\n"
	"lea asm_data(%rip), %rbp\n"
	"adc asm_data(%rip), %rax\n"
	"adc %rax, asm_data2(%rip)\n"
	"pushf\n pop %r8\n and $0x8d5, %r8\n add %r8, %rax\n"
	"sub %rcx, %rax\n"
	"movl $17, asm_data2+8(%rip)\n"
	"addl $3, asm_data2+8(%rip)\n"
	"mov asm_data2+8(%rip), %ecx\n"
	"1: add %rcx, %rax\n loop 1b\n"
	"mov $5, %ecx\n 2: dec %ecx\n jrcxz 3f\n jmp 2b\n 3:\n"
	"mov %rbx, %rdi\n lea asm_data(%rip), %rsi\n mov $2, %ecx\n cld\n rep movsq\n"
	"add (%rbx), %rax\n add 8(%rbx), %rax\n"
	"push asm_data(%rip)\n pop %r9\n add %r9, %rax\n"
	"call *asm_pointer(%rip)\n"
	"lea 4f(%rip), %r11\n push %r11\n ret\n 4:\n"
	"xchg %ah, %al\n movzbl %ah, %ecx\n add %rcx, %rax\n"
	"std\n pushf\n pop %r10\n cld\n and $0x400, %r10\n add %r10, %rax\n"
	"pop %rbp\n pop %rbx\n ret\n"
	"asm_leaf: add $7, %rax\n ret $0\n"
	".data\n.balign 8\nasm_data: .quad 0x1122334455667788, 0x99aabbccddeeff00\nasm_data2: .quad 5, 0\n"
	"asm_pointer: .quad asm_leaf\n.text\n");
extern uint64_t asm_data2[2];

/* Stores to mem[0], then loads from b; returns never when b is bad. */
fn asm_fault;
extern const char asm_fault_at[];
__asm__(".text\nasm_fault:\n mov $11, %eax\n movq $22, (%rdx)\n mov $33, %ecx\n stc\n"
	".globl asm_fault_at\nasm_fault_at: add (%rsi,%rcx,2), %rax\n mov $44, %eax\n ret\n");
fn asm_divide;
extern const char asm_divide_at[];
__asm__(".text\nasm_divide:\n mov %rdi, %rax\n xor %edx, %edx\n"
	".globl asm_divide_at\nasm_divide_at: div %rsi\n ret\n");

/* ---- the tests ---- */

static void same(struct cpu *c, fn *f, uint64_t a, uint64_t b, const char *what)
{
	static uint64_t native[40000], ours[40000];
	memset(native, 0, sizeof native);
	memset(ours, 0, sizeof ours);
	asm_data2[0] = 5;
	uint64_t want = f(a, b, native);
	asm_data2[0] = 5;
	uint64_t got = call(c, f, a, b, ours);
	ok_eq(got, want, "%s: the native result", what);
	ok(!memcmp(native, ours, sizeof native), "%s: the same memory", what);
}

static void all_functions(struct cpu *c, const char *how)
{
	char what[100];
#define SAME(f, a, b) (snprintf(what, sizeof what, #f " %s", how), same(c, f, a, b, what))
	SAME(fibonacci, 20, 0);
	SAME(sorts, 5000, 77);
	SAME(formats, 300, 7);
	SAME(floats, 2000, 3);
	SAME(switches, 20000, 3);
	SAME(asm_forms, 3, 4);
	SAME(asm_forms, 4, 3);
}

static void faults(struct cpu *c)
{
	struct x86_cpu *x = x86_cpu(c);
	uint64_t mem = 0, sp = x->gpr[X86_RSP];
	for (int turn = 0; turn < 2; turn++) {
		set_call(c, asm_fault, 0, 0x1000, &mem);
		enum trap_kind k = finish(c);
		ok(k == TRAP_EXCEPTION && c->trap.vector == 14 && c->trap.host_fault, "a bad load is a page fault");
		ok_eq(x->rip, (uintptr_t)asm_fault_at, "pc is at the loading instruction");
		ok_eq(c->trap.address, 0x1000 + 66, "the address is the operand's");
		ok(x->gpr[X86_RAX] == 11 && x->gpr[X86_RCX] == 33 && mem == 22 && x->rflags & X86_CF,
		   "what came before has happened, what comes behind has not");
		x->gpr[X86_RSP] = sp;
		set_call(c, asm_divide, 5, 0, NULL);
		k = finish(c);
		ok(k == TRAP_EXCEPTION && c->trap.vector == 0 && x->rip == (uintptr_t)asm_divide_at, "division by zero is #DE");
		x->gpr[X86_RSP] = sp;
		set_call(c, (fn *)(uintptr_t)0x10, 0, 0, NULL);
		k = finish(c);
		ok(k == TRAP_EXCEPTION && c->trap.vector == 14 && x->rip == 0x10, "a jump to nowhere faults there");
		x->gpr[X86_RSP] = sp;
	}
}

static void signals(struct cpu *c)
{
	struct itimerval on = {{0, 150}, {0, 150}}, off = {{0, 0}, {0, 0}};
	interrupts = stops = in_code = 0;
	bool good = true;
	uint64_t buf[100], want[4] = {switches(3000000, 5, buf), floats(100000, 5, buf), fibonacci(24, 0, buf),
				      formats(1000, 5, buf)};
	setitimer(ITIMER_REAL, &on, NULL);
	for (int i = 0; i < 2; i++) {
		good &= call(c, switches, 3000000, 5, buf) == want[0];
		good &= call(c, floats, 100000, 5, buf) == want[1];
		good &= call(c, fibonacci, 24, 0, buf) == want[2];
		good &= call(c, formats, 1000, 5, buf) == want[3];
	}
	setitimer(ITIMER_REAL, &off, NULL);
	ok(good, "results are right under a fast timer");
	ok(stops > 10 && in_code > 10, "the timer stopped translated code");
	printf("# %u signals, %u in translated code, %u stops\n", interrupts, in_code, stops);
}

static void steps(struct cpu *c)
{
	uint64_t sp = x86_cpu(c)->gpr[X86_RSP], mem[100] = {0};
	uint64_t want = switches(500, 5, mem);
	set_call(c, switches, 500, 5, mem);
	c->single_step = true;
	unsigned n = 0;
	enum trap_kind k;
	while (((k = c->isa->run(c)) == TRAP_DEBUG || k == TRAP_NONE /* the last of the timer */) && n < 100000)
		n += k == TRAP_DEBUG;
	c->single_step = false;
	ok(k == TRAP_SYSCALL && x86_cpu(c)->gpr[X86_RAX] == want, "single steps reach the native result");
	ok(n > 2000, "and there is one for each instruction (%u)", n);
	x86_cpu(c)->gpr[X86_RSP] = sp;
}

static void modifies_itself(struct cpu *c)
{
	uint8_t *p = smc_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* mov eax, imm32; ret */
	static const uint8_t code[] = {0xb8, 1, 0, 0, 0, 0xc3};
	bool good = true;
	memcpy(p, code, sizeof code);
	for (uint32_t i = 1; i < 100; i++) {
		memcpy(p + 1, &i, 4); /* the handler reports it */
		good &= call(c, (fn *)(uintptr_t)p, 0, 0, NULL) == i;
	}
	ok(good, "changed code is translated again, a hundred times");
	/* inc dword [rip + imm of the mov that follows]; mov eax, imm; ret: a store into the running region */
	static const uint8_t self[] = {0xff, 0x05, 1, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0xc3};
	memcpy(p + 64, self, sizeof self);
	good = true;
	for (uint32_t i = 1; i < 30; i++) {
		uint64_t r = call(c, (fn *)(uintptr_t)(p + 64), 0, 0, NULL);
		good &= r == i;
	}
	ok(good, "an instruction that changes the next one is seen at once");
	smc_page = NULL;
	munmap(p, 4096);
	jit_invalidate(jit, (uint64_t)(uintptr_t)p, 4096);
}

static void *thread_main(void *arg)
{
	uint64_t *result = arg, mem[5000];
	struct cpu *c = (struct cpu *)(uintptr_t)result[1];
	current = c;
	c->owner = (void *)(uintptr_t)syscall(SYS_gettid);
	stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
	sigaltstack(&ss, NULL);
	stack_for(c);
	uint64_t h = 0;
	for (int i = 0; i < 12; i++) {
		h = h * 7 + call(c, sorts, 2000, (uint64_t)i, mem);
		h = h * 7 + call(c, formats, 50, 9, mem);
		h = h * 7 + call(c, fibonacci, 15, 0, mem);
	}
	result[0] = h;
	c->isa->cpu_free(c);
	current = NULL;
	stack_t off = {.ss_flags = SS_DISABLE};
	sigaltstack(&off, NULL);
	free(ss.ss_sp);
	return NULL;
}

static void threads(struct cpu *c, const char *how)
{
	uint64_t r[4][2], mem[5000], h = 0;
	pthread_t t[4];
	for (int i = 0; i < 12; i++) {
		h = h * 7 + sorts(2000, (uint64_t)i, mem);
		h = h * 7 + formats(50, 9, mem);
		h = h * 7 + fibonacci(15, 0, mem);
	}
	for (int i = 0; i < 4; i++) {
		r[i][0] = 0;
		r[i][1] = (uint64_t)(uintptr_t)c->isa->cpu_clone(c);
		pthread_create(&t[i], NULL, thread_main, r[i]);
	}
	bool good = true;
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		good &= r[i][0] == h;
	}
	ok(good, "four threads %s", how);
}

static void forks(struct cpu *c)
{
	uint64_t mem[5000], want = sorts(3000, 9, mem), fib = fibonacci(22, 0, mem);
	jit_fork_prepare(jit);
	pid_t pid = fork();
	if (!pid) {
		jit_fork_child(jit, c);
		_exit(call(c, sorts, 3000, 9, mem) == want && call(c, switches, 100, 9, mem) == switches(100, 9, mem) ? 0 : 1);
	}
	jit_fork_parent(jit);
	bool good = call(c, sorts, 3000, 9, mem) == want && call(c, fibonacci, 22, 0, mem) == fib;
	int status = -1;
	waitpid(pid, &status, 0);
	ok(good && status == 0, "parent and child run on after fork");
}

int main(int argc, char **argv)
{
	(void)argc;
	/* The guest is not shown AVX-512; so must the C library be that it shares with this program. */
	if (!getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD", 1);
		execv("/proc/self/exe", argv);
	}
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
	sigaltstack(&ss, NULL);
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM, SIGUSR1};
	for (unsigned i = 0; i < sizeof sigs / sizeof sigs[0]; i++)
		sigaction(sigs[i], &sa, NULL);
	jit = new_jit(0);
	struct cpu *c = current = new_cpu(jit);
	stack_for(c);
	all_functions(c, "first");
	all_functions(c, "again");
	faults(c);
	signals(c);
	steps(c);
	modifies_itself(c);
	forks(c);
	threads(c, "share one cache");
	all_functions(c, "after threads");
	struct jit_stats st;
	jit_stats(jit, &st);
	ok(st.regions > 100 && st.guest_insns > st.regions, "the counters count");
	c->isa->cpu_free(c);
	jit_free(jit);

	/* The smallest cache, and translations enough to fill it again and again. */
	jit = new_jit(1);
	jit->config.one_insn = true;
	c = current = new_cpu(jit);
	stack_for(c);
	for (int i = 0; i < 3; i++) {
		jit_invalidate(jit, 0, UINT64_MAX);
		all_functions(c, "in a tiny cache, one instruction a region");
	}
	for (int i = 0; i < 400; i++) {
		jit_invalidate(jit, 0, UINT64_MAX);
		uint64_t mem[200];
		call(c, formats, 3, 9, mem);
	}
	jit_stats(jit, &st);
	ok(st.flushes > 0, "the tiny cache was flushed (%llu times)", (unsigned long long)st.flushes);
	threads(c, "share a tiny cache");
	c->isa->cpu_free(c);
	jit_free(jit);
	stack_t off = {.ss_flags = SS_DISABLE};
	sigaltstack(&off, NULL);
	free(ss.ss_sp);
	return tap_done();
}
