/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtio devices under a driver of the test's own: rings, features, the modern and the legacy interface; block, SCSI, entropy, balloon, serial ports. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../../cmd/emu-cpu/plugs.h"
#include "dev-drive.h"
#include "dev-virtio.h"
#include "tap.h"

enum { BAR = 0x80000000, RING = 0x10000, A = 0x100000, B = 0x110000, C = 0x120000, D = 0x130000 };
enum { RING_STEP = 0x4000, SECTORS = 256 };

static struct machine *m;
static struct vdriver v;
static struct vring q[8];

static uint8_t rd8(uint64_t at) { uint8_t b = 0; space_read(m->memory, at, &b, 1); return b; }
static void wr(uint64_t at, const void *p, size_t n) { space_write(m->memory, at, p, n); }
static void rd(uint64_t at, void *p, size_t n) { space_read(m->memory, at, p, n); }

static struct device *drive_device(const char *type, struct drive *d, const char *id)
{
	struct err e = ERR_INIT;
	struct device *dev = device_new(m, type, NULL, &e);

	device_set_ptr(dev, "drive", d);
	if (id)
		device_set(dev, "scsi-id", id, &e);
	if (device_realize(dev, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	if (dev->type->reset)
		dev->type->reset(dev);
	return dev;
}

static void rings(unsigned count, unsigned size)
{
	for (unsigned i = 0; i < count; i++)
		v_ring(&q[i], &v, i, size, RING + i * RING_STEP);
	v_go(&v);
}

static void medium(struct drive *d, uint64_t size)
{
	memset(d, 0, sizeof *d);
	d->info.discard = d->info.zeroes = true;
	strcpy(d->info.serial, "S1");
	drive_insert(d, size);
}

/* ---- block ---- */

/* A request: header at A, data at B, status at C. */
static int64_t blk(uint32_t type, uint64_t sector, uint32_t size)
{
	struct vpiece p[3] = {{A, 16, false}, {B, size, type == 0 || type == 8}, {C, 1, true}};
	uint8_t ff = 0xff;

	space_st_le32(m->memory, A, type);
	space_st_le32(m->memory, A + 4, 0);
	space_st_le64(m->memory, A + 8, sector);
	wr(C, &ff, 1);
	if (size) {
		v_add(&q[0], p, 3);
	} else {
		p[1] = p[2];
		v_add(&q[0], p, 2);
	}
	v_kick(&q[0]);
	return 0;
}

static void block(bool legacy)
{
	struct drive disk;
	uint8_t data[1024];
	const char *how = legacy ? "legacy" : "modern";

	m = machine_new_test();
	medium(&disk, SECTORS * 512);
	struct device *d = drive_device("virtio-blk-pci", &disk, NULL);
	if (legacy)
		v_begin_legacy(&v, m, d, 0x6000, UINT32_MAX & ~(1u << VIRTIO_F_EVENT_IDX));
	else
		v_begin(&v, m, d, BAR, ~(1ull << VIRTIO_F_EVENT_IDX));
	ok_eq(pci_config_read(pci_bus_of(v.d), 0, v.d->devfn, 0, 4), 0x10011af4, "%s: the transitional block device is found", how);
	ok_eq(v_status(&v), legacy ? 3 : 11, "%s: the status goes along", how);
	ok(v.offered >> 28 & 1 && v.offered >> 9 & 1 && (legacy || v.offered >> 32 & 1), "%s: indirect tables, flushes are offered", how);
	rings(1, 64);
	ok_eq(legacy ? test_inl(m, 0x6000 + 20) : (uint32_t)v_get(&v, 0x2000, 4), SECTORS, "%s: the capacity", how);
	blk(0, 3, 1024);
	ok(v_done(&q[0], NULL) < 0, "%s: nothing before the disk answers", how);
	drive_run(&disk);
	ok_eq(v_done(&q[0], NULL), 1025, "%s: a read: data and status", how);
	rd(B, data, sizeof data);
	ok(!memcmp(data, disk.data + 3 * 512, 1024) && rd8(C) == 0, "%s: … of these sectors", how);
	ok(v_isr(&v) == 1 && v_isr(&v) == 0, "%s: the interrupt status says so, once", how);
	memset(data, 0x5a, sizeof data);
	wr(B, data, sizeof data);
	blk(1, 9, 1024);
	drive_run(&disk);
	ok(v_done(&q[0], NULL) == 1 && rd8(C) == 0 && !memcmp(disk.data + 9 * 512, data, 1024), "%s: a write", how);
	blk(4, 0, 0);
	drive_run(&disk);
	ok(v_done(&q[0], NULL) == 1 && rd8(C) == 0 && disk.flushes == 1, "%s: a flush", how);
	blk(8, 0, 20);
	ok(v_done(&q[0], NULL) == 21 && rd8(B) == 'S' && rd8(B + 1) == '1' && rd8(B + 2) == 0, "%s: the serial number", how);
	blk(0, SECTORS - 1, 1024);
	ok(v_done(&q[0], NULL) >= 0 && rd8(C) == 1, "%s: beyond the end: an error", how);
	blk(0, 0, 100);
	ok(v_done(&q[0], NULL) >= 0 && rd8(C) == 1, "%s: not whole sectors: an error", how);
	blk(77, 0, 512);
	ok(v_done(&q[0], NULL) >= 0 && rd8(C) == 2, "%s: an unknown request is not supported", how);
	disk.fail = EIO;
	blk(0, 0, 512);
	drive_run(&disk);
	ok(v_done(&q[0], NULL) >= 0 && rd8(C) == 1, "%s: a disk that fails", how);
	disk.fail = 0;
	ok_str(test_round_trip(d, NULL), "", "%s: its state goes round", how);
	machine_free_test(m);
	free(disk.data);
}

static void ring_rules(void)
{
	struct drive disk;
	struct vpiece one[2] = {{A, 16, false}, {C, 1, true}};

	m = machine_new_test();
	medium(&disk, SECTORS * 512);
	struct device *d = drive_device("virtio-blk-pci", &disk, NULL);
	v_begin(&v, m, d, BAR, UINT64_MAX);
	rings(1, 16);
	/* event index: an interrupt only when the used index passes it */
	blk(8, 0, 20);
	ok(v_done(&q[0], NULL) == 21 && v_isr(&v) == 1, "event index: the first element always interrupts");
	space_st_le16(m->memory, q[0].avail + 4 + 2 * 16, 2);
	blk(8, 0, 20);
	ok_eq(v_isr(&v), 0, "event index: no interrupt before the element that was named");
	blk(8, 0, 20);
	ok_eq(v_isr(&v), 1, "event index: with it");
	ok_eq(space_le16(m->memory, q[0].used + 4 + 8 * 16), q[0].next_avail, "event index: the device says when it wants to hear again");
	v_done(&q[0], NULL), v_done(&q[0], NULL);
	/* indirect: one descriptor, a table of three at D */
	struct { uint64_t at; uint32_t size; uint16_t flags, next; } table[3] = {{A, 16, 1, 1}, {B, 512, 3, 2}, {C, 1, 2, 0}};
	wr(D, table, sizeof table);
	space_st_le32(m->memory, A, 0);
	space_st_le64(m->memory, A + 8, 1);
	unsigned n = q[0].next_desc % 16;
	v_add(&q[0], (struct vpiece[]){{D, 48, false}}, 1);
	space_st_le16(m->memory, q[0].desc + 16 * n + 12, 4);
	v_kick(&q[0]);
	drive_run(&disk);
	ok(v_done(&q[0], NULL) == 513 && rd8(B) == 1, "an indirect table");
	/* a chain that loops, a descriptor of nothing, one beyond memory: the device needs a reset */
	for (unsigned k = 0; k < 5; k++) {
		v_begin(&v, m, d, BAR, UINT64_MAX);
		rings(1, 16);
		v_add(&q[0], one, 2);
		if (k == 0)
			space_st_le16(m->memory, q[0].desc + 12, 1), space_st_le16(m->memory, q[0].desc + 14, 0);
		else if (k == 1)
			space_st_le32(m->memory, q[0].desc + 8, 0);
		else if (k == 2)
			space_st_le64(m->memory, q[0].desc, 0x7000000000);
		else if (k == 3)
			space_st_le16(m->memory, q[0].desc + 14, 500);
		else
			space_st_le16(m->memory, q[0].avail + 2, 100);
		v_kick(&q[0]);
		static const char *const what[] = {"a chain that loops", "an empty descriptor", "one beyond memory", "a number beyond the table", "an index that ran away"};
		ok(v_status(&v) & VIRTIO_NEEDS_RESET, "%s: it needs a reset", what[k]);
	}
	v_begin(&v, m, d, BAR, UINT64_MAX);
	rings(1, 16);
	blk(8, 0, 20);
	ok(v_done(&q[0], NULL) == 21, "and works again after one");
	v_set(&v, 20, 0, 1);
	v_set(&v, 8, 1, 4);
	v_set(&v, 12, 0, 4);
	v_set(&v, 20, 11, 1);
	ok(!(v_status(&v) & 8), "a driver without VERSION_1 gets no FEATURES_OK");
	v_set(&v, 22, 0, 2);
	v_set(&v, 24, 3, 2);
	ok_eq(v_get(&v, 24, 2), 128, "a size that is no power of two is not taken");
	v_set(&v, 22, 60, 2);
	ok(v_get(&v, 24, 2) == 0 && v_get(&v, 32, 4) == 0, "a queue that there is not has no size");
	machine_free_test(m);
	free(disk.data);
}

/* ---- SCSI ---- */

static struct { uint8_t response, status, sense[18]; uint32_t residual, sense_size; } answer;

static void scsi(unsigned target, unsigned lun, const uint8_t *cdb, unsigned n, uint32_t out, uint32_t in, struct drive *d)
{
	uint8_t head[51] = {1, (uint8_t)target, (uint8_t)(lun >> 8 | 0x40), (uint8_t)lun}, back[108];
	struct vpiece p[4];
	unsigned count = 0;

	memcpy(head + 19, cdb, n);
	wr(A, head, sizeof head);
	memset(back, 0xee, sizeof back);
	wr(C, back, sizeof back);
	p[count++] = (struct vpiece){A, sizeof head, false};
	if (out)
		p[count++] = (struct vpiece){B, out, false};
	p[count++] = (struct vpiece){C, sizeof back, true};
	if (in)
		p[count++] = (struct vpiece){B, in, true};
	v_add(&q[2], p, count);
	v_kick(&q[2]);
	drive_run(d);
	rd(C, back, sizeof back);
	answer.response = v_done(&q[2], NULL) < 0 ? 0xff : back[11];
	answer.status = back[10];
	memcpy(&answer.sense_size, back, 4);
	memcpy(&answer.residual, back + 4, 4);
	memcpy(answer.sense, back + 12, 18);
}
#define SCSI(target, lun, out, in, ...) scsi(target, lun, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), out, in, &disk)
static bool good(void) { return answer.response == 0 && answer.status == 0; }
static bool sense(unsigned key, unsigned asc) { return answer.response == 0 && answer.status == 2 && answer.sense_size == 18 && answer.sense[2] == key && answer.sense[12] == asc; }
static uint32_t be32(uint64_t at) { return (uint32_t)rd8(at) << 24 | (uint32_t)rd8(at + 1) << 16 | (uint32_t)rd8(at + 2) << 8 | rd8(at + 3); }

static void scsi_disk(void)
{
	struct drive disk, cd;
	struct err e = ERR_INIT;
	uint8_t data[4096];
	char text[40] = "";

	m = machine_new_test();
	medium(&disk, SECTORS * 512);
	memset(&cd, 0, sizeof cd);
	cd.info.cdrom = cd.info.removable = cd.info.readonly = true;
	drive_insert(&cd, 40 * 2048);
	struct device *d = test_device(m, "virtio-scsi-pci", NULL);
	struct device *hd = drive_device("scsi-hd", &disk, "2"), *rom = drive_device("scsi-cd", &cd, "5");
	v_begin(&v, m, d, BAR, ~(1ull << VIRTIO_F_EVENT_IDX));
	ok((v.offered & 7) == 6, "SCSI: hot plug and changes of parameters are offered");
	rings(3, 64);
	ok(v_get(&v, 0x2000, 4) == 1 && v_get(&v, 0x2000 + 20, 4) == 96 && v_get(&v, 0x2000 + 24, 4) == 32, "SCSI: queues, sizes of sense and command");
	SCSI(7, 0, 0, 0, 0x00);
	ok_eq(answer.response, 3, "SCSI: a target that there is not");
	SCSI(2, 0, 0, 0, 0x00);
	ok(sense(6, 0x29), "SCSI: the first command hears of the reset");
	SCSI(2, 0, 0, 0, 0x00);
	ok(good(), "SCSI: TEST UNIT READY");
	SCSI(2, 0, 0, 36, 0x12, 0, 0, 0, 36, 0);
	rd(B + 8, text, 28);
	ok(good() && rd8(B) == 0 && rd8(B + 2) == 5 && !strncmp(text, "QEMU    QEMU HARDDISK   2.5+", 28), "SCSI: INQUIRY");
	SCSI(2, 0, 0, 255, 0x12, 1, 0, 0, 255, 0);
	ok(good() && rd8(B + 3) == 6 && rd8(B + 5) == 0x80 && rd8(B + 9) == 0xb2, "SCSI: the pages of product data");
	SCSI(2, 0, 0, 255, 0x12, 1, 0x80, 0, 255, 0);
	ok(good() && rd8(B + 3) == 2 && rd8(B + 4) == 'S', "SCSI: the serial number");
	SCSI(2, 0, 0, 255, 0x12, 1, 0x77, 0, 255, 0);
	ok(sense(5, 0x24), "SCSI: a page that there is not");
	SCSI(2, 0, 0, 8, 0x25);
	ok(good() && be32(B) == SECTORS - 1 && be32(B + 4) == 512, "SCSI: READ CAPACITY (10)");
	SCSI(2, 0, 0, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32);
	ok(good() && be32(B + 4) == SECTORS - 1 && rd8(B + 14) == 0x80, "SCSI: READ CAPACITY (16), with unmapping");
	SCSI(2, 0, 0, 1024, 0x28, 0, 0, 0, 0, 5, 0, 0, 2);
	rd(B, data, 1024);
	ok(good() && !answer.residual && !memcmp(data, disk.data + 5 * 512, 1024), "SCSI: READ (10)");
	SCSI(2, 0, 0, 512, 0x08, 0, 0, 7, 1);
	ok(good() && rd8(B) == 7, "SCSI: READ (6)");
	SCSI(2, 0, 0, 2048, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2);
	ok(good() && rd8(B) == 9 && answer.residual == 1024, "SCSI: READ (16) into more room than it needs");
	SCSI(2, 0, 0, 512, 0x28, 0, 0, 0, 0, 5, 0, 0, 2);
	ok_eq(answer.response, 1, "SCSI: into less: overrun");
	SCSI(2, 0, 0, 512, 0x28, 0, 0, 0, 1, 0, 0, 0, 1);
	ok(sense(5, 0x21), "SCSI: beyond the end");
	memset(data, 0xc3, sizeof data);
	wr(B, data, 1024);
	SCSI(2, 0, 1024, 0, 0x2a, 0, 0, 0, 0, 20, 0, 0, 2);
	ok(good() && !memcmp(disk.data + 20 * 512, data, 1024), "SCSI: WRITE (10)");
	SCSI(2, 0, 512, 0, 0xaa, 8, 0, 0, 0, 22, 0, 0, 0, 1);
	ok(good() && disk.data[22 * 512] == 0xc3, "SCSI: WRITE (12), forced");
	SCSI(2, 0, 1024, 0, 0x2f, 2, 0, 0, 0, 20, 0, 0, 2);
	ok(good(), "SCSI: VERIFY with the same data");
	SCSI(2, 0, 1024, 0, 0x2f, 2, 0, 0, 0, 22, 0, 0, 2);
	ok(sense(14, 0x1d), "SCSI: … with other data");
	SCSI(2, 0, 0, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0);
	ok(good() && disk.flushes == 1, "SCSI: SYNCHRONIZE CACHE");
	memset(data, 0x11, 512);
	wr(B, data, 512);
	SCSI(2, 0, 512, 0, 0x41, 0, 0, 0, 0, 30, 0, 0, 5);
	ok(good() && disk.data[34 * 512 + 511] == 0x11 && disk.data[35 * 512 + 100] == 35, "SCSI: WRITE SAME (10)");
	memset(data, 0, 512);
	wr(B, data, 512);
	SCSI(2, 0, 512, 0, 0x93, 8, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 2);
	ok(good() && disk.data[31 * 512] == 0 && disk.data[32 * 512] == 0x11, "SCSI: WRITE SAME (16) of zeros");
	memset(data, 0, 40);
	data[1] = 38, data[3] = 32, data[15] = 40, data[19] = 2, data[31] = 50, data[35] = 1;
	wr(B, data, 40);
	SCSI(2, 0, 40, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 40);
	ok(good() && disk.data[41 * 512 + 9] == 0 && disk.data[42 * 512 + 9] == 42 && disk.data[50 * 512 + 9] == 0, "SCSI: UNMAP of two ranges");
	SCSI(2, 0, 0, 192, 0x1a, 0, 0x3f, 0, 192);
	ok(good() && rd8(B) > 60 && rd8(B + 3) == 8 && rd8(B + 2) == 0x10, "SCSI: all mode pages");
	SCSI(2, 0, 0, 64, 0x1a, 8, 0x08, 0, 64);
	ok(good() && rd8(B + 4) == 8 && rd8(B + 6) == 4, "SCSI: the caching page: the write cache is on");
	memset(data, 0, 24);
	data[4] = 8, data[5] = 18;
	wr(B, data, 24);
	SCSI(2, 0, 24, 0, 0x15, 0x10, 0, 0, 24);
	SCSI(2, 0, 0, 64, 0x1a, 8, 0x08, 0, 64);
	ok(good() && rd8(B + 6) == 0, "SCSI: MODE SELECT switches it off");
	data[7] = 1;
	wr(B, data, 24);
	SCSI(2, 0, 24, 0, 0x15, 0x10, 0, 0, 24);
	ok(sense(5, 0x26), "SCSI: what cannot be changed is refused");
	SCSI(2, 0, 0, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64);
	ok(good() && be32(B) == 8 && rd8(B + 9) == 0, "SCSI: REPORT LUNS");
	SCSI(2, 3, 0, 36, 0x12, 0, 0, 0, 36, 0);
	ok(good() && rd8(B) == 0x7f, "SCSI: a unit that there is not");
	SCSI(2, 3, 0, 0, 0x00);
	ok(sense(5, 0x25), "SCSI: … does nothing else");
	SCSI(2, 0, 0, 0, 0xc1);
	ok(sense(5, 0x20), "SCSI: a command that there is not");
	disk.fail = EIO;
	SCSI(2, 0, 0, 512, 0x28, 0, 0, 0, 0, 5, 0, 0, 1);
	ok(sense(3, 0x11), "SCSI: a read that fails");
	disk.fail = 0;
	SCSI(2, 0, 0, 0, 0x1b, 0, 0, 0, 0);
	SCSI(2, 0, 0, 512, 0x28, 0, 0, 0, 0, 5, 0, 0, 1);
	ok(sense(2, 4), "SCSI: a stopped disk is not ready");
	SCSI(2, 0, 0, 0, 0x1b, 0, 0, 0, 1);
	/* task management: LOGICAL UNIT RESET */
	uint8_t tmf[24] = {0}, response = 0xee;
	tmf[4] = 5, tmf[8] = 1, tmf[9] = 2;
	wr(A, tmf, sizeof tmf);
	wr(C, &response, 1);
	v_add(&q[0], (struct vpiece[]){{A, 24, false}, {C, 1, true}}, 2);
	v_kick(&q[0]);
	ok(v_done(&q[0], NULL) == 1 && rd8(C) == 0, "SCSI: a logical unit reset");
	SCSI(2, 0, 0, 0, 0x00);
	ok(sense(6, 0x29), "SCSI: … of which the next command hears");
	/* the CD */
	SCSI(5, 0, 0, 0, 0x00);
	SCSI(5, 0, 0, 36, 0x12, 0, 0, 0, 36, 0);
	ok(good() && rd8(B) == 5 && rd8(B + 1) == 0x80 && rd8(B + 2) == 5, "CD: INQUIRY");
	scsi(5, 0, (const uint8_t[]){0x28, 0, 0, 0, 0, 3, 0, 0, 2, 0}, 10, 0, 4096, &cd);
	rd(B, data, 4096);
	ok(good() && !memcmp(data, cd.data + 3 * 2048, 4096), "CD: READ (10)");
	scsi(5, 0, (const uint8_t[]){0xbe, 0, 0, 0, 0, 3, 0, 0, 2, 0xf8, 0, 0}, 12, 0, 2 * 2352, &cd);
	rd(B + 2352 + 16, data, 2048);
	ok(good() && !memcmp(data, cd.data + 4 * 2048, 2048) && rd8(B + 2352 + 14) == 4 + 0 && rd8(B + 1) == 0xff, "CD: two raw sectors");
	/* events: a medium goes, a unit comes and goes */
	v_add(&q[1], (struct vpiece[]){{D, 16, true}}, 1);
	v_kick(&q[1]);
	drive_insert(&cd, 0);
	ok(v_done(&q[1], NULL) == 16 && rd8(D) == 3 && rd8(D + 5) == 5 && rd8(D + 12) == 0x3a, "event: the medium is gone");
	SCSI(5, 0, 0, 0, 0x00);
	ok(sense(2, 0x3a), "CD: not ready");
	m->built = true;
	device_free(rom);
	v_add(&q[1], (struct vpiece[]){{D, 16, true}}, 1);
	v_kick(&q[1]);
	ok(v_done(&q[1], NULL) == 16 && rd8(D + 3) == 0x80, "event: one was missed, for want of a buffer");
	v_add(&q[1], (struct vpiece[]){{D, 16, true}}, 1);
	v_kick(&q[1]);
	rom = drive_device("scsi-cd", &cd, "5");
	ok(v_done(&q[1], NULL) == 16 && rd8(D) == 1 && rd8(D + 5) == 5 && rd8(D + 12) == 1, "event: a unit has come");
	struct device *again = device_new(m, "scsi-cd", NULL, &e);
	struct drive third;
	medium(&third, 2048);
	device_set_ptr(again, "drive", &third);
	device_set(again, "scsi-id", "5", &e);
	ok(device_realize(again, &e) < 0 && strstr(e.msg, "lun already used"), "a place that is taken is refused: %s", e.msg);
	device_free(again);
	ok_str(test_round_trip(d, NULL), "", "SCSI: the host's state goes round");
	ok_str(test_round_trip(hd, NULL), "", "SCSI: the disk's");
	ok_str(test_round_trip(rom, NULL), "", "SCSI: the CD's");
	machine_free_test(m);
	free(disk.data);
	free(cd.data);
	free(third.data);
}

/* ---- entropy, balloon ---- */

static void entropy(void)
{
	uint8_t data[64];
	unsigned zeros = 0;

	m = machine_new_test();
	struct device *d = test_device(m, "virtio-rng-pci", "max-bytes=100,period=1000");
	v_begin(&v, m, d, BAR, 0);
	rings(1, 8);
	v_add(&q[0], (struct vpiece[]){{A, 64, true}}, 1);
	v_add(&q[0], (struct vpiece[]){{B, 64, true}}, 1);
	v_add(&q[0], (struct vpiece[]){{C, 64, true}}, 1);
	v_kick(&q[0]);
	ok_eq(v_done(&q[0], NULL), 64, "entropy: a buffer is filled");
	rd(A, data, 64);
	for (unsigned i = 0; i < 64; i++)
		zeros += !data[i];
	ok(zeros < 8, "entropy: with something");
	ok_eq(v_done(&q[0], NULL), 36, "entropy: the next as far as the period allows");
	ok(v_done(&q[0], NULL) < 0, "entropy: and nothing more");
	clock_step(m, 999000000);
	ok(v_done(&q[0], NULL) < 0, "entropy: before its end");
	clock_step(m, 2000000);
	ok_eq(v_done(&q[0], NULL), 64, "entropy: then again");
	ok_str(test_round_trip(d, NULL), "", "entropy: its state goes round");
	machine_free_test(m);
}

static void balloon(void)
{
	uint8_t stat[20] = {4, 0, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, 5, 0, 1};

	m = machine_new_test();
	struct device *d = test_device(m, "virtio-balloon-pci", "guest-stats-polling-interval=2,deflate-on-oom=on");
	v_begin(&v, m, d, BAR, UINT64_MAX & ~(1ull << VIRTIO_F_EVENT_IDX));
	ok_eq(v.offered & 7, 6, "balloon: statistics and deflating on need are offered");
	rings(3, 16);
	memset(stat + 13, 0, 7);
	wr(0x200000, "hello", 5);
	wr(0x201000, "hello", 5);
	space_st_le32(m->memory, A, 0x200);
	space_st_le32(m->memory, A + 4, 0xfffffff0);
	v_add(&q[0], (struct vpiece[]){{A, 8, false}}, 1);
	v_kick(&q[0]);
	ok(v_done(&q[0], NULL) == 0 && rd8(0x200000) == 0 && rd8(0x201000) == 'h', "balloon: a page in it goes back to the host; one that is none does no harm");
	v_add(&q[1], (struct vpiece[]){{A, 4, false}}, 1);
	v_kick(&q[1]);
	ok_eq(v_done(&q[1], NULL), 0, "balloon: and out of it");
	wr(B, stat, sizeof stat);
	v_add(&q[2], (struct vpiece[]){{B, 20, false}}, 1);
	v_kick(&q[2]);
	ok(v_done(&q[2], NULL) < 0, "balloon: the statistics' buffer is kept");
	clock_step(m, 2100000000);
	ok_eq(v_done(&q[2], NULL), 0, "balloon: given back, it asks for new ones");
	v_add(&q[2], (struct vpiece[]){{B, 20, false}}, 1);
	v_kick(&q[2]);
	v_set(&v, 0x2004, 17, 4);
	ok(v_get(&v, 0x2000, 4) == 0 && v_get(&v, 0x2004, 4) == 17, "balloon: the driver says how large it is");
	ok_str(test_round_trip(d, NULL), "", "balloon: its state goes round");
	machine_free_test(m);
}

/* ---- serial ports ---- */

static int stream(const char *id)
{
	struct err e = ERR_INIT;
	char text[64];
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		exit(1);
	snprintf(text, sizeof text, "fd=%d,id=%s", fd[0], id);
	if (serial_add(m, "chardev", text, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	return fd[1];
}

static void control(unsigned port, unsigned event, unsigned value)
{
	uint8_t c[8] = {(uint8_t)port, 0, 0, 0, (uint8_t)event, 0, (uint8_t)value, 0};
	wr(A, c, sizeof c);
	v_add(&q[3], (struct vpiece[]){{A, 8, false}}, 1);
	v_kick(&q[3]);
	v_done(&q[3], NULL);
}

/* The next control message as port << 16 | event << 8 | value; -1: none. The buffer is given again. */
static int told(void)
{
	unsigned head;
	int64_t n = v_done(&q[2], &head);
	if (n < 8)
		return -1;
	uint64_t at = space_le64(m->memory, q[2].desc + 16 * head);
	int r = (int)(space_le32(m->memory, at) << 16 | space_le16(m->memory, at + 4) << 8 | space_le16(m->memory, at + 6));
	v_add(&q[2], (struct vpiece[]){{at, 64, true}}, 1);
	v_kick(&q[2]);
	return r;
}

static void serial_ports(void)
{
	struct err e = ERR_INIT;
	char text[64] = "";
	ssize_t n;

	m = machine_new_test();
	int con = stream("con"), one = stream("one");
	struct device *d = test_device(m, "virtio-serial-pci", "max_ports=4");
	struct device *c = test_device(m, "virtconsole", "chardev=con"), *p = test_device(m, "virtserialport", "chardev=one,name=org.test.0");
	v_begin(&v, m, d, BAR, UINT64_MAX & ~(1ull << VIRTIO_F_EVENT_IDX));
	rings(6, 16);
	ok_eq(v_get(&v, 0x2004, 4), 4, "serial: as many ports as were asked for");
	for (unsigned i = 0; i < 8; i++)
		v_add(&q[2], (struct vpiece[]){{D + i * 64, 64, true}}, 1);
	control(0, 0, 1);
	ok(told() == 0x000101 && told() == 0x010101 && told() == -1, "serial: the driver is ready and hears of two ports");
	control(0, 3, 1);
	ok_eq(told(), 0x000401, "serial: port 0 is a console");
	ok_eq(told(), 0x000601, "serial: … and open");
	control(1, 3, 1);
	ok_eq(told(), 0x010701, "serial: port 1 has a name");
	ok_eq(told(), 0x010601, "serial: … and its other end is open");
	control(1, 6, 1);
	/* output */
	wr(B, "to the host", 11);
	v_add(&q[5], (struct vpiece[]){{B, 3, false}, {B + 3, 8, false}}, 2);
	v_kick(&q[5]);
	test_turn(m);
	n = read(one, text, sizeof text - 1);
	text[n < 0 ? 0 : n] = 0;
	ok(v_done(&q[5], NULL) == 0 && !strcmp(text, "to the host"), "serial: output: %s", text);
	/* input waits for a buffer */
	if (write(one, "to the guest", 12) != 12)
		exit(1);
	test_turn(m);
	v_add(&q[4], (struct vpiece[]){{C, 6, true}}, 1);
	v_kick(&q[4]);
	test_turn(m);
	rd(C, text, 6);
	ok(v_done(&q[4], NULL) == 6 && !memcmp(text, "to the", 6), "serial: input as far as there is room");
	v_add(&q[4], (struct vpiece[]){{C, 60, true}}, 1);
	v_kick(&q[4]);
	test_turn(m);
	rd(C, text, 6);
	ok(v_done(&q[4], NULL) == 6 && !memcmp(text, " guest", 6), "serial: the rest follows");
	/* a reader that does not read */
	for (unsigned i = 0; i < 200; i++) {
		v_add(&q[5], (struct vpiece[]){{0x200000, 65536, false}}, 1);
		v_kick(&q[5]);
		if (v_done(&q[5], NULL) < 0)
			break;
	}
	ok(v_done(&q[5], NULL) < 0, "serial: output that is not read waits");
	ok_str(test_round_trip(d, d), "", "serial: the device's state goes round");
	ok_str(test_round_trip(p, p), "", "serial: a port's too");
	ok_str(test_round_trip(c, c), "", "serial: the console's too");
	uint8_t drain[65536];
	uint64_t all = 0;
	for (unsigned i = 0; i < 1000 && v_done(&q[5], NULL) < 0; i++) {
		while ((n = read(one, drain, sizeof drain)) > 0)
			all += (uint64_t)n;
		clock_step(m, 1000);
		test_turn(m);
	}
	ok(all > 65536, "serial: after a load it goes on where it was (%llu bytes)", (unsigned long long)all);
	/* hang up, unplug, emergency */
	v_add(&q[4], (struct vpiece[]){{C, 60, true}}, 1); /* input is looked at while there is room for it */
	v_kick(&q[4]);
	close(one);
	test_turn(m);
	ok_eq(told(), 0x010600, "serial: the other end has gone");
	device_free(p);
	ok_eq(told(), 0x010201, "serial: the port has gone");
	v_set(&v, 0x2008, '!', 4);
	test_turn(m);
	ok(read(con, text, 1) == 1 && *text == '!', "serial: an emergency write");
	struct device *bad = device_new(m, "virtserialport", NULL, &e);
	device_set(bad, "nr", "0", &e);
	ok(device_realize(bad, &e) < 0 && strstr(e.msg, "reserved for virtconsole"), "serial: port 0 is a console's");
	device_free(bad);
	machine_free_test(m);
	close(con);
}

/* ---- the same devices behind memory-mapped registers (4.2) ---- */

enum { MM = 0x90000000 };
static uint32_t mm_get(unsigned at) { return space_le32(m->memory, MM + at); }
static void mm_set(unsigned at, uint32_t x) { space_st_le32(m->memory, MM + at, x); }

static void mapped(bool legacy)
{
	struct err e = ERR_INIT;
	struct drive disk;
	uint8_t zero[0x4000] = {0};
	const char *how = legacy ? "mapped, legacy" : "mapped";

	m = machine_new_test();
	medium(&disk, SECTORS * 512);
	struct device *t = virtio_mmio_new(m, space_root(m->memory), MM, test_irq(m, 40), legacy, &e);
	ok(t && mm_get(0) == 0x74726976 && mm_get(4) == (legacy ? 1 : 2) && mm_get(8) == 0, "%s: a transport with nothing on it", how);
	struct device *d = drive_device("virtio-blk-device", &disk, NULL);
	ok_eq(mm_get(8), 2, "%s: a block device is plugged in", how);
	struct device *second = device_new(m, "virtio-rng-device", NULL, &e);
	ok(!second || device_realize(second, &e) < 0, "%s: there is room for one", how);
	if (second)
		device_free(second);
	mm_set(0x70, 0), mm_set(0x70, 1), mm_set(0x70, 3);
	mm_set(0x14, 0);
	ok(mm_get(0x10) >> 9 & 1, "%s: flushes are offered", how);
	if (legacy) {
		mm_set(0x24, 0), mm_set(0x20, 1u << 9);
		mm_set(0x28, 4096);
	} else {
		mm_set(0x14, 1);
		ok_eq(mm_get(0x10) & 1, 1, "%s: VERSION_1", how);
		mm_set(0x24, 1), mm_set(0x20, 1);
		mm_set(0x24, 0), mm_set(0x20, 1u << 9);
		mm_set(0x70, 11);
		ok_eq(mm_get(0x70), 11, "%s: FEATURES_OK", how);
	}
	wr(RING, zero, sizeof zero);
	mm_set(0x30, 0);
	ok_eq(mm_get(0x34), 128, "%s: descriptors at most", how);
	mm_set(0x38, 16);
	uint64_t avail = RING + 256, used = RING + 0x1000;
	if (legacy) {
		mm_set(0x3c, 4096);
		mm_set(0x40, RING / 4096);
		ok_eq(mm_get(0x40), RING / 4096, "%s: the queue's page", how);
		mm_set(0x70, 7);
	} else {
		mm_set(0x80, RING), mm_set(0x84, 0);
		mm_set(0x90, (uint32_t)avail), mm_set(0x94, 0);
		mm_set(0xa0, (uint32_t)used), mm_set(0xa4, 0);
		mm_set(0x44, 1);
		ok_eq(mm_get(0x44), 1, "%s: the queue is ready", how);
		mm_set(0x70, 15);
	}
	ok_eq(mm_get(0x100), SECTORS, "%s: the capacity", how);
	struct { uint64_t at; uint32_t size; uint16_t flags, next; } chain[3] = {{A, 16, 1, 1}, {B, 512, 3, 2}, {C, 1, 2, 0}};
	wr(RING, chain, sizeof chain);
	space_st_le64(m->memory, A, 0);
	space_st_le64(m->memory, A + 8, 7);
	space_st_le16(m->memory, avail + 4, 0);
	space_st_le16(m->memory, avail + 2, 1);
	mm_set(0x50, 0);
	drive_run(&disk);
	ok(space_le16(m->memory, used + 2) == 1 && space_le32(m->memory, used + 8) == 513 && rd8(B) == 7, "%s: a sector is read", how);
	ok(test_line(m, 40) && mm_get(0x60) == 1, "%s: with an interrupt", how);
	mm_set(0x64, 1);
	ok(!test_line(m, 40) && mm_get(0x60) == 0, "%s: which is acknowledged", how);
	ok_str(test_round_trip(t, t), "", "%s: the transport's state goes round", how);
	ok_str(test_round_trip(d, d), "", "%s: the device's", how);
	space_store(m->memory, MM + 0x70, 0, 1, NULL);
	ok(mm_get(0x70) != 0, "%s: a byte is no access to a register", how);
	mm_set(0x70, 0);
	ok(mm_get(0x70) == 0 && mm_get(0x44) == 0, "%s: reset", how);
	machine_free_test(m);
	free(disk.data);
}

int main(void)
{
	mapped(false);
	mapped(true);
	block(false);
	block(true);
	ring_rules();
	scsi_disk();
	entropy();
	balloon();
	serial_ports();
	return tap_done();
}
