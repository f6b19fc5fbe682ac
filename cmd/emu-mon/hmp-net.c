/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: networks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "hmp-rows.h"

static void usernet(struct task *t, const struct hmp_args *a)
{
	json_t *list = part_list(t, PART_NET), *p;
	size_t n;

	(void)a;
	json_array_foreach(list, n, p) {
		struct err e = ERR_INIT;
		json_t *r = part_call(t, PART_NET, text_of(p, "name"), "x-info", json_pack("{s:s}", "what", "usernet"), &e);
		if (json_is_string(r))
			fputs(json_string_value(r), t->out);
		else if (!r)
			hmp_error(t, &e);
		json_decref(r);
	}
	json_decref(list);
}

/* All networks' ports: {"id","type","info","link"}. */
static json_t *ports(struct task *t)
{
	json_t *list = part_list(t, PART_NET), *p, *all = json_array();
	size_t n;

	json_array_foreach(list, n, p) {
		struct err ignored = ERR_INIT;
		json_t *one = part_call(t, PART_NET, text_of(p, "name"), "x-query-network", NULL, &ignored);
		json_array_extend(all, one);
		json_decref(one);
	}
	json_decref(list);
	return all;
}

static void port_line(struct task *t, const json_t *p, const char *indent)
{
	fprintf(t->out, "%s%s: index=0,type=%s%s%s\n", indent, text_of(p, "id"), text_of(p, "type"), *text_of(p, "info") ? "," : "", text_of(p, "info"));
}

static void info_network(struct task *t, const struct hmp_args *a)
{
	struct err ignored = ERR_INIT;
	json_t *nics = part_call(t, PART_CPU, NULL, "x-query-nics", NULL, &ignored), *all = ports(t), *nic, *p;
	size_t n, k;

	(void)a;
	json_array_foreach(nics, n, nic) {
		fprintf(t->out, "%s: index=0,type=nic,model=%s,macaddr=%s\n", text_of(nic, "name"), text_of(nic, "model"), text_of(nic, "mac"));
		json_array_foreach(all, k, p)
			if (!strcmp(text_of(p, "id"), text_of(nic, "netdev"))) {
				port_line(t, p, " \\ ");
				json_object_set_new(p, "shown", json_true());
			}
	}
	/* The machine's own end of a plug is no network of its own. */
	json_array_foreach(all, k, p)
		if (!true_of(p, "shown") && strcmp(text_of(p, "type"), "listen") && strcmp(text_of(p, "type"), "plug"))
			port_line(t, p, "");
	json_decref(all);
	json_decref(nics);
}

static void netdev_add(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *o = keyval_parse_object(arg_str(a, "netdev") ? arg_str(a, "netdev") : "", "type", &e);

	if (o && !json_object_get(o, "id"))
		err_set(&e, EINVAL, "Parameter 'id' is missing");
	if (e.code) {
		hmp_error(t, &e);
		json_decref(o);
		return;
	}
	hmp_call(t, "netdev_add", o, NULL);
}

static void netdev_del(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "netdev_del", json_pack("{s:s}", "id", arg_str(a, "id")), NULL);
}

static void set_link(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "set_link", json_pack("{s:s, s:b}", "name", arg_str(a, "name"), "up", (int)arg_int(a, "up", 0)), NULL);
}

/*
 * hostfwd_add [HUB NAME | NETDEV] RULE: one, two or three words. The rule goes to the network that has the name; without one to the first
 * user network.
 */
static json_t *forward(struct task *t, const struct hmp_args *a, const char *command, const char **rule, struct err *e)
{
	const char *one = arg_str(a, "arg1"), *two = arg_str(a, "arg2"), *three = arg_str(a, "arg3"), *id = three ? two : two ? one : NULL;
	json_t *list, *p, *r = NULL;
	size_t n;

	*rule = three ? three : two ? two : one;
	list = part_list(t, PART_NET);
	if (id)
		err_set(e, ENODEV, "unrecognized netdev id '%.100s'", id);
	else
		err_set(e, ENODEV, "no user mode network is in use");
	json_array_foreach(list, n, p) {
		struct err now = ERR_INIT;
		json_t *args = json_pack("{s:s}", "rule", *rule);
		if (id)
			json_object_set_new(args, "id", json_string(id));
		r = part_call(t, PART_NET, text_of(p, "name"), command, args, &now);
		if (r) {
			*e = (struct err)ERR_INIT;
			break;
		}
		/* Another network may have it; the one that does has the word. */
		if (strncmp(now.msg, "there is no network", 19)) {
			*e = now;
			if (id)
				break;
		}
	}
	json_decref(list);
	return r;
}

static void hostfwd_add(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	const char *rule;
	json_t *r = forward(t, a, "hostfwd_add", &rule, &e);

	if (!r)
		complain(t, &e);
	json_decref(r);
}

static void hostfwd_remove(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	const char *rule;
	json_t *r = forward(t, a, "hostfwd_remove", &rule, &e);

	if (r)
		fprintf(t->out, "host forwarding rule for %s removed\n", rule);
	else
		complain(t, &e);
	json_decref(r);
}

const struct hmp_row hmp_net_rows[] = {
	{.name = "netdev_add", .args = "netdev:O", .params = "type,id=str[,prop=value][,...]", .help = "add a network, as -netdev does", .run = netdev_add},
	{.name = "netdev_del", .args = "id:s", .params = "id", .help = "remove a network", .run = netdev_del},
	{.name = "set_link", .args = "name:s,up:b", .params = "name on|off", .help = "plug a network's or a card's cable in or out", .run = set_link},
	{.name = "hostfwd_add", .args = "arg1:s,arg2:s?,arg3:s?", .params = "[netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
	 .help = "forward a port of the host to the guest (user networks)", .run = hostfwd_add},
	{.name = "hostfwd_remove", .args = "arg1:s,arg2:s?,arg3:s?", .params = "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
	 .help = "forward it no more", .run = hostfwd_remove},
	{0}};

const struct hmp_row hmp_net_info_rows[] = {
	{.name = "network", .help = "show the cards and networks", .run = info_network},
	{.name = "usernet", .help = "show the connections of user networks", .run = usernet},
	{0}};
