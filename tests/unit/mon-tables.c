/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's tables: every command of the manual is known; rows are well-formed; expressions; the line editor; the schema. */
#include <jansson.h>
#include <tap.h>
#include "../../cmd/emu-mon/edit.h"
#include "../../cmd/emu-mon/mon.h"
#include "../../cmd/emu-mon/qapi.h"
#include "../../cmd/emu-mon/qmp.h"

/* The manual's lists. */
static const char *const commands[] = {
	"help", "?", "commit", "q", "quit", "block_resize", "block_stream", "block_job_set_speed", "block_job_cancel",
	"block_job_complete", "block_job_pause", "block_job_resume", "eject", "drive_del", "change", "screendump",
	"logfile", "trace-event", "trace-file", "log", "savevm", "loadvm", "delvm", "singlestep", "stop", "c", "cont",
	"system_wakeup", "gdbserver", "x", "xp", "gpa2hva", "gpa2hpa", "p", "print", "i", "o", "sendkey", "system_reset",
	"system_powerdown", "sum", "device_add", "device_del", "cpu", "mouse_move", "mouse_button", "mouse_set",
	"wavcapture", "stopcapture", "memsave", "pmemsave", "boot_set", "nmi", "ringbuf_write", "ringbuf_read", "migrate",
	"migrate_cancel", "migrate_continue", "migrate_incoming", "migrate_recover", "migrate_pause",
	"migrate_set_cache_size", "migrate_set_speed", "migrate_set_downtime", "migrate_set_capability",
	"migrate_set_parameter", "migrate_start_postcopy", "x_colo_lost_heartbeat", "client_migrate_info",
	"dump-guest-memory", "dump-skeys", "migration_mode", "snapshot_blkdev", "snapshot_blkdev_internal",
	"snapshot_delete_blkdev_internal", "drive_mirror", "drive_backup", "drive_add", "pcie_aer_inject_error",
	"netdev_add", "netdev_del", "object_add", "object_del", "hostfwd_add", "hostfwd_remove", "balloon", "set_link",
	"watchdog_action", "acl_show", "acl_policy", "acl_add", "acl_remove", "acl_reset", "nbd_server_start",
	"nbd_server_add", "nbd_server_remove", "nbd_server_stop", "mce", "getfd", "closefd", "block_passwd",
	"block_set_io_throttle", "set_password", "expire_password", "chardev-add", "chardev-change", "chardev-remove",
	"chardev-send-break", "qemu-io", "cpu-add", "qom-list", "qom-set", "info", NULL};
static const char *const infos[] = {
	"version", "network", "chardev", "block", "blockstats", "block-jobs", "registers", "lapic", "ioapic", "cpus",
	"history", "irq", "pic", "pci", "tlb", "mem", "mtree", "jit", "opcount", "kvm", "numa", "usb", "usbhost", "profile",
	"capture", "snapshots", "status", "mice", "vnc", "spice", "name", "uuid", "cpustats", "usernet", "migrate",
	"migrate_capabilities", "migrate_parameters", "migrate_cache_size", "balloon", "qtree", "qdm", "qom-tree", "roms",
	"trace-events", "tpm", "memdev", "memory-devices", "iothreads", "rocker", "rocker-ports", "rocker-of-dpa-flows",
	"rocker-of-dpa-groups", "skeys", "cmma", "dump", "ramblock", "hotpluggable-cpus", "vm-generation-id",
	"memory_size_summary", "sev", NULL};
static const char *const qmp_commands[] = {
	"x-block-latency-histogram-set", "query-block", "query-blockstats", "query-block-jobs", "block_passwd",
	"block_resize", "blockdev-snapshot-sync", "blockdev-snapshot", "change-backing-file", "block-commit",
	"drive-backup", "blockdev-backup", "query-named-block-nodes", "drive-mirror", "block-dirty-bitmap-add",
	"block-dirty-bitmap-remove", "block-dirty-bitmap-clear", "x-debug-block-dirty-bitmap-sha256", "blockdev-mirror",
	"block_set_io_throttle", "block-stream", "block-job-set-speed", "block-job-cancel", "block-job-pause",
	"block-job-resume", "block-job-complete", "block-job-dismiss", "block-job-finalize", "blockdev-add", "blockdev-del",
	"x-blockdev-create", "blockdev-open-tray", "blockdev-close-tray", "blockdev-remove-medium",
	"blockdev-insert-medium", "blockdev-change-medium", "block-set-write-threshold", "x-blockdev-change",
	"x-blockdev-set-iothread", "blockdev-snapshot-internal-sync", "blockdev-snapshot-delete-internal-sync", "eject",
	"nbd-server-start", "nbd-server-add", "nbd-server-remove", "nbd-server-stop", "query-chardev",
	"query-chardev-backends", "ringbuf-write", "ringbuf-read", "chardev-add", "chardev-change", "chardev-remove",
	"chardev-send-break", "query-qmp-schema", "query-migrate", "migrate-set-capabilities", "query-migrate-capabilities",
	"migrate-set-parameters", "query-migrate-parameters", "client_migrate_info", "migrate-start-postcopy",
	"x-colo-lost-heartbeat", "migrate_cancel", "migrate-continue", "migrate_set_downtime", "migrate_set_speed",
	"migrate-set-cache-size", "query-migrate-cache-size", "migrate", "migrate-incoming", "xen-save-devices-state",
	"xen-set-replication", "query-xen-replication-status", "xen-colo-do-checkpoint", "qmp_capabilities",
	"query-version", "query-commands", "add_client", "query-name", "query-kvm", "query-uuid", "query-events",
	"query-cpus", "query-cpus-fast", "query-iothreads", "query-balloon", "query-pci", "quit", "stop", "system_reset",
	"system_powerdown", "cpu-add", "memsave", "pmemsave", "cont", "system_wakeup", "inject-nmi", "balloon",
	"human-monitor-command", "qom-list", "qom-get", "qom-set", "change", "qom-list-types", "device-list-properties",
	"qom-list-properties", "xen-set-global-dirty-log", "device_add", "device_del", "dump-guest-memory", "query-dump",
	"query-dump-guest-memory-capability", "dump-skeys", "object-add", "object-del", "getfd", "closefd",
	"query-machines", "query-memory-size-summary", "query-cpu-definitions", "query-cpu-model-expansion",
	"query-cpu-model-comparison", "query-cpu-model-baseline", "add-fd", "remove-fd", "query-fdsets", "query-target",
	"query-command-line-options", "query-memdev", "query-memory-devices", "query-acpi-ospm-status",
	"rtc-reset-reinjection", "xen-load-devices-state", "query-gic-capabilities", "query-hotpluggable-cpus",
	"query-vm-generation-id", "query-sev", "query-sev-launch-measure", "query-sev-capabilities", "x-oob-test",
	"set_link", "netdev_add", "netdev_del", "query-rx-filter", "query-rocker", "query-rocker-ports",
	"query-rocker-of-dpa-flows", "query-rocker-of-dpa-groups", "query-status", "watchdog-set-action",
	"query-tpm-models", "query-tpm-types", "query-tpm", "trace-event-get-state", "trace-event-set-state", "transaction",
	"set_password", "expire_password", "screendump", "query-spice", "query-vnc", "query-vnc-servers",
	"change-vnc-password", "query-mice", "send-key", "input-send-event", NULL};

static const char *const events[] = {
	"BLOCK_IMAGE_CORRUPTED", "BLOCK_IO_ERROR", "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED", "BLOCK_JOB_ERROR",
	"BLOCK_JOB_READY", "BLOCK_JOB_PENDING", "BLOCK_WRITE_THRESHOLD", "DEVICE_TRAY_MOVED", "QUORUM_FAILURE",
	"QUORUM_REPORT_BAD", "VSERPORT_CHANGE", "BALLOON_CHANGE", "DEVICE_DELETED", "MEM_UNPLUG_ERROR",
	"ACPI_DEVICE_OST", "RTC_CHANGE", "NIC_RX_FILTER_CHANGED", "SHUTDOWN", "POWERDOWN", "RESET", "STOP", "RESUME",
	"SUSPEND", "SUSPEND_DISK", "WAKEUP", "WATCHDOG", "GUEST_PANICKED", NULL};
/* Of what is not built in: to programs they do not exist. */
static const char *const absent_events[] = {
	"MIGRATION", "MIGRATION_PASS", "DUMP_COMPLETED", "COMMAND_DROPPED", "SPICE_CONNECTED", "SPICE_INITIALIZED",
	"SPICE_DISCONNECTED", "SPICE_MIGRATE_COMPLETED", "VNC_CONNECTED", "VNC_INITIALIZED", "VNC_DISCONNECTED", NULL};

static bool event_known(const char *name)
{
	for (const struct qmp_event *e = qmp_events; e->name; e++)
		if (!strcmp(e->name, name))
			return true;
	return false;
}

static void test_names(void)
{
	unsigned missing = 0, count = 0;

	for (unsigned info = 0; info < 2; info++)
		for (const char *const *n = info ? infos : commands; *n; n++, count++)
			if (!hmp_row_find(info, *n, strlen(*n))) {
				printf("# %s%s\n", info ? "info " : "", *n);
				missing++;
			}
	ok(!missing, "%u commands of HMP are known", count);
	missing = count = 0;
	for (const char *const *n = qmp_commands; *n; n++, count++)
		if (!qmp_row_find(*n) && strcmp(*n, "qmp_capabilities")) {
			printf("# %s\n", *n);
			missing++;
		}
	ok(!missing, "%u commands of QMP are known", count);
	missing = count = 0;
	for (const char *const *n = events; *n; n++, count++)
		if (!event_known(*n)) {
			printf("# %s\n", *n);
			missing++;
		}
	ok(!missing, "%u events of QMP are known", count);
	missing = 0;
	for (const char *const *n = absent_events; *n; n++)
		missing += event_known(*n);
	ok(!missing, "those of what is not built in are not told");
}

/* ---- rows ---- */

static bool args_well_formed(const char *list)
{
	unsigned count = 0;
	bool optional = false;

	for (const char *p = list; p && *p; p += *p == ',') {
		size_t name = strcspn(p, ":"), type;
		if (!name || name > 23 || p[name] != ':')
			return false;
		p += name + 1;
		type = strcspn(p, ",");
		if (!type || type > 3 || !strchr("FBsOSliMoTb/.-", *p) || (*p == '-' && type != 2))
			return false;
		/* Behind an optional argument there is no other kind. */
		if (*p != '-' && *p != '/' && *p != 'O' && *p != '.') {
			if (optional && !memchr(p, '?', type))
				return false;
			optional |= memchr(p, '?', type) != NULL;
		}
		p += type;
		count += 1 + 2 * (*p == '/');
	}
	return count <= 20;
}

static void test_rows(void)
{
	unsigned bad = 0, count = 0;

	for (unsigned info = 0; info < 2; info++)
		for (const struct hmp_row *const *t = info ? hmp_info_tables : hmp_tables; *t; t++)
			for (const struct hmp_row *r = *t; r->name; r++, count++)
				if (!r->help || !args_well_formed(r->args) || !r->run == !r->needs || hmp_row_find(info, r->name, strcspn(r->name, "|")) != r) {
					printf("# %s\n", r->name);
					bad++;
				}
	ok(!bad, "%u rows have a help line, arguments of known types, and either a function or what they need; no name is twice", count);
	bad = 0;
	for (const struct qapi_type *t = qapi_types; t->name; t++) {
		struct qapi_member m;
		const char *p = t->members;
		if (qapi_type_find(t->name) != t)
			bad++;
		while (t->kind != QAPI_ENUM && qapi_member(&p, &m)) {
			char item[64];
			snprintf(item, sizeof item, "%.*s", (int)strcspn(m.type + (*m.type == '['), "]"), m.type + (*m.type == '['));
			if (!strstr(",str,int,size,number,bool,any,uint8,uint16,uint32,uint64,", item) && !qapi_type_find(item)) {
				printf("# %s.%s: %s\n", t->name, m.name, m.type);
				bad++;
			}
		}
	}
	ok(!bad, "every type that a type names is there");
}

/* ---- expressions ---- */

static int reg(void *opaque, const char *name, long long *value)
{
	(void)opaque;
	*value = 0x1000;
	return strcmp(name, "rip") ? -2 : 0;
}

static void expr(const char *text, long long want, const char *complaint, const char *rest)
{
	const char *p = text, *why = NULL;
	long long v = 0;
	int r = hmp_expr(&p, &v, reg, NULL, &why);

	if (complaint)
		ok(r < 0 && !strcmp(why, complaint), "%s: %s", text, complaint);
	else
		ok(r == 0 && v == want && !strcmp(p, rest), "%s is %lld", text, want);
}

static void test_expressions(void)
{
	char deep[300];

	expr("1+2*3", 7, NULL, "");
	expr("1+3&2", 3, NULL, "");
	expr("(1+3)&2 x", 0, NULL, "x");
	expr("-(2) - -3", 1, NULL, "");
	expr("~0", -1, NULL, "");
	expr("010+0x10", 24, NULL, "");
	expr("$rip + 'a'", 0x1061, NULL, "");
	expr("7%0", 0, "division by zero", NULL);
	expr("(-0x7fffffffffffffff-1)/-1", -0x7fffffffffffffffll - 1, NULL, "");
	expr("(-0x7fffffffffffffff-1)%-1", 0, NULL, "");
	expr("18446744073709551615", -1, NULL, "");
	expr("18446744073709551616", 0, "number too large", NULL);
	expr("$nothing", 0, "unknown register", NULL);
	expr("", 0, "unexpected end of expression", NULL);
	expr("(1", 0, "')' expected", NULL);
	expr("'ab", 0, "missing terminating ' character", NULL);
	memset(deep, '(', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	expr(deep, 0, "expression nests too deeply", NULL);
}

/* ---- the editor ---- */

static char line[5000], screen[20000];
static size_t shown;

static void on_line(void *opaque, const char *text)
{
	(void)opaque;
	snprintf(line, sizeof line, "%s", text);
}

static void on_output(void *opaque, const char *text, size_t n)
{
	(void)opaque;
	if (shown + n < sizeof screen)
		memcpy(screen + shown, text, n);
	shown += n;
}

static void on_complete(void *opaque, const char *text)
{
	editor_complete(*(struct editor **)opaque, !strcmp(text, "in") ? "info\ninfinite\n" : !strcmp(text, "qu") ? "quit\n" : "");
}

static void typed(struct editor *ed, const char *keys, const char *want, const char *what)
{
	size_t n = strlen(keys), at = 0;

	*line = '\0';
	while (at < n)
		at += editor_input(ed, keys + at, n - at);
	ok(!strcmp(line, want), "%s", what);
	if (strcmp(line, want))
		printf("# '%s'\n", line);
}

static void test_editor(void)
{
	struct editor *ed = NULL;
	struct editor_config config = {.prompt = "> ", .line = on_line, .output = on_output, .complete = on_complete, .opaque = &ed};
	char longest[6000];
	unsigned count;

	ed = editor_new(&config);
	typed(ed, "abc\r", "abc", "a line");
	typed(ed, "abd\x7f" "c\r", "abc", "backspace");
	typed(ed, "bc\x01" "a\r", "abc", "Ctrl-A");
	typed(ed, "ac\x1b[Db\r", "abc", "arrow left");
	typed(ed, "xabc\x1b[H\x1b[3~\r", "abc", "Home, Delete");
	typed(ed, "\x1b[A\r", "abc", "arrow up");
	typed(ed, "one two\x17three\r", "one three", "Ctrl-W");
	typed(ed, "one two\x1b[1;5D\x0b\r", "one ", "Ctrl-arrow and Ctrl-K");
	typed(ed, "\x19\r", "two", "Ctrl-Y");
	typed(ed, "ba\x14\r", "ab", "Ctrl-T");
	typed(ed, "qu\t\r", "quit ", "Tab: the only one");
	typed(ed, "in\to\r", "info", "Tab: what they share");
	typed(ed, "\xc3\xa9\xc3\xa8\x7f\r", "\xc3\xa9", "backspace takes a whole character");
	typed(ed, "nonsense\x03stop\r", "stop", "Ctrl-C drops the line");
	memset(longest, 'x', sizeof longest);
	memcpy(longest + sizeof longest - 2, "\r", 2);
	typed(ed, longest, "", "a line that is too long is none");
	shown = 0;
	typed(ed, "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\x01\r",
	      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", "a line wider than the terminal");
	editor_history(ed, &count);
	ok(count >= 10 && count <= 64, "history");
	for (int i = 0; i < 100; i++) {
		char text[16];
		snprintf(text, sizeof text, "%d\r", i);
		editor_input(ed, text, strlen(text));
	}
	char **history = editor_history(ed, &count);
	ok(count == 64 && !strcmp(history[63], "99") && !strcmp(history[0], "36"), "of 64 lines");
	editor_free(ed);
}

/* ---- the schema ---- */

static bool everything(void *opaque, const struct qmp_row *r)
{
	(void)opaque;
	return r->run || r->kinds;
}

static void test_schema(void)
{
	json_t *schema = qapi_schema(everything, NULL), *names = json_object(), *o, *m;
	unsigned unknown = 0, twice = 0;
	size_t n, k;

	json_array_foreach(schema, n, o) {
		const char *name = json_string_value(json_object_get(o, "name"));
		twice += json_object_get(names, name) != NULL;
		json_object_set_new(names, name, json_true());
	}
	json_array_foreach(schema, n, o) {
		static const char *const keys[] = {"arg-type", "ret-type", "element-type"}, *const lists[] = {"members", "variants"};
		for (int i = 0; i < 3; i++) {
			const char *name = json_string_value(json_object_get(o, keys[i]));
			unknown += name && !json_object_get(names, name);
		}
		for (int i = 0; i < 2; i++)
			json_array_foreach(json_object_get(o, lists[i]), k, m)
				unknown += !json_object_get(names, json_string_value(json_object_get(m, "type")));
	}
	ok(json_array_size(schema) > 300 && !unknown && !twice, "the schema of everything: %zu entries, each reference leads to one", json_array_size(schema));
	json_decref(names);
	json_decref(schema);
}

int main(void)
{
	json_object_seed(0);
	test_names();
	test_rows();
	test_expressions();
	test_editor();
	test_schema();
	return tap_done();
}
