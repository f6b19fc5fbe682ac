/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NBD server: the protocol over connected sockets, for exports that the program describes. It knows no image format.
 */
#ifndef NBD_SERVER_H
#define NBD_SERVER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct nbd_server;
struct tls_creds;

struct nbd_extent {
	uint32_t length, state;
};

/*
 * What an export does. Called from any number of threads at once; ranges are inside the export and multiples of
 * min_block. Return 0 or -errno. NULL: the feature is not offered.
 */
struct nbd_export_ops {
	int (*read)(void *opaque, uint64_t offset, uint32_t length, void *buf);
	int (*write)(void *opaque, uint64_t offset, uint32_t length, const void *buf, bool fua);
	int (*flush)(void *opaque);
	int (*trim)(void *opaque, uint64_t offset, uint32_t length, bool fua);
	int (*zero)(void *opaque, uint64_t offset, uint32_t length, bool fua, bool may_trim, bool fast); /* fast: or -ENOTSUP */
	int (*cache)(void *opaque, uint64_t offset, uint32_t length);
	/* Fills ext[] (at most max, at least one), from offset on, together at most length. context: see below. */
	int (*status)(void *opaque, unsigned context, uint64_t offset, uint32_t length, struct nbd_extent *ext, unsigned max,
		      unsigned *count);
	uint64_t (*size)(void *opaque);
};

struct nbd_export {
	char *name, *description;    /* "" is a name; description NULL: none */
	const struct nbd_export_ops *ops;
	void *opaque;
	bool read_only, multi_conn, rotational, fast_zero;
	uint32_t min_block, preferred_block, max_block; /* 0: 1, 4096, 32 MiB */
	/* Contexts that status() serves: index 0 is base:allocation, these follow. NULL-terminated, or NULL. */
	const char *const *contexts;
	/* For the owner, who must keep the export until in_use is 0. */
	unsigned in_use;
};

struct nbd_server_config {
	struct tls_creds *tls;     /* required of every client that comes over a socket; NULL: plain */
	bool (*authorize)(void *opaque, const char *peer_name); /* of the client certificate; NULL: everyone */
	void *opaque;
	unsigned max_clients;      /* at once; 0: no limit */
	unsigned threads;          /* of one connection, 0: 16 */
	unsigned handshake_ms;     /* a client that has not finished by then is dropped; 0: 30000 */
	bool oldstyle;             /* the handshake without options: the first export */
	void (*client_gone)(void *opaque, unsigned left); /* in the connection's thread; must not call the server */
	void (*log)(void *opaque, const char *message);   /* what a client did wrong; NULL: silence */
};

struct nbd_server *nbd_server_new(const struct nbd_server_config *config, struct err *e);
/* Ends every connection (requests that run are finished), waits for them, and frees. */
void nbd_server_free(struct nbd_server *s);

/* The export stays the caller's. A name that is taken is -EEXIST. */
int nbd_server_add(struct nbd_server *s, struct nbd_export *x, struct err *e);
/* Takes the export away; with hard, its clients are disconnected; returns when none is in it. */
int nbd_server_remove(struct nbd_server *s, const char *name, bool hard, struct err *e);

/* Serves the connected socket in threads of its own; takes over fd. -EAGAIN: max_clients are there (fd is closed). */
int nbd_server_client(struct nbd_server *s, int fd, struct err *e);
/* The same for a client that needs no handshake (the kernel's): it is in the export of this name at once. */
int nbd_server_client_in(struct nbd_server *s, int fd, const char *name, struct err *e);
/* The same as both in the calling thread (name NULL: with a handshake): returns when the connection has ended. */
int nbd_server_serve(struct nbd_server *s, int fd, const char *name, struct err *e);
uint16_t nbd_server_flags(const struct nbd_export *x); /* what such a client is to be told: NBD_FLAG_... */
unsigned nbd_server_clients(struct nbd_server *s);
/* Clients that are in this export. */
unsigned nbd_server_in_use(struct nbd_server *s, const struct nbd_export *x);
#endif
