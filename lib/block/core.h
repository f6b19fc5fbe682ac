/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What graph.c, io.c and file.c know of a node that drivers do not. */
#ifndef BLOCK_CORE_H
#define BLOCK_CORE_H
#include "block/block.h"

#define BLK_MAX_CHAIN 200 /* images in a backing chain; more is taken for a loop */

struct blk_core {
	struct blk **child;      /* further children (blk_open_child) */
	unsigned child_count;
	json_t *options;         /* what is left of the node's options: children not opened yet */
	unsigned perm, shared;   /* BLK_PERM_*: what the parents of this node want and tolerate */
	unsigned depth;          /* steps below the node the user opened */
	bool backing_given;      /* options named a backing (or null) */
	bool complex_name;       /* the options say more than a file name can */
	bool made;               /* by blk_create_file: blk_create_abort() removes it */
	bool lenient;            /* blk_share() */
	bool auto_named;
	bool bad;                /* the driver's open failed: close quietly */
	struct blk_dirty *dirty; /* dirty.h */
	pthread_rwlock_t unaligned; /* read-modify-write at the edges excludes other writes */
	struct blk *next;        /* list of the graph */
};

struct blk_graph {
	struct objects *objects;
	struct blk *nodes;
	unsigned serial;
	char name[33]; /* behind generated names; "": nothing */
	struct { unsigned id; int fd; } fdset[64];
	unsigned fdset_count;
	struct { char *path; int fd; } *passed; /* blk_path_fd_add() */
	unsigned passed_count;
	char *cwd;     /* where relative names count from; NULL: not known */
	bool live;     /* blk_graph_live() */
	bool restoring; /* names of nodes may be generated ones */
	json_t *iscsi; /* groups of blk_iscsi_defaults(); NULL: none */
	pthread_mutex_t lock;
};

/* file-lock.c. Takes the lock bytes of perm and (all but) shared on fd; errors name the holder. */
int blk_file_lock(int fd, const char *path, unsigned perm, unsigned shared, struct err *e);
/* Other locks for a descriptor that has some; after a failure it has those of old_perm again. */
int blk_file_relock(int fd, const char *path, unsigned perm, unsigned old_perm, unsigned shared, struct err *e);
void blk_file_unlock(int fd);

/* passed-fds.c: a new descriptor for "/dev/fdset/ID"; -errno */
int blk_fdset_open(struct blk_graph *g, const char *path, int oflags);
/* A duplicate of the descriptor that was passed for this path; -ENOENT: none was; -EACCES: it cannot do what oflags say. */
int blk_path_fd_open(struct blk_graph *g, const char *path, int oflags);
#endif
