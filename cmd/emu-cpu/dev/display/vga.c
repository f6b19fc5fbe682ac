// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers and memory of the VGA. Sources: IBM "Personal System/2 Hardware Interface Technical Reference – Video Subsystems" (1991), and the
 * interface of the Bochs VBE extension (ports 0x1ce, 0x1cf), identifier 0xb0c5. Drawing is in vga-draw.c.
 */
#include "vga.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../machine.h"

enum { WINDOW_AT = 0xa0000, WINDOW_SIZE = 0x20000 };
enum { VBE_ID_FIRST = 0xb0c0, VBE_ID_LAST = 0xb0c5, VBE_MAX_X = 16000, VBE_MAX_Y = 12000 };
enum { SEQ_CLOCKING = 1, SEQ_PLANE_MASK = 2, SEQ_MEMORY_MODE = 4 };
enum { GR_SET_RESET = 0, GR_ENABLE_SET_RESET = 1, GR_COMPARE = 2, GR_ROTATE = 3, GR_READ_PLANE = 4, GR_MODE = 5, GR_MISC = 6,
       GR_DONT_CARE = 7, GR_BIT_MASK = 8 };

/* Bits that registers have; the others read as zero. */
static const uint8_t sequencer_mask[8] = {3, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0xff};
static const uint8_t graphics_mask[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

static bool vbe_on(const struct vga *v)
{
	return v->vbe[VBE_ENABLE] & VBE_ENABLED;
}

/* ---- the window at 0xa0000 ---- */

static bool chained(const struct vga *v)
{
	return v->sequencer[SEQ_MEMORY_MODE] & 8 || (vbe_on(v) && v->vbe[VBE_BPP] > 4);
}

/* Which part of the window is decoded (graphics register 6). false: not this address. */
static bool decode(const struct vga *v, uint32_t *addr)
{
	uint32_t a = *addr & (WINDOW_SIZE - 1);
	switch (v->graphics[GR_MISC] >> 2 & 3) {
	case 0: break;
	case 1:
		if (a >= 0x10000)
			return false;
		a += (uint32_t)v->vbe[VBE_BANK] << 16;
		break;
	case 2:
		if (a < 0x10000 || a >= 0x18000)
			return false;
		a -= 0x10000;
		break;
	default:
		if (a < 0x18000)
			return false;
		a -= 0x18000;
	}
	*addr = a;
	return true;
}

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
	struct vga *v = opaque;
	uint32_t a = (uint32_t)offset;
	const uint8_t *ram = region_ram(v->vram);
	(void)size;
	if (!decode(v, &a))
		return 0xff;
	if (chained(v))
		return a < v->vram_size ? ram[a] : 0xff;
	if (v->graphics[GR_MODE] & 0x10) { /* odd/even: the low address bit is the plane's */
		a = (a & ~1u) << 1 | (a & 1) | (v->graphics[GR_READ_PLANE] & 2u);
		return a < v->vram_size ? ram[a] : 0xff;
	}
	if (a >= v->vram_size / 4)
		return 0xff;
	memcpy(v->latch, ram + 4 * a, 4);
	if (!(v->graphics[GR_MODE] & 8))
		return v->latch[v->graphics[GR_READ_PLANE]];
	/* Read mode 1: a one for each pixel whose colour matches in all planes that count. */
	uint8_t differs = 0;
	for (unsigned p = 0; p < 4; p++)
		if (v->graphics[GR_DONT_CARE] >> p & 1)
			differs |= (uint8_t)(v->latch[p] ^ (v->graphics[GR_COMPARE] >> p & 1 ? 0xff : 0));
	return (uint8_t)~differs;
}

static uint8_t rotate(uint8_t x, unsigned n)
{
	return (uint8_t)(x >> n | x << ((8 - n) & 7));
}

/* The graphics controller's data path for one plane (figure "Write mode" of the reference): 0..3. */
static uint8_t write_plane(const struct vga *v, unsigned p, uint8_t value)
{
	uint8_t mask = v->graphics[GR_BIT_MASK], latch = v->latch[p];
	uint8_t set = v->graphics[GR_SET_RESET] >> p & 1 ? 0xff : 0;
	switch (v->graphics[GR_MODE] & 3) {
	case 1: return latch;
	case 2: value = value >> p & 1 ? 0xff : 0; break;
	case 3:
		mask &= rotate(value, v->graphics[GR_ROTATE] & 7);
		value = set;
		return (uint8_t)((value & mask) | (latch & ~mask)); /* the function select does not act here */
	default:
		value = rotate(value, v->graphics[GR_ROTATE] & 7);
		if (v->graphics[GR_ENABLE_SET_RESET] >> p & 1)
			value = set;
	}
	switch (v->graphics[GR_ROTATE] >> 3 & 3) {
	case 1: value &= latch; break;
	case 2: value |= latch; break;
	case 3: value ^= latch; break;
	}
	return (uint8_t)((value & mask) | (latch & ~mask));
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct vga *v = opaque;
	uint32_t a = (uint32_t)offset;
	uint8_t *ram = region_ram(v->vram), planes = v->sequencer[SEQ_PLANE_MASK];
	(void)size;
	if (!decode(v, &a))
		return;
	if (chained(v)) {
		if (a < v->vram_size && (vbe_on(v) || planes >> (a & 3) & 1)) {
			ram[a] = (uint8_t)value;
			region_dirty_set(v->vram, a, 1);
		}
		return;
	}
	if (v->graphics[GR_MODE] & 0x10) {
		unsigned plane = (a & 1) | (v->graphics[GR_READ_PLANE] & 2u);
		a = (a & ~1u) << 1 | plane;
		if (planes >> plane & 1 && a < v->vram_size) {
			ram[a] = (uint8_t)value;
			region_dirty_set(v->vram, a, 1);
			if (plane == 2)
				v->redraw = true; /* a font */
		}
		return;
	}
	if (a >= v->vram_size / 4)
		return;
	for (unsigned p = 0; p < 4; p++)
		if (planes >> p & 1)
			ram[4 * a + p] = write_plane(v, p, (uint8_t)value);
	if (planes & 4 && !(v->graphics[GR_MISC] & 1))
		v->redraw = true;
	region_dirty_set(v->vram, 4 * a, 4);
}

static const struct region_ops window_ops = {.read = window_read, .write = window_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = 1,
					     .unaligned = true};

/* While a 64 KiB window shows memory linearly with all planes writable, the guest may use it as plain RAM. */
static void window_update(struct vga *v)
{
	bool on = chained(v) && (v->graphics[GR_MISC] >> 2 & 3) == 1 && (vbe_on(v) || (v->sequencer[SEQ_PLANE_MASK] & 15) == 15);
	uint32_t at = (uint32_t)v->vbe[VBE_BANK] << 16;
	if (at + 0x10000u > v->vram_size)
		on = false;
	if (on == v->direct_on && (!on || at == v->direct_at))
		return;
	memory_begin(v->dev->machine);
	if (on)
		region_alias_set(v->direct, at);
	region_enable(v->direct, on);
	memory_commit(v->dev->machine);
	v->direct_on = on;
	v->direct_at = at;
}

/* ---- VBE ---- */

static unsigned vbe_bytes(const struct vga *v)
{
	return (v->vbe[VBE_BPP] + 7u) / 8;
}

/* Bytes of a line of w pixels. */
static uint32_t vbe_pitch(const struct vga *v, uint32_t w)
{
	return v->vbe[VBE_BPP] == 4 ? w / 2 : w * vbe_bytes(v);
}

/* Registers 0 to 9 hold only what the memory has room for: the guest reads back what it got. */
static void vbe_fit(struct vga *v)
{
	uint16_t *r = v->vbe;
	if (r[VBE_BPP] != 4 && r[VBE_BPP] != 8 && r[VBE_BPP] != 15 && r[VBE_BPP] != 16 && r[VBE_BPP] != 24 && r[VBE_BPP] != 32)
		r[VBE_BPP] = 8;
	r[VBE_XRES] = (uint16_t)((r[VBE_XRES] & ~7u) > VBE_MAX_X ? VBE_MAX_X : r[VBE_XRES] & ~7u);
	if (!r[VBE_XRES])
		r[VBE_XRES] = 8;
	if (r[VBE_VIRT_WIDTH] < r[VBE_XRES])
		r[VBE_VIRT_WIDTH] = r[VBE_XRES];
	r[VBE_VIRT_WIDTH] &= (uint16_t)~7u;
	uint32_t pitch = vbe_pitch(v, r[VBE_VIRT_WIDTH]), lines = v->vram_size / (pitch ? pitch : 1);
	if (r[VBE_YRES] > VBE_MAX_Y)
		r[VBE_YRES] = VBE_MAX_Y;
	if (!r[VBE_YRES])
		r[VBE_YRES] = 1;
	if (r[VBE_YRES] > lines)
		r[VBE_YRES] = (uint16_t)lines;
	r[VBE_VIRT_HEIGHT] = (uint16_t)(lines > 0xffff ? 0xffff : lines);
	if (r[VBE_X_OFFSET] > r[VBE_VIRT_WIDTH] - r[VBE_XRES])
		r[VBE_X_OFFSET] = (uint16_t)(r[VBE_VIRT_WIDTH] - r[VBE_XRES]);
	if (r[VBE_Y_OFFSET] > lines - r[VBE_YRES])
		r[VBE_Y_OFFSET] = (uint16_t)(lines - r[VBE_YRES]);
}

/* Entering a mode: the VGA registers that firmware and old drivers look at, as the extension's own BIOS expects them. */
static void vbe_enter(struct vga *v)
{
	v->graphics[GR_MISC] = (v->graphics[GR_MISC] & ~0x0cu) | 5; /* graphics, 64 KiB at 0xa0000 */
	v->crtc[0x17] |= 3;
	v->crtc[0x13] = (uint8_t)(vbe_pitch(v, v->vbe[VBE_VIRT_WIDTH]) >> 3);
	unsigned height = v->vbe[VBE_YRES] - 1u;
	v->crtc[0x01] = (uint8_t)((v->vbe[VBE_XRES] >> 3) - 1);
	v->crtc[0x12] = (uint8_t)height;
	v->crtc[0x07] = (uint8_t)((v->crtc[0x07] & ~0x42u) | (height >> 7 & 2) | (height >> 3 & 0x40));
	v->crtc[0x18] = 0xff;
	v->crtc[0x07] |= 0x10;
	v->crtc[0x09] |= 0x40;
	if (v->vbe[VBE_BPP] == 4) {
		v->graphics[GR_MODE] &= (uint8_t)~0x60u;
	} else {
		v->graphics[GR_MODE] = (v->graphics[GR_MODE] & ~0x60u) | 0x40;
		v->sequencer[SEQ_MEMORY_MODE] |= 8;
		v->sequencer[SEQ_PLANE_MASK] = 15;
	}
	v->crtc[0x09] &= (uint8_t)~0x9fu;
}

uint16_t vga_vbe_read(struct vga *v)
{
	if (v->vbe_index >= VBE_REGS)
		return 0;
	if (v->vbe[VBE_ENABLE] & VBE_GETCAPS)
		switch (v->vbe_index) {
		case VBE_XRES: return VBE_MAX_X;
		case VBE_YRES: return VBE_MAX_Y;
		case VBE_BPP: return 32;
		}
	if (v->vbe_index == VBE_MEMORY)
		return (uint16_t)(v->vram_size >> 16);
	return v->vbe[v->vbe_index];
}

void vga_vbe_write(struct vga *v, uint16_t value)
{
	uint16_t *r = v->vbe;
	switch (v->vbe_index) {
	case VBE_ID:
		if (value >= VBE_ID_FIRST && value <= VBE_ID_LAST)
			r[VBE_ID] = value;
		return;
	case VBE_BANK:
		if (((uint32_t)value << 16) < v->vram_size)
			r[VBE_BANK] = value;
		break;
	case VBE_ENABLE:
		if (value & VBE_ENABLED && !vbe_on(v)) {
			r[VBE_VIRT_WIDTH] = 0;
			r[VBE_X_OFFSET] = r[VBE_Y_OFFSET] = 0;
			vbe_fit(v);
			r[VBE_ENABLE] = value;
			vbe_enter(v);
			if (!(value & VBE_NOCLEAR)) {
				uint32_t n = (uint32_t)r[VBE_YRES] * vbe_pitch(v, r[VBE_VIRT_WIDTH]);
				memset(region_ram(v->vram), 0, n > v->vram_size ? v->vram_size : n);
				region_dirty_set(v->vram, 0, n > v->vram_size ? v->vram_size : n);
			}
		} else if (!(value & VBE_ENABLED)) {
			r[VBE_BANK] = 0;
		}
		r[VBE_ENABLE] = value;
		break;
	case VBE_XRES: case VBE_YRES: case VBE_BPP:
		r[v->vbe_index] = value;
		if (vbe_on(v))
			vbe_fit(v);
		break;
	case VBE_VIRT_WIDTH: case VBE_X_OFFSET: case VBE_Y_OFFSET:
		r[v->vbe_index] = value;
		vbe_fit(v);
		break;
	default: return; /* heights and memory are read-only */
	}
	v->redraw = true;
	window_update(v);
}

static uint64_t vbe_port_read(void *opaque, uint64_t offset, unsigned size)
{
	struct vga *v = opaque;
	(void)size;
	return offset == 0 ? v->vbe_index : vga_vbe_read(v); /* 0x1d0 is the data port too, where 0x1cf cannot be read as a word */
}

static void vbe_port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct vga *v = opaque;
	(void)size;
	if (offset == 0)
		v->vbe_index = (uint16_t)value;
	else
		vga_vbe_write(v, (uint16_t)value);
}

const struct region_ops vga_vbe_ops = {.read = vbe_port_read, .write = vbe_port_write, .min = 1, .max = 4, .impl_min = 2, .impl_max = 2,
				       .unaligned = true};

/* ---- ports 0x3b0 to 0x3df ---- */

/* Input status 1: display disabled and vertical retrace, from a frame of 1/60 s in the machine's time. */
static uint8_t retrace(struct vga *v)
{
	uint64_t frame = clock_ns(v->dev->machine, CLOCK_VIRT) % (NS_PER_S / 60), line = NS_PER_S / 60 / 525;
	if (frame >= line * 480)
		return frame < line * 492 ? 9 : 1;
	return frame % line > line * 4 / 5 ? 1 : 0;
}

static bool colour(const struct vga *v)
{
	return v->misc & 1;
}

uint8_t vga_port_read(struct vga *v, unsigned offset)
{
	unsigned port = 0x3b0 + offset;
	/* The CRTC and status 1 are at 3bx or at 3dx. */
	if ((port >= 0x3b0 && port <= 0x3bf && colour(v)) || (port >= 0x3d0 && port <= 0x3df && !colour(v)))
		return 0xff;
	switch (port) {
	case 0x3c0: return v->attribute_data ? 0 : v->attribute_index;
	case 0x3c1: return v->attribute[v->attribute_index & 31];
	case 0x3c2: return 0x10; /* input status 0: a colour monitor is sensed */
	case 0x3c4: return v->sequencer_index;
	case 0x3c5: return v->sequencer[v->sequencer_index & 7];
	case 0x3c6: return v->dac_mask;
	case 0x3c7: return v->dac_state;
	case 0x3c8: return v->dac_write;
	case 0x3c9: {
		uint8_t value = v->palette[v->dac_read * 3 + v->dac_sub];
		if (++v->dac_sub == 3) {
			v->dac_sub = 0;
			v->dac_read++;
		}
		return value;
	}
	case 0x3ca: return v->feature;
	case 0x3cc: return v->misc;
	case 0x3ce: return v->graphics_index;
	case 0x3cf: return v->graphics[v->graphics_index & 15];
	case 0x3b4: case 0x3d4: return v->crtc_index;
	case 0x3b5: case 0x3d5: return v->crtc_index < 32 ? v->crtc[v->crtc_index] : 0;
	case 0x3ba: case 0x3da:
		v->attribute_data = false;
		return retrace(v);
	default: return 0;
	}
}

static void attribute_write(struct vga *v, uint8_t value)
{
	if (!v->attribute_data) {
		v->attribute_index = value & 0x3f;
	} else {
		static const uint8_t mask[5] = {0xef, 0xff, 0x3f, 0x0f, 0x0f}; /* 10h to 14h */
		unsigned n = v->attribute_index & 31;
		if (n < 16)
			v->attribute[n] = value & 0x3f;
		else if (n < 21)
			v->attribute[n] = value & mask[n - 16];
		v->redraw = true;
	}
	v->attribute_data = !v->attribute_data;
}

static void dac_data(struct vga *v, uint8_t value)
{
	v->dac_cache[v->dac_sub] = value;
	if (++v->dac_sub < 3)
		return;
	memcpy(&v->palette[v->dac_write * 3], v->dac_cache, 3);
	v->dac_sub = 0;
	v->dac_write++;
	v->redraw = true;
}

static void crtc_write(struct vga *v, uint8_t value)
{
	unsigned n = v->crtc_index;
	if (n >= 32)
		return;
	if (n <= 7 && v->crtc[0x11] & 0x80) { /* 0 to 7 are protected; but the line compare bit of 7 is not */
		if (n == 7)
			v->crtc[7] = (uint8_t)((v->crtc[7] & ~0x10u) | (value & 0x10));
		return;
	}
	if (v->crtc[n] != value && (n < 0x0a || n > 0x0f))
		v->redraw = true;
	v->crtc[n] = value;
}

void vga_port_write(struct vga *v, unsigned offset, uint8_t value)
{
	unsigned port = 0x3b0 + offset, n;
	if ((port >= 0x3b0 && port <= 0x3bf && colour(v)) || (port >= 0x3d0 && port <= 0x3df && !colour(v)))
		return;
	switch (port) {
	case 0x3c0: attribute_write(v, value); break;
	case 0x3c2: v->misc = value & (uint8_t)~0x10u; break;
	case 0x3c4: v->sequencer_index = value & 7; break;
	case 0x3c5:
		n = v->sequencer_index;
		if (n == SEQ_CLOCKING && (v->sequencer[n] ^ value) & 0x29)
			v->redraw = true;
		if (n == 3)
			v->redraw = true; /* other fonts */
		v->sequencer[n] = value & sequencer_mask[n];
		window_update(v);
		break;
	case 0x3c6: v->dac_mask = value; v->redraw = true; break;
	case 0x3c7:
		v->dac_read = value;
		v->dac_sub = 0;
		v->dac_state = 3;
		break;
	case 0x3c8:
		v->dac_write = value;
		v->dac_sub = 0;
		v->dac_state = 0;
		break;
	case 0x3c9: dac_data(v, value); break;
	case 0x3ba: case 0x3da: v->feature = value & 0x10; break;
	case 0x3ce: v->graphics_index = value & 15; break;
	case 0x3cf:
		n = v->graphics_index;
		if (v->graphics[n] != (value & graphics_mask[n]) && (n == GR_MODE || n == GR_MISC))
			v->redraw = true;
		v->graphics[n] = value & graphics_mask[n];
		window_update(v);
		break;
	case 0x3b4: case 0x3d4: v->crtc_index = value; break;
	case 0x3b5: case 0x3d5: crtc_write(v, value); break;
	default: break;
	}
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return vga_port_read(opaque, (unsigned)offset);
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)size;
	vga_port_write(opaque, (unsigned)offset, (uint8_t)value);
}

const struct region_ops vga_port_ops = {.read = port_read, .write = port_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1,
					.unaligned = true};

/* ---- life ---- */

int vga_init(struct vga *v, struct device *dev, unsigned vram_mb, struct region *bus_memory, struct err *e)
{
	struct machine *m = dev->machine;
	uint32_t mb = 1;
	while (mb < vram_mb && mb < 512)
		mb *= 2;
	v->dev = dev;
	v->vram_size = mb << 20;
	v->vram = region_new_ram(m, "vga.vram", v->vram_size, e);
	if (!v->vram)
		return -e->code;
	v->window = region_new_io(m, "vga-lowmem", WINDOW_SIZE, &window_ops, v);
	v->direct = region_new_alias(m, "vga.chain4", v->vram, 0, 0x10000);
	v->display = display_new(dev, dev->id ? dev->id : dev->type->name, &vga_display_ops, v, e);
	if (!v->window || !v->direct || !v->display) {
		vga_free(v);
		return err_set(e, ENOMEM, "%s: out of memory", dev->type->name);
	}
	region_dirty_log(v->vram, DIRTY_DISPLAY, true);
	region_enable(v->direct, false);
	if (bus_memory) { /* else a second card, which has its frame buffer alone */
		region_add(bus_memory, WINDOW_AT, v->window, 1);
		region_add(bus_memory, WINDOW_AT, v->direct, 2);
	}
	return 0;
}

void vga_free(struct vga *v)
{
	struct region *all[] = {v->direct, v->window, v->vram};
	if (v->display)
		display_free(v->display);
	for (unsigned i = 0; i < 3; i++)
		if (all[i]) {
			region_remove(all[i]);
			region_free(all[i]);
		}
	v->direct = v->window = v->vram = NULL;
	v->display = NULL;
	free(v->dirty_rows);
	v->dirty_rows = NULL;
}

void vga_reset(struct vga *v)
{
	v->misc = v->feature = 0;
	v->sequencer_index = v->graphics_index = v->crtc_index = v->attribute_index = 0;
	memset(v->sequencer, 0, sizeof v->sequencer);
	memset(v->graphics, 0, sizeof v->graphics);
	memset(v->crtc, 0, sizeof v->crtc);
	memset(v->attribute, 0, sizeof v->attribute);
	memset(v->palette, 0, sizeof v->palette);
	memset(v->latch, 0, sizeof v->latch);
	memset(v->vbe, 0, sizeof v->vbe);
	v->vbe[VBE_ID] = VBE_ID_LAST;
	v->vbe_index = 0;
	v->attribute_data = false;
	v->dac_mask = 0xff;
	v->dac_read = v->dac_write = v->dac_sub = v->dac_state = 0;
	v->redraw = true;
	window_update(v);
}

const struct field vga_fields[] = {
	F_UINT(struct vga, misc), F_UINT(struct vga, feature), F_UINT(struct vga, sequencer_index), F_UINT(struct vga, graphics_index),
	F_UINT(struct vga, crtc_index), F_UINT(struct vga, attribute_index), F_UINTS(struct vga, sequencer), F_UINTS(struct vga, graphics),
	F_UINTS(struct vga, crtc), F_UINTS(struct vga, attribute), F_BOOL(struct vga, attribute_data), F_BYTES(struct vga, palette),
	F_UINT(struct vga, dac_mask), F_UINT(struct vga, dac_read), F_UINT(struct vga, dac_write), F_UINT(struct vga, dac_sub),
	F_UINT(struct vga, dac_state), F_UINTS(struct vga, dac_cache), F_UINTS(struct vga, latch), F_UINT(struct vga, vbe_index),
	F_UINTS(struct vga, vbe), F_END,
};

int vga_loaded(struct vga *v, struct err *e)
{
	if (v->dac_sub > 2 || v->sequencer_index > 7 || v->graphics_index > 15)
		return err_set(e, EINVAL, "%s: an index register of the saved state is out of range", v->dev->type->name);
	if (vbe_on(v)) {
		if ((uint32_t)v->vbe[VBE_BANK] << 16 >= v->vram_size)
			return err_set(e, EINVAL, "%s: the saved bank %u lies beyond video memory", v->dev->type->name, v->vbe[VBE_BANK]);
		vbe_fit(v);
	}
	/* Bits that registers do not have would be used as indices. */
	for (unsigned n = 0; n < sizeof v->sequencer; n++)
		v->sequencer[n] &= sequencer_mask[n];
	for (unsigned n = 0; n < sizeof v->graphics; n++)
		v->graphics[n] &= graphics_mask[n];
	v->redraw = true;
	window_update(v);
	return 0;
}
