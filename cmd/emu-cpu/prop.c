/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties: text to value and back, for devices and for the boards' own options. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "device.h"
#include "drive.h"
#include "machine.h"
#include "net.h"
#include "serial.h"

static const struct {
	const char *name;
	unsigned size;
	int64_t min, max;
} kinds[] = {
	[PROP_BOOL] = {"bool", 1, 0, 1},
	[PROP_U8] = {"uint8", 1, 0, UINT8_MAX},
	[PROP_U16] = {"uint16", 2, 0, UINT16_MAX},
	[PROP_U32] = {"uint32", 4, 0, UINT32_MAX},
	[PROP_U64] = {"uint64", 8, INT64_MIN, INT64_MAX},
	[PROP_I32] = {"int32", 4, INT32_MIN, INT32_MAX},
	[PROP_SIZE] = {"size", 8, 0, INT64_MAX},
	[PROP_STRING] = {"str", sizeof(char *), 0, 0},
	[PROP_CHOICE] = {"str", sizeof(int), 0, 0},
	[PROP_MAC] = {"str", 6, 0, 0},
	[PROP_DRIVE] = {"str", sizeof(void *), 0, 0},
	[PROP_CHARDEV] = {"str", sizeof(void *), 0, 0},
	[PROP_NETDEV] = {"str", sizeof(void *), 0, 0},
	[PROP_MEMDEV] = {"link<memory-backend>", sizeof(void *), 0, 0},
	[PROP_ADDR] = {"int32", 4, 0, 0},
};

const char *prop_type_name(const struct prop *p)
{
	return kinds[p->kind].name;
}

static void *at(const void *state, const struct prop *p)
{
	return (uint8_t *)state + p->offset;
}

static void put_number(void *to, unsigned size, uint64_t v)
{
	/* Little-endian hosts only differ in what is beyond the width. */
	switch (size) {
	case 1: *(uint8_t *)to = (uint8_t)v; break;
	case 2: *(uint16_t *)to = (uint16_t)v; break;
	case 4: *(uint32_t *)to = (uint32_t)v; break;
	default: *(uint64_t *)to = v; break;
	}
}

static int bad_value(struct err *e, const char *owner, const struct prop *p, const char *value, const char *why)
{
	return err_set(e, EINVAL, "Property '%s.%s' doesn't take value '%s': %s", owner, p->name, value, why);
}

static int set_bool(void *to, const char *owner, const struct prop *p, const char *value, struct err *e)
{
	static const char *const yes[] = {"on", "yes", "true", "y", "1"}, *const no[] = {"off", "no", "false", "n", "0"};

	for (unsigned i = 0; i < 5; i++) {
		if (!strcmp(value, yes[i]) || !strcmp(value, no[i])) {
			*(bool *)to = !strcmp(value, yes[i]);
			return 0;
		}
	}
	return bad_value(e, owner, p, value, "it is on or off");
}

static int set_number(void *to, const char *owner, const struct prop *p, const char *value, struct err *e)
{
	int64_t v, min = p->min || p->max ? p->min : kinds[p->kind].min, max = p->min || p->max ? p->max : kinds[p->kind].max;

	if (p->kind == PROP_U64) {
		char *end;
		errno = 0;
		put_number(to, 8, strtoull(value, &end, 0));
		if (errno || *end || !*value || *value == '-')
			return bad_value(e, owner, p, value, "it is a number from 0 to 18446744073709551615");
		return 0;
	}
	if (number_parse(p->name, value, min, max, &v, e) < 0)
		return err_set(e, EINVAL, "Property '%s.%s' doesn't take value '%s': it is a number from %" PRId64 " to %" PRId64, owner,
			       p->name, value, min, max);
	put_number(to, kinds[p->kind].size, (uint64_t)v);
	return 0;
}

static int set_choice(void *to, const char *owner, const struct prop *p, const char *value, struct err *e)
{
	char list[400] = "";

	for (int i = 0; p->choices[i]; i++) {
		size_t n = strlen(list);
		if (!strcmp(p->choices[i], value)) {
			*(int *)to = i;
			return 0;
		}
		snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "it is one of: ", p->choices[i]);
	}
	return bad_value(e, owner, p, value, list);
}

static int set_mac(uint8_t *to, const char *owner, const struct prop *p, const char *value, struct err *e)
{
	unsigned b[6];
	char sep = value[0] && value[1] && value[2] == '-' ? '-' : ':', rest;
	char format[40];

	snprintf(format, sizeof format, "%%2x%c%%2x%c%%2x%c%%2x%c%%2x%c%%2x%%c", sep, sep, sep, sep, sep);
	if (strlen(value) != 17 || sscanf(value, format, &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &rest) != 6)
		return bad_value(e, owner, p, value, "it is six bytes, 52:54:00:12:34:56");
	for (unsigned i = 0; i < 6; i++)
		to[i] = (uint8_t)b[i];
	return 0;
}

static int set_addr(void *to, const char *owner, const struct prop *p, const char *value, struct err *e)
{
	unsigned long slot, fn = 0;
	char *end;

	slot = strtoul(value, &end, 16);
	if (end != value && *end == '.') {
		const char *text = end + 1;
		fn = strtoul(text, &end, 16);
		if (end == text)
			return bad_value(e, owner, p, value, "it is SLOT or SLOT.FUNCTION in hexadecimal");
	}
	if (end == value || *end || slot > 31 || fn > 7 || *value == '-')
		return bad_value(e, owner, p, value, "it is SLOT or SLOT.FUNCTION in hexadecimal, at most 1f.7");
	*(int32_t *)to = (int32_t)(slot << 3 | fn);
	return 0;
}

int prop_set(void *state, const char *owner, const struct prop *p, const char *value, struct machine *m, struct err *e)
{
	void *to = at(state, p), *found = NULL;
	uint64_t size;
	char *copy;

	switch ((enum prop_kind)p->kind) {
	case PROP_BOOL:
		return set_bool(to, owner, p, value, e);
	case PROP_U8:
	case PROP_U16:
	case PROP_U32:
	case PROP_U64:
	case PROP_I32:
		return set_number(to, owner, p, value, e);
	case PROP_SIZE:
		if (size_parse(value, 'B', &size, e) < 0)
			return err_prefix(e, "%s.%s", owner, p->name);
		put_number(to, 8, size);
		return 0;
	case PROP_STRING:
		copy = strdup(value);
		if (!copy)
			return err_set(e, ENOMEM, "out of memory");
		free(*(char **)to);
		*(char **)to = copy;
		return 0;
	case PROP_CHOICE:
		return set_choice(to, owner, p, value, e);
	case PROP_MAC:
		return set_mac(to, owner, p, value, e);
	case PROP_ADDR:
		return set_addr(to, owner, p, value, e);
	case PROP_DRIVE:
		found = drive_find(m, value);
		break;
	case PROP_CHARDEV:
		found = serial_find(m, value);
		if (found && serial_used(found))
			return err_set(e, EBUSY, "Property '%s.%s' can't take value '%s', it's in use", owner, p->name, value);
		break;
	case PROP_NETDEV:
		found = netdev_find(m, value);
		break;
	case PROP_MEMDEV:
		found = memdev_region(m, value, e);
		if (!found)
			return -e->code;
		break;
	}
	if (!found)
		return err_set(e, ENOENT, "Property '%s.%s' can't find value '%s'", owner, p->name, value);
	*(void **)to = found;
	return 0;
}

void prop_default(void *state, const struct prop *p)
{
	void *to = at(state, p);

	switch ((enum prop_kind)p->kind) {
	case PROP_STRING:
		*(char **)to = p->def_string ? strdup(p->def_string) : NULL;
		break;
	case PROP_CHOICE:
		*(int *)to = (int)p->def;
		break;
	case PROP_MAC:
	case PROP_DRIVE:
	case PROP_CHARDEV:
	case PROP_NETDEV:
	case PROP_MEMDEV:
		memset(to, 0, kinds[p->kind].size);
		break;
	case PROP_BOOL:
		*(bool *)to = p->def != 0;
		break;
	default:
		put_number(to, kinds[p->kind].size, (uint64_t)p->def);
	}
}

void prop_free(void *state, const struct prop *p)
{
	if (p->kind == PROP_STRING) {
		free(*(char **)at(state, p));
		*(char **)at(state, p) = NULL;
	}
}

void prop_get(const void *state, const struct prop *p, char *buf, size_t size)
{
	const void *from = at(state, p);
	const uint8_t *b = from;

	switch ((enum prop_kind)p->kind) {
	case PROP_BOOL:
		snprintf(buf, size, "%s", *(const bool *)from ? "true" : "false");
		break;
	case PROP_U8:
		snprintf(buf, size, "%u", *b);
		break;
	case PROP_U16:
		snprintf(buf, size, "%u", *(const uint16_t *)from);
		break;
	case PROP_U32:
		snprintf(buf, size, "%" PRIu32, *(const uint32_t *)from);
		break;
	case PROP_I32:
		snprintf(buf, size, "%" PRId32, *(const int32_t *)from);
		break;
	case PROP_U64:
	case PROP_SIZE:
		snprintf(buf, size, "%" PRIu64, *(const uint64_t *)from);
		break;
	case PROP_STRING:
		snprintf(buf, size, "\"%s\"", *(char *const *)from ? *(char *const *)from : "");
		break;
	case PROP_CHOICE:
		snprintf(buf, size, "\"%s\"", p->choices[*(const int *)from]);
		break;
	case PROP_MAC:
		snprintf(buf, size, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", b[0], b[1], b[2], b[3], b[4], b[5]);
		break;
	case PROP_ADDR:
		if (*(const int32_t *)from < 0)
			snprintf(buf, size, "-1");
		else
			snprintf(buf, size, "%02x.%x", (unsigned)*(const int32_t *)from >> 3, (unsigned)*(const int32_t *)from & 7);
		break;
	case PROP_DRIVE:
		snprintf(buf, size, "\"%s\"", *(void *const *)from ? drive_id(*(struct drive *const *)from) : "");
		break;
	case PROP_NETDEV:
		snprintf(buf, size, "\"%s\"", *(void *const *)from ? netdev_id(*(struct netdev *const *)from) : "");
		break;
	case PROP_CHARDEV:
		snprintf(buf, size, "\"%s\"", *(void *const *)from ? serial_id(*(struct serial *const *)from) : "");
		break;
	case PROP_MEMDEV:
		snprintf(buf, size, "\"%s\"", *(void *const *)from ? "connected" : "");
		break;
	}
}
