// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Intel 8254x: transmission (3.3 to 3.5). Descriptors of a packet are gathered; large ones leave as they are, with what is to be done to them in the
 * header that the cable understands, wherever that says the same as the chip's own.
 */
#include <string.h>
#include "e1000.h"

/* CMD and DCMD */
enum { CMD_EOP = 1, CMD_IFCS = 2, CMD_IC = 4, CMD_TSE = 4, CMD_RS = 8, CMD_RPS = 0x10, CMD_DEXT = 0x20, CMD_VLE = 0x40, CMD_IDE = 0x80 };
enum { TUCMD_TCP = 1, TUCMD_IP = 2, TUCMD_TSE = 4 };
enum { POPTS_IXSM = 1, POPTS_TXSM = 2 };
enum { STA_DD = 1, DESC = 16, MINIMUM = 60 };

static uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static void put_be16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static uint32_t be32(const uint8_t *p) { return (uint32_t)be16(p) << 16 | be16(p + 2); }
static uint64_t le64(const uint8_t *p) { return pci_get32(p) | (uint64_t)pci_get32(p + 4) << 32; }

void e1000_transmit_reset(struct e1000 *s)
{
	s->packet_size = 0;
	s->first_seen = s->too_long = s->tse = s->ixsm = s->txsm = s->tx_held = false;
}

/* Gives the descriptors of a packet that is not complete back to the ring. Their status may tell that they are done: that is written again. */
void e1000_transmit_unwind(struct e1000 *s)
{
	*e1000_reg(s, TDH) = s->packet_from;
	s->packet_size = 0;
	s->first_seen = s->too_long = s->tse = s->ixsm = s->txsm = false;
}

/* The checksum over [from, to] (to 0: the packet's end), into `at`, as the hardware does it: what stands there counts. */
static void insert_sum(uint8_t *p, uint32_t size, uint32_t at, uint32_t from, uint32_t to)
{
	uint32_t end = to && to < size ? to + 1 : size;

	if (at + 2 <= size && from < end)
		put_be16(p + at, frame_fold(frame_sum(p + from, end - from, 0)));
}

static void count(struct e1000 *s, const uint8_t *p, size_t size)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	size += 4; /* with the check sequence */
	e1000_count(s, TPT);
	e1000_count(s, GPTC);
	e1000_count64(s, TOTL, size);
	e1000_count64(s, GOTCL, size);
	e1000_count_size(s, PTC64, size);
	if (p[0] & 1)
		e1000_count(s, memcmp(p, all, 6) ? MPTC : BPTC);
}

/* A finished packet, or with h one that the other end finishes. A tag goes between its addresses and its type. */
static void emit(struct e1000 *s, const struct frame_header *h, uint8_t *p, size_t size, const uint8_t *tag)
{
	uint8_t padding[MINIMUM] = {0};
	struct iovec iov[4];
	struct frame_header moved;
	unsigned n = 0;

	if (size < 14)
		return;
	count(s, p, size);
	if (e1000_loops_back(s)) {
		static const struct frame_header plain;
		uint8_t copy[16384 + 64];
		if (h || size + E1000_VLAN > sizeof copy)
			return;
		memcpy(copy, p, 12);
		if (tag)
			memcpy(copy + 12, tag, E1000_VLAN);
		memcpy(copy + 12 + (tag ? E1000_VLAN : 0), p + 12, size - 12);
		e1000_receive(s, &plain, copy, size + (tag ? E1000_VLAN : 0));
		e1000_net_ops.received(s);
		return;
	}
	if (tag) {
		iov[n++] = (struct iovec){p, 12};
		iov[n++] = (struct iovec){(void *)(uintptr_t)tag, E1000_VLAN};
		iov[n++] = (struct iovec){p + 12, size - 12};
		if (h) {
			moved = *h;
			moved.csum_start += E1000_VLAN;
			moved.hdr_len += E1000_VLAN;
			h = &moved;
		}
	} else {
		iov[n++] = (struct iovec){p, size};
	}
	if (size < MINIMUM && *e1000_reg(s, TCTL) & TCTL_PSP)
		iov[n++] = (struct iovec){padding, MINIMUM - size};
	net_send(s->netdev, h, iov, n);
}

/* ---- segmentation (3.5) ---- */

/* Can the cable's header say it? TCP over IP, with the headers where the context says. Puts lengths and pseudo sum right, which the chip fills in. */
static bool offload_segments(struct e1000 *s, const struct e1000_context *c, struct frame_header *h)
{
	uint8_t *p = s->packet;
	uint32_t size = s->packet_size, length = size - c->ipcss;
	struct frame_layers l;

	if (!c->tcp || !s->txsm || size - c->hdrlen > 0xffff || length > 0xffff || c->ipcss + 40u > size || c->tucso != c->tucss + 16)
		return false;
	if (c->ip) {
		put_be16(p + c->ipcss + 2, length);
		put_be16(p + c->ipcss + 10, 0);
		put_be16(p + c->ipcss + 10, frame_fold(frame_sum(p + c->ipcss, (p[c->ipcss] & 15) * 4u, 0)));
	} else {
		put_be16(p + c->ipcss + 4, length - 40);
	}
	if (!frame_parse(p, size, &l) || l.network != c->ipcss || l.transport != c->tucss || l.payload != c->hdrlen || l.protocol != 6 || l.end != size ||
	    l.version != (c->ip ? 4 : 6))
		return false;
	*h = (struct frame_header){.flags = FRAME_NEEDS_CSUM, .gso_type = c->ip ? FRAME_GSO_TCPV4 : FRAME_GSO_TCPV6, .gso_size = c->mss,
				   .hdr_len = c->hdrlen, .csum_start = c->tucss, .csum_offset = 16};
	put_be16(p + c->tucso, (uint16_t)~frame_fold(frame_pseudo_sum(p, &l, size - c->tucss)));
	return true;
}

/* As the chip does it, step by step (3.5.7): any protocol, any offsets. */
static void segment_slowly(struct e1000 *s, const struct e1000_context *c, const uint8_t *tag)
{
	uint8_t head[256], *p = s->packet, out[65536];
	uint32_t size = s->packet_size, hdr = c->hdrlen, all = size - hdr, at = 0, n;

	memcpy(head, p, hdr);
	for (unsigned frame = 0; at < all; frame++, at += n) {
		uint32_t full;
		n = all - at < c->mss ? all - at : c->mss;
		full = hdr + n;
		if (full > sizeof out)
			return;
		memcpy(out, head, hdr);
		memcpy(out + hdr, p + hdr + at, n);
		if (c->ip && c->ipcss + 20u <= hdr) {
			put_be16(out + c->ipcss + 2, full - c->ipcss);
			put_be16(out + c->ipcss + 4, be16(head + c->ipcss + 4) + frame);
		} else if (!c->ip && c->ipcss + 40u <= hdr) {
			put_be16(out + c->ipcss + 4, full - c->ipcss - 40);
		}
		if (c->tcp && c->tucss + 20u <= hdr) {
			uint32_t seq = be32(head + c->tucss + 4) + at;
			put_be16(out + c->tucss + 4, seq >> 16);
			put_be16(out + c->tucss + 6, seq);
			if (at + n < all)
				out[c->tucss + 13] &= (uint8_t)~9; /* FIN, PSH */
		} else if (!c->tcp && c->tucss + 8u <= hdr) {
			put_be16(out + c->tucss + 4, full - c->tucss);
		}
		if (s->txsm && c->tucso + 2u <= full) {
			/* The pseudo header's sum is there without the length. */
			uint64_t sum = (uint64_t)be16(out + c->tucso) + (full - c->tucss);
			sum = (sum & 0xffff) + (sum >> 16);
			put_be16(out + c->tucso, (uint32_t)((sum & 0xffff) + (sum >> 16)));
			insert_sum(out, full, c->tucso, c->tucss, c->tucse);
		}
		if (s->ixsm && c->ipcso + 2u <= full) {
			put_be16(out + c->ipcso, 0);
			insert_sum(out, full, c->ipcso, c->ipcss, c->ipcse);
		}
		emit(s, NULL, out, full, tag);
	}
}

static void send_large(struct e1000 *s, const uint8_t *tag)
{
	const struct e1000_context *c = &s->segment;
	struct frame_header h;

	if (!c->mss || !c->hdrlen || c->hdrlen >= s->packet_size || s->packet_size - c->hdrlen > c->paylen + 65536u) {
		guest_error(&s->pci.dev, "segmentation of %u bytes with a header of %u and segments of %u", s->packet_size, c->hdrlen, c->mss);
		return;
	}
	e1000_count(s, TSCTC);
	if (!e1000_loops_back(s) && offload_segments(s, c, &h))
		emit(s, &h, s->packet, s->packet_size, tag);
	else
		segment_slowly(s, c, tag);
}

/* ---- packets ---- */

static void send_packet(struct e1000 *s, uint8_t cmd, const uint8_t *desc)
{
	const struct e1000_context *c = &s->checksum;
	uint8_t tag[E1000_VLAN], *p = s->packet;
	uint32_t size = s->packet_size;
	bool tagged = cmd & CMD_VLE && *e1000_reg(s, CTRL) & CTRL_VME;
	struct frame_header h, *how = NULL;

	if (s->too_long || size < 14) {
		guest_error(&s->pci.dev, "a packet of %u bytes", size);
		return;
	}
	put_be16(tag, *e1000_reg(s, VET) & 0xffff);
	tag[2] = desc[15];
	tag[3] = desc[14];
	if (s->tse) {
		send_large(s, tagged ? tag : NULL);
		return;
	}
	if (!(cmd & CMD_DEXT)) {
		if (cmd & CMD_IC)
			insert_sum(p, size, desc[10], desc[13], 0);
	} else {
		if (s->ixsm) {
			if (c->ipcso + 2u <= size)
				put_be16(p + c->ipcso, 0);
			insert_sum(p, size, c->ipcso, c->ipcss, c->ipcse);
		}
		if (s->txsm && !c->tucse && c->tucso >= c->tucss && c->tucss >= 14 && c->tucso + 2u <= size && !e1000_loops_back(s)) {
			h = (struct frame_header){.flags = FRAME_NEEDS_CSUM, .csum_start = c->tucss, .csum_offset = (uint16_t)(c->tucso - c->tucss)};
			how = &h;
		} else if (s->txsm) {
			insert_sum(p, size, c->tucso, c->tucss, c->tucse);
		}
	}
	emit(s, how, p, size, tagged ? tag : NULL);
}

static void collect(struct e1000 *s, uint64_t addr, uint32_t size)
{
	if (size > E1000_PACKET - s->packet_size) {
		s->too_long = true;
		return;
	}
	pci_dma_read(&s->pci, addr, s->packet + s->packet_size, size);
	s->packet_size += size;
}

static void context(struct e1000 *s, const uint8_t *d)
{
	uint8_t cmd = d[11];
	struct e1000_context c = {.ipcss = d[0], .ipcso = d[1], .ipcse = pci_get16(d + 2), .tucss = d[4], .tucso = d[5], .tucse = pci_get16(d + 6),
				  .paylen = pci_get32(d + 8) & 0xfffff, .hdrlen = d[13], .mss = pci_get16(d + 14), .tcp = cmd & TUCMD_TCP,
				  .ip = cmd & TUCMD_IP};

	*(cmd & TUCMD_TSE ? &s->segment : &s->checksum) = c;
}

static void descriptor(struct e1000 *s, const uint8_t *d)
{
	uint8_t cmd = d[11];
	bool extended = cmd & CMD_DEXT;
	unsigned type = d[10] >> 4;

	if (extended && type == 0) {
		context(s, d);
		return;
	}
	if (extended && type != 1) {
		guest_error(&s->pci.dev, "transmit descriptor of type %u", type);
		return;
	}
	if (!s->first_seen) {
		s->first_seen = true;
		s->packet_from = *e1000_reg(s, TDH);
		s->tse = extended && cmd & CMD_TSE;
		s->ixsm = extended && d[13] & POPTS_IXSM;
		s->txsm = extended && d[13] & POPTS_TXSM;
	}
	collect(s, le64(d), extended ? pci_get32(d + 8) & 0xfffff : pci_get16(d + 8));
	if (!(cmd & CMD_EOP))
		return;
	send_packet(s, cmd, d);
	s->packet_size = 0;
	s->first_seen = s->too_long = s->tse = s->ixsm = s->txsm = false;
}

/* TIDV and TADV (13.4.33, .34): the first runs from each descriptor anew, the second from the first. */
static void delay_interrupt(struct e1000 *s)
{
	uint64_t now = clock_ns(s->pci.dev.machine, CLOCK_VIRT), delay = (*e1000_reg(s, TIDV) & 0xffff) * 1024ull,
		 limit = (*e1000_reg(s, TADV) & 0xffff) * 1024ull, at;

	if (!delay || !s->mitigation) {
		e1000_cause(s, ICR_TXDW);
		return;
	}
	if (!s->tx_limit)
		s->tx_limit = limit ? now + limit : UINT64_MAX;
	at = now + delay < s->tx_limit ? now + delay : s->tx_limit;
	timer_set(s->tx_timer, at);
}

void e1000_transmit(struct e1000 *s)
{
	uint32_t count_ = (*e1000_reg(s, TDLEN) & 0xfff80) / DESC, *head = e1000_reg(s, TDH), tail = *e1000_reg(s, TDT), low;
	uint64_t base = *e1000_reg(s, TDBAL) | (uint64_t)*e1000_reg(s, TDBAH) << 32;
	uint32_t cause = 0;
	bool delayed = false;

	s->tx_held = false;
	if (!(*e1000_reg(s, TCTL) & TCTL_EN) || !pci_is_master(&s->pci))
		return;
	if (*head == tail)
		return;
	if (*head >= count_ || tail >= count_) {
		guest_error(&s->pci.dev, "transmit ring of %u descriptors with head %u and tail %u", count_, *head, tail);
		return;
	}
	while (*head != tail) {
		uint8_t d[DESC];
		if (!s->first_seen && net_busy(s->netdev)) {
			s->tx_held = true;
			break;
		}
		pci_dma_read(&s->pci, base + (uint64_t)*head * DESC, d, DESC);
		descriptor(s, d);
		if (d[11] & (CMD_RS | CMD_RPS)) {
			d[12] |= STA_DD;
			pci_dma_write(&s->pci, base + (uint64_t)*head * DESC + 12, d + 12, 4);
			if (d[11] & CMD_IDE)
				delayed = true;
			else
				cause |= ICR_TXDW;
		}
		*head = *head + 1 == count_ ? 0 : *head + 1;
	}
	net_flush(s->netdev);
	if (*head == tail)
		cause |= ICR_TXQE;
	low = tail >= *head ? tail - *head : tail + count_ - *head;
	if (low <= (s->reg[0x3828 / 4] >> 25) * 8)
		cause |= ICR_TXD_LOW;
	if (delayed)
		delay_interrupt(s);
	if (cause)
		e1000_cause(s, cause);
}
