/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first cluster of a qcow2 image: header, extensions, backing name. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"

static const struct {
	uint8_t kind, bit;
	const char *name;
} features[] = {
	{0, 0, "dirty bit"}, {0, 1, "corrupt bit"}, {0, 2, "external data file"}, {0, 3, "compression type"},
	{0, 4, "extended L2 entries"}, {1, 0, "lazy refcounts"}, {2, 0, "bitmaps"}, {2, 1, "raw external data"},
};
#define FEATURE_COUNT (sizeof features / sizeof *features)

void qcow2_extensions_free(struct qcow2 *s)
{
	while (s->unknown_extensions) {
		struct qcow2_extension *x = s->unknown_extensions;
		s->unknown_extensions = x->next;
		free(x->data);
		free(x);
	}
}

static char *string_of(const uint8_t *p, size_t n)
{
	char *out = malloc(n + 1);

	if (out) {
		memcpy(out, p, n);
		out[n] = '\0';
	}
	return out;
}

/* Names of the incompatible features this program lacks, from the image's own table where it has one. */
static int unknown_features(const uint8_t *head, size_t size, uint32_t header_length, uint64_t bits, struct err *e)
{
	char text[512];
	size_t n = 0;

	text[0] = '\0';
	for (unsigned bit = 0; bit < 64; bit++) {
		const uint8_t *name = NULL;
		size_t at = header_length;
		if (!(bits >> bit & 1))
			continue;
		while (at + 8 <= size && be32_get(head + at)) {
			uint32_t type = be32_get(head + at), len = be32_get(head + at + 4);
			if (len > size - at - 8)
				break;
			for (uint32_t k = 0; type == QCOW2_EXT_FEATURE_NAMES && k + 48 <= len; k += 48)
				if (head[at + 8 + k] == 0 && head[at + 9 + k] == bit)
					name = head + at + 10 + k;
			at += 8 + round_up64(len, 8);
		}
		n += (size_t)snprintf(text + n, sizeof text - n, "%s", n ? ", " : "");
		if (n >= sizeof text - 64)
			break;
		if (name)
			n += (size_t)snprintf(text + n, sizeof text - n, "%.46s", (const char *)name);
		else
			n += (size_t)snprintf(text + n, sizeof text - n, "Unknown incompatible feature: %" PRIx64, (uint64_t)1 << bit);
	}
	return err_set(e, ENOTSUP, "Unsupported qcow2 feature(s): %s", text);
}

static int parse_extensions(struct blk *b, const uint8_t *head, size_t size, struct err *e)
{
	struct qcow2 *s = b->state;
	size_t at = s->header_length;
	struct qcow2_extension **tail = &s->unknown_extensions;
	bool bitmaps_seen = false;

	while (at + 8 <= size) {
		uint32_t type = be32_get(head + at), len = be32_get(head + at + 4);
		const uint8_t *p = head + at + 8;
		if (type == QCOW2_EXT_END)
			break;
		if (len > size - at - 8)
			return err_set(e, EINVAL, "Header extension %#x is too large: %u bytes, %zu remain", type, len, size - at - 8);
		switch (type) {
		case QCOW2_EXT_BACKING_FORMAT:
			if (len >= 128)
				return err_set(e, EINVAL, "ERROR: ext_backing_format: len=%u too large (>=128)", len);
			free(b->backing_fmt);
			b->backing_fmt = string_of(p, len);
			break;
		case QCOW2_EXT_FEATURE_NAMES:
			break;
		case QCOW2_EXT_CRYPTO:
			if (s->crypt_method != QCOW2_CRYPT_LUKS)
				return err_set(e, EINVAL, "CRYPTO header extension only expected with LUKS encryption method (2), not with method %u", s->crypt_method);
			if (len != 16)
				return err_set(e, EINVAL, "CRYPTO header extension size %u, but expected size 16", len);
			s->crypto_offset = be64_get(p);
			s->crypto_length = be64_get(p + 8);
			if (s->crypto_offset & (s->cluster_size - 1))
				return err_set(e, EINVAL, "Encryption header offset %#" PRIx64 " is not a multiple of the cluster size",
					       s->crypto_offset);
			if (s->crypto_length > 64u << 20 || s->crypto_length < 592)
				return err_set(e, EINVAL, "Encryption header length %" PRIu64 " is outside 592..67108864",
					       s->crypto_length);
			break;
		case QCOW2_EXT_BITMAPS:
			if (len != 24)
				return err_set(e, EINVAL, "bitmaps_ext: Invalid extension length %u, expected 24", len);
			bitmaps_seen = true;
			if (!(s->autoclear & QCOW2_AUTOCLEAR_BITMAPS)) {
				blk_warn(b->graph, "a program lacking bitmap support modified this file, so all bitmaps are now "
						   "considered inconsistent");
				break;
			}
			if (be32_get(p + 4))
				return err_set(e, EINVAL, "bitmaps_ext: Reserved field is not zero (%u)", be32_get(p + 4));
			s->bitmap_count = be32_get(p);
			s->bitmap_directory_size = be64_get(p + 8);
			s->bitmap_directory_offset = be64_get(p + 16);
			if (s->bitmap_count == 0 || s->bitmap_count > QCOW2_MAX_BITMAPS)
				return err_set(e, EINVAL, "bitmaps_ext: image has %u bitmaps, outside 1..%u", s->bitmap_count,
					       QCOW2_MAX_BITMAPS);
			if (s->bitmap_directory_offset & (s->cluster_size - 1) || !s->bitmap_directory_offset)
				return err_set(e, EINVAL, "bitmaps_ext: invalid bitmap directory offset %" PRIu64,
					       s->bitmap_directory_offset);
			if (s->bitmap_directory_size > QCOW2_MAX_BITMAP_DIRECTORY)
				return err_set(e, EINVAL, "bitmaps_ext: bitmap directory size (%" PRIu64 ") exceeds the maximum (%u)",
					       s->bitmap_directory_size, QCOW2_MAX_BITMAP_DIRECTORY);
			break;
		case QCOW2_EXT_DATA_FILE:
			free(s->data_file_name);
			s->data_file_name = string_of(p, len);
			break;
		default: {
			struct qcow2_extension *x = calloc(1, sizeof *x);
			if (!x || !(x->data = malloc(len + 1))) {
				free(x);
				return err_errno(e, ENOMEM, "header extension");
			}
			x->type = type;
			x->length = len;
			memcpy(x->data, p, len);
			*tail = x;
			tail = &x->next;
		}
		}
		at += 8 + round_up64(len, 8);
	}
	if ((s->autoclear & QCOW2_AUTOCLEAR_BITMAPS) && !bitmaps_seen)
		s->autoclear &= ~(uint64_t)QCOW2_AUTOCLEAR_BITMAPS; /* a bit about an extension that is not there */
	return 0;
}

static int check_table(const char *what, uint64_t offset, uint64_t entries, uint64_t entry_size, uint64_t max_bytes,
		       uint64_t cluster_size, struct err *e)
{
	if (entries * entry_size > max_bytes)
		return err_set(e, EFBIG, "%s too large: %" PRIu64 " bytes, the limit is %" PRIu64, what, entries * entry_size, max_bytes);
	if (offset & (cluster_size - 1))
		return err_set(e, EINVAL, "%s offset %#" PRIx64 " invalid: not a multiple of the cluster size %#" PRIx64, what, offset, cluster_size);
	if (offset > (uint64_t)INT64_MAX - entries * entry_size)
		return err_set(e, EINVAL, "%s offset %#" PRIx64 " invalid: beyond the largest file", what, offset);
	return 0;
}

int qcow2_header_read(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	uint8_t h[112] = {0}, *head = NULL;
	uint64_t backing_offset;
	uint32_t backing_size;
	size_t size;
	int r;

	if (b->file->size < 72)
		return err_set(e, EINVAL, "Image is not in qcow2 format");
	size = b->file->size < sizeof h ? (size_t)b->file->size : sizeof h;
	if ((r = blk_pread_what(b->file, 0, size, h, "qcow2 header", e)))
		return r;
	if (be32_get(h) != QCOW2_MAGIC)
		return err_set(e, EINVAL, "Image is not in qcow2 format");
	s->version = be32_get(h + 4);
	if (s->version < 2 || s->version > 3)
		return err_set(e, ENOTSUP, "Unsupported qcow2 version %u, 2 and 3 are known", s->version);
	backing_offset = be64_get(h + 8);
	backing_size = be32_get(h + 16);
	s->cluster_bits = be32_get(h + 20);
	s->disk_size = be64_get(h + 24);
	s->crypt_method = be32_get(h + 32);
	s->l1_size = be32_get(h + 36);
	s->l1_offset = be64_get(h + 40);
	s->reftable_offset = be64_get(h + 48);
	s->reftable_clusters = be32_get(h + 56);
	s->snapshot_count = be32_get(h + 60);
	s->snapshots_offset = be64_get(h + 64);
	if (s->cluster_bits < 9 || s->cluster_bits > 21)
		return err_set(e, EINVAL, "Unsupported cluster size: 2^%u; 2^9 to 2^21 are supported", s->cluster_bits);
	s->cluster_size = 1ull << s->cluster_bits;
	s->header_length = 72;
	s->refcount_order = 4;
	if (s->version == 3) {
		s->incompatible = be64_get(h + 72);
		s->compatible = be64_get(h + 80);
		s->autoclear = be64_get(h + 88);
		s->refcount_order = be32_get(h + 96);
		s->header_length = be32_get(h + 100);
		if (s->header_length < 104)
			return err_set(e, EINVAL, "qcow2 header too short: header_length %u, at least 104 is needed", s->header_length);
		if (s->header_length > s->cluster_size)
			return err_set(e, EINVAL, "qcow2 header exceeds cluster size: header_length %u, clusters of %" PRIu64, s->header_length, s->cluster_size);
		if (s->header_length > 104)
			s->compression_type = h[104];
	}
	size = b->file->size < s->cluster_size ? (size_t)b->file->size : s->cluster_size;
	head = malloc(size);
	if (!head)
		return err_errno(e, ENOMEM, "qcow2 header");
	if ((r = blk_pread_what(b->file, 0, size, head, "qcow2 header cluster", e)))
		goto out;
	if (s->incompatible & ~(uint64_t)QCOW2_INCOMPAT_KNOWN) {
		r = unknown_features(head, size, s->header_length, s->incompatible & ~(uint64_t)QCOW2_INCOMPAT_KNOWN, e);
		goto out;
	}
	if (backing_offset) {
		uint64_t end = s->cluster_size;
		if (backing_offset > end) {
			r = err_set(e, EINVAL, "Invalid backing file offset %" PRIu64 ": it must lie in the first cluster", backing_offset);
			goto out;
		}
		if (backing_size > 1023 || backing_size > end - backing_offset || backing_size > size - (backing_offset < size ? backing_offset : size)) {
			r = err_set(e, EINVAL, "Backing file name too long: %u bytes, the limit is 1023 within the first cluster", backing_size);
			goto out;
		}
	}
	s->refcount_bits = 1u << (s->refcount_order & 31);
	if (s->refcount_order > 6) {
		r = err_set(e, EINVAL, "Reference count entry width too large; may not exceed 64 bits (refcount_order %u, at most 6)",
			    s->refcount_order);
		goto out;
	}
	if (s->crypt_method > QCOW2_CRYPT_LUKS) {
		r = err_set(e, EINVAL, "Unsupported encryption method %u; 0 (none), 1 (AES) and 2 (LUKS) are known", s->crypt_method);
		goto out;
	}
	if (!!(s->incompatible & QCOW2_INCOMPAT_COMPRESSION) != (s->compression_type != 0)) {
		r = err_set(e, EINVAL, "Compression type %u does not agree with its incompatible-features bit, which is %d", s->compression_type,
			    !!(s->incompatible & QCOW2_INCOMPAT_COMPRESSION));
		goto out;
	}
	if (s->compression_type > QCOW2_COMPRESS_ZSTD) {
		r = err_set(e, ENOTSUP, "Unknown compression type: %u; zlib (0) and zstd (1) are known", s->compression_type);
		goto out;
	}
	s->l2_entry_size = s->incompatible & QCOW2_INCOMPAT_EXTENDED_L2 ? 16 : 8;
	s->sub_count = s->l2_entry_size == 16 ? 32 : 1;
	s->sub_size = s->cluster_size / s->sub_count;
	if (s->sub_count > 1 && s->cluster_bits < 14) {
		r = err_set(e, EINVAL, "Subclusters of less than 512 bytes: cluster_bits %u is below 14", s->cluster_bits);
		goto out;
	}
	s->l2_bits = s->cluster_bits - (s->l2_entry_size == 16 ? 4 : 3);
	if (s->disk_size > INT64_MAX) {
		r = err_set(e, EFBIG, "Image size %" PRIu64 " is larger than the largest file, %" PRId64, s->disk_size, INT64_MAX);
		goto out;
	}
	if ((r = check_table("Reference count table", s->reftable_offset, s->reftable_clusters, s->cluster_size,
			     QCOW2_MAX_REFTABLE_BYTES, s->cluster_size, e)))
		goto out;
	if (!s->reftable_clusters && !(b->flags & BLK_CHECK)) {
		r = err_set(e, EINVAL, "Image does not contain a reference count table: refcount_table_clusters is 0, at least 1 is needed");
		goto out;
	}
	if (s->snapshot_count > QCOW2_MAX_SNAPSHOTS) {
		r = err_set(e, EFBIG, "Snapshot table too large: %u snapshots, the limit is %u", s->snapshot_count, QCOW2_MAX_SNAPSHOTS);
		goto out;
	}
	if ((r = check_table("Snapshot table", s->snapshots_offset, s->snapshot_count, 40, QCOW2_MAX_SNAPSHOT_TABLE,
			     s->cluster_size, e)) ||
	    (r = check_table("Active L1 table", s->l1_offset, s->l1_size, 8, QCOW2_MAX_L1_BYTES, s->cluster_size, e)))
		goto out;
	if (s->l1_size < qcow2_l1_needed(s->disk_size, s->cluster_bits, s->sub_count > 1)) {
		r = err_set(e, EINVAL, "L1 table is too small: %u entries for a disk of %" PRIu64 " bytes", s->l1_size, s->disk_size);
		goto out;
	}
	if ((r = parse_extensions(b, head, backing_offset && backing_offset < size ? (size_t)backing_offset : size, e)))
		goto out;
	if (backing_offset) {
		b->backing_name = string_of(head + backing_offset, backing_size);
		if (!*b->backing_name) {
			free(b->backing_name);
			b->backing_name = NULL;
		}
	}
out:
	free(head);
	return r;
}

uint64_t qcow2_l1_needed(uint64_t size, unsigned cluster_bits, bool extended)
{
	unsigned shift = cluster_bits + cluster_bits - (extended ? 4 : 3);
	return (size >> shift) + ((size & ((1ull << shift) - 1)) != 0);
}

static int put_extension(uint8_t *head, size_t size, size_t *at, uint32_t type, const void *data, size_t length)
{
	if (*at + 8 + round_up64(length, 8) > size)
		return -ENOSPC;
	be32_put(head + *at, type);
	be32_put(head + *at + 4, (uint32_t)length);
	if (length)
		memcpy(head + *at + 8, data, length);
	*at += 8 + round_up64(length, 8);
	return 0;
}

int qcow2_header_write(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	uint8_t *head = calloc(1, s->cluster_size), pointer[24];
	size_t at, name = b->backing_name ? strlen(b->backing_name) : 0;
	int r = 0;

	if (!head)
		return err_errno(e, ENOMEM, "qcow2 header");
	if (s->version == 3 && s->header_length < 112)
		s->header_length = 112;
	if (s->version == 2)
		s->header_length = 72;
	at = s->header_length;
	if (at > s->cluster_size)
		r = -ENOSPC;
	be32_put(head, QCOW2_MAGIC);
	be32_put(head + 4, s->version);
	be32_put(head + 20, s->cluster_bits);
	be64_put(head + 24, s->disk_size);
	be32_put(head + 32, s->crypt_method);
	be32_put(head + 36, s->l1_size);
	be64_put(head + 40, s->l1_offset);
	be64_put(head + 48, s->reftable_offset);
	be32_put(head + 56, s->reftable_clusters);
	be32_put(head + 60, s->snapshot_count);
	be64_put(head + 64, s->snapshots_offset);
	if (s->version == 3) {
		be64_put(head + 72, s->incompatible);
		be64_put(head + 80, s->compatible);
		be64_put(head + 88, s->autoclear);
		be32_put(head + 96, s->refcount_order);
		be32_put(head + 100, s->header_length);
		head[104] = s->compression_type;
	}
	if (!r && b->backing_fmt && name)
		r = put_extension(head, s->cluster_size, &at, QCOW2_EXT_BACKING_FORMAT, b->backing_fmt, strlen(b->backing_fmt));
	if (!r && s->data_file_name && (s->incompatible & QCOW2_INCOMPAT_DATA_FILE))
		r = put_extension(head, s->cluster_size, &at, QCOW2_EXT_DATA_FILE, s->data_file_name, strlen(s->data_file_name));
	if (!r && s->crypto_offset) {
		be64_put(pointer, s->crypto_offset);
		be64_put(pointer + 8, s->crypto_length);
		r = put_extension(head, s->cluster_size, &at, QCOW2_EXT_CRYPTO, pointer, 16);
	}
	if (!r && s->version == 3) {
		uint8_t table[FEATURE_COUNT * 48] = {0};
		for (unsigned i = 0; i < FEATURE_COUNT; i++) {
			table[48 * i] = features[i].kind;
			table[48 * i + 1] = features[i].bit;
			strcpy((char *)table + 48 * i + 2, features[i].name);
		}
		/* left out where a small first cluster has better use for the room */
		if (s->cluster_size >= 1024 || !name)
			r = put_extension(head, s->cluster_size, &at, QCOW2_EXT_FEATURE_NAMES, table, sizeof table);
		if (r == -ENOSPC)
			r = 0;
	}
	if (!r && s->bitmap_count) {
		be32_put(pointer, s->bitmap_count);
		be32_put(pointer + 4, 0);
		be64_put(pointer + 8, s->bitmap_directory_size);
		be64_put(pointer + 16, s->bitmap_directory_offset);
		r = put_extension(head, s->cluster_size, &at, QCOW2_EXT_BITMAPS, pointer, 24);
	}
	for (struct qcow2_extension *x = s->unknown_extensions; x && !r; x = x->next)
		r = put_extension(head, s->cluster_size, &at, x->type, x->data, x->length);
	if (!r)
		r = put_extension(head, s->cluster_size, &at, QCOW2_EXT_END, NULL, 0);
	if (!r && name) {
		if (name > 1023 || at + name > s->cluster_size) {
			r = -ENOSPC;
		} else {
			be64_put(head + 8, at);
			be32_put(head + 16, (uint32_t)name);
			memcpy(head + at, b->backing_name, name);
		}
	}
	if (r)
		err_set(e, -r, "The header and its extensions do not fit into one cluster of %" PRIu64 " bytes", s->cluster_size);
	else if ((r = blk_pwrite(b->file, 0, s->cluster_size, head)))
		err_errno(e, -r, "Could not write the image header");
	free(head);
	return r;
}

int qcow2_header_patch(struct blk *b, size_t offset, const void *bytes, size_t length)
{
	return blk_pwrite(b->file, offset, length, bytes);
}

int qcow2_set_incompatible(struct blk *b, uint64_t bits, bool on)
{
	struct qcow2 *s = b->state;
	uint64_t value = on ? s->incompatible | bits : s->incompatible & ~bits;
	uint8_t patch[8];
	int r;

	if (s->version < 3 || value == s->incompatible)
		return 0;
	if (!on && (r = blk_flush(b->file)))
		return r;
	be64_put(patch, value);
	if ((r = qcow2_header_patch(b, 72, patch, 8)) || (r = blk_flush(b->file)))
		return r;
	s->incompatible = value;
	return 0;
}
