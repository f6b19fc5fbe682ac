/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the system tells about itself: names, memory; and on which memory nodes a process may live. */
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include "linux.h"

/* The guest sees its own machine, and the release that -r asked for. */
static int64_t read_names(struct thread *t, struct utsname *u)
{
	long r = HOST(uname, u);
	if (r < 0)
		return r;
	if (t->process->options.release)
		snprintf(u->release, sizeof(u->release), "%s", t->process->options.release);
	snprintf(u->machine, sizeof(u->machine), "%s", t->process->abi->platform);
	return 0;
}

int64_t proc_uname(struct thread *t, const uint64_t *a)
{
	struct utsname u;
	int64_t r = read_names(t, &u);
	return r < 0 ? r : user_write(t, a[0], &u, sizeof(u));
}

/* Without the domain, 65 bytes each. */
int64_t proc_olduname(struct thread *t, const uint64_t *a)
{
	struct utsname u;
	int64_t r = read_names(t, &u);
	return r < 0 ? r : user_write(t, a[0], &u, 5 * sizeof(u.sysname));
}

/* The first form: 9 bytes each. */
int64_t proc_oldolduname(struct thread *t, const uint64_t *a)
{
	struct utsname u;
	char old[5][9];
	int64_t r = read_names(t, &u);
	if (r < 0)
		return r;
	memset(old, 0, sizeof(old));
	memcpy(old[0], u.sysname, 8);
	memcpy(old[1], u.nodename, 8);
	memcpy(old[2], u.release, 8);
	memcpy(old[3], u.version, 8);
	memcpy(old[4], u.machine, 8);
	return user_write(t, a[0], old, sizeof(old));
}

int64_t proc_sysinfo(struct thread *t, const uint64_t *a)
{
	struct sysinfo s;
	long r = HOST(sysinfo, &s);
	if (r < 0)
		return r;
	/* Sizes that a 32-bit word cannot count in bytes are counted in pages (the kernel's compat_sys_sysinfo). */
	if (guest32(t) && ((s.totalram | s.totalswap) >> 32)) {
		unsigned shift = 0;
		while (s.mem_unit < 4096) {
			s.mem_unit <<= 1;
			shift++;
		}
		s.totalram >>= shift;
		s.freeram >>= shift;
		s.sharedram >>= shift;
		s.bufferram >>= shift;
		s.totalswap >>= shift;
		s.freeswap >>= shift;
		s.totalhigh >>= shift;
		s.freehigh >>= shift;
	}
	return struct_write(t, ST_sysinfo, a[0], &s);
}

/* ---- memory policy: sets of nodes are vectors of words --------------------------------------------------------- */

#define NODE_WORDS 16 /* 1,024 nodes, as many as the kernel can be built for */

static int nodes_read(struct thread *t, uint64_t *set, uint64_t addr, uint64_t bits)
{
	unsigned word = t->process->abi->word;
	memset(set, 0, NODE_WORDS * 8);
	if (!addr || bits <= 1)
		return 0;
	if (bits - 1 > NODE_WORDS * 64)
		return -EINVAL;
	for (uint64_t at = 0; at < bits - 1; at += word * 8) {
		uint64_t w;
		if (user_read_word(t, &w, addr + at / 8) < 0)
			return -EFAULT;
		if (bits - 1 - at < word * 8)
			w &= (1ULL << (bits - 1 - at)) - 1;
		set[at / 64] |= w << at % 64;
	}
	return 0;
}

int64_t proc_mbind(struct thread *t, const uint64_t *a)
{
	uint64_t set[NODE_WORDS];
	int r = nodes_read(t, set, a[3], a[4]);
	return r < 0 ? r : HOST(mbind, user_host(t, a[0]), a[1], a[2], a[3] ? set : NULL, a[3] ? NODE_WORDS * 64 + 1 : 0, a[5]);
}

int64_t proc_set_mempolicy(struct thread *t, const uint64_t *a)
{
	uint64_t set[NODE_WORDS];
	int r = nodes_read(t, set, a[1], a[2]);
	return r < 0 ? r : HOST(set_mempolicy, a[0], a[1] ? set : NULL, a[1] ? NODE_WORDS * 64 + 1 : 0);
}

int64_t proc_get_mempolicy(struct thread *t, const uint64_t *a)
{
	uint64_t set[NODE_WORDS] = {0}, bits = a[2];
	unsigned word = t->process->abi->word;
	int mode = 0;
	long r = HOST(get_mempolicy, a[0] ? &mode : NULL, a[1] ? set : NULL, a[1] ? sizeof(set) * 8 : 0, user_host(t, a[3]),
		      a[4]);
	if (r < 0)
		return r;
	if (a[0] && user_write_u32(t, a[0], (uint32_t)mode) < 0)
		return -EFAULT;
	if (a[1] && bits > sizeof(set) * 8)
		bits = sizeof(set) * 8;
	for (uint64_t at = 0; a[1] && at < bits; at += word * 8)
		if (user_write_word(t, a[1] + at / 8, set[at / 64] >> at % 64) < 0)
			return -EFAULT;
	return 0;
}
