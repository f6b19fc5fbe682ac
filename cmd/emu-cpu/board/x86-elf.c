// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF kernels on a PC, and those that start by the PVH protocol: an ELF note of Xen's (type 18) names a 32-bit entry point that is called in
 * protected mode without paging, EBX at a structure that tells the command line, the RAM disk and the memory map (Xen, "x86/HVM direct boot
 * ABI"). The option ROM pvh.bin makes the structure; it expects the kernel's segments in memory already, so they are put there at each reset.
 *
 * ELF: System V ABI, chapters 4 and 5; note sections: chapter 5.
 */
#include "x86-boot-internal.h"
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "../machine.h"
#include "../memory.h"
#include "../x86-parts.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
enum { XEN_ELFNOTE_PHYS32_ENTRY = 18, SEGMENTS_MAX = 64, HEADER_SHOWN = 8192 };

bool boot_is_elf(const uint8_t *k, size_t size)
{
	return size > EI_NIDENT && !memcmp(k, ELFMAG, SELFMAG);
}

int boot_place_ok(const char *path, uint64_t start, uint64_t end, uint64_t limit, struct err *e)
{
	if (start < 0x10000 || (start < 0xa0000 && end > 0xa0000) || (start >= 0xa0000 && start < MIB))
		return err_set(e, EINVAL, "-kernel %s: it would lie at 0x%" PRIx64 " to 0x%" PRIx64 ", which the BIOS has; from 0x10000 to 0xa0000 and from 0x100000 on is free",
			       path, start, end);
	if (end > limit)
		return err_set(e, EFBIG, "-kernel %s: it needs memory to 0x%" PRIx64 "; -m gives the machine more", path, end);
	return 0;
}

/* One program header, whatever its class. */
struct segment {
	uint32_t type;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static bool segment_at(const uint8_t *k, size_t size, bool wide, unsigned n, struct segment *s)
{
	uint64_t phoff, at;
	unsigned each;
	if (wide) {
		Elf64_Ehdr h;
		Elf64_Phdr p;
		memcpy(&h, k, sizeof h);
		phoff = h.e_phoff, each = h.e_phentsize;
		if (n >= h.e_phnum || each < sizeof p || phoff > size || (at = phoff + (uint64_t)n * each) > size - sizeof p)
			return false;
		memcpy(&p, k + at, sizeof p);
		*s = (struct segment){p.p_type, p.p_offset, p.p_vaddr, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
	} else {
		Elf32_Ehdr h;
		Elf32_Phdr p;
		memcpy(&h, k, sizeof h);
		phoff = h.e_phoff, each = h.e_phentsize;
		if (n >= h.e_phnum || each < sizeof p || phoff > size || (at = phoff + (uint64_t)n * each) > size - sizeof p)
			return false;
		memcpy(&p, k + at, sizeof p);
		*s = (struct segment){p.p_type, p.p_offset, p.p_vaddr, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
	}
	return true;
}

/* The PVH entry point among a segment's notes; 0: it is not there. */
static uint64_t pvh_note(const uint8_t *p, size_t size, uint64_t align)
{
	uint64_t pad = align == 8 ? 8 : 4, at = 0;
	while (at + 12 <= size) {
		uint64_t name = boot_get(p + at, 4), desc = boot_get(p + at + 4, 4), type = boot_get(p + at + 8, 4);
		uint64_t desc_at = (at + 12 + name + pad - 1) & ~(pad - 1);
		if (desc_at > size || desc > size - desc_at)
			break;
		if (type == XEN_ELFNOTE_PHYS32_ENTRY && name == 4 && !memcmp(p + at + 12, "Xen", 4) && (desc == 4 || desc == 8))
			return boot_get(p + desc_at, (unsigned)desc);
		at = (desc_at + desc + pad - 1) & ~(pad - 1);
	}
	return 0;
}

int boot_load_elf(const char *path, const uint8_t *k, size_t size, uint64_t limit, struct elf_image *elf, struct err *e)
{
	struct segment s;
	unsigned n;
	uint64_t entry;
	*elf = (struct elf_image){.start = UINT64_MAX, .wide = k[EI_CLASS] == ELFCLASS64};
	if (size < (elf->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)) || (!elf->wide && k[EI_CLASS] != ELFCLASS32) || k[EI_DATA] != ELFDATA2LSB)
		return err_set(e, ENOEXEC, "-kernel %s: a cut or big-endian ELF file; a little-endian one for x86 is expected", path);
	unsigned type = (unsigned)boot_get(k + offsetof(Elf32_Ehdr, e_type), 2), machine = (unsigned)boot_get(k + offsetof(Elf32_Ehdr, e_machine), 2);
	if (machine != EM_386 && machine != EM_X86_64)
		return err_set(e, ENOEXEC, "-kernel %s: this ELF file is for another processor (machine %u); 3 (i386) and 62 (x86-64) are known", path, machine);
	if (type != ET_EXEC && type != ET_DYN)
		return err_set(e, ENOEXEC, "-kernel %s: this ELF file is no executable (type %u)", path, type);
	entry = elf->wide ? boot_get(k + offsetof(Elf64_Ehdr, e_entry), 8) : boot_get(k + offsetof(Elf32_Ehdr, e_entry), 4);
	for (n = 0; n < SEGMENTS_MAX && segment_at(k, size, elf->wide, n, &s); n++) {
		if (s.type == PT_NOTE && s.offset <= size && s.filesz <= size - s.offset && !elf->pvh_entry)
			elf->pvh_entry = pvh_note(k + s.offset, s.filesz, s.align);
		if (s.type != PT_LOAD || !s.memsz)
			continue;
		if (s.offset > size || s.filesz > size - s.offset || s.filesz > s.memsz)
			return err_set(e, ENOEXEC, "-kernel %s: ELF segment %u (0x%" PRIx64 " bytes at 0x%" PRIx64 " of the file) lies beyond the file's end", path, n,
				       s.filesz, s.offset);
		if (s.memsz > limit || s.paddr > limit - s.memsz)
			return err_set(e, EFBIG, "-kernel %s: ELF segment %u (0x%" PRIx64 " bytes at 0x%" PRIx64 ") lies beyond memory; -m gives the machine more", path, n,
				       s.memsz, s.paddr);
		if (s.paddr < elf->start)
			elf->start = s.paddr & ~(PAGE - 1);
		if (s.paddr + s.memsz > elf->end)
			elf->end = (s.paddr + s.memsz + PAGE - 1) & ~(PAGE - 1);
		/* Linked for where paging will put it: what is meant is where it lies before that. */
		if (entry >= s.vaddr && entry - s.vaddr < s.memsz)
			elf->entry = s.paddr + (entry - s.vaddr);
	}
	if (elf->start >= elf->end)
		return err_set(e, ENOEXEC, "-kernel %s: this ELF file has nothing to load", path);
	if (!elf->entry)
		elf->entry = entry;
	int r = boot_place_ok(path, elf->start, elf->end, limit, e);
	if (r)
		return r;
	elf->data = calloc(1, elf->end - elf->start);
	if (!elf->data)
		return err_set(e, ENOMEM, "-kernel %s: out of memory", path);
	for (unsigned i = 0; i < n && segment_at(k, size, elf->wide, i, &s); i++)
		if (s.type == PT_LOAD && s.filesz)
			memcpy(elf->data + (s.paddr - elf->start), k + s.offset, s.filesz);
	return 0;
}

/* ---- PVH ---- */

struct resident {
	struct machine *machine;
	uint64_t at;
	size_t size;
	uint8_t *data;
};

static void put_into_memory(void *opaque)
{
	struct resident *r = opaque;
	space_write(r->machine->memory, r->at, r->data, r->size);
}

int pvh_load(struct machine *m, const uint8_t *k, size_t size, uint64_t ram, struct err *e)
{
	const char *path = m->config.kernel, *command_line = m->config.append ? m->config.append : "";
	struct elf_image elf;
	int r = boot_load_elf(path, k, size, ram - MIB, &elf, e);
	if (r)
		return r;
	if (!elf.pvh_entry || elf.pvh_entry < elf.start || elf.pvh_entry >= elf.end) {
		free(elf.data);
		err_set(e, ENOEXEC, "-kernel %s: an ELF file with neither a multiboot header nor a PVH note", path);
		err_hint(e, "Linux is started from its bzImage, or from a vmlinux that was configured with CONFIG_PVH");
		return -e->code;
	}
	struct resident *kernel = malloc(sizeof *kernel);
	if (!kernel) {
		free(elf.data);
		return err_set(e, ENOMEM, "-kernel %s: out of memory", path);
	}
	*kernel = (struct resident){m, elf.start, elf.end - elf.start, elf.data};
	machine_on_reset(m, put_into_memory, kernel); /* both live as long as the machine */
	fw_cfg_add_u32(m, KEY_KERNEL_ENTRY, (uint32_t)elf.pvh_entry);
	fw_cfg_add_u32(m, KEY_KERNEL_ADDR, (uint32_t)elf.start);
	fw_cfg_add_u32(m, KEY_KERNEL_SIZE, (uint32_t)(elf.end - elf.start));
	fw_cfg_add_u32(m, KEY_CMDLINE_SIZE, (uint32_t)strlen(command_line) + 1);
	fw_cfg_add_bytes(m, KEY_CMDLINE_DATA, command_line, strlen(command_line) + 1);
	fw_cfg_add_u32(m, KEY_SETUP_SIZE, (uint32_t)(size < HEADER_SHOWN ? size : HEADER_SHOWN));
	fw_cfg_add_bytes(m, KEY_SETUP_DATA, k, size < HEADER_SHOWN ? size : HEADER_SHOWN);
	if (m->config.initrd) {
		size_t n;
		uint8_t *p = boot_read_file("-initrd", m->config.initrd, &n, e);
		if (!p)
			return -e->code;
		uint64_t at = n < ram - MIB ? (ram - MIB - n) & ~(PAGE - 1) : 0; /* the firmware's tables are at the top of memory */
		if (at < elf.end) {
			free(p);
			return err_set(e, EFBIG, "-initrd %s: %zu bytes do not fit beside the kernel; -m gives the machine more memory", m->config.initrd, n);
		}
		fw_cfg_add_u32(m, KEY_INITRD_ADDR, (uint32_t)at);
		fw_cfg_add_u32(m, KEY_INITRD_SIZE, (uint32_t)n);
		fw_cfg_add_bytes(m, KEY_INITRD_DATA, p, n);
		free(p);
	}
	return boot_add_rom(m, "pvh.bin", e);
}
