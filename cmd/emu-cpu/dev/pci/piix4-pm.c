// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Intel 82371AB (PIIX4) function 3: power management and SMBus (data sheet 290562-001, April 1997, chapter 7).
 *
 * Modelled: ACPI fixed hardware and its timer, the SMI command port, a general-purpose event block at 0xafe0, hot-plugging of the bus at
 * 0xae00, the SMBus host controller. Not modelled: throttling, device monitors, the SMBus slave port; their registers keep what is written.
 */
#include <errno.h>
#include <string.h>
#include "../../acpi-hotplug.h"
#include "../../machine.h"
#include "../../pci.h"
#include "../../smbus.h"
#include "../../x86-parts.h"
#include "piix4-pm.h"

enum { PM_BASE = 0x40, DEVICE_ACTIVITY_B = 0x58, PM_MISC = 0x80, SMBUS_BASE = 0x90, SMBUS_CONFIG = 0xd2 };
enum { GPE_PORT = 0xafe0, APM_PORT = 0xb2 };
/* SMBus host registers (7.4) */
enum { HOST_STATUS = 0, SLAVE_STATUS = 1, HOST_CONTROL = 2, HOST_COMMAND = 3, HOST_ADDRESS = 4, HOST_DATA0 = 5, HOST_DATA1 = 6,
       HOST_BLOCK = 7, SMBUS_REGISTERS = 16 };
enum { STATUS_INTERRUPT = 2, STATUS_DEVICE_ERROR = 4, CONTROL_START = 0x40 };
enum { PROTOCOL_QUICK = 0, PROTOCOL_BYTE = 1, PROTOCOL_BYTE_DATA = 2, PROTOCOL_WORD_DATA = 3, PROTOCOL_BLOCK = 5 };
enum { ACPI_ENABLE = 0xf1, ACPI_DISABLE = 0xf0 };

struct piix4_pm {
	struct pci_device pci; /* first */
	struct acpi_regs acpi;
	struct acpi_hotplug hotplug;
	struct smbus smbus;
	struct region *smbus_ports, *apm_ports;
	uint64_t pm_at, smbus_at; /* where the regions are now; 0: nowhere */
	uint8_t apm_control, apm_status;
	uint8_t host[SMBUS_REGISTERS];
	uint8_t block[SMBUS_BLOCK], block_index;
	const struct irq *sci;
	bool disable_s3, disable_s4, smm;
};

/* ---- where the register blocks are ---- */

static void move(struct region *ports, struct region *r, uint64_t *at, uint64_t to)
{
	if (*at == to)
		return;
	if (*at)
		region_remove(r);
	*at = to;
	if (to)
		region_add(ports, to, r, 1);
}

static void map_update(struct piix4_pm *p)
{
	const uint8_t *c = p->pci.config;
	struct region *ports = pci_bus_of(&p->pci)->ports;
	uint64_t pm = c[PM_MISC] & 1 ? pci_get32(c + PM_BASE) & 0xffc0 : 0;
	uint64_t smbus = c[SMBUS_CONFIG] & 1 ? pci_get32(c + SMBUS_BASE) & 0xfff0 : 0;
	memory_begin(p->pci.dev.machine);
	move(ports, p->acpi.pm, &p->pm_at, pm);
	move(ports, p->smbus_ports, &p->smbus_at, smbus);
	memory_commit(p->pci.dev.machine);
}

static void config_written(struct pci_device *d, unsigned at, unsigned size, uint32_t old)
{
	(void)old;
	if (at + size > 0x40)
		map_update((struct piix4_pm *)d);
}

/* ---- SMI command port (7.1.23): firmware and the operating system talk through it ---- */

static uint64_t apm_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct piix4_pm *p = opaque;
	(void)size;
	return offset ? p->apm_status : p->apm_control;
}

static void apm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct piix4_pm *p = opaque;
	(void)size;
	if (offset) {
		p->apm_status = (uint8_t)value;
		return;
	}
	p->apm_control = (uint8_t)value;
	/* The handler of this board's firmware does no more for these two than the bit they are for. */
	if (value == ACPI_ENABLE || value == ACPI_DISABLE)
		acpi_sci_enable(&p->acpi, value == ACPI_ENABLE);
	struct machine *m = p->pci.dev.machine;
	if (p->smm && p->pci.config[DEVICE_ACTIVITY_B + 3] & 2 && m->cpus)
		vcpu_smi(m->vcpu[0]);
}

static const struct region_ops apm_ops = {.read = apm_read, .write = apm_write, .min = 1, .max = 1, .impl_min = 1, .impl_max = 1};

/* ---- SMBus host controller: transfers are over at once, and told by the status register alone (no firmware or driver asks for more) ---- */

static int transfer(struct piix4_pm *p, struct smbus_device *d)
{
	const struct smbus_class *c = d->dev.type->extra;
	uint8_t *h = p->host;
	bool read = h[HOST_ADDRESS] & 1;
	uint8_t out[2 + SMBUS_BLOCK] = {h[HOST_COMMAND]};
	unsigned count = 0;
	switch (h[HOST_CONTROL] >> 2 & 7) {
	case PROTOCOL_QUICK: return c->quick(d, read);
	case PROTOCOL_BYTE:
		if (read) {
			h[HOST_DATA0] = c->read(d);
			return 0;
		}
		return c->write(d, out, 1);
	case PROTOCOL_BYTE_DATA:
		if (!read) {
			out[1] = h[HOST_DATA0];
			return c->write(d, out, 2);
		}
		if (c->write(d, out, 1))
			return -ENXIO;
		h[HOST_DATA0] = c->read(d);
		return 0;
	case PROTOCOL_WORD_DATA:
		if (!read) {
			out[1] = h[HOST_DATA0];
			out[2] = h[HOST_DATA1];
			return c->write(d, out, 3);
		}
		if (c->write(d, out, 1))
			return -ENXIO;
		h[HOST_DATA0] = c->read(d);
		h[HOST_DATA1] = c->read(d);
		return 0;
	case PROTOCOL_BLOCK:
		if (!read) {
			count = h[HOST_DATA0];
			if (!count || count > SMBUS_BLOCK)
				return -EINVAL;
			out[1] = (uint8_t)count;
			memcpy(out + 2, p->block, count);
			return c->write(d, out, count + 2);
		}
		if (c->write(d, out, 1))
			return -ENXIO;
		count = c->read(d);
		if (count > SMBUS_BLOCK)
			count = SMBUS_BLOCK;
		h[HOST_DATA0] = (uint8_t)count;
		for (unsigned i = 0; i < count; i++)
			p->block[i] = c->read(d);
		p->block_index = 0;
		return 0;
	default:
		guest_error(&p->pci.dev, "SMBus protocol %u is reserved", h[HOST_CONTROL] >> 2 & 7);
		return -EINVAL;
	}
}

static uint64_t host_read(void *opaque, uint64_t offset, unsigned size)
{
	struct piix4_pm *p = opaque;
	(void)size;
	if (offset == HOST_BLOCK)
		return p->block[p->block_index++ % SMBUS_BLOCK];
	if (offset == HOST_CONTROL)
		p->block_index = 0; /* reading it rewinds the block buffer (7.4.3) */
	return p->host[offset];
}

static void host_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct piix4_pm *p = opaque;
	(void)size;
	switch (offset) {
	case HOST_STATUS: p->host[HOST_STATUS] &= (uint8_t)~(value & 0x1e); break;
	case SLAVE_STATUS: p->host[SLAVE_STATUS] &= (uint8_t)~(value & 0x3c); break;
	case HOST_CONTROL:
		p->host[HOST_CONTROL] = (uint8_t)value & 0x1f;
		if (value & CONTROL_START) {
			struct smbus_device *d = smbus_at(&p->smbus, p->host[HOST_ADDRESS] >> 1);
			bool ok = d && !transfer(p, d);
			p->host[HOST_STATUS] |= ok ? STATUS_INTERRUPT : STATUS_DEVICE_ERROR;
		}
		break;
	case HOST_BLOCK: p->block[p->block_index++ % SMBUS_BLOCK] = (uint8_t)value; break;
	default: p->host[offset] = (uint8_t)value;
	}
}

static const struct region_ops host_ops = {.read = host_read, .write = host_write, .min = 1, .max = 1, .impl_min = 1, .impl_max = 1};

/* ---- life ---- */

static int realize(struct pci_device *d, struct err *e)
{
	struct piix4_pm *p = (struct piix4_pm *)d;
	struct machine *m = d->dev.machine;
	int r = acpi_regs_init(&p->acpi, &d->dev, p->sci, 2, e);
	if (r)
		return r;
	p->acpi.s3 = !p->disable_s3;
	p->acpi.s4 = !p->disable_s4;
	p->smbus_ports = region_new_io(m, "pm-smbus", SMBUS_REGISTERS, &host_ops, p);
	p->apm_ports = region_new_io(m, "apm-io", 2, &apm_ops, p);
	if (!p->smbus_ports || !p->apm_ports || acpi_hotplug_init(&p->hotplug, pci_bus_of(d), &p->acpi, e)) {
		acpi_regs_free(&p->acpi);
		return err_set(e, ENOMEM, "PIIX4_PM: out of memory");
	}
	region_add(pci_bus_of(d)->ports, GPE_PORT, p->acpi.gpe, 1);
	region_add(pci_bus_of(d)->ports, APM_PORT, p->apm_ports, 1);
	smbus_init(&p->smbus, "i2c", &d->dev, m);
	d->config[PCI_IRQ_PIN] = 1;
	uint8_t *w = d->write_mask;
	pci_put16(w + PM_BASE, 0xffc0);
	memset(w + 0x44, 0xff, PM_MISC - 0x44); /* timers, activity, resources: kept */
	w[PM_MISC] = 1;
	pci_put16(w + SMBUS_BASE, 0xfff0);
	w[SMBUS_CONFIG] = 0x0f;
	memset(w + SMBUS_CONFIG + 1, 0xff, 3);
	return 0;
}

static void reset(struct pci_device *d)
{
	struct piix4_pm *p = (struct piix4_pm *)d;
	for (unsigned at = 0x40; at < 0x100; at++)
		d->config[at] &= (uint8_t)~d->write_mask[at];
	pci_put16(d->config + PCI_STATUS, 0x0280);
	d->config[PM_BASE] = 1; /* an I/O base */
	d->config[SMBUS_BASE] = 1;
	/* Device resource registers tell the firmware which legacy devices the board has: serial ports, parallel, floppy. */
	d->config[0x5b] = 0;
	d->config[0x5f] = 0x10;
	d->config[0x63] = 0x60;
	d->config[0x67] = 0x98;
	p->apm_control = p->apm_status = 0;
	memset(p->host, 0, sizeof p->host);
	memset(p->block, 0, sizeof p->block);
	p->block_index = 0;
	acpi_regs_reset(&p->acpi);
	if (!p->smm) /* without system management the firmware must find it initialised */
		d->config[0x5b] = 2;
	map_update(p);
}

static void unrealize(struct pci_device *d)
{
	struct piix4_pm *p = (struct piix4_pm *)d;
	acpi_hotplug_free(&p->hotplug);
	acpi_regs_free(&p->acpi);
	region_remove(p->smbus_ports);
	region_free(p->smbus_ports);
	region_remove(p->apm_ports);
	region_free(p->apm_ports);
}

static int loaded(void *state, struct err *e)
{
	struct piix4_pm *p = state;
	(void)e;
	acpi_regs_loaded(&p->acpi);
	map_update(p);
	return 0;
}

struct smbus *piix4_pm_new(struct pci_bus *b, int devfn, const struct irq *sci, bool smm, struct acpi_regs **acpi, struct err *e)
{
	struct device *d = device_new(b->bus.machine, "PIIX4_PM", &b->bus, e);
	if (!d)
		return NULL;
	struct piix4_pm *p = (struct piix4_pm *)d;
	p->pci.addr = devfn;
	p->sci = sci;
	p->smm = smm;
	if (device_finish(d, e))
		return NULL;
	if (acpi)
		*acpi = &p->acpi;
	return &p->smbus;
}

uint16_t piix4_pm_base(const struct smbus *b)
{
	const struct piix4_pm *p = (const struct piix4_pm *)(const void *)((const char *)b - offsetof(struct piix4_pm, smbus));
	return (uint16_t)p->pm_at;
}

static const struct prop props[] = {
	PCI_PROPS,
	{.name = "disable_s3", P_(struct piix4_pm, disable_s3, PROP_BOOL), .help = "no suspend to RAM"},
	{.name = "disable_s4", P_(struct piix4_pm, disable_s4, PROP_BOOL), .help = "no suspend to disk"},
	{.name = NULL},
};

static const struct field fields[] = {
	F_STRUCT(struct piix4_pm, acpi, acpi_regs_fields),
	F_UINT(struct piix4_pm, apm_control), F_UINT(struct piix4_pm, apm_status),
	{.name = "hotplug", .offset = offsetof(struct piix4_pm, hotplug), .width = sizeof(struct acpi_hotplug), .count = 1, .kind = FIELD_STRUCT,
	 .since = 2, .sub = acpi_hotplug_fields},
	F_UINTS(struct piix4_pm, host), F_UINTS(struct piix4_pm, block), F_UINT(struct piix4_pm, block_index),
	F_END,
};

static void saving(void *state)
{
	acpi_regs_saving(&((struct piix4_pm *)state)->acpi);
}

static const struct state_table state = {.name = "PIIX4_PM", .saving = saving, .version = 2, .oldest = 1, .fields = fields, .loaded = loaded};

static const struct pci_class class = {
	.info = {.vendor = 0x8086, .device = 0x7113, .revision = 3, .class_code = 0x068000},
	.realize = realize,
	.unrealize = unrealize,
	.reset = reset,
	.config_written = config_written,
};

static const struct device_type piix4_pm = {
	.name = "PIIX4_PM",
	.bus = "PCI",
	.desc = "PM",
	.category = "Controller/Bridge/Hub",
	.size = sizeof(struct piix4_pm),
	.props = props,
	.state = &state,
	.realize = pci_realize,
	.reset = pci_reset,
	.unrealize = pci_unrealize,
	.extra = &class,
};
DEVICE(piix4_pm);
