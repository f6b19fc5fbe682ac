/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Partition tables: the PC's MBR with its chain of logical partitions, and GPT (UEFI specification 2.10, chapter 5). */
#include <errno.h>
#include <string.h>
#include <zlib.h>
#include "export.h"

#define SECTOR 512u
#define MAX_LOGICAL 128u

struct entry {
	uint8_t type;
	uint64_t start, count; /* sectors */
};

static void mbr_entry(const uint8_t *sector, unsigned i, struct entry *out)
{
	const uint8_t *p = sector + 446 + 16 * i;

	out->type = p[4];
	out->start = le32_get(p + 8);
	out->count = le32_get(p + 12);
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static int give(struct blk *b, unsigned number, uint64_t start, uint64_t count, uint64_t *offset, uint64_t *size, struct err *e)
{
	uint64_t sectors = b->size / SECTOR;

	if (!count)
		return err_set(e, ENOENT, "partition %u is empty", number);
	if (start >= sectors || count > sectors - start)
		return err_set(e, EINVAL, "partition %u (sectors %llu to %llu) does not fit in the image of %llu sectors", number,
			       (unsigned long long)start, (unsigned long long)(start + count - 1), (unsigned long long)sectors);
	*offset = start * SECTOR;
	*size = count * SECTOR;
	return 0;
}

static int logical(struct blk *b, const struct entry *extended, unsigned number, uint64_t *offset, uint64_t *size, struct err *e)
{
	uint64_t at = extended->start;
	uint8_t sector[SECTOR];
	struct entry part, next;

	for (unsigned n = 5; n < 5 + MAX_LOGICAL; n++) {
		int r;
		if (at >= b->size / SECTOR)
			return err_set(e, EINVAL, "the chain of logical partitions leaves the image at sector %llu", (unsigned long long)at);
		r = blk_pread_what(b, at * SECTOR, SECTOR, sector, "an extended boot record", e);
		if (r < 0)
			return r;
		if (sector[510] != 0x55 || sector[511] != 0xaa)
			break;
		mbr_entry(sector, 0, &part);
		mbr_entry(sector, 1, &next);
		if (n == number)
			return give(b, number, at + part.start, part.count, offset, size, e);
		if (!is_extended(next.type) || !next.count)
			break;
		at = extended->start + next.start;
	}
	return err_set(e, ENOENT, "there is no logical partition %u", number);
}

static int gpt(struct blk *b, unsigned number, uint64_t *offset, uint64_t *size, struct err *e)
{
	static const uint8_t unused[16];
	uint8_t header[SECTOR], saved[4], entry[128];
	uint32_t length, entries, entry_size;
	uint64_t first;
	int r = blk_pread_what(b, SECTOR, SECTOR, header, "the GPT header", e);

	if (r < 0)
		return r;
	length = le32_get(header + 12);
	if (memcmp(header, "EFI PART", 8) || length < 92 || length > SECTOR)
		return err_set(e, EINVAL, "the GPT header is damaged");
	memcpy(saved, header + 16, 4);
	memset(header + 16, 0, 4);
	if (crc32(0, header, length) != le32_get(saved))
		return err_set(e, EINVAL, "the GPT header's checksum is wrong");
	first = le64_get(header + 72);
	entries = le32_get(header + 80);
	entry_size = le32_get(header + 84);
	if (entry_size < 128 || entry_size > 4096 || first >= b->size / SECTOR)
		return err_set(e, EINVAL, "the GPT header's table (at sector %llu, entries of %u bytes) makes no sense",
			       (unsigned long long)first, entry_size);
	if (number > entries)
		return err_set(e, ENOENT, "there is no partition %u: the table has %u entries", number, entries);
	r = blk_pread_what(b, first * SECTOR + (uint64_t)(number - 1) * entry_size, sizeof entry, entry, "a GPT entry", e);
	if (r < 0)
		return r;
	if (!memcmp(entry, unused, 16))
		return err_set(e, ENOENT, "there is no partition %u", number);
	if (le64_get(entry + 40) < le64_get(entry + 32))
		return err_set(e, EINVAL, "partition %u ends before it begins", number);
	return give(b, number, le64_get(entry + 32), le64_get(entry + 40) - le64_get(entry + 32) + 1, offset, size, e);
}

int partition_find(struct blk *b, unsigned number, uint64_t *offset, uint64_t *size, struct err *e)
{
	uint8_t sector[SECTOR];
	struct entry part;
	int r = blk_pread_what(b, 0, SECTOR, sector, "the partition table", e);

	if (r < 0)
		return r;
	if (sector[510] != 0x55 || sector[511] != 0xaa)
		return err_set(e, EINVAL, "there is no partition table in the image");
	mbr_entry(sector, 0, &part);
	if (part.type == 0xee)
		return gpt(b, number, offset, size, e);
	if (number <= 4) {
		mbr_entry(sector, number - 1, &part);
		if (!part.type)
			return err_set(e, ENOENT, "there is no partition %u", number);
		return give(b, number, part.start, part.count, offset, size, e);
	}
	for (unsigned i = 0; i < 4; i++) {
		mbr_entry(sector, i, &part);
		if (is_extended(part.type))
			return logical(b, &part, number, offset, size, e);
	}
	return err_set(e, ENOENT, "there is no extended partition, so there is no partition %u", number);
}
