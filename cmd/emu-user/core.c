/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's core dump: an ELF core as the guest's own kernel would write it (fs/binfmt_elf.c describes the notes;
 * gABI "Note Section"), so that its debugger can read it. Written to qemu_PROGRAM_DATE-TIME_PID.core's simpler
 * relative, PROGRAM.core.PID, in the working directory, when RLIMIT_CORE allows.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "abi/order.h"

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif
#ifndef NT_SIGINFO
#define NT_SIGINFO 0x53494749
#endif
#ifndef NT_FILE
#define NT_FILE 0x46494c45
#endif

static bool is_big(const struct abi *abi) { return abi->elf_data == ELFDATA2MSB; }

/* An integer of a structure that is the host's, into the guest's byte order. */
#define TURN(big, x)                                                                                                  \
	((x) = (__typeof__(x))(!(big) ? (x) : sizeof(x) == 2 ? bswap_16((uint16_t)(x)) : sizeof(x) == 4 ? bswap_32((uint32_t)(x)) : bswap_64(x)))

/* A growing buffer of notes. */
struct notes {
	bool big;
	uint8_t *data;
	size_t size, room;
	bool failed;
};

static void put(struct notes *n, const void *data, size_t size)
{
	if (n->size + size > n->room) {
		uint8_t *d = realloc(n->data, n->room = 2 * (n->size + size) + 4096);

		if (!d) {
			n->failed = true;
			return;
		}
		n->data = d;
	}
	if (!n->failed)
		memcpy(n->data + n->size, data, size);
	n->size += size;
}

static void note(struct notes *n, const char *owner, uint32_t type, const void *data, size_t size)
{
	static const uint8_t zero[4];
	uint32_t head[3] = {(uint32_t)strlen(owner) + 1, (uint32_t)size, type};

	for (unsigned i = 0; i < 3; i++)
		TURN(n->big, head[i]);
	put(n, head, sizeof(head));
	put(n, owner, strlen(owner) + 1);
	put(n, zero, -(strlen(owner) + 1) & 3);
	put(n, data, size);
	put(n, zero, -size & 3);
}

/* A word of the guest's size. */
static size_t word(const struct abi *abi, uint8_t *at, uint64_t v)
{
	if (abi->word == 8)
		put64(is_big(abi), at, v);
	else
		put32(is_big(abi), at, (uint32_t)v);
	return abi->word;
}

/* Integers of 32 bits. */
static size_t ints(const struct abi *abi, uint8_t *at, const int32_t *v, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		put32(is_big(abi), at + 4 * i, (uint32_t)v[i]);
	return 4 * (size_t)count;
}

/* struct elf_prstatus: siginfo, pending signals, ids, times, registers, fpvalid. */
static void prstatus(struct notes *n, struct thread *t, int sig)
{
	const struct abi *abi = t->process->abi;
	uint8_t b[1024] = {0};
	size_t at = 0, w = abi->word;
	int32_t ids[4] = {t->tid, getppid(), getpgrp(), getsid(0)};

	ints(abi, b, &sig, 1);
	b[is_big(abi) ? 13 : 12] = (uint8_t)sig; /* pr_cursig, 16 bits */
	at = 16;
	at += word(abi, b + at, 0);
	at += word(abi, b + at, t->mask);
	at += ints(abi, b + at, ids, 4) + 8 * w; /* four struct timeval */
	at += abi->core_gregs(t->cpu, b + at, sizeof(b) - at - 8);
	ints(abi, b + at, &(int32_t){1}, 1);
	at = (at + 4 + w - 1) & -w;
	note(n, "CORE", NT_PRSTATUS, b, at);
}

/* struct elf_prpsinfo. */
static void prpsinfo(struct notes *n, struct thread *t)
{
	struct process *p = t->process;
	uint8_t b[160] = {0};
	size_t at = 4, w = p->abi->word;
	const char *base = strrchr(p->exe_path, '/');
	uint64_t len = p->arg_end - p->arg_start, i;
	int32_t ids[4] = {getpid(), getppid(), getpgrp(), getsid(0)};

	b[1] = 'R';
	at = w == 8 ? 8 : 4;
	at += w; /* flags */
	if (w == 8) {
		at += ints(p->abi, b + at, (int32_t[]){(int32_t)getuid(), (int32_t)getgid()}, 2);
	} else {
		uint16_t u[2] = {(uint16_t)getuid(), (uint16_t)getgid()};
		TURN(is_big(p->abi), u[0]);
		TURN(is_big(p->abi), u[1]);
		memcpy(b + at, u, 4);
		at += 4;
	}
	at += ints(p->abi, b + at, ids, 4);
	snprintf((char *)b + at, 16, "%s", base ? base + 1 : p->exe_path);
	at += 16;
	if (len > 79)
		len = 79;
	if (!user_read(t, b + at, p->arg_start, len))
		for (i = 0; i < len; i++)
			if (!b[at + i])
				b[at + i] = ' ';
	at += 80;
	note(n, "CORE", NT_PRPSINFO, b, at);
}

static void thread_notes(struct notes *n, struct thread *t, int sig)
{
	const struct abi *abi = t->process->abi;
	uint8_t b[2048] __attribute__((aligned(64)));
	uint32_t type;
	size_t k;

	prstatus(n, t, sig);
	k = abi->core_fpregs(t->cpu, b, sizeof(b));
	if (k)
		note(n, "CORE", NT_FPREGSET, b, k);
	k = abi->core_xstate(t->cpu, b, sizeof(b));
	if (k)
		note(n, "LINUX", NT_X86_XSTATE, b, k);
	for (unsigned i = 0; abi->core_more && (k = abi->core_more(t->cpu, i, &type, b, sizeof(b))); i++)
		note(n, "LINUX", type, b, k);
}

/* NT_FILE: count, page size, then start, end, page offset of each file mapping, then the names. */
static void file_note(struct notes *n, struct process *p)
{
	struct notes table = {0}, names = {0};
	FILE *f = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 128];
	uint8_t w[8];
	uint64_t files = 0;

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long a, b, off;
		int at = 0;

		if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %n", &a, &b, &off, &at) < 3 || !at || line[at] != '/')
			continue;
		a -= p->guest_base;
		b -= p->guest_base;
		if (!vma_find(p, a))
			continue;
		line[strcspn(line, "\n")] = 0;
		put(&table, w, word(p->abi, w, a));
		put(&table, w, word(p->abi, w, b));
		put(&table, w, word(p->abi, w, off / PAGE));
		put(&names, line + at, strlen(line + at) + 1);
		files++;
	}
	if (f)
		fclose(f);
	if (files && !table.failed && !names.failed) {
		struct notes all = {0};

		put(&all, w, word(p->abi, w, files));
		put(&all, w, word(p->abi, w, PAGE));
		put(&all, table.data, table.size);
		put(&all, names.data, names.size);
		if (!all.failed)
			note(n, "CORE", NT_FILE, all.data, all.size);
		free(all.data);
	}
	free(table.data);
	free(names.data);
}

struct dump {
	struct process *p;
	int fd;
	uint64_t offset; /* of the next segment's data */
	unsigned count;
	bool data, failed;
};

/* Read-only file text is left to the file, as the kernel's default filter does. */
static uint64_t dumped_size(const struct vma *v)
{
	if ((v->flags & VMA_BLOCKED) || !(v->prot & PROT_READ))
		return 0;
	if ((v->flags & VMA_FILE) && !(v->prot & PROT_WRITE))
		return PAGE; /* the first page: build id */
	if ((v->flags & (VMA_SHARED | VMA_FILE)) == (VMA_SHARED | VMA_FILE))
		return 0;
	return v->end - v->start;
}

static void write_all(struct dump *d, const void *data, size_t size)
{
	const char *c = data;

	while (size && !d->failed) {
		ssize_t k = write(d->fd, c, size);

		if (k <= 0) {
			d->failed = true;
			return;
		}
		c += k;
		size -= (size_t)k;
	}
}

static int count_one(struct vma *v, void *opaque)
{
	if (!(v->flags & VMA_BLOCKED))
		((struct dump *)opaque)->count++;
	return 0;
}

#define TURN_PHDR(big, h)                                                                                             \
	(TURN(big, (h).p_type), TURN(big, (h).p_flags), TURN(big, (h).p_offset), TURN(big, (h).p_vaddr), TURN(big, (h).p_paddr), \
	 TURN(big, (h).p_filesz), TURN(big, (h).p_memsz), TURN(big, (h).p_align))
#define TURN_EHDR(big, h)                                                                                             \
	(TURN(big, (h).e_type), TURN(big, (h).e_machine), TURN(big, (h).e_version), TURN(big, (h).e_phoff), TURN(big, (h).e_ehsize), \
	 TURN(big, (h).e_phentsize), TURN(big, (h).e_phnum))

static int header_one(struct vma *v, void *opaque)
{
	struct dump *d = opaque;
	uint64_t size = dumped_size(v);
	uint32_t flags = (v->prot & PROT_READ ? PF_R : 0u) | (v->prot & PROT_WRITE ? PF_W : 0u) |
			 (v->prot & PROT_EXEC ? PF_X : 0u);

	if (v->flags & VMA_BLOCKED)
		return 0;
	if (d->p->abi->word == 8) {
		Elf64_Phdr h = {.p_type = PT_LOAD, .p_flags = flags, .p_offset = d->offset, .p_vaddr = v->start,
				.p_filesz = size, .p_memsz = v->end - v->start, .p_align = PAGE};
		TURN_PHDR(is_big(d->p->abi), h);
		write_all(d, &h, sizeof(h));
	} else {
		Elf32_Phdr h = {.p_type = PT_LOAD, .p_flags = flags, .p_offset = (uint32_t)d->offset,
				.p_vaddr = (uint32_t)v->start, .p_filesz = (uint32_t)size,
				.p_memsz = (uint32_t)(v->end - v->start), .p_align = PAGE};
		TURN_PHDR(is_big(d->p->abi), h);
		write_all(d, &h, sizeof(h));
	}
	d->offset += size;
	return 0;
}

static int data_one(struct vma *v, void *opaque)
{
	static uint8_t page[PAGE];
	struct dump *d = opaque;
	uint64_t at, end = v->start + dumped_size(v);

	for (at = v->start; at < end && !d->failed; at += PAGE) {
		static const uint8_t zero[PAGE];

		if (user_copy(page, (void *)(uintptr_t)(at + d->p->guest_base), PAGE))
			memset(page, 0, PAGE);
		if (!memcmp(page, zero, PAGE)) /* a hole */
			d->failed |= lseek(d->fd, PAGE, SEEK_CUR) < 0;
		else
			write_all(d, page, PAGE);
	}
	return d->failed;
}

static void elf_header(struct dump *d, uint64_t note_size)
{
	const struct abi *abi = d->p->abi;
	unsigned n = d->count + 1;
	uint64_t headers = abi->word == 8 ? sizeof(Elf64_Ehdr) + n * sizeof(Elf64_Phdr)
					  : sizeof(Elf32_Ehdr) + n * sizeof(Elf32_Phdr);

	d->offset = PAGE_UP(headers + note_size);
	if (abi->word == 8) {
		Elf64_Ehdr h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, abi->elf_data, EV_CURRENT},
				.e_type = ET_CORE, .e_machine = abi->machine, .e_version = 1,
				.e_phoff = sizeof(h), .e_ehsize = sizeof(h), .e_phentsize = sizeof(Elf64_Phdr),
				.e_phnum = (uint16_t)n};
		Elf64_Phdr ph = {.p_type = PT_NOTE, .p_offset = headers, .p_filesz = note_size, .p_align = 4};
		TURN_EHDR(is_big(abi), h);
		TURN_PHDR(is_big(abi), ph);
		write_all(d, &h, sizeof(h));
		write_all(d, &ph, sizeof(ph));
	} else {
		Elf32_Ehdr h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, abi->elf_data, EV_CURRENT},
				.e_type = ET_CORE, .e_machine = abi->machine, .e_version = 1,
				.e_phoff = sizeof(h), .e_ehsize = sizeof(h), .e_phentsize = sizeof(Elf32_Phdr),
				.e_phnum = (uint16_t)n};
		Elf32_Phdr ph = {.p_type = PT_NOTE, .p_offset = (uint32_t)headers, .p_filesz = (uint32_t)note_size,
				 .p_align = 4};
		TURN_EHDR(is_big(abi), h);
		TURN_PHDR(is_big(abi), ph);
		write_all(d, &h, sizeof(h));
		write_all(d, &ph, sizeof(ph));
	}
}

bool core_dump(struct thread *t, int sig, const siginfo_t *si)
{
	struct process *p = t->process;
	const char *base = strrchr(p->exe_path, '/');
	struct notes n = {.big = is_big(p->abi)};
	struct dump d = {.p = p, .fd = -1};
	struct rlimit rl;
	char name[NAME_MAX];
	struct thread *o;

	if (getrlimit(RLIMIT_CORE, &rl) || rl.rlim_cur < PAGE)
		return false;
	threads_freeze(t);
	thread_notes(&n, t, sig); /* the thread that died comes first */
	prpsinfo(&n, t);
	if (si && p->abi->word == 8 && !is_big(p->abi)) {
		note(&n, "CORE", NT_SIGINFO, si, sizeof(*si));
	} else if (si) {
		uint8_t b[SIGINFO_SIZE];
		siginfo_put(p->abi, b, si);
		note(&n, "CORE", NT_SIGINFO, b, sizeof(b));
	}
	note(&n, "CORE", NT_AUXV, p->auxv, p->auxv_size);
	file_note(&n, p);
	for (o = p->threads; o; o = o->next)
		if (o != t)
			thread_notes(&n, o, 0);
	snprintf(name, sizeof(name), "%.200s.core.%d", base ? base + 1 : p->exe_path, getpid());
	d.fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d.fd < 0 || n.failed) {
		free(n.data);
		return false;
	}
	vma_walk(p, count_one, &d);
	if (d.count > 65000)
		d.failed = true;
	elf_header(&d, n.size);
	vma_walk(p, header_one, &d);
	write_all(&d, n.data, n.size);
	if (lseek(d.fd, (off_t)PAGE_UP((uint64_t)lseek(d.fd, 0, SEEK_CUR)), SEEK_SET) < 0)
		d.failed = true;
	vma_walk(p, data_one, &d);
	if (!d.failed && ftruncate(d.fd, lseek(d.fd, 0, SEEK_CUR)) < 0)
		d.failed = true;
	close(d.fd);
	free(n.data);
	if (d.failed)
		unlink(name);
	else
		fprintf(stderr, "%s: core dumped to %s\n", err_program(), name);
	return !d.failed;
}
