// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -acpitable: a table out of files, with its header (file=) or without (data=); fields that are named override the header's. Header: ACPI 5.0,
 * 5.2.6.
 */
#include "acpi-user.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "base/size.h"
#include "machine.h"

enum { HEADER = 36, TABLE_MAX = 1 << 20 };
static const uint8_t usual[HEADER] = "EMUT\0\0\0\0\1\0EMUTLSEMU EMUT\1\0\0\0EMUT\1\0\0";

/* Fields of the header: text is cut or filled with NULs to its length. */
static const struct table_field {
	const char *key;
	uint8_t at, bytes;
	bool number;
} fields[] = {
	{"sig", 0, 4, false}, {"rev", 8, 1, true}, {"oem_id", 10, 6, false}, {"oem_table_id", 16, 8, false}, {"oem_rev", 24, 4, true},
	{"asl_compiler_id", 28, 4, false}, {"asl_compiler_rev", 32, 4, true},
};

static void put(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Appends the files of a list with colons between them. */
static int read_files(struct machine *m, const char *list, uint8_t **data, size_t *size, struct err *e)
{
	while (*list) {
		size_t n = strcspn(list, ":"), got;
		char *name = strndup(list, n);
		uint8_t *file = name ? firmware_load(m, name, &got, e) : NULL, *more = NULL;
		int r = 0;
		if (!name)
			r = err_set(e, ENOMEM, "out of memory");
		else if (!file)
			r = -e->code;
		else if (*size + got > TABLE_MAX)
			r = err_set(e, EFBIG, "%s: more than 1 MiB in one table", name);
		else if (!(more = realloc(*data, *size + got + 1)))
			r = err_set(e, ENOMEM, "out of memory");
		if (more) {
			memcpy(more + *size, file, got);
			*data = more;
			*size += got;
		}
		free(file);
		free(name);
		if (r)
			return r;
		list += n + (list[n] == ':');
	}
	return 0;
}

static int one(struct machine *m, const struct keyval *kv, uint8_t **table, size_t *size, struct err *e)
{
	const char *file = keyval_get(kv, "file"), *data = keyval_get(kv, "data");

	if (!file == !data)
		return err_set(e, EINVAL, "either file= (whole tables) or data= (what follows a header) names the files");
	if (data) {
		*table = malloc(HEADER);
		if (!*table)
			return err_set(e, ENOMEM, "out of memory");
		memcpy(*table, usual, HEADER);
		*size = HEADER;
	}
	if (read_files(m, file ? file : data, table, size, e) < 0)
		return -e->code;
	if (*size < HEADER)
		return err_set(e, EINVAL, "%zu bytes; a table's header alone has %d (data= adds one)", *size, HEADER);
	for (unsigned i = 0; i < kv->count; i++) {
		const struct table_field *f = fields, *end = fields + sizeof fields / sizeof *fields;
		const char *k = kv->key[i], *v = kv->value[i];
		int64_t n;
		while (f < end && strcmp(f->key, k))
			f++;
		if (f == end) {
			if (strcmp(k, "file") && strcmp(k, "data"))
				return err_set(e, EINVAL, "Invalid parameter '%s' (sig, rev, oem_id, oem_table_id, oem_rev, asl_compiler_id, asl_compiler_rev, data, file)", k);
		} else if (f->number) {
			if (number_parse(k, v, 0, f->bytes == 1 ? 255 : UINT32_MAX, &n, e) < 0)
				return -e->code;
			put(*table + f->at, (uint64_t)n, f->bytes);
		} else {
			size_t length = strlen(v);
			if (length > f->bytes || (f->at == 0 && length != 4))
				return err_set(e, EINVAL, "%s=%s: %s%u characters", k, v, f->at ? "at most " : "", f->bytes);
			memset(*table + f->at, 0, f->bytes);
			memcpy(*table + f->at, v, length);
		}
	}
	put(*table + 4, *size, 4);
	return 0;
}

int acpi_user_read(struct machine *m, struct acpi_user *u, struct err *e)
{
	const struct opt_list *l = &m->config.acpitable;

	*u = (struct acpi_user){.table = calloc(l->count + 1, sizeof *u->table), .size = calloc(l->count + 1, sizeof *u->size)};
	if (!u->table || !u->size)
		return err_set(e, ENOMEM, "-acpitable: out of memory");
	for (unsigned i = 0; i < l->count; i++) {
		struct keyval kv = {0};
		uint8_t *table = NULL;
		size_t size = 0;
		int r = keyval_parse(l->item[i], NULL, &kv, e);
		if (r == 0)
			r = one(m, &kv, &table, &size, e);
		keyval_free(&kv);
		u->table[u->count] = table;
		u->size[u->count++] = (uint32_t)size;
		if (r < 0)
			return err_prefix(e, "-acpitable %s", l->item[i]);
		if (!memcmp(table, "SLIC", 4))
			u->slic = table;
	}
	return 0;
}

void acpi_user_free(struct acpi_user *u)
{
	for (unsigned i = 0; i < u->count; i++)
		free(u->table[i]);
	free(u->table);
	free(u->size);
	*u = (struct acpi_user){0};
}
