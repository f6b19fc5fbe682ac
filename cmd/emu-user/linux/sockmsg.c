/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sendmsg and recvmsg, with what travels beside the data: descriptors, credentials, times, addresses. The records (cmsg(3)) are
 * aligned to the guest's word and begin with a length of that size, so those of a 32-bit guest are built anew.
 */
#include <limits.h>
#include <time.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "linux.h"
#include "file.h"
#include "socket.h"

/* More than the kernel's optmem_max lets through. */
#define CONTROL_MAX (256 * 1024)

/* Old and new numbers of the times that sockets report; the C library knows one of each. */
enum { TIMESTAMP_OLD = 29, TIMESTAMPNS_OLD = 35, TIMESTAMPING_OLD = 37, TIMESTAMP_NEW = 63, TIMESTAMPNS_NEW = 64, TIMESTAMPING_NEW = 65 };

/* Of which structure, how many, a record's data is made; ST_NONE: bytes. */
struct record_kind {
	uint8_t id, count; /* count 0: as many as there are */
};

static struct record_kind record_kind(int level, int type)
{
	if (level == SOL_SOCKET) {
		switch (type) {
		case SCM_RIGHTS:
			return (struct record_kind){ST_int, 0};
		case SCM_CREDENTIALS:
			return (struct record_kind){ST_ucred, 1};
		case TIMESTAMP_OLD:
			return (struct record_kind){ST_timeval, 1};
		case TIMESTAMPNS_OLD:
			return (struct record_kind){ST_timespec, 1};
		case TIMESTAMPING_OLD:
			return (struct record_kind){ST_timespec, 3};
		case TIMESTAMP_NEW: case TIMESTAMPNS_NEW:
			return (struct record_kind){ST_timespec64, 1};
		case TIMESTAMPING_NEW:
			return (struct record_kind){ST_timespec64, 3};
		case SO_RXQ_OVFL: case SO_MARK: case SO_PRIORITY:
			return (struct record_kind){ST_int, 1};
		}
	}
	if ((level == IPPROTO_IP && (type == IP_TTL || type == IP_TOS)) ||
	    (level == IPPROTO_IPV6 && (type == IPV6_HOPLIMIT || type == IPV6_TCLASS)))
		return (struct record_kind){ST_int, 1};
	return (struct record_kind){ST_NONE, 0};
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* ---- from the guest ------------------------------------------------------------------------------------------------ */

/* The guest's records as the host's, in memory of the caller's. Returns the length or -errno. */
static int64_t control_to_host(struct thread *t, uint8_t *host, size_t room, uint64_t from, size_t length)
{
	const struct layouts *l = linux_layouts(t);
	size_t word = l->abi.word, head = word + 8, at = 0, done = 0;
	uint8_t *raw = malloc(length ? length : 1);
	int64_t r = -EINVAL;
	if (!raw)
		return -ENOMEM;
	if (user_read(t, raw, from, length) < 0) {
		r = -EFAULT;
		goto out;
	}
	while (at + head <= length) {
		uint64_t size = layout_get(l, raw + at, word);
		int level = (int)layout_get(l, raw + at + word, 4), type = (int)layout_get(l, raw + at + word + 4, 4);
		if (size < head || size > length - at)
			goto out;
		struct record_kind kind = record_kind(level, type);
		const struct layout *lo = &l->by_id[kind.id];
		size_t data = size - head, count = kind.id ? data / lo->size : 0;
		/* A size that is wrong stays wrong, for the kernel to refuse. */
		size_t host_data = kind.id ? count * lo->host_size + data % lo->size : data;
		size_t total = CMSG_LEN(host_data);
		if (round_up(total, 8) > room - done)
			goto out;
		struct cmsghdr *c = (void *)(host + done);
		memset(c, 0, round_up(total, 8));
		c->cmsg_len = total;
		c->cmsg_level = level;
		c->cmsg_type = type;
		if (!kind.id)
			memcpy(CMSG_DATA(c), raw + at + head, data);
		else
			for (size_t i = 0; i < count; i++)
				layout_to_host(l, kind.id, CMSG_DATA(c) + i * lo->host_size, raw + at + head + i * lo->size);
		done += round_up(total, 8);
		at += round_up(size, word);
	}
	r = at >= length ? (int64_t)done : -EINVAL; /* the rest is no whole record */
out:
	free(raw);
	return r;
}

/* ---- to the guest ---------------------------------------------------------------------------------------------------- */

/* Descriptors that arrived and that the guest has no room for must not stay open. */
static void close_rest(const struct cmsghdr *c, size_t kept)
{
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	for (size_t i = kept; i < count; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		close(fd);
	}
}

/* Stores the host's records in `room` guest bytes; *truncated when they did not fit. Returns the length or -EFAULT. */
static int64_t control_to_guest(struct thread *t, uint64_t to, size_t room, struct msghdr *m, bool *truncated)
{
	const struct layouts *l = linux_layouts(t);
	size_t word = l->abi.word, head = word + 8, done = 0;
	/* The last record is converted whole, then cut: the guest's is never larger than the host's. */
	uint8_t *raw = calloc(1, room + m->msg_controllen + 64);
	if (!raw)
		return -ENOMEM;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct record_kind kind = record_kind(c->cmsg_level, c->cmsg_type);
		const struct layout *lo = &l->by_id[kind.id];
		size_t data = c->cmsg_len - CMSG_LEN(0), count = kind.id ? data / lo->host_size : 0;
		size_t left = room > done ? room - done : 0, guest_data = kind.id ? count * lo->size : data;
		if (left < head || (left < head + guest_data && c->cmsg_type != SCM_RIGHTS)) {
			*truncated = true;
			if (left < head) {
				close_rest(c, 0);
				continue;
			}
			guest_data = left - head; /* put_cmsg() cuts the data */
		} else if (left < head + guest_data) {
			*truncated = true;
			count = (left - head) / lo->size;
			guest_data = count * lo->size;
			close_rest(c, count);
			if (!count)
				continue;
		}
		layout_put(l, raw + done, word, head + guest_data);
		layout_put(l, raw + done + word, 4, (uint32_t)c->cmsg_level);
		layout_put(l, raw + done + word + 4, 4, (uint32_t)c->cmsg_type);
		if (kind.id)
			for (size_t i = 0; i < count; i++)
				layout_to_guest(l, kind.id, raw + done + head + i * lo->size,
						CMSG_DATA(c) + i * lo->host_size);
		else
			memcpy(raw + done + head, CMSG_DATA(c), guest_data);
		done += round_up(head + guest_data, word);
		if (done > room)
			done = room;
	}
	int64_t r = user_write(t, to, raw, done) < 0 ? -EFAULT : (int64_t)done;
	free(raw);
	return r;
}

/* ---- the calls --------------------------------------------------------------------------------------------------------- */

static bool plain(struct thread *t)
{
	return linux_layouts(t)->by_id[ST_msghdr].same;
}

/* Header and buffers, converted. The addresses in m are still the guest's, but for the vector. */
static int64_t header_read(struct thread *t, struct msghdr *m, struct iov *iov, uint64_t at, bool stores)
{
	iov->v = iov->fast;
	if (struct_read(t, ST_msghdr, m, at) < 0)
		return -EFAULT;
	if (m->msg_name && (int32_t)m->msg_namelen < 0)
		return -EINVAL;
	if (m->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	int64_t r = iov_read(t, iov, user_guest(t, m->msg_iov), m->msg_iovlen, stores);
	m->msg_iov = iov->v;
	return r;
}

int64_t message_send(struct thread *t, int fd, uint64_t header, int flags)
{
	struct msghdr m;
	struct iov iov;
	struct sockaddr_storage name;
	uint8_t *control = NULL;
	if (plain(t))
		return user_blocking(t, SYS_sendmsg, fd, user_host(t, header), flags);
	int64_t r = header_read(t, &m, &iov, header, false);
	if (r < 0)
		goto out;
	if (m.msg_name && m.msg_namelen) {
		if (m.msg_namelen > sizeof(name))
			m.msg_namelen = sizeof(name);
		r = address_read(t, &name, user_guest(t, m.msg_name), m.msg_namelen);
		if (r < 0)
			goto out;
		m.msg_name = &name;
	} else {
		m.msg_name = NULL;
		m.msg_namelen = 0;
	}
	if (m.msg_control && m.msg_controllen) {
		if (m.msg_controllen > CONTROL_MAX) {
			r = -ENOBUFS;
			goto out;
		}
		/* Twice the size: a 12-byte head becomes 16, the data is rounded up to 8. */
		size_t room = 2 * m.msg_controllen + 64;
		control = malloc(room);
		r = control ? control_to_host(t, control, room, user_guest(t, m.msg_control), m.msg_controllen) : -ENOMEM;
		if (r < 0)
			goto out;
		m.msg_control = control;
		m.msg_controllen = (size_t)r;
	}
	r = user_blocking(t, SYS_sendmsg, fd, &m, flags);
out:
	iov_free(&iov);
	free(control);
	return r;
}

/* The kernel stores into the guest's own structures: they must be writable where code was translated from them. */
static int64_t receive_plain(struct thread *t, int fd, uint64_t header, int flags)
{
	if (t->process->protected_pages) {
		struct msghdr m;
		struct iov iov;
		int64_t r = header_read(t, &m, &iov, header, true);
		iov_free(&iov);
		if (r < 0)
			return r;
		user_will_write(t, user_guest(t, m.msg_name), m.msg_namelen);
		user_will_write(t, user_guest(t, m.msg_control), m.msg_controllen);
		user_will_write(t, header, sizeof(m));
	}
	return user_blocking(t, SYS_recvmsg, fd, user_host(t, header), flags);
}

int64_t message_receive(struct thread *t, int fd, uint64_t header, int flags)
{
	struct msghdr m;
	struct iov iov;
	struct sockaddr_storage name;
	uint8_t *control = NULL;
	bool truncated = false;
	if (plain(t))
		return receive_plain(t, fd, header, flags);
	int64_t r = header_read(t, &m, &iov, header, true), e = 0;
	uint64_t name_at = 0, control_at = 0;
	size_t name_room = 0, control_room = 0;
	if (r < 0)
		goto out;
	if (m.msg_name) {
		name_at = user_guest(t, m.msg_name);
		name_room = m.msg_namelen;
		m.msg_name = &name;
		m.msg_namelen = sizeof(name);
	}
	if (m.msg_control && m.msg_controllen) {
		control_at = user_guest(t, m.msg_control);
		control_room = m.msg_controllen < CONTROL_MAX ? m.msg_controllen : CONTROL_MAX;
		m.msg_controllen = 2 * control_room + 64;
		control = malloc(m.msg_controllen);
		m.msg_control = control;
		r = control ? 0 : -ENOMEM;
		if (r < 0)
			goto out;
	} else {
		m.msg_control = NULL;
		m.msg_controllen = 0;
	}
	r = user_blocking(t, SYS_recvmsg, fd, &m, flags);
	if (r < 0)
		goto out;
	if (name_at)
		e = address_write(t, name_at, (uint32_t)name_room, &name, m.msg_namelen);
	if (control_at) {
		int64_t n = control_to_guest(t, control_at, control_room, &m, &truncated);
		e = n < 0 ? n : e;
		m.msg_controllen = n < 0 ? 0 : (size_t)n;
	}
	if (truncated)
		m.msg_flags |= MSG_CTRUNC;
	/* Only three members of the header change. */
	struct msghdr old;
	if (struct_read(t, ST_msghdr, &old, header) < 0)
		e = -EFAULT;
	old.msg_namelen = name_at ? m.msg_namelen : old.msg_namelen;
	old.msg_controllen = m.msg_controllen;
	old.msg_flags = m.msg_flags;
	if (struct_write(t, ST_msghdr, header, &old) < 0)
		e = -EFAULT;
	if (e < 0)
		r = e;
out:
	iov_free(&iov);
	free(control);
	return r;
}
