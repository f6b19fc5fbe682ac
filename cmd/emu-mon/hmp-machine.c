/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: the machine as a whole. Run state, power, who it is, what it is made of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hmp-rows.h"

/* Commands that are one QMP command without arguments. */
#define PLAIN(ident, command) \
	static void ident(struct task *t, const struct hmp_args *a) \
	{ \
		(void)a; \
		hmp_call(t, command, NULL, NULL); \
	}
PLAIN(stop, "stop")
PLAIN(cont, "cont")
PLAIN(quit, "quit")
PLAIN(system_reset, "system_reset")
PLAIN(system_powerdown, "system_powerdown")
PLAIN(system_wakeup, "system_wakeup")
PLAIN(nmi, "inject-nmi")

static void info_status(struct task *t, const struct hmp_args *a)
{
	json_t *r;
	const char *status;
	bool running;

	(void)a;
	if (!hmp_call(t, "query-status", NULL, &r))
		return;
	status = text_of(r, "status");
	running = json_is_true(json_object_get(r, "running"));
	fprintf(t->out, "VM status: %s%s", running ? "running" : "paused", json_is_true(json_object_get(r, "singlestep")) ? " (single step mode)" : "");
	if (!running && strcmp(status, "paused"))
		fprintf(t->out, " (%s)", status);
	fputc('\n', t->out);
	json_decref(r);
}

static void info_version(struct task *t, const struct hmp_args *a)
{
	json_t *r, *v;

	(void)a;
	if (!hmp_call(t, "query-version", NULL, &r))
		return;
	v = json_object_get(r, "qemu");
	fprintf(t->out, "%lld.%lld.%lld%s\n", int_of(v, "major"), int_of(v, "minor"), int_of(v, "micro"), text_of(r, "package"));
	json_decref(r);
}

static void info_name(struct task *t, const struct hmp_args *a)
{
	json_t *r;

	(void)a;
	if (!hmp_call(t, "query-name", NULL, &r))
		return;
	if (json_object_get(r, "name"))
		fprintf(t->out, "%s\n", text_of(r, "name"));
	json_decref(r);
}

static void info_uuid(struct task *t, const struct hmp_args *a)
{
	json_t *r;

	(void)a;
	if (!hmp_call(t, "query-uuid", NULL, &r))
		return;
	fprintf(t->out, "%s\n", text_of(r, "UUID"));
	json_decref(r);
}

static void info_kvm(struct task *t, const struct hmp_args *a)
{
	json_t *r;

	(void)a;
	if (!hmp_call(t, "query-kvm", NULL, &r))
		return;
	fprintf(t->out, "kvm support: %s\n", !json_is_true(json_object_get(r, "present")) ? "not compiled"
					      : json_is_true(json_object_get(r, "enabled")) ? "enabled" : "disabled");
	json_decref(r);
}

static void watchdog_action(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "watchdog-set-action", json_pack("{s:s}", "action", arg_str(a, "action")), NULL);
}

static void boot_set(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_CPU, NULL, "x-boot-set", json_pack("{s:s}", "order", arg_str(a, "order")), &e);

	if (r)
		fprintf(t->out, "boot device list now set to %s\n", arg_str(a, "order"));
	else
		complain(t, &e);
	json_decref(r);
}

static void singlestep(struct task *t, const struct hmp_args *a)
{
	const char *s = arg_str(a, "option");
	struct err e = ERR_INIT;

	if (s && strcmp(s, "on") && strcmp(s, "off")) {
		fprintf(t->out, "unexpected option %s\n", s);
		t->failed = true;
		return;
	}
	json_t *r = part_call(t, PART_CPU, NULL, "x-single-step", json_pack("{s:b}", "on", !s || !strcmp(s, "on")), &e);
	if (!r)
		hmp_error(t, &e);
	json_decref(r);
}

void hmp_log_items(FILE *out)
{
	static const struct { const char *name, *what; } items[] = {
		{"none", "remove all logs"},
		{"in_asm", "show the guest's instructions as they are translated"},
		{"op", "show the intermediate form"},
		{"op_opt", "show it after the optimiser"},
		{"out_asm", "show the host's instructions"},
		{"int", "show interrupts and exceptions"},
		{"exec", "show each block before it runs"},
		{"cpu", "show the registers with each block"},
		{"cpu_reset", "show the registers before a reset"},
		{"unimp", "tell of what is not modelled"},
		{"guest_errors", "tell of what the guest does wrong"},
	};

	fprintf(out, "Log items (comma separated):\n");
	for (size_t i = 0; i < sizeof items / sizeof *items; i++)
		fprintf(out, "%-15s %s\n", items[i].name, items[i].what);
}

static void log_items(struct task *t, const struct hmp_args *a)
{
	const char *items = arg_str(a, "items");
	struct err e = ERR_INIT;
	json_t *r;

	if (!strcmp(items, "help") || !strcmp(items, "?")) {
		hmp_log_items(t->out);
		return;
	}
	r = part_call(t, PART_CPU, NULL, "x-log", json_pack("{s:s}", "items", items), &e);
	if (!r) {
		complain(t, &e);
		hmp_log_items(t->out);
	}
	json_decref(r);
}

static void logfile(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	int fd = file_create(t, arg_str(a, "filename"), &e);
	json_t *r = fd < 0 ? NULL : part_call_fds(t, PART_CPU, NULL, "x-log", NULL, &fd, 1, NULL, &e);

	if (!r)
		hmp_error(t, &e);
	file_close(fd);
	json_decref(r);
}

static void history(struct task *t, const struct hmp_args *a)
{
	(void)a;
	for (unsigned i = 0; i < t->context->history_count; i++)
		fprintf(t->out, "%u: '%s'\n", i, t->context->history[i]);
}

const struct hmp_row hmp_machine_rows[] = {
	{.name = "quit|q", .help = "end the machine and all of its parts", .run = quit},
	{.name = "stop", .help = "freeze the processors", .run = stop},
	{.name = "cont|c", .help = "let the processors go on", .run = cont},
	{.name = "system_reset", .help = "reset the machine", .run = system_reset},
	{.name = "system_powerdown", .help = "ask the guest to power down", .run = system_powerdown},
	{.name = "system_wakeup", .help = "wake the guest from suspend", .run = system_wakeup},
	{.name = "nmi", .help = "inject an NMI", .run = nmi},
	{.name = "watchdog_action", .args = "action:s", .params = "[reset|shutdown|poweroff|pause|debug|none]",
	 .help = "choose what the watchdog does when it expires", .run = watchdog_action},
	{.name = "boot_set", .args = "order:s", .params = "bootdevice", .help = "choose the boot order, by the letters of -boot", .run = boot_set},
	{.name = "singlestep", .args = "option:s?", .params = "[on|off]", .help = "translate one instruction a block, or as usual", .run = singlestep},
	{.name = "log", .args = "items:s", .params = "item1[,...]", .help = "choose what is logged", .run = log_items},
	{.name = "logfile", .args = "filename:F", .params = "filename", .help = "send the log to a file", .run = logfile},
	{0}};

const struct hmp_row hmp_machine_info_rows[] = {
	{.name = "status", .help = "show whether the machine runs", .run = info_status},
	{.name = "version", .help = "show the version", .run = info_version},
	{.name = "name", .help = "show the machine's name", .run = info_name},
	{.name = "uuid", .help = "show the machine's UUID", .run = info_uuid},
	{.name = "kvm", .help = "show whether KVM is there and used", .run = info_kvm},
	{.name = "history", .help = "show the lines typed so far", .run = history},
	{0}};
