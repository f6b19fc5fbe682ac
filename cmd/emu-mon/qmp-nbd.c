/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: nbd-server-start, -add, -remove, -stop. One socket, which the server of the first disk gets. Until then the machine's own monitor has it
 * (mon.ctl), where every monitor finds it and the supervisor keeps it; without a supervisor it is this monitor's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
#include "disks.h"
#include "hmp-rows.h"
#include "mon-own.h"
#include "qmp.h"

/* ---- what is known: {} nobody serves, {"args": …} with a descriptor: it waits for a disk, {"part": …}: that server has it ---- */

static json_t *known(struct task *t, int *fd, struct err *e)
{
	struct monitor *m = t->monitor;
	json_t *r;

	*fd = -1;
	if (task_offered(t, PART_SUPER, "x-nbd-server"))
		return part_call_fds(t, PART_SUPER, NULL, "x-nbd-server", NULL, NULL, 0, fd, e);
	pthread_mutex_lock(&m->lock);
	r = m->nbd ? json_incref(m->nbd) : json_object();
	*fd = m->nbd && json_object_get(m->nbd, "args") ? dup(m->nbd_fd) : -1;
	pthread_mutex_unlock(&m->lock);
	return r;
}

/* what is consumed; {}: nobody serves. fd is borrowed. */
static bool know(struct task *t, json_t *what, int fd, struct err *e)
{
	struct monitor *m = t->monitor;
	json_t *r;

	if (task_offered(t, PART_SUPER, "x-nbd-server")) {
		r = part_call_fds(t, PART_SUPER, NULL, "x-nbd-server", json_pack("{s:o}", "set", what), &fd, fd >= 0, NULL, e);
		json_decref(r);
		return r != NULL;
	}
	pthread_mutex_lock(&m->lock);
	if (json_object_get(m->nbd, "args"))
		close(m->nbd_fd);
	json_decref(m->nbd);
	m->nbd = what;
	m->nbd_fd = fd >= 0 ? dup(fd) : -1;
	pthread_mutex_unlock(&m->lock);
	return true;
}

/* ---- the commands ---- */

static int listening(const json_t *addr, struct err *e)
{
	const json_t *data = json_object_get(addr, "data");
	const char *type = text_of(addr, "type");

	/* The server's filter lets it make no socket: it is made here. */
	if (!strcmp(type, "inet"))
		return sock_listen_tcp(text_of(data, "host"), text_of(data, "port"), true_of(data, "ipv4"), true_of(data, "ipv6"), e);
	if (!strcmp(type, "unix"))
		return sock_listen_unix(text_of(data, "path"), SOCK_STREAM, 0600, e);
	return err_set(e, EINVAL, "Invalid parameter '%.40s': an address is one of inet, unix", type);
}

static json_t *nbd_start(struct task *t, const json_t *args, struct err *e)
{
	int fd;
	json_t *now = known(t, &fd, e);
	bool running = json_object_get(now, "args") || (*text_of(now, "part") && disk_part_there(t, text_of(now, "part")));

	file_close(fd);
	json_decref(now);
	if (e->code)
		return NULL;
	if (running) {
		err_set(e, EBUSY, "NBD server already running");
		return NULL;
	}
	fd = listening(json_object_get(args, "addr"), e);
	if (fd >= 0)
		know(t, json_pack("{s:o}", "args", json_deep_copy(args)), fd, e);
	file_close(fd);
	return NULL;
}

static json_t *nbd_add(struct task *t, const json_t *args, struct err *e)
{
	const char *device = text_of(args, "device"), *has;
	char part[128];
	json_t *now, *r;
	int fd;

	disk_owner(t, device, part);
	if (!*part) {
		err_set(e, ENODEV, "Cannot find device=%.200s nor node_name=%.200s", device, device);
		return NULL;
	}
	now = known(t, &fd, e);
	has = text_of(now, "part");
	if (json_object_get(now, "args")) {
		r = part_call_fds(t, PART_DISK, part, "nbd-server-start", json_incref(json_object_get(now, "args")), &fd, 1, NULL, e);
		json_decref(r);
		if (r)
			know(t, json_pack("{s:s}", "part", part), -1, e);
	} else if (*has && strcmp(has, part)) {
		err_set(e, EBUSY, "the NBD server's socket belongs to the disks of %s; '%s' is served by %s", has, device, part);
		err_hint(e, "A disk of its own server has a socket of its own: %s.nbd in the run directory.", part);
	}
	file_close(fd);
	json_decref(now);
	return e->code ? NULL : part_call(t, PART_DISK, part, "nbd-server-add", json_deep_copy(args), e);
}

static json_t *nbd_remove(struct task *t, const json_t *args, struct err *e)
{
	int fd;
	json_t *now = known(t, &fd, e), *r = NULL;
	const char *has = text_of(now, "part");

	file_close(fd);
	if (now)
		r = *has ? part_call(t, PART_DISK, has, "nbd-server-remove", json_deep_copy(args), e) : to_disk(t, "nbd-server-remove", args, NULL, 0, NULL, e);
	json_decref(now);
	return r;
}

static json_t *nbd_stop(struct task *t, const json_t *args, struct err *e)
{
	int fd;
	json_t *now = known(t, &fd, e), *list, *p, *r = NULL;
	bool waiting = json_object_get(now, "args") != NULL;
	size_t n;

	(void)args;
	file_close(fd);
	json_decref(now);
	if (e->code || !know(t, json_object(), -1, e) || waiting)
		return NULL;
	err_set(e, ENODEV, "NBD server not running");
	list = part_list(t, PART_DISK);
	json_array_foreach(list, n, p) {
		struct err ignored = ERR_INIT;
		json_t *one = part_call(t, PART_DISK, text_of(p, "name"), "nbd-server-stop", NULL, &ignored);
		if (one && !r) {
			r = json_object();
			*e = (struct err)ERR_INIT;
		}
		json_decref(one);
	}
	json_decref(list);
	return r;
}

const struct qmp_row qmp_nbd_rows[] = {
	{.name = "nbd-server-start", .args = "addr:SocketAddressLegacy,*tls-creds:str", .run = nbd_start},
	{.name = "nbd-server-add", .args = "device:str,*name:str,*writable:bool", .run = nbd_add},
	{.name = "nbd-server-remove", .args = "name:str,*mode:NbdServerRemoveMode", .run = nbd_remove},
	{.name = "nbd-server-stop", .run = nbd_stop},
	{0}};
