/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables that the user brings: -acpitable. */
#ifndef EMU_CPU_ACPI_USER_H
#define EMU_CPU_ACPI_USER_H
#include <stdint.h>
#include "base/err.h"

struct machine;

struct acpi_user {
	unsigned count;
	void **table;      /* whole tables, headers included; their checksums are made right later */
	uint32_t *size;
	const uint8_t *slic; /* one of them is a SLIC; NULL: none */
};

/* All of config.acpitable. acpi_user_free() after failure, and after success when the tables are not needed any more. */
int acpi_user_read(struct machine *m, struct acpi_user *u, struct err *e);
void acpi_user_free(struct acpi_user *u);
#endif
