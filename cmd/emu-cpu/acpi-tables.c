// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACPI tables for the firmware; see acpi-tables.h. Header and root pointer: ACPI 5.0, 5.2.5 to 5.2.7. The script's commands are 128 bytes each
 * as the firmware's loader defines them: 1 allocate, 2 add pointer, 3 add checksum.
 */
#include "acpi-tables.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "machine.h"
#include "x86-parts.h"

#define TABLES_FILE "etc/acpi/tables"
#define ROOT_FILE "etc/acpi/rsdp"
enum { COMMAND_SIZE = 128, NAME_SIZE = 56, LISTED = 64 };
enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };

struct bytes {
	uint8_t *data;
	size_t size, room;
};

struct acpi_tables {
	struct bytes blob, script;
	uint32_t table;  /* offset of the one that is being made */
	uint32_t listed[LISTED];
	unsigned count;
	bool failed, has_maker;
	uint8_t maker[14];
};

static void append(struct acpi_tables *t, struct bytes *b, const void *p, size_t n)
{
	if (t->failed || !n)
		return;
	if (b->size + n > b->room) {
		size_t to = b->room ? b->room * 2 : 8192;
		while (to < b->size + n)
			to *= 2;
		uint8_t *q = realloc(b->data, to);
		if (!q) {
			t->failed = true;
			return;
		}
		b->data = q;
		b->room = to;
	}
	if (p)
		memcpy(b->data + b->size, p, n);
	else
		memset(b->data + b->size, 0, n);
	b->size += n;
}

struct acpi_tables *acpi_tables_new(void)
{
	return calloc(1, sizeof(struct acpi_tables));
}

void acpi_tables_free(struct acpi_tables *t)
{
	if (!t)
		return;
	free(t->blob.data);
	free(t->script.data);
	free(t);
}

static void put(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void acpi_put(struct acpi_tables *t, uint64_t v, unsigned bytes)
{
	uint8_t b[8];
	put(b, v, bytes);
	append(t, &t->blob, b, bytes);
}

void acpi_put_bytes(struct acpi_tables *t, const void *p, size_t n)
{
	append(t, &t->blob, p, n);
}

void acpi_put_zero(struct acpi_tables *t, size_t n)
{
	append(t, &t->blob, NULL, n);
}

void acpi_put_address(struct acpi_tables *t, unsigned space, unsigned bits, unsigned access, uint64_t address)
{
	acpi_put(t, space, 1);
	acpi_put(t, bits, 1);
	acpi_put(t, 0, 1);
	acpi_put(t, access, 1);
	acpi_put(t, address, 8);
}

/* ---- the script ---- */

static void command_allocate(struct acpi_tables *t, const char *file, uint32_t align, uint8_t zone)
{
	uint8_t c[COMMAND_SIZE] = {0};
	put(c, ALLOCATE, 4);
	memcpy(c + 4, file, strlen(file));
	put(c + 4 + NAME_SIZE, align, 4);
	c[8 + NAME_SIZE] = zone;
	/* Allocations come first, whatever was recorded before. */
	append(t, &t->script, NULL, COMMAND_SIZE);
	if (t->failed)
		return;
	memmove(t->script.data + COMMAND_SIZE, t->script.data, t->script.size - COMMAND_SIZE);
	memcpy(t->script.data, c, COMMAND_SIZE);
}

static void command_pointer(struct acpi_tables *t, const char *in, uint32_t at, uint8_t bytes)
{
	uint8_t c[COMMAND_SIZE] = {0};
	put(c, ADD_POINTER, 4);
	memcpy(c + 4, in, strlen(in));
	memcpy(c + 4 + NAME_SIZE, TABLES_FILE, sizeof TABLES_FILE);
	put(c + 4 + 2 * NAME_SIZE, at, 4);
	c[8 + 2 * NAME_SIZE] = bytes;
	append(t, &t->script, c, sizeof c);
}

static void command_checksum(struct acpi_tables *t, const char *in, uint32_t at, uint32_t start, uint32_t size)
{
	uint8_t c[COMMAND_SIZE] = {0};
	put(c, ADD_CHECKSUM, 4);
	memcpy(c + 4, in, strlen(in));
	put(c + 4 + NAME_SIZE, at, 4);
	put(c + 8 + NAME_SIZE, start, 4);
	put(c + 12 + NAME_SIZE, size, 4);
	append(t, &t->script, c, sizeof c);
}

void acpi_put_pointer(struct acpi_tables *t, uint32_t target, unsigned bytes)
{
	command_pointer(t, TABLES_FILE, (uint32_t)t->blob.size, (uint8_t)bytes);
	acpi_put(t, target, bytes);
}

void acpi_table_checksum(struct acpi_tables *t, uint32_t offset, uint32_t size, uint32_t at)
{
	if (t->failed)
		return;
	t->blob.data[at] = 0;
	command_checksum(t, TABLES_FILE, at, offset, size);
}

/* ---- tables ---- */

void acpi_tables_maker(struct acpi_tables *t, const uint8_t maker[14])
{
	memcpy(t->maker, maker, sizeof t->maker);
	t->has_maker = true;
}

uint32_t acpi_table_begin(struct acpi_tables *t, const char signature[4], uint8_t revision)
{
	acpi_put_zero(t, -t->blob.size & 15);
	t->table = (uint32_t)t->blob.size;
	acpi_put_bytes(t, signature, 4);
	acpi_put(t, 0, 4); /* length */
	acpi_put(t, revision, 1);
	acpi_put(t, 0, 1); /* checksum */
	if (t->has_maker && (!memcmp(signature, "RSDT", 4) || !memcmp(signature, "FACP", 4))) {
		acpi_put_bytes(t, t->maker, sizeof t->maker);
	} else {
		acpi_put_bytes(t, "EMUTLS", 6);
		acpi_put_bytes(t, "EMU ", 4);
		acpi_put_bytes(t, signature, 4);
	}
	acpi_put(t, 1, 4);
	acpi_put_bytes(t, "EMUT", 4);
	acpi_put(t, 1, 4);
	return t->table;
}

void acpi_table_end(struct acpi_tables *t)
{
	if (t->failed)
		return;
	uint32_t size = (uint32_t)t->blob.size - t->table;
	put(t->blob.data + t->table + 4, size, 4);
	acpi_table_checksum(t, t->table, size, t->table + 9);
}

uint32_t acpi_table_raw(struct acpi_tables *t, const void *data, size_t size, unsigned align)
{
	acpi_put_zero(t, -t->blob.size & (align - 1));
	uint32_t at = (uint32_t)t->blob.size;
	acpi_put_bytes(t, data, size);
	return at;
}

void acpi_table_list(struct acpi_tables *t, uint32_t offset)
{
	if (t->count == LISTED)
		t->failed = true;
	else
		t->listed[t->count++] = offset;
}

int acpi_tables_finish(struct acpi_tables *t, struct acpi_files *f, struct err *e)
{
	uint32_t root = acpi_table_begin(t, "RSDT", 1);
	for (unsigned i = 0; i < t->count; i++)
		acpi_put_pointer(t, t->listed[i], 4);
	acpi_table_end(t);
	/* Root pointer of revision 0: twenty bytes with one checksum. */
	memset(f, 0, sizeof *f);
	memcpy(f->root, "RSD PTR ", 8);
	memcpy(f->root + 9, "EMUTLS", 6);
	put(f->root + 16, root, 4);
	command_pointer(t, ROOT_FILE, 16, 4);
	command_checksum(t, ROOT_FILE, 8, 0, sizeof f->root);
	command_allocate(t, TABLES_FILE, 64, ZONE_HIGH);
	command_allocate(t, ROOT_FILE, 16, ZONE_FSEG);
	if (t->failed)
		return err_set(e, ENOMEM, "ACPI tables: out of memory, or more than %u of them", LISTED);
	f->tables = t->blob.data;
	f->tables_size = t->blob.size;
	f->script = t->script.data;
	f->script_size = t->script.size;
	return 0;
}

#define SCRIPT_FILE "etc/table-loader"

int acpi_tables_publish(struct acpi_tables *t, struct machine *m, bool again, struct err *e)
{
	struct acpi_files f;
	int r = acpi_tables_finish(t, &f, e);
	if (!r && again)
		return fw_cfg_replace_file(m, ROOT_FILE, f.root, sizeof f.root) && fw_cfg_replace_file(m, TABLES_FILE, f.tables, f.tables_size) &&
		       fw_cfg_replace_file(m, SCRIPT_FILE, f.script, f.script_size) ? 0 : err_set(e, EINVAL, "ACPI tables: their size has changed");
	if (!r)
		r = fw_cfg_add_file(m, ROOT_FILE, f.root, sizeof f.root, e);
	if (!r)
		r = fw_cfg_add_file(m, TABLES_FILE, f.tables, f.tables_size, e);
	if (!r)
		r = fw_cfg_add_file(m, SCRIPT_FILE, f.script, f.script_size, e);
	return r;
}

void acpi_tables_on_read(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
	fw_cfg_on_select(m, ROOT_FILE, fn, opaque);
	fw_cfg_on_select(m, TABLES_FILE, fn, opaque);
	fw_cfg_on_select(m, SCRIPT_FILE, fn, opaque);
}
