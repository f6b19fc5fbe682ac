/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copying translator's short way: instructions that need no thought are recognised by one look into a table (index.h) and
 * copied. It makes cold code cheap; whatever it does not know, the decoder and copy.c do.
 *
 * Compiled for general registers only.
 */
#include "isa/x86/copyint.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/index.h"
#include "x86-quick.h"

/* Bytes of modrm, SIB and displacement; a SIB of mod 0 may bring four more, and MODRM_RIP has no SIB. */
#define L(mod, rm) ((mod) == 3 ? 1 : 1 + ((rm) == 4) + ((mod) == 1 ? 1 : (mod) == 2 || ((mod) == 0 && (rm) == 5) ? 4 : 0))
#define L8(mod) L(mod, 0), L(mod, 1), L(mod, 2), L(mod, 3), L(mod, 4), L(mod, 5), L(mod, 6), L(mod, 7)
static const uint8_t modrm_length[32] = {L8(0), L8(1), L8(2), L8(3)}; /* [mod << 3 | rm] */
#undef L
#undef L8

struct quick {
	const uint8_t *b;    /* the instruction */
	unsigned op;         /* offset of the opcode's last byte */
	unsigned length;
	unsigned form;
	unsigned prefix, rex, modrm;
};

bool x86_quick_possible(const struct x86_features *f)
{
#define F(id) && x86_has(f, X86_FEAT_##id)
	return true X86_QUICK_FEATURES(F);
#undef F
}

/* Fills z for the instruction at z->b, of which 16 bytes may be read. Returns its kind. */
static inline __attribute__((always_inline)) unsigned look(struct quick *z, const struct x86_quick table[4][2][256], bool wide)
{
	const uint8_t *b = z->b;
	unsigned i = 0, op = b[0], prefix = 0, map = 0;
	if (op == 0x66 || (op & 0xfe) == 0xf2) {
		prefix = op == 0x66 ? 1 : op == 0xf3 ? 2 : 3;
		op = b[++i];
	}
	z->rex = z->modrm = 0;
	if (wide && (op & 0xf0) == 0x40) {
		z->rex = op;
		op = b[++i];
		if (prefix == 1 && z->rex & 8)
			return QUICK_NO;
	}
	if (op == 0x0f) {
		map = 1;
		op = b[++i];
	}
	z->op = i++;
	z->prefix = prefix;
	const struct x86_quick *q = &table[prefix][map][op];
	unsigned form = z->form = q->form;
	if (form & QUICK_MODRM) {
		unsigned m = z->modrm = b[i];
		if (!(q->cells >> ((m >= 0xc0 ? 8 : 0) | (m >> 3 & 7)) & 1))
			return QUICK_NO;
		i += modrm_length[(m >> 3 & 0x18) | (m & 7)];
		if ((m & 0xc7) == 4 && (b[z->op + 2] & 7) == 5)
			i += 4;
	}
	unsigned imm = form & QUICK_IMM;
	z->length = i + (imm == QUICK_IMM_V ? (z->rex & 8 ? 8 : 4) : imm);
	return form >> QUICK_KIND_SHIFT;
}

static inline int32_t load32(const uint8_t *b)
{
	int32_t v;
	__builtin_memcpy(&v, b, 4);
	return v;
}

/* A rip-relative access: its displacement is made to fit, or it becomes absolute in the lowest 2 GB. False: neither. */
static bool copy_rip(struct x86_tr *t, const struct quick *z)
{
	uint64_t target = t->pc + z->length + (uint64_t)(int64_t)load32(z->b + z->op + 2);
	uint8_t *p = t->p;
	int64_t delta = (int64_t)(target - (x86_rx(t, p) + z->length));
	if (delta == (int32_t)delta) {
		t->p = x86_copy_bytes(p, z->b, z->length);
		e_u32(p + z->op + 2, (uint32_t)delta);
		*t->d++ = (uint8_t)z->length;
		return true;
	}
	if ((int64_t)target != (int32_t)target || z->rex & 3)
		return false;
	p = x86_copy_bytes(p, z->b, z->op + 1);
	p = e_u16(p, 0x2504 | (z->modrm & 0x38));
	p = e_u32(p, (uint32_t)target);
	t->p = x86_copy_bytes(p, z->b + z->op + 6, z->length - (z->op + 6));
	*t->d++ = (uint8_t)(X86_DELTA_LONG | z->length);
	*t->d++ = (uint8_t)(z->length + 1);
	*t->d++ = X86_FIX_NONE;
	return true;
}

/* A branch or return as copyexit.c wants it. */
static void hand_over(struct x86_tr *t, const struct quick *z, unsigned kind)
{
	struct x86_insn *in = &t->in;
	const uint8_t *b = z->b;
	t->bytes = b;
	in->length = (uint8_t)z->length;
	in->prefixes = 0;
	in->addrsize = t->mode == 64 ? 8 : 4;
	in->opsize = t->mode == 64 ? 8 : 4;
	in->map = kind == QUICK_JCC32;
	in->opcode = b[z->op];
	if (kind != QUICK_RET)
		in->imm = (uint64_t)(int64_t)(kind == QUICK_JCC8 || kind == QUICK_JMP8 ? (int8_t)b[z->op + 1] : load32(b + z->op + 1));
}

static __attribute__((noinline)) enum x86_quick_end finish(struct x86_tr *t, struct quick z, unsigned kind)
{
	switch (kind) {
	case QUICK_JCC8: case QUICK_JCC32: case QUICK_JMP8: case QUICK_JMP32: case QUICK_CALL:
		hand_over(t, &z, kind);
		return X86_QUICK_BRANCH;
	case QUICK_RET:
		hand_over(t, &z, kind);
		return X86_QUICK_RET;
	}
	return X86_QUICK_OTHER;
}

/* Instructions may begin up to here: 16 bytes can be read, and it is the same page. NULL: not even at t->pc. */
static const uint8_t *last_start(struct x86_tr *t)
{
	uint64_t off = t->pc - t->buf_pc;
	if (off >= t->have || t->have - off < 16) {
		if (x86_tr_fetch(t) < 16)
			return NULL;
	}
	uint64_t last = t->have - 16, page = (t->pc | 4095) - t->buf_pc;
	return t->buf + (last < page ? last : page);
}

/* What needs more than copying. z is the caller's own copy, so that its first one can stay in registers. False: the decoder's. */
static __attribute__((noinline)) bool less_plain64(struct x86_tr *t, struct quick z, unsigned kind)
{
	if (kind == QUICK_LEA) {
		if (!(z.rex & 8))
			return false;
		uint8_t *start = t->p;
		t->p = e_mov_imm64(start, (z.modrm >> 3 & 7) | (z.rex & 4u) << 1,
				   t->pc + z.length + (uint64_t)(int64_t)load32(z.b + z.op + 2));
		t->in.length = (uint8_t)z.length;
		x86_tr_note(t, start, X86_FIX_NONE);
		return true;
	}
	return z.form & QUICK_RIP && copy_rip(t, &z);
}

enum x86_quick_end x86_quick64(struct x86_tr *t, unsigned max)
{
	uint64_t page = t->pc >> 12;
	const uint8_t *last;
	while (max && t->pc >> 12 == page && (last = last_start(t))) {
		const uint8_t *begin = t->buf + (t->pc - t->buf_pc), *b = begin;
		uint8_t *p = t->p, *d = t->d;
		struct quick z;
		unsigned kind = QUICK_COPY, n = 0;
		for (; b <= last && n < max; n++) {
			z.b = b;
			kind = look(&z, quick64, true);
			if (kind != QUICK_COPY && kind != QUICK_LEA)
				break;
			if (z.form & QUICK_MODRM && (z.modrm & 0xc7) == 5)
				break;
			p = x86_copy_bytes(p, b, z.length);
			*d++ = (uint8_t)z.length;
			b += z.length;
			kind = QUICK_COPY;
		}
		t->p = p;
		t->d = d;
		t->pc += (uint64_t)(b - begin);
		t->insns += n;
		max -= n;
		if (b > last || !max)
			continue;
		if (kind != QUICK_COPY && kind != QUICK_LEA)
			return finish(t, z, kind);
		if (!less_plain64(t, z, kind))
			return X86_QUICK_OTHER;
		t->pc += z.length;
		t->insns++;
		max--;
	}
	return X86_QUICK_OTHER;
}

/* One instruction of the copied kinds, as copy32.c's theory has it. False: something is in the way. */
static bool copy32(struct x86_tr *t, const struct quick *z, unsigned kind)
{
	unsigned form = z->form, rex = 0, opcode = z->b[z->op], prefixes = z->prefix != 0;
	uint8_t *p = t->p;
	bool mem = form & QUICK_MODRM && z->modrm < 0xc0, absolute = false;
	if (!(form & QUICK_MODRM)) {
		rex = form & QUICK_RM && (opcode & 7) == X86_RSP ? 1 : 0;
	} else {
		rex = form & QUICK_REG && (z->modrm >> 3 & 7) == X86_RSP ? 4 : 0;
		if (!mem)
			rex |= form & QUICK_RM && (z->modrm & 7) == X86_RSP ? 1 : 0;
		else if ((z->modrm & 7) == 4 && (z->b[z->op + 2] & 7) == X86_RSP)
			rex |= 1;
		absolute = (z->modrm & 0xc7) == 5;
	}
	if (rex && form & QUICK_BYTE)
		return false; /* the REX could turn AH into SPL */
	if (prefixes)
		p = e_u8(p, z->b[0]);
	if (mem && kind != QUICK_LEA)
		p = e_u8(p, 0x67);
	if (rex)
		p = e_u8(p, 0x40 | rex);
	if (absolute) {
		p = x86_copy_bytes(p, z->b + prefixes, z->op + 1 - prefixes);
		p = e_u16(p, 0x2504 | (z->modrm & 0x38));
		p = x86_copy_bytes(p, z->b + z->op + 2, z->length - (z->op + 2));
	} else {
		p = x86_copy_bytes(p, z->b + prefixes, z->length - prefixes);
	}
	unsigned host = (unsigned)(p - t->p);
	t->p = p;
	if (host == z->length) {
		*t->d++ = (uint8_t)host;
	} else {
		*t->d++ = (uint8_t)(X86_DELTA_LONG | z->length);
		*t->d++ = (uint8_t)host;
		*t->d++ = X86_FIX_NONE;
	}
	return true;
}

static void inc_dec(struct x86_tr *t, unsigned opcode)
{
	uint8_t *start = t->p;
	if ((opcode & 7) == X86_RSP)
		t->p = e_u8(t->p, 0x41);
	t->p = e_u16(t->p, 0xc0ff | opcode << 8); /* bit 3 of the opcode is the lowest of the extension */
	*t->d++ = X86_DELTA_LONG | 1;
	*t->d++ = (uint8_t)(t->p - start);
	*t->d++ = X86_FIX_NONE;
}

enum x86_quick_end x86_quick32(struct x86_tr *t, unsigned max)
{
	uint64_t page = t->pc >> 12;
	const uint8_t *last;
	for (; max && t->pc >> 12 == page && (last = last_start(t)); max--) {
		struct quick z = {.b = t->buf + (t->pc - t->buf_pc)};
		if (z.b > last)
			break;
		unsigned kind = look(&z, quick32, false);
		switch (kind) {
		case QUICK_COPY:
		case QUICK_LEA:
			if (!copy32(t, &z, kind))
				return X86_QUICK_OTHER;
			break;
		case QUICK_INCDEC:
			inc_dec(t, z.b[0]);
			break;
		case QUICK_PUSH:
		case QUICK_POP:
			t->in.length = 1;
			t->in.opsize = 4;
			t->in.map = 0;
			t->in.opcode = z.b[0];
			t->in.rm = z.b[0] & 7;
			x86_stack32(t);
			break;
		default:
			return finish(t, z, kind);
		}
		t->pc += z.length;
		t->insns++;
	}
	return X86_QUICK_OTHER;
}
