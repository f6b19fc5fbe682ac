/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -numa node, dist and cpu; see numa.h. */
#include "numa.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "base/size.h"
#include "core.h"

enum { NODE_MEMORY_BITS = 23, NOWHERE = ~0u };

struct parse {
	struct machine *machine;
	struct numa *n;
	bool there[NUMA_NODES_MAX], has_mem[NUMA_NODES_MAX];
	bool cpus_given, distances_given;
	unsigned sockets, cores, threads;
};

static int number(const char *key, const char *value, int64_t max, unsigned *to, struct err *e)
{
	int64_t v;

	if (number_parse(key, value, 0, max, &v, e) < 0)
		return -e->code;
	*to = (unsigned)v;
	return 0;
}

static int assign(struct parse *p, unsigned cpu, unsigned node, struct err *e)
{
	unsigned *at = &p->n->cpu_node[cpu];

	if (*at != NOWHERE && *at != node)
		return err_set(e, EINVAL, "processor %u is in node %u already", cpu, *at);
	*at = node;
	p->cpus_given = true;
	return 0;
}

/* cpus=FIRST[-LAST] */
static int assign_range(struct parse *p, const char *text, unsigned node, struct err *e)
{
	char *end;
	unsigned long first, last;

	errno = 0;
	first = last = strtoul(text, &end, 10);
	if (end == text)
		return err_set(e, EINVAL, "cpus=%s: a number, or FIRST-LAST", text);
	if (*end == '-') {
		const char *more = end + 1;
		last = strtoul(more, &end, 10);
		if (end == more)
			return err_set(e, EINVAL, "cpus=%s: a number, or FIRST-LAST", text);
	}
	if (*end || errno || last < first)
		return err_set(e, EINVAL, "cpus=%s: a number, or FIRST-LAST", text);
	if (last >= p->n->cpus)
		return err_set(e, EINVAL, "CPU index (%lu) should be smaller than maxcpus (%u)", first >= p->n->cpus ? first : p->n->cpus, p->n->cpus);
	for (unsigned long i = first; i <= last; i++)
		if (assign(p, (unsigned)i, node, e) < 0)
			return -e->code;
	return 0;
}

static int node_option(struct parse *p, const struct keyval *kv, struct err *e)
{
	const char *id = keyval_get(kv, "nodeid"), *mem = keyval_get(kv, "mem"), *memdev = keyval_get(kv, "memdev");
	unsigned node = 0;

	if (id && number("nodeid", id, NUMA_NODES_MAX - 1, &node, e) < 0)
		return -e->code;
	while (!id && node < NUMA_NODES_MAX && p->there[node])
		node++;
	if (node == NUMA_NODES_MAX)
		return err_set(e, E2BIG, "more than %d nodes", NUMA_NODES_MAX);
	if (p->there[node])
		return err_set(e, EEXIST, "Duplicate NUMA nodeid: %u", node);
	if (mem && memdev)
		return err_set(e, EINVAL, "mem= and memdev= exclude each other");
	for (unsigned i = 0; i < NUMA_NODES_MAX; i++)
		if (p->there[i] && ((memdev && p->has_mem[i]) || (mem && p->n->memdev[i])))
			return err_set(e, EINVAL, "memdev= must be there for all nodes or for none");
	p->there[node] = true;
	p->n->nodes++;
	if (mem && size_parse(mem, 'M', &p->n->mem[node], e) < 0)
		return err_prefix(e, "mem=%s", mem);
	p->has_mem[node] = mem;
	for (unsigned i = 0; memdev && i < NUMA_NODES_MAX; i++)
		if (p->n->memdev[i] && !strcmp(p->n->memdev[i], memdev))
			return err_set(e, EBUSY, "memory backend '%s' is node %u's already", memdev, i);
	if (memdev) {
		struct region *r = memdev_region(p->machine, memdev, e);
		if (!r || !(p->n->memdev[node] = strdup(memdev)))
			return r ? err_set(e, ENOMEM, "out of memory") : -e->code;
		p->n->mem[node] = region_size(r);
	}
	for (unsigned i = 0; i < kv->count; i++) {
		if (!strcmp(kv->key[i], "cpus")) {
			if (assign_range(p, kv->value[i], node, e) < 0)
				return -e->code;
		} else if (strcmp(kv->key[i], "type") && strcmp(kv->key[i], "nodeid") && strcmp(kv->key[i], "mem") && strcmp(kv->key[i], "memdev")) {
			return err_set(e, EINVAL, "Invalid parameter '%s' (node has nodeid, cpus, mem, memdev)", kv->key[i]);
		}
	}
	return 0;
}

static int dist_option(struct parse *p, const struct keyval *kv, struct err *e)
{
	const char *src = keyval_get(kv, "src"), *dst = keyval_get(kv, "dst"), *val = keyval_get(kv, "val");
	unsigned s = 0, d = 0, v = 0;

	if (!src || !dst || !val)
		return err_set(e, EINVAL, "dist needs src=, dst= and val=");
	if (number("src", src, NUMA_NODES_MAX - 1, &s, e) < 0 || number("dst", dst, NUMA_NODES_MAX - 1, &d, e) < 0 || number("val", val, 255, &v, e) < 0)
		return -e->code;
	if (!p->there[s] || !p->there[d])
		return err_set(e, ENOENT, "Source/Destination NUMA node is missing. Please use '-numa node' option to declare it first.");
	if (v < NUMA_DISTANCE_LOCAL)
		return err_set(e, EINVAL, "NUMA distance (%u) is invalid, it shouldn't be less than 10.", v);
	if (s == d && v != NUMA_DISTANCE_LOCAL)
		return err_set(e, EINVAL, "Local distance of node %u should be 10.", s);
	p->n->distance[s * NUMA_NODES_MAX + d] = (uint8_t)v;
	p->distances_given = true;
	return 0;
}

static int cpu_option(struct parse *p, const struct keyval *kv, struct err *e)
{
	const char *id = keyval_get(kv, "node-id");
	unsigned node = 0, want[3] = {NOWHERE, NOWHERE, NOWHERE};
	bool any = false;

	if (!id || number("node-id", id, NUMA_NODES_MAX - 1, &node, e) < 0)
		return id ? -e->code : err_set(e, EINVAL, "cpu needs node-id=");
	if (!p->there[node])
		return err_set(e, ENOENT, "Invalid node-id=%u, NUMA node must be defined with -numa node,nodeid=ID before it's used with -numa cpu,node-id=ID", node);
	for (unsigned i = 0; i < kv->count; i++) {
		static const char *const names[] = {"socket-id", "core-id", "thread-id"};
		bool known = !strcmp(kv->key[i], "type") || !strcmp(kv->key[i], "node-id");
		for (unsigned k = 0; k < 3; k++)
			if (!strcmp(kv->key[i], names[k])) {
				if (number(names[k], kv->value[i], 65535, &want[k], e) < 0)
					return -e->code;
				known = true;
			}
		if (!known)
			return err_set(e, EINVAL, "Invalid parameter '%s' (cpu has node-id, socket-id, core-id, thread-id)", kv->key[i]);
	}
	for (unsigned cpu = 0; cpu < p->n->cpus; cpu++) {
		unsigned is[3] = {cpu / (p->cores * p->threads), cpu / p->threads % p->cores, cpu % p->threads};
		bool match = true;
		for (unsigned k = 0; k < 3; k++)
			match &= want[k] == NOWHERE || want[k] == is[k];
		if (match && assign(p, cpu, node, e) < 0)
			return -e->code;
		any |= match;
	}
	return any ? 0 : err_set(e, ENOENT, "no processor of -smp has this place");
}

/* Each pair has a distance: the other direction's where only one was given; asymmetric ones are all given. */
static int distances(struct parse *p, struct err *e)
{
	struct numa *n = p->n;
	bool asymmetric = false, missing_reverse = false;
	uint8_t *all = n->distance, *own;

	n->distance = NULL;
	if (!p->distances_given) {
		free(all);
		return 0;
	}
	own = malloc((size_t)n->nodes * n->nodes);
	for (unsigned i = 0; own && i < n->nodes; i++)
		for (unsigned k = 0; k < n->nodes; k++) {
			uint8_t there = all[i * NUMA_NODES_MAX + k], back = all[k * NUMA_NODES_MAX + i];
			if (i == k)
				there = NUMA_DISTANCE_LOCAL;
			else if (!there && !back) {
				free(own);
				free(all);
				return err_set(e, EINVAL, "The distance between node %u and %u is missing, at least one distance value between each nodes should be provided.", i, k);
			}
			asymmetric |= there && back && there != back;
			missing_reverse |= !there;
			own[i * n->nodes + k] = there ? there : back;
		}
	free(all);
	n->distance = own;
	if (!own)
		return err_set(e, ENOMEM, "out of memory");
	return asymmetric && missing_reverse ? err_set(e, EINVAL, "At least one asymmetrical pair of distances is given, please provide distances for both directions of all node pairs.") : 0;
}

static int share_out(struct parse *p, struct err *e)
{
	struct numa *n = p->n;
	uint64_t ram = p->machine->config.ram_size, sum = 0;
	bool any = false;

	for (unsigned i = 0; i < n->nodes; i++) {
		if (!p->there[i])
			return err_set(e, EINVAL, "numa: Node ID missing: %u", i);
		any |= n->mem[i] || p->has_mem[i];
	}
	/* Even shares of whole 8 MiB; the last one takes what is left. */
	for (unsigned i = 0; !any && i < n->nodes; i++)
		n->mem[i] = i + 1 == n->nodes ? ram - sum : ram / n->nodes >> NODE_MEMORY_BITS << NODE_MEMORY_BITS, sum += n->mem[i];
	sum = 0;
	for (unsigned i = 0; i < n->nodes; i++) {
		if ((n->memdev[i] != NULL) != (n->memdev[0] != NULL))
			return err_set(e, EINVAL, "memdev= must be there for all nodes or for none");
		sum += n->mem[i];
	}
	if (sum != ram)
		return err_set(e, EINVAL, "total memory for NUMA nodes (0x%" PRIx64 ") should equal RAM size (0x%" PRIx64 ")", sum, ram);
	for (unsigned i = 0; i < n->cpus; i++)
		if (n->cpu_node[i] == NOWHERE) {
			n->cpu_node[i] = p->cpus_given ? 0 : i / (p->cores * p->threads) % n->nodes;
			if (p->cpus_given && i < p->machine->config.cpus)
				err_print("-numa: processor %u is in no node; it goes to node 0", i);
		}
	return distances(p, e);
}

int numa_parse(struct machine *m, struct err *e)
{
	const struct machine_config *c = &m->config;
	struct parse p = {.machine = m, .cores = c->cores ? c->cores : 1, .threads = c->threads ? c->threads : 1};
	struct numa *n;
	int r = 0;

	if (!c->numa.count)
		return 0;
	p.n = n = m->numa = calloc(1, sizeof *n);
	if (n) {
		n->cpus = c->max_cpus > c->cpus ? c->max_cpus : c->cpus ? c->cpus : 1;
		n->cpu_node = malloc(n->cpus * sizeof *n->cpu_node);
		n->distance = calloc(NUMA_NODES_MAX, NUMA_NODES_MAX);
	}
	if (!n || !n->cpu_node || !n->distance)
		return err_set(e, ENOMEM, "-numa: out of memory");
	for (unsigned i = 0; i < n->cpus; i++)
		n->cpu_node[i] = NOWHERE;
	for (unsigned i = 0; r == 0 && i < c->numa.count; i++) {
		struct keyval kv = {0};
		const char *type;
		r = keyval_parse(c->numa.item[i], "type", &kv, e);
		type = r == 0 ? keyval_get(&kv, "type") : NULL;
		if (r == 0)
			r = !type ? err_set(e, EINVAL, "node, dist or cpu must come first") : !strcmp(type, "node") ? node_option(&p, &kv, e) :
			    !strcmp(type, "dist") ? dist_option(&p, &kv, e) : !strcmp(type, "cpu") ? cpu_option(&p, &kv, e) :
			    err_set(e, EINVAL, "there is no '%s': node, dist and cpu are known", type);
		keyval_free(&kv);
		if (r < 0)
			err_prefix(e, "-numa %s", c->numa.item[i]);
	}
	if (r == 0 && !n->nodes)
		r = err_set(e, EINVAL, "-numa: no node is declared");
	if (r == 0 && (r = share_out(&p, e)) < 0)
		err_prefix(e, "-numa");
	return r < 0 ? r : 0;
}

void numa_free(struct numa *n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < NUMA_NODES_MAX; i++)
		free(n->memdev[i]);
	free(n->cpu_node);
	free(n->distance);
	free(n);
}

struct region *numa_ram(struct machine *m, const char *name, struct err *e)
{
	struct region *all = region_new_container(m, name, m->config.ram_size);
	uint64_t at = 0;

	if (!all) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	for (unsigned i = 0; i < m->numa->nodes; i++) {
		struct region *r = memdev_region(m, m->numa->memdev[i], e);
		if (!r)
			return NULL;
		region_add(all, at, r, 0);
		at += region_size(r);
	}
	return all;
}

/* What `info numa` shows. */
static json_t *query_numa(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (unsigned i = 0; m->numa && i < m->numa->nodes; i++) {
		json_t *cpus = json_array();
		for (unsigned k = 0; k < m->cpus; k++)
			if (m->numa->cpu_node[k] == i)
				json_array_append_new(cpus, json_integer(k));
		json_array_append_new(list, json_pack("{s:i, s:o, s:I}", "node", (int)i, "cpus", cpus, "size", (json_int_t)m->numa->mem[i]));
	}
	return list;
}
static const struct ctl_command numa_row = {.name = "x-query-numa", .run = query_numa};
CTL_COMMAND(numa_row);
