/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts that come and go while the machine runs: networks here, disks in hot-disk.c. A server is started as a part of its own, and when it is
 * ready the machine is told: of a network it gets the other end of its cable, of a disk its socket's name. From then on it is a part as
 * those of the plan: it is started again when it dies. Slots of parts and links that have gone are used again.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/keyval.h"
#include "child.h"
#include "supervise-own.h"

#define LEAVE_PATIENCE 10000000000ull /* ns; what a disk server was asked to write is the kernel's already */

bool hot_present(const struct sup_part *p)
{
	return p->plan && p->plan->id;
}

static int link_of(const struct sup *s, const struct sup_part *p)
{
	for (unsigned i = 0; i < s->plan->links; i++)
		if (s->link[i].part[0] == p)
			return (int)i;
	return -1;
}

static void free_slot(struct sup_part *p)
{
	struct sup *s = p->sup;
	unsigned n = (unsigned)(p - s->part);
	int link = link_of(s, p);
	char path[PATH_MAX];

	/* A later one of the same name begins anew. */
	for (int i = 0; p->plan->id && i < 3; i++) {
		static const char *const ends[] = {"ctl", "state", "nbd"};
		snprintf(path, sizeof path, "%s/%s.%s", s->dir.path, p->plan->id, ends[i]);
		unlink(path);
	}
	if (link >= 0) {
		link_drop(s, (unsigned)link);
		plan_link_done(&s->plan->link[link]);
	}
	part_free(p);
	plan_part_done(&s->plan->part[n]);
	memset(p, 0, sizeof *p);
	p->ctl_end = p->ready_end = p->ready_fd = p->out_fd = -1;
	p->state = SUP_DEAD;
}

/* ---- what emu-net is told: TYPE,id=ID,KEY=VALUE,… ---- */

static void add_value(FILE *f, const char *key, const json_t *v)
{
	size_t n;
	json_t *item;
	char number[32];
	const char *text = json_is_string(v) ? json_string_value(v) : json_is_boolean(v) ? (json_is_true(v) ? "on" : "off") : NULL;
	char *quoted;

	if (json_is_array(v)) {
		json_array_foreach(v, n, item)
			add_value(f, key, item);
		return;
	}
	/* QMP's lists of strings: [{"str": "tcp::2222-:22"}]. */
	if (json_is_object(v)) {
		add_value(f, key, json_object_get(v, "str"));
		return;
	}
	if (json_is_integer(v)) {
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
		text = number;
	}
	quoted = text ? keyval_quote(text) : NULL;
	if (quoted)
		fprintf(f, ",%s=%s", key, quoted);
	free(quoted);
}

static char *network_text(const json_t *args)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	const char *key;
	json_t *v;

	if (!f)
		return NULL;
	fputs(json_string_value(json_object_get(args, "type")), f);
	json_object_foreach((json_t *)args, key, v)
		if (strcmp(key, "type"))
			add_value(f, key, v);
	return fclose(f) == 0 ? text : NULL;
}

/* ---- netdev_add ---- */

static int fill_slots(struct sup *s, unsigned part, unsigned link, const char *id, const char *network, struct err *e)
{
	struct sup_part *m = sup_machine(s);
	char ctl[140], state[140], plug[140];
	json_t *json;
	int r;

	snprintf(ctl, sizeof ctl, "%s.ctl", id);
	snprintf(state, sizeof state, "%s.state", id);
	snprintf(plug, sizeof plug, ",id=%s.plug", id);
	json = json_pack("{s:s, s:s, s:[s,{s:s},s,{s:s},s,{s:s},s,{s:s},s,[s,{s:s},s],s]}", "id", id, "program", "emu-net", "args", "--ctl", "run", ctl,
			 "--ctl-fd", "fd", "ctl", "--ready-fd", "fd", "ready", "--state", "run", state, "--plug", "fd:", "fd", id, plug, network);
	r = json ? plan_part_read(&s->plan->part[part], json, e) : err_set(e, EINVAL, "netdev_add: what was given is no text");
	json_decref(json);
	if (r < 0)
		return r;
	s->plan->part[part].argv0 = s->plan->program ? strdup(s->plan->program) : NULL;
	json = json_pack("{s:s, s:[s,{s:s,s:s}]}", "id", id, "ends", id, "part", m->plan->id, "attach", "x-netdev-attach");
	r = plan_link_read(&s->plan->link[link], json, e);
	json_decref(json);
	return r;
}

int hot_slot(struct sup *s, const char *id, const char *what, struct err *e)
{
	struct sup_part *m = sup_machine(s);
	unsigned n = 0;

	if (!s->running || s->ending || !m || !m->ctl)
		return err_set(e, EAGAIN, "the machine does not run");
	if (plan_find_part(s->plan, id) || plan_find_link(s->plan, id))
		return err_set(e, EEXIST, "Duplicate ID '%.100s' for %s", id, what);
	while (n < s->plan->parts && s->plan->part[n].id)
		n++;
	return n < PLAN_PARTS ? (int)n : err_set(e, ENOSPC, "the machine has %d parts already", PLAN_PARTS);
}

int hot_launch(struct sup *s, unsigned part, int link, int r, struct ctl_call *call, struct err *e)
{
	struct sup_part *p = &s->part[part];

	if (part == s->plan->parts)
		s->plan->parts++;
	if (link >= 0 && (unsigned)link == s->plan->links)
		s->plan->links++;
	memset(p, 0, sizeof *p);
	p->ctl_end = p->ready_end = p->ready_fd = p->out_fd = -1;
	if (r == 0)
		r = part_init(s, part, e);
	if (r == 0 && link >= 0)
		r = link_make(s, (unsigned)link, e);
	if (r == 0)
		r = part_launch(p, e);
	if (r < 0) {
		p->sup = s;
		p->plan = &s->plan->part[part];
		free_slot(p);
		return r;
	}
	p->hot = true;
	p->call = call;
	return 0;
}

static unsigned free_link_slot(const struct sup *s)
{
	unsigned n = 0;

	while (n < s->plan->links && s->plan->link[n].id)
		n++;
	return n;
}

static json_t *netdev_add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct sup *s = opaque;
	const char *id = json_string_value(json_object_get(args, "id"));
	int part = hot_slot(s, id, "netdev", e), r;
	unsigned link = free_link_slot(s);
	char *network;

	if (part < 0)
		return NULL;
	if (link >= PLAN_LINKS) {
		err_set(e, ENOSPC, "the machine has %d links already", PLAN_LINKS);
		return NULL;
	}
	network = network_text(args);
	r = network ? fill_slots(s, (unsigned)part, link, id, network, e) : err_set(e, ENOMEM, "out of memory");
	free(network);
	return hot_launch(s, (unsigned)part, (int)link, r, call, e) == 0 ? CTL_LATER : NULL;
}
static const struct ctl_arg add_args[] = {{"type", 's', false}, {"id", 's', false}, {0}};
const struct ctl_command hot_add_row = {.name = "netdev_add", .args = add_args, .any_args = true, .run = netdev_add};

void hot_leave(struct sup_part *p)
{
	p->leaving = true;
	p->leave_by = loop_now() + LEAVE_PATIENCE;
	ctl_client_free(p->ctl);
	p->ctl = NULL;
	if (!p->pid) {
		hot_died(p, 0);
		return;
	}
	kill(p->pid, SIGTERM);
	/* It may be a stopped one. */
	kill(p->pid, SIGCONT);
	hot_out_of_patience(p->sup);
}

/* Who hangs would keep its slot, its image and whoever waits for its end. */
void hot_out_of_patience(void *sup)
{
	struct sup *s = sup;
	uint64_t now = loop_now(), next = UINT64_MAX;
	char label[300];

	for (unsigned i = 0; i < s->plan->parts; i++) {
		struct sup_part *p = &s->part[i];
		if (!p->pid || !p->leaving)
			continue;
		if (now >= p->leave_by) {
			sup_say("%s does not end and is killed", part_label(p, label, sizeof label));
			kill(p->pid, SIGKILL);
			p->leave_by = UINT64_MAX;
		}
		if (p->leave_by < next)
			next = p->leave_by;
	}
	loop_set_timer(s->leaving, next);
}

static void plugged(void *opaque, const struct ctl_answer *a)
{
	struct sup_part *p = opaque;
	struct ctl_call *call = p->call;
	int link = p->sup ? link_of(p->sup, p) : -1;

	p->call = NULL;
	if (link >= 0 && p->sup->link[link].fd[1] >= 0) {
		close(p->sup->link[link].fd[1]);
		p->sup->link[link].fd[1] = -1;
	}
	if (call)
		ctl_reply(call, NULL, a->result ? NULL : a->e);
	if (!a->result && p->sup)
		hot_leave(p);
}

void hot_ready(struct sup_part *p)
{
	struct sup_part *m = sup_machine(p->sup);
	int link = link_of(p->sup, p);
	struct err e = ERR_INIT;
	char *drive;

	if (p->plan->drive.count) {
		drive = hot_drive(p, &e);
		if (drive && (!m || !m->ctl))
			err_set(&e, EAGAIN, "the machine does not run");
		if (e.code) {
			ctl_reply(p->call, NULL, &e);
			p->call = NULL;
			hot_leave(p);
		} else {
			ctl_client_call(m->ctl, "x-drive-add", json_pack("{s:s}", "drive", drive), NULL, 0, plugged, p);
		}
		free(drive);
		return;
	}
	if (m && m->ctl && link >= 0)
		ctl_client_call(m->ctl, "netdev_add", json_pack("{s:s, s:b}", "id", p->plan->id, "vnet_hdr", 1), &p->sup->link[link].fd[1], 1, plugged, p);
}

void hot_died(struct sup_part *p, int status)
{
	struct err e = ERR_INIT;
	char how[100];

	if (p->call && p->leaving) {
		ctl_reply(p->call, hot_image(p), NULL);
	} else if (p->call) {
		const char *why = p->last_count ? p->last[p->last_count - 1] : child_end_text(status, how, sizeof how), *name = p->plan->argv0;
		size_t n = name ? strlen(name) : 0;
		if (n && !strncmp(why, name, n) && why[n] == ':' && why[n + 1] == ' ')
			why += n + 2;
		err_set(&e, ECHILD, "%s", why);
		ctl_reply(p->call, NULL, &e);
	}
	p->call = NULL;
	free_slot(p);
}

/* ---- netdev_del ---- */

static void unplugged(void *opaque, const struct ctl_answer *a)
{
	struct ctl_call *call = opaque;

	ctl_reply(call, NULL, a->result ? NULL : a->e);
}

static json_t *netdev_del(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct sup *s = opaque;
	const char *id = json_string_value(json_object_get(args, "id"));
	struct plan_part *plan = plan_find_part(s->plan, id);
	struct sup_part *p = plan ? &s->part[plan - s->plan->part] : NULL, *m = sup_machine(s);

	if (!p || !p->hot || p->leaving || p->call) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENODEV, "Device '%.100s' not found", id);
		return NULL;
	}
	if (!m || !m->ctl) {
		err_set(e, EAGAIN, "the machine does not run");
		return NULL;
	}
	/* The machine first: it is not to call for a cable that has gone. */
	ctl_client_call(m->ctl, "netdev_del", json_pack("{s:s}", "id", id), NULL, 0, unplugged, call);
	hot_leave(p);
	return CTL_LATER;
}
static const struct ctl_arg del_args[] = {{"id", 's', false}, {0}};
const struct ctl_command hot_del_row = {.name = "netdev_del", .args = del_args, .run = netdev_del};
