/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets: making them, addresses, plain data; socketcall. */
#include <limits.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include "linux.h"
#include "file.h"
#include "poll.h"
#include "socket.h"

/* ---- addresses ------------------------------------------------------------------------------------------------ */

static void swap16(void *p)
{
	uint16_t v;
	memcpy(&v, p, 2);
	v = __builtin_bswap16(v);
	memcpy(p, &v, 2);
}

static void swap32(void *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

/* Ports and Internet addresses are in network order already; what is in the machine's order is turned. */
static void turn_fields(void *address, unsigned family, uint32_t length)
{
	uint8_t *p = address;
	static const struct {
		unsigned family, offset, size;
	} fields[] = {
		{AF_INET6, offsetof(struct sockaddr_in6, sin6_scope_id), 4},
		{AF_NETLINK, offsetof(struct sockaddr_nl, nl_pid), 4},
		{AF_NETLINK, offsetof(struct sockaddr_nl, nl_groups), 4},
		{AF_PACKET, offsetof(struct sockaddr_ll, sll_ifindex), 4},
		{AF_PACKET, offsetof(struct sockaddr_ll, sll_hatype), 2},
		{AF_VSOCK, offsetof(struct sockaddr_vm, svm_port), 4},
		{AF_VSOCK, offsetof(struct sockaddr_vm, svm_cid), 4},
	};
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (fields[i].family != family || length < fields[i].offset + fields[i].size)
			continue;
		if (fields[i].size == 2)
			swap16(p + fields[i].offset);
		else
			swap32(p + fields[i].offset);
	}
}

int address_read(struct thread *t, void *to, uint64_t from, uint32_t length)
{
	struct sockaddr *sa = to;
	if (length > ADDRESS_MAX)
		return -EINVAL;
	if (length && user_read(t, to, from, length) < 0)
		return -EFAULT;
	if (!same_order(t) && length >= sizeof(sa->sa_family)) {
		swap16(&sa->sa_family);
		turn_fields(to, sa->sa_family, length);
	}
	return 0;
}

int address_write(struct thread *t, uint64_t to, uint32_t room, void *host, uint32_t length)
{
	struct sockaddr *sa = host;
	if (!same_order(t) && length >= sizeof(sa->sa_family)) {
		turn_fields(host, sa->sa_family, length);
		swap16(&sa->sa_family);
	}
	if (length > room)
		length = room;
	return length ? user_write(t, to, host, length) : 0;
}

/* ---- making sockets --------------------------------------------------------------------------------------------- */

static int check_family(struct thread *t, int family)
{
	/* Netlink messages are structures in the machine's order that hundreds of protocols define. */
	if (family == AF_NETLINK && !same_order(t)) {
		log_printf(LOG_UNIMP, "netlink sockets are not provided to programs of the other byte order\n");
		return -EAFNOSUPPORT;
	}
	return 0;
}

int64_t socket_socket(struct thread *t, const uint64_t *a)
{
	int family = (int)flags_to_host(t, NAMES_family, a[0]), r = check_family(t, family);
	return r < 0 ? r : HOST(socket, family, flags_to_host(t, NAMES_socktype, a[1]), a[2]);
}

int64_t socket_pair(struct thread *t, const uint64_t *a)
{
	int fd[2];
	long r = HOST(socketpair, flags_to_host(t, NAMES_family, a[0]), flags_to_host(t, NAMES_socktype, a[1]), a[2], fd);
	return r < 0 ? r : pair_store(t, a[3], fd);
}

int64_t socket_bind(struct thread *t, const uint64_t *a)
{
	struct sockaddr_storage sa;
	int r = address_read(t, &sa, a[1], (uint32_t)a[2]);
	return r < 0 ? r : HOST(bind, a[0], &sa, a[2]);
}

int64_t socket_connect(struct thread *t, const uint64_t *a)
{
	struct sockaddr_storage sa;
	int r = address_read(t, &sa, a[1], (uint32_t)a[2]);
	return r < 0 ? r : user_blocking(t, SYS_connect, a[0], &sa, a[2]);
}

/* Result in *length: what the guest has room for; the address may be left out. */
static int room_read(struct thread *t, uint32_t *room, uint64_t address, uint64_t length_at)
{
	*room = 0;
	if (!address)
		return 0;
	if (user_read_u32(t, room, length_at) < 0)
		return -EFAULT;
	return (int32_t)*room < 0 ? -EINVAL : 0;
}

static int64_t result_address(struct thread *t, int64_t r, uint64_t to, uint64_t length_at, uint32_t room,
			      struct sockaddr_storage *sa, uint32_t length)
{
	if (r < 0 || !to)
		return r;
	if (address_write(t, to, room, sa, length) < 0 || user_write_u32(t, length_at, length) < 0)
		return -EFAULT;
	return r;
}

static int64_t accept_as(struct thread *t, const uint64_t *a, int flags)
{
	struct sockaddr_storage sa;
	uint32_t room, length = sizeof(sa);
	/* The kernel finds a bad address only once it has a connection. */
	int e = room_read(t, &room, a[1], a[2]);
	if (e == -EINVAL)
		return e;
	int64_t r = user_blocking(t, SYS_accept4, a[0], a[1] ? &sa : NULL, a[1] ? &length : NULL, flags);
	if (r < 0)
		return r;
	int64_t done = e < 0 ? e : result_address(t, r, a[1], a[2], room, &sa, length);
	if (done < 0)
		HOST(close, r);
	return done;
}

int64_t socket_accept(struct thread *t, const uint64_t *a)
{
	return accept_as(t, a, 0);
}

int64_t socket_accept4(struct thread *t, const uint64_t *a)
{
	return accept_as(t, a, (int)flags_to_host(t, NAMES_socktype, a[3]));
}

int64_t socket_name(struct thread *t, const uint64_t *a)
{
	struct sockaddr_storage sa;
	uint32_t room, length = sizeof(sa);
	if (user_read_u32(t, &room, a[2]) < 0)
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	long r = linux_host(t->call->host, (long)a[0], (long)&sa, (long)&length, 0, 0, 0);
	if (r < 0)
		return r;
	if (address_write(t, a[1], room, &sa, length) < 0 || user_write_u32(t, a[2], length) < 0)
		return -EFAULT;
	return r;
}

/* ---- data ------------------------------------------------------------------------------------------------------------ */

int64_t socket_send(struct thread *t, const uint64_t *a)
{
	return user_blocking(t, SYS_sendto, a[0], user_host(t, a[1]), a[2], a[3], NULL, 0);
}

int64_t socket_recv(struct thread *t, const uint64_t *a)
{
	user_will_write(t, a[1], a[2]);
	return user_blocking(t, SYS_recvfrom, a[0], user_host(t, a[1]), a[2], a[3], NULL, NULL);
}

int64_t socket_sendto(struct thread *t, const uint64_t *a)
{
	struct sockaddr_storage sa;
	if (!a[4])
		return socket_send(t, a);
	int r = address_read(t, &sa, a[4], (uint32_t)a[5]);
	return r < 0 ? r : user_blocking(t, SYS_sendto, a[0], user_host(t, a[1]), a[2], a[3], &sa, a[5]);
}

int64_t socket_recvfrom(struct thread *t, const uint64_t *a)
{
	struct sockaddr_storage sa;
	uint32_t room, length = sizeof(sa);
	if (!a[4])
		return socket_recv(t, a);
	int e = room_read(t, &room, a[4], a[5]);
	if (e < 0)
		return e;
	user_will_write(t, a[1], a[2]);
	int64_t r = user_blocking(t, SYS_recvfrom, a[0], user_host(t, a[1]), a[2], a[3], &sa, &length);
	return result_address(t, r, a[4], a[5], room, &sa, length);
}

int64_t socket_sendmsg(struct thread *t, const uint64_t *a)
{
	return message_send(t, (int)a[0], a[1], (int)a[2]);
}

int64_t socket_recvmsg(struct thread *t, const uint64_t *a)
{
	return message_receive(t, (int)a[0], a[1], (int)a[2]);
}

/* A vector of headers, each followed by the number of bytes that went (struct mmsghdr). */
static uint64_t each_message(struct thread *t)
{
	const struct layout *lo = &linux_layouts(t)->by_id[ST_msghdr];
	return (lo->size + 4 + lo->align - 1) / lo->align * lo->align;
}

int64_t socket_sendmmsg(struct thread *t, const uint64_t *a)
{
	uint64_t each = each_message(t), at = a[1];
	uint32_t count = (uint32_t)a[2] < IOV_MAX ? (uint32_t)a[2] : IOV_MAX, done = 0;
	int64_t r = 0;
	for (; done < count; done++, at += each) {
		r = message_send(t, (int)a[0], at, (int)a[3]);
		if (r < 0)
			break;
		if (user_write_u32(t, at + struct_size(t, ST_msghdr), (uint32_t)r) < 0) {
			r = -EFAULT;
			break;
		}
	}
	return done ? done : r;
}

/* The time limit is looked at between messages only, as recvmmsg(2) says under BUGS. */
static int64_t receive_many(struct thread *t, const uint64_t *a, enum struct_id id)
{
	uint64_t each = each_message(t), at = a[1];
	uint32_t count = (uint32_t)a[2] < IOV_MAX ? (uint32_t)a[2] : IOV_MAX, done = 0;
	int flags = (int)a[3];
	struct timespec limit, now, end = {0, 0};
	int64_t r = 0;
	if (a[4]) {
		int e = timeout_read(t, &limit, a[4], id);
		if (e < 0)
			return e;
		clock_gettime(CLOCK_MONOTONIC, &now);
		end.tv_sec = limit.tv_sec > INT32_MAX ? now.tv_sec + INT32_MAX : now.tv_sec + limit.tv_sec;
		end.tv_nsec = now.tv_nsec + limit.tv_nsec;
	}
	while (done < count) {
		r = message_receive(t, (int)a[0], at, flags & ~MSG_WAITFORONE);
		if (r < 0)
			break;
		if (user_write_u32(t, at + struct_size(t, ST_msghdr), (uint32_t)r) < 0) {
			r = -EFAULT;
			break;
		}
		done++;
		at += each;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (a[4]) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			int64_t left = (end.tv_sec - now.tv_sec) * 1000000000LL + end.tv_nsec - now.tv_nsec;
			if (left < 0)
				left = 0;
			limit = (struct timespec){left / 1000000000, left % 1000000000};
			if (struct_write(t, id, a[4], &limit) < 0)
				return -EFAULT;
			if (left == 0)
				break;
		}
	}
	return done ? done : r;
}

int64_t socket_recvmmsg(struct thread *t, const uint64_t *a)
{
	return receive_many(t, a, ST_timespec);
}

int64_t socket_recvmmsg_time64(struct thread *t, const uint64_t *a)
{
	return receive_many(t, a, ST_timespec64);
}

/* ---- socketcall: the number of a call, and its arguments as words in memory --------------------------------------- */

int64_t socket_socketcall(struct thread *t, const uint64_t *a)
{
	static const struct {
		uint16_t id;
		uint8_t count;
	} calls[] = {
		{0, 0}, {CALL_socket, 3}, {CALL_bind, 3}, {CALL_connect, 3}, {CALL_listen, 2}, {CALL_accept, 3},
		{CALL_getsockname, 3}, {CALL_getpeername, 3}, {CALL_socketpair, 4}, {CALL_send, 4}, {CALL_recv, 4},
		{CALL_sendto, 6}, {CALL_recvfrom, 6}, {CALL_shutdown, 2}, {CALL_setsockopt, 5}, {CALL_getsockopt, 5},
		{CALL_sendmsg, 3}, {CALL_recvmsg, 3}, {CALL_accept4, 4}, {CALL_recvmmsg, 5}, {CALL_sendmmsg, 4},
	};
	uint64_t arg[6] = {0};
	uint32_t n = (uint32_t)a[0];
	if (n < 1 || n >= sizeof(calls) / sizeof(calls[0]))
		return -EINVAL;
	for (unsigned i = 0; i < calls[n].count; i++)
		if (user_read_word(t, &arg[i], a[1] + i * t->process->abi->word) < 0)
			return -EFAULT;
	return sys_perform(t, calls[n].id, arg);
}
