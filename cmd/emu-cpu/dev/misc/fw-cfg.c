/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware configuration device: items by number, files by name, with the DMA interface.
 *
 * Specification: "QEMU Firmware Configuration (fw_cfg) Device", docs/specs/fw_cfg.
 *
 *   510 W16  selector; the read position goes to 0       511 R8  next byte, 0 beyond the end
 *   514 W32  address of a transfer, high half; 518 W32  low half: starts it. Big-endian both; 514 R64 "QEMU CFG"
 *   items: 0000 "QEMU", 0001 features (bit 0 traditional, bit 1 DMA), 0019 directory, from 0020 the files in order of their names
 *
 * The contents are the board's, made again by every machine that is built alike; saved state holds the position only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../machine.h"
#include "../../x86-parts.h"

enum { KEY_SIGNATURE, KEY_ID, KEY_DIR = 0x19, KEY_FIRST_FILE = 0x20, KEY_ARCH = 0x8000, KEY_NONE = 0xffff };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };
#define FILES 1024
#define NAME_MAX_ 56
#define CHUNK 4096u
static const char dma_signature[8] = "QEMU CFG";

struct item {
	uint8_t *data;   /* ours, unless written is set */
	size_t size;
	void (*written)(void *opaque, size_t at, size_t n);
	void *opaque;
	void (*selected)(void *opaque); /* before it is read */
	void *selected_opaque;
};

struct file {
	char name[NAME_MAX_];
	struct item item;
};

struct fw_cfg {
	struct device dev;
	struct item generic[2][KEY_FIRST_FILE]; /* by number; [1]: those of the architecture (0x8000) */
	struct file *file;
	unsigned files;
	struct item dir;
	uint16_t key;
	uint32_t at;
	uint64_t dma;          /* address as far as it has been written */
	struct region *ports, *dma_ports;
};
static const struct device_type fw_cfg_type;

static struct fw_cfg *fw_cfg_of(struct machine *m)
{
	for (struct device *d = m->system_bus ? m->system_bus->children : NULL; d; d = d->next)
		if (d->type == &fw_cfg_type)
			return (struct fw_cfg *)d;
	return NULL;
}

static void put_be(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * (n - 1 - i));
}

static uint64_t get_be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* ---- contents --------------------------------------------------------------------------------------------------------- */
static void item_set(struct item *i, const void *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return;
	memcpy(copy, data, size);
	if (!i->written)
		free(i->data);
	*i = (struct item){.data = copy, .size = size};
}

void fw_cfg_add_bytes(struct machine *m, uint16_t key, const void *data, size_t size)
{
	struct fw_cfg *s = fw_cfg_of(m);
	unsigned n = key & 0x3fff;

	if (s && n < KEY_FIRST_FILE && n != KEY_DIR)
		item_set(&s->generic[!!(key & KEY_ARCH)][n], data, size);
}

void fw_cfg_add_u16(struct machine *m, uint16_t key, uint16_t v)
{
	fw_cfg_add_bytes(m, key, (uint8_t[]){(uint8_t)v, (uint8_t)(v >> 8)}, 2);
}

void fw_cfg_add_u32(struct machine *m, uint16_t key, uint32_t v)
{
	uint8_t b[4];

	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	fw_cfg_add_bytes(m, key, b, 4);
}

void fw_cfg_add_u64(struct machine *m, uint16_t key, uint64_t v)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	fw_cfg_add_bytes(m, key, b, 8);
}

/* A new file in its place by name. */
static struct file *file_add(struct machine *m, const char *name, size_t size, struct err *e)
{
	struct fw_cfg *s = fw_cfg_of(m);
	unsigned at;

	if (!s) {
		err_set(e, ENODEV, "fw_cfg file %s: this machine has no fw_cfg device", name);
		return NULL;
	}
	if (!name[0] || strlen(name) >= NAME_MAX_) {
		err_set(e, ENAMETOOLONG, "fw_cfg file %s: names have 1 to %d bytes", name, NAME_MAX_ - 1);
		return NULL;
	}
	if (size > UINT32_MAX) {
		err_set(e, EFBIG, "fw_cfg file %s: %zu bytes are more than 4 GiB", name, size);
		return NULL;
	}
	if (s->files == FILES) {
		err_set(e, ENOSPC, "fw_cfg file %s: there are %d already", name, FILES);
		return NULL;
	}
	for (at = 0; at < s->files && strcmp(s->file[at].name, name) < 0;)
		at++;
	if (at < s->files && !strcmp(s->file[at].name, name)) {
		err_set(e, EEXIST, "fw_cfg file %s exists already", name);
		return NULL;
	}
	memmove(&s->file[at + 1], &s->file[at], (s->files - at) * sizeof s->file[0]);
	s->files++;
	memset(&s->file[at], 0, sizeof s->file[at]);
	strcpy(s->file[at].name, name);
	free(s->dir.data); /* made when it is asked for */
	s->dir = (struct item){0};
	return &s->file[at];
}

int fw_cfg_add_file(struct machine *m, const char *name, const void *data, size_t size, struct err *e)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct file *f;

	if (!copy)
		return err_errno(e, ENOMEM, "fw_cfg file %s", name);
	memcpy(copy, data, size);
	f = file_add(m, name, size, e);
	if (!f) {
		free(copy);
		return -e->code;
	}
	f->item = (struct item){.data = copy, .size = size};
	return 0;
}

int fw_cfg_add_writable(struct machine *m, const char *name, void *data, size_t size, void (*written)(void *opaque, size_t at, size_t n),
			void *opaque, struct err *e)
{
	struct file *f;

	if (!written)
		return fw_cfg_add_file(m, name, data, size, e);
	f = file_add(m, name, size, e);
	if (!f)
		return -e->code;
	f->item = (struct item){.data = data, .size = size, .written = written, .opaque = opaque};
	return 0;
}

static struct item *file_item(struct machine *m, const char *name)
{
	struct fw_cfg *s = fw_cfg_of(m);

	for (unsigned i = 0; s && i < s->files; i++)
		if (!strcmp(s->file[i].name, name))
			return &s->file[i].item;
	return NULL;
}

void fw_cfg_on_select(struct machine *m, const char *name, void (*fn)(void *opaque), void *opaque)
{
	struct item *i = file_item(m, name);

	if (i) {
		i->selected = fn;
		i->selected_opaque = opaque;
	}
}

bool fw_cfg_replace_file(struct machine *m, const char *name, const void *data, size_t size)
{
	struct item *i = file_item(m, name);

	if (!i || i->written || i->size != size)
		return false;
	memcpy(i->data, data, size);
	return true;
}

static struct item *dir_item(struct fw_cfg *s)
{
	size_t size = 4 + 64 * (size_t)s->files;
	uint8_t *p;

	if (s->dir.data)
		return &s->dir;
	p = calloc(1, size);
	if (!p)
		return NULL;
	s->dir = (struct item){.data = p, .size = size};
	put_be(p, s->files, 4);
	for (unsigned i = 0; i < s->files; i++) {
		uint8_t *d = p + 4 + 64 * (size_t)i;

		put_be(d, s->file[i].item.size, 4);
		put_be(d + 4, KEY_FIRST_FILE + i, 2);
		memcpy(d + 8, s->file[i].name, NAME_MAX_);
	}
	return &s->dir;
}

/* NULL: there is no such item; it reads as zeros. */
static struct item *current(struct fw_cfg *s)
{
	unsigned n = s->key & 0x3fff, arch = !!(s->key & KEY_ARCH);
	struct item *i = NULL;

	if (s->key == KEY_NONE)
		return NULL;
	if (n == KEY_DIR && !arch)
		return dir_item(s);
	if (n < KEY_FIRST_FILE)
		i = &s->generic[arch][n];
	else if (!arch && n - KEY_FIRST_FILE < s->files)
		i = &s->file[n - KEY_FIRST_FILE].item;
	return i && i->data ? i : NULL;
}

static void select_key(struct fw_cfg *s, uint16_t key)
{
	struct item *i;

	s->key = key;
	s->at = 0;
	i = current(s);
	if (i && i->selected)
		i->selected(i->selected_opaque);
}

/* ---- DMA --------------------------------------------------------------------------------------------------------------- */
/* Moves `length` bytes of the item to or from memory; what lies beyond its end reads as zeros and cannot be written. */
static bool dma_move(struct fw_cfg *s, struct item *i, uint64_t address, uint32_t length, bool write)
{
	static const uint8_t zeros[CHUNK];
	struct space *memory = s->dev.machine->memory;
	uint32_t size = i ? (uint32_t)i->size : 0;

	if (address + length < address)
		return false;
	if (write) {
		uint32_t at = s->at;

		if (!i || !i->written || s->at > size || length > size - s->at)
			return false;
		if (space_read(memory, address, i->data + at, length) != MEM_OK)
			return false;
		s->at += length;
		i->written(i->opaque, at, length);
		return true;
	}
	while (length) {
		uint32_t left = s->at < size ? size - s->at : 0, n = length < CHUNK ? length : CHUNK;

		if (left && n > left)
			n = left;
		/* nobody there: an end, or 4 GiB of nothing would hold up the machine */
		if (space_write(memory, address, left ? i->data + s->at : zeros, n) != MEM_OK)
			return false;
		address += n;
		length -= n;
		s->at = s->at > UINT32_MAX - n ? UINT32_MAX : s->at + n;
	}
	return true;
}

static void dma_start(struct fw_cfg *s)
{
	struct space *memory = s->dev.machine->memory;
	uint64_t at = s->dma;
	uint8_t b[16] = {0};
	uint32_t control, length;
	uint64_t address;
	bool good = true;

	s->dma = 0;
	if (space_read(memory, at, b, sizeof b) != MEM_OK) {
		guest_error(&s->dev, "no memory at the DMA descriptor 0x%llx", (unsigned long long)at);
		put_be(b, DMA_ERROR, 4);
		space_write(memory, at, b, 4);
		return;
	}
	control = (uint32_t)get_be(b, 4);
	length = (uint32_t)get_be(b + 4, 4);
	address = get_be(b + 8, 8);
	if (control & DMA_SELECT)
		select_key(s, (uint16_t)(control >> 16));
	if (control & DMA_READ)
		good = dma_move(s, current(s), address, length, false);
	else if (control & DMA_WRITE)
		good = dma_move(s, current(s), address, length, true);
	else if (control & DMA_SKIP)
		s->at = length > UINT32_MAX - s->at ? UINT32_MAX : s->at + length;
	if (!good)
		guest_error(&s->dev, "DMA of %u bytes of item %04x at 0x%llx fails", length, s->key, (unsigned long long)address);
	put_be(b, good ? 0 : DMA_ERROR, 4);
	space_write(memory, at, b, 4);
}

/* ---- ports -------------------------------------------------------------------------------------------------------------- */
static void fw_cfg_reset(struct device *d)
{
	struct fw_cfg *s = (struct fw_cfg *)d;

	s->key = KEY_SIGNATURE;
	s->at = 0;
	s->dma = 0;
}

static uint64_t fw_cfg_read(void *opaque, uint64_t offset, unsigned size)
{
	struct fw_cfg *s = opaque;
	struct item *i;

	if (offset != 1 || size != 1)
		return 0xff;
	i = current(s);
	if (!i || s->at >= i->size)
		return 0;
	return i->data[s->at++];
}

static void fw_cfg_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct fw_cfg *s = opaque;

	if (offset == 0 && size == 2) /* writes of data ended with version 2.4 of the interface */
		select_key(s, (uint16_t)value);
}

static uint64_t dma_port_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)opaque;
	return get_be((const uint8_t *)dma_signature + offset, size);
}

static void dma_port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct fw_cfg *s = opaque;

	if (size == 8 && offset == 0)
		s->dma = value;
	else if (size == 4 && offset == 0)
		s->dma = value << 32;
	else if (size == 4 && offset == 4)
		s->dma |= (uint32_t)value;
	else
		return;
	if (size == 8 || offset == 4)
		dma_start(s);
}

static const struct region_ops fw_cfg_ops = {fw_cfg_read, fw_cfg_write, .min = 1, .max = 2, .impl_min = 1, .impl_max = 2, .unaligned = true};
static const struct region_ops dma_ops = {dma_port_read, dma_port_write, .min = 4, .max = 8, .impl_min = 4, .impl_max = 8,
					  .big_endian = true};

static int fw_cfg_realize(struct device *d, struct err *e)
{
	struct fw_cfg *s = (struct fw_cfg *)d;
	struct machine *m = d->machine;

	if (!m->ports)
		return err_set(e, ENODEV, "fw_cfg_io: this machine has no I/O ports");
	s->file = calloc(FILES, sizeof s->file[0]);
	if (!s->file)
		return err_errno(e, ENOMEM, "fw_cfg");
	item_set(&s->generic[0][KEY_SIGNATURE], "QEMU", 4);
	item_set(&s->generic[0][KEY_ID], (uint8_t[]){3, 0, 0, 0}, 4);
	s->ports = region_new_io(m, "fwcfg", 2, &fw_cfg_ops, s);
	region_add(space_root(m->ports), 0x510, s->ports, 0);
	s->dma_ports = region_new_io(m, "fwcfg.dma", 8, &dma_ops, s);
	region_add(space_root(m->ports), 0x514, s->dma_ports, 0);
	return 0;
}

static void fw_cfg_unrealize(struct device *d)
{
	struct fw_cfg *s = (struct fw_cfg *)d;

	region_remove(s->ports);
	region_free(s->ports);
	region_remove(s->dma_ports);
	region_free(s->dma_ports);
	for (unsigned a = 0; a < 2; a++)
		for (unsigned n = 0; n < KEY_FIRST_FILE; n++)
			free(s->generic[a][n].data);
	for (unsigned i = 0; i < s->files; i++)
		if (!s->file[i].item.written)
			free(s->file[i].item.data);
	free(s->file);
	free(s->dir.data);
}

static void fw_cfg_print(struct device *d, FILE *f)
{
	struct fw_cfg *s = (struct fw_cfg *)d;

	for (unsigned i = 0; i < s->files; i++)
		fprintf(f, "%04x %8zu %s%s\n", KEY_FIRST_FILE + i, s->file[i].item.size, s->file[i].name,
			s->file[i].item.written ? " (writable)" : "");
}

static const struct field fw_cfg_fields[] = {
	F_UINT(struct fw_cfg, key), F_UINT(struct fw_cfg, at), F_UINT(struct fw_cfg, dma), F_END,
};
static const struct state_table fw_cfg_state = {.name = "fw_cfg", .version = 1, .oldest = 1, .fields = fw_cfg_fields};

static const struct device_type fw_cfg_type = {
	.name = "fw_cfg_io", .bus = "System", .desc = "firmware configuration", .category = "Misc", .size = sizeof(struct fw_cfg),
	.state = &fw_cfg_state, .realize = fw_cfg_realize, .unrealize = fw_cfg_unrealize, .reset = fw_cfg_reset, .print = fw_cfg_print,
};
DEVICE(fw_cfg_type);
