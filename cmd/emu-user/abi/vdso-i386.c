/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vdso of i386 programs (vdso(7)): an ELF image made here, with the time calls, the system-call gate and the two
 * signal returns. Every function makes the system call. Versions LINUX_2.5 and LINUX_2.6 as the kernel's, since C
 * libraries ask for the symbols with them.
 */
#include <elf.h>
#include <string.h>
#include "i386-layout.h"

#define IMAGE_SIZE 4096u
#define CODE_AT 0xc00u

enum { LINUX_2_6 = 2, LINUX_2_5 = 3 }; /* version numbers; 1 is the base */

struct function {
	const char *name;
	uint8_t version;
	uint8_t size;
	uint8_t code[32];
};

/* push %ebx; mov 8(%esp),%ebx; mov 12(%esp),%ecx; mov 16(%esp),%edx; mov $nr,%eax; int $0x80; pop %ebx; ret */
#define CALL(nr)                                                                                                       \
	22, {0x53, 0x8b, 0x5c, 0x24, 8, 0x8b, 0x4c, 0x24, 12, 0x8b, 0x54, 0x24, 16, 0xb8, (nr) & 0xff, (nr) >> 8, 0, 0, \
	     0xcd, 0x80, 0x5b, 0xc3}

static const struct function functions[] = {
	{"__kernel_vsyscall", LINUX_2_5, 3, {0xcd, 0x80, 0xc3}},
	/* pop %eax; mov $119,%eax; int $0x80 */
	{"__kernel_sigreturn", LINUX_2_5, 8, {0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80}},
	{"__kernel_rt_sigreturn", LINUX_2_5, 7, {0xb8, 173, 0, 0, 0, 0xcd, 0x80}},
	{"__vdso_clock_gettime", LINUX_2_6, CALL(265)},
	{"__vdso_clock_gettime64", LINUX_2_6, CALL(403)},
	{"__vdso_clock_getres", LINUX_2_6, CALL(266)},
	{"__vdso_gettimeofday", LINUX_2_6, CALL(78)},
	{"__vdso_time", LINUX_2_6, CALL(13)},
	{"__vdso_getcpu", LINUX_2_6, CALL(318)},
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

/* Appends a string to the table at `base`; returns its offset in it. */
static uint32_t add_string(uint32_t base, uint32_t *size, const char *s)
{
	uint32_t at = *size;

	memcpy(image + base + at, s, strlen(s) + 1);
	*size += (uint32_t)strlen(s) + 1;
	return at;
}

static void add_version(uint32_t at, uint16_t flags, uint16_t index, const char *name, uint32_t name_at, bool last)
{
	Elf32_Verdef d = {.vd_version = 1, .vd_flags = flags, .vd_ndx = index, .vd_cnt = 1, .vd_hash = sysv_hash(name),
			  .vd_aux = sizeof(d), .vd_next = last ? 0 : sizeof(d) + sizeof(Elf32_Verdaux)};
	Elf32_Verdaux a = {.vda_name = name_at};

	memcpy(image + at, &d, sizeof(d));
	memcpy(image + at + sizeof(d), &a, sizeof(a));
}

static void build(void)
{
	enum { SYMTAB = 0xa0, HASH = 0x160, VERSYM = 0x1c0, VERDEF = 0x1e0, DYNAMIC = 0x240, STRTAB = 0x2a0 };
	static const char soname[] = "linux-gate.so.1";
	const uint32_t step = sizeof(Elf32_Verdef) + sizeof(Elf32_Verdaux);
	uint32_t strings = 1, code = CODE_AT, soname_at, v26, v25;
	uint32_t hash[2 + 1 + 1 + FUNCTIONS];
	uint16_t versym[1 + FUNCTIONS];
	Elf32_Sym sym[1 + FUNCTIONS];
	unsigned i;

	_Static_assert(SYMTAB + sizeof(sym) <= HASH && HASH + sizeof(hash) <= VERSYM &&
		       VERSYM + sizeof(versym) <= VERDEF, "the tables do not overlap");
	memset(sym, 0, sizeof(sym));
	versym[0] = 0;
	soname_at = add_string(STRTAB, &strings, soname);
	v26 = add_string(STRTAB, &strings, "LINUX_2.6");
	v25 = add_string(STRTAB, &strings, "LINUX_2.5");
	/* One hash bucket: all symbols in one chain. */
	hash[0] = 1;
	hash[1] = 1 + FUNCTIONS;
	hash[2] = 1;
	hash[3] = 0;
	for (i = 0; i < FUNCTIONS; i++) {
		const struct function *f = &functions[i];

		/* The unwinder looks at the byte before a return address: a nop in front of the signal returns. */
		image[code++] = 0x90;
		memcpy(image + code, f->code, f->size);
		address[i] = code;
		sym[1 + i].st_name = add_string(STRTAB, &strings, f->name);
		sym[1 + i].st_value = code;
		sym[1 + i].st_size = f->size;
		sym[1 + i].st_info = ELF32_ST_INFO(STB_GLOBAL, STT_FUNC);
		sym[1 + i].st_shndx = 1; /* any but undefined */
		versym[1 + i] = f->version;
		hash[4 + i] = i + 1 < FUNCTIONS ? i + 2 : 0;
		code = (code + f->size + 15) & ~15u;
	}
	add_version(VERDEF, VER_FLG_BASE, 1, soname, soname_at, false);
	add_version(VERDEF + step, 0, LINUX_2_6, "LINUX_2.6", v26, false);
	add_version(VERDEF + 2 * step, 0, LINUX_2_5, "LINUX_2.5", v25, true);
	memcpy(image + SYMTAB, sym, sizeof(sym));
	memcpy(image + HASH, hash, sizeof(hash));
	memcpy(image + VERSYM, versym, sizeof(versym));

	const Elf32_Dyn dyn[] = {
		{DT_SONAME, {soname_at}}, {DT_HASH, {HASH}}, {DT_STRTAB, {STRTAB}}, {DT_SYMTAB, {SYMTAB}},
		{DT_STRSZ, {strings}}, {DT_SYMENT, {sizeof(Elf32_Sym)}}, {DT_VERSYM, {VERSYM}},
		{DT_VERDEF, {VERDEF}}, {DT_VERDEFNUM, {3}}, {DT_NULL, {0}},
	};
	const Elf32_Ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_DYN,
		.e_machine = EM_386, .e_version = EV_CURRENT, .e_phoff = sizeof(eh), .e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 2, .e_shentsize = sizeof(Elf32_Shdr),
	};
	const Elf32_Phdr ph[2] = {
		{.p_type = PT_LOAD, .p_filesz = IMAGE_SIZE, .p_memsz = IMAGE_SIZE, .p_flags = PF_R | PF_X, .p_align = 4096},
		{.p_type = PT_DYNAMIC, .p_offset = DYNAMIC, .p_vaddr = DYNAMIC, .p_paddr = DYNAMIC,
		 .p_filesz = sizeof(dyn), .p_memsz = sizeof(dyn), .p_flags = PF_R, .p_align = 4},
	};
	_Static_assert(sizeof(eh) + sizeof(ph) <= SYMTAB && DYNAMIC + sizeof(dyn) <= STRTAB, "the headers fit");
	memcpy(image + DYNAMIC, dyn, sizeof(dyn));
	memcpy(image, &eh, sizeof(eh));
	memcpy(image + sizeof(eh), ph, sizeof(ph));
}

const void *vdso_i386(size_t *size)
{
	if (!image[0])
		build();
	*size = IMAGE_SIZE;
	return image;
}

void vdso_i386_mapped(struct process *p, uint64_t base)
{
	p->sysinfo = base + address[0];
	p->signal_return = base + address[1];
	p->rt_signal_return = base + address[2];
}
