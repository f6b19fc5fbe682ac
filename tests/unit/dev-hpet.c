/* SPDX-License-Identifier: GPL-2.0-or-later */
/* High precision event timers (IA-PC HPET 1.0a). */
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;
static struct device *d;
enum { PIN2 = 20, IRQ0, IRQ8 };

static uint32_t rd(unsigned at) { return space_le32(m->memory, 0xfed00000 + at); }
static uint64_t rdq(unsigned at) { return space_le64(m->memory, 0xfed00000 + at); }
static void wr(unsigned at, uint32_t v) { space_st_le32(m->memory, 0xfed00000 + at, v); }
static void wrq(unsigned at, uint64_t v) { space_st_le64(m->memory, 0xfed00000 + at, v); }

static void begin(const char *options)
{
	m = machine_new_test();
	d = test_device(m, "hpet", options);
	hpet_connect(d, 2, test_irq(m, PIN2));
	hpet_connect_legacy(d, test_irq(m, IRQ0), test_irq(m, IRQ8));
}

static void registers(void)
{
	begin(NULL);
	ok(rdq(0) == 0x009896808086a201, "capabilities: 10 ns, 3 timers, 64 bits, legacy replacement");
	ok(rdq(0x100) == 0x400000030, "timer 0: periodic, 64 bits, pin 2");
	wr(0x100, 0xffffffff);
	ok_eq(rd(0x100), 0x017e, "bits that can be set (no FSB; the pin stays one that there is)");
	wr(0, 0); wr(4, 0);
	ok_eq(rd(4), 0x989680, "capabilities are read-only");
	wrq(0xf0, 0x1234567800000000);
	ok(rd(0xf4) == 0x12345678 && rdq(0xf0) == 0x1234567800000000, "the counter is set while it stands");
	clock_step(m, 1000);
	ok(rd(0xf0) == 0, "and stands");
	wr(0x10, 1);
	clock_step(m, 1000);
	ok_eq(rd(0xf0), 100, "enabled it counts 100 MHz");
	wr(0x10, 0);
	clock_step(m, 1000);
	ok_eq(rd(0xf0), 100, "disabled it keeps its value");
	wr(0x108, 0x11111111); wr(0x10c, 0x22222222);
	ok(rd(0x160) == 0 && rd(0x800) == 0, "nothing behind the last timer");
	machine_free_test(m);
	begin("timers=8,msi=on");
	ok(rd(0) == 0x8086a701 && (rd(0x1e0) & 0x8030) == 0x8030, "eight timers with messages");
	machine_free_test(m);
}

static void one_shot(void)
{
	begin(NULL);
	wr(0x10, 1);
	wrq(0x108, 1000);
	wr(0x100, 0x0404);
	clock_step(m, 9990);
	ok(!test_line(m, PIN2), "before the match");
	clock_step(m, 10);
	ok(test_line(m, PIN2) && test_edges(m, PIN2) == 1, "an edge at the match");
	clock_step(m, 1000000);
	ok_eq(test_edges(m, PIN2), 0, "once");
	wrq(0x108, rdq(0xf0) + 100);
	clock_step(m, 1000);
	ok_eq(test_edges(m, PIN2), 1, "and again when it is set again");
	wr(0x100, 0x0406);
	wrq(0x108, rdq(0xf0) + 100);
	clock_step(m, 1000);
	ok(rd(0x20) == 1 && test_line(m, PIN2), "level: the status bit holds the line");
	wr(0x20, 2);
	ok(rd(0x20) == 1, "another bit does not clear it");
	wr(0x20, 1);
	ok(rd(0x20) == 0 && !test_line(m, PIN2), "its own does");
	wr(0x100, 0x0402);
	wrq(0x108, rdq(0xf0) + 100);
	clock_step(m, 1000);
	ok(rd(0x20) == 1 && !test_line(m, PIN2), "without enable only the status");
	wr(0x100, 0x0406);
	ok(test_line(m, PIN2), "which the enable shows");
	wr(0x20, 1);
	wrq(0xf0, 0xfffffff0);
	wr(0x100, 0x0504);
	wrq(0x108, 0x10);
	test_edges(m, PIN2);
	clock_step(m, 310);
	ok_eq(test_edges(m, PIN2), 0, "32-bit mode");
	clock_step(m, 10);
	ok_eq(test_edges(m, PIN2), 1, "matches after the low half has wrapped");
	machine_free_test(m);
}

static void periodic(void)
{
	begin(NULL);
	wr(0x10, 1);
	wr(0x100, 0x044c);
	wrq(0x108, 5000);
	wrq(0x108, 10000);
	clock_step(m, 49990);
	ok_eq(test_edges(m, PIN2), 0, "the first at the value that was set");
	clock_step(m, 10);
	ok_eq(test_edges(m, PIN2), 1, "comes");
	clock_step(m, 1000000);
	ok_eq(test_edges(m, PIN2), 10, "then every period");
	ok(rdq(0x108) == 115000, "the comparator moves on");
	ok_eq(rd(0x100) & 0x40, 0, "the set bit clears itself");
	wr(0x108, 1);
	clock_step(m, NS_PER_S / 10);
	ok(test_edges(m, PIN2) > 100, "a period of 10 ns does not hang");
	wr(0x100, 0x0408);
	test_edges(m, PIN2);
	clock_step(m, 1000000);
	ok_eq(test_edges(m, PIN2), 0, "disabled");
	machine_free_test(m);
}

static void legacy(void)
{
	const struct irq *in;

	begin("msi=on");
	in = hpet_legacy_inputs(d);
	irq_raise(&in[0]); irq_raise(&in[1]);
	ok(test_line(m, IRQ0) && test_line(m, IRQ8), "the 8254 and the RTC pass through");
	wr(0x10, 3);
	ok(!test_line(m, IRQ0) && !test_line(m, IRQ8), "legacy replacement cuts them off");
	irq_lower(&in[1]);
	wr(0x100, 4); wrq(0x108, rdq(0xf0) + 50);
	wr(0x120, 4); wrq(0x128, rdq(0xf0) + 60);
	test_edges(m, IRQ0);
	clock_step(m, 500);
	ok(test_line(m, IRQ0) && !test_line(m, IRQ8), "timer 0 is IRQ 0");
	clock_step(m, 100);
	ok(test_line(m, IRQ8), "timer 1 is IRQ 8");
	wr(0x10, 1);
	ok(test_line(m, IRQ0) && !test_line(m, IRQ8), "afterwards the old ones are back");
	wrq(0x150, 0x00004000000000abull);
	wr(0x140, 0x4004);
	wrq(0x148, rdq(0xf0) + 50);
	clock_step(m, 500);
	ok_eq(space_le32(m->memory, 0x4000), 0xab, "a message is a store");
	wrq(0x150, 0xfed000f000000001ull);
	wrq(0x148, rdq(0xf0) + 50);
	clock_step(m, 500);
	ok(true, "one onto itself does no harm");
	wr(0x100, 0x044c);
	wr(0x108, 5000);
	ok_str(test_round_trip(d, NULL), "", "the state goes round");
	d->type->reset(d);
	ok(rd(0x10) == 0 && rdq(0xf0) == 0 && rdq(0x108) == UINT64_MAX, "reset");
	machine_free_test(m);
}

/* The time of a match has come and the main loop has not, since the host had other work. */
static void slow_host(void)
{
	const unsigned at[] = {0x100, 0x108, 0x10, 0x128};
	const uint32_t value[] = {0x0404, 0x7fffffff, 1, 5};

	begin(NULL);
	wr(0x10, 1);
	for (int i = 0; i < 4; i++) {
		wr(0x100, 0x0404);
		wrq(0x108, rdq(0xf0) + 100);
		test_edges(m, PIN2);
		clock_look(m, 5000);
		rd(0xf0);
		clock_look(m, 0);
		wr(at[i], value[i]);
		ok_eq(test_edges(m, PIN2), 1, "a match is not lost by a write to register 0x%x", at[i]);
	}
	machine_free_test(m);
}

int main(void)
{
	slow_host();
	registers();
	one_shot();
	periodic();
	legacy();
	return tap_done();
}
