/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: processors and what stands around them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hmp-rows.h"

static void info_cpus(struct task *t, const struct hmp_args *a)
{
	json_t *list, *c;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-cpus-fast", NULL, &list))
		return;
	json_array_foreach(list, n, c)
		fprintf(t->out, "%c CPU #%lld: thread_id=%lld\n", int_of(c, "cpu-index") == (long long)t->context->cpu ? '*' : ' ',
			int_of(c, "cpu-index"), int_of(c, "thread-id"));
	json_decref(list);
}

static void cpu(struct task *t, const struct hmp_args *a)
{
	long long n = arg_int(a, "index", 0);
	json_t *list;

	if (!hmp_call(t, "query-cpus-fast", NULL, &list))
		return;
	if (n < 0 || n >= (long long)json_array_size(list)) {
		fprintf(t->out, "invalid CPU index\n");
		t->failed = true;
	} else {
		t->context->cpu = (unsigned)n;
	}
	json_decref(list);
}

/* What a part says in its own words. */
static bool show(struct task *t, const char *command, json_t *args)
{
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_CPU, NULL, command, args, &e);

	if (r)
		fputs(text_of(r, "text"), t->out);
	else
		hmp_error(t, &e);
	json_decref(r);
	return r != NULL;
}

static void one_cpu(struct task *t, unsigned n)
{
	fprintf(t->out, "\nCPU#%u\n", n);
	show(t, "x-cpu-info", json_pack("{s:i}", "cpu-index", (int)n));
}

static void info_registers(struct task *t, const struct hmp_args *a)
{
	long long n = arg_int(a, "vcpu", t->context->cpu);
	json_t *list;
	size_t count;

	if (!hmp_call(t, "query-cpus-fast", NULL, &list))
		return;
	count = json_array_size(list);
	json_decref(list);
	if (arg_flag(a, "all")) {
		for (unsigned i = 0; i < count; i++)
			one_cpu(t, i);
	} else if (n < 0 || n >= (long long)count) {
		fprintf(t->out, arg_has(a, "vcpu") ? "CPU#%lld not available\n" : "No CPU available\n", n);
		t->failed = true;
	} else {
		one_cpu(t, (unsigned)n);
	}
}

#define OF_CPU(ident, what_) \
	static void ident(struct task *t, const struct hmp_args *a) \
	{ \
		(void)a; \
		show(t, "x-cpu-info", json_pack("{s:i, s:s}", "cpu-index", (int)t->context->cpu, "what", what_)); \
	}
OF_CPU(info_mem, "mem")
OF_CPU(info_tlb, "tlb")

static void info_lapic(struct task *t, const struct hmp_args *a)
{
	json_t *args = json_pack("{s:s, s:I}", "what", "lapic", "cpu-index", (json_int_t)t->context->cpu);

	if (arg_has(a, "apic-id"))
		json_object_set_new(args, "apic-id", json_integer(arg_int(a, "apic-id", 0)));
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_CPU, NULL, "x-info", args, &e);
	if (r)
		fputs(text_of(r, "text"), t->out);
	else
		complain(t, &e);
	json_decref(r);
}

#define LISTING(ident, what_) \
	static void ident(struct task *t, const struct hmp_args *a) \
	{ \
		(void)a; \
		show(t, "x-info", json_pack("{s:s}", "what", what_)); \
	}
LISTING(info_pic, "pic")
LISTING(info_ioapic, "ioapic")
LISTING(info_irq, "irq")
LISTING(info_jit, "jit")
LISTING(info_roms, "roms")
LISTING(info_ramblock, "ramblock")
LISTING(info_numa, "numa")

static void info_mtree(struct task *t, const struct hmp_args *a)
{
	show(t, "x-info", json_pack("{s:s, s:s}", "what", "mtree", "of", arg_flag(a, "dispatch") ? "dispatch" : arg_flag(a, "flat") ? "flat" : "tree"));
}

static void info_opcount(struct task *t, const struct hmp_args *a)
{
	(void)a;
	fprintf(t->out, "[TCG profiler not compiled]\n");
}

static void info_hotpluggable(struct task *t, const struct hmp_args *a)
{
	static const char *const keys[] = {"node-id", "socket-id", "core-id", "thread-id"};
	json_t *list, *c;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-hotpluggable-cpus", NULL, &list))
		return;
	fprintf(t->out, "Hotpluggable CPUs:\n");
	json_array_foreach(list, n, c) {
		const json_t *props = json_object_get(c, "props");
		fprintf(t->out, "  type: \"%s\"\n  vcpus_count: \"%lld\"\n", text_of(c, "type"), int_of(c, "vcpus-count"));
		if (json_object_get(c, "qom-path"))
			fprintf(t->out, "  qom_path: \"%s\"\n", text_of(c, "qom-path"));
		fprintf(t->out, "  CPUInstance Properties:\n");
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			if (json_object_get(props, keys[i]))
				fprintf(t->out, "    %s: \"%lld\"\n", keys[i], int_of(props, keys[i]));
	}
	json_decref(list);
}

static void info_memdev(struct task *t, const struct hmp_args *a)
{
	static const char *const flags[] = {"merge", "dump", "prealloc", "share"};
	json_t *list, *d, *node;
	size_t n, k;

	(void)a;
	if (!hmp_call(t, "query-memdev", NULL, &list))
		return;
	json_array_foreach(list, n, d) {
		fprintf(t->out, "memory backend: %s\n  size:  %lld\n", text_of(d, "id"), int_of(d, "size"));
		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
			if (json_object_get(d, flags[i]))
				fprintf(t->out, "  %s: %s\n", flags[i], true_of(d, flags[i]) ? "true" : "false");
		fprintf(t->out, "  policy: %s\n  host nodes: ", text_of(d, "policy"));
		json_array_foreach(json_object_get(d, "host-nodes"), k, node)
			fprintf(t->out, "%s%lld", k ? ", " : "", (long long)json_integer_value(node));
		fputc('\n', t->out);
	}
	fputc('\n', t->out);
	json_decref(list);
}

static void info_memory_size(struct task *t, const struct hmp_args *a)
{
	json_t *r;

	(void)a;
	if (!hmp_call(t, "query-memory-size-summary", NULL, &r))
		return;
	fprintf(t->out, "base memory: %lld\n", int_of(r, "base-memory"));
	if (json_object_get(r, "plugged-memory"))
		fprintf(t->out, "plugged memory: %lld\n", int_of(r, "plugged-memory"));
	json_decref(r);
}

static void info_iothreads(struct task *t, const struct hmp_args *a)
{
	json_t *list, *o;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-iothreads", NULL, &list))
		return;
	json_array_foreach(list, n, o)
		fprintf(t->out, "%s:\n  thread_id=%lld\n  poll-max-ns=%lld\n  poll-grow=%lld\n  poll-shrink=%lld\n", text_of(o, "id"),
			int_of(o, "thread-id"), int_of(o, "poll-max-ns"), int_of(o, "poll-grow"), int_of(o, "poll-shrink"));
	json_decref(list);
}

static void info_memory_devices(struct task *t, const struct hmp_args *a)
{
	json_t *list, *o;
	size_t n;

	(void)a;
	if (!hmp_call(t, "query-memory-devices", NULL, &list))
		return;
	json_array_foreach(list, n, o) {
		const json_t *d = json_object_get(o, "data");
		fprintf(t->out, "Memory device [dimm]: \"%s\"\n  addr: 0x%llx\n  slot: %lld\n  node: %lld\n  size: %lld\n  memdev: %s\n", text_of(d, "id"),
			int_of(d, "addr"), int_of(d, "slot"), int_of(d, "node"), int_of(d, "size"), text_of(d, "memdev"));
		fprintf(t->out, "  hotplugged: %s\n  hotpluggable: %s\n", true_of(d, "hotplugged") ? "true" : "false",
			true_of(d, "hotpluggable") ? "true" : "false");
	}
	json_decref(list);
}

const struct hmp_row hmp_cpu_rows[] = {
	{.name = "cpu", .args = "index:i", .params = "index", .help = "choose the processor that later commands mean", .run = cpu},
	{0}};

const struct hmp_row hmp_cpu_info_rows[] = {
	{.name = "cpus", .help = "show the processors", .run = info_cpus},
	{.name = "registers", .args = "all:-a,vcpu:i?", .params = "[-a|vcpu]", .help = "show a processor's registers (-a: of all processors)",
	 .run = info_registers},
	{.name = "mem", .help = "show the ranges of virtual memory that are mapped", .run = info_mem},
	{.name = "tlb", .help = "show each virtual page and where it leads", .run = info_tlb},
	{.name = "mtree", .args = "flat:-f,dispatch:-d", .params = "[-f][-d]",
	 .help = "show the tree of memory (-f: as the processors see it; -d: with the dispatch of it)", .run = info_mtree},
	{.name = "lapic", .args = "apic-id:i?", .params = "[apic-id]", .help = "show a local APIC, that of the current processor or by its id",
	 .run = info_lapic},
	{.name = "pic", .help = "show the interrupt controllers", .run = info_pic},
	{.name = "ioapic", .help = "show the I/O APIC", .run = info_ioapic},
	{.name = "irq", .help = "show how often each interrupt was raised", .run = info_irq},
	{.name = "jit", .help = "show the translator's figures", .run = info_jit},
	{.name = "opcount", .help = "show how often each operation was translated", .run = info_opcount},
	{.name = "roms", .help = "show the firmware that was loaded", .run = info_roms},
	{.name = "ramblock", .help = "show the blocks of RAM", .run = info_ramblock},
	{.name = "numa", .help = "show the NUMA nodes", .run = info_numa},
	{.name = "memdev", .help = "show the memory back ends", .run = info_memdev},
	{.name = "memory-devices", .help = "show memory that was plugged", .run = info_memory_devices},
	{.name = "memory_size_summary", .help = "show how much memory there is, and how much of it was plugged", .run = info_memory_size},
	{.name = "iothreads", .help = "show the I/O threads", .run = info_iothreads},
	{.name = "hotpluggable-cpus", .help = "show the slots for processors", .run = info_hotpluggable},
	{0}};
