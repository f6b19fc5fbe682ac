/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: what emu-cpu answers. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "hmp-rows.h"
#include "qmp.h"

/* A type that is no device has no properties that a program could ask for. */
static json_t *list_properties(struct task *t, const json_t *args, struct err *e)
{
	return part_call(t, PART_CPU, NULL, "device-list-properties", json_deep_copy(args), e);
}

/*
 * A device at a character back end gets a stream of its own, as those of the command line have one: the monitor that has the back ends makes it, and
 * emu-cpu is given its end before the device.
 */
static json_t *device_at_chardev(struct task *t, const json_t *args, const char *chardev, struct err *e)
{
	json_t *streams = part_call(t, PART_CPU, NULL, "x-query-chardev-streams", NULL, e), *port, *r = NULL, *rest;
	int fd = -1;

	if (!streams)
		return NULL;
	port = part_call_fds(t, PART_SUPER, NULL, "x-chardev-port", json_pack("{s:s, s:o}", "id", chardev, "streams", streams), NULL, 0, &fd, e);
	if (!port && !strcmp(t->class_name, "DeviceNotFound")) {
		*t->class_name = '\0';
		*e = (struct err)ERR_INIT;
		err_set(e, ENOENT, "Property '%.60s.chardev' can't find value '%.200s'", text_of(args, "driver"), chardev);
	}
	if (!port)
		return NULL;
	if (fd >= 0) {
		r = part_call_fds(t, PART_CPU, NULL, "x-chardev-stream-add", json_pack("{s:s}", "id", text_of(port, "stream")), &fd, 1, NULL, e);
		close(fd);
	}
	if (fd < 0 || r) {
		rest = json_deep_copy(args);
		json_object_set_new(rest, "chardev", json_string(text_of(port, "stream")));
		json_decref(r);
		r = part_call(t, PART_CPU, NULL, "device_add", rest, e);
		if (!r && fd >= 0) {
			struct err ignored = ERR_INIT;
			char class_name[sizeof t->class_name];
			memcpy(class_name, t->class_name, sizeof class_name);
			json_decref(part_call(t, PART_CPU, NULL, "x-chardev-stream-del", json_pack("{s:s}", "id", text_of(port, "stream")), &ignored));
			memcpy(t->class_name, class_name, sizeof class_name);
		}
	}
	json_decref(port);
	return r;
}

static json_t *device_add(struct task *t, const json_t *args, struct err *e)
{
	const char *chardev = text_of(args, "chardev");

	/* Without a supervisor, emu-cpu's own streams are all there are. */
	if (*chardev && task_offered(t, PART_SUPER, "x-chardev-port"))
		return device_at_chardev(t, args, chardev, e);
	return part_call(t, PART_CPU, NULL, "device_add", json_deep_copy(args), e);
}

#define CPU(name_, args_, ret_) {.name = name_, .args = args_, .ret = ret_, .kinds = PART_CPU}

const struct qmp_row qmp_machine_rows[] = {
	CPU("query-status", NULL, "StatusInfo"),
	CPU("stop", NULL, NULL),
	CPU("cont", NULL, NULL),
	CPU("system_reset", NULL, NULL),
	CPU("system_powerdown", NULL, NULL),
	CPU("system_wakeup", NULL, NULL),
	CPU("inject-nmi", NULL, NULL),
	CPU("watchdog-set-action", "action:WatchdogAction", NULL),
	CPU("query-cpus", NULL, "[CpuInfo]"),
	CPU("query-cpus-fast", NULL, "[CpuInfoFast]"),
	CPU("query-name", NULL, "NameInfo"),
	CPU("query-uuid", NULL, "UuidInfo"),
	CPU("query-kvm", NULL, "KvmInfo"),
	CPU("query-machines", NULL, "[MachineInfo]"),
	CPU("query-target", NULL, "TargetInfo"),
	CPU("query-cpu-definitions", NULL, "[CpuDefinitionInfo]"),
	CPU("query-hotpluggable-cpus", NULL, "[HotpluggableCPU]"),
	CPU("query-memory-size-summary", NULL, "MemoryInfo"),
	CPU("query-memory-devices", NULL, "[MemoryDeviceInfo]"),
	CPU("query-memdev", NULL, "[Memdev]"),
	CPU("query-iothreads", NULL, "[IOThreadInfo]"),
	CPU("query-pci", NULL, "[PciInfo]"),
	CPU("query-balloon", NULL, "BalloonInfo"),
	CPU("balloon", "value:int", NULL),
	CPU("query-mice", NULL, "[MouseInfo]"),
	CPU("trace-event-get-state", "name:str,*vcpu:int", "[TraceEventInfo]"),
	CPU("trace-event-set-state", "name:str,enable:bool,*ignore-unavailable:bool,*vcpu:int", NULL),
	{0}};

const struct qmp_row qmp_device_rows[] = {
	{.name = "device_add", .args = "driver:str,*bus:str,*id:str", .run = device_add, .any_args = true},
	CPU("device_del", "id:str", NULL),
	CPU("device-list-properties", "typename:str", "[ObjectPropertyInfo]"),
	{.name = "qom-list-properties", .args = "typename:str", .ret = "[ObjectPropertyInfo]", .run = list_properties},
	CPU("qom-list-types", "*implements:str,*abstract:bool", "[ObjectTypeInfo]"),
	CPU("qom-list", "path:str", "[ObjectPropertyInfo]"),
	CPU("qom-get", "path:str,property:str", "any"),
	CPU("qom-set", "path:str,property:str,value:any", NULL),
	CPU("object-add", "qom-type:str,id:str,*props:any", NULL),
	CPU("object-del", "id:str", NULL),
	CPU("send-key", "keys:[KeyValue],*hold-time:int", NULL),
	CPU("input-send-event", "*device:str,*head:int,events:[InputEvent]", NULL),
	{0}};
