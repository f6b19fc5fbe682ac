/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block ciphers with their modes, and the sector IV generators of disk encryption.
 *
 * A struct cipher is constant once it is made: any number of threads may encrypt and decrypt with it at once.
 */
#ifndef CRYPTO_CIPHER_H
#define CRYPTO_CIPHER_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "crypto/hash.h"

enum cipher_mode { CIPHER_ECB, CIPHER_CBC, CIPHER_XTS, CIPHER_CTR };
enum { CIPHER_MAX_BLOCK = 16, CIPHER_MAX_KEY = 64 };

struct cipher_alg; /* one algorithm with one key length: a constant record */

/* "aes-128" ... "aes-256", "des", "3des", "cast5-128", "serpent-128" ..., "twofish-128" ...; NULL: no such cipher */
const struct cipher_alg *cipher_find(const char *name);
const struct cipher_alg *cipher_get(const char *name, struct err *e);
/* The algorithm of a family ("aes", "serpent", "twofish", "cast5", "des3_ede") with keys of `bytes`; or NULL. */
const struct cipher_alg *cipher_find_family(const char *family, size_t bytes);
const char *cipher_name(const struct cipher_alg *a);   /* "aes-256" */
const char *cipher_family(const struct cipher_alg *a); /* "aes": the name dm-crypt gives it */
const char *cipher_names(void);
size_t cipher_key_bytes(const struct cipher_alg *a, enum cipher_mode m); /* XTS takes two keys in one */
size_t cipher_block_bytes(const struct cipher_alg *a);

int cipher_mode_get(const char *name, enum cipher_mode *m, struct err *e); /* ecb cbc xts ctr */
const char *cipher_mode_name(enum cipher_mode m);

struct cipher;

/*
 * key: exactly cipher_key_bytes(). Refused: a wrong length, XTS on a cipher without 16-byte blocks.
 * The caller owns the result: cipher_free(), which also wipes the key.
 */
struct cipher *cipher_new(const struct cipher_alg *a, enum cipher_mode m, const uint8_t *key, size_t klen,
			  struct err *e);
void cipher_free(struct cipher *c);

/*
 * In place or from src to dst (equal, or not overlapping). len: a multiple of the block size. iv: one block, not
 * changed; ignored by ECB. Each call stands alone (CBC chains within it only).
 */
void cipher_encrypt(const struct cipher *c, const uint8_t *iv, uint8_t *dst, const uint8_t *src, size_t len);
void cipher_decrypt(const struct cipher *c, const uint8_t *iv, uint8_t *dst, const uint8_t *src, size_t len);

enum ivgen_kind { IVGEN_PLAIN, IVGEN_PLAIN64, IVGEN_ESSIV };

/* How the sectors of a volume are encrypted: a cipher and the source of its IVs. Constant, as struct cipher is. */
struct sector_cipher;

int ivgen_get(const char *name, enum ivgen_kind *k, struct err *e);
const char *ivgen_name(enum ivgen_kind k);

/* ivhash: for ESSIV only; its digest must be as long as a key of the cipher's family. */
struct sector_cipher *sector_cipher_new(const struct cipher_alg *a, enum cipher_mode m, enum ivgen_kind iv,
					const struct hash *ivhash, const uint8_t *key, size_t klen, struct err *e);
void sector_cipher_free(struct sector_cipher *s);

/*
 * Whole sectors of `sector_bytes` (a multiple of 16), the first of them number `sector` of the IV sequence. In
 * place or from src to dst.
 */
void sector_encrypt(const struct sector_cipher *s, uint64_t sector, size_t sector_bytes, uint8_t *dst,
		    const uint8_t *src, size_t len);
void sector_decrypt(const struct sector_cipher *s, uint64_t sector, size_t sector_bytes, uint8_t *dst,
		    const uint8_t *src, size_t len);
#endif
