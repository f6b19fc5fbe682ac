/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, numbers and key=value lists mean what the classic command line means by them, and refuse the rest. */
#include "base/keyval.h"
#include "base/size.h"
#include "tap.h"

static void size_ok(const char *text, char unit, uint64_t want)
{
	struct err e = ERR_INIT;
	uint64_t got = ~0ULL;
	ok(size_parse(text, unit, &got, &e) == 0 && got == want, "size %s (unit %c) is %llu (got %llu %s)", text, unit,
	   (unsigned long long)want, (unsigned long long)got, e.msg);
}

static void size_bad(const char *text)
{
	struct err e = ERR_INIT;
	uint64_t got;
	ok(size_parse(text, 'B', &got, &e) < 0 && strstr(e.msg, text), "size '%s' is refused by name", text);
}

static void object(const char *text, const char *implied, const char *want)
{
	struct err e = ERR_INIT;
	json_t *o = keyval_parse_object(text, implied, &e);
	char *got = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	ok(want ? got && !strcmp(got, want) : !o && e.code, "keyval '%s' is %s", text, want ? want : "refused");
	if (want && (!got || strcmp(got, want)))
		printf("# got %s (%s)\n", got ? got : "NULL", e.msg);
	free(got);
	json_decref(o);
}

int main(void)
{
	struct keyval kv;
	struct err e = ERR_INIT;
	int64_t n;
	char buf[32];

	size_ok("0", 'B', 0);
	size_ok("512", 'B', 512);
	size_ok("4", 'M', 4 << 20);
	size_ok("1.5G", 'B', 3ULL << 29);
	size_ok("0x10", 'B', 16);
	size_ok("0x10k", 'B', 16384);
	size_ok("7.999999999999E", 'B', (uint64_t)(7.999999999999L * (1ULL << 60)));
	size_ok("64T", 'B', 64ULL << 40);
	size_ok("9223372036854775807", 'B', INT64_MAX);
	size_bad("9223372036854775808");
	size_bad("8E");
	size_bad("");
	size_bad("k");
	size_bad("-1");
	size_bad("1.5");
	size_bad("1Q");
	size_bad("1kk");
	size_bad("1 k");
	size_bad("0x");
	ok_str(size_human(1536, buf), "1.5 KiB", "1536 bytes for people");
	ok_str(size_human(1000, buf), "0.977 KiB", "1000 bytes for people");
	ok_str(size_human(10ULL << 30, buf), "10 GiB", "10 GiB for people");

	ok(number_parse("n", "0x1f", 0, 31, &n, &e) == 0 && n == 31, "a hexadecimal number");
	ok(number_parse("n", "32", 0, 31, &n, &e) < 0 && strstr(e.msg, "0 to 31"), "a range error names the range");
	ok(number_parse("n", "3x", 0, 31, &n, &e) < 0, "trailing garbage is refused");

	ok(keyval_parse("a.img,,x,if=virtio,snapshot,nocache", "file", &kv, &e) == 0 && kv.count == 4, "a legacy list");
	ok_str(keyval_get(&kv, "file"), "a.img,x", "the implied key, doubled comma");
	ok_str(keyval_get(&kv, "snapshot"), "on", "a bare word is on");
	ok_str(keyval_get(&kv, "cache"), "off", "no- is off");
	keyval_free(&kv);
	ok(keyval_parse("=x", NULL, &kv, &e) < 0, "an empty key is refused");
	ok(keyval_parse("a=1,a=2", NULL, &kv, &e) == 0 && kv.count == 2, "repeats are kept");
	ok_str(keyval_get(&kv, "a"), "2", "the last one wins");
	keyval_free(&kv);

	object("driver=qcow2,file.driver=file,file.filename=a,,b", NULL,
	       "{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"a,b\"}}");
	object("qcow2,node-name=d", "driver", "{\"driver\":\"qcow2\",\"node-name\":\"d\"}");
	object("children.0.a=1,children.1.a=2", NULL, "{\"children\":[{\"a\":\"1\"},{\"a\":\"2\"}]}");
	object("{\"a\":[1,2]}", NULL, "{\"a\":[1,2]}");
	object("{\"a\":1,\"a\":2}", NULL, NULL);
	object("children.1.a=2", NULL, NULL);
	object("a.0=1,a.b=2", NULL, NULL);
	object("a=1,a.b=2", NULL, NULL);
	object("a.b=2,a=1", NULL, NULL);
	object("a..b=1", NULL, NULL);
	object("word", NULL, NULL);
	object("a=1,", NULL, NULL);
	return tap_done();
}
