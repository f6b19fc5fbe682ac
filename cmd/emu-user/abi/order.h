/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the ABIs of both byte orders share: integers in the guest's order, siginfo. */
#ifndef ABI_ORDER_H
#define ABI_ORDER_H
#include <byteswap.h>
#include <string.h>
#include "../internal.h"

static inline void put32(bool big, void *to, uint32_t v)
{
	if (big)
		v = bswap_32(v);
	memcpy(to, &v, 4);
}
static inline void put64(bool big, void *to, uint64_t v)
{
	if (big)
		v = bswap_64(v);
	memcpy(to, &v, 8);
}
static inline uint32_t take32(bool big, const void *from)
{
	uint32_t v;
	memcpy(&v, from, 4);
	return big ? bswap_32(v) : v;
}
static inline uint64_t take64(bool big, const void *from)
{
	uint64_t v;
	memcpy(&v, from, 8);
	return big ? bswap_64(v) : v;
}

/* siginfo.c: asm-generic's layout in the ABI's word size and byte order. */
#define SIGINFO_SIZE 128
void siginfo_put(const struct abi *abi, uint8_t *to, const siginfo_t *si);
int siginfo_write(struct thread *t, uint64_t to, const siginfo_t *si);
int siginfo_read(struct thread *t, siginfo_t *si, uint64_t from);
#endif
