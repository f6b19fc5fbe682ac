/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/size.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Binary exponent of a suffix, -1: not one. */
static int suffix_shift(char c)
{
	switch (c) {
	case 'b': case 'B': return 0;
	case 'k': case 'K': return 10;
	case 'm': case 'M': return 20;
	case 'g': case 'G': return 30;
	case 't': case 'T': return 40;
	case 'p': case 'P': return 50;
	case 'e': case 'E': return 60;
	default: return -1;
	}
}

static int digit_value(char c, unsigned base)
{
	int v;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if (c >= 'a' && c <= 'f')
		v = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		v = c - 'A' + 10;
	else
		return -1;
	return v < (int)base ? v : -1;
}

static int malformed(const char *text, struct err *e)
{
	err_set(e, EINVAL, "'%s' is not a size", text);
	err_hint(e, "A size is a number, with an optional suffix k, M, G, T, P or E (powers of 1024) or b for bytes");
	return -EINVAL;
}

int size_parse(const char *text, char unit, uint64_t *bytes, struct err *e)
{
	const uint64_t limit = INT64_MAX;
	const char *p = text;
	unsigned base = 10;
	unsigned __int128 whole = 0, part = 0, scale = 1, total;
	bool any = false, fraction = false;
	int shift;

	while (*p == ' ')
		p++;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && digit_value(p[2], 16) >= 0) {
		base = 16;
		p += 2;
	}
	/* In hexadecimal b and e are digits, not suffixes. */
	for (; digit_value(*p, base) >= 0; p++) {
		any = true;
		whole = whole * base + (unsigned)digit_value(*p, base);
		if (whole > limit)
			goto range;
	}
	if (*p == '.' && base == 10) {
		for (p++; digit_value(*p, 10) >= 0; p++) {
			any = fraction = true;
			/* 18 decimals are more than 2^60 needs; later ones only round down. */
			if (scale < 1000000000000000000ULL) {
				part = part * 10 + (unsigned)digit_value(*p, 10);
				scale *= 10;
			}
		}
	}
	if (!any)
		return malformed(text, e);
	shift = suffix_shift(*p);
	if (shift >= 0)
		p++;
	else
		shift = suffix_shift(unit);
	if (*p || shift < 0)
		return malformed(text, e);
	if (fraction && shift == 0 && part)
		return malformed(text, e); /* no parts of a byte */
	if (shift && whole > (limit >> shift))
		goto range;
	total = (whole << shift) + (part << shift) / scale;
	if (total > limit)
		goto range;
	*bytes = (uint64_t)total;
	return 0;
range:
	return err_set(e, ERANGE, "'%s' is too large for a size (at most 2^63-1 bytes, just below 8 E)", text);
}

char *size_human(uint64_t bytes, char *buf)
{
	static const char suffix[][4] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	unsigned i = 0;
	char number[24];

	/* The classic tool moves to the next unit at 1000, so that three digits are enough. */
	while (v >= 1000.0 && i < 6) {
		v /= 1024.0;
		i++;
	}
	snprintf(number, sizeof number, "%0.3g", v);
	snprintf(buf, 32, "%.20s %.3s", number, suffix[i]);
	return buf;
}

int number_parse(const char *what, const char *text, int64_t min, int64_t max, int64_t *value, struct err *e)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 0);
	if (end == text || *end)
		return err_set(e, EINVAL, "%s: '%s' is not a number", what, text);
	if (errno == ERANGE || v < min || v > max)
		return err_set(e, ERANGE, "%s: %s is out of range (%lld to %lld)", what, text, (long long)min,
			       (long long)max);
	*value = v;
	return 0;
}
