/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between server.c (connections), negotiate.c (handshake) and transmit.c (requests). */
#ifndef NBD_SERVER_INTERNAL_H
#define NBD_SERVER_INTERNAL_H
#include <pthread.h>
#include "nbd/conn.h"
#include "nbd/server.h"
#include "nbd/threads.h"

#define NBD_MAX_CONTEXTS 16u
#define NBD_MAX_THREADS 16u   /* of one connection, if the configuration says nothing */

struct nbd_peer {
	struct nbd_server *server;
	struct nbd_peer *prev, *next;
	struct nbd_conn conn;
	struct nbd_export *export;
	bool structured, no_zeroes, direct; /* direct: no handshake */
	bool context[NBD_MAX_CONTEXTS]; /* chosen by SET_META_CONTEXT for context_export */
	struct nbd_export *context_export;

	/* transmission */
	pthread_mutex_t lock; /* the fields below */
	pthread_cond_t turn;  /* the reader's office is free */
	pthread_mutex_t send;
	bool reading, ending;
	unsigned threads, waiting;
	/* Of the holder of the office: requests that are to be worked on side by side, and how many the next slow one means. */
	unsigned parallel, eager;
	pthread_cond_t all_done;
};

struct nbd_server {
	struct nbd_server_config config;
	pthread_mutex_t lock; /* the lists */
	pthread_cond_t changed;
	struct nbd_export **exports;
	unsigned export_count;
	struct nbd_peer *peers;
	unsigned peer_count;
	bool stopping;
	struct nbd_threads threads;
};

/* Finds an export and holds it (in_use); NULL: none of that name. */
struct nbd_export *nbd_export_get(struct nbd_server *s, const char *name);
void nbd_export_put(struct nbd_server *s, struct nbd_export *x);
uint16_t nbd_export_flags(const struct nbd_peer *p, const struct nbd_export *x);
unsigned nbd_export_contexts(const struct nbd_export *x);
const char *nbd_export_context_name(const struct nbd_export *x, unsigned i);

int nbd_negotiate(struct nbd_peer *p, struct err *e); /* 0: p->export is set; 1: the client left politely */
void nbd_transmit(struct nbd_peer *p);                /* until the connection ends */
void nbd_server_log(struct nbd_server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
