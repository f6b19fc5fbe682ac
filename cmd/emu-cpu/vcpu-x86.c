/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86 processors: between lib/isa/x86's system side and the machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "core.h"
#include "icount.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/system.h"
#include "jit/mmu.h"
#include "memory-internal.h"
#include "vcpu.h"

/* What all x86 processors of a machine share. */
struct x86_shared {
	struct machine *machine;
	struct mmu_machine hooks;
	struct field *fields;   /* of saved state */
	struct state_table state;
	bool a20;
};

struct x86_own {
	struct x86_shared *shared;
	struct x86_machine machine;
};

static struct x86_own *own(const struct vcpu *v)
{
	return v->own;
}

static struct vcpu *vcpu_of(const struct cpu *c)
{
	return c->owner;
}

/* A register access, from guest code: others may have memory for themselves while this waits for the lock. */
static void take_lock(struct vcpu *v)
{
	vcpu_leave(v);
	machine_lock(v->machine);
}

static void drop_lock(struct vcpu *v)
{
	machine_unlock(v->machine);
	vcpu_enter(v);
}

/* ---- memory ---- */

static void page(void *opaque, struct cpu *c, uint64_t physical, struct mmu_page *p)
{
	struct space_page s;

	(void)opaque;
	space_page(vcpu_of(c)->space, physical, &s);
	*p = (struct mmu_page){.host = s.host, .ram = s.ram, .writable = s.writable, .dirty = s.dirty};
}

static uint64_t load(void *opaque, struct cpu *c, uint64_t physical, unsigned size, bool *failed)
{
	struct vcpu *v = vcpu_of(c);
	enum mem_result r;
	uint64_t value;

	(void)opaque;
	take_lock(v);
	value = space_load(v->space, physical, size, &r);
	drop_lock(v);
	*failed = r == MEM_UNASSIGNED;
	return value;
}

static void store(void *opaque, struct cpu *c, uint64_t physical, uint64_t value, unsigned size, bool *failed)
{
	struct vcpu *v = vcpu_of(c);
	enum mem_result r;

	(void)opaque;
	take_lock(v);
	space_store(v->space, physical, value, size, &r);
	drop_lock(v);
	*failed = r == MEM_UNASSIGNED;
}

static void dirtied(void *opaque, uint64_t ram)
{
	memory_dirtied(((struct x86_shared *)opaque)->machine, ram);
}

static void exclusive_begin(void *opaque, struct cpu *c)
{
	(void)opaque;
	vcpu_exclusive_begin(vcpu_of(c));
}

static void exclusive_end(void *opaque, struct cpu *c)
{
	(void)opaque;
	vcpu_exclusive_end(vcpu_of(c));
}

static void wait_begin(void *opaque, struct cpu *c)
{
	(void)opaque;
	vcpu_leave(vcpu_of(c));
}

static void wait_end(void *opaque, struct cpu *c)
{
	(void)opaque;
	vcpu_enter(vcpu_of(c));
}

static void spent(void *opaque, struct cpu *c)
{
	struct vcpu *v = vcpu_of(c);

	(void)opaque;
	take_lock(v);
	icount_give(v->machine);
	machine_unlock(v->machine);
	icount_pace(v->machine);
	vcpu_enter(v);
}

static void flush_all(void *opaque, bool wait)
{
	struct machine *m = ((struct x86_shared *)opaque)->machine;

	for (unsigned i = 0; i < m->cpus; i++)
		if (m->vcpu[i]->cpu)
			mmu_flush_remote(m->vcpu[i]->cpu, wait && m->vcpu[i] != vcpu_current());
}

static void map_changed(void *opaque)
{
	flush_all(opaque, false);
}

static void written(void *opaque, uint64_t ram, unsigned from, unsigned to)
{
	mmu_ram_written(vcpus_jit(((struct x86_shared *)opaque)->machine), ram, from, to);
}

static void clean(void *opaque, uint64_t ram, uint64_t pages)
{
	mmu_ram_clean(vcpus_jit(((struct x86_shared *)opaque)->machine), ram, pages);
}

/* ---- what the processor asks of the machine ---- */

static uint64_t port_in(void *opaque, uint16_t port, unsigned size)
{
	struct vcpu *v = opaque;
	uint64_t value;

	take_lock(v);
	value = space_load(v->machine->ports, port, size, NULL);
	drop_lock(v);
	return value;
}

static void port_out(void *opaque, uint16_t port, uint64_t value, unsigned size)
{
	struct vcpu *v = opaque;

	take_lock(v);
	if (port == 0xf0 && v->cpu)
		x86_line_ferr_ignored(v->cpu);
	space_store(v->machine->ports, port, value, size, NULL);
	drop_lock(v);
}

/* The APIC takes the machine lock where it must; so others are let in meanwhile. */
static int acknowledge(void *opaque)
{
	struct vcpu *v = opaque;
	int vector = -1;

	vcpu_leave(v);
	if (v->apic) {
		vector = apic_acknowledge(v->apic);
	} else if (v->machine->i8259) {
		machine_lock(v->machine);
		if (v->intr_level)
			vector = i8259_acknowledge(v->machine->i8259);
		machine_unlock(v->machine);
	}
	vcpu_enter(v);
	return vector;
}

static bool pending(void *opaque)
{
	struct vcpu *v = opaque;
	bool is;

	if (!v->apic)
		return v->intr_level;
	vcpu_leave(v);
	is = apic_pending(v->apic);
	vcpu_enter(v);
	return is;
}

static uint8_t get_tpr(void *opaque)
{
	struct vcpu *v = opaque;

	return v->apic ? apic_get_tpr(v->apic) : 0;
}

static void set_tpr(void *opaque, uint8_t cr8)
{
	struct vcpu *v = opaque;

	if (!v->apic)
		return;
	vcpu_leave(v);
	apic_set_tpr(v->apic, cr8);
	vcpu_enter(v);
}

static int msr_read(void *opaque, uint32_t msr, uint64_t *value)
{
	struct vcpu *v = opaque;
	int r;

	if (!v->apic)
		return -EINVAL;
	if (msr == 0x1b) {
		*value = apic_get_base(v->apic);
		return 0;
	}
	vcpu_leave(v);
	r = apic_msr_read(v->apic, msr, value);
	vcpu_enter(v);
	return r;
}

static int msr_write(void *opaque, uint32_t msr, uint64_t value)
{
	struct vcpu *v = opaque;
	int r;

	if (!v->apic)
		return -EINVAL;
	vcpu_leave(v);
	r = msr == 0x1b ? apic_set_base(v->apic, value) : apic_msr_write(v->apic, msr, value);
	vcpu_enter(v);
	return r;
}

static uint64_t tsc(void *opaque)
{
	return vcpu_tsc(opaque);
}

static void smm(void *opaque, bool inside)
{
	struct vcpu *v = opaque;

	v->space = inside && v->machine->smm_memory ? v->machine->smm_memory : v->machine->memory;
	mmu_flush_remote(v->cpu, false);
	if (!inside && atomic_load(&v->init_wanted))
		v->cpu->isa->interrupt(v->cpu, NULL); /* an INIT that waited for RSM */
}

static void ferr(void *opaque, bool level)
{
	struct vcpu *v = opaque;

	take_lock(v);
	irq_set(v->machine->ferr, level);
	drop_lock(v);
}

static void triple_fault(void *opaque)
{
	struct vcpu *v = opaque;

	machine_request(v->machine, REQUEST_RESET, "guest-reset");
}

/* ---- what the machine does to the processor ---- */

static void line_interrupt(struct vcpu *v)
{
	x86_line_interrupt(v->cpu);
}

static void line_nmi(struct vcpu *v)
{
	x86_line_nmi(v->cpu);
}

static void line_smi(struct vcpu *v)
{
	x86_line_smi(v->cpu);
}

static bool is_boot(const struct vcpu *v)
{
	return v->index == 0;
}

static bool do_init(struct vcpu *v)
{
	if (!x86_system_init(v->cpu, is_boot(v)))
		return false;
	v->halted = false;
	return true;
}

static void do_sipi(struct vcpu *v, uint8_t vector)
{
	x86_system_sipi(v->cpu, vector);
}

static void do_reset(struct vcpu *v)
{
	if (log_mask & LOG_CPU_RESET) {
		log_lock();
		fprintf(log_stream(), "CPU Reset (CPU %u)\n", v->index);
		x86_print_registers(v->cpu, log_stream());
		log_unlock();
	}
	v->space = v->machine->memory;
	x86_system_reset(v->cpu);
	if (!is_boot(v))
		x86_system_init(v->cpu, false);
	x86_line_a20(v->cpu, own(v)->shared->a20);
	mmu_flush_remote(v->cpu, false);
}

static bool halted(struct vcpu *v)
{
	const struct x86_cpu *c = x86_cpu(v->cpu);

	return c->sys.halted || c->sys.wait_sipi;
}

static bool do_run(struct vcpu *v)
{
	enum trap_kind kind = v->cpu->isa->run(v->cpu);

	if (kind == TRAP_DEBUG)
		vcpu_debugged(v);
	return kind == TRAP_HALT || (kind == TRAP_DEBUG && x86_cpu(v->cpu)->sys.halted);
}

static void free_shared(struct x86_shared *s)
{
	free(s->fields);
	free(s);
}

static void do_free(struct vcpu *v)
{
	machine_state_remove(v->machine, v->cpu);
	v->cpu->isa->cpu_free(v->cpu);
	v->cpu = NULL;
	if (v->index == 0)
		free_shared(own(v)->shared);
	free(v->own);
}

static void print(struct vcpu *v, FILE *f, const char *what)
{
	if (!what || !strcmp(what, "registers"))
		x86_print_registers(v->cpu, f);
	else if (!strcmp(what, "tlb"))
		x86_print_tlb(v->cpu, f);
	else if (!strcmp(what, "mem"))
		x86_print_mem(v->cpu, f);
	else
		fprintf(f, "what is one of: registers, tlb, mem\n");
}

static int translate(struct vcpu *v, uint64_t addr, uint64_t *physical)
{
	return x86_translate_debug(v->cpu, addr, physical);
}

static void code(struct vcpu *v, unsigned *bits, uint64_t *addr)
{
	const struct x86_cpu *c = x86_cpu(v->cpu);

	*bits = c->mode;
	*addr = c->mode == 64 ? c->rip : (uint32_t)(c->seg[1].base + c->rip);
}

static const struct vcpu_ops ops = {.interrupt = line_interrupt, .nmi = line_nmi, .smi = line_smi, .init = do_init, .sipi = do_sipi,
				    .reset = do_reset, .halted = halted, .run = do_run, .free = do_free, .print = print,
				    .translate = translate, .code = code};

static struct x86_shared *shared_of(struct machine *m)
{
	return m->cpus && m->vcpu[0]->own ? own(m->vcpu[0])->shared : NULL;
}

void machine_a20(struct machine *m, bool on)
{
	struct x86_shared *s = shared_of(m);

	if (!s || s->a20 == on)
		return;
	s->a20 = on;
	for (unsigned i = 0; i < m->cpus; i++)
		if (m->vcpu[i]->cpu)
			x86_line_a20(m->vcpu[i]->cpu, on);
}

bool machine_a20_get(struct machine *m)
{
	struct x86_shared *s = shared_of(m);

	return !s || s->a20;
}

/* ---- saved state ---- */

static void saving(void *state)
{
	x86_state_saving(state);
}

static int loaded(void *state, struct err *e)
{
	struct cpu *c = state;
	int r = x86_state_loaded(c, e);

	if (r == 0 && vcpu_of(c)) {
		vcpu_of(c)->halted = false;
		mmu_flush_remote(c, false);
	}
	return r;
}

static int make_table(struct x86_shared *s, struct err *e)
{
	unsigned n = 0;

	while (x86_state_fields[n].name)
		n++;
	s->fields = calloc(n + 1, sizeof *s->fields);
	if (!s->fields)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < n; i++) {
		const struct x86_state_field *f = &x86_state_fields[i];
		bool number = f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8;
		s->fields[i] = number ? (struct field){.name = f->name, .offset = f->offset, .width = f->size, .count = f->count, .kind = FIELD_UINT}
				      : (struct field){.name = f->name, .offset = f->offset, .width = f->size * f->count, .count = 1, .kind = FIELD_BYTES};
	}
	s->state = (struct state_table){.name = "x86", .version = 1, .oldest = 1, .fields = s->fields, .saving = saving, .loaded = loaded};
	return 0;
}

/* ---- making ---- */

static void reset_all(void *opaque)
{
	vcpus_reset(opaque);
}

static struct x86_shared *make_shared(struct machine *m, struct err *e)
{
	struct x86_shared *s = calloc(1, sizeof *s);
	bool wide = strcmp(m->config.isa, "i386") != 0;
	struct jit_config config = {.isa = wide ? &isa_x86_64_system : &isa_i386_system,
				    .accel = m->config.interpret ? JIT_INTERPRET : JIT_TRANSLATE,
				    .one_insn = m->config.single_step, .counts = m->icount != NULL};
	struct memory_processors processors = {.flush = flush_all, .written = written, .clean = clean, .opaque = s};
	struct jit *j;

	if (!s || make_table(s, e) < 0) {
		free(s);
		return NULL;
	}
	s->machine = m;
	s->a20 = true;
	s->hooks = (struct mmu_machine){.page = page, .load = load, .store = store, .dirtied = dirtied, .exclusive_begin = exclusive_begin,
					.exclusive_end = exclusive_end, .spent = spent, .wait_begin = wait_begin, .wait_end = wait_end, .ram_pages = memory_ram_pages(m), .opaque = s};
	config.machine = &s->hooks;
	j = jit_new(&config, e);
	if (!j) {
		free_shared(s);
		return NULL;
	}
	vcpus_set_jit(m, j);
	memory_on_processors(m, &processors);
	if (m->memory)
		space_on_change(m->memory, map_changed, s);
	if (m->smm_memory)
		space_on_change(m->smm_memory, map_changed, s);
	machine_on_reset(m, reset_all, m);
	return s;
}

struct vcpu *vcpu_new_x86(struct machine *m, uint32_t apic_id, struct err *e)
{
	const char *model = m->config.cpu ? m->config.cpu : m->board ? m->board->default_cpu : NULL;
	struct x86_shared *s = shared_of(m);
	struct x86_own *o;
	struct vcpu *v;
	char name[32];

	if (!s && !(s = make_shared(m, e)))
		return NULL;
	o = calloc(1, sizeof *o);
	v = o ? vcpu_new(m, e) : NULL;
	if (!v) {
		free(o);
		return NULL;
	}
	o->shared = s;
	o->machine = (struct x86_machine){.in = port_in, .out = port_out, .acknowledge = acknowledge, .pending = pending, .get_tpr = get_tpr,
					  .set_tpr = set_tpr, .msr_read = msr_read, .msr_write = msr_write, .tsc = tsc, .smm = smm,
					  .ferr = ferr, .triple_fault = triple_fault, .opaque = v};
	v->own = o;
	v->space = m->memory;
	struct jit *j = vcpus_jit(m);
	const struct isa *isa = strcmp(m->config.isa, "i386") ? &isa_x86_64_system : &isa_i386_system;
	v->cpu = isa->cpu_new(j, model, e);
	if (!v->cpu) {
		err_prefix(e, "-cpu %s", model ? model : "(default)");
		return NULL;
	}
	v->cpu->owner = v;
	v->cpu->index = v->index;
	v->ops = &ops;
	x86_system_attach(v->cpu, &o->machine);
	x86_system_topology(v->cpu, apic_id, m->config.cores ? m->config.cores : 1, m->config.threads ? m->config.threads : 1);
	do_reset(v);
	snprintf(name, sizeof name, "cpu/%u", v->index);
	machine_state_add(m, name, &s->state, v->cpu);
	return v;
}

void vcpu_x86_identity(struct vcpu *v, uint32_t *processor_id, uint32_t *features)
{
	uint32_t out[4] = {0};

	if (v->cpu)
		x86_cpuid(x86_cpu(v->cpu)->feat, 1, 0, out);
	*processor_id = out[0];
	*features = out[3];
}
