// SPDX-License-Identifier: GPL-2.0-or-later
/* The fixed hardware of ACPI; see acpi-regs.h. */
#include "acpi-regs.h"
#include <errno.h>
#include "machine.h"

#define TIMER_HZ 3579545ull
enum { TIMER_BITS = 24 };
enum { STATUS = 0, ENABLE = 2, CONTROL = 4, TIMER = 8 };
enum { SLEEP_TYPE_SHIFT = 10, SLEEP_ENABLE = 1 << 13 };
/* SLP_TYP values of the chips; the board's \_Sx objects give the same. */
enum { TYPE_OFF = 0, TYPE_SUSPEND = 1, TYPE_HIBERNATE = 2 };
#define ENABLE_BITS (ACPI_PM1_TMR | ACPI_PM1_GBL | ACPI_PM1_PWRBTN | ACPI_PM1_SLPBTN | ACPI_PM1_RTC)
#define STATUS_BITS (ENABLE_BITS | ACPI_PM1_WAK | 1 << 4)

static uint64_t ticks(const struct acpi_regs *a)
{
	return muldiv(clock_ns(a->owner->machine, CLOCK_VIRT), TIMER_HZ, NS_PER_S);
}

/* TMR_STS is set whenever bit 23 of the timer changes (4.8.3.3): the half periods that have passed since the guest cleared it. */
static void timer_status(struct acpi_regs *a)
{
	uint64_t half = ticks(a) >> (TIMER_BITS - 1);
	if (half != a->timer_seen) {
		a->timer_seen = half;
		a->status |= ACPI_PM1_TMR;
	}
}

static void update(struct acpi_regs *a)
{
	timer_status(a);
	bool level = (a->status & a->enable & ENABLE_BITS) || (a->gpe_status & a->gpe_enable);
	level = level && a->control & ACPI_SCI_EN;
	if (level != a->sci_level) {
		a->sci_level = level;
		irq_set(a->sci, level);
	}
	if (a->enable & ACPI_PM1_TMR && !(a->status & ACPI_PM1_TMR))
		timer_set(a->overflow, muldiv((a->timer_seen + 1) << (TIMER_BITS - 1), NS_PER_S, TIMER_HZ) + 1);
	else
		timer_stop(a->overflow);
}

static void overflowed(void *opaque)
{
	update(opaque);
}

static void sleep_enter(struct acpi_regs *a, unsigned type)
{
	struct machine *m = a->owner->machine;
	switch (type) {
	case TYPE_OFF:
		machine_request(m, REQUEST_SHUTDOWN, "guest-shutdown");
		break;
	case TYPE_SUSPEND:
		if (a->s3)
			machine_request(m, REQUEST_SUSPEND, "guest-suspend");
		else
			guest_error(a->owner, "suspend to RAM is switched off (disable_s3)");
		break;
	case TYPE_HIBERNATE:
		if (!a->s4) {
			guest_error(a->owner, "suspend to disk is switched off (disable_s4)");
			break;
		}
		machine_event(m, "SUSPEND_DISK", NULL);
		machine_request(m, REQUEST_SHUTDOWN, "guest-shutdown");
		break;
	default:
		guest_error(a->owner, "sleep type %u means nothing to this chip", type);
	}
}

/* ---- registers ---- */

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned size)
{
	struct acpi_regs *a = opaque;
	(void)size;
	timer_status(a);
	switch (offset) {
	case STATUS: return a->status;
	case ENABLE: return a->enable;
	case CONTROL: return a->control;
	default: return 0;
	}
}

static void pm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct acpi_regs *a = opaque;
	(void)size;
	switch (offset) {
	case STATUS:
		timer_status(a);
		a->status &= (uint16_t)~(value & STATUS_BITS);
		break;
	case ENABLE: a->enable = (uint16_t)value & ENABLE_BITS; break;
	case CONTROL:
		a->control = (uint16_t)(value & ~(uint64_t)SLEEP_ENABLE & 0x1c07);
		if (value & SLEEP_ENABLE)
			sleep_enter(a, (unsigned)value >> SLEEP_TYPE_SHIFT & 7);
		break;
	default: break; /* the timer is read-only */
	}
	update(a);
}

/* The timer is read as a doubleword; a split read in two halves would tear. */
static uint64_t pm_read_whole(void *opaque, uint64_t offset, unsigned size)
{
	struct acpi_regs *a = opaque;
	if (offset >= TIMER) {
		uint32_t now = (uint32_t)ticks(a) & ((1u << TIMER_BITS) - 1);
		return offset < 12 ? now >> (8 * (offset - TIMER)) : 0;
	}
	uint64_t v = pm_read(opaque, offset & ~1ull, 2) >> (8 * (offset & 1));
	if (size == 4)
		v |= pm_read(opaque, offset + 2, 2) << 16;
	return v;
}

static void pm_write_whole(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	const struct acpi_regs *a = opaque;
	if (size == 1) {
		/* The other byte keeps its value; in the status register, where ones clear, it stays as it is with zeros. */
		uint64_t other = offset >= ENABLE ? pm_read(opaque, offset & ~1ull, 2) : 0;
		unsigned shift = 8 * (offset & 1);
		pm_write(opaque, offset & ~1ull, (other & ~(0xffull << shift)) | (value & 0xff) << shift, 2);
		return;
	}
	if (offset & 1) {
		guest_error(a->owner, "access of %u bytes at odd PM register 0x%x", size, (unsigned)offset);
		return;
	}
	pm_write(opaque, offset, value & 0xffff, 2);
	if (size == 4)
		pm_write(opaque, offset + 2, value >> 16, 2);
}

static uint64_t gpe_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct acpi_regs *a = opaque;
	(void)size;
	bool enable = offset >= a->gpe_bytes;
	return (enable ? a->gpe_enable >> (8 * (offset - a->gpe_bytes)) : a->gpe_status >> (8 * offset)) & 0xff;
}

static void gpe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct acpi_regs *a = opaque;
	(void)size;
	if (offset < a->gpe_bytes) {
		a->gpe_status &= ~((uint32_t)value << (8 * offset));
	} else {
		unsigned shift = 8 * (unsigned)(offset - a->gpe_bytes);
		a->gpe_enable = (a->gpe_enable & ~(0xffu << shift)) | (uint32_t)(value & 0xff) << shift;
	}
	update(a);
}

static const struct region_ops pm_ops = {.read = pm_read_whole, .write = pm_write_whole, .min = 1, .max = 4, .impl_min = 1, .impl_max = 4};
static const struct region_ops gpe_ops = {.read = gpe_read, .write = gpe_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

/* ---- events ---- */

void acpi_sci_enable(struct acpi_regs *a, bool on)
{
	a->control = (uint16_t)(on ? a->control | ACPI_SCI_EN : a->control & ~ACPI_SCI_EN);
	update(a);
}

void acpi_power_button(struct acpi_regs *a)
{
	a->status |= ACPI_PM1_PWRBTN;
	update(a);
}

void acpi_gpe(struct acpi_regs *a, unsigned bit, bool level)
{
	if (level)
		a->gpe_status |= 1u << bit;
	update(a);
}

static void woken(void *opaque)
{
	struct acpi_regs *a = opaque;
	a->status |= ACPI_PM1_WAK | ACPI_PM1_PWRBTN;
	update(a);
}

static void powerdown(void *opaque)
{
	acpi_power_button(opaque);
}

/* ---- life ---- */

int acpi_regs_init(struct acpi_regs *a, struct device *owner, const struct irq *sci, unsigned gpe_bytes, struct err *e)
{
	struct machine *m = owner->machine;
	a->owner = owner;
	a->sci = sci;
	a->gpe_bytes = (uint8_t)gpe_bytes;
	a->pm = region_new_io(m, "acpi-pm", 64, &pm_ops, a);
	a->gpe = region_new_io(m, "acpi-gpe0", 2 * gpe_bytes, &gpe_ops, a);
	a->overflow = timer_new(m, CLOCK_VIRT, overflowed, a);
	if (!a->pm || !a->gpe || !a->overflow) {
		acpi_regs_free(a);
		return err_set(e, ENOMEM, "%s: out of memory", owner->type->name);
	}
	machine_on_powerdown(m, powerdown, a);
	machine_on_wakeup(m, woken, a);
	return 0;
}

void acpi_regs_free(struct acpi_regs *a)
{
	if (a->pm)
		region_remove(a->pm), region_free(a->pm);
	if (a->gpe)
		region_remove(a->gpe), region_free(a->gpe);
	timer_free(a->overflow);
	a->pm = a->gpe = NULL;
	a->overflow = NULL;
}

void acpi_regs_reset(struct acpi_regs *a)
{
	a->status = a->enable = a->control = 0;
	a->gpe_status = a->gpe_enable = 0;
	a->timer_seen = ticks(a) >> (TIMER_BITS - 1);
	update(a);
}

void acpi_regs_saving(struct acpi_regs *a)
{
	timer_status(a);
}

void acpi_regs_loaded(struct acpi_regs *a)
{
	a->sci_level = false;
	update(a);
}

const struct field acpi_regs_fields[] = {
	F_UINT(struct acpi_regs, status),     F_UINT(struct acpi_regs, enable),     F_UINT(struct acpi_regs, control),
	F_UINT(struct acpi_regs, gpe_status), F_UINT(struct acpi_regs, gpe_enable), F_UINT(struct acpi_regs, timer_seen),
	F_END,
};
