/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiles the field lists of structs.c for one guest ABI and converts by them; see layout.h. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "layout.h"
#include "structs.h"

#define HOST_BIG (__BYTE_ORDER == __BIG_ENDIAN)

static const char *const struct_names[ST_COUNT] = {
#define STRUCT(id, type) [ST_##id] = #id,
#include "structs.def"
#undef STRUCT
};

static const uint16_t host_sizes[ST_COUNT] = {
#define STRUCT(id, type) [ST_##id] = sizeof(type),
#include "structs.def"
#undef STRUCT
};

static const struct field *const common_fields[ST_COUNT] = {
#define STRUCT(id, type) [ST_##id] = fields_##id,
#include "structs.def"
#undef STRUCT
};

const char *layout_name(enum struct_id id)
{
	return id > ST_NONE && id < ST_COUNT ? struct_names[id] : "?";
}

const struct field *layout_fields(const struct layouts *l, enum struct_id id)
{
	for (const struct layout_override *o = l->abi.overrides; o && o->id != ST_NONE; o++)
		if (o->id == id)
			return o->fields;
	return common_fields[id];
}

uint64_t layout_get(const struct layouts *l, const void *p, unsigned size)
{
	bool swap = l->abi.big_endian != HOST_BIG;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;
	switch (size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		memcpy(&v16, p, 2);
		return swap ? __builtin_bswap16(v16) : v16;
	case 4:
		memcpy(&v32, p, 4);
		return swap ? __builtin_bswap32(v32) : v32;
	default:
		memcpy(&v64, p, 8);
		return swap ? __builtin_bswap64(v64) : v64;
	}
}

void layout_put(const struct layouts *l, void *p, unsigned size, uint64_t value)
{
	bool swap = l->abi.big_endian != HOST_BIG;
	uint16_t v16 = swap ? __builtin_bswap16(value) : value;
	uint32_t v32 = swap ? __builtin_bswap32(value) : value;
	uint64_t v64 = swap ? __builtin_bswap64(value) : value;
	switch (size) {
	case 1:
		*(uint8_t *)p = value;
		return;
	case 2:
		memcpy(p, &v16, 2);
		return;
	case 4:
		memcpy(p, &v32, 4);
		return;
	default:
		memcpy(p, &v64, 8);
	}
}

static unsigned element_size(const struct layout_abi *abi, unsigned kind)
{
	switch (kind) {
	case FK_S8: case FK_U8: case FK_BYTES: case FK_PAD:
		return 1;
	case FK_S16: case FK_U16:
		return 2;
	case FK_S32: case FK_U32:
		return 4;
	case FK_S64: case FK_U64:
		return 8;
	default:
		return abi->word;
	}
}

static unsigned element_align(const struct layout_abi *abi, unsigned kind)
{
	unsigned size = element_size(abi, kind);
	unsigned align = size == 8 && abi->word == 4 ? abi->align64 : size;
	return align > abi->align_max ? abi->align_max : align;
}

static bool is_signed(unsigned kind)
{
	return kind == FK_S8 || kind == FK_S16 || kind == FK_S32 || kind == FK_S64 || kind == FK_LONG;
}

static int compile(struct layouts *l, enum struct_id id)
{
	const struct field *f = layout_fields(l, id);
	struct layout *out = &l->by_id[id];
	unsigned n = 0, at = 0, align = 1;
	bool packed = false;
	for (const struct field *g = f; g->kind != FK_END; g++)
		n++;
	out->ops = calloc(n ? n : 1, sizeof(*out->ops));
	if (!out->ops)
		return -ENOMEM;
	out->same = l->abi.big_endian == HOST_BIG;
	for (; f->kind != FK_END; f++) {
		unsigned kind = f->kind & FK_KIND_MASK;
		if (kind == FK_PACK) {
			packed = true;
			continue;
		}
		if (kind == FK_EXTENT) {
			unsigned least = l->abi.word == 8 ? f->host : f->count;
			at = at < least ? least : at;
			continue;
		}
		unsigned want = kind == FK_ALIGN ? f->count : packed ? 1 : element_align(&l->abi, kind);
		if (want > align)
			align = want;
		at = (at + want - 1) / want * want;
		if (kind == FK_ALIGN)
			continue;
		struct layout_op *op = &out->ops[out->count++];
		*op = (struct layout_op){.guest = at, .host = f->host, .count = f->count,
			.guest_size = element_size(&l->abi, kind), .host_size = f->host_size, .kind = f->kind};
		if (f->host_size && (op->guest != op->host || op->guest_size != op->host_size))
			out->same = false;
		if (kind == FK_PTR && l->guest_base)
			out->same = false;
		at += op->guest_size * f->count;
	}
	out->size = (at + align - 1) / align * align;
	out->align = align;
	out->host_size = host_sizes[id];
	if (out->size != out->host_size)
		out->same = false;
	return 0;
}

struct layouts *layouts_new(const struct layout_abi *abi, uint64_t guest_base)
{
	struct layouts *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->abi = *abi;
	l->guest_base = guest_base;
	for (unsigned id = ST_NONE + 1; id < ST_COUNT; id++) {
		if (compile(l, id) < 0) {
			layouts_free(l);
			return NULL;
		}
	}
	return l;
}

void layouts_free(struct layouts *l)
{
	if (!l)
		return;
	for (unsigned id = 0; id < ST_COUNT; id++)
		free(l->by_id[id].ops);
	free(l);
}

static uint64_t sign_extend(uint64_t v, unsigned size)
{
	return size == 8 ? v : (uint64_t)((int64_t)(v << (64 - size * 8)) >> (64 - size * 8));
}

/* Fields of packed structures have no alignment. The host is little-endian: the low bytes come first. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are taken as the low bytes of a word");

static uint64_t host_get(const void *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

static void host_put(void *p, unsigned size, uint64_t v)
{
	memcpy(p, &v, size);
}

static uint64_t all_ones(unsigned size)
{
	return size == 8 ? UINT64_MAX : (1ULL << size * 8) - 1;
}

void layout_to_host(const struct layouts *l, enum struct_id id, void *host, const void *guest)
{
	const struct layout *lo = &l->by_id[id];
	memset(host, 0, lo->host_size);
	for (const struct layout_op *op = lo->ops; op < lo->ops + lo->count; op++) {
		unsigned kind = op->kind & FK_KIND_MASK;
		const uint8_t *g = (const uint8_t *)guest + op->guest;
		uint8_t *h = (uint8_t *)host + op->host;
		if (!op->host_size)
			continue;
		if (kind == FK_BYTES) {
			memcpy(h, g, op->count);
			continue;
		}
		for (unsigned i = 0; i < op->count; i++, g += op->guest_size, h += op->host_size) {
			uint64_t v = layout_get(l, g, op->guest_size);
			if (is_signed(kind))
				v = sign_extend(v, op->guest_size);
			else if (kind == FK_LIMIT && v == all_ones(op->guest_size))
				v = UINT64_MAX;
			else if (kind == FK_PTR && v)
				v += l->guest_base;
			host_put(h, op->host_size, v);
		}
	}
}

int layout_to_guest(const struct layouts *l, enum struct_id id, void *guest, const void *host)
{
	const struct layout *lo = &l->by_id[id];
	int result = 0;
	memset(guest, 0, lo->size);
	for (const struct layout_op *op = lo->ops; op < lo->ops + lo->count; op++) {
		unsigned kind = op->kind & FK_KIND_MASK;
		uint8_t *g = (uint8_t *)guest + op->guest;
		const uint8_t *h = (const uint8_t *)host + op->host;
		if (!op->host_size)
			continue;
		if (kind == FK_BYTES) {
			memcpy(g, h, op->count);
			continue;
		}
		for (unsigned i = 0; i < op->count; i++, g += op->guest_size, h += op->host_size) {
			uint64_t v = host_get(h, op->host_size);
			if (is_signed(kind))
				v = sign_extend(v, op->host_size);
			if (kind == FK_LIMIT && v > all_ones(op->guest_size))
				v = all_ones(op->guest_size);
			else if (kind == FK_PTR && v)
				v -= l->guest_base;
			if (op->kind & FK_CHECK) {
				uint64_t low = v & all_ones(op->guest_size);
				if ((is_signed(kind) ? sign_extend(low, op->guest_size) : low) != v)
					result = -EOVERFLOW;
			}
			layout_put(l, g, op->guest_size, v);
		}
	}
	return result;
}
