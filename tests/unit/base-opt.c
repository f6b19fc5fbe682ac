/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One table gives the parser in both grammars, the help, the man page and the completion. */
#include "base/opt.h"
#include "tap.h"
#include <errno.h>

struct settings {
	bool quiet;
	const char *format;
	int64_t jobs;
	uint64_t size;
	int mode;
	struct opt_list objects;
	int calls;
};

static int call(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o;
	if (value && !strcmp(value, "bad"))
		return err_set(e, EINVAL, "call: 'bad' is not accepted");
	((struct settings *)settings)->calls++;
	return 0;
}

static const char *const modes[] = {"off", "on", "auto", NULL};
#define F(f) .offset = offsetof(struct settings, f)
static const struct opt opts[] = {
	{'q', "quiet", OPT_FLAG, NULL, "be quiet", F(quiet)},
	{'f', "format", OPT_STRING, "FMT", "image format", F(format), .env = "TEST_FORMAT"},
	{'m', "jobs", OPT_INT, "N", "parallel jobs", F(jobs), .min = 1, .max = 16},
	{0, "size", OPT_SIZE, "SIZE", "how large", F(size)},
	{0, "mode", OPT_CHOICE, "MODE", "which way", F(mode), .choices = modes},
	{0, "object", OPT_LIST, "DEF", "an object", F(objects), .man = ".first line\nwith a - dash"},
	{'c', "call", OPT_CALL, "X", "calls", .handler = call, .optional_arg = true},
};

static int parse(unsigned flags, struct settings *s, int *first, struct err *e, char **argv)
{
	struct opt_table t = {.program = "tool", .usage = "[OPTION]...", .summary = "A tool.", .opts = opts,
			      .count = sizeof opts / sizeof *opts, .flags = flags};
	int argc = 0;

	while (argv[argc])
		argc++;
	*s = (struct settings){0};
	*e = (struct err)ERR_INIT;
	return opt_parse(&t, argc, argv, s, first, e);
}
#define ARGS(...) ((char *[]){"tool", __VA_ARGS__, NULL})

int main(void)
{
	struct settings s;
	struct err e;
	int first;
	char **a;

	a = ARGS("in", "-qf", "raw", "--jobs=4", "--size", "1k", "out", "--mode=auto", "--object", "a", "--object=b");
	ok(parse(0, &s, &first, &e, a) == 0, "GNU grammar: %s", e.msg);
	ok(s.quiet && !strcmp(s.format, "raw") && s.jobs == 4 && s.size == 1024 && s.mode == 2, "values are stored");
	ok(s.objects.count == 2 && !strcmp(s.objects.item[1], "b"), "a list keeps its order");
	ok(first == 11 - 1 && !strcmp(a[first], "in") && !strcmp(a[first + 1], "out"), "words are moved to the end");
	opt_list_free(&s.objects);
	a = ARGS("-m", "4", "--", "-q");
	ok(parse(0, &s, &first, &e, a) == 0 && !s.quiet && !strcmp(a[first], "-q"), "-- ends the options");
	ok(parse(0, &s, &first, &e, ARGS("--qui")) == 0 && s.quiet, "a unique beginning is enough");
	ok(parse(0, &s, &first, &e, ARGS("-c", "--call=x")) == 0 && s.calls == 2, "an optional argument");
	ok(parse(0, &s, &first, &e, ARGS("--call=bad")) < 0 && strstr(e.msg, "not accepted"), "a handler refuses");
	ok(parse(0, &s, &first, &e, ARGS("--bogus")) < 0 && strstr(e.msg, "--bogus"), "an unknown option is named");
	ok(parse(0, &s, &first, &e, ARGS("-z")) < 0 && strstr(e.msg, "'z'"), "an unknown letter is named");
	ok(parse(0, &s, &first, &e, ARGS("--mode=sideways")) < 0 && strstr(e.msg, "off, on, auto"), "choices are listed");
	ok(parse(0, &s, &first, &e, ARGS("--jobs=17")) < 0 && strstr(e.msg, "1 to 16"), "the range is given");
	ok(parse(0, &s, &first, &e, ARGS("--jobs")) < 0 && strstr(e.msg, "requires an argument"), "an argument is missing");
	ok(parse(0, &s, &first, &e, ARGS("--quiet=yes")) < 0, "a flag takes no argument");

	a = ARGS("-format", "raw", "-quiet", "prog", "-quiet");
	ok(parse(OPT_CLASSIC | OPT_STOP_AT_WORD, &s, &first, &e, a) == 0 && first == 4, "classic grammar stops at the program");
	ok_str(s.format, "raw", "a classic value is the next word");
	ok(parse(OPT_CLASSIC, &s, &first, &e, ARGS("-qui")) < 0, "classic names are not abbreviated");
	setenv("TEST_FORMAT", "qcow2", 1);
	ok(parse(0, &s, &first, &e, ARGS("-q")) == 0 && !strcmp(s.format, "qcow2"), "the environment counts");
	ok(parse(0, &s, &first, &e, ARGS("-f", "vdi")) == 0 && !strcmp(s.format, "vdi"), "the command line wins over it");

	struct opt_table t = {.program = "tool", .usage = "[OPTION]...", .summary = "A tool.", .opts = opts,
			      .count = sizeof opts / sizeof *opts};
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	opt_help(&t, f);
	fclose(f);
	ok(strstr(text, "-f, --format=FMT") && strstr(text, "(off, on, auto)"), "the help shows names and choices");
	free(text);
	f = open_memstream(&text, &n);
	opt_man(&t, f);
	fclose(f);
	ok(strstr(text, "\n\\&.first line\nwith a \\- dash\n"), "troff's own characters are escaped");
	free(text);
	f = open_memstream(&text, &n);
	opt_completion(&t, f);
	fclose(f);
	ok(strstr(text, "--mode) COMPREPLY=($(compgen -W 'off on auto'"), "completion knows the choices");
	free(text);
	return tap_done();
}
