/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How each device of the registry is made for dev-bench.h, with what it needs beside it. */
#ifndef TESTS_DEV_ROWS_H
#define TESTS_DEV_ROWS_H
#include "dev-bench.h"
#include "dev-drivers.h"

/* ---- rows' makers ---- */

static void make_disk(struct bench *b, const struct row *r, bool cd, uint64_t size, const char *prop, struct bus *bus)
{
	b->disk[0].info.cdrom = b->disk[0].info.readonly = cd;
	b->disk[0].info.removable = cd || size == FLOPPY_SIZE;
	b->disk[0].info.discard = b->disk[0].info.zeroes = true;
	drive_insert(&b->disk[0], size);
	bench_add(b, r->type, r->options, prop, &b->disk[0], bus);
}

static void make_fdc(struct bench *b, const struct row *r)
{
	bench_add(b, "i8257", NULL, NULL, NULL, NULL);
	make_disk(b, r, false, FLOPPY_SIZE, "driveA", NULL);
}

static void make_dma(struct bench *b, const struct row *r)
{
	static const struct row fdc = {.type = "isa-fdc"};
	bench_add(b, r->type, r->options, NULL, NULL, NULL);
	make_disk(b, &fdc, false, FLOPPY_SIZE, "driveA", NULL);
	b->dev = b->made[0];
}

static void make_stream(struct bench *b, const struct row *r)
{
	bench_add(b, r->type, r->options, "chardev", &b->stream, NULL);
}

static void make_flash(struct bench *b, const struct row *r)
{
	struct err e = ERR_INIT;
	struct device *d = device_new(b->m, r->type, b->m->system_bus, &e);
	bool amd = strstr(r->type, "02");

	drive_insert(&b->disk[0], FLASH_SIZE);
	if (!d)
		bench_die(b, "%s", e.msg);
	if (amd)
		device_set_int(d, "num-blocks", 2);
	else
		device_set_ptr(d, "drive", &b->disk[0]);
	if (device_realize(d, &e) < 0)
		bench_die(b, "%s", e.msg);
	d->type->reset(d);
	b->dev = b->made[b->count++] = d;
	region_add(space_root(b->m->memory), 0xffe00000, pflash_region(d), 1);
}

/* On the test machine's own PCI bus. */
static void make_card(struct bench *b, const struct row *r)
{
	bench_add(b, r->type, r->options, "netdev", &b->cable, NULL);
	b->transport = strstr(r->type, "virtio") ? VIRTIO_PCI_MODERN : VIRTIO_NOT;
	b->virtio_at = bar_at(0, 4);
}

static void make_virtio(struct bench *b, const struct row *r)
{
	if (strstr(r->type, "blk"))
		make_disk(b, r, false, DISK_SIZE, "drive", NULL);
	else
		bench_add(b, r->type, r->options, NULL, NULL, NULL);
	struct device *d = b->dev;
	if (strstr(r->type, "scsi")) {
		static const struct row hd = {.type = "scsi-hd"};
		make_disk(b, &hd, false, DISK_SIZE, "drive", NULL);
	} else if (strstr(r->type, "serial")) {
		bench_add(b, "virtconsole", NULL, "chardev", &b->stream, NULL);
		bench_add(b, "virtserialport", "name=org.test.port", NULL, NULL, NULL);
	}
	b->dev = d;
	b->transport = VIRTIO_PCI_MODERN;
	b->virtio_at = bar_at(0, 4);
}

static void make_virtio_child(struct bench *b, const struct row *r)
{
	struct err e = ERR_INIT;
	bool legacy = b->variant & 1;
	struct device *t = virtio_mmio_new(b->m, space_root(b->m->memory), 0xfeb00000, test_irq(b->m, 40), legacy, &e);

	if (!t)
		bench_die(b, "%s", e.msg);
	b->made[b->count++] = t;
	make_virtio(b, r);
	b->transport = legacy ? VIRTIO_MMIO_LEGACY : VIRTIO_MMIO;
	b->virtio_at = 0xfeb00000;
}

static void make_mmio(struct bench *b, const struct row *r)
{
	static const struct row child = {.type = "virtio-rng-device"};
	(void)r;
	make_virtio_child(b, &child);
	b->dev = b->made[0];
}

/* What is plugged into a virtio device of its own. */
static void make_virtio_leaf(struct bench *b, const struct row *r)
{
	bool scsi = strstr(r->type, "scsi");

	bench_add(b, scsi ? "virtio-scsi-pci" : "virtio-serial-pci", NULL, NULL, NULL, NULL);
	if (scsi)
		make_disk(b, r, strstr(r->type, "cd"), strstr(r->type, "cd") ? CD_SIZE : DISK_SIZE, "drive", NULL);
	else
		bench_add(b, r->type, r->options, "chardev", &b->stream, NULL);
	b->transport = VIRTIO_PCI_MODERN;
	b->virtio_at = bar_at(0, 4);
}

static void make_ide(struct bench *b, const struct row *r)
{
	static const struct row hd = {.type = "ide-hd"}, cd = {.type = "ide-cd"};
	bool is_cd = !strcmp(r->type, "ide-cd"), is_disk = is_cd || !strcmp(r->type, "ide-hd"), isa = !strcmp(r->type, "isa-ide");
	struct device *host;

	host = bench_add(b, is_disk ? "piix3-ide" : r->type, NULL, NULL, NULL, NULL);
	make_disk(b, is_cd ? &cd : &hd, is_cd, is_cd ? CD_SIZE : DISK_SIZE, "drive", NULL);
	if (!is_disk && !isa) {
		b->disk[1].info.removable = b->disk[1].info.cdrom = b->disk[1].info.readonly = true;
		drive_insert(&b->disk[1], CD_SIZE);
		bench_add(b, "ide-cd", NULL, "drive", &b->disk[1], NULL);
	}
	if (!is_disk)
		b->dev = host;
}

/* The chips that the 440FX and PIIX make up, as a board wires them. */
static void make_chipset(struct bench *b, const struct row *r)
{
	struct err e = ERR_INIT;
	const struct irq *gsi[16];
	struct region *system = space_root(b->m->memory), *ports = space_root(b->m->ports);
	struct acpi_regs *acpi;
	struct smbus *smbus = NULL;
	struct pci_bus *bus;

	for (unsigned i = 0; i < 16; i++)
		gsi[i] = test_irq(b->m, i);
	b->window = region_new_container(b->m, "pci", 0);
	region_add(system, 0, b->window, -1);
	b->host = i440fx_new(b->m, system, system, b->window, ports, b->m->ram, &e);
	bus = b->host ? i440fx_bus(b->host) : NULL;
	if (!bus || !piix3_new(bus, ports, system, gsi, &e) || !(smbus = piix4_pm_new(bus, 1 << 3 | 3, test_irq(b->m, 9), true, &acpi, &e)) ||
	    !pci_create(bus, 4 << 3, "edu", &e))
		bench_die(b, "%s", e.msg);
	for (struct device *d = bus->bus.children; d; d = d->next) {
		d->type->reset(d);
		b->made[b->count++] = d;
		b->function[b->functions++] = pci_device(d);
	}
	/* The power management's two blocks of ports, which no BAR places. */
	cfg_write(b->function[2], 0x40, 0xb000, 4);
	cfg_write(b->function[2], 0x80, 1, 1);
	cfg_write(b->function[2], 0x90, 0xb100, 4);
	cfg_write(b->function[2], 0xd2, 9, 1);
	bench_add(b, "smbus-eeprom", "address=80,module=64M", NULL, NULL, &smbus->bus);
	for (unsigned i = 0; i < b->count; i++)
		if (!strcmp(b->made[i]->type->name, r->type))
			b->dev = b->made[i];
}

static void make_bridge(struct bench *b, const struct row *r)
{
	struct device *d = bench_add(b, r->type, r->options, NULL, NULL, NULL);

	set_bars(b, 0);
	bench_add(b, "edu", NULL, NULL, NULL, d->buses);
	b->dev = d;
}

static void make_mouse(struct bench *b, const struct row *r)
{
	bench_add(b, "i8042", NULL, NULL, NULL, NULL);
	bench_add(b, "vmport", NULL, NULL, NULL, NULL);
	bench_add(b, "vmmouse", NULL, NULL, NULL, NULL);
	for (unsigned i = 0; i < b->count; i++)
		if (!strcmp(b->made[i]->type->name, r->type))
			b->dev = b->made[i];
}

static void make_fw_cfg(struct bench *b, const struct row *r)
{
	struct err e = ERR_INIT;

	bench_add(b, r->type, r->options, NULL, NULL, b->m->system_bus);
	fw_cfg_add_writable(b->m, "etc/box", b->box, sizeof b->box, NULL, NULL, &e);
	fw_cfg_add_file(b->m, "etc/note", "text", 4, &e);
	fw_cfg_add_u32(b->m, 5, 1);
}

static void make_hpet(struct bench *b, const struct row *r)
{
	bench_add(b, "isa-pit", NULL, NULL, NULL, NULL);
	bench_add(b, "mc146818rtc", NULL, NULL, NULL, NULL);
	bench_add(b, r->type, r->options, NULL, NULL, b->m->system_bus);
	i8254_connect(b->made[0], &hpet_legacy_inputs(b->dev)[0]);
	mc146818_connect(b->made[1], &hpet_legacy_inputs(b->dev)[1]);
	hpet_connect_legacy(b->dev, test_irq(b->m, 0), test_irq(b->m, 8));
	hpet_connect(b->dev, 2, test_irq(b->m, 20));
}

static void make_apics(struct bench *b, const struct row *r)
{
	struct err e = ERR_INIT;

	self_machine = b->m;
	b->m->i8259 = bench_add(b, "isa-i8259", NULL, NULL, NULL, NULL);
	bench_add(b, "ioapic", NULL, NULL, NULL, b->m->system_bus);
	for (unsigned i = 0; i < 2; i++) {
		struct vcpu *v = vcpu_new_test(b->m);
		b->apic[i] = apic_new(b->m, v, i, &e);
		if (!b->apic[i])
			bench_die(b, "%s", e.msg);
		b->apic[i]->processor = &processor;
		vcpu_set_apic(v, b->apic[i]);
		b->made[b->count++] = &b->apic[i]->dev;
	}
	self = b->apic[0]->vcpu;
	b->dev = b->made[!strcmp(r->type, "ioapic") ? 1 : !strcmp(r->type, "apic") ? 2 : 0];
}

/* ---- the rows ---- */

static const struct row rows[] = {
	{"isa-i8259", NULL, make_apics, drive_apic, event_lines, NULL},
	{"ioapic", NULL, make_apics, drive_apic, event_lines, NULL},
	{"apic", NULL, make_apics, drive_apic, event_lines, NULL},
	{"isa-pit", NULL, NULL, NULL, NULL, NULL},
	{"mc146818rtc", "clock=vm,lost_tick_policy=slew", NULL, NULL, NULL, NULL},
	{"hpet", "msi=on,timers=4", make_hpet, NULL, NULL, NULL},
	{"i8257", NULL, make_dma, drive_fdc, event_disk, NULL},
	{"isa-fdc", NULL, make_fdc, drive_fdc, event_disk, NULL},
	{"i8042", NULL, make_mouse, drive_backdoor, event_input, NULL},
	{"vmport", NULL, make_mouse, drive_backdoor, event_input, NULL},
	{"vmmouse", NULL, make_mouse, drive_backdoor, event_input, NULL},
	{"isa-serial", NULL, make_stream, NULL, event_stream, NULL},
	{"isa-parallel", NULL, make_stream, NULL, event_stream, NULL},
	{"isa-debugcon", NULL, make_stream, NULL, event_stream, NULL},
	{"isa-debug-exit", NULL, NULL, NULL, NULL, NULL},
	{"pvpanic", NULL, NULL, NULL, NULL, NULL},
	{"ib700", NULL, NULL, NULL, NULL, NULL},
	{"i6300esb", NULL, NULL, NULL, NULL, NULL},
	{"pc-testdev", NULL, NULL, NULL, NULL, NULL},
	{"pci-testdev", NULL, NULL, NULL, NULL, NULL},
	{"edu", NULL, NULL, drive_edu, NULL, NULL},
	{"fw_cfg_io", NULL, make_fw_cfg, drive_fw_cfg, NULL, NULL},
	{"cfi.pflash01", NULL, make_flash, drive_flash, event_disk, NULL},
	{"cfi.pflash02", NULL, make_flash, drive_flash, event_disk, NULL},
	{"i440FX", NULL, make_chipset, drive_smbus, NULL, NULL},
	{"PIIX3", NULL, make_chipset, drive_edu, NULL, NULL},
	{"PIIX4_PM", NULL, make_chipset, drive_smbus, NULL, NULL},
	{"smbus-eeprom", NULL, make_chipset, drive_smbus, NULL, NULL},
	{"pci-bridge", "chassis_nr=1", make_bridge, drive_edu, NULL, NULL},
	{"piix3-ide", NULL, make_ide, drive_ide, event_disk, NULL},
	{"piix4-ide", NULL, make_ide, drive_ide, event_disk, NULL},
	{"isa-ide", NULL, make_ide, drive_ide, event_disk, NULL},
	{"ide-hd", NULL, make_ide, drive_ide, event_disk, NULL},
	{"ide-cd", NULL, make_ide, drive_ide, event_disk, NULL},
	{"VGA", "vgamem_mb=1,romfile=", NULL, drive_vga, event_screen, NULL},
	{"secondary-vga", "vgamem_mb=1", NULL, drive_vga, event_screen, NULL},
	{"isa-vga", "vgamem_mb=1", NULL, drive_vga, event_screen, NULL},
	{"e1000", "romfile=", make_card, drive_e1000, event_frame, NULL},
	{"e1000-82544gc", "romfile=", make_card, drive_e1000, event_frame, NULL},
	{"e1000-82545em", "romfile=", make_card, drive_e1000, event_frame, NULL},
	{"virtio-net-pci", "romfile=", make_card, drive_virtio, event_frame, header_net},
	{"virtio-blk-pci", NULL, make_virtio, drive_virtio, event_disk, header_blk},
	{"virtio-scsi-pci", NULL, make_virtio, drive_virtio, event_disk, header_scsi},
	{"virtio-rng-pci", "max-bytes=4096,period=10", make_virtio, drive_virtio, NULL, NULL},
	{"virtio-balloon-pci", "deflate-on-oom=on,guest-stats-polling-interval=1", make_virtio, drive_virtio, NULL, header_pages},
	{"virtio-serial-pci", "max_ports=4", make_virtio, drive_virtio, event_stream, header_port},
	{"virtio-mmio", NULL, make_mmio, drive_virtio, NULL, NULL},
	{"virtio-blk-device", NULL, make_virtio_child, drive_virtio, event_disk, header_blk},
	{"virtio-scsi-device", NULL, make_virtio_child, drive_virtio, event_disk, header_scsi},
	{"virtio-rng-device", NULL, make_virtio_child, drive_virtio, NULL, NULL},
	{"virtio-balloon-device", NULL, make_virtio_child, drive_virtio, NULL, header_pages},
	{"virtio-serial-device", "max_ports=4", make_virtio_child, drive_virtio, event_stream, header_port},
	{"virtconsole", NULL, make_virtio_leaf, drive_virtio, event_stream, header_port},
	{"virtserialport", "name=org.test.port", make_virtio_leaf, drive_virtio, event_stream, header_port},
	{"scsi-hd", NULL, make_virtio_leaf, drive_virtio, event_disk, header_scsi},
	{"scsi-cd", NULL, make_virtio_leaf, drive_virtio, event_disk, header_scsi},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct row *bench_row(const char *type)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].type, type))
			return &rows[i];
	return NULL;
}
#endif
