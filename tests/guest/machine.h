/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What these programs must know of the processor they are compiled for. */
#include <string.h>

/* Writes a function that gives n. */
static inline void machine_code(void *p, int n)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned char code[6] = {0xb8, [5] = 0xc3}; /* mov $n, %eax; ret */
	memcpy(code + 1, &n, 4);
#elif defined(__aarch64__)
	/* movz w0, #low; movk w0, #high, lsl #16; ret */
	unsigned code[] = {0x52800000 | (n & 0xffffu) << 5, 0x72a00000 | ((unsigned)n >> 16) << 5, 0xd65f03c0};
#elif defined(__powerpc__)
	/* lis 3, high; ori 3, 3, low; blr */
	unsigned code[] = {0x3c600000 | (unsigned)n >> 16, 0x60630000 | (n & 0xffffu), 0x4e800020};
#else
#error "no machine code for this processor"
#endif
	memcpy(p, code, sizeof code);
	__builtin___clear_cache((char *)p, (char *)p + sizeof code);
}

static inline int machine_call(void *p)
{
	void *entry = p;
#if defined(__powerpc64__) && _CALL_ELF != 2
	void *descriptor[3] = {p}; /* a function is called through its descriptor */
	entry = descriptor;
	__asm__ volatile("" : : "r"(descriptor) : "memory");
#endif
	return ((int (*)(void))entry)();
}
