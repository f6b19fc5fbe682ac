/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the ACPI tables of a PC say. */
#ifndef EMU_CPU_PC_ACPI_H
#define EMU_CPU_PC_ACPI_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct machine;

struct pc_numa_range { uint64_t start, size; unsigned node; };
struct pc_acpi {
	unsigned cpus;            /* APIC identifiers 0..cpus-1 as below */
	const uint32_t *apic_id;
	const unsigned *cpu_node; /* NUMA; NULL without */
	unsigned nodes;
	const struct pc_numa_range *range;
	unsigned ranges;
	const uint8_t *distance;  /* nodes × nodes, NULL: 10 and 20 */
	uint32_t hole_start;      /* PCI memory below 4 GiB, to 0xfebfffff */
	uint64_t hole64_start, hole64_end; /* PCI memory above RAM; equal: none */
	uint16_t pm_base, gpe_base, hotplug_base;
	uint32_t hot_slots;       /* of bus 0: a bit each that functions come to and go from while the machine runs */
	uint8_t sci;
	bool hpet, s3, s4, smm, pci;
	bool floppy, keyboard, mouse;
	bool serial[4], parallel[3];
	const void *const *user;  /* -acpitable: complete tables */
	const uint32_t *user_size;
	unsigned users;
	const uint8_t *maker;     /* 14 bytes for RSDT and FADT; NULL: our own */
};

struct acpi_tables;
int pc_acpi_build(struct acpi_tables *t, const struct pc_acpi *p, struct err *e);
/* again: the tables are there already (acpi_tables_publish()). */
int pc_acpi_publish(struct machine *m, const struct pc_acpi *p, bool again, struct err *e);
#endif
