/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures that travel between a guest and the host's kernel, described as data.
 *
 * A structure is a list of fields, each with its place in the host's C type and its kind in the guest. Where the
 * fields lie in the guest follows from the kinds and from three facts of the guest's ABI: byte order, size of a
 * `long`, alignment of a 64-bit integer. Conversion both ways, the size, and whether the two sides are the same
 * bytes (then the host's kernel reads guest memory itself) are derived from the list; no converter is written by hand.
 * An ABI that orders the fields of a structure in its own way (struct stat, the System V IPC records) brings its own list.
 */
#ifndef LINUX_LAYOUT_H
#define LINUX_LAYOUT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind {
	FK_END,
	FK_S8, FK_U8, FK_S16, FK_U16, FK_S32, FK_U32, FK_S64, FK_U64,
	FK_LONG, FK_ULONG, /* the guest's word */
	FK_PTR,            /* the guest's word, an address: converted to a host pointer and back, NULL stays NULL */
	FK_LIMIT,          /* the guest's word, unsigned; all ones is "no limit", larger values saturate to it */
	FK_BYTES,          /* count bytes, copied as they are, no alignment */
	FK_PAD,            /* count guest bytes, written as zero, no alignment */
	FK_ALIGN,          /* the next field (and the whole) is aligned to count bytes */
	FK_PACK,           /* no alignment from here on */
	FK_EXTENT,         /* the whole has at least count bytes in a 32-bit ABI, `host` bytes in a 64-bit one */
	FK_KIND_MASK = 0x3f,
	FK_CHECK = 0x80,   /* a host value that does not fit is -EOVERFLOW, not truncated */
};

struct field {
	const char *name;
	uint16_t host;      /* offset in the host's type */
	uint8_t host_size;  /* of one element */
	uint8_t kind;
	uint16_t count;     /* elements; bytes for FK_BYTES, FK_PAD, FK_ALIGN */
};

/* Rows of a field list; H is #defined to the host's type around the list. */
#define FIELD(m, k)      {#m, offsetof(H, m), sizeof(((H *)0)->m), FK_##k, 1}
#define FIELDC(m, k)     {#m, offsetof(H, m), sizeof(((H *)0)->m), FK_##k | FK_CHECK, 1}
#define FIELDN(m, k, n)  {#m, offsetof(H, m), sizeof(((H *)0)->m) / (n), FK_##k, n}
#define FIELDB(m)        {#m, offsetof(H, m), 1, FK_BYTES, sizeof(((H *)0)->m)}
#define PAD(n)           {NULL, 0, 0, FK_PAD, n}
#define PADWORDS(n)      {NULL, 0, 0, FK_ULONG, n} /* unused words: zero in the guest, ignored from it */
#define ALIGN(n)         {NULL, 0, 0, FK_ALIGN, n}
#define PACK             {NULL, 0, 0, FK_PACK, 0}
#define EXTENT(n32, n64) {NULL, n64, 0, FK_EXTENT, n32}
#define FIELDS_END       {NULL, 0, 0, FK_END, 0}

/* Every structure that a row of the call, ioctl or socket option tables can name. */
enum struct_id {
	ST_NONE,
#define STRUCT(id, type) ST_##id,
#include "structs.def"
#undef STRUCT
	ST_COUNT
};

struct layout_abi {
	bool big_endian;
	uint8_t word;     /* bytes in a long and in a pointer: 4 or 8 */
	uint8_t align64;  /* alignment of a 64-bit integer: 8, or 4 (i386, m68k 2) */
	uint8_t align_max;/* no type is aligned to more than this: 8, m68k 2, cris 1 */
	/* Field lists of this ABI's own, NULL-terminated by id ST_NONE; may be NULL. */
	const struct layout_override {
		uint8_t id;
		const struct field *fields;
	} *overrides;
};

/* One compiled field. */
struct layout_op {
	uint16_t guest, host; /* offsets */
	uint16_t count;
	uint8_t guest_size, host_size; /* of an element; host_size 0: padding */
	uint8_t kind;                  /* FK_* with FK_CHECK */
};

struct layout {
	uint16_t size;      /* bytes in the guest */
	uint16_t host_size; /* sizeof the host's type */
	uint16_t align;
	uint16_t count;
	bool same;          /* the same bytes on both sides */
	struct layout_op *ops;
};

/* Largest guest or host structure of the tables: buffers on the stack may have this size. */
#define LAYOUT_MAX 1024

struct layouts {
	struct layout_abi abi;
	uint64_t guest_base;
	struct layout by_id[ST_COUNT];
};

/* Compiles all lists for one ABI. NULL when memory is short. The result is never changed; free with layouts_free(). */
struct layouts *layouts_new(const struct layout_abi *abi, uint64_t guest_base);
void layouts_free(struct layouts *l);

/*
 * guest and host point to buffers of layout.size and layout.host_size bytes. to_host zeroes what the list does not name.
 * to_guest gives 0, or -EOVERFLOW for a field marked FK_CHECK (the rest is converted all the same).
 */
void layout_to_host(const struct layouts *l, enum struct_id id, void *host, const void *guest);
int layout_to_guest(const struct layouts *l, enum struct_id id, void *guest, const void *host);

/* The common list of a structure, for tests and for -strace. */
const struct field *layout_fields(const struct layouts *l, enum struct_id id);
const char *layout_name(enum struct_id id);

/* Integers in guest byte order at any alignment; size 1, 2, 4, 8. */
uint64_t layout_get(const struct layouts *l, const void *p, unsigned size);
void layout_put(const struct layouts *l, void *p, unsigned size, uint64_t value);

#endif
