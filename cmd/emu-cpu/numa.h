/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NUMA nodes: -numa. They only say which processors and which part of main memory belong together; nothing is faster for it. */
#ifndef EMU_CPU_NUMA_H
#define EMU_CPU_NUMA_H
#include <stdint.h>
#include "base/err.h"

struct machine;

enum { NUMA_NODES_MAX = 128, NUMA_DISTANCE_LOCAL = 10, NUMA_DISTANCE_REMOTE = 20 };

struct numa {
	unsigned nodes;                     /* numbered from 0 without gaps; 1 at least */
	unsigned cpus;                      /* that can be there: -smp maxcpus */
	unsigned *cpu_node;                 /* of each */
	uint64_t mem[NUMA_NODES_MAX];       /* bytes; main memory is their sum, in their order */
	char *memdev[NUMA_NODES_MAX];       /* the objects that are their memory; all NULL: one piece */
	uint8_t *distance;                  /* nodes x nodes, row: from; NULL: local 10 and remote 20 */
};

/*
 * Parses config.numa into m->numa; NULL stays there without any. What -numa leaves open is shared out: memory evenly, sockets in turn.
 * The machine frees it (numa_free()).
 */
int numa_parse(struct machine *m, struct err *e);
void numa_free(struct numa *n);
/* Main memory out of the nodes' objects; NULL with e filled. */
struct region *numa_ram(struct machine *m, const char *name, struct err *e);
#endif
