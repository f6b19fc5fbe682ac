/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of sockets, for calls and messages. */
#ifndef LINUX_SOCKET_H
#define LINUX_SOCKET_H
#include <sys/socket.h>
#include "linux.h"

#define ADDRESS_MAX sizeof(struct sockaddr_storage)

/* An address of `length` bytes from guest memory into ADDRESS_MAX bytes. 0, -EINVAL (too long), -EFAULT. */
int address_read(struct thread *t, void *to, uint64_t from, uint32_t length);
/*
 * An address that the host stored, `length` bytes of it valid (may exceed room: the guest learns the real length), into
 * `room` bytes at `to`. 0 or -EFAULT.
 */
int address_write(struct thread *t, uint64_t to, uint32_t room, void *host, uint32_t length);

/* sendmsg and recvmsg of one message; name: where the header lies in the guest. */
int64_t message_send(struct thread *t, int fd, uint64_t header, int flags);
int64_t message_receive(struct thread *t, int fd, uint64_t header, int flags);
#endif
