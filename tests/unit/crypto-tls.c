/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS sessions over a socket pair: x509 both ways verified, wrong names and wrong authorities refused, anon, PSK. */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "crypto/object.h"
#include "crypto/tls.h"
#include "tap.h"

static char dir[] = "/tmp/crypto-tlsXXXXXX";

static void save(const char *sub, const char *name, const gnutls_datum_t *d)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, sub);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/%s/%s", dir, sub, name);
	f = fopen(path, "w");
	fwrite(d->data, 1, d->size, f);
	fclose(f);
}

/* A certificate for cn signed by ca (NULL: itself), saved with its key as SUB/STEM-cert.pem; days: its life. */
static void make_cert(const char *sub, const char *stem, const char *cn, gnutls_x509_crt_t ca, gnutls_x509_privkey_t cakey,
		      const char *purpose, int days, gnutls_x509_crt_t *crt_out, gnutls_x509_privkey_t *key_out)
{
	static unsigned char serial = 1;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	char name[64];

	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_key(crt, key);
	gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn, (unsigned)strlen(cn));
	gnutls_x509_crt_set_serial(crt, &serial, 1);
	serial++;
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - 86400 * 10);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400 * days);
	if (ca) {
		gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, cn, (unsigned)strlen(cn), GNUTLS_FSAN_SET);
		gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
		gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
		gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0);
	} else {
		gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
		gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN);
	}
	gnutls_x509_crt_sign2(crt, ca ? ca : crt, cakey ? cakey : key, GNUTLS_DIG_SHA256, 0);
	gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	snprintf(name, sizeof name, "%s-cert.pem", stem);
	save(sub, name, &pem);
	gnutls_free(pem.data);
	gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
	snprintf(name, sizeof name, "%s-key.pem", stem);
	save(sub, name, &pem);
	gnutls_free(pem.data);
	if (crt_out) {
		*crt_out = crt;
		*key_out = key;
	} else {
		gnutls_x509_crt_deinit(crt);
		gnutls_x509_privkey_deinit(key);
	}
}

struct end {
	struct tls_session *s;
	struct err e;
	int r, fd;
};

static void *echo(void *p)
{
	struct end *end = p;
	char buf[4096];
	ssize_t n;

	end->r = tls_session_handshake(end->s, &end->e);
	if (end->r < 0) {
		close(end->fd);
		return NULL;
	}
	while ((n = tls_session_recv(end->s, buf, sizeof buf, &end->e)) > 0)
		for (ssize_t at = 0; at < n;) {
			ssize_t w = tls_session_send(end->s, buf + at, (size_t)(n - at), &end->e);
			if (w <= 0)
				return NULL;
			at += w;
		}
	tls_session_bye(end->s, NULL);
	return NULL;
}

/* Runs a session between two credentials; fills both errors. True when data came back through it. */
static int talk(struct objects *o, const char *server, const char *client, const char *host, struct end *sv,
		struct end *cl, char *peer)
{
	struct tls_creds *cs = objects_tls_creds(o, server, &sv->e), *cc = objects_tls_creds(o, client, &cl->e);
	static char out[100000], in[100000];
	size_t sent = 0, got = 0;
	pthread_t t;
	int fd[2], good = 0;

	memset(sv, 0, sizeof *sv);
	memset(cl, 0, sizeof *cl);
	*peer = '\0';
	if (!cs || !cc || socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return 0;
	sv->fd = fd[0];
	sv->s = tls_session_new(cs, fd[0], NULL, &sv->e);
	cl->s = tls_session_new(cc, fd[1], host, &cl->e);
	tls_creds_unref(cs);
	tls_creds_unref(cc);
	if (!sv->s || !cl->s)
		goto out;
	pthread_create(&t, NULL, echo, sv);
	cl->r = tls_session_handshake(cl->s, &cl->e);
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 31);
	memset(in, 0, sizeof in);
	while (cl->r == 0 && got < sizeof in) {
		ssize_t n = 0;
		if (sent < sizeof out && sent - got < 30000)
			n = tls_session_send(cl->s, out + sent, sizeof out - sent > 9000 ? 9000 : sizeof out - sent, &cl->e);
		if (n < 0)
			break;
		sent += (size_t)n;
		n = tls_session_recv(cl->s, in + got, sizeof in - got, &cl->e);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	good = got == sizeof in && !memcmp(in, out, sizeof in);
	if (good) {
		char b;
		tls_session_bye(cl->s, NULL);
		good = tls_session_recv(cl->s, &b, 1, &cl->e) == 0;
	}
	shutdown(fd[1], SHUT_RDWR);
	pthread_join(t, NULL);
	if (sv->s && tls_session_peer_name(sv->s))
		strcpy(peer, tls_session_peer_name(sv->s));
	printf("# %s\n", cl->r == 0 ? tls_session_describe(cl->s) : cl->e.msg);
out:
	tls_session_free(sv->s);
	tls_session_free(cl->s);
	close(fd[1]);
	if (sv->r >= 0)
		close(fd[0]);
	return good;
}

static void add(struct objects *o, const char *type, const char *id, const char *sub, const char *rest)
{
	struct err e = ERR_INIT;
	char text[400];

	snprintf(text, sizeof text, "%s,id=%s,dir=%s/%s%s", type, id, dir, sub, rest);
	if (!ok(objects_add_text(o, text, &e) == 0, "credentials %s load", id))
		printf("# %s\n", e.msg);
}

int main(void)
{
	struct objects *o = objects_new();
	gnutls_x509_crt_t ca, other;
	gnutls_x509_privkey_t cakey, otherkey;
	gnutls_datum_t keys = {(unsigned char *)"qemu:0123456789abcdef0123456789abcdef\n", 38};
	gnutls_datum_t bad = {(unsigned char *)"qemu:fedcba9876543210fedcba9876543210\n", 38};
	struct end sv, cl;
	struct err e = ERR_INIT;
	char text[400], peer[200];

	if (!mkdtemp(dir))
		return 1;
	make_cert("good", "ca", "Test CA", NULL, NULL, NULL, 10, &ca, &cakey);
	make_cert("good", "server", "server.example", ca, cakey, GNUTLS_KP_TLS_WWW_SERVER, 10, NULL, NULL);
	make_cert("good", "client", "client.example", ca, cakey, GNUTLS_KP_TLS_WWW_CLIENT, 10, NULL, NULL);
	make_cert("alien", "ca", "Alien CA", NULL, NULL, NULL, 10, &other, &otherkey);
	make_cert("alien", "client", "mars.example", other, otherkey, GNUTLS_KP_TLS_WWW_CLIENT, 10, NULL, NULL);
	make_cert("old", "ca", "Test CA", NULL, NULL, NULL, 10, NULL, NULL);
	make_cert("old", "server", "server.example", ca, cakey, GNUTLS_KP_TLS_WWW_SERVER, -1, NULL, NULL);
	make_cert("swapped", "ca", "Test CA", NULL, NULL, NULL, 10, NULL, NULL);
	make_cert("swapped", "server", "server.example", ca, cakey, GNUTLS_KP_TLS_WWW_CLIENT, 10, NULL, NULL);
	save("psk", "keys.psk", &keys);
	save("badpsk", "keys.psk", &bad);

	add(o, "tls-creds-x509", "sv", "good", ",endpoint=server");
	add(o, "tls-creds-x509", "svlax", "good", ",endpoint=server,verify-peer=off");
	add(o, "tls-creds-x509", "cl", "good", ",endpoint=client");
	add(o, "tls-creds-x509", "alien", "alien", ",endpoint=client,verify-peer=no");
	add(o, "tls-creds-x509", "alienverify", "alien", ",endpoint=client");
	add(o, "tls-creds-psk", "psksv", "psk", ",endpoint=server");
	add(o, "tls-creds-psk", "pskcl", "psk", ",endpoint=client");
	add(o, "tls-creds-psk", "pskbad", "badpsk", ",endpoint=client");
	add(o, "tls-creds-anon", "ansv", "none", ",endpoint=server");
	add(o, "tls-creds-anon", "ancl", "none", ",endpoint=client");
	add(o, "tls-creds-x509", "prio", "good", ",endpoint=client,priority=NORMAL:-VERS-TLS1.3");

	ok(talk(o, "sv", "cl", "server.example", &sv, &cl, peer), "x509: 100000 bytes go there and back");
	ok(strstr(peer, "client.example") != NULL, "the server knows the client's name (%s)", peer);
	ok(talk(o, "sv", "prio", "server.example", &sv, &cl, peer), "x509 with a priority of its own");
	ok(!talk(o, "sv", "cl", "other.example", &sv, &cl, peer) && cl.r < 0, "a wrong host name is refused");
	ok(strstr(cl.e.msg, "other.example") != NULL, "and named: %s", cl.e.msg);
	ok(!talk(o, "sv", "cl", NULL, &sv, &cl, peer) && strstr(cl.e.msg, "hostname"), "no host name, no verification");
	ok(!talk(o, "sv", "alien", "server.example", &sv, &cl, peer) && sv.r < 0, "a client of another CA is refused");
	ok(!talk(o, "sv", "alienverify", "server.example", &sv, &cl, peer) && cl.r < 0, "a server of another CA too");
	ok(talk(o, "svlax", "alien", "server.example", &sv, &cl, peer), "verify-peer=off on both ends lets both in");
	ok(talk(o, "psksv", "pskcl", NULL, &sv, &cl, peer), "a pre-shared key works");
	ok(!talk(o, "psksv", "pskbad", NULL, &sv, &cl, peer), "a wrong one does not");
	ok(talk(o, "ansv", "ancl", NULL, &sv, &cl, peer), "anonymous credentials work");
	ok(!talk(o, "sv", "pskcl", NULL, &sv, &cl, peer), "different kinds do not meet");

	snprintf(text, sizeof text, "tls-creds-x509,id=x,dir=%s/old,endpoint=server", dir);
	ok(objects_add_text(o, text, &e) < 0 && strstr(e.msg, "has expired"), "an expired certificate is refused: %s", e.msg);
	snprintf(text, sizeof text, "tls-creds-x509,id=x,dir=%s/swapped,endpoint=server", dir);
	ok(objects_add_text(o, text, &e) < 0 && strstr(e.msg, "purpose"), "a client's certificate is no server's: %s", e.msg);
	snprintf(text, sizeof text, "tls-creds-psk,id=x,dir=%s/psk,endpoint=client,username=joe", dir);
	ok(objects_add_text(o, text, &e) < 0 && strstr(e.msg, "joe"), "a user without a key is named: %s", e.msg);
	{
		struct tls_creds *c = objects_tls_creds(o, "sv", &e);
		ok(tls_creds_check_endpoint(c, false, &e) < 0 && strstr(e.msg, "endpoint=server"), "a server's are no client's");
		objects_del(o, "sv", &e);
		ok(tls_creds_is_server(c), "a reference outlives the object");
		tls_creds_unref(c);
	}
	objects_free(o);
	gnutls_x509_crt_deinit(ca);
	gnutls_x509_crt_deinit(other);
	gnutls_x509_privkey_deinit(cakey);
	gnutls_x509_privkey_deinit(otherkey);
	snprintf(text, sizeof text, "rm -rf %s", dir);
	return tap_done() | (system(text) != 0);
}
