/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text descriptor of a VMDK image: key=value lines, and one line for each extent. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "block/vmdk.h"

/* The first character after "key=" at the start of a line, blanks around '=' skipped; NULL: no such key. */
static const char *find_key(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *p;
		line += *line == '\n';
		p = line + strspn(line, " \t");
		if (strncasecmp(p, key, n))
			continue;
		p += n;
		p += strspn(p, " \t");
		if (*p == '=')
			return p + 1 + strspn(p + 1, " \t");
	}
	return NULL;
}

bool vmdk_desc_get(const char *text, const char *key, char *value, size_t size)
{
	const char *p = find_key(text, key);
	size_t n;

	if (!p)
		return false;
	n = *p == '"' ? strcspn(++p, "\"\r\n") : strcspn(p, "\r\n");
	if (n >= size)
		return false;
	memcpy(value, p, n);
	value[n] = '\0';
	return true;
}

bool vmdk_desc_cid(const char *text, const char *key, uint32_t *cid)
{
	char value[32], *end;
	unsigned long v;

	if (!vmdk_desc_get(text, key, value, sizeof value))
		return false;
	errno = 0;
	v = strtoul(value, &end, 16);
	if (end == value || *end || errno || v > UINT32_MAX)
		return false;
	*cid = (uint32_t)v;
	return true;
}

bool vmdk_desc_set_cid(char *text, uint32_t cid)
{
	char *p = (char *)find_key(text, "CID"), digits[9];

	if (!p || strspn(p, "0123456789abcdefABCDEF") != 8)
		return false;
	snprintf(digits, sizeof digits, "%08" PRIx32, cid);
	memcpy(p, digits, 8);
	return true;
}

static const char *word(const char *p, char *out, size_t size)
{
	size_t n;

	p += strspn(p, " \t");
	n = strcspn(p, " \t\r\n");
	if (n >= size)
		n = size - 1;
	memcpy(out, p, n);
	out[n] = '\0';
	return p + strcspn(p, " \t\r\n");
}

int vmdk_desc_extent(const char **at, struct extent_line *l, struct err *e)
{
	const char *line = *at;

	for (; line && *line; line = strchr(line, '\n')) {
		const char *p;
		char number[32], *end;
		line += *line == '\n';
		p = word(line, l->access, sizeof l->access);
		if (strcmp(l->access, "RW") && strcmp(l->access, "RDONLY") && strcmp(l->access, "NOACCESS"))
			continue;
		p = word(p, number, sizeof number);
		errno = 0;
		l->sectors = strtoull(number, &end, 10);
		if (!*number || *end || errno || l->sectors > (uint64_t)INT64_MAX / BLK_SECTOR)
			return err_set(e, EINVAL, "Invalid extent line: '%s' is no number of sectors from 0 to %" PRId64, number, INT64_MAX / BLK_SECTOR);
		p = word(p, l->type, sizeof l->type);
		p += strspn(p, " \t");
		l->name[0] = '\0';
		l->offset = 0;
		if (*p == '"') {
			size_t n = strcspn(p + 1, "\"\r\n");
			if (p[1 + n] != '"')
				return err_set(e, EINVAL, "Invalid extent line: the file name after %s has no closing quote", l->type);
			if (!n || n >= sizeof l->name)
				return err_set(e, EINVAL, "Invalid extent line: file name of %zu characters, 1 to %zu are possible", n,
					       sizeof l->name - 1);
			memcpy(l->name, p + 1, n);
			l->name[n] = '\0';
			p = word(p + 2 + n, number, sizeof number);
			errno = 0;
			l->offset = strtoull(number, &end, 10);
			if (*end || errno || l->offset > (uint64_t)INT64_MAX / BLK_SECTOR)
				return err_set(e, EINVAL, "Invalid extent line: '%s' is no offset in sectors", number);
		} else if (strcmp(l->type, "ZERO")) {
			return err_set(e, EINVAL, "Invalid extent line: type %s needs a file name in quotes", l->type);
		}
		line = strchr(p, '\n');
		*at = line ? line : p + strlen(p);
		return 1;
	}
	return 0;
}
