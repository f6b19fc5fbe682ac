/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The floppy controller: every command, DMA and FIFO, media of all sizes (Intel 82078 data sheet). */
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"
#include "dev-drive.h"

static struct machine *m;
static struct device *d;
static struct drive a, b;

static uint8_t msr(void) { return test_inb(m, 0x3f4); }

/* Sends a command of n bytes. */
static void send(unsigned n, const uint8_t *p)
{
	for (unsigned i = 0; i < n; i++)
		test_outb(m, 0x3f5, p[i]);
}
#define SEND(...) send(sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

/* The result bytes as text. */
static const char *result(void)
{
	static char buf[100];
	size_t n = 0;

	buf[0] = 0;
	for (int i = 0; i < 20 && (msr() & 0xd0) == 0xd0; i++)
		n += (size_t)snprintf(buf + n, sizeof buf - n, "%s%02x", n ? " " : "", test_inb(m, 0x3f5));
	return buf;
}

static void dma(uint8_t mode, uint16_t address, unsigned count)
{
	test_outb(m, 0x0a, 6);
	test_outb(m, 0x0c, 0);
	test_outb(m, 0x0b, mode | 2);
	test_outb(m, 4, (uint8_t)address); test_outb(m, 4, (uint8_t)(address >> 8));
	test_outb(m, 5, (uint8_t)(count - 1)); test_outb(m, 5, (uint8_t)((count - 1) >> 8));
	test_outb(m, 0x81, 1);
	test_outb(m, 0x0a, 2);
}

static void reset(void)
{
	test_outb(m, 0x3f2, 0);
	test_outb(m, 0x3f2, 0x1c);
	for (int i = 0; i < 4; i++) {
		SEND(8);
		result();
	}
	test_outb(m, 0x3f7, 0);
	SEND(3, 0xdf, 2);
	SEND(7, 0);
	SEND(8);
	result();
}

static uint32_t word(uint32_t at) { return space_le32(m->memory, 0x10000 + at); }

static void registers(void)
{
	ok_eq(test_inb(m, 0x3f2), 0, "in reset");
	ok_eq(msr(), 0, "no request for master");
	test_outb(m, 0x3f2, 0x0c);
	ok(msr() == 0x80 && test_line(m, 6), "out of reset: ready, with an interrupt");
	test_outb(m, 0x3f2, 0x04);
	ok(!test_line(m, 6), "DMAGATE gates it");
	test_outb(m, 0x3f2, 0x0c);
	SEND(8); ok_str(result(), "c0 00", "sense interrupt: the polled drives");
	ok(!test_line(m, 6), "take the interrupt back");
	SEND(8); ok_str(result(), "c1 00", "one");
	SEND(8); ok_str(result(), "c2 00", "by");
	SEND(8); ok_str(result(), "c3 00", "one");
	SEND(8); ok_str(result(), "80", "then there is nothing to sense");
	SEND(0x10); ok_str(result(), "90", "version");
	SEND(0x18); ok_str(result(), "41", "part id");
	SEND(0x01); ok_str(result(), "80", "an invalid command");
	test_outb(m, 0x3f3, 0xff);
	ok_eq(test_inb(m, 0x3f3) & 3, 3, "TDR keeps two bits");
	SEND(3, 0xaf, 0x02);
	SEND(0x13, 0, 0x57, 0x12);
	SEND(0x94); ok_str(result(), "10", "lock");
	SEND(0x0e); ok_str(result(), "00 00 00 00 af 02 00 80 57 12", "dumpreg shows all that was set");
	test_outb(m, 0x3f4, 0x80);
	SEND(0x0e); ok_str(result(), "00 00 00 00 af 02 00 80 57 12", "locked, it survives a software reset");
	SEND(0x14); ok_str(result(), "00", "unlock");
	test_outb(m, 0x3f4, 0x80);
	SEND(0x0e); ok_str(result(), "00 00 00 00 af 02 00 00 00 00", "after which it does not");
	SEND(0x12, 0x86);
	SEND(0x0e); ok_str(result(), "00 00 00 00 af 02 00 06 00 00", "perpendicular mode of drive A");
	SEND(0x2e); ok_str(result(), "00 00 00 00 00 00 af 02 00 02 00 00 00 00 00 00", "save");
	SEND(0x4e, 1, 0, 0, 0, 0, 0, 0xcf, 4, 9, 0x80, 0x20, 0x30, 0, 0, 7, 5);
	SEND(0x0e); ok_str(result(), "05 07 00 00 cf 04 09 84 20 30", "restore");
	SEND(0x14); result();
	SEND(0x8e, 0x80); ok_str(result(), "00 04 08 0c", "drive specification");
	SEND(0x8e, 0x11, 0x22, 0xc0); ok_eq(msr(), 0x80, "without result where that is asked");
	SEND(0x33, 0); ok_eq(msr(), 0x80, "option");
	SEND(0x17, 3); ok_str(result(), "03", "powerdown mode");
	ok_eq(test_inb(m, 0x3f5), 0xff, "the FIFO is not to be read now");
	test_outb(m, 0x3f5, 6);
	ok_eq(msr(), 0x90, "within a command it is busy");
	test_outb(m, 0x3f2, 8);
	test_outb(m, 0x3f2, 0x0c);
	ok_eq(msr(), 0x80, "a reset ends it");
}

static void seeking(void)
{
	reset();
	ok_eq(test_inb(m, 0x3f7), 0, "recalibrate has cleared DSKCHG");
	SEND(0x0f, 0, 40);
	ok(test_line(m, 6), "seek interrupts");
	SEND(8); ok_str(result(), "20 28", "at cylinder 40");
	SEND(0xcf, 0, 5); SEND(8); ok_str(result(), "20 2d", "5 in");
	SEND(0x8f, 4, 15); SEND(8); ok_str(result(), "24 1e", "15 out, head 1");
	SEND(4, 0); ok_str(result(), "28", "drive status: not at track 0");
	SEND(0x0f, 0, 200); SEND(8); result();
	SEND(7, 0); SEND(8); ok_str(result(), "70 79", "79 pulses do not reach track 0 from 200");
	SEND(7, 0); SEND(8); ok_str(result(), "70 2a", "nor from 121");
	SEND(7, 0); SEND(8); ok_str(result(), "20 00", "from 42 they do");
	SEND(4, 4); ok_str(result(), "3c", "drive status: track 0, head 1");
	SEND(7, 3); SEND(8); ok_str(result(), "73 00", "no drive 3: equipment check");
	a.info.readonly = true;
	drive_insert(&a, 2880 * 512);
	SEND(4, 0); ok_str(result(), "78", "write-protected");
	a.info.readonly = false;
	drive_insert(&a, 2880 * 512);
	ok_eq(test_inb(m, 0x3f7), 0x80, "a new medium sets DSKCHG");
	test_outb(m, 0x3f2, 0x0c);
	ok_eq(test_inb(m, 0x3f7), 0, "which shows with the motor on");
	test_outb(m, 0x3f2, 0x1c);
	SEND(0x0f, 0, 1); SEND(8); result();
	ok_eq(test_inb(m, 0x3f7), 0, "a step clears it");
	SEND(0x4a, 0);
	const char *r = result();
	ok(!strncmp(r, "00 00 00 01 00 ", 15) && !strcmp(r + 18, "02"), "read id: the sectors pass by (%s)", r);
	SEND(7, 0); SEND(8); result();
}

static void reading(void)
{
	reset();
	dma(0x44, 0, 1024);
	SEND(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	ok_eq(msr(), 0x10, "busy");
	drive_run(&a);
	ok(test_line(m, 6), "read data by DMA interrupts at the end");
	ok_str(result(), "00 00 00 00 00 03 02", "the result names the next sector");
	ok(!test_line(m, 6) && word(0) == 0 && word(512) == 1, "two sectors");
	dma(0x44, 0, 20 * 512);
	SEND(0xe6, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok_str(result(), "04 00 00 01 00 01 02", "multitrack goes on with head 1");
	ok(word(0) == 16 && word(2 * 512) == 18 && word(19 * 512) == 35, "the right sectors");
	dma(0x44, 0, 36 * 512);
	SEND(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok_str(result(), "04 00 00 01 00 01 02", "a whole cylinder ends at the next");
	dma(0x44, 0, 20 * 512);
	SEND(0x66, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok_str(result(), "40 80 00 01 00 01 02", "no terminal count at EOT: end of cylinder");
	dma(0x44, 0, 100);
	SEND(0x46, 0, 0, 0, 5, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok_str(result(), "00 00 00 00 00 06 02", "part of a sector");
	dma(0x44, 0, 512);
	SEND(0x46, 0, 1, 0, 1, 2, 18, 0x1b, 0xff); ok_str(result(), "40 04 10 01 00 01 02", "not at this cylinder");
	SEND(0x46, 0, 0, 0, 19, 2, 18, 0x1b, 0xff); ok_str(result(), "40 04 00 00 00 13 02", "no sector 19");
	SEND(0x46, 0, 0, 0, 0, 2, 18, 0x1b, 0xff); ok_str(result(), "40 04 00 00 00 00 02", "nor 0");
	SEND(0x46, 0, 0, 1, 1, 2, 18, 0x1b, 0xff); ok_str(result(), "40 04 00 00 01 01 02", "nor one of head 1 under head 0");
	SEND(0x46, 0, 0, 0, 1, 3, 18, 0x1b, 0xff); ok_str(result(), "40 04 00 00 00 01 03", "nor of 1024 bytes");
	SEND(0x6c, 0, 0, 0, 1, 2, 18, 0x1b, 0xff); ok_str(result(), "40 04 00 00 00 01 02", "no deleted data");
	test_outb(m, 0x3f7, 2);
	SEND(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff); ok_str(result(), "40 05 00 00 00 01 02", "at 250 kbit/s nothing is found");
	test_outb(m, 0x3f7, 0);
	SEND(0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff); ok_str(result(), "41 05 00 00 00 01 02", "nor in an empty drive");
	a.fail = EIO;
	SEND(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok_str(result(), "40 20 20 00 00 01 02", "an I/O error is a data error");
	a.fail = 0;
	SEND(0x13, 0, 0x50, 0);
	dma(0x44, 0, 512);
	SEND(0x46, 0, 20, 0, 3, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok(word(0) == 20 * 36 + 2 && !strcmp(result(), "00 00 00 14 00 04 02"), "implied seek");
	SEND(0x13, 0, 0x10, 0);
	dma(0x44, 0, 3 * 512);
	SEND(0x42, 0, 20, 0, 9, 2, 3, 0x1b, 0xff);
	drive_run(&a);
	ok(word(0) == 720 && word(1024) == 722, "read track begins at the index");
	result();
	unsigned n = a.requests;
	SEND(0x56, 0x80, 20, 0, 1, 2, 18, 0x1b, 5);
	drive_run(&a);
	ok(a.requests - n == 5 && !strcmp(result(), "00 00 00 14 00 06 02"), "verify counts sectors");
	SEND(0x56, 0, 20, 0, 1, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok_str(result(), "00 00 00 15 00 01 02", "or goes to the end of the track");
	SEND(0x46, 0, 20, 0, 1, 2, 18, 0x1b, 0xff);
	test_outb(m, 0x3f2, 0);
	test_outb(m, 0x3f2, 0x1c);
	drive_run(&a);
	ok_eq(msr(), 0x80, "a reset forgets a read that is under way");
	SEND(7, 0); SEND(8); result();
	dma(0x44, 0, 512);
	SEND(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
	test_outb(m, 0x0a, 6);
	drive_run(&a);
	ok_eq(msr(), 0x10, "a masked DMA channel keeps it waiting");
	test_outb(m, 0x0a, 2);
	ok_str(result(), "00 00 00 00 00 02 02", "until it opens");
}

static void writing(void)
{
	uint8_t sector[512], id[72];

	reset();
	memset(sector, 0x5a, sizeof sector);
	space_write(m->memory, 0x10000, sector, 512);
	space_write(m->memory, 0x10200, sector, 512);
	dma(0x48, 0, 612);
	SEND(0x45, 0, 0, 0, 4, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok_str(result(), "00 00 00 00 00 06 02", "write data by DMA");
	ok(a.data[3 * 512] == 0x5a && a.data[4 * 512 + 99] == 0x5a && a.data[4 * 512 + 100] == 0 && a.data[5 * 512] == 5,
	   "what follows the terminal count is zero to the end of the sector");
	a.fail = ENOSPC;
	dma(0x48, 0, 512);
	SEND(0x45, 0, 0, 0, 4, 2, 18, 0x1b, 0xff);
	drive_run(&a);
	ok_str(result(), "40 20 20 00 00 04 02", "a failed write is a data error");
	a.fail = 0;
	for (unsigned i = 0; i < 18; i++)
		memcpy(id + 4 * i, (uint8_t[]){0, 0, (uint8_t)(i + 1), 2}, 4);
	space_write(m->memory, 0x10000, id, 72);
	dma(0x48, 0, 72);
	SEND(0x4d, 0, 2, 18, 0x54, 0xf6);
	drive_run(&a);
	ok_str(result(), "00 00 00 00 00 12 02", "format a track");
	ok(a.data[0] == 0xf6 && a.data[18 * 512 - 1] == 0xf6 && a.data[18 * 512] == 18, "filled, and only that one");
	id[2] = 77;
	space_write(m->memory, 0x10000, id, 72);
	dma(0x48, 0, 72);
	SEND(0x4d, 0, 2, 18, 0x54, 0xf6);
	drive_run(&a);
	ok_str(result(), "40 04 00 00 00 4d 02", "a sector number that the medium does not have");
	SEND(0x4d, 0, 2, 0, 0x54, 0xf6);
	ok(!strncmp(result(), "40", 2), "no sectors at all");
	memset(sector, 0xf6, sizeof sector);
	space_write(m->memory, 0x10000, sector, 512);
	dma(0x48, 0, 512);
	SEND(0x51, 0, 0, 0, 1, 2, 18, 0x1b, 1);
	drive_run(&a);
	ok_str(result(), "00 00 08 00 00 02 02", "scan equal: hit");
	sector[100] = 0xf7;
	space_write(m->memory, 0x10000, sector, 512);
	dma(0x48, 0, 512);
	SEND(0x51, 0, 0, 0, 1, 2, 18, 0x1b, 1);
	drive_run(&a);
	ok_str(result(), "00 00 04 00 00 02 02", "not satisfied");
	dma(0x48, 0, 512);
	SEND(0x59, 0, 0, 0, 1, 2, 18, 0x1b, 1);
	drive_run(&a);
	ok_str(result(), "00 00 00 00 00 02 02", "scan low or equal");
	dma(0x48, 0, 512);
	SEND(0x5d, 0, 0, 0, 1, 2, 18, 0x1b, 1);
	drive_run(&a);
	ok_str(result(), "00 00 04 00 00 02 02", "scan high or equal");
	a.info.readonly = true;
	drive_insert(&a, 2880 * 512);
	dma(0x48, 0, 512);
	SEND(0x45, 0, 0, 0, 4, 2, 18, 0x1b, 0xff);
	ok_str(result(), "40 02 00 00 00 04 02", "a write-protected medium");
	a.info.readonly = false;
	drive_insert(&a, 2880 * 512);
}

static void fifo(void)
{
	unsigned wrong = 0;

	reset();
	SEND(3, 0xdf, 3);
	SEND(0x46, 0, 0, 0, 2, 2, 3, 0x1b, 0xff);
	ok_eq(msr(), 0x30, "without DMA: execution");
	drive_run(&a);
	ok(msr() == 0xf0 && test_line(m, 6), "data for the host, with an interrupt");
	for (unsigned i = 0; i < 512; i++)
		wrong += test_inb(m, 0x3f5) != a.data[512 + i];
	ok(wrong == 0 && msr() == 0x30 && !test_line(m, 6), "a sector through the FIFO");
	drive_run(&a);
	for (unsigned i = 0; i < 512; i++)
		wrong += test_inb(m, 0x3f5) != a.data[1024 + i];
	ok_eq(wrong, 0, "and another");
	ok_str(result(), "40 80 00 01 00 01 02", "the end of the cylinder, as no terminal count comes");
	SEND(0x45, 0, 0, 0, 2, 2, 2, 0x1b, 0xff);
	ok_eq(msr(), 0xb0, "data from the host");
	for (unsigned i = 0; i < 512; i++)
		test_outb(m, 0x3f5, (uint8_t)(i * 3));
	drive_run(&a);
	ok(a.data[512 + 100] == 44 && !strncmp(result(), "40 80", 5), "are written");
	SEND(0x46, 0, 0, 0, 2, 2, 3, 0x1b, 0xff);
	drive_run(&a);
	test_inb(m, 0x3f5);
	ok_str(test_round_trip(d, NULL), "", "the state goes round in the middle of a sector");
	test_outb(m, 0x3f2, 0);
}

static void media(void)
{
	static const struct { unsigned sectors; uint8_t rate, spt, heads, tracks, type; } list[] = {
		{2880, 0, 18, 2, 80, 4}, {5760, 3, 36, 2, 80, 5}, {2400, 0, 15, 2, 80, 2}, {1440, 2, 9, 2, 80, 4}, {720, 1, 9, 2, 40, 2},
		{360, 2, 9, 1, 40, 2}, {320, 1, 8, 1, 40, 2}, {640, 2, 8, 2, 40, 2}, {3360, 0, 21, 2, 80, 4}, {1000, 0, 18, 2, 28, 4},
	};

	for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++) {
		unsigned last = list[i].sectors - 1, t = list[i].tracks - 1, h = list[i].heads - 1, s = list[i].spt;

		if (i == 9) {
			h = last / s % 2;
			s = last % s + 1;
		}
		drive_insert(&a, list[i].sectors * 512ull);
		reset();
		test_outb(m, 0x3f7, list[i].rate);
		SEND(0x0f, (uint8_t)(h << 2), (uint8_t)t); SEND(8); result();
		dma(0x44, 0, 512);
		SEND(0x46, (uint8_t)(h << 2), (uint8_t)t, (uint8_t)h, (uint8_t)s, 2, list[i].spt, 0x1b, 0xff);
		drive_run(&a);
		ok(!strncmp(result(), h ? "04 00 00" : "00 00 00", 8) && word(0) == last, "%u sectors: the last is found", list[i].sectors);
	}
	reset();
	drive_insert(&a, 0);
	ok_eq(test_inb(m, 0x3f7), 0x80, "an empty drive shows DSKCHG");
	SEND(7, 0); SEND(8); result();
	ok_eq(test_inb(m, 0x3f7), 0x80, "which no step clears");
	SEND(0x4a, 0);
	ok(!strncmp(result(), "40 05", 5), "and has no ids");
	drive_insert(&a, 2880 * 512);
	dma(0x48, 0, 512);
	test_outb(m, 0x0a, 6);
	SEND(0x45, 0, 0, 0, 4, 2, 18, 0x1b, 0xff);
	drive_insert(&a, 0);
	test_outb(m, 0x0a, 2);
	ok(!strncmp(result(), "40 05", 5), "a medium taken out in the middle of a write");
	a.events->eject_request(a.opaque, false);
	ok(a.tray, "an eject is never refused");
}

int main(void)
{
	m = machine_new_test();
	a.info.removable = b.info.removable = true;
	drive_insert(&a, 2880 * 512);
	test_device(m, "i8257", NULL);
	test_outb(m, 0xd6, 0xc0);
	test_outb(m, 0xd4, 0);
	struct err e = ERR_INIT;
	d = device_new(m, "isa-fdc", NULL, &e);
	device_set_ptr(d, "driveA", &a);
	device_set_ptr(d, "driveB", &b);
	if (device_realize(d, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		return 1;
	}
	d->type->reset(d);
	ok(fdc_drive_type(d, 0) == 4 && fdc_drive_type(d, 1) == 5 && fdc_drive_type(d, 2) == 0, "drive types for the CMOS");
	registers();
	seeking();
	reading();
	writing();
	fifo();
	media();
	machine_free_test(m);
	free(a.data);
	return tap_done();
}
