/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VGA at its registers (IBM, "Personal System/2 … Video Subsystems"): indices, masks, protection, DAC, data paths of the memory, VBE, and what is drawn. */
#include "../../cmd/emu-cpu/display-internal.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

enum { BAR0 = 0x80000000, BAR2 = 0x90000000 };

static struct machine *m;
static struct device *vga;

static unsigned in(unsigned port) { return test_inb(m, (uint16_t)port); }
static void out(unsigned port, unsigned v) { test_outb(m, (uint16_t)port, (uint8_t)v); }
static void set(unsigned port, unsigned index, unsigned v) { out(port, index), out(port + 1, v); }
static unsigned get(unsigned port, unsigned index) { out(port, index); return in(port + 1); }
static void attribute(unsigned index, unsigned v) { in(0x3da), out(0x3c0, index), out(0x3c0, v); }
static unsigned attribute_get(unsigned index) { in(0x3da), out(0x3c0, index); unsigned v = in(0x3c1); in(0x3da); return v; }
static void vbe(unsigned index, unsigned v) { test_outw(m, 0x1ce, (uint16_t)index), test_outw(m, 0x1cf, (uint16_t)v); }
static unsigned vbe_get(unsigned index) { test_outw(m, 0x1ce, (uint16_t)index); return test_inw(m, 0x1cf); }
static void poke(unsigned at, unsigned v) { space_store(m->memory, 0xa0000 + at, v, 1, NULL); }
static unsigned peek(unsigned at) { return (unsigned)space_load(m->memory, 0xa0000 + at, 1, NULL); }
static unsigned vram(unsigned at) { return (unsigned)space_load(m->memory, BAR0 + at, 1, NULL); }

static void begin(void)
{
	m = machine_new_test();
	vga = test_device(m, "VGA", "vgamem_mb=16,romfile=");
	struct pci_device *d = pci_device(vga);
	pci_config_write(pci_bus_of(d), 0, d->devfn, 0x10, BAR0, 4);
	pci_config_write(pci_bus_of(d), 0, d->devfn, 0x18, BAR2, 4);
	pci_config_write(pci_bus_of(d), 0, d->devfn, 4, 3, 2);
	out(0x3c2, 0x67); /* colour: 3dx */
}

static void registers(void)
{
	begin();
	ok(in(0x3cc) == 0x67 && in(0x3c2) == 0x10, "miscellaneous output, input status 0");
	ok(in(0x3b4) == 0xff, "what is of the monochrome adapter is not there");
	out(0x3c2, 0x66);
	out(0x3b4, 7);
	ok(in(0x3b4) == 7 && in(0x3d4) == 0xff, "and the other way round");
	out(0x3c2, 0x67);
	static const uint8_t sequencer[5] = {3, 0x3d, 0x0f, 0x3f, 0x0e}, graphics[9] = {15, 15, 15, 0x1f, 3, 0x7b, 15, 15, 0xff};
	unsigned wrong = 0;
	for (unsigned i = 0; i < 5; i++)
		set(0x3c4, i, 0xff), wrong += get(0x3c4, i) != sequencer[i];
	ok(!wrong, "the sequencer's registers have the bits that they have");
	for (unsigned i = 0; i < 9; i++)
		set(0x3ce, i, 0xff), wrong += get(0x3ce, i) != graphics[i];
	ok(!wrong, "the graphics controller's");
	for (unsigned i = 0; i < 21; i++)
		attribute(i, 0xff), wrong += attribute_get(i) != (i < 16 || i == 18 ? 0x3fu : i == 16 ? 0xefu : i == 17 ? 0xffu : 0x0fu);
	ok(!wrong, "the attribute controller's, of which the flip-flop goes to and fro");
	set(0x3d4, 0x11, 0);
	for (unsigned i = 0; i < 0x19; i++)
		set(0x3d4, i, i == 0x11 ? 0 : i * 3);
	set(0x3d4, 0x11, 0x80);
	for (unsigned i = 0; i < 8; i++)
		set(0x3d4, i, 0xff);
	for (unsigned i = 0; i < 7; i++)
		wrong += get(0x3d4, i) != i * 3;
	ok(!wrong, "CRTC registers 0 to 6 are protected");
	ok_eq(get(0x3d4, 7), (21 & ~0x10u) | 0x10, "of 7 only the bit of line compare is not");
	out(0x3c8, 17);
	out(0x3c9, 1), out(0x3c9, 2), out(0x3c9, 3), out(0x3c9, 4), out(0x3c9, 5), out(0x3c9, 6);
	ok_eq(in(0x3c7), 0, "the DAC waits for colours");
	out(0x3c7, 17);
	ok(in(0x3c9) == 1 && in(0x3c9) == 2 && in(0x3c9) == 3 && in(0x3c9) == 4 && in(0x3c7) == 3, "and gives them back, one after the other");
	out(0x3c6, 0x5a);
	ok_eq(in(0x3c6), 0x5a, "its mask");
	unsigned seen = 0;
	for (unsigned i = 0; i < 400; i++) {
		clock_step(m, 50000);
		seen |= 1u << (in(0x3da) & 9);
	}
	ok(seen & 1 && seen & 2 && seen & 1 << 9, "status 1: picture, blank, retrace");
	ok_eq(space_load(m->memory, BAR2 + 0x40c, 1, NULL), in(0x3cc), "BAR 2 has the ports too");
	ok_eq(space_load(m->memory, BAR2 + 0x500, 2, NULL), 0xb0c5, "… and VBE's registers");
	machine_free_test(m);
}

static void planes(unsigned mask) { set(0x3c4, 2, mask); }

static void memory(void)
{
	begin();
	set(0x3c4, 4, 6); /* planar, 64 KiB at a0000 */
	set(0x3ce, 6, 5);
	set(0x3ce, 8, 0xff);
	for (unsigned p = 0; p < 4; p++)
		planes(1u << p), poke(0x100, 0x11 * (p + 1));
	ok(vram(0x400) == 0x11 && vram(0x401) == 0x22 && vram(0x402) == 0x33 && vram(0x403) == 0x44, "the map mask chooses planes");
	for (unsigned p = 0; p < 4; p++) {
		set(0x3ce, 4, p);
		ok_eq(peek(0x100), 0x11 * (p + 1), "read map %u", p);
	}
	planes(15);
	peek(0x100);
	set(0x3ce, 5, 1);
	poke(0x200, 0xee);
	ok(vram(0x800) == 0x11 && vram(0x803) == 0x44, "write mode 1 copies the latches");
	set(0x3ce, 5, 2);
	set(0x3ce, 8, 0xf0);
	poke(0x200, 5);
	ok(vram(0x800) == 0xf1 && vram(0x801) == 0x02 && vram(0x802) == 0xf3 && vram(0x803) == 0x04, "write mode 2: a colour, under the bit mask");
	set(0x3ce, 8, 0xff);
	set(0x3ce, 5, 0);
	set(0x3ce, 3, 3);
	poke(0x300, 0x81);
	ok_eq(vram(0xc00), 0x30, "rotated");
	set(0x3ce, 3, 0x18);
	peek(0x100);
	poke(0x100, 0xff);
	ok(vram(0x400) == 0xee && vram(0x403) == 0xbb, "exclusive or with the latches");
	set(0x3ce, 3, 0);
	set(0x3ce, 0, 6);
	set(0x3ce, 1, 3);
	poke(0x400, 0x5a);
	ok(vram(0x1000) == 0 && vram(0x1001) == 0xff && vram(0x1002) == 0x5a && vram(0x1003) == 0x5a, "set/reset of two planes");
	set(0x3ce, 5, 3);
	set(0x3ce, 1, 0);
	peek(0x400);
	poke(0x400, 0x0f);
	ok(vram(0x1000) == 0 && vram(0x1001) == 0xff && vram(0x1002) == 0x5f && vram(0x1003) == 0x50, "write mode 3: set/reset where the data says");
	set(0x3ce, 5, 8);
	set(0x3ce, 2, 2);
	set(0x3ce, 7, 15);
	ok_eq(peek(0x400), 0xa0 & 0xaf, "read mode 1 compares colours");
	set(0x3ce, 6, 0x0e); /* odd and even, b8000 */
	set(0x3ce, 5, 0x10);
	set(0x3ce, 4, 0);
	set(0x3c4, 4, 2);
	planes(3);
	space_store(m->memory, 0xb8000, 0x1741, 2, NULL);
	ok(vram(0) == 0x41 && vram(1) == 0x17 && vram(2) == 0, "text: the character in plane 0, its attribute in plane 1");
	ok(space_load(m->memory, 0xb8000, 2, NULL) == 0x1741 && space_load(m->memory, 0xa0000, 1, NULL) == 0xff, "read back; nothing answers at a0000");
	set(0x3c4, 4, 0x0e); /* chained */
	set(0x3ce, 6, 5);
	planes(15);
	poke(0x1235, 0x77);
	ok_eq(vram(0x1235), 0x77, "chained: one byte after the other");
	machine_free_test(m);
}

static void extension(void)
{
	begin();
	ok(vbe_get(0) == 0xb0c5 && vbe_get(10) == 256, "VBE: identifier and memory");
	vbe(1, 640), vbe(2, 480), vbe(3, 32), vbe(4, 0x41);
	ok(vbe_get(1) == 640 && vbe_get(2) == 480 && vbe_get(3) == 32 && vbe_get(6) == 640 && vbe_get(7) == 6553, "a mode, and what fits");
	vbe(6, 1000), vbe(8, 500), vbe(9, 100);
	ok(vbe_get(6) == 1000 && vbe_get(8) == 360 && vbe_get(9) == 100, "a window in a wider picture stays inside");
	vbe(4, 3);
	ok(vbe_get(1) == 16000 && vbe_get(3) == 32, "capabilities");
	vbe(4, 0x41);
	vbe(8, 0), vbe(9, 0);
	struct display *d = m->displays;
	space_st_le32(m->memory, BAR0 + 4 * (1000 * 7 + 3), 0x123456);
	d->ops->refresh(d->opaque);
	unsigned stride;
	const uint32_t *pixels = display_pixels(d, &stride);
	ok(d->width == 640 && d->height == 480 && pixels[7 * stride / 4 + 3] == 0x123456, "it is drawn: %u × %u", d->width, d->height);
	uint64_t before = d->changes;
	d->ops->refresh(d->opaque);
	ok_eq(d->changes, before, "nothing changed: nothing is drawn");
	space_st_le32(m->memory, BAR0 + 4 * 5, 0xffffff);
	d->ops->refresh(d->opaque);
	ok(d->changes == before + 1 && pixels[5] == 0xffffff, "one line changed");
	vbe(5, 3);
	poke(0x10, 0xab);
	ok_eq(vram(0x30010), 0xab, "banks of 64 KiB at a0000");
	vbe(5, 9999);
	ok_eq(vbe_get(5), 3, "no bank beyond the memory");
	for (unsigned i = 0; i < 24; i++) { /* sizes that are none */
		vbe(4, 0), vbe(1, i * 2731), vbe(2, i * 977), vbe(3, i * 3 % 40), vbe(4, 0x41);
		d->ops->refresh(d->opaque);
	}
	/* a tall one, one that is too large for a surface though lower, the tall one again: nothing is drawn beyond its end (a heap overflow once) */
	for (unsigned i = 0; i < 3; i++) {
		vbe(4, 0), vbe(1, i & 1 ? 16000 : 64), vbe(2, i & 1 ? 1100 : 12000), vbe(3, 4), vbe(4, 0x41);
		d->ops->refresh(d->opaque);
	}
	ok(d->width == 64 && d->height == 12000, "a mode without a surface in between: %u × %u", d->width, d->height);
	ok(vbe_get(1) && vbe_get(2), "sizes and depths of all kinds become some that fit");
	ok_str(test_round_trip(vga, NULL), "", "its state goes round");
	machine_free_test(m);
}

int main(void)
{
	registers();
	memory();
	extension();
	return tap_done();
}
