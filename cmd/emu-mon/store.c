/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's descriptors that outlive it (listening sockets, pseudo-terminals, plain connections), and its two requests. One packet
 * each: "K NAME" with a descriptor: keep it; "D NAME": forget it; "Q": the user wants to leave (Ctrl-a x).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include "base/sock.h"
#include "supervise-own.h"

#define STORE_MOST 1024
#define NAME_MOST 200

static void forget(struct sup *s, const char *name)
{
	for (struct stored **p = &s->stored; *p; p = &(*p)->next)
		if (!strcmp((*p)->name, name)) {
			struct stored *gone = *p;
			*p = gone->next;
			close(gone->fd);
			free(gone->name);
			free(gone);
			s->stored_count--;
			return;
		}
}

static void keep(struct sup *s, const char *name, int fd)
{
	struct stored *x;

	forget(s, name);
	x = s->stored_count < STORE_MOST ? calloc(1, sizeof *x) : NULL;
	if (!x || !(x->name = strdup(name))) {
		free(x);
		close(fd);
		return;
	}
	x->fd = fd;
	x->next = s->stored;
	s->stored = x;
	s->stored_count++;
}

static void on_packet(void *opaque, unsigned events)
{
	struct sup *s = opaque;
	char text[NAME_MOST + 8];
	int fd = -1;
	unsigned count = 1;
	ssize_t n = sock_recv_fds(s->store[0], text, sizeof text - 1, &fd, &count);

	(void)events;
	if (n <= 0) {
		if (n != -EAGAIN)
			loop_set_fd(s->store_watch, 0);
		return;
	}
	text[n] = '\0';
	if (text[0] == 'K' && n > 2 && count == 1) {
		keep(s, text + 2, fd);
		return;
	}
	if (count == 1)
		close(fd);
	if (text[0] == 'D' && n > 2)
		forget(s, text + 2);
	else if (text[0] == 'Q')
		sup_quit(s);
}

int store_init(struct sup *s, struct err *e)
{
	if (sock_pair(SOCK_SEQPACKET, s->store, e) < 0)
		return -e->code;
	fd_set_nonblock(s->store[0], true);
	s->store_watch = loop_add_fd(s->loop, s->store[0], LOOP_READ, on_packet, s, e);
	return s->store_watch ? 0 : -e->code;
}

void store_free(struct sup *s)
{
	while (s->stored)
		forget(s, s->stored->name);
	loop_del_fd(s->store_watch);
	for (int i = 0; i < 2; i++)
		if (s->store[i] >= 0)
			close(s->store[i]);
	s->store[0] = s->store[1] = -1;
}
