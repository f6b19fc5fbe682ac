/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypto/hash.h"

#include <errno.h>
#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include <nettle/ripemd160.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct hash {
	const char *name;
	const struct nettle_hash *nettle;
};

static const struct hash hashes[] = {
	{"md5", &nettle_md5},	    {"sha1", &nettle_sha1},	{"sha224", &nettle_sha224},
	{"sha256", &nettle_sha256}, {"sha384", &nettle_sha384}, {"sha512", &nettle_sha512},
	{"ripemd160", &nettle_ripemd160},
};

union context {
	struct sha512_ctx largest;
	uint64_t words[HASH_MAX_CONTEXT / 8];
};

const struct hash *hash_find(const char *name)
{
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
		if (!strcmp(name, hashes[i].name))
			return &hashes[i];
	return NULL;
}

const char *hash_names(void)
{
	return "md5, sha1, sha224, sha256, sha384, sha512, ripemd160";
}

const struct hash *hash_get(const char *name, struct err *e)
{
	const struct hash *h = hash_find(name);

	if (!h)
		err_set(e, EINVAL, "unknown hash '%s': use one of %s", name, hash_names());
	return h;
}

const char *hash_name(const struct hash *h)
{
	return h->name;
}

size_t hash_size(const struct hash *h)
{
	return h->nettle->digest_size;
}

void hash_digest(const struct hash *h, const void *a, size_t alen, const void *b, size_t blen, uint8_t *digest)
{
	union context c;

	h->nettle->init(&c);
	h->nettle->update(&c, alen, a);
	if (blen)
		h->nettle->update(&c, blen, b);
	h->nettle->digest(&c, h->nettle->digest_size, digest);
	forget(&c, sizeof c);
}

/* An HMAC with both pads hashed once: each iteration of PBKDF2 then costs two blocks instead of four. */
struct hmac {
	const struct nettle_hash *n;
	union context outer, inner, state;
};

static void hmac_update_cb(void *ctx, size_t len, const uint8_t *data)
{
	struct hmac *m = ctx;

	m->n->update(&m->state, len, data);
}

static void hmac_digest_cb(void *ctx, size_t len, uint8_t *out)
{
	struct hmac *m = ctx;

	hmac_digest(&m->outer, &m->inner, &m->state, m->n, len, out);
}

void hash_pbkdf2(const struct hash *h, const void *password, size_t plen, const void *salt, size_t slen,
		 uint32_t iterations, uint8_t *key, size_t klen)
{
	struct hmac m = {.n = h->nettle};

	if (!klen)
		return;
	hmac_set_key(&m.outer, &m.inner, &m.state, m.n, plen, password);
	pbkdf2(&m, hmac_update_cb, hmac_digest_cb, m.n->digest_size, iterations ? iterations : 1, slen, salt, klen,
	       key);
	forget(&m, sizeof m);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint32_t hash_pbkdf2_count(const struct hash *h, size_t klen, unsigned ms, uint32_t floor)
{
	uint8_t key[HASH_MAX_DIGEST], salt[32] = {0};
	uint64_t n = 1 << 12, took, want = (uint64_t)ms * 1000000u;
	unsigned blocks = (unsigned)((klen + hash_size(h) - 1) / hash_size(h));

	/* A probe of at least 10 ms of one block; a key of several blocks costs so many times more. */
	for (;;) {
		uint64_t t = cpu_ns();
		hash_pbkdf2(h, "password", 8, salt, sizeof salt, (uint32_t)n, key, hash_size(h));
		took = cpu_ns() - t;
		if (took >= 10000000 || n >= 1u << 26)
			break;
		n *= 2;
	}
	if (!took)
		took = 1;
	if (!blocks)
		blocks = 1;
	n = (uint64_t)((__uint128_t)n * want / took / blocks);
	if (n < floor)
		n = floor;
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* LUKS 1.2.3, figure 4: each digest-sized piece is replaced by the hash of its number and itself. */
static void diffuse(const struct hash *h, uint8_t *block, size_t len)
{
	uint8_t digest[HASH_MAX_DIGEST], number[4];
	size_t size = hash_size(h);

	for (size_t at = 0, i = 0; at < len; at += size, i++) {
		size_t n = len - at < size ? len - at : size;
		number[0] = (uint8_t)(i >> 24);
		number[1] = (uint8_t)(i >> 16);
		number[2] = (uint8_t)(i >> 8);
		number[3] = (uint8_t)i;
		hash_digest(h, number, 4, block + at, n, digest);
		memcpy(block + at, digest, n);
	}
	forget(digest, sizeof digest);
}

static void mix(const struct hash *h, const uint8_t *stripe, uint8_t *acc, size_t len)
{
	for (size_t i = 0; i < len; i++)
		acc[i] ^= stripe[i];
	diffuse(h, acc, len);
}

int af_split(const struct hash *h, const uint8_t *key, size_t len, uint32_t stripes, uint8_t *out, struct err *e)
{
	uint8_t *last = out + (size_t)(stripes - 1) * len;
	int r = random_bytes(out, (size_t)(stripes - 1) * len, e);

	if (r < 0)
		return r;
	memset(last, 0, len);
	for (uint32_t i = 0; i + 1 < stripes; i++)
		mix(h, out + (size_t)i * len, last, len);
	for (size_t i = 0; i < len; i++)
		last[i] ^= key[i];
	return 0;
}

void af_merge(const struct hash *h, const uint8_t *in, size_t len, uint32_t stripes, uint8_t *key)
{
	memset(key, 0, len);
	for (uint32_t i = 0; i + 1 < stripes; i++)
		mix(h, in + (size_t)i * len, key, len);
	for (size_t i = 0; i < len; i++)
		key[i] ^= in[(size_t)(stripes - 1) * len + i];
}

int random_bytes(void *buf, size_t len, struct err *e)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = getrandom(p, len, 0);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return err_errno(e, errno, "cannot get random bytes");
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int random_uuid(uint8_t uuid[16], struct err *e)
{
	int r = random_bytes(uuid, 16, e);

	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* RFC 4122 section 4.4 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return r;
}

void forget(void *buf, size_t len)
{
	explicit_bzero(buf, len);
}
