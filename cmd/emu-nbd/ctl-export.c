/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exports that come and go while the server runs: nbd-server-start, -add, -remove, -stop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "base/sock.h"
#include "block/core.h"
#include "daemon.h"
#include "vhost.h"

int daemon_export(struct daemon *d, struct listener *where, struct disk *disk, const char *name, const char *description, uint64_t offset,
		  uint64_t size, bool depth, bool writable, struct blk *bitmap_node, const char *bitmap, struct err *e)
{
	struct export *x = calloc(1, sizeof *x);
	struct blk_dirty *dirty = NULL;
	int r;

	if (!x)
		return err_set(e, ENOMEM, "out of memory");
	if (bitmap && !(dirty = blk_dirty_find(bitmap_node, bitmap, e))) {
		free(x);
		return -e->code;
	}
	r = image_export_init(&x->x, disk, name, description, offset, size, depth, writable, dirty, e);
	if (r == 0)
		r = nbd_server_add(where->server, &x->x.nbd, e);
	if (r < 0) {
		image_export_done(&x->x);
		free(x);
		return r;
	}
	x->where = where;
	x->disk = disk;
	x->writable = writable;
	if (dirty) {
		dirty->busy = true;
		x->bitmap = strdup(bitmap);
		x->bitmap_node = blk_ref(bitmap_node);
	}
	x->next = d->exports;
	d->exports = x;
	return 0;
}

struct blk *daemon_bitmap_node(struct blk *b, const char *bitmap, struct err *e)
{
	while (b && !blk_dirty_find(b, bitmap, NULL))
		b = blk_skip_filters(b)->backing;
	if (!b)
		err_set(e, ENOENT, "Bitmap '%s' is not found", bitmap);
	return b;
}

/* A disk that was made for an export of a node goes with the last one. */
static void drop_hidden(struct daemon *d, struct disk *k)
{
	for (struct export *x = d->exports; x; x = x->next)
		if (x->disk == k)
			return;
	for (struct disk **p = &d->disks; k->hidden && *p; p = &(*p)->next)
		if (*p == k) {
			*p = k->next;
			disk_free(k);
			return;
		}
}

int daemon_unexport(struct daemon *d, struct export *x, bool hard, struct err *e)
{
	int r;

	if (!hard && nbd_server_in_use(x->where->server, &x->x.nbd))
		return err_set(e, EBUSY, "export '%s' still in use", x->x.nbd.name), err_hint(e, "Use mode='hard' to force client disconnect");
	r = nbd_server_remove(x->where->server, x->x.nbd.name, true, e);
	if (r < 0)
		return r;
	for (struct export **p = &d->exports; *p; p = &(*p)->next)
		if (*p == x) {
			*p = x->next;
			break;
		}
	if (x->x.bitmap)
		x->x.bitmap->busy = false;
	blk_unref(x->bitmap_node);
	image_export_done(&x->x);
	drop_hidden(d, x->disk);
	free(x->bitmap);
	free(x);
	return 0;
}

void daemon_exports_changed(struct daemon *d, struct disk *k)
{
	vhost_changed(d, k);
	for (struct export *x = d->exports; x; x = x->next)
		if (x->disk == k)
			x->x.nbd.read_only = !x->writable || (k->root && !blk_writable(k->root));
}

static struct export *find(struct daemon *d, const char *name)
{
	struct export *x = d->exports;

	while (x && (strcmp(x->x.nbd.name, name) || (d->extra.server && x->where != &d->extra)))
		x = x->next;
	return x;
}

int daemon_extra_server(struct daemon *d, const json_t *args, int fd, struct err *e)
{
	const json_t *addr = json_object_get(args, "addr"), *data = json_object_get(addr, "data") ? json_object_get(addr, "data") : addr;
	const char *type = ctl_string(addr, "type"), *path = ctl_string(data, "path"), *host = ctl_string(data, "host"), *port = ctl_string(data, "port");
	bool is_unix = type && !strcmp(type, "unix") && path, inet = type && !strcmp(type, "inet") && host && port;
	bool made = fd < 0;

	if (made && !is_unix && !inet)
		return err_set(e, EINVAL, "addr: accepted are type unix with path, and inet with host and port");
	if (made)
		fd = is_unix ? sock_listen_unix(path, SOCK_STREAM, 0700, e) : sock_listen_tcp(host, port, false, false, e);
	if (fd < 0)
		return fd;
	if (listener_server(d, &d->extra, ctl_string(args, "tls-creds"), ctl_string(args, "tls-authz"), 0, e) < 0) {
		listener_stop(&d->extra);
		close(fd);
		return -e->code;
	}
	d->extra.fd = fd;
	d->extra.again = json_deep_copy(args);
	if (made && is_unix)
		d->extra.path = strdup(path);
	return 0;
}

static json_t *server_start(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	int fd = ctl_take_fd(call, 0), listening = 0;
	socklen_t size = sizeof listening;

	if (d->extra.server)
		err_set(e, EBUSY, "NBD server already running");
	else if (fd >= 0 && (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening))
		err_set(e, EINVAL, "the descriptor is no listening socket");
	else if (fd < 0 && !sandbox_allows(SANDBOX_CONNECT))
		err_set(e, EPERM, "The server's filter lets it make no socket"), err_hint(e, "Pass a listening one along with the command.");
	if (e->code) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	/* (The descriptor is the listener's from here on.) */
	if (daemon_extra_server(d, args, fd, e) == 0 && (listen_watch(d, &d->extra, e) < 0 || daemon_commit(d, e) < 0))
		listener_stop(&d->extra);
	return NULL;
}
static const struct ctl_arg start_args[] = {{"addr", 'o', false}, {"tls-creds", 's', true}, {"tls-authz", 's', true}, {NULL, 0, false}};
static const struct ctl_command start_row = {.name = "nbd-server-start", .args = start_args, .run = server_start};
NBD_COMMAND(start_row);

static json_t *server_stop(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;

	(void)call, (void)args;
	if (!d->extra.server) {
		err_set(e, ENOENT, "NBD server not running");
		return NULL;
	}
	for (struct export *x = d->exports, *next; x; x = next) {
		next = x->next;
		if (x->where == &d->extra)
			daemon_unexport(d, x, true, e);
	}
	listener_stop(&d->extra);
	daemon_commit(d, e);
	return NULL;
}
static const struct ctl_command stop_row = {.name = "nbd-server-stop", .run = server_stop};
NBD_COMMAND(stop_row);

static json_t *server_add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	const char *device = ctl_string(args, "device"), *name = ctl_string(args, "name"), *bitmap = ctl_string(args, "bitmap");
	struct listener *where = d->extra.server ? &d->extra : &d->own;
	struct disk *k = daemon_disk(d, device), *made = NULL;
	struct blk *b = k ? k->root : NULL, *node = NULL;

	if (!k) {
		b = ctl_node(d, call, device, device, &k, e);
		if (!b)
			return NULL;
	}
	if (!k) {
		k = made = disk_new(b->node_name, b, e);
		if (!k)
			return NULL;
		made->hidden = true;
		made->next = d->disks;
		d->disks = made;
	}
	if (bitmap)
		node = daemon_bitmap_node(b, bitmap, e);
	if (!e->code &&
	    daemon_export(d, where, k, name ? name : device, ctl_string(args, "description"), 0, UINT64_MAX,
			  json_is_true(json_object_get(args, "allocation-depth")), json_is_true(json_object_get(args, "writable")), node, bitmap, e) == 0 &&
	    daemon_commit(d, e) < 0)
		daemon_unexport(d, d->exports, true, &(struct err)ERR_INIT);
	if (e->code && made)
		drop_hidden(d, made);
	return NULL;
}
static const struct ctl_arg add_args[] = {{"device", 's', false}, {"name", 's', true}, {"description", 's', true}, {"writable", 'b', true},
					  {"bitmap", 's', true}, {"allocation-depth", 'b', true}, {NULL, 0, false}};
static const struct ctl_command add_row = {.name = "nbd-server-add", .args = add_args, .run = server_add};
NBD_COMMAND(add_row);

static json_t *server_remove(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	const char *name = ctl_string(args, "name"), *mode = ctl_string(args, "mode");
	struct export *x = find(d, name);

	(void)call;
	if (!x)
		err_set(e, ENOENT, "Export '%s' is not found", name);
	else if (mode && strcmp(mode, "safe") && strcmp(mode, "hard"))
		err_set(e, EINVAL, "Invalid parameter '%s'; accepted are: safe, hard", mode);
	else if (daemon_unexport(d, x, mode && !strcmp(mode, "hard"), e) == 0)
		daemon_commit(d, e);
	return NULL;
}
static const struct ctl_arg remove_args[] = {{"name", 's', false}, {"mode", 's', true}, {NULL, 0, false}};
static const struct ctl_command remove_row = {.name = "nbd-server-remove", .args = remove_args, .run = server_remove};
NBD_COMMAND(remove_row);

/* What is exported, and to how many. */
static json_t *query_exports(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (struct export *x = d->exports; x; x = x->next)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:b}", "name", x->x.nbd.name, "device", x->disk->name, "writable",
						      !x->x.nbd.read_only, "server", x->where == &d->own ? "own" : "nbd-server-start", "in-use",
						      nbd_server_in_use(x->where->server, &x->x.nbd) != 0));
	return list;
}
static const struct ctl_command exports_row = {.name = "x-query-exports", .run = query_exports};
NBD_COMMAND(exports_row);
