/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control commands: devices, their types, what is plugged into them, human-readable listings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/keyval.h"
#include "core.h"
#include "drive.h"
#include "plugs.h"

static json_t *add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	char *spec = json_dumps(args, JSON_COMPACT);

	if (!spec)
		err_set(e, ENOMEM, "out of memory");
	else
		device_add(opaque, spec, e);
	if (e->code == ENOENT && strstr(e->msg, "device model"))
		ctl_error_class(call, "GenericError");
	free(spec);
	return NULL;
}
static const struct ctl_arg add_args[] = {{"driver", 's', false}, {"id", 's', true}, {"bus", 's', true}, {0}};
static const struct ctl_command add_row = {.name = "device_add", .args = add_args, .run = add, .any_args = true};
CTL_COMMAND(add_row);

static json_t *del(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	if (device_del(opaque, json_string_value(json_object_get(args, "id")), e) == -ENODEV)
		ctl_error_class(call, "DeviceNotFound");
	return NULL;
}
static const struct ctl_arg id_args[] = {{"id", 's', false}, {0}};
static const struct ctl_command del_row = {.name = "device_del", .args = id_args, .run = del};
CTL_COMMAND(del_row);

static json_t *list_properties(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "typename"));
	const struct device_type *t = device_type_find(name);
	json_t *list;

	(void)opaque;
	if (!t) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENOENT, "Device '%.100s' not found", name);
		return NULL;
	}
	list = json_array();
	for (const struct prop *p = t->props; p && p->name; p++) {
		json_t *o = json_pack("{s:s, s:s}", "name", p->name, "type", prop_type_name(p));
		if (p->help)
			json_object_set_new(o, "description", json_string(p->help));
		json_array_append_new(list, o);
	}
	return list;
}
static const struct ctl_arg typename_args[] = {{"typename", 's', false}, {0}};
static const struct ctl_command properties_row = {.name = "device-list-properties", .args = typename_args, .run = list_properties};
CTL_COMMAND(properties_row);

static json_t *list_types(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_t *list = json_array();
	const struct device_type *t;

	(void)opaque, (void)call, (void)args, (void)e;
	for (unsigned n = 0; (t = device_type_at(n)); n++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", t->name, "parent", "device", "user-creatable", (int)t->user));
	return list;
}
static const struct ctl_arg types_args[] = {{"implements", 's', true}, {"abstract", 'b', true}, {0}};
static const struct ctl_command types_row = {.name = "qom-list-types", .args = types_args, .run = list_types};
CTL_COMMAND(types_row);

static json_t *query_machines(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_t *list = json_array();
	const struct board *b;

	(void)opaque, (void)call, (void)args, (void)e;
	for (unsigned n = 0; (b = board_at(n)); n++) {
		json_t *o = json_pack("{s:s, s:i, s:b}", "name", b->name, "cpu-max", (int)b->max_cpus, "hotpluggable-cpus", 0);
		if (b->alias)
			json_object_set_new(o, "alias", json_string(b->alias));
		if (b->alias && !strcmp(b->alias, "pc"))
			json_object_set_new(o, "is-default", json_true());
		json_array_append_new(list, o);
	}
	return list;
}
static const struct ctl_command machines_row = {.name = "query-machines", .run = query_machines};
CTL_COMMAND(machines_row);

static json_t *query_name(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args, (void)e;
	return m->config.name ? json_pack("{s:s}", "name", m->config.name) : NULL;
}
static const struct ctl_command name_row = {.name = "query-name", .run = query_name};
CTL_COMMAND(name_row);

static json_t *query_uuid(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args, (void)e;
	return json_pack("{s:s}", "UUID", m->config.uuid ? m->config.uuid : "00000000-0000-0000-0000-000000000000");
}
static const struct ctl_command uuid_row = {.name = "query-uuid", .run = query_uuid};
CTL_COMMAND(uuid_row);

/* ---- plugs ---- */

static json_t *chardev_attach(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	int fd = ctl_take_fd(call, 0);

	if (fd < 0)
		err_set(e, EBADF, "a file descriptor must come with the command");
	else if (serial_reconnect(opaque, json_string_value(json_object_get(args, "id")), fd, e) < 0)
		close(fd);
	return NULL;
}
static const struct ctl_command chardev_row = {.name = "x-chardev-attach", .args = id_args, .run = chardev_attach};
CTL_COMMAND(chardev_row);

static json_t *chardev_break(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)call;
	serial_break(opaque, json_string_value(json_object_get(args, "id")), e);
	return NULL;
}
static const struct ctl_command break_row = {.name = "x-chardev-break", .args = id_args, .run = chardev_break};
CTL_COMMAND(break_row);

static json_t *netdev_attach(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	int fd = ctl_take_fd(call, 0);

	if (fd < 0)
		err_set(e, EBADF, "a file descriptor must come with the command");
	else if (net_reconnect(opaque, json_string_value(json_object_get(args, "id")), fd, e) < 0)
		close(fd);
	return NULL;
}
static const struct ctl_command netdev_row = {.name = "x-netdev-attach", .args = id_args, .run = netdev_attach};
CTL_COMMAND(netdev_row);

static struct drive *find_drive(struct machine *m, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *id = json_string_value(json_object_get(args, "id"));
	struct drive *d = drive_find(m, id);

	if (!d) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENODEV, "Device '%.100s' not found", id);
	}
	return d;
}

static json_t *eject(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct drive *d = find_drive(opaque, call, args, e);

	if (d)
		drive_eject(d, json_is_true(json_object_get(args, "force")), e);
	return NULL;
}
static const struct ctl_arg eject_args[] = {{"id", 's', false}, {"force", 'b', true}, {0}};
static const struct ctl_command eject_row = {.name = "x-drive-eject", .args = eject_args, .run = eject};
CTL_COMMAND(eject_row);

static json_t *insert(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct drive *d = find_drive(opaque, call, args, e);
	const char *path = json_string_value(json_object_get(args, "path")), *export_name = json_string_value(json_object_get(args, "export"));
	bool force = json_is_true(json_object_get(args, "force"));
	int fd = d ? ctl_take_fd(call, 0) : -1;

	if (!d)
		return NULL;
	if (fd >= 0)
		drive_change_fd(d, fd, export_name, force, e);
	else if (path)
		drive_change(d, path, force, e);
	else
		err_set(e, EBADF, "a connection to the server must come with the command, or the path of a socket that the command line named");
	return NULL;
}
static const struct ctl_arg insert_args[] = {{"id", 's', false}, {"path", 's', true}, {"export", 's', true}, {"force", 'b', true}, {0}};
static const struct ctl_command insert_row = {.name = "x-drive-insert", .args = insert_args, .run = insert};
CTL_COMMAND(insert_row);

static json_t *attach(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct drive *d = find_drive(opaque, call, args, e);
	int fd = d ? ctl_take_fd(call, 0) : -1;

	if (fd >= 0)
		drive_reconnect(d, fd);
	else if (d)
		err_set(e, EBADF, "a file descriptor must come with the command");
	return NULL;
}
static const struct ctl_command attach_row = {.name = "x-drive-attach", .args = id_args, .run = attach};
CTL_COMMAND(attach_row);

static json_t *drive_new(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)call;
	drive_add(opaque, json_string_value(json_object_get(args, "drive")), e);
	return NULL;
}
static const struct ctl_arg new_args[] = {{"drive", 's', false}, {0}};
static const struct ctl_command new_row = {.name = "x-drive-add", .args = new_args, .run = drive_new};
CTL_COMMAND(new_row);

static json_t *drive_away(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct drive *d = find_drive(opaque, call, args, e);
	const char *user = d ? drive_user(d) : NULL;

	if (d && user && json_is_true(json_object_get(args, "unused")))
		err_set(e, EBUSY, "Node '%s' is busy: block device is in use by device: %s", drive_id(d), user);
	else if (d)
		drive_del(d);
	return NULL;
}
static const struct ctl_arg away_args[] = {{"id", 's', false}, {"unused", 'b', true}, {0}};
static const struct ctl_command away_row = {.name = "x-drive-del", .args = away_args, .run = drive_away};
CTL_COMMAND(away_row);

static json_t *resized(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct drive *d = find_drive(opaque, call, args, e);
	int fd = d ? ctl_take_fd(call, 0) : -1;

	if (fd >= 0)
		drive_reconnect(d, fd);
	if (d)
		drive_reopen(d, e);
	return NULL;
}
static const struct ctl_command resized_row = {.name = "x-drive-resized", .args = id_args, .run = resized};
CTL_COMMAND(resized_row);
