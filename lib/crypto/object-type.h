/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the registry and the makers of its types; not for other folders. */
#ifndef CRYPTO_OBJECT_TYPE_H
#define CRYPTO_OBJECT_TYPE_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct objects;
struct tls_creds;
struct authz;

/* *value stays as it is (bool) or becomes NULL (string) when the property is absent. */
int prop_string(const json_t *props, const char *key, const char **value, struct err *e);
int prop_bool(const json_t *props, const char *key, bool *value, struct err *e);
/* Refuses properties that are not in the NULL-terminated list (qom-type and id are always allowed). */
int prop_check(const json_t *props, const char *type, const char *const *allowed, struct err *e);

int secret_make(struct objects *o, const json_t *props, uint8_t **data, size_t *len, struct err *e);
int tls_creds_make(struct objects *o, const char *type, const json_t *props, struct tls_creds **c, struct err *e);
int authz_make(const char *type, const json_t *props, struct authz **a, struct err *e);
struct authz *authz_ref(struct authz *a);
#endif
