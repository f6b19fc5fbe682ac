/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User objects (--object TYPE,id=ID,...): secrets, TLS credentials and access lists, in a registry that the program owns.
 *
 * A program that knows further types (iothread, throttle-group) looks at "qom-type" first and hands the rest here.
 * The registry has a lock of its own: any thread may look up, add and remove. Look-ups return copies or counted
 * references, so that object-del never pulls a key from under a user.
 */
#ifndef CRYPTO_OBJECT_H
#define CRYPTO_OBJECT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct objects;
struct tls_creds;

struct objects *objects_new(void); /* NULL: no memory */
void objects_free(struct objects *o);

/* True when this library makes objects of the type: "secret", "tls-creds-..." and "authz-...". */
bool objects_known_type(const char *type);

/*
 * Adds one from its properties, a JSON object with "qom-type" and "id" (both strings) as keyval_parse_object() or
 * QMP's object-add gives it; booleans may be JSON booleans or the words on/off/yes/no/true/false/y/n. A property
 * the type does not have, a missing or duplicate id, an unknown type are refused, each with its sentence.
 */
int objects_add(struct objects *o, const json_t *props, struct err *e);
/* The same from the text of --object: "secret,id=sec0,data=..." or JSON. */
int objects_add_text(struct objects *o, const char *text, struct err *e);
int objects_del(struct objects *o, const char *id, struct err *e);

/*
 * The decoded payload of secret `id`: a new buffer with a NUL after its *len bytes, to be given back with
 * secret_free(). NULL with the sentence when there is no such secret.
 */
uint8_t *secret_get(struct objects *o, const char *id, size_t *len, struct err *e);
void secret_free(uint8_t *data, size_t len);

/* A counted reference to TLS credentials `id`; tls_creds_unref() (crypto/tls.h) gives it back. */
struct tls_creds *objects_tls_creds(struct objects *o, const char *id, struct err *e);

/* Base64 (RFC 4648, white space ignored) to a new buffer; NULL with the sentence, which starts with `what`. */
uint8_t *base64_get(const char *what, const char *text, size_t len, size_t *out, struct err *e);
#endif
