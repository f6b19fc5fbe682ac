/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS credentials: the PEM files of a directory as the manual names them.
 *
 *   tls-creds-x509   ca-cert.pem, ca-crl.pem (optional), server-cert.pem and server-key.pem, or client-cert.pem and
 *                    client-key.pem (optional at a client), dh-params.pem (optional)
 *   tls-creds-anon   dh-params.pem (optional)
 *   tls-creds-psk    keys.psk: lines USER:HEXKEY
 */
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "crypto/object-type.h"
#include "crypto/object.h"
#include "crypto/tls-internal.h"

struct tls_creds *tls_creds_ref(struct tls_creds *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void tls_creds_unref(struct tls_creds *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	if (c->kind == TLS_X509 && c->u.x509)
		gnutls_certificate_free_credentials(c->u.x509);
	else if (c->kind == TLS_ANON && c->server && c->u.anon_server)
		gnutls_anon_free_server_credentials(c->u.anon_server);
	else if (c->kind == TLS_ANON && !c->server && c->u.anon_client)
		gnutls_anon_free_client_credentials(c->u.anon_client);
	else if (c->kind == TLS_PSK && c->server && c->u.psk_server)
		gnutls_psk_free_server_credentials(c->u.psk_server);
	else if (c->kind == TLS_PSK && !c->server && c->u.psk_client)
		gnutls_psk_free_client_credentials(c->u.psk_client);
	if (c->dh)
		gnutls_dh_params_deinit(c->dh);
	free(c->priority);
	free(c->username);
	if (c->psk_keys)
		forget(c->psk_keys, strlen(c->psk_keys));
	free(c->psk_keys);
	free(c);
}

bool tls_creds_is_server(const struct tls_creds *c)
{
	return c->server;
}

int tls_creds_check_endpoint(const struct tls_creds *c, bool server, struct err *e)
{
	if (c->server == server)
		return 0;
	return err_set(e, EINVAL, "TLS credentials have endpoint=%s, this end needs endpoint=%s",
		       c->server ? "server" : "client", server ? "server" : "client");
}

/* DIR/NAME, or NULL where it does not exist and need not (`required` false). */
static int file_in(const char *dir, const char *name, bool required, char **path, struct err *e)
{
	*path = NULL;
	if (asprintf(path, "%s/%s", dir, name) < 0) {
		*path = NULL;
		return err_errno(e, ENOMEM, "TLS credentials");
	}
	if (access(*path, R_OK) == 0)
		return 0;
	if (errno == ENOENT && !required) {
		free(*path);
		*path = NULL;
		return 0;
	}
	err_errno(e, errno, "Unable to access credentials %s", *path);
	free(*path);
	*path = NULL;
	return e ? -e->code : -EINVAL;
}

static int tls_err(struct err *e, int code, const char *what, const char *path)
{
	return err_set(e, EINVAL, "%s %s: %s", what, path, gnutls_strerror(code));
}

/* DH parameters are for servers only; TLS 1.3 and ECDHE need none. */
static int load_dh(struct tls_creds *c, const char *dir, struct err *e)
{
	gnutls_datum_t pem = {0};
	char *path;
	int r;

	if (!c->server || !dir)
		return 0;
	if ((r = file_in(dir, "dh-params.pem", false, &path, e)) < 0)
		return r;
	if (!path) {
		/* RFC 7919 groups, well known and audited, instead of minutes of generating. */
		if (c->kind == TLS_X509)
			gnutls_certificate_set_known_dh_params(c->u.x509, GNUTLS_SEC_PARAM_MEDIUM);
		else if (c->kind == TLS_ANON)
			gnutls_anon_set_server_known_dh_params(c->u.anon_server, GNUTLS_SEC_PARAM_MEDIUM);
		else
			gnutls_psk_set_server_known_dh_params(c->u.psk_server, GNUTLS_SEC_PARAM_MEDIUM);
		return 0;
	}
	r = gnutls_load_file(path, &pem);
	if (r >= 0)
		r = gnutls_dh_params_init(&c->dh);
	if (r >= 0)
		r = gnutls_dh_params_import_pkcs3(c->dh, &pem, GNUTLS_X509_FMT_PEM);
	gnutls_free(pem.data);
	if (r < 0) {
		r = tls_err(e, r, "Unable to load DH parameters from", path);
		free(path);
		return r;
	}
	free(path);
	if (c->kind == TLS_X509)
		gnutls_certificate_set_dh_params(c->u.x509, c->dh);
	else if (c->kind == TLS_ANON)
		gnutls_anon_set_server_dh_params(c->u.anon_server, c->dh);
	else
		gnutls_psk_set_server_dh_params(c->u.psk_server, c->dh);
	return 0;
}

/* One certificate of a file for its dates, role and usage, so that a mistake is named here and not at each peer. */
static int check_cert(const char *path, bool ca, bool server, struct err *e)
{
	gnutls_datum_t pem = {0};
	gnutls_x509_crt_t *list = NULL;
	unsigned count = 0, usage = 0, critical = 0;
	time_t now = time(NULL);
	int r = gnutls_load_file(path, &pem);

	if (r >= 0)
		r = gnutls_x509_crt_list_import2(&list, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
	gnutls_free(pem.data);
	if (r < 0)
		return tls_err(e, r, "Unable to import certificate", path);
	r = 0;
	for (unsigned i = 0; i < count && r == 0; i++) {
		int is_ca = gnutls_x509_crt_get_ca_status(list[i], NULL);
		if (gnutls_x509_crt_get_expiration_time(list[i]) < now)
			r = err_set(e, EINVAL, "The %s certificate %s has expired", ca ? "CA" : server ? "server" : "client",
				    path);
		else if (gnutls_x509_crt_get_activation_time(list[i]) > now)
			r = err_set(e, EINVAL, "The %s certificate %s is not yet active",
				    ca ? "CA" : server ? "server" : "client", path);
		else if (ca && is_ca == 0)
			r = err_set(e, EINVAL, "The certificate %s basic constraints do not show a CA", path);
		else if (!ca && i == 0 && is_ca > 0)
			r = err_set(e, EINVAL, "The certificate %s basic constraints show a CA, but we need one for a %s",
				    path, server ? "server" : "client");
		if (r == 0 && gnutls_x509_crt_get_key_usage(list[i], &usage, &critical) >= 0 && critical) {
			if (ca && !(usage & GNUTLS_KEY_KEY_CERT_SIGN))
				r = err_set(e, EINVAL, "Certificate %s usage does not permit certificate signing", path);
			else if (!ca && i == 0 && !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE))
				r = err_set(e, EINVAL, "Certificate %s usage does not permit digital signature", path);
		}
		if (r == 0 && !ca && i == 0) {
			bool found = false, any = false;
			for (unsigned k = 0;; k++) {
				char oid[128];
				size_t size = sizeof oid;
				unsigned crit;
				if (gnutls_x509_crt_get_key_purpose_oid(list[i], k, oid, &size, &crit) < 0)
					break;
				any = true;
				if (!strcmp(oid, server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT) ||
				    !strcmp(oid, GNUTLS_KP_ANY))
					found = true;
			}
			if (any && !found)
				r = err_set(e, EINVAL, "Certificate %s purpose does not allow use with a TLS %s", path,
					    server ? "server" : "client");
		}
	}
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	return r;
}

static int load_x509(struct tls_creds *c, struct objects *o, const char *dir, const char *passwordid, bool sanity,
		     struct err *e)
{
	char *ca = NULL, *crl = NULL, *cert = NULL, *key = NULL;
	uint8_t *password = NULL;
	size_t plen = 0;
	int r;

	if ((r = file_in(dir, "ca-cert.pem", !c->server || c->verify, &ca, e)) < 0 ||
	    (r = file_in(dir, "ca-crl.pem", false, &crl, e)) < 0 ||
	    (r = file_in(dir, c->server ? "server-cert.pem" : "client-cert.pem", c->server, &cert, e)) < 0 ||
	    (r = file_in(dir, c->server ? "server-key.pem" : "client-key.pem", c->server || cert, &key, e)) < 0)
		goto out;
	if (sanity && ((ca && (r = check_cert(ca, true, c->server, e)) < 0) ||
		       (cert && (r = check_cert(cert, false, c->server, e)) < 0)))
		goto out;
	if (passwordid && !(password = secret_get(o, passwordid, &plen, e))) {
		r = -EINVAL;
		goto out;
	}
	if ((r = gnutls_certificate_allocate_credentials(&c->u.x509)) < 0) {
		r = err_set(e, ENOMEM, "cannot make TLS credentials: %s", gnutls_strerror(r));
		goto out;
	}
	if (ca && (r = gnutls_certificate_set_x509_trust_file(c->u.x509, ca, GNUTLS_X509_FMT_PEM)) < 0) {
		r = tls_err(e, r, "Cannot load CA certificate", ca);
		goto out;
	}
	if (cert && (r = gnutls_certificate_set_x509_key_file2(c->u.x509, cert, key, GNUTLS_X509_FMT_PEM,
							       (const char *)password, 0)) < 0) {
		r = err_set(e, EINVAL, "Cannot load certificate %s & key %s: %s", cert, key, gnutls_strerror(r));
		if (!password)
			err_hint(e, "If the key is encrypted, give its password: passwordid=ID of a secret.");
		goto out;
	}
	if (crl && (r = gnutls_certificate_set_x509_crl_file(c->u.x509, crl, GNUTLS_X509_FMT_PEM)) < 0) {
		r = tls_err(e, r, "Cannot load CRL", crl);
		goto out;
	}
	r = 0;
out:
	secret_free(password, plen);
	free(ca);
	free(crl);
	free(cert);
	free(key);
	return r;
}

/* keys.psk at a client: the line of the user, "NAME:HEX". */
static int load_psk_key(const char *path, const char *user, gnutls_datum_t *key, struct err *e)
{
	char line[1024];
	size_t n = strlen(user);
	FILE *f = fopen(path, "re");
	int r = err_set(e, ENOENT, "Username %s not found in %s", user, path);

	if (!f)
		return err_errno(e, errno, "Cannot open file '%s'", path);
	while (fgets(line, sizeof line, f)) {
		if (strncmp(line, user, n) || line[n] != ':')
			continue;
		line[strcspn(line, "\r\n")] = '\0';
		key->size = (unsigned)strlen(line + n + 1);
		key->data = (unsigned char *)strdup(line + n + 1);
		r = key->data ? 0 : err_errno(e, ENOMEM, "%s", path);
		break;
	}
	forget(line, sizeof line);
	fclose(f);
	return r;
}

/*
 * The key of a user at a server, from the text that was loaded at the start: the library's own look-up would open the
 * file at each handshake, which a server under its system-call filter may not.
 */
static int find_psk(gnutls_session_t session, const char *user, gnutls_datum_t *key)
{
	const struct tls_creds *c = gnutls_session_get_ptr(session);
	size_t n = strlen(user);

	for (const char *line = c->psk_keys; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		gnutls_datum_t hex;
		if (strncmp(line, user, n) || line[n] != ':')
			continue;
		hex.data = (unsigned char *)(uintptr_t)(line + n + 1);
		hex.size = (unsigned)strcspn(line + n + 1, "\r\n");
		return gnutls_hex_decode2(&hex, key) < 0 ? -1 : 0;
	}
	return -1;
}

static int load_psk(struct tls_creds *c, const char *dir, const char *user, struct err *e)
{
	gnutls_datum_t key = {0};
	char *path = NULL;
	int r;

	if ((r = file_in(dir, "keys.psk", true, &path, e)) < 0)
		return r;
	if (c->server) {
		r = gnutls_psk_allocate_server_credentials(&c->u.psk_server);
		if (r >= 0)
			r = gnutls_load_file(path, &key);
		if (r >= 0) {
			c->psk_keys = strndup((const char *)key.data, key.size);
			forget(key.data, key.size);
			gnutls_free(key.data);
			r = c->psk_keys ? 0 : GNUTLS_E_MEMORY_ERROR;
			gnutls_psk_set_server_credentials_function(c->u.psk_server, find_psk);
		}
		if (r < 0)
			r = tls_err(e, r, "Cannot load PSK keys", path);
	} else if ((r = load_psk_key(path, user, &key, e)) >= 0) {
		r = gnutls_psk_allocate_client_credentials(&c->u.psk_client);
		if (r >= 0)
			r = gnutls_psk_set_client_credentials(c->u.psk_client, user, &key, GNUTLS_PSK_KEY_HEX);
		if (r < 0)
			r = tls_err(e, r, "Cannot load PSK keys", path);
		forget(key.data, key.size);
		free(key.data);
	}
	free(path);
	return r;
}

int tls_creds_make(struct objects *o, const char *type, const json_t *props, struct tls_creds **out, struct err *e)
{
	static const char *const x509[] = {"dir",	  "endpoint",	"verify-peer",	"priority",
					   "passwordid", "sanity-check", "loaded", NULL};
	static const char *const anon[] = {"dir", "endpoint", "verify-peer", "priority", "loaded", NULL};
	static const char *const psk[] = {"dir", "endpoint", "verify-peer", "priority", "username", "loaded", NULL};
	const char *dir, *endpoint, *priority, *passwordid, *username;
	struct tls_creds *c = calloc(1, sizeof *c);
	bool sanity = true;
	int r;

	if (!c)
		return err_errno(e, ENOMEM, "cannot make TLS credentials");
	atomic_init(&c->refs, 1);
	c->kind = !strcmp(type, "tls-creds-x509") ? TLS_X509 : !strcmp(type, "tls-creds-psk") ? TLS_PSK : TLS_ANON;
	c->verify = true;
	if ((r = prop_check(props, type, c->kind == TLS_X509 ? x509 : c->kind == TLS_PSK ? psk : anon, e)) < 0 ||
	    (r = prop_string(props, "dir", &dir, e)) < 0 || (r = prop_string(props, "endpoint", &endpoint, e)) < 0 ||
	    (r = prop_string(props, "priority", &priority, e)) < 0 ||
	    (r = prop_string(props, "passwordid", &passwordid, e)) < 0 ||
	    (r = prop_string(props, "username", &username, e)) < 0 ||
	    (r = prop_bool(props, "verify-peer", &c->verify, e)) < 0 ||
	    (r = prop_bool(props, "sanity-check", &sanity, e)) < 0)
		goto out;
	if (endpoint && strcmp(endpoint, "server") && strcmp(endpoint, "client")) {
		r = err_set(e, EINVAL, "Parameter 'endpoint' does not accept value '%s': use server or client", endpoint);
		goto out;
	}
	c->server = endpoint && !strcmp(endpoint, "server");
	if (!dir && c->kind != TLS_ANON) {
		r = err_set(e, EINVAL, "Missing 'dir' property value");
		goto out;
	}
	if ((priority && !(c->priority = strdup(priority))) ||
	    !(c->username = strdup(username ? username : "qemu"))) {
		r = err_errno(e, ENOMEM, "cannot make TLS credentials");
		goto out;
	}
	if (c->kind == TLS_X509) {
		r = load_x509(c, o, dir, passwordid, sanity, e);
	} else if (c->kind == TLS_PSK) {
		r = load_psk(c, dir, c->username, e);
	} else {
		r = c->server ? gnutls_anon_allocate_server_credentials(&c->u.anon_server)
			      : gnutls_anon_allocate_client_credentials(&c->u.anon_client);
		if (r < 0)
			r = err_set(e, ENOMEM, "cannot make TLS credentials: %s", gnutls_strerror(r));
		else if (c->server && !dir)
			gnutls_anon_set_server_known_dh_params(c->u.anon_server, GNUTLS_SEC_PARAM_MEDIUM);
	}
	if (r >= 0)
		r = load_dh(c, dir, e);
out:
	if (r < 0) {
		tls_creds_unref(c);
		return r;
	}
	*out = c;
	return 0;
}
