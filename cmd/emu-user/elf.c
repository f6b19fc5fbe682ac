/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ELF loader (System V gABI chapters 4 and 5; Linux's own rules where they differ): 32 and 64 bit, both byte
 * orders, ET_EXEC and ET_DYN. Every header field comes from a stranger: offsets and sums are checked before use, and
 * what cannot be loaded is refused in one line.
 */
#include <byteswap.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "internal.h"

#define MAX_HEADERS 65536u /* bytes of program headers, as the kernel: one page times sixteen */

struct header {
	uint16_t type, machine, phentsize, phnum;
	uint32_t flags;
	uint64_t entry, phoff;
};

struct segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
};

static const struct abi *const abis[] = {&abi_x86_64, &abi_i386, &abi_aarch64, &abi_aarch64_be, &abi_ppc, &abi_ppc64, &abi_ppc64le, &abi_ppc64abi32};

/* The one that the program's own name says, of several with the same ELF header (ppc, ppc64abi32). */
static const struct abi *preferred;

void abi_prefer(const char *argv0)
{
	const char *name = strrchr(argv0, '/');

	name = name ? name + 1 : argv0;
	preferred = strncmp(name, "qemu-", 5) ? NULL : abi_by_name(name + 5);
}

static bool fits(const struct abi *a, uint16_t machine, uint8_t elf_class, uint8_t elf_data)
{
	return a->machine == machine && a->elf_class == elf_class && a->elf_data == elf_data;
}

const struct abi *abi_find(uint16_t machine, uint8_t elf_class, uint8_t elf_data)
{
	unsigned i;

	if (preferred && fits(preferred, machine, elf_class, elf_data))
		return preferred;
	for (i = 0; i < sizeof(abis) / sizeof(abis[0]); i++)
		if (fits(abis[i], machine, elf_class, elf_data))
			return abis[i];
	return NULL;
}

const struct abi *abi_by_name(const char *name)
{
	unsigned i;

	for (i = 0; i < sizeof(abis) / sizeof(abis[0]); i++)
		if (!strcmp(abis[i]->name, name))
			return abis[i];
	return NULL;
}

static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{EM_386, "i386"}, {EM_X86_64, "x86-64"}, {EM_AARCH64, "AArch64"}, {EM_ARM, "ARM"}, {EM_PPC, "PowerPC"},
	{EM_PPC64, "PowerPC64"}, {EM_MIPS, "MIPS"}, {EM_SPARC, "SPARC"}, {EM_SPARCV9, "SPARC V9"},
	{EM_SPARC32PLUS, "SPARC32PLUS"}, {EM_68K, "m68k"}, {EM_SH, "SuperH"}, {EM_ALPHA, "Alpha"}, {0x9026, "Alpha"},
	{EM_S390, "s390"}, {EM_RISCV, "RISC-V"}, {EM_IA_64, "Itanium"}, {EM_PARISC, "PA-RISC"}, {76, "CRIS"},
	{EM_MICROBLAZE, "MicroBlaze"}, {EM_ALTERA_NIOS2, "Nios II"}, {EM_XTENSA, "Xtensa"}, {258, "LoongArch"},
};

static const char *machine_name(uint16_t m, char *buf, size_t size)
{
	unsigned i;

	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].machine == m)
			return machines[i].name;
	snprintf(buf, size, "number %u", m);
	return buf;
}

static uint16_t get16(const uint8_t *p, bool swap)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return swap ? bswap_16(v) : v;
}

static uint32_t get32(const uint8_t *p, bool swap)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return swap ? bswap_32(v) : v;
}

static uint64_t get64(const uint8_t *p, bool swap)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return swap ? bswap_64(v) : v;
}

static int read_header(int fd, const char *path, uint8_t id[EI_NIDENT], struct header *h, struct err *e)
{
	uint8_t b[64];
	ssize_t n = pread(fd, b, sizeof(b), 0);
	bool swap;

	if (n < 0)
		return err_errno(e, errno, "%s", path);
	if (n == 0)
		return err_set(e, ENOEXEC, "%s: the file is empty", path);
	if (n < SELFMAG || memcmp(b, ELFMAG, SELFMAG))
		return err_set(e, ENOEXEC, "%s: is neither an ELF program nor a script that begins with #!", path);
	if (n < 52 || b[EI_CLASS] < ELFCLASS32 || b[EI_CLASS] > ELFCLASS64 || b[EI_DATA] < ELFDATA2LSB ||
	    b[EI_DATA] > ELFDATA2MSB || (b[EI_CLASS] == ELFCLASS64 && n < 64))
		return err_set(e, ENOEXEC, "%s: the ELF header is cut short or damaged", path);
	memcpy(id, b, EI_NIDENT);
	swap = b[EI_DATA] == ELFDATA2MSB;
	h->type = get16(b + 16, swap);
	h->machine = get16(b + 18, swap);
	if (b[EI_CLASS] == ELFCLASS64) {
		h->entry = get64(b + 24, swap);
		h->phoff = get64(b + 32, swap);
		h->flags = get32(b + 48, swap);
		h->phentsize = get16(b + 54, swap);
		h->phnum = get16(b + 56, swap);
	} else {
		h->entry = get32(b + 24, swap);
		h->phoff = get32(b + 28, swap);
		h->flags = get32(b + 36, swap);
		h->phentsize = get16(b + 42, swap);
		h->phnum = get16(b + 44, swap);
	}
	return 0;
}

/* The program headers in malloc'ed memory. */
static int read_segments(int fd, const char *path, const uint8_t *id, const struct header *h, struct segment **out,
			 struct err *e)
{
	bool swap = id[EI_DATA] == ELFDATA2MSB, wide = id[EI_CLASS] == ELFCLASS64;
	size_t size = (size_t)h->phnum * h->phentsize;
	struct segment *s;
	uint8_t *b;
	unsigned i;

	if (h->phentsize != (wide ? 56 : 32) || !h->phnum || size > MAX_HEADERS)
		return err_set(e, ENOEXEC, "%s: the ELF header gives %u program headers of %u bytes", path, h->phnum,
			       h->phentsize);
	b = malloc(size);
	s = calloc(h->phnum, sizeof(*s));
	if (!b || !s || h->phoff > INT64_MAX - size || pread(fd, b, size, (off_t)h->phoff) != (ssize_t)size) {
		free(b);
		free(s);
		return err_set(e, ENOEXEC, "%s: the program headers lie beyond the end of the file", path);
	}
	for (i = 0; i < h->phnum; i++) {
		const uint8_t *p = b + (size_t)i * h->phentsize;

		s[i].type = get32(p, swap);
		if (wide) {
			s[i].flags = get32(p + 4, swap);
			s[i].offset = get64(p + 8, swap);
			s[i].vaddr = get64(p + 16, swap);
			s[i].filesz = get64(p + 32, swap);
			s[i].memsz = get64(p + 40, swap);
			s[i].align = get64(p + 48, swap);
		} else {
			s[i].offset = get32(p + 4, swap);
			s[i].vaddr = get32(p + 8, swap);
			s[i].filesz = get32(p + 16, swap);
			s[i].memsz = get32(p + 20, swap);
			s[i].flags = get32(p + 24, swap);
			s[i].align = get32(p + 28, swap);
		}
	}
	free(b);
	*out = s;
	return 0;
}

static int read_interp(int fd, const char *path, const struct segment *s, struct image *im, struct err *e)
{
	char *name;

	if (s->filesz < 2 || s->filesz > PATH_MAX || s->offset > INT64_MAX - PATH_MAX)
		return err_set(e, ENOEXEC, "%s: the name of its interpreter is %llu bytes long", path,
			       (unsigned long long)s->filesz);
	name = malloc(s->filesz);
	if (!name)
		return err_errno(e, ENOMEM, "%s", path);
	if (pread(fd, name, s->filesz, (off_t)s->offset) != (ssize_t)s->filesz || name[s->filesz - 1]) {
		free(name);
		return err_set(e, ENOEXEC, "%s: the name of its interpreter is damaged", path);
	}
	im->interp = name;
	return 0;
}

int elf_inspect(int fd, const char *path, struct image *im, struct err *e)
{
	uint8_t id[EI_NIDENT];
	struct segment *s = NULL;
	struct header h;
	char buf[32];
	unsigned i;
	bool load = false;
	int r = read_header(fd, path, id, &h, e);

	if (r)
		return r;
	im->flags = h.flags;
	im->abi = abi_find(h.machine, id[EI_CLASS], id[EI_DATA]);
	if (!im->abi) {
		err_set(e, ENOEXEC, "%s: is a program for %s (%d bit, %s endian), which this emulator does not run", path,
			machine_name(h.machine, buf, sizeof(buf)), id[EI_CLASS] == ELFCLASS64 ? 64 : 32,
			id[EI_DATA] == ELFDATA2MSB ? "big" : "little");
		return err_hint(e, "programs for aarch64, aarch64_be, i386, ppc, ppc64, ppc64le and x86_64 run here");
	}
	if (h.type != ET_EXEC && h.type != ET_DYN)
		return err_set(e, ENOEXEC, "%s: is %s, not a program", path,
			       h.type == ET_REL ? "an object file" : h.type == ET_CORE ? "a core dump" : "an ELF file of unknown type");
	r = read_segments(fd, path, id, &h, &s, e);
	for (i = 0; !r && i < h.phnum; i++) {
		if (s[i].type == PT_INTERP && !im->interp)
			r = read_interp(fd, path, &s[i], im, e);
		load |= s[i].type == PT_LOAD;
	}
	if (!r && !load)
		r = err_set(e, ENOEXEC, "%s: has no loadable segment", path);
	free(s);
	return r;
}

void elf_image_free(struct image *im)
{
	if (im->fd >= 0)
		close(im->fd);
	free(im->path);
	free(im->interp);
	memset(im, 0, sizeof(*im));
	im->fd = -1;
}

static int elf_prot(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

/* Clears [from, to): the last file page's tail, and anonymous pages behind it. */
static int map_bss(struct process *p, uint64_t from, uint64_t to, int prot)
{
	uint64_t page_end = PAGE_UP(from);
	int64_t r;

	/* To the end of the page, beyond the segment: ld.so's first malloc relies on it. */
	if (from < page_end && (prot & PROT_WRITE))
		memset((void *)(uintptr_t)(from + p->guest_base), 0, page_end - from);
	if (PAGE_UP(to) > page_end) {
		/* Writable at first: the kernel counts the zeros of every segment as memory, and refuses more than it can ever have. */
		r = mm_map(p, page_end, PAGE_UP(to) - page_end, prot | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (r >= 0 && !(prot & PROT_WRITE))
			r = mm_protect(p, page_end, PAGE_UP(to) - page_end, prot);
		if (r < 0)
			return (int)r;
	}
	return 0;
}

static int map_segment(struct process *p, struct image *im, const struct segment *s, uint64_t file_size, struct err *e)
{
	uint64_t addr = s->vaddr + im->base, in_page = addr & (PAGE - 1);
	int prot = elf_prot(s->flags);
	int64_t r = 0;

	if (s->filesz) {
		/* Pages wholly beyond the end of the file would kill with SIGBUS at the first touch, as on the host. */
		r = mm_map(p, addr - in_page, s->filesz + in_page, prot, MAP_PRIVATE | MAP_FIXED, im->fd,
			   s->offset - in_page);
		if (r < 0)
			return err_errno(e, (int)-r, "%s: cannot map %llu bytes at %#llx", im->path,
					 (unsigned long long)s->filesz, (unsigned long long)addr);
		if (s->memsz > s->filesz && ((addr + s->filesz) & (PAGE - 1)) && (prot & PROT_WRITE) &&
		    s->offset + s->filesz > file_size)
			return err_set(e, ENOEXEC, "%s: a segment lies beyond the end of the file", im->path);
	}
	if (s->memsz > s->filesz) {
		/* With no file part the start of the page belongs to nobody: it becomes zeros, too. */
		uint64_t from = s->filesz ? addr + s->filesz : addr - in_page;

		r = map_bss(p, from, addr + s->memsz, prot);
		if (r < 0)
			return err_errno(e, (int)-r, "%s: cannot map %llu bytes of zeros at %#llx", im->path,
					 (unsigned long long)(s->memsz - s->filesz), (unsigned long long)from);
	}
	return 0;
}

/* Checks the PT_LOAD segments against each other and the address space; finds their span and largest alignment. */
static int check_segments(struct process *p, struct image *im, const struct segment *s, unsigned n, uint64_t *align,
			  struct err *e)
{
	uint64_t low = UINT64_MAX, high = 0;
	unsigned i;

	*align = PAGE;
	for (i = 0; i < n; i++) {
		if (s[i].type != PT_LOAD || !s[i].memsz)
			continue;
		if (s[i].filesz > s[i].memsz || s[i].memsz > p->task_size || s[i].vaddr > p->task_size - s[i].memsz ||
		    s[i].offset > INT64_MAX - s[i].filesz || ((s[i].vaddr ^ s[i].offset) & (PAGE - 1) && s[i].filesz))
			return err_set(e, ENOEXEC, "%s: the segment at %#llx has a size or offset that cannot be", im->path,
				       (unsigned long long)s[i].vaddr);
		if (s[i].align > *align && !(s[i].align & (s[i].align - 1)) && s[i].align <= 1u << 30)
			*align = s[i].align;
		if (s[i].vaddr < low)
			low = s[i].vaddr;
		if (s[i].vaddr + s[i].memsz > high)
			high = s[i].vaddr + s[i].memsz;
	}
	if (high <= low)
		return err_set(e, ENOEXEC, "%s: has no loadable segment", im->path);
	im->low = PAGE_DOWN(low);
	im->high = PAGE_UP(high);
	return 0;
}

/* Chooses where a position-independent image goes, and claims the room. */
static int place(struct process *p, struct image *im, bool is_interp, bool fixed, uint64_t align, struct err *e)
{
	uint64_t span = im->high - im->low, want = fixed ? im->low : !is_interp ? p->abi->pie_base + im->low : 0, at;
	int64_t r;

	if (fixed) {
		r = mm_map(p, want, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | 0x100000, -1, 0);
		if (r < 0) {
			err_errno(e, (int)-r, "%s: its addresses %#llx–%#llx are not free", im->path,
				  (unsigned long long)im->low, (unsigned long long)im->high);
			return -ENOMEM;
		}
		im->base = 0;
		return 0;
	}
	/* Room for the alignment, then the surplus is given back. */
	r = mm_map(p, want, span + (align > PAGE ? align : 0), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		   0);
	if (r < 0)
		return err_errno(e, (int)-r, "%s: no room for %llu bytes", im->path, (unsigned long long)span);
	at = (uint64_t)r;
	if (align > PAGE) {
		uint64_t start = ((at - im->low + align - 1) & -align) + im->low;

		if (start < at)
			start += align;
		if (start > at)
			mm_unmap(p, at, start - at);
		if (at + align > start)
			mm_unmap(p, start + span, at + align - start);
		at = start;
	}
	im->base = at - im->low;
	return 0;
}

int elf_load(struct process *p, struct image *im, bool is_interp, struct err *e)
{
	uint8_t id[EI_NIDENT];
	struct segment *s = NULL;
	struct header h;
	uint64_t align;
	struct stat st;
	unsigned i;
	int r = read_header(im->fd, im->path, id, &h, e);

	if (r || (r = read_segments(im->fd, im->path, id, &h, &s, e)))
		return r;
	if (fstat(im->fd, &st) < 0)
		st.st_size = 0;
	r = check_segments(p, im, s, h.phnum, &align, e);
	if (r || (r = place(p, im, is_interp, h.type == ET_EXEC, align, e)))
		goto out;
	im->executable_stack = p->abi->word == 4; /* without PT_GNU_STACK: an i386 program from before it */
	im->start_code = im->start_data = UINT64_MAX;
	im->end_code = im->end_data = 0;
	for (i = 0; i < h.phnum; i++) {
		uint64_t a = s[i].vaddr + im->base;

		if (s[i].type == PT_GNU_STACK)
			im->executable_stack = s[i].flags & PF_X;
		if (s[i].type == PT_PHDR)
			im->phdr = a;
		if (s[i].type != PT_LOAD || !s[i].memsz)
			continue;
		r = map_segment(p, im, &s[i], (uint64_t)st.st_size, e);
		if (r)
			goto out;
		if (!im->phdr && h.phoff >= s[i].offset && h.phoff - s[i].offset < s[i].filesz)
			im->phdr = a + (h.phoff - s[i].offset);
		if ((s[i].flags & PF_X) && a < im->start_code)
			im->start_code = a;
		if ((s[i].flags & PF_X) && a + s[i].filesz > im->end_code)
			im->end_code = a + s[i].filesz;
		if ((s[i].flags & PF_W) && a < im->start_data)
			im->start_data = a;
		if ((s[i].flags & PF_W) && a + s[i].filesz > im->end_data)
			im->end_data = a + s[i].filesz;
	}
	/* Holes between segments stay inaccessible; the room is the image's. */
	im->phnum = h.phnum;
	im->phent = h.phentsize;
	im->entry = h.entry + im->base;
	im->low += im->base;
	im->high += im->base;
out:
	free(s);
	return r;
}
