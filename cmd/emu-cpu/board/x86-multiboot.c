// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernels of the Multiboot Specification 0.6.96: an a.out-like flat image whose header says where it goes, or an ELF file of 32 bits, with
 * modules ("-initrd FILE ARGUMENTS,FILE ARGUMENTS": a comma that belongs to a name is written twice).
 *
 * The option ROM multiboot_dma.bin takes two blocks from fw_cfg: the kernel with all that goes behind it in memory (modules' list, texts, modules),
 * and the information structure, in which it fills in what only a running BIOS knows: the memory map, whose place we tell it.
 */
#include "x86-boot-internal.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "../machine.h"
#include "../x86-parts.h"

/* 3.1.1: the header; the address fields are there when flag 16 is set. */
enum { HEADER_SEARCH = 8192, MAGIC = 0x1badb002, H_FLAGS = 4, H_CHECKSUM = 8, H_ADDR = 12, H_LOAD = 16, H_LOAD_END = 20, H_BSS_END = 24, H_ENTRY = 28,
       H_SIZE = 12, H_SIZE_ADDRESSES = 32, FLAG_ADDRESSES = 1 << 16, FLAGS_REQUIRED = 0xffff, FLAGS_KNOWN = 7 };
/* 3.3: the information structure */
enum { I_FLAGS = 0, I_BOOT_DEVICE = 12, I_CMDLINE = 16, I_MODS_COUNT = 20, I_MODS_ADDR = 24, I_MMAP_ADDR = 48, I_LOADER = 64, I_SIZE = 88 };
enum { HAS_MEMORY = 1, HAS_BOOT_DEVICE = 2, HAS_CMDLINE = 4, HAS_MODULES = 8, HAS_MMAP = 0x40, HAS_LOADER = 0x200 };
/* Where the option ROM puts the memory map and the structure. */
enum { MMAP_AT = 0x9000, INFO_AT = 0x9500, BOOT_DEVICE = 0x8000ffff };
enum { PAGE = 4096, MODULES_MAX = 128, MODULE_SIZE = 16 };

struct kernel {
	uint64_t start, end; /* end: behind its bss */
	uint32_t entry;
	uint8_t *data;       /* of end - start bytes and room for more */
	size_t size, room;
};

struct module {
	char *text;          /* its name and arguments */
	uint32_t start, end;
};

long multiboot_header(const uint8_t *k, size_t size)
{
	for (size_t i = 0; i + H_SIZE <= size && i + H_SIZE <= HEADER_SEARCH; i += 4)
		if (boot_get(k + i, 4) == MAGIC && !(uint32_t)(MAGIC + boot_get(k + i + H_FLAGS, 4) + boot_get(k + i + H_CHECKSUM, 4)))
			return (long)i;
	return -1;
}

/* Flag 16: the header says it all (3.1.3). */
static int load_flat(const char *path, const uint8_t *k, size_t size, size_t header, uint64_t limit, struct kernel *to, struct err *e)
{
	if (header + H_SIZE_ADDRESSES > size)
		return err_set(e, ENOEXEC, "-kernel %s: its multiboot header is cut", path);
	const uint8_t *h = k + header;
	uint32_t addr = (uint32_t)boot_get(h + H_ADDR, 4), load = (uint32_t)boot_get(h + H_LOAD, 4), load_end = (uint32_t)boot_get(h + H_LOAD_END, 4),
		 bss_end = (uint32_t)boot_get(h + H_BSS_END, 4);
	if (addr < load || addr - load > header)
		return err_set(e, ENOEXEC, "-kernel %s: multiboot header: load address 0x%x is not in the file (header at 0x%x, %zu bytes into it)", path, load, addr, header);
	size_t from = header - (addr - load), n = size - from;
	if (load_end) {
		if (load_end < load || load_end - load > n)
			return err_set(e, ENOEXEC, "-kernel %s: multiboot header: load end 0x%x, but the file ends before", path, load_end);
		n = load_end - load;
	}
	to->start = load;
	to->end = (uint64_t)load + n;
	if (bss_end) {
		if (bss_end < to->end)
			return err_set(e, ENOEXEC, "-kernel %s: multiboot header: bss end 0x%x is below the load end 0x%" PRIx64, path, bss_end, to->end);
		to->end = bss_end;
	}
	to->entry = (uint32_t)boot_get(h + H_ENTRY, 4);
	int r = boot_place_ok(path, to->start, to->end, limit, e);
	if (r)
		return r;
	to->data = calloc(1, to->end - to->start);
	if (!to->data)
		return err_set(e, ENOMEM, "-kernel %s: out of memory", path);
	memcpy(to->data, k + from, n);
	return 0;
}

static int load_elf(const char *path, const uint8_t *k, size_t size, uint64_t limit, struct kernel *to, struct err *e)
{
	struct elf_image elf;
	if (!boot_is_elf(k, size))
		return err_set(e, ENOEXEC, "-kernel %s: a multiboot header without addresses, and no ELF file", path);
	int r = boot_load_elf(path, k, size, limit, &elf, e);
	if (r)
		return r;
	if (elf.wide) {
		free(elf.data);
		err_set(e, ENOEXEC, "-kernel %s: multiboot kernels are of 32 bits, this ELF file is of 64", path);
		err_hint(e, "objcopy -O elf32-i386 makes one of it whose first code is 32-bit anyway");
		return -e->code;
	}
	*to = (struct kernel){.start = elf.start, .end = elf.end, .entry = (uint32_t)elf.entry, .data = elf.data};
	return 0;
}

/* n bytes behind the kernel, at a multiple of align; their offset, or -1 without memory or beyond the limit. */
static int64_t grow(struct kernel *to, size_t n, size_t align, uint64_t limit)
{
	size_t at = (to->size + align - 1) & ~(align - 1);
	if (to->start + at + n > limit)
		return -1;
	if (at + n > to->room) {
		size_t room = (at + n + PAGE) * 5 / 4;
		uint8_t *p = realloc(to->data, room);
		if (!p)
			return -1;
		to->data = p;
		to->room = room;
	}
	memset(to->data + to->size, 0, at + n - to->size);
	to->size = at + n;
	return (int64_t)at;
}

/* Takes one "FILE ARGUMENTS" off the list; NULL at its end or without memory. */
static char *next_module(const char **list)
{
	const char *p = *list;
	char *text, *to;
	if (!p || !(text = to = malloc(strlen(p) + 1)))
		return NULL;
	for (; *p && (*p != ',' || p[1] == ','); p++) {
		if (*p == ',')
			p++;
		*to++ = *p;
	}
	*to = 0;
	*list = *p ? p + 1 : NULL;
	return text;
}

static int load_modules(struct machine *m, struct kernel *to, struct module *modules, unsigned *count, uint64_t limit, struct err *e)
{
	const char *list = m->config.initrd;
	char *text;
	while ((text = next_module(&list))) {
		char *space = strchr(text, ' ');
		size_t n;
		if (*count == MODULES_MAX) {
			free(text);
			return err_set(e, E2BIG, "-initrd: more than %d modules", MODULES_MAX);
		}
		modules[(*count)++].text = text;
		if (space)
			*space = 0;
		uint8_t *data = boot_read_file("-initrd", text, &n, e);
		if (!data)
			return -e->code;
		int64_t at = grow(to, n, PAGE, limit);
		if (at >= 0) {
			memcpy(to->data + at, data, n);
			modules[*count - 1].start = (uint32_t)(to->start + (uint64_t)at);
			modules[*count - 1].end = (uint32_t)(to->start + (uint64_t)at + n);
		}
		free(data);
		if (at < 0)
			return err_set(e, EFBIG, "-initrd %s: %zu bytes do not fit below 0x%" PRIx64 "; -m gives the machine more memory", text, n, limit);
		if (space)
			*space = ' ';
	}
	return 0;
}

/* A text behind the kernel; its address, 0: no room. */
static uint32_t add_text(struct kernel *to, const char *a, const char *b, uint64_t limit)
{
	size_t n = strlen(a) + strlen(b) + 2;
	int64_t at = grow(to, n, 1, limit);
	if (at < 0)
		return 0;
	memcpy(to->data + at, a, strlen(a));
	size_t k = strlen(a);
	if (*b)
		to->data[(size_t)at + k++] = ' ';
	memcpy(to->data + at + k, b, strlen(b) + 1);
	return (uint32_t)(to->start + (uint64_t)at);
}

/* The structure, and behind the kernel what it points to. */
static bool tell(struct machine *m, struct kernel *to, const struct module *modules, unsigned count, uint8_t info[I_SIZE], uint64_t limit)
{
	int64_t list = grow(to, ((size_t)count + 1) * MODULE_SIZE, PAGE, limit);
	if (list < 0)
		return false;
	for (unsigned i = 0; i < count; i++) {
		uint32_t text = add_text(to, modules[i].text, "", limit);
		uint8_t *p = to->data + list + i * MODULE_SIZE;
		if (!text)
			return false;
		boot_put(p, modules[i].start, 4);
		boot_put(p + 4, modules[i].end, 4);
		boot_put(p + 8, text, 4);
	}
	uint32_t line = add_text(to, m->config.kernel, m->config.append ? m->config.append : "", limit), loader = line ? add_text(to, "emu-cpu", "", limit) : 0;
	if (!loader)
		return false;
	memset(info, 0, I_SIZE);
	boot_put(info + I_FLAGS, HAS_MEMORY | HAS_BOOT_DEVICE | HAS_CMDLINE | HAS_MODULES | HAS_MMAP | HAS_LOADER, 4);
	boot_put(info + I_BOOT_DEVICE, BOOT_DEVICE, 4);
	boot_put(info + I_CMDLINE, line, 4);
	boot_put(info + I_MODS_COUNT, count, 4);
	boot_put(info + I_MODS_ADDR, to->start + (uint64_t)list, 4);
	boot_put(info + I_MMAP_ADDR, MMAP_AT, 4);
	boot_put(info + I_LOADER, loader, 4);
	return true;
}

int multiboot_load(struct machine *m, const uint8_t *k, size_t size, uint64_t ram, struct err *e)
{
	const char *path = m->config.kernel;
	size_t header = (size_t)multiboot_header(k, size);
	uint32_t flags = (uint32_t)boot_get(k + header + H_FLAGS, 4);
	uint64_t limit = ram - (1u << 20); /* the firmware's tables are at the top of memory */
	struct kernel to = {0};
	struct module *modules = calloc(MODULES_MAX, sizeof *modules);
	unsigned count = 0;
	uint8_t info[I_SIZE];
	int r;

	if (!modules)
		return err_set(e, ENOMEM, "-kernel %s: out of memory", path);
	if (flags & FLAGS_REQUIRED & ~FLAGS_KNOWN)
		r = err_set(e, ENOTSUP, "-kernel %s: its multiboot header requires what nobody knows (flags 0x%x)", path, flags & FLAGS_REQUIRED & ~FLAGS_KNOWN);
	else
		r = flags & FLAG_ADDRESSES ? load_flat(path, k, size, header, limit, &to, e) : load_elf(path, k, size, limit, &to, e);
	if (!r) {
		to.size = to.room = to.end - to.start;
		r = load_modules(m, &to, modules, &count, limit, e);
	}
	if (!r && !tell(m, &to, modules, count, info, limit))
		r = err_set(e, EFBIG, "-kernel %s: it does not fit below 0x%" PRIx64 " with what is said to it; -m gives the machine more memory", path, limit);
	if (!r && to.start < 0x100000 && to.start + to.size > 0xa0000)
		r = err_set(e, EFBIG, "-kernel %s: loaded at 0x%" PRIx64 ", it has no room for its modules below 0xa0000", path, to.start);
	if (!r) {
		fw_cfg_add_u32(m, KEY_KERNEL_ENTRY, to.entry);
		fw_cfg_add_u32(m, KEY_KERNEL_ADDR, (uint32_t)to.start);
		fw_cfg_add_u32(m, KEY_KERNEL_SIZE, (uint32_t)to.size);
		fw_cfg_add_bytes(m, KEY_KERNEL_DATA, to.data, to.size);
		fw_cfg_add_u32(m, KEY_INITRD_ADDR, INFO_AT);
		fw_cfg_add_u32(m, KEY_INITRD_SIZE, sizeof info);
		fw_cfg_add_bytes(m, KEY_INITRD_DATA, info, sizeof info);
		r = boot_add_rom(m, "multiboot_dma.bin", e);
	}
	for (unsigned i = 0; i < count; i++)
		free(modules[i].text);
	free(modules);
	free(to.data);
	return r;
}
