/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every device of the registry under operations that the input chooses: registers, configuration space, rings and tables in memory, what comes from its back end,
 * time, resets, saved state. Nothing may crash, hang or leak, and a saved state must go round.
 *
 *   dev-all --list       the devices, one a line
 *   FUZZ_DEVICE=NAME     the one that is driven; without it the first byte of an input chooses
 *   FUZZ_OPERATIONS=N    operations an input (1000): those that the input spells, then others that its last bytes have seeded
 */
#include "../unit/dev-bench.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
const char *__asan_default_options(void);

/* A machine an input: what it frees would fill the sanitizer's quarantine first and the fuzzer's limit then. */
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

static const struct row *only;
static unsigned operations = 1000;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_DEVICE"), *n = getenv("FUZZ_OPERATIONS");
	const struct device_type *t;

	if (*argc > 1 && !strcmp((*argv)[1], "--list")) {
		for (unsigned i = 0; (t = device_type_at(i)); i++)
			puts(t->name);
		exit(0);
	}
	for (unsigned i = 0; (t = device_type_at(i)); i++)
		if (!bench_row(t->name)) {
			fprintf(stderr, "dev-all: '%s' has no row in tests/unit/dev-bench.h\n", t->name);
			exit(1);
		}
	if (name && !(only = bench_row(name))) {
		fprintf(stderr, "dev-all: there is no device '%s'\n", name);
		exit(1);
	}
	if (n)
		operations = (unsigned)atoi(n);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_of(data, size);
	uint8_t first = u8(&in);
	struct bench b;

	bench_begin(&b, only ? only : &rows[first % ROWS], first);
	for (unsigned i = 0; i < operations; i++)
		bench_step(&b, &in);
	bench_end(&b);
	return 0;
}
