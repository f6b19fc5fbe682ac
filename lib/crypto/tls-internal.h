/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between credentials and sessions. */
#ifndef CRYPTO_TLS_INTERNAL_H
#define CRYPTO_TLS_INTERNAL_H
#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include "crypto/tls.h"

enum tls_kind { TLS_ANON, TLS_PSK, TLS_X509 };

struct tls_creds {
	atomic_uint refs;
	enum tls_kind kind;
	bool server, verify;
	char *priority; /* NULL: the library's default */
	char *username; /* PSK client */
	char *psk_keys; /* PSK server: the text of keys.psk */
	gnutls_dh_params_t dh;
	union {
		gnutls_certificate_credentials_t x509;
		gnutls_anon_server_credentials_t anon_server;
		gnutls_anon_client_credentials_t anon_client;
		gnutls_psk_server_credentials_t psk_server;
		gnutls_psk_client_credentials_t psk_client;
	} u;
};
#endif
