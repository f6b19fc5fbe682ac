/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON stream finds values however the bytes arrive, accepts single quotes, and holds its limits. */
#include "base/json.h"
#include "base/keyval.h"
#include "tap.h"
#include <sys/resource.h>

static char out[4096];
static unsigned values, errors;

static void on_value(void *opaque, json_t *v, const struct err *e)
{
	char *text;

	(void)opaque;
	if (!v) {
		errors++;
		snprintf(out + strlen(out), sizeof out - strlen(out), "!%.40s;", e->msg);
		return;
	}
	values++;
	text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	if (strlen(text) + strlen(out) + 2 < sizeof out)
		strcat(strcat(out, text), ";");
	free(text);
}

static void stream(const char *text, const char *want, const char *what)
{
	struct json_stream *s = json_stream_new();

	for (int step = 1; step <= 64; step += 63) {
		size_t n = strlen(text);
		out[0] = '\0';
		for (size_t i = 0; i < n; i += (size_t)step)
			json_stream_feed(s, text + i, n - i < (size_t)step ? n - i : (size_t)step, on_value, NULL);
		ok_str(out, want, "%s (%d bytes at a time)", what, step);
	}
	json_stream_free(s);
}

static void refused(const char *text)
{
	struct err e = ERR_INIT;
	json_t *v = json_parse(text, strlen(text), &e);

	ok(!v && e.code, "refused: %s (%s)", text, e.msg);
	json_decref(v);
}

int main(void)
{
	struct err e = ERR_INIT;
	struct json_stream *s;
	struct rusage ru;
	static char block[1 << 16];
	json_t *v;

	stream("{\"a\":1}{\"b\":[2,{}]}\n{}", "{\"a\":1};{\"b\":[2,{}]};{};", "values without separators");
	stream("{'execute': 'it\\'s', 'q':'say \"hi\"'}\n", "{\"execute\":\"it's\",\"q\":\"say \\\"hi\\\"\"};", "single quotes");
	stream("{\"s\":\"}{\\\"\\\\\"}\n", "{\"s\":\"}{\\\"\\\\\"};", "brackets inside strings");
	stream("1 true\n\"x\" null\n", "1;true;\"x\";null;", "scalars");
	stream("{\"a\":}\n{\"b\":2}\n", "!not valid JSON: unexpected token near '};{\"b\":2};", "goes on after an error");

	s = json_stream_new();
	values = errors = 0;
	out[0] = '\0';
	memset(block, '[', sizeof block);
	json_stream_feed(s, block, 10000, on_value, NULL);
	memset(block, ']', sizeof block);
	json_stream_feed(s, block, 10000, on_value, NULL);
	json_stream_feed(s, "{\"after\":1}", 11, on_value, NULL);
	ok(errors == 1 && values == 1 && strstr(out, "1024 levels"), "10,000 levels are refused, the next value is read");

	values = errors = 0;
	memset(block, 'x', sizeof block);
	json_stream_feed(s, "{\"big\":\"", 8, on_value, NULL);
	for (int i = 0; i < 16384; i++)
		json_stream_feed(s, block, sizeof block, on_value, NULL);
	json_stream_feed(s, "\"}{\"after\":1}", 13, on_value, NULL);
	getrusage(RUSAGE_SELF, &ru);
	ok(errors == 1 && values == 1, "a 1 GB string is refused, the next value is read");
#ifndef __SANITIZE_ADDRESS__
	ok(ru.ru_maxrss < 64 * 1024, "within 64 MB of memory (%ld KB)", ru.ru_maxrss);
#endif
	json_stream_free(s);

	v = json_parse("{'a': 'b'}", 10, &e);
	ok(v && !strcmp(json_string_value(json_object_get(v, "a")), "b"), "one value from a text");
	json_decref(v);
	refused("{'a': 1} x");
	refused("{'a': ");
	refused("");
	refused("{'a' 1}");
	return tap_done();
}
