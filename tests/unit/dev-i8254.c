/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interval timer: all modes of all counters, to the clock (Intel 8254 data sheet). */
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;
static struct device *pit;
static uint64_t clocks; /* that have passed */

/* Goes to just after the given clock of 1.193182 MHz. */
static void go(uint64_t n)
{
	uint64_t at, now = clock_ns(m, CLOCK_VIRT);

	clocks += n;
	at = muldiv(clocks, NS_PER_S, 1193182) + 400;
	if (at > now)
		clock_step(m, at - now);
}

static void program(unsigned counter, unsigned mode, unsigned count)
{
	test_outb(m, 0x43, (uint8_t)(counter << 6 | 0x30 | mode << 1));
	test_outb(m, (uint16_t)(0x40 + counter), (uint8_t)count);
	test_outb(m, (uint16_t)(0x40 + counter), (uint8_t)(count >> 8));
}

static unsigned value(unsigned counter)
{
	unsigned v;

	test_outb(m, 0x43, (uint8_t)(counter << 6));
	v = test_inb(m, (uint16_t)(0x40 + counter));
	return v | (unsigned)test_inb(m, (uint16_t)(0x40 + counter)) << 8;
}

static bool out2(void) { return test_inb(m, 0x61) & 0x20; }
static uint8_t status(unsigned counter)
{
	test_outb(m, 0x43, (uint8_t)(0xe0 | 2u << counter));
	return test_inb(m, (uint16_t)(0x40 + counter));
}
static void gate2(bool on) { test_outb(m, 0x61, on); }

static void mode0(void)
{
	program(0, 0, 100);
	test_edges(m, 0);
	ok(!test_line(m, 0), "mode 0: OUT is low");
	ok_eq(value(0), 100, "the count is loaded");
	go(40);
	ok_eq(value(0), 60, "and counts");
	go(59);
	ok(!test_line(m, 0) && value(0) == 1, "until one is left");
	go(1);
	ok(test_line(m, 0) && value(0) == 0, "terminal count: OUT is high");
	go(3);
	ok_eq(value(0), 65533, "counting goes on from the top");
	go(200000);
	ok_eq(test_edges(m, 0), 1, "one interrupt only");
	test_outb(m, 0x40, 10);
	ok(!test_line(m, 0), "the first byte of a new count makes OUT low");
	go(50000);
	ok(!test_line(m, 0), "and stops counting");
	test_outb(m, 0x40, 0);
	go(10);
	ok(test_line(m, 0), "the second starts it");
	program(2, 0, 50);
	gate2(false);
	go(100);
	ok(!out2() && value(2) == 50, "a low gate stops counting");
	gate2(true);
	go(20);
	gate2(false);
	go(1000);
	ok_eq(value(2), 30, "it goes on where it was");
	gate2(true);
	go(30);
	ok(out2(), "to the end");
	gate2(false);
}

static void mode1(void)
{
	gate2(false);
	program(2, 1, 20);
	go(50);
	ok(out2(), "mode 1: OUT is high until the trigger");
	gate2(true);
	ok(!out2(), "the trigger makes it low");
	go(19);
	ok(!out2(), "for the count");
	go(1);
	ok(out2(), "then high");
	gate2(false);
	gate2(true);
	go(10);
	gate2(false);
	gate2(true);
	go(15);
	ok(!out2(), "it is retriggerable");
	go(5);
	ok(out2(), "from the last trigger");
	test_outb(m, 0x42, 5); test_outb(m, 0x42, 0);
	go(3);
	ok(out2(), "a new count waits for the trigger");
	gate2(false);
	gate2(true);
	go(4);
	ok(!out2(), "after which");
	go(1);
	ok(out2(), "it holds");
	gate2(false);
}

static void mode2(void)
{
	program(0, 2, 1000);
	test_edges(m, 0);
	ok(test_line(m, 0) && (status(0) & 0x80), "mode 2: OUT is high");
	go(999);
	ok(!(status(0) & 0x80) && value(0) == 1, "low for the last clock");
	go(1);
	ok((status(0) & 0x80) && value(0) == 1000, "then the period begins again");
	ok_eq(test_edges(m, 0), 1, "with an interrupt");
	go(9000);
	ok_eq(test_edges(m, 0), 9, "nine periods, nine interrupts");
	go(300);
	test_outb(m, 0x40, 200); test_outb(m, 0x40, 0);
	ok(status(0) & 0x40, "a new count is null until it is loaded");
	ok_eq(value(0), 700, "the period under way is not changed");
	go(700);
	ok(value(0) == 200 && !(status(0) & 0x40), "the next one is");
	go(400);
	ok_eq(test_edges(m, 0), 3, "with its own interrupts");
	program(0, 6, 0);
	ok_eq(value(0), 0, "a count of 0 is 65536, and mode 6 is mode 2");
	go(1);
	ok_eq(value(0), 65535, "counting down from there");
	test_outb(m, 0x43, 0x35);
	test_outb(m, 0x40, 0x00); test_outb(m, 0x40, 0x10);
	ok_eq(value(0), 0x1000, "BCD: 1000");
	go(1);
	ok_eq(value(0), 0x999, "and 999 after it");
	test_outb(m, 0x40, 0); test_outb(m, 0x40, 0);
	go(999);
	ok_eq(value(0), 0, "BCD 0 is 10000");
	program(2, 2, 100);
	gate2(true);
	go(30);
	gate2(false);
	ok(out2(), "a low gate makes OUT high");
	go(500);
	gate2(true);
	go(10);
	ok_eq(value(2), 90, "its rise loads the count again");
	gate2(false);
}

static void mode3(void)
{
	gate2(true);
	program(2, 3, 10);
	ok(out2() && value(2) == 10, "mode 3: OUT is high");
	go(1);
	ok_eq(value(2), 8, "counts in twos");
	go(3);
	ok(out2() && value(2) == 2, "to the end of the half");
	go(1);
	ok(!out2() && value(2) == 10, "then low, from the top again");
	go(5);
	ok(out2(), "and high");
	program(2, 3, 7);
	for (unsigned i = 0, high = 0; i < 14; i++) {
		high += out2();
		go(1);
		if (i == 13)
			ok_eq(high, 8, "an odd count of 7: high for 4 clocks of 7, low for 3");
	}
	program(2, 3, 100);
	go(20);
	test_outb(m, 0x42, 40); test_outb(m, 0x42, 0);
	go(29);
	ok(out2(), "a new count waits for the end of the half period");
	go(1);
	ok(!out2(), "which comes at its old time");
	go(19);
	ok(!out2(), "the next half is");
	go(1);
	ok(out2(), "of the new count");
	gate2(false);
	program(0, 3, 1193);
	test_edges(m, 0);
	go(1193 * 50);
	ok_eq(test_edges(m, 0), 50, "50 square waves are 50 interrupts");
	program(0, 3, 1);
	go(1000);
	ok(test_edges(m, 0) < 200, "a count of 1, which is forbidden, does not flood");
}

static void mode45(void)
{
	program(0, 4, 30);
	test_edges(m, 0);
	ok(test_line(m, 0), "mode 4: OUT is high");
	go(29);
	ok(status(0) & 0x80, "until the count is over");
	go(1);
	ok(!(status(0) & 0x80), "then low for one clock");
	go(1);
	ok(status(0) & 0x80, "and high again");
	go(100000);
	ok_eq(test_edges(m, 0), 1, "which is one interrupt");
	gate2(false);
	program(2, 5, 30);
	go(100);
	ok(out2(), "mode 5 waits for the trigger");
	gate2(true);
	go(29);
	ok(out2(), "counts");
	go(1);
	ok(!out2(), "and strobes");
	go(1);
	ok(out2(), "once");
	gate2(false);
}

static void reading(void)
{
	unsigned v;

	program(0, 2, 5000);
	go(100);
	test_outb(m, 0x43, 0x00);
	go(100);
	test_outb(m, 0x43, 0x00);
	v = test_inb(m, 0x40);
	v |= (unsigned)test_inb(m, 0x40) << 8;
	ok_eq(v, 4900, "a second latch before the first is read is ignored");
	v = test_inb(m, 0x40);
	v |= (unsigned)test_inb(m, 0x40) << 8;
	ok_eq(v, 4800, "without a latch the counter itself is read");
	test_outb(m, 0x43, 0xc2);
	ok_eq(test_inb(m, 0x40), 0xb4, "read-back of both: the status first");
	v = test_inb(m, 0x40);
	v |= (unsigned)test_inb(m, 0x40) << 8;
	ok_eq(v, 4800, "then the count");
	test_outb(m, 0x43, 0x14);
	ok_eq(status(0), 0xd4, "after a control word: no count, OUT high");
	test_outb(m, 0x40, 200);
	ok_eq(test_inb(m, 0x40), 200, "least significant byte only");
	test_outb(m, 0x43, 0x24);
	test_outb(m, 0x40, 2);
	go(1);
	ok_eq(test_inb(m, 0x40), 1, "most significant byte only: 511");
	ok_eq(test_inb(m, 0x43), 0xff, "the control word cannot be read");
	test_outb(m, 0x61, 0x0e);
	ok_eq(test_inb(m, 0x61) & 0x0f, 0x0e, "port 61 keeps its low bits");
	v = test_inb(m, 0x61) & 0x10;
	clock_step(m, 15085);
	ok((test_inb(m, 0x61) & 0x10) != v, "the refresh bit toggles every 15 us");
	clock_step(m, 15085);
	ok((test_inb(m, 0x61) & 0x10) == v, "and back");
	test_outb(m, 0x61, 3);
	program(2, 3, 1193);
	uint32_t period = 0;
	ok(i8254_speaker(pit, &period) && period == 1193, "the speaker sounds");
	test_outb(m, 0x61, 1);
	ok(!i8254_speaker(pit, &period), "and is silent without its data bit");
}

/* Time passes within a register access, or before the main loop comes to a timer: the host had other work. */
static void slow_host(void)
{
	program(0, 4, 100);
	go(200);
	test_edges(m, 0);
	program(0, 4, 0);
	test_outb(m, 0x40, 100);
	clock_look(m, 10000000);
	test_outb(m, 0x40, 0);
	clock_look(m, 0);
	clock_step(m, 1000000);
	ok_eq(test_edges(m, 0), 1, "mode 4: a strobe that is over before its count's write is done is one");
	program(0, 4, 100);
	clock_look(m, 10000000);
	test_inb(m, 0x40);
	clock_look(m, 0);
	program(2, 2, 7000);
	clock_step(m, 1000000);
	ok_eq(test_edges(m, 0), 1, "mode 4: nor is it lost by a write to another counter");
	program(0, 2, 1000);
	test_edges(m, 0);
	clock_look(m, 1000000);
	test_inb(m, 0x40);
	clock_look(m, 0);
	program(0, 2, 60000);
	ok_eq(test_edges(m, 0), 1, "mode 2: nor a tick by a new mode");
	clocks = muldiv(clock_ns(m, CLOCK_VIRT), 1193182, NS_PER_S);
	go(1);
}

int main(void)
{
	m = machine_new_test();
	pit = test_device(m, "isa-pit", NULL);
	go(1);
	mode0();
	mode1();
	mode2();
	mode3();
	mode45();
	reading();
	slow_host();
	program(0, 2, 100);
	i8254_enable_irq(pit, false);
	test_edges(m, 0);
	go(1000);
	ok_eq(test_edges(m, 0), 0, "an HPET may silence IRQ 0");
	ok_str(test_round_trip(pit, test_device(m, "isa-pit", NULL)), "", "its state goes round");
	machine_free_test(m);
	return tap_done();
}
