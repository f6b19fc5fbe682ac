/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors: a function that can fail for a reason that a user should read takes a `struct err *` and returns 0 or
 * -errno. The sentence names the thing, what is wrong with it, and, where there is one, the remedy.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H
#include <stddef.h>

struct err {
	int code;       /* errno value, positive; 0: no error */
	char msg[1024]; /* one line, no newline at its end, no program name at its start */
	char hint[512]; /* a second line, what to type or change; "" where there is none */
};

#define ERR_INIT {.code = 0}

/*
 * Fills *e (which may be NULL) with code and the sentence; an earlier message is replaced.
 * code: an errno value, positive; 0 is taken as EINVAL. Returns -code, so that `return err_set(...)` reads well.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of `code` at the end ("cannot open a.img: No such file or directory"). */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts a prefix and ": " before the message of *e, as an error travels outward. Returns -e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the second line. Returns -e->code. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The name the program was called by, for messages: the last part of argv[0]. Set once, first thing in main(). */
void err_set_program(const char *argv0);
const char *err_program(void);

/* Prints "PROGRAM: message" and, where there is one, the hint on a line of its own, to standard error. */
void err_report(const struct err *e);

/* Prints "PROGRAM: " and the sentence to standard error. */
void err_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* err_print() and exit(status). Only while options are being parsed. */
void die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
