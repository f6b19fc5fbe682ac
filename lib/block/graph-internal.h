/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the graph. */
#ifndef BLOCK_GRAPH_INTERNAL_H
#define BLOCK_GRAPH_INTERNAL_H
#include "base/json.h"
#include "block/core.h"

/* Protocols and drivers of the classic tools that there are none of here; name: n bytes. */
bool blk_is_absent(const char *name, size_t n);
/* Sets b->filename: `given`, the driver's own short form, or json:{...} of the options. */
void blk_set_filename(struct blk *b, const char *given);
/* Do these options say no more than a file name would? */
bool blk_plain_options(const json_t *o);

/* The options that every node has are taken out of o and change *flags. 0, or -errno. */
int blk_take_generic(json_t *o, unsigned *flags, struct err *e);
/* Those of a driver's table; the names in messages begin with `prefix`. 0, or -errno. */
int blk_take_table(json_t *o, const char *prefix, const struct blk_option *table, struct blk_opts *opts, struct err *e);
/* {"file.filename": "x"} means {"file": {"filename": "x"}}, at every level. New object; NULL: keys contradict each other. */
json_t *blk_nest_dotted(const json_t *o, struct err *e);
#endif
