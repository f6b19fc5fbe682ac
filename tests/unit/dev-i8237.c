/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DMA controllers of a PC/AT (Intel 8237A data sheet). */
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;
static struct isa_dma *dma;

/* A device that moves at most `burst` bytes at a time. */
struct mover {
	uint32_t burst, total, calls;
	uint8_t data[0x30000];
};
static struct mover dev;

static uint32_t move(void *opaque, unsigned ch, uint32_t pos, uint32_t size)
{
	struct mover *d = opaque;
	uint32_t n = size - pos < d->burst ? size - pos : d->burst;

	d->calls++;
	n = isa_dma_is_write(dma, ch) ? isa_dma_write(dma, ch, d->data + pos, pos, n) : isa_dma_read(dma, ch, d->data + pos, pos, n);
	d->total += n;
	return pos + n;
}

static void word(uint16_t port, unsigned v)
{
	test_outb(m, port, (uint8_t)v);
	test_outb(m, port, (uint8_t)(v >> 8));
}

static unsigned get_word(uint16_t port)
{
	unsigned v = test_inb(m, port);

	return v | (unsigned)test_inb(m, port) << 8;
}

static void bytes(void)
{
	unsigned wrong = 0;

	test_outb(m, 0xd6, 0xc0);
	test_outb(m, 0xd4, 0); /* the cascade, which a BIOS opens */
	test_outb(m, 0x0c, 0);
	word(4, 0x1234);
	word(5, 99);
	test_outb(m, 0x81, 5);
	ok(test_inb(m, 0x81) == 5, "the page of channel 2");
	test_outb(m, 0x0c, 0);
	ok(get_word(4) == 0x1234 && get_word(5) == 99, "address and count read back");
	test_outb(m, 0x0b, 0x46);
	for (unsigned i = 0; i < 100; i++)
		dev.data[i] = (uint8_t)(i + 1);
	dev.burst = 1000;
	isa_dma_request(dma, 2, true);
	ok_eq(dev.calls, 0, "a masked channel does nothing");
	ok_eq(test_inb(m, 8) & 0x44, 0x40, "status: requested, no terminal count");
	test_outb(m, 0x0a, 2);
	ok_eq(dev.total, 100, "unmasked, it moves");
	for (unsigned i = 0; i < 100; i++) {
		uint8_t b;

		space_read(m->memory, 0x51234 + i, &b, 1);
		wrong += b != i + 1;
	}
	ok_eq(wrong, 0, "to memory, at page and address");
	ok_eq(test_inb(m, 8) & 4, 4, "terminal count");
	ok_eq(test_inb(m, 8) & 4, 0, "which a read clears");
	test_outb(m, 0x0c, 0);
	ok(get_word(5) == 0xffff && get_word(4) == 0x1234 + 100, "the count ends at ffff");
	ok(test_inb(m, 0x0f) & 4, "the channel masks itself");
	isa_dma_request(dma, 2, false);
	word(4, 0xfff0);
	word(5, 31);
	test_outb(m, 0x0b, 0x4a);
	uint8_t fill[16];
	memset(fill, 0xaa, 16);
	space_write(m->memory, 0x5fff0, fill, 16);
	memset(fill, 0xbb, 16);
	space_write(m->memory, 0x50000, fill, 16);
	dev.burst = 7;
	dev.calls = 0;
	test_outb(m, 0x0a, 2);
	isa_dma_request(dma, 2, true);
	ok(dev.calls == 5 && dev.data[15] == 0xaa && dev.data[16] == 0xbb && dev.data[31] == 0xbb, "from memory in bursts, around the page");
	isa_dma_request(dma, 2, false);
	word(4, 0x2010);
	word(5, 15);
	test_outb(m, 0x0b, 0x66);
	for (unsigned i = 0; i < 16; i++)
		dev.data[i] = (uint8_t)i;
	dev.burst = 16;
	test_outb(m, 0x0a, 2);
	isa_dma_request(dma, 2, true);
	uint8_t b[16];
	space_read(m->memory, 0x52001, b, 16);
	ok(b[15] == 0 && b[0] == 15, "decrementing");
	isa_dma_request(dma, 2, false);
}

static void words(void)
{
	uint8_t b[4];

	test_outb(m, 0xd8, 0);
	word(0xc4, 0x8000);
	word(0xc6, 1);
	test_outb(m, 0x8b, 0x43);
	test_outb(m, 0xd6, 0x45);
	memcpy(dev.data, "abcd", 4);
	test_outb(m, 0xd4, 0);
	dev.burst = 100;
	dev.total = 0;
	isa_dma_request(dma, 5, true);
	ok_eq(dev.total, 0, "channel 5 is masked");
	test_outb(m, 0xd4, 1);
	ok_eq(dev.total, 4, "two words");
	space_read(m->memory, 0x430000, b, 4);
	ok(!memcmp(b, "abcd", 4), "at 128 KiB pages, the lowest page bit does not count");
	ok_eq(test_inb(m, 0xd0) & 2, 2, "terminal count");
	isa_dma_request(dma, 5, false);
	test_outb(m, 0xd4, 4);
	test_outb(m, 0xda, 0);
	ok_eq(test_inb(m, 0xde), 0xff, "master clear masks all");
	test_outb(m, 0xdc, 0);
	ok_eq(test_inb(m, 0xde), 0xf0, "and clear-all-masks opens them");
	test_outb(m, 0xde, 5);
	ok_eq(test_inb(m, 0xde), 0xf5, "or all at once");
}

static void modes(void)
{
	test_outb(m, 0xde, 0);
	test_outb(m, 0x0d, 0);
	word(2, 0x100);
	word(3, 9);
	test_outb(m, 0x0b, 0x55);
	dev.burst = 5;
	dev.total = dev.calls = 0;
	test_outb(m, 0x0a, 1);
	isa_dma_request(dma, 1, true);
	ok(dev.total == 10 && dev.calls == 2 && isa_dma_autoinit(dma, 1), "an auto-initialised block runs to its end");
	test_outb(m, 0x0c, 0);
	ok(get_word(2) == 0x100 && get_word(3) == 9 && !(test_inb(m, 0x0f) & 2), "and is ready again, not masked");
	isa_dma_request(dma, 1, true);
	ok_eq(dev.total, 20, "for the next request");
	isa_dma_request(dma, 1, false);
	test_outb(m, 0x08, 4);
	isa_dma_request(dma, 1, true);
	ok_eq(dev.total, 20, "a disabled controller waits");
	test_outb(m, 0x08, 0);
	ok_eq(dev.total, 30, "and goes on");
	isa_dma_request(dma, 1, false);
	test_outb(m, 0x09, 5);
	ok_eq(dev.total, 40, "a request by software");
	test_outb(m, 0xd4, 4);
	isa_dma_request(dma, 1, true);
	ok_eq(dev.total, 40, "a masked cascade stops the first controller");
	test_outb(m, 0xd4, 0);
	ok_eq(dev.total, 50, "until it is opened");
	for (unsigned i = 0; i < 16; i++)
		test_outb(m, (uint16_t)(0x80 + i), (uint8_t)(0xa0 + i));
	unsigned wrong = 0;
	for (unsigned i = 0; i < 16; i++)
		wrong += test_inb(m, (uint16_t)(0x80 + i)) != 0xa0 + i;
	ok_eq(wrong, 0, "all sixteen page registers remember");
	isa_dma_request(NULL, 1, true);
	isa_dma_request(dma, 9, true);
	ok(isa_dma_read(NULL, 0, NULL, 0, 5) == 0, "a machine without DMA moves nothing");
}

int main(void)
{
	struct device *d;
	struct err e = ERR_INIT;

	m = machine_new_test();
	d = test_device(m, "i8257", NULL);
	dma = test_isa(m)->dma;
	ok(dma == (struct isa_dma *)d, "the bus knows its controller");
	for (unsigned i = 0; i < 8; i++)
		isa_dma_register(dma, i, move, &dev);
	bytes();
	words();
	modes();
	ok_str(test_round_trip(d, NULL), "", "its state goes round");
	d = device_new(m, "i8257", NULL, &e);
	ok(device_realize(d, &e) < 0, "a second pair is refused: %s", e.msg);
	device_free(d);
	machine_free_test(m);
	return tap_done();
}
