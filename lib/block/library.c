/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/object.h"

static int load(struct blk_library *l, struct err *e)
{
	void *handle = NULL;
	const char *why = NULL;

	for (unsigned i = 0; !handle && l->files[i]; i++) {
		handle = dlopen(l->files[i], RTLD_NOW | RTLD_LOCAL);
		if (!handle && !why)
			why = dlerror();
	}
	if (!handle) {
		err_set(e, ELIBACC, "%s cannot be loaded: %s", l->name, why ? why : "no such library");
		err_hint(e, "It is in Debian's package %s", l->package);
		return -ELIBACC;
	}
	for (const struct blk_symbol *s = l->symbols; s->name; s++) {
		void *p = dlsym(handle, s->name);
		if (!p) {
			dlclose(handle);
			return err_set(e, ELIBBAD, "%s lacks %s; it is too old", l->name, s->name);
		}
		memcpy((char *)l->table + s->offset, &p, sizeof p);
	}
	return l->init ? l->init(e) : 0; /* the library stays loaded: its threads and atexit handlers point into it */
}

int blk_library_load(struct blk_library *l, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&l->lock);
	if (!l->ready && !(r = load(l, e)))
		l->ready = true;
	pthread_mutex_unlock(&l->lock);
	return r;
}

int blk_not_built_in(const char *what, const char *library, const char *package, struct err *e)
{
	err_set(e, ENOTSUP, "%s images are not built in: %s was not there when this program was made", what, library);
	err_hint(e, "Install the package %s and build again", package);
	return -ENOTSUP;
}

char *blk_secret_text(struct blk *b, const char *id, struct err *e)
{
	struct objects *o = blk_graph_objects(b->graph);
	size_t n;
	char *text;

	if (!o) {
		err_set(e, EINVAL, "No secret with id '%s'", id);
		return NULL;
	}
	text = (char *)secret_get(o, id, &n, e);
	if (text && strlen(text) != n) {
		secret_free((uint8_t *)text, n);
		err_set(e, EINVAL, "secret '%s' holds a NUL byte, which the protocol cannot carry", id);
		return NULL;
	}
	return text;
}

void blk_secret_free(char *text)
{
	if (text)
		secret_free((uint8_t *)text, strlen(text));
}
