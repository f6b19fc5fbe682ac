/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control command x-info: listings that only the parts' own code can make; emu-mon prints them as they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "jit/isa.h"
#include "memory-internal.h"
#include "numa.h"
#include "vcpu.h"

struct listing {
	struct machine *machine;
	const json_t *args;
	const char *of;
	FILE *f;
	struct err *e;
	bool any;
};

static void mtree(struct listing *l)
{
	memory_print(l->machine, l->f, l->of && strcmp(l->of, "tree"));
}

static void qtree(struct listing *l)
{
	device_print_tree(l->machine, l->f);
}

static bool print_one(void *opaque, struct device *d)
{
	struct listing *l = opaque;

	if (d->realized && d->type->print && (!l->of || !strcmp(l->of, d->type->name) || (d->id && !strcmp(l->of, d->id))))
		d->type->print(d, l->f);
	return true;
}

static void device_state(struct listing *l)
{
	device_each(l->machine, print_one, l);
}

static void help(struct listing *l)
{
	device_help(l->of && strcmp(l->of, "help") && strcmp(l->of, "?") ? l->of : NULL, l->f);
}

static void each_of(struct listing *l, const char *type)
{
	l->of = type;
	device_each(l->machine, print_one, l);
}

static void pic(struct listing *l)
{
	each_of(l, "ioapic");
	each_of(l, "isa-i8259");
}

static void ioapic(struct listing *l)
{
	each_of(l, "ioapic");
}

static bool count_one(void *opaque, struct device *d)
{
	struct listing *l = opaque;

	if (d->realized && !strcmp(d->type->name, "ioapic"))
		ioapic_print_counts(d, l->f);
	return true;
}

static void irq(struct listing *l)
{
	device_each(l->machine, count_one, l);
	if (l->machine->i8259)
		i8259_print_counts(l->machine->i8259, l->f);
}

static void lapic(struct listing *l)
{
	const json_t *id = json_object_get(l->args, "apic-id");
	json_int_t n = json_integer_value(json_object_get(l->args, "cpu-index"));
	struct machine *m = l->machine;
	struct apic *a = NULL;

	if (id)
		a = json_integer_value(id) >= 0 ? apic_with_id(m, (uint32_t)json_integer_value(id)) : NULL;
	else if (n >= 0 && n < (json_int_t)m->cpus)
		a = m->vcpu[n]->apic;
	if (!a) {
		err_set(l->e, ENODEV, "No CPU available");
		return;
	}
	for (n = 0; n < (json_int_t)m->cpus && m->vcpu[n]->apic != a; n++)
		;
	fprintf(l->f, "dumping local APIC state for CPU %lld \n\n", (long long)n);
	apic_print_state(a, l->f);
}

static void jit(struct listing *l)
{
	struct jit *j = vcpus_jit(l->machine);
	struct jit_stats s = {0};
	typedef unsigned long long ull;

	if (j)
		jit_stats(j, &s);
	fprintf(l->f, "Translation buffer state:\n");
	fprintf(l->f, "gen code size       %llu\n", (ull)s.host_bytes);
	fprintf(l->f, "TB count            %llu\n", (ull)s.regions);
	fprintf(l->f, "TB avg target size  %llu bytes\n", s.regions ? (ull)(s.guest_bytes / s.regions) : 0);
	fprintf(l->f, "TB avg host size    %llu bytes (expansion ratio: %0.1f)\n", s.regions ? (ull)(s.host_bytes / s.regions) : 0,
		s.guest_bytes ? (double)s.host_bytes / (double)s.guest_bytes : 0.0);
	fprintf(l->f, "guest instructions  %llu translated, %llu interpreted\n", (ull)s.guest_insns, (ull)s.interpreted);
	fprintf(l->f, "\nStatistics:\n");
	fprintf(l->f, "TB flush count      %llu\n", (ull)s.flushes);
	fprintf(l->f, "TB invalidate count %llu\n", (ull)s.invalidations);
	fprintf(l->f, "slow look-ups       %llu\n", (ull)s.lookups_slow);
}

/* Regions that the guest cannot write, filled from the firmware's files. */
static void roms(struct listing *l)
{
	for (const struct region *r = memory_of(l->machine)->regions; r; r = r->all_next) {
		uint64_t at = r->at;
		if (r->kind != REGION_ROM || r->borrowed)
			continue;
		for (const struct region *c = r->container; c; c = c->container)
			at += c->at;
		fprintf(l->f, "addr=%016llx size=0x%06llx mem=rom name=\"%s\"\n", (unsigned long long)at, (unsigned long long)region_size(r), r->name);
	}
}

static void ramblock(struct listing *l)
{
	fprintf(l->f, "%24s %8s  %18s %18s %18s\n", "Block Name", "PSize", "Offset", "Used", "Total");
	for (const struct ram_block *b = memory_of(l->machine)->blocks; b; b = b->next)
		fprintf(l->f, "%24s    4 KiB  0x%016llx 0x%016llx 0x%016llx\n", b->name, (unsigned long long)(b->first << PAGE_BITS), (unsigned long long)b->size,
			(unsigned long long)b->mapped);
}

static void numa(struct listing *l)
{
	const struct numa *n = l->machine->numa;

	fprintf(l->f, "%u nodes\n", n ? n->nodes : 0);
	for (unsigned i = 0; n && i < n->nodes; i++) {
		fprintf(l->f, "node %u cpus:", i);
		for (unsigned k = 0; k < l->machine->cpus && k < n->cpus; k++)
			if (n->cpu_node[k] == i)
				fprintf(l->f, " %u", k);
		fprintf(l->f, "\nnode %u size: %llu MB\nnode %u plugged: 0 MB\n", i, (unsigned long long)(n->mem[i] >> 20), i);
	}
}

static const struct {
	const char *name;
	void (*print)(struct listing *l);
} listings[] = {
	{"mtree", mtree}, {"qtree", qtree}, {"device", device_state}, {"device-help", help}, {"pic", pic}, {"ioapic", ioapic}, {"irq", irq},
	{"lapic", lapic}, {"jit", jit}, {"roms", roms}, {"ramblock", ramblock}, {"numa", numa},
};

static json_t *info(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *what = json_string_value(json_object_get(args, "what"));
	struct listing l = {.machine = opaque, .args = args, .of = json_string_value(json_object_get(args, "of")), .e = e};
	char text[256], *out = NULL;
	json_t *result = NULL;
	size_t size = 0, n = 0;

	(void)call;
	l.f = open_memstream(&out, &size);
	if (!l.f) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*text = '\0';
	for (size_t i = 0; i < sizeof listings / sizeof *listings; i++) {
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "", listings[i].name);
		if (!strcmp(what, listings[i].name)) {
			listings[i].print(&l);
			break;
		}
		if (i + 1 == sizeof listings / sizeof *listings)
			err_set(e, EINVAL, "what is one of: %s", text);
	}
	fclose(l.f);
	if (!e->code)
		result = json_pack("{s:s}", "text", out);
	if (!e->code && !result)
		err_set(e, EINVAL, "the listing is no text");
	free(out);
	return result;
}
static const struct ctl_arg info_args[] = {{"what", 's', false}, {"of", 's', true}, {"cpu-index", 'i', true}, {"apic-id", 'i', true}, {0}};
static const struct ctl_command info_row = {.name = "x-info", .args = info_args, .run = info};
CTL_COMMAND(info_row);
