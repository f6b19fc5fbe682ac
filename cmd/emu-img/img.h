/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of emu-img share. */
#ifndef EMU_IMG_H
#define EMU_IMG_H
#include <stdio.h>
#include "base/opt.h"
#include "block/block.h"
#include "crypto/object.h"

/* Every option of every command; each command has a table of rows that point into it. */
struct args {
	const char *fmt, *fmt2, *out_fmt, *cache, *src_cache, *backing, *backing_fmt, *output, *preallocation;
	const char *snapshot, *snapshot_old, *size_text, *offset_text, *buffer_text, *step_text, *sparse_text, *repair, *aio;
	const char *apply, *make, *delete, *max_length, *start_offset, *rate;
	struct opt_list objects, options, trace;
	struct { char what; const char *source; } action[64]; /* bitmap */
	unsigned action_count;
	int64_t count, depth, flush_interval, pattern, workers;
	bool image_opts, target_image_opts, target_is_zero, quiet, progress, share, compress, no_create, out_of_order, offload;
	bool unsafe_backing, chain, strict, list, shrink, native, no_drain, write, keep, salvage, force, bitmaps, skip_broken_bitmaps, help;
};

struct img {
	struct blk_graph *graph;
	struct objects *objects;
	struct args a;
	char **word;      /* what is no option */
	int words;
	bool progress_on;
	double last_progress;
	uint64_t rate, rate_done; /* bytes a second, 0: no limit; bytes so far */
	double rate_began;
};

struct command {
	const char *name;
	const struct opt *opts;
	unsigned opt_count;
	int (*run)(struct img *m);
	void (*defaults)(struct args *a);
};
extern const struct command cmd_amend, cmd_bench, cmd_bitmap, cmd_check, cmd_commit, cmd_compare, cmd_convert, cmd_create, cmd_dd,
	cmd_info, cmd_map, cmd_measure, cmd_rebase, cmd_resize, cmd_snapshot;

#define ROW(l, n, t, a_, h, f) {.letter = (l), .name = (n), .type = (t), .arg = (a_), .help = (h), .offset = offsetof(struct args, f)}
#define ROW_OBJECT ROW(0, "object", OPT_LIST, "DEF", "a user object, mostly a secret", objects)
#define ROW_IMAGE_OPTS ROW(0, "image-opts", OPT_FLAG, NULL, "the file name is an option string", image_opts)
#define ROW_FMT ROW('f', "format", OPT_STRING, "FMT", "format of the image; guessed when absent", fmt)
#define ROW_QUIET ROW('q', "quiet", OPT_FLAG, NULL, "errors only", quiet)
#define ROW_PROGRESS ROW('p', "progress", OPT_FLAG, NULL, "show a progress bar", progress)
#define ROW_SHARE ROW('U', "force-share", OPT_FLAG, NULL, "open shared, even while a guest writes", share)
#define ROW_CACHE ROW('t', "cache", OPT_STRING, "CACHE", "cache mode of the image that is written", cache)
#define ROW_SRC_CACHE ROW('T', "source-cache", OPT_STRING, "CACHE", "cache mode of the images that are read", src_cache)
#define ROW_OUTPUT ROW(0, "output", OPT_STRING, "human|json", "form of the report", output)
#define ROW_OPTIONS ROW('o', "options", OPT_LIST, "OPTIONS", "format options; help lists them", options)
#define ROW_HELP ROW('h', "help", OPT_FLAG, NULL, "help and the list of formats", help)
#define ROWS(t) .opts = (t), .opt_count = sizeof(t) / sizeof *(t)

/* "PROGRAM: " sentence, then the line that points to --help. Returns 1. */
int img_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int img_fail(const struct err *e); /* reports; returns 1 */
/* "none", "writeback", "writethrough", "directsync", "unsafe" to flags. -EINVAL for others. */
int img_cache_flags(const char *mode, unsigned *flags);
/* Opens an image as the options say; reports its own errors. */
int img_open(struct img *m, const char *name, bool image_opts, const char *fmt, unsigned flags, struct blk **b);
/* human: 0, json: 1, anything else is reported: -1 */
int img_output(const struct args *a);
void img_say(const struct img *m, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* unless -q */

int img_rate_start(struct img *m); /* -r; reports what it does not take */
void img_rate_wait(struct img *m, uint64_t bytes); /* so many more were copied: waits until that may be */

void img_progress_start(struct img *m, bool on);
void img_progress(struct img *m, double part, double whole);
void img_progress_end(struct img *m);
bool img_progress_cb(void *opaque, uint64_t done, uint64_t total);

/* -o texts to checked options. *help is set where one asked for help (which is then printed). */
int img_options(struct blk_opts *o, const struct opt_list *list, bool *help, struct err *e);
void img_print_options(const char *title, const struct blk_option *table);
/* Writes a JSON value as the classic tool does (4 spaces a level). */
void img_print_json(json_t *v);
/* The same value as indented "key: value" lines. */
void img_print_human(const json_t *v, int indent);
json_t *img_classic_order(const json_t *v); /* members in the classic order, at every level; new reference */
json_t *img_info(struct img *m, struct blk *b, struct err *e);
void img_print_snapshots(struct blk_snapshot *list, unsigned count);
int img_parse_size(const char *text, uint64_t *size); /* reports */
/* snapshot.id=..,snapshot.name=.. or ID_OR_NAME; switches b to it */
int img_load_snapshot(struct blk *b, const char *param, struct err *e);
#endif
