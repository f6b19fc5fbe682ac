/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of emu-nbd, and the image that it describes. */
#ifndef EMU_NBD_SETTINGS_H
#define EMU_NBD_SETTINGS_H
#include "base/opt.h"
#include "block/block.h"

struct settings {
	const char *bind, *port, *socket, *export_name, *description, *format, *load_snapshot, *cache, *tls_creds, *tls_hostname,
		*pid_file;
	int64_t shared, partition;
	uint64_t offset;
	bool persistent, verbose, list, fork, read_only, snapshot, nocache, image_opts, depth;
	int discard, detect_zeroes, aio, sandbox;
	struct opt_list objects;
};
#define SETTINGS_INIT {.shared = 1, .sandbox = 1}

extern const struct opt_table settings_table;
/* What options exclude each other; words: how many were given beside them. */
int settings_check(const struct settings *s, int words, struct err *e);

struct image {
	struct blk *blk;
	uint64_t offset, size;
	bool remote;    /* something below is not a local file */
	bool temporary; /* -s: writes go to an overlay that is gone already */
	char *overlay;
};
int image_open(const struct settings *s, struct blk_graph *g, const char *file, struct image *i, struct err *e);
int image_close(struct image *i, struct err *e);
#endif
