/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: commands of a network (emu-net(7)). What a command changes is in the state file before it is answered. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "net.h"

static const char *text_of(const json_t *args, const char *key)
{
	return json_string_value(json_object_get(args, key));
}

static json_t *hostfwd_add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct net *n = opaque;

	(void)call;
	if (user_hostfwd_add(n, text_of(args, "id"), text_of(args, "rule"), e) == 0)
		state_commit(n, e);
	return NULL;
}

static json_t *hostfwd_remove(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct net *n = opaque;

	(void)call;
	if (user_hostfwd_remove(n, text_of(args, "id"), text_of(args, "rule"), e) == 0)
		state_commit(n, e);
	return NULL;
}
static const struct ctl_arg rule_args[] = {{"rule", 's', false}, {"id", 's', true}, {0}};
static const struct ctl_command add_row = {.name = "hostfwd_add", .args = rule_args, .run = hostfwd_add};
static const struct ctl_command remove_row = {.name = "hostfwd_remove", .args = rule_args, .run = hostfwd_remove};

static struct port *find(struct net *n, struct ctl_call *call, const char *id, struct err *e)
{
	struct port *p = port_find(n, id);

	if (!p) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENODEV, "Device '%.100s' not found", id);
	}
	return p;
}

static json_t *set_link(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct net *n = opaque;
	struct port *p = find(n, call, text_of(args, "name"), e);

	if (p) {
		p->down = !json_is_true(json_object_get(args, "up"));
		state_commit(n, e);
	}
	return NULL;
}
static const struct ctl_arg link_args[] = {{"name", 's', false}, {"up", 'b', false}, {0}};
static const struct ctl_command link_row = {.name = "set_link", .args = link_args, .run = set_link};

static json_t *netdev_del(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct net *n = opaque;
	struct port *p = find(n, call, text_of(args, "id"), e);

	if (p) {
		port_drop(p);
		if (!n->removed)
			n->removed = json_array();
		json_array_append_new(n->removed, json_string(p->id));
		state_commit(n, e);
	}
	return NULL;
}
static const struct ctl_arg id_args[] = {{"id", 's', false}, {0}};
static const struct ctl_command del_row = {.name = "netdev_del", .args = id_args, .run = netdev_del};

/* Each port: what it is, and what has gone through it. */
static json_t *query(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct net *n = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (struct port *p = n->ports; p; p = p->next) {
		char text[512] = "";
		if (p->dead)
			continue;
		if (p->ops->info)
			p->ops->info(p, text, sizeof text);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I}", "id", p->id, "type", p->ops->type, "info", text, "link",
						      !p->down, "rx-frames", (json_int_t)p->in_frames, "rx-bytes", (json_int_t)p->in_bytes,
						      "tx-frames", (json_int_t)p->out_frames, "tx-bytes", (json_int_t)p->out_bytes));
	}
	return list;
}
static const struct ctl_command query_row = {.name = "x-query-network", .run = query};

static char *network_info(struct net *n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (struct port *p = n->ports; p; p = p->next) {
		char line[512] = "";
		if (p->dead)
			continue;
		if (p->ops->info)
			p->ops->info(p, line, sizeof line);
		fprintf(f, "%s: type=%s,%s%s\n", p->id, p->ops->type, line, p->down && strcmp(p->ops->type, "listen") ? ",link=off" : "");
	}
	fclose(f);
	return text;
}

static json_t *info(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *what = text_of(args, "what");
	json_t *result = NULL;
	char *text = NULL;

	(void)call;
	if (!strcmp(what, "usernet"))
		text = user_info(opaque);
	else if (!strcmp(what, "network"))
		text = network_info(opaque);
	else
		err_set(e, EINVAL, "what is one of: usernet, network");
	if (text)
		result = json_stringn_nocheck(text, strlen(text));
	else if (!e->code)
		err_set(e, ENOMEM, "out of memory");
	free(text);
	return result;
}
static const struct ctl_arg what_args[] = {{"what", 's', false}, {"of", 's', true}, {0}};
static const struct ctl_command info_row = {.name = "x-info", .args = what_args, .run = info};

/* A machine's connection, made by somebody else. */
static json_t *attach(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *id = text_of(args, "id");
	char text[160];
	int fd = ctl_take_fd(call, 0);

	if (fd < 0) {
		err_set(e, EBADF, "a file descriptor must come with the command");
		return NULL;
	}
	snprintf(text, sizeof text, "fd:%d%s%.64s", fd, id ? ",id=" : "", id ? id : "");
	if (plug_add(opaque, text, e) < 0)
		close(fd);
	return NULL;
}
static const struct ctl_arg attach_args[] = {{"id", 's', true}, {0}};
static const struct ctl_command attach_row = {.name = "x-plug-attach", .args = attach_args, .run = attach};

static json_t *dump_new(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *id = text_of(args, "id"), *netdev = text_of(args, "netdev");
	json_int_t maxlen = json_integer_value(json_object_get(args, "maxlen"));
	char text[400];
	int fd = ctl_take_fd(call, 0);

	if (fd < 0) {
		err_set(e, EBADF, "the file that is to be written must come with the command");
		return NULL;
	}
	snprintf(text, sizeof text, "fd=%d,id=%.100s%s%.100s,maxlen=%lld", fd, id, netdev ? ",netdev=" : "", netdev ? netdev : "",
		 json_object_get(args, "maxlen") ? (long long)maxlen : 65536);
	if (dump_add(opaque, text, e) < 0)
		close(fd);
	return NULL;
}
static const struct ctl_arg dump_args[] = {{"id", 's', false}, {"netdev", 's', true}, {"maxlen", 'i', true}, {0}};
static const struct ctl_command dump_row = {.name = "x-dump-add", .args = dump_args, .run = dump_new};

static json_t *dump_del(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	if (!dump_remove(opaque, text_of(args, "id"))) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENODEV, "there is no capture '%.100s'", text_of(args, "id"));
	}
	return NULL;
}
static const struct ctl_command dump_del_row = {.name = "x-dump-del", .args = id_args, .run = dump_del};

static json_t *quit(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)call, (void)args, (void)e;
	((struct net *)opaque)->stop = true;
	return NULL;
}
static const struct ctl_command quit_row = {.name = "quit", .run = quit};

static const struct ctl_command *const commands[] = {&add_row, &remove_row, &link_row, &del_row, &query_row, &info_row, &attach_row, &dump_row,
						     &dump_del_row, &quit_row};

static void control_closed(void *opaque)
{
	((struct net *)opaque)->stop = true;
}

int control_start(struct net *n, const char *path, int listen_fd, int fd, struct err *e)
{
	struct ctl_config config = {.package = "emu-net 1.0", .commands = commands, .count = sizeof commands / sizeof *commands,
				    .control_closed = control_closed, .opaque = n};

	if (!path && listen_fd < 0 && fd < 0)
		return 0;
	n->ctl = ctl_new(n->loop, &config, e);
	if (!n->ctl)
		return -e->code;
	if (fd >= 0 && ctl_add_client(n->ctl, fd, true, e) < 0)
		return -e->code;
	if (listen_fd >= 0 && ctl_listen_fd(n->ctl, listen_fd, e) < 0)
		return -e->code;
	return path ? ctl_listen(n->ctl, path, e) : 0;
}
