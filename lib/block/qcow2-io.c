/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest data of qcow2: reads, writes with allocation and copy on write, zeros and discards. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"
#include "crypto/cipher.h"

#define CRYPT_CHUNK (256u << 10)

/* ---- data of allocated clusters, with encryption ------------------------------------------------------------------ */
static uint64_t tweak(const struct qcow2 *s, uint64_t guest, uint64_t host)
{
	/* LUKS counts sectors of the image file, the old AES scheme those of the disk. */
	return (s->crypt_method == QCOW2_CRYPT_LUKS ? host : guest) / BLK_SECTOR;
}

static int data_read(struct blk *b, uint64_t guest, uint64_t host, size_t length, uint8_t *buf)
{
	struct qcow2 *s = b->state;
	size_t have = length;
	int r;

	if (s->crypt_method && !s->cipher) /* opened to be checked, without a key */
		return -EPERM;
	/* The last cluster of a file may be cut short; what is missing reads as zeros. */
	if (host >= s->data->size)
		have = 0;
	else if (length > s->data->size - host)
		have = (size_t)(s->data->size - host);
	blk_event(b->file, BLK_EVENT_READ_AIO);
	if (have && (r = blk_pread(s->data, host, have, buf)))
		return r;
	memset(buf + have, 0, length - have);
	if (s->cipher && have)
		sector_decrypt(s->cipher, tweak(s, guest, host), BLK_SECTOR, buf, buf, length);
	return 0;
}

static int data_write(struct blk *b, uint64_t guest, uint64_t host, size_t length, const uint8_t *buf)
{
	struct qcow2 *s = b->state;
	uint8_t *tmp;
	int r = 0;

	if (s->crypt_method && !s->cipher)
		return -EPERM;
	if (!s->cipher)
		return blk_pwrite(s->data, host, length, buf);
	if (posix_memalign((void **)&tmp, 4096, CRYPT_CHUNK))
		return -ENOMEM;
	while (length && !r) {
		size_t n = length < CRYPT_CHUNK ? length : CRYPT_CHUNK;
		sector_encrypt(s->cipher, tweak(s, guest, host), BLK_SECTOR, tmp, buf, n);
		r = blk_pwrite(s->data, host, n, tmp);
		guest += n;
		host += n;
		buf += n;
		length -= n;
	}
	free(tmp);
	return r;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */
static int read_inner(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct qcow2 *s = b->state;
	uint8_t *p = buf;
	int r;

	while (length) {
		struct qcow2_extent x;
		size_t n;
		pthread_mutex_lock(&b->lock);
		r = qcow2_map(b, offset, length, &x);
		pthread_mutex_unlock(&b->lock);
		if (r)
			return r;
		n = (size_t)x.length;
		switch (x.kind) {
		case QCOW2_UNALLOCATED:
			if (b->backing && offset < s->disk_size) {
				if (n > s->disk_size - offset)
					n = (size_t)(s->disk_size - offset);
				blk_event(b->file, BLK_EVENT_READ_BACKING_AIO);
				r = blk_backing_pread(b, offset, n, p);
			} else {
				memset(p, 0, n);
			}
			break;
		case QCOW2_ZERO_PLAIN:
		case QCOW2_ZERO_ALLOCATED:
			memset(p, 0, n);
			break;
		case QCOW2_NORMAL:
			if (s->cipher && n > CRYPT_CHUNK)
				n = CRYPT_CHUNK;
			r = data_read(b, offset, x.host, n, p);
			break;
		case QCOW2_IS_COMPRESSED:
			r = qcow2_read_compressed(b, x.entry, (size_t)(offset & (s->cluster_size - 1)), n, p);
			break;
		}
		if (r)
			return r;
		p += n;
		offset += n;
		length -= n;
	}
	return 0;
}

int qcow2_read(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct qcow2 *s = b->state;
	int r;

	pthread_rwlock_rdlock(&s->io);
	r = read_inner(b, offset, length, buf);
	pthread_rwlock_unlock(&s->io);
	return r;
}

int qcow2_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	return qcow2_read(b, offset, length, buf);
}

/* ---- ranges that are being allocated: b->lock held ------------------------------------------------------------------- */
static void wait_busy(struct blk *b, uint64_t start, uint64_t end)
{
	struct qcow2 *s = b->state;
	struct qcow2_busy *p;

	do {
		for (p = s->busy; p && (p->end <= start || p->start >= end); p = p->next)
			;
		if (p)
			pthread_cond_wait(&s->busy_gone, &b->lock);
	} while (p);
}

static void set_busy(struct qcow2 *s, struct qcow2_busy *p, uint64_t start, uint64_t end)
{
	p->start = start;
	p->end = end;
	p->next = s->busy;
	s->busy = p;
}

static void clear_busy(struct qcow2 *s, struct qcow2_busy *busy)
{
	struct qcow2_busy **p = &s->busy;

	while (*p != busy)
		p = &(*p)->next;
	*p = busy->next;
	pthread_cond_broadcast(&s->busy_gone);
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */
/* Copies guest bytes [from, to) as they read now to the new place. */
static int copy_up(struct blk *b, uint64_t from, uint64_t to, uint64_t host)
{
	struct qcow2 *s = b->state;
	size_t chunk = to - from < CRYPT_CHUNK ? (size_t)(to - from) : CRYPT_CHUNK;
	uint8_t *buf;
	int r = 0;

	if (from >= to)
		return 0;
	if (posix_memalign((void **)&buf, 4096, round_up64(chunk, 4096)))
		return -ENOMEM;
	while (from < to && !r) {
		size_t n = to - from < chunk ? (size_t)(to - from) : chunk;
		blk_event(b->file, BLK_EVENT_COW_READ);
		r = read_inner(b, from, n, buf);
		if (!r) {
			blk_event(b->file, BLK_EVENT_COW_WRITE);
			r = data_write(b, from, host, n, buf);
		}
		from += n;
		host += n;
	}
	(void)s;
	free(buf);
	return r;
}

struct plan { /* one allocating write within one L2 table */
	uint64_t cluster;      /* guest offset of the first cluster */
	uint64_t clusters;
	uint64_t host;         /* of the first cluster */
	uint64_t start, end;   /* guest bytes to be written */
	uint64_t fill_start, fill_end; /* ... with what must be copied around them */
	bool reuse, skip_fill;
	bool linked; /* some entries may lead to the new clusters, even if writing them failed */
	bool order; /* the data must be on the disk before the table leads to it */
};

static bool reusable(const struct qcow2 *s, uint64_t entry)
{
	if (entry & QCOW2_COMPRESSED || !(entry & QCOW2_COPIED))
		return false;
	return (entry & QCOW2_L2_OFFSET_MASK) || (s->incompatible & QCOW2_INCOMPAT_DATA_FILE);
}

/* Does the cluster hold data of its own that a new copy must take over? */
static bool holds_data(const struct qcow2 *s, uint64_t entry, uint64_t bitmap)
{
	if (entry & QCOW2_COMPRESSED)
		return true;
	return (entry & QCOW2_L2_OFFSET_MASK) && (s->sub_count == 1 ? !(entry & QCOW2_ZERO) : (uint32_t)bitmap != 0);
}

/*
 * A write into a cluster that is there, to subclusters of it that were never in use: true when those hold zeros, as the
 * cluster was made of new space by this program. (A subcluster that was written and zeroed since has its zero bit set.)
 */
static bool fresh_subclusters(const struct qcow2 *s, const struct plan *p, uint64_t bitmap)
{
	uint64_t mask = s->cluster_size - 1;
	unsigned first = (unsigned)((p->fill_start & mask) / s->sub_size), last = (unsigned)(((p->fill_end - 1) & mask) / s->sub_size);

	if (s->sub_count == 1)
		return false;
	for (unsigned i = first; i <= last; i++)
		if (bitmap >> (32 + i) & 1)
			return false;
	for (unsigned i = 0; i < QCOW2_FRESH_HOSTS; i++)
		if (s->fresh_host[i] == p->host)
			return true;
	return false;
}

/* Decides what to allocate. b->lock held. */
static int plan_write(struct blk *b, uint64_t offset, uint64_t length, struct plan *p)
{
	struct qcow2 *s = b->state;
	uint64_t mask = s->cluster_size - 1, entries = 1ull << s->l2_bits, index = qcow2_l2_index(s, offset), n, last;
	uint64_t l1 = offset >> (s->cluster_bits + s->l2_bits), table = l1 < s->l1_size ? s->l1[l1] & QCOW2_L1_OFFSET_MASK : 0;
	uint64_t entry = 0, bitmap = 0, end_entry = 0, end_bitmap = 0, wanted;
	bool data_file = s->incompatible & QCOW2_INCOMPAT_DATA_FILE, fresh = false;
	uint8_t *l2 = NULL;
	int r;

	memset(p, 0, sizeof *p);
	p->cluster = offset & ~mask;
	if (table) {
		if ((r = qcow2_cache_get(b, &s->l2_cache, table, true, &l2)))
			return r;
		entry = qcow2_entry_get(s, l2, index);
		bitmap = qcow2_bitmap_get(s, l2, index);
	}
	wanted = qcow2_clusters(s, offset + length - p->cluster);
	if (wanted > entries - index)
		wanted = entries - index;
	if (l2 && reusable(s, entry)) {
		p->reuse = true;
		p->clusters = 1;
		p->host = data_file ? p->cluster : entry & QCOW2_L2_OFFSET_MASK;
	} else {
		for (n = 1; n < wanted && !(l2 && reusable(s, qcow2_entry_get(s, l2, index + n))); n++)
			;
		if (data_file) {
			p->clusters = n;
			p->host = p->cluster;
		} else {
			struct qcow2_run run;
			if ((r = qcow2_alloc(b, n, &run, &fresh)))
				return r;
			p->clusters = run.clusters;
			p->host = run.offset;
			if (table && (r = qcow2_cache_get(b, &s->l2_cache, table, true, &l2))) {
				qcow2_free_later(b, run.offset, run.clusters);
				return r;
			}
		}
	}
	p->start = p->fill_start = offset;
	last = p->cluster + (p->clusters << s->cluster_bits);
	p->end = p->fill_end = offset + length < last ? offset + length : last;
	if (l2) {
		end_entry = qcow2_entry_get(s, l2, index + p->clusters - 1);
		end_bitmap = qcow2_bitmap_get(s, l2, index + p->clusters - 1);
	}
	if (s->sub_count == 1) {
		p->fill_start = p->cluster;
		p->fill_end = last;
	} else {
		uint64_t sub = s->sub_size - 1;
		unsigned i = (unsigned)((offset & mask) / s->sub_size), k = (unsigned)(((p->end - 1) & mask) / s->sub_size);
		if (!p->reuse && holds_data(s, entry, bitmap))
			p->fill_start = p->cluster;
		else if (!(p->reuse && bitmap >> i & 1))
			p->fill_start = offset & ~sub;
		if (!p->reuse && holds_data(s, end_entry, end_bitmap))
			p->fill_end = last;
		else if (!(p->reuse && end_bitmap >> k & 1))
			p->fill_end = (p->end + sub) & ~sub;
	}
	/* Space that was never written reads as zeros: nothing to copy when the old contents are zeros too. */
	p->skip_fill = fresh && !s->cipher && !b->backing && !holds_data(s, entry, bitmap) && !holds_data(s, end_entry, end_bitmap);
	if (s->cluster_size == s->sub_size && p->cluster >= s->disk_size && fresh && !s->cipher)
		p->skip_fill = true; /* VM state */
	/*
	 * Order matters unless the range showed zeros so far and the new place holds zeros: then a table that reaches the
	 * disk first shows the zeros that were there, or the data.
	 */
	if (!p->reuse && s->sub_count > 1) {
		/* A cluster that comes back from other uses is no longer new. */
		for (n = 0; n < QCOW2_FRESH_HOSTS; n++)
			if (s->fresh_host[n] - p->host < p->clusters << s->cluster_bits)
				s->fresh_host[n] = 0;
		for (n = 0; fresh && n < p->clusters; n++)
			s->fresh_host[s->fresh_next++ % QCOW2_FRESH_HOSTS] = p->host + (n << s->cluster_bits);
	}
	p->order = s->cipher || b->backing || !(p->reuse ? fresh_subclusters(s, p, bitmap) : fresh);
	for (n = 0; n < p->clusters && l2 && !p->order && !p->reuse; n++)
		p->order = holds_data(s, qcow2_entry_get(s, l2, index + n), qcow2_bitmap_get(s, l2, index + n));
	return 0;
}

/* Points the L2 entries at the new clusters. b->lock held. */
static int link_clusters(struct blk *b, struct plan *p)
{
	struct qcow2 *s = b->state;
	uint64_t index = qcow2_l2_index(s, p->cluster), table;
	uint8_t *l2;
	int r = qcow2_l2_for_write(b, p->cluster, &table, &l2);

	if (r)
		return r;
	uint64_t *old = malloc(p->clusters * 8);
	if (!old)
		return -ENOMEM;
	for (uint64_t i = 0; i < p->clusters; i++) {
		uint64_t guest = p->cluster + (i << s->cluster_bits), bitmap = 0;
		old[i] = qcow2_entry_get(s, l2, index + i);
		if (s->sub_count > 1) {
			uint64_t from = p->fill_start > guest ? p->fill_start - guest : 0;
			uint64_t to = p->fill_end < guest + s->cluster_size ? p->fill_end - guest : s->cluster_size;
			unsigned first = (unsigned)(from / s->sub_size), end = (unsigned)((to + s->sub_size - 1) / s->sub_size);
			uint64_t touched = (end == 32 ? 0xffffffffull : (1ull << end) - 1) & ~((1ull << first) - 1);
			bitmap = qcow2_bitmap_get(s, l2, index + i);
			if (old[i] & QCOW2_COMPRESSED)
				bitmap = 0;
			bitmap = (bitmap | touched) & ~(touched << 32);
			if (!p->reuse && holds_data(s, old[i], qcow2_bitmap_get(s, l2, index + i)))
				bitmap = 0xffffffffull;
		}
		qcow2_entry_put(s, l2, index + i, (p->host + (i << s->cluster_bits)) | QCOW2_COPIED, bitmap);
	}
	p->linked = true;
	r = qcow2_l2_flush_entries(b, table, l2, index, p->clusters);
	for (uint64_t i = 0; i < p->clusters && !r && !p->reuse; i++)
		r = qcow2_entry_release(b, old[i]);
	free(old);
	return r;
}

/*
 * Requests that come together share one flush. Bytes that were copied around a write may have been flushed at their old
 * place: the table must not point at the new one before they are there too.
 */
int qcow2_barrier(struct blk *b)
{
	struct qcow2 *s = b->state;
	uint64_t want;
	int r = 0;

	pthread_mutex_lock(&s->barrier_lock);
	want = s->barrier_started + 1;
	while (s->barrier_done < want && !r) {
		if (s->barrier_running) {
			pthread_cond_wait(&s->barrier_over, &s->barrier_lock);
			continue;
		}
		s->barrier_running = true;
		uint64_t mine = ++s->barrier_started;
		pthread_mutex_unlock(&s->barrier_lock);
		r = blk_flush(b->file);
		if (!r && s->data != b->file)
			r = blk_flush(s->data);
		pthread_mutex_lock(&s->barrier_lock);
		s->barrier_running = false;
		if (!r)
			s->barrier_done = mine;
		pthread_cond_broadcast(&s->barrier_over);
	}
	pthread_mutex_unlock(&s->barrier_lock);
	return r;
}

static int write_some(struct blk *b, uint64_t offset, size_t length, const uint8_t *buf, size_t *done)
{
	struct qcow2 *s = b->state;
	uint64_t mask = s->cluster_size - 1;
	struct qcow2_extent x;
	struct qcow2_busy busy;
	struct plan p;
	int r;

	pthread_mutex_lock(&b->lock);
	wait_busy(b, offset & ~mask, (offset + length + mask) & ~mask);
	r = qcow2_map(b, offset, length, &x);
	if (r) {
		pthread_mutex_unlock(&b->lock);
		return r;
	}
	if (x.kind == QCOW2_NORMAL && x.copied) {
		r = qcow2_overlap_check(b, x.host, x.length, NULL);
		pthread_mutex_unlock(&b->lock);
		*done = (size_t)x.length;
		blk_event(b->file, BLK_EVENT_WRITE_AIO);
		return r ? r : data_write(b, offset, x.host, (size_t)x.length, buf);
	}
	r = plan_write(b, offset, length, &p);
	if (r) {
		pthread_mutex_unlock(&b->lock);
		return r;
	}
	set_busy(s, &busy, p.cluster, p.cluster + (p.clusters << s->cluster_bits));
	pthread_mutex_unlock(&b->lock);

	if (!p.skip_fill) {
		r = copy_up(b, p.fill_start, p.start, p.host + (p.fill_start - p.cluster));
		if (!r)
			r = copy_up(b, p.end, p.fill_end, p.host + (p.end - p.cluster));
	}
	blk_event(b->file, BLK_EVENT_WRITE_AIO);
	if (!r)
		r = data_write(b, offset, p.host + (offset - p.cluster), (size_t)(p.end - offset), buf);
	if (!r && (p.order || (!p.skip_fill && (p.fill_start < p.start || p.fill_end > p.end))))
		r = qcow2_barrier(b);

	pthread_mutex_lock(&b->lock);
	if (!r)
		r = link_clusters(b, &p);
	if (r && !p.reuse && !p.linked && !(s->incompatible & QCOW2_INCOMPAT_DATA_FILE))
		qcow2_free_later(b, p.host, p.clusters);
	clear_busy(s, &busy);
	pthread_mutex_unlock(&b->lock);
	*done = (size_t)(p.end - offset);
	return r;
}

static int relieve(struct blk *b)
{
	struct qcow2 *s = b->state;
	int r = 0;

	if (__atomic_load_n(&s->pending_count, __ATOMIC_RELAXED) > 4096)
		if (!(r = blk_flush(b->file)))
			r = qcow2_free_pending(b);
	return r;
}

int qcow2_write(struct blk *b, uint64_t offset, size_t length, const void *buf)
{
	struct qcow2 *s = b->state;
	const uint8_t *p = buf;
	int r = 0;

	if (s->corrupt_marked)
		return -EIO;
	if (!__atomic_load_n(&s->wrote, __ATOMIC_ACQUIRE) && (r = qcow2_before_write(b)))
		return r;
	pthread_rwlock_rdlock(&s->io);
	while (length && !r) {
		size_t n = 0;
		r = write_some(b, offset, length, p, &n);
		p += n;
		offset += n;
		length -= n;
	}
	pthread_rwlock_unlock(&s->io);
	return r ? r : relieve(b);
}

int qcow2_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	(void)flags;
	return qcow2_write(b, offset, length, buf);
}

/* ---- zeros and discards ------------------------------------------------------------------------------------------------ */
enum drop { DROP_ZERO, DROP_ZERO_UNMAP, DROP_DISCARD, DROP_FULL };

/* What an entry becomes. Returns false where nothing changes; -ENOTSUP in *r where it cannot be done by metadata. */
static bool new_entry(struct blk *b, enum drop how, uint64_t entry, uint64_t bitmap, uint32_t subs, uint64_t *to,
		      uint64_t *to_bitmap, bool *release, int *r)
{
	struct qcow2 *s = b->state;
	bool host = entry & QCOW2_L2_OFFSET_MASK, compressed = entry & QCOW2_COMPRESSED;
	bool data_file = s->incompatible & QCOW2_INCOMPAT_DATA_FILE;
	bool below = b->backing || (b->backing_name && !b->backing_override); /* something would show through */

	*release = false;
	*to_bitmap = 0;
	if (data_file)
		host = entry & QCOW2_COPIED;
	if (how == DROP_FULL) {
		*to = 0;
		*release = host || compressed;
		return entry != 0 || bitmap != 0;
	}
	if (s->sub_count > 1) {
		if (subs != 0xffffffffu) {
			if (compressed) {
				*r = -ENOTSUP;
				return false;
			}
			*to = entry;
			*to_bitmap = (bitmap & ~(uint64_t)subs) | (uint64_t)subs << 32;
			return *to_bitmap != bitmap;
		}
		*to = 0;
		*to_bitmap = below || how != DROP_DISCARD ? 0xffffffffull << 32 : 0;
		if (how == DROP_ZERO && host && (entry & QCOW2_COPIED) && !compressed)
			*to = entry;
		else
			*release = host || compressed;
		return *to != entry || *to_bitmap != bitmap;
	}
	if (!entry && !below)
		return false;
	if (s->version < 3) {
		if (below) {
			*r = how == DROP_DISCARD ? 0 : -ENOTSUP;
			return false;
		}
		*to = 0;
		*release = host || compressed;
		return entry != 0;
	}
	if (how == DROP_DISCARD && !entry)
		return false;
	*to = below || how != DROP_DISCARD ? QCOW2_ZERO : 0;
	if (how == DROP_ZERO && host && (entry & QCOW2_COPIED) && !compressed)
		*to = entry | QCOW2_ZERO;
	else
		*release = host || compressed;
	return *to != entry;
}

/* One L2 table's share of [offset, offset+length). b->lock held. */
static int drop_in_table(struct blk *b, uint64_t offset, uint64_t length, enum drop how)
{
	struct qcow2 *s = b->state;
	uint64_t index = qcow2_l2_index(s, offset), mask = s->cluster_size - 1, end = offset + length, table = 0;
	uint64_t low = UINT64_MAX, high = 0, l1 = offset >> (s->cluster_bits + s->l2_bits);
	uint64_t old_table = l1 < s->l1_size ? s->l1[l1] & QCOW2_L1_OFFSET_MASK : 0;
	bool below = b->backing || (b->backing_name && !b->backing_override), writable = false;
	uint64_t *old, n = qcow2_clusters(s, end - (offset & ~mask)), released = 0;
	uint8_t *l2 = NULL;
	int r = 0;

	if (!old_table && (!below || how == DROP_FULL || (s->version < 3 && how == DROP_DISCARD)))
		return 0;
	if (!old_table && s->version < 3)
		return -ENOTSUP;
	old = malloc(n * 8);
	if (!old)
		return -ENOMEM;
	if (old_table && (r = qcow2_cache_get(b, &s->l2_cache, old_table, true, &l2)))
		goto out;
	for (uint64_t i = 0; i < n && !r; i++) {
		uint64_t guest = (offset & ~mask) + (i << s->cluster_bits), to, to_bitmap, entry, bitmap;
		uint64_t from = offset > guest ? offset - guest : 0;
		uint64_t upto = end < guest + s->cluster_size && end < s->disk_size ? end - guest : s->cluster_size;
		unsigned first = (unsigned)(from / s->sub_size), last = (unsigned)(upto / s->sub_size);
		uint32_t subs = (uint32_t)((last >= 32 ? 0xffffffffull : (1ull << last) - 1) & ~((1ull << first) - 1));
		bool release;
		entry = l2 ? qcow2_entry_get(s, l2, index + i) : 0;
		bitmap = l2 ? qcow2_bitmap_get(s, l2, index + i) : 0;
		if (!new_entry(b, how, entry, bitmap, subs, &to, &to_bitmap, &release, &r))
			continue;
		if (!writable) {
			if ((r = qcow2_l2_for_write(b, offset, &table, &l2)))
				break;
			writable = true;
		}
		if (release)
			old[released++] = entry;
		qcow2_entry_put(s, l2, index + i, to, to_bitmap);
		if (low == UINT64_MAX)
			low = index + i;
		high = index + i + 1;
	}
	if (low != UINT64_MAX) {
		int w = qcow2_l2_flush_entries(b, table, l2, low, high - low);
		for (uint64_t i = 0; i < released && !w; i++)
			w = qcow2_entry_release(b, old[i]);
		if (w)
			r = w;
	}
out:
	free(old);
	return r;
}

static int drop_range(struct blk *b, uint64_t offset, uint64_t length, enum drop how)
{
	struct qcow2 *s = b->state;
	uint64_t end = offset + length, mask = s->cluster_size - 1;
	int r = 0;

	if (s->corrupt_marked)
		return -EIO;
	if (!__atomic_load_n(&s->wrote, __ATOMIC_ACQUIRE) && (r = qcow2_before_write(b)))
		return r;
	pthread_rwlock_rdlock(&s->io);
	while (offset < end && !r) {
		uint64_t stop = ((offset >> (s->cluster_bits + s->l2_bits)) + 1) << (s->cluster_bits + s->l2_bits);
		if (stop > end)
			stop = end;
		pthread_mutex_lock(&b->lock);
		wait_busy(b, offset & ~mask, (stop + mask) & ~mask);
		r = drop_in_table(b, offset, stop - offset, how);
		pthread_mutex_unlock(&b->lock);
		offset = stop;
	}
	pthread_rwlock_unlock(&s->io);
	return r ? r : relieve(b);
}

int qcow2_pwrite_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	struct qcow2 *s = b->state;
	int r;

	if (s->autoclear & QCOW2_AUTOCLEAR_RAW_DATA_FILE) { /* the data file is a raw image of its own */
		uint64_t end = offset + length;
		if ((r = blk_pwrite_zeroes(s->data, offset, length, flags)))
			return r;
		(void)end;
	}
	return drop_range(b, offset, length, flags & BLK_ZERO_MAY_UNMAP ? DROP_ZERO_UNMAP : DROP_ZERO);
}

int qcow2_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	struct qcow2 *s = b->state;

	if (s->autoclear & QCOW2_AUTOCLEAR_RAW_DATA_FILE)
		return qcow2_pwrite_zeroes(b, offset, length, BLK_ZERO_MAY_UNMAP);
	return drop_range(b, offset, length, DROP_DISCARD);
}

int qcow2_discard_range(struct blk *b, uint64_t offset, uint64_t length, bool full)
{
	return drop_range(b, offset, length, full ? DROP_FULL : DROP_DISCARD);
}

int qcow2_flush_all(struct blk *b)
{
	struct qcow2 *s = b->state;
	int r = 0;

	pthread_mutex_lock(&b->lock);
	bool any = s->pending_count;
	pthread_mutex_unlock(&b->lock);
	if (any) {
		if ((r = blk_flush(b->file)) || (r = qcow2_free_pending(b)))
			return r;
	}
	return r;
}
