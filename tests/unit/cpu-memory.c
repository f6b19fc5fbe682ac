/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regions, spaces and what a guest's access becomes. */
#include <errno.h>
#include <unistd.h>
#include "../../cmd/emu-cpu/memory-internal.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;
static struct err e;

/* A device that writes down what it is asked. */
struct probe {
	uint8_t data[64];
	char log[400];
	struct space *dma;
	uint64_t dma_at;
};

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size)
{
	struct probe *p = opaque;
	uint64_t v = 0;
	size_t n = strlen(p->log);

	snprintf(p->log + n, sizeof p->log - n, "r%u@%llx ", size, (unsigned long long)offset);
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)p->data[(offset + i) & 63] << (8 * i);
	return v;
}

static void probe_write(void *opaque, uint64_t offset, uint64_t v, unsigned size)
{
	struct probe *p = opaque;
	size_t n = strlen(p->log);

	snprintf(p->log + n, sizeof p->log - n, "w%u@%llx=%llx ", size, (unsigned long long)offset, (unsigned long long)v);
	for (unsigned i = 0; i < size; i++)
		p->data[(offset + i) & 63] = (uint8_t)(v >> (8 * i));
	if (p->dma)
		space_st_le32(p->dma, p->dma_at, 0x12345678);
}

static void sizes(void)
{
	static const struct region_ops byte = {.read = probe_read, .write = probe_write, .min = 1, .max = 1},
				       word = {.read = probe_read, .write = probe_write, .min = 1, .max = 4, .impl_min = 4, .impl_max = 4},
				       strict = {.read = probe_read, .write = probe_write, .min = 4, .max = 4},
				       big = {.read = probe_read, .write = probe_write, .min = 1, .max = 4, .big_endian = true},
				       quad = {.read = probe_read, .write = probe_write, .min = 1, .max = 8};
	struct probe p = {0};
	struct region *r = region_new_io(m, "byte", 64, &byte, &p);
	enum mem_result got;

	for (unsigned i = 0; i < 64; i++)
		p.data[i] = (uint8_t)i;
	region_add(space_root(m->ports), 0x100, r, 0);
	ok_eq(space_load(m->ports, 0x104, 4, &got), 0x07060504, "a double word from an 8-bit device");
	ok_str(p.log, "r1@4 r1@5 r1@6 r1@7 ", "it is four reads");
	ok_eq(got, MEM_OK, "and fine");
	*p.log = 0;
	test_outw(m, 0x110, 0xbeef);
	ok_str(p.log, "w1@10=ef w1@11=be ", "a word to it is two writes");
	region_free(r);

	r = region_new_io(m, "word", 64, &word, &p);
	region_add(space_root(m->ports), 0x100, r, 0);
	*p.log = 0;
	ok_eq(test_inb(m, 0x10a), 10, "a byte from a device that is read by double words");
	ok_str(p.log, "r4@8 ", "it reads the double word around it");
	*p.log = 0;
	test_outb(m, 0x121, 0x55);
	ok_str(p.log, "r4@20 w4@20=23225520 ", "a byte to it is put into the double word");
	*p.log = 0;
	ok_eq(space_load(m->ports, 0x106, 4, NULL), 0x09080706, "an unaligned double word is put together");
	ok_str(p.log, "r4@4 r4@8 ", "of two");
	region_free(r);

	r = region_new_io(m, "strict", 64, &strict, &p);
	region_add(space_root(m->ports), 0x100, r, 0);
	*p.log = 0;
	ok_eq(space_load(m->ports, 0x100, 1, &got), 0xff, "a byte where only double words are allowed reads as ones");
	ok(got == MEM_REFUSED && !*p.log, "and reaches no device");
	region_free(r);

	r = region_new_io(m, "big", 64, &big, &p);
	region_add(space_root(m->ports), 0x100, r, 0);
	ok_eq(space_load(m->ports, 0x104, 4, NULL), 0x04050607, "a big-endian device's value");
	region_free(r);

	r = region_new_io(m, "quad", 64, &quad, &p);
	region_add(space_root(m->memory), 0x8000000, r, 0);
	*p.log = 0;
	ok_eq(space_load(m->memory, 0x8000008, 8, NULL), 0x0f0e0d0c0b0a0908, "eight bytes at once");
	ok_str(p.log, "r8@8 ", "in one read");
	*p.log = 0;
	uint8_t buf[11];
	space_read(m->memory, 0x8000003, buf, sizeof buf);
	ok_str(p.log, "r1@3 r4@4 r4@8 r2@c ", "DMA of any length is cut into aligned pieces");
	ok(buf[0] == 3 && buf[10] == 13, "with the right bytes");
	region_free(r);
	ok_eq(space_load(m->ports, 0x104, 2, &got), 0xffff, "nothing is there any more");
	ok_eq(got, MEM_UNASSIGNED, "and it is known to be nothing");
}

static void stacking(void)
{
	struct region *top = space_root(m->memory), *ram = region_new_ram(m, "low", 0x4000, &e), *high = region_new_ram(m, "high", 0x2000, &e),
		      *window = region_new_alias(m, "window", ram, 0x2000, 0x2000), *box = region_new_container(m, "box", 0x8000);
	struct space_page page;

	region_add(top, 0x10000000, box, 0);
	region_add(box, 0, ram, 0);
	region_add(box, 0x1000, high, 1);
	space_st_le32(m->memory, 0x10000ffe, 0x44332211);
	ok(region_ram(ram)[0xfff] == 0x22 && region_ram(high)[0] == 0x33, "a store across a boundary reaches both memories");
	space_page(m->memory, 0x10001000, &page);
	ok(page.host == region_ram(high) && page.writable && page.dirty, "the higher priority shows");
	space_page(m->memory, 0x10003000, &page);
	ok(page.host == region_ram(ram) + 0x3000 && page.region == ram && page.offset == 0x3000, "behind it the lower one goes on");
	region_enable(high, false);
	space_page(m->memory, 0x10001000, &page);
	ok(page.host == region_ram(ram) + 0x1000, "a disabled region does not show");
	region_add(box, 0x5000, window, 0);
	space_st_le16(m->memory, 0x10005010, 0xabcd);
	ok(region_ram(ram)[0x2010] == 0xcd, "an alias shows its window");
	region_alias_set(window, 0x1000);
	ok_eq(space_le16(m->memory, 0x10006010), 0xabcd, "which can be moved");
	region_readonly(window, true);
	space_st_le16(m->memory, 0x10006010, 0x1111);
	ok_eq(space_le16(m->memory, 0x10002010), 0xabcd, "and closed to stores");
	space_page(m->memory, 0x10006000, &page);
	ok(page.host && !page.writable, "processors hear of it");
	region_move(box, 0x20000000);
	ok_eq(space_le16(m->memory, 0x20002010), 0xabcd, "the whole box moves");
	ok_eq(space_le16(m->memory, 0x10002010), 0xffff, "and is gone from where it was");
	memory_begin(m);
	region_move(box, 0x30000000);
	region_remove(window);
	ok_eq(space_le16(m->memory, 0x20002010), 0xabcd, "between begin and commit nothing changes");
	memory_commit(m);
	ok_eq(space_le16(m->memory, 0x20002010), 0xffff, "then all of it");
	/* A window of another space. */
	struct region *master = region_new_alias(m, "bus master", top, 0, 0);
	struct region *root = region_new_container(m, "device", 0);
	region_add(root, 0, master, 0);
	region_enable(master, false);
	struct space *dma = space_new(m, "device", root);
	ok_eq(space_le16(dma, 0x30002010), 0xffff, "a bus master that is off sees nothing");
	region_enable(master, true);
	ok_eq(space_le16(dma, 0x30002010), 0xabcd, "switched on it sees memory");
	region_move(box, 0x40000000);
	ok_eq(space_le16(dma, 0x40002010), 0xabcd, "and follows what moves");
	space_free(dma);
	region_free(master);
	region_free(root);
	region_free(window);
	region_free(high);
	region_free(ram);
	region_free(box);
}

static unsigned changes;
static void changed(void *opaque)
{
	(void)opaque;
	changes++;
}

static void edges(void)
{
	struct region *top = space_root(m->memory), *last = region_new_ram(m, "last", 0x1000, &e), *odd = region_new_ram(m, "odd", 0x800, &e);
	struct region *self = region_new_alias(m, "self", top, 0, 0x100000);
	struct space_page page;
	uint64_t size = 0x4000;

	space_on_change(m->memory, changed, NULL);
	region_add(top, UINT64_MAX - 0xfff, last, 0);
	ok_eq(changes, 1, "listeners hear of a change");
	space_st_le32(m->memory, UINT64_MAX - 3, 0xcafebabe);
	ok_eq(space_le32(m->memory, UINT64_MAX - 3), 0xcafebabe, "the last four bytes of the address space");
	region_enable(last, true);
	ok_eq(changes, 1, "and of nothing that is none");
	region_add(top, 0x50000000, odd, 0);
	space_page(m->memory, 0x50000000, &page);
	ok(!page.host && page.region == odd, "half a page of RAM is no page for a TLB");
	space_st_le16(m->memory, 0x500007fe, 0x1234);
	ok_eq(space_le16(m->memory, 0x500007fe), 0x1234, "but can be stored to");
	ok(space_map(m->memory, 0x50000000, &size, true) == region_ram(odd) && size == 0x800, "a mapping ends with the memory");
	size = 64;
	ok(!space_map(m->memory, 0x60000000, &size, false), "there is no mapping of nothing");
	region_add(top, 0x70000000, self, 0);
	ok_eq(space_le16(m->memory, 0x70000000), 0, "a window onto its own container ends");
	region_free(self);
	region_free(odd);
	region_free(last);
}

static void roms(void)
{
	static const struct region_ops ops = {.read = probe_read, .write = probe_write};
	struct probe p = {0};
	struct region *rom = region_new_rom(m, "rom", 0x1000, NULL, NULL, &e), *flash = region_new_rom(m, "flash", 0x1000, &ops, &p, &e);
	struct space_page page;

	region_ram(rom)[0] = 0x5a;
	region_ram(flash)[4] = 0xa5;
	p.data[4] = 0x77;
	region_add(space_root(m->memory), 0x10000000, rom, 0);
	region_add(space_root(m->memory), 0x10001000, flash, 0);
	space_store(m->memory, 0x10000000, 1, 1, NULL);
	ok_eq(space_load(m->memory, 0x10000000, 1, NULL), 0x5a, "ROM keeps its contents");
	ok_eq(space_load(m->memory, 0x10001004, 1, NULL), 0xa5, "flash reads as memory");
	space_store(m->memory, 0x10001004, 0x90, 1, NULL);
	ok_str(p.log, "w1@4=90 ", "and its stores reach the device");
	space_page(m->memory, 0x10001000, &page);
	ok(page.host && !page.writable, "which is what processors are told");
	region_rom_device(flash, false);
	p.data[4] = 0x77;
	ok_eq(space_load(m->memory, 0x10001004, 1, NULL), 0x77, "in command mode reads reach it too");
	space_page(m->memory, 0x10001000, &page);
	ok(!page.host, "and there is no page");
	region_free(rom);
	region_free(flash);
}

static char runs[200];
static void take(void *opaque, uint64_t offset, uint64_t size)
{
	size_t n = strlen(runs);

	(void)opaque;
	snprintf(runs + n, sizeof runs - n, "%llx+%llx ", (unsigned long long)offset, (unsigned long long)size);
}

static void dirty(void)
{
	struct region *vram = region_new_ram(m, "vram", 0x10000, &e);
	struct space_page page;

	region_add(space_root(m->memory), 0x10000000, vram, 0);
	region_dirty_log(vram, DIRTY_DISPLAY, true);
	region_dirty_take(vram, DIRTY_DISPLAY, 0, 0x10000, take, NULL);
	ok_str(runs, "0+10000 ", "who begins to look sees everything");
	*runs = 0;
	region_dirty_take(vram, DIRTY_DISPLAY, 0, 0x10000, take, NULL);
	ok_str(runs, "", "and then nothing");
	space_page(m->memory, 0x10002000, &page);
	ok(page.writable && !page.dirty, "a processor must report its first store");
	memory_dirtied(m, page.ram);
	space_page(m->memory, 0x10002000, &page);
	ok(page.dirty, "but only the first");
	space_st_le16(m->memory, 0x10003fff, 1);
	region_dirty_take(vram, DIRTY_DISPLAY, 0x1000, 0x8000, take, NULL);
	ok_str(runs, "2000+3000 ", "stores of both are found, in one run");
	*runs = 0;
	region_dirty_take(vram, DIRTY_MIGRATION, 0x4800, 0x100, take, NULL);
	ok_str(runs, "4800+100 ", "the clients do not disturb each other");
	region_free(vram);
}

static void within_itself(void)
{
	static const struct region_ops ops = {.read = probe_read, .write = probe_write};
	struct probe p = {.dma = m->memory, .dma_at = 0x10000004};
	struct region *r = region_new_io(m, "self", 64, &ops, &p);

	region_add(space_root(m->memory), 0x10000000, r, 0);
	space_store(m->memory, 0x10000000, 1, 4, NULL);
	ok_str(p.log, "w4@0=1 ", "a device whose DMA reaches its own registers is not entered again");
	region_free(r);
}

/* Random trees against a byte-wise model of the same rules. */
static void random_trees(void)
{
	enum { N = 12, SPAN = 0x10000 };
	unsigned seed = 7, wrong = 0;
	struct region *base = region_new_container(m, "random", SPAN);

	region_add(space_root(m->memory), 0x10000000, base, 0);
	for (unsigned round = 0; round < 300; round++) {
		struct region *r[N];
		struct { unsigned at, size; int priority; bool on; } g[N];
		memory_begin(m);
		for (unsigned i = 0; i < N; i++) {
			g[i].at = (unsigned)rand_r(&seed) % SPAN;
			g[i].size = 1 + (unsigned)rand_r(&seed) % 0x3000;
			g[i].priority = rand_r(&seed) % 3;
			g[i].on = rand_r(&seed) % 4;
			r[i] = region_new_ram(m, "piece", g[i].size, &e);
			memset(region_ram(r[i]), (int)i + 1, g[i].size);
			region_add(base, g[i].at, r[i], g[i].priority);
			region_enable(r[i], g[i].on);
		}
		memory_commit(m);
		for (unsigned k = 0; k < 400; k++) {
			unsigned at = (unsigned)rand_r(&seed) % SPAN, want = 0xff;
			int best = -1;
			for (unsigned i = 0; i < N; i++)
				if (g[i].on && at >= g[i].at && at - g[i].at < g[i].size && g[i].priority >= best) {
					best = g[i].priority;
					want = i + 1;
				}
			wrong += space_load(m->memory, 0x10000000 + at, 1, NULL) != want;
		}
		memory_begin(m);
		for (unsigned i = 0; i < N; i++)
			region_free(r[i]);
		memory_commit(m);
	}
	ok_eq(wrong, 0, "random trees are what a byte-wise model says");
	region_free(base);
}

static void objects(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	ok(object_add_text(m, "memory-backend-ram,id=ram0,size=1M", &e) == 0, "a memory back end is made");
	struct region *r = memdev_region(m, "ram0", &e);
	ok(r && region_size(r) == 1 << 20 && region_ram(r)[100] == 0, "of its size");
	ok(object_add_text(m, "memory-backend-ram,id=ram0,size=1M", &e) == -EEXIST, "a second one of that name is refused");
	ok(object_add_text(m, "memory-backend-ram,id=x,size=0", &e) == -EINVAL, "an empty one is refused");
	ok(object_add_text(m, "memory-backend-ram,id=x,size=1M,colour=red", &e) == -EINVAL, "an unknown property is refused");
	ok(object_add_text(m, "memory-backend-file,id=f,size=64K,share=on,mem-path=/tmp/cpu-memory.test", &e) == 0, "a file is mapped");
	r = memdev_region(m, "f", &e);
	if (r) {
		uint64_t offset;
		char c = 0;
		region_ram(r)[5] = 'x';
		ok(pread(region_ram_fd(r, &offset), &c, 1, 5) == 1 && c == 'x', "and shows what is stored");
	}
	unlink("/tmp/cpu-memory.test");
	ok(object_add_text(m, "rng-random,id=r", &e) == 0, "a source of random numbers");
	memory_print(m, f, false);
	memory_print(m, f, true);
	fclose(f);
	ok(strstr(text, "0000000000000000-0000000000ffffff (prio 0, ram): test.ram"), "info mtree shows main memory");
	ok(strstr(text, "FlatView of memory"), "and the flat view");
	free(text);
}

int main(void)
{
	m = machine_new_test();
	sizes();
	stacking();
	edges();
	roms();
	dirty();
	within_itself();
	random_trees();
	objects();
	machine_free_test(m);
	return tap_done();
}
