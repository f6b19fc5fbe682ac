/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of drivers, as the linker collected it. */
#include <stdlib.h>
#include <string.h>
#include "block/block.h"

extern const struct blk_format *const __start_blk_formats[], *const __stop_blk_formats[];

const struct blk_format *blk_format_find(const char *name)
{
	for (const struct blk_format *const *p = __start_blk_formats; p < __stop_blk_formats; p++)
		if (!strcmp((*p)->name, name))
			return *p;
	return NULL;
}

void blk_format_each(void (*fn)(const struct blk_format *f, void *opaque), void *opaque)
{
	const char *last = "";

	for (;;) { /* in the order of names; the list is short */
		const struct blk_format *next = NULL;
		for (const struct blk_format *const *p = __start_blk_formats; p < __stop_blk_formats; p++)
			if (strcmp((*p)->name, last) > 0 && (!next || strcmp((*p)->name, next->name) < 0))
				next = *p;
		if (!next)
			return;
		fn(next, opaque);
		last = next->name;
	}
}
