/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control commands qom-list, qom-get, qom-set: the machine as a tree of objects with properties.
 *
 *   /objects/ID                          what -object made
 *   /machine                             the board: its -machine properties
 *   /machine/peripheral/ID               devices that have an id
 *   /machine/unattached/device[N]        processors first, then the other devices, in order of creation
 *   …/BUS/…                              a device's buses, and what is plugged into them
 *
 * Nothing of that is stored: a path is walked over the machine's own lists.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "drive.h"
#include "object.h"
#include "vcpu.h"

enum node_kind { NODE_NONE, NODE_ROOT, NODE_MACHINE, NODE_OBJECTS, NODE_PERIPHERAL, NODE_UNATTACHED, NODE_DEVICE, NODE_BUS, NODE_CPU, NODE_OBJECT };

struct node {
	enum node_kind kind;
	struct device *device;
	struct bus *bus;
	struct vcpu *cpu;
	char id[128];
};

/* ---- lists ---- */

struct counting {
	struct device *found;
	const char *id;
	unsigned n, at;
};

static bool nth_unnamed(void *opaque, struct device *d)
{
	struct counting *c = opaque;

	if (!d->id && c->at++ == c->n)
		c->found = d;
	return !c->found;
}

static struct device *unnamed(struct machine *m, unsigned n)
{
	struct counting c = {.n = n};

	device_each(m, nth_unnamed, &c);
	return c.found;
}

static bool by_id(void *opaque, struct device *d)
{
	struct counting *c = opaque;

	if (d->id && !strcmp(d->id, c->id))
		c->found = d;
	return !c->found;
}

struct placing {
	const struct device *of;
	unsigned at;
	bool found;
};

static bool count_to(void *opaque, struct device *d)
{
	struct placing *p = opaque;

	p->found = d == p->of;
	p->at += !p->found && !d->id;
	return !p->found;
}

void device_qom_path(struct device *d, char *buf, size_t size)
{
	struct placing p = {.of = d};

	if (d->id) {
		snprintf(buf, size, "/machine/peripheral/%s", d->id);
		return;
	}
	device_each(d->machine, count_to, &p);
	snprintf(buf, size, "/machine/unattached/device[%u]", d->machine->cpus + p.at);
}

/* ---- walking ---- */

static bool step(struct machine *m, struct node *n, const char *name, size_t len)
{
	char word[128];
	unsigned number;

	snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), name);
	switch (n->kind) {
	case NODE_ROOT:
		n->kind = !strcmp(word, "machine") ? NODE_MACHINE : !strcmp(word, "objects") ? NODE_OBJECTS : NODE_NONE;
		break;
	case NODE_MACHINE:
		n->kind = !strcmp(word, "peripheral") ? NODE_PERIPHERAL : !strcmp(word, "unattached") ? NODE_UNATTACHED : NODE_NONE;
		break;
	case NODE_PERIPHERAL: {
		struct counting c = {.id = word};
		device_each(m, by_id, &c);
		n->device = c.found;
		n->kind = c.found ? NODE_DEVICE : NODE_NONE;
		break;
	}
	case NODE_UNATTACHED:
		n->kind = NODE_NONE;
		if (sscanf(word, "device[%u]", &number) != 1 || word[strlen(word) - 1] != ']')
			break;
		if (number < m->cpus) {
			n->cpu = m->vcpu[number];
			n->kind = NODE_CPU;
		} else if ((n->device = unnamed(m, number - m->cpus))) {
			n->kind = NODE_DEVICE;
		}
		break;
	case NODE_DEVICE:
		for (n->bus = n->device->buses; n->bus && strcmp(n->bus->name, word); n->bus = n->bus->next)
			;
		n->kind = n->bus ? NODE_BUS : NODE_NONE;
		break;
	case NODE_OBJECTS: {
		json_t *list = object_list(m), *o;
		size_t i;
		n->kind = NODE_NONE;
		json_array_foreach(list, i, o)
			if (!strcmp(json_string_value(json_object_get(o, "id")), word)) {
				snprintf(n->id, sizeof n->id, "%s", word);
				n->kind = NODE_OBJECT;
			}
		json_decref(list);
		break;
	}
	default: n->kind = NODE_NONE;
	}
	return n->kind != NODE_NONE;
}

static bool find(struct machine *m, struct ctl_call *call, const char *path, struct node *n, struct err *e)
{
	const char *p = path;

	*n = (struct node){.kind = NODE_ROOT};
	if (*path != '/') { /* an id, or the last part of a path */
		struct counting c = {.id = path};
		device_each(m, by_id, &c);
		if (c.found) {
			*n = (struct node){.kind = NODE_DEVICE, .device = c.found};
			return true;
		}
		n->kind = !strcmp(path, "machine") ? NODE_MACHINE : NODE_NONE;
		p = "";
	}
	while (n->kind != NODE_NONE && *p) {
		size_t len;
		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len)
			step(m, n, p, len);
		p += len;
	}
	if (n->kind != NODE_NONE)
		return true;
	ctl_error_class(call, "DeviceNotFound");
	err_set(e, ENODEV, "Device '%.300s' not found", path);
	return false;
}

/* ---- properties ---- */

struct listing {
	struct machine *machine;
	json_t *list;
	unsigned at;
};

static void add(json_t *list, const char *name, const char *type)
{
	json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "type", type));
}

static void add_child(json_t *list, const char *name, const char *type)
{
	char text[160];

	snprintf(text, sizeof text, "child<%.140s>", type);
	add(list, name, text);
}

static bool list_named(void *opaque, struct device *d)
{
	if (d->id)
		add_child(((struct listing *)opaque)->list, d->id, d->type->name);
	return true;
}

static bool list_unnamed(void *opaque, struct device *d)
{
	struct listing *l = opaque;
	char name[32];

	if (d->id)
		return true;
	snprintf(name, sizeof name, "device[%u]", l->machine->cpus + l->at++);
	add_child(l->list, name, d->type->name);
	return true;
}

static const char *machine_type(const struct machine *m, char buf[96])
{
	snprintf(buf, 96, "%s-machine", m->board ? m->board->name : "none");
	return buf;
}

static const char *cpu_type(const struct machine *m, char buf[96])
{
	const char *model = m->config.cpu ? m->config.cpu : m->board && m->board->default_cpu ? m->board->default_cpu : "qemu64";

	snprintf(buf, 96, "%.*s-%s-cpu", (int)strcspn(model, ","), model, m->config.isa);
	return buf;
}

static const struct prop *own_props(struct machine *m, const struct node *n, void **state)
{
	if (n->kind == NODE_MACHINE && m->board) {
		*state = m->options;
		return m->board->props;
	}
	if (n->kind == NODE_DEVICE) {
		*state = n->device;
		return n->device->type->props;
	}
	return NULL;
}

static json_t *object_props(struct machine *m, const char *id)
{
	json_t *list = object_list(m), *o, *found = NULL;
	size_t i;

	json_array_foreach(list, i, o)
		if (!strcmp(json_string_value(json_object_get(o, "id")), id))
			found = json_incref(o);
	json_decref(list);
	return found;
}

static json_t *qom_list(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct listing l = {.machine = opaque};
	struct machine *m = opaque;
	struct node n;
	void *state;
	char type[96], name[32];

	if (!find(m, call, json_string_value(json_object_get(args, "path")), &n, e))
		return NULL;
	l.list = json_array();
	add(l.list, "type", "string");
	for (const struct prop *p = own_props(m, &n, &state); p && p->name; p++)
		add(l.list, p->name, prop_type_name(p));
	switch (n.kind) {
	case NODE_ROOT:
		add_child(l.list, "machine", machine_type(m, type));
		add_child(l.list, "objects", "container");
		break;
	case NODE_MACHINE:
		add_child(l.list, "peripheral", "container");
		add_child(l.list, "unattached", "container");
		break;
	case NODE_PERIPHERAL: device_each(m, list_named, &l); break;
	case NODE_UNATTACHED:
		for (unsigned i = 0; i < m->cpus; i++) {
			snprintf(name, sizeof name, "device[%u]", i);
			add_child(l.list, name, cpu_type(m, type));
		}
		device_each(m, list_unnamed, &l);
		break;
	case NODE_DEVICE:
		add(l.list, "realized", "bool");
		add(l.list, "hotplugged", "bool");
		add(l.list, "hotpluggable", "bool");
		add(l.list, "parent_bus", "link<bus>");
		for (struct bus *b = n.device->buses; b; b = b->next)
			add_child(l.list, b->name, b->kind);
		break;
	case NODE_BUS: {
		unsigned i = 0;
		for (struct device *d = n.bus->children; d; d = d->next) {
			char link[160];
			snprintf(name, sizeof name, "child[%u]", i++);
			snprintf(link, sizeof link, "link<%.140s>", d->type->name);
			add(l.list, name, link);
		}
		break;
	}
	case NODE_OBJECTS: {
		json_t *list = object_list(m), *o;
		size_t i;
		json_array_foreach(list, i, o)
			add_child(l.list, json_string_value(json_object_get(o, "id")), json_string_value(json_object_get(o, "qom-type")));
		json_decref(list);
		break;
	}
	case NODE_OBJECT: {
		json_t *o = object_props(m, n.id), *v;
		const char *key;
		json_object_foreach(json_object_get(o, "props"), key, v)
			add(l.list, key, "string");
		json_decref(o);
		break;
	}
	case NODE_CPU:
		add(l.list, "realized", "bool");
		add(l.list, "apic-id", "int");
		break;
	default: break;
	}
	return l.list;
}
static const struct ctl_arg path_args[] = {{"path", 's', false}, {0}};
static const struct ctl_command list_row = {.name = "qom-list", .args = path_args, .run = qom_list};
CTL_COMMAND(list_row);

/* ---- values ---- */

static const char *type_of(struct machine *m, const struct node *n, char buf[96])
{
	switch (n->kind) {
	case NODE_MACHINE: return machine_type(m, buf);
	case NODE_DEVICE: return n->device->type->name;
	case NODE_BUS: return n->bus->kind;
	case NODE_CPU: return cpu_type(m, buf);
	case NODE_OBJECT: {
		json_t *o = object_props(m, n->id);
		snprintf(buf, 96, "%s", json_string_value(json_object_get(o, "qom-type")));
		json_decref(o);
		return buf;
	}
	default: return "container";
	}
}

/* A property's text as JSON has it: numbers, booleans, strings without the quotes of listings. */
static json_t *value_of(const struct prop *p, const char *text)
{
	size_t n = strlen(text);
	json_t *v = NULL;

	switch ((enum prop_kind)p->kind) {
	case PROP_BOOL: return json_boolean(!strcmp(text, "true"));
	case PROP_U8: case PROP_U16: case PROP_U32: case PROP_I32: return json_integer(strtoll(text, NULL, 0));
	case PROP_U64: case PROP_SIZE: return json_integer((json_int_t)strtoull(text, NULL, 0));
	default:
		if (n > 1 && *text == '"' && text[n - 1] == '"')
			v = json_stringn(text + 1, n - 2);
		return v ? v : json_string(text);
	}
}

static json_t *qom_get(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "property"));
	struct machine *m = opaque;
	struct node n;
	void *state = NULL;
	char type[96], text[1024];

	if (!find(m, call, json_string_value(json_object_get(args, "path")), &n, e))
		return NULL;
	if (!strcmp(name, "type"))
		return json_string(type_of(m, &n, type));
	for (const struct prop *p = own_props(m, &n, &state); p && p->name; p++)
		if (!strcmp(p->name, name)) {
			prop_get(state, p, text, sizeof text);
			return value_of(p, text);
		}
	if (n.kind == NODE_DEVICE) {
		if (!strcmp(name, "realized"))
			return json_boolean(n.device->realized);
		if (!strcmp(name, "hotplugged"))
			return json_boolean(n.device->hotplugged);
		if (!strcmp(name, "hotpluggable"))
			return json_boolean(n.device->type->hotplug);
		if (!strcmp(name, "parent_bus")) {
			if (n.device->parent && n.device->parent->owner) {
				device_qom_path(n.device->parent->owner, text, sizeof text - 34);
				snprintf(text + strlen(text), 34, "/%s", n.device->parent->name);
				return json_string(text);
			}
			return json_string("/machine/unattached/sysbus");
		}
	}
	if (n.kind == NODE_CPU && !strcmp(name, "realized"))
		return json_true();
	if (n.kind == NODE_CPU && !strcmp(name, "apic-id"))
		return json_integer(n.cpu->apic ? (json_int_t)(apic_get_id(n.cpu->apic)) : (json_int_t)n.cpu->index);
	if (n.kind == NODE_OBJECT) {
		json_t *o = object_props(m, n.id), *v = json_incref(json_object_get(json_object_get(o, "props"), name));
		json_decref(o);
		if (v)
			return v;
	}
	err_set(e, ENOENT, "Property '%s.%.100s' not found", type_of(m, &n, type), name);
	return NULL;
}
static const struct ctl_arg get_args[] = {{"path", 's', false}, {"property", 's', false}, {0}};
static const struct ctl_command get_row = {.name = "qom-get", .args = get_args, .run = qom_get};
CTL_COMMAND(get_row);

/* Devices take their properties when they are made; what may change later is none of them yet. */
static json_t *qom_set(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "property"));
	struct machine *m = opaque;
	struct node n;
	void *state = NULL;
	char type[96];
	bool known = !strcmp(name, "type");

	if (!find(m, call, json_string_value(json_object_get(args, "path")), &n, e))
		return NULL;
	for (const struct prop *p = own_props(m, &n, &state); p && p->name; p++)
		known |= !strcmp(p->name, name);
	if (known)
		err_set(e, EPERM, "Attempt to set property '%.100s' on %s '%s' after it was realized", name, n.kind == NODE_DEVICE ? "device" : "object",
			type_of(m, &n, type));
	else
		err_set(e, ENOENT, "Property '%s.%.100s' not found", type_of(m, &n, type), name);
	return NULL;
}
static const struct ctl_arg set_args[] = {{"path", 's', false}, {"property", 's', false}, {"value", '*', false}, {0}};
static const struct ctl_command set_row = {.name = "qom-set", .args = set_args, .run = qom_set};
CTL_COMMAND(set_row);

/* ---- disks, as the guest's side has them ---- */

struct drives {
	json_t *list;
};

static bool drive_of(void *opaque, struct device *d)
{
	struct drives *l = opaque;
	char path[200];

	for (const struct prop *p = d->type->props; p && p->name; p++) {
		struct drive *const *at = (struct drive *const *)(const void *)((const uint8_t *)d + p->offset);
		struct drive_info i;
		if (p->kind != PROP_DRIVE || !*at)
			continue;
		drive_info(*at, &i);
		device_qom_path(d, path, sizeof path);
		json_array_append_new(l->list, json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "id", drive_id(*at), "qdev", path, "removable", i.removable,
							 "locked", i.locked, "tray_open", i.tray_open, "present", i.present, "cdrom", i.cdrom));
	}
	return true;
}

static json_t *query_drives(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct drives l = {json_array()};

	(void)call, (void)args, (void)e;
	device_each(opaque, drive_of, &l);
	return l.list;
}
static const struct ctl_command drives_row = {.name = "x-query-drives", .run = query_drives};
CTL_COMMAND(drives_row);

/* ---- network cards ---- */

struct nics {
	json_t *list;
	unsigned count;
};

static bool nic_of(void *opaque, struct device *d)
{
	struct nics *l = opaque;
	const struct prop *mac = NULL, *netdev = NULL;
	char name[80], text[64] = "", peer[160] = "";
	size_t n;

	for (const struct prop *p = d->type->props; p && p->name; p++) {
		if (p->kind == PROP_MAC)
			mac = p;
		else if (p->kind == PROP_NETDEV)
			netdev = p;
	}
	if (!mac || !netdev)
		return true;
	prop_get(d, mac, text, sizeof text);
	prop_get(d, netdev, peer, sizeof peer);
	if (d->id)
		snprintf(name, sizeof name, "%s", d->id);
	else
		snprintf(name, sizeof name, "%.60s.%u", d->type->name, l->count);
	l->count++;
	for (char *s = text, *const *w = (char *const[]){text, peer, NULL}; (s = *w); w++)
		if (*s == '"' && (n = strlen(s)) > 1) {
			memmove(s, s + 1, n - 2);
			s[n - 2] = '\0';
		}
	json_array_append_new(l->list, json_pack("{s:s, s:s, s:s, s:s}", "name", name, "model", d->type->name, "mac", text, "netdev", peer));
	return true;
}

static json_t *query_nics(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct nics l = {json_array(), 0};

	(void)call, (void)args, (void)e;
	device_each(opaque, nic_of, &l);
	return l.list;
}
static const struct ctl_command nics_row = {.name = "x-query-nics", .run = query_nics};
CTL_COMMAND(nics_row);
