/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nbd: a disk that an NBD server has.
 *
 * Names: nbd://HOST[:PORT]/[EXPORT], nbd+tcp://..., nbd+unix:///[EXPORT]?socket=PATH (the NBD URI), and the old
 * nbd:HOST:PORT[:exportname=NAME], nbd:unix:PATH[:exportname=NAME].
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/block.h"
#include "crypto/object.h"
#include "crypto/tls.h"
#include "nbd/client.h"
#include "proto/nbd.h"

struct nbd {
	struct nbd_client *client;
	struct nbd_export_info info;
};

static const struct blk_option nbd_options[] = {
	{.name = "path", .type = BLK_OPT_STRING, .help = "UNIX socket of the server"},
	{.name = "host", .type = BLK_OPT_STRING, .help = "TCP host of the server"},
	{.name = "port", .type = BLK_OPT_STRING, .help = "TCP port or service of the server", .def = NBD_PORT},
	{.name = "server.type", .type = BLK_OPT_STRING, .help = "inet or unix", .choices = (const char *const[]){"inet", "unix", NULL}},
	{.name = "server.path", .type = BLK_OPT_STRING, .help = "UNIX socket of the server"},
	{.name = "server.host", .type = BLK_OPT_STRING, .help = "TCP host of the server"},
	{.name = "server.port", .type = BLK_OPT_STRING, .help = "TCP port of the server"},
	{.name = "export", .type = BLK_OPT_STRING, .help = "name of the export"},
	{.name = "tls-creds", .type = BLK_OPT_STRING, .help = "ID of the TLS credentials (--object tls-creds-...)"},
	{.name = "tls-hostname", .type = BLK_OPT_STRING, .help = "name the server's certificate must have"},
	{.name = "x-dirty-bitmap", .type = BLK_OPT_STRING, .help = "further meta context shown as block status"},
	{.name = "reconnect-delay", .type = BLK_OPT_NUMBER, .help = "seconds a lost connection is tried again", .def = "0"},
	{.name = "open-timeout", .type = BLK_OPT_NUMBER, .help = "seconds to wait for the server at the start", .def = "0"},
	{.name = "connections", .type = BLK_OPT_NUMBER, .help = "connections at most, where the server allows several", .def = "4"},
	{.name = NULL},
};

/* %XX to bytes, in place of `n` bytes of text. New string, or NULL when malformed. */
static char *unescape(const char *text, size_t n)
{
	char *out = malloc(n + 1), *o = out;

	for (size_t i = 0; out && i < n; i++) {
		char hex[3] = "", *end;
		if (text[i] != '%') {
			*o++ = text[i];
			continue;
		}
		if (i + 2 >= n)
			goto bad;
		memcpy(hex, text + i + 1, 2);
		*o = (char)strtol(hex, &end, 16);
		if (*end || !*o)
			goto bad;
		o++;
		i += 2;
	}
	if (out)
		*o = '\0';
	return out;
bad:
	free(out);
	return NULL;
}

static int set_escaped(json_t *options, const char *key, const char *text, size_t n, const char *url, struct err *e)
{
	char *value = unescape(text, n);

	if (!value)
		return err_set(e, EINVAL, "%s: malformed %%-escape in the %s", url, key);
	if (json_object_set_new(options, key, json_string(value)) < 0) {
		free(value);
		return err_set(e, EINVAL, "%s: the %s is not valid UTF-8", url, key);
	}
	free(value);
	return 0;
}

static int parse_uri(const char *url, const char *rest, bool is_unix, json_t *options, struct err *e)
{
	const char *slash = rest + strcspn(rest, "/?"), *path = slash + (*slash == '/'), *query = strchrnul(path, '?'); /* an empty path needs no slash (RFC 3986 §3.3) */
	int r = 0;

	if (query > path)
		r = set_escaped(options, "export", path, (size_t)(query - path), url, e);
	if (is_unix) {
		if (slash != rest)
			return err_set(e, EINVAL, "%s: a nbd+unix URI has no host (nbd+unix:///EXPORT?socket=PATH)", url);
		if (strncmp(query, "?socket=", 8) || !query[8] || strchr(query, '&'))
			return err_set(e, EINVAL, "%s: a nbd+unix URI needs ?socket=PATH and nothing else", url);
		return r < 0 ? r : set_escaped(options, "path", query + 8, strlen(query + 8), url, e);
	}
	if (*query)
		return err_set(e, EINVAL, "%s: a nbd URI over TCP takes no parameters", url);
	if (r == 0) {
		const char *host = rest, *end, *colon;
		if (*host == '[') {
			end = memchr(host, ']', (size_t)(slash - host));
			if (!end)
				return err_set(e, EINVAL, "%s: the IPv6 address lacks its ']'", url);
			host++;
			colon = end + 1;
		} else {
			colon = memchr(host, ':', (size_t)(slash - host));
			if (!colon)
				colon = slash;
			end = colon;
		}
		r = set_escaped(options, "host", end > host ? host : "localhost", end > host ? (size_t)(end - host) : 9, url, e);
		if (r == 0 && colon < slash) {
			if (*colon != ':' || colon + 1 == slash)
				return err_set(e, EINVAL, "%s: malformed port", url);
			r = set_escaped(options, "port", colon + 1, (size_t)(slash - colon - 1), url, e);
		}
	}
	return r;
}

static int parse_filename(const char *name, json_t *options, struct err *e)
{
	const char *p, *exp;

	if (!strncmp(name, "nbd://", 6))
		return parse_uri(name, name + 6, false, options, e);
	if (!strncmp(name, "nbd+tcp://", 10))
		return parse_uri(name, name + 10, false, options, e);
	if (!strncmp(name, "nbd+unix://", 11))
		return parse_uri(name, name + 11, true, options, e);
	if (strncmp(name, "nbd:", 4))
		return err_set(e, EINVAL, "%s is no NBD name; accepted: nbd://HOST[:PORT]/[EXPORT], nbd+unix:///[EXPORT]?socket=PATH, "
			       "nbd:HOST:PORT[:exportname=NAME], nbd:unix:PATH[:exportname=NAME]", name);
	p = name + 4;
	exp = strstr(p, ":exportname=");
	if (exp)
		json_object_set_new(options, "export", json_string(exp + 12));
	else
		exp = p + strlen(p);
	if (!strncmp(p, "unix:", 5)) {
		json_object_set_new(options, "path", json_stringn(p + 5, (size_t)(exp - p - 5)));
		return exp > p + 5 ? 0 : err_set(e, EINVAL, "%s: the socket's path is missing", name);
	} else {
		const char *host = p, *host_end, *port;
		if (*p == '[' && (host_end = memchr(p, ']', (size_t)(exp - p)))) {
			host = p + 1;
			port = host_end + 1;
		} else {
			port = host_end = memchr(p, ':', (size_t)(exp - p));
		}
		if (!port || *port != ':' || port + 1 >= exp)
			return err_set(e, EINVAL, "%s: a port is missing (nbd:HOST:PORT)", name);
		json_object_set_new(options, "host", json_stringn(host, (size_t)(host_end - host)));
		json_object_set_new(options, "port", json_stringn(port + 1, (size_t)(exp - port - 1)));
	}
	return 0;
}

static const char *either(struct blk *b, const char *plain, const char *nested)
{
	return blk_opts_has(b->opts, nested) ? blk_opts_string(b->opts, nested) : blk_opts_string(b->opts, plain);
}

static char *describe(struct blk *b)
{
	const char *path = either(b, "path", "server.path"), *host = either(b, "host", "server.host");
	const char *port = either(b, "port", "server.port"), *exp = blk_opts_string(b->opts, "export");
	char *text = NULL;

	if (path ? asprintf(&text, "nbd+unix://%s%s?socket=%s", exp ? "/" : "", exp ? exp : "", path) < 0
		 : asprintf(&text, "nbd://%s:%s%s%s", host ? host : "localhost", port, exp ? "/" : "", exp ? exp : "") < 0)
		return NULL;
	return text;
}

static int nbd_open(struct blk *b, struct err *e)
{
	struct nbd *s = b->state;
	const char *creds = blk_opts_string(b->opts, "tls-creds");
	struct nbd_target t = {
		.path = either(b, "path", "server.path"), .host = either(b, "host", "server.host"),
		.port = either(b, "port", "server.port"), .export_name = blk_opts_string(b->opts, "export"),
		.tls_hostname = blk_opts_string(b->opts, "tls-hostname"),
		.meta_context = blk_opts_string(b->opts, "x-dirty-bitmap"),
		.connections = (unsigned)blk_opts_number(b->opts, "connections", 4),
		.reconnect_ms = (unsigned)blk_opts_number(b->opts, "reconnect-delay", 0) * 1000,
		.connect_ms = (unsigned)blk_opts_number(b->opts, "open-timeout", 0) * 1000,
	};
	int r;

	if (t.path && t.host)
		return err_set(e, EINVAL, "path and host may not be used at the same time");
	if (!t.path && !t.host)
		return err_set(e, EINVAL, "one of path and host must be given");
	if (creds) {
		struct objects *o = blk_graph_objects(b->graph);
		if (!o)
			return err_set(e, EINVAL, "tls-creds=%s: there are no objects here", creds);
		t.tls = objects_tls_creds(o, creds, e);
		if (!t.tls)
			return e ? -e->code : -EINVAL;
		r = tls_creds_check_endpoint(t.tls, false, e);
		if (r < 0) {
			tls_creds_unref(t.tls);
			return r;
		}
	}
	r = nbd_client_open(&t, &s->client, e);
	tls_creds_unref(t.tls);
	if (r < 0)
		return r;
	nbd_client_info(s->client, &s->info);
	if ((s->info.flags & NBD_FLAG_READ_ONLY) && (b->flags & BLK_RDWR)) {
		if (!(b->flags & BLK_AUTO_READ_ONLY))
			return err_set(e, EACCES, "the server's export is read-only");
		b->flags &= ~(unsigned)BLK_RDWR;
	}
	b->size = s->info.size;
	b->align = s->info.min_block;
	b->zero_align = s->info.min_block;
	b->max_zeroes = s->info.min_block > 1 ? 0x80000000u : 0xfffff000u;
	return 0;
}

static void nbd_close(struct blk *b)
{
	struct nbd *s = b->state;

	nbd_client_close(s->client);
	s->client = NULL;
}

/* A request in pieces that the server takes at once. */
static uint32_t piece(const struct nbd *s, size_t length)
{
	uint32_t max = s->info.max_block - s->info.max_block % s->info.min_block;

	return length < max ? (uint32_t)length : max;
}

static int nbd_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct nbd *s = b->state;
	int r = 0;

	while (r == 0 && length) {
		uint32_t n = piece(s, length);
		r = nbd_client_read(s->client, offset, n, buf);
		offset += n;
		length -= n;
		buf = (char *)buf + n;
	}
	return r;
}

static int nbd_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	struct nbd *s = b->state;
	int r = 0;

	while (r == 0 && length) {
		uint32_t n = piece(s, length);
		r = nbd_client_write(s->client, offset, n, buf, flags & BLK_WRITE_FUA);
		offset += n;
		length -= n;
		buf = (const char *)buf + n;
	}
	return r;
}

static int nbd_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	struct nbd *s = b->state;
	unsigned f = (flags & BLK_ZERO_MAY_UNMAP ? 0u : NBD_CMD_FLAG_NO_HOLE) |
		     (flags & BLK_ZERO_NO_FALLBACK ? NBD_CMD_FLAG_FAST_ZERO : 0u) |
		     (flags & BLK_WRITE_FUA ? NBD_CMD_FLAG_FUA : 0u);

	return nbd_client_zero(s->client, offset, (uint32_t)length, f);
}

static int nbd_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	struct nbd *s = b->state;
	return nbd_client_trim(s->client, offset, (uint32_t)length);
}

static int nbd_flush(struct blk *b)
{
	struct nbd *s = b->state;
	return nbd_client_flush(s->client);
}

static int nbd_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	struct nbd *s = b->state;
	uint32_t state, run, max = 0x80000000u;
	int r;

	if (length > max)
		length = max;
	r = nbd_client_status(s->client, s->info.context, offset, (uint32_t)length, &state, &run);
	if (r == -ENOTSUP) {
		*st = (struct blk_status){.flags = BLK_ST_DATA | BLK_ST_ALLOCATED, .length = length};
		return 0;
	}
	if (r < 0)
		return r;
	/* A bitmap context shows dirty (1) as absent data, as the classic option does. */
	st->flags = s->info.context ? (state & 1 ? 0 : BLK_ST_DATA)
				    : (state & NBD_STATE_HOLE ? 0 : BLK_ST_DATA) | (state & NBD_STATE_ZERO ? BLK_ST_ZERO : 0);
	st->flags |= BLK_ST_ALLOCATED;
	st->length = run;
	return 0;
}

/* A server's export cannot be resized; growing to its own size is no change. */
static int nbd_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	(void)prealloc;
	if (size <= b->size)
		return 0;
	return err_set(e, ENOTSUP, "an NBD export cannot be made larger by its client");
}

static const char *const nbd_prefixes[] = {"nbd", "nbd+tcp", "nbd+unix", NULL};
BLOCK_FORMAT(nbd) = {
	.name = "nbd", .flags = BLK_F_PROTOCOL | BLK_F_NO_FORMAT, .prefixes = nbd_prefixes, .state_size = sizeof(struct nbd),
	.options = nbd_options, .parse_filename = parse_filename, .describe = describe, .open = nbd_open, .close = nbd_close,
	.pread = nbd_pread, .pwrite = nbd_pwrite, .pwrite_zeroes = nbd_zeroes, .discard = nbd_discard, .flush = nbd_flush,
	.block_status = nbd_status, .truncate = nbd_truncate,
};
