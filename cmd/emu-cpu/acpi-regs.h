/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fixed hardware of ACPI (specification 5.0, 4.8): PM1 event and control registers, the PM timer, one general-purpose event block.
 * Chips (PIIX4, ICH9) embed this and put its regions where their configuration registers say.
 */
#ifndef EMU_CPU_ACPI_REGS_H
#define EMU_CPU_ACPI_REGS_H
#include "device.h"

struct acpi_regs {
	struct device *owner;
	const struct irq *sci;
	struct region *pm, *gpe; /* PM1 event (0), control (4), timer (8); GPE0 status and enable */
	uint16_t status, enable, control;
	uint32_t gpe_status, gpe_enable;
	uint8_t gpe_bytes;       /* of status; the same of enable */
	bool sci_level;
	uint64_t timer_seen;     /* carries of the timer's top bit that were reported: derived from the clock and `status` */
	struct timer *overflow;
	bool s3, s4;             /* sleeping states that the board offers */
};

enum { ACPI_PM1_TMR = 1 << 0, ACPI_PM1_GBL = 1 << 5, ACPI_PM1_PWRBTN = 1 << 8, ACPI_PM1_SLPBTN = 1 << 9, ACPI_PM1_RTC = 1 << 10,
       ACPI_PM1_WAK = 1 << 15 };
enum { ACPI_SCI_EN = 1 };

/* sci: input of the interrupt controllers. gpe_bytes: of the status half, 2 or 4. */
int acpi_regs_init(struct acpi_regs *a, struct device *owner, const struct irq *sci, unsigned gpe_bytes, struct err *e);
void acpi_regs_free(struct acpi_regs *a);
void acpi_regs_reset(struct acpi_regs *a);
void acpi_regs_saving(struct acpi_regs *a);
void acpi_regs_loaded(struct acpi_regs *a);
void acpi_sci_enable(struct acpi_regs *a, bool on); /* what firmware's SMI command does */
void acpi_power_button(struct acpi_regs *a);
void acpi_gpe(struct acpi_regs *a, unsigned bit, bool level);
extern const struct field acpi_regs_fields[];
#endif
