/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine with the functions that a PC has on PCI – IDE, graphics, virtio of all kinds, bridges, power management, the test devices – driven by the input:
 * configuration space, BARs, ports, rings and tables in memory, disks that fail, media that change, time. Nothing may crash, hang or leak; at the end the state
 * of one device must go round.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../../cmd/emu-cpu/display.h"
#include "../../cmd/emu-cpu/display-internal.h"
#include "../../cmd/emu-cpu/plugs.h"
#include "../unit/dev-drive.h"
#include "../unit/dev-virtio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

enum { FUNCTIONS = 16, BARS_AT = 0x80000000, BAR_STEP = 0x01000000, IO_AT = 0x6000, IO_STEP = 0x100, SCRATCH = 0x100000, RINGS_AT = 0x10000 };
enum { DISK_SIZE = 1 << 20, CD_SIZE = 64 * 2048 };

static struct machine *m;
static struct pci_device *function[FUNCTIONS];
static unsigned functions;
static struct drive drive[6];

struct input { const uint8_t *p, *end; };
static uint8_t u8(struct input *i) { return i->p < i->end ? *i->p++ : 0; }
static uint16_t u16(struct input *i) { uint16_t v = u8(i); return (uint16_t)(v | u8(i) << 8); }
static uint32_t u32(struct input *i) { uint32_t v = u16(i); return v | (uint32_t)u16(i) << 16; }

static struct device *make(const char *type, const char *options, struct drive *with)
{
	struct err e = ERR_INIT;
	struct device *d;

	if (!with) {
		d = test_device(m, type, options);
	} else {
		d = device_new(m, type, NULL, &e);
		if (!d)
			abort();
		device_set_ptr(d, "drive", with);
		if (options && device_set(d, "scsi-id", options, &e) < 0)
			abort();
		if (device_realize(d, &e) < 0)
			abort();
		if (d->type->reset)
			d->type->reset(d);
	}
	if (!strcmp(d->type->bus, "PCI") && functions < FUNCTIONS)
		function[functions++] = pci_device(d);
	return d;
}

/* BARs at places that the input's operations know. */
static void set_bars(unsigned n)
{
	struct pci_device *d = function[n];
	struct pci_bus *b = pci_bus_of(d);

	for (unsigned i = 0; i < 6; i++) {
		uint32_t old = pci_config_read(b, 0, d->devfn, 0x10 + 4 * i, 4);
		pci_config_write(b, 0, d->devfn, 0x10 + 4 * i, old & 1 ? IO_AT + n * IO_STEP + i * 0x20 : BARS_AT + n * BAR_STEP + (i % 5) * 0x200000, 4);
		if ((old & 7) == 4)
			pci_config_write(b, 0, d->devfn, 0x14 + 4 * i++, 0, 4);
	}
	pci_config_write(b, 0, d->devfn, 4, 7, 2);
}

/* A virtio function whose driver has done what a driver does first: rings 0 to 3 are at RINGS_AT. */
static void set_rings(unsigned n, uint8_t features)
{
	struct vdriver v;
	struct vring r;

	if (pci_config_read(pci_bus_of(function[n]), 0, function[n]->devfn, 0, 2) != 0x1af4)
		return;
	v_begin(&v, m, &function[n]->dev, BARS_AT + n * BAR_STEP + 4 * 0x200000, features & 1 ? UINT64_MAX : 0xff);
	for (unsigned i = 0; i < 4; i++)
		v_ring(&r, &v, i, features & 2 ? 8 : 64, RINGS_AT + n * 0x10000 + i * 0x4000);
	v_go(&v);
}

/* A chain of up to five pieces, first those that the device reads; its contents were put into SCRATCH by other operations. */
static void add_chain(struct input *in, unsigned n, unsigned ring)
{
	unsigned size = 64, count = u8(in) % 5 + 1;
	uint64_t at = RINGS_AT + n * 0x10000 + ring * 0x4000, avail = at + 16 * size;
	uint16_t index = space_le16(m->memory, avail + 2), head = u8(in) % size;

	for (unsigned i = 0; i < count; i++) {
		unsigned d = (head + i) % size;
		uint8_t kind = u8(in);
		space_st_le64(m->memory, at + 16 * d, kind & 0x40 ? u32(in) : (uint32_t)SCRATCH + u16(in));
		space_st_le32(m->memory, at + 16 * d + 8, kind & 0x20 ? u16(in) : kind & 0x10 ? 4096 : kind % 16 * 8 + (kind & 0x80 ? 3 : 0));
		space_st_le16(m->memory, at + 16 * d + 12, (uint16_t)((i + 1 < count ? 1 : 0) | (kind & 1 ? 2 : 0) | ((kind & 0x7f) == 0x7e ? 4 : 0)));
		space_st_le16(m->memory, at + 16 * d + 14, (uint16_t)((d + 1) % size));
	}
	space_st_le16(m->memory, avail + 4 + 2 * (index % size), head);
	space_st_le16(m->memory, avail + 2, (uint16_t)(index + 1));
	space_store(m->memory, BARS_AT + n * BAR_STEP + 4 * 0x200000 + 0x3000 + 4 * ring, ring, 2, NULL);
}

static void run_drives(void)
{
	for (unsigned i = 0; i < 6; i++)
		drive_run(&drive[i]);
}

/* An ATA command of the first or second channel, with the task file that commands want. */
static void ata(struct input *in, unsigned channel)
{
	uint16_t base = channel ? 0x170 : 0x1f0;
	uint8_t unit = u8(in);

	test_outb(m, (uint16_t)(base + 6), (uint8_t)(0xe0 | (unit & 0x1f)));
	for (unsigned i = 1; i < 6; i++)
		test_outb(m, (uint16_t)(base + i), u8(in));
	test_outb(m, (uint16_t)(base + 7), u8(in));
}

static void packet(struct input *in, unsigned channel)
{
	uint16_t base = channel ? 0x170 : 0x1f0;

	test_outb(m, (uint16_t)(base + 6), 0xb0);
	test_outb(m, (uint16_t)(base + 1), u8(in) & 1);
	test_outb(m, (uint16_t)(base + 4), u8(in));
	test_outb(m, (uint16_t)(base + 5), u8(in));
	test_outb(m, (uint16_t)(base + 7), 0xa0);
	for (unsigned i = 0; i < 6; i++)
		test_outw(m, base, u16(in));
}

static void build(int fd[2])
{
	struct err e = ERR_INIT;
	char text[32];

	m = machine_new_test();
	snprintf(text, sizeof text, "fd=%d,id=c0", fd[0]);
	if (serial_add(m, "chardev", text, &e) < 0)
		abort();
	for (unsigned i = 0; i < 6; i++) {
		memset(&drive[i], 0, sizeof drive[i]);
		drive[i].info.removable = drive[i].info.cdrom = i & 1;
		drive[i].info.readonly = i & 1;
		drive[i].info.discard = drive[i].info.zeroes = true;
		drive_insert(&drive[i], i & 1 ? CD_SIZE : DISK_SIZE);
	}
	functions = 0;
	make("VGA", "vgamem_mb=1,romfile=", NULL);
	make("piix3-ide", NULL, NULL);
	make("ide-hd", NULL, &drive[0]);
	make("ide-cd", NULL, &drive[1]);
	make("virtio-blk-pci", NULL, &drive[2]);
	make("virtio-scsi-pci", NULL, NULL);
	make("scsi-hd", "0", &drive[4]);
	make("scsi-cd", "1", &drive[3]);
	make("virtio-rng-pci", "max-bytes=4096,period=10", NULL);
	make("virtio-balloon-pci", "deflate-on-oom=on,guest-stats-polling-interval=1", NULL);
	make("virtio-serial-pci", "max_ports=4", NULL);
	make("virtconsole", "chardev=c0", NULL);
	make("virtserialport", "name=org.test.port", NULL);
	make("edu", NULL, NULL);
	make("pci-testdev", NULL, NULL);
	make("i6300esb", NULL, NULL);
	make("secondary-vga", "vgamem_mb=1", NULL);
	for (unsigned n = 0; n < functions; n++)
		set_bars(n);
}

static void step(struct input *in)
{
	uint8_t op = u8(in), k = u8(in);
	unsigned n = k % functions;
	struct pci_bus *b = pci_bus_of(function[n]);
	enum mem_result r;
	uint64_t at;

	switch (op & 15) {
	case 0:
		pci_config_write(b, 0, function[n]->devfn, u8(in) & ~3u, u32(in), 4);
		break;
	case 1:
		pci_config_read(b, 0, function[n]->devfn, u8(in) & ~3u, 4);
		break;
	case 2:
	case 3: /* a memory BAR */
		at = BARS_AT + n * BAR_STEP + (op >> 4) % 5 * 0x200000 + (k & 0x80 ? u16(in) : u8(in));
		if (op & 1)
			space_load(m->memory, at, 1u << (op >> 5 & 3), &r);
		else
			space_store(m->memory, at, u32(in), 1u << (op >> 5 & 3), &r);
		break;
	case 4:
	case 5: /* an I/O BAR */
		at = IO_AT + n * IO_STEP + u8(in);
		if (op & 1)
			space_load(m->ports, at, 1u << (op >> 4 & 3) % 3, &r);
		else
			space_store(m->ports, at, u32(in), 1u << (op >> 4 & 3) % 3, &r);
		break;
	case 6: /* a port of old */
		at = op & 0x10 ? 0x3b0 + k % 0x30 : op & 0x20 ? 0x1f0 + k % 8 : op & 0x40 ? 0x170 + k % 8 : 0x1ce + k % 3;
		if (op & 0x80)
			space_load(m->ports, at, k & 0x80 ? 2 : 1, &r);
		else
			space_store(m->ports, at, u16(in), k & 0x80 ? 2 : 1, &r);
		break;
	case 7: /* VGA's window */
		at = 0xa0000 + u16(in) + (op & 0x10 ? 0x10000 : 0);
		if (op & 0x20)
			space_load(m->memory, at, 1, &r);
		else
			space_store(m->memory, at, u8(in), 1, &r);
		break;
	case 8:
		set_rings(n, op >> 4);
		break;
	case 9:
	case 10:
		add_chain(in, n, op >> 4 & 3);
		break;
	case 11:
		for (unsigned i = 0; i < (op >> 4) + 1u; i++)
			space_st_le32(m->memory, SCRATCH + (op & 0x80 ? u16(in) & ~3u : k * 4u) + 4 * i, u32(in));
		break;
	case 12:
		if (op & 0x10)
			packet(in, k & 1);
		else
			ata(in, k & 1);
		break;
	case 13:
		for (unsigned i = 0; i < 6; i++)
			drive[i].fail = op & 0x10 && k >> i & 1 ? EIO : 0;
		run_drives();
		if (op & 0x20)
			drive_insert(&drive[1 + 2 * (k % 3)], op & 0x40 ? 0 : CD_SIZE);
		break;
	case 14:
		if (op & 0x10)
			clock_step(m, (uint64_t)k << 20);
		for (struct display *d = m->displays; d; d = d->next) {
			uint16_t cells[64];
			struct display_text_info info;
			d->ops->refresh(d->opaque);
			d->ops->text(d->opaque, cells, 64, &info);
		}
		break;
	default:
		test_turn(m);
		if (op & 0x10)
			set_bars(n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		abort();
	build(fd);
	for (unsigned budget = 0; in.p < in.end && budget < 2000; budget++)
		step(&in);
	run_drives();
	struct device *d = &function[(size ? data[size - 1] : 0) % functions]->dev;
	const char *why = test_round_trip(d, NULL);
	if (*why) {
		fprintf(stderr, "%s: %s\n", d->type->name, why);
		abort();
	}
	for (unsigned i = 0; i < 6; i++)
		drive[i].fail = 0;
	run_drives();
	machine_free_test(m);
	close(fd[1]);
	for (unsigned i = 0; i < 6; i++)
		free(drive[i].data);
	return 0;
}
