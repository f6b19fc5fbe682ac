/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logging (-d items, -D file) and trace points (-trace).
 *
 * A log item is a bit in log_mask; testing it is one load. A trace point is a static record in the linker section
 * "tracepoints": TRACE(name, "fmt", ...) costs one predictable branch while it is off.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"

enum {
	LOG_IN_ASM = 1 << 0, LOG_OP = 1 << 1, LOG_OP_OPT = 1 << 2, LOG_OUT_ASM = 1 << 3, LOG_INT = 1 << 4,
	LOG_EXEC = 1 << 5, LOG_CPU = 1 << 6, LOG_FPU = 1 << 7, LOG_PAGE = 1 << 8, LOG_UNIMP = 1 << 9,
	LOG_GUEST_ERROR = 1 << 10, LOG_MMU = 1 << 11, LOG_PCALL = 1 << 12, LOG_CPU_RESET = 1 << 13,
	LOG_NOCHAIN = 1 << 14, LOG_STRACE = 1 << 15, LOG_OP_IND = 1 << 16,
};
extern unsigned log_mask;

/* `items`: comma list as -d has it ("in_asm,exec", "trace:PATTERN", "help" lists them on stdout and gives -ECANCELED). */
int log_set(const char *items, struct err *e);
int log_file_fd(int fd, struct err *e); /* the same with an open file, which is the log's then */
int log_file(const char *path, struct err *e); /* -D; "%d" becomes the pid */
/*
 * -dfilter: what is logged of translated code is limited to guest addresses in these ranges, at most LOG_RANGES of them:
 * FIRST..LAST, START+SIZE, START-SIZE (the block of SIZE bytes that ends in front of START); a comma between them.
 */
enum { LOG_RANGES = 64 };
int log_filter(const char *ranges, struct err *e);
bool log_wants(uint64_t addr); /* no filter: all */
void log_printf(unsigned item, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
FILE *log_stream(void); /* where log_printf writes; for multi-line dumps, between log_lock and log_unlock */
void log_lock(void);
void log_unlock(void);

struct tracepoint {
	const char *name;
	bool on;
	/* Two words of padding for a fixed section stride of 32 bytes. */
	uint64_t reserved[2];
};
#define TRACE(point, fmt, ...)                                                                              \
	do {                                                                                                \
		static struct tracepoint tp_##point                                                         \
			__attribute__((section("tracepoints"), used, aligned(32))) = {.name = #point};      \
		if (__builtin_expect(tp_##point.on, 0))                                                     \
			trace_printf(&tp_##point, fmt, ##__VA_ARGS__);                                      \
	} while (0)
void trace_printf(const struct tracepoint *tp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Every trace point whose name matches the pattern (fnmatch). */
void trace_each(const char *pattern, void (*fn)(void *opaque, struct tracepoint *t), void *opaque);
int trace_set(const char *spec, struct err *e); /* -trace: [enable=]PATTERN[,events=FILE][,file=FILE], "help" */
#endif
