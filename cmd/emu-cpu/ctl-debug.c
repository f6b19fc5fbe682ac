/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control commands: logs, trace points, machine checks, the boot order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "core.h"
#include "ctl-cpu.h"
#include "isa/x86/system.h"
#include "vcpu.h"

/* items: as -d has them, "none": no log. A descriptor that comes with the command is where the log goes. */
static json_t *log_run(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *items = json_string_value(json_object_get(args, "items"));
	int fd = ctl_take_fd(call, 0);
	unsigned before = log_mask;

	(void)opaque;
	if (!items && fd < 0)
		err_set(e, EINVAL, "items, or a descriptor of the log's file, or both");
	if (fd >= 0 && log_file_fd(fd, e) < 0)
		close(fd);
	if (items && !e->code) {
		log_mask = 0;
		if (strcmp(items, "none") && log_set(items, e) < 0)
			log_mask = before;
	}
	return NULL;
}
static const struct ctl_arg log_args[] = {{"items", 's', true}, {0}};
static const struct ctl_command log_row = {.name = "x-log", .args = log_args, .run = log_run};
CTL_COMMAND(log_row);

/* ---- trace points ---- */

static void list_point(void *opaque, struct tracepoint *t)
{
	json_array_append_new(opaque, json_pack("{s:s, s:s, s:b}", "name", t->name, "state", t->on ? "enabled" : "disabled", "vcpu", 0));
}

static json_t *trace_get(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "name"));
	json_t *list = json_array();

	(void)opaque, (void)call;
	trace_each(name, list_point, list);
	if (!json_array_size(list) && !strpbrk(name, "*?[")) {
		err_set(e, ENOENT, "unknown event \"%.200s\"", name);
		json_decref(list);
		return NULL;
	}
	return list;
}
static const struct ctl_arg trace_get_args[] = {{"name", 's', false}, {"vcpu", 'i', true}, {0}};
static const struct ctl_command trace_get_row = {.name = "trace-event-get-state", .args = trace_get_args, .run = trace_get};
CTL_COMMAND(trace_get_row);

struct switching {
	bool on;
	unsigned count;
};

static void switch_point(void *opaque, struct tracepoint *t)
{
	struct switching *s = opaque;

	t->on = s->on;
	s->count++;
}

static json_t *trace_state(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "name"));
	struct switching s = {.on = json_is_true(json_object_get(args, "enable"))};

	(void)opaque, (void)call;
	trace_each(name, switch_point, &s);
	if (!s.count && !strpbrk(name, "*?["))
		err_set(e, ENOENT, "unknown event \"%.200s\"", name);
	return NULL;
}
static const struct ctl_arg trace_set_args[] = {{"name", 's', false}, {"enable", 'b', false}, {"ignore-unavailable", 'b', true}, {"vcpu", 'i', true}, {0}};
static const struct ctl_command trace_set_row = {.name = "trace-event-set-state", .args = trace_set_args, .run = trace_state};
CTL_COMMAND(trace_set_row);

/* ---- machine checks ---- */

static json_t *mce(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_int_t n = json_integer_value(json_object_get(args, "cpu-index")), bank = json_integer_value(json_object_get(args, "bank"));
	uint64_t status = (uint64_t)json_integer_value(json_object_get(args, "status")), mcg = (uint64_t)json_integer_value(json_object_get(args, "mcg-status"));
	bool all = json_is_true(json_object_get(args, "broadcast"));

	(void)call;
	if (n < 0 || n >= (json_int_t)m->cpus || !m->vcpu[n]->cpu)
		err_set(e, EINVAL, "there is no CPU %lld", (long long)n);
	else if (bank < 0 || bank >= X86_MC_BANKS)
		err_set(e, EINVAL, "Invalid MCE bank number");
	else if (!(status >> 63 & 1)) /* SDM vol. 3, 15.3.2.2: VAL */
		err_set(e, EINVAL, "Invalid MCE status code");
	if (e->code)
		return NULL;
	for (unsigned i = 0; i < m->cpus; i++) {
		if (i != n && !all)
			continue;
		/* The others only hear that there is one: it is in this processor's bank. */
		x86_line_machine_check(m->vcpu[i]->cpu, i == n ? (unsigned)bank : 1, i == n ? status : 0xa000000000000000, i == n ? mcg : mcg | 3,
				       i == n ? (uint64_t)json_integer_value(json_object_get(args, "addr")) : 0,
				       i == n ? (uint64_t)json_integer_value(json_object_get(args, "misc")) : 0, all);
		vcpu_interrupt(m->vcpu[i], true);
	}
	return NULL;
}
static const struct ctl_arg mce_args[] = {{"cpu-index", 'i', false}, {"bank", 'i', false}, {"status", 'i', false}, {"mcg-status", 'i', false},
					  {"addr", 'i', false}, {"misc", 'i', false}, {"broadcast", 'b', true}, {0}};
static const struct ctl_command mce_row = {.name = "x-mce", .args = mce_args, .run = mce};
CTL_COMMAND(mce_row);

/* ---- the boot order ---- */

static json_t *boot_set(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *order = json_string_value(json_object_get(args, "order"));
	struct machine *m = opaque;
	unsigned seen = 0;

	(void)call;
	if (!m->board || !m->board->boot_set) {
		err_set(e, ENOTSUP, "no function defined to set boot device list for this architecture");
		return NULL;
	}
	for (const char *s = order; *s && !e->code; s++) {
		if (*s < 'a' || *s > 'p')
			err_set(e, EINVAL, "Invalid boot device '%c'", *s);
		else if (seen >> (*s - 'a') & 1)
			err_set(e, EINVAL, "Boot device '%c' was given twice", *s);
		else
			seen |= 1u << (*s - 'a');
	}
	if (!e->code)
		m->board->boot_set(m, order, e);
	return NULL;
}
static const struct ctl_arg boot_args[] = {{"order", 's', false}, {0}};
static const struct ctl_command boot_row = {.name = "x-boot-set", .args = boot_args, .run = boot_set};
CTL_COMMAND(boot_row);

/* ---- one instruction at a time ---- */

static json_t *single_step(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	bool on = json_is_true(json_object_get(args, "on"));
	struct vcpu *v = m->cpus ? ctl_cpu_hold(m, args, e) : NULL;

	(void)call;
	m->config.single_step = on;
	if (v) {
		jit_set_one_insn(vcpus_jit(m), on);
		ctl_cpu_release(m);
	}
	return NULL;
}
static const struct ctl_arg step_args[] = {{"on", 'b', false}, {0}};
static const struct ctl_command step_row = {.name = "x-single-step", .args = step_args, .run = single_step};
CTL_COMMAND(step_row);
