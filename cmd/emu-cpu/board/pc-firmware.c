// SPDX-License-Identifier: GPL-2.0-or-later
/* What a PC's firmware is told when all devices are known: files of fw_cfg, SMBIOS and ACPI tables, option ROMs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "base/uuid.h"
#include "../acpi-hotplug.h"
#include "../acpi-tables.h"
#include "../boot-order.h"
#include "../dev/pci/piix4-pm.h"
#include "../vcpu.h"
#include "pc-internal.h"

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
		.hole64_start = (4 * GIB + p->above_4g + GIB - 1) & ~(GIB - 1), .hole64_end = 1ull << PC_HOLE64_SIZE_BITS,
		.pm_base = 0x600, .gpe_base = PC_GPE_PORT, .hotplug_base = ACPI_HOTPLUG_PORT,
		.hot_slots = acpi_hotplug_slots(p->bus), .sci = PC_SCI, .hpet = p->hpet, .s3 = true, .s4 = true, .smm = p->smm, .pci = true,
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

int pc_firmware_ready(struct machine *m, struct err *e)
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
