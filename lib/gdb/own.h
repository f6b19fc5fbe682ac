/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the server share. */
#ifndef GDB_OWN_H
#define GDB_OWN_H
#include "gdb/gdb.h"

struct gdb {
	const struct gdb_target *t;
	void *opaque;
	/* reading */
	enum { GDB_IDLE, GDB_DATA, GDB_ESCAPED, GDB_SUM_HIGH, GDB_SUM_LOW } state;
	char in[GDB_PACKET + 1];   /* NUL behind it */
	size_t in_len;
	bool too_long;
	unsigned sum, want;
	/* writing */
	char out[GDB_PACKET + 8];
	size_t out_len;            /* of the answer under construction */
	size_t sent;               /* of the last one, for who asks for it again; 0: none */
	bool no_ack;
	bool heard;                /* an answer was acknowledged */
	size_t first_len;          /* of the session's first packet, with its sum; 0: none yet */
	unsigned first_sum;
	/* the session */
	bool running, command, extended;
	long general, control;     /* Hg, Hc; GDB_ANY: the thread that stopped */
	struct gdb_stop stop;      /* the last */
	unsigned listed;           /* threads that q?ThreadInfo has told */
	/* the description, made once */
	char *description;
	size_t description_size;
};

/* ---- packet.c ---- */
void gdb_begin(struct gdb *g);
void gdb_put(struct gdb *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gdb_put_hex(struct gdb *g, const void *data, size_t n);
void gdb_put_binary(struct gdb *g, const void *data, size_t n); /* with the protocol's escapes */
void gdb_send(struct gdb *g);
void gdb_reply(struct gdb *g, const char *text);
void gdb_error(struct gdb *g, int error);                       /* -errno */
/* Hexadecimal to bytes; the number of bytes. */
size_t gdb_unhex(const char *s, uint8_t *out, size_t max);

/* ---- server.c ---- */
void gdb_packet(struct gdb *g); /* a whole one is in g->in */
void gdb_ctrl_c(struct gdb *g);
long gdb_general(const struct gdb *g);
/* Hexadecimal, behind an optional "pN."; 0 and -1 as they are. *end as strtol()'s. */
long gdb_thread_number(const char *s, char **end);
void gdb_stop_reply(struct gdb *g);

/* ---- memory.c: g G p P m M X Z z ---- */
void gdb_registers(struct gdb *g);
void gdb_memory(struct gdb *g);
void gdb_points(struct gdb *g);

/* ---- query.c: q and Q ---- */
void gdb_query(struct gdb *g);
void gdb_set(struct gdb *g);

/* ---- describe.c: the target description; 0 or -ENOMEM ---- */
int gdb_describe(struct gdb *g);
#endif
