/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: devices, objects, properties, the PCI bus. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "hmp-rows.h"

static bool show(struct task *t, const char *what, const char *of)
{
	struct err e = ERR_INIT;
	json_t *args = json_pack("{s:s}", "what", what), *r;

	if (of)
		json_object_set_new(args, "of", json_string(of));
	r = part_call(t, PART_CPU, NULL, "x-info", args, &e);
	if (r)
		fputs(text_of(r, "text"), t->out);
	else
		hmp_error(t, &e);
	json_decref(r);
	return r != NULL;
}

static void info_qtree(struct task *t, const struct hmp_args *a)
{
	(void)a;
	show(t, "qtree", NULL);
}

static void info_qdm(struct task *t, const struct hmp_args *a)
{
	(void)a;
	show(t, "device-help", "help");
}

/* ---- hot plugging ---- */

/* "TYPE,prop=value" as the object that QMP takes; values stay words, whose kinds the part knows. */
static json_t *options(struct task *t, const char *text, const char *implied)
{
	struct err e = ERR_INIT;
	json_t *o = json_object();
	struct keyval kv;

	if (text && keyval_parse(text, implied, &kv, &e) == 0) {
		for (unsigned i = 0; i < kv.count; i++)
			json_object_set_new(o, kv.key[i], json_string(kv.value[i]));
		keyval_free(&kv);
	}
	if (!e.code)
		return o;
	hmp_error(t, &e);
	json_decref(o);
	return NULL;
}

static bool is_help(const char *s)
{
	return s && (!strcmp(s, "help") || !strcmp(s, "?"));
}

static void device_add(struct task *t, const struct hmp_args *a)
{
	const char *text = arg_str(a, "device");
	json_t *o = options(t, text, "driver");

	if (!o)
		return;
	if (is_help(text_of(o, "driver")) || json_object_get(o, "help") || json_object_get(o, "?"))
		show(t, "device-help", is_help(text_of(o, "driver")) ? "help" : text_of(o, "driver"));
	else
		hmp_call(t, "device_add", json_incref(o), NULL);
	json_decref(o);
}

static void device_del(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "device_del", json_pack("{s:s}", "id", arg_str(a, "id")), NULL);
}

static void object_add(struct task *t, const struct hmp_args *a)
{
	json_t *o = options(t, arg_str(a, "object"), "qom-type"), *args;

	if (!o)
		return;
	args = json_pack("{s:O*, s:O*}", "qom-type", json_object_get(o, "qom-type"), "id", json_object_get(o, "id"));
	json_object_del(o, "qom-type");
	json_object_del(o, "id");
	json_object_set(args, "props", o);
	json_decref(o);
	hmp_call(t, "object-add", args, NULL);
}

static void object_del(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "object-del", json_pack("{s:s}", "id", arg_str(a, "id")), NULL);
}

static void balloon(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "balloon", json_pack("{s:I}", "value", (json_int_t)arg_int(a, "value", 0)), NULL);
}

static void info_balloon(struct task *t, const struct hmp_args *a)
{
	json_t *r;

	(void)a;
	if (!hmp_call(t, "query-balloon", NULL, &r))
		return;
	fprintf(t->out, "balloon: actual=%lld\n", int_of(r, "actual") >> 20);
	json_decref(r);
}

/* ---- the tree of objects ---- */

static int by_name(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;

	return strcmp(text_of(*x, "name"), text_of(*y, "name"));
}

static json_t **sorted(const json_t *list)
{
	size_t n = json_array_size(list);
	json_t **row = calloc(n + 1, sizeof *row);

	for (size_t i = 0; row && i < n; i++)
		row[i] = json_array_get(list, i);
	if (row)
		qsort(row, n, sizeof *row, by_name);
	return row;
}

static void qom_list(struct task *t, const struct hmp_args *a)
{
	json_t *list, *o;
	size_t n;

	if (!arg_str(a, "path")) {
		fprintf(t->out, "/\n");
		return;
	}
	if (!hmp_call(t, "qom-list", json_pack("{s:s}", "path", arg_str(a, "path")), &list))
		return;
	json_array_foreach(list, n, o)
		fprintf(t->out, "%s (%s)\n", text_of(o, "name"), text_of(o, "type"));
	json_decref(list);
}

static void qom_get(struct task *t, const struct hmp_args *a)
{
	json_t *r;
	char *text;

	if (!hmp_call(t, "qom-get", json_pack("{s:s, s:s}", "path", arg_str(a, "path"), "property", arg_str(a, "property")), &r))
		return;
	text = json_dumps(r, JSON_ENCODE_ANY | JSON_INDENT(4));
	fprintf(t->out, "%s\n", text ? text : "");
	free(text);
	json_decref(r);
}

static void qom_set(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "qom-set", json_pack("{s:s, s:s, s:s}", "path", arg_str(a, "path"), "property", arg_str(a, "property"), "value", arg_str(a, "value")),
		 NULL);
}

static void tree(struct task *t, const char *path, const char *name, const char *type, unsigned depth)
{
	struct err e = ERR_INIT;
	json_t *list, **row;

	fprintf(t->out, "%*s/%s (%s)\n", (int)(2 * depth), "", name, type);
	list = depth < 16 ? mon_call(t, "qom-list", json_pack("{s:s}", "path", path), &e) : NULL;
	row = sorted(list);
	for (size_t i = 0; row && i < json_array_size(list); i++) {
		const char *child = text_of(row[i], "type");
		char kind[200], below[1024];
		if (strncmp(child, "child<", 6))
			continue;
		snprintf(kind, sizeof kind, "%.*s", (int)strlen(child) - 7, child + 6);
		if (snprintf(below, sizeof below, "%s/%s", path, text_of(row[i], "name")) < (int)sizeof below)
			tree(t, below, text_of(row[i], "name"), kind, depth + 1);
	}
	free(row);
	json_decref(list);
}

static void info_qom_tree(struct task *t, const struct hmp_args *a)
{
	const char *path = arg_str(a, "path") ? arg_str(a, "path") : "/machine", *name = strrchr(path, '/');
	json_t *r;

	if (!hmp_call(t, "qom-get", json_pack("{s:s, s:s}", "path", path, "property", "type"), &r))
		return;
	tree(t, path, name ? name + 1 : path, json_string_value(r), 0);
	json_decref(r);
}

/* ---- PCI ---- */

static void pci_devices(struct task *t, const json_t *list);

static void pci_region(struct task *t, const json_t *r)
{
	unsigned long long addr = (unsigned long long)int_of(r, "address"), size = (unsigned long long)int_of(r, "size");

	fprintf(t->out, "      BAR%lld: ", int_of(r, "bar"));
	if (!strcmp(text_of(r, "type"), "io"))
		fprintf(t->out, "I/O at 0x%04llx [0x%04llx].\n", addr, addr + size - 1);
	else
		fprintf(t->out, "%d bit%s memory at 0x%08llx [0x%08llx].\n", true_of(r, "mem_type_64") ? 64 : 32, true_of(r, "prefetch") ? " prefetchable" : "",
			addr, addr + size - 1);
}

static void pci_bridge(struct task *t, const json_t *b)
{
	const json_t *bus = json_object_get(b, "bus"), *io = json_object_get(bus, "io_range"), *mem = json_object_get(bus, "memory_range"),
		     *pre = json_object_get(bus, "prefetchable_range");
	typedef unsigned long long ull;

	fprintf(t->out, "      BUS %lld.\n      secondary bus %lld.\n      subordinate bus %lld.\n", int_of(bus, "number"), int_of(bus, "secondary"),
		int_of(bus, "subordinate"));
	fprintf(t->out, "      IO range [0x%04llx, 0x%04llx]\n", (ull)int_of(io, "base"), (ull)int_of(io, "limit"));
	fprintf(t->out, "      memory range [0x%08llx, 0x%08llx]\n", (ull)int_of(mem, "base"), (ull)int_of(mem, "limit"));
	fprintf(t->out, "      prefetchable memory range [0x%08llx, 0x%08llx]\n", (ull)int_of(pre, "base"), (ull)int_of(pre, "limit"));
}

static void pci_device(struct task *t, const json_t *d)
{
	const json_t *class_info = json_object_get(d, "class_info"), *id = json_object_get(d, "id"), *bridge = json_object_get(d, "pci_bridge"), *r;
	size_t n;

	fprintf(t->out, "  Bus %2lld, device %3lld, function %lld:\n", int_of(d, "bus"), int_of(d, "slot"), int_of(d, "function"));
	if (json_object_get(class_info, "desc"))
		fprintf(t->out, "    %s", text_of(class_info, "desc"));
	else
		fprintf(t->out, "    Class %04lld", int_of(class_info, "class"));
	fprintf(t->out, ": PCI device %04llx:%04llx\n", (unsigned long long)int_of(id, "vendor"), (unsigned long long)int_of(id, "device"));
	if (int_of(id, "subsystem-vendor") && int_of(id, "subsystem"))
		fprintf(t->out, "      PCI subsystem %04llx:%04llx\n", (unsigned long long)int_of(id, "subsystem-vendor"),
			(unsigned long long)int_of(id, "subsystem"));
	if (json_object_get(d, "irq"))
		fprintf(t->out, "      IRQ %lld, pin %c\n", int_of(d, "irq"), (char)('A' + int_of(d, "irq_pin") - 1));
	if (bridge)
		pci_bridge(t, bridge);
	json_array_foreach(json_object_get(d, "regions"), n, r)
		pci_region(t, r);
	fprintf(t->out, "      id \"%s\"\n", text_of(d, "qdev_id"));
	if (bridge)
		pci_devices(t, json_object_get(bridge, "devices"));
}

static void pci_devices(struct task *t, const json_t *list)
{
	json_t *d;
	size_t n;

	json_array_foreach(list, n, d)
		pci_device(t, d);
}

static void info_pci(struct task *t, const struct hmp_args *a)
{
	json_t *list, *b;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-pci", NULL, &list))
		return;
	if (!json_array_size(list))
		fprintf(t->out, "PCI not supported\n");
	json_array_foreach(list, n, b)
		pci_devices(t, json_object_get(b, "devices"));
	json_decref(list);
}

/* ---- the rest ---- */

static void mce(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_CPU, NULL, "x-mce",
			      json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "cpu-index", (json_int_t)arg_int(a, "cpu", 0), "bank",
					(json_int_t)arg_int(a, "bank", 0), "status", (json_int_t)arg_int(a, "status", 0), "mcg-status",
					(json_int_t)arg_int(a, "mcg", 0), "addr", (json_int_t)arg_int(a, "addr", 0), "misc",
					(json_int_t)arg_int(a, "misc", 0), "broadcast", (int)arg_flag(a, "broadcast")), &e);

	if (!r)
		complain(t, &e);
	json_decref(r);
}

static void trace_event(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = mon_call(t, "trace-event-set-state", json_pack("{s:s, s:b, s:b}", "name", arg_str(a, "name"), "enable", (int)arg_int(a, "option", 0),
								   "ignore-unavailable", 1), &e);

	if (!r)
		complain(t, &e);
	json_decref(r);
}

static void info_trace_events(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *list = mon_call(t, "trace-event-get-state", json_pack("{s:s}", "name", arg_str(a, "name") ? arg_str(a, "name") : "*"), &e), *o;
	size_t n;

	if (!list) {
		complain(t, &e);
		return;
	}
	json_array_foreach(list, n, o)
		fprintf(t->out, "%s : state %u\n", text_of(o, "name"), !strcmp(text_of(o, "state"), "enabled"));
	json_decref(list);
}

const struct hmp_row hmp_device_rows[] = {
	{.name = "device_add", .args = "device:O", .params = "driver[,prop=value][,...]", .help = "plug a device in, as -device does", .run = device_add},
	{.name = "device_del", .args = "id:s", .params = "device", .help = "unplug a device, by its id or its path", .run = device_del},
	{.name = "object_add", .args = "object:s", .params = "[qom-type=]type,id=str[,prop=value][,...]", .help = "make an object, as -object does",
	 .run = object_add},
	{.name = "object_del", .args = "id:s", .params = "id", .help = "remove an object", .run = object_del},
	{.name = "cpu-add", .args = "id:i", .params = "id", .help = "add a processor", .needs = "processors that come while the machine runs, which are not built in",
	 .from = "-smp makes as many as the machine is to have."},
	{.name = "qom-list", .args = "path:s?", .params = "path", .help = "list an object's properties", .run = qom_list},
	{.name = "qom-get", .args = "path:s,property:s", .params = "path property", .help = "show a property", .run = qom_get},
	{.name = "qom-set", .args = "path:s,property:s,value:s", .params = "path property value", .help = "set a property", .run = qom_set},
	{.name = "balloon", .args = "value:M", .params = "target", .help = "ask the guest to make do with so many megabytes", .run = balloon},
	{.name = "mce", .args = "broadcast:-b,cpu:i,bank:i,status:l,mcg:l,addr:l,misc:l", .params = "[-b] cpu bank status mcgstatus addr misc",
	 .help = "raise a machine check on a processor (-b: the others hear of it too)", .run = mce},
	{.name = "trace-event", .args = "name:s,option:b,vcpu:i?", .params = "name on|off [vcpu]", .help = "switch a trace point on or off",
	 .run = trace_event},
	{0}};

const struct hmp_row hmp_device_info_rows[] = {
	{.name = "qtree", .help = "show the tree of devices", .run = info_qtree},
	{.name = "qdm", .help = "show the types of devices", .run = info_qdm},
	{.name = "qom-tree", .args = "path:s?", .params = "[path]", .help = "show the tree of objects", .run = info_qom_tree},
	{.name = "pci", .help = "show the PCI devices", .run = info_pci},
	{.name = "balloon", .help = "show how much memory the balloon leaves", .run = info_balloon},
	{.name = "trace-events", .args = "name:s?,vcpu:i?", .params = "[name] [vcpu]", .help = "show the trace points and whether they are on",
	 .run = info_trace_events},
	{0}};
