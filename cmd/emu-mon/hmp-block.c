/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: disks, as they are. Changes of media, sizes and limits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "disks.h"
#include "hmp-rows.h"

/* ---- info block ---- */

static void image_lines(struct task *t, const json_t *image)
{
	static const struct { const char *key, *words; } specific[] = {
		{"compat", "compat"}, {"compression-type", "compression type"}, {"lazy-refcounts", "lazy refcounts"}, {"refcount-bits", "refcount bits"},
		{"corrupt", "corrupt"}, {"extended-l2", "extended l2"}};
	const json_t *data = json_object_get(json_object_get(image, "format-specific"), "data"), *v;
	char human[40];

	fprintf(t->out, "image: %s\nfile format: %s\n", text_of(image, "filename"), text_of(image, "format"));
	fprintf(t->out, "virtual size: %s (%lld bytes)\n", size_human((uint64_t)int_of(image, "virtual-size"), human), int_of(image, "virtual-size"));
	if (json_object_get(image, "actual-size"))
		fprintf(t->out, "disk size: %s\n", size_human((uint64_t)int_of(image, "actual-size"), human));
	if (json_object_get(image, "cluster-size"))
		fprintf(t->out, "cluster_size: %lld\n", int_of(image, "cluster-size"));
	if (json_object_get(image, "backing-filename"))
		fprintf(t->out, "backing file: %s\n", text_of(image, "backing-filename"));
	if (!json_object_size(data))
		return;
	fprintf(t->out, "Format specific information:\n");
	for (size_t i = 0; i < sizeof specific / sizeof *specific; i++) {
		v = json_object_get(data, specific[i].key);
		if (json_is_string(v))
			fprintf(t->out, "    %s: %s\n", specific[i].words, json_string_value(v));
		else if (json_is_integer(v))
			fprintf(t->out, "    %s: %lld\n", specific[i].words, (long long)json_integer_value(v));
		else if (v)
			fprintf(t->out, "    %s: %s\n", specific[i].words, json_is_true(v) ? "true" : "false");
	}
}

static void limits_line(struct task *t, const json_t *n)
{
	static const char *const keys[] = {"bps", "bps_rd", "bps_wr", "bps_max", "bps_rd_max", "bps_wr_max", "iops", "iops_rd", "iops_wr", "iops_max",
					   "iops_rd_max", "iops_wr_max", "iops_size"};
	bool any = false;

	for (int i = 0; i < 9; i++)
		any |= int_of(n, keys[i]) != 0;
	if (!any)
		return;
	fprintf(t->out, "    I/O throttling:  ");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		fprintf(t->out, " %s=%lld", keys[i], int_of(n, keys[i]));
	fprintf(t->out, " group=%s\n", text_of(n, "group"));
}

/* info: of query-block, NULL: a node alone. */
static void one_block(struct task *t, const json_t *info, const json_t *node, bool verbose)
{
	const char *device = text_of(info, "device"), *name = text_of(node, "node-name");
	const json_t *image = json_object_get(node, "image"), *cache = json_object_get(node, "cache");

	if (info && *device) {
		fputs(device, t->out);
		if (*name)
			fprintf(t->out, " (%s)", name);
	} else if (*name) {
		fputs(name, t->out);
	} else {
		fputs(*text_of(info, "qdev") ? text_of(info, "qdev") : "<anonymous>", t->out);
	}
	if (node)
		fprintf(t->out, ": %s (%s%s%s)\n", text_of(node, "file"), text_of(node, "drv"), true_of(node, "ro") ? ", read-only" : "",
			true_of(node, "encrypted") ? ", encrypted" : "");
	else
		fprintf(t->out, ": [not inserted]\n");
	if (info && *text_of(info, "qdev"))
		fprintf(t->out, "    Attached to:      %s\n", text_of(info, "qdev"));
	if (info && *text_of(info, "io-status") && strcmp(text_of(info, "io-status"), "ok"))
		fprintf(t->out, "    I/O status:       %s\n", text_of(info, "io-status"));
	if (info && true_of(info, "removable"))
		fprintf(t->out, "    Removable device: %slocked, tray %s\n", true_of(info, "locked") ? "" : "not ", true_of(info, "tray_open") ? "open" : "closed");
	if (!node)
		return;
	fprintf(t->out, "    Cache mode:       %s%s%s\n", true_of(cache, "writeback") ? "writeback" : "writethrough", true_of(cache, "direct") ? ", direct" : "",
		true_of(cache, "no-flush") ? ", ignore flushes" : "");
	if (*text_of(node, "backing_file"))
		fprintf(t->out, "    Backing file:     %s (chain depth: %lld)\n", text_of(node, "backing_file"), int_of(node, "backing_file_depth"));
	if (*text_of(node, "detect_zeroes") && strcmp(text_of(node, "detect_zeroes"), "off"))
		fprintf(t->out, "    Detect zeroes:    %s\n", text_of(node, "detect_zeroes"));
	limits_line(t, node);
	if (verbose) {
		fprintf(t->out, "\nImages:\n");
		for (; image; image = json_object_get(image, "backing-image"))
			image_lines(t, image);
	}
}

static void info_block(struct task *t, const struct hmp_args *a)
{
	const char *only = arg_str(a, "device");
	bool nodes = arg_flag(a, "nodes"), verbose = arg_flag(a, "verbose"), any = false;
	json_t *list, *o;
	size_t n;

	if (!hmp_call(t, nodes ? "query-named-block-nodes" : "query-block", NULL, &list))
		return;
	json_array_foreach(list, n, o) {
		if (only && strcmp(only, text_of(o, nodes ? "node-name" : "device")))
			continue;
		if (any)
			fputc('\n', t->out);
		any = true;
		if (nodes)
			one_block(t, NULL, o, verbose);
		else
			one_block(t, o, json_object_get(o, "inserted"), verbose);
	}
	json_decref(list);
}

static void info_blockstats(struct task *t, const struct hmp_args *a)
{
	static const char *const keys[] = {"rd_bytes", "wr_bytes", "rd_operations", "wr_operations", "flush_operations", "wr_total_time_ns", "rd_total_time_ns",
					   "flush_total_time_ns", "rd_merged", "wr_merged", "idle_time_ns"};
	json_t *list, *o;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-blockstats", NULL, &list))
		return;
	json_array_foreach(list, n, o) {
		const json_t *s = json_object_get(o, "stats");
		fprintf(t->out, "%s:", text_of(o, "device"));
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			fprintf(t->out, " %s=%lld", keys[i], int_of(s, keys[i]));
		fputc('\n', t->out);
	}
	json_decref(list);
}

/* ---- media ---- */

static void eject(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "eject", json_pack("{s:s, s:b}", "device", arg_str(a, "device"), "force", (int)arg_flag(a, "force")), NULL);
}

static void change(struct task *t, const struct hmp_args *a)
{
	const char *device = arg_str(a, "device"), *format = arg_str(a, "arg"), *mode = arg_str(a, "read-only-mode");
	json_t *args;

	if (!strcmp(device, "vnc")) {
		struct err e = ERR_INIT;
		err_set(&e, ENOTSUP, "change vnc needs a VNC server (emu-vnc), which is not built in");
		hmp_error(t, &e);
		return;
	}
	args = json_pack("{s:s, s:s}", "device", device, "filename", arg_str(a, "target"));
	if (format)
		json_object_set_new(args, "format", json_string(format));
	if (mode)
		json_object_set_new(args, "read-only-mode", json_string(mode));
	hmp_call(t, "blockdev-change-medium", args, NULL);
}

static void block_resize(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "block_resize", json_pack("{s:s, s:I}", "device", arg_str(a, "device"), "size", (json_int_t)arg_int(a, "size", 0)), NULL);
}

static void throttle(struct task *t, const struct hmp_args *a)
{
	static const char *const keys[] = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};
	json_t *args = json_pack("{s:s}", "device", arg_str(a, "device"));

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		json_object_set_new(args, keys[i], json_integer(arg_int(a, keys[i], 0)));
	hmp_call(t, "block_set_io_throttle", args, NULL);
}

/* ---- disks that come and go ---- */

static void drive_add(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = disk_add(t, arg_flag(a, "node") ? "blockdev" : "drive", arg_str(a, "opts"), &e);

	if (!r)
		hmp_error(t, &e);
	else if (!arg_flag(a, "node"))
		fprintf(t->out, "OK\n");
	json_decref(r);
}

static void drive_del(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = disk_del(t, arg_str(a, "id"), false, &e);

	if (!r)
		hmp_error(t, &e);
	json_decref(r);
}

/* ---- export ---- */

static void nbd_start(struct task *t, const struct hmp_args *a)
{
	const char *uri = arg_str(a, "uri"), *colon = strrchr(uri, ':');
	bool all = arg_flag(a, "all"), writable = arg_flag(a, "writable");
	json_t *list, *o, *addr;
	struct err e = ERR_INIT;
	size_t n;

	if (!strncmp(uri, "unix:", 5))
		addr = json_pack("{s:s, s:{s:s}}", "type", "unix", "data", "path", uri + 5);
	else
		addr = json_pack("{s:s, s:{s:s%, s:s}}", "type", "inet", "data", "host", uri, (size_t)(colon ? colon - uri : 0), "port", colon ? colon + 1 : "");
	if (writable && !all) {
		err_set(&e, EINVAL, "-w only valid together with -a");
		hmp_error(t, &e);
		json_decref(addr);
		return;
	}
	if (!colon || !addr) {
		err_set(&e, EINVAL, "host:port or unix:PATH expected, not '%s'", uri);
		hmp_error(t, &e);
		json_decref(addr);
		return;
	}
	if (!hmp_call(t, "nbd-server-start", json_pack("{s:o}", "addr", addr), NULL) || !all || !hmp_call(t, "query-block", NULL, &list))
		return;
	json_array_foreach(list, n, o)
		if (json_object_get(o, "inserted"))
			hmp_call(t, "nbd-server-add", json_pack("{s:s, s:b}", "device", text_of(o, "device"), "writable", (int)writable), NULL);
	json_decref(list);
}

static void nbd_add(struct task *t, const struct hmp_args *a)
{
	json_t *args = json_pack("{s:s, s:b}", "device", arg_str(a, "device"), "writable", (int)arg_flag(a, "writable"));

	if (arg_str(a, "name"))
		json_object_set_new(args, "name", json_string(arg_str(a, "name")));
	hmp_call(t, "nbd-server-add", args, NULL);
}

static void nbd_remove(struct task *t, const struct hmp_args *a)
{
	hmp_call(t, "nbd-server-remove", json_pack("{s:s, s:s}", "name", arg_str(a, "name"), "mode", arg_flag(a, "force") ? "hard" : "safe"), NULL);
}

static void nbd_stop(struct task *t, const struct hmp_args *a)
{
	(void)a;
	hmp_call(t, "nbd-server-stop", NULL, NULL);
}

const struct hmp_row hmp_block_rows[] = {
	{.name = "eject", .args = "force:-f,device:B", .params = "[-f] device", .help = "take the medium out (-f: even if the guest has locked it)", .run = eject},
	{.name = "change", .args = "device:B,target:F,arg:s?,read-only-mode:s?", .params = "device filename [format [read-only-mode]]",
	 .help = "put another medium in; read-only-mode: retain, read-only, read-write", .run = change},
	{.name = "block_resize", .args = "device:B,size:o", .params = "device size", .help = "change an image's size", .run = block_resize},
	{.name = "block_set_io_throttle", .args = "device:B,bps:l,bps_rd:l,bps_wr:l,iops:l,iops_rd:l,iops_wr:l",
	 .params = "device bps bps_rd bps_wr iops iops_rd iops_wr", .help = "limit how fast a disk is", .run = throttle},
	{.name = "drive_add", .args = "node:-n,pci_addr:s,opts:s", .params = "[-n] [[<domain>:]<bus>:]<slot> options",
	 .help = "add a disk, as -drive if=none does, for device_add (-n: as -blockdev does)", .run = drive_add},
	{.name = "drive_del", .args = "id:B", .params = "device", .help = "take a disk away from the guest", .run = drive_del},
	{.name = "nbd_server_start", .args = "all:-a,writable:-w,uri:s", .params = "[-a] [-w] host:port",
	 .help = "serve disks by NBD (-a: all that have media; -w: writable)", .run = nbd_start},
	{.name = "nbd_server_add", .args = "writable:-w,device:B,name:s?", .params = "[-w] device [name]", .help = "export a disk (-w: writable)", .run = nbd_add},
	{.name = "nbd_server_remove", .args = "force:-f,name:s", .params = "[-f] name", .help = "end an export (-f: although it has clients)", .run = nbd_remove},
	{.name = "nbd_server_stop", .help = "serve no disks any more", .run = nbd_stop},
	{0}};

const struct hmp_row hmp_block_info_rows[] = {
	{.name = "block", .args = "nodes:-n,verbose:-v,device:B?", .params = "[-n] [-v] [device]",
	 .help = "show the disks, or one (-n: by node; -v: with their images)", .run = info_block},
	{.name = "blockstats", .help = "show what the disks have done", .run = info_blockstats},
	{0}};
