/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An option ROM that shows one screen after the other: each step sets a mode, draws, writes its letter to port 0xe9 and waits for the space bar. What
 * the screens must look like is in tests/glue/cpu-vga.sh. Beyond the standard modes: panning, splits, a second font, blinking colours, mode X,
 * writing modes of the graphics controller, and the linear modes of the Bochs VBE extension.
 */
	.code16
	.globl _start
_start:
	.byte 0x55, 0xaa, 16		/* 8 KiB */
	jmp main

	.macro out8 port, index, value	/* an indexed register */
	mov $\port, %dx
	mov $(\value << 8 | \index), %ax
	out %ax, %dx
	.endm
	.macro vbe index, value
	mov $0x1ce, %dx
	mov $\index, %ax
	out %ax, %dx
	inc %dx
	mov $\value, %ax
	out %ax, %dx
	.endm
	.macro mode n
	mov $\n, %ax
	int $0x10
	cli
	cld
	.endm

main:
	pushaw
	push %ds
	push %es
	push %cs
	pop %ds
	mov $steps, %si
	movb $'a', %bl
1:	lodsw
	test %ax, %ax
	jz 9f
	push %si
	push %bx
	call *%ax
	pop %bx
	pop %si
	cli
	mov $0xe9, %dx
	mov %bl, %al
	out %al, %dx
	inc %bl
	call wait_space
	jmp 1b
9:	mov $0xe9, %dx
	mov $'!', %al
	out %al, %dx
	jmp .

/* The make code of the space bar; everything else is let pass. */
wait_space:
	in $0x64, %al
	test $1, %al
	jz wait_space
	in $0x60, %al
	cmp $0x39, %al
	jne wait_space
	ret

/* CX bytes at ES:0: di * 7 ^ di >> 8, plus DL. */
fill:	xor %di, %di
2:	mov %di, %ax
	imul $7, %ax, %ax
	mov %di, %bx
	xor %bh, %al
	add %dl, %al
	stosb
	loop 2b
	ret

video:	push $0xa000
	pop %es
	ret
text:	push $0xb800
	pop %es
	ret

/* All 256 characters in all colours, over the whole of the 32 KiB; the cursor hidden. */
characters:
	call text
	xor %di, %di
	mov $0x4000, %cx
3:	mov %di, %ax
	shr $1, %ax
	mov %ax, %bx
	shr $3, %bx
	mov %bl, %ah
	stosw
	loop 3b
hide:	mov $1, %ah
	mov $0x2000, %cx
	int $0x10
	cli
	cld
	ret

/* 64 KiB (or what is there of it) of each plane. */
planes:	call video
	mov $1, %ah
	mov $0, %dl
4:	push %ax
	push %dx
	mov $0x3c4, %dx
	mov $2, %al
	out %ax, %dx
	pop %dx
	mov $0x8000, %cx
	push %ax
	call fill
	pop %ax
	pop %ax
	add $0x35, %dl
	shl $1, %ah
	cmp $0x10, %ah
	jne 4b
	out8 0x3c4, 2, 0x0f
	ret

/* ---- text ---- */
blink_off:
	mov $0x1003, %ax	/* bright backgrounds */
	mov $0, %bx
	int $0x10
	cli
	ret
t_80x25:
	mode 3
	call characters
	jmp blink_off
t_40x25:
	mode 1
	call characters
	jmp blink_off
t_80x50:
	mode 3
	mov $0x1112, %ax	/* 8 x 8 characters */
	mov $0, %bx
	int $0x10
	call characters
	jmp blink_off
t_80x28:
	mode 3
	mov $0x1111, %ax	/* 8 x 14 */
	mov $0, %bx
	int $0x10
	call characters
	jmp blink_off
t_mono:
	mode 7
	push $0xb000
	pop %es
	xor %di, %di
	mov $0x1000, %cx
5:	mov %di, %ax
	shr $1, %ax
	mov %ax, %bx
	shr $4, %bx
	mov %bl, %ah
	and $0x7f, %ah
	stosw
	loop 5b
	jmp hide
t_8dots:			/* 8 dots a character */
	mode 3
	call characters
	call blink_off
	mov $0x3c4, %dx
	mov $1, %al
	out %al, %dx
	inc %dx
	in %dx, %al
	or $1, %al
	out %al, %dx
	ret
t_start:			/* the start address, in the middle of a line */
	mode 3
	call characters
	call blink_off
	out8 0x3d4, 0x0c, 1
	out8 0x3d4, 0x0d, 0x23
	ret
t_stride:			/* lines of 100 cells */
	mode 3
	call characters
	call blink_off
	out8 0x3d4, 0x13, 50
	ret
t_split:			/* below line 201 from address 0 again */
	mode 3
	call characters
	call blink_off
	out8 0x3d4, 0x0c, 4
	out8 0x3d4, 0x18, 207
	mov $0x3d4, %dx
	mov $7, %al
	out %al, %dx
	inc %dx
	in %dx, %al
	and $0xef, %al
	out %al, %dx
	dec %dx
	mov $9, %al
	out %al, %dx
	inc %dx
	in %dx, %al
	and $0xbf, %al
	out %al, %dx
	ret
t_fonts:			/* bit 3 of the attribute chooses the font: the second is of 8 x 8 characters */
	mode 3
	mov $0x1102, %ax
	mov $1, %bx
	int $0x10
	mov $0x1103, %ax
	mov $4, %bx
	int $0x10
	call characters
	jmp blink_off
t_colours:			/* another palette: registers of the attribute controller, DAC, DAC mask */
	mode 3
	call characters
	call blink_off
	mov $0x1000, %ax
	mov $0x2a01, %bx
	int $0x10
	cli
	mov $0x3c8, %dx
	mov $0x14, %al
	out %al, %dx
	inc %dx
	mov $0x3f, %al
	out %al, %dx
	mov $0x11, %al
	out %al, %dx
	mov $0x22, %al
	out %al, %dx
	mov $0x3c6, %dx
	mov $0x37, %al
	out %al, %dx
	ret
t_cursor:			/* a cursor of 6 lines on a character, under blanks */
	mode 3
	mov $0x0100, %ax
	mov $0x0409, %cx
	int $0x10
	mov $0x0200, %ax
	mov $0, %bx
	mov $0x0a14, %dx
	int $0x10
	cli
	ret

/* ---- graphics of the standard modes ---- */
g_320x200x4:
	mode 4
	call text
	mov $0x4000, %cx
	mov $0, %dl
	jmp fill
g_640x200x2:
	mode 6
	call text
	mov $0x4000, %cx
	mov $0, %dl
	jmp fill
g_320x200x16:
	mode 0x0d
	jmp planes
g_640x200x16:
	mode 0x0e
	jmp planes
g_640x350x2:
	mode 0x0f
	jmp planes
g_640x350x16:
	mode 0x10
	jmp planes
g_640x480x2:
	mode 0x11
	jmp planes
g_640x480x16:
	mode 0x12
	jmp planes
g_320x200x256:
	mode 0x13
	call video
	mov $0xffff, %cx
	mov $0, %dl
	jmp fill
g_start:			/* start address and pixel panning */
	mode 0x12
	call planes
	out8 0x3d4, 0x0c, 3
	out8 0x3d4, 0x0d, 0x45
	mov $0x3da, %dx
	in %dx, %al
	mov $0x3c0, %dx
	mov $0x33, %al
	out %al, %dx
	mov $5, %al
	out %al, %dx
	ret
g_split:			/* line compare */
	mode 0x12
	call planes
	out8 0x3d4, 0x0c, 0x10
	out8 0x3d4, 0x18, 0x90
	mov $0x3d4, %dx
	mov $7, %al
	out %al, %dx
	inc %dx
	in %dx, %al
	and $0xef, %al
	out %al, %dx
	dec %dx
	mov $9, %al
	out %al, %dx
	inc %dx
	in %dx, %al
	and $0xbf, %al
	out %al, %dx
	ret
g_plane_mask:			/* only planes 0 and 2 are shown */
	mode 0x12
	call planes
	mov $0x3da, %dx
	in %dx, %al
	mov $0x3c0, %dx
	mov $0x32, %al
	out %al, %dx
	mov $5, %al
	out %al, %dx
	ret
g_mode_x:			/* 320 x 240, unchained */
	mode 0x13
	out8 0x3c4, 4, 6
	out8 0x3d4, 0x14, 0
	out8 0x3d4, 0x17, 0xe3
	mov $0x3c2, %dx
	mov $0xe3, %al
	out %al, %dx
	out8 0x3d4, 0x11, 0x2c
	out8 0x3d4, 0x06, 0x0d
	out8 0x3d4, 0x07, 0x3e
	out8 0x3d4, 0x10, 0xea
	out8 0x3d4, 0x11, 0xac
	out8 0x3d4, 0x12, 0xdf
	out8 0x3d4, 0x15, 0xe7
	out8 0x3d4, 0x16, 0x06
	jmp planes
g_write_modes:			/* logical operations, rotation, set/reset, write modes 1 to 3, the bit mask */
	mode 0x12
	call planes
	call video
	out8 0x3ce, 3, 0x0b	/* AND, rotated by 3 */
	mov $0x100, %di
	call touch
	out8 0x3ce, 3, 0x10	/* OR */
	mov $0x900, %di
	call touch
	out8 0x3ce, 3, 0x18	/* XOR */
	out8 0x3ce, 8, 0x3c
	mov $0x1100, %di
	call touch
	out8 0x3ce, 3, 0
	out8 0x3ce, 8, 0xff
	out8 0x3ce, 0, 0x05
	out8 0x3ce, 1, 0x0c
	mov $0x1900, %di
	call touch
	out8 0x3ce, 5, 1
	mov $0x2100, %di
	call touch
	out8 0x3ce, 5, 2
	out8 0x3ce, 8, 0x0f
	mov $0x2900, %di
	call touch
	out8 0x3ce, 5, 3
	out8 0x3ce, 8, 0xff
	mov $0x3100, %di
	call touch
	out8 0x3ce, 5, 8	/* read mode 1: what is green shows as a pattern of its own */
	out8 0x3ce, 2, 2
	out8 0x3ce, 7, 7
	mov $0x3900, %di
	mov $0x400, %cx
7:	mov %es:(%di), %al
	push %ax
	out8 0x3ce, 5, 0
	pop %ax
	mov %al, %es:(%di)
	out8 0x3ce, 5, 8
	inc %di
	loop 7b
	out8 0x3ce, 5, 0
	out8 0x3ce, 1, 0
	ret
touch:	mov $0x400, %cx
6:	mov %es:-0x100(%di), %al	/* fills the latches */
	mov %di, %ax
	stosb
	loop 6b
	ret

/* ---- VBE ---- */
	.macro linear name, bpp, enable=0x41
\name:	mode 3
	vbe 4, 0
	vbe 1, 320
	vbe 2, 200
	vbe 3, \bpp
	vbe 4, \enable
	jmp banks
	.endm
/* Four banks of 64 KiB. */
banks:	call video
	mov $0, %dl
8:	push %dx
	mov %dl, %bl
	xor %bh, %bh
	mov $0x1ce, %dx
	mov $5, %ax
	out %ax, %dx
	inc %dx
	mov %bx, %ax
	out %ax, %dx
	pop %dx
	push %dx
	mov $0xffff, %cx
	call fill
	pop %dx
	inc %dl
	cmp $4, %dl
	jne 8b
	ret
	linear v_8, 8
	linear v_15, 15
	linear v_16, 16
	linear v_24, 24
	linear v_32, 32
v_window:			/* a window of 320 x 200 in 400 x 250 */
	call v_16
	vbe 6, 400
	vbe 8, 37
	vbe 9, 21
	ret
v_8bit_dac:
	call v_8
	vbe 4, 0xe1
	mov $0x3c8, %dx
	xor %al, %al
	out %al, %dx
	inc %dx
	mov $768, %cx
10:	mov %cl, %al
	xor %ch, %al
	out %al, %dx
	loop 10b
	ret
v_4:	mode 3
	vbe 4, 0
	mode 0x12
	vbe 1, 640
	vbe 2, 480
	vbe 3, 4
	vbe 4, 0x41
	jmp planes
v_bios:				/* a mode of the BIOS: 800 x 600 in 256 colours */
	mov $0x4f02, %ax
	mov $0x103, %bx
	int $0x10
	jmp banks

steps:	.word t_80x25, t_40x25, t_80x50, t_80x28, t_mono, t_8dots, t_start, t_stride, t_split, t_fonts, t_colours, t_cursor
	.word g_320x200x4, g_640x200x2, g_320x200x16, g_640x200x16, g_640x350x2, g_640x350x16, g_640x480x2, g_640x480x16, g_320x200x256
	.word g_start, g_split, g_plane_mask, g_mode_x, g_write_modes
	.word v_8, v_15, v_16, v_24, v_32, v_window, v_8bit_dac, v_4, v_bios
	.word 0
	.org 8191
	.byte 0				/* the sum of all bytes is 0: the test sees to that */
