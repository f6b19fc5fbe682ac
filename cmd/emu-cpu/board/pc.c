// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The PC with Intel's 440FX and PIIX3/PIIX4, and the ISA PC without PCI.
 *
 * Memory below 4 GiB: main memory from 0, then PCI's hole to 0xfec00000, I/O APIC, HPET, local APICs, the firmware at the top. Main memory
 * that does not fit below the hole goes on at 4 GiB. The bus's own space has a lower priority than main memory, so whatever RAM there is
 * hides it; the 440FX opens windows onto it where the firmware's ROMs are shadowed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../dev/ide/piix3-ide.h"
#include "../dev/pci/i440fx.h"
#include "../dev/pci/piix4-pm.h"
#include "../drive.h"
#include "../serial.h"
#include "../vcpu.h"
#include "isa/x86/system.h"
#include "pc-internal.h"
#include "x86-boot.h"

enum { CPUS_MAX = 255 };
enum { VMPORT_AUTO, VMPORT_ON, VMPORT_OFF };

/* ---- memory ---- */

static int memory_make(struct machine *m, struct pc *p, struct err *e)
{
	uint64_t ram = m->config.ram_size, low_max = ram >= 0xe0000000ull ? 0xc0000000ull : 0xe0000000ull;
	if (p->max_below_4g && p->max_below_4g < low_max)
		low_max = p->max_below_4g;
	if (!p->pci)
		low_max = 0xe0000000ull;
	if (ram < 1 << 20)
		return err_set(e, EINVAL, "-m: this machine needs 1 MiB of memory at least");
	p->below_4g = ram < low_max ? ram : low_max;
	p->above_4g = ram - p->below_4g;
	p->system = region_new_container(m, "system", 0);
	p->io = region_new_container(m, "io", 0x10000);
	p->bus_memory = region_new_container(m, "pci", 0);
	p->smm_root = region_new_container(m, "smram", 0);
	if (!machine_ram(m, "pc.ram", e))
		return -e->code;
	p->low = region_new_alias(m, "ram-below-4g", m->ram, 0, p->below_4g);
	if (!p->system || !p->io || !p->bus_memory || !p->smm_root || !p->low)
		return err_set(e, ENOMEM, "out of memory");
	region_add(p->system, 0, p->low, 0);
	region_add(p->system, 0, p->bus_memory, -1);
	if (p->above_4g) {
		p->high = region_new_alias(m, "ram-above-4g", m->ram, p->below_4g, p->above_4g);
		if (!p->high)
			return err_set(e, ENOMEM, "out of memory");
		region_add(p->system, 4 * GIB, p->high, 0);
	}
	p->smm_all = region_new_alias(m, "smram-system", p->system, 0, 0);
	if (!p->smm_all)
		return err_set(e, ENOMEM, "out of memory");
	region_add(p->smm_root, 0, p->smm_all, 0);
	m->memory = space_new(m, "memory", p->system);
	m->ports = space_new(m, "I/O", p->io);
	m->smm_memory = space_new(m, "memory-smm", p->smm_root);
	return m->memory && m->ports && m->smm_memory ? 0 : err_set(e, ENOMEM, "out of memory");
}

static void isa_bios_copy(void *opaque)
{
	struct pc *p = opaque;
	uint64_t n = region_size(p->isa_bios);
	memcpy(region_ram(p->isa_bios), region_ram(p->bios) + region_size(p->bios) - n, n);
	region_dirty_set(p->isa_bios, 0, n);
}

/* The firmware at the top of 4 GiB, and its last 128 KiB below 1 MiB. */
static int firmware_make(struct machine *m, struct pc *p, struct err *e)
{
	/* The larger one begins in front of what an ISA PC shows of it below 1 MiB. */
	const char *file = m->config.bios ? m->config.bios : p->pci ? "bios-256k.bin" : "bios.bin";
	struct region *flash = NULL;
	size_t size;
	int units = pflash_pc(m, p->bus_memory, &flash, e);
	if (units < 0)
		return units;
	if (units) {
		uint64_t shown = region_size(flash) < 0x20000 ? region_size(flash) : 0x20000;
		p->isa_bios = region_new_alias(m, "isa-bios", flash, region_size(flash) - shown, shown);
		if (!p->isa_bios)
			return err_set(e, ENOMEM, "out of memory");
		region_add(p->bus_memory, 0x100000 - shown, p->isa_bios, 1);
		return 0;
	}
	uint8_t *data = firmware_load(m, file, &size, e);
	if (!data)
		return err_prefix(e, "-bios %s", file);
	if (!size || size % 0x10000 || size > 16u << 20) {
		free(data);
		return err_set(e, EINVAL, "-bios %s: %zu bytes; a PC's firmware has a multiple of 64 KiB to 16 MiB", file, size);
	}
	p->bios = region_new_rom(m, "pc.bios", size, NULL, NULL, e);
	if (!p->bios) {
		free(data);
		return -e->code;
	}
	memcpy(region_ram(p->bios), data, size);
	free(data);
	uint64_t low = size < 0x20000 ? size : 0x20000;
	/* Nothing can shadow it on an ISA PC, and the firmware writes to itself: it is RAM there. */
	p->isa_bios = p->pci ? region_new_alias(m, "isa-bios", p->bios, size - low, low) : region_new_ram(m, "isa-bios", low, e);
	if (!p->isa_bios)
		return err_set(e, ENOMEM, "out of memory");
	if (!p->pci)
		machine_on_reset(m, isa_bios_copy, p);
	region_add(p->bus_memory, 4 * GIB - size, p->bios, 1);
	region_add(p->bus_memory, 0x100000 - low, p->isa_bios, 1);
	return 0;
}

/* ---- interrupts and processors ---- */

static void pc_msi(void *opaque, uint64_t address, uint32_t data)
{
	apic_message(opaque, address, data);
}

static void extint(void *opaque, int n, bool level)
{
	struct machine *m = opaque;
	(void)n;
	if (m->cpus)
		apic_extint(vcpu_apic(m->vcpu[0]), level);
}

/* The ISA inputs go to both kinds of controller; the timer is at the I/O APIC's input 2, where the 8259s would be cascaded. */
static void gsi_make(struct machine *m, struct pc *p)
{
	const struct irq *pic = i8259_inputs(p->pic), *ioapic = ioapic_inputs(p->ioapic);
	for (unsigned n = 0; n < 16; n++)
		p->gsi[n] = irq_split_init(&p->split[n], n == 2 ? NULL : &pic[n], n == 0 ? &ioapic[2] : n == 2 ? NULL : &ioapic[n]);
	irq_init(&p->extint, 1, extint, m);
	i8259_connect(p->pic, &p->extint);
}

static int processors_make(struct machine *m, struct pc *p, struct err *e)
{
	const struct machine_config *c = &m->config;
	unsigned threads = c->threads ? c->threads : 1, cores = c->cores ? c->cores : 1;
	unsigned cpus = c->cpus ? c->cpus : 1;
	p->apic_id = calloc(cpus, sizeof p->apic_id[0]);
	if (!p->apic_id)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < cpus; i++) {
		p->apic_id[i] = x86_apic_id(i, cores, threads);
		if (p->apic_id[i] >= 255)
			return err_set(e, EINVAL, "-smp: processor %u would have APIC identifier %u; 254 is the last one here", i, p->apic_id[i]);
		struct vcpu *v = vcpu_new_x86(m, p->apic_id[i], e);
		if (!v)
			return -e->code;
		struct apic *a = apic_new(m, v, p->apic_id[i], e);
		if (!a)
			return -e->code;
		vcpu_set_apic(v, a);
	}
	return 0;
}

static void nmi(void *opaque)
{
	apic_nmi(opaque);
}

/* ---- devices ---- */

static struct device *make(struct machine *m, const char *type, struct bus *bus, struct err *e)
{
	struct device *d = device_new(m, type, bus, e);
	return d && !device_finish(d, e) ? d : NULL;
}

static int isa_chips(struct machine *m, struct pc *p, struct err *e)
{
	struct bus *isa = &p->isa->bus;
	p->pit = make(m, "isa-pit", isa, e);
	p->rtc = p->pit ? make(m, "mc146818rtc", isa, e) : NULL;
	if (!p->rtc || !make(m, "i8257", isa, e) || !make(m, "i8042", isa, e))
		return -e->code;
	if (p->vmport != VMPORT_OFF && (!make(m, "vmport", isa, e) || !make(m, "vmmouse", isa, e)))
		return -e->code;
	if (!m->config.hpet)
		return 0;
	p->hpet = device_new(m, "hpet", m->system_bus, e);
	if (!p->hpet)
		return -e->code;
	device_set_int(p->hpet, "hpet-intcap", 4);
	if (device_finish(p->hpet, e))
		return -e->code;
	i8254_connect(p->pit, &hpet_legacy_inputs(p->hpet)[0]);
	mc146818_connect(p->rtc, &hpet_legacy_inputs(p->hpet)[1]);
	hpet_connect_legacy(p->hpet, p->gsi[0], p->gsi[8]);
	hpet_connect(p->hpet, 2, &ioapic_inputs(p->ioapic)[2]);
	return 0;
}

/* Ports of one kind: those that have a byte stream. */
static int stream_ports(struct machine *m, struct pc *p, const char *class_name, const char *type, unsigned count, bool there[], struct err *e)
{
	for (unsigned n = 0; n < count; n++) {
		struct serial *s = serial_at(m, class_name, n);
		struct device *d = s ? device_new(m, type, &p->isa->bus, e) : NULL;
		if (!s)
			continue;
		if (!d)
			return -e->code;
		device_set_int(d, "index", n);
		device_set_ptr(d, "chardev", s);
		if (device_finish(d, e))
			return -e->code;
		there[n] = true;
	}
	return 0;
}

/* -debugcon: the console at port 0xe9 */
static int debug_console(struct machine *m, struct pc *p, struct err *e)
{
	struct serial *s = serial_at(m, "debugcon", 0);
	struct device *d = s ? device_new(m, "isa-debugcon", &p->isa->bus, e) : NULL;
	if (!s)
		return 0;
	if (!d)
		return -e->code;
	device_set_ptr(d, "chardev", s);
	return device_finish(d, e);
}

static int video(struct machine *m, struct pc *p, struct err *e)
{
	const char *what = m->config.vga;
	if (!what)
		what = m->config.no_defaults ? "none" : "std";
	if (!strcmp(what, "none"))
		return 0;
	if (strcmp(what, "std"))
		return err_set(e, ENOTSUP, "-vga %s is not there; std and none are", what);
	if (!p->pci)
		return make(m, "isa-vga", &p->isa->bus, e) ? 0 : -e->code;
	return pci_create(p->bus, 2 << 3, "VGA", e) ? 0 : -e->code;
}

/* The floppy controller, which the machine has even without a drive's medium: drive A is there unless -nodefaults. */
static int floppies(struct machine *m, struct pc *p, struct err *e)
{
	static const char *const names[2] = {"driveA", "driveB"};
	struct device *d = device_new(m, "isa-fdc", &p->isa->bus, e);
	if (!d)
		return -e->code;
	for (unsigned n = 0; n < 2; n++)
		if (drive_at(m, DRIVE_FLOPPY, 0, n))
			device_set_ptr(d, names[n], drive_at(m, DRIVE_FLOPPY, 0, n));
	if (device_finish(d, e))
		return -e->code;
	p->fdc = d;
	return 0;
}

/* Disks that name an interface of the board's instead of a -device. */
static int disks(struct machine *m, struct pc *p, struct err *e)
{
	int r = floppies(m, p, e);
	if (!r && p->pci)
		r = piix_ide_new(p->bus, 1 << 3 | 1, "piix3-ide", p->gsi[14], p->gsi[15], e);
	for (unsigned n = 0; !r && !p->pci && n < 2; n++) {
		struct device *d = device_new(m, "isa-ide", &p->isa->bus, e);
		if (!d)
			return -e->code;
		device_set_int(d, "iobase", n ? 0x170 : 0x1f0);
		device_set_int(d, "iobase2", n ? 0x376 : 0x3f6);
		device_set_int(d, "irq", 14 + n);
		if (device_finish(d, e))
			return -e->code;
	}
	if (r)
		return r;
	for (unsigned n = 0; p->pci; n++) {
		struct drive *d = drive_at(m, DRIVE_VIRTIO, 0, n);
		if (!d)
			break;
		struct device *dev = device_new(m, "virtio-blk-pci", &p->bus->bus, e);
		if (!dev)
			return -e->code;
		device_set_ptr(dev, "drive", d);
		if (device_finish(dev, e))
			return -e->code;
	}
	return 0;
}

/* ---- the boards ---- */

/* What the command line can say and these boards cannot do. */
static int refuse(const struct machine_config *c, struct err *e)
{
	if (c->usb)
		return err_set(e, ENOTSUP, "-usb: there are no USB controllers yet; keyboard and mouse are PS/2");
	if (c->dtb)
		return err_set(e, EINVAL, "-dtb %s: a PC describes itself by ACPI and takes no device tree", c->dtb);
	return 0;
}

static int common_begin(struct machine *m, struct pc *p, struct err *e)
{
	int r = refuse(&m->config, e);
	if (!r)
		r = numa_parse(m, e);
	if (!r)
		r = memory_make(m, p, e);
	if (!r)
		r = make(m, "fw_cfg_io", m->system_bus, e) ? 0 : -e->code;
	if (!r)
		r = pc_boot_options(m, e);
	if (!r)
		r = processors_make(m, p, e);
	if (r)
		return r;
	machine_on_nmi(m, nmi, m);
	p->smbios = smbios_new(m->config.smbios.item, m->config.smbios.count, e);
	if (!p->smbios)
		return -e->code;
	return firmware_make(m, p, e);
}

/* Port 0xf0 clears a coprocessor error that came as IRQ 13, and lets the processor ignore it (IGNNE#). */
static uint64_t coprocessor_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)opaque, (void)offset, (void)size;
	return 0xff;
}

static void coprocessor_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct machine *m = opaque;
	struct vcpu *v = vcpu_current();
	(void)offset, (void)value, (void)size;
	irq_lower(m->ferr);
	if (v && v->cpu)
		x86_line_ferr_ignored(v->cpu);
}

static const struct region_ops coprocessor_ops = {.read = coprocessor_read, .write = coprocessor_write, .min = 1, .max = 1, .impl_min = 1,
						  .impl_max = 1};

static int interrupt_chips(struct machine *m, struct pc *p, struct err *e)
{
	p->pic = make(m, "isa-i8259", &p->isa->bus, e);
	p->ioapic = p->pic ? make(m, "ioapic", m->system_bus, e) : NULL;
	if (!p->ioapic)
		return -e->code;
	m->i8259 = p->pic;
	gsi_make(m, p);
	memcpy(p->isa->irq, p->gsi, sizeof p->gsi);
	m->ferr = p->gsi[13];
	p->coprocessor = region_new_io(m, "ioportF0", 1, &coprocessor_ops, m);
	if (!p->coprocessor)
		return err_set(e, ENOMEM, "out of memory");
	region_add(p->io, 0xf0, p->coprocessor, 0);
	return 0;
}

static int common_end(struct machine *m, struct pc *p, struct err *e)
{
	int r = isa_chips(m, p, e);
	if (!r)
		r = video(m, p, e);
	if (!r)
		r = stream_ports(m, p, "serial", "isa-serial", 4, p->serial, e);
	if (!r)
		r = stream_ports(m, p, "parallel", "isa-parallel", 3, p->parallel, e);
	if (!r)
		r = debug_console(m, p, e);
	if (!r)
		r = disks(m, p, e);
	if (r)
		return r;
	pc_cmos_fill(m);
	machine_on_reset(m, pc_boot_choose, m);
	return x86_boot_kernel(m, p->below_4g, e);
}

static int pc_init(struct machine *m, struct err *e)
{
	struct pc *p = pc_of(m);
	p->pci = true;
	int r = common_begin(m, p, e);
	if (r)
		return r;
	struct i440fx *h = i440fx_new(m, p->system, p->smm_root, p->bus_memory, p->io, m->ram, e);
	if (!h)
		return -e->code;
	p->bus = i440fx_bus(h);
	p->bus->msi = pc_msi;
	p->bus->msi_opaque = m;
	p->isa = piix3_new(p->bus, p->io, p->bus_memory, p->gsi, e);
	if (!p->isa || interrupt_chips(m, p, e))
		return -e->code;
	p->smbus = piix4_pm_new(p->bus, 1 << 3 | 3, p->gsi[PC_SCI], p->smm, &p->acpi, e);
	if (!p->smbus)
		return -e->code;
	/* One memory module's description; the other seven sockets are empty. */
	for (unsigned n = 0; n < 8; n++) {
		struct device *d = device_new(m, "smbus-eeprom", &p->smbus->bus, e);
		if (!d)
			return -e->code;
		device_set_int(d, "address", 0x50 + n);
		device_set_int(d, "module", n ? 0 : (int64_t)m->config.ram_size);
		if (device_finish(d, e))
			return -e->code;
	}
	return common_end(m, p, e);
}

static int isapc_init(struct machine *m, struct err *e)
{
	struct pc *p = pc_of(m);
	p->pci = false;
	m->config.hpet = false;
	int r = common_begin(m, p, e);
	if (r)
		return r;
	bus_init(&p->isa_alone.bus, "ISA", "isa.0", NULL, m);
	p->isa_alone.ports = p->io;
	p->isa_alone.memory = p->bus_memory;
	p->isa = &p->isa_alone;
	if (interrupt_chips(m, p, e))
		return -e->code;
	/* Without a 440FX nothing shadows ROMs: the upper part of the first megabyte is the bus's. */
	struct region *upper = region_new_alias(m, "isa-upper", p->bus_memory, 0xa0000, 0x60000);
	if (!upper)
		return err_set(e, ENOMEM, "out of memory");
	region_add(p->system, 0xa0000, upper, 1);
	return common_end(m, p, e);
}


static const char *const vmport_choices[] = {"auto", "on", "off", NULL};
static const struct prop props[] = {
	{.name = "vmport", P_(struct pc, vmport, PROP_CHOICE), .choices = vmport_choices, .help = "VMware's backdoor port; auto is on"},
	{.name = "smm", P_(struct pc, smm, PROP_BOOL), .def = 1, .help = "system management mode"},
	{.name = "max-ram-below-4g", P_(struct pc, max_below_4g, PROP_SIZE), .help = "where main memory is split"},
	{.name = NULL},
};

static const char *const pc_versions[] = {
	"pc-i440fx-2.11", "pc-i440fx-2.10", "pc-i440fx-2.9", "pc-i440fx-2.8", "pc-i440fx-2.7", "pc-i440fx-2.6", "pc-i440fx-2.5",
	"pc-i440fx-2.4", "pc-i440fx-2.3", "pc-i440fx-2.2", "pc-i440fx-2.1", "pc-i440fx-2.0", "pc-i440fx-1.7", "pc-i440fx-1.6",
	"pc-i440fx-1.5", "pc-i440fx-1.4", "pc-1.3", "pc-1.2", "pc-1.1", "pc-1.0", "pc-0.15", "pc-0.14", "pc-0.13", "pc-0.12", "pc-0.11",
	"pc-0.10", NULL,
};
static const char *const isas[] = {"x86_64", "i386", NULL};

static const struct board pc = {
	.name = "pc-i440fx-2.12", .alias = "pc", .desc = "Standard PC (i440FX + PIIX, 1996)", .versions = pc_versions, .max_cpus = CPUS_MAX,
	.default_ram = 128 << 20, .default_net = "e1000", .default_vga = "std", .isas = isas, .props = props, .size = sizeof(struct pc),
	.init = pc_init, .ready = pc_firmware_ready, .boot_set = pc_boot_set,
};
BOARD(pc);

static const struct board isapc = {
	.name = "isapc", .desc = "ISA-only PC", .max_cpus = 1, .default_ram = 128 << 20, .default_net = "ne2k_isa", .default_vga = "std",
	.default_cpu = "486", .isas = isas, .props = props, .size = sizeof(struct pc), .init = isapc_init, .ready = pc_firmware_ready, .boot_set = pc_boot_set,
};
BOARD(isapc);
