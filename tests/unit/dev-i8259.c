/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interrupt controllers of a PC/AT, register by register (Intel 8259A data sheet). */
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;
static struct device *pic;
static const struct irq *in;

static void init(uint8_t icw4)
{
	test_outb(m, 0x20, 0x11); test_outb(m, 0x21, 0x20); test_outb(m, 0x21, 4); test_outb(m, 0x21, icw4); test_outb(m, 0x21, 0);
	test_outb(m, 0xa0, 0x11); test_outb(m, 0xa1, 0x28); test_outb(m, 0xa1, 2); test_outb(m, 0xa1, 1); test_outb(m, 0xa1, 0);
}

static void fresh(uint8_t icw4)
{
	for (int i = 0; i < 16; i++)
		irq_lower(&in[i]);
	pic->type->reset(pic);
	init(icw4);
}

static uint8_t isr(uint16_t port) { test_outb(m, port, 0x0b); return test_inb(m, port); }
static uint8_t irr(uint16_t port) { test_outb(m, port, 0x0a); return test_inb(m, port); }

static void edges(void)
{
	fresh(1);
	ok(!i8259_pending(pic) && !test_line(m, 40), "nothing is pending after initialisation");
	irq_raise(&in[3]);
	ok(i8259_pending(pic) && test_line(m, 40), "a rise makes INT high");
	ok_eq(irr(0x20), 8, "IRR shows it");
	ok_eq(i8259_acknowledge(pic), 0x23, "INTA gives the vector: ICW2 and the input");
	ok(irr(0x20) == 0 && isr(0x20) == 8 && !test_line(m, 40), "it moves from IRR to ISR and INT falls");
	irq_lower(&in[3]); irq_raise(&in[3]);
	ok(!i8259_pending(pic), "the same level waits for the end of interrupt");
	irq_raise(&in[5]);
	ok(!i8259_pending(pic), "so does a lower priority");
	irq_raise(&in[1]);
	ok(i8259_pending(pic), "a higher one nests");
	ok_eq(i8259_acknowledge(pic), 0x21, "and is acknowledged");
	test_outb(m, 0x20, 0x20);
	ok_eq(isr(0x20), 8, "a non-specific EOI ends the highest in service");
	test_outb(m, 0x20, 0x20);
	ok_eq(i8259_acknowledge(pic), 0x23, "then the second edge of 3 comes");
	test_outb(m, 0x20, 0x63);
	ok_eq(i8259_acknowledge(pic), 0x25, "a specific EOI ends what it names");
	fresh(1);
	irq_raise(&in[4]);
	irq_lower(&in[4]);
	ok(!i8259_pending(pic) && irr(0x20) == 0, "an input that falls before INTA is forgotten");
	ok_eq(i8259_acknowledge(pic), 0x27, "and INTA gives the spurious IR7");
	ok_eq(isr(0x20), 0, "which is not in service");
	irq_raise(&in[4]);
	test_outb(m, 0x20, 0x11); test_outb(m, 0x21, 0x20); test_outb(m, 0x21, 4); test_outb(m, 0x21, 1);
	ok(!i8259_pending(pic), "ICW1 clears the edge latches: a line that is high must rise again");
	ok_eq(test_inb(m, 0x21), 0, "ICW1 clears the mask");
}

static void masks(void)
{
	fresh(1);
	test_outb(m, 0x21, 0xfb);
	ok_eq(test_inb(m, 0x21), 0xfb, "OCW1 reads back");
	irq_raise(&in[0]);
	ok(!i8259_pending(pic) && irr(0x20) == 1, "a masked input stays in IRR");
	test_outb(m, 0x21, 0xfa);
	ok(i8259_pending(pic), "and comes when it is unmasked");
	ok_eq(i8259_acknowledge(pic), 0x20, "with its vector");
	irq_raise(&in[6]);
	test_outb(m, 0x21, 0x01);
	ok(!i8259_pending(pic), "a masked level in service still holds back lower ones");
	test_outb(m, 0x20, 0x68);
	ok(i8259_pending(pic), "until special mask mode");
	ok_eq(i8259_acknowledge(pic), 0x26, "lets them through");
	test_outb(m, 0x20, 0x20);
	ok_eq(isr(0x20), 1, "a non-specific EOI spares the masked level");
	test_outb(m, 0x20, 0x48);
	test_outb(m, 0x20, 0x20);
	ok_eq(isr(0x20), 0, "outside special mask mode it does not");
}

static void cascade(void)
{
	fresh(1);
	irq_raise(&in[12]);
	ok(irr(0x20) == 4 && irr(0xa0) == 0x10, "an input of the slave comes through IR2");
	ok_eq(i8259_acknowledge(pic), 0x2c, "with the slave's vector");
	ok(isr(0x20) == 4 && isr(0xa0) == 0x10, "both are in service");
	irq_raise(&in[8]);
	ok(irr(0xa0) & 1, "a higher input of the slave is seen by the slave");
	ok(!i8259_pending(pic), "but held back by the master's IR2");
	irq_raise(&in[1]);
	ok_eq(i8259_acknowledge(pic), 0x21, "while the master's own higher inputs nest");
	test_outb(m, 0x20, 0x20);
	test_outb(m, 0xa0, 0x20);
	test_outb(m, 0x20, 0x20);
	ok_eq(i8259_acknowledge(pic), 0x28, "after both EOIs it comes");
	fresh(0x11);
	irq_raise(&in[12]);
	ok_eq(i8259_acknowledge(pic), 0x2c, "special fully nested mode:");
	irq_raise(&in[8]);
	ok(i8259_pending(pic) && i8259_acknowledge(pic) == 0x28, "the slave's higher inputs nest");
	fresh(1);
	irq_raise(&in[10]);
	irq_lower(&in[10]);
	irq_raise(&in[10]);
	test_outb(m, 0xa1, 0xff);
	ok(!i8259_pending(pic), "a mask on the slave takes its request back");
	irq_raise(&in[2]);
	test_outb(m, 0xa1, 0xfd);
	ok_eq(i8259_acknowledge(pic), 0x29, "IRQ 2 of the bus is input 9");
	fresh(1);
	irq_raise(&in[15]);
	test_outb(m, 0x21, 0);
	ok_eq(test_inb(m, 0xa1), 0, "slave unmasked");
	test_outb(m, 0x20, 0x0c);
	ok_eq(test_inb(m, 0x20), 0x82, "the poll command reads as INTA: request and level");
	ok_eq(isr(0x20), 4, "and puts it in service");
	test_outb(m, 0xa0, 0x0c);
	ok_eq(test_inb(m, 0xa0), 0x87, "then the slave is polled");
	test_outb(m, 0xa0, 0x0c);
	ok_eq(test_inb(m, 0xa0) & 0x80, 0, "a poll without a request has bit 7 clear");
}

static void rotation(void)
{
	fresh(3);
	irq_raise(&in[4]);
	ok(i8259_acknowledge(pic) == 0x24 && isr(0x20) == 0, "automatic EOI leaves nothing in service");
	irq_lower(&in[4]);
	test_outb(m, 0x20, 0x80);
	irq_raise(&in[4]);
	ok_eq(i8259_acknowledge(pic), 0x24, "rotation in automatic EOI mode:");
	irq_lower(&in[4]);
	irq_raise(&in[4]);
	irq_raise(&in[5]);
	ok_eq(i8259_acknowledge(pic), 0x25, "4 has become the lowest, 5 the highest");
	fresh(1);
	test_outb(m, 0x20, 0xc3);
	irq_raise(&in[3]);
	irq_raise(&in[4]);
	ok_eq(i8259_acknowledge(pic), 0x24, "set priority makes 3 the lowest");
	test_outb(m, 0x20, 0xa0);
	ok_eq(isr(0x20), 0, "rotate on non-specific EOI ends it");
	irq_lower(&in[4]);
	irq_raise(&in[4]);
	ok_eq(i8259_acknowledge(pic), 0x23, "and makes it the lowest");
	test_outb(m, 0x20, 0xe6);
	test_outb(m, 0x20, 0x63);
	irq_raise(&in[7]); irq_raise(&in[6]);
	test_outb(m, 0x21, 0x10);
	ok_eq(i8259_acknowledge(pic), 0x27, "rotate on specific EOI names the lowest");
}

static void levels(void)
{
	fresh(1);
	test_outb(m, 0x4d0, 0xff);
	test_outb(m, 0x4d1, 0xff);
	ok(test_inb(m, 0x4d0) == 0xf8 && test_inb(m, 0x4d1) == 0xde, "ELCR: the board's own inputs stay edge-triggered");
	irq_raise(&in[11]);
	ok_eq(i8259_acknowledge(pic), 0x2b, "a level");
	test_outb(m, 0xa0, 0x20); test_outb(m, 0x20, 0x20);
	ok(i8259_pending(pic), "comes again while it is high");
	irq_lower(&in[11]);
	ok(!i8259_pending(pic), "and not when it is low");
	irq_raise(&in[5]);
	test_outb(m, 0x20, 0x11); test_outb(m, 0x21, 0x40); test_outb(m, 0x21, 4); 
	ok(!i8259_pending(pic), "no request passes while ICWs are missing");
	test_outb(m, 0x21, 1);
	ok_eq(i8259_acknowledge(pic), 0x45, "a high level survives ICW1");
	test_outb(m, 0x20, 0x12);
	test_outb(m, 0x21, 0x50);
	test_outb(m, 0x21, 0xa5);
	ok_eq(test_inb(m, 0x21), 0xa5, "ICW1 without ICW4 and cascade: the second byte is OCW1 again");
}

int main(void)
{
	struct device *other;

	m = machine_new_test();
	pic = test_device(m, "isa-i8259", NULL);
	in = i8259_inputs(pic);
	i8259_connect(pic, test_irq(m, 40));
	edges();
	masks();
	cascade();
	rotation();
	levels();
	irq_raise(&in[1]);
	other = test_device(m, "isa-i8259", NULL);
	ok_str(test_round_trip(pic, other), "", "its state goes round");
	machine_free_test(m);
	return tap_done();
}
