/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals as a program sees them. Every line of output is the same natively and under the emulator. */
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#define X86
#endif

static volatile int count, last_sig, last_code, last_value, nested;
static void *volatile last_addr;
static sigjmp_buf jump;

static void act(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = fn;
	sa.sa_flags = SA_SIGINFO | flags;
	sigaction(sig, &sa, NULL);
}

static void note(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	count++;
	last_sig = sig;
	last_code = si->si_code;
	last_value = si->si_value.sival_int;
}

static void plain(int sig)
{
	last_sig = sig;
	count++;
}

static void fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	last_sig = sig;
	last_code = si->si_code;
	last_addr = si->si_addr;
	siglongjmp(jump, 1);
}

static void depth(int sig, siginfo_t *si, void *uc)
{
	(void)si, (void)uc;
	if (++nested < 3)
		raise(sig);
	printf("depth %d\n", nested--);
}

static volatile int order[8], orders;
static void ordered(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	order[orders++ & 7] = si->si_value.sival_int;
}

static void skip_insn(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	(void)sig, (void)si;
	count++;
#ifdef __x86_64__
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RBX] = 0x1234;
#elif defined(__i386__)
	uc->uc_mcontext.gregs[REG_EIP] += 2;
	uc->uc_mcontext.gregs[REG_ECX] = 0x1234;
#elif defined(__aarch64__)
	uc->uc_mcontext.pc += 4;
	uc->uc_mcontext.regs[9] = 0x1234;
#elif defined(__powerpc64__)
	uc->uc_mcontext.gp_regs[PT_NIP] += 4;
	uc->uc_mcontext.gp_regs[9] = 0x1234;
#else
	uc->uc_mcontext.uc_regs->gregs[PT_NIP] += 4;
	uc->uc_mcontext.uc_regs->gregs[9] = 0x1234;
#endif
}

static void on_alt(int sig, siginfo_t *si, void *uc)
{
	stack_t ss;
	char here;
	(void)sig, (void)si, (void)uc;
	sigaltstack(NULL, &ss);
	printf("altstack %d inside %d\n", ss.ss_flags, &here >= (char *)ss.ss_sp && &here < (char *)ss.ss_sp + ss.ss_size);
}

static void clobber(int sig, siginfo_t *si, void *uc)
{
	volatile double x = 1.5;
	(void)sig, (void)si, (void)uc;
	fesetround(FE_UPWARD);
	x = x * 3.7 + 1e300 * x;
#ifdef X86
	__asm__ volatile("pxor %%xmm0,%%xmm0; pxor %%xmm1,%%xmm1; pxor %%xmm5,%%xmm5; fninit; fldpi; fldpi" ::: "memory");
#endif
	count++;
}

static const char *codes(int sig, int code)
{
	if (sig == SIGSEGV)
		return code == SEGV_MAPERR ? "MAPERR" : code == SEGV_ACCERR ? "ACCERR" : code == SI_KERNEL ? "KERNEL" : "?";
	if (sig == SIGFPE)
		return code == FPE_INTDIV ? "INTDIV" : code == FPE_FLTDIV ? "FLTDIV" : "?";
	if (sig == SIGILL)
		return code == ILL_ILLOPN ? "ILLOPN" : "?";
	if (sig == SIGBUS)
		return code == BUS_ADRERR ? "ADRERR" : "?";
	if (sig == SIGTRAP)
		return code == SI_KERNEL ? "KERNEL" : code == TRAP_BRKPT ? "BRKPT" : "?";
	return "?";
}

#define FAULT(name, code)                                                                       \
	do {                                                                                    \
		last_addr = NULL;                                                               \
		if (!sigsetjmp(jump, 1)) {                                                      \
			code;                                                                   \
			puts(name ": no fault");                                                \
		} else                                                                          \
			printf(name ": %d %s\n", last_sig, codes(last_sig, last_code));         \
	} while (0)

static void faults(void)
{
	volatile int zero = 0, one = 1;
	char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), name[] = "/tmp/sigbus-XXXXXX";
	int fd = mkstemp(name);
	void (*volatile fn)(void) = (void (*)(void))p;

	unlink(name);
	act(SIGSEGV, fault, 0), act(SIGFPE, fault, 0), act(SIGILL, fault, 0), act(SIGBUS, fault, 0), act(SIGTRAP, fault, 0);
	FAULT("null", *(volatile int *)zero = 1);
	printf("addr %p\n", last_addr);
	FAULT("read-only", p[4] = 1);
	printf("addr %d\n", (int)((char *)last_addr - p));
	FAULT("no exec", fn());
	printf("addr %d\n", (int)((char *)last_addr - p));
#ifdef X86 /* others divide by zero without a fault */
	FAULT("divide", one = one / zero);
	FAULT("ud2", __asm__ volatile("ud2"));
	FAULT("int3", __asm__ volatile("int3"));
	FAULT("hlt", __asm__ volatile("hlt"));
	FAULT("in", __asm__ volatile("in %%dx,%%al" ::: "eax"));
#endif
	(void)one;
	if (ftruncate(fd, 100) == 0) {
		char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		FAULT("bus", m[5000] = 1);
		printf("addr %d\n", (int)((char *)last_addr - m));
	}
#ifdef X86
	{
		unsigned cw = 0x1f80 & ~0x200u; /* unmask divide by zero */
		__asm__ volatile("ldmxcsr %0" ::"m"(cw));
		FAULT("sse divide", { volatile double d = 1.0; d = d / (double)zero; });
		cw = 0x1f80;
		__asm__ volatile("ldmxcsr %0" ::"m"(cw));
	}
#endif
	act(SIGILL, skip_insn, 0);
	count = 0;
	{
		long v = 0;
#ifdef __x86_64__
		__asm__ volatile("ud2" : "=b"(v));
#elif defined(__i386__)
		__asm__ volatile("ud2" : "=c"(v));
#elif defined(__aarch64__)
		register long x9 __asm__("x9");
		__asm__ volatile("udf #0" : "=r"(x9));
		v = x9;
#else
		register long r9 __asm__("r9");
		__asm__ volatile(".long 0" : "=r"(r9));
		v = r9;
#endif
		printf("changed context: %d %lx\n", count, v);
	}
}

static void *killer(void *arg)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

static void blocking(void)
{
	int fd[2];
	char c;
	pthread_t self = pthread_self(), th;
	struct timespec ts = {5, 0}, rem = {0, 0};
	int i;
	ssize_t n;

	for (i = 0; i < 2; i++) {
		if (pipe(fd))
			exit(1);
		act(SIGUSR1, note, i ? SA_RESTART : 0);
		count = 0;
		pthread_create(&th, NULL, killer, &self);
		if (i) { /* restarts: data must come from somewhere */
			pid_t pid = fork();
			if (!pid) {
				usleep(120000);
				if (write(fd[1], "x", 1) != 1)
					_exit(1);
				_exit(0);
			}
			n = read(fd[0], &c, 1);
			waitpid(pid, NULL, 0);
		} else {
			n = read(fd[0], &c, 1);
		}
		printf("read %d: %d %s count %d\n", i, (int)n, n < 0 ? strerror(errno) : "", count);
		pthread_join(th, NULL);
		close(fd[0]), close(fd[1]);
	}
	act(SIGUSR1, note, SA_RESTART);
	pthread_create(&th, NULL, killer, &self);
	i = nanosleep(&ts, &rem);
	printf("nanosleep %d %s remaining %d\n", i, strerror(errno), rem.tv_sec == 4);
	pthread_join(th, NULL);
	pthread_create(&th, NULL, killer, &self);
	i = pause();
	printf("pause %d %s\n", i, strerror(errno));
	pthread_join(th, NULL);
}

static void masks(void)
{
	sigset_t set, old, pend;
	siginfo_t si;
	struct timespec ts = {0, 1000000};
	union sigval v;
	int i, r;

	act(SIGUSR1, note, 0);
	act(SIGUSR2, note, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, &old);
	count = 0;
	raise(SIGUSR1);
	raise(SIGUSR1);
	sigpending(&pend);
	printf("pending %d count %d\n", sigismember(&pend, SIGUSR1), count);
	sigsuspend(&old);
	printf("after sigsuspend: count %d sig %d, blocked still %d\n", count, last_sig,
	       (sigprocmask(SIG_BLOCK, NULL, &pend), sigismember(&pend, SIGUSR1)));
	act(SIGRTMIN + 1, ordered, 0);
	for (i = 1; i <= 4; i++) {
		v.sival_int = i;
		sigqueue(getpid(), SIGRTMIN + 1, v);
	}
	r = sigtimedwait(&set, &si, &ts);
	printf("sigtimedwait %d value %d code %d\n", r == SIGRTMIN + 1, si.si_value.sival_int, si.si_code == SI_QUEUE);
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("queue order %d %d %d total %d\n", order[0], order[1], order[2], orders);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r = sigtimedwait(&set, &si, &ts);
	printf("sigtimedwait %d %s\n", r, strerror(errno));
	sigprocmask(SIG_SETMASK, &old, NULL);
	/* a blocked fault signal that was sent */
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	act(SIGSEGV, note, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	count = 0;
	raise(SIGSEGV);
	sigpending(&pend);
	printf("sent SIGSEGV: count %d pending %d\n", count, sigismember(&pend, SIGSEGV));
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("unblocked: count %d code %d\n", count, last_code == SI_TKILL);
}

static void children(void)
{
	static const int sigs[] = {SIGTERM, SIGKILL, SIGABRT, SIGUSR1, SIGPIPE, SIGALRM, SIGQUIT};
	unsigned i;
	int st;

	fflush(stdout);
	for (i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		pid_t pid = fork();
		if (!pid) {
			signal(sigs[i], SIG_DFL);
			if (sigs[i] == SIGABRT)
				abort();
			raise(sigs[i]);
			_exit(99);
		}
		waitpid(pid, &st, 0);
		printf("child: signaled %d sig %d\n", WIFSIGNALED(st), WTERMSIG(st));
	}
	count = 0;
	act(SIGCHLD, note, SA_RESTART);
	pid_t pid = fork();
	if (!pid)
		_exit(7);
	while (!count)
		usleep(1000);
	waitpid(pid, &st, 0);
	printf("SIGCHLD code %d status %d\n", last_code == CLD_EXITED, WEXITSTATUS(st));
	signal(SIGCHLD, SIG_DFL);
}

#ifdef X86
#define TURNS 3000000
#else
#define TURNS 300000 /* long double is a library's */
#endif
static void floating(void)
{
	struct itimerval it = {{0, 300}, {0, 300}}, off = {{0, 0}, {0, 0}};
	double acc = 0, x = 1.0;
	long double lacc = 0;
	long i;
	double want = 0;
	long double lwant = 0;

	for (i = 1; i < TURNS; i++) {
		want += x / (double)i;
		lwant += (long double)1 / i;
	}
	act(SIGALRM, clobber, SA_RESTART);
	count = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	for (i = 1; i < TURNS; i++) {
		acc += x / (double)i;
		lacc += (long double)1 / i;
	}
	while (count < 20)
		;
	setitimer(ITIMER_REAL, &off, NULL);
	printf("floating point kept: %d %d, rounding %d\n", acc == want, lacc == lwant, fegetround() == FE_TONEAREST);
}

int main(void)
{
	stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
	struct sigaction sa;
	union sigval v = {.sival_int = 4711};

	setvbuf(stdout, NULL, _IOLBF, 0);
	act(SIGUSR1, note, 0);
	raise(SIGUSR1);
	printf("raise: count %d sig %d code %d\n", count, last_sig, last_code == SI_TKILL);
	kill(getpid(), SIGUSR1);
	printf("kill: count %d code %d\n", count, last_code == SI_USER);
	sigqueue(getpid(), SIGUSR1, v);
	printf("sigqueue: count %d value %d code %d\n", count, last_value, last_code == SI_QUEUE);
	signal(SIGUSR2, plain);
	raise(SIGUSR2);
	printf("plain: sig %d\n", last_sig);
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = plain; /* no SA_SIGINFO, no restart: the short frame on i386 */
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR2);
	printf("short frame: count %d\n", count);
	act(SIGUSR2, depth, SA_NODEFER);
	raise(SIGUSR2);
	act(SIGUSR2, note, SA_RESETHAND);
	raise(SIGUSR2);
	sigaction(SIGUSR2, NULL, &sa);
	printf("reset: %d\n", sa.sa_handler == SIG_DFL);
	sigaltstack(&ss, NULL);
	act(SIGUSR2, on_alt, SA_ONSTACK);
	raise(SIGUSR2);
	faults();
	masks();
	blocking();
	children();
	floating();
	return 0;
}
