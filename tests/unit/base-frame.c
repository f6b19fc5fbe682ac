/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base/frame: checksums, segments, fragments, and frames that make no sense. */
#include "base/frame.h"

#include <errno.h>
#include <stdint.h>
#include "tap.h"

static uint8_t frame[70000], whole[200000];
static size_t sizes[200], count, total;

static uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t be32(const uint8_t *p) { return (uint32_t)be16(p) << 16 | be16(p + 2); }
static void put16(uint8_t *p, unsigned v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }

/* The checksum as RFC 1071 writes it, one word after the other. */
static uint16_t slow_sum(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += be16(p + i);
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool collect(void *opaque, const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size)
{
	(void)opaque;
	if (count == 200 || total + head_size + body_size > sizeof whole)
		return false;
	memcpy(whole + total, head, head_size);
	if (body_size)
		memcpy(whole + total + head_size, body, body_size);
	sizes[count++] = head_size + body_size;
	total += head_size + body_size;
	return true;
}

/* A TCP or UDP frame with `n` bytes of payload and the pseudo header's sum; returns its size. */
static size_t make(int version, bool vlan, uint8_t protocol, unsigned n, struct frame_header *h)
{
	unsigned ip = vlan ? 18 : 14, ip_size = version == 4 ? 20 : 40, l4 = ip + ip_size, l4_size = protocol == 6 ? 32 : 8, at = l4 + l4_size;
	struct frame_layers l;

	memset(frame, 0, sizeof frame);
	for (unsigned i = 0; i < 12; i++)
		frame[i] = (uint8_t)i;
	if (vlan)
		put16(frame + 12, 0x8100);
	put16(frame + ip - 2, version == 4 ? 0x800 : 0x86dd);
	if (version == 4) {
		frame[ip] = 0x45;
		put16(frame + ip + 2, ip_size + l4_size + n);
		put16(frame + ip + 4, 0xfffe);
		frame[ip + 8] = 64;
		frame[ip + 9] = protocol;
		memcpy(frame + ip + 12, "\12\0\2\17\12\0\2\2", 8);
		put16(frame + ip + 10, slow_sum(frame + ip, 20, 0));
	} else {
		frame[ip] = 0x60;
		put16(frame + ip + 4, l4_size + n);
		frame[ip + 6] = protocol;
		frame[ip + 7] = 64;
		for (unsigned i = 0; i < 32; i++)
			frame[ip + 8 + i] = (uint8_t)(i * 37);
	}
	put16(frame + l4, 1000);
	put16(frame + l4 + 2, 2000);
	if (protocol == 6) {
		frame[l4 + 4] = 0xff, frame[l4 + 5] = 0xff, frame[l4 + 6] = 0xf0;
		frame[l4 + 12] = 0x80;
		frame[l4 + 13] = 0x99; /* CWR, ACK, PSH, FIN */
	} else {
		put16(frame + l4 + 4, 8 + n);
	}
	for (unsigned i = 0; i < n; i++)
		frame[at + i] = (uint8_t)(i * 7 + i / 251);
	frame_parse(frame, at + n, &l);
	*h = (struct frame_header){.flags = FRAME_NEEDS_CSUM, .csum_start = (uint16_t)l4, .csum_offset = protocol == 6 ? 16 : 6};
	put16(frame + l4 + h->csum_offset, (uint16_t)~frame_fold(frame_pseudo_sum(frame, &l, l4_size + n)));
	return at + n;
}

static bool sums_right(const uint8_t *f, size_t size)
{
	struct frame_layers l;

	if (!frame_parse(f, size, &l) || l.end != size)
		return false;
	if (l.version == 4 && slow_sum(f + l.network, l.transport - l.network, 0))
		return false;
	if (l.fragment)
		return true;
	uint32_t pseudo = l.protocol + (l.end - l.transport);
	const uint8_t *a = f + l.network + (l.version == 4 ? 12 : 8);
	for (unsigned i = 0; i < (l.version == 4 ? 8u : 32u); i += 2)
		pseudo += be16(a + i);
	return slow_sum(f + l.transport, l.end - l.transport, pseudo) == 0;
}

static void checksums(void)
{
	struct frame_header h;
	bool good = true;

	for (unsigned n = 0; n < 300; n++) {
		for (unsigned i = 0; i < n; i++)
			frame[i] = (uint8_t)(i * i + n);
		good &= frame_fold(frame_sum(frame, n, 0)) == slow_sum(frame, n, 0);
	}
	ok(good, "sums of 0 to 299 bytes");
	memset(frame, 0xff, 65536);
	ok_eq(frame_fold(frame_sum(frame, 65536, 0)), slow_sum(frame, 65536, 0), "of 64 KiB of ones");
	for (int version = 4; version <= 6; version += 2)
		for (unsigned protocol = 6; protocol <= 17; protocol += 11) {
			size_t size = make(version, version == 6, (uint8_t)protocol, 101, &h);
			frame_checksum(&h, frame, size);
			ok(sums_right(frame, size), "IPv%d, protocol %u: the checksum is filled in", version, protocol);
		}
}

static void segments(int version, bool vlan)
{
	struct frame_header h;
	size_t size = make(version, vlan, 6, 10000, &h), at = 0;
	unsigned head = (vlan ? 18 : 14) + (version == 4 ? 20 : 40) + 32, tcp = head - 32;
	bool sums = true, data = true, numbers = true, flags = true;

	h.gso_type = (version == 4 ? FRAME_GSO_TCPV4 : FRAME_GSO_TCPV6) | FRAME_GSO_ECN;
	h.gso_size = 1448;
	count = total = 0;
	ok(frame_segment(&h, frame, size, collect, NULL) == 0 && count == 7, "IPv%d%s: 10000 bytes are 7 segments", version, vlan ? ", VLAN" : "");
	for (size_t i = 0, from = 0; i < count; from += sizes[i++]) {
		const uint8_t *f = whole + from;
		size_t n = sizes[i] - head;
		sums &= sums_right(f, sizes[i]);
		data &= !memcmp(f + head, frame + head + at, n);
		numbers &= be32(f + tcp + 4) == (uint32_t)(0xfffff000u + at) && (version == 6 || be16(f + (vlan ? 18 : 14) + 4) == (uint16_t)(0xfffe + i));
		flags &= f[tcp + 13] == (0x10 | (i == 0 ? 0x80 : 0) | (i + 1 == count ? 0x09 : 0));
		at += n;
	}
	ok(at == 10000 && data, "with all of the data");
	ok(sums, "and right checksums");
	ok(numbers, "sequence numbers and identifications that go on, over their ends");
	ok(flags, "CWR on the first, PSH and FIN on the last");
	h.gso_size = 1;
	count = total = 0;
	make(version, vlan, 6, 10000, &h);
	h.gso_type = version == 4 ? FRAME_GSO_TCPV4 : FRAME_GSO_TCPV6;
	h.gso_size = 1;
	ok_eq(frame_segment(&h, frame, size, collect, NULL), -ECANCELED, "who takes no more ends it");
}

static void fragments(int version)
{
	struct frame_header h;
	size_t size = make(version, false, 17, 5001, &h), at = 0;
	unsigned ip = version == 4 ? 20 : 48, l4 = version == 4 ? 34 : 54;
	bool good = true;

	h.gso_type = FRAME_GSO_UDP;
	h.gso_size = 1480;
	count = total = 0;
	ok(frame_segment(&h, frame, size, collect, NULL) == 0 && count == 4, "IPv%d: a datagram of 5001 bytes is 4 fragments", version);
	for (size_t i = 0, from = 0; i < count; from += sizes[i++]) {
		const uint8_t *f = whole + from;
		uint16_t place = version == 4 ? be16(f + 20) : be16(f + 56);
		size_t n = sizes[i] - 14 - ip;
		good &= sums_right(f, sizes[i]) && !memcmp(f + 14 + ip, frame + l4 + at, n);
		good &= version == 4 ? place == (at / 8 | (i + 1 < count ? 0x2000u : 0)) : place == (at | (i + 1 < count)) && f[20] == 44 && f[54] == 17;
		at += n;
	}
	ok(good && at == 5009, "which put together are the datagram");
	count = total = 0;
	ok(frame_fragment(frame, size, 1500, collect, NULL) == 0 && count == 4 && sizes[0] <= 1514, "cut to an MTU of 1500");
	count = total = 0;
	ok(frame_fragment(frame, size, 9000, collect, NULL) == 0 && count == 1 && sizes[0] == size, "one that fits stays whole");
}

/* Any header over any frame: nothing is read or written outside (the sanitizers look), and nothing is endless. */
static void nonsense(void)
{
	uint32_t x = 12345;

	for (unsigned n = 0; n < 200000; n++) {
		struct frame_header h;
		size_t size = make(n & 1 ? 4 : 6, n & 2, n & 4 ? 6 : 17, n % 97, &h);
		uint8_t *own;
		for (unsigned i = 0; i < 3; i++) {
			x = x * 1664525 + 1013904223;
			frame[12 + (x >> 8) % 60] = (uint8_t)(x >> 24);
		}
		x = x * 1664525 + 1013904223;
		size -= (x >> 9) % (size / 2);
		h.gso_type = (uint8_t)((x >> 20) % 6);
		h.gso_size = (uint16_t)((x >> 12) % 70);
		if (n % 5 == 0)
			h.csum_start = (uint16_t)x;
		own = malloc(size);
		memcpy(own, frame, size);
		count = total = 0;
		frame_segment(&h, own, size, collect, NULL);
		count = total = 0;
		frame_fragment(own, size, n % 200, collect, NULL);
		free(own);
	}
	ok(true, "200000 damaged frames");
	struct frame_header h = {.flags = FRAME_NEEDS_CSUM, .csum_start = 50, .csum_offset = 9};
	ok(!frame_header_ok(&h, 60) && frame_header_ok(&h, 61), "a checksum lies in the frame");
	h = (struct frame_header){.gso_type = FRAME_GSO_TCPV4, .flags = FRAME_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
	ok(!frame_header_ok(&h, 100), "a segment size of zero is none");
}

int main(void)
{
	checksums();
	segments(4, false);
	segments(6, false);
	segments(4, true);
	fragments(4);
	fragments(6);
	nonsense();
	return tap_done();
}
