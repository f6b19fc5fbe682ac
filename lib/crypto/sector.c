/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sector encryption: the IV of each sector from its number, as dm-crypt names the rules.
 *
 *   plain    the number, 32 bits, little-endian, zero-padded to a block
 *   plain64  the same with 64 bits
 *   essiv    plain64 encrypted with the hash of the volume key
 */
#include "crypto/cipher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sector_cipher {
	struct cipher *data, *salt; /* salt: ESSIV's second cipher */
	enum ivgen_kind kind;
};

static const char *const kinds[] = {[IVGEN_PLAIN] = "plain", [IVGEN_PLAIN64] = "plain64", [IVGEN_ESSIV] = "essiv"};

int ivgen_get(const char *name, enum ivgen_kind *k, struct err *e)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(name, kinds[i])) {
			*k = (enum ivgen_kind)i;
			return 0;
		}
	return err_set(e, EINVAL, "unknown IV generator '%s': use one of plain, plain64, essiv", name);
}

const char *ivgen_name(enum ivgen_kind k)
{
	return kinds[k];
}

struct sector_cipher *sector_cipher_new(const struct cipher_alg *a, enum cipher_mode m, enum ivgen_kind iv,
					const struct hash *ivhash, const uint8_t *key, size_t klen, struct err *e)
{
	struct sector_cipher *s = calloc(1, sizeof *s);
	uint8_t salt[HASH_MAX_DIGEST];

	if (!s) {
		err_errno(e, ENOMEM, "cannot make cipher %s", cipher_name(a));
		return NULL;
	}
	s->kind = iv;
	s->data = cipher_new(a, m, key, klen, e);
	if (!s->data)
		goto fail;
	if (iv == IVGEN_ESSIV) {
		const struct cipher_alg *salted;
		if (!ivhash) {
			err_set(e, EINVAL, "IV generator essiv needs a hash: set ivgen-hash-alg");
			goto fail;
		}
		salted = cipher_find_family(cipher_family(a), hash_size(ivhash));
		if (!salted) {
			err_set(e, EINVAL, "IV generator essiv cannot use hash %s with cipher %s: no %s key has %zu bytes",
				hash_name(ivhash), cipher_name(a), cipher_family(a), hash_size(ivhash));
			goto fail;
		}
		hash_digest(ivhash, key, klen, NULL, 0, salt);
		s->salt = cipher_new(salted, CIPHER_ECB, salt, hash_size(ivhash), e);
		forget(salt, sizeof salt);
		if (!s->salt)
			goto fail;
	}
	return s;
fail:
	sector_cipher_free(s);
	return NULL;
}

void sector_cipher_free(struct sector_cipher *s)
{
	if (!s)
		return;
	cipher_free(s->data);
	cipher_free(s->salt);
	free(s);
}

static void make_iv(const struct sector_cipher *s, uint64_t sector, uint8_t iv[CIPHER_MAX_BLOCK])
{
	memset(iv, 0, CIPHER_MAX_BLOCK);
	for (int i = 0; i < (s->kind == IVGEN_PLAIN ? 4 : 8); i++)
		iv[i] = (uint8_t)(sector >> 8 * i);
	if (s->salt)
		cipher_encrypt(s->salt, NULL, iv, iv, CIPHER_MAX_BLOCK);
}

void sector_encrypt(const struct sector_cipher *s, uint64_t sector, size_t sector_bytes, uint8_t *dst,
		    const uint8_t *src, size_t len)
{
	uint8_t iv[CIPHER_MAX_BLOCK];

	for (size_t at = 0; at < len; at += sector_bytes, sector++) {
		make_iv(s, sector, iv);
		cipher_encrypt(s->data, iv, dst + at, src + at, len - at < sector_bytes ? len - at : sector_bytes);
	}
}

void sector_decrypt(const struct sector_cipher *s, uint64_t sector, size_t sector_bytes, uint8_t *dst,
		    const uint8_t *src, size_t len)
{
	uint8_t iv[CIPHER_MAX_BLOCK];

	for (size_t at = 0; at < len; at += sector_bytes, sector++) {
		make_iv(s, sector, iv);
		cipher_decrypt(s->data, iv, dst + at, src + at, len - at < sector_bytes ? len - at : sector_bytes);
	}
}
