/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals during floating-point work: each round runs the same instructions once with signals blocked and once under fire from
 * a fast timer, and every register must come out the same to the bit. Argument: how many signals (default 3000).
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile int signals;

#if defined(__x86_64__) || defined(__i386__)
#ifdef __x86_64__
#define VECTORS 16
#define ALL(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define FLAGS "pushfq\n pop %%rax\n mov %%rax, %[flags]\n"
#else
#define VECTORS 8
#define ALL(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define FLAGS "pushfl\n pop %%eax\n mov %%eax, %[flags]\n"
#endif

struct state {
	uint8_t x87[112];           /* FNSAVE's image */
	uint8_t vector[VECTORS][32];
	uint32_t mxcsr;
	unsigned long flags;
} __attribute__((aligned(32)));

static int avx;

/* Leaves nothing as it was. */
static void on_signal(int sig)
{
	uint32_t mxcsr = 0x7fc0;
	uint16_t fcw = 0x0c7f;

	(void)sig;
	__asm__ volatile("fninit\n fldcw %0\n fldpi\n fldl2e\n fld1\n fldz\n fdivrp\n ldmxcsr %1" : : "m"(fcw), "m"(mxcsr));
#define ZERO(n) "pcmpeqd %%xmm" #n ", %%xmm" #n "\n"
	__asm__ volatile(ALL(ZERO) : : : "memory");
	signals++;
}

/* `turns` times around a loop whose results depend on rounding, on every register, and on the carry that lives through it. */
static void work(const struct state *in, struct state *out, long turns)
{
	uint16_t fcw = (uint16_t)(0x37f & ~(3 << 10)) | (uint16_t)((in->mxcsr >> 13 & 3) << 10);

#define LOADY(n) "vmovdqu %c[at]+32*" #n "(%[in]), %%ymm" #n "\n"
#define LOADX(n) "movdqu %c[at]+32*" #n "(%[in]), %%xmm" #n "\n"
#define STOREY(n) "vmovdqu %%ymm" #n ", %c[at]+32*" #n "(%[out])\n"
#define STOREX(n) "movdqu %%xmm" #n ", %c[at]+32*" #n "(%[out])\n"
#define FLD(n) "fldl %c[at]+32*" #n "(%[in])\n"
#define BODY                                                                                                           \
	"addpd %%xmm1, %%xmm0\n mulpd %%xmm2, %%xmm3\n sqrtsd %%xmm5, %%xmm4\n subps %%xmm6, %%xmm7\n paddd %%xmm0, %%xmm6\n"  \
	"fadd %%st(1), %%st\n fxch %%st(3)\n fmul %%st(2), %%st\n fxch %%st(5)\n fsub %%st(4), %%st\n fincstp\n"
#ifdef __x86_64__
#define AX "rax"
#else
#define AX "eax"
#endif
#define WORK(load, store, end)                                                                                         \
	__asm__ volatile("fninit\n fldcw %[fcw]\n" FLD(0) FLD(1) FLD(2) FLD(3) FLD(4) FLD(5) FLD(6) FLD(7)                  \
			 "ldmxcsr %[mxcsr]\n" ALL(load) "std\n"                                                        \
			 "1:\n" BODY "dec %[turns]\n jnz 1b\n" FLAGS "cld\n" ALL(store) "fnsave %[x87]\n" end           \
			 : [turns] "+r"(turns), [flags] "=m"(out->flags), [x87] "=m"(out->x87)                          \
			 : [in] "r"(in), [out] "r"(out), [fcw] "m"(fcw), [mxcsr] "m"(in->mxcsr),                        \
			   [at] "i"(__builtin_offsetof(struct state, vector))                                          \
			 : "memory", "cc", AX)
	if (avx)
		WORK(LOADY, STOREY, "vzeroupper\n");
	else
		WORK(LOADX, STOREX, "");
	__asm__ volatile("stmxcsr %0" : "=m"(out->mxcsr));
	__asm__ volatile("ldmxcsr %0\n fninit" : : "m"(*(const uint32_t[]){0x1f80}));
	/* Where the last instruction and operand were is the translator's own business: only the registers count. */
	memset(out->x87 + 12, 0, 16);
}

static void set_up(void)
{
	__builtin_cpu_init();
	avx = __builtin_cpu_supports("avx");
}

static void set_rounding(struct state *in, unsigned mode)
{
	in->mxcsr = 0x1f80 | mode << 13;
}

#elif defined(__aarch64__)
#define VECTORS 32
#define ALL(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15) op(16) op(17) \
	op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28) op(29) op(30) op(31)

struct state {
	uint8_t vector[VECTORS][16];
	uint64_t x[6], nzcv, fpsr, fpcr;
} __attribute__((aligned(16)));

/* Leaves nothing as it was. */
static void on_signal(int sig)
{
	(void)sig;
#define ONES(n) "movi v" #n ".16b, #0xff\n"
	__asm__ volatile(ALL(ONES) "msr fpcr, %0\n msr fpsr, %1\n msr nzcv, %2\n"
			 "mov x9, #-1\n mov x10, #-1\n mov x11, #-1\n mov x12, #-1\n mov x13, #-1\n mov x14, #-1\n"
			 : : "r"(3ul << 22), "r"(1ul << 27 | 0x9f), "r"(0xful << 28)
			 : "memory", "cc", "x9", "x10", "x11", "x12", "x13", "x14");
	signals++;
}

/* `turns` times around a loop whose results depend on rounding, on vectors and integers, and on flags that live through it. */
static void work(const struct state *in, struct state *out, long turns)
{
#define LOADV(n) "ldr q" #n ", [%[in], #16*" #n "]\n"
#define STOREV(n) "str q" #n ", [%[out], #16*" #n "]\n"
	__asm__ volatile("msr fpcr, %[fpcr]\n msr fpsr, xzr\n" ALL(LOADV)
			 "add x15, %[in], #512\n ldp x9, x10, [x15]\n ldp x11, x12, [x15, #16]\n ldp x13, x14, [x15, #32]\n msr nzcv, %[nzcv]\n"
			 "1:\n"
			 "fadd v0.2d, v0.2d, v1.2d\n fmul v3.2d, v3.2d, v2.2d\n fsqrt d4, d5\n fsub v7.4s, v7.4s, v6.4s\n"
			 "add v6.4s, v6.4s, v0.4s\n fmadd d8, d9, d10, d11\n fmla v12.4s, v13.4s, v14.4s\n fdiv d15, d16, d17\n"
			 "sqadd v18.8h, v18.8h, v19.8h\n tbl v20.16b, {v21.16b, v22.16b}, v23.16b\n fcvtzs x9, d24\n scvtf d25, x10\n"
			 "pmull v26.8h, v27.8b, v28.8b\n frintx v29.2d, v30.2d\n ext v31.16b, v31.16b, v30.16b, #3\n"
			 "adc x10, x10, x9\n ror x11, x11, #7\n eor x12, x12, x11\n csel x13, x12, x13, mi\n madd x14, x13, x12, x14\n"
			 "sub %[turns], %[turns], #1\n cbnz %[turns], 1b\n"
			 "mrs x15, nzcv\n str x15, [%[out], #560]\n mrs x15, fpsr\n str x15, [%[out], #568]\n mrs x15, fpcr\n str x15, [%[out], #576]\n"
			 ALL(STOREV) "add x15, %[out], #512\n stp x9, x10, [x15]\n stp x11, x12, [x15, #16]\n stp x13, x14, [x15, #32]\n msr fpcr, xzr\n"
			 : [turns] "+r"(turns) : [in] "r"(in), [out] "r"(out), [fpcr] "r"(in->fpcr), [nzcv] "r"(in->nzcv)
			 : "memory", "cc", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
			   "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
			   "v26", "v27", "v28", "v29", "v30", "v31");
}

static void set_up(void)
{
}

static void set_rounding(struct state *in, unsigned mode)
{
	in->fpcr = (uint64_t)mode << 22;
	in->nzcv = (uint64_t)(mode * 5 & 15) << 28;
	for (unsigned i = 0; i < 6; i++)
		in->x[i] = 0x9e3779b97f4a7c15 * (mode + i + 1);
}

#elif defined(__powerpc__)
#define ALL(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15) op(16) op(17) \
	op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28) op(29) op(30) op(31)
#ifdef __powerpc64__
#define WORD(op, r, n) op "d " #r ", 8*" #n "(9)\n"
#define LOADS ""
#define STORE "st"
#else
#define WORD(op, r, n) op " " #r ", 4*" #n "(9)\n"
#define LOADS "wz"
#define STORE "stw"
#endif
#ifdef __VSX__
#define VECTORS 64
#define MORE(op) op(32) op(33) op(34) op(35) op(36) op(37) op(38) op(39) op(40) op(41) op(42) op(43) op(44) op(45) op(46) op(47) op(48) \
	op(49) op(50) op(51) op(52) op(53) op(54) op(55) op(56) op(57) op(58) op(59) op(60) op(61) op(62) op(63)
#define LOADV(n) "lxvd2x " #n ", 0, 9\n addi 9, 9, 16\n"
#define STOREV(n) "stxvd2x " #n ", 0, 9\n addi 9, 9, 16\n"
#define ONES(n) "xxleqv " #n ", " #n ", " #n "\n"
#define VECTOR_BODY                                                                                                   \
	"xvadddp 32, 32, 33\n xvmulsp 34, 34, 35\n vadduwm 4, 4, 5\n vperm 6, 7, 8, 9\n xvnmsubadp 42, 43, 44\n vsubuhs 13, 13, 14\n" \
	"xscvdpsxds 47, 21\n xxpermdi 48, 49, 50, 1\n xvcmpgtdp. 51, 52, 53\n vmulouh 22, 23, 24\n vrld 25, 25, 26\n fsqrt 27, 28\n"
#define VECTOR_NAMES                                                                                                   \
	, "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", \
		"v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"
#else
#define VECTORS 32
#define MORE(op)
#define LOADV(n) "lfd " #n ", 0(9)\n addi 9, 9, 16\n"
#define STOREV(n) "stfd " #n ", 0(9)\n addi 9, 9, 16\n"
#define ONES(n) "fmr " #n ", 1\n"
#define VECTOR_BODY
#define VECTOR_NAMES
#endif

struct state {
	uint8_t vector[VECTORS][16];
	uint64_t fpscr;
	unsigned long x[6], cr, xer;
} __attribute__((aligned(16)));

/* Leaves nothing as it was. */
static void on_signal(int sig)
{
	(void)sig;
	__asm__ volatile(ALL(ONES) MORE(ONES) "mtfsfi 7, 1\n mtfsb1 6\n li 9, -1\n mtcr 9\n mtxer 9\n mtctr 9\n mr 10, 9\n mr 11, 9\n"
			 : : : "memory", "9", "10", "11", "ctr", "cr0", "cr1", "cr2", "cr3", "cr4", "cr5", "cr6", "cr7");
	signals++;
}

/* `turns` times around a loop whose results depend on rounding, on vectors and integers, on carries and on fields of CR. */
static void work(const struct state *in, struct state *out, long turns)
{
	__asm__ volatile("lfd 0, 0(%[status])\n mtfsf 255, 0\n mr 9, %[in]\n" ALL(LOADV) MORE(LOADV)
			 "addi 9, %[status], 8\n" WORD("l" LOADS, 14, 0) WORD("l" LOADS, 15, 1) WORD("l" LOADS, 16, 2) WORD("l" LOADS, 17, 3)
			 WORD("l" LOADS, 18, 4) WORD("l" LOADS, 19, 5) "li 9, 0\n mtxer 9\n mtcr 14\n mtctr %[turns]\n"
			 "1:\n"
			 "fadd 0, 0, 1\n fmul 3, 3, 2\n fdiv 4, 5, 6\n fmadd 8, 9, 10, 11\n fnmsub 12, 13, 14, 15\n fadds 16, 16, 17\n frsp 18, 19\n"
			 "fctiwz 20, 21\n fsub 22, 22, 23\n fdivs 24, 25, 26\n fcmpu 1, 0, 3\n" VECTOR_BODY
			 "addc 14, 14, 15\n adde 16, 16, 14\n rotlwi 15, 15, 7\n xor 17, 17, 15\n cmpw 5, 16, 17\n mullw. 18, 17, 18\n subfe 19, 19, 18\n"
			 "crxor 12, 20, 1\n fmsubs 28, 29, 30, 31\n bdnz 1b\n"
			 "mfcr 10\n mfxer 11\n stfd 0, 0(%[after])\n addi 9, %[after], 8\n" WORD(STORE, 14, 0) WORD(STORE, 15, 1) WORD(STORE, 16, 2)
			 WORD(STORE, 17, 3) WORD(STORE, 18, 4) WORD(STORE, 19, 5) WORD(STORE, 10, 6) WORD(STORE, 11, 7)
			 "mr 9, %[out]\n" ALL(STOREV) MORE(STOREV) "mffs 0\n stfd 0, 0(%[after])\n mtfsfi 7, 0\n"
			 : : [in] "b"(in), [out] "b"(out), [status] "b"(&in->fpscr), [after] "b"(&out->fpscr), [turns] "r"(turns)
			 : "memory", "ctr", "xer", "cr0", "cr1", "cr2", "cr3", "cr4", "cr5", "cr6", "cr7", "9", "10", "11", "14", "15", "16", "17",
			   "18", "19", "fr0", "fr1", "fr2", "fr3", "fr4", "fr5", "fr6", "fr7", "fr8", "fr9", "fr10", "fr11", "fr12", "fr13", "fr14",
			   "fr15", "fr16", "fr17", "fr18", "fr19", "fr20", "fr21", "fr22", "fr23", "fr24", "fr25", "fr26", "fr27", "fr28", "fr29",
			   "fr30", "fr31" VECTOR_NAMES);
}

static void set_up(void)
{
}

static void set_rounding(struct state *in, unsigned mode)
{
	in->fpscr = mode;
	for (unsigned i = 0; i < 6; i++)
		in->x[i] = (unsigned long)(0x9e3779b97f4a7c15 * (mode + i + 1));
}

#else
#error "what this processor keeps is not written down here"
#endif

int main(int argc, char **argv)
{
	int want = argc > 1 ? atoi(argv[1]) : 3000, rounds = 0, wrong = 0;
	uint32_t seed = 1;
	static struct state in, blocked, fired;
	sigset_t set, old;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec every = {{0, 23000}, {0, 23000}};
	timer_t timer;

	set_up();
	signal(SIGUSR1, on_signal);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &every, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (signals < want) {
		for (unsigned i = 0; i < sizeof(in.vector) / 8; i++) {
			double d = (double)(int32_t)(seed = seed * 1664525 + 1013904223) / (1 << 20);
			memcpy((char *)in.vector + 8 * i, &d, 8);
		}
		set_rounding(&in, seed >> 9 & 3);
		memset(&blocked, 0, sizeof(blocked));
		memset(&fired, 0, sizeof(fired));
		sigprocmask(SIG_BLOCK, &set, &old);
		work(&in, &blocked, 300);
		sigprocmask(SIG_SETMASK, &old, NULL);
		work(&in, &fired, 300);
		rounds++;
		if (memcmp(&blocked, &fired, sizeof(fired)) && !wrong++) {
			const uint8_t *a = (const uint8_t *)&blocked, *b = (const uint8_t *)&fired;
			for (unsigned i = 0, n = 0; i < sizeof(fired) && n < 20; i++)
				if (a[i] != b[i])
					printf("byte %u: %02x, under fire %02x\n", i, a[i], b[i]), n++;
		}
	}
	timer_delete(timer);
	printf("%d signals or more, %d rounds differ\n", want, wrong);
	return wrong != 0 || rounds == 0;
}
