/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a machine. Theory of operation: the run directory is watched; each NAME.ctl in it gets a client (base/ctl-client.h) and is
 * asked for its commands when it has greeted. A part whose socket has gone away for good is forgotten; one that is started anew is the same.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mon.h"
#include "mon-own.h"

struct part {
	struct part *next;
	struct monitor *monitor;
	char name[128];
	enum part_kind kind;   /* 0: has not greeted */
	struct ctl_client *client;
	json_t *commands;      /* {"query-status": true, …} */
	bool settled;
	bool gone;             /* to be forgotten when nothing of it is on the stack */
};

static const struct { enum part_kind kind; const char *name; } kinds[] = {
	{PART_CPU, "emu-cpu"}, {PART_DISK, "emu-nbd"}, {PART_NET, "emu-net"}, {PART_VNC, "emu-vnc"}, {PART_SUPER, "emu-mon"}};

const char *part_kind_name(enum part_kind k)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].kind == k)
			return kinds[i].name;
	return "";
}

static enum part_kind kind_of(const char *package)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strncmp(package, kinds[i].name, strlen(kinds[i].name)))
			return kinds[i].kind;
	return 0;
}

struct loop *monitor_loop(struct monitor *m) { return m->loop; }
const char *monitor_dir(const struct monitor *m) { return m->dir; }
const char *part_name(const struct part *p) { return p->name; }
enum part_kind part_kind(const struct part *p) { return p->kind; }
struct ctl_client *part_client(struct part *p) { return p->client; }

struct part *part_find(struct monitor *m, unsigned which, const char *name)
{
	for (struct part *p = m->parts; p; p = p->next)
		if (p->kind & which && !p->gone && (!name || !strcmp(name, p->name)))
			return p;
	return NULL;
}

struct part *part_next(struct monitor *m, struct part *after)
{
	return after ? after->next : m->parts;
}

bool part_offers(const struct part *p, const char *command)
{
	return json_object_get(p->commands, command) != NULL;
}

bool parts_offer(struct monitor *m, unsigned which, const char *command)
{
	for (struct part *p = m->parts; p; p = p->next)
		if (p->kind & which && !p->gone && part_offers(p, command))
			return true;
	return false;
}

bool monitor_settled(const struct monitor *m)
{
	for (const struct part *p = m->parts; p; p = p->next)
		if (!p->settled && !p->gone)
			return false;
	return true;
}

/* ---- events ---- */

void monitor_listen(struct monitor *m, struct listener *l)
{
	l->next = m->listeners;
	m->listeners = l;
}

void monitor_unlisten(struct monitor *m, struct listener *l)
{
	struct listener **p = &m->listeners;

	while (*p && *p != l)
		p = &(*p)->next;
	if (*p)
		*p = l->next;
}

static void on_event(void *opaque, const json_t *event)
{
	struct part *p = opaque;
	struct listener *next;

	for (struct listener *l = p->monitor->listeners; l; l = next) {
		next = l->next;
		if (l->event)
			l->event(l->opaque, p, event);
	}
}

/* ---- coming and going ---- */

static void free_part(struct part *p)
{
	ctl_client_free(p->client);
	json_decref(p->commands);
	free(p);
}

/* From the loop, outside of every callback of a client. */
static void sweep(void *opaque)
{
	struct monitor *m = opaque;
	bool had_cpu = false, machine = false;

	m->sweeping = false;
	for (struct part **p = &m->parts, *dead; (dead = *p);) {
		if (!dead->gone) {
			machine |= dead->kind == PART_CPU;
			p = &dead->next;
			continue;
		}
		had_cpu |= dead->kind == PART_CPU;
		*p = dead->next;
		free_part(dead);
	}
	waiting_wake(m);
	if (had_cpu && !machine) {
		struct listener *next;
		for (struct listener *l = m->listeners; l; l = next) {
			next = l->next;
			if (l->quit)
				l->quit(l->opaque);
		}
	}
}

static void sweep_later(struct monitor *m)
{
	if (!m->sweeping && !m->closing) {
		m->sweeping = true;
		loop_set_timer(m->sweep_timer, loop_now());
	}
}

static bool name_exists(struct monitor *m, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s.ctl", m->dir, name);
	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void take_commands(void *opaque, const struct ctl_answer *a)
{
	struct part *p = opaque;
	const json_t *row;
	size_t n;

	json_object_clear(p->commands);
	if (a->result)
		json_array_foreach(a->result, n, row) {
			const char *name = json_string_value(json_object_get(row, "name"));
			if (name)
				json_object_set_new(p->commands, name, json_true());
		}
	p->settled = true;
	if (!p->monitor->closing)
		sweep_later(p->monitor);
}

static void on_state(void *opaque, enum ctl_state state)
{
	struct part *p = opaque;

	if (state == CTL_READY) {
		p->kind = kind_of(ctl_client_package(p->client));
		ctl_client_call(p->client, "query-commands", NULL, NULL, 0, take_commands, p);
	} else if (state == CTL_GONE) {
		p->settled = true;
		if (!name_exists(p->monitor, p->name))
			p->gone = true;
		sweep_later(p->monitor);
	}
}

static void add_part(struct monitor *m, const char *file)
{
	size_t size = strlen(file);
	struct ctl_client_config config = {.fd = -1, .state = on_state, .event = on_event};
	char path[PATH_MAX];
	struct err e = ERR_INIT;
	struct part *p;

	if (size <= 4 || strcmp(file + size - 4, ".ctl") || size - 4 >= sizeof p->name)
		return;
	for (p = m->parts; p; p = p->next)
		if (!p->gone && !strncmp(p->name, file, size - 4) && strlen(p->name) == size - 4)
			return;
	p = calloc(1, sizeof *p);
	if (!p)
		return;
	memcpy(p->name, file, size - 4);
	p->monitor = m;
	p->commands = json_object();
	snprintf(path, sizeof path, "%s/%s", m->dir, file);
	config.path = path;
	config.opaque = p;
	p->client = ctl_client_new(m->loop, &config, &e);
	if (!p->client) {
		json_decref(p->commands);
		free(p);
		return;
	}
	p->next = m->parts;
	m->parts = p;
}

static void scan(struct monitor *m)
{
	DIR *d = opendir(m->dir);
	struct dirent *de;

	while (d && (de = readdir(d)))
		add_part(m, de->d_name);
	if (d)
		closedir(d);
	for (struct part *p = m->parts; p; p = p->next)
		if (ctl_client_state(p->client) == CTL_GONE && !name_exists(m, p->name)) {
			p->gone = true;
			sweep_later(m);
		}
}

void monitor_look(struct monitor *m)
{
	scan(m);
	/* A socket that was bound and not listened on yet refused us; the next attempt is on its way. */
	for (struct part *p = m->parts; p; p = p->next)
		if (!p->gone && ctl_client_state(p->client) != CTL_READY)
			p->settled = false;
}

static void on_inotify(void *opaque, unsigned events)
{
	struct monitor *m = opaque;
	char buf[4096];

	(void)events;
	while (read(m->inotify, buf, sizeof buf) > 0)
		;
	scan(m);
}

struct monitor *monitor_new(struct loop *l, const char *run_dir, struct err *e)
{
	struct monitor *m = calloc(1, sizeof *m);

	if (!m || !(m->dir = strdup(run_dir)) || !(m->sweep_timer = loop_add_timer(l, sweep, m))) {
		err_set(e, ENOMEM, "out of memory");
		goto fail;
	}
	/* jansson reads /dev/urandom for its first object; threads are to find that done. */
	json_object_seed(0);
	m->loop = l;
	m->inotify = -1;
	if (tasks_init(m, e) < 0)
		goto fail;
	m->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (m->inotify < 0 || inotify_add_watch(m->inotify, run_dir, IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR) < 0) {
		err_errno(e, errno, "cannot watch the run directory %s", run_dir);
		goto fail;
	}
	m->inotify_watch = loop_add_fd(l, m->inotify, LOOP_READ, on_inotify, m, e);
	if (!m->inotify_watch)
		goto fail;
	scan(m);
	return m;
fail:
	if (m) {
		if (m->loop) {
			tasks_end(m);
			if (m->inotify >= 0)
				close(m->inotify);
		}
		if (m->sweep_timer)
			loop_del_timer(m->sweep_timer);
		free(m->dir);
	}
	free(m);
	return NULL;
}

static void close_fds(struct monitor *m)
{
	const char *key;
	json_t *v, *set;
	size_t i, k;

	json_object_foreach(m->fds, key, v)
		close((int)json_integer_value(v));
	json_decref(m->fds);
	json_array_foreach(m->fdsets, i, set)
		json_array_foreach(json_object_get(set, "fds"), k, v)
			close((int)json_integer_value(json_object_get(v, "fd")));
	json_decref(m->fdsets);
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	m->closing = true;
	pthread_cond_broadcast(&m->turn);
	pthread_mutex_unlock(&m->lock);
	sessions_close(m);
	waiting_wake(m);
	while (m->parts) {
		struct part *p = m->parts;
		m->parts = p->next;
		free_part(p);
	}
	tasks_stop(m);
	loop_del_fd(m->inotify_watch);
	close(m->inotify);
	loop_del_timer(m->sweep_timer);
	tasks_end(m);
	if (json_object_get(m->nbd, "args"))
		close(m->nbd_fd);
	json_decref(m->nbd);
	close_fds(m);
	free(m->dir);
	free(m);
}
