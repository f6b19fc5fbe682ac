/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashes, key derivation, ciphers and modes give the published results. */
#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "tap.h"

static size_t unhex(const char *s, uint8_t *out)
{
	size_t n = 0;
	unsigned v;

	for (; s[0] && s[1]; s += 2, n++) {
		sscanf(s, "%2x", &v);
		out[n] = (uint8_t)v;
	}
	return n;
}

static void hex(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", p[i]);
	out[2 * n] = '\0';
}

static const struct {
	const char *name, *abc;
} digests[] = {
	{"md5", "900150983cd24fb0d6963f7d28e17f72"},	  /* RFC 1321 A.5 */
	{"sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"}, /* FIPS 180 */
	{"sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
	{"sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"sha384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
	{"sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		   "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
	{"ripemd160", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
};

static const struct {
	const char *hash, *password, *salt;
	unsigned iterations;
	const char *key;
} kdfs[] = {
	/* RFC 6070 */
	{"sha1", "password", "salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"},
	{"sha1", "password", "salt", 4096, "4b007901b765489abead49d926f721d065a429c1"},
	{"sha1", "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
	 "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"},
	/* RFC 7914 section 11 */
	{"sha256", "passwd", "salt", 1,
	 "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
	 "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"},
	{"sha256", "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
	 "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1c635518c7dac47e9"},
};

static const struct {
	const char *cipher, *mode, *key, *iv, *plain, *secret, *source;
} vectors[] = {
	{"aes-128", "ecb", "000102030405060708090a0b0c0d0e0f", "", "00112233445566778899aabbccddeeff",
	 "69c4e0d86a7b0430d8cdb78070b4c55a", "FIPS 197 C.1"},
	{"aes-192", "ecb", "000102030405060708090a0b0c0d0e0f1011121314151617", "", "00112233445566778899aabbccddeeff",
	 "dda97ca4864cdfe06eaf70a0ec0d7191", "FIPS 197 C.2"},
	{"aes-256", "ecb", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "",
	 "00112233445566778899aabbccddeeff", "8ea2b7ca516745bfeafc49904b496089", "FIPS 197 C.3"},
	{"aes-128", "cbc", "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
	 "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
	 "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2", "SP 800-38A F.2.1"},
	{"aes-128", "ctr", "2b7e151628aed2a6abf7158809cf4f3c", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	 "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
	 "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff", "SP 800-38A F.5.1"},
	{"aes-128", "xts", "0000000000000000000000000000000000000000000000000000000000000000",
	 "00000000000000000000000000000000",
	 "0000000000000000000000000000000000000000000000000000000000000000",
	 "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e", "IEEE 1619 vector 1"},
	{"aes-128", "xts", "1111111111111111111111111111111122222222222222222222222222222222",
	 "33333333330000000000000000000000",
	 "4444444444444444444444444444444444444444444444444444444444444444",
	 "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0", "IEEE 1619 vector 2"},
	{"des", "ecb", "0123456789abcdef", "", "4e6f772069732074", "3fa40e8a984d4815", "FIPS 81 B.1"},
	{"3des", "ecb", "0123456789abcdef23456789abcdef01456789abcdef0123", "",
	 "5468652071756663" "6b2062726f776e20" "666f78206a756d70",
	 "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900", "SP 800-67 B.1"},
	{"cast5-128", "ecb", "0123456712345678234567893456789a", "", "0123456789abcdef", "238b4fe5847e44b2",
	 "RFC 2144 B.1"},
	{"twofish-128", "ecb", "00000000000000000000000000000000", "", "00000000000000000000000000000000",
	 "9f589f5cf6122c32b6bfec2f2ae8c35a", "Twofish paper"},
	{"twofish-192", "ecb", "0123456789abcdeffedcba98765432100011223344556677", "",
	 "00000000000000000000000000000000", "cfd1d2e5a9be9cdf501f13b892bd2248", "Twofish paper"},
	{"twofish-256", "ecb", "0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff", "",
	 "00000000000000000000000000000000", "37527be0052334b89f0cfccae87cfa20", "Twofish paper"},
};

static void test_ciphers(void)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		uint8_t key[64], iv[16] = {0}, in[64], want[64], out[64];
		size_t klen = unhex(vectors[i].key, key), n = unhex(vectors[i].plain, in);
		enum cipher_mode m;
		struct err e = ERR_INIT;
		struct cipher *c;

		unhex(vectors[i].secret, want);
		unhex(vectors[i].iv, iv);
		cipher_mode_get(vectors[i].mode, &m, &e);
		c = cipher_new(cipher_get(vectors[i].cipher, &e), m, key, klen, &e);
		if (!ok(c != NULL, "%s %s takes the key of %s", vectors[i].cipher, vectors[i].mode, vectors[i].source))
			continue;
		cipher_encrypt(c, iv, out, in, n);
		ok(!memcmp(out, want, n), "%s %s encrypts as %s", vectors[i].cipher, vectors[i].mode, vectors[i].source);
		cipher_decrypt(c, iv, out, out, n);
		ok(!memcmp(out, in, n), "%s %s decrypts in place", vectors[i].cipher, vectors[i].mode);
		cipher_free(c);
	}
}

/* The vectors are short; every cipher and mode must come back from a sector of 4 KB, in place and apart. */
static void test_round(void)
{
	static const char *const names[] = {"aes-128",	   "aes-192",	  "aes-256",	 "3des",	"cast5-128",   "serpent-128",
					    "serpent-192", "serpent-256", "twofish-128", "twofish-192", "twofish-256", "des"};
	static uint8_t in[8192], out[8192], back[8192];
	uint8_t key[64], diff = 0;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(i * 5 + 1);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct cipher_alg *a = cipher_get(names[i], &e);
		for (int m = CIPHER_ECB; m <= CIPHER_CTR; m++) {
			struct sector_cipher *s;
			if (m == CIPHER_XTS && cipher_block_bytes(a) != 16) {
				s = sector_cipher_new(a, m, IVGEN_PLAIN64, NULL, key, cipher_key_bytes(a, m), &e);
				ok(!s && strstr(e.msg, "16 bytes"), "%s refuses xts", names[i]);
				continue;
			}
			s = sector_cipher_new(a, m, IVGEN_PLAIN64, NULL, key, cipher_key_bytes(a, m), &e);
			sector_encrypt(s, 77, 512, out, in, sizeof in);
			sector_decrypt(s, 77, 512, back, out, sizeof in);
			ok(!memcmp(in, back, sizeof in) && memcmp(in, out, sizeof in), "%s %s returns from 16 sectors",
			   names[i], cipher_mode_name(m));
			memcpy(back, in, sizeof in);
			sector_encrypt(s, 77, 512, back, back, sizeof in);
			ok(!memcmp(back, out, sizeof in), "%s %s does the same in place", names[i], cipher_mode_name(m));
			sector_encrypt(s, 78, 512, back, in + 512, 512);
			ok(!memcmp(back, out + 512, 512), "%s %s: a sector does not depend on the one before", names[i],
			   cipher_mode_name(m));
			sector_cipher_free(s);
		}
	}
	/* plain wraps where plain64 goes on */
	for (int k = IVGEN_PLAIN; k <= IVGEN_PLAIN64; k++) {
		struct sector_cipher *s =
			sector_cipher_new(cipher_find("aes-128"), CIPHER_CBC, (enum ivgen_kind)k, NULL, key, 16, &e);
		sector_encrypt(s, 5, 512, out, in, 512);
		sector_encrypt(s, 5 + (UINT64_C(1) << 32), 512, back, in, 512);
		diff = memcmp(out, back, 512) != 0;
		ok(diff == (k == IVGEN_PLAIN64), "%s at sector 2^32+5", ivgen_name((enum ivgen_kind)k));
		sector_cipher_free(s);
	}
	ok(!sector_cipher_new(cipher_find("aes-256"), CIPHER_CBC, IVGEN_ESSIV, hash_find("sha1"), key, 32, &e),
	   "essiv refuses a hash that makes no key");
	ok(strstr(e.msg, "sha1") && strstr(e.msg, "20 bytes"), "and names the hash and its length");
}

static void test_af(void)
{
	static uint8_t split[64 * 4000];
	uint8_t key[64], back[64];
	struct err e = ERR_INIT;

	for (size_t i = 0; i < 64; i++)
		key[i] = (uint8_t)(200 - i);
	for (size_t len = 16; len <= 64; len += 24) {
		ok_eq(af_split(hash_find("sha1"), key, len, 4000, split, &e), 0, "the splitter splits %zu bytes", len);
		ok(memcmp(split + 3999 * len, key, len), "the last stripe is not the key");
		af_merge(hash_find("sha1"), split, len, 4000, back);
		ok(!memcmp(back, key, len), "and the merger finds it again");
		split[len * 1234] ^= 1;
		af_merge(hash_find("sha1"), split, len, 4000, back);
		ok(memcmp(back, key, len), "one changed bit in stripe 1234 loses the key");
	}
}

int main(void)
{
	struct err e = ERR_INIT;
	uint8_t out[128];
	char text[300];
	uint32_t fast, slow;

	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
		const struct hash *h = hash_get(digests[i].name, &e);
		hash_digest(h, "a", 1, "bc", 2, out);
		hex(out, hash_size(h), text);
		ok_str(text, digests[i].abc, "%s of \"abc\" in two pieces", digests[i].name);
	}
	for (size_t i = 0; i < sizeof kdfs / sizeof *kdfs; i++) {
		size_t n = strlen(kdfs[i].key) / 2;
		hash_pbkdf2(hash_find(kdfs[i].hash), kdfs[i].password, strlen(kdfs[i].password), kdfs[i].salt,
			    strlen(kdfs[i].salt), kdfs[i].iterations, out, n);
		hex(out, n, text);
		ok(!strncmp(text, kdfs[i].key, 2 * n), "PBKDF2 with %s, %u iterations, %zu bytes", kdfs[i].hash,
		   kdfs[i].iterations, n);
	}
	ok(!hash_get("sha3", &e) && strstr(e.msg, "ripemd160"), "an unknown hash: the message lists what there is");
	ok(!cipher_get("rot13", &e) && strstr(e.msg, "serpent-256"), "an unknown cipher: the same");
	ok(!cipher_new(cipher_find("aes-256"), CIPHER_XTS, out, 32, &e) && strstr(e.msg, "64 bytes"),
	   "a key of the wrong length is refused with both lengths");
	fast = hash_pbkdf2_count(hash_find("sha256"), 32, 20, 1000);
	slow = hash_pbkdf2_count(hash_find("sha256"), 32, 200, 1000);
	ok(fast >= 1000 && slow > fast, "more time gives more iterations");
	ok_eq(hash_pbkdf2_count(hash_find("sha512"), 64, 0, 1000), 1000, "no time gives the floor");
	test_ciphers();
	test_round();
	test_af();
	return tap_done();
}
