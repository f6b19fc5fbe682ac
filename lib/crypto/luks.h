/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LUKS volumes, version 1 ("LUKS On-Disk Format Specification", version 1.2.3): the header, its eight key slots, and the
 * cipher of the payload. Used by the luks format (a volume in a file) and by qcow2 (the header in an extension of its own).
 *
 * The header is read and written through a pair of functions, whose offsets count from its beginning. Nothing here
 * locks; a struct luks is changed only by the functions that add or erase slots.
 */
#ifndef CRYPTO_LUKS_H
#define CRYPTO_LUKS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "crypto/cipher.h"

enum { LUKS_SLOTS = 8, LUKS_STRIPES = 4000, LUKS_DEFAULT_MS = 2000, LUKS_HEADER_BYTES = 592, LUKS_SECTOR = 512 };

struct luks_io {
	int (*read)(void *opaque, uint64_t off, size_t n, void *buf); /* 0 or -errno */
	int (*write)(void *opaque, uint64_t off, size_t n, const void *buf);
	int (*flush)(void *opaque); /* NULL: nothing to flush */
	void *opaque;
	uint64_t limit; /* bytes that the header and the key material may lie in */
};

/* What a new volume is made with. luks_params_init() sets the defaults: aes-256 xts plain64 sha256, 2000 ms. */
struct luks_params {
	const struct cipher_alg *cipher;
	enum cipher_mode mode;
	enum ivgen_kind ivgen;
	const struct hash *ivhash; /* NULL: none; for essiv sha256 is taken */
	const struct hash *hash;
	unsigned iter_ms;
};
void luks_params_init(struct luks_params *p);
/* One of cipher-alg, cipher-mode, ivgen-alg, ivgen-hash-alg, hash-alg, iter-time. -ENOENT: no such key. */
int luks_params_set(struct luks_params *p, const char *key, const char *value, struct err *e);
/* Bytes from the start of the header to the payload. */
uint64_t luks_payload_offset(const struct luks_params *p);

struct luks;

bool luks_probe(const void *buf, size_t n); /* of n >= 8 bytes: LUKS magic and version 1 */

/*
 * Reads and checks a header. pass NULL: only luks_info() and the like will be possible; otherwise the slots are tried
 * with it, -EPERM when none opens. NULL on failure.
 */
struct luks *luks_open(const struct luks_io *io, const uint8_t *pass, size_t plen, struct err *e);

/*
 * Writes a new header with a random volume key, the passphrase in slot 0, and no other slot. The place of
 * luks_payload_offset() bytes must be there (its contents do not matter).
 */
struct luks *luks_create(const struct luks_io *io, const struct luks_params *p, const uint8_t *pass, size_t plen,
			 struct err *e);
void luks_free(struct luks *l);

uint64_t luks_payload(const struct luks *l);                     /* as the header has it, in bytes */
const struct sector_cipher *luks_cipher(const struct luks *l);   /* NULL: opened without a passphrase */
json_t *luks_info(const struct luks *l);                         /* the "data" of "Format specific information" */

/* ---- key slots ------------------------------------------------------------------------------------------------- */
bool luks_slot_active(const struct luks *l, unsigned slot);
/* Whether the passphrase opens the slot: 1 or 0, or -errno. */
int luks_slot_matches(struct luks *l, unsigned slot, const uint8_t *pass, size_t plen, struct err *e);
/* Puts the passphrase into a free slot. The volume must be unlocked. */
int luks_slot_set(struct luks *l, unsigned slot, const uint8_t *pass, size_t plen, unsigned iter_ms, struct err *e);
/* Marks the slot as free, then overwrites its key material. */
int luks_slot_erase(struct luks *l, unsigned slot, struct err *e);

/*
 * The amend operation: state "active" (new passphrase into `slot`, or the first free one where slot is -1) or
 * "inactive" (erases `slot`, or those that `old` opens). Refuses to erase the last one unless force is set.
 */
int luks_amend(struct luks *l, bool active, int slot, const uint8_t *old, size_t olen, const uint8_t *fresh, size_t flen,
	       unsigned iter_ms, bool force, struct err *e);
#endif
