// SPDX-License-Identifier: GPL-2.0-or-later
/* Intel 8254x: the PHY behind MDIC (chapter 8 and 11, IEEE 802.3 clause 22) and the EEPROM, bit by bit (Microwire, 5.3) and by EERD. */
#include <string.h>
#include "e1000.h"

/* ---- PHY ---- */

enum { PHY_CTRL = 0, PHY_STATUS = 1, PHY_ID1 = 2, PHY_ID2 = 3, PHY_ANA = 4, PHY_LPA = 5, PHY_ANE = 6, PHY_NPT = 7, PHY_GCON = 9, PHY_GSTATUS = 10,
       PHY_ESTATUS = 15, PHY_PSCON = 16, PHY_PSSTAT = 17, PHY_PINTE = 18, PHY_PINTS = 19, PHY_EPSCON1 = 20, PHY_PREC = 21, PHY_EPSCON2 = 26,
       PHY_PAGE = 29, PHY_R30 = 30 };
enum { PCTRL_RESET = 0x8000, PCTRL_LOOPBACK = 0x4000, PCTRL_AUTONEG = 0x1000, PCTRL_RESTART = 0x0200 };
enum { PSTAT_DONE = 0x20, PSTAT_LINK = 4 };
enum { MDIC_REG_SHIFT = 16, MDIC_PHY_SHIFT = 21, MDIC_WRITE = 1 << 26, MDIC_READ = 2 << 26, MDIC_READY = 1 << 28, MDIC_INT = 1 << 29,
       MDIC_ERROR = 1 << 30 };
#define NEGOTIATION_NS 100000000u

static const struct { uint8_t at; uint16_t reset, mask; } phy_regs[] = {
	{PHY_CTRL, 0x1140, 0x7fc0}, {PHY_STATUS, 0x7949, 0}, {PHY_ID1, 0x0141, 0}, {PHY_ID2, 0x0c20, 0}, {PHY_ANA, 0x0de1, 0xffff},
	{PHY_LPA, 0x0000, 0}, {PHY_ANE, 0x0004, 0}, {PHY_NPT, 0x2001, 0xffff}, {PHY_GCON, 0x0e00, 0xffff}, {PHY_GSTATUS, 0, 0},
	{PHY_ESTATUS, 0x3000, 0}, {PHY_PSCON, 0x0360, 0xffff}, {PHY_PSSTAT, 0x0000, 0}, {PHY_PINTE, 0, 0xffff}, {PHY_PINTS, 0, 0},
	{PHY_EPSCON1, 0x0d60, 0xffff}, {PHY_PREC, 0, 0}, {PHY_EPSCON2, 0x000a, 0xffff}, {PHY_PAGE, 0, 0xffff}, {PHY_R30, 0, 0xffff},
};

bool e1000_loops_back(const struct e1000 *s)
{
	return s->phy[PHY_CTRL] & PCTRL_LOOPBACK || (s->reg[RCTL / 4] >> 6 & 3) == 3;
}

static void set_link(struct e1000 *s, bool up)
{
	bool was = s->phy[PHY_STATUS] & PSTAT_LINK;

	if (up) {
		s->phy[PHY_STATUS] |= PSTAT_LINK | PSTAT_DONE;
		s->phy[PHY_LPA] = 0xcde1;     /* all that a partner can: acknowledged, pause, 100 and 10 Mb/s */
		s->phy[PHY_ANE] |= 0x0003;    /* page received, partner negotiates */
		s->phy[PHY_GSTATUS] = 0x7c00; /* 1000BASE-T, both receivers well, we are master */
		s->phy[PHY_PSSTAT] = 0xac08;  /* 1000 Mb/s, full duplex, resolved, link */
	} else {
		s->phy[PHY_STATUS] &= (uint16_t)~(PSTAT_LINK | PSTAT_DONE);
		s->phy[PHY_LPA] = s->phy[PHY_GSTATUS] = s->phy[PHY_PSSTAT] = 0;
		s->phy[PHY_ANE] &= (uint16_t)~3;
	}
	if (was != up)
		e1000_cause(s, ICR_LSC);
}

void e1000_phy_negotiated(void *opaque)
{
	struct e1000 *s = opaque;

	if (net_link(s->netdev)) {
		set_link(s, true);
		net_accept(s->netdev);
	}
}

void e1000_phy_negotiate(struct e1000 *s)
{
	if (!net_link(s->netdev) || !s->autonegotiation || !(s->phy[PHY_CTRL] & PCTRL_AUTONEG)) {
		timer_stop(s->link_timer);
		set_link(s, net_link(s->netdev));
		return;
	}
	set_link(s, false);
	timer_set(s->link_timer, clock_ns(s->pci.dev.machine, CLOCK_VIRT) + NEGOTIATION_NS);
}

void e1000_phy_link(struct e1000 *s, bool up)
{
	if (up) {
		e1000_phy_negotiate(s);
	} else {
		timer_stop(s->link_timer);
		set_link(s, false);
	}
}

void e1000_phy_reset(struct e1000 *s)
{
	bool link = s->phy[PHY_STATUS] & PSTAT_LINK;

	memset(s->phy, 0, sizeof s->phy);
	for (unsigned i = 0; i < sizeof phy_regs / sizeof phy_regs[0]; i++)
		s->phy[phy_regs[i].at] = phy_regs[i].reset;
	s->phy[PHY_ID2] = s->kind->phy_id2;
	s->phy[PHY_STATUS] |= link ? PSTAT_LINK : 0;
}

static void phy_write(struct e1000 *s, unsigned at, uint16_t v)
{
	unsigned i = 0;

	while (i < sizeof phy_regs / sizeof phy_regs[0] && phy_regs[i].at != at)
		i++;
	if (i == sizeof phy_regs / sizeof phy_regs[0]) {
		guest_error(&s->pci.dev, "write to PHY register %u, which does not exist", at);
		return;
	}
	s->phy[at] = (uint16_t)((s->phy[at] & ~phy_regs[i].mask) | (v & phy_regs[i].mask));
	if (at != PHY_CTRL)
		return;
	if (v & PCTRL_RESET) {
		e1000_phy_reset(s);
		e1000_phy_negotiate(s);
	} else if (v & PCTRL_RESTART && v & PCTRL_AUTONEG) {
		s->phy[PHY_CTRL] &= (uint16_t)~PCTRL_RESTART;
		e1000_phy_negotiate(s);
	}
}

void e1000_mdic_write(struct e1000 *s, uint32_t v)
{
	unsigned at = v >> MDIC_REG_SHIFT & 31, op = v & (MDIC_WRITE | MDIC_READ);
	uint32_t done = v & ~(uint32_t)(MDIC_READY | MDIC_ERROR);

	if (v & MDIC_READY) { /* the driver clears it to start */
		*e1000_reg(s, MDIC) = v;
		return;
	}
	if ((v >> MDIC_PHY_SHIFT & 31) != 1 || (op != MDIC_WRITE && op != MDIC_READ)) {
		done |= MDIC_ERROR;
	} else if (op == MDIC_READ) {
		done = (done & ~0xffffu) | s->phy[at];
		if (at == PHY_PINTS || at == PHY_PREC)
			s->phy[at] = 0;
	} else {
		phy_write(s, at, (uint16_t)v);
	}
	*e1000_reg(s, MDIC) = done | MDIC_READY;
	if (v & MDIC_INT)
		e1000_cause(s, ICR_MDAC);
}

/* ---- EEPROM ---- */

enum { EE_SK = 1, EE_CS = 2, EE_DI = 4, EE_DO = 8, EE_REQ = 0x40, EE_GNT = 0x80, EE_PRES = 0x100 };
enum { EERD_START = 1, EERD_DONE = 0x10 };
enum { EE_COMMAND, EE_READ, EE_WRITE, EE_IDLE };
enum { OP_WRITE = 5, OP_READ = 6, OP_ERASE = 7, OP_EXTENDED = 4 };
enum { EE_WORDS = 64, EE_SUM = 0x3f };

/* Words that drivers look at (5.6); the sum of all is 0xbaba. */
void e1000_eeprom_init(struct e1000 *s)
{
	static const struct { uint8_t at; uint16_t value; } words[] = {
		{0x03, 0x0400},  /* compatibility: copper */
		{0x08, 0x3000}, {0x09, 0x1000}, /* printed board assembly */
		{0x0a, 0x6408},  /* initialization control 1 */
		{0x0f, 0x430c},  /* control 2: negotiates by itself */
		{0x21, 0x7863}, {0x23, 0x00b4}, {0x24, 0x2070},
	};
	uint16_t sum = 0;

	memset(s->eeprom, 0xff, sizeof s->eeprom);
	for (unsigned i = 0; i < 3; i++)
		s->eeprom[i] = (uint16_t)(s->mac[2 * i] | s->mac[2 * i + 1] << 8);
	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
		s->eeprom[words[i].at] = words[i].value;
	s->eeprom[0x0b] = pci_get16(s->pci.config + PCI_SUBSYSTEM + 2);
	s->eeprom[0x0c] = pci_get16(s->pci.config + PCI_SUBSYSTEM);
	s->eeprom[0x0d] = s->kind->device;
	s->eeprom[0x0e] = 0x8086;
	for (unsigned i = 0; i < EE_SUM; i++)
		sum = (uint16_t)(sum + s->eeprom[i]);
	s->eeprom[EE_SUM] = (uint16_t)(0xbaba - sum);
}

void e1000_eeprom_reset(struct e1000 *s)
{
	s->ee_in = s->ee_bits = 0;
	s->ee_out = 0;
	s->ee_left = s->ee_address = 0;
	s->ee_state = EE_COMMAND;
	s->ee_enabled = false;
}

/* Start bit, two bits of operation, six of address: all nine are in. */
static void command(struct e1000 *s)
{
	s->ee_address = s->ee_in & (EE_WORDS - 1);
	s->ee_state = EE_IDLE;
	s->ee_bits = 0;
	switch (s->ee_in >> 6) {
	case OP_READ:
		s->ee_state = EE_READ;
		s->ee_out = s->eeprom[s->ee_address];
		s->ee_left = 16;
		break;
	case OP_WRITE: s->ee_state = EE_WRITE; break;
	case OP_ERASE:
		if (s->ee_enabled)
			s->eeprom[s->ee_address] = 0xffff;
		break;
	case OP_EXTENDED: /* the address says which: 11xxxx enable, 00xxxx disable */
		if (s->ee_address >> 4 == 3)
			s->ee_enabled = true;
		else if (s->ee_address >> 4 == 0)
			s->ee_enabled = false;
		break;
	default: break;
	}
	s->ee_in = 0;
}

static void clock_in(struct e1000 *s, bool di)
{
	switch (s->ee_state) {
	case EE_COMMAND:
		if (!s->ee_in && !di)
			break; /* before the start bit */
		s->ee_in = s->ee_in << 1 | di;
		if (++s->ee_bits == 9)
			command(s);
		break;
	case EE_READ:
		if (!s->ee_left) { /* the next word follows */
			s->ee_address = (s->ee_address + 1) & (EE_WORDS - 1);
			s->ee_out = s->eeprom[s->ee_address];
			s->ee_left = 16;
		}
		s->ee_left--;
		break;
	case EE_WRITE:
		s->ee_in = s->ee_in << 1 | di;
		if (++s->ee_bits == 16) {
			if (s->ee_enabled)
				s->eeprom[s->ee_address] = (uint16_t)s->ee_in;
			s->ee_state = EE_IDLE;
			s->ee_in = 0;
		}
		break;
	default: break;
	}
}

void e1000_eecd_write(struct e1000 *s, uint32_t v)
{
	uint32_t old = *e1000_reg(s, EECD);

	*e1000_reg(s, EECD) = v & (EE_SK | EE_CS | EE_DI | 0x30 | EE_REQ);
	if (!(v & EE_CS) || !(old & EE_CS)) {
		s->ee_in = s->ee_bits = 0;
		s->ee_state = EE_COMMAND;
		if (!(v & EE_CS))
			return;
	}
	if (v & EE_SK && !(old & EE_SK))
		clock_in(s, v & EE_DI);
}

uint32_t e1000_eecd_read(struct e1000 *s)
{
	uint32_t v = *e1000_reg(s, EECD) | EE_PRES;
	/* Data out is high when nothing is driven: ready. A read gives a 0 before the first bit. */
	bool out = s->ee_state != EE_READ || (s->ee_left < 16 && s->ee_out >> s->ee_left & 1);

	if (v & EE_REQ)
		v |= EE_GNT;
	return out ? v | EE_DO : v & ~(uint32_t)EE_DO;
}

void e1000_eerd_write(struct e1000 *s, uint32_t v)
{
	uint32_t word = v >> 8 & 0xff;

	*e1000_reg(s, EERD) = v & 0xff00;
	if (v & EERD_START)
		*e1000_reg(s, EERD) |= (uint32_t)(word < EE_WORDS ? s->eeprom[word] : 0) << 16 | EERD_DONE;
}
