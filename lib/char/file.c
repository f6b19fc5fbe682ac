/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, named pipes, and parallel ports through the kernel's ppdev. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ppdev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "char/core.h"
#include "char/stream.h"

struct file {
	struct char_stream s;
	int in, out;
};

static struct file *new_file(int in, int out, struct err *e)
{
	struct file *f = calloc(1, sizeof *f);

	if (!f) {
		err_set(e, ENOMEM, "out of memory");
		if (in >= 0)
			close(in);
		if (out >= 0 && out != in)
			close(out);
		return NULL;
	}
	f->in = in;
	f->out = out;
	return f;
}

static void file_close(struct chardev *c)
{
	struct file *f = c->state;

	char_stream_stop(&f->s);
	if (f->in >= 0)
		close(f->in);
	if (f->out >= 0 && f->out != f->in)
		close(f->out);
	char_core_free(c->registry, f);
}

static int start(struct chardev *c, struct file *f, struct err *e)
{
	c->state = f;
	if (char_stream_start(&f->s, c, f->in, f->out, e) < 0) {
		file_close(c);
		c->state = NULL;
		return -e->code;
	}
	c->opened = true;
	return 0;
}

static size_t file_write(struct chardev *c, const uint8_t *data, size_t n)
{
	return char_stream_write(c->state, data, n);
}

static void file_want(struct chardev *c)
{
	char_stream_want(c->state);
}

static int file_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	const char *path = char_spec_get(s, "path"), *input = char_spec_get(s, "in");
	int how = char_spec_bool(s, "append", false) ? O_APPEND : O_TRUNC, in = -1;
	/* O_NONBLOCK: the path may be a FIFO or a terminal. */
	int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | how, 0666);
	struct file *f;

	if (out < 0)
		return err_errno(e, errno, "Could not open '%s'", path);
	if (input && (in = open(input, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) < 0) {
		err_errno(e, errno, "Could not open '%s'", input);
		close(out);
		return -e->code;
	}
	f = new_file(in, out, e);
	return f ? start(c, f, e) : -e->code;
}

static const struct char_prop file_props[] = {{.name = "path", .type = PROP_TEXT, .required = true}, {.name = "append", .type = PROP_BOOL}, {.name = "in", .type = PROP_TEXT}, {0}};
const struct char_class char_file = {.name = "file", .help = "output to a file", .props = file_props, .open = file_open, .close = file_close,
				     .write = file_write, .want = file_want};

/* ---- PATH.in and PATH.out, or one FIFO for both ---- */

static int pipe_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	const char *path = char_spec_get(s, "path");
	char name[4096];
	int in, out;
	struct file *f;

	/* Both ways, so that opening waits for nobody and the end of a writer is not the end of input. */
	snprintf(name, sizeof name, "%s.in", path);
	in = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	snprintf(name, sizeof name, "%s.out", path);
	out = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (in < 0 || out < 0) {
		if (in >= 0)
			close(in);
		if (out >= 0)
			close(out);
		in = out = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (in < 0) {
			err_errno(e, errno, "Could not open '%s'", path);
			return err_hint(e, "The pipes are not made for you: mkfifo %s.in %s.out", path, path);
		}
	}
	f = new_file(in, out, e);
	return f ? start(c, f, e) : -e->code;
}

static const struct char_prop path_props[] = {{.name = "path", .type = PROP_TEXT, .required = true}, {0}};
const struct char_class char_pipe = {.name = "pipe", .help = "a pair of named pipes", .props = path_props, .open = pipe_open, .close = file_close,
				     .write = file_write, .want = file_want};

/* ---- the host's parallel port: the kernel does the handshake of compatibility mode, a byte a write ---- */

static int parallel_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	const char *path = char_spec_get(s, "path");
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct file *f;

	if (fd < 0)
		return err_errno(e, errno, "Could not open '%s'", path);
	if (ioctl(fd, PPCLAIM) < 0) {
		err_errno(e, errno, "'%s' is no parallel port that can be claimed", path);
		close(fd);
		return -e->code;
	}
	f = new_file(-1, fd, e);
	return f ? start(c, f, e) : -e->code;
}

static void parallel_close(struct chardev *c)
{
	struct file *f = c->state;

	ioctl(f->out, PPRELEASE);
	file_close(c);
}

static const char *const parallel_aliases[] = {"parport", NULL};
const struct char_class char_parallel = {.name = "parallel", .aliases = parallel_aliases, .help = "a parallel port of the host", .props = path_props,
					 .open = parallel_open, .close = parallel_close, .write = file_write, .want = file_want};
