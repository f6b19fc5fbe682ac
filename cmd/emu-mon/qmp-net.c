/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: networks and byte streams. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hmp-rows.h"
#include "qmp.h"

/* The card's end and the network's: whoever knows the name. */
static json_t *set_link(struct task *t, const json_t *args, struct err *e)
{
	json_t *list = part_list(t, PART_NET | PART_CPU), *p, *r = NULL;
	size_t n;

	err_set(e, ENODEV, "Device '%.200s' not found", text_of(args, "name"));
	json_array_foreach(list, n, p) {
		struct err now = ERR_INIT;
		json_t *one = part_call(t, PART_NET | PART_CPU, text_of(p, "name"), "set_link", json_deep_copy(args), &now);
		if (one)
			r = json_incref(one);
		else if (strcmp(t->class_name, "DeviceNotFound") && strcmp(t->class_name, "CommandNotFound"))
			*e = now;
		json_decref(one);
	}
	json_decref(list);
	if (r)
		*e = (struct err)ERR_INIT;
	else
		snprintf(t->class_name, sizeof t->class_name, "DeviceNotFound");
	return r;
}

#define SUPER(name_, args_, ret_) {.name = name_, .args = args_, .ret = ret_, .kinds = PART_SUPER}

const struct qmp_row qmp_net_rows[] = {
	{.name = "set_link", .args = "name:str,up:bool", .run = set_link},
	{.name = "netdev_add", .args = "type:str,id:str", .kinds = PART_SUPER, .any_args = true},
	{.name = "netdev_del", .args = "id:str", .kinds = PART_SUPER | PART_NET, .by = "id"},
	{0}};

const struct qmp_row qmp_char_rows[] = {
	SUPER("query-chardev", NULL, "[ChardevInfo]"),
	SUPER("query-chardev-backends", NULL, "[ChardevBackendInfo]"),
	SUPER("ringbuf-write", "device:str,data:str,*format:DataFormat", NULL),
	SUPER("ringbuf-read", "device:str,size:int,*format:DataFormat", "str"),
	SUPER("chardev-add", "id:str,backend:any", "ChardevReturn"),
	SUPER("chardev-change", "id:str,backend:any", "ChardevReturn"),
	SUPER("chardev-remove", "id:str", NULL),
	SUPER("chardev-send-break", "id:str", NULL),
	{0}};
