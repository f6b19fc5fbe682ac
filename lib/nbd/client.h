/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NBD client: several connections to one export, TLS, structured replies, block status, and reconnection with replay of
 * the requests in flight. Any number of threads may make requests; each call blocks until its answer is there.
 */
#ifndef NBD_CLIENT_H
#define NBD_CLIENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "base/err.h"

struct nbd_client;
struct tls_creds;

struct nbd_target {
	const char *path;         /* UNIX socket; else host and port */
	const char *host, *port;  /* port NULL: 10809 */
	const char *export_name;  /* NULL: "" */
	struct tls_creds *tls;    /* NULL: plain; referenced while in use */
	const char *tls_hostname; /* NULL: host */
	unsigned connections;     /* wanted at most, 1..16 (0: 1); more than one only if the server allows it */
	unsigned reconnect_ms;    /* how long a broken connection is tried again before requests fail; 0: not at all */
	unsigned connect_ms;      /* how long to wait at the start for somebody to listen there; 0: not at all */
	const char *meta_context; /* a further context beside base:allocation, or NULL */
	/*
	 * Makes each connection instead of path and host, for a program that may not connect itself: a connected fd or -errno. Any thread.
	 * -ECANCELED: there will be none any more, and requests fail at once.
	 */
	int (*dial)(void *opaque, struct err *e);
	void *dial_opaque;
};

int nbd_client_open(const struct nbd_target *t, struct nbd_client **c, struct err *e);
void nbd_client_close(struct nbd_client *c); /* no request may be in flight; says good-bye */

struct nbd_export_info {
	uint64_t size;
	uint16_t flags; /* NBD_FLAG_... */
	uint32_t min_block, preferred_block, max_block; /* bytes; the protocol's defaults where the server told none */
	bool structured, allocation, context; /* replies, base:allocation, the further context */
	char *const *contexts; /* all that the export offers; only from nbd_client_list() */
	unsigned context_count;
};
void nbd_client_info(struct nbd_client *c, struct nbd_export_info *info);

/* Requests: 0 or -errno (the server's error; -EIO for a broken connection that could not be restored). */
int nbd_client_read(struct nbd_client *c, uint64_t offset, uint32_t length, void *buf);
int nbd_client_write(struct nbd_client *c, uint64_t offset, uint32_t length, const void *buf, bool fua);
/* The same with data in pieces: `length` bytes from `skip` bytes into what iov describes. */
int nbd_client_readv(struct nbd_client *c, uint64_t offset, uint32_t length, const struct iovec *iov, unsigned iovs, uint64_t skip);
int nbd_client_writev(struct nbd_client *c, uint64_t offset, uint32_t length, const struct iovec *iov, unsigned iovs, uint64_t skip, bool fua);
int nbd_client_flush(struct nbd_client *c);
int nbd_client_trim(struct nbd_client *c, uint64_t offset, uint32_t length);
/* flags: NBD_CMD_FLAG_FUA, NO_HOLE, FAST_ZERO */
int nbd_client_zero(struct nbd_client *c, uint64_t offset, uint32_t length, unsigned flags);
int nbd_client_cache(struct nbd_client *c, uint64_t offset, uint32_t length);
/*
 * The state of the run that begins at offset: *state holds NBD_STATE_ bits, *run its length (at least 1, at most length).
 * context: false base:allocation, true the further one. -ENOTSUP without the context.
 */
int nbd_client_status(struct nbd_client *c, bool context, uint64_t offset, uint32_t length, uint32_t *state, uint32_t *run);

/* Calls fn for each export the server lists; description is "" where it has none. */
int nbd_client_list(const struct nbd_target *t,
		    void (*fn)(void *opaque, const char *name, const char *description, const struct nbd_export_info *info),
		    void *opaque, struct err *e);
#endif
