// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ACPI tables of the i440FX PC: DSDT, FADT, FACS, MADT, HPET, SRAT and SLIT where there is NUMA, WAET (ACPI 5.0, 5.2; IA-PC HPET 1.0a,
 * 3.2.4).
 */
#include "pc-acpi.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../acpi-tables.h"
#include "../aml.h"
#include "../machine.h"

enum { IOAPIC_BASE = 0xfec00000, LAPIC_BASE = 0xfee00000, HPET_BASE = 0xfed00000 };
enum { SMI_PORT = 0xb2, ACPI_ENABLE = 0xf1, ACPI_DISABLE = 0xf0 };

/* ---- DSDT ---- */

/* A legacy device with fixed ports and an interrupt. */
static void isa_device(struct aml *a, const char *name, const char *id, uint16_t port, uint8_t length, unsigned irq)
{
	aml_device(a, name);
	aml_name_eisaid(a, "_HID", id);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_io(a, port, port, 1, length);
	if (irq)
		aml_res_irq(a, (uint16_t)(1u << irq));
	aml_resources_end(a);
	aml_end(a);
}

struct isa_place { uint16_t port; uint8_t irq; };

/* Ports of one kind that are there, eight registers each: COM1…, LPT1…. */
static void numbered_ports(struct aml *a, const char *prefix, const char *id, const bool there[], const struct isa_place at[], unsigned count,
			   uint8_t align)
{
	for (unsigned i = 0; i < count; i++) {
		char name[5] = {prefix[0], prefix[1], prefix[2], (char)('1' + i), 0};
		if (!there[i])
			continue;
		aml_device(a, name);
		aml_name_eisaid(a, "_HID", id);
		aml_name_int(a, "_UID", i + 1);
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_res_io(a, at[i].port, at[i].port, align, 8);
		aml_res_irq(a, (uint16_t)(1u << at[i].irq));
		aml_resources_end(a);
		aml_end(a);
	}
}

static void isa_devices(struct aml *a, const struct pc_acpi *p)
{
	isa_device(a, "RTC", "PNP0B00", 0x70, 8, 8);
	if (p->keyboard) {
		aml_device(a, "KBD");
		aml_name_eisaid(a, "_HID", "PNP0303");
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_res_io(a, 0x60, 0x60, 1, 1);
		aml_res_io(a, 0x64, 0x64, 1, 1);
		aml_res_irq(a, 1 << 1);
		aml_resources_end(a);
		aml_end(a);
	}
	if (p->mouse) {
		aml_device(a, "MOU");
		aml_name_eisaid(a, "_HID", "PNP0F13");
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_res_irq(a, 1 << 12);
		aml_resources_end(a);
		aml_end(a);
	}
	if (p->floppy) {
		aml_device(a, "FDC0");
		aml_name_eisaid(a, "_HID", "PNP0700");
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_res_io(a, 0x3f2, 0x3f2, 0, 4);
		aml_res_io(a, 0x3f7, 0x3f7, 0, 1);
		aml_res_irq(a, 1 << 6);
		aml_res_dma(a, 1 << 2, 0);
		aml_resources_end(a);
		aml_end(a);
	}
	static const struct isa_place serial[4] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}}, parallel[3] = {{0x378, 7}, {0x278, 5}, {0x3bc, 7}};
	numbered_ports(a, "COM", "PNP0501", p->serial, serial, 4, 0);
	numbered_ports(a, "LPT", "PNP0400", p->parallel, parallel, 3, 8);
}

static void hpet_device(struct aml *a)
{
	aml_device(a, "\\_SB.HPET");
	aml_name_eisaid(a, "_HID", "PNP0103");
	aml_name_int(a, "_UID", 0);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_memory32(a, HPET_BASE, 0x400, false);
	aml_resources_end(a);
	aml_end(a);
}

/*
 * Interrupt links: LNKA..LNKD read and write PIRQRC[A:D] of the bridge; an operating system that uses the interrupt controllers of old
 * chooses among 5, 10 and 11, and with the I/O APIC the same inputs appear there.
 */
static void links(struct aml *a)
{
	aml_scope(a, "\\_SB.PCI0.ISA");
	aml_region(a, "P40C", 2, 0x60, 4);
	aml_end(a);
	aml_scope(a, "\\_SB");
	static const struct aml_field routes[] = {{"PRQ0", 8}, {"PRQ1", 8}, {"PRQ2", 8}, {"PRQ3", 8}};
	aml_fields(a, "PCI0.ISA.P40C", 1, routes, 4);
	/* Status of a link: present, and enabled when the route's top bit is clear. */
	aml_method(a, "IQST", 1, false);
	aml_if(a);
	aml_op(a, AML_AND), aml_int(a, 0x80), aml_arg(a, 0), aml_op(a, AML_ZERO);
	aml_op(a, AML_RETURN), aml_int(a, 9);
	aml_end(a);
	aml_op(a, AML_RETURN), aml_int(a, 11);
	aml_end(a);
	/* Present settings: a template with the route's number put in. */
	aml_method(a, "IQCR", 1, true);
	aml_name(a, "PRR0");
	aml_resources(a);
	aml_res_interrupt(a, 0, true, true);
	aml_resources_end(a);
	aml_op(a, AML_CREATE_DWORD_FIELD), aml_ref(a, "PRR0"), aml_int(a, 5), aml_ref(a, "PRRI");
	aml_if(a);
	aml_op(a, AML_LLESS), aml_arg(a, 0), aml_int(a, 0x80);
	aml_op(a, AML_STORE), aml_arg(a, 0), aml_ref(a, "PRRI");
	aml_end(a);
	aml_op(a, AML_RETURN), aml_ref(a, "PRR0");
	aml_end(a);
	for (unsigned n = 0; n < 4; n++) {
		char name[5] = {'L', 'N', 'K', (char)('A' + n), 0}, route[5] = {'P', 'R', 'Q', (char)('0' + n), 0};
		static const uint32_t choice[3] = {5, 10, 11};
		aml_device(a, name);
		aml_name_eisaid(a, "_HID", "PNP0C0F");
		aml_name_int(a, "_UID", n);
		aml_name(a, "_PRS");
		aml_resources(a);
		/* One descriptor with three numbers. */
		static const uint8_t head[5] = {0x89, 14, 0, 9, 3};
		aml_bytes(a, head, sizeof head);
		for (unsigned i = 0; i < 3; i++) {
			uint8_t le[4] = {(uint8_t)choice[i], 0, 0, 0};
			aml_bytes(a, le, 4);
		}
		aml_resources_end(a);
		aml_method(a, "_STA", 0, false);
		aml_op(a, AML_RETURN), aml_ref(a, "IQST"), aml_ref(a, route);
		aml_end(a);
		aml_method(a, "_DIS", 0, false);
		aml_op(a, AML_OR), aml_ref(a, route), aml_int(a, 0x80), aml_ref(a, route);
		aml_end(a);
		aml_method(a, "_CRS", 0, false);
		aml_op(a, AML_RETURN), aml_ref(a, "IQCR"), aml_ref(a, route);
		aml_end(a);
		aml_method(a, "_SRS", 1, false);
		aml_op(a, AML_CREATE_DWORD_FIELD), aml_arg(a, 0), aml_int(a, 5), aml_ref(a, "PRRI");
		aml_op(a, AML_STORE), aml_ref(a, "PRRI"), aml_ref(a, route);
		aml_end(a);
		aml_end(a);
	}
	/* The SCI has a link of its own: fixed at its number. */
	aml_device(a, "LNKS");
	aml_name_eisaid(a, "_HID", "PNP0C0F");
	aml_name_int(a, "_UID", 4);
	aml_name(a, "_PRS");
	aml_resources(a);
	aml_res_interrupt(a, 9, true, true);
	aml_resources_end(a);
	aml_method(a, "_STA", 0, false);
	aml_op(a, AML_RETURN), aml_int(a, 11);
	aml_end(a);
	aml_method(a, "_DIS", 0, false);
	aml_end(a);
	aml_method(a, "_CRS", 0, false);
	aml_op(a, AML_RETURN), aml_ref(a, "_PRS");
	aml_end(a);
	aml_method(a, "_SRS", 1, false);
	aml_end(a);
	aml_end(a);
	aml_end(a);
}

/* Each slot's pins, rotated as the board is wired; slot 1's pin A, the power management's, goes to the SCI. */
static void routing(struct aml *a)
{
	aml_name(a, "_PRT");
	aml_package(a, 128);
	for (unsigned slot = 0; slot < 32; slot++)
		for (unsigned pin = 0; pin < 4; pin++) {
			char link[5] = {'L', 'N', 'K', (char)('A' + ((slot + pin + 3) & 3)), 0};
			aml_package(a, 4);
			aml_int(a, (uint64_t)slot << 16 | 0xffff);
			aml_int(a, pin);
			aml_ref(a, slot == 1 && pin == 0 ? "LNKS" : link);
			aml_int(a, 0);
			aml_end(a);
		}
	aml_end(a);
}

static void pci_bus(struct aml *a, const struct pc_acpi *p)
{
	aml_scope(a, "\\_SB");
	aml_device(a, "PCI0");
	aml_name_eisaid(a, "_HID", "PNP0A03");
	aml_name_int(a, "_ADR", 0);
	aml_name_int(a, "_UID", 0);
	routing(a);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_bus(a, 0, 255);
	aml_res_io(a, 0xcf8, 0xcf8, 1, 8);
	aml_res_window_io(a, 0, 0xcf7);
	aml_res_window_io(a, 0xd00, 0xffff);
	aml_res_window32(a, 0xa0000, 0xbffff, true);
	aml_res_window32(a, p->hole_start, 0xfebfffff, false);
	if (p->hole64_end > p->hole64_start)
		aml_res_window64(a, p->hole64_start, p->hole64_end - 1, true);
	aml_resources_end(a);
	aml_device(a, "ISA");
	aml_name_int(a, "_ADR", 0x00010000);
	isa_devices(a, p);
	aml_end(a);
	/* Ports of the power management, which no BAR tells. */
	aml_device(a, "GPE0");
	aml_name_eisaid(a, "_HID", "PNP0C02");
	aml_name_string(a, "_UID", "GPE0 resources");
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_io(a, p->gpe_base, p->gpe_base, 1, 4);
	aml_res_io(a, p->pm_base, p->pm_base, 1, 64);
	aml_res_io(a, p->hotplug_base, p->hotplug_base, 1, 16);
	aml_resources_end(a);
	aml_end(a);
	aml_end(a);
	aml_end(a);
}

/*
 * Slots that functions come to and go from (5.6.6, 6.3.3): each is a device with _EJ0, and the event's handler reads which slots are meant and notifies
 * them: 1, look at it; 3, let go of it. The registers are acpi-hotplug.c's.
 */
static void hot_slots(struct aml *a, const struct pc_acpi *p)
{
	static const struct aml_field pending[] = {{"PCIU", 32}, {"PCID", 32}}, ejecting[] = {{"PCEJ", 32}};
	char name[5];
	aml_scope(a, "\\_SB.PCI0");
	aml_region(a, "PCST", 1, p->hotplug_base, 8);
	aml_fields(a, "PCST", 3, pending, 2);
	aml_region(a, "SEJ", 1, p->hotplug_base + 8u, 4);
	aml_fields(a, "SEJ", 3, ejecting, 1);
	for (unsigned slot = 0; slot < 32; slot++) {
		if (!(p->hot_slots >> slot & 1))
			continue;
		snprintf(name, sizeof name, "S%02X", slot);
		aml_device(a, name);
		aml_name_int(a, "_ADR", (uint64_t)slot << 16);
		aml_name_int(a, "_SUN", slot);
		aml_method(a, "_EJ0", 1, false);
		aml_op(a, AML_STORE), aml_int(a, 1u << slot), aml_ref(a, "PCEJ");
		aml_end(a);
		aml_end(a);
	}
	aml_method(a, "PCNT", 2, true);
	for (unsigned slot = 0; slot < 32; slot++) {
		if (!(p->hot_slots >> slot & 1))
			continue;
		snprintf(name, sizeof name, "S%02X", slot);
		aml_if(a);
		aml_op(a, AML_AND), aml_arg(a, 0), aml_int(a, 1u << slot), aml_op(a, AML_ZERO);
		aml_op(a, AML_NOTIFY), aml_ref(a, name), aml_arg(a, 1);
		aml_end(a);
	}
	aml_end(a);
	aml_end(a);
}

static void hotplug_event(struct aml *a)
{
	aml_method(a, "_E01", 0, true);
	aml_ref(a, "\\_SB.PCI0.PCNT"), aml_ref(a, "\\_SB.PCI0.PCIU"), aml_int(a, 1);
	aml_ref(a, "\\_SB.PCI0.PCNT"), aml_ref(a, "\\_SB.PCI0.PCID"), aml_int(a, 3);
	aml_end(a);
}

static void sleep_state(struct aml *a, const char *name, unsigned type)
{
	aml_name(a, name);
	aml_package(a, 4);
	aml_int(a, type);
	aml_int(a, type);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_end(a);
}

static void processors(struct aml *a, const struct pc_acpi *p)
{
	aml_scope(a, "\\_SB");
	for (unsigned i = 0; i < p->cpus; i++) {
		char name[5];
		snprintf(name, sizeof name, "C%03X", i & 0xfff);
		if (p->apic_id[i] < 255) {
			aml_processor(a, name, (uint8_t)i, 0, 0);
			aml_end(a);
			continue;
		}
		aml_device(a, name); /* more than a Processor object's byte can name */
		aml_name_string(a, "_HID", "ACPI0007");
		aml_name_int(a, "_UID", i);
		aml_end(a);
	}
	aml_end(a);
}

static int dsdt(struct acpi_tables *t, const struct pc_acpi *p, uint32_t *at, struct err *e)
{
	struct aml a = {0};
	uint8_t *code;
	size_t size;
	if (p->pci) {
		pci_bus(&a, p);
		hot_slots(&a, p);
		links(&a);
	}
	if (p->hpet)
		hpet_device(&a);
	processors(&a, p);
	if (p->s3)
		sleep_state(&a, "\\_S3", 1);
	if (p->s4)
		sleep_state(&a, "\\_S4", 2);
	sleep_state(&a, "\\_S5", 0);
	aml_scope(&a, "\\_GPE");
	aml_name_string(&a, "_HID", "ACPI0006");
	if (p->pci)
		hotplug_event(&a);
	aml_end(&a);
	int r = aml_take(&a, &code, &size);
	if (r)
		return err_set(e, -r, "ACPI tables: out of memory");
	*at = acpi_table_begin(t, "DSDT", 1);
	acpi_put_bytes(t, code, size);
	acpi_table_end(t);
	free(code);
	return 0;
}

/* ---- static tables ---- */

static uint32_t facs(struct acpi_tables *t)
{
	uint8_t f[64] = "FACS";
	f[4] = sizeof f;
	return acpi_table_raw(t, f, sizeof f, 64);
}

static void fadt(struct acpi_tables *t, const struct pc_acpi *p, uint32_t facs_at, uint32_t dsdt_at)
{
	acpi_table_list(t, acpi_table_begin(t, "FACP", 3));
	acpi_put_pointer(t, facs_at, 4);
	acpi_put_pointer(t, dsdt_at, 4);
	acpi_put(t, 1, 1); /* dual 8259 */
	acpi_put(t, 0, 1); /* profile: unspecified */
	acpi_put(t, p->sci, 2);
	acpi_put(t, SMI_PORT, 4);
	acpi_put(t, ACPI_ENABLE, 1);
	acpi_put(t, ACPI_DISABLE, 1);
	acpi_put_zero(t, 2);
	acpi_put(t, p->pm_base, 4);
	acpi_put(t, 0, 4);
	acpi_put(t, p->pm_base + 4u, 4);
	acpi_put(t, 0, 4);
	acpi_put(t, 0, 4);
	acpi_put(t, p->pm_base + 8u, 4);
	acpi_put(t, p->gpe_base, 4);
	acpi_put(t, 0, 4);
	acpi_put(t, 4, 1); /* lengths: PM1 event, control, PM2, timer, GPE0, GPE1 */
	acpi_put(t, 2, 1);
	acpi_put(t, 0, 1);
	acpi_put(t, 4, 1);
	acpi_put(t, 4, 1);
	acpi_put(t, 0, 1);
	acpi_put(t, 0, 1);
	acpi_put(t, 0, 1);
	acpi_put(t, 0xfff, 2); /* no C2, no C3 */
	acpi_put(t, 0xfff, 2);
	acpi_put_zero(t, 4);
	acpi_put(t, 0, 2);
	acpi_put(t, 0, 1);
	acpi_put(t, 0, 1);
	acpi_put(t, 0x32, 1);  /* RTC century register */
	acpi_put(t, 3, 2);     /* legacy devices, 8042 */
	acpi_put(t, 0, 1);
	/* WBINVD, C1, power button is a fixed event, sleep button is none, RTC wakes from S4 */
	acpi_put(t, 1u | 1u << 2 | 1u << 5 | 1u << 7 | 1u << 10, 4);
	acpi_put_address(t, 1, 8, 0, 0xcf9);
	acpi_put(t, 6, 1);
	acpi_put_zero(t, 3);
	acpi_put_zero(t, 8);
	acpi_put_pointer(t, dsdt_at, 8);
	acpi_put_address(t, 1, 32, 0, p->pm_base);
	acpi_put_address(t, 0, 0, 0, 0);
	acpi_put_address(t, 1, 16, 0, p->pm_base + 4u);
	acpi_put_address(t, 0, 0, 0, 0);
	acpi_put_address(t, 0, 0, 0, 0);
	acpi_put_address(t, 1, 32, 0, p->pm_base + 8u);
	acpi_put_address(t, 1, 32, 0, p->gpe_base);
	acpi_put_address(t, 0, 0, 0, 0);
	acpi_table_end(t);
}

static void madt(struct acpi_tables *t, const struct pc_acpi *p)
{
	acpi_table_list(t, acpi_table_begin(t, "APIC", 1));
	acpi_put(t, LAPIC_BASE, 4);
	acpi_put(t, 1, 4); /* 8259s are there too */
	for (unsigned i = 0; i < p->cpus; i++) {
		if (p->apic_id[i] < 255) {
			acpi_put(t, 0, 1), acpi_put(t, 8, 1), acpi_put(t, i, 1), acpi_put(t, p->apic_id[i], 1), acpi_put(t, 1, 4);
		} else {
			acpi_put(t, 9, 1), acpi_put(t, 16, 1), acpi_put(t, 0, 2), acpi_put(t, p->apic_id[i], 4);
			acpi_put(t, 1, 4), acpi_put(t, i, 4);
		}
	}
	acpi_put(t, 1, 1), acpi_put(t, 12, 1), acpi_put(t, 0, 1), acpi_put(t, 0, 1), acpi_put(t, IOAPIC_BASE, 4), acpi_put(t, 0, 4);
	/* Overrides: the timer is at input 2; PCI links and the SCI are level-triggered and active high. */
	static const struct { uint8_t irq, gsi; uint16_t flags; } over[] = {{0, 2, 0}, {5, 5, 0xd}, {9, 9, 0xd}, {10, 10, 0xd}, {11, 11, 0xd}};
	for (unsigned i = 0; i < sizeof over / sizeof over[0]; i++) {
		acpi_put(t, 2, 1), acpi_put(t, 10, 1), acpi_put(t, 0, 1), acpi_put(t, over[i].irq, 1), acpi_put(t, over[i].gsi, 4);
		acpi_put(t, over[i].flags, 2);
	}
	acpi_put(t, 4, 1), acpi_put(t, 6, 1), acpi_put(t, 255, 1), acpi_put(t, 0, 2), acpi_put(t, 1, 1); /* NMI at LINT1 of all */
	acpi_table_end(t);
}

static void hpet(struct acpi_tables *t)
{
	acpi_table_list(t, acpi_table_begin(t, "HPET", 1));
	acpi_put(t, 0x8086a201, 4);
	acpi_put_address(t, 0, 0, 0, HPET_BASE);
	acpi_put(t, 0, 1);
	acpi_put(t, 0, 2);
	acpi_put(t, 0, 1);
	acpi_table_end(t);
}

static void srat(struct acpi_tables *t, const struct pc_acpi *p)
{
	acpi_table_list(t, acpi_table_begin(t, "SRAT", 1));
	acpi_put(t, 1, 4);
	acpi_put_zero(t, 8);
	for (unsigned i = 0; i < p->cpus; i++) {
		unsigned node = p->cpu_node ? p->cpu_node[i] : 0;
		if (p->apic_id[i] < 255) {
			acpi_put(t, 0, 1), acpi_put(t, 16, 1), acpi_put(t, node & 0xff, 1), acpi_put(t, p->apic_id[i], 1), acpi_put(t, 1, 4);
			acpi_put(t, 0, 1), acpi_put_zero(t, 3), acpi_put(t, 0, 4);
		} else {
			acpi_put(t, 2, 1), acpi_put(t, 24, 1), acpi_put_zero(t, 2), acpi_put(t, node, 4), acpi_put(t, p->apic_id[i], 4);
			acpi_put(t, 1, 4), acpi_put_zero(t, 8);
		}
	}
	for (unsigned i = 0; i < p->ranges; i++) {
		acpi_put(t, 1, 1), acpi_put(t, 40, 1), acpi_put(t, p->range[i].node, 4), acpi_put_zero(t, 2);
		acpi_put(t, p->range[i].start, 8), acpi_put(t, p->range[i].size, 8), acpi_put_zero(t, 4), acpi_put(t, 1, 4);
		acpi_put_zero(t, 8);
	}
	acpi_table_end(t);
}

static void slit(struct acpi_tables *t, const struct pc_acpi *p)
{
	acpi_table_list(t, acpi_table_begin(t, "SLIT", 1));
	acpi_put(t, p->nodes, 8);
	for (unsigned i = 0; i < p->nodes; i++)
		for (unsigned k = 0; k < p->nodes; k++)
			acpi_put(t, p->distance ? p->distance[i * p->nodes + k] : i == k ? 10 : 20, 1);
	acpi_table_end(t);
}

/* Timers here need neither of the work-arounds that Windows has (Windows ACPI Emulated Devices Table). */
static void waet(struct acpi_tables *t)
{
	acpi_table_list(t, acpi_table_begin(t, "WAET", 1));
	acpi_put(t, 2, 4); /* one read of the PM timer is enough */
	acpi_table_end(t);
}

int pc_acpi_build(struct acpi_tables *t, const struct pc_acpi *p, struct err *e)
{
	uint32_t facs_at = facs(t), dsdt_at = 0;
	if (p->maker)
		acpi_tables_maker(t, p->maker);
	int r = dsdt(t, p, &dsdt_at, e);
	if (r)
		return r;
	fadt(t, p, facs_at, dsdt_at);
	madt(t, p);
	if (p->hpet)
		hpet(t);
	if (p->nodes) {
		srat(t, p);
		if (p->nodes > 1)
			slit(t, p);
	}
	waet(t);
	for (unsigned i = 0; i < p->users; i++) {
		uint32_t at = acpi_table_raw(t, p->user[i], p->user_size[i], 16);
		acpi_table_checksum(t, at, p->user_size[i], at + 9);
		acpi_table_list(t, at);
	}
	return 0;
}

int pc_acpi_publish(struct machine *m, const struct pc_acpi *p, bool again, struct err *e)
{
	struct acpi_tables *t = acpi_tables_new();
	if (!t)
		return err_set(e, ENOMEM, "ACPI tables: out of memory");
	int r = pc_acpi_build(t, p, e);
	if (!r)
		r = acpi_tables_publish(t, m, again, e);
	acpi_tables_free(t);
	return r;
}
