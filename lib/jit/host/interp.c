/* SPDX-License-Identifier: GPL-2.0-or-later */
/* T0, see interp.h. */
#include <sched.h>
#include <stdlib.h>
#include "jit/eval.h"
#include "jit/interp.h"

void ir_call_helper(const struct ir_helper *h, struct cpu *cpu, const union ir_value *const *in, union ir_value *d)
{
	typedef uint64_t fn(struct cpu *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
	uint64_t arg[6] = {0};
	unsigned n = 0;
	bool wide = ir_type_bytes[h->ret] > 8;

	memset(d, 0, sizeof *d);
	if (wide)
		arg[n++] = (uint64_t)(uintptr_t)d;
	for (unsigned i = 0; i < h->args; i++)
		arg[n++] = ir_type_bytes[h->arg[i]] > 8 ? (uint64_t)(uintptr_t)in[i] : in[i]->u64[0];
	/* Arguments behind those that fn has are ignored in every host ABI that we know. */
	uint64_t r = ((fn *)h->fn)(cpu, arg[0], arg[1], arg[2], arg[3], arg[4]);
	if (!wide && h->ret != IR_VOID)
		d->u64[0] = r & ir_mask(h->ret);
}

void ir_fault_trap(struct cpu *cpu, const struct access_scope *s, uint64_t guest_base)
{
	struct trap *t = &cpu->trap;
	uint64_t error_code = t->error_code, address = t->address;

	memset(t, 0, sizeof *t);
	t->kind = TRAP_EXCEPTION;
	if (!s->sig) { /* ir_raise() */
		t->vector = s->code;
		t->error_code = error_code;
		t->address = address;
		return;
	}
	t->vector = IR_VECTOR_MEMORY;
	t->host_fault = true;
	t->si = s->si;
	t->address = (uint64_t)(uintptr_t)s->si.si_addr - guest_base;
}

static void set_pc(const struct ir_guest *g, char *state, uint64_t pc)
{
	if (g->pc_type == IR_I64)
		memcpy(state + g->pc_offset, &pc, 8);
	else
		memcpy(state + g->pc_offset, &pc, ir_type_bytes[g->pc_type]);
}

static enum ir_leave align_trap(struct cpu *cpu, uint64_t address)
{
	memset(&cpu->trap, 0, sizeof cpu->trap);
	cpu->trap.kind = TRAP_EXCEPTION;
	cpu->trap.vector = IR_VECTOR_ALIGN;
	cpu->trap.address = address;
	return IR_LEAVE_TRAP;
}

static uint64_t flags_read(const struct ir_guest *g, const char *state)
{
	const struct ir_slot *s = &g->slots[g->flags->slot];
	uint64_t v = 0;
	if (s->type == IR_I64)
		memcpy(&v, state + s->offset, 8);
	else
		memcpy(&v, state + s->offset, ir_type_bytes[s->type]);
	return v;
}

static void flags_write(const struct ir_guest *g, char *state, uint64_t v)
{
	const struct ir_slot *s = &g->slots[g->flags->slot];
	if (s->type == IR_I64)
		memcpy(state + s->offset, &v, 8);
	else
		memcpy(state + s->offset, &v, ir_type_bytes[s->type]);
}

struct ir_code *ir_code_new(const struct ir_region *r)
{
	size_t head = (sizeof(struct ir_code) + 15) & ~15ul, values = sizeof(union ir_value) * (r->temps + r->locals);
	size_t ops = sizeof *r->op * r->ops, temps = sizeof *r->temp * r->temps;
	struct ir_code *c = aligned_alloc(16, (head + values + ops + temps + sizeof *r->label_at * r->labels + 15) & ~15ul);

	if (!c)
		return NULL;
	char *p = (char *)c + head;
	*c = (struct ir_code){.guest = r->guest, .pc = r->pc, .ops = r->ops, .locals = r->temps};
	c->value = (union ir_value *)(void *)p;
	memset(c->value, 0, values);
	for (unsigned t = 1; t < r->temps; t++)
		if (r->temp[t].constant)
			c->value[t].u64[0] = r->temp[t].value;
	p += values;
	c->op = memcpy(p, r->op, ops);
	p += ops;
	c->temp = memcpy(p, r->temp, temps);
	p += temps;
	c->label_at = memcpy(p, r->label_at, sizeof *r->label_at * r->labels);
	return c;
}

/* What nearly all slots and loads are moves at once; the rest of the value is zero, as everywhere. */
static inline void get(union ir_value *d, const char *from, unsigned type)
{
	memset(d, 0, sizeof *d);
	if (type == IR_I64)
		memcpy(d, from, 8);
	else
		memcpy(d, from, ir_type_bytes[type]);
}

static inline void put(char *to, const union ir_value *v, unsigned type)
{
	if (type == IR_I64)
		memcpy(to, v, 8);
	else
		memcpy(to, v, ir_type_bytes[type]);
}

enum ir_leave ir_interp_in_scope(struct ir_region *r, struct cpu *cpu, uint64_t guest_base)
{
	if (ir_region_values(r) < 0) {
		/* Cannot go on and cannot be the guest's fault: try again when memory is there. */
		set_pc(r->guest, (char *)cpu, r->pc);
		sched_yield();
		return IR_LEAVE_PC;
	}
	struct ir_code c = {.guest = r->guest, .pc = r->pc, .ops = r->ops, .locals = r->max_temps + 1,
			    .op = r->op, .temp = r->temp, .label_at = r->label_at, .value = r->value};
	return ir_code_run(&c, cpu, guest_base);
}

enum ir_leave ir_code_run(struct ir_code *r, struct cpu *cpu, uint64_t guest_base)
{
	const struct ir_guest *g = r->guest;
	char *state = (char *)cpu;
	union ir_value *v = r->value, in[4];
	uint64_t address;

	r->stored = false;
	for (uint32_t i = 0; i < r->ops; i++) {
		const struct ir_op *o = &r->op[i];
		union ir_value *d = &v[o->dst];
		switch (o->op) {
		case IR_NOP:
		case IR_LABEL:
			break;
		case IR_INSN:
			set_pc(g, state, o->imm);
			r->at = i;
			if (__builtin_expect(r->stored, 0))
				return IR_LEAVE_PC;
			if (g->extra_offset != IR_NO_OFFSET)
				memcpy(state + g->extra_offset, &o->x, 4);
			break;
		case IR_GET:
			if (o->x & IR_LOCAL)
				*d = v[r->locals + (o->x & ~IR_LOCAL)];
			else
				get(d, state + g->slots[o->x].offset, o->type);
			break;
		case IR_SET:
			if (o->x & IR_LOCAL)
				v[r->locals + (o->x & ~IR_LOCAL)] = v[o->a];
			else
				put(state + g->slots[o->x].offset, &v[o->a], o->type);
			break;
		case IR_LDS:
			get(d, state + o->imm, o->type);
			break;
		case IR_STS:
			memcpy(state + o->imm, &v[o->a], ir_type_bytes[o->type]);
			break;
		/* The two widths nearly all guest code uses, from the same rows as ir_eval(). */
#define IR_INT1(NAME, text, flags, expr)                                                                              \
	case IR_##NAME:                                                                                               \
		if (o->type == IR_I64)                                                                                \
			IR_ELEMENT1(64, v[o->a].u64[0], d->u64[0], expr);                                             \
		else if (o->type == IR_I32)                                                                           \
			IR_ELEMENT1(32, v[o->a].u32[0], d->u64[0], expr);                                             \
		else                                                                                                  \
			goto general;                                                                                 \
		break;
#define IR_INT2(NAME, text, flags, expr)                                                                              \
	case IR_##NAME:                                                                                               \
		if (o->type == IR_I64)                                                                                \
			IR_ELEMENT2(64, v[o->a].u64[0], v[o->b].u64[0], d->u64[0], expr);                             \
		else if (o->type == IR_I32)                                                                           \
			IR_ELEMENT2(32, v[o->a].u32[0], v[o->b].u32[0], d->u64[0], expr);                             \
		else                                                                                                  \
			goto general;                                                                                 \
		break;
#define IR_VEC1(...)
#define IR_VEC2(...)
#include "jit/ops.def"
		case IR_BR:
			i = r->label_at[o->x];
			break;
		case IR_BRCOND:
			if (ir_holds(o->aux, o->type, &v[o->a], &v[o->b]))
				i = r->label_at[o->x];
			break;
		case IR_SETFLAGS: {
			uint64_t m = ir_mask(o->type), bits = flags_read(g, state) & ~o->imm;
			bits |= o->imm & g->flags->compute(o->x, v[o->a].u64[0] & m, o->b ? v[o->b].u64[0] & m : 0,
							   o->c ? v[o->c].u64[0] & m : 0);
			flags_write(g, state, bits);
			break;
		}
		case IR_GETFLAGS:
			memset(d, 0, sizeof *d);
			d->u64[0] = flags_read(g, state) & o->imm & ir_mask(o->type);
			break;
		case IR_TESTFLAGS:
			memset(d, 0, sizeof *d);
			d->u64[0] = g->flags->test(o->aux, flags_read(g, state));
			break;
		case IR_BRFLAGS:
			if (g->flags->test(o->aux, flags_read(g, state)))
				i = r->label_at[o->x];
			break;
		case IR_LD:
		case IR_ST:
		case IR_CMPXCHG: case IR_XCHG:
		case IR_FETCH_ADD: case IR_FETCH_AND: case IR_FETCH_OR: case IR_FETCH_XOR:
		case IR_FETCH_MINS: case IR_FETCH_MAXS: case IR_FETCH_MINU: case IR_FETCH_MAXU:
			if (r->temp[o->a].type == IR_I32)
				address = (uint32_t)(v[o->a].u32[0] + (uint32_t)o->imm);
			else
				address = v[o->a].u64[0] + o->imm;
			if (address & ((1ull << (o->x >> IR_MEM_ALIGN_SHIFT & 7)) - 1))
				return align_trap(cpu, address);
			if (cpu->mmu) {
				ir_mem_machine(cpu, d, o, address, &v[o->b], &v[o->c]);
				break;
			}
			void *at = (void *)(uintptr_t)(guest_base + address);
			if (o->op == IR_LD)
				ir_mem_load(d, o, at);
			else if (o->op == IR_ST)
				ir_mem_store(&v[o->b], o, at);
			else
				ir_mem_atomic(d, o, at, &v[o->b], &v[o->c]);
			/* 32 bytes are the longest store: what begins that far in front may reach into the range */
			if (o->op != IR_LD && r->guard_len && address - r->guard + 32 < r->guard_len + 32)
				r->stored = true;
			break;
		case IR_FENCE:
			__atomic_thread_fence(o->aux & IR_FENCE_SL ? __ATOMIC_SEQ_CST : __ATOMIC_ACQ_REL);
			break;
		case IR_CALL: {
			const union ir_value *args[5] = {&v[o->a], &v[o->b], &v[o->c], &v[o->d], &v[o->y]};
			ir_call_helper((const struct ir_helper *)(uintptr_t)o->imm, cpu, args, o->dst ? d : &in[0]);
			break;
		}
		case IR_POLL:
			if (cpu->pending) {
				set_pc(g, state, o->imm);
				return IR_LEAVE_POLL;
			}
			break;
		case IR_EXIT_PC:
			set_pc(g, state, o->imm);
			return IR_LEAVE_PC;
		case IR_EXIT_IND:
			set_pc(g, state, v[o->a].u64[0]);
			return IR_LEAVE_PC;
		case IR_EXIT_TRAP:
			memset(&cpu->trap, 0, sizeof cpu->trap);
			cpu->trap.kind = o->aux;
			cpu->trap.vector = cpu->trap.number = (int)o->x;
			cpu->trap.error_code = o->a ? v[o->a].u64[0] : 0;
			cpu->trap.address = o->b ? v[o->b].u64[0] : 0;
			set_pc(g, state, o->imm);
			return IR_LEAVE_TRAP;
		default:
		general:
			in[0] = v[o->a];
			in[1] = v[o->b];
			in[2] = v[o->c];
			in[3] = v[o->d];
			ir_eval(g, cpu, o, r->temp[o->a].type, in, d);
			break;
		}
	}
	/* Not reached in a verified region. */
	set_pc(g, state, r->pc);
	return IR_LEAVE_PC;
}

enum ir_leave ir_interp(struct ir_region *r, struct cpu *cpu, uint64_t guest_base)
{
	struct access_scope s;

	if (access_enter(&s)) {
		ir_fault_trap(cpu, &s, guest_base);
		return IR_LEAVE_TRAP;
	}
	enum ir_leave leave = ir_interp_in_scope(r, cpu, guest_base);
	access_leave(&s);
	return leave;
}
