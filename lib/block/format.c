/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of drivers, as the linker collected it, in the order of their names. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "block/block.h"

extern const struct blk_format *const __start_blk_formats[], *const __stop_blk_formats[];
static const struct blk_format *sorted[128]; /* written once, under `once` */
static size_t count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int by_name(const void *a, const void *b)
{
	const struct blk_format *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void sort(void)
{
	for (const struct blk_format *const *p = __start_blk_formats; p < __stop_blk_formats; p++)
		if (count < sizeof sorted / sizeof *sorted)
			sorted[count++] = *p;
	qsort(sorted, count, sizeof *sorted, by_name);
}

const struct blk_format *blk_format_find(const char *name)
{
	struct blk_format key = {.name = name};
	const struct blk_format *want = &key, **found;

	pthread_once(&once, sort);
	found = bsearch(&want, sorted, count, sizeof *sorted, by_name);
	return found ? *found : NULL;
}

void blk_format_each(void (*fn)(const struct blk_format *f, void *opaque), void *opaque)
{
	pthread_once(&once, sort);
	for (size_t i = 0; i < count; i++)
		fn(sorted[i], opaque);
}
