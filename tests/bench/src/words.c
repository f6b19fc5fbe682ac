/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes words, counts them in a hash table, sorts them by count: strings, malloc, calls through pointers. words [SCALE] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	struct word *next;
	unsigned count;
	char text[];
};
static struct word *table[4096];

static int by_count(const void *a, const void *b)
{
	const struct word *x = *(struct word *const *)a, *y = *(struct word *const *)b;
	return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->text, y->text);
}

int main(int argc, char **argv)
{
	long total = (long)(1200000 * (argc > 1 ? atof(argv[1]) : 1.0)) + 1;
	unsigned long long s = 42;
	struct word **all;
	size_t n = 0;

	for (long i = 0; i < total; i++) {
		char text[16];
		struct word **p;
		unsigned hash = 5381;

		s = s * 6364136223846793005ull + 1442695040888963407ull;
		snprintf(text, sizeof text, "w%x", (unsigned)(s >> 40) % 5000u * ((unsigned)(s >> 33) % 5u));
		for (const char *c = text; *c; c++)
			hash = hash * 33 + (unsigned char)*c;
		for (p = &table[hash % 4096]; *p && strcmp((*p)->text, text); p = &(*p)->next)
			;
		if (!*p) {
			*p = calloc(1, sizeof **p + strlen(text) + 1);
			if (!*p)
				return 1;
			strcpy((*p)->text, text);
			n++;
		}
		(*p)->count++;
	}
	all = malloc(n * sizeof *all);
	if (!all)
		return 1;
	n = 0;
	for (int i = 0; i < 4096; i++)
		for (struct word *w = table[i]; w; w = w->next)
			all[n++] = w;
	qsort(all, n, sizeof *all, by_count);
	printf("%zu words, first %s %u, last %s %u\n", n, all[0]->text, all[0]->count, all[n - 1]->text, all[n - 1]->count);
	return 0;
}
