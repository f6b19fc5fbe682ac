/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ATA disks and ATAPI CD-ROMs at their registers, behind the PIIX3's bus master (ATA/ATAPI-6; MMC-3; ECMA-130 for raw sectors). */
#include "../../cmd/emu-cpu/dev/ide/piix3-ide.h"
#include "../../cmd/emu-cpu/pci.h"
#include "../../cmd/emu-cpu/testing.h"
#include "dev-drive.h"
#include "tap.h"

enum { BASE = 0x1f0, CONTROL = 0x3f6, BM = 0xc000, PRD = 0x20000, MEM = 0x100000 };
enum { DATA, FEATURE, COUNT, LBA0, LBA1, LBA2, SELECT, STATUS };
enum { SECTORS = 2048, CD_SECTORS = 100 };

static struct machine *m;
static struct drive disk, cd;
static struct device *adapter, *hd, *rom;

static unsigned in(unsigned r) { return test_inb(m, (uint16_t)(BASE + r)); }
static void out(unsigned r, unsigned v) { test_outb(m, (uint16_t)(BASE + r), (uint8_t)v); }
static unsigned alt(void) { return test_inb(m, CONTROL); }

static struct device *unit(const char *type, struct drive *d, const char *number)
{
	struct err e = ERR_INIT;
	struct device *dev = device_new(m, type, NULL, &e);

	device_set_ptr(dev, "drive", d);
	device_set(dev, "unit", number, &e);
	device_set(dev, "serial", "QM1234", &e);
	if (device_realize(dev, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	return dev;
}

static bool slow;

static void begin(void)
{
	m = machine_new_test();
	m->config.win2k_hack = slow;
	memset(&disk, 0, sizeof disk);
	memset(&cd, 0, sizeof cd);
	cd.info.removable = cd.info.cdrom = cd.info.readonly = true;
	drive_insert(&disk, SECTORS * 512);
	drive_insert(&cd, CD_SECTORS * 2048);
	struct err e = ERR_INIT;
	if (piix_ide_new(test_pci(m), 1 << 3 | 1, "piix3-ide", test_irq(m, 14), test_irq(m, 15), &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	adapter = test_pci(m)->bus.children;
	hd = unit("ide-hd", &disk, "0");
	rom = unit("ide-cd", &cd, "1");
	adapter->type->reset(adapter);
	struct pci_device *d = pci_device(adapter);
	pci_config_write(pci_bus_of(d), 0, d->devfn, 0x20, BM, 4);
	pci_config_write(pci_bus_of(d), 0, d->devfn, 4, 5, 2);
}

static void end(void)
{
	machine_free_test(m);
	free(disk.data);
	free(cd.data);
}

static void task(unsigned select, unsigned feature, unsigned count, uint32_t lba, unsigned command)
{
	out(SELECT, select | (lba >> 24 & 15));
	out(FEATURE, feature);
	out(COUNT, count);
	out(LBA0, lba);
	out(LBA1, lba >> 8);
	out(LBA2, lba >> 16);
	out(STATUS, command);
}

static void task48(unsigned count, uint64_t lba, unsigned command)
{
	out(SELECT, 0xe0);
	out(FEATURE, 0), out(FEATURE, 0);
	out(COUNT, count >> 8), out(COUNT, count);
	out(LBA0, (unsigned)(lba >> 24)), out(LBA0, (unsigned)lba);
	out(LBA1, (unsigned)(lba >> 32)), out(LBA1, (unsigned)(lba >> 8));
	out(LBA2, (unsigned)(lba >> 40)), out(LBA2, (unsigned)(lba >> 16));
	out(STATUS, command);
}

static void read_data(void *to, unsigned bytes)
{
	uint16_t *p = to;
	for (unsigned i = 0; i < bytes / 2; i++)
		p[i] = test_inw(m, BASE);
}

static void write_data(const void *from, unsigned bytes)
{
	const uint16_t *p = from;
	for (unsigned i = 0; i < bytes / 2; i++)
		test_outw(m, BASE, p[i]);
}

static bool irq(void)
{
	bool level = test_line(m, 14);
	in(STATUS);
	return level;
}

static const char *same(const void *a, const void *b, size_t n) { return memcmp(a, b, n) ? "different" : "same"; }

/* ---- the disk: programmed I/O ---- */

static void text_of(const uint16_t *words, unsigned at, unsigned n, char *to)
{
	for (unsigned i = 0; i < n; i++) {
		to[2 * i] = (char)(words[at + i] >> 8);
		to[2 * i + 1] = (char)words[at + i];
	}
	to[2 * n] = 0;
}

static void identify(void)
{
	uint16_t w[256];
	char text[48];
	uint8_t sum = 0;

	begin();
	out(SELECT, 0xa0);
	ok(in(COUNT) == 1 && in(LBA0) == 1 && in(LBA1) == 0 && in(LBA2) == 0 && in(STATUS) == 0x50, "a disk's signature after reset");
	out(SELECT, 0xb0);
	ok(in(LBA1) == 0x14 && in(LBA2) == 0xeb, "a packet device's");
	task(0xa0, 0, 0, 0, 0xec);
	ok(alt() == 0x58, "IDENTIFY DEVICE: data is there");
	ok(irq() && !irq(), "… with an interrupt, which reading the status takes back");
	read_data(w, 512);
	text_of(w, 10, 10, text);
	ok(!strncmp(text, "QM1234", 6), "the serial number: '%s'", text);
	text_of(w, 27, 20, text);
	ok(!strncmp(text, "QEMU HARDDISK", 13), "the model: '%s'", text);
	ok(w[1] * w[3] * w[6] <= SECTORS && w[6] <= 63 && w[3] <= 16, "a geometry: %u, %u, %u", w[1], w[3], w[6]);
	ok(w[60] + (w[61] << 16) == SECTORS && w[100] == SECTORS && w[83] & 0x400, "its size, in 28 and 48 bits");
	for (unsigned i = 0; i < 512; i++)
		sum = (uint8_t)(sum + ((uint8_t *)w)[i]);
	ok(w[255] % 256 == 0xa5 && !sum, "the integrity word");
	ok_eq(in(STATUS), 0x50, "afterwards there is no more data");
	task(0xb0, 0, 0, 0, 0xec);
	ok(in(STATUS) & 1 && in(LBA1) == 0x14 && in(LBA2) == 0xeb, "a packet device refuses it, with its signature");
	task(0xb0, 0, 0, 0, 0xa1);
	read_data(w, 512);
	text_of(w, 27, 20, text);
	ok(w[0] >> 8 == 0x85 && !strncmp(text, "QEMU DVD-ROM", 12), "IDENTIFY PACKET DEVICE");
	task(0xa0, 0, 0, 0, 0xa1);
	ok(in(STATUS) & 1 && in(FEATURE) == 4, "which a disk refuses");
	end();
}

static void pio(void)
{
	uint8_t buf[16 * 512], pattern[16 * 512];

	begin();
	for (unsigned i = 0; i < sizeof pattern; i++)
		pattern[i] = (uint8_t)(i * 7 + (i >> 9));
	task(0xe0, 0, 3, 100, 0x20);
	ok(alt() & 0x80, "READ SECTORS: busy while the disk works");
	for (unsigned i = 0; i < 3; i++) {
		drive_run(&disk);
		ok(irq(), "sector %u: an interrupt", i);
		read_data(buf + i * 512, 512);
	}
	ok_str(same(buf, disk.data + 100 * 512, 1536), "same", "READ SECTORS");
	ok(in(STATUS) == 0x50 && !test_line(m, 14), "and no interrupt behind the last");
	task(0xe0, 0, 2, 300, 0x30);
	ok(alt() == 0x58 && !test_line(m, 14), "WRITE SECTORS: the first is asked for without an interrupt");
	write_data(pattern, 512);
	drive_run(&disk);
	ok(irq(), "the next with one");
	write_data(pattern + 512, 512);
	drive_run(&disk);
	ok(irq() && in(STATUS) == 0x50, "and one at the end");
	ok_str(same(pattern, disk.data + 300 * 512, 1024), "same", "WRITE SECTORS");
	task(0xe0, 0, 5, 0, 0xc6);
	ok(in(STATUS) & 1, "SET MULTIPLE of 5 is refused");
	task(0xe0, 0, 8, 0, 0xc6);
	ok_eq(in(STATUS), 0x50, "of 8 taken");
	task(0xe0, 0, 12, 40, 0xc4);
	drive_run(&disk);
	irq();
	read_data(buf, 8 * 512);
	drive_run(&disk);
	ok(irq(), "READ MULTIPLE: an interrupt a block");
	read_data(buf + 8 * 512, 4 * 512);
	ok_str(same(buf, disk.data + 40 * 512, 12 * 512), "same", "READ MULTIPLE");
	task48(3, 1000, 0x24);
	for (unsigned i = 0; i < 3; i++) {
		drive_run(&disk);
		read_data(buf + i * 512, 512);
	}
	ok_str(same(buf, disk.data + 1000 * 512, 1536), "same", "READ SECTORS EXT");
	task48(9, 1100, 0x39);
	write_data(pattern, 8 * 512);
	drive_run(&disk);
	write_data(pattern + 8 * 512, 512);
	drive_run(&disk);
	ok_str(same(pattern, disk.data + 1100 * 512, 9 * 512), "same", "WRITE MULTIPLE EXT");
	/* cylinder, head, sector */
	task(0xa0, 0, 0, 0, 0xec);
	uint16_t w[256];
	read_data(w, 512);
	unsigned lba = (1 * w[55] + 2) * w[56] + 4;
	out(SELECT, 0xa2), out(COUNT, 1), out(LBA0, 5), out(LBA1, 1), out(LBA2, 0), out(STATUS, 0x20);
	drive_run(&disk);
	read_data(buf, 512);
	ok_str(same(buf, disk.data + lba * 512, 512), "same", "READ SECTORS at cylinder 1, head 2, sector 5 (%u)", lba);
	/* errors */
	task(0xe0, 0, 1, SECTORS, 0x20);
	ok(in(STATUS) & 1 && in(FEATURE) & 0x10, "beyond the end: not found");
	task(0xe0, 0, 2, SECTORS - 1, 0x20);
	ok(in(STATUS) & 1 && in(FEATURE) & 0x10, "half of it beyond the end too");
	disk.fail = EIO;
	task(0xe0, 0, 1, 77, 0x20);
	drive_run(&disk);
	ok(irq() && in(STATUS) & 1 && in(FEATURE) & 0x40 && in(LBA0) == 77, "a sector that cannot be read: where and why");
	disk.fail = 0;
	task(0xe0, 0, 0, 0, 0x83);
	ok(in(STATUS) & 1 && in(FEATURE) == 4, "a command that there is not");
	/* state in the middle of a transfer */
	task(0xe0, 0, 2, 500, 0x20);
	drive_run(&disk);
	read_data(buf, 100);
	ok_str(test_round_trip(adapter, adapter), "", "its state goes round in the middle of a sector");
	read_data(buf + 100, 412);
	drive_run(&disk);
	read_data(buf + 512, 512);
	ok_str(same(buf, disk.data + 500 * 512, 1024), "same", "and the transfer goes on");
	/* software reset */
	task(0xe0, 0, 1, 1, 0x20);
	test_outb(m, CONTROL, 4);
	ok_eq(alt(), 0x80, "software reset: busy");
	test_outb(m, CONTROL, 0);
	drive_run(&disk);
	ok(in(STATUS) == 0x50 && in(COUNT) == 1 && in(LBA0) == 1, "then ready, with the signature; what was under way is forgotten");
	test_outb(m, CONTROL, 2);
	task(0xe0, 0, 1, 1, 0x20);
	drive_run(&disk);
	ok(!test_line(m, 14), "no interrupts while they are off");
	end();
}

static void rest(void)
{
	uint8_t buf[512], sum = 0;

	begin();
	task(0xe0, 0xda, 0, 0xc24f00, 0xb0);
	ok(in(STATUS) == 0x50 && in(LBA1) == 0x4f && in(LBA2) == 0xc2, "SMART RETURN STATUS: well");
	task(0xe0, 0xd0, 1, 0xc24f00, 0xb0);
	read_data(buf, 512);
	for (unsigned i = 0; i < 512; i++)
		sum = (uint8_t)(sum + buf[i]);
	ok(!sum && buf[2], "SMART READ DATA adds up to 0");
	task(0xe0, 0xda, 0, 0, 0xb0);
	ok(in(STATUS) & 1, "SMART without its key is refused");
	task(0xe0, 0xd9, 0, 0xc24f00, 0xb0);
	task(0xe0, 0xda, 0, 0xc24f00, 0xb0);
	ok(in(STATUS) & 1, "and when it is off");
	task(0xe0, 0, 0, 0, 0xe5);
	ok_eq(in(COUNT), 0xff, "CHECK POWER MODE");
	task(0xe0, 0, 0, 0, 0xf8);
	ok(in(LBA0) == 0xff && in(LBA1) == 7, "READ NATIVE MAX ADDRESS");
	task(0xe0, 0, 1, 5, 0x40);
	ok_eq(in(STATUS), 0x50, "READ VERIFY");
	task(0xe0, 0, 0, 0, 0xe7);
	drive_run(&disk);
	ok(in(STATUS) == 0x50 && disk.flushes == 1, "FLUSH CACHE");
	task(0xe0, 0x82, 0, 0, 0xef);
	drive_run(&disk);
	ok(in(STATUS) == 0x50 && disk.flushes == 2, "the write cache off: flushed");
	task(0xe0, 0x7b, 0, 0, 0xef);
	ok(in(STATUS) & 1, "SET FEATURES of nothing");
	task(0xe0, 0, 0, 0, 0x10);
	ok_eq(in(STATUS), 0x50, "RECALIBRATE");
	out(SELECT, 0xa3);
	out(COUNT, 17);
	out(STATUS, 0x91);
	uint16_t w[256];
	task(0xa0, 0, 0, 0, 0xec);
	read_data(w, 512);
	ok(w[55] == 4 && w[56] == 17, "INITIALIZE DEVICE PARAMETERS");
	end();
}

/* ---- DMA ---- */

static void prd(unsigned n, uint32_t at, uint32_t size, bool last)
{
	space_st_le32(m->memory, PRD + 8 * n, at);
	space_st_le32(m->memory, PRD + 8 * n + 4, (size & 0xffff) | (last ? 0x80000000u : 0));
}

static void dma(void)
{
	uint8_t buf[64 * 512];

	begin();
	test_outl(m, BM + 4, PRD);
	prd(0, MEM, 0x1000, false);
	prd(1, MEM + 0x8000, 0x1000, true);
	test_outb(m, BM, 8);
	task(0xe0, 0, 16, 64, 0xc8);
	ok(test_inb(m, BM + 2) == 0 && alt() & 8, "READ DMA waits for the bus master");
	test_outb(m, BM, 9);
	ok(test_inb(m, BM + 2) & 1, "which is active then");
	drive_run(&disk);
	ok_eq(test_inb(m, BM + 2), 4, "and at the end has an interrupt");
	ok(irq() && in(STATUS) == 0x50, "… as the drive");
	test_outb(m, BM, 0);
	test_outb(m, BM + 2, 4);
	ok_eq(test_inb(m, BM + 2), 0, "the bit is cleared by writing it");
	space_read(m->memory, MEM, buf, 0x1000);
	space_read(m->memory, MEM + 0x8000, buf + 0x1000, 0x1000);
	ok_str(same(buf, disk.data + 64 * 512, 0x2000), "same", "READ DMA through a table of two");
	space_write(m->memory, MEM, disk.data + 200 * 512, 0x1000);
	prd(0, MEM, 0x1000, true);
	task48(8, 900, 0x35);
	test_outb(m, BM, 1);
	drive_run(&disk);
	ok_str(same(disk.data + 900 * 512, disk.data + 200 * 512, 0x1000), "same", "WRITE DMA EXT");
	test_outb(m, BM, 0);
	test_outb(m, BM + 2, 6);
	prd(0, MEM, 512, true);
	task(0xe0, 0, 4, 64, 0xc8);
	test_outb(m, BM, 9);
	drive_run(&disk);
	ok(test_inb(m, BM + 2) & 2 && in(STATUS) & 1, "a table that is too short: an error");
	test_outb(m, BM, 0);
	test_outb(m, BM + 2, 6);
	prd(0, MEM, 0x2000, true);
	task(0xe0, 0, 4, 64, 0xc8);
	test_outb(m, BM, 9);
	drive_run(&disk);
	ok((test_inb(m, BM + 2) & 5) == 5 && in(STATUS) == 0x50, "one that is too long: the transfer is well, the master still active");
	test_outb(m, BM, 0);
	test_outb(m, BM + 2, 6);
	disk.fail = EIO;
	prd(0, MEM, 512, true);
	task(0xe0, 0, 1, 64, 0xc8);
	test_outb(m, BM, 9);
	drive_run(&disk);
	ok(in(STATUS) & 1 && in(FEATURE) & 0x40, "a sector that cannot be read");
	disk.fail = 0;
	test_outb(m, BM, 0);
	prd(0, 0xf0000000, 512, true);
	task(0xe0, 0, 1, 64, 0xc8);
	test_outb(m, BM, 9);
	drive_run(&disk);
	ok(in(STATUS) & 1, "a table that leads to no memory");
	ok_str(test_round_trip(adapter, NULL), "", "the adapter's state goes round");
	end();
}

/* ---- the CD-ROM ---- */

static uint8_t answer[65536];

/* A packet by programmed I/O: returns the bytes of its answer, -1: an error. */
static int packet(const uint8_t *cdb, unsigned limit)
{
	int n = 0;

	out(SELECT, 0xb0);
	out(FEATURE, 0);
	out(LBA1, limit);
	out(LBA2, limit >> 8);
	out(STATUS, 0xa0);
	if (in(COUNT) != 1)
		return -2;
	write_data(cdb, 12);
	for (;;) {
		drive_run(&cd);
		unsigned s = in(STATUS);
		if (s & 1)
			return -1;
		if (!(s & 8))
			return n;
		unsigned size = in(LBA1) | in(LBA2) << 8;
		if (in(COUNT) == 0) { /* parameters from us */
			uint8_t zero[256] = {0};
			write_data(zero, (size + 1) & ~1u);
			continue;
		}
		if (n + size > 60000)
			return -3;
		read_data(answer + n, (size + 1) & ~1u);
		n += (int)size;
	}
}
#define PACKET(limit, ...) packet((const uint8_t[12]){__VA_ARGS__}, limit)

static bool sense(unsigned key, unsigned asc)
{
	return PACKET(0xfffe, 3, 0, 0, 0, 18) == 18 && answer[2] == key && answer[12] == asc;
}

/* The two check sums of a code word of ECMA-130's annex A, and the EDC. */
static uint8_t times(uint8_t a, unsigned n)
{
	while (n--)
		a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1d : 0));
	return a;
}

static bool raw_ok(const uint8_t *s)
{
	uint32_t crc = 0, sent = 0;
	for (unsigned i = 0; i < 2064; i++) {
		crc ^= s[i];
		for (unsigned k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0xd8018001u : crc >> 1;
	}
	memcpy(&sent, s + 2064, 4);
	if (crc != sent)
		return false;
	for (unsigned lane = 0; lane < 2; lane++) {
		for (unsigned n = 0; n < 43; n++) {
			uint8_t a = 0, b = 0;
			for (unsigned k = 0; k < 26; k++) {
				uint8_t v = s[12 + lane + 2 * (n + 43 * k)];
				a ^= v, b ^= times(v, 25 - k);
			}
			if (a | b)
				return false;
		}
		for (unsigned n = 0; n < 26; n++) {
			uint8_t a = 0, b = 0;
			for (unsigned k = 0; k < 45; k++) {
				unsigned word = k < 43 ? (44 * k + 43 * n) % 1118 : 1118 + n + 26 * (k - 43);
				uint8_t v = s[12 + lane + 2 * word];
				a ^= v, b ^= times(v, 44 - k);
			}
			if (a | b)
				return false;
		}
	}
	return true;
}

static void cdrom(void)
{
	begin();
	drive_insert(&cd, CD_SECTORS * 2048);
	ok_eq(PACKET(0xfffe, 0), -1, "TEST UNIT READY: the medium is new");
	ok(sense(6, 0x28), "REQUEST SENSE says so");
	ok_eq(PACKET(0xfffe, 0), 0, "then it is ready");
	ok(PACKET(0xfffe, 0x12, 0, 0, 0, 36) == 36 && answer[0] == 5 && answer[1] == 0x80 && !memcmp(answer + 8, "QEMU    QEMU DVD-ROM    2.5+", 28), "INQUIRY");
	ok(PACKET(0xfffe, 0x12, 0, 0, 0, 5) == 5, "as much of it as is wanted");
	ok(PACKET(0xfffe, 0x12, 1, 0, 0, 99) == 7 && answer[5] == 0x80, "the pages of product data");
	ok(PACKET(0xfffe, 0x25) == 8 && answer[3] == CD_SECTORS - 1 && answer[6] == 8, "READ CAPACITY");
	ok(PACKET(0xfffe, 0x28, 0, 0, 0, 0, 7, 0, 0, 3) == 3 * 2048 && !memcmp(answer, cd.data + 7 * 2048, 3 * 2048), "READ (10)");
	ok(PACKET(1000, 0xa8, 0, 0, 0, 0, 9, 0, 0, 0, 2) == 2 * 2048 && !memcmp(answer, cd.data + 9 * 2048, 2 * 2048), "READ (12) in pieces of 1000 bytes");
	ok(PACKET(0xfffe, 0x28, 0, 0, 0, 0, 99, 0, 0, 2) == -1 && sense(5, 0x21), "beyond the end");
	ok(PACKET(0xfffe, 0xbe, 0, 0, 0, 0, 20, 0, 0, 2, 0xf8) == 2 * 2352 && !memcmp(answer + 2352 + 16, cd.data + 21 * 2048, 2048), "READ CD: whole sectors");
	ok(answer[0] == 0 && answer[1] == 0xff && answer[12] == 0 && answer[13] == 2 && answer[14] == 0x20 && answer[15] == 1, "… with sync and header 00:02:20");
	ok(raw_ok(answer) && raw_ok(answer + 2352), "… whose error detection and correction codes are right");
	ok(PACKET(0xfffe, 0x43, 0, 0, 0, 0, 0, 0, 0, 100) == 20 && answer[1] == 18 && answer[14] == 0xaa && answer[19] == CD_SECTORS, "READ TOC");
	ok(PACKET(0xfffe, 0x43, 2, 0, 0, 0, 0, 0, 0, 100) == 20 && answer[18] == 3 && answer[19] == 25, "… as minutes and seconds");
	ok(PACKET(0xfffe, 0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0x40) == 12 && answer[5] == 0x14, "… sessions");
	ok(PACKET(0xfffe, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 100) == 30 && answer[8] == 0x2a, "MODE SENSE (10)");
	ok(PACKET(0xfffe, 0x1a, 0, 0x3f, 0, 100) == 4 + 8 + 16 + 22, "MODE SENSE (6): all pages");
	ok(PACKET(0xfffe, 0x5a, 0, 0xea, 0, 0, 0, 0, 0, 100) == -1 && sense(5, 0x39), "saved ones there are not");
	ok_eq(PACKET(0xfffe, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 16), 0, "MODE SELECT takes parameters");
	ok(PACKET(0xfffe, 0x46, 0, 0, 0, 0, 0, 0, 0, 100) == 40 && answer[7] == 8, "GET CONFIGURATION: a CD-ROM");
	ok(PACKET(0xfffe, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8) == 8 && answer[5] == 2, "GET EVENT STATUS: a medium");
	ok(PACKET(0xfffe, 0x51, 0, 0, 0, 0, 0, 0, 0, 34) == 34, "READ DISC INFORMATION");
	ok(PACKET(0xfffe, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8) >= 0, "MECHANISM STATUS");
	ok(PACKET(0xfffe, 0xff) == -1 && sense(5, 0x20), "a packet that there is not");
	ok(PACKET(0xfffe, 0x1e, 0, 0, 0, 1) == 0 && cd.locked, "the door is locked");
	ok(PACKET(0xfffe, 0x1b, 0, 0, 0, 2) == -1 && sense(5, 0x53), "and does not open");
	PACKET(0xfffe, 0x1e, 0, 0, 0, 0);
	ok(PACKET(0xfffe, 0x1b, 0, 0, 0, 2) == 0 && cd.tray, "unlocked it does");
	ok(PACKET(0xfffe, 0) == -1 && sense(2, 0x3a), "no medium then");
	ok_eq(PACKET(0xfffe, 0x1b, 0, 0, 0, 3), 0, "the tray closes");
	drive_insert(&cd, 50 * 2048);
	ok(PACKET(0xfffe, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8) == 8 && answer[4] == 2, "an event: a new medium");
	ok(PACKET(0xfffe, 0x25) == -1 && sense(6, 0x28) && PACKET(0xfffe, 0x25) == 8 && answer[3] == 49, "another medium, of another size");
	cd.fail = EIO;
	ok(PACKET(0xfffe, 0x28, 0, 0, 0, 0, 1, 0, 0, 1) == -1, "a sector that cannot be read");
	cd.fail = 0;
	ok(sense(3, 0x11), "a medium error");
	/* DMA */
	test_outl(m, BM + 4, PRD);
	prd(0, MEM, 0x1000, true);
	out(SELECT, 0xb0);
	out(FEATURE, 1);
	out(STATUS, 0xa0);
	write_data((const uint8_t[12]){0x28, 0, 0, 0, 0, 4, 0, 0, 2}, 12);
	test_outb(m, BM, 9);
	drive_run(&cd);
	uint8_t buf[4096];
	space_read(m->memory, MEM, buf, sizeof buf);
	ok(in(STATUS) == 0x40 && !memcmp(buf, cd.data + 4 * 2048, 4096), "READ (10) by DMA");
	test_outb(m, BM, 0);
	PACKET(1000, 0x12, 0, 0, 0, 36);
	ok_str(test_round_trip(adapter, NULL), "", "its state goes round");
	drive_insert(&cd, 0);
	ok(PACKET(0xfffe, 0) == -1 && sense(2, 0x3a), "the medium taken out");
	end();
}

/* -win2k-hack: a written block is done a millisecond later. */
static void slow_writes(void)
{
	uint8_t data[1024] = {1, 2, 3};

	slow = true;
	begin();
	slow = false;
	task(0xe0, 0, 2, 300, 0x30);
	write_data(data, 512);
	drive_run(&disk);
	ok(alt() & 0x80 && !test_line(m, 14), "-win2k-hack: busy although the block is written");
	clock_step(m, 999000);
	bool early = test_line(m, 14) || !(alt() & 0x80);
	clock_step(m, 1000);
	ok(!early && alt() == 0x58 && irq(), "and asks for the next with an interrupt a millisecond later");
	write_data(data + 512, 512);
	drive_run(&disk);
	out(SELECT, 0xe0);
	test_outb(m, CONTROL, 4);
	test_outb(m, CONTROL, 0);
	clock_step(m, 2000000);
	ok(in(STATUS) == 0x50 && !test_line(m, 14), "a reset meanwhile forgets the interrupt");
	task(0xe0, 0, 1, 300, 0x30);
	write_data(data, 512);
	drive_run(&disk);
	bool busy = alt() & 0x80;
	adapter->type->state->saving(adapter);
	ok(busy && alt() == 0x50 && test_line(m, 14), "and saving does not wait for it");
	task(0xe0, 0, 1, 300, 0x20);
	drive_run(&disk);
	ok(irq(), "reads take no longer");
	end();
}

int main(void)
{
	identify();
	pio();
	slow_writes();
	rest();
	dma();
	cdrom();
	return tap_done();
}
