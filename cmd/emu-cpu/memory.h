/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Physical memory as the processors and devices of a machine see it.
 *
 * A *region* is a range of something: RAM, ROM, device registers, a window onto part of another region (alias), or a container
 * of others. Regions are stacked in a container at offsets; where they overlap the higher priority wins, then the one added
 * later. A *space* is a root region flattened to a sorted list; look-up is by a radix tree that processors' TLBs cache. Port
 * I/O is a space of 64 KiB like any other.
 *
 * Locking. Everything that changes the tree, and every device callback, runs under the machine lock (machine.h). RAM is read and
 * written without it, through a flat view that readers hold for as long as they look (an epoch).
 */
#ifndef EMU_CPU_MEMORY_H
#define EMU_CPU_MEMORY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"

struct machine;
struct region;
struct space;

/* Register access; offset is relative to the region, size 1, 2, 4 or 8 as `impl` allows. Values in little-endian sense unless big_endian. */
struct region_ops {
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
	void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned size);
	/* Sizes a guest may use (others: a guest-error line, reads give all ones); 0: 1 and 4 (8 for max when it says so). */
	uint8_t min, max;
	/* Sizes the two functions take; the core splits or widens. 0: as above. */
	uint8_t impl_min, impl_max;
	bool unaligned;  /* the functions take unaligned offsets; else the core splits them */
	bool big_endian;
};

/* Makers. The caller owns the region: region_free(), after region_remove(). Names appear in `info mtree`. size: 1..2^64 (0 means 2^64). */
struct region *region_new_container(struct machine *m, const char *name, uint64_t size);
struct region *region_new_io(struct machine *m, const char *name, uint64_t size, const struct region_ops *ops, void *opaque);
/* RAM from a memfd, or the file or host node of a memory-backend object's; zeroed. name is also the section of saved state. */
struct region *region_new_ram(struct machine *m, const char *name, uint64_t size, struct err *e);
/* RAM that the guest cannot write; region_ram() is where the maker puts the contents. ops: writes go there (flash), NULL: ignored. */
struct region *region_new_rom(struct machine *m, const char *name, uint64_t size, const struct region_ops *ops, void *opaque,
			      struct err *e);
struct region *region_new_alias(struct machine *m, const char *name, struct region *of, uint64_t offset, uint64_t size);
void region_free(struct region *r);

/* Tree. Changes take effect at once, or all together between begin and commit (nestable). */
void region_add(struct region *container, uint64_t offset, struct region *r, int priority);
void region_remove(struct region *r); /* no-op when it is nowhere */
void region_move(struct region *r, uint64_t offset);
void region_enable(struct region *r, bool on);
void region_readonly(struct region *r, bool on);         /* RAM and aliases of RAM: stores are dropped (PAM, shadowing) */
void region_rom_device(struct region *r, bool reads_ram); /* ROM with ops: do reads come from memory (true) or from ops? */
void region_alias_set(struct region *r, uint64_t offset); /* moves an alias's window */
void memory_begin(struct machine *m);
void memory_commit(struct machine *m);

uint64_t region_size(const struct region *r);
const char *region_name(const struct region *r);
uint8_t *region_ram(struct region *r); /* host memory of RAM and ROM, NULL for others */
int region_ram_fd(struct region *r, uint64_t *offset);

/* Dirty pages (4 KiB) of RAM, for three clients. */
enum { DIRTY_CODE = 1, DIRTY_DISPLAY = 2, DIRTY_MIGRATION = 4 };
void region_dirty_set(struct region *r, uint64_t offset, uint64_t size);
/* Clears the client's marks in the range; calls fn for each run of dirty pages; stores that follow mark again. */
void region_dirty_take(struct region *r, unsigned client, uint64_t offset, uint64_t size,
		       void (*fn)(void *opaque, uint64_t offset, uint64_t size), void *opaque);
void region_dirty_log(struct region *r, unsigned client, bool on); /* DISPLAY and MIGRATION are off until asked for */

/* Spaces. */
struct space *space_new(struct machine *m, const char *name, struct region *root);
void space_free(struct space *s);
struct region *space_root(struct space *s);

enum mem_result { MEM_OK, MEM_UNASSIGNED, MEM_REFUSED }; /* the worst of the parts; reads of nothing give all ones */
/* Device DMA and monitor accesses of any length and alignment; dispatches to RAM and registers. Under the machine lock. */
enum mem_result space_read(struct space *s, uint64_t addr, void *buf, uint64_t size);
enum mem_result space_write(struct space *s, uint64_t addr, const void *buf, uint64_t size);
/* One access as a processor or device makes it; size 1, 2, 4, 8. */
uint64_t space_load(struct space *s, uint64_t addr, unsigned size, enum mem_result *r);
void space_store(struct space *s, uint64_t addr, uint64_t value, unsigned size, enum mem_result *r);
uint16_t space_le16(struct space *s, uint64_t addr);
uint32_t space_le32(struct space *s, uint64_t addr);
uint64_t space_le64(struct space *s, uint64_t addr);
void space_st_le16(struct space *s, uint64_t addr, uint16_t v);
void space_st_le32(struct space *s, uint64_t addr, uint32_t v);
void space_st_le64(struct space *s, uint64_t addr, uint64_t v);
/*
 * Direct access for bulk DMA: host memory for as much of [addr, addr+*size) as is plain RAM in one piece; *size is cut down, NULL
 * where it is none. Held until space_unmap() with what was really touched; stores mark pages dirty and drop translated code there
 * (before a completion is published: DESIGN.md, "block").
 */
void *space_map(struct space *s, uint64_t addr, uint64_t *size, bool write);
void space_unmap(struct space *s, void *host, uint64_t size, bool written);

/* What a processor's TLB needs of the page (4 KiB) at addr. RAM: host pointer to the page, and which stores must be reported. */
struct space_page {
	uint8_t *host;         /* NULL: registers, ask space_load/store */
	struct region *region; /* the RAM or device */
	uint64_t offset;       /* of the page in it */
	bool writable;
};
void space_page(struct space *s, uint64_t addr, struct space_page *p);
/* The flat view changed (called under the machine lock, after memory_commit): processors flush their TLBs. */
void space_on_change(struct space *s, void (*fn)(void *opaque), void *opaque);

void memory_print(struct machine *m, FILE *f, bool flat); /* info mtree [-f] */
#endif
