/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the supervisor and the parts say goes to standard error in whole lines. Nobody is waited for: while standard error takes nothing the
 * parts' output is not read, so that a part that talks much waits as if it wrote there itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "char/stream.h"
#include "supervise-own.h"

#define ROOM 65536 /* beyond this the supervisor's own lines are lost */

/* There is one standard error. */
static struct {
	int fd;
	bool restore;
	struct loop_fd *watch;
	char waiting[ROOM];
	size_t size;
	void (*resume)(void *opaque);
	void *opaque;
} words = {.fd = -1};

static void flush(void)
{
	while (words.size) {
		ssize_t n = write(words.fd >= 0 ? words.fd : 2, words.waiting, words.size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			n = (ssize_t)words.size; /* nobody will ever read it */
		words.size -= (size_t)n;
		memmove(words.waiting, words.waiting + n, words.size);
	}
	if (words.watch)
		loop_set_fd(words.watch, words.size ? LOOP_WRITE : 0);
}

static void on_room(void *opaque, unsigned events)
{
	(void)opaque, (void)events;
	flush();
	if (!words.size && words.resume)
		words.resume(words.opaque);
}

int words_init(struct loop *l, void (*resume)(void *opaque), void *opaque, struct err *e)
{
	struct err none = ERR_INIT;

	(void)e;
	words.resume = resume;
	words.opaque = opaque;
	words.fd = char_reopen(2, O_WRONLY, &words.restore);
	/* Without a watch (a regular file, or none at all) writing never waits. */
	if (words.fd >= 0)
		words.watch = loop_add_fd(l, words.fd, LOOP_WRITE, on_room, NULL, &none);
	if (words.watch)
		loop_set_fd(words.watch, 0);
	return 0;
}

void words_line(const char *line)
{
	size_t n = strlen(line);

	if (words.size + n + 1 > ROOM)
		return;
	memcpy(words.waiting + words.size, line, n);
	words.waiting[words.size + n] = '\n';
	words.size += n + 1;
	flush();
}

void sup_say(const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n = snprintf(line, sizeof line, "%s: ", err_program());

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
	va_end(ap);
	words_line(line);
}

bool words_full(void)
{
	return words.size > 0;
}

void words_free(int timeout_ms)
{
	struct pollfd p = {.fd = words.fd, .events = POLLOUT};

	flush();
	while (words.size && poll(&p, 1, timeout_ms) > 0)
		flush();
	loop_del_fd(words.watch);
	if (words.fd >= 0) {
		close(words.fd);
		if (words.restore)
			fcntl(2, F_SETFL, fcntl(2, F_GETFL) & ~O_NONBLOCK);
	}
	words.watch = NULL;
	words.fd = -1;
	words.size = 0;
}
