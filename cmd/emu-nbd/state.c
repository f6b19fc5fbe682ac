/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state.h"

int state_bitmap(struct daemon *d, const char *name)
{
	(void)d, (void)name;
	return -1;
}

void state_drop_bitmap(struct daemon *d, const char *name)
{
	(void)d, (void)name;
}

int state_bitmap_new(struct daemon *d, const char *name)
{
	return state_bitmap(d, name);
}
