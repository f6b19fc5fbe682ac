/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What most back ends are made of: a descriptor to read, one to write, watched as front ends want input and have output waiting. */
#ifndef CHAR_STREAM_H
#define CHAR_STREAM_H
#include "char/internal.h"

struct char_stream {
	struct chardev *c;
	int in, out;  /* may be the same; -1: none */
	struct loop_fd *watch_in, *watch_out;
	struct loop_timer *poll_in; /* regular files, which epoll does not take */
	bool dead;
	/* Beside read(2) and write(2): bytes, 0 at the end, -1 with errno. NULL: those. */
	ssize_t (*read)(struct char_stream *s, void *data, size_t n);
	ssize_t (*write)(struct char_stream *s, const void *data, size_t n);
	/* The other end has gone: the descriptors may be closed. NULL: input stays silent, output goes on. */
	void (*ended)(struct char_stream *s);
	/* Bytes as they came, before front ends see them; returns how many are left. NULL: none change. */
	size_t (*filter)(struct char_stream *s, uint8_t *data, size_t n);
	bool pending; /* read() has bytes that no descriptor tells of (TLS) */
};

/* The descriptors must not block. They stay the caller's. 0 or -errno with the sentence. */
int char_stream_start(struct char_stream *s, struct chardev *c, int in, int out, struct err *e);
void char_stream_stop(struct char_stream *s);
void char_stream_want(struct char_stream *s); /* class->want */
size_t char_stream_write(struct char_stream *s, const uint8_t *data, size_t n); /* class->write */

/*
 * A descriptor for the same file that does not block, without changing the mode of others who have it: a new description where there can
 * be one, else the same with O_NONBLOCK, which *restore says. -errno on failure.
 */
int char_reopen(int fd, int flags, bool *restore);
#endif
