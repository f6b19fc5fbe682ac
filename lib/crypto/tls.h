/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS: credentials (objects tls-creds-x509, -anon, -psk) and sessions over a connected stream socket.
 *
 * A session is used by one thread at a time, except that one thread may receive while another sends, which is
 * what an NBD client with a reader thread does. It never closes its fd.
 */
#ifndef CRYPTO_TLS_H
#define CRYPTO_TLS_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"

struct tls_creds;
struct tls_session;

struct tls_creds *tls_creds_ref(struct tls_creds *c);
void tls_creds_unref(struct tls_creds *c); /* NULL is allowed */
bool tls_creds_is_server(const struct tls_creds *c);

/* Refuses credentials made for the other end, with the sentence that says which endpoint= they have. */
int tls_creds_check_endpoint(const struct tls_creds *c, bool server, struct err *e);

/*
 * A session over fd (blocking or not). The end is the credentials' endpoint. hostname: for clients, the name the
 * server's certificate must carry and that SNI sends; NULL where none is to be checked (refused when the
 * credentials verify peers with x509). The session holds a reference to the credentials.
 */
struct tls_session *tls_session_new(struct tls_creds *c, int fd, const char *hostname, struct err *e);
void tls_session_free(struct tls_session *s);

/*
 * Over memory or a file descriptor that is no socket: push and pull as write(2) and read(2), -1 with errno; EAGAIN
 * means "not now". Call before the handshake.
 */
void tls_session_set_io(struct tls_session *s, ssize_t (*push)(void *opaque, const void *buf, size_t len),
			ssize_t (*pull)(void *opaque, void *buf, size_t len), void *opaque);

enum { TLS_DONE = 0, TLS_WANT_READ = 1, TLS_WANT_WRITE = 2 };

/*
 * The handshake, with the check of the peer at its end. TLS_DONE; TLS_WANT_READ or TLS_WANT_WRITE when the fd is
 * not blocking and must first become readable or writable (call again then); -errno with the sentence.
 */
int tls_session_handshake(struct tls_session *s, struct err *e);

/*
 * As recv() and send(): the number of bytes, 0 at the peer's end of stream, -EAGAIN when the fd would block,
 * -EPIPE when the stream ended without TLS's own farewell (truncation), other -errno with the sentence.
 */
ssize_t tls_session_recv(struct tls_session *s, void *buf, size_t len, struct err *e);
ssize_t tls_session_send(struct tls_session *s, const void *buf, size_t len, struct err *e);

/* Bytes that recv() would return without reading the fd: poll() does not see them. */
size_t tls_session_pending(struct tls_session *s);

/* Sends the farewell (both directions stay usable for reading); TLS_DONE, TLS_WANT_WRITE or -errno. */
int tls_session_bye(struct tls_session *s, struct err *e);

/* For logs and "info vnc": the distinguished name of the peer's certificate, or NULL. Owned by the session. */
const char *tls_session_peer_name(struct tls_session *s);
/* "TLS1.3-X.509 AES-256-GCM", into the session's own buffer. */
const char *tls_session_describe(struct tls_session *s);
#endif
