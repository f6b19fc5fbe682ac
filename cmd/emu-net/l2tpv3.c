/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ethernet over a static L2TPv3 pseudowire (RFC 3931, 4.1; RFC 4719): a session header before each frame, over IP protocol 115 or UDP. There is no control
 * connection; both ends are told the same numbers.
 *
 *	UDP only:  flags and version, 0x00030000
 *	           session id, 4 bytes
 *	           cookie, 0, 4 or 8 bytes
 *	           counter, 4 bytes, unless counter=off
 *	           `offset` bytes of nothing
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dgram.h"

#ifndef IPPROTO_L2TP
#define IPPROTO_L2TP 115
#endif
#define VERSION 0x00030000u
#define OFFSET_MAX 32

struct l2tp {
	struct dgram d; /* first */
	bool udp, ipv6, counter, pin_counter, cookie, cookie64;
	uint32_t tx_session, rx_session, tx_counter, rx_counter;
	uint64_t tx_cookie, rx_cookie;
	unsigned offset, session_at, cookie_at, counter_at; /* places in the header */
};

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_head(struct dgram *d, uint8_t *p)
{
	struct l2tp *l = (struct l2tp *)d;

	if (l->udp)
		put32(p, VERSION);
	put32(p + l->session_at, l->tx_session);
	if (l->cookie64)
		put32(p + l->cookie_at, (uint32_t)(l->tx_cookie >> 32));
	if (l->cookie)
		put32(p + l->cookie_at + (l->cookie64 ? 4 : 0), (uint32_t)l->tx_cookie);
	if (l->counter)
		put32(p + l->counter_at, l->pin_counter ? 0 : ++l->tx_counter);
}

static int read_head(struct dgram *d, const uint8_t *p, size_t size)
{
	struct l2tp *l = (struct l2tp *)d;
	size_t ip = 0;
	uint64_t cookie = 0;

	/* A raw socket of IPv4 gives the IP header, too. */
	if (!l->udp && !l->ipv6) {
		ip = size ? (p[0] & 15) * 4u : 0;
		if (ip < 20 || ip > size)
			return -1;
		p += ip;
		size -= ip;
	}
	if (size < d->head || (l->udp && get32(p) != VERSION) || get32(p + l->session_at) != l->rx_session)
		return -1;
	if (l->cookie64)
		cookie = (uint64_t)get32(p + l->cookie_at) << 32 | get32(p + l->cookie_at + 4);
	else if (l->cookie)
		cookie = get32(p + l->cookie_at);
	if (l->cookie && cookie != l->rx_cookie)
		return -1;
	if (l->counter && !l->pin_counter) {
		uint32_t n = get32(p + l->counter_at);
		/* What is older than what came was overtaken (or is a copy). */
		if (l->rx_counter && (int32_t)(n - l->rx_counter) <= 0)
			return -1;
		l->rx_counter = n;
	}
	return (int)(ip + d->head);
}

static int find(const struct l2tp *l, const char *key, const char *host, const char *port, struct sockaddr_storage *a, socklen_t *size, struct err *e)
{
	struct addrinfo hints = {.ai_family = l->ipv6 ? AF_INET6 : AF_INET, .ai_socktype = l->udp ? SOCK_DGRAM : SOCK_RAW, .ai_flags = AI_PASSIVE}, *list;
	int r = getaddrinfo(host, l->udp ? port : NULL, &hints, &list);

	if (r)
		return err_set(e, EINVAL, "l2tpv3: %s=%s: %s", key, host, gai_strerror(r));
	memcpy(a, list->ai_addr, list->ai_addrlen);
	*size = list->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

static int open_socket(struct l2tp *l, const struct keyval *kv, struct err *e)
{
	const char *src = keyval_get(kv, "src"), *dst = keyval_get(kv, "dst"), *srcport = keyval_get(kv, "srcport"), *dstport = keyval_get(kv, "dstport");
	struct sockaddr_storage from, to;
	socklen_t from_size, to_size;
	int fd;

	if (!src || !dst)
		return err_set(e, EINVAL, "l2tpv3: src= and dst= are required");
	if (l->udp && !dstport)
		return err_set(e, EINVAL, "l2tpv3: dstport= is required with udp=on");
	if (find(l, "src", src, srcport ? srcport : "0", &from, &from_size, e) < 0 || find(l, "dst", dst, dstport, &to, &to_size, e) < 0)
		return -e->code;
	fd = socket(from.ss_family, (l->udp ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, l->udp ? 0 : IPPROTO_L2TP);
	if (fd < 0) {
		err_errno(e, errno, "l2tpv3: cannot make a socket");
		return e->code == EPERM ? err_hint(e, "Raw IP needs the capability net_raw; udp=on,srcport=,dstport= does not.") : -e->code;
	}
	l->d.fd[0] = l->d.out = fd;
	l->d.fds = 1;
	if (bind(fd, (struct sockaddr *)&from, from_size) < 0 || connect(fd, (struct sockaddr *)&to, to_size) < 0)
		return err_errno(e, errno, "l2tpv3: %s to %s", src, dst);
	snprintf(l->d.text, sizeof l->d.text, "l2tpv3: %.100s to %.100s", src, dst);
	return 0;
}

static int cookie(const struct keyval *kv, const char *key, uint64_t most, uint64_t *to, struct err *e)
{
	const char *v = keyval_get(kv, key);
	char *end;

	if (!v)
		return 0;
	errno = 0;
	*to = strtoull(v, &end, 0);
	return errno || end == v || *end || *v == '-' || *to > most ? err_set(e, EINVAL, "%s=%s: a number up to 0x%llx", key, v, (unsigned long long)most) : 0;
}

static int options(struct l2tp *l, const struct keyval *kv, struct err *e)
{
	static const char *const known[] = {"src", "dst", "srcport", "dstport", "ipv6", "udp", "cookie64", "counter", "pincounter", "txcookie", "rxcookie",
					    "txsession", "rxsession", "offset", NULL};
	bool has_tx = keyval_get(kv, "txcookie"), has_rx = keyval_get(kv, "rxcookie");
	int64_t tx = 0, rx, offset = 0;
	unsigned at = 0;

	l->counter = true;
	if (backend_check(kv, known, e) < 0 || backend_on_off(kv, "ipv6", &l->ipv6, e) < 0 || backend_on_off(kv, "udp", &l->udp, e) < 0 ||
	    backend_on_off(kv, "cookie64", &l->cookie64, e) < 0 || backend_on_off(kv, "counter", &l->counter, e) < 0 ||
	    backend_on_off(kv, "pincounter", &l->pin_counter, e) < 0 || backend_number(kv, "offset", 0, OFFSET_MAX, &offset, e) < 0)
		return -e->code;
	if (!keyval_get(kv, "txsession"))
		return err_set(e, EINVAL, "l2tpv3: txsession= is required");
	if (backend_number(kv, "txsession", 0, UINT32_MAX, &tx, e) < 0)
		return -e->code;
	rx = tx;
	if (backend_number(kv, "rxsession", 0, UINT32_MAX, &rx, e) < 0)
		return -e->code;
	l->tx_session = (uint32_t)tx;
	l->rx_session = (uint32_t)rx;
	l->cookie = l->cookie64 || has_tx || has_rx;
	if (l->cookie && (!has_tx || !has_rx))
		return err_set(e, EINVAL, "l2tpv3: cookies need txcookie= and rxcookie=");
	uint64_t most = l->cookie64 ? UINT64_MAX : UINT32_MAX;
	if (cookie(kv, "txcookie", most, &l->tx_cookie, e) < 0 || cookie(kv, "rxcookie", most, &l->rx_cookie, e) < 0)
		return -e->code;
	if (l->udp)
		at += 4;
	l->session_at = at, at += 4;
	l->cookie_at = at, at += l->cookie64 ? 8 : l->cookie ? 4 : 0;
	l->counter_at = at, at += l->counter ? 4 : 0;
	l->d.head = at + (unsigned)offset;
	return 0;
}

static int add(struct net *n, const char *id, const struct keyval *kv, struct err *e)
{
	struct l2tp *l = calloc(1, sizeof *l);
	int r = l ? options(l, kv, e) : err_set(e, ENOMEM, "out of memory");

	if (r == 0) {
		l->d.out = -1;
		l->d.socket = true;
		l->d.write_head = write_head;
		l->d.read_head = read_head;
		r = open_socket(l, kv, e);
	}
	if (r < 0) {
		if (l && l->d.fds)
			close(l->d.fd[0]);
		free(l);
		return r;
	}
	return dgram_add(n, &l->d, "l2tpv3", id, 0, e);
}

const struct backend backend_l2tpv3 = {.type = "l2tpv3", .help = "src=, dst=, udp=, srcport=, dstport=, ipv6=, txsession=, rxsession=, txcookie=, rxcookie=, "
				       "cookie64=, counter=, pincounter=, offset=", .add = add};
