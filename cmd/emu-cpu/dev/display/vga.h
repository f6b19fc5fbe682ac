/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IBM VGA with the Bochs VBE extension, as cards embed it (vga-pci.c, isa-vga.c).
 *
 * Video memory is kept as doublewords of the four planes: byte n of plane p is at 4 n + p. Chained (256 colours, and all VBE modes) addressing
 * is then linear, odd/even addressing goes two bytes a doubleword. What the CRTC's word and doubleword modes shift on the real chip is the same
 * shift that these addressing modes do, so both are left out.
 */
#ifndef EMU_CPU_VGA_H
#define EMU_CPU_VGA_H
#include "../../device.h"
#include "../../display.h"

enum { VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP, VBE_ENABLE, VBE_BANK, VBE_VIRT_WIDTH, VBE_VIRT_HEIGHT, VBE_X_OFFSET, VBE_Y_OFFSET, VBE_MEMORY, VBE_REGS };
enum { VBE_ENABLED = 1, VBE_GETCAPS = 2, VBE_8BIT_DAC = 0x20, VBE_LFB = 0x40, VBE_NOCLEAR = 0x80 };

struct vga {
	struct device *dev;
	struct display *display;
	struct region *vram;        /* RAM */
	uint32_t vram_size;         /* bytes, a power of two */
	struct region *window;      /* registers at 0xa0000, 128 KiB */
	struct region *direct;      /* alias of vram over the window while addressing is linear */
	uint8_t misc, feature, sequencer_index, graphics_index, crtc_index, attribute_index;
	uint8_t sequencer[8], graphics[16], crtc[32], attribute[32];
	bool attribute_data;        /* flip-flop of 3c0: the next write is data */
	uint8_t palette[768], dac_mask, dac_read, dac_write, dac_sub, dac_state, dac_cache[3];
	uint8_t latch[4];
	uint16_t vbe_index, vbe[VBE_REGS];
	uint32_t direct_at;         /* what `direct` shows */
	bool direct_on;
	/* drawing */
	bool redraw;                /* everything: mode, palette or font changed */
	unsigned width, height;     /* of the surface */
	bool blink_on, was_blank;
	uint16_t cells[256 * 128];  /* text as drawn */
	uint32_t last_start;        /* graphics: of the frame; text: the cursor's cell */
	uint8_t *dirty_rows;        /* scratch of drawing */
};

/* bus_memory: where the window at 0xa0000 is, NULL: nowhere. */
int vga_init(struct vga *v, struct device *dev, unsigned vram_mb, struct region *bus_memory, struct err *e);
void vga_free(struct vga *v);
void vga_reset(struct vga *v);
int vga_loaded(struct vga *v, struct err *e);
extern const struct field vga_fields[];

/* Port 0x3b0 + offset (0..0x2f). */
uint8_t vga_port_read(struct vga *v, unsigned offset);
void vga_port_write(struct vga *v, unsigned offset, uint8_t value);
uint16_t vga_vbe_read(struct vga *v);                   /* the register that vbe_index names */
void vga_vbe_write(struct vga *v, uint16_t value);
extern const struct region_ops vga_port_ops, vga_vbe_ops; /* opaque: the vga; 0x3b0..0x3df and 0x1ce..0x1d0 */

/* vga-draw.c: display_ops of all VGA cards. */
extern const struct display_ops vga_display_ops;
#endif
