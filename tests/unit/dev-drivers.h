/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What drivers do with devices, and what comes to devices from outside: the operations of dev-bench.h that are a device's own. */
#ifndef TESTS_DEV_DRIVERS_H
#define TESTS_DEV_DRIVERS_H
#include "dev-bench.h"

/* ---- what drivers do ---- */

static void put_value(struct bench *b, uint64_t at, uint64_t v, unsigned size)
{
	space_store(b->m->memory, at, v, size, NULL);
}

static void pokes(struct bench *b, struct input *in, uint64_t at, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		put_value(b, at + 4 * i, u32(in), 4);
}

static void mm_set(struct bench *b, unsigned at, uint32_t v) { put_value(b, b->virtio_at + at, v, 4); }

static void virtio_rings(struct bench *b, struct input *in)
{
	uint8_t how = u8(in);

	b->ring_size = how & 2 ? 8 : 64;
	if (b->transport == VIRTIO_PCI_MODERN) {
		struct vdriver v;
		struct vring r;
		v_begin(&v, b->m, &b->function[0]->dev, b->virtio_at, how & 1 ? UINT64_MAX : how & 4 ? u32(in) : 0xff);
		for (unsigned i = 0; i < QUEUES; i++)
			v_ring(&r, &v, i, b->ring_size, RINGS_AT + i * RING_STEP);
		v_go(&v);
		return;
	}
	uint8_t zero[0x3000] = {0};
	for (unsigned s = 0; s < 3; s++)
		mm_set(b, 0x70, s == 2 ? 3 : s);
	for (unsigned i = 0; i < 2; i++) {
		mm_set(b, 0x14, i);
		uint32_t offered = (uint32_t)space_load(b->m->memory, b->virtio_at + 0x10, 4, NULL);
		mm_set(b, 0x24, i);
		mm_set(b, 0x20, how & 1 ? offered : offered & (i ? 1 : 0xff));
	}
	mm_set(b, 0x70, 11);
	mm_set(b, 0x28, 4096);
	for (unsigned i = 0; i < QUEUES; i++) {
		uint64_t at = RINGS_AT + i * RING_STEP;
		space_write(b->m->memory, at, zero, sizeof zero);
		mm_set(b, 0x30, i);
		mm_set(b, 0x38, b->ring_size);
		mm_set(b, 0x3c, 4096);
		mm_set(b, 0x40, (uint32_t)(at / 4096));
		mm_set(b, 0x80, (uint32_t)at);
		mm_set(b, 0x90, (uint32_t)at + 16 * b->ring_size);
		mm_set(b, 0xa0, (uint32_t)((at + 18 * b->ring_size + 6 + 4095) & ~4095ull));
		mm_set(b, 0x44, 1);
	}
	mm_set(b, 0x70, 15);
}

/* A chain of up to six pieces: a request's header, then pieces of either direction, some of them mad. */
static void virtio_chain(struct bench *b, struct input *in)
{
	struct space *s = b->m->memory;
	unsigned size = b->ring_size, ring = u8(in) % QUEUES, count = u8(in) % 6 + 1, n = 0;
	uint64_t at = RINGS_AT + ring * RING_STEP, avail = at + 16 * size;
	uint16_t index = space_le16(s, avail + 2), head = u8(in) % size;
	uint8_t header[96] = {0};

	if (b->row->header) {
		n = b->row->header(in, header);
		space_write(s, SCRATCH, header, n);
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned d = (head + i) % size;
		uint8_t kind = u8(in);
		bool first = !i && n, writes = !first && (kind & 1 || i + 1 == count);
		uint64_t where = first ? SCRATCH : (kind & 0x7c) == 0x7c ? u32(in) : SCRATCH + 0x1000ull * (i + 1) + (kind & 0x80 ? u8(in) : 0);
		uint32_t length = first ? n : kind & 0x40 ? u16(in) : kind & 0x20 ? 4096 : (kind >> 1 & 15u) * 8 + (kind & 0x80 ? 3 : 0);
		space_st_le64(s, at + 16 * d, where);
		space_st_le32(s, at + 16 * d + 8, i + 1 == count && !(kind & 6) ? 1 : length);
		space_st_le16(s, at + 16 * d + 12, (uint16_t)((i + 1 < count ? 1 : 0) | (writes ? 2 : 0) | (kind == 0x7e ? 4 : 0)));
		space_st_le16(s, at + 16 * d + 14, (uint16_t)((d + 1) % size));
	}
	space_st_le16(s, avail + 4 + 2 * (index % size), head);
	space_st_le16(s, avail + 2, (uint16_t)(index + 1));
	if (b->transport == VIRTIO_PCI_MODERN)
		put_value(b, b->virtio_at + 0x3000 + 4 * ring, ring, 2);
	else
		mm_set(b, 0x50, ring);
}

static void drive_virtio(struct bench *b, struct input *in)
{
	if (!b->ring_size || !(u8(in) & 31))
		virtio_rings(b, in);
	virtio_chain(b, in);
}

static unsigned header_blk(struct input *in, uint8_t *p)
{
	static const uint8_t types[] = {0, 1, 0, 1, 4, 8, 11, 13};
	uint8_t k = u8(in);
	p[0] = k & 0x80 ? k & 0x1f : types[k % 8];
	virtio_put64(p + 8, k & 0x40 ? (uint64_t)u32(in) << 20 : u16(in) % (DISK_SIZE / 512 + 8));
	return 16;
}

/* A command descriptor block that units know, or any. */
static void put_cdb(struct input *in, uint8_t *p)
{
	static const uint8_t known[] = {0x00, 0x03, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2a, 0x2e, 0x2f, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x55, 0x5a, 0x88,
					0x8a, 0x8f, 0x91, 0x93, 0x9e, 0xa0, 0xa8, 0xaa, 0xad, 0xbd, 0xbe};
	uint8_t k = u8(in);
	p[0] = k & 0x80 ? u8(in) : known[k % sizeof known];
	p[1] = u8(in) & 0x1f;
	for (unsigned i = 2; i < 12; i++)
		p[i] = k & 0x40 ? u8(in) : i == 5 || i == 8 || i == 4 ? u8(in) : 0;
}

static unsigned header_scsi(struct input *in, uint8_t *p)
{
	p[0] = 1;
	p[1] = u8(in) & 1;
	p[2] = 0x40;
	p[3] = !(u8(in) & 15);
	put_cdb(in, p + 19);
	return 51;
}

static unsigned header_net(struct input *in, uint8_t *p)
{
	struct frame_header h = {.flags = u8(in) & 1, .gso_type = u8(in) & 0x85, .hdr_len = u8(in), .gso_size = u16(in) & 0xfff, .csum_start = u8(in) & 63,
				 .csum_offset = u8(in) & 31};
	if (u8(in) & 1) { /* the control queue: class, command, values */
		p[0] = h.gso_type & 7;
		p[1] = h.flags;
		for (unsigned i = 2; i < 12; i++)
			p[i] = u8(in);
		return 12;
	}
	frame_header_write(&h, p);
	return 12;
}

static unsigned header_port(struct input *in, uint8_t *p)
{
	p[0] = u8(in) & 3;
	p[4] = u8(in) & 7;
	p[6] = u8(in) & 1;
	return 8;
}

static unsigned header_pages(struct input *in, uint8_t *p)
{
	for (unsigned i = 0; i < 8; i++)
		virtio_put32(p + 4 * i, u16(in) & 0x1fff);
	return 32;
}

static void event_disk(struct bench *b, struct input *in);

/* An ATA command, a packet, or a table of descriptors and the bus master's start; now and then all three. */
static void drive_ide(struct bench *b, struct input *in)
{
	uint8_t how = u8(in), unit = u8(in);
	bool second = how & 1;
	uint16_t base = second ? 0x170 : 0x1f0, master = (uint16_t)((port_at(0, 4)) + (second ? 8 : 0));
	static const uint8_t known[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xec, 0xa1, 0xa0, 0xef, 0xe7, 0xea, 0xb0, 0x40, 0x91,
					0xf8, 0x27, 0x06, 0xe0, 0xe5, 0x08, 0x90, 0xda};
	if (how & 2) {
		for (unsigned i = 0; i < 4; i++) {
			put_value(b, RINGS_AT + 8 * i, how & 0x80 ? u32(in) : SCRATCH + u16(in), 4);
			put_value(b, RINGS_AT + 8 * i + 4, (u16(in) & (how & 0x40 ? 0xffff : 0x0ffe)) | (i == 3 || how & 0x20 ? 0x80000000u : 0), 4);
		}
		test_outl(b->m, (uint16_t)(master + 4), RINGS_AT);
	}
	test_outb(b->m, (uint16_t)(base + 6), (uint8_t)(0xe0 | (unit & 0x10) | (unit & 0x0f & (how & 4 ? 0xf : 0))));
	if (how & 8) {
		test_outb(b->m, (uint16_t)(base + 1), how & 2 ? 1 : 0);
		test_outb(b->m, (uint16_t)(base + 4), u8(in));
		test_outb(b->m, (uint16_t)(base + 5), u8(in) & 0x1f);
		test_outb(b->m, (uint16_t)(base + 7), 0xa0);
		uint8_t cdb[12];
		put_cdb(in, cdb);
		for (unsigned i = 0; i < 12; i += 2)
			test_outw(b->m, base, (uint16_t)(cdb[i] | cdb[i + 1] << 8));
	} else {
		for (unsigned i = 1; i < 6; i++)
			test_outb(b->m, (uint16_t)(base + i), how & 4 || i < 4 ? u8(in) : 0);
		test_outb(b->m, (uint16_t)(base + 7), unit & 0x80 ? u8(in) : known[unit % sizeof known]);
	}
	if (how & 2)
		test_outb(b->m, master, (uint8_t)(1 | (how & 0x10 ? 8 : 0)));
	if (how & 0x20)
		event_disk(b, in);
}

/* Channel 2 of the DMA controller, and a command to the floppy controller. */
static void drive_fdc(struct bench *b, struct input *in)
{
	uint8_t how = u8(in);
	static const uint8_t known[] = {0x45, 0x46, 0x4c, 0x4d, 0x42, 0x07, 0x08, 0x0f, 0x03, 0x04, 0x4a, 0x0e, 0x10, 0x12, 0x13, 0x14, 0x16, 0x18, 0x34, 0x8e, 0xc5, 0xe6, 0xd1, 0xd9};
	if (how & 1) {
		test_outb(b->m, 0x0a, 6);
		test_outb(b->m, 0x0c, 0);
		test_outb(b->m, 0x04, u8(in));
		test_outb(b->m, 0x04, u8(in));
		test_outb(b->m, 0x81, u8(in) & 0x1f);
		test_outb(b->m, 0x05, u8(in));
		test_outb(b->m, 0x05, how & 0x40 ? u8(in) : 1);
		test_outb(b->m, 0x0b, (uint8_t)((how & 2 ? 0x46 : 0x4a) | (how & 0x10)));
		test_outb(b->m, 0x0a, 2);
	}
	if (how & 4)
		test_outb(b->m, 0x3f2, 0x1c);
	if (how & 8)
		test_outb(b->m, 0x3f5, known[u8(in) % sizeof known]);
	for (unsigned i = 0; i < (how & 0x20 ? 8u : 2u); i++)
		test_outb(b->m, 0x3f5, how & 0x80 ? u8(in) : i == 0 ? 0 : i == 3 ? (uint8_t)(u8(in) % 10) : i == 4 ? 2 : i == 5 ? 9 : u8(in) & 3);
}

static void drive_e1000(struct bench *b, struct input *in)
{
	uint64_t at = bar_at(0, 0);
	uint8_t how = u8(in);
	static uint8_t tail[2];

	if (!(how & 15)) {
		static const uint16_t ring[2] = {0x2800, 0x3800};
		for (unsigned i = 0; i < 2; i++) {
			put_value(b, at + ring[i], RINGS_AT + i * RING_STEP, 4);
			put_value(b, at + ring[i] + 4, 0, 4);
			put_value(b, at + ring[i] + 8, how & 0x10 ? 0x80 : 0x400, 4);
			put_value(b, at + ring[i] + 0x10, 0, 4);
			put_value(b, at + ring[i] + 0x18, 0, 4);
			tail[i] = 0;
		}
		put_value(b, at + 0x400, 0x0a, 4);
		put_value(b, at + 0x100, how & 0x20 ? u32(in) : 0x801a, 4);
		put_value(b, at + 0xd0, 0x1ffff, 4);
		return;
	}
	bool transmit = how & 16;
	for (unsigned i = 0; i < (how >> 5) + 1u; i++) {
		uint64_t d = RINGS_AT + transmit * RING_STEP + 16u * (tail[transmit]++ & 63);
		uint8_t kind = u8(in);
		if (transmit && (kind & 3) == 1) { /* a context: offsets of sums, and how to segment */
			put_value(b, d, (uint64_t)(kind & 0x80 ? u8(in) : 14) | (uint64_t)(kind & 0x80 ? u8(in) : 24) << 8 | 33ull << 16 |
				  (uint64_t)(kind & 0x80 ? u8(in) : 34) << 32 | (uint64_t)(kind & 0x80 ? u8(in) : 50) << 40, 8);
			put_value(b, d + 8, (uint64_t)u16(in) | (uint64_t)(kind & 4 ? 0x27 : 0x25) << 24 | (uint64_t)(u8(in) & 0x7f) << 40 |
				  (uint64_t)(kind & 8 ? u16(in) : 1460) << 48, 8);
			continue;
		}
		put_value(b, d, kind & 0x40 ? u32(in) : SCRATCH + u16(in), 8);
		put_value(b, d + 8, (kind & 0x20 ? u16(in) : u8(in) + 14u) | (uint64_t)(transmit ? (kind & 2 ? 0x10 : 0) | (u8(in) & 0xef) << 4 : 0) << 16 |
			  (uint64_t)u16(in) << 32, 8);
	}
	put_value(b, at + (transmit ? 0x3818 : 0x2818), tail[transmit] & 63, 4);
}

static void drive_edu(struct bench *b, struct input *in)
{
	unsigned f = b->functions - 1;
	uint64_t at = bar_at(f, 0);
	uint8_t how = u8(in);

	put_value(b, at + 0x80, how & 1 ? 0x40000 + u16(in) % 4200 : SCRATCH + u16(in), 8);
	put_value(b, at + 0x88, how & 2 ? SCRATCH + u16(in) : how & 8 ? at + u8(in) : 0x40000 + u16(in) % 4200, 8);
	put_value(b, at + 0x90, how & 4 ? u32(in) : u16(in) & 0xfff, 8);
	put_value(b, at + 0x98, 1 | (how >> 4 & 6), 8);
}

static void drive_fw_cfg(struct bench *b, struct input *in)
{
	uint8_t how = u8(in), be[16];
	uint32_t control = (uint32_t)(u8(in) & 0x3f) << 16 | (u8(in) & 31), size = how & 1 ? u32(in) : u8(in);
	uint64_t to = how & 2 ? u32(in) : SCRATCH + u16(in);

	control |= (how & 4 ? 0x20u + (how >> 6) : how >> 4) << 16;
	for (unsigned i = 0; i < 4; i++) {
		be[i] = (uint8_t)(control >> (24 - 8 * i));
		be[4 + i] = (uint8_t)(size >> (24 - 8 * i));
	}
	for (unsigned i = 0; i < 8; i++)
		be[8 + i] = (uint8_t)(to >> (56 - 8 * i));
	space_write(b->m->memory, RINGS_AT, be, sizeof be);
	if (how & 8)
		test_outl(b->m, 0x514, u8(in) & 1);
	test_outl(b->m, 0x518, __builtin_bswap32(RINGS_AT));
}

static void drive_apic(struct bench *b, struct input *in)
{
	uint8_t op = u8(in), k = u8(in);
	struct apic *a = b->apic[op & 1];
	uint64_t value;

	self = a->vcpu;
	switch (op >> 1 & 7) {
	case 0:
	case 1: apic_msr_write(a, k < 0x40 ? 0x800u + k : 0x6e0, u32(in)); break;
	case 2: apic_set_base(a, 0xfee00000 + (k & 15) * 0x100u + (k >> 4) * 0x1000u); break;
	case 3: apic_msr_read(a, 0x800u + (k & 0x3f), &value); break;
	case 4:
		for (unsigned i = 0; i < 2; i++)
			if (apic_pending(b->apic[i]))
				apic_acknowledge(b->apic[i]);
		break;
	case 5: apic_message(b->m, 0xfee00000ull | u32(in) % 0x100000, u16(in)); break;
	case 6: apic_set_tpr(a, k & 15); break;
	default: apic_nmi(b->m);
	}
}

static void event_lines(struct bench *b, struct input *in)
{
	uint8_t k = u8(in);

	irq_set(k & 0x80 ? &ioapic_inputs(b->made[1])[k % 24] : &i8259_inputs(b->made[0])[k & 15], k & 0x40);
	apic_extint(b->apic[0], i8259_pending(b->made[0]));
	if (k & 0x20)
		i8259_acknowledge(b->made[0]);
}

static void drive_smbus(struct bench *b, struct input *in)
{
	uint8_t how = u8(in);

	test_outb(b->m, 0xb104, (uint8_t)(how & 0x80 ? u8(in) : 0xa0 | (how & 1)));
	test_outb(b->m, 0xb103, u8(in));
	test_outb(b->m, 0xb105, how & 0x40 ? u8(in) : how & 31);
	test_outb(b->m, 0xb102, (uint8_t)(0x40 | (u8(in) & 0x1c)));
	for (unsigned i = 0; i < (how >> 4 & 3); i++)
		test_inb(b->m, 0xb107);
	if (how & 8)
		test_outb(b->m, 0xb2, u8(in));
}

static void drive_backdoor(struct bench *b, struct input *in)
{
	static const uint8_t known[] = {0x0a, 0x14, 0x27, 0x28, 0x29, 0x2d, 0x56};
	static const uint32_t words[] = {0x45414552, 0xf5, 0x4c455252, 0x53424152};
	uint8_t how = u8(in);
	uint32_t r[4] = {how == 0xff ? 0 : 0x564d5868, how & 0x80 ? u32(in) : how & 0x40 ? words[how & 3] : how & 7, known[u8(in) % sizeof known], u16(in)};

	vmport_command(b->made[1], r);
}

static void drive_vga(struct bench *b, struct input *in)
{
	uint8_t how = u8(in);

	switch (how & 7) {
	case 0:
	case 1: /* a register of Bochs's extension */
		test_outw(b->m, 0x1ce, how >> 3 & 15);
		test_outw(b->m, 0x1cf, (how >> 3 & 15) == 4 ? u8(in) & 0xe3 : (how >> 3 & 15) == 3 ? u8(in) & 0x3f : u16(in) & 0x7ff);
		break;
	case 2:
	case 3:
		test_outb(b->m, 0x3d4, how >> 3);
		test_outb(b->m, 0x3d5, u8(in));
		break;
	case 4:
		test_outb(b->m, 0x3c4, how >> 3 & 7);
		test_outb(b->m, 0x3c5, u8(in));
		break;
	case 5:
		test_outb(b->m, 0x3ce, how >> 3 & 15);
		test_outb(b->m, 0x3cf, u8(in));
		break;
	case 6:
		test_inb(b->m, 0x3da);
		test_outb(b->m, 0x3c0, how >> 3 | 0x20);
		test_outb(b->m, 0x3c0, u8(in));
		break;
	default:
		space_st_le32(b->m->memory, 0xa0000 + u16(in) + (how & 8 ? 0x10000 : 0), u32(in));
	}
}

static void drive_flash(struct bench *b, struct input *in)
{
	static const uint8_t intel[] = {0xff, 0x70, 0x50, 0x90, 0x98, 0x40, 0x10, 0x20, 0xe8, 0x60, 0xb0, 0xd0};
	static const uint8_t amd[] = {0xf0, 0x90, 0xa0, 0x80, 0x20, 0x98, 0x30, 0x10, 0x25, 0x29};
	uint8_t how = u8(in);
	uint64_t at = 0xffe00000 + u16(in) % FLASH_SIZE;

	if (strstr(b->row->type, "02")) {
		put_value(b, 0xffe00555, 0xaa, 1);
		put_value(b, 0xffe002aa, 0x55, 1);
		put_value(b, how & 1 ? at : 0xffe00555, amd[(how >> 1) % sizeof amd], 1);
		put_value(b, at, u8(in), 1);
	} else {
		put_value(b, at, intel[(how >> 1) % sizeof intel], 1);
		put_value(b, at, how & 1 ? 0xd0 : u8(in), 1);
	}
	if (how & 0x80)
		event_disk(b, in);
}

/* ---- what comes from outside ---- */

static void event_disk(struct bench *b, struct input *in)
{
	uint8_t how = u8(in);

	for (unsigned i = 0; i < 2; i++) {
		struct drive *d = &b->disk[i];
		d->fail = how & 3 ? 0 : how & 4 ? EIO : ENOSPC;
		if (how & 8)
			drive_run(d);
		else if (d->first)
			drive_one(d);
		if (how >= 0xf0 && d->info.removable)
			drive_insert(d, how & 1 ? 0 : d->info.cdrom ? CD_SIZE : FLOPPY_SIZE);
		if (how == 0xe0 && d->events && d->events->eject_request)
			d->events->eject_request(d->opaque, u8(in) & 1);
		if (how == 0xe1 && d->events && d->events->resized && !d->first)
			d->events->resized(d->opaque);
	}
}

static void event_stream(struct bench *b, struct input *in)
{
	struct serial *s = &b->stream;
	uint8_t how = u8(in), data[256];

	if (!s->ops)
		return;
	switch (how & 7) {
	case 0:
		s->blocked = !s->blocked;
		if (!s->blocked && s->ops->writable)
			s->ops->writable(s->opaque);
		return;
	case 1:
		if (s->ops->event)
			s->ops->event(s->opaque, how >> 3 & 1 ? SERIAL_BREAK : how >> 4 & 1 ? SERIAL_OPENED : SERIAL_CLOSED);
		return;
	default:
		break;
	}
	size_t n = s->ops->receive ? s->ops->can_receive ? s->ops->can_receive(s->opaque) : sizeof data : 0;
	if (n > (how >> 3) + 1u)
		n = (how >> 3) + 1u;
	for (size_t i = 0; i < n; i++)
		data[i] = u8(in);
	if (n)
		s->ops->receive(s->opaque, data, n);
}

/* A frame as net.c gives it to a card: with a header that is possible, and within what the card said that it takes. */
static void event_frame(struct bench *b, struct input *in)
{
	struct netdev *n = &b->cable;
	uint8_t how = u8(in), *frame;
	size_t size = how & 0x80 ? u16(in) % (NET_FRAME_MAX - 60) + 14 : 14u + u8(in);
	struct frame_header h = {0};

	if (!n->ops)
		return;
	switch (how & 15) {
	case 0:
		n->down = !n->down;
		if (n->ops->link)
			n->ops->link(n->opaque, !n->down);
		return;
	case 1:
		n->busy = !n->busy;
		if (!n->busy && n->ops->sendable)
			n->ops->sendable(n->opaque);
		return;
	default:
		break;
	}
	frame = calloc(1, size);
	if (!frame)
		return;
	memcpy(frame, how & 0x10 ? "\xff\xff\xff\xff\xff\xff" : how & 0x20 ? "\x01\x00\x5e\x00\x00\x01" : "\x52\x54\x00\x12\x34\x56", 6);
	for (size_t i = 6; i < size && i < 64; i++)
		frame[i] = u8(in);
	memcpy(frame + 12, how & 0x40 ? "\x08\x00" : how & 0x20 ? "\x81\x00" : "\x86\xdd", 2);
	if (how & 8)
		h = (struct frame_header){.flags = u8(in) & 3, .gso_type = u8(in) & 0x85, .hdr_len = u8(in), .gso_size = u16(in), .csum_start = u8(in), .csum_offset = u8(in)};
	if (!frame_header_ok(&h, size) || frame_needs_work(&h, n->offloads))
		h = (struct frame_header){0};
	if (!n->ops->can_receive || n->ops->can_receive(n->opaque))
		n->ops->receive(n->opaque, &h, frame, size);
	if (n->ops->received)
		n->ops->received(n->opaque);
	free(frame);
}

static void event_input(struct bench *b, struct input *in)
{
	uint8_t how = u8(in), k = u8(in);

	switch (how & 7) {
	case 0: input_motion(b->m, (int8_t)k * 3, (int8_t)u8(in)); break;
	case 1: input_wheel(b->m, (int8_t)k); break;
	case 2: input_position(b->m, u16(in), u16(in)); break;
	case 3: input_button(b->m, BTN_LEFT + k % 8u, how & 8); break;
	default: input_key(b->m, k, how & 8);
	}
	if (how & 0x30)
		input_sync(b->m);
}

static void event_screen(struct bench *b, struct input *in)
{
	uint16_t cells[64];
	struct display_text_info info;

	if (u8(in) & 31) /* drawing is dear */
		return;
	for (struct display *d = b->m->displays; d; d = d->next) {
		d->ops->refresh(d->opaque);
		d->ops->text(d->opaque, cells, 64, &info);
	}
}
#endif
