/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control commands: what the machine is made of, as QMP tells it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core.h"
#include "isa/x86/models.h"
#include "numa.h"
#include "object.h"
#include "vcpu.h"

static json_t *query_kvm(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)opaque, (void)call, (void)args, (void)e;
	return json_pack("{s:b, s:b}", "enabled", 0, "present", 0);
}
static const struct ctl_command kvm_row = {.name = "query-kvm", .run = query_kvm};
CTL_COMMAND(kvm_row);

static json_t *query_target(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args, (void)e;
	return json_pack("{s:s}", "arch", m->config.isa);
}
static const struct ctl_command target_row = {.name = "query-target", .run = query_target};
CTL_COMMAND(target_row);

static json_t *cpu_definitions(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_t *list = json_array();
	const struct x86_model *x;

	(void)call, (void)args, (void)e;
	for (unsigned i = 0; (x = x86_model_at(i)); i++) {
		char type[96];
		bool host = !strcmp(x->name, "host") || !strcmp(x->name, "max");
		snprintf(type, sizeof type, "%s-%s-cpu", x->name, m->config.isa);
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b, s:[]}", "name", x->name, "typename", type, "static", 0, "migration-safe", !host,
						      "unavailable-features"));
	}
	return list;
}
static const struct ctl_command definitions_row = {.name = "query-cpu-definitions", .run = cpu_definitions};
CTL_COMMAND(definitions_row);

static const char *cpu_model(const struct machine *m)
{
	return m->config.cpu ? m->config.cpu : m->board && m->board->default_cpu ? m->board->default_cpu : "qemu64";
}

static json_t *hotpluggable(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	unsigned cores = m->config.cores ? m->config.cores : 1, threads = m->config.threads ? m->config.threads : 1;
	const char *model = cpu_model(m);
	json_t *list = json_array();
	char type[160], path[64];

	(void)call, (void)args, (void)e;
	snprintf(type, sizeof type, "%.*s-%s-cpu", (int)strcspn(model, ","), model, m->config.isa);
	for (unsigned i = m->cpus; i-- > 0;) {
		snprintf(path, sizeof path, "/machine/unattached/device[%u]", i);
		json_t *props = json_pack("{s:i, s:i, s:i}", "socket-id", (int)(i / threads / cores), "core-id", (int)(i / threads % cores), "thread-id",
					  (int)(i % threads));
		if (m->numa && i < m->numa->cpus)
			json_object_set_new(props, "node-id", json_integer(m->numa->cpu_node[i]));
		json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:o}", "type", type, "vcpus-count", 1, "qom-path", path, "props", props));
	}
	return list;
}
static const struct ctl_command hotpluggable_row = {.name = "query-hotpluggable-cpus", .run = hotpluggable};
CTL_COMMAND(hotpluggable_row);

/* ---- memory ---- */

static json_t *memory_size(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args, (void)e;
	return json_pack("{s:I, s:i}", "base-memory", (json_int_t)m->config.ram_size, "plugged-memory", 0);
}
static const struct ctl_command size_row = {.name = "query-memory-size-summary", .run = memory_size};
CTL_COMMAND(size_row);

/* Nothing here is plugged into a slot for memory: boards have none yet. */
static json_t *nothing(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)opaque, (void)call, (void)args, (void)e;
	return json_array();
}
static const struct ctl_command memory_devices_row = {.name = "query-memory-devices", .run = nothing};
CTL_COMMAND(memory_devices_row);

static bool is_true(const json_t *props, const char *key)
{
	const char *s = json_string_value(json_object_get(props, key));

	return s && !strcmp(s, "true");
}

static json_t *query_memdev(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_t *list = json_array(), *objects = object_list(m), *o;
	size_t n;

	(void)call, (void)args, (void)e;
	json_array_foreach(objects, n, o) {
		const json_t *p = json_object_get(o, "props");
		const char *policy = json_string_value(json_object_get(p, "policy")), *size = json_string_value(json_object_get(p, "size"));
		char plain[32];
		if (strncmp(json_string_value(json_object_get(o, "qom-type")), "memory-backend", 14))
			continue;
		snprintf(plain, sizeof plain, "%.*s", policy ? (int)strcspn(policy + (*policy == '"'), "\"") : 0, policy ? policy + (*policy == '"') : "");
		json_array_append_new(list, json_pack("{s:O, s:I, s:b, s:b, s:b, s:b, s:[], s:s}", "id", json_object_get(o, "id"), "size",
						      (json_int_t)strtoull(size ? size : "0", NULL, 0), "merge", is_true(p, "merge"), "dump",
						      is_true(p, "dump"), "prealloc", is_true(p, "prealloc"), "share", is_true(p, "share"),
						      "host-nodes", "policy", *plain ? plain : "default"));
	}
	json_decref(objects);
	return list;
}
static const struct ctl_command memdev_row = {.name = "query-memdev", .run = query_memdev};
CTL_COMMAND(memdev_row);

static json_t *query_iothreads(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_t *list = json_array(), *objects = object_list(m), *o;
	size_t n;

	(void)call, (void)args, (void)e;
	json_array_foreach(objects, n, o) {
		const json_t *p = json_object_get(o, "props");
		if (strcmp(json_string_value(json_object_get(o, "qom-type")), "iothread"))
			continue;
		/* Disks are served by other processes; what is left to do for them here the event loop does, whose thread is the process's first. */
		json_array_append_new(list, json_pack("{s:O, s:i, s:I, s:I, s:I}", "id", json_object_get(o, "id"), "thread-id", (int)getpid(), "poll-max-ns",
						      (json_int_t)strtoll(json_string_value(json_object_get(p, "poll-max-ns")), NULL, 0), "poll-grow",
						      (json_int_t)strtoll(json_string_value(json_object_get(p, "poll-grow")), NULL, 0), "poll-shrink",
						      (json_int_t)strtoll(json_string_value(json_object_get(p, "poll-shrink")), NULL, 0)));
	}
	json_decref(objects);
	return list;
}
static const struct ctl_command iothreads_row = {.name = "query-iothreads", .run = query_iothreads};
CTL_COMMAND(iothreads_row);

/* ---- objects ---- */

static json_t *object_add_run(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	json_t *flat = json_object();
	const char *key;
	json_t *v;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)call;
	/* As -object has it: TYPE,id=ID,… with doubled commas. */
	json_object_update(flat, json_object_get(args, "props"));
	if (f) {
		fprintf(f, "%s,id=%s", json_string_value(json_object_get(args, "qom-type")), json_string_value(json_object_get(args, "id")));
		json_object_foreach(flat, key, v) {
			char *s = json_is_string(v) ? strdup(json_string_value(v)) : json_is_boolean(v) ? strdup(json_is_true(v) ? "on" : "off")
									     : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
			fprintf(f, ",%s=", key);
			for (const char *p = s; p && *p; p++)
				fprintf(f, *p == ',' ? ",%c" : "%c", *p);
			free(s);
		}
		fclose(f);
	}
	json_decref(flat);
	if (!text)
		err_set(e, ENOMEM, "out of memory");
	else if (strchr(json_string_value(json_object_get(args, "qom-type")), ',') || strchr(json_string_value(json_object_get(args, "id")), ','))
		err_set(e, EINVAL, "a type's and an object's name have no comma");
	else if (!strcmp(json_string_value(json_object_get(args, "qom-type")), "help"))
		err_set(e, EINVAL, "invalid object type: help");
	else
		object_add_text(opaque, text, e);
	free(text);
	return NULL;
}
static const struct ctl_arg object_add_args[] = {{"qom-type", 's', false}, {"id", 's', false}, {"props", 'o', true}, {0}};
static const struct ctl_command object_add_row = {.name = "object-add", .args = object_add_args, .run = object_add_run};
CTL_COMMAND(object_add_row);

static json_t *object_del_run(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *id = json_string_value(json_object_get(args, "id"));

	(void)call;
	if (object_del(opaque, id, e) == -ENOENT)
		err_set(e, ENOENT, "object '%.100s' not found", id);
	return NULL;
}
static const struct ctl_arg id_args[] = {{"id", 's', false}, {0}};
static const struct ctl_command object_del_row = {.name = "object-del", .args = id_args, .run = object_del_run};
CTL_COMMAND(object_del_row);

static json_t *list_objects(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)call, (void)args, (void)e;
	return object_list(opaque);
}
static const struct ctl_command objects_row = {.name = "x-objects", .run = list_objects};
CTL_COMMAND(objects_row);
