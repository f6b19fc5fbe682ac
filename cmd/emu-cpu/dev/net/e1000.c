// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Intel 82540EM gigabit Ethernet controller, as on PRO/1000 MT desktop cards (8086:100e); 82544GC and 82545EM, which drivers see as the same with another
 * identifier. "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual", 317453, revision 4.0.
 *
 * Not modelled: flow control frames, the filters that wake a sleeping machine (their registers are memory), the packet buffer's contents, SDP pins,
 * flash (the boot ROM is an expansion ROM). BAR 0: 128 KiB of registers; BAR 1: 8 ports that lead to them (13.2.2.1).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "e1000.h"
#include "../../boot-order.h"

/* ---- the registers (13.3): what a reset leaves, what can be written ---- */

enum access { RW, RO, CLEARS /* read-only, and reading clears */, WO };
static const struct reg {
	uint16_t at, count; /* doublewords from there on */
	uint8_t access;
	uint32_t reset, mask;
	const char *name;
} regs[] = {
	{CTRL, 1, RW, CTRL_FD | CTRL_SLU | CTRL_SPEED_1000, 0x79fc3bf9, "CTRL"}, {STATUS, 1, RO, 0, 0, "STATUS"},
	{EECD, 1, RW, 0, 0, "EECD"}, {EERD, 1, RW, 0, 0, "EERD"}, {CTRL_EXT, 1, RW, 0, 0x00c7f7ff, "CTRL_EXT"}, {0x001c, 1, RW, 0, 0x3f, "FLA"},
	{MDIC, 1, RW, 0x10000000, 0, "MDIC"}, {0x0028, 1, RW, 0x00c28001, UINT32_MAX, "FCAL"}, {0x002c, 1, RW, 0x0100, 0xffff, "FCAH"},
	{0x0030, 1, RW, 0x8808, 0xffff, "FCT"}, {VET, 1, RW, 0x8100, 0xffff, "VET"}, {ICR, 1, RO, 0, 0, "ICR"}, {ITR, 1, RW, 0, 0xffff, "ITR"},
	{ICS, 1, WO, 0, 0, "ICS"}, {IMS, 1, RW, 0, 0, "IMS"}, {IMC, 1, WO, 0, 0, "IMC"}, {RCTL, 1, RW, 0, 0x06ffbffe, "RCTL"},
	{0x0170, 1, RW, 0, 0xffff, "FCTTV"}, {0x0178, 1, RW, 0, 0xc000ffff, "TXCW"}, {0x0180, 1, RO, 0, 0, "RXCW"},
	{TCTL, 1, RW, 0, 0x03fffffa, "TCTL"}, {0x0410, 1, RW, 0x00602008, 0x3fffffff, "TIPG"}, {0x0458, 1, RW, 0, 0xffff, "AIT"},
	{0x0e00, 1, RW, 0x07068302, UINT32_MAX, "LEDCTL"}, {PBA, 1, RW, 0x00100030, 0x7f, "PBA"}, {0x2160, 1, RW, 0, 0x8000fff8, "FCRTL"},
	{0x2168, 1, RW, 0, 0xfff8, "FCRTH"}, {0x2410, 9, RW, 0, 0x1fff, "RDFH, RDFT, RDFHS, RDFTS, RDFPC"}, {RDBAL, 1, RW, 0, 0xfffffff0, "RDBAL"},
	{RDBAH, 1, RW, 0, UINT32_MAX, "RDBAH"}, {RDLEN, 1, RW, 0, 0xfff80, "RDLEN"}, {RDH, 1, RW, 0, 0xffff, "RDH"}, {RDT, 1, RW, 0, 0xffff, "RDT"},
	{RDTR, 1, RW, 0, 0xffff, "RDTR"}, {0x2828, 1, RW, 0x00010000, 0x01ffffff, "RXDCTL"}, {RADV, 1, RW, 0, 0xffff, "RADV"},
	{0x2c00, 1, RW, 0, 0xfff, "RSRPD"}, {0x3000, 1, RW, 0, UINT32_MAX, "TXDMAC"}, {0x3410, 1, RW, 0, 0x7ff, "TDFH"}, {0x3418, 1, RW, 0, 0x7ff, "TDFT"},
	{0x3420, 1, RW, 0, 0x1fff, "TDFHS"}, {0x3428, 1, RW, 0, 0x1fff, "TDFTS"}, {0x3430, 1, RW, 0, 0x1fff, "TDFPC"},
	{TDBAL, 1, RW, 0, 0xfffffff0, "TDBAL"}, {TDBAH, 1, RW, 0, UINT32_MAX, "TDBAH"}, {TDLEN, 1, RW, 0, 0xfff80, "TDLEN"},
	{TDH, 1, RW, 0, 0xffff, "TDH"}, {TDT, 1, RW, 0, 0xffff, "TDT"}, {TIDV, 1, RW, 0, 0xffff, "TIDV"}, {0x3828, 1, RW, 0, 0xff3fffff, "TXDCTL"},
	{TADV, 1, RW, 0, 0xffff, "TADV"}, {0x3830, 1, RW, 0x01000400, UINT32_MAX, "TSPMT"}, {0x4000, 64, CLEARS, 0, 0, "statistics"},
	{RXCSUM, 1, RW, 0, 0x7ff, "RXCSUM"}, {MTA, 128, RW, 0, UINT32_MAX, "MTA"}, {RA, 32, RW, 0, UINT32_MAX, "RA"},
	{VFTA, 128, RW, 0, UINT32_MAX, "VFTA"}, {0x5800, 1, RW, 0, 0x0b, "WUC"}, {0x5808, 1, RW, 0, 0x000f80ff, "WUFC"},
	{0x5810, 1, RW, 0, 0, "WUS"}, {0x5820, 1, RW, 0, 0x0fffffff, "MANC"}, {0x5838, 1, RW, 0, 0x10f, "IPAV"}, {0x5840, 8, RW, 0, UINT32_MAX, "IP4AT"}, {0x5880, 4, RW, 0, UINT32_MAX, "IP6AT"},
	{0x5900, 1, RO, 0, 0, "WUPL"}, {0x5a00, 32, RO, 0, 0, "WUPM"}, {0x5f00, 8, RW, 0, 0x7ff, "FFLT"}, {0x9000, 256, RW, 0, 0xf, "FFMT"},
	{0x9800, 256, RW, 0, UINT32_MAX, "FFVT"},
};

static const struct reg *find_reg(uint32_t at)
{
	unsigned low = 0, high = sizeof regs / sizeof regs[0];

	while (low < high) {
		unsigned mid = (low + high) / 2;
		if (at >= regs[mid].at + 4u * regs[mid].count)
			low = mid + 1;
		else
			high = mid;
	}
	return low < sizeof regs / sizeof regs[0] && at >= regs[low].at ? &regs[low] : NULL;
}

/* ---- interrupts ---- */

void e1000_update_irq(struct e1000 *s)
{
	bool pending = s->reg[ICR / 4] & s->reg[IMS / 4];
	uint64_t now, gap;

	if (pending && !s->irq_high && s->mitigation && (gap = s->reg[ITR / 4] * 256ull)) {
		/* The throttle counts from one assertion to the next (13.4.18). */
		now = clock_ns(s->pci.dev.machine, CLOCK_VIRT);
		if (now < s->irq_next) {
			if (!timer_armed(s->irq_timer))
				timer_set(s->irq_timer, s->irq_next);
			return;
		}
		s->irq_next = now + gap;
	}
	if (!pending)
		timer_stop(s->irq_timer);
	s->irq_high = pending;
	pci_set_irq(&s->pci, pending);
}

void e1000_cause(struct e1000 *s, uint32_t bits)
{
	s->reg[ICR / 4] |= bits;
	/* An interrupt takes those along that wait for their delay. */
	e1000_update_irq(s);
}

static void irq_due(void *opaque)
{
	e1000_update_irq(opaque);
}

static void rx_due(void *opaque)
{
	struct e1000 *s = opaque;

	s->rx_limit = 0;
	e1000_cause(s, ICR_RXT0);
}

static void tx_due(void *opaque)
{
	struct e1000 *s = opaque;

	s->tx_limit = 0;
	e1000_cause(s, ICR_TXDW);
}

/* ---- counters ---- */

void e1000_count64(struct e1000 *s, unsigned low, uint64_t n)
{
	uint64_t v = s->reg[low / 4] | (uint64_t)s->reg[low / 4 + 1] << 32;

	v = v + n < v ? UINT64_MAX : v + n;
	s->reg[low / 4] = (uint32_t)v;
	s->reg[low / 4 + 1] = (uint32_t)(v >> 32);
}

void e1000_count_size(struct e1000 *s, unsigned first, size_t size)
{
	static const uint16_t most[] = {64, 127, 255, 511, 1023};
	unsigned i = 0;

	while (i < 5 && size > most[i])
		i++;
	e1000_count(s, first + 4 * i);
}

bool e1000_link(const struct e1000 *s)
{
	return s->phy[1] & 4 && s->reg[CTRL / 4] & CTRL_SLU;
}

/* ---- reset ---- */

static void registers_reset(struct e1000 *s)
{
	memset(s->reg, 0, sizeof s->reg);
	for (unsigned i = 0; i < sizeof regs / sizeof regs[0]; i++)
		for (unsigned n = 0; n < regs[i].count; n++)
			s->reg[regs[i].at / 4 + n] = regs[i].reset;
	s->reg[RA / 4] = pci_get32(s->mac);
	s->reg[RA / 4 + 1] = pci_get16(s->mac + 4) | 0x80000000u;
	timer_stop(s->irq_timer);
	timer_stop(s->rx_timer);
	timer_stop(s->tx_timer);
	s->irq_next = s->rx_limit = s->tx_limit = 0;
	s->rx_pending = false;
	e1000_transmit_reset(s);
	memset(&s->checksum, 0, sizeof s->checksum);
	memset(&s->segment, 0, sizeof s->segment);
	e1000_eeprom_reset(s);
	e1000_update_irq(s);
}

static void reset(struct pci_device *d)
{
	struct e1000 *s = (struct e1000 *)d;

	registers_reset(s);
	s->io_address = 0;
	e1000_eeprom_init(s);
	memset(s->phy, 0, sizeof s->phy);
	e1000_phy_reset(s);
	e1000_phy_negotiate(s);
	s->reg[ICR / 4] = 0;
	e1000_update_irq(s);
	net_accept(s->netdev);
}

/* ---- reading ---- */

static uint32_t read_reg(struct e1000 *s, uint32_t at)
{
	const struct reg *r;
	uint32_t v;

	switch (at) {
	case ICR:
		v = s->reg[ICR / 4];
		s->reg[ICR / 4] = 0;
		e1000_update_irq(s);
		return v;
	case STATUS:
		return STATUS_SPEED_1000 | (s->reg[CTRL / 4] & CTRL_FD ? STATUS_FD : 0) | (e1000_link(s) ? STATUS_LU : 0);
	case EECD: return e1000_eecd_read(s);
	default: break;
	}
	r = find_reg(at);
	if (!r || r->access == WO) {
		if (at < 0x10000)
			guest_error(&s->pci.dev, "read of register 0x%x, which %s", at, r ? "is write-only" : "does not exist");
		return 0;
	}
	v = s->reg[at / 4];
	if (r->access == CLEARS)
		s->reg[at / 4] = 0;
	return v;
}

/* ---- writing ---- */

static void write_ctrl(struct e1000 *s, uint32_t v)
{
	if (v & CTRL_RST) {
		registers_reset(s);
		return;
	}
	if (v & CTRL_PHY_RST) {
		e1000_phy_reset(s);
		e1000_phy_negotiate(s);
	}
	s->reg[CTRL / 4] = (v & find_reg(CTRL)->mask) | (v & CTRL_VME);
}

static void write_reg(struct e1000 *s, uint32_t at, uint32_t v)
{
	const struct reg *r;

	switch (at) {
	case TDT:
		s->reg[TDT / 4] = v & 0xffff;
		e1000_transmit(s);
		return;
	case RDT:
		s->reg[RDT / 4] = v & 0xffff;
		net_accept(s->netdev);
		return;
	case ICR:
		s->reg[ICR / 4] &= ~v;
		e1000_update_irq(s);
		return;
	case ICS: e1000_cause(s, v & ICR_ALL); return;
	case IMS:
		s->reg[IMS / 4] |= v & ICR_ALL;
		e1000_update_irq(s);
		return;
	case IMC:
		s->reg[IMS / 4] &= ~v;
		e1000_update_irq(s);
		return;
	case CTRL: write_ctrl(s, v); return;
	case EECD: e1000_eecd_write(s, v); return;
	case EERD: e1000_eerd_write(s, v); return;
	case MDIC: e1000_mdic_write(s, v); return;
	case 0x5810: s->reg[at / 4] &= ~v; return; /* WUS: ones clear */
	default: break;
	}
	r = find_reg(at);
	if (!r || r->access == RO || r->access == CLEARS) {
		if (at < 0x10000 && !(r && r->access == CLEARS))
			guest_error(&s->pci.dev, "write to register 0x%x, which %s", at, r ? "is read-only" : "does not exist");
		return;
	}
	s->reg[at / 4] = v & r->mask;
	switch (at) {
	case RCTL: net_accept(s->netdev); break;
	case TCTL: e1000_transmit(s); break;
	case RDTR:
		if (v >> 31 && timer_armed(s->rx_timer)) { /* FPD: now */
			timer_stop(s->rx_timer);
			rx_due(s);
		}
		break;
	default: break;
	}
}

static uint64_t memory_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return read_reg(opaque, (uint32_t)offset);
}

static void memory_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)size;
	write_reg(opaque, (uint32_t)offset, (uint32_t)value);
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
	struct e1000 *s = opaque;

	(void)size;
	return offset == 0 ? s->io_address : offset == 4 && s->io_address < 0x20000 ? read_reg(s, s->io_address & ~3u) : 0;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct e1000 *s = opaque;

	(void)size;
	if (offset == 0)
		s->io_address = (uint32_t)value;
	else if (offset == 4 && s->io_address < 0x20000)
		write_reg(s, s->io_address & ~3u, (uint32_t)value);
}

static const struct region_ops memory_ops = {.read = memory_read, .write = memory_write, .min = 1, .max = 8, .impl_min = 4, .impl_max = 4};
static const struct region_ops port_ops = {.read = port_read, .write = port_write, .min = 1, .max = 4, .impl_min = 4, .impl_max = 4};

/* ---- life ---- */

static const struct e1000_kind kinds[] = {{"e1000", 0x100e, 0x0c20}, {"e1000-82544gc", 0x1008, 0x0c30}, {"e1000-82545em", 0x100f, 0x0c20}};

static void free_parts(struct e1000 *s)
{
	if (s->memory)
		region_free(s->memory);
	if (s->ports)
		region_free(s->ports);
	timer_free(s->irq_timer);
	timer_free(s->rx_timer);
	timer_free(s->tx_timer);
	timer_free(s->link_timer);
	free(s->packet);
	s->memory = s->ports = NULL;
	s->irq_timer = s->rx_timer = s->tx_timer = s->link_timer = NULL;
	s->packet = NULL;
}

static int realize(struct pci_device *d, struct err *e)
{
	struct e1000 *s = (struct e1000 *)d;
	struct machine *m = d->dev.machine;
	int r;

	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (!strcmp(kinds[i].name, d->dev.type->name))
			s->kind = &kinds[i];
	if (s->mac[0] & 1)
		return err_set(e, EINVAL, "%s: mac %02x:… is a group's address, not a card's", s->kind->name, s->mac[0]);
	r = net_attach(s->netdev, &d->dev, &e1000_net_ops, s, e);
	if (r)
		return r;
	net_default_mac(m, s->mac);
	pci_put16(d->config + PCI_SUBSYSTEM, 0x1af4);
	pci_put16(d->config + PCI_SUBSYSTEM + 2, 0x1100);
	d->config[0x0c] = 0x10; /* cache line size */
	d->config[PCI_IRQ_PIN] = 1;
	s->packet = malloc(E1000_PACKET);
	s->irq_timer = timer_new(m, CLOCK_VIRT, irq_due, s);
	s->rx_timer = timer_new(m, CLOCK_VIRT, rx_due, s);
	s->tx_timer = timer_new(m, CLOCK_VIRT, tx_due, s);
	s->link_timer = timer_new(m, CLOCK_VIRT, e1000_phy_negotiated, s);
	s->memory = region_new_io(m, "e1000-mmio", 128 << 10, &memory_ops, s);
	s->ports = region_new_io(m, "e1000-io", 64, &port_ops, s);
	if (!s->packet || !s->irq_timer || !s->rx_timer || !s->tx_timer || !s->link_timer || !s->memory || !s->ports) {
		r = err_set(e, ENOMEM, "%s: out of memory", s->kind->name);
	} else {
		pci_bar(d, 0, PCI_BAR_MEM, s->memory);
		pci_bar(d, 1, PCI_BAR_IO, s->ports);
		r = boot_order_add_pci(d, s->bootindex, "/ethernet-phy@0", e);
	}
	if (r) {
		free_parts(s);
		net_detach(s->netdev);
	}
	return r;
}

static void unrealize(struct pci_device *d)
{
	struct e1000 *s = (struct e1000 *)d;

	net_detach(s->netdev);
	free_parts(s);
}

static int loaded(void *state, struct err *e)
{
	struct e1000 *s = state;

	if (s->packet_size)
		return err_set(e, EINVAL, "e1000: the saved state has %u bytes of a packet, which are not in it", s->packet_size);
	if (s->ee_state > 3 || s->ee_left > 16 || s->ee_address > 63 || s->ee_bits > 16)
		return err_set(e, EINVAL, "e1000: the saved EEPROM is at an impossible bit");
	s->tx_held = true;
	net_accept(s->netdev);
	return 0;
}

/* Half a packet that was collected goes back to the ring: its descriptors are read again. */
static void saving(void *state)
{
	struct e1000 *s = state;

	if (s->first_seen)
		e1000_transmit_unwind(s);
}

static const struct field context_fields[] = {
	F_UINT(struct e1000_context, ipcss), F_UINT(struct e1000_context, ipcso), F_UINT(struct e1000_context, tucss),
	F_UINT(struct e1000_context, tucso), F_UINT(struct e1000_context, hdrlen), F_UINT(struct e1000_context, ipcse),
	F_UINT(struct e1000_context, tucse), F_UINT(struct e1000_context, mss), F_UINT(struct e1000_context, paylen),
	F_BOOL(struct e1000_context, tcp), F_BOOL(struct e1000_context, ip), F_END,
};
static const struct field fields[] = {
	F_UINTS(struct e1000, reg), F_UINT(struct e1000, io_address), F_UINTS(struct e1000, phy), F_UINTS(struct e1000, eeprom),
	F_UINT(struct e1000, ee_in), F_UINT(struct e1000, ee_bits), F_UINT(struct e1000, ee_out), F_UINT(struct e1000, ee_state),
	F_UINT(struct e1000, ee_left), F_UINT(struct e1000, ee_address), F_BOOL(struct e1000, ee_enabled), F_UINT(struct e1000, irq_next),
	F_UINT(struct e1000, rx_limit), F_UINT(struct e1000, tx_limit), F_TIMER(struct e1000, irq_timer), F_TIMER(struct e1000, rx_timer),
	F_TIMER(struct e1000, tx_timer), F_TIMER(struct e1000, link_timer), F_BOOL(struct e1000, irq_high),
	F_STRUCT(struct e1000, checksum, context_fields), F_STRUCT(struct e1000, segment, context_fields), F_UINT(struct e1000, packet_size), F_END,
};
static const struct state_table state = {.name = "e1000", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded, .saving = saving};

static const struct prop props[] = {
	PCI_PROPS,
	{.name = "netdev", P_(struct e1000, netdev, PROP_NETDEV), .help = "id of the network"},
	{.name = "mac", P_(struct e1000, mac, PROP_MAC), .help = "address; default 52:54:00:12:34:56 and those that follow"},
	{.name = "bootindex", P_(struct e1000, bootindex, PROP_I32), .def = -1},
	{.name = "autonegotiation", P_(struct e1000, autonegotiation, PROP_BOOL), .def = 1, .help = "the link comes up a moment after it was asked for"},
	{.name = "mitigation", P_(struct e1000, mitigation, PROP_BOOL), .def = 1, .help = "interrupts are delayed and throttled as the guest asks"},
	{.name = "extra_mac_registers", P_(struct e1000, extra_mac_registers, PROP_BOOL), .def = 1, .help = "all registers are there in any case"},
	{.name = NULL},
};

#define TYPE(ident, name_, alias_, device_, rom_, desc_) \
	static const struct pci_class ident##_class = { \
		.info = {.vendor = 0x8086, .device = device_, .revision = 3, .class_code = 0x020000, .rom = rom_}, \
		.realize = realize, .unrealize = unrealize, .reset = reset, \
	}; \
	static const struct device_type ident = { \
		.name = name_, .alias = alias_, .bus = "PCI", .desc = desc_, .category = "Network", .size = sizeof(struct e1000), .props = props, .state = &state, \
		.user = true, .hotplug = true, .realize = pci_realize, .reset = pci_reset, .unrealize = pci_unrealize, .extra = &ident##_class, \
	}; \
	DEVICE(ident)
TYPE(e1000_82540em, "e1000", "e1000-82540em", 0x100e, "pxe-e1000.rom", "Intel 82540EM gigabit Ethernet");
TYPE(e1000_82544gc, "e1000-82544gc", NULL, 0x1008, "pxe-e1000.rom", "Intel 82544GC gigabit Ethernet");
TYPE(e1000_82545em, "e1000-82545em", NULL, 0x100f, "pxe-e1000.rom", "Intel 82545EM gigabit Ethernet");
