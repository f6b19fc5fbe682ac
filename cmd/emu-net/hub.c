/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hub: ports, and frames from each to all others. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"

int port_add(struct net *n, struct port *p, const struct port_ops *ops, const char *id, struct err *e)
{
	struct port **at = &n->ports;
	unsigned count = 0;

	if (id && port_find(n, id))
		return err_set(e, EEXIST, "Duplicate ID '%s' for netdev", id);
	if (id && strlen(id) >= sizeof p->id)
		return err_set(e, EINVAL, "id '%s' is too long", id);
	while (*at) {
		at = &(*at)->next;
		count++;
	}
	if (count >= NET_PORTS)
		return err_set(e, ENOSPC, "a network has at most %u ports", NET_PORTS);
	p->net = n;
	p->ops = ops;
	if (id && *id)
		snprintf(p->id, sizeof p->id, "%s", id);
	else
		snprintf(p->id, sizeof p->id, "%s#%u", ops->type, n->next_number++);
	p->down = json_is_false(json_object_get(state_of(n, p->id), "link"));
	*at = p;
	return 0;
}

void port_drop(struct port *p)
{
	p->dead = true;
}

struct port *port_find(struct net *n, const char *id)
{
	for (struct port *p = n->ports; p; p = p->next)
		if (!p->dead && !strcmp(p->id, id))
			return p;
	return NULL;
}

static void send_to(struct port *p, const struct frame_header *h, const uint8_t *f, size_t size)
{
	p->out_frames++;
	p->out_bytes += size;
	p->touched = true;
	p->ops->send(p, h, f, size);
}

static bool emit(void *opaque, const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size)
{
	static const struct frame_header valid = {.flags = FRAME_DATA_VALID};
	struct port *p = opaque;
	uint8_t *whole;

	if (!body_size) {
		send_to(p, &valid, head, head_size);
		return true;
	}
	if (head_size + body_size > NET_FRAME_MAX)
		return false;
	whole = p->net->scratch + NET_FRAME_MAX;
	memcpy(whole, head, head_size);
	memcpy(whole + head_size, body, body_size);
	send_to(p, &valid, whole, head_size + body_size);
	return true;
}

void net_forward(struct port *from, const struct frame_header *h, uint8_t *frame, size_t size)
{
	struct net *n = from->net;
	unsigned others = 0;

	if (!frame_header_ok(h, size) || from->down || from->dead)
		return;
	from->in_frames++;
	from->in_bytes += size;
	if (n->dumps)
		dump_frame(n, from, frame, size);
	for (struct port *p = n->ports; p; p = p->next)
		others += p != from && !p->down && !p->dead;
	for (struct port *p = n->ports; p; p = p->next) {
		if (p == from || p->down || p->dead)
			continue;
		if (!frame_needs_work(h, p->offloads)) {
			send_to(p, h, frame, size);
			continue;
		}
		/* The work is done on a copy where others need the frame as it is. */
		uint8_t *own = frame;
		if (others > 1) {
			if (size > NET_FRAME_MAX)
				continue;
			own = memcpy(n->scratch, frame, size);
		}
		if (!frame_needs_work(h, p->offloads | FRAME_CSUM)) {
			/* Large ones are welcome, but finished. */
			struct frame_header done = {.flags = FRAME_DATA_VALID, .gso_type = h->gso_type, .gso_size = h->gso_size};
			frame_checksum(h, own, size);
			send_to(p, &done, own, size);
		} else {
			frame_segment(h, own, size, emit, p);
		}
	}
}

void net_needs_path(struct net *n, const char *path, bool directory_of, bool change)
{
	char *full = strdup(path), *slash = full ? strrchr(full, '/') : NULL;

	if (!full || n->path_count == NET_PATHS) {
		free(full);
		return;
	}
	if (directory_of && slash)
		slash[slash == full] = 0;
	else if (directory_of)
		strcpy(full, *full ? "." : "");
	n->paths[n->path_count].path = full;
	n->paths[n->path_count++].change = change;
}

/* ---- the loop ---- */

static void bury(struct net *n)
{
	for (struct port **at = &n->ports; *at;) {
		struct port *p = *at;
		if (!p->dead) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		p->ops->free(p);
	}
}

static void flush(struct net *n)
{
	for (struct port *p = n->ports; p; p = p->next)
		if (p->touched && !p->dead) {
			p->touched = false;
			if (p->ops->flush)
				p->ops->flush(p);
		}
}

int net_run(struct net *n)
{
	int r = 0;

	while (!n->stop && r >= 0) {
		int timeout = -1;
		bury(n);
		for (struct port *p = n->ports; p; p = p->next)
			if (p->ops->prepare)
				p->ops->prepare(p, &timeout);
		/* What preparing has made goes out before we wait. */
		flush(n);
		r = loop_once(n->loop, timeout);
		for (struct port *p = n->ports; p; p = p->next)
			if (p->ops->finish && !p->dead)
				p->ops->finish(p);
		flush(n);
		if (n->dumps)
			dump_flush(n);
	}
	return r < 0 ? r : n->status;
}

void net_free_ports(struct net *n)
{
	for (struct port *p = n->ports; p; p = p->next)
		p->dead = true;
	bury(n);
}

/* ---- back ends ---- */

static const struct backend *const backends[] = {&backend_user, &backend_socket, &backend_tap, &backend_bridge, &backend_l2tpv3,
						 &backend_vde, &backend_plug};

const struct backend *backend_at(unsigned i)
{
	return i < sizeof backends / sizeof *backends ? backends[i] : NULL;
}

int backend_add(struct net *n, const char *text, struct err *e)
{
	struct keyval kv = {0};
	int r = keyval_parse(text, "type", &kv, e);
	const char *type = r ? NULL : keyval_get(&kv, "type");

	if (r)
		return r;
	if (!type) {
		r = err_set(e, EINVAL, "'%s': the type of network is missing (user, socket, tap, …)", text);
		goto out;
	}
	for (unsigned i = 0; backend_at(i); i++)
		if (!strcmp(backend_at(i)->type, type)) {
			r = state_removed(n, keyval_get(&kv, "id")) ? 0 : backend_at(i)->add(n, keyval_get(&kv, "id"), &kv, e);
			goto out;
		}
	if (!strcmp(type, "netmap"))
		r = err_set(e, ENOTSUP, "netmap needs the netmap kernel module, which Debian does not ship; tap or socket does");
	else if (!strcmp(type, "vhost-user"))
		r = err_set(e, ENOTSUP, "vhost-user is a plug of the machine itself, not of this program; socket or tap does");
	else if (!strcmp(type, "hubport"))
		r = err_set(e, EINVAL, "hubport: every back end and --plug of one emu-net is a port of the same hub; give them all to it");
	else
		r = err_set(e, EINVAL, "'%s' is no type of network; it is one of: user, socket, tap, bridge, l2tpv3, vde, plug", type);
out:
	keyval_free(&kv);
	return r;
}

int backend_check(const struct keyval *kv, const char *const *known, struct err *e)
{
	for (unsigned i = 0; i < kv->count; i++) {
		const char *const *k = known;
		if (!strcmp(kv->key[i], "type") || !strcmp(kv->key[i], "id"))
			continue;
		while (*k && strcmp(*k, kv->key[i]))
			k++;
		if (!*k) {
			char list[400] = "id";
			for (k = known; *k; k++)
				snprintf(list + strlen(list), sizeof list - strlen(list), ", %s", *k);
			err_set(e, EINVAL, "Invalid parameter '%s'", kv->key[i]);
			return err_hint(e, "It is one of: %s", list);
		}
	}
	return 0;
}

int backend_on_off(const struct keyval *kv, const char *key, bool *to, struct err *e)
{
	const char *v = keyval_get(kv, key);

	if (!v)
		return 0;
	*to = !strcmp(v, "on") || !strcmp(v, "yes") || !strcmp(v, "y") || !strcmp(v, "true");
	if (*to || !strcmp(v, "off") || !strcmp(v, "no") || !strcmp(v, "n") || !strcmp(v, "false"))
		return 0;
	return err_set(e, EINVAL, "Parameter '%s' expects 'on' or 'off'", key);
}
