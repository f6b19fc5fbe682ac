/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is let in: objects authz-simple (one identity), authz-list (rules in order, each allow or deny, then a policy) and authz-list-file
 * (the same from a JSON file, read once). An identity is the distinguished name of a client's certificate.
 */
#ifndef CRYPTO_AUTHZ_H
#define CRYPTO_AUTHZ_H
#include <stdbool.h>
#include "base/err.h"

struct authz;
struct objects;

/* A counted reference to the access list `id`; NULL with the sentence. */
struct authz *objects_authz(struct objects *o, const char *id, struct err *e);
void authz_unref(struct authz *a); /* NULL is allowed */
/* NULL is nobody. Any thread. */
bool authz_allows(struct authz *a, const char *identity);
#endif
