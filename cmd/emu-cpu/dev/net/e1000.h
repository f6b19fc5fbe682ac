/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82540EM (and its relatives 82544GC, 82545EM): what its files share. e1000.c: registers, interrupts, life; e1000-transmit.c, e1000-receive.c:
 * descriptors; e1000-phy.c: PHY, EEPROM. Section numbers are of the "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual",
 * 317453, revision 4.0.
 */
#ifndef DEV_E1000_H
#define DEV_E1000_H
#include "../../machine.h"
#include "../../net.h"
#include "../../pci.h"

/* Registers (13.3): byte offsets */
enum { CTRL = 0x0000, STATUS = 0x0008, EECD = 0x0010, EERD = 0x0014, CTRL_EXT = 0x0018, MDIC = 0x0020, VET = 0x0038, ICR = 0x00c0,
       ITR = 0x00c4, ICS = 0x00c8, IMS = 0x00d0, IMC = 0x00d8, RCTL = 0x0100, TCTL = 0x0400, PBA = 0x1000, RDBAL = 0x2800, RDBAH = 0x2804,
       RDLEN = 0x2808, RDH = 0x2810, RDT = 0x2818, RDTR = 0x2820, RADV = 0x282c, TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810,
       TDT = 0x3818, TIDV = 0x3820, TADV = 0x382c, RXCSUM = 0x5000, MTA = 0x5200, RA = 0x5400, VFTA = 0x5600 };
/* Statistics that are counted here (13.7) */
enum { MPC = 0x4010, PRC64 = 0x405c, GPRC = 0x4074, BPRC = 0x4078, MPRC = 0x407c, GPTC = 0x4080, GORCL = 0x4088, GOTCL = 0x4090, RNBC = 0x40a0,
       RUC = 0x40a4, ROC = 0x40ac, TORL = 0x40c0, TOTL = 0x40c8, TPR = 0x40d0, TPT = 0x40d4, PTC64 = 0x40d8, MPTC = 0x40f0, BPTC = 0x40f4,
       TSCTC = 0x40f8 };
enum { CTRL_FD = 1 << 0, CTRL_SLU = 1 << 6, CTRL_SPEED_1000 = 2 << 8, CTRL_RST = 1 << 26, CTRL_VME = 1 << 30 };
#define CTRL_PHY_RST 0x80000000u
enum { STATUS_FD = 1, STATUS_LU = 2, STATUS_SPEED_1000 = 2 << 6 };
enum { ICR_TXDW = 1 << 0, ICR_TXQE = 1 << 1, ICR_LSC = 1 << 2, ICR_RXDMT0 = 1 << 4, ICR_RXO = 1 << 6, ICR_RXT0 = 1 << 7, ICR_MDAC = 1 << 9,
       ICR_TXD_LOW = 1 << 15 };
#define ICR_ALL 0x1f6dfu /* causes that exist */
enum { RCTL_EN = 1 << 1, RCTL_SBP = 1 << 2, RCTL_UPE = 1 << 3, RCTL_MPE = 1 << 4, RCTL_LPE = 1 << 5, RCTL_BAM = 1 << 15, RCTL_VFE = 1 << 18,
       RCTL_BSEX = 1 << 25, RCTL_SECRC = 1 << 26 };
enum { TCTL_EN = 1 << 1, TCTL_PSP = 1 << 3 };
enum { RXCSUM_IPOFLD = 1 << 8, RXCSUM_TUOFLD = 1 << 9 };

#define E1000_SPACE 0xa000u     /* bytes of registers; behind them is nothing but the packet buffer */
#define E1000_PACKET (72u << 10)/* the largest that a guest may give us in one: 64 KiB and headers */
#define E1000_VLAN 4

struct e1000_context { /* of the last context descriptor of its kind (3.3.6) */
	uint8_t ipcss, ipcso, tucss, tucso, hdrlen;
	uint16_t ipcse, tucse, mss;
	uint32_t paylen;
	bool tcp, ip;
};

struct e1000 {
	struct pci_device pci; /* first */
	struct netdev *netdev;
	uint8_t mac[6];
	int32_t bootindex;
	bool autonegotiation, mitigation, extra_mac_registers;
	const struct e1000_kind *kind;
	struct region *memory, *ports;
	uint32_t reg[E1000_SPACE / 4];
	uint32_t io_address;
	uint16_t phy[32], eeprom[64];
	/* Microwire (5.3): what was clocked in, what is to be clocked out */
	uint32_t ee_in, ee_bits;
	uint16_t ee_out;
	uint8_t ee_state, ee_left, ee_address;
	bool ee_enabled;
	/* interrupts */
	uint64_t irq_next;      /* not before this time, by the throttle */
	uint64_t rx_limit, tx_limit; /* the absolute timers' ends; 0: not running */
	struct timer *irq_timer, *rx_timer, *tx_timer, *link_timer;
	bool irq_high;
	/* transmission */
	struct e1000_context checksum, segment; /* of packets with and without TSE */
	uint8_t *packet;        /* what has been collected */
	uint32_t packet_size, packet_from; /* and at which descriptor it began */
	bool tse, ixsm, txsm, first_seen, too_long, tx_held;
	/* reception */
	bool rx_pending;        /* frames since the last "received" */
};

struct e1000_kind {
	const char *name;
	uint16_t device, phy_id2;
};

static inline uint32_t *e1000_reg(struct e1000 *s, unsigned at) { return &s->reg[at / 4]; }
static inline void e1000_count(struct e1000 *s, unsigned at) { if (s->reg[at / 4] != UINT32_MAX) s->reg[at / 4]++; }
void e1000_count64(struct e1000 *s, unsigned low, uint64_t n);
void e1000_count_size(struct e1000 *s, unsigned first, size_t size); /* PRC64 …, PTC64 … */
void e1000_cause(struct e1000 *s, uint32_t bits);
void e1000_update_irq(struct e1000 *s);
bool e1000_link(const struct e1000 *s);

void e1000_transmit(struct e1000 *s);
void e1000_transmit_reset(struct e1000 *s);
void e1000_transmit_unwind(struct e1000 *s);
extern const struct net_ops e1000_net_ops;
bool e1000_receive(struct e1000 *s, const struct frame_header *h, uint8_t *frame, size_t size);
bool e1000_loops_back(const struct e1000 *s);

void e1000_eeprom_init(struct e1000 *s);
void e1000_eeprom_reset(struct e1000 *s);
void e1000_eecd_write(struct e1000 *s, uint32_t v);
uint32_t e1000_eecd_read(struct e1000 *s);
void e1000_eerd_write(struct e1000 *s, uint32_t v);
void e1000_mdic_write(struct e1000 *s, uint32_t v);
void e1000_phy_reset(struct e1000 *s);
void e1000_phy_link(struct e1000 *s, bool up);  /* the cable's side */
void e1000_phy_negotiate(struct e1000 *s);      /* starts over */
void e1000_phy_negotiated(void *opaque);        /* its timer */
#endif
