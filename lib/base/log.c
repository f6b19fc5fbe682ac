/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned log_mask;

static FILE *stream;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const struct log_item {
	const char *name;
	unsigned bit;
	const char *help;
} items[] = {
	{"out_asm", LOG_OUT_ASM, "show generated host assembly code for each compiled region"},
	{"in_asm", LOG_IN_ASM, "show target assembly code for each compiled region"},
	{"op", LOG_OP, "show micro ops for each compiled region"},
	{"op_opt", LOG_OP_OPT, "show micro ops after optimization"},
	{"op_ind", LOG_OP_IND, "show micro ops before indirect lowering"},
	{"int", LOG_INT, "show interrupts/exceptions in short format"},
	{"exec", LOG_EXEC, "show trace before each executed region"},
	{"cpu", LOG_CPU, "show CPU registers before entering a region"},
	{"fpu", LOG_FPU, "include FPU registers in the 'cpu' logging"},
	{"mmu", LOG_MMU, "log MMU-related activities"},
	{"pcall", LOG_PCALL, "x86 only: show protected mode far calls/returns/exceptions"},
	{"cpu_reset", LOG_CPU_RESET, "show CPU state before CPU resets"},
	{"unimp", LOG_UNIMP, "log unimplemented functionality"},
	{"guest_errors", LOG_GUEST_ERROR, "log when the guest does something invalid"},
	{"page", LOG_PAGE, "dump pages at beginning of user mode emulation"},
	{"nochain", LOG_NOCHAIN, "do not chain compiled regions so that \"exec\" and \"cpu\" show complete traces"},
	{"strace", LOG_STRACE, "log every user-mode system call, its input, and its result"},
};

static void list_items(void)
{
	puts("Log items (comma separated):");
	for (unsigned i = 0; i < sizeof items / sizeof *items; i++)
		printf("%-15s %s\n", items[i].name, items[i].help);
	printf("%-15s %s\n", "trace:PATTERN", "enable trace points");
}

static int set_one(const char *name, struct err *e)
{
	if (!strcmp(name, "help") || !strcmp(name, "?")) {
		list_items();
		return err_set(e, ECANCELED, "help was asked for");
	}
	if (!strcmp(name, "all")) {
		for (unsigned i = 0; i < sizeof items / sizeof *items; i++)
			log_mask |= items[i].bit;
		return 0;
	}
	if (!strncmp(name, "trace:", 6))
		return trace_set(name + 6, e);
	for (unsigned i = 0; i < sizeof items / sizeof *items; i++)
		if (!strcmp(items[i].name, name)) {
			log_mask |= items[i].bit;
			return 0;
		}
	err_set(e, EINVAL, "-d: '%s' is not a log item", name);
	return err_hint(e, "'-d help' lists them.");
}

static struct range { uint64_t first, last; } ranges[LOG_RANGES];
static unsigned range_count;

static int bad_range(struct err *e, const char *text)
{
	err_set(e, EINVAL, "-dfilter: '%s' is no range of addresses", text);
	return err_hint(e, "accepted are 0x8000..0x8fff, 0x8000+0x1000 and 0x9000-0x1000, with commas between them");
}

static int parse_range(const char *text, struct range *r, struct err *e)
{
	char *end, *rest;
	uint64_t a, b;
	bool span;

	errno = 0;
	a = strtoull(text, &end, 0);
	span = !strncmp(end, "..", 2);
	if (end == text || (!span && *end != '+' && *end != '-'))
		return bad_range(e, text);
	rest = end + (span ? 2 : 1);
	b = strtoull(rest, &end, 0);
	if (end == rest || *end || errno || strchr("+-", *rest) || *text == '-')
		return bad_range(e, text);
	/* A size of nothing is no block, and none goes around the end of memory. */
	if (span ? b < a : !b || (rest[-1] == '+' ? a + (b - 1) < a : b > a))
		return bad_range(e, text);
	*r = span ? (struct range){a, b} : rest[-1] == '+' ? (struct range){a, a + (b - 1)} : (struct range){a - b, a - 1};
	return 0;
}

int log_filter(const char *list, struct err *e)
{
	char *copy = strdup(list), *save = NULL;
	unsigned n = 0;
	int r = 0;

	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	for (char *one = strtok_r(copy, ",", &save); one && r == 0; one = strtok_r(NULL, ",", &save))
		r = n < LOG_RANGES ? parse_range(one, &ranges[n++], e) : err_set(e, E2BIG, "-dfilter: more than %d ranges", LOG_RANGES);
	if (r == 0 && !n)
		r = bad_range(e, list);
	range_count = r ? 0 : n;
	free(copy);
	return r;
}

bool log_wants(uint64_t addr)
{
	for (unsigned i = 0; i < range_count; i++)
		if (addr >= ranges[i].first && addr <= ranges[i].last)
			return true;
	return !range_count;
}

int log_set(const char *list, struct err *e)
{
	char *copy = strdup(list), *save = NULL;
	int r = 0;

	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	for (char *name = strtok_r(copy, ",", &save); name && r == 0; name = strtok_r(NULL, ",", &save))
		r = set_one(name, e);
	free(copy);
	return r;
}

int log_file(const char *path, struct err *e)
{
	const char *percent = strchr(path, '%');
	char name[4096];
	FILE *f;

	if (percent && (strncmp(percent, "%d", 2) || strchr(percent + 1, '%')))
		return err_set(e, EINVAL, "-D: '%s': only one %%d (the process id) may stand in the name", path);
	if (percent)
		snprintf(name, sizeof name, "%.*s%d%s", (int)(percent - path), path, (int)getpid(), percent + 2);
	else
		snprintf(name, sizeof name, "%s", path);
	f = fopen(name, "we");
	if (!f)
		return err_errno(e, errno, "-D: cannot write %s", name);
	setvbuf(f, NULL, _IOLBF, 0);
	if (stream)
		fclose(stream);
	stream = f;
	return 0;
}

int log_file_fd(int fd, struct err *e)
{
	FILE *f = fdopen(fd, "w"), *old;

	if (!f)
		return err_errno(e, errno, "the log's descriptor");
	setvbuf(f, NULL, _IOLBF, 0);
	log_lock();
	old = stream;
	stream = f;
	log_unlock();
	if (old)
		fclose(old);
	return 0;
}

FILE *log_stream(void)
{
	return stream ? stream : stderr;
}

void log_lock(void)
{
	pthread_mutex_lock(&lock);
}

void log_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* A fork while another thread writes a line must not leave the child's log locked. */
__attribute__((constructor)) static void log_survives_fork(void)
{
	pthread_atfork(log_lock, log_unlock, log_unlock);
}

void log_printf(unsigned item, const char *fmt, ...)
{
	va_list ap;

	if (!(log_mask & item))
		return;
	va_start(ap, fmt);
	log_lock();
	vfprintf(log_stream(), fmt, ap);
	log_unlock();
	va_end(ap);
}
