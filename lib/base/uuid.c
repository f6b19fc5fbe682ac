/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/uuid.h"

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

bool uuid_parse(const char *text, uint8_t out[16])
{
	unsigned n = 0, hyphens = 0;

	for (; *text; text++) {
		int v = digit(*text);
		if (*text == '-' && hyphens < 4 && n == 8 + 4 * hyphens) {
			hyphens++;
			continue;
		}
		if (v < 0 || n == 32)
			return false;
		out[n / 2] = (uint8_t)(n % 2 ? out[n / 2] | v : v << 4);
		n++;
	}
	return n == 32 && (hyphens == 0 || hyphens == 4);
}
