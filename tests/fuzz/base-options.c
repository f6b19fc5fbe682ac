/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines, and the lists that options take. The first byte says which: a GNU or a classic command line with every type of option (words end with
 * a newline), a list of keys and values, the same with dotted keys or as JSON, a size, a number. A list that was read reads again when it is quoted.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "base/opt.h"
#include "base/size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct set {
	bool flag;
	const char *text;
	int64_t number;
	uint64_t bytes;
	int choice, calls;
	struct opt_list list;
};

static int call(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o;
	if (value && *value == '!')
		return err_set(e, EINVAL, "'%s' is not wanted", value);
	((struct set *)settings)->calls++;
	return 0;
}

static const char *const choices[] = {"on", "off", "auto", NULL};
#define F(f) .offset = offsetof(struct set, f)
static const struct opt rows[] = {
	{'f', "flag", OPT_FLAG, NULL, "a flag", F(flag)},
	{'t', "text", OPT_STRING, "TEXT", "a text", F(text)},
	{'T', "text-more", OPT_STRING, "TEXT", "a text", F(text)},
	{'n', "number", OPT_INT, "N", "a number", F(number), .min = -5, .max = 1 << 20},
	{0, "any", OPT_INT, "N", "any number", F(number)},
	{'s', "size", OPT_SIZE, "SIZE", "a size", F(bytes)},
	{'c', "choice", OPT_CHOICE, "WORD", "a choice", F(choice), .choices = choices},
	{'l', "list", OPT_LIST, "ITEM", "items", F(list)},
	{'x', "call", OPT_CALL, NULL, "a call", .handler = call},
	{'o', "optional", OPT_CALL, "WORD", "a call", .handler = call, .optional_arg = true},
	{0, "old", OPT_FLAG, NULL, "a flag", F(flag), .replaced_by = "--flag"},
};

static void command_line(char *text, unsigned flags)
{
	const struct opt_table table = {.program = "fuzz", .usage = "", .summary = "", .opts = rows, .count = sizeof rows / sizeof *rows, .flags = flags};
	char *argv[66] = {(char *)(uintptr_t)"fuzz"};
	struct err e = ERR_INIT;
	struct set s = {0};
	int argc = 1, first = 0;

	for (char *word = strtok(text, "\n"); word && argc < 64; word = strtok(NULL, "\n"))
		argv[argc++] = word;
	if (opt_parse(&table, argc, argv, &s, &first, &e) < 0) {
		if (!e.code || !*e.msg)
			abort();
	} else if (first < 1 || first > argc || s.choice < 0 || s.choice > 2) {
		abort();
	}
	opt_list_free(&s.list);
}

static void list(const char *text)
{
	struct err e = ERR_INIT;
	struct keyval kv, again;
	char *out = NULL;
	size_t n = 0;
	FILE *f;

	if (keyval_parse(text, "driver", &kv, &e) < 0) {
		if (!e.code || !*e.msg)
			abort();
		return;
	}
	f = open_memstream(&out, &n);
	for (unsigned i = 0; f && i < kv.count; i++) {
		char *quoted = keyval_quote(kv.value[i]);
		fprintf(f, "%s%s=%s", i ? "," : "", kv.key[i], quoted);
		free(quoted);
	}
	if (f)
		fclose(f);
	if (keyval_parse(out, NULL, &again, &e) < 0 || again.count != kv.count)
		abort();
	for (unsigned i = 0; i < kv.count; i++)
		if (strcmp(kv.key[i], again.key[i]) || strcmp(kv.value[i], again.value[i]))
			abort();
	keyval_free(&again);
	keyval_free(&kv);
	free(out);
}

static void object(const char *text)
{
	struct err e = ERR_INIT;
	json_t *o = keyval_parse_object(text, "driver", &e);

	if (!o && (!e.code || !*e.msg))
		abort();
	json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	uint64_t bytes;
	int64_t number;
	char *text;

	if (!size || !(text = strndup((const char *)data + 1, size - 1)))
		return 0;
	switch (data[0]) {
	case 'g': command_line(text, 0); break;
	case 'c': command_line(text, OPT_CLASSIC); break;
	case 'w': command_line(text, OPT_STOP_AT_WORD); break;
	case 'k': list(text); break;
	case 'o': object(text); break;
	case 's': size_parse(text, 'B', &bytes, &e); break;
	case 'n': number_parse("n", text, INT64_MIN, INT64_MAX, &number, &e); break;
	}
	free(text);
	return 0;
}
