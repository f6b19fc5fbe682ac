/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small devices: watchdogs, exit port, pvpanic, the test device of kvm-unit-tests. */
#include <linux/input-event-codes.h>
#include "../../cmd/emu-cpu/display.h"
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/pci.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;

static void ib700(void)
{
	struct device *d;

	m = machine_new_test();
	m->config.watchdog_action = WATCHDOG_PAUSE;
	m->state = RUN_RUNNING;
	d = test_device(m, "ib700", NULL);
	ok_eq(test_inb(m, 0x443), 0xff, "ib700: nothing to read");
	clock_step(m, 100 * NS_PER_S);
	ok(m->state == RUN_RUNNING, "silent until it is started");
	test_outb(m, 0x443, 10);
	clock_step(m, 9 * NS_PER_S);
	test_outb(m, 0x443, 10);
	clock_step(m, 9 * NS_PER_S);
	test_turn(m);
	ok(m->state == RUN_RUNNING, "fed in time");
	test_outb(m, 0x441, 0);
	clock_step(m, 100 * NS_PER_S);
	test_turn(m);
	ok(m->state == RUN_RUNNING, "or stopped");
	test_outb(m, 0x443, 0);
	ok_str(test_round_trip(d, NULL), "", "the state goes round");
	test_outb(m, 0x443, 0);
	clock_step(m, 29 * NS_PER_S);
	test_turn(m);
	ok(m->state == RUN_RUNNING, "0 is 30 seconds");
	clock_step(m, 2 * NS_PER_S);
	test_turn(m);
	ok_str(run_state_name(m->state), "watchdog", "then the action");
	machine_free_test(m);
}

static void i6300esb(void)
{
	struct pci_device *d;
	uint64_t bar = 0x80000000;

	m = machine_new_test();
	m->config.watchdog_action = WATCHDOG_PAUSE;
	m->state = RUN_RUNNING;
	d = pci_device(test_device(m, "i6300esb", NULL));
#define CONFIG(at, v, n) pci_config_write(pci_bus_of(d), 0, d->devfn, at, v, n)
#define RD(at) space_le32(m->memory, bar + (at))
#define WR(at, v) space_st_le32(m->memory, bar + (at), v)
#define UNLOCKED(at, v) (WR(12, 0x80), WR(12, 0x86), WR(at, v))
	ok_eq(pci_config_read(pci_bus_of(d), 0, d->devfn, 0, 4), 0x25ab8086, "i6300esb is found");
	CONFIG(0x10, (uint32_t)bar, 4);
	CONFIG(4, 2, 2);
	ok(RD(0) == 0xfffff && RD(4) == 0xfffff && RD(8) == 0 && RD(12) == 0, "registers after reset");
	WR(0, 5);
	ok_eq(RD(0), 0xfffff, "a preload needs the unlocking sequence");
	UNLOCKED(0, 1000);
	UNLOCKED(4, 2000);
	ok(RD(0) == 1000 && RD(4) == 2000, "after which it is taken");
	CONFIG(0x68, 2, 1);
	clock_step(m, 900000000);
	ok_eq(RD(8), 0, "the first stage runs");
	UNLOCKED(12, 0x100);
	clock_step(m, 900000000);
	ok_eq(RD(8), 0, "a reload begins anew");
	clock_step(m, 100000000);
	ok(RD(8) == 1, "about a second later: the interrupt");
	WR(8, 1);
	ok_eq(RD(8), 0, "cleared by writing 1");
	clock_step(m, 1800000000);
	ok(m->state == RUN_RUNNING && RD(12) == 0, "the second stage runs");
	clock_step(m, 300000000);
	test_turn(m);
	ok(m->state == RUN_WATCHDOG && RD(12) == 0x200, "and ends: the action, and the time-out bit");
	UNLOCKED(12, 0x200);
	ok_eq(RD(12), 0, "cleared by writing 1");
	machine_continue(m);
	CONFIG(0x60, 0x27, 2);
	CONFIG(0x68, 0, 1);
	CONFIG(0x68, 7, 1);
	CONFIG(0x68, 0, 1);
	ok_eq(pci_config_read(pci_bus_of(d), 0, d->devfn, 0x68, 1), 7, "locked: it can no more be switched off");
	clock_step(m, NS_PER_S);
	test_turn(m);
	ok(m->state == RUN_RUNNING && RD(12) == 0x200 && RD(8) == 0, "free-running in microseconds: no output, no interrupt");
	ok_str(test_round_trip(&d->dev, NULL), "", "the state goes round");
	machine_free_test(m);
}

static void testdev(void)
{
	struct device *d;

	m = machine_new_test();
	d = test_device(m, "pc-testdev", NULL);
	test_outl(m, 0xe0, 0x12345678);
	ok(test_inb(m, 0xe1) == 0x56 && test_inw(m, 0xe2) == 0x1234, "a register in parts");
	test_outb(m, 0xe0, 0xff);
	ok_eq(test_inl(m, 0xe0), 0x123456ff, "and whole");
	test_outl(m, 0xe8, 0xaabbccdd);
	ok_eq(test_inl(m, 0xe0), 0xaabbccdd, "in bytes");
	test_outb(m, 0x2005, 1);
	ok(test_line(m, 5), "a line raised");
	test_outb(m, 0x2005, 0);
	ok(!test_line(m, 5), "and lowered");
	test_outb(m, 0x2017, 1);
	test_outl(m, 0xe4, 0x1000);
	space_st_le64(m->memory, 0xff001001, 0x1122334455667788);
	ok(space_le32(m->memory, 0xff001003) == 0x33445566, "memory that remembers");
	test_outb(m, 0x2006, 1);
	ok_str(test_round_trip(d, NULL), "", "the state goes round");
	test_device(m, "isa-debug-exit", NULL);
	ok(test_inb(m, 0x501) == 0, "the exit port reads as 0");
	test_device(m, "pvpanic", NULL);
	ok_eq(test_inb(m, 0x505), 1, "pvpanic knows one event");
	m->state = RUN_RUNNING;
	test_outb(m, 0x505, 2);
	test_turn(m);
	ok(m->state == RUN_RUNNING, "others are ignored");
	test_outb(m, 0x505, 1);
	test_turn(m);
	ok(m->state != RUN_RUNNING, "a panic ends or pauses the machine");
	machine_free_test(m);
}

static uint32_t *backdoor(struct device *d, uint32_t cx, uint32_t bx)
{
	static uint32_t r[4];

	r[0] = 0x564d5868;
	r[1] = bx;
	r[2] = cx;
	r[3] = 0x5658;
	vmport_command(d, r);
	return r;
}

static void vmware(void)
{
	struct device *d, *p;
	uint32_t *r, wrong[4] = {1, 2, 0x0a, 4};

	m = machine_new_test();
	m->config.ram_size = 512 << 20;
	test_device(m, "i8042", NULL);
	p = test_device(m, "vmport", NULL);
	d = test_device(m, "vmmouse", NULL);
	ok_eq(test_inl(m, 0x5658), 0xffffffff, "the backdoor answers processors only");
	vmport_command(p, wrong);
	ok(wrong[0] == UINT32_MAX && wrong[1] == 2, "and those who know the magic");
	r = backdoor(p, 0x0a, 0);
	ok(r[0] == 6 && r[1] == 0x564d5868, "version 6");
	ok_eq(backdoor(p, 0x14, 0)[0], 512, "512 MiB");
	ok_eq(backdoor(p, 0x5f, 0)[0], 0xffffffff, "an unknown command");
	ok_eq(backdoor(p, 0x28, 0)[0], 0xffff0000, "the pointer is off");
	backdoor(p, 0x29, 0x45414552);
	ok_eq(backdoor(p, 0x28, 0)[0], 1, "on, a word waits");
	ok_eq(backdoor(p, 0x27, 1)[0], 0x3442554a, "its version");
	backdoor(p, 0x29, 0x53424152);
	test_outb(m, 0x64, 0xd4); test_outb(m, 0x60, 0xf4);
	while (test_inb(m, 0x64) & 1) {
		test_inb(m, 0x60);
		clock_step(m, 200000);
	}
	input_position(m, 100, 32767);
	input_button(m, BTN_LEFT, true);
	input_sync(m);
	ok(test_inb(m, 0x64) & 0x20, "an event is announced by the PS/2 mouse");
	ok_eq(backdoor(p, 0x28, 0)[0], 4, "and waits");
	ok_str(test_round_trip(d, NULL), "", "the state goes round");
	r = backdoor(p, 0x27, 4);
	ok(r[0] == 0x20 && r[1] == 200 && r[2] == 65534 && r[3] == 0, "buttons, x, y, wheel");
	input_wheel(m, 1);
	input_sync(m);
	ok_eq(backdoor(p, 0x27, 4)[3], 0xffffffff, "the wheel");
	ok_eq(backdoor(p, 0x27, 4)[0], 0xffff0000, "words that are not there: an error");
	backdoor(p, 0x29, 0x45414552);
	backdoor(p, 0x29, 0xf5);
	ok_eq(backdoor(p, 0x28, 0)[0], 0xffff0000, "off");
	machine_free_test(m);
}

int main(void)
{
	ib700();
	i6300esb();
	testdev();
	vmware();
	return tap_done();
}
