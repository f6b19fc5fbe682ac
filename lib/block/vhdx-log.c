/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of a VHDX image ([MS-VHDX] 2.3): written before the block allocation table changes, replayed when a writer left it
 * unapplied.
 *
 * The log is a ring of 4 KB sectors. An entry is a header with descriptors (one or more sectors) and the data sectors
 * of its data descriptors. Entries that follow each other in place and in sequence number form a sequence; of the
 * valid sequences the one with the highest number is the active one, if its tail lies within it.
 *
 * Writing. An entry is flushed before what it describes is changed in place; the flush of the next entry makes that
 * change durable, so the tail of an entry is the entry before it, and the ring never fills. The first entry of a session is
 * on the disk, under a new GUID, before the headers name that GUID: at no instant do they name a log without an entry.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/vhdx.h"
#include "crypto/hash.h"

enum { E_SIGNATURE = 0, E_CHECKSUM = 4, E_LENGTH = 8, E_TAIL = 12, E_SEQUENCE = 16, E_DESCRIPTORS = 24, E_GUID = 32,
       E_FLUSHED = 48, E_LAST = 56, E_HEADER = 64, DESCRIPTOR = 32 };
enum { LOG_MAX = 64 << 20 }; /* replayed logs are read whole */

struct log {
	const struct vhdx *s;
	uint8_t *bytes; /* the whole ring */
	uint32_t size;
	uint8_t *entry; /* one entry, unwrapped */
	uint64_t budget; /* bytes that may still be summed: hostile logs must not cost their square */
};

struct sequence {
	uint32_t tail, head; /* offsets of the first entry and of the last one */
	uint64_t number;     /* of the last one */
	uint32_t count;
};

static uint32_t crc_table[256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		crc_table[i] = c;
	}
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t c, const uint8_t *p, size_t n)
{
	uint64_t wide = c, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	c = (uint32_t)wide;
	while (n--)
		c = __builtin_ia32_crc32qi(c, *p++);
	return c;
}
#endif

static uint32_t crc_run(uint32_t c, const uint8_t *p, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc_sse42(c, p, n);
#endif
	while (n--)
		c = crc_table[(c ^ *p++) & 0xff] ^ c >> 8;
	return c;
}

uint32_t vhdx_crc(const uint8_t *p, size_t n, size_t hole)
{
	static const uint8_t zero[4];
	uint32_t c = ~0u;

	pthread_once(&crc_once, crc_init);
	if (hole > n || n - hole < 4)
		return ~crc_run(c, p, n);
	c = crc_run(c, p, hole);
	c = crc_run(c, zero, 4);
	return ~crc_run(c, p + hole + 4, n - hole - 4);
}

bool vhdx_log_pending(const struct vhdx *s)
{
	return !blk_is_zero(s->header + HD_LOG_GUID, 16);
}

/* Copies the entry at `at` to l->entry if it is valid; its length, or 0. */
static uint32_t log_entry(struct log *l, uint32_t at)
{
	const uint8_t *h = l->bytes + at;
	uint32_t length = le32_get(h + E_LENGTH), descriptors = le32_get(h + E_DESCRIPTORS), tail = le32_get(h + E_TAIL);
	uint64_t front = round_up64(E_HEADER + (uint64_t)descriptors * DESCRIPTOR, VHDX_LOG_SECTOR), need = front;
	uint64_t sequence = le64_get(h + E_SEQUENCE);

	if (memcmp(h, "loge", 4) || length < VHDX_LOG_SECTOR || length % VHDX_LOG_SECTOR || length > l->size || !sequence ||
	    tail % VHDX_LOG_SECTOR || tail >= l->size || front > length || length > l->budget ||
	    memcmp(h + E_GUID, l->s->header + HD_LOG_GUID, 16))
		return 0;
	for (uint32_t done = 0; done < length;) {
		uint32_t from = (at + done) % l->size, n = l->size - from < length - done ? l->size - from : length - done;
		memcpy(l->entry + done, l->bytes + from, n);
		done += n;
	}
	l->budget -= length;
	if (vhdx_crc(l->entry, length, E_CHECKSUM) != le32_get(h + E_CHECKSUM))
		return 0;
	for (uint32_t i = 0; i < descriptors; i++) {
		const uint8_t *d = l->entry + E_HEADER + (size_t)i * DESCRIPTOR, *data = l->entry + need;
		if (le64_get(d + 24) != sequence || le64_get(d + 16) % VHDX_LOG_SECTOR)
			return 0;
		if (!memcmp(d, "zero", 4)) {
			if (le64_get(d + 8) % VHDX_LOG_SECTOR)
				return 0;
		} else if (!memcmp(d, "desc", 4)) {
			need += VHDX_LOG_SECTOR;
			if (need > length || memcmp(data, "data", 4) || le32_get(data + 4) != sequence >> 32 ||
			    le32_get(data + 4092) != (uint32_t)sequence)
				return 0;
		} else {
			return 0;
		}
	}
	return need == length ? length : 0;
}

/* 2.3.3: the active sequence. False: none. */
static bool log_find(struct log *l, struct sequence *best)
{
	uint32_t tail = 0;
	bool found = false;

	for (uint32_t starts = 0; starts < l->size / VHDX_LOG_SECTOR; starts++) {
		struct sequence q = {.tail = tail};
		uint32_t at = tail, total = 0, length, entry_tail = 0;
		while (total < l->size && (length = log_entry(l, at)) != 0) {
			uint64_t number = le64_get(l->entry + E_SEQUENCE);
			if ((q.count && number != q.number + 1) || total + length > l->size)
				break;
			q.number = number;
			q.head = at;
			q.count++;
			entry_tail = le32_get(l->entry + E_TAIL);
			total += length;
			at = (at + length) % l->size;
		}
		/* The head's tail must be an entry of this sequence: it is where replay starts. */
		if (q.count && (entry_tail + l->size - q.tail) % l->size < total && (!found || q.number > best->number)) {
			*best = q;
			best->tail = entry_tail;
			found = true;
		}
		if (!q.count || at <= tail)
			tail += VHDX_LOG_SECTOR;
		else
			tail = at;
		if (tail >= l->size)
			break;
	}
	return found;
}

static int log_apply(struct blk *file, struct log *l, struct err *e)
{
	uint32_t descriptors = le32_get(l->entry + E_DESCRIPTORS);
	size_t data = round_up64(E_HEADER + (uint64_t)descriptors * DESCRIPTOR, VHDX_LOG_SECTOR);
	uint64_t last = le64_get(l->entry + E_LAST);

	for (uint32_t i = 0; i < descriptors; i++) {
		const uint8_t *d = l->entry + E_HEADER + (size_t)i * DESCRIPTOR;
		uint64_t off = le64_get(d + 16), n = VHDX_LOG_SECTOR;
		int r;
		if (!memcmp(d, "zero", 4))
			n = le64_get(d + 8);
		if (off > last || n > last - off)
			return err_set(e, EINVAL, "VHDX log writes %" PRIu64 " bytes at %" PRIu64 ", beyond its own end of file %" PRIu64,
				       n, off, last);
		if (off < VHDX_REGIONS_1)
			return err_set(e, EINVAL, "VHDX log writes at %" PRIu64 ", into the headers", off);
		if (!memcmp(d, "zero", 4)) {
			r = n ? blk_pwrite_zeroes(file, off, n, BLK_ZERO_MAY_UNMAP) : 0;
		} else {
			uint8_t sector[VHDX_LOG_SECTOR];
			memcpy(sector, d + 8, 8);
			memcpy(sector + 8, l->entry + data + 8, 4084);
			memcpy(sector + 4092, d + 4, 4);
			data += VHDX_LOG_SECTOR;
			r = blk_pwrite(file, off, sizeof sector, sector);
		}
		if (r < 0)
			return err_errno(e, -r, "cannot replay the VHDX log");
	}
	return 0;
}

int vhdx_log_replay(struct blk *file, const struct vhdx *s, struct err *e)
{
	struct log l = {.s = s, .size = (uint32_t)s->log_bytes, .budget = 16 * s->log_bytes};
	struct sequence q = {0};
	uint64_t length, last = 0;
	uint32_t at, n;
	int r;

	if (s->log_bytes > LOG_MAX)
		return err_set(e, ENOTSUP, "VHDX log of %" PRIu64 " bytes is too large to replay, at most %d", s->log_bytes, LOG_MAX);
	l.bytes = malloc(l.size);
	l.entry = malloc(l.size);
	if (!l.bytes || !l.entry) {
		r = err_errno(e, ENOMEM, "VHDX log of %u bytes", l.size);
		goto out;
	}
	r = blk_pread_what(file, s->log, l.size, l.bytes, "VHDX log", e);
	if (r < 0)
		goto out;
	if (!log_find(&l, &q)) {
		r = err_set(e, EINVAL, "VHDX log is marked as in use, but holds no valid sequence of entries");
		goto out;
	}
	r = blk_size(file, &length);
	if (r < 0) {
		err_errno(e, -r, "cannot ask for the size");
		goto out;
	}
	/* The head says how long the file was when it was written. */
	l.budget = 16 * s->log_bytes;
	if (!log_entry(&l, q.head)) {
		r = err_set(e, EINVAL, "VHDX log entry at %u is damaged", q.head);
		goto out;
	}
	last = le64_get(l.entry + E_LAST);
	if (le64_get(l.entry + E_FLUSHED) > length) {
		r = err_set(e, EINVAL, "VHDX file is truncated: %" PRIu64 " bytes, its log knows of %" PRIu64, length,
			    le64_get(l.entry + E_FLUSHED));
		goto out;
	}
	if (last % VHDX_MB || last >> 50) {
		r = err_set(e, EINVAL, "VHDX log has a file size of %" PRIu64 ", no multiple of 1 MB below 1 PB", last);
		goto out;
	}
	if (last > length && (r = blk_truncate(file, last, BLK_PREALLOC_OFF, e)) < 0)
		goto out;
	at = q.tail;
	for (uint32_t i = 0; i <= q.count; i++) {
		n = log_entry(&l, at);
		if (!n) {
			r = err_set(e, EINVAL, "VHDX log entry at %u is damaged", at);
			goto out;
		}
		r = log_apply(file, &l, e);
		if (r < 0)
			goto out;
		if (at == q.head)
			break;
		at = (at + n) % l.size;
	}
	r = blk_flush(file);
	if (r < 0)
		err_errno(e, -r, "cannot flush the replayed VHDX log");
out:
	free(l.bytes);
	free(l.entry);
	return r;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */
/* Bytes of the ring between two offsets. */
static uint32_t distance(const struct vhdx *s, uint32_t from, uint32_t to)
{
	return (uint32_t)((to + s->log_bytes - from) % s->log_bytes);
}

static int ring_write(struct vhdx *s, uint32_t at, const uint8_t *p, uint32_t n)
{
	struct blk *file = s->map.node->file;
	uint32_t first = s->log_bytes - at < n ? (uint32_t)(s->log_bytes - at) : n;
	int r = blk_pwrite(file, s->log + at, first, p);

	return r || first == n ? r : blk_pwrite(file, s->log, n - first, p + first);
}

static void entry_make(struct vhdx *s, uint8_t *entry, uint32_t length, uint64_t file_length, unsigned count, const uint64_t *at,
		       const uint8_t (*data)[VHDX_LOG_SECTOR])
{
	memcpy(entry, "loge", 4);
	le32_put(entry + E_LENGTH, length);
	le32_put(entry + E_TAIL, s->log_tail);
	le64_put(entry + E_SEQUENCE, s->log_sequence);
	le32_put(entry + E_DESCRIPTORS, count);
	memcpy(entry + E_GUID, s->log_guid, 16);
	le64_put(entry + E_FLUSHED, s->flushed_length);
	le64_put(entry + E_LAST, file_length);
	for (unsigned i = 0; i < count; i++) {
		uint8_t *d = entry + E_HEADER + (size_t)i * DESCRIPTOR, *sector = entry + (size_t)(1 + i) * VHDX_LOG_SECTOR;
		memcpy(d, "desc", 4);
		memcpy(d + 4, data[i] + 4092, 4);
		memcpy(d + 8, data[i], 8);
		le64_put(d + 16, at[i]);
		le64_put(d + 24, s->log_sequence);
		memcpy(sector, "data", 4);
		le32_put(sector + 4, (uint32_t)(s->log_sequence >> 32));
		memcpy(sector + 8, data[i] + 8, 4084);
		le32_put(sector + 4092, (uint32_t)s->log_sequence);
	}
	le32_put(entry + E_CHECKSUM, vhdx_crc(entry, length, E_CHECKSUM));
}

int vhdx_log_write(struct vhdx *s, unsigned count, const uint64_t *at, const uint8_t (*data)[VHDX_LOG_SECTOR])
{
	struct blk *file = s->map.node->file;
	uint32_t length = (1 + count) * VHDX_LOG_SECTOR, here;
	uint64_t file_length;
	uint8_t *entry;
	int r = blk_size(file, &file_length);

	if (r < 0)
		return r;
	if (!s->log_sequence) { /* the first entry of this opener */
		r = random_uuid(s->log_guid, NULL);
		if (r < 0)
			return r;
		s->log_sequence = 1;
		s->log_head = s->log_tail = 0;
	}
	if (s->log_bytes < 2u * length)
		return -ENOSPC;
	if (distance(s, s->log_tail, s->log_head) + length >= s->log_bytes) {
		r = blk_flush(file);
		if (r < 0)
			return r;
		s->log_tail = s->log_head;
	}
	entry = calloc(1, length);
	if (!entry)
		return -ENOMEM;
	/* 2.3.1.1: the length that replay can count on, and the one that it makes: whole MBs. */
	entry_make(s, entry, length, round_up64(file_length, VHDX_MB), count, at, data);
	here = s->log_head;
	r = ring_write(s, here, entry, length);
	free(entry);
	if (!r)
		r = blk_flush(file);
	if (r < 0)
		return r; /* the next entry takes its place and its number */
	s->flushed_length = file_length;
	s->log_tail = here; /* what went before is in place for good */
	s->log_head = (uint32_t)((here + length) % s->log_bytes);
	s->log_sequence++;
	if (!s->log_live) {
		memcpy(s->header + HD_LOG_GUID, s->log_guid, 16);
		r = vhdx_switch_headers(file, s);
		if (!r)
			s->log_live = true;
		else
			memset(s->header + HD_LOG_GUID, 0, 16);
	}
	return r;
}

int vhdx_log_retire(struct vhdx *s)
{
	struct blk *file = s->map.node->file;
	int r = s->log_sequence ? blk_flush(file) : 0;

	if (r < 0 || !s->log_sequence)
		return r;
	memset(s->header + HD_LOG_GUID, 0, 16);
	r = vhdx_switch_headers(file, s);
	if (r < 0) {
		memcpy(s->header + HD_LOG_GUID, s->log_guid, 16);
		return r;
	}
	s->log_live = false;
	s->log_sequence = 0;
	return 0;
}
