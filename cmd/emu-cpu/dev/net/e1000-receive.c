// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Intel 8254x: reception (3.2): filters, VLAN tags, checksums, descriptors. A frame that finds too few descriptors waits with the cable, as in the
 * chip's packet buffer. The bytes of the check sequence are zeros: what comes from a cable here has none.
 */
#include <string.h>
#include "e1000.h"

enum { RXD_DD = 1, RXD_EOP = 2, RXD_IXSM = 4, RXD_VP = 8, RXD_TCPCS = 0x20, RXD_IPCS = 0x40, RXD_PIF = 0x80 };
enum { RXE_TCPE = 0x20, RXE_IPE = 0x40 };
enum { DESC = 16, MINIMUM = 60, ORDINARY = 1514, LARGEST = 16384 - 4, FCS = 4 };
#define RAH_AV 0x80000000u

static uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static uint32_t buffer_size(const struct e1000 *s)
{
	uint32_t rctl = s->reg[RCTL / 4], shift = rctl >> 16 & 3;

	if (!(rctl & RCTL_BSEX))
		return 2048u >> shift;
	return shift ? 32768u >> shift : 2048; /* 00b is reserved there */
}

static bool is_tagged(const struct e1000 *s, const uint8_t *f, size_t size)
{
	return size >= 18 && be16(f + 12) == (uint16_t)s->reg[VET / 4];
}

/* The filters of 3.2.1: exact, promiscuous, multicast by hash, broadcast, VLAN. `passed_if`: only the inexact one let it in. */
static bool wanted(const struct e1000 *s, const uint8_t *f, size_t size, bool *inexact)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, shifts[4] = {4, 3, 2, 0};
	uint32_t rctl = s->reg[RCTL / 4];

	*inexact = false;
	if (rctl & RCTL_VFE && is_tagged(s, f, size)) {
		unsigned id = be16(f + 14) & 0xfff;
		if (!(s->reg[VFTA / 4 + (id >> 5)] >> (id & 31) & 1))
			return false;
	}
	for (unsigned i = 0; i < 16; i++) {
		uint32_t low = s->reg[RA / 4 + 2 * i], high = s->reg[RA / 4 + 2 * i + 1];
		if (high & RAH_AV && low == pci_get32(f) && (high & 0xffff) == pci_get16(f + 4))
			return true;
	}
	if (!(f[0] & 1))
		return rctl & RCTL_UPE;
	if (rctl & RCTL_MPE)
		return true;
	if (!memcmp(f, broadcast, 6))
		return rctl & RCTL_BAM;
	unsigned hash = (f[4] | (unsigned)f[5] << 8) >> shifts[rctl >> 12 & 3] & 0xfff;
	*inexact = true;
	return s->reg[MTA / 4 + (hash >> 5)] >> (hash & 31) & 1;
}

/* Status and error bits (3.2.9). The cable vouches for frames that were not summed by anybody yet. */
static void checksums(const struct e1000 *s, const struct frame_header *h, const uint8_t *f, size_t size, uint8_t *status, uint8_t *errors)
{
	uint32_t rxcsum = s->reg[RXCSUM / 4];
	struct frame_layers l;
	bool valid = h->flags & FRAME_DATA_VALID;

	*status |= RXD_IXSM;
	if (!(rxcsum & (RXCSUM_IPOFLD | RXCSUM_TUOFLD)) || !frame_parse(f, size, &l) || !l.version)
		return;
	*status &= (uint8_t)~RXD_IXSM;
	if (rxcsum & RXCSUM_IPOFLD && l.version == 4) {
		*status |= RXD_IPCS;
		if (frame_fold(frame_sum(f + l.network, l.transport - l.network, 0)))
			*errors |= RXE_IPE;
	}
	if (!(rxcsum & RXCSUM_TUOFLD) || l.fragment || (l.protocol != 6 && l.protocol != 17))
		return;
	if (l.protocol == 17 && !be16(f + l.transport + 6))
		return; /* UDP without a checksum */
	*status |= RXD_TCPCS;
	if (!valid && frame_fold(frame_sum(f + l.transport, l.end - l.transport, frame_pseudo_sum(f, &l, l.end - l.transport))))
		*errors |= RXE_TCPE;
}

static void count(struct e1000 *s, const uint8_t *f, size_t size)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	e1000_count(s, GPRC);
	e1000_count64(s, GORCL, size);
	e1000_count_size(s, PRC64, size);
	if (f[0] & 1)
		e1000_count(s, memcmp(f, all, 6) ? MPRC : BPRC);
}

static uint32_t ring_count(const struct e1000 *s)
{
	return (s->reg[RDLEN / 4] & 0xfff80) / DESC;
}

static uint32_t ring_free(const struct e1000 *s)
{
	uint32_t n = ring_count(s), head = s->reg[RDH / 4], tail = s->reg[RDT / 4];

	if (head >= n || tail >= n)
		return 0;
	return tail >= head ? tail - head : tail + n - head;
}

static bool can_receive(void *opaque)
{
	struct e1000 *s = opaque;

	/* What is dropped needs no descriptor. */
	return !e1000_link(s) || !(s->reg[RCTL / 4] & RCTL_EN) || !pci_is_master(&s->pci) || ring_free(s);
}

bool e1000_receive(struct e1000 *s, const struct frame_header *h, uint8_t *f, size_t size)
{
	uint8_t pad[MINIMUM], status = 0, errors = 0;
	uint16_t special = 0, sum = 0;
	uint32_t rctl = s->reg[RCTL / 4], piece = buffer_size(s), count_ = ring_count(s), have = ring_free(s), *head = e1000_reg(s, RDH);
	uint64_t base = s->reg[RDBAL / 4] | (uint64_t)s->reg[RDBAH / 4] << 32;
	bool inexact;

	if (!(rctl & RCTL_EN) || !pci_is_master(&s->pci))
		return true;
	if (size < MINIMUM) {
		memcpy(pad, f, size);
		memset(pad + size, 0, MINIMUM - size);
		f = pad;
		size = MINIMUM;
	}
	bool keep = wanted(s, f, size, &inexact), strip = s->reg[CTRL / 4] & CTRL_VME && is_tagged(s, f, size);
	uint32_t total = (uint32_t)size - (strip ? E1000_VLAN : 0) + (rctl & RCTL_SECRC ? 0 : FCS), at = 0;
	if (keep && size <= LARGEST && (uint64_t)have * piece < total) { /* it waits, as it is */
		e1000_count(s, RNBC);
		return false;
	}
	e1000_count(s, TPR);
	e1000_count64(s, TORL, size + FCS);
	if (!keep)
		return true;
	if (size > LARGEST || (!(rctl & (RCTL_LPE | RCTL_SBP)) && size > ORDINARY + (is_tagged(s, f, size) ? E1000_VLAN : 0u))) {
		e1000_count(s, ROC);
		return true;
	}
	checksums(s, h, f, size, &status, &errors);
	if (inexact)
		status |= RXD_PIF;
	count(s, f, size + FCS);
	if (strip) {
		special = be16(f + 14);
		status |= RXD_VP;
		memmove(f + E1000_VLAN, f, 12);
		f += E1000_VLAN;
		size -= E1000_VLAN;
	}
	if (!(status & RXD_TCPCS)) {
		/* The chip's packet checksum is for drivers that go on from there (3.2.9). */
		uint32_t from = s->reg[RXCSUM / 4] & 0xff;
		sum = from < size ? frame_fold(frame_sum(f + from, size - from, 0)) : 0xffff;
		sum = (uint16_t)(sum << 8 | sum >> 8);
	}
	while (at < total && have) {
		uint8_t d[DESC];
		uint64_t place = base + (uint64_t)*head * DESC, to;
		uint32_t n = total - at < piece ? total - at : piece, data = at < size ? (uint32_t)size - at : 0;

		pci_dma_read(&s->pci, place, d, DESC);
		to = pci_get32(d) | (uint64_t)pci_get32(d + 4) << 32;
		if (to) {
			static const uint8_t zeros[FCS];
			if (data > n)
				data = n;
			if (data)
				pci_dma_write(&s->pci, to, f + at, data);
			if (n > data)
				pci_dma_write(&s->pci, to + data, zeros, n - data);
			at += n;
		} else { /* a null descriptor is passed over (3.2.4) */
			n = 0;
		}
		pci_put16(d + 8, (uint16_t)n);
		pci_put16(d + 10, sum);
		d[12] = (uint8_t)(n ? status | RXD_DD | (at == total ? RXD_EOP : 0) : RXD_DD);
		d[13] = at == total ? errors : 0;
		pci_put16(d + 14, special);
		pci_dma_write(&s->pci, place + 8, d + 8, 8);
		*head = *head + 1 == count_ ? 0 : *head + 1;
		have--;
	}
	if (at < total)
		e1000_count(s, MPC);
	s->rx_pending = true;
	return true;
}

/* RDTR and RADV (13.4.30, .31), as TIDV and TADV; and the threshold of RCTL.RDMTS. */
static void received(void *opaque)
{
	struct e1000 *s = opaque;
	uint64_t delay = (*e1000_reg(s, RDTR) & 0xffff) * 1024ull, limit = (*e1000_reg(s, RADV) & 0xffff) * 1024ull, now;
	uint32_t cause = 0;

	if (!s->rx_pending)
		return;
	s->rx_pending = false;
	if (ring_free(s) <= ring_count(s) >> ((s->reg[RCTL / 4] >> 8 & 3) + 1))
		cause |= ICR_RXDMT0;
	if (!delay || !s->mitigation) {
		cause |= ICR_RXT0;
	} else {
		now = clock_ns(s->pci.dev.machine, CLOCK_VIRT);
		if (!s->rx_limit)
			s->rx_limit = limit ? now + limit : UINT64_MAX;
		timer_set(s->rx_timer, now + delay < s->rx_limit ? now + delay : s->rx_limit);
	}
	if (cause)
		e1000_cause(s, cause);
}

static bool receive(void *opaque, const struct frame_header *h, uint8_t *frame, size_t size)
{
	struct e1000 *s = opaque;

	return !e1000_link(s) || e1000_loops_back(s) || e1000_receive(s, h, frame, size);
}

static void sendable(void *opaque)
{
	struct e1000 *s = opaque;

	if (s->tx_held)
		e1000_transmit(s);
}

static void link_changed(void *opaque, bool up)
{
	e1000_phy_link(opaque, up);
}

const struct net_ops e1000_net_ops = {.can_receive = can_receive, .receive = receive, .received = received, .sendable = sendable, .link = link_changed};
