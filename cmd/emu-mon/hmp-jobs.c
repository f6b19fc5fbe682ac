/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: block jobs, copies and snapshots of disks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hmp-rows.h"

static void info_jobs(struct task *t, const struct hmp_args *a)
{
	json_t *list, *o;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-block-jobs", NULL, &list))
		return;
	if (!json_array_size(list))
		fprintf(t->out, "No active jobs\n");
	json_array_foreach(list, n, o) {
		if (!strcmp(text_of(o, "type"), "stream"))
			fprintf(t->out, "Streaming device %s: Completed %lld of %lld bytes, speed limit %lld bytes/s\n", text_of(o, "device"), int_of(o, "offset"),
				int_of(o, "len"), int_of(o, "speed"));
		else
			fprintf(t->out, "Type %s, device %s: Completed %lld of %lld bytes, speed limit %lld bytes/s\n", text_of(o, "type"), text_of(o, "device"),
				int_of(o, "offset"), int_of(o, "len"), int_of(o, "speed"));
	}
	json_decref(list);
}

static void stream(struct task *t, const struct hmp_args *a)
{
	json_t *args = json_pack("{s:s, s:s}", "device", arg_str(a, "device"), "on-error", "report");

	if (arg_has(a, "speed"))
		json_object_set_new(args, "speed", json_integer(arg_int(a, "speed", 0)));
	if (arg_str(a, "base"))
		json_object_set_new(args, "base", json_string(arg_str(a, "base")));
	hmp_call(t, "block-stream", args, NULL);
}

static void set_speed(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "block-job-set-speed", json_pack("{s:s, s:I}", "device", arg_str(a, "device"), "speed", (json_int_t)arg_int(a, "speed", 0)), NULL);
}

static void cancel(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "block-job-cancel", json_pack("{s:s, s:b}", "device", arg_str(a, "device"), "force", (int)arg_flag(a, "force")), NULL);
}

#define JOB(ident, command) \
	static void ident(struct task *t, const struct hmp_args *a) \
	{ \
		hmp_call(t, command, json_pack("{s:s}", "device", arg_str(a, "device")), NULL); \
	}
JOB(job_pause, "block-job-pause")
JOB(job_resume, "block-job-resume")
JOB(job_complete, "block-job-complete")

static void mirror(struct task *t, const struct hmp_args *a)
{
	json_t *args = json_pack("{s:s, s:s, s:s, s:s}", "device", arg_str(a, "device"), "target", arg_str(a, "target"), "sync", arg_flag(a, "full") ? "full" : "top",
				 "mode", arg_flag(a, "reuse") ? "existing" : "absolute-paths");

	if (arg_str(a, "format"))
		json_object_set_new(args, "format", json_string(arg_str(a, "format")));
	hmp_call(t, "drive-mirror", args, NULL);
}

static void backup(struct task *t, const struct hmp_args *a)
{
	json_t *args = json_pack("{s:s, s:s, s:s, s:s}", "device", arg_str(a, "device"), "target", arg_str(a, "target"), "sync", arg_flag(a, "full") ? "full" : "top",
				 "mode", arg_flag(a, "reuse") ? "existing" : "absolute-paths");

	if (arg_flag(a, "compress"))
		json_object_set_new(args, "compress", json_true());
	if (arg_str(a, "format"))
		json_object_set_new(args, "format", json_string(arg_str(a, "format")));
	hmp_call(t, "drive-backup", args, NULL);
}

static void snapshot(struct task *t, const struct hmp_args *a)
{
	json_t *args;

	if (!arg_str(a, "snapshot-file")) {
		struct err e = ERR_INIT;
		err_set(&e, EINVAL, "Parameter 'snapshot-file' is missing");
		hmp_error(t, &e);
		return;
	}
	args = json_pack("{s:s, s:s, s:s}", "device", arg_str(a, "device"), "snapshot-file", arg_str(a, "snapshot-file"), "mode",
			 arg_flag(a, "reuse") ? "existing" : "absolute-paths");
	json_object_set_new(args, "format", json_string(arg_str(a, "format") ? arg_str(a, "format") : "qcow2"));
	hmp_call(t, "blockdev-snapshot-sync", args, NULL);
}

static void snapshot_internal(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "blockdev-snapshot-internal-sync", json_pack("{s:s, s:s}", "device", arg_str(a, "device"), "name", arg_str(a, "name")), NULL);
}

static void snapshot_delete(struct task *t, const struct hmp_args *a)
{
	json_t *args = json_pack("{s:s, s:s}", "device", arg_str(a, "device"), "name", arg_str(a, "name"));

	if (arg_str(a, "id"))
		json_object_set_new(args, "id", json_string(arg_str(a, "id")));
	hmp_call(t, "blockdev-snapshot-delete-internal-sync", args, NULL);
}

/* Waits for the job, as the classic's command does not return before. */
static void commit_one(struct task *t, const char *device)
{
	struct err e = ERR_INIT;
	char job[140];
	json_t *r;
	bool there = true;

	snprintf(job, sizeof job, "hmp-commit-%.120s", device);
	r = mon_call(t, "block-commit", json_pack("{s:s, s:s}", "device", device, "job-id", job), &e);
	if (!r) {
		if (!strcmp(t->class_name, "DeviceNotFound") || strstr(e.msg, "not found"))
			fprintf(t->out, "Device '%s' not found\n", device);
		else
			fprintf(t->out, "'commit' error for '%s': %s\n", device, e.msg);
		t->failed = true;
		return;
	}
	json_decref(r);
	while (there) {
		json_t *list = mon_call(t, "query-block-jobs", NULL, &e), *o;
		size_t n;
		there = false;
		json_array_foreach(list, n, o) {
			if (strcmp(text_of(o, "device"), job))
				continue;
			there = true;
			if (true_of(o, "ready"))
				json_decref(mon_call(t, "block-job-complete", json_pack("{s:s}", "device", job), &e));
		}
		json_decref(list);
		if (there)
			task_sleep(t, 20);
	}
}

static void commit(struct task *t, const struct hmp_args *a)
{
	json_t *list, *o;
	size_t n;

	if (strcmp(arg_str(a, "device"), "all")) {
		commit_one(t, arg_str(a, "device"));
		return;
	}
	if (!hmp_call(t, "query-block", NULL, &list))
		return;
	json_array_foreach(list, n, o)
		if (int_of(json_object_get(o, "inserted"), "backing_file_depth") > 0 && !true_of(json_object_get(o, "inserted"), "ro"))
			commit_one(t, text_of(o, "device"));
	json_decref(list);
}

const struct hmp_row hmp_job_rows[] = {
	{.name = "commit", .args = "device:B", .params = "device|all", .help = "write what an overlay has (-snapshot too) into its backing file", .run = commit},
	{.name = "block_stream", .args = "device:B,speed:o?,base:s?", .params = "device [speed [base]]", .help = "copy what backing files have into the disk",
	 .run = stream},
	{.name = "block_job_set_speed", .args = "device:B,speed:o", .params = "device speed", .help = "limit how fast a block job is", .run = set_speed},
	{.name = "block_job_cancel", .args = "force:-f,device:B", .params = "[-f] device",
	 .help = "end a block job before its time (-f: at once, however far a mirror is)", .run = cancel},
	{.name = "block_job_complete", .args = "device:B", .params = "device", .help = "bring a block job that is ready to its end", .run = job_complete},
	{.name = "block_job_pause", .args = "device:B", .params = "device", .help = "let a block job rest", .run = job_pause},
	{.name = "block_job_resume", .args = "device:B", .params = "device", .help = "let a block job go on", .run = job_resume},
	{.name = "drive_mirror", .args = "reuse:-n,full:-f,device:B,target:s,format:s?", .params = "[-n] [-f] device target [format]",
	 .help = "copy a disk and everything that is written to it (-n: the file exists; -f: backing files too)", .run = mirror},
	{.name = "drive_backup", .args = "reuse:-n,full:-f,compress:-c,device:B,target:s,format:s?", .params = "[-n] [-f] [-c] device target [format]",
	 .help = "copy a disk as it is now (-n: the file exists; -f: backing files too; -c: compressed)", .run = backup},
	{.name = "snapshot_blkdev", .args = "reuse:-n,device:B,snapshot-file:s?,format:s?", .params = "[-n] device [new-image-file] [format]",
	 .help = "go on in a new overlay, qcow2 unless a format is said (-n: the file exists)", .run = snapshot},
	{.name = "snapshot_blkdev_internal", .args = "device:B,name:s", .params = "device name", .help = "take a snapshot inside of a disk's image",
	 .run = snapshot_internal},
	{.name = "snapshot_delete_blkdev_internal", .args = "device:B,name:s,id:s?", .params = "device name [id]", .help = "remove such a snapshot",
	 .run = snapshot_delete},
	{0}};

const struct hmp_row hmp_job_info_rows[] = {
	{.name = "block-jobs", .help = "show how far the block jobs are", .run = info_jobs},
	{0}};
