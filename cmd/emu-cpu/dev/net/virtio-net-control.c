// SPDX-License-Identifier: GPL-2.0-or-later
/* Virtio network device: receive filter and control queue (virtio 1.1, 5.1.6.5). */
#include <string.h>
#include "virtio-net.h"

enum { CLASS_RX = 0, CLASS_MAC = 1, CLASS_VLAN = 2, CLASS_ANNOUNCE = 3, CLASS_MQ = 4, CLASS_OFFLOADS = 5 };
enum { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST };
enum { MAC_TABLE = 0, MAC_ADDR = 1 };
enum { VLAN_ADD = 0, VLAN_DEL = 1 };
enum { ACK_OK = 0, ACK_ERROR = 1 };

bool virtio_net_wanted(const struct virtio_net *s, const uint8_t *f)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (s->promisc)
		return true;
	if (virtio_has(&s->proxy.virtio, NET_F_CTRL_VLAN) && f[12] == 0x81 && f[13] == 0) {
		unsigned id = (f[14] << 8 | f[15]) & 0xfffu;
		if (!(s->vlans[id / 8] >> id % 8 & 1))
			return false;
	}
	if (f[0] & 1) {
		if (!memcmp(f, broadcast, 6))
			return !s->nobcast;
		if (s->nomulti)
			return false;
		if (s->allmulti || s->all_multi_table)
			return true;
		for (unsigned i = s->unis; i < s->unis + s->multis; i++)
			if (!memcmp(f, s->macs[i], 6))
				return true;
		return false;
	}
	if (s->nouni)
		return false;
	if (s->alluni || s->all_uni_table || !memcmp(f, s->guest_mac, 6))
		return true;
	for (unsigned i = 0; i < s->unis; i++)
		if (!memcmp(f, s->macs[i], 6))
			return true;
	return false;
}

void virtio_net_filter_reset(struct virtio_net *s)
{
	/* A driver that knows no control queue sees everything that is on the wire (5.1.6.5.1 is not there for it). */
	s->promisc = true;
	s->allmulti = s->alluni = s->nomulti = s->nouni = s->nobcast = false;
	s->all_multi_table = s->all_uni_table = false;
	s->unis = s->multis = 0;
	memset(s->macs, 0, sizeof s->macs);
	memset(s->vlans, 0, sizeof s->vlans);
	memcpy(s->guest_mac, s->mac, 6);
}

void virtio_net_update_offloads(struct virtio_net *s)
{
	uint64_t o = s->offloads;

	net_offloads(s->netdev, (o >> NET_F_GUEST_CSUM & 1 ? FRAME_CSUM : 0u) | (o >> NET_F_GUEST_TSO4 & 1 ? FRAME_TSO4 : 0u) |
					(o >> NET_F_GUEST_TSO6 & 1 ? FRAME_TSO6 : 0u) | (o >> NET_F_GUEST_ECN & 1 ? FRAME_ECN : 0u) |
					(o >> NET_F_GUEST_UFO & 1 ? FRAME_UFO : 0u));
}

unsigned virtio_net_control_index(const struct virtio_net *s)
{
	/* Without MQ it is the third, however many there could be (5.1.2). */
	return virtio_has(&s->proxy.virtio, NET_F_MQ) ? 2u * s->pairs : 2;
}

static bool rx_mode(struct virtio_net *s, uint8_t command, const struct virtq_element *el)
{
	bool *const mode[] = {&s->promisc, &s->allmulti, &s->alluni, &s->nomulti, &s->nouni, &s->nobcast};
	uint8_t on;

	if (command >= sizeof mode / sizeof mode[0] || virtq_read(el, 2, &on, 1) != 1)
		return false;
	if (!virtio_has(&s->proxy.virtio, command <= RX_ALLMULTI ? NET_F_CTRL_RX : NET_F_CTRL_RX_EXTRA))
		return false;
	*mode[command] = on & 1;
	return true;
}

/* Two tables: how many, then the addresses. What does not fit means all of its kind. */
static bool mac_table(struct virtio_net *s, const struct virtq_element *el)
{
	size_t at = 2;
	uint32_t kept = 0;

	for (unsigned table = 0; table < 2; table++) {
		uint8_t raw[4];
		uint32_t count, *mine = table ? &s->multis : &s->unis;
		bool *all = table ? &s->all_multi_table : &s->all_uni_table;

		if (virtq_read(el, at, raw, 4) != 4)
			return false;
		at += 4;
		count = virtio_get32(raw);
		if (count > (el->out_size - at) / 6)
			return false;
		*all = count > NET_MACS - kept;
		*mine = *all ? 0 : count;
		for (uint32_t i = 0; i < *mine; i++)
			virtq_read(el, at + 6ull * i, s->macs[kept + i], 6);
		kept += *mine;
		at += 6ull * count;
	}
	return true;
}

static bool vlan(struct virtio_net *s, uint8_t command, const struct virtq_element *el)
{
	uint8_t raw[2];
	unsigned id;

	if (command > VLAN_DEL || !virtio_has(&s->proxy.virtio, NET_F_CTRL_VLAN) || virtq_read(el, 2, raw, 2) != 2)
		return false;
	id = virtio_get16(raw);
	if (id >= 4096)
		return false;
	if (command == VLAN_ADD)
		s->vlans[id / 8] |= (uint8_t)(1 << id % 8);
	else
		s->vlans[id / 8] &= (uint8_t)~(1 << id % 8);
	return true;
}

static bool queue_pairs(struct virtio_net *s, uint8_t command, const struct virtq_element *el)
{
	uint8_t raw[2];
	unsigned n;

	if (command || !virtio_has(&s->proxy.virtio, NET_F_MQ) || virtq_read(el, 2, raw, 2) != 2)
		return false;
	n = virtio_get16(raw);
	if (!n || n > s->pairs)
		return false;
	s->active = (uint16_t)n;
	return true;
}

static bool guest_offloads(struct virtio_net *s, uint8_t command, const struct virtq_element *el)
{
	uint8_t raw[8];
	uint64_t wanted, known = 1ull << NET_F_GUEST_CSUM | 1ull << NET_F_GUEST_TSO4 | 1ull << NET_F_GUEST_TSO6 | 1ull << NET_F_GUEST_ECN |
				 1ull << NET_F_GUEST_UFO;

	if (command || !virtio_has(&s->proxy.virtio, NET_F_CTRL_GUEST_OFFLOADS) || virtq_read(el, 2, raw, 8) != 8)
		return false;
	wanted = virtio_get64(raw);
	if (wanted & ~(known & s->proxy.virtio.features))
		return false;
	s->offloads = wanted;
	virtio_net_update_offloads(s);
	return true;
}

static bool obey(struct virtio_net *s, const uint8_t *head, const struct virtq_element *el)
{
	struct virtio *v = &s->proxy.virtio;
	uint8_t command = head[1];

	switch (head[0]) {
	case CLASS_RX:
		return rx_mode(s, command, el);
	case CLASS_MAC:
		if (command == MAC_TABLE)
			return virtio_has(v, NET_F_CTRL_RX) && mac_table(s, el);
		return command == MAC_ADDR && virtio_has(v, NET_F_CTRL_MAC_ADDR) && virtq_read(el, 2, s->guest_mac, 6) == 6;
	case CLASS_VLAN:
		return vlan(s, command, el);
	case CLASS_ANNOUNCE:
		if (command || !virtio_has(v, NET_F_GUEST_ANNOUNCE) || !s->announce)
			return false;
		s->announce = false;
		return true;
	case CLASS_MQ:
		return queue_pairs(s, command, el);
	case CLASS_OFFLOADS:
		return guest_offloads(s, command, el);
	default:
		return false;
	}
}

void virtio_net_control(struct virtio_net *s, struct virtq *q)
{
	struct virtq_element *el;

	while ((el = virtq_pop(q))) {
		uint8_t head[2], ack;
		if (virtq_read(el, 0, head, 2) != 2 || !el->in_size) {
			virtio_error(&s->proxy.virtio, "control command with %llu bytes out and %llu in: it has a header of 2 and a status byte",
				     (unsigned long long)el->out_size, (unsigned long long)el->in_size);
			virtq_push(el, 0);
			return;
		}
		ack = obey(s, head, el) ? ACK_OK : ACK_ERROR;
		virtq_write(el, 0, &ack, 1);
		virtq_push(el, 1);
		virtq_notify(q);
	}
}

const struct field virtio_net_filter_fields[] = {
	F_BYTES(struct virtio_net, guest_mac), F_UINT(struct virtio_net, active), F_UINT(struct virtio_net, offloads),
	F_BOOL(struct virtio_net, promisc), F_BOOL(struct virtio_net, allmulti), F_BOOL(struct virtio_net, alluni),
	F_BOOL(struct virtio_net, nomulti), F_BOOL(struct virtio_net, nouni), F_BOOL(struct virtio_net, nobcast),
	F_BOOL(struct virtio_net, announce), F_BOOL(struct virtio_net, all_multi_table), F_BOOL(struct virtio_net, all_uni_table),
	F_BYTES(struct virtio_net, macs), F_UINT(struct virtio_net, unis), F_UINT(struct virtio_net, multis), F_BYTES(struct virtio_net, vlans),
	F_END,
};
