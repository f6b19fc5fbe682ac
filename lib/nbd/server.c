/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections and exports; see negotiate.c and transmit.c for what is said on the wire. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "crypto/tls.h"
#include "nbd/server-internal.h"
#include "proto/nbd.h"

/* Threads that may wait for clients to come. */
enum { PLAIN_THREADS = 16, TLS_THREADS = 256 };

void nbd_server_log(struct nbd_server *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!s->config.log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	s->config.log(s->config.opaque, text);
}

struct nbd_server *nbd_server_new(const struct nbd_server_config *config, struct err *e)
{
	struct nbd_server *s = calloc(1, sizeof *s);

	if (!s) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	s->config = *config;
	if (!s->config.handshake_ms)
		s->config.handshake_ms = 30000;
	if (!s->config.threads)
		s->config.threads = NBD_MAX_THREADS;
	if (config->tls)
		tls_creds_ref(config->tls);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	/* With TLS a thread that ends leaves something behind (threads.c). */
	nbd_threads_init(&s->threads, config->tls ? TLS_THREADS : PLAIN_THREADS);
	return s;
}

void nbd_server_free(struct nbd_server *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	for (struct nbd_peer *p = s->peers; p; p = p->next)
		nbd_conn_shutdown(&p->conn);
	while (s->peer_count)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	nbd_threads_end(&s->threads);
	tls_creds_unref(s->config.tls);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s->exports);
	free(s);
}

/* ---- exports ---- */

static unsigned find(struct nbd_server *s, const char *name)
{
	unsigned i;

	for (i = 0; i < s->export_count && strcmp(s->exports[i]->name, name); i++)
		;
	return i;
}

int nbd_server_add(struct nbd_server *s, struct nbd_export *x, struct err *e)
{
	struct nbd_export **list;
	int r = 0;

	if (strlen(x->name) > NBD_MAX_STRING || (x->description && strlen(x->description) > NBD_MAX_STRING))
		return err_set(e, EINVAL, "an export's name and description have at most %u bytes", NBD_MAX_STRING);
	if (nbd_export_contexts(x) > NBD_MAX_CONTEXTS)
		return err_set(e, EINVAL, "export '%s' has more than %u contexts", x->name, NBD_MAX_CONTEXTS);
	pthread_mutex_lock(&s->lock);
	if (find(s, x->name) < s->export_count) {
		r = err_set(e, EEXIST, "there is an export '%s' already", x->name);
	} else {
		list = realloc(s->exports, (s->export_count + 1) * sizeof *list);
		if (list) {
			s->exports = list;
			s->exports[s->export_count++] = x;
			x->in_use = 0;
		} else {
			r = err_set(e, ENOMEM, "out of memory");
		}
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

int nbd_server_remove(struct nbd_server *s, const char *name, bool hard, struct err *e)
{
	struct nbd_export *x;
	unsigned i;

	pthread_mutex_lock(&s->lock);
	i = find(s, name);
	if (i == s->export_count) {
		pthread_mutex_unlock(&s->lock);
		return err_set(e, ENOENT, "there is no export '%s'", name);
	}
	x = s->exports[i];
	memmove(s->exports + i, s->exports + i + 1, (--s->export_count - i) * sizeof *s->exports);
	if (hard)
		for (struct nbd_peer *p = s->peers; p; p = p->next)
			if (p->export == x || p->context_export == x)
				nbd_conn_shutdown(&p->conn);
	while (x->in_use)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

struct nbd_export *nbd_export_get(struct nbd_server *s, const char *name)
{
	struct nbd_export *x = NULL;
	unsigned i;

	pthread_mutex_lock(&s->lock);
	/* The empty name is the default export: the only one, if there is one. */
	i = name ? find(s, name) : 0;
	if (i == s->export_count && !*name && s->export_count == 1)
		i = 0;
	if (i < s->export_count) {
		x = s->exports[i];
		x->in_use++;
	}
	pthread_mutex_unlock(&s->lock);
	return x;
}

void nbd_export_put(struct nbd_server *s, struct nbd_export *x)
{
	if (!x)
		return;
	pthread_mutex_lock(&s->lock);
	x->in_use--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

uint16_t nbd_export_flags(const struct nbd_peer *p, const struct nbd_export *x)
{
	unsigned f = NBD_FLAG_HAS_FLAGS;

	f |= x->ops->flush ? NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA : 0;
	f |= x->ops->cache ? NBD_FLAG_SEND_CACHE : 0;
	f |= x->multi_conn ? NBD_FLAG_CAN_MULTI_CONN : 0;
	f |= x->rotational ? NBD_FLAG_ROTATIONAL : 0;
	f |= p->structured ? NBD_FLAG_SEND_DF : 0;
	if (x->read_only)
		return (uint16_t)(f | NBD_FLAG_READ_ONLY);
	f |= x->ops->trim ? NBD_FLAG_SEND_TRIM : 0;
	f |= x->ops->zero ? NBD_FLAG_SEND_WRITE_ZEROES : 0;
	f |= x->ops->zero && x->fast_zero ? NBD_FLAG_SEND_FAST_ZERO : 0;
	return (uint16_t)f;
}

unsigned nbd_export_contexts(const struct nbd_export *x)
{
	unsigned n = 1;

	if (!x->ops->status)
		return 0;
	while (x->contexts && x->contexts[n - 1])
		n++;
	return n;
}

const char *nbd_export_context_name(const struct nbd_export *x, unsigned i)
{
	return i == 0 ? "base:allocation" : x->contexts[i - 1];
}

/* ---- connections ---- */

static void connection(void *opaque)
{
	struct nbd_peer *p = opaque;
	struct nbd_server *s = p->server;
	struct err e = ERR_INIT;
	int r = p->direct ? 0 : nbd_negotiate(p, &e);

	if (r == 0)
		nbd_transmit(p);
	else if (r < 0)
		nbd_server_log(s, "a client's negotiation failed: %s", e.msg);
	nbd_export_put(s, p->context_export);
	nbd_export_put(s, p->export);
	pthread_mutex_lock(&s->lock);
	if (p->prev)
		p->prev->next = p->next;
	else
		s->peers = p->next;
	if (p->next)
		p->next->prev = p->prev;
	/* Under the lock: nbd_server_free() and nbd_server_remove() reach for the connection through the list. */
	nbd_conn_close(&p->conn);
	pthread_mutex_unlock(&s->lock);
	pthread_cond_destroy(&p->turn);
	pthread_cond_destroy(&p->all_done);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->send);
	free(p);
	pthread_mutex_lock(&s->lock);
	s->peer_count--;
	/* Under the lock: who waits for the last connection frees what the call needs. */
	if (s->config.client_gone)
		s->config.client_gone(s->config.opaque, s->peer_count);
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* here: not in a thread of its own */
static int add_client(struct nbd_server *s, int fd, struct nbd_export *direct, bool here, struct err *e)
{
	struct nbd_peer *p = calloc(1, sizeof *p);
	int r;

	if (!p || nbd_conn_init(&p->conn, fd) < 0) {
		if (!p)
			close(fd);
		free(p);
		return err_set(e, ENOMEM, "out of memory");
	}
	p->server = s;
	p->export = direct;
	p->direct = direct;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->send, NULL);
	pthread_cond_init(&p->turn, NULL);
	pthread_cond_init(&p->all_done, NULL);
	pthread_mutex_lock(&s->lock);
	r = s->stopping ? ESHUTDOWN : s->config.max_clients && s->peer_count >= s->config.max_clients ? EAGAIN : 0;
	if (r == 0 && !here)
		r = nbd_threads_run(&s->threads, connection, p);
	if (r == 0) {
		p->next = s->peers;
		if (s->peers)
			s->peers->prev = p;
		s->peers = p;
		s->peer_count++;
	}
	pthread_mutex_unlock(&s->lock);
	if (r) {
		nbd_conn_close(&p->conn);
		free(p);
		return err_errno(e, r, "cannot serve a client");
	}
	if (here)
		connection(p);
	return 0;
}

static int add_client_in(struct nbd_server *s, int fd, const char *name, bool here, struct err *e)
{
	struct nbd_export *x = nbd_export_get(s, name);
	int r;

	if (!x) {
		close(fd);
		return err_set(e, ENOENT, "there is no export '%s'", name);
	}
	r = add_client(s, fd, x, here, e);
	if (r < 0)
		nbd_export_put(s, x);
	return r;
}

int nbd_server_client(struct nbd_server *s, int fd, struct err *e)
{
	return add_client(s, fd, NULL, false, e);
}

int nbd_server_client_in(struct nbd_server *s, int fd, const char *name, struct err *e)
{
	return add_client_in(s, fd, name, false, e);
}

int nbd_server_serve(struct nbd_server *s, int fd, const char *name, struct err *e)
{
	return name ? add_client_in(s, fd, name, true, e) : add_client(s, fd, NULL, true, e);
}

uint16_t nbd_server_flags(const struct nbd_export *x)
{
	return nbd_export_flags(&(struct nbd_peer){0}, x);
}

unsigned nbd_server_clients(struct nbd_server *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->peer_count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned nbd_server_in_use(struct nbd_server *s, const struct nbd_export *x)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = x->in_use;
	pthread_mutex_unlock(&s->lock);
	return n;
}
