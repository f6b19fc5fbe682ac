/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copying translator, 64-bit guests: one region. See copy.h for the theory; copymem.c rewrites memory operands,
 * copyexit.c writes the ends of regions.
 *
 * Compiled for general registers only: it runs with the guest's vectors live.
 */
#include "base/log.h"
#include "isa/x86/copyint.h"
#include "isa/x86/ops.h"

/* Regions that one call translates along unconditional jumps and calls. */
#define MAX_CHAIN 24
/* Conditional branches that one call goes on behind. */
#define MAX_AHEAD 4

/* Fetches so that at least one whole instruction at pc is in the buffer if memory has it. */
static unsigned fetch(struct x86_tr *t, uint64_t pc, bool next_page)
{
	uint64_t off = pc - t->buf_pc;
	if (!next_page && off < t->have && t->have - off >= 15) {
		t->bytes = t->buf + off;
		return t->have - (unsigned)off;
	}
	bool step = t->g->flags & JIT_REGION_STEP;
	size_t n = x86_easy_page(t, pc) ? 4096 - (pc & 4095) : step ? jit_peekable(t->j, pc) : jit_fetchable(t->j, pc);
	if (next_page && n == 4096 - (pc & 4095) && n < 15)
		n += step ? jit_peekable(t->j, (pc | 4095) + 1) : jit_fetchable(t->j, (pc | 4095) + 1);
	if (n > X86_FETCH)
		n = X86_FETCH;
	if (n)
		n = jit_fetch(t->buf, pc, n);
	t->buf_pc = pc;
	t->have = (unsigned)n;
	t->bytes = t->buf;
	return t->have;
}

unsigned x86_tr_fetch(struct x86_tr *t)
{
	return fetch(t, t->pc, false);
}

static enum x86_decode_status decode(struct x86_tr *t)
{
	unsigned have = fetch(t, t->pc, false);
	enum x86_decode_status s = have ? x86_decode(&t->in, t->bytes, have, t->mode, t->c->feat) : X86_DECODE_SHORT;
	if (s == X86_DECODE_SHORT && have < 15 && (t->pc & 4095) + have == 4096) {
		have = fetch(t, t->pc, true);
		s = have ? x86_decode(&t->in, t->bytes, have, t->mode, t->c->feat) : X86_DECODE_SHORT;
	}
	return s;
}

void x86_tr_note(struct x86_tr *t, uint8_t *start, unsigned fixup)
{
	unsigned host = (unsigned)(t->p - start);
	if (host == t->in.length && fixup == X86_FIX_NONE) {
		*t->d++ = (uint8_t)host;
	} else {
		*t->d++ = X86_DELTA_LONG | t->in.length;
		*t->d++ = (uint8_t)host;
		*t->d++ = (uint8_t)fixup;
	}
}

/* Copies or rewrites an instruction that does not branch. False: it is for C. */
static bool plain(struct x86_tr *t)
{
	struct x86_insn *in = &t->in;
	uint8_t *start = t->p;
	if (!in->has_mem) {
		if (__builtin_expect(in->seg == X86_FS || in->seg == X86_GS, 0) &&
		    (in->row->copy == X86_COPY_STRING || !x86_ignores_segment(in)))
			return false;
	} else if (__builtin_expect(in->base == X86_RIP_BASE || in->seg == X86_FS || in->seg == X86_GS, 0)) {
		unsigned fixup = X86_FIX_NONE;
		if (!x86_rewrite_mem(t, &fixup)) {
			t->p = start;
			return false;
		}
		x86_tr_note(t, start, fixup);
		return true;
	}
	t->p = x86_copy_bytes(start, t->bytes, in->length);
	*t->d++ = in->length;
	return true;
}

/*
 * Instructions of the emulated class that the host may do as it is: xlat; and those that tell about processor number and
 * segments, which are the same for a 64-bit guest (Linux's GDT; the vdso's getcpu reads the limit of selector 7b).
 */
static bool host_answers(const struct x86_tr *t)
{
	switch (t->in.row->op) {
	case X86_OP_xlat:
		return t->in.seg != X86_FS && t->in.seg != X86_GS;
	case X86_OP_lsl:
	case X86_OP_lar:
	case X86_OP_verr:
	case X86_OP_verw:
		return t->mode == 64;
	}
	return false;
}

static bool stores(const struct x86_insn *in)
{
	unsigned size;
	return in->row->copy == X86_COPY_STRING || (in->has_mem && x86_mem_access(in, &size) & 2);
}

/* A store through CS is #GP outside 64-bit mode, where the decoder names no CS (SDM volume 3, 5.5): T0 raises it. */
static bool stores_to_code(const struct x86_insn *in)
{
	unsigned size;
	return in->seg == X86_CS && (x86_mem_access(in, &size) & 2 || in->row->op == X86_OP_maskmovq || in->row->op == X86_OP_maskmovdqu);
}

/* The body of one region. Returns with its end written and in t->chain where translation may simply go on. */
static void region_body(struct x86_tr *t, unsigned max)
{
	uint64_t first = t->pc;
	unsigned before = t->insns, n = 0;
	bool quick = t->quick && !(t->g->flags & JIT_REGION_CHECKED);
	t->chain = false;
	for (;; n = t->insns - before) {
		if (quick) {
			switch (t->mode == 64 ? x86_quick64(t, max - n) : x86_quick32(t, max - n)) {
			case X86_QUICK_BRANCH:
				x86_end_branch(t);
				t->insns++;
				return;
			case X86_QUICK_RET:
				if (t->mode == 64 ? x86_end_indirect(t) : x86_end_indirect32(t)) {
					t->insns++;
					return;
				}
				break;
			case X86_QUICK_OTHER:
				break;
			}
			n = t->insns - before;
		}
		if (n == max || (n && (t->pc ^ first) >> 12)) {
			x86_end_jump(t, t->pc);
			return;
		}
		enum x86_decode_status s = decode(t);
		if (s != X86_DECODE_OK) { /* #UD, #GP or a fetch fault: C finds out when it is reached */
			x86_end_emulate(t);
			return;
		}
		const struct x86_row *row = t->in.row;
		if (__builtin_expect(t->g->flags & JIT_REGION_CHECKED, 0)) {
			x86_copy_bytes(t->src + t->src_len, t->bytes, t->in.length);
			t->src_len += t->in.length;
		}
		if (__builtin_expect(t->in.seg == X86_CS, 0) && stores_to_code(&t->in)) {
			x86_end_emulate(t);
			return;
		}
		switch (row->copy) {
		case X86_COPY_PLAIN:
		case X86_COPY_X87:
		case X86_COPY_STRING:
			break;
		case X86_COPY_STACK:
			if (t->mode == 32 ? !x86_stack32(t) : !(row->flags & X86_ROW_PLAIN64)) {
				x86_end_emulate(t);
				return;
			}
			if (t->mode == 32)
				goto done;
			break;
		case X86_COPY_BRANCH:
			x86_end_branch(t);
			t->insns++;
			return;
		case X86_COPY_INDIRECT:
			if (t->mode == 32 ? !x86_end_indirect32(t) : !x86_end_indirect(t)) {
				x86_end_emulate(t);
				return;
			}
			t->insns++;
			return;
		case X86_COPY_SYSCALL:
			if (t->mode == 64 && t->in.map == 1 && t->in.opcode == 0x05) {
				x86_end_syscall(t);
				t->insns++;
				return;
			}
			x86_end_emulate(t);
			return;
		default:
			if (host_answers(t))
				break;
			x86_end_emulate(t);
			return;
		}
		if (t->mode == 32 ? !x86_plain32(t) : !plain(t)) {
			x86_end_emulate(t);
			return;
		}
	done:
		t->insns++;
		t->pc += t->in.length;
		/* What it stores may be its own next instruction, and nothing else tells. */
		if (__builtin_expect(t->g->flags & JIT_REGION_CHECKED, 0) && stores(&t->in)) {
			x86_end_jump(t, t->pc);
			return;
		}
	}
}

static uint32_t one_region(struct x86_tr *t, uint8_t flags, bool indirect)
{
	struct jit *j = t->j;
	uint32_t r = jit_region_new(j, t->pc, t->mode);
	t->region = r;
	t->g = &j->region[r];
	t->g->flags = flags;
	t->p = j->rw + j->hot;
	if (indirect) {
		t->g->verify = j->hot;
		t->p = x86_verify_here(j, t->p, t->g);
		t->g->code = jit_offset(j, t->p);
	}
	t->d = j->delta + j->delta_used;
	t->src_len = 0;
	j->last = (struct jit_last){.region = r};
	uint32_t hot = flags || x86_easy_page(t, t->pc) ? 0 : jit_page_hot(j, t->pc);
	if (!flags && !hot && !x86_easy_page(t, t->pc)) {
		hot = jit_page_hot(j, (t->pc | 4095) + 1);
		if (!hot && jit_fetchable(j, t->pc) == 4096 - (t->pc & 4095))
			t->easy = (t->pc >> 12) + 1;
	}
	if (hot) {
		t->g->flags |= JIT_REGION_CHECKED;
		uint32_t x = jit_exit_new(j, r, t->pc, X86_EXIT_CHECK);
		j->exit[x].patch = hot; /* how long it holds */
		t->p = x86_stub(j, t->p, x);
	}
	region_body(t, flags & JIT_REGION_STEP || j->config.one_insn ? 1 : X86_MAX_INSNS);
	*t->d++ = 0;
	if (t->g->flags & JIT_REGION_CHECKED) {
		for (unsigned i = 0; i < t->src_len; i += 16)
			x86_copy_bytes(t->d + i, t->src + i, 16);
		t->d += t->src_len;
	}
	t->g->guest_len = (uint16_t)(t->pc - t->g->pc);
	j->delta_used = (uint32_t)(t->d - j->delta);
	j->hot = jit_offset(j, t->p);
	j->last.hot_end = j->hot;
	j->stats.host_bytes += j->hot - t->g->code;
	if (__builtin_expect(log_mask & (LOG_IN_ASM | LOG_OUT_ASM), 0))
		jit_call_saving_vectors(j, x86_log_region, r, t->mode);
	return r;
}

/* The region at t->pc and what follows from it, `left` regions at most: one call's worth. Returns the first. */
static uint32_t sequence(struct x86_tr *t, uint8_t flags, bool indirect, unsigned *left)
{
	struct jit *j = t->j;
	if (--*left == 0)
		t->ahead = 0;
	uint32_t first = one_region(t, flags, indirect);
	jit_region_commit(j, first);
	while (*left && t->chain && !flags && !j->config.one_insn) {
		/* The end was a jump to code that has no translation: that follows in its place. */
		uint64_t target = t->chain_target;
		if ((!x86_easy_page(t, target) && !jit_fetchable(j, target)) || jit_region_find(j, target, t->mode))
			break;
		uint32_t exit = j->last.x_fall;
		bool follows = jit_single(j);
		if (follows)
			j->hot = j->last.tail;
		if (--*left == 0)
			t->ahead = 0;
		t->pc = target;
		uint32_t r = one_region(t, 0, false);
		/* With several threads a dead region is better left by a patched jump than through its trap. */
		if (follows)
			jit_link_physical(j, exit, r);
		else
			jit_link(j, exit, r);
		jit_region_commit(j, r);
	}
	return first;
}

uint32_t x86_translate(struct jit *j, struct x86_cpu *c, uint64_t pc, uint8_t flags, bool indirect)
{
	struct x86_tr t;
	unsigned left = MAX_CHAIN;
	t.j = j;
	t.c = c;
	t.mode = c->mode;
	t.pc = pc;
	t.buf_pc = 1;
	t.have = 0;
	t.insns = 0;
	t.easy = 0;
	t.returns = 0;
	t.quick = x86_quick_possible(c->feat);
	t.ahead = flags || j->config.one_insn || log_mask & LOG_NOCHAIN ? 0 : MAX_AHEAD;
	uint32_t first = sequence(&t, flags, indirect, &left);
	while (t.returns && left) {
		t.pc = t.return_to[--t.returns];
		if (jit_region_find(j, t.pc, t.mode))
			continue;
		uint32_t r = sequence(&t, 0, true, &left);
		jit_table_offer(j, j->region[r].pc, j->region[r].verify);
	}
	j->stats.guest_insns += t.insns;
	return first;
}
