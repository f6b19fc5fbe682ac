/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The C side of the test protocol (TAP). A test is a program: it calls ok() and its kin, each with a sentence,
 * and ends with `return tap_done();`.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static int tap_ok(int good, const char *fmt, ...)
{
	va_list ap;
	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	if (!good)
		tap_failed++;
	return good;
}

#define ok(good, ...) tap_ok(!!(good), __VA_ARGS__)

/* Equality of integers, with both values shown when they differ. */
#define ok_eq(got, want, ...)                                                                                  \
	do {                                                                                                   \
		long long g_ = (long long)(got), w_ = (long long)(want);                                       \
		if (!ok(g_ == w_, __VA_ARGS__))                                                                \
			printf("# got %lld (0x%llx), want %lld (0x%llx) at %s:%d\n", g_, g_, w_, w_, __FILE__, \
			       __LINE__);                                                                      \
	} while (0)

/* Equality of strings (NULL is a value of its own). */
#define ok_str(got, want, ...)                                                                                 \
	do {                                                                                                   \
		const char *g_ = (got), *w_ = (want);                                                          \
		if (!ok(g_ && w_ ? !strcmp(g_, w_) : g_ == w_, __VA_ARGS__))                                   \
			printf("# got  \"%s\"\n# want \"%s\" at %s:%d\n", g_ ? g_ : "(null)",                  \
			       w_ ? w_ : "(null)", __FILE__, __LINE__);                                        \
	} while (0)

__attribute__((unused)) static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

__attribute__((unused, noreturn)) static void tap_skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(0);
}
#endif
