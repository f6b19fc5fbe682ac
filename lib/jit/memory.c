/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest loads, stores and atomic operations of the interpreter: size, byte order, sign, atomicity of a memop. */
#include "jit/eval.h"
#include "jit/interp.h"
#include "jit/tlb.h"

static void swap(union ir_value *v, unsigned n)
{
	for (unsigned i = 0; i < n / 2; i++) {
		uint8_t t = v->u8[i];
		v->u8[i] = v->u8[n - 1 - i];
		v->u8[n - 1 - i] = t;
	}
}

#if defined __x86_64__
/* An aligned SSE load or store is one access on every processor with AVX (SDM volume 3, 9.1.1). */
static void load16(void *to, const void *from)
{
	__asm__ volatile("movdqa %1, %%xmm0\n movdqu %%xmm0, %0"
			 : "=m"(*(uint8_t(*)[16])to) : "m"(*(const uint8_t(*)[16])from) : "xmm0");
}

static void store16(void *to, const void *from)
{
	__asm__ volatile("movdqu %1, %%xmm0\n movdqa %%xmm0, %0"
			 : "=m"(*(uint8_t(*)[16])to) : "m"(*(const uint8_t(*)[16])from) : "xmm0");
}

/* Compare and swap at any alignment; *old gets what was there. */
static bool cas(void *at, unsigned n, const union ir_value *expected, const union ir_value *desired, union ir_value *old)
{
	bool done;
	uint64_t a = expected->u64[0];

#define CAS(suffix, T)                                                                                                \
	__asm__ volatile("lock cmpxchg" suffix " %[new], %[mem]"                                                      \
			 : "+a"(a), [mem] "+m"(*(T(*)[1])at), "=@cce"(done) : [new] "r"((T)desired->u64[0]) : "memory")
	switch (n) {
	case 1: CAS("b", uint8_t); break;
	case 2: CAS("w", uint16_t); break;
	case 4: CAS("l", uint32_t); break;
	case 8: CAS("q", uint64_t); break;
	default: {
		uint64_t d = expected->u64[1];
		__asm__ volatile("lock cmpxchg16b %[mem]"
				 : "+a"(a), "+d"(d), [mem] "+m"(*(uint8_t(*)[16])at), "=@cce"(done)
				 : "b"(desired->u64[0]), "c"(desired->u64[1]) : "memory");
		old->u64[1] = d;
		break;
	}
	}
	old->u64[0] = a;
	return done;
}
#else
static void load16(void *to, const void *from)
{
	unsigned __int128 v = __atomic_load_n((const unsigned __int128 *)from, __ATOMIC_SEQ_CST);
	memcpy(to, &v, 16);
}

static void store16(void *to, const void *from)
{
	unsigned __int128 v;
	memcpy(&v, from, 16);
	__atomic_store_n((unsigned __int128 *)to, v, __ATOMIC_SEQ_CST);
}

static bool cas(void *at, unsigned n, const union ir_value *expected, const union ir_value *desired, union ir_value *old)
{
	*old = *expected;
#define CAS(T, F) __atomic_compare_exchange_n((T *)at, &old->F[0], desired->F[0], false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
	switch (n) {
	case 1: return CAS(uint8_t, u8);
	case 2: return CAS(uint16_t, u16);
	case 4: return CAS(uint32_t, u32);
	case 8: return CAS(uint64_t, u64);
	default: return CAS(unsigned __int128, u128);
	}
}
#endif

void ir_mem_load(union ir_value *d, const struct ir_op *op, void *at)
{
	unsigned n = 1u << (op->x & IR_MEM_LOG2);

	memset(d, 0, sizeof *d);
	if (n == 16 && op->x & IR_MEM_ATOMIC && !((uintptr_t)at & 15)) {
		access_mark(at, n);
		load16(d, at);
		access_done();
	} else {
		access_read(d, at, n);
	}
	if (op->x & IR_MEM_BE)
		swap(d, n);
	if (op->x & IR_MEM_SIGNED && n < ir_type_bytes[op->type]) {
		ir_u128 v = d->u128[0] << (128 - 8 * n);
		v = (ir_u128)((__int128)v >> (128 - 8 * n));
		d->u128[0] = ir_bits(op->type) < 128 ? v & (((ir_u128)1 << ir_bits(op->type)) - 1) : v;
	}
}

void ir_mem_store(const union ir_value *v, const struct ir_op *op, void *at)
{
	unsigned n = 1u << (op->x & IR_MEM_LOG2);
	union ir_value swapped;

	if (op->x & IR_MEM_BE) {
		swapped = *v;
		swap(&swapped, n);
		v = &swapped;
	}
	if (n == 16 && op->x & IR_MEM_ATOMIC && !((uintptr_t)at & 15)) {
		access_mark(at, n);
		store16(at, v);
		access_done();
	} else {
		access_write(at, v, n);
	}
}

/* All atomic operations through compare and swap. */
void ir_mem_atomic(union ir_value *d, const struct ir_op *op, void *at, const union ir_value *b, const union ir_value *c)
{
	static const uint16_t function[] = {
		[IR_FETCH_ADD - IR_FETCH_ADD] = IR_ADD,   [IR_FETCH_AND - IR_FETCH_ADD] = IR_AND,
		[IR_FETCH_OR - IR_FETCH_ADD] = IR_OR,     [IR_FETCH_XOR - IR_FETCH_ADD] = IR_XOR,
		[IR_FETCH_MINS - IR_FETCH_ADD] = IR_MINS, [IR_FETCH_MAXS - IR_FETCH_ADD] = IR_MAXS,
		[IR_FETCH_MINU - IR_FETCH_ADD] = IR_MINU, [IR_FETCH_MAXU - IR_FETCH_ADD] = IR_MAXU,
	};
	static const uint8_t by_log2[] = {IR_I8, IR_I16, IR_I32, IR_I64, IR_I128};
	unsigned log2 = op->x & IR_MEM_LOG2, n = 1u << log2;
	struct ir_op f = {.type = by_log2[log2 < 5 ? log2 : 4]};
	union ir_value old, new, seen;
	bool done;

	memset(d, 0, sizeof *d);
	memset(&old, 0, sizeof old);
	memset(&seen, 0, sizeof seen);
	/* expected and seen are in memory order, d and new in value order */
	access_mark(at, n);
	if (op->op == IR_CMPXCHG) {
		memcpy(&old, b, n);
		memset(&new, 0, sizeof new);
		memcpy(&new, c, n);
		if (op->x & IR_MEM_BE) {
			swap(&old, n);
			swap(&new, n);
		}
		cas(at, n, &old, &new, &seen);
	} else {
		/* The first guess may be torn; the compare finds out. */
		memcpy(&old, at, n);
		do {
			union ir_value v[2];
			memset(v, 0, sizeof v);
			memcpy(&v[0], &old, n);
			memcpy(&v[1], b, n);
			if (op->x & IR_MEM_BE)
				swap(&v[0], n);
			if (op->op == IR_XCHG) {
				new = v[1];
			} else {
				f.op = function[op->op - IR_FETCH_ADD];
				ir_eval(NULL, NULL, &f, f.type, v, &new);
			}
			if (op->x & IR_MEM_BE)
				swap(&new, n);
			done = cas(at, n, &old, &new, &seen);
			if (!done)
				old = seen;
		} while (!done);
		seen = old;
	}
	access_done();
	memcpy(d, &seen, n);
	if (op->x & IR_MEM_BE)
		swap(d, n);
}

void ir_mem_machine(struct cpu *c, union ir_value *d, const struct ir_op *op, uint64_t address, const union ir_value *b,
		    const union ir_value *v)
{
	unsigned n = 1u << (op->x & IR_MEM_LOG2), map = op->x >> IR_MEM_INDEX_SHIFT & 15;
	union ir_value bounce;
	void *at;

	memset(&bounce, 0, sizeof bounce);
	if (op->op == IR_LD) {
		at = tlb_hit(c->mmu, address, n, map, MMU_READ);
		if (!at)
			mmu_read(c, address, &bounce, n, map);
		ir_mem_load(d, op, at ? at : &bounce);
	} else if (op->op == IR_ST) {
		at = tlb_hit(c->mmu, address, n, map, MMU_WRITE);
		ir_mem_store(b, op, at ? at : &bounce);
		if (!at)
			mmu_write(c, address, &bounce, n, map);
	} else {
		/* NULL: all others stand still. */
		at = mmu_host(c, address, n, map);
		if (!at)
			mmu_read(c, address, &bounce, n, map);
		ir_mem_atomic(d, op, at ? at : &bounce, b, v);
		if (!at)
			mmu_write(c, address, &bounce, n, map);
	}
}
