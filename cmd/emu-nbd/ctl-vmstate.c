/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of a whole machine: the disk's part. The machine's state is a stream on a descriptor that comes with the command; one disk keeps it
 * beside its data. The guest stands still meanwhile.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/sock.h"
#include "daemon.h"

#define CHUNK (1u << 20)
#define STATE_MAX (1ull << 42)

/* A disk whose format has snapshots inside. */
static struct blk *with_snapshots(struct daemon *d, struct ctl_call *call, const json_t *args, struct disk **k, struct err *e)
{
	struct blk *b;

	*k = ctl_disk(d, call, args, e);
	if (!*k || disk_not_busy(*k, e) < 0)
		return NULL;
	b = (*k)->root ? blk_skip_filters((*k)->root) : NULL;
	if (!b)
		err_set(e, ENOMEDIUM, "Device '%s' has no medium", (*k)->name);
	else if (!b->fmt->snapshot_create || !blk_writable(b))
		err_set(e, ENOTSUP, "Device '%s' is writable but does not support snapshots", (*k)->name);
	else
		return b;
	return NULL;
}

static int find(struct blk *b, const char *name, struct blk_snapshot *out, struct err *e)
{
	struct blk_snapshot *list = NULL;
	unsigned count = 0, i;
	int r = b->fmt->snapshot_list(b, &list, &count, e);

	if (r < 0)
		return r;
	/* By id first, as the classic monitor looks. */
	for (i = 0; i < count && strcmp(list[i].id, name); i++)
		;
	for (unsigned n = 0; i == count && n < count; n++)
		if (!strcmp(list[n].name, name))
			i = n;
	if (i < count)
		*out = list[i];
	free(list);
	return i < count ? 0 : -ENOENT;
}

static int read_state(struct blk *b, int fd, uint64_t *size, struct err *e)
{
	char *buf = malloc(CHUNK);
	int r = buf ? 0 : err_set(e, ENOMEM, "out of memory");

	if (!r && !b->fmt->vmstate_write)
		r = err_set(e, ENOTSUP, "format '%s' holds no machine state", b->fmt->name);
	for (*size = 0; !r;) {
		size_t have = 0;
		ssize_t n = 0;
		while (have < CHUNK && ((n = read(fd, buf + have, CHUNK - have)) > 0 || (n < 0 && errno == EINTR)))
			have += n > 0 ? (size_t)n : 0;
		if (n < 0)
			r = err_errno(e, errno, "cannot read the machine's state");
		else if (*size > STATE_MAX)
			r = err_set(e, EFBIG, "the machine's state has more than %llu bytes", STATE_MAX);
		else if (have && (r = b->fmt->vmstate_write(b, *size, have, buf)))
			err_errno(e, -r, "cannot write the machine's state into '%s'", b->filename);
		*size += have;
		if (have < CHUNK)
			break;
	}
	free(buf);
	return r;
}

static json_t *save(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct blk_snapshot s = {0}, old;
	const char *name = ctl_string(args, "name");
	int fd = ctl_take_fd(call, 0), r = 0;
	json_t *out = NULL;
	struct timespec now;
	struct disk *k;
	struct blk *b = with_snapshots(d, call, args, &k, e);

	if (!b) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	disk_drain(k);
	if (fd >= 0)
		r = read_state(b, fd, &s.vm_state_size, e);
	/* The older one of that name goes when the new one is sure to have its place. */
	clock_gettime(CLOCK_REALTIME, &now);
	s.date_sec = (uint32_t)now.tv_sec;
	s.date_nsec = (uint32_t)now.tv_nsec;
	s.vm_clock_ns = (uint64_t)json_integer_value(json_object_get(args, "vm-clock-nsec"));
	s.disk_size = b->size;
	snprintf(s.name, sizeof s.name, "%s", name);
	if (!r && find(b, name, &old, e) == 0) {
		snprintf(s.name, sizeof s.name, "%s", old.name);
		r = b->fmt->snapshot_delete(b, old.id, e);
	}
	if (!r && !e->code)
		r = b->fmt->snapshot_create(b, &s, e);
	if (!r && !e->code)
		out = json_pack("{s:s, s:s, s:I}", "id", s.id, "name", s.name, "vm-state-size", (json_int_t)s.vm_state_size);
	disk_undrain(k);
	if (fd >= 0)
		close(fd);
	return out;
}
static const struct ctl_arg save_args[] = {{"device", 's', false}, {"name", 's', false}, {"vm-clock-nsec", 'i', true}, {NULL, 0, false}};
static const struct ctl_command save_row = {.name = "x-snapshot-save", .args = save_args, .run = save};
NBD_COMMAND(save_row);

static json_t *load(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct blk_snapshot s;
	const char *name = ctl_string(args, "name");
	int fd = ctl_take_fd(call, 0), r = 0;
	struct disk *k;
	struct blk *b = with_snapshots(d, call, args, &k, e);
	char *buf = b ? malloc(CHUNK) : NULL;
	json_t *out = NULL;

	if (!b)
		goto out;
	r = find(b, name, &s, e);
	if (r == -ENOENT)
		err_set(e, ENOENT, "Device '%s' does not have the requested snapshot '%s'", k->name, name);
	if (!r && !buf)
		r = err_set(e, ENOMEM, "out of memory");
	if (r)
		goto out;
	disk_drain(k);
	r = b->fmt->snapshot_apply(b, s.id, e);
	disk_resized(k);
	/* What belongs to the snapshot lies behind its data. */
	for (uint64_t at = 0; fd >= 0 && !r && at < s.vm_state_size;) {
		size_t n = s.vm_state_size - at < CHUNK ? (size_t)(s.vm_state_size - at) : CHUNK;
		r = b->fmt->vmstate_read(b, at, n, buf);
		if (r)
			err_errno(e, -r, "cannot read the machine's state from '%s'", b->filename);
		else if ((r = fd_write_all(fd, buf, n)))
			err_errno(e, -r, "nobody takes the machine's state");
		at += n;
	}
	disk_undrain(k);
	daemon_exports_changed(d, k);
	if (!r)
		out = json_pack("{s:s, s:s, s:I, s:I}", "id", s.id, "name", s.name, "vm-state-size", (json_int_t)s.vm_state_size, "vm-clock-nsec",
				(json_int_t)s.vm_clock_ns);
out:
	free(buf);
	if (fd >= 0)
		close(fd);
	return out;
}
static const struct ctl_arg load_args[] = {{"device", 's', false}, {"name", 's', false}, {NULL, 0, false}};
static const struct ctl_command load_row = {.name = "x-snapshot-load", .args = load_args, .run = load};
NBD_COMMAND(load_row);
