/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The virtio network device at its modern and legacy interfaces, with the cable's other end in the test. */
#include "dev-net.h"

#define BAR 0x80000000ull
enum { QSIZE = 256, AT = 0x100000, STEP = 0x20000, BUFFERS = 0x400000 };
enum { RX, TX, CONTROL, CONTROL_MQ = 8 };
#define ALL_OFFLOADS (1ull << 0 | 1ull << 1 | 1ull << 7 | 1ull << 8 | 1ull << 11 | 1ull << 12)
#define BASE (1ull << 32 | 1ull << 5 | 1ull << 16 | 1ull << 17 | 1ull << 18 | 1ull << 19 | 1ull << 23)
#define MRG (1ull << 15)

static uint16_t added[32], taken[32];

static void wr(unsigned at, uint32_t v, unsigned n) { space_store(m->memory, BAR + at, v, n, &(enum mem_result){0}); }
static uint32_t rd(unsigned at, unsigned n) { return (uint32_t)space_load(m->memory, BAR + at, n, &(enum mem_result){0}); }
static uint64_t table(unsigned q) { return AT + (uint64_t)q * STEP; }
static uint64_t avail(unsigned q) { return table(q) + 0x4000; }
static uint64_t used(unsigned q) { return table(q) + 0x8000; }

static void descriptor(unsigned q, unsigned n, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	uint64_t at = table(q) + 16ull * n;
	space_st_le64(m->memory, at, addr);
	space_st_le32(m->memory, at + 8, len);
	space_st_le16(m->memory, at + 12, (uint16_t)flags);
	space_st_le16(m->memory, at + 14, (uint16_t)next);
}

static void offer(unsigned q, unsigned head)
{
	space_st_le16(m->memory, avail(q) + 4 + 2ull * (added[q] % QSIZE), (uint16_t)head);
	space_st_le16(m->memory, avail(q) + 2, ++added[q]);
}

static void kick(unsigned q)
{
	wr(0x3000 + 4 * q, q, 2);
	test_turn(m);
	test_turn(m);
}

/* A used element: its length; UINT32_MAX: there is none. */
static uint32_t take(unsigned q, unsigned *head)
{
	uint64_t at = used(q) + 4 + 8ull * (taken[q] % QSIZE);
	if (space_le16(m->memory, used(q) + 2) == taken[q])
		return UINT32_MAX;
	taken[q]++;
	if (head)
		*head = space_le32(m->memory, at);
	return space_le32(m->memory, at + 4);
}

static void queue(unsigned q)
{
	wr(22, q, 2);
	wr(24, QSIZE, 2);
	wr(32, (uint32_t)table(q), 4);
	wr(40, (uint32_t)avail(q), 4);
	wr(48, (uint32_t)used(q), 4);
	wr(28, 1, 2);
	added[q] = taken[q] = 0;
	space_st_le16(m->memory, avail(q), 0);
	space_st_le16(m->memory, avail(q) + 2, 0);
	space_st_le16(m->memory, used(q) + 2, 0);
}

static void begin(uint64_t features, unsigned queues)
{
	pci_config_write(pci_bus_of(card), 0, card->devfn, 0x20, (uint32_t)BAR, 4);
	pci_config_write(pci_bus_of(card), 0, card->devfn, 4, 6, 2);
	wr(20, 0, 1);
	wr(20, 3, 1);
	wr(8, 0, 4);
	wr(12, (uint32_t)features, 4);
	wr(8, 1, 4);
	wr(12, (uint32_t)(features >> 32), 4);
	wr(20, 11, 1);
	for (unsigned q = 0; q < queues; q++)
		queue(q);
	wr(20, 15, 1);
}

/* `n` receive buffers of `size` bytes. */
static void buffers(unsigned from, unsigned n, uint32_t size)
{
	for (unsigned i = from; i < from + n; i++) {
		descriptor(RX, i, BUFFERS + i * 0x4000ull, size, 2, 0);
		offer(RX, i);
	}
	kick(RX);
}

static void frame_out(const uint8_t *f, size_t size, const struct frame_header *h)
{
	uint8_t head[12] = {0};
	frame_header_write(h, head);
	space_write(m->memory, 0x800000, head, 12);
	space_write(m->memory, 0x800100, f, size);
	descriptor(TX, 0, 0x800000, 12, 1, 1);
	descriptor(TX, 1, 0x800100, (uint32_t)size, 0, 0);
	offer(TX, 0);
	kick(TX);
}

static unsigned control(unsigned class_, unsigned command, const void *data, uint32_t size)
{
	uint8_t head[2] = {(uint8_t)class_, (uint8_t)command}, ack = 0x55;
	space_write(m->memory, 0x700000, head, 2);
	space_write(m->memory, 0x700100, data, size);
	descriptor(CONTROL, 0, 0x700000, 2, 1, 1);
	descriptor(CONTROL, 1, 0x700100, size, 1, 2);
	descriptor(CONTROL, 2, 0x701000, 1, 2, 0);
	offer(CONTROL, 0);
	kick(CONTROL);
	space_read(m->memory, 0x701000, &ack, 1);
	return take(CONTROL, NULL) == 1 ? ack : 0xee;
}

static bool arrives(const char *to)
{
	uint8_t f[100];
	size_t n = ether(f, to, 60);
	unsigned head;
	wire_send(f, n);
	if (take(RX, &head) == UINT32_MAX)
		return false;
	offer(RX, head);
	return true;
}

static void modern(void)
{
	static const struct frame_header plain;
	uint8_t f[66000], got[70000];
	size_t size;
	unsigned head;

	plug_card("virtio-net-pci", "host_mtu=1400,speed=2500,duplex=full", true);
	begin(BASE | MRG | ALL_OFFLOADS, 3);
	ok_eq(rd(20, 1), 15, "the driver's features are accepted");
	ok(rd(0x2000, 4) == 0x12005452 && rd(0x2004, 2) == 0x5634 && rd(0x2006, 2) == 1, "address and link in the configuration");
	ok(rd(0x200a, 2) == 1400 && rd(0x200c, 4) == 2500 && rd(0x2010, 1) == 1, "MTU, speed, duplex");
	buffers(0, 8, 1536);
	size = ether(f, "\x52\x54\x00\x12\x34\x56", 100);
	wire_send(f, size);
	ok_eq(take(RX, &head), 12 + size, "a frame is received");
	space_read(m->memory, BUFFERS, got, 12 + size);
	ok(head == 0 && !memcmp(got + 12, f, size) && got[10] == 1 && !got[11] && !got[0], "with a header in front, in one buffer");

	size = tcp_frame(f, 4000, true);
	memcpy(f, "\x52\x54\x00\x12\x34\x56", 6);
	struct frame_header h = {FRAME_NEEDS_CSUM, FRAME_GSO_TCPV4, 54, 1460, 34, 16};
	wire_send_with(&h, f, size);
	ok(take(RX, &head) == 1536 && take(RX, NULL) == 1536 && take(RX, NULL) == 12 + size - 3072, "a large segment in three buffers");
	space_read(m->memory, BUFFERS + head * 0x4000ull, got, 1536);
	ok(got[0] == 1 && got[1] == 1 && (got[4] | got[5] << 8) == 1460 && (got[6] | got[7] << 8) == 34 && got[10] == 3, "whose header says so");
	ok(take(RX, NULL) == UINT32_MAX, "and no more");

	for (unsigned i = 0; i < 6; i++)
		wire_send(f, ether(f, "\x52\x54\x00\x12\x34\x56", 200 + i));
	unsigned count = 0;
	while (take(RX, NULL) != UINT32_MAX)
		count++;
	ok_eq(count, 4, "without buffers frames wait");
	buffers(8, 8, 1536);
	ok(take(RX, NULL) == 12 + 14 + 204 && take(RX, NULL) == 12 + 14 + 205 && take(RX, NULL) == UINT32_MAX, "and come in order when there are some");

	size = ether(f, "\x52\x55\x0a\x00\x02\x02", 300);
	frame_out(f, size, &plain);
	ok(wire_receive() == size && !memcmp(wire_frame, f, size), "a frame is sent");
	ok_eq(take(TX, NULL), 0, "and its buffer comes back");
	size = tcp_frame(f, 60000, true);
	frame_out(f, size, &h);
	ok(wire_receive() == size && wire_got.gso_type == 1 && wire_got.gso_size == 1460 && !memcmp(wire_frame, f, size), "a large segment goes as it is");
	take(TX, NULL);
	h.csum_start = 60010;
	frame_out(f, 60000, &h);
	ok(wire_receive() == 0 && take(TX, NULL) == 0, "a header that is not possible: the frame is lost, the buffer comes back");

	/* filters */
	ok(arrives("\x52\x54\x00\x12\x34\x56") && arrives("\xff\xff\xff\xff\xff\xff"), "own address and broadcasts arrive");
	ok(!arrives("\x52\x54\x00\x00\x00\x01") && !arrives("\x01\x00\x5e\x00\x00\x01"), "others do not");
	ok(control(0, 0, "\1", 1) == 0 && arrives("\x52\x54\x00\x00\x00\x01"), "promiscuous: all do");
	control(0, 0, "\0", 1);
	ok(control(0, 1, "\1", 1) == 0 && arrives("\x01\x00\x5e\x00\x00\x01") && !arrives("\x52\x54\x00\x00\x00\x01"), "allmulti");
	control(0, 1, "\0", 1);
	ok(control(1, 0, "\1\0\0\0\x52\x54\x00\x00\x00\x01\1\0\0\0\x01\x00\x5e\x00\x00\x01", 20) == 0 && arrives("\x52\x54\x00\x00\x00\x01") &&
	   arrives("\x01\x00\x5e\x00\x00\x01") && !arrives("\x01\x00\x5e\x00\x00\x02"), "a table of addresses");
	ok_eq(control(1, 0, "\xff\xff\xff\xff\x52\x54", 6), 1, "a table that is longer than the command is refused");
	ok(control(1, 1, "\x52\x54\x00\x00\x00\x09", 6) == 0 && arrives("\x52\x54\x00\x00\x00\x09") && !arrives("\x52\x54\x00\x12\x34\x56"), "another own address");
	ok(control(2, 0, "\7\0", 2) == 0 && control(2, 0, "\0\x10", 2) == 1, "a VLAN; 4096 is none");
	memcpy(f, "\x52\x54\x00\x00\x00\x09\1\2\3\4\5\6\x81\0\0\7\x08\0", 18);
	wire_send(f, 80);
	f[15] = 8;
	wire_send(f, 80);
	ok(take(RX, &head) == 92 && take(RX, NULL) == UINT32_MAX, "only that VLAN's frames arrive");
	offer(RX, head);
	ok(control(4, 0, "\2\0", 2) == 1 && control(9, 0, "\0", 1) == 1 && control(0, 9, "\0", 1) == 1, "commands that were not negotiated or do not exist");

	ok_str(test_round_trip(&card->dev, NULL), "", "the state goes round");
	pci_config_write(pci_bus_of(card), 0, card->devfn, 0x20, (uint32_t)BAR, 4); /* the bus's own state is in another section */
	pci_config_write(pci_bus_of(card), 0, card->devfn, 4, 6, 2);
	ok(arrives("\x52\x54\x00\x00\x00\x09") && !arrives("\x52\x54\x00\x12\x34\x56"), "and works on with the same filter");

	/* what drivers should not do */
	descriptor(TX, 0, 0x800000, 12, 1, 1);
	descriptor(TX, 1, 0x800000, 12, 1, 0);
	offer(TX, 0);
	kick(TX);
	ok(rd(20, 1) & 64, "a looping chain: it wants a reset");
	ok(!arrives("\x52\x54\x00\x00\x00\x09"), "and does nothing until then");
	begin(BASE | MRG | ALL_OFFLOADS, 3);
	descriptor(RX, 0, BUFFERS, 8, 2, 0);
	offer(RX, 0);
	kick(RX);
	wire_send(f, ether(f, "\x52\x54\x00\x12\x34\x56", 60));
	ok(rd(20, 1) & 64, "a receive buffer without room for the header");
	begin(BASE | MRG, 3);
	descriptor(TX, 0, 0x800000, 4, 0, 0);
	offer(TX, 0);
	kick(TX);
	ok(rd(20, 1) & 64, "half a header to send");
	begin(BASE | MRG, 3);
	space_st_le16(m->memory, avail(TX) + 2, 40000);
	kick(TX);
	ok(rd(20, 1) & 64, "a ring that is fuller than it can be");
	begin(BASE | MRG, 3);
	descriptor(CONTROL, 0, 0x700000, 1, 0, 0);
	offer(CONTROL, 0);
	kick(CONTROL);
	ok(rd(20, 1) & 64, "a control command without an answer's place");
	unplug_card();
}

/* The guest takes large segments, the cable does not; and the other way round. */
static void unfinished(void)
{
	uint8_t f[66000], got[2000];
	struct frame_header h = {FRAME_NEEDS_CSUM, FRAME_GSO_TCPV4, 54, 1460, 34, 16};
	unsigned count = 0;
	bool right = true;
	size_t n, size;

	plug_card("virtio-net-pci", NULL, false);
	begin(BASE | MRG | ALL_OFFLOADS, 3);
	size = tcp_frame(f, 20000, true);
	frame_out(f, size, &h);
	while ((n = wire_receive())) {
		right &= n <= 1514 && tcp_right(wire_frame, n) && !memcmp(wire_frame + 54, f + 54 + count * 1460, n - 54);
		count++;
	}
	ok(count == 14 && right, "to a cable without headers a large segment goes in 14 frames with right sums");
	unplug_card();
	plug_card("virtio-net-pci", NULL, true);
	begin(BASE, 3); /* no MRG_RXBUF, no offloads */
	buffers(0, 16, 2048);
	size = tcp_frame(f, 20000, true);
	memcpy(f, "\x52\x54\x00\x12\x34\x56", 6);
	wire_send_with(&h, f, size);
	for (count = 0, right = true; (n = take(RX, NULL)) != UINT32_MAX; count++) {
		space_read(m->memory, BUFFERS + count * 0x4000ull, got, n);
		right &= !got[0] && !got[1] && tcp_right(got + 12, n - 12);
	}
	ok(count == 14 && right, "a driver without offloads gets it in 14 frames with right sums");
	while (take(RX, NULL) != UINT32_MAX)
		;
	buffers(16, 1, 100);
	/* the two that are left of the first sixteen come before it */
	for (unsigned i = 0; i < 3; i++)
		wire_send(f, ether(f, "\x52\x54\x00\x12\x34\x56", i < 2 ? 60 : 1400));
	ok(take(RX, NULL) == 86 && take(RX, NULL) == 86 && take(RX, NULL) == UINT32_MAX, "a frame that is larger than its buffer is lost");
	wire_send(f, ether(f, "\x52\x54\x00\x12\x34\x56", 60));
	ok_eq(take(RX, NULL), 86, "and the buffer serves the next");
	unplug_card();
}

static void queues(void)
{
	uint8_t f[2000];
	size_t size;

	plug_card("virtio-net-pci", "mq=on,queues=4", true);
	begin(BASE | MRG | ALL_OFFLOADS | 1ull << 22, 9);
	ok_eq(rd(0x2008, 2), 4, "four pairs of queues");
	space_write(m->memory, 0x700000, "\4\0", 2);
	space_write(m->memory, 0x700100, "\4\0", 2);
	descriptor(CONTROL_MQ, 0, 0x700000, 2, 1, 1);
	descriptor(CONTROL_MQ, 1, 0x700100, 2, 1, 2);
	descriptor(CONTROL_MQ, 2, 0x701000, 1, 2, 0);
	offer(CONTROL_MQ, 0);
	kick(CONTROL_MQ);
	ok(take(CONTROL_MQ, NULL) == 1 && space_load(m->memory, 0x701000, 1, &(enum mem_result){0}) == 0, "all of them are used");
	for (unsigned q = 0; q < 8; q += 2)
		for (unsigned i = 0; i < 4; i++) {
			descriptor(q, i, BUFFERS + (q * 16 + i) * 0x4000ull, 1536, 2, 0);
			offer(q, i);
		}
	/* A flow that goes out on pair 2 comes back there. */
	size = tcp_frame(f, 100, true);
	uint8_t zero[12] = {0}, swap[4];
	space_write(m->memory, 0x800000, zero, 12);
	space_write(m->memory, 0x800100, f, size);
	descriptor(5, 0, 0x800000, 12, 1, 1);
	descriptor(5, 1, 0x800100, (uint32_t)size, 0, 0);
	offer(5, 0);
	kick(5);
	ok(wire_receive() == size, "a frame goes out on the third pair");
	memcpy(f, "\x52\x54\x00\x12\x34\x56", 6);
	memcpy(swap, f + 26, 4), memcpy(f + 26, f + 30, 4), memcpy(f + 30, swap, 4);
	memcpy(swap, f + 34, 2), memcpy(f + 34, f + 36, 2), memcpy(f + 36, swap, 2);
	wire_send(f, size);
	ok(take(4, NULL) == 12 + size && take(0, NULL) == UINT32_MAX, "the answer comes in there");
	ok_str(test_round_trip(&card->dev, NULL), "", "the state goes round");
	unplug_card();
}

int main(void)
{
	modern();
	unfinished();
	queues();
	return tap_done();
}
