/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypto/luks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Offsets in the header; numbers are big-endian. */
enum { H_MAGIC = 0, H_VERSION = 6, H_CIPHER = 8, H_MODE = 40, H_HASH = 72, H_PAYLOAD = 104, H_KEY_BYTES = 108, H_DIGEST = 112,
       H_DIGEST_SALT = 132, H_DIGEST_ITERATIONS = 164, H_UUID = 168, H_SLOTS = 208 };
enum { S_ACTIVE = 0, S_ITERATIONS = 4, S_SALT = 8, S_OFFSET = 40, S_STRIPES = 44, S_BYTES = 48 };
enum { NAME_BYTES = 32, DIGEST_BYTES = 20, SALT_BYTES = 32, UUID_BYTES = 40, ALIGN_SECTORS = 8, MIN_ITERATIONS = 1000 };
static const uint32_t SLOT_ENABLED = 0x00ac71f3, SLOT_DISABLED = 0x0000dead;
static const uint32_t MAX_ITERATIONS = 200000000; /* some minutes: a header may not stop us for longer */
static const uint8_t magic[6] = {'L', 'U', 'K', 'S', 0xba, 0xbe};

struct slot {
	bool active;
	uint32_t iterations, offset, stripes; /* offset: sectors */
	uint8_t salt[SALT_BYTES];
};

struct luks {
	struct luks_io io;
	struct luks_params p;
	uint32_t payload, key_bytes, iterations; /* payload: sectors; iterations: of the digest */
	uint8_t digest[DIGEST_BYTES], salt[SALT_BYTES];
	char uuid[UUID_BYTES + 1], cipher_spec[NAME_BYTES + 1], mode_spec[NAME_BYTES + 1];
	struct slot slot[LUKS_SLOTS];
	uint8_t key[CIPHER_MAX_KEY];
	struct sector_cipher *data; /* NULL: locked */
};

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- parameters ------------------------------------------------------------------------------------------------ */
void luks_params_init(struct luks_params *p)
{
	*p = (struct luks_params){.cipher = cipher_find("aes-256"), .mode = CIPHER_XTS, .ivgen = IVGEN_PLAIN64,
				  .hash = hash_find("sha256"), .iter_ms = LUKS_DEFAULT_MS};
}

int luks_params_set(struct luks_params *p, const char *key, const char *value, struct err *e)
{
	char *end;
	unsigned long n;

	if (!strcmp(key, "cipher-alg"))
		return (p->cipher = cipher_get(value, e)) ? 0 : -EINVAL;
	if (!strcmp(key, "cipher-mode"))
		return cipher_mode_get(value, &p->mode, e);
	if (!strcmp(key, "ivgen-alg"))
		return ivgen_get(value, &p->ivgen, e);
	if (!strcmp(key, "ivgen-hash-alg"))
		return (p->ivhash = hash_get(value, e)) ? 0 : -EINVAL;
	if (!strcmp(key, "hash-alg"))
		return (p->hash = hash_get(value, e)) ? 0 : -EINVAL;
	if (!strcmp(key, "iter-time")) {
		errno = 0;
		n = strtoul(value, &end, 10);
		if (end == value || *end || errno || n > 3600000)
			return err_set(e, EINVAL, "iter-time '%s' is no number of milliseconds from 0 to 3600000", value);
		p->iter_ms = n ? (unsigned)n : LUKS_DEFAULT_MS;
		return 0;
	}
	return err_set(e, ENOENT, "LUKS has no parameter '%s'", key);
}

static uint32_t slot_sectors(uint32_t key_bytes, uint32_t stripes)
{
	return (uint32_t)(((uint64_t)key_bytes * stripes + LUKS_SECTOR - 1) / LUKS_SECTOR);
}

static uint32_t aligned(uint32_t sectors)
{
	return (sectors + ALIGN_SECTORS - 1) / ALIGN_SECTORS * ALIGN_SECTORS;
}

uint64_t luks_payload_offset(const struct luks_params *p)
{
	uint32_t one = aligned(slot_sectors((uint32_t)cipher_key_bytes(p->cipher, p->mode), LUKS_STRIPES));

	return (ALIGN_SECTORS + (uint64_t)LUKS_SLOTS * one) * LUKS_SECTOR;
}

/* ---- header ---------------------------------------------------------------------------------------------------- */
bool luks_probe(const void *buf, size_t n)
{
	const uint8_t *p = buf;

	return n >= 8 && !memcmp(p, magic, 6) && p[6] == 0 && p[7] == 1;
}

static int write_header(struct luks *l, struct err *e)
{
	uint8_t h[LUKS_HEADER_BYTES] = {0};
	int r;

	memcpy(h + H_MAGIC, magic, 6);
	put16(h + H_VERSION, 1);
	memcpy(h + H_CIPHER, l->cipher_spec, NAME_BYTES);
	memcpy(h + H_MODE, l->mode_spec, NAME_BYTES);
	snprintf((char *)h + H_HASH, NAME_BYTES, "%s", hash_name(l->p.hash));
	put32(h + H_PAYLOAD, l->payload);
	put32(h + H_KEY_BYTES, l->key_bytes);
	memcpy(h + H_DIGEST, l->digest, DIGEST_BYTES);
	memcpy(h + H_DIGEST_SALT, l->salt, SALT_BYTES);
	put32(h + H_DIGEST_ITERATIONS, l->iterations);
	memcpy(h + H_UUID, l->uuid, UUID_BYTES);
	for (int i = 0; i < LUKS_SLOTS; i++) {
		uint8_t *s = h + H_SLOTS + i * S_BYTES;
		put32(s + S_ACTIVE, l->slot[i].active ? SLOT_ENABLED : SLOT_DISABLED);
		put32(s + S_ITERATIONS, l->slot[i].active ? l->slot[i].iterations : 0);
		memcpy(s + S_SALT, l->slot[i].salt, SALT_BYTES);
		put32(s + S_OFFSET, l->slot[i].offset);
		put32(s + S_STRIPES, l->slot[i].stripes);
	}
	r = l->io.write(l->io.opaque, 0, sizeof h, h);
	if (!r && l->io.flush)
		r = l->io.flush(l->io.opaque);
	return r < 0 ? err_errno(e, -r, "cannot write the LUKS header") : 0;
}

static int take_name(const uint8_t *h, const char *what, char *out, struct err *e)
{
	memcpy(out, h, NAME_BYTES);
	out[NAME_BYTES] = '\0';
	if (memchr(h, 0, NAME_BYTES))
		return 0;
	return err_set(e, EINVAL, "LUKS header %s is not terminated", what);
}

/* "xts-plain64", "cbc-essiv:sha256", "ecb". */
static int parse_mode(struct luks *l, struct err *e)
{
	char text[NAME_BYTES + 1], *ivgen, *hash = NULL;

	strcpy(text, l->mode_spec);
	ivgen = strchr(text, '-');
	if (ivgen)
		*ivgen++ = '\0';
	if (cipher_mode_get(text, &l->p.mode, e) < 0)
		return -EINVAL;
	if (!ivgen) {
		if (l->p.mode == CIPHER_ECB)
			return 0;
		return err_set(e, EINVAL, "Unexpected cipher mode string format '%s': no IV generator", l->mode_spec);
	}
	hash = strchr(ivgen, ':');
	if (hash)
		*hash++ = '\0';
	if (ivgen_get(ivgen, &l->p.ivgen, e) < 0)
		return -EINVAL;
	if (hash && !(l->p.ivhash = hash_get(hash, e)))
		return -EINVAL;
	if (l->p.ivgen == IVGEN_ESSIV && !hash)
		return err_set(e, EINVAL, "Missing IV generator hash specification in '%s'", l->mode_spec);
	return 0;
}

static int check_slots(struct luks *l, struct err *e)
{
	for (unsigned i = 0; i < LUKS_SLOTS; i++) {
		struct slot *s = &l->slot[i];
		uint64_t start = s->offset, end = start + slot_sectors(l->key_bytes, s->stripes);
		if (s->stripes != LUKS_STRIPES)
			return err_set(e, EINVAL, "Keyslot %u is corrupted (stripes %u, must be %d)", i, s->stripes, LUKS_STRIPES);
		if (start < (LUKS_HEADER_BYTES + LUKS_SECTOR - 1) / LUKS_SECTOR)
			return err_set(e, EINVAL, "Keyslot %u is overlapping the LUKS header (key material at sector %u)", i, s->offset);
		if (l->payload && end > l->payload)
			return err_set(e, EINVAL, "Keyslot %u is overlapping with the encrypted payload (ends at sector %" PRIu64
				       ", payload at %u)", i, end, l->payload);
		if (s->active && end * LUKS_SECTOR > l->io.limit)
			return err_set(e, EINVAL, "Keyslot %u ends at %" PRIu64 ", beyond the volume of %" PRIu64 " bytes", i,
				       end * LUKS_SECTOR, l->io.limit);
		if (s->active && (s->iterations < 1 || s->iterations > MAX_ITERATIONS))
			return err_set(e, EINVAL, "Keyslot %u has an iteration count of %u, 1 to %u are possible", i, s->iterations,
				       MAX_ITERATIONS);
		for (unsigned k = 0; k < i; k++) {
			uint64_t other = l->slot[k].offset, other_end = other + slot_sectors(l->key_bytes, l->slot[k].stripes);
			if (start < other_end && other < end)
				return err_set(e, EINVAL, "Keyslots %u and %u are overlapping in the header", k, i);
		}
	}
	return 0;
}

static int parse_header(struct luks *l, const uint8_t *h, struct err *e)
{
	char hash[NAME_BYTES + 1];
	size_t key;

	if (memcmp(h, magic, 6))
		return err_set(e, EINVAL, "Volume is not in LUKS format");
	if (h[H_VERSION] || h[H_VERSION + 1] != 1)
		return err_set(e, ENOTSUP, "LUKS version %u is not supported, only 1", h[H_VERSION] << 8 | h[H_VERSION + 1]);
	if (take_name(h + H_CIPHER, "cipher name", l->cipher_spec, e) < 0 ||
	    take_name(h + H_MODE, "cipher mode", l->mode_spec, e) < 0 || take_name(h + H_HASH, "hash spec", hash, e) < 0)
		return -EINVAL;
	l->payload = get32(h + H_PAYLOAD);
	l->key_bytes = get32(h + H_KEY_BYTES);
	l->iterations = get32(h + H_DIGEST_ITERATIONS);
	memcpy(l->digest, h + H_DIGEST, DIGEST_BYTES);
	memcpy(l->salt, h + H_DIGEST_SALT, SALT_BYTES);
	memcpy(l->uuid, h + H_UUID, UUID_BYTES);
	for (int i = 0; i < LUKS_SLOTS; i++) {
		const uint8_t *s = h + H_SLOTS + i * S_BYTES;
		uint32_t state = get32(s + S_ACTIVE);
		if (state != SLOT_ENABLED && state != SLOT_DISABLED)
			return err_set(e, EINVAL, "Keyslot %d state 0x%08x is corrupted", i, state);
		l->slot[i].active = state == SLOT_ENABLED;
		l->slot[i].iterations = get32(s + S_ITERATIONS);
		l->slot[i].offset = get32(s + S_OFFSET);
		l->slot[i].stripes = get32(s + S_STRIPES);
		memcpy(l->slot[i].salt, s + S_SALT, SALT_BYTES);
	}
	l->p.hash = hash_get(hash, e);
	if (!l->p.hash || parse_mode(l, e) < 0)
		return -EINVAL;
	if (!l->iterations || l->iterations > MAX_ITERATIONS)
		return err_set(e, EINVAL, "LUKS key digest has an iteration count of %u, 1 to %u are possible", l->iterations,
			       MAX_ITERATIONS);
	key = l->p.mode == CIPHER_XTS ? l->key_bytes / 2 : l->key_bytes;
	if ((l->p.mode == CIPHER_XTS && l->key_bytes % 2) || key > CIPHER_MAX_KEY)
		return err_set(e, EINVAL, "LUKS key of %u bytes does not fit cipher mode %s", l->key_bytes, l->mode_spec);
	l->p.cipher = cipher_find_family(l->cipher_spec, key);
	if (!l->p.cipher)
		return err_set(e, ENOTSUP, "Algorithm '%s' with key size %u bits is not supported", l->cipher_spec,
			       (unsigned)key * 8);
	return check_slots(l, e);
}

void luks_free(struct luks *l)
{
	if (!l)
		return;
	sector_cipher_free(l->data);
	forget(l, sizeof *l);
	free(l);
}

static struct sector_cipher *make_cipher(const struct luks *l, const uint8_t *key, struct err *e)
{
	return sector_cipher_new(l->p.cipher, l->p.mode, l->p.ivgen, l->p.ivhash, key, l->key_bytes, e);
}

/* ---- key slots ------------------------------------------------------------------------------------------------- */
bool luks_slot_active(const struct luks *l, unsigned slot)
{
	return slot < LUKS_SLOTS && l->slot[slot].active;
}

/* 1 and the volume key, or 0: the passphrase is another one. */
static int slot_open(struct luks *l, unsigned slot, const uint8_t *pass, size_t plen, uint8_t *key, struct err *e)
{
	const struct slot *s = &l->slot[slot];
	size_t bytes = (size_t)l->key_bytes * s->stripes;
	uint8_t derived[CIPHER_MAX_KEY], digest[DIGEST_BYTES], *split;
	struct sector_cipher *c = NULL;
	int r;

	if (!s->active)
		return 0;
	split = malloc(bytes);
	if (!split)
		return err_errno(e, ENOMEM, "key material of %zu bytes", bytes);
	r = l->io.read(l->io.opaque, (uint64_t)s->offset * LUKS_SECTOR, bytes, split);
	if (r < 0) {
		err_errno(e, -r, "cannot read the key material of slot %u", slot);
		goto out;
	}
	hash_pbkdf2(l->p.hash, pass, plen, s->salt, SALT_BYTES, s->iterations, derived, l->key_bytes);
	c = make_cipher(l, derived, e);
	if (!c) {
		r = -EINVAL;
		goto out;
	}
	sector_decrypt(c, 0, LUKS_SECTOR, split, split, bytes);
	af_merge(l->p.hash, split, l->key_bytes, s->stripes, key);
	hash_pbkdf2(l->p.hash, key, l->key_bytes, l->salt, SALT_BYTES, l->iterations, digest, DIGEST_BYTES);
	r = memcmp(digest, l->digest, DIGEST_BYTES) == 0;
out:
	sector_cipher_free(c);
	forget(derived, sizeof derived);
	forget(split, bytes);
	free(split);
	return r;
}

int luks_slot_matches(struct luks *l, unsigned slot, const uint8_t *pass, size_t plen, struct err *e)
{
	uint8_t key[CIPHER_MAX_KEY];
	int r = slot_open(l, slot, pass, plen, key, e);

	forget(key, sizeof key);
	return r;
}

int luks_slot_set(struct luks *l, unsigned slot, const uint8_t *pass, size_t plen, unsigned iter_ms, struct err *e)
{
	struct slot *s = &l->slot[slot];
	size_t bytes = (size_t)l->key_bytes * s->stripes;
	uint8_t derived[CIPHER_MAX_KEY], *split = malloc(bytes);
	struct sector_cipher *c = NULL;
	int r;

	if (!split)
		return err_errno(e, ENOMEM, "key material of %zu bytes", bytes);
	s->iterations = hash_pbkdf2_count(l->p.hash, l->key_bytes, iter_ms, MIN_ITERATIONS);
	if (s->iterations > MAX_ITERATIONS)
		s->iterations = MAX_ITERATIONS;
	if ((r = random_bytes(s->salt, SALT_BYTES, e)) < 0 ||
	    (r = af_split(l->p.hash, l->key, l->key_bytes, s->stripes, split, e)) < 0)
		goto out;
	hash_pbkdf2(l->p.hash, pass, plen, s->salt, SALT_BYTES, s->iterations, derived, l->key_bytes);
	c = make_cipher(l, derived, e);
	if (!c) {
		r = -EINVAL;
		goto out;
	}
	sector_encrypt(c, 0, LUKS_SECTOR, split, split, bytes);
	/* The material is on the disk before the header says so. */
	r = l->io.write(l->io.opaque, (uint64_t)s->offset * LUKS_SECTOR, bytes, split);
	if (!r && l->io.flush)
		r = l->io.flush(l->io.opaque);
	if (r < 0) {
		err_errno(e, -r, "cannot write the key material of slot %u", slot);
		goto out;
	}
	s->active = true;
	r = write_header(l, e);
	if (r < 0)
		s->active = false;
out:
	sector_cipher_free(c);
	forget(derived, sizeof derived);
	forget(split, bytes);
	free(split);
	return r;
}

int luks_slot_erase(struct luks *l, unsigned slot, struct err *e)
{
	struct slot *s = &l->slot[slot];
	size_t bytes = (size_t)l->key_bytes * s->stripes;
	uint8_t *noise = malloc(bytes);
	int r;

	if (!noise)
		return err_errno(e, ENOMEM, "key material of %zu bytes", bytes);
	s->active = false;
	s->iterations = 0;
	memset(s->salt, 0, SALT_BYTES);
	r = write_header(l, e);
	for (int pass = 0; pass < 2 && r >= 0; pass++) {
		r = random_bytes(noise, bytes, e);
		if (r < 0)
			break;
		r = l->io.write(l->io.opaque, (uint64_t)s->offset * LUKS_SECTOR, bytes, noise);
		if (!r && l->io.flush)
			r = l->io.flush(l->io.opaque);
		if (r < 0)
			err_errno(e, -r, "cannot overwrite the key material of slot %u", slot);
	}
	free(noise);
	return r;
}

static unsigned active_slots(const struct luks *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LUKS_SLOTS; i++)
		n += l->slot[i].active;
	return n;
}

static int amend_erase(struct luks *l, int slot, const uint8_t *old, size_t olen, bool force, struct err *e)
{
	bool match[LUKS_SLOTS] = {false};
	unsigned matches = 0;
	int r;

	if (old) {
		for (unsigned i = 0; i < LUKS_SLOTS; i++) {
			if (slot >= 0 && i != (unsigned)slot)
				continue;
			r = luks_slot_matches(l, i, old, olen, e);
			if (r < 0)
				return r;
			match[i] = r > 0;
			matches += r > 0;
		}
		if (!matches)
			return err_set(e, EINVAL, "No keyslots match given (old) password for erase operation");
		if (!force && matches == active_slots(l))
			return err_set(e, EINVAL, "All the active keyslots match the (old) password that was given and erasing them will "
				       "erase all the data in the image irreversibly - refusing operation");
	} else if (slot >= 0) {
		if (!l->slot[slot].active)
			return err_set(e, EINVAL, "Given keyslot %d is already erased (inactive)", slot);
		if (!force && active_slots(l) == 1)
			return err_set(e, EINVAL, "Attempt to erase the only active keyslot %d which will erase all the data in the image "
				       "irreversibly - refusing operation", slot);
		match[slot] = true;
	} else {
		return err_set(e, EINVAL, "To erase keyslot(s), either explicit keyslot index or the password currently contained in "
			       "them must be given");
	}
	for (unsigned i = 0; i < LUKS_SLOTS; i++)
		if (match[i] && (r = luks_slot_erase(l, i, e)) < 0)
			return r;
	return 0;
}

int luks_amend(struct luks *l, bool active, int slot, const uint8_t *old, size_t olen, const uint8_t *fresh, size_t flen,
	       unsigned iter_ms, bool force, struct err *e)
{
	if (slot < -1 || slot >= LUKS_SLOTS)
		return err_set(e, EINVAL, "Invalid keyslot %d specified, must be between 0 and %d", slot, LUKS_SLOTS - 1);
	if (!active) {
		if (fresh)
			return err_set(e, EINVAL, "'new-secret' must not be given when erasing keyslots");
		return amend_erase(l, slot, old, olen, force, e);
	}
	if (!fresh)
		return err_set(e, EINVAL, "'new-secret' is required to activate a keyslot");
	if (old)
		return err_set(e, EINVAL, "'old-secret' must not be given when activating keyslots");
	if (!l->data)
		return err_set(e, EPERM, "the volume must be unlocked to add a key: give key-secret");
	if (slot >= 0 && l->slot[slot].active && !force)
		return err_set(e, EINVAL, "Refusing to overwrite active keyslot %d - please erase it first", slot);
	for (int i = 0; slot < 0 && i < LUKS_SLOTS; i++)
		if (!l->slot[i].active) {
			slot = i;
			break;
		}
	if (slot < 0)
		return err_set(e, ENOSPC, "Can't add a keyslot - all keyslots are in use");
	return luks_slot_set(l, (unsigned)slot, fresh, flen, iter_ms ? iter_ms : LUKS_DEFAULT_MS, e);
}

/* ---- opening and creating -------------------------------------------------------------------------------------- */
struct luks *luks_open(const struct luks_io *io, const uint8_t *pass, size_t plen, struct err *e)
{
	struct luks *l = calloc(1, sizeof *l);
	uint8_t h[LUKS_HEADER_BYTES];
	int r;

	if (!l) {
		err_errno(e, ENOMEM, "LUKS volume");
		return NULL;
	}
	l->io = *io;
	if (io->limit < sizeof h) {
		err_set(e, EINVAL, "Volume is not in LUKS format: %" PRIu64 " bytes have no room for a header", io->limit);
		goto fail;
	}
	r = io->read(io->opaque, 0, sizeof h, h);
	if (r < 0) {
		err_errno(e, -r, "Unable to read LUKS header");
		goto fail;
	}
	if (parse_header(l, h, e) < 0)
		goto fail;
	if (!pass)
		return l;
	for (unsigned i = 0; i < LUKS_SLOTS; i++) {
		r = slot_open(l, i, pass, plen, l->key, e);
		if (r < 0)
			goto fail;
		if (r > 0) {
			l->data = make_cipher(l, l->key, e);
			if (!l->data)
				goto fail;
			return l;
		}
	}
	err_set(e, EPERM, "Invalid password, cannot unlock any keyslot");
fail:
	luks_free(l);
	return NULL;
}

static int name_parts(struct luks *l, struct err *e)
{
	if (strlen(cipher_family(l->p.cipher)) >= NAME_BYTES)
		return err_set(e, EINVAL, "cipher name is too long");
	strcpy(l->cipher_spec, cipher_family(l->p.cipher));
	if (l->p.ivgen == IVGEN_ESSIV)
		snprintf(l->mode_spec, sizeof l->mode_spec, "%s-essiv:%s", cipher_mode_name(l->p.mode), hash_name(l->p.ivhash));
	else
		snprintf(l->mode_spec, sizeof l->mode_spec, "%s-%s", cipher_mode_name(l->p.mode), ivgen_name(l->p.ivgen));
	return 0;
}

struct luks *luks_create(const struct luks_io *io, const struct luks_params *p, const uint8_t *pass, size_t plen,
			 struct err *e)
{
	struct luks *l = calloc(1, sizeof *l);
	uint32_t one;
	uint8_t u[16];

	if (!l) {
		err_errno(e, ENOMEM, "LUKS volume");
		return NULL;
	}
	l->io = *io;
	l->p = *p;
	if (l->p.ivgen == IVGEN_ESSIV && !l->p.ivhash)
		l->p.ivhash = hash_find("sha256");
	l->key_bytes = (uint32_t)cipher_key_bytes(p->cipher, p->mode);
	l->payload = (uint32_t)(luks_payload_offset(p) / LUKS_SECTOR);
	one = aligned(slot_sectors(l->key_bytes, LUKS_STRIPES));
	if (name_parts(l, e) < 0 || random_bytes(l->key, l->key_bytes, e) < 0 || random_bytes(l->salt, SALT_BYTES, e) < 0 ||
	    random_uuid(u, e) < 0)
		goto fail;
	/* Refuses what does not fit together (XTS with short blocks, ESSIV hashes) before anything is written. */
	l->data = make_cipher(l, l->key, e);
	if (!l->data)
		goto fail;
	snprintf(l->uuid, sizeof l->uuid, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
		 u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
		l->slot[i].offset = ALIGN_SECTORS + i * one;
		l->slot[i].stripes = LUKS_STRIPES;
	}
	/* The digest is checked for each slot that is tried: an eighth of the time goes to it. */
	l->iterations = hash_pbkdf2_count(l->p.hash, DIGEST_BYTES, p->iter_ms / 8, MIN_ITERATIONS);
	if (l->iterations > MAX_ITERATIONS)
		l->iterations = MAX_ITERATIONS;
	hash_pbkdf2(l->p.hash, l->key, l->key_bytes, l->salt, SALT_BYTES, l->iterations, l->digest, DIGEST_BYTES);
	if (luks_slot_set(l, 0, pass, plen, p->iter_ms, e) < 0)
		goto fail;
	return l;
fail:
	luks_free(l);
	return NULL;
}

uint64_t luks_payload(const struct luks *l)
{
	return (uint64_t)l->payload * LUKS_SECTOR;
}

const struct sector_cipher *luks_cipher(const struct luks *l)
{
	return l->data;
}

json_t *luks_info(const struct luks *l)
{
	json_t *o = json_object(), *list = json_array();

	json_object_set_new(o, "ivgen-alg", json_string(ivgen_name(l->p.ivgen)));
	json_object_set_new(o, "hash-alg", json_string(hash_name(l->p.hash)));
	json_object_set_new(o, "cipher-alg", json_string(cipher_name(l->p.cipher)));
	json_object_set_new(o, "uuid", json_string(l->uuid));
	if (l->p.ivgen == IVGEN_ESSIV)
		json_object_set_new(o, "ivgen-hash-alg", json_string(hash_name(l->p.ivhash)));
	json_object_set_new(o, "cipher-mode", json_string(cipher_mode_name(l->p.mode)));
	for (unsigned i = 0; i < LUKS_SLOTS; i++) {
		const struct slot *s = &l->slot[i];
		json_t *j = json_object();
		json_object_set_new(j, "active", json_boolean(s->active));
		if (s->active)
			json_object_set_new(j, "iters", json_integer(s->iterations));
		json_object_set_new(j, "key-offset", json_integer((json_int_t)s->offset * LUKS_SECTOR));
		if (s->active)
			json_object_set_new(j, "stripes", json_integer(s->stripes));
		json_array_append_new(list, j);
	}
	json_object_set_new(o, "slots", list);
	json_object_set_new(o, "payload-offset", json_integer((json_int_t)luks_payload(l)));
	json_object_set_new(o, "master-key-iters", json_integer(l->iterations));
	return o;
}
