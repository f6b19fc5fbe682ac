/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server offers: LIST, then INFO for each name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "nbd/handshake.h"
#include "proto/nbd.h"

struct names {
	char **name, **description;
	size_t count;
};

static void names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++) {
		free(n->name[i]);
		free(n->description[i]);
	}
	free(n->name);
	free(n->description);
}

static int names_add(struct names *n, const char *data, uint32_t size, struct err *e)
{
	uint32_t len = nbd_get32(data);
	char **name, **description;

	if (len > size - 4)
		return err_set(e, EPROTO, "the server lists a name that is longer than its reply");
	name = realloc(n->name, (n->count + 1) * sizeof *name);
	if (name)
		n->name = name;
	description = realloc(n->description, (n->count + 1) * sizeof *description);
	if (description)
		n->description = description;
	if (!name || !description)
		return err_set(e, ENOMEM, "out of memory");
	n->name[n->count] = strndup(data + 4, len);
	n->description[n->count] = strndup(data + 4 + len, size - 4 - len);
	n->count++;
	return n->name[n->count - 1] && n->description[n->count - 1] ? 0 : err_set(e, ENOMEM, "out of memory");
}

static int ask_names(struct nbd_conn *c, struct names *n, struct err *e)
{
	struct nbd_reply r;
	char data[NBD_MAX_OPTION];
	int ret = nbd_send_option(c, NBD_OPT_LIST, NULL, 0);

	if (ret < 0)
		return err_errno(e, -ret, "cannot ask the server");
	for (unsigned i = 0; i < 100000; i++) {
		ret = nbd_read_reply(c, NBD_OPT_LIST, &r, e);
		if (ret < 0)
			return ret;
		if (r.type == NBD_REP_ACK)
			return nbd_conn_skip(c, r.length);
		if (r.type != NBD_REP_SERVER)
			return nbd_refused(c, &r, "to list its exports", e);
		if (r.length < 4)
			return err_set(e, EPROTO, "the server lists a name of %u bytes", r.length);
		ret = nbd_conn_read(c, data, r.length);
		if (ret == 0)
			ret = names_add(n, data, r.length, e);
		else
			err_errno(e, -ret, "the server's list breaks off");
		if (ret < 0)
			return ret;
	}
	return err_set(e, EPROTO, "the server lists exports without end");
}

/* The names of the contexts an export offers. Not having any is no failure. */
static int ask_contexts(struct nbd_conn *c, const char *export, struct names *n, struct err *e)
{
	struct nbd_reply r;
	char data[NBD_MAX_OPTION], *p = data;
	int ret;

	if (strlen(export) > NBD_MAX_STRING)
		return 0;
	p = nbd_put32(p, (uint32_t)strlen(export));
	p = mempcpy(p, export, strlen(export));
	p = nbd_put32(p, 0);
	ret = nbd_send_option(c, NBD_OPT_LIST_META_CONTEXT, data, (uint32_t)(p - data));
	if (ret < 0)
		return err_errno(e, -ret, "cannot ask the server");
	for (unsigned i = 0; i < 100000; i++) {
		ret = nbd_read_reply(c, NBD_OPT_LIST_META_CONTEXT, &r, e);
		if (ret < 0)
			return ret;
		if (r.type != NBD_REP_META_CONTEXT)
			return nbd_conn_skip(c, r.length);
		if (r.length < 4)
			return err_set(e, EPROTO, "the server names a context of %u bytes", r.length);
		ret = nbd_conn_read(c, data, r.length);
		if (ret < 0)
			return err_errno(e, -ret, "the server's list breaks off");
		/* The same shape as a listed export: a length, a name, nothing. */
		nbd_put32(data, r.length - 4);
		ret = names_add(n, data, r.length, e);
		if (ret < 0)
			return ret;
	}
	return err_set(e, EPROTO, "the server sends contexts without end");
}

int nbd_client_list(const struct nbd_target *t,
		    void (*fn)(void *, const char *, const char *, const struct nbd_export_info *), void *opaque, struct err *e)
{
	struct nbd_conn c;
	struct nbd_negotiated n;
	struct names names = {0};
	int fd = nbd_connect(t, e), r;

	if (fd < 0)
		return fd;
	if (nbd_conn_init(&c, fd) < 0)
		return err_set(e, ENOMEM, "out of memory");
	r = nbd_hello(&c, t, &n, e);
	if (r == 0 && (n.oldstyle || !n.fixed)) {
		if (n.oldstyle) {
			r = nbd_enter(&c, t, &n, e);
			if (r == 0)
				fn(opaque, "", "", &n.info);
		} else {
			r = err_set(e, ENOTSUP, "the server cannot list its exports");
		}
		goto out;
	}
	if (r == 0)
		r = ask_names(&c, &names, e);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		struct nbd_negotiated one = n;
		struct names contexts = {0};
		struct err ignored = ERR_INIT;
		int got = nbd_ask_info(&c, names.name[i], &one, &ignored);
		if (got == 0 && one.info.structured) {
			r = ask_contexts(&c, names.name[i], &contexts, e);
			one.info.contexts = contexts.name;
			one.info.context_count = (unsigned)contexts.count;
		}
		if (got < 0 && (got == -ECONNRESET || got == -EPROTO)) {
			if (e)
				*e = ignored;
			r = got;
		} else {
			fn(opaque, names.name[i], names.description[i][0] ? names.description[i]
							: one.description ? one.description : "", got == 0 ? &one.info : NULL);
		}
		names_free(&contexts);
		free(one.canonical);
		free(one.description);
	}
	if (r == 0)
		nbd_send_option(&c, NBD_OPT_ABORT, NULL, 0);
out:
	names_free(&names);
	nbd_conn_close(&c);
	return r;
}
