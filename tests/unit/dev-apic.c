/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APICs, the I/O APIC and messages between them (Intel SDM volume 3, chapter 10; 82093AA data sheet). */
#include <errno.h>
#include "../../cmd/emu-cpu/dev/intc/apic.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

#define CPUS 4
static struct machine *m;
static struct vcpu *v[CPUS];
static struct apic *a[CPUS];
static struct vcpu *self;
static uint64_t tsc_now, hz = 2000000000;

static void see_interrupt(struct vcpu *c, bool on) { c->seen.interrupt = on; }
static void see_nmi(struct vcpu *c) { c->seen.nmi++; }
static void see_smi(struct vcpu *c) { c->seen.smi++; }
static void see_init(struct vcpu *c) { c->seen.init++; }
static void see_sipi(struct vcpu *c, uint8_t vector) { c->seen.sipi++; c->seen.vector = vector; }
static uint64_t tsc(struct vcpu *c) { (void)c; return tsc_now + clock_ns(m, CLOCK_VIRT) * 2; }
static uint64_t tsc_hz(struct vcpu *c) { (void)c; return hz; }
static struct vcpu *current(void) { return self; }
static const struct apic_processor processor = {see_interrupt, see_nmi, see_smi, see_init, see_sipi, tsc, tsc_hz, current};

static uint32_t rd(unsigned offset)
{
	enum mem_result r;

	return (uint32_t)space_load(m->memory, 0xfee00000 + offset, 4, &r);
}

static void wr(unsigned offset, uint32_t value)
{
	enum mem_result r;

	space_store(m->memory, 0xfee00000 + offset, value, 4, &r);
}

static void on(int n) { self = v[n]; }

static void begin(void)
{
	struct err e = ERR_INIT;

	m = machine_new_test();
	for (int i = 0; i < CPUS; i++) {
		v[i] = vcpu_new_test(m);
		a[i] = apic_new(m, v[i], (unsigned)i, &e);
		a[i]->processor = &processor;
		vcpu_set_apic(v[i], a[i]);
	}
	for (int i = 0; i < CPUS; i++) {
		on(i);
		wr(0xf0, 0x1ff);
		memset(&v[i]->seen, 0, sizeof v[i]->seen);
	}
	on(0);
}

static int drain(int n)
{
	int x = apic_pending(a[n]) ? apic_acknowledge(a[n]) : -1;

	if (x >= 0) {
		on(n);
		wr(0xb0, 0);
		on(0);
	}
	return x;
}

static void registers(void)
{
	unsigned wrong = 0;

	begin();
	on(2);
	ok(rd(0x20) == 2u << 24 && rd(0x30) == 0x01050014, "ID and version of the processor that asks");
	on(0);
	ok(rd(0x20) == 0 && apic_get_base(a[0]) == 0xfee00900 && apic_get_base(a[1]) == 0xfee00800, "base; the first is the boot processor");
	apic_reset(a[1], false);
	on(1);
	ok(rd(0x80) == 0 && rd(0xe0) == 0xffffffff && rd(0xd0) == 0 && rd(0xf0) == 0xff && rd(0x3e0) == 0, "values after reset");
	for (unsigned r = 0x320; r <= 0x370; r += 0x10)
		wrong += rd(r) != 0x10000;
	ok_eq(wrong, 0, "all local vectors are masked");
	wr(0x350, 0x700);
	ok_eq(rd(0x350), 0x10700, "while the APIC is off the masks stay");
	wr(0xf0, 0x1ff);
	wr(0x350, 0x700);
	ok_eq(rd(0x350), 0x700, "on, they open");
	wr(0xf0, 0xff);
	ok_eq(rd(0x350), 0x10700, "off again sets them");
	wr(0xf0, 0x1ff);
	wr(0xd0, 0xab123456); wr(0xe0, 0x0);
	ok(rd(0xd0) == 0xab000000 && rd(0xe0) == 0x0fffffff, "LDR and DFR keep their bits");
	wr(0x280, 0);
	wr(0x400, 1);
	wr(0x280, 0);
	ok_eq(rd(0x280), 0x80, "an access to no register is an error in ESR");
	wr(0x280, 0);
	ok_eq(rd(0x280), 0, "which a write clears");
	wr(0x300, 0x4000 | 5);
	wr(0x280, 0);
	ok_eq(rd(0x280), 0x20, "sending a vector below 16");
	wr(0x370, 0xe1);
	wr(0x320, 5);
	wr(0x380, 1000);
	clock_step(m, 3000);
	wr(0x280, 0);
	ok(rd(0x280) == 0x40 && apic_acknowledge(a[1]) == 0xe1, "receiving one; the error vector comes");
	self = NULL;
	ok_eq(rd(0x20), 0xffffffff, "outside of a processor there is no APIC");
	on(1);
	ok(apic_set_base(a[1], 0xfef00800) == 0 && rd(0x20) == 0xffffffff, "the base can be moved");
	enum mem_result r;
	ok_eq(space_load(m->memory, 0xfef00030, 4, &r), 0x01050014, "and the registers answer there");
	ok(apic_set_base(a[1], 0xfee00000) == 0 && rd(0x30) == 0xffffffff, "or switched off");
	ok(apic_set_base(a[1], 0xfee00400) == -EINVAL && apic_set_base(a[1], 0xfee00801) == -EINVAL, "impossible bases are refused");
	machine_free_test(m);
}

static void priorities(void)
{
	begin();
	apic_message(m, 0xfee00000, 0x4041);
	ok(v[0]->seen.interrupt && apic_pending(a[0]) && rd(0x220) == 2, "a message sets IRR");
	apic_message(m, 0xfee00000, 0x4081);
	ok_eq(apic_acknowledge(a[0]), 0x81, "the highest vector first");
	ok(rd(0x140) == 2 && rd(0xa0) == 0x80, "in service; PPR follows");
	ok(!apic_pending(a[0]) && apic_acknowledge(a[0]) == -1, "lower ones wait");
	apic_message(m, 0xfee00000, 0x408f);
	ok(!apic_pending(a[0]), "so does one of the same class");
	apic_message(m, 0xfee00000, 0x4091);
	ok_eq(apic_acknowledge(a[0]), 0x91, "a higher class nests");
	wr(0xb0, 0);
	ok_eq(rd(0x140), 2, "EOI ends the highest");
	wr(0xb0, 0);
	ok_eq(apic_acknowledge(a[0]), 0x8f, "then");
	wr(0xb0, 0);
	wr(0x80, 0x45);
	ok(!apic_pending(a[0]) && rd(0xa0) == 0x45, "TPR holds its class back");
	ok_eq(apic_get_tpr(a[0]), 4, "CR8 is its upper half");
	apic_set_tpr(a[0], 3);
	ok(rd(0x80) == 0x30 && apic_acknowledge(a[0]) == 0x41, "and lets it go");
	wr(0xb0, 0);
	wr(0xb0, 0);
	ok(apic_acknowledge(a[0]) == -1, "an EOI too many does nothing");
	wr(0xf0, 0xff);
	apic_message(m, 0xfee00000, 0x4041);
	ok(!apic_pending(a[0]), "switched off by software it takes no vectors");
	apic_message(m, 0xfee00000, 0x400);
	ok_eq(v[0]->seen.nmi, 1, "but an NMI");
	machine_free_test(m);
}

static int who(void)
{
	int mask = 0;

	for (int i = 0; i < CPUS; i++) {
		if (drain(i) >= 0)
			mask |= 1 << i;
		mask |= v[i]->seen.nmi ? 16 << i : 0;
		v[i]->seen.nmi = 0;
	}
	return mask;
}

static void destinations(void)
{
	begin();
	apic_message(m, 0xfee02000, 0x4050);
	ok_eq(who(), 4, "physical: processor 2");
	apic_message(m, 0xfeeff000, 0x4050);
	ok_eq(who(), 15, "physical 255: all");
	for (int i = 0; i < CPUS; i++) {
		on(i);
		wr(0xd0, 1u << (24 + i));
	}
	on(0);
	apic_message(m, 0xfee0a004, 0x4050);
	ok_eq(who(), 10, "flat logical: a mask");
	apic_message(m, 0xfee06004, 0x4150);
	int first = who();
	apic_message(m, 0xfee06004, 0x4150);
	ok((first | who()) == 6 && first != 6 && first, "lowest priority takes turns among equals");
	on(1);
	wr(0x80, 0x20);
	on(0);
	for (int i = 0; i < 4; i++) {
		apic_message(m, 0xfee06004, 0x4150);
		if (who() != 4)
			ok(0, "lowest priority chose the busy one");
	}
	apic_message(m, 0xfee0600c, 0x4050);
	ok_eq(who(), 4, "a redirection hint means the same");
	for (int i = 0; i < CPUS; i++) {
		on(i);
		wr(0x80, 0);
		wr(0xe0, 0);
		wr(0xd0, (uint32_t)(((i / 2) << 4) | 1 << i % 2) << 24);
	}
	on(0);
	apic_message(m, 0xfee13004, 0x4050);
	ok_eq(who(), 12, "cluster logical: members of a cluster");
	apic_message(m, 0xfee02004, 0x4050);
	ok_eq(who(), 2, "of another");
	apic_message(m, 0xfeeff004, 0x400);
	ok_eq(who(), 0xf0, "an NMI to all");
	apic_message(m, 0xfee01000, 0x4250);
	apic_message(m, 0xfee01000, 0x4350);
	ok(v[1]->seen.smi == 1 && who() == 0, "SMI; a reserved mode is dropped");
	wr(0x310, 3u << 24); wr(0x300, 0x4055);
	ok_eq(who(), 8, "an IPI to 3");
	wr(0x300, 0x44055);
	ok_eq(who(), 1, "to itself");
	wr(0x300, 0x84055);
	ok_eq(who(), 15, "to all");
	wr(0x300, 0xc4055);
	ok_eq(who(), 14, "to all others");
	wr(0x310, 2u << 24); wr(0x300, 0x4500);
	ok(v[2]->seen.init == 1 && (on(2), rd(0xf0)) == 0xff, "INIT resets the other's APIC");
	on(0);
	wr(0x300, 0x8500);
	ok_eq(v[2]->seen.init, 1, "its de-assertion is no INIT");
	wr(0x300, 0x4699);
	ok(v[2]->seen.sipi == 1 && v[2]->seen.vector == 0x99, "STARTUP carries its vector");
	space_st_le32(m->memory, 0xfee03000, 0x4052);
	ok_eq(who(), 8, "a store by a device is a message");
	machine_free_test(m);
}

static void timers(void)
{
	unsigned n = 0;
	uint64_t x;

	begin();
	wr(0x3e0, 0xb);
	wr(0x320, 0x60);
	wr(0x380, 1000);
	clock_step(m, 400);
	ok_eq(rd(0x390), 600, "divide by 1: 1 GHz");
	clock_step(m, 599);
	ok(!apic_pending(a[0]), "one-shot");
	clock_step(m, 1);
	ok(drain(0) == 0x60 && rd(0x390) == 0, "fires at zero");
	clock_step(m, 100000);
	ok(drain(0) == -1, "once");
	wr(0x3e0, 3);
	wr(0x320, 0x20061);
	wr(0x380, 1000);
	for (int i = 0; i < 10; i++) {
		clock_step(m, 16000);
		n += drain(0) == 0x61;
	}
	ok_eq(n, 10, "periodic, divided by 16");
	wr(0x320, 0x30061);
	clock_step(m, 50000);
	ok(drain(0) == -1 && rd(0x390) != 0, "masked, it counts on in silence");
	wr(0x320, 0x20061);
	clock_step(m, 16000);
	ok(drain(0) == 0x61, "and is heard again");
	clock_step(m, 8000);
	uint32_t left = rd(0x390);
	wr(0x3e0, 0xb);
	ok(rd(0x390) == left, "a new divider goes on from the count");
	wr(0x380, 0);
	clock_step(m, 1000000);
	ok(drain(0) == -1, "0 stops it");
	wr(0x320, 0x20061);
	wr(0x380, 1);
	clock_step(m, NS_PER_S / 100);
	ok(drain(0) == 0x61, "a period of a nanosecond does not hang");
	wr(0x320, 0x40062);
	ok(rd(0x380) == 0 && rd(0x390) == 0, "TSC-deadline mode stops the counter");
	wr(0x380, 77);
	ok_eq(rd(0x380), 0, "and ignores the initial count");
	x = tsc(v[0]) + 20000;
	ok(apic_msr_write(a[0], 0x6e0, x) == 0 && apic_msr_read(a[0], 0x6e0, &x) == 0 && x, "a deadline");
	clock_step(m, 9999);
	ok(drain(0) == -1, "is not reached");
	clock_step(m, 2);
	ok(drain(0) == 0x62 && apic_msr_read(a[0], 0x6e0, &x) == 0 && x == 0, "is reached, and gone");
	apic_msr_write(a[0], 0x6e0, 1);
	ok(drain(0) == 0x62, "one that is past fires at once");
	apic_msr_write(a[0], 0x6e0, UINT64_MAX);
	clock_step(m, NS_PER_S);
	ok(drain(0) == -1, "one at the end of time never");
	wr(0x320, 0x62);
	apic_msr_write(a[0], 0x6e0, 1);
	ok(drain(0) == -1 && apic_msr_read(a[0], 0x6e0, &x) == 0 && x == 0, "other modes ignore it");
	machine_free_test(m);
}

/* Time passes within a register access: the host had other work. */
static void slow_host(void)
{
	begin();
	wr(0x3e0, 0xb);
	wr(0x320, 0x60);
	clock_look(m, 1000000);
	wr(0x380, 1000);
	clock_look(m, 0);
	clock_step(m, 1000);
	ok(drain(0) == 0x60, "a count that is over before its register's write is done interrupts");
	wr(0x380, 1000);
	clock_look(m, 1500);
	wr(0x320, 0x10060);
	clock_look(m, 0);
	clock_step(m, 10000);
	ok(drain(0) == -1, "masked before it is over it does not");
	wr(0x320, 0x60);
	ok(drain(0) == -1 && (clock_step(m, 10000), drain(0)) == -1, "nor later");
	const char *const what[] = {"divider", "vector", "count"};
	const unsigned reg[] = {0x3e0, 0x320, 0x380};
	const uint32_t value[] = {0xb, 0x60, 5000000};
	for (int i = 0; i < 3; i++) {
		wr(0x320, 0x60);
		wr(0x380, 1000);
		/* The time has come and the main loop has not. */
		clock_look(m, 2000);
		rd(0x390);
		clock_look(m, 0);
		wr(reg[i], value[i]);
		ok(drain(0) == 0x60, "a count that was over is not lost by a write to the %s", what[i]);
	}
	wr(0x320, 0x40062);
	clock_look(m, 3000);
	apic_msr_write(a[0], 0x6e0, tsc(v[0]) + 4000);
	clock_look(m, 0);
	clock_step(m, 10000);
	ok(drain(0) == 0x62, "a deadline that passes while it is set interrupts");
	machine_free_test(m);
}

static void x2apic(void)
{
	uint64_t x = 0;
	uint32_t id = 0;

	begin();
	ok(apic_msr_read(a[1], 0x802, &x) == -EINVAL, "no x2APIC registers in xAPIC mode");
	for (int i = 0; i < CPUS; i++)
		id |= (uint32_t)apic_set_base(a[i], apic_get_base(a[i]) | 0x400);
	ok(id == 0, "x2APIC mode");
	ok(apic_msr_read(a[3], 0x802, &x) == 0 && x == 3 && apic_msr_read(a[3], 0x80d, &x) == 0 && x == 8, "id and logical id");
	ok_eq(rd(0x20), 0xffffffff, "the memory interface is gone");
	ok(apic_msr_write(a[0], 0x80d, 1) == -EINVAL && apic_msr_write(a[0], 0x802, 1) == -EINVAL && apic_msr_write(a[0], 0x803, 0) == -EINVAL,
	   "LDR, ID, version cannot be written");
	ok(apic_msr_write(a[0], 0x808, 0x100) == -EINVAL && apic_msr_write(a[0], 0x80b, 1) == -EINVAL &&
	   apic_msr_write(a[0], 0x828, 1) == -EINVAL && apic_msr_read(a[0], 0x80b, &x) == -EINVAL && apic_msr_read(a[0], 0x80e, &x) == -EINVAL,
	   "reserved bits and registers are #GP");
	ok(apic_msr_write(a[0], 0x830, 2ull << 32 | 0x4055) == 0 && apic_acknowledge(a[2]) == 0x55, "ICR in one write");
	ok(apic_msr_read(a[0], 0x830, &x) == 0 && x == (2ull << 32 | 0x4055), "and one read");
	apic_msr_write(a[2], 0x80b, 0);
	ok(apic_acknowledge(a[2]) == -1 && apic_msr_read(a[2], 0x812, &x) == 0 && x == 0, "EOI");
	apic_msr_write(a[0], 0x830, 0xcull << 32 | 0x4856);
	ok(apic_acknowledge(a[2]) == 0x56 && apic_acknowledge(a[3]) == 0x56 && apic_acknowledge(a[1]) == -1, "logical: cluster 0, two of it");
	apic_msr_write(a[0], 0x830, 0x1000cull << 32 | 0x4857);
	ok(apic_acknowledge(a[1]) == -1, "nobody is in cluster 1");
	apic_msr_write(a[0], 0x830, 0xffffffffull << 32 | 0x4858);
	ok(apic_acknowledge(a[0]) == 0x58 && apic_acknowledge(a[1]) == 0x58, "broadcast");
	apic_msr_write(a[0], 0x80b, 0);
	ok(apic_msr_write(a[0], 0x83f, 0x77) == 0 && apic_acknowledge(a[0]) == 0x77 && apic_msr_read(a[0], 0x83f, &x) == -EINVAL, "self IPI");
	ok(apic_set_base(a[0], 0xfee00900) == -EINVAL, "not straight back to xAPIC mode");
	ok(apic_set_base(a[0], 0xfee00100) == 0 && apic_set_base(a[0], 0xfee00d00) == -EINVAL && apic_set_base(a[0], 0xfee00900) == 0,
	   "but through off");
	ok(apic_msr_write(a[0], 0x700, 0) == -EINVAL && apic_msr_write(a[1], 0x840, 0) == -EINVAL, "MSRs around them are not ours");
	machine_free_test(m);
}

static void io(unsigned reg, uint32_t value)
{
	space_st_le32(m->memory, 0xfec00000, reg);
	space_st_le32(m->memory, 0xfec00010, value);
}

static uint32_t iord(unsigned reg)
{
	space_st_le32(m->memory, 0xfec00000, reg);
	return space_le32(m->memory, 0xfec00010);
}

static void ioapic(void)
{
	struct device *d;
	const struct irq *in;

	begin();
	d = test_device(m, "ioapic", NULL);
	in = ioapic_inputs(d);
	ok(iord(1) == 0x170020 && iord(0) == 0, "24 pins, version 0x20");
	ok(iord(0x10) == 0x10000 && iord(0x3e) == 0x10000 && iord(0x40) == 0, "all masked");
	io(0, 0x0f000000);
	ok(iord(0) == 0x0f000000 && iord(2) == 0x0f000000, "the id");
	io(0x13, 0x01000000);
	io(0x12, 0xffff0000 | 0x5030);
	ok_eq(iord(0x12), 0x10030, "read-only bits stay clear (remote IRR, status)");
	io(0x12, 0x31);
	ok(iord(0x13) == 0x01000000, "destination");
	irq_raise(&in[1]);
	ok_eq(drain(1), 0x31, "an edge is sent");
	irq_raise(&in[1]);
	ok_eq(drain(1), -1, "once");
	irq_lower(&in[1]);
	io(0x12, 0x10031);
	irq_raise(&in[1]);
	io(0x12, 0x31);
	ok_eq(drain(1), -1, "on a masked pin it is lost");
	io(0x14, 0x8032);
	irq_raise(&in[2]);
	ok(iord(0x14) == 0xc032 && apic_acknowledge(a[0]) == 0x32, "a level sets remote IRR");
	ok(rd(0x190) == 1u << 18, "TMR shows a level");
	irq_lower(&in[2]);
	irq_raise(&in[2]);
	ok(!apic_pending(a[0]) && (rd(0x210) & 1u << 18) == 0, "no second message before the EOI");
	wr(0xb0, 0);
	ok_eq(apic_acknowledge(a[0]), 0x32, "the EOI brings it again while the line is high");
	irq_lower(&in[2]);
	wr(0xb0, 0);
	ok(iord(0x14) == 0x8032 && apic_acknowledge(a[0]) == -1, "and ends it when it is low");
	wr(0xf0, 0x11ff);
	irq_raise(&in[2]);
	apic_acknowledge(a[0]);
	wr(0xb0, 0);
	ok_eq(iord(0x14), 0xc032, "with EOI broadcast suppressed remote IRR stays");
	irq_lower(&in[2]);
	space_st_le32(m->memory, 0xfec00040, 0x32);
	ok_eq(iord(0x14), 0x8032, "until the EOI register is written");
	irq_raise(&in[2]);
	apic_acknowledge(a[0]);
	io(0x14, 0x32);
	ok_eq(iord(0x14), 0x32, "or the pin becomes edge-triggered");
	io(0x16, 0x400);
	irq_raise(&in[3]);
	ok_eq(v[0]->seen.nmi, 1, "an NMI pin");
	io(0x17, 0x0f000000); io(0x16, 0x900 | 0x33);
	io(0x3f, 0x03000000); io(0x3e, 0x34);
	irq_raise(&in[23]);
	ok_eq(drain(3), 0x34, "pin 23 to processor 3");
	ok_str(test_round_trip(d, NULL), "", "its state goes round");
	for (int i = 0; i < CPUS; i++)
		ok_str(test_round_trip(&a[i]->dev, a[i] == a[0] ? &a[1]->dev : NULL), "", "and the APIC's");
	machine_free_test(m);
}

static void extint(void)
{
	struct device *pic;
	struct irq lint;

	begin();
	pic = test_device(m, "isa-i8259", NULL);
	m->i8259 = pic;
	irq_init(&lint, 1, NULL, NULL);
	test_outb(m, 0x20, 0x11); test_outb(m, 0x21, 8); test_outb(m, 0x21, 4); test_outb(m, 0x21, 1); test_outb(m, 0x21, 0);
	irq_raise(&i8259_inputs(pic)[1]);
	apic_extint(a[0], true);
	ok(apic_pending(a[0]), "the boot processor's LINT0 is a virtual wire from reset");
	wr(0x350, 0x10700);
	ok(!apic_pending(a[0]), "LINT0 masked: the 8259 is not heard");
	wr(0x350, 0x700);
	ok(apic_pending(a[0]) && apic_acknowledge(a[0]) == 9, "ExtINT: the vector is the 8259's");
	apic_extint(a[0], false);
	ok(!apic_pending(a[0]), "and gone with INT");
	wr(0x350, 0x45);
	apic_extint(a[0], true);
	ok_eq(apic_acknowledge(a[0]), 0x45, "fixed mode: LINT0's own vector");
	wr(0xb0, 0);
	apic_extint(a[0], false);
	wr(0x350, 0x8046);
	apic_extint(a[0], true);
	ok(apic_acknowledge(a[0]) == 0x46 && (rd(0x350) & 0x4000), "level: remote IRR");
	wr(0xb0, 0);
	ok(apic_acknowledge(a[0]) == 0x46, "again after EOI");
	apic_extint(a[0], false);
	wr(0xb0, 0);
	ok(apic_acknowledge(a[0]) == -1 && !(rd(0x350) & 0x4000), "until it falls");
	wr(0x350, 0x400);
	apic_extint(a[0], true);
	ok_eq(v[0]->seen.nmi, 1, "NMI mode");
	apic_extint(a[0], false);
	wr(0x360, 0x400);
	apic_nmi(m);
	ok(v[0]->seen.nmi == 2 && v[1]->seen.nmi == 0, "LINT1 where it is open");
	apic_set_base(a[0], 0xfee00100);
	test_outb(m, 0x20, 0x20);
	irq_lower(&i8259_inputs(pic)[1]);
	irq_raise(&i8259_inputs(pic)[1]);
	apic_extint(a[0], true);
	ok(apic_pending(a[0]) && apic_acknowledge(a[0]) == 9, "with the APIC off the 8259 has the processor to itself");
	machine_free_test(m);
}

int main(void)
{
	registers();
	priorities();
	destinations();
	timers();
	slow_host();
	x2apic();
	ioapic();
	extint();
	return tap_done();
}
