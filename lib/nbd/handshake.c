/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Client negotiation: oldstyle, newstyle and fixed newstyle (proto.md, "Handshake phase"). */
#include "nbd/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/sock.h"
#include "crypto/tls.h"
#include "proto/nbd.h"

/* A server that answers one option with more than this many replies is not serious. */
#define MAX_REPLIES 100000u

int nbd_connect(const struct nbd_target *t, struct err *e)
{
	if (t->dial)
		return t->dial(t->dial_opaque, e);
	if (t->path)
		return t->connect_ms ? sock_wait_unix(t->path, SOCK_STREAM, (int)t->connect_ms, e)
				     : sock_connect_unix(t->path, SOCK_STREAM, e);
	return sock_connect_tcp(t->host ? t->host : "localhost", t->port ? t->port : NBD_PORT, false, false, e);
}

static int broken(int r, struct err *e)
{
	if (r == -EPIPE || r == -ECONNRESET)
		return err_set(e, ECONNRESET, "the server closed the connection during negotiation");
	return err_errno(e, -r, "negotiation with the server failed");
}

int nbd_send_option(struct nbd_conn *c, uint32_t option, const void *data, uint32_t size)
{
	char head[16];
	struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)data, size}};

	nbd_put32(nbd_put32(nbd_put64(head, NBD_OPT_MAGIC), option), size);
	return nbd_conn_write(c, iov, size ? 2 : 1);
}

int nbd_read_reply(struct nbd_conn *c, uint32_t option, struct nbd_reply *r, struct err *e)
{
	char head[20];
	int ret = nbd_conn_read(c, head, sizeof head);

	if (ret < 0)
		return broken(ret, e);
	if (nbd_get64(head) != NBD_REP_MAGIC)
		return err_set(e, EPROTO, "the server's reply has a wrong magic number 0x%llx",
			       (unsigned long long)nbd_get64(head));
	if (nbd_get32(head + 8) != option)
		return err_set(e, EPROTO, "the server answers option %u, but option %u was sent", nbd_get32(head + 8), option);
	r->type = nbd_get32(head + 12);
	r->length = nbd_get32(head + 16);
	if (r->length > NBD_MAX_OPTION)
		return err_set(e, EPROTO, "the server's reply is %u bytes long (at most %u)", r->length, NBD_MAX_OPTION);
	return 0;
}

const char *nbd_errno_text(uint32_t type)
{
	switch (type) {
	case NBD_REP_ERR_UNSUP: return "not supported";
	case NBD_REP_ERR_POLICY: return "not allowed by its policy";
	case NBD_REP_ERR_INVALID: return "invalid request";
	case NBD_REP_ERR_PLATFORM: return "not supported on its platform";
	case NBD_REP_ERR_TLS_REQD: return "TLS is required first";
	case NBD_REP_ERR_UNKNOWN: return "no such export";
	case NBD_REP_ERR_SHUTDOWN: return "it is shutting down";
	case NBD_REP_ERR_BLOCK_SIZE_REQD: return "it wants block size constraints to be asked for";
	case NBD_REP_ERR_TOO_BIG: return "the request is too large";
	default: return "unknown error";
	}
}

int nbd_refused(struct nbd_conn *c, const struct nbd_reply *r, const char *what, struct err *e)
{
	char text[512];
	uint32_t n = r->length < sizeof text - 1 ? r->length : sizeof text - 1;
	int ret = nbd_conn_read(c, text, n);
	static const struct {
		uint32_t type;
		int code;
	} codes[] = {{NBD_REP_ERR_UNSUP, ENOTSUP}, {NBD_REP_ERR_POLICY, EACCES}, {NBD_REP_ERR_UNKNOWN, ENOENT},
		     {NBD_REP_ERR_TLS_REQD, EACCES}, {NBD_REP_ERR_SHUTDOWN, ESHUTDOWN}};
	int code = EINVAL;

	if (ret == 0)
		ret = nbd_conn_skip(c, r->length - n);
	if (ret < 0)
		return broken(ret, e);
	text[n] = '\0';
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?'; /* nothing from the peer reaches a terminal raw */
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].type == r->type)
			code = codes[i].code;
	return err_set(e, code, "the server refused %s: %s%s%s%s", what, nbd_errno_text(r->type), n ? " (" : "", text,
		       n ? ")" : "");
}

static int start_tls(struct nbd_conn *c, const struct nbd_target *t, struct err *e)
{
	struct nbd_reply r;
	int ret = nbd_send_option(c, NBD_OPT_STARTTLS, NULL, 0);

	if (ret < 0)
		return broken(ret, e);
	ret = nbd_read_reply(c, NBD_OPT_STARTTLS, &r, e);
	if (ret < 0)
		return ret;
	if (r.type != NBD_REP_ACK)
		return nbd_refused(c, &r, "TLS", e);
	if (r.length)
		return err_set(e, EPROTO, "the server's agreement to TLS carries data");
	return nbd_conn_start_tls(c, t->tls, t->tls_hostname ? t->tls_hostname : t->host, e);
}

int nbd_hello(struct nbd_conn *c, const struct nbd_target *t, struct nbd_negotiated *n, struct err *e)
{
	char head[18], flags[4];
	struct iovec iov = {flags, sizeof flags};
	struct nbd_reply r;
	uint64_t magic;
	uint16_t server;
	int ret = nbd_conn_read(c, head, 16);

	*n = (struct nbd_negotiated){.info = {.min_block = 1, .preferred_block = 4096, .max_block = NBD_MAX_PAYLOAD}};
	if (ret < 0)
		return broken(ret, e);
	if (nbd_get64(head) != NBD_INIT_MAGIC)
		return err_set(e, EPROTO, "what answers there is not an NBD server");
	magic = nbd_get64(head + 8);
	if (magic == NBD_OLD_MAGIC) {
		n->oldstyle = true;
		return t->tls ? err_set(e, EPROTO, "the server speaks the old handshake, which has no TLS") : 0;
	}
	if (magic != NBD_OPT_MAGIC)
		return err_set(e, EPROTO, "the server's handshake 0x%llx is not known", (unsigned long long)magic);
	ret = nbd_conn_read(c, head + 16, 2);
	if (ret < 0)
		return broken(ret, e);
	server = nbd_get16(head + 16);
	n->fixed = server & NBD_FLAG_FIXED_NEWSTYLE;
	n->no_zeroes = server & NBD_FLAG_NO_ZEROES;
	nbd_put32(flags, server & (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES));
	ret = nbd_conn_write(c, &iov, 1);
	if (ret < 0)
		return broken(ret, e);
	if (!n->fixed)
		return t->tls ? err_set(e, EPROTO, "the server's handshake has no TLS") : 0;
	if (t->tls) {
		ret = start_tls(c, t, e);
		if (ret < 0)
			return ret;
	}
	ret = nbd_send_option(c, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
	if (ret < 0)
		return broken(ret, e);
	ret = nbd_read_reply(c, NBD_OPT_STRUCTURED_REPLY, &r, e);
	if (ret < 0)
		return ret;
	n->info.structured = r.type == NBD_REP_ACK;
	if (r.type == NBD_REP_ERR_TLS_REQD) {
		nbd_refused(c, &r, "the connection", e);
		return err_hint(e, "Give TLS credentials (tls-creds=ID).");
	}
	ret = nbd_conn_skip(c, r.length);
	return ret < 0 ? broken(ret, e) : 0;
}

/* SET_META_CONTEXT for base:allocation and perhaps one more. Not having them is no failure. */
static int set_contexts(struct nbd_conn *c, const struct nbd_target *t, struct nbd_negotiated *n, struct err *e)
{
	const char *name = t->export_name ? t->export_name : "", *want[2] = {"base:allocation", t->meta_context};
	char data[3 * NBD_MAX_STRING + 32], *p = data;
	struct nbd_reply r;
	int ret;

	p = nbd_put32(p, (uint32_t)strlen(name));
	p = mempcpy(p, name, strlen(name));
	p = nbd_put32(p, want[1] ? 2 : 1);
	for (int i = 0; i < 2 && want[i]; i++) {
		p = nbd_put32(p, (uint32_t)strlen(want[i]));
		p = mempcpy(p, want[i], strlen(want[i]));
	}
	ret = nbd_send_option(c, NBD_OPT_SET_META_CONTEXT, data, (uint32_t)(p - data));
	if (ret < 0)
		return broken(ret, e);
	for (unsigned i = 0; i < MAX_REPLIES; i++) {
		char text[NBD_MAX_STRING + 4];
		ret = nbd_read_reply(c, NBD_OPT_SET_META_CONTEXT, &r, e);
		if (ret < 0)
			return ret;
		if (r.type != NBD_REP_META_CONTEXT) {
			ret = nbd_conn_skip(c, r.length);
			return ret < 0 ? broken(ret, e) : 0;
		}
		if (r.length < 4 || r.length > sizeof text)
			return err_set(e, EPROTO, "the server names a context of %u bytes", r.length);
		ret = nbd_conn_read(c, text, r.length);
		if (ret < 0)
			return broken(ret, e);
		for (int k = 0; k < 2 && want[k]; k++)
			if (r.length - 4 == strlen(want[k]) && !memcmp(text + 4, want[k], r.length - 4)) {
				n->context_id[k] = nbd_get32(text);
				*(k ? &n->info.context : &n->info.allocation) = true;
			}
	}
	return err_set(e, EPROTO, "the server sends contexts without end");
}

static int take_info(struct nbd_conn *c, const struct nbd_reply *r, struct nbd_negotiated *n, struct err *e)
{
	char data[NBD_MAX_OPTION];
	int ret = nbd_conn_read(c, data, r->length);

	if (ret < 0)
		return broken(ret, e);
	if (r->length < 2)
		return err_set(e, EPROTO, "the server's information has only %u bytes", r->length);
	switch (nbd_get16(data)) {
	case NBD_INFO_EXPORT:
		if (r->length != 12)
			return err_set(e, EPROTO, "the server's export information has %u bytes, not 12", r->length);
		n->info.size = nbd_get64(data + 2);
		n->info.flags = nbd_get16(data + 10);
		return 0;
	case NBD_INFO_BLOCK_SIZE:
		if (r->length != 14)
			return err_set(e, EPROTO, "the server's block sizes have %u bytes, not 14", r->length);
		n->info.min_block = nbd_get32(data + 2);
		n->info.preferred_block = nbd_get32(data + 6);
		n->info.max_block = nbd_get32(data + 10);
		if (!n->info.min_block || (n->info.min_block & (n->info.min_block - 1)) || n->info.min_block > 65536 ||
		    n->info.preferred_block < n->info.min_block || n->info.max_block < n->info.min_block)
			return err_set(e, EPROTO, "the server's block sizes %u, %u, %u make no sense", n->info.min_block,
				       n->info.preferred_block, n->info.max_block);
		if (n->info.max_block > NBD_MAX_PAYLOAD)
			n->info.max_block = NBD_MAX_PAYLOAD;
		return 0;
	case NBD_INFO_NAME:
	case NBD_INFO_DESCRIPTION: {
		char **to = nbd_get16(data) == NBD_INFO_NAME ? &n->canonical : &n->description;
		free(*to);
		*to = strndup(data + 2, r->length - 2u);
		return *to ? 0 : err_set(e, ENOMEM, "out of memory");
	}
	default:
		return 0;
	}
}

/* INFO or GO. Returns 1 when the server does not know the option. */
static int info_or_go(struct nbd_conn *c, uint32_t option, const char *name, struct nbd_negotiated *n, struct err *e)
{
	static const uint16_t want[] = {NBD_INFO_BLOCK_SIZE, NBD_INFO_DESCRIPTION, NBD_INFO_NAME};
	char data[NBD_MAX_STRING + 16], *p = data, what[NBD_MAX_STRING + 16];
	struct nbd_reply r;
	int ret;

	p = nbd_put32(p, (uint32_t)strlen(name));
	p = mempcpy(p, name, strlen(name));
	p = nbd_put16(p, 3);
	for (int i = 0; i < 3; i++)
		p = nbd_put16(p, want[i]);
	ret = nbd_send_option(c, option, data, (uint32_t)(p - data));
	if (ret < 0)
		return broken(ret, e);
	for (unsigned i = 0; i < MAX_REPLIES; i++) {
		ret = nbd_read_reply(c, option, &r, e);
		if (ret < 0)
			return ret;
		if (r.type == NBD_REP_INFO) {
			ret = take_info(c, &r, n, e);
			if (ret < 0)
				return ret;
		} else if (r.type == NBD_REP_ACK) {
			ret = nbd_conn_skip(c, r.length);
			return ret < 0 ? broken(ret, e) : 0;
		} else if (r.type == NBD_REP_ERR_UNSUP) {
			ret = nbd_conn_skip(c, r.length);
			return ret < 0 ? broken(ret, e) : 1;
		} else {
			snprintf(what, sizeof what, "export '%s'", name);
			return nbd_refused(c, &r, what, e);
		}
	}
	return err_set(e, EPROTO, "the server sends information without end");
}

int nbd_ask_info(struct nbd_conn *c, const char *name, struct nbd_negotiated *n, struct err *e)
{
	return info_or_go(c, NBD_OPT_INFO, name, n, e);
}

/* Size, flags and perhaps 124 zeros: what ends EXPORT_NAME and the old handshake. */
static int read_export(struct nbd_conn *c, struct nbd_negotiated *n, bool zeroes, unsigned flag_bytes, struct err *e)
{
	char head[12];
	int ret = nbd_conn_read(c, head, 8 + flag_bytes);

	if (ret == 0 && zeroes)
		ret = nbd_conn_skip(c, 124);
	if (ret == -EPIPE)
		return err_set(e, ENOENT, "the server has no such export (it closed the connection)");
	if (ret < 0)
		return broken(ret, e);
	n->info.size = nbd_get64(head);
	n->info.flags = flag_bytes == 4 ? (uint16_t)nbd_get32(head + 8) : nbd_get16(head + 8);
	return 0;
}

int nbd_enter(struct nbd_conn *c, const struct nbd_target *t, struct nbd_negotiated *n, struct err *e)
{
	const char *name = t->export_name ? t->export_name : "";
	int ret;

	if (strlen(name) > NBD_MAX_STRING || (t->meta_context && strlen(t->meta_context) > NBD_MAX_STRING))
		return err_set(e, EINVAL, "the export's name is longer than %u bytes", NBD_MAX_STRING);
	if (n->oldstyle) {
		if (*name)
			return err_set(e, ENOENT, "the server speaks the old handshake, which has no export names ('%s')", name);
		ret = read_export(c, n, true, 4, e);
		goto check;
	}
	if (n->fixed) {
		if (n->info.structured) {
			ret = set_contexts(c, t, n, e);
			if (ret < 0)
				return ret;
		}
		ret = info_or_go(c, NBD_OPT_GO, name, n, e);
		if (ret <= 0)
			goto check;
	}
	ret = nbd_send_option(c, NBD_OPT_EXPORT_NAME, name, (uint32_t)strlen(name));
	if (ret < 0)
		return broken(ret, e);
	ret = read_export(c, n, !n->no_zeroes, 2, e);
check:
	if (ret == 0 && n->info.size > INT64_MAX)
		return err_set(e, EPROTO, "the server's export has an impossible size");
	return ret;
}
