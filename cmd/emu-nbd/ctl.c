/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: set-up, and what its commands share. The commands are in ctl-*.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "block/core.h"
#include "daemon.h"

extern const struct ctl_command *const __start_ctl_commands[];
extern const struct ctl_command *const __stop_ctl_commands[];

static void lock(void *opaque)
{
	pthread_mutex_lock(&((struct daemon *)opaque)->lock);
}

static void unlock(void *opaque)
{
	pthread_mutex_unlock(&((struct daemon *)opaque)->lock);
}

static void control_closed(void *opaque)
{
	loop_stop(((struct daemon *)opaque)->loop, 0);
}

int daemon_ctl_start(struct daemon *d, struct err *e)
{
	const struct settings *set = d->set;
	const struct ctl_config config = {
		.package = "emu-nbd 1.0", .commands = __start_ctl_commands, .count = (unsigned)(__stop_ctl_commands - __start_ctl_commands),
		.lock = lock, .unlock = unlock, .control_closed = control_closed, .opaque = d,
	};
	const char *path = set->ctl;
	int r;

	if (!path && set->ctl_fd < 0)
		return 0;
	d->ctl = ctl_new(d->loop, &config, e);
	if (!d->ctl)
		return -e->code;
	if (set->ctl_fd >= 0 && (r = ctl_add_client(d->ctl, (int)set->ctl_fd, true, e)) < 0)
		return r;
	if (path && !strncmp(path, "unix:", 5))
		path += 5;
	return path ? ctl_listen(d->ctl, path, e) : 0;
}

const char *ctl_string(const json_t *args, const char *name)
{
	return json_string_value(json_object_get(args, name));
}

struct disk *daemon_disk(struct daemon *d, const char *name)
{
	struct disk *k = d->disks;

	while (k && strcmp(k->name, name))
		k = k->next;
	return k;
}

struct blk *ctl_node(struct daemon *d, struct ctl_call *call, const char *device, const char *node_name, struct disk **disk, struct err *e)
{
	struct disk *k = device ? daemon_disk(d, device) : NULL;
	struct blk *b = NULL;

	*disk = NULL;
	if (k && !k->root) {
		err_set(e, ENOMEDIUM, "Device '%s' has no medium", device);
		return NULL;
	}
	if (k)
		b = k->root;
	else if (node_name)
		b = blk_find(d->graph, node_name);
	else if (device)
		b = blk_find(d->graph, device);
	if (!b) {
		ctl_error_class(call, device ? "DeviceNotFound" : "GenericError");
		err_set(e, ENODEV, "Cannot find device='%s' nor node-name='%s'", device ? device : "", node_name ? node_name : "");
		return NULL;
	}
	for (*disk = d->disks; *disk && (*disk)->root != b; *disk = (*disk)->next)
		;
	return b;
}

struct disk *ctl_disk(struct daemon *d, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *id = ctl_string(args, "id"), *device = ctl_string(args, "device"), *node = ctl_string(args, "node-name");
	struct disk *k = id ? daemon_disk(d, id) : NULL;

	if (!k && device)
		k = daemon_disk(d, device);
	if (!id && !device && !node) {
		err_set(e, EINVAL, "Need exactly one of 'device' and 'id'");
		return NULL;
	}
	for (struct disk *i = d->disks; i && !k; i = i->next)
		if (i->root && ((device && !strcmp(i->root->node_name, device)) || (node && !strcmp(i->root->node_name, node))))
			k = i;
	if (!k) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENODEV, "Device '%s' not found", id ? id : device ? device : node);
	}
	return k;
}

int disk_not_busy(const struct disk *k, struct err *e)
{
	return k->jobs ? err_set(e, EBUSY, "Node '%s' is busy: block device is in use by a block job", k->name) : 0;
}

/* Another file may be there than the command's author thinks of: what was passed is what is meant. */
int ctl_take_path(struct daemon *d, struct ctl_call *call, const char *path, struct err *e)
{
	int fd = -1, r;

	/* A group of commands finds its descriptors in the order of its actions. */
	for (unsigned n = 0; n < SOCK_MAX_FDS && fd < 0 && path && call; n++)
		fd = ctl_take_fd(call, n);
	if (fd < 0)
		return 0;
	r = blk_path_fd_add(d->graph, path, fd);
	if (r < 0)
		close(fd);
	return r < 0 ? err_errno(e, -r, "the descriptor for '%s'", path) : 0;
}

void daemon_drain(struct daemon *d)
{
	for (struct disk *k = d->disks; k; k = k->next)
		disk_drain(k);
}

void daemon_undrain(struct daemon *d)
{
	for (struct disk *k = d->disks; k; k = k->next)
		disk_undrain(k);
}

bool daemon_node_owned(struct daemon *d, const struct blk *b)
{
	for (struct owned_node *n = d->nodes; n; n = n->next)
		if (n->blk == b)
			return true;
	return false;
}

int daemon_own_node(struct daemon *d, struct blk *b, struct err *e)
{
	struct owned_node *n = calloc(1, sizeof *n);

	if (!n) {
		blk_unref(b);
		return err_set(e, ENOMEM, "out of memory");
	}
	n->blk = b;
	n->next = d->nodes;
	d->nodes = n;
	return 0;
}

/* ---- the plain ones ---- */

static json_t *quit(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;

	(void)call, (void)args, (void)e;
	ctl_event(d->ctl, "SHUTDOWN", json_pack("{s:b}", "guest", false));
	loop_stop(d->loop, 0);
	return NULL;
}
static const struct ctl_command quit_row = {.name = "quit", .run = quit};
NBD_COMMAND(quit_row);

static json_t *version(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)opaque, (void)call, (void)args, (void)e;
	return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "major", 2, "minor", 12, "micro", 0, "package", "emu-nbd 1.0");
}
static const struct ctl_command version_row = {.name = "query-version", .run = version};
NBD_COMMAND(version_row);

/* ---- descriptors ---- */

static json_t *add_fd(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	const char *path = ctl_string(args, "path");
	json_int_t id = json_integer_value(json_object_get(args, "fdset-id"));
	int fd = ctl_take_fd(call, 0), r;

	if (fd < 0) {
		err_set(e, EINVAL, "No file descriptor supplied via SCM_RIGHTS");
		return NULL;
	}
	if (!json_object_get(args, "fdset-id"))
		for (id = 0; !path && id < 64; id++) { /* the first number that is free */
			unsigned i;
			for (i = 0; i < d->graph->fdset_count && d->graph->fdset[i].id != (unsigned)id; i++)
				;
			if (i == d->graph->fdset_count)
				break;
		}
	if (id < 0 || id > INT32_MAX) {
		err_set(e, EINVAL, "Parameter 'fdset-id' expects a non-negative value");
		close(fd);
		return NULL;
	}
	r = path ? blk_path_fd_add(d->graph, path, fd) : blk_fdset_add(d->graph, (unsigned)id, fd);
	if (r < 0) {
		close(fd);
		err_errno(e, -r, "the descriptor");
		return NULL;
	}
	return path ? NULL : json_pack("{s:I, s:i}", "fdset-id", id, "fd", fd);
}
static const struct ctl_arg add_fd_args[] = {{"fdset-id", 'i', true}, {"opaque", 's', true}, {"path", 's', true}, {NULL, 0, false}};
static const struct ctl_command add_fd_row = {.name = "add-fd", .args = add_fd_args, .run = add_fd};
NBD_COMMAND(add_fd_row);

static json_t *remove_fd(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	const json_t *number = json_object_get(args, "fd"), *set = json_object_get(args, "fdset-id");
	const char *path = ctl_string(args, "path");
	bool found = false;

	(void)call;
	if (path) {
		if (blk_path_fd_remove(d->graph, path) < 0)
			err_set(e, ENOENT, "no descriptor was passed for '%s'", path);
		return NULL;
	}
	if (!set) {
		err_set(e, EINVAL, "Parameter 'fdset-id' is missing");
		return NULL;
	}
	for (unsigned i = 0; i < d->graph->fdset_count;)
		if (d->graph->fdset[i].id == (unsigned)json_integer_value(set) && (!number || d->graph->fdset[i].fd == json_integer_value(number))) {
			close(d->graph->fdset[i].fd);
			d->graph->fdset[i] = d->graph->fdset[--d->graph->fdset_count];
			found = true;
		} else {
			i++;
		}
	if (!found)
		err_set(e, ENOENT, "File descriptor named 'fdset-id:%lld' not found", (long long)json_integer_value(set));
	return NULL;
}
static const struct ctl_arg remove_fd_args[] = {{"fdset-id", 'i', true}, {"fd", 'i', true}, {"path", 's', true}, {NULL, 0, false}};
static const struct ctl_command remove_fd_row = {.name = "remove-fd", .args = remove_fd_args, .run = remove_fd};
NBD_COMMAND(remove_fd_row);

static json_t *query_fdsets(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct blk_graph *g = ((struct daemon *)opaque)->graph;
	json_t *out = json_array();

	(void)call, (void)args, (void)e;
	for (unsigned i = 0; i < g->fdset_count; i++) {
		json_t *fds = NULL, *o;
		size_t n;
		json_array_foreach (out, n, o)
			if (json_integer_value(json_object_get(o, "fdset-id")) == g->fdset[i].id)
				fds = json_object_get(o, "fds");
		if (!fds) {
			fds = json_array();
			json_array_append_new(out, json_pack("{s:i, s:o}", "fdset-id", (int)g->fdset[i].id, "fds", fds));
		}
		json_array_append_new(fds, json_pack("{s:i}", "fd", g->fdset[i].fd));
	}
	return out;
}
static const struct ctl_command fdsets_row = {.name = "query-fdsets", .run = query_fdsets};
NBD_COMMAND(fdsets_row);
