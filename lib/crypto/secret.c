/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets: data=TEXT or file=PATH, in format raw (as it is) or base64. With keyid=ID the payload is AES-256-CBC
 * ciphertext (PKCS#7 padding) under the 32-byte master key of secret ID, and iv=BASE64 gives the 16-byte IV.
 */
#include <errno.h>
#include <fcntl.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/cipher.h"
#include "crypto/object-type.h"
#include "crypto/object.h"

enum { SECRET_MAX_FILE = 1 << 20 };

void secret_free(uint8_t *data, size_t len)
{
	if (!data)
		return;
	forget(data, len);
	free(data);
}

uint8_t *base64_get(const char *what, const char *text, size_t len, size_t *out, struct err *e)
{
	struct base64_decode_ctx ctx;
	uint8_t *data = malloc(BASE64_DECODE_LENGTH(len) + 1);
	size_t n = BASE64_DECODE_LENGTH(len);

	if (!data) {
		err_errno(e, ENOMEM, "%s", what);
		return NULL;
	}
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &n, data, len, text) || !base64_decode_final(&ctx)) {
		err_set(e, EINVAL, "%s is not valid base64", what);
		secret_free(data, BASE64_DECODE_LENGTH(len));
		return NULL;
	}
	data[n] = '\0';
	*out = n;
	return data;
}

static int read_file(const char *path, uint8_t **data, size_t *len, struct err *e)
{
	uint8_t *buf = NULL;
	size_t have = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return err_errno(e, errno, "Unable to read %s", path);
	buf = malloc(SECRET_MAX_FILE + 1);
	if (!buf) {
		r = err_errno(e, ENOMEM, "Unable to read %s", path);
		goto out;
	}
	for (;;) {
		ssize_t n = read(fd, buf + have, SECRET_MAX_FILE + 1 - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = err_errno(e, errno, "Unable to read %s", path);
			goto out;
		}
		if (n == 0)
			break;
		have += (size_t)n;
		if (have > SECRET_MAX_FILE) {
			r = err_set(e, EFBIG, "secret file %s is larger than %d bytes", path, SECRET_MAX_FILE);
			goto out;
		}
	}
	*data = malloc(have + 1);
	if (!*data) {
		r = err_errno(e, ENOMEM, "Unable to read %s", path);
		goto out;
	}
	memcpy(*data, buf, have);
	(*data)[have] = '\0';
	*len = have;
out:
	secret_free(buf, have);
	close(fd);
	return r;
}

/* Decrypts in place; *len shrinks by the padding. */
static int decrypt(struct objects *o, const char *keyid, const char *iv64, uint8_t *data, size_t *len, struct err *e)
{
	uint8_t *key = NULL, *iv = NULL, pad;
	size_t klen = 0, ivlen = 0;
	struct cipher *c = NULL;
	int r = -EINVAL;

	key = secret_get(o, keyid, &klen, e);
	if (!key)
		goto out;
	if (klen != 32) {
		err_set(e, EINVAL, "master key '%s' should be 32 bytes in length, it is %zu", keyid, klen);
		goto out;
	}
	if (!iv64) {
		err_set(e, EINVAL, "IV is required to decrypt secret");
		goto out;
	}
	iv = base64_get("IV", iv64, strlen(iv64), &ivlen, e);
	if (!iv)
		goto out;
	if (ivlen != 16) {
		err_set(e, EINVAL, "IV should be 16 bytes in length not %zu", ivlen);
		goto out;
	}
	if (*len == 0 || *len % 16) {
		err_set(e, EINVAL, "encrypted secret has %zu bytes, which is no multiple of the block size 16", *len);
		goto out;
	}
	c = cipher_new(cipher_find("aes-256"), CIPHER_CBC, key, klen, e);
	if (!c)
		goto out;
	cipher_decrypt(c, iv, data, data, *len);
	pad = data[*len - 1];
	if (pad < 1 || pad > 16) {
		err_set(e, EINVAL, "Incorrect number of padding bytes (%u) found on decrypted data: wrong key or IV",
			pad);
		goto out;
	}
	for (size_t i = *len - pad; i < *len; i++)
		if (data[i] != pad) {
			err_set(e, EINVAL, "malformed padding on decrypted data: wrong key or IV");
			goto out;
		}
	*len -= pad;
	data[*len] = '\0';
	r = 0;
out:
	cipher_free(c);
	secret_free(key, klen);
	secret_free(iv, ivlen);
	return r;
}

int secret_make(struct objects *o, const json_t *props, uint8_t **out, size_t *outlen, struct err *e)
{
	static const char *const allowed[] = {"data", "file", "format", "keyid", "iv", "loaded", NULL};
	const char *data, *file, *format, *keyid, *iv;
	uint8_t *buf = NULL, *decoded;
	size_t len = 0, full;
	int r;

	if ((r = prop_check(props, "secret", allowed, e)) < 0 || (r = prop_string(props, "data", &data, e)) < 0 ||
	    (r = prop_string(props, "file", &file, e)) < 0 || (r = prop_string(props, "format", &format, e)) < 0 ||
	    (r = prop_string(props, "keyid", &keyid, e)) < 0 || (r = prop_string(props, "iv", &iv, e)) < 0)
		return r;
	if (format && strcmp(format, "raw") && strcmp(format, "base64"))
		return err_set(e, EINVAL, "Parameter 'format' does not accept value '%s': use raw or base64", format);
	if (data && file)
		return err_set(e, EINVAL, "'file' and 'data' are mutually exclusive");
	if (!data && !file)
		return err_set(e, EINVAL, "Either 'file' or 'data' must be provided");
	if (file) {
		if ((r = read_file(file, &buf, &len, e)) < 0)
			return r;
	} else {
		len = strlen(data);
		buf = (uint8_t *)strdup(data);
		if (!buf)
			return err_errno(e, ENOMEM, "cannot keep the secret");
	}
	full = len;
	if (format && !strcmp(format, "base64")) {
		decoded = base64_get("secret", (const char *)buf, len, &full, e);
		secret_free(buf, len);
		if (!decoded)
			return -EINVAL;
		buf = decoded;
		len = full;
	}
	if (keyid && (r = decrypt(o, keyid, iv, buf, &len, e)) < 0) {
		secret_free(buf, full);
		return r;
	}
	*out = buf;
	*outlen = len;
	return 0;
}
