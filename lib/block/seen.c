/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/blockmap.h"

enum { MAX_BITS = 1 << 28 }; /* a bitmap of 32 MB */

int seen_init(struct seen *s, uint64_t limit)
{
	*s = (struct seen){.limit = limit};
	if (limit <= MAX_BITS) {
		s->bits = calloc(1, limit / 8 + 1);
	} else {
		s->slots = 1024;
		s->slot = calloc(s->slots, sizeof *s->slot);
	}
	return s->bits || s->slot ? 0 : -ENOMEM;
}

static uint64_t *place(uint64_t *slot, uint64_t slots, uint64_t number)
{
	uint64_t i = number * 0x9e3779b97f4a7c15u & (slots - 1);

	while (slot[i] && slot[i] != number + 1)
		i = (i + 1) & (slots - 1);
	return &slot[i];
}

int seen_add(struct seen *s, uint64_t number)
{
	uint64_t *p;

	if (s->bits) {
		uint8_t mask = (uint8_t)(1 << number % 8);
		bool old = number < s->limit && (s->bits[number / 8] & mask);
		if (number < s->limit)
			s->bits[number / 8] |= mask;
		return !old;
	}
	if (s->count * 4 >= s->slots * 3) {
		uint64_t *more = calloc(2 * s->slots, sizeof *more);
		if (!more)
			return -ENOMEM;
		for (uint64_t i = 0; i < s->slots; i++)
			if (s->slot[i])
				*place(more, 2 * s->slots, s->slot[i] - 1) = s->slot[i];
		free(s->slot);
		s->slot = more;
		s->slots *= 2;
	}
	p = place(s->slot, s->slots, number);
	if (*p)
		return 0;
	*p = number + 1;
	s->count++;
	return 1;
}

void seen_free(struct seen *s)
{
	free(s->bits);
	free(s->slot);
	*s = (struct seen){0};
}
