/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host memory of RAM and ROM: memfds, so that other processes can map them, and who wrote which page. All pages of a machine are
 * numbered; translated code and dirty marks are indexed by these numbers.
 *
 * A page is *clean* while a client that looks on (DISPLAY, MIGRATION: region_dirty_log) has taken its mark: processors then report their
 * first store. Taking marks therefore turns the TLBs' write tags slow before the takers look at the contents.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "memory-internal.h"

#define DIRTY_ALL (DIRTY_CODE | DIRTY_DISPLAY | DIRTY_MIGRATION)
/* Pages for devices, those that are plugged in later too, beside -m maxmem: 1 GiB. */
#define SPARE_PAGES (1u << (30 - PAGE_BITS))

uint64_t memory_ram_pages(const struct machine *m)
{
	const struct machine_config *c = &m->config;
	struct memory_core *mc = memory_of(m);
	uint64_t most = c->max_ram > c->ram_size ? c->max_ram : c->ram_size;

	/* Main memory may not be made yet. Once said, it holds. */
	if (!mc->page_limit)
		mc->page_limit = mc->next_page + (most >> PAGE_BITS) + SPARE_PAGES;
	return mc->page_limit;
}

/* Puts the block where its pages fit among the numbers. */
static bool number_pages(struct ram_block *b)
{
	struct memory_core *mc = memory_of(b->machine);
	uint64_t pages = b->mapped >> PAGE_BITS, free_from = 0;
	struct ram_block **p;

	pthread_rwlock_wrlock(&mc->blocks_lock);
	for (p = &mc->blocks; *p && (*p)->first - free_from < pages; p = &(*p)->next)
		free_from = (*p)->first + ((*p)->mapped >> PAGE_BITS);
	if (mc->page_limit && free_from + pages > mc->page_limit) {
		pthread_rwlock_unlock(&mc->blocks_lock);
		return false;
	}
	b->first = free_from;
	b->next = *p;
	*p = b;
	if (b->first + pages > mc->next_page)
		mc->next_page = b->first + pages;
	pthread_rwlock_unlock(&mc->blocks_lock);
	return true;
}

struct ram_block *ram_block_add(struct machine *m, const char *name, int fd, uint8_t *host, uint64_t size, uint64_t mapped, struct err *e)
{
	struct ram_block *b = calloc(1, sizeof *b);

	if (b) {
		*b = (struct ram_block){.machine = m, .name = strdup(name), .fd = fd, .host = host, .size = size, .mapped = mapped,
					.dirty = calloc(mapped >> PAGE_BITS, 1)};
		if (b->name && b->dirty && number_pages(b))
			return b;
		free(b->name);
		free((void *)b->dirty);
		free(b);
	}
	munmap(host, mapped);
	if (fd >= 0)
		close(fd);
	err_set(e, ENOMEM, "cannot set up guest memory '%s': out of memory", name);
	return NULL;
}

struct ram_block *ram_block_new(struct machine *m, const char *name, uint64_t size, struct err *e)
{
	uint64_t mapped = (size + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	char label[200];
	void *host;
	int fd;

	snprintf(label, sizeof label, "guest %s", name);
	fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || size == 0 || mapped < size || ftruncate(fd, (off_t)mapped) < 0) {
		err_errno(e, size == 0 || mapped < size ? EINVAL : errno, "cannot set up guest memory '%s'", name);
		goto fail;
	}
	/* Whoever maps it is safe from SIGBUS. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	host = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (host == MAP_FAILED) {
		err_errno(e, errno, "cannot set up guest memory '%s'", name);
		goto fail;
	}
	return ram_block_add(m, name, fd, host, size, mapped, e);
fail:
	if (fd >= 0)
		close(fd);
	return NULL;
}

void ram_block_free(struct ram_block *b)
{
	struct memory_core *mc = memory_of(b->machine);
	struct ram_block **p;

	/* A processor may still have its pages in the TLB. */
	if (mc->processors.flush)
		mc->processors.flush(mc->processors.opaque, true);
	pthread_rwlock_wrlock(&mc->blocks_lock);
	for (p = &mc->blocks; *p != b; p = &(*p)->next)
		;
	*p = b->next;
	pthread_rwlock_unlock(&mc->blocks_lock);
	munmap(b->host, b->mapped);
	if (b->fd >= 0)
		close(b->fd);
	free((void *)b->dirty);
	free(b->name);
	free(b);
}

struct ram_block *ram_block_at(struct machine *m, const void *host)
{
	struct memory_core *mc = memory_of(m);
	struct ram_block *b;

	pthread_rwlock_rdlock(&mc->blocks_lock);
	for (b = mc->blocks; b && (uint64_t)((const uint8_t *)host - b->host) >= b->mapped; b = b->next)
		;
	pthread_rwlock_unlock(&mc->blocks_lock);
	return b;
}

/* ---- marks ---- */

static inline void mark(struct ram_block *b, uint64_t page)
{
	if ((atomic_load_explicit(&b->dirty[page], memory_order_relaxed) & DIRTY_ALL) != DIRTY_ALL)
		atomic_store_explicit(&b->dirty[page], DIRTY_ALL, memory_order_release);
}

void ram_written(struct ram_block *b, uint64_t offset, uint64_t size)
{
	const struct memory_processors *cpu = &memory_of(b->machine)->processors;
	uint64_t end = offset + size;

	while (offset < end) {
		uint64_t page = offset >> PAGE_BITS, stop = (page + 1) << PAGE_BITS;
		if (stop > end)
			stop = end;
		mark(b, page);
		if (cpu->written)
			cpu->written(cpu->opaque, b->first + page, (unsigned)(offset & (PAGE_BYTES - 1)),
				     (unsigned)(stop - (page << PAGE_BITS)));
		offset = stop;
	}
}

void memory_dirtied(struct machine *m, uint64_t ram)
{
	struct memory_core *mc = memory_of(m);

	pthread_rwlock_rdlock(&mc->blocks_lock);
	for (struct ram_block *b = mc->blocks; b; b = b->next)
		if (ram - b->first < b->mapped >> PAGE_BITS) {
			mark(b, ram - b->first);
			break;
		}
	pthread_rwlock_unlock(&mc->blocks_lock);
}

void region_dirty_set(struct region *r, uint64_t offset, uint64_t size)
{
	if (!r->ram || offset >= r->ram->size)
		return;
	if (size > r->ram->size - offset)
		size = r->ram->size - offset;
	ram_written(r->ram, offset, size);
}

/* Processors report stores to the pages again. */
static void report_again(struct ram_block *b, uint64_t page, uint64_t pages)
{
	const struct memory_processors *cpu = &memory_of(b->machine)->processors;

	if (cpu->clean)
		cpu->clean(cpu->opaque, b->first + page, pages);
}

void region_dirty_log(struct region *r, unsigned client, bool on)
{
	struct ram_block *b = r->ram;

	if (!b)
		return;
	client &= DIRTY_DISPLAY | DIRTY_MIGRATION;
	if (!on) {
		atomic_fetch_and(&b->logged, (uint8_t)~client);
		return;
	}
	/* Who begins to look has seen nothing yet. */
	for (uint64_t page = 0; page < b->mapped >> PAGE_BITS; page++)
		mark(b, page);
	atomic_fetch_or(&b->logged, (uint8_t)client);
}

void region_dirty_take(struct region *r, unsigned client, uint64_t offset, uint64_t size,
		       void (*fn)(void *opaque, uint64_t offset, uint64_t size), void *opaque)
{
	struct ram_block *b = r->ram;
	uint64_t first, pages, run = 0;
	uint8_t *taken;
	bool any = false;

	if (!b || offset >= b->size || size == 0)
		return;
	if (size > b->size - offset)
		size = b->size - offset;
	first = offset >> PAGE_BITS;
	pages = ((offset + size - 1) >> PAGE_BITS) - first + 1;
	taken = calloc(pages, 1);
	if (!taken) {
		/* All of it is a right answer too. */
		fn(opaque, offset, size);
		return;
	}
	for (uint64_t i = 0; i < pages; i++)
		if (atomic_load_explicit(&b->dirty[first + i], memory_order_relaxed) & client) {
			atomic_fetch_and(&b->dirty[first + i], (uint8_t)~client);
			taken[i] = 1;
			any = true;
		}
	if (any && (b->logged & client))
		report_again(b, first, pages);
	for (uint64_t i = 0; any && i <= pages; i++) {
		if (i < pages && taken[i]) {
			run++;
		} else if (run) {
			uint64_t from = (first + i - run) << PAGE_BITS, to = (first + i) << PAGE_BITS;
			if (from < offset)
				from = offset;
			if (to > offset + size)
				to = offset + size;
			fn(opaque, from, to - from);
			run = 0;
		}
	}
	free(taken);
}
