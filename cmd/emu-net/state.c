/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state file: what was changed since the start, so that a process that takes the place of a killed one is where that was. It exists from the
 * first change on; whoever starts a new machine removes it. It is replaced as a whole (written beside, renamed) before a change is acknowledged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/json.h"
#include "base/sock.h"
#include "net.h"

#define STATE_SIZE (1u << 20)

int state_load(struct net *n, struct err *e)
{
	char *text;
	ssize_t got;
	int fd;

	if (!n->state_path)
		return 0;
	fd = open(n->state_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, errno, "cannot open %s", n->state_path);
	text = malloc(STATE_SIZE);
	got = text ? read(fd, text, STATE_SIZE) : -1;
	close(fd);
	n->saved = got >= 0 && got < (ssize_t)STATE_SIZE ? json_parse(text, (size_t)got, e) : NULL;
	free(text);
	if (!json_is_object(n->saved) || json_integer_value(json_object_get(n->saved, "version")) != 1) {
		json_decref(n->saved);
		n->saved = NULL;
		return err_set(e, EINVAL, "%s is no state of this program", n->state_path);
	}
	n->changed = true;
	if (json_is_array(json_object_get(n->saved, "removed")))
		n->removed = json_deep_copy(json_object_get(n->saved, "removed"));
	return 0;
}

const json_t *state_of(const struct net *n, const char *id)
{
	return json_object_get(json_object_get(n->saved, "ports"), id);
}

bool state_removed(const struct net *n, const char *id)
{
	json_t *one;
	size_t i;

	json_array_foreach(n->removed, i, one)
		if (id && json_is_string(one) && !strcmp(json_string_value(one), id))
			return true;
	return false;
}

static int write_out(struct net *n, const char *text, struct err *e)
{
	char name[4096];
	int fd, r;

	snprintf(name, sizeof name, "%s.new", n->state_path);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, errno, "cannot write %s", name);
	r = fd_write_all(fd, text, strlen(text));
	close(fd);
	if (r == 0 && rename(name, n->state_path) < 0)
		r = -errno;
	return r < 0 ? err_errno(e, -r, "cannot write %s", n->state_path) : 0;
}

int state_commit(struct net *n, struct err *e)
{
	json_t *ports, *all;
	char *text;
	int r;

	n->changed = true;
	if (!n->state_path)
		return 0;
	ports = json_object();
	for (struct port *p = n->ports; p; p = p->next) {
		json_t *o;
		if (p->dead || !strcmp(p->ops->type, "listen"))
			continue;
		o = user_state(p);
		if (!o)
			o = json_object();
		if (p->down)
			json_object_set_new(o, "link", json_false());
		json_object_set_new(ports, p->id, o);
	}
	all = json_pack("{s:i, s:o}", "version", 1, "ports", ports);
	if (n->removed)
		json_object_set(all, "removed", n->removed);
	text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	json_decref(all);
	r = text ? write_out(n, text, e) : err_set(e, ENOMEM, "out of memory");
	free(text);
	return r;
}
