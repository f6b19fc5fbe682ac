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
#include "base/keyval.h"
#include "base/uuid.h"
#include "../boot-order.h"
#include "../dev/pci/i440fx.h"
#include "../dev/pci/piix4-pm.h"
#include "isa/x86/system.h"
#include "../dev/ide/piix3-ide.h"
#include "../drive.h"
#include "../acpi-hotplug.h"
#include "../acpi-tables.h"
#include "../acpi-user.h"
#include "../isa-bus.h"
#include "../numa.h"
#include "../pc-chips.h"
#include "../serial.h"
#include "../smbios.h"
#include "../vcpu.h"
#include "pc-acpi.h"
#include "x86-boot.h"

#define GIB (1ull << 30)
enum { CPUS_MAX = 255, GPE_PORT = 0xafe0, SCI = 9, HOLE64_SIZE_BITS = 39 };
/* CMOS registers that firmware reads about the board */
enum { CMOS_FLOPPY = 0x10, CMOS_DISKS = 0x12, CMOS_EQUIPMENT = 0x14, CMOS_BASE = 0x15, CMOS_EXTENDED = 0x17, CMOS_EXTENDED2 = 0x30,
       CMOS_ABOVE_16M = 0x34, CMOS_BOOT3 = 0x38, CMOS_BOOT = 0x3d, CMOS_ABOVE_4G = 0x5b, CMOS_CPUS = 0x5f, CMOS_DISK0 = 0x19, CMOS_DISK1 = 0x1a, CMOS_GEOMETRY0 = 0x1b,
       CMOS_GEOMETRY1 = 0x24, CMOS_TRANSLATION = 0x39 };
/* fw_cfg keys */
enum { KEY_UUID = 2, KEY_RAM = 3, KEY_NOGRAPHIC = 4, KEY_CPUS = 5, KEY_NUMA = 0x0d, KEY_BOOT_MENU = 0x0e, KEY_MAX_CPUS = 0x0f,
       KEY_IRQ0_OVERRIDE = 0x8002, KEY_HPET = 0x8004 };

enum { VMPORT_AUTO, VMPORT_ON, VMPORT_OFF };

/* In struct machine's options area. */
struct pc {
	/* -machine */
	bool smm;
	uint64_t max_below_4g;
	int vmport; /* enum: auto, on, off */
	/* the board */
	bool pci;
	struct region *system, *smm_root, *smm_all, *io, *bus_memory, *low, *high, *bios, *isa_bios, *coprocessor;
	uint64_t below_4g, above_4g;
	struct device *pic, *ioapic, *rtc, *pit, *hpet, *fdc;
	struct irq_split split[16];
	const struct irq *gsi[16];
	struct irq extint;
	struct pci_bus *bus;
	struct isa_bus isa_alone, *isa;
	struct smbus *smbus;
	struct acpi_regs *acpi;
	struct smbios *smbios;
	struct pc_acpi plan; /* of the ACPI tables, and what it points to */
	struct acpi_user user;
	struct pc_numa_range range[NUMA_NODES_MAX + 2];
	uint32_t *apic_id;
	char boot_order[8], boot_once[8];
	bool booted, boot_strict;
	bool serial[4], parallel[3];
};

static struct pc *pc_of(struct machine *m)
{
	return m->options;
}

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

/* ---- CMOS: what firmware is told about memory, disks and the boot order in the old way ---- */

static void cmos(struct pc *p, unsigned index, unsigned value)
{
	mc146818_cmos_set(p->rtc, index, (uint8_t)value);
}

static void cmos16(struct pc *p, unsigned index, uint64_t value, uint64_t most)
{
	if (value > most)
		value = most;
	cmos(p, index, (unsigned)value & 0xff);
	cmos(p, index + 1, (unsigned)(value >> 8) & 0xff);
}

static unsigned boot_digit(char c)
{
	switch (c) {
	case 'a': case 'b': return 1;
	case 'c': return 2;
	case 'd': return 3;
	case 'n': return 4;
	default: return 0;
	}
}

static void cmos_boot(struct machine *m, const char *order)
{
	struct pc *p = pc_of(m);
	unsigned d[3] = {0};
	for (unsigned i = 0; i < 3 && order[i]; i++)
		d[i] = boot_digit(order[i]);
	cmos(p, CMOS_BOOT, d[1] << 4 | d[0]);
	cmos(p, CMOS_BOOT3, d[2] << 4 | !m->config.fd_bootchk);
}

/* Hard disks: type 47 means that the geometry stands in further registers; each disk's translation in two bits of 0x39. */
static void cmos_disks(struct machine *m, struct pc *p)
{
	unsigned types = 0, translation = 0;
	for (unsigned n = 0; n < 4; n++) {
		struct drive *d = drive_at(m, DRIVE_IDE, n / 2, n % 2);
		struct drive_info i;
		if (!d)
			continue;
		drive_info(d, &i);
		if (i.cdrom || !i.present)
			continue;
		uint64_t sectors = i.size / 512;
		uint32_t c = i.cylinders, h = i.heads, s = i.sectors;
		if (!c) {
			h = 16, s = 63;
			c = sectors / (16 * 63) > 16383 ? 16383 : (uint32_t)(sectors / (16 * 63));
		}
		/* none 0, LBA 1: BIOSes of the time could name 1,024 cylinders. */
		unsigned how = i.translation == 2 || (!i.translation && c > 1024) ? 1 : i.translation > 2 ? i.translation - 1 : 0;
		translation |= how << (2 * n);
		if (n > 1)
			continue;
		unsigned at = n ? CMOS_GEOMETRY1 : CMOS_GEOMETRY0;
		types |= 0xf0u >> (4 * n);
		cmos(p, n ? CMOS_DISK1 : CMOS_DISK0, 47);
		cmos16(p, at, c, 65535);
		cmos(p, at + 2, h);
		cmos(p, at + 3, 0xff);
		cmos(p, at + 4, 0xff);
		cmos(p, at + 5, 0xc0 | (h > 8 ? 8 : 0));
		cmos16(p, at + 6, c, 65535);
		cmos(p, at + 8, s);
	}
	cmos(p, CMOS_DISKS, types);
	cmos(p, CMOS_TRANSLATION, translation);
}

static void cmos_fill(struct machine *m, struct pc *p)
{
	uint64_t kib = p->below_4g >> 10;
	cmos16(p, CMOS_BASE, kib < 640 ? kib : 640, 640);
	cmos16(p, CMOS_EXTENDED, kib > 1024 ? kib - 1024 : 0, 65535);
	cmos16(p, CMOS_EXTENDED2, kib > 1024 ? kib - 1024 : 0, 65535);
	cmos16(p, CMOS_ABOVE_16M, kib > 16384 ? (kib - 16384) / 64 : 0, 65535);
	uint64_t high = p->above_4g >> 16;
	for (unsigned i = 0; i < 3; i++)
		cmos(p, CMOS_ABOVE_4G + i, (unsigned)(high >> (8 * i)) & 0xff);
	cmos(p, CMOS_CPUS, m->cpus - 1);
	unsigned a = fdc_drive_type(p->fdc, 0), b = fdc_drive_type(p->fdc, 1), floppies_there = (a ? 1u : 0) + (b ? 1u : 0);
	cmos(p, CMOS_FLOPPY, a << 4 | b);
	unsigned equipment = 2 /* x87 */ | 4 /* PS/2 mouse */;
	if (floppies_there)
		equipment |= 1 | (floppies_there - 1) << 6;
	cmos(p, CMOS_EQUIPMENT, equipment);
	cmos_disks(m, p);
}

/* ---- -boot ---- */

static bool order_valid(const char *s)
{
	unsigned seen = 0;
	for (; *s; s++) {
		if (*s < 'a' || *s > 'p' || seen >> (*s - 'a') & 1)
			return false;
		seen |= 1u << (*s - 'a');
	}
	return true;
}

static int boot_options(struct machine *m, struct pc *p, struct err *e)
{
	struct keyval kv = {0};
	int r = 0;
	strcpy(p->boot_order, "cad");
	if (m->config.boot && (r = keyval_parse(m->config.boot, "order", &kv, e)))
		return err_prefix(e, "-boot");
	for (unsigned i = 0; !r && i < kv.count; i++) {
		const char *k = kv.key[i], *v = kv.value[i];
		uint64_t n;
		if (!strcmp(k, "order") || !strcmp(k, "once")) {
			char *to = k[1] == 'r' ? p->boot_order : p->boot_once;
			if (!order_valid(v) || strlen(v) >= sizeof p->boot_order)
				r = err_set(e, EINVAL, "-boot %s=%s: letters a (floppy), c (disk), d (CD-ROM), n (network), each once", k, v);
			else
				strcpy(to, v);
		} else if (!strcmp(k, "menu") || !strcmp(k, "strict")) {
			bool on = !strcmp(v, "on");
			if (!on && strcmp(v, "off"))
				r = err_set(e, EINVAL, "-boot %s=%s: on or off", k, v);
			else if (*k == 'm')
				fw_cfg_add_u16(m, KEY_BOOT_MENU, on);
			else
				p->boot_strict = on;
		} else if (!strcmp(k, "splash-time") || !strcmp(k, "reboot-timeout")) {
			bool splash = *k == 's';
			uint64_t most = 0xffff;
			char *end;
			n = strtoull(v, &end, 10);
			uint8_t le[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
			if (!splash && !strcmp(v, "-1")) {
				memset(le, 0xff, 4);
				end = (char *)"", n = 0;
			}
			if (end == v || *end || n > most)
				r = err_set(e, EINVAL, "-boot %s=%s: milliseconds, 0 to %u%s", k, v, (unsigned)most, splash ? "" : ", or -1: never");
			else
				r = fw_cfg_add_file(m, splash ? "etc/boot-menu-wait" : "etc/boot-fail-wait", le, splash ? 2 : 4, e);
		} else if (!strcmp(k, "splash")) {
			size_t size;
			uint8_t *data = firmware_load(m, v, &size, e);
			if (!data) {
				r = err_prefix(e, "-boot splash=%s", v);
			} else if (size >= 2 && data[0] == 0xff && data[1] == 0xd8) {
				r = fw_cfg_add_file(m, "bootsplash.jpg", data, size, e);
			} else if (size >= 2 && data[0] == 'B' && data[1] == 'M') {
				r = fw_cfg_add_file(m, "bootsplash.bmp", data, size, e);
			} else {
				r = err_set(e, EINVAL, "-boot splash=%s: neither a JPEG nor a BMP file", v);
			}
			free(data);
		} else {
			r = err_set(e, EINVAL, "-boot has no '%s' (order, once, menu, splash, splash-time, reboot-timeout, strict)", k);
		}
	}
	keyval_free(&kv);
	return r;
}

/* The first start takes "once"; those after it the usual order. */
static void boot_choose(void *opaque)
{
	struct machine *m = opaque;
	struct pc *p = pc_of(m);
	if (!m->built)
		return;
	cmos_boot(m, !p->booted && *p->boot_once ? p->boot_once : p->boot_order);
	p->booted = true;
}

/* From now on, "once" included. */
static int boot_set(struct machine *m, const char *order, struct err *e)
{
	struct pc *p = pc_of(m);

	for (const char *s = order; *s; s++)
		if (!boot_digit(*s))
			return err_set(e, EINVAL, "Invalid boot device for PC: '%c' is none of a (floppy), c (disk), d (CD-ROM), n (network)", *s);
	snprintf(p->boot_order, sizeof p->boot_order, "%s", order);
	*p->boot_once = '\0';
	cmos_boot(m, p->boot_order);
	return 0;
}

/* ---- what firmware is told through fw_cfg ---- */

static void le64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Where the nodes' memory lies: without the hole below 1 MiB, and in two pieces where PCI's hole cuts a node. At most two more than nodes. */
static unsigned numa_ranges(const struct pc *p, const struct numa *n, struct pc_numa_range *range)
{
	const uint64_t video = 0xa0000, mib = 0x100000;
	unsigned count = 0;
	uint64_t at = 0;
	for (unsigned i = 0; i < n->nodes; i++) {
		uint64_t end = at + n->mem[i];
		while (at < end) {
			uint64_t stop = end;
			if (at < video && stop > video)
				stop = video;
			else if (at < p->below_4g && stop > p->below_4g)
				stop = p->below_4g;
			range[count++] = (struct pc_numa_range){at < p->below_4g ? at : 4 * GIB + (at - p->below_4g), stop - at, i};
			at = stop == video ? (end < mib ? end : mib) : stop;
		}
	}
	return count;
}

/* For firmware that makes tables of its own: nodes, each processor's by its APIC identifier, each node's memory. */
static void numa_tell(struct machine *m, struct pc *p)
{
	const struct numa *n = m->numa;
	unsigned ids = p->apic_id[m->cpus - 1] + 1;
	uint8_t *t = calloc(1 + ids + n->nodes, 8);
	if (!t)
		return;
	le64(t, n->nodes);
	for (unsigned i = 0; i < m->cpus; i++)
		le64(t + 8 * (1 + p->apic_id[i]), n->cpu_node[i]);
	for (unsigned i = 0; i < n->nodes; i++)
		le64(t + 8 * (1 + ids + i), n->mem[i]);
	fw_cfg_add_bytes(m, KEY_NUMA, t, 8 * (1 + ids + n->nodes));
	free(t);
}

static int firmware_tell(struct machine *m, struct pc *p, struct err *e)
{
	uint8_t map[40] = {0}; /* e820 entries: start, length, kind */
	unsigned ranges = p->above_4g ? 2 : 1;
	fw_cfg_add_u16(m, KEY_CPUS, (uint16_t)m->cpus);
	fw_cfg_add_u16(m, KEY_MAX_CPUS, (uint16_t)(m->config.max_cpus > m->cpus ? m->config.max_cpus : m->cpus));
	fw_cfg_add_u64(m, KEY_RAM, p->below_4g);
	fw_cfg_add_u16(m, KEY_NOGRAPHIC, !m->config.graphics);
	fw_cfg_add_u32(m, KEY_IRQ0_OVERRIDE, 1);
	if (m->numa)
		numa_tell(m, p);
	le64(map + 8, p->below_4g);
	map[16] = 1;
	le64(map + 20, 4 * GIB);
	le64(map + 28, p->above_4g);
	map[36] = 1;
	if (p->hpet) {
		uint8_t h[121] = {1}; /* one block: identifier, address, least tick, page protection */
		h[1] = 0x01, h[2] = 0xa2, h[3] = 0x86, h[4] = 0x80;
		le64(h + 5, 0xfed00000);
		h[13] = 100;
		fw_cfg_add_bytes(m, KEY_HPET, h, sizeof h);
	}
	/* Without graphics the BIOS's text output and keyboard are the first serial port. */
	static const uint8_t com1[2] = {0xf8, 0x03};
	if (!m->config.graphics && p->serial[0] && fw_cfg_add_file(m, "etc/sercon-port", com1, sizeof com1, e))
		return -e->code;
	return fw_cfg_add_file(m, "etc/e820", map, ranges * 20, e);
}

static int smbios_tell(struct machine *m, struct pc *p, struct err *e)
{
	const struct machine_config *c = &m->config;
	uint8_t uuid[16];
	unsigned cores = c->cores ? c->cores : 1, threads = c->threads ? c->threads : 1;
	if (c->uuid) {
		if (!uuid_parse(c->uuid, uuid))
			return err_set(e, EINVAL, "-uuid %s: 32 hexadecimal digits, as 8-4-4-4-12", c->uuid);
		fw_cfg_add_bytes(m, KEY_UUID, uuid, sizeof uuid);
	}
	struct smbios_board b = {
		.product = p->pci ? "Standard PC (i440FX + PIIX, 1996)" : "ISA PC",
		.version = m->board->name,
		.uuid = c->uuid ? uuid : NULL,
		.sockets = (m->cpus + cores * threads - 1) / (cores * threads),
		.cores = cores,
		.threads = threads,
		.ram_below = p->below_4g,
		.ram_above = p->above_4g,
	};
	if (m->cpus)
		vcpu_x86_identity(m->vcpu[0], &b.processor_id, &b.features);
	return smbios_publish(p->smbios, m, &b, e);
}

/* Firmware has put the power management's registers where it likes before it reads the tables: OVMF elsewhere than SeaBIOS. */
static void acpi_read(void *opaque)
{
	struct machine *m = opaque;
	struct pc *p = pc_of(m);
	uint16_t base = piix4_pm_base(p->smbus);
	struct err e = ERR_INIT;
	if (!base || base == p->plan.pm_base)
		return;
	p->plan.pm_base = base;
	if (pc_acpi_publish(m, &p->plan, true, &e))
		err_print("%s", e.msg);
}

static int acpi_tell(struct machine *m, struct pc *p, struct err *e)
{
	p->plan = (struct pc_acpi){
		.cpus = m->cpus, .apic_id = p->apic_id,
		.hole_start = (uint32_t)(p->below_4g < 0xe0000000ull ? (p->below_4g < 0x80000000ull ? 0x80000000ull : p->below_4g) : 0xe0000000ull),
		.hole64_start = (4 * GIB + p->above_4g + GIB - 1) & ~(GIB - 1), .hole64_end = 1ull << HOLE64_SIZE_BITS,
		.pm_base = 0x600, .gpe_base = GPE_PORT, .hotplug_base = ACPI_HOTPLUG_PORT,
		.hot_slots = acpi_hotplug_slots(p->bus), .sci = SCI, .hpet = p->hpet, .s3 = true, .s4 = true, .smm = p->smm, .pci = true,
		.floppy = fdc_drive_type(p->fdc, 0) || fdc_drive_type(p->fdc, 1), .keyboard = true, .mouse = true,
	};
	memcpy(p->plan.serial, p->serial, sizeof p->plan.serial);
	memcpy(p->plan.parallel, p->parallel, sizeof p->plan.parallel);
	if (m->numa) {
		p->plan.cpu_node = m->numa->cpu_node;
		p->plan.nodes = m->numa->nodes;
		p->plan.distance = m->numa->distance;
		p->plan.range = p->range;
		p->plan.ranges = numa_ranges(p, m->numa, p->range);
	}
	int r = acpi_user_read(m, &p->user, e);
	if (r) {
		acpi_user_free(&p->user);
		return r;
	}
	p->plan.user = (const void *const *)p->user.table;
	p->plan.user_size = p->user.size;
	p->plan.users = p->user.count;
	p->plan.maker = p->user.slic ? p->user.slic + 10 : NULL;
	r = pc_acpi_publish(m, &p->plan, false, e);
	if (!r)
		acpi_tables_on_read(m, acpi_read, m);
	return r;
}

/* -option-rom FILE[,bootindex=N] and -fw_cfg [name=]NAME,file=PATH|string=TEXT. */
static int option_roms(struct machine *m, struct err *e)
{
	for (unsigned i = 0; i < m->config.option_rom.count; i++) {
		struct keyval kv = {0};
		char name[96], path[128];
		size_t size;
		int r = keyval_parse(m->config.option_rom.item[i], "romfile", &kv, e);
		const char *file = r ? NULL : keyval_get(&kv, "romfile"), *index = r ? NULL : keyval_get(&kv, "bootindex");
		uint8_t *rom = file ? firmware_load(m, file, &size, e) : NULL;
		if (!r && !file)
			r = err_set(e, EINVAL, "the file is missing");
		if (!r && !rom)
			r = -e->code;
		if (!r) {
			const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
			snprintf(name, sizeof name, "genroms/%s", base);
			snprintf(path, sizeof path, "/rom@%s", name);
			r = fw_cfg_add_file(m, name, rom, size, e);
			if (!r && index)
				r = boot_order_add(m, atoi(index), path, e);
		}
		free(rom);
		keyval_free(&kv);
		if (r)
			return err_prefix(e, "-option-rom %s", m->config.option_rom.item[i]);
	}
	return 0;
}

static int user_files(struct machine *m, struct err *e)
{
	for (unsigned i = 0; i < m->config.fw_cfg.count; i++) {
		struct keyval kv = {0};
		size_t size = 0;
		int r = keyval_parse(m->config.fw_cfg.item[i], "name", &kv, e);
		const char *name = r ? NULL : keyval_get(&kv, "name"), *file = r ? NULL : keyval_get(&kv, "file"),
			   *text = r ? NULL : keyval_get(&kv, "string");
		uint8_t *data = NULL;
		if (!r && (!name || !*name || strlen(name) > 55))
			r = err_set(e, EINVAL, "name= is a file name of 1 to 55 characters");
		else if (!r && !file == !text)
			r = err_set(e, EINVAL, "either file= or string= gives the contents");
		if (!r && file && !(data = firmware_load(m, file, &size, e)))
			r = -e->code;
		if (!r)
			r = fw_cfg_add_file(m, name, file ? (const void *)data : text, file ? size : strlen(text), e);
		free(data);
		keyval_free(&kv);
		if (r)
			return err_prefix(e, "-fw_cfg %s", m->config.fw_cfg.item[i]);
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
	if (c->win2k_hack)
		return err_set(e, ENOTSUP, "-win2k-hack is not built in");
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
		r = boot_options(m, p, e);
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
	cmos_fill(m, p);
	machine_on_reset(m, boot_choose, m);
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
	p->smbus = piix4_pm_new(p->bus, 1 << 3 | 3, p->gsi[SCI], p->smm, &p->acpi, e);
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

/* After -device: everything is known. */
static int pc_ready(struct machine *m, struct err *e)
{
	struct pc *p = pc_of(m);
	int r = firmware_tell(m, p, e);
	if (!r)
		r = option_roms(m, e);
	if (!r)
		r = user_files(m, e);
	if (!r)
		r = boot_order_publish(m, p->boot_strict, e);
	if (!r)
		r = smbios_tell(m, p, e);
	if (!r && p->pci && m->config.acpi)
		r = acpi_tell(m, p, e);
	return r;
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
	.init = pc_init, .ready = pc_ready, .boot_set = boot_set,
};
BOARD(pc);

static const struct board isapc = {
	.name = "isapc", .desc = "ISA-only PC", .max_cpus = 1, .default_ram = 128 << 20, .default_net = "ne2k_isa", .default_vga = "std",
	.default_cpu = "486", .isas = isas, .props = props, .size = sizeof(struct pc), .init = isapc_init, .ready = pc_ready, .boot_set = boot_set,
};
BOARD(isapc);
