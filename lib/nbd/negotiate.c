/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's side of the handshake (proto.md, "Handshake phase"). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/tls.h"
#include "nbd/server-internal.h"
#include "proto/nbd.h"

#define MAX_OPTIONS 4096u /* in one handshake: a client that asks more is not about to use an export */

static int lost(int r, struct err *e)
{
	return err_set(e, -r, r == -ETIMEDOUT ? "it took too long" : "the connection broke");
}

static int reply(struct nbd_peer *p, uint32_t option, uint32_t type, const void *data, size_t size)
{
	char head[20];
	struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)data, size}};

	nbd_put32(nbd_put32(nbd_put32(nbd_put64(head, NBD_REP_MAGIC), option), type), (uint32_t)size);
	return nbd_conn_write(&p->conn, iov, size ? 2 : 1);
}

static int refuse(struct nbd_peer *p, uint32_t option, uint32_t type, const char *why)
{
	return reply(p, option, type, why, strlen(why));
}

/* A string of 32-bit length inside an option's data. Returns a new string, or NULL when it does not fit or holds a NUL. */
static char *take_string(const char **data, uint32_t *left)
{
	uint32_t n;
	char *s;

	if (*left < 4)
		return NULL;
	n = nbd_get32(*data);
	if (n > *left - 4 || n > NBD_MAX_STRING || memchr(*data + 4, '\0', n))
		return NULL;
	s = strndup(*data + 4, n);
	*data += 4 + n;
	*left -= 4 + n;
	return s;
}

static void export_geometry(const struct nbd_export *x, uint32_t out[3])
{
	out[0] = x->min_block ? x->min_block : 1;
	out[1] = x->preferred_block ? x->preferred_block : 4096;
	out[2] = x->max_block ? x->max_block : NBD_MAX_PAYLOAD;
}

static int send_info(struct nbd_peer *p, uint32_t option, uint16_t kind, const void *data, size_t size)
{
	char buf[NBD_MAX_STRING + 2];

	nbd_put16(buf, kind);
	memcpy(buf + 2, data, size);
	return reply(p, option, NBD_REP_INFO, buf, 2 + size);
}

/* INFO and GO. Returns 1 when the client is let through. */
static int info(struct nbd_peer *p, uint32_t option, const char *data, uint32_t left)
{
	char *name = take_string(&data, &left), text[32];
	bool block_size = false;
	struct nbd_export *x;
	uint32_t blocks[3];
	unsigned count;
	int r;

	if (!name || left < 2 || (left - 2) / 2 != (count = nbd_get16(data)) || left % 2) {
		free(name);
		return refuse(p, option, NBD_REP_ERR_INVALID, "malformed request");
	}
	x = nbd_export_get(p->server, name);
	if (!x) {
		char why[128];
		snprintf(why, sizeof why, "export '%.80s' is not present", name);
		free(name);
		return refuse(p, option, NBD_REP_ERR_UNKNOWN, why);
	}
	export_geometry(x, blocks);
	r = 0;
	for (unsigned i = 0; r == 0 && i < count; i++) {
		uint16_t kind = nbd_get16(data + 2 + 2 * i);
		if (kind == NBD_INFO_NAME)
			r = send_info(p, option, kind, x->name, strlen(x->name));
		else if (kind == NBD_INFO_DESCRIPTION && x->description)
			r = send_info(p, option, kind, x->description, strlen(x->description));
		else if (kind == NBD_INFO_BLOCK_SIZE)
			block_size = true;
	}
	if (r == 0) {
		nbd_put32(nbd_put32(nbd_put32(text, blocks[0]), blocks[1]), blocks[2]);
		r = send_info(p, option, NBD_INFO_BLOCK_SIZE, text, 12);
	}
	if (r == 0) {
		nbd_put16(nbd_put64(text, x->ops->size(x->opaque)), nbd_export_flags(p, x));
		r = send_info(p, option, NBD_INFO_EXPORT, text, 10);
	}
	if (r == 0 && blocks[0] > 1 && !block_size && option == NBD_OPT_GO) {
		r = refuse(p, option, NBD_REP_ERR_BLOCK_SIZE_REQD, "ask for the block size");
		option = 0;
	} else if (r == 0) {
		r = reply(p, option, NBD_REP_ACK, NULL, 0);
	}
	free(name);
	if (r == 0 && option == NBD_OPT_GO) {
		if (p->context_export != x)
			memset(p->context, 0, sizeof p->context);
		p->export = x;
		return 1;
	}
	nbd_export_put(p->server, x);
	return r;
}

static int list(struct nbd_peer *p, uint32_t left)
{
	struct nbd_server *s = p->server;
	char buf[4 + 2 * NBD_MAX_STRING];
	int r = 0;

	if (left)
		return refuse(p, NBD_OPT_LIST, NBD_REP_ERR_INVALID, "LIST takes no data");
	for (unsigned i = 0; r == 0; i++) {
		size_t n, d;
		pthread_mutex_lock(&s->lock);
		if (i >= s->export_count) {
			pthread_mutex_unlock(&s->lock);
			break;
		}
		n = strlen(s->exports[i]->name);
		d = s->exports[i]->description ? strlen(s->exports[i]->description) : 0;
		nbd_put32(buf, (uint32_t)n);
		memcpy(buf + 4, s->exports[i]->name, n);
		memcpy(buf + 4 + n, s->exports[i]->description ? s->exports[i]->description : "", d);
		pthread_mutex_unlock(&s->lock);
		r = reply(p, NBD_OPT_LIST, NBD_REP_SERVER, buf, 4 + n + d);
	}
	return r < 0 ? r : reply(p, NBD_OPT_LIST, NBD_REP_ACK, NULL, 0);
}

/* Does the query name context `name`, or (for LIST) its name space or a leading part that ends with ':'? */
static bool query_matches(const char *query, const char *name, bool listing)
{
	size_t n = strlen(query);

	if (!strcmp(query, name))
		return true;
	return listing && n && query[n - 1] == ':' && !strncmp(query, name, n);
}

static int meta_context(struct nbd_peer *p, uint32_t option, const char *data, uint32_t left)
{
	bool listing = option == NBD_OPT_LIST_META_CONTEXT, chosen[NBD_MAX_CONTEXTS] = {false};
	char *name, buf[4 + NBD_MAX_STRING];
	struct nbd_export *x;
	uint32_t queries;
	unsigned contexts;
	int r = 0;

	if (!p->structured)
		return refuse(p, option, NBD_REP_ERR_INVALID, "structured replies must be agreed on first");
	name = take_string(&data, &left);
	if (!name || left < 4) {
		free(name);
		return refuse(p, option, NBD_REP_ERR_INVALID, "malformed request");
	}
	queries = nbd_get32(data);
	data += 4;
	left -= 4;
	x = nbd_export_get(p->server, name);
	free(name);
	if (!x)
		return refuse(p, option, NBD_REP_ERR_UNKNOWN, "export is not present");
	contexts = nbd_export_contexts(x);
	for (unsigned k = 0; listing && !queries && k < contexts; k++)
		chosen[k] = true;
	for (uint32_t i = 0; i < queries; i++) {
		char *query = take_string(&data, &left);
		if (!query) {
			nbd_export_put(p->server, x);
			return refuse(p, option, NBD_REP_ERR_INVALID, "malformed query");
		}
		for (unsigned k = 0; k < contexts; k++)
			if (query_matches(query, nbd_export_context_name(x, k), listing))
				chosen[k] = true;
		free(query);
	}
	if (left) {
		nbd_export_put(p->server, x);
		return refuse(p, option, NBD_REP_ERR_INVALID, "more data than queries");
	}
	for (unsigned k = 0; r == 0 && k < contexts; k++) {
		const char *text = nbd_export_context_name(x, k);
		size_t n = strlen(text);
		if (!chosen[k] || n > NBD_MAX_STRING)
			continue;
		nbd_put32(buf, listing ? 0 : k);
		memcpy(buf + 4, text, n);
		r = reply(p, option, NBD_REP_META_CONTEXT, buf, 4 + n);
	}
	if (r == 0)
		r = reply(p, option, NBD_REP_ACK, NULL, 0);
	if (listing || r < 0) {
		nbd_export_put(p->server, x);
		return r;
	}
	nbd_export_put(p->server, p->context_export);
	p->context_export = x;
	memcpy(p->context, chosen, sizeof chosen);
	return 0;
}

static int export_name(struct nbd_peer *p, const char *data, uint32_t left, struct err *e)
{
	char name[NBD_MAX_STRING + 1], tail[134] = {0};
	struct iovec iov = {tail, p->no_zeroes ? 10 : 134};

	if (left > NBD_MAX_STRING)
		return err_set(e, EINVAL, "an export name of %u bytes", left);
	memcpy(name, data, left);
	name[left] = '\0';
	p->export = nbd_export_get(p->server, name);
	if (!p->export)
		return err_set(e, ENOENT, "there is no export '%.80s'", name);
	if (p->context_export != p->export)
		memset(p->context, 0, sizeof p->context);
	nbd_put16(nbd_put64(tail, p->export->ops->size(p->export->opaque)), nbd_export_flags(p, p->export));
	return nbd_conn_write(&p->conn, &iov, 1) < 0 ? err_set(e, ECONNRESET, "the connection broke") : 0;
}

static int start_tls(struct nbd_peer *p, uint32_t left, struct err *e)
{
	struct nbd_server *s = p->server;
	const char *peer;
	int r;

	if (left)
		return refuse(p, NBD_OPT_STARTTLS, NBD_REP_ERR_INVALID, "STARTTLS takes no data");
	if (!s->config.tls)
		return refuse(p, NBD_OPT_STARTTLS, NBD_REP_ERR_POLICY, "TLS is not configured");
	if (p->conn.tls)
		return refuse(p, NBD_OPT_STARTTLS, NBD_REP_ERR_INVALID, "TLS is on already");
	r = reply(p, NBD_OPT_STARTTLS, NBD_REP_ACK, NULL, 0);
	if (r == 0)
		r = nbd_conn_start_tls(&p->conn, s->config.tls, NULL, e);
	if (r < 0)
		return r;
	/* What was agreed in plain text does not count (the protocol's downgrade note). */
	p->structured = false;
	memset(p->context, 0, sizeof p->context);
	nbd_export_put(s, p->context_export);
	p->context_export = NULL;
	peer = tls_session_peer_name(p->conn.tls);
	if (s->config.authorize && !s->config.authorize(s->config.opaque, peer))
		return err_set(e, EACCES, "client '%s' is not on the access list", peer ? peer : "without a certificate");
	return 0;
}

/* One option. Returns 1: transmission begins, 2: the client leaves, 0 or -errno. */
static int one_option(struct nbd_peer *p, uint32_t option, const char *data, uint32_t left, struct err *e)
{
	bool need_tls = p->server->config.tls && !p->conn.tls;
	int r;

	if (need_tls && option != NBD_OPT_STARTTLS && option != NBD_OPT_ABORT) {
		if (option == NBD_OPT_EXPORT_NAME)
			return err_set(e, EACCES, "the client wants an export before TLS");
		return refuse(p, option, NBD_REP_ERR_TLS_REQD, "use STARTTLS first");
	}
	switch (option) {
	case NBD_OPT_EXPORT_NAME:
		r = export_name(p, data, left, e);
		return r < 0 ? r : 1;
	case NBD_OPT_ABORT:
		reply(p, option, NBD_REP_ACK, NULL, 0);
		return 2;
	case NBD_OPT_LIST:
		return list(p, left);
	case NBD_OPT_STARTTLS:
		return start_tls(p, left, e);
	case NBD_OPT_INFO:
	case NBD_OPT_GO:
		return info(p, option, data, left);
	case NBD_OPT_STRUCTURED_REPLY:
		if (left)
			return refuse(p, option, NBD_REP_ERR_INVALID, "STRUCTURED_REPLY takes no data");
		if (p->structured)
			return refuse(p, option, NBD_REP_ERR_INVALID, "structured replies are on already");
		p->structured = true;
		return reply(p, option, NBD_REP_ACK, NULL, 0);
	case NBD_OPT_LIST_META_CONTEXT:
	case NBD_OPT_SET_META_CONTEXT:
		return meta_context(p, option, data, left);
	default: {
		char why[64];
		snprintf(why, sizeof why, "option %u is not known", option);
		return refuse(p, option, NBD_REP_ERR_UNSUP, why);
	}
	}
}

static int oldstyle(struct nbd_peer *p, struct err *e)
{
	char head[152] = {0}, *q = head;
	struct iovec iov = {head, sizeof head};

	p->export = nbd_export_get(p->server, NULL);
	if (!p->export)
		return err_set(e, ENOENT, "there is no export");
	q = nbd_put64(q, NBD_INIT_MAGIC);
	q = nbd_put64(q, NBD_OLD_MAGIC);
	q = nbd_put64(q, p->export->ops->size(p->export->opaque));
	nbd_put32(q, nbd_export_flags(p, p->export));
	return nbd_conn_write(&p->conn, &iov, 1) < 0 ? err_set(e, ECONNRESET, "the connection broke") : 0;
}

int nbd_negotiate(struct nbd_peer *p, struct err *e)
{
	char head[18], flags[4], *data;
	struct iovec iov = {head, sizeof head};
	int r;

	nbd_conn_set_deadline(&p->conn, p->server->config.handshake_ms);
	if (p->server->config.oldstyle)
		return oldstyle(p, e);
	nbd_put16(nbd_put64(nbd_put64(head, NBD_INIT_MAGIC), NBD_OPT_MAGIC), NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	r = nbd_conn_write(&p->conn, &iov, 1);
	if (r == 0)
		r = nbd_conn_read(&p->conn, flags, 4);
	if (r == -EPIPE)
		return 1; /* somebody looked whether we are there */
	if (r < 0)
		return lost(r, e);
	if (nbd_get32(flags) & ~(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES))
		return err_set(e, EPROTO, "client flags 0x%x are not known", nbd_get32(flags));
	p->no_zeroes = nbd_get32(flags) & NBD_FLAG_NO_ZEROES;
	data = malloc(NBD_MAX_OPTION);
	if (!data)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0;; i++) {
		char opt[16];
		uint32_t option, length;
		if (i == MAX_OPTIONS) {
			r = err_set(e, EPROTO, "more than %u options", MAX_OPTIONS);
			break;
		}
		r = nbd_conn_read(&p->conn, opt, sizeof opt);
		if (r == -EPIPE) {
			r = 1;
			break;
		}
		if (r < 0) {
			r = lost(r, e);
			break;
		}
		option = nbd_get32(opt + 8);
		length = nbd_get32(opt + 12);
		if (nbd_get64(opt) != NBD_OPT_MAGIC) {
			r = err_set(e, EPROTO, "an option has the wrong magic number");
			break;
		}
		if (length > NBD_MAX_OPTION) {
			r = err_set(e, EPROTO, "option %u has %u bytes of data (at most %u)", option, length, NBD_MAX_OPTION);
			break;
		}
		r = nbd_conn_read(&p->conn, data, length);
		if (r < 0) {
			r = lost(r, e);
			break;
		}
		r = one_option(p, option, data, length, e);
		if (r < 0) {
			if (!e->code)
				lost(r, e);
			break;
		}
		if (r) {
			r--; /* 1: go on to transmission, 2: the client leaves */
			break;
		}
	}
	free(data);
	nbd_conn_set_deadline(&p->conn, 0);
	return r;
}
