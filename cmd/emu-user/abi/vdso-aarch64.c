/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vdso of AArch64 programs (vdso(7)): an ELF image made here, with the time calls and the signal return, version
 * LINUX_2.6.39 as the kernel's. Every function makes the system call.
 */
#include <string.h>
#include "aarch64.h"

#define IMAGE_SIZE 4096u
#define CODE_AT 0xc00u

static const struct function {
	char name[24];
	uint16_t number;
	bool returns;
} functions[] = {
	{"__kernel_rt_sigreturn", 139, false},
	{"__kernel_gettimeofday", 169, true},
	{"__kernel_clock_gettime", 113, true},
	{"__kernel_clock_getres", 114, true},
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static uint8_t image[IMAGE_SIZE];
static uint32_t address[FUNCTIONS];

static uint32_t sysv_hash(const char *s)
{
	uint32_t h = 0, g;

	for (; *s; s++) {
		h = (h << 4) + (uint8_t)*s;
		g = h & 0xf0000000;
		h = (h ^ g >> 24) & ~g;
	}
	return h;
}

static uint32_t add_string(uint32_t base, uint32_t *size, const char *s)
{
	uint32_t at = *size;

	memcpy(image + base + at, s, strlen(s) + 1);
	*size += (uint32_t)strlen(s) + 1;
	return at;
}

static void add_version(uint32_t at, uint16_t flags, uint16_t index, const char *name, uint32_t name_at, bool last)
{
	Elf64_Verdef d = {.vd_version = 1, .vd_flags = flags, .vd_ndx = index, .vd_cnt = 1, .vd_hash = sysv_hash(name),
			  .vd_aux = sizeof(d), .vd_next = last ? 0 : sizeof(d) + sizeof(Elf64_Verdaux)};
	Elf64_Verdaux a = {.vda_name = name_at};

	memcpy(image + at, &d, sizeof(d));
	memcpy(image + at + sizeof(d), &a, sizeof(a));
}

static void build(void)
{
	enum { SYMTAB = 0xb0, HASH = 0x160, VERSYM = 0x1c0, VERDEF = 0x1e0, DYNAMIC = 0x240, STRTAB = 0x300 };
	static const char soname[] = "linux-vdso.so.1";
	const uint32_t step = sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux);
	uint32_t strings = 1, code = CODE_AT, soname_at, version_at, hash[2 + 1 + 1 + FUNCTIONS];
	uint16_t versym[1 + FUNCTIONS];
	Elf64_Sym sym[1 + FUNCTIONS];

	_Static_assert(SYMTAB + sizeof(sym) <= HASH && HASH + sizeof(hash) <= VERSYM && VERSYM + sizeof(versym) <= VERDEF,
		       "the tables do not overlap");
	memset(sym, 0, sizeof(sym));
	versym[0] = 0;
	soname_at = add_string(STRTAB, &strings, soname);
	version_at = add_string(STRTAB, &strings, "LINUX_2.6.39");
	/* One hash bucket: all symbols in one chain. */
	hash[0] = 1;
	hash[1] = 1 + FUNCTIONS;
	hash[2] = 1;
	hash[3] = 0;
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		/* nop, which unwinders look back at; mov x8, #number; svc #0; ret */
		const uint32_t words[] = {0xd503201f, 0xd2800008 | (uint32_t)functions[i].number << 5, 0xd4000001, 0xd65f03c0};
		uint32_t size = functions[i].returns ? 12 : 8;

		memcpy(image + code, words, 4 + size);
		address[i] = code + 4;
		sym[1 + i].st_name = add_string(STRTAB, &strings, functions[i].name);
		sym[1 + i].st_value = code + 4;
		sym[1 + i].st_size = size;
		sym[1 + i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
		sym[1 + i].st_shndx = 1; /* any but undefined */
		versym[1 + i] = 2;
		hash[4 + i] = i + 1 < FUNCTIONS ? i + 2 : 0;
		code += 16;
	}
	add_version(VERDEF, VER_FLG_BASE, 1, soname, soname_at, false);
	add_version(VERDEF + step, 0, 2, "LINUX_2.6.39", version_at, true);
	memcpy(image + SYMTAB, sym, sizeof(sym));
	memcpy(image + HASH, hash, sizeof(hash));
	memcpy(image + VERSYM, versym, sizeof(versym));

	const Elf64_Dyn dyn[] = {
		{DT_SONAME, {soname_at}}, {DT_HASH, {HASH}}, {DT_STRTAB, {STRTAB}}, {DT_SYMTAB, {SYMTAB}},
		{DT_STRSZ, {strings}}, {DT_SYMENT, {sizeof(Elf64_Sym)}}, {DT_VERSYM, {VERSYM}},
		{DT_VERDEF, {VERDEF}}, {DT_VERDEFNUM, {2}}, {DT_NULL, {0}},
	};
	const Elf64_Ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_DYN,
		.e_machine = EM_AARCH64, .e_version = EV_CURRENT, .e_phoff = sizeof(eh), .e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2, .e_shentsize = sizeof(Elf64_Shdr),
	};
	const Elf64_Phdr ph[2] = {
		{.p_type = PT_LOAD, .p_filesz = IMAGE_SIZE, .p_memsz = IMAGE_SIZE, .p_flags = PF_R | PF_X, .p_align = 4096},
		{.p_type = PT_DYNAMIC, .p_offset = DYNAMIC, .p_vaddr = DYNAMIC, .p_paddr = DYNAMIC,
		 .p_filesz = sizeof(dyn), .p_memsz = sizeof(dyn), .p_flags = PF_R, .p_align = 8},
	};
	_Static_assert(sizeof(eh) + sizeof(ph) <= SYMTAB && DYNAMIC + sizeof(dyn) <= STRTAB, "the headers fit");
	memcpy(image + DYNAMIC, dyn, sizeof(dyn));
	memcpy(image, &eh, sizeof(eh));
	memcpy(image + sizeof(eh), ph, sizeof(ph));
}

const void *vdso_aarch64(struct process *p, size_t *size)
{
	(void)p;
	if (!image[0])
		build();
	*size = IMAGE_SIZE;
	return image;
}

void vdso_aarch64_mapped(struct process *p, uint64_t base)
{
	p->rt_signal_return = base + address[0];
	/* Code is the same in both byte orders, the image around it is not: such programs make the calls themselves. */
	if (p->abi->elf_data == ELFDATA2MSB)
		p->vdso = 0;
}
