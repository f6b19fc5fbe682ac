/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setsockopt and getsockopt. Most options are one integer or bytes; the table names those that are structures. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include "linux.h"
#include "structs.h"

/* Times in the form of the guest's word, and in 64 bits: the C library has one name for either. */
enum { RCVTIMEO_OLD = 20, SNDTIMEO_OLD = 21, RCVTIMEO_NEW = 66, SNDTIMEO_NEW = 67 };

#define OPTION_MAX 65536

static enum struct_id option_struct(int level, int option)
{
	static const struct {
		int level, option;
		uint8_t id;
	} structs[] = {
		{SOL_SOCKET, SO_LINGER, ST_linger}, {SOL_SOCKET, SO_PEERCRED, ST_ucred},
		{SOL_SOCKET, RCVTIMEO_OLD, ST_timeval}, {SOL_SOCKET, SNDTIMEO_OLD, ST_timeval},
		{SOL_SOCKET, RCVTIMEO_NEW, ST_timeval64}, {SOL_SOCKET, SNDTIMEO_NEW, ST_timeval64},
		{SOL_SOCKET, SO_COOKIE, ST_u64},
	};
	for (unsigned i = 0; i < sizeof(structs) / sizeof(structs[0]); i++)
		if (structs[i].level == level && structs[i].option == option)
			return structs[i].id;
	return ST_NONE;
}

/* Lists of joined groups hold addresses aligned to 8 bytes on the host, to the word on a 32-bit guest. */
static unsigned group_addresses(int level, int option)
{
	if (level != IPPROTO_IP && level != IPPROTO_IPV6)
		return 0;
	switch (option) {
	case MCAST_JOIN_GROUP: case MCAST_LEAVE_GROUP:
		return 1;
	case MCAST_JOIN_SOURCE_GROUP: case MCAST_LEAVE_SOURCE_GROUP: case MCAST_BLOCK_SOURCE: case MCAST_UNBLOCK_SOURCE:
		return 2;
	}
	return 0;
}

static int64_t set_group(struct thread *t, const uint64_t *a, unsigned addresses)
{
	struct {
		uint32_t interface, pad;
		uint8_t address[2][128];
	} host = {0};
	uint64_t align = linux_layouts(t)->abi.align64, head = align > 4 ? align : 4;
	if ((uint32_t)a[4] < head + addresses * 128)
		return -EINVAL;
	if (user_read_u32(t, &host.interface, a[3]) < 0 || user_read(t, host.address, a[3] + head, addresses * 128) < 0)
		return -EFAULT;
	for (unsigned i = 0; i < addresses && !same_order(t); i++) {
		uint16_t family;
		memcpy(&family, host.address[i], 2);
		family = __builtin_bswap16(family);
		memcpy(host.address[i], &family, 2);
	}
	return HOST(setsockopt, a[0], a[1], a[2], &host, 8 + addresses * 128);
}

/* A socket filter: a program of 8-byte instructions {16 bits, 8, 8, 32} behind a pointer. */
static int64_t set_filter(struct thread *t, const uint64_t *a)
{
	struct kernel_sock_fprog prog;
	if ((uint32_t)a[4] != struct_size(t, ST_sock_fprog))
		return -EINVAL;
	if (struct_read(t, ST_sock_fprog, &prog, a[3]) < 0)
		return -EFAULT;
	if (same_order(t))
		return HOST(setsockopt, a[0], a[1], a[2], &prog, sizeof(prog));
	uint64_t from = user_guest(t, prog.filter);
	uint64_t *code = malloc((prog.len ? prog.len : 1) * sizeof(*code));
	int64_t r = code ? 0 : -ENOMEM;
	for (unsigned i = 0; r == 0 && i < prog.len; i++) {
		uint8_t in[8], *out = (uint8_t *)&code[i];
		r = user_read(t, in, from + i * 8, 8);
		layout_put(linux_layouts(t), out, 2, *(uint16_t *)in);
		out[2] = in[2];
		out[3] = in[3];
		layout_put(linux_layouts(t), out + 4, 4, *(uint32_t *)(in + 4));
	}
	prog.filter = code;
	if (r == 0)
		r = HOST(setsockopt, a[0], a[1], a[2], &prog, sizeof(prog));
	free(code);
	return r;
}

int64_t sockopt_set(struct thread *t, const uint64_t *a)
{
	int level = (int)flags_to_host(t, NAMES_sol, a[1]), option = (int)a[2];
	uint32_t length = (uint32_t)a[4], value;
	_Alignas(8) uint8_t host[LAYOUT_MAX];
	enum struct_id id = option_struct(level, option);
	const struct layout *lo = &linux_layouts(t)->by_id[id];
	if (level == SOL_SOCKET && (option == SO_ATTACH_FILTER || option == SO_ATTACH_REUSEPORT_CBPF) &&
	    !linux_layouts(t)->by_id[ST_sock_fprog].same)
		return set_filter(t, a);
	if (guest32(t) && group_addresses(level, option))
		return set_group(t, a, group_addresses(level, option));
	if (id && !lo->same) {
		if (length < lo->size)
			return -EINVAL;
		if (struct_read(t, id, host, a[3]) < 0)
			return -EFAULT;
		return HOST(setsockopt, a[0], level, option, host, lo->host_size);
	}
	if (!same_order(t) && length == 4) {
		if (user_read_u32(t, &value, a[3]) < 0)
			return -EFAULT;
		return HOST(setsockopt, a[0], level, option, &value, 4);
	}
	return user_blocking(t, SYS_setsockopt, a[0], level, option, user_host(t, a[3]), length);
}

int64_t sockopt_get(struct thread *t, const uint64_t *a)
{
	int level = (int)flags_to_host(t, NAMES_sol, a[1]), option = (int)a[2];
	_Alignas(8) uint8_t host[LAYOUT_MAX], raw[LAYOUT_MAX];
	enum struct_id id = option_struct(level, option);
	const struct layout *lo = &linux_layouts(t)->by_id[id];
	uint32_t room, length;
	if (user_read_u32(t, &room, a[4]) < 0)
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	if (id && !lo->same) {
		length = lo->host_size;
		long r = HOST(getsockopt, a[0], level, option, host, &length);
		if (r < 0)
			return r;
		layout_to_guest(linux_layouts(t), id, raw, host);
		length = room < lo->size ? room : lo->size;
		if (user_write(t, a[3], raw, length) < 0 || user_write_u32(t, a[4], length) < 0)
			return -EFAULT;
		return r;
	}
	if (!same_order(t)) {
		/* The length travels in the guest's order; an integer does too, anything else is bytes. */
		uint32_t value;
		uint8_t *memory = calloc(1, room < OPTION_MAX ? room + 1 : OPTION_MAX);
		if (!memory)
			return -ENOMEM;
		length = room < OPTION_MAX ? room : OPTION_MAX;
		int64_t r = HOST(getsockopt, a[0], level, option, memory, &length);
		if (r >= 0 && length == 4) {
			memcpy(&value, memory, 4);
			r = user_write_u32(t, a[3], value);
		} else if (r >= 0) {
			r = user_write(t, a[3], memory, length < room ? length : room);
		}
		free(memory);
		return r < 0 ? r : user_write_u32(t, a[4], length);
	}
	user_will_write(t, a[3], room);
	user_will_write(t, a[4], 4);
	return HOST(getsockopt, a[0], level, option, user_host(t, a[3]), user_host(t, a[4]));
}
