/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who the process is: groups, 16-bit numbers of users and groups, capabilities. */
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "linux.h"

/* A number that 16 bits cannot hold shows as 65534 (/proc/sys/kernel/overflowuid). */
static uint16_t id16(uint32_t id)
{
	return id > 0xffff ? 65534 : (uint16_t)id;
}

int64_t proc_id16(struct thread *t, const uint64_t *a)
{
	int64_t r = linux_host(t->call->host, (long)a[0], 0, 0, 0, 0, 0);
	return r < 0 ? r : id16((uint32_t)r);
}

int64_t proc_getres16(struct thread *t, const uint64_t *a)
{
	uint32_t id[3];
	long r = linux_host(t->call->host, (long)&id[0], (long)&id[1], (long)&id[2], 0, 0, 0);
	for (unsigned i = 0; r == 0 && i < 3; i++) {
		uint16_t v;
		layout_put(linux_layouts(t), &v, 2, id16(id[i]));
		if (user_write(t, a[i], &v, 2) < 0)
			return -EFAULT;
	}
	return r;
}

#define GROUPS_MAX 65536

static int64_t get_groups(struct thread *t, const uint64_t *a, unsigned size)
{
	int room = (int)a[0];
	if (room < 0)
		return -EINVAL;
	if (room == 0)
		return HOST(getgroups, 0, NULL);
	if (room > GROUPS_MAX)
		room = GROUPS_MAX;
	uint32_t *list = malloc((size_t)room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	int64_t r = HOST(getgroups, room, list);
	for (int64_t i = 0; i < r; i++) {
		uint32_t v;
		layout_put(linux_layouts(t), &v, size, size == 2 ? id16(list[i]) : list[i]);
		if (user_write(t, a[1] + (uint64_t)i * size, &v, size) < 0) {
			r = -EFAULT;
			break;
		}
	}
	free(list);
	return r;
}

static int64_t set_groups(struct thread *t, const uint64_t *a, unsigned size)
{
	int count = (int)a[0];
	if (count < 0 || count > GROUPS_MAX)
		return -EINVAL;
	uint32_t *list = malloc((size_t)(count ? count : 1) * sizeof(*list));
	int64_t r = 0;
	if (!list)
		return -ENOMEM;
	for (int i = 0; i < count && r == 0; i++) {
		uint32_t v = 0;
		r = user_read(t, &v, a[1] + (uint64_t)i * size, size);
		v = (uint32_t)layout_get(linux_layouts(t), &v, size);
		list[i] = size == 2 && v == 0xffff ? UINT32_MAX : v;
	}
	if (r == 0)
		r = HOST(setgroups, count, list);
	free(list);
	return r;
}

int64_t proc_getgroups(struct thread *t, const uint64_t *a)
{
	return get_groups(t, a, 4);
}

int64_t proc_setgroups(struct thread *t, const uint64_t *a)
{
	return set_groups(t, a, 4);
}

int64_t proc_getgroups16(struct thread *t, const uint64_t *a)
{
	return get_groups(t, a, 2);
}

int64_t proc_setgroups16(struct thread *t, const uint64_t *a)
{
	return set_groups(t, a, 2);
}

/* ---- capabilities: one record of 32-bit words in the first version, two since -------------------------------- */

static unsigned records(uint32_t version)
{
	return version == _LINUX_CAPABILITY_VERSION_1 ? 1 :
		version == _LINUX_CAPABILITY_VERSION_2 || version == _LINUX_CAPABILITY_VERSION_3 ? 2 : 0;
}

int64_t proc_capget(struct thread *t, const uint64_t *a)
{
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[2];
	if (struct_read(t, ST_cap_header, &head, a[0]) < 0)
		return -EFAULT;
	unsigned n = records(head.version);
	long r = HOST(capget, &head, a[1] ? data : NULL);
	if (n == 0 && struct_write(t, ST_cap_header, a[0], &head) < 0) /* the version that the kernel prefers */
		return -EFAULT;
	for (unsigned i = 0; r == 0 && a[1] && i < n; i++)
		if (struct_write(t, ST_cap_data, a[1] + i * sizeof(data[0]), &data[i]) < 0)
			return -EFAULT;
	return r;
}

int64_t proc_capset(struct thread *t, const uint64_t *a)
{
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[2];
	if (struct_read(t, ST_cap_header, &head, a[0]) < 0)
		return -EFAULT;
	unsigned n = records(head.version);
	memset(data, 0, sizeof(data));
	for (unsigned i = 0; i < n; i++)
		if (struct_read(t, ST_cap_data, &data[i], a[1] + i * sizeof(data[0])) < 0)
			return -EFAULT;
	long r = HOST(capset, &head, data);
	if (n == 0 && struct_write(t, ST_cap_header, a[0], &head) < 0)
		return -EFAULT;
	return r;
}
