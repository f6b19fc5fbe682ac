/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypto/cipher.h"

#include <errno.h>
#include <nettle/aes.h>
#include <nettle/cast128.h>
#include <nettle/cbc.h>
#include <nettle/ctr.h>
#include <nettle/des.h>
#include <nettle/serpent.h>
#include <nettle/twofish.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The two directions of one key. Ciphers without separate schedules use `enc` for both. */
union schedule {
	struct aes128_ctx aes128;
	struct aes192_ctx aes192;
	struct aes256_ctx aes256;
	struct des_ctx des;
	struct des3_ctx des3;
	struct cast128_ctx cast;
	struct serpent_ctx serpent;
	struct twofish_ctx twofish;
};

struct keyed {
	union schedule enc, dec;
};

struct cipher_alg {
	const char *name, *family;
	unsigned key, block; /* bytes */
	void (*set)(struct keyed *k, const uint8_t *key);
	nettle_cipher_func *encrypt, *decrypt;
	bool one; /* decrypts with the encryption schedule */
};

struct cipher {
	const struct cipher_alg *alg;
	enum cipher_mode mode;
	struct keyed data, tweak; /* tweak: the second key of XTS */
};

#define AES(bits)                                                                                              \
	static void set_aes##bits(struct keyed *k, const uint8_t *key)                                         \
	{                                                                                                      \
		aes##bits##_set_encrypt_key(&k->enc.aes##bits, key);                                           \
		aes##bits##_invert_key(&k->dec.aes##bits, &k->enc.aes##bits);                                  \
	}
AES(128)
AES(192)
AES(256)

static void set_des(struct keyed *k, const uint8_t *key)
{
	des_set_key(&k->enc.des, key);
}

static void set_des3(struct keyed *k, const uint8_t *key)
{
	des3_set_key(&k->enc.des3, key);
}

static void set_cast(struct keyed *k, const uint8_t *key)
{
	cast5_set_key(&k->enc.cast, 16, key);
}

#define SIZED(family, bits)                                                                                    \
	static void set_##family##bits(struct keyed *k, const uint8_t *key)                                    \
	{                                                                                                      \
		family##_set_key(&k->enc.family, bits / 8, key);                                               \
	}
SIZED(serpent, 128)
SIZED(serpent, 192)
SIZED(serpent, 256)
SIZED(twofish, 128)
SIZED(twofish, 192)
SIZED(twofish, 256)

#define F(f) ((nettle_cipher_func *)(void (*)(void))(f))

static const struct cipher_alg algs[] = {
	{"aes-128", "aes", 16, 16, set_aes128, F(aes128_encrypt), F(aes128_decrypt), false},
	{"aes-192", "aes", 24, 16, set_aes192, F(aes192_encrypt), F(aes192_decrypt), false},
	{"aes-256", "aes", 32, 16, set_aes256, F(aes256_encrypt), F(aes256_decrypt), false},
	{"des", "des", 8, 8, set_des, F(des_encrypt), F(des_decrypt), true},
	{"3des", "des3_ede", 24, 8, set_des3, F(des3_encrypt), F(des3_decrypt), true},
	{"cast5-128", "cast5", 16, 8, set_cast, F(cast128_encrypt), F(cast128_decrypt), true},
	{"serpent-128", "serpent", 16, 16, set_serpent128, F(serpent_encrypt), F(serpent_decrypt), true},
	{"serpent-192", "serpent", 24, 16, set_serpent192, F(serpent_encrypt), F(serpent_decrypt), true},
	{"serpent-256", "serpent", 32, 16, set_serpent256, F(serpent_encrypt), F(serpent_decrypt), true},
	{"twofish-128", "twofish", 16, 16, set_twofish128, F(twofish_encrypt), F(twofish_decrypt), true},
	{"twofish-192", "twofish", 24, 16, set_twofish192, F(twofish_encrypt), F(twofish_decrypt), true},
	{"twofish-256", "twofish", 32, 16, set_twofish256, F(twofish_encrypt), F(twofish_decrypt), true},
};

static const char *const modes[] = {[CIPHER_ECB] = "ecb", [CIPHER_CBC] = "cbc", [CIPHER_XTS] = "xts",
				    [CIPHER_CTR] = "ctr"};

const struct cipher_alg *cipher_find(const char *name)
{
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
		if (!strcmp(name, algs[i].name))
			return &algs[i];
	return NULL;
}

const char *cipher_names(void)
{
	return "aes-128, aes-192, aes-256, des, 3des, cast5-128, serpent-128, serpent-192, serpent-256, "
	       "twofish-128, twofish-192, twofish-256";
}

const struct cipher_alg *cipher_get(const char *name, struct err *e)
{
	const struct cipher_alg *a = cipher_find(name);

	if (!a)
		err_set(e, EINVAL, "unknown cipher '%s': use one of %s", name, cipher_names());
	return a;
}

const struct cipher_alg *cipher_find_family(const char *family, size_t bytes)
{
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
		if (!strcmp(family, algs[i].family) && algs[i].key == bytes)
			return &algs[i];
	return NULL;
}

const char *cipher_name(const struct cipher_alg *a)
{
	return a->name;
}

const char *cipher_family(const struct cipher_alg *a)
{
	return a->family;
}

size_t cipher_key_bytes(const struct cipher_alg *a, enum cipher_mode m)
{
	return m == CIPHER_XTS ? 2 * a->key : a->key;
}

size_t cipher_block_bytes(const struct cipher_alg *a)
{
	return a->block;
}

int cipher_mode_get(const char *name, enum cipher_mode *m, struct err *e)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (!strcmp(name, modes[i])) {
			*m = (enum cipher_mode)i;
			return 0;
		}
	return err_set(e, EINVAL, "unknown cipher mode '%s': use one of ecb, cbc, xts, ctr", name);
}

const char *cipher_mode_name(enum cipher_mode m)
{
	return modes[m];
}

struct cipher *cipher_new(const struct cipher_alg *a, enum cipher_mode m, const uint8_t *key, size_t klen,
			  struct err *e)
{
	struct cipher *c;

	if (klen != cipher_key_bytes(a, m)) {
		err_set(e, EINVAL, "cipher %s in mode %s takes a key of %zu bytes, not %zu", a->name, modes[m],
			cipher_key_bytes(a, m), klen);
		return NULL;
	}
	if (m == CIPHER_XTS && a->block != 16) {
		err_set(e, EINVAL, "cipher mode xts needs a cipher with blocks of 16 bytes, %s has %u", a->name,
			a->block);
		return NULL;
	}
	c = aligned_alloc(64, (sizeof *c + 63) & ~(size_t)63);
	if (!c) {
		err_errno(e, ENOMEM, "cannot make cipher %s", a->name);
		return NULL;
	}
	memset(c, 0, sizeof *c);
	c->alg = a;
	c->mode = m;
	a->set(&c->data, key);
	if (m == CIPHER_XTS)
		a->set(&c->tweak, key + a->key);
	return c;
}

void cipher_free(struct cipher *c)
{
	if (!c)
		return;
	forget(c, sizeof *c);
	free(c);
}

static const void *dec_key(const struct cipher *c)
{
	return c->alg->one ? &c->data.enc : &c->data.dec;
}

/* IEEE 1619-2007 5.2: multiplication by the primitive element, little-endian. */
static inline void xts_double(uint64_t t[2])
{
	uint64_t carry = t[1] >> 63;

	t[1] = t[1] << 1 | t[0] >> 63;
	t[0] = t[0] << 1 ^ (carry * 0x87);
}

static inline void xor_block(uint8_t *d, const uint8_t *s, const uint64_t *t)
{
	uint64_t v[2];

	memcpy(v, s, 16);
	v[0] ^= t[0];
	v[1] ^= t[1];
	memcpy(d, v, 16);
}

/* The tweaks of up to 32 blocks are made first, so that the cipher sees long runs and can pipeline them. */
static void xts(const struct cipher *c, const uint8_t *iv, uint8_t *dst, const uint8_t *src, size_t len,
		nettle_cipher_func *f, const void *key)
{
	uint64_t tw[64], t[2];
	uint8_t first[16];

	c->alg->encrypt(&c->tweak.enc, 16, first, iv);
	for (int i = 0; i < 2; i++) {
		t[i] = 0;
		for (int j = 7; j >= 0; j--)
			t[i] = t[i] << 8 | first[8 * i + j];
	}
	while (len) {
		size_t n = len < 512 ? len : 512, blocks = n / 16;
		for (size_t i = 0; i < blocks; i++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			tw[2 * i] = t[0];
			tw[2 * i + 1] = t[1];
#else
			tw[2 * i] = __builtin_bswap64(t[0]);
			tw[2 * i + 1] = __builtin_bswap64(t[1]);
#endif
			xor_block(dst + 16 * i, src + 16 * i, tw + 2 * i);
			xts_double(t);
		}
		f(key, n, dst, dst);
		for (size_t i = 0; i < blocks; i++)
			xor_block(dst + 16 * i, dst + 16 * i, tw + 2 * i);
		dst += n;
		src += n;
		len -= n;
	}
}

void cipher_encrypt(const struct cipher *c, const uint8_t *iv, uint8_t *dst, const uint8_t *src, size_t len)
{
	uint8_t chain[CIPHER_MAX_BLOCK];

	switch (c->mode) {
	case CIPHER_ECB:
		c->alg->encrypt(&c->data.enc, len, dst, src);
		return;
	case CIPHER_CBC:
		memcpy(chain, iv, c->alg->block);
		cbc_encrypt(&c->data.enc, c->alg->encrypt, c->alg->block, chain, len, dst, src);
		return;
	case CIPHER_CTR:
		memcpy(chain, iv, c->alg->block);
		ctr_crypt(&c->data.enc, c->alg->encrypt, c->alg->block, chain, len, dst, src);
		return;
	case CIPHER_XTS:
		xts(c, iv, dst, src, len, c->alg->encrypt, &c->data.enc);
		return;
	}
}

void cipher_decrypt(const struct cipher *c, const uint8_t *iv, uint8_t *dst, const uint8_t *src, size_t len)
{
	uint8_t chain[CIPHER_MAX_BLOCK];

	switch (c->mode) {
	case CIPHER_ECB:
		c->alg->decrypt(dec_key(c), len, dst, src);
		return;
	case CIPHER_CBC:
		memcpy(chain, iv, c->alg->block);
		cbc_decrypt(dec_key(c), c->alg->decrypt, c->alg->block, chain, len, dst, src);
		return;
	case CIPHER_CTR:
		cipher_encrypt(c, iv, dst, src, len);
		return;
	case CIPHER_XTS:
		xts(c, iv, dst, src, len, c->alg->decrypt, dec_key(c));
		return;
	}
}
