/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Libraries of remote protocols, loaded when an image first needs them: a program that never opens a URL neither maps
 * nor initialises them. Their headers are needed at build time (HAVE_CURL ...), their shared objects only at run time.
 */
#ifndef BLOCK_LIBRARY_H
#define BLOCK_LIBRARY_H
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include "block/block.h"

struct blk_symbol {
	const char *name;
	size_t offset; /* of the pointer in the driver's structure */
};

struct blk_library {
	const char *name;                 /* "libcurl" */
	const char *const *files;         /* shared objects, the first that loads is taken; NULL-terminated */
	const char *package;              /* Debian's package with the shared object */
	const struct blk_symbol *symbols; /* ends with name == NULL */
	void *table;                      /* the structure of pointers, filled once */
	int (*init)(struct err *e);       /* once, after the pointers are there; NULL: nothing to do */
	pthread_mutex_t lock;
	bool ready;
};

/* A row of a table of pointers: LIBRARY_POINTER in the structure, LIBRARY_SYMBOL in the list of names. */
#define LIBRARY_POINTER(f) __typeof__(&f) f;

/* Loads the library unless it is there already. Any thread. Errors name the library and the package. */
int blk_library_load(struct blk_library *l, struct err *e);

/* For drivers whose library was not there when this was built. */
int blk_not_built_in(const char *what, const char *library, const char *package, struct err *e);

/* The secret `id` as text without NUL, new string that blk_secret_free() gives back; NULL with *e. */
char *blk_secret_text(struct blk *b, const char *id, struct err *e);
void blk_secret_free(char *text);
#endif
