/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI devices to learn and to test with (docs/specs/edu, docs/specs/pci-testdev). */
#include "../../cmd/emu-cpu/pci.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

#define BAR 0x80000000ull
static struct machine *m;
static struct pci_device *d;

static uint32_t rd(unsigned at) { return space_le32(m->memory, BAR + at); }
static void wr(unsigned at, uint32_t v) { space_st_le32(m->memory, BAR + at, v); }
static void wrq(unsigned at, uint64_t v) { space_st_le64(m->memory, BAR + at, v); }
static void config(unsigned at, uint32_t v, unsigned n) { pci_config_write(pci_bus_of(d), 0, d->devfn, at, v, n); }
static uint32_t factorial(uint32_t n)
{
	wr(8, n);
	clock_step(m, 20000);
	return rd(8);
}

static void edu(void)
{
	char text[16] = "";

	m = machine_new_test();
	d = pci_device(test_device(m, "edu", NULL));
	config(0x10, (uint32_t)BAR, 4);
	config(4, 6, 2);
	ok_eq(pci_config_read(pci_bus_of(d), 0, d->devfn, 0, 4), 0x11e81234, "edu is found");
	ok_eq(rd(0), 0x010000ed, "identification");
	wr(4, 0x12345678);
	ok_eq(rd(4), ~0x12345678u, "it is alive");
	wr(8, 10);
	ok_eq(rd(0x20), 1, "computing");
	wr(8, 3);
	clock_step(m, 20000);
	ok(rd(0x20) == 0 && rd(8) == 3628800, "10! = 3628800, not disturbed");
	ok(factorial(0) == 1 && factorial(1) == 1 && factorial(13) == 1932053504u, "0!, 1!, 13! modulo 2^32");
	ok_eq(factorial(0xffffffff), 0, "a huge one ends too");
	wr(0x20, 0x80);
	factorial(5);
	ok(rd(0x24) == 1 && d->irq_state, "an interrupt afterwards");
	wr(0x60, 6);
	ok_eq(rd(0x24), 7, "more are raised");
	wr(0x64, 1);
	ok(rd(0x24) == 6 && d->irq_state, "acknowledged bit by bit");
	wr(0x64, 6);
	ok(rd(0x24) == 0 && !d->irq_state, "until none is left");
	space_write(m->memory, 0x5000, "hello, device", 14);
	wrq(0x80, 0x5000); wrq(0x88, 0x40010); wrq(0x90, 14); wrq(0x98, 5);
	ok_eq(rd(0x98), 5, "DMA runs");
	wrq(0x90, 1);
	clock_step(m, 200000);
	ok(rd(0x98) == 4 && rd(0x24) == 0x100, "is over, with an interrupt");
	wr(0x64, 0x100);
	wr(0x80, 0x40010); wr(0x84, 0); wr(0x88, 0x6000); wr(0x8c, 0); wr(0x98, 3);
	clock_step(m, 200000);
	space_read(m->memory, 0x6000, text, 14);
	ok_str(text, "hello, device", "and back, with 32-bit accesses");
	wrq(0x80, 0x40ff0); wrq(0x90, 17); wrq(0x98, 3);
	clock_step(m, 200000);
	wrq(0x90, UINT64_MAX); wrq(0x98, 1);
	clock_step(m, 200000);
	ok_eq(rd(0x98), 0, "DMA outside of its buffer does nothing");
	config(4, 2, 2);
	wrq(0x80, 0x5000); wrq(0x88, 0x40000); wrq(0x90, 4); wrq(0x98, 1);
	clock_step(m, 200000);
	ok_eq(rd(0x98), 0, "nor without bus mastering");
	wr(8, 7);
	ok_str(test_round_trip(&d->dev, NULL), "", "the state goes round");
	machine_free_test(m);
}

static void testdev(void)
{
	m = machine_new_test();
	d = pci_device(test_device(m, "pci-testdev", NULL));
	config(0x10, (uint32_t)BAR, 4);
	config(0x14, 0xc000, 4);
	config(4, 3, 2);
	enum mem_result r;
	for (unsigned n = 0; n < 2; n++) {
		struct space *s = n ? m->ports : m->memory;
		uint64_t at = n ? 0xc000 : BAR;
		unsigned tests = 0;

		for (;; tests++) {
			space_store(s, at, tests, 1, &r);
			if (space_load(s, at + 1, 1, &r) != 1)
				break;
			uint64_t target = space_load(s, at + 4, 4, &r), data = space_load(s, at + 8, 4, &r);
			char first = (char)space_load(s, at + 16, 1, &r);

			space_store(s, at + target, data, 1, &r);
			space_store(s, at + target, data ^ 1, 1, &r);
			space_store(s, at + target + 1, data, 1, &r);
			ok(first == (n ? 'p' : 'm') && space_load(s, at + 12, 4, &r) == (tests == 2 ? 1 : 2), "test %u of BAR %u counts", tests, n);
		}
		ok_eq(tests, 3, "three tests");
	}
	ok_str(test_round_trip(&d->dev, NULL), "", "the state goes round");
	machine_free_test(m);
}

int main(void)
{
	edu();
	testdev();
	return tap_done();
}
