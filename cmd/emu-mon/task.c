/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: a task is a thread that carries out one command and may call parts, one after the other. Everything else of the
 * monitor belongs to the loop's thread, so a task's call is put into a queue with a bell (an eventfd) and the task sleeps until the loop's
 * thread has written the answer into the call. A part that is still being connected to lets the call wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "mon-own.h"

struct task_own {
	struct task task;
	pthread_t thread;
	char *text;
	size_t size;
	json_t *(*fn)(struct task *t, void *opaque, struct err *e);
	void (*done)(void *opaque, const char *text, bool failed, json_t *result, const char *class_name, const struct err *e);
	void *opaque;
	json_t *result;
	struct err e;
};

struct call {
	struct call *next;
	struct task *task;
	unsigned kinds;
	const char *name, *command;
	json_t *args;
	const int *fds;
	unsigned count;
	int *got;
	json_t *result;
	struct err *e;
	bool done;
	void (*fn)(void *opaque);
	void *opaque;
};

/* ---- the queue ---- */

static void post(struct monitor *m, void (*fn)(void *opaque), void *opaque)
{
	struct posted *p = NULL;
	uint64_t one = 1;

	/* A few bytes; without them a command could not even end. */
	while (!(p = malloc(sizeof *p)))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	*p = (struct posted){.fn = fn, .opaque = opaque};
	pthread_mutex_lock(&m->lock);
	*m->queue_end = p;
	m->queue_end = &p->next;
	pthread_cond_broadcast(&m->turn);
	/* Inside the lock: the monitor is not freed before the loop has taken this. */
	if (write(m->bell, &one, sizeof one) < 0)
		(void)errno; /* it rings already */
	pthread_mutex_unlock(&m->lock);
}

static struct posted *take_queue(struct monitor *m)
{
	struct posted *list;

	pthread_mutex_lock(&m->lock);
	list = m->queue;
	m->queue = NULL;
	m->queue_end = &m->queue;
	pthread_mutex_unlock(&m->lock);
	return list;
}

static void run_queue(struct monitor *m)
{
	struct posted *list = take_queue(m);

	while (list) {
		struct posted *p = list;
		list = p->next;
		p->fn(p->opaque);
		free(p);
	}
}

static void on_bell(void *opaque, unsigned events)
{
	struct monitor *m = opaque;
	uint64_t n;

	(void)events;
	if (read(m->bell, &n, sizeof n) < 0 && errno != EAGAIN)
		return;
	run_queue(m);
}

int tasks_init(struct monitor *m, struct err *e)
{
	m->queue_end = &m->queue;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->turn, NULL);
	m->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->bell < 0)
		return err_errno(e, errno, "cannot make an event descriptor");
	m->bell_watch = loop_add_fd(m->loop, m->bell, LOOP_READ, on_bell, m, e);
	return m->bell_watch ? 0 : -e->code;
}

void tasks_stop(struct monitor *m)
{
	while (m->running) {
		run_queue(m);
		pthread_mutex_lock(&m->lock);
		if (m->running && !m->queue)
			pthread_cond_wait(&m->turn, &m->lock);
		pthread_mutex_unlock(&m->lock);
	}
}

void tasks_end(struct monitor *m)
{
	loop_del_fd(m->bell_watch);
	if (m->bell >= 0)
		close(m->bell);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->turn);
}

/* ---- life ---- */

void task_context_init(struct task_context *c)
{
	*c = (struct task_context){.fmt = 'x', .fmt_size = 4};
}

static void finished(void *opaque)
{
	struct task_own *o = opaque;
	struct task *t = &o->task;

	pthread_join(o->thread, NULL);
	t->monitor->running--;
	o->done(o->opaque, o->text ? o->text : "", t->failed, o->result, *t->class_name ? t->class_name : "GenericError", &o->e);
	for (unsigned i = 0; i < t->fds; i++)
		if (t->fd[i] >= 0)
			close(t->fd[i]);
	json_decref(o->result);
	free(o->text);
	free(o);
}

static void *body(void *opaque)
{
	struct task_own *o = opaque;

	o->result = o->fn(&o->task, o->opaque, &o->e);
	fclose(o->task.out);
	post(o->task.monitor, finished, o);
	return NULL;
}

void task_start(struct monitor *m, struct task_context *context, const int *fds, unsigned count,
		json_t *(*fn)(struct task *t, void *opaque, struct err *e),
		void (*done)(void *opaque, const char *text, bool failed, json_t *result, const char *class_name, const struct err *e), void *opaque)
{
	struct task_own *o = calloc(1, sizeof *o);
	struct err e = ERR_INIT;
	pthread_attr_t attr;
	int r = ENOMEM;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 << 10);
	if (o && (o->task.out = open_memstream(&o->text, &o->size))) {
		o->task.monitor = m;
		o->task.context = context;
		o->task.own = o;
		o->task.fds = count;
		if (count)
			memcpy(o->task.fd, fds, count * sizeof *fds);
		o->fn = fn;
		o->done = done;
		o->opaque = opaque;
		m->running++;
		r = pthread_create(&o->thread, &attr, body, o);
		if (r == 0) {
			pthread_attr_destroy(&attr);
			return;
		}
		m->running--;
		fclose(o->task.out);
		free(o->text);
	}
	pthread_attr_destroy(&attr);
	free(o);
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
	err_errno(&e, r, "cannot carry out the command");
	done(opaque, e.msg, true, NULL, "GenericError", &e);
}

/* ---- calls ---- */

static void answered(struct call *c)
{
	struct monitor *m = c->task->monitor;

	pthread_mutex_lock(&m->lock);
	c->done = true;
	pthread_cond_broadcast(&m->turn);
	pthread_mutex_unlock(&m->lock);
}

static void wait_for(struct monitor *m, struct call *c)
{
	pthread_mutex_lock(&m->lock);
	while (!c->done)
		pthread_cond_wait(&m->turn, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

static void on_answer(void *opaque, const struct ctl_answer *a)
{
	struct call *c = opaque;

	if (a->result) {
		c->result = json_incref((json_t *)a->result);
		if (c->got && a->fd_count) {
			*c->got = a->fds[0];
			a->fds[0] = -1;
		}
	} else {
		*c->e = *a->e;
		snprintf(c->task->class_name, sizeof c->task->class_name, "%s", a->class_name);
	}
	answered(c);
}

static const char *missing_words(unsigned kinds)
{
	switch (kinds) {
	case PART_CPU: return "the machine itself (emu-cpu, cpu.ctl)";
	case PART_DISK: return "a disk server (emu-nbd)";
	case PART_NET: return "a network (emu-net)";
	case PART_VNC: return "a screen server (emu-vnc)";
	case PART_SUPER: return "a supervisor (emu-mon --supervise, mon.ctl)";
	default: return "a part";
	}
}

static void start_call(void *opaque)
{
	struct call *c = opaque;
	struct monitor *m = c->task->monitor;
	struct part *p = NULL;

	for (p = m->closing ? NULL : part_next(m, NULL); p; p = part_next(m, p))
		if (part_kind(p) & c->kinds && (!c->name || !strcmp(c->name, part_name(p))) && (c->name || part_offers(p, c->command)))
			break;
	if (!p)
		p = m->closing ? NULL : part_find(m, c->kinds, c->name);
	if (p) {
		json_t *args = c->args;
		c->args = NULL;
		ctl_client_call(part_client(p), c->command, args, c->fds, c->count, on_answer, c);
		return;
	}
	if (!m->closing && !monitor_settled(m)) {
		c->next = m->waiting;
		m->waiting = c;
		return;
	}
	json_decref(c->args);
	if (m->closing)
		err_set(c->e, ESHUTDOWN, "the monitor ends");
	else if (c->name)
		err_set(c->e, ENODEV, "Device '%.100s' not found", c->name);
	else
		err_set(c->e, ENODEV, "%s needs %s, and there is none in %s", c->command, missing_words(c->kinds), m->dir);
	snprintf(c->task->class_name, sizeof c->task->class_name, "%s", c->name ? "DeviceNotFound" : "GenericError");
	answered(c);
}

void waiting_wake(struct monitor *m)
{
	struct call *list = m->waiting;

	m->waiting = NULL;
	while (list) {
		struct call *c = list;
		list = c->next;
		if (c->fn)
			c->fn(c);
		else
			start_call(c);
	}
}

json_t *part_call_fds(struct task *t, unsigned kinds, const char *name, const char *command, json_t *args, const int *fds, unsigned count,
		      int *got, struct err *e)
{
	struct call c = {.task = t, .kinds = kinds, .name = name, .command = command, .args = args, .fds = fds, .count = count, .got = got, .e = e};

	if (got)
		*got = -1;
	*t->class_name = '\0';
	post(t->monitor, start_call, &c);
	wait_for(t->monitor, &c);
	return c.result;
}

json_t *part_call(struct task *t, unsigned kinds, const char *name, const char *command, json_t *args, struct err *e)
{
	return part_call_fds(t, kinds, name, command, args, NULL, 0, NULL, e);
}

/* ---- questions to the loop's thread ---- */

static void call_fn(void *opaque)
{
	struct call *c = opaque;

	c->fn(c->opaque);
	answered(c);
}

void task_in_loop(struct task *t, void (*fn)(void *opaque), void *opaque)
{
	struct call c = {.task = t, .fn = fn, .opaque = opaque};

	post(t->monitor, call_fn, &c);
	wait_for(t->monitor, &c);
}

static void list_parts(void *opaque)
{
	struct call *c = opaque;
	struct monitor *m = c->task->monitor;

	if (!m->closing && !monitor_settled(m)) {
		c->next = m->waiting;
		m->waiting = c;
		return;
	}
	for (struct part *p = m->closing ? NULL : part_next(m, NULL); p; p = part_next(m, p))
		if (part_kind(p) & c->kinds && (!c->command || part_offers(p, c->command)))
			json_array_append_new(c->result, json_pack("{s:s, s:s}", "name", part_name(p), "kind", part_kind_name(part_kind(p))));
	answered(c);
}

static int by_name(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;

	return strcmp(json_string_value(json_object_get(*x, "name")), json_string_value(json_object_get(*y, "name")));
}

static json_t *list_offering(struct task *t, unsigned kinds, const char *command)
{
	struct call c = {.task = t, .kinds = kinds, .command = command, .result = json_array(), .fn = list_parts};
	json_t **row, *sorted = json_array();
	size_t n;

	post(t->monitor, list_parts, &c);
	wait_for(t->monitor, &c);
	n = json_array_size(c.result);
	row = calloc(n + 1, sizeof *row);
	for (size_t i = 0; row && i < n; i++)
		row[i] = json_array_get(c.result, i);
	if (row)
		qsort(row, n, sizeof *row, by_name);
	for (size_t i = 0; row && i < n; i++)
		json_array_append(sorted, row[i]);
	free(row);
	json_decref(c.result);
	return sorted;
}

json_t *part_list(struct task *t, unsigned kinds)
{
	return list_offering(t, kinds, NULL);
}

bool task_offered(struct task *t, unsigned kinds, const char *command)
{
	json_t *list = list_offering(t, kinds, command);
	bool any = json_array_size(list) > 0;

	json_decref(list);
	return any;
}

int task_take_fd(struct task *t)
{
	for (unsigned i = 0; i < t->fds; i++)
		if (t->fd[i] >= 0) {
			int fd = t->fd[i];
			t->fd[i] = -1;
			return fd;
		}
	return -1;
}

void task_sleep(struct task *t, unsigned ms)
{
	struct monitor *m = t->monitor;
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&m->lock);
	while (!m->closing && pthread_cond_timedwait(&m->turn, &m->lock, &end) == 0)
		;
	pthread_mutex_unlock(&m->lock);
}
