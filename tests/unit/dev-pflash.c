/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallel flash with Intel's and AMD's command sets (28F128J3 and Am29LV640M data sheets; JESD68). */
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"
#include "dev-drive.h"

#define BASE 0xfff00000ull
static struct machine *m;
static struct device *d;
static struct drive a;

static struct device *begin(const char *type, const char *options, uint64_t size)
{
	struct err e = ERR_INIT;
	char buf[100];

	m = machine_new_test();
	m->state = RUN_RUNNING;
	memset(&a, 0, sizeof a);
	drive_insert(&a, size);
	d = device_new(m, type, m->system_bus, &e);
	device_set_ptr(d, "drive", &a);
	snprintf(buf, sizeof buf, "%s", options ? options : "");
	for (char *p = strtok(buf, ","); p; p = strtok(NULL, ",")) {
		char *v = strchr(p, '=');

		*v = 0;
		device_set(d, p, v + 1, &e);
	}
	if (device_realize(d, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	region_add(space_root(m->memory), BASE, pflash_region(d), 1);
	d->type->reset(d);
	return d;
}

static void end(void)
{
	machine_free_test(m);
	free(a.data);
	a.data = NULL;
}

static uint8_t rd(uint64_t at)
{
	enum mem_result r;

	return (uint8_t)space_load(m->memory, BASE + at, 1, &r);
}

static void wr(uint64_t at, uint8_t v)
{
	enum mem_result r;

	space_store(m->memory, BASE + at, v, 1, &r);
}

static void intel(void)
{
	begin("cfi.pflash01", NULL, 0x10000);
	ok(rd(0x200) == 1 && rd(0x204) == 1 && space_le32(m->memory, BASE + 0xfe00) == 127, "the array is what the drive holds");
	wr(0x300, 0x50);
	ok_eq(rd(0x300), 1, "clear status changes no mode");
	wr(0x300, 0x70);
	ok_eq(rd(0x300), 0, "after it the status is 00");
	wr(0x300, 0xff);
	wr(0, 0x90);
	ok(rd(0) == 0x89 && rd(1) == 0x18 && rd(2) == 0, "identifiers");
	wr(0, 0x98);
	ok(rd(0x10) == 'Q' && rd(0x11) == 'R' && rd(0x12) == 'Y' && rd(0x13) == 1 && rd(0x27) == 16, "query: command set 0001, 2^16 bytes");
	ok(rd(0x2c) == 1 && rd(0x2d) == 15 && rd(0x2e) == 0 && rd(0x2f) == 16 && rd(0x30) == 0, "16 blocks of 4096");
	wr(0, 0xff);
	wr(0x1000, 0x20); wr(0x1234, 0xd0);
	ok_eq(rd(0), 0x80, "erase: ready");
	wr(0, 0xff);
	ok(rd(0x0fff) == 7 && rd(0x1000) == 0xff && rd(0x1fff) == 0xff && rd(0x2000) == 16, "one block is erased");
	wr(0x1010, 0x40); wr(0x1010, 0xa5);
	wr(0x1011, 0x10); wr(0x1011, 0x0f);
	ok_eq(rd(0x1010), 0x80, "program: ready");
	wr(0, 0xff);
	ok(rd(0x1010) == 0xa5 && rd(0x1011) == 0x0f, "two bytes");
	wr(0x1010, 0x40); wr(0x1010, 0x5a);
	wr(0, 0xff);
	ok_eq(rd(0x1010), 0, "programming only clears bits");
	wr(0x1000, 0x20); wr(0x1000, 0x00);
	ok_eq(rd(0), 0xb0, "an erase that is not confirmed: sequence error");
	wr(0, 0x50); wr(0, 0x70);
	ok_eq(rd(0), 0, "cleared");
	wr(0x1100, 0xe8);
	ok_eq(rd(0x1100), 0x80, "buffered program: the buffer is free");
	wr(0x1100, 3);
	for (int i = 0; i < 4; i++)
		wr(0x1104 + (unsigned)i, (uint8_t)(0x10 + i));
	wr(0x1100, 0xd0);
	ok_eq(rd(0), 0x80, "confirmed");
	wr(0, 0xff);
	ok(rd(0x1103) == 0xff && rd(0x1104) == 0x10 && rd(0x1107) == 0x13 && rd(0x1108) == 0xff, "four bytes");
	wr(0x1100, 0xe8); wr(0x1100, 1); wr(0x1180, 1); wr(0x1280, 2); wr(0x1100, 0xd0);
	ok_eq(rd(0) & 0x10, 0x10, "a buffer over its boundary: program error");
	wr(0, 0x50);
	wr(0x1100, 0xe8); wr(0x1100, 0); wr(0x1180, 1); wr(0x1100, 0xff);
	ok_eq(rd(0) & 0x30, 0x30, "not confirmed: sequence error");
	wr(0, 0x50);
	wr(0x2000, 0x60); wr(0x2000, 0xd0);
	ok_eq(rd(0), 0x80, "unlocking");
	wr(0, 0x33);
	ok_eq(rd(0x2000), 16, "an unknown command goes back to the array");
	ok_eq(a.data[0x1104], 8, "the drive has nothing yet");
	clock_step(m, 30000000);
	drive_run(&a);
	clock_step(m, 30000000);
	drive_run(&a);
	ok(a.data[0x1104] == 0x10 && a.data[0x1010] == 0 && a.data[0x1fff] == 0xff && a.requests < 4, "then all of it, in one request (%u)", a.requests);
	wr(0x3000, 0x40); wr(0x3000, 0);
	clock_step(m, 30000000);
	wr(0x3000 + 4, 0x40); wr(0x3000 + 4, 0);
	machine_stop(m, RUN_PAUSED);
	ok(a.data[0x3000] == 0 && a.data[0x3004] == 0, "a stop writes what is left");
	wr(0x1100, 0xe8); wr(0x1100, 9); wr(0x1180, 1);
	ok_str(test_round_trip(d, NULL), "", "the state goes round");
	wr(0x2000, 0xe8);
	wr(0x2000, 3);
	ok_str(test_round_trip(d, NULL), "", "the state goes round before a buffer's first byte");
	d->type->reset(d);
	ok_str(test_round_trip(d, NULL), "", "the state goes round when a buffer was given up before its first byte");
	wr(0x1100, 0xe8);
	end();
	begin("cfi.pflash01", "width=2", 0x20000);
	enum mem_result r;
	space_store(m->memory, BASE, 0x98, 2, &r);
	ok_eq(space_load(m->memory, BASE + 0x20, 2, &r), 'Q', "a bus of 16 bits: addresses double");
	space_store(m->memory, BASE, 0x20, 2, &r); space_store(m->memory, BASE, 0xd0, 2, &r);
	space_store(m->memory, BASE, 0x40, 2, &r); space_store(m->memory, BASE, 0x1234, 2, &r);
	space_store(m->memory, BASE, 0xff, 2, &r);
	ok_eq(space_load(m->memory, BASE, 4, &r), 0xffff1234, "a word at a time");
	end();
	begin("cfi.pflash01", "width=4,device-width=2", 0x20000);
	space_store(m->memory, BASE, 0x00980098, 4, &r);
	ok_eq(space_load(m->memory, BASE + 0x40, 4, &r), 'Q' * 0x10001, "two chips side by side answer both");
	end();
}

static void readonly(void)
{
	struct err e = ERR_INIT;

	m = machine_new_test();
	memset(&a, 0, sizeof a);
	a.info.readonly = true;
	drive_insert(&a, 0x10000);
	d = device_new(m, "cfi.pflash01", m->system_bus, &e);
	device_set_ptr(d, "drive", &a);
	device_realize(d, &e);
	region_add(space_root(m->memory), BASE, pflash_region(d), 1);
	wr(0, 0x20); wr(0, 0xd0);
	ok_eq(rd(0), 0xa2, "a read-only drive: the erase fails, the block is locked");
	wr(0, 0x50); wr(0, 0x40); wr(0, 0);
	ok_eq(rd(0), 0x92, "so does programming");
	wr(0, 0xff);
	ok_eq(rd(0x200), 1, "the array is unchanged");
	d = device_new(m, "cfi.pflash01", m->system_bus, &e);
	device_set_ptr(d, "drive", &a);
	device_set(d, "num-blocks", "32", &e);
	ok(device_realize(d, &e) < 0 && strstr(e.msg, "must be the same"), "a drive of another size is refused: %s", e.msg);
	device_free(d);
	d = device_new(m, "cfi.pflash01", m->system_bus, &e);
	device_set(d, "width", "3", &e);
	ok(device_realize(d, &e) < 0, "and a width of 3: %s", e.msg);
	device_free(d);
	end();
}

static void unlock(uint8_t command)
{
	wr(0x555, 0xaa);
	wr(0x2aa, 0x55);
	wr(0x555, command);
}

static void amd(void)
{
	begin("cfi.pflash02", "sector-length=4096", 0x10000);
	ok_eq(rd(0x200), 1, "AMD: the array");
	unlock(0x90);
	ok(rd(0) == 1 && rd(1) == 0x7e && rd(0x0e) == 0x0c && rd(0x0f) == 1, "autoselect");
	wr(0, 0xf0);
	ok_eq(rd(0x200), 1, "reset");
	wr(0x55, 0x98);
	ok(rd(0x10) == 'Q' && rd(0x13) == 2, "query: command set 0002");
	wr(0, 0xf0);
	unlock(0xa0);
	wr(0x200, 0x3f);
	ok_eq(rd(0x200), 1, "programming only clears bits");
	unlock(0x80);
	wr(0x555, 0xaa); wr(0x2aa, 0x55); wr(0x1000, 0x30); wr(0x3000, 0x30);
	ok(rd(0x1000) == 0xff && rd(0x3fff) == 0xff && rd(0x2000) == 16, "two sectors in one erase");
	wr(0x4000, 0x30);
	ok_eq(rd(0x4000), 32, "which a read has ended");
	unlock(0xa0);
	wr(0x1001, 0x42);
	ok_eq(rd(0x1001), 0x42, "a byte");
	unlock(0xa0);
	wr(0x1002, 0xf0);
	ok_eq(rd(0x1002), 0xf0, "f0 as data is data");
	unlock(0x20);
	wr(0, 0xa0); wr(0x1003, 0x11);
	wr(0, 0xa0); wr(0x1004, 0x22);
	ok(rd(0x1003) == 0x11 && rd(0x1004) == 0x22, "unlock bypass");
	wr(0, 0x90); wr(0, 0);
	wr(0, 0xa0); wr(0x1005, 0x33);
	ok_eq(rd(0x1005), 0xff, "until it ends");
	wr(0x555, 0xaa); wr(0x2aa, 0x54); wr(0x555, 0xa0); wr(0x1006, 0);
	ok_eq(rd(0x1006), 0xff, "a wrong unlock does nothing");
	unlock(0x80);
	wr(0x555, 0xaa); wr(0x2aa, 0x55); wr(0x555, 0x10);
	ok(rd(0) == 0xff && rd(0xffff) == 0xff, "chip erase");
	unlock(0x80);
	wr(0x555, 0xaa);
	ok_str(test_round_trip(d, NULL), "", "the state goes round in the middle of a sequence");
	end();
}

int main(void)
{
	intel();
	readonly();
	amd();
	return tap_done();
}
