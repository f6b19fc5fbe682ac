// SPDX-License-Identifier: GPL-2.0-or-later
/* ACPI Machine Language, written; see aml.h. Section numbers are of ACPI 5.0. */
#include "aml.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void aml_free(struct aml *a)
{
	free(a->data);
	memset(a, 0, sizeof *a);
}

static bool room(struct aml *a, size_t n)
{
	if (a->failed)
		return false;
	if (a->size + n > a->room) {
		size_t to = a->room ? a->room * 2 : 4096;
		while (to < a->size + n)
			to *= 2;
		uint8_t *p = realloc(a->data, to);
		if (!p) {
			a->failed = true;
			return false;
		}
		a->data = p;
		a->room = to;
	}
	return true;
}

void aml_bytes(struct aml *a, const void *p, size_t n)
{
	if (!room(a, n))
		return;
	memcpy(a->data + a->size, p, n);
	a->size += n;
}

static void byte(struct aml *a, unsigned v)
{
	uint8_t b = (uint8_t)v;
	aml_bytes(a, &b, 1);
}

static void little(struct aml *a, uint64_t v, unsigned n)
{
	uint8_t b[8];
	for (unsigned i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	aml_bytes(a, b, n);
}

void aml_op(struct aml *a, unsigned opcode)
{
	if (opcode > 0xff)
		byte(a, opcode >> 8);
	byte(a, opcode);
}

/* ---- package lengths (20.2.4): filled in at the end; the longest form is reserved and closed up ---- */

static void open_construct(struct aml *a)
{
	if (a->depth == AML_DEPTH) {
		a->failed = true;
		return;
	}
	a->open[a->depth++] = a->size;
	little(a, 0, 4);
}

/* Puts the length into the four bytes at `at`, as few as it needs, and moves the rest down. */
static void close_length(struct aml *a, size_t at)
{
	size_t body = a->size - at - 4, bytes = 1;
	/* The length counts its own bytes. */
	if (body + 1 > 63)
		bytes = body + 2 <= 0xfff ? 2 : body + 3 <= 0xfffff ? 3 : 4;
	size_t length = body + bytes;
	uint8_t *p = a->data + at;
	memmove(p + bytes, p + 4, body);
	a->size -= 4 - bytes;
	if (bytes == 1) {
		p[0] = (uint8_t)length;
		return;
	}
	p[0] = (uint8_t)((bytes - 1) << 6 | (length & 15));
	length >>= 4;
	for (size_t i = 1; i < bytes; i++, length >>= 8)
		p[i] = (uint8_t)length;
}

void aml_end(struct aml *a)
{
	if (a->failed || !a->depth)
		return;
	close_length(a, a->open[--a->depth]);
}

/* ---- names (20.2.2) ---- */

static void segment(struct aml *a, const char *s, size_t n)
{
	char name[4] = {'_', '_', '_', '_'};
	memcpy(name, s, n > 4 ? 4 : n);
	aml_bytes(a, name, 4);
}

void aml_ref(struct aml *a, const char *path)
{
	while (*path == '\\' || *path == '^')
		byte(a, (uint8_t)*path++);
	unsigned count = *path ? 1 : 0;
	for (const char *p = path; *p; p++)
		count += *p == '.';
	if (count == 0)
		byte(a, 0); /* the null name */
	else if (count == 2)
		byte(a, 0x2e);
	else if (count > 2) {
		byte(a, 0x2f);
		byte(a, count);
	}
	while (*path) {
		size_t n = strcspn(path, ".");
		segment(a, path, n);
		path += n + (path[n] == '.');
	}
}

/* ---- constructs ---- */

static void named(struct aml *a, unsigned opcode, const char *name)
{
	aml_op(a, opcode);
	open_construct(a);
	aml_ref(a, name);
}

void aml_scope(struct aml *a, const char *path)
{
	named(a, 0x10, path);
}

void aml_device(struct aml *a, const char *name)
{
	named(a, 0x5b82, name);
}

void aml_method(struct aml *a, const char *name, unsigned args, bool serialized)
{
	named(a, 0x14, name);
	byte(a, args | (serialized ? 8 : 0));
}

void aml_processor(struct aml *a, const char *name, uint8_t id, uint32_t block, uint8_t length)
{
	named(a, 0x5b83, name);
	byte(a, id);
	little(a, block, 4);
	byte(a, length);
}

void aml_if(struct aml *a)
{
	byte(a, 0xa0);
	open_construct(a);
}

void aml_else(struct aml *a)
{
	byte(a, 0xa1);
	open_construct(a);
}

void aml_while(struct aml *a)
{
	byte(a, 0xa2);
	open_construct(a);
}

void aml_package(struct aml *a, unsigned count)
{
	byte(a, 0x12);
	open_construct(a);
	byte(a, count);
}

void aml_buffer(struct aml *a, unsigned size)
{
	byte(a, 0x11);
	open_construct(a);
	aml_int(a, size);
}

/* ---- objects ---- */

void aml_name(struct aml *a, const char *name)
{
	byte(a, 0x08);
	aml_ref(a, name);
}

void aml_int(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		byte(a, (unsigned)v); /* ZeroOp, OneOp */
	} else if (v <= 0xff) {
		byte(a, 0x0a);
		little(a, v, 1);
	} else if (v <= 0xffff) {
		byte(a, 0x0b);
		little(a, v, 2);
	} else if (v <= 0xffffffff) {
		byte(a, 0x0c);
		little(a, v, 4);
	} else {
		byte(a, 0x0e);
		little(a, v, 8);
	}
}

void aml_string(struct aml *a, const char *text)
{
	byte(a, 0x0d);
	aml_bytes(a, text, strlen(text) + 1);
}

void aml_name_int(struct aml *a, const char *name, uint64_t v)
{
	aml_name(a, name);
	aml_int(a, v);
}

void aml_name_string(struct aml *a, const char *name, const char *text)
{
	aml_name(a, name);
	aml_string(a, text);
}

/* "PNP0A03" as the compressed EISA identifier: three letters of five bits, four hexadecimal digits, big-endian. */
static uint32_t eisaid(const char *id)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | ((uint32_t)(id[i] - '@') & 31);
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | (uint32_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10);
	return __builtin_bswap32(v);
}

void aml_name_eisaid(struct aml *a, const char *name, const char *id)
{
	aml_name(a, name);
	byte(a, 0x0c);
	little(a, eisaid(id), 4);
}

void aml_region(struct aml *a, const char *name, uint8_t space, uint64_t at, uint64_t length)
{
	aml_op(a, 0x5b80);
	aml_ref(a, name);
	byte(a, space);
	aml_int(a, at);
	aml_int(a, length);
}

void aml_fields(struct aml *a, const char *region, unsigned access, const struct aml_field *f, unsigned count)
{
	aml_op(a, 0x5b81);
	open_construct(a);
	aml_ref(a, region);
	byte(a, access);
	for (unsigned i = 0; i < count; i++) {
		if (*f[i].name)
			segment(a, f[i].name, strlen(f[i].name));
		else
			byte(a, 0); /* reserved bits */
		if (f[i].bits < 64) {
			byte(a, f[i].bits);
		} else {
			byte(a, 0x40 | (f[i].bits & 15));
			byte(a, f[i].bits >> 4);
		}
	}
	aml_end(a);
}

void aml_mutex(struct aml *a, const char *name, unsigned level)
{
	aml_op(a, 0x5b01);
	aml_ref(a, name);
	byte(a, level);
}

void aml_arg(struct aml *a, unsigned n)
{
	byte(a, 0x68 + n);
}

void aml_local(struct aml *a, unsigned n)
{
	byte(a, 0x60 + n);
}

/* ---- resource templates: a buffer whose size is known at its end ---- */

void aml_resources(struct aml *a)
{
	byte(a, 0x11);
	open_construct(a);
	open_construct(a); /* room for the size, written as a word */
}

void aml_resources_end(struct aml *a)
{
	byte(a, 0x79); /* end tag; a checksum of 0 means "not checked" */
	byte(a, 0);
	if (a->failed || a->depth < 2)
		return;
	size_t at = a->open[--a->depth], n = a->size - at - 4;
	uint8_t *p = a->data + at;
	memmove(p + 3, p + 4, n);
	a->size--;
	p[0] = 0x0b;
	p[1] = (uint8_t)n;
	p[2] = (uint8_t)(n >> 8);
	aml_end(a);
}

void aml_res_io(struct aml *a, uint16_t min, uint16_t max, uint8_t align, uint8_t length)
{
	byte(a, 0x47);
	byte(a, 1); /* 16-bit decode */
	little(a, min, 2);
	little(a, max, 2);
	byte(a, align);
	byte(a, length);
}

void aml_res_irq(struct aml *a, uint16_t mask)
{
	byte(a, 0x22);
	little(a, mask, 2);
}

void aml_res_interrupt(struct aml *a, uint32_t gsi, bool shared_level, bool high)
{
	byte(a, 0x89);
	little(a, 6, 2);
	byte(a, 1u | (shared_level ? 8u : 2u) | (high ? 0u : 4u)); /* consumer; level and shared, or edge; polarity */
	byte(a, 1);
	little(a, gsi, 4);
}

void aml_res_dma(struct aml *a, uint8_t channels, uint8_t flags)
{
	byte(a, 0x2a);
	byte(a, channels);
	byte(a, flags);
}

void aml_res_memory32(struct aml *a, uint32_t base, uint32_t length, bool writable)
{
	byte(a, 0x86);
	little(a, 9, 2);
	byte(a, writable);
	little(a, base, 4);
	little(a, length, 4);
}

/* Address space descriptors (6.4.3.5). kind: 0 memory, 1 I/O, 2 bus numbers; the range is fixed at both ends, a producer's. */
static void window(struct aml *a, unsigned tag, unsigned kind, unsigned specific, uint64_t min, uint64_t max, unsigned width)
{
	byte(a, tag);
	little(a, 3 + 5 * width, 2);
	byte(a, kind);
	byte(a, 0x0c); /* minimum and maximum fixed, positive decode */
	byte(a, specific);
	little(a, 0, width); /* granularity */
	little(a, min, width);
	little(a, max, width);
	little(a, 0, width); /* no translation */
	little(a, max - min + 1, width);
}

void aml_res_bus(struct aml *a, uint16_t min, uint16_t max)
{
	window(a, 0x88, 2, 0, min, max, 2);
}

void aml_res_window_io(struct aml *a, uint16_t min, uint16_t max)
{
	window(a, 0x88, 1, 3, min, max, 2); /* the entire range */
}

void aml_res_window32(struct aml *a, uint32_t min, uint32_t max, bool cacheable)
{
	window(a, 0x87, 0, cacheable ? 3 : 1, min, max, 4);
}

void aml_res_window64(struct aml *a, uint64_t min, uint64_t max, bool cacheable)
{
	window(a, 0x8a, 0, cacheable ? 3 : 1, min, max, 8);
}

int aml_take(struct aml *a, uint8_t **data, size_t *size)
{
	if (a->failed || a->depth) {
		aml_free(a);
		return -ENOMEM;
	}
	*data = a->data;
	*size = a->size;
	memset(a, 0, sizeof *a);
	return 0;
}
