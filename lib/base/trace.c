/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trace points: the records that TRACE() leaves in the section "tracepoints" (log.h). */
#include "base/log.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/keyval.h"

/* Weak: a program may have no trace point at all. */
extern struct tracepoint __start_tracepoints[] __attribute__((weak));
extern struct tracepoint __stop_tracepoints[] __attribute__((weak));

static FILE *out;

static void list_points(void)
{
	for (struct tracepoint *t = __start_tracepoints; t < __stop_tracepoints; t++)
		puts(t->name);
}

/* One pattern, "-pattern" turns off. A name without wildcards must exist. */
static int enable(const char *pattern, struct err *e)
{
	bool on = pattern[0] != '-';
	unsigned hits = 0;

	if (!on)
		pattern++;
	for (struct tracepoint *t = __start_tracepoints; t < __stop_tracepoints; t++)
		if (!fnmatch(pattern, t->name, 0)) {
			t->on = on;
			hits++;
		}
	if (hits || strpbrk(pattern, "*?["))
		return 0;
	err_set(e, EINVAL, "-trace: no trace point is named '%s'", pattern);
	return err_hint(e, "'-trace help' lists them.");
}

static int enable_file(const char *path, struct err *e)
{
	FILE *f = fopen(path, "re");
	char line[256];
	int r = 0;

	if (!f)
		return err_errno(e, errno, "-trace: cannot read %s", path);
	while (r == 0 && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] && line[0] != '#')
			r = enable(line, e);
	}
	fclose(f);
	return r;
}

void trace_each(const char *pattern, void (*fn)(void *opaque, struct tracepoint *t), void *opaque)
{
	for (struct tracepoint *t = __start_tracepoints; t < __stop_tracepoints; t++)
		if (!fnmatch(pattern, t->name, 0))
			fn(opaque, t);
}

int trace_set(const char *spec, struct err *e)
{
	struct keyval kv;
	int r;

	if (!strcmp(spec, "help") || !strcmp(spec, "?")) {
		list_points();
		return -ECANCELED;
	}
	r = keyval_parse(spec, "enable", &kv, e);
	for (unsigned i = 0; r == 0 && i < kv.count; i++) {
		if (!strcmp(kv.key[i], "enable")) {
			r = enable(kv.value[i], e);
		} else if (!strcmp(kv.key[i], "events")) {
			r = enable_file(kv.value[i], e);
		} else if (!strcmp(kv.key[i], "file")) {
			FILE *f = fopen(kv.value[i], "we");
			if (!f) {
				r = err_errno(e, errno, "-trace: cannot write %s", kv.value[i]);
				break;
			}
			if (out)
				fclose(out);
			out = f;
			setvbuf(out, NULL, _IOLBF, 0);
		} else {
			r = err_set(e, EINVAL, "-trace: '%s' is not known; accepted: enable=PATTERN, events=FILE, file=FILE",
				    kv.key[i]);
		}
	}
	keyval_free(&kv);
	return r;
}

void trace_printf(const struct tracepoint *tp, const char *fmt, ...)
{
	struct timespec now;
	va_list ap;
	FILE *f = out ? out : log_stream();

	clock_gettime(CLOCK_REALTIME, &now);
	log_lock();
	fprintf(f, "%d@%lld.%06ld:%s ", (int)getpid(), (long long)now.tv_sec, now.tv_nsec / 1000, tp->name);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fputc('\n', f);
	log_unlock();
}
