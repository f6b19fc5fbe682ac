/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UUIDs as text (RFC 4122, 3). */
#ifndef BASE_UUID_H
#define BASE_UUID_H
#include <stdbool.h>
#include <stdint.h>

/* 32 hexadecimal digits as 8-4-4-4-12, the hyphens all there or none; out in the order of the text. False: it is no UUID. */
bool uuid_parse(const char *text, uint8_t out[16]);
#endif
