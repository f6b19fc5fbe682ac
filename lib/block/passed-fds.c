/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that were opened by somebody else: sets for "/dev/fdset/ID", and paths that a sandboxed process may not open itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "block/core.h"

int blk_fdset_add(struct blk_graph *g, unsigned id, int fd)
{
	if (g->fdset_count == sizeof g->fdset / sizeof *g->fdset)
		return -ENOSPC;
	g->fdset[g->fdset_count].id = id;
	g->fdset[g->fdset_count++].fd = fd;
	return 0;
}

int blk_fdset_open(struct blk_graph *g, const char *path, int oflags)
{
	char *end;
	unsigned long id = strtoul(path + strlen("/dev/fdset/"), &end, 10);
	int found = 0;

	for (unsigned i = 0; i < g->fdset_count && !*end; i++) {
		int mode;
		if (g->fdset[i].id != id)
			continue;
		found = 1;
		mode = fcntl(g->fdset[i].fd, F_GETFL);
		if (mode >= 0 && (mode & O_ACCMODE) == (oflags & O_ACCMODE)) {
			int fd = fcntl(g->fdset[i].fd, F_DUPFD_CLOEXEC, 0);
			return fd < 0 ? -errno : fd;
		}
	}
	return found ? -EACCES : -ENOENT;
}

int blk_path_fd_remove(struct blk_graph *g, const char *path)
{
	for (unsigned i = 0; i < g->passed_count; i++)
		if (!strcmp(g->passed[i].path, path)) {
			close(g->passed[i].fd);
			free(g->passed[i].path);
			g->passed[i] = g->passed[--g->passed_count];
			return 0;
		}
	return -ENOENT;
}

int blk_path_fd_add(struct blk_graph *g, const char *path, int fd)
{
	void *list;
	char *copy;

	blk_path_fd_remove(g, path);
	if (g->passed_count >= 4096)
		return -EMFILE;
	list = realloc(g->passed, (g->passed_count + 1) * sizeof *g->passed);
	if (!list)
		return -ENOMEM;
	g->passed = list;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	g->passed[g->passed_count].path = copy;
	g->passed[g->passed_count++].fd = fd;
	return 0;
}

int blk_path_fd_open(struct blk_graph *g, const char *path, int oflags)
{
	for (unsigned i = 0; i < g->passed_count; i++) {
		int mode, fd;
		if (strcmp(g->passed[i].path, path))
			continue;
		mode = fcntl(g->passed[i].fd, F_GETFL);
		if (mode < 0 || ((mode & O_ACCMODE) != O_RDWR && (mode & O_ACCMODE) != (oflags & O_ACCMODE)))
			return -EACCES;
		fd = fcntl(g->passed[i].fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}
