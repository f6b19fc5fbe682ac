/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blockdev-add, blockdev-del */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "daemon.h"

/* The file at the bottom of the options, which a descriptor that came along is for. */
static const char *file_name(const json_t *o)
{
	for (unsigned i = 0; json_is_object(o) && i < 64; i++) {
		if (ctl_string(o, "filename"))
			return ctl_string(o, "filename");
		if (ctl_string(o, "path"))
			return ctl_string(o, "path");
		o = json_object_get(o, "file");
	}
	return NULL;
}

static json_t *add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct blk *b;

	if (!ctl_string(args, "node-name")) {
		err_set(e, EINVAL, "'node-name' must be specified for the root node");
		return NULL;
	}
	if (daemon_disk(d, ctl_string(args, "node-name"))) {
		err_set(e, EEXIST, "node-name=%s is conflicting with a device id", ctl_string(args, "node-name"));
		return NULL;
	}
	if (ctl_take_path(d, call, file_name(args), e) < 0 || blk_open(d->graph, NULL, NULL, (json_t *)args, BLK_RDWR, &b, e) < 0)
		return NULL;
	if (daemon_own_node(d, b, e) == 0 && daemon_commit(d, e) < 0) {
		struct owned_node *n = d->nodes;
		d->nodes = n->next;
		blk_unref(n->blk);
		free(n);
	}
	return NULL;
}
static const struct ctl_arg add_args[] = {{"driver", 's', false}, {"node-name", 's', true}, {NULL, 0, false}};
static const struct ctl_command add_row = {.name = "blockdev-add", .args = add_args, .run = add, .any_args = true};
NBD_COMMAND(add_row);

static json_t *del(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	const char *name = ctl_string(args, "node-name");
	struct owned_node **p = &d->nodes, *n;

	(void)call;
	while (*p && strcmp((*p)->blk->node_name, name))
		p = &(*p)->next;
	n = *p;
	if (!n && blk_find(d->graph, name)) {
		err_set(e, EPERM, "Node %s is not owned by the monitor", name);
		return NULL;
	}
	if (!n) {
		err_set(e, ENOENT, "Failed to find node with node-name='%s'", name);
		return NULL;
	}
	if (n->blk->refs > 1) {
		err_set(e, EBUSY, "Block device %s is in use", name);
		return NULL;
	}
	*p = n->next;
	if (daemon_commit(d, e) < 0) {
		*p = n;
		return NULL;
	}
	blk_close(n->blk, e);
	free(n);
	return NULL;
}
static const struct ctl_arg del_args[] = {{"node-name", 's', false}, {NULL, 0, false}};
static const struct ctl_command del_row = {.name = "blockdev-del", .args = del_args, .run = del};
NBD_COMMAND(del_row);
