/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of devices: a machine without processors whose clocks stand still until the test steps them.
 *
 *	struct machine *m = machine_new_test();
 *	struct device *d = test_device(m, "isa-…", "iobase=0x3f8,irq=4");   an ISA, PCI or system device, realized and reset
 *	ok_eq(test_inb(m, 0x3fd), 0x60, "…");
 *	clock_step(m, 1000000);
 *	ok(test_line(m, 4), "…");
 *	test_round_trip(d);
 *	machine_free_test(m);
 *
 * Memory is 16 MiB of RAM at 0 and 64 KiB of ports. The machine is locked by the caller all the time.
 */
#ifndef EMU_CPU_TESTING_H
#define EMU_CPU_TESTING_H
#include <stddef.h>
#include <stdint.h>
#include "isa-bus.h"
#include "machine.h"
#include "pci.h"
#include "vcpu.h"

#define TEST_RAM (16u << 20)
#define TEST_LINES 64

struct machine *machine_new_test(void);
void machine_free_test(struct machine *m);

/* An interrupt line to wire a device's output to: its level and its rising edges are kept. n: 0..TEST_LINES-1. 0..15 are the ISA bus's. */
const struct irq *test_irq(struct machine *m, unsigned n);
bool test_line(struct machine *m, unsigned n);
unsigned test_edges(struct machine *m, unsigned n); /* since it was last asked */

/* The ISA bus "isa.0" of the machine: its IRQs are test lines 0..15. */
struct isa_bus *test_isa(struct machine *m);

/* The PCI bus "pci.0": pins A..D of slot n go to test lines 16 + (n + pin) % 4. Bus masters see memory. */
struct pci_bus *test_pci(struct machine *m);

/* options: as after -device TYPE,; NULL: none. The bus is the machine's of that kind. Ends the test with the message when it cannot be made. */
struct device *test_device(struct machine *m, const char *type, const char *options);

uint8_t test_inb(struct machine *m, uint16_t port);
uint16_t test_inw(struct machine *m, uint16_t port);
uint32_t test_inl(struct machine *m, uint16_t port);
void test_outb(struct machine *m, uint16_t port, uint8_t v);
void test_outw(struct machine *m, uint16_t port, uint16_t v);
void test_outl(struct machine *m, uint16_t port, uint32_t v);

/* Lets what was posted to the main loop happen (completions, requests). */
void test_turn(struct machine *m);

/*
 * Saves the device's state, loads it into `other` (NULL: into the device itself after a reset), saves that again and compares.
 * "" when they are the same, else a sentence.
 */
const char *test_round_trip(struct device *d, struct device *other);
#endif
