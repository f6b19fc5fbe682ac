/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files memory*.c share. */
#ifndef EMU_CPU_MEMORY_INTERNAL_H
#define EMU_CPU_MEMORY_INTERNAL_H
#include <pthread.h>
#include <stdatomic.h>
#include "core.h"
#include "memory.h"

#define PAGE_BITS 12
#define PAGE_BYTES (1u << PAGE_BITS)

enum region_kind { REGION_CONTAINER, REGION_IO, REGION_RAM, REGION_ROM, REGION_ALIAS };

/* Host memory behind RAM and ROM. */
struct ram_block {
	struct machine *machine;
	struct ram_block *next;
	char *name;
	int fd;               /* -1: private memory of a host node or file */
	uint8_t *host;
	uint64_t size, mapped; /* bytes of the guest's, and of the mapping */
	uint64_t first;       /* number of its first page in the machine */
	_Atomic uint8_t *dirty; /* a byte a page: DIRTY_ bits */
	_Atomic uint8_t logged; /* DIRTY_ bits that must be reported when they are clear */
	bool readonly;        /* ROM: nothing in it changes but by its maker; not part of saved state */
};

struct region {
	struct machine *machine;
	char *name;
	enum region_kind kind;
	uint64_t last;        /* size - 1 */
	struct region *container;
	uint64_t at;          /* in the container */
	int priority;
	struct region *children, *sibling; /* higher priorities first, then the later added */
	bool enabled, readonly, reads_ram;
	const struct region_ops *ops;
	void *opaque;
	uint8_t min, max, impl_min, impl_max;
	unsigned busy;        /* accesses under way */
	struct region *of;    /* alias */
	uint64_t alias_offset;
	struct ram_block *ram;
	bool borrowed;        /* the block belongs to another region */
	struct region *all_next, **all_prev; /* every region of the machine */
};

struct range {
	uint64_t start, last;
	struct region *region;
	uint64_t offset;      /* of start in the region */
	bool readonly;
};

/* A space flattened: ranges in ascending order, and a radix tree of pages over them. Immutable once published. */
struct view {
	unsigned refs;
	struct region *root;
	struct range *range;
	unsigned count, size;
	struct view_node *node; /* node[0] is the root */
	unsigned nodes, node_size;
	unsigned levels;        /* of 9 bits; 0: the view is empty */
};
#define VIEW_FANOUT 512
struct view_node {
	uint64_t slot[VIEW_FANOUT]; /* bit 0 set: leaf, first range << 1 | count << 33; clear: node << 1, 0: nothing */
};

struct listener {
	void (*fn)(void *);
	void *opaque;
	struct listener *next;
};

struct space {
	struct machine *machine;
	char *name;
	struct region *root;
	struct view *_Atomic view;
	struct listener *listeners;
	struct space *next;
};

/*
 * Readers without the machine lock hold one of these while they look into a view; who has replaced a view takes each once before the
 * old one is freed. They are spread by thread, so that processors do not meet.
 */
#define READER_SLOTS 32
struct reader_slot {
	_Atomic unsigned held;
} __attribute__((aligned(64)));

struct memory_core {
	struct space *spaces;
	struct region *regions;
	struct ram_block *blocks; /* ascending by `first` */
	pthread_rwlock_t blocks_lock;
	uint64_t next_page;
	uint64_t page_limit;   /* 0: nobody has asked yet */
	unsigned batch;        /* memory_begin() depth */
	bool changed;
	unsigned depth;        /* register accesses within register accesses */
	struct memory_processors processors;
	struct memdev *memdevs;
	struct reader_slot reader[READER_SLOTS];
};

static inline struct memory_core *memory_of(const struct machine *m)
{
	return m->parts->memory;
}

/* memory.c */
void memory_changed(struct machine *m);
const struct range *view_find(const struct view *v, uint64_t addr);
struct reader_slot *memory_read_begin(struct machine *m);
static inline void memory_read_end(struct reader_slot *r)
{
	atomic_store_explicit(&r->held, 0, memory_order_release);
}
/* memory-view.c */
struct view *view_new(struct region *root);
void view_free(struct view *v);
bool view_same(const struct view *a, const struct view *b);
struct region *view_root(struct region *root);

/* memory-ram.c */
struct ram_block *ram_block_new(struct machine *m, const char *name, uint64_t size, struct err *e);
struct ram_block *ram_block_add(struct machine *m, const char *name, int fd, uint8_t *host, uint64_t size, uint64_t mapped, struct err *e);
void ram_block_free(struct ram_block *b);
void ram_written(struct ram_block *b, uint64_t offset, uint64_t size);
struct ram_block *ram_block_at(struct machine *m, const void *host);
struct region *region_new_block(struct machine *m, const char *name, struct ram_block *b, struct err *e);

/* memory-access.c */
uint64_t region_load(struct region *r, uint64_t offset, unsigned size, enum mem_result *result);
void region_store(struct region *r, uint64_t offset, uint64_t value, unsigned size, enum mem_result *result);
#endif
