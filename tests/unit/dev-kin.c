/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that are another one's kin, at what is their own: adapters of other generations and other buses, a bridge, a memory module's EEPROM. */
#include "dev-bench.h"
#include "tap.h"

static struct bench b;

static void begin(const char *type)
{
	bench_begin(&b, bench_row(type), 0);
}

static uint32_t mem(uint64_t at) { return space_le32(b.m->memory, at); }

static void cards(void)
{
	static const struct { const char *type; unsigned id; } card[] = {{"e1000", 0x100e}, {"e1000-82544gc", 0x1008}, {"e1000-82545em", 0x100f}};

	for (unsigned i = 0; i < 3; i++) {
		uint16_t sum = 0;
		begin(card[i].type);
		ok_eq(cfg_read(b.function[0], 0, 4), card[i].id << 16 | 0x8086, "%s: its identifiers", card[i].type);
		ok_eq(cfg_read(b.function[0], 8, 4) >> 8, 0x020000, "%s: an Ethernet controller", card[i].type);
		for (unsigned word = 0; word < 64; word++) {
			put_value(&b, bar_at(0, 0) + 0x14, word << 8 | 1, 4);
			uint32_t v = mem(bar_at(0, 0) + 0x14);
			sum = (uint16_t)(sum + (v & 0x10 ? v >> 16 : 0xdead));
		}
		ok_eq(sum, 0xbaba, "%s: the EEPROM's words add up (5.6.35)", card[i].type);
		put_value(&b, bar_at(0, 0), 0x41, 4);
		clock_step(b.m, 3 * NS_PER_S);
		ok(mem(bar_at(0, 0) + 8) & 2, "%s: the link comes up", card[i].type);
		test_outl(b.m, port_at(0, 1), 8);
		ok_eq(test_inl(b.m, (uint16_t)(port_at(0, 1) + 4)), mem(bar_at(0, 0) + 8), "%s: the same register through its ports", card[i].type);
		bench_end(&b);
	}
}

static void bridge(void)
{
	begin("pci-bridge");
	struct pci_device *d = b.function[0], *behind = b.function[1];
	ok_eq(cfg_read(d, 8, 4) >> 8, 0x060400, "pci-bridge: a PCI-to-PCI bridge");
	ok_eq(cfg_read(d, PCI_HEADER, 1) & 0x7f, 1, "pci-bridge: with a header of type 1");
	ok_eq(pci_config_read(test_pci(b.m), 1, behind->devfn, 0, 4), 0x11e81234, "pci-bridge: configuration cycles of its secondary bus go through");
	ok_eq(pci_config_read(test_pci(b.m), 2, behind->devfn, 0, 4), 0xffffffff, "pci-bridge: those of others do not");
	ok_eq(mem(bar_at(1, 0)), 0x010000ed, "pci-bridge: a BAR in its window");
	cfg_write(d, 0x20, 0x8000bff0u, 4);
	ok_eq(mem(bar_at(1, 0)), 0xffffffff, "pci-bridge: a window whose base is above its limit is closed");
	cfg_write(d, 0x24, 0xbff18001u, 4);
	ok_eq(mem(bar_at(1, 0)), 0x010000ed, "pci-bridge: the prefetchable window opens");
	cfg_write(d, PCI_COMMAND, 0, 2);
	ok_eq(mem(bar_at(1, 0)), 0xffffffff, "pci-bridge: nothing is forwarded with memory off");
	set_bars(&b, 0);
	cfg_write(behind, PCI_COMMAND, 2, 2);
	cfg_write(d, PCI_BRIDGE_CONTROL, 0x40, 2);
	ok_eq(cfg_read(behind, PCI_COMMAND, 2), 0, "pci-bridge: a reset of the secondary bus resets what is behind");
	bench_end(&b);
}

static unsigned smbus(unsigned address, unsigned protocol, unsigned command, unsigned data)
{
	test_outb(b.m, 0xb100, 0x1e);
	test_outb(b.m, 0xb104, (uint8_t)address);
	test_outb(b.m, 0xb103, (uint8_t)command);
	test_outb(b.m, 0xb105, (uint8_t)data);
	test_outb(b.m, 0xb102, (uint8_t)(0x40 | protocol << 2));
	return test_inb(b.m, 0xb100) & 4 ? 0x100 : test_inb(b.m, 0xb105);
}

static void eeprom(void)
{
	unsigned sum = 0;

	begin("smbus-eeprom");
	ok_eq(smbus(0xa1, 2, 2, 0), 4, "smbus-eeprom: SDRAM (byte 2)");
	ok_eq(smbus(0xa1, 2, 31, 0), 64 / 4, "smbus-eeprom: a row of 64 MiB (byte 31)");
	for (unsigned i = 0; i < 63; i++)
		sum += smbus(0xa1, 2, i, 0);
	ok_eq(smbus(0xa1, 2, 63, 0), sum & 255, "smbus-eeprom: its checksum (byte 63)");
	smbus(0xa0, 2, 200, 0x5a);
	ok_eq(smbus(0xa1, 2, 200, 0), 0x5a, "smbus-eeprom: a byte is written");
	smbus(0xa0, 1, 62, 0);
	ok(smbus(0xa1, 1, 0, 0) == 0x12 && smbus(0xa1, 1, 0, 0) == (sum & 255), "smbus-eeprom: reads go on from an address");
	ok_eq(smbus(0xa3, 2, 0, 0), 0x100, "smbus-eeprom: nobody answers at another address");
	bench_end(&b);
}

static void screens(void)
{
	begin("secondary-vga");
	ok_eq(cfg_read(b.function[0], 8, 4) >> 8, 0x038000, "secondary-vga: no VGA by its class");
	ok_eq(test_inb(b.m, 0x3cc), 0xff, "secondary-vga: no ports of old");
	ok_eq(space_le16(b.m->memory, bar_at(0, 2) + 0x500), 0xb0c5, "secondary-vga: its registers are in memory");
	space_st_le16(b.m->memory, bar_at(0, 2) + 0x502, 800);
	ok_eq(space_le16(b.m->memory, bar_at(0, 2) + 0x502), 800, "secondary-vga: a width is kept");
	bench_end(&b);
	begin("isa-vga");
	test_outw(b.m, 0x1ce, 0);
	ok_eq(test_inw(b.m, 0x1cf), 0xb0c5, "isa-vga: Bochs's extension");
	test_outb(b.m, 0x3c2, 0x67);
	ok_eq(test_inb(b.m, 0x3cc), 0x67, "isa-vga: the miscellaneous register");
	test_outb(b.m, 0x3c4, 4), test_outb(b.m, 0x3c5, 0x0e), test_outb(b.m, 0x3c4, 2), test_outb(b.m, 0x3c5, 15);
	test_outb(b.m, 0x3ce, 6), test_outb(b.m, 0x3cf, 5);
	space_store(b.m->memory, 0xa0123, 0x42, 1, NULL);
	ok_eq(space_load(b.m->memory, 0xa0123, 1, NULL), 0x42, "isa-vga: memory behind the window");
	bench_end(&b);
}

static void disks(void)
{
	static const char *const type[] = {"isa-ide", "piix3-ide", "piix4-ide"};

	for (unsigned i = 0; i < 3; i++) {
		uint16_t id[256];
		begin(type[i]);
		if (i)
			ok_eq(cfg_read(b.function[0], 0, 4), (i == 1 ? 0x7010u : 0x7111u) << 16 | 0x8086, "%s: its identifiers", type[i]);
		test_outb(b.m, 0x1f6, 0xa0);
		test_outb(b.m, 0x1f7, 0xec);
		ok_eq(test_inb(b.m, 0x3f6) & 0x89, 0x08, "%s: IDENTIFY has data", type[i]);
		for (unsigned n = 0; n < 256; n++)
			id[n] = test_inw(b.m, 0x1f0);
		ok_eq(id[60] | id[61] << 16, DISK_SIZE / 512, "%s: the disk's size in it", type[i]);
		ok(!(test_inb(b.m, 0x1f7) & 8), "%s: and no more", type[i]);
		test_outb(b.m, 0x1f2, 1), test_outb(b.m, 0x1f3, 5), test_outb(b.m, 0x1f4, 0), test_outb(b.m, 0x1f5, 0), test_outb(b.m, 0x1f6, 0xe0);
		if (!i) {
			test_outb(b.m, 0x1f7, 0x20);
			drive_run(&b.disk[0]);
			ok(test_line(b.m, 14), "%s: its interrupt is IRQ 14", type[i]);
			ok_eq(test_inw(b.m, 0x1f0), 5, "%s: sector 5", type[i]);
		} else {
			space_st_le32(b.m->memory, RINGS_AT, SCRATCH);
			space_st_le32(b.m->memory, RINGS_AT + 4, 0x80000000u | 512);
			test_outl(b.m, (uint16_t)(port_at(0, 4) + 4), RINGS_AT);
			test_outb(b.m, 0x1f7, 0xc8);
			test_outb(b.m, port_at(0, 4), 9);
			drive_run(&b.disk[0]);
			ok_eq(mem(SCRATCH), 5, "%s: sector 5 by DMA", type[i]);
			ok_eq(test_inb(b.m, (uint16_t)(port_at(0, 4) + 2)) & 7, 4, "%s: the bus master says so", type[i]);
		}
		bench_end(&b);
	}
}

static void mapped(void)
{
	static const struct { const char *type; unsigned id, at, config; } child[] = {
		{"virtio-balloon-device", 5, 0x100, 0}, {"virtio-serial-device", 3, 0x104, 4}, {"virtio-scsi-device", 8, 0x104, 126},
		{"virtio-rng-device", 4, 0, 0x74726976 /* it has none */}, {"virtio-blk-device", 2, 0x100, DISK_SIZE / 512},
	};
	static const uint8_t all_features[1] = {1};

	for (unsigned i = 0; i < sizeof child / sizeof *child; i++) {
		struct input in = input_of(all_features, 1);
		begin(child[i].type);
		ok_eq(mem(b.virtio_at + 8), child[i].id, "%s: its number", child[i].type);
		virtio_rings(&b, &in);
		ok_eq(mem(b.virtio_at + 0x70), 15, "%s: a driver's steps are accepted", child[i].type);
		ok_eq(mem(b.virtio_at + child[i].at), child[i].config, "%s: its configuration", child[i].type);
		mm_set(&b, 0x70, 0);
		ok(!mem(b.virtio_at + 0x70) && !mem(b.virtio_at + 0x44), "%s: a reset", child[i].type);
		bench_end(&b);
	}
}

int main(void)
{
	cards();
	bridge();
	eeprom();
	screens();
	disks();
	mapped();
	return tap_done();
}
