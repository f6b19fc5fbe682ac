/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of ACPI tables on its way to the firmware: one blob of tables, the root pointer, and the script by which the firmware
 * places them in memory, fills in pointers and makes the checksums right (fw_cfg files etc/acpi/tables, etc/acpi/rsdp,
 * etc/table-loader).
 */
#ifndef EMU_CPU_ACPI_TABLES_H
#define EMU_CPU_ACPI_TABLES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct machine;
struct acpi_tables;

struct acpi_tables *acpi_tables_new(void); /* NULL: out of memory */
void acpi_tables_free(struct acpi_tables *t);

/*
 * The makers' names in the root table and the FADT: 14 bytes, identifier and table identifier, as a SLIC brings them (Microsoft's OEM activation
 * compares them). Before those tables begin.
 */
void acpi_tables_maker(struct acpi_tables *t, const uint8_t maker[14]);

/* A table with the standard header: begin, add its body, end. begin returns its offset, which pointers name. */
uint32_t acpi_table_begin(struct acpi_tables *t, const char signature[4], uint8_t revision);
void acpi_table_end(struct acpi_tables *t);
/* A table that has no standard header or brings its own (FACS, -acpitable): align is a power of two. */
uint32_t acpi_table_raw(struct acpi_tables *t, const void *data, size_t size, unsigned align);
/* In the root table too, with its checksum made right. */
void acpi_table_list(struct acpi_tables *t, uint32_t offset);
void acpi_table_checksum(struct acpi_tables *t, uint32_t offset, uint32_t size, uint32_t at);

void acpi_put(struct acpi_tables *t, uint64_t v, unsigned bytes); /* little-endian, 1..8 */
void acpi_put_bytes(struct acpi_tables *t, const void *p, size_t n);
void acpi_put_zero(struct acpi_tables *t, size_t n);
/* A pointer of 4 or 8 bytes to the table at `target`. */
void acpi_put_pointer(struct acpi_tables *t, uint32_t target, unsigned bytes);
/* Generic address structure (5.2.3.1): space 0 memory, 1 I/O; access 0..4. */
void acpi_put_address(struct acpi_tables *t, unsigned space, unsigned bits, unsigned access, uint64_t address);

/* Makes the root table of all that were listed, and the three files' contents, which stay t's. */
struct acpi_files {
	uint8_t root[20];
	const uint8_t *tables, *script;
	size_t tables_size, script_size;
};
int acpi_tables_finish(struct acpi_tables *t, struct acpi_files *f, struct err *e);
/* Finishes, and gives them to fw_cfg: new files, or (again) the same ones with new contents of the same sizes. */
int acpi_tables_publish(struct acpi_tables *t, struct machine *m, bool again, struct err *e);
/* fn is called when firmware is about to read them: it may publish them again. */
void acpi_tables_on_read(struct machine *m, void (*fn)(void *opaque), void *opaque);
#endif
