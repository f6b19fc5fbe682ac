/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network plugs: the command line's and the control socket's; connecting again after the other end has gone, through the process that connects
 * (drive-dial.h). A cable without its other end is no event for the guest: frames are lost for a while, the link stays up.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/keyval.h"
#include "base/size.h"
#include "base/sock.h"
#include "core.h"
#include "drive-dial.h"
#include "net-internal.h"
#include "plugs.h"

#define PATIENCE_MS 10000
#define REDIAL_FIRST_MS 20
#define REDIAL_MOST_MS 1000

struct net_core {
	struct netdev *list;
	struct dialer *dialer;
	unsigned paths;
	uint8_t last_mac;
	bool any_mac;
};

static struct net_core *core(const struct machine *m)
{
	return m->parts->nets;
}

static int plug_in(struct netdev *n, int fd, struct err *e)
{
	int r = fd_set_nonblock(fd, true), type = 0, most = 1 << 20;
	socklen_t size = sizeof type;

	if (r < 0)
		return err_errno(e, -r, "cannot use fd %d as a network", fd);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return err_errno(e, errno, "cannot use fd %d as a network", fd);
	n->watch = loop_add_fd(n->machine->loop, fd, 0, net_ready, n, e);
	if (!n->watch)
		return -e->code;
	/* Room for a few large frames, so that the processor that sends them seldom waits for the other end. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
	n->packet = type != SOCK_STREAM;
	n->fd = fd;
	n->broken = false;
	n->tries = 0;
	net_forget_traffic(n);
	if (n->header)
		net_say_hello(n);
	net_update_watch(n);
	return 0;
}

static void redial_later(struct netdev *n)
{
	uint64_t ms = REDIAL_FIRST_MS;

	for (unsigned i = 0; i < n->tries && ms < REDIAL_MOST_MS; i++)
		ms *= 2;
	n->tries++;
	if (n->redial)
		loop_set_timer(n->redial, loop_now() + (ms < REDIAL_MOST_MS ? ms : REDIAL_MOST_MS) * 1000000);
}

static void redial(void *opaque)
{
	struct netdev *n = opaque;
	struct err e = ERR_INIT;
	int fd;

	machine_lock(n->machine);
	if (n->fd < 0 && !n->dead) {
		unsigned tries = n->tries;
		fd = core(n->machine)->dialer ? dialer_connect(core(n->machine)->dialer, n->dial, &e) : -1;
		if (fd >= 0 && plug_in(n, fd, &e) < 0) {
			close(fd);
			fd = -1;
		}
		n->tries = tries;
		if (fd < 0)
			redial_later(n);
		else
			machine_event(n->machine, "NETDEV_CONNECTED", json_pack("{s:s}", "id", n->id));
	}
	machine_unlock(n->machine);
}

void net_unplugged(struct netdev *n)
{
	if (n->fd < 0)
		return;
	loop_del_fd(n->watch);
	n->watch = NULL;
	close(n->fd);
	n->fd = -1;
	n->broken = false;
	net_forget_traffic(n);
	if (n->dead)
		return;
	machine_event(n->machine, "NETDEV_DISCONNECTED", json_pack("{s:s}", "id", n->id));
	/* Whoever waits for room is let go: without the other end frames are dropped. */
	if (n->busy) {
		n->busy = false;
		if (n->ops && n->ops->sendable && !n->paused)
			n->ops->sendable(n->opaque);
	}
	if (n->dial != UINT_MAX)
		redial_later(n);
}

static void running(void *opaque, bool on)
{
	struct netdev *n = opaque;

	if (n->dead)
		return;
	n->paused = !on;
	net_update_watch(n);
	if (on && n->ops && n->ops->sendable)
		n->ops->sendable(n->opaque);
}

/* ---- adding and removing ---- */

static void free_net(struct netdev *n)
{
	if (!n)
		return;
	n->ops = NULL;
	n->dead = true;
	net_unplugged(n);
	loop_del_timer(n->redial);
	free(n->out);
	free(n->in);
	free(n->cut);
	free(n->path);
	free(n->id);
	free(n);
}

static struct netdev *new_net(struct machine *m, const char *id, struct err *e)
{
	struct netdev *n;

	if (netdev_find(m, id)) {
		err_set(e, EEXIST, "Duplicate ID '%s' for netdev", id);
		return NULL;
	}
	n = calloc(1, sizeof *n);
	if (n) {
		n->machine = m;
		n->fd = -1;
		n->dial = UINT_MAX;
		n->id = strdup(id);
		n->out = malloc(NET_QUEUE);
		n->in = malloc(NET_INPUT);
		n->redial = loop_add_timer(m->loop, redial, n);
	}
	if (!n || !n->id || !n->out || !n->in || !n->redial) {
		free_net(n);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	return n;
}

static void enlist(struct netdev *n)
{
	struct netdev **p = &core(n->machine)->list;

	while (*p)
		p = &(*p)->next;
	*p = n;
	machine_on_state(n->machine, running, n);
}

static int on_off(const char *key, const char *value, bool *to, struct err *e)
{
	*to = value && !strcmp(value, "on");
	return !value || *to || !strcmp(value, "off") ? 0 : err_set(e, EINVAL, "%s=%s: on or off", key, value);
}

int net_add(struct machine *m, const char *text, struct err *e)
{
	static const char *const known[] = {"id", "fd", "unix", "packet", "vnet_hdr"};
	struct keyval kv = {0};
	struct netdev *n = NULL;
	int64_t fd = -1;
	bool packet;
	int r = keyval_parse(text, NULL, &kv, e);

	for (unsigned i = 0; r == 0 && i < kv.count; i++) {
		unsigned k = 0;
		while (k < 5 && strcmp(kv.key[i], known[k]))
			k++;
		if (k == 5)
			r = err_set(e, EINVAL, "there is no '%s' (id, fd, unix, packet, vnet_hdr)", kv.key[i]);
	}
	const char *id = r ? NULL : keyval_get(&kv, "id"), *fd_text = r ? NULL : keyval_get(&kv, "fd"), *path = r ? NULL : keyval_get(&kv, "unix");
	if (r == 0 && (!id || !*id))
		r = err_set(e, EINVAL, "'%s': id=ID is missing", text);
	if (r == 0 && !fd_text == !path)
		r = err_set(e, EINVAL, "'%s': %s", text, path ? "fd=N or unix=PATH, not both" : "fd=N or unix=PATH is missing");
	if (r == 0 && !(n = new_net(m, id, e)))
		r = -e->code;
	if (r == 0)
		r = on_off("vnet_hdr", keyval_get(&kv, "vnet_hdr"), &n->header, e);
	if (r == 0)
		r = on_off("packet", keyval_get(&kv, "packet"), &packet, e);
	if (r == 0 && fd_text) {
		r = number_parse("fd", fd_text, 0, INT32_MAX, &fd, e);
	} else if (r == 0) {
		n->path = strdup(path);
		fd = r = n->path ? sock_wait_unix(path, packet ? SOCK_SEQPACKET : SOCK_STREAM, PATIENCE_MS, e) : err_set(e, ENOMEM, "out of memory");
		if (r >= 0 && !packet)
			n->dial = core(m)->paths++;
	}
	if (r >= 0)
		r = plug_in(n, (int)fd, e);
	keyval_free(&kv);
	if (r < 0) {
		free_net(n);
		return r;
	}
	enlist(n);
	return 0;
}

int net_reconnect(struct machine *m, const char *id, int fd, struct err *e)
{
	struct netdev *n = netdev_find(m, id);

	if (!n)
		return err_set(e, ENODEV, "there is no network '%s'", id);
	if (n->fd >= 0) {
		unsigned dial = n->dial;
		n->dial = UINT_MAX;
		net_unplugged(n);
		n->dial = dial;
	}
	loop_set_timer(n->redial, UINT64_MAX);
	return plug_in(n, fd, e);
}

struct netdev *netdev_find(struct machine *m, const char *id)
{
	for (struct netdev *n = core(m)->list; n; n = n->next)
		if (!n->dead && !strcmp(n->id, id))
			return n;
	return NULL;
}

int nets_prepare(struct machine *m, struct err *e)
{
	struct net_core *c = core(m);
	const char **paths;

	if (!c->paths)
		return 0;
	paths = calloc(c->paths, sizeof *paths);
	if (!paths)
		return err_set(e, ENOMEM, "out of memory");
	for (struct netdev *n = c->list; n; n = n->next)
		if (n->dial < c->paths)
			paths[n->dial] = n->path;
	c->dialer = dialer_start(paths, c->paths, NULL, NULL, e);
	free(paths);
	return c->dialer ? 0 : -e->code;
}

void net_default_mac(struct machine *m, uint8_t *mac)
{
	static const uint8_t first[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56}, none[6];
	struct net_core *c = core(m);

	if (memcmp(mac, none, 6))
		return;
	memcpy(mac, first, 6);
	if (c->any_mac)
		mac[5] = (uint8_t)(c->last_mac + 1);
	c->last_mac = mac[5];
	c->any_mac = true;
}

int net_core_init(struct machine *m, struct err *e)
{
	m->parts->nets = calloc(1, sizeof *m->parts->nets);
	return m->parts->nets ? 0 : err_set(e, ENOMEM, "out of memory");
}

void net_core_free(struct machine *m)
{
	struct net_core *c = core(m);

	while (c && c->list) {
		struct netdev *n = c->list;
		c->list = n->next;
		free_net(n);
	}
	if (c)
		dialer_stop(c->dialer);
	free(c);
	m->parts->nets = NULL;
}

/* ---- control commands ---- */

static struct netdev *by_name(struct machine *m, struct ctl_call *call, const char *name, bool cards, struct err *e)
{
	struct netdev *n = netdev_find(m, name);
	struct device *d = n || !cards ? NULL : device_find(m, name);

	for (struct netdev *i = core(m)->list; d && i; i = i->next)
		if (i->card == d && !i->dead)
			n = i;
	if (!n) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENODEV, "Device '%.100s' not found", name);
	}
	return n;
}

static json_t *set_link(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	bool up = json_is_true(json_object_get(args, "up"));
	struct netdev *n = by_name(opaque, call, json_string_value(json_object_get(args, "name")), true, e);

	if (n && n->down == up) {
		n->down = !up;
		if (n->ops && n->ops->link)
			n->ops->link(n->opaque, up);
	}
	return NULL;
}
static const struct ctl_arg link_args[] = {{"name", 's', false}, {"up", 'b', false}, {0}};
static const struct ctl_command link_row = {.name = "set_link", .args = link_args, .run = set_link};
CTL_COMMAND(link_row);

static json_t *netdev_add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	int fd = ctl_take_fd(call, 0);
	struct netdev *n;

	if (fd < 0) {
		err_set(e, EBADF, "a connection to the network must come with the command");
		return NULL;
	}
	n = new_net(opaque, json_string_value(json_object_get(args, "id")), e);
	if (n)
		n->header = json_is_true(json_object_get(args, "vnet_hdr"));
	if (!n || plug_in(n, fd, e) < 0) {
		close(fd);
		free_net(n);
		return NULL;
	}
	n->paused = !clock_running(opaque);
	enlist(n);
	return NULL;
}
static const struct ctl_arg add_args[] = {{"id", 's', false}, {"vnet_hdr", 'b', true}, {0}};
static const struct ctl_command add_row = {.name = "netdev_add", .args = add_args, .run = netdev_add, .any_args = true};
CTL_COMMAND(add_row);

static json_t *netdev_del(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct netdev *n = by_name(opaque, call, json_string_value(json_object_get(args, "id")), false, e);

	if (!n)
		return NULL;
	/* Its card keeps a cable that leads nowhere. The record stays: calls for it may be on their way. */
	if (n->ops && n->ops->link && !n->down)
		n->ops->link(n->opaque, false);
	n->down = n->dead = true;
	net_unplugged(n);
	loop_set_timer(n->redial, UINT64_MAX);
	if (n->ops && n->ops->sendable)
		n->ops->sendable(n->opaque);
	free(n->out);
	free(n->in);
	free(n->cut);
	n->out = n->in = n->cut = NULL;
	n->cut_at = n->cut_size = 0;
	return NULL;
}
static const struct ctl_arg id_args[] = {{"id", 's', false}, {0}};
static const struct ctl_command del_row = {.name = "netdev_del", .args = id_args, .run = netdev_del};
CTL_COMMAND(del_row);

/* What "info network" shows of this side: {id, card, connected, link, …}. */
static json_t *query(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (struct netdev *n = core(m)->list; n; n = n->next) {
		json_t *o;
		if (n->dead)
			continue;
		o = json_pack("{s:s, s:b, s:b, s:b, s:I}", "id", n->id, "connected", n->fd >= 0, "link", !n->down, "vnet_hdr", n->in_header,
			      "dropped", (json_int_t)n->dropped);
		if (n->path)
			json_object_set_new(o, "path", json_string(n->path));
		if (n->card) {
			json_object_set_new(o, "model", json_string(n->card->type->name));
			json_object_set_new(o, "device", json_string(n->card->id ? n->card->id : n->card->path));
			for (const struct prop *p = n->card->type->props; p && p->name; p++)
				if (!strcmp(p->name, "mac")) {
					char text[32];
					const uint8_t *mac = (const uint8_t *)n->card + p->offset;
					snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
					json_object_set_new(o, "mac", json_string(text));
				}
		}
		json_array_append_new(list, o);
	}
	return list;
}
static const struct ctl_command query_row = {.name = "x-query-network", .run = query};
CTL_COMMAND(query_row);
