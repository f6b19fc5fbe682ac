/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the ways of starting a kernel share: fw_cfg's keys, files, bytes, ELF images. Boards include x86-boot.h instead. */
#ifndef EMU_CPU_X86_BOOT_INTERNAL_H
#define EMU_CPU_X86_BOOT_INTERNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct machine;

/* fw_cfg keys of the kernel's parts */
enum { KEY_KERNEL_ADDR = 0x07, KEY_KERNEL_SIZE = 0x08, KEY_INITRD_ADDR = 0x0a, KEY_INITRD_SIZE = 0x0b, KEY_KERNEL_ENTRY = 0x10, KEY_KERNEL_DATA = 0x11,
       KEY_INITRD_DATA = 0x12, KEY_CMDLINE_ADDR = 0x13, KEY_CMDLINE_SIZE = 0x14, KEY_CMDLINE_DATA = 0x15, KEY_SETUP_ADDR = 0x16,
       KEY_SETUP_SIZE = 0x17, KEY_SETUP_DATA = 0x18 };

/* n bytes (to 8), little-endian */
uint64_t boot_get(const uint8_t *p, unsigned n);
void boot_put(uint8_t *p, uint64_t v, unsigned n);

/* A whole file of 1 byte to 1 GiB, malloc'ed; NULL with e filled. what: the option that names it. */
uint8_t *boot_read_file(const char *what, const char *path, size_t *size, struct err *e);

/* The distribution's option ROM that does the starting, first in the boot order. */
int boot_add_rom(struct machine *m, const char *file, struct err *e);

/* An ELF file's loadable parts, laid out as they will lie in memory. */
struct elf_image {
	bool wide;           /* ELFCLASS64 */
	uint64_t start, end; /* physical addresses, whole pages */
	uint64_t entry;      /* physical, where a segment says so */
	uint64_t pvh_entry;  /* of the PVH note; 0: none */
	uint8_t *data;       /* end - start bytes, malloc'ed */
};

/* Is it an ELF file at all? */
bool boot_is_elf(const uint8_t *k, size_t size);
/* Executables for x86 that lie between 64 KiB and `limit`, and not on the BIOS's memory. */
int boot_load_elf(const char *path, const uint8_t *k, size_t size, uint64_t limit, struct elf_image *elf, struct err *e);
/* Shared by all that is put into memory: 64 KiB to 640 KiB, or from 1 MiB to limit. */
int boot_place_ok(const char *path, uint64_t start, uint64_t end, uint64_t limit, struct err *e);

/* The multiboot header's offset in an image, -1: none. */
long multiboot_header(const uint8_t *k, size_t size);
int multiboot_load(struct machine *m, const uint8_t *k, size_t size, uint64_t ram_below_4g, struct err *e);
int pvh_load(struct machine *m, const uint8_t *k, size_t size, uint64_t ram_below_4g, struct err *e);
#endif
