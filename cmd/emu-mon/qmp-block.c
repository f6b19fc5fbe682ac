/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: disks. emu-nbd carries the commands out; files that they name are opened here and go along as descriptors, for a server under its filter opens
 * nothing. A change of the medium has two sides: the server's image, and the guest's drive in emu-cpu.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "disks.h"
#include "hmp-rows.h"
#include "mon-own.h"
#include "qmp.h"

static const char *device_of(const json_t *args)
{
	static const char *const keys[] = {"device", "id", "node-name", "node"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *s = json_string_value(json_object_get(args, keys[i]));
		if (s && *s)
			return s;
	}
	return NULL;
}

/* ---- which server ---- */

json_t *to_disk(struct task *t, const char *command, const json_t *args, const int *fds, unsigned count, char *part, struct err *e)
{
	const char *what = device_of(args);
	json_t *list = part_list(t, PART_DISK), *p, *r = NULL;
	size_t n;

	err_set(e, ENODEV, what ? "Device '%.200s' not found" : "there is no disk server for %s", what ? what : command);
	snprintf(t->class_name, sizeof t->class_name, "%s", what ? "DeviceNotFound" : "GenericError");
	json_array_foreach(list, n, p) {
		struct err now = ERR_INIT;
		r = part_call_fds(t, PART_DISK, text_of(p, "name"), command, json_deep_copy(args), fds, count, NULL, &now);
		if (r && part)
			snprintf(part, 128, "%s", text_of(p, "name"));
		if (r) {
			*e = (struct err)ERR_INIT;
			break;
		}
		*e = now;
		if (!qmp_not_here(t->class_name, &now))
			break;
	}
	json_decref(list);
	return r;
}

bool disk_part_there(struct task *t, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s.ctl", monitor_dir(t->monitor), name);
	return access(path, F_OK) == 0;
}

/* One list of all servers' lists. */
static json_t *of_all(struct task *t, const char *command, const json_t *args, struct err *e)
{
	json_t *list = part_list(t, PART_DISK), *p, *all = json_array(), *one;
	size_t n;

	json_array_foreach(list, n, p) {
		struct err now = ERR_INIT;
		one = part_call(t, PART_DISK, text_of(p, "name"), command, json_deep_copy(args), &now);
		if (one)
			json_array_extend(all, one);
		else if (strcmp(t->class_name, "CommandNotFound") && now.code == EIO && disk_part_there(t, text_of(p, "name")))
			*e = now; /* it cannot be reached, being started anew perhaps */
		json_decref(one);
	}
	json_decref(list);
	if (!e->code)
		return all;
	json_decref(all);
	return NULL;
}

/* The guest's side joins the server's. */
static json_t *query_block(struct task *t, const json_t *args, struct err *e)
{
	json_t *list = of_all(t, "query-block", args, e), *drives, *o, *d;
	struct err ignored = ERR_INIT;
	size_t n, k;

	if (!list)
		return NULL;
	drives = part_call(t, PART_CPU, NULL, "x-query-drives", NULL, &ignored);
	json_array_foreach(list, n, o)
		json_array_foreach(drives, k, d) {
			if (strcmp(text_of(o, "device"), text_of(d, "id")))
				continue;
			json_object_set(o, "qdev", json_object_get(d, "qdev"));
			json_object_set(o, "removable", json_object_get(d, "removable"));
			json_object_set(o, "locked", json_object_get(d, "locked"));
			if (true_of(d, "removable"))
				json_object_set(o, "tray_open", json_object_get(d, "tray_open"));
		}
	json_decref(drives);
	return list;
}

#define SPREAD(ident, command) \
	static json_t *ident(struct task *t, const json_t *args, struct err *e) \
	{ \
		return of_all(t, command, args, e); \
	}
SPREAD(query_blockstats, "query-blockstats")
SPREAD(query_jobs, "query-block-jobs")
SPREAD(query_nodes, "query-named-block-nodes")

/* Whose disk or node it is; "": nobody's. */
void disk_owner(struct task *t, const char *device, char part[128])
{
	json_t *list = part_list(t, PART_DISK), *p, *o;
	size_t n, k;

	*part = '\0';
	json_array_foreach(list, n, p)
		for (int nodes = 0; nodes < 2 && !*part; nodes++) {
			struct err ignored = ERR_INIT;
			json_t *blocks = part_call(t, PART_DISK, text_of(p, "name"), nodes ? "query-named-block-nodes" : "query-block", NULL, &ignored);
			json_array_foreach(blocks, k, o)
				if (!strcmp(text_of(o, nodes ? "node-name" : "device"), device))
					snprintf(part, 128, "%s", text_of(p, "name"));
			json_decref(blocks);
		}
	json_decref(list);
}

/* ---- files ---- */

/* Protocols and descriptions are the server's business; a plain path is opened here. -1: nothing to pass; *e filled: it failed. */
static int open_image(struct task *t, const char *path, bool create, bool write, struct err *e)
{
	const char *p = path;
	int fd;

	if (!strncmp(p, "file:", 5))
		p += 5;
	else if (*p != '/' && p[strcspn(p, "/:")] == ':')
		return -1;
	if (!*p)
		return -1;
	if (!strncmp(p, "/dev/fdset/", 11))
		return fdset_open(t, p, write, e);
	fd = open(p, (write ? O_RDWR : O_RDONLY) | (create ? O_CREAT : 0) | O_CLOEXEC, 0644);
	if (fd < 0 && write && !create && (errno == EROFS || errno == EACCES))
		fd = open(p, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err_errno(e, errno, "Could not open '%.400s'", p);
	return fd;
}

/* A command whose argument `key` names a file. create: unless its mode is "existing". */
static json_t *with_file(struct task *t, const char *command, const json_t *args, const char *key, bool create, bool write, struct err *e)
{
	const char *path = text_of(args, key), *mode = text_of(args, "mode");
	int fd = *path ? open_image(t, path, create && strcmp(mode, "existing"), write, e) : -1;
	json_t *r = e->code ? NULL : to_disk(t, command, args, &fd, fd >= 0, NULL, e);

	file_close(fd);
	return r;
}

static json_t *drive_mirror(struct task *t, const json_t *args, struct err *e)
{
	return with_file(t, "drive-mirror", args, "target", true, true, e);
}

static json_t *drive_backup(struct task *t, const json_t *args, struct err *e)
{
	return with_file(t, "drive-backup", args, "target", true, true, e);
}

static json_t *snapshot_sync(struct task *t, const json_t *args, struct err *e)
{
	return with_file(t, "blockdev-snapshot-sync", args, "snapshot-file", true, true, e);
}

/* A node into a server that runs: `only`, or (NULL) the one that has what it refers to, or the first. */
static json_t *node_to_server(struct task *t, const json_t *args, const char *only, struct err *e)
{
	const json_t *file = json_object_get(args, "file");
	const char *path = json_is_object(file) ? text_of(file, "filename") : text_of(args, "filename");
	int fd = *path ? open_image(t, path, false, !true_of(args, "read-only"), e) : -1;
	json_t *r = NULL, *list, *p;

	list = part_list(t, PART_DISK);
	for (size_t n = 0; !e->code && !r && n < json_array_size(list); n++) {
		struct err now = ERR_INIT;
		p = json_array_get(list, n);
		if (only && strcmp(only, text_of(p, "name")))
			continue;
		r = part_call_fds(t, PART_DISK, text_of(p, "name"), "blockdev-add", json_deep_copy(args), &fd, fd >= 0, NULL, &now);
		if (!r && (only || n + 1 == json_array_size(list) || !qmp_not_here(t->class_name, &now)))
			*e = now;
	}
	if (!json_array_size(list) && !e->code)
		err_set(e, ENODEV, "there is no disk server that could take the node");
	json_decref(list);
	file_close(fd);
	return r;
}

/* Does a description name a node that is there already? */
static bool names_node(const json_t *node)
{
	static const char *const children[] = {"file", "backing", "data-file", "image", "test", "raw", "log", "target"};

	for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
		const json_t *v = json_object_get(node, children[i]);
		if ((json_is_string(v) && *json_string_value(v)) || (json_is_object(v) && names_node(v)))
			return true;
	}
	return false;
}

/* A disk of its own has a server of its own, for device_add; what refers to a node goes to that node's server. */
static json_t *blockdev_add(struct task *t, const json_t *args, struct err *e)
{
	char *text;
	json_t *r;

	if (names_node(args) || !task_offered(t, PART_SUPER, "x-disk-add"))
		return node_to_server(t, args, NULL, e);
	text = json_dumps(args, JSON_COMPACT);
	r = text ? disk_add(t, "blockdev", text, e) : NULL;
	if (!text)
		err_set(e, ENOMEM, "out of memory");
	free(text);
	return r;
}

static json_t *blockdev_del(struct task *t, const json_t *args, struct err *e)
{
	struct err now = ERR_INIT;
	json_t *r = task_offered(t, PART_SUPER, "x-disk-del") ? disk_del(t, text_of(args, "node-name"), true, &now) : NULL;

	if (r) {
		json_decref(r);
		return NULL;
	}
	if (!now.code || !strcmp(t->class_name, "DeviceNotFound"))
		return to_disk(t, "blockdev-del", args, NULL, 0, NULL, e);
	*e = now;
	return NULL;
}

/* A job and its target are one server's: a node that no device uses yet moves to the disk's. */
static bool bring_node(struct task *t, const char *device, const char *node, struct err *e)
{
	char disk[128], other[128];
	json_t *r, *args;

	disk_owner(t, device, disk);
	disk_owner(t, node, other);
	if (!*disk || !*other || !strcmp(disk, other))
		return true;
	r = disk_del(t, node, true, e);
	if (!r) {
		if (!strcmp(t->class_name, "DeviceNotFound"))
			err_hint(e, "node '%.60s' belongs to the disk that %.60s serves.", node, other);
		return false;
	}
	args = json_loads(text_of(r, "image"), JSON_REJECT_DUPLICATES, NULL);
	json_decref(r);
	r = args ? node_to_server(t, args, disk, e) : NULL;
	if (!args)
		err_set(e, EINVAL, "node '%.100s' cannot be opened again", node);
	json_decref(args);
	json_decref(r);
	return r != NULL;
}

static json_t *with_target(struct task *t, const char *command, const json_t *args, const char *device, const char *node, struct err *e)
{
	return bring_node(t, text_of(args, device), text_of(args, node), e) ? to_disk(t, command, args, NULL, 0, NULL, e) : NULL;
}

static json_t *blockdev_mirror(struct task *t, const json_t *args, struct err *e)
{
	return with_target(t, "blockdev-mirror", args, "device", "target", e);
}

static json_t *blockdev_backup(struct task *t, const json_t *args, struct err *e)
{
	return with_target(t, "blockdev-backup", args, "device", "target", e);
}

static json_t *blockdev_snapshot(struct task *t, const json_t *args, struct err *e)
{
	return with_target(t, "blockdev-snapshot", args, "node", "overlay", e);
}

/* A group: the files of its actions in order. */
static json_t *transaction(struct task *t, const json_t *args, struct err *e)
{
	const json_t *actions = json_object_get(args, "actions"), *a;
	int fds[SOCK_MAX_FDS];
	unsigned count = 0;
	json_t *r = NULL, *list;
	size_t n;

	json_array_foreach(actions, n, a) {
		const json_t *data = json_object_get(a, "data");
		const char *type = text_of(a, "type"), *path = !strcmp(type, "drive-backup") ? text_of(data, "target")
							       : !strcmp(type, "blockdev-snapshot-sync") ? text_of(data, "snapshot-file") : "";
		int fd;
		if (!*path || e->code || count == SOCK_MAX_FDS)
			continue;
		fd = open_image(t, path, strcmp(text_of(data, "mode"), "existing") != 0, true, e);
		if (fd >= 0)
			fds[count++] = fd;
	}
	list = part_list(t, PART_DISK);
	/* All actions of a group belong to one server: there is no promise between two. */
	for (n = 0; !e->code && !r && n < json_array_size(list); n++) {
		struct err now = ERR_INIT;
		r = part_call_fds(t, PART_DISK, text_of(json_array_get(list, n), "name"), "transaction", json_deep_copy(args), fds, count, NULL, &now);
		if (!r && (n + 1 == json_array_size(list) || !qmp_not_here(t->class_name, &now)))
			*e = now;
	}
	json_decref(list);
	while (count)
		close(fds[--count]);
	return r;
}

/* ---- the guest's side ---- */

/* A new connection to the server, for emu-cpu, which makes none itself. -1: there is no socket of that name here. */
static int dial(struct task *t, const char *part)
{
	struct err ignored = ERR_INIT;
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/%s.nbd", monitor_dir(t->monitor), part) >= (int)sizeof path)
		return -1;
	return sock_connect_unix(path, SOCK_STREAM, &ignored);
}

/* false: there is such a drive, and it refused. */
static bool guest_side(struct task *t, const char *command, const char *id, bool force, int fd, struct err *e)
{
	struct err now = ERR_INIT;
	json_t *args = json_pack("{s:s}", "id", id), *r;

	if (force)
		json_object_set_new(args, "force", json_true());
	r = part_call_fds(t, PART_CPU, NULL, command, args, &fd, fd >= 0, NULL, &now);
	json_decref(r);
	if (r || !strcmp(t->class_name, "DeviceNotFound") || now.code == ENODEV)
		return true;
	*e = now;
	return false;
}

static json_t *eject(struct task *t, const json_t *args, struct err *e)
{
	const char *id = device_of(args);
	bool force = true_of(args, "force");
	json_t *r, *rest;

	if (!id) {
		err_set(e, EINVAL, "Parameter 'id' is missing");
		return NULL;
	}
	if (!guest_side(t, "x-drive-eject", id, force, -1, e))
		return NULL;
	rest = json_deep_copy(args);
	json_object_set_new(rest, "force", json_true());
	r = to_disk(t, "eject", rest, NULL, 0, NULL, e);
	json_decref(rest);
	return r;
}

/* The new medium is opened before the old one is given up: first the server, then the guest hears of it. */
static json_t *change_medium(struct task *t, const char *command, const json_t *args, const char *file_key, struct err *e)
{
	const char *id = device_of(args), *path = text_of(args, file_key);
	char part[128] = "";
	bool write = strcmp(text_of(args, "read-only-mode"), "read-only") != 0;
	int fd, connection = -1;
	json_t *r;

	if (!id) {
		err_set(e, EINVAL, "Parameter 'id' is missing");
		return NULL;
	}
	fd = open_image(t, path, false, write, e);
	if (e->code)
		return NULL;
	r = to_disk(t, command, args, &fd, fd >= 0, part, e);
	file_close(fd);
	if (!r)
		return NULL;
	connection = dial(t, part);
	if (connection >= 0 && !guest_side(t, "x-drive-insert", id, true_of(args, "force"), connection, e)) {
		json_decref(r);
		r = NULL;
	}
	file_close(connection);
	return r;
}

static json_t *blockdev_change_medium(struct task *t, const json_t *args, struct err *e)
{
	return change_medium(t, "blockdev-change-medium", args, "filename", e);
}

static json_t *change(struct task *t, const json_t *args, struct err *e)
{
	if (!strcmp(text_of(args, "device"), "vnc")) {
		err_set(e, ENOTSUP, "change vnc needs a VNC server (emu-vnc), which is not built in");
		return NULL;
	}
	return change_medium(t, "change", args, "target", e);
}

static json_t *tray(struct task *t, const json_t *args, const char *command, bool open, struct err *e)
{
	const char *id = device_of(args);
	char part[128] = "";
	json_t *r;
	int fd = -1;

	if (!id) {
		err_set(e, EINVAL, "Parameter 'id' is missing");
		return NULL;
	}
	if (open && !guest_side(t, "x-drive-eject", id, true_of(args, "force"), -1, e))
		return NULL;
	r = to_disk(t, command, args, NULL, 0, part, e);
	if (r && !open && (fd = dial(t, part)) >= 0 && !guest_side(t, "x-drive-insert", id, true, fd, e)) {
		json_decref(r);
		r = NULL;
	}
	file_close(fd);
	return r;
}

static json_t *open_tray(struct task *t, const json_t *args, struct err *e)
{
	return tray(t, args, "blockdev-open-tray", true, e);
}

static json_t *close_tray(struct task *t, const json_t *args, struct err *e)
{
	return tray(t, args, "blockdev-close-tray", false, e);
}

static json_t *resize(struct task *t, const json_t *args, struct err *e)
{
	char part[128] = "";
	json_t *r = to_disk(t, "block_resize", args, NULL, 0, part, e);
	const char *id = device_of(args);
	int fd;

	if (!r)
		return NULL;
	fd = dial(t, part);
	if (fd >= 0 && id && !guest_side(t, "x-drive-resized", id, false, fd, e)) {
		json_decref(r);
		r = NULL;
	}
	file_close(fd);
	return r;
}

#define DISK(name_, args_, ret_) {.name = name_, .args = args_, .ret = ret_, .kinds = PART_DISK, .by = "device|id|node-name|node|job-id"}

const struct qmp_row qmp_block_rows[] = {
	{.name = "query-block", .ret = "[BlockInfo]", .run = query_block},
	{.name = "query-blockstats", .args = "*query-nodes:bool", .ret = "[BlockStats]", .run = query_blockstats},
	{.name = "query-block-jobs", .ret = "[BlockJobInfo]", .run = query_jobs},
	{.name = "query-named-block-nodes", .ret = "[BlockDeviceInfo]", .run = query_nodes},
	{.name = "eject", .args = "*device:str,*id:str,*force:bool", .run = eject},
	{.name = "change", .args = "device:str,target:str,*arg:str", .run = change},
	{.name = "blockdev-change-medium", .args = "*device:str,*id:str,filename:str,*format:str,*read-only-mode:BlockdevChangeReadOnlyMode,*force:bool",
	 .run = blockdev_change_medium},
	{.name = "blockdev-open-tray", .args = "*device:str,*id:str,*force:bool", .run = open_tray},
	{.name = "blockdev-close-tray", .args = "*device:str,*id:str", .run = close_tray},
	DISK("blockdev-remove-medium", "*id:str,*device:str", NULL),
	DISK("blockdev-insert-medium", "*id:str,*device:str,node-name:str", NULL),
	{.name = "block_resize", .args = "*device:str,*node-name:str,size:int", .run = resize},
	DISK("block_set_io_throttle", "@BlockIOThrottle", NULL),
	{.name = "blockdev-add", .args = "driver:str,*node-name:str", .run = blockdev_add, .any_args = true},
	{.name = "blockdev-del", .args = "node-name:str", .run = blockdev_del},
	{.name = "blockdev-snapshot-sync", .args = "@BlockdevSnapshotSync", .run = snapshot_sync},
	{.name = "blockdev-snapshot", .args = "@BlockdevSnapshot", .run = blockdev_snapshot},
	DISK("blockdev-snapshot-internal-sync", "@BlockdevSnapshotInternal", NULL),
	DISK("blockdev-snapshot-delete-internal-sync", "device:str,*id:str,*name:str", "SnapshotInfo"),
	DISK("change-backing-file", "device:str,image-node-name:str,backing-file:str", NULL),
	DISK("block-commit", "*job-id:str,device:str,*base:str,*top:str,*backing-file:str,*speed:int,*filter-node-name:str", NULL),
	DISK("block-stream", "*job-id:str,device:str,*base:str,*base-node:str,*backing-file:str,*speed:int,*on-error:BlockdevOnError", NULL),
	{.name = "drive-mirror", .args = "@DriveMirror", .run = drive_mirror},
	{.name = "drive-backup", .args = "@DriveBackup", .run = drive_backup},
	{.name = "blockdev-mirror", .args = "*job-id:str,device:str,target:str,*replaces:str,sync:MirrorSyncMode,*speed:int,*granularity:uint32,"
	 "*buf-size:int,*on-source-error:BlockdevOnError,*on-target-error:BlockdevOnError,*filter-node-name:str", .run = blockdev_mirror},
	{.name = "blockdev-backup", .args = "@BlockdevBackup", .run = blockdev_backup},
	DISK("block-job-set-speed", "device:str,speed:int", NULL),
	DISK("block-job-cancel", "device:str,*force:bool", NULL),
	DISK("block-job-pause", "device:str", NULL),
	DISK("block-job-resume", "device:str", NULL),
	DISK("block-job-complete", "device:str", NULL),
	DISK("block-job-dismiss", "id:str", NULL),
	DISK("block-job-finalize", "id:str", NULL),
	DISK("block-dirty-bitmap-add", "@BlockDirtyBitmapAdd", NULL),
	DISK("block-dirty-bitmap-remove", "@BlockDirtyBitmap", NULL),
	DISK("block-dirty-bitmap-clear", "@BlockDirtyBitmap", NULL),
	{.name = "transaction", .args = "actions:[TransactionAction],*properties:TransactionProperties", .run = transaction},
	{0}};
