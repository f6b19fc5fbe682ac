/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * luks: a LUKS version 1 volume in a file, as dm-crypt and cryptsetup have it. The header is lib/crypto's; here are
 * the payload's sectors of 512 bytes, encrypted and decrypted one by one on their way.
 */
#include "crypto/luks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/block.h"
#include "block/blockmap.h"
#include "crypto/object.h"

enum { BOUNCE = 1 << 20 };

struct luks_image {
	struct luks *luks;
	uint64_t payload;
};

static int header_read(void *opaque, uint64_t off, size_t n, void *buf)
{
	return blk_pread(opaque, off, n, buf);
}

static int header_write(void *opaque, uint64_t off, size_t n, const void *buf)
{
	return blk_pwrite(opaque, off, n, buf);
}

static int header_flush(void *opaque)
{
	return blk_flush(opaque);
}

static struct luks_io header_io(struct blk *file, uint64_t limit)
{
	return (struct luks_io){.read = header_read, .write = header_write, .flush = header_flush, .opaque = file, .limit = limit};
}

static int luks_image_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	return luks_probe(buf, size) ? 100 : 0;
}

static int luks_image_open(struct blk *b, struct err *e)
{
	struct luks_image *s = b->state;
	const char *id = blk_opts_string(b->opts, "key-secret");
	struct luks_io io;
	uint8_t *pass = NULL;
	uint64_t length;
	size_t plen = 0;
	int r = blk_size(b->file, &length);

	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (!id && !(b->flags & BLK_NO_IO))
		return err_set(e, EINVAL, "Parameter 'key-secret' is required for cipher");
	if (id && !(pass = secret_get(blk_graph_objects(b->graph), id, &plen, e)))
		return e && e->code ? -e->code : -EINVAL;
	io = header_io(b->file, length);
	s->luks = luks_open(&io, pass, plen, e);
	secret_free(pass, plen);
	if (!s->luks)
		return e && e->code ? -e->code : -EINVAL;
	s->payload = luks_payload(s->luks);
	if (s->payload > length)
		return err_set(e, EINVAL, "LUKS payload at %" PRIu64 " is beyond the volume of %" PRIu64 " bytes", s->payload, length);
	b->size = round_up64(length - s->payload, LUKS_SECTOR);
	b->align = LUKS_SECTOR;
	b->encrypted = true;
	return 0;
}

static void luks_image_close(struct blk *b)
{
	struct luks_image *s = b->state;

	luks_free(s->luks);
}

static int luks_image_pread(struct blk *b, uint64_t off, size_t n, void *buf)
{
	struct luks_image *s = b->state;
	const struct sector_cipher *c = luks_cipher(s->luks);
	int r;

	if (!c)
		return -EPERM;
	r = blockmap_pread_clipped(b->file, s->payload + off, buf, n);
	if (!r)
		sector_decrypt(c, off / LUKS_SECTOR, LUKS_SECTOR, buf, buf, n);
	return r;
}

static int luks_image_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags)
{
	struct luks_image *s = b->state;
	const struct sector_cipher *c = luks_cipher(s->luks);
	const uint8_t *from = buf;
	uint8_t *bounce;
	int r = 0;

	if (!c)
		return -EPERM;
	bounce = malloc(n < BOUNCE ? n : BOUNCE);
	if (!bounce)
		return -ENOMEM;
	while (n && !r) {
		size_t len = n < BOUNCE ? n : BOUNCE;
		sector_encrypt(c, off / LUKS_SECTOR, LUKS_SECTOR, bounce, from, len);
		r = blk_pwrite_flags(b->file, s->payload + off, len, bounce, flags);
		from += len;
		off += len;
		n -= len;
	}
	free(bounce);
	return r;
}

static int luks_image_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	struct luks_image *s = b->state;
	int r;

	size = round_up64(size, LUKS_SECTOR);
	if (size > (uint64_t)INT64_MAX - s->payload)
		return err_set(e, EFBIG, "The requested file size is too large");
	r = blk_truncate(b->file, s->payload + size, prealloc, e);
	if (!r)
		b->size = size;
	return r;
}

static void luks_image_geometry(struct blk *b, struct blk_geometry *g)
{
	(void)b;
	(void)g; /* no clusters, never dirty: but that is known */
}

static json_t *luks_image_info(struct blk *b, struct err *e)
{
	struct luks_image *s = b->state;

	(void)e;
	return luks_info(s->luks);
}

static const struct blk_option luks_options[] = {
	{"key-secret", BLK_OPT_STRING, "ID of the secret that provides the keyslot passphrase", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};
static const struct blk_option luks_create_options[] = {
	{"key-secret", BLK_OPT_STRING, "ID of the secret that provides the keyslot passphrase", NULL, NULL},
	{"cipher-alg", BLK_OPT_STRING, "Name of encryption cipher algorithm", NULL, NULL},
	{"cipher-mode", BLK_OPT_STRING, "Name of encryption cipher mode", NULL, NULL},
	{"hash-alg", BLK_OPT_STRING, "Name of encryption hash algorithm", NULL, NULL},
	{"ivgen-alg", BLK_OPT_STRING, "Name of IV generator algorithm", NULL, NULL},
	{"ivgen-hash-alg", BLK_OPT_STRING, "Name of IV generator hash algorithm", NULL, NULL},
	{"iter-time", BLK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};
static const char *const states[] = {"active", "inactive", NULL};
static const struct blk_option luks_amend_options[] = {
	{"iter-time", BLK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", NULL, NULL},
	{"keyslot", BLK_OPT_NUMBER, "Select a single keyslot to modify explicitly", NULL, NULL},
	{"new-secret", BLK_OPT_STRING, "New secret to set in the matching keyslots. Empty string to erase", NULL, NULL},
	{"old-secret", BLK_OPT_STRING, "Select all keyslots that match this password", NULL, NULL},
	{"state", BLK_OPT_STRING, "Select new state of affected keyslots (active/inactive)", NULL, states},
	{NULL, 0, NULL, NULL, NULL},
};

static int take_params(const struct blk_opts *o, struct luks_params *p, struct err *e)
{
	static const char *const keys[] = {"cipher-alg", "cipher-mode", "hash-alg", "iter-time", "ivgen-alg", "ivgen-hash-alg"};

	luks_params_init(p);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *v = blk_opts_string(o, keys[i]);
		int r = v ? luks_params_set(p, keys[i], v, e) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int luks_image_create(const struct blk_create *c, struct err *e)
{
	const char *id = blk_opts_string(c->opts, "key-secret");
	struct luks_params p;
	struct luks_io io;
	struct luks *l;
	uint64_t payload;
	uint8_t *pass;
	size_t plen;
	struct blk *b;
	int r;

	if (!id)
		return err_set(e, EINVAL, "Parameter 'key-secret' is required for cipher");
	if ((r = take_params(c->opts, &p, e)) < 0)
		return r;
	payload = luks_payload_offset(&p);
	if (c->size > (uint64_t)INT64_MAX - payload - LUKS_SECTOR)
		return err_set(e, EFBIG, "The requested file size is too large");
	pass = secret_get(blk_graph_objects(c->graph), id, &plen, e);
	if (!pass)
		return e && e->code ? -e->code : -EINVAL;
	r = blk_create_file(c, c->filename, payload + c->size, &b, e);
	if (r < 0)
		goto out;
	r = blk_truncate(b, payload + round_up64(c->size, LUKS_SECTOR), BLK_PREALLOC_OFF, e);
	if (!r) {
		io = header_io(b, payload);
		l = luks_create(&io, &p, pass, plen, e);
		if (!l)
			r = e && e->code ? -e->code : -EINVAL;
		luks_free(l);
	}
	if (r < 0)
		blk_create_abort(b);
	else
		r = blk_close(b, e);
out:
	secret_free(pass, plen);
	return r;
}

static int luks_image_amend(struct blk *b, struct blk_opts *o, bool force, blk_progress *cb, void *opaque, struct err *e)
{
	struct luks_image *s = b->state;
	struct objects *objects = blk_graph_objects(b->graph);
	const char *state = blk_opts_string(o, "state"), *old = blk_opts_string(o, "old-secret");
	const char *fresh = blk_opts_string(o, "new-secret");
	uint64_t slot = blk_opts_has(o, "keyslot") ? blk_opts_number(o, "keyslot", 0) : UINT64_MAX;
	uint8_t *old_pass = NULL, *new_pass = NULL;
	size_t olen = 0, flen = 0;
	int r = -EINVAL;

	(void)cb;
	(void)opaque;
	if (!state)
		return err_set(e, EINVAL, "Parameter 'state' is missing: active or inactive");
	if (slot != UINT64_MAX && slot >= LUKS_SLOTS)
		return err_set(e, EINVAL, "Invalid keyslot %" PRIu64 " specified, must be between 0 and %d", slot, LUKS_SLOTS - 1);
	if (old && !(old_pass = secret_get(objects, old, &olen, e)))
		goto out;
	if (fresh && *fresh && !(new_pass = secret_get(objects, fresh, &flen, e)))
		goto out;
	r = luks_amend(s->luks, !strcmp(state, "active"), slot == UINT64_MAX ? -1 : (int)slot, old_pass, olen, new_pass, flen,
		       (unsigned)blk_opts_number(o, "iter-time", LUKS_DEFAULT_MS), force, e);
out:
	secret_free(old_pass, olen);
	secret_free(new_pass, flen);
	return r;
}

static int luks_image_measure(struct blk_graph *g, struct blk_opts *o, struct blk *src, uint64_t size, struct blk_measure *m,
			      struct err *e)
{
	struct luks_params p;
	int r;

	(void)g;
	if (!blk_opts_string(o, "key-secret"))
		return err_set(e, EINVAL, "Parameter 'key-secret' is required for cipher");
	if ((r = take_params(o, &p, e)) < 0 || (src && (r = blk_size(src, &size)) < 0))
		return r;
	m->required = m->fully_allocated = luks_payload_offset(&p) + size;
	return 0;
}

BLOCK_FORMAT(luks) = {
	.name = "luks",
	.flags = BLK_F_ENCRYPTS,
	.state_size = sizeof(struct luks_image),
	.options = luks_options,
	.create_options = luks_create_options,
	.amend_options = luks_amend_options,
	.probe = luks_image_probe,
	.open = luks_image_open,
	.close = luks_image_close,
	.create = luks_image_create,
	.pread = luks_image_pread,
	.pwrite = luks_image_pwrite,
	.truncate = luks_image_truncate,
	.geometry = luks_image_geometry,
	.info = luks_image_info,
	.amend = luks_image_amend,
	.measure = luks_image_measure,
};
