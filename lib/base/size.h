/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H
#include <stdint.h>
#include "base/err.h"

/*
 * Parses a size: a decimal or 0x number, optionally with a fraction (1.5G), then one of b k K M G T P E
 * (powers of 1024). `unit`: what a bare number counts ('B' bytes, 'M' mebibytes …). The whole string must be used.
 * Errors: EINVAL malformed, ERANGE above 2^63-1; the message names the text and the accepted suffixes.
 */
int size_parse(const char *text, char unit, uint64_t *bytes, struct err *e);

/* "1.5 GiB" in the classic tool's three-digit form, into buf (>= 32 bytes). Returns buf. */
char *size_human(uint64_t bytes, char *buf);

/* A whole-string integer in base 10, 0x or 0; range-checked. `what` names it in the message. */
int number_parse(const char *what, const char *text, int64_t min, int64_t max, int64_t *value, struct err *e);
#endif
