/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values as text: JSON and the indented human form, member by member in the order of the classic tool. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/size.h"
#include "img.h"

#define BUCKETS 512

/*
 * The classic tool keeps members in a hash table of 512 buckets (the hash of Samba's tdb, "Bernstein-like with a rotating
 * shift") and prints them bucket by bucket, the latest first within one. Scripts compare its output line by line.
 */
static unsigned bucket(const char *key)
{
	uint32_t v = 0x238f13af * (uint32_t)strlen(key);

	for (unsigned i = 0; key[i]; i++)
		v += (uint32_t)(unsigned char)key[i] << (i * 5 % 24);
	return (1103515243u * v + 12345u) % BUCKETS;
}

struct member {
	const char *key;
	json_t *value;
	unsigned bucket, order;
};

static int by_bucket(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->bucket != y->bucket)
		return x->bucket < y->bucket ? -1 : 1;
	return x->order < y->order ? 1 : -1;
}

json_t *img_classic_order(const json_t *v)
{
	json_t *out, *item;
	const char *key;
	size_t i, n = 0;

	if (json_is_array(v)) {
		out = json_array();
		json_array_foreach ((json_t *)v, i, item)
			json_array_append_new(out, img_classic_order(item));
		return out;
	}
	if (!json_is_object(v))
		return json_incref((json_t *)v);
	struct member *list = calloc(json_object_size(v) + 1, sizeof *list);
	out = json_object();
	if (!list || !out) {
		free(list);
		return out;
	}
	json_object_foreach ((json_t *)v, key, item) {
		list[n] = (struct member){key, item, bucket(key), (unsigned)n};
		n++;
	}
	qsort(list, n, sizeof *list, by_bucket);
	for (i = 0; i < n; i++)
		json_object_set_new(out, list[i].key, img_classic_order(list[i].value));
	free(list);
	return out;
}

static void print_json(const json_t *v, int indent)
{
	const char *key;
	json_t *item;
	size_t i, n = 0;

	if (json_is_object(v) && json_object_size(v)) {
		printf("{\n");
		json_object_foreach ((json_t *)v, key, item) {
			json_t *k = json_string(key);
			char *s = json_dumps(k, JSON_ENCODE_ANY);
			printf("%*s%s: ", indent + 4, "", s);
			free(s);
			json_decref(k);
			print_json(item, indent + 4);
			printf("%s\n", ++n < json_object_size(v) ? "," : "");
		}
		printf("%*s}", indent, "");
	} else if (json_is_object(v)) {
		printf("{\n%*s}", indent, "");
	} else if (json_is_array(v)) {
		printf("[\n");
		json_array_foreach ((json_t *)v, i, item) {
			printf("%*s", indent + 4, "");
			print_json(item, indent + 4);
			printf("%s\n", i + 1 < json_array_size(v) ? "," : "");
		}
		printf("%*s]", indent, "");
	} else {
		char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
		printf("%s", s ? s : "null");
		free(s);
	}
}

void img_print_json(json_t *v)
{
	json_t *o = img_classic_order(v);

	print_json(o, 0);
	printf("\n");
	json_decref(o);
}

static void print_scalar(const json_t *v)
{
	if (json_is_string(v)) {
		printf("%s", json_string_value(v));
	} else if (json_is_boolean(v)) {
		printf("%s", json_is_true(v) ? "true" : "false");
	} else {
		char *s = json_dumps(v, JSON_ENCODE_ANY);
		printf("%s", s ? s : "");
		free(s);
	}
}

static void print_members(const json_t *v, int indent)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach ((json_t *)v, i, item) {
			bool nested = json_is_object(item) || json_is_array(item);
			printf("%*s[%zu]:%s", indent, "", i, nested ? "\n" : " ");
			if (nested)
				print_members(item, indent + 4);
			else
				print_scalar(item), printf("\n");
		}
		return;
	}
	json_object_foreach ((json_t *)v, key, item) {
		bool nested = json_is_object(item) || json_is_array(item);
		printf("%*s", indent, "");
		for (const char *p = key; *p; p++)
			putchar(*p == '-' ? ' ' : *p);
		printf(":%s", nested ? "\n" : " ");
		if (nested)
			print_members(item, indent + 4);
		else
			print_scalar(item), printf("\n");
	}
}

void img_print_human(const json_t *v, int indent)
{
	json_t *o = img_classic_order(v);

	print_members(o, indent);
	json_decref(o);
}

void img_print_snapshots(struct blk_snapshot *list, unsigned count)
{
	printf("%-10s%-17s%8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT");
	for (unsigned i = 0; i < count; i++) {
		struct blk_snapshot *s = &list[i];
		time_t t = (time_t)s->date_sec;
		struct tm tm;
		char date[64], clock[64], size[32], icount[32] = "";
		uint64_t secs = s->vm_clock_ns / 1000000000;
		localtime_r(&t, &tm);
		strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
		snprintf(clock, sizeof clock, "%02d:%02d:%02d.%03d", (int)(secs / 3600), (int)(secs / 60 % 60), (int)(secs % 60),
			 (int)(s->vm_clock_ns / 1000000 % 1000));
		if (s->has_icount)
			snprintf(icount, sizeof icount, "%llu", (unsigned long long)s->icount);
		printf("%-9s %-16s %8s%20s%13s%11s\n", s->id, s->name, size_human(s->vm_state_size, size), date, clock, icount);
	}
}
