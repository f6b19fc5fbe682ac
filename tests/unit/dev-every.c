/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every device of the registry: it has a row in dev-rows.h, so that it is fuzzed; a test of its registers among tests/unit/dev-*.c; it stands a few thousand
 * operations of any kind; and what it saves then loads into a fresh machine, which saves the same.
 */
#include <dirent.h>
#include "dev-bench.h"
#include "tap.h"

enum { OPERATIONS = 1500, SEEDS = 3 };

/* All test files of devices' registers, one behind the other. */
static char *sources(void)
{
	DIR *d = opendir("tests/unit");
	char *all = NULL, path[300];
	size_t size = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		size_t n = strlen(e->d_name);
		if (strncmp(e->d_name, "dev-", 4) || strcmp(e->d_name + n - 2, ".c") || !strcmp(e->d_name, "dev-every.c"))
			continue;
		snprintf(path, sizeof path, "tests/unit/%s", e->d_name);
		FILE *f = fopen(path, "r");
		for (int c; f && (c = getc(f)) != EOF;) {
			if (size % 65536 == 0)
				all = realloc(all, size + 65537);
			all[size++] = (char)c;
		}
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	if (all)
		all[size] = '\0';
	return all;
}

/* Is the name a string of one of the tests, alone or with options behind it? Or is the function called that boards make it with? */
static bool is_tested(const char *text, const char *name)
{
	static const char *const made_by[][2] = {{"i440FX", "i440fx_new("}, {"PIIX3", "piix3_new("}, {"PIIX4_PM", "piix4_pm_new("}, {"apic", "apic_new("},
						 {"virtio-mmio", "virtio_mmio_new("}};
	char want[64];
	size_t n = (size_t)snprintf(want, sizeof want, "\"%s", name);

	for (unsigned i = 0; i < sizeof made_by / sizeof *made_by; i++)
		if (!strcmp(name, made_by[i][0]) && strstr(text, made_by[i][1]))
			return true;

	for (const char *p = text; (p = strstr(p, want)); p += n)
		if (p[n] == '"' || p[n] == ',')
			return true;
	return false;
}

static void run(const struct row *r, unsigned seed)
{
	uint8_t start[9] = {(uint8_t)seed, 1, 2, 3, 4, 5, 6, 7, (uint8_t)(seed * 37 + 11)};
	struct input in = input_of(start, sizeof start);
	struct bench a, fresh;

	u8(&in);
	bench_begin(&a, r, seed);
	for (unsigned i = 0; i < OPERATIONS; i++)
		bench_step(&a, &in);
	bench_settle(&a);
	bench_begin(&fresh, r, seed);
	clock_set(fresh.m, clock_ns(a.m, CLOCK_VIRT)); /* the clock's own section comes first */
	for (unsigned i = 0; i < a.count; i++) {
		const char *why = bench_round_trip(a.made[i], fresh.made[i]);
		if (*why)
			ok(false, "%s: %s: %s", r->type, a.made[i]->type->name, why);
	}
	bench_end(&fresh);
	bench_end(&a);
}

int main(void)
{
	char *text = sources();
	const struct device_type *t;
	unsigned n = 0;

	/* Disks that fail are told on standard error. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	if (!text) {
		printf("Bail out! tests/unit is not there: this runs in the source tree\n");
		return 1;
	}
	for (; (t = device_type_at(n)); n++) {
		const struct row *r = bench_row(t->name);
		ok(is_tested(text, t->name), "%s: a test of its registers names it", t->name);
		ok(r != NULL, "%s: it has a row in tests/unit/dev-rows.h", t->name);
		for (unsigned seed = 0; r && seed < SEEDS; seed++)
			run(r, seed);
		ok(true, "%s: %u operations, and its state in a fresh machine", t->name, SEEDS * OPERATIONS);
	}
	for (unsigned i = 0; i < ROWS; i++)
		ok(device_type_find(rows[i].type) != NULL, "%s: the row's device exists", rows[i].type);
	free(text);
	return tap_done();
}
