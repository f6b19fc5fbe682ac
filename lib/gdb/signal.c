/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals have numbers of gdb's own on the wire (include/gdb/signals.def of its distribution; the list in its manual's appendix E). */
#include "gdb/gdb.h"

/* For Linux's 1 to 31. */
static const uint8_t to_gdb[32] = {0, 1, 2, 3, 4, 5, 6, 10, 8, 9, 30, 11, 31, 13, 14, 15, GDB_SIGUNKNOWN /* there is none */, 20, 19, 17,
				   18, 21, 22, 16, 24, 25, 26, 27, 28, 23, 32, 12};

int gdb_signal_to(int host)
{
	if (host >= 0 && host < 32)
		return to_gdb[host];
	if (host == 32)
		return 77;
	if (host >= 33 && host <= 63)
		return host + 12;
	return host == 64 ? 78 : GDB_SIGUNKNOWN;
}

int gdb_signal_from(int gdb)
{
	for (int i = 1; i <= 64; i++)
		if (gdb_signal_to(i) == gdb)
			return i;
	return 0;
}
