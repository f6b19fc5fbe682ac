/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generic handlers: a call's arguments are converted by their kinds, the host makes the call, results come back. */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "linux.h"

long linux_host(long nr, long a, long b, long c, long d, long e, long f)
{
	long r = syscall(nr, a, b, c, d, e, f);
	return r == -1 ? -errno : r;
}

size_t struct_size(struct thread *t, enum struct_id id)
{
	return linux_layouts(t)->by_id[id].size;
}

int struct_read(struct thread *t, enum struct_id id, void *host, uint64_t from)
{
	const struct layouts *l = linux_layouts(t);
	uint8_t raw[LAYOUT_MAX];
	if (l->by_id[id].same)
		return user_read(t, host, from, l->by_id[id].size);
	if (user_read(t, raw, from, l->by_id[id].size) < 0)
		return -EFAULT;
	layout_to_host(l, id, host, raw);
	return 0;
}

int struct_write(struct thread *t, enum struct_id id, uint64_t to, const void *host)
{
	const struct layouts *l = linux_layouts(t);
	uint8_t raw[LAYOUT_MAX];
	if (l->by_id[id].same)
		return user_write(t, to, host, l->by_id[id].size);
	int r = layout_to_guest(l, id, raw, host);
	return r < 0 ? r : user_write(t, to, raw, l->by_id[id].size);
}

static const struct value_map *flag_map(struct thread *t, enum names_id id)
{
	for (const struct linux_flag_maps *m = t->process->abi->calls->flags; m && m->id != NAMES_NONE; m++)
		if (m->id == id)
			return m->map;
	return NULL;
}

/* Lists whose rows are values, not bits. */
static bool is_enumeration(enum names_id id)
{
	return id == NAMES_fcntl || id == NAMES_ioctl || id == NAMES_family || id == NAMES_sol;
}

/* A list of bits maps bit by bit, and what it does not name stays; a list of values maps the whole. */
uint64_t flags_to_host(struct thread *t, enum names_id id, uint64_t guest)
{
	const struct value_map *m = flag_map(t, id);
	if (!m)
		return guest;
	for (const struct value_map *r = m; is_enumeration(id) && (r->host | r->guest); r++)
		if (r->guest == guest)
			return r->host;
	if (is_enumeration(id))
		return guest;
	uint64_t host = guest;
	for (const struct value_map *r = m; r->host | r->guest; r++)
		host &= ~(uint64_t)r->guest;
	for (const struct value_map *r = m; r->host | r->guest; r++)
		if (r->guest && (guest & r->guest) == r->guest)
			host |= r->host;
	return host;
}

uint64_t flags_to_guest(struct thread *t, enum names_id id, uint64_t host)
{
	const struct value_map *m = flag_map(t, id);
	if (!m)
		return host;
	for (const struct value_map *r = m; is_enumeration(id) && (r->host | r->guest); r++)
		if (r->host == host)
			return r->guest;
	if (is_enumeration(id))
		return host;
	uint64_t guest = host;
	for (const struct value_map *r = m; r->host | r->guest; r++)
		guest &= ~(uint64_t)r->host;
	for (const struct value_map *r = m; r->host | r->guest; r++)
		if (r->host && (host & r->host) == r->host)
			guest |= r->guest;
	return guest;
}

int64_t call_pass_as(struct thread *t, const struct call *c, const uint64_t *a, bool at, bool sleeps)
{
	const struct layouts *l = linux_layouts(t);
	_Alignas(16) uint8_t buffer[3][LAYOUT_MAX];
	unsigned used = 0, slot[6];
	long h[7] = {AT_FDCWD};
	long *first = at ? h + 1 : h;
	bool stores = false;
	for (unsigned i = 0; i < 6 && c->arg[i].kind != ARG_NONE; i++) {
		unsigned param = c->arg[i].param;
		switch (c->arg[i].kind) {
		case ARG_FLAGS: case ARG_ENUM:
			first[i] = (int)flags_to_host(t, param, a[i]);
			break;
		case ARG_PTR: case ARG_STR: case ARG_PATH: case ARG_IBUF: case ARG_SOCKADDR: case ARG_ADDR:
			first[i] = (long)user_host(t, a[i]);
			break;
		case ARG_OBUF:
			user_will_write(t, a[i], a[param]);
			first[i] = (long)user_host(t, a[i]);
			break;
		case ARG_IN: case ARG_OUT: case ARG_INOUT:
			if (!a[i] || l->by_id[param].same) {
				if (c->arg[i].kind != ARG_IN)
					user_will_write(t, a[i], l->by_id[param].size);
				first[i] = (long)user_host(t, a[i]);
				break;
			}
			slot[i] = used++;
			if (c->arg[i].kind == ARG_OUT)
				memset(buffer[slot[i]], 0, l->by_id[param].host_size);
			else if (struct_read(t, param, buffer[slot[i]], a[i]) < 0)
				return -EFAULT;
			first[i] = (long)buffer[slot[i]];
			stores |= c->arg[i].kind != ARG_IN;
			break;
		default:
			first[i] = (long)a[i];
		}
	}
	int64_t r = sleeps ? user_blocking(t, c->host, h[0], h[1], h[2], h[3], h[4], h[5])
			   : linux_host(c->host, h[0], h[1], h[2], h[3], h[4], h[5]);
	if (r < 0 || !stores)
		return r;
	for (unsigned i = 0; i < 6 && c->arg[i].kind != ARG_NONE; i++) {
		unsigned kind = c->arg[i].kind, param = c->arg[i].param;
		if ((kind != ARG_OUT && kind != ARG_INOUT) || !a[i] || l->by_id[param].same)
			continue;
		int e = struct_write(t, param, a[i], buffer[slot[i]]);
		if (e < 0)
			return e;
	}
	return r;
}

int64_t call_pass(struct thread *t, const uint64_t *a)
{
	return call_pass_as(t, t->call, a, false, false);
}

int64_t call_wait(struct thread *t, const uint64_t *a)
{
	return call_pass_as(t, t->call, a, false, true);
}

int64_t call_pass_at(struct thread *t, const uint64_t *a)
{
	return call_pass_as(t, t->call, a, true, false);
}

/* chroot and its kin. */
int64_t call_new_root(struct thread *t, const uint64_t *a)
{
	user_root_changes(t);
	return call_pass_as(t, t->call, a, false, false);
}

/* Calls whose structures are the host's own alone: given to programs that share the host's layout and addresses. */
int64_t call_same(struct thread *t, const uint64_t *a)
{
	if (guest32(t) || !same_order(t) || t->process->guest_base)
		return -ENOSYS;
	return call_pass_as(t, t->call, a, false, false);
}
