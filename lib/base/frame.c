/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/frame.h"

#include <errno.h>
#include <string.h>

#define HEAD_MAX 256 /* Ethernet, VLAN tags, IP with options or extension headers, TCP with options */
enum { ETH = 14, IP4 = 20, IP6 = 40, TCP = 20, UDP = 8, FRAGMENT6 = 8 };
enum { TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8 };
enum { P_HOP = 0, P_TCP = 6, P_UDP = 17, P_ROUTING = 43, P_FRAGMENT = 44, P_OPTIONS = 60 };
enum { TCP_FIN = 1, TCP_PSH = 8, TCP_CWR = 0x80 };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

void frame_header_read(struct frame_header *h, const uint8_t *w)
{
	*h = (struct frame_header){w[0], w[1], le16(w + 2), le16(w + 4), le16(w + 6), le16(w + 8)};
}

void frame_header_write(const struct frame_header *h, uint8_t *w)
{
	const uint16_t v[4] = {h->hdr_len, h->gso_size, h->csum_start, h->csum_offset};

	w[0] = h->flags;
	w[1] = h->gso_type;
	for (unsigned i = 0; i < 4; i++) {
		w[2 + 2 * i] = (uint8_t)v[i];
		w[3 + 2 * i] = (uint8_t)(v[i] >> 8);
	}
}

bool frame_header_ok(const struct frame_header *h, size_t size)
{
	uint8_t gso = h->gso_type & (uint8_t)~FRAME_GSO_ECN;

	if (size < ETH)
		return false;
	if (h->flags & FRAME_NEEDS_CSUM && ((size_t)h->csum_start + h->csum_offset + 2 > size || h->csum_start < ETH))
		return false;
	if (gso == FRAME_GSO_NONE)
		return !(h->gso_type & FRAME_GSO_ECN);
	return (gso == FRAME_GSO_TCPV4 || gso == FRAME_GSO_TCPV6 || gso == FRAME_GSO_UDP) && h->gso_size && h->flags & FRAME_NEEDS_CSUM;
}

bool frame_needs_work(const struct frame_header *h, unsigned offloads)
{
	if (h->flags & FRAME_NEEDS_CSUM && !(offloads & FRAME_CSUM))
		return true;
	if (h->gso_type & FRAME_GSO_ECN && !(offloads & FRAME_ECN))
		return true;
	switch (h->gso_type & (uint8_t)~FRAME_GSO_ECN) {
	case FRAME_GSO_TCPV4: return !(offloads & FRAME_TSO4);
	case FRAME_GSO_TCPV6: return !(offloads & FRAME_TSO6);
	case FRAME_GSO_UDP: return !(offloads & FRAME_UFO);
	default: return false;
	}
}

/* ---- layers ---- */

static bool parse_ip4(const uint8_t *f, size_t size, struct frame_layers *l)
{
	const uint8_t *ip = f + l->network;
	unsigned head, total;

	if (size < l->network + IP4 || ip[0] >> 4 != 4)
		return false;
	head = (ip[0] & 15) * 4u;
	total = get16(ip + 2);
	if (head < IP4 || total < head || size - l->network < total)
		return false;
	l->version = 4;
	l->protocol = ip[9];
	l->fragment = (get16(ip + 6) & 0x3fff) != 0;
	l->transport = l->network + head;
	l->end = l->network + total;
	return true;
}

static bool parse_ip6(const uint8_t *f, size_t size, struct frame_layers *l)
{
	const uint8_t *ip = f + l->network;
	uint8_t next;
	uint32_t at;

	if (size < l->network + IP6 || ip[0] >> 4 != 6 || size - l->network - IP6 < get16(ip + 4))
		return false;
	l->version = 6;
	l->end = l->network + IP6 + get16(ip + 4);
	next = ip[6];
	at = l->network + IP6;
	while (next == P_HOP || next == P_ROUTING || next == P_OPTIONS || next == P_FRAGMENT) {
		if (l->end - at < 8)
			return false;
		if (next == P_FRAGMENT)
			l->fragment = true;
		unsigned length = next == P_FRAGMENT ? 8 : (f[at + 1] + 1u) * 8;
		if (l->end - at < length)
			return false;
		next = f[at];
		at += length;
	}
	l->protocol = next;
	l->transport = at;
	return true;
}

bool frame_parse(const uint8_t *f, size_t size, struct frame_layers *l)
{
	*l = (struct frame_layers){.network = ETH};
	if (size < ETH)
		return false;
	l->type = get16(f + 12);
	for (unsigned tags = 0; tags < 2 && (l->type == TYPE_VLAN || l->type == TYPE_QINQ); tags++) {
		if (size < l->network + 4)
			return false;
		l->type = get16(f + l->network + 2);
		l->network += 4;
	}
	l->transport = l->payload = l->end = l->network;
	if (l->type != TYPE_IP4 && l->type != TYPE_IP6)
		return true;
	if (l->type == TYPE_IP4 ? !parse_ip4(f, size, l) : !parse_ip6(f, size, l))
		return false;
	l->payload = l->transport;
	if (l->fragment)
		return true;
	if (l->protocol == P_TCP) {
		if (l->end - l->transport < TCP)
			return false;
		unsigned head = (f[l->transport + 12] >> 4) * 4u;
		if (head < TCP || l->end - l->transport < head)
			return false;
		l->payload = l->transport + head;
	} else if (l->protocol == P_UDP) {
		if (l->end - l->transport < UDP)
			return false;
		l->payload = l->transport + UDP;
	}
	return true;
}

/* ---- checksums ---- */

/* Sums in the host's order; the end is the same (RFC 1071, 2B), but for the swap. */
uint64_t frame_sum(const void *data, size_t size, uint64_t sum)
{
	const uint8_t *p = data;
	uint64_t a = sum, b = 0, c = 0, d = 0;

	for (; size >= 32; size -= 32, p += 32) {
		uint64_t w[4];
		memcpy(w, p, sizeof w);
		a += (w[0] & UINT32_MAX) + (w[0] >> 32);
		b += (w[1] & UINT32_MAX) + (w[1] >> 32);
		c += (w[2] & UINT32_MAX) + (w[2] >> 32);
		d += (w[3] & UINT32_MAX) + (w[3] >> 32);
	}
	a += b + c + d;
	for (; size >= 2; size -= 2, p += 2) {
		uint16_t w;
		memcpy(&w, p, sizeof w);
		a += w;
	}
	if (size) {
		uint16_t w = 0;
		memcpy(&w, p, 1);
		a += w;
	}
	return a;
}

uint16_t frame_fold(uint64_t sum)
{
	uint16_t v;
	uint8_t b[2];

	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	v = (uint16_t)~sum;
	memcpy(b, &v, 2);
	return get16(b);
}

uint64_t frame_pseudo_sum(const uint8_t *f, const struct frame_layers *l, uint32_t length)
{
	uint8_t tail[8] = {0};

	put32(tail, length);
	tail[7] = l->protocol;
	return l->version == 4 ? frame_sum(f + l->network + 12, 8, frame_sum(tail, 8, 0))
			       : frame_sum(f + l->network + 8, 32, frame_sum(tail, 8, 0));
}

void frame_checksum(const struct frame_header *h, uint8_t *f, size_t size)
{
	size_t at = (size_t)h->csum_start + h->csum_offset;
	uint16_t sum;

	if (!(h->flags & FRAME_NEEDS_CSUM))
		return;
	/* The sum of the pseudo header is in its place already, and counts. */
	sum = frame_fold(frame_sum(f + h->csum_start, size - h->csum_start, 0));
	/* A UDP checksum of zero would mean that there is none (RFC 768). */
	put16(f + at, !sum && h->csum_offset == 6 ? 0xffff : sum);
}

/* ---- segments ---- */

static void ip_length(uint8_t *head, const struct frame_layers *l, uint32_t length)
{
	uint8_t *ip = head + l->network;

	if (l->version == 6) {
		put16(ip + 4, (uint16_t)(length - IP6));
		return;
	}
	put16(ip + 2, (uint16_t)length);
	put16(ip + 10, 0);
	put16(ip + 10, frame_fold(frame_sum(ip, l->transport - l->network, 0)));
}

static int segment_tcp(const struct frame_header *h, const uint8_t *f, const struct frame_layers *l, frame_emit *emit, void *opaque)
{
	uint8_t head[HEAD_MAX];
	uint32_t size = l->payload, tcp = l->transport, all = l->end - l->payload, seq = get32(f + tcp + 4);
	uint16_t id = get16(f + l->network + 4);
	uint8_t flags = f[tcp + 13];

	if (size > sizeof head)
		return -EINVAL;
	for (uint32_t at = 0; at < all || at == 0;) {
		uint32_t n = all - at < h->gso_size ? all - at : h->gso_size;

		memcpy(head, f, size);
		if (l->version == 4)
			put16(head + l->network + 4, id++);
		ip_length(head, l, size - l->network + n);
		put32(head + tcp + 4, seq + at);
		head[tcp + 13] = flags & (uint8_t)~((at + n < all ? TCP_FIN | TCP_PSH : 0) | (at ? TCP_CWR : 0));
		put16(head + tcp + 16, 0);
		uint64_t sum = frame_pseudo_sum(head, l, size - tcp + n);
		/* The TCP header is a multiple of 4 bytes long: the payload begins at an even place of the sum. */
		put16(head + tcp + 16, frame_fold(frame_sum(f + size + at, n, frame_sum(head + tcp, size - tcp, sum))));
		if (!emit(opaque, head, size, f + size + at, n))
			return -ECANCELED;
		at += n;
		if (!n)
			break;
	}
	return 0;
}

/* Fragments with at most `most` bytes each behind the IP header, RFC 791 3.2, RFC 8200 4.5. */
static int fragment(const uint8_t *f, const struct frame_layers *l, uint32_t most, frame_emit *emit, void *opaque)
{
	uint8_t head[HEAD_MAX];
	uint32_t from = l->version == 4 ? l->transport : l->network + IP6, size = from, all = l->end - from;
	uint16_t old = l->version == 4 ? get16(f + l->network + 6) : 0;

	most &= ~7u;
	/* Extension headers of IPv6 stay with the first fragment here: none of those that senders of large datagrams use is per hop. */
	if (l->version == 6)
		size += FRAGMENT6;
	if (size > sizeof head || !most || (l->version == 6 && l->fragment))
		return -EINVAL;
	for (uint32_t at = 0; at < all;) {
		uint32_t n = all - at < most ? all - at : most;
		bool more = at + n < all;

		memcpy(head, f, from);
		if (l->version == 4) {
			put16(head + l->network + 6, (uint16_t)((old & 0x2000) | ((old & 0x1fff) + at / 8) | (more ? 0x2000 : 0)));
		} else {
			uint8_t *x = head + from;
			x[0] = f[l->network + 6];
			x[1] = 0;
			put16(x + 2, (uint16_t)(at | more));
			/* One datagram of a pair of addresses and its checksum tell it from others well enough. */
			put32(x + 4, l->end - l->transport >= UDP ? get32(f + l->transport + 4) ^ get32(f + l->transport) : 0);
			head[l->network + 6] = P_FRAGMENT;
		}
		ip_length(head, l, size - l->network + n);
		if (!emit(opaque, head, size, f + from + at, n))
			return -ECANCELED;
		at += n;
	}
	return 0;
}

int frame_segment(const struct frame_header *h, uint8_t *f, size_t size, frame_emit *emit, void *opaque)
{
	struct frame_layers l;
	uint8_t gso = h->gso_type & (uint8_t)~FRAME_GSO_ECN;

	if (!frame_header_ok(h, size))
		return -EINVAL;
	if (gso == FRAME_GSO_NONE) {
		frame_checksum(h, f, size);
		return emit(opaque, f, size, NULL, 0) ? 0 : -ECANCELED;
	}
	if (!frame_parse(f, size, &l) || l.fragment || l.version != (gso == FRAME_GSO_TCPV6 ? 6 : gso == FRAME_GSO_TCPV4 ? 4 : l.version))
		return -EINVAL;
	if (gso != FRAME_GSO_UDP)
		return l.protocol == P_TCP ? segment_tcp(h, f, &l, emit, opaque) : -EINVAL;
	if (l.protocol != P_UDP || !l.version)
		return -EINVAL;
	frame_checksum(h, f, size);
	return fragment(f, &l, h->gso_size, emit, opaque);
}

int frame_fragment(const uint8_t *f, size_t size, unsigned mtu, frame_emit *emit, void *opaque)
{
	struct frame_layers l;
	uint32_t fixed;

	if (!frame_parse(f, size, &l) || !l.version || l.end - l.network <= mtu)
		return emit(opaque, f, size, NULL, 0) ? 0 : -ECANCELED;
	fixed = l.version == 4 ? l.transport - l.network : IP6 + FRAGMENT6;
	return mtu > fixed + 8 ? fragment(f, &l, mtu - fixed, emit, opaque) : -EINVAL;
}
