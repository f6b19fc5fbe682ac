/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX, Hyper-V's disk image ([MS-VHDX]): dynamic and fixed, without parents.
 *
 * Theory of operation. Two headers, of which the valid one with the higher sequence number counts; two equal region
 * tables that say where the block allocation table (BAT) and the metadata are; the log; then payload blocks of 1 to
 * 256 MB, each at a multiple of 1 MB. A log left behind by another writer is replayed when the image is opened for
 * writing (and refused, with the remedy, when it is opened read-only).
 *
 * BAT entries change through the log (vhdx-log.c): the sectors as they will be are logged and flushed, then changed in
 * place, after the file reaches past their blocks and, where that matters, the data is on the disk (see blockmap.h). The
 * headers are switched one after the other with a flush after each, with new write GUIDs before the first change, as
 * 2.2.2 demands.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/vhdx.h"
#include "crypto/hash.h"

enum { BAT_NOT_PRESENT = 0, BAT_UNDEFINED = 1, BAT_ZERO = 2, BAT_UNMAPPED = 3, BAT_FULL = 6, BAT_PARTIAL = 7 };
enum { META_ENTRIES = 10, META_FIRST = 32, META_MAX = 2047, META_REQUIRED = 4, META_VIRTUAL = 2, META_USER = 1 };
enum { PARAM_LEAVE_ALLOCATED = 1, PARAM_HAS_PARENT = 2 };
static const uint64_t VHDX_MAX_SIZE = UINT64_C(64) << 40;

/* GUIDs as they lie in the file. */
static const uint8_t guid_bat[16] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
				     0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
static const uint8_t guid_metadata[16] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
					  0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
static const uint8_t guid_parameters[16] = {0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
					    0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
static const uint8_t guid_size[16] = {0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
				      0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8};
static const uint8_t guid_page83[16] = {0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45,
					0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46};
static const uint8_t guid_logical[16] = {0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47,
					 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f};
static const uint8_t guid_physical[16] = {0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44,
					  0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56};

static int vhdx_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	return size >= 8 && !memcmp(buf, "vhdxfile", 8) ? 100 : 0;
}

/* ---- block map ------------------------------------------------------------------------------------------------- */
/* After each chunk_ratio payload entries the table has one for a sector bitmap (unused without a parent). */
static uint64_t vhdx_entry_at(const struct vhdx *s, uint64_t index)
{
	return s->bat + (index + index / s->chunk_ratio) * 8;
}

static int vhdx_find(void *image, uint64_t index, struct place *p)
{
	struct vhdx *s = image;
	uint8_t raw[8];
	uint64_t entry;
	int r;

	r = metacache_read(s->map.meta, vhdx_entry_at(s, index), raw, 8);
	if (r < 0)
		return r;
	entry = le64_get(raw);
	p->file = s->map.node->file;
	switch (entry & 7) {
	case BAT_NOT_PRESENT:
	case BAT_UNDEFINED:
	case BAT_UNMAPPED:
		p->kind = PLACE_NONE;
		return 0;
	case BAT_ZERO:
		p->kind = PLACE_ZERO;
		return 0;
	case BAT_FULL:
		p->kind = PLACE_DATA;
		p->host = entry >> 20 << 20;
		return p->host < VHDX_MB || p->host > (uint64_t)INT64_MAX - s->map.block ? -EIO : 0;
	default: /* partially present needs a parent; the rest is reserved */
		return -EIO;
	}
}

static void vhdx_seal_header(uint8_t *h)
{
	le32_put(h + HD_CHECKSUM, vhdx_crc(h, VHDX_HEADER_BYTES, HD_CHECKSUM));
}

/* 2.2.2: writes the header that is not current with the next number, makes it current, and then does the other. */
int vhdx_switch_headers(struct blk *file, struct vhdx *s)
{
	int r = 0;

	for (int i = 0; i < 2 && !r; i++) {
		le64_put(s->header + HD_SEQUENCE, le64_get(s->header + HD_SEQUENCE) + 1);
		vhdx_seal_header(s->header);
		r = blk_pwrite(file, s->current ? VHDX_HEADER_1 : VHDX_HEADER_2, VHDX_HEADER_BYTES, s->header);
		if (!r)
			r = blk_flush(file);
		s->current ^= 1;
	}
	return r;
}

/* Before the first write of an opener both GUIDs change, so that others see that the file did. Under the lock. */
static int vhdx_first_write(struct vhdx *s)
{
	int r;

	if (!s->fresh)
		return 0;
	if ((r = random_uuid(s->header + HD_FILE_GUID, NULL)) < 0 || (r = random_uuid(s->header + HD_DATA_GUID, NULL)) < 0)
		return r;
	r = vhdx_switch_headers(s->map.node->file, s);
	if (!r)
		s->fresh = false;
	return r;
}

static int vhdx_allocate(void *image, uint64_t index, unsigned *count, struct place *p)
{
	struct vhdx *s = image;
	uint64_t bytes = (uint64_t)*count * s->map.block;
	int r = vhdx_first_write(s);

	(void)index;
	if (r < 0)
		return r;
	r = blockmap_grow(s->map.node->file, s->next, bytes, p);
	if (!r)
		s->next += bytes;
	return r;
}

/* Logs the sectors of the table that hold the entries from `index` on, with those entries set. */
static int vhdx_log_entries(struct vhdx *s, uint64_t index, unsigned count, uint64_t host)
{
	uint64_t at[VHDX_LOG_SECTORS] = {0};
	uint8_t (*data)[VHDX_LOG_SECTOR] = malloc(VHDX_LOG_SECTORS * sizeof *data);
	unsigned sectors = 0;
	int r = data ? 0 : -ENOMEM;

	for (; count && !r; count--, index++, host += s->map.block) {
		uint64_t entry = vhdx_entry_at(s, index), sector = entry & ~(uint64_t)(VHDX_LOG_SECTOR - 1);
		if (!sectors || at[sectors - 1] != sector) {
			if (sectors == VHDX_LOG_SECTORS) {
				r = -EFBIG;
				break;
			}
			at[sectors] = sector;
			r = metacache_read(s->map.meta, sector, data[sectors++], VHDX_LOG_SECTOR);
		}
		le64_put(data[sectors - 1] + (entry - sector), host | BAT_FULL);
	}
	if (!r)
		r = vhdx_log_write(s, sectors, at, data);
	free(data);
	return r;
}

static int vhdx_publish(void *image, uint64_t index, unsigned count, const struct place *p)
{
	struct vhdx *s = image;
	uint64_t host = p->host;
	uint8_t raw[8];
	int r = vhdx_log_entries(s, index, count, host);

	for (; count && !r; count--, index++, host += s->map.block) {
		le64_put(raw, host | BAT_FULL);
		r = metacache_write(s->map.meta, vhdx_entry_at(s, index), raw, 8);
	}
	return r;
}

static const struct blockmap_ops vhdx_ops = {.find = vhdx_find, .allocate = vhdx_allocate, .publish = vhdx_publish};

static int vhdx_wake(struct vhdx *s)
{
	int r = 0;

	if (!s->fresh)
		return 0;
	pthread_mutex_lock(&s->map.lock);
	r = vhdx_first_write(s);
	pthread_mutex_unlock(&s->map.lock);
	return r;
}

static int vhdx_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags)
{
	int r = vhdx_wake(b->state);

	return r ? r : blockmap_pwrite(b, off, n, buf, flags);
}

static int vhdx_pwrite_zeroes(struct blk *b, uint64_t off, uint64_t n, unsigned flags)
{
	int r = vhdx_wake(b->state);

	return r ? r : blockmap_pwrite_zeroes(b, off, n, flags);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */
static int vhdx_read_headers(struct blk *b, struct err *e)
{
	struct vhdx *s = b->state;
	uint8_t h[2][VHDX_HEADER_BYTES];
	bool good[2];
	int r;

	for (int i = 0; i < 2; i++) {
		r = blk_pread_what(b->file, i ? VHDX_HEADER_2 : VHDX_HEADER_1, VHDX_HEADER_BYTES, h[i], "VHDX header", e);
		if (r < 0)
			return r;
		good[i] = !memcmp(h[i], "head", 4) && le16_get(h[i] + HD_VERSION) == 1 &&
			  vhdx_crc(h[i], VHDX_HEADER_BYTES, HD_CHECKSUM) == le32_get(h[i] + HD_CHECKSUM);
	}
	if (!good[0] && !good[1])
		return err_set(e, EINVAL, "No valid VHDX header found: signature, version or checksum of both is wrong");
	/* Two valid headers of one number are equal, unless somebody copied them: 2.2.2 forbids it. */
	if (good[0] && good[1] && le64_get(h[0] + HD_SEQUENCE) == le64_get(h[1] + HD_SEQUENCE) &&
	    memcmp(h[0], h[1], VHDX_HEADER_BYTES))
		return err_set(e, EINVAL, "both VHDX headers have sequence number %" PRIu64 ", but differ",
			       le64_get(h[0] + HD_SEQUENCE));
	s->current = good[1] && (!good[0] || le64_get(h[1] + HD_SEQUENCE) > le64_get(h[0] + HD_SEQUENCE));
	memcpy(s->header, h[s->current], VHDX_HEADER_BYTES);
	s->log = le64_get(s->header + HD_LOG_OFFSET);
	s->log_bytes = le32_get(s->header + HD_LOG_LENGTH);
	if (s->log < VHDX_MB || s->log % VHDX_MB || s->log >> 62)
		return err_set(e, EINVAL, "VHDX log offset 0x%" PRIx64 " is no multiple of 1 MB from 1 MB on", s->log);
	if (s->log_bytes % VHDX_MB)
		return err_set(e, EINVAL, "VHDX log length %" PRIu64 " is no multiple of 1 MB", s->log_bytes);
	if (le16_get(s->header + HD_LOG_VERSION) != 0 && vhdx_log_pending(s))
		return err_set(e, ENOTSUP, "VHDX log version %u is not supported, only 0", le16_get(s->header + HD_LOG_VERSION));
	return 0;
}

static bool overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a < b + blen && b < a + alen;
}

static int vhdx_read_regions(struct blk *b, uint64_t *bat, uint64_t *bat_bytes, uint64_t *meta, uint64_t *meta_bytes,
			     struct err *e)
{
	struct vhdx *s = b->state;
	uint8_t *t = malloc(VHDX_REGION_BYTES);
	uint32_t count;
	int r = 0, copy;

	if (!t)
		return err_errno(e, ENOMEM, "VHDX region table");
	for (copy = 0; copy < 2; copy++) {
		r = blk_pread_what(b->file, copy ? VHDX_REGIONS_2 : VHDX_REGIONS_1, VHDX_REGION_BYTES, t, "VHDX region table", e);
		if (r < 0)
			goto out;
		if (!memcmp(t, "regi", 4) && vhdx_crc(t, VHDX_REGION_BYTES, 4) == le32_get(t + 4))
			break;
	}
	if (copy == 2) {
		r = err_set(e, EINVAL, "no valid VHDX region table: signature or checksum of both is wrong");
		goto out;
	}
	count = le32_get(t + 8);
	if (count > 2047) {
		r = err_set(e, EINVAL, "VHDX region table has %u entries, at most 2047", count);
		goto out;
	}
	*bat_bytes = *meta_bytes = 0;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *d = t + 16 + (size_t)i * 32;
		uint64_t off = le64_get(d + 16), n = le32_get(d + 24);
		if (off < VHDX_MB || off % VHDX_MB || !n || n % VHDX_MB || off >> 62) {
			r = err_set(e, EINVAL, "VHDX region %u (offset 0x%" PRIx64 ", length 0x%" PRIx64
				    ") is not made of whole MBs from 1 MB on", i, off, n);
			goto out;
		}
		if (overlaps(off, n, s->log, s->log_bytes)) {
			r = err_set(e, EINVAL, "VHDX region %u at 0x%" PRIx64 " overlaps the log at 0x%" PRIx64, i, off, s->log);
			goto out;
		}
		for (uint32_t k = 0; k < i; k++) {
			const uint8_t *o = t + 16 + (size_t)k * 32;
			if (overlaps(off, n, le64_get(o + 16), le32_get(o + 24))) {
				r = err_set(e, EINVAL, "VHDX regions %u and %u overlap at 0x%" PRIx64, k, i, off);
				goto out;
			}
		}
		if (!memcmp(d, guid_bat, 16) && !*bat_bytes) {
			*bat = off;
			*bat_bytes = n;
		} else if (!memcmp(d, guid_metadata, 16) && !*meta_bytes) {
			*meta = off;
			*meta_bytes = n;
		} else if (!memcmp(d, guid_bat, 16) || !memcmp(d, guid_metadata, 16)) {
			r = err_set(e, EINVAL, "VHDX region table names region %u a second time", i);
			goto out;
		} else if (le32_get(d + 28) & 1) {
			r = err_set(e, ENOTSUP, "VHDX region %u is required, but unknown", i);
			goto out;
		}
		if (off + n > s->next)
			s->next = off + n;
	}
	if (!*bat_bytes || !*meta_bytes)
		r = err_set(e, EINVAL, "VHDX region table has no %s region", *bat_bytes ? "metadata" : "block allocation table");
out:
	free(t);
	return r;
}

/* One item of the metadata table into buf; its length must be n. */
static int vhdx_item(struct blk *b, const uint8_t *t, unsigned count, uint64_t region, uint64_t bytes, const uint8_t *guid,
		     const char *name, uint8_t *buf, uint32_t n, struct err *e)
{
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *d = t + META_FIRST + i * 32u;
		uint32_t off = le32_get(d + 16), len = le32_get(d + 20);
		if (memcmp(d, guid, 16))
			continue;
		if (len != n)
			return err_set(e, EINVAL, "VHDX %s item has %u bytes, not %u", name, len, n);
		if (off < 64 << 10 || off > bytes || len > bytes - off)
			return err_set(e, EINVAL, "VHDX %s item at %u is not within its region of %" PRIu64 " bytes", name, off, bytes);
		return blk_pread_what(b->file, region + off, n, buf, name, e);
	}
	return err_set(e, EINVAL, "VHDX metadata has no %s item", name);
}

static int vhdx_read_metadata(struct blk *b, uint64_t region, uint64_t bytes, uint32_t *logical, struct err *e)
{
	static const uint8_t *const known[] = {guid_parameters, guid_size, guid_page83, guid_logical, guid_physical};
	struct vhdx *s = b->state;
	uint8_t *t = malloc(64 << 10), raw[8];
	uint32_t block;
	unsigned count;
	int r;

	if (!t)
		return err_errno(e, ENOMEM, "VHDX metadata table");
	r = blk_pread_what(b->file, region, 64 << 10, t, "VHDX metadata table", e);
	if (r < 0)
		goto out;
	if (memcmp(t, "metadata", 8)) {
		r = err_set(e, EINVAL, "no VHDX metadata table at 0x%" PRIx64, region);
		goto out;
	}
	count = le16_get(t + META_ENTRIES);
	if (count > META_MAX) {
		r = err_set(e, EINVAL, "VHDX metadata table has %u entries, at most %d", count, META_MAX);
		goto out;
	}
	if ((r = vhdx_item(b, t, count, region, bytes, guid_parameters, "file parameters", raw, 8, e)) < 0)
		goto out;
	block = le32_get(raw);
	s->flags = le32_get(raw + 4);
	if (s->flags & PARAM_HAS_PARENT) {
		r = err_set(e, ENOTSUP, "VHDX differencing images (with a parent) are not supported");
		goto out;
	}
	if (block < VHDX_MB || block > 256u << 20 || (block & (block - 1))) {
		r = err_set(e, EINVAL, "VHDX block size %u is no power of two from 1 MB to 256 MB", block);
		goto out;
	}
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *d = t + META_FIRST + i * 32u;
		unsigned k = 0;
		while (k < 5 && memcmp(d, known[k], 16))
			k++;
		if (k == 5 && (le32_get(d + 24) & META_REQUIRED)) {
			r = err_set(e, ENOTSUP, "VHDX metadata item %u is required, but unknown", i);
			goto out;
		}
	}
	s->map.block = block;
	if ((r = vhdx_item(b, t, count, region, bytes, guid_size, "virtual disk size", raw, 8, e)) < 0)
		goto out;
	b->size = le64_get(raw);
	if ((r = vhdx_item(b, t, count, region, bytes, guid_logical, "logical sector size", raw, 4, e)) < 0)
		goto out;
	*logical = le32_get(raw);
	if (*logical != 512 && *logical != 4096)
		r = err_set(e, EINVAL, "VHDX logical sector size %u is neither 512 nor 4096", *logical);
	else if (b->size > VHDX_MAX_SIZE)
		r = err_set(e, EFBIG, "VHDX disk of %" PRIu64 " bytes, the format allows 64 TB", b->size);
	else if (b->size % 512)
		r = err_set(e, EINVAL, "VHDX disk size %" PRIu64 " is no multiple of 512", b->size);
out:
	free(t);
	return r;
}

/* What only a writer needs: where the next block goes; and at its end the log is put away. */
static int vhdx_reopen(struct blk *b, bool writable, struct err *e)
{
	struct vhdx *s = b->state;
	int r;

	if (!writable) {
		r = vhdx_log_retire(s);
		return r < 0 ? err_errno(e, -r, "cannot write the VHDX headers") : 0;
	}
	s->fresh = true;
	r = blk_size(b->file, &s->flushed_length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	for (uint64_t i = 0; i < s->payload_blocks; i++) {
		struct place p;
		r = vhdx_find(s, i, &p);
		if (r < 0)
			return err_set(e, -r, "VHDX block %" PRIu64 " has a malformed entry in the block allocation table", i);
		if (p.kind == PLACE_DATA && p.host + s->map.block > s->next)
			s->next = p.host + s->map.block;
	}
	s->next = round_up64(s->next, VHDX_MB);
	return 0;
}

static int vhdx_open(struct blk *b, struct err *e)
{
	struct vhdx *s = b->state;
	uint64_t bat_bytes = 0, meta = 0, meta_bytes = 0, length;
	uint8_t id[8];
	uint32_t logical = 0;
	int r = blk_pread_what(b->file, 0, 8, id, "VHDX file identifier", e);

	if (r < 0)
		return r;
	if (memcmp(id, "vhdxfile", 8))
		return err_set(e, EINVAL, "Image not in VHDX format");
	if ((r = vhdx_read_headers(b, e)) < 0)
		return r;
	s->next = s->log + s->log_bytes;
	if (vhdx_log_pending(s)) {
		if (!(b->flags & BLK_RDWR)) {
			err_set(e, EPERM, "VHDX image file '%s' opened read-only, but contains a log that needs to be replayed",
				b->filename);
			err_hint(e, "To replay the log, run: %s check -r all '%s'", "qemu-img", b->filename);
			return -EPERM;
		}
		if ((r = vhdx_log_replay(b->file, s, e)) < 0)
			return r;
		memset(s->header + HD_LOG_GUID, 0, 16);
		r = vhdx_switch_headers(b->file, s);
		if (r < 0)
			return err_errno(e, -r, "cannot write the VHDX headers");
	}
	if ((r = vhdx_read_regions(b, &s->bat, &bat_bytes, &meta, &meta_bytes, e)) < 0 ||
	    (r = vhdx_read_metadata(b, meta, meta_bytes, &logical, e)) < 0)
		return r;
	s->chunk_ratio = (uint32_t)((UINT64_C(1) << 23) * logical / s->map.block);
	s->payload_blocks = (b->size + s->map.block - 1) / s->map.block;
	s->bat_entries = s->payload_blocks ? s->payload_blocks + (s->payload_blocks - 1) / s->chunk_ratio : 0;
	if (s->bat_entries * 8 > bat_bytes)
		return err_set(e, EINVAL, "VHDX block allocation table has %" PRIu64 " bytes, a disk of %" PRIu64 " needs %" PRIu64,
			       bat_bytes, b->size, s->bat_entries * 8);
	r = blk_size(b->file, &length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (s->bat + s->bat_entries * 8 > length)
		return err_set(e, EINVAL, "VHDX block allocation table of %" PRIu64 " bytes at 0x%" PRIx64
			       " ends beyond the file of %" PRIu64, s->bat_entries * 8, s->bat, length);
	r = blockmap_attach(b, &vhdx_ops, s->map.block, e);
	return r < 0 || !(b->flags & BLK_RDWR) ? r : vhdx_reopen(b, true, e);
}

static void vhdx_close(struct blk *b)
{
	struct vhdx *s = b->state;

	if (!s->map.meta)
		return;
	if (blk_writable(b))
		vhdx_log_retire(s); /* if that fails the log stays, and is replayed by the next one */
	blockmap_detach(&s->map);
}

static void vhdx_geometry(struct blk *b, struct blk_geometry *g)
{
	struct vhdx *s = b->state;

	g->cluster_size = s->map.block;
}

/* Each block's entry: its state, whether it lies in the file, clear of the metadata and of all others. */
static int vhdx_check(struct blk *b, struct blk_check *c, unsigned fix, struct err *e)
{
	struct vhdx *s = b->state;
	uint64_t length, end = 0;
	struct seen seen;
	int r = blk_size(b->file, &length);

	(void)fix; /* the one thing that can be mended, the log, was replayed when the image was opened */
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (seen_init(&seen, length / VHDX_MB + 1) < 0)
		return err_errno(e, ENOMEM, "check of %" PRIu64 " blocks", s->payload_blocks);
	for (uint64_t i = 0; i < s->payload_blocks; i++) {
		struct place p;
		bool twice = false;
		r = vhdx_find(s, i, &p);
		if (r < 0) {
			blk_check_say(c, "ERROR block %" PRIu64 " has a malformed entry", i);
			c->corruptions++;
			continue;
		}
		if (p.kind != PLACE_DATA)
			continue;
		c->allocated_clusters++;
		if (blockmap_judge(p.host, s->map.block, length) == PLACE_LOST) {
			blk_check_say(c, "Leak: block %" PRIu64 " was never written to the end of the image", i);
			c->leaks++;
			continue;
		}
		if (p.host >= length) {
			blk_check_say(c, "ERROR block %" PRIu64 " at 0x%" PRIx64 " is beyond the file of 0x%" PRIx64 " bytes", i, p.host,
				      length);
			c->corruptions++;
			continue;
		}
		if (overlaps(p.host, s->map.block, s->log, s->log_bytes) ||
		    overlaps(p.host, s->map.block, s->bat, s->bat_entries * 8)) {
			blk_check_say(c, "ERROR block %" PRIu64 " at 0x%" PRIx64 " lies on metadata", i, p.host);
			c->corruptions++;
		}
		for (uint64_t k = p.host / VHDX_MB; k < (p.host + s->map.block) / VHDX_MB && k <= length / VHDX_MB; k++)
			twice |= seen_add(&seen, k) == 0;
		if (twice) {
			blk_check_say(c, "ERROR block %" PRIu64 " at 0x%" PRIx64 " overlaps another block", i, p.host);
			c->corruptions++;
		}
		if (p.host + s->map.block > end)
			end = p.host + s->map.block;
	}
	seen_free(&seen);
	c->total_clusters = s->payload_blocks;
	c->image_end_offset = end;
	c->has_counts = c->has_end = true;
	return 0;
}

/* ---- creating -------------------------------------------------------------------------------------------------- */
static const struct blk_option vhdx_create_options[] = {
	{"log_size", BLK_OPT_SIZE, "Log size; min 1MB.", "1048576", NULL},
	{"block_size", BLK_OPT_SIZE,
	 "Block Size; min 1MB, max 256MB. 0 means auto-calculate based on image size.", "0", NULL},
	{"block_state_zero", BLK_OPT_BOOL,
	 "Force use of payload blocks of type 'ZERO'. Non-standard, but default.  Do not set to 'off' when using 'qemu-img "
	 "convert' with subformat=dynamic.", NULL, NULL},
	{"subformat", BLK_OPT_STRING, "VHDX format type, can be either 'dynamic' or 'fixed'. Default is 'dynamic'.", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};

static int vhdx_write_metadata(struct blk *b, uint64_t at, uint32_t block, uint64_t size, bool fixed)
{
	static const struct {
		const uint8_t *guid;
		uint32_t offset, length, flags;
	} items[] = {
		{guid_parameters, 0, 8, META_REQUIRED},
		{guid_size, 8, 8, META_REQUIRED | META_VIRTUAL},
		{guid_page83, 16, 16, META_REQUIRED | META_VIRTUAL},
		{guid_logical, 32, 4, META_REQUIRED | META_VIRTUAL},
		{guid_physical, 36, 4, META_REQUIRED | META_VIRTUAL},
	};
	uint8_t t[4096] = {0}, v[512] = {0};
	int r;

	memcpy(t, "metadata", 8);
	le16_put(t + META_ENTRIES, 5);
	for (int i = 0; i < 5; i++) {
		uint8_t *d = t + META_FIRST + i * 32;
		memcpy(d, items[i].guid, 16);
		le32_put(d + 16, (64 << 10) + items[i].offset);
		le32_put(d + 20, items[i].length);
		le32_put(d + 24, items[i].flags);
	}
	le32_put(v, block);
	le32_put(v + 4, fixed ? PARAM_LEAVE_ALLOCATED : 0);
	le64_put(v + 8, size);
	r = random_uuid(v + 16, NULL);
	le32_put(v + 32, 512);
	le32_put(v + 36, 512);
	if (!r)
		r = blk_pwrite(b, at, sizeof t, t);
	return r ? r : blk_pwrite(b, at + (64 << 10), sizeof v, v);
}

static int vhdx_write_bat(struct blk *b, uint64_t bat, uint64_t blocks, uint32_t block, uint64_t data, bool fixed, bool zero)
{
	uint64_t ratio = (UINT64_C(1) << 32) / block, entries = blocks ? blocks + (blocks - 1) / ratio : 0, n = 0;
	uint8_t raw[65536];
	int r = 0;

	if (!fixed && !zero)
		return 0;
	for (uint64_t at = 0; at < entries && !r; at += sizeof raw / 8) {
		size_t some = entries - at < sizeof raw / 8 ? (size_t)(entries - at) : sizeof raw / 8;
		for (size_t i = 0; i < some; i++) {
			if ((at + i) % (ratio + 1) == ratio) /* a sector bitmap's entry */
				le64_put(raw + 8 * i, 0);
			else
				le64_put(raw + 8 * i, fixed ? (data + n++ * block) | BAT_FULL : BAT_ZERO);
		}
		r = blk_pwrite(b, bat + at * 8, some * 8, raw);
	}
	return r;
}

/*
 * An empty disk needs no table, but a reader in wide use takes (0 - 1) / ratio, in 32 bits, for the number of its entries and refuses a
 * region too small for them. It is a hole in the file. Where it would be more than 64 MB that reader cannot be helped.
 */
static uint64_t empty_bat_bytes(uint64_t ratio)
{
	uint64_t bytes = round_up64(UINT32_MAX / ratio * 8, VHDX_MB);

	return bytes <= 64 * (uint64_t)VHDX_MB ? bytes : VHDX_MB;
}

static int vhdx_create(const struct blk_create *c, struct err *e)
{
	const char *sub = blk_opts_string(c->opts, "subformat");
	bool fixed = sub && !strcmp(sub, "fixed"), zero = blk_opts_bool(c->opts, "block_state_zero", true);
	uint64_t block = blk_opts_size(c->opts, "block_size", 0), log = blk_opts_size(c->opts, "log_size", VHDX_MB);
	uint64_t size = round_up64(c->size, 512), blocks, entries, bat = 0, bat_bytes, meta, data, ratio;
	static const char creator[] = "emutools";
	uint8_t *buf = NULL;
	struct blk *b;
	int r;

	if (sub && !fixed && strcmp(sub, "dynamic"))
		return err_set(e, EINVAL, "Invalid subformat '%s': use dynamic or fixed", sub);
	if (c->size > VHDX_MAX_SIZE)
		return err_set(e, EINVAL, "Image size too large; max of 64TB");
	if (log < VHDX_MB)
		log = VHDX_MB;
	if (log >= UINT64_C(4) << 30)
		return err_set(e, EINVAL, "Log size must be smaller than 4 GB");
	log = round_up64(log, VHDX_MB);
	if (log >= UINT64_C(4) << 30)
		return err_set(e, EINVAL, "Log size must be smaller than 4 GB");
	if (!block)
		block = size > UINT64_C(32) << 40 ? 64 << 20 : size > UINT64_C(100) << 30 ? 32 << 20 : size > 1 << 30 ? 16 << 20 : 8 << 20;
	if (block < VHDX_MB)
		block = VHDX_MB;
	if (block > 256 << 20)
		block = 256 << 20;
	if (block & (block - 1))
		return err_set(e, EINVAL, "Block size must be a power of two");
	ratio = (UINT64_C(1) << 32) / block;
	blocks = (size + block - 1) / block;
	entries = blocks ? blocks + (blocks - 1) / ratio : 0;
	bat = VHDX_MB + log;
	bat_bytes = entries ? round_up64(entries * 8, VHDX_MB) : empty_bat_bytes(ratio);
	meta = bat + bat_bytes;
	data = round_up64(meta + VHDX_MB, block > VHDX_MB ? VHDX_MB : block);
	r = blk_create_file(c, c->filename, 0, &b, e);
	if (r < 0)
		return r;
	buf = calloc(1, VHDX_REGION_BYTES);
	if (!buf) {
		r = -ENOMEM;
		goto out;
	}
	r = blk_truncate(b, fixed ? data + blocks * block : data, BLK_PREALLOC_OFF, e);
	if (!r)
		r = vhdx_write_bat(b, bat, blocks, (uint32_t)block, data, fixed, zero);
	if (!r)
		r = vhdx_write_metadata(b, meta, (uint32_t)block, size, fixed);
	if (r < 0)
		goto out;
	memcpy(buf, "regi", 4);
	le32_put(buf + 8, 2);
	memcpy(buf + 16, guid_bat, 16);
	le64_put(buf + 32, bat);
	le32_put(buf + 40, (uint32_t)bat_bytes);
	le32_put(buf + 44, 1);
	memcpy(buf + 48, guid_metadata, 16);
	le64_put(buf + 64, meta);
	le32_put(buf + 72, VHDX_MB);
	le32_put(buf + 76, 1);
	le32_put(buf + 4, vhdx_crc(buf, VHDX_REGION_BYTES, 4));
	if ((r = blk_pwrite(b, VHDX_REGIONS_1, VHDX_REGION_BYTES, buf)) < 0 ||
	    (r = blk_pwrite(b, VHDX_REGIONS_2, VHDX_REGION_BYTES, buf)) < 0)
		goto out;
	memset(buf, 0, VHDX_REGION_BYTES);
	memcpy(buf + HD_SIGNATURE, "head", 4);
	if ((r = random_uuid(buf + HD_FILE_GUID, e)) < 0 || (r = random_uuid(buf + HD_DATA_GUID, e)) < 0 ||
	    (r = random_bytes(buf + HD_SEQUENCE, 4, e)) < 0)
		goto out;
	le16_put(buf + HD_VERSION, 1);
	le32_put(buf + HD_LOG_LENGTH, (uint32_t)log);
	le64_put(buf + HD_LOG_OFFSET, VHDX_MB);
	for (int i = 0; i < 2 && !r; i++) {
		le64_put(buf + HD_SEQUENCE, le64_get(buf + HD_SEQUENCE) + 1);
		vhdx_seal_header(buf);
		r = blk_pwrite(b, i ? VHDX_HEADER_2 : VHDX_HEADER_1, VHDX_HEADER_BYTES, buf);
	}
	memset(buf, 0, VHDX_REGION_BYTES);
	memcpy(buf, "vhdxfile", 8);
	for (size_t i = 0; creator[i]; i++)
		buf[8 + 2 * i] = (uint8_t)creator[i];
	if (!r)
		r = blk_pwrite(b, 0, 4096, buf);
out:
	free(buf);
	return blk_create_end(b, r, "the VHDX headers", c->filename, e);
}

BLOCK_FORMAT(vhdx) = {
	.name = "vhdx",
	.state_size = sizeof(struct vhdx),
	.create_options = vhdx_create_options,
	.probe = vhdx_probe,
	.open = vhdx_open,
	.close = vhdx_close,
	.reopen = vhdx_reopen,
	.create = vhdx_create,
	.pread = blockmap_pread,
	.pwrite = vhdx_pwrite,
	.pwrite_zeroes = vhdx_pwrite_zeroes,
	.block_status = blockmap_block_status,
	.geometry = vhdx_geometry,
	.check = vhdx_check,
};
