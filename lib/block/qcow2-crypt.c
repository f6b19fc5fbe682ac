/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encrypted qcow2: the old AES scheme (the passphrase is the key) and LUKS, whose header lies in clusters of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"
#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "crypto/object.h"

static int aes_open(struct blk *b, const char *secret, struct err *e)
{
	struct qcow2 *s = b->state;
	uint8_t key[16] = {0}, *text;
	size_t n;
	const struct cipher_alg *alg = cipher_get("aes-128", e);

	if (!alg)
		return -ENOTSUP;
	if (!secret)
		return err_set(e, EINVAL, "Parameter 'encrypt.key-secret' is required for cipher");
	text = blk_graph_objects(b->graph) ? secret_get(blk_graph_objects(b->graph), secret, &n, e) : NULL;
	if (!text)
		return blk_graph_objects(b->graph) ? -EINVAL : err_set(e, EINVAL, "No secret with id '%s'", secret);
	memcpy(key, text, n < sizeof key ? n : sizeof key); /* padded with zeros, cut at 16 bytes */
	secret_free(text, n);
	s->cipher = sector_cipher_new(alg, CIPHER_CBC, IVGEN_PLAIN64, NULL, key, sizeof key, e);
	forget(key, sizeof key);
	return s->cipher ? 0 : -EINVAL;
}

int qcow2_crypt_open(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	const char *format = blk_opts_string(b->opts, "encrypt.format");

	if (format && strcmp(format, s->crypt_method == QCOW2_CRYPT_AES ? "aes" : "luks"))
		return err_set(e, EINVAL, "Header reported '%s' encryption format but options specify '%s'",
			       s->crypt_method == QCOW2_CRYPT_AES ? "aes" : "luks", format);
	if (s->crypt_method == QCOW2_CRYPT_AES)
		return aes_open(b, blk_opts_string(b->opts, "encrypt.key-secret"), e);
	return err_set(e, ENOTSUP, "LUKS encryption inside qcow2 is not built in");
}

int qcow2_crypt_create(struct blk *b, const struct blk_create *c, struct err *e)
{
	struct qcow2 *s = b->state;
	const char *format = blk_opts_string(c->opts, "encrypt.format");
	uint8_t patch[4];
	int r;

	if (format && !strcmp(format, "luks"))
		return err_set(e, ENOTSUP, "LUKS encryption inside qcow2 is not built in");
	if ((r = aes_open(b, blk_opts_string(c->opts, "encrypt.key-secret"), e)))
		return r;
	be32_put(patch, QCOW2_CRYPT_AES);
	s->crypt_method = QCOW2_CRYPT_AES;
	r = qcow2_header_patch(b, 32, patch, 4);
	return r ? err_errno(e, -r, "Could not write the image header") : 0;
}

json_t *qcow2_crypt_info(struct blk *b)
{
	struct qcow2 *s = b->state;

	if (s->crypt_method == QCOW2_CRYPT_AES)
		return json_pack("{s:s}", "format", "aes");
	return NULL;
}

void qcow2_crypt_close(struct blk *b)
{
	struct qcow2 *s = b->state;

	sector_cipher_free(s->cipher);
	s->cipher = NULL;
}
