/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens to a finished region before a back end sees it. Two walks:
 *
 *   forward: numbers the blocks; operands that are only the low part of a wider value become that value, where the
 *     operation looks at no more than its own type's bits (so afterwards the verifier's type rules do not hold)
 *   backward: removes results that nobody uses, slots and flags that are set again before anybody can look, and notes
 *     the last use of each value, whether it is used beyond its block, and in which slot's register it would best be computed
 */
#include <string.h>
#include "jit/ir.h"

struct opt {
	struct ir_region *r;
	uint32_t stamp;                    /* of overwritten[]: an observer makes all entries old */
	uint32_t overwritten[IR_MAX_SLOTS + IR_MAX_LOCALS];
	ir_ref wanted[IR_MAX_SLOTS];       /* value that a pinned slot waits for */
	uint16_t waiting[32];
	unsigned waits;
	uint64_t pinned[IR_MAX_SLOTS / 64];
	uint64_t live_flags;
	uint32_t flags_until;              /* the last operation that may look at flags which are not set again before it; 0: none */
};

static bool low_bits_only(const struct ir_op *o)
{
	switch (o->op) {
	case IR_ADD: case IR_SUB: case IR_MUL: case IR_AND: case IR_OR: case IR_XOR: case IR_ANDN: case IR_NEG:
	case IR_NOT: case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROTL: case IR_ROTR: case IR_CLZ: case IR_CTZ:
	case IR_POPCNT: case IR_BSWAP: case IR_BRCOND: case IR_ST: case IR_EXTRACT: case IR_SEXTRACT: case IR_DEPOSIT:
	case IR_SHRD:
		return ir_is_int(o->type) && o->type != IR_I128;
	default:
		return false;
	}
}

static ir_ref untruncated(const struct ir_region *r, ir_ref t)
{
	while (t && !r->temp[t].constant) {
		const struct ir_op *d = &r->op[r->temp[t].def];
		if (d->op != IR_TRUNC || d->dst != t || r->temp[d->a].type == IR_I128)
			break;
		t = d->a;
	}
	return t;
}

/* Made by the host's own operation of the same width, which looks at nothing above it. */
static bool own_flags(const struct ir_flags *f, const struct ir_op *o)
{
	return f->x86 && f->host(o->x) != IR_HOST_FLAGS_NONE && f->host(o->x) != IR_HOST_FLAGS_BITS;
}

static void forward(struct ir_region *r)
{
	uint32_t block = 0;

	for (uint32_t i = 0; i < r->ops; i++) {
		struct ir_op *o = &r->op[i];
		if (o->op == IR_LABEL)
			block++;
		o->z = block;
		if (o->op == IR_SETFLAGS && own_flags(r->guest->flags, o)) {
			o->a = untruncated(r, o->a);
			o->b = untruncated(r, o->b);
			o->c = untruncated(r, o->c);
		}
		if (!low_bits_only(o))
			continue;
		if (o->op != IR_ST)
			o->a = untruncated(r, o->a);
		o->b = untruncated(r, o->b);
		/* What is put in place is cut anyway. */
		if (o->op == IR_DEPOSIT && !r->temp[o->b].constant) {
			const struct ir_op *d = &r->op[r->temp[o->b].def];
			if (d->op == IR_ZEXT && d->dst == o->b && (o->x >> 8 & 255) <= ir_bits(r->temp[d->a].type))
				o->b = untruncated(r, d->a);
		}
	}
}

static unsigned index_of(uint32_t slot)
{
	return slot & IR_LOCAL ? IR_MAX_SLOTS + (slot & ~IR_LOCAL) : slot;
}

static void no_hints(struct opt *s)
{
	for (unsigned i = 0; i < s->waits; i++)
		if (s->wanted[s->waiting[i]]) {
			s->r->temp[s->wanted[s->waiting[i]]].hint = 0;
			s->wanted[s->waiting[i]] = 0;
		}
	s->waits = 0;
}

static void observer(struct opt *s)
{
	s->stamp++;
	s->live_flags = ~0ull;
	no_hints(s);
}

static void want(struct opt *s, unsigned slot, ir_ref t, uint32_t block)
{
	struct ir_temp *v = &s->r->temp[t];

	if (v->constant || v->hint || s->r->op[v->def].z != block || slot >= 255 || s->waits >= 32)
		return;
	s->wanted[slot] = t;
	s->waiting[s->waits++] = (uint16_t)slot;
	v->hint = (uint8_t)(slot + 1);
}

static void use(struct opt *s, ir_ref t, uint32_t at)
{
	struct ir_temp *v = &s->r->temp[t];

	if (!t)
		return;
	if (!v->last)
		v->last = (uint16_t)at;
	if (!v->constant && s->r->op[v->def].z != s->r->op[at].z)
		v->crosses = true;
}

/* The value for a waiting slot is computed here: the hint stands. Through an extension it goes on to its source. */
static void settle(struct opt *s, struct ir_op *o, uint32_t at)
{
	struct ir_temp *v = &s->r->temp[o->dst];
	unsigned slot = v->hint - 1u;

	for (unsigned i = 0; i < s->waits; i++)
		if (s->waiting[i] == slot)
			s->waiting[i] = s->waiting[--s->waits];
	s->wanted[slot] = 0;
	(void)at;
	if (o->op == IR_ZEXT && o->type == IR_I64 && s->r->temp[o->a].type == IR_I32 && !s->r->temp[o->a].last)
		want(s, slot, o->a, o->z);
}

/* True: the operation is dead. */
static bool set_slot(struct opt *s, struct ir_op *o)
{
	unsigned i = index_of(o->x);

	if (s->overwritten[i] == s->stamp)
		return true;
	if (!(o->x & IR_LOCAL)) {
		s->overwritten[i] = s->stamp;
		if (s->r->guest->flags && o->x == s->r->guest->flags->slot)
			s->live_flags = 0;
		if (s->pinned[o->x / 64] >> (o->x % 64) & 1)
			want(s, o->x, o->a, o->z);
	}
	return false;
}

static void get_slot(struct opt *s, const struct ir_op *o)
{
	s->overwritten[index_of(o->x)] = s->stamp - 1;
	if (o->x & IR_LOCAL)
		return;
	if (s->r->guest->flags && o->x == s->r->guest->flags->slot)
		s->live_flags = ~0ull;
	if (s->wanted[o->x]) {
		s->r->temp[s->wanted[o->x]].hint = 0;
		s->wanted[o->x] = 0;
		for (unsigned i = 0; i < s->waits; i++)
			if (s->waiting[i] == o->x)
				s->waiting[i] = s->waiting[--s->waits];
	}
}

/*
 * A back end may put off the flags of such a guest until somebody looks (ir_flags.x86): what they are made of lives as long. Labels end
 * that, so it is the same block.
 */
static void keep_flags(struct opt *s, const struct ir_op *o)
{
	const struct ir_flags *f = s->r->guest->flags;
	enum ir_host_flags kind = f->host(o->x);
	const ir_ref in[] = {o->a, o->b, o->c};

	if (kind != IR_HOST_FLAGS_SUB && kind != IR_HOST_FLAGS_ADD && kind != IR_HOST_FLAGS_LOGIC && kind != IR_HOST_FLAGS_SHL &&
	    kind != IR_HOST_FLAGS_SHR && kind != IR_HOST_FLAGS_SAR)
		return;
	for (unsigned i = kind == IR_HOST_FLAGS_LOGIC ? 2 : 0; i < (kind == IR_HOST_FLAGS_LOGIC ? 3u : 2u); i++)
		if (in[i] && s->r->temp[in[i]].last <= s->flags_until)
			s->r->temp[in[i]].last = (uint16_t)(s->flags_until + 1);
}

static void flags_seen(struct opt *s, uint32_t at)
{
	if (!s->flags_until)
		s->flags_until = at;
}

static void backward(struct opt *s)
{
	bool lazy = s->r->guest->flags && s->r->guest->flags->x86;
	struct ir_region *r = s->r;

	for (uint32_t i = r->ops; i-- > 0;) {
		struct ir_op *o = &r->op[i];
		const struct ir_op_info *info = &ir_op_info[o->op];
		const struct ir_helper *h = o->op == IR_CALL ? (const struct ir_helper *)(uintptr_t)o->imm : NULL;
		if (o->op == IR_NOP)
			continue;
		if (o->dst && !r->temp[o->dst].last &&
		    (!(info->flags & IR_F_SIDE) || (h && h->flags & IR_HELPER_PURE))) {
			o->op = IR_NOP;
			continue;
		}
		if (o->dst && r->temp[o->dst].hint)
			settle(s, o, i);
		switch (o->op) {
		case IR_SET:
			if (set_slot(s, o)) {
				o->op = IR_NOP;
				continue;
			}
			break;
		case IR_GET:
			get_slot(s, o);
			break;
		case IR_SETFLAGS:
			s->overwritten[r->guest->flags->slot] = s->stamp - 1;
			/* aux: nobody wants the old value of any other bit either */
			o->aux = !(r->guest->flags->mask & s->live_flags & ~o->imm);
			o->imm &= s->live_flags;
			if (!o->imm) {
				o->op = IR_NOP;
				continue;
			}
			s->live_flags &= ~o->imm;
			no_hints(s);
			if (lazy) {
				keep_flags(s, o);
				s->flags_until = o->aux & 1 ? 0 : i;
			}
			break;
		case IR_GETFLAGS:
			s->live_flags |= o->imm;
			s->overwritten[r->guest->flags->slot] = s->stamp - 1;
			break;
		case IR_TESTFLAGS:
			s->live_flags |= r->guest->flags->needs(o->aux);
			s->overwritten[r->guest->flags->slot] = s->stamp - 1;
			no_hints(s);
			break;
		case IR_CALL:
			if (h->flags & (IR_HELPER_STATE | IR_HELPER_FAULTS | IR_HELPER_ENDS))
				observer(s);
			no_hints(s);
			break;
		case IR_LABEL: case IR_POLL: case IR_BR: case IR_BRCOND: case IR_BRFLAGS:
		case IR_EXIT_PC: case IR_EXIT_IND: case IR_EXIT_TRAP:
			observer(s);
			break;
		default:
			if (info->flags & IR_F_FAULT)
				observer(s);
			break;
		}
		if (lazy && o->op != IR_SETFLAGS && (info->flags & (IR_F_FAULT | IR_F_SIDE) || o->op == IR_GETFLAGS || o->op == IR_TESTFLAGS ||
						     (o->op == IR_GET && o->x == r->guest->flags->slot)) &&
		    o->op != IR_INSN && (o->op != IR_SET || o->x == r->guest->flags->slot) && o->op != IR_STS)
			flags_seen(s, i);
		use(s, o->a, i);
		use(s, o->b, i);
		use(s, o->c, i);
		use(s, o->d, i);
		use(s, o->y, i);
	}
}

void ir_optimise(struct ir_region *r)
{
	struct opt s;

	s.r = r;
	s.stamp = 1;
	s.waits = 0;
	s.live_flags = ~0ull;
	s.flags_until = 0;
	unsigned slots = r->guest->slot_count;
	memset(s.overwritten, 0, sizeof s.overwritten[0] * slots);
	memset(s.overwritten + IR_MAX_SLOTS, 0, sizeof s.overwritten[0] * r->locals);
	memset(s.wanted, 0, sizeof s.wanted[0] * slots);
	memset(s.pinned, 0, sizeof s.pinned);
	for (unsigned i = 0; i < r->guest->pin_count; i++) {
		unsigned slot = r->guest->pins[i].slot, type = r->guest->slots[slot].type;
		if (type == IR_I32 || type == IR_I64)
			s.pinned[slot / 64] |= 1ull << (slot % 64);
	}
	for (uint32_t t = 0; t < r->temps; t++) {
		r->temp[t].last = 0;
		r->temp[t].hint = 0;
		r->temp[t].crosses = false;
	}
	forward(r);
	backward(&s);
}
