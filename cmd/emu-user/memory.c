/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and writing guest memory from C. The copies run at full speed and take the fault if there is one
 * (signal.c sends them to their -EFAULT exit); no page is looked up first.
 */
#include <byteswap.h>
#include <stdlib.h>
#include <string.h>
#include "internal.h"

/* Host pointer for [addr, addr+n), NULL when the range leaves the guest's address space. */
static void *range(struct thread *t, uint64_t addr, size_t n)
{
	struct process *p = t->process;

	if (addr >= p->task_size || n > p->task_size - addr)
		return NULL;
	return (void *)(uintptr_t)(addr + p->guest_base);
}

int user_read(struct thread *t, void *to, uint64_t from, size_t n)
{
	void *h = range(t, from, n);

	return h ? (int)user_copy(to, h, n) : n ? -EFAULT : 0;
}

int user_write(struct thread *t, uint64_t to, const void *from, size_t n)
{
	void *h = range(t, to, n);

	return h ? (int)user_copy(h, from, n) : n ? -EFAULT : 0;
}

int user_zero(struct thread *t, uint64_t to, size_t n)
{
	static const char zeros[4096];

	while (n) {
		size_t k = n < sizeof(zeros) ? n : sizeof(zeros);
		if (user_write(t, to, zeros, k))
			return -EFAULT;
		to += k;
		n -= k;
	}
	return 0;
}

int64_t user_read_string(struct thread *t, char *to, uint64_t from, size_t size)
{
	void *h = range(t, from, 1);

	return h ? user_copy_string(to, h, size) : -EFAULT;
}

char *user_dup_string(struct thread *t, uint64_t from, size_t max, int *error)
{
	size_t size = 256;
	char *s = NULL;

	for (;;) {
		int64_t n;
		char *bigger;

		if (size > max)
			size = max;
		bigger = realloc(s, size);
		if (!bigger) {
			*error = -ENOMEM;
			break;
		}
		s = bigger;
		n = user_read_string(t, s, from, size);
		if (n >= 0)
			return s;
		if (n == -EFAULT || size == max) {
			*error = n == -EFAULT ? -EFAULT : -E2BIG;
			break;
		}
		size *= 4;
	}
	free(s);
	return NULL;
}

static bool swapped(struct thread *t)
{
	return t->process->abi->elf_data == ELFDATA2MSB;
}

int user_read_u32(struct thread *t, uint32_t *to, uint64_t from)
{
	uint32_t v;
	int r = user_read(t, &v, from, sizeof(v));

	if (!r)
		*to = swapped(t) ? bswap_32(v) : v;
	return r;
}

int user_write_u32(struct thread *t, uint64_t to, uint32_t value)
{
	if (swapped(t))
		value = bswap_32(value);
	return user_write(t, to, &value, sizeof(value));
}

int user_read_u64(struct thread *t, uint64_t *to, uint64_t from)
{
	uint64_t v;
	int r = user_read(t, &v, from, sizeof(v));

	if (!r)
		*to = swapped(t) ? bswap_64(v) : v;
	return r;
}

int user_write_u64(struct thread *t, uint64_t to, uint64_t value)
{
	if (swapped(t))
		value = bswap_64(value);
	return user_write(t, to, &value, sizeof(value));
}

int user_read_word(struct thread *t, uint64_t *to, uint64_t from)
{
	uint32_t v;
	int r;

	if (t->process->abi->word == 8)
		return user_read_u64(t, to, from);
	r = user_read_u32(t, &v, from);
	if (!r)
		*to = v;
	return r;
}

int user_write_word(struct thread *t, uint64_t to, uint64_t value)
{
	if (t->process->abi->word == 8)
		return user_write_u64(t, to, value);
	return user_write_u32(t, to, (uint32_t)value);
}

void *user_host(struct thread *t, uint64_t addr)
{
	if (!addr)
		return NULL;
	if (addr >= t->process->task_size) /* the kernel shall refuse it as it would the guest's own */
		return (void *)(uintptr_t)(UINT64_C(0xffffffffffff0000) | (addr & 0xfff));
	return (void *)(uintptr_t)(addr + t->process->guest_base);
}

uint64_t user_guest(struct thread *t, const void *host)
{
	return host ? (uint64_t)(uintptr_t)host - t->process->guest_base : 0;
}

int64_t user_blocking_call(struct thread *t, long nr, long a, long b, long c, long d, long e, long f)
{
	int64_t r;

	t->kicked = false;
	r = user_blocking_stub(&t->signal_ready, nr, a, b, c, d, e, f);
	/* A call that is never restarted after a handler: the handler was ours alone, so it is made again. */
	return r == -EINTR && t->kicked && !t->signal_ready ? -ERESTARTNOINTR : r;
}
