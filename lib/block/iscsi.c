/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iscsi: a logical unit of an iSCSI target (RFC 7143; commands of SPC-4 and SBC-3).
 *
 * Session parameters that a node does not give come from `-iscsi` (blk_iscsi_defaults(): one group for a target named by
 * its id, one for all others), then from LIBISCSI_CHAP_USERNAME and LIBISCSI_CHAP_PASSWORD.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "block/core.h"
#include "block/iscsi-session.h"
#include "block/library.h"
#include "block/url.h"
#include "crypto/object.h"

#define TRANSFER_MAX (1u << 20) /* bytes of one command, where the target names no limit */
#define TIMEOUT_DEFAULT 30u
#define TIMEOUT_MAX 100000u
#define INITIATOR "iqn.2008-11.org.linux-kvm"

static const struct blk_option iscsi_options[] = {
	{"transport", BLK_OPT_STRING, "tcp", NULL, (const char *const[]){"tcp", NULL}},
	{"portal", BLK_OPT_STRING, "HOST[:PORT] of the target", NULL, NULL},
	{"target", BLK_OPT_STRING, "name of the target (iqn...)", NULL, NULL},
	{"lun", BLK_OPT_NUMBER, "number of the logical unit", "0", NULL},
	{"user", BLK_OPT_STRING, "user name for CHAP", NULL, NULL},
	{"password", BLK_OPT_STRING, "password for CHAP, which other users may see: better in a secret", NULL, NULL},
	{"password-secret", BLK_OPT_STRING, "ID of the secret with the password for CHAP", NULL, NULL},
	{"initiator-name", BLK_OPT_STRING, "our name (iqn...), by default " INITIATOR, NULL, NULL},
	{"header-digest", BLK_OPT_STRING, "CRC32C, CRC32C-NONE, NONE-CRC32C or NONE", NULL, NULL},
	{"timeout", BLK_OPT_NUMBER, "seconds until a silent target is given up; 0: never", NULL, NULL},
	{.name = NULL},
};

static int parse_filename(const char *name, json_t *options, struct err *e)
{
	struct blk_url u;
	char *slash, *end, portal[300];
	int r = blk_url_parse(name, '%', &u, e);

	if (r)
		return r;
	slash = u.path[0] ? strchr(u.path + 1, '/') : NULL;
	if (!u.host || !slash || slash == u.path + 1 || !slash[1]) {
		r = err_set(e, EINVAL, "%s is not complete; accepted: iscsi://[USER[%%PASSWORD]@]HOST[:PORT]/TARGET-IQN/LUN", name);
		goto out;
	}
	*slash = '\0';
	if (strtoul(slash + 1, &end, 10) > 16383 || *end || slash[1] == '-') {
		r = err_set(e, EINVAL, "%s: the LUN '%s' is no number from 0 to 16383", name, slash + 1);
		goto out;
	}
	if (u.queries) {
		r = err_set(e, EINVAL, "%s: an iSCSI URL takes no parameters", name);
		goto out;
	}
	snprintf(portal, sizeof portal, strchr(u.host, ':') ? "[%s]:%s" : "%s:%s", u.host, u.port ? u.port : "3260");
	if (json_object_set_new(options, "portal", json_string(portal)) < 0 ||
	    json_object_set_new(options, "target", json_string(u.path + 1)) < 0 ||
	    json_object_set_new(options, "lun", json_string(slash + 1)) < 0 ||
	    (u.user && json_object_set_new(options, "user", json_string(u.user)) < 0) ||
	    (u.password && json_object_set_new(options, "password", json_string(u.password)) < 0))
		r = err_set(e, EINVAL, "%s is not valid UTF-8", name);
out:
	blk_url_free(&u);
	return r;
}

static char *describe(struct blk *b)
{
	const char *portal = blk_opts_string(b->opts, "portal"), *target = blk_opts_string(b->opts, "target");
	char *text;

	if (!portal || !target || asprintf(&text, "iscsi://%s/%s/%llu", portal, target,
					   (unsigned long long)blk_opts_number(b->opts, "lun", 0)) < 0)
		return NULL;
	return text;
}

static const char *const default_keys[] = {"user", "password", "password-secret", "header-digest", "initiator-name", "timeout", "id",
					    "qom-type", NULL};

int blk_iscsi_defaults(struct blk_graph *g, const json_t *props, struct err *e)
{
	const char *key;
	json_t *v, *copy;

	json_object_foreach ((json_t *)props, key, v) {
		unsigned i = 0;
		while (default_keys[i] && strcmp(default_keys[i], key))
			i++;
		if (!default_keys[i] || !(json_is_string(v) || json_is_integer(v)))
			return err_set(e, EINVAL, "iscsi: '%s' is not accepted; accepted are: user, password, password-secret, "
				       "header-digest, initiator-name, timeout, id", key);
	}
	copy = json_deep_copy(props);
	if (!g->iscsi)
		g->iscsi = json_array();
	if (!copy || json_array_append_new(g->iscsi, copy) < 0)
		return err_errno(e, ENOMEM, "iscsi");
	return 0;
}

int blk_object_add_text(struct blk_graph *g, const char *text, struct err *e)
{
	json_t *props = keyval_parse_object(text, "qom-type", e);
	const char *type = json_string_value(json_object_get(props, "qom-type"));
	int r;

	if (!props)
		return e && e->code ? -e->code : -EINVAL;
	r = type && !strcmp(type, "iscsi") ? blk_iscsi_defaults(g, props, e) : objects_add(g->objects, props, e);
	json_decref(props);
	return r;
}

#ifdef HAVE_ISCSI
struct iscsi {
	struct iscsi_session *session;
	uint32_t block;          /* bytes */
	uint64_t max_blocks;     /* of one read or write */
	uint64_t max_same, max_unmap;
	bool provisioned, unmap, same, same_unmap, zero_after_unmap, disk, no_status;
};

static int run(struct iscsi *s, struct iscsi_command *c)
{
	return iscsi_session_run(s->session, c);
}

/* SPC-4 6.6: INQUIRY; page 0 and no EVPD: the standard data. -errno or bytes that came. */
static int inquiry(struct iscsi *s, bool vpd, uint8_t page, uint8_t *buf, size_t size)
{
	struct iscsi_command c = {.cdb = {0x12, vpd, page, (uint8_t)(size >> 8), (uint8_t)size}, .cdb_size = 6, .in = buf, .length = size};
	int r;

	memset(buf, 0, size);
	r = run(s, &c);
	return r ? r : (int)c.got;
}

/* What the target has instead of the LUN that was asked for (SPC-4 6.33: REPORT LUNS). */
static void name_luns(struct iscsi *s, struct err *e)
{
	uint8_t buf[8 + 8 * 256] = {0};
	struct iscsi_command c = {.cdb = {0xa0}, .cdb_size = 12, .in = buf, .length = sizeof buf};
	char text[400] = "";
	size_t used = 0;
	uint32_t n;

	be32_put(c.cdb + 6, sizeof buf);
	if (iscsi_session_run_lun(s->session, 0, &c) || c.got < 8)
		return;
	n = be32_get(buf) / 8;
	if (n > (c.got - 8) / 8)
		n = (uint32_t)((c.got - 8) / 8);
	for (uint32_t i = 0; i < n && used + 16 < sizeof text; i++) {
		const uint8_t *p = buf + 8 + 8 * i;
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%u", i ? ", " : "", (p[0] & 0x3fu) << 8 | p[1]);
	}
	if (n)
		err_hint(e, "The target has the LUNs %s", text);
}

static int read_capacity(struct blk *b, struct err *e)
{
	struct iscsi *s = b->state;
	uint8_t buf[32] = {0};
	struct iscsi_command c = {.cdb = {0x9e, 0x10}, .cdb_size = 16, .in = buf, .length = sizeof buf}; /* SBC-3 5.16 */
	uint64_t last;
	int r;

	be32_put(c.cdb + 10, sizeof buf);
	r = s->disk ? run(s, &c) : -ENOTSUP;
	if (!r && c.got >= 12) {
		last = be64_get(buf);
		s->block = be32_get(buf + 8);
		s->provisioned = c.got >= 15 && buf[14] & 0x80;
		s->zero_after_unmap = c.got >= 15 && buf[14] & 0x40;
	} else {
		struct iscsi_command ten = {.cdb = {0x25}, .cdb_size = 10, .in = buf, .length = 8};
		r = run(s, &ten);
		if (r == -ENOMEDIUM && !s->disk) { /* an empty drive */
			s->block = 2048;
			b->size = 0;
			return 0;
		}
		if (r || ten.got < 8)
			return err_errno(e, r ? -r : EIO, "the capacity cannot be read");
		last = be32_get(buf);
		s->block = be32_get(buf + 4);
		if (last == UINT32_MAX)
			return err_set(e, EFBIG, "the logical unit is too large for READ CAPACITY(10), and knows no other");
	}
	if (s->block < 512 || s->block > 65536 || (s->block & (s->block - 1)))
		return err_set(e, ENOTSUP, "blocks of %u bytes are not accepted; accepted are powers of two from 512 to 65536", s->block);
	if (last >= (uint64_t)INT64_MAX / s->block)
		return err_set(e, EFBIG, "the logical unit has too many blocks (%llu)", (unsigned long long)last);
	b->size = last + 1 == 1 && !s->disk ? 0 : (last + 1) * s->block;
	return 0;
}

/* What may be asked for at once, and which ways there are to zero and to discard (SBC-3 6.6.3, 6.6.4). */
static void read_limits(struct blk *b)
{
	struct iscsi *s = b->state;
	uint8_t buf[64];
	uint32_t max = 0;

	s->max_same = s->max_unmap = 0;
	if (inquiry(s, true, 0xb0, buf, sizeof buf) >= 44) {
		max = be32_get(buf + 8);
		s->max_unmap = be32_get(buf + 20);
		s->max_same = be64_get(buf + 36);
	}
	if (inquiry(s, true, 0xb2, buf, sizeof buf) >= 6) {
		s->unmap = buf[5] & 0x80;
		s->same_unmap = buf[5] & 0x40;
		s->zero_after_unmap |= (buf[5] & 0x04) != 0;
	}
	s->unmap = s->unmap && s->provisioned;
	s->same = s->disk;
	s->max_blocks = TRANSFER_MAX / s->block;
	if (max && max < s->max_blocks)
		s->max_blocks = max;
	if (!s->max_same || s->max_same > UINT32_MAX)
		s->max_same = (1u << 30) / s->block;
	if (!s->max_unmap || s->max_unmap > (1u << 30) / s->block)
		s->max_unmap = (1u << 30) / s->block;
}

static bool write_protected(struct iscsi *s)
{
	uint8_t buf[192] = {0};
	struct iscsi_command c = {.cdb = {0x1a, 0, 0x3f, 0, sizeof buf}, .cdb_size = 6, .in = buf, .length = sizeof buf}; /* MODE SENSE(6) */

	return !run(s, &c) && c.got >= 3 && buf[2] & 0x80;
}

/* An option of the node, else of -iscsi for this target, else of -iscsi for all. */
static const char *parameter(struct blk *b, const char *name, char *number, size_t size)
{
	const char *target = blk_opts_string(b->opts, "target"), *found = NULL, *id;
	json_t *group, *v;
	size_t i;

	if (blk_opts_has(b->opts, name))
		return blk_opts_string(b->opts, name);
	json_array_foreach (b->graph->iscsi, i, group) {
		id = json_string_value(json_object_get(group, "id"));
		v = json_object_get(group, name);
		if (!v || (id && strcmp(id, target)) || (!id && found))
			continue;
		if (json_is_integer(v)) {
			snprintf(number, size, "%lld", (long long)json_integer_value(v));
			found = number;
		} else {
			found = json_string_value(v);
		}
		if (id)
			break;
	}
	return found;
}

static int iscsi_open(struct blk *b, struct err *e)
{
	struct iscsi *s = b->state;
	const char *portal = blk_opts_string(b->opts, "portal"), *timeout, *secret;
	char host[256], *secret_text = NULL, number[6][32], *end;
	struct iscsi_target t = {.port = "3260", .lun = (unsigned)blk_opts_number(b->opts, "lun", 0), .timeout = TIMEOUT_DEFAULT};
	uint8_t buf[96];
	size_t n;
	int r;

	t.name = blk_opts_string(b->opts, "target");
	if (!portal || !*portal)
		return err_set(e, EINVAL, "the 'iscsi' block driver requires a portal");
	if (!t.name || !*t.name)
		return err_set(e, EINVAL, "the 'iscsi' block driver requires a target");
	if (t.lun > 16383)
		return err_set(e, EINVAL, "lun=%u is not accepted: 0 to 16383", t.lun);
	n = *portal == '[' ? strcspn(portal, "]") : strcspn(portal, ":");
	snprintf(host, sizeof host, "%.*s", *portal == '[' ? (int)n - 1 : (int)n, portal + (*portal == '['));
	t.host = host;
	if (portal[n] == ']')
		n++;
	if (portal[n] == ':')
		t.port = portal + n + 1;
	t.user = parameter(b, "user", number[0], sizeof number[0]);
	t.password = parameter(b, "password", number[1], sizeof number[1]);
	secret = parameter(b, "password-secret", number[2], sizeof number[2]);
	t.digest = parameter(b, "header-digest", number[3], sizeof number[3]);
	t.initiator = parameter(b, "initiator-name", number[4], sizeof number[4]);
	timeout = parameter(b, "timeout", number[5], sizeof number[5]);
	if (!t.initiator)
		t.initiator = INITIATOR;
	if (timeout) {
		unsigned long v = strtoul(timeout, &end, 10);
		if (*end || end == timeout || v > TIMEOUT_MAX)
			return err_set(e, EINVAL, "timeout=%s is not accepted: 0 to %u seconds", timeout, TIMEOUT_MAX);
		t.timeout = (unsigned)v;
	}
	if (t.password && secret)
		return err_set(e, EINVAL, "password and password-secret may not be used at the same time");
	if (secret && !(t.password = secret_text = blk_secret_text(b, secret, e)))
		return e && e->code ? -e->code : -EINVAL;
	if (!t.user && (t.user = getenv("LIBISCSI_CHAP_USERNAME")) && !t.password)
		t.password = getenv("LIBISCSI_CHAP_PASSWORD");
	r = iscsi_session_open(&t, &s->session, e);
	blk_secret_free(secret_text);
	if (r)
		return r;
	r = inquiry(s, false, 0, buf, sizeof buf);
	if (r < 0 && r != -ENODEV)
		return err_errno(e, -r, "LUN %u of %s does not answer", t.lun, t.name);
	if (r < 1 || buf[0] >> 5) { /* SPC-4 6.6.2: peripheral qualifier: nothing is connected there */
		err_set(e, ENODEV, "%s has no LUN %u", t.name, t.lun);
		name_luns(s, e);
		return -ENODEV;
	}
	if ((buf[0] & 0x1f) != 0 && (buf[0] & 0x1f) != 5)
		return err_set(e, ENOTSUP, "LUN %u of %s is no disk and no CD-ROM (SCSI device type %u)", t.lun, t.name, buf[0] & 0x1f);
	s->disk = (buf[0] & 0x1f) == 0;
	if ((r = read_capacity(b, e)))
		return r;
	read_limits(b);
	if ((b->flags & BLK_RDWR) && (!s->disk || write_protected(s))) {
		if (!(b->flags & BLK_AUTO_READ_ONLY))
			return err_set(e, EACCES, "LUN %u of %s is write-protected", t.lun, t.name);
		b->flags &= ~(unsigned)BLK_RDWR;
	}
	b->align = b->zero_align = s->block;
	b->max_zeroes = (s->max_same < s->max_unmap ? s->max_same : s->max_unmap) * s->block;
	return 0;
}

static void iscsi_close(struct blk *b)
{
	struct iscsi *s = b->state;
	iscsi_session_close(s->session);
}

/* READ(16), WRITE(16): SBC-3 5.11, 5.34; CD-ROMs know READ(10). */
static int transfer(struct blk *b, uint64_t offset, size_t length, void *in, const void *out, bool fua)
{
	struct iscsi *s = b->state;
	int r = 0;

	while (length && !r) {
		uint64_t lba = offset / s->block, blocks = length / s->block;
		struct iscsi_command c = {.cdb_size = 16};
		if (blocks > s->max_blocks)
			blocks = s->max_blocks;
		if (s->disk) {
			c.cdb[0] = in ? 0x88 : 0x8a;
			c.cdb[1] = fua ? 8 : 0;
			be64_put(c.cdb + 2, lba);
			be32_put(c.cdb + 10, (uint32_t)blocks);
		} else {
			c.cdb_size = 10;
			c.cdb[0] = 0x28;
			be32_put(c.cdb + 2, (uint32_t)lba);
			be16_put(c.cdb + 7, (uint16_t)blocks);
		}
		c.in = in;
		c.out = out;
		c.length = (size_t)blocks * s->block;
		r = run(s, &c);
		if (!r && c.got < c.length)
			r = -EIO;
		offset += c.length;
		length -= c.length;
		in = in ? (char *)in + c.length : NULL;
		out = out ? (const char *)out + c.length : NULL;
	}
	return r;
}

static int iscsi_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	return transfer(b, offset, length, buf, NULL, false);
}

static int iscsi_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	return transfer(b, offset, length, NULL, buf, flags & BLK_WRITE_FUA);
}

/* SBC-3 5.18: SYNCHRONIZE CACHE(10) of everything; one that is unknown means there is no cache. */
static int iscsi_flush(struct blk *b)
{
	struct iscsi *s = b->state;
	struct iscsi_command c = {.cdb = {0x35}, .cdb_size = 10};
	int r;

	if (b->flags & BLK_NO_FLUSH)
		return 0;
	r = run(s, &c);
	return r == -ENOTSUP ? 0 : r;
}

/* SBC-3 5.43: WRITE SAME(16), with UNMAP where that may be and leaves zeros. */
static int iscsi_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	struct iscsi *s = b->state;
	struct iscsi_command c = {.cdb = {0x93}, .cdb_size = 16, .length = s->block};
	void *zero;
	int r;

	if (!s->same || offset % s->block || length % s->block)
		return -ENOTSUP;
	if (!(zero = calloc(1, s->block)))
		return -ENOMEM;
	c.out = zero;
	if ((flags & BLK_ZERO_MAY_UNMAP) && s->same_unmap && s->zero_after_unmap)
		c.cdb[1] = 8;
	be64_put(c.cdb + 2, offset / s->block);
	be32_put(c.cdb + 10, (uint32_t)(length / s->block));
	r = run(s, &c);
	if (r == -ENOTSUP && c.cdb[1]) {
		c.cdb[1] = 0;
		s->same_unmap = false;
		r = run(s, &c);
	}
	if (r == -ENOTSUP)
		s->same = false;
	free(zero);
	return r;
}

/* SBC-3 5.28: UNMAP, a hint. */
static int iscsi_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	struct iscsi *s = b->state;
	uint8_t list[24] = {0};
	struct iscsi_command c = {.cdb = {0x42}, .cdb_size = 10, .out = list, .length = sizeof list};
	int r;

	if (!s->unmap)
		return -ENOTSUP;
	be16_put(c.cdb + 7, sizeof list);
	be16_put(list, sizeof list - 2);
	be16_put(list + 2, 16);
	be64_put(list + 8, offset / s->block);
	be32_put(list + 16, (uint32_t)(length / s->block));
	r = run(s, &c);
	if (r == -ENOTSUP)
		s->unmap = false;
	return r;
}

/* SBC-3 5.9: GET LBA STATUS. */
static int iscsi_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	struct iscsi *s = b->state;
	uint8_t buf[24] = {0};
	struct iscsi_command c = {.cdb = {0x9e, 0x12}, .cdb_size = 16, .in = buf, .length = sizeof buf};
	uint64_t lba, blocks;
	int r;

	*st = (struct blk_status){.flags = BLK_ST_DATA | BLK_ST_ALLOCATED | BLK_ST_OFFSET, .length = length, .offset = offset, .file = b};
	if (!s->provisioned || !s->zero_after_unmap || s->no_status)
		return 0;
	be64_put(c.cdb + 2, offset / s->block);
	be32_put(c.cdb + 10, sizeof buf);
	r = run(s, &c);
	if (r == -ENOTSUP || (!r && c.got < sizeof buf)) {
		s->no_status = true;
		return 0;
	}
	if (r)
		return r;
	lba = be64_get(buf + 8);
	blocks = be32_get(buf + 16);
	if (lba > offset / s->block || lba + blocks <= offset / s->block)
		return 0; /* it tells of something else */
	if ((lba + blocks) * s->block - offset < length)
		st->length = (lba + blocks) * s->block - offset;
	if ((buf[20] & 0xf) == 1 || (buf[20] & 0xf) == 2)
		st->flags = BLK_ST_ZERO | BLK_ST_ALLOCATED;
	return 0;
}
#else
struct iscsi {
	char none;
};
static int iscsi_open(struct blk *b, struct err *e)
{
	return blk_not_built_in(b->fmt->name, "libiscsi", "libiscsi-dev", e);
}
#define iscsi_close NULL
#define iscsi_pread NULL
#define iscsi_pwrite NULL
#define iscsi_zeroes NULL
#define iscsi_discard NULL
#define iscsi_flush NULL
#define iscsi_status NULL
#endif

/* A logical unit has the size it has. */
static int iscsi_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	(void)prealloc;
	if (size <= b->size)
		return 0;
	return err_set(e, ENOTSUP, "a logical unit cannot be made larger by its user");
}

static const char *const iscsi_prefixes[] = {"iscsi", NULL};
BLOCK_FORMAT(iscsi) = {
	.name = "iscsi", .flags = BLK_F_PROTOCOL | BLK_F_NO_FORMAT, .prefixes = iscsi_prefixes, .state_size = sizeof(struct iscsi),
	.options = iscsi_options, .parse_filename = parse_filename, .describe = describe, .open = iscsi_open, .close = iscsi_close,
	.pread = iscsi_pread, .pwrite = iscsi_pwrite, .pwrite_zeroes = iscsi_zeroes, .discard = iscsi_discard, .flush = iscsi_flush,
	.block_status = iscsi_status, .truncate = iscsi_truncate,
};
