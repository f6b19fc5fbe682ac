/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/keyval.h"
#include "base/size.h"
#include "img.h"

int img_usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", err_program());
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry '%s --help' for more information\n", err_program());
	return 1;
}

int img_fail(const struct err *e)
{
	fflush(stdout);
	err_report(e);
	return 1;
}

void img_say(const struct img *m, const char *fmt, ...)
{
	va_list ap;

	if (m->a.quiet)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

int img_cache_flags(const char *mode, unsigned *flags)
{
	static const struct {
		const char *name;
		unsigned flags;
	} modes[] = {
		{"none", BLK_DIRECT}, {"off", BLK_DIRECT}, {"writeback", 0}, {"unsafe", BLK_NO_FLUSH},
		{"writethrough", BLK_WRITETHROUGH}, {"directsync", BLK_DIRECT | BLK_WRITETHROUGH},
	};

	*flags &= ~(unsigned)(BLK_DIRECT | BLK_NO_FLUSH | BLK_WRITETHROUGH);
	for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++)
		if (!strcmp(mode, modes[i].name)) {
			*flags |= modes[i].flags;
			return 0;
		}
	return -EINVAL;
}

int img_open(struct img *m, const char *name, bool image_opts, const char *fmt, unsigned flags, struct blk **b)
{
	struct err e = ERR_INIT;
	json_t *options = NULL;
	int r;

	if (m->a.share)
		flags |= BLK_FORCE_SHARE;
	if ((flags & BLK_FORCE_SHARE) && (flags & BLK_RDWR))
		flags &= ~(unsigned)BLK_FORCE_SHARE;
	if (image_opts) {
		if (fmt)
			return err_print("--image-opts and --format are mutually exclusive"), -EINVAL;
		options = keyval_parse_object(name, NULL, &e);
		if (!options) {
			img_fail(&e);
			return -EINVAL;
		}
		/* {"file.driver": ...} of legacy lists and a bare file name both end up here */
		if (!json_object_get(options, "driver") && json_object_get(options, "filename") && !json_object_get(options, "file")) {
			json_t *file = json_object();
			json_object_set(file, "filename", json_object_get(options, "filename"));
			json_object_set_new(file, "driver", json_string("file"));
			json_object_del(options, "filename");
			json_object_set_new(options, "file", file);
		}
		r = blk_open(m->graph, NULL, NULL, options, flags, b, &e);
		json_decref(options);
	} else {
		r = blk_open(m->graph, name, fmt, NULL, flags, b, &e);
	}
	if (r) {
		err_prefix(&e, "Could not open '%s'", name);
		img_fail(&e);
		return r;
	}
	blk_warn_probed(*b, name);
	return 0;
}

int img_output(const struct args *a)
{
	if (!a->output || !strcmp(a->output, "human"))
		return 0;
	if (!strcmp(a->output, "json"))
		return 1;
	err_print("--output must be used with human or json as argument.");
	return -1;
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */
static volatile sig_atomic_t progress_wanted;

static void on_usr1(int sig)
{
	(void)sig;
	progress_wanted = 1;
}

void img_progress_start(struct img *m, bool on)
{
	struct sigaction sa = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};

	m->progress_on = on && !m->a.quiet;
	m->last_progress = -1;
	sigaction(SIGUSR1, &sa, NULL);
	img_progress(m, 0, 1);
}

void img_progress(struct img *m, double part, double whole)
{
	double percent = whole > 0 ? part / whole * 100 : 100;

	if (m->progress_on) {
		if (percent - m->last_progress >= 1 || m->last_progress < 0 || (percent >= 100 && m->last_progress < 100)) {
			printf("    (%3.2f/100%%)\r", percent);
			fflush(stdout);
			m->last_progress = percent;
		}
	} else if (progress_wanted) {
		progress_wanted = 0;
		fprintf(stderr, "    (%3.2f/100%%)\n", percent);
	}
}

void img_progress_end(struct img *m)
{
	if (!m->progress_on)
		return;
	printf("    (%3.2f/100%%)\r\n", 100.0);
	m->progress_on = false;
}

bool img_progress_cb(void *opaque, uint64_t done, uint64_t total)
{
	img_progress(opaque, (double)done, (double)total);
	return true;
}

/* ---- options ------------------------------------------------------------------------------------------------------- */
int img_options(struct blk_opts *o, const struct opt_list *list, bool *help, struct err *e)
{
	*help = false;
	for (unsigned i = 0; i < list->count; i++) {
		struct keyval kv;
		int r = keyval_parse(list->item[i], NULL, &kv, e);
		if (r)
			return r;
		for (unsigned k = 0; k < kv.count && !r; k++) {
			if (!strcmp(kv.key[k], "help") || !strcmp(kv.key[k], "?"))
				*help = true;
			else if (!*help)
				r = blk_opts_set(o, kv.key[k], kv.value[k], e);
		}
		keyval_free(&kv);
		if (r && !*help)
			return r;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct blk_option *const *)a)->name, (*(const struct blk_option *const *)b)->name);
}

void img_print_options(const char *title, const struct blk_option *table)
{
	static const char *const types[] = {"str", "bool (on/off)", "size", "num"};
	const struct blk_option *sorted[128];
	unsigned n = 0;

	printf("%s\n", title);
	while (table && table[n].name && n < 128) {
		sorted[n] = &table[n];
		n++;
	}
	qsort(sorted, n, sizeof *sorted, by_name);
	for (unsigned i = 0; i < n; i++) {
		char left[80];
		snprintf(left, sizeof left, "%s=<%s>", sorted[i]->name, types[sorted[i]->type]);
		printf("  %-22s - %s\n", left, sorted[i]->help ? sorted[i]->help : "");
	}
}

int img_parse_size(const char *text, uint64_t *size)
{
	struct err e = ERR_INIT;
	int r = size_parse(text, 'B', size, &e);

	if (r == -ERANGE) {
		err_print("Image size must be less than 8 EiB!");
	} else if (r) {
		err_print("Invalid image size specified. You may use k, M, G, T, P or E suffixes for");
		err_print("kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.");
	}
	return r;
}

int img_load_snapshot(struct blk *b, const char *param, struct err *e)
{
	const char *id = param;
	struct keyval kv = {0};
	int r;

	if (!strncmp(param, "snapshot.", 9)) {
		if ((r = keyval_parse(param, NULL, &kv, e)))
			return r;
		id = keyval_get(&kv, "snapshot.id");
		if (!id)
			id = keyval_get(&kv, "snapshot.name");
	}
	if (!id)
		r = err_set(e, EINVAL, "Invalid snapshot param '%s'; use snapshot.id=ID,snapshot.name=NAME or ID_OR_NAME", param);
	else if (!b->fmt->snapshot_load)
		r = err_set(e, ENOTSUP, "Device '%s' does not support internal snapshots", b->filename);
	else
		r = b->fmt->snapshot_load(b, id, e);
	keyval_free(&kv);
	return r;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int img_rate_start(struct img *m)
{
	if (!m->a.rate)
		return 0;
	if (size_parse(m->a.rate, 'B', &m->rate, NULL) || !m->rate) {
		err_print("Invalid rate limit '%s': bytes a second, with k, M, G or T", m->a.rate);
		return -EINVAL;
	}
	m->rate_began = seconds();
	return 0;
}

void img_rate_wait(struct img *m, uint64_t bytes)
{
	double due, now;

	if (!m->rate)
		return;
	due = m->rate_began + (double)__atomic_add_fetch(&m->rate_done, bytes, __ATOMIC_RELAXED) / (double)m->rate;
	while ((now = seconds()) < due) {
		struct timespec t = {.tv_sec = (time_t)(due - now), .tv_nsec = (long)((due - now - (double)(time_t)(due - now)) * 1e9)};
		nanosleep(&t, NULL);
	}
}
