/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: VMware's disk images, in one file or in several.
 *
 * Theory of operation. A text descriptor names the extents of which the disk is made, in order: flat ones (plain data),
 * sparse ones (vmdk-extent.c), zeros. In images of one file the descriptor lies inside a sparse extent's header. The
 * descriptor also holds a content identifier (CID), which changes with the first write after each opening, and that
 * of the parent as it was when the overlay was made: data are only read through to a parent whose CID is still that
 * one. Extent files that the descriptor names are opened as plain files, never probed, so an image cannot lead to
 * itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "block/vmdk.h"
#include "crypto/hash.h"

/* Comments and blank lines, then "version=N". */
static bool looks_like_text(const uint8_t *buf, size_t size)
{
	size_t at = 0;

	while (at < size) {
		const uint8_t *line = buf + at, *end = memchr(line, '\n', size - at);
		size_t n = end ? (size_t)(end - line) : size - at, blank = 0;
		while (blank < n && (line[blank] == ' ' || line[blank] == '\t' || line[blank] == '\r'))
			blank++;
		if (blank < n && line[blank] != '#')
			return n >= 9 && !strncasecmp((const char *)line, "version=", 8) && line[8] >= '1' && line[8] <= '3';
		if (!end)
			return false;
		at += n + 1;
	}
	return false;
}

static int vmdk_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	if (size >= 4 && (!memcmp(buf, "KDMV", 4) || !memcmp(buf, "COWD", 4)))
		return 100;
	return looks_like_text(buf, size) ? 100 : 0;
}

static struct extent *add_extent(struct vmdk *s, uint64_t start, struct err *e)
{
	struct extent *x;

	if (s->count >= VMDK_MAX_EXTENTS) {
		err_set(e, EFBIG, "more than %d extents", VMDK_MAX_EXTENTS);
		return NULL;
	}
	/* Grown by powers of two; the extents stay where they are, their locks cannot move. */
	if (!(s->count & (s->count - 1))) {
		struct extent **list = reallocarray(s->extent, s->count ? 2 * (size_t)s->count : 1, sizeof *list);
		if (!list) {
			err_errno(e, ENOMEM, "table of extents");
			return NULL;
		}
		s->extent = list;
	}
	x = calloc(1, sizeof *x);
	if (!x) {
		err_errno(e, ENOMEM, "extent");
		return NULL;
	}
	s->extent[s->count++] = x;
	x->start = start;
	return x;
}

/* Reads `bytes` of descriptor text at `offset`; *text ends with NUL. */
static int read_text(struct blk *b, uint64_t offset, uint64_t bytes, struct err *e)
{
	struct vmdk *s = b->state;
	int r;

	if (bytes > VMDK_MAX_DESCRIPTOR)
		return err_set(e, EFBIG, "descriptor of %" PRIu64 " bytes, at most %d", bytes, VMDK_MAX_DESCRIPTOR);
	s->descriptor = malloc(bytes + 1);
	if (!s->descriptor)
		return err_errno(e, ENOMEM, "VMDK descriptor");
	s->descriptor[bytes] = '\0';
	s->desc_offset = offset;
	s->desc_bytes = (uint32_t)bytes;
	r = blk_pread_what(b->file, offset, bytes, s->descriptor, "VMDK descriptor", e);
	return r;
}

static int parse_common(struct vmdk *s, struct blk *b, struct err *e)
{
	char hint[1024];

	if (!vmdk_desc_cid(s->descriptor, "CID", &s->cid))
		return err_set(e, EINVAL, "the descriptor has no valid CID line");
	s->parent_cid = VMDK_NO_PARENT;
	if (strstr(s->descriptor, "parentCID") && !vmdk_desc_cid(s->descriptor, "parentCID", &s->parent_cid))
		return err_set(e, EINVAL, "the descriptor's parentCID is not a hexadecimal number of 32 bits");
	if (!vmdk_desc_get(s->descriptor, "createType", s->create_type, sizeof s->create_type))
		return err_set(e, EINVAL, "invalid VMDK image descriptor: no createType");
	if (vmdk_desc_get(s->descriptor, "parentFileNameHint", hint, sizeof hint) && *hint) {
		b->backing_name = strdup(hint);
		b->backing_fmt = strdup("vmdk");
		if (!b->backing_name || !b->backing_fmt)
			return err_errno(e, ENOMEM, "parent name");
	} else if (strstr(s->descriptor, "parentFileNameHint")) {
		return err_set(e, EINVAL, "parentFileNameHint is empty or longer than %zu characters", sizeof hint - 1);
	}
	return 0;
}

static int open_line(struct blk *b, const struct extent_line *l, uint64_t start, struct err *e)
{
	struct vmdk *s = b->state;
	struct extent *x = add_extent(s, start, e);
	bool flat = !strcmp(l->type, "FLAT") || !strcmp(l->type, "VMFS");
	uint64_t length;
	char child[32];
	int r;

	if (!x)
		return -ENOMEM;
	x->size = l->sectors * BLK_SECTOR;
	strcpy(x->type, l->type);
	if (!strcmp(l->type, "ZERO")) {
		x->kind = EXTENT_ZERO;
		return 0;
	}
	if (!flat && strcmp(l->type, "SPARSE") && strcmp(l->type, "VMFSSPARSE"))
		return err_set(e, ENOTSUP, "Unsupported extent type '%s': FLAT, SPARSE, VMFS, VMFSSPARSE and ZERO are known", l->type);
	x->read_only = strcmp(l->access, "RW") != 0;
	snprintf(child, sizeof child, "extents.%u", s->count - 1);
	r = blk_open_child(b, child, l->name, "raw", x->read_only ? b->flags & ~(unsigned)BLK_RDWR : b->flags, &x->file, e);
	if (r < 0)
		return err_prefix(e, "extent '%s'", l->name);
	x->name = strdup(x->file->filename ? x->file->filename : l->name);
	if (!x->name)
		return err_errno(e, ENOMEM, "extent name");
	if (!flat) {
		uint64_t sectors = l->sectors;
		r = vmdk_extent_open(b, x, sectors, e);
		x->size = x->map.size = sectors * BLK_SECTOR;
		x->map.base = start;
		return r < 0 ? err_prefix(e, "extent '%s'", l->name) : 0;
	}
	x->kind = EXTENT_FLAT;
	x->flat_offset = l->offset * BLK_SECTOR;
	r = blk_size(x->file, &length);
	if (r < 0)
		return err_errno(e, -r, "extent '%s'", l->name);
	if (x->flat_offset > length || x->size > length - x->flat_offset)
		return err_set(e, EINVAL, "extent '%s': %" PRIu64 " bytes from %" PRIu64 " on do not fit its file of %" PRIu64 " bytes",
			       l->name, x->size, x->flat_offset, length);
	return 0;
}

static int open_lines(struct blk *b, struct err *e)
{
	static const char *const types[] = {"monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "vmfs", "vmfsSparse",
					    "custom"};
	struct vmdk *s = b->state;
	const char *at = s->descriptor;
	struct extent_line *l;
	unsigned known = 0;
	int r;

	while (known < 6 && strcmp(types[known], s->create_type))
		known++;
	if (known == 6)
		return err_set(e, ENOTSUP, "Unsupported image type '%s'", s->create_type);
	l = malloc(sizeof *l);
	if (!l)
		return err_errno(e, ENOMEM, "extent line");
	b->size = 0;
	while ((r = vmdk_desc_extent(&at, l, e)) > 0) {
		if (l->sectors > ((uint64_t)INT64_MAX - b->size) / BLK_SECTOR) {
			r = err_set(e, EFBIG, "the extents together are too large");
			break;
		}
		r = open_line(b, l, b->size, e);
		if (r < 0)
			break;
		b->size += l->sectors * BLK_SECTOR;
	}
	free(l);
	if (!r && !s->count)
		r = err_set(e, EINVAL, "the descriptor has no extents");
	return r;
}

/* An image in one file: header, descriptor and data. */
static int open_single(struct blk *b, const uint8_t *h, struct err *e)
{
	struct vmdk *s = b->state;
	uint64_t desc = BLK_SECTOR, sectors = VMDK_DESCRIPTOR_SECTORS, length;
	struct extent *x;
	int r = blk_size(b->file, &length);

	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (!memcmp(h, "KDMV", 4)) {
		desc = le64_get(h + K_DESC);
		sectors = le64_get(h + K_DESC_SECTORS);
		if (!desc || desc > length / BLK_SECTOR || !sectors || sectors > length / BLK_SECTOR - desc)
			return err_set(e, EINVAL, "descriptor of %" PRIu64 " sectors at sector %" PRIu64 " is not within the file of %" PRIu64
				       " bytes", sectors, desc, length);
		desc *= BLK_SECTOR;
	}
	if ((r = read_text(b, desc, sectors * BLK_SECTOR, e)) < 0 || (r = parse_common(s, b, e)) < 0)
		return r;
	if (!memcmp(h, "KDMV", 4) && !le64_get(h + K_CAPACITY) && strcmp(s->create_type, "monolithicSparse") &&
	    strcmp(s->create_type, "streamOptimized"))
		return open_lines(b, e);
	x = add_extent(s, 0, e);
	if (!x)
		return -ENOMEM;
	x->file = b->file;
	x->name = strdup(b->file->filename ? b->file->filename : b->filename);
	if (!x->name)
		return err_errno(e, ENOMEM, "extent name");
	r = vmdk_extent_open(b, x, 0, e);
	b->size = x->size;
	return r;
}

static int vmdk_open(struct blk *b, struct err *e)
{
	struct vmdk *s = b->state;
	uint8_t h[BLK_SECTOR] = {0};
	uint64_t length;
	int r = blk_size(b->file, &length);

	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	r = blk_pread_what(b->file, 0, length < sizeof h ? length : sizeof h, h, "VMDK header", e);
	if (r < 0)
		return r;
	if (!memcmp(h, "KDMV", 4) || !memcmp(h, "COWD", 4)) {
		r = open_single(b, h, e);
	} else if (looks_like_text(h, length < sizeof h ? length : sizeof h)) {
		r = read_text(b, 0, length, e);
		if (!r)
			r = parse_common(s, b, e);
		if (!r)
			r = open_lines(b, e);
	} else {
		r = err_set(e, EINVAL, "Image not in VMDK format");
	}
	if (r < 0)
		return r;
	s->cid_fresh = true;
	b->supports_compressed = s->count > 0;
	for (unsigned i = 0; i < s->count; i++)
		if (s->extent[i]->kind != EXTENT_SPARSE || !s->extent[i]->compressed)
			b->supports_compressed = false;
	return 0;
}

static void vmdk_close(struct blk *b)
{
	struct vmdk *s = b->state;

	for (unsigned i = 0; i < s->count; i++)
		vmdk_extent_close(s->extent[i]);
	free(s->extent);
	free(s->descriptor);
}

/* ---- I/O ------------------------------------------------------------------------------------------------------- */
/* The extent that holds off; requests lie within the disk. */
static struct extent *extent_of(struct vmdk *s, uint64_t off)
{
	unsigned low = 0, high = s->count;

	while (high - low > 1) {
		unsigned mid = low + (high - low) / 2;
		if (s->extent[mid]->start <= off)
			low = mid;
		else
			high = mid;
	}
	/* Extents of no length share their start with the next one. */
	return s->extent[low];
}

static int check_parent(struct blk *b)
{
	struct vmdk *s = b->state;
	struct blk *p;
	int r = 0;

	if (!b->backing || s->parent_checked)
		return b->backing && !s->parent_ok ? -EINVAL : 0;
	pthread_mutex_lock(&b->lock);
	p = blk_skip_filters(b->backing);
	s->parent_ok = p->fmt != b->fmt || ((struct vmdk *)p->state)->cid == s->parent_cid;
	if (!s->parent_ok && !s->parent_checked)
		blk_warn(b->graph, "%s: its parent was changed since (CID %08" PRIx32 ", was %08" PRIx32 "): not read", b->filename,
			 ((struct vmdk *)p->state)->cid, s->parent_cid);
	s->parent_checked = true;
	r = s->parent_ok ? 0 : -EINVAL;
	pthread_mutex_unlock(&b->lock);
	return r;
}

static int vmdk_pread(struct blk *b, uint64_t off, size_t n, void *buf)
{
	uint8_t *to = buf;
	int r = check_parent(b);

	while (n && !r) {
		struct extent *x = extent_of(b->state, off);
		uint64_t in = off - x->start;
		size_t len = n < x->size - in ? n : (size_t)(x->size - in);
		if (x->kind == EXTENT_FLAT)
			r = blk_pread(x->file, x->flat_offset + in, len, to);
		else if (x->kind == EXTENT_SPARSE)
			r = blockmap_read(&x->map, in, len, to);
		else
			memset(to, 0, len);
		to += len;
		off += len;
		n -= len;
	}
	return r;
}

/* The first write after opening gives the content a new name. */
static int fresh_cid(struct blk *b)
{
	struct vmdk *s = b->state;
	uint32_t cid;
	int r = 0;

	if (!s->cid_fresh)
		return 0;
	pthread_mutex_lock(&b->lock);
	if (s->cid_fresh) {
		r = random_bytes(&cid, sizeof cid, NULL);
		if (cid == VMDK_NO_PARENT)
			cid--;
		if (!r && vmdk_desc_set_cid(s->descriptor, cid)) {
			r = blk_pwrite(b->file, s->desc_offset, s->desc_bytes, s->descriptor);
			if (!r)
				s->cid = cid;
		}
		s->cid_fresh = r != 0;
	}
	pthread_mutex_unlock(&b->lock);
	return r;
}

/* A write into a packed extent, grain by grain: what it leaves of a grain is unpacked first. */
static int write_packed(struct extent *x, uint64_t in, size_t n, const uint8_t *buf)
{
	uint8_t *grain = NULL;
	int r = 0;

	while (n && !r) {
		uint64_t index = in / x->map.block, at = in % x->map.block, start = in - at;
		size_t whole = x->size - start < x->map.block ? (size_t)(x->size - start) : x->map.block;
		size_t len = whole - at < n ? whole - at : n;
		if (len == whole) {
			r = vmdk_extent_pack(x, index, buf, len);
		} else {
			if (!grain && !(grain = malloc(x->map.block)))
				return -ENOMEM;
			r = blockmap_read(&x->map, start, whole, grain);
			if (!r) {
				memcpy(grain + at, buf, len);
				r = vmdk_extent_pack(x, index, grain, whole);
			}
		}
		buf += len;
		in += len;
		n -= len;
	}
	free(grain);
	return r;
}

static int vmdk_write(struct blk *b, uint64_t off, size_t n, const uint8_t *buf)
{
	int r = check_parent(b);

	if (!r)
		r = fresh_cid(b);
	while (n && !r) {
		struct extent *x = extent_of(b->state, off);
		uint64_t in = off - x->start;
		size_t len = n < x->size - in ? n : (size_t)(x->size - in);
		if (x->kind == EXTENT_ZERO || x->read_only)
			r = -EPERM;
		else if (x->kind == EXTENT_FLAT)
			r = blk_pwrite(x->file, x->flat_offset + in, len, buf);
		else if (x->compressed)
			r = write_packed(x, in, len, buf);
		else
			r = blockmap_write(&x->map, in, len, buf);
		buf += len;
		off += len;
		n -= len;
	}
	return r;
}

static int vmdk_flush(struct blk *b)
{
	struct vmdk *s = b->state;
	int r = 0;

	for (unsigned i = 0; i < s->count; i++)
		if (s->extent[i]->file && s->extent[i]->file != b->file && blk_writable(s->extent[i]->file)) {
			int x = blk_flush(s->extent[i]->file);
			r = r ? r : x;
		}
	return r;
}

static int vmdk_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags)
{
	int r = vmdk_write(b, off, n, buf);

	if (!r && (flags & BLK_WRITE_FUA)) {
		r = vmdk_flush(b);
		if (!r)
			r = blk_flush(b->file);
	}
	return r;
}

static int vmdk_pwrite_compressed(struct blk *b, uint64_t off, size_t n, const void *buf)
{
	if (!b->supports_compressed)
		return -ENOTSUP;
	return n ? vmdk_write(b, off, n, buf) : 0;
}

static int vmdk_pwrite_zeroes(struct blk *b, uint64_t off, uint64_t n, unsigned flags)
{
	int r = check_parent(b);

	if (!r)
		r = fresh_cid(b);
	while (n && !r) {
		struct extent *x = extent_of(b->state, off);
		uint64_t in = off - x->start, len = n < x->size - in ? n : x->size - in;
		if (x->kind == EXTENT_ZERO || x->read_only)
			r = -EPERM;
		else if (x->kind == EXTENT_FLAT)
			r = blk_pwrite_zeroes(x->file, x->flat_offset + in, len, flags);
		else if (x->compressed)
			r = -ENOTSUP;
		else
			r = blockmap_zero(&x->map, in, len, flags);
		off += len;
		n -= len;
	}
	return r;
}

static int vmdk_block_status(struct blk *b, uint64_t off, uint64_t n, struct blk_status *st)
{
	struct extent *x = extent_of(b->state, off);
	uint64_t in = off - x->start;

	if (n > x->size - in)
		n = x->size - in;
	if (x->kind == EXTENT_SPARSE)
		return blockmap_status(&x->map, in, n, st);
	st->length = n;
	if (x->kind == EXTENT_ZERO) {
		st->flags = BLK_ST_ALLOCATED | BLK_ST_ZERO;
		return 0;
	}
	st->flags = BLK_ST_ALLOCATED | BLK_ST_DATA | BLK_ST_OFFSET | BLK_ST_RECURSE;
	st->file = x->file;
	st->offset = x->flat_offset + in;
	return 0;
}

static void vmdk_geometry(struct blk *b, struct blk_geometry *g)
{
	struct vmdk *s = b->state;

	g->needs_compressed_writes = b->supports_compressed;
	for (unsigned i = 0; i < s->count; i++) {
		uint64_t grain = s->extent[i]->kind == EXTENT_SPARSE ? s->extent[i]->map.block : 0;
		if (i && g->cluster_size != grain) {
			g->cluster_size = 0;
			return;
		}
		g->cluster_size = grain;
	}
}

static json_t *vmdk_info(struct blk *b, struct err *e)
{
	struct vmdk *s = b->state;
	json_t *list = json_array(), *o;

	(void)e;
	for (unsigned i = 0; i < s->count; i++) {
		const struct extent *x = s->extent[i];
		json_t *j = json_object();
		if (x->kind == EXTENT_SPARSE && x->compressed)
			json_object_set_new(j, "compressed", json_true());
		json_object_set_new(j, "virtual-size", json_integer((json_int_t)x->size));
		json_object_set_new(j, "filename", json_string(x->name ? x->name : ""));
		if (x->kind == EXTENT_SPARSE)
			json_object_set_new(j, "cluster-size", json_integer(x->map.block));
		json_object_set_new(j, "format", json_string(x->type));
		json_array_append_new(list, j);
	}
	o = json_object();
	json_object_set_new(o, "cid", json_integer(s->cid));
	json_object_set_new(o, "parent-cid", json_integer(s->parent_cid));
	json_object_set_new(o, "create-type", json_string(s->create_type));
	json_object_set_new(o, "extents", list);
	return o;
}

static int vmdk_check(struct blk *b, struct blk_check *c, unsigned fix, struct err *e)
{
	struct vmdk *s = b->state;

	(void)fix;
	for (unsigned i = 0; i < s->count; i++) {
		int r = s->extent[i]->kind == EXTENT_SPARSE ? vmdk_extent_check(s->extent[i], c) : 0;
		if (r < 0)
			return err_errno(e, -r, "cannot check extent '%s'", s->extent[i]->name);
	}
	c->has_counts = true;
	return 0;
}

BLOCK_FORMAT(vmdk) = {
	.name = "vmdk",
	.flags = BLK_F_BACKING,
	.state_size = sizeof(struct vmdk),
	.create_options = vmdk_create_options,
	.probe = vmdk_probe,
	.open = vmdk_open,
	.close = vmdk_close,
	.create = vmdk_create,
	.pread = vmdk_pread,
	.pwrite = vmdk_pwrite,
	.pwrite_zeroes = vmdk_pwrite_zeroes,
	.pwrite_compressed = vmdk_pwrite_compressed,
	.flush = vmdk_flush,
	.block_status = vmdk_block_status,
	.geometry = vmdk_geometry,
	.info = vmdk_info,
	.check = vmdk_check,
};
