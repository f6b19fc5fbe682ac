/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: what Tab offers. */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "hmp-rows.h"
#include "sessions.h"

static void offer(struct task *t, const char *word, const char *typed)
{
	if (word && !strncmp(word, typed, strlen(typed)))
		fprintf(t->out, "%s\n", word);
}

static void commands(struct task *t, bool info, const char *typed)
{
	const struct hmp_row *const *lists = info ? hmp_info_tables : hmp_tables;

	for (; *lists; lists++)
		for (const struct hmp_row *r = *lists; r->name; r++)
			for (const char *p = r->name; *p;) {
				char name[64];
				size_t n = strcspn(p, "|");
				snprintf(name, sizeof name, "%.*s", (int)n, p);
				offer(t, name, typed);
				p += n + (p[n] == '|');
			}
}

static void files(struct task *t, const char *typed)
{
	const char *slash = strrchr(typed, '/');
	char dir[PATH_MAX], path[PATH_MAX + 300];
	struct dirent *de;
	struct stat st;
	DIR *d;

	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - typed) + 1 : 0, typed);
	d = opendir(*dir ? dir : ".");
	while (d && (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		snprintf(path, sizeof path, "%s%s", dir, de->d_name);
		if (strncmp(path, typed, strlen(typed)))
			continue;
		fprintf(t->out, "%s%s\n", path, stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? "/" : "");
	}
	if (d)
		closedir(d);
}

/* A list's members by one of their keys. */
static void members(struct task *t, const char *command, const char *key, const char *typed)
{
	struct err e = ERR_INIT;
	json_t *list = mon_call(t, command, NULL, &e), *o;
	size_t n;

	json_array_foreach(list, n, o) {
		const char *s = json_string_value(json_object_get(o, key));
		if (s && *s)
			offer(t, s, typed);
	}
	json_decref(list);
}

static void parts(struct task *t, unsigned kinds, const char *typed)
{
	json_t *list = part_list(t, kinds), *p;
	size_t n;

	json_array_foreach(list, n, p)
		offer(t, text_of(p, "name"), typed);
	json_decref(list);
}

static void by_type(struct task *t, const struct hmp_row *row, const char *name, const char *type, const char *typed)
{
	switch (*type) {
	case 'F': files(t, typed); return;
	case 'B': members(t, "query-block", "device", typed); return;
	case 'b':
		offer(t, "on", typed);
		offer(t, "off", typed);
		return;
	default: break;
	}
	if (!strcmp(row->name, "help|?"))
		commands(t, false, typed);
	else if (!strncmp(row->name, "device_add", 10) && !strchr(typed, ','))
		members(t, "qom-list-types", "name", typed);
	else if (!strcmp(row->name, "watchdog_action"))
		for (const char *const *w = (const char *const[]){"reset", "shutdown", "poweroff", "pause", "debug", "none", NULL}; *w; w++)
			offer(t, *w, typed);
	else if (!strncmp(row->name, "netdev_del", 10) || !strcmp(row->name, "set_link"))
		parts(t, PART_NET, typed);
	else if (!strncmp(row->name, "chardev-", 8) || !strncmp(row->name, "ringbuf_", 8))
		members(t, "query-chardev", "label", typed);
	else if (!strcmp(row->name, "sendkey"))
		hmp_key_names(t->out, typed);
	else if (!strcmp(name, "filename"))
		files(t, typed);
}

void hmp_complete(struct task *t, const char *text)
{
	const char *p = text, *end = text + strlen(text), *word = end, *list;
	const struct hmp_row *row;
	unsigned nth = 0;
	size_t n;

	while (isspace((unsigned char)*p))
		p++;
	while (word > p && !isspace((unsigned char)word[-1]))
		word--;
	if (word == p) {
		commands(t, false, word);
		return;
	}
	n = strcspn(p, " \t/");
	row = hmp_row_find(false, p, n);
	p += n;
	while (isspace((unsigned char)*p))
		p++;
	if (row && !strcmp(row->name, "info")) {
		if (p == word) {
			commands(t, true, word);
			return;
		}
		n = strcspn(p, " \t/");
		row = hmp_row_find(true, p, n);
		p += n;
	}
	if (!row || !row->args)
		return;
	/* Which argument? Flags do not count, neither here nor in the list. */
	for (; p < word;) {
		while (p < word && isspace((unsigned char)*p))
			p++;
		if (p < word && *p != '-')
			nth++;
		while (p < word && !isspace((unsigned char)*p))
			p++;
	}
	if (!strcmp(row->name, "sendkey") && strrchr(word, '-'))
		word = strrchr(word, '-') + 1;
	for (list = row->args; *list; list += *list == ',') {
		char name[24], type[4];
		n = strcspn(list, ":");
		snprintf(name, sizeof name, "%.*s", (int)n, list);
		list += n + (list[n] == ':');
		n = strcspn(list, ",");
		snprintf(type, sizeof type, "%.*s", (int)n, list);
		list += n;
		if (*type == '-' || *type == '/')
			continue;
		if (nth-- == 0) {
			by_type(t, row, name, type, word);
			return;
		}
	}
}
