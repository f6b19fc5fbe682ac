/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hashes by name, PBKDF2, the anti-forensic splitter of LUKS, and random bytes.
 *
 * All of it is stateless: any thread may call anything at any time.
 */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { HASH_MAX_DIGEST = 64, HASH_MAX_BLOCK = 128, HASH_MAX_CONTEXT = 512 };

struct hash; /* one algorithm: a constant record */

/* "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160"; NULL: no such hash. */
const struct hash *hash_find(const char *name);
/* The same, with the sentence that lists what there is. */
const struct hash *hash_get(const char *name, struct err *e);
const char *hash_name(const struct hash *h);
const char *hash_names(void); /* "md5, sha1, ..." for messages */
size_t hash_size(const struct hash *h); /* bytes of a digest */

/* Writes hash_size(h) bytes to digest, from the concatenation of a and b (b may be NULL with blen 0). */
void hash_digest(const struct hash *h, const void *a, size_t alen, const void *b, size_t blen, uint8_t *digest);

/* PBKDF2 of RFC 8018 with HMAC-h. iterations: at least 1. */
void hash_pbkdf2(const struct hash *h, const void *password, size_t plen, const void *salt, size_t slen,
		 uint32_t iterations, uint8_t *key, size_t klen);

/*
 * How many iterations of hash_pbkdf2() for a key of klen bytes this thread computes in ms milliseconds of its
 * own processor time; at least `floor`, at most 2^32-1.
 */
uint32_t hash_pbkdf2_count(const struct hash *h, size_t klen, unsigned ms, uint32_t floor);

/*
 * LUKS on-disk format 1.2.3, section 2.4: splits len bytes of key into `stripes` blocks of len bytes each
 * (out: len * stripes), and merges them back. stripes: 1..4000 and more. split() draws random bytes.
 */
int af_split(const struct hash *h, const uint8_t *key, size_t len, uint32_t stripes, uint8_t *out, struct err *e);
void af_merge(const struct hash *h, const uint8_t *in, size_t len, uint32_t stripes, uint8_t *key);

/* Random bytes fit for keys. */
int random_bytes(void *buf, size_t len, struct err *e);
/* A version 4 UUID: 16 bytes in the order they are printed. */
int random_uuid(uint8_t uuid[16], struct err *e);

/* memset(0) that the compiler may not drop. */
void forget(void *buf, size_t len);
#endif
