/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of emu-nbd, and the image that it describes. */
#ifndef EMU_NBD_SETTINGS_H
#define EMU_NBD_SETTINGS_H
#include "base/opt.h"
#include "block/block.h"

struct settings {
	const char *bind, *port, *socket, *export_name, *description, *format, *load_snapshot, *cache, *tls_creds, *tls_authz, *tls_hostname,
		*pid_file, *ctl, *state, *id, *vhost, *throttle, *connect, *disconnect, *bitmap;
	int64_t shared, partition, listen_fd, overlay_fd, ctl_fd, ready_fd, lock_wait, vhost_queues;
	uint64_t offset;
	bool persistent, verbose, list, fork, read_only, snapshot, nocache, image_opts, depth, removable;
	int discard, detect_zeroes, aio, sandbox;
	struct opt_list objects, exports;
};
#define SETTINGS_INIT {.shared = 1, .sandbox = 1, .listen_fd = -1, .overlay_fd = -1, .ctl_fd = -1, .ready_fd = -1, .lock_wait = -1, .vhost_queues = 1}

extern const struct opt_table settings_table;
/* What options exclude each other; words: how many were given beside them. */
int settings_check(const struct settings *s, int words, struct err *e);

struct image {
	struct blk *blk;
	uint64_t offset, size;
	bool remote;    /* something below is not a local file */
	bool temporary; /* -s: writes go to an overlay that has no name any more */
	char *overlay;
};
int image_open(const struct settings *s, struct blk_graph *g, const char *file, struct image *i, struct err *e);
/* --export: file and its options; name and description are new strings. */
int image_open_named(const struct settings *s, struct blk_graph *g, const char *text, struct image *i, char **name, char **description, bool *writable, struct err *e);
/* blk_open() that waits for the locks of a process that is on its way out, as long as settings say. */
int open_locked(const struct settings *s, struct blk_graph *g, const char *file, const char *format, json_t *options, unsigned flags,
		struct blk **b, struct err *e);
int image_close(struct image *i, struct err *e);

/* Runs until a signal, the last client or the control connection ends it. file NULL: there is no medium yet. */
int serve(const struct settings *set, struct objects *objects, const char *file, struct err *e);
#endif
