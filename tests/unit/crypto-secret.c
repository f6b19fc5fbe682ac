/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets come from data, files, base64 and ciphertext, and each mistake has its sentence. */
#include <unistd.h>
#include "crypto/cipher.h"
#include "crypto/object.h"
#include "crypto/tls.h"
#include "tap.h"

static struct objects *o;

static void is(const char *text, const char *id, const char *want)
{
	struct err e = ERR_INIT;
	size_t len = 0;
	uint8_t *data;

	ok_eq(objects_add_text(o, text, &e), 0, "%s is taken", text);
	if (e.code)
		printf("# %s\n", e.msg);
	data = secret_get(o, id, &len, &e);
	ok_str((char *)data, want, "and holds '%s'", want);
	ok_eq(len, strlen(want), "with its length");
	secret_free(data, len);
}

static void refused(const char *text, const char *why)
{
	struct err e = ERR_INIT;

	ok(objects_add_text(o, text, &e) < 0, "%s is refused", text);
	if (!ok(strstr(e.msg, why) != NULL, "because of '%s'", why))
		printf("# %s\n", e.msg);
}

int main(void)
{
	char path[] = "/tmp/crypto-secretXXXXXX", text[200];
	int fd = mkstemp(path);
	struct err e = ERR_INIT;
	size_t len;

	o = objects_new();
	if (write(fd, "from a file\n", 12) != 12)
		return 1;
	close(fd);
	is("secret,id=a,data=letmein", "a", "letmein");
	is("secret,id=b,data=bGV0bWVpbg==,format=base64", "b", "letmein");
	snprintf(text, sizeof text, "secret,id=c,file=%s", path);
	is(text, "c", "from a file\n");
	unlink(path);
	is("secret,id=d,data=with,,comma", "d", "with,comma");
	is("{\"qom-type\":\"secret\",\"id\":\"e\",\"data\":\"json\"}", "e", "json");
	is("secret,id=empty,data=", "empty", "");
	is("secret,id=master,data=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,format=base64", "master",
	   "12345678901234567890123456789012");
	/* openssl enc -aes-256-cbc -a -K 3132...3132 -iv 3132...36, of "attack at dawn, or so" */
	{
		uint8_t plain[32] = "attack at dawn, or so", sealed[32];
		const struct cipher_alg *alg = cipher_find("aes-256");
		struct cipher *c = cipher_new(alg, CIPHER_CBC, (const uint8_t *)"12345678901234567890123456789012", 32, &e);
		memset(plain + 21, 11, 11);
		cipher_encrypt(c, (const uint8_t *)"1234567890123456", sealed, plain, 32);
		cipher_free(c);
		char sealpath[] = "/tmp/crypto-secretXXXXXX";
		fd = mkstemp(sealpath);
		if (write(fd, sealed, 32) != 32)
			return 1;
		close(fd);
		snprintf(text, sizeof text, "secret,id=sealed,file=%s,keyid=master,iv=MTIzNDU2Nzg5MDEyMzQ1Ng==", sealpath);
		is(text, "sealed", "attack at dawn, or so");
		snprintf(text, sizeof text, "secret,id=x,file=%s,keyid=master,iv=MTIzNDU2Nzg5MDEyMzQ1", sealpath);
		refused(text, "IV should be 16 bytes in length not 15");
		snprintf(text, sizeof text, "secret,id=x,file=%s,keyid=a,iv=MTIzNDU2Nzg5MDEyMzQ1Ng==", sealpath);
		refused(text, "should be 32 bytes in length, it is 7");
		snprintf(text, sizeof text, "secret,id=x,file=%s,keyid=master", sealpath);
		refused(text, "IV is required");
		unlink(sealpath);
	}
	refused("secret,id=x,data=AAAAAAAAAAAAAAAAAAAAAA==,format=base64,keyid=master,iv=MTIzNDU2Nzg5MDEyMzQ1Ng==",
		"padding");
	refused("secret,id=x,data=AAAA,format=base64,keyid=master,iv=MTIzNDU2Nzg5MDEyMzQ1Ng==", "block size 16");
	refused("secret,id=x,data=q,keyid=nobody,iv=MTIzNDU2Nzg5MDEyMzQ1Ng==", "No secret with id 'nobody'");
	refused("secret,id=x", "Either 'file' or 'data'");
	refused("secret,id=x,data=a,file=b", "mutually exclusive");
	refused("secret,id=x,data=a*b,format=base64", "not valid base64");
	refused("secret,id=x,data=a,format=hex", "raw or base64");
	refused("secret,id=x,file=/nonexistent/secret", "/nonexistent/secret: No such file");
	refused("secret,id=a,data=again", "already");
	refused("secret,id=1a,data=again", "malformed");
	refused("secret,data=a", "'id' is missing");
	refused("secret,id=x,data=a,colour=red", "no property 'colour'");
	refused("iothread,id=x", "unknown object type 'iothread'");
	refused("tls-creds-x509,id=x,endpoint=server", "'dir'");
	refused("tls-creds-x509,id=x,dir=/nonexistent,endpoint=server", "/nonexistent/ca-cert.pem");
	refused("tls-creds-x509,id=x,dir=/tmp,endpoint=middle", "server or client");
	refused("tls-creds-psk,id=x,dir=/nonexistent", "/nonexistent/keys.psk");
	refused("tls-creds-anon,id=x,verify-peer=perhaps", "'on' or 'off'");
	ok_eq(objects_add_text(o, "tls-creds-anon,id=anon,endpoint=server", &e), 0, "anonymous credentials need no file");
	ok(!secret_get(o, "anon", &len, &e) && strstr(e.msg, "no secret"), "which are no secret");
	ok(!objects_tls_creds(o, "a", &e) && strstr(e.msg, "not TLS"), "and a secret is no credentials");
	ok_eq(objects_del(o, "a", &e), 0, "an object can be removed");
	ok(objects_del(o, "a", &e) < 0, "once");
	ok(!secret_get(o, "a", &len, &e), "and is gone then");
	objects_free(o);
	return tap_done();
}
