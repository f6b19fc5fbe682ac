/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New VMDK images. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block/vmdk.h"
#include "crypto/hash.h"

const struct blk_option vmdk_create_options[] = {
	{"adapter_type", BLK_OPT_STRING, "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX", NULL,
	 NULL},
	{"backing_file", BLK_OPT_STRING, "File name of a base image", NULL, NULL},
	{"backing_fmt", BLK_OPT_STRING, "Must be 'vmdk' if present", NULL, NULL},
	{"compat6", BLK_OPT_BOOL, "VMDK version 6 image", "off", NULL},
	{"hwversion", BLK_OPT_STRING, "VMDK hardware version", "undefined", NULL},
	{"subformat", BLK_OPT_STRING,
	 "VMDK flat extent format, can be one of {monolithicSparse (default) | monolithicFlat | twoGbMaxExtentSparse | "
	 "twoGbMaxExtentFlat | streamOptimized} ", NULL, NULL},
	{"toolsversion", BLK_OPT_STRING, "VMware guest tools version", NULL, NULL},
	{"zeroed_grain", BLK_OPT_BOOL, "Enable efficient zero writes using the zeroed-grain GTE feature", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};

struct plan {
	const char *subformat, *adapter, *hwversion, *toolsversion, *backing;
	bool flat, split, packed, zero_grain;
	uint64_t size;
	uint32_t parent_cid;
	unsigned count; /* of extents */
};

/* Writes header, directories and empty tables of a sparse extent. */
static int write_sparse(struct blk *b, const struct plan *p, uint64_t size)
{
	uint64_t capacity = size / BLK_SECTOR, per_table = VMDK_GRAIN * VMDK_GTES, tables = (capacity + per_table - 1) / per_table;
	uint64_t gd_sectors = (tables * 4 + BLK_SECTOR - 1) / BLK_SECTOR, gt_sectors = VMDK_GTES * 4 / BLK_SECTOR;
	uint64_t rgd = 1 + VMDK_DESCRIPTOR_SECTORS, gd = rgd + gd_sectors + gt_sectors * tables;
	uint64_t overhead = round_up64(gd + gd_sectors + gt_sectors * tables, VMDK_GRAIN);
	uint8_t h[K_BYTES] = {0}, raw[4096];
	int r;

	memcpy(h, "KDMV", 4);
	le32_put(h + K_VERSION, p->packed ? 3 : p->zero_grain ? 2 : 1);
	le32_put(h + K_FLAGS, KF_NEWLINES | KF_REDUNDANT | (p->packed ? KF_COMPRESSED | KF_MARKERS : 0) |
				      (p->zero_grain ? KF_ZERO_GRAIN : 0));
	le64_put(h + K_CAPACITY, capacity);
	le64_put(h + K_GRAIN, VMDK_GRAIN);
	le64_put(h + K_DESC, 1);
	le64_put(h + K_DESC_SECTORS, VMDK_DESCRIPTOR_SECTORS);
	le32_put(h + K_GTES, VMDK_GTES);
	le64_put(h + K_RGD, rgd);
	le64_put(h + K_GD, gd);
	le64_put(h + K_OVERHEAD, overhead);
	memcpy(h + K_NEWLINES, "\n \r\n", 4);
	le16_put(h + K_COMPRESS, p->packed);
	r = blk_truncate(b, overhead * BLK_SECTOR, BLK_PREALLOC_OFF, NULL);
	for (int copy = 0; copy < 2 && !r; copy++) {
		uint64_t dir = copy ? gd : rgd, table = dir + gd_sectors;
		for (uint64_t i = 0; i < tables && !r;) {
			size_t n = 0;
			for (; n < sizeof raw / 4 && i < tables; n++, i++, table += gt_sectors)
				le32_put(raw + 4 * n, (uint32_t)table);
			r = blk_pwrite(b, dir * BLK_SECTOR + (i - n) * 4, n * 4, raw);
		}
	}
	return r ? r : blk_pwrite(b, 0, sizeof h, h);
}

/* "dir/name.vmdk" to "dir/name" + tail + ".vmdk"; names without the ending keep none. */
static void extent_name(const char *filename, const struct plan *p, unsigned number, char *out, size_t size)
{
	size_t n = strlen(filename), stem = n > 5 && !strcmp(filename + n - 5, ".vmdk") ? n - 5 : n;

	if (!p->split)
		snprintf(out, size, "%.*s-flat%s", (int)stem, filename, filename + stem);
	else
		snprintf(out, size, "%.*s-%c%03u%s", (int)stem, filename, p->flat ? 'f' : 's', number, filename + stem);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char *describe(const struct blk_create *c, const struct plan *p, size_t *length, struct err *e)
{
	uint64_t left = p->size, cylinders;
	unsigned heads = strcmp(p->adapter, "ide") ? 255 : 16;
	char *text = NULL, name[4096];
	uint32_t cid;
	FILE *f = open_memstream(&text, length);

	if (!f || random_bytes(&cid, sizeof cid, e) < 0) {
		if (f)
			fclose(f);
		free(text);
		err_errno(e, ENOMEM, "VMDK descriptor");
		return NULL;
	}
	if (cid == VMDK_NO_PARENT)
		cid--;
	/* Eight digits, so that a new CID fits the place of the old one. */
	fprintf(f, "# Disk DescriptorFile\nversion=1\nCID=%08" PRIx32 "\nparentCID=%08" PRIx32 "\ncreateType=\"%s\"\n", cid,
		p->parent_cid, p->subformat);
	if (p->backing)
		fprintf(f, "parentFileNameHint=\"%s\"\n", p->backing);
	fprintf(f, "\n# Extent description\n");
	for (unsigned i = 1; i <= p->count; i++) {
		uint64_t n = p->split && left > VMDK_SPLIT ? VMDK_SPLIT : left;
		if (!p->split && !p->flat)
			snprintf(name, sizeof name, "%s", c->filename);
		else
			extent_name(c->filename, p, i, name, sizeof name);
		fprintf(f, "RW %" PRIu64 " %s \"%s\"%s\n", n / BLK_SECTOR, p->flat ? "FLAT" : "SPARSE", base_name(name),
			p->flat ? " 0" : "");
		left -= n;
	}
	cylinders = p->size / BLK_SECTOR / (heads * 63u);
	fprintf(f,
		"\n# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"%s\"\nddb.geometry.cylinders = \"%" PRIu64
		"\"\nddb.geometry.heads = \"%u\"\nddb.geometry.sectors = \"63\"\nddb.adapterType = \"%s\"\n"
		"ddb.toolsVersion = \"%s\"\n",
		p->hwversion, cylinders, heads, p->adapter, p->toolsversion);
	if (fclose(f)) {
		free(text);
		err_errno(e, ENOMEM, "VMDK descriptor");
		return NULL;
	}
	return text;
}

static int find_parent(const struct blk_create *c, struct plan *p, struct err *e)
{
	struct blk *parent = c->backing ? blk_ref(c->backing) : NULL;
	char *path;
	int r = 0;

	if (!parent) {
		/* Even where the user wants no look at the parent its CID is needed. */
		path = blk_resolve_against(c->filename, p->backing);
		if (!path)
			return err_errno(e, ENOMEM, "parent name");
		r = blk_open(c->graph, path, NULL, NULL, BLK_NO_BACKING | BLK_NO_IO, &parent, e);
		free(path);
		if (r < 0)
			return r;
	}
	if (strcmp(blk_skip_filters(parent)->fmt->name, "vmdk"))
		r = err_set(e, EINVAL, "backing_file must be a vmdk image");
	else
		p->parent_cid = ((struct vmdk *)blk_skip_filters(parent)->state)->cid;
	blk_unref(parent);
	return r;
}

static int make_plan(const struct blk_create *c, struct plan *p, struct err *e)
{
	static const char *const subformats[] = {"monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
						 "streamOptimized"};
	static const char *const adapters[] = {"ide", "buslogic", "lsilogic", "legacyESX"};
	const char *fmt = blk_opts_string(c->opts, "backing_fmt"), *end;
	bool compat6 = blk_opts_bool(c->opts, "compat6", false);
	unsigned i;

	p->subformat = blk_opts_string(c->opts, "subformat");
	p->adapter = blk_opts_string(c->opts, "adapter_type");
	p->hwversion = blk_opts_string(c->opts, "hwversion");
	p->toolsversion = blk_opts_string(c->opts, "toolsversion");
	p->backing = blk_opts_string(c->opts, "backing_file");
	if (p->backing && !*p->backing)
		p->backing = NULL;
	if (!p->subformat)
		p->subformat = subformats[0];
	for (i = 0; i < 5 && strcmp(subformats[i], p->subformat); i++)
		continue;
	if (i == 5)
		return err_set(e, EINVAL,
			       "invalid parameter value: subformat '%s': use monolithicSparse, monolithicFlat, twoGbMaxExtentSparse, "
			       "twoGbMaxExtentFlat or streamOptimized", p->subformat);
	p->flat = i == 1 || i == 3;
	p->split = i == 2 || i == 3;
	p->packed = i == 4;
	if (!p->adapter)
		p->adapter = adapters[0];
	for (i = 0; i < 4 && strcmp(adapters[i], p->adapter); i++)
		continue;
	if (i == 4)
		return err_set(e, EINVAL, "invalid parameter value: adapter_type '%s': use ide, buslogic, lsilogic or legacyESX",
			       p->adapter);
	if (p->hwversion && strcmp(p->hwversion, "undefined")) {
		if (compat6)
			return err_set(e, EINVAL, "compat6 cannot be enabled with hwversion set");
	} else {
		p->hwversion = compat6 ? "6" : "4";
	}
	if (!p->toolsversion)
		p->toolsversion = "2147483647";
	/* Both go between quotes into the descriptor. */
	for (end = p->hwversion; *end; end++)
		if (*end < '0' || *end > '9')
			return err_set(e, EINVAL, "invalid parameter value: hwversion '%s' is no number", p->hwversion);
	for (end = p->toolsversion; *end; end++)
		if (*end < '0' || *end > '9')
			return err_set(e, EINVAL, "invalid parameter value: toolsversion '%s' is no number", p->toolsversion);
	p->zero_grain = blk_opts_bool(c->opts, "zeroed_grain", false);
	if (p->flat && p->zero_grain)
		return err_set(e, ENOTSUP, "Flat image can't enable zeroed grain");
	if (p->flat && p->backing)
		return err_set(e, ENOTSUP, "Flat image can't have backing file");
	if (p->backing && fmt && strcmp(fmt, "vmdk"))
		return err_set(e, EINVAL, "backing_file must be a vmdk image");
	if (p->backing && strpbrk(p->backing, "\"\r\n"))
		return err_set(e, EINVAL, "backing file name '%s' has a character that the descriptor cannot hold", p->backing);
	if (strpbrk(c->filename, "\"\r\n"))
		return err_set(e, EINVAL, "file name '%s' has a character that the descriptor cannot hold", c->filename);
	p->size = round_up64(c->size, BLK_SECTOR);
	p->count = p->split && p->size > VMDK_SPLIT ? (unsigned)((p->size + VMDK_SPLIT - 1) / VMDK_SPLIT) : 1;
	if (p->size / VMDK_SPLIT > VMDK_MAX_EXTENTS)
		return err_set(e, EFBIG, "The image size is too large for file format 'vmdk': at most %" PRIu64 " bytes",
			       VMDK_SPLIT * VMDK_MAX_EXTENTS);
	/* Table entries count sectors of the file in 32 bits: that bounds what is written, not the disk (extent_allocate()). */
	p->parent_cid = VMDK_NO_PARENT;
	return p->backing ? find_parent(c, p, e) : 0;
}

static int make_extent(const struct blk_create *c, const struct plan *p, unsigned number, uint64_t size, struct err *e)
{
	char name[4096];
	struct blk *b;
	int r;

	extent_name(c->filename, p, number, name, sizeof name);
	r = blk_create_file(c, name, p->flat ? size : 0, &b, e);
	if (r < 0)
		return r;
	r = p->flat ? blk_truncate(b, size, BLK_PREALLOC_OFF, e) : write_sparse(b, p, size);
	return blk_create_end(b, r, "the header", name, e);
}

int vmdk_create(const struct blk_create *c, struct err *e)
{
	struct plan p = {0};
	struct blk *b = NULL;
	uint64_t left;
	size_t length = 0;
	char *text;
	int r = make_plan(c, &p, e);

	if (r < 0)
		return r;
	text = describe(c, &p, &length, e);
	if (!text)
		return -ENOMEM;
	if (!p.flat && !p.split && length > VMDK_DESCRIPTOR_SECTORS * BLK_SECTOR) {
		r = err_set(e, ENAMETOOLONG, "the names make the descriptor longer than %u bytes",
			    VMDK_DESCRIPTOR_SECTORS * BLK_SECTOR);
		goto out;
	}
	left = p.size;
	for (unsigned i = 1; (p.flat || p.split) && i <= p.count; i++) {
		uint64_t n = p.split && left > VMDK_SPLIT ? VMDK_SPLIT : left;
		r = make_extent(c, &p, i, n, e);
		if (r < 0)
			goto out;
		left -= n;
	}
	r = blk_create_file(c, c->filename, 0, &b, e);
	if (r < 0)
		goto out;
	if (!p.flat && !p.split) {
		r = blk_pwrite(b, BLK_SECTOR, length, text);
		if (!r)
			r = write_sparse(b, &p, p.size);
	} else {
		r = blk_pwrite(b, 0, length, text);
	}
	r = blk_create_end(b, r, "the VMDK headers", c->filename, e);
out:
	free(text);
	return r;
}
