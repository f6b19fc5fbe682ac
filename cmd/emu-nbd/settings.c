/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"

static int help(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o;
	(void)value;
	(void)settings;
	(void)e;
	opt_help(&settings_table, stdout);
	exit(0);
}

static int version(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o;
	(void)value;
	(void)settings;
	(void)e;
	printf("%s (emutools)\n", err_program());
	exit(0);
}

static int trace(const struct opt *o, const char *value, void *settings, struct err *e)
{
	int r = trace_set(value, e);

	(void)o;
	(void)settings;
	if (r == -ECANCELED)
		exit(0);
	return r;
}

static int shared(const struct opt *o, const char *value, void *settings, struct err *e)
{
	char *end;
	long n = strtol(value, &end, 0);

	(void)o;
	if (*end || end == value || n < 0 || n > 1000000)
		return err_set(e, EINVAL, "Invalid shared device number '%s'", value);
	((struct settings *)settings)->shared = n;
	return 0;
}

static const char *const discard_modes[] = {"ignore", "off", "unmap", "on", NULL};
static const char *const zero_modes[] = {"off", "on", "unmap", NULL};
static const char *const aio_modes[] = {"threads", "native", "io_uring", NULL};
static const char *const sandbox_modes[] = {"off", "on", "log", NULL};

#define F(f) .offset = offsetof(struct settings, f)
static const struct opt options[] = {
	{'h', "help", OPT_CALL, NULL, "shows this help", .handler = help},
	{'V', "version", OPT_CALL, NULL, "shows the version", .handler = version},
	{'p', "port", OPT_STRING, "PORT", "TCP port to listen on", F(port), .def = "10809"},
	{'b', "bind", OPT_STRING, "ADDRESS", "address to listen on", F(bind), .def = "0.0.0.0"},
	{'k', "socket", OPT_STRING, "PATH", "UNIX socket to listen on instead of TCP", F(socket)},
	{0, "listen-fd", OPT_INT, "FD", "a socket that listens already, instead of a port or path", F(listen_fd), .min = 0, .max = 1048576},
	{'e', "shared", OPT_CALL, "NUM", "clients at once, 0 for any number", .def = "1", .handler = shared},
	{'t', "persistent", OPT_FLAG, NULL, "stays when the last client leaves", F(persistent)},
	{'v', "verbose", OPT_FLAG, NULL, "reports what clients do wrong", F(verbose)},
	{'x', "export-name", OPT_STRING, "NAME", "name of the export", F(export_name), .def = "the empty name"},
	{'D', "description", OPT_STRING, "TEXT", "description that clients are shown", F(description)},
	{'o', "offset", OPT_SIZE, "OFFSET", "where the export begins in the image", F(offset)},
	{'P', "partition", OPT_INT, "NUM", "only this partition (MBR with logical ones, or GPT)", F(partition), .min = 1, .max = 128},
	{'A', "allocation-depth", OPT_FLAG, NULL, "offers the context qemu:allocation-depth", F(depth)},
	{'B', "bitmap", OPT_STRING, "NAME", "offers the context qemu:dirty-bitmap:NAME of the image's bitmap NAME", F(bitmap)},
	{'L', "list", OPT_FLAG, NULL, "lists the exports of another server", F(list)},
	{0, "object", OPT_LIST, "TYPE,id=ID,...", "an object: a secret, TLS credentials", F(objects)},
	{0, "tls-creds", OPT_STRING, "ID", "TLS is required, with these credentials", F(tls_creds)},
	{0, "tls-authz", OPT_STRING, "ID", "who may come: an access list of the names in client certificates", F(tls_authz),
	 .man = "ID is an object authz-simple (identity=NAME), authz-list (rules.0.match=NAME, rules.0.policy=allow, rules.0.format=glob, ..., policy=deny) or "
		"authz-list-file (filename=FILE, the same as JSON). A name is the certificate's distinguished name, CN=client,O=there; without a rule that "
		"matches the policy decides, which is deny. The credentials must verify clients."},
	{0, "export", OPT_LIST, "name=NAME,file=FILE,...", "a further export: format=FORMAT, description=TEXT, read-only=on", F(exports),
	 .man = "May be given several times. The image becomes a disk of its own, called NAME on the control socket, with the caches and locks of the main image. "
		"A comma inside a value is doubled."},
	{0, "tls-hostname", OPT_STRING, "NAME", "with -L: the name the server's certificate must have", F(tls_hostname)},
	{'T', "trace", OPT_CALL, "SPEC", "trace points: [enable=]PATTERN[,events=FILE][,file=FILE]", .handler = trace},
	{0, "fork", OPT_FLAG, NULL, "returns when the server runs", F(fork)},
	{0, "pid-file", OPT_STRING, "PATH", "writes the server's process id there", F(pid_file)},
	{0, "id", OPT_STRING, "NAME", "what the disk is called on the control socket", F(id), .def = "the export's name, or drive0"},
	{0, "ctl", OPT_STRING, "PATH", "a control socket, for media, jobs, snapshots, limits and exports", F(ctl),
	 .man = "A control socket in the QMP dialect is bound there (unix:PATH is accepted too); emu-nbd(7) lists its commands. The server then stays when "
		"clients leave, and IMAGE may be left out: the disk has no medium until one is put in."},
	{0, "ctl-fd", OPT_INT, "FD", "an open control connection; when it closes, the server ends", F(ctl_fd), .min = 0, .max = 1048576},
	{0, "ready-fd", OPT_INT, "FD", "writes READY there once everything is held", F(ready_fd), .min = 0, .max = 1048576},
	{0, "state", OPT_STRING, "FILE", "keeps what has changed since the start, and continues from it", F(state),
	 .man = "What the control socket changes (images, media, limits, jobs, exports, bitmaps) is in FILE, on the disk, before it is acknowledged. A server that "
		"is started again with the same FILE continues where the other one was killed; IMAGE and its options are then those of FILE. The file is "
		"removed when the server ends in order."},
	{0, "lock-wait", OPT_INT, "SECONDS", "how long another process's lock of an image is waited for", F(lock_wait), .min = 0, .max = 86400,
	 .def = "10 with --state, else 0"},
	{0, "throttle", OPT_STRING, "LIMITS", "limits of the disk: bps-total=N,iops-read=N,... as throttling.* of -drive", F(throttle),
	 .man = "bps-total, bps-read, bps-write, iops-total, iops-read, iops-write, each with -max and -max-length for bursts; iops-size; group. "
		"block_set_io_throttle changes them at run time."},
	{0, "removable", OPT_FLAG, NULL, "the medium can be ejected and changed", F(removable)},
	{0, "vhost-user", OPT_STRING, "PATH", "a socket for vhost-user-blk front ends", F(vhost)},
	{0, "vhost-queues", OPT_INT, "NUM", "queues that a front end may use", F(vhost_queues), .min = 1, .max = 64, .def = "1"},
	{'c', "connect", OPT_STRING, "DEV", "attaches the image to a kernel NBD device, /dev/nbdN", F(connect)},
	{'d', "disconnect", OPT_STRING, "DEV", "detaches a kernel NBD device", F(disconnect)},
	{'f', "format", OPT_STRING, "FORMAT", "image format", F(format), .def = "probed"},
	{'r', "read-only", OPT_FLAG, NULL, "no writes", F(read_only)},
	{'s', "snapshot", OPT_FLAG, NULL, "writes go to a temporary overlay", F(snapshot)},
	{0, "overlay-fd", OPT_INT, "FD", "with -s: the file that the overlay is in", F(overlay_fd), .min = 0, .max = 1048576,
	 .man = "An empty file that is open for reading and writing; who starts the server again with it finds what was written."},
	{'l', "load-snapshot", OPT_STRING, "SNAPSHOT", "exports an internal snapshot, read-only: ID or name, or snapshot.id=ID,snapshot.name=NAME", F(load_snapshot)},
	{'n', "nocache", OPT_FLAG, NULL, "the host's cache is passed by (cache=none)", F(nocache)},
	{0, "cache", OPT_STRING, "MODE", "none, writeback, writethrough, directsync or unsafe", F(cache), .def = "writeback"},
	{0, "aio", OPT_CHOICE, "MODE", "how the host's files are read and written", F(aio), .choices = aio_modes, .def = "threads"},
	{0, "discard", OPT_CHOICE, "MODE", "what becomes of discards", F(discard), .choices = discard_modes, .def = "ignore"},
	{0, "detect-zeroes", OPT_CHOICE, "MODE", "written zeros become zero ranges", F(detect_zeroes), .choices = zero_modes, .def = "off"},
	{0, "image-opts", OPT_FLAG, NULL, "the image is an option string", F(image_opts)},
	{0, "sandbox", OPT_CHOICE, "MODE", "the system-call filter", F(sandbox), .choices = sandbox_modes, .def = "on",
	 .man = "The filter that the server puts itself under once everything is open: it can then open no further file. "
		"log lets everything through and has the kernel log what the filter would have stopped."},
};

const struct opt_table settings_table = {
	.program = "emu-nbd", .usage = "[OPTION]... IMAGE\n  or:  emu-nbd -L [OPTION]...",
	.summary = "Serves a disk image to NBD clients.", .opts = options, .count = sizeof options / sizeof *options,
};

int settings_check(const struct settings *s, int words, struct err *e)
{
	if (s->disconnect)
		return words ? err_set(e, EINVAL, "-d takes no image") : 0;
	if (s->tls_authz && !s->tls_creds)
		return err_set(e, EINVAL, "--tls-authz looks at client certificates: --tls-creds is needed too");
	if (s->connect && (s->ctl || s->state || s->tls_creds || s->exports.count))
		return err_set(e, EINVAL, "-c serves the kernel alone: --ctl, --state, --export and --tls-creds make no sense with it");
	if (s->list) {
		if (words)
			return err_set(e, EINVAL, "List mode is incompatible with a file name");
		if (s->export_name || s->description || s->offset || s->partition || s->exports.count || s->tls_authz)
			return err_set(e, EINVAL, "List mode is incompatible with per-device settings");
		if (s->fork)
			return err_set(e, EINVAL, "List mode is incompatible with forking");
		return 0;
	}
	if (s->overlay_fd >= 0 && !s->snapshot)
		return err_set(e, EINVAL, "--overlay-fd goes with -s");
	if (s->state && ((s->snapshot && s->overlay_fd < 0) || s->load_snapshot || s->partition || s->offset))
		return err_set(e, EINVAL, "--state excludes -s without --overlay-fd, -l, -P and -o: what they make cannot be made again");
	if (s->state && !s->ctl && s->ctl_fd < 0)
		return err_set(e, EINVAL, "--state needs --ctl or --ctl-fd: without them nothing changes");
	if (words == 0 && (s->ctl || s->ctl_fd >= 0) && !s->snapshot && !s->load_snapshot && !s->partition && !s->offset)
		return 0;
	if (words != 1) {
		err_set(e, EINVAL, "Invalid number of arguments");
		return err_hint(e, "Try `%s --help' for more information.", err_program());
	}
	if (s->image_opts && s->format)
		return err_set(e, EINVAL, "--image-opts and -f are mutually exclusive");
	if (s->nocache && s->cache)
		return err_set(e, EINVAL, "-n and --cache can only be specified once");
	if (s->partition && s->offset)
		return err_set(e, EINVAL, "-P and -o exclude each other");
	if (s->detect_zeroes == 2 && s->discard < 2)
		return err_set(e, EINVAL, "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap");
	if (s->tls_creds && s->socket && s->tls_hostname)
		return err_set(e, EINVAL, "--tls-hostname is for list mode");
	return 0;
}
