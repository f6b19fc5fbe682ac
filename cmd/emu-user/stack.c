/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initial process stack (System V psABI, "Process Initialization"; Linux's order of entries): strings at the top, below them
 * the auxiliary vector, the environment's and the arguments' pointers, and argc where the stack pointer begins.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include "internal.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define STACK_GUARD (1ull << 20)
#define MIN_STACK (128ull << 10)

static uint64_t stack_size(struct process *p)
{
	uint64_t size = p->options.stack_size, most = p->abi->word == 4 ? 256ull << 20 : 1ull << 30;
	struct rlimit rl;

	if (!size)
		size = getrlimit(RLIMIT_STACK, &rl) || rl.rlim_cur == RLIM_INFINITY ? most : rl.rlim_cur;
	if (size > most)
		size = most;
	return size < MIN_STACK ? MIN_STACK : PAGE_UP(size);
}

/* Sixteen bytes for AT_RANDOM: the kernel's, or a series that -seed determines (splitmix64). */
static void random_bytes(struct process *p, uint8_t out[16])
{
	if (p->options.seed) {
		uint64_t x = strtoull(p->options.seed, NULL, 0), z;
		unsigned i;

		for (i = 0; i < 2; i++) {
			z = (x += 0x9e3779b97f4a7c15ull);
			z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
			z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
			z ^= z >> 31;
			memcpy(out + 8 * i, &z, 8);
		}
	} else if (getrandom(out, 16, 0) != 16) {
		memset(out, 0x5a, 16);
	}
}

struct builder {
	struct thread *t;
	uint64_t sp, low;
	bool full;
};

static uint64_t push_bytes(struct builder *b, const void *data, size_t n)
{
	if (b->full || b->sp - b->low < n + PAGE) {
		b->full = true;
		return 0;
	}
	b->sp -= n;
	if (user_write(b->t, b->sp, data, n))
		b->full = true;
	return b->sp;
}

static uint64_t push_string(struct builder *b, const char *s)
{
	return push_bytes(b, s, strlen(s) + 1);
}

/* Pushes the strings of v, the last first, so that they ascend; the addresses go into at[]. */
static void push_strings(struct builder *b, char **v, unsigned n, uint64_t *at)
{
	while (n--)
		at[n] = push_string(b, v[n]);
}

static unsigned count(char **v)
{
	unsigned n = 0;

	while (v[n])
		n++;
	return n;
}

int stack_build(struct process *p, struct thread *t, const struct image *im, uint64_t interp_base, char **argv,
		char **envp, uint64_t *sp, struct err *e)
{
	uint64_t size = stack_size(p), top = p->abi->stack_top, execfn, platform, random, at, hwcap, hwcap2;
	unsigned argc = count(argv), envc = count(envp), w = p->abi->word, n = 0, i;
	uint64_t *args = calloc(argc + envc + 1, sizeof(*args)), *env, aux[80];
	struct builder b = {.t = t};
	uint8_t bytes[16];
	int64_t r;

	if (!args)
		return err_errno(e, ENOMEM, "the program's stack");
	env = args + argc;
	if (p->task_size < top)
		top = p->task_size;
	r = mm_map(p, top - size, size, PROT_READ | PROT_WRITE | (im->executable_stack ? PROT_EXEC : 0),
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | 0x100000, -1, 0);
	if (r < 0)
		r = mm_map(p, 0, size, PROT_READ | PROT_WRITE | (im->executable_stack ? PROT_EXEC : 0),
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (r < 0) {
		free(args);
		return err_errno(e, (int)-r, "no room for a stack of %llu bytes", (unsigned long long)size);
	}
	pthread_mutex_lock(&p->mm_lock);
	vma_change(p, (uint64_t)r, (uint64_t)r + size, ~0u, 0, VMA_STACK);
	if (vma_is_free(p, (uint64_t)r - STACK_GUARD, (uint64_t)r))
		vma_insert(p, (uint64_t)r - STACK_GUARD, (uint64_t)r, 0, VMA_BLOCKED);
	pthread_mutex_unlock(&p->mm_lock);

	b.low = p->stack_low = (uint64_t)r;
	b.sp = (uint64_t)r + size;
	bytes[0] = 0;
	push_bytes(&b, "\0\0\0\0\0\0\0", w);
	execfn = push_string(&b, p->execfn);
	p->env_end = execfn;
	push_strings(&b, envp, envc, env);
	p->env_start = p->arg_end = b.sp;
	push_strings(&b, argv, argc, args);
	p->arg_start = b.sp;
	b.sp &= ~15ull;
	platform = push_string(&b, p->abi->cpu_platform ? p->abi->cpu_platform(t->cpu) : p->abi->platform);
	random_bytes(p, bytes);
	random = push_bytes(&b, bytes, sizeof(bytes));
	b.sp &= ~15ull;

	p->abi->hwcap(t->cpu, &hwcap, &hwcap2);
#define AUX(type, value) (aux[n++] = (type), aux[n++] = (value))
	if (p->abi->aux)
		n = p->abi->aux(t->cpu, aux);
	if (p->sysinfo)
		AUX(AT_SYSINFO, p->sysinfo);
	if (p->vdso)
		AUX(AT_SYSINFO_EHDR, p->vdso);
	AUX(AT_MINSIGSTKSZ, 2048);
	AUX(AT_HWCAP, hwcap);
	AUX(AT_PAGESZ, p->page_size);
	AUX(AT_CLKTCK, (uint64_t)sysconf(_SC_CLK_TCK));
	AUX(AT_PHDR, im->phdr);
	AUX(AT_PHENT, im->phent);
	AUX(AT_PHNUM, im->phnum);
	AUX(AT_BASE, interp_base);
	AUX(AT_FLAGS, 0);
	AUX(AT_ENTRY, im->entry);
	AUX(AT_UID, getuid());
	AUX(AT_EUID, geteuid());
	AUX(AT_GID, getgid());
	AUX(AT_EGID, getegid());
	AUX(AT_SECURE, 0);
	AUX(AT_RANDOM, random);
	AUX(AT_HWCAP2, hwcap2);
	AUX(AT_EXECFN, execfn);
	AUX(AT_PLATFORM, platform);
	AUX(AT_NULL, 0);
#undef AUX

	/* argc, argv, NULL, envp, NULL, auxv: the whole on a 16-byte boundary */
	at = (1ull + argc + 1 + envc + 1 + n) * w;
	if (b.full || b.sp - b.low < at + PAGE) {
		free(args);
		return err_set(e, E2BIG, "the arguments and environment do not fit a stack of %llu bytes",
			       (unsigned long long)size);
	}
	b.sp = (b.sp - at) & ~15ull;
	*sp = at = b.sp;
	p->start_stack = at;
#define PUT(v) (user_write_word(t, at, (v)), at += w)
	PUT(argc);
	for (i = 0; i < argc; i++)
		PUT(args[i]);
	PUT(0);
	for (i = 0; i < envc; i++)
		PUT(env[i]);
	PUT(0);
	p->auxv_size = n * w < sizeof(p->auxv) ? n * w : sizeof(p->auxv);
	for (i = 0; i < n; i++)
		PUT(aux[i]);
#undef PUT
	user_read(t, p->auxv, at - (uint64_t)n * w, p->auxv_size);
	free(args);
	return 0;
}
