/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtio network device: what its two files share (virtio-net.c: frames; virtio-net-control.c: filters and the control queue). */
#ifndef DEV_VIRTIO_NET_H
#define DEV_VIRTIO_NET_H
#include "../../net.h"
#include "../../virtio.h"

/* Feature bits (5.1.3) */
enum { NET_F_CSUM = 0, NET_F_GUEST_CSUM = 1, NET_F_CTRL_GUEST_OFFLOADS = 2, NET_F_MTU = 3, NET_F_MAC = 5, NET_F_GSO = 6, NET_F_GUEST_TSO4 = 7,
       NET_F_GUEST_TSO6 = 8, NET_F_GUEST_ECN = 9, NET_F_GUEST_UFO = 10, NET_F_HOST_TSO4 = 11, NET_F_HOST_TSO6 = 12, NET_F_HOST_ECN = 13,
       NET_F_HOST_UFO = 14, NET_F_MRG_RXBUF = 15, NET_F_STATUS = 16, NET_F_CTRL_VQ = 17, NET_F_CTRL_RX = 18, NET_F_CTRL_VLAN = 19,
       NET_F_CTRL_RX_EXTRA = 20, NET_F_GUEST_ANNOUNCE = 21, NET_F_MQ = 22, NET_F_CTRL_MAC_ADDR = 23, NET_F_SPEED_DUPLEX = 63 };
enum { NET_S_LINK_UP = 1, NET_S_ANNOUNCE = 2 };

#define NET_PAIRS 16   /* of queues, at most */
#define NET_MACS 64    /* filtered addresses, at most */
#define NET_RX 0
#define NET_TX 1

struct virtio_net {
	struct virtio_pci proxy; /* first */
	struct netdev *netdev;
	uint8_t mac[6], guest_mac[6];
	int32_t bootindex, speed;
	char *duplex;
	uint16_t host_mtu, rx_size, tx_size, pairs;
	char *tx;              /* "timer" or "bh": how a batch ends; there is one way here */
	int32_t txtimer, txburst;
	bool mq, csum, guest_csum, gso, guest_tso4, guest_tso6, guest_ecn, guest_ufo, host_tso4, host_tso6, host_ecn, host_ufo, mrg_rxbuf, status,
		ctrl_vq, ctrl_rx, ctrl_vlan, ctrl_rx_extra, ctrl_mac_addr, ctrl_guest_offloads, guest_announce;
	/* the driver's wishes */
	uint16_t active;       /* pairs in use */
	uint64_t offloads;     /* of the guest: feature bits */
	bool promisc, allmulti, alluni, nomulti, nouni, nobcast, announce;
	bool all_multi_table, all_uni_table;   /* more addresses than the table holds */
	uint8_t macs[NET_MACS][6];
	uint32_t unis, multis; /* the unicast ones come first */
	uint8_t vlans[512];    /* one bit each */
	bool held[NET_PAIRS];  /* the transmit queue waits for the cable */
	bool touched[NET_PAIRS]; /* frames were put into the receive queue since its last notification */
	uint8_t flow[256];     /* which pair a flow's frames went out on: hash to pair */
};

static inline struct virtio_net *net_of(struct virtio *v) { return (struct virtio_net *)v->dev; }
/* The receive filter (5.1.6.5.1): shall the driver see the frame? */
bool virtio_net_wanted(const struct virtio_net *s, const uint8_t *frame);
void virtio_net_control(struct virtio_net *s, struct virtq *q);
void virtio_net_filter_reset(struct virtio_net *s);
void virtio_net_update_offloads(struct virtio_net *s); /* tells the cable what the guest takes */
unsigned virtio_net_control_index(const struct virtio_net *s); /* of the control queue */
extern const struct field virtio_net_filter_fields[];
#endif
