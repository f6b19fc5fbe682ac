/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encrypted qcow2: the old AES scheme (the passphrase is the key) and LUKS, whose header lies in clusters of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"
#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "crypto/luks.h"
#include "crypto/object.h"

/* The passphrase `id` names; NULL with the sentence. */
static uint8_t *passphrase(struct blk *b, const char *id, size_t *n, struct err *e)
{
	struct objects *objects = blk_graph_objects(b->graph);

	if (!id) {
		err_set(e, EINVAL, "Parameter 'encrypt.key-secret' is required for cipher");
		return NULL;
	}
	if (!objects) {
		err_set(e, EINVAL, "No secret with id '%s'", id);
		return NULL;
	}
	return secret_get(objects, id, n, e);
}

static int aes_open(struct blk *b, const char *secret, struct err *e)
{
	struct qcow2 *s = b->state;
	uint8_t key[16] = {0}, *text;
	size_t n;
	const struct cipher_alg *alg = cipher_get("aes-128", e);

	if (!alg)
		return -ENOTSUP;
	text = passphrase(b, secret, &n, e);
	if (!text)
		return -EINVAL;
	memcpy(key, text, n < sizeof key ? n : sizeof key); /* padded with zeros, cut at 16 bytes */
	secret_free(text, n);
	s->aes = sector_cipher_new(alg, CIPHER_CBC, IVGEN_PLAIN64, NULL, key, sizeof key, e);
	forget(key, sizeof key);
	s->cipher = s->aes;
	return s->aes ? 0 : -EINVAL;
}

/* ---- the LUKS header, which counts from the beginning of its clusters -------------------------------------------- */
static int header_read(void *opaque, uint64_t off, size_t n, void *buf)
{
	struct blk *b = opaque;
	struct qcow2 *s = b->state;
	return blk_pread(b->file, s->crypto_offset + off, n, buf);
}

static int header_write(void *opaque, uint64_t off, size_t n, const void *buf)
{
	struct blk *b = opaque;
	struct qcow2 *s = b->state;
	return blk_pwrite(b->file, s->crypto_offset + off, n, buf);
}

static int header_flush(void *opaque)
{
	return blk_flush(((struct blk *)opaque)->file);
}

static struct luks_io header_io(struct blk *b)
{
	struct qcow2 *s = b->state;
	return (struct luks_io){.read = header_read, .write = header_write, .flush = header_flush, .opaque = b, .limit = s->crypto_length};
}

int qcow2_crypt_open(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	const char *format = blk_opts_string(b->opts, "encrypt.format"), *id = blk_opts_string(b->opts, "encrypt.key-secret");
	uint8_t *pass = NULL;
	size_t n = 0;

	if (format && strcmp(format, s->crypt_method == QCOW2_CRYPT_AES ? "aes" : "luks"))
		return err_set(e, EINVAL, "Header reported '%s' encryption format but options specify '%s'",
			       s->crypt_method == QCOW2_CRYPT_AES ? "aes" : "luks", format);
	if (s->crypt_method == QCOW2_CRYPT_AES)
		return b->flags & (BLK_NO_IO | BLK_CHECK) ? 0 : aes_open(b, id, e);
	if (!s->crypto_offset)
		return err_set(e, EINVAL, "The header of a LUKS-encrypted image lacks the encryption header pointer");
	struct luks_io io = header_io(b);
	if (!(b->flags & (BLK_NO_IO | BLK_CHECK)) && !(pass = passphrase(b, id, &n, e)))
		return -EINVAL;
	s->luks = luks_open(&io, pass, n, e);
	if (pass)
		secret_free(pass, n);
	if (!s->luks)
		return e && e->code ? -e->code : -EINVAL;
	s->cipher = luks_cipher(s->luks);
	return 0;
}

static int luks_make(struct blk *b, const struct blk_create *c, struct err *e)
{
	static const char *const keys[] = {"cipher-alg", "cipher-mode", "ivgen-alg", "ivgen-hash-alg", "hash-alg", "iter-time"};
	struct qcow2 *s = b->state;
	struct luks_params p;
	uint64_t clusters;
	uint8_t *pass;
	size_t n;
	int r;

	luks_params_init(&p);
	for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
		char name[64];
		const char *v;
		snprintf(name, sizeof name, "encrypt.%s", keys[i]);
		v = blk_opts_has(c->opts, name) ? blk_opts_string(c->opts, name) : NULL;
		if (v && (r = luks_params_set(&p, keys[i], v, e)))
			return r;
	}
	pass = passphrase(b, blk_opts_string(c->opts, "encrypt.key-secret"), &n, e);
	if (!pass)
		return -EINVAL;
	clusters = qcow2_clusters(s, luks_payload_offset(&p));
	pthread_mutex_lock(&b->lock);
	r = qcow2_alloc_exact(b, clusters, &s->crypto_offset, NULL);
	pthread_mutex_unlock(&b->lock);
	if (r || (r = blk_pwrite_zeroes(b->file, s->crypto_offset, clusters << s->cluster_bits, 0))) {
		secret_free(pass, n);
		return err_errno(e, -r, "Could not allocate the encryption header");
	}
	s->crypto_length = luks_payload_offset(&p);
	struct luks_io io = header_io(b);
	s->luks = luks_create(&io, &p, pass, n, e);
	secret_free(pass, n);
	if (!s->luks)
		return e && e->code ? -e->code : -EINVAL;
	s->cipher = luks_cipher(s->luks);
	return 0;
}

int qcow2_crypt_create(struct blk *b, const struct blk_create *c, struct err *e)
{
	struct qcow2 *s = b->state;
	const char *format = blk_opts_string(c->opts, "encrypt.format");
	bool luks = format && !strcmp(format, "luks");
	char *name = b->backing_name;
	int r = luks ? luks_make(b, c, e) : aes_open(b, blk_opts_string(c->opts, "encrypt.key-secret"), e);

	if (r)
		return r;
	(void)name;
	s->crypt_method = luks ? QCOW2_CRYPT_LUKS : QCOW2_CRYPT_AES;
	return qcow2_header_write(b, e);
}

json_t *qcow2_crypt_info(struct blk *b)
{
	struct qcow2 *s = b->state;
	json_t *o = NULL;

	if (s->crypt_method == QCOW2_CRYPT_AES)
		return json_pack("{s:s}", "format", "aes");
	if (s->luks && (o = luks_info(s->luks)))
		json_object_set_new(o, "format", json_string("luks"));
	return o;
}

int qcow2_crypt_amend(struct blk *b, struct blk_opts *o, bool force, struct err *e)
{
	struct qcow2 *s = b->state;
	const char *state = blk_opts_string(o, "encrypt.state"), *old_id = blk_opts_string(o, "encrypt.old-secret");
	const char *new_id = blk_opts_string(o, "encrypt.new-secret");
	uint8_t *old = NULL, *fresh = NULL;
	size_t old_size = 0, new_size = 0;
	int slot = blk_opts_has(o, "encrypt.keyslot") ? (int)blk_opts_number(o, "encrypt.keyslot", 0) : -1, r = -EINVAL;

	if (!s->luks)
		return err_set(e, ENOTSUP, "Only LUKS-encrypted images have key slots to amend");
	if (!state || (strcmp(state, "active") && strcmp(state, "inactive")))
		return err_set(e, EINVAL, "Parameter 'encrypt.state' is one of: active, inactive");
	if (slot > 7)
		return err_set(e, EINVAL, "Invalid slot %d specified, must be between 0 and 7", slot);
	if (old_id && !(old = passphrase(b, old_id, &old_size, e)))
		return -EINVAL;
	if (new_id && !(fresh = passphrase(b, new_id, &new_size, e)))
		goto out;
	r = luks_amend(s->luks, !strcmp(state, "active"), slot, old, old_size, fresh, new_size,
		       (unsigned)blk_opts_number(o, "encrypt.iter-time", LUKS_DEFAULT_MS), force, e);
out:
	if (old)
		secret_free(old, old_size);
	if (fresh)
		secret_free(fresh, new_size);
	return r;
}

void qcow2_crypt_close(struct blk *b)
{
	struct qcow2 *s = b->state;

	sector_cipher_free(s->aes);
	luks_free(s->luks);
	s->aes = NULL;
	s->luks = NULL;
	s->cipher = NULL;
}
