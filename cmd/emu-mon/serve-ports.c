/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of devices that come while the machine runs: a stream between a back end and emu-cpu, of which the supervisor keeps our end under the name
 * "port N CHARDEV", so that the next monitor goes on with it. The stream of the n-th device at a back end is named as on the command line: CHARDEV, CHARDEV.2, …
 * A port ends when emu-cpu closes its end, with the device.
 */
#include "serve-ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"

#define NAME_MOST (CHAR_ID_MAX + 32)
#define PORTS 256

struct port {
	struct port *next;
	struct ports *of;
	struct relay *relay;
	unsigned number;
	char chardev[CHAR_ID_MAX + 1];
	bool ended;
};

struct ports {
	struct loop *loop;
	struct ports_config config;
	struct port *list;
	unsigned count;
	struct loop_timer *sweep;
};

static void keep(const struct port *p, int fd)
{
	char name[NAME_MOST];

	snprintf(name, sizeof name, "port %u %s", p->number, p->chardev);
	p->of->config.keep(p->of->config.opaque, name, fd);
}

static void stream_name(char *buf, size_t size, const char *chardev, unsigned number)
{
	if (number > 1)
		snprintf(buf, size, "%s.%u", chardev, number);
	else
		snprintf(buf, size, "%s", chardev);
}

/* From the loop: a relay is not freed from within its callback. */
static void sweep(void *opaque)
{
	struct ports *ps = opaque;

	for (struct port **at = &ps->list, *p; (p = *at);) {
		if (!p->ended) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		ps->count--;
		relay_free(p->relay);
		keep(p, -1);
		free(p);
	}
}

static void on_end(void *opaque, const char *id)
{
	struct port *p = opaque;

	(void)id;
	p->ended = true;
	loop_set_timer(p->of->sweep, 0);
}

static void on_break(void *opaque, const char *id)
{
	struct port *p = opaque;

	p->of->config.on_break(p->of->config.opaque, id);
}

/* The fd is the port's in any case. */
static struct port *add(struct ports *ps, struct chardev *c, unsigned number, int fd, struct err *e)
{
	struct port *p = ps->count < PORTS ? calloc(1, sizeof *p) : NULL;
	char name[NAME_MOST];

	if (!p) {
		close(fd);
		err_set(e, ENOSPC, "there are %d ports already", PORTS);
		return NULL;
	}
	p->of = ps;
	p->number = number;
	snprintf(p->chardev, sizeof p->chardev, "%s", chardev_id(c));
	stream_name(name, sizeof name, p->chardev, number);
	p->relay = relay_new(ps->loop, c, fd, &(struct relay_config){.id = name, .on_break = on_break, .on_end = on_end, .opaque = p}, e);
	if (!p->relay) {
		free(p);
		return NULL;
	}
	p->next = ps->list;
	ps->list = p;
	ps->count++;
	return p;
}

void ports_take(struct ports *ps, struct chardevs *chars, const char *kept, int fd)
{
	char id[CHAR_ID_MAX + 1];
	struct err e = ERR_INIT;
	struct chardev *c;
	unsigned number;

	if (sscanf(kept, "port %u %127s", &number, id) != 2)
		return;
	c = chardevs_find(chars, id);
	if (!c)
		close(fd);
	else if (!add(ps, c, number, fd, &e))
		err_report(&e);
}

static bool unused(const json_t *streams, const char *name, bool *known)
{
	const json_t *o;
	size_t n;

	json_array_foreach(streams, n, o)
		if (!strcmp(json_string_value(json_object_get(o, "id")) ? json_string_value(json_object_get(o, "id")) : "", name)) {
			*known = true;
			return !json_is_true(json_object_get(o, "used"));
		}
	*known = false;
	return true;
}

json_t *ports_open(struct ports *ps, struct chardev *c, struct relay *const *relay, unsigned relays, const json_t *streams, int *fd, struct err *e)
{
	char name[NAME_MOST];
	struct port *p;
	bool known;
	int pair[2];

	*fd = -1;
	/* A stream of the command line's whose device has gone. */
	for (unsigned i = 0; i < relays; i++)
		if (relay_backend(relay[i]) == c && unused(streams, relay_id(relay[i]), &known) && known)
			return json_pack("{s:s}", "stream", relay_id(relay[i]));
	for (unsigned n = 1; n <= PORTS + 1; n++) {
		stream_name(name, sizeof name, chardev_id(c), n);
		unused(streams, name, &known);
		for (p = ps->list; p && (p->number != n || strcmp(p->chardev, chardev_id(c))); p = p->next)
			;
		if (known || p)
			continue;
		if (sock_pair(SOCK_STREAM, pair, e) < 0)
			return NULL;
		p = add(ps, c, n, pair[0], e);
		if (!p) {
			close(pair[1]);
			return NULL;
		}
		keep(p, pair[0]);
		*fd = pair[1];
		return json_pack("{s:s}", "stream", name);
	}
	err_set(e, ENOSPC, "there are %d ports already", PORTS);
	return NULL;
}

void ports_set_line(struct ports *ps, const char *id, const struct char_line *line)
{
	for (struct port *p = ps->list; p; p = p->next)
		if (!strcmp(relay_id(p->relay), id))
			relay_set_line(p->relay, line);
}

bool ports_busy(const struct ports *ps)
{
	for (const struct port *p = ps->list; p; p = p->next)
		if (relay_busy(p->relay))
			return true;
	return false;
}

struct ports *ports_new(struct loop *l, const struct ports_config *config)
{
	struct ports *ps = calloc(1, sizeof *ps);

	if (!ps)
		return NULL;
	ps->loop = l;
	ps->config = *config;
	ps->sweep = loop_add_timer(l, sweep, ps);
	if (!ps->sweep) {
		free(ps);
		return NULL;
	}
	return ps;
}

void ports_free(struct ports *ps)
{
	if (!ps)
		return;
	while (ps->list) {
		struct port *p = ps->list;
		ps->list = p->next;
		relay_free(p->relay);
		free(p);
	}
	loop_del_timer(ps->sweep);
	free(ps);
}
