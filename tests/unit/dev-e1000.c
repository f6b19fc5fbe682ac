/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Intel 82540EM at its registers and rings, with the cable's other end in the test. */
#include "dev-net.h"
#include "../../cmd/emu-cpu/dev/net/e1000.h"

#define BAR 0x80000000ull
enum { RXRING = 0x100000, TXRING = 0x110000, RXDATA = 0x200000, TXDATA = 0x800000, COUNT = 64 };
#define OWN "\x52\x54\x00\x12\x34\x56"

static uint32_t tx_tail, rx_next;

static uint32_t rd(unsigned at) { return space_le32(m->memory, BAR + at); }
static void wr(unsigned at, uint32_t v) { space_st_le32(m->memory, BAR + at, v); }

static void map(void)
{
	pci_config_write(pci_bus_of(card), 0, card->devfn, 0x10, (uint32_t)BAR, 4);
	pci_config_write(pci_bus_of(card), 0, card->devfn, 0x14, 0xc001, 4);
	pci_config_write(pci_bus_of(card), 0, card->devfn, 4, 7, 2);
}

static void begin(uint32_t rctl, uint32_t buffer)
{
	wr(CTRL, CTRL_RST);
	wr(CTRL, CTRL_FD | CTRL_SLU);
	wr(TDBAL, TXRING), wr(TDLEN, COUNT * 16), wr(TDH, 0), wr(TDT, 0);
	wr(TCTL, TCTL_EN | TCTL_PSP);
	wr(RDBAL, RXRING), wr(RDLEN, COUNT * 16), wr(RDH, 0), wr(RDT, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		space_st_le64(m->memory, RXRING + i * 16, RXDATA + i * 0x4000u);
		space_st_le64(m->memory, RXRING + i * 16 + 8, 0);
	}
	(void)buffer;
	wr(RCTL, RCTL_EN | RCTL_BAM | rctl);
	wr(RDT, COUNT - 1);
	tx_tail = rx_next = 0;
	rd(ICR);
	test_turn(m);
}

static void tx_desc(uint64_t q0, uint64_t q1)
{
	space_st_le64(m->memory, TXRING + tx_tail * 16, q0);
	space_st_le64(m->memory, TXRING + tx_tail * 16 + 8, q1);
	tx_tail = (tx_tail + 1) % COUNT;
}

static bool tx_done(void) { return space_le32(m->memory, TXRING + (tx_tail + COUNT - 1) % COUNT * 16 + 12) & 1; }

/* The next received descriptor: length, status in *status; 0: none. Its buffer into got. */
static unsigned rx(uint8_t *got, uint32_t *status)
{
	uint64_t at = RXRING + rx_next * 16;
	*status = space_le32(m->memory, at + 12);
	if (!(*status & 1))
		return 0;
	unsigned n = space_le16(m->memory, at + 8);
	space_read(m->memory, RXDATA + rx_next * 0x4000u, got, n);
	space_st_le64(m->memory, at + 8, 0);
	rx_next = (rx_next + 1) % COUNT;
	return n;
}

static bool arrives(const char *to)
{
	uint8_t f[100], got[2048];
	uint32_t status;
	wire_send(f, ether(f, to, 60));
	return rx(got, &status);
}

static uint16_t microwire(unsigned word)
{
	uint32_t bits = 6u << 6 | word;
	uint16_t v = 0;
	wr(EECD, 0x40);
	if (!(rd(EECD) & 0x80))
		return 0;
	wr(EECD, 0x42);
	for (int i = 8; i >= 0; i--) {
		uint32_t di = bits >> i & 1 ? 4 : 0;
		wr(EECD, 0x42 | di);
		wr(EECD, 0x43 | di);
		wr(EECD, 0x42 | di);
	}
	for (unsigned i = 0; i < 16; i++) {
		wr(EECD, 0x43);
		v = (uint16_t)(v << 1 | (rd(EECD) >> 3 & 1));
		wr(EECD, 0x42);
	}
	wr(EECD, 0x40);
	return v;
}

static uint16_t phy(unsigned reg)
{
	wr(MDIC, 2u << 26 | 1u << 21 | reg << 16);
	return rd(MDIC) >> 28 & 1 ? (uint16_t)rd(MDIC) : 0xdead;
}

static void around(void)
{
	uint16_t sum = 0, same = 0;
	enum mem_result r;

	plug_card("e1000", NULL, true);
	map();
	ok_eq(pci_config_read(pci_bus_of(card), 0, card->devfn, 0, 4), 0x100e8086, "it is a 82540EM");
	for (unsigned i = 0; i < 64; i++) {
		wr(EERD, i << 8 | 1);
		uint16_t v = (uint16_t)(rd(EERD) >> 16);
		sum = (uint16_t)(sum + v);
		same += v == microwire(i);
	}
	ok_eq(sum, 0xbaba, "the EEPROM's sum");
	ok_eq(same, 64, "read bit by bit it is the same");
	wr(EERD, 1);
	ok(rd(EERD) == (0x5452u << 16 | 0x10) && rd(RA) == 0x12005452 && rd(RA + 4) == 0x80005634, "its address, also in the receive filter");
	ok(phy(2) == 0x141 && phy(3) == 0xc20, "the PHY's identification");
	ok(!(phy(1) & 4) && !(rd(STATUS) & 2), "no link before negotiation is over");
	wr(IMS, ICR_LSC);
	clock_step(m, 200000000);
	ok(phy(1) & 4 && phy(1) & 0x20 && rd(STATUS) == 0x83, "then 1000 Mb/s, full duplex");
	ok(card->irq_state && rd(ICR) == ICR_LSC && !card->irq_state && rd(ICR) == 0, "with an interrupt, which reading ends");
	wr(MDIC, 1u << 26 | 1u << 21 | 4u << 16 | 0x1234);
	ok(phy(4) == 0x1234 && phy(2) == 0x141, "PHY registers are written");
	wr(MDIC, 2u << 26 | 2u << 21);
	ok(rd(MDIC) >> 30 & 1, "another PHY is none");
	wr(ICS, ICR_TXDW | ICR_RXO);
	ok(!card->irq_state, "a masked cause is silent");
	wr(IMS, ICR_RXO);
	ok(card->irq_state, "until it is not");
	wr(ICR, ICR_RXO);
	ok(!card->irq_state && rd(ICR) == ICR_TXDW, "ones written to ICR end causes");
	space_store(m->ports, 0xc000, VET, 4, &r);
	ok_eq(space_load(m->ports, 0xc004, 4, &r), 0x8100, "registers by ports");
	wr(ITR, 1000);
	wr(IMS, ICR_TXDW);
	wr(ICS, ICR_TXDW);
	bool first = card->irq_state;
	rd(ICR);
	wr(ICS, ICR_TXDW);
	bool second = card->irq_state;
	clock_step(m, 300000);
	ok(first && !second && card->irq_state, "the throttle holds the second interrupt back");
	unplug_card();
}

static void transmitting(void)
{
	uint8_t f[66000], got[66000];
	size_t size;

	plug_card("e1000", NULL, true);
	map();
	begin(0, 2048);
	size = ether(f, "\x52\x55\x0a\x00\x02\x02", 200);
	space_write(m->memory, TXDATA, f, size);
	tx_desc(TXDATA, 100 | 0x00ull << 24);
	tx_desc(TXDATA + 100, (size - 100) | 0x0bull << 24);
	wr(TDT, tx_tail);
	ok(wire_receive() == size && !memcmp(wire_frame, f, size), "a frame of two legacy descriptors is sent");
	ok(tx_done() && rd(TDH) == 2 && rd(ICR) & ICR_TXDW, "descriptor done, interrupt");
	tx_desc(TXDATA, 20 | 0x0bull << 24);
	wr(TDT, tx_tail);
	ok_eq(wire_receive(), 60, "short ones are padded");

	size = tcp_frame(f, 999, true);
	space_write(m->memory, TXDATA, f, size);
	/* context: IP sum at 24 over 14..33, TCP sum at 50 from 34 */
	tx_desc(14ull | 24ull << 8 | 33ull << 16 | 34ull << 32 | 50ull << 40, 0x20ull << 24);
	tx_desc(TXDATA, size | 1ull << 20 | 0x2bull << 24 | 3ull << 40);
	wr(TDT, tx_tail);
	ok(wire_receive() == size && wire_got.flags == 1 && wire_got.csum_start == 34 && wire_got.csum_offset == 16, "a checksum is left to the other end");
	frame_checksum(&wire_got, wire_frame, size);
	ok(tcp_right(wire_frame, size), "with which it is right");
	tx_desc(TXDATA, size | 0x0full << 24 | 50ull << 16 | 34ull << 40);
	wr(TDT, tx_tail);
	ok(wire_receive() == size && tcp_right(wire_frame, size), "the legacy descriptor's checksum");

	/* TSE: 20000 bytes in segments of 1460; lengths are the chip's affair */
	size = tcp_frame(f, 20000, false);
	f[16] = f[17] = f[24] = f[25] = 0;
	space_write(m->memory, TXDATA, f, size);
	uint64_t context0 = 14ull | 24ull << 8 | 33ull << 16 | 34ull << 32 | 50ull << 40, context1 = 20000 | 0x27ull << 24 | 54ull << 40 | 1460ull << 48;
	tx_desc(context0, context1);
	tx_desc(TXDATA, 54 | 1ull << 20 | 0x26ull << 24 | 3ull << 40);
	tx_desc(TXDATA + 54, 10000 | 1ull << 20 | 0x26ull << 24);
	tx_desc(TXDATA + 10054, 10000 | 1ull << 20 | 0x2full << 24);
	wr(TDT, tx_tail);
	ok(wire_receive() == size && wire_got.gso_type == FRAME_GSO_TCPV4 && wire_got.gso_size == 1460 && !memcmp(wire_frame + 54, f + 54, 20000),
	   "a large segment goes as it is");
	frame_checksum(&wire_got, wire_frame, size);
	ok(tcp_right(wire_frame, size), "its lengths and sums are right");
	ok(tx_done() && rd(TSCTC) == 1, "and it is counted");

	/* VLAN insertion */
	size = ether(f, "\x52\x55\x0a\x00\x02\x02", 100);
	space_write(m->memory, TXDATA, f, size);
	wr(CTRL, CTRL_FD | CTRL_SLU | CTRL_VME);
	tx_desc(TXDATA, size | 0x4bull << 24 | 0x2007ull << 48);
	wr(TDT, tx_tail);
	ok(wire_receive() == size + 4 && !memcmp(wire_frame + 12, "\x81\0\x20\7\x88\xb5", 6), "a VLAN tag is put in");
	wr(CTRL, CTRL_FD | CTRL_SLU);

	/* delayed interrupt */
	rd(ICR);
	wr(TIDV, 100);
	wr(TADV, 150);
	tx_desc(TXDATA, size | 0x8bull << 24);
	wr(TDT, tx_tail);
	bool early = rd(ICR) & ICR_TXDW;
	clock_step(m, 110 * 1024);
	ok(!early && rd(ICR) & ICR_TXDW, "IDE: the interrupt comes with TIDV");
	ok(rd(GPTC) >= 6 && rd(GPTC) == 0, "counters clear when they are read");

	/* half a packet, saved and loaded */
	space_write(m->memory, TXDATA, f, size);
	tx_desc(TXDATA, 50 | 0x00ull << 24);
	wr(TDT, tx_tail);
	ok_str(test_round_trip(&card->dev, NULL), "", "the state goes round, in the middle of a packet");
	map();
	tx_desc(TXDATA + 50, (size - 50) | 0x0bull << 24);
	while (wire_receive())
		;
	wr(TDT, tx_tail);
	ok(wire_receive() == size && !memcmp(wire_frame, f, size), "which then goes out whole");

	/* what drivers should not do */
	wr(TDT, 5000);
	ok(wire_receive() == 0, "a tail beyond the ring");
	wr(TDH, 0), wr(TDT, 0), tx_tail = 0;
	for (unsigned i = 0; i < 10; i++)
		tx_desc(TXDATA, 0xfffff | 1ull << 20 | 0x20ull << 24);
	tx_desc(TXDATA, 100 | 1ull << 20 | 0x29ull << 24);
	wr(TDT, tx_tail);
	ok(wire_receive() == 0 && tx_done(), "a packet of 10 MB is dropped");
	tx_desc(0x00ffffffffffffffull, 0xffffffffffffffffull & ~(0xfull << 20) & ~(0x04ull << 24));
	tx_desc(0, 0xffffull << 48 | 0xff27ull << 24);
	tx_desc(0xffffffffffff0000ull, 2000 | 1ull << 20 | 0x2full << 24 | 3ull << 40);
	wr(TDT, tx_tail);
	wire_receive();
	tx_desc(TXDATA, size | 0x0bull << 24);
	wr(TDT, tx_tail);
	while ((size = wire_receive()) && memcmp(wire_frame, f, 14))
		;
	ok(size == 114, "impossible contexts, and then a good packet");
	memset(got, 0, sizeof got);
	unplug_card();
}

static void receiving(void)
{
	uint8_t f[9100], got[16400];
	uint32_t status;
	size_t size;
	unsigned n, count = 0;
	bool right = true;

	plug_card("e1000", NULL, true);
	map();
	clock_step(m, 200000000);
	begin(0, 2048);
	wr(RXCSUM, RXCSUM_IPOFLD | RXCSUM_TUOFLD);
	size = ether(f, OWN, 400);
	wire_send(f, size);
	n = rx(got, &status);
	ok(n == size + 4 && !memcmp(got, f, size) && (status & 3) == 3, "a frame is received, with the place of its check sequence");
	ok(rd(RDH) == 1 && rd(ICR) & ICR_RXT0 && rd(GPRC) == 1, "descriptor, interrupt, counter");
	wr(RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC);
	wire_send(f, ether(f, OWN, 10));
	ok_eq(rx(got, &status), 60, "short ones are padded; the check sequence is left out when that is asked for");
	size = tcp_frame(f, 700, true);
	memcpy(f, OWN, 6);
	struct frame_header h = {FRAME_NEEDS_CSUM, 0, 0, 0, 34, 16};
	wire_send_with(&h, f, size);
	n = rx(got, &status);
	ok(n == size && tcp_right(got, n) && (status & 0xffff) == 0x63, "a checksum that the other end left is filled in; TCPCS and IPCS are set");
	got[60] ^= 1;
	wire_send(got, n);
	rx(got, &status);
	ok_eq(status & 0xffff, 0x2063, "a wrong one is told");
	size = tcp_frame(f, 8000, true);
	memcpy(f, OWN, 6);
	h = (struct frame_header){FRAME_NEEDS_CSUM, FRAME_GSO_TCPV4, 54, 1460, 34, 16};
	wire_send_with(&h, f, size);
	while ((n = rx(got, &status))) {
		right &= tcp_right(got, n) && !memcmp(got + 54, f + 54 + count * 1460, n - 54);
		count++;
	}
	ok(count == 6 && right, "a large segment comes in six frames with right sums");

	ok(arrives(OWN) && arrives("\xff\xff\xff\xff\xff\xff") && !arrives("\x52\x54\x00\x00\x00\x01") && !arrives("\x01\x00\x5e\x00\x00\x01"), "own address, broadcasts");
	wr(RA + 8, 0x00005452), wr(RA + 12, 0x80000100);
	ok(arrives("\x52\x54\x00\x00\x00\x01"), "a second address");
	wr(MTA + 4 * ((0x0100u >> 4 & 0xfff) >> 5), 1u << (0x0100u >> 4 & 31));
	ok(arrives("\x01\x00\x5e\x00\x00\x01"), "multicast by hash");
	wr(RCTL, RCTL_EN | RCTL_UPE);
	ok(arrives("\x02\x00\x00\x00\x00\x01") && !arrives("\xff\xff\xff\xff\xff\xff"), "promiscuous for one kind, broadcasts not accepted");
	wr(RCTL, RCTL_EN | RCTL_BAM | RCTL_VFE | RCTL_SECRC);
	memcpy(f, OWN "\1\2\3\4\5\6\x81\0\x20\7\x88\xb5", 18);
	wire_send(f, 100);
	n = rx(got, &status);
	wr(VFTA, 1u << 7);
	wr(CTRL, CTRL_FD | CTRL_SLU | CTRL_VME);
	wire_send(f, 100);
	ok(!n && rx(got, &status) == 96 && status & 8 && status >> 16 == 0x2007 && got[12] == 0x88, "VLANs are filtered, tags are taken out");
	wr(CTRL, CTRL_FD | CTRL_SLU);

	/* buffers of 256 bytes, then none */
	wr(RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC | 3 << 16);
	size = ether(f, OWN, 1000);
	wire_send(f, size);
	count = 0;
	for (size_t at = 0; (n = rx(got, &status)); at += n) {
		right &= !memcmp(got, f + at, n) && !(status & 2) == (at + n < size);
		count++;
	}
	ok(count == 4 && right, "a frame over four buffers, EOP in the last");
	wr(RDT, (rd(RDH) + 2) % COUNT);
	wire_send(f, size);
	ok(!rx(got, &status) && rd(RNBC) == 1, "with two buffers it waits");
	wr(RDT, (rd(RDH) + 20) % COUNT);
	for (unsigned i = 0; i < 4; i++)
		test_turn(m);
	for (count = 0; rx(got, &status);)
		count++;
	ok_eq(count, 4, "and comes when there are more");
	ok_eq(rd(ICR) & ICR_RXDMT0, ICR_RXDMT0, "few are left: RXDMT0");
	begin(RCTL_SECRC, 2048);
	size = ether(f, OWN, 4000);
	wire_send(f, size);
	ok(!rx(got, &status) && rd(ROC) == 1, "too long a frame");
	wr(RCTL, RCTL_EN | RCTL_LPE | RCTL_SECRC | RCTL_BSEX | 1 << 16);
	wire_send(f, size);
	ok(rx(got, &status) == size && !memcmp(got, f, size), "which LPE lets in");

	wr(RDTR, 100);
	wr(RADV, 150);
	rd(ICR);
	arrives(OWN);
	bool early = rd(ICR) & ICR_RXT0;
	clock_step(m, 90 * 1024);
	arrives(OWN);
	clock_step(m, 55 * 1024);
	bool late = rd(ICR) & ICR_RXT0;
	clock_step(m, 10 * 1024);
	ok(!early && !late && rd(ICR) & ICR_RXT0, "RDTR starts over with each frame, RADV ends it");
	wr(0x1000, 0x30);
	wr(RDTR, 0);
	wr(RDH, 60000);
	wire_send(f, ether(f, OWN, 100));
	ok(!rx(got, &status), "a head beyond the ring");
	wr(RDH, 0), rx_next = 0, wr(RDT, 10);
	for (unsigned i = 0; i < 4; i++)
		test_turn(m);
	ok(rx(got, &status), "and a sensible one");
	ok_str(test_round_trip(&card->dev, NULL), "", "the state goes round");
	unplug_card();
}

/* PHY loopback, as a driver's self-test uses it. */
static void loopback(void)
{
	uint8_t f[200], got[2048];
	uint32_t status;
	size_t size;

	plug_card("e1000", "autonegotiation=off", true);
	map();
	ok(rd(STATUS) & 2, "without negotiation the link is there at once");
	begin(RCTL_SECRC, 2048);
	wr(MDIC, 1u << 26 | 1u << 21 | 0x4140);
	size = ether(f, OWN, 100);
	space_write(m->memory, TXDATA, f, size);
	tx_desc(TXDATA, size | 0x0bull << 24);
	wr(TDT, tx_tail);
	ok(rx(got, &status) == size && !memcmp(got, f, size) && !wire_receive(), "PHY loopback");
	unplug_card();
}

/* Random registers and descriptors: it ends, and the sanitizers find nothing. */
static void nonsense(void)
{
	uint32_t x = 4711;

	plug_card("e1000", NULL, true);
	map();
	for (unsigned n = 0; n < 3000; n++) {
		uint8_t raw[16];
		static const uint16_t hot[] = {TDT, TDH, TDLEN, TCTL, RDT, RDH, RDLEN, RCTL, CTRL, EECD, MDIC, TIDV, RDTR, ITR, IMS, ICS, RXCSUM, VET, 0x3828};
		for (unsigned i = 0; i < 16; i++)
			raw[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
		raw[2] &= 0x80 | 0x3f, raw[3] = raw[4] = raw[5] = raw[6] = raw[7] = 0;
		space_write(m->memory, TXRING + n % COUNT * 16, raw, 16);
		wr(hot[(x >> 8) % (sizeof hot / sizeof hot[0])], x >> (x & 31));
		if (n % 16 == 0)
			wr((x >> 10) & 0x9ffc, x);
		if (n % 64 == 0) {
			wr(CTRL, CTRL_SLU | (x & CTRL_VME)), wr(TDBAL, TXRING), wr(TDBAH, 0), wr(TDLEN, COUNT * 16), wr(TDH, 0), wr(TCTL, TCTL_EN);
			wr(TDT, n % COUNT);
		}
		while (n % 8 == 0 && wire_receive())
			;
		clock_step(m, 1000);
	}
	ok(true, "3000 senseless writes");
	unplug_card();
}

int main(void)
{
	around();
	transmitting();
	receiving();
	loopback();
	nonsense();
	return tap_done();
}
