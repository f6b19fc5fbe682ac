/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/tls-internal.h"

struct tls_session {
	struct tls_creds *creds;
	gnutls_session_t tls;
	char *hostname, *peer;
	bool verified;
	char description[256];
};

static int tls_fail(struct err *e, const char *what, int r)
{
	return err_set(e, r == GNUTLS_E_PREMATURE_TERMINATION ? EPIPE : EIO, "%s: %s", what, gnutls_strerror(r));
}

static int set_priority(struct tls_session *s, struct err *e)
{
	/* Anonymous and pre-shared key exchanges are off by default; TLS 1.3 has no anonymous one. */
	static const char *const extra[] = {[TLS_ANON] = "+ANON-DH:+ANON-ECDH", [TLS_PSK] = "+ECDHE-PSK:+DHE-PSK:+PSK",
					    [TLS_X509] = ""};
	const char *base = s->creds->priority ? s->creds->priority : "NORMAL";
	char text[1024];
	const char *at;
	int r;

	snprintf(text, sizeof text, "%s%s%s", base, *extra[s->creds->kind] ? ":" : "", extra[s->creds->kind]);
	r = gnutls_priority_set_direct(s->tls, text, &at);
	if (r < 0)
		return err_set(e, EINVAL, "Unable to set TLS session priority %s: %s", text, gnutls_strerror(r));
	return 0;
}

static int set_credentials(struct tls_session *s)
{
	struct tls_creds *c = s->creds;

	switch (c->kind) {
	case TLS_X509:
		return gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, c->u.x509);
	case TLS_PSK:
		return gnutls_credentials_set(s->tls, GNUTLS_CRD_PSK,
					      c->server ? (void *)c->u.psk_server : (void *)c->u.psk_client);
	default:
		return gnutls_credentials_set(s->tls, GNUTLS_CRD_ANON,
					      c->server ? (void *)c->u.anon_server : (void *)c->u.anon_client);
	}
}

/* RFC 6066 section 3: addresses are not sent as server names. */
static bool is_address(const char *name)
{
	unsigned char buf[16];

	return inet_pton(AF_INET, name, buf) == 1 || inet_pton(AF_INET6, name, buf) == 1;
}

struct tls_session *tls_session_new(struct tls_creds *c, int fd, const char *hostname, struct err *e)
{
	struct tls_session *s;
	int r;

	if (!c->server && c->kind == TLS_X509 && c->verify && !hostname) {
		err_set(e, EINVAL, "No hostname for certificate validation");
		err_hint(e, "Give the name the certificate carries (tls-hostname=NAME), or use verify-peer=off.");
		return NULL;
	}
	s = calloc(1, sizeof *s);
	if (!s || (hostname && !(s->hostname = strdup(hostname)))) {
		free(s);
		err_errno(e, ENOMEM, "cannot make a TLS session");
		return NULL;
	}
	s->creds = tls_creds_ref(c);
	/* SIGPIPE must not end a server because a client left. */
	r = gnutls_init(&s->tls, (c->server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_SIGNAL |
					 (fd >= 0 ? 0 : GNUTLS_NONBLOCK));
	if (r < 0) {
		s->tls = NULL;
		err_set(e, ENOMEM, "cannot make a TLS session: %s", gnutls_strerror(r));
		goto fail;
	}
	gnutls_session_set_ptr(s->tls, s->creds); /* for the look-up of pre-shared keys */
	if (set_priority(s, e) < 0)
		goto fail;
	r = set_credentials(s);
	if (r < 0) {
		err_set(e, EINVAL, "cannot use the TLS credentials: %s", gnutls_strerror(r));
		goto fail;
	}
	if (c->server && c->kind == TLS_X509)
		gnutls_certificate_server_set_request(s->tls, c->verify ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
	if (!c->server && hostname && !is_address(hostname))
		gnutls_server_name_set(s->tls, GNUTLS_NAME_DNS, hostname, strlen(hostname));
	gnutls_handshake_set_timeout(s->tls, 0);
	if (fd >= 0)
		gnutls_transport_set_int(s->tls, fd);
	return s;
fail:
	tls_session_free(s);
	return NULL;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	if (s->tls)
		gnutls_deinit(s->tls);
	tls_creds_unref(s->creds);
	gnutls_free(s->peer);
	free(s->hostname);
	free(s);
}

void tls_session_set_io(struct tls_session *s, ssize_t (*push)(void *opaque, const void *buf, size_t len),
			ssize_t (*pull)(void *opaque, void *buf, size_t len), void *opaque)
{
	gnutls_transport_set_ptr(s->tls, opaque);
	gnutls_transport_set_push_function(s->tls, push);
	gnutls_transport_set_pull_function(s->tls, pull);
}

/* The certificate chain, its dates, and at a client the host name (RFC 6125: subjectAltName before the name). */
static int verify_x509(struct tls_session *s, struct err *e)
{
	gnutls_datum_t text = {0}, dn = {0};
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t crt;
	unsigned status = 0, count = 0;
	int r;

	chain = gnutls_certificate_get_peers(s->tls, &count);
	if (!chain || !count)
		return s->creds->verify ? err_set(e, EACCES, "No certificate was found") : 0;
	if (gnutls_x509_crt_init(&crt) >= 0) {
		if (gnutls_x509_crt_import(crt, chain, GNUTLS_X509_FMT_DER) >= 0 &&
		    gnutls_x509_crt_get_dn2(crt, &dn) >= 0)
			s->peer = (char *)dn.data;
		gnutls_x509_crt_deinit(crt);
	}
	if (!s->creds->verify)
		return 0;
	r = gnutls_certificate_verify_peers3(s->tls, s->creds->server ? NULL : s->hostname, &status);
	if (r < 0)
		return err_set(e, EACCES, "Verify failed: %s", gnutls_strerror(r));
	if (!status)
		return 0;
	if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) >= 0)
		err_set(e, EACCES, "certificate of %s is refused: %s", s->hostname ? s->hostname : "the peer", text.data);
	else
		err_set(e, EACCES, "certificate of %s is refused", s->hostname ? s->hostname : "the peer");
	gnutls_free(text.data);
	return -EACCES;
}

int tls_session_handshake(struct tls_session *s, struct err *e)
{
	int r;

	do {
		r = gnutls_handshake(s->tls);
	} while (r == GNUTLS_E_INTERRUPTED || (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r)));
	if (r == GNUTLS_E_AGAIN)
		return gnutls_record_get_direction(s->tls) ? TLS_WANT_WRITE : TLS_WANT_READ;
	if (r == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return err_set(e, EACCES, "TLS handshake failed: the peer sent alert \"%s\"",
			       gnutls_alert_get_name(gnutls_alert_get(s->tls)));
	if (r < 0)
		return tls_fail(e, "TLS handshake failed", r);
	if (!s->verified && s->creds->kind == TLS_X509) {
		r = verify_x509(s, e);
		if (r < 0) {
			gnutls_alert_send(s->tls, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
			return r;
		}
	}
	s->verified = true;
	return TLS_DONE;
}

ssize_t tls_session_recv(struct tls_session *s, void *buf, size_t len, struct err *e)
{
	ssize_t n;

	do {
		n = gnutls_record_recv(s->tls, buf, len);
		/* Renegotiation (TLS 1.2) is refused: no peer of ours needs it. */
		if (n == GNUTLS_E_REHANDSHAKE && s->creds->server)
			gnutls_alert_send(s->tls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
	} while (n < 0 && n != GNUTLS_E_AGAIN && !gnutls_error_is_fatal((int)n));
	if (n == GNUTLS_E_AGAIN)
		return -EAGAIN;
	return n < 0 ? tls_fail(e, "Cannot read from TLS channel", (int)n) : n;
}

ssize_t tls_session_send(struct tls_session *s, const void *buf, size_t len, struct err *e)
{
	ssize_t n;

	do {
		n = gnutls_record_send(s->tls, buf, len);
	} while (n < 0 && n != GNUTLS_E_AGAIN && !gnutls_error_is_fatal((int)n));
	if (n == GNUTLS_E_AGAIN)
		return -EAGAIN;
	return n < 0 ? tls_fail(e, "Cannot write to TLS channel", (int)n) : n;
}

size_t tls_session_pending(struct tls_session *s)
{
	return gnutls_record_check_pending(s->tls);
}

int tls_session_bye(struct tls_session *s, struct err *e)
{
	int r;

	do {
		r = gnutls_bye(s->tls, GNUTLS_SHUT_WR);
	} while (r == GNUTLS_E_INTERRUPTED);
	if (r == GNUTLS_E_AGAIN)
		return TLS_WANT_WRITE;
	return r < 0 ? tls_fail(e, "Cannot end the TLS channel", r) : TLS_DONE;
}

const char *tls_session_peer_name(struct tls_session *s)
{
	return s->peer;
}

const char *tls_session_describe(struct tls_session *s)
{
	char *d = gnutls_session_get_desc(s->tls);

	snprintf(s->description, sizeof s->description, "%s", d ? d : "none");
	gnutls_free(d);
	return s->description;
}
