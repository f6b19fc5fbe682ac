/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firmware configuration device (docs/specs/fw_cfg). */
#include "../../cmd/emu-cpu/testing.h"
#include "../../cmd/emu-cpu/x86-parts.h"
#include "tap.h"

static struct machine *m;
static char seen[64];
static uint8_t box[16] = "0123456789abcdef";

static void written(void *opaque, size_t at, size_t n)
{
	snprintf(seen, sizeof seen, "%s %zu+%zu", (const char *)opaque, at, n);
}

static void select_item(uint16_t key) { test_outw(m, 0x510, key); }

static uint64_t be(unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | test_inb(m, 0x511);
	return v;
}

static void put_be(uint8_t *p, uint64_t v, unsigned n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

/* Returns the control word that comes back. */
static uint32_t dma(uint32_t control, uint32_t length, uint64_t address)
{
	uint8_t d[16];

	put_be(d, control, 4);
	put_be(d + 4, length, 4);
	put_be(d + 8, address, 8);
	space_write(m->memory, 0x1000, d, 16);
	test_outl(m, 0x514, 0);
	test_outl(m, 0x518, __builtin_bswap32(0x1000));
	space_read(m->memory, 0x1000, d, 4);
	return (uint32_t)(d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3]);
}

static void items(void)
{
	select_item(0);
	ok_eq(be(4), 0x51454d55, "the signature");
	ok_eq(be(2), 0, "zeros after its end");
	select_item(1);
	ok_eq(test_inb(m, 0x511), 3, "features: ports and DMA");
	ok(test_inl(m, 0x514) == 0x554d4551 && test_inl(m, 0x518) == 0x47464320, "the DMA port's own signature");
	select_item(0x7777);
	ok_eq(be(4), 0, "an unknown item is all zeros");
	fw_cfg_add_u16(m, 5, 0x1234);
	fw_cfg_add_u32(m, 6, 0x12345678);
	fw_cfg_add_u64(m, 7, 0x123456789abcdef0);
	fw_cfg_add_bytes(m, 0x8000, "arch", 4);
	select_item(5);
	ok_eq(be(2), 0x3412, "numbers are little-endian");
	select_item(6);
	ok_eq(be(4), 0x78563412, "32 bits");
	select_item(7);
	ok_eq(be(8), (long long)0xf0debc9a78563412ull, "64 bits");
	select_item(0x8000);
	ok_eq(be(4), 0x61726368, "items of the architecture are apart");
	fw_cfg_add_u16(m, 5, 7);
	select_item(5);
	ok_eq(be(3), 0x070000, "an item can be set anew");
	select_item(6);
	be(2);
	select_item(6);
	ok_eq(be(1), 0x78, "selecting begins at the start");
	test_outb(m, 0x511, 0xff);
	select_item(6);
	ok_eq(be(1), 0x78, "data cannot be written through the port");
}

static unsigned asked;

/* The file's owner looks what it should be when the guest selects it. */
static void selected(void *opaque)
{
	char text[5];

	snprintf(text, sizeof text, "l%3u", ++asked);
	fw_cfg_replace_file(opaque, "zz", text, 4);
}

static void files(void)
{
	struct err e = ERR_INIT;
	char name[60];

	ok(fw_cfg_add_file(m, "zz", "last", 4, &e) == 0 && fw_cfg_add_file(m, "etc/acpi/tables", "tables", 6, &e) == 0 &&
	   fw_cfg_add_file(m, "bootorder", "/pci\0", 6, &e) == 0, "files are added");
	ok(fw_cfg_add_writable(m, "etc/w", box, sizeof box, written, "box", &e) == 0, "a writable one too");
	select_item(0x19);
	ok_eq(be(4), 4, "the directory counts them");
	unsigned in_order = 0;
	char before[60] = "";
	for (unsigned i = 0; i < 4; i++) {
		be(4);
		in_order += be(2) == 0x20 + i;
		be(2);
		for (unsigned k = 0; k < 56; k++)
			name[k] = (char)test_inb(m, 0x511);
		in_order += strcmp(before, name) < 0;
		strcpy(before, name);
	}
	ok_eq(in_order, 8, "in the order of their names and numbers");
	select_item(0x21);
	ok_eq(be(6), 0x7461626c6573, "a file's contents");
	ok(fw_cfg_add_file(m, "zz", "x", 1, &e) < 0 && strstr(e.msg, "exists"), "a name is taken once: %s", e.msg);
	memset(name, 'n', 56);
	name[56] = 0;
	ok(fw_cfg_add_file(m, name, "x", 1, &e) < 0 && fw_cfg_add_file(m, "", "x", 1, &e) < 0, "names have 1 to 55 bytes");
	select_item(0x24);
	ok_eq(be(2), 0, "no file behind the last");
	fw_cfg_on_select(m, "zz", selected, m);
	select_item(0x23);
	ok_eq(be(4), 0x6c202031, "a file's owner is asked when it is selected");
	select_item(0x23);
	ok(be(4) == 0x6c202032 && asked == 2, "each time");
	ok(!fw_cfg_replace_file(m, "zz", "longer", 6) && !fw_cfg_replace_file(m, "nobody", "x", 1) && !fw_cfg_replace_file(m, "etc/w", box, sizeof box),
	   "contents are replaced by as many bytes, of files that are there and not writable");
}

static void transfers(void)
{
	char buf[64];

	ok_eq(dma(0x0021000a, 6, 0x2000), 0, "select and read");
	space_read(m->memory, 0x2000, buf, 6);
	ok(!memcmp(buf, "tables", 6), "arrives in memory");
	memset(buf, 'x', sizeof buf);
	space_write(m->memory, 0x2000, buf, 64);
	dma(0x00210008, 0, 0);
	dma(4, 2, 0);
	ok_eq(dma(2, 20, 0x2000), 0, "skip, then read beyond the end");
	space_read(m->memory, 0x2000, buf, 64);
	ok(!memcmp(buf, "bles\0\0\0\0", 8) && buf[19] == 0 && buf[20] == 'x', "the rest is zeros");
	space_write(m->memory, 0x3000, "WRITTEN!", 8);
	ok_eq(dma(0x00220018, 4, 0x3000), 0, "a write into the writable file");
	ok(!memcmp(box, "WRIT456789", 10), "arrives");
	ok_str(seen, "box 0+4", "and its owner hears of it");
	ok_eq(dma(0x10, 12, 0x3000), 0, "to the very end");
	ok_eq(dma(0x10, 1, 0x3000), 1, "but not further");
	ok_eq(dma(0x00210018, 1, 0x3000), 1, "others cannot be written");
	ok_eq(dma(0x0021000a, 16, 0x40000000), 1, "there is no memory: an error");
	ok_eq(dma(0x0021000a, 0xffffffff, 0xff000000), 1, "4 GiB to nowhere end at once");
	ok_eq(dma(0x0021000a, 0x1000, UINT64_MAX - 10), 1, "nor around the end of memory");
	ok_eq(dma(0x00210000, 5, 0x2000), 0, "no operation is none");
	test_outl(m, 0x514, 0xffffffff);
	test_outl(m, 0x518, 0xffffffff);
	ok(true, "a descriptor nowhere does nothing");
}

int main(void)
{
	struct err e = ERR_INIT;
	struct device *d;

	m = machine_new_test();
	ok(fw_cfg_add_file(m, "a", "b", 1, &e) < 0 && strstr(e.msg, "no fw_cfg"), "without the device a file is refused");
	fw_cfg_add_u16(m, 5, 1);
	d = test_device(m, "fw_cfg_io", NULL);
	items();
	files();
	transfers();
	test_device(m, "pvpanic", NULL);
	select_item(0x22);
	ok_eq(be(2), 0x0505, "pvpanic leaves its port in a file");
	ok_str(test_round_trip(d, NULL), "", "the state goes round");
	machine_free_test(m);
	return tap_done();
}
