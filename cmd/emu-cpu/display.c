// SPDX-License-Identifier: GPL-2.0-or-later
/* Screens: their surfaces in memfds; see display.h. */
#include "display.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "display-internal.h"
#include "display-server.h"
#include "machine.h"

enum { SIDE_MAX = 16384 };
#define SURFACE_MAX (64u << 20)

struct display *display_new(struct device *by, const char *name, const struct display_ops *ops, void *opaque, struct err *e)
{
	struct display *d = calloc(1, sizeof *d);
	if (!d) {
		err_set(e, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	d->machine = by->machine;
	d->device = by;
	d->ops = ops;
	d->opaque = opaque;
	d->fd = -1;
	snprintf(d->name, sizeof d->name, "%s", name);
	struct display **at = &by->machine->displays;
	while (*at)
		at = &(*at)->next;
	*at = d; /* the first card is the machine's screen */
	return d;
}

static void surface_drop(struct display *d)
{
	if (d->pixels)
		munmap(d->pixels, d->size);
	if (d->fd >= 0)
		close(d->fd);
	d->pixels = NULL;
	d->fd = -1;
	d->size = 0;
}

void display_free(struct display *d)
{
	struct display **at = &d->machine->displays;
	display_server_gone(d);
	while (*at && *at != d)
		at = &(*at)->next;
	if (*at)
		*at = d->next;
	surface_drop(d);
	free(d);
}

int display_resize(struct display *d, unsigned width, unsigned height)
{
	size_t stride = (size_t)width * 4, size = stride * height;
	if (!width || !height || width > SIDE_MAX || height > SIDE_MAX || size > SURFACE_MAX)
		return -EINVAL;
	size = (size + 4095) & ~(size_t)4095;
	int fd = memfd_create("emu-surface", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	void *p = MAP_FAILED;
	/* Viewers map it: its size must never change under them. */
	if (!ftruncate(fd, (off_t)size) && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* From here on it can be mapped for reading only; kernels before 5.1 do not know that seal. */
	if (p != MAP_FAILED)
		fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
	if (p == MAP_FAILED) {
		int r = -errno;
		close(fd);
		return r;
	}
	surface_drop(d);
	d->fd = fd;
	d->pixels = p;
	d->size = size;
	d->width = width;
	d->height = height;
	d->stride = (unsigned)stride;
	d->generation++;
	d->changes++;
	display_server_surface(d);
	return 0;
}

uint32_t *display_pixels(struct display *d, unsigned *stride_bytes)
{
	*stride_bytes = d->stride;
	return d->pixels;
}

void display_dirty(struct display *d, unsigned x, unsigned y, unsigned width, unsigned height)
{
	if (!width || !height || x >= d->width || y >= d->height)
		return;
	d->changes++;
	display_server_dirty(d, x, y, width < d->width - x ? width : d->width - x, height < d->height - y ? height : d->height - y);
}

void display_cursor(struct display *d, int x, int y, bool visible)
{
	d->cursor_x = x;
	d->cursor_y = y;
	d->cursor_visible = visible;
	display_server_cursor(d);
}

void display_cursor_image(struct display *d, unsigned width, unsigned height, unsigned hot_x, unsigned hot_y, const uint32_t *argb)
{
	if (!width || !height || width > CURSOR_MAX || height > CURSOR_MAX)
		return;
	d->cursor_width = width;
	d->cursor_height = height;
	d->cursor_hot_x = hot_x;
	d->cursor_hot_y = hot_y;
	memcpy(d->cursor_image, argb, (size_t)width * height * 4);
	display_server_cursor(d);
}
