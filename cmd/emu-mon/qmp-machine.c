/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: what emu-cpu answers. */
#include "qmp.h"

/* A type that is no device has no properties that a program could ask for. */
static json_t *list_properties(struct task *t, const json_t *args, struct err *e)
{
	return part_call(t, PART_CPU, NULL, "device-list-properties", json_deep_copy(args), e);
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
	{.name = "device_add", .args = "driver:str,*bus:str,*id:str", .kinds = PART_CPU, .any_args = true},
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
