/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bitmap: adds, removes, clears, enables, disables and merges the dirty bitmaps that an image stores. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "block/dirty.h"
#include "img.h"

enum { ADD = 'a', REMOVE = 'r', CLEAR = 'c', ENABLE = 'e', DISABLE = 'd', MERGE = 'm' };

/* The actions are done in the order in which they were said. */
static int take_action(const struct opt *o, const char *value, void *settings, struct err *e)
{
	struct args *a = settings;

	if (a->action_count == sizeof a->action / sizeof *a->action)
		return err_set(e, E2BIG, "more than %u actions on a bitmap", a->action_count);
	a->action[a->action_count].what = o->name[0] == 'r' ? REMOVE : o->name[0];
	a->action[a->action_count++].source = value;
	return 0;
}

static const char *action_name(char what)
{
	return what == ADD ? "add" : what == REMOVE ? "remove" : what == CLEAR ? "clear" : what == ENABLE ? "enable" : what == DISABLE ? "disable" : "merge";
}

/* The bitmap, unless its image's copy is out of date. */
static struct blk_dirty *usable(struct blk *b, const char *name, bool even_bad, struct err *e)
{
	struct blk_dirty *d = blk_dirty_find(b, name, e);

	if (d && d->inconsistent && !even_bad) {
		err_set(e, EINVAL, "Bitmap '%s' is inconsistent and cannot be used", name);
		err_hint(e, "Try block-dirty-bitmap-remove to delete this bitmap from disk");
		return NULL;
	}
	return d;
}

static int merge(struct img *m, struct blk *b, const char *name, const char *source, struct err *e)
{
	struct blk *other = NULL;
	struct blk_dirty *to = usable(b, name, false, e), *from;
	int r = to ? 0 : -EINVAL;

	if (!r && m->a.backing) {
		r = blk_open(m->graph, m->a.backing, m->a.backing_fmt, NULL, BLK_NO_BACKING | BLK_BITMAPS, &other, e);
		if (r)
			return err_prefix(e, "Could not open '%s'", m->a.backing), -ENODEV;
	}
	from = r ? NULL : usable(other ? blk_skip_filters(other) : b, source, false, e);
	if (!r && !from)
		r = -EINVAL;
	if (!r && from->map.size != to->map.size)
		r = err_set(e, EINVAL, "Bitmaps are of different sizes (destination size is %llu, source size is %llu) and can't be merged",
			    (unsigned long long)to->map.size, (unsigned long long)from->map.size);
	if (!r) {
		bitmap_or(&to->map, &from->map);
		to->changed = true;
	}
	blk_unref(other);
	return r;
}

static int act(struct img *m, struct blk *b, const char *name, char what, const char *source, uint64_t granularity, struct err *e)
{
	bool disabled = false;
	struct blk_dirty *d;

	switch (what) {
	case ADD:
		if (!(b->fmt->flags & BLK_F_BITMAPS))
			return err_set(e, ENOTSUP, "Cannot store dirty bitmaps in file '%s': its format is %s", b->filename, b->fmt->name);
		if (!blk_can_store_bitmaps(b))
			return err_set(e, ENOTSUP, "Can't make bitmap '%s' persistent in '%s': Cannot store dirty bitmaps in qcow2 v2 files", name, b->filename);
		if (granularity > UINT32_MAX)
			return err_set(e, EINVAL, "Granularity must be power of 2 and at least 512");
		for (unsigned i = 0; i < m->a.action_count; i++)
			disabled |= m->a.action[i].what == DISABLE;
		d = blk_dirty_add(b, name, (uint32_t)granularity, true, -1, e);
		if (!d)
			return -EINVAL;
		d->disabled = disabled;
		return 0;
	case MERGE:
		return merge(m, b, name, source, e);
	default:
		if (!(d = usable(b, name, what == REMOVE, e)))
			return -EINVAL;
	}
	if (what == REMOVE) {
		blk_dirty_remove(b, d);
		return 0;
	}
	if (what == CLEAR)
		bitmap_clear(&d->map, 0, d->map.size);
	else
		d->disabled = what == DISABLE;
	d->changed = true;
	return 0;
}

static int run(struct img *m)
{
	const char *name, *wrong = NULL;
	uint64_t granularity = 0;
	bool add = false, merges = false;
	struct err e = ERR_INIT;
	struct blk *b, *top;
	int ret = 0;

	for (unsigned i = 0; i < m->a.action_count; i++) {
		add |= m->a.action[i].what == ADD;
		merges |= m->a.action[i].what == MERGE;
	}
	if (!m->a.action_count)
		wrong = "Need at least one of --add, --remove, --clear, --enable, --disable, or --merge";
	else if (m->a.size_text && !add)
		wrong = "granularity only supported with --add";
	else if (m->a.backing_fmt && !m->a.backing)
		wrong = "-F only supported with -b";
	else if (m->a.backing && !merges)
		wrong = "Merge bitmap source file only supported with --merge";
	else if (m->words != 2)
		wrong = "Expecting filename and bitmap name";
	if (wrong) {
		err_print("%s", wrong);
		return 1;
	}
	if (m->a.size_text && img_parse_size(m->a.size_text, &granularity))
		return 1;
	name = m->word[1];
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, BLK_RDWR | BLK_NO_BACKING, &top))
		return 1;
	b = blk_skip_filters(top);
	for (unsigned i = 0; i < m->a.action_count && !ret; i++) {
		char what = m->a.action[i].what;
		int r = act(m, b, name, what, m->a.action[i].source, granularity, &e);
		if (r == -ENODEV) {
			ret = img_fail(&e);
		} else if (r) {
			err_prefix(&e, "Operation %s on bitmap %s failed", action_name(what), name);
			ret = img_fail(&e);
		}
	}
	if (blk_close(top, &e) && !ret)
		ret = img_fail(&e);
	return ret;
}

#define ACTION(name_, arg_, help_) {.name = (name_), .type = OPT_CALL, .arg = (arg_), .help = (help_), .handler = take_action}
static const struct opt rows[] = {
	ACTION("add", NULL, "make a bitmap; disabled where --disable is said too"), ACTION("remove", NULL, "delete it"),
	ACTION("clear", NULL, "clear all of its bits"), ACTION("enable", NULL, "writes are noted in it"), ACTION("disable", NULL, "writes are not noted in it"),
	ACTION("merge", "SOURCE", "add the bits of another bitmap, of the same disk size"),
	ROW('b', "source-file", OPT_STRING, "FILE", "the image that SOURCE is in", backing), ROW('F', "source-format", OPT_STRING, "FMT", "its format", backing_fmt),
	ROW('g', "granularity", OPT_STRING, "SIZE", "bytes that a bit stands for, with --add", size_text), ROW_OBJECT, ROW_IMAGE_OPTS, ROW_FMT, ROW_HELP,
};
const struct command cmd_bitmap = {.name = "bitmap", ROWS(rows), .run = run};
