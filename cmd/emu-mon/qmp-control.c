/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: the monitor's own commands, and those that concern every part. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hmp-rows.h"
#include "mon-own.h"
#include "qmp.h"

#define FDSET_FIRST 512 /* numbers of add-fd's descriptors */

static json_t *query_version(struct task *t, const json_t *args, struct err *e)
{
	(void)t, (void)args, (void)e;
	return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "micro", 0, "minor", 12, "major", 2, "package", " (emutools)");
}

/* ---- lists of what there is ---- */

struct listing {
	struct monitor *monitor;
	json_t *list;
};

static void list_commands(void *opaque)
{
	struct listing *l = opaque;

	for (const struct qmp_row *const *t = qmp_tables; *t; t++)
		for (const struct qmp_row *r = *t; r->name; r++)
			if (qmp_row_offered(l->monitor, r))
				json_array_append_new(l->list, json_pack("{s:s}", "name", r->name));
	json_array_append_new(l->list, json_pack("{s:s}", "name", "qmp_capabilities"));
}

static json_t *query_commands(struct task *t, const json_t *args, struct err *e)
{
	struct listing l = {t->monitor, json_array()};

	(void)args, (void)e;
	json_decref(part_list(t, PART_ANY)); /* waits until all have said what they can */
	task_in_loop(t, list_commands, &l);
	return l.list;
}

static json_t *query_events(struct task *t, const json_t *args, struct err *e)
{
	json_t *list = json_array();

	(void)t, (void)args, (void)e;
	for (const struct qmp_event *ev = qmp_events; ev->name; ev++)
		json_array_append_new(list, json_pack("{s:s}", "name", ev->name));
	return list;
}

static bool is_offered(void *opaque, const struct qmp_row *r)
{
	return qmp_row_offered(opaque, r);
}

static void make_schema(void *opaque)
{
	struct listing *l = opaque;

	l->list = qapi_schema(is_offered, l->monitor);
}

static json_t *query_schema(struct task *t, const json_t *args, struct err *e)
{
	struct listing l = {t->monitor, NULL};

	(void)args;
	json_decref(part_list(t, PART_ANY));
	task_in_loop(t, make_schema, &l);
	if (!l.list)
		err_set(e, ENOMEM, "out of memory");
	return l.list;
}

/* ---- people's commands for programs ---- */

static json_t *human(struct task *t, const json_t *args, struct err *e)
{
	char *text = NULL;
	size_t size = 0;
	FILE *was = t->out;
	unsigned cpu = t->context->cpu;
	const json_t *index = json_object_get(args, "cpu-index");
	json_t *r;

	t->out = open_memstream(&text, &size);
	if (!t->out) {
		t->out = was;
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	if (index)
		t->context->cpu = (unsigned)json_integer_value(index);
	hmp_line(t, text_of(args, "command-line"));
	fclose(t->out);
	t->out = was;
	if (index)
		t->context->cpu = cpu;
	/* Lines end here as on a terminal: that is what the classic's programs are used to. */
	FILE *f;
	char *lines = NULL;
	f = open_memstream(&lines, &size);
	for (const char *p = text; f && *p; p++) {
		if (*p == '\n')
			fputc('\r', f);
		fputc(*p, f);
	}
	if (f)
		fclose(f);
	r = lines ? json_string(lines) : NULL;
	if (!r && lines)
		r = json_string("(the output is no text)");
	free(lines);
	free(text);
	return r;
}

/* ---- the end ---- */

static json_t *quit(struct task *t, const json_t *args, struct err *e)
{
	json_t *list, *p;
	struct err gone = ERR_INIT;
	size_t n;

	(void)args, (void)e;
	if (task_offered(t, PART_SUPER, "quit")) {
		json_decref(part_call(t, PART_SUPER, NULL, "quit", NULL, &gone));
		return NULL;
	}
	/* Whoever ends at once does not answer any more. The machine first, then what serves it. */
	json_decref(part_call(t, PART_CPU, NULL, "quit", NULL, &gone));
	list = part_list(t, PART_DISK | PART_NET | PART_VNC);
	json_array_foreach(list, n, p)
		json_decref(part_call(t, PART_ANY, text_of(p, "name"), "quit", NULL, &gone));
	json_decref(list);
	return NULL;
}

/* ---- files and descriptors ---- */

int file_create(struct task *t, const char *path, struct err *e)
{
	int fd;

	if (!strncmp(path, "/dev/fdset/", 11))
		return fdset_open(t, path, true, e);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		err_errno(e, errno, "Could not open '%.400s'", path);
	return fd;
}

void file_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* "fd NAME", "fdset SET FD OPAQUE" */
static void keep_fd(struct monitor *m, int fd, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void keep_fd(struct monitor *m, int fd, const char *fmt, ...)
{
	char name[160];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(name, sizeof name, fmt, ap);
	va_end(ap);
	/* What has too long a name goes with this process. */
	if (m->keep && n < (int)sizeof name)
		m->keep(m->keep_opaque, name, fd);
}

struct named_fd {
	struct monitor *monitor;
	const char *name;
	int fd;
};

static void put_fd(void *opaque)
{
	struct named_fd *n = opaque;
	json_t *old;

	if (!n->monitor->fds)
		n->monitor->fds = json_object();
	old = json_object_get(n->monitor->fds, n->name);
	if (old)
		close((int)json_integer_value(old));
	if (n->fd >= 0)
		json_object_set_new(n->monitor->fds, n->name, json_integer(n->fd));
	else if (old)
		json_object_del(n->monitor->fds, n->name);
	if (n->fd >= 0 || old)
		keep_fd(n->monitor, n->fd, "fd %s", n->name);
	else
		n->name = NULL;
}

static json_t *getfd(struct task *t, const json_t *args, struct err *e)
{
	struct named_fd n = {t->monitor, text_of(args, "fdname"), task_take_fd(t)};

	if (n.fd < 0)
		err_set(e, EBADF, "No file descriptor supplied via SCM_RIGHTS");
	else if (n.name[0] >= '0' && n.name[0] <= '9')
		err_set(e, EINVAL, "Parameter 'fdname' expects a name not starting with a digit");
	if (e->code) {
		file_close(n.fd);
		return NULL;
	}
	task_in_loop(t, put_fd, &n);
	return NULL;
}

static json_t *closefd(struct task *t, const json_t *args, struct err *e)
{
	struct named_fd n = {t->monitor, text_of(args, "fdname"), -1};

	task_in_loop(t, put_fd, &n);
	if (!n.name)
		err_set(e, ENOENT, "File descriptor named '%.200s' not found", text_of(args, "fdname"));
	return NULL;
}

/* ---- sets of descriptors: /dev/fdset/ID stands for one whose mode fits ---- */

static json_t *fdset(struct monitor *m, json_int_t id, bool make)
{
	json_t *s;
	size_t n;

	json_array_foreach(m->fdsets, n, s)
		if (json_integer_value(json_object_get(s, "fdset-id")) == id)
			return s;
	if (!make)
		return NULL;
	if (!m->fdsets)
		m->fdsets = json_array();
	s = json_pack("{s:I, s:[]}", "fdset-id", id, "fds");
	json_array_append_new(m->fdsets, s);
	return s;
}

static json_t *add_fd(struct task *t, const json_t *args, struct err *e)
{
	struct monitor *m = t->monitor;
	const json_t *given = json_object_get(args, "fdset-id"), *note = json_object_get(args, "opaque");
	json_int_t id = json_integer_value(given);
	json_t *o;
	int fd = task_take_fd(t), high;

	if (fd < 0)
		err_set(e, EBADF, "No file descriptor supplied via SCM_RIGHTS");
	else if (given && id < 0)
		err_set(e, EINVAL, "Parameter 'fdset-id' expects a non-negative value");
	if (e->code) {
		file_close(fd);
		return NULL;
	}
	/* Its number is told, and is to be the same in the next process: up there nothing else is. */
	high = fcntl(fd, F_DUPFD_CLOEXEC, FDSET_FIRST);
	if (high >= 0) {
		close(fd);
		fd = high;
	}
	pthread_mutex_lock(&m->lock);
	while (!given && fdset(m, id, false))
		id++;
	keep_fd(m, fd, "fdset %lld %d %s", (long long)id, fd, note ? json_string_value(note) : "");
	o = json_pack("{s:i}", "fd", fd);
	if (note)
		json_object_set(o, "opaque", (json_t *)note);
	json_array_append_new(json_object_get(fdset(m, id, true), "fds"), o);
	pthread_mutex_unlock(&m->lock);
	return json_pack("{s:I, s:i}", "fdset-id", id, "fd", fd);
}

static json_t *remove_fd(struct task *t, const json_t *args, struct err *e)
{
	json_int_t id = json_integer_value(json_object_get(args, "fdset-id"));
	const json_t *only = json_object_get(args, "fd");
	struct monitor *m = t->monitor;
	json_t *s, *fds;
	bool any = false;

	pthread_mutex_lock(&m->lock);
	s = fdset(m, id, false);
	fds = json_object_get(s, "fds");
	for (size_t n = json_array_size(fds); n-- > 0;) {
		json_int_t fd = json_integer_value(json_object_get(json_array_get(fds, n), "fd"));
		if (only && json_integer_value(only) != fd)
			continue;
		any = true;
		keep_fd(m, -1, "fdset %lld %lld %s", (long long)id, (long long)fd, text_of(json_array_get(fds, n), "opaque"));
		close((int)fd);
		json_array_remove(fds, n);
	}
	for (size_t n = json_array_size(m->fdsets); s && !json_array_size(fds) && n-- > 0;)
		if (json_array_get(m->fdsets, n) == s) {
			json_array_remove(m->fdsets, n);
			break;
		}
	pthread_mutex_unlock(&m->lock);
	if (!any && only)
		err_set(e, ENOENT, "File descriptor named 'fdset-id:%lld, fd:%lld' not found", (long long)id, (long long)json_integer_value(only));
	else if (!any)
		err_set(e, ENOENT, "File descriptor named 'fdset-id:%lld' not found", (long long)id);
	return NULL;
}

static json_t *query_fdsets(struct task *t, const json_t *args, struct err *e)
{
	json_t *list;

	(void)args, (void)e;
	pthread_mutex_lock(&t->monitor->lock);
	list = t->monitor->fdsets ? json_deep_copy(t->monitor->fdsets) : json_array();
	pthread_mutex_unlock(&t->monitor->lock);
	return list;
}

void monitor_keep_fds(struct monitor *m, void (*keep)(void *opaque, const char *name, int fd), void *opaque)
{
	m->keep = keep;
	m->keep_opaque = opaque;
}

void monitor_take_fd(struct monitor *m, const char *name, int fd)
{
	long long set;
	int number, at = 0, moved;
	json_t *o;

	if (!strncmp(name, "fd ", 3)) {
		if (!m->fds)
			m->fds = json_object();
		json_object_set_new(m->fds, name + 3, json_integer(fd));
	} else if (sscanf(name, "fdset %lld %d %n", &set, &number, &at) == 2 && at) {
		moved = fcntl(fd, F_DUPFD_CLOEXEC, number);
		if (moved >= 0) {
			close(fd);
			fd = moved;
		}
		o = json_pack("{s:i}", "fd", fd);
		if (name[at])
			json_object_set_new(o, "opaque", json_string(name + at));
		json_array_append_new(json_object_get(fdset(m, set, true), "fds"), o);
	} else {
		close(fd);
	}
}

int fdset_open(struct task *t, const char *path, bool write, struct err *e)
{
	long long id = strtoll(path + strlen("/dev/fdset/"), NULL, 10);
	struct monitor *m = t->monitor;
	int found = -1;
	json_t *o;
	size_t n;

	pthread_mutex_lock(&m->lock);
	json_array_foreach(json_object_get(fdset(m, id, false), "fds"), n, o) {
		int fd = (int)json_integer_value(json_object_get(o, "fd")), mode = fcntl(fd, F_GETFL) & O_ACCMODE;
		if (found < 0 && (mode == O_RDWR || (mode == O_RDONLY && !write) || (mode == O_WRONLY && write)))
			found = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	pthread_mutex_unlock(&m->lock);
	return found >= 0 ? found : err_set(e, EACCES, "Could not open '%.100s': no descriptor of that set is open for it", path);
}

/* ---- what is not there, and is asked for all the same ---- */

static json_t *no_list(struct task *t, const json_t *args, struct err *e)
{
	(void)t, (void)args, (void)e;
	return json_array();
}

static json_t *no_vnc(struct task *t, const json_t *args, struct err *e)
{
	(void)t, (void)args, (void)e;
	return json_pack("{s:b}", "enabled", 0);
}

static json_t *no_dump(struct task *t, const json_t *args, struct err *e)
{
	(void)t, (void)args, (void)e;
	return json_pack("{s:s, s:i, s:i}", "status", "none", "completed", 0, "total", 0);
}

/* Memory to a file: the file is opened here, for emu-cpu opens nothing. */
static json_t *save(struct task *t, const json_t *args, const char *command, struct err *e)
{
	int fd = file_create(t, text_of(args, "filename"), e);
	json_t *r = fd < 0 ? NULL : part_call_fds(t, PART_CPU, NULL, command, json_deep_copy(args), &fd, 1, NULL, e);

	file_close(fd);
	return r;
}

static json_t *memsave(struct task *t, const json_t *args, struct err *e)
{
	return save(t, args, "memsave", e);
}

static json_t *pmemsave(struct task *t, const json_t *args, struct err *e)
{
	return save(t, args, "pmemsave", e);
}

static json_t *screendump(struct task *t, const json_t *args, struct err *e)
{
	json_t *rest = json_deep_copy(args), *r = NULL;
	int fd;

	/* Whether there is a screen is asked before a file is made. */
	if (!task_offered(t, PART_CPU, "screendump")) {
		json_decref(rest);
		err_set(e, ENODEV, "There is no console to take a screendump from");
		return NULL;
	}
	fd = file_create(t, text_of(args, "filename"), e);
	if (fd >= 0) {
		json_object_del(rest, "filename");
		r = part_call_fds(t, PART_CPU, NULL, "screendump", json_incref(rest), &fd, 1, NULL, e);
	}
	json_decref(rest);
	file_close(fd);
	return r;
}

const struct qmp_row qmp_control_rows[] = {
	{.name = "query-version", .ret = "VersionInfo", .run = query_version},
	{.name = "query-commands", .ret = "[CommandInfo]", .run = query_commands},
	{.name = "query-events", .ret = "[EventInfo]", .run = query_events},
	{.name = "query-qmp-schema", .ret = "[SchemaInfo]", .run = query_schema},
	{.name = "human-monitor-command", .args = "command-line:str,*cpu-index:int", .ret = "str", .run = human},
	{.name = "quit", .run = quit},
	{.name = "getfd", .args = "fdname:str", .run = getfd},
	{.name = "add-fd", .args = "*fdset-id:int,*opaque:str", .ret = "AddfdInfo", .run = add_fd},
	{.name = "remove-fd", .args = "fdset-id:int,*fd:int", .run = remove_fd},
	{.name = "query-fdsets", .ret = "[FdsetInfo]", .run = query_fdsets},
	{.name = "query-tpm", .ret = "[any]", .run = no_list},
	{.name = "query-tpm-models", .ret = "[str]", .run = no_list},
	{.name = "query-tpm-types", .ret = "[str]", .run = no_list},
	{.name = "query-vnc", .ret = "any", .run = no_vnc},
	{.name = "query-vnc-servers", .ret = "[any]", .run = no_list},
	{.name = "query-dump", .ret = "any", .run = no_dump},
	{.name = "closefd", .args = "fdname:str", .run = closefd},
	{.name = "memsave", .args = "val:int,size:int,filename:str,*cpu-index:int", .run = memsave},
	{.name = "screendump", .args = "filename:str,*device:str,*head:int,*format:str", .run = screendump},
	{.name = "pmemsave", .args = "val:int,size:int,filename:str", .run = pmemsave},
	{0}};
