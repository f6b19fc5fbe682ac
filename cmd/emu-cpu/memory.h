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
	/*
	 * Sizes a guest may use; 0: 1 and 4. Larger accesses are split, as a bus of that width does; smaller ones are a guest-error line
	 * and reads give all ones.
	 */
	uint8_t min, max;
	/*
	 * Sizes the two functions take; 0: as above. The core splits what is larger. What is smaller than impl_min it widens: a read takes
	 * its bytes from the aligned impl_min bytes, a write reads those, puts its bytes in and writes them back.
	 */
	uint8_t impl_min, impl_max;
	bool unaligned;  /* the functions take unaligned offsets; else the core splits them */
	bool big_endian;
	/*
	 * The functions may be entered again while they run (a device that reaches its own registers by DMA on purpose). Otherwise such an
	 * access is refused with a guest-error line.
	 */
	bool reentrant;
};

/*
 * A memory back end, `-object memory-backend-ram,id=ID,size=…` (memdev.c): its RAM, for one board or DIMM at a time. NULL with e filled.
 */
struct region *memdev_region(struct machine *m, const char *id, struct err *e);

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
/* Host memory of the region was written by its device: marks the pages for all clients, translations of them go. Any thread. */
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
	uint64_t ram;          /* number of the page among all RAM of the machine; only with host */
	bool writable;         /* stores may go to host */
	bool dirty;            /* false: memory_dirtied() must be told of the first store */
};
void space_page(struct space *s, uint64_t addr, struct space_page *p); /* any thread, no lock */
void memory_dirtied(struct machine *m, uint64_t ram);                  /* any thread */
uint64_t memory_ram_pages(const struct machine *m);                    /* page numbers are below this, hot-plugged ones too */
/*
 * What the processors do for memory (vcpu-x86.c and its like): flush all TLBs, waiting if asked; drop translations of bytes [from, to) of page
 * `ram`; report stores to `pages` pages from `ram` again, as their marks were taken. Any thread.
 */
struct memory_processors {
	void (*flush)(void *opaque, bool wait);
	void (*written)(void *opaque, uint64_t ram, unsigned from, unsigned to);
	void (*clean)(void *opaque, uint64_t ram, uint64_t pages);
	void *opaque;
};
void memory_on_processors(struct machine *m, const struct memory_processors *p); /* NULL: there are none any more */
/* The flat view changed (called under the machine lock, after memory_commit): processors flush their TLBs. */
void space_on_change(struct space *s, void (*fn)(void *opaque), void *opaque);

void memory_print(struct machine *m, FILE *f, bool flat); /* info mtree [-f] */
#endif
