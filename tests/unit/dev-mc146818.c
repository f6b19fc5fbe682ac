/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real-time clock (Motorola MC146818 data sheet). */
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;

static uint8_t get(uint8_t reg)
{
	test_outb(m, 0x70, reg);
	return test_inb(m, 0x71);
}

static void put(uint8_t reg, uint8_t v)
{
	test_outb(m, 0x70, reg);
	test_outb(m, 0x71, v);
}

static struct device *begin(const char *options)
{
	m = machine_new_test();
	return test_device(m, "mc146818rtc", options);
}

static const char *now(void)
{
	static char buf[64];

	snprintf(buf, sizeof buf, "%02x%02x-%02x-%02x %02x:%02x:%02x %x", get(0x32), get(9), get(8), get(7), get(4), get(2), get(0), get(6));
	return buf;
}

static void calendar(void)
{
	begin("base=1999-12-31T23:59:58,clock=vm");
	ok_str(now(), "1999-12-31 23:59:58 6", "the base is what -rtc gave");
	clock_step(m, NS_PER_S);
	ok_str(now(), "1999-12-31 23:59:59 6", "a second later");
	clock_step(m, NS_PER_S);
	ok_str(now(), "2000-01-01 00:00:00 7", "the century turns; it is a Saturday");
	put(0x0b, 0x82);
	clock_step(m, 10 * NS_PER_S);
	ok_str(now(), "2000-01-01 00:00:00 7", "SET stops the time");
	put(8, 2); put(7, 0x28); put(4, 0x23); put(2, 0x59); put(0, 0x59); put(0x32, 0x20); put(9, 4);
	put(0x0b, 2);
	clock_step(m, NS_PER_S);
	ok_str(now(), "2004-02-29 00:00:00 1", "2004 is a leap year");
	put(9, 0x23);
	ok_str(now(), "2023-03-01 00:00:00 4", "a time register may be written while time runs; an impossible date counts on");
	put(0x0b, 6);
	ok_str(now(), "1417-03-01 00:00:00 4", "binary mode");
	put(0x0b, 0);
	put(4, 0x92);
	ok_eq(get(4), 0x92, "12-hour mode: noon is 12 PM");
	clock_step(m, 3600 * NS_PER_S);
	ok_eq(get(4), 0x81, "then 1 PM");
	clock_step(m, 11 * 3600 * NS_PER_S);
	ok_eq(get(4), 0x12, "midnight is 12 AM");
	put(0x0b, 2);
	ok_eq(get(4), 0, "which is 0 in 24-hour mode");
	put(0x0a, 0x76);
	put(0, 0x30);
	clock_step(m, 5 * NS_PER_S);
	ok_eq(get(0), 0x30, "the divider in reset stops the time");
	put(0x0a, 0x26);
	clock_step(m, NS_PER_S / 2 - 3000000);
	ok_eq(get(0), 0x30, "the first update comes");
	clock_step(m, 4000000);
	ok_eq(get(0), 0x31, "half a second after it is let go");
	machine_free_test(m);
}

static void updates(void)
{
	begin("base=2020-01-01,clock=vm");
	ok_eq(get(0x0a), 0x26, "register A: 32768 Hz, rate 6");
	ok_eq(get(0x0d), 0x80, "register D: the battery is good");
	clock_step(m, NS_PER_S - 2229000);
	ok_eq(get(0x0a) & 0x80, 0, "UIP is clear 2229 us before the update");
	clock_step(m, 2000);
	ok_eq(get(0x0a) & 0x80, 0x80, "set 244 + 1984 us before");
	clock_step(m, 2227000);
	ok_eq(get(0x0a) & 0x80, 0, "and clear after it");
	ok_eq(get(0x0c) & 0x10, 0x10, "UF is set without its interrupt");
	ok_eq(get(0x0c), 0, "a read clears register C");
	ok(!test_line(m, 8), "no interrupt");
	put(0x0b, 0x12);
	clock_step(m, NS_PER_S);
	ok(test_line(m, 8) && get(0x0c) == 0xd0, "with UIE it interrupts (PF came too)");
	ok(!test_line(m, 8), "until register C is read");
	clock_step(m, 10 * NS_PER_S);
	ok_eq(test_edges(m, 8), 2, "unread flags raise no more");
	put(0x0a, 0xa6);
	ok_eq(get(0x0a) & 0x7f, 0x26, "UIP cannot be written");
	put(0x0b, 0x92);
	ok_eq(get(0x0b), 0x82, "SET clears UIE");
	put(0x0c, 0xff); put(0x0d, 0);
	ok(get(0x0d) == 0x80, "registers C and D are read-only");
	machine_free_test(m);
}

static void alarms(void)
{
	begin("base=2020-01-01T10:00:00,clock=vm");
	put(0x0a, 0x20);
	put(1, 0x30); put(3, 0x05); put(5, 0x10);
	put(0x0b, 0x22);
	clock_step(m, 329 * NS_PER_S);
	ok(!test_line(m, 8), "no alarm at 10:05:29");
	clock_step(m, NS_PER_S);
	ok(test_line(m, 8) && get(0x0c) == 0xb0, "at 10:05:30 it comes");
	clock_step(m, 86399 * NS_PER_S);
	ok(!test_line(m, 8), "for a day");
	clock_step(m, NS_PER_S);
	ok(test_line(m, 8), "not again");
	get(0x0c);
	test_edges(m, 8);
	put(5, 0xff); put(3, 0xc0);
	for (int i = 0; i < 600; i++) {
		clock_step(m, NS_PER_S);
		get(0x0c);
	}
	ok_eq(test_edges(m, 8), 10, "don't-care hours and minutes: once a minute");
	put(1, 0xff);
	for (int i = 0; i < 10; i++) {
		clock_step(m, NS_PER_S);
		get(0x0c);
	}
	ok_eq(test_edges(m, 8), 10, "all don't care: once a second");
	put(1, 0x7a);
	clock_step(m, 86400 * NS_PER_S);
	ok_eq(test_edges(m, 8), 0, "an impossible second never comes");
	put(0x0b, 0x20);
	put(5, 0x81); put(3, 0); put(1, 0);
	put(4, 0x12); put(2, 0x59); put(0, 0x59);
	clock_step(m, NS_PER_S);
	ok(!test_line(m, 8), "12-hour mode: 1 AM");
	put(4, 0x92); put(2, 0x59); put(0, 0x59);
	clock_step(m, NS_PER_S);
	ok(test_line(m, 8), "is not 1 PM");
	machine_free_test(m);
}

static void periodic(void)
{
	begin("clock=vm");
	put(0x0a, 0x26);
	get(0x0c);
	put(0x0b, 0x42);
	test_edges(m, 8);
	for (int i = 0; i < 1024; i++) {
		clock_step(m, NS_PER_S / 1024 + 1);
		get(0x0c);
	}
	unsigned n = test_edges(m, 8);
	ok(n >= 1023 && n <= 1025, "rate 6 is 1024 Hz (%u)", n);
	clock_step(m, NS_PER_S);
	ok_eq(test_edges(m, 8), 1, "unread ticks are lost");
	get(0x0c);
	put(0x0a, 0x2f);
	test_edges(m, 8);
	for (int i = 0; i < 20; i++) {
		clock_step(m, NS_PER_S / 2);
		get(0x0c);
	}
	n = test_edges(m, 8);
	ok(n >= 19 && n <= 20, "rate 15 is 2 Hz (%u)", n);
	put(0x0a, 0x20);
	clock_step(m, NS_PER_S);
	ok_eq(get(0x0c) & 0x40, 0, "rate 0 is off");
	machine_free_test(m);
	begin("clock=vm,lost_tick_policy=slew");
	put(0x0b, 0x42);
	get(0x0c);
	clock_step(m, NS_PER_S);
	n = 0;
	while (test_line(m, 8) && n < 5000) {
		get(0x0c);
		n++;
	}
	ok(n >= 1023 && n <= 1026, "slew: a late guest gets all its ticks (%u)", n);
	machine_free_test(m);
}

static void memory(void)
{
	struct device *d = begin("clock=vm"), *other;

	for (unsigned i = 0x0e; i < 0x80; i++)
		if (i != 0x32 && i != 0x37)
			put((uint8_t)i, (uint8_t)(i ^ 0x5a));
	unsigned wrong = 0;
	for (unsigned i = 0x0e; i < 0x80; i++)
		if (i != 0x32 && i != 0x37)
			wrong += get((uint8_t)i) != (i ^ 0x5a);
	ok_eq(wrong, 0, "bytes 0e..7f remember");
	ok_eq(get(0x90), 0x10 ^ 0x5a, "index bit 7 (NMI) is no part of the address");
	mc146818_cmos_set(d, 0x10, 0x40);
	ok(get(0x10) == 0x40 && mc146818_cmos_get(d, 0x10) == 0x40, "the board sets bytes");
	mc146818_cmos_set(d, 0x200, 1);
	mc146818_cmos_set(d, 0x0c, 1);
	ok_eq(get(0x0c) & 1, 0, "but no registers");
	ok_eq(test_inb(m, 0x70), 0xff, "the index is write-only");
	put(0x0b, 0x72);
	clock_step(m, NS_PER_S);
	d->type->reset(d);
	ok(get(0x0b) == 2 && !test_line(m, 8), "a reset clears enables and flags");
	ok_eq(get(0x11), 0x11 ^ 0x5a, "and spares the memory");
	put(0x0b, 0x72);
	clock_step(m, NS_PER_S / 3);
	other = test_device(m, "mc146818rtc", "clock=vm");
	ok_str(test_round_trip(d, other), "", "its state goes round");
	machine_free_test(m);
}

int main(void)
{
	calendar();
	updates();
	alarms();
	periodic();
	memory();
	return tap_done();
}
