/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot: lists, makes, applies and deletes internal snapshots. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "img.h"

static int run(struct img *m)
{
	int actions = !!m->a.list + !!m->a.make + !!m->a.apply + !!m->a.delete, ret = 0, r;
	struct blk_snapshot sn = {.has_icount = true}, *list = NULL;
	const char *name = m->a.make ? m->a.make : m->a.apply ? m->a.apply : m->a.delete;
	unsigned count = 0;
	struct err e = ERR_INIT;
	struct timespec now;
	struct blk *b;

	if (actions > 1)
		return img_usage("Cannot mix '-l', '-a', '-c', '-d'");
	if (m->words != 1)
		return img_usage("Expecting one image file name");
	if (!actions)
		m->a.list = true;
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, m->a.list ? BLK_NO_IO | BLK_NO_BACKING : BLK_RDWR | BLK_UNMAP, &b))
		return 1;
	if (m->a.list) {
		if (b->fmt->snapshot_list && !b->fmt->snapshot_list(b, &list, &count, &e) && count) {
			printf("Snapshot list:\n");
			img_print_snapshots(list, count);
		}
		free(list);
	} else if (m->a.make) {
		clock_gettime(CLOCK_REALTIME, &now);
		snprintf(sn.name, sizeof sn.name, "%s", name);
		sn.date_sec = (uint32_t)now.tv_sec;
		sn.date_nsec = (uint32_t)(now.tv_nsec / 1000 * 1000);
		if (!b->fmt->snapshot_create) {
			err_print("Could not create snapshot '%s': %d (%s)", name, -EOPNOTSUPP, strerror(EOPNOTSUPP));
			ret = 1;
		} else if ((r = b->fmt->snapshot_create(b, &sn, &e))) {
			err_prefix(&e, "Could not create snapshot '%s'", name);
			ret = img_fail(&e);
		}
	} else if (m->a.apply) {
		if (!b->fmt->snapshot_apply) {
			err_print("Could not apply snapshot '%s': Block format '%s' used by device '' does not support internal snapshots", name,
				  b->fmt->name);
			ret = 1;
		} else if ((r = b->fmt->snapshot_apply(b, name, &e))) {
			if (r == -ENOENT)
				err_set(&e, ENOENT, "Could not apply snapshot '%s': Failed to load snapshot: No such file or directory", name);
			else
				err_prefix(&e, "Could not apply snapshot '%s'", name);
			ret = img_fail(&e);
		}
	} else {
		if (!b->fmt->snapshot_delete) {
			err_print("Could not delete snapshot '%s': snapshot not found", name);
			ret = 1;
		} else if ((r = b->fmt->snapshot_delete(b, name, &e))) {
			if (r == -ENOENT)
				err_set(&e, ENOENT, "Could not delete snapshot '%s': snapshot not found", name);
			else
				err_prefix(&e, "Could not delete snapshot '%s'", name);
			ret = img_fail(&e);
		}
	}
	if (blk_close(b, &e) && !ret)
		ret = img_fail(&e);
	return ret;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_FMT, ROW_SHARE, ROW_QUIET, ROW('l', "list", OPT_FLAG, NULL, "list the snapshots", list),
	ROW('a', "apply", OPT_STRING, "SNAP", "go back to a snapshot", apply), ROW('c', "create", OPT_STRING, "SNAP", "make one", make),
	ROW('d', "delete", OPT_STRING, "SNAP", "delete one", delete), ROW_HELP,
};
const struct command cmd_snapshot = {.name = "snapshot", ROWS(rows), .run = run};
