// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio network device (virtio 1.1, 5.1): pairs of a receive and a transmit queue and a control queue, behind them a cable (net.h). All offloads
 * are offered whatever is plugged in, as the cable does for the other end what that does not take.
 *
 * Frames of a flow come back on the pair on which its frames went out (5.1.6.5.5). When the cable is full, a transmit queue is left alone until
 * it says that it is not; a driver that gives no room for what is received is waited for in the same way.
 */
#include "virtio-net.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../boot-order.h"
#include "../../machine.h"

#define HEADER_LEGACY 10 /* without num_buffers */
#define HEADER 12
#define RX_CHAINS 64     /* buffers for one frame, at most: 64 KiB in pieces of 1 KiB and more */

struct config {
	uint8_t mac[6], status[2], pairs[2], mtu[2], speed[4], duplex;
};

static unsigned header_size(const struct virtio *v)
{
	return virtio_has(v, NET_F_MRG_RXBUF) || virtio_has(v, VIRTIO_F_VERSION_1) ? HEADER : HEADER_LEGACY;
}

/* ---- flows ---- */

static uint8_t flow_hash(const uint8_t *f, size_t size, bool swapped)
{
	struct frame_layers l;
	uint32_t h = 0, a, b;
	uint16_t p = 0, q = 0;

	if (!frame_parse(f, size, &l) || !l.version || l.fragment)
		return 0;
	if (l.version == 4) {
		memcpy(&a, f + l.network + 12, 4);
		memcpy(&b, f + l.network + 16, 4);
	} else {
		memcpy(&a, f + l.network + 20, 4);
		memcpy(&b, f + l.network + 36, 4);
	}
	if (l.payload > l.transport) {
		memcpy(&p, f + l.transport, 2);
		memcpy(&q, f + l.transport + 2, 2);
	}
	h = swapped ? (b ^ q) * 0x9e3779b1u + (a ^ p) : (a ^ p) * 0x9e3779b1u + (b ^ q);
	h *= 0x85ebca6bu;
	return (uint8_t)(h >> 24);
}

/* ---- receiving ---- */

static struct virtq *rx_queue(struct virtio_net *s, const uint8_t *f, size_t size)
{
	unsigned pair = 0;

	if (s->active > 1)
		pair = s->flow[flow_hash(f, size, true)] % s->active;
	return &s->proxy.virtio.queue[2 * pair + NET_RX];
}


/*
 * One frame into one buffer, or with MRG_RXBUF into as many as it takes (5.1.6.4). Returns false when they are not there; nothing has happened
 * then.
 */
static bool receive(void *opaque, const struct frame_header *h, uint8_t *frame, size_t size)
{
	struct virtio_net *s = opaque;
	struct virtio *v = &s->proxy.virtio;
	struct virtq_element *el[RX_CHAINS];
	uint32_t written[RX_CHAINS];
	uint8_t head[HEADER];
	unsigned count = 0, head_size = header_size(v);
	size_t at = 0;

	if (!virtio_running(v) || !virtio_net_wanted(s, frame))
		return true;
	struct virtq *q = rx_queue(s, frame, size);
	if (!q->ready)
		return true;
	struct frame_header told = *h;
	if (!(s->offloads >> NET_F_GUEST_CSUM & 1))
		told.flags = 0; /* 5.1.6.4.1 */
	frame_header_write(&told, head);
	do {
		struct virtq_element *e = count < RX_CHAINS ? virtq_pop(q) : NULL;
		unsigned skip = count ? 0 : head_size;

		if (!e || e->in_size <= skip) {
			bool none = !e && count < RX_CHAINS && !v->broken;
			if (e) {
				virtio_error(v, "queue %u: a receive buffer of %llu bytes", q->index, (unsigned long long)e->in_size);
				virtq_push(e, 0);
			}
			while (count)
				virtq_unpop(el[--count]);
			return !none;
		}
		size_t n = virtq_write(e, skip, frame + at, size - at);
		at += n;
		written[count] = (uint32_t)(skip + n);
		el[count++] = e;
	} while (at < size && virtio_has(v, NET_F_MRG_RXBUF));
	if (at < size) {
		/* A buffer that is too small for the frame: the frame is lost, the buffer waits for another (5.1.6.3.1). */
		virtq_unpop(el[0]);
		return true;
	}
	virtio_put16(head + HEADER_LEGACY, (uint16_t)count);
	virtq_write(el[0], 0, head, head_size);
	for (unsigned i = 0; i < count; i++)
		virtq_push(el[i], written[i]);
	s->touched[q->index / 2] = true;
	return true;
}

static void received(void *opaque)
{
	struct virtio_net *s = opaque;

	for (unsigned i = 0; i < s->pairs; i++)
		if (s->touched[i]) {
			s->touched[i] = false;
			virtq_notify(&s->proxy.virtio.queue[2 * i + NET_RX]);
		}
}

/* ---- transmitting ---- */

/* The pieces behind the header. Returns how many. */
static unsigned frame_pieces(struct iovec *to, const struct virtq_element *el, size_t skip)
{
	unsigned n = 0;

	for (unsigned i = 0; i < el->outs; i++) {
		size_t len = el->out[i].iov_len;
		if (skip >= len) {
			skip -= len;
			continue;
		}
		to[n++] = (struct iovec){(uint8_t *)el->out[i].iov_base + skip, len - skip};
		skip = 0;
	}
	return n;
}

static void remember_flow(struct virtio_net *s, const struct iovec *iov, unsigned iovs, unsigned pair)
{
	uint8_t start[128];
	struct frame_layers l;
	size_t n = 0;

	for (unsigned i = 0; i < iovs && n < sizeof start; i++) {
		size_t k = iov[i].iov_len < sizeof start - n ? iov[i].iov_len : sizeof start - n;
		memcpy(start + n, iov[i].iov_base, k);
		n += k;
	}
	/* Only the headers are here: the lengths that they tell are cut to that. */
	memset(start + n, 0, sizeof start - n);
	if (n >= 34 && start[12] == 8 && !start[13]) {
		start[16] = 0;
		start[17] = (uint8_t)(n - 14);
	} else if (n >= 54 && start[12] == 0x86 && start[13] == 0xdd) {
		start[18] = 0;
		start[19] = (uint8_t)(n - 54);
	}
	if (frame_parse(start, n, &l) && l.version)
		s->flow[flow_hash(start, n, false)] = (uint8_t)pair;
}

static void transmit(struct virtio_net *s, struct virtq *q)
{
	struct virtio *v = &s->proxy.virtio;
	struct iovec iov[VIRTQ_SEGMENTS];
	struct virtq_element *el = NULL;
	unsigned head_size = header_size(v), pair = q->index / 2;
	bool any = false;

	s->held[pair] = false;
	while (!(s->held[pair] = net_busy(s->netdev)) && (el = virtq_pop(q))) {
		uint8_t head[HEADER] = {0};
		struct frame_header h;
		unsigned iovs;

		if (el->ins || virtq_read(el, 0, head, head_size) != head_size) {
			virtio_error(v, "queue %u: a frame of %llu bytes out, %llu in", q->index, (unsigned long long)el->out_size,
				     (unsigned long long)el->in_size);
			virtq_push(el, 0);
			break;
		}
		frame_header_read(&h, head);
		/* What was not negotiated has no meaning (5.1.6.2.1). */
		h.flags &= virtio_has(v, NET_F_CSUM) ? FRAME_NEEDS_CSUM : 0;
		iovs = frame_pieces(iov, el, head_size);
		if (s->active > 1 && iovs)
			remember_flow(s, iov, iovs, pair);
		net_send(s->netdev, &h, iov, iovs);
		virtq_push(el, 0);
		any = true;
	}
	net_flush(s->netdev);
	if (any)
		virtq_notify(q);
}

static void sendable(void *opaque)
{
	struct virtio_net *s = opaque;

	for (unsigned i = 0; i < s->pairs; i++)
		if (s->held[i] && virtio_running(&s->proxy.virtio))
			virtq_kick(&s->proxy.virtio.queue[2 * i + NET_TX]);
}

static void kicked(struct virtio *v, struct virtq *q)
{
	struct virtio_net *s = net_of(v);

	if (q->index == virtio_net_control_index(s))
		virtio_net_control(s, q);
	else if (q->index % 2 == NET_TX)
		transmit(s, q);
	else
		net_accept(s->netdev);
}

/* ---- features and configuration ---- */

static uint64_t features(struct virtio *v)
{
	struct virtio_net *s = net_of(v);
	const struct { bool on; unsigned bit; } offer[] = {
		{s->csum, NET_F_CSUM}, {s->guest_csum, NET_F_GUEST_CSUM}, {s->ctrl_guest_offloads && s->ctrl_vq, NET_F_CTRL_GUEST_OFFLOADS},
		{s->host_mtu != 0, NET_F_MTU}, {true, NET_F_MAC}, {s->gso && s->csum && v->legacy, NET_F_GSO},
		{s->guest_tso4 && s->guest_csum, NET_F_GUEST_TSO4}, {s->guest_tso6 && s->guest_csum, NET_F_GUEST_TSO6},
		{s->guest_ecn && s->guest_csum && (s->guest_tso4 || s->guest_tso6), NET_F_GUEST_ECN}, {s->guest_ufo && s->guest_csum, NET_F_GUEST_UFO},
		{s->host_tso4 && s->csum, NET_F_HOST_TSO4}, {s->host_tso6 && s->csum, NET_F_HOST_TSO6},
		{s->host_ecn && s->csum && (s->host_tso4 || s->host_tso6), NET_F_HOST_ECN}, {s->host_ufo && s->csum, NET_F_HOST_UFO},
		{s->mrg_rxbuf, NET_F_MRG_RXBUF}, {s->status, NET_F_STATUS}, {s->ctrl_vq, NET_F_CTRL_VQ}, {s->ctrl_vq && s->ctrl_rx, NET_F_CTRL_RX},
		{s->ctrl_vq && s->ctrl_vlan, NET_F_CTRL_VLAN}, {s->ctrl_vq && s->ctrl_rx_extra, NET_F_CTRL_RX_EXTRA},
		{s->ctrl_vq && s->guest_announce, NET_F_GUEST_ANNOUNCE}, {s->ctrl_vq && s->mq && s->pairs > 1, NET_F_MQ},
		{s->ctrl_vq && s->ctrl_mac_addr, NET_F_CTRL_MAC_ADDR}, {s->speed >= 0 || s->duplex, NET_F_SPEED_DUPLEX},
	};
	uint64_t f = 0;

	for (unsigned i = 0; i < sizeof offer / sizeof offer[0]; i++)
		if (offer[i].on)
			f |= 1ull << offer[i].bit;
	return f;
}

static void accepted(struct virtio *v, uint64_t f)
{
	struct virtio_net *s = net_of(v);

	s->offloads = f & (1ull << NET_F_GUEST_CSUM | 1ull << NET_F_GUEST_TSO4 | 1ull << NET_F_GUEST_TSO6 | 1ull << NET_F_GUEST_ECN |
			   1ull << NET_F_GUEST_UFO);
	virtio_net_update_offloads(s);
	/* With a filter the driver says what it wants; until then it gets its own frames and broadcasts. */
	s->promisc = !(f >> NET_F_CTRL_RX & 1);
}

static void config_get(struct virtio *v, uint8_t *out)
{
	struct virtio_net *s = net_of(v);
	struct config *c = (struct config *)out;

	memcpy(c->mac, s->guest_mac, 6);
	virtio_put16(c->status, (uint16_t)((net_link(s->netdev) ? NET_S_LINK_UP : 0) | (s->announce ? NET_S_ANNOUNCE : 0)));
	virtio_put16(c->pairs, s->pairs);
	virtio_put16(c->mtu, s->host_mtu);
	virtio_put32(c->speed, (uint32_t)s->speed);
	c->duplex = !s->duplex ? 0xff : !strcmp(s->duplex, "full");
}

/* Drivers without CTRL_MAC_ADDR write the address here (5.1.4.1, legacy). */
static void config_set(struct virtio *v, const uint8_t *in)
{
	if (!virtio_has(v, VIRTIO_F_VERSION_1) && !virtio_has(v, NET_F_CTRL_MAC_ADDR))
		memcpy(net_of(v)->guest_mac, in, 6);
}

static bool queue_usable(struct virtio *v, unsigned n)
{
	struct virtio_net *s = net_of(v);

	/* Which one is the control queue is not known before the features are: all that may be used are there until then. */
	if (n == 2 && s->ctrl_vq)
		return true;
	return virtio_has(v, NET_F_MQ) ? n <= 2u * s->pairs : n < 2;
}

static void reset(struct virtio *v)
{
	struct virtio_net *s = net_of(v);

	virtio_net_filter_reset(s);
	s->active = 1;
	s->offloads = 0;
	s->announce = false;
	memset(s->held, 0, sizeof s->held);
	memset(s->touched, 0, sizeof s->touched);
	memset(s->flow, 0, sizeof s->flow);
	virtio_net_update_offloads(s);
	net_accept(s->netdev);
}

static void status_changed(struct virtio *v, uint8_t status)
{
	if (status & VIRTIO_DRIVER_OK)
		net_accept(net_of(v)->netdev);
}

static void link_changed(void *opaque, bool up)
{
	struct virtio_net *s = opaque;

	/* Behind the cable somebody may have forgotten where we are: the driver is asked to say it (5.1.6.5.4). */
	s->announce = up && virtio_has(&s->proxy.virtio, NET_F_GUEST_ANNOUNCE);
	virtio_config_changed(&s->proxy.virtio);
}

static const struct virtio_kind kind = {
	.id = 1, .name = "virtio-net", .config_size = sizeof(struct config), .features = features, .accepted = accepted, .config_get = config_get,
	.config_set = config_set, .kicked = kicked, .reset = reset, .status = status_changed, .queue_usable = queue_usable,
};

static const struct net_ops ops = {.receive = receive, .received = received, .sendable = sendable, .link = link_changed};

/* ---- life ---- */

static bool power_of_two(unsigned n, unsigned least, unsigned most)
{
	return n >= least && n <= most && !(n & (n - 1));
}

static int check(struct virtio_net *s, struct err *e)
{
	if (!power_of_two(s->rx_size, 256, VIRTQ_MAX) || !power_of_two(s->tx_size, 256, VIRTQ_MAX))
		return err_set(e, EINVAL, "virtio-net-pci: rx_queue_size and tx_queue_size are powers of two from 256 to %u", VIRTQ_MAX);
	if (!s->pairs || s->pairs > NET_PAIRS)
		return err_set(e, EINVAL, "virtio-net-pci: queues is 1 to %u", NET_PAIRS);
	if (s->mac[0] & 1)
		return err_set(e, EINVAL, "virtio-net-pci: mac %02x:… is a group's address, not a card's", s->mac[0]);
	if (s->host_mtu && s->host_mtu < 68)
		return err_set(e, EINVAL, "virtio-net-pci: host_mtu is 68 to 65535");
	if (s->duplex && strcmp(s->duplex, "half") && strcmp(s->duplex, "full"))
		return err_set(e, EINVAL, "virtio-net-pci: duplex is half or full");
	if (s->speed < -1)
		return err_set(e, EINVAL, "virtio-net-pci: speed is in Mb/s, -1: unknown");
	if (s->tx && strcmp(s->tx, "bh") && strcmp(s->tx, "timer"))
		return err_set(e, EINVAL, "virtio-net-pci: tx is bh or timer");
	return 0;
}

static int realize(struct pci_device *d, struct err *e)
{
	struct virtio_net *s = (struct virtio_net *)d;
	struct virtio *v = &s->proxy.virtio;
	int r;

	if (!s->mq)
		s->pairs = 1;
	r = check(s, e);
	if (!r)
		r = net_attach(s->netdev, &d->dev, &ops, s, e);
	if (r)
		return r;
	net_default_mac(d->dev.machine, s->mac);
	memcpy(s->guest_mac, s->mac, 6);
	r = virtio_pci_init(d, &kind, e);
	for (unsigned n = 0; !r && n < s->pairs; n++) {
		virtio_add_queue(v, s->rx_size);
		virtio_add_queue(v, s->tx_size);
	}
	/* Without MQ the control queue has the place of the second pair. */
	if (!r && s->ctrl_vq)
		virtio_add_queue(v, 64);
	if (!r)
		r = virtio_pci_finish(d, 2u * s->pairs + 1 + (s->ctrl_vq ? 1 : 0), e);
	if (!r)
		r = boot_order_add_pci(d, s->bootindex, "/ethernet-phy@0", e);
	if (r) {
		virtio_pci_free(d);
		net_detach(s->netdev);
		return r;
	}
	reset(v);
	return 0;
}

static void unrealize(struct pci_device *d)
{
	net_detach(((struct virtio_net *)d)->netdev);
	virtio_pci_free(d);
}

static int loaded(void *state, struct err *e)
{
	struct virtio_net *s = state;
	struct virtio *v = &s->proxy.virtio;

	if (!s->active || s->active > s->pairs)
		return err_set(e, EINVAL, "virtio-net: the saved state uses %u pairs of queues of %u", s->active, s->pairs);
	if (s->unis > NET_MACS || s->multis > NET_MACS - s->unis)
		return err_set(e, EINVAL, "virtio-net: the saved state filters %u and %u addresses, the table holds %u", s->unis, s->multis, NET_MACS);
	if (s->offloads & ~v->features)
		return err_set(e, EINVAL, "virtio-net: the saved state has offloads that its driver has not accepted");
	int r = virtio_pci_loaded(state, e);
	if (r)
		return r;
	for (unsigned i = 0; i < s->pairs; i++)
		s->held[i] = true; /* looked at as soon as the machine runs */
	virtio_net_update_offloads(s);
	/* Switches learn where the machine is now. */
	if (virtio_running(v) && virtio_has(v, NET_F_GUEST_ANNOUNCE) && virtio_has(v, NET_F_CTRL_VQ))
		s->announce = true;
	net_accept(s->netdev);
	return 0;
}

#define ON(name_, field) {.name = name_, P_(struct virtio_net, field, PROP_BOOL), .def = 1}
static const struct prop props[] = {
	VIRTIO_PCI_PROPS,
	{.name = "netdev", P_(struct virtio_net, netdev, PROP_NETDEV), .help = "id of the network"},
	{.name = "mac", P_(struct virtio_net, mac, PROP_MAC), .help = "address; default 52:54:00:12:34:56 and those that follow"},
	{.name = "bootindex", P_(struct virtio_net, bootindex, PROP_I32), .def = -1},
	{.name = "mq", P_(struct virtio_net, mq, PROP_BOOL), .help = "several pairs of queues"},
	{.name = "queues", P_(struct virtio_net, pairs, PROP_U16), .def = 4, .help = "how many, with mq=on"},
	{.name = "rx_queue_size", P_(struct virtio_net, rx_size, PROP_U16), .def = 256},
	{.name = "tx_queue_size", P_(struct virtio_net, tx_size, PROP_U16), .def = 256},
	{.name = "host_mtu", P_(struct virtio_net, host_mtu, PROP_U16), .help = "MTU that the driver is told, 0: none"},
	{.name = "speed", P_(struct virtio_net, speed, PROP_I32), .def = -1, .help = "Mb/s that the driver is told, -1: none"},
	{.name = "duplex", P_(struct virtio_net, duplex, PROP_STRING), .help = "half or full, as the driver is told"},
	{.name = "tx", P_(struct virtio_net, tx, PROP_STRING), .help = "bh or timer; both: frames leave in batches at once"},
	{.name = "x-txtimer", P_(struct virtio_net, txtimer, PROP_I32), .def = 150000},
	{.name = "x-txburst", P_(struct virtio_net, txburst, PROP_I32), .def = 256},
	ON("csum", csum), ON("guest_csum", guest_csum), ON("gso", gso), ON("guest_tso4", guest_tso4), ON("guest_tso6", guest_tso6),
	ON("guest_ecn", guest_ecn), ON("guest_ufo", guest_ufo), ON("host_tso4", host_tso4), ON("host_tso6", host_tso6), ON("host_ecn", host_ecn),
	ON("host_ufo", host_ufo), ON("mrg_rxbuf", mrg_rxbuf), ON("status", status), ON("ctrl_vq", ctrl_vq), ON("ctrl_rx", ctrl_rx),
	ON("ctrl_vlan", ctrl_vlan), ON("ctrl_rx_extra", ctrl_rx_extra), ON("ctrl_mac_addr", ctrl_mac_addr),
	ON("ctrl_guest_offloads", ctrl_guest_offloads), ON("guest_announce", guest_announce),
	{.name = NULL},
};

static const struct field fields[] = {
	F_STRUCT(struct virtio_net, proxy, virtio_pci_fields),
	{.name = "filter", .offset = 0, .width = sizeof(struct virtio_net), .count = 1, .kind = FIELD_STRUCT, .sub = virtio_net_filter_fields}, F_END,
};

static const struct state_table state = {.name = "virtio-net", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded};

static const struct pci_class class = {
	.info = {.vendor = 0x1af4, .device = 0x1000, .class_code = 0x020000, .rom = "pxe-virtio.rom"},
	.realize = realize,
	.unrealize = unrealize,
	.reset = virtio_pci_reset,
	.config_written = virtio_pci_config_written,
	.config_read = virtio_pci_config_read,
};

static const struct device_type virtio_net_pci = {
	.name = "virtio-net-pci", .alias = "virtio-net", .bus = "PCI", .desc = "virtio network card", .category = "Network",
	.size = sizeof(struct virtio_net), .props = props, .state = &state, .user = true, .hotplug = true, .realize = pci_realize,
	.reset = pci_reset, .unrealize = pci_unrealize, .extra = &class,
};
DEVICE(virtio_net_pci);
